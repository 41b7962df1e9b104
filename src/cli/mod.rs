//! The command line: which options there are, their help, and what was typed. What it means is for
//! `settings`.
//!
//! One table ([`OPTIONS`]) is the definition: what is parsed, the help and the errors all come from
//! it. It is read in place, because a container's start waits for it: a parser that first builds
//! its definition costs more than all else here.

pub mod command;
pub mod settings;

use crate::error::Error;
use lexopt::Arg;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Run a command.
    Run(Box<Typed>),
    /// Copy adieu to this path.
    Install(OsString),
    /// Explain what a stop would do.
    Explain(TypedExplain),
    /// Print this text on standard output and exit with 0.
    Print(String),
}

/// The options and the command as typed, nothing checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// `--timeout`
    pub timeout: Option<OsString>,
    /// `--epilogue`
    pub epilogue: Option<OsString>,
    /// `--shell`
    pub shell: Option<OsString>,
    /// `--rewrite`, each
    pub rewrite: Vec<OsString>,
    /// `--deliver`
    pub deliver: Option<OsString>,
    /// `--stop-on`, each
    pub stop_on: Vec<OsString>,
    /// `--linger`
    pub linger: bool,
    /// `--ok-exit`, each
    pub ok_exit: Vec<OsString>,
    /// `--parent-death`
    pub parent_death: Option<OsString>,
    /// `-v`, at least once
    pub verbose: bool,
    /// `-q`
    pub quiet: bool,
    /// `--report`
    pub report: Option<OsString>,
    /// `--termination-log`, with its default where no file is named.
    pub termination_log: Option<OsString>,
    /// `--show-args`
    pub show_args: bool,
    /// What to run.
    pub command: TypedCommand,
}

/// The options of `--explain`, nothing checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedExplain {
    /// The process whose tree is wanted.
    pub pid: OsString,
    /// `--signal`
    pub signal: Option<OsString>,
    /// `--format`
    pub format: Option<OsString>,
    /// `--show-args`
    pub show_args: bool,
}

/// The three ways to write a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedCommand {
    /// `adieu 'STRING'`, and `adieu -c 'STRING' NAME ARG…`: a shell string, then `$0`, `$1` …
    Shell(OsString, Vec<OsString>),
    /// `adieu -- PROGRAM ARG…`, and two or more words without `--`.
    Program(Vec<OsString>),
}

impl Default for TypedCommand {
    fn default() -> Self {
        Self::Program(Vec::new())
    }
}

