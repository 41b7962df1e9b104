//! Processes of other users.

use crate::scenario::{
    AT_ONCE, EPILOGUE, as_user_65534, assert_at_once, assert_each_signalled_once, assert_warned,
    for_any_user, pid_inside, signal_and_wait, stopped, through_sh, wait_for,
};
use crate::support::runner::{Test, tests};
use crate::support::{Scratch, pid_namespace, root, tool};
use nix::sys::signal::Signal::{SIGHUP, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;

/// Promise (Anywhere): processes of other users
fn a_server_of_another_user_gets_the_signal_from_root() {
    root();
    tool("setpriv");
    let scratch = Scratch::new();
    let script = format!("cd / && {} server; echo after", as_user_65534());
    let finished = stopped(through_sh(&for_any_user(&scratch), &[&script]), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
}

/// Promise (Anywhere): processes of other users
fn a_process_that_may_not_be_signalled_does_not_delay_an_unprivileged_pid1() {
    root();
    pid_namespace();
    tool("setpriv");
    let scratch = Scratch::new();
    // Root's process becomes the child of adieu by exec.
    let preparation = format!(
        "{}; sleep 3600 & exec {} \"$ADIEU\" \"$@\"",
        for_any_user(&scratch),
        as_user_65534()
    );
    let running = through_sh(&preparation, &["tail -f /dev/null; echo never"]).start();
    wait_for(&running, 1, "sleep");
    wait_for(&running, 1, "tail");
    let pid = pid_inside(running.process("sleep").pid);
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert_at_once(&finished);
    assert_warned(&finished, ["may not send SIGTERM to", &format!("sleep ({pid})")]);
    finished.assert_no("never");

    // Nor does it disturb the work of a process that adieu may signal.
    let finished = stopped(through_sh(&preparation, &["cd / && server; echo after"]), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
}

/// Promise (Anywhere): processes of other users
fn a_signal_that_may_not_be_passed_on_is_in_a_warning() {
    root();
    pid_namespace();
    tool("setpriv");
    let scratch = Scratch::new();
    let preparation = format!(
        "{}; server --print HUP,USR1 & exec {} \"$ADIEU\" \"$@\"",
        for_any_user(&scratch),
        as_user_65534()
    );
    let running = through_sh(&preparation, &["tail -f /dev/null"]).start();
    running.wait_line("server ready");
    wait_for(&running, 1, "tail");
    let server = running.process("server").pid;
    let pid = pid_inside(server);
    for (signal, name) in [(SIGHUP, "SIGHUP"), (SIGUSR1, "SIGUSR1")] {
        signal_and_wait(&running, signal as i32, &format!("may not send {name} to server ({pid})"));
    }
    // The test ends the server itself: no signal of adieu's reached it, and the stop is as it
    // would have been.
    kill(server, SIGTERM).unwrap();
    running.wait_line("server done");
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert_at_once(&finished);
    finished.assert_no("server saw").assert_no("dropped");
}

pub(super) const TESTS: &[Test] = tests![
    a_server_of_another_user_gets_the_signal_from_root,
    a_process_that_may_not_be_signalled_does_not_delay_an_unprivileged_pid1,
    a_signal_that_may_not_be_passed_on_is_in_a_warning
];
