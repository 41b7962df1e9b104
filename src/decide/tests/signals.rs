//! Signals that begin no stop, and what a signal means.

use super::*;

#[test]
fn a_stop_of_the_job_is_not_passed_on_once_the_end_was_asked_for() {
    let mut world = World::new(terms(|_| ()), script());
    assert_eq!(world.step(arrives(Signal::TSTP), 0), [Action::SignalGroup(Signal::TSTP)]);
    world.step(arrives(TERM), 10);
    assert_eq!(world.step(arrives(Signal::TSTP), 20), []);
    let continued = world.step(arrives(Signal::CONT), 30);
    assert_eq!(continued, [Action::GiveTerminal, Action::SignalGroup(Signal::CONT)]);
}

#[test]
fn a_signal_that_does_not_stop_goes_to_its_handlers_or_nowhere() {
    let usr1 = "USR1".parse().expect("a signal");
    let mut world = World::new(terms(|_| ()), script());
    assert_eq!(sent(&world.step(arrives(usr1), 0)), [(3, usr1)]);
    world.tree = vec![process(2, 1, "sh", Plain)];
    let (notes, actions) = world.everything(arrives(usr1), 1);
    assert_eq!((actions, notes), (vec![], vec![Note::Dropped(usr1)]));
    assert_eq!(world.everything(arrives(Signal::URG), 1), (vec![], vec![]));
    assert_eq!(world.step(arrives(Signal::WINCH), 2), [Action::SignalGroup(Signal::WINCH)]);
}

#[test]
fn a_signal_that_may_not_be_passed_on_is_named_and_says_nothing_of_the_stop() {
    let usr1 = "USR1".parse().expect("a signal");
    let mut world = World::new(terms(|_| ()), script());
    world.refuses = vec![3];
    let refused = |notes: &[Note], signal: Signal| {
        let named =
            |n: &&Note| matches!(n, Note::Refused(who, s) if who.id.pid == 3 && *s == signal);
        notes.iter().filter(named).count()
    };
    let (notes, _) = world.everything(arrives(usr1), 0);
    assert_eq!((notes.len(), refused(&notes, usr1)), (1, 1), "{notes:?}");
    world.refuses.clear();
    assert_eq!(sent(&world.step(arrives(TERM), 10)), [(3, TERM)]);
    world.refuses = vec![3];
    let (notes, _) = world.everything(arrives(usr1), 20);
    assert_eq!(refused(&notes, usr1), 1, "{notes:?}");
    assert_eq!(sent(&world.step(Input::Deadline, 30)), [], "the server is a handler still");
    assert_eq!(world.stage(), Some(Stage::FIRST));
}

#[test]
fn an_unhandled_hangup_is_a_stop_only_where_a_terminal_can_go() {
    let tree = || vec![process(2, 1, "sh", Plain)];
    let mut container = World::new(terms(|_| ()), tree());
    assert_eq!(container.step(arrives(Signal::HUP), 0), []);
    let mut desktop = World::new(terms(|t| t.is_init = false), tree());
    assert_eq!(desktop.step(arrives(Signal::HUP), 0), [Action::SignalGroup(Signal::HUP)]);
    let ignored = SignalSet::from_iter([Signal::HUP]);
    let mut nohup =
        World::new(terms(|t| (t.is_init, t.inherited_ignored) = (false, ignored)), tree());
    assert_eq!(nohup.step(arrives(Signal::HUP), 0), []);
}

#[test]
fn a_rewrite_decides_what_is_sent_and_either_side_may_stop() {
    let rewrites = |t: &mut Terms| {
        t.rewrites.add(TERM, Some(Signal::QUIT));
        t.rewrites.add(Signal::HUP, Some(TERM));
        t.rewrites.add(Signal::INT, None);
    };
    let mut world = World::new(terms(rewrites), script());
    assert_eq!(world.step(arrives(Signal::INT), 0), [], "dropped");
    assert!(world.stage().is_none());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, Signal::QUIT)]);
    let mut world = World::new(terms(rewrites), script());
    assert_eq!(sent(&world.step(arrives(Signal::HUP), 0)), [(3, TERM)]);
    assert!(world.stage().is_some());
}

#[test]
fn job_control_stops_adieu_too_or_is_undone_where_nobody_could_resume_it() {
    let stopped = Input::Stopped(MAIN, Signal::TSTP);
    let mut container = World::new(terms(|_| ()), script());
    let undone = [Action::GiveTerminal, Action::SignalGroup(Signal::CONT)];
    assert_eq!(container.step(stopped.clone(), 0), undone);
    assert_eq!(container.step(Input::Stopped(MAIN, Signal::STOP), 0), []);
    container.step(arrives(Signal::TSTP), 1);
    assert_eq!(container.step(stopped.clone(), 1), [], "somebody asked adieu for it");
    assert_eq!(container.step(arrives(Signal::CONT), 2), undone);
    let reads = Input::Stopped(MAIN, Signal::TTIN);
    assert_eq!(
        container.step(reads, 3),
        [Action::LendTerminal],
        "continued without it, it would stop again"
    );
    let mut shell = World::new(terms(|t| t.can_suspend = true), script());
    assert_eq!(shell.step(stopped, 0), [Action::Suspend(Signal::TSTP)]);
}
