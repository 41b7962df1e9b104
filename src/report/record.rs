//! A finished stop as text: the report (JSON), and a few lines for `kubectl describe pod`.

use crate::cli::settings::Settings;
use crate::decide::role::Role;
use crate::decide::terms::{Deliver, Terms};
use crate::decide::{Cause, Time};
use crate::exit::End;
use crate::report::journal::{Journal, Record};
use crate::report::words::{duration, reason, role, stage};
use crate::signal::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// The version of the report's form. It is raised whenever a reader of the old form would misread
/// the new one.
const SCHEMA: i32 = 2;

/// How the stop ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub now: Time,
    pub main: i32,
    pub main_end: Option<End>,
    pub exit_status: u8,
}

/// The termination log: what adieu waited for and what it killed, in a few lines.
pub(crate) fn message(journal: &Journal, outcome: Outcome) -> String {
    let whole = outcome.now.saturating_sub(journal.began);
    let (took, status) = (duration(whole), outcome.exit_status);
    let mut text = match journal.cause {
        Cause::Signal(_) => {
            format!("adieu: stopped by {} in {took}, exit status {status}\n", journal.signal)
        }
        Cause::MainEnded(end) => format!(
            "adieu: the main process {end}; what it left behind ended in {took}, exit status \
             {status}\n"
        ),
    };
    if let Some(at) = journal.timed_out {
        let _ = writeln!(text, "timeout after {}", duration(at.saturating_sub(journal.began)));
    }
    // The killed come first: there may not be room for all.
    let (killed, others): (Vec<_>, Vec<_>) =
        journal.records.iter().partition(|record| record.killed.is_some());
    for record in killed.into_iter().chain(others.into_iter().filter(|record| was_awaited(record)))
    {
        let ended = record.ended.map_or(outcome.now, |(at, _)| at).saturating_sub(journal.began);
        let name = format!("{} ({})", record.who.name, record.who.id.pid);
        let _ = match record.killed {
            Some(_) => {
                writeln!(
                    text,
                    "killed: {name}, {}, after {}",
                    role(record.who.role),
                    duration(ended)
                )
            }
            None => {
                writeln!(text, "waited for: {name}, {} after {}", record.how(), duration(ended))
            }
        };
    }
    text
}

/// adieu waited for it: it got the signal as a handler.
fn was_awaited(record: &Record) -> bool {
    record.who.role == Role::Handler && record.signal.is_some()
}

/// The report; `docs/report.schema.json` describes it.
pub(crate) fn to_json(
    journal: &Journal,
    settings: &Settings,
    terms: &Terms,
    outcome: Outcome,
) -> Value {
    let since = |at: Time| milliseconds(at.saturating_sub(journal.began));
    let cause = match journal.cause {
        Cause::Signal(arrived) => json!({
            "kind": "signal",
            "arrived": name(arrived),
            "delivered": name(journal.signal),
            "sender": journal.sender,
        }),
        Cause::MainEnded(end) => json!({
            "kind": "main process ended",
            "delivered": name(journal.signal),
            "ended": ending(Some(end)),
        }),
    };
    let processes = journal.records.iter().map(|record| {
        let mut fields = json!({
            "pid": record.who.id.pid,
            "name": record.who.name,
            "role": role(record.who.role),
            "reason": reason(&record.who, record.reason),
            "signal": record.signal.map(name),
            "signalled_ms": record.who.signalled.map(since),
            "killed_ms": record.killed.map(since),
            "ended_ms": record.ended.map(|(at, _)| since(at)),
            "ended": ending(record.ended.and_then(|(_, end)| end)),
        });
        if let (true, Value::Object(fields)) = (settings.show_args, &mut fields) {
            fields.insert("command".to_owned(), record.who.arguments.as_str().into());
        }
        fields
    });
    let stages =
        journal.stages.iter().map(|(it, at)| json!({ "name": stage(*it), "began_ms": since(*at) }));
    let repeats = journal
        .repeats
        .iter()
        .map(|(signal, at)| json!({ "signal": name(*signal), "at_ms": since(*at) }));
    json!({
        "schema": SCHEMA,
        "adieu": env!("CARGO_PKG_VERSION"),
        "cause": cause,
        "duration_ms": since(outcome.now),
        "timed_out_ms": journal.timed_out.map(since),
        "proc_unreadable": journal.proc_unreadable,
        "exit_status": outcome.exit_status,
        "main": { "pid": outcome.main, "ended": ending(outcome.main_end) },
        "settings": used(settings, terms),
        "stages": stages.collect::<Value>(),
        "repeats": repeats.collect::<Value>(),
        "processes": processes.collect::<Value>(),
        "processes_omitted": journal.omitted(),
    })
}

