//! Starts processes at the least cost: `clone(CLONE_VM | CLONE_VFORK)`, with everything prepared
//! beforehand, so that the init is measured and not its launcher. A process is started as PID 1 of
//! a new PID namespace, or as a plain child.

use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// The descriptor that the workload writes its answers to.
pub(crate) const REPORT: RawFd = 3;
/// The descriptor that the workload reads its orders from.
pub(crate) const ORDERS: RawFd = 4;
/// The descriptor of /dev/null, for stdin, stdout and stderr.
const NULL: RawFd = 5;
/// Every measurement takes less time than this.
const LIMIT: Duration = Duration::from_secs(60);

/// What a process is started as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// A plain child. An init has to make itself a child subreaper there.
    Child,
    /// PID 1 of a PID namespace of its own, with this machine's /proc. An init does not read that
    /// when it only starts a program.
    Pid1,
    /// PID 1 that leads a session and has its own /proc, as in a container.
    Container,
}

/// A command that can be started any number of times without an allocation.
pub(crate) struct Prepared {
    words: Vec<CString>,
    environment: Vec<CString>,
}

/// The environment that `docker run` gives. Each variable costs every init something, in the C
/// library at least.
pub(crate) fn environment() -> [(&'static str, OsString); 3] {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    [("PATH", path), ("HOSTNAME", "4a0c5ea8a8bd".into()), ("HOME", "/root".into())]
}

impl Prepared {
    pub(crate) fn new<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Self {
        let environment = environment().into_iter().map(|(name, value)| {
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).unwrap()
        });
        Self {
            words: words
                .into_iter()
                .map(|word| CString::new(word.as_ref().as_bytes()).unwrap())
                .collect(),
            environment: environment.collect(),
        }
    }

    /// Starts the command with /dev/null as stdin, stdout and stderr, and with the pipes to a
    /// workload, if there is one.
    pub(crate) fn start(&self, what: As, pipes: Option<(RawFd, RawFd)>) -> Started {
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|it| it.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (words, environment) = (pointers(&self.words), pointers(&self.environment));
        let mut order = Order { words: &words, environment: &environment, what, pipes };
        let mut stack = vec![0_u128; 2048];
        let namespaces = match what {
            As::Child => 0,
            As::Pid1 => libc::CLONE_NEWPID,
            As::Container => libc::CLONE_NEWPID | libc::CLONE_NEWNS,
        };
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | namespaces;
        let began = Instant::now();
        // SAFETY: CLONE_VFORK suspends this thread, the only one, until the child has executed the
        // program or exited. So `stack`, which is aligned, and `order` live for as long as the
        // child uses them. `child` makes system calls only.
        let pid = unsafe {
            let top = stack.as_mut_ptr().add(stack.len());
            libc::clone(child, top.cast::<c_void>(), flags, (&raw mut order).cast::<c_void>())
        };
        assert!(pid > 0, "clone: {}", io::Error::last_os_error());
        Started { pid, began, ended: false }
    }
}

struct Order<'a> {
    words: &'a [*const c_char],
    environment: &'a [*const c_char],
    what: As,
    pipes: Option<(RawFd, RawFd)>,
}

