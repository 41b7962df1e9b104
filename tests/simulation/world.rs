//! The simulated Linux: processes that run, fork, handle signals and end, on a virtual clock. It
//! knows nothing of adieu's rules. [`World::snapshot`] is what adieu would read in /proc.

use crate::scenario::{
    Access, Handled, Happening, How, Like, MS, Micros, OnStop, Program, Random, SECOND, Scenario,
    Spec, Trap,
};
use adieu::exit::End;
use adieu::process::{Disposition, File, Kind, Outputs, ProcId, Process, Snapshot, Stdin};
use adieu::signal::{Signal, SignalSet};
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

pub(crate) const ADIEU: i32 = 1;
pub(crate) const MAIN: i32 = 2;
/// /proc counts in hundredths of a second.
const TICK: Micros = 10 * MS;
/// A restart loop starts no more than this many processes, so that every run ends.
const MOST_STARTS: u64 = 200;
/// How long after it got the signal su kills its children.
const SU_KILLS: Micros = 2 * SECOND;

#[derive(Clone, Debug)]
pub(crate) struct Proc {
    pub(crate) id: ProcId,
    pub(crate) started: Micros,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) program: Rc<Program>,
    pub(crate) background: bool,
    pub(crate) reads: bool,
    pub(crate) access: Access,
    pub(crate) foreign: bool,
    pub(crate) stopped: bool,
    pub(crate) nested_init: bool,
    stuck: bool,
    status: u8,
    /// The pid of the init of the nested PID namespace that it is in.
    namespace: Option<i32>,
    /// The signals that it ignores: inherited, or ignored because of a shell's `&`.
    ignored: SignalSet,
    /// Until this time it is still the copy of its shell, and catches what that catches.
    copy_until: Micros,
    copied: SignalSet,
    registers: Micros,
    dropped: bool,
    pub(crate) ends: Option<(Micros, End)>,
    becomes: Option<(Micros, Program)>,
    /// When it last executed another program itself.
    executed: Micros,
    kills_below: Option<Micros>,
    pending: Vec<Signal>,
    /// The pids of the processes whose pipe it reads.
    writers: Vec<i32>,
    /// Of a shell: the pids of the command in its foreground.
    pub(crate) foreground: Vec<i32>,
    line: usize,
    trap: TrapState,
    reacted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrapState {
    No,
    /// It got the signal, and its foreground command has not ended.
    Pending,
    Runs,
    Over,
}

