//! How a stop ends: the exit status at a timeout, the last word before it, and what a script may do
//! when its servers are gone.

use std::time::Duration;

use super::{SERVER_JS, Shell, assert_graceful, assert_not_killed, assert_took, folder, within};
use crate::scenario::{
    AT_ONCE, assert_each_signalled_once, assert_warned, stop, stopped, ways, with,
};
use crate::support::runner::{Test, tests};
use crate::support::{Finished, server, tool};

/// Promise (The command): a stop that was asked for and in which the timeout killed a process ends
/// with 137
fn a_timeout_below_a_shell_ends_with_137_whatever_is_an_ok_exit() {
    let server = server();
    let server = server.display();
    for script in [
        format!("cd / && {server} --never; echo never"),
        format!("{server} --name other --work 0s & {server} --never & wait; exit 0"),
        format!("trap 'echo trapped; exit 0' TERM; {server} --never"),
    ] {
        let ready = script.matches(&*server.to_string()).count();
        for options in [&[][..], &["--ok-exit", "143"], &["--ok-exit", "143,0,137"]] {
            for adieu in ways() {
                let adieu = adieu.args(["-v", "-t", "600ms"]).args(options.iter().copied());
                let finished = stopped(adieu.arg(&script), ready, 137);
                assert_eq!(finished.count("server got TERM"), 1, "{finished}");
                assert_warned(&finished, ["timeout", "killing", "server ("]);
                finished.assert_no("server done").assert_no("never");
            }
        }
    }
    let adieu = with(["-t", "600ms", "cd / && server --never"]).env("ADIEU_OK_EXIT", "143");
    stopped(adieu, 1, 137);
}

