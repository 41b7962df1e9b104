//! Signals: the mask, dispositions, reading them, sending them.

use super::files::own;
use crate::signal::{Signal, SignalSet};
use nix::errno::Errno;
use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// The size of the kernel's signal set in bytes, which the raw calls take.
const SET_SIZE: usize = size_of::<u64>();

/// Replaces the signal mask and returns the one before.
///
/// The raw call, because the C library's wrapper leaves its own signals 32 and 33 out in both
/// masks.
pub(crate) fn set_signal_mask(mask: SignalSet) -> Result<SignalSet, Errno> {
    let mut before = SignalSet::EMPTY;
    // SAFETY: both pointers are to values of the size given, which live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask.0,
            &raw mut before.0,
            SET_SIZE,
        )
    };
    Errno::result(result).map(|_| before)
}

/// Whether adieu was started with this signal ignored.
pub(crate) fn is_ignored(signal: Signal) -> bool {
    // SAFETY: all zeroes is a valid sigaction; the kernel only writes to it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: with a null pointer for the new action nothing is changed; `action` lives through the
    // call.
    let asked = unsafe { libc::sigaction(signal.number(), std::ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Gives a signal its default action. While SIGCHLD is ignored the kernel reaps children itself,
/// and their exit statuses are lost (`sigaction(2)`).
pub(crate) fn set_default(signal: Signal) {
    set_action(signal, libc::SIG_DFL);
}

pub(super) fn set_action(signal: Signal, action: libc::sighandler_t) {
    // SAFETY: SIG_DFL and SIG_IGN run no code of this process.
    unsafe { libc::signal(signal.number(), action) };
}

/// A descriptor, close-on-exec and non-blocking, from which the blocked signals of the set are read
/// (`signalfd(2)`).
pub(crate) fn signal_fd(set: SignalSet) -> Result<OwnedFd, Errno> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the pointer is to a value of the size given, alive through the call.
    let fd = Errno::result(unsafe {
        libc::syscall(libc::SYS_signalfd4, -1, &raw const set.0, SET_SIZE, flags)
    })?;
    own(fd)
}

/// A signal that has arrived and the pid of its sender, which is 0 for the kernel, for a sender
/// outside the PID namespace, and for one that could have made the number up.
pub(crate) type Arrived = (Signal, i32);

/// The sender, if the kernel filled it in, as it does for `kill` and `tgkill`. With
/// `rt_sigqueueinfo(2)` a process can write any pid there, under every other negative code.
fn sender(code: i32, pid: i32) -> i32 {
    if matches!(code, libc::SI_USER | libc::SI_TKILL) { pid } else { 0 }
}

/// Adds up to sixteen signals to the list; none when none is pending.
pub(crate) fn read_signals(
    fd: &OwnedFd,
    into: &mut std::collections::VecDeque<Arrived>,
) -> Result<(), Errno> {
    const MOST: usize = 16;
    const SIZE: usize = size_of::<libc::signalfd_siginfo>();
    // SAFETY: all zeroes is a valid value of this plain structure of integers.
    let mut infos: [libc::signalfd_siginfo; MOST] = unsafe { std::mem::zeroed() };
    // SAFETY: the buffer is writable for the length given and lives through the call.
    let read =
        unsafe { libc::read(fd.as_raw_fd(), infos.as_mut_ptr().cast::<c_void>(), MOST * SIZE) };
    let read = match Errno::result(read) {
        Ok(read) => usize::try_from(read).unwrap_or(0),
        Err(Errno::EAGAIN | Errno::EINTR) => 0,
        Err(e) => return Err(e),
    };
    for info in infos.iter().take(read / SIZE) {
        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
        let sender = sender(info.ssi_code, i32::try_from(info.ssi_pid).unwrap_or(0));
        into.extend(Signal::from_number(number).map(|signal| (signal, sender)));
    }
    Ok(())
}

/// Waits for one blocked signal of the set without any descriptor (`sigtimedwait(2)`).
///
/// # Errors
/// EAGAIN when the time is over.
pub(crate) fn wait_signal(
    set: SignalSet,
    limit: Option<Duration>,
) -> Result<Option<Arrived>, Errno> {
    let limit = limit.map(|d| libc::timespec {
        tv_sec: libc::time_t::try_from(d.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(d.subsec_nanos()),
    });
    let limit: *const libc::timespec = limit.as_ref().map_or(std::ptr::null(), |t| t);
    // SAFETY: all zeroes is a valid siginfo_t; the kernel overwrites it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: each pointer is to a value that lives through the call, or null for no limit; the
    // size given is that of the set.
    let number = unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set.0, &raw mut info, limit, SET_SIZE)
    };
    let signal = Signal::from_number(i32::try_from(Errno::result(number)?).unwrap_or(-1));
    // SAFETY: an integer of the union, every bit of which was set by the kernel or the zeroing.
    // `sender` uses it only where it is the pid.
    Ok(signal.map(|signal| (signal, sender(info.si_code, unsafe { info.si_pid() }))))
}

/// Sends a signal to a process, or to a process group where `pid` is negative (`kill(2)`).
pub(crate) fn kill(pid: i32, signal: Signal) -> Result<(), Errno> {
    // SAFETY: takes two integers.
    Errno::result(unsafe { libc::kill(pid, signal.number()) }).map(|_| ())
}

/// Whether there is a process with this pid, a zombie included (`kill(2)` with 0).
///
/// # Errors
/// ESRCH where there is none.
pub(crate) fn exists(pid: i32) -> Result<(), Errno> {
    // SAFETY: takes two integers.
    Errno::result(unsafe { libc::kill(pid, 0) }).map(|_| ())
}

/// Asks for a signal to this process when its parent dies (`PR_SET_PDEATHSIG(2const)`).
pub(crate) fn set_parent_death(signal: Signal) -> Result<(), Errno> {
    let number = libc::c_ulong::try_from(signal.number()).unwrap_or(0);
    // SAFETY: takes integers.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) }).map(|_| ())
}