/// What the kernel would report to adieu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notification {
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
    /// Processes outside of adieu's tree that got the pid of a process that had ended; with their
    /// process groups.
    pub(crate) outsiders: Vec<(ProcId, i32)>,
    pub(crate) watched: Vec<ProcId>,
    pub(crate) notifications: Vec<Notification>,
    /// What has not been reported to adieu yet.
    pub(crate) unreported: Vec<Notification>,
    /// When adieu last looked.
    pub(crate) looked_at: Micros,
    /// The tick of the last look. Pids are not given out again within one tick: the kernel goes
    /// round its numbers far too slowly for that.
    pub(crate) looked: u64,
    pub(crate) started: u64,
    pub(crate) ended: u64,
    /// A stopped process does nothing until it is continued. Without a timeout nothing would end
    /// it, so there it ends all the same.
    stays_stopped: bool,
    /// When a process outside of the tree gets the main process's pid and group.
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

    /// Whether it executed a program between these two times.
    pub(crate) fn executed_between(&self, from: Micros, to: Micros) -> bool {
        self.executed > from || self.copy_until > from && self.copy_until <= to
    }

    pub(crate) fn kind(&self, now: Micros) -> Kind {
        match *self.program {
            _ if self.is_copy(now) => Kind::Shell,
            Program::Shell { .. } => Kind::Shell,
            Program::Wrapper { .. } => Kind::Wrapper,
            _ => Kind::Program,
        }
    }

    /// How it would handle the signal, if it would.
    pub(crate) fn handling(&self, signal: Signal, now: Micros) -> Option<How> {
        if self.is_copy(now) {
            return self.copied.has(signal).then_some(How::Handler);
        }
        let is_ignored = self.ignored.has(signal);
        match &*self.program {
            Program::Plain | Program::Ignorer => None,
            Program::Server { how, handles, .. } => {
                let ready = self.registers <= now && !self.dropped && !is_ignored;
                (ready && handles.has(signal)).then_some(*how)
            }
            Program::Shell { trap, .. } => {
                let trap = trap.as_ref().filter(|_| !is_ignored && self.trap != TrapState::Over)?;
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
                (passes && !is_ignored).then_some(*how)
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
            Program::Ignorer => "ignorer".to_owned(),
            Program::Server { on_stop, .. } => match on_stop {
                OnStop::Works(_) => "server",
                OnStop::Hangs => "hung",
                OnStop::Leaves => "leaver",
                OnStop::StopsChildren => "master",
                OnStop::Forks(..) => "forker",
                OnStop::Execs(..) => "execer",
                OnStop::Drops(_) => "dropper",
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
    /// When it registers its handlers, if it starts now.
    fn registers(&self, now: Micros) -> Micros {
        match self {
            Self::Server { since, .. } | Self::Wrapper { like: Like::Npm(since), .. } => {
                now + since
            }
            _ => 0,
        }
    }
}

impl Handled {
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
    pub(crate) fn new(scenario: &Scenario, ignored: SignalSet, with_story: bool) -> Self {
        let (reuses, stays_stopped) = (scenario.world.reuses, scenario.settings.timeout.is_some());
        let mut world = Self {
            now: 0,
            alive: Vec::new(),
            zombies: Vec::new(),
            outsiders: Vec::new(),
            watched: Vec::new(),
            notifications: Vec::new(),
            unreported: Vec::new(),
            looked_at: 0,
            looked: 0,
            started: 0,
            ended: 0,
            stays_stopped,
            later: None,
            reuses,
            free: Vec::new(),
            next_pid: MAIN,
            last_pid: 0,
            random: Random(scenario.seed ^ 0x5eed),
            story: with_story.then(String::new),
        };
        for spec in &scenario.roots {
            world.start(spec, ADIEU, ignored);
        }
        // These have executed their programs before adieu looks for the first time.
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

    /// Starts a process and the processes below it.
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
        let by_shell = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        let background = spec.background && from_shell;
        let ignored = SignalSet(inherits.0 | if background { by_shell.0 } else { 0 });
        let copy = if from_shell { self.random.below(1_500) } else { 0 };
        let registers = spec.program.registers(now);
        let may_stay = spec.access != Access::Full
            || spec.foreign
            || spec.stopped
            || spec.nested_init
            || matches!(spec.program, Program::Ignorer);
        let life = spec.life.or((!self.stays_stopped).then_some(if may_stay {
            5 * SECOND
        } else {
            20 * SECOND
        }));
        let process = Proc {
            id,
            started: now,
            parent,
            group: if spec.own_group && id.pid != MAIN { id.pid } else { group },
            program: Rc::new(spec.program.clone()),
            background,
            reads: spec.reads || spec.access == Access::Hidden,
            access: spec.access,
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
            writers: Vec::new(),
            foreground: Vec::new(),
            line: 0,
            trap: TrapState::No,
            reacted: false,
        };
        self.started += 1;
        self.say(|w| {
            let mut text = format!("{} starts below {}", process.name(), w.name(parent));
            let marks = [
                (process.background, "in the background"),
                (process.reads, "reading a pipe"),
                (process.group != group, "in a group of its own"),
                (process.foreign, "of another user"),
                (process.stopped, "stopped"),
                (process.nested_init, "as init of a namespace"),
                (process.access == Access::Hidden, "partly hidden"),
                (process.access == Access::Unreadable, "unreadable"),
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

    /// Makes these the foreground command of the shell. Each that reads a pipe reads what those
    /// before it write.
    fn pipeline(&mut self, shell: i32, line: Vec<i32>) {
        for (at, pid) in line.iter().enumerate() {
            let writers = line[..at].to_vec();
            if let Some(process) = self.find_mut(*pid).filter(|p| p.reads && !writers.is_empty()) {
                process.writers = writers;
            }
        }
        if let Some(shell) = self.find_mut(shell) {
            shell.foreground = line;
        }
    }

    /// When a program has done what takes it a moment.
    fn moment(&mut self) -> Micros {
        self.now + 50 + self.random.below(3 * MS)
    }

    /// It has nothing left to do, and ends soon.
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
        let handled = process.handling(signal, now).is_some();
        if !handled && (process.ignores(signal) || process.nested_init && signal != Signal::STOP) {
            return;
        }
        if process.stopped {
            if !process.pending.contains(&signal) {
                process.pending.push(signal);
            }
            return;
        }
        if handled {
            self.react(pid, signal);
        } else if signal == Signal::STOP || signal.is_terminal_stop() {
            process.stopped = true;
            if process.parent == ADIEU {
                self.notifications.push(Notification::Stopped(pid, signal));
            }
        } else if signal != Signal::WINCH && signal != Signal::CHLD {
            self.end_at(pid, moment, End::Signaled(signal));
        }
    }

    fn react(&mut self, pid: i32, signal: Signal) {
        let (moment, now) = (self.moment(), self.now);
        let Some(process) = self.find_mut(pid) else { return };
        if process.is_copy(now) {
            // The handler of its shell's trap caught the signal in this copy, and `execve` drops
            // it: the signal is lost.
            self.say(|w| {
                format!("{} had not executed its program yet: the signal is lost", w.name(pid))
            });
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
                if process.trap == TrapState::No {
                    process.trap = TrapState::Pending;
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
            Program::Server { on_stop, .. } => match on_stop {
                OnStop::Works(time) => self.end_at(pid, now + time, exit),
                OnStop::Drops(time) => {
                    process.dropped = true;
                    self.end_at(pid, now + time, exit);
                }
                OnStop::Hangs => process.ends = None,
                OnStop::Leaves => self.end_at(pid, moment, exit),
                OnStop::StopsChildren => {
                    let below: Vec<i32> = self.children(pid).map(|p| p.id.pid).collect();
                    for child in below {
                        self.say(|w| format!("{} sends SIGTERM to {}", w.name(pid), w.name(child)));
                        self.kill(child, Signal::TERM);
                    }
                }
                OnStop::Forks(time, spec) => {
                    let ignored = process.ignored;
                    self.end_at(pid, now + time, exit);
                    self.start(spec, pid, ignored);
                }
                OnStop::Execs(time, program) => {
                    process.becomes = Some((now + time, (**program).clone()))
                }
            },
        }
    }

    fn goes_on(&self, process: &Proc) -> bool {
        !process.stopped || !self.stays_stopped || killed(process)
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_change(&self) -> Option<Micros> {
        let times = self.alive.iter().filter(|p| self.goes_on(p)).flat_map(|p| {
            let acts = |at: &Micros| *at > self.now && !p.stopped;
            let becomes = p.becomes.as_ref().map(|(at, _)| *at).filter(acts);
            [p.ends.map(|(at, _)| at), becomes, p.kills_below.filter(acts)]
        });
        times.flatten().min()
    }

    /// Does everything that is due.
    pub(crate) fn live(&mut self) {
        for round in 0.. {
            assert!(round < 1_000, "the world never comes to rest");
            if self.later.is_some_and(|at| at <= self.now)
                && !self.alive.iter().any(|p| p.group == MAIN)
            {
                self.later = None;
                self.say(|_| {
                    "the main process's pid is given to a process outside the tree".to_owned()
                });
                self.outsiders.push((ProcId { pid: MAIN, start: self.tick() }, MAIN));
            }
            let before = (self.started, self.ended);
            for index in (0..self.alive.len()).rev() {
                let Some(process) = self.alive.get(index) else { continue };
                let due = process.ends.filter(|(at, _)| *at <= self.now && self.goes_on(process));
                if let Some((_, end)) = due {
                    self.end(process.id.pid, end);
                }
            }
            let pids: Vec<i32> =
                self.alive.iter().filter(|p| !p.stopped).map(|p| p.id.pid).collect();
            for pid in pids {
                self.act(pid);
            }
            if before == (self.started, self.ended) {
                return;
            }
        }
    }

    /// Does what this program does by itself now.
    fn act(&mut self, pid: i32) {
        let now = self.now;
        let Some(process) = self.find(pid) else { return };
        if let Some((_, program)) = process.becomes.as_ref().filter(|(at, _)| *at <= now) {
            let program = program.clone();
            self.exec(pid, program);
            return;
        }
        let exit = End::Exited(process.status);
        let eof = !process.writers.is_empty()
            && !process.writers.iter().any(|feed| self.find(*feed).is_some());
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
            Program::Server { on_stop: OnStop::StopsChildren, .. } if process.reacted && alone => {
                self.finish(pid, exit);
            }
            Program::Shell { trap, rest, again, .. } => {
                let busy = process.foreground.iter().any(|child| self.find(*child).is_some());
                if process.ends.is_some_and(|(at, _)| at <= now) || busy {
                    return;
                }
                match (process.trap, trap) {
                    (TrapState::Pending, Some(trap)) => self.run_trap(pid, trap),
                    (TrapState::Runs, Some(trap)) => {
                        let jobs_done = alone || !trap.stops_jobs;
                        if jobs_done {
                            if let Some(process) = self.find_mut(pid) {
                                process.trap = TrapState::Over;
                            }
                            self.end_at(pid, now + trap.work, exit);
                        }
                    }
                    (TrapState::Over, _) => {}
                    _ => self.next_line(pid, rest, *again, exit),
                }
            }
            _ => {}
        }
    }

    fn run_trap(&mut self, pid: i32, trap: &Trap) {
        self.say(|w| format!("{} runs its trap", w.name(pid)));
        let jobs: Vec<i32> = self.children(pid).map(|p| p.id.pid).collect();
        if trap.stops_jobs {
            for job in jobs {
                self.say(|w| format!("{} sends SIGTERM to {}", w.name(pid), w.name(job)));
                self.kill(job, Signal::TERM);
            }
        }
        let Some(process) = self.find_mut(pid) else { return };
        process.trap = TrapState::Runs;
        let ignored = process.ignored;
        if let Some(spec) = &trap.runs {
            let child = self.start(spec, pid, ignored);
            self.pipeline(pid, vec![child]);
        }
    }

    /// The script goes on. At its end the shell waits for its jobs; a shell that exits with 1
    /// leaves them.
    fn next_line(&mut self, pid: i32, rest: &[Vec<Spec>], again: bool, exit: End) {
        let jobs = self.children(pid).next().is_some();
        let Some(process) = self.find(pid) else { return };
        let ignored = process.ignored;
        let again = again && self.started < MOST_STARTS;
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
            // It may wait for a signal that is not sent again.
            let at = now + self.random.below(2 * SECOND);
            self.end_at(pid, at, End::Exited(0));
        }
        let Some(process) = self.find_mut(pid) else { return };
        process.becomes = None;
        process.registers = program.registers(now);
        process.program = Rc::new(program);
        (process.dropped, process.reacted, process.trap) = (false, false, TrapState::No);
        (process.line, process.foreground) = (0, Vec::new());
        (process.copy_until, process.copied, process.executed) = (0, SignalSet::EMPTY, now);
        self.say(|w| format!("({pid}) executes another program and is {} now", w.name(pid)));
    }

    fn end(&mut self, pid: i32, end: End) {
        let Some(at) = self.alive.iter().position(|p| p.id.pid == pid) else { return };
        let process = self.alive.remove(at);
        self.say(|w| {
            let whose = if process.parent == ADIEU { "adieu's child " } else { "" };
            format!("{whose}{} ends: {end}, {} left", process.name(), w.alive.len())
        });
        self.ended += 1;
        if process.nested_init {
            let inside: Vec<i32> =
                self.alive.iter().filter(|p| p.namespace == Some(pid)).map(|p| p.id.pid).collect();
            for member in inside {
                self.end(member, End::Signaled(Signal::KILL));
            }
        }
        let reaper = process.namespace.filter(|init| *init != pid && self.find(*init).is_some());
        for orphan in self.alive.iter_mut().filter(|p| p.parent == pid) {
            orphan.parent = reaper.unwrap_or(ADIEU);
        }
        if let Some(at) = self.watched.iter().position(|id| *id == process.id) {
            self.watched.swap_remove(at);
            self.notifications.push(Notification::Gone(process.id));
        }
        if process.parent == ADIEU {
            self.zombies.push(process.id);
            self.notifications.push(Notification::Ended(pid, end));
        } else {
            self.set_free(pid, process.group);
        }
    }

    /// The pid may be given to another process, also to one outside of adieu's tree.
    pub(crate) fn set_free(&mut self, pid: i32, group: i32) {
        if !self.reuses || self.alive.iter().any(|p| p.group == pid) {
            return;
        }
        if pid == MAIN {
            // Not while adieu acts on the end.
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
        let nth = |place: usize| place.checked_rem(count);
        match what {
            Happening::Signal(_) => {}
            Happening::Ends(place, status) => {
                if let Some(at) = nth(*place) {
                    let process = &self.alive[at];
                    if !process.stuck && !process.stopped {
                        self.end(process.id.pid, End::Exited(*status));
                    }
                }
            }
            Happening::Forks(place, spec) => {
                if let Some(at) = nth(*place).filter(|at| !self.alive[*at].is_copy(self.now)) {
                    let (pid, ignored) = (self.alive[at].id.pid, self.alive[at].ignored);
                    let mut spec = spec.clone();
                    // What a shell starts besides its script's lines is a background job.
                    spec.background = self.alive[at].kind(self.now) == Kind::Shell;
                    self.start(&spec, pid, ignored);
                }
            }
            Happening::Execs(place, program) => {
                if let Some(at) = nth(*place).filter(|at| !self.alive[*at].stopped) {
                    self.exec(self.alive[at].id.pid, program.clone());
                }
            }
            Happening::Daemonizes(place) => {
                let Some(at) = nth(*place).filter(|at| !self.alive[*at].stopped) else { return };
                let mut copy = self.alive[at].clone();
                if copy.namespace.is_some() || copy.kind(self.now) != Kind::Program {
                    return;
                }
                let old = copy.id.pid;
                copy.id = self.new_id();
                (copy.parent, copy.group, copy.started) = (old, copy.id.pid, self.now);
                (copy.reads, copy.writers) = (copy.access == Access::Hidden, Vec::new());
                self.started += 1;
                self.say(|w| format!("{} daemonizes and is ({}) now", w.name(old), copy.id.pid));
                self.alive.push(copy);
                self.end(old, End::Exited(0));
            }
            Happening::Stops(place) => {
                if let Some(at) = nth(*place) {
                    let pid = self.alive[at].id.pid;
                    self.say(|w| format!("{} is stopped", w.name(pid)));
                    self.kill(pid, Signal::STOP);
                }
            }
            Happening::Resumes(place) => {
                if let Some(at) = nth(*place) {
                    let pid = self.alive[at].id.pid;
                    self.say(|w| format!("{} is continued", w.name(pid)));
                    self.kill(pid, Signal::CONT);
                }
            }
        }
    }

    /// It has ended, and its end will be reported to adieu, but has not been yet.
    pub(crate) fn is_unreported(&self, id: ProcId) -> bool {
        self.unreported.iter().chain(&self.notifications).any(|notifications| match notifications {
            Notification::Gone(other) => *other == id,
            Notification::Ended(pid, _) => *pid == id.pid && self.zombies.contains(&id),
            Notification::Stopped(..) => false,
        })
    }

    /// Whether it is a shell in `wait`, and /proc shows that.
    pub(crate) fn in_wait(&self, process: &Proc) -> bool {
        let Program::Shell { trap: Some(_), dash: true, .. } = &*process.program else {
            return false;
        };
        !process.foreground.iter().any(|child| self.find(*child).is_some())
            && process.trap != TrapState::Over
            && self.children(process.id.pid).next().is_some()
    }

    pub(crate) fn disposition(&self, process: &Proc, signal: Signal) -> Disposition {
        match (process.access, process.handling(signal, self.now)) {
            (Access::Unreadable, _) => Disposition::Unreadable,
            (_, Some(How::Handler)) => Disposition::Caught,
            (_, Some(How::SignalFd)) => Disposition::Blocked,
            (Access::Hidden, Some(How::SigWait)) => Disposition::Hidden,
            (_, Some(How::SigWait)) => Disposition::Waiting,
            (_, None) if process.ignores(signal) => Disposition::Ignored,
            (Access::Hidden, None) if process.kind(self.now) != Kind::Shell => Disposition::Hidden,
            (_, None) => Disposition::Default,
        }
    }

    /// What adieu would read in /proc, without the process that is `missed`.
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
            // A process that is missed hides all below it.
            if missed != Some(sim.id) {
                let here = Some(processes.len());
                let kind = sim.kind(self.now);
                let disposition = self.disposition(sim, signal);
                let readable = sim.access != Access::Unreadable;
                let ignored =
                    [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP].into_iter().filter(
                        |s| readable && sim.handling(*s, self.now).is_none() && sim.ignores(*s),
                    );
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
                    ignored: ignored.collect(),
                    stopped: sim.stopped,
                    nested_init: sim.nested_init && readable,
                    stdin: match sim.access {
                        Access::Hidden => Stdin::Unknown,
                        _ if sim.reads => Stdin::Pipe(File { device: (0, 14), inode: 7 }),
                        _ => Stdin::Other,
                    },
                    outputs: Outputs::default(),
                    in_wait: disposition == Disposition::Caught && self.in_wait(sim),
                    stack: None,
                    waits: false,
                    switches: 0,
                    pending: false,
                    command: 0,
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
