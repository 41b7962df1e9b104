//! The process table as plain values: reads `/proc`, decides nothing, sends nothing.
//!
//! Reading a tree of processes takes time in which it changes. A process that is gone by the time
//! it is read is no error; one whose parent is gone by then is read again; what is born meanwhile
//! is seen by the next look. The parsers take bytes, since names hold anything.

#[cfg(any(test, fuzzing))]
use crate::printable::is_unfit;
use crate::printable::printable;
use crate::process::{Disposition, Kind, ProcId, Process, Snapshot};
use crate::programs::{base_name, kind};
use crate::signal::{Signal, SignalSet};
use crate::system::sys::{self, FileId};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::sys::uio::pread;
use nix::unistd::read;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BinaryHeap};
use std::ffi::{CStr, CString};
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

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

/// The process has no descriptor left to look with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDescriptor;

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

/// The parents among the root and these processes that leave zombies behind, with their names and
/// how many. Looks twice: every child is a zombie for the moment until its parent has waited for
/// it.
pub(crate) fn zombies(root: &Own, below: &Snapshot) -> Vec<(i32, String, usize)> {
    const LONGER: std::time::Duration = std::time::Duration::from_millis(100);
    let pids: Vec<i32> =
        [root.pid].into_iter().chain(below.processes.iter().map(|p| p.id.pid)).collect();
    let proc = &mut Proc::default();
    let Ok(first) = Table::all(proc, None) else { return Vec::new() };
    if pids.iter().all(|pid| first.zombies_of(*pid).next().is_none()) {
        return Vec::new();
    }
    sys::pause(LONGER);
    let Ok(second) = Table::all(proc, None) else { return Vec::new() };
    let found = pids.into_iter().filter_map(|pid| {
        let still = |id: &ProcId| second.zombies_of(pid).any(|other| other == *id);
        let count = first.zombies_of(pid).filter(still).count();
        (count > 0).then_some((pid, printable(&second.stats.get(&pid)?.stat.name), count))
    });
    found.collect()
}

/// The cheap part of every process that matters: who is whose child.
struct Table {
    stats: BTreeMap<i32, Seen>,
    /// Parents, each with a child, in order.
    children: Vec<(i32, i32)>,
}

/// One process of the table.
struct Seen {
    stat: Stat,
    /// Where it was taken at once.
    sight: Option<FirstSight>,
}

impl From<Stat> for Seen {
    fn from(stat: Stat) -> Self {
        Self { stat, sight: None }
    }
}

/// How often a tree is gone down that changes meanwhile, before the whole machine is listed
/// instead.
const DESCENTS: usize = 3;

impl Table {
    /// At least the process and everything below it. The init of a PID namespace has most of the
    /// namespace below it and lists that; whoever shares its namespace with others goes down from
    /// parent to child, so that a look costs what its own tree does, not what the machine has.
    fn below(proc: &mut Proc, root: &Own, signal: Signal) -> Result<Self, NoDescriptor> {
        if root.pid == 1 {
            return Self::all(proc, Some((root, signal)));
        }
        for _ in 0..DESCENTS {
            match Self::descend(proc, root.pid)? {
                Descent::Whole(stats) => return Ok(Self::of(stats)),
                Descent::Changed => {}
                Descent::Unknown => break,
            }
        }
        Self::all(proc, None)
    }

    /// Every process of this /proc. Where all of them are wanted, and for what, the first sight of
    /// each is taken while its `stat` is open.
    fn all(proc: &mut Proc, wanted: Option<(&Own, Signal)>) -> Result<Self, NoDescriptor> {
        let pids = match proc.numbers("/proc") {
            Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
            pids => pids.unwrap_or_default(),
        };
        let mut stats: BTreeMap<i32, Seen> = BTreeMap::new();
        for pid in pids {
            let seen = match wanted.filter(|(own, _)| own.pid != pid) {
                Some((own, signal)) => proc
                    .listed(|proc| proc.see(pid, own, signal))?
                    .map(|(stat, sight)| Seen { stat, sight: Some(sight) }),
                None => proc.listed(|proc| proc.stat(pid))?.map(Seen::from),
            };
            stats.extend(seen.map(|seen| (pid, seen)));
        }
        // A parent that ended while we read: its child has another by now. One that is still its
        // parent is there, whatever reading it said.
        let orphans =
            stats.iter().filter(|(_, s)| s.stat.parent != 0 && !stats.contains_key(&s.stat.parent));
        for pid in orphans.map(|(pid, _)| *pid).collect::<Vec<_>>() {
            let again = proc.listed(|proc| proc.stat(pid))?;
            let parent = again.as_ref().map_or(0, |stat| stat.parent);
            if parent != 0
                && !stats.contains_key(&parent)
                && let Some(stat) = proc.listed(|proc| proc.stat(parent))?
            {
                stats.insert(parent, stat.into());
            }
            if let Some(seen) = stats.get_mut(&pid) {
                match again {
                    Some(again) => *seen = again.into(),
                    // Gone itself, it is in nobody's tree.
                    None => seen.stat.parent = 0,
                }
            }
        }
        Ok(Self::of(stats))
    }

