//! What other inits, and programs without one, would make of the signal: what is certain, and
//! otherwise that it is not.

use crate::decide::role::{self, Reason, Role};
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
            _ => {}
        }
        let ignores = match child.disposition {
            Disposition::Ignored => Some("ignores it".to_owned()),
            _ if self.is_dropped_by(child) => {
                Some(format!("has no handler, without which {signal} ends no process"))
            }
            _ => None,
        };
        if let Some(ignores) = ignores {
            // The others of the group may end by it, and the child after them.
            let ends_others = child.disposition == Disposition::Ignored;
            let (outcome, text) = if to_group && (ends_others || others.iter().any(|p| gets_it(p)))
            {
                let text = format!(
                    "{passes}. {} {ignores}: whether it ends with the others of the group is its \
                     own business.",
                    child.name
                );
                (Outcome::Depends(format!("{whom}, which {ignores}")), text)
            } else {
                let text = format!(
                    "{passes}, and {} {ignores}: nothing would end until SIGKILL.{}",
                    child.name,
                    would_not_get_it(&others)
                );
                (Outcome::Ignores(others), text)
            };
            return Judgement::new(outcome, text);
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
        let perhaps = self.rows().any(|(_, it)| matches!(it.reason, Reason::PerhapsAwaitedBy(_)));
        if let Some(judgement) = self.trap_waits(child, &awaited, &foreground, perhaps) {
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
        let below_recipes = self.rows().map(|(process, _)| process);
        let below_recipes = below_recipes.filter(|p| below(p) && p.above != Some(at));
        let below_recipes: Vec<&Process> = below_recipes.filter(|p| !gets_it(p)).collect();
        if let Some((outcome, text)) = make_passes(child, signal, &below_recipes) {
            return Judgement::new(outcome, format!("{passes}. {text}"));
        }
        // Those that a shell runs in its background, and its trap sees to.
        let jobs = self.rows().map(|(process, _)| process);
        let jobs = jobs.filter(|p| below(p) && role::handles(p, true) && !gets_it(p));
        let jobs: Vec<&Process> = jobs.filter(|p| p.kind != Kind::Wrapper).collect();
        if child.kind == Kind::Shell && !jobs.is_empty() {
            let text = format!(
                "{passes}. {} handles it by a trap: {} gets it only if that passes it on.",
                child.name,
                names(&jobs)
            );
            return Judgement::new(Outcome::Depends(trap_of(child)), text);
        }
        Judgement::new(Outcome::Waits(vec![child]), format!("{passes}."))
    }

    /// Whether a process has no handler for a signal that ends none without one.
    fn is_dropped_by(&self, process: &Process) -> bool {
        !self.signal.ends_by_default() && !role::handles(process, true)
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
            _ if self.is_dropped_by(&self.root) => Judgement::new(
                Outcome::Ignores(handlers),
                format!(
                    "{root} has no handler, without which {signal} ends no process: nothing would \
                     end until SIGKILL.{below}"
                ),
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
        let perhaps = rows().any(|(_, it)| matches!(it.reason, Reason::PerhapsAwaitedBy(_)));
        if let Some(judgement) = self.trap_waits(&self.root, &awaited, &foreground, perhaps) {
            return judgement;
        }
        let below = self.snapshot.processes.iter();
        let below_recipes: Vec<&Process> = below.filter(|p| p.above.is_some()).collect();
        if let Some((outcome, text)) = make_passes(&self.root, signal, &below_recipes) {
            let stays = if self.root_is_init {
                " As PID 1 make stays until that has ended, or until SIGKILL."
            } else {
                ""
            };
            return Judgement::new(outcome, text + stays);
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
        if self.root.kind == Kind::Shell && !handlers.is_empty() {
            let end =
                if self.root_is_init { ", and is killed by the kernel when it ends" } else { "" };
            let text = format!(
                "{root} handles {signal} by a trap: {} gets it only if that passes it on{end}.",
                names(&handlers)
            );
            return Judgement::new(Outcome::Depends(trap_of(&self.root)), text);
        }
        let text = format!(
            "{root} handles {signal} itself; what is below it is its own business{}.",
            if self.root_is_init { ", and is killed by the kernel when it ends" } else { "" }
        );
        Judgement::new(Outcome::Waits(vec![&self.root]), text)
    }

    /// Of a shell with a trap that waits for these: the handlers, and other programs, in its
    /// foreground that get no signal. `perhaps`: whether they are there does not show.
    fn trap_waits<'a>(
        &self,
        shell: &Process,
        awaited: &[&'a Process],
        foreground: &[&'a Process],
        perhaps: bool,
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
            _ if self.hidden_waits.contains(&shell.id.pid) => {
                let whom = [awaited, foreground].concat();
                let what = format!("Whether {} waits for {}", named(shell), names(&whom));
                let as_user = as_its_user();
                let text =
                    format!("{what}, so that its trap runs only then, may not be read. {as_user}");
                Some(Judgement::new(Outcome::Unreadable, text))
            }
            _ if perhaps => {
                let whom = [awaited, foreground].concat();
                let text = format!(
                    "Whether {} waits for {} does not show. If so, its trap runs only when that \
                     has ended, without a signal.",
                    named(shell),
                    names(&whom)
                );
                Some(Judgement::new(Outcome::Depends(trap_of(shell)), text))
            }
            ([], foreground) => Some(Judgement::new(
                Outcome::Depends(format!("{} waits for {}", shell.name, shortly(foreground))),
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
}

/// Of make, and what is below the commands of its recipes, which are mostly shells.
fn make_passes<'a>(
    make: &Process,
    signal: Signal,
    below_recipes: &[&Process],
) -> Option<(Outcome<'a>, String)> {
    if !matches!(&*make.name, "make" | "gmake") || below_recipes.is_empty() {
        return None;
    }
    // Seen with GNU make 4.3: at the end it raises the signal again, which the kernel drops for
    // PID 1. It waits then for what its shells left to it.
    let text = format!(
        "{} passes {signal} on to the commands of its recipes alone: {} gets it only from these.",
        named(make),
        names(below_recipes)
    );
    Some((Outcome::Depends("make's recipe".to_owned()), text))
}

/// What decides where a shell runs its trap at once.
fn trap_of(shell: &Process) -> String {
    format!("{}'s trap", shell.name)
}

fn would_not_get_it(whom: &[&Process]) -> String {
    match whom {
        [] => String::new(),
        _ => format!(" {} would not get it.", names(whom)),
    }
}

fn may_not_be_read(whom: &str, signal: Signal) -> String {
    format!("What {whom} does with {signal} may not be read. {}", as_its_user())
}

fn as_its_user() -> &'static str {
    "Run --explain as its user, or as root with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::process;
    use crate::explain::all::Class;
    use crate::explain::look::tests::{explained, explained_beside, pipeline, root};
    use crate::signal::SignalSet;

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

    /// The class of SIGTERM's outcome, and the verdict, for a root that is PID 1.
    fn outcome(top: Top, root: Process, below: Vec<Process>) -> (Class, String) {
        let explained = explained(top, root, below);
        let judgement = explained.judgement();
        (Class::of(&judgement.outcome), judgement.text)
    }

    fn child(name: &str) -> Top {
        Top::SignalsChild(name.to_owned())
    }

    fn group(name: &str) -> Top {
        Top::SignalsGroup(name.to_owned())
    }

    #[test]
    fn what_an_init_does_that_ends_with_its_child_is_certain_where_the_child_s_part_is() {
        let one = |disposition| vec![process(7, 1, "sh", disposition)];
        let init = || root("tini", Disposition::Waiting);
        for (top, below, class) in [
            (child("tini"), Vec::new(), Class::Stops),
            (child("tini"), one(Disposition::Default), Class::Stops),
            (child("tini"), pipeline(), Class::CutsOff),
            (group("tini"), pipeline(), Class::CutsOff),
            // `docker run -it --init IMAGE bash`
            (child("tini"), one(Disposition::Ignored), Class::Ignores),
            (group("tini"), one(Disposition::Ignored), Class::Depends),
            (child("tini"), one(Disposition::Hidden), Class::Unreadable),
            (child("tini"), vec![process(7, 1, "java", Disposition::Caught)], Class::Waits),
        ] {
            assert_eq!(outcome(top.clone(), init(), below.clone()).0, class, "{top:?} {below:?}");
        }
        let mut beside = vec![
            process(7, 1, "java", Disposition::Caught),
            process(9, 1, "daemon", Disposition::Caught),
        ];
        let (class, said) = outcome(child("tini"), init(), beside.clone());
        assert_eq!(class, Class::CutsOff, "{said}");
        assert!(said.ends_with("when java has ended, the kernel would then kill daemon (9)."));
        assert_eq!(outcome(group("tini"), init(), beside.clone()).0, Class::Depends);
        for process in &mut beside {
            process.group = process.id.pid;
        }
        assert_eq!(outcome(group("tini"), init(), beside).0, Class::CutsOff, "of another group");
    }

    #[test]
    fn a_shell_with_a_trap_does_nothing_while_it_waits_for_what_gets_no_signal() {
        let below = |disposition| vec![process(12, 1, "java", disposition)];
        let shell = || root("sh", Disposition::Caught);
        let (class, said) = outcome(Top::Bare, shell(), below(Disposition::Caught));
        assert_eq!(class, Class::Ignores);
        assert_eq!(
            said,
            "sh (1) runs its trap only when java (12) has ended, which gets no signal: nothing \
             would happen until SIGKILL."
        );
        let (class, said) = outcome(Top::Bare, shell(), below(Disposition::Default));
        assert_eq!((class, said.contains("by itself")), (Class::Depends, true), "{said}");
        let waiting = explained(Top::Bare, shell(), below(Disposition::Default));
        let on = Outcome::Depends("sh waits for java (12)".to_owned());
        assert_eq!(waiting.judgement().outcome, on);
        // `server & wait`
        let mut job = below(Disposition::Caught);
        for process in &mut job {
            process.ignored = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        }
        let mut below_tini = job.clone();
        below_tini.insert(0, process(7, 1, "sh", Disposition::Caught));
        for process in &mut below_tini[1..] {
            (process.parent, process.own_child) = (7, false);
        }
        let (class, said) = outcome(child("tini"), shell(), below_tini);
        assert_eq!(class, Class::Depends, "{said}");
        assert!(
            said.ends_with("by a trap: java (12) gets it only if that passes it on."),
            "{said}"
        );
        let (class, said) = outcome(Top::Bare, shell(), job);
        assert_eq!(class, Class::Depends);
        assert_eq!(
            said,
            "sh (1) handles SIGTERM by a trap: java (12) gets it only if that passes it on, and is \
             killed by the kernel when it ends."
        );
        // Where that may not be read.
        for (top, below) in [
            (Top::Bare, below(Disposition::Caught)),
            (Top::Bare, below(Disposition::Default)),
            (
                child("tini"),
                vec![
                    process(7, 1, "sh", Disposition::Caught),
                    process(12, 7, "java", Disposition::Caught),
                ],
            ),
        ] {
            let explained = explained(top, shell(), below);
            let hidden = Explained { hidden_waits: vec![1, 7], ..explained };
            let judgement = hidden.judgement();
            assert_eq!(judgement.outcome, Outcome::Unreadable, "{}", judgement.text);
            assert!(judgement.text.contains(" waits for java (12), so that"), "{}", judgement.text);
        }
        let below = || {
            vec![
                process(7, 1, "sh", Disposition::Caught),
                process(12, 7, "java", Disposition::Caught),
            ]
        };
        assert_eq!(outcome(child("tini"), shell(), below()).0, Class::Ignores);
        assert_eq!(outcome(group("tini"), shell(), below()).0, Class::Waits, "both get it");
    }

    #[test]
    fn of_programs_with_rules_of_their_own_it_says_that_it_is_not_certain() {
        let below = || vec![process(12, 1, "java", Disposition::Caught)];
        for (name, kind, top) in [
            ("s6-svscan", Kind::Program, Top::OwnRules("s6-svscan".to_owned())),
            ("supervisord", Kind::Program, Top::OwnRules("supervisord".to_owned())),
            ("npm start", Kind::Wrapper, Top::Bare),
            ("node", Kind::Program, Top::Bare),
            ("dumb-init", Kind::Wrapper, Top::Rewrites("dumb-init".to_owned())),
        ] {
            let root = Process { kind, ..root(name, Disposition::Caught) };
            let (class, said) = outcome(top, root, below());
            assert_eq!(class, Class::Depends, "{name}: {said}");
        }
        let systemd = Top::OwnRules("systemd".to_owned());
        let (class, said) =
            outcome(systemd.clone(), root("systemd", Disposition::Blocked), below());
        assert_eq!(class, Class::Ignores, "{said}");
        assert!(said.contains("SIGRTMIN+3"), "{said}");
        let explained =
            explained_beside("RTMIN+3", systemd, root("systemd", Disposition::Blocked), Vec::new());
        assert!(matches!(explained.judgement().outcome, Outcome::Depends(_)));
        // Its own handler shows for these two only, and is gone when it has run.
        let node = || root("node", Disposition::Default);
        assert_eq!(outcome(Top::Bare, node(), below()).0, Class::Ignores);
        assert_eq!(outcome(Top::Bare, root("java", Disposition::Caught), below()).0, Class::Waits);
    }

    #[test]
    fn make_passes_the_signal_on_to_its_recipes_alone() {
        let make = || root("make", Disposition::Caught);
        let direct = vec![process(2, 1, "server", Disposition::Caught)];
        assert_eq!(outcome(Top::Bare, make(), direct).0, Class::Waits);
        let by_a_shell = |make: i32| {
            let sh = process(make + 1, make, "sh", Disposition::Default);
            vec![sh, process(make + 2, make + 1, "server", Disposition::Caught)]
        };
        let (class, said) = outcome(Top::Bare, make(), by_a_shell(1));
        assert_eq!(class, Class::Depends);
        assert_eq!(
            said,
            "make (1) passes SIGTERM on to the commands of its recipes alone: server (3) gets it \
             only from these. As PID 1 make stays until that has ended, or until SIGKILL."
        );
        let mut below = by_a_shell(7);
        below.insert(0, process(7, 1, "make", Disposition::Caught));
        assert_eq!(
            outcome(child("tini"), root("tini", Disposition::Waiting), below).0,
            Class::Depends
        );
    }

    #[test]
    fn a_signal_that_ends_no_process_without_a_handler_is_no_stop() {
        let said = |signal: &str, top: Top, root: Process, below: Vec<Process>| {
            let explained = explained_beside(signal, top, root, below);
            let judgement = explained.judgement();
            (Class::of(&judgement.outcome), judgement.text)
        };
        let init = || root("tini", Disposition::Waiting);
        let sh = || process(7, 1, "sh", Disposition::Default);
        for signal in ["WINCH", "URG", "CONT", "CHLD", "TSTP", "TTIN", "TTOU"] {
            for (top, root, below, class) in [
                (Top::Bare, sh(), pipeline(), Class::Ignores),
                (Top::Bare, sh(), Vec::new(), Class::Ignores),
                (child("tini"), init(), vec![sh()], Class::Ignores),
                (child("tini"), init(), pipeline(), Class::Ignores),
                (group("tini"), init(), pipeline(), Class::Depends),
                (group("tini"), init(), vec![sh()], Class::Ignores),
                // httpd
                (
                    child("tini"),
                    init(),
                    vec![process(7, 1, "httpd", Disposition::Caught)],
                    Class::Waits,
                ),
            ] {
                let (found, text) = said(signal, top, root, below);
                assert_eq!(found, class, "{signal}: {text}");
                assert!(!text.contains("at once"), "{signal}: {text}");
            }
        }
        assert_eq!(
            said("WINCH", Top::Bare, sh(), pipeline()).1,
            "sh (7) has no handler, without which SIGWINCH ends no process: nothing would end \
             until SIGKILL. java (12) would not get it."
        );
        assert_eq!(
            said("WINCH", child("tini"), init(), pipeline()).1,
            "tini (1) would pass SIGWINCH to sh (7) alone and end with it, and sh has no handler, \
             without which SIGWINCH ends no process: nothing would end until SIGKILL. java (12) \
             would not get it."
        );
        assert_eq!(said("USR1", Top::Bare, sh(), Vec::new()).0, Class::Stops);
    }

    #[test]
    fn in_a_shared_pid_namespace_the_engine_kills_what_is_left() {
        let shared = |below: Vec<Process>| {
            let sh = process(70, 1, "sh", Disposition::Default);
            let explained = explained_beside("TERM", Top::Bare, sh, below);
            Explained { shares: true, ..explained }
        };
        let cut = shared(vec![process(71, 70, "java", Disposition::Caught)]);
        assert_eq!(
            cut.verdict(),
            "sh (70) has no handler: SIGTERM would end it at once, and its engine would then kill \
             java (71)."
        );
        assert_eq!(Class::of(&cut.judgement().outcome), Class::CutsOff);
        let nothing = shared(vec![process(71, 70, "sleep", Disposition::Default)]);
        assert_eq!(Class::of(&nothing.judgement().outcome), Class::Stops);
    }
}
