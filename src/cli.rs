//! The command line: which options there are, their help, and what was typed. What it means is for `settings`.

use crate::error::Error;
use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};
use std::ffi::{OsStr, OsString};

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

/// Reads the arguments (without adieu's own name).
///
/// # Errors
/// [`Error::Usage`] for options that do not exist or lack their value.
pub fn parse(args: Vec<OsString>) -> Result<Request, Error> {
    // The plain forms need no option parser; docker calls `docker-init -- CMD` before every container.
    match args.first() {
        Some(first) if first == "--" => {
            return Ok(run(Typed { command: program(args.into_iter().skip(1)), ..Typed::default() }));
        }
        Some(first) if !is_option(first) => {
            return Ok(run(Typed { command: words(args, false), ..Typed::default() }));
        }
        _ => {}
    }
    let escaped_at = |trailing: usize| {
        let before = args.len().checked_sub(trailing + 1);
        before.and_then(|at| args.get(at)).is_some_and(|word| word == "--")
    };
    match definition().try_get_matches_from(&args) {
        Ok(matches) => typed(matches, escaped_at),
        Err(e) if e.kind() == ErrorKind::DisplayHelp => Ok(Request::Print(e.to_string())),
        Err(e) => Err(Error::Usage(complaint(&e))),
    }
}

fn run(typed: Typed) -> Request {
    Request::Run(Box::new(typed))
}

fn is_option(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 1 && bytes.first() == Some(&b'-')
}

fn program(words: impl Iterator<Item = OsString>) -> TypedCommand {
    TypedCommand::Program(words.collect())
}

/// One word without `--` is a shell string; everything else is a program with its arguments.
fn words(mut words: Vec<OsString>, escaped: bool) -> TypedCommand {
    match words.len() {
        1 if !escaped => TypedCommand::Shell(words.remove(0), Vec::new()),
        _ => TypedCommand::Program(words),
    }
}

fn typed(mut matches: ArgMatches, escaped_at: impl Fn(usize) -> bool) -> Result<Request, Error> {
    if matches.get_flag("version") {
        return Ok(Request::Print(version()));
    }
    let alone =
        |matches: &ArgMatches, option: &str, example: &str| match matches.get_one::<OsString>("command") {
            None => Ok(()),
            Some(word) => {
                let word = word.to_string_lossy();
                Err(Error::Usage(format!(
                    "{option} runs no command, so '{word}' is too much; write for example {example}"
                )))
            }
        };
    if let Some(path) = matches.remove_one::<OsString>("install") {
        alone(&matches, "--install", "adieu --install /shared/adieu")?;
        return Ok(Request::Install(path));
    }
    if let Some(pid) = matches.remove_one::<OsString>("explain") {
        alone(&matches, "--explain", "adieu --explain 1 --signal HUP")?;
        return Ok(Request::Explain(TypedExplain {
            pid,
            signal: matches.remove_one("signal"),
            format: matches.remove_one("format"),
            show_args: matches.get_flag("show-args"),
        }));
    }
    let all = |m: &mut ArgMatches, id: &str| -> Vec<OsString> {
        m.remove_many(id).map(Iterator::collect).unwrap_or_default()
    };
    let trailing = all(&mut matches, "command");
    let mut string = all(&mut matches, "c").into_iter();
    let command = match string.next() {
        Some(first) => TypedCommand::Shell(first, string.chain(trailing).collect()),
        None => {
            let escaped = escaped_at(trailing.len());
            words(trailing, escaped)
        }
    };
    let group = matches.get_flag("group").then(|| OsString::from("group"));
    Ok(run(Typed {
        timeout: matches.remove_one("timeout"),
        epilogue: matches.remove_one("epilogue"),
        shell: matches.remove_one("shell"),
        rewrite: all(&mut matches, "rewrite"),
        deliver: matches.remove_one("deliver").or(group),
        stop_on: all(&mut matches, "stop-on"),
        linger: matches.get_flag("linger"),
        ok_exit: all(&mut matches, "ok-exit"),
        parent_death: matches.remove_one("parent-death"),
        verbose: matches.get_count("verbose") > 0,
        quiet: matches.get_flag("quiet"),
        report: matches.remove_one("report"),
        termination_log: matches.remove_one("termination-log"),
        show_args: matches.get_flag("show-args"),
        command,
    }))
}

/// The version in the form that dockerd parses (`tini version X`, one line, no commit).
fn version() -> String {
    concat!("tini version ", env!("CARGO_PKG_VERSION"), "_adieu\n").to_owned()
}

