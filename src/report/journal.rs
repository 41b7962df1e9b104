//! What happened in a stop: filled by the notes, and limited in size. The timeline, the report and
//! the termination log are made from it. No decision depends on it.

use crate::decide::role::Reason;
use crate::decide::turn::Turn;
use crate::decide::{Cause, Note, ProcessNote, Time};
use crate::exit::End;
use crate::report::words;
use crate::signal::Signal;
use std::collections::BTreeMap;

/// How many processes are kept; the others are only counted.
const MOST: usize = 1_000;
/// How many others are counted.
const MOST_COUNTED: usize = 100_000;

/// One process of the stop.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub who: ProcessNote,
    pub reason: Reason,
    /// The signal that it got first.
    pub signal: Option<Signal>,
    /// When it had ended, and how, where that is known.
    pub ended: Option<(Time, Option<End>)>,
    /// When it got SIGKILL.
    pub killed: Option<Time>,
}

/// A stop from its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub began: Time,
    pub cause: Cause,
    pub signal: Signal,
    /// The pid of the signal's sender; `None` for the kernel and for a process outside the PID
    /// namespace.
    pub sender: Option<i32>,
    pub records: Vec<Record>,
    pub stages: Vec<(Turn, Time)>,
    pub repeats: Vec<(Signal, Time)>,
    pub timed_out: Option<Time>,
    /// /proc could not be read.
    pub proc_unreadable: bool,
    /// The place of each process in the records, or the one that it would have if there were room.
    places: BTreeMap<crate::process::ProcId, usize>,
}

impl Journal {
    pub(crate) fn new(cause: Cause, signal: Signal, sender: Option<i32>, began: Time) -> Self {
        Self {
            began,
            cause,
            signal,
            sender,
            records: Vec::new(),
            stages: vec![(Turn::Handlers, began)],
            repeats: Vec::new(),
            timed_out: None,
            proc_unreadable: false,
            places: BTreeMap::new(),
        }
    }

    /// Takes in one note.
    pub(crate) fn note(&mut self, note: &Note, now: Time) {
        match note {
            Note::Sends(who, reason, signal) => {
                if let Some(record) = self.record(who, *reason) {
                    if record.signal.is_none() {
                        // What it is when it gets the signal counts: a worker whose handler is gone
                        // may be a handler by then.
                        record.who.role = who.role;
                        if *reason != Reason::LastCall {
                            record.reason = *reason;
                        }
                    }
                    record.who.signalled = record.who.signalled.or(who.signalled);
                    record.signal.get_or_insert(*signal);
                }
            }
            Note::Changed(who) => {
                if let Some(record) = self.record(who, Reason::Nothing) {
                    (record.who.signalled, record.signal) =
                        (who.signalled, record.signal.filter(|_| who.signalled.is_some()));
                }
            }
            Note::Leaves(who, reason) => {
                self.record(who, *reason);
            }
            Note::Ended(who, end) => {
                // A process below a handler may have come and gone without any other note.
                if let Some(record) =
                    self.places.get(&who.id).and_then(|at| self.records.get_mut(*at))
                {
                    record.ended.get_or_insert((now, *end));
                }
            }
            Note::Kills(_, whom) => {
                if self.timed_out.is_none() {
                    self.timed_out = Some(now);
                    self.stages.push((Turn::Timeout, now));
                }
                self.killed(whom, now);
            }
            Note::KillsIgnorers(whom) => self.killed(whom, now),
            Note::Unhandled(_) => self.stages = vec![(Turn::LastCall, now)],
            Note::Enters(stage) => self.stages.push((*stage, now)),
            Note::Repeats(signal) if self.repeats.len() < MOST => self.repeats.push((*signal, now)),
            Note::Blind(_) => self.proc_unreadable = true,
            _ => {}
        }
    }

    fn killed(&mut self, whom: &[ProcessNote], now: Time) {
        for who in whom {
            if let Some(record) = self.record(who, Reason::Nothing) {
                record.killed.get_or_insert(now);
            }
        }
    }

    /// How many processes are only counted.
    pub(crate) fn omitted(&self) -> usize {
        self.places.len().saturating_sub(self.records.len())
    }

    /// No child is left, so every process has ended by now, also one whose end was not seen.
    pub(crate) fn all_gone(&mut self, now: Time) {
        for record in &mut self.records {
            record.ended.get_or_insert((now, None));
        }
    }

    fn record(&mut self, who: &ProcessNote, reason: Reason) -> Option<&mut Record> {
        let next = self.places.len();
        let place = self.places.get(&who.id).copied().unwrap_or(next);
        if place == next && next < MOST + MOST_COUNTED {
            self.places.insert(who.id, next);
            if next < MOST {
                let record =
                    Record { who: who.clone(), reason, signal: None, ended: None, killed: None };
                self.records.push(record);
            }
        }
        self.records.get_mut(place)
    }
}

impl Record {
    /// How it ended, in a word or two.
    pub(crate) fn how(&self) -> String {
        words::ending(self.ended.map(|(_, end)| end), self.killed.is_some())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::decide::role::Role;
    use crate::process::ProcId;
    use std::time::Duration;

    pub(crate) fn ms(n: u64) -> Time {
        Duration::from_millis(n)
    }

    pub(crate) fn who(pid: i32, name: &str, signalled: Option<u64>) -> ProcessNote {
        ProcessNote {
            id: ProcId { pid, start: 1 },
            name: name.to_owned(),
            arguments: String::new(),
            role: Role::Handler,
            signalled: signalled.map(ms),
            ignores: false,
            refused: false,
        }
    }

    /// A server that ended by itself, one with a long name that got no signal, and one that was
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
    fn the_role_is_that_of_the_moment_in_which_the_signal_came() {
        let mut journal = Journal::new(Cause::MainEnded(End::Exited(3)), Signal::TERM, None, ms(0));
        let worker = |signalled| ProcessNote { role: Role::Worker, ..who(12, "left", signalled) };
        journal.note(&Note::Leaves(worker(None), Reason::Below(11)), ms(0));
        let sends = Note::Sends(who(12, "left", Some(5)), Reason::Handles, Signal::TERM);
        journal.note(&sends, ms(5));
        let again = Note::Sends(worker(Some(5)), Reason::WasSignalled, Signal::TERM);
        journal.note(&again, ms(9));
        let record = &journal.records[0];
        assert_eq!((record.who.role, record.reason), (Role::Handler, Reason::Handles));
        let shell = |signalled| ProcessNote { role: Role::Shielded, ..who(2, "sh", signalled) };
        journal.note(&Note::Leaves(shell(None), Reason::Above(12)), ms(0));
        journal.note(&Note::Sends(shell(Some(9)), Reason::LastCall, Signal::TERM), ms(9));
        let record = &journal.records[1];
        assert_eq!((record.who.role, record.reason), (Role::Shielded, Reason::Above(12)));
    }
}
