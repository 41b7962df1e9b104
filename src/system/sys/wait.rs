//! Waiting: for children, and for time to pass.

use crate::exit::End;
use crate::signal::Signal;
use nix::errno::Errno;
use std::ffi::c_int;
use std::time::Duration;

/// Waits for this long.
///
/// std's `sleep` panics where a seccomp profile refuses the call, and the end of adieu as PID 1 is
/// the end of the container.
pub(crate) fn pause(time: Duration) {
    use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
    let time = nix::sys::time::TimeSpec::from(time);
    if nix::poll::ppoll(&mut [], Some(time), None).is_err() {
        // If this call is refused as well there is no pause. No caller depends on one: each asks
        // for a limited number of pauses, or has tried to wait otherwise before.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &time);
    }
}

/// What `waitpid(2)` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// A child ended and is reaped.
    Ended(i32, End),
    /// A child was stopped.
    Stopped(i32, Signal),
    /// There are children; none has changed.
    Nothing,
    /// There is no child at all.
    NoChildren,
}

/// Reaps one child without blocking.
///
/// nix's `waitpid` reaps the child and returns an error when a real-time signal ended it.
pub(crate) fn wait_any() -> Waited {
    let mut status: c_int = 0;
    // SAFETY: the pointer is to a value that lives through the call.
    let mut result = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
    if result == -1 && Errno::last() != Errno::ECHILD {
        // A seccomp profile may refuse the call. adieu would never see the main process's end, and
        // never exit.
        (result, status) = wait_any_otherwise();
    }
    match Errno::result(result) {
        Ok(0) => Waited::Nothing,
        Ok(_) if libc::WIFSTOPPED(status) => Signal::from_number(libc::WSTOPSIG(status))
            .map_or(Waited::Nothing, |s| Waited::Stopped(result, s)),
        Ok(_) => Waited::Ended(result, end(status)),
        Err(Errno::ECHILD) => Waited::NoChildren,
        Err(_) => Waited::Nothing,
    }
}

/// How a process ended, from the status that `waitpid(2)` gives.
pub(super) fn end(status: c_int) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signaled(Signal::from_number(libc::WTERMSIG(status)).unwrap_or(Signal::KILL))
    } else {
        End::Exited(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
    }
}

/// Does the same by another system call, `waitid(2)`; returns the pid and the status as
/// `waitpid(2)` does.
fn wait_any_otherwise() -> (libc::pid_t, c_int) {
    // SAFETY: all zeroes is a valid siginfo_t; the kernel only writes to it, and it lives through
    // the call.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is of the kind that the call fills, and lives through it.
    let asked = unsafe {
        libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WNOHANG | libc::WEXITED | libc::WSTOPPED)
    };
    if asked == -1 {
        return (-1, 0);
    }
    // SAFETY: the kernel has set both fields if a child has changed; else they are still zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let status = match info.si_code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_STOPPED => status << 8 | 0x7f,
        _ => status & 0x7f,
    };
    (pid, status)
}
