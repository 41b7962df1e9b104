//! What a manager, make or node leaves behind: it may have got the signal from there, or not. It
//! gets it once in either case.

use std::time::Duration;

use super::{assert_graceful, assert_not_killed, assert_took, folder, of_pypi, within};
use crate::scenario::{AT_ONCE, assert_each_signalled_once, stop, stopped};
use crate::support::runner::{Test, tests};
use crate::support::{Finished, tool};

const PROCFILE: &str = "a: server --name a --work 1500ms\nb: server --name b --work 100ms\n";

/// Both servers got the signal once, and the one with more work finished too.
fn assert_both_finish(finished: &Finished) {
    for line in ["a ready", "b ready", "a got TERM", "b got TERM", "b done", "a done"] {
        let count = finished.out.iter().filter(|it| it.ends_with(&format!("| {line}"))).count();
        assert_eq!(count, 1, "{line}\n{finished}");
    }
    assert_not_killed(finished);
    assert_took(finished, Duration::from_millis(1500), Duration::from_millis(1500) + AT_ONCE);
}

/// Promise (Which process gets the signal, and when): what a handler leaves behind gets the signal,
/// and gets it once
fn the_programs_of_honcho_get_the_signal_once() {
    let honcho = of_pypi("honcho");
    let folder = folder(&[("Procfile", PROCFILE)]);
    let honcho = honcho.to_str().unwrap();
    for script in [format!("{honcho} start"), format!("cd . && {honcho} start; exit $?")] {
        let adieu = within(&folder, &[&script]).env("PYTHONUNBUFFERED", "1");
        assert_both_finish(&stop(adieu, 2).expect_exit(143));
    }
}

/// Promise (Which process gets the signal, and when): what a handler leaves behind gets the signal,
/// and gets it once
fn the_programs_of_foreman_get_the_signal_once() {
    tool("foreman");
    let folder = folder(&[("Procfile", PROCFILE)]);
    for script in ["foreman start", "cd . && foreman start; exit $?"] {
        // foreman prints the lines a little later than its programs write them.
        assert_both_finish(&stop(within(&folder, &[script]), 2).expect_exit(0));
    }
}

/// Promise (Which process gets the signal, and when): what a handler leaves behind gets the signal,
/// and gets it once
fn a_manager_that_passes_the_signal_on_and_ends_with_its_first_child() {
    tool("node");
    let manager = "const { spawn } = require('child_process');
const start = (...words) => spawn('server', words, { stdio: 'inherit' });
const both = [start('--name', 'a', '--work', '1500ms'), start('--name', 'b', '--work', '100ms')];
process.on('SIGTERM', () => both.forEach(child => child.kill()));
both[1].on('exit', () => { console.log('manager ends'); process.exit(0); });";
    let folder = folder(&[("manager.js", manager)]);
    for script in ["node manager.js", "node manager.js; echo after"] {
        let finished = stopped(within(&folder, &[script]), 2, 0);
        assert_each_signalled_once(&finished, "TERM", &["a", "b"]);
        assert_graceful(&finished, ["b done", "manager ends", "a done"]);
        assert_took(&finished, Duration::from_millis(1500), Duration::from_millis(1500) + AT_ONCE);
    }
}

/// Promise (Which process gets the signal, and when): what a handler leaves behind gets the signal,
/// and gets it once
fn a_server_below_the_shell_of_make_gets_the_signal() {
    tool("make");
    let folder = folder(&[("Makefile", "run:\n\t@cd . && server --lines 2\n")]);
    for (script, code) in [("make run", 143), ("cd . && make run; echo make gave $?; exit 4", 4)] {
        let finished = stopped(within(&folder, &[script]), 1, code);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_graceful(&finished, ["server got TERM", "server line 2", "server done"]);
        assert_took(&finished, Duration::from_millis(500), Duration::from_millis(500) + AT_ONCE);
    }
}

/// Promise (Which process gets the signal, and when): what a handler leaves behind gets the signal,
/// and gets it once
fn a_server_that_a_bare_node_leaves_behind_gets_the_signal() {
    tool("node");
    let start = "const words = ['--lines', '2'];
require('child_process').spawn('server', words, { stdio: 'inherit' });";
    let folder = folder(&[("start.js", start)]);
    for (script, code) in [("node start.js", 143), ("node start.js; echo node gave $?", 0)] {
        let finished = stopped(within(&folder, &[script]), 1, code);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_graceful(&finished, ["server got TERM", "server line 2", "server done"]);
        assert_took(&finished, Duration::from_millis(500), Duration::from_millis(500) + AT_ONCE);
    }
}

pub(super) const TESTS: &[Test] = tests![
    the_programs_of_honcho_get_the_signal_once,
    the_programs_of_foreman_get_the_signal_once,
    a_manager_that_passes_the_signal_on_and_ends_with_its_first_child,
    a_server_below_the_shell_of_make_gets_the_signal,
    a_server_that_a_bare_node_leaves_behind_gets_the_signal
];
