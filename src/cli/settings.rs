//! What the options and the environment mean. Pure: every usage error is found here, before
//! anything is started.

use crate::cli::Typed;
use crate::decide::terms::{Deliver, Terms};
use crate::error::Error;
use crate::exit::OkExits;
use crate::programs::{self, Wrappers};
use crate::signal::{Rewrites, Signal, SignalSet};
use signal_hook::consts::TERM_SIGNALS;
use std::ffi::OsString;
use std::time::Duration;

/// How much adieu says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only the error that keeps it from starting.
    Quiet,
    /// What an operator has to know.
    #[default]
    Warnings,
    /// The stop as it happens.
    Verbose,
}

/// Everything that can be set, with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From the stop signal to SIGKILL; `None`: the platform's own deadline is the limit.
    pub timeout: Option<Duration>,
    /// How long a script may go on after its last handler has ended.
    pub epilogue: Duration,
    /// No epilogue was asked for.
    pub default_epilogue: bool,
    /// The shell and its options, at least one word.
    pub shell: Vec<OsString>,
    /// Whether `shell` is the default `/bin/sh -c`.
    pub default_shell: bool,
    /// Which signal is sent in place of one that arrives.
    pub rewrites: Rewrites,
    /// Who gets a signal.
    pub deliver: Deliver,
    /// The programs that only wait for their child, beside those that adieu knows.
    pub wrappers: Wrappers,
    /// The signals that begin the stop.
    pub stop_on: SignalSet,
    /// Go on until the last process is gone.
    pub linger: bool,
    /// Exit statuses that become 0.
    pub ok_exits: OkExits,
    /// The signal that adieu gets when its parent dies.
    pub parent_death: Option<Signal>,
    /// How much adieu says.
    pub verbosity: Verbosity,
    /// The file for the report of a finished stop; `-` is stderr.
    pub report: Option<Destination>,
    /// The file to which a short summary is appended.
    pub termination_log: Option<Destination>,
    /// Reports and logs show whole command lines.
    pub show_args: bool,
    /// What is right as it is written, but cannot do what its user wants: a sentence each.
    pub doubts: Vec<String>,
}

/// A file to be written, and the option or variable that names it, for warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `--report`, or `ADIEU_REPORT`.
    pub option: &'static str,
    /// The path as it was typed.
    pub path: OsString,
}

/// Every variable by which adieu is set.
pub const VARIABLES: [&str; 13] = [
    "ADIEU_TIMEOUT",
    "ADIEU_EPILOGUE",
    "ADIEU_SHELL",
    "ADIEU_REWRITE",
    "ADIEU_DELIVER",
    "ADIEU_WRAPPERS",
    "ADIEU_STOP_ON",
    "ADIEU_LINGER",
    "ADIEU_OK_EXIT",
    "ADIEU_REPORT",
    "ADIEU_TERMINATION_LOG",
    "ADIEU_SHOW_ARGS",
    "ADIEU_LOG",
];
/// Variables of `adieu-runtime` that may be in the environment of a container.
const OF_THE_RUNTIME: [&str; 4] =
    ["ADIEU_INJECT", "ADIEU_RUNTIME", "ADIEU_BINARY", "ADIEU_RUNTIME_DEPTH"];

/// A sentence for each variable of the environment (entries `NAME=value`) that begins like one of
/// adieu's and is none: most likely one is misspelt, and its value has no effect.
pub fn unknown_variables<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let names = entries.filter_map(|entry| {
        let name = entry.split(|byte| *byte == b'=').next()?;
        name.starts_with(b"ADIEU_").then(|| String::from_utf8_lossy(name))
    });
    let is_known = |name: &str| VARIABLES.iter().chain(&OF_THE_RUNTIME).any(|known| *known == name);
    names
        .filter(|name| !is_known(name))
        .map(|name| {
            let guess = match name.strip_prefix("ADIEU_").unwrap_or_default() {
                "QUIET" => "; write ADIEU_LOG=quiet".to_owned(),
                "VERBOSE" | "DEBUG" => "; write ADIEU_LOG=verbose".to_owned(),
                own => match nearest_variable(own) {
                    Some(nearest) => format!("; did you mean {nearest}?"),
                    None => String::new(),
                },
            };
            format!("adieu has no variable {name}{guess} (adieu --help)")
        })
        .collect()
}

/// The variable that was most likely meant, if one is really near: it has at most one letter in
/// four wrong, or a word less or more. `own` is a name without `ADIEU_`.
fn nearest_variable(own: &str) -> Option<&'static str> {
    let begins_with = |long: &str, short: &str| {
        !short.is_empty() && long.strip_prefix(short).is_some_and(|rest| rest.starts_with('_'))
    };
    let candidates = VARIABLES.into_iter().filter_map(|known| {
        let of_known = known.strip_prefix("ADIEU_").unwrap_or_default();
        let wrong = strsim::osa_distance(of_known, own);
        let is_near =
            wrong <= of_known.len() / 4 || begins_with(own, of_known) || begins_with(of_known, own);
        is_near.then_some((wrong, known))
    });
    candidates.min().map(|(_, known)| known)
}

