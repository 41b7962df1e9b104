//! pidfds: descriptors that name a process.

use super::files::own;
use crate::signal::Signal;
use nix::errno::Errno;
use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};

/// A descriptor that names a process for good (Linux 5.3, `pidfd_open(2)`). The kernel makes it
/// close-on-exec.
pub(crate) fn pidfd_open(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: takes two integers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    own(fd)
}

/// Sends a signal to the process that the descriptor names (Linux 5.1, `pidfd_send_signal(2)`).
pub(crate) fn pidfd_send_signal(fd: &OwnedFd, signal: Signal) -> Result<(), Errno> {
    let nothing: *const c_void = std::ptr::null();
    // SAFETY: integers, and a null pointer for the siginfo, which asks for the one of kill(2).
    Errno::result(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal.number(), nothing, 0)
    })
    .map(|_| ())
}
