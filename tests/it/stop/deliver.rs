//! `--deliver group` and `--deliver child`.

use crate::scenario::{assert_each_signalled_once, is_gone, stop, stopped, wait_for, with};
use crate::support::eventually;
use crate::support::runner::{Test, tests};
use nix::sys::signal::Signal::SIGTERM;

/// Promise (Which process gets the signal, and when): `--deliver group` and `--deliver child`
fn deliver_group_signals_bystanders_at_once_and_still_shields_the_shell() {
    let script = "sleep 3600 & server --work 3s; sleep 0.3; echo after";
    let running = with(["--deliver", "group", script]).start();
    running.wait_line("server ready");
    wait_for(&running, 1, "sleep");
    let sleep = running.process("sleep").pid;
    running.signal(SIGTERM);
    eventually("the bystander is gone", || is_gone(sleep));
    assert!(running.lines().iter().all(|line| !line.text.contains("done")));
    let finished = running.expect_exit(0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
}

/// Promise (Which process gets the signal, and when): `--deliver group` and `--deliver child`
fn deliver_group_signals_the_workers_too() {
    let finished =
        stop(with(["--deliver", "group", "--", "server", "--workers", "1", "--work", "1s"]), 2);
    let finished = finished.expect_exit(0);
    // From adieu and from the master; the kernel may make one signal of both.
    assert!((1..=2).contains(&finished.count("server.1 got TERM")), "{finished}");
    finished.assert_order(["server got TERM", "server.1 done", "server done"]);
}

/// Promise (Which process gets the signal, and when): `--deliver group` and `--deliver child`
fn deliver_child_signals_the_main_process_or_the_child_of_its_shell() {
    let script = "server --name side & server --name main; wait; echo after";
    let finished = stopped(with(["--deliver", "child", script]), 2, 0);
    assert_each_signalled_once(&finished, "TERM", &["main", "side"]);
    finished.assert_order(["main done", "side got TERM", "side done", "after"]);

    // The shell itself, which goes on after its child, gets no signal.
    let script = "server; i=0; while [ $((i += 1)) -lt 300000 ]; do :; done; echo after";
    let finished = stopped(with(["--deliver", "child", "--epilogue", "20s", script]), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["after"]);

    let finished = stopped(with(["--deliver", "child", "--", "server", "--workers", "1"]), 2, 0);
    assert_each_signalled_once(&finished, "TERM", &["server", "server.1"]);
}

pub(super) const TESTS: &[Test] = tests![
    deliver_group_signals_bystanders_at_once_and_still_shields_the_shell,
    deliver_group_signals_the_workers_too,
    deliver_child_signals_the_main_process_or_the_child_of_its_shell
];
