//! One run: adieu's decisions (`State`) in the simulated Linux. The oracle checks the promises
//! after every step.

use crate::promises::{Broken, Check, Oracle, Promise};
use crate::scenario::{Happening, MS, Micros, Random, SECOND, Scenario};
use crate::world::{ADIEU, MAIN, Notification, Proc, World, time};
use adieu::cli::Typed;
use adieu::cli::settings::{self, Settings};
use adieu::decide::machine::State;
use adieu::decide::{Action, Cause, Delivered, Input, Note, Purpose, SignalProcess};
use adieu::exit::OkExits;
use adieu::process::{Disposition, Kind, Process, Stdin};
use adieu::signal::Signal;
use std::collections::VecDeque;

/// No run lasts longer. Without a timeout, whatever might hang ends by itself long before.
const LONGEST: Micros = 120 * SECOND;
/// No run lasts longer in which no stop begins.
const LONGEST_WITHOUT_A_STOP: Micros = 15 * SECOND;

pub(crate) struct Run<'a> {
    scenario: &'a Scenario,
    settings: Settings,
    pub(crate) world: World,
    state: State,
    oracle: Oracle,
    asked_for: bool,
    /// The timeout has killed in a stop that was asked for, as the report has it.
    killed: bool,
    /// What happens right after the next look.
    after_look: Vec<Happening>,
    /// adieu cannot open any descriptor.
    no_descriptors: bool,
    looks: u64,
    random: Random,
}

/// How a run went.
pub(crate) struct Outcome {
    pub(crate) broken: Option<Broken>,
    pub(crate) story: Option<String>,
}

/// Runs a scenario. Writing its story takes most of the time, so it is written only if asked for.
pub(crate) fn run(scenario: &Scenario, with_story: bool) -> Outcome {
    let mut run = Run::new(scenario, with_story);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.run_out()));
    let broken = match result {
        Ok(check) => check.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Some(Broken { promise: Promise::Panics, how: text.unwrap_or_default() })
        }
    };
    Outcome { broken, story: run.world.story }
}

