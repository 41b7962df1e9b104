//! What the tests share: start adieu, read what everything below it prints, signal it, see how it ends.
//!
//! Tests wait for markers (`server ready`) and never for a guessed time, and every wait of one [`Running`] or
//! [`Pty`] ends at the same deadline. A wait that fails shows all that was seen until then. Whatever a test
//! started is gone when its handle is dropped.
#![allow(dead_code, reason = "each test file takes what it needs from here")]
#![allow(unsafe_code, reason = "resets signals between fork and exec, and gives a session its terminal")]
#![allow(
    clippy::panic,
    reason = "a failed wait fails the test; clippy.toml allows it in #[test] functions only"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the same")]

pub(crate) mod engine;
pub(crate) mod host;
pub(crate) mod page;
pub(crate) mod schema;

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, ptr};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, tcgetpgrp};

/// Generous: it is reached only by a test that fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// A forked child holds copies of all descriptors until it has called exec, and exec of a file that anyone
/// has open for writing is refused (ETXTBSY). So no test may fork while another one writes a script.
static FORKING_OR_WRITING: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Another test's panic is its own business.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// --- What is there to run ----------------------------------------------------------------------------------

/// The binary under test.
pub(crate) fn adieu() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_adieu"))
}

/// `examples/server.rs`, the server that finishes its work.
pub(crate) fn server() -> PathBuf {
    example("server")
}

/// `examples/storm.rs`, which makes load.
pub(crate) fn storm() -> PathBuf {
    example("storm")
}

fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: `cargo test` builds it, but not with --test; build it with \
         `cargo build --example {name}` for the same profile and target",
        program.display()
    );
    program
}

/// A program that a test needs: in CI it has to be there; elsewhere its absence is said aloud, and the test
/// returns.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = page::find(name);
    if found.is_none() {
        missing(name);
    }
    found
}

/// Whether a process can be PID 1 of a namespace of its own here; without that, as in [`tool`].
pub(crate) fn pid_namespace() -> bool {
    let possible = unshare().is_some();
    if !possible {
        missing("a PID namespace (root, or user namespaces)");
    }
    possible
}

/// Whether the test runs as root, with which engines for containers are started; without that, as in [`tool`].
pub(crate) fn root() -> bool {
    let is_root = is_root();
    if !is_root {
        missing("to be root");
    }
    is_root
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The shared libraries of a program: none of a static one.
pub(crate) fn libraries(program: &Path) -> Vec<String> {
    let words = String::from_utf8(output(Command::new("ldd").arg(program).stderr(Stdio::null()))).unwrap();
    words.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

pub(crate) fn missing(what: &str) {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{what} is missing in CI");
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // To the descriptor itself: `eprintln!` would be captured and hidden, as the test passes.
    writeln!(io::stderr(), "SKIPPED: {test} needs {what}").ok();
}

/// unshare(1) with the options that work here.
fn unshare() -> Option<&'static [OsString]> {
    static UNSHARE: OnceLock<Option<Vec<OsString>>> = OnceLock::new();
    let namespaces = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let user_namespace = ["--user", "--map-root-user"];
    UNSHARE
        .get_or_init(|| {
            let unshare = page::find("unshare")?;
            [&[][..], &user_namespace[..]].into_iter().find_map(|more| {
                let _guard = lock(&FORKING_OR_WRITING);
                let mut attempt = Command::new(&unshare);
                attempt.args(more).args(namespaces).arg("true");
                let works =
                    attempt.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success());
                works.then(|| {
                    let words = more.iter().chain(&namespaces).map(OsString::from);
                    [unshare.clone().into_os_string()].into_iter().chain(words).collect()
                })
            })
        })
        .as_deref()
}

/// Starts a command of the test's own, not while another test writes a script.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let _guard = lock(&FORKING_OR_WRITING);
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()))
}

/// What such a command writes to stdout.
pub(crate) fn output(command: &mut Command) -> Vec<u8> {
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    child.wait_with_output().unwrap().stdout
}

// --- Starting ----------------------------------------------------------------------------------------------

