//! The stages of a stop, each with what exists only in it, and which follows from which.

use crate::decide::Time;
use crate::decide::terms::KILL_LIMIT;
use crate::decide::turn::Turn;
use std::time::Duration;

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The handlers work, until the last of them has ended.
    Handlers {
        /// A repeat was passed on, and the look that shows whether a handler is there for it is
        /// still to come.
        repeated: bool,
    },
    /// The script may go on and end by itself.
    Epilogue {
        /// Until then.
        until: Time,
    },
    /// Whatever is left has had the signal, or gets it now, but for workers of a handler that is
    /// left.
    LastCall {
        /// Since then.
        since: Time,
    },
    /// The timeout is near: every process has had the signal, or gets it now.
    LastWord {
        /// When the last call began, if there was one.
        last_call: Option<Time>,
    },
    /// The timeout is over.
    Killing {
        /// Since then.
        since: Time,
        /// How long the killed may take to disappear.
        until: Time,
        /// When it was first looked at: what had not had the signal by then got it.
        asked: Option<Time>,
        /// The time is over, and a last look is on its way to those that the killing has not
        /// reached.
        last_look: bool,
    },
}

/// What is left of the tree, as far as it decides whether a stage is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// A handler is waited for.
    pub handler: bool,
    /// A process has not had the signal yet.
    pub due: bool,
    /// The script has started what a stop must not start: the same program again, or the next one
    /// that handles the signal.
    pub restarted: bool,
}

impl Stage {
    /// A stop begins.
    pub(crate) const FIRST: Self = Self::Handlers { repeated: false };

    /// The timeout is here.
    pub(crate) fn killing(now: Time) -> Self {
        Self::Killing { since: now, until: now + KILL_LIMIT, asked: None, last_look: false }
    }

    /// The timeout is near.
    pub(crate) fn last_word(self) -> Self {
        Self::LastWord { last_call: self.last_call() }
    }

    /// When the last call began, if it has, and the timeout has not killed.
    pub(crate) fn last_call(self) -> Option<Time> {
        match self {
            Self::LastCall { since } => Some(since),
            Self::LastWord { last_call } => last_call,
            Self::Handlers { .. } | Self::Epilogue { .. } | Self::Killing { .. } => None,
        }
    }

    /// Whether whatever is left has the signal.
    pub(crate) fn is_last(self) -> bool {
        matches!(self, Self::LastCall { .. } | Self::LastWord { .. })
    }

    pub(crate) fn is_killing(self) -> bool {
        matches!(self, Self::Killing { .. })
    }

    /// Whose turn it is.
    pub(crate) fn turn(self) -> Turn {
        match self {
            Self::Handlers { .. } => Turn::Handlers,
            Self::Epilogue { .. } => Turn::Epilogue,
            Self::LastCall { .. } => Turn::LastCall,
            Self::LastWord { .. } => Turn::LastWord,
            Self::Killing { .. } => Turn::Timeout,
        }
    }

    /// A look is over; by a handler that it saw, a repeat has been passed on to whom it is for.
    pub(crate) fn repeat_was_seen(&mut self, by_handler: bool) {
        if let Self::Handlers { repeated } = self {
            *repeated &= !by_handler;
        }
    }

    /// The stage that follows, where this one is over.
    pub(crate) fn next(self, left: Left, epilogue: Duration, now: Time) -> Option<Self> {
        match self {
            Self::Handlers { .. } if left.handler => None,
            // The repeat came as the last handler ended: there it ends the epilogue.
            Self::Handlers { repeated: true } => Some(Self::LastCall { since: now }),
            Self::Handlers { repeated: false } => {
                Some(Self::Epilogue { until: now.saturating_add(epilogue) })
            }
            // A handler was left behind, and not seen until now.
            Self::Epilogue { .. } if left.handler => Some(Self::FIRST),
            Self::Epilogue { until } if until <= now || !left.due || left.restarted => {
                Some(Self::LastCall { since: now })
            }
            Self::Epilogue { .. }
            | Self::LastCall { .. }
            | Self::LastWord { .. }
            | Self::Killing { .. } => None,
        }
    }
}
