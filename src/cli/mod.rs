//! The command line: what was typed. The options are defined in `definition`; what they mean is for
//! `settings`.

#![forbid(unsafe_code)]

pub mod command;
pub mod definition;
pub mod settings;
pub(crate) mod usage;

use crate::error::Error;
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
    /// `--wrapper`, each
    pub wrapper: Vec<OsString>,
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
    /// The process whose tree is wanted, or `all` for every container.
    pub pid: OsString,
    /// `--check`
    pub check: bool,
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
/// A command line that begins with `--` or with a word that is no option has no options: it is read
/// without clap's definition, which takes 45 µs to build. Engines call an init so, at the start of
/// every container.
///
/// # Errors
/// [`Error::Usage`] for options that do not exist or lack their value.
pub fn parse(args: Vec<OsString>) -> Result<Request, Error> {
    match args.first() {
        Some(first) if is_option(first) && first != "--" => definition::read(&args),
        first => {
            let after_dashes = first.is_some_and(|first| first == "--");
            let command =
                words(args.into_iter().skip(usize::from(after_dashes)).collect(), after_dashes);
            Ok(Request::Run(Box::new(Typed { command, ..Typed::default() })))
        }
    }
}

/// Whether the word looks like an option: `-` alone is a file name by custom.
fn is_option(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 1 && bytes.first() == Some(&b'-')
}