/// How adieu is to be started. As PID 1 of a PID namespace of its own unless told otherwise; with nothing on
/// stdin, no signal ignored or blocked, whatever the test runner's own state, and without the `ADIEU_*` of
/// the environment.
pub(crate) struct Adieu {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    clean_environment: bool,
    directory: Option<PathBuf>,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    pid1: bool,
    ignored: Vec<i32>,
    blocked: Vec<i32>,
    deadline: Duration,
}

#[allow(clippy::wrong_self_convention, reason = "`as_pid1` says what it is started as, it converts nothing")]
impl Adieu {
    pub(crate) fn new() -> Self {
        Self {
            program: adieu().into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            clean_environment: false,
            directory: None,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
            pid1: true,
            ignored: Vec::new(),
            blocked: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// Another program in adieu's place.
    pub(crate) fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = path.into();
        self
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// Only what [`Self::env`] sets: not even `PATH`.
    pub(crate) fn clean_env(mut self) -> Self {
        self.clean_environment = true;
        self
    }

    pub(crate) fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// `Stdio::piped()` is written to by [`Running::stdin`].
    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Elsewhere than to the list of lines.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Elsewhere than to the list of lines.
    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// And leader of its session, as in a container.
    pub(crate) fn as_pid1(mut self) -> Self {
        self.pid1 = true;
        self
    }

    /// An ordinary child, leader of its process group.
    pub(crate) fn as_child(mut self) -> Self {
        self.pid1 = false;
        self
    }

    /// Started with these signals ignored.
    pub(crate) fn ignoring(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.ignored.extend(signals.into_iter().map(|signal| signal as i32));
        self
    }

    /// Started with these signals blocked.
    pub(crate) fn blocking(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.blocked.extend(signals.into_iter().map(|signal| signal as i32));
        self
    }

    /// For all waits together, in place of 30 s.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn start(self) -> Running {
        let (pid1, deadline) = (self.pid1, self.deadline);
        let mut command = self.into_command(false);
        // A group of its own, or a mistake in a group kill would hit the test runner.
        command.process_group(0);
        Running::start(&mut command, pid1, deadline)
    }

    /// The same, with a terminal of its own.
    pub(crate) fn start_on_pty(self) -> Pty {
        let (pid1, deadline) = (self.pid1, self.deadline);
        Pty::start(self.into_command(true), pid1, deadline)
    }

    fn into_command(self, on_terminal: bool) -> Command {
        let mut command = if self.pid1 {
            let unshare =
                unshare().expect("no PID namespace here: ask `pid_namespace()` first, or use `as_child()`");
            let (unshare, options) = unshare.split_first().unwrap();
            let mut command = Command::new(unshare);
            // Without a session of its own, PID 1 would be in a process group from outside its namespace: 0.
            let setsid = page::find("setsid").expect("setsid(1), of the same package as unshare(1)");
            command.args(options).arg(setsid).args(on_terminal.then_some("--ctty")).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        if self.clean_environment {
            command.env_clear();
        }
        for (key, _) in env::vars_os().filter(|(key, _)| key.as_encoded_bytes().starts_with(b"ADIEU_")) {
            command.env_remove(key);
        }
        command.args(self.arguments).envs(self.environment);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        command.stdin(self.stdin).stdout(self.stdout).stderr(self.stderr);
        let (ignored, blocked) = (self.ignored, self.blocked);
        // SAFETY: between fork and exec; `set_signals` makes system calls on its stack only and allocates
        // nothing.
        unsafe { command.pre_exec(move || set_signals(&ignored, &blocked)) };
        command
    }
}

/// All signals default and unblocked, as in a container, but for these. A job in the background of a CI
/// shell, say, would hand down INT and QUIT as ignored.
///
/// Without libc, which refuses to touch signals 32 and 33 and yet leaves them ignored after posix_spawn.
fn set_signals(ignored: &[i32], blocked: &[i32]) -> io::Result<()> {
    /// At least as long as the kernel's `struct sigaction` on any architecture; the handler comes first.
    #[repr(C)]
    struct KernelSigaction {
        handler: usize,
        rest: [u64; 7],
    }
    const SIGSET_SIZE: usize = 8;
    for signal in (1..=64).filter(|&signal| signal != libc::SIGKILL && signal != libc::SIGSTOP) {
        let handler = if ignored.contains(&signal) { libc::SIG_IGN } else { libc::SIG_DFL };
        let action = KernelSigaction { handler, rest: [0; 7] };
        let no_old_action = ptr::null_mut::<KernelSigaction>();
        // SAFETY: `action` outlives the call and is as long as the kernel reads; SIG_IGN and SIG_DFL run no
        // code.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const action, no_old_action, SIGSET_SIZE)
        })?;
    }
    let mask = blocked.iter().fold(0_u64, |mask, signal| mask | 1 << (signal - 1));
    let no_old_mask = ptr::null_mut::<u64>();
    // SAFETY: `mask` outlives the call and is as long as the size says.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            no_old_mask,
            mem::size_of_val(&mask),
        )
    })?;
    Ok(())
}

