//! The process table as plain values: reads `/proc`, decides nothing, sends nothing.
//!
//! Reading a tree of processes takes time in which it changes. A process that is gone by the time it is read is no
//! error; one whose parent is gone by then is read again; what is born meanwhile is seen by the next look. The parsers
//! take bytes, since names hold anything.

use crate::signal::{Signal, SignalSet};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// A process, told from every other that had or will have the same pid by the time it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcId {
    /// The pid, as adieu's PID namespace has it.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start: u64,
}

/// What a process would do with the signal in question, and how that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It has a handler (SigCgt).
    Caught,
    /// It blocks the signal: signalfd, or a thread in sigwait.
    Blocked,
    /// One of its threads waits in `rt_sigtimedwait`, where the kernel shows neither.
    Waiting,
    /// It ignores the signal.
    Ignored,
    /// The signal's default action.
    Default,
    /// Neither caught nor blocked; whether a thread waits for it may not be read.
    Hidden,
    /// Nothing may be read.
    Unreadable,
}

/// Programs that are not to be taken at their word about signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A shell: it blocks signals for a moment around fork, and acts on a trap only between commands.
    Shell,
    /// Merely passes signals on to its child: tini, su, timeout, npm …
    Relay,
    /// Everything else.
    Program,
}

/// One living process below adieu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Which one.
    pub id: ProcId,
    /// The pid of its parent.
    pub parent: i32,
    /// Where its nearest living ancestor stands in [`Snapshot::processes`]; `None` when that is adieu.
    pub above: Option<usize>,
    /// Its parent is adieu, so its pid stays its own until adieu reaps it.
    pub own_child: bool,
    /// Its process group.
    pub group: i32,
    /// The name that the kernel has for it, control characters replaced.
    pub name: String,
    /// Its command line, where [`Own::show_arguments`] asked for it.
    pub arguments: String,
    /// What sort of program it is.
    pub kind: Kind,
    /// What it would do with the signal that was asked about.
    pub disposition: Disposition,
    /// The signals that it ignores.
    pub ignored: SignalSet,
    /// It is stopped (SIGSTOP, Ctrl-Z).
    pub stopped: bool,
    /// It is the init of a PID namespace below adieu's: the kernel drops signals that it does not handle.
    pub nested_init: bool,
    /// Its stdin is a pipe that the tree itself made.
    pub reads_pipe: bool,
    /// What its stdin is may not be read; [`Process::reads_pipe`] is then a precaution.
    pub stdin_hidden: bool,
    /// A shell that sits in its `wait` builtin, not in a foreground command (seen only of dash and busybox ash).
    pub in_wait: bool,
}

/// The living processes below adieu at one moment, parents before their children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The processes. Zombies are not among them.
    pub processes: Vec<Process>,
    /// When the look was over, in the unit of [`ProcId::start`].
    pub tick: u64,
    /// The pid that was given last by then; 0 where that may not be read. Of processes that started in the same tick it
    /// tells those that were there from those that came afterwards.
    pub last_pid: i32,
}

/// Whether a process was started after a look that was over at this tick, with this pid given last.
pub(crate) fn started_after(tick: u64, last_pid: i32, id: ProcId) -> bool {
    id.start == 0 || id.start > tick || id.start == tick && id.pid > last_pid
}

/// What is known of the reader itself, found out once.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// Its pid.
    pub pid: i32,
    /// How many PID namespaces its own is deep, as far as this /proc shows.
    depth: usize,
    /// Device and inode of its stdin: a pipe from outside is none that the tree made.
    stdin: Option<(u64, u64)>,
    /// Keep the command lines, which can hold secrets.
    pub show_arguments: bool,
}

impl Own {
    /// Looks at the calling process.
    pub fn look(show_arguments: bool) -> Self {
        Self::of(i32::try_from(std::process::id()).unwrap_or(0), show_arguments)
    }

    /// Looks at another process, whose tree is wanted.
    pub fn of(pid: i32, show_arguments: bool) -> Self {
        let status = read_small(&format!("/proc/{pid}/status")).unwrap_or_default();
        Self {
            pid,
            depth: Status::parse(&status).map_or(1, |s| s.depth),
            stdin: stdin_of(pid).ok().map(|m| (m.dev(), m.ino())),
            show_arguments,
        }
    }
}

/// The process has no descriptor left to look with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDescriptor;