impl Settings {
    /// The terms of a stop: the settings that decide it, with what was found at the start. `main`
    /// is the pid of the main process, `ignored` which of HUP, INT and QUIT adieu was started
    /// ignoring.
    pub fn terms(&self, main: i32, is_init: bool, can_suspend: bool, ignored: SignalSet) -> Terms {
        Terms {
            timeout: self.timeout,
            epilogue: self.epilogue,
            next_server_ends_epilogue: self.default_epilogue,
            deliver: self.deliver,
            linger: self.linger,
            stop_on: self.stop_on,
            rewrites: self.rewrites.clone(),
            is_init,
            can_suspend,
            main,
            inherited_ignored: ignored,
        }
    }
}

/// A value with the place that it was read from, for errors.
struct Source {
    name: &'static str,
    value: OsString,
}

impl Source {
    fn destination(self) -> Destination {
        Destination { option: self.name, path: self.value }
    }

    fn text(&self) -> Result<&str, Error> {
        self.value.to_str().ok_or_else(|| self.refuse("it is no UTF-8", ""))
    }

    /// `--timeout '5 parsecs': unknown time unit …; write for example '30s'`
    fn refuse(&self, why: impl std::fmt::Display, example: &str) -> Error {
        let Self { name, value } = self;
        let value = value.to_string_lossy();
        let hint = if example.is_empty() {
            String::new()
        } else {
            format!("; write for example {example}")
        };
        Error::Usage(format!("{name} '{value}': {why}{hint}"))
    }
}

/// Where Kubernetes looks for a container's last words.
pub(super) const TERMINATION_LOG: &str = "/dev/termination-log";

/// What was typed and, where an option is missing, its environment variable, as settings.
///
/// `env` looks up a variable. An empty variable counts as unset.
///
/// # Errors
/// [`Error::Usage`], naming the option or variable, the offending text and an example of a right
/// one.
pub fn resolve(typed: &Typed, env: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Error> {
    let variable = |name: &'static str| {
        env(name).filter(|value| !value.is_empty()).map(|value| Source { name, value })
    };
    let pick = |name: &'static str, value: &Option<OsString>, of_env: &'static str| {
        value.clone().map(|value| Source { name, value }).or_else(|| variable(of_env))
    };
    let each = |name: &'static str, values: &[OsString], of_env: &'static str| {
        let typed = values.iter().map(|value| Source { name, value: value.clone() });
        let typed: Vec<Source> = typed.collect();
        if typed.is_empty() { variable(of_env).into_iter().collect() } else { typed }
    };
    let is_on = |typed: bool, name: &'static str| match variable(name) {
        Some(source) if !typed => on_or_off(&source),
        _ => Ok(typed),
    };

    let mut doubts = Vec::new();
    let timeout = match pick("--timeout", &typed.timeout, "ADIEU_TIMEOUT") {
        Some(source) if source.value == "none" => None,
        Some(source) => Some(timeout(&source, &mut doubts)?),
        None => None,
    };
    let (epilogue, default_epilogue) = match pick("--epilogue", &typed.epilogue, "ADIEU_EPILOGUE") {
        Some(source) => (duration(&source, "'5s' or '500ms'", &mut doubts)?, false),
        None => (Duration::from_secs(5), true),
    };
    let (shell, default_shell) = match pick("--shell", &typed.shell, "ADIEU_SHELL") {
        Some(source) => (shell_words(&source)?, false),
        None => (vec![OsString::from("/bin/sh"), OsString::from("-c")], true),
    };
    let deliver = match pick("--deliver", &typed.deliver, "ADIEU_DELIVER") {
        None => Deliver::default(),
        Some(source) => match source.text()? {
            "programs" => Deliver::Programs,
            "group" => Deliver::Group,
            "child" => Deliver::Child,
            _ => return Err(source.refuse("unknown", "'programs', 'group' or 'child'")),
        },
    };
    let wrapper = each("--wrapper", &typed.wrapper, "ADIEU_WRAPPERS");
    let wrappers = wrappers(&wrapper, &mut doubts)?;
    let stop_on = match each("--stop-on", &typed.stop_on, "ADIEU_STOP_ON") {
        sources if sources.is_empty() => default_stop_signals(),
        sources => stop_signals(&sources)?,
    };
    let rewrite = each("--rewrite", &typed.rewrite, "ADIEU_REWRITE");
    let rewrites = rewrites(&rewrite, stop_on, &mut doubts)?;
    let ok_exits = ok_exits(&each("--ok-exit", &typed.ok_exit, "ADIEU_OK_EXIT"))?;
    let parent_death = match &typed.parent_death {
        Some(value) => {
            let source = Source { name: "--parent-death", value: value.clone() };
            Some(signal(&source, source.text()?, "'TERM' or '15'")?)
        }
        None => None,
    };
    let verbosity = match variable("ADIEU_LOG") {
        _ if typed.quiet => Verbosity::Quiet,
        _ if typed.verbose => Verbosity::Verbose,
        None => Verbosity::default(),
        Some(source) => match source.text()? {
            "quiet" => Verbosity::Quiet,
            "warnings" => Verbosity::Warnings,
            "verbose" => Verbosity::Verbose,
            _ => return Err(source.refuse("unknown", "'quiet', 'warnings' or 'verbose'")),
        },
    };
    let termination_log =
        pick("--termination-log", &typed.termination_log, "ADIEU_TERMINATION_LOG");
    Ok(Settings {
        timeout,
        epilogue,
        default_epilogue,
        shell,
        default_shell,
        rewrites,
        deliver,
        wrappers,
        stop_on,
        linger: is_on(typed.linger, "ADIEU_LINGER")?,
        ok_exits,
        parent_death,
        verbosity,
        report: pick("--report", &typed.report, "ADIEU_REPORT").map(Source::destination),
        termination_log: termination_log.and_then(file_of_termination_log),
        show_args: is_on(typed.show_args, "ADIEU_SHOW_ARGS")?,
        doubts,
    })
}

