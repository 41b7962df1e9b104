//! What would happen, in sentences.

use crate::cli::settings::Settings;
use crate::decide::meaning::{Meaning, Unhandled};
use crate::decide::role::{self, Reason, Role, Verdict};
use crate::decide::turn::Turn;
use crate::explain::look::Explained;
use crate::explain::top::Top;
use crate::process::{Disposition, Process, Stdin};
use crate::report::words::{self, duration};
use crate::signal::Signal;

impl Explained {
    /// What would happen to this one.
    pub(super) fn when(&self, process: &Process, verdict: &Verdict) -> String {
        let gets_it = match self.meaning {
            None => return String::new(),
            Some(Meaning::Stop(_)) if self.signal.can_be_caught() => {
                return self.when_stopped(process, verdict);
            }
            Some(Meaning::Forward(..)) => self.gets_forwarded(process, verdict),
            Some(Meaning::Group(_)) => process.group == self.question.main,
            Some(Meaning::Stop(_) | Meaning::Ignore) => false,
        };
        if gets_it { "gets it" } else { "left alone" }.to_owned()
    }

    /// When a stop would signal this one.
    fn when_stopped(&self, process: &Process, verdict: &Verdict) -> String {
        let unhandled = self.with_role(Role::Handler).is_empty();
        let ends_with_its_pipe =
            verdict.role == Role::Bystander && matches!(process.stdin, Stdin::Pipe(_));
        let gets_it = |turn: Turn| format!("gets it {}", words::when(turn));
        match self.turn(process, verdict) {
            _ if process.nested_init && process.disposition == Disposition::Default => {
                "killed when it is alone".to_owned()
            }
            _ if unhandled => gets_it(Turn::Handlers),
            Turn::Handlers if verdict.role == Role::Handler => {
                format!("{}, waited for", gets_it(Turn::Handlers))
            }
            Turn::LastCall if ends_with_its_pipe => "ends at end of file".to_owned(),
            Turn::Timeout => match verdict.reason {
                Reason::Below(pid) => format!("left to handler {pid}"),
                _ => gets_it(Turn::Timeout),
            },
            turn => gets_it(turn),
        }
    }

    /// The verdict in a sentence or two.
    pub(super) fn verdict(&self) -> String {
        let signal = self.signal;
        let root = named(&self.root);
        let handlers = self.with_role(Role::Handler);
        if !signal.can_be_caught() {
            let below = match (signal, self.root_is_init) {
                (Signal::KILL, true) => "would end at once, and everything below it",
                (Signal::KILL, false) => "would end at once, and leave behind what is below it",
                _ => "itself would stop, and pass nothing on until SIGCONT",
            };
            return format!("{signal} cannot be handled: sent from outside, {root} {below}.");
        }
        match &self.top {
            Top::Adieu(_) if self.sent.is_none() => {
                format!("{signal} would be dropped: adieu rewrites it to 0.")
            }
            Top::Adieu(settings) => {
                let text = match self.meaning.unwrap_or(Meaning::Ignore) {
                    Meaning::Stop(_) => self.by_adieu(settings),
                    Meaning::Forward(_, unhandled) => self.forwarded(unhandled),
                    Meaning::Group(_) => {
                        let group = self.question.main;
                        format!("{signal} would go to every process of group {group}.")
                    }
                    Meaning::Ignore => {
                        format!("adieu would keep {signal} for itself: no process gets it.")
                    }
                };
                match self.sent.filter(|to| *to != signal) {
                    Some(to) => format!("{to} is sent in place of {signal}. {text}"),
                    None => text,
                }
            }
            Top::SignalsChild(_) | Top::SignalsGroup(_) => {
                self.by_an_init_that_ends_with_its_child()
            }
            Top::Rewrites(_) => {
                format!("{root} rewrites signals, as its options say, before it passes them on.")
            }
            Top::Bare => self.by_no_init(&root, &handlers),
        }
    }

    fn forwarded(&self, unhandled: Unhandled) -> String {
        let signal = self.signal;
        let rows = self.rows().filter(|(p, v)| self.gets_forwarded(p, v));
        let receivers: Vec<&Process> = rows.map(|(p, _)| p).collect();
        match (receivers.as_slice(), unhandled) {
            ([], Unhandled::Drop) => {
                format!("Nothing here handles {signal}: it would be dropped, without a warning.")
            }
            ([], _) => {
                format!("Nothing here handles {signal}: it would be dropped, with a warning.")
            }
            (receivers, _) => {
                format!("{signal} would go to {}; it begins no stop.", names(receivers))
            }
        }
    }

    fn alone(&self) -> String {
        let but = if self.explains_within { " but this --explain" } else { "" };
        format!("Nothing runs below {}{but}.", named(&self.root))
    }

