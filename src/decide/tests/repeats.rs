//! A stop signal that comes again.

use super::*;

#[test]
fn a_repeat_within_a_second_is_the_same_request_and_a_later_one_is_passed_on() {
    let mut world = World::new(terms(|_| ()), script());
    world.step(arrives(TERM), 0);
    assert_eq!(sent(&world.step(arrives(TERM), 999)), []);
    assert_eq!(sent(&world.step(arrives(TERM), 1_000)), [(3, TERM)]);
    assert_eq!(sent(&world.step(arrives(TERM), 1_500)), []);
    assert_eq!(
        sent(&world.step(arrives(Signal::QUIT), 1_600)),
        [(3, Signal::QUIT)],
        "another request"
    );
    world.end(4, 1_650);
    world.end(3, 1_700);
    assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
    assert_eq!(
        sent(&world.step(arrives(TERM), 1_900)),
        [],
        "a second since the last TERM is not over"
    );
    assert_eq!(sent(&world.step(arrives(TERM), 2_000)), [(2, TERM)], "it ends the epilogue");
}

#[test]
fn a_repeat_that_comes_as_the_last_handler_ends_is_not_lost() {
    let mut world = World::new(terms(|_| ()), script());
    world.step(arrives(TERM), 0);
    world.tree.retain(|p| p.id.pid != 3);
    assert_eq!(sent(&world.step(arrives(TERM), 1_500)), [], "its end has not been reported");
    assert_eq!(sent(&world.end(3, 1_500)), [(2, TERM), (4, TERM)]);
}

#[test]
fn a_handler_is_watched_once_however_often_it_gets_the_signal() {
    let mut world = World::new(terms(|_| ()), script());
    for (at, first) in [(0, true), (1_100, false), (2_200, false)] {
        let actions = world.step(arrives(TERM), at);
        assert!(
            matches!(&actions[..], [Action::SignalProcess(send)] if send.watch == first),
            "{actions:?}"
        );
    }
}

#[test]
fn a_signal_to_one_process_counts_after_one_to_its_group() {
    let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sleep", Plain)]);
    assert_eq!(world.step(arrives(TERM), 0), [Action::SignalGroup(TERM)]);
    assert_eq!(sent(&world.step(arrives(Signal::INT), 1)), [(2, Signal::INT)]);
    for at in [20, 100, 1_000] {
        assert_eq!(sent(&world.step(Input::Deadline, at)), []);
    }
}

#[test]
fn a_repeat_is_not_lost_when_a_look_fails() {
    let mut world = World::new(terms(|t| t.epilogue = ms(60_000)), script());
    world.step(arrives(TERM), 0);
    world.tree.retain(|p| p.id.pid != 3);
    world.step(arrives(TERM), 1_500);
    world.blind = true;
    let ended = world.end(3, 1_500);
    world.blind = false;
    assert!(ended.contains(&Action::SignalGroup(TERM)), "the repeat ends the epilogue: {ended:?}");
}