/// Promise (The command): a stop that was asked for and in which the timeout killed a process ends
/// with 137
fn a_stop_in_which_the_timeout_killed_nobody_ends_with_the_scripts_status() {
    let options = ["-t", "20s", "--ok-exit", "143"];
    let script = "cd / && server --lines 1; exit 143";
    let finished = stopped(with(options.into_iter().chain([script])), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
}

/// Promise (Which process gets the signal, and when): the last word before the timeout
fn the_worker_of_a_handler_that_hangs_gets_the_signal_a_fifth_before_the_timeout() {
    // The trap does not stop the background job.
    let script = "trap 'echo trapped' TERM; server --name below --work 300ms & \
        while :; do wait; done";
    let folder = folder(&[]);
    let finished = stopped(within(&folder, &["-t", "5s", "--shell", "dash -c", script]), 1, 137);
    finished.assert_order(["below ready", "trapped", "below got TERM", "below done"]);
    assert_eq!(finished.count("below got TERM"), 1, "{finished}");
    let at = |text: &str| finished.lines.iter().find(|line| line.text == text).unwrap().at;
    let passed = at("below got TERM") - at("trapped");
    let (least, most) = (Duration::from_millis(3300), Duration::from_millis(4800));
    assert!(passed > least && passed < most, "{passed:?}\n{finished}");
    assert_took(&finished, Duration::from_secs(5), Duration::from_secs(5) + AT_ONCE);
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn a_script_cleans_up_after_its_server_for_three_seconds() {
    let folder = folder(&[]);
    for shell in Shell::each(&["dash", "bash", "busybox", "zsh", "ksh93", "yash"]) {
        let script = "server --work 100ms; /bin/sleep 3; echo cleaned; exit 6";
        let finished = shell.stops(&folder, script, 1);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_graceful(&finished, ["server done", "cleaned"]);
        finished.assert_no("--epilogue");
        assert_eq!(finished.code, 6, "{finished}");
        assert_took(&finished, Duration::from_secs(3), Duration::from_secs(3) + AT_ONCE);
    }
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn a_script_that_is_cut_off_by_the_end_of_the_epilogue_is_named() {
    let folder = folder(&[]);
    let script = "server --work 100ms; echo cleaning; sleep 1000; echo cleaned";
    let finished = stopped(within(&folder, &["--epilogue", "1s", script]), 1, 143);
    finished.assert_order(["server done", "cleaning"]).assert_no("cleaned");
    assert_not_killed(&finished);
    assert_warned(&finished, ["sleep (", "--epilogue"]);
    assert_took(&finished, Duration::from_secs(1), Duration::from_secs(1) + AT_ONCE);
    // By default it has 5 s.
    let finished = stopped(within(&folder, &[script]), 1, 143);
    assert_warned(&finished, ["sleep (", "--epilogue"]);
    assert_took(&finished, Duration::from_secs(5), Duration::from_secs(5) + AT_ONCE);
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn what_is_done_in_time_is_not_warned_of() {
    let folder = folder(&[]);
    let script = "tail -f /dev/null & server --work 100ms; sleep 0.3; echo cleaned; exit 6";
    let finished = stopped(within(&folder, &["--epilogue", "20s", script]), 1, 6);
    finished.assert_order(["server done", "cleaned"]).assert_no("--epilogue");
    assert_took(&finished, Duration::from_millis(400), AT_ONCE * 2);
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn a_loop_that_starts_its_server_again_ends_soon_under_each_shell() {
    let folder = folder(&[]);
    for shell in Shell::all() {
        for (script, pause) in [
            ("while :; do server --work 200ms; done", 0),
            ("while :; do server --work 200ms; sleep 1; done", 1),
            ("until server --work 200ms --exit 1; do echo again; sleep 0.2; done", 1),
            ("run() { server --work 200ms; sleep 0.1; run; }; run", 1),
        ] {
            let finished = shell.stops(&folder, script, 1);
            assert_ends_soon(&finished, pause);
        }
    }
}

/// The server finished, and one that was started again got the signal once and finished too.
fn assert_ends_soon(finished: &Finished, pause: u64) {
    let ready = finished.count("ready");
    assert!((1..=2).contains(&ready), "{finished}");
    let got = finished.count("got TERM");
    assert!((1..=ready).contains(&got) && finished.count("done") == got, "{finished}");
    assert_eq!(finished.code, 143, "{finished}");
    assert_not_killed(finished);
    let most = Duration::from_millis(600) + Duration::from_secs(pause) + AT_ONCE;
    // Less than the epilogue.
    assert_took(finished, Duration::from_millis(200), most.min(Duration::from_millis(4700)));
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn a_loop_that_starts_node_again_ends_soon() {
    tool("node");
    let folder = folder(&[("server.js", SERVER_JS)]);
    for script in [
        "while :; do node server.js; done",
        "while :; do node server.js; echo node gave $?; sleep 1; done",
        "while :; do (cd . && node server.js); sleep 1; done",
    ] {
        let finished = stop(within(&folder, &[script]), 1).expect_exit(143);
        let got = finished.count("got TERM");
        assert!((1..=2).contains(&got) && finished.count("done") == got, "{finished}");
        assert_took(&finished, Duration::from_millis(400), Duration::from_millis(4700));
    }
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn the_next_server_of_a_script_ends_the_epilogue() {
    let folder = folder(&[]);
    let script = "server --name first --work 100ms; sleep 0.2; \
        server --name next --work 300ms; echo never";
    let finished = stopped(within(&folder, &[script]), 1, 143);
    finished.assert_order(["first got TERM", "first done"]).assert_no("never");
    assert_not_killed(&finished);
    let got = finished.count("next got TERM");
    assert!(got <= 1 && finished.count("next done") == got, "{finished}");
    assert_took(&finished, Duration::from_millis(300), Duration::from_millis(4_500));
    assert_warned(&finished, ["has started server", "--epilogue"]);

    // An epilogue that was asked for is for a clean-up, which may handle the signal.
    let script = "server --work 100ms; sh -c 'trap : TERM; sleep 1; echo cleaned'; echo after";
    let finished = stopped(within(&folder, &["--epilogue", "20s", script]), 1, 0);
    finished.assert_order(["server done", "cleaned", "after"]);
}

pub(super) const TESTS: &[Test] = tests![
    a_script_cleans_up_after_its_server_for_three_seconds,
    a_loop_that_starts_its_server_again_ends_soon_under_each_shell,
    a_timeout_below_a_shell_ends_with_137_whatever_is_an_ok_exit,
    a_stop_in_which_the_timeout_killed_nobody_ends_with_the_scripts_status,
    the_worker_of_a_handler_that_hangs_gets_the_signal_a_fifth_before_the_timeout,
    a_script_that_is_cut_off_by_the_end_of_the_epilogue_is_named,
    what_is_done_in_time_is_not_warned_of,
    a_loop_that_starts_node_again_ends_soon,
    the_next_server_of_a_script_ends_the_epilogue
];
