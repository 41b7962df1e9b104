//! What would happen, in sentences.

use crate::cli::settings::Settings;
use crate::decide::role::{self, Reason, Role, Verdict};
use crate::explain::look::{Explained, shells_ignored};
use crate::explain::top::Top;
use crate::process::{Disposition, Process};
use crate::report::words::shown;
use crate::signal::Signal;

/// What a signal means to adieu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It begins a stop.
    Stop,
    /// It goes to its handlers.
    Forward,
    /// It goes to the whole process group.
    Group,
    /// Nobody gets it.
    Nothing,
}

impl Explained {
    /// What the signal means to adieu.
    fn meaning(&self, settings: &Settings) -> Meaning {
        let Some(to) = self.delivered else { return Meaning::Nothing };
        let deaf = shells_ignored(&self.root).has(self.signal) && to == self.signal;
        let stops =
            settings.stop_on.has(self.signal) || settings.stop_on.has(to) || to == Signal::KILL;
        let hangs_up =
            to == Signal::HUP && !self.root_is_init && self.with_role(Role::Handler).is_empty();
        match to {
            _ if (stops || hangs_up) && !deaf => Meaning::Stop,
            Signal::CHLD | Signal::TTIN | Signal::TTOU => Meaning::Nothing,
            Signal::WINCH | Signal::TSTP | Signal::STOP | Signal::CONT => Meaning::Group,
            _ => Meaning::Forward,
        }
    }

    /// What would happen to this one.
    pub(super) fn when(&self, process: &Process, verdict: &Verdict) -> String {
        let Top::Adieu(settings) = &self.top else { return String::new() };
        let gets_it = match self.meaning(settings) {
            Meaning::Stop if self.signal.can_be_caught() => {
                return self.when_stopped(process, verdict);
            }
            Meaning::Forward => role::handles(process, true) && verdict.at_once,
            Meaning::Group => process.group == self.main,
            Meaning::Stop | Meaning::Nothing => false,
        };
        if gets_it { "gets it" } else { "left alone" }.to_owned()
    }

    /// When a stop would tell this one.
    fn when_stopped(&self, process: &Process, verdict: &Verdict) -> String {
        let unhandled = self.with_role(Role::Handler).is_empty();
        match (verdict.role, verdict.reason) {
            _ if process.nested_init && process.disposition == Disposition::Default => {
                "killed when it is alone".to_owned()
            }
            _ if unhandled => "told at once".to_owned(),
            (Role::Handler, _) => "told at once, waited for".to_owned(),
            (Role::Foreground, _) => "told at once".to_owned(),
            _ if verdict.at_once => "told at once".to_owned(),
            (Role::Worker, Reason::Below(pid)) => format!("left to {pid}"),
            (Role::Shielded, _) => "not before the last call".to_owned(),
            _ if process.stdin_hidden => "told after the last owner".to_owned(),
            _ if process.reads_pipe => "ends at end of file".to_owned(),
            _ if process.disposition == Disposition::Ignored => "told at the last call".to_owned(),
            _ => "told after the last owner".to_owned(),
        }
    }

    /// The verdict in a sentence or two.
    pub(super) fn verdict(&self) -> String {
        let signal = self.signal;
        let root = named(&self.root);
        let owners = self.with_role(Role::Handler);
        if !signal.can_be_caught() {
            let below = match (signal, self.root_is_init) {
                (Signal::KILL, true) => "would end at once, and everything below it",
                (Signal::KILL, false) => "would end at once, and leave behind what is below it",
                _ => "itself would stop, and pass nothing on until SIGCONT",
            };
            return format!("{signal} cannot be handled: sent from outside, {root} {below}.");
        }
        match &self.top {
            Top::Adieu(_) if self.delivered.is_none() => {
                format!("{signal} would be dropped: adieu rewrites it to 0.")
            }
            Top::Adieu(settings) => {
                let text = match self.meaning(settings) {
                    Meaning::Stop => self.of_adieu(settings),
                    Meaning::Forward => {
                        let seen: Vec<&Process> =
                            owners.iter().copied().filter(|p| role::handles(p, true)).collect();
                        forwarded(signal, &seen)
                    }
                    Meaning::Group => {
                        format!("{signal} would go to every process of group {}.", self.main)
                    }
                    Meaning::Nothing => {
                        format!("{signal} is for adieu itself, and passed on to nobody.")
                    }
                };
                match self.delivered.filter(|to| *to != signal) {
                    Some(to) => format!("{to} is delivered in place of {signal}. {text}"),
                    None => text,
                }
            }
            Top::TellsChild(_) => match self.snapshot.processes.iter().find(|p| p.own_child) {
                None => self.alone(),
                Some(child) => {
                    let told = format!(
                        "{root} would pass {signal} to {} alone and end with it",
                        named(child)
                    );
                    self.ends_with(told, child)
                }
            },
            Top::TellsGroup(_) => match self.snapshot.processes.iter().find(|p| p.own_child) {
                None => self.alone(),
                Some(child) => {
                    let told = format!(
                        "{root} would pass {signal} to every process of {}'s group and end with {}",
                        child.name,
                        named(child)
                    );
                    self.ends_with(told, child)
                }
            },
            Top::Rewrites(_) => {
                format!("{root} rewrites signals, as its options say, before it passes them on.")
            }
            Top::Bare => self.of_bare(&root, &owners),
        }
    }

