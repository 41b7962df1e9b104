//! PID namespaces below adieu, and orphans.

use std::path::Path;

use crate::scenario::{
    AT_ONCE, EPILOGUE, assert_at_once, assert_each_signalled_once, container, stop, wait_for, with,
};
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{Adieu, eventually, pid_namespace, pid_namespace_or_less, process};
use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::sys::signal::kill;

/// Promise (Which process gets the signal, and when): daemons, stopped processes and nested PID
/// namespaces
fn the_init_of_a_nested_pid_namespace_that_handles_nothing_ends_at_once() {
    pid_namespace();
    for script in ["unshare --pid --fork sleep 1000", "cd / && unshare --pid --fork sleep 1000; :"]
    {
        let running = with(["-t", "10s", script]).start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.finish();
        assert!(finished.took < AT_ONCE, "{script}\n{finished}");
    }
}

/// adieu's first child is the init of the namespace that adieu was to get, and has no handler.
/// Promise (Which process gets the signal, and when): `--deliver group` and `--deliver child`
fn deliver_child_ends_a_nested_init_that_handles_nothing() {
    pid_namespace();
    let adieu = [support::adieu(), Path::new("--deliver=child"), Path::new("--")];
    let words = ["unshare", "--pid"].iter().map(Path::new).chain(adieu);
    let storm = [support::storm(), "many".into(), "3".into()];
    let running = container().program("/usr/bin/env").args(words).args(storm).start();
    running.wait_line("ready");
    running.signal(SIGTERM);
    let finished = running.expect_exit(9);
    assert_at_once(&finished);
}

/// Promise (Which process gets the signal, and when): daemons, stopped processes and nested PID
/// namespaces
fn a_server_inside_a_nested_pid_namespace_gets_the_signal_and_finishes() {
    pid_namespace();
    for inside in ["server", "sh -c \"server; :\"", "sh -c \"server & sleep 3600 & wait\""] {
        let script = format!("unshare --pid --fork {inside}; echo after");
        let finished = stop(with(["-t", "15s", &script]), 1).finish();
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert!(finished.took < EPILOGUE + AT_ONCE, "{inside}\n{finished}");
    }
}

/// Promise (Running): orphans are reaped, as PID 1 and as subreaper; also an orphan of a killed
/// parent that is then killed itself
fn an_orphan_leaves_no_zombie() {
    for adieu in [Adieu::as_pid1, Adieu::as_child] {
        let adieu =
            if pid_namespace_or_less() { adieu(container()) } else { container().as_child() };
        let running = adieu.arg("sh -c 'sleep 3600 & wait' & wait; server").start();
        wait_for(&running, 1, "sleep");
        let sleep = running.process("sleep");
        kill(sleep.parent, SIGKILL).unwrap();
        running.wait_line("server ready");
        assert_eq!(process(sleep.pid).unwrap().parent, running.pid());
        kill(sleep.pid, SIGKILL).unwrap();
        eventually("the orphan is reaped", || process(sleep.pid).is_none());
        assert!(running.tree().iter().all(|it| it.state != 'Z'), "{:#?}", running.tree());
        running.signal(SIGTERM);
        assert_each_signalled_once(&running.expect_exit(0), "TERM", &["server"]);
    }
}

pub(super) const TESTS: &[Test] = tests![
    the_init_of_a_nested_pid_namespace_that_handles_nothing_ends_at_once,
    deliver_child_ends_a_nested_init_that_handles_nothing,
    a_server_inside_a_nested_pid_namespace_gets_the_signal_and_finishes,
    an_orphan_leaves_no_zombie
];