    /// Of an init that ends with its direct child: a handler that is still at work then is cut off.
    fn by_an_init_that_ends_with_its_child(&self) -> String {
        let Some(child) = self.snapshot.processes.iter().find(|p| p.own_child) else {
            return self.alone();
        };
        let (root, signal, whom) = (named(&self.root), self.signal, named(child));
        let passes = if matches!(self.top, Top::SignalsGroup(_)) {
            let group = format!("every process of {}'s group", child.name);
            format!("{root} would pass {signal} to {group} and end with {whom}")
        } else {
            format!("{root} would pass {signal} to {whom} alone and end with it")
        };
        let handlers = self.with_role(Role::Handler);
        let others: Vec<&Process> = handlers.into_iter().filter(|p| p.id != child.id).collect();
        if child.disposition != Disposition::Default {
            return format!("{passes}.");
        }
        if others.is_empty() {
            return format!("{passes}: it would be gone at once.");
        }
        let rest =
            if self.root_is_init { "the kernel would then kill" } else { "left behind would be" };
        format!("{passes}: {} dies at once, and {rest} {}.", child.name, names(&others))
    }

    fn by_adieu(&self, settings: &Settings) -> String {
        let signal = self.signal;
        let handlers = self.with_role(Role::Handler);
        if self.snapshot.processes.is_empty() {
            return self.alone();
        }
        if handlers.is_empty() {
            let ignoring: Vec<&Process> = self
                .snapshot
                .processes
                .iter()
                .filter(|p| p.disposition == Disposition::Ignored)
                .collect();
            if ignoring.is_empty() {
                return format!("Nothing here handles {signal}: the container would stop at once.");
            }
            let ignores = if ignoring.len() == 1 { "ignores" } else { "ignore" };
            return format!(
                "Nothing here handles {signal}, but adieu would wait for {}, which {ignores} it{}.",
                names(&ignoring),
                limit(settings)
            );
        }
        let mut parts = vec![format!(
            "On {signal} adieu would wait for {}{}",
            names(&handlers),
            limit(settings)
        )];
        let shielded = self.with_role(Role::Shielded);
        if !shielded.is_empty() {
            parts.push(format!("{} {} shielded", names(&shielded), is_or_are(&shielded)));
        }
        let readers = self.with_role(Role::Bystander).into_iter();
        let readers: Vec<&Process> =
            readers.filter(|p| matches!(p.stdin, Stdin::Pipe(_))).collect();
        if !readers.is_empty() {
            parts.push(format!(
                "{} {} at end of file",
                names(&readers),
                if readers.len() == 1 { "ends" } else { "end" }
            ));
        }
        format!("{}.", parts.join("; "))
    }

    fn by_no_init(&self, root: &str, handlers: &[&Process]) -> String {
        let signal = self.signal;
        let has = if self.root.disposition == Disposition::Ignored {
            "ignores the signal"
        } else {
            "has no handler"
        };
        let below = match handlers {
            [] => String::new(),
            _ => format!(" {} would not get it.", names(handlers)),
        };
        match self.root.disposition {
            Disposition::Unreadable | Disposition::Hidden => {
                format!(
                    "What {root} does with {signal} may not be read. Run --explain as its user, or \
                     as root with CAP_SYS_PTRACE."
                )
            }
            _ if role::handles(&self.root, true) => format!(
                "{root} handles {signal} itself; what is below it is its own business{}.",
                if self.root_is_init { ", and is killed by the kernel when it ends" } else { "" }
            ),
            _ if self.root_is_init => {
                let who = match self.root.id.pid {
                    1 => format!("PID 1 is {}, which", self.root.name),
                    _ => format!("{root} is PID 1 of its container and"),
                };
                format!("{who} {has}: {signal} would be ignored until SIGKILL.{below}")
            }
            Disposition::Ignored => format!("{root} ignores {signal}.{below}"),
            _ => format!("{root} has no handler: {signal} would end it at once.{below}"),
        }
    }
}

fn limit(settings: &Settings) -> String {
    settings.timeout.map_or(String::new(), |t| format!(", for at most {}", duration(t)))
}

fn is_or_are(whom: &[&Process]) -> &'static str {
    if whom.len() == 1 { "is" } else { "are" }
}

fn named(process: &Process) -> String {
    format!("{} ({})", process.name, process.id.pid)
}

