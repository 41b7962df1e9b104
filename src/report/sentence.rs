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
            format!("{signal} to {}, {}: {}", named(who), role(who.role), because(who, *reason))
        }
        Note::Leaves(who, reason) => {
            format!("{} is left alone, {}: {}", named(who), role(who.role), because(who, *reason))
        }
        Note::Enters(Turn::Handlers) => "the stage of the handlers begins again".to_owned(),
        Note::Enters(Turn::LastWord) => {
            "the timeout is near: every process that is left gets the signal".to_owned()
        }
        Note::Enters(stage) => format!("the {} begins", words::stage(*stage)),
        Note::Ended(who, Some(end)) => format!("{} {end}", named(who)),
        Note::Ended(who, None) => format!("{} ended", named(who)),
        Note::MainEnded(end) => format!("the main process {end}"),
        Note::Repeats(signal) => format!("{signal} arrived again: it is sent once more"),
        Note::Waits(time, signal, whom, below) => {
            let waits =
                format!("still waiting {} after {signal} for {}", duration(*time), names(whom));
            if below.is_empty() {
                return waits;
            }
            let above = match whom.as_slice() {
                [one] => &one.name,
                _ => "NAME-ABOVE",
            };
            let below = list(below, |_| String::new());
            format!(
                "{waits}; below, {below}: handles {signal} and has not got it from adieu; if no \
                 program above passes it on, use --wrapper {above} or --deliver group"
            )
        }
        Note::CutsEpilogue(time, whom) => format!(
            "the script is still at work {} after its last handler: {}; the last call begins \
             (--epilogue gives it more time)",
            duration(*time),
            names(whom)
        ),
        Note::Restarted(who) => {
            format!("the script has started {} again: the epilogue is over", named(who))
        }
        Note::NextServer(who, signal) => format!(
            "the script has started {}, which handles {signal}: the epilogue is over, and it gets \
             the signal (if it cleans up, give it time: --epilogue 30s)",
            named(who)
        ),
        Note::KillsIgnorers(whom) => {
            format!("a second after the last call: killing {}", names(whom))
        }
        Note::Kills(time, whom) => {
            format!("timeout after {}: killing {}", duration(*time), each(whom, now))
        }
        Note::Abandons(whom) => format!(
            "still there after SIGKILL: {}; adieu exits without them \
             (a process that waits for a disk cannot be killed)",
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
    use crate::decide::role::{Reason, Role};
    use crate::exit::End;
    use crate::report::journal::tests::who;
    use crate::signal::Signal;
    use std::time::Duration;

    /// Every sentence once, to be read in one place.
    #[test]
    fn each_note_says_what_happened_and_to_which_process() {
        let at = Duration::from_secs;
        let (term, hup) = (Signal::TERM, Signal::HUP);
        let server = || who(12, "server", Some(0));
        let unsignalled = || who(13, "tee", None);
        let sh = || ProcessNote { role: Role::Shielded, ..who(7, "sh", None) };
        let refused = || ProcessNote { refused: true, ..who(14, "su", None) };
        let ignoring = || ProcessNote { ignores: true, ..who(15, "sleep", Some(1_000)) };
        let exited = End::Exited(3);
        let notes = [
            (Note::Begins(Cause::Signal(term), term), "SIGTERM arrived"),
            (
                Note::Begins(Cause::Signal(term), Signal::QUIT),
                "SIGTERM arrived, SIGQUIT is sent in its place",
            ),
            (
                Note::Begins(Cause::MainEnded(exited), term),
                "the main process exited with 3 and left processes behind, which get SIGTERM",
            ),
            (Note::Unhandled(term), "no process handles SIGTERM: all of them get it at once"),
            (
                Note::Sends(server(), Reason::Handles, term),
                "SIGTERM to server (12), handler: it handles the signal",
            ),
            (
                Note::Leaves(sh(), Reason::Above(12)),
                "sh (7) is left alone, shielded: it has to be there for 12, a handler below it",
            ),
            (
                Note::Sends(ignoring(), Reason::LastCall, term),
                "SIGTERM to sleep (15), handler: it ignores the signal",
            ),
            (
                Note::Leaves(unsignalled(), Reason::NotChosen),
                "tee (13) is left alone, handler: it handles the signal, but --deliver child \
                 chooses another",
            ),
            (Note::Enters(Turn::Epilogue), "the epilogue begins"),
            (
                Note::Enters(Turn::LastWord),
                "the timeout is near: every process that is left gets the signal",
            ),
            (Note::Enters(Turn::LastCall), "the last call begins"),
            (Note::Ended(server(), None), "server (12) ended"),
            (Note::Ended(server(), Some(exited)), "server (12) exited with 3"),
            (Note::MainEnded(End::Signaled(term)), "the main process was ended by SIGTERM"),
            (Note::Repeats(term), "SIGTERM arrived again: it is sent once more"),
            (
                Note::Waits(at(5), term, vec![server(), ignoring(), unsignalled()], Vec::new()),
                "still waiting 5.00 s after SIGTERM for server (12), sleep (15) which ignores the \
                 signal, tee (13) which got no signal",
            ),
            (
                Note::Waits(at(5), term, vec![who(11, "task", Some(0))], vec![server()]),
                "still waiting 5.00 s after SIGTERM for task (11); below, server (12): handles \
                 SIGTERM and has not got it from adieu; if no program above passes it on, use \
                 --wrapper task or --deliver group",
            ),
            (
                Note::CutsEpilogue(at(5), vec![who(16, "sleep", None)]),
                "the script is still at work 5.00 s after its last handler: sleep (16) which got \
                 no signal; the last call begins (--epilogue gives it more time)",
            ),
            (
                Note::Restarted(server()),
                "the script has started server (12) again: the epilogue is over",
            ),
            (
                Note::NextServer(server(), term),
                "the script has started server (12), which handles SIGTERM: the epilogue is over, \
                 and it gets the signal (if it cleans up, give it time: --epilogue 30s)",
            ),
            (
                Note::Enters(Turn::LastWord),
                "the timeout is near: every process that is left gets the signal",
            ),
            (
                Note::KillsIgnorers(vec![ignoring()]),
                "a second after the last call: killing sleep (15) which ignores the signal",
            ),
            (
                Note::Kills(at(3), vec![server(), ignoring(), unsignalled()]),
                "timeout after 3.00 s: killing server (12), signalled 3.00 s before, sleep (15) \
                 which ignores the signal, signalled 2.00 s before, tee (13), which cannot be \
                 signalled",
            ),
            (
                Note::Abandons(vec![server(), refused()]),
                "still there after SIGKILL: server (12), su (14) which adieu may not signal; adieu \
                 exits without them (a process that waits for a disk cannot be killed)",
            ),
            (
                Note::Dropped(hup),
                "SIGHUP dropped: no program handles it, and its default action could end one",
            ),
            (
                Note::Changed(server()),
                "server (12) executed another program before it got the signal; adieu looks at it \
                 again",
            ),
            (
                Note::Refused(refused(), hup),
                "may not send SIGHUP to su (14): it belongs to another user; run adieu as root or \
                 as that user",
            ),
            (
                Note::Blind(term),
                "/proc cannot be read: SIGTERM goes to the whole process group; mount /proc so \
                 that adieu can shield shells",
            ),
        ];
        for (note, said) in notes {
            assert_eq!(sentence(&note, at(3)), said);
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut_and_counted() {
        let many: Vec<ProcessNote> = (0..25).map(|pid| who(pid, "a", Some(0))).collect();
        let text = names(&many);
        assert!(text.ends_with("a (19) and 5 more"), "{text}");
        assert!(names(&[who(7, "b", None)]).ends_with("b (7) which got no signal"));
    }
}
