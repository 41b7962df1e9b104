//! The options of `adieu`: names, values, help, and what of a command line each of them reads.
//!
//! The help, the man page, the completions (`tests/generated.rs`) and the errors come from this
//! definition. Values are taken as they are typed; what they mean is for
//! [`settings`](super::settings).

use crate::cli::settings::TERMINATION_LOG;
use crate::cli::usage::{self, Foreign};
use crate::cli::{Request, Typed, TypedCommand, TypedExplain, is_option, words};
use crate::error::Error;
use clap::builder::{OsStringValueParser, ValueHint};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const ABOUT: &str = "\
Runs a command. On a stop signal, each program that handles the signal gets it and may finish.";

/// The five forms of a command line.
const USAGE: &str = "\
adieu [OPTIONS] 'SHELL STRING'
       adieu [OPTIONS] -c 'SHELL STRING' [NAME ARG...]
       adieu [OPTIONS] -- PROGRAM [ARG...]
       adieu --explain [PID|all] [--check] [--signal SIG] [--format json]
       adieu --install PATH";

const AFTER_HELP: &str = "\
Examples:
  adieu 'cd /app && ./server'
      a shell string: ./server gets the stop signal, the shell around it is shielded
  adieu -t 30s -- ./server --port 80
      a program, killed 30 s after the stop signal
  adieu -r TERM=QUIT 'nginx -g \"daemon off;\" | tee -a log'
      nginx gets its graceful signal and finishes its requests, tee the log

In brackets: the default, then the environment variable. An option wins over its variable. Options
end at the first word that is not one.

Exit status: that of the main process; 128+n when signal n ended it; 137 when the timeout killed;
125 when adieu itself failed; 126 when the program cannot be executed; 127 when it is not found.
Where adieu is not PID 1 and a signal ended the main process, adieu ends by the same signal; a
shell shows that as 128+n too.";

const SINGLE_CHILD: &str = "dumb-init's -c, --single-child can be left out, as programs see to \
their own workers here; the nearest is adieu --deliver child -- PROGRAM ARG";
const LICENCE: &str = "the licence is MIT or Apache-2.0";

/// Options of other inits that adieu does not have, and what to do about them.
const FOREIGN: [Foreign; 4] = [
    Foreign { id: "single-child", name: "--single-child", hint: SINGLE_CHILD },
    Foreign {
        id: "pause",
        name: "-P",
        hint: "for catatonit's pause mode (podman's pods) keep catatonit",
    },
    Foreign { id: "license-long", name: "-L", hint: LICENCE },
    Foreign { id: "license", name: "-l", hint: LICENCE },
];

/// An option that takes a value, whatever that looks like: `settings` refuses `-5s` by name.
fn value(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id)
        .long(id)
        .value_name(name)
        .value_parser(OsStringValueParser::new())
        .action(ArgAction::Set)
        .allow_hyphen_values(true)
        .help(help)
}

/// An option that takes no value.
fn flag(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).action(ArgAction::SetTrue).help(help)
}

/// The command line of `adieu`.
pub fn command() -> Command {
    Command::new("adieu")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .override_usage(USAGE)
        .after_help(AFTER_HELP)
        .args_override_self(true)
        // `--version` answers in tini's form, and `--help=x` is refused.
        .disable_version_flag(true)
        .disable_help_flag(true)
        .next_help_heading("Running")
        .args(running())
        .next_help_heading("Stopping")
        .args(stopping())
        .next_help_heading("Output")
        .args(output())
        .next_help_heading("Explaining")
        .args(explaining())
        .next_help_heading("Other")
        .args(other())
        .next_help_heading("Accepted for tini and dumb-init")
        .args(for_other_inits())
        .arg(
            Arg::new("words")
                .num_args(0..)
                .trailing_var_arg(true)
                .value_parser(OsStringValueParser::new())
                .value_hint(ValueHint::CommandWithArguments)
                .hide(true)
                .help("The command"),
        )
}

fn running() -> [Arg; 5] {
    [
        Arg::new("string")
            .short('c')
            .value_name("STRING")
            .num_args(1..)
            .action(ArgAction::Set)
            .allow_hyphen_values(true)
            .value_parser(OsStringValueParser::new())
            .value_hint(ValueHint::CommandString)
            .help("A shell string, as `sh -c` takes it; what follows is its $0, $1 ..."),
        value("shell", "CMD", "The shell for strings [/bin/sh -c] [ADIEU_SHELL]")
            .allow_hyphen_values(false)
            .value_hint(ValueHint::CommandString),
        flag("linger", "Go on until the last process is gone, for daemons [ADIEU_LINGER]")
            .long("linger"),
        value("ok-exit", "CODE", "Exit with 0 instead of CODE: 143, 7,143 [ADIEU_OK_EXIT]")
            .short('e')
            .action(ArgAction::Append),
        value("parent-death", "SIG", "Signal that adieu gets when its parent dies").short('p'),
    ]
}