fn settings(scenario: &Scenario) -> Settings {
    let chosen = &scenario.settings;
    let micros = |t: Micros| format!("{t}us").into();
    let names = |signals: &[Signal]| signals.iter().map(|s| s.to_string().into()).collect();
    let rewrite = |(from, to): &(Signal, Option<Signal>)| {
        format!("{from}={}", to.map_or_else(|| "0".to_owned(), |to| to.to_string())).into()
    };
    let typed = Typed {
        timeout: chosen.timeout.map(micros),
        epilogue: Some(micros(chosen.epilogue)),
        deliver: Some(chosen.deliver.into()),
        linger: chosen.linger,
        rewrite: chosen.rewrites.iter().map(rewrite).collect(),
        stop_on: names(&chosen.stop_on),
        ok_exit: chosen.ok_exits.iter().map(|code| code.to_string().into()).collect(),
        ..Typed::default()
    };
    settings::resolve(&typed, |_| None).expect("these are right")
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, with_story: bool) -> Self {
        let settings = settings(scenario);
        let oracle = Oracle::new(scenario);
        let ignored = oracle.ignored();
        let mut terms = settings.terms(MAIN, scenario.world.is_init, false, ignored);
        terms.next_server_ends_epilogue = true;
        let mut world = World::new(scenario, ignored, with_story);
        world.say(|w| format!("adieu's tree:\n{}", w.drawing().trim_end()));
        Self {
            scenario,
            settings,
            world,
            state: State::new(terms),
            oracle,
            asked_for: false,
            killed: false,
            after_look: Vec::new(),
            no_descriptors: false,
            looks: 0,
            random: Random(scenario.seed ^ 0xadeu64),
        }
    }

    fn run_out(&mut self) -> Check {
        let scenario = self.scenario;
        let mut events = scenario.events.iter().peekable();
        for _ in 0..50_000 {
            let next = [
                self.world.next_change(),
                events.peek().map(|event| event.at),
                self.state
                    .deadline()
                    .map(|at| u64::try_from(at.as_nanos().div_ceil(1_000)).unwrap_or(Micros::MAX)),
            ];
            let Some(next) = next.into_iter().flatten().min() else {
                if self.oracle.began.is_none() || self.oracle.may_wait_for_ever() {
                    // Nothing happens any more, and no stop was asked for.
                    return Ok(());
                }
                return self.broken(Promise::Ends, "nothing ever wakes adieu again");
            };
            self.world.now = self.world.now.max(next);
            if self.oracle.began.is_none() && self.world.now > LONGEST_WITHOUT_A_STOP {
                return Ok(());
            }
            if self.world.now > LONGEST && self.oracle.may_wait_for_ever() {
                return Ok(());
            }
            if self.world.now > LONGEST {
                return self.broken(Promise::Ends, "it never ends");
            }
            self.world.live();
            while let Some(event) = events.next_if(|event| event.at <= self.world.now) {
                match &event.what {
                    Happening::Signal(signal) => {
                        if self.arrives(*signal)? {
                            return Ok(());
                        }
                    }
                    what if event.after_look => self.after_look.push(what.clone()),
                    what => self.world.happens(what),
                }
                self.world.live();
            }
            if self.report_news()? {
                return Ok(());
            }
            let now = self.world.now;
            self.oracle.lasts(&self.world, now, scenario.world.look)?;
            if self.state.deadline().is_some_and(|at| at <= time(now)) {
                self.oracle.deadline(now);
                if self.step(Input::Deadline)? {
                    return Ok(());
                }
                if self.world.notifications.is_empty()
                    && self.state.deadline().is_some_and(|at| at <= time(now))
                {
                    return self
                        .broken(Promise::Deadlines, "after a deadline the next one is not ahead");
                }
            }
        }
        self.broken(Promise::Ends, "it never ends")
    }

    fn broken(&self, promise: Promise, how: &str) -> Check {
        Err(Broken { promise, how: how.to_owned() })
    }

    fn arrives(&mut self, signal: Signal) -> Result<bool, Broken> {
        self.world.say(|_| format!("{signal} ARRIVES"));
        let now = self.world.now;
        self.oracle.inputs += 1;
        self.oracle.arrives(signal, now);
        self.step(Input::Signal { signal, sender: 0 })
    }

    /// Reports to adieu what happened, in the order of `system::inbox`.
    fn report_news(&mut self) -> Result<bool, Broken> {
        while !self.world.notifications.is_empty() {
            let mut notifications = std::mem::take(&mut self.world.notifications);
            notifications.sort_by_key(|it| !matches!(it, Notification::Gone(_)));
            let mut reaped = false;
            while !notifications.is_empty() {
                let first = notifications.remove(0);
                self.world.unreported = notifications.clone();
                self.oracle.inputs += 1;
                let input = match first {
                    Notification::Gone(id) => Input::Gone(id),
                    Notification::Stopped(pid, signal) => {
                        if pid == MAIN {
                            self.oracle.main_stopped(signal);
                        }
                        Input::Stopped(pid, signal)
                    }
                    Notification::Ended(pid, end) => {
                        self.world.zombies.retain(|id| id.pid != pid);
                        self.world.set_free(pid, pid);
                        reaped = true;
                        if pid == MAIN {
                            self.oracle.main_end.get_or_insert(end);
                        }
                        Input::Ended(pid, end)
                    }
                };
                if self.step(input)? {
                    return Ok(true);
                }
            }
            self.world.unreported.clear();
            if reaped {
                let left = !self.world.zombies.is_empty()
                    || self.world.alive.iter().any(|p| p.parent == ADIEU);
                self.oracle.reaped(left, self.world.now);
                let over = self.oracle.main_end.is_some() && !left;
                if self.step(Input::Reaped { left })? {
                    return Ok(true);
                }
                if over {
                    return self
                        .broken(Promise::Ends, "nothing is left and adieu stays")
                        .map(|()| true);
                }
            }
        }
        Ok(false)
    }

    fn proc_is_missing(&self) -> bool {
        self.scenario.world.no_proc.is_some_and(|(from, to)| (from..to).contains(&self.world.now))
    }

    /// Gives adieu one input and does all that follows from it, as `supervise` does. `true` when
    /// adieu exits.
    fn step(&mut self, input: Input) -> Result<bool, Broken> {
        let mut actions = VecDeque::from(self.state.step(input, time(self.world.now)));
        let mut looked = false;
        while let Some(action) = actions.pop_front() {
            let answer = match action {
                Action::Look(purpose, signal) => {
                    looked |= !matches!(purpose, Purpose::Forward(_));
                    self.look(purpose, signal)
                }
                Action::SignalProcess(order) => {
                    let now = self.world.now;
                    let answer = if order.named.is_some() && self.is_renamed(&order) {
                        self.world.say(|w| {
                            format!("    {} is another program by now", w.name(order.id.pid))
                        });
                        self.oracle.changed(&order, now)?;
                        Delivered::Changed
                    } else {
                        self.world.say(|w| {
                            format!("    adieu sends {} to {}", order.signal, w.name(order.id.pid))
                        });
                        self.oracle.signals(&order, &self.world, now)?;
                        self.deliver(&order)?
                    };
                    self.world.now += 5;
                    Input::Delivered(order.id, answer)
                }
                Action::SignalGroup(signal) => {
                    let now = self.world.now;
                    self.world.say(|_| format!("    adieu sends {signal} to the group"));
                    self.oracle.signals_group(signal, &self.world, now)?;
                    let members = self.world.alive.iter().filter(|p| p.group == MAIN && !p.foreign);
                    for pid in members.map(|p| p.id.pid).collect::<Vec<_>>() {
                        self.world.kill(pid, signal);
                    }
                    continue;
                }
                Action::Exit(code) => {
                    let now = self.world.now;
                    let code = self.settings.ok_exits.apply_unless_killed(code, self.killed);
                    self.world.say(|_| format!("adieu exits with {code}"));
                    return self.oracle.exits(code, &self.world, now).map(|()| true);
                }
                Action::Say(note) => {
                    self.says(&note)?;
                    continue;
                }
                Action::GiveTerminal
                | Action::LendTerminal
                | Action::TakeTerminal
                | Action::Suspend(_) => {
                    continue;
                }
            };
            actions.extend(self.state.step(answer, time(self.world.now)));
        }
        let now = self.world.now;
        self.oracle.settled(&self.world, now, looked)?;
        Ok(false)
    }

    fn says(&mut self, note: &Note) -> Check {
        let now = self.world.now;
        self.killed |= self.asked_for && matches!(note, Note::Kills(..));
        match note {
            Note::Begins(cause, signal) => {
                self.asked_for = matches!(cause, Cause::Signal(_));
                self.world.say(|_| format!("  adieu begins the stop with {signal}: {cause:?}"));
                if self.oracle.began.is_none() {
                    let hangup = *cause == Cause::Signal(Signal::HUP)
                        && !self.scenario.world.is_init
                        && !self.scenario.settings.ignored.contains(&Signal::HUP);
                    if !hangup {
                        return self
                            .broken(Promise::Forwarding, "a stop begins that was not asked for");
                    }
                    self.oracle.begin(*signal, true, now);
                }
            }
            Note::Enters(stage) => {
                self.world.say(|_| format!("  adieu enters the {stage:?} stage"))
            }
            Note::Unhandled(signal) => {
                self.world.say(|_| format!("  adieu: no process handles {signal}"))
            }
            Note::Sends(process, reason, signal) => {
                self.world.say(|w| {
                    let name = w.name(process.id.pid);
                    format!(
                        "    adieu will send {signal} to {name}, {:?} because {reason:?}",
                        process.role
                    )
                });
            }
            Note::Leaves(process, reason) => {
                self.world.say(|w| {
                    let name = w.name(process.id.pid);
                    format!("    adieu leaves {name} alone, {:?} because {reason:?}", process.role)
                });
            }
            other => self.world.say(|_| format!("  adieu says {other:?}")),
        }
        self.oracle.says(note, &self.world, now)
    }

    fn look(&mut self, purpose: Purpose, signal: Signal) -> Input {
        let cost = self.scenario.world.look;
        self.looks += u64::from(!matches!(purpose, Purpose::Forward(_)));
        self.use_up_descriptors_if_due();
        if self.proc_is_missing() {
            self.world.say(|_| "  adieu looks and sees nothing".to_owned());
            self.oracle.looked_without_proc();
            self.world.now += cost;
            return Input::Looked(purpose, signal, None, time(cost));
        }
        let misses = !matches!(purpose, Purpose::Forward(_))
            && self.scenario.world.misses.is_some_and(|every| self.looks.is_multiple_of(every));
        let missed = if misses && !self.world.alive.is_empty() {
            let at =
                usize::try_from(self.random.below(self.world.alive.len() as u64)).expect("small");
            Some(self.world.alive[at].id)
        } else {
            None
        };
        self.world.say(|w| match missed {
            None => format!("  adieu looks with regard to {signal}"),
            Some(id) => {
                format!("  adieu looks with regard to {signal} and misses {}", w.name(id.pid))
            }
        });
        self.world.looked = self.world.tick();
        self.world.looked_at = self.world.now;
        let deciding = matches!(purpose, Purpose::Begin | Purpose::Forward(_));
        let mut snapshot = self.world.snapshot(signal, missed, deciding);
        // Where no process handles the signal, the first look reads no stdin.
        let quiet =
            |p: &Process| matches!(p.disposition, Disposition::Default | Disposition::Ignored);
        let quick = purpose == Purpose::Begin && snapshot.processes.iter().all(quiet);
        for process in snapshot.processes.iter_mut().filter(|_| quick) {
            process.stdin = Stdin::Other;
        }
        let (at, now) = (self.world.now, self.world.now + cost);
        match purpose {
            Purpose::Begin | Purpose::Stop => {
                self.oracle.looked(&self.world, missed, (quick, deciding), at, now)
            }
            Purpose::Forward(_) => self.oracle.looked_to_forward(&self.world, signal, missed),
        }
        if self.world.story.is_some() {
            let described = self.oracle.described();
            self.world.say(|_| format!("    {described}"));
            for process in &mut snapshot.processes {
                process.name = self.world.name(process.id.pid);
            }
        }
        // The processes go on between the look and what follows from it.
        self.world.now = now;
        self.world.live();
        for what in std::mem::take(&mut self.after_look) {
            self.world.happens(&what);
            self.world.live();
        }
        Input::Looked(purpose, signal, Some(snapshot), time(cost))
    }

    fn use_up_descriptors_if_due(&mut self) {
        if !self.no_descriptors
            && self.scenario.world.no_descriptors_from.is_some_and(|at| at <= self.world.now)
        {
            self.no_descriptors = true;
            self.world
                .say(|_| "adieu has no descriptors left and watches no further process".to_owned());
        }
    }

    /// Whether `system::deliver` would see another name than the look did. All shells here have the
    /// same name.
    fn is_renamed(&self, order: &SignalProcess) -> bool {
        let (looked, now) = (self.world.looked_at, self.world.now);
        let other = |p: &Proc| p.executed_between(looked, now) && p.kind(now) != Kind::Shell;
        self.world.by_id(order.id).is_some_and(other)
    }

    /// Does what `system::deliver` would do: signals adieu's own children by their pid, and any
    /// other process only while it is the one that was seen.
    fn deliver(&mut self, order: &SignalProcess) -> Result<Delivered, Broken> {
        self.use_up_descriptors_if_due();
        let pid = order.id.pid;
        if let Some(process) = self.world.find(pid).cloned() {
            if process.id != order.id {
                if order.own_child {
                    return Err(Broken {
                        promise: Promise::Outside,
                        how: format!("{} is another process by now", process.name()),
                    });
                }
                return Ok(Delivered::Gone);
            }
            if process.foreign {
                self.oracle.refused(order, self.world.now);
                self.world.say(|_| format!("    the kernel refuses to signal ({pid})"));
                return Ok(Delivered::Refused);
            }
            self.world.kill(pid, order.signal);
            if order.resume {
                self.world.kill(pid, Signal::CONT);
            }
            let watched = order.watch && self.scenario.world.pidfds && !self.no_descriptors;
            if watched && !order.own_child && !self.world.watched.contains(&order.id) {
                self.world.watched.push(order.id);
            }
            return Ok(Delivered::Sent { watched: watched || order.own_child });
        }
        if self.world.zombies.contains(&order.id) {
            return Ok(Delivered::Sent { watched: true });
        }
        if order.own_child && self.world.outsiders.iter().any(|(id, _)| id.pid == pid) {
            let how = format!("({pid}) is outside the tree and gets {}", order.signal);
            return Err(Broken { promise: Promise::Outside, how });
        }
        self.world.say(|_| format!("    ({pid}) is gone"));
        Ok(Delivered::Gone)
    }
}

