//! How adieu itself ends: by the signal that ended its main process, where the parent of adieu can
//! see that.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use crate::support::runner::{Test, tests};
use crate::support::{Adieu, Scratch, adieu, eventually, pid_namespace, tool};
use nix::libc;

/// Every signal that ends a process by default: not those that stop it or are ignored, and not the
/// C library's own two.
fn deadly() -> impl Iterator<Item = i32> {
    let not = [
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGSTOP,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGURG,
        libc::SIGWINCH,
        32,
        33,
    ];
    (1..=64).filter(move |number| !not.contains(number))
}

/// How adieu ends, as waitpid(2) reports it, with core files allowed and in a directory of its own.
fn end_of<A: AsRef<OsStr>>(scratch: &Scratch, words: &[A]) -> ExitStatus {
    // Under nohup, or as a shell's background job, the tests are started with signals ignored.
    let mut command = Command::new(tool("env"));
    command
        .args(["--default-signal", "/bin/sh", "-c"])
        .args(["ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"])
        .arg(adieu())
        .arg("-q");
    command.args(words).current_dir(scratch.path()).stdin(Stdio::null()).status().unwrap()
}

/// A main process that ends by this signal, and leaves no core file itself.
fn dies_by(signal: i32) -> [String; 3] {
    ["sh".into(), "-c".into(), format!("ulimit -c 0; kill -{signal} $$; sleep 3600")]
}

/// Promise (The command): where adieu is not PID 1, it ends by the signal that ended the main
/// process, without a core file; bash, systemd and supervisord see it
fn adieu_ends_by_the_signal_that_ended_the_main_process_without_a_core_file() {
    let scratch = Scratch::new();
    for signal in deadly() {
        let status = end_of(&scratch, &dies_by(signal));
        assert_eq!(status.signal(), Some(signal), "{status}");
        assert!(!status.core_dumped(), "{status}");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "a core file");
}

/// Promise (The command): where adieu is not PID 1, it ends by the signal that ended the main
/// process, without a core file; bash, systemd and supervisord see it
fn an_inherited_ignored_signal_ends_adieu_all_the_same() {
    let env = tool("env");
    let scratch = Scratch::new();
    // The main process has the default action, adieu has the signal ignored.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' TERM; exec \"$0\" -q -- \"$@\""]).arg(adieu()).arg(env);
    command.args(["--default-signal=TERM", "sh", "-c", "kill -TERM $$; sleep 3600"]);
    let status = command.current_dir(scratch.path()).status().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGTERM), "{status}");
}

/// Promise (The command): where adieu is not PID 1, it ends by the signal that ended the main
/// process, without a core file; bash, systemd and supervisord see it
fn bash_sees_the_signal_and_the_same_status_as_without_adieu() {
    let bash = tool("bash");
    let said = |command: &str| {
        let mut bash = Command::new(&bash);
        bash.args(["--norc", "-c", &format!("{command}; echo status-$?")]).env("ADIEU", adieu());
        let output = bash.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let how =
            ["Terminated", "Killed", "Segmentation fault"].into_iter().find(|it| err.contains(it));
        (String::from_utf8(output.stdout).unwrap(), how)
    };
    for signal in ["TERM", "KILL", "SEGV"] {
        let dies = format!("sh -c 'ulimit -c 0; kill -{signal} $$'");
        let alone = said(&dies);
        assert!(alone.1.is_some(), "bash does not say how it ended: {alone:?}");
        assert_eq!(said(&format!("\"$ADIEU\" -q -- {dies}")), alone, "{signal}");
    }
}

/// Promise (The command): where adieu is not PID 1, it ends by the signal that ended the main
/// process, without a core file; bash, systemd and supervisord see it
fn an_end_by_the_stop_signal_is_by_that_signal_after_the_report_is_written() {
    let scratch = Scratch::new();
    let report = scratch.join("report.json");
    let child = Command::new(adieu())
        .args(["-v", "--report"])
        .arg(&report)
        .args(["--", "sleep", "3600"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let children = format!("/proc/{pid}/task/{pid}/children");
    let runs = || {
        let children = fs::read_to_string(&children).unwrap_or_default();
        let name =
            fs::read_to_string(format!("/proc/{}/comm", children.trim())).unwrap_or_default();
        name == "sleep\n"
    };
    eventually("sleep runs", runs);
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()),
        nix::sys::signal::SIGTERM,
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGTERM), "{}", output.status);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("exit status 143") && said.contains("sleep ("), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["exit_status"], 143, "{report}");
}

/// Promise (The command): where adieu is not PID 1, it ends by the signal that ended the main
/// process, without a core file; bash, systemd and supervisord see it
fn ok_exit_and_a_stop_that_had_to_kill_end_by_exit() {
    let scratch = Scratch::new();
    let words = dies_by(libc::SIGTERM);
    let ok: Vec<&str> =
        ["-e", "143", "--"].into_iter().chain(words.iter().map(String::as_str)).collect();
    assert_eq!(end_of(&scratch, &ok).code(), Some(0));
    let other: Vec<&str> =
        ["-e", "1", "--"].into_iter().chain(words.iter().map(String::as_str)).collect();
    assert_eq!(end_of(&scratch, &other).signal(), Some(libc::SIGTERM));
    // No process ends by TERM: adieu kills at the timeout, and a platform has to see 137.
    let killed = [
        "-t",
        "100ms",
        "--",
        "sh",
        "-c",
        "trap : TERM; kill -TERM $PPID; while :; do sleep 0.01; done",
    ];
    assert_eq!(end_of(&scratch, &killed).code(), Some(137));
}

/// Promise (The command): where adieu is not PID 1, it ends by the signal that ended the main
/// process, without a core file; bash, systemd and supervisord see it
fn as_pid_1_the_status_is_128_and_the_number() {
    pid_namespace();
    for signal in [libc::SIGTERM, libc::SIGSEGV, libc::SIGKILL] {
        // The helper that makes the PID namespace ends as PID 1 does.
        let finished =
            Adieu::new().as_pid1().args(["-q", "--"]).args(dies_by(signal)).start().finish();
        assert_eq!(finished.code, 128 + signal, "{finished}");
    }
}

pub(crate) const TESTS: &[Test] = tests![
    adieu_ends_by_the_signal_that_ended_the_main_process_without_a_core_file,
    an_inherited_ignored_signal_ends_adieu_all_the_same,
    bash_sees_the_signal_and_the_same_status_as_without_adieu,
    an_end_by_the_stop_signal_is_by_that_signal_after_the_report_is_written,
    ok_exit_and_a_stop_that_had_to_kill_end_by_exit,
    as_pid_1_the_status_is_128_and_the_number
];
