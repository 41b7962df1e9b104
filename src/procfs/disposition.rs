//! What a process does with a signal, read from `/proc/<pid>/status` and `/proc/<pid>/syscall`.

use crate::process::Disposition;
use crate::procfs::files::{Proc, is_exhausted, is_gone, line_again};
use crate::procfs::parse::{Signals, Status, stack_pointer, system_call};
use crate::programs::base_name;
use crate::signal::Signal;
use crate::system::sys;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What one process showed at one moment.
#[derive(Clone)]
pub(super) struct Observed {
    /// `None` where it may not be read, or shows no signals.
    pub(super) status: Option<Status>,
    /// What the process does with the signal if it is a program. Of a shell less counts:
    /// [`of_shell`].
    pub(super) disposition: Disposition,
    /// A thread of the process was running, so it may show more a moment later: a program may wait
    /// for the signal again, and a shell with a trap may have started a command.
    pub(super) was_running: bool,
}

impl Observed {
    /// Whether the process has no handler and does not wait for the signal.
    pub(super) fn does_nothing(&self) -> bool {
        does_nothing(self.disposition)
    }

    /// Whether the process may have been observed between fork and exec. It shows its parent's
    /// handlers then, and the signals that a shell blocks meanwhile.
    pub(super) fn may_be_before_exec(&self, parent_is_shell: bool) -> bool {
        match self.disposition {
            Disposition::Default | Disposition::Ignored | Disposition::Unreadable => false,
            Disposition::Caught => parent_is_shell,
            Disposition::Blocked | Disposition::Waiting | Disposition::Hidden => true,
        }
    }
}

fn does_nothing(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Default | Disposition::Ignored)
}

/// How often a running process is observed without a pause: a thread in `sigwait` may be woken, do
/// its work and wait again within microseconds.
const TRIES_AT_ONCE: usize = 3;

/// The pauses after which a look observes those again that were running. A thread that was woken
/// from `rt_sigtimedwait` shows neither that call nor its blocked signals until it has a processor.
/// Nearly all have one after the first pause. Later looks correct what an earlier one has missed.
pub(super) const PAUSES: [Duration; 2] = [Duration::from_micros(200), Duration::from_micros(1_800)];

/// Observes a process: the system call that it is in, its `status`, and the system call once more.
///
/// While a thread waits in `rt_sigtimedwait` the kernel shows the signals as unblocked that it
/// waits for. Of a thread that waits and wakes in turns, each of the two files can be read at the
/// wrong moment; one of the three readings shows the thread unless it both wakes and waits again
/// between two of them. The system call is the cheaper file to read twice (`docs/performance.md`).
///
/// # Errors
/// Where the process has ended ([`is_gone`]), and where no descriptor is to be had.
pub(super) fn observe(proc: &mut Proc, pid: i32, signal: Signal) -> io::Result<Observed> {
    let asked = signal.can_be_caught();
    let (mut call, held) = if asked { first_thread(proc, pid) } else { (Call::Other, None) };
    let mut tries = 0..TRIES_AT_ONCE;
    loop {
        tries.next();
        let Some(status) = read_status(proc, pid)? else {
            let disposition = Disposition::Unreadable;
            return Ok(Observed { status: None, disposition, was_running: false });
        };
        let shown = status.signals.disposition(signal);
        if !does_nothing(shown) || !asked || !status.alive {
            // What a shell with a trap starts after the look counts as the trap's own work, and
            // gets no signal.
            let was_running = shown == Disposition::Caught && status.running;
            return Ok(Observed { status: Some(status), disposition: shown, was_running });
        }
        let before = call;
        let again = held
            .as_ref()
            .filter(|_| status.threads == 1)
            .and_then(|file| line_again(file, parse_call).ok());
        call = again.unwrap_or_else(|| any_thread(proc, pid, status.threads));
        let was_running = before == Call::Running || call == Call::Running;
        let disposition = match (before, call) {
            (Call::SignalWait, _) | (_, Call::SignalWait) => Disposition::Waiting,
            (_, Call::Hidden) if shown == Disposition::Default => Disposition::Hidden,
            _ if was_running && was_woken_by_signal(&status) => Disposition::Waiting,
            _ => shown,
        };
        let was_running = was_running && does_nothing(disposition);
        if !was_running || tries.is_empty() {
            return Ok(Observed { status: Some(status), disposition, was_running });
        }
    }
}

/// Observes a process that did something with the signal a moment ago. While it is running and
/// shows nothing it is observed again after each of the pauses.
pub(super) fn observe_until_settled(
    proc: &mut Proc,
    pid: i32,
    signal: Signal,
) -> io::Result<Observed> {
    let mut observed = observe(proc, pid, signal)?;
    for pause in PAUSES {
        if !observed.was_running || !observed.does_nothing() {
            break;
        }
        sys::pause(pause);
        observed = observe(proc, pid, signal)?;
    }
    Ok(observed)
}

