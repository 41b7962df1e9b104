//! What would happen, in sentences.

use crate::cli::settings::Settings;
use crate::decide::meaning::{Meaning, Unhandled};
use crate::decide::role::{self, Reason, Role, Verdict};
use crate::decide::turn::Turn;
use crate::explain::look::Explained;
use crate::explain::top::Top;
use crate::process::{Disposition, Kind, Process, Stdin};
use crate::programs;
use crate::report::words::{self, duration};
use crate::signal::Signal;

/// What comes of the signal, in one word for a list, from the worst on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// Nothing happens until SIGKILL. These handle the signal, and would not get it.
    Ignores(Vec<&'a Process>),
    /// These handle the signal, and are killed before they can have finished.
    CutsOff(Vec<&'a Process>),
    /// This decides, and what it decides does not show.
    Depends(String),
    /// What decides may not be read.
    Unreadable,
    /// It begins no stop: this comes of it instead.
    NoStop(String),
    /// The stop lasts until these have finished.
    Waits(Vec<&'a Process>),
    /// All of it is gone within a moment.
    Stops,
}

/// What comes of the signal.
pub(super) struct Judgement<'a> {
    pub(super) outcome: Outcome<'a>,
    /// In a sentence or two.
    pub(super) text: String,
}

impl<'a> Judgement<'a> {
    pub(super) fn new(outcome: Outcome<'a>, text: String) -> Self {
        Self { outcome, text }
    }
}

impl Explained {
    /// What would happen to this one.
    pub(super) fn when(&self, process: &Process, verdict: &Verdict) -> String {
        let gets_it = match self.meaning {
            None => return String::new(),
            // Nobody is asked before these two act on adieu itself.
            Some(_) if self.signal == Signal::KILL && self.root_is_init => {
                return "killed with adieu".to_owned();
            }
            Some(_) if !self.signal.can_be_caught() => false,
            Some(Meaning::Stop(_)) => return self.when_stopped(process, verdict),
            Some(Meaning::Forward(..)) => self.gets_forwarded(process, verdict),
            Some(Meaning::Group(_)) => process.group == self.question.main,
            Some(Meaning::Ignore) => false,
        };
        if gets_it { "gets it" } else { "left alone" }.to_owned()
    }

    /// Whether there are roles to show: a signal that nobody can handle makes no difference.
    pub(super) fn has_roles(&self) -> bool {
        matches!(self.top, Top::Adieu(_)) && self.signal.can_be_caught()
    }

    /// When a stop would signal this one.
    fn when_stopped(&self, process: &Process, verdict: &Verdict) -> String {
        let unhandled = self.with_role(Role::Handler).is_empty();
        let gets_it = |turn: Turn| format!("gets it {}", words::when(turn));
        match self.turn(process, verdict) {
            _ if process.nested_init && process.disposition == Disposition::Default => {
                "killed when it is alone".to_owned()
            }
            _ if self.is_killed_for_ignoring(process, verdict) && unhandled => {
                "killed 1 s later".to_owned()
            }
            _ if self.is_killed_for_ignoring(process, verdict) => {
                "killed 1 s after last call".to_owned()
            }
            _ if unhandled => gets_it(Turn::Handlers),
            Turn::Handlers if matches!(verdict.reason, Reason::PerhapsAwaitedBy(_)) => {
                "at once or by the trap".to_owned()
            }
            Turn::Handlers if verdict.role == Role::Handler => {
                format!("{}, waited for", gets_it(Turn::Handlers))
            }
            _ if self.ends_with_its_pipe(process, verdict) => "ends at end of file".to_owned(),
            turn @ (Turn::LastWord | Turn::Timeout) => match verdict.reason {
                Reason::Below(pid) => format!("left to handler {pid}"),
                _ => gets_it(turn),
            },
            turn => gets_it(turn),
        }
    }

    /// Whether a process is left to end at the end of a handler's output.
    fn ends_with_its_pipe(&self, process: &Process, verdict: &Verdict) -> bool {
        let turn = self.turn(process, verdict);
        is_reader(process, verdict) && matches!(turn, Turn::LastCall | Turn::LastWord)
    }

    /// Whether a process is waited for only one second beyond the last call, because it ignores the
    /// signal. One with a handler below it is there for that, and a handler's workers are its own.
    fn is_killed_for_ignoring(&self, process: &Process, verdict: &Verdict) -> bool {
        // In place of these two a shell's background job gets TERM.
        let is_ctrl = matches!(self.question.signal, Signal::INT | Signal::QUIT);
        let gets_term = is_ctrl && !process.ignored.has(Signal::TERM);
        process.disposition == Disposition::Ignored
            && matches!(verdict.role, Role::Bystander | Role::Foreground)
            && !is_reader(process, verdict)
            && !gets_term
    }

    /// The verdict in a sentence or two.
    pub(super) fn verdict(&self) -> String {
        self.judgement().text
    }

    /// What comes of the signal.
    pub(super) fn judgement(&self) -> Judgement<'_> {
        let Judgement { outcome, text } = self.whatever_is_read();
        // What may not be read is taken for a handler, which is no more than a precaution.
        let outcome = match outcome {
            Outcome::Ignores(whom) => Outcome::Ignores(read(whom)),
            Outcome::CutsOff(whom) | Outcome::Waits(whom) if read(whom.clone()).is_empty() => {
                Outcome::Unreadable
            }
            Outcome::CutsOff(whom) => Outcome::CutsOff(read(whom)),
            Outcome::Waits(whom) => Outcome::Waits(read(whom)),
            other => other,
        };
        Judgement { outcome, text }
    }

    fn whatever_is_read(&self) -> Judgement<'_> {
        let signal = self.signal;
        let root = named(&self.root);
        if !signal.can_be_caught() {
            let (outcome, below) = match (signal, self.root_is_init) {
                (Signal::KILL, true) => {
                    (Outcome::Stops, "would end at once, and everything below it")
                }
                (Signal::KILL, false) => {
                    (Outcome::Stops, "would end at once, and leave behind what is below it")
                }
                _ => (
                    Outcome::NoStop("is suspended".to_owned()),
                    "itself would stop, and pass nothing on until SIGCONT",
                ),
            };
            let text = format!("{signal} cannot be handled: sent from outside, {root} {below}.");
            return Judgement::new(outcome, text);
        }
        match &self.top {
            Top::Adieu(_) if self.sent.is_none() => Judgement::new(
                Outcome::NoStop("dropped".to_owned()),
                format!("{signal} would be dropped: adieu rewrites it to 0."),
            ),
            Top::Adieu(settings) => self.under_adieu(settings),
            Top::SignalsChild(_) | Top::SignalsGroup(_) => {
                self.by_an_init_that_ends_with_its_child()
            }
            Top::Rewrites(name) => Judgement::new(
                Outcome::Depends(format!("{name}'s options")),
                format!("{root} rewrites signals, as its options say, before it passes them on."),
            ),
            Top::OwnRules(name) => self.by_own_rules(name, &root),
            Top::Bare => self.by_no_init(&root),
        }
    }

    fn under_adieu(&self, settings: &Settings) -> Judgement<'_> {
        let signal = self.signal;
        let mut judgement = match self.meaning.unwrap_or(Meaning::Ignore) {
            Meaning::Stop(_) => self.by_adieu(settings),
            Meaning::Forward(_, unhandled) => self.forwarded(unhandled),
            Meaning::Group(_) => {
                let group = self.question.main;
                Judgement::new(
                    Outcome::NoStop(format!("goes to group {group}")),
                    format!("{signal} would go to every process of group {group}."),
                )
            }
            Meaning::Ignore => Judgement::new(
                Outcome::NoStop("kept by adieu".to_owned()),
                format!("adieu would keep {signal} for itself: no process gets it."),
            ),
        };
        let begins_none = !matches!(self.meaning, Some(Meaning::Stop(_)));
        if begins_none
            && settings.stop_on.has(signal)
            && self.question.inherited_ignored.has(signal)
        {
            judgement.text = format!(
                "{} was started with {signal} ignored, as a shell starts a job in the background \
                 and nohup a program: it begins no stop. {}",
                named(&self.root),
                judgement.text
            );
        }
        if let Some(to) = self.sent.filter(|to| *to != signal) {
            judgement.text = format!("{to} is sent in place of {signal}. {}", judgement.text);
        }
        judgement
    }

    fn forwarded(&self, unhandled: Unhandled) -> Judgement<'_> {
        let signal = self.question.signal;
        let rows = self.rows().filter(|(p, v)| self.gets_forwarded(p, v));
        let receivers: Vec<&Process> = rows.map(|(p, _)| p).collect();
        let dropped = || Outcome::NoStop("dropped".to_owned());
        match (receivers.as_slice(), unhandled) {
            ([], Unhandled::Drop) => Judgement::new(
                dropped(),
                format!("Nothing here handles {signal}: it would be dropped, without a warning."),
            ),
            ([], _) => Judgement::new(
                dropped(),
                format!("Nothing here handles {signal}: it would be dropped, with a warning."),
            ),
            (receivers, _) => Judgement::new(
                Outcome::NoStop(format!("goes to {}", shortly(receivers))),
                format!("{signal} would go to {}; it begins no stop.", names(receivers)),
            ),
        }
    }

    pub(super) fn alone(&self) -> Judgement<'_> {
        let but = if self.explains_within { " but this --explain" } else { "" };
        let text = format!("Nothing runs below {}{but}.", named(&self.root));
        Judgement::new(Outcome::Stops, text)
    }

    fn by_adieu(&self, settings: &Settings) -> Judgement<'_> {
        let signal = self.signal;
        let handlers = self.with_role(Role::Handler);
        if self.snapshot.processes.is_empty() {
            return self.alone();
        }
        let killed = self.rows().filter(|(p, v)| self.is_killed_for_ignoring(p, v));
        let killed: Vec<&Process> = killed.map(|(p, _)| p).collect();
        let ignore = if killed.len() == 1 { "ignores" } else { "ignore" };
        let sent = self.question.signal;
        if handlers.is_empty() && !sent.ends_by_default() {
            let text = format!(
                "Nothing here handles {sent}, which ends no process without a handler: the stop \
                 would last until SIGKILL."
            );
            return Judgement::new(Outcome::Ignores(handlers), text);
        }
        if handlers.is_empty() {
            let text = if killed.is_empty() {
                format!("Nothing here handles {sent}: the container would stop at once.")
            } else {
                format!(
                    "Nothing here handles {sent}. {} {ignore} it, and would be killed 1 s later.",
                    names(&killed)
                )
            };
            return Judgement::new(Outcome::Stops, text);
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
        let readers = self.rows().filter(|(p, v)| self.ends_with_its_pipe(p, v)).map(|(p, _)| p);
        let readers: Vec<&Process> = readers.collect();
        if !readers.is_empty() {
            parts.push(format!(
                "{} {} at end of file",
                names(&readers),
                if readers.len() == 1 { "ends" } else { "end" }
            ));
        }
        if !killed.is_empty() {
            parts.push(format!(
                "{} {ignore} it, and would be killed 1 s after the last call",
                names(&killed)
            ));
        }
        let mut text = format!("{}.", parts.join("; "));
        for handler in &handlers {
            text.extend(self.unreached(handler));
        }
        Judgement::new(Outcome::Waits(handlers), text)
    }

    /// Of an awaited handler: which programs below it handle the signal too and would get none from
    /// adieu, and what to do about that. On each branch the first counts, and not one that is a
    /// copy of the handler: those of a prefork server are its own.
    fn unreached(&self, handler: &Process) -> Option<String> {
        let mut firsts: Vec<&Process> = Vec::new();
        // Whether each process is the handler, or one below it with no such program between.
        let mut open: Vec<bool> = Vec::with_capacity(self.verdicts.len());
        for (process, verdict) in self.rows() {
            let above = process.above.and_then(|at| open.get(at)) == Some(&true);
            let first = above
                && verdict.role == Role::Worker
                && process.kind != Kind::Wrapper
                && role::handles(process, true)
                && self.turn(process, verdict) >= Turn::LastWord;
            if first && process.name != handler.name {
                firsts.push(process);
            }
            open.push(process.id == handler.id || above && !first);
        }
        if firsts.is_empty() {
            return None;
        }
        let (handle, them) = if firsts.len() == 1 { ("handles", "it") } else { ("handle", "them") };
        let name = &handler.name;
        let write = |remedy: &str| format!("if {name} does not pass it on, write {remedy}");
        let remedy = if handler.kind == Kind::Shell {
            format!("the trap of {name} has to pass it on")
        } else if programs::has_own_rules(name) {
            format!("{name} stops what it runs by rules of its own configuration")
        } else if programs::is_interpreter(name) {
            write("--wrapper with the name of its script, or --deliver group")
        } else if name == "java" {
            // Its name is that of every such program, and there is no script.
            write("--deliver group")
        } else {
            write(&format!("--wrapper {name} or --deliver group"))
        };
        Some(format!(
            " Below {}, {} {handle} {} too, and adieu would leave {them} to it: {remedy}.",
            named(handler),
            names(&firsts),
            self.question.signal
        ))
    }
}