/// Every process below this one, seen with regard to `signal`. `None` where there is no /proc, or one of another PID
/// namespace, whose numbers would name other processes.
///
/// # Errors
/// [`NoDescriptor`] where not a single one is to be had.
pub fn look_below(root: &Own, signal: Signal) -> Result<Option<Snapshot>, NoDescriptor> {
    let myself = fs::read_link("/proc/self").ok();
    if myself.and_then(|link| link.to_str()?.parse().ok()) != Some(std::process::id()) {
        return Ok(None);
    }
    let table = Table::read()?;
    if !i32::try_from(std::process::id()).is_ok_and(|own| table.stats.contains_key(&own)) {
        // It may not be listed, or not read: an empty tree would be a guess.
        return Ok(None);
    }
    let mut processes = Vec::new();
    table.walk(root.pid, |stat, above| {
        let process = Some(stat).filter(|s| s.alive).and_then(|s| read_process(root, s, above, signal));
        let here = if process.is_some() { Some(processes.len()) } else { above };
        processes.extend(process);
        here
    });
    Ok(Some(Snapshot { processes, tick: tick(), last_pid: last_pid() }))
}

/// The pid that was given last in this PID namespace, the fifth field of `/proc/loadavg` (`proc_loadavg(5)`).
fn last_pid() -> i32 {
    let text = read_small("/proc/loadavg").unwrap_or_default();
    let field = std::str::from_utf8(&text).unwrap_or_default().split_ascii_whitespace().nth(4);
    field.and_then(|pid| pid.parse().ok()).unwrap_or(0)
}