    /// What is below a process, by `/proc/<pid>/task/<tid>/children`. The kernel leaves a child out
    /// of that list where the one before it ends while the list is being read
    /// (`proc_tid_children(5)`), so every child that was listed has to be there still when it is
    /// read itself. The children of one that ended come to the nearest subreaper above, which is
    /// the root or one between, whose list may have been read by then. So the lists of all that
    /// have children are read again, the lowest first, as children only ever move up, until that
    /// brings nobody new, or a few times: whoever is born that quickly is seen by the next look.
    fn descend(proc: &mut Proc, root: i32) -> Result<Descent, NoDescriptor> {
        let mut stats: BTreeMap<i32, Seen> = BTreeMap::new();
        match proc.stat(root).ok() {
            Some(stat) => stats.insert(root, stat.into()),
            None => return Ok(Descent::Unknown),
        };
        // Whom to read, and whether once more.
        let mut queue = vec![(root, false)];
        // Those that have children, each behind those above it.
        let mut parents: Vec<i32> = Vec::new();
        let mut returns = 0..DESCENTS;
        let mut news = true;
        loop {
            let Some((parent, again)) = queue.pop() else {
                if !news || returns.next().is_none() {
                    return Ok(Descent::Whole(stats));
                }
                news = false;
                queue.extend(parents.iter().map(|parent| (*parent, true)));
                continue;
            };
            let threads = stats.get(&parent).map_or(1, |seen| seen.stat.threads);
            let children = match proc.children_of(parent, threads) {
                Ok(children) => children,
                Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
                Err(_) if parent == root => return Ok(Descent::Unknown),
                // Gone since: what it had is below one of those that come next.
                Err(_) if again => continue,
                Err(_) => return Ok(Descent::Changed),
            };
            if !again && !children.is_empty() {
                parents.push(parent);
            }
            for child in children {
                if stats.get(&child).is_some_and(|seen| seen.stat.parent == parent) {
                    continue;
                }
                match proc.stat(child).ok() {
                    Some(stat) if stat.parent == parent => {
                        // The dead have nobody below them. In a storm of forks there are thousands
                        // that adieu reaps after the look, and the longer it takes the more they
                        // are.
                        queue.extend(stat.alive.then_some((child, false)));
                        stats.insert(child, stat.into());
                        news = true;
                    }
                    _ => return Ok(Descent::Changed),
                };
            }
        }
    }

    fn of(stats: BTreeMap<i32, Seen>) -> Self {
        let children = stats.iter().map(|(pid, seen)| (seen.stat.parent, *pid));
        let children = children.collect::<BinaryHeap<_>>().into_sorted_vec();
        Self { stats, children }
    }

    fn children_of(&self, pid: i32) -> impl Iterator<Item = &Stat> {
        let first = self.children.partition_point(|(parent, _)| *parent < pid);
        let from_there = self.children.get(first..).unwrap_or_default().iter();
        let children = from_there.take_while(move |(parent, _)| *parent == pid);
        children.filter_map(|(_, child)| self.stats.get(child)).map(|seen| &seen.stat)
    }

    fn zombies_of(&self, pid: i32) -> impl Iterator<Item = ProcId> {
        let dead = self.children_of(pid).filter(|stat| !stat.alive);
        dead.map(|stat| ProcId { pid: stat.pid, start: stat.start })
    }

    /// Everything below a process, parents before their children and older siblings before younger
    /// ones, each with the place of its parent in this list (`None` for the process itself).
    fn tree(&self, root: i32) -> Vec<(&Seen, Option<usize>)> {
        let mut found = Vec::new();
        let mut queue: Vec<(i32, Option<usize>)> = vec![(root, None)];
        while let Some((pid, above)) = queue.pop() {
            let seen = self.stats.get(&pid).filter(|_| pid != root);
            found.extend(seen.map(|seen| (seen, above)));
            let here = if seen.is_some() { Some(found.len() - 1) } else { above };
            // A number that was given anew between two reads must not make a ring.
            let children = self.children_of(pid).filter(|stat| stat.pid != root);
            let by_age = children.map(|stat| (stat.start, stat.pid));
            // Oldest last: the queue is taken from its end. (A heap, since std's sort is 8 kB.)
            let by_age = by_age.collect::<BinaryHeap<_>>().into_sorted_vec();
            queue.extend(by_age.into_iter().rev().map(|(_, pid)| (pid, here)));
        }
        found
    }
}

/// What came of going down a tree.
enum Descent {
    Whole(BTreeMap<i32, Seen>),
    /// Somebody ended meanwhile, so others may have been left out.
    Changed,
    /// This kernel shows nobody's children (`CONFIG_PROC_CHILDREN`), or not the root.
    Unknown,
}

/// The process that has this pid now, if there is one.
///
/// # Errors
/// [`NoDescriptor`] where none is to be had to look with.
pub(crate) fn identify(pid: i32) -> Result<Option<ProcId>, NoDescriptor> {
    match Proc::default().line(format_args!("{pid}/stat"), Stat::parse) {
        Err(e) if is_exhausted(&e) => Err(NoDescriptor),
        stat => Ok(stat.ok().flatten().map(|stat| ProcId { pid, start: stat.start })),
    }
}

/// Whether the process has another name by now, as it gets with every program that it executes.
/// Where that may not be read it has not.
pub(crate) fn has_other_name(pid: i32, name: &str) -> bool {
    Proc::default().stat(pid).is_ok_and(|stat| printable(&stat.name) != name)
}

/// Whether this process has ended: its pid is free or another's by now, or it is a zombie that its
/// parent has not reaped. Where /proc cannot be read, nor a descriptor be had for it, only a free
/// pid tells.
pub(crate) fn has_ended(id: ProcId) -> bool {
    let stat =
        || Proc::default().stat(id.pid).is_ok_and(|stat| !stat.alive || stat.start != id.start);
    sys::exists(id.pid) == Err(Errno::ESRCH) || stat()
}

