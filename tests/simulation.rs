//! Deterministic simulation of a stop: the pure half of adieu (roles and phases) against made-up process trees and a
//! virtual clock. A seed decides the tree, what each program does, and when signals come; after every step the promises
//! are checked.
//!
//! `ADIEU_SEEDS=1000000 cargo test --release --test simulation` runs more of them, `ADIEU_SEED=17` one, with its story.

#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

use adieu::cli::Typed;
use adieu::event::{Action, Answer, Input, Note, Tell, Time};
use adieu::exit::End;
use adieu::phase::{KILL_LIMIT, LAST_WORD, REPEAT, State, Terms};
use adieu::proctable::{Disposition, Kind, ProcId, Process, Snapshot};
use adieu::settings;
use adieu::signal::{Signal, SignalSet};
use std::fmt::Write as _;
use std::time::Duration;

const ADIEU: i32 = 1;
const MAIN: i32 = 2;
/// Handlers at work take at most this long, so that every run without a timeout ends too.
const LONGEST_WORK: u64 = 3_000;

/// A small generator of random numbers (splitmix64): the same seed gives the same run everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn ms(&mut self, limit: u64) -> Time {
        Duration::from_millis(self.below(limit))
    }
}

/// What a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// The default action: a stop signal ends it.
    Nothing,
    /// Handles the signal and ends after this time.
    Works(Time),
    /// Handles the signal and never ends.
    Hangs,
    /// Ignores the signal.
    Ignores,
    /// Registers its handler at this moment, and then works this long.
    Registers(Time, Time),
    /// A shell without a trap: when its children are gone it starts so many commands more, then it ends.
    Script(u32),
    /// A shell with a trap: acts when its foreground command is gone, and its trap takes this long.
    Traps(Time),
    /// Ends when its older siblings are gone (`tee`).
    Reads,
    /// Handles the signal, tells its own children, and ends when they are gone.
    Masters,
    /// Handles the signal, ends at once and leaves its children.
    Leaves,
}

#[derive(Clone, Debug)]
struct Sim {
    id: ProcId,
    parent: i32,
    group: i32,
    does: Does,
    background: bool,
    other_user: bool,
    /// When it was told by adieu, and when it will end of that.
    told: Vec<Time>,
    ends: Option<Time>,
    killed: bool,
    born: Time,
}

impl Sim {
    fn is_shell(&self) -> bool {
        matches!(self.does, Does::Script(_) | Does::Traps(_))
    }

    fn disposition(&self, now: Time) -> Disposition {
        match self.does {
            Does::Nothing | Does::Script(_) | Does::Reads => Disposition::Default,
            Does::Registers(at, _) if now < at => Disposition::Default,
            Does::Ignores => Disposition::Ignored,
            _ => Disposition::Caught,
        }
    }

    fn handles(&self, now: Time) -> bool {
        self.disposition(now) == Disposition::Caught
    }
}

