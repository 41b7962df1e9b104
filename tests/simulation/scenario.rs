//! What a seed stands for: settings, a tree of programs, and what happens to it and when. All of it
//! is plain values, so that a failing scenario can be made smaller piece by piece.

use adieu::signal::Signal;

/// Virtual time in microseconds since adieu was started.
pub(crate) type Micros = u64;
pub(crate) const MS: Micros = 1_000;
pub(crate) const SECOND: Micros = 1_000_000;

/// A small generator of random numbers (splitmix64): the same seed gives the same run everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }
}

/// Everything that a run depends on.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) settings: Options,
    /// The conditions under which adieu runs.
    pub(crate) world: Conditions,
    /// The main process, then what was daemonized before adieu looks for the first time.
    pub(crate) roots: Vec<Spec>,
    pub(crate) events: Vec<Event>,
}

/// The settings, as a user would write them.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Micros>,
    pub(crate) epilogue: Micros,
    pub(crate) deliver: &'static str,
    pub(crate) linger: bool,
    pub(crate) rewrites: Vec<(Signal, Option<Signal>)>,
    pub(crate) stop_on: Vec<Signal>,
    pub(crate) ok_exits: Vec<u8>,
    /// Signals that adieu was started ignoring (nohup).
    pub(crate) ignored: Vec<Signal>,
}

/// The conditions under which adieu runs.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    pub(crate) is_init: bool,
    /// How long a look takes.
    pub(crate) look: Micros,
    pub(crate) pidfds: bool,
    /// From this time on adieu cannot open any descriptor (`Inbox::close`).
    pub(crate) no_descriptors_from: Option<Micros>,
    /// From the first of these times to the second, /proc cannot be read.
    pub(crate) no_proc: Option<(Micros, Micros)>,
    /// With `Some(n)`, one process is missing from every n-th look.
    pub(crate) misses: Option<u64>,
    /// The pid of a process that has ended is given to another process soon.
    pub(crate) reuses: bool,
}

/// A process as it is at its start, with the processes below it.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) program: Program,
    /// It leads a process group of its own (setsid).
    pub(crate) own_group: bool,
    /// Started with `&` by the shell above.
    pub(crate) background: bool,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// It ends when what it reads from has no writer any more.
    pub(crate) at_eof: bool,
    /// It gets a processor now and then without a signal.
    pub(crate) busy: bool,
    /// How long it takes until it acts on a signal.
    pub(crate) slow: Micros,
    /// It sets INT and QUIT back to their defaults, as node does, so that they do not show that it
    /// is a background job.
    pub(crate) resets: bool,
    /// Its command line, as a number. A restart has the one of the program that it starts again.
    pub(crate) command: u64,
    pub(crate) access: Access,
    /// It belongs to another user: adieu may not signal it.
    pub(crate) foreign: bool,
    pub(crate) stopped: bool,
    /// It is the init of a PID namespace of its own.
    pub(crate) nested_init: bool,
    /// Not even SIGKILL ends it within a reasonable time.
    pub(crate) stuck: bool,
    /// It ends by itself after this time.
    pub(crate) life: Option<Micros>,
    pub(crate) status: u8,
    pub(crate) children: Vec<Spec>,
}

/// What a process has as stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// What its parent has; a background job has nothing.
    Inherited,
    /// The pipe in which the command before it in the pipeline writes; without such a command, one
    /// that no process of the tree writes (`curl … | bash`).
    Pipe,
    /// A socket instead, as some shells have it.
    Socket,
    /// The FIFO with this number.
    Fifo(u8),
}

/// What a process has as stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The pipe of its pipeline, or what its parent has.
    Inherited,
    /// A file.
    File,
    /// The FIFO with this number.
    Fifo(u8),
    /// The FIFO with this number as stderr; stdout is inherited.
    ErrorsToFifo(u8),
}

/// What adieu may read of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Full,
    /// All but what its threads are doing, and its files.
    Hidden,
    /// Nothing.
    Unreadable,
}

/// How a program handles a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Handler,
    SignalFd,
    SigWait,
}

#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// Leaves every signal to its default action.
    Plain,
    /// Ignores the stop signals.
    Ignorer,
    /// Handles signals; `since` is how long after its start it registers its handlers.
    Server { how: How, handles: Handled, since: Micros, on_stop: OnStop },
    /// A shell. Its children are its pipeline in the foreground, or its background jobs. After
    /// those it runs `rest`, line by line.
    Shell { trap: Option<Trap>, rest: Vec<Vec<Spec>>, again: bool, dash: bool },
    /// Passes signals on to its children, and ends when they have ended.
    Wrapper { how: How, like: Like },
}

