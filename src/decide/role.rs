//! Who is told: from a snapshot of the tree to the role of each process, with the reason. No I/O,
//! no clock, no memory of its own: what was done before comes in as [`Known`].
//!
//! The rule in one sentence: every program that the script started is told once, as if it had been
//! started alone; what it started itself is its own business until it is gone.

use crate::decide::terms::{Deliver, Terms};
use crate::process::{Disposition, Kind, ProcId, Process, Snapshot};
use crate::signal::{Signal, SignalSet};

/// What a process is to the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first on its branch that handles the signal: told at once, waited for.
    Handler,
    /// Handles nothing, and a shell with a trap waits for it: told at once, so that the trap can
    /// run.
    Foreground,
    /// Handles nothing, and an owner is below it: has to be there to reap its child and carry on.
    Shielded,
    /// Below an owner: the owner's business.
    Worker,
    /// None of these: told when the last owner is done; at once when there is no owner.
    Bystander,
}

/// Why a process has its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its own disposition.
    Handles,
    /// It was told and has not ended yet.
    WasSignalled,
    /// It is the one that `--deliver child` means.
    Chosen,
    /// This process below it is an owner.
    Above(i32),
    /// It is below this owner.
    Below(i32),
    /// This shell waits for it.
    AwaitedBy(i32),
    /// It reads what an owner in the same pipeline writes.
    ReadsPipeline,
    /// It was shielded, or read an owner's pipeline, in the foreground of a trap; the owner is
    /// gone, and it may carry on.
    Finishing,
    /// What it does with the signal may not be read.
    Hidden,
    /// It is still there, and nothing is killed unasked.
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
    /// The signal that is to be delivered.
    pub signal: Signal,
    /// To whom.
    pub deliver: Deliver,
    /// The pid of the main process and the number of its process group.
    pub main: i32,
    /// The signals that adieu found ignored and its child inherited: that a process ignores them
    /// says nothing.
    pub inherited_ignored: SignalSet,
    /// For a signal that asks for no end: who may not be read is left alone, since it may die of
    /// it.
    pub only_known_handlers: bool,
}

impl Question {
    /// Who gets this signal of a stop?
    pub fn stop(signal: Signal, terms: &Terms) -> Self {
        Self {
            signal,
            deliver: terms.deliver,
            main: terms.main,
            inherited_ignored: terms.inherited_ignored,
            only_known_handlers: false,
        }
    }

    /// Who gets this signal, which does not stop?
    pub fn forward(signal: Signal, terms: &Terms) -> Self {
        Self { only_known_handlers: true, ..Self::stop(signal, terms) }
    }
}

/// What has been done about a process before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// It was told as an owner and is waited for: it stays an owner even if it drops its handler
    /// meanwhile.
    pub known_handler: bool,
    /// It was started after the first look of the stop.
    pub newcomer: bool,
    /// The role that it keeps for as long as a script has after its last handler, should it be in a
    /// trap's foreground.
    pub finishing: Option<Role>,
}

/// The roles, one for each process of the snapshot, in its order.
pub fn assign(
    snapshot: &Snapshot,
    question: &Question,
    known: impl Fn(ProcId) -> Option<Known>,
) -> Vec<Verdict> {
    verdicts(snapshot, question, &known)
}

/// Once in the program, whatever is known.
fn verdicts(
    snapshot: &Snapshot,
    question: &Question,
    known: &dyn Fn(ProcId) -> Option<Known>,
) -> Vec<Verdict> {
    if question.deliver == Deliver::Child
        && let Some(chosen) = chosen_to_be_told(snapshot, question)
    {
        return plan_child(snapshot, chosen);
    }
    let known = |p: &Process| known(p.id).unwrap_or_default();
    let told = |p: &Process| known(p).known_handler;
    let seen = |p: &Process, only_known: bool| p.kind != Kind::Wrapper && handles(p, only_known);
    // Beside a handler that is seen, a pipe's reader that may not be read is rather a filter than
    // another handler.
    let anybody_seen = snapshot.processes.iter().any(|p| seen(p, true));
    let is_handler = |p: &Process| {
        told(p) || seen(p, question.only_known_handlers || p.reads_pipe && anybody_seen)
    };
    let owners: Vec<bool> = snapshot.processes.iter().map(is_handler).collect();
    // What a script starts now shields nobody: a restart loop would never end.
    let settled = |(p, owner): (&Process, &bool)| *owner && (told(p) || !known(p).newcomer);
    let settled: Vec<bool> = snapshot.processes.iter().zip(&owners).map(settled).collect();
    let handler_below = handler_below(snapshot, &settled);

    // Whether a pipeline in the foreground of this shell has an owner that its readers wait for.
    let mut feeds: Vec<bool> = vec![false; owners.len()];
    for (process, owner) in snapshot.processes.iter().zip(&handler_below) {
        if owner.is_some()
            && let Some(feed) = process.above.and_then(|above| feeds.get_mut(above))
        {
            *feed = true;
        }
    }

    let mut verdicts: Vec<Verdict> = Vec::with_capacity(owners.len());
    for (index, process) in snapshot.processes.iter().enumerate() {
        let above =
            process.above.and_then(|at| Some((at, verdicts.get(at)?, snapshot.processes.get(at)?)));
        let is_handler = owners.get(index) == Some(&true);
        let below = handler_below.get(index).copied().flatten();
        let free = || match below {
            _ if is_handler && told(process) => (Role::Handler, Reason::WasSignalled),
            _ if is_handler && seen(process, true) => (Role::Handler, Reason::Handles),
            _ if is_handler => (Role::Handler, Reason::Hidden),
            Some(owner) => (Role::Shielded, Reason::Above(owner)),
            None if process.disposition == Disposition::Hidden => (Role::Bystander, Reason::Hidden),
            None => (Role::Bystander, Reason::Nothing),
        };
        let (role, reason) = match above {
            Some((_, Verdict { role: Role::Worker, reason, .. }, _)) => (Role::Worker, *reason),
            Some((_, Verdict { role: Role::Foreground, reason, .. }, _)) => {
                (Role::Foreground, *reason)
            }
            Some((at, Verdict { role: Role::Handler, .. }, owner)) => {
                if owner.kind != Kind::Shell
                    || in_background(process, owner, question)
                    || (told(owner) && known(process).newcomer)
                {
                    // What a shell starts after it was told is its trap at work.
                    (Role::Worker, Reason::Below(owner.id.pid))
                } else if is_handler || below.is_some() {
                    free()
                } else if process.reads_pipe && feeds.get(at) == Some(&true) {
                    (Role::Bystander, Reason::ReadsPipeline)
                } else if let Some(role) = known(process).finishing {
                    (role, Reason::Finishing)
                } else {
                    (Role::Foreground, Reason::AwaitedBy(owner.id.pid))
                }
            }
            _ => free(),
        };
        verdicts.push(Verdict { role, reason });
    }
    verdicts
}

