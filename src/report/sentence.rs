//! A note as a sentence.

use crate::decide::turn::Turn;
use crate::decide::{Cause, Note, ProcessNote, Time};
use crate::report::words::{self, because, duration, role};
use std::fmt::Write as _;

/// How many processes one line names.
const MOST_NAMES: usize = 20;

/// A note as a sentence.
pub(crate) fn sentence(note: &Note, now: Time) -> String {
    match note {
        Note::Begins(Cause::Signal(arrived), signal) if arrived == signal => {
            format!("{signal} arrived")
        }
        Note::Begins(Cause::Signal(arrived), signal) => {
            format!("{arrived} arrived, {signal} is sent in its place")
        }
        Note::Begins(Cause::MainEnded(end), signal) => {
            format!("the main process {end} and left processes behind, which get {signal}")
        }
        Note::Unhandled(signal) => {
            format!("no process handles {signal}: all of them get it at once")
        }
        Note::Sends(who, reason, signal) => {
            format!("{signal} to {}, {}: {}", named(who), role(who.role), because(*reason))
        }
        Note::Leaves(who, reason) => {
            format!("{} is left alone, {}: {}", named(who), role(who.role), because(*reason))
        }
        Note::Enters(entered) => match words::entered(entered) {
            Turn::Handlers => "the stage of the handlers begins again".to_owned(),
            stage => format!("the {} begins", words::stage(stage)),
        },
        Note::Ended(who, Some(end)) => format!("{} {end}", named(who)),
        Note::Ended(who, None) => format!("{} ended", named(who)),
        Note::MainEnded(end) => format!("the main process {end}"),
        Note::Repeats(signal) => format!("{signal} arrived again: it is sent once more"),
        Note::Waits(time, signal, whom) => {
            format!("still waiting {} after {signal} for {}", duration(*time), names(whom))
        }
        Note::Kills(time, whom) => {
            format!("timeout after {}: killing {}", duration(*time), each(whom, now))
        }
        Note::Abandons(whom) => format!(
            "SIGKILL has not ended {}: adieu waits no longer; \
             the kernel keeps a process that waits for a disk",
            names(whom)
        ),
        Note::Dropped(signal) => {
            format!("{signal} dropped: no program handles it, and its default action could end one")
        }
        Note::Changed(who) => format!(
            "{} executed another program before it got the signal; adieu looks at it again",
            named(who)
        ),
        Note::Refused(who, signal) => format!(
            "may not send {signal} to {}: it belongs to another user; \
             run adieu as root or as that user",
            named(who)
        ),
        Note::Blind(signal) => format!(
            "/proc cannot be read: {signal} goes to the whole process group; \
             mount /proc so that adieu can shield shells"
        ),
    }
}

fn named(who: &ProcessNote) -> String {
    match who.arguments.as_str() {
        "" => format!("{} ({})", who.name, who.id.pid),
        arguments => format!("{} ({}: {arguments})", who.name, who.id.pid),
    }
}

/// Names with how long ago each got the signal.
fn each(whom: &[ProcessNote], now: Time) -> String {
    list(whom, |who| match who.signalled {
        Some(at) => {
            format!("{}, signalled {} before", remark(who), duration(now.saturating_sub(at)))
        }
        None => ", which cannot be signalled".to_owned(),
    })
}

fn names(whom: &[ProcessNote]) -> String {
    list(whom, |who| remark(who).to_owned())
}

fn remark(who: &ProcessNote) -> &'static str {
    match who {
        ProcessNote { refused: true, .. } => " which adieu may not signal",
        ProcessNote { ignores: true, .. } => " which ignores the signal",
        ProcessNote { signalled: None, .. } => " which got no signal",
        _ => "",
    }
}

fn list(whom: &[ProcessNote], remark: impl Fn(&ProcessNote) -> String) -> String {
    if whom.is_empty() {
        return "processes that cannot be seen".to_owned();
    }
    let mut text = String::new();
    for (index, who) in whom.iter().take(MOST_NAMES).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{}{}", named(who), remark(who));
    }
    if whom.len() > MOST_NAMES {
        let _ = write!(text, " and {} more", whom.len() - MOST_NAMES);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::journal::tests::who;

    #[test]
    fn a_long_list_of_names_is_cut_and_counted() {
        let many: Vec<ProcessNote> = (0..25).map(|pid| who(pid, "a", Some(0))).collect();
        let text = names(&many);
        assert!(text.ends_with("a (19) and 5 more"), "{text}");
        assert!(names(&[who(7, "b", None)]).ends_with("b (7) which got no signal"));
    }
}