fn stopping() -> [Arg; 6] {
    [
        value(
            "timeout",
            "TIME",
            "From the stop signal to SIGKILL: 10s, 1m 30s [none] [ADIEU_TIMEOUT]",
        )
        .short('t'),
        value(
            "epilogue",
            "TIME",
            "How long a script may go on after its handlers [5s] [ADIEU_EPILOGUE]",
        ),
        value(
            "rewrite",
            "FROM=TO",
            "When FROM arrives, send TO: TERM=QUIT,HUP=0 (0 drops it) [ADIEU_REWRITE]",
        )
        .short('r')
        .action(ArgAction::Append),
        value(
            "deliver",
            "WHO",
            "Who gets a signal: programs, group or child [programs] [ADIEU_DELIVER]",
        ),
        value(
            "wrapper",
            "NAME",
            "One more program that only waits for its child, like su [ADIEU_WRAPPERS]",
        )
        .action(ArgAction::Append),
        value(
            "stop-on",
            "SIG",
            "Signals that begin the stop: TERM,INT [TERM,INT,QUIT] [ADIEU_STOP_ON]",
        )
        .action(ArgAction::Append),
    ]
}

fn output() -> [Arg; 5] {
    [
        flag("verbose", "Print the stop as it happens, and its timeline [ADIEU_LOG=verbose]")
            .short('v')
            .long("verbose")
            .overrides_with_all(["verbose", "quiet"]),
        flag("quiet", "Print no warnings [ADIEU_LOG=quiet]")
            .short('q')
            .long("quiet")
            .overrides_with_all(["verbose", "quiet"]),
        value("report", "FILE", "Write the finished stop as JSON; - is stderr [ADIEU_REPORT]")
            .allow_hyphen_values(false)
            .value_hint(ValueHint::FilePath),
        value(
            "termination-log",
            "FILE",
            "Append a summary [/dev/termination-log] [ADIEU_TERMINATION_LOG]",
        )
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value(TERMINATION_LOG)
        .value_hint(ValueHint::FilePath),
        flag("show-args", "Show whole command lines in logs and reports [ADIEU_SHOW_ARGS]")
            .long("show-args"),
    ]
}

fn explaining() -> [Arg; 4] {
    [
        value("explain", "PID", "Say what a stop would do to the tree below PID, or all [1]")
            .allow_hyphen_values(false)
            .num_args(0..=1)
            .default_missing_value(""),
        flag("check", "With --explain: exit with 1 where the signal is ignored or cuts off")
            .long("check")
            .requires("explain"),
        value("signal", "SIG", "With --explain: say what this signal would do [TERM]")
            .allow_hyphen_values(false)
            .requires("explain"),
        value("format", "FORMAT", "With --explain: text or json [text]")
            .allow_hyphen_values(false)
            .requires("explain"),
    ]
}

fn other() -> [Arg; 3] {
    [
        value("install", "PATH", "Copy adieu to PATH (images FROM scratch have no cp)")
            .allow_hyphen_values(false)
            .value_hint(ValueHint::AnyPath),
        flag("help", "Print this help").short('h').long("help"),
        flag("version", "Print the version in tini's form, which dockerd expects")
            .short('V')
            .long("version"),
    ]
}

fn for_other_inits() -> Vec<Arg> {
    let accepted = [
        flag("group", "The same as --deliver group").short('g'),
        flag("subreaper", "No effect: adieu is always a subreaper").short('s'),
        flag("warn", "No effect").short('w'),
    ];
    accepted.into_iter().chain(FOREIGN.iter().map(Foreign::hidden_flag)).collect()
}

