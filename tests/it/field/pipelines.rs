//! Log filters that handle the signal themselves, as every program of node, Java and Go seems to:
//! they read the last lines of the server all the same. And scripts that a shell reads from a pipe.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::{
    PRETTY_JS, SERVER_JS, Shell, assert_graceful, assert_logged, assert_not_killed, assert_took,
    folder, wait_logged, within,
};
use crate::scenario::{AT_ONCE, EPILOGUE, assert_each_signalled_once, stop, stopped, wait_for};
use crate::support::runner::{Test, tests};
use crate::support::{Finished, say, tool, tool_or_less};
use nix::sys::signal::Signal::SIGTERM;

/// ksh93 is not among them: it joins the commands of a pipeline by socket pairs, of which /proc
/// does not show who reads what (seen with ksh93u+m 1.0). There a filter that handles nothing is
/// taken for a reader, and one that handles the signal is not.
const WITH_PIPES: &[&str] = &["dash", "bash", "busybox", "zsh", "mksh", "yash"];

/// The node server's work.
const WORK: Duration = Duration::from_millis(400);

const THROUGH_PRETTY: [&str; 6] = [
    "pretty: server ready",
    "pretty: server got TERM",
    "pretty: server line 1",
    "pretty: server line 2",
    "pretty: server done",
    "pretty ends",
];

/// Promise (Which process gets the signal, and when): a log filter that handles the signal itself
/// reads the last lines
fn a_node_server_and_a_node_filter_keep_the_last_lines_under_each_shell() {
    tool("node");
    let folder = folder(&[("server.js", SERVER_JS), ("pretty.js", PRETTY_JS)]);
    for shell in Shell::each(WITH_PIPES) {
        for (script, code) in [
            // Of a pipeline the last status counts.
            ("node server.js | node pretty.js", 0),
            ("cd . && node server.js 2>&1 | node pretty.js; echo after; exit 5", 5),
            ("node server.js | cat | node pretty.js", 0),
        ] {
            // yash executes the filter in its own place: the next test.
            if shell.name == "yash" && !script.contains("after") {
                continue;
            }
            let finished = shell.stops(&folder, script, 1);
            assert_graceful(&finished, THROUGH_PRETTY);
            assert_eq!(finished.count("got TERM"), 1, "{finished}");
            assert_eq!(finished.code, shell.code_without_trap(code), "{finished}");
            let goes_on = script.contains("after") && finished.code == code;
            assert_eq!(finished.count("after"), usize::from(goes_on), "{finished}");
            assert_took(&finished, WORK, WORK + AT_ONCE);
        }
    }
    if tool_or_less("bash").is_some() {
        let script = "node server.js | node pretty.js";
        let adieu = within(&folder, &["--shell", "bash -eo pipefail -c", script]);
        assert_graceful(&stopped(adieu, 1, 3), THROUGH_PRETTY);
    }
}

/// Promise (Which process gets the signal, and when): a log filter that handles the signal itself
/// reads the last lines
fn a_filter_whose_server_is_its_own_child_reads_the_last_lines() {
    tool("node");
    let folder = folder(&[("server.js", SERVER_JS), ("pretty.js", PRETTY_JS)]);
    for (shell, script) in [
        ("bash", "node pretty.js < <(node server.js); echo after"),
        ("bash", "exec node pretty.js < <(node server.js)"),
        // yash executes the last command of a pipeline so by itself.
        ("yash", "node server.js | node pretty.js"),
        ("yash", "node server.js | cat | node pretty.js"),
    ] {
        if tool_or_less(shell).is_none() {
            continue;
        }
        let finished = stopped(within(&folder, &["--shell", &format!("{shell} -c"), script]), 1, 0);
        assert_graceful(&finished, THROUGH_PRETTY);
        assert_eq!(finished.count("got TERM"), 1, "{finished}");
        assert_took(&finished, WORK, WORK + AT_ONCE);
    }
}