fn is_exhausted(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// What the first, cheap pass showed of a process, and what is wanted beyond that.
#[derive(Clone, Copy)]
struct Sight {
    first: FirstSight,
    /// The rest is wanted too.
    whole: bool,
    /// Its parent is a shell.
    below_shell: bool,
}

impl Sight {
    /// Whether the process may have been seen between fork and exec, with a shell's mask or its
    /// parent's trap.
    fn is_fleeting(self) -> bool {
        match self.first.disposition {
            None | Some(Disposition::Default | Disposition::Ignored) => false,
            Some(Disposition::Caught) => self.below_shell,
            Some(_) => true,
        }
    }
}

/// What a process, taken for a program, would do with the signal.
#[derive(Clone, Copy)]
struct FirstSight {
    /// `None` where nothing may be read.
    disposition: Option<Disposition>,
    /// `/proc/<pid>/stat` was enough for that.
    by_stat: bool,
    /// It was awake and may have been about to show more: a program of which nothing was seen that
    /// it waits for the signal, or one with a handler that runs, which is a shell about to start a
    /// command, perhaps.
    awake: bool,
}

/// It ended while it was looked at.
const GONE: FirstSight =
    FirstSight { disposition: Some(Disposition::Default), by_stat: true, awake: false };

/// How often one that is awake is looked at without a wait: it may be in the middle of waking,
/// working and waiting again.
const AT_ONCE: usize = 3;
/// How long a deciding look waits for those that were awake, all of them at once: later looks
/// correct what an earlier one has missed. A thread that has been woken from `rt_sigtimedwait`
/// shows neither that nor its blocked signals until it has a processor. Mostly that is at once.
const MOMENTS: [std::time::Duration; 2] =
    [std::time::Duration::from_micros(200), std::time::Duration::from_micros(1_800)];

/// Does nothing with the signal of its own accord.
fn is_quiet(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Default | Disposition::Ignored)
}

/// What a process, taken for a program, would do with the signal. Its `stat` is read again where it
/// is `open` still, if it is.
fn first_sight(
    proc: &mut Proc,
    own: &Own,
    stat: &Stat,
    open: Option<&OwnedFd>,
    signal: Signal,
) -> FirstSight {
    let by_stat = own.stat_has_signals && signal.number() <= STAT_SIGNALS && stat.signals.is_some();
    let Some(signals) = (if by_stat { stat.signals } else { proc.signals(stat.pid) }) else {
        return FirstSight { disposition: None, by_stat, awake: false };
    };
    let mut seen = signals.disposition(signal);
    let mut awake = is_quiet(seen) && signal.can_be_caught() && stat.alive;
    for _ in 0..AT_ONCE {
        if !awake {
            break;
        }
        (seen, awake) = waits_for_signal(proc, stat.pid, stat.threads, seen);
        if is_quiet(seen) {
            // The kernel unblocks the signals for as long as a thread waits for them. One that woke
            // between the two looks showed nothing in either.
            let signals =
                if by_stat { proc.stat_again(stat.pid, open) } else { proc.signals(stat.pid) };
            seen = signals.map_or(seen, |signals| signals.disposition(signal));
            if awake && is_quiet(seen) && woken_by_signal(proc, stat.pid) {
                seen = Disposition::Waiting;
            }
            awake &= is_quiet(seen);
        }
    }
    // What a shell with a trap starts after the look counts as the trap's own work, and is not
    // told.
    awake |= seen == Disposition::Caught && stat.runs;
    FirstSight { disposition: Some(seen), by_stat, awake }
}

/// Whether a signal is pending that should have ended the process by now: the kernel ends it at
/// once, by a KILL, but for one that a thread in `rt_sigtimedwait` takes as soon as it has a
/// processor. (Signals that stop or dump core are pending for a moment in any process.)
fn woken_by_signal(proc: &mut Proc, pid: i32) -> bool {
    let ends = |signal: Signal| {
        let usual = [
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
            libc::SIGTERM,
        ];
        signal.number() > STAT_SIGNALS || usual.contains(&signal.number())
    };
    let status = proc.status(pid).ok().flatten();
    status.is_some_and(|Status { signals, pending, .. }| {
        let awaited = |signal: Signal| {
            pending.has(signal)
                && ends(signal)
                && signals.disposition(signal) == Disposition::Default
        };
        !pending.has(Signal::KILL) && (1..=64).filter_map(Signal::from_number).any(awaited)
    })
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

fn is_gone(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(libc::ESRCH)
}

/// The stdin of a process, the file behind the link.
fn stdin_of(pid: i32) -> Result<FileId, Errno> {
    sys::identify_file(&CString::new(format!("/proc/{pid}/fd/0")).unwrap_or_default())
}

/// `rt_sigtimedwait` under each number that `/proc/<pid>/syscall` can show: this kernel's own, and
/// those of the 32-bit programs that x86_64 and aarch64 run too. As 64-bit calls these are none, or
/// one that does not wait.
const SIGNAL_WAITS: [libc::c_long; 3] = [libc::SYS_rt_sigtimedwait, 177, 421];
/// `rt_sigsuspend`, likewise. As 64-bit calls this is none of a shell's, or one that does not wait.
const SIGNAL_SUSPENDS: [libc::c_long; 2] = [libc::SYS_rt_sigsuspend, 179];

/// Whether a thread of the process sits in `rt_sigtimedwait`, as `/proc/<pid>/task/<tid>/syscall`
/// shows it; what was `seen` otherwise, and whether one of the threads was awake.
fn waits_for_signal(
    proc: &mut Proc,
    pid: i32,
    threads: u64,
    seen: Disposition,
) -> (Disposition, bool) {
    let mut awake = false;
    let mut ask = |proc: &mut Proc, file: fmt::Arguments<'_>| {
        match proc.line(file, |text| (system_call(text), text.starts_with(b"running"))) {
            Ok((Some(call), _)) if SIGNAL_WAITS.contains(&call) => Some(Disposition::Waiting),
            Ok((_, runs)) => {
                awake |= runs;
                None
            }
            Err(e)
                if e.kind() == io::ErrorKind::PermissionDenied && seen == Disposition::Default =>
            {
                Some(Disposition::Hidden)
            }
            // Gone; or a kernel without this file, where such a program looks as if it did nothing.
            Err(_) => None,
        }
    };
    let found = if threads == 1 {
        ask(proc, format_args!("{pid}/syscall"))
    } else {
        let listed = proc.numbers(&format!("/proc/{pid}/task")).unwrap_or_default();
        listed.into_iter().find_map(|thread| ask(proc, format_args!("{pid}/task/{thread}/syscall")))
    };
    found.map_or((seen, awake), |found| (found, false))
}

