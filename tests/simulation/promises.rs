//! What is promised, checked against what the simulated processes really are and do. Nothing here
//! calls adieu's own decisions: roles and stages are worked out from the contract, and from what
//! the processes are, not from how adieu sees them.

use crate::scenario::{Access, MS, Micros, Options, SECOND};
use crate::world::{ADIEU, MAIN, Proc, World, visible_stdin};
use adieu::decide::terms::{FIRST_WARNING, KILL_LIMIT, LAST_WORD, LEFTOVERS_TIMEOUT, REPEAT};
use adieu::decide::{Note, SignalProcess};
use adieu::exit::End;
use adieu::process::{Disposition, Kind, ProcId, Stdin};
use adieu::signal::{Signal, SignalSet};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What ignores the signal is killed this long after the last call.
const IGNORERS: Micros = SECOND;
/// So long after a shell got the signal its stack pointer shows whether its trap runs.
const TRAP: Micros = 10 * MS;
/// A shell that has not acted on the signal by then may be given so long.
const LONGEST_TRAP: Micros = 500 * MS;
/// Without a timeout, the half of it.
const HALF_OF_NONE: Micros = 5 * SECOND;
/// The last word comes a fifth of the timeout before its end, at most this long.
const MOST_LAST_WORD: Micros = 2 * SECOND;

macro_rules! promises {
    ($($name:ident: $sentence:literal,)*) => {
        /// Every promise, by its sentence in the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Promise { $($name,)* }

        impl Promise {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            pub(crate) fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

promises! {
    HandlersAtOnce: "A handler, the first on its branch that handles the signal, gets it at once.",
    LateHandlers: "A process that registers a handler late gets the signal as soon as it is seen.",
    Foreground: "What a shell with a trap waits for gets the signal too, so that the trap can run.",
    Leftovers: "What a handler leaves behind gets new roles. Of the handlers among it those that \
                have not moved get the signal, the others when they are there an epilogue later.",
    NoHandler: "When no process handles the signal, every process gets it at once.",
    Epilogue: "When the last handler has ended, the bystanders get the signal.",
    LastCall: "At the last call every process that is left gets the signal, shells included.",
    Repeats: "A repeat after a second goes to the handlers again, and ends the epilogue.",
    Once: "No process gets the signal twice, but for a repeat of it.",
    Workers: "No process below a living handler gets the signal.",
    Shielded: "No shielded process gets the signal before the last call.",
    Bystanders: "No bystander gets the signal while there is a handler.",
    Readers: "A handler that reads what another one writes gets the signal only when no process \
              writes that any more and it has not ended by the end of an epilogue.",
    Unclear: "While it is unclear whether a shell with a trap waits for a process, that gets no \
              signal.",
    TrapRuns: "A shell with a trap does not wait in vain for what runs in its foreground.",
    HalfTime: "After half of the timeout, bystanders in the foreground that read no pipe get the \
               signal.",
    LastWord: "A fifth of the timeout before its end, at most two seconds, every process that is \
               left gets the signal.",
    Restart: "The epilogue is over when the script starts a program again or one that handles the \
              signal.",
    Ignorers: "What ignores the signal is killed one second after the last call, with a warning.",
    TimeToEnd: "Pipe readers, what ignores the signal and what the script starts during the stop \
                have the epilogue to end by themselves.",
    KillEarly: "No process is killed before the timeout but what ignores the signal, and no other \
                without one.",
    KillUnsignalled: "No process is killed without having had the signal, but for one that no \
                      signal reaches; what first gets it at the timeout has 200 ms.",
    KillAll: "At the timeout every process that is left is killed.",
    Outside: "No process outside adieu's tree is ever signalled.",
    TimeLimit: "A stop lasts no longer than the timeout and the time for the killed to disappear.",
    Ends: "Every run ends: something always wakes adieu, and it exits when no process is left.",
    ExitsEarly: "adieu does not exit while there is a process that it has to wait for.",
    Status: "The exit status is the main process's, 0 where --ok-exit names it, and always 137 \
             after a stop that was asked for and in which the timeout killed a process.",
    Deadlines: "The next deadline is always later than now: adieu never runs in a busy loop.",
    Looks: "adieu looks at the tree rarely, and only for a share of the time, but for the killing.",
    Notes: "What adieu says is what it does.",
    Warnings: "While adieu waits, it warns after 5, 10, 20, 40 s.",
    Forwarding: "A signal that does not stop goes to its handlers, once. Where there is none, it \
                 is dropped with a warning.",
    GroupSignals: "WINCH, TSTP and CONT go to the main process's group.",
    Continued: "A stopped process gets SIGCONT after the signal.",
    Panics: "Nothing panics.",
}

#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) promise: Promise,
    pub(crate) how: String,
}

pub(crate) type Check = Result<(), Broken>;

fn broken(promise: Promise, how: impl Into<String>) -> Check {
    Err(Broken { promise, how: how.into() })
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    Handler,
    Foreground,
    Shielded,
    Worker,
    #[default]
    Bystander,
}

/// One process at a look, and what it is by the contract.
#[derive(Clone, Debug)]
struct View {
    process: Proc,
    role: Role,
    disposition: Disposition,
    is_copy: bool,
    /// It reads what a handler writes.
    reads_handler: bool,
    /// The same, or it did so once.
    reader: bool,
    /// It handles the signal and reads what a handler writes.
    deferred: bool,
    /// A process outside its branch writes what it reads.
    has_writer: bool,
    /// Whether a shell with a trap waits for it is still to be found out.
    unclear: bool,
    /// By one reading of the rules it would get the signal now, by another it would not.
    loose: bool,
    /// Whether its shell with a trap has started another command after it, where that shows.
    followed: Option<bool>,
    /// What it reads may come from itself, or from a process below it.
    perhaps_in_ring: bool,
    mine: Option<Role>,
    /// The handler that it is a worker of.
    worker_of: Option<ProcId>,
    /// That handler, where it was one before and is gone.
    left: bool,
    /// A shell whose trap is seen to run, or to wait.
    trap_ran: Option<bool>,
    in_wait: bool,
    /// It handles the signal and is no wrapper.
    handles: bool,
    stack: Option<u64>,
    stdin: Stdin,
    /// No process of the tree writes in that pipe.
    unwritten: bool,
    /// Neither it nor, for a wrapper, what is directly below shows that it is a background job.
    in_foreground: bool,
    /// It shows so itself.
    is_job: bool,
    /// It ignores the signal that it would get.
    ignores: bool,
    command: u64,
    /// It is in the foreground of a shell with a trap, and its handler is gone: it may go on for as
    /// long as the epilogue.
    carries_on: bool,
}

impl View {
    fn is_shell(&self) -> bool {
        self.is_copy || self.process.kind(Micros::MAX) == Kind::Shell
    }
}

/// Up to this age, in hundredths of a second, a shell may be taken for a copy of its parent.
const YOUTH: u64 = 200;

/// What was done about one process.
#[derive(Clone, Debug)]
struct Record {
    id: ProcId,
    role: Role,
    first_seen: Micros,
    first_signalled: Option<Micros>,
    /// It got the signal of the request that holds.
    signalled: bool,
    by_group: bool,
    /// It may have been the copy of a shell when it got the signal, and have lost it then.
    as_copy: bool,
    /// It got the signal as a handler.
    as_handler: bool,
    /// It was started after the first look.
    newcomer: bool,
    /// It is known to be the init of a namespace.
    init: bool,
    /// It was below a handler, or came to adieu as an orphan.
    left_behind: bool,
    /// It read what a handler wrote.
    reader: bool,
    /// The pipe that it was first seen reading.
    pipe: Option<u64>,
    /// It is expected to end by itself: since when.
    expected_since: Option<Micros>,
    /// It handles the signal and reads what no process writes any more: since when.
    rest_since: Option<Micros>,
    /// What it reads may once have come from itself.
    perhaps_in_ring: bool,
    /// A repeat of the signal has come since.
    asked_again: bool,
    /// How often it had been given a processor when it was first seen.
    switches: u64,
    worker_of: Option<ProcId>,
    /// It was that beyond doubt.
    was_worker: bool,
    /// It was left behind by a handler.
    left: bool,
    moved: bool,
    /// Of a shell: its stack pointer before it got the signal.
    stack: Option<u64>,
    trap_ran: Option<bool>,
    /// At the last look it was in its builtin `wait`.
    in_wait: bool,
    last_signalled: Option<Micros>,
    /// When it first got the signal: all that follows from one look is one moment to adieu.
    batch: Option<Micros>,
    /// Which signal it got first.
    signal: Option<Signal>,
    ignored: bool,
    /// In the foreground of a shell with a trap: since when its handler is gone.
    free_since: Option<Micros>,
    /// The kernel refuses to signal it.
    refused: bool,
    /// SIGKILL was sent to it.
    killed: bool,
    /// It was unclear once whether a shell with a trap waits for it.
    was_unclear: bool,
    /// Whether its shell with a trap had started another command after it, when that first showed.
    followed: Option<bool>,
}

/// What a role is worked out with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    role: Role,
    /// Whether a shell with a trap waits for it, or for one above it, is still to be found out.
    doubt: Option<Doubt>,
    /// By another reading of the rules it would have another role.
    loose: bool,
    worker_of: Option<ProcId>,
    carries_on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Unclear,
    /// By one reading of the rules it is unclear, by another it is not.
    Loose,
}

/// Where a child of a shell with a trap runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    Foreground,
    Background,
    Unclear,
    /// Unclear or in the foreground, depending on how a moment is counted.
    Loose,
}

/// What each process of a look reads and writes, as far as that shows.
struct Files {
    stdin: Vec<Stdin>,
    outputs: Vec<[Option<u64>; 2]>,
    hidden: Vec<bool>,
}

impl Files {
    fn new(
        world: &World,
        seen: &[Proc],
        parent: &[Option<usize>],
        dispositions: &[Disposition],
        deciding: bool,
    ) -> Self {
        use Disposition::{Blocked, Caught, Waiting};
        let handles = |at: usize| {
            seen[at].kind(world.now) == Kind::Program
                && matches!(dispositions[at], Caught | Blocked | Waiting)
        };
        let may_handle = |at: usize| match seen[at].kind(world.now) {
            Kind::Wrapper => false,
            Kind::Shell => dispositions[at] == Caught,
            Kind::Program => {
                !matches!(dispositions[at], Disposition::Default | Disposition::Ignored)
            }
        };
        // What is below such a program is not asked, nor is at the first look the only one.
        let within = |at: usize| {
            let mut above = parent[at];
            while let Some(up) = above {
                if handles(up) {
                    return true;
                }
                above = parent[up];
            }
            false
        };
        let several =
            !deciding || (0..seen.len()).filter(|at| !within(*at) && may_handle(*at)).count() > 1;
        let stdin: Vec<Stdin> = (0..seen.len())
            .map(|at| match within(at) || !several && handles(at) {
                true => Stdin::Other,
                false => visible_stdin(&seen[at]),
            })
            .collect();
        let asked = stdin.iter().any(|stdin| matches!(stdin, Stdin::Pipe(_)));
        let shown = |p: &Proc| asked && p.access == Access::Full;
        Self {
            outputs: seen.iter().map(|p| if shown(p) { p.outputs } else { [None; 2] }).collect(),
            hidden: seen.iter().map(|p| asked && p.access != Access::Full).collect(),
            stdin,
        }
    }