/// Promise (Which process gets the signal, and when): a log filter that handles the signal itself
/// reads the last lines
fn multilog_writes_the_last_lines() {
    tool("multilog");
    let order = ["server ready", "server got TERM", "server line 1", "server line 2"];
    let order = [&order[..], &["server done"]].concat();
    for shell in Shell::each(WITH_PIPES) {
        let folder = folder(&[]);
        let script = "server --lines 2 --exit 3 | multilog t ./log; echo after";
        let running = shell.runs(&folder, &[], script).start();
        wait_logged(&running, &folder, "log/current", "server ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(shell.code_without_trap(0));
        assert_logged(&folder, "log/current", &order, &finished);
        finished.assert_no("lost");
        assert_not_killed(&finished);
        assert_took(&finished, Duration::from_millis(500), Duration::from_millis(500) + AT_ONCE);
    }
}

/// Promise (Which process gets the signal, and when): a log filter that handles the signal itself
/// reads the last lines
fn a_log_shipper_with_a_handler_behind_exec_ships_the_last_lines() {
    let bash = "trap 'echo shipper got TERM; exit 1' TERM
while IFS= read -r line; do echo \"shipped: $line\"; done; echo shipper ends";
    let node = "process.on('SIGTERM', () => { console.log('shipper got TERM'); process.exit(1) });
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', line => console.log('shipped: ' + line));
lines.on('close', () => console.log('shipper ends'));";
    tool("bash");
    let folder = folder(&[("shipper.sh", bash), ("shipper.js", node)]);
    let mut shippers = vec!["bash shipper.sh"];
    shippers.extend(tool_or_less("node").map(|_| "node shipper.js"));
    for shipper in shippers {
        for (rest, after, code) in [
            ("server --lines 2 --exit 3; echo after; exit 4", true, 4),
            // Here the shipper is the child of the server.
            ("exec server --lines 2 --exit 3", false, 3),
        ] {
            let script = format!("exec > >({shipper}); {rest}");
            let adieu = within(&folder, &["--shell", "bash -c", &script]);
            let finished = stopped(adieu, 1, code);
            let lines = ["ready", "got TERM", "line 1", "line 2", "done"]
                .map(|line| format!("shipped: server {line}"));
            let after = after.then_some("shipped: after");
            let order = lines.iter().map(String::as_str).chain(after).chain(["shipper ends"]);
            assert_graceful(&finished, order);
            assert_eq!(finished.count("got TERM"), 1, "{finished}");
            assert_took(&finished, Duration::from_millis(500), AT_ONCE * 2);
        }
    }
}

/// Promise (Which process gets the signal, and when): a log filter that handles the signal itself
/// reads the last lines
fn a_filter_that_goes_on_after_the_end_of_file_gets_the_signal_when_the_epilogue_is_over() {
    tool("node");
    let keep = "process.on('SIGTERM', () => { console.log('keep got TERM'); process.exit(6) });
process.stdin.on('data', data => process.stdout.write('' + data));
process.stdin.on('end', () => console.log('keep reads no more'));
setInterval(() => {}, 1000);";
    let folder = folder(&[("keep.js", keep)]);
    let script = "server --lines 1 | node keep.js";
    let finished = stopped(within(&folder, &["--epilogue", "700ms", script]), 1, 6);
    assert_graceful(
        &finished,
        ["server got TERM", "server line 1", "server done", "keep reads no more", "keep got TERM"],
    );
    let least = Duration::from_millis(500 + 700);
    assert_took(&finished, least, least + AT_ONCE);
}

/// Promise (Which process gets the signal, and when): a log filter that handles the signal itself
/// reads the last lines
fn two_programs_that_read_from_each_other_get_the_signal_at_once() {
    let peer = "trap 'echo \"$1 got TERM\" >&3; sleep 0.3; echo \"$1 done\" >&3; exit' TERM
echo \"$1 ready\" >&3; while read -r line; do :; done; echo \"$1 read the end\" >&3; sleep 9";
    let folder = folder(&[("peer.sh", peer)]);
    let script = "exec 3>&1; mkfifo a b; sh peer.sh one <a >b & sh peer.sh two >a <b & wait";
    let finished = stopped(within(&folder, &[script]), 2, 0);
    for name in ["one", "two"] {
        let order = ["ready", "got TERM", "done"].map(|it| format!("{name} {it}"));
        assert_graceful(&finished, order.iter().map(String::as_str));
        assert_eq!(finished.count(&format!("{name} got TERM")), 1, "{finished}");
    }
    assert_took(&finished, Duration::ZERO, AT_ONCE);
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_trap_runs_although_a_reader_of_its_background_job_is_in_the_foreground() {
    let folder = folder(&[]);
    for shell in Shell::all() {
        let script = "trap 'echo trapped; kill $pid; wait $pid; echo trap done' TERM; \
            rm -f f; mkfifo f; server --lines 2 >f & pid=$!; cat <f; echo end; exit 4";
        let finished = shell.stops(&folder, script, 1);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_graceful(
            &finished,
            ["server got TERM", "server line 1", "server line 2", "server done", "trapped"],
        );
        finished.assert_order(["trapped", "trap done", "end"]);
        assert_eq!(finished.code, 4, "{finished}");
        assert_took(&finished, Duration::from_millis(500), AT_ONCE * 2);
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn the_same_with_node_for_server_and_reader() {
    tool("node");
    let folder = folder(&[("server.js", SERVER_JS), ("pretty.js", PRETTY_JS)]);
    for shell in Shell::all() {
        let script = "trap 'echo trapped; kill $pid; wait $pid; echo trap done' TERM; \
            rm -f f; mkfifo f; node server.js >f & pid=$!; node pretty.js <f; exit 4";
        let finished = shell.stops(&folder, script, 1);
        assert_graceful(&finished, THROUGH_PRETTY.into_iter().chain(["trapped", "trap done"]));
        assert_eq!(finished.count("got TERM"), 1, "{finished}");
        assert_eq!(finished.code, 4, "{finished}");
        assert_took(&finished, WORK, WORK + AT_ONCE);
    }
}

/// A script with a trap, a server in the background and another command in the foreground. ksh93
/// and busybox have a sleep of their own.
const PIPED: &str = "trap 'echo trapped; kill $pid; wait $pid; echo trap done; exit 7' TERM
server --lines 2 & pid=$!
/bin/sleep 1000
";

fn assert_piped(finished: &Finished, shell: &Shell) {
    assert_each_signalled_once(finished, "TERM", &["server"]);
    assert_graceful(
        finished,
        ["server ready", "trapped", "server got TERM", "server line 2", "server done", "trap done"],
    );
    assert_eq!(finished.code, shell.code_of_exit_in_trap(7), "{finished}");
    assert_took(finished, Duration::from_millis(500), AT_ONCE * 2);
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_script_that_comes_through_a_pipe_runs_its_trap() {
    let folder = folder(&[("install.sh", PIPED)]);
    for shell in Shell::all() {
        let inner = shell.words.trim_end_matches(" -c");
        for script in [
            format!("cat install.sh | {inner}"),
            // The program that downloads the script is still there.
            format!("tail -n +1 -f install.sh | {inner}"),
            format!("{inner} <<'END'\n{PIPED}END\n"),
        ] {
            // tail(1) ends with the epilogue, and until then the shell around it waits.
            let running = within(&folder, &["--epilogue", "300ms", &script]).start();
            running.wait_line("server ready");
            wait_for(&running, 1, "sleep");
            running.signal(SIGTERM);
            let finished = running.finish();
            say(format!("--- {}: {script}\n{finished}", shell.name));
            assert_piped(&finished, &shell);
        }
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_script_on_the_standard_input_of_adieu_runs_its_trap() {
    let folder = folder(&[]);
    for shell in Shell::all() {
        for open in [false, true] {
            let inner = shell.words.trim_end_matches(" -c").split(' ');
            let adieu = within(&folder, &["--"]).args(inner);
            let mut running = adieu.stdin(Stdio::piped()).start();
            let mut stdin = running.stdin();
            stdin.write_all(PIPED.as_bytes()).unwrap();
            let _held = open.then_some(stdin);
            running.wait_line("server ready");
            wait_for(&running, 1, "sleep");
            running.signal(SIGTERM);
            let finished = running.finish();
            say(format!("--- {}, open: {open}\n{finished}", shell.name));
            assert_piped(&finished, &shell);
        }
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn a_server_in_the_foreground_of_a_script_through_a_pipe_is_no_reader() {
    tool("node");
    let script = "trap 'echo trapped' TERM\nnode server.js\necho after\nexit 8\n";
    let folder = folder(&[("server.js", SERVER_JS), ("install.sh", script)]);
    for shell in Shell::all() {
        let inner = shell.words.trim_end_matches(" -c");
        let finished = stop(within(&folder, &[&format!("cat install.sh | {inner}")]), 1).finish();
        say(format!("--- {}\n{finished}", shell.name));
        let order =
            ["ready", "got TERM", "line 1", "line 2", "done"].map(|it| format!("server {it}"));
        assert_graceful(&finished, order.iter().map(String::as_str).chain(["trapped"]));
        assert_eq!(finished.count("got TERM"), 1, "{finished}");
        assert_took(&finished, WORK, WORK + EPILOGUE + AT_ONCE);
    }
}

pub(super) const TESTS: &[Test] = tests![
    a_node_server_and_a_node_filter_keep_the_last_lines_under_each_shell,
    a_filter_whose_server_is_its_own_child_reads_the_last_lines,
    multilog_writes_the_last_lines,
    a_log_shipper_with_a_handler_behind_exec_ships_the_last_lines,
    a_filter_that_goes_on_after_the_end_of_file_gets_the_signal_when_the_epilogue_is_over,
    two_programs_that_read_from_each_other_get_the_signal_at_once,
    a_trap_runs_although_a_reader_of_its_background_job_is_in_the_foreground,
    the_same_with_node_for_server_and_reader,
    a_script_that_comes_through_a_pipe_runs_its_trap,
    a_script_on_the_standard_input_of_adieu_runs_its_trap,
    a_server_in_the_foreground_of_a_script_through_a_pipe_is_no_reader
];
