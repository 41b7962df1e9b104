//! From a shell string, `-c` or an argument list to what is executed. Pure: looks nothing up.

use crate::cli::TypedCommand;
use crate::cli::settings::Settings;
use crate::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What to execute, in the order in which it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments, at least one word; `None` where the string needs a shell.
    pub direct: Option<Vec<OsString>>,
    /// The shell with the string, for a string that needs one, and for one whose program cannot be
    /// executed: the error is the shell's own then.
    pub shell: Option<Vec<OsString>>,
}

/// What in the environment decides whether a shell does more with plain words than run them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShellEnvironment {
    /// `PATH` is set. Without it every shell has a search path of its own.
    pub path: bool,
    /// The environment holds functions or options for a shell (bash: `BASH_FUNC_…`, `SHELLOPTS`,
    /// `BASHOPTS`).
    pub shell_state: bool,
}

impl ShellEnvironment {
    /// Reads the environment's entries, `NAME=value`.
    pub fn from_environment<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut found = Self { path: false, shell_state: false };
        for entry in entries {
            let is = |name: &[u8]| {
                entry.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'='))
            };
            found.path |= is(b"PATH");
            found.shell_state |=
                entry.starts_with(b"BASH_FUNC_") || is(b"SHELLOPTS") || is(b"BASHOPTS");
        }
        found
    }
}

/// Decides what to execute. Only a shell string needs a look at the environment, `around`.
///
/// # Errors
/// [`Error::Usage`] where there is no command: a shell would end such a container at once and say
/// nothing.
pub fn resolve(
    typed: TypedCommand,
    settings: &Settings,
    around: impl FnOnce() -> ShellEnvironment,
) -> Result<Command, Error> {
    match typed {
        TypedCommand::Program(words) => match words.first() {
            None => Err(missing("no command")),
            Some(program) if program.is_empty() => Err(missing("the program's name is empty")),
            Some(_) => Ok(Command { direct: Some(words), shell: None }),
        },
        TypedCommand::Shell(string, arguments) => {
            if string.as_encoded_bytes().trim_ascii().is_empty() {
                return Err(missing("the shell string is empty"));
            }
            // A shell that the user chose may read files of its own, or know other builtins.
            let direct = if settings.default_shell { plain_words(&string, around()) } else { None };
            let mut shell = settings.shell.clone();
            shell.push(string);
            shell.extend(arguments);
            Ok(Command { direct, shell: Some(shell) })
        }
    }
}

/// Whether what stands in the place of a program's name looks like a shell's word or a whole
/// string.
pub(crate) fn looks_like_shell(program: &str) -> bool {
    let syntax = |c: char| c.is_whitespace() || "|&;<>()$`='\"".contains(c);
    program.contains(syntax) || SHELL_WORDS.split(' ').any(|word| word == program)
}

/// The words of a shell string that are paths of files, each as seen from the directory to which
/// the string has changed by then (`cd /app && ./start.sh`). A guess, to say more about an error.
pub(crate) fn paths_in(string: &str) -> Vec<PathBuf> {
    let separates = |c: char| c.is_whitespace() || "|&;<>()'\"".contains(c);
    let mut words = string.split(separates).filter(|word| !word.is_empty());
    let mut directory = PathBuf::new();
    let mut paths = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "cd" => directory.push(words.next().unwrap_or_default()),
            _ if word.contains('/') => paths.push(directory.join(word)),
            _ => {}
        }
    }
    paths
}

fn missing(what: &str) -> Error {
    Error::Usage(format!(
        "{what}; write for example adieu 'cd /app && ./server' or adieu -- ./server --port 80 \
         (adieu --help)"
    ))
}