    fn pipe(&self, at: usize) -> Option<u64> {
        match self.stdin[at] {
            Stdin::Pipe(file) => Some(file.inode),
            Stdin::Other | Stdin::Unknown => None,
        }
    }

    fn is_in_branch(&self, top: usize, at: usize, parent: &[Option<usize>]) -> bool {
        let mut here = Some(at);
        while let Some(it) = here {
            if it == top {
                return true;
            }
            here = parent[it];
        }
        false
    }

    fn is_own_pipe(&self, at: usize, parent: &[Option<usize>]) -> bool {
        let pipe = self.pipe(at);
        pipe.is_some() && parent[at].and_then(|up| self.pipe(up)) != pipe
    }

    /// Whether what one child of the shell writes, or a process below it, may be what the other
    /// reads, perhaps by way of further children.
    fn are_connected(
        &self,
        shell: usize,
        (one, other): (usize, usize),
        parent: &[Option<usize>],
    ) -> bool {
        let children: Vec<usize> =
            (0..parent.len()).filter(|at| parent[*at] == Some(shell)).collect();
        let within =
            |top: usize| (0..parent.len()).filter(move |at| self.is_in_branch(top, *at, parent));
        let feeds = |writer: usize, reader: usize| {
            match self.stdin[reader] {
                Stdin::Other => false,
                Stdin::Unknown => true,
                // What the shell itself writes (`exec > >(filter)`) joins no commands.
                Stdin::Pipe(file) if self.outputs[shell].contains(&Some(file.inode)) => false,
                // The command between the two, which wrote to the one what it read of the other, is
                // gone.
                Stdin::Pipe(_)
                    if self.is_own_pipe(reader, parent)
                        && !self.is_fed(reader, parent)
                        && within(writer).any(|at| self.writes_for_nobody(shell, at)) =>
                {
                    true
                }
                Stdin::Pipe(file) => within(writer)
                    .any(|it| self.outputs[it].contains(&Some(file.inode)) || self.hidden[it]),
            }
        };
        let mut reached = vec![one];
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            next += 1;
            for child in &children {
                if !reached.contains(child) && (feeds(at, *child) || feeds(*child, at)) {
                    reached.push(*child);
                }
            }
        }
        reached.contains(&other)
    }

    /// Whether this process, which is not on the other's branch, is seen to write what that reads.
    fn feeds(&self, writer: usize, reader: usize, parent: &[Option<usize>]) -> bool {
        let pipe = self.pipe(reader);
        pipe.is_some()
            && self.outputs[writer].contains(&pipe)
            && !self.is_in_branch(reader, writer, parent)
    }

    /// Whether it writes in a pipe that no process reads any more.
    fn writes_for_nobody(&self, shell: usize, at: usize) -> bool {
        self.outputs[at].iter().flatten().any(|pipe| {
            let mut all = 0..self.stdin.len();
            !self.outputs[shell].contains(&Some(*pipe))
                && !all.any(|it| self.pipe(it) == Some(*pipe))
        })
    }

    fn is_fed(&self, reader: usize, parent: &[Option<usize>]) -> bool {
        (0..parent.len()).any(|writer| self.feeds(writer, reader, parent))
    }

    /// Whether a process of this branch is seen to write what the other reads.
    fn feeds_visibly(&self, job: usize, reader: usize, parent: &[Option<usize>]) -> bool {
        let Some(pipe) = self.pipe(reader) else { return false };
        (0..parent.len())
            .any(|at| self.is_in_branch(job, at, parent) && self.outputs[at].contains(&Some(pipe)))
    }

    /// For each process, the handlers whose lines it reads, or may read.
    fn readers(
        &self,
        handles: &[bool],
        settled: &dyn Fn(usize) -> bool,
        parent: &[Option<usize>],
    ) -> (Vec<BTreeSet<usize>>, Vec<bool>) {
        let n = parent.len();
        let mut certain: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); n];
        if self.stdin.iter().all(|stdin| *stdin == Stdin::Other) {
            return (certain, vec![false; n]);
        }
        let mut all = certain.clone();
        let mut sure = certain.clone();
        let within = |top: usize, at: usize| self.is_in_branch(top, at, parent);
        // What the script starts in the stop feeds nobody.
        let handlers: Vec<usize> = (0..n).filter(|at| settled(*at)).collect();
        // Which processes outside of a reader's branch write in its pipe.
        let writers: Vec<Vec<usize>> = (0..n)
            .map(|reader| {
                let Some(pipe) = self.pipe(reader) else { return Vec::new() };
                (0..n)
                    .filter(|at| self.outputs[*at].contains(&Some(pipe)) && !within(reader, *at))
                    .collect()
            })
            .collect();
        for reader in 0..n {
            for from in handlers.iter().copied().filter(|from| !within(reader, *from)) {
                // Of a handler above it, only what that writes itself.
                let direct = writers[reader].iter().any(|at| match within(from, reader) {
                    true => *at == from,
                    false => within(*at, from) || within(from, *at),
                });
                let guess = match self.stdin[reader] {
                    Stdin::Unknown => true,
                    Stdin::Pipe(_) => self.hidden[from] && self.is_own_pipe(reader, parent),
                    Stdin::Other => false,
                };
                if direct {
                    certain[reader].insert(from);
                }
                if writers[reader].iter().any(|at| within(from, *at)) {
                    sure[reader].insert(from);
                }
                if direct || guess && !handles[reader] && !within(from, reader) {
                    all[reader].insert(from);
                }
            }
        }
        // By way of filters. A program that reads itself in this way is in a ring, as are those
        // that read each other; not where what feeds it is above the other's branch
        // (`exec > fifo`).
        let mut rings = vec![false; n];
        let mut perhaps = vec![false; n];
        loop {
            let before = (certain.clone(), sure.clone());
            for reader in 0..n {
                let filters = (0..n).filter(|filter| {
                    let feeds = |at: &usize| within(*filter, *at);
                    let elsewhere = !within(reader, *filter) && !within(*filter, reader);
                    elsewhere && writers[reader].iter().any(feeds)
                });
                for filter in filters {
                    rings[reader] |= before.1[filter].contains(&reader);
                    // Its own lines, or those of a process below it.
                    perhaps[reader] |= before.1[filter].iter().any(|from| within(reader, *from));
                    let outside = |from: &&usize| !within(reader, **from);
                    certain[reader].extend(before.0[filter].iter().filter(outside));
                    sure[reader].extend(before.1[filter].iter().filter(outside));
                }
            }
            if before.0 == certain && before.1 == sure {
                break;
            }
        }
        for at in 0..n {
            all[at].extend(certain[at].iter().copied());
        }
        for start in handlers {
            let mut reached: Vec<usize> = sure[start].iter().copied().collect();
            let mut done = 0;
            while let Some(at) = reached.get(done).copied() {
                done += 1;
                for from in &sure[at] {
                    if !reached.contains(from) {
                        reached.push(*from);
                    }
                }
            }
            rings[start] |= reached.contains(&start);
        }
        for at in (0..n).filter(|at| handles[*at] && rings[*at]) {
            perhaps[at] = false;
            all[at].clear();
        }
        (all, perhaps)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handlers,
    Epilogue(Micros),
    LastCall,
    Killing,
}

/// Follows one run, and checks the promises at each step.
pub(crate) struct Oracle {
    options: Options,
    is_init: bool,
    pub(crate) began: Option<Micros>,
    by_signal: bool,
    pub(crate) signal: Signal,
    stage: Stage,
    passed: Vec<(Signal, Micros)>,
    repeated: bool,
    deadline: Option<Micros>,
    killing_since: Option<Micros>,
    /// Half of the timeout is over.
    half: bool,
    /// The time of the last word has come.
    last_word: bool,
    last_call_since: Option<Micros>,
    /// The timeout killed a process for certain, or perhaps.
    killed: (bool, bool),
    /// The command lines of what was there at the first look.
    commands: BTreeSet<u64>,
    /// Processes that have to get the signal or not, depending on how the rules are read.
    loose: Vec<ProcId>,
    first_look: Option<Micros>,
    /// When the last look was over.
    acted_at: Micros,
    /// When the last look was, in hundredths of a second.
    tick: u64,
    /// A process had executed another program before it was signalled: since when it is to be
    /// looked at again.
    changed: Option<Micros>,
    records: Vec<Record>,
    /// Which processes have to get the signal after the last look, and by which promise.
    due: Vec<(ProcId, Promise)>,
    /// What the last look showed.
    seen: Vec<View>,
    /// What the last look missed.
    missed: Vec<ProcId>,
    /// What any look has missed.
    ever_missed: Vec<ProcId>,
    /// A look could not read /proc.
    ever_without_proc: bool,
    pub(crate) main_end: Option<End>,
    looks: u64,
    /// How long the looks took in all, but for those of the killing.
    costs: Micros,
    pub(crate) inputs: u64,
    warnings: u64,
    /// Which signals adieu has said that it sends, and has not sent yet.
    said: Vec<(ProcId, Signal)>,
    said_killed: Vec<ProcId>,
    said_ignorers: Vec<ProcId>,
    /// The group's members when it was last signalled.
    group_said: Vec<ProcId>,
    /// The signal that has to go to the group now.
    for_group: Option<Signal>,
    /// The job was stopped by a signal that arrived for it.
    suspended: bool,
    /// A signal that does not stop: which one, which processes have to get it, which got it, and
    /// whether adieu said that it is dropped.
    forwarded: Option<(Signal, Vec<ProcId>, Vec<ProcId>, bool)>,
    /// What the kernel refused, and adieu has not said yet.
    refusals: Vec<(ProcId, Signal)>,
}

impl Oracle {
    pub(crate) fn new(scenario: &crate::scenario::Scenario) -> Self {
        let (options, world) = (scenario.settings.clone(), &scenario.world);
        Self {
            options,
            is_init: world.is_init,
            began: None,
            by_signal: false,
            signal: Signal::TERM,
            stage: Stage::Handlers,
            passed: Vec::new(),
            repeated: false,
            deadline: None,
            killing_since: None,
            half: false,
            last_word: false,
            last_call_since: None,
            killed: (false, false),
            commands: BTreeSet::new(),
            loose: Vec::new(),
            first_look: None,
            acted_at: 0,
            tick: 0,
            changed: None,
            records: Vec::new(),
            due: Vec::new(),
            seen: Vec::new(),
            missed: Vec::new(),
            ever_missed: Vec::new(),
            ever_without_proc: false,
            main_end: None,
            looks: 0,
            costs: 0,
            inputs: 0,
            warnings: 0,
            said: Vec::new(),
            said_killed: Vec::new(),
            said_ignorers: Vec::new(),
            group_said: Vec::new(),
            for_group: None,
            suspended: false,
            forwarded: None,
            refusals: Vec::new(),
        }
    }

