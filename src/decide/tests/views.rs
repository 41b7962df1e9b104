//! What adieu cannot see: a process, or all of /proc.

use super::*;

#[test]
fn a_process_that_one_look_misses_gets_no_second_signal_and_a_handler_is_waited_for() {
    let mut world = World::new(terms(|_| ()), script());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    let server = world.tree.remove(1);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "its end has not been reported");
    assert_eq!(world.stage(), Some(Stage::FIRST));
    world.tree.insert(1, server);
    assert_eq!(sent(&world.step(Input::Deadline, 30)), [], "it is the one that got the signal");
    assert_eq!(sent(&world.end(3, 500)), [(4, TERM)]);
    let proxy = world.tree.pop().expect("two are left");
    world.step(Input::Deadline, 510);
    world.tree.push(proxy);
    assert_eq!(
        sent(&world.step(Input::Deadline, 600)),
        [],
        "nobody reports its end, but it is known"
    );
}

#[test]
fn without_proc_a_group_whose_number_may_be_another_s_by_now_is_left_alone() {
    let mut world = World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
    world.blind = true;
    world.step(Input::Ended(MAIN, End::Exited(0)), 0);
    world.step(Input::Reaped { left: true }, 0);
    assert_eq!(world.step(arrives(TERM), 60_000), []);
}

#[test]
fn a_proc_that_goes_away_during_the_stop_stops_nothing() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
    world.step(arrives(TERM), 0);
    world.blind = true;
    assert_eq!(world.step(Input::Deadline, 10), [], "it may come back");
    assert_eq!(world.end(3, 500), []);
    assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
    assert_eq!(world.step(Input::Deadline, 1_500), [Action::SignalGroup(TERM)], "the last call");
    assert_eq!(
        world.state.deadline(),
        Some(ms(5_000)),
        "and no wake-up until then, not even a warning at once"
    );
}

#[test]
fn without_proc_the_group_gets_the_signal_and_everything_is_waited_for() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
    world.blind = true;
    assert_eq!(world.step(arrives(TERM), 0), [Action::SignalGroup(TERM)]);
    assert_eq!(world.state.deadline(), Some(ms(3_000)));
    assert_eq!(world.step(arrives(TERM), 2_000), [Action::SignalGroup(TERM)]);
    assert_eq!(world.step(Input::Deadline, 3_000), [Action::SignalGroup(Signal::KILL)]);
    world.step(Input::Ended(MAIN, End::Signaled(Signal::KILL)), 3_001);
    assert_eq!(world.step(Input::Reaped { left: false }, 3_001), [Action::Exit(137)]);
}
