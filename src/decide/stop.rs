//! One stop, from the signal to the exit: what it knows, what it does with each look, and when it
//! has to be woken.

use crate::decide::ledger::{Ledger, Request};
use crate::decide::pace::{Need, Pace};
use crate::decide::role::{self, Known, Question, Role};
use crate::decide::stage::{Left, Stage};
use crate::decide::terms::{
    Deliver, FIRST_WARNING, LEFTOVERS_TIMEOUT, REPEAT, Terms, half_time, last_word,
};
use crate::decide::tree::Tree;
use crate::decide::turn::Turn;
use crate::decide::{Action, Cause, Delivered, Note, Purpose, Time};
use crate::exit::{End, KILLED};
use crate::process::{self, ProcId, Snapshot};
use crate::signal::Signal;

/// What there is to see of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// It was not seen yet.
    NotYet,
    /// The first look was over at this tick, with this pid given last.
    Since { tick: u64, last_pid: i32 },
    /// It cannot be seen, and is looked at no more.
    Blind,
}

/// What a stop can be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    /// The killed have had their time to disappear.
    KilledTooLong,
    /// The timeout is over.
    Timeout,
    /// The timeout is near.
    LastWord,
    /// The handlers have had half of the time.
    HalfTime,
    /// The stop lasts, and a warning is due.
    Warning,
    /// The script has had its time to end by itself.
    EpilogueOver,
    /// What is expected to end without a signal has had its time.
    ExpectedOver,
    /// What ignores the signal has had its time.
    IgnorersOver,
    /// The next look is due.
    Look,
}

impl Alarm {
    /// All of them, in the order in which they are answered.
    const ALL: [Self; 9] = [
        Self::KilledTooLong,
        Self::Timeout,
        Self::LastWord,
        Self::HalfTime,
        Self::Warning,
        Self::EpilogueOver,
        Self::ExpectedOver,
        Self::IgnorersOver,
        Self::Look,
    ];
}

/// Everything that exists only while a stop goes on.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    stage: Stage,
    signal: Signal,
    /// A signal asked for it, so that whatever handles nothing ends at once.
    asked_for: bool,
    began: Time,
    deadline: Option<Time>,
    /// When every process has to have the signal.
    last_word: Option<Time>,
    /// When bystanders in the foreground get the signal too; `None` once they have.
    half_time: Option<Time>,
    /// The timeout has killed.
    killed: bool,
    /// When each stop signal was last passed on.
    passed: Vec<(Signal, Time)>,
    ledger: Ledger,
    view: View,
    pace: Pace,
    warn_at: Time,
}

/// What the stop has to know of the main process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Main {
    /// Its group's number, as long as it is not reaped: then that may be another group's.
    pub group: Option<i32>,
    /// The exit status, should adieu exit now.
    pub code: u8,
}

impl Stop {
    /// A stop begins, and what is to be done first.
    pub(crate) fn begin(
        cause: Cause,
        signal: Signal,
        terms: &Terms,
        now: Time,
    ) -> (Self, Vec<Action>) {
        let asked_for = matches!(cause, Cause::Signal(_));
        let timeout = if asked_for {
            terms.timeout
        } else {
            Some(terms.timeout.unwrap_or(LEFTOVERS_TIMEOUT))
        };
        let stop = Self {
            stage: Stage::FIRST,
            signal,
            asked_for,
            began: now,
            // A timeout too long for the clock is none.
            deadline: timeout.and_then(|t| now.checked_add(t)),
            last_word: timeout.and_then(|t| now.checked_add(t - last_word(t))),
            half_time: now.checked_add(half_time(timeout)),
            killed: false,
            passed: vec![(signal, now)],
            ledger: Ledger::default(),
            view: View::NotYet,
            pace: Pace::new(now),
            warn_at: now + FIRST_WARNING,
        };
        // `--deliver child` chooses among those that handle nothing, too.
        let deciding = asked_for && terms.deliver != Deliver::Child;
        let purpose = if deciding { Purpose::Begin } else { Purpose::Stop };
        (stop, vec![Action::Say(Note::Begins(cause, signal)), Action::Look(purpose, signal)])
    }

