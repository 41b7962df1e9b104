//! Every stage meets every input.

use super::*;

/// Every stage meets every event: it neither panics nor hangs, and the promises of the module's
/// head hold.
#[test]
fn every_stage_meets_every_input() {
    type Make = fn() -> (World, u64);
    let stages: [(&str, Make); 8] = [
        ("running", || (World::new(terms(|t| t.timeout = Some(ms(5_000))), script()), 0)),
        ("lingering", || {
            let mut world =
                World::new(terms(|t| t.linger = true), vec![process(9, 1, "daemon", Caught)]);
            world.step(Input::Ended(MAIN, End::Exited(0)), 0);
            (world, 0)
        }),
        ("handlers", || {
            let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
            world.step(arrives(TERM), 0);
            (world, 10)
        }),
        ("epilogue", || {
            let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
            world.step(arrives(TERM), 0);
            world.end(3, 10);
            (world, 20)
        }),
        ("last call", || {
            let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
            world.step(arrives(TERM), 0);
            world.end(3, 10);
            world.step(Input::Deadline, 1_010);
            (world, 1_020)
        }),
        ("killing", || {
            let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
            world.step(arrives(TERM), 0);
            world.step(Input::Deadline, 5_000);
            (world, 5_010)
        }),
        ("blind", || {
            let mut world = World::new(terms(|t| t.timeout = Some(ms(5_000))), script());
            world.blind = true;
            world.step(arrives(TERM), 0);
            (world, 10)
        }),
        ("leftovers", || {
            let mut world = World::new(terms(|_| ()), vec![process(9, 1, "daemon", Caught)]);
            world.step(Input::Ended(MAIN, End::Exited(0)), 0);
            world.step(Input::Reaped { left: true }, 0);
            (world, 10)
        }),
    ];
    let events = || -> Vec<Input> {
        let signals = (1..=64).filter_map(Signal::from_number).map(arrives);
        let looked = |purpose, seen| Input::Looked(purpose, TERM, seen, ms(1));
        signals
            .chain([
                Input::Ended(MAIN, End::Exited(3)),
                Input::Ended(99, End::Exited(3)),
                Input::Stopped(MAIN, Signal::TSTP),
                Input::Stopped(99, Signal::STOP),
                Input::Reaped { left: true },
                Input::Reaped { left: false },
                Input::Gone(id(3)),
                Input::Gone(id(99)),
                looked(Purpose::Stop, None),
                looked(Purpose::Stop, Some(Snapshot::default())),
                looked(Purpose::Forward(Unhandled::Warn), None),
                looked(Purpose::Forward(Unhandled::Warn), Some(snapshot(script()))),
                Input::Delivered(id(3), Delivered::Gone),
                Input::Delivered(id(3), Delivered::Refused),
                Input::Delivered(id(99), Delivered::Sent { watched: false }),
                Input::Deadline,
            ])
            .collect()
    };
    for (stage, make) in stages {
        for event in events() {
            let (mut world, now) = make();
            let living_handler = world.tree.iter().any(|p| p.disposition == Caught);
            let actions = world.step(event.clone(), now);
            let what = format!("{stage} meets {event:?}: {actions:?}");
            let kills = sent(&actions).iter().any(|(_, signal)| *signal == Signal::KILL);
            let asked_to_kill = is_signal(&event, Signal::KILL);
            assert!(!kills || stage == "killing" || asked_to_kill, "killed early: {what}");
            if living_handler
                && stage == "handlers"
                && (is_signal(&event, TERM) || matches!(event, Input::Deadline))
            {
                assert!(
                    !sent(&actions).iter().any(|(pid, _)| *pid == 2),
                    "the shell got the signal: {what}"
                );
            }
            let exits = actions.iter().any(|a| matches!(a, Action::Exit(_)));
            let may_exit =
                matches!(event, Input::Reaped { left: false }) && world.state.main_end().is_some();
            assert!(!exits || may_exit, "ended early: {what}");
            let stopping = world.state.is_looking();
            assert!(
                exits || !stopping || world.state.deadline().is_some(),
                "nothing wakes it: {what}"
            );
        }
    }
}