/// One word without `--` is a shell string; everything else is a program with its arguments.
fn words(mut words: Vec<OsString>, after_dashes: bool) -> TypedCommand {
    match words.len() {
        1 if !after_dashes => TypedCommand::Shell(words.remove(0), Vec::new()),
        _ => TypedCommand::Program(words),
    }
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
    fn the_definition_is_sound_and_every_option_has_its_line_in_the_help() {
        definition::command().debug_assert();
        let Ok(Request::Print(help)) = parse_words(&["--help"]) else { panic!("no text") };
        for option in definition::command().get_arguments().filter(|it| !it.is_hide_set()) {
            assert!(option.get_help().is_some_and(|text| !text.to_string().is_empty()), "{option}");
            for name in [
                option.get_short().map(|it| format!("-{it}")),
                option.get_long().map(|it| format!("--{it}")),
            ] {
                let Some(name) = name else { continue };
                assert!(help.contains(&name), "{name} is not in the help");
            }
        }
    }

    #[test]
    fn without_the_definition_a_command_line_means_the_same() {
        for words in [
            &["--"][..],
            &["--", "a"],
            &["--", "a", "b"],
            &["--", "--", "x"],
            &["--", "-c", "x"],
            &["--", "--help"],
            &["--", ""],
            &["a"],
            &["a b"],
            &["a", "b"],
            &["a", "--", "-t", "x"],
            &["a", "-v", "--version"],
            &["-"],
            &["-", "-v"],
            &[""],
            &["", "a"],
        ] {
            let args: Vec<OsString> = words.iter().map(OsString::from).collect();
            let by_definition = definition::read(&args);
            assert_eq!(parse(args), by_definition, "{words:?}");
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
        let server = ["--termination-log", "./server", "--log", "a.log"];
        assert_eq!(typed_words(&server).command, argv(&server[1..]));
        assert_eq!(typed_words(&["-t", "-linger", "x"]).timeout, Some("-linger".into()));
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
        assert_eq!(explain(&["--explain", "--format", "json", "7"]), ("7".into(), None));
        assert_eq!(explain(&["--explain", "--format=json"]), ("1".into(), None));
        assert_eq!(explain(&["--explain", "--show-args", "--", "7"]), ("7".into(), None));
        assert_eq!(explain(&["--explain", "--check", "all"]), ("all".into(), None));
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
            (&["-t"][..], &["the value of -t, --timeout <TIME> is missing", "adieu --help"][..]),
            (&["-vt"], &["the value of -t, --timeout <TIME> is missing"]),
            (&["-c"], &["the value of -c <STRING>... is missing"]),
            (&["--report", "-v", "x"], &["the value of --report <FILE> is missing"]),
            (&["--linger=yes", "x"], &["--linger takes no value (got 'yes')"]),
            (&["--help=foo"], &["--help takes no value (got 'foo')"]),
            (&["-v=2", "x"], &["before '=' takes no value"]),
            (&["--explain", "-5"], &["'-5'"]),
            (&["-Z", "x"], &["'-Z'", "adieu --help", "adieu -- -Z"]),
            (&["-vZ", "x"], &["'-Z'"]),
            (
                &["--format", "json", "x"],
                &["belong to --explain", "adieu --explain 1 --format json"],
            ),
            (&["--signal=HUP", "x"], &["--signal, --format and --check belong to --explain"]),
            (&["--explain", "1", "x"], &["--explain runs no command", "'x'"]),
            (&["--explain", "1", "7"], &["--explain runs no command", "'7'"]),
            (&["--explain", "-v", "x"], &["--explain runs no command", "'x'"]),
            (&["--explain", "-v"], &["--explain takes no --verbose", "--signal"]),
            (&["-r", "TERM=QUIT", "--explain", "1"], &["--explain takes no --rewrite"]),
            (&["--explain", "1", "-t", "9s"], &["--explain takes no --timeout"]),
            (&["-g", "--explain=1"], &["--explain takes no --group"]),
            (&["--check", "x"], &["belong to --explain"]),
            (
                &["--report", "true"],
                &["no command", "'true', for its file", "adieu --report stop.json 'true'"],
            ),
            (&["-linger", "x"], &["'-linger'", "two dashes: --linger"]),
            (&["-v", "-timeout=5s", "x"], &["'-timeout'", "two dashes: --timeout"]),
            (&["-version"], &["'-version'", "two dashes: --version"]),
            (&["-help"], &["'-help'", "two dashes: --help"]),
            (
                &["--termination-log", "/dev/termination-log", "./server"],
                &["'/dev/termination-log' the program", "--termination-log=/dev/termination-log"],
            ),
            (
                &["-v", "--termination-log", "/x/end.log", "cd /app && ./server"],
                &["behind a '='", "--termination-log=/x/end.log"],
            ),
            (&["--install", "/x", "-c", "y"], &["--install runs no command", "'y'"]),
            (
                &["-c", "--", "a", "b"],
                &["-c '--'", "adieu -v -c '", "dumb-init", "adieu --deliver child -- P"],
            ),
            (
                &["-c", "-v", "a"],
                &["-c '-v'", "options have to stand before it", "adieu --deliver child -- PROGRAM"],
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
        for rest in [&["--", "n"][..], &["-v", "n"], &["-e", "5"], &["--help"], &["-t"]] {
            let typed = typed_words(&[&["-cs"][..], rest].concat());
            assert_eq!((&typed.command, typed.verbose), (&shell("s", rest), false), "{rest:?}");
        }
        let typed = typed_words(&["-t", "-c", "-vcs", "-h"]);
        assert_eq!((typed.timeout, typed.verbose), (Some("-c".into()), true));
        assert_eq!(typed.command, shell("s", &["-h"]));
        assert_eq!(typed_words(&["-c", "--", "s"]).command, shell("--", &["s"]));
        assert_eq!(typed_words(&["-c", "-x"]).command, shell("-x", &[]));
    }

    #[test]
    fn a_command_may_be_missing_here_and_is_refused_later() {
        assert_eq!(typed_words(&[]).command, argv(&[]));
        assert_eq!(typed_words(&["--"]).command, argv(&[]));
        assert_eq!(typed_words(&["-v"]).command, argv(&[]));
        assert_eq!(typed_words(&["--report", "x", "-v"]).command, argv(&[]));
        assert_eq!(typed_words(&["--report", "-"]).command, argv(&[]));
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
            assert!(line.chars().count() <= 100, "too wide: {line}");
        }
        assert!(text.contains("--timeout <TIME>"), "{text}");
    }
}
