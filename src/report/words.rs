//! The words that report, timeline, JSON and `--explain` share: each stands here once.

use crate::decide::role::{Reason, Role};
use std::time::Duration;

/// The role in a word.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Handler => "owner",
        Role::Foreground => "foreground",
        Role::Shielded => "shielded",
        Role::Worker => "owned",
        Role::Bystander => "spared",
    }
}

/// The name that the report has for a reason.
pub(crate) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Handles => "handles the signal",
        Reason::WasSignalled => "was told before",
        Reason::Chosen => "chosen by --deliver child",
        Reason::Above(_) => "above an owner",
        Reason::Below(_) => "below an owner",
        Reason::AwaitedBy(_) => "awaited by a shell with a trap",
        Reason::ReadsPipeline => "reads an owner's pipeline",
        Reason::Finishing => "may carry on in the foreground of a trap",
        Reason::Hidden => "may not be read",
        Reason::LastCall => "last call",
        Reason::Nothing => "handles nothing",
    }
}

pub(crate) fn because(reason: Reason) -> String {
    match reason {
        Reason::Handles => "it handles the signal".to_owned(),
        Reason::WasSignalled => "it was told before".to_owned(),
        Reason::Chosen => "--deliver child means it".to_owned(),
        Reason::Above(pid) => format!("it has to be there for {pid}"),
        Reason::Below(pid) => format!("{pid} sees to it"),
        Reason::AwaitedBy(pid) => format!("the shell {pid} waits for it before it runs its trap"),
        Reason::ReadsPipeline => "it ends at the end of its pipeline".to_owned(),
        Reason::Finishing => "it may carry on".to_owned(),
        Reason::Hidden => "what it does with the signal may not be read".to_owned(),
        Reason::LastCall => "it is still there".to_owned(),
        Reason::Nothing => "it does not handle the signal".to_owned(),
    }
}

/// A duration at the precision that a reader needs: `7 ms`, `1.50 s`, `40 s`.
pub(crate) fn shown(time: Duration) -> String {
    match u64::try_from(time.as_millis()).unwrap_or(u64::MAX) {
        ms if ms < 1_000 => format!("{ms} ms"),
        ms if ms < 10_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        ms => format!("{} s", ms / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_at_a_glance() {
        assert_eq!(shown(Duration::from_millis(7)), "7 ms");
        assert_eq!(shown(Duration::from_millis(1_509)), "1.50 s");
        assert_eq!(shown(Duration::from_millis(40_000)), "40 s");
    }
}
