//! Signals that do not stop, other stop signals, and `--rewrite`.

use crate::scenario::{
    AT_ONCE, EPILOGUE, assert_at_once, assert_each_signalled_once, is_gone, sh, signal_and_wait,
    stop, wait_for, with,
};
use crate::support::pid_namespace;
use crate::support::runner::{Test, tests};
use nix::sys::signal::Signal::{SIGCONT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn other_signals_reach_only_the_handler_and_once() {
    let script = "sleep 3600 & server --print HUP,USR1,RTMIN+1 --workers 1; echo after";
    let running = sh(script).start();
    running.wait_lines(2, "ready");
    wait_for(&running, 1, "sleep");
    let sleep = running.process("sleep").pid;
    signal_and_wait(&running, SIGHUP as i32, "server saw HUP");
    signal_and_wait(&running, SIGUSR1 as i32, "server saw USR1");
    signal_and_wait(&running, libc::SIGRTMIN() + 1, "server saw RTMIN+1");
    assert!(!is_gone(sleep));
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    finished.assert_order([
        "server saw HUP",
        "server saw USR1",
        "server saw RTMIN+1",
        "server got TERM",
        "after",
    ]);
    assert_eq!(finished.count(" saw "), 3, "{finished}");
}

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn a_signal_without_a_handler_is_dropped_with_a_warning() {
    pid_namespace();
    let running = sh("sleep 3600 & cd / && server").start();
    running.wait_line("server ready");
    for (signal, name) in [(SIGHUP, "SIGHUP"), (SIGUSR1, "SIGUSR1"), (SIGUSR2, "SIGUSR2")] {
        signal_and_wait(&running, signal as i32, &format!("{name} dropped"));
    }
    signal_and_wait(&running, libc::SIGRTMIN() + 1, "RTMIN+1 dropped");
    assert_eq!(running.tree().len(), 3, "{:#?}", running.tree());
    running.signal(SIGTERM);
    assert_each_signalled_once(&running.expect_exit(0), "TERM", &["server"]);
}

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn outside_a_container_a_hangup_without_a_handler_is_a_stop() {
    for script in ["sleep 3600", "sleep 3600; echo never"] {
        let running = sh(script).as_child().start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGHUP);
        let finished = running.expect_exit(129);
        finished.assert_no("never");
        assert_at_once(&finished);
    }
}

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn under_nohup_a_hangup_is_none() {
    let running = sh("cd / && server").as_child().ignoring([SIGHUP]).start();
    running.wait_line("server ready");
    running.signal(SIGHUP);
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
}

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn a_signal_is_rewritten_as_asked() {
    let running = stop(with(["--rewrite", "TERM=QUIT", "cd / && server --on QUIT"]), 1);
    assert_each_signalled_once(&running.expect_exit(0), "QUIT", &["server"]);

    let rewrite = ["-r", "USR1=0", "-r", "HUP=USR2", "--", "server", "--print", "USR1,USR2,HUP"];
    let running = with(rewrite).start();
    running.wait_line("server ready");
    running.signal(SIGUSR1);
    signal_and_wait(&running, SIGHUP as i32, "server saw USR2");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_eq!(finished.count(" saw "), 1, "{finished}");
    assert!(finished.err.is_empty(), "{finished}");
}

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn the_stop_begins_on_the_signals_that_were_asked_for() {
    let running =
        with(["--stop-on", "USR1", "cd / && server --on USR1 --print TERM; sleep 3600"]).start();
    running.wait_line("server ready");
    signal_and_wait(&running, SIGTERM as i32, "server saw TERM");
    running.signal(SIGUSR1);
    // At the last call the sleep gets it too.
    let finished = running.expect_exit(128 + SIGUSR1 as i32);
    assert_each_signalled_once(&finished, "USR1", &["server"]);
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
}

/// Promise (Which process gets the signal, and when): signals that do not stop, rewriting, dropping
fn a_change_of_the_window_reaches_the_group() {
    let running = sh("sleep 3600 & server --print WINCH --workers 1; echo after").start();
    running.wait_lines(2, "ready");
    running.signal(SIGWINCH);
    running.wait_lines(2, "saw WINCH");
    running.signal(SIGCONT);
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    finished.assert_order(["server saw WINCH", "server got TERM"]);
    finished.assert_order(["server.1 saw WINCH", "server.1 got TERM", "after"]);
}

pub(super) const TESTS: &[Test] = tests![
    other_signals_reach_only_the_handler_and_once,
    a_signal_without_a_handler_is_dropped_with_a_warning,
    outside_a_container_a_hangup_without_a_handler_is_a_stop,
    under_nohup_a_hangup_is_none,
    a_signal_is_rewritten_as_asked,
    the_stop_begins_on_the_signals_that_were_asked_for,
    a_change_of_the_window_reaches_the_group
];
