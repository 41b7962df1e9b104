//! What each process of a tree is to a signal, and why. No I/O, no clock, and no memory: what was
//! done before comes in as [`Known`].
//!
//! The rule in one sentence: every program that the script started gets the signal once, as if it
//! had been started alone; what such a program started is its own business until it is gone.

use crate::decide::pipes::{Pipes, Reads};
use crate::decide::terms::{Deliver, Terms};
use crate::process::{self, Disposition, Kind, ProcId, Process, Snapshot};
use crate::signal::{Signal, SignalSet};
use std::collections::BTreeMap;

/// What a process is to the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first on its branch that handles the signal, and no wrapper: a server, or a shell with a
    /// trap. It gets the signal at once, and adieu waits for it.
    Handler,
    /// Neither it nor anything below it handles the signal, and a shell with a trap waits for it.
    /// It gets the signal at once: the shell runs its trap only when it has ended.
    Foreground,
    /// It does not handle the signal, and a handler is below it. It has to be there to reap its
    /// child and to carry on.
    Shielded,
    /// It is below a handler, whose business it is.
    Worker,
    /// Everything else. It gets the signal when the last handler has ended, or at once where there
    /// is no handler.
    Bystander,
}

/// Why a process has its role. The numbers are pids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its own disposition.
    Handles,
    /// It got the signal as a handler and has not ended yet.
    WasSignalled,
    /// It is the one that `--deliver child` means.
    Chosen,
    /// It handles the signal, but `--deliver child` means another.
    NotChosen,
    /// This handler is below it.
    Above(i32),
    /// It is below this handler.
    Below(i32),
    /// This shell waits for it.
    AwaitedBy(i32),
    /// It reads what a handler writes, or what reads from one.
    ReadsPipeline,
    /// It read what a handler wrote. No writer is left, so it ends at end of file.
    ReadsRest,
    /// This shell with a trap may be waiting for it. Whether it does shows a moment after the shell
    /// has got the signal.
    PerhapsAwaitedBy(i32),
    /// It runs in the foreground and reads no pipe, so a handler may be waiting for its end.
    InForeground,
    /// It was shielded, or read a handler's pipeline, in the foreground of a shell with a trap. The
    /// handler is gone, and it may carry on for a while.
    Finishing,
    /// What it does with the signal may not be read.
    Hidden,
    /// It is still there at the last call, and nothing is killed that has not had the signal.
    LastCall,
    /// Nothing speaks for another role.
    Nothing,
}

/// The role of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The role.
    pub role: Role,
    /// Why.
    pub reason: Reason,
    /// It reads what a handler writes, or has, whatever its role.
    pub reader: bool,
    /// Whether its shell with a trap had started another command after it; `None` while that does
    /// not show.
    pub followed: Option<bool>,
}

impl Verdict {
    /// A bystander that is not known to be in the foreground. What it started is not, either.
    fn is_in_background(&self) -> bool {
        self.role == Role::Bystander && self.reason != Reason::InForeground
    }
}

/// What is asked of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The signal that is to be sent.
    pub signal: Signal,
    /// Which processes get it.
    pub deliver: Deliver,
    /// The pid of the main process and the number of its process group.
    pub main: i32,
    /// The signals that adieu found ignored and its child inherited: that a process ignores one of
    /// these says nothing of it.
    pub inherited_ignored: SignalSet,
    /// The signal does not stop. A process that may not be read gets none: it may die of it.
    pub only_known_handlers: bool,
    /// The main process ended by itself: whoever wrote what a process reads may be gone already.
    pub main_ended: bool,
}

impl Question {
    /// What is each process to this signal of a stop?
    pub fn stop(signal: Signal, terms: &Terms) -> Self {
        Self {
            signal,
            deliver: terms.deliver,
            main: terms.main,
            inherited_ignored: terms.inherited_ignored,
            only_known_handlers: false,
            main_ended: false,
        }
    }