/// Whether a shell with a trap sits in its `wait` builtin. dash and busybox ash wait for a
/// foreground command in `wait4` and in the builtin in `rt_sigsuspend` (seen of dash 0.5.12 and
/// busybox 1.35); the other shells make no difference, so for them this is always `false`.
fn shell_waits(proc: &mut Proc, pid: i32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = program.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    matches!(name, Some("dash" | "busybox"))
        && proc
            .line(format_args!("{pid}/syscall"), system_call)
            .is_ok_and(|call| call.is_some_and(|it| SIGNAL_SUSPENDS.contains(&it)))
}

/// The number at the start of `/proc/<pid>/syscall`; a running process has none.
fn system_call(text: &[u8]) -> Option<libc::c_long> {
    std::str::from_utf8(text).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// How much of a command line is kept.
const LONGEST_COMMAND: usize = 1_000;
/// The longest text that is read of one file: whole for what the kernel writes itself, a part of a
/// long command line.
const LONGEST: usize = 16 * 1024;

/// /proc, as one look reads it.
#[derive(Default)]
struct Proc {
    /// The directory, held open where a descriptor is to be had for it: the way there from the root
    /// is a third of what reading a short file costs.
    directory: Option<OwnedFd>,
}

impl Proc {
    fn open() -> Self {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Self { directory: uninterrupted(|| open("/proc", flags, Mode::empty())).ok() }
    }

    /// A file of it. Not std's `File`: that tries an interrupted call again without end.
    fn file(&mut self, name: fmt::Arguments<'_>) -> io::Result<OwnedFd> {
        const HERE: &[u8] = b"/proc/";
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        // On the stack, ending in a zero byte: some of these are read thousands of times.
        let mut path = [0; 64];
        let (_, mut room) = path.split_last_mut().ok_or(Errno::ENAMETOOLONG)?;
        room.write_all(HERE)?;
        room.write_fmt(name)?;
        let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::ENAMETOOLONG)?;
        if let Some(directory) = &self.directory
            && let Some(name) = path.to_bytes_with_nul().get(HERE.len()..)
            && let Ok(name) = CStr::from_bytes_with_nul(name)
        {
            match uninterrupted(|| openat(directory, name, flags, Mode::empty())) {
                Err(e) if is_exhausted(&e) => self.directory = None,
                file => return file,
            }
        }
        uninterrupted(|| open(path, flags, Mode::empty()))
    }

    /// A file of one short line, which the kernel hands out with one read.
    fn line<T>(
        &mut self,
        name: fmt::Arguments<'_>,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        let file = self.file(name)?;
        read_line(|line| read(&file, line), parse)
    }

    fn stat(&mut self, pid: i32) -> io::Result<Stat> {
        self.line(format_args!("{pid}/stat"), Stat::parse)?
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// What a process that was listed shows; `None` where it is gone by now or may not be read.
    /// Where no descriptor was to be had for a moment it is read once more: it would be missing for
    /// no reason of its own.
    fn listed<T>(
        &mut self,
        read: impl Fn(&mut Self) -> io::Result<T>,
    ) -> Result<Option<T>, NoDescriptor> {
        match read(self).or_else(|e| if is_exhausted(&e) { read(self) } else { Err(e) }) {
            Err(e) if is_exhausted(&e) => Err(NoDescriptor),
            seen => Ok(seen.ok()),
        }
    }

    /// The process at first sight. Its `stat` is held open meanwhile, since reading it again is
    /// cheap then; but only beside the directory, so that one descriptor is enough for a look.
    fn see(&mut self, pid: i32, own: &Own, signal: Signal) -> io::Result<(Stat, FirstSight)> {
        let file = self.file(format_args!("{pid}/stat"))?;
        let stat =
            read_line(|line| read(&file, line), Stat::parse)?.ok_or(io::ErrorKind::InvalidData)?;
        let file = Some(file).filter(|_| self.directory.is_some());
        let sight = first_sight(self, own, &stat, file.as_ref(), signal);
        Ok((stat, sight))
    }

    fn stat_again(&mut self, pid: i32, open: Option<&OwnedFd>) -> Option<Signals> {
        let again = open.and_then(|file| read_line(|line| pread(file, line, 0), Stat::parse).ok());
        again.unwrap_or_else(|| self.stat(pid).ok())?.signals
    }

    /// `None` where it shows no signals.
    fn status(&mut self, pid: i32) -> io::Result<Option<Status>> {
        self.small(format_args!("{pid}/status")).map(|bytes| Status::parse(&bytes))
    }

    fn signals(&mut self, pid: i32) -> Option<Signals> {
        self.status(pid).ok()?.map(|status| status.signals)
    }

    /// A file of at most some kilobytes.
    fn small(&mut self, name: fmt::Arguments<'_>) -> io::Result<Vec<u8>> {
        self.up_to(LONGEST, name)
    }

    fn up_to(&mut self, longest: usize, name: fmt::Arguments<'_>) -> io::Result<Vec<u8>> {
        let file = self.file(name)?;
        let (mut bytes, mut part) = (Vec::new(), [0; 2048]);
        while bytes.len() < longest {
            let count = uninterrupted(|| read(&file, &mut part))?;
            bytes.extend_from_slice(part.get(..count).unwrap_or_default());
            // Lists come in pieces of any length.
            if count == 0 || count < part.len() && longest == LONGEST {
                break;
            }
        }
        Ok(bytes)
    }

    /// The children of a process: of each of its threads those that this one forked.
    fn children_of(&mut self, pid: i32, threads: u64) -> io::Result<Vec<i32>> {
        let of_thread = |proc: &mut Self, thread: i32| {
            let text = proc.up_to(usize::MAX, format_args!("{pid}/task/{thread}/children"))?;
            let pids = text
                .split(u8::is_ascii_whitespace)
                .filter_map(|pid| std::str::from_utf8(pid).ok()?.parse().ok());
            Ok(pids.collect::<Vec<i32>>())
        };
        if threads <= 1 {
            return of_thread(self, pid);
        }
        let mut children = Vec::new();
        for thread in self.numbers(&format!("/proc/{pid}/task"))? {
            children.extend(of_thread(self, thread)?);
        }
        Ok(children)
    }

    /// The entries of a directory that are numbers. All at once, so that one descriptor is enough
    /// for a look.
    ///
    /// # Errors
    /// Also where it can be read in part only: what is missing would be taken for gone.
    fn numbers(&mut self, directory: &str) -> io::Result<Vec<i32>> {
        let list = || sys::list_directory(directory, |name| i32::try_from(decimal(name)?).ok());
        Ok(match list() {
            Err(Errno::EMFILE | Errno::ENFILE) if self.directory.take().is_some() => list(),
            listed => listed,
        }?)
    }
}

/// A whole file of a process.
pub(crate) fn read_file(pid: i32, name: &str) -> io::Result<Vec<u8>> {
    Proc::default().up_to(usize::MAX, format_args!("{pid}/{name}"))
}

fn read_line<T>(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
    parse: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    // Enough for what is used of `stat`, which is the longest.
    let mut line = [0; 1024];
    let length = uninterrupted(|| read(&mut line))?;
    Ok(parse(line.get(..length).unwrap_or_default()))
}

/// A call that is tried a few times more where it fails for another reason than that there is
/// nothing, or no descriptor: a process that cannot be read for a moment would be taken for gone,
/// with all that is below it.
fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    const AGAIN: usize = 4;
    let mut result = call();
    for _ in 1..AGAIN {
        match result {
            Ok(_) | Err(Errno::ENOENT | Errno::ESRCH | Errno::EMFILE | Errno::ENFILE) => break,
            Err(_) => result = call(),
        }
    }
    Ok(result?)
}

