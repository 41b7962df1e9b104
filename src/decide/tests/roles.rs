//! Which role each process of a tree has, and why.

use super::*;
use Disposition::{Blocked, Hidden, Unreadable, Waiting};
use Role::{Bystander, Foreground, Handler, Shielded, Worker};

fn reader(process: Process) -> Process {
    reads(7, process)
}

fn roles(processes: Vec<Process>) -> Vec<Role> {
    roles_for(processes, &question())
}

fn roles_for(processes: Vec<Process>, question: &Question) -> Vec<Role> {
    role::assign(&snapshot(processes), question, |_| None).iter().map(|v| v.role).collect()
}

#[test]
fn the_shell_of_a_command_line_is_shielded_and_its_server_a_handler() {
    assert_eq!(
        roles(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Caught)]),
        [Shielded, Handler]
    );
}

#[test]
fn every_way_to_handle_a_signal_makes_a_program_a_handler() {
    for disposition in [Caught, Blocked, Waiting, Hidden, Unreadable] {
        assert_eq!(roles(vec![process(2, 1, "server", disposition)]), [Handler], "{disposition:?}");
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
        assert_eq!(roles(vec![process(2, 1, "sh", disposition)]), [Bystander], "{disposition:?}");
    }
    assert_eq!(roles(vec![process(2, 1, "sh", Caught)]), [Handler]);
}

#[test]
fn everything_below_a_handler_is_a_worker_however_deep() {
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
fn a_wrapper_above_a_handler_is_shielded_and_alone_is_a_bystander() {
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
fn what_handles_nothing_beside_a_handler_is_a_bystander() {
    let pipeline = vec![
        process(2, 1, "sh", Plain),
        process(3, 2, "server", Caught),
        reader(process(4, 2, "tee", Plain)),
    ];
    assert_eq!(roles(pipeline), [Shielded, Handler, Bystander]);
}

#[test]
fn the_foreground_of_a_shell_with_a_trap_is_no_worker_and_its_background_is() {
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
fn a_handler_in_the_foreground_of_a_trap_is_a_handler() {
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
        writes(7, process(3, 2, "server", Caught)),
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
fn what_adieu_itself_was_started_ignoring_says_nothing() {
    let tree = || vec![process(2, 1, "bash", Caught), background(process(3, 2, "sleep", Plain))];
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
fn a_signalled_handler_stays_one_when_it_drops_its_handler() {
    let tree = snapshot(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Plain)]);
    let known =
        |id: ProcId| (id.pid == 3).then_some(Known { known_handler: true, ..Known::default() });
    let verdicts = role::assign(&tree, &question(), known);
    assert_eq!(verdicts.iter().map(|v| v.role).collect::<Vec<_>>(), [Shielded, Handler]);
    assert_eq!(verdicts[1].reason, Reason::WasSignalled);
}

#[test]
fn what_a_signalled_trap_starts_is_its_worker() {
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
    let roles: Vec<Role> = role::assign(&tree, &question(), known).iter().map(|v| v.role).collect();
    assert_eq!(roles, [Handler, Worker, Foreground]);
}

#[test]
fn in_a_traps_foreground_a_shield_and_a_reader_may_finish() {
    let tree = snapshot(vec![
        process(2, 1, "bash", Caught),
        writes(7, process(3, 2, "sh", Plain)),
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
    let verdicts = role::assign(&tree, &question(), known);
    assert_eq!(verdicts.iter().map(|v| v.role).collect::<Vec<_>>(), [Handler, Shielded, Bystander]);
    assert!(verdicts.iter().skip(1).all(|v| v.reason == Reason::Finishing));
}

#[test]
fn a_newcomer_shields_nobody() {
    let tree = snapshot(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Caught)]);
    let known = |id: ProcId| Some(Known { newcomer: id.pid == 3, ..Known::default() });
    let roles: Vec<Role> = role::assign(&tree, &question(), known).iter().map(|v| v.role).collect();
    assert_eq!(roles, [Bystander, Handler]);
}

#[test]
fn an_unreadable_reader_is_a_bystander_where_a_handler_is_seen() {
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
fn a_signal_that_does_not_stop_goes_only_to_handlers_that_are_seen() {
    let question = Question { only_known_handlers: true, ..question() };
    assert_eq!(roles_for(vec![process(2, 1, "server", Hidden)], &question), [Bystander]);
    assert_eq!(roles_for(vec![process(2, 1, "server", Caught)], &question), [Handler]);
}

#[test]
fn deliver_group_signals_the_group_at_once_but_for_the_shielded() {
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
    let tree = snapshot(tree);
    let verdicts = role::assign(&tree, &question, |_| None);
    let at_once = |(process, verdict): (&Process, &Verdict)| {
        turn(verdict, process, Past::default(), &question) == Turn::Handlers
    };
    let at_once: Vec<bool> = tree.processes.iter().zip(&verdicts).map(at_once).collect();
    assert_eq!(at_once, [false, true, true, true, false]);
}

#[test]
fn deliver_child_has_one_handler() {
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
    assert_eq!(roles_for(done, &question), [Bystander], "a shell without its child is no handler");
    let gone = vec![process(9, 1, "daemon", Caught)];
    assert_eq!(
        roles_for(gone, &question),
        [Handler],
        "without a main process every program has its own role"
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
        role::assign(&Snapshot { processes: all, tick: 0, last_pid: 0 }, &question(), |_| None);
    assert_eq!(verdicts.iter().filter(|v| v.role == Shielded).count(), 59_998);
}

#[test]
fn an_empty_tree_has_no_roles() {
    assert_eq!(roles(vec![]), []);
}

#[test]
fn the_foreground_of_a_background_script_with_a_trap_is_foreground() {
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