/// What switches an option without a value on or off by its variable.
fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" | "yes" | "on" => Some(true),
        "0" | "false" | "False" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn on_or_off(source: &Source) -> Result<bool, Error> {
    switch(source.text()?).ok_or_else(|| source.refuse("unknown", "'1' or '0'"))
}

/// The option has its default by now where it names no file; the variable says so by a switch.
fn file_of_termination_log(source: Source) -> Option<Destination> {
    let by_variable = source.name.starts_with("ADIEU_");
    match source.value.to_str().and_then(switch).filter(|_| by_variable) {
        Some(true) => Some(Destination { option: source.name, path: TERMINATION_LOG.into() }),
        Some(false) => None,
        None => Some(source.destination()),
    }
}

/// TERM, INT and QUIT: the signals by which users and platforms ask a program to end.
fn default_stop_signals() -> SignalSet {
    TERM_SIGNALS.iter().filter_map(|number| Signal::from_number(*number)).collect()
}

/// A timeout; one of no length is noted as a doubt.
fn timeout(source: &Source, doubts: &mut Vec<String>) -> Result<Duration, Error> {
    let time = duration(source, "'30s', '1m 30s' or 'none'", doubts)?;
    if time.is_zero() {
        doubts.push(format!(
            "{} '{}': a stop kills every process at once, so none may finish; for no timeout \
             write none",
            source.name,
            source.text()?
        ));
    }
    Ok(time)
}

fn duration(source: &Source, example: &str, doubts: &mut Vec<String>) -> Result<Duration, Error> {
    let text = source.text()?;
    let time = humantime::parse_duration(text).map_err(|e| {
        let (why, better) = what_is_wrong_with(text, &e);
        // An example that is itself refused would help nobody.
        let better = better.filter(|it| humantime::parse_duration(it).is_ok());
        source.refuse(why, better.map(|it| format!("'{it}'")).as_deref().unwrap_or(example))
    })?;
    if text.contains('M') {
        let minutes = text.to_lowercase();
        doubts
            .push(format!("{} '{text}': M means months; for minutes write {minutes}", source.name));
    }
    Ok(time)
}

/// Why this is no duration, and what may have been meant.
fn what_is_wrong_with(text: &str, error: &humantime::DurationError) -> (String, Option<String>) {
    use humantime::DurationError::{
        Empty, InvalidCharacter, NumberExpected, NumberOverflow, UnknownUnit,
    };
    let from = |at: usize| text.get(at..).unwrap_or_default();
    if let Some(positive) = text.trim_start().strip_prefix('-') {
        return ("a time cannot be negative".to_owned(), Some(positive.to_owned()));
    }
    match error {
        Empty => ("it is empty".to_owned(), None),
        UnknownUnit { unit, .. } if unit.is_empty() => {
            ("it has no unit".to_owned(), Some(format!("{}s", text.trim_end())))
        }
        UnknownUnit { unit, .. } => {
            let why = format!("'{unit}' is no unit of time; there are ms, s, m, h and days");
            (why, Some(text.to_lowercase()))
        }
        NumberExpected(at) => (format!("'{}' does not begin with a number", from(*at)), None),
        InvalidCharacter(at) => {
            let rest = from(*at);
            let why = format!("'{rest}' is neither a number nor a unit");
            (why, rest.starts_with(',').then(|| text.replace(',', ".")))
        }
        NumberOverflow => ("its number is too large, or has too many digits".to_owned(), None),
    }
}

/// The entries of a list with commas, without blanks around them.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// The wrappers of all sources; a shell is noted as a doubt.
fn wrappers(sources: &[Source], doubts: &mut Vec<String>) -> Result<Wrappers, Error> {
    let mut names = Vec::new();
    for source in sources {
        for name in entries(source.text()?) {
            let base = name.rsplit('/').next().unwrap_or_default();
            let example = if base.is_empty() { "'su' or 'su,task'" } else { &format!("'{base}'") };
            match name {
                "" => return Err(source.refuse("a program's name is empty", example)),
                _ if name != base => {
                    let why = "a wrapper is named without its directory";
                    return Err(source.refuse(why, example));
                }
                _ => names.push(name.to_owned()),
            }
            if programs::is_always_a_shell(name) {
                doubts.push(format!(
                    "{} '{name}': it has no effect, since {name} stays a shell, which is shielded \
                     unless it has a trap; leave it out",
                    source.name
                ));
            }
        }
    }
    Ok(Wrappers(names))
}

