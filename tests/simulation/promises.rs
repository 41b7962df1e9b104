//! What is promised, checked against the ground truth of the world. Nothing here calls adieu's own
//! decisions: roles and phases are worked out anew from the contract, from what the processes are
//! and not from how adieu sees them.

use crate::scenario::{Chosen, MS, Micros, SECOND, Sight};
use crate::world::{ADIEU, MAIN, Proc, World};
use adieu::decide::terms::{FIRST_WARNING, KILL_LIMIT, LAST_WORD, LEFTOVERS_TIMEOUT, REPEAT};
use adieu::decide::{Note, SignalProcess};
use adieu::exit::End;
use adieu::process::{Disposition, Kind, ProcId};
use adieu::signal::{Signal, SignalSet};

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
    OwnersAtOnce: "An owner, the first on its branch that handles the signal, is told at once.",
    LateHandlers: "One that registers its handler only now is told as soon as it is seen.",
    Foreground: "What a shell with a trap waits for is told with it, so that the trap can run.",
    Leftovers: "What an owner leaves behind is looked at afresh: owners among it are told then.",
    NobodyHandles: "When nobody handles the signal everybody is told at once.",
    Epilogue: "When the last owner is done the spared are told.",
    LastCall: "At the last call whatever is left is told, shells included.",
    Repeats: "A repeat after a second is passed on to the owners, and ends the epilogue.",
    Once: "Nobody is told twice, but for a repeated stop.",
    Owned: "Nothing below a living owner is told.",
    Shielded: "A shielded process is not told before the last call.",
    Spared: "The spared are not told while there is an owner.",
    ScriptsTime: "What the script starts now, pipe readers and who ignores the signal have the epilogue to end by themselves.",
    KillEarly: "Nothing is killed before the timeout, and nothing at all without one.",
    KillUnasked: "Nobody is killed without having been told, but for what cannot be told, and each has a last word.",
    KillMissing: "At the timeout all that is left is killed.",
    Outside: "Nothing outside the tree is ever signalled.",
    Lasts: "A stop never lasts longer than the timeout and what the killed take to disappear.",
    Ends: "Every run ends: something always wakes adieu, and it exits as soon as nothing is left.",
    ExitsEarly: "adieu does not exit while there is anybody whom it has to wait for.",
    Status: "The exit status is the main process's, 137 where that is still there, 0 for --ok-exit.",
    Deadlines: "The next deadline lies ahead: adieu never spins.",
    Looks: "adieu looks rarely, and but for the killing never for more than a share of the time.",
    Notes: "What adieu says is what it does.",
    Warnings: "While it waits, adieu says so after 5, 10, 20, 40 s.",
    Forwarding: "A signal that does not stop goes to its owners, once, and is dropped with a warning where there is none.",
    GroupSignals: "WINCH, TSTP and CONT go to the group.",
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Handler,
    Foreground,
    Shielded,
    Worker,
    Bystander,
}

/// One process at a look, and what the contract makes of it.
#[derive(Clone, Debug)]
struct View {
    process: Proc,
    role: Role,
    disposition: Disposition,
    is_copy: bool,
    /// It reads what an owner in the same foreground pipeline of a trap writes.
    reads_owner: bool,
    /// In the foreground of a trap, its owner gone: it may carry on for as long as the epilogue.
    carries_on: bool,
}

impl View {
    fn is_shell(&self) -> bool {
        self.is_copy || self.process.kind(Micros::MAX) == Kind::Shell
    }
}

/// How long a shell may be taken for a copy, in hundredths of a second.
const YOUTH: u64 = 200;

/// What was done about one process, as the world saw it.
#[derive(Clone, Debug)]
struct Marks {
    id: ProcId,
    role: Role,
    first_seen: Micros,
    first_told: Option<Micros>,
    /// Told with the request that holds.
    told: bool,
    by_group: bool,
    /// What it was told was lost: it was the copy of a shell.
    as_copy: bool,
    /// Told as an owner.
    owner: bool,
    newcomer: bool,
    /// Known to be the init of a namespace.
    init: bool,
    left_behind: bool,
    reader: bool,
    ignored: bool,
    free_since: Option<Micros>,
    refused: bool,
    killed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handlers,
    Epilogue(Micros),
    LastCall,
    Killing,
}