/// What an option takes; the names are those of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// No value.
    Nothing,
    /// A value, which does not look like an option unless it is attached.
    Value(&'static str),
    /// A value, whatever it looks like: what it means is decided, and refused by name, in
    /// `settings`.
    AnyValue(&'static str),
    /// A value or none; then it is this. The value has to be attached with `=`.
    Attached(&'static str, &'static str),
    /// A value or none; then it is this.
    Maybe(&'static str, &'static str),
    /// All that follows, at least one word.
    Rest(&'static str),
}

/// One option.
pub struct Opt {
    /// `t` of `-t`.
    pub short: Option<char>,
    /// `timeout` of `--timeout`.
    pub long: Option<&'static str>,
    /// Its value.
    pub takes: Takes,
    /// What of the help stands beside it; in brackets the default and the variable.
    pub help: &'static str,
    /// Notes what was typed; without a value the word is empty.
    set: fn(&mut Given, OsString),
}

/// All that was typed before it is clear what was asked for.
#[derive(Default)]
struct Given {
    typed: Typed,
    group: bool,
    string: Vec<OsString>,
    explain: Option<OsString>,
    signal: Option<OsString>,
    format: Option<OsString>,
    install: Option<OsString>,
    version: bool,
    help: bool,
}

const fn opt(
    short: Option<char>,
    long: Option<&'static str>,
    takes: Takes,
    help: &'static str,
    set: fn(&mut Given, OsString),
) -> Opt {
    Opt { short, long, takes, help, set }
}

/// Every option, under the headings of the help. The man page and the completions are made from it
/// (`tests/generated.rs`).
pub const OPTIONS: &[(&str, &[Opt])] = &[
    (
        "Running",
        &[
            opt(
                Some('c'),
                None,
                Takes::Rest("STRING"),
                "A shell string, as `sh -c` takes it ($0, $1 ...)",
                |given, word| given.string.push(word),
            ),
            opt(
                None,
                Some("shell"),
                Takes::Value("CMD"),
                "The shell for strings [/bin/sh -c] [ADIEU_SHELL]",
                |given, word| given.typed.shell = Some(word),
            ),
            opt(
                None,
                Some("linger"),
                Takes::Nothing,
                "Go on until the last process is gone (for daemons)",
                |given, _| given.typed.linger = true,
            ),
            opt(
                Some('e'),
                Some("ok-exit"),
                Takes::AnyValue("CODE"),
                "Exit with 0, not CODE (143 for Java); repeatable",
                |given, word| given.typed.ok_exit.push(word),
            ),
            opt(
                Some('p'),
                Some("parent-death"),
                Takes::AnyValue("SIG"),
                "What adieu itself gets when its parent dies",
                |given, word| given.typed.parent_death = Some(word),
            ),
        ],
    ),
    (
        "Stopping",
        &[
            opt(
                Some('t'),
                Some("timeout"),
                Takes::AnyValue("TIME"),
                "Until SIGKILL: 10s, 1m 30s [none] [ADIEU_TIMEOUT]",
                |given, word| given.typed.timeout = Some(word),
            ),
            opt(
                None,
                Some("epilogue"),
                Takes::AnyValue("TIME"),
                "A script's after its handlers [1s] [ADIEU_EPILOGUE]",
                |given, word| given.typed.epilogue = Some(word),
            ),
            opt(
                Some('r'),
                Some("rewrite"),
                Takes::AnyValue("FROM=TO"),
                "Deliver TO for FROM: TERM=QUIT, HUP=0; repeatable",
                |given, word| given.typed.rewrite.push(word),
            ),
            opt(
                None,
                Some("deliver"),
                Takes::AnyValue("WHO"),
                "programs, group or child [programs] [ADIEU_DELIVER]",
                |given, word| given.typed.deliver = Some(word),
            ),
            opt(
                None,
                Some("stop-on"),
                Takes::AnyValue("SIG"),
                "What begins the stop; repeatable [TERM,INT,QUIT]",
                |given, word| given.typed.stop_on.push(word),
            ),
        ],
    ),
    (
        "Output",
        &[
            opt(
                Some('v'),
                Some("verbose"),
                Takes::Nothing,
                "The stop and its timeline [ADIEU_LOG=verbose]",
                |given, _| (given.typed.verbose, given.typed.quiet) = (true, false),
            ),
            opt(
                Some('q'),
                Some("quiet"),
                Takes::Nothing,
                "No warnings [ADIEU_LOG=quiet]",
                |given, _| (given.typed.verbose, given.typed.quiet) = (false, true),
            ),
            opt(
                None,
                Some("report"),
                Takes::Value("FILE"),
                "The stop as JSON; - is stderr [ADIEU_REPORT]",
                |given, word| given.typed.report = Some(word),
            ),
            opt(
                None,
                Some("termination-log"),
                Takes::Attached("FILE", "/dev/termination-log"),
                "For Kubernetes [/dev/termination-log]",
                |given, word| given.typed.termination_log = Some(word),
            ),
            opt(
                None,
                Some("show-args"),
                Takes::Nothing,
                "Whole command lines in logs and reports",
                |given, _| given.typed.show_args = true,
            ),
        ],
    ),
    (
        "Explaining",
        &[
            opt(
                None,
                Some("explain"),
                Takes::Maybe("PID", "1"),
                "What a stop would do to the tree below PID [1]",
                |given, word| given.explain = Some(word),
            ),
            opt(
                None,
                Some("signal"),
                Takes::Value("SIG"),
                "... what this signal would do [TERM]",
                |given, word| given.signal = Some(word),
            ),
            opt(
                None,
                Some("format"),
                Takes::Value("FORMAT"),
                "... as text or json [text]",
                |given, word| given.format = Some(word),
            ),
        ],
    ),
    (
        "Other",
        &[
            opt(
                None,
                Some("install"),
                Takes::Value("PATH"),
                "Copy adieu to PATH (images FROM scratch have no cp)",
                |given, word| given.install = Some(word),
            ),
            opt(Some('h'), Some("help"), Takes::Nothing, "Print this help", |given, _| {
                given.help = true
            }),
            opt(Some('V'), Some("version"), Takes::Nothing, "Print the version", |given, _| {
                given.version = true;
            }),
        ],
    ),
    (
        "Accepted for tini and dumb-init",
        &[
            opt(Some('g'), None, Takes::Nothing, "The same as --deliver group", |given, _| {
                given.group = true;
            }),
            opt(
                Some('s'),
                None,
                Takes::Nothing,
                "No effect: adieu is always a subreaper",
                |_, _| {},
            ),
            opt(Some('w'), None, Takes::Nothing, "No effect", |_, _| {}),
        ],
    ),
];

/// Options of other inits that adieu does not have, and what to do about them.
const FOREIGN: [(&str, &str); 4] = [
    ("--single-child", SINGLE_CHILD),
    ("-P", "for catatonit's pause mode (podman's pods) keep catatonit"),
    ("-L", LICENCE),
    ("-l", LICENCE),
];
const SINGLE_CHILD: &str = "dumb-init's -c, --single-child can be left out, as programs see to their own workers here; \
                            the nearest is adieu --deliver child -- PROGRAM ARG";
const LICENCE: &str = "the licence is MIT or Apache-2.0";

fn options() -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| *options)
}

