//! Processes that need another signal, more than a signal, or may not be signalled; and
//! `--deliver`.

use super::*;

#[test]
fn a_stopped_wrapper_that_has_to_pass_the_signal_on_is_continued() {
    let mut world = World::new(
        terms(|_| ()),
        vec![process(2, 1, "su", Plain), process(3, 2, "server", Caught)],
    );
    (world.refuses, world.tree[0].stopped) = (vec![3], true);
    let actions = world.step(arrives(TERM), 0);
    assert!(
        actions.iter().any(|a| matches!(a, Action::SignalProcess(t) if t.id.pid == 2 && t.resume))
    );
}

#[test]
fn a_stopped_process_is_continued() {
    let mut tree = script();
    tree[0].stopped = true;
    tree[1].stopped = true;
    let mut world = World::new(terms(|_| ()), tree);
    let actions = world.step(arrives(TERM), 0);
    assert_eq!(sent(&actions), [(3, TERM), (2, Signal::CONT)], "the shell is only continued");
    assert!(
        actions.iter().any(|a| matches!(a, Action::SignalProcess(t) if t.id.pid == 3 && t.resume))
    );
}

#[test]
fn what_may_not_be_signalled_delays_nothing_and_is_named() {
    let mut world = World::new(
        terms(|_| ()),
        vec![process(2, 1, "su", Plain), process(3, 2, "server", Caught)],
    );
    world.refuses = vec![3];
    let (notes, actions) = world.everything(arrives(TERM), 0);
    assert_eq!(sent(&actions), [(3, TERM), (2, TERM)], "su may pass it on");
    assert!(notes.iter().any(|n| matches!(n, Note::Refused(who, TERM) if who.id.pid == 3)));
    let mut alone = World::new(terms(|_| ()), vec![process(2, 1, "sleep", Plain)]);
    alone.tree[0].group = 7;
    alone.refuses = vec![2];
    alone.step(arrives(TERM), 0);
    assert_eq!(alone.step(Input::Deadline, 10), [Action::Exit(137)], "PID 1 ends it by its exit");
}

#[test]
fn a_handler_that_may_not_be_signalled_does_not_keep_adieu_looking() {
    let mut server = process(3, 2, "server", Caught);
    server.group = 3;
    let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sh", Plain), server]);
    world.refuses = vec![3];
    world.step(arrives(TERM), 0);
    let mut looks = 0;
    while let Some(at) = world.state.deadline().filter(|at| *at < ms(4_900)) {
        world.step(Input::Deadline, u64::try_from(at.as_millis()).expect("small"));
        looks += 1;
    }
    assert!(looks < 20, "{looks} looks in five seconds");
}

#[test]
fn an_ignored_interrupt_becomes_a_term_for_a_background_job() {
    let mut job = process(3, 2, "server", Ignored);
    job.ignored = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
    let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sh", Plain), job]);
    let actions = world.step(arrives(Signal::INT), 0);
    assert_eq!(actions.first(), Some(&Action::SignalGroup(Signal::INT)));
    assert_eq!(sent(&actions), [(3, TERM)]);
}

#[test]
fn the_init_of_a_nested_namespace_is_killed_when_it_is_alone() {
    let mut init = process(3, 2, "init", Plain);
    init.nested_init = true;
    let mut inner = process(4, 3, "sleep", Plain);
    inner.group = 4;
    let mut world = World::new(terms(|_| ()), vec![process(2, 1, "unshare", Plain), init, inner]);
    let first = world.step(arrives(TERM), 0);
    assert_eq!(sent(&first), [(4, TERM)]);
    world.tree.retain(|p| p.id.pid != 4);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [(3, Signal::KILL)]);
}

#[test]
fn the_init_of_a_nested_namespace_that_is_known_as_such_only_later_is_killed_then() {
    let init = process(3, 2, "init", Plain);
    let mut world = World::new(terms(|_| ()), vec![process(2, 1, "unshare", Plain), init]);
    assert_eq!(world.step(arrives(TERM), 0), [Action::SignalGroup(TERM)], "nobody handles it");
    // The first look had no need to find out.
    world.tree.remove(0);
    world.tree[0].nested_init = true;
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [(3, Signal::KILL)]);
    assert_eq!(sent(&world.step(Input::Deadline, 30)), [], "once");
}

#[test]
fn deliver_group_signals_the_bystanders_of_the_group_at_once() {
    let mut world = World::new(terms(|t| t.deliver = Deliver::Group), script());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM), (4, TERM)]);
}

#[test]
fn deliver_group_leaves_the_shielded_alone_when_their_handler_is_gone() {
    let mut world = World::new(terms(|t| t.deliver = Deliver::Group), script());
    world.step(arrives(TERM), 0);
    world.end(4, 10);
    assert_eq!(sent(&world.end(3, 20)), [], "the script goes on");
    assert_eq!(sent(&world.step(Input::Deadline, 1_020)), [(2, TERM)]);
}

#[test]
fn deliver_child_signals_the_others_when_that_one_is_gone() {
    let mut world = World::new(terms(|t| t.deliver = Deliver::Child), script());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)], "the last foreground child");
    assert_eq!(sent(&world.end(3, 10)), [(4, TERM)]);
}

#[test]
fn deliver_child_leaves_the_reader_of_that_one_alone_until_the_last_call() {
    let tree = vec![
        process(2, 1, "sh", Plain),
        writes(7, process(3, 2, "server", Caught)),
        writes(8, reads(7, process(4, 2, "sed", Plain))),
        reads(8, process(5, 2, "tee", Plain)),
    ];
    let mut world = World::new(terms(|t| t.deliver = Deliver::Child), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    assert_eq!(sent(&world.end(3, 10)), []);
}
