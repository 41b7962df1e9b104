//! The records of a stop, one for each process. The ledger says what follows from a request for
//! these processes; `stop` says when there is one.

use crate::decide::delivery::Delivery;
use crate::decide::record::{Origin, Presence, Record, Reported, TrapWatch};
use crate::decide::role::{self, Known, Question, Reason, Role, Verdict};
use crate::decide::terms::{LAST_WORD, Terms};
use crate::decide::tree::Tree;
use crate::decide::turn::{Past, Turn, turn};
use crate::decide::{Action, Note, ProcessNote, SignalProcess, Time};
use crate::process::{Disposition, Kind, ProcId, Process, Snapshot};
use crate::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is asked for now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub signal: Signal,
    pub now: Time,
    /// Whose turn it is.
    pub turn: Turn,
    /// The tree is looked at for the first time.
    pub first: bool,
    /// What a script has after its last handler.
    pub epilogue: Duration,
}

/// The records of a stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// In the order of pids.
    records: BTreeMap<ProcId, Record>,
    /// The command lines of the handlers that were running when the stop began, and of what stood
    /// above them, as fingerprints.
    commands: BTreeSet<u64>,
    /// A look has shown a process.
    has_seen_any: bool,
}

impl Ledger {
    fn seen(&self) -> impl Iterator<Item = &Record> {
        self.records.values().filter(|record| record.is_seen())
    }

    fn seen_mut(&mut self, id: ProcId) -> Option<&mut Record> {
        self.records.get_mut(&id).filter(|record| record.is_seen())
    }

    /// The process that has this pid, seen before overlooked.
    pub(crate) fn find(&self, pid: i32) -> Option<ProcId> {
        let all = ProcId { pid, start: 0 }..=ProcId { pid, start: u64::MAX };
        let with_pid = || self.records.range(all.clone());
        let seen = with_pid().find(|(_, record)| record.is_seen());
        let there = || with_pid().find(|(_, record)| record.presence != Presence::Lost);
        seen.or_else(there).map(|(id, _)| *id)
    }

    /// Whether the last look saw a process with this pid.
    pub(crate) fn sees(&self, pid: i32) -> bool {
        self.seen().any(|record| record.process.id.pid == pid)
    }

    /// Forgets what copies of a shell got: a process that was a shell then and is a program now had
    /// not executed it yet. The signal went to the trap that it still had from its parent (which
    /// may be gone by now), and was lost with that.
    pub(crate) fn forget_copies(&mut self, snapshot: &Snapshot) {
        if !self.records.values().any(|record| record.delivery.may_be_of_a_copy()) {
            return;
        }
        for process in snapshot.processes.iter().filter(|process| process.kind != Kind::Shell) {
            if let Some(record) = self.records.get_mut(&process.id)
                && record.delivery.may_be_of_a_copy()
            {
                record.delivery = record.delivery.lost();
            }
        }
    }

    /// Whether no look has shown any process.
    pub(crate) fn has_seen_nothing(&self) -> bool {
        !self.has_seen_any
    }

    /// Takes in what a look that began then shows of the shells with a trap that got the signal.
    pub(crate) fn watch_traps(&mut self, snapshot: &Snapshot, asked: Signal, look: Time) {
        for process in snapshot.processes.iter().filter(|it| it.kind == Kind::Shell) {
            if let Some(record) = self.records.get_mut(&process.id) {
                record.trap = record.trap.map(|watch| watch.seen(process, asked, look));
            }
        }
    }

    /// Whether a bystander that gets the signal in the epilogue started this process, which is then
    /// no work of the script.
    fn is_of_bystander(&self, tree: &Tree<'_>, process: &Process) -> bool {
        let above = process.above.and_then(|above| tree.snapshot.processes.get(above));
        let record = above.and_then(|above| self.records.get(&above.id));
        let ends_by_itself = |it: &Record| it.reader || it.ignores || it.is_started_since();
        record.is_some_and(|it| it.role == Role::Bystander && !ends_by_itself(it))
    }

    /// When the next shell with a trap has had the moment in which its trap begins to run.
    pub(crate) fn trap_moment(&self, now: Time) -> Option<Time> {
        let moments = self.seen().filter_map(|record| record.trap?.moment());
        moments.filter(|at| *at > now).min()
    }