    fn record(&self, id: ProcId) -> Option<&Record> {
        self.records.iter().find(|m| m.id == id)
    }

    /// The role of the process with this pid that the last look showed.
    fn find_role(&self, pid: i32) -> Option<Role> {
        let view = self.seen.iter().find(|v| v.process.id.pid == pid)?;
        Some(self.record(view.process.id)?.role)
    }

    fn record_mut(&mut self, id: ProcId) -> Option<&mut Record> {
        self.records.iter_mut().find(|m| m.id == id)
    }

    fn rewritten(&self, arrived: Signal) -> Option<Signal> {
        let rule = self.options.rewrites.iter().find(|(from, _)| *from == arrived);
        rule.map_or(Some(arrived), |(_, to)| *to)
    }

    pub(crate) fn ignored(&self) -> SignalSet {
        self.options.ignored.iter().copied().collect()
    }

    // --- what happens to adieu ---

    /// A signal arrives: works out from the contract what it asks for.
    pub(crate) fn arrives(&mut self, arrived: Signal, now: Micros) {
        let Some(signal) = self.rewritten(arrived) else { return };
        let ignored = self.options.ignored.contains(&arrived) && signal == arrived;
        let stops =
            self.options.stop_on.contains(&arrived) || self.options.stop_on.contains(&signal);
        if !stops || ignored {
            self.for_group = match signal {
                Signal::WINCH | Signal::CONT => Some(signal),
                // A stopped process cannot finish, and nothing would resume it.
                Signal::TSTP => Some(signal).filter(|_| self.began.is_none()),
                _ => None,
            };
            self.for_group = self.for_group.filter(|_| self.main_end.is_none());
            if let Some(Signal::TSTP | Signal::CONT) = self.for_group {
                self.suspended = signal == Signal::TSTP;
            }
            return;
        }
        if self.began.is_none() {
            self.begin(signal, true, now);
            return;
        }
        let repeat = u64::try_from(REPEAT.as_micros()).expect("small");
        if self.passed.iter().any(|(s, at)| *s == signal && now < at + repeat) {
            return;
        }
        self.passed.retain(|(s, _)| *s != signal);
        self.passed.push((signal, now));
        self.signal = signal;
        match self.stage {
            Stage::Killing => {}
            Stage::Handlers => {
                self.repeated = true;
                let child = self.options.deliver == "child";
                self.records
                    .iter_mut()
                    .filter(|m| m.as_handler || child)
                    .for_each(|m| m.signalled = false);
                if self.last_word {
                    // By then everybody has had it.
                    self.records.iter_mut().for_each(|m| m.signalled = false);
                }
                // What was expected to end without it gets it now.
                self.records.iter_mut().for_each(|m| m.asked_again = m.expected_since.is_some());
            }
            Stage::Epilogue(_) | Stage::LastCall => {
                self.stage = Stage::LastCall;
                self.last_call_since.get_or_insert(now);
                self.records.iter_mut().for_each(|m| m.signalled = false);
            }
        }
    }

    /// A terminal's signal stopped the main process. Where nothing could resume it, adieu does.
    pub(crate) fn main_stopped(&mut self, signal: Signal) {
        if signal.is_terminal_stop() && !(self.suspended && self.began.is_none()) {
            self.for_group = Some(Signal::CONT);
        }
    }

    pub(crate) fn begin(&mut self, signal: Signal, by_signal: bool, now: Micros) {
        let leftovers = u64::try_from(LEFTOVERS_TIMEOUT.as_micros()).expect("small");
        let limit = if by_signal {
            self.options.timeout
        } else {
            Some(self.options.timeout.unwrap_or(leftovers))
        };
        self.forwarded = None;
        (self.began, self.by_signal, self.signal) = (Some(now), by_signal, signal);
        (self.passed, self.deadline) = (vec![(signal, now)], limit.map(|limit| now + limit));
    }

    /// Children were reaped. If the main process was among them, what it left running is stopped,
    /// unless adieu lingers.
    pub(crate) fn reaped(&mut self, left: bool, now: Micros) {
        if self.main_end.is_some() && left && self.began.is_none() && !self.options.linger {
            let signal = self.rewritten(Signal::TERM).unwrap_or(Signal::TERM);
            self.begin(signal, false, now);
        }
    }

    // --- roles, from what the processes are ---

    fn counts(
        &self,
        world: &World,
        p: &Proc,
        signal: Signal,
        known_only: bool,
        is_filter: bool,
    ) -> bool {
        let sure = match p.kind(world.now) {
            Kind::Wrapper => return false,
            Kind::Shell => p.handling(signal, world.now) == Some(crate::scenario::How::Handler),
            Kind::Program => p.handling(signal, world.now).is_some(),
        };
        let hidden_wait = p.access == Access::Hidden
            && p.handling(signal, world.now).is_none_or(|how| how == crate::scenario::How::SigWait);
        match p.access {
            // A process that cannot be read counts as a handler.
            Access::Unreadable => true,
            Access::Hidden
                if p.kind(world.now) == Kind::Program && hidden_wait && !p.ignores(signal) =>
            {
                !(known_only || is_filter)
            }
            // Of a process in sigwait that also ignores the signal, /proc shows only that it
            // ignores it, where its system call cannot be read.
            Access::Hidden if hidden_wait && p.handling(signal, world.now).is_some() => {
                !(known_only || is_filter)
            }
            _ => sure,
        }
    }

