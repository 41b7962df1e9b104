//! What other inits, and programs without one, would make of the signal: what is certain, and
//! otherwise that it is not.

use crate::decide::role::{self, Role};
use crate::explain::look::Explained;
use crate::explain::top::Top;
use crate::explain::verdict::{Judgement, Outcome, named, names, shortly};
use crate::process::{Disposition, Kind, Process};
use crate::signal::Signal;

impl Explained {
    /// Of an init that ends with its direct child: a handler that is still at work then is cut off.
    pub(super) fn by_an_init_that_ends_with_its_child(&self) -> Judgement<'_> {
        let found = self.rows().enumerate().find(|(_, (process, _))| process.own_child);
        let Some((at, (child, _))) = found else { return self.alone() };
        let (root, signal, whom) = (named(&self.root), self.signal, named(child));
        let to_group = matches!(self.top, Top::SignalsGroup(_));
        let passes = if to_group {
            let group = format!("every process of {}'s group", child.name);
            format!("{root} would pass {signal} to {group} and end with {whom}")
        } else {
            format!("{root} would pass {signal} to {whom} alone and end with it")
        };
        let gets_it = |p: &Process| p.id == child.id || to_group && p.group == child.group;
        let handlers = self.with_role(Role::Handler);
        let others: Vec<&Process> = handlers.into_iter().filter(|p| p.id != child.id).collect();
        let kills = |whom: &[&Process]| {
            let rest = if self.root_is_init {
                "the kernel would then kill"
            } else {
                "left behind would be"
            };
            format!("{rest} {}", names(whom))
        };
        match child.disposition {
            Disposition::Unreadable | Disposition::Hidden => {
                let text = format!("{passes}. {}", may_not_be_read(&whom, signal));
                return Judgement::new(Outcome::Unreadable, text);
            }
            Disposition::Ignored if to_group => {
                let on = format!("{whom}, which ignores it");
                let text = format!(
                    "{passes}. {} ignores it: whether it ends with the others of the group is its \
                     own business.",
                    child.name
                );
                return Judgement::new(Outcome::Depends(on), text);
            }
            Disposition::Ignored => {
                let text = format!(
                    "{passes}, and {} ignores it: nothing would happen until SIGKILL.{}",
                    child.name,
                    would_not_get_it(&others)
                );
                return Judgement::new(Outcome::Ignores(others), text);
            }
            _ => {}
        }
        if !role::handles(child, true) {
            return if others.is_empty() {
                let text = format!("{passes}: it would be gone at once.");
                Judgement::new(Outcome::Stops, text)
            } else {
                let text =
                    format!("{passes}: {} dies at once, and {}.", child.name, kills(&others));
                Judgement::new(Outcome::CutsOff(others), text)
            };
        }
        if child.kind == Kind::Wrapper && !others.is_empty() {
            let text = format!(
                "{passes}. What {} passes on, and whether it waits for {}, is its own business: \
                 with its end {}.",
                child.name,
                names(&others),
                kills(&others)
            );
            return Judgement::new(Outcome::Depends(whom), text);
        }
        let below = |process: &Process| self.is_below(process, at);
        let (awaited, beside): (Vec<&Process>, Vec<&Process>) =
            others.into_iter().partition(|p| below(p));
        let awaited: Vec<&Process> = awaited.into_iter().filter(|p| !gets_it(p)).collect();
        let foreground: Vec<&Process> =
            self.with_role(Role::Foreground).into_iter().filter(|p| !gets_it(p)).collect();
        if let Some(judgement) = trap_waits(child, &awaited, &foreground) {
            return Judgement { text: format!("{passes}. {}", judgement.text), ..judgement };
        }
        if !beside.is_empty() {
            let text = format!("{passes}: when {} has ended, {}.", child.name, kills(&beside));
            return if beside.iter().any(|p| gets_it(p)) {
                Judgement::new(Outcome::Depends(format!("who ends first, {}", child.name)), text)
            } else {
                Judgement::new(Outcome::CutsOff(beside), text)
            };
        }
        Judgement::new(Outcome::Waits(vec![child]), format!("{passes}."))
    }

    /// Whether a process is below the one at this place.
    fn is_below(&self, process: &Process, at: usize) -> bool {
        let mut above = process.above;
        while let Some(place) = above.filter(|place| *place > at) {
            above = self.snapshot.processes.get(place).and_then(|it| it.above);
        }
        above == Some(at)
    }

    /// Of a program that stops what it runs by rules of its own.
    pub(super) fn by_own_rules(&self, name: &str, root: &str) -> Judgement<'_> {
        let signal = self.signal;
        // Of the handlers that it runs itself, and of those below shells.
        let handlers = self.with_role(Role::Handler);
        if name == "systemd" && signal == Signal::TERM && self.root_is_init {
            // systemd(1), "Signals".
            let text = format!(
                "{root} executes itself anew on {signal} and goes on: it stops on SIGRTMIN+3 only \
                 (docker run --stop-signal).{}",
                would_not_get_it(&handlers)
            );
            return Judgement::new(Outcome::Ignores(handlers), text);
        }
        if !role::handles(&self.root, true) {
            return self.by_no_init(root);
        }
        let whether = match handlers.as_slice() {
            [] => String::new(),
            _ => format!(": whether {} may finish does not show in /proc", names(&handlers)),
        };
        let text = format!("{root} stops what it runs by rules of its own configuration{whether}.");
        Judgement::new(Outcome::Depends(format!("{name}'s configuration")), text)
    }

    pub(super) fn by_no_init(&self, root: &str) -> Judgement<'_> {
        let signal = self.signal;
        let handlers = self.with_role(Role::Handler);
        let ignores = self.root.disposition == Disposition::Ignored;
        let has = if ignores { "ignores the signal" } else { "has no handler" };
        let below = would_not_get_it(&handlers);
        match self.root.disposition {
            Disposition::Unreadable | Disposition::Hidden => {
                Judgement::new(Outcome::Unreadable, may_not_be_read(root, signal))
            }
            _ if role::handles(&self.root, true) => self.by_a_handler(root),
            _ if self.root_is_init => {
                let who = match self.root.id.pid {
                    1 => format!("PID 1 is {}, which", self.root.name),
                    _ => format!("{root} is PID 1 of its container and"),
                };
                let text = format!("{who} {has}: {signal} would be ignored until SIGKILL.{below}");
                Judgement::new(Outcome::Ignores(handlers), text)
            }
            Disposition::Ignored => Judgement::new(
                Outcome::Ignores(handlers),
                format!("{root} ignores {signal}.{below}"),
            ),
            _ if self.shares && !handlers.is_empty() => {
                let text = format!(
                    "{root} has no handler: {signal} would end it at once, and its engine would \
                     then kill {}.",
                    names(&handlers)
                );
                Judgement::new(Outcome::CutsOff(handlers), text)
            }
            _ => Judgement::new(
                Outcome::Stops,
                format!("{root} has no handler: {signal} would end it at once.{below}"),
            ),
        }
    }

    /// Of a program at the top that handles the signal, with nothing above it.
    fn by_a_handler(&self, root: &str) -> Judgement<'_> {
        let signal = self.signal;
        let handlers = self.with_role(Role::Handler);
        let rows = || self.snapshot.processes.iter().zip(&self.below_root);
        let with_role = |wanted: Role| -> Vec<&Process> {
            rows().filter(|(_, verdict)| verdict.role == wanted).map(|(p, _)| p).collect()
        };
        let (awaited, foreground) = (with_role(Role::Handler), with_role(Role::Foreground));
        if let Some(judgement) = trap_waits(&self.root, &awaited, &foreground) {
            return judgement;
        }
        if self.root.kind == Kind::Wrapper && !handlers.is_empty() {
            let text = format!(
                "{root} handles {signal} itself. What it passes on, and whether it waits for {}, \
                 is its own business.",
                names(&handlers)
            );
            return Judgement::new(Outcome::Depends(root.to_owned()), text);
        }
        let of_node = matches!(&*self.root.name, "node" | "nodejs")
            && matches!(signal, Signal::TERM | Signal::INT);
        if of_node && self.root_is_init {
            // Seen with node 20: its own handler resets itself and raises the signal again, which
            // the kernel drops for PID 1.
            let text = format!(
                "{root} is PID 1 of its container and shows a handler for {signal}, which node has \
                 even where its program has none. Without one {signal} would be ignored until \
                 SIGKILL; /proc does not show which it is."
            );
            return Judgement::new(Outcome::Depends("node's program".to_owned()), text);
        }
        let text = format!(
            "{root} handles {signal} itself; what is below it is its own business{}.",
            if self.root_is_init { ", and is killed by the kernel when it ends" } else { "" }
        );
        Judgement::new(Outcome::Waits(vec![&self.root]), text)
    }
}