    /// Brings the ledger in line with a look; says who has ended without a report.
    pub(crate) fn learn(
        &mut self,
        tree: &Tree<'_>,
        request: Request,
        is_newcomer: impl Fn(ProcId) -> bool,
    ) -> Vec<Action> {
        let mut before = std::mem::take(&mut self.records);
        let relatives = tree.below_handlers().into_iter().zip(tree.above_handlers());
        for ((process, verdict), (below, above)) in tree.iter().zip(relatives) {
            let mut record = before.remove(&process.id).unwrap_or_else(|| {
                let newcomer = is_newcomer(process.id);
                let origin = if newcomer { Origin::DuringStop } else { Origin::BeforeStop };
                let mut record = Record::new(process, verdict.role, origin);
                record.left_behind |= self.is_of_bystander(tree, process);
                record
            });
            let is_server = matches!(verdict.role, Role::Handler | Role::Shielded);
            if record.origin == Origin::BeforeStop && is_server {
                self.commands.insert(process.command);
            }
            self.has_seen_any = true;
            record.see(process, verdict, !below, request);
            let is_handlers = above || verdict.role == Role::Worker || record.was_handler();
            record.ignores = !is_handlers && tree.ignores(process, request.signal);
            self.records.insert(process.id, record);
        }
        let mut ended = Vec::new();
        for (id, mut record) in before {
            record.presence = match record.presence {
                Presence::Seen(Some(reported)) | Presence::Overlooked(reported) => {
                    Presence::Overlooked(reported)
                }
                Presence::Seen(None) => {
                    ended.push(Action::Say(Note::Ended(record.note(), None)));
                    Presence::Lost
                }
                Presence::Lost => continue,
            };
            self.records.insert(id, record);
        }
        ended
    }

    /// Signals every process whose turn has come and that has not had the signal, parents before
    /// their children: a shell with a trap has to know before its foreground command ends.
    pub(crate) fn signal_due(
        &mut self,
        tree: &Tree<'_>,
        question: &Question,
        request: Request,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        for (process, verdict) in tree.iter() {
            let Some(record) = self.seen_mut(process.id) else { continue };
            let past = record.past(verdict, request);
            let by_record = Verdict { role: record.role, ..*verdict };
            // Whether its shell waits for it shows in a moment.
            let unclear = matches!(verdict.reason, Reason::PerhapsAwaitedBy(_));
            if !record.delivery.is_due()
                || turn(&by_record, process, past, question) > request.turn
                || unclear && request.turn < Turn::LastCall
            {
                continue;
            }
            let Some(signal) = tree.signal_for(process, request.signal) else { continue };
            let maybe_copy = tree.may_be_a_copy(process);
            let handler = verdict.role == Role::Handler;
            record.trap.get_or_insert(TrapWatch::new(process, request.signal, request.now));
            record.delivery = record.delivery.sent(request.now, handler, maybe_copy);
            let watch = record.was_handler() && record.presence == Presence::Seen(None);
            let by_role = turn(verdict, process, Past::default(), question);
            let last_call = request.turn >= Turn::LastCall && by_role > Turn::HalfTime;
            let reason = if last_call { Reason::LastCall } else { verdict.reason };
            actions.push(Action::Say(Note::Sends(record.note(), reason, signal)));
            // No process is killed that missed its signal for a name that was wrong.
            let compare_name = maybe_copy && request.turn < Turn::Timeout;
            let named = compare_name.then(|| process.name.clone());
            let send = SignalProcess { named, ..signal_process(process, signal, watch) };
            actions.push(Action::SignalProcess(send));
        }
        actions
    }

    /// It is another program than the one that was to get the signal, and was sent nothing. What it
    /// is, the next look shows.
    pub(crate) fn changed(&mut self, id: ProcId) -> Option<Action> {
        let record = self.seen_mut(id)?;
        record.delivery = record.delivery.withdrawn();
        Some(Action::Say(Note::Changed(record.note())))
    }

    /// No program handles the signal: one call reaches every process of the group, those included
    /// that are just being forked.
    pub(crate) fn signal_group(
        &mut self,
        snapshot: &Snapshot,
        main: i32,
        request: Request,
    ) -> Vec<Action> {
        let mut each = Vec::new();
        let mut any = false;
        for process in snapshot.processes.iter().filter(|p| p.group == main) {
            any = true;
            if process.nested_init || process.disposition == Disposition::Ignored {
                continue;
            }
            let Some(record) = self.seen_mut(process.id) else { continue };
            record.delivery = record.delivery.with_group(request.now);
            let sends = Note::Sends(record.note(), Reason::Nothing, request.signal);
            each.push(Action::Say(sends));
            if process.stopped {
                let resume = signal_process(process, Signal::CONT, false);
                each.push(Action::SignalProcess(resume));
            }
        }
        let group = any.then_some(Action::SignalGroup(request.signal));
        group.into_iter().chain(each).collect()
    }