/// The contract, in step with one run.
pub(crate) struct Oracle {
    chosen: Chosen,
    is_init: bool,
    pub(crate) began: Option<Micros>,
    by_signal: bool,
    pub(crate) signal: Signal,
    stage: Stage,
    passed: Vec<(Signal, Micros)>,
    repeated: bool,
    deadline: Option<Micros>,
    killing_since: Option<Micros>,
    first_look: Option<Micros>,
    /// When the last look was, in hundredths of a second.
    tick: u64,
    /// Since when somebody is to be looked at again, who was another program by the time that he
    /// was to be told.
    changed: Option<Micros>,
    marks: Vec<Marks>,
    /// Whom the last look asks to tell, and by which promise.
    due: Vec<(ProcId, Promise)>,
    /// The look that holds, and whom it showed.
    seen: Vec<View>,
    missed: Vec<ProcId>,
    ever_missed: Vec<ProcId>,
    ever_blind: bool,
    pub(crate) main_end: Option<End>,
    looks: u64,
    costs: Micros,
    pub(crate) inputs: u64,
    warnings: u64,
    said: Vec<(ProcId, Signal)>,
    said_killed: Vec<ProcId>,
    group_said: Vec<ProcId>,
    /// What is to go to the group now.
    for_group: Option<Signal>,
    /// The job was stopped by a signal that arrived for it.
    suspended: bool,
    forwarded: Option<(Signal, Vec<ProcId>, Vec<ProcId>, bool)>,
    /// What the kernel refused and nothing has said yet.
    refusals: Vec<(ProcId, Signal)>,
}

impl Oracle {
    pub(crate) fn new(scenario: &crate::scenario::Scenario) -> Self {
        let (chosen, world) = (scenario.settings.clone(), &scenario.world);
        Self {
            chosen,
            is_init: world.is_init,
            began: None,
            by_signal: false,
            signal: Signal::TERM,
            stage: Stage::Handlers,
            passed: Vec::new(),
            repeated: false,
            deadline: None,
            killing_since: None,
            first_look: None,
            tick: 0,
            changed: None,
            marks: Vec::new(),
            due: Vec::new(),
            seen: Vec::new(),
            missed: Vec::new(),
            ever_missed: Vec::new(),
            ever_blind: false,
            main_end: None,
            looks: 0,
            costs: 0,
            inputs: 0,
            warnings: 0,
            said: Vec::new(),
            said_killed: Vec::new(),
            group_said: Vec::new(),
            for_group: None,
            suspended: false,
            forwarded: None,
            refusals: Vec::new(),
        }
    }

    fn marks(&self, id: ProcId) -> Option<&Marks> {
        self.marks.iter().find(|m| m.id == id)
    }

    fn marks_mut(&mut self, id: ProcId) -> Option<&mut Marks> {
        self.marks.iter_mut().find(|m| m.id == id)
    }

    fn rewritten(&self, arrived: Signal) -> Option<Signal> {
        let rule = self.chosen.rewrites.iter().find(|(from, _)| *from == arrived);
        rule.map_or(Some(arrived), |(_, to)| *to)
    }

    pub(crate) fn ignored(&self) -> SignalSet {
        self.chosen.ignored.iter().copied().collect()
    }

    // --- what happens to adieu ---

    /// A signal arrives, and what it means is worked out from the contract.
    pub(crate) fn arrives(&mut self, arrived: Signal, now: Micros) {
        let Some(signal) = self.rewritten(arrived) else { return };
        let deaf = self.chosen.ignored.contains(&arrived) && signal == arrived;
        let stops = self.chosen.stop_on.contains(&arrived) || self.chosen.stop_on.contains(&signal);
        if !stops || deaf {
            self.for_group = match signal {
                Signal::WINCH | Signal::CONT => Some(signal),
                // Who was told to end must not be stopped from it.
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
                let child = self.chosen.deliver == "child";
                self.marks.iter_mut().filter(|m| m.owner || child).for_each(|m| m.told = false);
            }
            Stage::Epilogue(_) | Stage::LastCall => {
                self.stage = Stage::LastCall;
                self.marks.iter_mut().for_each(|m| m.told = false);
            }
        }
    }

    /// The main process was stopped by a terminal's signal. Where nobody could continue it, it goes
    /// on.
    pub(crate) fn main_stopped(&mut self, signal: Signal) {
        if signal.is_terminal_stop() && !(self.suspended && self.began.is_none()) {
            self.for_group = Some(Signal::CONT);
        }
    }

    pub(crate) fn begin(&mut self, signal: Signal, by_signal: bool, now: Micros) {
        let leftovers = u64::try_from(LEFTOVERS_TIMEOUT.as_micros()).expect("small");
        let limit = if by_signal {
            self.chosen.timeout
        } else {
            Some(self.chosen.timeout.unwrap_or(leftovers))
        };
        self.forwarded = None;
        (self.began, self.by_signal, self.signal) = (Some(now), by_signal, signal);
        (self.passed, self.deadline) = (vec![(signal, now)], limit.map(|limit| now + limit));
    }

    /// The main process ended by itself: what it left is stopped, unless adieu lingers.
    pub(crate) fn reaped(&mut self, left: bool, now: Micros) {
        if self.main_end.is_some() && left && self.began.is_none() && !self.chosen.linger {
            let signal = self.rewritten(Signal::TERM).unwrap_or(Signal::TERM);
            self.begin(signal, false, now);
        }
    }

    // --- roles, from the truth ---

