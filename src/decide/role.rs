//! What each process of a tree is to a signal, and why. No I/O, no clock, and no memory: what was
//! done before comes in as [`Known`].
//!
//! The rule in one sentence: every program that the script started gets the signal once, as if it
//! had been started alone; what such a program started is its own business until it is gone.

use crate::decide::terms::{Deliver, Terms};
use crate::process::{Disposition, Kind, ProcId, Process, Snapshot};
use crate::signal::{Signal, SignalSet};

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
    /// This handler is below it.
    Above(i32),
    /// It is below this handler.
    Below(i32),
    /// This shell waits for it.
    AwaitedBy(i32),
    /// It reads what a handler in the same pipeline writes.
    ReadsPipeline,
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
    /// The role that it keeps for as long as a script has after its last handler, should it be in
    /// the foreground of a shell with a trap.
    pub finishing: Option<Role>,
}

/// The roles, one for each process of the snapshot, in its order.
pub fn assign(
    snapshot: &Snapshot,
    question: &Question,
    known: impl Fn(ProcId) -> Option<Known>,
) -> Vec<Verdict> {
    if question.deliver == Deliver::Child
        && let Some(chosen) = chosen_child(snapshot, question)
    {
        return around_chosen(snapshot, chosen);
    }
    let known: Vec<Known> =
        snapshot.processes.iter().map(|p| known(p.id).unwrap_or_default()).collect();
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
    /// Which processes have a child on whose branch there is such a handler: a pipeline in the
    /// foreground of such a shell has a writer that its readers wait for.
    feeds: Vec<bool>,
}

impl<'a> Assignment<'a> {
    fn new(snapshot: &'a Snapshot, question: &'a Question, known: &'a [Known]) -> Self {
        let processes = &snapshot.processes;
        // Beside a handler that is seen, a reader of a pipe that may not be read is rather a filter
        // than another handler.
        let any_seen = processes.iter().any(|p| is_seen_to_handle(p, true));
        let is_handler = |(p, known): (&Process, &Known)| {
            let only_known = question.only_known_handlers || p.may_read_pipe() && any_seen;
            known.known_handler || is_seen_to_handle(p, only_known)
        };
        let handlers: Vec<bool> = processes.iter().zip(known).map(is_handler).collect();
        let shields = |(known, handler): (&Known, &bool)| {
            *handler && (known.known_handler || !known.newcomer)
        };
        let shielding: Vec<bool> = known.iter().zip(&handlers).map(shields).collect();
        let handler_below = handler_below(snapshot, &shielding);
        let mut feeds = vec![false; processes.len()];
        for (process, below) in processes.iter().zip(&handler_below) {
            if below.is_some()
                && let Some(feed) = process.above.and_then(|above| feeds.get_mut(above))
            {
                *feed = true;
            }
        }
        Self { snapshot, question, known, handlers, handler_below, feeds }
    }