/// Of a shell with a trap that waits for these: the handlers, and other programs, in its foreground
/// that get no signal.
fn trap_waits<'a>(
    shell: &Process,
    awaited: &[&'a Process],
    foreground: &[&'a Process],
) -> Option<Judgement<'a>> {
    if shell.kind != Kind::Shell {
        return None;
    }
    let only_when = |whom: &[&Process]| {
        let has = if whom.len() == 1 { "has" } else { "have" };
        format!("{} runs its trap only when {} {has} ended", named(shell), names(whom))
    };
    match (awaited, foreground) {
        ([], []) => None,
        ([], foreground) => Some(Judgement::new(
            Outcome::Depends(format!("when {} ends", shortly(foreground))),
            format!("{} by itself, without a signal.", only_when(foreground)),
        )),
        (awaited, _) => Some(Judgement::new(
            Outcome::Ignores(awaited.to_vec()),
            format!(
                "{}, which gets no signal: nothing would happen until SIGKILL.",
                only_when(awaited)
            ),
        )),
    }
}

fn would_not_get_it(whom: &[&Process]) -> String {
    match whom {
        [] => String::new(),
        _ => format!(" {} would not get it.", names(whom)),
    }
}

fn may_not_be_read(whom: &str, signal: Signal) -> String {
    format!(
        "What {whom} does with {signal} may not be read. Run --explain as its user, or as root with \
         CAP_SYS_PTRACE."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::process;
    use crate::explain::look::tests::{explained, pipeline, root};

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
}