    /// What is each process to this signal, which does not stop?
    pub fn forward(signal: Signal, terms: &Terms) -> Self {
        Self { only_known_handlers: true, ..Self::stop(signal, terms) }
    }
}

/// What has been done about a process before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// It got the signal as a handler and is waited for: it stays one even if it drops its handler
    /// meanwhile.
    pub known_handler: bool,
    /// It was started after the first look of the stop.
    pub newcomer: bool,
    /// It has been seen to read what a handler writes. While a process exits, that does not show.
    pub reader: bool,
    /// Of a shell that got the signal: whether its trap has run.
    pub trap: Trap,
    /// Whether its shell with a trap had started another command after it, when that first showed:
    /// what followed it may have ended since.
    pub followed: Option<bool>,
    /// The role that it keeps for as long as a script has after its last handler, should it be in
    /// the foreground of a shell with a trap.
    pub finishing: Option<Role>,
}

/// What is known of the trap of a shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trap {
    /// The shell has not had the signal, or only just got it.
    #[default]
    Pending,
    /// The shell has had the signal for a while and waits as before: for a foreground command,
    /// unless the trap has run and ended within that time. Or its stack does not show.
    Waits,
    /// The trap has run, so what the shell started before is in its background.
    Ran,
}

/// The roles, one for each process of the snapshot, in its order.
pub fn assign(
    snapshot: &Snapshot,
    question: &Question,
    known: impl Fn(ProcId) -> Option<Known>,
) -> Vec<Verdict> {
    let known: Vec<Known> =
        snapshot.processes.iter().map(|p| known(p.id).unwrap_or_default()).collect();
    if question.deliver == Deliver::Child
        && let Some(chosen) = chosen_child(snapshot, question, &known)
    {
        return around_chosen(snapshot, chosen, &known);
    }
    Assignment::new(snapshot, question, &known).verdicts()
}

/// What is found out about the whole tree before each process gets its role.
struct Assignment<'a> {
    snapshot: &'a Snapshot,
    question: &'a Question,
    known: &'a [Known],
    /// Which processes handle the signal and are no wrapper.
    handlers: Vec<bool>,
    /// For each process, the pid of the nearest handler that it is or has below it. What a script
    /// starts during the stop shields nothing: a restart loop would never end.
    handler_below: Vec<Option<i32>>,
    /// The pipes of the tree.
    pipes: Pipes<'a>,
    /// What each process reads.
    reads: Vec<Reads>,
    /// After which processes their shell with a trap has started another command.
    followed: Vec<Followed>,
}

/// Whether a shell with a trap has started another command after one.
#[derive(Clone, Copy, Debug, Default)]
struct Followed {
    /// It looks so now.
    now: bool,
    /// What is sure: none of its children may be about to connect its pipes.
    settled: Option<bool>,
}

/// Where a child of a shell with a trap runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    /// The shell waits for it, and runs its trap only when it has ended.
    Foreground,
    /// The shell runs its trap at once, and sees to the child.
    Background,
    /// Which of the two shows a moment after the shell has got the signal.
    Unclear,
}

impl<'a> Assignment<'a> {
    fn new(snapshot: &'a Snapshot, question: &'a Question, known: &'a [Known]) -> Self {
        let processes = &snapshot.processes;
        // Beside a handler that is seen, a reader of a pipe that may not be read is rather a filter
        // than another handler.
        let any_seen = processes.iter().any(|p| is_seen_to_handle(p, true));
        let is_handler = |(p, known): (&Process, &Known)| {
            let filter = known.reader || p.may_read_pipe() && any_seen;
            let only_known = question.only_known_handlers || filter;
            known.known_handler || is_seen_to_handle(p, only_known)
        };
        let handlers: Vec<bool> = processes.iter().zip(known).map(is_handler).collect();
        let shields = |(known, handler): (&Known, &bool)| {
            *handler && (known.known_handler || !known.newcomer)
        };
        let shielding: Vec<bool> = known.iter().zip(&handlers).map(shields).collect();
        let handler_below = handler_below(snapshot, &shielding);
        let pipes = Pipes::new(snapshot);
        // A signal that does not stop ends no process, so no lines are lost by it.
        let reads = if question.only_known_handlers {
            vec![Reads::Nothing; processes.len()]
        } else {
            let known = |at: usize| known.get(at).is_some_and(|known| known.reader);
            let is_left = |at| pipes.has_pipe_of_its_own(at) && !pipes.is_written(at);
            let left = |at| question.main_ended && is_left(at);
            pipes.reads(&handlers, &shielding, |at| known(at) || left(at))
        };
        let followed = followed(snapshot, known, &handlers, &pipes);
        Self { snapshot, question, known, handlers, handler_below, pipes, reads, followed }
    }