/// Whether the signal reaches something in the process that acts on it.
pub fn handles(process: &Process, only_known: bool) -> bool {
    match process.disposition {
        Disposition::Caught => true,
        Disposition::Blocked | Disposition::Waiting => process.kind != Kind::Shell,
        Disposition::Hidden => process.kind != Kind::Shell && !only_known,
        Disposition::Unreadable => true,
        Disposition::Ignored | Disposition::Default => false,
    }
}

/// For each process, the pid of the nearest owner that it is or has below it.
fn handler_below(snapshot: &Snapshot, owners: &[bool]) -> Vec<Option<i32>> {
    let mut found: Vec<Option<i32>> =
        snapshot.processes.iter().zip(owners).map(|(p, owner)| owner.then_some(p.id.pid)).collect();
    // Children stand behind their parents, so backwards each is settled before its parent is.
    for (index, process) in snapshot.processes.iter().enumerate().rev() {
        if let Some(owner) = found.get(index).copied().flatten()
            && let Some(above) = process.above.and_then(|above| found.get_mut(above))
        {
            above.get_or_insert(owner);
        }
    }
    found
}

/// Whether a child of a shell with a trap runs in its background, where a trap runs at once and
/// sees to the child.
///
/// A shell without job control starts a background job with INT and QUIT ignored (POSIX, 2.11); a
/// program may catch one of them afterwards, so either is enough. A shell that is such a job itself
/// hands both down to every child. INT shows that it is: bash ignores QUIT in any case, and gives
/// it back to its commands.
fn in_background(child: &Process, shell: &Process, question: &Question) -> bool {
    let from_above =
        |s: Signal| question.inherited_ignored.has(s) || shell.ignored.has(Signal::INT);
    let telling = [Signal::INT, Signal::QUIT].into_iter().filter(|s| !from_above(*s));
    shell.in_wait || telling.into_iter().any(|s| child.ignored.has(s))
}

/// The one process that `--deliver child` means, if that can be told: for a nested namespace's init
/// without a handler the kernel drops every signal, and those inside would never be told either.
fn chosen_to_be_told(snapshot: &Snapshot, question: &Question) -> Option<usize> {
    let deaf = |p: &Process| p.nested_init && !handles(p, false);
    chosen(snapshot, question).filter(|at| !snapshot.processes.get(*at).is_some_and(deaf))
}

/// The one process that `--deliver child` means: the main process, or the child of a shell without
/// a trap, if it has any.
fn chosen(snapshot: &Snapshot, question: &Question) -> Option<usize> {
    let main = snapshot.processes.iter().position(|p| p.id.pid == question.main)?;
    let shell =
        snapshot.processes.get(main).filter(|p| p.kind == Kind::Shell && !handles(p, false));
    let Some(shell) = shell else { return Some(main) };
    let mut children = snapshot.processes.iter().enumerate().filter(|(_, p)| p.above == Some(main));
    let last = children.clone().next_back();
    let foreground = |(_, p): &(usize, &Process)| !in_background(p, shell, question);
    // The last of a pipeline reads what the program writes.
    let writer = children.clone().rfind(|child| foreground(child) && !child.1.reads_pipe);
    writer.or(children.rfind(foreground)).or(last).map(|(child, _)| child)
}

fn plan_child(snapshot: &Snapshot, chosen: usize) -> Vec<Verdict> {
    let pid = snapshot.processes.get(chosen).map_or(0, |p| p.id.pid);
    let only = |index: usize| (index == chosen).then_some(pid);
    let is_chosen: Vec<bool> =
        (0..snapshot.processes.len()).map(|index| only(index).is_some()).collect();
    let above = handler_below(snapshot, &is_chosen);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(is_chosen.len());
    for (index, process) in snapshot.processes.iter().enumerate() {
        let parent = process.above.and_then(|at| verdicts.get(at));
        let (role, reason) = match parent {
            _ if index == chosen => (Role::Handler, Reason::Chosen),
            Some(Verdict { role: Role::Handler | Role::Worker, .. }) => {
                (Role::Worker, Reason::Below(pid))
            }
            _ if above.get(index).copied().flatten().is_some() => {
                (Role::Shielded, Reason::Above(pid))
            }
            _ => (Role::Bystander, Reason::Nothing),
        };
        verdicts.push(Verdict { role, reason });
    }
    verdicts
}