/// Reads the arguments (without adieu's own name).
///
/// # Errors
/// [`Error::Usage`] for options that do not exist or lack their value, and for those that cannot
/// stand together.
pub(super) fn read(args: &[OsString]) -> Result<Request, Error> {
    let mut command = command().no_binary_name(true);
    let args = &detached(args, &command)?;
    let mut found = match command.try_get_matches_from_mut(args) {
        Ok(found) => found,
        Err(error) => return Err(usage::explain(&error, &command, "adieu --help")),
    };
    if found.get_flag("help") {
        return Ok(Request::Print(command.render_help().to_string()));
    }
    if let Some(foreign) = FOREIGN.iter().find(|foreign| found.get_flag(foreign.id)) {
        return Err(foreign.refuse());
    }
    if found.get_flag("version") {
        return Ok(Request::Print(version()));
    }
    let mut words = all(&mut found, "words");
    let mut string = all(&mut found, "string").into_iter();
    let first = string.next();
    if let Some(path) = one(&mut found, "install") {
        alone("--install", "adieu --install /shared/adieu", words.first().or(first.as_ref()))?;
        return Ok(Request::Install(path));
    }
    if let Some(pid) = one(&mut found, "explain") {
        let pid = explained(pid, &mut words);
        alone("--explain", "adieu --explain 1 --signal HUP", words.first().or(first.as_ref()))?;
        only_explaining(&found)?;
        return Ok(Request::Explain(TypedExplain {
            pid,
            check: found.get_flag("check"),
            signal: one(&mut found, "signal"),
            format: one(&mut found, "format"),
            show_args: found.get_flag("show-args"),
        }));
    }
    let command = match first {
        Some(first) => shell_string(first, string.chain(words).collect())?,
        None => {
            let before = args.len().checked_sub(words.len() + 1).and_then(|at| args.get(at));
            let after_dashes = before.is_some_and(|word| word == "--");
            let behind_log = before.is_some_and(|word| word == "--termination-log");
            file_behind_a_blank(&words, behind_log)?;
            if words.is_empty() && !after_dashes {
                command_as_report(args.last(), found.get_one("report"))?;
            }
            self::words(words, after_dashes)
        }
    };
    let group = found.get_flag("group").then(|| OsString::from("group"));
    Ok(Request::Run(Box::new(Typed {
        timeout: one(&mut found, "timeout"),
        epilogue: one(&mut found, "epilogue"),
        shell: one(&mut found, "shell"),
        rewrite: all(&mut found, "rewrite"),
        deliver: one(&mut found, "deliver").or(group),
        wrapper: all(&mut found, "wrapper"),
        stop_on: all(&mut found, "stop-on"),
        linger: found.get_flag("linger"),
        ok_exit: all(&mut found, "ok-exit"),
        parent_death: one(&mut found, "parent-death"),
        verbose: found.get_flag("verbose"),
        quiet: found.get_flag("quiet"),
        report: one(&mut found, "report"),
        termination_log: one(&mut found, "termination-log"),
        show_args: found.get_flag("show-args"),
        command,
    })))
}

/// The arguments with the string of `-cSTRING` as a word of its own. Everything behind `-c` is the
/// shell's; behind an attached value clap would look for options again.
///
/// # Errors
/// [`Error::Usage`] for `-linger`, which would be read as five options of one letter each.
fn detached(args: &[OsString], command: &Command) -> Result<Vec<OsString>, Error> {
    let takes_next = |found: Option<&Arg>| {
        found.is_some_and(|arg| {
            let optional = arg.get_num_args().is_some_and(|count| count.min_values() == 0);
            arg.get_action().takes_values() && !arg.is_require_equals_set() && !optional
        })
    };
    let mut words = args.to_vec();
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| is_option(word) && *word != "--") {
        let bytes = word.clone().into_vec();
        if let Some(name) = single_dash(&bytes, command) {
            return Err(Error::Usage(format!(
                "there is no option '-{name}'; write it with two dashes: --{name} (adieu --help)"
            )));
        }
        let mut skips = 1;
        if let Some(long) = bytes.strip_prefix(b"--") {
            let of_name = |arg: &&Arg| arg.get_long().is_some_and(|it| it.as_bytes() == long);
            skips += usize::from(takes_next(command.get_arguments().find(of_name)));
        } else if let Some(place) = bytes.iter().skip(1).position(|letter| {
            let of_letter = |arg: &&Arg| arg.get_short() == Some(char::from(*letter));
            takes_next(command.get_arguments().find(of_letter))
        }) {
            let end = place + 2;
            let is_string = bytes.get(end - 1) == Some(&b'c');
            if is_string && end < bytes.len() {
                let (cluster, string) = bytes.split_at(end);
                let parts = [cluster, string].map(|part| OsStr::from_bytes(part).to_owned());
                words.splice(at..=at, parts);
            }
            if is_string {
                break;
            }
            // The value is the rest of the word, or the next one.
            skips += usize::from(end == bytes.len());
        }
        at += skips;
    }
    Ok(words)
}

