//! The made-up Linux: processes that live, fork, handle signals and end, on a virtual clock. Knows
//! nothing of adieu's rules; what adieu would read of it in /proc is [`World::snapshot`].

use crate::scenario::{
    Happening, Hears, How, Like, MS, Micros, Program, Random, SECOND, Scenario, Sight, Spec, Then,
    Trap,
};
use adieu::exit::End;
use adieu::process::{Disposition, Kind, ProcId, Process, Snapshot};
use adieu::signal::{Signal, SignalSet};
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

pub(crate) const ADIEU: i32 = 1;
pub(crate) const MAIN: i32 = 2;
/// /proc counts in hundredths of a second.
const TICK: Micros = 10 * MS;
/// A restart loop goes round only so often, so that a run does not take for ever.
const MOST_BIRTHS: u64 = 200;
/// How long su lets its child live once it was told.
const SU_KILLS: Micros = 2 * SECOND;

#[derive(Clone, Debug)]
pub(crate) struct Proc {
    pub(crate) id: ProcId,
    pub(crate) born: Micros,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) program: Rc<Program>,
    pub(crate) background: bool,
    pub(crate) reads: bool,
    pub(crate) sight: Sight,
    pub(crate) foreign: bool,
    pub(crate) stopped: bool,
    pub(crate) nested_init: bool,
    stuck: bool,
    status: u8,
    /// The init of the nested PID namespace that it is in.
    namespace: Option<i32>,
    /// Inherited, or made so by a shell's `&`.
    ignored: SignalSet,
    /// Until then it is still the copy of its shell, and catches what that does.
    copy_until: Micros,
    copied: SignalSet,
    registers: Micros,
    dropped: bool,
    pub(crate) ends: Option<(Micros, End)>,
    becomes: Option<(Micros, Program)>,
    /// When it last executed a program itself.
    executed: Micros,
    kills_below: Option<Micros>,
    pending: Vec<Signal>,
    /// The pids whose pipe it reads.
    feeds: Vec<i32>,
    /// Of a shell: the command in the foreground, and which line comes next.
    pub(crate) foreground: Vec<i32>,
    line: usize,
    trap: Trapping,
    reacted: bool,
    /// How often each signal was acted on.
    pub(crate) heard: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trapping {
    No,
    /// Told, and its foreground command is not over.
    Pending,
    Runs,
    Over,
}

/// What adieu would hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Gone(ProcId),
    Ended(i32, End),
    Stopped(i32, Signal),
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: Micros,
    pub(crate) alive: Vec<Proc>,
    /// Children of adieu that have ended and are not reaped.
    pub(crate) zombies: Vec<ProcId>,
    /// Processes that are none of adieu's business and got a pid that was free.
    pub(crate) outsiders: Vec<(ProcId, i32)>,
    pub(crate) watched: Vec<ProcId>,
    pub(crate) news: Vec<News>,
    /// What adieu has still to be told.
    pub(crate) unreported: Vec<News>,
    /// When adieu last looked for the stop.
    pub(crate) looked_at: Micros,
    /// The tick of the last look: pids go round far too slowly to be given out again within it.
    pub(crate) looked: u64,
    pub(crate) births: u64,
    pub(crate) deaths: u64,
    pub(crate) last_death: Micros,
    /// Whoever is stopped stays so; where nothing ends that, somebody continues him in time.
    stays_stopped: bool,
    /// When the main process's pid and its group are somebody else's.
    later: Option<Micros>,
    reuses: bool,
    free: Vec<(i32, Micros)>,
    next_pid: i32,
    last_pid: i32,
    random: Random,
    pub(crate) story: Option<String>,
}

impl Proc {
    pub(crate) fn is_copy(&self, now: Micros) -> bool {
        now < self.copy_until
    }

    /// Whether it has executed a program since then.
    pub(crate) fn executed_since(&self, then: Micros, now: Micros) -> bool {
        self.executed > then || self.copy_until > then && self.copy_until <= now
    }

    pub(crate) fn kind(&self, now: Micros) -> Kind {
        match *self.program {
            _ if self.is_copy(now) => Kind::Shell,
            Program::Shell { .. } => Kind::Shell,
            Program::Wrapper { .. } => Kind::Wrapper,
            _ => Kind::Program,
        }
    }

