//! Who is told: from a snapshot of the tree to the role of each process, with the reason. No I/O,
//! no clock, no memory of its own: what was done before comes in as [`Known`].
//!
//! The rule in one sentence: every program that the script started is told once, as if it had been
//! started alone; what it started itself is its own business until it is gone.

use crate::decide::terms::{Deliver, Terms};
use crate::process::{Disposition, Kind, ProcId, Process, Snapshot};
use crate::signal::{Signal, SignalSet};

/// What a process is to the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first on its branch that handles the signal: told at once, waited for.
    Handler,
    /// Handles nothing, and a shell with a trap waits for it: told at once, so that the trap can
    /// run.
    Foreground,
    /// Handles nothing, and an owner is below it: has to be there to reap its child and carry on.
    Shielded,
    /// Below an owner: the owner's business.
    Worker,
    /// None of these: told when the last owner is done; at once when there is no owner.
    Bystander,
}

/// Why a process has its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its own disposition.
    Handles,
    /// It was told and has not ended yet.
    WasSignalled,
    /// It is the one that `--deliver child` means.
    Chosen,
    /// This process below it is an owner.
    Above(i32),
    /// It is below this owner.
    Below(i32),
    /// This shell waits for it.
    AwaitedBy(i32),
    /// It reads what an owner in the same pipeline writes.
    ReadsPipeline,
    /// It was shielded, or read an owner's pipeline, in the foreground of a trap; the owner is
    /// gone, and it may carry on.
    Finishing,
    /// What it does with the signal may not be read.
    Hidden,
    /// It is still there, and nothing is killed unasked.
    LastCall,
    /// Nothing speaks for another role.
    Nothing,
}

/// The role of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The role.
    pub role: Role,
    /// Why.
    pub reason: Reason,
    /// Told together with the owners.
    pub at_once: bool,
}

/// What is asked of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The signal that is to be delivered.
    pub signal: Signal,
    /// To whom.
    pub deliver: Deliver,
    /// The pid of the main process and the number of its process group.
    pub main: i32,
    /// The signals that adieu found ignored and its child inherited: that a process ignores them
    /// says nothing.
    pub inherited_ignored: SignalSet,
    /// For a signal that asks for no end: who may not be read is left alone, since it may die of
    /// it.
    pub only_known_handlers: bool,
}

impl Question {
    /// Who gets this signal of a stop?
    pub fn stop(signal: Signal, terms: &Terms) -> Self {
        Self {
            signal,
            deliver: terms.deliver,
            main: terms.main,
            inherited_ignored: terms.inherited_ignored,
            only_known_handlers: false,
        }
    }

    /// Who gets this signal, which does not stop?
    pub fn forward(signal: Signal, terms: &Terms) -> Self {
        Self { only_known_handlers: true, ..Self::stop(signal, terms) }
    }
}

/// What has been done about a process before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// It was told as an owner and is waited for: it stays an owner even if it drops its handler
    /// meanwhile.
    pub known_handler: bool,
    /// It was started after the first look of the stop.
    pub newcomer: bool,
    /// The role that it keeps for as long as a script has after its last handler, should it be in a
    /// trap's foreground.
    pub finishing: Option<Role>,
}

/// The roles, one for each process of the snapshot, in its order.
pub fn assign(
    snapshot: &Snapshot,
    question: &Question,
    known: impl Fn(ProcId) -> Option<Known>,
) -> Vec<Verdict> {
    verdicts(snapshot, question, &known)
}

