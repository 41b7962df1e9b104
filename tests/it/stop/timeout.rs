//! With a timeout and without, and programs that ignore the signal.

use std::time::Duration;

use crate::scenario::{
    AT_ONCE, EPILOGUE, assert_each_signalled_once, assert_warned, is_gone, pid_inside, sh, stop,
    stopped, with,
};
use crate::support::runner::{Test, tests};
use nix::sys::signal::Signal::{SIGINT, SIGKILL};
use nix::sys::signal::kill;

/// Promise (Which process gets the signal, and when): the timeout; without one nothing is killed
fn a_hung_program_is_killed_at_the_timeout_and_named() {
    // Like a JVM whose handlers only print.
    let running = stop(with(["-t", "1s", "--", "server", "--never"]), 1);
    let pid = pid_inside(running.process("server").pid);
    let finished = running.expect_exit(137);
    assert!(finished.took >= Duration::from_secs(1), "{finished}");
    assert!(finished.took < Duration::from_secs(1) + AT_ONCE, "{finished}");
    assert_eq!(finished.count("got TERM"), 1, "{finished}");
    assert_warned(&finished, ["timeout", "killing", &format!("server ({pid})")]);
}

/// Promise (Which process gets the signal, and when): the timeout; without one nothing is killed
fn the_script_around_a_hung_program_ends_with_it() {
    let finished = stop(with(["-t", "1s", "cd / && server --never; echo never"]), 1).finish();
    assert!(finished.took >= Duration::from_secs(1), "{finished}");
    assert_eq!(finished.count(" got "), 1, "{finished}");
    assert_warned(&finished, ["timeout", "killing", "server ("]);
    finished.assert_no("never").assert_no("done");
    assert_eq!(finished.code, 137, "{finished}");
}

/// Promise (Which process gets the signal, and when): the timeout; without one nothing is killed
fn nothing_is_killed_before_the_timeout() {
    let finished = stopped(with(["-t", "10s", "cd / && server --work 2s; echo after"]), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]).assert_no("kill");
    assert!(finished.err.is_empty(), "{finished}");
}

/// Promise (Which process gets the signal, and when): the timeout; without one nothing is killed
fn without_a_timeout_nothing_is_killed_and_a_warning_names_what_adieu_waits_for() {
    let running = stop(sh("cd / && server --never"), 1);
    let server = running.process("server").pid;
    let warning = running.wait_line("still waiting");
    assert!(warning.text.contains(&format!("server ({})", pid_inside(server))), "{warning:?}");
    running.wait_lines(2, "still waiting");
    assert!(!is_gone(server));
    kill(server, SIGKILL).unwrap();
    let finished = running.expect_exit(137);
    assert!(finished.took >= Duration::from_secs(10), "{finished}");
    finished.assert_no("killing");
}

/// Promise (Which process gets the signal, and when): the timeout; without one nothing is killed
fn what_had_no_signal_before_the_timeout_gets_it_then_and_is_not_killed_at_once() {
    // A trap that does not stop its background job; then a hung handler beside one that ends.
    let script = "trap 'echo trapped' TERM; server --name below --work 0s & while :; do wait; done";
    let running = stop(with(["-t", "1s", script]), 1);
    let finished = running.expect_exit(137);
    finished.assert_order(["below ready", "trapped", "below got TERM", "below done"]);
    assert_eq!(finished.count(" got "), 1, "{finished}");
    assert!(finished.took >= Duration::from_secs(1), "{finished}");

    let script = "sleep 3600 & server --name hung --never & server --name good; wait; echo never";
    let finished = stop(with(["-t", "1s", script]), 2).finish();
    finished.assert_order(["good got TERM", "good done"]);
    finished.assert_order(["hung got TERM"]).assert_no("never");
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_program_that_ignores_the_signal_is_killed_a_second_after_the_last_call_and_named() {
    let finished =
        stopped(with(["-t", "60s", "--", "server", "--on", "none", "--ignore", "TERM"]), 1, 137);
    assert!(finished.took >= Duration::from_secs(1), "{finished}");
    assert!(finished.took < Duration::from_secs(1) + AT_ONCE, "{finished}");
    assert_warned(&finished, ["killing", "server (", "ignores the signal"]);

    // Beside a handler too: its status counts.
    let script = "server --name ignoring --on none --ignore TERM & server --work 1s; exit 3";
    let finished = stop(with(["-t", "60s", script]), 2).expect_exit(3);
    finished.assert_order(["server got TERM", "server done"]);
    assert_warned(&finished, ["killing", "server (", "ignores the signal"]);
    assert!(finished.took < EPILOGUE + Duration::from_secs(1) + AT_ONCE, "{finished}");
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_program_that_ignores_the_signal_is_given_time_to_end_by_itself() {
    let finished = stopped(sh("trap '' TERM; echo is ready; sleep 0.3; echo by itself"), 1, 0);
    finished.assert_order(["by itself"]).assert_no("killing");
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_background_job_that_ignores_int_gets_term() {
    let running = sh("server --on TERM & wait").start();
    running.wait_line("server ready");
    running.signal(SIGINT);
    assert_each_signalled_once(&running.expect_exit(130), "TERM", &["server"]);

    let running = sh("server --name back --on TERM & server --name front; wait").start();
    running.wait_lines(2, "ready");
    running.signal(SIGINT);
    let finished = running.finish();
    assert_eq!(finished.count(" got "), 2, "{finished}");
    assert_eq!(finished.count("done"), 2, "{finished}");
}

pub(super) const TESTS: &[Test] = tests![
    a_hung_program_is_killed_at_the_timeout_and_named,
    the_script_around_a_hung_program_ends_with_it,
    nothing_is_killed_before_the_timeout,
    without_a_timeout_nothing_is_killed_and_a_warning_names_what_adieu_waits_for,
    what_had_no_signal_before_the_timeout_gets_it_then_and_is_not_killed_at_once,
    a_program_that_ignores_the_signal_is_killed_a_second_after_the_last_call_and_named,
    a_program_that_ignores_the_signal_is_given_time_to_end_by_itself,
    a_background_job_that_ignores_int_gets_term
];
