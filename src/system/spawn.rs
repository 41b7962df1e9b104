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
use nix::unistd::AccessFlags;
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
/// What a program begins with (`elf(5)`).
const ELF: &[u8] = b"\x7fELF";
/// How many of a string's words are looked at to find a script with a fault.
const MOST_SCRIPTS: usize = 50;
/// Where `execvp(3)` looks without `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Starts the command in a process group of its own; its pid is the group's number too.
///
/// # Errors
/// 126 and 127 as a shell has them; 125 where there is no process to be had.
pub(crate) fn start(command: &Command, inherited: &Inherited) -> Result<i32, Error> {
    let direct = command.direct.as_ref().map(|words| start_program(words, inherited));
    match (direct, &command.shell) {
        (Some(Ok(pid)), _) => Ok(pid),
        (Some(tried), None) => tried.map_err(|failure| failure.error),
        // A shell only says "not found" of a script whose interpreter is not there, and would run
        // the rest of a program that was cut off as a script.
        (Some(Err(Failure { error, of_the_file: true })), _) => Err(error),
        // The string could not be run without a shell. A shell says in its own words what is wrong.
        (tried, shell) => {
            let shell = shell.as_deref().unwrap_or_default();
            start_program(shell, inherited).map_err(|failure| {
                let tried = tried.and_then(Result::err).map(|failure| failure.error);
                without_shell(shell, tried, failure.error)
            })
        }
    }
}

/// The error where there is no shell: about the program, if the string is plain words.
fn without_shell(shell: &[OsString], direct: Option<Error>, error: Error) -> Error {
    let name = shell.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    match (direct, error) {
        (Some(Error::NotFound(text)), Error::NotFound(_)) => Error::NotFound(format!(
            "there is no shell here ({name}), so the string was run without one: {text}"
        )),
        (Some(direct @ Error::NotExecutable(_)), Error::NotFound(_)) => direct,
        (None, Error::NotFound(text)) => Error::NotFound(format!(
            "{text}; a shell string needs a shell, a program with its arguments does not: adieu \
             -- PROGRAM ARG"
        )),
        (_, error) => error,
    }
}

/// Why a program did not start.
struct Failure {
    error: Error,
    /// The file is there and executable, and the fault is in what it holds.
    of_the_file: bool,
}

fn start_program(words: &[OsString], inherited: &Inherited) -> Result<i32, Failure> {
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
    explain(words, &candidates, error).error
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

/// The first bytes of a file: as many as the kernel reads to find out what it is (`execve(2)`).
fn head(path: &Path) -> Option<Vec<u8>> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = nix::fcntl::open(path, flags, Mode::empty()).ok()?;
    let mut head = vec![0; 256];
    let length = nix::unistd::read(file, &mut head).ok()?;
    head.truncate(length);
    Some(head)
}

/// Whether a file without a known format is text: no zero byte in what bash too looks at, the first
/// 80 bytes, and no beginning of a program that was cut off.
fn is_script(path: Option<&PathBuf>) -> bool {
    let head = path.and_then(|path| head(path)).filter(|head| !head.starts_with(ELF));
    head.is_some_and(|head| !head.iter().take(80).any(|byte| *byte == 0))
}

/// What is wrong with the first line of a script; `None` where it has none, or a right one.
fn fault_of_script(path: &Path, is_there: impl Fn(&Path) -> bool) -> Option<String> {
    let head = head(path)?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let shown = path.display();
    if line.ends_with(b"\r") {
        return Some(format!(
            "cannot run {shown}: its lines end with a carriage return, as on Windows, which makes \
             the interpreter of its #! line another; convert it: sed -i 's/\\r$//' {shown}"
        ));
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let interpreter = line.split(blank).find(|word| !word.is_empty())?;
    let interpreter = Path::new(OsStr::from_bytes(interpreter));
    (!is_there(interpreter)).then(|| {
        format!(
            "cannot run {shown}: its #! line names the interpreter {}, which is not there; check \
             the line, and that the interpreter is in the image",
            interpreter.display()
        )
    })
}

/// Why a script was not found that is there: where a shell, or `env` in a script's first line, says
/// so by the exit status alone. `None` where it is not known to be one of the command's scripts.
pub(crate) fn fault_of_a_script(command: &Command) -> Option<String> {
    let program = command.direct.as_deref().map(candidates).unwrap_or_default();
    let string = command.shell.iter().flatten().skip(1);
    let in_string = string.flat_map(|word| command::paths_in(&word.to_string_lossy()));
    let mut scripts = program.into_iter().chain(in_string).take(MOST_SCRIPTS);
    scripts.find_map(|path| fault_of_script(&path, Path::exists).filter(|_| is_executable(&path)))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && nix::unistd::access(path, AccessFlags::X_OK).is_ok()
}

fn explain(words: &[OsString], candidates: &[PathBuf], error: SpawnError) -> Failure {
    let of_the_file = match error {
        SpawnError::Exec(_, Errno::ENOEXEC) => true,
        SpawnError::Exec(at, Errno::ENOENT | Errno::ENOTDIR) => {
            candidates.get(at).is_some_and(|path| path.exists())
        }
        _ => false,
    };
    Failure { error: sentence(words, candidates, error), of_the_file }
}

fn sentence(words: &[OsString], candidates: &[PathBuf], error: SpawnError) -> Error {
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
        Errno::ENOENT | Errno::ENOTDIR if path.exists() => {
            Error::NotFound(fault_of_script(&path, Path::exists).unwrap_or_else(|| {
                format!(
                    "cannot run {shown}: it exists, but the loader or interpreter that it names \
                     does not; is the program for another C library?"
                )
            }))
        }
        Errno::ENOENT | Errno::ENOTDIR if !program.contains('/') => {
            let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
            Error::NotFound(format!(
                "cannot run {program}: no such program in PATH; check its name or write its whole \
                 path{hint} (PATH is {})",
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
             another architecture, or cut off when it was copied?"
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
