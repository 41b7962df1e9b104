//! A shell with a trap, what it starts, and the copies of it that have not executed their program
//! yet.

use super::*;

#[test]
fn a_shell_with_a_trap_gets_the_signal_before_its_foreground_command() {
    let mut world =
        World::new(terms(|_| ()), vec![process(2, 1, "sh", Caught), process(3, 2, "sleep", Plain)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (3, TERM)]);
    world.end(3, 1);
    world.tree.push(process(4, 2, "flush", Plain));
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "the trap's own command is left alone");
}

#[test]
fn a_restart_loop_in_the_foreground_of_a_trap_ends_too() {
    let tree = vec![
        process(2, 1, "bash", Caught),
        process(3, 2, "sh", Plain),
        process(4, 3, "server", Caught),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    world.tick = 100;
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (4, TERM)]);
    let mut next = process(5, 3, "server", Caught);
    next.id.start = 200;
    world.tree.push(next);
    assert_eq!(sent(&world.end(4, 100)), [], "the subshell carries on");
    assert_eq!(sent(&world.step(Input::Deadline, 1_099)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 2_000)), [(3, TERM)]);
}

#[test]
fn a_child_signalled_before_it_was_a_program_gets_the_signal_again() {
    let mut world =
        World::new(terms(|_| ()), vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (3, TERM)]);
    world.tree[1] = process(3, 2, "sleep", Plain);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [(3, TERM)]);
}

#[test]
fn such_a_child_gets_the_signal_again_also_when_its_shell_is_gone() {
    let mut world =
        World::new(terms(|_| ()), vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (3, TERM)]);
    world.tree[1] = process(3, 2, "server", Caught);
    assert_eq!(sent(&world.end(2, 5)), [(3, TERM)], "nothing else would ever signal it");
    assert_eq!(sent(&world.step(Input::Deadline, 100)), [], "once");
}

#[test]
fn a_copy_signalled_as_an_orphan_gets_the_signal_again_as_the_program() {
    let background = Process { in_wait: true, ..process(2, 1, "sh", Caught) };
    let mut world = World::new(terms(|_| ()), vec![background, process(3, 2, "sh", Caught)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    assert_eq!(sent(&world.end(2, 10)), [(3, TERM)], "with the trap of a shell that is gone");
    world.tree[0] = Process { own_child: true, ..process(3, 1, "sleep", Plain) };
    assert_eq!(sent(&world.step(Input::Deadline, 20)), [(3, TERM)]);
}

#[test]
fn a_filter_that_is_no_program_yet_is_a_reader_already() {
    let tree = vec![
        process(2, 1, "sh", Caught),
        reads(7, process(3, 2, "sh", Caught)),
        writes(7, process(4, 2, "server", Caught)),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (4, TERM)]);
    world.tree[1] = tee();
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "it is to see the last lines");
}

#[test]
fn what_executes_a_program_before_the_signal_gets_it_as_that_program() {
    let reader = (tee(), vec![(4, TERM)]);
    for (program, again) in [(process(3, 2, "server", Caught), vec![(3, TERM)]), reader] {
        let tree = vec![
            process(2, 1, "sh", Caught),
            writes(7, background(process(4, 2, "job", Caught))),
            process(3, 2, "sh", Caught),
        ];
        let mut world = World::new(terms(|_| ()), tree);
        world.executes = vec![3];
        assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
        world.tree[2] = program;
        assert!(world.state.deadline() <= Some(ms(1)), "{:?}", world.state.deadline());
        assert_eq!(sent(&world.step(Input::Deadline, 1)), again);
        assert_eq!(sent(&world.step(Input::Deadline, 100)), [], "once");
    }
}

#[test]
fn a_subshell_whose_own_trap_executes_a_program_gets_no_second_signal() {
    let mut world =
        World::new(terms(|_| ()), vec![process(2, 1, "sh", Caught), process(3, 2, "sh", Caught)]);
    world.tick = 1_000;
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (3, TERM)]);
    world.tree[1] = process(3, 2, "flush", Plain);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "it is the trap's work");
}

/// A bash with a trap and this stack pointer.
fn bash(stack: u64) -> Process {
    Process { stack: Some(stack), waits: true, ..process(2, 1, "bash", Caught) }
}