// --- A started process: what Running and Pty share ---------------------------------------------------------

/// The process that was started. Killed on drop, with everything below it.
struct Started {
    child: Child,
    /// Whether it is unshare(1), with adieu as PID 1 below it.
    pid1: bool,
    adieu: OnceCell<Pid>,
    began: Instant,
    deadline: Instant,
}

impl Started {
    fn spawn(command: &mut Command, pid1: bool, deadline: Duration) -> Self {
        let began = Instant::now();
        let child = spawn(command);
        Self { child, pid1, adieu: OnceCell::new(), began, deadline: began + deadline }
    }

    fn child_pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Calls `ended` as soon as the process ends. It is not reaped then: nobody else gets its number as long
    /// as this handle may still signal it.
    fn on_end(&self, ended: impl FnOnce(Instant) + Send + 'static) {
        let pid = self.child_pid();
        thread::spawn(move || {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
            ended(Instant::now());
        });
    }

    /// adieu's pid as the test sees it. `None`: it has ended.
    fn adieu(&self) -> Option<Pid> {
        if let Some(&pid) = self.adieu.get() {
            return Some(pid);
        }
        let pid = if self.pid1 { self.pid1_below_unshare()? } else { self.child_pid() };
        Some(*self.adieu.get_or_init(|| pid))
    }

    fn pid1_below_unshare(&self) -> Option<Pid> {
        let unshare = self.child_pid();
        let mut pid1 = None;
        eventually("unshare(1) has started PID 1, or has ended", || {
            // It goes by the names of what led to it until its last exec.
            let arrived = |it: &Process| !["unshare", "setsid"].contains(&&*it.name);
            pid1 = children(unshare).into_iter().find(arrived).map(|it| it.pid);
            pid1.is_some() || process(unshare).is_none_or(|it| it.state == 'Z')
        });
        pid1
    }

    fn kill_all(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // From the top, so that nothing is started anew. A PID 1 takes the rest of its namespace with it.
            let below = descendants(self.child_pid());
            for pid in [self.child_pid()].into_iter().chain(below.iter().map(|it| it.pid)) {
                kill(pid, Signal::SIGKILL).ok();
            }
        }
        self.child.wait().ok();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// As shells have it: 128+n for signal n.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap()
}

/// What a test waits for, filled by threads that read.
type Shared<T> = Arc<(Mutex<T>, Condvar)>;

fn update<T>(shared: &Shared<T>, change: impl FnOnce(&mut T)) {
    change(&mut lock(&shared.0));
    shared.1.notify_all();
}

/// What `found` finds before the deadline; `None` as soon as the wait is `in_vain`.
fn wait_until<T, R>(
    shared: &Shared<T>,
    deadline: Instant,
    mut found: impl FnMut(&T) -> Option<R>,
    in_vain: impl Fn(&T) -> bool,
) -> Option<R> {
    let mut state = lock(&shared.0);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match found(&state) {
            Some(found) => return Some(found),
            None if left.is_zero() || in_vain(&state) => return None,
            None => state = shared.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
        }
    }
}

// --- Running -----------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Stdout,
    Stderr,
}

