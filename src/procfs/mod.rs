//! The process table as plain values: reads `/proc`, decides nothing, sends nothing.
//!
//! Reading a tree of processes takes time in which it changes. A process that is gone by the time
//! it is read is no error; one whose parent is gone by then is read again; what is born meanwhile
//! is seen by the next look. The parsers take bytes, since names hold anything.

mod descent;
mod disposition;
mod files;
mod identity;
mod parse;
mod pipes;

pub(crate) use descent::zombies;
pub use files::NoDescriptor;
pub(crate) use files::read_file;
pub(crate) use identity::{has_ended, has_other_name, identify};
#[cfg(any(test, fuzzing))]
pub use parse::check_parsers;

use crate::printable::printable;
use crate::process::{Disposition, Kind, ProcId, Process, Snapshot};
use crate::programs::kind;
use crate::signal::{Signal, SignalSet};
use crate::system::sys::{self, FileId};
use descent::{Seen, Table};
use disposition::{
    FirstSight, GONE, MOMENTS, Sight, first_sight, is_quiet, is_shells_own, shell_waits,
};
use files::{Proc, is_gone};
use nix::errno::Errno;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use parse::{Stat, words};
use pipes::stdin_of;
use std::cell::OnceCell;
use std::fs;

/// How much of each process is looked at. A file of /proc costs some ten microseconds, and a tree
/// can have thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What shows whether anybody handles the signal, and the whole where somebody does. Where
    /// nobody does, every role is the same: kinds, stdins and nested namespaces are then left
    /// unread.
    Deciding,
    /// All that a [`Process`] holds.
    Whole,
}

/// What is known of the reader itself, found out once.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its pid.
    pub pid: i32,
    /// `/proc/<pid>/stat` shows the signal sets too (gVisor's does not), so `status` is read only
    /// where it decides.
    stat_has_signals: bool,
    /// How many PID namespaces its own is deep, as far as this /proc shows.
    depth: OnceCell<usize>,
    /// Its stdin: a pipe from outside is none that the tree made.
    stdin: OnceCell<Option<FileId>>,
    /// Keep the command lines, which can hold secrets.
    pub show_arguments: bool,
}

impl Own {
    /// Looks at the calling process, which has to have a signal blocked.
    pub fn look(show_arguments: bool) -> Self {
        let own = Self::of(i32::try_from(std::process::id()).unwrap_or(0), show_arguments);
        let shown = Proc::default().stat(own.pid).ok().and_then(|stat| stat.signals);
        Self { stat_has_signals: shown.is_some_and(|sets| sets.blocked != SignalSet::EMPTY), ..own }
    }

    /// Looks at another process, whose tree is wanted.
    pub fn of(pid: i32, show_arguments: bool) -> Self {
        let (depth, stdin) = (OnceCell::new(), OnceCell::new());
        Self { pid, stat_has_signals: false, depth, stdin, show_arguments }
    }

    fn depth(&self, proc: &mut Proc) -> usize {
        let seen = || proc.status(self.pid).ok().flatten().map_or(1, |status| status.depth);
        *self.depth.get_or_init(seen)
    }

    fn stdin(&self) -> Option<FileId> {
        *self.stdin.get_or_init(|| stdin_of(self.pid).ok())
    }
}