    /// Parents stand before their children, so each finds the verdict of its parent.
    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.handlers.len());
        // The shell of which it is unclear whether it waits for the process or for one above it.
        let mut unclear: Vec<Option<i32>> = Vec::with_capacity(self.handlers.len());
        for (at, process) in self.snapshot.processes.iter().enumerate() {
            let above = process.above.and_then(|above| Some((above, verdicts.get(above)?)));
            let mut shell = process.above.and_then(|above| *unclear.get(above)?);
            let (role, mut reason) = match above {
                Some((
                    _,
                    Verdict { role: role @ (Role::Worker | Role::Foreground), reason, .. },
                )) => (*role, *reason),
                Some((above, Verdict { role: Role::Handler, reason, .. })) => {
                    let reads = matches!(reason, Reason::ReadsPipeline | Reason::ReadsRest);
                    let has_handler = self.is_handler(at) || self.handler_below(at).is_some();
                    let ground = match self.ground(at, above) {
                        // A shell that has started the server of a pipeline, and become its filter.
                        _ if reads && has_handler && self.pipes.comes_to(above, at) => {
                            Some(Ground::Foreground)
                        }
                        _ if reads => None,
                        Some(Ground::Background) if has_handler => {
                            self.ground_of_readers(at, above).or(Some(Ground::Background))
                        }
                        ground => ground,
                    };
                    if ground == Some(Ground::Unclear) {
                        shell = self.snapshot.processes.get(above).map(|shell| shell.id.pid);
                    }
                    self.below_handler(at, process, above, ground)
                }
                _ => self.by_itself(at, process),
            };
            if let Some(shell) = shell
                && matches!(role, Role::Handler | Role::Foreground)
                && !matches!(reason, Reason::WasSignalled | Reason::ReadsPipeline)
            {
                reason = Reason::PerhapsAwaitedBy(shell);
            }
            if reason == Reason::InForeground
                && above.is_some_and(|(_, above)| above.is_in_background())
            {
                reason = Reason::Nothing;
            }
            let reader = self.reads(at) != Reads::Nothing;
            let followed = self.followed.get(at).and_then(|it| it.settled);
            verdicts.push(Verdict { role, reason, reader, followed });
            unclear.push(shell);
        }
        verdicts
    }

    fn known(&self, at: usize) -> Known {
        self.known.get(at).copied().unwrap_or_default()
    }

    fn is_handler(&self, at: usize) -> bool {
        self.handlers.get(at) == Some(&true)
    }

    fn handler_below(&self, at: usize) -> Option<i32> {
        self.handler_below.get(at).copied().flatten()
    }

    fn reads(&self, at: usize) -> Reads {
        self.reads.get(at).copied().unwrap_or_default()
    }

    /// The role that a process has by what it does itself and by what is below it.
    fn by_itself(&self, at: usize, process: &Process) -> (Role, Reason) {
        match (self.handler_below(at), self.reads(at)) {
            _ if self.is_handler(at) && self.known(at).known_handler => {
                (Role::Handler, Reason::WasSignalled)
            }
            (_, Reads::Handler | Reads::Rest) if self.is_handler(at) => {
                let is_written = self.pipes.is_seen_written(at);
                let rest = if is_written { Reason::ReadsPipeline } else { Reason::ReadsRest };
                (Role::Handler, rest)
            }
            _ if self.is_handler(at) && is_seen_to_handle(process, true) => {
                (Role::Handler, Reason::Handles)
            }
            _ if self.is_handler(at) => (Role::Handler, Reason::Hidden),
            (Some(handler), _) => (Role::Shielded, Reason::Above(handler)),
            (None, Reads::Handler | Reads::Rest) => (Role::Bystander, Reason::ReadsPipeline),
            _ if process.disposition == Disposition::Hidden => (Role::Bystander, Reason::Hidden),
            _ if self.is_in_foreground(at) => (Role::Bystander, Reason::InForeground),
            _ => (Role::Bystander, Reason::Nothing),
        }
    }

    /// The role of a child of a handler: its worker, unless that is a shell which waits for it.
    fn below_handler(
        &self,
        at: usize,
        process: &Process,
        above: usize,
        ground: Option<Ground>,
    ) -> (Role, Reason) {
        let Some(handler) = self.snapshot.processes.get(above) else {
            return self.by_itself(at, process);
        };
        let has_handler = self.is_handler(at) || self.handler_below(at).is_some();
        match ground {
            None | Some(Ground::Background) => (Role::Worker, Reason::Below(handler.id.pid)),
            Some(_) if has_handler => self.by_itself(at, process),
            Some(_) if self.reads(at) == Reads::Handler => (Role::Bystander, Reason::ReadsPipeline),
            Some(_) => match self.known(at).finishing {
                Some(role) => (role, Reason::Finishing),
                None => (Role::Foreground, Reason::AwaitedBy(handler.id.pid)),
            },
        }
    }

    /// Where a child of a shell with a trap runs; `None` where the handler above it is no shell, or
    /// the child is its trap at work.
    fn ground(&self, at: usize, above: usize) -> Option<Ground> {
        let shell = self.snapshot.processes.get(above).filter(|it| it.kind == Kind::Shell)?;
        let its = self.known(above);
        if its.known_handler && self.known(at).newcomer {
            return None;
        }
        let shown = shell.in_wait || shows_background(self.snapshot, at, self.question);
        let followed = || self.followed.get(at).is_some_and(|it| it.now);
        Some(if shown || self.known(at).followed.unwrap_or_else(followed) {
            Ground::Background
        } else {
            match its.trap {
                Trap::Ran => Ground::Background,
                // A signal that does not stop makes no shell wait.
                _ if self.question.only_known_handlers => Ground::Foreground,
                Trap::Pending if its.known_handler || shell.stack.is_some() && shell.waits => {
                    Ground::Unclear
                }
                Trap::Pending | Trap::Waits => Ground::Foreground,
            }
        })
    }

    /// Where the commands run that read what this background job of the shell writes, if any of
    /// them is not in the background itself. The shell waits for them, and so for the job.
    fn ground_of_readers(&self, job: usize, shell: usize) -> Option<Ground> {
        let is_reader = |other: &usize| {
            self.snapshot.processes.get(*other).is_some_and(|it| it.above == Some(shell))
                && self.reads(*other) != Reads::Nothing
                && self.pipes.is_fed_by(*other, job)
        };
        let readers = (shell..self.snapshot.processes.len()).filter(is_reader);
        let grounds: Vec<Ground> = readers.filter_map(|it| self.ground(it, shell)).collect();
        let has = |wanted: Ground| grounds.contains(&wanted).then_some(wanted);
        has(Ground::Foreground).or_else(|| has(Ground::Unclear))
    }

    /// Whether a bystander is in the foreground and reads no pipe.
    fn is_in_foreground(&self, at: usize) -> bool {
        !self.pipes.is_written(at) && !shows_background(self.snapshot, at, self.question)
    }
}