/// The time since boot in clock ticks, the unit in which /proc gives the start of a process.
fn tick() -> u64 {
    let boot = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let ticks = boot.unwrap_or_default().as_millis() * u128::try_from(per_second).unwrap_or(100) / 1_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// The process with this pid itself, as [`look_below`] shows those below it.
pub(crate) fn one(root: &Own, pid: i32, signal: Signal) -> Option<Process> {
    let mut process = read_process(root, &read_stat(pid)?, None, signal)?;
    // Counted from the reader: the root's own namespace is no nested one for what is below it.
    let status = read_small(&format!("/proc/{pid}/status")).ok()?;
    process.nested_init = Status::parse(&status).is_some_and(|s| s.innermost == Some(1));
    Some(process)
}

/// The parents among the root and these processes that leave zombies behind, with their names and how many. Looks twice:
/// every child is a zombie for the moment until its parent has waited for it.
pub(crate) fn zombies(root: &Own, below: &Snapshot) -> Vec<(i32, String, usize)> {
    const MOMENT: std::time::Duration = std::time::Duration::from_millis(100);
    let pids: Vec<i32> = [root.pid].into_iter().chain(below.processes.iter().map(|p| p.id.pid)).collect();
    let Ok(first) = Table::read() else { return Vec::new() };
    if pids.iter().all(|pid| first.zombies_of(*pid).next().is_none()) {
        return Vec::new();
    }
    std::thread::sleep(MOMENT);
    let Ok(second) = Table::read() else { return Vec::new() };
    let found = pids.into_iter().filter_map(|pid| {
        let still = |id: &ProcId| second.zombies_of(pid).any(|other| other == *id);
        let count = first.zombies_of(pid).filter(still).count();
        (count > 0).then_some((pid, printable(&second.stats.get(&pid)?.name), count))
    });
    found.collect()
}

/// The cheap part of every process of the machine: who is whose child.
struct Table {
    stats: HashMap<i32, Stat>,
    children: HashMap<i32, Vec<i32>>,
}

impl Table {
    fn read() -> Result<Self, NoDescriptor> {
        let pids = match numbers("/proc") {
            Err(e) if is_exhausted(&e) => return Err(NoDescriptor),
            pids => pids.unwrap_or_default(),
        };
        let mut stats = HashMap::new();
        for pid in pids {
            stats.extend(read_stat(pid).map(|stat| (pid, stat)));
        }
        // A parent that ended while we read: its child has another by now.
        let orphans = stats.iter().filter(|(_, s)| s.parent != 0 && !stats.contains_key(&s.parent));
        for pid in orphans.map(|(pid, _)| *pid).collect::<Vec<_>>() {
            match read_stat(pid) {
                Some(stat) => stats.insert(pid, stat),
                None => stats.remove(&pid),
            };
        }
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for (pid, stat) in &stats {
            children.entry(stat.parent).or_default().push(*pid);
        }
        Ok(Self { stats, children })
    }

    fn zombies_of(&self, pid: i32) -> impl Iterator<Item = ProcId> {
        let children =
            self.children.get(&pid).into_iter().flatten().filter_map(|child| self.stats.get(child));
        children.filter(|stat| !stat.alive).map(|stat| ProcId { pid: stat.pid, start: stat.start })
    }

    /// Visits everything below a process, parents before their children and older siblings before younger ones. What
    /// `visit` returns for a process is handed to its children.
    fn walk(&self, root: i32, mut visit: impl FnMut(&Stat, Option<usize>) -> Option<usize>) {
        let mut queue: Vec<(i32, Option<usize>)> = Vec::new();
        let push_children = |queue: &mut Vec<_>, of: i32, above: Option<usize>| {
            let mut pids = self.children.get(&of).cloned().unwrap_or_default();
            // Oldest last: the queue is taken from its end.
            pids.sort_unstable_by_key(|pid| std::cmp::Reverse((self.stats.get(pid).map(|s| s.start), *pid)));
            queue.extend(pids.into_iter().map(|pid| (pid, above)));
        };
        push_children(&mut queue, root, None);
        while let Some((pid, above)) = queue.pop() {
            let here = self.stats.get(&pid).and_then(|stat| visit(stat, above));
            push_children(&mut queue, pid, here);
        }
    }
}

/// The process that has this pid now, if there is one.
///
/// # Errors
/// [`NoDescriptor`] where none is to be had to look with.
pub(crate) fn identify(pid: i32) -> Result<Option<ProcId>, NoDescriptor> {
    match read_small(&format!("/proc/{pid}/stat")) {
        Err(e) if is_exhausted(&e) => Err(NoDescriptor),
        stat => {
            Ok(stat.ok().and_then(|bytes| Stat::parse(&bytes)).map(|stat| ProcId { pid, start: stat.start }))
        }
    }
}

fn is_exhausted(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

fn read_process(own: &Own, stat: &Stat, above: Option<usize>, signal: Signal) -> Option<Process> {
    let pid = stat.pid;
    let status = match read_small(&format!("/proc/{pid}/status")) {
        Ok(bytes) => Status::parse(&bytes),
        Err(e) if is_gone(&e) => return None,
        Err(_) => None,
    };
    let command_line = read_small(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let kind = kind(&stat.name, &command_line);
    let disposition = status.as_ref().map_or(Disposition::Unreadable, |status| {
        let seen = status.disposition(signal);
        if kind == Kind::Shell && is_shells_own(status, &command_line, signal) {
            return Disposition::Default;
        }
        // Of a shell only the handler counts.
        let unseen = matches!(seen, Disposition::Default | Disposition::Ignored)
            && kind != Kind::Shell
            && signal.can_be_caught();
        if unseen { waits_for_signal(pid, seen) } else { seen }
    });
    let in_wait = kind == Kind::Shell && disposition == Disposition::Caught && shell_waits(pid);
    let stdin = stdin_of(pid);
    // May not be read: better to wait a moment for a reader that is none than to cut one off.
    let stdin_hidden = matches!(&stdin, Err(e) if e.kind() == io::ErrorKind::PermissionDenied);
    let reads_pipe = match stdin {
        Ok(m) => {
            let piped = m.file_type().is_fifo() || m.file_type().is_socket();
            piped && Some((m.dev(), m.ino())) != own.stdin
        }
        Err(_) => stdin_hidden,
    };
    Some(Process {
        id: ProcId { pid, start: stat.start },
        parent: stat.parent,
        above,
        own_child: stat.parent == own.pid,
        group: stat.group,
        name: printable(&stat.name),
        arguments: if own.show_arguments { words(&command_line) } else { String::new() },
        kind,
        disposition,
        ignored: status.as_ref().map_or(SignalSet::EMPTY, |s| s.ignored),
        stopped: stat.stopped,
        nested_init: status.as_ref().is_some_and(|s| s.depth > own.depth && s.innermost == Some(1)),
        reads_pipe,
        stdin_hidden,
        in_wait,
    })
}

fn is_gone(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(libc::ESRCH)
}

/// The stdin of a process, the file behind the link.
fn stdin_of(pid: i32) -> io::Result<fs::Metadata> {
    fs::metadata(format!("/proc/{pid}/fd/0"))
}

/// Whether a thread of the process sits in `rt_sigtimedwait`, as `/proc/<pid>/task/<tid>/syscall` shows it; what was
/// `seen` otherwise.
fn waits_for_signal(pid: i32, seen: Disposition) -> Disposition {
    for thread in numbers(&format!("/proc/{pid}/task")).unwrap_or_default() {
        match read_small(&format!("/proc/{pid}/task/{thread}/syscall")) {
            Ok(text) if system_call(&text) == Some(libc::SYS_rt_sigtimedwait) => return Disposition::Waiting,
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && seen == Disposition::Default => {
                return Disposition::Hidden;
            }
            // Not waiting; gone; or a kernel without this file, where such a program looks as if it did nothing.
            _ => {}
        }
    }
    seen
}

/// Whether a shell with a trap sits in its `wait` builtin. dash and busybox ash wait for a foreground command in
/// `wait4` and in the builtin in `rt_sigsuspend` (seen of dash 0.5.12 and busybox 1.35); the other shells make no
/// difference, so for them this is always `false`.
fn shell_waits(pid: i32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = program.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    matches!(name, Some("dash" | "busybox"))
        && read_small(&format!("/proc/{pid}/syscall"))
            .is_ok_and(|t| system_call(&t) == Some(libc::SYS_rt_sigsuspend))
}

/// The number at the start of `/proc/<pid>/syscall`; a running process has none.
fn system_call(text: &[u8]) -> Option<libc::c_long> {
    std::str::from_utf8(text).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// The entries of a directory that are numbers. All at once, so that one descriptor is enough for a look.
fn numbers(directory: &str) -> io::Result<Vec<i32>> {
    let entries = fs::read_dir(directory)?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// How much of a command line is kept.
const LONGEST_COMMAND: usize = 1_000;
/// The longest text that is read of one file: whole for what the kernel writes itself, a part of a long command line.
const LONGEST: u64 = 16 * 1024;

fn read_small(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2048);
    fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_stat(pid: i32) -> Option<Stat> {
    Stat::parse(&read_small(&format!("/proc/{pid}/stat")).ok()?)
}

/// What is used of `/proc/<pid>/stat` (`proc_pid_stat(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    name: Vec<u8>,
    alive: bool,
    stopped: bool,
    parent: i32,
    group: i32,
    start: u64,
}

impl Stat {
    /// The name is in brackets and may hold brackets, blanks and newlines itself, so it ends at the last bracket.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|b| *b == b'(')?;
        let close = bytes.iter().rposition(|b| *b == b')').filter(|at| *at > open)?;
        let pid = std::str::from_utf8(bytes.get(..open)?).ok()?.trim().parse().ok()?;
        let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
        // The third field of the file is the first of these.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let state = field(3)?;
        // A process whose first thread has ended is shown as a zombie while its other threads go on.
        let threads: u64 = field(20).and_then(|t| t.parse().ok()).unwrap_or(1);
        Some(Self {
            pid,
            name: bytes.get(open + 1..close)?.to_vec(),
            alive: !matches!(state, "Z" | "X" | "x") || threads > 1,
            stopped: state == "T",
            parent: field(4)?.parse().ok()?,
            group: field(5).and_then(|g| g.parse().ok()).unwrap_or(0),
            start: field(22).and_then(|s| s.parse().ok()).unwrap_or(0),
        })
    }
}

/// What is used of `/proc/<pid>/status` (`proc_pid_status(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Status {
    blocked: SignalSet,
    ignored: SignalSet,
    caught: SignalSet,
    depth: usize,
    innermost: Option<i32>,
}

impl Status {
    /// `None` where a signal set is missing: then nothing is known.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut blocked, mut ignored, mut caught) = (None, None, None);
        let (mut depth, mut innermost) = (1, None);
        // The kernel escapes newlines in the Name line, so no name can pose as one of these lines.
        for line in bytes.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let (key, value) = line.split_at(colon);
            let value = std::str::from_utf8(value.get(1..).unwrap_or_default()).unwrap_or_default().trim();
            let set = || u64::from_str_radix(value, 16).ok().map(SignalSet);
            match key {
                b"SigBlk" => blocked = set(),
                b"SigIgn" => ignored = set(),
                b"SigCgt" => caught = set(),
                b"NSpid" => {
                    depth = value.split_ascii_whitespace().count().max(1);
                    innermost = value.split_ascii_whitespace().next_back().and_then(|pid| pid.parse().ok());
                }
                _ => {}
            }
        }
        Some(Self { blocked: blocked?, ignored: ignored?, caught: caught?, depth, innermost })
    }

    fn disposition(&self, signal: Signal) -> Disposition {
        if !signal.can_be_caught() {
            Disposition::Default
        } else if self.caught.has(signal) {
            Disposition::Caught
        } else if self.blocked.has(signal) {
            // Even where it is ignored as well: the kernel keeps a blocked signal for signalfd and sigwait (`trap ''
            // TERM; exec server` with such a server, seen on Linux 6.18).
            Disposition::Blocked
        } else if self.ignored.has(signal) {
            Disposition::Ignored
        } else {
            Disposition::Default
        }
    }
}

