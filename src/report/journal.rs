//! What happened in a stop, for whoever reads of it afterwards: fed by the notes, bounded, and
//! never asked for a decision. The timeline, the report and the termination log are made from it.

use crate::decide::role::Reason;
use crate::decide::{Cause, Note, ProcessNote, Time};
use crate::exit::End;
use crate::signal::Signal;
use std::collections::BTreeMap;

/// How many processes are remembered; of more only the number is.
const MOST: usize = 1_000;
/// How many of those are counted.
const MOST_COUNTED: usize = 100_000;

/// One process of the stop.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub who: ProcessNote,
    pub reason: Reason,
    /// The signal that it was told with first.
    pub signal: Option<Signal>,
    /// When it was gone, and how it ended where that is known.
    pub ended: Option<(Time, Option<End>)>,
    /// When it was killed.
    pub killed: Option<Time>,
}

/// A stop from its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub began: Time,
    pub cause: Cause,
    pub signal: Signal,
    /// Who sent the signal, as a pid; `None` for the kernel or somebody outside the PID namespace.
    pub sender: Option<i32>,
    pub records: Vec<Record>,
    pub phases: Vec<(&'static str, Time)>,
    pub repeats: Vec<(Signal, Time)>,
    pub timed_out: Option<Time>,
    /// /proc could not be read.
    pub blind: bool,
    /// Where each stands in the records, or would if there were room; as far as they are counted.
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
            phases: vec![("owners", began)],
            repeats: Vec::new(),
            timed_out: None,
            blind: false,
            places: BTreeMap::new(),
        }
    }

    /// Takes in one note.
    pub(crate) fn note(&mut self, note: &Note, now: Time) {
        match note {
            Note::Sends(who, reason, signal) => {
                if let Some(record) = self.record(who, *reason) {
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
                // Somebody below an owner may have come and gone without ever having been
                // mentioned.
                if let Some(record) =
                    self.places.get(&who.id).and_then(|at| self.records.get_mut(*at))
                {
                    record.ended.get_or_insert((now, *end));
                }
            }
            Note::Kills(_, whom) => {
                self.timed_out.get_or_insert(now);
                for who in whom {
                    if let Some(record) = self.record(who, Reason::Nothing) {
                        record.killed.get_or_insert(now);
                    }
                }
            }
            Note::Unhandled(_) => self.phases = vec![("last call", now)],
            Note::Enters(phase) => self.phases.push((phase, now)),
            Note::Repeats(signal) if self.repeats.len() < MOST => self.repeats.push((*signal, now)),
            Note::Blind(_) => self.blind = true,
            _ => {}
        }
    }

    /// How many processes there was no room for.
    pub(crate) fn omitted(&self) -> usize {
        self.places.len().saturating_sub(self.records.len())
    }

    /// Nothing is left: whose end nobody saw has ended by now.
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
        match (self.ended, self.killed) {
            (_, Some(_)) => "killed".to_owned(),
            (Some((_, Some(End::Exited(code)))), None) => format!("exited {code}"),
            (Some((_, Some(End::Signaled(signal)))), None) => format!("{signal}"),
            (Some((_, None)), None) => "ended".to_owned(),
            (None, None) => "left".to_owned(),
        }
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
}