/// Runs in the child between clone and exec. It uses the parent's memory, so it makes system calls
/// only.
extern "C" fn child(order: *mut c_void) -> c_int {
    // SAFETY: `start` passes its `Order` and is suspended while this runs.
    let order = unsafe { &*order.cast::<Order<'_>>() };
    // SAFETY: system calls on integers, static strings and null-terminated arrays that `start`
    // keeps alive.
    unsafe {
        for standard in 0..3 {
            libc::dup2(NULL, standard);
        }
        if let Some((report, orders)) = order.pipes {
            libc::dup2(report, REPORT);
            libc::dup2(orders, ORDERS);
        }
        if order.what == As::Container {
            libc::setsid();
            let proc = c"proc".as_ptr();
            if libc::mount(proc, c"/proc".as_ptr(), proc, 0, std::ptr::null()) != 0 {
                libc::_exit(124);
            }
        }
        libc::execve(order.words.as_ptr().read(), order.words.as_ptr(), order.environment.as_ptr());
        libc::_exit(123)
    }
}

/// A process that runs. It is killed on drop; where it is PID 1, everything below it ends with it.
pub(crate) struct Started {
    pid: i32,
    pub(crate) began: Instant,
    ended: bool,
}

impl Started {
    pub(crate) fn signal(&self, signal: c_int) {
        // SAFETY: takes integers.
        let sent = unsafe { libc::kill(self.pid, signal) };
        assert_eq!(sent, 0, "kill: {}", io::Error::last_os_error());
    }

    /// Waits until the process has ended. Returns its exit status, 128+n for signal n, and when it
    /// ended.
    pub(crate) fn wait(&mut self) -> (i32, Instant) {
        let mut status = 0;
        // SAFETY: the status lives through the call.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        let at = Instant::now();
        assert_eq!(pid, self.pid, "waitpid: {}", io::Error::last_os_error());
        self.ended = true;
        let code = if libc::WIFSIGNALED(status) {
            128 + libc::WTERMSIG(status)
        } else {
            libc::WEXITSTATUS(status)
        };
        (code, at)
    }

    /// The same, but kills the process if it has not ended by the limit, and returns `None` then.
    pub(crate) fn wait_for(&mut self, limit: Duration) -> Option<(i32, Instant)> {
        // SAFETY: takes integers; the descriptor is new and only owned here.
        let pidfd = unsafe {
            let fd = libc::syscall(libc::SYS_pidfd_open, self.pid, 0);
            assert!(fd >= 0, "pidfd_open: {}", io::Error::last_os_error());
            OwnedFd::from_raw_fd(RawFd::try_from(fd).unwrap())
        };
        let in_time = readable(pidfd.as_raw_fd(), limit);
        if !in_time {
            self.signal(libc::SIGKILL);
        }
        let end = self.wait();
        in_time.then_some(end)
    }

    /// The value of a field of `/proc/PID/FILE`, in the unit of that file.
    pub(crate) fn field(&self, file: &str, name: &str) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.pid)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).unwrap_or_else(|| {
            panic!("{name} is missing in {file}");
        });
        number.parse().unwrap()
    }

    /// The processor time of all its threads, in nanoseconds.
    pub(crate) fn cpu(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap();
        let of = |path: std::path::PathBuf| -> f64 {
            let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0.0)
        };
        tasks.map(|task| of(task.unwrap().path())).sum()
    }

    /// How many context switches its threads have made.
    pub(crate) fn switches(&self) -> f64 {
        self.field("status", "voluntary_ctxt_switches")
            + self.field("status", "nonvoluntary_ctxt_switches")
    }

    /// How many children it has, zombies included.
    pub(crate) fn children(&self) -> usize {
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        fs::read_to_string(path).unwrap().split_whitespace().count()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(libc::SIGKILL);
            self.wait();
        }
    }
}

fn readable(fd: RawFd, limit: Duration) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let limit = c_int::try_from(limit.as_millis()).unwrap();
    // SAFETY: one pollfd, which lives through the call.
    unsafe { libc::poll(&raw mut poll, 1, limit) > 0 }
}

/// An init with a workload below it, and the pipes to the workload.
pub(crate) struct Running {
    pub(crate) init: Started,
    reports: io::PipeReader,
    orders: io::PipeWriter,
}

impl Running {
    pub(crate) fn start(prepared: &Prepared, what: As) -> Self {
        let (reports, report) = io::pipe().unwrap();
        let (order, orders) = io::pipe().unwrap();
        let init = prepared.start(what, Some((report.as_raw_fd(), order.as_raw_fd())));
        Self { init, reports, orders }
    }