    /// How it would hear of the signal, if it would.
    pub(crate) fn hears(&self, signal: Signal, now: Micros) -> Option<How> {
        if self.is_copy(now) {
            return self.copied.has(signal).then_some(How::Handler);
        }
        let made_deaf = self.ignored.has(signal);
        match &*self.program {
            Program::Plain | Program::Ignorer => None,
            Program::Server { how, hears, .. } => {
                let ready = self.registers <= now && !self.dropped && !made_deaf;
                (ready && hears.has(signal)).then_some(*how)
            }
            Program::Shell { trap, .. } => {
                let trap = trap.as_ref().filter(|_| !made_deaf && self.trap != Trapping::Over)?;
                (signal == Signal::TERM || trap.int && signal == Signal::INT)
                    .then_some(How::Handler)
            }
            Program::Wrapper { how, like } => {
                let passes = match like {
                    Like::Npm(_) => {
                        self.registers <= now && [Signal::TERM, Signal::INT].contains(&signal)
                    }
                    _ => [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP].contains(&signal),
                };
                (passes && !made_deaf).then_some(*how)
            }
        }
    }

    pub(crate) fn ignores(&self, signal: Signal) -> bool {
        let never = matches!(*self.program, Program::Ignorer)
            && [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal);
        never || self.ignored.has(signal)
    }

    pub(crate) fn name(&self) -> String {
        let program = match &*self.program {
            Program::Plain => "plain".to_owned(),
            Program::Ignorer => "deaf".to_owned(),
            Program::Server { then, .. } => match then {
                Then::Works(_) => "server",
                Then::Hangs => "hung",
                Then::Leaves => "leaver",
                Then::Masters => "master",
                Then::Forks(..) => "forker",
                Then::Execs(..) => "execer",
                Then::Drops(_) => "dropper",
            }
            .to_owned(),
            Program::Shell { trap: Some(_), .. } => "sh+trap".to_owned(),
            Program::Shell { .. } => "sh".to_owned(),
            Program::Wrapper { like, .. } => match like {
                Like::Tini => "tini",
                Like::Su => "su",
                Like::Npm(_) => "npm",
            }
            .to_owned(),
        };
        format!("{program}({})", self.id.pid)
    }
}

impl Program {
    /// When it has its handlers, if it starts now.
    fn registers(&self, now: Micros) -> Micros {
        match self {
            Self::Server { since, .. } | Self::Wrapper { like: Like::Npm(since), .. } => {
                now + since
            }
            _ => 0,
        }
    }
}

impl Hears {
    fn has(self, signal: Signal) -> bool {
        match signal {
            Signal::TERM => true,
            Signal::INT => self.int,
            Signal::QUIT => self.quit,
            Signal::HUP => self.hup,
            s if s == crate::scenario::usr1() => self.usr1,
            _ => false,
        }
    }
}

impl World {
    pub(crate) fn new(scenario: &Scenario, ignored: SignalSet, tells: bool) -> Self {
        let (reuses, stays_stopped) = (scenario.world.reuses, scenario.settings.timeout.is_some());
        let mut world = Self {
            now: 0,
            alive: Vec::new(),
            zombies: Vec::new(),
            outsiders: Vec::new(),
            watched: Vec::new(),
            news: Vec::new(),
            unreported: Vec::new(),
            looked_at: 0,
            looked: 0,
            births: 0,
            deaths: 0,
            last_death: 0,
            stays_stopped,
            later: None,
            reuses,
            free: Vec::new(),
            next_pid: MAIN,
            last_pid: 0,
            random: Random(scenario.seed ^ 0x5eed),
            story: tells.then(String::new),
        };
        for spec in &scenario.roots {
            world.start(spec, ADIEU, ignored);
        }
        // Started before adieu looks for the first time.
        for process in &mut world.alive {
            process.copy_until = 0;
        }
        world
    }

