//! Starts the main process, or becomes it: where the program is, and what a failure means to the
//! user (126, 127).

use crate::cli::command::{self, Command};
use crate::error::Error;
use crate::programs;
use crate::signal::SignalSet;
use crate::system::sys::{self, Spawn, SpawnError, c_strings};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What adieu was started with and has changed for itself; the child gets it back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inherited {
    /// The signal mask.
    pub mask: SignalSet,
    /// SIGCHLD was ignored.
    pub ignore_child: bool,
    /// adieu's group is in the foreground of the terminal on stdin, so the child's group gets
    /// there.
    pub foreground: bool,
}

/// What runs a script without a `#!` line, as `execvp(3)` and every shell do it.
const SCRIPT_SHELL: &str = "/bin/sh";
/// Where `execvp(3)` looks without `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Starts the command in a process group of its own; its pid is the group's number too.
///
/// # Errors
/// 126 and 127 as a shell has them; 125 where there is no process to be had.
pub(crate) fn start(command: &Command, inherited: &Inherited) -> Result<i32, Error> {
    let direct = command.direct.as_ref().map(|words| start_program(words, inherited));
    match (direct, &command.shell) {
        (Some(tried @ Ok(_)), _) | (Some(tried), None) => tried,
        // The string could not be run without a shell. A shell says in its own words what is wrong.
        (tried, shell) => {
            let shell = shell.as_deref().unwrap_or_default();
            start_program(shell, inherited)
                .map_err(|error| without_shell(shell, tried.and_then(Result::err), error))
        }
    }
}

/// The error where there is no shell: about the program, if the string is plain words.
fn without_shell(shell: &[OsString], direct: Option<Error>, error: Error) -> Error {
    let name = shell.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    match (direct, error) {
        (Some(Error::NotFound(text)), Error::NotFound(_)) => {
            Error::NotFound(format!("{text}; and there is no shell here ({name})"))
        }
        (Some(direct @ Error::NotExecutable(_)), Error::NotFound(_)) => direct,
        (None, Error::NotFound(text)) => Error::NotFound(format!(
            "{text}; a shell string needs a shell, a program with its arguments does not: adieu \
             -- PROGRAM ARG"
        )),
        (_, error) => error,
    }
}

fn start_program(words: &[OsString], inherited: &Inherited) -> Result<i32, Error> {
    let candidates = candidates(words);
    match spawn(&candidates, words, inherited) {
        Err(SpawnError::Exec(at, Errno::ENOEXEC)) if is_script(candidates.get(at)) => {
            let script = candidates.get(at).map(|path| path.as_os_str()).unwrap_or_default();
            let mut as_script = vec![OsString::from(SCRIPT_SHELL), script.to_owned()];
            as_script.extend(words.iter().skip(1).cloned());
            let shell = [PathBuf::from(SCRIPT_SHELL)];
            spawn(&shell, &as_script, inherited).map_err(|e| explain(&as_script, &shell, e))
        }
        result => result.map_err(|e| explain(words, &candidates, e)),
    }
}

fn spawn(
    candidates: &[PathBuf],
    words: &[OsString],
    inherited: &Inherited,
) -> Result<i32, SpawnError> {
    sys::spawn(&Spawn {
        candidates: &c_strings(candidates.iter().map(|path| path.as_os_str())),
        arguments: &c_strings(words.iter().map(OsString::as_os_str)),
        mask: inherited.mask,
        ignore_child: inherited.ignore_child,
        foreground: inherited.foreground,
        listen_pid: names_this_process("LISTEN_PID"),
    })
}

/// Executes the command in place of adieu. Returns only when that fails.
pub(crate) fn become_program(words: &[OsString]) -> Error {
    let candidates = candidates(words);
    let arguments = c_strings(words.iter().map(OsString::as_os_str));
    let mut error = SpawnError::Exec(0, Errno::ENOENT);
    for (at, path) in c_strings(candidates.iter().map(|path| path.as_os_str())).iter().enumerate() {
        let Err(errno) = nix::unistd::execv(path, &arguments);
        error = SpawnError::Exec(at, errno);
        if errno != Errno::ENOENT && errno != Errno::ENOTDIR {
            break;
        }
    }
    explain(words, &candidates, error)
}

