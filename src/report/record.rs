//! A finished stop as text: the report (JSON), and a few lines for `kubectl describe pod`.

use crate::cli::settings::Settings;
use crate::decide::role::Reason;
use crate::decide::terms::{Deliver, Terms};
use crate::decide::{Cause, Time};
use crate::exit::End;
use crate::report::journal::Journal;
use crate::report::json::Json;
use crate::report::words::{reason, role, shown};
use crate::signal::Signal;
use std::fmt::Write as _;
use std::time::Duration;

/// The version of the report's form, raised whenever a reader of the old one would misread the new
/// one.
const SCHEMA: i32 = 1;

/// How the whole of it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub now: Time,
    pub main: i32,
    pub main_end: Option<End>,
    pub exit_status: u8,
}

/// What was waited for and what was killed, in a few lines.
pub(crate) fn message(journal: &Journal, outcome: Outcome) -> String {
    let whole = outcome.now.saturating_sub(journal.began);
    let mut text = format!(
        "adieu: stopped by {} in {}, exit status {}\n",
        journal.signal,
        shown(whole),
        outcome.exit_status
    );
    if let Some(at) = journal.timed_out {
        let _ = writeln!(text, "timeout after {}", shown(at.saturating_sub(journal.began)));
    }
    // The killed first: there may not be room for all.
    let (killed, others): (Vec<_>, Vec<_>) =
        journal.records.iter().partition(|record| record.killed.is_some());
    for record in killed
        .into_iter()
        .chain(others.into_iter().filter(|record| record.reason == Reason::Handles))
    {
        let ended = record.ended.map_or(outcome.now, |(at, _)| at).saturating_sub(journal.began);
        let name = format!("{} ({})", record.who.name, record.who.id.pid);
        let _ = match record.killed {
            Some(_) => {
                writeln!(text, "killed: {name}, {}, after {}", role(record.who.role), shown(ended))
            }
            None => writeln!(text, "waited for: {name}, {} after {}", record.how(), shown(ended)),
        };
    }
    text
}

/// The report; `docs/report.schema.json` describes it.
pub(crate) fn to_json(
    journal: &Journal,
    settings: &Settings,
    terms: &Terms,
    outcome: Outcome,
) -> Json {
    let since = |at: Time| milliseconds(at.saturating_sub(journal.began));
    let cause = match journal.cause {
        Cause::Signal(arrived) => vec![
            ("arrived", name(arrived)),
            ("delivered", name(journal.signal)),
            ("kind", "signal".into()),
            ("sender", journal.sender.into()),
        ],
        Cause::MainEnded(end) => vec![
            ("delivered", name(journal.signal)),
            ("ended", ending(Some(end))),
            ("kind", "main process ended".into()),
        ],
    };
    let processes = journal.records.iter().map(|record| {
        let mut fields = vec![
            ("ended", ending(record.ended.and_then(|(_, end)| end))),
            ("ended_ms", record.ended.map(|(at, _)| since(at)).into()),
            ("killed_ms", record.killed.map(since).into()),
            ("name", record.who.name.as_str().into()),
            ("pid", record.who.id.pid.into()),
            ("reason", reason(record.reason).into()),
            ("role", role(record.who.role).into()),
            ("signal", record.signal.map(name).into()),
            ("told_ms", record.who.signalled.map(since).into()),
        ];
        if settings.show_args {
            fields.insert(0, ("command", record.who.arguments.as_str().into()));
        }
        Json::Object(fields)
    });
    let all_signals = || (1..=64).filter_map(Signal::from_number);
    let rewrites = all_signals().filter_map(|from| {
        let to = settings.rewrites.apply(from);
        let text = to.map_or("0".to_owned(), |to| to.to_string());
        (to != Some(from)).then(|| format!("{from}={text}").into())
    });
    let deliver = match settings.deliver {
        Deliver::Programs => "programs",
        Deliver::Group => "group",
        Deliver::Child => "child",
    };
    let used = vec![
        ("deliver", deliver.into()),
        ("epilogue_ms", milliseconds(settings.epilogue)),
        ("linger", settings.linger.into()),
        ("pid1", terms.is_init.into()),
        ("rewrites", rewrites.collect()),
        (
            "stop_on",
            all_signals().filter(|signal| settings.stop_on.has(*signal)).map(name).collect(),
        ),
        ("timeout_ms", settings.timeout.map(milliseconds).into()),
    ];
    let phases = journal.phases.iter();
    let phases = phases
        .map(|(name, at)| Json::Object(vec![("began_ms", since(*at)), ("name", (*name).into())]));
    let repeats = journal.repeats.iter();
    let repeats = repeats
        .map(|(signal, at)| Json::Object(vec![("at_ms", since(*at)), ("signal", name(*signal))]));
    let main = vec![("ended", ending(outcome.main_end)), ("pid", outcome.main.into())];
    Json::Object(vec![
        ("adieu", env!("CARGO_PKG_VERSION").into()),
        ("blind", journal.blind.into()),
        ("cause", Json::Object(cause)),
        ("duration_ms", since(outcome.now)),
        ("exit_status", i32::from(outcome.exit_status).into()),
        ("main", Json::Object(main)),
        ("phases", phases.collect()),
        ("processes", processes.collect()),
        ("processes_omitted", journal.omitted().into()),
        ("repeats", repeats.collect()),
        ("schema", SCHEMA.into()),
        ("settings", Json::Object(used)),
        ("timed_out_ms", journal.timed_out.map(since).into()),
    ])
}

fn milliseconds(time: Duration) -> Json {
    Json::Number(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn ending(end: Option<End>) -> Json {
    match end {
        None => Json::Null,
        Some(End::Exited(code)) => Json::Object(vec![("exit_status", i32::from(code).into())]),
        Some(End::Signaled(signal)) => Json::Object(vec![("signal", name(signal))]),
    }
}

fn name(signal: Signal) -> Json {
    signal.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::journal::tests::journal;

    #[test]
    fn the_message_says_what_was_waited_for_and_what_was_killed() {
        let outcome = Outcome {
            now: Duration::from_secs(1),
            main: 2,
            main_end: Some(End::Exited(0)),
            exit_status: 0,
        };
        assert_eq!(
            message(&journal(), outcome),
            "adieu: stopped by SIGTERM in 1.00 s, exit status 0\n\
             timeout after 1.00 s\n\
             killed: hung (14), owner, after 1.00 s\n\
             waited for: server (12), exited 0 after 500 ms\n"
        );
    }
}