/// Once in the program, whatever is known.
fn verdicts(
    snapshot: &Snapshot,
    question: &Question,
    known: &dyn Fn(ProcId) -> Option<Known>,
) -> Vec<Verdict> {
    if question.deliver == Deliver::Child
        && let Some(chosen) = chosen_to_be_told(snapshot, question)
    {
        return plan_child(snapshot, chosen);
    }
    let known = |p: &Process| known(p.id).unwrap_or_default();
    let told = |p: &Process| known(p).known_handler;
    let seen = |p: &Process, only_known: bool| p.kind != Kind::Wrapper && handles(p, only_known);
    // Beside a handler that is seen, a pipe's reader that may not be read is rather a filter than
    // another handler.
    let anybody_seen = snapshot.processes.iter().any(|p| seen(p, true));
    let is_handler = |p: &Process| {
        told(p) || seen(p, question.only_known_handlers || p.reads_pipe && anybody_seen)
    };
    let owners: Vec<bool> = snapshot.processes.iter().map(is_handler).collect();
    // What a script starts now shields nobody: a restart loop would never end.
    let settled = |(p, owner): (&Process, &bool)| *owner && (told(p) || !known(p).newcomer);
    let settled: Vec<bool> = snapshot.processes.iter().zip(&owners).map(settled).collect();
    let handler_below = handler_below(snapshot, &settled);

    // Whether a pipeline in the foreground of this shell has an owner that its readers wait for.
    let mut feeds: Vec<bool> = vec![false; owners.len()];
    for (process, owner) in snapshot.processes.iter().zip(&handler_below) {
        if owner.is_some()
            && let Some(feed) = process.above.and_then(|above| feeds.get_mut(above))
        {
            *feed = true;
        }
    }

    let mut verdicts: Vec<Verdict> = Vec::with_capacity(owners.len());
    for (index, process) in snapshot.processes.iter().enumerate() {
        let above =
            process.above.and_then(|at| Some((at, verdicts.get(at)?, snapshot.processes.get(at)?)));
        let is_handler = owners.get(index) == Some(&true);
        let below = handler_below.get(index).copied().flatten();
        let free = || match below {
            _ if is_handler && told(process) => (Role::Handler, Reason::WasSignalled),
            _ if is_handler && seen(process, true) => (Role::Handler, Reason::Handles),
            _ if is_handler => (Role::Handler, Reason::Hidden),
            Some(owner) => (Role::Shielded, Reason::Above(owner)),
            None if process.disposition == Disposition::Hidden => (Role::Bystander, Reason::Hidden),
            None => (Role::Bystander, Reason::Nothing),
        };
        let (role, reason) = match above {
            Some((_, Verdict { role: Role::Worker, reason, .. }, _)) => (Role::Worker, *reason),
            Some((_, Verdict { role: Role::Foreground, reason, .. }, _)) => {
                (Role::Foreground, *reason)
            }
            Some((at, Verdict { role: Role::Handler, .. }, owner)) => {
                if owner.kind != Kind::Shell
                    || in_background(process, owner, question)
                    || (told(owner) && known(process).newcomer)
                {
                    // What a shell starts after it was told is its trap at work.
                    (Role::Worker, Reason::Below(owner.id.pid))
                } else if is_handler || below.is_some() {
                    free()
                } else if process.reads_pipe && feeds.get(at) == Some(&true) {
                    (Role::Bystander, Reason::ReadsPipeline)
                } else if let Some(role) = known(process).finishing {
                    (role, Reason::Finishing)
                } else {
                    (Role::Foreground, Reason::AwaitedBy(owner.id.pid))
                }
            }
            _ => free(),
        };
        let in_group = question.deliver == Deliver::Group && process.group == question.main;
        let at_once = match role {
            Role::Handler | Role::Foreground => true,
            Role::Shielded => false,
            Role::Worker | Role::Bystander => in_group,
        };
        verdicts.push(Verdict { role, reason, at_once });
    }
    verdicts
}

/// Whether the signal reaches something in the process that acts on it.
pub fn handles(process: &Process, only_known: bool) -> bool {
    match process.disposition {
        Disposition::Caught => true,
        Disposition::Blocked | Disposition::Waiting => process.kind != Kind::Shell,
        Disposition::Hidden => process.kind != Kind::Shell && !only_known,
        Disposition::Unreadable => true,
        Disposition::Ignored | Disposition::Default => false,
    }
}

/// For each process, the pid of the nearest owner that it is or has below it.
fn handler_below(snapshot: &Snapshot, owners: &[bool]) -> Vec<Option<i32>> {
    let mut found: Vec<Option<i32>> =
        snapshot.processes.iter().zip(owners).map(|(p, owner)| owner.then_some(p.id.pid)).collect();
    // Children stand behind their parents, so backwards each is settled before its parent is.
    for (index, process) in snapshot.processes.iter().enumerate().rev() {
        if let Some(owner) = found.get(index).copied().flatten()
            && let Some(above) = process.above.and_then(|above| found.get_mut(above))
        {
            above.get_or_insert(owner);
        }
    }
    found
}

