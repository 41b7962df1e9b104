//! What is remembered of each process while a stop goes on, and what that makes of a request: who
//! was told, who came later, who was left behind. Pure, like `phase`, which decides when each of
//! this happens.

use crate::decide::role::{self, Known, Question, Reason, Role, Verdict};
use crate::decide::terms::LAST_WORD;
use crate::decide::turn::{Past, Turn, turn};
use crate::decide::{Action, Note, ProcessNote, SignalProcess, Time};
use crate::process::{self, Disposition, Kind, ProcId, Process, Snapshot};
use crate::signal::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is remembered of a process while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    name: String,
    arguments: String,
    kind: Kind,
    parent: i32,
    group: i32,
    pub role: Role,
    /// When it was first told.
    asked: Option<Time>,
    /// When it was told the request that holds now; a repeated stop signal is a new one.
    signalled: Option<Time>,
    killed: bool,
    /// Was told as an owner, so it stays one.
    pub owner: bool,
    /// Was started after the first look.
    newcomer: bool,
    /// Read an owner's pipeline in the foreground of a trap.
    reader: bool,
    /// In the foreground of a trap: since when its owner is gone.
    free_since: Option<Time>,
    /// Was below an owner, or came to adieu as an orphan: left behind, not something that the
    /// script started now.
    pub left_behind: bool,
    /// Was told with its group only, which a process of another user does not notice.
    by_group: bool,
    watched: bool,
    /// adieu's own child, which adieu reaps.
    own_child: bool,
    refused: bool,
    pub ignores: bool,
    /// Its stdin was seen to be a pipe of the tree; while it exits, nothing can be seen of its
    /// stdin any more.
    pub reads_pipe: bool,
    stopped: bool,
    /// It is seen to handle the signal.
    handles: bool,
    /// The init of a PID namespace, to which a signal that it does not handle means nothing.
    nested_init: bool,
    /// When it was told it was a young shell below a shell with a trap, perhaps a copy that was
    /// still to execute its program.
    copy_of_trap: bool,
}

impl Entry {
    /// What it was told as, it is no more.
    fn judge_afresh(&mut self) {
        (self.signalled, self.owner, self.copy_of_trap) = (None, false, false);
    }

    pub(crate) fn who(&self, id: ProcId) -> ProcessNote {
        let Self { role, asked, ignores, refused, .. } = *self;
        let (name, arguments) = (self.name.clone(), self.arguments.clone());
        ProcessNote { id, name, arguments, role, signalled: asked, ignores, refused }
    }

    fn tell(&mut self, now: Time) {
        self.signalled = Some(now);
        self.asked.get_or_insert(now);
    }

    fn past(&self, verdict: &Verdict, request: Request) -> Past {
        let filter = verdict.reason == Reason::Hidden && self.reads_pipe;
        Past {
            started_since: self.started_since(),
            reads_pipe: self.reads_pipe,
            unreadable_filter: filter && !request.first && !self.left_behind,
            handlers_done: request.turn > Turn::Handlers,
        }
    }

    /// It got the signal as a handler, and the stop waits for it. For what may not be signalled it
    /// does not: that may never have heard of the stop.
    pub(crate) fn is_awaited(&self) -> bool {
        self.owner && !self.refused
    }

    /// Something that the script started after the stop began.
    pub(crate) fn started_since(&self) -> bool {
        self.newcomer && !self.left_behind
    }
}

/// A snapshot with its roles.
pub(crate) struct Tree<'a> {
    pub snapshot: &'a Snapshot,
    pub verdicts: &'a [Verdict],
}

impl Tree<'_> {
    fn iter(&self) -> impl Iterator<Item = (&Process, &Verdict)> {
        self.snapshot.processes.iter().zip(self.verdicts)
    }

    /// The process at this place, if it is a shell with a trap that is told.
    fn handler_shell(&self, at: usize) -> Option<&Process> {
        self.verdicts.get(at).filter(|verdict| verdict.role == Role::Handler)?;
        self.snapshot.processes.get(at).filter(|process| process.kind == Kind::Shell)
    }

    fn is_empty_below(&self, process: &Process) -> bool {
        let index = self.snapshot.processes.iter().position(|p| p.id == process.id);
        !self.snapshot.processes.iter().any(|p| p.above.is_some() && p.above == index)
    }
}

