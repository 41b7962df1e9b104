//! The simulated Linux: processes that run, fork, handle signals and end, on a virtual clock. It
//! knows nothing of adieu's rules. [`World::snapshot`] is what adieu would read in /proc.

use crate::scenario::{
    Access, Handled, Happening, How, Input, Like, MS, Micros, OnStop, Output, Program, Random,
    SECOND, Scenario, Spec, Trap,
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
    pub(crate) stdin: In,
    /// The pipes that are its stdout and its stderr.
    pub(crate) outputs: [Option<u64>; 2],
    at_eof: bool,
    /// There was a process that wrote what it reads.
    had_writer: bool,
    busy: bool,
    slow: Micros,
    /// When it acts on the signals that are pending.
    acts: Option<Micros>,
    /// How often it was given a processor for a reason.
    moves: u64,
    pub(crate) command: u64,
    /// The command line that it has as a copy of its shell.
    copied_command: u64,
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
    /// Of a shell: the pids of the command in its foreground.
    pub(crate) foreground: Vec<i32>,
    line: usize,
    trap: TrapState,
    reacted: bool,
}

/// What a process has as stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum In {
    Nothing,
    Pipe(u64),
    /// A socket, whose other end does not show. In truth it is this pipe.
    Socket(u64),
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
    last_started: u64,
    pipes: u64,
    random: Random,
    pub(crate) story: Option<String>,
}