/// Shells by name. A login shell has a `-` in front.
const SHELLS: &str = "\
    sh ash dash bash rbash busybox fish ksh ksh93 rksh lksh mksh oksh pdksh posh yash zsh rzsh";
/// Whether a shell's handler for this signal is the shell's own and no trap: every shell catches INT, and zsh HUP, to
/// clean up after itself. A trap shows in no way of its own, but a script that traps one of these traps TERM as well.
/// (Seen of dash 0.5.12, bash 5.2, busybox 1.35, yash 2.54, fish 3.6, zsh 5.9; mksh catches all three in any case.)
fn is_shells_own(status: &Status, command_line: &[u8], signal: Signal) -> bool {
    let shell = base_name(command_line.split(|b| *b == 0).next().unwrap_or_default());
    let own = signal == Signal::INT || signal == Signal::HUP && matches!(shell, "zsh" | "rzsh");
    own && !status.caught.has(Signal::TERM)
}

/// Programs that pass a signal on to their child, or hold it back while that runs (unshare), and have no work of their
/// own to finish.
const RELAYS: &str = "\
    tini tini-static docker-init podman-init nerdctl-init dumb-init catatonit pid1 su sudo doas runuser \
    timeout setpriv unshare nsenter npm npx yarn pnpm";
/// Interpreters behind which the name of a relay hides: `node /usr/bin/yarn`.
const INTERPRETERS: &str = "\
    node nodejs";