    /// The tree cannot be seen any more: signals adieu's own children, whose pids are theirs until
    /// adieu reaps them, but for those of a group that gets the signal anyway.
    pub(crate) fn signal_children(&mut self, group: Option<i32>, request: Request) -> Vec<Action> {
        let mut actions = Vec::new();
        for (id, record) in &mut self.records {
            let outside = group != Some(record.process.group);
            let due = record.presence != Presence::Lost && record.delivery.is_due();
            if !(record.process.own_child && outside && due) {
                continue;
            }
            record.delivery = record.delivery.sent(request.now, false, false);
            let (signal, resume) = (request.signal, record.process.stopped);
            actions.push(Action::Say(Note::Sends(record.note(), Reason::LastCall, signal)));
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

    /// Kills every process that had the signal before the timeout, the others a moment after they
    /// got it, and what has been forked since at once: its parent had the signal.
    pub(crate) fn kill(
        &mut self,
        snapshot: &Snapshot,
        since: Time,
        asked: Time,
        began: Time,
        now: Time,
    ) -> Vec<Action> {
        let (mut named, mut kills) = (Vec::new(), Vec::new());
        for process in &snapshot.processes {
            let Some(record) = self.seen_mut(process.id) else { continue };
            // What cannot be sent a signal (a namespace's init, with others in it) gets the same
            // moment.
            let got = record.delivery.first().unwrap_or(since);
            if got >= since && got <= asked && now < got + LAST_WORD {
                continue;
            }
            // What ignores the signal may have been killed before, in vain.
            if !std::mem::replace(&mut record.timed_out, true) {
                named.push(record.note());
            }
            record.delivery = record.delivery.killed();
            kills.push(Action::SignalProcess(signal_process(process, Signal::KILL, false)));
        }
        let said = Action::Say(Note::Kills(now.saturating_sub(began), named.clone()));
        (!named.is_empty()).then_some(said).into_iter().chain(kills).collect()
    }

    /// The processes that ignore the signal, and got it at the last call or before. None of them
    /// has a handler below it.
    fn ignorers(&self) -> impl Iterator<Item = (&ProcId, &Record)> {
        self.records.iter().filter(|(_, record)| {
            let got = !record.delivery.is_due() && !record.delivery.is_killed();
            record.is_seen() && record.ignores && got && !record.refused
        })
    }

    /// When the next of those that are expected to end without a signal has had its time.
    pub(crate) fn expected_over(&self) -> Option<Time> {
        let due = self.seen().filter(|record| record.delivery.is_due());
        due.filter_map(|record| record.expected_until).min()
    }

    /// When the next of those that ignore the signal is to be killed, in a last call that began
    /// then.
    pub(crate) fn ignorers_over(&self, since: Time) -> Option<Time> {
        self.ignorers().map(|(_, record)| record.ignorer_over(since)).min()
    }

    /// Kills those that ignore the signal and have had their time.
    pub(crate) fn kill_ignorers(&mut self, since: Time, now: Time) -> Vec<Action> {
        let over = self.ignorers().filter(|(_, record)| record.ignorer_over(since) <= now);
        let over: Vec<ProcId> = over.map(|(id, _)| *id).collect();
        let (mut named, mut kills) = (Vec::new(), Vec::new());
        for id in over {
            let Some(record) = self.seen_mut(id) else { continue };
            named.push(record.note());
            record.delivery = record.delivery.killed();
            let kill = signal_process(&record.process, Signal::KILL, false);
            kills.push(Action::SignalProcess(kill));
        }
        let said = Action::Say(Note::KillsIgnorers(named.clone()));
        (!named.is_empty()).then_some(said).into_iter().chain(kills).collect()
    }

    /// The process by which the script has started a server anew, or the next program that handles
    /// the signal: what to say of it.
    pub(crate) fn restarted(
        &self,
        tree: &Tree<'_>,
        question: &Question,
        terms: &Terms,
    ) -> Option<Note> {
        let is_started = |(at, (process, verdict)): (usize, (&Process, &Verdict))| {
            let record = self.records.get(&process.id)?;
            let parent = tree.snapshot.processes.get(process.above?)?;
            let by_script = record.is_started_since()
                && parent.kind == Kind::Shell
                && self.records.get(&parent.id).is_some_and(|it| it.role == Role::Shielded)
                && !role::shows_background(tree.snapshot, at, question);
            // A shell's copy of itself has its command line until it executes a program.
            let is_copy = process.kind == Kind::Shell && process.command == parent.command;
            let again = process.command != 0
                && process.command != parent.command
                && self.commands.contains(&process.command);
            let next = verdict.role == Role::Handler && !is_copy;
            match (again, next) {
                _ if !by_script => None,
                (true, _) => Some(Note::Restarted(record.note())),
                (false, true) if terms.next_server_ends_epilogue => {
                    Some(Note::NextServer(record.note(), question.signal))
                }
                (false, _) => None,
            }
        };
        tree.iter().enumerate().find_map(is_started)
    }

    /// What still runs when a script has had its time: what it has started since, or its shell.
    pub(crate) fn at_work(&self) -> Vec<ProcessNote> {
        let script: Vec<&Record> =
            self.seen().filter(|it| it.role == Role::Shielded && it.delivery.is_due()).collect();
        let of_script =
            |it: &&Record| script.iter().any(|sh| sh.process.id.pid == it.process.parent);
        let since = self.seen().filter(|it| it.origin == Origin::DuringStop).filter(of_script);
        let since: Vec<ProcessNote> = since.map(Record::note).collect();
        if since.is_empty() { script.into_iter().map(Record::note).collect() } else { since }
    }

    /// The first programs below a handler that is waited for, that handle the signal themselves and
    /// have not had it from adieu.
    pub(crate) fn unsignalled_below(&self) -> Vec<ProcessNote> {
        let handles = |record: &Record| {
            record.process.kind == Kind::Program && role::handles(&record.process, true)
        };
        let is_first = |record: &&Record| {
            let mut above = record.process.parent;
            for _ in 0..self.records.len() {
                let up = self.find(above).and_then(|id| self.records.get(&id));
                match up {
                    // A prefork server looks after its own copies.
                    Some(up) if up.is_awaited() => return up.process.name != record.process.name,
                    Some(up) if !handles(up) => above = up.process.parent,
                    _ => return false,
                }
            }
            false
        };
        let below = self.seen().filter(|it| it.role == Role::Worker && it.delivery.is_due());
        below.filter(|it| handles(it)).filter(is_first).map(Record::note).collect()
    }

    /// A process that got the signal with its group, does not handle it and is there all the same
    /// belongs to another user, or came into the group in another way: it is signalled by itself,
    /// and the answer says which.
    pub(crate) fn recheck_group(&mut self, snapshot: &Snapshot, last_look: Time) {
        for process in &snapshot.processes {
            let Some(record) = self.seen_mut(process.id) else { continue };
            if let Delivery::WithGroup { at, .. } = record.delivery
                && at < last_look
            {
                let handles = role::handles(process, false);
                let delivery = record.delivery;
                record.delivery = if handles { delivery.alone() } else { delivery.again() };
            }
        }
    }

    /// A repeated stop signal has to reach the handlers once more, and now those that were expected
    /// to end without it.
    pub(crate) fn repeat_to_handlers(&mut self, now: Time) {
        for record in self.records.values_mut() {
            record.expected_until = record.expected_until.map(|_| now);
            if record.was_handler() {
                record.delivery = record.delivery.again();
            }
        }
    }

    /// A repeated stop signal has to reach whatever is left once more.
    pub(crate) fn repeat_to_all(&mut self) {
        for record in self.records.values_mut() {
            record.delivery = record.delivery.again();
        }
    }

    /// Says once, at the start, which processes do not get the signal now, and why.
    pub(crate) fn leaves(&self, tree: &Tree<'_>) -> Vec<Action> {
        let left = tree.iter().filter_map(|(process, verdict)| {
            let record = self.records.get(&process.id).filter(|record| record.delivery.is_due())?;
            Some(Action::Say(Note::Leaves(record.note(), verdict.reason)))
        });
        left.collect()
    }

    /// Continues the stopped among those that have to carry on without the signal: a stopped shell
    /// reaps no child.
    pub(crate) fn resume(&self, tree: &Tree<'_>) -> Vec<Action> {
        let due = |id: &ProcId| self.records.get(id).is_some_and(|record| record.delivery.is_due());
        let stopped =
            tree.iter().filter(|(p, v)| p.stopped && v.role != Role::Worker && due(&p.id));
        let resume = |process| Action::SignalProcess(signal_process(process, Signal::CONT, false));
        stopped.map(|(process, _)| resume(process)).collect()
    }

    /// The kernel refuses to signal this process. A wrapper above it, such as su, may be allowed to
    /// pass the signal on.
    pub(crate) fn refused(&mut self, id: ProcId, request: Request) -> Vec<Action> {
        let Some(record) = self.seen_mut(id).filter(|record| !record.refused) else {
            return Vec::new();
        };
        record.refused = true;
        let mut actions = vec![Action::Say(Note::Refused(record.note(), request.signal))];
        if !record.was_handler() {
            return actions;
        }
        let mut above = record.process.parent;
        for _ in 0..self.records.len() {
            let Some(id_above) = self.find(above) else { break };
            let Some(record) = self.seen_mut(id_above) else { break };
            let is_wrapper = record.process.kind == Kind::Wrapper;
            if is_wrapper && !record.refused && record.delivery.is_due() {
                record.delivery = record.delivery.sent(request.now, true, false);
                let reason = Reason::Above(id.pid);
                actions.push(Action::Say(Note::Sends(record.note(), reason, request.signal)));
                actions.push(Action::SignalProcess(SignalProcess {
                    id: id_above,
                    own_child: false,
                    signal: request.signal,
                    resume: record.process.stopped,
                    watch: true,
                    named: None,
                }));
                break;
            }
            above = record.process.parent;
        }
        actions
    }

    /// Whether a process was not killed.
    pub(crate) fn has_unkilled(&self) -> bool {
        self.seen().any(|record| !record.delivery.is_killed())
    }

    /// Those that were killed and are there all the same.
    pub(crate) fn killed(&self) -> Vec<ProcessNote> {
        self.seen().filter(|record| record.delivery.is_killed()).map(Record::note).collect()
    }

    /// Forgets a process whose end is reported.
    pub(crate) fn remove(&mut self, id: ProcId) -> Option<Record> {
        self.records.get(&id).filter(|record| record.presence != Presence::Lost)?;
        self.records.remove(&id)
    }

    /// Its end will be reported.
    pub(crate) fn set_watched(&mut self, id: ProcId) {
        if let Some(record) = self.records.get_mut(&id)
            && record.presence == Presence::Seen(None)
        {
            record.presence = Presence::Seen(Some(Reported::ByPidfd));
        }
    }

    /// What the roles depend on; `epilogue` is what a script has after its last handler.
    pub(crate) fn known(&self, id: ProcId, now: Time, epilogue: Duration) -> Option<Known> {
        let record = self.records.get(&id)?;
        let since = record.finishing_since;
        let in_time = since.is_none_or(|since| now < since.saturating_add(epilogue));
        let keeps = record.role == Role::Shielded || record.reader;
        let role = if record.role == Role::Shielded { Role::Shielded } else { Role::Bystander };
        let finishing = (keeps && in_time && record.delivery.is_due()).then_some(role);
        Some(Known {
            known_handler: record.was_handler(),
            newcomer: record.origin == Origin::DuringStop,
            reader: record.reader,
            trap: record.trap(),
            followed: record.followed,
            finishing,
        })
    }

    /// Whether a handler is waited for.
    pub(crate) fn has_awaited(&self) -> bool {
        self.records.values().any(Record::is_awaited)
    }

    /// Whether such a handler was there at the last look, so that it is not only its end that is
    /// still to be reported.
    pub(crate) fn sees_awaited(&self) -> bool {
        self.seen().any(Record::is_awaited)
    }

    /// Whether the end of such a handler is found by looking only.
    pub(crate) fn has_unreported(&self) -> bool {
        self.seen().any(|record| record.is_awaited() && record.presence == Presence::Seen(None))
    }

    /// Whether a process has not had the signal that holds now, and has a use for more time. The
    /// signal ends nothing that ignores it, unless that reads to the end of a pipe or is a script.
    pub(crate) fn has_due(&self) -> bool {
        let has_use =
            |record: &Record| !record.ignores || record.reader || record.role == Role::Shielded;
        self.seen().any(|record| record.delivery.is_due() && has_use(record))
    }

    /// Whether all that is left may not be signalled and is not seen to handle the signal.
    pub(crate) fn is_beyond_reach(&self) -> bool {
        let mut all = self.records.values();
        let beyond = |record: &Record| record.refused && !role::handles(&record.process, true);
        self.seen().next().is_some() && all.all(beyond)
    }

    /// Those that the stop waits for: the handlers while there are any, then whoever is left.
    pub(crate) fn awaited(&self) -> Vec<ProcessNote> {
        let awaited = self.records.values().filter(|record| record.is_awaited());
        let handlers: Vec<ProcessNote> = awaited.map(Record::note).collect();
        if handlers.is_empty() { self.seen().map(Record::note).collect() } else { handlers }
    }
}

/// A signal for this process. A stopped process is continued, since it could not act on it.
pub(crate) fn signal_process(process: &Process, signal: Signal, watch: bool) -> SignalProcess {
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