/// What a process does with each signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signals {
    blocked: SignalSet,
    ignored: SignalSet,
    caught: SignalSet,
}

impl Signals {
    fn disposition(&self, signal: Signal) -> Disposition {
        if !signal.can_be_caught() {
            Disposition::Default
        } else if self.caught.has(signal) {
            Disposition::Caught
        } else if self.blocked.has(signal) {
            // Even where it is ignored as well: the kernel keeps a blocked signal for signalfd and
            // sigwait (`trap '' TERM; exec server` with such a server, seen on Linux 6.18).
            Disposition::Blocked
        } else if self.ignored.has(signal) {
            Disposition::Ignored
        } else {
            Disposition::Default
        }
    }
}

/// The highest signal that `/proc/<pid>/stat` shows.
const STAT_SIGNALS: i32 = 31;

/// What is used of `/proc/<pid>/stat` (`proc_pid_stat(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    name: Vec<u8>,
    alive: bool,
    stopped: bool,
    /// It has a processor, or waits for nothing else.
    runs: bool,
    parent: i32,
    group: i32,
    threads: u64,
    start: u64,
    /// Up to [`STAT_SIGNALS`].
    signals: Option<Signals>,
}

impl Stat {
    /// The name is in brackets and may hold brackets, blanks and newlines itself, so it ends at the
    /// last bracket.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|b| *b == b'(')?;
        let close = bytes.iter().rposition(|b| *b == b')').filter(|at| *at > open)?;
        let small = |text: &[u8]| i32::try_from(decimal(text)?).ok();
        let pid = small(bytes.get(..open)?.trim_ascii())?;
        // From the third field of the file on, each behind the one before.
        let mut fields = bytes
            .get(close + 1..)?
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty());
        let state = fields.next()?;
        let parent = small(fields.next()?)?;
        let group = fields.next().and_then(small).unwrap_or(0);
        let threads = fields.nth(14).and_then(decimal).unwrap_or(1);
        let start = fields.nth(1).and_then(decimal).unwrap_or(0);
        let mut set = |ahead: usize| fields.nth(ahead).and_then(decimal).map(SignalSet);
        let mut signals = || Some(Signals { blocked: set(9)?, ignored: set(0)?, caught: set(0)? });
        Some(Self {
            pid,
            name: bytes.get(open + 1..close)?.to_vec(),
            // A process whose first thread has ended is shown as a zombie while its other threads
            // go on.
            alive: !matches!(state, b"Z" | b"X" | b"x") || threads > 1,
            stopped: state == b"T",
            runs: state == b"R",
            parent,
            group,
            threads,
            start,
            signals: signals(),
        })
    }
}