    /// Parents stand before their children, so each finds the verdict of its parent.
    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.handlers.len());
        for (at, process) in self.snapshot.processes.iter().enumerate() {
            let above = process.above.and_then(|above| Some((above, verdicts.get(above)?)));
            let (role, reason) = match above {
                Some((_, Verdict { role: role @ (Role::Worker | Role::Foreground), reason })) => {
                    (*role, *reason)
                }
                Some((above, Verdict { role: Role::Handler, .. })) => {
                    self.below_handler(at, process, above)
                }
                _ => self.by_itself(at, process),
            };
            verdicts.push(Verdict { role, reason });
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

    /// The role that a process has by what it does itself and by what is below it.
    fn by_itself(&self, at: usize, process: &Process) -> (Role, Reason) {
        match self.handler_below(at) {
            _ if self.is_handler(at) && self.known(at).known_handler => {
                (Role::Handler, Reason::WasSignalled)
            }
            _ if self.is_handler(at) && is_seen_to_handle(process, true) => {
                (Role::Handler, Reason::Handles)
            }
            _ if self.is_handler(at) => (Role::Handler, Reason::Hidden),
            Some(handler) => (Role::Shielded, Reason::Above(handler)),
            None if process.disposition == Disposition::Hidden => (Role::Bystander, Reason::Hidden),
            None => (Role::Bystander, Reason::Nothing),
        }
    }

    /// The role of a child of a handler: its worker, unless that is a shell which waits for it.
    fn below_handler(&self, at: usize, process: &Process, above: usize) -> (Role, Reason) {
        let Some(handler) = self.snapshot.processes.get(above) else {
            return self.by_itself(at, process);
        };
        // What a shell starts after it got the signal is its trap at work.
        let of_the_trap = self.known(above).known_handler && self.known(at).newcomer;
        if handler.kind != Kind::Shell
            || in_background(process, handler, self.question)
            || of_the_trap
        {
            (Role::Worker, Reason::Below(handler.id.pid))
        } else if self.is_handler(at) || self.handler_below(at).is_some() {
            self.by_itself(at, process)
        } else if process.may_read_pipe() && self.feeds.get(above) == Some(&true) {
            (Role::Bystander, Reason::ReadsPipeline)
        } else if let Some(role) = self.known(at).finishing {
            (role, Reason::Finishing)
        } else {
            (Role::Foreground, Reason::AwaitedBy(handler.id.pid))
        }
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

/// Whether a child of a shell with a trap runs in its background, where a trap runs at once and
/// sees to the child.
///
/// A shell without job control starts a background job with INT and QUIT ignored (POSIX, 2.11). A
/// program may catch one of them afterwards, so either is enough. A shell that is such a job itself
/// hands both down to every child. INT shows that it is one: bash ignores QUIT in any case, and
/// gives it back to its commands.
fn in_background(child: &Process, shell: &Process, question: &Question) -> bool {
    let handed_down =
        |s: Signal| question.inherited_ignored.has(s) || shell.ignored.has(Signal::INT);
    let of_a_job = |s: Signal| !handed_down(s) && child.ignored.has(s);
    shell.in_wait || of_a_job(Signal::INT) || of_a_job(Signal::QUIT)
}

/// Where the one process stands that `--deliver child` means: the main process, or the child of a
/// shell without a trap, if it has any. Not one that no signal reaches: for the init of a nested
/// namespace without a handler the kernel drops every signal, and the processes inside would never
/// get one.
fn chosen_child(snapshot: &Snapshot, question: &Question) -> Option<usize> {
    let processes = &snapshot.processes;
    let main = processes.iter().position(|p| p.id.pid == question.main)?;
    let is_reached =
        |at: &usize| processes.get(*at).is_some_and(|p| !p.nested_init || handles(p, false));
    let Some(shell) = processes.get(main).filter(|p| p.kind == Kind::Shell && !handles(p, false))
    else {
        return Some(main).filter(is_reached);
    };
    let children: Vec<(usize, &Process)> =
        processes.iter().enumerate().filter(|(_, p)| p.above == Some(main)).collect();
    let last = |wanted: &dyn Fn(&Process) -> bool| {
        children.iter().rfind(|(_, child)| wanted(child)).map(|(at, _)| *at)
    };
    let in_foreground = |child: &Process| !in_background(child, shell, question);
    // The last of a pipeline reads what the program writes.
    let writer = last(&|child| in_foreground(child) && !child.may_read_pipe());
    let chosen = writer.or_else(|| last(&in_foreground)).or_else(|| last(&|_| true));
    chosen.filter(is_reached)
}

/// The roles where only the process at this place gets the signal.
fn around_chosen(snapshot: &Snapshot, chosen: usize) -> Vec<Verdict> {
    let pid = snapshot.processes.get(chosen).map_or(0, |p| p.id.pid);
    let is_chosen: Vec<bool> = (0..snapshot.processes.len()).map(|at| at == chosen).collect();
    let below = handler_below(snapshot, &is_chosen);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(is_chosen.len());
    for (at, process) in snapshot.processes.iter().enumerate() {
        let parent = process.above.and_then(|above| verdicts.get(above));
        let (role, reason) = match parent {
            _ if at == chosen => (Role::Handler, Reason::Chosen),
            Some(Verdict { role: Role::Handler | Role::Worker, .. }) => {
                (Role::Worker, Reason::Below(pid))
            }
            _ if below.get(at).copied().flatten().is_some() => (Role::Shielded, Reason::Above(pid)),
            _ => (Role::Bystander, Reason::Nothing),
        };
        verdicts.push(Verdict { role, reason });
    }
    verdicts
}
