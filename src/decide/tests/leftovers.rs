//! What a handler leaves behind, what a handler may be waiting for, and what ignores the signal.

use super::*;

/// A trap that signals two jobs and waits for one; adieu has signalled the shell.
fn two_jobs() -> World {
    let tree = vec![
        process(2, 1, "bash", Caught),
        background(process(3, 2, "a", Caught)),
        background(process(4, 2, "b", Caught)),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    world
}

#[test]
fn what_has_moved_since_has_got_the_signal_from_its_handler() {
    let mut world = two_jobs();
    world.tree[1].switches = 1;
    world.tree[2].pending = true;
    assert_eq!(sent(&world.end(2, 100)), []);
    assert_eq!(world.stage(), Some(Stage::FIRST), "both are waited for");
    assert_eq!(sent(&world.end(3, 500)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_099)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_100)), [(4, TERM)], "after an epilogue");
}

#[test]
fn what_has_not_moved_has_not_got_it() {
    let mut world = two_jobs();
    assert_eq!(sent(&world.end(2, 100)), [(3, TERM), (4, TERM)]);
}

#[test]
fn what_comes_to_adieu_while_its_handler_lives_is_left_behind_too() {
    let tree = vec![
        process(2, 1, "honcho", Caught),
        process(3, 2, "sh", Plain),
        process(4, 3, "server", Caught),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    world.tree.remove(1);
    world.tree[1] = Process { switches: 1, own_child: true, ..process(4, 1, "server", Caught) };
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "it got the signal with its group");
}

#[test]
fn a_repeat_reaches_what_was_expected_to_end_without_a_signal() {
    let mut world = two_jobs();
    world.tree[1].switches = 1;
    world.tree[2].switches = 1;
    world.end(2, 100);
    assert_eq!(sent(&world.step(arrives(TERM), 1_050)), [(3, TERM), (4, TERM)]);
}

#[test]
fn after_half_of_the_time_bystanders_in_the_foreground_get_the_signal_too() {
    let database = || {
        vec![
            process(2, 1, "sh", Plain),
            background(process(3, 2, "postgres", Caught)),
            process(4, 2, "client", Plain),
            background(process(5, 2, "proxy", Plain)),
            reads(7, process(6, 2, "cat", Plain)),
            writes(7, process(7, 2, "yes", Plain)),
        ]
    };
    for (timeout, half) in [(Some(ms(3_000)), 1_500), (None, 5_000)] {
        let mut world = World::new(terms(|t| t.timeout = timeout), database());
        assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
        assert_eq!(sent(&world.step(Input::Deadline, half - 1)), []);
        assert_eq!(sent(&world.step(Input::Deadline, half)), [(4, TERM), (7, TERM)]);
    }
}

#[test]
fn what_ignores_the_signal_is_killed_a_second_after_the_last_call() {
    let tree = vec![process(2, 1, "bash", Ignored), process(3, 2, "sleep", Plain)];
    let mut world = World::new(terms(|_| ()), tree);
    world.tree[0].ignored = SignalSet::from_iter([TERM]);
    world.step(arrives(TERM), 0);
    world.end(3, 1);
    assert_eq!(sent(&world.step(Input::Deadline, 999)), []);
    let (notes, actions) = world.everything(Input::Deadline, 1_000);
    assert_eq!(sent(&actions), [(2, Signal::KILL)]);
    assert!(notes.iter().any(|note| matches!(note, Note::KillsIgnorers(whom) if whom.len() == 1)));
    world.step(Input::Ended(MAIN, End::Signaled(Signal::KILL)), 1_001);
    assert_eq!(world.step(Input::Reaped { left: false }, 1_001), [Action::Exit(137)]);
}

#[test]
fn an_epilogue_is_over_when_the_script_starts_a_server_or_the_same_again() {
    let started = |name, disposition, command, default| {
        let mut tree = script();
        (tree[1].command, tree[2].command) = (33, 55);
        let mut world = World::new(terms(|t| t.next_server_ends_epilogue = default), tree);
        world.step(arrives(TERM), 0);
        world.end(4, 10);
        world.tree.push(Process { command, ..process(8, 2, name, disposition) });
        sent(&world.end(3, 100))
    };
    let over = [(2, TERM), (8, TERM)];
    assert_eq!(started("server", Plain, 33, true), over, "the same again");
    assert_eq!(started("next", Caught, 44, true), over, "another server");
    assert_eq!(started("upload", Plain, 44, true), []);
    assert_eq!(started("sleep", Plain, 55, true), [], "what was no server is no restart");
    assert_eq!(started("server", Plain, 33, false), over);
    assert_eq!(started("clean-up", Caught, 44, false), [], "its time was asked for");
}

#[test]
fn a_warning_names_what_handles_the_signal_below_a_handler() {
    let tree = vec![
        process(2, 1, "task", Caught),
        process(3, 2, "sh", Plain),
        process(4, 3, "server", Caught),
        process(5, 4, "worker", Caught),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    world.step(arrives(TERM), 0);
    let (notes, _) = world.everything(Input::Deadline, 5_000);
    let below = notes.iter().find_map(|note| match note {
        Note::Waits(.., below) => Some(below.iter().map(|it| it.id.pid).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(below, Some(vec![4]));
}

#[test]
fn what_a_bystander_starts_during_the_stop_is_no_work_of_the_script() {
    let mut world = World::new(terms(|_| ()), script());
    world.step(arrives(TERM), 0);
    let child = process(8, 4, "child", Plain);
    world.tree.push(child);
    world.tree.push(process(9, 2, "upload", Plain));
    assert_eq!(sent(&world.end(3, 100)), [(4, TERM), (8, TERM)], "in the epilogue");
}

#[test]
fn a_worker_that_ignores_the_signal_is_its_handlers_business_up_to_the_timeout() {
    let mut worker = process(4, 3, "worker", Ignored);
    worker.ignored = SignalSet::from_iter([TERM]);
    let tree = vec![process(2, 1, "sh", Plain), process(3, 2, "hung", Caught), worker];
    let mut world = World::new(terms(|t| t.timeout = Some(ms(10_000))), tree);
    world.step(arrives(TERM), 0);
    assert_eq!(sent(&world.step(Input::Deadline, 8_000)), [(2, TERM), (4, TERM)]);
    assert_eq!(sent(&world.step(Input::Deadline, 9_999)), []);
}
