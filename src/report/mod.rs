//! What a person or a platform reads of a stop: the log on stderr, the timeline, the report and the
//! termination log. No decision depends on it, and no stop waits for it.

mod journal;
mod record;
mod sentence;
mod streams;
mod timeline;
pub(crate) mod words;
mod write;

pub(crate) use crate::report::streams::{fail, print, say};

use crate::cli::settings::{Settings, Verbosity};
use crate::decide::terms::Terms;
use crate::decide::{Cause, Note, Time};
use crate::exit::End;
use crate::report::journal::Journal;
use crate::report::record::Outcome;
use crate::report::sentence::sentence;
use crate::report::words::duration;
use crate::report::write::{Places, WRITE_LIMIT};
use crate::signal::{Signal, SignalSet};
use crate::system::sys;
use std::time::Duration;

/// How long further drops of a signal are only counted after one was logged.
const QUIET: Duration = Duration::from_secs(10);

/// Writes what the verbosity lets through, and keeps the journal.
#[derive(Debug)]
pub(crate) struct Reporter {
    verbosity: Verbosity,
    places: Places,
    /// The last signal that arrived and its sender.
    sender: Option<(Signal, i32)>,
    /// The stop, once there is one.
    journal: Option<Journal>,
    main_end: Option<End>,
    dropped: Dropped,
    /// Of HUP, INT and QUIT those that adieu was started ignoring.
    ignored: SignalSet,
}

/// The signals that were dropped: each with when that was last logged, and how many were dropped
/// since. A storm of signals must not flood the log.
#[derive(Debug, Default)]
struct Dropped(Vec<(Signal, Time, u32)>);

impl Dropped {
    /// Counts one more. If it is to be logged now: how many others that line stands for.
    fn count(&mut self, signal: Signal, now: Time) -> Option<u32> {
        let Some((_, said, unsaid)) = self.0.iter_mut().find(|(other, ..)| *other == signal) else {
            self.0.push((signal, now, 0));
            return Some(0);
        };
        if now < said.saturating_add(QUIET) {
            *unsaid = unsaid.saturating_add(1);
            return None;
        }
        *said = now;
        Some(std::mem::take(unsaid))
    }

    /// A line for each signal with drops that are not logged yet.
    fn rest(&self) -> impl Iterator<Item = String> {
        let unsaid = self.0.iter().filter(|(_, _, unsaid)| *unsaid > 0);
        unsaid.map(|(signal, _, unsaid)| format!("{signal} dropped: {unsaid} more"))
    }
}

impl Reporter {
    /// Must be called before the program runs, since the program could change where the files go.
    /// Warns of a file that could not be written now: at the end it would be too late.
    pub(crate) fn new(settings: &Settings) -> Self {
        let places = Places::of(settings);
        if settings.verbosity >= Verbosity::Warnings {
            places.problems().iter().for_each(|problem| say(problem));
        }
        Self {
            verbosity: settings.verbosity,
            places,
            sender: None,
            journal: None,
            main_end: None,
            dropped: Dropped::default(),
            ignored: SignalSet::EMPTY,
        }
    }

    /// Takes in which of HUP, INT and QUIT adieu was started ignoring.
    pub(crate) fn started_ignoring(&mut self, ignored: SignalSet) {
        self.ignored = ignored;
    }

    /// Remembers who sent a signal, in case it begins a stop.
    pub(crate) fn arrived(&mut self, signal: Signal, sender: i32) {
        self.sender = Some((signal, sender));
    }

    /// Takes in what happened, each with its time.
    pub(crate) fn notes(&mut self, notes: Vec<(Note, Time)>) {
        for (note, at) in notes {
            self.note(&note, at);
        }
    }

    /// Takes in one note.
    fn note(&mut self, note: &Note, now: Time) {
        match note {
            Note::Begins(cause, signal) => {
                let sender = self.sender.filter(|(s, pid)| *cause == Cause::Signal(*s) && *pid > 0);
                self.journal = Some(Journal::new(*cause, *signal, sender.map(|(_, pid)| pid), now));
            }
            Note::MainEnded(end) => self.main_end = Some(*end),
            _ => {}
        }
        if let Some(journal) = &mut self.journal {
            journal.note(note, now);
        }
        let level = level(note);
        if level > self.verbosity {
            return;
        }
        let unsaid = match note {
            Note::Dropped(signal) => self.dropped.count(*signal, now),
            _ => Some(0),
        };
        let more = match unsaid {
            None => return,
            Some(0) => String::new(),
            Some(unsaid) => format!(" ({unsaid} more before this)"),
        };
        let since = self.journal.as_ref().filter(|_| level == Verbosity::Verbose);
        let since =
            since.map(|journal| format!("{:>8}  ", duration(now.saturating_sub(journal.began))));
        let text = match note {
            Note::Dropped(signal) if self.ignored.has(*signal) => format!(
                "{signal} dropped: adieu was started ignoring it, as a background job of a shell \
                 or by nohup, and no program handles it; for a stop send SIGTERM"
            ),
            _ => sentence(note, now),
        };
        say(&format!("{}{text}{more}", since.unwrap_or_default()));
    }

