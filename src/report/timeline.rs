//! A stop at a glance: one line for each process, its time as a bar. Pure text.

use crate::decide::Time;
use crate::report::journal::{Journal, role};
use std::time::Duration;

/// How wide a line is where there is no terminal.
pub(crate) const WIDTH: usize = 80;
/// What a line needs beside its bar: name, role, end and what stands between them.
const NAME: usize = 20;
const ROLE: usize = 10;
const END: usize = 19;
const BESIDE: usize = NAME + ROLE + END + 4;
/// How many processes are drawn.
const MOST: usize = 40;

/// The lines, each at most `width` columns wide (but for names, 70 at the least): `.` before a
/// process was told, `#` from then to its end, `X` where it was killed.
pub(crate) fn lines(journal: &Journal, now: Time, width: usize) -> Vec<String> {
    let bar = width.saturating_sub(BESIDE).clamp(10, 100);
    let whole = now.saturating_sub(journal.began).as_nanos().max(1);
    let column = |at: Time| {
        let part = at.saturating_sub(journal.began).as_nanos() * bar as u128 / whole;
        usize::try_from(part).unwrap_or(bar).min(bar)
    };
    let mut lines: Vec<String> = Vec::new();
    for record in journal.records.iter().take(MOST) {
        let ended = record.ended.map_or(now, |(at, _)| at);
        // Told at the very end, or ended at once, it still gets its mark.
        let told = record.who.signalled.map(|told| column(told).min(bar - 1));
        let end = column(ended).max(told.map_or(1, |told| told + 1));
        let mark = |c: usize| match told {
            _ if c >= end => ' ',
            _ if c + 1 == end && record.killed.is_some() => 'X',
            Some(told) if c >= told => '#',
            _ => '.',
        };
        let drawn: String = (0..bar).map(mark).collect();
        let pid = format!(" ({})", record.who.id.pid);
        let name: String = record.who.name.chars().take(NAME.saturating_sub(pid.len())).collect();
        let name = name + &pid;
        let how = format!("{} {}", record.how(), shown(ended.saturating_sub(journal.began)));
        lines.push(format!("{name:<NAME$} {:<ROLE$} |{drawn}| {how}", role(record.who.role)));
    }
    let more = journal.records.len().saturating_sub(MOST) + journal.omitted();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
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
pub(crate) mod tests {
    use super::*;
    use crate::decide::role::{Reason, Role};
    use crate::decide::{Cause, Note, ProcessNote};
    use crate::exit::End;
    use crate::process::ProcId;
    use crate::signal::Signal;

    fn ms(n: u64) -> Time {
        Duration::from_millis(n)
    }

    pub(crate) fn who(pid: i32, name: &str, told: Option<u64>) -> ProcessNote {
        ProcessNote {
            id: ProcId { pid, start: 1 },
            name: name.to_owned(),
            arguments: String::new(),
            role: Role::Handler,
            signalled: told.map(ms),
            ignores: false,
            refused: false,
        }
    }

    /// A server that ended by itself, one with a long name that was never told, and one that was
    /// killed.
    pub(crate) fn journal() -> Journal {
        let term = Signal::TERM;
        let mut journal = Journal::new(Cause::Signal(term), term, Some(7), ms(0));
        let (server, other, hung) = (
            who(12, "server", Some(0)),
            who(4_194_304, "a-name-of-16-chr", None),
            who(14, "hung", Some(0)),
        );
        journal.note(&Note::Sends(server.clone(), Reason::Handles, term), ms(0));
        journal.note(&Note::Sends(hung.clone(), Reason::Handles, term), ms(0));
        journal.note(&Note::Leaves(other.clone(), Reason::Nothing), ms(0));
        journal.note(&Note::Ended(server, Some(End::Exited(0))), ms(500));
        journal.note(&Note::Kills(ms(1_000), vec![hung.clone()]), ms(1_000));
        journal.note(&Note::Ended(hung, Some(End::Signaled(Signal::KILL))), ms(1_000));
        journal.note(&Note::Ended(other, None), ms(1_000));
        journal
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        assert_eq!(shown(ms(7)), "7 ms");
        assert_eq!(shown(ms(1_509)), "1.50 s");
        assert_eq!(shown(ms(40_000)), "40 s");
    }

    #[test]
    fn a_timeline_shows_when_each_was_told_and_how_it_ended() {
        let lines = lines(&journal(), ms(1_000), 73);
        assert_eq!(
            lines,
            [
                "server (12)          owner      |##########          | exited 0 500 ms",
                "hung (14)            owner      |###################X| killed 1.00 s",
                "a-name-of- (4194304) owner      |....................| ended 1.00 s",
            ]
        );
    }

    #[test]
    fn a_timeline_keeps_to_its_width() {
        for width in [WIDTH - 7, 100, 160] {
            for line in lines(&journal(), ms(1_000), width) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_stop_that_took_no_time_is_drawn_too() {
        assert_eq!(lines(&journal(), ms(0), 20).len(), 3);
    }
}