/// clap's error without its `error: ` and its empty lines: adieu puts its own name in front.
fn complaint(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("\n  ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

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
form, which dockerd expects.";

/// The definition of the command line: help, man page and completions are made from it.
pub fn definition() -> Command {
    let text = |id: &'static str| Arg::new(id).value_parser(OsStringValueParser::new());
    // A value may begin with a hyphen: what it means is decided, and refused by name, in `settings`.
    let option =
        |id: &'static str| text(id).long(id).num_args(1).allow_hyphen_values(true).help_heading("Stopping");
    let running = "Running";
    let compatible = "Accepted for tini and dumb-init";
    Command::new("adieu")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .about("Runs a command; told to stop, it lets all that handle the signal finish.")
        .override_usage(
            "adieu [OPTIONS] 'SHELL STRING'\n       \
             adieu [OPTIONS] -c 'SHELL STRING' [NAME ARG...]\n       \
             adieu [OPTIONS] -- PROGRAM [ARG...]\n       \
             adieu --explain [PID] [--signal SIG] [--format json]\n       \
             adieu --install PATH",
        )
        .after_help(EXAMPLES)
        .arg(text("command").num_args(0..).trailing_var_arg(true).hide(true))
        .arg(
            text("c")
                .short('c')
                .num_args(1..)
                .allow_hyphen_values(true)
                .value_name("STRING")
                .help("A shell string, as `sh -c` takes it ($0, $1 ...)")
                .help_heading(running),
        )
        .arg(
            text("shell")
                .long("shell")
                .num_args(1)
                .value_name("CMD")
                .help("The shell for strings [/bin/sh -c] [ADIEU_SHELL]")
                .help_heading(running),
        )
        .arg(
            Arg::new("linger")
                .long("linger")
                .action(ArgAction::SetTrue)
                .help("Go on until the last process is gone (for daemons)")
                .help_heading(running),
        )
        .arg(
            option("ok-exit")
                .short('e')
                .value_name("CODE")
                .action(ArgAction::Append)
                .help("Exit with 0, not CODE (143 for Java); repeatable")
                .help_heading(running),
        )
        .arg(
            option("parent-death")
                .short('p')
                .value_name("SIG")
                .help("What adieu itself gets when its parent dies")
                .help_heading(running),
        )
        .arg(
            option("timeout")
                .short('t')
                .value_name("TIME")
                .help("Until SIGKILL: 10s, 1m 30s [none] [ADIEU_TIMEOUT]"),
        )
        .arg(
            option("epilogue").value_name("TIME").help("A script's after its handlers [1s] [ADIEU_EPILOGUE]"),
        )
        .arg(
            option("rewrite")
                .short('r')
                .value_name("FROM=TO")
                .action(ArgAction::Append)
                .help("Deliver TO for FROM: TERM=QUIT, HUP=0; repeatable"),
        )
        .arg(option("deliver").value_name("WHO").help("programs, group or child [programs] [ADIEU_DELIVER]"))
        .arg(
            option("stop-on")
                .value_name("SIG")
                .action(ArgAction::Append)
                .help("What begins the stop; repeatable [TERM,INT,QUIT]"),
        )
        .arg(
            Arg::new("verbose")
                .short('v')
                .long("verbose")
                .action(ArgAction::Count)
                .help("The stop and its timeline [ADIEU_LOG=verbose]")
                .help_heading("Output"),
        )
        .arg(
            Arg::new("quiet")
                .short('q')
                .long("quiet")
                .action(ArgAction::SetTrue)
                .overrides_with("verbose")
                .help("No warnings [ADIEU_LOG=quiet]")
                .help_heading("Output"),
        )
        .arg(
            text("report")
                .long("report")
                .num_args(1)
                .value_name("FILE")
                .help("The stop as JSON; - is stderr [ADIEU_REPORT]")
                .help_heading("Output"),
        )
        .arg(
            text("termination-log")
                .long("termination-log")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("/dev/termination-log")
                .value_name("FILE")
                .help("For Kubernetes [/dev/termination-log]")
                .help_heading("Output"),
        )
        .arg(
            Arg::new("show-args")
                .long("show-args")
                .action(ArgAction::SetTrue)
                .help("Whole command lines in logs and reports")
                .help_heading("Output"),
        )
        .arg(
            text("explain")
                .long("explain")
                .num_args(0..=1)
                .default_missing_value("1")
                .value_name("PID")
                .help("What a stop would do to the tree below PID [1]")
                .help_heading("Explaining"),
        )
        .arg(
            text("signal")
                .long("signal")
                .num_args(1)
                .value_name("SIG")
                .requires("explain")
                .help("... what this signal would do [TERM]")
                .help_heading("Explaining"),
        )
        .arg(
            text("format")
                .long("format")
                .num_args(1)
                .value_name("FORMAT")
                .requires("explain")
                .help("... as text or json [text]")
                .help_heading("Explaining"),
        )
        .arg(
            text("install")
                .long("install")
                .num_args(1)
                .value_name("PATH")
                .help("Copy adieu to PATH (images FROM scratch have no cp)")
                .help_heading("Other"),
        )
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help("Print this help")
                .help_heading("Other"),
        )
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::SetTrue)
                .help("Print the version")
                .help_heading("Other"),
        )
        .arg(
            Arg::new("group")
                .short('g')
                .action(ArgAction::SetTrue)
                .help("The same as --deliver group")
                .help_heading(compatible),
        )
        .arg(
            Arg::new("subreaper")
                .short('s')
                .action(ArgAction::SetTrue)
                .help("No effect: adieu is always a subreaper")
                .help_heading(compatible),
        )
        .arg(
            Arg::new("warn-on-reap")
                .short('w')
                .action(ArgAction::SetTrue)
                .help("No effect")
                .help_heading(compatible),
        )
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
    fn the_definition_is_sound() {
        definition().debug_assert();
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
    }

    #[test]
    fn a_command_may_be_missing_here_and_is_refused_later() {
        assert_eq!(typed_words(&[]).command, argv(&[]));
        assert_eq!(typed_words(&["--"]).command, argv(&[]));
        assert_eq!(typed_words(&["-v"]).command, argv(&[]));
    }

    #[test]
    fn the_flags_of_tini_and_dumb_init_are_accepted() {
        let tini = typed_words(&["-s", "-w", "-g", "-vvv", "-e", "143", "-p", "SIGKILL", "--", "a", "b"]);
        assert_eq!(tini.deliver, Some("group".into()));
        assert_eq!(tini.command, argv(&["a", "b"]));
        assert_eq!(tini.ok_exit, ["143"]);
        assert_eq!(tini.parent_death, Some("SIGKILL".into()));
        let dumb = typed_words(&["--rewrite", "15:3", "--rewrite=2:0", "a", "b"]);
        assert_eq!(dumb.rewrite, ["15:3", "2:0"]);
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        let Err(Error::Usage(text)) = parse_words(&["--timeot", "5s", "x"]) else { panic!("accepted") };
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