    pub(crate) fn say(&mut self, text: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let text = text(self);
            let (s, us) = (self.now / SECOND, self.now % SECOND);
            let story = self.story.get_or_insert_default();
            let _ = writeln!(story, "{s:>3}.{us:06}  {text}");
        }
    }

    pub(crate) fn find(&self, pid: i32) -> Option<&Proc> {
        self.alive.iter().find(|p| p.id.pid == pid)
    }

    pub(crate) fn by_id(&self, id: ProcId) -> Option<&Proc> {
        self.find(id.pid).filter(|p| p.id == id)
    }

    fn find_mut(&mut self, pid: i32) -> Option<&mut Proc> {
        self.alive.iter_mut().find(|p| p.id.pid == pid)
    }

    pub(crate) fn name(&self, pid: i32) -> String {
        self.find(pid).map_or_else(|| format!("({pid})"), Proc::name)
    }

    fn children(&self, pid: i32) -> impl Iterator<Item = &Proc> {
        self.alive.iter().filter(move |p| p.parent == pid)
    }

    pub(crate) fn tick(&self) -> u64 {
        100 + self.now / TICK
    }

    fn new_id(&mut self) -> ProcId {
        let tick = self.tick();
        let old = self.free.iter().position(|(_, freed)| freed + 2 * TICK < self.now);
        let pid = match old {
            Some(at) if self.reuses && self.looked != tick && self.random.one_in(2) => {
                self.free.swap_remove(at).0
            }
            _ => {
                self.next_pid += 1;
                self.next_pid - 1
            }
        };
        self.last_pid = pid;
        ProcId { pid, start: tick }
    }

    /// Starts a process and what is below it.
    fn start(&mut self, spec: &Spec, parent: i32, inherits: SignalSet) -> i32 {
        let id = self.new_id();
        let now = self.now;
        let above = self.find(parent);
        let (group, namespace) = above.map_or((MAIN, None), |p| (p.group, p.namespace));
        let copied = match above.map(|p| &*p.program) {
            Some(Program::Shell { trap: Some(trap), .. }) => {
                let set = SignalSet::EMPTY.with(Signal::TERM);
                if trap.int { set.with(Signal::INT) } else { set }
            }
            _ => SignalSet::EMPTY,
        };
        let from_shell = above.is_some_and(|p| p.kind(now) == Kind::Shell);
        let deaf = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        let background = spec.background && from_shell;
        let ignored = SignalSet(inherits.0 | if background { deaf.0 } else { 0 });
        let copy = if from_shell { self.random.below(1_500) } else { 0 };
        let registers = spec.program.registers(now);
        let stubborn = spec.sight != Sight::Clear
            || spec.foreign
            || spec.stopped
            || spec.nested_init
            || matches!(spec.program, Program::Ignorer);
        let life = spec.life.or((!self.stays_stopped).then_some(if stubborn {
            5 * SECOND
        } else {
            20 * SECOND
        }));
        let process = Proc {
            id,
            born: now,
            parent,
            group: if spec.own_group && id.pid != MAIN { id.pid } else { group },
            program: Rc::new(spec.program.clone()),
            background,
            reads: spec.reads || spec.sight == Sight::Hidden,
            sight: spec.sight,
            foreign: spec.foreign,
            stopped: spec.stopped,
            nested_init: spec.nested_init && parent != ADIEU,
            stuck: spec.stuck,
            status: spec.status,
            namespace: if spec.nested_init && parent != ADIEU { Some(id.pid) } else { namespace },
            ignored,
            copy_until: if matches!(spec.program, Program::Shell { .. }) { 0 } else { now + copy },
            copied: SignalSet(copied.0 & !inherits.0),
            registers,
            dropped: false,
            ends: life.map(|life| (now + life, End::Exited(spec.status))),
            becomes: None,
            executed: 0,
            kills_below: None,
            pending: Vec::new(),
            feeds: Vec::new(),
            foreground: Vec::new(),
            line: 0,
            trap: Trapping::No,
            reacted: false,
            heard: 0,
        };
        self.births += 1;
        self.say(|w| {
            let mut text = format!("{} starts below {}", process.name(), w.name(parent));
            let marks = [
                (process.background, "in the background"),
                (process.reads, "reading a pipe"),
                (process.group != group, "in a group of its own"),
                (process.foreign, "of another user"),
                (process.stopped, "stopped"),
                (process.nested_init, "as init of a namespace"),
                (process.sight == Sight::Hidden, "half hidden"),
                (process.sight == Sight::Unreadable, "unreadable"),
                (process.registers > now, "registering later"),
            ];
            for (_, mark) in marks.iter().filter(|(is, _)| *is) {
                let _ = write!(text, ", {mark}");
            }
            text
        });
        self.alive.push(process);
        let children: Vec<i32> =
            spec.children.iter().map(|c| self.start(c, id.pid, ignored)).collect();
        if matches!(spec.program, Program::Shell { .. }) {
            let waits_for = spec.children.iter().zip(&children).filter(|(c, _)| !c.background);
            let line = waits_for.map(|(_, pid)| *pid).collect();
            self.pipeline(id.pid, line);
        }
        id.pid
    }

    /// These are the foreground command of the shell; readers read what stands before them.
    fn pipeline(&mut self, shell: i32, line: Vec<i32>) {
        for (at, pid) in line.iter().enumerate() {
            let feeds = line[..at].to_vec();
            if let Some(process) = self.find_mut(*pid).filter(|p| p.reads && !feeds.is_empty()) {
                process.feeds = feeds;
            }
        }
        if let Some(shell) = self.find_mut(shell) {
            shell.foreground = line;
        }
    }

    /// A moment that a program needs.
    fn moment(&mut self) -> Micros {
        self.now + 50 + self.random.below(3 * MS)
    }

    /// It has nothing left to do.
    fn finish(&mut self, pid: i32, end: End) {
        let at = self.moment() + MS * self.random.below(20);
        if self.find(pid).is_some_and(|p| p.ends.is_none()) {
            self.end_at(pid, at, end);
        }
    }

    fn end_at(&mut self, pid: i32, at: Micros, end: End) {
        if let Some(process) = self.find_mut(pid)
            && process.ends.is_none_or(|(t, _)| at < t)
        {
            process.ends = Some((at, end));
        }
    }

    /// The kernel's part of `kill(2)`.
    pub(crate) fn kill(&mut self, pid: i32, signal: Signal) {
        let moment = self.moment();
        let now = self.now;
        let Some(process) = self.find_mut(pid) else { return };
        if signal == Signal::KILL {
            if !process.stuck {
                self.end_at(pid, moment, End::Signaled(signal));
            }
            return;
        }
        if signal == Signal::CONT {
            process.stopped = false;
            let pending = std::mem::take(&mut process.pending);
            for signal in pending {
                self.kill(pid, signal);
            }
            return;
        }
        let heard = process.hears(signal, now).is_some();
        if !heard && (process.ignores(signal) || process.nested_init && signal != Signal::STOP) {
            return;
        }
        if process.stopped {
            if !process.pending.contains(&signal) {
                process.pending.push(signal);
            }
            return;
        }
        if heard {
            self.react(pid, signal);
        } else if signal == Signal::STOP || signal.is_terminal_stop() {
            process.stopped = true;
            if process.parent == ADIEU {
                self.news.push(News::Stopped(pid, signal));
            }
        } else if signal != Signal::WINCH && signal != Signal::CHLD {
            self.end_at(pid, moment, End::Signaled(signal));
        }
    }

    fn react(&mut self, pid: i32, signal: Signal) {
        let (moment, now) = (self.moment(), self.now);
        let Some(process) = self.find_mut(pid) else { return };
        process.heard += 1;
        if process.is_copy(now) {
            // Its shell's trap caught it, in a process that becomes another program: lost.
            self.say(|w| format!("{} was no program yet: the signal is lost", w.name(pid)));
            return;
        }
        let program = Rc::clone(&process.program);
        if ![Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal)
            && !matches!(*program, Program::Wrapper { .. })
        {
            return;
        }
        let exit = End::Exited(process.status);
        let again = std::mem::replace(&mut process.reacted, true);
        match &*program {
            Program::Plain | Program::Ignorer => {}
            Program::Shell { .. } => {
                if process.trap == Trapping::No {
                    process.trap = Trapping::Pending;
                }
            }
            Program::Wrapper { like, .. } => {
                if *like == Like::Su && process.kills_below.is_none() {
                    process.kills_below = Some(now + SU_KILLS);
                }
                let below: Vec<i32> = self.children(pid).map(|p| p.id.pid).collect();
                for child in below {
                    self.say(|w| {
                        format!("{} passes {signal} on to {}", w.name(pid), w.name(child))
                    });
                    self.kill(child, signal);
                }
            }
            Program::Server { .. } if again => {}
            Program::Server { then, .. } => match then {
                Then::Works(time) => self.end_at(pid, now + time, exit),
                Then::Drops(time) => {
                    process.dropped = true;
                    self.end_at(pid, now + time, exit);
                }
                Then::Hangs => process.ends = None,
                Then::Leaves => self.end_at(pid, moment, exit),
                Then::Masters => {
                    let below: Vec<i32> = self.children(pid).map(|p| p.id.pid).collect();
                    for child in below {
                        self.say(|w| format!("{} tells {}", w.name(pid), w.name(child)));
                        self.kill(child, Signal::TERM);
                    }
                }
                Then::Forks(time, spec) => {
                    let ignored = process.ignored;
                    self.end_at(pid, now + time, exit);
                    self.start(spec, pid, ignored);
                }
                Then::Execs(time, program) => {
                    process.becomes = Some((now + time, (**program).clone()))
                }
            },
        }
    }

    fn goes_on(&self, process: &Proc) -> bool {
        !process.stopped || !self.stays_stopped || killed(process)
    }

    /// When something happens next by itself.
    pub(crate) fn next_change(&self) -> Option<Micros> {
        let times = self.alive.iter().filter(|p| self.goes_on(p)).flat_map(|p| {
            let acts = |at: &Micros| *at > self.now && !p.stopped;
            let becomes = p.becomes.as_ref().map(|(at, _)| *at).filter(acts);
            [p.ends.map(|(at, _)| at), becomes, p.kills_below.filter(acts)]
        });
        times.flatten().min()
    }

    /// Lets everything happen that is due.
    pub(crate) fn live(&mut self) {
        for round in 0.. {
            assert!(round < 1_000, "the world stands still");
            if self.later.is_some_and(|at| at <= self.now)
                && !self.alive.iter().any(|p| p.group == MAIN)
            {
                self.later = None;
                self.say(|_| {
                    "the main process's pid is given to a process outside the tree".to_owned()
                });
                self.outsiders.push((ProcId { pid: MAIN, start: self.tick() }, MAIN));
            }
            let before = (self.births, self.deaths);
            for index in (0..self.alive.len()).rev() {
                let Some(process) = self.alive.get(index) else { continue };
                let due = process.ends.filter(|(at, _)| *at <= self.now && self.goes_on(process));
                if let Some((_, end)) = due {
                    self.die(process.id.pid, end);
                }
            }
            let pids: Vec<i32> =
                self.alive.iter().filter(|p| !p.stopped).map(|p| p.id.pid).collect();
            for pid in pids {
                self.act(pid);
            }
            if before == (self.births, self.deaths) {
                return;
            }
        }
    }

    /// What one program does by itself now.
    fn act(&mut self, pid: i32) {
        let now = self.now;
        let Some(process) = self.find(pid) else { return };
        if let Some((_, program)) = process.becomes.as_ref().filter(|(at, _)| *at <= now) {
            let program = program.clone();
            self.exec(pid, program);
            return;
        }
        let exit = End::Exited(process.status);
        let eof = !process.feeds.is_empty()
            && !process.feeds.iter().any(|feed| self.find(*feed).is_some());
        let program = Rc::clone(&process.program);
        if eof && matches!(*program, Program::Plain) && !process.is_copy(now) {
            let moment = self.moment();
            if self.find(pid).is_some_and(|p| p.ends.is_none()) {
                self.end_at(pid, moment, exit);
            }
            return;
        }
        let alone = self.children(pid).next().is_none();
        match &*program {
            Program::Wrapper { .. } => {
                if alone {
                    self.finish(pid, exit);
                } else if process.kills_below.is_some_and(|at| at <= now) {
                    let below: Vec<i32> = self.children(pid).map(|p| p.id.pid).collect();
                    if let Some(process) = self.find_mut(pid) {
                        process.kills_below = None;
                    }
                    for child in below {
                        self.say(|w| format!("{} kills {}", w.name(pid), w.name(child)));
                        self.kill(child, Signal::KILL);
                    }
                }
            }
            Program::Server { then: Then::Masters, .. } if process.reacted && alone => {
                self.finish(pid, exit);
            }
            Program::Shell { trap, rest, again, .. } => {
                let busy = process.foreground.iter().any(|child| self.find(*child).is_some());
                if process.ends.is_some_and(|(at, _)| at <= now) || busy {
                    return;
                }
                match (process.trap, trap) {
                    (Trapping::Pending, Some(trap)) => self.run_trap(pid, trap),
                    (Trapping::Runs, Some(trap)) => {
                        let jobs_done = alone || !trap.tells_jobs;
                        if jobs_done {
                            if let Some(process) = self.find_mut(pid) {
                                process.trap = Trapping::Over;
                            }
                            self.end_at(pid, now + trap.work, exit);
                        }
                    }
                    (Trapping::Over, _) => {}
                    _ => self.next_line(pid, rest, *again, exit),
                }
            }
            _ => {}
        }
    }

    fn run_trap(&mut self, pid: i32, trap: &Trap) {
        self.say(|w| format!("{} runs its trap", w.name(pid)));
        let jobs: Vec<i32> = self.children(pid).map(|p| p.id.pid).collect();
        if trap.tells_jobs {
            for job in jobs {
                self.say(|w| format!("{} tells {}", w.name(pid), w.name(job)));
                self.kill(job, Signal::TERM);
            }
        }
        let Some(process) = self.find_mut(pid) else { return };
        process.trap = Trapping::Runs;
        let ignored = process.ignored;
        if let Some(spec) = &trap.runs {
            let child = self.start(spec, pid, ignored);
            self.pipeline(pid, vec![child]);
        }
    }

    /// The script goes on; at its end the shell waits for its jobs, or leaves them (those that exit
    /// with 1).
    fn next_line(&mut self, pid: i32, rest: &[Vec<Spec>], again: bool, exit: End) {
        let jobs = self.children(pid).next().is_some();
        let Some(process) = self.find(pid) else { return };
        let ignored = process.ignored;
        let again = again && self.births < MOST_BIRTHS;
        let Some(process) = self.find_mut(pid) else { return };
        let line = if again && !rest.is_empty() { process.line % rest.len() } else { process.line };
        process.line += 1;
        match rest.get(line) {
            Some(specs) => {
                let started = specs.iter().map(|spec| self.start(spec, pid, ignored)).collect();
                self.pipeline(pid, started);
            }
            None if !jobs || exit == End::Exited(1) => self.finish(pid, exit),
            None => {}
        }
    }

    fn exec(&mut self, pid: i32, program: Program) {
        let now = self.now;
        if !self.stays_stopped {
            // It may handle a signal that nobody sends again.
            let at = now + self.random.below(2 * SECOND);
            self.end_at(pid, at, End::Exited(0));
        }
        let Some(process) = self.find_mut(pid) else { return };
        process.becomes = None;
        process.registers = program.registers(now);
        process.program = Rc::new(program);
        (process.dropped, process.reacted, process.trap) = (false, false, Trapping::No);
        (process.line, process.foreground) = (0, Vec::new());
        (process.copy_until, process.copied, process.executed) = (0, SignalSet::EMPTY, now);
        self.say(|w| format!("({pid}) executes another program and is {} now", w.name(pid)));
    }

    fn die(&mut self, pid: i32, end: End) {
        let Some(at) = self.alive.iter().position(|p| p.id.pid == pid) else { return };
        let process = self.alive.remove(at);
        self.say(|w| {
            let under = if process.parent == ADIEU { "adieu's child " } else { "" };
            format!("{under}{} ends: {end}, {} left", process.name(), w.alive.len())
        });
        (self.deaths, self.last_death) = (self.deaths + 1, self.now);
        if process.nested_init {
            let inside: Vec<i32> =
                self.alive.iter().filter(|p| p.namespace == Some(pid)).map(|p| p.id.pid).collect();
            for member in inside {
                self.die(member, End::Signaled(Signal::KILL));
            }
        }
        let reaper = process.namespace.filter(|init| *init != pid && self.find(*init).is_some());
        for orphan in self.alive.iter_mut().filter(|p| p.parent == pid) {
            orphan.parent = reaper.unwrap_or(ADIEU);
        }
        if let Some(at) = self.watched.iter().position(|id| *id == process.id) {
            self.watched.swap_remove(at);
            self.news.push(News::Gone(process.id));
        }
        if process.parent == ADIEU {
            self.zombies.push(process.id);
            self.news.push(News::Ended(pid, end));
        } else {
            self.set_free(pid, process.group);
        }
    }

    /// The pid may be given away again, even to somebody who is none of adieu's business.
    pub(crate) fn set_free(&mut self, pid: i32, group: i32) {
        if !self.reuses || self.alive.iter().any(|p| p.group == pid) {
            return;
        }
        if pid == MAIN {
            // Not in the moment in which adieu acts on the end.
            self.later = Some(self.now + 5 * MS);
        } else if self.random.one_in(2) {
            let group = if group == MAIN && pid != MAIN { 0 } else { pid };
            let id = ProcId { pid, start: self.tick() + 1 };
            self.say(|_| format!("({pid}) is given to a process outside the tree"));
            self.outsiders.push((id, group));
        } else {
            self.free.push((pid, self.now));
        }
    }

    pub(crate) fn happens(&mut self, what: &Happening) {
        let count = self.alive.len();
        let nth = |who: usize| who.checked_rem(count);
        match what {
            Happening::Signal(_) => {}
            Happening::Ends(who, status) => {
                if let Some(at) = nth(*who) {
                    let process = &self.alive[at];
                    if !process.stuck && !process.stopped {
                        self.die(process.id.pid, End::Exited(*status));
                    }
                }
            }
            Happening::Forks(who, spec) => {
                if let Some(at) = nth(*who).filter(|at| !self.alive[*at].is_copy(self.now)) {
                    let (pid, ignored) = (self.alive[at].id.pid, self.alive[at].ignored);
                    let mut spec = spec.clone();
                    // A shell that starts something besides its script's lines puts it in the
                    // background.
                    spec.background = self.alive[at].kind(self.now) == Kind::Shell;
                    self.start(&spec, pid, ignored);
                }
            }
            Happening::Execs(who, program) => {
                if let Some(at) = nth(*who).filter(|at| !self.alive[*at].stopped) {
                    self.exec(self.alive[at].id.pid, program.clone());
                }
            }
            Happening::Daemonizes(who) => {
                let Some(at) = nth(*who).filter(|at| !self.alive[*at].stopped) else { return };
                let mut copy = self.alive[at].clone();
                if copy.namespace.is_some() || copy.kind(self.now) != Kind::Program {
                    return;
                }
                let old = copy.id.pid;
                copy.id = self.new_id();
                (copy.parent, copy.group, copy.born) = (old, copy.id.pid, self.now);
                (copy.reads, copy.feeds, copy.heard) = (copy.sight == Sight::Hidden, Vec::new(), 0);
                self.births += 1;
                self.say(|w| format!("{} daemonizes and is ({}) now", w.name(old), copy.id.pid));
                self.alive.push(copy);
                self.die(old, End::Exited(0));
            }
            Happening::Stops(who) => {
                if let Some(at) = nth(*who) {
                    let pid = self.alive[at].id.pid;
                    self.say(|w| format!("somebody stops {}", w.name(pid)));
                    self.kill(pid, Signal::STOP);
                }
            }
            Happening::Resumes(who) => {
                if let Some(at) = nth(*who) {
                    let pid = self.alive[at].id.pid;
                    self.say(|w| format!("somebody continues {}", w.name(pid)));
                    self.kill(pid, Signal::CONT);
                }
            }
        }
    }

    /// It has ended, and adieu, which watches it, has not heard of it yet.
    pub(crate) fn is_unreported(&self, id: ProcId) -> bool {
        self.unreported.iter().chain(&self.news).any(|news| match news {
            News::Gone(other) => *other == id,
            News::Ended(pid, _) => *pid == id.pid && self.zombies.contains(&id),
            News::Stopped(..) => false,
        })
    }

    /// A shell that waits for its jobs and can be seen to.
    pub(crate) fn in_wait(&self, process: &Proc) -> bool {
        let Program::Shell { trap: Some(_), dash: true, .. } = &*process.program else {
            return false;
        };
        !process.foreground.iter().any(|child| self.find(*child).is_some())
            && process.trap != Trapping::Over
            && self.children(process.id.pid).next().is_some()
    }

    pub(crate) fn disposition(&self, process: &Proc, signal: Signal) -> Disposition {
        match (process.sight, process.hears(signal, self.now)) {
            (Sight::Unreadable, _) => Disposition::Unreadable,
            (_, Some(How::Handler)) => Disposition::Caught,
            (_, Some(How::SignalFd)) => Disposition::Blocked,
            (Sight::Hidden, Some(How::SigWait)) => Disposition::Hidden,
            (_, Some(How::SigWait)) => Disposition::Waiting,
            (_, None) if process.ignores(signal) => Disposition::Ignored,
            (Sight::Hidden, None) if process.kind(self.now) != Kind::Shell => Disposition::Hidden,
            (_, None) => Disposition::Default,
        }
    }

    /// What adieu would read, but for the process that is `missed`.
    pub(crate) fn snapshot(&self, signal: Signal, missed: Option<ProcId>) -> Snapshot {
        let mut processes: Vec<Process> = Vec::with_capacity(self.alive.len());
        let mut queue: Vec<(usize, Option<usize>)> = Vec::new();
        let push = |queue: &mut Vec<(usize, Option<usize>)>, parent: i32, above: Option<usize>| {
            let from = queue.len();
            let below = self.alive.iter().enumerate().filter(|(_, p)| p.parent == parent);
            queue.extend(below.map(|(at, _)| (at, above)));
            queue[from..].sort_unstable_by_key(|(at, _)| {
                std::cmp::Reverse((self.alive[*at].id.start, self.alive[*at].id.pid))
            });
        };
        push(&mut queue, ADIEU, None);
        while let Some((at, above)) = queue.pop() {
            let sim = &self.alive[at];
            // With a process that cannot be found, all below it is out of sight.
            if missed != Some(sim.id) {
                let here = Some(processes.len());
                let kind = sim.kind(self.now);
                let disposition = self.disposition(sim, signal);
                let readable = sim.sight != Sight::Unreadable;
                let deaf = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP]
                    .into_iter()
                    .filter(|s| readable && sim.hears(*s, self.now).is_none() && sim.ignores(*s));
                processes.push(Process {
                    id: sim.id,
                    parent: sim.parent,
                    above,
                    own_child: sim.parent == ADIEU,
                    group: sim.group,
                    name: String::new(),
                    arguments: String::new(),
                    kind,
                    disposition,
                    ignored: deaf.collect(),
                    stopped: sim.stopped,
                    nested_init: sim.nested_init && readable,
                    reads_pipe: sim.reads,
                    stdin_hidden: sim.sight == Sight::Hidden,
                    in_wait: disposition == Disposition::Caught && self.in_wait(sim),
                });
                push(&mut queue, sim.id.pid, here);
            }
        }
        Snapshot { processes, tick: self.tick(), last_pid: self.last_pid }
    }

    /// The tree as lines of text.
    pub(crate) fn drawing(&self) -> String {
        fn below(world: &World, pid: i32, depth: usize, text: &mut String) {
            for process in world.children(pid) {
                let _ = writeln!(text, "            {}{}", "  ".repeat(depth), process.name());
                below(world, process.id.pid, depth + 1, text);
            }
        }
        let mut text = String::new();
        below(self, ADIEU, 0, &mut text);
        text
    }
}

fn killed(process: &Proc) -> bool {
    matches!(process.ends, Some((_, End::Signaled(Signal::KILL))))
}

pub(crate) fn time(at: Micros) -> Duration {
    Duration::from_micros(at)
}