/// Whether the signal reaches something in the process that acts on it.
pub fn handles(process: &Process, only_known: bool) -> bool {
    match process.disposition {
        Disposition::Caught => true,
        // Shells block every signal for a moment around fork.
        Disposition::Blocked | Disposition::Waiting => process.kind != Kind::Shell,
        Disposition::Hidden => process.kind != Kind::Shell && !only_known,
        Disposition::Unreadable => true,
        Disposition::Ignored | Disposition::Default => false,
    }
}

fn is_seen_to_handle(process: &Process, only_known: bool) -> bool {
    process.kind != Kind::Wrapper && handles(process, only_known)
}

/// For each process, the pid of the nearest of these handlers that it is or has below it.
fn handler_below(snapshot: &Snapshot, handlers: &[bool]) -> Vec<Option<i32>> {
    let of_itself = |(process, handler): (&Process, &bool)| handler.then_some(process.id.pid);
    let mut found: Vec<Option<i32>> =
        snapshot.processes.iter().zip(handlers).map(of_itself).collect();
    // Children stand behind their parents, so backwards each is settled before its parent is.
    for (at, process) in snapshot.processes.iter().enumerate().rev() {
        if let Some(handler) = found.get(at).copied().flatten()
            && let Some(above) = process.above.and_then(|above| found.get_mut(above))
        {
            above.get_or_insert(handler);
        }
    }
    found
}

