//! Scenarios that several themes share: a container with a server in it, a stop, and what is said
//! of both.
//!
//! adieu is PID 1 of a namespace of its own where that is possible, else an ordinary child. Hardly
//! a promise depends on which; the tests of those that do ask for it.

use std::env;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{
    self, Adieu, Finished, Running, Scratch, can_be_pid1, eventually, missing,
    pid_namespace_or_less, process, repository, server, status_field, tool,
};
use nix::sys::signal::Signal::{self, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// A stop that waits for nothing ends within this time even on a busy machine.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(3);

/// An ordinary child and, where possible, PID 1.
pub(crate) fn ways() -> Vec<Adieu> {
    let pid1 = pid_namespace_or_less().then(|| Adieu::new().as_pid1());
    [Some(Adieu::new().as_child()), pid1].into_iter().flatten().collect()
}

/// The epilogue where none is set.
pub(crate) const EPILOGUE: Duration = Duration::from_secs(5);

/// A file in `scratch`, and the shell's line that puts a file system that never answers over it
/// and waits until it is there. The calling test ends as ignored where the machine has no FUSE.
pub(crate) fn silent_file_system(scratch: &Scratch) -> (PathBuf, String) {
    let python = tool("python3");
    if !Path::new("/dev/fuse").exists() {
        missing("/dev/fuse", "load the kernel's module fuse");
    }
    let file = scratch.join("file");
    fs::write(&file, "").unwrap();
    let mount = format!(
        "{} {} {file} & while ! grep -q {file} /proc/mounts; do sleep 0.05; done",
        python.display(),
        repository().join("tests/it/support/silent_fuse.py").display(),
        file = file.display()
    );
    (file, mount)
}

/// Scripts find `examples/server.rs` as `server`, and adieu as `$ADIEU`.
pub(crate) fn container() -> Adieu {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = server().parent().unwrap().to_path_buf();
    let directories = [own]
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(["/usr/sbin".into(), "/sbin".into()]);
    let adieu = Adieu::new()
        .env("PATH", env::join_paths(directories).unwrap())
        .env("ADIEU", support::adieu());
    if can_be_pid1() { adieu } else { adieu.as_child() }
}

/// A shell string.
pub(crate) fn sh(script: &str) -> Adieu {
    container().arg(script)
}

/// Options, then a shell string or `--` and a program.
pub(crate) fn with<'a>(words: impl IntoIterator<Item = &'a str>) -> Adieu {
    container().args(words)
}

/// A script of /bin/sh in adieu's place, which starts adieu itself.
pub(crate) fn by_sh(script: &str) -> Adieu {
    container().program("/bin/sh").args(["-c", script])
}

/// A shell that runs this preparation, and then executes adieu with these words.
pub(crate) fn through_sh(preparation: &str, words: &[&str]) -> Adieu {
    let script = format!("{preparation}\nexec \"$ADIEU\" \"$@\"");
    by_sh(&script).arg("sh").args(words.iter().copied())
}

/// Sends SIGTERM once `ready` servers are ready.
pub(crate) fn stop(adieu: Adieu, ready: usize) -> Running {
    stop_by(SIGTERM, adieu, ready)
}

/// Sends this signal once `ready` servers are ready.
pub(crate) fn stop_by(signal: Signal, adieu: Adieu, ready: usize) -> Running {
    let running = adieu.start();
    running.wait_lines(ready, " ready");
    running.signal(signal);
    running
}

/// Sends SIGTERM once `ready` servers are ready; the end, with this exit status.
pub(crate) fn stopped(adieu: Adieu, ready: usize, code: i32) -> Finished {
    stop(adieu, ready).expect_exit(code)
}

/// This server got this signal once and finished.
pub(crate) fn assert_signalled_once(finished: &Finished, signal: &str, name: impl Display) {
    let [ready, got, done] =
        ["ready", &format!("got {signal}"), "done"].map(|it| format!("{name} {it}"));
    finished.assert_order([&*ready, &got, &done]);
    assert_eq!(finished.count(&got), 1, "{finished}");
}

/// Each of these servers got this signal once and finished, and no other server got one.
pub(crate) fn assert_each_signalled_once(
    finished: &Finished,
    signal: &str,
    names: &[impl Display],
) {
    for name in names {
        assert_signalled_once(finished, signal, name);
    }
    assert_eq!(finished.count(" got "), names.len(), "{finished}");
}

pub(crate) fn assert_at_once(finished: &Finished) {
    assert!(finished.took < AT_ONCE, "{finished}");
}

pub(crate) fn assert_warned<'a>(
    finished: &Finished,
    parts: impl IntoIterator<Item = &'a str> + Clone,
) {
    let warned =
        finished.err.iter().any(|line| parts.clone().into_iter().all(|part| line.contains(part)));
    assert!(warned, "no such warning\n{finished}");
}

/// For processes that print nothing: all of that name are there and have settled.
pub(crate) fn wait_for(running: &Running, count: usize, name: &str) {
    eventually(&format!("{count} × {name} sleep"), || {
        running.tree().iter().filter(|it| it.name == name && it.state == 'S').count() == count
    });
}

/// Sends SIGTERM to the adieu below a process that was started in its place.
pub(crate) fn signal_adieu(running: &Running) {
    kill(running.process("adieu").pid, SIGTERM).unwrap();
}

pub(crate) fn is_gone(pid: Pid) -> bool {
    process(pid).is_none_or(|it| it.state == 'Z')
}

/// The pid in adieu's own namespace, the innermost.
pub(crate) fn pid_inside(pid: Pid) -> String {
    status_field(pid, "NSpid").unwrap().split_whitespace().next_back().unwrap().to_owned()
}

/// A preparation for [`through_sh`]: copies of the server and of adieu that any user may execute.
pub(crate) fn for_any_user(scratch: &Scratch) -> String {
    let directory = scratch.path().display();
    format!(
        "cp \"$ADIEU\" '{}' {directory}/ && ADIEU={directory}/adieu PATH={directory}:$PATH",
        server().display()
    )
}

/// The options of setpriv(1) for a user who is not root and has no processes of its own.
pub(crate) const AS_USER_65534: [&str; 5] =
    ["--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// The words in a script that run what follows as that user.
pub(crate) fn as_user_65534() -> String {
    format!("setpriv {}", AS_USER_65534.join(" "))
}

pub(crate) fn signal_and_wait(running: &Running, signal: i32, answer: &str) {
    running.signal_number(signal);
    running.wait_line(answer);
}
