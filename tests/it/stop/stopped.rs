//! Processes that are stopped, as by SIGSTOP, when the signal comes.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::scenario::{AT_ONCE, EPILOGUE, assert_each_signalled_once, sh, wait_for};
use crate::support::runner::{Test, tests};
use crate::support::{context_switches, eventually, process};
use nix::sys::signal::Signal::{SIGCONT, SIGSTOP, SIGTERM};
use nix::sys::signal::kill;

/// Promise (Which process gets the signal, and when): daemons, stopped processes and nested PID
/// namespaces
fn a_stopped_process_is_continued_and_finishes() {
    for script in ["server", "cd / && server; echo after"] {
        let running = sh(script).start();
        running.wait_line("server ready");
        let server = running.process("server").pid;
        kill(server, SIGSTOP).unwrap();
        eventually("the server is stopped", || process(server).is_some_and(|it| it.state == 'T'));
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), script.matches("after").count(), "{finished}");
    }
}

/// As by `docker pause` or a debugger: adieu's wait is interrupted, and the time until which it
/// waited is over.
/// Promise (Which process gets the signal, and when): daemons, stopped processes and nested PID
/// namespaces
fn an_adieu_that_is_stopped_for_a_while_keeps_its_descriptors() {
    let running = sh("server --work 2s; :").start();
    running.wait_line("server ready");
    let adieu = running.pid();
    let open = || fs::read_dir(format!("/proc/{adieu}/fd")).unwrap().flatten();
    let files = || open().count();
    let is_signalfd = |fd: fs::DirEntry| {
        fs::read_link(fd.path()).is_ok_and(|it| it.to_string_lossy().contains("signalfd"))
    };
    // The server can be ready before adieu, which has just started it.
    eventually("adieu reads its signals", || open().any(is_signalfd));
    let before = files();
    running.signal(SIGTERM);
    running.wait_line("TERM");
    // The signalfd was there; a pidfd and what waits for both have come.
    eventually("the server is watched", || files() == before + 2);
    kill(adieu, SIGSTOP).unwrap();
    let is = |state: char| process(adieu).is_some_and(|it| it.state == state);
    eventually("adieu is stopped", || is('T'));
    let switches = context_switches(adieu);
    // Not a wait for something: the time of its next look passes meanwhile.
    thread::sleep(Duration::from_millis(700));
    kill(adieu, SIGCONT).unwrap();
    eventually("adieu waits again", || is('S') && context_switches(adieu) > switches);
    assert_eq!(files(), before + 2);
    assert_each_signalled_once(&running.expect_exit(0), "TERM", &["server"]);
}

/// Promise (Which process gets the signal, and when): daemons, stopped processes and nested PID
/// namespaces
fn a_stopped_shell_delays_nothing() {
    for (script, handles) in
        [("cd / && server; exit 9", true), ("cd / && sleep 3600; exit 9", false)]
    {
        let running = sh(script).start();
        if handles {
            running.wait_line("server ready");
        } else {
            wait_for(&running, 1, "sleep");
        }
        let shell = running.process("sh").pid;
        kill(shell, SIGSTOP).unwrap();
        eventually("the shell is stopped", || process(shell).is_some_and(|it| it.state == 'T'));
        running.signal(SIGTERM);
        let finished = running.finish();
        // adieu continues the shell, which then goes on or ends.
        let expected: &[i32] = if handles { &[9, 143] } else { &[143] };
        assert!(expected.contains(&finished.code), "{finished}");
        assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
        if handles {
            assert_each_signalled_once(&finished, "TERM", &["server"]);
        }
    }
}

pub(super) const TESTS: &[Test] = tests![
    a_stopped_process_is_continued_and_finishes,
    an_adieu_that_is_stopped_for_a_while_keeps_its_descriptors,
    a_stopped_shell_delays_nothing
];
