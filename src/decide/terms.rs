//! What a stop is decided by: the terms that were settled at the start, and every limit of time.

use crate::cli::settings::Settings;
use crate::signal::{Rewrites, SignalSet};
use std::time::Duration;

/// Stop signals that come within this time of the last one that was passed on are the same request: platforms repeat it.
pub const REPEAT: Duration = Duration::from_secs(1);
/// What is left of a main process that ended by itself gets this long where no timeout is set.
pub const LEFTOVERS_TIMEOUT: Duration = Duration::from_secs(10);
/// What was not told before the timeout is told then, and killed this much later: nobody is killed unasked.
pub const LAST_WORD: Duration = Duration::from_millis(200);
/// How long the killed may take to disappear (a process in the kernel's uninterruptible sleep does not).
pub const KILL_LIMIT: Duration = Duration::from_secs(2);
/// The first warning about a stop that lasts; each later one after twice the time.
pub const FIRST_WARNING: Duration = Duration::from_secs(5);
/// ProcessNote gets a signal that arrives.
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
    /// ProcessNote gets a signal.
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
    /// Of HUP, INT and QUIT those that adieu was started ignoring (nohup, a shell's background job).
    pub inherited_ignored: SignalSet,
}

impl Terms {
    /// The part of the settings that is decided by, with what was found out at the start.
    pub fn new(
        settings: &Settings,
        main: i32,
        is_init: bool,
        can_suspend: bool,
        ignored: SignalSet,
    ) -> Self {
        Self {
            timeout: settings.timeout,
            epilogue: settings.epilogue,
            deliver: settings.deliver,
            linger: settings.linger,
            stop_on: settings.stop_on,
            rewrites: settings.rewrites.clone(),
            is_init,
            can_suspend,
            main,
            inherited_ignored: ignored,
        }
    }
}