/// The `status` of a process now, where it may be read and shows signals.
///
/// # Errors
/// Where the process has ended, and where no descriptor is to be had.
pub(super) fn read_status(proc: &mut Proc, pid: i32) -> io::Result<Option<Status>> {
    match proc.text(format_args!("{pid}/status")) {
        Err(e) if is_gone(&e) || is_exhausted(&e) => Err(e),
        bytes => Ok(bytes.ok().and_then(|bytes| Status::parse(&bytes))),
    }
}

/// Whether a signal is pending that should have ended the process by now. The kernel ends it at
/// once by a SIGKILL, except where a thread in `rt_sigtimedwait` takes the signal as soon as it has
/// a processor. (Signals that stop or dump core are pending for a moment in any process.)
fn was_woken_by_signal(status: &Status) -> bool {
    const FIRST_REAL_TIME: i32 = 32;
    let ends = |signal: Signal| {
        let usual = [
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
            libc::SIGTERM,
        ];
        signal.number() >= FIRST_REAL_TIME || usual.contains(&signal.number())
    };
    let awaited = |signal: Signal| {
        status.pending.has(signal)
            && ends(signal)
            && status.signals.disposition(signal) == Disposition::Default
    };
    !status.pending.has(Signal::KILL) && (1..=64).filter_map(Signal::from_number).any(awaited)
}

/// `rt_sigtimedwait` under each number that `/proc/<pid>/syscall` can show: this kernel's own, and
/// those of the 32-bit programs that x86_64 and aarch64 run too. As 64-bit calls these two are
/// none, or one that does not wait.
const SIGNAL_WAITS: [libc::c_long; 3] = [libc::SYS_rt_sigtimedwait, 177, 421];
/// `rt_sigsuspend`, likewise. No shell makes the 64-bit call with the second number, or it does not
/// wait.
const SIGNAL_SUSPENDS: [libc::c_long; 2] = [libc::SYS_rt_sigsuspend, 179];
/// The calls in which a shell waits for a child: `wait4`, `waitid` and `rt_sigsuspend`.
const CHILD_WAITS: [libc::c_long; 3] = [libc::SYS_wait4, libc::SYS_waitid, libc::SYS_rt_sigsuspend];

/// What `/proc/<pid>/task/<tid>/syscall` shows of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// It waits in `rt_sigtimedwait`.
    SignalWait,
    /// It has a processor, or waits for nothing else.
    Running,
    /// It waits in another call. Or the thread is gone; or the kernel has no such file, and a
    /// program in `sigwait` looks as if it did nothing.
    Other,
    /// The file may not be read.
    Hidden,
}

fn parse_call(text: &[u8]) -> Call {
    match system_call(text) {
        Some(call) if SIGNAL_WAITS.contains(&call) => Call::SignalWait,
        _ if text.starts_with(b"running") => Call::Running,
        _ => Call::Other,
    }
}

fn call_in(read: io::Result<Call>) -> Call {
    read.unwrap_or_else(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => Call::Hidden,
        _ => Call::Other,
    })
}

/// The call that the first thread is in, and the file, held open because reading it again is cheap
/// then; but only beside the directory, so that one descriptor is enough for a look.
fn first_thread(proc: &mut Proc, pid: i32) -> (Call, Option<OwnedFd>) {
    match proc.line_and_file(format_args!("{pid}/syscall"), parse_call) {
        Ok((call, file)) => (call, Some(file).filter(|_| proc.has_directory())),
        Err(e) => (call_in(Err(e)), None),
    }
}

/// The call that counts of those that the threads are in.
fn any_thread(proc: &mut Proc, pid: i32, threads: u64) -> Call {
    if threads == 1 {
        return call_in(proc.line(format_args!("{pid}/syscall"), parse_call));
    }
    let mut found = Call::Other;
    for thread in proc.numbers(&format!("/proc/{pid}/task")).unwrap_or_default() {
        match call_in(proc.line(format_args!("{pid}/task/{thread}/syscall"), parse_call)) {
            Call::Other => {}
            Call::Running => found = Call::Running,
            decided @ (Call::SignalWait | Call::Hidden) => return decided,
        }
    }
    found
}

/// What a shell does with the signal: only its handler counts, since shells block every signal for
/// a moment around fork, and only if it is a trap.
pub(super) fn of_shell(signals: &Signals, command_line: &[u8], signal: Signal) -> Disposition {
    if is_shells_own_handler(signals, command_line, signal) {
        Disposition::Default
    } else {
        signals.disposition(signal)
    }
}