    fn alone(&self) -> String {
        let but = if self.explains_within { " but this --explain" } else { "" };
        format!("Nothing runs below {}{but}.", named(&self.root))
    }

    /// An init that ends with its direct child: whoever would still be at work then is cut off.
    fn ends_with(&self, told: String, child: &Process) -> String {
        let owners = self.with_role(Role::Handler);
        let others: Vec<&Process> = owners.into_iter().filter(|p| p.id != child.id).collect();
        if !role::handles(child, true)
            && child.disposition == Disposition::Default
            && !others.is_empty()
        {
            let rest = if self.root_is_init {
                "the kernel would then kill"
            } else {
                "left behind would be"
            };
            return format!("{told}: {} dies at once, and {rest} {}.", child.name, names(&others));
        }
        if others.is_empty() && child.disposition == Disposition::Default {
            return format!("{told}: it would be gone at once.");
        }
        format!("{told}.")
    }

    fn of_adieu(&self, settings: &Settings) -> String {
        let signal = self.signal;
        let owners = self.with_role(Role::Handler);
        if self.snapshot.processes.is_empty() {
            return self.alone();
        }
        if owners.is_empty() {
            let ignoring: Vec<&Process> = self
                .snapshot
                .processes
                .iter()
                .filter(|p| p.disposition == Disposition::Ignored)
                .collect();
            if ignoring.is_empty() {
                return format!("Nothing here handles {signal}: the container would stop at once.");
            }
            return format!(
                "Nothing here handles {signal}, but {} would be waited for: {} it{}.",
                names(&ignoring),
                if ignoring.len() == 1 { "it ignores" } else { "they ignore" },
                limit(settings)
            );
        }
        let mut parts = vec![format!(
            "A {signal} would be waited for by {}{}",
            names(&owners),
            limit(settings)
        )];
        let shielded = self.with_role(Role::Shielded);
        if !shielded.is_empty() {
            parts.push(format!("{} {} shielded", names(&shielded), is_or_are(&shielded)));
        }
        let readers = self.with_role(Role::Bystander).into_iter();
        let readers: Vec<&Process> = readers.filter(|p| p.reads_pipe && !p.stdin_hidden).collect();
        if !readers.is_empty() {
            parts.push(format!(
                "{} {} at end of file",
                names(&readers),
                if readers.len() == 1 { "ends" } else { "end" }
            ));
        }
        format!("{}.", parts.join("; "))
    }

    fn of_bare(&self, root: &str, owners: &[&Process]) -> String {
        let signal = self.signal;
        let has = if self.root.disposition == Disposition::Ignored {
            "ignores the signal"
        } else {
            "has no handler"
        };
        let below = match owners {
            [] => String::new(),
            _ => format!(" {} would not hear of it.", names(owners)),
        };
        match self.root.disposition {
            Disposition::Unreadable | Disposition::Hidden => {
                format!(
                    "What {root} does with {signal} may not be read: that takes its own user, or root with CAP_SYS_PTRACE."
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

fn forwarded(signal: Signal, owners: &[&Process]) -> String {
    if owners.is_empty() {
        return format!("Nothing here handles {signal}: it would be dropped, with a warning.");
    }
    format!("{signal} would go to {}; it begins no stop.", names(owners))
}

fn limit(settings: &Settings) -> String {
    settings.timeout.map_or(String::new(), |t| format!(", for {} at the most", shown(t)))
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
    use crate::decide::role::tests::process;
    use crate::explain::look::tests::{adieu, explained, pipeline, root};

    #[test]
    fn adieu_waits_shields_and_lets_readers_end() {
        let verdict = explained(adieu(), root("adieu", Disposition::Blocked), pipeline()).verdict();
        assert_eq!(
            verdict,
            "A SIGTERM would be waited for by java (12); sh (7) is shielded; tee (13) ends at end of file."
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
            format!("{nothing} sleep (2) would be waited for: it ignores it.")
        );
        assert_eq!(
            ignoring(&[2, 3]),
            format!("{nothing} sleep (2) and sleep (3) would be waited for: they ignore it.")
        );
    }

    #[test]
    fn a_bare_shell_as_pid_1_hears_nothing() {
        let verdict = explained(Top::Bare, root("sh", Disposition::Default), pipeline()).verdict();
        assert_eq!(
            verdict,
            "PID 1 is sh, which has no handler: SIGTERM would be ignored until SIGKILL. java (12) would not hear of it."
        );
        let from_the_host =
            explained(Top::Bare, process(77, 0, "sh", Disposition::Default), Vec::new()).verdict();
        assert_eq!(
            from_the_host,
            "sh (77) is PID 1 of its container and has no handler: SIGTERM would be ignored until SIGKILL."
        );
    }

    #[test]
    fn tini_ends_with_the_shell_and_the_server_is_killed() {
        let tini = Top::TellsChild("tini".to_owned());
        let verdict = explained(tini, root("tini", Disposition::Waiting), pipeline()).verdict();
        assert_eq!(
            verdict,
            "tini (1) would pass SIGTERM to sh (7) alone and end with it: sh dies at once, and the kernel would then \
             kill java (12)."
        );
    }
}