/// Whether a child of a shell with a trap runs in its background, where a trap runs at once and
/// sees to the child.
///
/// A shell without job control starts a background job with INT and QUIT ignored (POSIX, 2.11); a
/// program may catch one of them afterwards, so either is enough. A shell that is such a job itself
/// hands both down to every child. INT shows that it is: bash ignores QUIT in any case, and gives
/// it back to its commands.
fn in_background(child: &Process, shell: &Process, question: &Question) -> bool {
    let from_above =
        |s: Signal| question.inherited_ignored.has(s) || shell.ignored.has(Signal::INT);
    let telling = [Signal::INT, Signal::QUIT].into_iter().filter(|s| !from_above(*s));
    shell.in_wait || telling.into_iter().any(|s| child.ignored.has(s))
}

/// The one process that `--deliver child` means, if that can be told: for a nested namespace's init
/// without a handler the kernel drops every signal, and those inside would never be told either.
fn chosen_to_be_told(snapshot: &Snapshot, question: &Question) -> Option<usize> {
    let deaf = |p: &Process| p.nested_init && !handles(p, false);
    chosen(snapshot, question).filter(|at| !snapshot.processes.get(*at).is_some_and(deaf))
}

/// The one process that `--deliver child` means: the main process, or the child of a shell without
/// a trap, if it has any.
fn chosen(snapshot: &Snapshot, question: &Question) -> Option<usize> {
    let main = snapshot.processes.iter().position(|p| p.id.pid == question.main)?;
    let shell =
        snapshot.processes.get(main).filter(|p| p.kind == Kind::Shell && !handles(p, false));
    let Some(shell) = shell else { return Some(main) };
    let mut children = snapshot.processes.iter().enumerate().filter(|(_, p)| p.above == Some(main));
    let last = children.clone().next_back();
    let foreground = |(_, p): &(usize, &Process)| !in_background(p, shell, question);
    // The last of a pipeline reads what the program writes.
    let writer = children.clone().rfind(|child| foreground(child) && !child.1.reads_pipe);
    writer.or(children.rfind(foreground)).or(last).map(|(child, _)| child)
}

