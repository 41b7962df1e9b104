//! The terminal on stdin: whose group is in its foreground, and stopping together with the job.

use crate::signal::Signal;
use crate::system::sys;
use nix::errno::Errno;
use nix::sys::signal::killpg;
use nix::unistd::{Pid, getpgrp, getpid, getsid, isatty, tcgetpgrp, tcsetpgrp};
use signal_hook::low_level::emulate_default_handler;
use std::os::fd::BorrowedFd;

/// Stdin as it is, without the buffer that std has for it.
fn stdin() -> BorrowedFd<'static> {
    sys::standard(libc::STDIN_FILENO)
}

/// Whether stdin is a terminal that adieu's own process group holds. A background job must not take
/// it.
pub(crate) fn is_held() -> bool {
    isatty(stdin()).unwrap_or(false) && tcgetpgrp(stdin()) == Ok(getpgrp())
}

/// Gives the terminal to a process group, if adieu's own holds it.
pub(crate) fn give_to(group: i32) {
    if is_held() {
        // Refused when the group is gone: then there is nobody to give it to.
        let _ = tcsetpgrp(stdin(), Pid::from_raw(group));
    }
}

/// Gives the terminal to a group that was stopped because it did not have it, and continues the
/// group; only if adieu's own group holds the terminal.
pub(crate) fn lend_to(group: i32) -> bool {
    let held = is_held();
    if held {
        give_to(group);
        let _ = sys::kill(-group, Signal::CONT);
    }
    held
}

/// Takes the terminal back from a process group, or from one that is gone. SIGTTOU is blocked, so
/// this does not stop adieu.
pub(crate) fn take_from(group: Option<i32>) {
    let Ok(holder) = tcgetpgrp(stdin()) else { return };
    let gone = || holder.as_raw() > 0 && killpg(holder, None) == Err(Errno::ESRCH);
    if Some(holder.as_raw()) == group || gone() {
        let _ = tcsetpgrp(stdin(), getpgrp());
    }
}

/// The main process was stopped by the terminal: stops adieu's own group as well, so that the shell
/// above sees the job stopped. A main process that only lacked the terminal, which adieu holds,
/// gets the terminal instead.
pub(crate) fn suspend(group: i32, signal: Signal) {
    if signal != Signal::TSTP && lend_to(group) {
        return;
    }
    // A script that started adieu is in the same group and has to stop too. adieu itself blocks
    // TSTP.
    let _ = sys::kill(0, Signal::TSTP);
    // signal-hook raises SIGSTOP here. When the shell continues the job, adieu goes on behind this
    // line, and the SIGCONT is in the inbox.
    let _ = emulate_default_handler(Signal::TSTP.number());
}

/// Whether a shell above could continue adieu if it stopped itself.
pub(crate) fn can_suspend() -> bool {
    let pid = getpid();
    pid != Pid::from_raw(1) && getsid(None) != Ok(pid)
}
