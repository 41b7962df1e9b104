//! The stages of a stop: which process gets the signal in which of them.

use super::*;

#[test]
fn nothing_is_pending_while_nothing_happens() {
    let state = State::new(terms(|_| ()));
    assert_eq!(state.deadline(), None);
}

#[test]
fn a_script_is_stopped_stage_by_stage() {
    let mut world = World::new(terms(|_| ()), script());
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [], "once");
    assert_eq!(
        sent(&world.end(3, 500)),
        [(4, TERM)],
        "bystanders get it when the last handler is done"
    );
    assert!(matches!(world.stage(), Some(Stage::Epilogue { .. })));
    world.tree.push(process(5, 2, "upload-logs", Plain));
    assert_eq!(
        sent(&world.step(Input::Deadline, 600)),
        [],
        "what the script starts now has its time"
    );
    world.end(4, 610);
    world.end(5, 900);
    assert_eq!(sent(&world.step(Input::Deadline, 1_499)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_500)), [(2, TERM)], "the last call");
    assert_eq!(world.step(Input::Ended(2, End::Exited(7)), 1_501), [Action::TakeTerminal]);
    assert_eq!(world.step(Input::Reaped { left: false }, 1_501), [Action::Exit(7)]);
}

#[test]
fn where_no_process_handles_it_all_get_the_signal_at_once() {
    let mut outside = process(4, 2, "daemon", Plain);
    outside.group = 4;
    let tree = vec![process(2, 1, "sh", Plain), process(3, 2, "sleep", Plain), outside];
    let mut world = World::new(terms(|_| ()), tree);
    let actions = world.step(arrives(TERM), 0);
    assert_eq!(actions.first(), Some(&Action::SignalGroup(TERM)));
    assert_eq!(sent(&actions), [(4, TERM)]);
    assert_eq!(world.stage(), Some(Stage::LastCall { since: ms(0) }));
}

#[test]
fn a_late_handler_gets_the_signal_beside_another_one() {
    let mut tree = script();
    tree.push(process(5, 2, "java", Plain));
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    world.tree[3] = process(5, 2, "java", Caught);
    assert_eq!(sent(&world.step(Input::Deadline, 40)), [(5, TERM)]);
    assert_eq!(sent(&world.end(3, 50)), [], "java is waited for");
}

#[test]
fn what_a_handler_leaves_behind_gets_the_signal_then() {
    let mut tree = script();
    tree.extend([process(5, 3, "worker", Caught), process(6, 3, "helper", Plain)]);
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    world.tree.push(process(7, 3, "late-worker", Caught));
    assert_eq!(sent(&world.step(Input::Deadline, 10)), []);
    assert_eq!(sent(&world.end(3, 100)), [(5, TERM), (7, TERM)], "handlers among it at once");
    assert_eq!(sent(&world.end(5, 200)), []);
    assert_eq!(sent(&world.end(7, 300)), [(4, TERM), (6, TERM)], "the others with the bystanders");
}

#[test]
fn what_the_script_starts_during_the_stop_gets_the_signal_at_the_last_call() {
    let mut world = World::new(terms(|_| ()), script());
    world.step(arrives(TERM), 0);
    world.tree.push(process(8, 2, "clean-up", Plain));
    assert_eq!(sent(&world.step(Input::Deadline, 10)), []);
    world.end(4, 20);
    assert_eq!(sent(&world.end(3, 100)), []);
    let (notes, actions) = world.everything(Input::Deadline, 1_100);
    assert_eq!(sent(&actions), [(2, TERM), (8, TERM)]);
    let cut = notes.iter().find_map(|note| match note {
        Note::CutsEpilogue(_, whom) => Some(whom.iter().map(|it| it.id.pid).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(cut, Some(vec![8]), "with a warning that names it");
}

#[test]
fn readers_and_ignorers_get_no_signal_before_the_last_call() {
    let tree = vec![
        process(2, 1, "sh", Plain),
        writes(7, process(3, 2, "server", Caught)),
        reads(7, process(4, 2, "tee", Plain)),
        process(5, 2, "stubborn", Ignored),
    ];
    let mut world = World::new(terms(|_| ()), tree);
    world.step(arrives(TERM), 0);
    assert_eq!(sent(&world.end(3, 100)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_100)), [(2, TERM), (4, TERM), (5, TERM)]);
}

#[test]
fn an_unreadable_filter_stays_one_when_its_server_is_done() {
    let cat = reads(7, process(4, 2, "cat", Disposition::Hidden));
    let server = writes(7, process(3, 2, "server", Caught));
    let tree = vec![process(2, 1, "sh", Plain), server, cat];
    let mut world = World::new(terms(|_| ()), tree);
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(3, TERM)]);
    assert_eq!(sent(&world.end(3, 100)), []);
    assert_eq!(sent(&world.step(Input::Deadline, 1_100)), [(2, TERM), (4, TERM)]);
}

#[test]
fn what_was_forked_during_the_first_look_was_there_before() {
    let mut world = World::new(terms(|_| ()), vec![process(2, 1, "sh", Caught)]);
    world.tick = 100;
    assert_eq!(sent(&world.step(arrives(TERM), 0)), [(2, TERM)]);
    let mut before = writes(7, process(3, 2, "yes", Plain));
    before.id.start = 99;
    let mut meanwhile = reads(7, process(5, 2, "sleep", Plain));
    let mut trap = process(6, 2, "flush", Plain);
    (meanwhile.id.start, trap.id.start) = (100, 100);
    world.tree.extend([before, meanwhile, trap]);
    assert_eq!(sent(&world.step(Input::Deadline, 10)), [(3, TERM), (5, TERM)]);
}
