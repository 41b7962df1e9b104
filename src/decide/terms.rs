//! What a stop is decided by: the terms that were settled at the start, and every limit of time.

use crate::signal::{Rewrites, SignalSet};
use std::time::Duration;

/// Stop signals that come within this time of the last one that was passed on are the same request:
/// platforms repeat it.
pub const REPEAT: Duration = Duration::from_secs(1);
/// What is left of a main process that ended by itself gets this long where no timeout is set.
pub const LEFTOVERS_TIMEOUT: Duration = Duration::from_secs(10);
/// A process that has not had the signal before the timeout gets it then, and SIGKILL this much
/// later: none is killed without having had it.
pub const LAST_WORD: Duration = Duration::from_millis(200);
/// How long the killed may take to disappear (a process in the kernel's uninterruptible sleep does
/// not).
pub const KILL_LIMIT: Duration = Duration::from_secs(2);
/// The first warning about a stop that lasts; each later one after twice the time.
pub const FIRST_WARNING: Duration = Duration::from_secs(5);

/// Who gets a signal that arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deliver {
    /// Every program that the script started, once.
    #[default]
    Programs,
    /// The whole process group at once, but for the shielded.
    Group,
    /// Only the main process; when that is a shell without a trap, its child.
    Child,
}

/// What was settled before the main process started.
#[derive(Clone, Debug)]
pub struct Terms {
    /// From the stop signal to SIGKILL.
    pub timeout: Option<Duration>,
    /// What a script gets after its last handler.
    pub epilogue: Duration,
    /// Who gets a signal.
    pub deliver: Deliver,
    /// Go on until the last process is gone.
    pub linger: bool,
    /// The signals that begin the stop.
    pub stop_on: SignalSet,
    /// What is delivered in place of what arrives.
    pub rewrites: Rewrites,
    /// adieu is PID 1: its exit ends every process, and a terminal's end is not its own.
    pub is_init: bool,
    /// Somebody can resume adieu after it stopped itself: it is not PID 1 and leads no session.
    pub can_suspend: bool,
    /// The pid of the main process and the number of its group.
    pub main: i32,
    /// Of HUP, INT and QUIT those that adieu was started ignoring (nohup, a shell's background
    /// job).
    pub inherited_ignored: SignalSet,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::signal::Signal;

    /// The defaults, as PID 1 with the main process 2.
    pub(crate) fn terms(change: impl FnOnce(&mut Terms)) -> Terms {
        let mut terms = Terms {
            timeout: None,
            epilogue: Duration::from_secs(1),
            deliver: Deliver::Programs,
            linger: false,
            stop_on: SignalSet::from_iter([Signal::TERM, Signal::INT, Signal::QUIT]),
            rewrites: Rewrites::default(),
            is_init: true,
            can_suspend: false,
            main: 2,
            inherited_ignored: SignalSet::EMPTY,
        };
        change(&mut terms);
        terms
    }
}