/// Which children of shells with a trap are in the background, since their shell has started
/// another command after them that is no part of the same pipeline. A shell does so only when its
/// foreground command has ended. What it has started during the stop is its trap at work.
fn followed(
    snapshot: &Snapshot,
    known: &[Known],
    handlers: &[bool],
    pipes: &Pipes<'_>,
) -> Vec<Followed> {
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut followed = vec![Followed::default(); snapshot.processes.len()];
    for ((at, process), known) in snapshot.processes.iter().enumerate().zip(known) {
        let Some(above) = process.above.filter(|above| handlers.get(*above) == Some(&true)) else {
            continue;
        };
        let is_shell = snapshot.processes.get(above).is_some_and(|it| it.kind == Kind::Shell);
        if is_shell && !known.newcomer {
            children.entry(above).or_default().push(at);
        }
    }
    for (shell, mut children) in children {
        // A child between fork and exec has not connected its pipes yet.
        let is_settled = |it: &usize| {
            snapshot.processes.get(*it).is_some_and(|child| {
                child.kind != Kind::Shell || !process::is_young(snapshot.tick, child.id)
            })
        };
        let settled = children.iter().all(is_settled);
        let mut set = |child: usize, now: bool| {
            if let Some(followed) = followed.get_mut(child) {
                *followed = Followed { now, settled: settled.then_some(now) };
            }
        };
        let mut pipeline: Vec<usize> = children.pop().into_iter().collect();
        while let Some(part) = pipeline.pop() {
            set(part, false);
            if pipes.are_none() {
                break;
            }
            let (joined, others) =
                children.into_iter().partition(|it| pipes.are_joined(shell, part, *it));
            children = others;
            pipeline.extend::<Vec<usize>>(joined);
        }
        children.into_iter().for_each(|child| set(child, true));
    }
    followed
}

/// Whether a process shows that a shell started it in the background; or, where it is a wrapper,
/// what it started does. (su catches both signals by which that shows.)
pub(crate) fn shows_background(snapshot: &Snapshot, at: usize, question: &Question) -> bool {
    let Some(process) = snapshot.processes.get(at) else { return false };
    let above = process.above.and_then(|above| snapshot.processes.get(above));
    let handed_down = handed_down(above, question);
    let mut below = snapshot.processes.iter().filter(|it| it.above == Some(at));
    in_background(process, handed_down)
        || process.kind == Kind::Wrapper && below.any(|it| in_background(it, handed_down))
}

/// Whether the signals that a process ignores show that a shell started it in the background.
///
/// A shell without job control starts a background job with INT and QUIT ignored (POSIX, 2.11). A
/// program may catch one of them afterwards, so either is enough. Of a shell only INT counts: bash,
/// zsh and busybox sh ignore QUIT in any case (seen with bash 5.2, zsh 5.9 and busybox 1.35).
fn in_background(process: &Process, handed_down: SignalSet) -> bool {
    let shows = |it: Signal| process.ignored.has(it) && !handed_down.has(it);
    shows(Signal::INT) || process.kind != Kind::Shell && shows(Signal::QUIT)
}