impl Proc {
    /// Later processes have a higher one.
    pub(crate) fn id_order(&self) -> (u64, i32) {
        (self.id.start, self.id.pid)
    }

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
            Program::Shell { trap, dash, .. } => {
                let over = self.trap == TrapState::Over && *dash;
                let trap = trap.as_ref().filter(|_| !is_ignored && !over)?;
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
                // su catches INT and QUIT also where they were ignored.
                let catches = *like == Like::Su && [Signal::INT, Signal::QUIT].contains(&signal);
                (passes && (!is_ignored || catches)).then_some(*how)
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
            last_started: 0,
            pipes: 100,
            random: Random(scenario.seed ^ 0x5eed),
            story: with_story.then(String::new),
        };
        for spec in &scenario.roots {
            world.start(spec, ADIEU, ignored, None, None);
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
            // The kernel goes through the pids in their order.
            Some(at)
                if self.reuses
                    && self.looked != tick
                    && self.last_started != tick
                    && self.random.one_in(2) =>
            {
                self.free.swap_remove(at).0
            }
            _ => {
                self.next_pid += 1;
                self.next_pid - 1
            }
        };
        (self.last_pid, self.last_started) = (pid, tick);
        ProcId { pid, start: tick }
    }

    fn new_pipe(&mut self) -> u64 {
        self.pipes += 1;
        self.pipes
    }

    /// Starts a process and the processes below it. `from` and `to` are the pipes of its pipeline.
    fn start(
        &mut self,
        spec: &Spec,
        parent: i32,
        inherits: SignalSet,
        from: Option<u64>,
        to: Option<u64>,
    ) -> i32 {
        let id = self.new_id();
        let now = self.now;
        if let Some(parent) = self.find_mut(parent) {
            parent.moves += 1;
        }
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
        let shown = background && !spec.resets;
        let ignored = SignalSet(inherits.0 | if shown { by_shell.0 } else { 0 });
        let (stdin_above, outputs_above, copied_command) =
            above.map_or((In::Nothing, [None; 2], 0), |p| (p.stdin, p.outputs, p.command));
        // It starts processes of its own only when it has executed its program.
        let may_be_copy = from_shell && spec.children.is_empty();
        let copy = if may_be_copy { self.random.below(1_500) } else { 0 };
        let registers = spec.program.registers(now);
        let stdin = match spec.input {
            // A command reads what the one before it in the pipeline writes.
            Input::Inherited | Input::Fifo(_) if from.is_some() => {
                In::Pipe(from.unwrap_or_default())
            }
            Input::Inherited if background => In::Nothing,
            Input::Inherited => stdin_above,
            Input::Pipe => In::Pipe(from.unwrap_or_else(|| self.new_pipe())),
            Input::Socket => In::Socket(from.unwrap_or_else(|| self.new_pipe())),
            Input::Fifo(number) => In::Pipe(u64::from(number) + 1),
        };
        let [out, err] = outputs_above;
        let outputs = match spec.output {
            Output::Inherited => [to.or(out), err],
            Output::File => [to, None],
            Output::Fifo(number) => [Some(u64::from(number) + 1), err],
            Output::ErrorsToFifo(number) => [to.or(out), Some(u64::from(number) + 1)],
        };
        // A subshell executes nothing, and keeps the command line of its shell.
        let subshell = from_shell && matches!(spec.program, Program::Shell { .. });
        let command = if subshell && spec.command.is_multiple_of(2) {
            copied_command
        } else {
            1_000 * if from_shell && !subshell { 2 } else { 1 } + spec.command
        };
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
            stdin,
            outputs,
            at_eof: spec.at_eof && spec.input != Input::Inherited,
            had_writer: false,
            busy: spec.busy,
            slow: spec.slow,
            acts: None,
            moves: 1 + self.random.below(50),
            command,
            copied_command,
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
            foreground: Vec::new(),
            line: 0,
            trap: TrapState::No,
            reacted: false,
        };
        self.started += 1;
        self.say(|w| {
            let mut text = format!("{} starts below {}", process.name(), w.name(parent));
            if let In::Pipe(pipe) | In::Socket(pipe) = process.stdin {
                let _ = write!(text, ", stdin {:?} {pipe}", spec.input);
            }
            if process.outputs != [None; 2] {
                let _ = write!(text, ", outputs {:?}", process.outputs);
            }
            let marks = [
                (process.background, "in the background"),
                (process.background && spec.resets, "resetting INT and QUIT"),
                (process.at_eof, "ending at end of file"),
                (process.busy, "moving by itself"),
                (process.slow > 0, "slow"),
                (process.command == process.copied_command, "with its parent's command line"),
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
        if matches!(spec.program, Program::Shell { .. }) {
            self.pipeline(id.pid, &spec.children, ignored);
        } else {
            for child in &spec.children {
                self.start(child, id.pid, ignored, None, None);
            }
        }
        id.pid
    }

    /// Starts these below the shell. Those that are no background jobs are its foreground command;
    /// each of them that reads a pipe reads what the one before it writes.
    fn pipeline(&mut self, shell: i32, specs: &[Spec], ignored: SignalSet) {
        let mut line = Vec::new();
        let mut from = None;
        // A shell starts nothing while a command is in its foreground.
        for spec in specs.iter().filter(|spec| spec.background) {
            self.start(spec, shell, ignored, None, None);
        }
        for (at, spec) in specs.iter().enumerate().filter(|(_, spec)| !spec.background) {
            let next = specs[at + 1..].iter().find(|spec| !spec.background);
            let to = next.is_some().then(|| self.new_pipe());
            line.push(self.start(spec, shell, ignored, from, to));
            from = to;
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
            if process.slow > 0 {
                process.acts.get_or_insert(now + process.slow);
                return;
            }
            self.act_on_pending(pid);
            return;
        }
        let handled = process.handling(signal, now).is_some();
        if !handled && (process.ignores(signal) || process.nested_init && signal != Signal::STOP) {
            return;
        }
        if process.stopped || handled && process.slow > 0 {
            if !process.pending.contains(&signal) {
                process.pending.push(signal);
            }
            if !process.stopped {
                process.acts.get_or_insert(now + process.slow);
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

    fn act_on_pending(&mut self, pid: i32) {
        let Some(process) = self.find_mut(pid) else { return };
        process.acts = None;
        let slow = std::mem::take(&mut process.slow);
        let pending = std::mem::take(&mut process.pending);
        for signal in pending {
            self.kill(pid, signal);
        }
        if let Some(process) = self.find_mut(pid) {
            process.slow = slow;
        }
    }

    fn react(&mut self, pid: i32, signal: Signal) {
        let (moment, now) = (self.moment(), self.now);
        let Some(process) = self.find_mut(pid) else { return };
        process.moves += 1;
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
                    self.start(spec, pid, ignored, None, None);
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
            let awaits = p.acts.filter(|at| !p.stopped && *at > self.now);
            [p.ends.map(|(at, _)| at), becomes, p.kills_below.filter(acts), awaits]
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
            for at in 0..self.alive.len() {
                let process = &self.alive[at];
                if let In::Pipe(pipe) | In::Socket(pipe) = process.stdin
                    && !process.had_writer
                    && self.is_written(pipe)
                {
                    self.alive[at].had_writer = true;
                }
            }
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
                if self.find(pid).is_some_and(|p| p.acts.is_some_and(|at| at <= self.now)) {
                    self.act_on_pending(pid);
                }
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
        let written = match process.stdin {
            In::Pipe(pipe) | In::Socket(pipe) => self.is_written(pipe),
            In::Nothing => false,
        };
        let eof = process.at_eof && process.had_writer && !written;
        let simple = matches!(*process.program, Program::Plain | Program::Server { .. });
        let program = Rc::clone(&process.program);
        if eof && simple && !process.is_copy(now) {
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
            self.pipeline(pid, std::slice::from_ref(spec), ignored);
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
                self.pipeline(pid, specs, ignored);
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
        process.command = 100_000 + u64::from(pid.unsigned_abs());
        process.moves += 1;
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
        if let Some(parent) = self.find_mut(process.parent) {
            parent.moves += 1;
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
                let may_fork = |at: &usize| {
                    let process = &self.alive[*at];
                    let busy = process.foreground.iter().any(|pid| self.find(*pid).is_some());
                    !process.is_copy(self.now) && !busy
                };
                if let Some(at) = nth(*place).filter(may_fork) {
                    let (pid, ignored) = (self.alive[at].id.pid, self.alive[at].ignored);
                    let mut spec = spec.clone();
                    // What a shell starts besides its script's lines is a background job.
                    spec.background = self.alive[at].kind(self.now) == Kind::Shell;
                    self.start(&spec, pid, ignored, None, None);
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
                (copy.stdin, copy.outputs) = (In::Nothing, [None; 2]);
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

    fn is_written(&self, pipe: u64) -> bool {
        self.alive.iter().any(|p| p.outputs.contains(&Some(pipe)))
    }

    /// What /proc shows of the stack pointer of a bash with a trap, and whether it is in a call
    /// that waits for a child.
    pub(crate) fn stack(&self, process: &Proc, signal: Signal) -> Option<(u64, bool)> {
        let Program::Shell { trap: Some(trap), dash: false, .. } = &*process.program else {
            return None;
        };
        if process.access != Access::Full
            || self.disposition(process, signal) != Disposition::Caught
        {
            return None;
        }
        let pid = u64::from(process.id.pid.unsigned_abs());
        // Now and then it is running, and shows none.
        if process.busy && (pid + self.now / MS).is_multiple_of(5) {
            return None;
        }
        let in_trap = matches!(process.trap, TrapState::Runs | TrapState::Over) && !trap.flat;
        // Between its commands it may read a line, or sleep.
        let awaited = process.foreground.iter().any(|pid| self.find(*pid).is_some());
        let reads = process.busy && !awaited && (pid + self.now / MS).is_multiple_of(3);
        let waits = self.children(process.id.pid).next().is_some() && !reads;
        let depth = if in_trap { 0x730 } else { 0 } + if waits { 0 } else { 0x100 };
        Some((0x7ffd_0000_0000 + 0x1000 * pid - depth, waits))
    }

    /// What /proc shows of the context switches of its first thread.
    pub(crate) fn switches(&self, process: &Proc) -> u64 {
        match process.access {
            Access::Unreadable => 0,
            _ if process.busy => process.moves + self.now / (20 * MS),
            _ => process.moves,
        }
    }

    /// Whether /proc shows that this signal is pending for it.
    pub(crate) fn is_pending(process: &Proc, signal: Signal) -> bool {
        process.access != Access::Unreadable && process.pending.contains(&signal)
    }

    /// What /proc shows as its command line; 0 for nothing.
    pub(crate) fn command(&self, process: &Proc) -> u64 {
        match process.access {
            Access::Unreadable => 0,
            _ if process.is_copy(self.now) => process.copied_command,
            _ => process.command,
        }
    }

    /// What this shell, which has got a signal that it traps, waits for before it runs the trap.
    pub(crate) fn trap_waits_for(&self, id: ProcId) -> Vec<ProcId> {
        let shell = self.by_id(id).filter(|p| p.trap == TrapState::Pending && !p.stopped);
        let pids = shell.map(|p| p.foreground.clone()).unwrap_or_default();
        pids.into_iter().filter_map(|pid| self.find(pid)).map(|p| p.id).collect()
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
    /// One that is `deciding` asks less.
    pub(crate) fn snapshot(
        &self,
        signal: Signal,
        missed: Option<ProcId>,
        deciding: bool,
    ) -> Snapshot {
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
                    stdin: visible_stdin(sim),
                    outputs: Outputs {
                        files: match sim.access {
                            Access::Full => sim.outputs.map(|pipe| pipe.map(file)),
                            _ => [None; 2],
                        },
                        hidden: sim.access != Access::Full,
                    },
                    in_wait: disposition == Disposition::Caught && self.in_wait(sim),
                    stack: self.stack(sim, signal).map(|(stack, _)| stack),
                    waits: self.stack(sim, signal).is_some_and(|(_, waits)| waits),
                    switches: self.switches(sim),
                    pending: Self::is_pending(sim, signal),
                    command: self.command(sim),
                });
                push(&mut queue, sim.id.pid, here);
            }
        }
        // The stdin of what is below a program that handles the signal is not read, nor at the
        // first look that of the only such program; outputs only where a process has a pipe as
        // stdin.
        let mut within: Vec<bool> = Vec::with_capacity(processes.len());
        let handles = |p: &Process| {
            use Disposition::{Blocked, Caught, Waiting};
            p.kind == Kind::Program && matches!(p.disposition, Caught | Blocked | Waiting)
        };
        for process in &processes {
            within.push(process.above.is_some_and(|at| within[at] || handles(&processes[at])));
        }
        let may_handle = |p: &Process| match p.kind {
            Kind::Wrapper => false,
            Kind::Shell => p.disposition == Disposition::Caught,
            Kind::Program => !matches!(p.disposition, Disposition::Default | Disposition::Ignored),
        };
        let top = processes.iter().zip(&within).filter(|(_, within)| !**within);
        let several = !deciding || top.filter(|(process, _)| may_handle(process)).count() > 1;
        for (process, within) in processes.iter_mut().zip(&within) {
            if *within || !several && handles(process) {
                process.stdin = Stdin::Other;
            }
        }
        if !processes.iter().any(|p| matches!(p.stdin, Stdin::Pipe(_))) {
            for process in &mut processes {
                process.outputs = Outputs::default();
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

fn file(pipe: u64) -> File {
    File { device: (0, 14), inode: pipe }
}

/// What /proc shows of its stdin.
pub(crate) fn visible_stdin(process: &Proc) -> Stdin {
    match (process.access, process.stdin) {
        (Access::Hidden | Access::Unreadable, _) | (Access::Full, In::Socket(_)) => Stdin::Unknown,
        (Access::Full, In::Pipe(pipe)) => Stdin::Pipe(file(pipe)),
        (Access::Full, In::Nothing) => Stdin::Other,
    }
}

fn killed(process: &Proc) -> bool {
    matches!(process.ends, Some((_, End::Signaled(Signal::KILL))))
}

pub(crate) fn time(at: Micros) -> Duration {
    Duration::from_micros(at)
}
