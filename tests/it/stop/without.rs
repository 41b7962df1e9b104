//! Without /proc, pidfds or free descriptors.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::scenario::{
    AT_ONCE, EPILOGUE, assert_at_once, assert_each_signalled_once, assert_warned, container,
    is_gone, sh, signal_adieu, stopped, through_sh, wait_for, with,
};
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{Scratch, eventually, pid_namespace, status_field, tool};
use nix::sys::signal::Signal::SIGTERM;

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn without_proc_the_group_gets_the_signal_and_adieu_waits_for_every_process_below() {
    pid_namespace();
    // Empty, or that of another PID namespace, which the one of this namespace was mounted over.
    for preparation in ["mount -t tmpfs none /proc", "umount -l /proc"] {
        let script = "server --name a & (server --name b; :) & wait; echo never";
        let finished = stopped(through_sh(preparation, &[script]), 2, 143);
        assert_each_signalled_once(&finished, "TERM", &["a", "b"]);
        assert_warned(&finished, ["/proc"]);

        let finished =
            stopped(through_sh(preparation, &["-t", "1s", "--", "server", "--never"]), 1, 137);
        assert!(finished.took >= Duration::from_secs(1), "{finished}");
        assert_eq!(finished.count(" got "), 1, "{finished}");

        let running = through_sh(preparation, &["sleep 3600; echo never"]).start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.expect_exit(143);
        assert_at_once(&finished);
    }
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn what_adieu_has_seen_gets_the_signal_even_when_proc_goes_away_with_the_main_process() {
    pid_namespace();
    let trap = |then: &str| {
        format!("trap 'umount -l /proc; {then}' TERM; echo ready; while :; do sleep 0.1; done")
    };
    // Once the main process ends, once it does not.
    for (script, code) in
        [(trap("exit 3"), 3), (format!("({}); sleep 1000; exit 3", trap("exit 4")), 143)]
    {
        let daemons = "(setsid sleep 3600 &); (sleep 3600 &)";
        let running = with([&*format!("{daemons}; {script}")]).start();
        running.wait_line("ready");
        // Until it has executed sleep, the first may be in the group of the shell, and later adieu
        // knows nothing else of it.
        support::eventually("the daemons are adieu's", || {
            support::children(running.pid()).iter().filter(|it| it.name == "sleep").count() == 2
        });
        running.signal(SIGTERM);
        let finished = running.expect_exit(code);
        assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
    }
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn where_pidfds_are_refused_the_stop_is_the_same() {
    let strace = tool("strace");
    let script = "sleep 3600 & server --work 1s --lines 2; (server --name second --work 100ms); \
        echo after";
    for (errno, call) in
        [("ENOSYS", "pidfd_open"), ("EPERM", "pidfd_open"), ("ENOSYS", "pidfd_send_signal")]
    {
        let scratch = Scratch::new();
        let log = scratch.join("log");
        let calls = format!("--trace={call}");
        let inject = format!("--inject={call}:error={errno}");
        let running = container()
            .as_child()
            .program(&strace)
            .args([&*calls, &inject, "-qq", "-o"])
            .args([&*log, support::adieu()])
            .arg(script)
            .start();
        running.wait_line("server ready");
        wait_for(&running, 1, "sleep");
        let sleep = running.process("sleep").pid;
        signal_adieu(&running);
        running.wait_line("server line 1");
        assert!(!is_gone(sleep));
        let finished = running.finish();
        assert_each_signalled_once(&finished, "TERM", &["server", "second"]);
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("(INJECTED)"), "{log}");
    }
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn with_hardly_any_descriptor_the_stop_is_graceful() {
    // The limit holds for the server too: it takes signals by sigwait, which needs no descriptor.
    // With fewer than 4 no dynamic executable can be loaded.
    for limit in 4..=6 {
        let limited =
            through_sh(&format!("ulimit -n {limit}"), &["cd / && server --by sigwait; echo after"]);
        let finished = stopped(limited, 1, 0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "after"]);
    }
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn more_servers_than_descriptors_all_get_the_signal_at_once() {
    let script = "i=0; while [ $((i += 1)) -le 30 ]; do server --by sigwait --name s$i & done; \
        wait; echo after";
    let finished = stopped(through_sh("ulimit -n 20", &[script]), 30, 0);
    let names: Vec<String> = (1..=30).map(|number| format!("s{number}")).collect();
    assert_each_signalled_once(&finished, "TERM", &names);
    finished.assert_order(["after"]);
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn when_descriptors_run_out_later_the_stop_is_graceful() {
    let prlimit = tool("prlimit");
    for limit in [0, 3, 4, 5] {
        let running = sh("cd / && server; echo after").start();
        running.wait_line("server ready");
        let limited = Command::new(&prlimit)
            .args(["--pid", &running.pid().to_string(), &format!("--nofile={limit}")])
            .status()
            .unwrap();
        assert!(limited.success());
        running.signal(SIGTERM);
        let finished = running.finish();
        assert_each_signalled_once(&finished, "TERM", &["server"]);
    }
}

/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn when_descriptors_run_out_for_a_while_a_zombie_is_not_waited_for() {
    let prlimit = tool("prlimit");
    // sleep reaps no child.
    let running = sh("server --work 2s & exec sleep 1000").start();
    running.wait_line("server ready");
    let pid = running.pid().to_string();
    let limit = |descriptors: &str| {
        let limited = Command::new(&prlimit)
            .args(["--pid", &pid, &format!("--nofile={descriptors}:64")])
            .status();
        assert!(limited.unwrap().success());
    };
    running.signal(SIGTERM);
    running.wait_line("server got TERM");
    limit("0");
    eventually("adieu has given its descriptors back", || {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let links = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        links.filter(|link| link.to_string_lossy().contains("signalfd")).count() == 0
    });
    limit("64");
    assert_each_signalled_once(&running.expect_exit(143), "TERM", &["server"]);
}

/// The kernel refuses one read of its files now and then, and too few descriptors are left to watch
/// it.
/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn a_server_that_a_look_misses_is_waited_for_even_where_it_cannot_be_watched() {
    let strace = tool("strace");
    // Elsewhere than as PID 1 adieu begins such a look anew.
    pid_namespace();
    let scratch = Scratch::new();
    let log = scratch.join("log");
    let running = through_sh(
        "ulimit -n 7",
        &["-v", "sleep 3600 & server --by sigwait --work 4s; echo after"],
    )
    .start();
    running.wait_line("server ready");
    running.signal(SIGTERM);
    running.wait_line("server got TERM");
    let pids = status_field(running.process("server").pid, "NSpid").unwrap();
    // strace compares paths as text: adieu opens this one by its path, or from the open /proc.
    let from_there = format!("{}/stat", pids.split_whitespace().next_back().unwrap());
    let path = format!("/proc/{from_there}");
    let mut tracer = Command::new(strace)
        .args([
            "-p",
            &running.pid().to_string(),
            "-P",
            &path,
            "-P",
            &from_there,
            "-e",
            "trace=openat",
            "-o",
        ])
        .arg(&log)
        .args(["-e", "inject=openat:error=ENFILE:when=1+3"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(tracer.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("attached")), "strace has not attached");
    let finished = running.expect_exit(0);
    tracer.wait().unwrap();
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
    finished.assert_no("the stage of the handlers begins");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("(INJECTED)"), "{log}");
}

pub(super) const TESTS: &[Test] = tests![
    without_proc_the_group_gets_the_signal_and_adieu_waits_for_every_process_below,
    what_adieu_has_seen_gets_the_signal_even_when_proc_goes_away_with_the_main_process,
    where_pidfds_are_refused_the_stop_is_the_same,
    with_hardly_any_descriptor_the_stop_is_graceful,
    more_servers_than_descriptors_all_get_the_signal_at_once,
    when_descriptors_run_out_later_the_stop_is_graceful,
    when_descriptors_run_out_for_a_while_a_zombie_is_not_waited_for,
    a_server_that_a_look_misses_is_waited_for_even_where_it_cannot_be_watched
];