/// Whether the program refuses to run unless it is PID 1, as the inits of whole systems do.
pub(crate) fn must_be_pid1(command: &Command) -> bool {
    let program = command.direct.as_deref().and_then(<[OsString]>::first);
    let name = program.map(Path::new).and_then(Path::file_name).and_then(OsStr::to_str);
    name.is_some_and(programs::must_be_pid1)
}

/// Whether this variable of the environment holds adieu's own pid.
fn names_this_process(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| value.parse() == Ok(std::process::id()))
}

/// The paths that the first word may mean, in order.
fn candidates(words: &[OsString]) -> Vec<PathBuf> {
    let program = words.first().map(OsString::as_os_str).unwrap_or_default();
    if program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program)];
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    // An empty entry is the working directory, and `join` makes the bare name of it.
    std::env::split_paths(&path).map(|directory| directory.join(program)).collect()
}

/// Whether a file without a known format is text: no zero byte in what bash too looks at, the first
/// 80 bytes.
fn is_script(path: Option<&PathBuf>) -> bool {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let file = path.and_then(|path| nix::fcntl::open(path, flags, Mode::empty()).ok());
    let mut head = [0; 80];
    let read = file.and_then(|file| nix::unistd::read(file, &mut head).ok());
    read.and_then(|length| head.get(..length)).is_some_and(|head| !head.contains(&0))
}

fn explain(words: &[OsString], candidates: &[PathBuf], error: SpawnError) -> Error {
    let program = words.first().map(|w| w.to_string_lossy()).unwrap_or_default();
    let (at, errno) = match error {
        SpawnError::Fork(errno) => {
            return Error::System(format!(
                "cannot start {program}: no process to be had ({}); is a limit on processes or \
                 memory reached?",
                errno.desc()
            ));
        }
        SpawnError::Mask(errno) => {
            return Error::System(format!(
                "cannot start {program}: its signal mask cannot be restored, so it would get no \
                 signal ({}); does a seccomp profile refuse rt_sigprocmask?",
                errno.desc()
            ));
        }
        SpawnError::Exec(at, errno) => (at, errno),
    };
    let path = candidates.get(at).cloned().unwrap_or_default();
    let shown = path.display();
    let hint = if command::looks_like_shell(&program) {
        "; a shell string is one argument, in quotes and without -- before it: adieu 'cd /app && \
         ./server'"
    } else {
        ""
    };
    match errno {
        Errno::ENOENT | Errno::ENOTDIR if path.exists() => Error::NotFound(format!(
            "cannot run {shown}: it exists, but the interpreter that its first line or its format \
             names does not; \
             check the #! line, or whether the program is for another C library"
        )),
        Errno::ENOENT | Errno::ENOTDIR if !program.contains('/') => {
            let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
            Error::NotFound(format!(
                "cannot run {program}: no such program in PATH ({}); check its name or write its \
                 whole path{hint}",
                path.to_string_lossy()
            ))
        }
        Errno::ENOENT | Errno::ENOTDIR => Error::NotFound(format!(
            "cannot run {program}: no such file; check the path, and that it is in the image{hint}"
        )),
        Errno::EACCES if path.is_dir() => Error::NotExecutable(format!(
            "cannot run {shown}: it is a directory; name a program in it"
        )),
        Errno::EACCES => Error::NotExecutable(format!(
            "cannot run {shown}: permission denied; make it executable (chmod +x) for this user"
        )),
        Errno::ENOEXEC => Error::NotExecutable(format!(
            "cannot run {shown}: no program that this machine can execute; was it built for \
             another architecture?"
        )),
        errno => Error::NotExecutable(format!("cannot run {shown}: {}", errno.desc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn init(words: &[&str]) -> bool {
        let direct = Some(words.iter().map(OsString::from).collect());
        must_be_pid1(&Command { direct, shell: None })
    }

    #[test]
    fn the_inits_of_whole_systems_are_known_by_name() {
        assert!(
            init(&["/init"]) && init(&["/lib/systemd/systemd", "--x"]) && init(&["/sbin/init"])
        );
        assert!(!init(&["/app/init.sh"]) && !init(&["tini"]) && !init(&["./server"]));
        assert!(!must_be_pid1(&Command { direct: None, shell: Some(vec!["/sbin/init".into()]) }));
    }
}