/// Whether a shell's handler for this signal is the shell's own and no trap: every shell catches
/// INT, and zsh HUP, to clean up after itself. Nothing in /proc shows which of the two it is, but a
/// script that traps one of these traps TERM as well. (Seen with dash 0.5.12, bash 5.2, busybox
/// 1.35, yash 2.54, fish 3.6, zsh 5.9; mksh catches all three in any case.)
fn is_shells_own_handler(signals: &Signals, command_line: &[u8], signal: Signal) -> bool {
    let shell = base_name(command_line.split(|b| *b == 0).next().unwrap_or_default());
    let own = signal == Signal::INT || signal == Signal::HUP && matches!(shell, "zsh" | "rzsh");
    own && !signals.caught.has(Signal::TERM)
}

/// What a shell with a trap is waiting for, as far as the system call shows that it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShellWait {
    /// It sits in its `wait` builtin. dash and busybox ash wait for a foreground command in `wait4`
    /// and in the builtin in `rt_sigsuspend` (seen with dash 0.5.12 and busybox 1.35).
    pub(super) in_wait: bool,
    /// Its stack pointer, where it is a shell that makes no such difference: while a trap runs,
    /// that is another one than before. While a foreground command runs it stays, also when the
    /// signal arrives (seen with bash 5.2, zsh 5.9, ksh93u+m 1.0, mksh 59 and yash 2.54).
    pub(super) stack: Option<u64>,
    /// It waits for a child or for a signal.
    pub(super) waits: bool,
}

/// What a shell with a trap is waiting for.
pub(super) fn shell_wait(proc: &mut Proc, pid: i32) -> ShellWait {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = program.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    let mut call = |parse: fn(&[u8]) -> ShellWait| {
        proc.line(format_args!("{pid}/syscall"), parse).unwrap_or_default()
    };
    match name {
        Some("dash" | "busybox") => call(|text| ShellWait {
            in_wait: system_call(text).is_some_and(|it| SIGNAL_SUSPENDS.contains(&it)),
            ..ShellWait::default()
        }),
        Some("bash" | "zsh" | "ksh93" | "mksh" | "yash") => call(|text| ShellWait {
            stack: stack_pointer(text),
            waits: system_call(text).is_some_and(|it| CHILD_WAITS.contains(&it)),
            in_wait: false,
        }),
        _ => ShellWait::default(),
    }
}

impl Signals {
    /// What `status` shows of the signal.
    pub(super) fn disposition(&self, signal: Signal) -> Disposition {
        if !signal.can_be_caught() {
            Disposition::Default
        } else if self.caught.has(signal) {
            Disposition::Caught
        } else if self.blocked.has(signal) {
            // Even where it is ignored as well: the kernel keeps a blocked signal for signalfd and
            // sigwait (`trap '' TERM; exec server` with such a server, seen on Linux 6.18).
            Disposition::Blocked
        } else if self.ignored.has(signal) {
            Disposition::Ignored
        } else {
            Disposition::Default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pending: &str, caught: &str) -> Status {
        let text = format!(
            "State:\tS (sleeping)\nThreads:\t1\nSigPnd:\t0\nShdPnd:\t{pending}\nSigBlk:\t0\n\
             SigIgn:\t0\nSigCgt:\t{caught}\n"
        );
        Status::parse(text.as_bytes()).expect("three sets")
    }

    #[test]
    fn a_pending_signal_that_would_have_ended_the_process_shows_that_a_thread_waits_for_it() {
        let (term, kill_and_term, child) = ("4000", "4100", "10000");
        assert!(was_woken_by_signal(&status(term, "0")));
        assert!(was_woken_by_signal(&status("200000000", "0")), "signal 34");
        assert!(!was_woken_by_signal(&status(term, term)), "it has a handler");
        assert!(!was_woken_by_signal(&status(kill_and_term, "0")), "it is being killed");
        assert!(!was_woken_by_signal(&status(child, "0")), "SIGCHLD ends no process");
        assert!(!was_woken_by_signal(&status("0", "0")));
    }

    #[test]
    fn the_system_call_shows_a_wait_for_a_signal_also_of_a_32_bit_program() {
        for call in SIGNAL_WAITS {
            assert_eq!(parse_call(format!("{call} 0x7f 0x0").as_bytes()), Call::SignalWait);
        }
        assert_eq!(parse_call(b"running\n"), Call::Running);
        assert_eq!(parse_call(b"0 0x0"), Call::Other);
        assert_eq!(parse_call(b""), Call::Other);
    }

    #[test]
    fn a_process_that_may_not_have_executed_its_program_is_known_by_its_disposition() {
        let of = |disposition, parent_is_shell| {
            let observed = Observed { status: None, disposition, was_running: false };
            observed.may_be_before_exec(parent_is_shell)
        };
        assert!(of(Disposition::Caught, true) && !of(Disposition::Caught, false));
        assert!(of(Disposition::Blocked, false) && of(Disposition::Waiting, false));
        assert!(!of(Disposition::Default, true) && !of(Disposition::Unreadable, true));
    }
}
