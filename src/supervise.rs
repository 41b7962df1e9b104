//! The loop: waits for an event, has the pure half decide, carries the decision out. Logs and goes
//! on; never exits.

use crate::decide::machine::State;
use crate::decide::terms::Terms;
use crate::decide::{Action, Input, Purpose};
use crate::process::Snapshot;
use crate::procfs::{self, Detail, NoDescriptor, Observer};
use crate::report::Reporter;
use crate::signal::Signal;
use crate::system::deliver;
use crate::system::inbox::Inbox;
use crate::system::terminal;
use std::collections::VecDeque;

/// Runs until nothing is left below adieu, or until the time is over; returns the exit status.
/// `observer` is who looks at the tree: adieu itself.
pub(crate) fn supervise(
    inbox: &mut Inbox,
    terms: &Terms,
    observer: &dyn Fn() -> Observer,
    reporter: &mut Reporter,
) -> u8 {
    let main = terms.main;
    // Found out with the first look: most containers run for long before anybody asks.
    let mut own = None;
    let mut state = State::new(terms.clone());
    loop {
        let input = inbox.next(state.deadline());
        if let Input::Signal { signal, sender } = input {
            reporter.arrived(signal, sender);
        }
        let mut actions = VecDeque::from(state.step(input, inbox.now()));
        let mut said = Vec::new();
        while let Some(action) = actions.pop_front() {
            let answer = match action {
                Action::Look(purpose, signal) => {
                    let before = inbox.now();
                    let snapshot = look(&mut own, observer, (purpose, signal), inbox);
                    Input::Looked(purpose, signal, snapshot, inbox.now().saturating_sub(before))
                }
                Action::SignalProcess(send) => {
                    Input::Delivered(send.id, deliver::signal_process(&send, inbox))
                }
                Action::Exit(code) => {
                    reporter.notes(said);
                    return code;
                }
                Action::SignalGroup(signal) => {
                    deliver::signal_group(main, signal);
                    continue;
                }
                Action::GiveTerminal => {
                    terminal::give_to(main);
                    continue;
                }
                Action::LendTerminal => {
                    terminal::lend_to(main);
                    continue;
                }
                Action::TakeTerminal => {
                    terminal::take_from(Some(main));
                    continue;
                }
                Action::Suspend(signal) => {
                    terminal::suspend(main, signal);
                    continue;
                }
                // Said when all is done: even a log on a disk that stands still delays nobody's
                // signal.
                Action::Say(note) => {
                    said.push((note, inbox.now()));
                    continue;
                }
            };
            actions.extend(state.step(answer, inbox.now()));
        }
        reporter.notes(said);
    }
}

/// Looks at the tree; where descriptors have run out, without those that adieu itself holds. What
/// fails is tried once more, before the whole stop goes on blindly for one call that was
/// interrupted or refused.
fn look(
    own: &mut Option<Observer>,
    observer: &dyn Fn() -> Observer,
    question: (Purpose, Signal),
    inbox: &mut Inbox,
) -> Option<Snapshot> {
    let (purpose, signal) = question;
    let detail = match purpose {
        Purpose::Begin | Purpose::Forward(_) => Detail::Deciding,
        Purpose::Stop => Detail::Whole,
    };
    inbox.raise_limit();
    for _ in 0..2 {
        let known = own.take().filter(|own| own.pid > 0);
        let own = own.insert(known.unwrap_or_else(observer));
        match procfs::look_below(own, signal, detail) {
            Err(NoDescriptor) => inbox.close(),
            Ok(None) => {}
            Ok(snapshot) => return snapshot,
        }
    }
    None
}