    /// Reads exactly `count` bytes of what the workload reports.
    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            assert!(
                readable(self.reports.as_raw_fd(), LIMIT),
                "the workload does not answer: {filled} of {count} bytes"
            );
            let read = self.reports.read(rest).unwrap();
            assert!(read > 0, "the workload has ended: {filled} of {count} bytes");
            filled += read;
        }
        bytes
    }

    /// Everything that was reported until the last writer ended.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reports.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Whether the workload reports anything before a second is over.
    pub(crate) fn answers(&self) -> bool {
        readable(self.reports.as_raw_fd(), Duration::from_secs(1))
    }

    /// Whether anything was reported that has not been read.
    pub(crate) fn has_more(&self) -> bool {
        readable(self.reports.as_raw_fd(), Duration::ZERO)
    }

    pub(crate) fn order(&mut self, order: u8) {
        self.orders.write_all(&[order]).unwrap();
    }
}

/// Prepares this process for all measurements: no signal is ignored or blocked, and it may make PID
/// namespaces, for which an ordinary user needs a user namespace.
pub(crate) fn set_up() -> Result<(), String> {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL runs no code of ours; the kernel refuses what cannot be changed.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: the set is initialised by the call before; this is the only thread.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
    // Reserve the numbers that the pipes of a workload get, so that no pipe has one of them
    // already.
    for number in [REPORT, ORDERS, NULL] {
        // SAFETY: a static string and integers.
        unsafe {
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            if null != number {
                libc::dup3(null, number, libc::O_CLOEXEC);
                libc::close(null);
            }
        }
    }
    // SAFETY: these take integers.
    let (user, group) = unsafe { (libc::getuid(), libc::getgid()) };
    // SAFETY: takes an integer.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        // SAFETY: takes an integer.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } != 0 {
            return Err(format!(
                "this process may not make a PID namespace ({})",
                io::Error::last_os_error()
            ));
        }
        let maps = [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("0 {user} 1")),
            ("gid_map", format!("0 {group} 1")),
        ];
        for (file, text) in maps {
            fs::write(format!("/proc/self/{file}"), text).map_err(|e| format!("{file}: {e}"))?;
        }
    }
    let (none, root) = (c"none".as_ptr(), c"/".as_ptr());
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: static strings and a null pointer, which mount(2) ignores for a change of
    // propagation.
    let private = unsafe { libc::mount(none, root, std::ptr::null(), flags, std::ptr::null()) };
    if private == 0 { Ok(()) } else { Err(format!("mounts: {}", io::Error::last_os_error())) }
}

/// With `to_one`, runs this process and what it starts from now on on one processor, with real-time
/// priority where it may have that. Otherwise, on all processors, with normal priority.
pub(crate) fn pin(all: &libc::cpu_set_t, to_one: bool) {
    let mut set = *all;
    if to_one {
        // SAFETY: a plain bit set; the number is below its size.
        unsafe {
            let last = (0..1024).rev().find(|&cpu| libc::CPU_ISSET(cpu, all)).unwrap_or(0);
            libc::CPU_ZERO(&mut set);
            libc::CPU_SET(last, &mut set);
        }
    }
    let policy = if to_one { libc::SCHED_FIFO } else { libc::SCHED_OTHER };
    let priority = libc::sched_param { sched_priority: i32::from(to_one) };
    // SAFETY: the parameter lives through the call. The kernel refuses this to an ordinary user,
    // whose samples then spread more.
    unsafe { libc::sched_setscheduler(0, policy, &raw const priority) };
    // SAFETY: the set lives through the call and is as long as its size says.
    let pinned = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(pinned, 0, "sched_setaffinity: {}", io::Error::last_os_error());
}

/// The processors that this process may use.
pub(crate) fn processors() -> libc::cpu_set_t {
    // SAFETY: all zeroes is a valid set, and the call writes no more than the size given.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&set), &raw mut set);
        set
    }
}