/// One line, without its end. The order is exact within an origin, and as read between the two.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) origin: Origin,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Seen {
    lines: Vec<Line>,
    /// How many outputs have not reached their end.
    open: usize,
    ended: Option<Instant>,
}

/// A started adieu. Waits fail the test, with everything seen so far, once the common deadline passes or once
/// what they wait for can come no more.
pub(crate) struct Running {
    started: Started,
    seen: Shared<Seen>,
    /// The pipes that stdout and stderr write to, as /proc shows them.
    pipes: Vec<PathBuf>,
    last_signal: Cell<Option<Instant>>,
}

impl Running {
    fn start(command: &mut Command, pid1: bool, deadline: Duration) -> Self {
        let mut started = Started::spawn(command, pid1, deadline);
        let seen = Shared::<Seen>::default();
        let mut pipes = Vec::new();
        if let Some(stdout) = started.child.stdout.take() {
            pipes.extend(open_file(stdout.as_fd()));
            read_lines(stdout, Origin::Stdout, &seen);
        }
        if let Some(stderr) = started.child.stderr.take() {
            pipes.extend(open_file(stderr.as_fd()));
            read_lines(stderr, Origin::Stderr, &seen);
        }
        let shared = Arc::clone(&seen);
        started.on_end(move |at| update(&shared, |seen| seen.ended = Some(at)));
        Self { started, seen, pipes, last_signal: Cell::new(None) }
    }

    /// Waits for a line, on stdout or stderr, that contains `pattern`; one that has come already counts.
    pub(crate) fn wait_line(&self, pattern: &str) -> Line {
        self.wait_lines(1, pattern).remove(0)
    }

    /// Waits for `count` lines that contain `pattern`.
    pub(crate) fn wait_lines(&self, count: usize, pattern: &str) -> Vec<Line> {
        let found = |seen: &Seen| {
            let lines: Vec<_> =
                seen.lines.iter().filter(|line| line.text.contains(pattern)).cloned().collect();
            (lines.len() >= count).then_some(lines)
        };
        self.wait_until(&format!("{count} × {pattern:?}"), found, |seen| seen.open == 0)
    }

    /// Waits until adieu has ended, whoever may still hold its outputs open, and says how long it took from
    /// the last signal.
    pub(crate) fn wait_end(&self) -> Duration {
        let ended = self.wait_until("its end", |seen| seen.ended, |_| false);
        ended.saturating_duration_since(self.last_signal.get().unwrap_or(self.started.began))
    }

    /// Whether a line with one of these came, where its absence is a finding and no failure: `false` once it can come no more.
    pub(crate) fn saw(&self, patterns: &[&str]) -> bool {
        let is_one = |line: &Line| patterns.iter().any(|pattern| line.text.contains(pattern));
        let found = |seen: &Seen| seen.lines.iter().any(is_one).then_some(());
        wait_until(&self.seen, self.started.deadline, found, |seen| seen.open == 0).is_some()
    }

    /// Whether it ended before the deadline, where that is a finding and no failure.
    pub(crate) fn ends(&self) -> bool {
        wait_until(&self.seen, self.started.deadline, |seen| seen.ended, |_| false).is_some()
    }

