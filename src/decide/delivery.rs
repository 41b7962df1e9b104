//! What was sent to one process during a stop: the states of it, and which follows from which.

use crate::decide::Time;

/// What one process has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Nothing.
    Pending,
    /// The signal, by one `kill(-pgid)` for its whole group. That call succeeds as soon as it
    /// reaches one process, so a process of another user may not have got it (`kill(2)`).
    WithGroup {
        /// When it first got a signal of this stop.
        first: Time,
        /// When it got the one that holds now.
        at: Time,
    },
    /// The signal, by a call of its own.
    Sent {
        /// When it first got a signal of this stop.
        first: Time,
        /// When it got the one that holds now.
        at: Time,
        /// It got it as a handler, and stays one even if it drops its handler meanwhile.
        handler: bool,
        /// It was a young shell below a shell with a trap: perhaps a copy of that shell, which had
        /// the trap of its parent until it executed its own program.
        maybe_copy: bool,
    },
    /// A signal that no longer counts: it was lost, or a repeat of the stop signal has come.
    Again {
        /// When it first got a signal of this stop.
        first: Time,
        /// It got it as a handler.
        handler: bool,
        /// It may have been the copy of a shell then.
        maybe_copy: bool,
    },
    /// SIGKILL.
    Killed {
        /// When it first got a signal of this stop; `None` where it could not be sent one.
        first: Option<Time>,
        /// It got it as a handler.
        handler: bool,
    },
}

impl Delivery {
    /// The signal is sent to it now.
    pub(crate) fn sent(self, now: Time, handler: bool, maybe_copy: bool) -> Self {
        let first = self.first().unwrap_or(now);
        Self::Sent { first, at: now, handler: handler || self.is_to_handler(), maybe_copy }
    }

    /// The signal is sent to its group now.
    pub(crate) fn with_group(self, now: Time) -> Self {
        Self::WithGroup { first: self.first().unwrap_or(now), at: now }
    }

    /// What it got with its group counts as if it had been sent to it alone.
    pub(crate) fn alone(self) -> Self {
        match self {
            Self::WithGroup { first, at } => {
                Self::Sent { first, at, handler: false, maybe_copy: false }
            }
            other => other,
        }
    }

    /// It is due again: a new request has come.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::Pending | Self::Again { .. } | Self::Killed { .. } => self,
            Self::WithGroup { first, .. } => {
                Self::Again { first, handler: false, maybe_copy: false }
            }
            Self::Sent { first, handler, maybe_copy, .. } => {
                Self::Again { first, handler, maybe_copy }
            }
        }
    }

    /// What it was sent is lost, and what it is has to be found out anew: it has executed another
    /// program since.
    pub(crate) fn lost(self) -> Self {
        match self.again() {
            Self::Again { first, .. } => Self::Again { first, handler: false, maybe_copy: false },
            other => other,
        }
    }

    /// It was not sent anything after all.
    pub(crate) fn withdrawn(self) -> Self {
        match self {
            Self::Sent { first, at, .. } if first == at => Self::Pending,
            other => other.lost(),
        }
    }

    /// SIGKILL is sent to it.
    pub(crate) fn killed(self) -> Self {
        Self::Killed { first: self.first(), handler: self.is_to_handler() }
    }

    /// When it first got a signal of this stop.
    pub(crate) fn first(self) -> Option<Time> {
        match self {
            Self::Pending => None,
            Self::WithGroup { first, .. }
            | Self::Sent { first, .. }
            | Self::Again { first, .. } => Some(first),
            Self::Killed { first, .. } => first,
        }
    }

    /// When it got the signal that holds now.
    pub(crate) fn at(self) -> Option<Time> {
        match self {
            Self::WithGroup { at, .. } | Self::Sent { at, .. } => Some(at),
            Self::Pending | Self::Again { .. } | Self::Killed { .. } => None,
        }
    }

    /// Whether the signal that holds now is still to be sent to it.
    pub(crate) fn is_due(self) -> bool {
        matches!(self, Self::Pending | Self::Again { .. })
    }

    pub(crate) fn is_killed(self) -> bool {
        matches!(self, Self::Killed { .. })
    }

    /// Whether it got the signal as a handler.
    pub(crate) fn is_to_handler(self) -> bool {
        match self {
            Self::Pending | Self::WithGroup { .. } => false,
            Self::Sent { handler, .. }
            | Self::Again { handler, .. }
            | Self::Killed { handler, .. } => handler,
        }
    }

    /// Whether it may have been the copy of a shell when it got the signal.
    pub(crate) fn may_be_of_a_copy(self) -> bool {
        matches!(self, Self::Sent { maybe_copy: true, .. } | Self::Again { maybe_copy: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const T1: Time = Duration::from_millis(1);
    const T2: Time = Duration::from_millis(2);

    #[test]
    fn the_first_time_stays_through_every_repeat() {
        let sent = Delivery::Pending.sent(T1, true, false);
        let repeated = sent.again().sent(T2, false, false);
        assert_eq!(
            repeated,
            Delivery::Sent { first: T1, at: T2, handler: true, maybe_copy: false },
            "and a handler stays one"
        );
        assert_eq!(repeated.killed(), Delivery::Killed { first: Some(T1), handler: true });
    }

    #[test]
    fn a_process_is_due_until_it_got_the_signal_that_holds_now() {
        assert!(Delivery::Pending.is_due());
        assert!(!Delivery::Pending.with_group(T1).is_due());
        assert!(Delivery::Pending.with_group(T1).again().is_due());
        assert!(!Delivery::Pending.with_group(T1).alone().is_due());
        assert!(
            !Delivery::Pending.killed().again().is_due(),
            "a repeat does not revive the killed"
        );
    }

    #[test]
    fn what_was_withdrawn_at_the_first_time_never_happened() {
        let first = Delivery::Pending.sent(T1, true, true);
        assert!(first.may_be_of_a_copy());
        assert_eq!(first.withdrawn(), Delivery::Pending);
        let second = first.again().sent(T2, true, true);
        assert_eq!(
            second.withdrawn(),
            Delivery::Again { first: T1, handler: false, maybe_copy: false }
        );
        assert_eq!(first.lost(), Delivery::Again { first: T1, handler: false, maybe_copy: false });
    }
}
