//! A stop at a glance: one line for each process, with its time as a bar.

use crate::decide::Time;
use crate::report::journal::Journal;
use crate::report::words::{duration, role};

/// How wide a line is where there is no terminal.
pub(crate) const WIDTH: usize = 80;
/// The columns that a line needs beside its bar: name, role, end, and what stands between them.
const NAME: usize = 20;
const ROLE: usize = 10;
const END: usize = 19;
const BESIDE: usize = NAME + ROLE + END + 4;
/// How many processes are drawn.
const MOST: usize = 40;

/// The lines, each at most `width` columns wide, but at least 70: `.` until a process got the
/// signal, `#` from then to its end, `X` where it was killed.
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
        // A process that got the signal at the very end, or ended at once, still gets its mark.
        let signalled = record.who.signalled.map(|at| column(at).min(bar - 1));
        let end = column(ended).max(signalled.map_or(1, |column| column + 1));
        let mark = |c: usize| match signalled {
            _ if c >= end => ' ',
            _ if c + 1 == end && record.killed.is_some() => 'X',
            Some(column) if c >= column => '#',
            _ => '.',
        };
        let drawn: String = (0..bar).map(mark).collect();
        let pid = format!(" ({})", record.who.id.pid);
        let name: String = record.who.name.chars().take(NAME.saturating_sub(pid.len())).collect();
        let name = name + &pid;
        let how = format!("{} {}", record.how(), duration(ended.saturating_sub(journal.began)));
        lines.push(format!("{name:<NAME$} {:<ROLE$} |{drawn}| {how}", role(record.who.role)));
    }
    let more = journal.records.len().saturating_sub(MOST) + journal.omitted();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::journal::tests::{journal, ms};

    #[test]
    fn a_timeline_shows_when_each_got_the_signal_and_how_it_ended() {
        let lines = lines(&journal(), ms(1_000), 73);
        assert_eq!(
            lines,
            [
                "server (12)          handler    |##########          | exited 0 500 ms",
                "hung (14)            handler    |###################X| killed 1.00 s",
                "a-name-of- (4194304) handler    |....................| ended 1.00 s",
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