/// Every living process of the stop, in the order of pids; those that were not seen by the last
/// look and whose end will be reported, so they are there until it is; and the others that it was
/// the first not to see. A look at a changing tree can miss a process: seen again, it is the one
/// that it was, and is not told twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(BTreeMap<ProcId, Entry>, BTreeMap<ProcId, Entry>, BTreeMap<ProcId, Entry>);

/// What is asked of the processes now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub signal: Signal,
    pub now: Time,
    /// Whose turn has come.
    pub turn: Turn,
    /// The tree is looked at for the first time.
    pub first: bool,
}

impl Ledger {
    /// The one with this pid. The ledger is in the order of pids.
    pub(crate) fn find(&self, pid: i32) -> Option<ProcId> {
        let all = ProcId { pid, start: 0 }..=ProcId { pid, start: u64::MAX };
        self.0.range(all.clone()).chain(self.1.range(all)).next().map(|(id, _)| *id)
    }

    /// Whether this pid was alive at the last look.
    pub(crate) fn lives(&self, pid: i32) -> bool {
        self.0.keys().any(|id| id.pid == pid)
    }

    /// Whoever was told as a shell and is a program by now had not yet executed it: the signal went
    /// to the trap that it still had from its parent (which may be gone by now), and with that it
    /// is lost. The program is judged afresh.
    pub(crate) fn untell_copies(&mut self, snapshot: &Snapshot) {
        let mut all = [&mut self.0, &mut self.1, &mut self.2];
        if !all.iter().any(|entries| entries.values().any(|entry| entry.copy_of_trap)) {
            return;
        }
        for process in snapshot.processes.iter().filter(|process| process.kind != Kind::Shell) {
            let found = all.iter_mut().find_map(|entries| entries.get_mut(&process.id));
            if let Some(entry) = found.filter(|entry| entry.copy_of_trap) {
                entry.judge_afresh();
            }
        }
    }

    /// Brings the ledger in line with what was seen.
    pub(crate) fn learn(
        &mut self,
        tree: &Tree<'_>,
        now: Time,
        is_newcomer: impl Fn(ProcId) -> bool,
    ) -> Vec<Action> {
        let mut gone = std::mem::take(&mut self.0);
        let mut missed = std::mem::take(&mut self.2);
        for (process, verdict) in tree.iter() {
            let before = gone.remove(&process.id).or_else(|| self.1.remove(&process.id));
            let mut entry =
                before.or_else(|| missed.remove(&process.id)).unwrap_or_else(|| Entry {
                    name: String::new(),
                    arguments: String::new(),
                    kind: process.kind,
                    parent: process.parent,
                    group: process.group,
                    role: verdict.role,
                    asked: None,
                    signalled: None,
                    killed: false,
                    owner: false,
                    newcomer: is_newcomer(process.id),
                    reader: false,
                    free_since: None,
                    left_behind: process.own_child,
                    by_group: false,
                    watched: process.own_child,
                    own_child: process.own_child,
                    refused: false,
                    ignores: false,
                    reads_pipe: false,
                    stopped: false,
                    handles: false,
                    nested_init: process.nested_init,
                    copy_of_trap: false,
                });
            if process.nested_init && !entry.nested_init {
                // Told before that was known, it heard nothing.
                (entry.signalled, entry.nested_init) = (None, true);
            }
            entry.name.clone_from(&process.name);
            entry.arguments.clone_from(&process.arguments);
            entry.kind = process.kind;
            entry.parent = process.parent;
            entry.group = process.group;
            entry.own_child = process.own_child;
            entry.left_behind |= verdict.role == Role::Worker;
            entry.reads_pipe |= process.reads_pipe;
            entry.stopped = process.stopped;
            entry.ignores = process.disposition == Disposition::Ignored;
            entry.handles = role::handles(process, true);
            entry.reader |= verdict.reason == Reason::ReadsPipeline;
            let free = (verdict.reason == Reason::Finishing).then_some(now);
            entry.free_since = free.map(|now| entry.free_since.unwrap_or(now));
            // A shield stays one when its owner is gone: it carries on with the script.
            let keeps = entry.role == Role::Shielded && verdict.role == Role::Bystander;
            entry.role = if keeps { Role::Shielded } else { verdict.role };
            self.0.insert(process.id, entry);
        }
        let (reported, others): (Vec<_>, Vec<_>) =
            gone.into_iter().partition(|(_, entry)| entry.own_child || entry.watched);
        self.1.extend(reported);
        self.lose(others)
    }