/// Which wrapper it behaves like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Like {
    Tini,
    /// Kills its children two seconds after it got the signal.
    Su,
    /// Handles TERM and INT alone, and those not before this long after its start.
    Npm(Micros),
}

/// Which signals a server handles besides TERM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handled {
    pub(crate) int: bool,
    pub(crate) quit: bool,
    pub(crate) hup: bool,
    pub usr1: bool,
}

/// What a server does when it gets a stop signal.
#[derive(Clone, Debug)]
pub(crate) enum OnStop {
    /// Works for this long and ends.
    Works(Micros),
    Hangs,
    /// Ends at once and leaves its children.
    Leaves,
    /// Sends SIGTERM to its children, and ends when they have ended.
    StopsChildren,
    /// Starts this process, and ends this long afterwards.
    Forks(Micros, Box<Spec>),
    /// Executes this program, this long afterwards.
    Execs(Micros, Box<Program>),
    /// Drops its handler first (`signal(TERM, SIG_DFL)`), works for this long and ends.
    Drops(Micros),
}

#[derive(Clone, Debug)]
pub(crate) struct Trap {
    pub(crate) int: bool,
    /// How long it works; where it runs a command, after that has ended.
    pub(crate) work: Micros,
    /// It sends SIGTERM to the shell's background jobs and waits for them.
    pub(crate) stops_jobs: bool,
    pub(crate) runs: Option<Box<Spec>>,
    /// The shell's stack pointer is the same while it runs: it waits in a loop, and the trap does
    /// nothing that takes time.
    pub(crate) flat: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Micros,
    /// Not at that time, but right after the first look that follows, before adieu acts on what it
    /// saw.
    pub(crate) after_look: bool,
    pub(crate) what: Happening,
}

/// What happens. A process is named by its place among the living ones.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A signal arrives for adieu.
    Signal(Signal),
    Ends(usize, u8),
    Forks(usize, Spec),
    Execs(usize, Program),
    Daemonizes(usize),
    Stops(usize),
    Resumes(usize),
}

const STOPS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::QUIT];

pub(crate) fn usr1() -> Signal {
    Signal::from_number(10).expect("USR1")
}

struct Maker {
    random: Random,
    /// There is a timeout. Without one, whatever might hang ends by itself at some time, so that
    /// every run ends.
    limited: bool,
    namespaces: bool,
    left: u32,
    /// How many command lines there are so far.
    commands: u64,
    /// How many FIFOs there are so far.
    fifos: u8,
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let limited = !random.one_in(3);
        let r = &mut random;
        let settings = Options {
            timeout: limited.then(|| {
                let most = if r.one_in(8) { 16_000 } else { 6_000 };
                MS * (1 + r.below(most))
            }),
            epilogue: match r.below(12) {
                0 | 1 => 0,
                2 => MS * r.below(6_000),
                _ => MS * r.below(1_800),
            },
            deliver: ["programs", "programs", "programs", "programs", "group", "child"]
                [r.below(6) as usize],
            linger: r.one_in(8),
            rewrites: match r.below(12) {
                0 => vec![(Signal::TERM, Some(Signal::QUIT))],
                1 => vec![(Signal::HUP, Some(Signal::TERM))],
                2 => vec![(Signal::INT, None)],
                3 => vec![(usr1(), Some(Signal::INT))],
                _ => Vec::new(),
            },
            stop_on: match r.below(8) {
                0 => vec![Signal::TERM],
                1 => vec![Signal::INT, Signal::TERM],
                _ => STOPS.to_vec(),
            },
            ok_exits: match r.below(10) {
                0 => vec![143, 3],
                1 => vec![137, 143],
                _ => Vec::new(),
            },
            ignored: match r.below(16) {
                0 => vec![Signal::HUP],
                1 => vec![Signal::INT, Signal::QUIT],
                _ => Vec::new(),
            },
        };
        let mut world = Conditions {
            is_init: r.one_in(2),
            look: [300, 300, 300, 2 * MS, 2 * MS, 20 * MS][r.below(6) as usize],
            pidfds: !r.one_in(8),
            no_descriptors_from: r.one_in(12).then(|| r.below(4 * SECOND)),
            no_proc: match r.below(30) {
                0 => Some((0, Micros::MAX)),
                1 => Some((r.below(3 * SECOND), Micros::MAX)),
                2 => {
                    let from = r.below(3 * SECOND);
                    Some((from, from + r.below(SECOND)))
                }
                _ => None,
            },
            misses: None,
            reuses: r.one_in(3),
        };
        // If a look misses a handler that is not watched, adieu cannot know that it is still there.
        let knows =
            world.pidfds && world.no_descriptors_from.is_none() && settings.timeout.is_some();
        if random.one_in(8) && knows && settings.deliver == "programs" {
            world.misses = Some(2 + random.below(6));
        }
        let namespaces = settings.deliver == "programs";
        let mut maker = Maker {
            left: 2 + u32::try_from(random.below(14)).expect("small"),
            random,
            limited,
            namespaces,
            commands: 0,
            fifos: 0,
        };
        let mut roots = vec![maker.main()];
        while maker.random.one_in(6) {
            let mut daemon = maker.spec(1);
            daemon.own_group = true;
            roots.push(daemon);
        }
        let events = maker.events();
        Self { seed, settings, world, roots, events }
    }
}