/// The made-up world: processes, the clock, and what happened so far.
struct World {
    random: Random,
    now: Time,
    alive: Vec<Sim>,
    next_pid: i32,
    main_end: Option<End>,
    state: State,
    timeout: Option<Time>,
    began: Option<Time>,
    /// How many stop signals may have been passed on.
    requests: usize,
    last_request: Time,
    nobody_handled: bool,
    births_since: bool,
    story: String,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut typed = Typed::default();
        let timeout = random.one_in(2).then(|| Duration::from_millis(200 + random.below(4_000)));
        typed.timeout = timeout.map(|t| format!("{}ms", t.as_millis()).into());
        typed.epilogue = Some(format!("{}ms", random.below(1_500)).into());
        let settings = settings::resolve(&typed, |_| None).expect("these are right");
        let terms = Terms::new(&settings, MAIN, random.one_in(2), false, SignalSet::EMPTY);
        let mut world = Self {
            random,
            now: Duration::ZERO,
            alive: Vec::new(),
            next_pid: MAIN,
            main_end: None,
            state: State::new(terms),
            timeout,
            began: None,
            requests: 0,
            last_request: Duration::ZERO,
            nobody_handled: false,
            births_since: false,
            story: format!("seed {seed}, timeout {timeout:?}, epilogue {:?}\n", settings.epilogue),
        };
        let size = 1 + world.random.below(12);
        let can_hang = timeout.is_some();
        for _ in 0..size {
            let parent = match world.alive.len() {
                0 => ADIEU,
                // Now and then somebody daemonized before.
                _ if world.random.one_in(10) => ADIEU,
                n => {
                    let index = usize::try_from(world.random.below(n as u64)).expect("small");
                    world.alive[index].id.pid
                }
            };
            world.birth(parent, can_hang);
        }
        world
    }

    fn tell_story(&mut self, text: &str) {
        let _ = writeln!(self.story, "{:>6} ms  {text}", self.now.as_millis());
    }

    fn birth(&mut self, parent: i32, can_hang: bool) -> i32 {
        let random = &mut self.random;
        let does = match random.below(16) {
            0..=2 => Does::Works(random.ms(LONGEST_WORK)),
            3..=5 => Does::Script(u32::try_from(random.below(3)).expect("small")),
            6 => Does::Traps(random.ms(500)),
            7 if can_hang => Does::Hangs,
            8 if can_hang => Does::Ignores,
            9 => Does::Registers(random.ms(2_000), random.ms(LONGEST_WORK)),
            10 => Does::Reads,
            11 => Does::Masters,
            12 => Does::Leaves,
            _ => Does::Nothing,
        };
        let pid = self.next_pid;
        self.next_pid += 1;
        let sim = Sim {
            id: ProcId { pid, start: u64::try_from(self.now.as_millis() / 10).expect("small") },
            parent,
            group: if random.one_in(8) { pid } else { MAIN },
            does,
            background: random.one_in(3),
            other_user: can_hang && random.one_in(30),
            told: Vec::new(),
            ends: None,
            killed: false,
            born: self.now,
        };
        let background = if sim.background { ", in the background" } else { "" };
        let other_user = if sim.other_user { ", of another user" } else { "" };
        self.tell_story(&format!("{pid} below {parent} is born: {:?}{background}{other_user}", sim.does));
        self.births_since |= self.began.is_some();
        self.alive.push(sim);
        pid
    }

    fn find(&self, pid: i32) -> Option<&Sim> {
        self.alive.iter().find(|sim| sim.id.pid == pid)
    }

    fn children(&self, pid: i32) -> impl Iterator<Item = &Sim> {
        self.alive.iter().filter(move |sim| sim.parent == pid)
    }

    fn ancestors(&self, pid: i32) -> Vec<&Sim> {
        let mut found = Vec::new();
        let mut at = self.find(pid).map_or(ADIEU, |sim| sim.parent);
        while let Some(sim) = self.find(at) {
            found.push(sim);
            at = sim.parent;
        }
        found
    }

    /// What adieu would read: parents before their children.
    fn snapshot(&self) -> Snapshot {
        let mut processes: Vec<Process> = Vec::new();
        let mut queue: Vec<(i32, Option<usize>)> =
            self.children(ADIEU).map(|sim| (sim.id.pid, None)).collect();
        while let Some((pid, above)) = queue.pop() {
            let Some(sim) = self.find(pid) else { continue };
            let here = processes.len();
            let quiet = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
            processes.push(Process {
                id: sim.id,
                parent: sim.parent,
                above,
                own_child: sim.parent == ADIEU,
                group: sim.group,
                name: format!("{:?}", sim.does),
                arguments: String::new(),
                kind: if sim.is_shell() { Kind::Shell } else { Kind::Program },
                disposition: sim.disposition(self.now),
                ignored: if sim.background { quiet } else { SignalSet::EMPTY },
                stopped: false,
                nested_init: false,
                reads_pipe: sim.does == Does::Reads,
                stdin_hidden: false,
                in_wait: false,
            });
            queue.extend(self.children(pid).map(|sim| (sim.id.pid, Some(here))));
        }
        let tick = u64::try_from(self.now.as_millis() / 10).expect("small");
        Snapshot { processes, tick, last_pid: self.next_pid - 1 }
    }

    /// Gives adieu one input and carries out everything that follows. `Some` when it exits.
    fn step(&mut self, input: Input) -> Option<u8> {
        let mut queue = vec![input];
        while !queue.is_empty() {
            for action in self.state.step(queue.remove(0), self.now) {
                match action {
                    Action::Look(why, signal) => {
                        let seen = self.snapshot();
                        if self.began.is_none() {
                            self.began = Some(self.now);
                            self.nobody_handled = !self.alive.iter().any(|sim| sim.handles(self.now));
                        }
                        // Between the look and what follows from it somebody may end.
                        if self.random.one_in(20) && !self.alive.is_empty() {
                            let index =
                                usize::try_from(self.random.below(self.alive.len() as u64)).expect("small");
                            let pid = self.alive[index].id.pid;
                            self.tell_story(&format!("{pid} vanishes meanwhile"));
                            self.alive[index].ends = Some(self.now);
                        }
                        queue.push(Input::Looked(why, signal, Some(seen), Duration::from_micros(300)));
                    }
                    Action::Tell(tell) => {
                        let answer = self.deliver(&tell);
                        queue.push(Input::Told(tell.id, answer));
                    }
                    Action::TellGroup(signal) => {
                        let members = self.alive.iter().filter(|sim| sim.group == MAIN).map(|sim| sim.id);
                        for id in members.collect::<Vec<_>>() {
                            self.deliver(&Tell { id, own_child: false, signal, resume: false, watch: false });
                        }
                    }
                    Action::Exit(code) => return Some(code),
                    Action::Say(Note::Begins(..)) => self.tell_story("adieu begins the stop"),
                    Action::Say(Note::Enters(phase)) => self.tell_story(&format!("adieu enters the {phase}")),
                    Action::Say(_)
                    | Action::GiveTerminal
                    | Action::LendTerminal
                    | Action::TakeTerminal
                    | Action::Suspend(_) => {}
                }
            }
        }
        None
    }

    /// A signal from adieu to one process, and the promises about it.
    fn deliver(&mut self, tell: &Tell) -> Answer {
        let (now, pid) = (self.now, tell.id.pid);
        let Some(sim) =
            self.find(pid).filter(|sim| sim.id == tell.id && sim.ends.is_none_or(|t| t > now)).cloned()
        else {
            return Answer::Gone;
        };
        self.tell_story(&format!("{} to {pid} ({:?})", tell.signal, sim.does));
        if sim.other_user {
            return Answer::Refused;
        }
        let began = self.began.expect("no signal before the stop");
        let deadline = self.limit().map(|limit| began + limit);
        let over = deadline.is_some_and(|deadline| deadline <= now);
        if tell.signal == Signal::KILL {
            assert!(over, "{pid} is killed before the timeout");
            assert!(!sim.told.is_empty(), "{pid} is killed and was never told");
            let since = now - sim.told[0];
            // What is born after the timeout is killed as soon as it is told: its parent was asked.
            let in_time = deadline.is_some_and(|d| sim.told[0] < d || sim.born >= d);
            assert!(since >= LAST_WORD || in_time, "{pid} had no last word");
        } else {
            // A group call reaches whoever is in the group; whoever survives it is told by name once more.
            assert!(
                sim.told.len() <= self.requests + usize::from(!sim.handles(now)),
                "{pid} is told too often"
            );
            let above = self.ancestors(pid);
            let owner = above.iter().find(|a| a.handles(now) && !a.told.is_empty() && !a.is_shell());
            assert!(
                over || owner.is_none(),
                "{pid} is told below the living owner {:?}",
                owner.map(|o| o.id)
            );
            let shields = matches!(sim.does, Does::Script(_)) && sim.told.is_empty();
            let waits_below =
                |s: &&Sim| !s.told.is_empty() && s.born < began && s.handles(now) && !s.other_user;
            let below = self.alive.iter().filter(|s| self.ancestors(s.id.pid).iter().any(|a| a.id == sim.id));
            assert!(
                over || !shields || !below.clone().any(|s| waits_below(&s) && s.told[0] < now),
                "the shield {pid} is told"
            );
        }
        let random_end = self.random.ms(3);
        let sim = self.alive.iter_mut().find(|sim| sim.id == tell.id).expect("found before");
        if tell.signal == Signal::KILL {
            (sim.killed, sim.ends) = (true, Some(sim.ends.unwrap_or(now + random_end).min(now + random_end)));
            return Answer::Sent { watched: true };
        }
        sim.told.push(now);
        let ends = match sim.does {
            Does::Works(time) | Does::Registers(_, time) if sim.handles(now) => Some(now + time),
            Does::Leaves => Some(now + random_end),
            Does::Traps(_) | Does::Masters | Does::Hangs | Does::Ignores => sim.ends,
            _ => Some(now + random_end),
        };
        sim.ends = sim.ends.into_iter().chain(ends).min();
        if sim.does == Does::Masters {
            let workers: Vec<i32> = self.children(pid).map(|sim| sim.id.pid).collect();
            for worker in workers {
                let end = self.now + self.random.ms(1_000);
                let worker = self.alive.iter_mut().find(|sim| sim.id.pid == worker).expect("a child");
                worker.ends = Some(worker.ends.map_or(end, |e| e.min(end)));
            }
        }
        Answer::Sent { watched: true }
    }

    /// The time that holds for this stop.
    fn limit(&self) -> Option<Time> {
        let by_itself = self.requests == 0;
        self.timeout.or_else(|| by_itself.then_some(adieu::phase::LEFTOVERS_TIMEOUT))
    }

    /// Lets the programs do what they do without being told; returns whether anything happened.
    fn live(&mut self) -> Vec<ProcId> {
        let now = self.now;
        for index in 0..self.alive.len() {
            let sim = self.alive[index].clone();
            let alone = self.children(sim.id.pid).next().is_none();
            let foreground_gone = !self.children(sim.id.pid).any(|child| !child.background);
            let ends = match sim.does {
                Does::Traps(time) if !sim.told.is_empty() && foreground_gone => Some(now + time),
                Does::Masters if !sim.told.is_empty() && alone => Some(now),
                Does::Reads => {
                    let older = self.children(sim.parent).any(|other| other.id.pid < sim.id.pid);
                    (!older && self.began.is_some()).then_some(now)
                }
                Does::Script(0) if alone && self.began.is_some() => Some(now),
                _ => None,
            };
            if sim.ends.is_none() {
                self.alive[index].ends = ends;
            }
            if let Does::Script(left @ 1..) = sim.does
                && alone
                && self.began.is_some()
                && sim.ends.is_none()
            {
                self.alive[index].does = Does::Script(left - 1);
                let child = self.birth(sim.id.pid, self.timeout.is_some());
                let end = self.now + self.random.ms(2_000);
                let child = self.alive.iter_mut().find(|sim| sim.id.pid == child).expect("just born");
                if !matches!(child.does, Does::Hangs | Does::Script(_)) {
                    child.ends = Some(end);
                }
            }
        }
        let (gone, alive): (Vec<Sim>, Vec<Sim>) = std::mem::take(&mut self.alive)
            .into_iter()
            .partition(|sim| sim.ends.is_some_and(|end| end <= now));
        self.alive = alive;
        for sim in &gone {
            self.tell_story(&format!("{} ends", sim.id.pid));
            for orphan in self.alive.iter_mut().filter(|other| other.parent == sim.id.pid) {
                orphan.parent = ADIEU;
            }
            // A pid that is free again may be given to somebody outside the tree; adieu must never mean that one.
            if sim.id.pid == MAIN {
                let end = if sim.killed { End::Signaled(Signal::KILL) } else { End::Exited(7) };
                self.main_end = Some(end);
            }
        }
        gone.iter().map(|sim| sim.id).collect()
    }

    /// The whole run. Returns how long the stop took.
    fn run(&mut self) -> Time {
        let signals: Vec<Time> = {
            let first = self.random.ms(1_500);
            let more = if self.random.one_in(3) { self.random.below(3) } else { 0 };
            let mut all = vec![first];
            all.extend((0..more).map(|_| first + self.random.ms(4_000)));
            all.sort();
            all
        };
        let mut pending = signals.into_iter().peekable();
        for _ in 0..20_000 {
            let next_end = self.alive.iter().filter_map(|sim| sim.ends).min();
            let times = [
                next_end,
                pending.peek().copied(),
                self.state.deadline(),
                Some(self.now + Duration::from_millis(50)),
            ];
            self.now = times.into_iter().flatten().min().unwrap_or(self.now).max(self.now);
            if pending.next_if(|at| *at <= self.now).is_some() {
                if self.requests == 0 || self.now >= self.last_request + REPEAT {
                    self.requests += 1;
                    self.last_request = self.now;
                }
                self.tell_story("SIGTERM comes");
                if let Some(code) = self.step(Input::Signal(Signal::TERM)) {
                    return self.finish(code);
                }
            }
            let gone = self.live();
            for id in &gone {
                let input = match self.main_end {
                    Some(end) if id.pid == MAIN => Input::Ended(MAIN, end),
                    _ => Input::Gone(*id),
                };
                if let Some(code) = self.step(input) {
                    return self.finish(code);
                }
            }
            if !gone.is_empty() {
                let left = !self.alive.is_empty();
                if let Some(code) = self.step(Input::Reaped { left }) {
                    return self.finish(code);
                }
            }
            if self.state.deadline().is_some_and(|deadline| deadline <= self.now)
                && let Some(code) = self.step(Input::Deadline)
            {
                return self.finish(code);
            }
        }
        panic!("it never ends");
    }

    fn finish(&mut self, code: u8) -> Time {
        let took = self.now - self.began.unwrap_or(self.now);
        self.tell_story(&format!("adieu exits with {code} after {} ms", took.as_millis()));
        let unreachable = self.alive.iter().all(|sim| sim.other_user);
        let limit = self.limit();
        let late = limit.is_some_and(|limit| took >= limit + KILL_LIMIT);
        assert!(self.alive.is_empty() || unreachable || late, "{} processes are left", self.alive.len());
        match self.main_end {
            Some(end) => assert_eq!(code, end.code(), "the exit status is not the main process's"),
            None => assert_eq!(code, 137),
        }
        let slack = Duration::from_millis(100);
        if let Some(limit) = limit {
            assert!(took <= limit + KILL_LIMIT + slack, "it lasted {took:?} with a timeout of {limit:?}");
        }
        let stays = ["of another user", "Ignores"].iter().any(|what| self.story.contains(what));
        if self.nobody_handled && !self.births_since && !stays && self.requests > 0 {
            assert!(took <= slack, "nobody handled it and it lasted {took:?}");
        }
        took
    }
}

fn run(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
    result.map(|_| ()).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        format!("{}\n{}", text.unwrap_or_default(), world.story)
    })
}

#[test]
fn every_seed_keeps_the_promises() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("ADIEU_SEED") {
        let mut world = World::new(seed);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
        println!("{}", world.story);
        assert!(outcome.is_ok(), "seed {seed} breaks a promise");
        return;
    }
    let seeds = number("ADIEU_SEEDS").unwrap_or(20_000);
    std::panic::set_hook(Box::new(|_| {}));
    let failed = (0..seeds).find_map(|seed| run(seed).err().map(|story| (seed, story)));
    let _ = std::panic::take_hook();
    if let Some((seed, story)) = failed {
        panic!("seed {seed}: {story}");
    }
}