    /// Nobody will report the end of these.
    fn lose(&mut self, entries: Vec<(ProcId, Entry)>) -> Vec<Action> {
        let said = entries
            .iter()
            .map(|(id, entry)| Action::Say(Note::Ended(entry.who(*id), None)))
            .collect();
        self.2.extend(entries);
        said
    }

    /// Tells everybody who was not told yet and is `due`, parents before their children: a shell
    /// with a trap has to know before its foreground command ends.
    pub(crate) fn tell(
        &mut self,
        tree: &Tree<'_>,
        request: Request,
        question: &Question,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        for (process, verdict) in tree.iter() {
            let below_trap = match process.above {
                Some(above) => tree.handler_shell(above).is_some(),
                // An orphan's parent may have been one. (The main process leads its group, and a
                // copy does not yet.)
                None => process.group != process.id.pid,
            };
            let Some(entry) = self.0.get_mut(&process.id) else { continue };
            let turn = turn(entry.role, process, entry.past(verdict, request), question);
            if entry.signalled.is_some() || turn > request.turn {
                continue;
            }
            let by_role = self::turn(verdict.role, process, Past::default(), question);
            let asked = request.signal;
            let signal = match process.disposition {
                // The kernel drops what a namespace's init does not handle; killing it would end
                // what is in it untold.
                Disposition::Default if process.nested_init && !tree.is_empty_below(process) => {
                    continue;
                }
                Disposition::Default if process.nested_init => Signal::KILL,
                // A shell's background job was made to ignore these two and never heard of the
                // stop.
                Disposition::Ignored
                    if matches!(asked, Signal::INT | Signal::QUIT)
                        && !process.ignored.has(Signal::TERM) =>
                {
                    Signal::TERM
                }
                _ => asked,
            };
            entry.tell(request.now);
            entry.by_group = false;
            entry.owner |= verdict.role == Role::Handler;
            // One that has been there for longer is a subshell, and the trap that it runs is its
            // own.
            let young = process::is_young(tree.snapshot.tick, process.id);
            entry.copy_of_trap = process.kind == Kind::Shell && below_trap && young;
            let watch = entry.owner && !process.own_child && !entry.watched;
            let last = request.turn >= Turn::LastCall && by_role > Turn::Handlers;
            let reason = if last { Reason::LastCall } else { verdict.reason };
            actions.push(Action::Say(Note::Sends(entry.who(process.id), reason, signal)));
            // Nobody is killed whom a wrong name kept from being asked.
            let named =
                (entry.copy_of_trap && request.turn < Turn::Timeout).then(|| process.name.clone());
            actions.push(Action::SignalProcess(SignalProcess {
                named,
                ..tell(process, signal, watch)
            }));
        }
        actions
    }

    /// It is another program than the one that was to be told: what that is, the next look shows.
    pub(crate) fn changed(&mut self, id: ProcId) -> Option<Action> {
        let entry = self.0.get_mut(&id)?;
        if entry.asked == entry.signalled {
            entry.asked = None;
        }
        entry.judge_afresh();
        Some(Action::Say(Note::Changed(entry.who(id))))
    }

    /// Nobody handles the signal: one call reaches every process of the group, also those that are
    /// just being born.
    pub(crate) fn tell_group(
        &mut self,
        snapshot: &Snapshot,
        main: i32,
        request: Request,
    ) -> Vec<Action> {
        let mut each = Vec::new();
        let mut any = false;
        for process in snapshot.processes.iter().filter(|p| p.group == main) {
            any = true;
            let unmoved = process.nested_init || process.disposition == Disposition::Ignored;
            if let Some(entry) = self.0.get_mut(&process.id).filter(|_| !unmoved) {
                entry.tell(request.now);
                entry.by_group = true;
                each.push(Action::Say(Note::Sends(
                    entry.who(process.id),
                    Reason::Nothing,
                    request.signal,
                )));
                if process.stopped {
                    each.push(Action::SignalProcess(tell(process, Signal::CONT, false)));
                }
            }
        }
        let group = any.then_some(Action::SignalGroup(request.signal));
        group.into_iter().chain(each).collect()
    }

    /// Nobody can be seen any more: tells adieu's own children, whose pids are theirs until adieu
    /// reaps them, but for those of a group that is told.
    pub(crate) fn tell_children(
        &mut self,
        told_group: Option<i32>,
        request: Request,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        for (id, entry) in self.0.iter_mut().chain(&mut self.1) {
            if !entry.own_child || entry.signalled.is_some() || told_group == Some(entry.group) {
                continue;
            }
            entry.tell(request.now);
            let (signal, resume) = (request.signal, entry.stopped);
            actions.push(Action::Say(Note::Sends(entry.who(*id), Reason::LastCall, signal)));
            actions.push(Action::SignalProcess(SignalProcess {
                id: *id,
                own_child: true,
                signal,
                resume,
                watch: false,
                named: None,
            }));
        }
        actions
    }

