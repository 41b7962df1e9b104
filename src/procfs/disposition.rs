//! What a process does with a signal.

use crate::process::Disposition;
use crate::procfs::Own;
use crate::procfs::files::{Proc, read_line};
use crate::procfs::parse::{STAT_SIGNALS, Signals, Stat, Status, system_call};
use crate::programs::base_name;
use crate::signal::Signal;
use nix::sys::uio::pread;
use nix::unistd::read;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;

/// What the first, cheap pass showed of a process, and what is wanted beyond that.
#[derive(Clone, Copy)]
pub(super) struct Sight {
    pub(super) first: FirstSight,
    /// The rest is wanted too.
    pub(super) whole: bool,
    /// Its parent is a shell.
    pub(super) below_shell: bool,
}

impl Sight {
    /// Whether the process may have been seen between fork and exec, with a shell's mask or its
    /// parent's trap.
    pub(super) fn is_fleeting(self) -> bool {
        match self.first.disposition {
            None | Some(Disposition::Default | Disposition::Ignored) => false,
            Some(Disposition::Caught) => self.below_shell,
            Some(_) => true,
        }
    }
}

/// What a process, taken for a program, would do with the signal.
#[derive(Clone, Copy)]
pub(super) struct FirstSight {
    /// `None` where nothing may be read.
    pub(super) disposition: Option<Disposition>,
    /// `/proc/<pid>/stat` was enough for that.
    pub(super) by_stat: bool,
    /// It was awake and may have been about to show more: a program of which nothing was seen that
    /// it waits for the signal, or one with a handler that runs, which is a shell about to start a
    /// command, perhaps.
    pub(super) awake: bool,
}

/// It ended while it was looked at.
pub(super) const GONE: FirstSight =
    FirstSight { disposition: Some(Disposition::Default), by_stat: true, awake: false };

/// How often one that is awake is looked at without a wait: it may be in the middle of waking,
/// working and waiting again.
pub(super) const AT_ONCE: usize = 3;
/// How long a deciding look waits for those that were awake, all of them at once: later looks
/// correct what an earlier one has missed. A thread that has been woken from `rt_sigtimedwait`
/// shows neither that nor its blocked signals until it has a processor. Mostly that is at once.
pub(super) const MOMENTS: [std::time::Duration; 2] =
    [std::time::Duration::from_micros(200), std::time::Duration::from_micros(1_800)];

/// Does nothing with the signal of its own accord.
pub(super) fn is_quiet(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Default | Disposition::Ignored)
}

/// What a process, taken for a program, would do with the signal. Its `stat` is read again where it
/// is `open` still, if it is.
pub(super) fn first_sight(
    proc: &mut Proc,
    own: &Own,
    stat: &Stat,
    open: Option<&OwnedFd>,
    signal: Signal,
) -> FirstSight {
    let by_stat = own.stat_has_signals && signal.number() <= STAT_SIGNALS && stat.signals.is_some();
    let Some(signals) = (if by_stat { stat.signals } else { proc.signals(stat.pid) }) else {
        return FirstSight { disposition: None, by_stat, awake: false };
    };
    let mut seen = signals.disposition(signal);
    let mut awake = is_quiet(seen) && signal.can_be_caught() && stat.alive;
    for _ in 0..AT_ONCE {
        if !awake {
            break;
        }
        (seen, awake) = waits_for_signal(proc, stat.pid, stat.threads, seen);
        if is_quiet(seen) {
            // The kernel unblocks the signals for as long as a thread waits for them. One that woke
            // between the two looks showed nothing in either.
            let signals =
                if by_stat { proc.stat_again(stat.pid, open) } else { proc.signals(stat.pid) };
            seen = signals.map_or(seen, |signals| signals.disposition(signal));
            if awake && is_quiet(seen) && woken_by_signal(proc, stat.pid) {
                seen = Disposition::Waiting;
            }
            awake &= is_quiet(seen);
        }
    }
    // What a shell with a trap starts after the look counts as the trap's own work, and is not
    // told.
    awake |= seen == Disposition::Caught && stat.runs;
    FirstSight { disposition: Some(seen), by_stat, awake }
}

impl Proc {
    /// The process at first sight. Its `stat` is held open meanwhile, since reading it again is
    /// cheap then; but only beside the directory, so that one descriptor is enough for a look.
    pub(super) fn see(
        &mut self,
        pid: i32,
        own: &Own,
        signal: Signal,
    ) -> io::Result<(Stat, FirstSight)> {
        let file = self.file(format_args!("{pid}/stat"))?;
        let stat =
            read_line(|line| read(&file, line), Stat::parse)?.ok_or(io::ErrorKind::InvalidData)?;
        let file = Some(file).filter(|_| self.directory.is_some());
        let sight = first_sight(self, own, &stat, file.as_ref(), signal);
        Ok((stat, sight))
    }

    pub(super) fn stat_again(&mut self, pid: i32, open: Option<&OwnedFd>) -> Option<Signals> {
        let again = open.and_then(|file| read_line(|line| pread(file, line, 0), Stat::parse).ok());
        again.unwrap_or_else(|| self.stat(pid).ok())?.signals
    }
}

