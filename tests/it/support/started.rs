//! A started process: what [`Running`](super::running::Running) and [`Pty`](super::pty::Pty) share.

use std::cell::OnceCell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::process::{Process, children, descendants, process};
use super::programs::spawn;
use super::scratch::{eventually, lock};

/// The process that was started. Killed on drop, with everything below it.
pub(super) struct Started {
    pub(super) child: Child,
    /// Whether it is unshare(1), with adieu as PID 1 below it.
    pub(super) pid1: bool,
    pub(super) adieu: OnceCell<Pid>,
    pub(super) began: Instant,
    pub(super) deadline: Instant,
}

impl Started {
    pub(super) fn spawn(command: &mut Command, pid1: bool, deadline: Duration) -> Self {
        let began = Instant::now();
        let child = spawn(command);
        Self { child, pid1, adieu: OnceCell::new(), began, deadline: began + deadline }
    }

    pub(super) fn child_pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Calls `ended` as soon as the process ends. It is not reaped then: no other process gets its
    /// number as long as this handle may still signal it.
    pub(super) fn on_end(&self, ended: impl FnOnce(Instant) + Send + 'static) {
        let pid = self.child_pid();
        thread::spawn(move || {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
            ended(Instant::now());
        });
    }

    /// adieu's pid as the test sees it. `None`: it has ended.
    pub(super) fn adieu(&self) -> Option<Pid> {
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

    /// Whether it has ended, and how, for a failure's words.
    pub(super) fn state(&self) -> String {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        match waitid(Id::Pid(self.child_pid()), flags) {
            Ok(WaitStatus::StillAlive) => "runs".into(),
            Ok(status) => format!("has ended: {status:?}"),
            Err(errno) => format!("is not to be seen: {errno}"),
        }
    }

    pub(super) fn kill_all(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // From the top, so that nothing is started anew. A PID 1 takes the rest of its
            // namespace with it.
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
pub(super) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap()
}

/// What a test waits for, filled by threads that read.
pub(super) type Shared<T> = Arc<(Mutex<T>, Condvar)>;

pub(super) fn update<T>(shared: &Shared<T>, change: impl FnOnce(&mut T)) {
    change(&mut lock(&shared.0));
    shared.1.notify_all();
}

/// What `found` finds before the deadline; `None` as soon as the wait is `in_vain`.
pub(super) fn wait_until<T, R>(
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
            None => {
                state = shared.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}