    /// Kills whoever was asked before the timeout, the others a moment after they were, and what is
    /// born meanwhile at once: its parent was asked.
    pub(crate) fn kill(
        &mut self,
        snapshot: &Snapshot,
        since: Time,
        last_words: Time,
        began: Time,
        now: Time,
    ) -> Vec<Action> {
        let (mut whom, mut kills) = (Vec::new(), Vec::new());
        for process in &snapshot.processes {
            let Some(entry) = self.0.get_mut(&process.id) else { continue };
            // What cannot be asked (a namespace's init, with others in it) gets the same moment.
            let asked = entry.asked.unwrap_or(since);
            if asked < since || asked > last_words || asked + LAST_WORD <= now {
                if !entry.killed {
                    whom.push(entry.who(process.id));
                }
                entry.killed = true;
                kills.push(Action::SignalProcess(tell(process, Signal::KILL, false)));
            }
        }
        let said = Action::Say(Note::Kills(now.saturating_sub(began), whom.clone()));
        (!whom.is_empty()).then_some(said).into_iter().chain(kills).collect()
    }

    /// Who was told with the group, does not handle the signal and is there all the same belongs to
    /// another user, or came into the group by another way: it is told by itself, and the answer
    /// says which.
    pub(crate) fn recheck_group(&mut self, snapshot: &Snapshot, last_look: Time) {
        for process in &snapshot.processes {
            let Some(entry) = self.0.get_mut(&process.id).filter(|entry| entry.by_group) else {
                continue;
            };
            if entry.signalled.is_some_and(|told| told < last_look) {
                entry.by_group = false;
                if !role::handles(process, false) {
                    entry.signalled = None;
                }
            }
        }
    }

    pub(crate) fn untell(&mut self, which: &dyn Fn(&Entry) -> bool) {
        let all = self.0.values_mut().chain(self.1.values_mut()).chain(self.2.values_mut());
        for entry in all.filter(|entry| which(entry)) {
            entry.signalled = None;
        }
    }

    /// Says once, at the start, who is not told and why.
    pub(crate) fn leaves(&self, tree: &Tree<'_>) -> Vec<Action> {
        let untold = tree.iter().filter_map(|(process, verdict)| {
            let entry = self.0.get(&process.id).filter(|entry| entry.signalled.is_none())?;
            Some(Action::Say(Note::Leaves(entry.who(process.id), verdict.reason)))
        });
        untold.collect()
    }

    /// Continues the stopped among those that have to carry on untold: a stopped shell reaps no
    /// child.
    pub(crate) fn resume(&self, tree: &Tree<'_>) -> Vec<Action> {
        let untold = |id: &ProcId| self.0.get(id).is_some_and(|entry| entry.signalled.is_none());
        let stopped =
            tree.iter().filter(|(p, v)| p.stopped && v.role != Role::Worker && untold(&p.id));
        stopped
            .map(|(process, _)| Action::SignalProcess(tell(process, Signal::CONT, false)))
            .collect()
    }

    /// The kernel refuses to signal this one. A relay above it, such as su, may be allowed to pass
    /// the signal on.
    pub(crate) fn refused(&mut self, id: ProcId, request: Request) -> Vec<Action> {
        let Some(entry) = self.0.get_mut(&id).filter(|entry| !entry.refused) else {
            return Vec::new();
        };
        entry.refused = true;
        let mut actions = vec![Action::Say(Note::Refused(entry.who(id), request.signal))];
        let (mut above, was_owner) = (entry.parent, entry.owner);
        let generations = if was_owner { self.0.len() } else { 0 };
        for _ in 0..generations {
            let Some(relay) = self.find(above) else { break };
            let Some(entry) = self.0.get_mut(&relay) else { break };
            if entry.kind == Kind::Wrapper && !entry.refused && entry.signalled.is_none() {
                entry.tell(request.now);
                entry.owner = true;
                let (signal, resume) = (request.signal, entry.stopped);
                let tell = SignalProcess {
                    id: relay,
                    own_child: false,
                    signal,
                    resume,
                    watch: true,
                    named: None,
                };
                actions.push(Action::Say(Note::Sends(
                    entry.who(relay),
                    Reason::Above(id.pid),
                    request.signal,
                )));
                actions.push(Action::SignalProcess(tell));
                break;
            }
            above = entry.parent;
        }
        actions
    }