    /// The roles of all processes that were seen, in their order; with `fresh` without regard to
    /// what was done before.
    fn views(
        &self,
        world: &World,
        seen: Vec<Proc>,
        signal: Signal,
        (fresh, deciding): (bool, bool),
        now: Micros,
    ) -> Vec<View> {
        let n = seen.len();
        let parent: Vec<Option<usize>> =
            seen.iter().map(|p| seen.iter().position(|up| up.id.pid == p.parent)).collect();
        let dispositions: Vec<Disposition> =
            seen.iter().map(|p| world.disposition(p, signal)).collect();
        let files = Files::new(world, &seen, &parent, &dispositions, deciding || fresh);
        let any_seen = seen.iter().any(|p| self.counts(world, p, signal, true, false));
        let record = |at: usize| self.record(seen[at].id).filter(|_| !fresh);
        let known_handler = |at: usize| record(at).is_some_and(|m| m.as_handler);
        let newcomer = |at: usize| !fresh && self.is_newcomer(&seen[at]);
        let handles: Vec<bool> = (0..n)
            .map(|at| {
                let filter = any_seen && files.stdin[at] != Stdin::Other
                    || record(at).is_some_and(|m| m.reader);
                known_handler(at) || self.counts(world, &seen[at], signal, fresh, filter)
            })
            .collect();
        let settled = |at: usize| handles[at] && (known_handler(at) || !newcomer(at));
        let mut settled_below = vec![false; n];
        for at in (0..n).filter(|at| settled(*at)) {
            let mut above = parent[at];
            while let Some(up) = above {
                settled_below[up] = true;
                above = parent[up];
            }
        }
        let (reads, perhaps_in_ring) = match fresh {
            true => (vec![BTreeSet::new(); n], vec![false; n]),
            false => files.readers(&handles, &settled, &parent),
        };
        let may_be_written = |at: usize| {
            let hides = |other: usize| {
                files.hidden[other]
                    && !files.is_in_branch(at, other, &parent)
                    && !files.is_in_branch(other, at, &parent)
            };
            (0..n).any(|other| files.feeds(other, at, &parent) || hides(other))
        };
        // What reads, or has read, what a handler writes; and what the main process left, and reads
        // a pipe of its own: its writer may be gone.
        let left = |at: usize| {
            let own = files.is_own_pipe(at, &parent) && !may_be_written(at);
            !fresh && !self.by_signal && own
        };
        let reader: Vec<bool> = (0..n)
            .map(|at| !reads[at].is_empty() || record(at).is_some_and(|m| m.reader) || left(at))
            .collect();
        let shows_job = |up: Option<usize>, child: usize| {
            let (up, child) = (up.map(|up| &seen[up]), &seen[child]);
            // Some shells ignore QUIT in any case.
            let is_shell = child.kind(world.now) == Kind::Shell;
            let shown: &[Signal] =
                if is_shell { &[Signal::INT] } else { &[Signal::INT, Signal::QUIT] };
            shown.iter().copied().any(|s| {
                let ignored = child.access != Access::Unreadable
                    && child.handling(s, world.now).is_none()
                    && child.ignores(s);
                ignored
                    && !up.is_some_and(|up| {
                        up.access != Access::Unreadable
                            && up.handling(s, world.now).is_none()
                            && up.ignores(s)
                    })
                    && !self.options.ignored.contains(&s)
            })
        };
        // A wrapper may hide that it is a background job; what it started does not.
        let is_job = |up: Option<usize>, child: usize| {
            let wrapper = seen[child].kind(world.now) == Kind::Wrapper;
            shows_job(up, child)
                || wrapper && (0..n).any(|at| parent[at] == Some(child) && shows_job(up, at))
        };
        let stacks: Vec<Option<u64>> =
            seen.iter().map(|p| world.stack(p, signal).map(|(stack, _)| stack)).collect();
        // Only while it waits for a child does its stack say something.
        let known: Vec<bool> =
            seen.iter().map(|p| world.stack(p, signal).is_some_and(|(_, waits)| waits)).collect();
        // `Some(true)` where the trap of a shell is seen to have run, `Some(false)` where it is
        // seen to wait. The first such look decides: by the next one its command has
        // had the signal.
        let trap_ran: Vec<Option<bool>> = (0..n)
            .map(|at| {
                let m = record(at)?;
                if m.signal == Some(signal)
                    && seen[at].kind(world.now) == Kind::Shell
                    && dispositions[at] != Disposition::Caught
                {
                    // What runs took the trap away.
                    return Some(true);
                }
                let late = m.batch.is_some_and(|since| world.now >= since + TRAP);
                let shown = stacks[at].is_some() && m.stack.is_some();
                let moved = shown && stacks[at] != m.stack;
                let waits = shown && !World::is_pending(&seen[at], signal);
                m.trap_ran.or((late && (moved || waits)).then_some(moved))
            })
            .collect();
        // Whether a shell with a trap has started another command after this child, as it looks
        // now, and whether that is sure: none of its children may be about to connect its pipes.
        let followed_now = |up: usize, child: usize| {
            let is_child = |it: &usize| parent[*it] == Some(up) && !newcomer(*it);
            let is_later = |other: &usize| seen[*other].id_order() > seen[child].id_order();
            let is_apart = |other: &usize| !files.are_connected(up, (child, *other), &parent);
            let children: Vec<usize> = (0..n).filter(is_child).collect();
            let last = children.iter().copied().max_by_key(|it| seen[*it].id_order());
            let now = children.iter().filter(|it| is_later(it)).any(is_apart)
                && last.is_some_and(|last| is_apart(&last));
            let tick = world.tick();
            let is_settled = |it: &usize| {
                seen[*it].kind(world.now) != Kind::Shell
                    || tick.saturating_sub(seen[*it].id.start) >= YOUTH
            };
            let settled = !newcomer(child) && children.iter().all(is_settled);
            settled.then_some(now)
        };
        let followed = |child: usize| record(child).and_then(|m| m.followed);
        // Whether this child of a shell with a trap is the shell's foreground command, as far as
        // that shows.
        let alone = |up: usize, child: usize| {
            let shell = &seen[up];
            let waits = world.in_wait(shell) && dispositions[up] == Disposition::Caught;
            let later = |other: usize| {
                parent[other] == Some(up)
                    && seen[other].id_order() > seen[child].id_order()
                    && !newcomer(other)
                    && !files.are_connected(up, (child, other), &parent)
            };
            let mut siblings = (0..n).filter(|it| parent[*it] == Some(up) && !newcomer(*it));
            let last = siblings.next().map(|first| {
                siblings.fold(first, |last, it| {
                    if seen[it].id_order() > seen[last].id_order() { it } else { last }
                })
            });
            let record = record(up);
            let since = record.and_then(|m| m.batch);
            let known_stack = match since {
                None => known[up],
                Some(_) => record.is_some_and(|m| m.stack.is_some()),
            };
            if shell.kind(world.now) != Kind::Shell
                || known_handler(up) && newcomer(child)
                || waits
                || is_job(Some(up), child)
                || followed(child).unwrap_or_else(|| {
                    (0..n).any(later)
                        && !last.is_some_and(|it| files.are_connected(up, (child, it), &parent))
                })
                || trap_ran[up] == Some(true)
            {
                return Ground::Background;
            }
            if followed(child).is_none() && (0..n).any(later) {
                // It is connected with the last command, but not with one between.
                return Ground::Loose;
            }
            match since {
                // No trap can be seen to run there: nothing was sent before.
                _ if fresh || trap_ran[up].is_some() => Ground::Foreground,
                None if known_stack => Ground::Unclear,
                Some(since) if known_stack && now < since + TRAP => Ground::Unclear,
                // The stack was read before, and the look was over after the moment.
                Some(since) if known_stack && world.now < since + TRAP => Ground::Loose,
                // It is about to act on the signal: that may be waited for.
                Some(since)
                    if known_stack
                        && world.now < since + LONGEST_TRAP
                        && (stacks[up].is_none() || World::is_pending(shell, signal)) =>
                {
                    Ground::Loose
                }
                _ => Ground::Foreground,
            }
        };
        let mut grounds: Vec<Ground> = (0..n)
            .map(|at| match parent[at] {
                Some(up) if handles[up] => alone(up, at),
                _ => Ground::Foreground,
            })
            .collect();
        // What such a command reads is written by a job: the job has to end for the shell's sake.
        let mut of_readers: Vec<Option<Ground>> = vec![None; n];
        for at in 0..n {
            let feeds = |child: usize, ground: Ground| {
                let mut from = reads[child].iter();
                parent[child] == parent[at]
                    && grounds[child] == ground
                    && (from.any(|from| files.is_in_branch(at, *from, &parent))
                        || reader[child] && files.feeds_visibly(at, child, &parent))
            };
            if grounds[at] == Ground::Background
                && (handles[at] || settled_below[at])
                && parent[at].is_some_and(|up| {
                    let of_the_trap = known_handler(up) && newcomer(at);
                    seen[up].kind(world.now) == Kind::Shell && !of_the_trap
                })
            {
                for ground in [Ground::Unclear, Ground::Loose, Ground::Foreground] {
                    let mut readers = (0..n).filter(|it| feeds(*it, ground)).peekable();
                    let perhaps = readers.peek().is_some();
                    if readers.any(|reader| files.feeds_visibly(at, reader, &parent)) {
                        of_readers[at] = Some(ground);
                    } else if perhaps {
                        of_readers[at] = Some(Ground::Loose);
                    }
                }
            }
        }
        for at in 0..n {
            grounds[at] = of_readers[at].unwrap_or(grounds[at]);
        }
        let by_itself = |at: usize| match (handles[at], settled_below[at]) {
            (true, _) => Role::Handler,
            (false, true) => Role::Shielded,
            (false, false) => Role::Bystander,
        };
        let carries_on = |at: usize| {
            record(at).filter(|m| {
                let in_time = m
                    .free_since
                    .is_none_or(|since| now < since.saturating_add(self.options.epilogue));
                (m.role == Role::Shielded || m.reader) && in_time && !m.signalled
            })
        };
        let deferred = |at: usize| {
            // A handler whose stdin does not show is not taken for a reader.
            let has_pipe = files.pipe(at).is_some() || record(at).is_some_and(|m| m.pipe.is_some());
            reader[at]
                && has_pipe
                && handles[at]
                && !known_handler(at)
                && dispositions[at] != Disposition::Hidden
        };
        let of = |at: usize, above: Option<(usize, Found)>| {
            let mine = by_itself(at);
            // What is below a process in doubt is in doubt, too.
            let inherited = match above {
                Some((_, up)) => Found { carries_on: false, ..up },
                None => Found::default(),
            };
            let (doubt, worker_of) = match above {
                Some((_, up)) if up.role == Role::Worker => return inherited,
                Some((up, Found { role: Role::Handler, .. })) => match grounds[at] {
                    // That one gets no signal yet.
                    _ if deferred(up) => (None, Some(seen[up].id)),
                    Ground::Background => (None, Some(seen[up].id)),
                    Ground::Unclear => (Some(Doubt::Unclear), Some(seen[up].id)),
                    Ground::Loose => (Some(Doubt::Loose), Some(seen[up].id)),
                    Ground::Foreground => (inherited.doubt, inherited.worker_of),
                },
                _ => (inherited.doubt, inherited.worker_of),
            };
            let loose = inherited.loose;
            let found = Found { role: mine, doubt, worker_of, carries_on: false, loose };
            let Some((up, above)) = above else { return found };
            match above.role {
                Role::Foreground => return Found { role: Role::Foreground, ..found },
                Role::Handler => {}
                _ => return found,
            }
            if deferred(up) || grounds[at] == Ground::Background {
                return Found { role: Role::Worker, doubt: None, ..found };
            }
            if mine != Role::Bystander || !reads[at].is_empty() {
                return found;
            }
            // It may have a while to read it to its end.
            let known = record(at).is_some_and(|m| m.reader);
            let rest = reader[at] && (!known || left(at));
            let role = match carries_on(at) {
                Some(m) if m.role == Role::Shielded => Role::Shielded,
                Some(_) => Role::Bystander,
                None if rest => Role::Bystander,
                None => return Found { role: Role::Foreground, ..found },
            };
            Found { role, carries_on: true, loose: rest || loose, ..found }
        };
        // From the top of the tree: a process is settled once its parent is.
        let mut found: Vec<Option<Found>> = vec![None; n];
        while found.contains(&None) {
            for at in 0..n {
                let above = parent[at];
                if found[at].is_none() && above.is_none_or(|up| found[up].is_some()) {
                    found[at] = Some(of(at, above.and_then(|up| Some((up, found[up]?)))));
                }
            }
        }
        let unwritten = |at: usize| match files.stdin[at] {
            Stdin::Other => true,
            Stdin::Unknown => false,
            Stdin::Pipe(file) => {
                let mut all = files.outputs.iter();
                let own = files.is_own_pipe(at, &parent);
                !(all.any(|it| it.contains(&Some(file.inode))) || own && may_be_written(at))
            }
        };
        let of_view = |at: usize| {
            let f = found[at].unwrap_or_default();
            let unclear = f.doubt.is_some()
                && f.role != Role::Worker
                && !(f.role == Role::Handler && known_handler(at));
            let role = if unclear { Role::Worker } else { f.role };
            let record = record(at);
            let pipe = files.pipe(at).or(record.and_then(|m| m.pipe));
            let writes = |other: usize, pipe: u64| {
                files.outputs[other].contains(&Some(pipe))
                    && !files.is_in_branch(at, other, &parent)
            };
            let below_handler = (0..n).any(|other| {
                other != at
                    && files.is_in_branch(other, at, &parent)
                    && found[other].is_some_and(|f| f.role == Role::Handler)
            });
            let was = record.is_some_and(|m| m.worker_of.is_some());
            View {
                role,
                disposition: dispositions[at],
                is_copy: seen[at].is_copy(world.now),
                reads_handler: !reads[at].is_empty(),
                reader: reader[at],
                deferred: deferred(at) && role == Role::Handler,
                has_writer: pipe.is_some_and(|pipe| (0..n).any(|other| writes(other, pipe))),
                unclear,
                perhaps_in_ring: perhaps_in_ring[at],
                followed: parent[at].filter(|up| handles[*up]).and_then(|up| {
                    let shell = seen[up].kind(world.now) == Kind::Shell;
                    followed_now(up, at).filter(|_| shell)
                }),
                loose: f.loose
                    || role == Role::Handler
                        && !known_handler(at)
                        && (perhaps_in_ring[at] || record.is_some_and(|m| m.perhaps_in_ring))
                    || f.doubt == Some(Doubt::Loose) && unclear,
                mine: unclear.then_some(f.role),
                worker_of: f.worker_of.filter(|_| role == Role::Worker),
                left: role == Role::Handler && was && !below_handler,
                trap_ran: trap_ran[at],
                in_wait: world.in_wait(&seen[at]) && dispositions[at] == Disposition::Caught,
                handles: handles[at],
                stack: stacks[at].filter(|_| known[at]),
                stdin: files.stdin[at],
                unwritten: unwritten(at),
                in_foreground: {
                    let mut here = Some(at);
                    let mut foreground = true;
                    while let Some(it) = here {
                        let bystander = found[it].is_some_and(|f| f.role == Role::Bystander);
                        if it != at && !bystander {
                            break;
                        }
                        // What is below a filter or a background job is a part of it.
                        let part = reader[it] || !unwritten(it);
                        foreground &= !is_job(parent[it], it) && (it == at || !part);
                        here = parent[it];
                    }
                    foreground
                },
                is_job: is_job(parent[at], at),
                ignores: dispositions[at] == Disposition::Ignored
                    && (![Signal::INT, Signal::QUIT].contains(&signal)
                        || seen[at].handling(Signal::TERM, world.now).is_none()
                            && seen[at].ignores(Signal::TERM)),
                command: world.command(&seen[at]),
                carries_on: f.carries_on,
                process: seen[at].clone(),
            }
        };
        (0..n).map(of_view).collect()
    }

    fn is_newcomer(&self, p: &Proc) -> bool {
        match self.record(p.id) {
            Some(record) => record.newcomer,
            None => self.first_look.is_some_and(|first| p.started > first),
        }
    }

    /// Whether its end will be reported to adieu.
    fn watched(&self, world: &World, id: ProcId) -> bool {
        world.watched.contains(&id)
            || world.find(id.pid).is_some_and(|p| p.id == id && p.parent == ADIEU)
    }

    // --- what adieu does ---

