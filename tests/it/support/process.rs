//! Processes as /proc shows them.

use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::Pid;

/// A process, with numbers of the test's own PID namespace.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) name: String,
    /// `S` sleeping, `T` stopped, `Z` zombie …
    pub(crate) state: char,
    pub(crate) parent: Pid,
    pub(crate) group: Pid,
    pub(crate) session: Pid,
}

/// As it is now; `None` where it is gone.
pub(crate) fn process(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name may itself hold spaces and parentheses.
    let (before, after) = stat.rsplit_once(") ")?;
    let name = before.split_once('(')?.1.to_owned();
    let mut fields = after.split(' ');
    let state = fields.next()?.chars().next()?;
    let mut number = || fields.next()?.parse().ok().map(Pid::from_raw);
    Some(Process { pid, name, state, parent: number()?, group: number()?, session: number()? })
}

/// One field of `/proc/<pid>/status`, such as `SigIgn`.
pub(crate) fn status_field(pid: Pid, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned()))
}

/// The CPU time that a process has taken so far, to the clock tick (10 ms); `None` where it is
/// gone.
pub(crate) fn cpu_time(pid: Pid) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// How often the kernel has taken a processor from a process or given it one again: unchanged while
/// the process does nothing.
pub(crate) fn context_switches(pid: Pid) -> u64 {
    let field = |name| status_field(pid, name).unwrap().parse::<u64>().unwrap();
    field("voluntary_ctxt_switches") + field("nonvoluntary_ctxt_switches")
}

pub(crate) fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| process(Pid::from_raw(pid))).collect()
}

/// The children of a process with one thread, without a look at all that the machine has where the
/// kernel lists them.
pub(crate) fn children(of: Pid) -> Vec<Process> {
    match fs::read_to_string(format!("/proc/{of}/task/{of}/children")) {
        Ok(pids) => pids
            .split_whitespace()
            .filter_map(|pid| process(Pid::from_raw(pid.parse().ok()?)))
            .collect(),
        Err(_) => processes().into_iter().filter(|it| it.parent == of).collect(),
    }
}

/// Everything below a process, parents before children.
pub(crate) fn descendants(of: Pid) -> Vec<Process> {
    let mut children: HashMap<Pid, Vec<Process>> = HashMap::new();
    for process in processes() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = children.remove(&of).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// What a descriptor of this process refers to, such as `pipe:[123]`.
pub(super) fn open_file(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()
}

/// The processes that have one of these files open. Not this one, nor its children that are about
/// to exec: those have copies of every descriptor, and belong to other tests.
pub(super) fn holders(files: &[PathBuf]) -> Vec<Process> {
    let executable = |pid: Pid| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = executable(Pid::this());
    let holds = |pid: Pid| {
        let mut open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.any(|fd| fs::read_link(fd.path()).is_ok_and(|file| files.contains(&file)))
    };
    // In this order: a child that has called exec by the first look has closed its copies by the
    // second.
    processes().into_iter().filter(|it| executable(it.pid) != own && holds(it.pid)).collect()
}
