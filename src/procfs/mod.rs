//! The process table as plain values: reads `/proc`, decides nothing, sends nothing.
//!
//! Two files are read of every process: `stat` says which process it is (its start time is in no
//! other file) and whose child, and `status` what it does with the signals. Reading a tree takes
//! time in which it changes. A process that has ended by the time it is read is left out; one whose
//! parent has ended by then is read again; what is started meanwhile is seen by the next look.

mod descent;
mod disposition;
mod files;
mod identity;
pub(crate) mod machine;
mod parse;
mod pipes;
pub(crate) mod place;

pub(crate) use descent::zombies;
pub use files::NoDescriptor;
pub(crate) use files::read_file;
pub(crate) use identity::{
    blocks_every_signal, has_ended, has_other_name, identify, runs_this_program,
};
#[cfg(any(test, fuzzing))]
pub use parse::check_parsers;

use crate::printable::printable;
use crate::process::{Disposition, Kind, Outputs, ProcId, Process, Snapshot, Stdin};
use crate::programs::{Wrappers, kind};
use crate::signal::{Signal, SignalSet};
use crate::system::sys::{self, FileId};
use descent::{Member, Table};
use disposition::{
    Observed, PAUSES, observe, observe_until_settled, of_shell, read_status, shell_wait,
};
use files::{Proc, is_gone};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use parse::{Stat, words};
use std::cell::OnceCell;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};

/// How much of each process is read. A file of /proc costs some ten microseconds, and a tree can
/// have thousands of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What shows whether anybody handles the signal, and all of it where somebody does. Where
    /// nobody does, every role is the same: kinds and stdins are then left unread.
    Deciding,
    /// All that a [`Process`] holds.
    Whole,
}

/// The process whose tree is looked at, with what is found out about it once.
#[derive(Clone, Debug)]
pub struct Observer {
    /// Its pid.
    pub pid: i32,
    /// Keep the command lines, which can hold secrets.
    pub show_arguments: bool,
    /// The user's own wrappers.
    wrappers: Wrappers,
    /// How many PID namespaces its own is deep, as far as this /proc shows.
    depth: OnceCell<usize>,
    /// Its stdin. A pipe from outside is none that the tree made.
    stdin: OnceCell<Option<FileId>>,
}

impl Observer {
    /// The calling process.
    pub fn this_process(show_arguments: bool) -> Self {
        Self::of(i32::try_from(std::process::id()).unwrap_or(0), show_arguments)
    }

    /// Another process.
    pub fn of(pid: i32, show_arguments: bool) -> Self {
        Self {
            pid,
            show_arguments,
            wrappers: Wrappers::default(),
            depth: OnceCell::new(),
            stdin: OnceCell::new(),
        }
    }

    /// The same, with the user's own wrappers.
    #[must_use]
    pub(crate) fn with_wrappers(self, wrappers: &Wrappers) -> Self {
        Self { wrappers: wrappers.clone(), ..self }
    }

    fn depth(&self, proc: &mut Proc) -> usize {
        let mut depth = || Some(read_status(proc, self.pid).ok()??.depth);
        *self.depth.get_or_init(|| depth().unwrap_or(1))
    }

    fn stdin(&self) -> Option<FileId> {
        *self.stdin.get_or_init(|| pipes::stdin_of(self.pid).ok())
    }
}

/// Every process below the observer, read with regard to `signal`. `None` where there is no /proc,
/// or one of another PID namespace, whose numbers would name other processes.
///
/// # Errors
/// [`NoDescriptor`] where not a single one is to be had.
pub fn look_below(
    observer: &Observer,
    signal: Signal,
    detail: Detail,
) -> Result<Option<Snapshot>, NoDescriptor> {
    // Below 1 not even adieu's own pid is known; below 0 there would be adieu itself.
    if observer.pid < 1 || !is_our_own_proc() {
        return Ok(None);
    }
    let mut proc = Proc::open();
    let table = Table::below(&mut proc, observer.pid)?;
    let is_this_process = i32::try_from(std::process::id()) == Ok(observer.pid);
    if table.is_empty() || is_this_process && !table.has(observer.pid) {
        // /proc may not be listed, or not read: an empty tree would be a guess.
        return Ok(None);
    }
    let tree = table.tree(observer.pid);
    let mut observed = Vec::with_capacity(tree.len());
    for member in &tree {
        observed.push(observe_living(&mut proc, member.stat, signal)?);
    }
    if detail == Detail::Deciding {
        observe_running_again(&mut proc, &tree, &mut observed, signal)?;
    }
    let handled = observed.iter().flatten().any(|observed| !observed.does_nothing());
    let whole = handled || detail == Detail::Whole || observer.show_arguments;
    let processes = living(&mut proc, observer, &tree, observed, (signal, detail, whole));
    Ok(Some(Snapshot { processes, tick: tick(), last_pid: last_pid(&mut proc) }))
}

