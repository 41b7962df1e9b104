//! How adieu is started: arguments, environment, signals, and whether as PID 1 of a PID namespace
//! of its own.
#![allow(unsafe_code, reason = "resets signals between fork and exec")]

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, io, mem, ptr};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::page;
use super::programs::adieu;
use super::pty::Pty;
use super::running::Running;
use super::scratch::{DEADLINE, FORKING_OR_WRITING, lock};

/// unshare(1) with the options that work here; what it says where none does.
pub(super) fn unshare() -> Result<&'static [OsString], &'static str> {
    static UNSHARE: OnceLock<Result<Vec<OsString>, String>> = OnceLock::new();
    let namespaces = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let user_namespace = ["--user", "--map-root-user"];
    let found = UNSHARE.get_or_init(|| {
        let unshare = page::find("unshare").ok_or("unshare(1) of util-linux is missing")?;
        let mut why = String::new();
        for more in [&[][..], &user_namespace[..]] {
            let _guard = lock(&FORKING_OR_WRITING);
            let mut attempt = Command::new(&unshare);
            attempt.args(more).args(namespaces).arg("true").stdin(Stdio::null());
            let output = attempt.output().map_err(|error| error.to_string())?;
            if output.status.success() {
                let words = more.iter().chain(&namespaces).map(OsString::from);
                return Ok([unshare.into_os_string()].into_iter().chain(words).collect());
            }
            why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        }
        Err(why)
    });
    found.as_deref().map_err(String::as_str)
}

/// How adieu is to be started. As PID 1 of a PID namespace of its own unless the test says
/// otherwise; with nothing on stdin, no signal ignored or blocked, whatever the test runner's own
/// state, and without the `ADIEU_*` of the environment.
pub(crate) struct Adieu {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    pid1: bool,
    ignored: Vec<i32>,
    blocked: Vec<i32>,
    deadline: Duration,
}

#[allow(
    clippy::wrong_self_convention,
    reason = "`as_pid1` says what it is started as, it converts nothing"
)]
impl Adieu {
    pub(crate) fn new() -> Self {
        Self {
            program: adieu().into(),
            arguments: Vec::new(),
            environment: Vec::new(),
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

    pub(crate) fn args<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((key.into(), value.into()));
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
            let unshare = unshare()
                .expect("no PID namespace here: ask `pid_namespace()` first, or use `as_child()`");
            let (unshare, options) = unshare.split_first().unwrap();
            let mut command = Command::new(unshare);
            // Without a session of its own, PID 1 would be in a process group from outside its
            // namespace: 0.
            let setsid =
                page::find("setsid").expect("setsid(1), of the same package as unshare(1)");
            command
                .args(options)
                .arg(setsid)
                .args(on_terminal.then_some("--ctty"))
                .arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        for (key, _) in
            env::vars_os().filter(|(key, _)| key.as_encoded_bytes().starts_with(b"ADIEU_"))
        {
            command.env_remove(key);
        }
        command.args(self.arguments).envs(self.environment);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        command.stdin(self.stdin).stdout(self.stdout).stderr(self.stderr);
        let (ignored, blocked) = (self.ignored, self.blocked);
        // SAFETY: between fork and exec; `set_signals` makes system calls on its stack only and
        // allocates nothing.
        unsafe { command.pre_exec(move || set_signals(&ignored, &blocked)) };
        command
    }
}

/// All signals default and unblocked, as in a container, but for these. A job in the background of
/// a CI shell, say, would hand down INT and QUIT as ignored.
///
/// Without libc, which refuses to touch signals 32 and 33 and yet leaves them ignored after
/// posix_spawn.
pub(super) fn set_signals(ignored: &[i32], blocked: &[i32]) -> io::Result<()> {
    /// At least as long as the kernel's `struct sigaction` on any architecture; the handler comes
    /// first.
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
        // SAFETY: `action` outlives the call and is as long as the kernel reads; SIG_IGN and
        // SIG_DFL run no code.
        Errno::result(unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                &raw const action,
                no_old_action,
                SIGSET_SIZE,
            )
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
