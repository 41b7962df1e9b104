//! What happens when: the phases of a stop as a state machine over plain values. No I/O and no
//! clock: the time comes with every input, the snapshot of the process tree when it was asked for.
//!
//! ```text
//!             stop signal, or the main process ended and left something
//!  Running ────────────────► Owners ──► Epilogue ──► LastCall ──► Killing ──► exit
//!                               │   nobody handles it   ▲
//!                               └───────────────────────┘
//! ```
//! adieu exits from any of them as soon as no process is left below it; the timeout leads from any
//! of them to `Killing`.
//!
//! What must hold: nobody is killed without having been told (but for what cannot be told); nobody
//! is told twice, but for a repeated stop; nothing below a living owner is told; a shielded process
//! is not told before the last call.

use crate::decide::ledger::{self, Ledger, Request, Tree};
use crate::decide::meaning::{Meaning, Unhandled, meaning};
use crate::decide::role::{self, Known, Question, Role};
use crate::decide::terms::{Deliver, FIRST_WARNING, KILL_LIMIT, LEFTOVERS_TIMEOUT, REPEAT, Terms};
use crate::decide::turn::{Past, Turn, turn};
use crate::decide::{Action, Cause, Delivered, Input, Note, ProcessNote, Time, Why};
use crate::exit::{End, SIGNAL_BASE};
use crate::process::{self, ProcId, Snapshot};
use crate::signal::Signal;
use std::time::Duration;

/// The first look after a change; each later one after twice the time, up to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// The longest while an owner cannot be watched (no pidfd): its end is found by looking.
const LONGEST_LOOK_UNWATCHED: Duration = Duration::from_millis(100);
/// The longest while the timeout is over: what is still being forked has to be found.
const LONGEST_LOOK_KILLING: Duration = Duration::from_millis(50);
/// Looking at a large tree costs time; looks that nothing asks for take at most a twentieth of it,
/// urgent ones a fifth, and those of the killing, which is soon over, a half.
const IDLE_SHARE: u32 = 20;
const URGENT_SHARE: u32 = 4;
const KILLING_SHARE: u32 = 1;

/// The state of the machine.
#[derive(Clone, Debug)]
pub struct State {
    terms: Terms,
    main_end: Option<End>,
    /// A TSTP was passed on: the group is stopped because somebody wants it so.
    suspended: bool,
    /// To whom a signal that does not stop is on its way: the answer to it says nothing of the
    /// stop.
    forwarded: Vec<(ProcessNote, Signal)>,
    stop: Option<Stop>,
}

/// Everything that exists only while a stop goes on.
#[derive(Clone, Debug)]
struct Stop {
    stage: Stage,
    signal: Signal,
    /// Somebody asked for it, so whoever handles nothing ends at once.
    asked_for: bool,
    began: Time,
    deadline: Option<Time>,
    /// When each stop signal was last passed on.
    passed: Vec<(Signal, Time)>,
    /// A repeat was passed on, and the look that shows whether any owner is there for it is still
    /// to come.
    repeated: bool,
    ledger: Ledger,
    /// When the tree was first seen: the tick, and the pid given last.
    first_look: Option<(u64, i32)>,
    /// When the killing was first looked at: who was not asked before was asked then.
    last_words: Option<Time>,
    /// The killing took its time, and a last look is on its way to those that it has not reached.
    last_look: bool,
    /// It cannot be seen.
    blind: bool,
    first: bool,
    pace: Pace,
    warn_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handlers,
    Epilogue { until: Time },
    LastCall,
    Killing { since: Time, until: Time },
}

/// When to look again: soon after a change, ever more rarely without one, never for more than a
/// share of the time.
#[derive(Clone, Copy, Debug)]
struct Pace {
    next: Time,
    interval: Duration,
    last: Time,
    cost: Duration,
}

impl Pace {
    fn new(now: Time) -> Self {
        Self { next: now, interval: FIRST_LOOK, last: now, cost: Duration::ZERO }
    }

    fn looked(&mut self, now: Time, cost: Duration, longest: Duration, share: u32) {
        (self.last, self.cost) = (now, cost);
        self.next = now + self.interval.min(longest).max(cost * share);
        self.interval = (self.interval * 2).min(LONGEST_LOOK);
    }

    fn soon(&mut self, now: Time) {
        self.next = self.next.min((self.last + self.cost * URGENT_SHARE).max(now));
    }
}

impl Stop {
    fn request(&self, now: Time) -> Request {
        let turn = match self.stage {
            Stage::Handlers => Turn::Handlers,
            Stage::Epilogue { .. } => Turn::Epilogue,
            Stage::LastCall => Turn::LastCall,
            Stage::Killing { .. } => Turn::Timeout,
        };
        Request { signal: self.signal, now, turn, first: self.first }
    }

    /// The tree cannot be seen. At the first look the group is told and everything below is waited
    /// for; right after the main process was reaped the group's number is still that of its other
    /// members, later it may not be. A /proc that goes away later may come back, so the group is
    /// told only when the last call is due, and then those outside of it that are known and sure to
    /// be still the same.
    fn looked_in_vain(&mut self, main: Option<i32>, epilogue: Duration, now: Time) -> Vec<Action> {
        let first = self.first_look.is_none();
        let killing = matches!(self.stage, Stage::Killing { .. });
        if self.stage == Stage::Handlers && !first && !self.ledger.has_handler() {
            self.stage = Stage::Epilogue { until: now.saturating_add(epilogue) };
        }
        let due = match self.stage {
            Stage::Handlers => first,
            Stage::Epilogue { until } => until <= now,
            Stage::LastCall | Stage::Killing { .. } => true,
        };
        if !due {
            self.pace.looked(now, Duration::ZERO, LONGEST_LOOK, IDLE_SHARE);
            return Vec::new();
        }
        self.blind = true;
        self.stage = if killing { self.stage } else { Stage::LastCall };
        let signal = if killing { Signal::KILL } else { self.signal };
        let just_reaped = first && !self.asked_for;
        let group = (just_reaped || main.is_some()).then_some(Action::SignalGroup(signal));
        let children = self.ledger.tell_children(main, self.request(now));
        [Action::Say(Note::Blind(signal))].into_iter().chain(group).chain(children).collect()
    }

    /// Everybody is told at once, the group with one call.
    fn nobody_handles_it(
        &mut self,
        snapshot: &Snapshot,
        main: Option<i32>,
        now: Time,
    ) -> Vec<Action> {
        self.stage = Stage::LastCall;
        let mut actions = vec![Action::Say(Note::Unhandled(self.signal))];
        if let Some(main) = main {
            actions.extend(self.ledger.tell_group(snapshot, main, self.request(now)));
        }
        actions
    }

    /// Owners and who is to be told with them. The phase is over when no owner is left.
    fn owners(
        &mut self,
        tree: &Tree<'_>,
        question: &Question,
        first: bool,
        epilogue: Duration,
        now: Time,
    ) -> Vec<Action> {
        let mut actions = self.ledger.tell(tree, self.request(now), question);
        if first {
            actions.extend(self.ledger.leaves(tree));
            actions.extend(self.ledger.resume(tree));
        }
        if !self.ledger.has_handler() {
            self.stage = Stage::Epilogue { until: now.saturating_add(epilogue) };
            self.pace = Pace::new(now);
            actions.push(Action::Say(Note::Enters("epilogue")));
        }
        actions
    }

