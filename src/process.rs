//! A process and its tree as plain values: `procfs` fills them in, and `decide` decides by them.

use crate::signal::SignalSet;

/// A process. The time at which it started distinguishes it from every other process that had the
/// same pid or will have it.
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

/// What sort of program a process runs. What a shell or a wrapper shows of its signals does not
/// mean what it means of another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A shell. It blocks signals for a moment around fork, and acts on a trap only between
    /// commands.
    Shell,
    /// A program that only passes signals on to its child: tini, su, timeout, npm …
    Wrapper,
    /// Everything else.
    Program,
}

/// A pipe, a FIFO or another file, whichever process has it open and under whatever number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct File {
    /// Major and minor number of its device.
    pub device: (u64, u64),
    /// Its inode.
    pub inode: u64,
}

/// What a process has as stdin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// No pipe, or the pipe that adieu itself has as stdin.
    #[default]
    Other,
    /// A pipe or FIFO.
    Pipe(File),
    /// A socket, whose other end does not show, or something that may not be read.
    Unknown,
}

/// What a process has as stdout and as stderr, as far as these are pipes or FIFOs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The two.
    pub files: [Option<File>; 2],
    /// They may not be read.
    pub hidden: bool,
}

/// One living process below adieu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Which one.
    pub id: ProcId,
    /// The pid of its parent.
    pub parent: i32,
    /// Where its nearest living ancestor stands in [`Snapshot::processes`]; `None` when that is
    /// adieu.
    pub above: Option<usize>,
    /// Its parent is adieu, so that no other process gets its pid before adieu reaps it.
    pub own_child: bool,
    /// Its process group.
    pub group: i32,
    /// The name that the kernel has for it, control characters replaced.
    pub name: String,
    /// Its command line, where `--show-args` asks for it.
    pub arguments: String,
    /// What sort of program it is.
    pub kind: Kind,
    /// What it would do with the signal that was asked about.
    pub disposition: Disposition,
    /// The signals that it ignores.
    pub ignored: SignalSet,
    /// It is stopped (SIGSTOP, Ctrl-Z).
    pub stopped: bool,
    /// It is the init of a PID namespace below adieu's. The kernel drops signals that such an init
    /// does not handle.
    pub nested_init: bool,
    /// Its stdin. Not read of what is below a handler, nor by a first look of the only handler.
    pub stdin: Stdin,
    /// Its stdout and stderr. Read only where a process of the tree has a pipe as stdin.
    pub outputs: Outputs,
    /// It is a shell that sits in its `wait` builtin, not in a foreground command. (Only dash and
    /// busybox ash show this.)
    pub in_wait: bool,
    /// Of a shell with a trap: its stack pointer in the system call that it is in. While a trap
    /// runs, that is another one than before. (dash and busybox ash show [`Process::in_wait`]
    /// instead.)
    pub stack: Option<u64>,
    /// Of such a shell: it waits in that call for a child or for a signal.
    pub waits: bool,
    /// How often its first thread was given a processor and lost it again. A process that has got a
    /// signal has moved.
    pub switches: u64,
    /// The signal that was asked about has been sent to it, and it has not acted on it yet.
    pub pending: bool,
    /// A fingerprint of its command line; 0 where that may not be read. What was started again has
    /// the same one.
    pub command: u64,
}

impl Process {
    /// Whether its stdin is a pipe that the tree itself made, or may be one.
    pub fn may_read_pipe(&self) -> bool {
        self.stdin != Stdin::Other
    }
}

/// The living processes below adieu at one moment, parents before their children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The processes. Zombies are not among them.
    pub processes: Vec<Process>,
    /// When the look was over, in the unit of [`ProcId::start`].
    pub tick: u64,
    /// The pid that was given last by then; 0 where that may not be read. Of the processes that
    /// started in this tick, those with a higher pid were started after the look.
    pub last_pid: i32,
}

/// Marks the ancestors of all processes that are marked, too.
pub(crate) fn with_ancestors(processes: &[Process], mut marked: Vec<bool>) -> Vec<bool> {
    // Children stand behind their parents, so backwards each is settled before its parent is.
    for (at, process) in processes.iter().enumerate().rev() {
        if marked.get(at) == Some(&true)
            && let Some(above) = process.above.and_then(|above| marked.get_mut(above))
        {
            *above = true;
        }
    }
    marked
}

/// Marks the descendants of all processes that are marked, but not these themselves.
pub(crate) fn descendants(processes: &[Process], marked: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut below: Vec<bool> = Vec::with_capacity(processes.len());
    for process in processes {
        let above = process.above;
        below.push(above.is_some_and(|at| marked(at) || below.get(at) == Some(&true)));
    }
    below
}

/// Whether a process was started after a look that was over at this tick, when this pid had been
/// given last.
pub(crate) fn started_after(tick: u64, last_pid: i32, id: ProcId) -> bool {
    id.start == 0 || id.start > tick || id.start == tick && id.pid > last_pid
}

/// How long a shell's child may take from fork to exec, in clock ticks of a hundredth of a second.
/// Mostly it takes microseconds, and longer where it does not get a processor.
const YOUTH: u64 = 200;

/// Whether a process may still be between fork and exec at this tick. It may where its start is not
/// shown.
pub(crate) fn is_young(tick: u64, id: ProcId) -> bool {
    id.start == 0 || tick.saturating_sub(id.start) < YOUTH
}
