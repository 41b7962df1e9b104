//! The signal comes again.

use std::time::Duration;

use crate::scenario::{assert_at_once, assert_each_signalled_once, sh, stop, wait_for, with};
use crate::support::runner::{Test, tests};
use nix::sys::signal::Signal::{SIGINT, SIGTERM};

/// Promise (Which process gets the signal, and when): a repeated signal
fn a_signal_repeated_within_a_second_is_one() {
    let running = sh("cd / && server --work 1s").start();
    running.wait_line("server ready");
    for _ in 0..3 {
        running.signal(SIGTERM);
    }
    assert_each_signalled_once(&running.expect_exit(0), "TERM", &["server"]);
}

/// Promise (Which process gets the signal, and when): a repeated signal
fn a_signal_repeated_later_is_passed_on() {
    let running = stop(sh("cd / && server --work 3s --lines 3; echo after"), 1);
    running.wait_line("server line 2");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_eq!(finished.count("server got TERM"), 2, "{finished}");
    finished.assert_order(["server line 2", "server done", "after"]);
}

/// Promise (Which process gets the signal, and when): a repeated signal
fn another_stop_signal_is_passed_on_at_once() {
    let running = stop(sh("cd / && server --work 1s; echo after"), 1);
    running.wait_line("server got TERM");
    running.signal(SIGINT);
    let finished = running.expect_exit(0);
    finished.assert_order(["server got TERM", "server got INT", "server done", "after"]);
}

/// Promise (Which process gets the signal, and when): a repeated signal
fn a_signal_repeated_later_ends_the_epilogue() {
    let script = "server --work 1500ms; sleep 3600; echo never";
    let running = stop(with(["-v", "--epilogue", "1h", script]), 1);
    running.wait_line("the epilogue begins");
    wait_for(&running, 1, "sleep");
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert_at_once(&finished);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_no("never");
}

/// Promise (Which process gets the signal, and when): a repeated signal
fn a_signal_repeated_as_the_last_handler_ends_is_not_lost() {
    // Several times, since either the script that goes on or the look of adieu may come first.
    let script = "server --work 1500ms; echo carries on; sleep 3600; echo never";
    let adieu = || with(["--epilogue", "1h", script]).deadline(Duration::from_secs(10));
    let running: Vec<_> = (0..6).map(|_| stop(adieu(), 1)).collect();
    for running in &running {
        running.wait_line("carries on");
        running.signal(SIGTERM);
    }
    for running in running {
        let finished = running.expect_exit(143);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_no("never");
    }
}

pub(super) const TESTS: &[Test] = tests![
    a_signal_repeated_within_a_second_is_one,
    a_signal_repeated_later_is_passed_on,
    another_stop_signal_is_passed_on_at_once,
    a_signal_repeated_later_ends_the_epilogue,
    a_signal_repeated_as_the_last_handler_ends_is_not_lost
];