fn plan_child(snapshot: &Snapshot, chosen: usize) -> Vec<Verdict> {
    let pid = snapshot.processes.get(chosen).map_or(0, |p| p.id.pid);
    let only = |index: usize| (index == chosen).then_some(pid);
    let is_chosen: Vec<bool> =
        (0..snapshot.processes.len()).map(|index| only(index).is_some()).collect();
    let above = handler_below(snapshot, &is_chosen);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(is_chosen.len());
    for (index, process) in snapshot.processes.iter().enumerate() {
        let parent = process.above.and_then(|at| verdicts.get(at));
        let (role, reason) = match parent {
            _ if index == chosen => (Role::Handler, Reason::Chosen),
            Some(Verdict { role: Role::Handler | Role::Worker, .. }) => {
                (Role::Worker, Reason::Below(pid))
            }
            _ if above.get(index).copied().flatten().is_some() => {
                (Role::Shielded, Reason::Above(pid))
            }
            _ => (Role::Bystander, Reason::Nothing),
        };
        verdicts.push(Verdict { role, reason, at_once: role == Role::Handler });
    }
    verdicts
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use Disposition::{Blocked, Caught, Default as Plain, Hidden, Ignored, Unreadable, Waiting};

    /// A made-up process; the pid of adieu is 1 and that of the main process 2.
    pub(crate) fn process(pid: i32, parent: i32, name: &str, disposition: Disposition) -> Process {
        let kind = match name {
            "sh" | "bash" => Kind::Shell,
            "tini" | "su" | "npm" => Kind::Wrapper,
            _ => Kind::Program,
        };
        Process {
            id: ProcId { pid, start: u64::try_from(pid).expect("positive") },
            parent,
            above: None,
            own_child: parent == 1,
            group: 2,
            name: name.to_owned(),
            arguments: String::new(),
            kind,
            disposition,
            ignored: SignalSet::EMPTY,
            stopped: false,
            nested_init: false,
            reads_pipe: false,
            stdin_hidden: false,
            in_wait: false,
        }
    }

    /// Processes, parents first, as a snapshot.
    pub(crate) fn snapshot(mut processes: Vec<Process>) -> Snapshot {
        let pids: Vec<i32> = processes.iter().map(|p| p.id.pid).collect();
        for process in &mut processes {
            process.above = pids.iter().position(|pid| *pid == process.parent);
        }
        Snapshot { processes, tick: 0, last_pid: 0 }
    }

    pub(crate) fn question() -> Question {
        Question {
            signal: Signal::TERM,
            deliver: Deliver::Programs,
            main: 2,
            inherited_ignored: SignalSet::EMPTY,
            only_known_handlers: false,
        }
    }

    fn background(mut process: Process) -> Process {
        process.ignored = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        process
    }

    fn reader(mut process: Process) -> Process {
        process.reads_pipe = true;
        process
    }

    fn roles(processes: Vec<Process>) -> Vec<Role> {
        roles_for(processes, &question())
    }

    fn roles_for(processes: Vec<Process>, question: &Question) -> Vec<Role> {
        assign(&snapshot(processes), question, |_| None).iter().map(|v| v.role).collect()
    }

    use Role::{Bystander, Foreground, Handler, Shielded, Worker};

    #[test]
    fn the_shell_of_a_command_line_is_shielded_and_its_server_told() {
        assert_eq!(
            roles(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Caught)]),
            [Shielded, Handler]
        );
    }

    #[test]
    fn every_way_to_handle_a_signal_makes_an_owner_of_a_program() {
        for disposition in [Caught, Blocked, Waiting, Hidden, Unreadable] {
            assert_eq!(
                roles(vec![process(2, 1, "server", disposition)]),
                [Handler],
                "{disposition:?}"
            );
        }
        for disposition in [Ignored, Plain] {
            assert_eq!(
                roles(vec![process(2, 1, "server", disposition)]),
                [Bystander],
                "{disposition:?}"
            );
        }
    }

    #[test]
    fn of_a_shell_only_the_handler_counts() {
        for disposition in [Blocked, Waiting, Hidden] {
            assert_eq!(
                roles(vec![process(2, 1, "sh", disposition)]),
                [Bystander],
                "{disposition:?}"
            );
        }
        assert_eq!(roles(vec![process(2, 1, "sh", Caught)]), [Handler]);
    }

    #[test]
    fn nothing_below_an_owner_is_told_however_deep() {
        let master = vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "master", Caught),
            process(4, 3, "worker", Caught),
            process(5, 4, "helper", Plain),
            process(6, 3, "sh", Plain),
            process(7, 6, "job", Caught),
        ];
        assert_eq!(roles(master), [Shielded, Handler, Worker, Worker, Worker, Worker]);
    }

    #[test]
    fn a_relay_above_an_owner_is_shielded_and_alone_is_nothing() {
        let tree = vec![
            process(2, 1, "tini", Waiting),
            process(3, 2, "npm", Caught),
            process(4, 3, "sh", Plain),
            process(5, 4, "node", Caught),
        ];
        assert_eq!(roles(tree), [Shielded, Shielded, Shielded, Handler]);
        assert_eq!(
            roles(vec![process(2, 1, "su", Caught), process(3, 2, "sleep", Plain)]),
            [Bystander, Bystander]
        );
    }

    #[test]
    fn a_bystander_is_spared_while_there_is_an_owner() {
        let pipeline = vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "server", Caught),
            reader(process(4, 2, "tee", Plain)),
        ];
        assert_eq!(roles(pipeline), [Shielded, Handler, Bystander]);
    }

    #[test]
    fn the_foreground_of_a_shell_with_a_trap_is_told_and_its_background_is_not() {
        let foreground = vec![process(2, 1, "sh", Caught), process(3, 2, "sleep", Plain)];
        assert_eq!(roles(foreground), [Handler, Foreground]);
        let both = vec![
            process(2, 1, "sh", Caught),
            background(process(3, 2, "server", Caught)),
            process(4, 2, "sleep", Plain),
        ];
        assert_eq!(roles(both), [Handler, Worker, Foreground]);
        let deep = vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "make", Plain),
            process(4, 3, "cc", Plain),
        ];
        assert_eq!(roles(deep), [Handler, Foreground, Foreground]);
    }

    #[test]
    fn an_owner_in_the_foreground_of_a_trap_is_told_as_an_owner() {
        let direct = vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "server", Caught),
            process(4, 3, "worker", Caught),
        ];
        assert_eq!(roles(direct), [Handler, Handler, Worker]);
        let behind = vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "sh", Plain),
            process(4, 3, "server", Caught),
        ];
        assert_eq!(roles(behind), [Handler, Shielded, Handler]);
        let piped = vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "server", Caught),
            reader(process(4, 2, "tee", Plain)),
        ];
        assert_eq!(roles(piped), [Handler, Handler, Bystander]);
    }

    #[test]
    fn a_background_job_that_catches_one_of_the_two_is_still_one() {
        let mut job = process(3, 2, "server", Caught);
        job.ignored = SignalSet::from_iter([Signal::QUIT]);
        assert_eq!(roles(vec![process(2, 1, "bash", Caught), job]), [Handler, Worker]);
    }

    #[test]
    fn that_bash_itself_ignores_quit_says_nothing_of_its_jobs() {
        let mut bash = process(2, 1, "bash", Caught);
        bash.ignored = SignalSet::from_iter([Signal::QUIT]);
        // Its job catches INT, so QUIT alone shows that it is one.
        let mut job = process(3, 2, "server", Caught);
        job.ignored = SignalSet::from_iter([Signal::QUIT]);
        assert_eq!(roles(vec![bash, job]), [Handler, Worker]);
    }

    #[test]
    fn a_shell_in_its_wait_builtin_has_only_background() {
        let mut shell = process(2, 1, "sh", Caught);
        shell.in_wait = true;
        assert_eq!(roles(vec![shell, process(3, 2, "nginx", Caught)]), [Handler, Worker]);
    }

    #[test]
    fn what_adieu_itself_was_started_ignoring_tells_nothing() {
        let tree =
            || vec![process(2, 1, "bash", Caught), background(process(3, 2, "sleep", Plain))];
        let inherited = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        assert_eq!(
            roles_for(tree(), &Question { inherited_ignored: inherited, ..question() }),
            [Handler, Foreground]
        );
        let one = SignalSet::from_iter([Signal::INT]);
        assert_eq!(
            roles_for(tree(), &Question { inherited_ignored: one, ..question() }),
            [Handler, Worker]
        );
    }

    #[test]
    fn a_told_owner_stays_one_when_it_drops_its_handler() {
        let tree = snapshot(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Plain)]);
        let known =
            |id: ProcId| (id.pid == 3).then_some(Known { known_handler: true, ..Known::default() });
        let verdicts = assign(&tree, &question(), known);
        assert_eq!(verdicts.iter().map(|v| v.role).collect::<Vec<_>>(), [Shielded, Handler]);
        assert_eq!(verdicts[1].reason, Reason::WasSignalled);
    }

    #[test]
    fn what_a_told_trap_starts_is_its_own_business() {
        let tree = snapshot(vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "flush", Caught),
            process(4, 2, "sleep", Plain),
        ]);
        let known = |id: ProcId| match id.pid {
            2 => Some(Known { known_handler: true, ..Known::default() }),
            3 => Some(Known { newcomer: true, ..Known::default() }),
            _ => None,
        };
        let roles: Vec<Role> = assign(&tree, &question(), known).iter().map(|v| v.role).collect();
        assert_eq!(roles, [Handler, Worker, Foreground]);
    }

    #[test]
    fn in_a_traps_foreground_a_shield_and_a_reader_may_finish() {
        let tree = snapshot(vec![
            process(2, 1, "bash", Caught),
            process(3, 2, "sh", Plain),
            reader(process(4, 2, "tee", Plain)),
        ]);
        let known = |id: ProcId| {
            let role = if id.pid == 3 { Shielded } else { Bystander };
            Some(Known {
                known_handler: id.pid == 2,
                finishing: (id.pid != 2).then_some(role),
                ..Known::default()
            })
        };
        let verdicts = assign(&tree, &question(), known);
        assert_eq!(
            verdicts.iter().map(|v| v.role).collect::<Vec<_>>(),
            [Handler, Shielded, Bystander]
        );
        assert!(verdicts.iter().skip(1).all(|v| !v.at_once && v.reason == Reason::Finishing));
    }

    #[test]
    fn a_newcomer_shields_nobody() {
        let tree = snapshot(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Caught)]);
        let known = |id: ProcId| Some(Known { newcomer: id.pid == 3, ..Known::default() });
        let roles: Vec<Role> = assign(&tree, &question(), known).iter().map(|v| v.role).collect();
        assert_eq!(roles, [Bystander, Handler]);
    }

    #[test]
    fn a_hidden_reader_is_a_filter_where_a_handler_is_seen() {
        let piped = |server| {
            roles(vec![
                process(2, 1, "sh", Plain),
                process(3, 2, "server", server),
                reader(process(4, 2, "cat", Hidden)),
            ])
        };
        assert_eq!(piped(Caught), [Shielded, Handler, Bystander]);
        assert_eq!(piped(Plain), [Shielded, Bystander, Handler]);
    }

    #[test]
    fn several_branches_are_decided_each_for_itself() {
        let tree = vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "a", Caught),
            process(4, 2, "sh", Plain),
            process(5, 4, "b", Caught),
            process(6, 2, "tail", Plain),
            process(9, 1, "daemon", Caught),
            process(10, 9, "child", Caught),
        ];
        assert_eq!(roles(tree), [Shielded, Handler, Shielded, Handler, Bystander, Handler, Worker]);
    }

    #[test]
    fn a_signal_that_asks_for_no_end_goes_only_to_who_is_seen_to_handle_it() {
        let question = Question { only_known_handlers: true, ..question() };
        assert_eq!(roles_for(vec![process(2, 1, "server", Hidden)], &question), [Bystander]);
        assert_eq!(roles_for(vec![process(2, 1, "server", Caught)], &question), [Handler]);
    }

    #[test]
    fn deliver_group_tells_the_group_at_once_but_for_the_shielded() {
        let mut outside = process(6, 2, "proxy", Plain);
        outside.group = 6;
        let tree = vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "master", Caught),
            process(4, 3, "worker", Caught),
            process(5, 2, "tail", Plain),
            outside,
        ];
        let question = Question { deliver: Deliver::Group, ..question() };
        let verdicts = assign(&snapshot(tree), &question, |_| None);
        let at_once: Vec<bool> = verdicts.iter().map(|v| v.at_once).collect();
        assert_eq!(at_once, [false, true, true, true, false]);
    }

    #[test]
    fn deliver_child_tells_one() {
        let question = Question { deliver: Deliver::Child, ..question() };
        let program = vec![
            process(2, 1, "master", Plain),
            process(3, 2, "worker", Caught),
            process(9, 1, "daemon", Caught),
        ];
        assert_eq!(roles_for(program, &question), [Handler, Worker, Bystander]);
        let script = vec![
            process(2, 1, "sh", Plain),
            background(process(3, 2, "proxy", Caught)),
            process(4, 2, "server", Caught),
        ];
        assert_eq!(roles_for(script, &question), [Shielded, Bystander, Handler]);
        let piped = vec![
            process(2, 1, "sh", Plain),
            process(3, 2, "server", Caught),
            reader(process(4, 2, "tee", Plain)),
        ];
        assert_eq!(roles_for(piped, &question), [Shielded, Handler, Bystander]);
        let trap = vec![process(2, 1, "sh", Caught), process(3, 2, "server", Caught)];
        assert_eq!(roles_for(trap, &question), [Handler, Worker]);
        let done = vec![process(2, 1, "sh", Plain)];
        assert_eq!(
            roles_for(done, &question),
            [Bystander],
            "a shell without its child is none to tell"
        );
        let gone = vec![process(9, 1, "daemon", Caught)];
        assert_eq!(
            roles_for(gone, &question),
            [Handler],
            "without a main process the programs are told"
        );
    }

    #[test]
    fn a_tree_as_deep_as_it_can_be_is_walked() {
        let mut all = vec![process(2, 1, "sh", Plain)];
        all.extend((3..60_000).map(|pid| process(pid, pid - 1, "sh", Plain)));
        all.push(process(60_000, 59_999, "server", Caught));
        for (index, process) in all.iter_mut().enumerate() {
            process.above = index.checked_sub(1);
        }
        let verdicts =
            assign(&Snapshot { processes: all, tick: 0, last_pid: 0 }, &question(), |_| None);
        assert_eq!(verdicts.iter().filter(|v| v.role == Shielded).count(), 59_998);
    }

    #[test]
    fn nobody_is_nobody() {
        assert_eq!(roles(vec![]), []);
    }

    #[test]
    fn the_foreground_of_a_background_script_with_a_trap_is_told_with_it() {
        let mut tree = vec![
            process(2, 1, "sh", Plain),
            background(process(3, 2, "sh", Caught)),
            background(process(4, 3, "sleep", Plain)),
        ];
        assert_eq!(
            roles(tree.clone()),
            [Shielded, Handler, Foreground],
            "what its shell ignores says nothing"
        );
        tree[1].in_wait = true;
        assert_eq!(roles(tree), [Shielded, Handler, Worker], "in its wait builtin it shows");
    }
}
