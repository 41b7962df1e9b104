//! Shells with a trap that does something before its jobs may end.

use std::time::Duration;

use super::{SERVER_JS, Shell, assert_graceful, assert_took, folder};
use crate::scenario::{AT_ONCE, assert_each_signalled_once};
use crate::support::runner::{Test, tests};
use crate::support::{root, say, tool};

const NODE: [&str; 5] =
    ["server ready", "server got TERM", "server line 1", "server line 2", "server done"];

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_game_below_su_is_there_until_the_trap_has_saved() {
    root();
    tool("su");
    let folder = folder(&[]);
    // It handles nothing.
    folder.script("game", "echo $$ >box/pid; echo game ready; exec sleep 3600");
    for shell in Shell::all() {
        let script = "save() { echo saving; sleep 0.4; \
            kill -0 \"$(cat box/pid)\" && echo the game is there; echo saved; }; \
            rm -rf box; mkdir -m 777 box; \
            trap 'save; kill $!' TERM; su nobody -s /bin/sh -c ./game & wait $!";
        let finished = shell.stops(&folder, script, 1);
        assert_graceful(&finished, ["game ready", "saving", "the game is there", "saved"]);
        assert_eq!(finished.code, shell.code_of_interrupted_wait(), "{finished}");
        assert_took(&finished, Duration::from_millis(400), AT_ONCE * 2);
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn node_in_the_background_gets_the_signal_from_the_trap_only() {
    tool("node");
    let folder = folder(&[("server.js", SERVER_JS)]);
    for shell in Shell::all() {
        for script in [
            "trap 'kill $pid; wait $pid; echo trap done; exit 5' TERM; \
                node server.js & pid=$!; wait $pid",
            "stop() { kill -TERM $pid; wait $pid; echo trap done; exit 5; }; trap stop TERM INT; \
                node server.js & pid=$!; wait",
            // The trap has a foreground command of its own first.
            "trap 'sleep 0.3; kill $pid; wait $pid; echo trap done; exit 5' TERM; \
                node server.js & pid=$!; wait $pid",
        ] {
            let finished = shell.stops(&folder, script, 1);
            assert_graceful(&finished, NODE.into_iter().chain(["trap done"]));
            assert_eq!(finished.count("got TERM"), 1, "{finished}");
            assert_eq!(finished.code, 5, "{finished}");
            assert_took(&finished, Duration::from_millis(400), AT_ONCE * 2);
        }
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn node_in_the_background_of_a_shell_that_waits_twice_gets_the_signal_once() {
    tool("node");
    let folder = folder(&[("server.js", SERVER_JS)]);
    // mksh and ksh93 catch TERM without a trap too, and their second `wait` looks like a foreground
    // command.
    for shell in Shell::each(&["dash", "bash", "busybox", "zsh", "yash"]) {
        let script = "trap 'kill -TERM $pid' TERM INT; node server.js & pid=$!; wait $pid; \
            trap - TERM INT; wait $pid; code=$?; echo server ended with $code; exit $code";
        let finished = shell.stops(&folder, script, 1);
        assert_graceful(&finished, NODE.into_iter().chain(["server ended with 3"]));
        assert_eq!(finished.count("got TERM"), 1, "{finished}");
        assert_eq!(finished.code, 3, "{finished}");
        assert_took(&finished, Duration::from_millis(400), AT_ONCE * 2);
    }
}

/// Promise (Which process gets the signal, and when): what a handler leaves behind gets the signal,
/// and gets it once
fn a_trap_that_signals_two_servers_and_waits_for_one_of_them() {
    let folder = folder(&[]);
    for shell in Shell::all() {
        for (script, code) in [
            // The trap interrupts `wait`, and the script ends at once.
            (
                "trap 'kill $a; kill $b' TERM; server --name a --work 800ms & a=$!; \
                    server --name b --work 300ms & b=$!; echo script ready; wait $b",
                shell.code_of_interrupted_wait(),
            ),
            (
                "trap 'kill $a; kill $b' TERM; server --name a --work 800ms & a=$!; \
                    server --name b --work 300ms & b=$!; echo script ready; wait $b; wait $b; \
                    echo after; exit 6",
                6,
            ),
        ] {
            let finished = shell.stops(&folder, script, 3);
            assert_each_signalled_once(&finished, "TERM", &["a", "b"]);
            assert_graceful(&finished, ["b done", "a done"]);
            // The trap may have run before the shell came to `wait`.
            let early = code != 6 && finished.code == 0;
            assert!(early || finished.code == code, "{finished}");
            assert_took(&finished, Duration::from_millis(800), AT_ONCE * 2);
        }
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_trap_runs_although_its_shell_was_just_about_to_wait() {
    let folder = folder(&[]);
    // The shell sends adieu the stop signal just before it forks: the hardest moment for a look.
    let script = "trap 'exit 3' TERM; kill -TERM $PPID; /bin/sleep 30; exit 9";
    for shell in Shell::all() {
        let late = (0..12).filter(|number| {
            let finished = shell.runs(&folder, &["-t", "5s"], script).start().finish();
            let late = finished.code != shell.code_of_exit_in_trap(3) && finished.code != 3;
            if late || finished.took > AT_ONCE {
                say(format!("--- {}, {number}\n{finished}", shell.name));
            }
            late || finished.took > AT_ONCE
        });
        // It can fork between the look and the signal: one time in thousands
        // (docs/reliability.md, Limits).
        assert!(late.count() <= 1, "{}", shell.name);
    }
}

pub(super) const TESTS: &[Test] = tests![
    a_game_below_su_is_there_until_the_trap_has_saved,
    node_in_the_background_gets_the_signal_from_the_trap_only,
    node_in_the_background_of_a_shell_that_waits_twice_gets_the_signal_once,
    a_trap_that_signals_two_servers_and_waits_for_one_of_them,
    a_trap_runs_although_its_shell_was_just_about_to_wait
];
