//! The main process ends by itself, and other processes are still there.

use std::process::Stdio;

use crate::scenario::{assert_at_once, assert_each_signalled_once, assert_warned, sh, with};
use crate::support::runner::{Test, tests};
use crate::support::{Adieu, Running, eventually};
use nix::sys::signal::Signal::{SIGTERM, SIGUSR1};

/// The main process ends by itself as soon as everything is ready: stdin closes.
fn main_ends(adieu: Adieu, ready: usize) -> Running {
    let mut running = adieu.stdin(Stdio::piped()).start();
    let stdin = running.stdin();
    running.wait_lines(ready, "ready");
    drop(stdin);
    running
}

/// Promise (Which process gets the signal, and when): leftovers of a main process that ended by
/// itself, `--linger`
fn what_the_main_process_leaves_behind_gets_the_signal_and_may_finish() {
    for server in ["server &", "server --daemonize;", "setsid server &"] {
        let finished = main_ends(sh(&format!("{server} read line; exit 5")), 1).expect_exit(5);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
    }
}

/// Promise (Which process gets the signal, and when): leftovers of a main process that ended by
/// itself, `--linger`
fn what_the_main_process_leaves_behind_without_a_handler_ends_at_once() {
    let finished = sh("sleep 3600 & setsid sleep 3600 & exit 6").start().expect_exit(6);
    assert_at_once(&finished);
}

/// Promise (Which process gets the signal, and when): leftovers of a main process that ended by
/// itself, `--linger`
fn what_the_main_process_leaves_behind_is_killed_after_the_timeout() {
    let adieu = with(["-t", "1s", "server --never & read line; exit 5"]);
    let finished = main_ends(adieu, 1).expect_exit(5);
    assert_eq!(finished.count("got TERM"), 1, "{finished}");
    assert_warned(&finished, ["killing", "server ("]);
}

/// Promise (Which process gets the signal, and when): leftovers of a main process that ended by
/// itself, `--linger`
fn with_linger_adieu_goes_on_until_the_last_process_is_gone() {
    let running =
        main_ends(with(["--linger", "server --daemonize --print USR1; read line; exit 5"]), 1);
    eventually("the shell is gone", || running.tree().iter().all(|it| it.name == "server"));
    // A stop signal of adieu's would have come before this later signal.
    running.signal(SIGUSR1);
    running.wait_line("server saw USR1");
    running.signal(SIGTERM);
    let finished = running.expect_exit(5);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server saw USR1", "server got TERM"]);

    let script = "(read line < /dev/null; sleep 0.5; echo last) & exit 0";
    with(["--linger", script]).start().expect_exit(0).assert_order(["last"]);
}

pub(super) const TESTS: &[Test] = tests![
    what_the_main_process_leaves_behind_gets_the_signal_and_may_finish,
    what_the_main_process_leaves_behind_without_a_handler_ends_at_once,
    what_the_main_process_leaves_behind_is_killed_after_the_timeout,
    with_linger_adieu_goes_on_until_the_last_process_is_gone
];