    /// The spared and what owners left behind. Over when its time is, when everybody has been told,
    /// or when an owner was found that nobody had seen.
    fn epilogue(
        &mut self,
        tree: &Tree<'_>,
        question: &Question,
        until: Time,
        now: Time,
    ) -> Vec<Action> {
        let mut actions = self.ledger.tell(tree, self.request(now), question);
        if self.ledger.has_handler() {
            // An owner was left behind, unseen until now.
            self.stage = Stage::Handlers;
            actions.push(Action::Say(Note::Enters("owners' phase")));
        } else if until <= now || self.ledger.all_told() {
            self.stage = Stage::LastCall;
            self.pace = Pace::new(now);
            if !self.ledger.all_told() {
                actions.push(Action::Say(Note::Enters("last call")));
            }
        }
        actions
    }

    /// Whoever is left and below no owner.
    fn last_call(&mut self, tree: &Tree<'_>, question: &Question, now: Time) -> Vec<Action> {
        self.ledger.recheck_group(tree.snapshot, self.pace.last);
        self.ledger.tell(tree, self.request(now), question)
    }

    /// Whoever was not asked is asked; the others are killed.
    fn killing(
        &mut self,
        tree: &Tree<'_>,
        question: &Question,
        since: Time,
        now: Time,
    ) -> Vec<Action> {
        let mut actions = self.ledger.tell(tree, self.request(now), question);
        let asked = *self.last_words.get_or_insert(now);
        actions.extend(self.ledger.kill(tree.snapshot, since, asked, self.began, now));
        actions
    }

    /// After a look that took this long.
    fn look_again(&mut self, took: Duration, now: Time) {
        let (longest, share) = match self.ledger.has_unwatched_handler() {
            _ if matches!(self.stage, Stage::Killing { .. }) => {
                (LONGEST_LOOK_KILLING, KILLING_SHARE)
            }
            true => (LONGEST_LOOK_UNWATCHED, IDLE_SHARE),
            false => (LONGEST_LOOK, IDLE_SHARE),
        };
        self.pace.looked(now, took, longest, share);
    }
}

impl State {
    /// The main process runs.
    pub fn new(terms: Terms) -> Self {
        Self { terms, main_end: None, suspended: false, forwarded: Vec::new(), stop: None }
    }

    /// When the next [`Input::Deadline`] is due; `None` while nothing is pending.
    pub fn deadline(&self) -> Option<Time> {
        let stop = self.stop.as_ref()?;
        let stage = match stop.stage {
            Stage::Handlers | Stage::LastCall => None,
            Stage::Epilogue { until } | Stage::Killing { until, .. } => Some(until),
        };
        let killing = matches!(stop.stage, Stage::Killing { .. });
        let timeout = stop.deadline.filter(|_| !killing);
        let look = (!stop.blind).then_some(stop.pace.next);
        [stage, timeout, look, Some(stop.warn_at).filter(|_| !killing)].into_iter().flatten().min()
    }

    /// Takes one step.
    pub fn step(&mut self, input: Input, now: Time) -> Vec<Action> {
        match input {
            Input::Signal(signal) => self.signal(signal, now),
            Input::Ended(pid, end) => self.ended(pid, end, now),
            Input::Stopped(pid, signal) if self.is_main(pid) => self.main_stopped(signal),
            Input::Stopped(..) => Vec::new(),
            Input::Reaped { left } => self.reaped(left, now),
            Input::Gone(id) => self.forget(id, None, now),
            Input::Looked(Why::Forward(unhandled), signal, snapshot, _) => {
                self.forward(signal, unhandled, snapshot, now)
            }
            Input::Looked(Why::Begin | Why::Stop, _, snapshot, took) => {
                self.looked(snapshot, took, now)
            }
            Input::Delivered(id, answer) => self.answered(id, answer, now),
            Input::Deadline => self.deadline_is_here(now),
        }
    }

    fn signal(&mut self, arrived: Signal, now: Time) -> Vec<Action> {
        match meaning(arrived, &self.terms) {
            Meaning::Ignore => Vec::new(),
            Meaning::Stop(signal) => match self.stop {
                None => self.begin(Cause::Signal(arrived), signal, now),
                Some(_) => self.repeat(signal, now),
            },
            // Once the main process has ended, its number may be that of another group.
            Meaning::Group(_) if self.main_end.is_some() => Vec::new(),
            Meaning::Group(signal) => self.signal_group(signal),
            Meaning::Forward(signal, unhandled) => {
                vec![Action::Look(Why::Forward(unhandled), signal)]
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
        let timeout = match cause {
            Cause::Signal(_) => self.terms.timeout,
            Cause::MainEnded(_) => Some(self.terms.timeout.unwrap_or(LEFTOVERS_TIMEOUT)),
        };
        self.stop = Some(Stop {
            stage: Stage::Handlers,
            signal,
            asked_for: matches!(cause, Cause::Signal(_)),
            began: now,
            // A timeout too long for the clock is none.
            deadline: timeout.and_then(|t| now.checked_add(t)),
            passed: vec![(signal, now)],
            repeated: false,
            ledger: Ledger::default(),
            first_look: None,
            last_words: None,
            last_look: false,
            blind: false,
            first: true,
            pace: Pace::new(now),
            warn_at: now + FIRST_WARNING,
        });
        // `--deliver child` chooses among those that handle nothing, too.
        let deciding = matches!(cause, Cause::Signal(_)) && self.terms.deliver != Deliver::Child;
        let why = if deciding { Why::Begin } else { Why::Stop };
        vec![Action::Say(Note::Begins(cause, signal)), Action::Look(why, signal)]
    }

    fn repeat(&mut self, signal: Signal, now: Time) -> Vec<Action> {
        let Some(stop) = &mut self.stop else { return Vec::new() };
        if stop.passed.iter().any(|(s, at)| *s == signal && now < *at + REPEAT) {
            return Vec::new();
        }
        stop.signal = signal;
        stop.passed.retain(|(s, _)| *s != signal);
        stop.passed.push((signal, now));
        let said = Action::Say(Note::Repeats(signal));
        match stop.stage {
            Stage::Killing { .. } => return Vec::new(),
            _ if stop.blind => {
                let group = self.main_end.is_none().then_some(Action::SignalGroup(signal));
                return [said].into_iter().chain(group).collect();
            }
            Stage::Handlers => {
                stop.repeated = true;
                stop.ledger.untell(&|entry| entry.owner);
            }
            Stage::Epilogue { .. } | Stage::LastCall => {
                stop.stage = Stage::LastCall;
                stop.ledger.untell(&|_| true);
            }
        }
        stop.pace = Pace::new(now);
        vec![said, Action::Look(Why::Stop, signal)]
    }

    /// Its pid can be another's once it has been reaped.
    fn is_main(&self, pid: i32) -> bool {
        pid == self.terms.main && self.main_end.is_none()
    }

    fn ended(&mut self, pid: i32, end: End, now: Time) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.is_main(pid) {
            self.main_end = Some(end);
            actions.push(Action::TakeTerminal);
            actions.push(Action::Say(Note::MainEnded(end)));
        }
        let known = self.stop.as_ref().and_then(|stop| stop.ledger.find(pid));
        actions.extend(known.into_iter().flat_map(|id| self.forget(id, Some(end), now)));
        actions
    }

    /// A process of the stop is gone: whom it kept waiting is to be found out.
    fn forget(&mut self, id: ProcId, end: Option<End>, now: Time) -> Vec<Action> {
        let Some(stop) = &mut self.stop else { return Vec::new() };
        let Some(entry) = stop.ledger.remove(id) else { return Vec::new() };
        if entry.owner {
            stop.pace.interval = FIRST_LOOK;
            stop.pace.soon(now);
        }
        vec![Action::Say(Note::Ended(entry.who(id), end))]
    }

    fn reaped(&mut self, left: bool, now: Time) -> Vec<Action> {
        match self.main_end {
            // Every orphan comes to adieu, so whoever has no child has nobody below it.
            Some(end) if !left => vec![Action::Exit(end.code())],
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
                let turn = turn(verdict.role, process, Past::default(), &question);
                if turn == Turn::Handlers
                    && verdict.role != Role::Foreground
                    && role::handles(process, true)
                {
                    self.forwarded.push((ledger::who(process, verdict.role), signal));
                    actions.push(Action::SignalProcess(ledger::tell(process, signal, false)));
                }
            }
        }
        if !actions.is_empty() {
            return actions;
        }
        match unhandled {
            // The stop that is going on is what it asks for.
            Unhandled::Stop if self.stop.is_some() => vec![Action::Say(Note::Dropped(signal))],
            Unhandled::Stop => self.begin(Cause::Signal(signal), signal, now),
            Unhandled::Warn => vec![Action::Say(Note::Dropped(signal))],
            Unhandled::Drop => Vec::new(),
        }
    }