impl Maker {
    fn one_in(&mut self, chances: u64) -> bool {
        self.random.one_in(chances)
    }

    fn time(&mut self, limit: Micros) -> Micros {
        // Often short: most mistakes show when things happen shortly one after the other.
        match self.random.below(3) {
            0 => self.random.below(limit.min(20 * MS)),
            1 => self.random.below(limit.min(SECOND)),
            _ => self.random.below(limit),
        }
    }

    /// The main process: mostly a shell, as where adieu is used.
    fn main(&mut self) -> Spec {
        let program = match self.random.below(8) {
            0 => self.program(0),
            1 if self.one_in(2) => {
                let mut npm = self.npm(0);
                (npm.own_group, npm.input) = (false, Input::Inherited);
                return npm;
            }
            1 => self.wrapper(4),
            _ => self.shell(0),
        };
        let mut spec = self.around(program, 0);
        (spec.own_group, spec.background, spec.nested_init) = (false, false, false);
        // `curl … | bash`
        spec.input = if self.one_in(8) { Input::Pipe } else { Input::Inherited };
        if matches!(spec.program, Program::Shell { .. }) {
            self.connect(&mut spec);
        }
        spec
    }

    /// Connects processes below a shell by FIFOs, in the forms in which scripts do so.
    fn connect(&mut self, spec: &mut Spec) {
        if !self.one_in(4) {
            return;
        }
        let [zero, one] = [self.fifos, self.fifos + 1];
        self.fifos += 2;
        match self.random.below(4) {
            // `mkfifo f; ./server >f & cat <f`
            0 | 1 => {
                let mut writer = self.spec(2);
                writer.output = match self.one_in(4) {
                    true => Output::ErrorsToFifo(zero),
                    false => Output::Fifo(zero),
                };
                writer.background = true;
                if self.one_in(2) {
                    writer.program = self.server(4);
                }
                let mut reader = self.spec(2);
                (reader.input, reader.at_eof) = (Input::Fifo(zero), true);
                reader.background = self.one_in(5);
                if !self.one_in(4) {
                    (reader.program, reader.life) = (Program::Plain, None);
                }
                // A shell starts nothing else while a command is in its foreground.
                if !reader.background {
                    spec.children.retain(|child| child.background);
                }
                spec.children.extend([writer, reader]);
            }
            // `exec > >(shipper)`
            2 => {
                spec.output = Output::Fifo(zero);
                let mut shipper = self.spec(2);
                (shipper.input, shipper.at_eof) = (Input::Fifo(zero), !self.one_in(6));
                (shipper.background, shipper.output) = (true, Output::File);
                shipper.resets = self.one_in(2);
                if self.one_in(2) {
                    shipper.program = self.server(4);
                }
                spec.children.insert(0, shipper);
            }
            // Each reads what the other writes.
            _ => {
                spec.children.retain(|child| child.background);
                for (from, to) in [(zero, one), (one, zero)] {
                    let mut member = self.spec(2);
                    member.program = self.server(4);
                    (member.input, member.output) = (Input::Fifo(from), Output::Fifo(to));
                    member.children.clear();
                    member.background = from == zero || self.one_in(2);
                    spec.children.push(member);
                }
            }
        }
    }

    fn how(&mut self) -> How {
        self.random.pick(&[How::Handler, How::Handler, How::SignalFd, How::SigWait])
    }

