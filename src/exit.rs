//! How a process ended, and how adieu itself ends in turn.

use crate::signal::Signal;

/// adieu itself failed: bad usage, a bad environment variable, no process to be had. `docker run`
/// and `env(1)` use the same status.
pub const OWN_FAILURE: u8 = 125;
/// The program was found and could not be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// The program was not found.
pub const NOT_FOUND: u8 = 127;
/// Added to the number of the signal that ended the main process.
pub const SIGNAL_BASE: u8 = 128;
/// The exit status of a process that SIGKILL ended, and of a stop in which the timeout killed.
pub const KILLED: u8 = SIGNAL_BASE + 9;

/// The end of a child, as `waitpid(2)` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
}

impl End {
    /// The status that a shell would report: the exit status, or 128 + n.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => {
                SIGNAL_BASE.saturating_add(u8::try_from(signal.number()).unwrap_or(u8::MAX))
            }
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::Signaled(signal) => write!(f, "was ended by {signal}"),
        }
    }
}

/// The signal by which adieu ends, because the main process ended by it; `None` where adieu exits
/// with `code`.
///
/// A caller that waits for adieu then sees what happened: to systemd, death by SIGTERM is a clean
/// stop, and exit status 143 is a failure. PID 1 cannot end so (`pid_namespaces(7)`). A stop that
/// had to kill is always seen by its exit status, as is a status that `--ok-exit` changed.
pub fn signal_to_end_by(
    main_end: Option<End>,
    code: u8,
    is_init: bool,
    had_to_kill: bool,
) -> Option<Signal> {
    match main_end {
        Some(end @ End::Signaled(signal)) if end.code() == code && !is_init && !had_to_kill => {
            Some(signal)
        }
        _ => None,
    }
}

/// Which statuses count as success, from `--ok-exit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OkExits(pub Vec<u8>);

impl OkExits {
    /// 0 for a status that was named, every other as it is.
    pub fn apply(&self, code: u8) -> u8 {
        if self.0.contains(&code) { 0 } else { code }
    }

    /// The same, but a stop in which the timeout killed is no success, whatever its status is.
    pub fn apply_unless_killed(&self, code: u8, killed: bool) -> u8 {
        if killed { code } else { self.apply(code) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_adds_128_and_a_named_status_is_success() {
        assert_eq!(End::Exited(7).code(), 7);
        assert_eq!(End::Signaled(Signal::TERM).code(), 143);
        assert_eq!(End::Signaled(Signal::KILL).code(), 137);
        let ok = OkExits(vec![143, 1]);
        assert_eq!([143, 1, 2].map(|code| ok.apply(code)), [0, 0, 2]);
        assert_eq!(ok.apply_unless_killed(143, false), 0);
        assert_eq!(ok.apply_unless_killed(143, true), 143);
        assert_eq!(OkExits(vec![KILLED]).apply_unless_killed(KILLED, true), KILLED);
    }

    #[test]
    fn adieu_ends_by_the_main_processs_signal_unless_it_is_pid_1_or_another_status_counts() {
        let term = Some(End::Signaled(Signal::TERM));
        assert_eq!(signal_to_end_by(term, 143, false, false), Some(Signal::TERM));
        assert_eq!(signal_to_end_by(term, 143, true, false), None);
        assert_eq!(signal_to_end_by(term, 143, false, true), None);
        assert_eq!(signal_to_end_by(term, 0, false, false), None);
        assert_eq!(signal_to_end_by(term, 137, false, false), None);
        assert_eq!(signal_to_end_by(Some(End::Exited(143)), 143, false, false), None);
        assert_eq!(signal_to_end_by(None, 137, false, false), None);
    }
}