    fn answered(&mut self, id: ProcId, answer: Delivered, now: Time) -> Vec<Action> {
        let forwarded = self.forwarded.iter().position(|(who, _)| who.id == id);
        if let Some((who, signal)) = forwarded.map(|at| self.forwarded.swap_remove(at))
            && answer == Delivered::Refused
        {
            return vec![Action::Say(Note::Refused(ProcessNote { refused: true, ..who }, signal))];
        }
        let Some(stop) = &mut self.stop else { return Vec::new() };
        match answer {
            Delivered::Gone => self.forget(id, None, now),
            Delivered::Sent { watched } => {
                stop.ledger.set_watched(id, watched);
                Vec::new()
            }
            Delivered::Changed => {
                stop.pace.soon(now);
                stop.ledger.changed(id).into_iter().collect()
            }
            Delivered::Refused => {
                let actions = stop.ledger.refused(id, stop.request(now));
                if !actions.is_empty() {
                    stop.pace.soon(now);
                }
                actions
            }
        }
    }

    fn deadline_is_here(&mut self, now: Time) -> Vec<Action> {
        let exit_code = self.exit_code();
        // Reaped, its number may be that of another group by now.
        let group_of_main = self.main_end.is_none();
        let Some(stop) = &mut self.stop else { return Vec::new() };
        let killing = matches!(stop.stage, Stage::Killing { .. });
        if let Stage::Killing { until, .. } = stop.stage
            && until <= now
        {
            // A look at thousands can take that long.
            if !stop.blind && !stop.last_look && stop.ledger.has_unkilled() {
                stop.last_look = true;
                return vec![Action::Look(Why::Stop, stop.signal)];
            }
            return vec![
                Action::Say(Note::Abandons(stop.ledger.killed())),
                Action::Exit(exit_code),
            ];
        }
        if !killing && stop.deadline.is_some_and(|deadline| deadline <= now) {
            stop.stage = Stage::Killing { since: now, until: now + KILL_LIMIT };
            stop.pace = Pace::new(now);
            if !stop.blind {
                return vec![Action::Look(Why::Stop, stop.signal)];
            }
            let group = group_of_main.then_some(Action::SignalGroup(Signal::KILL));
            let said = Action::Say(Note::Kills(now.saturating_sub(stop.began), Vec::new()));
            return [said].into_iter().chain(group).collect();
        }
        let mut actions = Vec::new();
        if !killing && stop.warn_at <= now {
            let waited = now.saturating_sub(stop.began);
            stop.warn_at = now + waited.max(FIRST_WARNING);
            actions.push(Action::Say(Note::Waits(waited, stop.signal, stop.ledger.awaited())));
        }
        let epilogue_over = matches!(stop.stage, Stage::Epilogue { until } if until <= now);
        if !stop.blind && (epilogue_over || stop.pace.next <= now) {
            actions.push(Action::Look(Why::Stop, stop.signal));
        }
        actions
    }

    fn exit_code(&self) -> u8 {
        let killed = SIGNAL_BASE + u8::try_from(Signal::KILL.number()).unwrap_or_default();
        self.main_end.map_or(killed, End::code)
    }