    fn program(&mut self, depth: u32) -> Program {
        match self.random.below(20) {
            0..=5 => Program::Plain,
            6 => Program::Ignorer,
            7..=12 => self.server(depth),
            13..=17 => self.shell(depth),
            _ => self.wrapper(3),
        }
    }

    fn wrapper(&mut self, chances: u64) -> Program {
        let like = if self.one_in(chances) { Like::Su } else { Like::Tini };
        Program::Wrapper { how: self.how(), like }
    }

    /// `npm start`: a wrapper, below it the shell that runs the package's script, and below that
    /// the server.
    fn npm(&mut self, depth: u32) -> Spec {
        const LEAF: u32 = 4;
        let boots = if self.one_in(3) { self.time(2 * SECOND) } else { 0 };
        let server = self.server(LEAF);
        let shell =
            Program::Shell { trap: None, rest: Vec::new(), again: false, dash: self.one_in(2) };
        let mut script = self.around(shell, LEAF);
        script.children = vec![self.around(server, LEAF)];
        let mut npm =
            self.around(Program::Wrapper { how: How::Handler, like: Like::Npm(boots) }, depth);
        npm.children = vec![script];
        npm
    }

    fn server(&mut self, depth: u32) -> Program {
        let since = if self.one_in(4) { self.time(3 * SECOND) } else { 0 };
        let on_stop = match self.random.below(14) {
            0..=4 => OnStop::Works(self.time(4 * SECOND)),
            5 if self.limited => OnStop::Hangs,
            6 => OnStop::Leaves,
            7..=8 => OnStop::StopsChildren,
            9 if self.left > 0 => {
                let spec = self.spec(depth + 1);
                OnStop::Forks(self.time(2 * SECOND), Box::new(spec))
            }
            10 => {
                let program = if self.one_in(2) { Program::Plain } else { self.server(depth + 3) };
                OnStop::Execs(self.time(SECOND), Box::new(program))
            }
            11 => OnStop::Drops(self.time(2 * SECOND)),
            _ => OnStop::Works(self.time(300 * MS)),
        };
        let mut chance = |of: u64| self.random.one_in(of);
        let handles = Handled { int: !chance(4), quit: chance(2), hup: chance(3), usr1: chance(3) };
        Program::Server { how: self.how(), handles, since, on_stop }
    }

    fn shell(&mut self, depth: u32) -> Program {
        let trap = self.one_in(3).then(|| Trap {
            int: self.one_in(2),
            work: self.time(SECOND),
            stops_jobs: self.one_in(2),
            runs: self.one_in(4).then(|| Box::new(self.small(depth + 1))),
            flat: self.one_in(6),
        });
        let lines = self.random.below(3);
        let rest = (0..lines).map(|_| self.pipeline(depth + 1, true)).collect();
        Program::Shell { trap, rest, again: lines > 0 && self.one_in(4), dash: self.one_in(2) }
    }

    /// A command that ends soon: what a script or a trap starts.
    fn small(&mut self, depth: u32) -> Spec {
        let mut spec = self.spec(depth + 2);
        spec.life = Some(MS + self.time(SECOND));
        spec.background = false;
        spec
    }

    fn pipeline(&mut self, depth: u32, later: bool) -> Vec<Spec> {
        let length = match self.random.below(9) {
            0..=1 => 2,
            2 => 3,
            _ => 1,
        };
        let mut pipeline = Vec::new();
        for place in 0..length {
            let mut spec = if later { self.small(depth) } else { self.spec(depth) };
            spec.background = false;
            if place > 0 {
                spec.input = if self.one_in(8) { Input::Socket } else { Input::Pipe };
                spec.at_eof = !self.one_in(6);
                if self.one_in(2) {
                    (spec.program, spec.life) = (Program::Plain, None);
                } else if self.one_in(2) {
                    spec.program = self.server(4);
                }
            }
            pipeline.push(spec);
        }
        pipeline
    }

    fn spec(&mut self, depth: u32) -> Spec {
        if self.left > 2 && self.one_in(30) {
            return self.npm(depth);
        }
        let program = if self.left == 0 { Program::Plain } else { self.program(depth) };
        self.around(program, depth)
    }