#[test]
fn whether_a_shell_waits_for_a_child_shows_a_moment_after_it_got_the_signal() {
    for (stack, again) in [(8, vec![(3, TERM)]), (6, vec![])] {
        let mut world = World::new(terms(|_| ()), vec![bash(8), process(3, 2, "node", Caught)]);
        assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)], "the shell alone");
        world.tree[0] = bash(stack);
        assert_eq!(sent(&world.step(Input::Deadline, 10)), again, "its stack is at {stack}");
        world.tree[0] = bash(8);
        assert_eq!(sent(&world.step(Input::Deadline, 30)), [], "and that stays so");
    }
}

#[test]
fn a_shell_that_has_not_acted_on_the_signal_yet_is_waited_for_for_half_a_second() {
    let busy = Process { pending: true, ..bash(8) };
    let mut world = World::new(terms(|_| ()), vec![bash(8), process(3, 2, "sleep", Plain)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    world.tree[0] = busy;
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "it was given no processor");
    world.tree[0] = Process { stack: None, ..bash(8) };
    assert_eq!(sent(&world.step(Input::Deadline, 30)), [], "it is running");
    assert_eq!(sent(&world.step(Input::Deadline, 500)), [(3, TERM)]);
}

#[test]
fn a_command_that_was_followed_by_another_is_in_the_background() {
    let tree = vec![
        process(2, 1, "bash", Caught),
        process(3, 2, "node", Caught),
        process(4, 2, "sleep", Plain),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (4, TERM)]);
}

#[test]
fn a_wrapper_in_the_background_is_known_by_what_it_started() {
    let tree = vec![
        process(2, 1, "bash", Caught),
        process(3, 2, "su", Caught),
        background(process(4, 3, "game", Plain)),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)], "the trap sees to it");
}

#[test]
fn a_dash_in_its_wait_builtin_has_only_background_also_while_its_trap_waits_for_a_command() {
    let in_wait = Process { in_wait: true, ..process(2, 1, "sh", Caught) };
    let mut world = World::new(terms(|_| ()), vec![in_wait, process(3, 2, "game", Plain)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    world.tree[0].in_wait = false;
    assert_eq!(sent(&world.step(Input::Deadline, 20)), []);
}

#[test]
fn a_shell_that_takes_its_trap_away_has_run_it() {
    let mut world = World::new(terms(|_| ()), vec![bash(8), process(3, 2, "node", Caught)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    // trap 'kill $!' TERM; node & wait; trap - TERM; wait
    world.tree[0] = process(2, 1, "bash", Plain);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), []);
}

#[test]
fn the_stack_of_a_shell_that_waits_for_no_child_proves_nothing() {
    let between = Process { waits: false, ..bash(6) };
    let mut world = World::new(terms(|_| ()), vec![between, process(3, 2, "sleep", Plain)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (3, TERM)]);
}

#[test]
fn another_signal_that_the_trap_does_not_catch_does_not_show_that_it_has_run() {
    let mut world = World::new(terms(|_| ()), vec![bash(8), process(3, 2, "sleep", Plain)]);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    world.tree[0].disposition = Plain;
    assert_eq!(sent(&world.step(arrives(Signal::QUIT), 5)), [(2, Signal::QUIT)], "a repeat");
    world.tree[0].disposition = Caught;
    assert_eq!(sent(&world.step(Input::Deadline, 15)), [(3, Signal::QUIT)]);
}

#[test]
fn a_command_that_was_followed_stays_in_the_background_when_what_followed_it_has_ended() {
    // trap 'kill $p; wait $p' TERM; server & p=$!; sleep infinity
    let tree = vec![
        process(2, 1, "bash", Caught),
        process(3, 2, "server", Caught),
        process(4, 2, "sleep", Plain),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (4, TERM)]);
    assert_eq!(sent(&world.end(4, 10)), [], "the trap sees to the server");
}

#[test]
fn a_bash_script_in_the_foreground_of_a_trap_is_no_background_job_for_ignoring_quit() {
    let script =
        Process { ignored: SignalSet::from_iter([Signal::QUIT]), ..process(3, 2, "bash", Plain) };
    let tree = vec![process(2, 1, "sh", Caught), script, process(4, 3, "server", Caught)];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM), (4, TERM)]);
}
