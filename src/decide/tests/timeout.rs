//! The timeout, and the warnings before it.

use super::*;

#[test]
fn what_the_killing_did_not_reach_is_killed_before_adieu_exits() {
    let tree = vec![process(2, 1, "hung", Caught), process(3, 2, "worker", Caught)];
    let mut world = World::new(terms(|terms| terms.timeout = Some(ms(1_000))), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    assert_eq!(sent(&world.step(Input::Deadline, 1_000)), [(3, TERM), (2, Signal::KILL)]);
    // That look took three seconds.
    let last = world.step(Input::Deadline, 4_000);
    assert!(sent(&last).contains(&(3, Signal::KILL)), "{last:?}");
    assert_eq!(world.step(Input::Deadline, 4_000), [Action::Exit(137)]);
}

#[test]
fn every_process_has_the_signal_a_fifth_of_the_timeout_before_it_kills() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    assert_eq!(sent(&world.step(Input::Deadline, 2_399)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 2_400)), [(2, TERM), (4, TERM)]);
    assert_eq!(world.stage(), Some(Stage::LastWord { last_call: None }));
    assert_eq!(sent(&world.step(Input::Deadline, 2_999)), []);
    let (notes, actions) = world.everything(Input::Deadline, 3_000);
    assert_eq!(sent(&actions), [2, 3, 4].map(|pid| (pid, Signal::KILL)));
    let Some(Note::Kills(after, whom)) = notes.iter().find(|n| matches!(n, Note::Kills(..))) else {
        panic!("nobody is named: {notes:?}")
    };
    assert_eq!((*after, whom.len()), (ms(3_000), 3));
    assert_eq!(
        world.step(Input::Deadline, 5_000),
        [Action::Exit(137)],
        "it ends even if they do not"
    );
}

#[test]
fn the_last_word_comes_two_seconds_before_a_long_timeout() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(60_000))), script());
    world.step(arrives(TERM), 0);
    assert_eq!(sent(&world.step(Input::Deadline, 57_999)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 58_000)), [(2, TERM), (4, TERM)]);
}

#[test]
fn a_process_that_is_first_seen_at_the_timeout_gets_the_signal_a_moment_before_it_is_killed() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
    world.step(arrives(TERM), 0);
    let actions = sent(&world.step(Input::Deadline, 3_000));
    assert_eq!(actions, [(2, TERM), (4, TERM), (3, Signal::KILL)]);
    assert_eq!(sent(&world.step(Input::Deadline, 3_199)), [(3, Signal::KILL)]);
    let late = sent(&world.step(Input::Deadline, 3_400));
    assert_eq!(late, [(2, Signal::KILL), (3, Signal::KILL), (4, Signal::KILL)]);
}

#[test]
fn a_stop_in_which_the_timeout_killed_ends_with_137_whatever_the_shell_made_of_it() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
    world.step(arrives(TERM), 0);
    world.step(Input::Deadline, 2_400);
    world.step(Input::Deadline, 3_000);
    world.step(Input::Ended(MAIN, End::Signaled(TERM)), 3_001);
    assert_eq!(world.step(Input::Reaped { left: false }, 3_001), [Action::Exit(137)]);
}

#[test]
fn what_is_forked_after_the_timeout_is_killed_at_once() {
    let mut world = World::new(terms(|t| t.timeout = Some(ms(3_000))), script());
    world.step(arrives(TERM), 0);
    world.step(Input::Deadline, 3_000);
    world.tree.push(process(8, 1, "hop", Ignored));
    let killed = sent(&world.step(Input::Deadline, 3_010));
    assert!(
        killed.contains(&(8, Signal::KILL)) && !killed.contains(&(2, Signal::KILL)),
        "{killed:?}"
    );
}

#[test]
fn without_a_timeout_nothing_is_killed() {
    let mut world = World::new(terms(|_| ()), script());
    world.step(arrives(TERM), 0);
    for at in (1..10_000).map(|second| second * 1_000) {
        assert_eq!(sent(&world.step(Input::Deadline, at)), []);
    }
}

#[test]
fn warnings_come_after_5_10_20_and_40_seconds() {
    let mut world = World::new(terms(|_| ()), script());
    world.step(arrives(TERM), 0);
    let mut warned = Vec::new();
    while warned.len() < 4 {
        let at =
            u64::try_from(world.state.deadline().expect("pending").as_millis()).expect("small");
        let (notes, _) = world.everything(Input::Deadline, at);
        let waits = notes
            .into_iter()
            .filter_map(|n| if let Note::Waits(t, _, who, _) = n { Some((t, who)) } else { None });
        warned.extend(
            waits.map(|(t, who)| (t.as_secs(), who.iter().map(|w| w.id.pid).collect::<Vec<_>>())),
        );
    }
    assert_eq!(warned, [(5, vec![3]), (10, vec![3]), (20, vec![3]), (40, vec![3])]);
}