    /// Whether it has ended by now.
    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.seen.0).ended.is_some()
    }

    /// All lines until now.
    pub(crate) fn lines(&self) -> Vec<Line> {
        lock(&self.seen.0).lines.clone()
    }

    /// adieu's pid, in the test's own PID namespace.
    pub(crate) fn pid(&self) -> Pid {
        self.started.adieu().unwrap_or_else(|| self.fail("adieu has ended already"))
    }

    /// Everything below adieu, parents before children.
    pub(crate) fn tree(&self) -> Vec<Process> {
        descendants(self.pid())
    }

    /// Everything that has adieu's stdout or stderr open, wherever in the tree it is: orphans outside a PID
    /// namespace too.
    pub(crate) fn writers(&self) -> Vec<Process> {
        holders(&self.pipes)
    }

    /// The one process below adieu of that name (`/proc/<pid>/comm`).
    pub(crate) fn process(&self, name: &str) -> Process {
        let tree = self.tree();
        let mut named = tree.iter().filter(|it| it.name == name);
        match (named.next(), named.next()) {
            (Some(process), None) => process.clone(),
            _ => self.fail(&format!("not exactly one {name} among {tree:#?}")),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.signal_number(signal as i32);
    }

    /// For real-time signals, which [`Signal`] does not have.
    pub(crate) fn signal_number(&self, signal: i32) {
        let pid = self.pid();
        self.last_signal.set(Some(Instant::now()));
        // SAFETY: kill(2) touches no memory of ours.
        if let Err(errno) = Errno::result(unsafe { libc::kill(pid.as_raw(), signal) }) {
            self.fail(&format!("signal {signal} to adieu, process {pid}: {errno}"));
        }
    }

    /// The writing end of `stdin(Stdio::piped())`; dropped, it is the end of file.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.started.child.stdin.take().expect("stdin was not asked to be a pipe, or has been taken")
    }

    /// Waits for the end, of adieu and of its outputs, and fails where the exit status is not `code`.
    pub(crate) fn expect_exit(self, code: i32) -> Finished {
        let finished = self.finish();
        assert_eq!(finished.code, code, "exit status\n{finished}");
        finished
    }

    /// Waits for the end, of adieu and of its outputs.
    pub(crate) fn finish(mut self) -> Finished {
        let took = self.wait_end();
        let closed = |seen: &Seen| (seen.open == 0).then_some(());
        if wait_until(&self.seen, self.started.deadline, closed, |_| false).is_none() {
            self.fail(&format!("adieu has ended, its output is held open by {:#?}", holders(&self.pipes)));
        }
        let mut code = exit_code(self.started.child.wait().unwrap());
        let mut lines = self.lines();
        // unshare(1) ends as its child did, by the same signal. With SIGKILL some versions fail at that (2.38
        // does).
        let failed =
            |line: &Line| line.origin == Origin::Stderr && line.text.starts_with("unshare: sigprocmask ");
        if self.started.pid1 && code == 1 && lines.iter().any(failed) {
            code = 128 + libc::SIGKILL;
            lines.retain(|line| !failed(line));
        }
        Finished { code, out: of(&lines, Origin::Stdout), err: of(&lines, Origin::Stderr), took, lines }
    }

    fn wait_until<R>(
        &self,
        what: &str,
        found: impl FnMut(&Seen) -> Option<R>,
        in_vain: impl Fn(&Seen) -> bool,
    ) -> R {
        let found = wait_until(&self.seen, self.started.deadline, found, in_vain);
        found.unwrap_or_else(|| self.fail(&format!("waited in vain for {what}")))
    }

    fn fail(&self, why: &str) -> ! {
        let seen = lock(&self.seen.0);
        let mut text = format!("{why}\n");
        for line in &seen.lines {
            writeln!(text, "{}", show(line, self.started.began)).ok();
        }
        match seen.ended {
            Some(at) => writeln!(text, "{:>7.3} s  ended", (at - self.started.began).as_secs_f64()),
            None => writeln!(text, "not ended; below it: {:#?}", descendants(self.started.child_pid())),
        }
        .ok();
        drop(seen);
        panic!("{text}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.started.kill_all();
        // Nothing outlives a PID 1. Elsewhere what was orphaned is no longer below it, but still writes to
        // its pipes.
        if !self.started.pid1 {
            for process in holders(&self.pipes) {
                kill(process.pid, Signal::SIGKILL).ok();
            }
        }
    }
}

fn read_lines(output: impl Read + Send + 'static, origin: Origin, seen: &Shared<Seen>) {
    update(seen, |seen| seen.open += 1);
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes)).into_owned();
            update(&seen, |seen| seen.lines.push(Line { origin, text, at: Instant::now() }));
            bytes.clear();
        }
        update(&seen, |seen| seen.open -= 1);
    });
}

fn of(lines: &[Line], origin: Origin) -> Vec<String> {
    lines.iter().filter(|line| line.origin == origin).map(|line| line.text.clone()).collect()
}

fn show(line: &Line, began: Instant) -> String {
    let Line { origin, text, at } = line;
    format!("{:>7.3} s  {origin:?}  {text}", (*at - began).as_secs_f64())
}

