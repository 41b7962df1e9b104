//! Programs that ignore the signal hold nothing up beyond the last call and a second.

use std::time::{Duration, Instant};

use super::{Shell, assert_graceful, assert_took, folder, within};
use crate::scenario::{
    AT_ONCE, EPILOGUE, assert_each_signalled_once, assert_warned, container, pid_inside, stop,
    stopped, wait_for,
};
use crate::support::runner::{Test, tests};
use crate::support::{pid_namespace, say, tool};
use nix::sys::signal::Signal::SIGTERM;

/// What a program that ignores the signal has from the last call to its end.
const GRACE: Duration = Duration::from_secs(1);

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_script_that_ignores_the_signal_ends_after_a_second_under_each_shell() {
    let folder = folder(&[]);
    // ksh93 catches what it ignores, as SigCgt shows.
    for shell in Shell::each(&["dash", "bash", "busybox", "zsh", "mksh", "yash"]) {
        // busybox has a sleep of its own.
        let script = "trap '' TERM; echo script ready; while :; do /bin/sleep 1000; done";
        for options in [&[][..], &["-t", "25s"]] {
            let running = shell.runs(&folder, options, script).start();
            running.wait_line("script ready");
            wait_for(&running, 1, "sleep");
            let pid = pid_inside(running.process("sleep").pid);
            running.signal(SIGTERM);
            let finished = running.finish();
            say(format!("--- {}\n{finished}", shell.name));
            // SIGKILL ended the main process; the timeout had no part in it.
            assert_eq!(finished.code, 137, "{finished}");
            assert_took(&finished, GRACE - Duration::from_millis(100), GRACE + AT_ONCE);
            assert_warned(&finished, [&*format!("sleep ({pid})"), "ignore"]);
            finished.assert_no("timeout");
        }
    }
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn an_interactive_bash_on_a_terminal_ends_after_a_second() {
    tool("bash");
    pid_namespace();
    let bash = container().args(["--", "bash", "--norc", "--noprofile"]).env("PS1", "bash ready> ");
    let mut bash = bash.start_on_pty();
    bash.wait_text("bash ready> ");
    let began = Instant::now();
    bash.signal(SIGTERM);
    assert_eq!(bash.exit(), 137, "{}", bash.text());
    let took = began.elapsed();
    assert!(took < GRACE + AT_ONCE, "{took:?}\n{}", bash.text());
    assert!(took > GRACE - Duration::from_millis(100), "{took:?}\n{}", bash.text());
    assert!(bash.text().contains("bash ("), "no warning\n{}", bash.text());
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_server_started_in_an_interactive_bash_finishes() {
    tool("bash");
    pid_namespace();
    let bash = container().args(["--epilogue", "300ms", "--", "bash", "--norc", "--noprofile"]);
    let mut bash = bash.env("PS1", "bash ready> ").start_on_pty();
    bash.wait_text("bash ready> ");
    bash.type_keys("server --lines 1\n");
    bash.wait_text("server ready\n");
    let began = Instant::now();
    bash.signal(SIGTERM);
    for text in ["server got TERM\n", "server line 1\n", "server done\n"] {
        bash.wait_text(text);
    }
    assert_eq!(bash.exit(), 137, "{}", bash.text());
    let took = began.elapsed();
    assert!(took < GRACE + EPILOGUE + AT_ONCE, "{took:?}\n{}", bash.text());
    assert_eq!(bash.text().matches("got TERM").count(), 1, "{}", bash.text());
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_program_that_ignores_the_signal_beside_a_server_does_not_delay_it() {
    let folder = folder(&[]);
    for shell in Shell::all() {
        let script = "(trap '' TERM; exec /bin/sleep 1000) & server; echo after; exit 5";
        let running = shell.runs(&folder, &["-t", "25s"], script).start();
        running.wait_line("server ready");
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.finish();
        say(format!("--- {}\n{finished}", shell.name));
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.code, shell.code_without_trap(5), "{finished}");
        let least = GRACE - Duration::from_millis(100);
        assert_took(&finished, least, Duration::from_millis(500) + GRACE + AT_ONCE);
        assert_warned(&finished, ["sleep (", "ignore"]);
    }
}

/// Promise (Which process gets the signal, and when): programs that ignore the signal
fn a_log_filter_that_ignores_the_signal_keeps_the_last_lines_and_is_not_killed() {
    let folder = folder(&[]);
    let script = "server --lines 2 | (trap '' TERM; cat; sleep 0.2; echo filter ends); exit 5";
    let finished = stopped(within(&folder, &[script]), 1, 5);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    assert_graceful(&finished, ["server line 2", "server done", "filter ends"]);
    assert_took(&finished, Duration::from_millis(700), Duration::from_millis(700) + AT_ONCE);

    // Where nobody handles the signal, it ends at end of file just the same.
    let script = "{ echo all ready; sleep 1000; } | (trap '' TERM; cat; echo filter ends)";
    let finished = stop(within(&folder, &[script]), 1).finish();
    assert_graceful(&finished, ["all ready", "filter ends"]);
    assert_took(&finished, Duration::ZERO, AT_ONCE);
}

pub(super) const TESTS: &[Test] = tests![
    a_script_that_ignores_the_signal_ends_after_a_second_under_each_shell,
    an_interactive_bash_on_a_terminal_ends_after_a_second,
    a_server_started_in_an_interactive_bash_finishes,
    a_program_that_ignores_the_signal_beside_a_server_does_not_delay_it,
    a_log_filter_that_ignores_the_signal_keeps_the_last_lines_and_is_not_killed
];