/// First words that a shell acts on itself: the reserved words and builtins of dash, bash, busybox
/// ash, ksh93, mksh, yash and zsh, as each lists them. GNU make keeps such a list for the same
/// reason.
const SHELL_WORDS: &str = "\
    . : [ [[ alias array autoload bg bind bindkey break builtin bye caller case cd chdir command \
    compctl compgen complete compopt continue coproc declare dirs disable disown do done echo \
    echotc echoti elif else emulate enable end esac eval exec exit export false fc fg fi float for \
    foreach function functions getconf getln getopts global hash help hist history if in integer \
    jobs kill let limit local log login logout mapfile mknod namespace nameref newgrp nocorrect \
    noglob popd print printf private pushd pushln pwd r read readarray readonly realpath redirect \
    rehash rename repeat return sched select set setopt shift shopt source stop suspend test then \
    time times trap true ttyctl type typeset ulimit umask unalias unfunction unhash unlimit unset \
    unsetopt until vared wait whence where which while zcompile zformat zle zmodload zparseopts \
    zstyle";

/// The words of a string that every shell would only split and execute; `None` at any doubt.
///
/// Literal are ASCII letters, digits and `_ . / , : + @ % = -`, anything printable within single
/// quotes, and within double quotes all but `$`, a backquote, `\` and `!`.
fn plain_words(string: &OsStr, around: ShellEnvironment) -> Option<Vec<OsString>> {
    if !around.path || around.shell_state {
        return None;
    }
    let text = string.to_str()?;
    let mut quote = None;
    for c in text.chars() {
        let printable = c == ' ' || c.is_ascii_graphic();
        quote = match (quote, c) {
            (None, '\'' | '"') => Some(c),
            (Some(open), _) if c == open => None,
            (None, ' ' | '\t' | '_' | '.' | '/' | ',' | ':' | '+' | '@' | '%' | '=' | '-') => None,
            (None, _) if c.is_ascii_alphanumeric() => None,
            (Some('\''), _) if printable => quote,
            (Some('"'), _) if printable && !matches!(c, '$' | '`' | '\\' | '!') => quote,
            _ => return None,
        };
    }
    if quote.is_some() {
        return None;
    }
    let words = shell_words::split(text).ok()?;
    let first = words.first()?;
    let acted_on = first.is_empty()
        || first.starts_with(['%', '-'])
        || first.as_bytes().contains(&b'=')
        || SHELL_WORDS.split(' ').any(|word| word == first);
    // A quoted first word is no reserved word. It goes to the shell all the same: nobody writes it.
    (!acted_on).then(|| words.into_iter().map(OsString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Typed;

    const USUAL: ShellEnvironment = ShellEnvironment { path: true, shell_state: false };

    fn settings(shell: Option<&str>) -> Settings {
        let typed = Typed { shell: shell.map(OsString::from), ..Typed::default() };
        crate::cli::settings::resolve(&typed, |_| None).expect("right")
    }

    fn direct(string: &str) -> Option<Vec<OsString>> {
        let typed = TypedCommand::Shell(string.into(), Vec::new());
        resolve(typed, &settings(None), || USUAL).expect("a command").direct
    }

    #[test]
    fn plain_words_need_no_shell() {
        assert_eq!(
            direct("./server --port 80"),
            Some(vec!["./server".into(), "--port".into(), "80".into()])
        );
        assert_eq!(
            direct("  java\t-Dx=y  -jar a.jar "),
            Some(["java", "-Dx=y", "-jar", "a.jar"].map(Into::into).into())
        );
        assert_eq!(
            direct("a 'b  $c;' \"d e\"f ''"),
            Some(["a", "b  $c;", "d ef", ""].map(Into::into).into())
        );
        assert_eq!(direct("user@host:/a+b,c%d"), Some(vec!["user@host:/a+b,c%d".into()]));
    }

    #[test]
    fn any_doubt_goes_to_the_shell() {
        for string in [
            "cd /x && ./y",
            "./a; ./b",
            "a | b",
            "a &",
            "a > b",
            "a < b",
            "$A",
            "`a`",
            "a*",
            "a?b",
            "[a]",
            "{a,b}",
            "(a)",
            "~/a",
            "a ~",
            "a \\b",
            "a\nb",
            "a\n",
            "#a",
            "a #b",
            "!a",
            "a ^b",
            "A=1 b",
            "A=1",
            "'A'=1 b",
            "\"$A\"",
            "\"a`b`\"",
            "\"a\\\\b\"",
            "\"a!b\"",
            "'unterminated",
            "\"unterminated",
            "exec a",
            "echo a",
            ". a",
            ": a",
            "[ a ]",
            "if a",
            "exit",
            "trap a",
            "wait",
            "%1",
            "-x",
            "'' a",
            "a é",
            "a\u{a0}b",
            "a\rb",
            "a 'b\tc'",
            "'exit' 3",
            "ex'it' 3",
        ] {
            assert_eq!(direct(string), None, "{string:?}");
        }
    }

    #[test]
    fn an_environment_that_a_shell_acts_on_goes_to_the_shell() {
        let string = || TypedCommand::Shell("a b".into(), Vec::new());
        for around in [
            ShellEnvironment { path: false, shell_state: false },
            ShellEnvironment { path: true, shell_state: true },
        ] {
            assert_eq!(
                resolve(string(), &settings(None), || around).expect("a command").direct,
                None
            );
        }
        assert_eq!(
            resolve(string(), &settings(Some("bash -c")), || USUAL).expect("a command").direct,
            None
        );
        let found = |entries: &[&str]| {
            ShellEnvironment::from_environment(entries.iter().map(|entry| entry.as_bytes()))
        };
        assert_eq!(found(&["A=PATH=", "PATH=/bin", "PATHX=1"]), USUAL);
        assert_eq!(
            found(&["PATHX=/bin", "SHELLOPTSX=", "XPATH=1"]),
            ShellEnvironment { path: false, shell_state: false }
        );
        for state in ["BASH_FUNC_a%%=() { :; }", "SHELLOPTS=errexit", "BASHOPTS="] {
            assert!(found(&["PATH=", state]).shell_state, "{state}");
        }
    }

    #[test]
    fn the_shell_gets_the_string_and_its_arguments_as_they_are() {
        let typed = TypedCommand::Shell("echo $0 $1".into(), vec!["n".into(), "a b".into()]);
        let command = resolve(typed, &settings(Some("bash -e -c")), || USUAL).expect("a command");
        assert_eq!(
            command.shell,
            Some(["bash", "-e", "-c", "echo $0 $1", "n", "a b"].map(Into::into).into())
        );
    }

    #[test]
    fn a_string_in_a_programs_place_is_known() {
        for string in ["cd /x && y", "./server --port 80", "cd", "exec", "A=1", "./a;b", "$SERVER"]
        {
            assert!(looks_like_shell(string), "{string}");
        }
        for program in ["server", "./server", "/opt/a+b@1.2/x-y_z", "", "-x"] {
            assert!(!looks_like_shell(program), "{program}");
        }
    }

    #[test]
    fn the_paths_of_a_string_are_seen_from_where_it_is_by_then() {
        let paths = |string: &str| paths_in(string);
        assert_eq!(
            paths("cd /app && cd bin; './start.sh' --port 80 | /usr/bin/tee -a log"),
            ["/app/bin/./start.sh", "/usr/bin/tee"].map(PathBuf::from)
        );
        assert_eq!(paths("exec ./a&./b"), ["./a", "./b"].map(PathBuf::from));
        assert_eq!(paths("echo hello; cd"), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn no_command_is_an_error_that_shows_one() {
        for typed in [
            TypedCommand::Program(vec![]),
            TypedCommand::Program(vec!["".into()]),
            TypedCommand::Shell("".into(), vec![]),
            TypedCommand::Shell(" \t\n".into(), vec!["x".into()]),
        ] {
            let Err(Error::Usage(text)) = resolve(typed, &settings(None), || USUAL) else {
                panic!("accepted")
            };
            assert!(text.contains("adieu 'cd /app && ./server'"), "{text}");
        }
    }
}