/// A number as the kernel writes it.
fn decimal(text: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |number: u64, byte| number.checked_mul(10)?.checked_add(digit(byte)?);
    text.iter().try_fold(0, add).filter(|_| !text.is_empty())
}

/// What is used of `/proc/<pid>/status` (`proc_pid_status(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Status {
    signals: Signals,
    /// Of the thread and of the process.
    pending: SignalSet,
    depth: usize,
    innermost: Option<i32>,
}

impl Status {
    /// `None` where a signal set is missing: then nothing is known.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut blocked, mut ignored, mut caught) = (None, None, None);
        let (mut depth, mut innermost) = (1, None);
        let mut pending = SignalSet::EMPTY;
        // The kernel escapes newlines in the Name line, so no name can pose as one of these lines.
        for line in bytes.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let (key, value) = line.split_at(colon);
            let value =
                std::str::from_utf8(value.get(1..).unwrap_or_default()).unwrap_or_default().trim();
            let set = || u64::from_str_radix(value, 16).ok().map(SignalSet);
            match key {
                b"SigPnd" | b"ShdPnd" => {
                    pending = SignalSet(pending.0 | set().unwrap_or(SignalSet::EMPTY).0)
                }
                b"SigBlk" => blocked = set(),
                b"SigIgn" => ignored = set(),
                b"SigCgt" => caught = set(),
                b"NSpid" => {
                    depth = value.split_ascii_whitespace().count().max(1);
                    innermost =
                        value.split_ascii_whitespace().next_back().and_then(|pid| pid.parse().ok());
                }
                _ => {}
            }
        }
        let signals = Signals { blocked: blocked?, ignored: ignored?, caught: caught? };
        Some(Self { signals, pending, depth, innermost })
    }
}

/// Whether a shell's handler for this signal is the shell's own and no trap: every shell catches
/// INT, and zsh HUP, to clean up after itself. A trap shows in no way of its own, but a script that
/// traps one of these traps TERM as well. (Seen of dash 0.5.12, bash 5.2, busybox 1.35, yash 2.54,
/// fish 3.6, zsh 5.9; mksh catches all three in any case.)
fn is_shells_own(signals: &Signals, command_line: &[u8], signal: Signal) -> bool {
    let shell = base_name(command_line.split(|b| *b == 0).next().unwrap_or_default());
    let own = signal == Signal::INT || signal == Signal::HUP && matches!(shell, "zsh" | "rzsh");
    own && !signals.caught.has(Signal::TERM)
}

/// A command line (words with a zero byte behind each) as one line, cut at a length that a log can
/// bear.
fn words(command_line: &[u8]) -> String {
    let words = command_line.split(|b| *b == 0).map(printable);
    let text = words.collect::<Vec<_>>().join(" ");
    text.trim_end().chars().take(LONGEST_COMMAND).collect()
}

