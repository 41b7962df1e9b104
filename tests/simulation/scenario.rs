//! What a seed stands for: settings, a tree of programs, and what happens to it when. Plain values,
//! so that a failing scenario can be made smaller piece by piece.

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
    pub(crate) settings: Chosen,
    /// How the world is.
    pub(crate) world: Surroundings,
    /// The main process, then what was daemonized before.
    pub(crate) roots: Vec<Spec>,
    pub(crate) events: Vec<Event>,
}

/// The settings, as a user would write them.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
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

/// What adieu meets.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) is_init: bool,
    /// How long a look takes.
    pub(crate) look: Micros,
    pub(crate) pidfds: bool,
    /// From then on it has no descriptors (`Inbox::close`).
    pub(crate) closes: Option<Micros>,
    /// From, to: /proc cannot be read.
    pub(crate) blind: Option<(Micros, Micros)>,
    /// One process is missing from every so manieth look.
    pub(crate) misses: Option<u64>,
    /// Freed pids are given away again soon.
    pub(crate) reuses: bool,
}

/// A process as it is at the start, with what is below it.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) program: Program,
    /// Leads a group of its own (setsid).
    pub(crate) own_group: bool,
    /// Started with `&` by the shell above.
    pub(crate) background: bool,
    /// Its stdin is a pipe of the tree.
    pub(crate) reads: bool,
    pub(crate) sight: Sight,
    /// Belongs to another user: adieu may not signal it.
    pub(crate) foreign: bool,
    pub(crate) stopped: bool,
    /// The init of a PID namespace of its own.
    pub(crate) nested_init: bool,
    /// Not even SIGKILL ends it within a reasonable time.
    pub(crate) stuck: bool,
    /// Ends by itself after this time.
    pub(crate) life: Option<Micros>,
    pub(crate) status: u8,
    pub(crate) children: Vec<Spec>,
}

/// What may be read of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Clear,
    /// Not what its threads are doing, nor its stdin.
    Hidden,
    /// Nothing.
    Unreadable,
}

/// How a program hears of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Handler,
    SignalFd,
    SigWait,
}

#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// Does not care for signals.
    Plain,
    /// Ignores the stop signals.
    Ignorer,
    /// Handles signals; `since` is how long after its start it registers.
    Server { how: How, hears: Hears, since: Micros, then: Then },
    /// A shell: the children are its pipeline in the foreground, or its background jobs; then
    /// `rest`, line by line.
    Shell { trap: Option<Trap>, rest: Vec<Vec<Spec>>, again: bool, dash: bool },
    /// Passes signals on to its children and ends with them.
    Wrapper { how: How, like: Like },
}

/// What else a relay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Like {
    Tini,
    /// Kills its children two seconds after it was told.
    Su,
    /// Handles TERM and INT alone, and those only so long after its start.
    Npm(Micros),
}

/// Which signals a server handles beside TERM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hears {
    pub(crate) int: bool,
    pub(crate) quit: bool,
    pub(crate) hup: bool,
    pub usr1: bool,
}

/// What a server does when it is told to stop.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// Finishes its work and ends.
    Works(Micros),
    Hangs,
    /// Ends at once and leaves its children.
    Leaves,
    /// Tells its children and ends when they are gone.
    Masters,
    /// Starts this one and ends so much later.
    Forks(Micros, Box<Spec>),
    /// Becomes another program.
    Execs(Micros, Box<Program>),
    /// Drops its handler while it works (`signal(TERM, SIG_DFL)` first thing).
    Drops(Micros),
}

#[derive(Clone, Debug)]
pub(crate) struct Trap {
    pub(crate) int: bool,
    /// How long it works after its command, if it runs one, has ended.
    pub(crate) work: Micros,
    /// It tells the shell's background jobs and waits for them.
    pub(crate) tells_jobs: bool,
    pub(crate) runs: Option<Box<Spec>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Micros,
    /// Not at that time, but right after the next look behind it, before adieu acts on it.
    pub(crate) ambush: bool,
    pub(crate) what: Happening,
}