/// What sort of program has this name and this command line (words with a zero byte behind each).
fn kind(name: &[u8], command_line: &[u8]) -> Kind {
    let mut words = command_line.split(|b| *b == 0).map(base_name);
    let first = words.next().filter(|word| !word.is_empty()).unwrap_or_else(|| base_name(name));
    let is = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    if is(SHELLS, first) && (first != "busybox" || words.next().is_some_and(|applet| is(SHELLS, applet))) {
        return Kind::Shell;
    }
    let behind = if is(INTERPRETERS, first) { words.next().unwrap_or_default() } else { first };
    let bare = behind.split('.').next().unwrap_or_default();
    if is(RELAYS, bare) || bare == "npm-cli" || bare == "npx-cli" { Kind::Relay } else { Kind::Program }
}

/// The program's name in a word of a command line: without directories, without a login shell's `-`, and without what
/// a program that names itself puts behind a blank (`npm start`).
fn base_name(word: &[u8]) -> &str {
    let text = match std::str::from_utf8(word) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(word.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    };
    let text = text.split(' ').next().unwrap_or_default();
    let text = text.rsplit('/').next().unwrap_or_default();
    text.strip_prefix('-').unwrap_or(text)
}

/// A command line (words with a zero byte behind each) as one line, cut at a length that a log can bear.
fn words(command_line: &[u8]) -> String {
    let words = command_line.split(|b| *b == 0).map(printable);
    let text = words.collect::<Vec<_>>().join(" ");
    text.trim_end().chars().take(LONGEST_COMMAND).collect()
}

/// A name fit for a log: no control characters, which could forge lines or steer a terminal.
fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let text =
                format!("Name:\tx\nNSpid:\t9\nSigBlk:\t{blocked}\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n");
            Status::parse(text.as_bytes()).expect("three sets").disposition(Signal::TERM)
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
        assert_eq!(of("node", "node /usr/bin/yarn start"), Kind::Relay);
        assert_eq!(of("node", "node /usr/share/npm/bin/npm-cli.js start"), Kind::Relay);
        assert_eq!(of("node", "node server.js"), Kind::Program);
        assert_eq!(of("tini", "/sbin/tini -- a"), Kind::Relay);
        assert_eq!(of("dash", ""), Kind::Shell);
        assert_eq!(of("adieu", "adieu x"), Kind::Program);
        assert_eq!(kind(b"npm start", b"npm start\0\0\0"), Kind::Relay);
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
        let below = look_below(&parent, Signal::TERM).expect("a descriptor").expect("a /proc");
        assert!(below.processes.iter().any(|p| p.id == me && p.own_child));
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(printable(b"a\nb\x1b[0m\xff"), "a?b?[0m\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_the_parsers(bytes: Vec<u8>) {
            let _ = Stat::parse(&bytes);
            let _ = Status::parse(&bytes);
            let _ = system_call(&bytes);
            let _ = kind(&bytes, &bytes);
            let _ = printable(&bytes);
        }
    }
}