/// Whether a signal is pending that should have ended the process by now: the kernel ends it at
/// once, by a KILL, but for one that a thread in `rt_sigtimedwait` takes as soon as it has a
/// processor. (Signals that stop or dump core are pending for a moment in any process.)
pub(super) fn woken_by_signal(proc: &mut Proc, pid: i32) -> bool {
    let ends = |signal: Signal| {
        let usual = [
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
            libc::SIGTERM,
        ];
        signal.number() > STAT_SIGNALS || usual.contains(&signal.number())
    };
    let status = proc.status(pid).ok().flatten();
    status.is_some_and(|Status { signals, pending, .. }| {
        let awaited = |signal: Signal| {
            pending.has(signal)
                && ends(signal)
                && signals.disposition(signal) == Disposition::Default
        };
        !pending.has(Signal::KILL) && (1..=64).filter_map(Signal::from_number).any(awaited)
    })
}

/// `rt_sigtimedwait` under each number that `/proc/<pid>/syscall` can show: this kernel's own, and
/// those of the 32-bit programs that x86_64 and aarch64 run too. As 64-bit calls these are none, or
/// one that does not wait.
pub(super) const SIGNAL_WAITS: [libc::c_long; 3] = [libc::SYS_rt_sigtimedwait, 177, 421];
/// `rt_sigsuspend`, likewise. As 64-bit calls this is none of a shell's, or one that does not wait.
pub(super) const SIGNAL_SUSPENDS: [libc::c_long; 2] = [libc::SYS_rt_sigsuspend, 179];

/// Whether a thread of the process sits in `rt_sigtimedwait`, as `/proc/<pid>/task/<tid>/syscall`
/// shows it; what was `seen` otherwise, and whether one of the threads was awake.
pub(super) fn waits_for_signal(
    proc: &mut Proc,
    pid: i32,
    threads: u64,
    seen: Disposition,
) -> (Disposition, bool) {
    let mut awake = false;
    let mut ask = |proc: &mut Proc, file: fmt::Arguments<'_>| {
        match proc.line(file, |text| (system_call(text), text.starts_with(b"running"))) {
            Ok((Some(call), _)) if SIGNAL_WAITS.contains(&call) => Some(Disposition::Waiting),
            Ok((_, runs)) => {
                awake |= runs;
                None
            }
            Err(e)
                if e.kind() == io::ErrorKind::PermissionDenied && seen == Disposition::Default =>
            {
                Some(Disposition::Hidden)
            }
            // Gone; or a kernel without this file, where such a program looks as if it did nothing.
            Err(_) => None,
        }
    };
    let found = if threads == 1 {
        ask(proc, format_args!("{pid}/syscall"))
    } else {
        let listed = proc.numbers(&format!("/proc/{pid}/task")).unwrap_or_default();
        listed.into_iter().find_map(|thread| ask(proc, format_args!("{pid}/task/{thread}/syscall")))
    };
    found.map_or((seen, awake), |found| (found, false))
}

/// Whether a shell with a trap sits in its `wait` builtin. dash and busybox ash wait for a
/// foreground command in `wait4` and in the builtin in `rt_sigsuspend` (seen of dash 0.5.12 and
/// busybox 1.35); the other shells make no difference, so for them this is always `false`.
pub(super) fn shell_waits(proc: &mut Proc, pid: i32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = program.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    matches!(name, Some("dash" | "busybox"))
        && proc
            .line(format_args!("{pid}/syscall"), system_call)
            .is_ok_and(|call| call.is_some_and(|it| SIGNAL_SUSPENDS.contains(&it)))
}

/// Whether a shell's handler for this signal is the shell's own and no trap: every shell catches
/// INT, and zsh HUP, to clean up after itself. A trap shows in no way of its own, but a script that
/// traps one of these traps TERM as well. (Seen of dash 0.5.12, bash 5.2, busybox 1.35, yash 2.54,
/// fish 3.6, zsh 5.9; mksh catches all three in any case.)
pub(super) fn is_shells_own(signals: &Signals, command_line: &[u8], signal: Signal) -> bool {
    let shell = base_name(command_line.split(|b| *b == 0).next().unwrap_or_default());
    let own = signal == Signal::INT || signal == Signal::HUP && matches!(shell, "zsh" | "rzsh");
    own && !signals.caught.has(Signal::TERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_believed_only_where_it_shows_signals_and_the_signal() {
        let stat = Stat::parse(
            b"0 (a) Z 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 0 0 1 2 3 4 5 6 0 0 0 16384 1",
        );
        let stat = stat.expect("a stat line");
        let own = Own { stat_has_signals: true, ..Own::look(false) };
        let sight = |own: &Own, signal| {
            first_sight(&mut Proc::default(), own, &stat, None, signal).disposition
        };
        assert_eq!(sight(&own, Signal::TERM), Some(Disposition::Caught));
        assert_eq!(sight(&own, Signal::HUP), Some(Disposition::Default));
        // There is no process 0 whose status could be read instead.
        assert_eq!(sight(&own, Signal::from_number(34).expect("a number")), None);
        // gVisor's has zeros there.
        let own = Own { stat_has_signals: false, ..own };
        assert_eq!(sight(&own, Signal::TERM), None);
    }
}