    fn looked(&mut self, snapshot: Option<Snapshot>, took: Duration, now: Time) -> Vec<Action> {
        let question = self.stop.as_ref().map(|stop| Question::stop(stop.signal, &self.terms));
        let (Some(stop), Some(question)) = (&mut self.stop, question) else { return Vec::new() };
        let main_alive = self.main_end.is_none();
        let main = main_alive.then_some(self.terms.main);
        let Some(snapshot) = snapshot else {
            return stop.looked_in_vain(main, self.terms.epilogue, now);
        };
        stop.ledger.untell_copies(&snapshot);
        let first_look = stop.first_look;
        let first = first_look.is_none();
        stop.first = first;
        stop.first_look.get_or_insert((snapshot.tick, snapshot.last_pid));
        let is_newcomer = |id: ProcId| {
            first_look.is_some_and(|(tick, pid)| process::started_after(tick, pid, id))
        };
        let unknown = |id: ProcId| Known { newcomer: is_newcomer(id), ..Known::default() };
        let known = |id: ProcId| {
            Some(stop.ledger.known(id, now, self.terms.epilogue).unwrap_or_else(|| unknown(id)))
        };
        let verdicts = role::assign(&snapshot, &question, known);
        let tree = Tree { snapshot: &snapshot, verdicts: &verdicts };
        let mut actions = stop.ledger.learn(&tree, now, is_newcomer);
        let handled = verdicts.iter().any(|v| v.role == Role::Handler);
        let killing = matches!(stop.stage, Stage::Killing { .. });
        if snapshot.processes.is_empty() && (first || killing) && main_alive {
            // It is about to be reaped, or this /proc hides what belongs to other users (hidepid).
            actions.push(Action::SignalGroup(if killing { Signal::KILL } else { stop.signal }));
        }
        // What a main process left when it ended by itself is in no hurry: its log filters have the
        // epilogue.
        if first && !handled && stop.asked_for {
            actions.extend(stop.nobody_handles_it(&snapshot, main, now));
        }
        if let Stage::Killing { since, .. } = stop.stage {
            actions.extend(stop.killing(&tree, &question, since, now));
        }
        if stop.stage == Stage::Handlers {
            actions.extend(stop.owners(&tree, &question, first, self.terms.epilogue, now));
        }
        if stop.repeated && matches!(stop.stage, Stage::Epilogue { .. }) {
            // It came as the last owner ended: there it ends the epilogue.
            stop.stage = Stage::LastCall;
        }
        stop.repeated &= stop.stage == Stage::Handlers && !stop.ledger.sees_handler();
        if let Stage::Epilogue { until } = stop.stage {
            actions.extend(stop.epilogue(&tree, &question, until, now));
        }
        if stop.stage == Stage::LastCall {
            actions.extend(stop.last_call(&tree, &question, now));
            // As PID 1 adieu ends by its exit what it may not signal; none of these would have
            // handled it.
            let main_known = !main_alive || stop.ledger.lives(self.terms.main);
            if self.terms.is_init && main_known && stop.ledger.is_beyond_reach() {
                let code = self.exit_code();
                actions.push(Action::Exit(code));
                return actions;
            }
        }
        stop.look_again(took, now);
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::role::tests::{process, snapshot};
    use crate::decide::terms::tests::terms;
    use crate::process::{Disposition, Process};
    use crate::signal::SignalSet;
    use Disposition::{Caught, Default as Plain, Ignored};

    const MAIN: i32 = 2;
    const TERM: Signal = Signal::TERM;

    fn ms(n: u64) -> Time {
        Duration::from_millis(n)
    }

    fn id(pid: i32) -> ProcId {
        ProcId { pid, start: u64::try_from(pid).expect("positive") }
    }

    /// The machine with a made-up tree: every look shows the tree, every signal is sent.
    struct World {
        state: State,
        tree: Vec<Process>,
        refuses: Vec<i32>,
        /// These are other programs by the time that they are to be told.
        executes: Vec<i32>,
        blind: bool,
        tick: u64,
    }

    impl World {
        fn new(terms: Terms, tree: Vec<Process>) -> Self {
            Self {
                state: State::new(terms),
                tree,
                refuses: Vec::new(),
                executes: Vec::new(),
                blind: false,
                tick: 0,
            }
        }

        /// One input and all that follows from it, without the notes.
        fn step(&mut self, input: Input, at: u64) -> Vec<Action> {
            let (notes, actions) = self.everything(input, at);
            let _ = notes;
            actions
        }

        fn everything(&mut self, input: Input, at: u64) -> (Vec<Note>, Vec<Action>) {
            let mut queue = self.state.step(input, ms(at));
            let (mut notes, mut done) = (Vec::new(), Vec::new());
            while !queue.is_empty() {
                let action = queue.remove(0);
                let input = match action {
                    Action::Look(why, signal) => {
                        let seen = Snapshot {
                            tick: self.tick,
                            last_pid: 5,
                            ..snapshot(self.tree.clone())
                        };
                        let seen = (!self.blind).then_some(seen);
                        Input::Looked(why, signal, seen, Duration::ZERO)
                    }
                    Action::SignalProcess(tell) => {
                        let id = tell.id;
                        let changed = tell.named.is_some() && self.executes.contains(&id.pid);
                        let answer = match changed {
                            true => Delivered::Changed,
                            _ if self.refuses.contains(&id.pid) => Delivered::Refused,
                            _ => Delivered::Sent { watched: true },
                        };
                        done.extend((!changed).then_some(Action::SignalProcess(tell)));
                        Input::Delivered(id, answer)
                    }
                    Action::Say(note) => {
                        notes.push(note);
                        continue;
                    }
                    other => {
                        done.push(other);
                        continue;
                    }
                };
                queue.extend(self.state.step(input, ms(at)));
            }
            (notes, done)
        }

        /// The process is gone; adieu hears of it if it is its child or was told as an owner.
        fn end(&mut self, pid: i32, at: u64) -> Vec<Action> {
            self.tree.retain(|p| p.id.pid != pid);
            for process in &mut self.tree {
                if process.parent == pid {
                    (process.parent, process.own_child) = (1, true);
                }
            }
            let mut actions = self.step(Input::Gone(id(pid)), at);
            if self.state.deadline().is_some_and(|deadline| deadline <= ms(at)) {
                actions.extend(self.step(Input::Deadline, at));
            }
            actions
        }

        fn stage(&self) -> Option<Stage> {
            self.state.stop.as_ref().map(|stop| stop.stage)
        }
    }

    /// The pids that are told, with the signals.
    fn told(actions: &[Action]) -> Vec<(i32, Signal)> {
        actions
            .iter()
            .filter_map(|a| {
                if let Action::SignalProcess(t) = a { Some((t.id.pid, t.signal)) } else { None }
            })
            .collect()
    }

    fn script() -> Vec<Process> {
        vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "server", Caught),
            process(4, 2, "proxy", Plain),
        ]
    }

    #[test]
    fn nothing_is_pending_while_nothing_happens() {
        let state = State::new(terms(|_| ()));
        assert_eq!(state.deadline(), None);
    }

    #[test]
    fn a_script_is_stopped_phase_by_phase() {
        let mut world = World::new(terms(|_| ()), script());
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM)]);
        assert_eq!(told(&world.step(Input::Deadline, 10)), [], "told once");
        assert_eq!(
            told(&world.end(3, 500)),
            [(4, TERM)],
            "the spared are told when the last owner is done"
        );
        assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
        world.tree.push(process(5, 2, "upload-logs", Plain));
        assert_eq!(
            told(&world.step(Input::Deadline, 600)),
            [],
            "what the script starts now has its time"
        );
        world.end(4, 610);
        world.end(5, 900);
        assert_eq!(told(&world.step(Input::Deadline, 1_499)), []);
        assert_eq!(told(&world.step(Input::Deadline, 1_500)), [(2, TERM)], "the last call");
        assert_eq!(world.step(Input::Ended(2, End::Exited(7)), 1_501), [Action::TakeTerminal]);
        assert_eq!(world.step(Input::Reaped { left: false }, 1_501), [Action::Exit(7)]);
    }

    #[test]
    fn who_could_not_be_killed_in_time_is_killed_before_adieu_exits() {
        let tree = vec![process(2, 1, "hung", Caught), process(3, 2, "worker", Caught)];
        let mut world = World::new(terms(|terms| terms.timeout = Some(ms(1_000))), tree);
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM)]);
        assert_eq!(told(&world.step(Input::Deadline, 1_000)), [(3, TERM), (2, Signal::KILL)]);
        // That look took three seconds.
        let last = world.step(Input::Deadline, 4_000);
        assert!(told(&last).contains(&(3, Signal::KILL)), "{last:?}");
        assert_eq!(world.step(Input::Deadline, 4_000), [Action::Exit(137)]);
    }

    #[test]
    fn a_stop_of_the_job_is_not_passed_on_once_the_end_was_asked_for() {
        let mut world = World::new(terms(|_| ()), script());
        assert_eq!(world.step(Input::Signal(Signal::TSTP), 0), [Action::SignalGroup(Signal::TSTP)]);
        world.step(Input::Signal(TERM), 10);
        assert_eq!(world.step(Input::Signal(Signal::TSTP), 20), []);
        let continued = world.step(Input::Signal(Signal::CONT), 30);
        assert_eq!(continued, [Action::GiveTerminal, Action::SignalGroup(Signal::CONT)]);
    }

    #[test]
    fn nobody_handles_it_so_everybody_is_told_at_once() {
        let mut outside = process(4, 2, "daemon", Plain);
        outside.group = 4;
        let tree = vec![process(2, 1, "sh", Plain), process(3, 2, "sleep", Plain), outside];
        let mut world = World::new(terms(|_| ()), tree);
        let actions = world.step(Input::Signal(TERM), 0);
        assert_eq!(actions.first(), Some(&Action::SignalGroup(TERM)));
        assert_eq!(told(&actions), [(4, TERM)]);
        assert_eq!(world.stage(), Some(Stage::LastCall));
    }

    #[test]
    fn who_registers_late_is_told_then_beside_another_owner() {
        let mut tree = script();
        tree.push(process(5, 2, "java", Plain));
        let mut world = World::new(terms(|_| ()), tree);
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM)]);
        world.tree[3] = process(5, 2, "java", Caught);
        assert_eq!(told(&world.step(Input::Deadline, 40)), [(5, TERM)]);
        assert_eq!(told(&world.end(3, 50)), [], "java is waited for");
    }

    #[test]
    fn what_an_owner_leaves_behind_is_told_then() {
        let mut tree = script();
        tree.extend([process(5, 3, "worker", Caught), process(6, 3, "helper", Plain)]);
        let mut world = World::new(terms(|_| ()), tree);
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM)]);
        world.tree.push(process(7, 3, "late-worker", Caught));
        assert_eq!(told(&world.step(Input::Deadline, 10)), []);
        assert_eq!(told(&world.end(3, 100)), [(5, TERM), (7, TERM)], "owners among it at once");
        assert_eq!(told(&world.end(5, 200)), []);
        assert_eq!(told(&world.end(7, 300)), [(4, TERM), (6, TERM)], "the others with the spared");
    }

    #[test]
    fn what_the_script_starts_during_the_stop_is_told_at_the_last_call() {
        let mut world = World::new(terms(|_| ()), script());
        world.step(Input::Signal(TERM), 0);
        world.tree.push(process(8, 2, "next-server", Caught));
        assert_eq!(told(&world.step(Input::Deadline, 10)), []);
        world.end(4, 20);
        assert_eq!(told(&world.end(3, 100)), []);
        assert_eq!(told(&world.step(Input::Deadline, 1_100)), [(2, TERM), (8, TERM)]);
    }

    #[test]
    fn a_reader_and_who_ignores_are_not_told_before_the_last_call() {
        let mut reader = process(4, 2, "tee", Plain);
        reader.reads_pipe = true;
        let tree = vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "server", Caught),
            reader,
            process(5, 2, "stubborn", Ignored),
        ];
        let mut world = World::new(terms(|_| ()), tree);
        world.step(Input::Signal(TERM), 0);
        assert_eq!(told(&world.end(3, 100)), []);
        assert_eq!(told(&world.step(Input::Deadline, 1_100)), [(2, TERM), (4, TERM), (5, TERM)]);
    }

    #[test]
    fn a_hidden_filter_stays_one_when_its_server_is_done() {
        let mut cat = process(4, 2, "cat", Disposition::Hidden);
        cat.reads_pipe = true;
        let tree = vec![process(2, 1, "sh", Plain), process(3, 2, "server", Caught), cat];
        let mut world = World::new(terms(|_| ()), tree);
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM)]);
        assert_eq!(told(&world.end(3, 100)), []);
        assert_eq!(told(&world.step(Input::Deadline, 1_100)), [(2, TERM), (4, TERM)]);
    }

    #[test]
    fn a_trap_is_told_before_its_foreground_command() {
        let mut world = World::new(
            terms(|_| ()),
            vec![process(2, 1, "sh", Caught), process(3, 2, "sleep", Plain)],
        );
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (3, TERM)]);
        world.end(3, 1);
        world.tree.push(process(4, 2, "flush", Plain));
        assert_eq!(
            told(&world.step(Input::Deadline, 10)),
            [],
            "the trap's own command is left alone"
        );
    }

    #[test]
    fn the_timeout_asks_who_was_not_asked_and_kills_the_others() {
        let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM)]);
        assert_eq!(told(&world.step(Input::Deadline, 2_999)), []);
        let (notes, actions) = world.everything(Input::Deadline, 3_000);
        assert_eq!(told(&actions), [(2, TERM), (4, TERM), (3, Signal::KILL)]);
        let Some(Note::Kills(after, whom)) = notes.iter().find(|n| matches!(n, Note::Kills(..)))
        else {
            panic!("nobody is named: {notes:?}")
        };
        assert_eq!((*after, whom.len(), whom[0].id.pid), (ms(3_000), 1, 3));
        assert_eq!(told(&world.step(Input::Deadline, 3_199)), [(3, Signal::KILL)]);
        let late = told(&world.step(Input::Deadline, 3_400));
        assert_eq!(late, [(2, Signal::KILL), (3, Signal::KILL), (4, Signal::KILL)]);
        assert_eq!(
            world.step(Input::Deadline, 5_000),
            [Action::Exit(137)],
            "it ends even if they do not"
        );
    }

    #[test]
    fn what_is_born_after_the_timeout_is_killed_at_once() {
        let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
        world.step(Input::Signal(TERM), 0);
        world.step(Input::Deadline, 3_000);
        world.tree.push(process(8, 1, "hop", Ignored));
        let told = told(&world.step(Input::Deadline, 3_010));
        assert!(
            told.contains(&(8, Signal::KILL)) && !told.contains(&(2, Signal::KILL)),
            "{told:?}"
        );
    }

    #[test]
    fn a_child_that_was_told_before_it_was_a_program_is_told_again() {
        let mut world = World::new(
            terms(|_| ()),
            vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)],
        );
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (3, TERM)]);
        world.tree[1] = process(3, 2, "sleep", Plain);
        assert_eq!(told(&world.step(Input::Deadline, 10)), [(3, TERM)]);
    }

    #[test]
    fn a_child_that_was_told_before_it_was_a_program_is_told_again_when_its_shell_is_gone_too() {
        let mut world = World::new(
            terms(|_| ()),
            vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)],
        );
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (3, TERM)]);
        world.tree[1] = process(3, 2, "server", Caught);
        assert_eq!(told(&world.end(2, 5)), [(3, TERM)], "nobody else would ever tell it");
        assert_eq!(told(&world.step(Input::Deadline, 100)), [], "once");
    }

    #[test]
    fn a_copy_that_is_told_as_an_orphan_is_told_again_as_the_program() {
        let background = Process { in_wait: true, ..process(2, 1, "sh", Caught) };
        let mut world = World::new(terms(|_| ()), vec![background, process(3, 2, "sh", Caught)]);
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM)]);
        assert_eq!(told(&world.end(2, 10)), [(3, TERM)], "with the trap of a shell that is gone");
        world.tree[0] = Process { own_child: true, ..process(3, 1, "sleep", Plain) };
        assert_eq!(told(&world.step(Input::Deadline, 20)), [(3, TERM)]);
    }

    #[test]
    fn an_owner_that_is_told_again_is_watched_already() {
        let mut world = World::new(terms(|_| ()), script());
        for (at, first) in [(0, true), (1_100, false), (2_200, false)] {
            let actions = world.step(Input::Signal(TERM), at);
            assert!(
                matches!(&actions[..], [Action::SignalProcess(tell)] if tell.watch == first),
                "{actions:?}"
            );
        }
    }

    #[test]
    fn the_filter_that_was_told_before_it_was_a_program_is_judged_as_one() {
        let tree = vec![
            process(2, 1, "sh", Caught),
            process(3, 2, "sh", Caught),
            process(4, 2, "server", Caught),
        ];
        let mut world = World::new(terms(|_| ()), tree);
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (3, TERM), (4, TERM)]);
        world.tree[1] = tee();
        assert_eq!(told(&world.step(Input::Deadline, 10)), [], "it is to see the last lines");
    }

    #[test]
    fn what_executes_a_program_before_it_can_be_told_is_told_as_that_program() {
        for (program, again) in
            [(process(3, 2, "server", Caught), vec![(3, TERM)]), (tee(), vec![])]
        {
            let tree = vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)];
            let mut world = World::new(terms(|_| ()), tree);
            world.tree.push(process(4, 2, "writer", Caught));
            world.executes = vec![3];
            assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (4, TERM)]);
            world.tree[1] = program;
            assert!(world.state.deadline() <= Some(ms(1)), "{:?}", world.state.deadline());
            assert_eq!(told(&world.step(Input::Deadline, 1)), again);
            assert_eq!(told(&world.step(Input::Deadline, 100)), [], "once");
        }
    }

    /// It reads what another in the pipeline writes.
    fn tee() -> Process {
        Process { reads_pipe: true, ..process(3, 2, "tee", Plain) }
    }

    #[test]
    fn a_subshell_whose_own_trap_executes_a_program_is_not_told_again() {
        let mut world = World::new(
            terms(|_| ()),
            vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)],
        );
        world.tick = 1_000;
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (3, TERM)]);
        world.tree[1] = process(3, 2, "flush", Plain);
        assert_eq!(told(&world.step(Input::Deadline, 10)), [], "it is the trap's work");
    }

    #[test]
    fn a_process_that_one_look_misses_is_not_told_twice_and_an_owner_is_waited_for() {
        let mut world = World::new(terms(|_| ()), script());
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM)]);
        let server = world.tree.remove(1);
        assert_eq!(told(&world.step(Input::Deadline, 10)), [], "its end has not been reported");
        assert_eq!(world.stage(), Some(Stage::Handlers));
        world.tree.insert(1, server);
        assert_eq!(told(&world.step(Input::Deadline, 30)), [], "it is the one that was told");
        assert_eq!(told(&world.end(3, 500)), [(4, TERM)]);
        let proxy = world.tree.pop().expect("two are left");
        world.step(Input::Deadline, 510);
        world.tree.push(proxy);
        assert_eq!(
            told(&world.step(Input::Deadline, 600)),
            [],
            "nobody reports its end, but it is known"
        );
    }

    #[test]
    fn a_stopped_relay_that_has_to_pass_the_signal_on_is_continued() {
        let mut world = World::new(
            terms(|_| ()),
            vec![process(2, 1, "su", Plain), process(3, 2, "server", Caught)],
        );
        (world.refuses, world.tree[0].stopped) = (vec![3], true);
        let actions = world.step(Input::Signal(TERM), 0);
        assert!(
            actions
                .iter()
                .any(|a| matches!(a, Action::SignalProcess(t) if t.id.pid == 2 && t.resume))
        );
    }

    #[test]
    fn who_was_told_with_the_group_and_then_by_name_is_not_told_again() {
        let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sleep", Plain)]);
        assert_eq!(world.step(Input::Signal(TERM), 0), [Action::SignalGroup(TERM)]);
        assert_eq!(told(&world.step(Input::Signal(Signal::INT), 1)), [(2, Signal::INT)]);
        for at in [20, 100, 1_000] {
            assert_eq!(told(&world.step(Input::Deadline, at)), []);
        }
    }

    #[test]
    fn without_proc_a_group_whose_number_may_be_another_s_by_now_is_left_alone() {
        let mut world =
            World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
        world.blind = true;
        world.step(Input::Ended(MAIN, End::Exited(0)), 0);
        world.step(Input::Reaped { left: true }, 0);
        assert_eq!(world.step(Input::Signal(TERM), 60_000), []);
    }

    #[test]
    fn an_orphan_with_the_pid_that_the_main_process_had_is_not_the_main_process() {
        let mut world =
            World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
        world.step(Input::Ended(MAIN, End::Exited(7)), 0);
        assert_eq!(world.step(Input::Ended(MAIN, End::Exited(0)), 10), []);
        assert_eq!(world.state.main_end, Some(End::Exited(7)));
        assert_eq!(world.step(Input::Stopped(MAIN, Signal::TSTP), 20), []);
    }

    #[test]
    fn a_handler_that_may_not_be_signalled_does_not_keep_adieu_looking() {
        let mut server = process(3, 2, "server", Caught);
        server.group = 3;
        let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sh", Plain), server]);
        world.refuses = vec![3];
        world.step(Input::Signal(TERM), 0);
        let mut looks = 0;
        while let Some(at) = world.state.deadline().filter(|at| *at < ms(4_900)) {
            world.step(Input::Deadline, u64::try_from(at.as_millis()).expect("small"));
            looks += 1;
        }
        assert!(looks < 20, "{looks} looks in five seconds");
    }

    #[test]
    fn without_a_timeout_nobody_is_killed() {
        let mut world = World::new(terms(|_| ()), script());
        world.step(Input::Signal(TERM), 0);
        for at in (1..10_000).map(|second| second * 1_000) {
            assert_eq!(told(&world.step(Input::Deadline, at)), []);
        }
    }

    #[test]
    fn warnings_come_after_5_10_20_and_40_seconds() {
        let mut world = World::new(terms(|_| ()), script());
        world.step(Input::Signal(TERM), 0);
        let mut warned = Vec::new();
        while warned.len() < 4 {
            let at =
                u64::try_from(world.state.deadline().expect("pending").as_millis()).expect("small");
            let (notes, _) = world.everything(Input::Deadline, at);
            let waits = notes
                .into_iter()
                .filter_map(|n| if let Note::Waits(t, _, who) = n { Some((t, who)) } else { None });
            warned.extend(
                waits.map(|(t, who)| {
                    (t.as_secs(), who.iter().map(|w| w.id.pid).collect::<Vec<_>>())
                }),
            );
        }
        assert_eq!(warned, [(5, vec![3]), (10, vec![3]), (20, vec![3]), (40, vec![3])]);
    }

    #[test]
    fn a_repeat_within_a_second_is_the_same_request_and_a_later_one_is_passed_on() {
        let mut world = World::new(terms(|_| ()), script());
        world.step(Input::Signal(TERM), 0);
        assert_eq!(told(&world.step(Input::Signal(TERM), 999)), []);
        assert_eq!(told(&world.step(Input::Signal(TERM), 1_000)), [(3, TERM)]);
        assert_eq!(told(&world.step(Input::Signal(TERM), 1_500)), []);
        assert_eq!(
            told(&world.step(Input::Signal(Signal::QUIT), 1_600)),
            [(3, Signal::QUIT)],
            "another request"
        );
        world.end(4, 1_650);
        world.end(3, 1_700);
        assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
        assert_eq!(
            told(&world.step(Input::Signal(TERM), 1_900)),
            [],
            "a second since the last TERM is not over"
        );
        assert_eq!(
            told(&world.step(Input::Signal(TERM), 2_000)),
            [(2, TERM)],
            "it ends the epilogue"
        );
    }

    #[test]
    fn a_repeat_that_comes_as_the_last_owner_ends_is_not_lost() {
        let mut world = World::new(terms(|_| ()), script());
        world.step(Input::Signal(TERM), 0);
        world.tree.retain(|p| p.id.pid != 3);
        assert_eq!(
            told(&world.step(Input::Signal(TERM), 1_500)),
            [],
            "its end has not been reported"
        );
        assert_eq!(told(&world.end(3, 1_500)), [(2, TERM), (4, TERM)]);
    }

    #[test]
    fn leftovers_of_the_main_process_are_stopped_and_its_status_stays() {
        let mut world = World::new(terms(|_| ()), vec![process(9, 1, "daemon", Caught)]);
        world.step(Input::Ended(MAIN, End::Exited(4)), 0);
        assert_eq!(told(&world.step(Input::Reaped { left: true }, 0)), [(9, TERM)]);
        assert_eq!(
            told(&world.step(Input::Deadline, 10_000)),
            [(9, Signal::KILL)],
            "10 s where none is set"
        );
        world.end(9, 10_001);
        assert_eq!(world.step(Input::Reaped { left: false }, 10_001), [Action::Exit(4)]);
    }

    #[test]
    fn leftovers_get_what_a_stop_would_deliver_and_their_log_filters_have_the_epilogue() {
        let mut filter = process(9, 1, "tee", Plain);
        filter.reads_pipe = true;
        let rewrite = |t: &mut Terms| t.rewrites.add(TERM, Some(Signal::QUIT));
        let mut world = World::new(terms(rewrite), vec![filter, process(10, 1, "sleep", Plain)]);
        world.step(Input::Ended(MAIN, End::Exited(4)), 0);
        assert_eq!(told(&world.step(Input::Reaped { left: true }, 0)), [(10, Signal::QUIT)]);
        world.end(10, 1);
        assert_eq!(told(&world.step(Input::Deadline, 1_000)), [(9, Signal::QUIT)]);
    }

    #[test]
    fn a_restart_loop_in_the_foreground_of_a_trap_ends_too() {
        let tree = vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "sh", Plain),
            process(4, 3, "server", Caught),
        ];
        let mut world = World::new(terms(|_| ()), tree);
        world.tick = 100;
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM), (4, TERM)]);
        let mut next = process(5, 3, "server", Caught);
        next.id.start = 200;
        world.tree.push(next);
        assert_eq!(told(&world.end(4, 100)), [], "the subshell carries on");
        assert_eq!(told(&world.step(Input::Deadline, 1_099)), []);
        assert_eq!(told(&world.step(Input::Deadline, 2_000)), [(3, TERM)]);
    }

    #[test]
    fn what_was_forked_while_adieu_looked_is_no_newcomer() {
        let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sh", Caught)]);
        world.tick = 100;
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(2, TERM)]);
        let mut before = process(3, 2, "sleep", Plain);
        before.id.start = 99;
        let mut meanwhile = process(5, 2, "sleep", Plain);
        let mut trap = process(6, 2, "flush", Plain);
        (meanwhile.id.start, trap.id.start) = (100, 100);
        world.tree.extend([before, meanwhile, trap]);
        assert_eq!(told(&world.step(Input::Deadline, 10)), [(3, TERM), (5, TERM)]);
    }

    #[test]
    fn a_proc_that_goes_away_during_the_stop_stops_nothing() {
        let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
        world.step(Input::Signal(TERM), 0);
        world.blind = true;
        assert_eq!(world.step(Input::Deadline, 10), [], "it may come back");
        assert_eq!(world.end(3, 500), []);
        assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
        assert_eq!(
            world.step(Input::Deadline, 1_500),
            [Action::SignalGroup(TERM)],
            "the last call"
        );
        assert_eq!(
            world.state.deadline(),
            Some(ms(5_000)),
            "and no wake-up until then, not even a warning at once"
        );
    }

    #[test]
    fn linger_goes_on_until_the_last_is_gone() {
        let mut world =
            World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
        world.step(Input::Ended(MAIN, End::Exited(4)), 0);
        assert_eq!(world.step(Input::Reaped { left: true }, 0), []);
        assert_eq!(world.state.deadline(), None);
        assert_eq!(world.step(Input::Reaped { left: false }, 5), [Action::Exit(4)]);
    }

    #[test]
    fn a_signal_that_does_not_stop_goes_to_its_handlers_or_nowhere() {
        let usr1 = "USR1".parse().expect("a signal");
        let mut world = World::new(terms(|_| ()), script());
        assert_eq!(told(&world.step(Input::Signal(usr1), 0)), [(3, usr1)]);
        world.tree = vec![process(2, 1, "sh", Plain)];
        let (notes, actions) = world.everything(Input::Signal(usr1), 1);
        assert_eq!((actions, notes), (vec![], vec![Note::Dropped(usr1)]));
        assert_eq!(world.everything(Input::Signal(Signal::URG), 1), (vec![], vec![]));
        assert_eq!(
            world.step(Input::Signal(Signal::WINCH), 2),
            [Action::SignalGroup(Signal::WINCH)]
        );
    }

    #[test]
    fn a_signal_that_may_not_be_passed_on_is_named_and_says_nothing_of_the_stop() {
        let usr1 = "USR1".parse().expect("a signal");
        let mut world = World::new(terms(|_| ()), script());
        world.refuses = vec![3];
        let refused = |notes: &[Note], signal: Signal| {
            let named =
                |n: &&Note| matches!(n, Note::Refused(who, s) if who.id.pid == 3 && *s == signal);
            notes.iter().filter(named).count()
        };
        let (notes, _) = world.everything(Input::Signal(usr1), 0);
        assert_eq!((notes.len(), refused(&notes, usr1)), (1, 1), "{notes:?}");
        world.refuses.clear();
        assert_eq!(told(&world.step(Input::Signal(TERM), 10)), [(3, TERM)]);
        world.refuses = vec![3];
        let (notes, _) = world.everything(Input::Signal(usr1), 20);
        assert_eq!(refused(&notes, usr1), 1, "{notes:?}");
        assert_eq!(told(&world.step(Input::Deadline, 30)), [], "the server is an owner still");
        assert_eq!(world.stage(), Some(Stage::Handlers));
    }

    #[test]
    fn a_hangup_that_nobody_handles_is_a_stop_only_where_a_terminal_can_go() {
        let tree = || vec![process(2, 1, "sh", Plain)];
        let mut container = World::new(terms(|_| ()), tree());
        assert_eq!(container.step(Input::Signal(Signal::HUP), 0), []);
        let mut desktop = World::new(terms(|t| t.is_init = false), tree());
        assert_eq!(desktop.step(Input::Signal(Signal::HUP), 0), [Action::SignalGroup(Signal::HUP)]);
        let ignored = SignalSet::from_iter([Signal::HUP]);
        let mut nohup =
            World::new(terms(|t| (t.is_init, t.inherited_ignored) = (false, ignored)), tree());
        assert_eq!(nohup.step(Input::Signal(Signal::HUP), 0), []);
    }

    #[test]
    fn rewriting_decides_what_is_delivered_and_either_side_may_stop() {
        let rewrites = |t: &mut Terms| {
            t.rewrites.add(TERM, Some(Signal::QUIT));
            t.rewrites.add(Signal::HUP, Some(TERM));
            t.rewrites.add(Signal::INT, None);
        };
        let mut world = World::new(terms(rewrites), script());
        assert_eq!(world.step(Input::Signal(Signal::INT), 0), [], "dropped");
        assert!(world.stage().is_none());
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, Signal::QUIT)]);
        let mut world = World::new(terms(rewrites), script());
        assert_eq!(told(&world.step(Input::Signal(Signal::HUP), 0)), [(3, TERM)]);
        assert!(world.stage().is_some());
    }

    #[test]
    fn an_ignored_interrupt_becomes_a_term_for_a_background_job() {
        let mut job = process(3, 2, "server", Ignored);
        job.ignored = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sh", Plain), job]);
        let actions = world.step(Input::Signal(Signal::INT), 0);
        assert_eq!(actions.first(), Some(&Action::SignalGroup(Signal::INT)));
        assert_eq!(told(&actions), [(3, TERM)]);
    }

    #[test]
    fn the_init_of_a_nested_namespace_is_killed_when_it_is_alone() {
        let mut init = process(3, 2, "init", Plain);
        init.nested_init = true;
        let mut inner = process(4, 3, "sleep", Plain);
        inner.group = 4;
        let mut world =
            World::new(terms(|_| ()), vec![process(2, 1, "unshare", Plain), init, inner]);
        let first = world.step(Input::Signal(TERM), 0);
        assert_eq!(told(&first), [(4, TERM)]);
        world.tree.retain(|p| p.id.pid != 4);
        assert_eq!(told(&world.step(Input::Deadline, 10)), [(3, Signal::KILL)]);
    }

    #[test]
    fn the_init_of_a_nested_namespace_that_is_known_as_such_only_later_is_killed_then() {
        let init = process(3, 2, "init", Plain);
        let mut world = World::new(terms(|_| ()), vec![process(2, 1, "unshare", Plain), init]);
        assert_eq!(
            world.step(Input::Signal(TERM), 0),
            [Action::SignalGroup(TERM)],
            "nobody handles it"
        );
        // The first look had no need to find out.
        world.tree.remove(0);
        world.tree[0].nested_init = true;
        assert_eq!(told(&world.step(Input::Deadline, 10)), [(3, Signal::KILL)]);
        assert_eq!(told(&world.step(Input::Deadline, 30)), [], "once");
    }

    #[test]
    fn a_stopped_process_is_continued() {
        let mut tree = script();
        tree[0].stopped = true;
        tree[1].stopped = true;
        let mut world = World::new(terms(|_| ()), tree);
        let actions = world.step(Input::Signal(TERM), 0);
        assert_eq!(told(&actions), [(3, TERM), (2, Signal::CONT)], "the shell is only continued");
        assert!(
            actions
                .iter()
                .any(|a| matches!(a, Action::SignalProcess(t) if t.id.pid == 3 && t.resume))
        );
    }

    #[test]
    fn who_may_not_be_signalled_holds_nobody_up_and_is_named() {
        let mut world = World::new(
            terms(|_| ()),
            vec![process(2, 1, "su", Plain), process(3, 2, "server", Caught)],
        );
        world.refuses = vec![3];
        let (notes, actions) = world.everything(Input::Signal(TERM), 0);
        assert_eq!(told(&actions), [(3, TERM), (2, TERM)], "su may pass it on");
        assert!(notes.iter().any(|n| matches!(n, Note::Refused(who, TERM) if who.id.pid == 3)));
        let mut alone = World::new(terms(|_| ()), vec![process(2, 1, "sleep", Plain)]);
        alone.tree[0].group = 7;
        alone.refuses = vec![2];
        alone.step(Input::Signal(TERM), 0);
        assert_eq!(
            alone.step(Input::Deadline, 10),
            [Action::Exit(137)],
            "PID 1 ends it by its exit"
        );
    }

    #[test]
    fn without_proc_the_group_is_told_and_everything_waited_for() {
        let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
        world.blind = true;
        assert_eq!(world.step(Input::Signal(TERM), 0), [Action::SignalGroup(TERM)]);
        assert_eq!(world.state.deadline(), Some(ms(3_000)));
        assert_eq!(world.step(Input::Signal(TERM), 2_000), [Action::SignalGroup(TERM)]);
        assert_eq!(world.step(Input::Deadline, 3_000), [Action::SignalGroup(Signal::KILL)]);
        world.step(Input::Ended(MAIN, End::Signaled(Signal::KILL)), 3_001);
        assert_eq!(world.step(Input::Reaped { left: false }, 3_001), [Action::Exit(137)]);
    }

    #[test]
    fn job_control_stops_adieu_too_or_is_undone_where_nobody_could_continue_it() {
        let stopped = Input::Stopped(MAIN, Signal::TSTP);
        let mut container = World::new(terms(|_| ()), script());
        let undone = [Action::GiveTerminal, Action::SignalGroup(Signal::CONT)];
        assert_eq!(container.step(stopped.clone(), 0), undone);
        assert_eq!(container.step(Input::Stopped(MAIN, Signal::STOP), 0), []);
        container.step(Input::Signal(Signal::TSTP), 1);
        assert_eq!(container.step(stopped.clone(), 1), [], "somebody asked adieu for it");
        assert_eq!(container.step(Input::Signal(Signal::CONT), 2), undone);
        let reads = Input::Stopped(MAIN, Signal::TTIN);
        assert_eq!(
            container.step(reads, 3),
            [Action::LendTerminal],
            "continued without it, it would stop again"
        );
        let mut shell = World::new(terms(|t| t.can_suspend = true), script());
        assert_eq!(shell.step(stopped, 0), [Action::Suspend(Signal::TSTP)]);
    }

    #[test]
    fn deliver_group_tells_the_bystanders_of_the_group_at_once() {
        let mut world = World::new(terms(|t| t.deliver = Deliver::Group), script());
        assert_eq!(told(&world.step(Input::Signal(TERM), 0)), [(3, TERM), (4, TERM)]);
    }

    #[test]
    fn deliver_group_spares_the_shield_when_its_owner_is_gone() {
        let mut world = World::new(terms(|t| t.deliver = Deliver::Group), script());
        world.step(Input::Signal(TERM), 0);
        world.end(4, 10);
        assert_eq!(told(&world.end(3, 20)), [], "the script goes on");
        assert_eq!(told(&world.step(Input::Deadline, 1_020)), [(2, TERM)]);
    }

    #[test]
    fn deliver_child_tells_the_others_when_that_one_is_gone() {
        let mut world = World::new(terms(|t| t.deliver = Deliver::Child), script());
        assert_eq!(
            told(&world.step(Input::Signal(TERM), 0)),
            [(4, TERM)],
            "the last foreground child"
        );
        assert_eq!(told(&world.end(4, 10)), [(3, TERM)]);
    }

    /// Every phase meets every event: it neither panics nor hangs, and the promises of the module's
    /// head hold.
    #[test]
    fn every_pair_of_phase_and_event_keeps_the_promises() {
        type Make = fn() -> (World, u64);
        let phases: [(&str, Make); 8] = [
            ("running", || (World::new(terms(|t| t.timeout = Some(ms(5_000))), script()), 0)),
            ("lingering", || {
                let mut world =
                    World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
                world.step(Input::Ended(MAIN, End::Exited(0)), 0);
                (world, 0)
            }),
            ("owners", || {
                let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
                world.step(Input::Signal(TERM), 0);
                (world, 10)
            }),
            ("epilogue", || {
                let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
                world.step(Input::Signal(TERM), 0);
                world.end(3, 10);
                (world, 20)
            }),
            ("last call", || {
                let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
                world.step(Input::Signal(TERM), 0);
                world.end(3, 10);
                world.step(Input::Deadline, 1_010);
                (world, 1_020)
            }),
            ("killing", || {
                let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
                world.step(Input::Signal(TERM), 0);
                world.step(Input::Deadline, 5_000);
                (world, 5_010)
            }),
            ("blind", || {
                let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
                world.blind = true;
                world.step(Input::Signal(TERM), 0);
                (world, 10)
            }),
            ("leftovers", || {
                let mut world = World::new(terms(|_| ()), vec![process(9, 1, "daemon", Caught)]);
                world.step(Input::Ended(MAIN, End::Exited(0)), 0);
                world.step(Input::Reaped { left: true }, 0);
                (world, 10)
            }),
        ];
        let events = || -> Vec<Input> {
            let signals = (1..=64).filter_map(Signal::from_number).map(Input::Signal);
            let looked = |why, seen| Input::Looked(why, TERM, seen, ms(1));
            signals
                .chain([
                    Input::Ended(MAIN, End::Exited(3)),
                    Input::Ended(99, End::Exited(3)),
                    Input::Stopped(MAIN, Signal::TSTP),
                    Input::Stopped(99, Signal::STOP),
                    Input::Reaped { left: true },
                    Input::Reaped { left: false },
                    Input::Gone(id(3)),
                    Input::Gone(id(99)),
                    looked(Why::Stop, None),
                    looked(Why::Stop, Some(Snapshot::default())),
                    looked(Why::Forward(Unhandled::Warn), None),
                    looked(Why::Forward(Unhandled::Warn), Some(snapshot(script()))),
                    Input::Delivered(id(3), Delivered::Gone),
                    Input::Delivered(id(3), Delivered::Refused),
                    Input::Delivered(id(99), Delivered::Sent { watched: false }),
                    Input::Deadline,
                ])
                .collect()
        };
        for (phase, make) in phases {
            for event in events() {
                let (mut world, now) = make();
                let living_owner = world.tree.iter().any(|p| p.disposition == Caught);
                let actions = world.step(event.clone(), now);
                let what = format!("{phase} meets {event:?}: {actions:?}");
                let kills = told(&actions).iter().any(|(_, signal)| *signal == Signal::KILL);
                let asked_to_kill = matches!(event, Input::Signal(Signal::KILL));
                assert!(!kills || phase == "killing" || asked_to_kill, "killed early: {what}");
                if living_owner
                    && phase == "owners"
                    && matches!(event, Input::Deadline | Input::Signal(TERM))
                {
                    assert!(
                        !told(&actions).iter().any(|(pid, _)| *pid == 2),
                        "the shield was told: {what}"
                    );
                }
                let exits = actions.iter().any(|a| matches!(a, Action::Exit(_)));
                let may_exit = matches!(event, Input::Reaped { left: false })
                    && world.state.main_end.is_some();
                assert!(!exits || may_exit, "ended early: {what}");
                let stopping = world.state.stop.as_ref().is_some_and(|stop| !stop.blind);
                assert!(
                    exits || !stopping || world.state.deadline().is_some(),
                    "nothing wakes it: {what}"
                );
            }
        }
    }
}