/// The living processes of the tree with regard to this signal; whole ones, if they are to be.
fn living(
    proc: &mut Proc,
    observer: &Observer,
    tree: &[Member<'_>],
    observed: Vec<Option<Observed>>,
    (signal, detail, whole): (Signal, Detail, bool),
) -> Vec<Process> {
    let mut processes: Vec<Process> = Vec::with_capacity(tree.len());
    // Where each process of the tree stands in the list, or its nearest living ancestor.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(tree.len());
    for (Member { stat, parent }, observed) in tree.iter().zip(observed) {
        let above = parent.and_then(|at| places.get(at).copied().flatten());
        let parent_is_shell =
            above.and_then(|at| processes.get(at)).is_some_and(|parent| parent.kind == Kind::Shell);
        let process = observed.and_then(|observed| {
            let process = basics(proc, observer, stat, above, &observed, signal);
            if !whole {
                return Some(process);
            }
            complete(proc, observer, process, observed, signal, parent_is_shell)
        });
        places.push(if process.is_some() { Some(processes.len()) } else { above });
        processes.extend(process);
    }
    if whole {
        pipes::connect(&mut processes, observer.stdin(), detail == Detail::Deciding);
    }
    processes
}

/// Whether /proc is there, is a procfs, and shows the PID namespace of the calling process.
fn is_our_own_proc() -> bool {
    let myself = fs::read_link("/proc/self").ok();
    myself.and_then(|link| link.to_str()?.parse().ok()) == Some(std::process::id())
        // Ordinary files that were mounted over it could name any process as one of this tree.
        && statfs("/proc").is_ok_and(|it| it.filesystem_type() == PROC_SUPER_MAGIC)
}

/// What a process of the tree does with the signal; `None` where it has ended.
fn observe_living(
    proc: &mut Proc,
    stat: &Stat,
    signal: Signal,
) -> Result<Option<Observed>, NoDescriptor> {
    if !stat.alive {
        return Ok(None);
    }
    proc.listed(|proc| observe(proc, stat.pid, signal))
}

/// Observes the processes again that were running, all of them after the same pauses.
fn observe_running_again(
    proc: &mut Proc,
    tree: &[Member<'_>],
    observed: &mut [Option<Observed>],
    signal: Signal,
) -> Result<(), NoDescriptor> {
    for pause in PAUSES {
        let is_running = |seen: &Option<Observed>| seen.as_ref().is_some_and(|it| it.was_running);
        if !observed.iter().any(is_running) {
            break;
        }
        sys::pause(pause);
        for (member, seen) in tree.iter().zip(observed.iter_mut()) {
            if is_running(seen) {
                *seen = observe_living(proc, member.stat, signal)?;
            }
        }
    }
    Ok(())
}

/// The pid that was given last in this PID namespace, the fifth field of `/proc/loadavg`
/// (`proc_loadavg(5)`).
fn last_pid(proc: &mut Proc) -> i32 {
    let fifth =
        |text: &[u8]| std::str::from_utf8(text).ok()?.split_ascii_whitespace().nth(4)?.parse().ok();
    proc.line(format_args!("loadavg"), fifth).ok().flatten().unwrap_or(0)
}

/// The time since boot in clock ticks, the unit in which /proc gives the start of a process.
fn tick() -> u64 {
    let boot =
        nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
    let per_second =
        nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let ticks =
        boot.unwrap_or_default().as_millis() * u128::try_from(per_second).unwrap_or(100) / 1_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// The process with this pid itself, as [`look_below`] shows those below it.
pub(crate) fn one(observer: &Observer, pid: i32, signal: Signal) -> Option<Process> {
    let proc = &mut Proc::default();
    let stat = proc.stat(pid).ok()?;
    of_stat(proc, observer, &stat, signal)
}

/// The process of this `stat`.
fn of_stat(proc: &mut Proc, observer: &Observer, stat: &Stat, signal: Signal) -> Option<Process> {
    let observed = observe_living(proc, stat, signal).ok()??;
    // Counted from the reader: the observer's own namespace is no nested one for what is below it.
    let nested_init = observed.status.as_ref().is_some_and(|it| it.innermost == Some(1));
    let process = basics(proc, observer, stat, None, &observed, signal);
    let process = complete(proc, observer, process, observed, signal, false)?;
    Some(Process { nested_init, ..process })
}

/// What `stat` and one observation show of a process.
fn basics(
    proc: &mut Proc,
    observer: &Observer,
    stat: &Stat,
    above: Option<usize>,
    observed: &Observed,
    signal: Signal,
) -> Process {
    let status = observed.status.as_ref();
    Process {
        id: ProcId { pid: stat.pid, start: stat.start },
        parent: stat.parent,
        above,
        own_child: stat.parent == observer.pid,
        group: stat.group,
        name: printable(&stat.name),
        arguments: String::new(),
        kind: Kind::Program,
        disposition: observed.disposition,
        ignored: status.map_or(SignalSet::EMPTY, |status| status.signals.ignored),
        stopped: stat.stopped,
        nested_init: status
            .is_some_and(|it| it.innermost == Some(1) && it.depth > observer.depth(proc)),
        stdin: Stdin::Other,
        outputs: Outputs::default(),
        in_wait: false,
        stack: None,
        waits: false,
        switches: status.map_or(0, |status| status.switches),
        pending: status.is_some_and(|status| status.pending.has(signal)),
        command: 0,
    }
}

/// A number that other command lines do not have, but for chance; 0 for one that cannot be read.
fn fingerprint(command_line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(command_line);
    if command_line.is_empty() { 0 } else { hasher.finish() }
}

/// Adds the rest: what sort of program it is, and what it waits for if that is a shell. `None`
/// where it has ended meanwhile.
fn complete(
    proc: &mut Proc,
    observer: &Observer,
    mut process: Process,
    observed: Observed,
    signal: Signal,
    parent_is_shell: bool,
) -> Option<Process> {
    let pid = process.id.pid;
    let command_line = proc.start_of(format_args!("{pid}/cmdline")).unwrap_or_default();
    process.command = fingerprint(&command_line);
    process.kind = kind(process.name.as_bytes(), &command_line, &observer.wrappers);
    if observer.show_arguments {
        process.arguments = words(&command_line);
    }
    let observed = if observed.may_be_before_exec(parent_is_shell) {
        // Read the dispositions again after the name, so that a program is never paired with its
        // shell's.
        match observe_until_settled(proc, pid, signal) {
            Ok(again) => again,
            Err(e) if is_gone(&e) => return None,
            Err(_) => observed,
        }
    } else {
        observed
    };
    process.disposition = observed.disposition;
    if let Some(status) = &observed.status {
        process.ignored = status.signals.ignored;
        if process.kind == Kind::Shell {
            process.disposition = of_shell(&status.signals, &command_line, signal);
        }
    }
    let handles = process.disposition == Disposition::Caught;
    if process.kind == Kind::Shell && handles {
        let wait = shell_wait(proc, pid);
        (process.in_wait, process.stack, process.waits) = (wait.in_wait, wait.stack, wait.waits);
    }
    Some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_below_its_parent() {
        let observer = Observer::this_process(false);
        let me = identify(observer.pid).expect("a descriptor").expect("alive");
        assert_eq!(me.pid, observer.pid);
        let parent = Observer::of(nix::unistd::getppid().as_raw(), false);
        let below = look_below(&parent, Signal::TERM, Detail::Whole)
            .expect("a descriptor")
            .expect("a /proc");
        assert!(below.processes.iter().any(|p| p.id == me && p.own_child));
    }
}