fn ok_exits(sources: &[Source]) -> Result<OkExits, Error> {
    let mut codes = OkExits::default();
    for source in sources {
        for code in entries(source.text()?) {
            let code = code.parse();
            let why = "an exit status is 0 to 255";
            codes.0.push(code.map_err(|_| source.refuse(why, "'143' or '7,143'"))?);
        }
    }
    Ok(codes)
}

fn shell_words(source: &Source) -> Result<Vec<OsString>, Error> {
    let example = "'bash -eo pipefail -c'";
    let words = shell_words::split(source.text()?).map_err(|e| source.refuse(e, example))?;
    if words.is_empty() {
        return Err(source.refuse("it names no program", example));
    }
    if takes_a_script(&words) {
        let hint = format!("'{} -c'", source.text()?.trim_end());
        return Err(
            source.refuse("without -c this shell takes the string for a script's name", &hint)
        );
    }
    Ok(words.into_iter().map(OsString::from).collect())
}

/// Whether these are a shell and its options, without `-c` or a script that would be given the
/// string.
fn takes_a_script(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str);
    let mut first = words.next().unwrap_or_default();
    if first.rsplit('/').next() == Some("busybox") {
        first = words.next().unwrap_or_default();
    }
    while let Some(word) = words.next() {
        match word.strip_prefix(['-', '+']) {
            // An operand, or a long option: `--command`, `--rcfile FILE`.
            None => return false,
            Some(letters) if letters.starts_with('-') || letters.contains('c') => return false,
            Some(letters) if letters.ends_with('o') => {
                words.next();
            }
            Some(_) => {}
        }
    }
    programs::takes_a_script(first.rsplit('/').next().unwrap_or_default())
}

fn signal(source: &Source, text: &str, example: &str) -> Result<Signal, Error> {
    text.parse().map_err(|e| source.refuse(e, example))
}

/// The rewrites of all sources; one that cannot do what its user wants is noted as a doubt.
fn rewrites(
    sources: &[Source],
    stop_on: SignalSet,
    doubts: &mut Vec<String>,
) -> Result<Rewrites, Error> {
    let mut rewrites = Rewrites::default();
    let mut seen = SignalSet::EMPTY;
    for source in sources {
        for text in entries(source.text()?) {
            let (from, to) = rewrite(source, text)?;
            let place = format!("{} '{text}'", source.name);
            if seen.has(from) {
                doubts.push(format!(
                    "{place}: {from} is rewritten a second time; only this one counts, so leave \
                     out the other"
                ));
            }
            seen = seen.with(from);
            rewrites.add(from, to);
            doubts.extend(to.filter(|_| stop_on.has(from)).and_then(|to| no_stop(&place, to)));
        }
    }
    Ok(rewrites)
}

/// What is wrong with a stop by this signal, if anything.
fn no_stop(place: &str, to: Signal) -> Option<String> {
    if to == Signal::KILL {
        Some(format!(
            "{place}: no program can handle {to}, so none may finish; write for example TERM=QUIT"
        ))
    } else if !to.ends_by_default() {
        Some(format!(
            "{place}: {to} ends no process that does not handle it, so a stop may last for ever; \
             set --timeout, or write for example TERM=QUIT"
        ))
    } else {
        None
    }
}

fn rewrite(source: &Source, text: &str) -> Result<(Signal, Option<Signal>), Error> {
    let example = "'TERM=QUIT', '15:3' or 'TERM=QUIT,HUP=0'";
    let (from, to) = text
        .split_once(['=', ':'])
        .ok_or_else(|| source.refuse("it has no '=' between two signals", example))?;
    let from = signal(source, from, example)?;
    if !from.can_be_caught() || from == Signal::CHLD {
        return Err(source.refuse(format!("{from} never arrives as a request"), example));
    }
    let to = if to == "0" { None } else { Some(signal(source, to, example)?) };
    Ok((from, to))
}