/// The signals that a process ignores although no shell started it in the background: adieu itself
/// was started ignoring them, or the process above it is such a job and hands both down to every
/// child. INT shows that it is one: bash ignores QUIT in any case, and gives it back to its
/// commands.
fn handed_down(above: Option<&Process>, question: &Question) -> SignalSet {
    match above {
        Some(above) if above.ignored.has(Signal::INT) => {
            question.inherited_ignored.with(Signal::INT).with(Signal::QUIT)
        }
        _ => question.inherited_ignored,
    }
}

/// Where the one process stands that `--deliver child` means: the main process, or the child of a
/// shell without a trap, if it has any. Not one that no signal reaches: for the init of a nested
/// namespace without a handler the kernel drops every signal, and the processes inside would never
/// get one.
fn chosen_child(snapshot: &Snapshot, question: &Question, known: &[Known]) -> Option<usize> {
    let processes = &snapshot.processes;
    let main = processes.iter().position(|p| p.id.pid == question.main)?;
    let is_reached =
        |at: &usize| processes.get(*at).is_some_and(|p| !p.nested_init || handles(p, false));
    let Some(shell) = processes.get(main).filter(|p| p.kind == Kind::Shell && !handles(p, false))
    else {
        return Some(main).filter(is_reached);
    };
    // A reader that was left by the one that was chosen ends at end of file.
    let was_reader = |at: usize| known.get(at).is_some_and(|known| known.reader);
    let is_child = |(at, p): &(usize, &Process)| p.above == Some(main) && !was_reader(*at);
    let children: Vec<(usize, &Process)> = processes.iter().enumerate().filter(is_child).collect();
    let last = |wanted: &dyn Fn(&Process) -> bool| {
        children.iter().rfind(|(_, child)| wanted(child)).map(|(at, _)| *at)
    };
    let handed_down = handed_down(Some(shell), question);
    let in_foreground = |child: &Process| !in_background(child, handed_down);
    // The last of a pipeline reads what the program writes.
    let writer = last(&|child| in_foreground(child) && !child.may_read_pipe());
    let chosen = writer.or_else(|| last(&in_foreground)).or_else(|| last(&|_| true));
    chosen.filter(is_reached)
}

/// The roles where only the process at this place gets the signal.
fn around_chosen(snapshot: &Snapshot, chosen: usize, known: &[Known]) -> Vec<Verdict> {
    let pid = snapshot.processes.get(chosen).map_or(0, |p| p.id.pid);
    let is_chosen: Vec<bool> = (0..snapshot.processes.len()).map(|at| at == chosen).collect();
    let below = handler_below(snapshot, &is_chosen);
    let was_reader = |at: usize| known.get(at).is_some_and(|known| known.reader);
    let reads = Pipes::new(snapshot).reads(&is_chosen, &is_chosen, was_reader);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(is_chosen.len());
    for (at, process) in snapshot.processes.iter().enumerate() {
        let parent = process.above.and_then(|above| verdicts.get(above));
        let reader = at != chosen && reads.get(at).is_some_and(|it| *it != Reads::Nothing);
        let (role, reason) = match parent {
            _ if at == chosen => (Role::Handler, Reason::Chosen),
            Some(Verdict { role: Role::Handler | Role::Worker, .. }) => {
                (Role::Worker, Reason::Below(pid))
            }
            _ if below.get(at).copied().flatten().is_some() => (Role::Shielded, Reason::Above(pid)),
            _ if reader => (Role::Bystander, Reason::ReadsPipeline),
            _ if handles(process, false) => (Role::Bystander, Reason::NotChosen),
            _ => (Role::Bystander, Reason::Nothing),
        };
        verdicts.push(Verdict { role, reason, reader, followed: None });
    }
    verdicts
}