    fn counts(
        &self,
        world: &World,
        p: &Proc,
        signal: Signal,
        known_only: bool,
        anybody: bool,
    ) -> bool {
        let sure = match p.kind(world.now) {
            Kind::Wrapper => return false,
            Kind::Shell => p.hears(signal, world.now) == Some(crate::scenario::How::Handler),
            Kind::Program => p.hears(signal, world.now).is_some(),
        };
        let hidden_wait = p.sight == Sight::Hidden
            && p.hears(signal, world.now).is_none_or(|how| how == crate::scenario::How::SigWait);
        match p.sight {
            // What cannot be read counts as handling.
            Sight::Unreadable => true,
            Sight::Hidden
                if p.kind(world.now) == Kind::Program && hidden_wait && !p.ignores(signal) =>
            {
                !(known_only || p.reads && anybody)
            }
            // Who sits in sigwait behind closed doors and ignores the signal beside looks as if it
            // ignored it.
            Sight::Hidden if hidden_wait && p.hears(signal, world.now).is_some() => {
                !(known_only || p.reads && anybody)
            }
            _ => sure,
        }
    }

    /// The roles of all processes that were seen, in their order; `fresh` without what was done
    /// before.
    fn views(
        &self,
        world: &World,
        seen: Vec<Proc>,
        signal: Signal,
        fresh: bool,
        now: Micros,
    ) -> Vec<View> {
        let anybody = seen.iter().any(|p| self.counts(world, p, signal, true, false));
        let marks = |p: &Proc| self.marks(p.id).filter(|_| !fresh);
        let known_handler = |p: &Proc| marks(p).is_some_and(|m| m.owner);
        let newcomer = |p: &Proc| !fresh && self.is_newcomer(p);
        let handles: Vec<bool> = seen
            .iter()
            .map(|p| known_handler(p) || self.counts(world, p, signal, fresh, anybody))
            .collect();
        let settled = |at: usize| handles[at] && (known_handler(&seen[at]) || !newcomer(&seen[at]));
        let parent = |at: usize| seen.iter().position(|p| p.id.pid == seen[at].parent);
        let mut settled_below = vec![false; seen.len()];
        for at in 0..seen.len() {
            if settled(at) {
                let mut above = parent(at);
                while let Some(up) = above {
                    settled_below[up] = true;
                    above = parent(up);
                }
            }
        }
        // Whether this child of a shell with a trap is the shell's foreground command, as far as it
        // shows.
        let awaited = |shell: usize, child: usize| {
            let (shell, child) = (&seen[shell], &seen[child]);
            let shows = |s: Signal| {
                let deaf = child.sight != Sight::Unreadable
                    && child.hears(s, world.now).is_none()
                    && child.ignores(s);
                deaf && !(shell.sight != Sight::Unreadable && shell.ignores(s))
                    && !self.chosen.ignored.contains(&s)
            };
            let waits =
                world.in_wait(shell) && world.disposition(shell, signal) == Disposition::Caught;
            let in_background = waits || shows(Signal::INT) || shows(Signal::QUIT);
            shell.kind(world.now) == Kind::Shell
                && !in_background
                && !(known_handler(shell) && newcomer(child))
        };
        let by_itself = |at: usize| match (handles[at], settled_below[at]) {
            (true, _) => Role::Handler,
            (false, true) => Role::Shielded,
            (false, false) => Role::Bystander,
        };
        let feeder = |up: usize| {
            (0..seen.len())
                .any(|other| parent(other) == Some(up) && (settled(other) || settled_below[other]))
        };
        let carries_on = |at: usize| {
            marks(&seen[at]).filter(|m| {
                let in_time = m
                    .free_since
                    .is_none_or(|since| now < since.saturating_add(self.chosen.epilogue));
                (m.role == Role::Shielded || m.reader) && in_time && !m.told
            })
        };
        let of = |at: usize, above: Option<(usize, Role)>| {
            let mine = by_itself(at);
            match above {
                Some((_, Role::Worker)) => (Role::Worker, false, false),
                Some((_, Role::Foreground)) => (Role::Foreground, false, false),
                Some((up, Role::Handler)) if !awaited(up, at) => (Role::Worker, false, false),
                Some((up, Role::Handler))
                    if mine == Role::Bystander && seen[at].reads && feeder(up) =>
                {
                    (Role::Bystander, true, false)
                }
                Some((_, Role::Handler)) if mine == Role::Bystander => match carries_on(at) {
                    Some(m) => (m.role, false, true),
                    None => (Role::Foreground, false, false),
                },
                _ => (mine, false, false),
            }
        };
        // From the top: whose parent is settled is settled next.
        let mut found: Vec<Option<(Role, bool, bool)>> = vec![None; seen.len()];
        while found.contains(&None) {
            for at in 0..seen.len() {
                let above = parent(at);
                if found[at].is_none() && above.is_none_or(|up| found[up].is_some()) {
                    found[at] = Some(of(at, above.and_then(|up| Some((up, found[up]?.0)))));
                }
            }
        }
        let facts: Vec<(Disposition, bool)> =
            seen.iter().map(|p| (world.disposition(p, signal), p.is_copy(world.now))).collect();
        let all = seen.into_iter().zip(found).zip(facts);
        all.map(|((process, found), (disposition, is_copy))| {
            let (role, reads_owner, carries_on) = found.unwrap_or((Role::Bystander, false, false));
            View { process, role, disposition, is_copy, reads_owner, carries_on }
        })
        .collect()
    }