fn stop_signals(sources: &[Source]) -> Result<SignalSet, Error> {
    let example = "'TERM' or 'TERM,INT'";
    let mut set = SignalSet::EMPTY;
    for source in sources {
        for name in entries(source.text()?) {
            let signal = signal(source, name, example)?;
            if !signal.can_be_caught() {
                return Err(source.refuse(format!("no process can act on {signal}"), example));
            }
            if signal == Signal::CHLD {
                return Err(source.refuse("SIGCHLD arrives whenever a child ends", example));
            }
            set = set.with(signal);
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(change: impl FnOnce(&mut Typed)) -> Typed {
        let mut typed = Typed::default();
        change(&mut typed);
        typed
    }

    fn refusal(typed: &Typed, env: &[(&str, &str)]) -> String {
        match resolve(typed, lookup(env)) {
            Err(Error::Usage(text)) => text,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn lookup(env: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let env: Vec<(String, OsString)> =
            env.iter().map(|(k, v)| ((*k).to_owned(), v.into())).collect();
        move |name| env.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone())
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = resolve(&Typed::default(), |_| None).expect("defaults");
        assert_eq!(settings.timeout, None);
        assert_eq!(settings.epilogue, Duration::from_secs(5));
        assert_eq!(settings.shell, ["/bin/sh", "-c"]);
        assert!(settings.default_shell && !settings.linger);
        assert_eq!(
            settings.stop_on,
            SignalSet::from_iter([Signal::TERM, Signal::INT, Signal::QUIT])
        );
        assert_eq!(settings.deliver, Deliver::Programs);
        assert_eq!(settings.verbosity, Verbosity::Warnings);
    }

    #[test]
    fn an_option_wins_over_its_variable_and_an_empty_variable_is_unset() {
        let env = [("ADIEU_TIMEOUT", "5s"), ("ADIEU_EPILOGUE", ""), ("ADIEU_LOG", "verbose")];
        let from_env = resolve(&Typed::default(), lookup(&env)).expect("env");
        assert_eq!(from_env.timeout, Some(Duration::from_secs(5)));
        assert_eq!(from_env.epilogue, Duration::from_secs(5));
        assert_eq!(from_env.verbosity, Verbosity::Verbose);
        let both = typed(|t| t.timeout = Some("none".into()));
        assert_eq!(resolve(&both, lookup(&env)).expect("both").timeout, None);
        let quiet = typed(|t| t.quiet = true);
        assert_eq!(resolve(&quiet, lookup(&env)).expect("quiet").verbosity, Verbosity::Quiet);
    }

    #[test]
    fn every_variable_sets_its_option() {
        let env = [
            ("ADIEU_TIMEOUT", "1m 30s"),
            ("ADIEU_EPILOGUE", "0s"),
            ("ADIEU_SHELL", "bash -eo pipefail -c"),
            ("ADIEU_DELIVER", "child"),
            ("ADIEU_LOG", "quiet"),
            ("ADIEU_REWRITE", "INT=QUIT,HUP=0"),
            ("ADIEU_WRAPPERS", "honcho,run-all"),
            ("ADIEU_STOP_ON", "USR1,TERM"),
            ("ADIEU_LINGER", "1"),
            ("ADIEU_OK_EXIT", "7,143"),
            ("ADIEU_REPORT", "/r"),
            ("ADIEU_TERMINATION_LOG", "/t"),
            ("ADIEU_SHOW_ARGS", "true"),
        ];
        let mut named: Vec<_> = env.iter().map(|(name, _)| *name).collect();
        let mut all = VARIABLES;
        named.sort_unstable();
        all.sort_unstable();
        assert_eq!(named, all);
        let settings = resolve(&Typed::default(), lookup(&env)).expect("env");
        assert_eq!(settings.timeout, Some(Duration::from_secs(90)));
        assert_eq!(settings.epilogue, Duration::ZERO);
        assert_eq!(settings.shell, ["bash", "-eo", "pipefail", "-c"]);
        assert!(!settings.default_shell);
        assert_eq!(settings.deliver, Deliver::Child);
        assert_eq!(settings.verbosity, Verbosity::Quiet);
        let usr1 = "USR1".parse().expect("a signal");
        assert_eq!(settings.rewrites.apply(Signal::INT), Some(Signal::QUIT));
        assert_eq!(settings.rewrites.apply(Signal::HUP), None);
        assert_eq!(settings.wrappers, Wrappers(vec!["honcho".to_owned(), "run-all".to_owned()]));
        assert_eq!(settings.stop_on, SignalSet::from_iter([usr1, Signal::TERM]));
        assert_eq!(settings.ok_exits, OkExits(vec![7, 143]));
        assert!(settings.linger && settings.show_args);
        let destination =
            |option, path: &str| Some(Destination { option, path: OsString::from(path) });
        assert_eq!(settings.report, destination("ADIEU_REPORT", "/r"));
        assert_eq!(settings.termination_log, destination("ADIEU_TERMINATION_LOG", "/t"));
    }

    #[test]
    fn a_variable_of_an_option_without_a_value_is_a_switch() {
        let linger = |value: &str| resolve(&Typed::default(), lookup(&[("ADIEU_LINGER", value)]));
        for (value, on) in [("1", true), ("yes", true), ("0", false), ("off", false), ("", false)] {
            assert_eq!(linger(value).expect(value).linger, on, "{value}");
        }
        let text = linger("maybe").expect_err("no switch").to_string();
        assert_eq!(text, "ADIEU_LINGER 'maybe': unknown; write for example '1' or '0'");
        let log = |value: &str, typed: &Typed| {
            resolve(typed, lookup(&[("ADIEU_TERMINATION_LOG", value)])).expect("a path")
        };
        let path = |settings: Settings| settings.termination_log.map(|it| it.path);
        let by_variable = |value: &str| path(log(value, &Typed::default()));
        assert_eq!(by_variable("1"), Some(TERMINATION_LOG.into()));
        assert_eq!(by_variable("no"), None);
        assert_eq!(by_variable("/x"), Some("/x".into()));
        let both = typed(|t| t.termination_log = Some("1".into()));
        assert_eq!(path(log("/x", &both)), Some("1".into()), "a file of that name");
        let typed_wins = typed(|t| t.linger = true);
        assert!(resolve(&typed_wins, lookup(&[("ADIEU_LINGER", "0")])).expect("both").linger);
    }

    #[test]
    fn a_duration_that_is_wrong_is_answered_with_the_right_one() {
        for (text, why, example) in [
            ("-5s", "a time cannot be negative", "'5s'"),
            ("10S", "'S' is no unit of time; there are ms, s, m, h and days", "'10s'"),
            ("10 Sec", "'Sec' is no unit", "'10 sec'"),
            ("1m 30", "it has no unit", "'1m 30s'"),
            ("5", "it has no unit", "'5s'"),
            ("1,5s", "',5s' is neither a number nor a unit", "'1.5s'"),
            ("5 parsecs", "'parsecs' is no unit of time", "'30s', '1m 30s' or 'none'"),
            ("never", "'never' does not begin with a number", "'30s', '1m 30s' or 'none'"),
            ("5s and", "'and' does not begin with a number", "'30s', '1m 30s' or 'none'"),
            ("-", "a time cannot be negative", "'30s'"),
            ("", "it is empty", "'30s'"),
            ("99999999999999999999s", "its number is too large", "'30s'"),
        ] {
            let said = refusal(&typed(|t| t.timeout = Some(text.into())), &[]);
            let begin = format!("--timeout '{text}': {why}");
            assert!(said.starts_with(&begin), "{said:?} does not begin with {begin:?}");
            assert!(said.contains(&format!("write for example {example}")), "{said}");
            for foreign in ["expected number", "invalid character", "variations", "time unit"] {
                assert!(!said.contains(foreign), "{said}");
            }
        }
    }

    #[test]
    fn what_cannot_do_what_its_user_wants_is_noted() {
        let doubts = |typed: &Typed| resolve(typed, |_| None).expect("right").doubts;
        let rewrites = |texts: &[&str]| {
            doubts(&typed(|t| t.rewrite = texts.iter().map(OsString::from).collect()))
        };
        for (texts, parts) in [
            (&["TERM=INT", "TERM=QUIT"][..], &["'TERM=QUIT'", "SIGTERM is rewritten a second"][..]),
            (&["HUP=0,HUP=TERM"], &["'HUP=TERM'", "SIGHUP is rewritten a second time"]),
            (&["TERM=WINCH"], &["'TERM=WINCH'", "SIGWINCH ends no process", "TERM=QUIT"]),
            (&["INT=STOP"], &["'INT=STOP'", "SIGSTOP ends no process"]),
            (&["HUP=0,TERM=KILL"], &["'TERM=KILL'", "no program can handle SIGKILL"]),
        ] {
            let said = rewrites(texts);
            assert_eq!(said.len(), 1, "{said:?}");
            for part in parts {
                assert!(said[0].starts_with("--rewrite ") && said[0].contains(part), "{said:?}");
            }
        }
        for right in [&["TERM=QUIT,INT=QUIT"][..], &["HUP=WINCH"], &["TERM=0"], &["USR1=TERM"]] {
            assert_eq!(rewrites(right), [""; 0], "{right:?}");
        }
        let months = doubts(&typed(|t| t.timeout = Some("30M".into())));
        assert_eq!(months, ["--timeout '30M': M means months; for minutes write 30m"]);
        for zero in ["0", "0s", "0 ms"] {
            let said = doubts(&typed(|t| t.timeout = Some(zero.into())));
            let begin = format!("--timeout '{zero}': a stop kills every process at once");
            assert!(said.len() == 1 && said[0].starts_with(&begin), "{said:?}");
            assert!(said[0].ends_with("for no timeout write none"), "{said:?}");
        }
        assert_eq!(doubts(&typed(|t| t.epilogue = Some("0".into()))), [""; 0]);
        let wrappers = |text: &str| doubts(&typed(|t| t.wrapper = vec![text.into()]));
        let said = wrappers("bash,su,ksh");
        assert!(said.len() == 2 && said[0].starts_with("--wrapper 'bash': it has no"), "{said:?}");
        assert!(said[1].contains("ksh stays a shell"), "{said:?}");
        assert_eq!(wrappers("honcho,busybox"), [""; 0]);
    }

    #[test]
    fn a_variable_that_is_none_of_adieus_is_answered_with_the_nearest() {
        let said = |entries: &[&str]| unknown_variables(entries.iter().map(|e| e.as_bytes()));
        assert_eq!(
            said(&[
                "ADIEU_TIMOUT=5s",
                "PATH=/bin",
                "ADIEU=x",
                "ADIEU_TIMEOUT=5s",
                "ADIEU_INJECT=0"
            ]),
            ["adieu has no variable ADIEU_TIMOUT; did you mean ADIEU_TIMEOUT? (adieu --help)"]
        );
        for (misspelt, nearest) in [
            ("ADIEU_WRAPPER=x", "ADIEU_WRAPPERS?"),
            ("ADIEU_OK_EXITS=1", "ADIEU_OK_EXIT?"),
            ("ADIEU_STOPON=TERM", "ADIEU_STOP_ON?"),
            ("ADIEU_LOG_LEVEL=x", "ADIEU_LOG?"),
            ("ADIEU_EPILOG=1s", "ADIEU_EPILOGUE?"),
            ("ADIEU_STOP=TERM", "ADIEU_STOP_ON?"),
            ("ADIEU_REPORT_FILE=x", "ADIEU_REPORT?"),
            ("ADIEU_QUIET=1", "; write ADIEU_LOG=quiet ("),
            ("ADIEU_VERBOSE=1", "; write ADIEU_LOG=verbose ("),
        ] {
            let said = said(&[misspelt]);
            assert!(said[0].contains(nearest), "{said:?}");
        }
        for far_off in ["ADIEU_PORT", "ADIEU_GRACE", "ADIEU_HOME", "ADIEU_"] {
            let expected = format!("adieu has no variable {far_off} (adieu --help)");
            assert_eq!(said(&[&format!("{far_off}=1")]), [expected]);
        }
    }

    #[test]
    fn a_bad_value_is_refused_with_its_place_its_text_and_an_example() {
        let cases: [(Typed, &[&str]); 18] = [
            (typed(|t| t.wrapper = vec!["/usr/bin/su".into()]), &["--wrapper", "example 'su'"]),
            (typed(|t| t.wrapper = vec!["su,".into()]), &["--wrapper 'su,'", "empty", "'su,task'"]),
            (typed(|t| t.ok_exit = vec!["7;143".into()]), &["--ok-exit '7;143'", "'7,143'"]),
            (typed(|t| t.timeout = Some("5 parsecs".into())), &["--timeout", "5 parsecs", "'30s'"]),
            (
                typed(|t| t.timeout = Some("5".into())),
                &["--timeout '5'", "no unit", "example '5s'"],
            ),
            (typed(|t| t.epilogue = Some("none".into())), &["--epilogue 'none'", "'5s'"]),
            (
                typed(|t| t.rewrite = vec!["FOO=1".into()]),
                &["--rewrite 'FOO=1'", "'FOO' is no signal", "TERM=QUIT"],
            ),
            (typed(|t| t.rewrite = vec!["TERM".into()]), &["--rewrite 'TERM'", "TERM=QUIT"]),
            (
                typed(|t| t.rewrite = vec!["KILL=TERM".into()]),
                &["--rewrite 'KILL=TERM'", "SIGKILL"],
            ),
            (typed(|t| t.rewrite = vec!["TERM=00".into()]), &["--rewrite 'TERM=00'", "'00'"]),
            (
                typed(|t| t.stop_on = vec!["KILL".into()]),
                &["--stop-on 'KILL'", "SIGKILL", "'TERM'"],
            ),
            (typed(|t| t.stop_on = vec!["CHLD".into()]), &["--stop-on 'CHLD'", "child"]),
            (typed(|t| t.stop_on = vec!["TERM,".into()]), &["--stop-on 'TERM,'", "''"]),
            (typed(|t| t.ok_exit = vec!["256".into()]), &["--ok-exit '256'", "0 to 255", "'143'"]),
            (typed(|t| t.parent_death = Some("X".into())), &["--parent-death 'X'", "'TERM'"]),
            (typed(|t| t.deliver = Some("all".into())), &["--deliver 'all'", "'programs'"]),
            (typed(|t| t.epilogue = Some("010".into())), &["--epilogue '010'", "'010s'"]),
            (typed(|t| t.shell = Some("bash 'x".into())), &["--shell 'bash 'x'", "pipefail"]),
        ];
        for (typed, parts) in cases {
            let text = refusal(&typed, &[]);
            for part in parts {
                assert!(text.contains(part), "{text:?} lacks {part:?}");
            }
        }
        for shell in
            ["bash", "/bin/sh ", "bash -e", "bash -eo pipefail", "busybox sh", "zsh +o nomatch -f"]
        {
            let text = refusal(&typed(|t| t.shell = Some(shell.into())), &[]);
            assert!(text.contains(&format!("example '{} -c'", shell.trim_end())), "{text}");
        }
        for shell in [
            "bash -ce",
            "bash -o pipefail -c",
            "bash wrapper",
            "./own",
            "fish --command",
            "busybox sh -c",
        ] {
            assert!(resolve(&typed(|t| t.shell = Some(shell.into())), |_| None).is_ok(), "{shell}");
        }
        for (variable, value) in [
            ("ADIEU_TIMEOUT", "x"),
            ("ADIEU_EPILOGUE", "-1s"),
            ("ADIEU_SHELL", "  "),
            ("ADIEU_DELIVER", "Group"),
            ("ADIEU_LOG", "loud"),
        ] {
            let text = refusal(&Typed::default(), &[(variable, value)]);
            assert!(text.starts_with(&format!("{variable} '{value}'")), "{text}");
            assert!(text.contains("write for example"), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_refused_not_guessed() {
        use std::os::unix::ffi::OsStringExt;
        let text = refusal(&typed(|t| t.timeout = Some(OsString::from_vec(vec![0xff, b's']))), &[]);
        assert!(text.starts_with("--timeout") && text.contains("UTF-8"), "{text}");
    }

    #[test]
    fn rewrites_take_names_numbers_and_zero() {
        let all =
            typed(|t| t.rewrite = vec!["TERM=QUIT".into(), "2:0".into(), "SIGHUP=sigusr1".into()]);
        let rewrites = resolve(&all, |_| None).expect("right").rewrites;
        assert_eq!(rewrites.apply(Signal::TERM), Some(Signal::QUIT));
        assert_eq!(rewrites.apply(Signal::INT), None);
        assert_eq!(rewrites.apply(Signal::HUP), "USR1".parse().ok());
    }

    #[test]
    fn blanks_around_the_entries_of_a_list_do_not_count() {
        let lists = typed(|t| {
            t.rewrite = vec!["TERM=QUIT, INT=QUIT".into()];
            t.stop_on = vec!["TERM, USR1 ".into()];
            t.wrapper = vec!["honcho , run-all".into()];
            t.ok_exit = vec!["7, 143".into()];
        });
        let settings = resolve(&lists, |_| None).expect("right");
        assert_eq!(settings.rewrites.apply(Signal::INT), Some(Signal::QUIT));
        let usr1 = "USR1".parse().expect("a signal");
        assert_eq!(settings.stop_on, SignalSet::from_iter([usr1, Signal::TERM]));
        assert_eq!(settings.wrappers, Wrappers(vec!["honcho".to_owned(), "run-all".to_owned()]));
        assert_eq!(settings.ok_exits, OkExits(vec![7, 143]));
        let text = refusal(&typed(|t| t.ok_exit = vec!["7, ".into()]), &[]);
        assert!(text.starts_with("--ok-exit '7, ': "), "{text}");
    }

    /// Any bytes as the value of each option and variable: used, or refused with the place.
    fn check_value(value: &OsString) {
        type Set = fn(&mut Typed, OsString);
        let options: [(&str, Set); 9] = [
            ("--wrapper", |t, v| t.wrapper = vec![v]),
            ("--timeout", |t, v| t.timeout = Some(v)),
            ("--epilogue", |t, v| t.epilogue = Some(v)),
            ("--shell", |t, v| t.shell = Some(v)),
            ("--rewrite", |t, v| t.rewrite = vec![v]),
            ("--deliver", |t, v| t.deliver = Some(v)),
            ("--stop-on", |t, v| t.stop_on = vec![v]),
            ("--ok-exit", |t, v| t.ok_exit = vec![v]),
            ("--parent-death", |t, v| t.parent_death = Some(v)),
        ];
        let check = |place: &str, resolved: Result<Settings, Error>| match resolved {
            Ok(_) => assert!(value.to_str().is_some(), "{place} takes {value:?}"),
            Err(Error::Usage(text)) => {
                let begin = format!("{place} '{}': ", value.to_string_lossy());
                assert!(text.starts_with(&begin), "{text:?} does not begin with {begin:?}");
                assert!(value.to_str().is_some() || text.contains("UTF-8"), "{text}");
            }
            Err(other) => panic!("{place} {value:?}: {other:?}"),
        };
        for (option, set) in options {
            check(option, resolve(&typed(|t| set(t, value.clone())), |_| None));
        }
        let is_path = |name: &&str| ["ADIEU_REPORT", "ADIEU_TERMINATION_LOG"].contains(name);
        for variable in VARIABLES.into_iter().filter(|name| !is_path(name)) {
            check(
                variable,
                resolve(&Typed::default(), |name| (name == variable).then(|| value.clone())),
            );
        }
        // A path may be anything.
        let all =
            typed(|t| (t.report, t.termination_log) = (Some(value.clone()), Some(value.clone())));
        let settings = resolve(&all, |_| None).expect("paths");
        assert_eq!(
            [settings.report, settings.termination_log].map(|it| it.map(|it| it.path)),
            [Some(value.clone()), Some(value.clone())]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_used_or_refused_with_their_place(bytes: Vec<u8>) {
            use std::os::unix::ffi::OsStringExt;
            check_value(&OsString::from_vec(bytes));
        }

        #[test]
        fn what_is_nearly_right_is_used_or_refused_with_its_place(
            value in concat!(
                "[+ -]{0,1}",
                "([0-9]{1,25}|none|group|quiet|bash",
                "|(SIG|sig)?(TERM|RTMIN|RTMAX|CHLD|KILL|hup)([+-][0-9]{1,3})?)",
                "[=:, ]?(ns|ms|s|m|h|days|years|TERM|0|-c|'|\"|\\\\|\u{0})?",
            ),
        ) {
            check_value(&OsString::from(value));
        }
    }
}