/// The processes are meant by their place among the living.
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
    /// Without a timeout whatever might hang ends by itself at some time, so that every run ends.
    limited: bool,
    namespaces: bool,
    left: u32,
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let limited = !random.one_in(3);
        let r = &mut random;
        let settings = Chosen {
            timeout: limited.then(|| MS * (1 + r.below(6_000))),
            epilogue: if r.one_in(6) { 0 } else { MS * r.below(1_800) },
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
            ok_exits: if r.one_in(5) { vec![143, 3] } else { Vec::new() },
            ignored: match r.below(16) {
                0 => vec![Signal::HUP],
                1 => vec![Signal::INT, Signal::QUIT],
                _ => Vec::new(),
            },
        };
        let mut world = Surroundings {
            is_init: r.one_in(2),
            look: [300, 300, 300, 2 * MS, 2 * MS, 20 * MS][r.below(6) as usize],
            pidfds: !r.one_in(8),
            closes: r.one_in(12).then(|| r.below(4 * SECOND)),
            blind: match r.below(30) {
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
        // An owner that is missed and not watched is gone for all that adieu can know.
        let knows = world.pidfds && world.closes.is_none() && settings.timeout.is_some();
        if random.one_in(8) && knows && settings.deliver == "programs" {
            world.misses = Some(2 + random.below(6));
        }
        let namespaces = settings.deliver == "programs";
        let mut maker = Maker {
            left: 2 + u32::try_from(random.below(14)).expect("small"),
            random,
            limited,
            namespaces,
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
        // Often short: most of what goes wrong happens close together.
        match self.random.below(3) {
            0 => self.random.below(limit.min(20 * MS)),
            1 => self.random.below(limit.min(SECOND)),
            _ => self.random.below(limit),
        }
    }

    /// Mostly a shell, as it is where adieu is used.
    fn main(&mut self) -> Spec {
        let program = match self.random.below(8) {
            0 => self.program(0),
            1 if self.one_in(2) => {
                let mut npm = self.npm(0);
                (npm.own_group, npm.reads) = (false, false);
                return npm;
            }
            1 => self.relay(4),
            _ => self.shell(0),
        };
        let mut spec = self.around(program, 0);
        (spec.own_group, spec.background, spec.reads, spec.nested_init) =
            (false, false, false, false);
        spec
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
            _ => self.relay(3),
        }
    }

    fn relay(&mut self, chances: u64) -> Program {
        let like = if self.one_in(chances) { Like::Su } else { Like::Tini };
        Program::Wrapper { how: self.how(), like }
    }

    /// `npm start`: a relay above the shell that runs the package's script, and that above the
    /// server.
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
        let then = match self.random.below(14) {
            0..=4 => Then::Works(self.time(4 * SECOND)),
            5 if self.limited => Then::Hangs,
            6 => Then::Leaves,
            7..=8 => Then::Masters,
            9 if self.left > 0 => {
                let spec = self.spec(depth + 1);
                Then::Forks(self.time(2 * SECOND), Box::new(spec))
            }
            10 => {
                let program = if self.one_in(2) { Program::Plain } else { self.server(depth + 3) };
                Then::Execs(self.time(SECOND), Box::new(program))
            }
            11 => Then::Drops(self.time(2 * SECOND)),
            _ => Then::Works(self.time(300 * MS)),
        };
        let mut chance = |of: u64| self.random.one_in(of);
        let hears = Hears { int: !chance(4), quit: chance(2), hup: chance(3), usr1: chance(3) };
        Program::Server { how: self.how(), hears, since, then }
    }

    fn shell(&mut self, depth: u32) -> Program {
        let trap = self.one_in(3).then(|| Trap {
            int: self.one_in(2),
            work: self.time(SECOND),
            tells_jobs: self.one_in(2),
            runs: self.one_in(4).then(|| Box::new(self.small(depth + 1))),
        });
        let lines = self.random.below(3);
        let rest = (0..lines).map(|_| self.pipeline(depth + 1, true)).collect();
        Program::Shell { trap, rest, again: lines > 0 && self.one_in(4), dash: self.one_in(2) }
    }

    /// A command that does not last: what a script or a trap starts.
    fn small(&mut self, depth: u32) -> Spec {
        let mut spec = self.spec(depth + 2);
        spec.life = Some(MS + self.time(SECOND));
        spec.background = false;
        spec
    }

    fn pipeline(&mut self, depth: u32, later: bool) -> Vec<Spec> {
        let length = if self.one_in(3) { 2 } else { 1 };
        let mut pipeline = Vec::new();
        for place in 0..length {
            let mut spec = if later { self.small(depth) } else { self.spec(depth) };
            spec.background = false;
            if place > 0 {
                spec.reads = true;
                if self.one_in(2) {
                    (spec.program, spec.life) = (Program::Plain, None);
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
        let sight = match self.random.below(30) {
            0..=1 => Sight::Hidden,
            2 if !shell => Sight::Unreadable,
            _ => Sight::Clear,
        };
        let risky = matches!(program, Program::Ignorer) || nested_init || stopped || foreign;
        let life = if self.one_in(4) || (risky && !self.limited) {
            Some(self.time(6 * SECOND))
        } else {
            None
        };
        let again = matches!(program, Program::Shell { again: true, .. });
        Spec {
            program,
            own_group: self.one_in(10),
            background: false,
            reads: self.one_in(16),
            sight,
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
            events.push(Event { at: first, ambush: false, what });
        }
        let more = self.random.below(6);
        for _ in 0..more {
            let at = self.time(4 * SECOND);
            let at = if self.one_in(4) { at } else { at + first };
            let who = usize::try_from(self.random.below(1_000)).expect("small");
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
                7..=9 => Happening::Ends(who, self.random.pick(&[0, 1, 3])),
                10..=11 => {
                    let spec = self.spec(3);
                    Happening::Forks(who, spec)
                }
                12 => {
                    let program = self.program(4);
                    Happening::Execs(who, program)
                }
                13 => Happening::Daemonizes(who),
                14 => Happening::Stops(who),
                _ => Happening::Resumes(who),
            };
            let ambush = !matches!(what, Happening::Signal(_)) && self.one_in(2);
            // Whoever is stopped goes on at some time where no timeout ends it.
            if !self.limited
                && matches!(what, Happening::Stops(_) | Happening::Signal(Signal::TSTP))
            {
                continue;
            }
            if matches!(what, Happening::Signal(Signal::TSTP)) {
                let what = Happening::Signal(Signal::CONT);
                events.push(Event { at: at + self.random.below(SECOND), ambush: false, what });
            }
            events.push(Event { at, ambush, what });
        }
        events.sort_by_key(|event| event.at);
        events
    }
}

impl Scenario {
    /// The same without one piece of it: every way to take one away.
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
            for field in 0..9 {
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
        add(&|s| s.world.closes.take().is_some());
        add(&|s| s.world.blind.take().is_some());
        add(&|s| s.world.misses.take().is_some());
        add(&|s| std::mem::take(&mut s.world.reuses));
        all
    }

    /// Changes the process with this number, counted from the top; the main process cannot be
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

    /// Makes one thing about it plain; whether that was a change.
    fn simplify(&mut self, field: usize) -> bool {
        match field {
            0 => std::mem::take(&mut self.own_group),
            1 => std::mem::take(&mut self.reads),
            2 => std::mem::replace(&mut self.sight, Sight::Clear) != Sight::Clear,
            3 => std::mem::take(&mut self.foreign),
            4 => std::mem::take(&mut self.stopped),
            5 => std::mem::take(&mut self.nested_init),
            6 => self.life.take().is_some(),
            7 => match &mut self.program {
                Program::Shell { rest, .. } => rest.pop().is_some(),
                Program::Server { since, .. } => std::mem::take(since) > 0,
                _ => false,
            },
            _ => match &mut self.program {
                Program::Shell { trap, .. } => trap.take().is_some(),
                Program::Server { then: Then::Works(time), .. } if *time <= SECOND => false,
                Program::Server { then, .. } => {
                    *then = Then::Works(SECOND);
                    true
                }
                _ => false,
            },
        }
    }
}