/// Those of which it may be read what they do with the signal.
fn read(whom: Vec<&Process>) -> Vec<&Process> {
    let hidden =
        |p: &&Process| matches!(p.disposition, Disposition::Hidden | Disposition::Unreadable);
    whom.into_iter().filter(|p| !hidden(p)).collect()
}

/// Whether a process is seen to read what a handler writes.
fn is_reader(process: &Process, verdict: &Verdict) -> bool {
    matches!(verdict.reason, Reason::ReadsPipeline | Reason::ReadsRest)
        && matches!(process.stdin, Stdin::Pipe(_))
}

fn limit(settings: &Settings) -> String {
    settings.timeout.map_or(String::new(), |t| format!(", for at most {}", duration(t)))
}

fn is_or_are(whom: &[&Process]) -> &'static str {
    if whom.len() == 1 { "is" } else { "are" }
}

pub(super) fn named(process: &Process) -> String {
    format!("{} ({})", process.name, process.id.pid)
}

/// The first name and how many more there are, for a column.
pub(super) fn shortly(whom: &[&Process]) -> String {
    match whom {
        [] => "nobody".to_owned(),
        [one] => named(one),
        [first, others @ ..] => format!("{} and {} more", named(first), others.len()),
    }
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
    use crate::decide::terms::Deliver;
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
    fn a_reader_that_gets_it_with_the_group_is_not_said_to_end_at_end_of_file() {
        let group = adieu_with(|settings| settings.deliver = Deliver::Group);
        let below = pipeline().into_iter().map(|process| Process { group: 7, ..process }).collect();
        let explained = explained(group, root("adieu", Disposition::Blocked), below);
        assert_eq!(
            each_when(&explained).last(),
            Some(&("tee", "gets it at once".to_owned())),
            "{}",
            explained.verdict()
        );
        assert!(!explained.verdict().contains("end of file"), "{}", explained.verdict());
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
        let nothing = "Nothing here handles SIGTERM.";
        assert_eq!(
            ignoring(&[2]),
            format!("{nothing} sleep (2) ignores it, and would be killed 1 s later.")
        );
        assert_eq!(
            ignoring(&[2, 3]),
            format!("{nothing} sleep (2) and sleep (3) ignore it, and would be killed 1 s later.")
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

    #[test]
    fn what_ignores_it_beside_a_handler_is_killed_after_the_last_call() {
        let below = vec![
            process(2, 1, "server", Disposition::Caught),
            process(3, 1, "sleep", Disposition::Ignored),
            process(4, 2, "sleep", Disposition::Ignored),
        ];
        let explained = explained(adieu(), root("adieu", Disposition::Blocked), below);
        assert_eq!(
            explained.verdict(),
            "On SIGTERM adieu would wait for server (2); sleep (3) ignores it, and would be killed \
             1 s after the last call."
        );
        assert_eq!(
            each_when(&explained),
            [
                ("server", "gets it at once, waited for".to_owned()),
                ("sleep", "killed 1 s after last call".to_owned()),
                ("sleep", "left to handler 2".to_owned())
            ]
        );
    }

    #[test]
    fn what_handles_it_below_a_handler_is_named_once_on_each_branch_with_what_to_do() {
        let below = |name: &str| {
            vec![
                process(2, 1, name, Disposition::Caught),
                process(3, 2, "sh", Disposition::Default),
                process(4, 3, "server", Disposition::Caught),
                process(5, 4, "worker", Disposition::Caught),
                process(6, 2, "other", Disposition::Caught),
                process(7, 2, "cat", Disposition::Default),
                // A copy, as a prefork server has them.
                process(8, 2, name, Disposition::Caught),
            ]
        };
        let said = |top: Top, name: &str| {
            explained(top, root("adieu", Disposition::Blocked), below(name)).verdict()
        };
        assert_eq!(
            said(adieu(), "manager"),
            "On SIGTERM adieu would wait for manager (2). Below manager (2), server (4) and other \
             (6) handle SIGTERM too, and adieu would leave them to it: if manager does not pass it \
             on, write --wrapper manager or --deliver group."
        );
        assert!(said(adieu(), "server").contains("Below server (2), other (6) handles"));
        let hint = |name: &str| {
            let said = said(adieu(), name);
            said.rsplit("leave them to it: ").next().unwrap_or_default().to_owned()
        };
        assert_eq!(
            hint("supervisord"),
            "supervisord stops what it runs by rules of its own configuration."
        );
        for name in ["python3.11", "node", "ruby", "perl", "php"] {
            assert_eq!(
                hint(name),
                format!(
                    "if {name} does not pass it on, write --wrapper with the name of its script, \
                     or --deliver group."
                )
            );
        }
        assert_eq!(hint("java"), "if java does not pass it on, write --deliver group.");
        // Those of its group get it then.
        let group = adieu_with(|settings| settings.deliver = Deliver::Group);
        assert_eq!(said(group, "manager"), "On SIGTERM adieu would wait for manager (2).");
    }

    #[test]
    fn why_a_signal_that_adieu_was_started_ignoring_begins_no_stop() {
        let below = || vec![process(2, 1, "server", Disposition::Default)];
        let mut job = root("adieu", Disposition::Blocked);
        job.ignored = SignalSet::from_iter([Signal::INT, Signal::QUIT]);
        let said = explained_beside("INT", adieu(), job, below()).verdict();
        assert!(
            said.starts_with("adieu (1) was started with SIGINT ignored, as a shell"),
            "{said}"
        );
        assert!(said.contains("it begins no stop. Nothing here handles SIGINT"), "{said}");
        let said = explained_beside("INT", adieu(), root("adieu", Disposition::Blocked), below())
            .verdict();
        assert_eq!(said, "Nothing here handles SIGINT: the container would stop at once.");
    }

    #[test]
    fn where_another_signal_is_sent_that_is_the_one_that_nobody_handles() {
        let rewrites =
            |from: Signal, to: Signal| adieu_with(|settings| settings.rewrites.add(from, Some(to)));
        let below = || vec![process(2, 1, "server", Disposition::Default)];
        let quit = rewrites(Signal::TERM, Signal::QUIT);
        assert_eq!(
            explained(quit, root("adieu", Disposition::Blocked), below()).verdict(),
            "SIGQUIT is sent in place of SIGTERM. Nothing here handles SIGQUIT: the container \
             would stop at once."
        );
        let winch = rewrites(Signal::TERM, Signal::WINCH);
        let winch = explained(winch, root("adieu", Disposition::Blocked), below());
        let judgement = winch.judgement();
        assert_eq!(judgement.outcome, Outcome::Ignores(Vec::new()));
        assert!(judgement.text.ends_with("the stop would last until SIGKILL."));
        let usr2 = rewrites("USR1".parse().expect("one"), "USR2".parse().expect("one"));
        let usr2 =
            explained_beside("USR1", usr2, root("adieu", Disposition::Blocked), below()).verdict();
        assert!(usr2.contains("in place of SIGUSR1. Nothing here handles SIGUSR2: it"), "{usr2}");
    }

    #[test]
    fn of_a_signal_that_nobody_can_handle_no_process_is_said_to_get_it() {
        for signal in ["STOP", "KILL"] {
            let top = root("adieu", Disposition::Default);
            let explained = explained_beside(signal, adieu(), top, pipeline());
            assert!(!explained.has_roles(), "{signal}");
            let lines = explained.to_text(false);
            assert!(!lines.contains("gets it") && !lines.contains("WHAT WOULD"), "{lines}");
        }
    }

    #[test]
    fn what_may_not_be_read_is_no_answer() {
        let below = vec![process(2, 1, "server", Disposition::Hidden)];
        let hidden = explained(adieu(), root("adieu", Disposition::Blocked), below.clone());
        assert_eq!(hidden.judgement().outcome, Outcome::Unreadable);
        let seen = [below, vec![process(3, 1, "java", Disposition::Caught)]].concat();
        let seen = explained(adieu(), root("adieu", Disposition::Blocked), seen);
        assert!(matches!(seen.judgement().outcome, Outcome::Waits(whom) if whom.len() == 1));
    }
}
