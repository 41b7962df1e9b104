//! Pipelines: who reads what a handler writes, and when it gets the signal.

use super::*;
use Reason::{ReadsPipeline, ReadsRest};

fn verdicts(processes: Vec<Process>) -> Vec<(Role, Reason)> {
    let tree = snapshot(processes);
    let verdicts = role::assign(&tree, &question(), |_| None);
    verdicts.iter().map(|verdict| (verdict.role, verdict.reason)).collect()
}

/// `server | pretty`, where both handle the signal.
fn pipeline() -> Vec<Process> {
    vec![
        process(2, 1, "sh", Plain),
        writes(7, process(3, 2, "server", Caught)),
        reads(7, process(4, 2, "pretty", Caught)),
    ]
}

#[test]
fn a_filter_that_handles_the_signal_gets_it_when_no_writer_is_left_and_it_has_not_ended() {
    let mut world = World::new(terms(|_| ()), pipeline());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    assert_eq!(sent(&world.end(3, 500)), [], "it is at end of file");
    assert_eq!(world.stage(), Some(Stage::FIRST), "and waited for");
    assert_eq!(sent(&world.step(Input::Deadline, 1_499)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_500)), [(4, TERM)], "after an epilogue");
    world.end(4, 1_600);
    assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })), "the script carries on");
}

#[test]
fn a_filter_that_ends_at_end_of_file_gets_no_signal() {
    let mut world = World::new(terms(|_| ()), pipeline());
    world.step(arrives(TERM), 0);
    world.end(3, 500);
    assert_eq!(sent(&world.end(4, 510)), []);
    assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
}

#[test]
fn the_shell_above_a_server_may_hold_its_pipe() {
    // exec > >(shipper); server
    let tree = vec![
        writes(7, process(2, 1, "bash", Plain)),
        reads(7, background(process(3, 2, "shipper", Caught))),
        process(4, 2, "server", Caught),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(4, TERM)]);
    assert_eq!(sent(&world.end(4, 100)), [], "the shell still writes");
    assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })), "nothing waits for the filter");
    assert_eq!(sent(&world.end(2, 200)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_199)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_200)), [(3, TERM)]);
}

#[test]
fn a_filter_behind_a_filter_reads_from_the_handler_too() {
    let tree = vec![
        process(2, 1, "sh", Plain),
        writes(7, process(3, 2, "server", Caught)),
        writes(8, reads(7, process(4, 2, "grep", Plain))),
        reads(8, process(5, 2, "pretty", Caught)),
    ];
    let roles = verdicts(tree);
    assert_eq!(roles[2], (Role::Bystander, ReadsPipeline));
    assert_eq!(roles[3], (Role::Handler, ReadsPipeline));
}

#[test]
fn handlers_that_read_from_each_other_are_no_readers() {
    let pair = vec![
        process(2, 1, "sh", Plain),
        writes(7, reads(8, process(3, 2, "a", Caught))),
        writes(8, reads(7, process(4, 2, "b", Caught))),
    ];
    let handles = (Role::Handler, Reason::Handles);
    assert_eq!(verdicts(pair)[1..], [handles, handles]);
    let through_a_filter = vec![
        process(2, 1, "sh", Plain),
        writes(7, reads(8, process(3, 2, "a", Caught))),
        writes(8, reads(7, process(4, 2, "tee", Plain))),
    ];
    assert_eq!(verdicts(through_a_filter)[1], handles);
}

#[test]
fn a_pipe_that_no_handler_writes_means_nothing() {
    // curl | bash, with a trap and a server in the background.
    let tree = vec![
        process(2, 1, "sh", Plain),
        reads(7, process(3, 2, "bash", Caught)),
        background(process(4, 3, "server", Caught)),
        reads(7, process(5, 3, "sleep", Plain)),
    ];
    let roles: Vec<Role> = verdicts(tree).iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, [Role::Shielded, Role::Handler, Role::Worker, Role::Foreground]);
}