/// How it went.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
    /// Both, in the order in which they were read.
    pub(crate) lines: Vec<Line>,
    /// From the last signal sent (or else the start) to adieu's end.
    pub(crate) took: Duration,
}

impl Finished {
    /// stdout has each of these lines, word for word, exactly once, and in this order. Others may lie
    /// between.
    pub(crate) fn assert_order<'a>(&self, expected: impl IntoIterator<Item = &'a str>) -> &Self {
        let mut last = None;
        for expected in expected {
            let mut places =
                self.out.iter().enumerate().filter(|(_, line)| *line == expected).map(|(place, _)| place);
            let place = places.next();
            assert!(place.is_some() && places.next().is_none(), "not exactly once: {expected:?}\n{self}");
            assert!(last < place, "too early: {expected:?}\n{self}");
            last = place;
        }
        self
    }

    /// No line of stdout or stderr contains this.
    pub(crate) fn assert_no(&self, pattern: &str) -> &Self {
        let found = self.lines.iter().any(|line| line.text.contains(pattern));
        assert!(!found, "unexpected: {pattern:?}\n{self}");
        self
    }

    /// How often adieu says that it dropped this signal, those included that it only counts.
    pub(crate) fn dropped(&self, signal: &str) -> usize {
        let lines = self.err.iter().filter(|line| line.contains(&format!("{signal} dropped: ")));
        let count = |line: &String| {
            let more = line.split(" more").next().and_then(|it| it.rsplit(['(', ' ']).next()?.parse().ok());
            usize::from(line.contains("no program")) + more.unwrap_or(0)
        };
        lines.map(count).sum()
    }

    /// How many lines of stdout contain this.
    pub(crate) fn count(&self, pattern: &str) -> usize {
        self.out.iter().filter(|line| line.contains(pattern)).count()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit status {}, {:?} after the last signal", self.code, self.took)?;
        let began = self.lines.iter().map(|line| line.at).min().unwrap_or_else(Instant::now);
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", show(line, began)))
    }
}

// --- A terminal --------------------------------------------------------------------------------------------

#[derive(Default)]
struct Screen {
    text: String,
    hung_up: bool,
    ended: bool,
}

/// A command on a terminal of its own.
pub(crate) struct Pty {
    started: Started,
    master: File,
    screen: Shared<Screen>,
    /// How far [`Self::wait_text`] has read.
    read: usize,
}

impl Pty {
    /// Any command, such as an interactive shell, as the leader of a new session whose terminal this is.
    pub(crate) fn spawn(mut command: Command) -> Self {
        // SAFETY: as in `Adieu::into_command`.
        unsafe { command.pre_exec(|| set_signals(&[], &[])) };
        Self::start(command, false, DEADLINE)
    }

    /// Takes the command by value: while it lives, it keeps the terminal open.
    fn start(mut command: Command, pid1: bool, deadline: Duration) -> Self {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ptsname_r(&master).unwrap();
        let terminal =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(terminal).unwrap();
        command.stdin(terminal.try_clone().unwrap());
        command.stdout(terminal.try_clone().unwrap());
        command.stderr(terminal);
        if pid1 {
            // The terminal goes to PID 1's session, where setsid(1) acquires it.
            command.process_group(0);
        } else {
            let acquire_terminal = || {
                // SAFETY: system calls without pointers; stdin is the terminal by now.
                unsafe {
                    Errno::result(libc::setsid())?;
                    Errno::result(libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0))?;
                }
                Ok(())
            };
            // SAFETY: between fork and exec; two system calls, no allocation.
            unsafe { command.pre_exec(acquire_terminal) };
        }
        let started = Started::spawn(&mut command, pid1, deadline);
        drop(command);

