//! Waiting: for children, and for time to pass.

use crate::exit::End;
use crate::signal::Signal;
use nix::errno::Errno;
use std::ffi::c_int;
use std::time::Duration;

/// Stands still for this long.
///
/// Not std's `sleep`: that panics where the call is refused, and an adieu that ends takes
/// everything with it.
pub(crate) fn pause(time: Duration) {
    use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
    let time = nix::sys::time::TimeSpec::from(time);
    if nix::poll::ppoll(&mut [], Some(time), None).is_err() {
        // Refused as well, there is no pause: whoever asks for one asks for a limited number of
        // them, or has tried to wait.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &time);
    }
}

/// What `waitpid(2)` has to tell.
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
/// Not nix's `waitpid`: that reaps and then returns an error when a real-time signal ended the
/// child.
pub(crate) fn wait_any() -> Waited {
    let mut status: c_int = 0;
    // SAFETY: the pointer is to a value that lives through the call.
    let mut result = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
    if result == -1 && Errno::last() != Errno::ECHILD {
        // Refused, as a seccomp profile may do it: unnoticed, the main process's end would keep
        // adieu for ever.
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

/// How a process ended, of the status that `waitpid(2)` gives.
pub(super) fn end(status: c_int) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signaled(Signal::from_number(libc::WTERMSIG(status)).unwrap_or(Signal::KILL))
    } else {
        End::Exited(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
    }
}

/// The same by `waitid(2)`, another system call; the pid and the status as `waitpid(2)` has them.
fn wait_any_otherwise() -> (libc::pid_t, c_int) {
    // SAFETY: all zeroes is a valid siginfo_t; the kernel only writes to it, and it lives through
    // the call.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let asked = unsafe {
        libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WNOHANG | libc::WEXITED | libc::WSTOPPED)
    };
    if asked == -1 {
        return (-1, 0);
    }
    // SAFETY: filled for a child that changed; zero, as it was, where none has.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let status = match info.si_code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_STOPPED => status << 8 | 0x7f,
        _ => status & 0x7f,
    };
    (pid, status)
}