#[test]
fn the_job_that_a_traps_foreground_reads_from_gets_the_signal_at_once() {
    // trap …; server >fifo & cat <fifo
    let tree = vec![
        process(2, 1, "bash", Caught),
        background(writes(7, process(3, 2, "server", Caught))),
        reads(7, process(4, 2, "cat", Plain)),
    ];
    let roles = verdicts(tree.clone());
    assert_eq!(roles[1..], [(Role::Handler, Reason::Handles), (Role::Bystander, ReadsPipeline)]);
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (3, TERM)]);
    assert_eq!(sent(&world.end(3, 100)), [], "cat ends at end of file");
    assert_eq!(sent(&world.step(Input::Deadline, 2_100)), [(4, TERM)], "or after an epilogue");
}

#[test]
fn what_is_below_a_filter_that_gets_no_signal_gets_none_either() {
    let mut tree = pipeline();
    tree.push(process(5, 4, "worker", Caught));
    assert_eq!(verdicts(tree)[3], (Role::Worker, Reason::Below(4)));
    let trap = vec![
        process(2, 1, "sh", Plain),
        writes(7, process(3, 2, "server", Caught)),
        reads(7, process(4, 2, "bash", Caught)),
        process(5, 4, "sleep", Plain),
    ];
    assert_eq!(verdicts(trap)[3].0, Role::Worker);
}

#[test]
fn a_shell_that_has_become_the_filter_of_its_server_reads_from_it() {
    // exec pretty < <(server)
    let tree = vec![
        reads(7, process(2, 1, "pretty", Caught)),
        writes(7, background(process(3, 2, "server", Caught))),
        process(4, 2, "worker", Caught),
    ];
    let roles = verdicts(tree.clone());
    assert_eq!(roles[0], (Role::Handler, ReadsPipeline));
    assert_eq!(roles[1], (Role::Handler, Reason::Handles));
    assert_eq!(roles[2].0, Role::Worker);
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    assert_eq!(sent(&world.end(3, 100)), []);
    // yash: server | cat | pretty
    let roles = verdicts(vec![
        reads(7, process(2, 1, "pretty", Caught)),
        writes(8, process(3, 2, "server", Caught)),
        writes(7, reads(8, process(4, 2, "cat", Disposition::Default))),
    ]);
    assert_eq!(roles[0], (Role::Handler, ReadsPipeline));
    assert_eq!(roles[1], (Role::Handler, Reason::Handles));
    let own = vec![reads(7, writes(7, process(2, 1, "server", Caught)))];
    assert_eq!(verdicts(own)[0], (Role::Handler, Reason::Handles), "it writes the pipe itself");
}

#[test]
fn where_a_handler_hides_its_outputs_a_pipe_of_ones_own_is_perhaps_its() {
    let hidden = Outputs { files: [None, None], hidden: true };
    let tree = |stdin| {
        vec![
            reads(stdin, process(2, 1, "sh", Plain)),
            Process { outputs: hidden, ..process(3, 2, "server", Caught) },
            reads(7, process(4, 2, "tee", Plain)),
        ]
    };
    assert_eq!(verdicts(tree(6))[2], (Role::Bystander, ReadsPipeline));
    assert_ne!(verdicts(tree(7))[2].1, ReadsPipeline, "its shell reads its script from it");
}

#[test]
fn a_socket_as_stdin_may_be_a_pipeline_unless_its_reader_handles_the_signal() {
    let with = |disposition| {
        let reader = Process { stdin: Stdin::Unknown, ..process(4, 2, "filter", disposition) };
        verdicts(vec![process(2, 1, "sh", Plain), process(3, 2, "server", Caught), reader])
    };
    assert_eq!(with(Plain)[2], (Role::Bystander, ReadsPipeline));
    assert_eq!(with(Caught)[2], (Role::Handler, Reason::Handles));
}

#[test]
fn what_a_main_process_left_behind_reads_its_pipe_to_the_end() {
    let left = Question { main_ended: true, ..question() };
    let tree = snapshot(vec![reads(7, process(9, 1, "shipper", Caught))]);
    let verdicts = role::assign(&tree, &left, |_| None);
    assert_eq!((verdicts[0].role, verdicts[0].reason), (Role::Handler, ReadsRest));
}

#[test]
fn a_signal_that_does_not_stop_goes_to_filters_as_well() {
    let forward = Question { only_known_handlers: true, ..question() };
    let verdicts = role::assign(&snapshot(pipeline()), &forward, |_| None);
    assert_eq!(verdicts[2].reason, Reason::Handles);
}