/// A scenario's settings, on one line.
pub(crate) fn title(scenario: &Scenario) -> String {
    let (options, world) = (&scenario.settings, &scenario.world);
    let timeout = options.timeout.map_or_else(|| "none".to_owned(), |t| format!("{} ms", t / MS));
    let mut text = format!(
        "timeout {timeout}, epilogue {} ms, deliver to {}, stop on {:?}",
        options.epilogue / MS,
        options.deliver,
        options.stop_on
    );
    for (set, what) in [
        (options.linger, "lingering".to_owned()),
        (!options.rewrites.is_empty(), format!("rewriting {:?}", options.rewrites)),
        (
            !options.ok_exits.is_empty(),
            format!("ok exits {:?}", OkExits(options.ok_exits.clone()).0),
        ),
        (!options.ignored.is_empty(), format!("started ignoring {:?}", options.ignored)),
        (world.is_init, "as PID 1".to_owned()),
        (world.look != 300, format!("a look takes {} us", world.look)),
        (!world.pidfds, "no pidfds".to_owned()),
        (
            world.no_descriptors_from.is_some(),
            format!("no descriptors from {} us on", world.no_descriptors_from.unwrap_or(0)),
        ),
        (world.no_proc.is_some(), format!("no /proc in {:?} us", world.no_proc.unwrap_or((0, 0)))),
        (world.misses.is_some(), format!("every {}th look misses one", world.misses.unwrap_or(0))),
        (world.reuses, "pids are reused".to_owned()),
    ] {
        if set {
            text = format!("{text}, {what}");
        }
    }
    text
}
