//! adieu runs a shell string. On a stop signal, every program that handles the signal gets it once
//! and may finish.
//!
//! Read in this order: what was typed and what it means ([`cli`], [`signal`]); the order of a run
//! ([`run`]); the rules ([`decide`]); what they are decided from ([`process`], [`procfs`]); the
//! loop (`supervise`) and the effects (`system`); the end ([`exit`], [`error`]) and what a person
//! reads of it (`report`). [`decide`] does nothing else than decide, and the others decide nothing.
//! [`runtime`] is another program, `adieu-runtime`.
//!
//! The command lines are stable. The library is public for the two programs, the tests and the fuzz
//! targets. The rules can be asked without a process: who gets the signal in the tree of
//! `cd /app && ./server | tee log`?
//!
//! ```
//! use adieu::decide::role::{self, Question, Role};
//! use adieu::process::{Disposition, File, Kind, Outputs, ProcId, Process, Snapshot, Stdin};
//! use adieu::decide::terms::Deliver;
//! use adieu::signal::{Signal, SignalSet};
//!
//! let pipe = File { device: (0, 14), inode: 7 };
//! let process = |pid: i32, above: Option<usize>, name: &str, kind, disposition| Process {
//!     id: ProcId { pid, start: 1 },
//!     parent: if above.is_some() { 2 } else { 1 },
//!     above,
//!     own_child: above.is_none(),
//!     group: 2,
//!     name: name.to_owned(),
//!     arguments: String::new(),
//!     kind,
//!     disposition,
//!     ignored: SignalSet::EMPTY,
//!     stopped: false,
//!     nested_init: false,
//!     stdin: if name == "tee" { Stdin::Pipe(pipe) } else { Stdin::Other },
//!     outputs: Outputs { files: [(name == "server").then_some(pipe), None], hidden: false },
//!     in_wait: false,
//!     stack: None,
//!     waits: false,
//!     switches: 0,
//!     pending: false,
//!     command: 0,
//! };
//! let processes = vec![
//!     process(2, None, "sh", Kind::Shell, Disposition::Default),
//!     process(3, Some(0), "server", Kind::Program, Disposition::Caught),
//!     process(4, Some(0), "tee", Kind::Program, Disposition::Default),
//! ];
//! let question = Question {
//!     signal: Signal::TERM,
//!     deliver: Deliver::Programs,
//!     main: 2,
//!     inherited_ignored: SignalSet::EMPTY,
//!     only_known_handlers: false,
//!     main_ended: false,
//! };
//! let verdicts = role::assign(&Snapshot { processes, tick: 1, last_pid: 4 }, &question, |_| None);
//! let roles: Vec<Role> = verdicts.iter().map(|verdict| verdict.role).collect();
//! assert_eq!(roles, [Role::Shielded, Role::Handler, Role::Bystander]);
//! ```
//!
//! And a signal as a user types it:
//!
//! ```
//! use adieu::signal::Signal;
//!
//! assert_eq!("sigterm".parse(), Ok(Signal::TERM));
//! assert_eq!("15".parse(), Ok(Signal::TERM));
//! assert!("TREM".parse::<Signal>().is_err());
//! ```

pub mod cli;
pub mod decide;
pub mod error;
pub mod exit;
mod explain;
mod install;
mod printable;
pub mod process;
pub mod procfs;
pub mod programs;
mod report;
pub mod runtime;
pub mod signal;
mod supervise;
mod system;

use cli::command::{self, ShellEnvironment};
use cli::settings::{self, Settings, Verbosity};
use cli::{Request, Typed};
use error::Error;
use exit::End;
use procfs::Observer;
use report::Reporter;
use signal::{Signal, SignalSet};
use std::ffi::{CStr, OsString};
use std::io::IsTerminal;
use std::time::Instant;
use system::inbox::{ALL_SIGNALS, Inbox};
use system::{spawn, sys, terminal};

/// Sets memory aside for the stop, which must not fail for want of it. To be called before anything
/// that allocates.
///
/// # Errors
/// The exit status where there is no memory; the error is on stderr by then.
pub fn reserve_memory() -> Result<(), u8> {
    if sys::reserve_memory() {
        return Ok(());
    }
    let words = b"adieu: no memory to start with; raise the limit on it (ulimit -v, ulimit -d, \
    vm.overcommit_memory)\n";
    let _ = nix::unistd::write(sys::standard(libc::STDERR_FILENO), words);
    Err(exit::OWN_FAILURE)
}

