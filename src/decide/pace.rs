//! When to look at the tree again: soon after a change, ever more rarely without one, and never
//! for more than a share of the time.

use crate::decide::Time;
use std::time::Duration;

/// The first look after a change; each later one after twice the time, up to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// The longest while the end of a handler is reported by nothing (no pidfd): it is found by
/// looking.
const LONGEST_LOOK_UNREPORTED: Duration = Duration::from_millis(100);
/// The longest while a script may start the next server: that ends its time.
const LONGEST_LOOK_EPILOGUE: Duration = Duration::from_millis(200);
/// The longest while the timeout is over: what is still being forked has to be found.
const LONGEST_LOOK_KILLING: Duration = Duration::from_millis(50);
/// Looking at a large tree costs time. Looks that nothing asks for take at most a twentieth of it,
/// urgent ones a fifth, and those of the killing, which is soon over, a half.
const IDLE_SHARE: u32 = 20;
const URGENT_SHARE: u32 = 4;
const KILLING_SHARE: u32 = 1;

/// Why the next look is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Something may have changed of which nothing is reported.
    Idle,
    /// The end of a handler is reported by nothing else.
    Unreported,
    /// What the script starts has to be found.
    Epilogue,
    /// The timeout is over.
    Killing,
}

/// The times of the looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    next: Time,
    interval: Duration,
    last: Time,
    cost: Duration,
}

impl Pace {
    /// Something has changed: looks begin to be frequent again.
    pub(crate) fn new(now: Time) -> Self {
        Self { next: now, interval: FIRST_LOOK, last: now, cost: Duration::ZERO }
    }

    /// When the next look is due.
    pub(crate) fn next(&self) -> Time {
        self.next
    }

    /// When the last look was over.
    pub(crate) fn last(&self) -> Time {
        self.last
    }

    /// A look is over that took so long.
    pub(crate) fn looked(&mut self, now: Time, cost: Duration, need: Need) {
        let (longest, share) = match need {
            Need::Idle => (LONGEST_LOOK, IDLE_SHARE),
            Need::Unreported => (LONGEST_LOOK_UNREPORTED, IDLE_SHARE),
            Need::Epilogue => (LONGEST_LOOK_EPILOGUE, IDLE_SHARE),
            Need::Killing => (LONGEST_LOOK_KILLING, KILLING_SHARE),
        };
        (self.last, self.cost) = (now, cost);
        self.next = now + self.interval.min(longest).max(cost * share);
        self.interval = (self.interval * 2).min(LONGEST_LOOK);
    }

    /// The next look is to come at this time at the latest.
    pub(crate) fn not_after(&mut self, at: Time) {
        self.next = self.next.min(at.max(self.last + self.cost * URGENT_SHARE));
    }

    /// The next look is urgent.
    pub(crate) fn soon(&mut self, now: Time) {
        self.not_after(now);
    }

    /// The next look is urgent, and those after it are frequent.
    pub(crate) fn afresh(&mut self, now: Time) {
        self.interval = FIRST_LOOK;
        self.soon(now);
    }
}
