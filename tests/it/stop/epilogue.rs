//! What a script does after its servers, and the last call.

use std::time::Duration;

use crate::scenario::{
    AT_ONCE, EPILOGUE, assert_at_once, assert_each_signalled_once, sh, stopped, with,
};
use crate::support::Scratch;
use crate::support::runner::{Test, tests};

/// Promise (Which process gets the signal, and when): epilogue and last call
fn what_a_script_does_after_its_server_completes() {
    let scratch = Scratch::new();
    let upload = scratch.script("upload", "sleep 0.3; echo uploaded");
    let finished = stopped(sh("server; \"$UPLOAD\"; echo after").env("UPLOAD", upload), 1, 0);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "uploaded", "after"]);
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn what_a_script_runs_for_longer_than_the_epilogue_gets_the_signal_at_the_last_call() {
    let script = "server --work 100ms; echo uploading; sleep 3600; echo never";
    let finished = stopped(sh(script), 1, 143);
    finished.assert_order(["server done", "uploading"]).assert_no("never");
    assert!(finished.took >= EPILOGUE, "{finished}");
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");

    let finished = stopped(with(["--epilogue", "2s", script]), 1, 143);
    assert!(finished.took >= Duration::from_secs(2), "{finished}");
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn a_handler_at_the_last_call_may_still_finish() {
    let script = "server --work 100ms; server --name second --work 1500ms; echo never";
    let finished = stopped(with(["--epilogue", "300ms", script]), 1, 143);
    assert_each_signalled_once(&finished, "TERM", &["server", "second"]);
    finished.assert_no("never");
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn without_an_epilogue_the_script_ends_with_its_server() {
    let finished =
        stopped(with(["--epilogue", "0s", "server --work 100ms; sleep 3600; echo never"]), 1, 143);
    finished.assert_order(["server done"]).assert_no("never");
    assert_at_once(&finished);
}

/// Promise (Which process gets the signal, and when): epilogue and last call
fn a_restart_loop_ends_with_the_epilogue() {
    let finished = stopped(sh("while :; do server --work 100ms; done"), 1, 143);
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
    // A server that the loop started anew also got the signal once, and finished.
    let ready = finished.count("ready");
    assert!((1..=3).contains(&ready), "{finished}");
    assert!(
        finished.count("got TERM") <= ready && finished.count("done") == finished.count(" got "),
        "{finished}"
    );
}

pub(super) const TESTS: &[Test] = tests![
    what_a_script_does_after_its_server_completes,
    what_a_script_runs_for_longer_than_the_epilogue_gets_the_signal_at_the_last_call,
    a_handler_at_the_last_call_may_still_finish,
    without_an_epilogue_the_script_ends_with_its_server,
    a_restart_loop_ends_with_the_epilogue
];