/// The name of the long option that was written with one dash, as in `-timeout 5s`.
fn single_dash<'a>(word: &[u8], command: &'a Command) -> Option<&'a str> {
    let name = word.strip_prefix(b"-")?.split(|byte| *byte == b'=').next()?;
    let mut longs = command.get_arguments().filter(|arg| !arg.is_hide_set());
    longs.find_map(|arg| arg.get_long().filter(|long| long.as_bytes() == name))
}

fn one(found: &mut ArgMatches, id: &str) -> Option<OsString> {
    found.remove_one(id)
}

fn all(found: &mut ArgMatches, id: &str) -> Vec<OsString> {
    found.remove_many(id).map(Iterator::collect).unwrap_or_default()
}

/// The process that `--explain` means: the value behind it, or the only word behind its other
/// options (`--explain --format json 7`).
fn explained(typed: OsString, words: &mut Vec<OsString>) -> OsString {
    let is_process = |word: &OsString| {
        let bytes = word.as_bytes();
        bytes == b"all" || bytes.iter().all(u8::is_ascii_digit)
    };
    match words.as_slice() {
        [word] if typed.is_empty() && is_process(word) => words.remove(0),
        _ if typed.is_empty() => "1".into(),
        _ => typed,
    }
}

/// Refuses options beside `--explain` that would say how a stop goes: a running adieu has its own.
fn only_explaining(found: &ArgMatches) -> Result<(), Error> {
    let own = ["explain", "check", "signal", "format", "show-args"];
    let mut others = found.ids().map(clap::Id::as_str).filter(|id| !own.contains(id));
    let typed = |id: &&str| found.value_source(id) == Some(ValueSource::CommandLine);
    match others.find(typed) {
        None => Ok(()),
        Some(id) => Err(Error::Usage(format!(
            "--explain takes no --{id}: it reads the options of the adieu that runs; beside it \
             stand --check, --signal, --format and --show-args"
        ))),
    }
}

/// Refuses a command beside an option that runs none.
fn alone(option: &str, example: &str, command: Option<&OsString>) -> Result<(), Error> {
    match command {
        None => Ok(()),
        Some(word) => Err(Error::Usage(format!(
            "{option} runs no command (got '{}'); write for example {example}",
            word.to_string_lossy()
        ))),
    }
}

/// Refuses `adieu --report ./server`, where the program was taken for the file.
fn command_as_report(last: Option<&OsString>, report: Option<&OsString>) -> Result<(), Error> {
    match report {
        Some(file) if last == Some(file) && file != "-" => {
            let file = file.to_string_lossy();
            Err(Error::Usage(format!(
                "no command: --report takes the next word, '{file}', for its file; write for \
                 example adieu --report stop.json '{file}'"
            )))
        }
        _ => Ok(()),
    }
}

/// Refuses `--termination-log FILE`, where FILE would be run: the option's value is optional, so it
/// can only stand behind a `=`.
fn file_behind_a_blank(words: &[OsString], behind_log: bool) -> Result<(), Error> {
    match words {
        [file, _, ..] if behind_log && (file == TERMINATION_LOG || is_a_log(file)) => {
            let file = file.to_string_lossy();
            Err(Error::Usage(format!(
                "--termination-log takes its file behind a '=' (a blank makes '{file}' the \
                 program); write for example --termination-log={file}"
            )))
        }
        _ => Ok(()),
    }
}

fn is_a_log(file: &OsStr) -> bool {
    [&b".log"[..], b".txt"].iter().any(|end| file.as_bytes().ends_with(end))
}

/// `-c STRING NAME ARG…`. A shell takes a STRING that begins with `-` and has words behind it for
/// options of its own, and runs the next word; `-c -- STRING` alone is what POSIX has `system()`
/// write.
fn shell_string(string: OsString, rest: Vec<OsString>) -> Result<TypedCommand, Error> {
    if rest.is_empty() || !is_option(&string) || (string == "--" && rest.len() == 1) {
        return Ok(TypedCommand::Shell(string, rest));
    }
    let string = string.to_string_lossy();
    Err(Error::Usage(format!(
        "-c '{string}': the shell string has to follow -c, and options have to stand before it: \
         adieu -v -c 'cd /app && ./server'; {SINGLE_CHILD} (adieu --help)"
    )))
}

/// The version in the form that dockerd parses (`tini version X`, one line, no commit).
fn version() -> String {
    concat!("tini version ", env!("CARGO_PKG_VERSION"), "_adieu\n").to_owned()
}