/// Does what the arguments (without adieu's own name) ask for; returns the exit status. Where this
/// is not PID 1 and a signal ended the main process, it does not return but ends this process by
/// that signal.
///
/// To be called once, from a process with one thread: it blocks every signal and reaps every child.
pub fn run(args: Vec<OsString>) -> u8 {
    let started = Instant::now();
    // Before anything else: from here on no signal is lost and none ends adieu.
    let mask = match sys::set_signal_mask(ALL_SIGNALS) {
        Ok(mask) => mask,
        Err(errno) => {
            let error = Error::System(format!(
                "cannot block signals, so that one would end adieu and not its program ({}); does \
                 a seccomp profile refuse rt_sigprocmask?",
                errno.desc()
            ));
            report::fail(&error);
            return error.exit_code();
        }
    };
    match cli::parse(args) {
        Ok(Request::Run(typed)) => run_command(*typed, mask, started),
        Ok(Request::Install(path)) => install::install(&path).map(|()| 0),
        Ok(Request::Explain(typed)) => {
            let colour = sys::standard(libc::STDOUT_FILENO).is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            explain::explain(&typed, colour)
                .and_then(|(text, status)| report::print(&text).map(|()| status))
        }
        Ok(Request::Print(text)) => report::print(&text).map(|()| 0),
        Err(e) => Err(e),
    }
    .unwrap_or_else(|e| {
        report::fail(&e);
        e.exit_code()
    })
}

fn run_command(typed: Typed, mask: SignalSet, started: Instant) -> Result<u8, Error> {
    let settings = settings::resolve(&typed, |name| std::env::var_os(name))?;
    let entries = || sys::environment().map(CStr::to_bytes);
    for doubt in settings.doubts.iter().chain(&settings::unknown_variables(entries())) {
        warn(&settings, doubt);
    }
    let around = || ShellEnvironment::from_environment(entries());
    let command = command::resolve(typed.command, &settings, around)?;
    let is_init = std::process::id() == 1;
    if is_init && spawn::must_be_pid1(&command) {
        let _ = sys::set_signal_mask(mask);
        return Err(spawn::become_program(command.direct.as_deref().unwrap_or_default()));
    }
    let inherited = prepare(&settings, mask, is_init)?;
    let mut reporter = Reporter::new(&settings);
    let main = spawn::start(&command, &inherited).inspect_err(|_| {
        // The group that got the terminal has ended with its failure.
        terminal::take_from(None);
    })?;
    // From here on a failure is a warning: adieu's end would be the end of everything.
    let ignored = [Signal::HUP, Signal::INT, Signal::QUIT]
        .into_iter()
        .filter(|s| sys::is_ignored(*s))
        .collect();
    reporter.started_ignoring(ignored);
    let terms = settings.terms(main, is_init, terminal::can_suspend(), ignored);
    let observer = || Observer::this_process(settings.show_args).with_wrappers(&settings.wrappers);
    let mut inbox = Inbox::open(started);
    let code = supervise::supervise(&mut inbox, &terms, &observer, &mut reporter);
    let code = settings.ok_exits.apply_unless_killed(code, reporter.had_to_kill_as_asked());
    let not_run = matches!(reporter.main_end(), Some(End::Exited(126 | 127)));
    if not_run
        && !reporter.has_stop()
        && let Some(why) = spawn::fault_of_a_script(&command)
    {
        warn(&settings, &why);
    }
    terminal::take_from(Some(main));
    reporter.finish(&settings, &terms, inbox.now(), code);
    let killed = reporter.had_to_kill();
    if let Some(signal) = exit::signal_to_end_by(reporter.main_end(), code, is_init, killed) {
        system::end::by_signal(signal);
    }
    Ok(code)
}

/// Makes adieu what it has to be before there is a child: the parent of orphans, with a SIGCHLD
/// that is not ignored. Returns what the child has to get back.
fn prepare(settings: &Settings, mask: SignalSet, is_init: bool) -> Result<spawn::Inherited, Error> {
    if let Some(signal) = settings.parent_death {
        sys::set_parent_death(signal).map_err(|e| {
            Error::System(format!("--parent-death {signal}: the kernel refuses: {}", e.desc()))
        })?;
    }
    if !is_init && let Err(e) = nix::sys::prctl::set_child_subreaper(true) {
        warn(
            settings,
            &format!(
                "orphans will not come to adieu: it cannot be a child subreaper ({})",
                e.desc()
            ),
        );
    }
    let ignore_child = sys::is_ignored(Signal::CHLD);
    if ignore_child {
        sys::set_default(Signal::CHLD);
    }
    Ok(spawn::Inherited { mask, ignore_child, foreground: terminal::is_held() })
}

fn warn(settings: &Settings, text: &str) {
    if settings.verbosity >= Verbosity::Warnings {
        report::say(text);
    }
}
