//! Carries out what was decided: signals to processes and groups. Never chooses a target.

use crate::decide::{Delivered, SignalProcess};
use crate::procfs;
use crate::signal::Signal;
use crate::system::inbox::Inbox;
use crate::system::sys;
use nix::errno::Errno;
use std::os::fd::OwnedFd;

/// Sends one signal to one process, and to no other: a pid may have been given to another process
/// since the process was seen. adieu's own children keep theirs until they are reaped; any other is
/// held by a pidfd and then compared. Without pidfds only the comparison is left, and a gap of some
/// microseconds behind it.
pub(crate) fn tell(tell: &SignalProcess, inbox: &mut Inbox) -> Delivered {
    let renamed =
        || tell.named.as_deref().is_some_and(|name| procfs::has_other_name(tell.id.pid, name));
    if tell.own_child {
        // Its end comes with SIGCHLD.
        return if renamed() { Delivered::Changed } else { answer(send(tell, None), true) };
    }
    let mut pidfd = sys::pidfd_open(tell.id.pid);
    let mut found = procfs::identify(tell.id.pid);
    if found.is_err() {
        // The pidfd may have taken the last descriptor, or adieu's own are too many.
        pidfd = Err(Errno::EMFILE);
        found = procfs::identify(tell.id.pid);
    }
    if found.is_err() {
        inbox.close();
        found = procfs::identify(tell.id.pid);
    }
    if found != Ok(Some(tell.id)) {
        return Delivered::Gone;
    }
    if renamed() {
        return Delivered::Changed;
    }
    let pidfd = pidfd.ok();
    let sent = send(tell, pidfd.as_ref());
    let watched = match pidfd {
        Some(pidfd) if tell.watch && sent.is_ok() => inbox.watch(tell.id, pidfd),
        _ => false,
    };
    answer(sent, watched)
}

fn send(tell: &SignalProcess, pidfd: Option<&OwnedFd>) -> Result<(), Errno> {
    // A kernel or a seccomp profile may refuse one of the two calls; a real EPERM comes from both.
    let one = |signal: Signal| match pidfd.map(|pidfd| sys::pidfd_send_signal(pidfd, signal)) {
        Some(Ok(())) => Ok(()),
        // Not for what is gone: its pid may be another's.
        Some(Err(_)) if procfs::identify(tell.id.pid) != Ok(Some(tell.id)) => Err(Errno::ESRCH),
        Some(Err(_)) => sys::kill(tell.id.pid, signal),
        None => match sys::kill(tell.id.pid, signal) {
            // An own child keeps its pid, so that a pidfd made now is its own.
            Err(refused) if tell.own_child => {
                let pidfd = sys::pidfd_open(tell.id.pid).map_err(|_| refused)?;
                sys::pidfd_send_signal(&pidfd, signal).map_err(|_| refused)
            }
            sent => sent,
        },
    };
    one(tell.signal)?;
    if tell.resume { one(Signal::CONT) } else { Ok(()) }
}

fn answer(sent: Result<(), Errno>, watched: bool) -> Delivered {
    match sent {
        Ok(()) => Delivered::Sent { watched },
        Err(Errno::ESRCH) => Delivered::Gone,
        Err(_) => Delivered::Refused,
    }
}

/// Sends one signal to every process of the main process's group.
pub(crate) fn tell_group(group: i32, signal: Signal) {
    // Tried once more: told one by one, a child could end before its shell is told, which would go
    // on.
    if sys::kill(-group, signal).is_err() {
        // Nobody there, or nobody who may be signalled: whoever is left is found by the next look.
        let _ = sys::kill(-group, signal);
    }
}