    /// When the stop has to be woken next.
    pub(crate) fn alarm(&self) -> Option<Time> {
        Alarm::ALL.into_iter().filter_map(|alarm| self.armed(alarm)).min()
    }

    /// When this alarm is due; `None` where it is not armed.
    fn armed(&self, alarm: Alarm) -> Option<Time> {
        match (alarm, self.stage) {
            (Alarm::KilledTooLong, Stage::Killing { until, .. }) => Some(until),
            (Alarm::Timeout | Alarm::Warning, Stage::Killing { .. }) => None,
            (Alarm::Timeout, _) => self.deadline,
            (Alarm::Warning, _) => Some(self.warn_at),
            (Alarm::EpilogueOver, Stage::Epilogue { until }) => Some(until),
            // The others are moments to look at the tree.
            _ if self.view == View::Blind => None,
            (Alarm::LastWord, Stage::LastWord { .. } | Stage::Killing { .. }) => None,
            (Alarm::LastWord, _) => self.last_word,
            (Alarm::HalfTime, Stage::Handlers { .. }) => self.half_time,
            (Alarm::ExpectedOver, Stage::Handlers { .. }) => {
                self.ledger.expected_over().filter(|at| self.is_ahead(*at))
            }
            (Alarm::IgnorersOver, stage) => {
                let over = self.ledger.ignorers_over(stage.last_call()?);
                over.filter(|at| self.is_ahead(*at))
            }
            (Alarm::Look, _) => Some(self.pace.next()),
            (Alarm::KilledTooLong | Alarm::HalfTime, _)
            | (Alarm::EpilogueOver | Alarm::ExpectedOver, _) => None,
        }
    }

    /// Whether no look has been made since then. One that has seen nothing is made again later.
    fn is_ahead(&self, at: Time) -> bool {
        at > self.pace.last()
    }

