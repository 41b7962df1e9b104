//! What a stop is decided by: the terms that were settled at the start, and every limit of time.

use crate::signal::{Rewrites, SignalSet};
use std::time::Duration;

/// Stop signals that come within this time of the last one that was passed on are the same request:
/// platforms repeat it.
pub const REPEAT: Duration = Duration::from_secs(1);
/// What is left of a main process that ended by itself gets this long where no timeout is set.
pub const LEFTOVERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The part of the timeout at the end of which bystanders in the foreground get the signal too, and
/// when they get it where there is none: a handler may be waiting for their end.
const HALF: u32 = 2;
/// When that is where there is no timeout.
pub const HALF_TIME: Duration = FIRST_WARNING;
/// The last part of the timeout, at the start of which every process has to have the signal.
const LAST_WORD_SHARE: u32 = 5;
/// How long that part is at most.
pub const LONGEST_LAST_WORD: Duration = Duration::from_secs(2);
/// A process that is first seen at the timeout gets the signal then, and SIGKILL this much later:
/// none is killed without having had the signal.
pub const LAST_WORD: Duration = Duration::from_millis(200);
/// What ignores the signal is killed this much after the last call. Until then a filter that
/// ignores it ends at end of file.
pub const IGNORERS_TIME: Duration = Duration::from_secs(1);
/// How long after the signal a shell with a trap is looked at again, to see whether its trap has
/// run.
pub const TRAP_MOMENT: Duration = Duration::from_millis(10);
/// For how long at most a shell with a trap may be on its way to act on the signal, on a machine
/// that is busy.
pub const LONGEST_TRAP_MOMENT: Duration = Duration::from_millis(500);
/// How long the killed may take to disappear (a process in the kernel's uninterruptible sleep does
/// not).
pub const KILL_LIMIT: Duration = Duration::from_secs(2);
/// The first warning about a stop that lasts; each later one after twice the time.
pub const FIRST_WARNING: Duration = Duration::from_secs(5);

/// When in a stop bystanders in the foreground get the signal too, after its start.
pub(crate) fn half_time(timeout: Option<Duration>) -> Duration {
    timeout.map_or(HALF_TIME, |timeout| timeout / HALF)
}

/// How long before the timeout every process has to have the signal.
pub(crate) fn last_word(timeout: Duration) -> Duration {
    (timeout / LAST_WORD_SHARE).min(LONGEST_LAST_WORD)
}

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
    /// The epilogue is over when the script starts a program that handles the stop signal. Where
    /// the user asked for an epilogue, that program may be the clean-up which it is for.
    pub next_server_ends_epilogue: bool,
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
            next_server_ends_epilogue: true,
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