        let master = File::from(OwnedFd::from(master));
        let screen = Shared::<Screen>::default();
        let (mut keys, shared) = (master.try_clone().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO is the hang-up: nobody has the terminal open any more.
            while let Ok(length @ 1..) = keys.read(&mut bytes) {
                let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).replace('\r', "");
                update(&shared, |screen| screen.text.push_str(&text));
            }
            update(&shared, |screen| screen.hung_up = true);
        });
        let shared = Arc::clone(&screen);
        started.on_end(move |_| update(&shared, |screen| screen.ended = true));
        Self { started, master, screen, read: 0 }
    }

    /// `"\x03"` is Ctrl-C, `"\x1a"` Ctrl-Z, `"\x1c"` Ctrl-\, `"\x04"` the end of file.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for `text` behind what the last such wait has found. Carriage returns are left out.
    pub(crate) fn wait_text(&mut self, text: &str) {
        let read = self.read;
        let found = |screen: &Screen| {
            let unread = screen.text.get(read..).unwrap_or_default();
            unread.find(text).map(|at| read + at + text.len())
        };
        let found = wait_until(&self.screen, self.started.deadline, found, |screen| screen.hung_up);
        self.read = found.unwrap_or_else(|| self.fail(&format!("waited in vain for {text:?}")));
    }

    /// Everything shown until now.
    pub(crate) fn text(&self) -> String {
        lock(&self.screen.0).text.clone()
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads the winsize that it is given.
        Errno::result(unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })
            .unwrap();
    }

    /// The process group in the foreground.
    pub(crate) fn foreground(&self) -> Pid {
        tcgetpgrp(&self.master).unwrap()
    }

    /// As [`Running::pid`].
    pub(crate) fn pid(&self) -> Pid {
        self.started.adieu().unwrap_or_else(|| self.fail("it has ended already"))
    }

    /// As [`Running::tree`].
    pub(crate) fn tree(&self) -> Vec<Process> {
        descendants(self.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end; the exit status, 128+n for signal n.
    pub(crate) fn exit(&mut self) -> i32 {
        let ended = |screen: &Screen| screen.ended.then_some(());
        if wait_until(&self.screen, self.started.deadline, ended, |_| false).is_none() {
            self.fail("waited in vain for its end");
        }
        exit_code(self.started.child.wait().unwrap())
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}\nbelow it: {:#?}", self.text(), descendants(self.started.child_pid()));
    }
}

// --- Processes ---------------------------------------------------------------------------------------------

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
    status.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned()))
}

/// The CPU time that a process has taken so far, to the clock tick (10 ms); `None` where it is gone.
pub(crate) fn cpu_time(pid: Pid) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

pub(crate) fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| process(Pid::from_raw(pid))).collect()
}

/// The children of a process with one thread, without a look at all that the machine has where the kernel lists them.
pub(crate) fn children(of: Pid) -> Vec<Process> {
    match fs::read_to_string(format!("/proc/{of}/task/{of}/children")) {
        Ok(pids) => {
            pids.split_whitespace().filter_map(|pid| process(Pid::from_raw(pid.parse().ok()?))).collect()
        }
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
fn open_file(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()
}

/// The processes that have one of these files open. Not this one, nor its children that are about to exec:
/// those have copies of every descriptor, and belong to other tests.
fn holders(files: &[PathBuf]) -> Vec<Process> {
    let executable = |pid: Pid| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = executable(Pid::this());
    let holds = |pid: Pid| {
        let mut open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.any(|fd| fs::read_link(fd.path()).is_ok_and(|file| files.contains(&file)))
    };
    // In this order: a child that has called exec by the first look has closed its copies by the second.
    processes().into_iter().filter(|it| executable(it.pid) != own && holds(it.pid)).collect()
}

// --- Waiting and files -------------------------------------------------------------------------------------

/// Waits until `condition` holds, for what announces itself by no line and no descriptor.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        // The only sleep in the tests: it sets how soon the change is noticed, never whether.
        thread::sleep(Duration::from_millis(10));
    }
}

/// A directory of the test's own, removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("adieu-test-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// As [`script`], in this directory.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        script(&self.0, name, text)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Writes an executable file, for /bin/sh unless the text begins with another `#!`.
pub(crate) fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    let interpreter = if text.starts_with("#!") { "" } else { "#!/bin/sh\n" };
    let _guard = lock(&FORKING_OR_WRITING);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path).unwrap();
    write!(file, "{interpreter}{text}").unwrap();
    path
}