    /// Whether anybody was not killed.
    pub(crate) fn has_unkilled(&self) -> bool {
        self.0.values().any(|entry| !entry.killed)
    }

    /// Those that were killed and are there all the same.
    pub(crate) fn killed(&self) -> Vec<ProcessNote> {
        self.0.iter().filter(|(_, entry)| entry.killed).map(|(id, entry)| entry.who(*id)).collect()
    }

    pub(crate) fn everybody(&self) -> Vec<ProcessNote> {
        self.0.iter().map(|(id, entry)| entry.who(*id)).collect()
    }

    /// Forgets a process that is gone.
    pub(crate) fn remove(&mut self, id: ProcId) -> Option<Entry> {
        self.0.remove(&id).or_else(|| self.1.remove(&id))
    }

    /// Whether its end will be reported.
    pub(crate) fn set_watched(&mut self, id: ProcId, watched: bool) {
        if let Some(entry) = self.0.get_mut(&id) {
            entry.watched |= watched;
        }
    }

    /// What the plan has to know of a process; `epilogue` is what a script has after its last
    /// handler.
    pub(crate) fn known(&self, id: ProcId, now: Time, epilogue: Duration) -> Option<Known> {
        let entry = self.0.get(&id).or_else(|| self.1.get(&id)).or_else(|| self.2.get(&id))?;
        let keeps = entry.role == Role::Shielded || entry.reader;
        let in_time = entry.free_since.is_none_or(|since| now < since.saturating_add(epilogue));
        let finishing = (keeps && in_time && entry.signalled.is_none()).then_some(entry.role);
        Some(Known { known_handler: entry.owner, newcomer: entry.newcomer, finishing })
    }

    /// Whether there is an owner that was told and is waited for.
    pub(crate) fn has_handler(&self) -> bool {
        self.0.values().chain(self.1.values()).any(Entry::is_awaited)
    }

    /// Whether such an owner was there at the last look, and not only its end is still to be
    /// reported.
    pub(crate) fn sees_handler(&self) -> bool {
        self.0.values().any(Entry::is_awaited)
    }

    /// Whether an owner's end has to be found out by looking.
    pub(crate) fn has_unwatched_handler(&self) -> bool {
        let unwatched = |entry: &Entry| !entry.watched && !entry.own_child;
        self.0.values().any(|entry| entry.is_awaited() && unwatched(entry))
    }

    /// Whether everybody has been told.
    pub(crate) fn all_told(&self) -> bool {
        self.0.values().all(|entry| entry.signalled.is_some())
    }

    /// Whether all that is left may not be signalled and is not seen to handle the signal.
    pub(crate) fn is_beyond_reach(&self) -> bool {
        let mut all = self.0.values().chain(self.1.values()).chain(self.2.values());
        !self.0.is_empty() && all.all(|entry| entry.refused && !entry.handles)
    }

    /// Whom the stop waits for: the owners while there are any, then whoever is left.
    pub(crate) fn awaited(&self) -> Vec<ProcessNote> {
        let mut awaited: Vec<(&ProcId, &Entry)> =
            self.0.iter().chain(&self.1).filter(|(_, entry)| entry.is_awaited()).collect();
        awaited.sort_by_key(|(id, _)| **id);
        let owners: Vec<ProcessNote> =
            awaited.into_iter().map(|(id, entry)| entry.who(*id)).collect();
        if owners.is_empty() { self.everybody() } else { owners }
    }
}

/// The process in a note, apart from any stop.
pub(crate) fn who(process: &Process, role: Role) -> ProcessNote {
    ProcessNote {
        id: process.id,
        name: process.name.clone(),
        arguments: process.arguments.clone(),
        role,
        signalled: None,
        ignores: process.disposition == Disposition::Ignored,
        refused: false,
    }
}

/// A signal for this process; a stopped one is continued, since it could not act on it.
pub(crate) fn tell(process: &Process, signal: Signal, watch: bool) -> SignalProcess {
    let resume = process.stopped && !matches!(signal, Signal::KILL | Signal::STOP | Signal::CONT);
    SignalProcess {
        id: process.id,
        own_child: process.own_child,
        signal,
        resume,
        watch,
        named: None,
    }
}