    /// adieu looked: works out what the contract asks for now. `at` is when it looked, `now` when
    /// it acts.
    pub(crate) fn looked(
        &mut self,
        world: &World,
        missed: Option<ProcId>,
        (quick, deciding): (bool, bool),
        at: Micros,
        now: Micros,
    ) {
        let lost: Vec<ProcId> = match missed {
            None => Vec::new(),
            Some(id) => below_and_self(world, id),
        };
        let seen: Vec<Proc> =
            world.alive.iter().filter(|p| !lost.contains(&p.id)).cloned().collect();
        self.looks += 1;
        // While adieu kills, it has to find what is still being forked: there looks may take half
        // of the time.
        self.costs += if self.stage == Stage::Killing { 0 } else { now - at };
        let first = self.first_look.is_none();
        for p in seen.iter().filter(|p| p.kind(at) != Kind::Shell) {
            if let Some(m) = self.record_mut(p.id).filter(|m| m.as_copy) {
                // It got the signal before it had executed its program: its shell's handler caught
                // that, and it is lost.
                (m.signalled, m.as_handler, m.as_copy) = (false, false, false);
            }
        }
        let mut views = self.views(world, seen, self.signal, (false, deciding), now);
        // The first look reads no stdin where no process handles the signal.
        for view in views.iter_mut().filter(|_| quick) {
            (view.stdin, view.reads_handler) = (Stdin::Other, false);
        }
        for view in &views {
            let p = &view.process;
            if self.record(p.id).is_none() {
                let of_bystander = self.is_of_bystander(&views, p);
                let newcomer = self.is_newcomer(p);
                self.records.push(Record {
                    id: p.id,
                    role: view.role,
                    first_seen: now,
                    first_signalled: None,
                    signalled: false,
                    by_group: false,
                    as_copy: false,
                    as_handler: false,
                    newcomer,
                    init: p.nested_init,
                    left_behind: p.parent == ADIEU || of_bystander,
                    reader: false,
                    pipe: None,
                    expected_since: None,
                    rest_since: None,
                    perhaps_in_ring: false,
                    asked_again: false,
                    switches: world.switches(p),
                    worker_of: None,
                    was_worker: false,
                    left: false,
                    moved: false,
                    stack: None,
                    trap_ran: None,
                    in_wait: false,
                    last_signalled: None,
                    batch: None,
                    signal: None,
                    ignored: false,
                    free_since: None,
                    refused: false,
                    killed: false,
                    was_unclear: false,
                    followed: None,
                });
            }
            // A bystander that is started again is no restart of a server.
            let is_server = matches!(view.role, Role::Handler | Role::Shielded);
            if view.command != 0 && is_server && self.record(p.id).is_some_and(|m| !m.newcomer) {
                self.commands.insert(view.command);
            }
            let asks_pending = self.signal;
            let Some(m) = self.record_mut(p.id) else { continue };
            m.moved = world.switches(p) != m.switches || World::is_pending(p, asks_pending);
            m.left = view.left;
            m.was_unclear |= view.unclear;
            m.followed = m.followed.or(view.followed);
            let belongs = view.role == Role::Worker
                && view.mine.is_none_or(|it| matches!(it, Role::Handler | Role::Foreground));
            m.worker_of = view.worker_of.filter(|_| belongs).or(m.worker_of);
            m.was_worker |= view.role == Role::Worker && !view.unclear;
            if m.first_signalled.is_none() {
                m.stack = view.stack;
            }
            m.trap_ran = view.trap_ran;
            m.in_wait = view.in_wait;
            if let Stdin::Pipe(file) = view.stdin {
                m.pipe.get_or_insert(file.inode);
            }
            let expected = view.role == Role::Handler
                && !m.as_handler
                && (view.deferred && !view.has_writer || m.left && m.moved && !view.deferred);
            let at_end = view.handles && m.reader && !view.has_writer;
            m.rest_since = at_end.then(|| m.rest_since.unwrap_or(now));
            let expected = expected && (!m.newcomer || m.left_behind);
            m.expected_since = expected.then(|| m.expected_since.unwrap_or(now));
            m.asked_again &= expected;
            if p.nested_init && !m.init {
                // The kernel dropped what it got before that was known.
                (m.signalled, m.init) = (false, true);
            }
            m.left_behind |= belongs;
            m.ignored = view.disposition == Disposition::Ignored;
            m.reader |= view.reader;
            m.perhaps_in_ring |= view.perhaps_in_ring;
            m.free_since = view.carries_on.then(|| m.free_since.unwrap_or(now));
            if m.role != Role::Shielded || view.role != Role::Bystander {
                m.role = match view.mine {
                    Some(Role::Shielded) => Role::Shielded,
                    Some(Role::Bystander) if m.role == Role::Shielded => Role::Shielded,
                    _ => view.role,
                };
            }
        }
        // Pids are not given out again that soon, so no record of a process that is gone is needed.
        let there = |id| world.by_id(id).is_some() || world.is_unreported(id);
        self.records.retain(|m| there(m.id));
        self.first_look.get_or_insert(at);
        self.tick = world.tick();
        self.acted_at = now;
        self.changed = None;
        self.ever_missed.extend(&lost);
        self.missed = lost;
        self.seen = views;
        self.due.clear();
        let loose = self.seen.iter().filter(|v| v.loose);
        self.loose = loose.map(|v| v.process.id).collect();
        if self.deadline.is_some_and(|deadline| deadline <= now) && self.stage == Stage::Killing {
            self.killing_since.get_or_insert(now);
        }
        let handled = self.seen.iter().any(|v| v.role == Role::Handler);
        if first && !handled && self.by_signal {
            self.stage = Stage::LastCall;
            self.last_call_since.get_or_insert(now);
            self.collect(Promise::NoHandler, first, now);
        }
        if self.stage == Stage::Killing {
            self.collect(Promise::LastCall, first, now);
        }
        if self.stage == Stage::Handlers {
            self.collect(Promise::HandlersAtOnce, first, now);
            if !self.waits_for_handler(world) {
                self.stage = Stage::Epilogue(now.saturating_add(self.options.epilogue));
            }
        }
        if self.repeated && matches!(self.stage, Stage::Epilogue(_)) {
            self.stage = Stage::LastCall;
            self.last_call_since.get_or_insert(now);
        }
        // The repeat is not passed on to a process that could not be signalled before.
        let sees = |v: &View| {
            let record = self.record(v.process.id);
            let due =
                || v.role == Role::Handler && self.due.iter().any(|(id, _)| *id == v.process.id);
            !record.is_some_and(|m| m.refused)
                && (record.is_some_and(|m| m.as_handler || m.expected_since.is_some()) || due())
        };
        self.repeated &= self.stage == Stage::Handlers && !self.seen.iter().any(sees);
        if let Stage::Epilogue(until) = self.stage {
            self.collect(Promise::Epilogue, first, now);
            let signalled = |v: &View| {
                let id = v.process.id;
                // The signal ends nothing that ignores it.
                let useless = v.ignores
                    && self.record(id).is_some_and(|m| m.role != Role::Shielded && !m.reader);
                useless
                    || self.record(id).is_some_and(|m| m.signalled)
                    || self.due.iter().any(|(other, _)| *other == id)
            };
            if self.waits_for_handler(world) {
                self.stage = Stage::Handlers;
            } else if until <= now || self.seen.iter().all(signalled) {
                self.stage = Stage::LastCall;
                self.last_call_since.get_or_insert(now);
            } else if self.is_restarted(world) {
                self.stage = Stage::LastCall;
                self.last_call_since.get_or_insert(now);
                self.collect(Promise::Restart, first, now);
            }
        }
        if self.stage == Stage::LastCall {
            self.collect(Promise::LastCall, first, now);
        }
        if self.last_word && self.stage != Stage::Killing {
            self.collect(Promise::LastWord, first, now);
        }
    }

    /// Whether the script has started what a stop must not start.
    fn is_restarted(&self, world: &World) -> bool {
        self.seen.iter().any(|v| {
            let p = &v.process;
            let Some(m) = self.record(p.id).filter(|m| m.newcomer && !m.left_behind) else {
                return false;
            };
            let Some(up) = self.seen.iter().find(|up| up.process.id.pid == p.parent) else {
                return false;
            };
            let shielded = self.record(up.process.id).is_some_and(|m| m.role == Role::Shielded)
                && up.process.kind(world.now) == Kind::Shell;
            let again = v.command != 0 && self.commands.contains(&v.command);
            let copy = p.kind(world.now) == Kind::Shell && v.command == up.command;
            let next = v.handles && !copy;
            m.role != Role::Worker
                && shielded
                && !v.is_job
                && (v.command != up.command && again || next)
        })
    }

    /// Whether a bystander that gets the signal in the epilogue started it: then it is no work of
    /// the script.
    fn is_of_bystander(&self, views: &[View], p: &Proc) -> bool {
        let view = views.iter().find(|v| v.process.id.pid == p.parent);
        let Some(m) = view.and_then(|v| self.record(v.process.id)) else { return false };
        let ignores = view.is_some_and(|v| v.ignores)
            && !views
                .iter()
                .any(|v| v.role == Role::Handler && is_below(views, v.process.id, m.id));
        let ends_by_itself = m.reader || ignores || m.newcomer && !m.left_behind;
        m.role == Role::Bystander && !ends_by_itself
    }

    /// What the check makes of each process, for a story.
    pub(crate) fn described(&self) -> String {
        let mut text = format!("the check ({:?}):", self.stage);
        for v in &self.seen {
            let m = self.record(v.process.id);
            let due = self.due.iter().find(|(id, _)| *id == v.process.id);
            let _ = write!(text, " {}={:?}", v.process.name(), v.role);
            let marks = [
                (m.is_some_and(|m| m.role != v.role), "was another"),
                (v.unclear, "unclear"),
                (v.loose, "loose"),
                (v.deferred, "deferred"),
                (v.has_writer, "written"),
                (v.reads_handler, "reads"),
                (m.is_some_and(|m| m.reader), "reader"),
                (v.left, "left"),
                (m.is_some_and(|m| m.moved), "moved"),
                (m.is_some_and(|m| m.expected_since.is_some()), "expected"),
                (m.is_some_and(|m| m.signalled), "signalled"),
                (m.is_some_and(|m| m.newcomer), "new"),
                (v.carries_on, "carries on"),
                (due.is_some(), "DUE"),
            ];
            for (_, mark) in marks.iter().filter(|(is, _)| *is) {
                let _ = write!(text, ",{mark}");
            }
        }
        text
    }

    pub(crate) fn looked_without_proc(&mut self) {
        self.ever_without_proc = true;
        self.changed = None;
    }