    fn around(&mut self, program: Program, depth: u32) -> Spec {
        self.left = self.left.saturating_sub(1);
        let mut children = Vec::new();
        let most = if depth > 3 { 0 } else { 3 };
        let shell = matches!(program, Program::Shell { .. });
        if shell && depth <= 3 && self.left > 0 && !self.one_in(6) {
            children = self.pipeline(depth + 1, false);
        }
        if matches!(program, Program::Wrapper { .. }) && self.left > 0 && !self.one_in(6) {
            children.push(self.spec(depth + 1));
        }
        let likely = if shell { 2 } else { 4 };
        for _ in 0..most {
            if self.left > 0 && !matches!(program, Program::Wrapper { .. }) && self.one_in(likely) {
                let mut child = self.spec(depth + 1);
                child.background = shell;
                children.push(child);
            }
        }
        let nested_init = depth > 0 && !shell && self.one_in(14) && self.namespaces;
        let stopped = self.one_in(25);
        let foreign = self.one_in(25);
        let access = match self.random.below(30) {
            0..=1 => Access::Hidden,
            2 if !shell => Access::Unreadable,
            _ => Access::Full,
        };
        let risky = matches!(program, Program::Ignorer) || nested_init || stopped || foreign;
        let life = if self.one_in(4) || (risky && !self.limited) {
            Some(self.time(6 * SECOND))
        } else {
            None
        };
        let again = matches!(program, Program::Shell { again: true, .. });
        self.commands += 1;
        // The same program may be started in several places.
        let same = self.one_in(6);
        let command = if same { 1 + self.random.below(self.commands) } else { self.commands };
        Spec {
            program,
            own_group: self.one_in(10),
            background: false,
            input: if self.one_in(24) { Input::Pipe } else { Input::Inherited },
            output: if self.one_in(16) { Output::File } else { Output::Inherited },
            at_eof: self.one_in(3),
            busy: self.one_in(5),
            slow: if self.one_in(10) { self.random.below(30 * MS) } else { 0 },
            resets: self.one_in(6),
            command,
            access,
            foreign,
            stopped,
            nested_init,
            stuck: self.limited && self.one_in(300),
            life: life.filter(|_| !again || !self.limited),
            status: self.random.pick(&[0, 0, 1, 3, 143]),
            children,
        }
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let first = self.time(SECOND);
        if !self.one_in(8) {
            let what = Happening::Signal(self.random.pick(&[
                Signal::TERM,
                Signal::TERM,
                Signal::TERM,
                Signal::INT,
                Signal::QUIT,
            ]));
            events.push(Event { at: first, after_look: false, what });
        }
        let more = self.random.below(6);
        for _ in 0..more {
            let at = self.time(4 * SECOND);
            let at = if self.one_in(4) { at } else { at + first };
            let place = usize::try_from(self.random.below(1_000)).expect("small");
            let what = match self.random.below(16) {
                0..=3 => Happening::Signal(self.random.pick(&[
                    Signal::TERM,
                    Signal::TERM,
                    Signal::TERM,
                    Signal::INT,
                    Signal::QUIT,
                ])),
                4..=6 => Happening::Signal(self.random.pick(&[
                    Signal::HUP,
                    usr1(),
                    Signal::WINCH,
                    Signal::TSTP,
                    Signal::CONT,
                ])),
                7..=9 => Happening::Ends(place, self.random.pick(&[0, 1, 3])),
                10..=11 => {
                    let spec = self.spec(3);
                    Happening::Forks(place, spec)
                }
                12 => {
                    let program = self.program(4);
                    Happening::Execs(place, program)
                }
                13 => Happening::Daemonizes(place),
                14 => Happening::Stops(place),
                _ => Happening::Resumes(place),
            };
            let after_look = !matches!(what, Happening::Signal(_)) && self.one_in(2);
            // Without a timeout nothing ends a stopped process, so there none is stopped for good.
            if !self.limited
                && matches!(what, Happening::Stops(_) | Happening::Signal(Signal::TSTP))
            {
                continue;
            }
            if matches!(what, Happening::Signal(Signal::TSTP)) {
                let what = Happening::Signal(Signal::CONT);
                events.push(Event { at: at + self.random.below(SECOND), after_look: false, what });
            }
            events.push(Event { at, after_look, what });
        }
        events.sort_by_key(|event| event.at);
        events
    }
}