/// Asserts what holds for any bytes at all: the parsers cope, no name forges a field, and what is
/// shown is bounded and fit for a log. For the unit tests here and the fuzz target `proc`; no part
/// of adieu.
#[cfg(any(test, fuzzing))]
pub fn check_parsers(bytes: &[u8]) {
    let _ = (Stat::parse(bytes), Status::parse(bytes), system_call(bytes), kind(bytes, bytes));
    let shown = words(bytes);
    assert!(shown.chars().count() <= LONGEST_COMMAND && !shown.chars().any(is_unfit), "{shown:?}");
    assert!(!printable(bytes).chars().any(is_unfit));
    // As the kernel writes it: the name as it is, in brackets.
    let line = [
        b"42 (",
        bytes,
        b") S 7 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 0 0 0 0 0 0 0 0 0 4 2 16384 0\n",
    ]
    .concat();
    let stat = Stat::parse(&line);
    assert_eq!(stat.as_ref().map(|s| s.name.as_slice()), Some(bytes));
    let sets = |signals: Signals| (signals.blocked.0, signals.ignored.0, signals.caught.0);
    let fields =
        stat.map(|s| (s.pid, s.parent, s.group, s.start, s.alive, s.stopped, s.signals.map(sets)));
    assert_eq!(fields, Some((42, 7, 40, 987_654, true, false, Some((4, 2, 16_384)))));
    // Here the kernel escapes newlines, and nothing else matters.
    let name: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\n').collect();
    let text = [
        b"Name:\t",
        &*name,
        b"\nNSpid:\t42\t1\nSigBlk:\t1\nSigIgn:\t0002\nSigCgt:\tffffffffffffffff\n",
    ]
    .concat();
    let status = Status::parse(&text).map(|s| (sets(s.signals), s.depth, s.innermost));
    assert_eq!(status, Some(((1, 2, u64::MAX), 2, Some(1))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn what_fails_for_a_moment_is_not_taken_for_gone() {
        let tried = |failures: &[Errno]| {
            let (mut calls, mut answers) = (0, failures.iter());
            let result = uninterrupted(|| {
                calls += 1;
                answers.next().map_or(Ok(()), |errno| Err(*errno))
            });
            (calls, result.is_ok())
        };
        assert_eq!(tried(&[]), (1, true));
        assert_eq!(tried(&[Errno::EIO]), (2, true));
        assert_eq!(tried(&[Errno::EINTR; 3]), (4, true));
        assert_eq!(tried(&[Errno::EACCES; 9]), (4, false));
        for at_once in [Errno::ENOENT, Errno::ESRCH, Errno::EMFILE, Errno::ENFILE] {
            assert_eq!(tried(&[at_once; 9]), (1, false));
        }
    }

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        for name in ["sh", "a b", "a) R 1", "((", ")", "x\ny", "\u{1b}[31m", ""] {
            let line = format!(
                "42 ({name}) S 7 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0 18446744073709551615"
            );
            let stat = Stat::parse(line.as_bytes()).expect(name);
            assert_eq!((stat.pid, stat.parent, stat.group, stat.start), (42, 7, 40, 987_654));
            assert_eq!(stat.name, name.as_bytes());
            assert!(stat.alive && !stat.stopped);
        }
    }

    #[test]
    fn a_stat_line_shows_the_signals_up_to_31_too() {
        let line = |tail: &str| {
            format!("42 (a) S 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 0 0 1 2 3 4 5 6 {tail}")
        };
        let signals = |tail: &str| Stat::parse(line(tail).as_bytes()).expect("a stat line").signals;
        // pending blocked ignored caught
        let sets = signals("0 16384 2 4 1 0").expect("four sets");
        assert_eq!(sets.disposition(Signal::TERM), Disposition::Blocked);
        assert_eq!(sets.disposition(Signal::INT), Disposition::Ignored);
        assert_eq!(sets.disposition(Signal::QUIT), Disposition::Caught);
        assert_eq!(sets.disposition(Signal::HUP), Disposition::Default);
        assert_eq!((signals("0 1 2"), signals("0 1 2 x")), (None, None));
    }

    #[test]
    fn stat_is_believed_only_where_it_shows_signals_and_the_signal() {
        let stat = Stat::parse(
            b"0 (a) Z 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 0 0 1 2 3 4 5 6 0 0 0 16384 1",
        );
        let stat = stat.expect("a stat line");
        let own = Own { stat_has_signals: true, ..Own::look(false) };
        let sight = |own: &Own, signal| {
            first_sight(&mut Proc::default(), own, &stat, None, signal).disposition
        };
        assert_eq!(sight(&own, Signal::TERM), Some(Disposition::Caught));
        assert_eq!(sight(&own, Signal::HUP), Some(Disposition::Default));
        // There is no process 0 whose status could be read instead.
        assert_eq!(sight(&own, Signal::from_number(34).expect("a number")), None);
        // gVisor's has zeros there.
        let own = Own { stat_has_signals: false, ..own };
        assert_eq!(sight(&own, Signal::TERM), None);
    }

    #[test]
    fn a_zombie_is_gone_unless_its_threads_go_on() {
        let stat = |state: &str, threads: u32| {
            let line = format!("42 (a) {state} 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 {threads} 0 9");
            Stat::parse(line.as_bytes()).expect("a stat line")
        };
        assert!(!stat("Z", 1).alive && !stat("X", 1).alive);
        assert!(stat("Z", 2).alive && stat("D", 1).alive);
        assert!(stat("T", 1).stopped && !stat("t", 1).stopped);
    }

    #[test]
    fn a_stat_line_that_breaks_off_is_none_or_short() {
        let whole = "42 (a) S 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 0 0";
        for end in 0..whole.len() {
            let _ = Stat::parse(&whole.as_bytes()[..end]);
        }
        // gVisor ends the line early.
        let short = Stat::parse(b"42 (a) S 7").expect("pid, state and parent are enough");
        assert_eq!((short.parent, short.group, short.start), (7, 0, 0));
        assert_eq!(Stat::parse(b"42 )a( S 7"), None);
    }

    #[test]
    fn a_status_says_what_the_process_does_with_the_signal() {
        let status = |blocked: &str, ignored: &str, caught: &str| {
            let text = format!(
                "Name:\tx\nNSpid:\t9\nSigBlk:\t{blocked}\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n"
            );
            Status::parse(text.as_bytes()).expect("three sets").signals.disposition(Signal::TERM)
        };
        let (none, term) = ("0000000000000000", "0000000000004000");
        assert_eq!(status(none, none, term), Disposition::Caught);
        assert_eq!(status(term, none, none), Disposition::Blocked);
        assert_eq!(status(term, term, none), Disposition::Blocked);
        assert_eq!(status(none, term, none), Disposition::Ignored);
        assert_eq!(status(none, none, none), Disposition::Default);
        assert_eq!(Status::parse(b"Name:\tx\nSigCgt:\t0\n"), None);
        assert_eq!(Status::parse(b"SigBlk:\tzz\nSigIgn:\t0\nSigCgt:\t0\n"), None);
    }

    #[test]
    fn pending_are_the_signals_of_the_thread_and_of_the_process() {
        let text =
            b"SigPnd:\t0000000000004000\nShdPnd:\t0000000200000000\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n";
        let pending = Status::parse(text).expect("three sets").pending;
        assert!(
            pending.has(Signal::TERM) && pending.has(Signal::from_number(34).expect("a number"))
        );
        assert!(!pending.has(Signal::KILL));
    }

    #[test]
    fn a_nested_namespace_shows_in_nspid() {
        let parse = |line: &str| {
            let text = format!("NSpid:\t{line}\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n");
            Status::parse(text.as_bytes()).expect("three sets")
        };
        assert_eq!((parse("9").depth, parse("9").innermost), (1, Some(9)));
        assert_eq!((parse("9\t1").depth, parse("9\t1").innermost), (2, Some(1)));
    }

    #[test]
    fn shells_and_relays_are_known_by_their_command_line() {
        let of = |name: &str, line: &str| kind(name.as_bytes(), line.replace(' ', "\0").as_bytes());
        assert_eq!(of("start.sh", "/bin/sh ./start.sh"), Kind::Shell);
        assert_eq!(of("bash", "-bash"), Kind::Shell);
        assert_eq!(of("busybox", "busybox sh -c x"), Kind::Shell);
        assert_eq!(of("busybox", "busybox httpd -f"), Kind::Program);
        assert_eq!(of("node", "node /usr/bin/yarn start"), Kind::Wrapper);
        assert_eq!(of("node", "node /usr/share/npm/bin/npm-cli.js start"), Kind::Wrapper);
        assert_eq!(of("node", "node server.js"), Kind::Program);
        assert_eq!(of("tini", "/sbin/tini -- a"), Kind::Wrapper);
        assert_eq!(of("dash", ""), Kind::Shell);
        assert_eq!(of("adieu", "adieu x"), Kind::Program);
        assert_eq!(kind(b"npm start", b"npm start\0\0\0"), Kind::Wrapper);
        assert_eq!(kind(b"x", b"\xff\xfe\0"), Kind::Program);
    }

    #[test]
    fn a_running_process_is_in_no_system_call() {
        assert_eq!(system_call(b"running\n"), None);
        assert_eq!(system_call(b"128 0x7f 0x0"), Some(128));
        assert_eq!(system_call(b"-1 0x7f"), Some(-1));
        assert_eq!(system_call(b""), None);
    }

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

    #[test]
    fn going_down_the_tree_finds_what_the_list_of_the_machine_has() {
        // Ten that stay, in two generations and one of them an orphan by now, while others come and
        // go.
        let script = "for i in 1 2 3; do sleep 1000 & done
            (sleep 1000 & sleep 1000 & (sleep 1000 & sleep 1000 & echo go; sleep 1000) & sleep 1000) &
            while :; do /bin/true; /bin/true & done";
        let mut shell = std::process::Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = [0; 3];
        shell.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("go");
        let root = i32::try_from(shell.id()).expect("a pid");
        let lasting = |stats: BTreeMap<i32, Seen>| {
            let table = Table::of(stats);
            let tree = table.tree(root);
            let mut pids: Vec<i32> = tree
                .iter()
                .map(|(s, _)| &s.stat)
                .filter(|s| s.name == b"sleep" && s.alive)
                .map(|s| s.pid)
                .collect();
            pids.sort_unstable();
            pids
        };
        let settled = || lasting(Table::all(&mut Proc::open(), None).expect("a descriptor").stats);
        while settled().len() < 9 {
            std::thread::yield_now();
        }
        let all = settled();
        let (mut whole, mut changed) = (0, 0);
        while whole < 100 && changed < 100_000 {
            match Table::descend(&mut Proc::open(), root).expect("a descriptor") {
                Descent::Whole(stats) => {
                    whole += 1;
                    assert_eq!(lasting(stats), all);
                }
                Descent::Changed => changed += 1,
                // Not every kernel has the list.
                Descent::Unknown => break,
            }
        }
        for pid in all.into_iter().chain([root]) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
        shell.wait().expect("a child");
        assert!(whole > 0 || changed == 0, "{whole} whole, {changed} changed");
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(printable(b"a\nb\x1b[0m\xff"), "a?b?[0m\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_parsers(bytes: Vec<u8>) {
            check_parsers(&bytes);
        }

        #[test]
        fn no_name_forges_a_field(name in "(\\) |\\(| |\n|\t|:|S|Z|1|SigCgt:\t|NSpid:\t|\u{0}|\u{1b}\\[2J|\u{202e}|é){0,12}") {
            check_parsers(name.as_bytes());
        }

        #[test]
        fn what_breaks_off_or_is_huge_is_nothing_or_a_default(
            number in "[0-9]{1,40}|-[0-9]{1,40}|[a-f]{0,20}|\\PC{0,4}",
            cut in 0usize..400,
        ) {
            let stat = format!("{number} (a) S {number} {number} 0 0 -1 0 1 2 3 4 5 6 7 8 20 0 {number} 0 {number}");
            let status = format!("Name:\ta\nNSpid:\t{number}\nSigBlk:\t{number}\nSigIgn:\t0\nSigCgt:\t{number}\n");
            let _ = Stat::parse(stat.as_bytes().get(..cut).unwrap_or(stat.as_bytes()));
            if Stat::parse(stat.as_bytes()).is_some() {
                proptest::prop_assert!(number.parse::<i32>().is_ok(), "{}", stat);
            }
            let parsed = Status::parse(status.as_bytes().get(..cut).unwrap_or(status.as_bytes()));
            if parsed.is_some() {
                proptest::prop_assert!(u64::from_str_radix(number.trim(), 16).is_ok(), "{}", status);
            }
        }
    }
}
