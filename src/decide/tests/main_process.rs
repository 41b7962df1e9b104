//! The end of the main process, and what it leaves behind.

use super::*;

#[test]
fn an_orphan_with_the_pid_that_the_main_process_had_is_not_the_main_process() {
    let mut world = World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
    world.step(Input::Ended(MAIN, End::Exited(7)), 0);
    assert_eq!(world.step(Input::Ended(MAIN, End::Exited(0)), 10), []);
    assert_eq!(world.state.main_end(), Some(End::Exited(7)));
    assert_eq!(world.step(Input::Stopped(MAIN, Signal::TSTP), 20), []);
}

#[test]
fn leftovers_of_the_main_process_are_stopped_and_its_status_stays() {
    let mut world = World::new(terms(|_| ()), vec![process(9, 1, "daemon", Caught)]);
    world.step(Input::Ended(MAIN, End::Exited(4)), 0);
    assert_eq!(sent(&world.step(Input::Reaped { left: true }, 0)), [(9, TERM)]);
    assert_eq!(
        sent(&world.step(Input::Deadline, 10_000)),
        [(9, Signal::KILL)],
        "10 s where none is set"
    );
    world.end(9, 10_001);
    assert_eq!(world.step(Input::Reaped { left: false }, 10_001), [Action::Exit(4)]);
}

#[test]
fn leftovers_get_the_signal_of_a_stop_and_their_log_filters_the_epilogue() {
    let filter = reads(7, process(9, 1, "tee", Plain));
    let rewrite = |t: &mut Terms| t.rewrites.add(TERM, Some(Signal::QUIT));
    let mut world = World::new(terms(rewrite), vec![filter, process(10, 1, "sleep", Plain)]);
    world.step(Input::Ended(MAIN, End::Exited(4)), 0);
    assert_eq!(sent(&world.step(Input::Reaped { left: true }, 0)), [(10, Signal::QUIT)]);
    world.end(10, 1);
    assert_eq!(sent(&world.step(Input::Deadline, 1_000)), [(9, Signal::QUIT)]);
}

#[test]
fn linger_goes_on_until_the_last_is_gone() {
    let mut world = World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
    world.step(Input::Ended(MAIN, End::Exited(4)), 0);
    assert_eq!(world.step(Input::Reaped { left: true }, 0), []);
    assert_eq!(world.state.deadline(), None);
    assert_eq!(world.step(Input::Reaped { left: false }, 5), [Action::Exit(4)]);
}
