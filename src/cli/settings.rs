//! What the options and the environment mean. Pure: every usage error is found here, before
//! anything is started.

use crate::cli::Typed;
use crate::decide::terms::{Deliver, Terms};
use crate::error::Error;
use crate::exit::OkExits;
use crate::programs;
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
    /// The shell and its options, at least one word.
    pub shell: Vec<OsString>,
    /// Whether `shell` is the default `/bin/sh -c`.
    pub default_shell: bool,
    /// Which signal is sent in place of one that arrives.
    pub rewrites: Rewrites,
    /// Who gets a signal.
    pub deliver: Deliver,
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
    pub report: Option<OsString>,
    /// The file to which a short summary is appended.
    pub termination_log: Option<OsString>,
    /// Reports and logs show whole command lines.
    pub show_args: bool,
}

impl Settings {
    /// The terms of a stop: the settings that decide it, with what was found at the start. `main`
    /// is the pid of the main process, `ignored` which of HUP, INT and QUIT adieu was started
    /// ignoring.
    pub fn terms(&self, main: i32, is_init: bool, can_suspend: bool, ignored: SignalSet) -> Terms {
        Terms {
            timeout: self.timeout,
            epilogue: self.epilogue,
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
struct Source<'a> {
    name: &'a str,
    value: OsString,
}

impl Source<'_> {
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

/// What was typed and, where an option is missing, its environment variable, as settings.
///
/// `env` looks up a variable. An empty variable counts as unset.
///
/// # Errors
/// [`Error::Usage`], naming the option or variable, the offending text and an example of a right
/// one.
pub fn resolve(typed: &Typed, env: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Error> {
    let pick = |option: &'static str, value: &Option<OsString>, variable: &'static str| {
        let from_env =
            || env(variable).filter(|v| !v.is_empty()).map(|v| Source { name: variable, value: v });
        value.clone().map(|value| Source { name: option, value }).or_else(from_env)
    };
    let each = |name: &'static str, values: &[OsString]| -> Vec<Source<'static>> {
        values.iter().map(|value| Source { name, value: value.clone() }).collect()
    };

    let timeout = match pick("--timeout", &typed.timeout, "ADIEU_TIMEOUT") {
        Some(source) if source.value == "none" => None,
        Some(source) => Some(duration(&source, "'30s', '1m 30s' or 'none'")?),
        None => None,
    };
    let epilogue = match pick("--epilogue", &typed.epilogue, "ADIEU_EPILOGUE") {
        Some(source) => duration(&source, "'1s' or '500ms'")?,
        None => Duration::from_secs(1),
    };
    let (shell, default_shell) = match pick("--shell", &typed.shell, "ADIEU_SHELL") {
        Some(source) => (shell_words(&source)?, false),
        None => (vec![OsString::from("/bin/sh"), OsString::from("-c")], true),
    };
    let mut rewrites = Rewrites::default();
    for source in each("--rewrite", &typed.rewrite) {
        let (from, to) = rewrite(&source)?;
        rewrites.add(from, to);
    }
    let deliver = match pick("--deliver", &typed.deliver, "ADIEU_DELIVER") {
        None => Deliver::default(),
        Some(source) => match source.text()? {
            "programs" => Deliver::Programs,
            "group" => Deliver::Group,
            "child" => Deliver::Child,
            _ => return Err(source.refuse("unknown", "'programs', 'group' or 'child'")),
        },
    };
    let stop_on = match each("--stop-on", &typed.stop_on) {
        sources if sources.is_empty() => default_stop_signals(),
        sources => stop_signals(&sources)?,
    };
    let mut ok_exits = OkExits::default();
    for source in each("--ok-exit", &typed.ok_exit) {
        let code = source.text()?.parse();
        ok_exits.0.push(code.map_err(|_| source.refuse("an exit status is 0 to 255", "'143'"))?);
    }
    let parent_death = match pick("--parent-death", &typed.parent_death, "") {
        Some(source) => Some(signal(&source, source.text()?, "'TERM' or '15'")?),
        None => None,
    };
    let verbosity = if typed.quiet {
        Verbosity::Quiet
    } else if typed.verbose {
        Verbosity::Verbose
    } else {
        match pick("", &None, "ADIEU_LOG") {
            None => Verbosity::default(),
            Some(source) => match source.text()? {
                "quiet" => Verbosity::Quiet,
                "warnings" => Verbosity::Warnings,
                "verbose" => Verbosity::Verbose,
                _ => return Err(source.refuse("unknown", "'quiet', 'warnings' or 'verbose'")),
            },
        }
    };
    Ok(Settings {
        timeout,
        epilogue,
        shell,
        default_shell,
        rewrites,
        deliver,
        stop_on,
        linger: typed.linger,
        ok_exits,
        parent_death,
        verbosity,
        report: pick("--report", &typed.report, "ADIEU_REPORT").map(|source| source.value),
        termination_log: typed.termination_log.clone(),
        show_args: typed.show_args,
    })
}

/// TERM, INT and QUIT: the signals by which users and platforms ask a program to end.
fn default_stop_signals() -> SignalSet {
    TERM_SIGNALS.iter().filter_map(|number| Signal::from_number(*number)).collect()
}

fn duration(source: &Source<'_>, example: &str) -> Result<Duration, Error> {
    let text = source.text()?;
    if !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse() != Ok(0u64)
    {
        return Err(source.refuse("it has no unit", &format!("'{text}s'")));
    }
    humantime::parse_duration(text).map_err(|e| source.refuse(e, example))
}

fn shell_words(source: &Source<'_>) -> Result<Vec<OsString>, Error> {
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

fn signal(source: &Source<'_>, text: &str, example: &str) -> Result<Signal, Error> {
    text.parse().map_err(|e| source.refuse(e, example))
}

fn rewrite(source: &Source<'_>) -> Result<(Signal, Option<Signal>), Error> {
    let example = "'TERM=QUIT', '15:3' or 'HUP=0'";
    let text = source.text()?;
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

fn stop_signals(sources: &[Source<'_>]) -> Result<SignalSet, Error> {
    let example = "'TERM' or 'TERM,INT'";
    let mut set = SignalSet::EMPTY;
    for source in sources {
        for name in source.text()?.split(',') {
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
        assert_eq!(settings.epilogue, Duration::from_secs(1));
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
        assert_eq!(from_env.epilogue, Duration::from_secs(1));
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
        ];
        let settings = resolve(&Typed::default(), lookup(&env)).expect("env");
        assert_eq!(settings.timeout, Some(Duration::from_secs(90)));
        assert_eq!(settings.epilogue, Duration::ZERO);
        assert_eq!(settings.shell, ["bash", "-eo", "pipefail", "-c"]);
        assert!(!settings.default_shell);
        assert_eq!(settings.deliver, Deliver::Child);
        assert_eq!(settings.verbosity, Verbosity::Quiet);
    }

    #[test]
    fn a_bad_value_is_refused_with_its_place_its_text_and_an_example() {
        let cases: [(Typed, &[&str]); 15] = [
            (typed(|t| t.timeout = Some("5 parsecs".into())), &["--timeout", "5 parsecs", "'30s'"]),
            (
                typed(|t| t.timeout = Some("5".into())),
                &["--timeout '5'", "no unit", "example '5s'"],
            ),
            (typed(|t| t.epilogue = Some("none".into())), &["--epilogue 'none'", "'1s'"]),
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

    /// Any bytes as the value of each option and variable: used, or refused with the place.
    fn check_value(value: &OsString) {
        type Set = fn(&mut Typed, OsString);
        let options: [(&str, Set); 8] = [
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
        let variables =
            ["ADIEU_TIMEOUT", "ADIEU_EPILOGUE", "ADIEU_SHELL", "ADIEU_DELIVER", "ADIEU_LOG"];
        for variable in variables {
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
            (settings.report.as_ref(), settings.termination_log.as_ref()),
            (Some(value), Some(value))
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