/// Reads the arguments (without adieu's own name).
///
/// # Errors
/// [`Error::Usage`] for options that do not exist or lack their value.
pub fn parse(args: Vec<OsString>) -> Result<Request, Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut given = Given::default();
    let mut command = Vec::new();
    let mut escaped = false;
    loop {
        // Options end at the first word that is none. `None`: in the midst of `-vvt`.
        if let Some(words) = parser.try_raw_args() {
            match words.peek() {
                None => break,
                Some(word) if is_option(word) && word != "--" => {}
                Some(word) => {
                    escaped = word == "--";
                    command.extend(words.skip(usize::from(escaped)));
                    break;
                }
            }
        }
        read_option(&mut parser, &mut given)?;
        if given.help {
            return Ok(Request::Print(help()));
        }
    }
    request(given, command, escaped)
}

/// Whether the word looks like an option: `-` alone is a file name by custom.
fn is_option(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 1 && bytes.first() == Some(&b'-')
}

fn read_option(parser: &mut lexopt::Parser, given: &mut Given) -> Result<(), Error> {
    let (found, name) = match parser.next() {
        Ok(Some(Arg::Short(short))) => {
            (options().find(|it| it.short == Some(short)), format!("-{short}"))
        }
        Ok(Some(Arg::Long(long))) => {
            (options().find(|it| it.long == Some(long)), format!("--{long}"))
        }
        Ok(Some(Arg::Value(_)) | None) => return Ok(()),
        Err(lexopt::Error::UnexpectedValue { option, value }) => {
            let value = value.to_string_lossy();
            return Err(Error::Usage(format!(
                "{option} takes no value, so '{value}' is too much; write {option} alone (adieu --help)"
            )));
        }
        // None of its other errors can come from here, and their words are long.
        Err(_) => return Err(Error::Usage("an option cannot be read (adieu --help)".to_owned())),
    };
    let Some(option) = found else { return Err(unknown(&name)) };
    // `-vq` are two options; a value that is attached to one without is refused with the next call.
    let attached = if option.takes == Takes::Nothing { None } else { parser.optional_value() };
    let value = match (option.takes, attached) {
        (Takes::Rest(_), attached) => {
            let first = attached.map_or_else(|| following(parser, option, &name, true), Ok)?;
            (option.set)(given, first);
            // What follows is the string's, whatever it looks like.
            for word in parser.try_raw_args().into_iter().flatten() {
                (option.set)(given, word);
            }
            return Ok(());
        }
        (_, Some(value)) => value,
        (Takes::Nothing, None) => OsString::new(),
        (Takes::Value(_), None) => following(parser, option, &name, false)?,
        (Takes::AnyValue(_), None) => following(parser, option, &name, true)?,
        (Takes::Attached(_, default), None) => default.into(),
        (Takes::Maybe(_, default), None) => {
            let next =
                parser.try_raw_args().and_then(|mut words| words.next_if(|word| !is_option(word)));
            next.unwrap_or_else(|| default.into())
        }
    };
    (option.set)(given, value);
    Ok(())
}