impl Scenario {
    /// Every scenario that lacks one piece of this one.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self) -> bool| {
            let mut other = self.clone();
            if change(&mut other) {
                all.push(other);
            }
        };
        for index in 0..self.events.len() {
            add(&|s| {
                s.events.remove(index);
                true
            });
        }
        for index in 1..self.roots.len() {
            add(&|s| {
                s.roots.remove(index);
                true
            });
        }
        let count: usize = self.roots.iter().map(Spec::count).sum();
        for index in 0..count {
            add(&|s| s.change(index, &mut |list, at| list.remove(at).count() > 0));
            add(&|s| {
                s.change(index, &mut |list, at| {
                    let children = std::mem::take(&mut list[at].children);
                    let changed = !children.is_empty();
                    list.splice(at..=at, children);
                    changed
                })
            });
            for field in 0..16 {
                add(&|s| s.change(index, &mut |list, at| list[at].simplify(field)));
            }
        }
        add(&|s| std::mem::take(&mut s.settings.linger));
        add(&|s| !std::mem::take(&mut s.settings.rewrites).is_empty());
        add(&|s| !std::mem::take(&mut s.settings.ok_exits).is_empty());
        add(&|s| !std::mem::take(&mut s.settings.ignored).is_empty());
        add(&|s| std::mem::replace(&mut s.settings.deliver, "programs") != "programs");
        add(&|s| std::mem::replace(&mut s.world.look, 300) != 300);
        add(&|s| !std::mem::replace(&mut s.world.pidfds, true));
        add(&|s| s.world.no_descriptors_from.take().is_some());
        add(&|s| s.world.no_proc.take().is_some());
        add(&|s| s.world.misses.take().is_some());
        add(&|s| std::mem::take(&mut s.world.reuses));
        all
    }

    /// Changes the process with this number, counted from the top. The main process cannot be
    /// removed.
    fn change(
        &mut self,
        index: usize,
        change: &mut dyn FnMut(&mut Vec<Spec>, usize) -> bool,
    ) -> bool {
        fn visit(
            list: &mut Vec<Spec>,
            left: &mut usize,
            change: &mut dyn FnMut(&mut Vec<Spec>, usize) -> bool,
        ) -> Option<bool> {
            for at in 0..list.len() {
                if *left == 0 {
                    return Some(change(list, at));
                }
                *left -= 1;
                if let Some(changed) = visit(&mut list[at].children, left, change) {
                    return Some(changed);
                }
                if let Program::Shell { rest, .. } = &mut list[at].program {
                    for line in rest {
                        if let Some(changed) = visit(line, left, change) {
                            return Some(changed);
                        }
                    }
                }
            }
            None
        }
        let mut left = index;
        let changed = visit(&mut self.roots, &mut left, change).unwrap_or(false);
        changed && !self.roots.is_empty()
    }
}

impl Spec {
    fn count(&self) -> usize {
        let rest = match &self.program {
            Program::Shell { rest, .. } => rest.iter().flatten().map(Self::count).sum(),
            _ => 0,
        };
        1 + rest + self.children.iter().map(Self::count).sum::<usize>()
    }

    /// Sets one property to its plainest value; whether that changed anything.
    fn simplify(&mut self, field: usize) -> bool {
        match field {
            0 => std::mem::take(&mut self.own_group),
            1 => std::mem::replace(&mut self.input, Input::Inherited) != Input::Inherited,
            2 => std::mem::replace(&mut self.access, Access::Full) != Access::Full,
            3 => std::mem::take(&mut self.foreign),
            4 => std::mem::take(&mut self.stopped),
            5 => std::mem::take(&mut self.nested_init),
            6 => self.life.take().is_some(),
            9 => std::mem::replace(&mut self.output, Output::Inherited) != Output::Inherited,
            10 => std::mem::take(&mut self.at_eof),
            11 => std::mem::take(&mut self.busy),
            12 => std::mem::take(&mut self.slow) > 0,
            13 => std::mem::take(&mut self.resets),
            14 => std::mem::replace(&mut self.command, 0) != 0,
            15 => match &mut self.program {
                Program::Shell { again, .. } => std::mem::take(again),
                _ => false,
            },
            7 => match &mut self.program {
                Program::Shell { rest, .. } => rest.pop().is_some(),
                Program::Server { since, .. } => std::mem::take(since) > 0,
                _ => false,
            },
            _ => match &mut self.program {
                Program::Shell { trap, .. } => trap.take().is_some(),
                Program::Server { on_stop: OnStop::Works(time), .. } if *time <= SECOND => false,
                Program::Server { on_stop, .. } => {
                    *on_stop = OnStop::Works(SECOND);
                    true
                }
                _ => false,
            },
        }
    }
}