/// The settings that the stop went by.
fn used(settings: &Settings, terms: &Terms) -> Value {
    let all_signals = || (1..=64).filter_map(Signal::from_number);
    let rewrites = all_signals().filter_map(|from| {
        let to = settings.rewrites.apply(from);
        let text = to.map_or("0".to_owned(), |to| to.to_string());
        (to != Some(from)).then(|| format!("{from}={text}"))
    });
    let stop_on = all_signals().filter(|signal| settings.stop_on.has(*signal)).map(name);
    let deliver = match settings.deliver {
        Deliver::Programs => "programs",
        Deliver::Group => "group",
        Deliver::Child => "child",
    };
    json!({
        "timeout_ms": settings.timeout.map(milliseconds),
        "epilogue_ms": milliseconds(settings.epilogue),
        "deliver": deliver,
        "stop_on": stop_on.collect::<Value>(),
        "rewrites": rewrites.collect::<Value>(),
        "linger": settings.linger,
        "pid1": terms.is_init,
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn ending(end: Option<End>) -> Value {
    match end {
        None => Value::Null,
        Some(End::Exited(code)) => json!({ "exit_status": code }),
        Some(End::Signaled(signal)) => json!({ "signal": name(signal) }),
    }
}

fn name(signal: Signal) -> String {
    signal.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::terms::tests::terms;
    use crate::report::journal::tests::journal;

    fn outcome() -> Outcome {
        Outcome {
            now: Duration::from_secs(1),
            main: 2,
            main_end: Some(End::Exited(0)),
            exit_status: 0,
        }
    }

    #[test]
    fn the_report_names_stages_and_roles_by_the_words_of_the_log() {
        let settings = crate::cli::settings::resolve(&crate::cli::Typed::default(), |_| None);
        let report = to_json(&journal(), &settings.expect("defaults"), &terms(|_| ()), outcome());
        let stages = json!([
            { "name": "handlers", "began_ms": 0 },
            { "name": "timeout", "began_ms": 1_000 },
        ]);
        assert_eq!(report["stages"], stages);
        let hung = json!({
            "pid": 14,
            "name": "hung",
            "role": "handler",
            "reason": "handles the signal",
            "signal": "SIGTERM",
            "signalled_ms": 0,
            "killed_ms": 1_000,
            "ended_ms": 1_000,
            "ended": { "signal": "SIGKILL" },
        });
        assert_eq!(report["processes"][1], hung);
    }

    #[test]
    fn the_message_says_what_was_waited_for_and_what_was_killed() {
        assert_eq!(
            message(&journal(), outcome()),
            "adieu: stopped by SIGTERM in 1.00 s, exit status 0\n\
             timeout after 1.00 s\n\
             killed: hung (14), handler, after 1.00 s\n\
             waited for: server (12), exited 0 after 500 ms\n"
        );
        let mut left = journal();
        left.cause = Cause::MainEnded(End::Exited(3));
        assert!(message(&left, Outcome { exit_status: 3, ..outcome() }).starts_with(
            "adieu: the main process exited with 3; what it left behind ended in 1.00 s, exit \
                 status 3\n"
        ));
    }
}
