//! What a signal that arrives asks for. A stop and `--explain` both ask here.

use crate::decide::terms::Terms;
use crate::signal::Signal;

/// What follows from a signal that arrives; the signal in it is the one that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It begins a stop; during a stop it is a repeat.
    Stop(Signal),
    /// It goes to the programs that handle it, each by its role.
    Forward(Signal, Unhandled),
    /// It goes to the main process's group: the terminal's size, and job control.
    Group(Signal),
    /// Nothing follows.
    Ignore,
}

/// What a forwarded signal means when no program handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unhandled {
    /// A stop: a hangup where adieu can have a terminal, which is gone then.
    Stop,
    /// It is dropped with a warning, as a program that runs bare as PID 1 survives such a signal.
    Warn,
    /// It is dropped without a word: its default action is to do nothing (`signal(7)`).
    Drop,
}

/// What this signal asks of adieu under these terms.
pub fn meaning(arrived: Signal, terms: &Terms) -> Meaning {
    let Some(signal) = terms.rewrites.apply(arrived) else { return Meaning::Ignore };
    // Under nohup, or as a shell's background job, the program would not act on these either.
    let ignored = terms.inherited_ignored.has(arrived) && signal == arrived;
    let stops = terms.stop_on.has(arrived) || terms.stop_on.has(signal) || signal == Signal::KILL;
    match signal {
        _ if stops && !ignored => Meaning::Stop(signal),
        Signal::CHLD | Signal::TTIN | Signal::TTOU => Meaning::Ignore,
        Signal::WINCH | Signal::TSTP | Signal::STOP | Signal::CONT => Meaning::Group(signal),
        _ => Meaning::Forward(signal, unhandled(signal, terms)),
    }
}

fn unhandled(signal: Signal, terms: &Terms) -> Unhandled {
    match signal {
        // PID 1 of a container has no terminal to lose, and nohup is there to survive it.
        Signal::HUP if !terms.is_init && !terms.inherited_ignored.has(signal) => Unhandled::Stop,
        // Go's runtime sends it to its own threads, and `runc run` forwards what it gets so.
        Signal::URG => Unhandled::Drop,
        _ => Unhandled::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::terms::tests::terms;
    use crate::signal::SignalSet;

    fn signal(name: &str) -> Signal {
        name.parse().expect("a signal")
    }

    #[test]
    fn a_stop_signal_stops_under_either_of_its_names() {
        let terms = terms(|t| t.rewrites.add(Signal::HUP, Some(Signal::TERM)));
        assert_eq!(meaning(Signal::TERM, &terms), Meaning::Stop(Signal::TERM));
        assert_eq!(meaning(Signal::HUP, &terms), Meaning::Stop(Signal::TERM), "as it is sent");
        assert_eq!(meaning(Signal::KILL, &terms), Meaning::Stop(Signal::KILL));
    }

    #[test]
    fn what_adieu_was_started_ignoring_stops_nothing_unless_it_is_rewritten() {
        let ignored = |t: &mut Terms| t.inherited_ignored = SignalSet::from_iter([Signal::INT]);
        let interrupt = |terms: &Terms| meaning(Signal::INT, terms);
        let forward = Meaning::Forward(Signal::INT, Unhandled::Warn);
        assert_eq!(interrupt(&terms(ignored)), forward);
        let rewritten = terms(|t| {
            ignored(t);
            t.rewrites.add(Signal::INT, Some(Signal::TERM));
        });
        assert_eq!(interrupt(&rewritten), Meaning::Stop(Signal::TERM));
    }

    #[test]
    fn an_urgent_data_signal_that_nobody_handles_is_dropped_without_a_word() {
        let urgent = meaning(Signal::URG, &terms(|_| ()));
        assert_eq!(urgent, Meaning::Forward(Signal::URG, Unhandled::Drop));
        let usr1 = signal("USR1");
        assert_eq!(meaning(usr1, &terms(|_| ())), Meaning::Forward(usr1, Unhandled::Warn));
    }

    #[test]
    fn a_hangup_is_a_stop_where_a_terminal_can_go_and_nohup_forbids_it_under_any_name() {
        let hangup = |unhandled| Meaning::Forward(Signal::HUP, unhandled);
        assert_eq!(meaning(Signal::HUP, &terms(|_| ())), hangup(Unhandled::Warn), "as PID 1");
        let desktop = terms(|t| t.is_init = false);
        assert_eq!(meaning(Signal::HUP, &desktop), hangup(Unhandled::Stop));
        let nohup = terms(|t| {
            t.is_init = false;
            t.inherited_ignored = SignalSet::from_iter([Signal::HUP]);
            t.rewrites.add(signal("USR1"), Some(Signal::HUP));
        });
        assert_eq!(meaning(Signal::HUP, &nohup), hangup(Unhandled::Warn));
        assert_eq!(meaning(signal("USR1"), &nohup), hangup(Unhandled::Warn), "sent as HUP");
    }

    #[test]
    fn job_control_goes_to_the_group_and_what_the_kernel_says_of_children_nowhere() {
        for group in [Signal::WINCH, Signal::TSTP, Signal::STOP, Signal::CONT] {
            assert_eq!(meaning(group, &terms(|_| ())), Meaning::Group(group));
        }
        for ignored in [Signal::CHLD, Signal::TTIN, Signal::TTOU] {
            assert_eq!(meaning(ignored, &terms(|_| ())), Meaning::Ignore);
        }
        let dropped = terms(|t| t.rewrites.add(Signal::TERM, None));
        assert_eq!(meaning(Signal::TERM, &dropped), Meaning::Ignore);
    }
}