/// Up to ten names, as in a sentence.
pub(super) fn names(whom: &[&Process]) -> String {
    const MOST: usize = 10;
    let mut parts: Vec<String> = whom.iter().take(MOST).map(|p| named(p)).collect();
    if whom.len() > MOST {
        parts.push(format!("{} more", whom.len() - MOST));
    }
    match parts.pop() {
        None => "nobody".to_owned(),
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} and {last}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::process;
    use crate::explain::look::tests::{
        adieu, adieu_with, explained, explained_beside, pipeline, root,
    };
    use crate::signal::SignalSet;

    #[test]
    fn adieu_waits_shields_and_lets_readers_end() {
        let verdict = explained(adieu(), root("adieu", Disposition::Blocked), pipeline()).verdict();
        assert_eq!(
            verdict,
            "On SIGTERM adieu would wait for java (12); sh (7) is shielded; tee (13) ends at \
             end of file."
        );
    }

    #[test]
    fn where_nothing_handles_it_the_stop_takes_no_time() {
        let below = vec![
            process(2, 1, "sh", Disposition::Default),
            process(3, 2, "sleep", Disposition::Default),
        ];
        let verdict = explained(adieu(), root("adieu", Disposition::Blocked), below).verdict();
        assert_eq!(verdict, "Nothing here handles SIGTERM: the container would stop at once.");
    }

    #[test]
    fn whoever_ignores_it_is_named() {
        let ignoring = |pids: &[i32]| {
            let below =
                pids.iter().map(|pid| process(*pid, 1, "sleep", Disposition::Ignored)).collect();
            explained(adieu(), root("adieu", Disposition::Blocked), below).verdict()
        };
        let nothing = "Nothing here handles SIGTERM, but";
        assert_eq!(
            ignoring(&[2]),
            format!("{nothing} adieu would wait for sleep (2), which ignores it.")
        );
        assert_eq!(
            ignoring(&[2, 3]),
            format!("{nothing} adieu would wait for sleep (2) and sleep (3), which ignore it.")
        );
    }

    #[test]
    fn a_bare_shell_as_pid_1_ignores_the_signal() {
        let verdict = explained(Top::Bare, root("sh", Disposition::Default), pipeline()).verdict();
        assert_eq!(
            verdict,
            "PID 1 is sh, which has no handler: SIGTERM would be ignored until SIGKILL. java (12) \
             would not get it."
        );
        let from_the_host =
            explained(Top::Bare, process(77, 0, "sh", Disposition::Default), Vec::new()).verdict();
        assert_eq!(
            from_the_host,
            "sh (77) is PID 1 of its container and has no handler: SIGTERM would be ignored until \
             SIGKILL."
        );
    }

    #[test]
    fn tini_ends_with_the_shell_and_the_server_is_killed() {
        let tini = Top::SignalsChild("tini".to_owned());
        let verdict = explained(tini, root("tini", Disposition::Waiting), pipeline()).verdict();
        assert_eq!(
            verdict,
            "tini (1) would pass SIGTERM to sh (7) alone and end with it: sh dies at once, and the \
             kernel would then kill java (12)."
        );
    }

    /// What is said to happen to each process, by name.
    fn each_when(explained: &Explained) -> Vec<(&str, String)> {
        let rows = explained.rows();
        rows.map(|(process, verdict)| (&*process.name, explained.when(process, verdict))).collect()
    }

    #[test]
    fn urgent_data_that_nobody_handles_is_dropped_without_a_warning_as_by_the_stop() {
        let below = || vec![process(2, 1, "sh", Disposition::Default)];
        let said = |signal: &str| {
            explained_beside(signal, adieu(), root("adieu", Disposition::Blocked), below())
                .verdict()
        };
        assert_eq!(
            said("URG"),
            "Nothing here handles SIGURG: it would be dropped, without a warning."
        );
        assert_eq!(
            said("USR1"),
            "Nothing here handles SIGUSR1: it would be dropped, with a warning."
        );
    }

    #[test]
    fn under_nohup_a_hangup_stops_nothing_whatever_signal_was_rewritten_to_it() {
        let rewriting = || {
            adieu_with(|settings| {
                settings.rewrites.add("USR1".parse().expect("a signal"), Some(Signal::HUP));
            })
        };
        let below = || vec![process(2, 1, "sleep", Disposition::Default)];
        let mut under_nohup = root("adieu", Disposition::Blocked);
        under_nohup.ignored = SignalSet::from_iter([Signal::HUP]);
        let said = explained_beside("USR1", rewriting(), under_nohup, below()).verdict();
        assert!(said.ends_with("it would be dropped, with a warning."), "{said}");
        let with_terminal = root("adieu", Disposition::Blocked);
        let said = explained_beside("USR1", rewriting(), with_terminal, below()).verdict();
        assert!(said.ends_with("the container would stop at once."), "{said}");
    }

    #[test]
    fn a_signal_that_does_not_stop_goes_to_the_handlers_that_are_seen() {
        // Of the supervisor it may not be read whether it waits for the signal: to a stop it is a
        // handler, and the server its worker. A signal that could end it goes past it.
        let below = vec![
            process(2, 1, "supervisor", Disposition::Hidden),
            process(3, 2, "server", Disposition::Caught),
        ];
        let explained =
            explained_beside("USR1", adieu(), root("adieu", Disposition::Blocked), below);
        assert_eq!(
            each_when(&explained),
            [("supervisor", "left alone".to_owned()), ("server", "gets it".to_owned())]
        );
        assert_eq!(explained.verdict(), "SIGUSR1 would go to server (3); it begins no stop.");
    }
}
