//! Shells that have a trap, and what runs in their foreground and background.

use std::fs;
use std::time::Duration;

use crate::scenario::{
    assert_at_once, assert_each_signalled_once, assert_warned, container, sh, stopped, wait_for,
    with,
};
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{Scratch, eventually, tool, tool_or_less};
use nix::sys::signal::Signal::SIGTERM;
use nix::sys::signal::kill;

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn the_foreground_command_of_a_shell_with_a_trap_gets_the_signal_so_that_the_trap_runs_at_once() {
    for script in [
        "trap 'echo trapped; exit 3' TERM; while :; do date; sleep 1; done",
        "trap 'echo trapped; exit 3' TERM; while :; do date; sleep 3600; done",
        "trap 'echo trapped; exit 3' TERM; sleep 3600 | sleep 3600; echo never",
    ] {
        let running = sh(script).start();
        wait_for(&running, 1 + script.matches('|').count(), "sleep");
        running.signal(SIGTERM);
        let finished = running.expect_exit(3);
        finished.assert_order(["trapped"]).assert_no("never");
        assert_at_once(&finished);
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn an_exit_trap_alone_runs_at_once_and_beside_a_term_trap_when_the_server_is_done() {
    let shells = [("bash", 143), ("ksh93", 15)];
    let shells = shells.iter().filter_map(|(name, code)| Some((tool_or_less(name)?, *code)));
    for (shell, code) in shells {
        let stopped = |script: &str, code| {
            let words = [shell.as_os_str(), "-c".as_ref(), script.as_ref()];
            stopped(container().arg("--").args(words), 1, code)
        };
        let alone = stopped("trap 'echo cleaned' EXIT; server --work 300ms; echo after", code);
        alone.assert_order(["cleaned", "server done"]).assert_no("after");
        let both = "trap : TERM; trap 'echo cleaned' EXIT; server --work 300ms; echo after";
        stopped(both, 0).assert_order(["server got TERM", "server done", "after", "cleaned"]);
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn the_background_job_of_a_shell_with_a_trap_gets_the_signal_from_the_trap_only() {
    let script = |on: &str| {
        format!(
            "trap 'kill $p; wait $p; echo cleaned' TERM; server {on} & p=$!; wait; \
             echo after; exit 4"
        )
    };
    // A background job is known by INT and QUIT being ignored. Where it catches them, dash and
    // busybox show by their wait that it is one.
    let all = "--on TERM,INT,QUIT";
    for (shell, on) in
        [("dash", ""), ("bash", ""), ("busybox", ""), ("dash", all), ("busybox", all)]
    {
        if tool_or_less(shell).is_none() {
            continue;
        }
        let applet = if shell == "busybox" { " sh" } else { "" };
        let running = with(["--shell", &format!("{shell}{applet} -c"), &script(on)]).start();
        running.wait_line("server ready");
        eventually("the shell waits", || {
            running.tree().first().is_some_and(|shell| shell.state == 'S')
        });
        running.signal(SIGTERM);
        let finished = running.expect_exit(4);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "cleaned", "after"]);
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_server_in_the_foreground_of_a_shell_with_a_trap_gets_the_signal_once() {
    let finished = stopped(sh("trap 'echo trapped' TERM; server; echo after"), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "trapped", "after"]);
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn the_trap_of_a_shell_may_take_its_time() {
    let running =
        sh("trap 'sleep 1.5; echo cleaned; exit 0' TERM; echo ready; sleep 3600 & wait").start();
    running.wait_line("ready");
    wait_for(&running, 1, "sleep");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    finished.assert_order(["ready", "cleaned"]);
    assert!(finished.took >= Duration::from_millis(1500), "{finished}");
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_shell_that_executes_its_server_before_the_signal_gets_it_once_as_the_server() {
    let strace = tool("strace");
    let scratch = Scratch::new();
    let (log, fifo) = (scratch.join("log"), scratch.fifo("fifo"));
    // A process that is not adieu's own child gets the signal by a pidfd, here two seconds after
    // the look.
    let running = container()
        .as_child()
        .program(&strace)
        .args(["--trace=pidfd_open", "--inject=pidfd_open:delay_enter=2s:when=1", "-qq", "-o"])
        .args([&*log, support::adieu()])
        .arg("-v")
        .arg(format!(
            "trap 'echo outer' TERM; \
             (trap 'echo inner' TERM; echo subshell ready; read go <{0}; exec server)",
            fifo.display()
        ))
        .start();
    running.wait_line("subshell ready");
    let adieu = running.process("adieu").pid;
    kill(adieu, SIGTERM).unwrap();
    let opens = format!("{} ", libc::SYS_pidfd_open);
    eventually("adieu is about to signal the subshell", || {
        fs::read_to_string(format!("/proc/{adieu}/syscall"))
            .is_ok_and(|call| call.starts_with(&opens))
    });
    fs::write(&fifo, "go\n").unwrap();
    running.wait_line("server ready");
    let finished = running.finish();
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server ready", "server got TERM", "server done", "outer"]);
    finished.assert_no("inner");
    assert_warned(&finished, ["executed another program before it got the signal"]);
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn in_the_foreground_of_a_trap_the_script_goes_on_and_the_pipeline_keeps_its_end() {
    for shell in ["dash -c", "bash -c"] {
        let subshell = "trap 'echo trap' TERM; \
            (cd /; server --work 300ms; sleep 0.2; echo uploaded); echo end";
        let finished = stopped(with(["--shell", shell, subshell]), 1, 0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "uploaded", "trap", "end"]);

        let reader = "trap 'echo trap' TERM; \
            server --work 50ms --lines 5 | while read -r line; do \
            sleep 0.05; echo \"$line\"; done; echo end";
        let finished = stopped(with(["--shell", shell, reader]), 1, 0);
        finished.assert_order([
            "server got TERM",
            "server line 1",
            "server line 5",
            "server done",
            "trap",
            "end",
        ]);
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_trap_runs_at_once_whenever_its_shell_got_the_signal() {
    // The shell sends adieu the stop signal just before it forks: the hardest moment for a look.
    for shell in ["dash", "bash"] {
        let script = "trap 'exit 3' TERM; kill -TERM $PPID; sleep 30; exit 9";
        let late = (0..15).filter(|_| {
            let finished = with(["-t", "5s", "--", shell, "-c", script]).start().finish();
            assert!([3, 137].contains(&finished.code), "{shell}: {finished}");
            finished.code != 3
        });
        // It can fork between the look and the signal: one time in thousands
        // (docs/reliability.md, Limits).
        assert!(late.count() <= 1, "{shell}");
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_restart_loop_in_the_foreground_of_a_trap_ends_with_the_epilogue() {
    let script = "trap 'exit 0' TERM; (while :; do server --work 50ms; done)";
    let finished = stopped(with(["--epilogue", "300ms", "--shell", "bash -c", script]), 1, 0);
    assert!(finished.count("server got TERM") >= 1, "{finished}");
    assert!(finished.took < Duration::from_secs(10), "{finished}");
}

pub(super) const TESTS: &[Test] = tests![
    the_foreground_command_of_a_shell_with_a_trap_gets_the_signal_so_that_the_trap_runs_at_once,
    an_exit_trap_alone_runs_at_once_and_beside_a_term_trap_when_the_server_is_done,
    the_background_job_of_a_shell_with_a_trap_gets_the_signal_from_the_trap_only,
    a_server_in_the_foreground_of_a_shell_with_a_trap_gets_the_signal_once,
    the_trap_of_a_shell_may_take_its_time,
    a_shell_that_executes_its_server_before_the_signal_gets_it_once_as_the_server,
    in_the_foreground_of_a_trap_the_script_goes_on_and_the_pipeline_keeps_its_end,
    a_trap_runs_at_once_whenever_its_shell_got_the_signal,
    a_restart_loop_in_the_foreground_of_a_trap_ends_with_the_epilogue
];