    fn is_newcomer(&self, p: &Proc) -> bool {
        match self.marks(p.id) {
            Some(marks) => marks.newcomer,
            None => self.first_look.is_some_and(|first| p.born > first),
        }
    }

    /// Whether adieu hears of its end.
    fn watched(&self, world: &World, id: ProcId) -> bool {
        world.watched.contains(&id)
            || world.find(id.pid).is_some_and(|p| p.id == id && p.parent == ADIEU)
    }

    // --- what adieu does ---

    /// adieu looked: what the contract asks for now. `at` is when it saw, `now` when it acts.
    pub(crate) fn looked(
        &mut self,
        world: &World,
        missed: Option<ProcId>,
        quick: bool,
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
        // While it kills, what is still being forked has to be found: there it may look half of the
        // time.
        self.costs += if self.stage == Stage::Killing { 0 } else { now - at };
        let first = self.first_look.is_none();
        for p in seen.iter().filter(|p| p.kind(at) != Kind::Shell) {
            if let Some(m) = self.marks_mut(p.id).filter(|m| m.as_copy) {
                // Its shell's handler caught what it was told before it was a program.
                (m.told, m.owner, m.as_copy) = (false, false, false);
            }
        }
        let mut views = self.views(world, seen, self.signal, false, now);
        // What the first look left out is as if it were not so.
        for view in views.iter_mut().filter(|_| quick) {
            (view.process.nested_init, view.process.reads) = (false, false);
        }
        for view in &views {
            let p = &view.process;
            if self.marks(p.id).is_none() {
                let newcomer = self.is_newcomer(p);
                self.marks.push(Marks {
                    id: p.id,
                    role: view.role,
                    first_seen: now,
                    first_told: None,
                    told: false,
                    by_group: false,
                    as_copy: false,
                    owner: false,
                    newcomer,
                    init: p.nested_init,
                    left_behind: p.parent == ADIEU,
                    reader: false,
                    ignored: false,
                    free_since: None,
                    refused: false,
                    killed: false,
                });
            }
            let Some(m) = self.marks_mut(p.id) else { continue };
            if p.nested_init && !m.init {
                // Told before that was known, it heard nothing.
                (m.told, m.init) = (false, true);
            }
            m.left_behind |= view.role == Role::Worker;
            m.ignored = view.disposition == Disposition::Ignored;
            m.reader |= view.reads_owner;
            m.free_since = view.carries_on.then(|| m.free_since.unwrap_or(now));
            if m.role != Role::Shielded || view.role != Role::Bystander {
                m.role = view.role;
            }
        }
        // Pids are not given away again that soon, so whoever is gone needs no memory.
        let there = |id| world.by_id(id).is_some() || world.is_unreported(id);
        self.marks.retain(|m| there(m.id));
        self.first_look.get_or_insert(at);
        self.tick = world.tick();
        self.changed = None;
        self.ever_missed.extend(&lost);
        self.missed = lost;
        self.seen = views;
        self.due.clear();
        if self.deadline.is_some_and(|deadline| deadline <= now) && self.stage == Stage::Killing {
            self.killing_since.get_or_insert(now);
        }
        let handled = self.seen.iter().any(|v| v.role == Role::Handler);
        if first && !handled && self.by_signal {
            self.stage = Stage::LastCall;
            self.collect(Promise::NobodyHandles, first);
        }
        if self.stage == Stage::Killing {
            self.collect(Promise::LastCall, first);
        }
        if self.stage == Stage::Handlers {
            self.collect(Promise::OwnersAtOnce, first);
            if !self.waits_for_owner(world) {
                self.stage = Stage::Epilogue(now.saturating_add(self.chosen.epilogue));
            }
        }
        if self.repeated && matches!(self.stage, Stage::Epilogue(_)) {
            self.stage = Stage::LastCall;
        }
        // Who could not be told before is nobody to pass the repeat on to.
        let sees = |v: &View| {
            let marks = self.marks(v.process.id);
            let due =
                || v.role == Role::Handler && self.due.iter().any(|(id, _)| *id == v.process.id);
            !marks.is_some_and(|m| m.refused) && (marks.is_some_and(|m| m.owner) || due())
        };
        self.repeated &= self.stage == Stage::Handlers && !self.seen.iter().any(sees);
        if let Stage::Epilogue(until) = self.stage {
            self.collect(Promise::Epilogue, first);
            let told = |v: &View| {
                let id = v.process.id;
                self.marks(id).is_some_and(|m| m.told)
                    || self.due.iter().any(|(other, _)| *other == id)
            };
            if self.waits_for_owner(world) {
                self.stage = Stage::Handlers;
            } else if until <= now || self.seen.iter().all(told) {
                self.stage = Stage::LastCall;
            }
        }
        if self.stage == Stage::LastCall {
            self.collect(Promise::LastCall, first);
        }
    }