/// The next word as the option's value.
fn following(
    parser: &mut lexopt::Parser,
    option: &Opt,
    name: &str,
    any: bool,
) -> Result<OsString, Error> {
    let next =
        parser.try_raw_args().and_then(|mut words| words.next_if(|word| any || !is_option(word)));
    next.ok_or_else(|| {
        let form = form(option);
        Error::Usage(format!("{name} needs a value; write {} (adieu --help)", form.trim_start()))
    })
}

fn unknown(name: &str) -> Error {
    if let Some((_, hint)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        return Error::Usage(format!("there is no option '{name}': {hint} (adieu --help)"));
    }
    let alike = |long: &'static str| (strsim::jaro(name.trim_start_matches('-'), long), long);
    let nearest =
        options().filter_map(|it| it.long).map(alike).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = match nearest.filter(|(likeness, _)| name.starts_with("--") && *likeness > 0.7) {
        Some((_, long)) => format!("did you mean '--{long}'?"),
        None => format!("a program of that name takes -- before it: adieu -- {name}"),
    };
    Error::Usage(format!("there is no option '{name}'; {hint} (adieu --help lists them all)"))
}

/// What the options together ask for.
fn request(given: Given, command: Vec<OsString>, escaped: bool) -> Result<Request, Error> {
    if given.version {
        return Ok(Request::Print(version()));
    }
    let alone = |option: &str, example: &str| match command.first().or(given.string.first()) {
        None => Ok(()),
        Some(word) => {
            let word = word.to_string_lossy();
            Err(Error::Usage(format!(
                "{option} runs no command, so '{word}' is too much; write for example {example}"
            )))
        }
    };
    if let Some(path) = given.install {
        alone("--install", "adieu --install /shared/adieu")?;
        return Ok(Request::Install(path));
    }
    if let Some(pid) = given.explain {
        alone("--explain", "adieu --explain 1 --signal HUP")?;
        let Given { signal, format, typed: Typed { show_args, .. }, .. } = given;
        return Ok(Request::Explain(TypedExplain { pid, signal, format, show_args }));
    }
    for (name, value) in [("--signal", &given.signal), ("--format", &given.format)] {
        if let Some(value) = value {
            let value = value.to_string_lossy();
            return Err(Error::Usage(format!(
                "{name} '{value}' belongs to --explain; write for example adieu --explain 1 {name} {value}"
            )));
        }
    }
    let mut typed = given.typed;
    let mut string = given.string.into_iter();
    typed.command = match string.next() {
        Some(first) => shell_string(first, string.collect())?,
        None => words(command, escaped),
    };
    typed.deliver = typed.deliver.or_else(|| given.group.then(|| OsString::from("group")));
    Ok(Request::Run(Box::new(typed)))
}

/// `-c STRING NAME ARG…`. What begins with `-` and has words behind it, a shell would take for
/// options of its own, and run the next word; `-c -- STRING` alone is what POSIX has `system()`
/// write.
fn shell_string(string: OsString, rest: Vec<OsString>) -> Result<TypedCommand, Error> {
    if rest.is_empty() || !is_option(&string) || (string == "--" && rest.len() == 1) {
        return Ok(TypedCommand::Shell(string, rest));
    }
    let string = string.to_string_lossy();
    Err(Error::Usage(format!(
        "-c '{string}': behind -c comes a shell string, and options before it: adieu -v -c 'cd /app && ./server'; \
         {SINGLE_CHILD} (adieu --help)"
    )))
}

/// One word without `--` is a shell string; everything else is a program with its arguments.
fn words(mut words: Vec<OsString>, escaped: bool) -> TypedCommand {
    match words.len() {
        1 if !escaped => TypedCommand::Shell(words.remove(0), Vec::new()),
        _ => TypedCommand::Program(words),
    }
}