/// Every process below this one, seen with regard to `signal`. `None` where there is no /proc, or
/// one of another PID namespace, whose numbers would name other processes.
///
/// # Errors
/// [`NoDescriptor`] where not a single one is to be had.
pub fn look_below(
    root: &Own,
    signal: Signal,
    detail: Detail,
) -> Result<Option<Snapshot>, NoDescriptor> {
    if root.pid < 1 {
        // Not even adieu's own pid is known; below 0 there would be adieu itself.
        return Ok(None);
    }
    let myself = fs::read_link("/proc/self").ok();
    if myself.and_then(|link| link.to_str()?.parse().ok()) != Some(std::process::id()) {
        return Ok(None);
    }
    // Ordinary files that were mounted over it could name any process as one of this tree.
    if !statfs("/proc").is_ok_and(|it| it.filesystem_type() == PROC_SUPER_MAGIC) {
        return Ok(None);
    }
    let mut proc = Proc::open();
    let table = Table::below(&mut proc, root, signal)?;
    let is_reader = i32::try_from(std::process::id()) == Ok(root.pid);
    if table.stats.is_empty() || is_reader && !table.stats.contains_key(&root.pid) {
        // It may not be listed, or not read: an empty tree would be a guess.
        return Ok(None);
    }
    let tree = table.tree(root.pid);
    let mut sights: Vec<FirstSight> = tree
        .iter()
        .map(|(seen, _)| {
            seen.sight.unwrap_or_else(|| first_sight(&mut proc, root, &seen.stat, None, signal))
        })
        .collect();
    for moment in MOMENTS.into_iter().take_while(|_| detail == Detail::Deciding) {
        let awake = tree.iter().zip(&mut sights).filter(|(_, sight)| sight.awake);
        let mut awake: Vec<_> = awake.map(|((seen, _), sight)| (seen.stat.pid, sight)).collect();
        if awake.is_empty() {
            break;
        }
        sys::pause(moment);
        for (pid, sight) in &mut awake {
            **sight = proc.see(*pid, root, signal).map_or(GONE, |(_, sight)| sight);
        }
    }
    let quiet = |sight: &FirstSight| sight.by_stat && sight.disposition.is_some_and(is_quiet);
    let whole = detail == Detail::Whole || !sights.iter().all(quiet);
    let mut processes = Vec::with_capacity(tree.len());
    // Where each of the tree stands in the snapshot, or its nearest ancestor that lives.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(tree.len());
    for ((Seen { stat, .. }, above), sight) in tree.iter().zip(sights) {
        let above = above.and_then(|at| places.get(at).copied().flatten());
        let parent: Option<&Process> = above.and_then(|at| processes.get(at));
        let below_shell = parent.is_some_and(|parent| parent.kind == Kind::Shell);
        let sight = Sight { first: sight, whole, below_shell };
        let process = Some(stat)
            .filter(|s| s.alive)
            .and_then(|s| read_process(&mut proc, root, s, above, signal, sight));
        places.push(if process.is_some() { Some(processes.len()) } else { above });
        processes.extend(process);
    }
    Ok(Some(Snapshot { processes, tick: tick(), last_pid: last_pid(&mut proc) }))
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
pub(crate) fn one(root: &Own, pid: i32, signal: Signal) -> Option<Process> {
    let proc = &mut Proc::default();
    let (stat, first) = proc.see(pid, root, signal).ok()?;
    let mut process = read_process(
        proc,
        root,
        &stat,
        None,
        signal,
        Sight { first, whole: true, below_shell: false },
    )?;
    // Counted from the reader: the root's own namespace is no nested one for what is below it.
    let status = proc.status(pid).ok()?;
    process.nested_init = status.is_some_and(|s| s.innermost == Some(1));
    Some(process)
}

fn read_process(
    proc: &mut Proc,
    own: &Own,
    stat: &Stat,
    above: Option<usize>,
    signal: Signal,
    sight: Sight,
) -> Option<Process> {
    let pid = stat.pid;
    let mut first = sight.first;
    let mut process = Process {
        id: ProcId { pid, start: stat.start },
        parent: stat.parent,
        above,
        own_child: stat.parent == own.pid,
        group: stat.group,
        name: printable(&stat.name),
        arguments: String::new(),
        kind: Kind::Program,
        disposition: first.disposition.unwrap_or(Disposition::Unreadable),
        ignored: stat.signals.map_or(SignalSet::EMPTY, |s| s.ignored),
        stopped: stat.stopped,
        nested_init: false,
        reads_pipe: false,
        stdin_hidden: false,
        in_wait: false,
    };
    if !sight.whole && first.disposition.is_some_and(is_quiet) && !own.show_arguments {
        return Some(process);
    }
    let command_line = proc.small(format_args!("{pid}/cmdline")).unwrap_or_default();
    process.kind = kind(&stat.name, &command_line);
    if own.show_arguments {
        process.arguments = words(&command_line);
    }
    let mut signals = stat.signals;
    if sight.is_fleeting()
        && let Ok((fresh, sight)) = proc.see(pid, own, signal)
    {
        // Never a program's name with what its shell did: what is seen after the name holds.
        first = sight;
        for moment in MOMENTS {
            if !first.awake || !first.disposition.is_some_and(is_quiet) {
                break;
            }
            // It was seen to do something with the signal a moment ago.
            sys::pause(moment);
            first = first_sight(proc, own, &fresh, None, signal);
        }
        process.disposition = first.disposition.unwrap_or(Disposition::Unreadable);
        process.ignored = fresh.signals.map_or(SignalSet::EMPTY, |s| s.ignored);
        signals = fresh.signals;
    }
    let quiet = first.disposition.is_some_and(is_quiet);
    let by_stat = first.by_stat && first.disposition.is_some();
    // The init of a namespace that handles the signal gets it like any other process.
    if quiet || !by_stat {
        let status = match proc.status(pid) {
            Ok(status) => status,
            Err(e) if is_gone(&e) => return None,
            Err(_) => None,
        };
        process.nested_init =
            status.as_ref().is_some_and(|s| s.innermost == Some(1) && s.depth > own.depth(proc));
        if !by_stat {
            signals = status.map(|s| s.signals);
            process.ignored = signals.map_or(SignalSet::EMPTY, |s| s.ignored);
        }
    }
    if let Some(signals) = signals {
        let seen = signals.disposition(signal);
        process.disposition = match first.disposition {
            // Of a shell only the handler counts.
            _ if process.kind == Kind::Shell => {
                if is_shells_own(&signals, &command_line, signal) {
                    Disposition::Default
                } else {
                    seen
                }
            }
            Some(known) => known,
            None => seen,
        };
    }
    let shell = process.kind == Kind::Shell;
    process.in_wait = shell && process.disposition == Disposition::Caught && shell_waits(proc, pid);
    // What a program with a handler reads decides nothing.
    if process.kind != Kind::Program || process.disposition != Disposition::Caught {
        let stdin = stdin_of(pid);
        // May not be read: better to wait a moment for a reader that is none than to cut one off.
        process.stdin_hidden = matches!(stdin, Err(Errno::EACCES | Errno::EPERM));
        process.reads_pipe = match stdin {
            Ok(file) => file.is_piped() && Some(file) != own.stdin(),
            Err(_) => process.stdin_hidden,
        };
    }
    Some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_below_its_parent() {
        let own = Own::look(false);
        let me = identify(own.pid).expect("a descriptor").expect("alive");
        assert_eq!(me.pid, own.pid);
        let parent = Own { pid: nix::unistd::getppid().as_raw(), ..own };
        let below = look_below(&parent, Signal::TERM, Detail::Whole)
            .expect("a descriptor")
            .expect("a /proc");
        assert!(below.processes.iter().any(|p| p.id == me && p.own_child));
    }
}