    /// Answers every alarm that is due.
    pub(crate) fn woken(&mut self, main: Main, now: Time) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut look = false;
        for alarm in Alarm::ALL {
            if self.armed(alarm).is_none_or(|at| now < at) {
                continue;
            }
            match alarm {
                Alarm::KilledTooLong => return self.killed_too_long(main),
                Alarm::Timeout => return self.timeout(main, now),
                Alarm::Warning => actions.push(self.warn(now)),
                Alarm::LastWord => {
                    self.stage = self.stage.last_word();
                    let said = Action::Say(Note::Enters(Turn::LastWord));
                    actions.extend(self.ledger.has_due().then_some(said));
                    look = true;
                }
                Alarm::HalfTime => {
                    self.half_time = None;
                    look = true;
                }
                Alarm::EpilogueOver => look = self.view != View::Blind,
                Alarm::ExpectedOver | Alarm::IgnorersOver | Alarm::Look => look = true,
            }
        }
        actions.extend(look.then_some(Action::Look(Purpose::Stop, self.signal)));
        actions
    }

    /// adieu exits whatever is left, but looks once more at what the killing has not reached: a
    /// look at thousands can take that long.
    fn killed_too_long(&mut self, main: Main) -> Vec<Action> {
        if let Stage::Killing { last_look: last_look @ false, .. } = &mut self.stage
            && self.view != View::Blind
            && self.ledger.has_unkilled()
        {
            *last_look = true;
            return vec![Action::Look(Purpose::Stop, self.signal)];
        }
        vec![Action::Say(Note::Abandons(self.ledger.killed())), self.exit(main.code)]
    }

    /// adieu exits with this status; or with that of SIGKILL where the timeout killed in a stop
    /// that was asked for: a platform has to see it, whatever the shell around made of it.
    pub(crate) fn exit(&self, code: u8) -> Action {
        Action::Exit(if self.killed && self.asked_for { KILLED } else { code })
    }

    fn timeout(&mut self, main: Main, now: Time) -> Vec<Action> {
        self.stage = Stage::killing(now);
        self.pace = Pace::new(now);
        if self.view != View::Blind {
            return vec![Action::Look(Purpose::Stop, self.signal)];
        }
        let said = Action::Say(Note::Kills(now.saturating_sub(self.began), Vec::new()));
        let group = main.group.map(|_| Action::SignalGroup(Signal::KILL));
        self.killed = true;
        [said].into_iter().chain(group).collect()
    }

    fn warn(&mut self, now: Time) -> Action {
        let waited = now.saturating_sub(self.began);
        self.warn_at = now + waited.max(FIRST_WARNING);
        let (awaited, below) = (self.ledger.awaited(), self.ledger.unsignalled_below());
        Action::Say(Note::Waits(waited, self.signal, awaited, below))
    }

    /// A stop signal arrives during the stop. Platforms repeat it; one that comes later is passed
    /// on, and ends the epilogue.
    pub(crate) fn repeat(&mut self, signal: Signal, main: Main, now: Time) -> Vec<Action> {
        if self.passed.iter().any(|(s, at)| *s == signal && now < *at + REPEAT) {
            return Vec::new();
        }
        self.signal = signal;
        self.passed.retain(|(s, _)| *s != signal);
        self.passed.push((signal, now));
        let said = Action::Say(Note::Repeats(signal));
        match &mut self.stage {
            Stage::Killing { .. } => return Vec::new(),
            _ if self.view == View::Blind => {
                let group = main.group.map(|_| Action::SignalGroup(signal));
                return [said].into_iter().chain(group).collect();
            }
            Stage::Handlers { repeated } => {
                *repeated = true;
                self.ledger.repeat_to_handlers(now);
            }
            stage @ (Stage::Epilogue { .. } | Stage::LastCall { .. }) => {
                *stage = Stage::LastCall { since: now };
                self.ledger.repeat_to_all();
            }
            Stage::LastWord { .. } => self.ledger.repeat_to_all(),
        }
        self.pace = Pace::new(now);
        vec![said, Action::Look(Purpose::Stop, signal)]
    }

    /// A process is gone: what it kept waiting is to be found out.
    pub(crate) fn gone(&mut self, id: ProcId, end: Option<End>, now: Time) -> Vec<Action> {
        let Some(record) = self.ledger.remove(id) else { return Vec::new() };
        if record.was_handler() {
            self.pace.afresh(now);
            if !self.ledger.has_awaited() {
                // Whoever is left waits for nothing else than this look.
                self.pace = Pace::new(now);
            }
        }
        vec![Action::Say(Note::Ended(record.note(), end))]
    }

    /// A child with this pid was reaped.
    pub(crate) fn reaped(&mut self, pid: i32, end: End, now: Time) -> Vec<Action> {
        self.ledger.find(pid).map_or_else(Vec::new, |id| self.gone(id, Some(end), now))
    }

    /// What became of a signal to one process.
    pub(crate) fn delivered(
        &mut self,
        id: ProcId,
        delivered: Delivered,
        terms: &Terms,
        now: Time,
    ) -> Vec<Action> {
        match delivered {
            Delivered::Gone => self.gone(id, None, now),
            Delivered::Sent { watched } => {
                if watched {
                    self.ledger.set_watched(id);
                }
                Vec::new()
            }
            Delivered::Changed => {
                self.pace.soon(now);
                self.ledger.changed(id).into_iter().collect()
            }
            Delivered::Refused => {
                let actions = self.ledger.refused(id, self.request(terms, now));
                if !actions.is_empty() {
                    self.pace.soon(now);
                }
                actions
            }
        }
    }

    /// A look is over that took so long; `None` where nothing could be seen.
    pub(crate) fn looked(
        &mut self,
        snapshot: Option<&Snapshot>,
        took: Time,
        terms: &Terms,
        main: Main,
        now: Time,
    ) -> Vec<Action> {
        self.half_time = self.half_time.filter(|at| now < *at);
        let Some(snapshot) = snapshot else { return self.looked_in_vain(terms, main, now) };
        self.ledger.forget_copies(snapshot);
        self.ledger.watch_traps(snapshot, self.signal, now.saturating_sub(took));
        let main_ended = !self.asked_for;
        let question = Question { main_ended, ..Question::stop(self.signal, terms) };
        let view = self.view;
        let is_newcomer = |id: ProcId| match view {
            View::Since { tick, last_pid } => process::started_after(tick, last_pid, id),
            View::NotYet | View::Blind => false,
        };
        let known = |id: ProcId| {
            let unknown = || Known { newcomer: is_newcomer(id), ..Known::default() };
            Some(self.ledger.known(id, now, terms.epilogue).unwrap_or_else(unknown))
        };
        let verdicts = role::assign(snapshot, &question, known);
        let tree = Tree { snapshot, verdicts: &verdicts };
        let request = self.request(terms, now);
        let mut actions = self.ledger.learn(&tree, request, is_newcomer);
        actions.extend(self.act(&tree, &question, terms, main, now));
        if view == View::NotYet {
            self.view = View::Since { tick: snapshot.tick, last_pid: snapshot.last_pid };
        }
        // As PID 1 adieu ends by its exit what it may not signal; none of these would have handled
        // the signal.
        let main_known = main.group.is_none() || self.ledger.sees(terms.main);
        let is_last_call = self.stage.is_last();
        if is_last_call && terms.is_init && main_known && self.ledger.is_beyond_reach() {
            actions.push(self.exit(main.code));
            return actions;
        }
        let need = match self.stage {
            Stage::Killing { .. } => Need::Killing,
            Stage::Epilogue { .. } => Need::Epilogue,
            _ if self.ledger.has_unreported() => Need::Unreported,
            _ => Need::Idle,
        };
        self.pace.looked(now, took, need);
        if let Some(at) = self.ledger.trap_moment(now) {
            self.pace.not_after(at);
        }
        actions
    }

    /// Signals whose turn has come, goes on to the next stage where this one is over, and so on.
    fn act(
        &mut self,
        tree: &Tree<'_>,
        question: &Question,
        terms: &Terms,
        main: Main,
        now: Time,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let first = self.view == View::NotYet;
        let is_killing = self.stage.is_killing();
        if tree.snapshot.processes.is_empty() && (first || is_killing) && main.group.is_some() {
            // The main process is about to be reaped, or this /proc hides what belongs to other
            // users (hidepid).
            let signal = if is_killing { Signal::KILL } else { self.signal };
            if is_killing && self.ledger.has_seen_nothing() {
                self.killed = true;
                let took = now.saturating_sub(self.began);
                actions.push(Action::Say(Note::Kills(took, Vec::new())));
            }
            actions.push(Action::SignalGroup(signal));
        }
        // What a main process left when it ended by itself is in no hurry: its log filters have the
        // epilogue.
        let handled = tree.verdicts.iter().any(|verdict| verdict.role == Role::Handler);
        if first && self.asked_for && !handled {
            actions.extend(self.nobody_handles_it(tree.snapshot, terms, main, now));
        }
        loop {
            if self.stage.is_last() {
                self.ledger.recheck_group(tree.snapshot, self.pace.last());
            }
            let request = self.request(terms, now);
            let before = actions.len();
            actions.extend(self.ledger.signal_due(tree, question, request));
            match &mut self.stage {
                Stage::Handlers { .. } if first => {
                    actions.extend(self.ledger.leaves(tree));
                    actions.extend(self.ledger.resume(tree));
                }
                Stage::Killing { since, asked, .. } => {
                    let asked = *asked.get_or_insert(now);
                    let kills = self.ledger.kill(tree.snapshot, *since, asked, self.began, now);
                    self.killed |= !kills.is_empty();
                    // Whoever gets the signal only now gets it because of the timeout: that is said
                    // first.
                    let (said, done): (Vec<_>, Vec<_>) =
                        kills.into_iter().partition(|action| matches!(action, Action::Say(_)));
                    actions.splice(before..before, said);
                    actions.extend(done);
                }
                _ => {}
            }
            if let Some(since) = self.stage.last_call() {
                actions.extend(self.ledger.kill_ignorers(since, now));
            }
            let restarted = match self.stage {
                Stage::Epilogue { .. } => self.ledger.restarted(tree, question, terms),
                _ => None,
            };
            let left = Left {
                handler: self.ledger.has_awaited(),
                due: self.ledger.has_due(),
                restarted: restarted.is_some(),
            };
            let Some(next) = self.stage.next(left, terms.epilogue, now) else { break };
            actions.extend(self.leave(next, restarted, terms, now));
            actions.extend(self.enter(next, left, now));
            if matches!(next, Stage::Handlers { .. }) {
                // What was not due in the epilogue waits for a look at the handler that was found.
                break;
            }
        }
        self.stage.repeat_was_seen(self.ledger.sees_awaited());
        actions
    }

    /// Why the epilogue is over, where that is worth a word.
    fn leave(
        &self,
        next: Stage,
        restarted: Option<Note>,
        terms: &Terms,
        now: Time,
    ) -> Option<Action> {
        let (Stage::Epilogue { until }, Stage::LastCall { .. }) = (self.stage, next) else {
            return None;
        };
        let at_work = self.ledger.at_work();
        match restarted {
            Some(note) => Some(Action::Say(note)),
            None if until <= now && !at_work.is_empty() => {
                Some(Action::Say(Note::CutsEpilogue(terms.epilogue, at_work)))
            }
            None => None,
        }
    }

    fn enter(&mut self, next: Stage, left: Left, now: Time) -> Option<Action> {
        self.stage = next;
        if !matches!(next, Stage::Handlers { .. }) {
            self.pace = Pace::new(now);
        }
        // An epilogue or a last call with nothing left to send is not worth a word.
        let said = !matches!(next, Stage::Epilogue { .. } | Stage::LastCall { .. }) || left.due;
        said.then_some(Action::Say(Note::Enters(next.turn())))
    }

    /// Every process gets the signal at once, those of the group with one call.
    fn nobody_handles_it(
        &mut self,
        snapshot: &Snapshot,
        terms: &Terms,
        main: Main,
        now: Time,
    ) -> Vec<Action> {
        self.stage = Stage::LastCall { since: now };
        let group = main.group.map(|group| {
            let request = self.request(terms, now);
            self.ledger.signal_group(snapshot, group, request)
        });
        let said = Action::Say(Note::Unhandled(self.signal));
        [said].into_iter().chain(group.unwrap_or_default()).collect()
    }

    /// The tree cannot be seen. At the first look the group gets the signal and everything below
    /// adieu is waited for: right after the main process was reaped, the group's number is still
    /// that of its other members, later it may not be. A /proc that goes away later may come back,
    /// so the group gets the signal only when the last call is due, and then those outside of it
    /// that are known and sure to be still the same.
    fn looked_in_vain(&mut self, terms: &Terms, main: Main, now: Time) -> Vec<Action> {
        let first = self.view == View::NotYet;
        if matches!(self.stage, Stage::Handlers { .. }) && !first {
            let left = Left { handler: self.ledger.has_awaited(), due: true, restarted: false };
            self.stage = self.stage.next(left, terms.epilogue, now).unwrap_or(self.stage);
        }
        let due = match self.stage {
            Stage::Handlers { .. } => first,
            Stage::Epilogue { until } => until <= now,
            Stage::LastCall { .. } | Stage::LastWord { .. } | Stage::Killing { .. } => true,
        };
        if !due {
            self.pace.looked(now, Time::ZERO, Need::Idle);
            return Vec::new();
        }
        self.view = View::Blind;
        let is_killing = self.stage.is_killing();
        self.killed |= is_killing;
        if !is_killing {
            self.stage = Stage::LastCall { since: now };
        }
        let signal = if is_killing { Signal::KILL } else { self.signal };
        let just_reaped = first && !self.asked_for;
        let group = (just_reaped || main.group.is_some()).then_some(Action::SignalGroup(signal));
        let children = self.ledger.signal_children(main.group, self.request(terms, now));
        let after = now.saturating_sub(self.began);
        let kills = is_killing.then(|| Action::Say(Note::Kills(after, Vec::new())));
        let said = [Action::Say(Note::Blind(signal))].into_iter().chain(kills);
        said.chain(group).chain(children).collect()
    }

    fn request(&self, terms: &Terms, now: Time) -> Request {
        let turn = match self.stage {
            Stage::Handlers { .. } if self.half_time.is_none() => Turn::HalfTime,
            stage => stage.turn(),
        };
        let first = self.view == View::NotYet;
        Request { signal: self.signal, now, turn, first, epilogue: terms.epilogue }
    }

    #[cfg(test)]
    pub(crate) fn is_looking(&self) -> bool {
        self.view != View::Blind
    }

    #[cfg(test)]
    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }
}