/// The version in the form that dockerd parses (`tini version X`, one line, no commit).
fn version() -> String {
    concat!("tini version ", env!("CARGO_PKG_VERSION"), "_adieu\n").to_owned()
}

const USAGE: &str = "\
Runs a command; told to stop, it lets all that handle the signal finish.

Usage: adieu [OPTIONS] 'SHELL STRING'
       adieu [OPTIONS] -c 'SHELL STRING' [NAME ARG...]
       adieu [OPTIONS] -- PROGRAM [ARG...]
       adieu --explain [PID] [--signal SIG] [--format json]
       adieu --install PATH
";

const EXAMPLES: &str = "\
Examples:
  adieu 'cd /app && ./server'
      a shell string: ./server is told, the shell around it is shielded
  adieu -t 30s -- ./server --port 80
      a program, killed 30 s after the stop signal
  adieu -r TERM=QUIT 'nginx -g \"daemon off;\" | tee -a log'
      nginx gets its graceful signal and finishes its requests, tee the log

In brackets: the default, then the environment variable with the same meaning.
Exit status: the main process's; 128+n when signal n ended it; 125 for adieu's
own failures, 126 not executable, 127 not found. --version answers in tini's
form, which dockerd expects.
";

/// `  -t, --timeout <TIME>`, with room for the short one where there is none but a long one.
fn form(option: &Opt) -> String {
    let value = match option.takes {
        Takes::Nothing => String::new(),
        Takes::Value(name) | Takes::AnyValue(name) => format!(" <{name}>"),
        Takes::Attached(name, _) => format!("[=<{name}>]"),
        Takes::Maybe(name, _) => format!(" [<{name}>]"),
        Takes::Rest(name) => format!(" <{name}>..."),
    };
    match (option.short, option.long) {
        (Some(short), Some(long)) => format!("  -{short}, --{long}{value}"),
        (Some(short), None) => format!("  -{short}{value}"),
        (None, long) => format!("      --{}{value}", long.unwrap_or_default()),
    }
}

