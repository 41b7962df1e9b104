//! The words that the log, the timeline, the report and `--explain` share: each stands here once.

use crate::decide::ProcessNote;
use crate::decide::role::{Reason, Role};
use crate::decide::turn::Turn;
use crate::exit::End;
use std::time::Duration;

/// A role by its name.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Handler => "handler",
        Role::Foreground => "foreground",
        Role::Shielded => "shielded",
        Role::Worker => "worker",
        Role::Bystander => "bystander",
    }
}

/// A stage of the stop by its name.
pub(crate) fn stage(stage: Turn) -> &'static str {
    match stage {
        Turn::Handlers => "handlers",
        Turn::HalfTime => "half-time",
        Turn::Epilogue => "epilogue",
        Turn::LastCall => "last call",
        Turn::LastWord => "last word",
        Turn::Timeout => "timeout",
    }
}

/// When a process gets the signal whose turn is in this stage.
pub(crate) fn when(turn: Turn) -> &'static str {
    match turn {
        Turn::Handlers => "at once",
        Turn::HalfTime | Turn::Epilogue => "after the handlers",
        Turn::LastCall => "at the last call",
        Turn::LastWord => "near the timeout",
        Turn::Timeout => "at the timeout",
    }
}

/// The reason is that the process does nothing with the signal, and it ignores it: it has no
/// handler, but the signal does not end it either.
fn is_ignoring(who: &ProcessNote, reason: Reason) -> bool {
    who.ignores && matches!(reason, Reason::Nothing | Reason::InForeground | Reason::LastCall)
}

/// The name that the report has for a reason.
pub(crate) fn reason(who: &ProcessNote, reason: Reason) -> &'static str {
    match reason {
        _ if is_ignoring(who, reason) => "ignores the signal",
        Reason::Handles => "handles the signal",
        Reason::WasSignalled => "got the signal before",
        Reason::Chosen => "chosen by --deliver child",
        Reason::NotChosen => "not chosen by --deliver child",
        Reason::Above(_) => "above a handler",
        Reason::Below(_) => "below a handler",
        Reason::AwaitedBy(_) => "a shell with a trap waits for it",
        Reason::ReadsPipeline => "reads a handler's pipeline",
        Reason::ReadsRest => "reads the rest of a handler's pipeline",
        Reason::PerhapsAwaitedBy(_) => "a shell with a trap may wait for it",
        Reason::InForeground => "does not handle the signal; in the foreground",
        Reason::Finishing => "may finish in the foreground of a trap",
        Reason::Hidden => "may not be read",
        Reason::LastCall => "last call",
        Reason::Nothing => "does not handle the signal",
    }
}

/// A reason as a sentence about the process.
pub(crate) fn because(who: &ProcessNote, reason: Reason) -> String {
    match reason {
        _ if is_ignoring(who, reason) => "it ignores the signal".to_owned(),
        Reason::Handles => "it handles the signal".to_owned(),
        Reason::WasSignalled => "it got the signal before".to_owned(),
        Reason::Chosen => "--deliver child chooses it".to_owned(),
        Reason::NotChosen => {
            "it handles the signal, but --deliver child chooses another".to_owned()
        }
        Reason::Above(pid) => format!("it has to be there for {pid}, a handler below it"),
        Reason::Below(pid) => format!("{pid}, a handler above it, looks after it"),
        Reason::AwaitedBy(pid) => format!("the shell {pid} runs its trap only when it has ended"),
        Reason::ReadsPipeline => "it ends at the end of a handler's pipeline".to_owned(),
        Reason::ReadsRest => "no process is left that writes what it reads".to_owned(),
        Reason::PerhapsAwaitedBy(pid) => {
            format!("whether the shell {pid} waits for it shows in a moment")
        }
        Reason::InForeground => "it does not handle the signal".to_owned(),
        Reason::Finishing => "it may finish: its handler has ended".to_owned(),
        Reason::Hidden => "adieu may not read what it does with the signal".to_owned(),
        Reason::LastCall => "it is still there".to_owned(),
        Reason::Nothing => "it does not handle the signal".to_owned(),
    }
}

/// How a process ended, in a word or two. `ended` is `None` where it has not, and the end in it
/// where that is not known.
pub(crate) fn ending(ended: Option<Option<End>>, killed: bool) -> String {
    match ended {
        _ if killed => "killed".to_owned(),
        Some(Some(End::Exited(code))) => format!("exited {code}"),
        Some(Some(End::Signaled(signal))) => format!("{signal}"),
        Some(None) => "ended".to_owned(),
        None => "still there".to_owned(),
    }
}

/// A duration at the precision that a reader needs: `7 ms`, `1.50 s`, `40 s`.
pub(crate) fn duration(time: Duration) -> String {
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
        assert_eq!(duration(Duration::from_millis(7)), "7 ms");
        assert_eq!(duration(Duration::from_millis(1_509)), "1.50 s");
        assert_eq!(duration(Duration::from_millis(40_000)), "40 s");
    }
}