    /// How the main process ended, once it has.
    pub(crate) fn main_end(&self) -> Option<End> {
        self.main_end
    }

    /// Whether a stop was begun.
    pub(crate) fn has_stop(&self) -> bool {
        self.journal.is_some()
    }

    /// Whether the timeout of the stop had to kill.
    pub(crate) fn had_to_kill(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.timed_out.is_some())
    }

    /// Whether it had to in a stop that was asked for: not in one of what the main process left
    /// behind, whose end was its own.
    pub(crate) fn had_to_kill_as_asked(&self) -> bool {
        let asked_for = |journal: &Journal| matches!(journal.cause, Cause::Signal(_));
        self.had_to_kill() && self.journal.as_ref().is_some_and(asked_for)
    }

    /// Prints the timeline of the stop and writes its files, as far as the settings ask for them.
    pub(crate) fn finish(
        &mut self,
        settings: &Settings,
        terms: &Terms,
        now: Time,
        exit_status: u8,
    ) {
        self.dropped.rest().for_each(|line| say(&line));
        let Some(journal) = &mut self.journal else { return };
        if sys::wait_any() == sys::Waited::NoChildren {
            journal.all_gone(now);
        }
        if self.verbosity == Verbosity::Verbose {
            let whole = duration(now.saturating_sub(journal.began));
            say(&format!("stopped in {whole}, exit status {exit_status}"));
            let width = sys::terminal_width(libc::STDERR_FILENO).unwrap_or(timeline::WIDTH);
            for line in timeline::lines(journal, now, width.saturating_sub(streams::NAME.len())) {
                say(&line);
            }
        }
        let outcome = Outcome { now, main: terms.main, main_end: self.main_end, exit_status };
        let json = || record::to_json(journal, settings, terms, outcome);
        let file = match &settings.report {
            Some(to) if to.path == "-" => {
                streams::patiently(&format!("{}\n", json()), WRITE_LIMIT);
                None
            }
            to => to.as_ref().map(|_| format!("{:#}\n", json())),
        };
        let message = settings.termination_log.as_ref().map(|_| record::message(journal, outcome));
        let problems = write::save(&self.places, file.as_deref(), message.as_deref());
        for problem in problems.iter().filter(|_| self.verbosity >= Verbosity::Warnings) {
            say(problem);
        }
    }
}

/// The lowest verbosity at which a note is logged.
fn level(note: &Note) -> Verbosity {
    match note {
        Note::Waits(..)
        | Note::CutsEpilogue(..)
        | Note::NextServer(..)
        | Note::KillsIgnorers(_)
        | Note::Kills(..)
        | Note::Abandons(_)
        | Note::Dropped(_)
        | Note::Refused(..)
        | Note::Blind(_) => Verbosity::Warnings,
        _ => Verbosity::Verbose,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::journal::tests::who;

    #[test]
    fn drops_in_a_row_are_counted_and_none_is_lost() {
        let at = Duration::from_secs;
        let mut dropped = Dropped::default();
        assert_eq!(dropped.count(Signal::HUP, at(1)), Some(0));
        assert_eq!([2, 5].map(|now| dropped.count(Signal::HUP, at(now))), [None, None]);
        assert_eq!(dropped.count(Signal::QUIT, at(5)), Some(0), "each signal for itself");
        assert_eq!(dropped.count(Signal::HUP, at(11)), Some(2));
        assert_eq!(dropped.rest().count(), 0);
        assert_eq!(dropped.count(Signal::HUP, at(12)), None);
        assert_eq!(dropped.rest().collect::<Vec<_>>(), ["SIGHUP dropped: 1 more"]);
    }

    #[test]
    fn every_warning_names_what_it_is_about() {
        let dropped = Note::Dropped(Signal::HUP);
        assert!(
            level(&dropped) == Verbosity::Warnings
                && sentence(&dropped, Time::ZERO).contains("SIGHUP")
        );
        let kills = Note::Kills(Duration::from_secs(3), vec![who(12, "server", Some(0))]);
        assert!(
            level(&kills) == Verbosity::Warnings
                && sentence(&kills, Duration::from_secs(3))
                    .contains("server (12), signalled 3.00 s before")
        );
    }
}
