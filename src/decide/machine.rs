//! The machine: takes one input at a time, with the time, and answers with what is to be done.
//! While no stop goes on it forwards signals and does the terminal's job control.

use crate::decide::meaning::{Meaning, Unhandled, meaning};
use crate::decide::role::{self, Question};
use crate::decide::stop::{Main, Stop};
use crate::decide::terms::Terms;
use crate::decide::turn::is_forwarded;
use crate::decide::{Action, Cause, Delivered, Input, Note, ProcessNote, Purpose, Time};
use crate::decide::{ledger, record};
use crate::exit::{End, KILLED};
use crate::process::{ProcId, Snapshot};
use crate::signal::Signal;

/// The state of the machine.
#[derive(Clone, Debug)]
pub struct State {
    terms: Terms,
    main_end: Option<End>,
    /// A TSTP was passed on: the group is stopped because a user wants it so.
    suspended: bool,
    /// The processes that a signal which does not stop is on its way to: the answer to it says
    /// nothing of the stop.
    forwarded: Vec<(ProcessNote, Signal)>,
    stop: Option<Stop>,
}

impl State {
    /// The main process runs.
    pub fn new(terms: Terms) -> Self {
        Self { terms, main_end: None, suspended: false, forwarded: Vec::new(), stop: None }
    }

    /// When the next [`Input::Deadline`] is due; `None` while nothing is pending.
    pub fn deadline(&self) -> Option<Time> {
        self.stop.as_ref()?.alarm()
    }

    /// Takes one step.
    pub fn step(&mut self, input: Input, now: Time) -> Vec<Action> {
        let main = self.main();
        match input {
            Input::Signal { signal, .. } => self.signal(signal, now),
            Input::Ended(pid, end) => self.ended(pid, end, now),
            Input::Stopped(pid, signal) if self.is_main(pid) => self.main_stopped(signal),
            Input::Stopped(..) => Vec::new(),
            Input::Reaped { left } => self.reaped(left, now),
            Input::Gone(id) => self.in_stop(|stop, _| stop.gone(id, None, now)),
            Input::Looked(Purpose::Forward(unhandled), signal, snapshot, _) => {
                self.forward(signal, unhandled, snapshot, now)
            }
            Input::Looked(Purpose::Begin | Purpose::Stop, _, snapshot, took) => {
                self.in_stop(|stop, terms| stop.looked(snapshot.as_ref(), took, terms, main, now))
            }
            Input::Delivered(id, delivered) => self.delivered(id, delivered, now),
            Input::Deadline => self.in_stop(|stop, _| stop.woken(main, now)),
        }
    }

    fn in_stop(&mut self, act: impl FnOnce(&mut Stop, &Terms) -> Vec<Action>) -> Vec<Action> {
        self.stop.as_mut().map_or_else(Vec::new, |stop| act(stop, &self.terms))
    }

    fn main(&self) -> Main {
        // A main process that does not even disappear when it is killed has no status of its own.
        Main {
            group: self.main_end.is_none().then_some(self.terms.main),
            code: self.main_end.map_or(KILLED, End::code),
        }
    }

    /// Its pid can be another's once it has been reaped.
    fn is_main(&self, pid: i32) -> bool {
        pid == self.terms.main && self.main_end.is_none()
    }

    fn signal(&mut self, arrived: Signal, now: Time) -> Vec<Action> {
        let main = self.main();
        match meaning(arrived, &self.terms) {
            Meaning::Ignore => Vec::new(),
            Meaning::Stop(signal) => match &mut self.stop {
                None => self.begin(Cause::Signal(arrived), signal, now),
                Some(stop) => stop.repeat(signal, main, now),
            },
            // Once the main process has ended, its number may be that of another group.
            Meaning::Group(_) if self.main_end.is_some() => Vec::new(),
            Meaning::Group(signal) => self.signal_group(signal),
            Meaning::Forward(signal, unhandled) => {
                vec![Action::Look(Purpose::Forward(unhandled), signal)]
            }
        }
    }

    /// Passes on what a terminal sends to a job: its size, and job control.
    fn signal_group(&mut self, signal: Signal) -> Vec<Action> {
        match signal {
            // During a stop the job is not suspended: a stopped process cannot finish, and nobody
            // would resume it.
            Signal::TSTP | Signal::STOP if self.stop.is_some() => return Vec::new(),
            Signal::TSTP | Signal::STOP => self.suspended = true,
            Signal::CONT => {
                self.suspended = false;
                return vec![Action::GiveTerminal, Action::SignalGroup(signal)];
            }
            _ => {}
        }
        vec![Action::SignalGroup(signal)]
    }

