//! Carries out what was decided: signals to processes and groups. Never chooses a target.

use crate::decide::{Delivered, SignalProcess};
use crate::procfs;
use crate::signal::Signal;
use crate::system::inbox::Inbox;
use crate::system::sys;
use nix::errno::Errno;
use std::os::fd::OwnedFd;

/// Sends one signal to one process, and to no other process that has been given its pid since it
/// was seen. adieu's own children keep their pids until adieu reaps them. Any other process is held
/// by a pidfd, and then its start time is compared. Without pidfds the comparison is left alone,
/// and the pid can be given anew in the microseconds after it.
pub(crate) fn signal_process(order: &SignalProcess, inbox: &mut Inbox) -> Delivered {
    let renamed =
        || order.named.as_deref().is_some_and(|name| procfs::has_other_name(order.id.pid, name));
    if order.own_child {
        // Its end comes with SIGCHLD.
        return if renamed() { Delivered::Changed } else { delivered(send(order, None), true) };
    }
    let mut pidfd = sys::pidfd_open(order.id.pid);
    let mut found = procfs::identify(order.id.pid);
    if found.is_err() {
        // The pidfd may have taken the last descriptor, or adieu holds too many itself.
        pidfd = Err(Errno::EMFILE);
        found = procfs::identify(order.id.pid);
    }
    if found.is_err() {
        inbox.close();
        found = procfs::identify(order.id.pid);
    }
    if found != Ok(Some(order.id)) {
        return Delivered::Gone;
    }
    if renamed() {
        return Delivered::Changed;
    }
    let pidfd = pidfd.ok();
    let sent = send(order, pidfd.as_ref());
    let watched = match pidfd {
        Some(pidfd) if order.watch && sent.is_ok() => inbox.watch(order.id, pidfd),
        _ => false,
    };
    delivered(sent, watched)
}

fn send(order: &SignalProcess, pidfd: Option<&OwnedFd>) -> Result<(), Errno> {
    // A kernel or a seccomp profile may refuse one of the two calls; a real EPERM comes from both.
    let one = |signal: Signal| match pidfd.map(|pidfd| sys::pidfd_send_signal(pidfd, signal)) {
        Some(Ok(())) => Ok(()),
        // The process has ended, and its pid may be another process's.
        Some(Err(_)) if procfs::identify(order.id.pid) != Ok(Some(order.id)) => Err(Errno::ESRCH),
        Some(Err(_)) => sys::kill(order.id.pid, signal),
        None => match sys::kill(order.id.pid, signal) {
            // An own child keeps its pid, so a pidfd that is opened now names this child.
            Err(refused) if order.own_child => {
                let pidfd = sys::pidfd_open(order.id.pid).map_err(|_| refused)?;
                sys::pidfd_send_signal(&pidfd, signal).map_err(|_| refused)
            }
            sent => sent,
        },
    };
    one(order.signal)?;
    if order.resume { one(Signal::CONT) } else { Ok(()) }
}

fn delivered(sent: Result<(), Errno>, watched: bool) -> Delivered {
    match sent {
        Ok(()) => Delivered::Sent { watched },
        Err(Errno::ESRCH) => Delivered::Gone,
        Err(_) => Delivered::Refused,
    }
}

/// Sends one signal to every process of the main process's group.
pub(crate) fn signal_group(group: i32, signal: Signal) {
    // Tried once more, because the next look would signal the processes one by one: a child could
    // end before its shell gets the signal, and the shell would go on with its script.
    if sys::kill(-group, signal).is_err() {
        // The group is gone, or may not be signalled. The next look finds what is left of it.
        let _ = sys::kill(-group, signal);
    }
}