    pub(crate) fn looked_in_vain(&mut self) {
        self.ever_blind = true;
        self.changed = None;
    }

    /// The timeout has come and adieu knows it.
    pub(crate) fn deadline(&mut self, now: Micros) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.stage = Stage::Killing;
        }
    }

    fn waits_for_owner(&self, world: &World) -> bool {
        self.marks.iter().any(|m| {
            let told =
                m.owner || self.due.iter().any(|(id, _)| *id == m.id) && m.role == Role::Handler;
            let there = self.seen.iter().any(|v| v.process.id == m.id)
                || world.is_unreported(m.id)
                || self.missed.contains(&m.id) && self.watched(world, m.id);
            told && !m.refused && there
        })
    }

    /// Notes who is to be told now.
    fn collect(&mut self, why: Promise, first: bool) {
        for View { process: p, role, disposition, .. } in &self.seen {
            let Some(m) = self.marks(p.id) else { continue };
            if self.stage != Stage::Killing
                && self.is_deaf_init(p.id)
                && self.has_others_inside(p.id)
            {
                continue;
            }
            let since = m.newcomer && !m.left_behind;
            let in_group = self.chosen.deliver == "group" && p.group == MAIN;
            let at_once = match role {
                Role::Handler | Role::Foreground => true,
                Role::Shielded => false,
                Role::Worker | Role::Bystander => in_group,
            };
            // What may not be read cannot be seen to register late.
            let unseen = *disposition == Disposition::Hidden && !m.owner && p.reads;
            let filter = unseen && *role == Role::Handler && !first && !m.left_behind;
            let due = match self.stage {
                Stage::Handlers => at_once && m.role != Role::Shielded && !since && !filter,
                Stage::Epilogue(_) => {
                    *role != Role::Worker
                        && m.role != Role::Shielded
                        && !since
                        && !p.reads
                        && !m.ignored
                }
                Stage::LastCall => *role != Role::Worker,
                Stage::Killing => true,
            };
            if !due || m.told || self.due.iter().any(|(id, _)| *id == p.id) {
                continue;
            }
            let late = !first && *role == Role::Handler && m.first_told.is_none();
            let promise = match (why, role) {
                (Promise::OwnersAtOnce, Role::Handler) if self.repeated && m.owner => {
                    Promise::Repeats
                }
                (Promise::OwnersAtOnce, Role::Handler) if late && m.left_behind => {
                    Promise::Leftovers
                }
                (Promise::OwnersAtOnce, Role::Handler) if late => Promise::LateHandlers,
                (Promise::OwnersAtOnce, Role::Foreground) => Promise::Foreground,
                _ if m.first_told.is_some() && !m.by_group => Promise::Repeats,
                _ => why,
            };
            self.due.push((p.id, promise));
        }
    }

    /// A namespace's init that does not handle the signal: the kernel drops it.
    fn is_deaf_init(&self, id: ProcId) -> bool {
        let view = self.seen.iter().find(|v| v.process.id == id);
        view.is_some_and(|v| {
            v.process.nested_init
                && v.process.sight != Sight::Unreadable
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
            Note::Sends(who, _, signal) => self.said.push((who.id, *signal)),
            Note::Kills(_, whom) => {
                for who in whom {
                    if self.said_killed.contains(&who.id) {
                        return broken(
                            Promise::Notes,
                            format!("({}) is said to be killed twice", who.id.pid),
                        );
                    }
                    self.said_killed.push(who.id);
                }
            }
            Note::Ended(who, _) => {
                if world.by_id(who.id).is_some() && !self.missed.contains(&who.id) {
                    return broken(
                        Promise::Notes,
                        format!("{} is said to have ended", world.name(who.id.pid)),
                    );
                }
            }
            Note::Refused(who, signal) => {
                let of = |refused: &(ProcId, Signal)| *refused == (who.id, *signal);
                let known = self.marks(who.id).is_some_and(|m| m.refused);
                let Some(at) = self.refusals.iter().position(of) else {
                    if known && self.ever_missed.contains(&who.id) {
                        // Missed twice, it is a stranger again.
                        return Ok(());
                    }
                    let how =
                        format!("{signal} is said to be refused for ({}) and was not", who.id.pid);
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
                    if let Some(id) = expected.first().filter(|_| self.chosen.deliver == "programs")
                    {
                        let name = world.name(id.pid);
                        return broken(
                            Promise::Forwarding,
                            format!("dropped, but {name} handles it"),
                        );
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A look for a signal that does not stop: who should get it.
    pub(crate) fn looked_to_forward(
        &mut self,
        world: &World,
        signal: Signal,
        missed: Option<ProcId>,
    ) {
        let lost: Vec<ProcId> = missed.map_or_else(Vec::new, |id| below_and_self(world, id));
        let seen: Vec<Proc> =
            world.alive.iter().filter(|p| !lost.contains(&p.id)).cloned().collect();
        let views = self.views(world, seen, signal, true, world.now);
        let owners = views.iter().filter(|v| v.role == Role::Handler);
        let expected = owners.map(|v| v.process.id).collect();
        self.forwarded = Some((signal, expected, Vec::new(), false));
    }

    /// adieu sends a signal to one process.
    pub(crate) fn tells(&mut self, tell: &SignalProcess, world: &World, now: Micros) -> Check {
        let Some(p) = world.by_id(tell.id).cloned() else {
            let role = self.view(tell.id).map(|v| v.role);
            self.forget_due(tell.id);
            if !world.zombies.contains(&tell.id) {
                // News, after which adieu looks at once.
                self.inputs += 1;
                self.marks.retain(|m| m.id != tell.id);
            } else if let Some(m) = self.marks_mut(tell.id).filter(|_| tell.signal != Signal::CONT)
            {
                // A child that was not reaped takes every signal: to adieu it is an owner until its
                // end is reported.
                (m.told, m.owner) = (true, m.owner || role == Some(Role::Handler));
            }
            return self.heard(tell);
        };
        let name = p.name();
        if let Some((signal, expected, told, _)) = &mut self.forwarded {
            if tell.signal == *signal {
                let exact = self.chosen.deliver == "programs";
                if told.contains(&tell.id) || exact && !expected.contains(&tell.id) {
                    return broken(Promise::Forwarding, format!("{signal} goes to {name}"));
                }
                told.push(tell.id);
                return Ok(());
            }
        }
        if tell.signal == Signal::CONT {
            return Ok(());
        }
        if tell.signal == Signal::KILL {
            return self.kills(&p, now);
        }
        self.heard(tell)?;
        self.checks_target(&p, tell, now)?;
        if self.view(p.id).is_some_and(|v| v.process.stopped) && !tell.resume {
            return broken(
                Promise::Continued,
                format!("{name} is stopped and is told without SIGCONT"),
            );
        }
        self.note_told(&p, false, now);
        Ok(())
    }

    /// Who was to be told is another program by now, and is told as that, soon.
    pub(crate) fn changed(&mut self, tell: &SignalProcess, now: Micros) -> Check {
        if tell.signal == Signal::KILL {
            self.said.retain(|(id, _)| *id != tell.id);
        }
        self.heard(tell)?;
        // News, after which adieu looks at once.
        self.inputs += 1;
        self.changed.get_or_insert(now);
        self.forget_due(tell.id);
        if let Some(m) = self.marks_mut(tell.id) {
            (m.told, m.owner, m.as_copy) = (false, false, false);
        }
        Ok(())
    }

    /// Every telling is announced.
    fn heard(&mut self, tell: &SignalProcess) -> Check {
        if tell.signal == Signal::CONT || tell.signal == Signal::KILL {
            return Ok(());
        }
        match self.said.iter().position(|(id, signal)| *id == tell.id && *signal == tell.signal) {
            Some(at) => {
                self.said.swap_remove(at);
                Ok(())
            }
            None if self.forwarded.is_some() => Ok(()),
            None => {
                broken(Promise::Notes, format!("({}) is told and nothing says so", tell.id.pid))
            }
        }
    }

    fn forget_due(&mut self, id: ProcId) {
        self.due.retain(|(other, _)| *other != id);
    }

    fn note_told(&mut self, p: &Proc, by_group: bool, now: Micros) {
        let role = self.view(p.id).map(|v| v.role);
        // A young shell below a trap may be a copy that has yet to execute its program, and what it
        // hears is lost then. So may an orphan whose shell is gone.
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
        self.forget_due(p.id);
        if let Some(m) = self.marks_mut(p.id) {
            m.first_told.get_or_insert(now);
            (m.told, m.by_group, m.as_copy) = (true, by_group, copy);
            m.owner |= role == Some(Role::Handler) && !by_group;
        }
    }

    fn checks_target(&mut self, p: &Proc, tell: &SignalProcess, now: Micros) -> Check {
        let name = p.name();
        // The roles of the other two ways to deliver are left to the unit tests.
        if self.ever_blind || self.stage == Stage::Killing || self.chosen.deliver != "programs" {
            return Ok(());
        }
        let Some(view) = self.view(p.id) else {
            return broken(
                Promise::Outside,
                format!("{name} is told and was not there at the look"),
            );
        };
        let (role, Some(m)) = (view.role, self.marks(p.id)) else { return Ok(()) };
        if m.told {
            if p.foreign {
                // The kernel let nothing through.
                return Ok(());
            }
            let deaf = matches!(view.disposition, Disposition::Default | Disposition::Ignored)
                || p.kind(now) == Kind::Wrapper
                || view.disposition == Disposition::Hidden && p.kind(now) == Kind::Shell;
            let survives = m.by_group && deaf;
            if !survives {
                return broken(Promise::Once, format!("{name} is told again"));
            }
            return Ok(());
        }
        if self.chosen.deliver == "child" || self.due.iter().any(|(id, _)| *id == p.id) {
            return Ok(());
        }
        // A relay above somebody who may not be signalled is asked to pass the signal on.
        let above_refused = view.process.kind(now) == Kind::Wrapper
            && self.marks.iter().any(|m| m.refused && is_below(&self.seen, m.id, p.id));
        if above_refused {
            if let Some(m) = self.marks_mut(p.id) {
                m.owner = true;
            }
            return Ok(());
        }
        let since = m.newcomer && !m.left_behind;
        let promise = match role {
            Role::Worker => Promise::Owned,
            _ if m.role == Role::Shielded => Promise::Shielded,
            _ if since || p.reads || m.ignored => Promise::ScriptsTime,
            _ => Promise::Spared,
        };
        broken(promise, format!("{name} ({:?}, {:?}) gets {}", m.role, self.stage, tell.signal))
    }

    fn kills(&mut self, p: &Proc, now: Micros) -> Check {
        let name = p.name();
        if self.is_deaf_init(p.id) && !self.has_others_inside(p.id) {
            if let Some(m) = self.marks_mut(p.id) {
                m.killed = true;
            }
            self.said.retain(|(id, _)| *id != p.id);
            self.note_told(p, false, now);
            return Ok(());
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return broken(Promise::KillEarly, format!("{name} is killed"));
        }
        let killing = self.killing_since.unwrap_or(now);
        let deaf_init = self.is_deaf_init(p.id);
        let missed = self.ever_missed.contains(&p.id);
        let Some(m) = self.marks_mut(p.id) else { return Ok(()) };
        m.killed = true;
        let last_word = u64::try_from(LAST_WORD.as_micros()).expect("small");
        let new = m.first_seen > killing || missed;
        match m.first_told {
            // One that could not be told at first has had the same moment as the others.
            _ if m.refused || deaf_init || p.nested_init => {}
            None => {
                return broken(
                    Promise::KillUnasked,
                    format!("{name} is killed and was never told"),
                );
            }
            Some(told) if told < killing || now + MS >= told + last_word || new => {}
            Some(_) => {
                return broken(Promise::KillUnasked, format!("{name} is told and killed at once"));
            }
        }
        if !self.said_killed.contains(&p.id) {
            return broken(Promise::Notes, format!("{name} is killed and nothing says so"));
        }
        Ok(())
    }

    /// adieu signals the main process's group.
    pub(crate) fn tells_group(&mut self, signal: Signal, world: &World, now: Micros) -> Check {
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
            return if early { broken(Promise::KillEarly, "the group is killed") } else { Ok(()) };
        }
        if self.ever_blind {
            self.group_said = world.alive.iter().map(|p| p.id).collect();
            return Ok(());
        }
        let members: Vec<Proc> = world.alive.iter().filter(|p| p.group == MAIN).cloned().collect();
        if self.stage != Stage::LastCall && self.stage != Stage::Killing && !self.seen.is_empty() {
            let names: Vec<String> = members.iter().map(Proc::name).collect();
            return broken(
                Promise::Spared,
                format!("the whole group is told: {}", names.join(", ")),
            );
        }
        for p in members.iter().filter(|p| !p.foreign) {
            if self.marks(p.id).is_some_and(|m| m.told) && self.began.is_some() {
                return broken(
                    Promise::Once,
                    format!("{} is told again, with its group", p.name()),
                );
            }
            let view = self.view(p.id);
            let ignores = view.is_some_and(|v| v.disposition == Disposition::Ignored);
            let init = view.is_some_and(|v| v.process.nested_init) && p.sight != Sight::Unreadable;
            let deaf = init || ignores;
            if !deaf {
                self.note_told(p, true, now);
            }
        }
        // One of another user does not notice; it will be told by itself.
        for p in members.iter().filter(|p| p.foreign) {
            self.forget_due(p.id);
            if let Some(m) = self.marks_mut(p.id) {
                (m.told, m.by_group) = (true, true);
                m.first_told.get_or_insert(now);
            }
        }
        self.group_said = members.iter().map(|p| p.id).collect();
        Ok(())
    }

    /// The kernel refuses this signal: what that means, and that it is to be said.
    pub(crate) fn refused(&mut self, tell: &SignalProcess, now: Micros) {
        let id = tell.id;
        if self.forwarded.as_ref().is_some_and(|(signal, ..)| *signal == tell.signal) {
            // Of the stop it says nothing.
            self.refusals.push((id, tell.signal));
            return;
        }
        // Said once, of the signal of the stop.
        let signal = self.signal;
        if self.marks(id).is_some_and(|m| !m.refused) {
            self.refusals.push((id, signal));
        }
        if tell.signal == Signal::CONT {
            if let Some(m) = self.marks_mut(id) {
                m.refused = true;
            }
            return;
        }
        // Each refusal is news, after which adieu looks at once.
        self.inputs += 1;
        self.forget_due(id);
        let role = self.view(id).map(|v| v.role);
        if let Some(m) = self.marks_mut(id) {
            (m.refused, m.told) = (true, true);
            m.first_told.get_or_insert(now);
            m.owner |= role == Some(Role::Handler);
        }
    }

    /// All that followed from one input is done.
    pub(crate) fn settled(&mut self, world: &World, now: Micros, looked: bool) -> Check {
        if let Some((signal, expected, told, dropped)) = self.forwarded.take() {
            if self.chosen.deliver == "programs" && !self.ever_blind {
                for id in expected.iter().filter(|id| world.by_id(**id).is_some()) {
                    if !told.contains(id) {
                        let how =
                            format!("{} handles {signal} and does not get it", world.name(id.pid));
                        return broken(Promise::Forwarding, how);
                    }
                }
            }
            let hangup =
                signal == Signal::HUP && !self.is_init || self.chosen.deliver != "programs";
            if told.is_empty() && expected.is_empty() && !dropped && !hangup {
                return broken(Promise::Forwarding, format!("{signal} vanishes"));
            }
        }
        if let Some((id, signal)) = self.refusals.pop() {
            let how = format!("{signal} is refused for ({}) and nothing says so", id.pid);
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
            || self.ever_blind
            || !self.missed.is_empty()
            || self.chosen.deliver != "programs"
        {
            return Ok(());
        }
        for (id, promise) in std::mem::take(&mut self.due) {
            let Some(p) = world.by_id(id) else { continue };
            if self.is_deaf_init(id) && self.has_others_inside(id) {
                continue;
            }
            // SIGKILL was sent to it, and nothing follows that.
            if self.marks_mut(id).is_some_and(|m| m.killed) {
                continue;
            }
            return broken(promise, format!("{} is not told ({:?})", p.name(), self.stage));
        }
        if let (Stage::Killing, Some(killing)) = (self.stage, self.killing_since) {
            let last_word = u64::try_from(LAST_WORD.as_micros()).expect("small");
            let seen = self.seen.iter().map(|v| &v.process);
            let late = seen.filter(|p| world.by_id(p.id).is_some()).find(|p| {
                self.marks(p.id).is_some_and(|m| {
                    let since = killing.max(m.first_seen).max(m.first_told.unwrap_or(0));
                    !m.killed && now > since + last_word + 100 * MS
                })
            });
            if let Some(p) = late.filter(|p| !p.foreign) {
                return broken(Promise::KillMissing, format!("{} is not killed", p.name()));
            }
        }
        Ok(())
    }

    pub(crate) fn exits(&self, code: u8, world: &World, now: Micros) -> Check {
        let raw = self.main_end.map_or(137, End::code);
        let expected = if self.chosen.ok_exits.contains(&raw) { 0 } else { raw };
        if code != expected {
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
                .all(|p| p.foreign && !self.told_handler(p) || self.view(p.id).is_none());
        if over || beyond {
            return Ok(());
        }
        broken(Promise::ExitsEarly, format!("{} processes are left", world.alive.len()))
    }

    /// Where nothing tells everybody, what waits for somebody who was not told waits for ever: with
    /// --deliver child, and without a readable /proc.
    pub(crate) fn may_wait_for_ever(&self) -> bool {
        self.deadline.is_none() && (self.ever_blind || self.chosen.deliver == "child")
    }

    /// Whether adieu has to be gone by now.
    pub(crate) fn lasts(&self, now: Micros, look: Micros) -> Check {
        let kill_limit = u64::try_from(KILL_LIMIT.as_micros()).expect("small");
        let slack = 100 * MS + 8 * look;
        if self.deadline.is_some_and(|deadline| now > deadline + kill_limit + slack) {
            return broken(Promise::Lasts, "the timeout is long over");
        }
        if self.changed.is_some_and(|since| now > since + 10 * (MS + look)) {
            return broken(Promise::LateHandlers, "who executed another program is not looked at");
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
                format!("{} of {} ms were spent looking", self.costs / MS, elapsed / MS),
            );
        }
        Ok(())
    }

    /// Seen to handle the signal, so worth waiting for.
    fn told_handler(&self, p: &Proc) -> bool {
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