    fn begin(&mut self, cause: Cause, signal: Signal, now: Time) -> Vec<Action> {
        let (stop, actions) = Stop::begin(cause, signal, &self.terms, now);
        self.stop = Some(stop);
        actions
    }

    fn ended(&mut self, pid: i32, end: End, now: Time) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.is_main(pid) {
            self.main_end = Some(end);
            actions.push(Action::TakeTerminal);
            actions.push(Action::Say(Note::MainEnded(end)));
        }
        actions.extend(self.in_stop(|stop, _| stop.reaped(pid, end, now)));
        actions
    }

    fn reaped(&mut self, left: bool, now: Time) -> Vec<Action> {
        match self.main_end {
            // Every orphan comes to adieu, so when adieu has no child there is nothing below it.
            Some(end) if !left => {
                let code = end.code();
                vec![self.stop.as_ref().map_or(Action::Exit(code), |stop| stop.exit(code))]
            }
            Some(end) if self.stop.is_none() && !self.terms.linger => {
                let signal = self.terms.rewrites.apply(Signal::TERM).unwrap_or(Signal::TERM);
                self.begin(Cause::MainEnded(end), signal, now)
            }
            _ => Vec::new(),
        }
    }

    /// Job control. Without adieu the shell above would see the program stopped; where no shell is
    /// above, nobody could ever continue it, so there the terminal's Ctrl-Z has no effect on a
    /// program (`setpgid(2)`, orphaned groups).
    fn main_stopped(&mut self, signal: Signal) -> Vec<Action> {
        if !signal.is_terminal_stop() {
            return Vec::new();
        }
        if self.stop.is_none() && self.terms.can_suspend {
            return vec![Action::Suspend(signal)];
        }
        if self.suspended && self.stop.is_none() {
            return Vec::new();
        }
        if signal != Signal::TSTP {
            // It wants the terminal. Continued without it, it would be stopped again at once, for
            // ever.
            return vec![Action::LendTerminal];
        }
        vec![Action::GiveTerminal, Action::SignalGroup(Signal::CONT)]
    }

    fn forward(
        &mut self,
        signal: Signal,
        unhandled: Unhandled,
        snapshot: Option<Snapshot>,
        now: Time,
    ) -> Vec<Action> {
        let question = Question::forward(signal, &self.terms);
        let mut actions = Vec::new();
        if let Some(snapshot) = snapshot {
            let verdicts = role::assign(&snapshot, &question, |_| None);
            for (process, verdict) in snapshot.processes.iter().zip(verdicts) {
                if is_forwarded(&verdict, process, &question) {
                    self.forwarded.push((record::note(process, verdict.role), signal));
                    let send = ledger::signal_process(process, signal, false);
                    actions.push(Action::SignalProcess(send));
                }
            }
        }
        if !actions.is_empty() {
            return actions;
        }
        match unhandled {
            // The stop that goes on is what it asks for.
            Unhandled::Stop if self.stop.is_some() => vec![Action::Say(Note::Dropped(signal))],
            Unhandled::Stop => self.begin(Cause::Signal(signal), signal, now),
            Unhandled::Warn => vec![Action::Say(Note::Dropped(signal))],
            Unhandled::Drop => Vec::new(),
        }
    }

    fn delivered(&mut self, id: ProcId, delivered: Delivered, now: Time) -> Vec<Action> {
        let forwarded = self.forwarded.iter().position(|(process, _)| process.id == id);
        if let Some((process, signal)) = forwarded.map(|at| self.forwarded.swap_remove(at))
            && delivered == Delivered::Refused
        {
            let process = ProcessNote { refused: true, ..process };
            return vec![Action::Say(Note::Refused(process, signal))];
        }
        self.in_stop(|stop, terms| stop.delivered(id, delivered, terms, now))
    }

    #[cfg(test)]
    pub(crate) fn main_end(&self) -> Option<End> {
        self.main_end
    }

    /// Whether a stop goes on in which the tree can be looked at.
    #[cfg(test)]
    pub(crate) fn is_looking(&self) -> bool {
        self.stop.as_ref().is_some_and(Stop::is_looking)
    }

    /// The stage of the stop that goes on.
    #[cfg(test)]
    pub(crate) fn stage(&self) -> Option<crate::decide::stage::Stage> {
        self.stop.as_ref().map(Stop::stage)
    }
}