    /// adieu is woken by a deadline, perhaps by the timeout.
    pub(crate) fn deadline(&mut self, now: Micros) {
        self.half |= self.half_at().is_some_and(|at| at <= now);
        self.last_word |= self.last_word_at().is_some_and(|at| at <= now);
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.stage = Stage::Killing;
        }
    }

    fn timeout(&self) -> Option<Micros> {
        Some(self.deadline? - self.began?)
    }

    fn half_at(&self) -> Option<Micros> {
        Some(self.began? + self.timeout().map_or(HALF_OF_NONE, |timeout| timeout / 2))
    }

    fn last_word_at(&self) -> Option<Micros> {
        Some(self.deadline? - (self.timeout()? / 5).min(MOST_LAST_WORD))
    }

    fn waits_for_handler(&self, world: &World) -> bool {
        self.records.iter().any(|m| {
            let signalled = m.as_handler
                || m.expected_since.is_some()
                || self.due.iter().any(|(id, _)| *id == m.id) && m.role == Role::Handler;
            let there = self.seen.iter().any(|v| v.process.id == m.id)
                || world.is_unreported(m.id)
                || self.missed.contains(&m.id) && self.watched(world, m.id);
            signalled && !m.refused && there
        })
    }

    /// Notes which processes have to get the signal now.
    fn collect(&mut self, why: Promise, first: bool, now: Micros) {
        for view in &self.seen {
            let View { process: p, role, disposition, .. } = view;
            let Some(m) = self.record(p.id) else { continue };
            if self.stage != Stage::Killing
                && self.is_unreachable_init(p.id)
                && self.has_others_inside(p.id)
            {
                continue;
            }
            let since = m.newcomer && !m.left_behind;
            let in_group = self.options.deliver == "group" && p.group == MAIN;
            let at_once = match role {
                Role::Handler | Role::Foreground => true,
                Role::Shielded => false,
                Role::Worker | Role::Bystander => in_group,
            };
            // Of a process that may not be read, a late handler cannot be seen.
            let reads = view.stdin != Stdin::Other;
            let unseen = *disposition == Disposition::Hidden && !m.as_handler && reads;
            let filter = unseen
                && matches!(role, Role::Handler | Role::Bystander)
                && !first
                && !m.left_behind;
            let waits = view.deferred && view.has_writer;
            let expected = !m.asked_again
                && m.expected_since
                    .is_some_and(|at| at == now || now < at.saturating_add(self.options.epilogue));
            let idle = *role == Role::Bystander
                && m.role == Role::Bystander
                && view.in_foreground
                && !m.reader
                && !m.ignored
                && view.unwritten;
            let due = match self.stage {
                _ if why == Promise::LastWord => true,
                Stage::Handlers => {
                    (at_once || self.half && idle)
                        && !view.loose
                        && m.role != Role::Shielded
                        && !since
                        && !filter
                        && !waits
                        && !expected
                }
                Stage::Epilogue(_) => {
                    *role != Role::Worker
                        && m.role != Role::Shielded
                        && !since
                        && !view.loose
                        && (!m.reader || *role == Role::Handler && !view.deferred)
                        && !m.ignored
                        && !filter
                        && !waits
                        && !expected
                }
                Stage::LastCall => *role != Role::Worker,
                Stage::Killing => true,
            };
            if !due || m.signalled || self.due.iter().any(|(id, _)| *id == p.id) {
                continue;
            }
            let late = !first && *role == Role::Handler && m.first_signalled.is_none();
            let promise = match (why, role) {
                (Promise::LastWord, _) => why,
                (_, Role::Bystander) if self.stage == Stage::Handlers && self.half => {
                    Promise::HalfTime
                }
                (_, Role::Handler) if view.deferred => Promise::Readers,
                (Promise::HandlersAtOnce, Role::Handler) if self.repeated && m.as_handler => {
                    Promise::Repeats
                }
                (Promise::HandlersAtOnce, Role::Handler) if late && m.left_behind => {
                    Promise::Leftovers
                }
                (Promise::HandlersAtOnce, Role::Handler) if late => Promise::LateHandlers,
                (Promise::HandlersAtOnce, Role::Foreground) => Promise::Foreground,
                _ if m.first_signalled.is_some() && !m.by_group => Promise::Repeats,
                _ => why,
            };
            self.due.push((p.id, promise));
        }
    }

    /// Whether it is a namespace's init without a handler, for which the kernel drops the signal.
    fn is_unreachable_init(&self, id: ProcId) -> bool {
        let view = self.seen.iter().find(|v| v.process.id == id);
        view.is_some_and(|v| {
            v.process.nested_init
                && v.process.access != Access::Unreadable
                && v.disposition == Disposition::Default
        })
    }

    fn has_others_inside(&self, id: ProcId) -> bool {
        self.seen.iter().any(|v| v.process.parent == id.pid)
    }

    fn view(&self, id: ProcId) -> Option<&View> {
        self.seen.iter().find(|v| v.process.id == id)
    }

    pub(crate) fn says(&mut self, note: &Note, world: &World, now: Micros) -> Check {
        match note {
            Note::Sends(process, _, signal) => self.said.push((process.id, *signal)),
            Note::Kills(_, processes) | Note::KillsIgnorers(processes) => {
                // What ignores the signal may have been killed before the timeout, in vain.
                let said = match note {
                    Note::Kills(..) => &mut self.said_killed,
                    _ => &mut self.said_ignorers,
                };
                for process in processes {
                    if said.contains(&process.id) {
                        return broken(
                            Promise::Notes,
                            format!("({}) is said twice to be killed", process.id.pid),
                        );
                    }
                    said.push(process.id);
                }
            }
            Note::Ended(process, _) => {
                if world.by_id(process.id).is_some() && !self.missed.contains(&process.id) {
                    return broken(
                        Promise::Notes,
                        format!("{} is said to have ended", world.name(process.id.pid)),
                    );
                }
            }
            Note::Refused(process, signal) => {
                let of = |refused: &(ProcId, Signal)| *refused == (process.id, *signal);
                let known = self.record(process.id).is_some_and(|m| m.refused);
                let Some(at) = self.refusals.iter().position(of) else {
                    if known && self.ever_missed.contains(&process.id) {
                        // Two looks missed it, so to adieu it is a new process.
                        return Ok(());
                    }
                    let how = format!(
                        "{signal} to ({}) is said to be refused, and was not",
                        process.id.pid
                    );
                    return broken(Promise::Notes, how);
                };
                self.refusals.swap_remove(at);
            }
            Note::Waits(..) => {
                let due = u64::try_from(FIRST_WARNING.as_micros()).expect("small")
                    << self.warnings.min(20);
                self.warnings += 1;
                let began = self.began.unwrap_or(now);
                if now < began + due {
                    return broken(
                        Promise::Warnings,
                        format!("warning {} comes too early", self.warnings),
                    );
                }
            }
            Note::Dropped(_) => {
                if let Some((_, expected, _, dropped)) = &mut self.forwarded {
                    *dropped = true;
                    if let Some(id) =
                        expected.first().filter(|_| self.options.deliver == "programs")
                    {
                        let name = world.name(id.pid);
                        return broken(
                            Promise::Forwarding,
                            format!("the signal is dropped, but {name} handles it"),
                        );
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// adieu looked because of a signal that does not stop: works out which processes should get
    /// it.
    pub(crate) fn looked_to_forward(
        &mut self,
        world: &World,
        signal: Signal,
        missed: Option<ProcId>,
    ) {
        let lost: Vec<ProcId> = missed.map_or_else(Vec::new, |id| below_and_self(world, id));
        let seen: Vec<Proc> =
            world.alive.iter().filter(|p| !lost.contains(&p.id)).cloned().collect();
        let views = self.views(world, seen, signal, (true, true), world.now);
        let handlers = views.iter().filter(|v| v.role == Role::Handler);
        let expected = handlers.map(|v| v.process.id).collect();
        self.forwarded = Some((signal, expected, Vec::new(), false));
    }

    /// adieu sends a signal to one process.
    pub(crate) fn signals(&mut self, order: &SignalProcess, world: &World, now: Micros) -> Check {
        let Some(p) = world.by_id(order.id).cloned() else {
            let role = self.view(order.id).map(|v| v.role);
            self.forget_due(order.id);
            if !world.zombies.contains(&order.id) {
                // adieu looks at once after it learns this.
                self.inputs += 1;
                self.killed.1 |= order.signal == Signal::KILL && self.stage == Stage::Killing;
                self.records.retain(|m| m.id != order.id);
            } else if order.signal == Signal::KILL {
                self.killed.1 |= self.stage == Stage::Killing;
                if let Some(m) = self.record_mut(order.id) {
                    m.killed = true;
                }
            } else if let Some(m) =
                self.record_mut(order.id).filter(|_| order.signal != Signal::CONT)
            {
                // `kill` succeeds for a child that was not reaped: to adieu it is a handler until
                // its end is reported.
                (m.signalled, m.as_handler) = (true, m.as_handler || role == Some(Role::Handler));
            }
            return self.announced(order);
        };
        let name = p.name();
        if let Some((signal, expected, signalled, _)) = &mut self.forwarded {
            if order.signal == *signal {
                let exact = self.options.deliver == "programs";
                if signalled.contains(&order.id) || exact && !expected.contains(&order.id) {
                    return broken(Promise::Forwarding, format!("{name} gets {signal}"));
                }
                signalled.push(order.id);
                return Ok(());
            }
        }
        if order.signal == Signal::CONT {
            return Ok(());
        }
        if order.signal == Signal::KILL {
            return self.kills(&p, world, now);
        }
        self.announced(order)?;
        self.checks_target(&p, order, now)?;
        if self.view(p.id).is_some_and(|v| v.process.stopped) && !order.resume {
            return broken(
                Promise::Continued,
                format!("{name} is stopped and gets the signal without SIGCONT"),
            );
        }
        self.note_signal(&p, false, now);
        Ok(())
    }

    /// The process has executed another program since the look. It has to get the signal as that
    /// program, soon.
    pub(crate) fn changed(&mut self, order: &SignalProcess, now: Micros) -> Check {
        if order.signal == Signal::KILL {
            self.said.retain(|(id, _)| *id != order.id);
        }
        self.announced(order)?;
        // adieu looks at once after it learns this.
        self.inputs += 1;
        self.changed.get_or_insert(now);
        self.forget_due(order.id);
        if let Some(m) = self.record_mut(order.id) {
            (m.signalled, m.as_handler, m.as_copy) = (false, false, false);
        }
        Ok(())
    }

    /// Every signal to a process is announced by a note.
    fn announced(&mut self, order: &SignalProcess) -> Check {
        if order.signal == Signal::CONT || order.signal == Signal::KILL {
            return Ok(());
        }
        match self.said.iter().position(|(id, signal)| *id == order.id && *signal == order.signal) {
            Some(at) => {
                self.said.swap_remove(at);
                Ok(())
            }
            None if self.forwarded.is_some() => Ok(()),
            None => broken(
                Promise::Notes,
                format!("({}) gets a signal and nothing says so", order.id.pid),
            ),
        }
    }

    fn forget_due(&mut self, id: ProcId) {
        self.due.retain(|(other, _)| *other != id);
    }

    fn note_signal(&mut self, p: &Proc, by_group: bool, now: Micros) {
        let role = self.view(p.id).map(|v| v.role);
        // A young shell below a shell with a trap may be a copy of it that has yet to execute its
        // program: then the signal is lost. The same holds for an orphan whose shell is gone.
        let above = self
            .view(p.id)
            .and_then(|v| self.seen.iter().find(|up| up.process.id.pid == v.process.parent));
        let below_trap = match above {
            Some(up) => up.role == Role::Handler && up.is_shell(),
            None => p.group != p.id.pid,
        };
        let shell = self.view(p.id).is_some_and(View::is_shell) && p.kind(now) == Kind::Shell;
        let young = self.tick.saturating_sub(p.id.start) < YOUTH;
        let copy = below_trap && shell && young && !by_group;
        let loose =
            self.view(p.id).is_some_and(|v| v.loose && v.handles || v.mine == Some(Role::Handler));
        let (sent, acted_at) = (self.signal, self.acted_at);
        self.forget_due(p.id);
        if let Some(m) = self.record_mut(p.id) {
            if m.first_signalled.is_none() && m.in_wait {
                // It runs the trap at once.
                m.trap_ran = Some(true);
            }
            m.first_signalled.get_or_insert(now);
            m.last_signalled = Some(now);
            m.batch.get_or_insert(acted_at);
            m.signal.get_or_insert(sent);
            (m.signalled, m.by_group, m.as_copy) = (true, by_group, copy);
            m.as_handler |= (role == Some(Role::Handler) || loose) && !by_group;
        }
    }

    fn checks_target(&mut self, p: &Proc, order: &SignalProcess, now: Micros) -> Check {
        let name = p.name();
        // The unit tests have the roles of --deliver group and --deliver child.
        if self.ever_without_proc
            || self.stage == Stage::Killing
            || self.options.deliver != "programs"
        {
            return Ok(());
        }
        let Some(view) = self.view(p.id) else {
            return broken(
                Promise::Outside,
                format!("{name} gets the signal and was not there at the look"),
            );
        };
        let (role, Some(m)) = (view.role, self.record(p.id)) else { return Ok(()) };
        if m.signalled {
            if p.foreign {
                // The kernel refused the signal before.
                return Ok(());
            }
            let unhandled = matches!(view.disposition, Disposition::Default | Disposition::Ignored)
                || p.kind(now) == Kind::Wrapper
                || view.disposition == Disposition::Hidden && p.kind(now) == Kind::Shell;
            let survives = m.by_group && unhandled;
            if !survives {
                return broken(Promise::Once, format!("{name} gets the signal again"));
            }
            return Ok(());
        }
        // Whether its shell waited for it was never known.
        let left_unclear = m.left && !m.was_worker;
        let half = self.stage == Stage::Handlers
            && self.half_at().is_some_and(|at| at <= now)
            && (view.mine == Some(Role::Bystander)
                || view.role == Role::Bystander && m.role == Role::Bystander)
            && view.in_foreground
            && !m.reader;
        let below_unclear = || {
            let mut unclear = self.seen.iter().filter(|v| v.unclear);
            unclear.any(|v| is_below(&self.seen, p.id, v.process.id))
        };
        let in_last_call = match self.stage {
            Stage::LastCall => view.unclear || view.deferred || below_unclear(),
            Stage::Epilogue(_) => view.unclear && !view.handles,
            _ => false,
        };
        if self.options.deliver == "child"
            || in_last_call
            || half
            || left_unclear
            || self.due.iter().any(|(id, _)| *id == p.id)
            || self.loose.contains(&p.id)
            || self.last_word_at().is_some_and(|at| at <= now)
        {
            return Ok(());
        }
        let expected_until =
            m.rest_since.or(m.expected_since).map(|at| at.saturating_add(self.options.epilogue));
        if expected_until.is_some_and(|until| until <= now) {
            return Ok(());
        }
        // A wrapper above a process that may not be signalled gets the signal, to pass it on.
        let above_refused = view.process.kind(now) == Kind::Wrapper
            && self.records.iter().any(|m| m.refused && is_below(&self.seen, m.id, p.id));
        if above_refused {
            if let Some(m) = self.record_mut(p.id) {
                m.as_handler = true;
            }
            return Ok(());
        }
        let since = m.newcomer && !m.left_behind;
        // Whether the script started it can be read in two ways.
        let by_script = self.find_role(p.parent) == Some(Role::Shielded) && !m.was_unclear;
        if since
            && !by_script
            && role == Role::Bystander
            && matches!(self.stage, Stage::Epilogue(_))
        {
            return Ok(());
        }
        let promise = match role {
            Role::Worker if view.unclear => Promise::Unclear,
            Role::Worker => Promise::Workers,
            Role::Handler if view.deferred => Promise::Readers,
            Role::Handler if m.expected_since.is_some() => Promise::Leftovers,
            _ if m.role == Role::Shielded => Promise::Shielded,
            _ if since || m.reader || m.ignored => Promise::TimeToEnd,
            _ => Promise::Bystanders,
        };
        broken(promise, format!("{name} ({:?}, {:?}) gets {}", m.role, self.stage, order.signal))
    }

    /// When what ignores the signal may be killed: a second after the last call, and after it got
    /// the signal.
    fn ignorer_until(&self, id: ProcId, last: bool) -> Option<Micros> {
        let m = self.record(id)?;
        let at = if last { m.last_signalled } else { m.first_signalled };
        Some(self.last_call_since?.max(at?) + IGNORERS)
    }

    /// Whether it ignores the signal that it gets, and no handler is below it.
    fn is_ignorer(&self, view: &View) -> bool {
        view.ignores
            && !self.record(view.process.id).is_some_and(|m| m.as_handler)
            && !self.seen.iter().any(|other| {
                (other.handles || self.record(other.process.id).is_some_and(|m| m.as_handler))
                    && is_below(&self.seen, other.process.id, view.process.id)
            })
    }

    fn kills(&mut self, p: &Proc, world: &World, now: Micros) -> Check {
        let name = p.name();
        if self.is_unreachable_init(p.id) && !self.has_others_inside(p.id) {
            self.killed.1 |= self.stage == Stage::Killing;
            if let Some(m) = self.record_mut(p.id) {
                m.killed = true;
            }
            self.said.retain(|(id, _)| *id != p.id);
            self.note_signal(p, false, now);
            return Ok(());
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            let ignorer = self.view(p.id).is_some_and(|view| self.is_ignorer(view));
            let until = self.ignorer_until(p.id, false);
            let in_time = until.is_some_and(|until| until <= now + MS);
            // There are no roles otherwise, by which the last call could be known.
            let programs = self.options.deliver == "programs" && !self.ever_without_proc;
            let ignored =
                self.view(p.id).is_some_and(|view| view.disposition == Disposition::Ignored);
            let may = if programs { ignorer && in_time } else { ignored };
            if !may {
                return broken(Promise::KillEarly, format!("{name} is killed"));
            }
            if let Some(m) = self.record_mut(p.id) {
                m.killed = true;
            }
            if !self.said_killed.contains(&p.id) && !self.said_ignorers.contains(&p.id) {
                return broken(Promise::Notes, format!("{name} is killed and nothing says so"));
            }
            return Ok(());
        }
        let alive = !p.foreign && world.by_id(p.id).is_some();
        self.killed = (self.killed.0 || alive, true);
        let killing = self.killing_since.unwrap_or(now);
        let unreachable_init = self.is_unreachable_init(p.id);
        let missed = self.ever_missed.contains(&p.id);
        let Some(m) = self.record_mut(p.id) else { return Ok(()) };
        m.killed = true;
        let grace = u64::try_from(LAST_WORD.as_micros()).expect("small");
        let new = m.first_seen > killing || missed;
        match m.first_signalled {
            // For these the time does not count: no signal reached them.
            _ if m.refused || unreachable_init || p.nested_init => {}
            None => {
                return broken(
                    Promise::KillUnsignalled,
                    format!("{name} is killed and never got the signal"),
                );
            }
            Some(signalled) if signalled < killing || now + MS >= signalled + grace || new => {}
            Some(_) => {
                return broken(
                    Promise::KillUnsignalled,
                    format!("{name} is killed too soon after it got the signal"),
                );
            }
        }
        if !self.said_killed.contains(&p.id) && !self.said_ignorers.contains(&p.id) {
            return broken(Promise::Notes, format!("{name} is killed and nothing says so"));
        }
        Ok(())
    }

    /// adieu signals the main process's group.
    pub(crate) fn signals_group(&mut self, signal: Signal, world: &World, now: Micros) -> Check {
        if let Some((id, _)) = world.outsiders.iter().find(|(_, group)| *group == MAIN) {
            return broken(Promise::Outside, format!("{signal} goes to the group of ({})", id.pid));
        }
        if [Signal::WINCH, Signal::CONT, Signal::TSTP, Signal::STOP].contains(&signal) {
            return match self.for_group.take() {
                Some(due) if due == signal => Ok(()),
                _ => broken(Promise::GroupSignals, format!("{signal} goes to the group")),
            };
        }
        if signal == Signal::KILL {
            let early = self.deadline.is_none_or(|deadline| now < deadline);
            // A look that shows nothing may also mean that all has just ended.
            let any = world.alive.iter().any(|p| p.group == MAIN && !p.foreign);
            self.killed = (self.killed.0 || any && !self.seen.is_empty(), true);
            return if early { broken(Promise::KillEarly, "the group is killed") } else { Ok(()) };
        }
        if self.ever_without_proc {
            self.group_said = world.alive.iter().map(|p| p.id).collect();
            return Ok(());
        }
        let members: Vec<Proc> = world.alive.iter().filter(|p| p.group == MAIN).cloned().collect();
        if self.stage != Stage::LastCall && self.stage != Stage::Killing && !self.seen.is_empty() {
            let names: Vec<String> = members.iter().map(Proc::name).collect();
            return broken(
                Promise::Bystanders,
                format!("the whole group gets the signal: {}", names.join(", ")),
            );
        }
        for p in members.iter().filter(|p| !p.foreign) {
            if self.record(p.id).is_some_and(|m| m.signalled) && self.began.is_some() {
                return broken(
                    Promise::Once,
                    format!("{} gets the signal again, with its group", p.name()),
                );
            }
            let view = self.view(p.id);
            let ignores = view.is_some_and(|v| v.disposition == Disposition::Ignored);
            let init =
                view.is_some_and(|v| v.process.nested_init) && p.access != Access::Unreadable;
            if !init && !ignores {
                self.note_signal(p, true, now);
            }
        }
        // A process of another user does not get it. adieu cannot know that, and signals it by
        // itself later.
        for p in members.iter().filter(|p| p.foreign) {
            self.forget_due(p.id);
            if let Some(m) = self.record_mut(p.id) {
                (m.signalled, m.by_group) = (true, true);
                m.first_signalled.get_or_insert(now);
            }
        }
        self.group_said = members.iter().map(|p| p.id).collect();
        Ok(())
    }

    /// The kernel refuses this signal: notes what follows, and that adieu has to say it.
    pub(crate) fn refused(&mut self, order: &SignalProcess, now: Micros) {
        let id = order.id;
        if self.forwarded.as_ref().is_some_and(|(signal, ..)| *signal == order.signal) {
            // For the stop nothing follows.
            self.refusals.push((id, order.signal));
            return;
        }
        // adieu says it once, with the signal of the stop.
        let signal = self.signal;
        if self.record(id).is_some_and(|m| !m.refused) {
            self.refusals.push((id, signal));
        }
        if order.signal == Signal::CONT {
            if let Some(m) = self.record_mut(id) {
                m.refused = true;
            }
            return;
        }
        // adieu looks at once after each refusal.
        self.inputs += 1;
        self.forget_due(id);
        let role = self.view(id).map(|v| v.role);
        let acted_at = self.acted_at;
        if let Some(m) = self.record_mut(id) {
            (m.refused, m.signalled) = (true, true);
            m.first_signalled.get_or_insert(now);
            m.batch.get_or_insert(acted_at);
            m.as_handler |= role == Some(Role::Handler);
        }
    }

    /// All that follows from one input has been done: checks that nothing is missing.
    pub(crate) fn settled(&mut self, world: &World, now: Micros, looked: bool) -> Check {
        if let Some((signal, expected, signalled, dropped)) = self.forwarded.take() {
            if self.options.deliver == "programs" && !self.ever_without_proc {
                for id in expected.iter().filter(|id| world.by_id(**id).is_some()) {
                    if !signalled.contains(id) {
                        let how =
                            format!("{} handles {signal} and does not get it", world.name(id.pid));
                        return broken(Promise::Forwarding, how);
                    }
                }
            }
            let hangup =
                signal == Signal::HUP && !self.is_init || self.options.deliver != "programs";
            if signalled.is_empty() && expected.is_empty() && !dropped && !hangup {
                return broken(
                    Promise::Forwarding,
                    format!("{signal} goes to no process and is not said to be dropped"),
                );
            }
        }
        if let Some((id, signal)) = self.refusals.pop() {
            let how = format!("{signal} to ({}) is refused and nothing says so", id.pid);
            return broken(Promise::Notes, how);
        }
        if let Some(signal) = self.for_group.take() {
            return broken(Promise::GroupSignals, format!("{signal} does not go to the group"));
        }
        let group_said = std::mem::take(&mut self.group_said);
        let said = std::mem::take(&mut self.said);
        let untrue =
            said.iter().find(|(id, _)| !group_said.contains(id) && world.by_id(*id).is_some());
        if let Some((id, signal)) = untrue {
            let how = format!("{} is said to get {signal} and does not", world.name(id.pid));
            return broken(Promise::Notes, how);
        }
        if !looked
            || self.ever_without_proc
            || !self.missed.is_empty()
            || self.options.deliver != "programs"
        {
            return Ok(());
        }
        // A new wrapper that got the signal as the copy of a shell, or for a process of another
        // user below it, is waited for by one reading of the rules.
        let is_waited_for = |v: &View| {
            let signalled = self.record(v.process.id).is_some_and(|m| m.signalled && m.newcomer);
            signalled && v.role == Role::Shielded && v.process.kind(now) == Kind::Wrapper
        };
        if self.stage != Stage::Killing && self.seen.iter().any(is_waited_for) {
            self.due.clear();
        }
        for (id, promise) in std::mem::take(&mut self.due) {
            let Some(p) = world.by_id(id) else { continue };
            if self.is_unreachable_init(id) && self.has_others_inside(id) {
                continue;
            }
            // What a look has missed may be something else to adieu since then.
            if promise == Promise::Repeats && self.ever_missed.contains(&id) {
                continue;
            }
            // After the SIGKILL of the timeout no other signal is sent.
            if self.stage == Stage::Killing && self.record_mut(id).is_some_and(|m| m.killed) {
                continue;
            }
            return broken(
                promise,
                format!("{} does not get the signal ({:?})", p.name(), self.stage),
            );
        }
        if self.stage == Stage::Handlers {
            self.traps_run(world, now)?;
        }
        if let (Stage::Killing, Some(killing)) = (self.stage, self.killing_since) {
            let grace = u64::try_from(LAST_WORD.as_micros()).expect("small");
            let seen = self.seen.iter().map(|v| &v.process);
            let late = seen.filter(|p| world.by_id(p.id).is_some()).find(|p| {
                self.record(p.id).is_some_and(|m| {
                    let since = killing.max(m.first_seen).max(m.first_signalled.unwrap_or(0));
                    !m.killed && now > since + grace + 100 * MS
                })
            });
            if let Some(p) = late.filter(|p| !p.foreign) {
                return broken(Promise::KillAll, format!("{} is not killed", p.name()));
            }
        }
        Ok(())
    }

    /// Whether each shell with a trap that got the signal will come to run its trap: what it really
    /// waits for has had the signal, or ends when a handler does.
    fn traps_run(&self, world: &World, now: Micros) -> Check {
        for shell in &self.seen {
            let id = shell.process.id;
            let since = self.record(id).filter(|m| m.as_handler && m.signalled);
            let Some(since) = since.and_then(|m| m.last_signalled) else { continue };
            if shell.role != Role::Handler || now < since + 1_500 * MS {
                continue;
            }
            for waits_for in world.trap_waits_for(id) {
                let has_it = |v: &View| {
                    let signalled = self.record(v.process.id).is_some_and(|m| m.signalled);
                    let below =
                        v.process.id == waits_for || is_below(&self.seen, v.process.id, waits_for);
                    let expected =
                        self.record(v.process.id).is_some_and(|m| m.expected_since.is_some());
                    below
                        && (signalled || expected || v.deferred || v.reads_handler || v.carries_on)
                };
                let (Some(view), Some(m)) = (self.view(waits_for), self.record(waits_for)) else {
                    continue;
                };
                // It looks like a background job, or the shell may have started it in its trap, or
                // it was followed by another command (which here a shell may start at any time).
                let followed = m.followed == Some(true);
                let looks_otherwise = !view.in_foreground || m.newcomer || m.refused || followed;
                // What reads its lines is no child of the shell any more.
                let lost_reader = self.seen.iter().any(|v| {
                    let pipe = match v.stdin {
                        Stdin::Pipe(file) => Some(file.inode),
                        Stdin::Other | Stdin::Unknown => None,
                    };
                    v.process.parent == ADIEU
                        && pipe.is_some()
                        && view.process.outputs.contains(&pipe)
                });
                // Whatever the kernel keeps from it.
                let unreachable = view.process.nested_init || view.process.stopped;
                if !looks_otherwise && !lost_reader && !unreachable && !self.seen.iter().any(has_it)
                {
                    return broken(
                        Promise::TrapRuns,
                        format!("{} waits for {}", shell.process.name(), view.process.name()),
                    );
                }
            }
        }
        Ok(())
    }

    pub(crate) fn exits(&self, code: u8, world: &World, now: Micros) -> Check {
        let raw = self.main_end.map_or(137, End::code);
        let expected = if self.options.ok_exits.contains(&raw) { 0 } else { raw };
        let (certain, perhaps) = self.killed;
        let perhaps = perhaps || self.stage == Stage::Killing && self.ever_without_proc;
        let as_killed = code == 137 && perhaps && self.by_signal;
        if !(as_killed || code == expected && !(certain && self.by_signal)) {
            let expected = if certain && self.by_signal { 137 } else { expected };
            return broken(Promise::Status, format!("it exits with {code}, not {expected}"));
        }
        if world.alive.is_empty() {
            return Ok(());
        }
        let kill_limit = u64::try_from(KILL_LIMIT.as_micros()).expect("small");
        let over = self.deadline.is_some_and(|deadline| now >= deadline + kill_limit);
        let beyond = self.is_init
            && world
                .alive
                .iter()
                .all(|p| p.foreign && !self.handled_when_seen(p) || self.view(p.id).is_none());
        if over || beyond {
            return Ok(());
        }
        broken(Promise::ExitsEarly, format!("{} processes are left", world.alive.len()))
    }

    /// Whether the run may go on for ever: with --deliver child, and without a readable /proc, not
    /// every process gets the signal, and a process may wait for one that got none.
    pub(crate) fn may_wait_for_ever(&self) -> bool {
        self.deadline.is_none() && (self.ever_without_proc || self.options.deliver == "child")
    }

    /// Checks that the stop does not last too long, and what adieu has to do within a time.
    pub(crate) fn lasts(&self, world: &World, now: Micros, look: Micros) -> Check {
        let kill_limit = u64::try_from(KILL_LIMIT.as_micros()).expect("small");
        let slack = 100 * MS + 8 * look;
        if self.deadline.is_some_and(|deadline| now > deadline + kill_limit + slack) {
            return broken(Promise::TimeLimit, "the timeout has long passed");
        }
        if self.changed.is_some_and(|since| now > since + 10 * (MS + look)) {
            return broken(
                Promise::LateHandlers,
                "a process that executed another program is not looked at again",
            );
        }
        let began = self.began.unwrap_or(now);
        let due = (0..20).filter(|n| now > began + ((5 * SECOND) << n) + SECOND + 25 * look).count()
            as u64;
        let counts =
            self.stage != Stage::Killing && self.deadline.is_none_or(|deadline| now < deadline);
        if counts && self.warnings < due {
            return broken(Promise::Warnings, format!("{} of {due} warnings came", self.warnings));
        }
        let elapsed = now - began;
        let most = 60 + 14 * self.inputs + elapsed / (45 * MS);
        let slack = 200 * MS + 10 * look;
        let ignorer = self.seen.iter().find(|v| {
            let there = self.record(v.process.id).is_some_and(|m| !m.killed && !m.refused);
            let until = self.ignorer_until(v.process.id, true);
            there
                && v.role != Role::Worker
                // By then the timeout is near.
                && !self.last_word
                && world.by_id(v.process.id).is_some()
                && self.is_ignorer(v)
                && self.deadline.is_none_or(|deadline| now < deadline)
                && until.is_some_and(|until| until + slack < now)
        });
        if let Some(v) = ignorer.filter(|_| {
            self.options.deliver == "programs" && !self.ever_without_proc && self.missed.is_empty()
        }) {
            return broken(Promise::Ignorers, format!("{} is not killed", v.process.name()));
        }
        if self.looks > most {
            return broken(
                Promise::Looks,
                format!("{} looks after {} ms", self.looks, elapsed / MS),
            );
        }
        let share = elapsed / 10 + look * (8 + 2 * self.inputs);
        if self.costs > share {
            return broken(
                Promise::Looks,
                format!("looks took {} of {} ms", self.costs / MS, elapsed / MS),
            );
        }
        Ok(())
    }

    /// Whether the last look saw it handle the signal, so that adieu waits for it.
    fn handled_when_seen(&self, p: &Proc) -> bool {
        let handles =
            |d| matches!(d, Disposition::Caught | Disposition::Blocked | Disposition::Waiting);
        self.view(p.id).is_some_and(|v| handles(v.disposition) && p.kind(0) != Kind::Shell)
    }
}

fn below_and_self(world: &World, id: ProcId) -> Vec<ProcId> {
    let mut all = vec![id];
    let mut at = 0;
    while let Some(above) = all.get(at).copied() {
        all.extend(world.alive.iter().filter(|p| p.parent == above.pid).map(|p| p.id));
        at += 1;
    }
    all
}

/// Whether `id` is somewhere below `above`.
fn is_below(seen: &[View], id: ProcId, above: ProcId) -> bool {
    let mut at = id.pid;
    while let Some(view) = seen.iter().find(|v| v.process.id.pid == at) {
        at = view.process.parent;
        if at == above.pid {
            return true;
        }
    }
    false
}
