//! Bystanders: processes without a handler. They live until the last handler is done, so that they
//! can pass on its last lines.

use std::fs;
use std::time::Duration;

use crate::scenario::{
    AS_USER_65534, AT_ONCE, assert_each_signalled_once, by_sh, is_gone, sh, stopped, wait_for, with,
};
use crate::support::runner::{Test, tests};
use crate::support::{Scratch, eventually, other_users_reach, root, server, tool, tool_or_less};
use nix::sys::signal::Signal::SIGTERM;

/// Promise (Which process gets the signal, and when): bystanders and pipe readers live until the
/// last handler is done
fn bystanders_live_until_the_last_handler_is_done_and_then_end_at_once() {
    for script in [
        "tail -f /dev/null & sleep 3600 & server --lines 3 --work 1500ms",
        "setsid tail -f /dev/null & sleep 3600 & server --lines 3 --work 1500ms; wait; echo after",
    ] {
        let running = sh(script).start();
        running.wait_line("server ready");
        for bystander in ["tail", "sleep"] {
            wait_for(&running, 1, bystander);
        }
        let bystanders = [running.process("tail").pid, running.process("sleep").pid];
        running.signal(SIGTERM);
        running.wait_line("server line 2");
        assert!(!bystanders.into_iter().any(is_gone), "{script}: {:#?}", running.tree());
        let finished = running.expect_exit(0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), script.matches("after").count(), "{finished}");
        // adieu does not wait for the whole epilogue: no process has anything left to do.
        assert!(finished.took < Duration::from_millis(1500) + AT_ONCE, "{finished}");
        eventually("the bystanders are gone", || bystanders.into_iter().all(is_gone));
    }
}

/// Promise (Which process gets the signal, and when): bystanders and pipe readers live until the
/// last handler is done
fn a_pipe_to_tee_keeps_the_last_lines() {
    let scratch = Scratch::new();
    let server = "server --lines 3; echo after";
    let scripts = [
        ("/bin/sh -c", format!("{{ {server}; }} | tee \"$LOG\"")),
        ("bash -c", format!("exec > >(tee \"$LOG\"); {server}")),
        ("bash -c", "exec > >(tee \"$LOG\"); server --lines 3".to_owned()),
    ];
    for (number, (shell, script)) in scripts.iter().enumerate() {
        if *shell != "/bin/sh -c" && tool_or_less(shell.trim_end_matches(" -c")).is_none() {
            continue;
        }
        let log = scratch.join(number.to_string());
        let finished = stopped(with(["--shell", shell, script]).env("LOG", &log), 1, 0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server line 1", "server line 2", "server line 3", "server done"]);
        finished.assert_no("lost");
        assert_eq!(finished.count("after"), script.matches("after").count(), "{finished}");
        let logged = fs::read_to_string(log).unwrap();
        assert_eq!(logged.lines().collect::<Vec<_>>(), finished.out, "{finished}");
    }
}

/// Promise (Which process gets the signal, and when): bystanders and pipe readers live until the
/// last handler is done
fn a_slow_filter_below_the_server_that_it_reads_keeps_the_last_lines() {
    tool("bash");
    // The shell becomes the server, and the filter, which it started, a child of that.
    let filter = "while read -r line; do sleep 0.2; echo \"slow $line\"; done";
    let script = format!("exec > >({filter}); exec server --work 100ms --lines 2");
    let finished = stopped(with(["--shell", "bash -c", &script]), 1, 0);
    finished.assert_order(["slow server got TERM", "slow server line 2", "slow server done"]);
}

/// Promise (Which process gets the signal, and when): bystanders and pipe readers live until the
/// last handler is done
fn a_filter_of_another_user_keeps_the_last_lines_where_root_may_not_look() {
    root();
    other_users_reach(&server());
    let setpriv = tool("setpriv");
    let setpriv = setpriv.to_str().unwrap();
    // As docker's root has it: no CAP_SYS_PTRACE, so /proc shows less of what belongs to others.
    let preparation = format!(
        "set -- {setpriv} --bounding-set -sys_ptrace --inh-caps -sys_ptrace \"$ADIEU\" \
            \"$@\"\nexec \"$@\""
    );
    let script = "server --lines 3 | cat";
    let adieu = by_sh(&preparation).args(["sh", "--", setpriv]);
    let finished = stopped(adieu.args(AS_USER_65534).args(["sh", "-c", script]), 1, 0);
    finished.assert_order(["server got TERM", "server line 1", "server line 3", "server done"]);
}

/// Promise (Which process gets the signal, and when): bystanders and pipe readers live until the
/// last handler is done
fn the_log_filter_of_a_main_process_that_ended_keeps_the_last_lines() {
    let scratch = Scratch::new();
    // A process is no filter before it has its pipe (docs/reliability.md, Limits).
    let filter = ">(: >\"$UP\"; while IFS= read -r line; do echo \"$line\"; done)";
    let script = format!("exec > {filter}; until [ -e \"$UP\" ]; do :; done; seq 1 500; exit 3");
    let adieu =
        with(["--shell", "bash -c", "--epilogue", "20s", &*script]).env("UP", scratch.join("up"));
    let finished = adieu.start().expect_exit(3);
    assert_eq!(finished.out.len(), 500, "{finished}");
}

pub(super) const TESTS: &[Test] = tests![
    bystanders_live_until_the_last_handler_is_done_and_then_end_at_once,
    a_pipe_to_tee_keeps_the_last_lines,
    a_slow_filter_below_the_server_that_it_reads_keeps_the_last_lines,
    a_filter_of_another_user_keeps_the_last_lines_where_root_may_not_look,
    the_log_filter_of_a_main_process_that_ended_keeps_the_last_lines
];