fn help() -> String {
    let mut text = USAGE.to_owned();
    for (heading, options) in OPTIONS {
        let _ = writeln!(text, "\n{heading}:");
        let width = options.iter().map(|option| form(option).len()).max().unwrap_or(0);
        for option in *options {
            let _ = writeln!(text, "{:width$}  {}", form(option), option.help);
        }
    }
    text.push('\n');
    text + EXAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(args: &[&str]) -> Result<Request, Error> {
        parse(args.iter().map(OsString::from).collect())
    }

    fn typed_words(args: &[&str]) -> Typed {
        match parse_words(args) {
            Ok(Request::Run(typed)) => *typed,
            other => panic!("{args:?} gave {other:?}"),
        }
    }

    fn shell(string: &str, rest: &[&str]) -> TypedCommand {
        TypedCommand::Shell(string.into(), rest.iter().map(OsString::from).collect())
    }

    fn argv(words: &[&str]) -> TypedCommand {
        TypedCommand::Program(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn every_option_has_a_name_of_its_own_and_a_line_in_the_help() {
        let Ok(Request::Print(help)) = parse_words(&["--help"]) else { panic!("no text") };
        let mut names = std::collections::BTreeSet::new();
        for option in options() {
            assert!(option.short.is_some() || option.long.is_some(), "{}", option.help);
            for name in
                [option.short.map(|it| format!("-{it}")), option.long.map(|it| format!("--{it}"))]
            {
                let Some(name) = name else { continue };
                assert!(help.contains(&name), "{name} is not in the help");
                assert!(names.insert(name.clone()), "{name} is there twice");
            }
        }
    }

    #[test]
    fn values_come_attached_or_behind() {
        for words in
            [&["-t10s"][..], &["-t=10s"], &["-t", "10s"], &["--timeout=10s"], &["--timeout", "10s"]]
        {
            assert_eq!(typed_words(words).timeout, Some("10s".into()), "{words:?}");
        }
        assert_eq!(typed_words(&["-vt10s", "x"]).timeout, Some("10s".into()));
        assert_eq!(typed_words(&["-t", "1s", "-t", "2s"]).timeout, Some("2s".into()));
        assert_eq!(typed_words(&["--report", "-", "x"]).report, Some("-".into()));
        assert_eq!(typed_words(&["--timeout=", "x"]).timeout, Some("".into()));
        let log = |words: &[&str]| typed_words(words).termination_log;
        assert_eq!(log(&["--termination-log", "x"]), Some("/dev/termination-log".into()));
        assert_eq!(log(&["--termination-log=/x"]), Some("/x".into()));
    }

    #[test]
    fn the_last_of_verbose_and_quiet_counts() {
        let both = |words: &[&str]| (typed_words(words).verbose, typed_words(words).quiet);
        assert_eq!(both(&["-q", "-v"]), (true, false));
        assert_eq!(both(&["-vvq"]), (false, true));
    }

    #[test]
    fn explain_takes_a_pid_or_none_and_what_belongs_to_it() {
        let explain = |words: &[&str]| match parse_words(words) {
            Ok(Request::Explain(typed)) => (typed.pid, typed.signal),
            other => panic!("{words:?} gave {other:?}"),
        };
        assert_eq!(explain(&["--explain"]), ("1".into(), None));
        assert_eq!(explain(&["--explain", "7", "--signal=HUP"]), ("7".into(), Some("HUP".into())));
        assert_eq!(explain(&["--explain=7"]), ("7".into(), None));
        assert_eq!(explain(&["--signal", "HUP", "--explain"]), ("1".into(), Some("HUP".into())));
    }

    fn refused(words: &[&str]) -> String {
        match parse_words(words) {
            Err(Error::Usage(text)) => text,
            other => panic!("{words:?} gave {other:?}"),
        }
    }

    #[test]
    fn a_refusal_says_what_to_write_instead() {
        for (words, parts) in [
            (&["-t"][..], &["-t needs a value", "write -t, --timeout <TIME>"][..]),
            (&["-vt"], &["-t needs a value"]),
            (&["--report", "-v", "x"], &["--report needs a value", "write --report <FILE>"]),
            (&["--linger=yes", "x"], &["--linger takes no value", "'yes'"]),
            (&["-v=2", "x"], &["-v takes no value", "'2'"]),
            (&["-Z", "x"], &["'-Z'", "adieu --help", "adieu -- -Z"]),
            (&["-vZ", "x"], &["'-Z'"]),
            (&["--format", "json", "x"], &["--format 'json'", "adieu --explain 1 --format json"]),
            (&["--explain", "1", "x"], &["--explain runs no command", "'x'"]),
            (&["--install", "/x", "-c", "y"], &["--install runs no command", "'y'"]),
            (
                &["-c", "--", "a", "b"],
                &["-c '--'", "adieu -v -c '", "dumb-init", "adieu --deliver child -- P"],
            ),
            (
                &["-c", "-v", "a"],
                &["-c '-v'", "options before it", "adieu --deliver child -- PROGRAM"],
            ),
            (&["--single-child", "a"], &["'--single-child'", "adieu --deliver child -- PROGRAM"]),
            (&["-gP"], &["'-P'", "keep catatonit"]),
            (&["-l"], &["'-l'", "MIT or Apache-2.0"]),
        ] {
            let text = refused(words);
            for part in parts {
                assert!(text.contains(part), "{words:?}: {text}");
            }
        }
    }

    #[test]
    fn words_need_not_be_utf8() {
        use std::os::unix::ffi::OsStringExt;
        let word = || OsString::from_vec(vec![b'/', 0xff]);
        let typed = |args: Vec<OsString>| match parse(args) {
            Ok(Request::Run(typed)) => *typed,
            other => panic!("{other:?}"),
        };
        assert_eq!(typed(vec!["--report".into(), word(), "x".into()]).report, Some(word()));
        assert_eq!(
            typed(vec![word(), word()]).command,
            TypedCommand::Program(vec![word(), word()])
        );
        assert!(parse(vec![OsString::from_vec(vec![b'-', 0xff])]).is_err());
        assert!(parse(vec![OsString::from_vec(vec![b'-', b'-', 0xff])]).is_err());
    }

    #[test]
    fn one_word_is_a_shell_string_and_more_are_a_program() {
        assert_eq!(typed_words(&["cd x && y"]).command, shell("cd x && y", &[]));
        assert_eq!(typed_words(&["-v", "cd x && y"]).command, shell("cd x && y", &[]));
        assert_eq!(typed_words(&["--", "my server"]).command, argv(&["my server"]));
        assert_eq!(typed_words(&["-v", "--", "my server"]).command, argv(&["my server"]));
        assert_eq!(typed_words(&["prog", "arg"]).command, argv(&["prog", "arg"]));
        assert_eq!(typed_words(&["-t", "1s", "prog", "arg"]).command, argv(&["prog", "arg"]));
    }

    #[test]
    fn options_end_at_the_first_word_that_is_none() {
        assert_eq!(typed_words(&["sh", "-c", "x"]).command, argv(&["sh", "-c", "x"]));
        assert_eq!(typed_words(&["-v", "sh", "-c", "x"]).command, argv(&["sh", "-c", "x"]));
        assert_eq!(typed_words(&["-v", "sh", "--", "-t"]).command, argv(&["sh", "--", "-t"]));
        assert_eq!(typed_words(&["--", "--", "x"]).command, argv(&["--", "x"]));
        assert_eq!(typed_words(&["-v", "--", "-c", "x"]).command, argv(&["-c", "x"]));
        assert_eq!(typed_words(&["-"]).command, shell("-", &[]));
    }

    #[test]
    fn dash_c_takes_the_rest_as_sh_does() {
        assert_eq!(
            typed_words(&["-c", "s", "n", "-t", "--", "x"]).command,
            shell("s", &["n", "-t", "--", "x"])
        );
        assert_eq!(typed_words(&["-c", "s", "--"]).command, shell("s", &["--"]));
        assert_eq!(typed_words(&["-vc", "s", "n"]).command, shell("s", &["n"]));
        assert_eq!(typed_words(&["-cs", "n"]).command, shell("s", &["n"]));
        assert_eq!(typed_words(&["-c", "--", "s"]).command, shell("--", &["s"]));
        assert_eq!(typed_words(&["-c", "-x"]).command, shell("-x", &[]));
    }

    #[test]
    fn a_command_may_be_missing_here_and_is_refused_later() {
        assert_eq!(typed_words(&[]).command, argv(&[]));
        assert_eq!(typed_words(&["--"]).command, argv(&[]));
        assert_eq!(typed_words(&["-v"]).command, argv(&[]));
    }

    #[test]
    fn the_flags_of_tini_and_dumb_init_are_accepted() {
        let tini =
            typed_words(&["-s", "-w", "-g", "-vvv", "-e", "143", "-p", "SIGKILL", "--", "a", "b"]);
        assert_eq!(tini.deliver, Some("group".into()));
        assert_eq!(tini.command, argv(&["a", "b"]));
        assert_eq!(tini.ok_exit, ["143"]);
        assert_eq!(tini.parent_death, Some("SIGKILL".into()));
        let dumb = typed_words(&["--rewrite", "15:3", "--rewrite=2:0", "a", "b"]);
        assert_eq!(dumb.rewrite, ["15:3", "2:0"]);
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        let Err(Error::Usage(text)) = parse_words(&["--timeot", "5s", "x"]) else {
            panic!("accepted")
        };
        assert!(text.contains("'--timeot'") && text.contains("'--timeout'"), "{text}");
        assert!(matches!(parse_words(&["-c"]), Err(Error::Usage(_))));
        assert!(matches!(parse_words(&["-t"]), Err(Error::Usage(_))));
    }

    #[test]
    fn the_version_has_the_form_that_dockerd_parses() {
        let Ok(Request::Print(text)) = parse_words(&["--version"]) else { panic!("no text") };
        assert!(text.starts_with("tini version ") && text.ends_with("_adieu\n"), "{text}");
        assert!(!text.contains(" - "), "dockerd would look for a commit in it");
    }

    #[test]
    fn the_help_fits_a_terminal() {
        let Ok(Request::Print(text)) = parse_words(&["--help"]) else { panic!("no text") };
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "too wide: {line}");
        }
        assert!(text.contains("--timeout <TIME>"), "{text}");
    }
}
