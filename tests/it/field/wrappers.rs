//! Programs that catch the signal and only wait for their child: those that adieu knows, those that
//! it is given by name, and what it says of others.

use std::process::Command;
use std::time::Duration;

use super::{assert_graceful, assert_not_killed, assert_took, folder, of_pypi, within};
use crate::scenario::{AT_ONCE, assert_each_signalled_once, pid_inside, stop, stopped};
use crate::support::runner::{Test, tests};
use crate::support::{Adieu, Finished, Scratch, adieu, output, tool};
use nix::sys::signal::Signal::SIGTERM;
use nix::sys::signal::kill;

fn assert_finishes(finished: &Finished) {
    assert_each_signalled_once(finished, "TERM", &["server"]);
    assert_graceful(finished, ["server got TERM", "server line 2", "server done"]);
    assert_took(finished, Duration::from_millis(500), Duration::from_millis(500) + AT_ONCE);
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn a_server_below_go_task_finishes() {
    let task = of_pypi("task");
    let tasks = "version: '3'\ntasks:\n  default:\n    cmds:\n      - server --lines 2\n";
    let folder = folder(&[("Taskfile.yml", tasks)]);
    let task = task.to_str().unwrap();
    for script in [format!("{task} -s"), format!("cd . && {task} -s; echo after")] {
        let adieu = within(&folder, &[&script]).env("HOME", folder.path());
        assert_finishes(&stopped(adieu, 1, 0));
    }
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn a_server_below_just_finishes() {
    let just = of_pypi("just");
    let folder = folder(&[("justfile", "run:\n  @cd . && server --lines 2\n")]);
    let just = just.to_str().unwrap();
    for script in [format!("{just} run"), format!("cd . && {just} run; exit $?")] {
        let finished = stop(within(&folder, &[&script]), 1).finish();
        assert_finishes(&finished);
        // Of a signal that it got itself it makes another status.
        assert_eq!(finished.code, 0, "{finished}");
    }
}

/// It catches TERM, waits for its child, and passes nothing on.
const RUNNER: &str = "#!/usr/bin/env node
const { spawn } = require('child_process');
process.on('SIGTERM', () => console.log('runner got TERM'));
const child = spawn(process.argv[2], process.argv.slice(3), { stdio: 'inherit' });
child.on('exit', code => { console.log('runner ends'); process.exit(code); });
";

fn runner() -> Scratch {
    tool("node");
    let folder = folder(&[]);
    folder.script("work-runner", RUNNER);
    folder
}

const RUN: &str = "cd . && ./work-runner server --lines 2 --exit 6; exit $?";

/// Promise (Which process gets the signal, and when): `--wrapper`
fn a_program_that_is_said_to_be_a_wrapper_is_shielded() {
    let folder = runner();
    let by_option = |names: &str| within(&folder, &["--wrapper", names, RUN]);
    let by_variable = |names: &str| within(&folder, &[RUN]).env("ADIEU_WRAPPERS", names);
    let ways: [Adieu; 5] = [
        by_option("work-runner"),
        by_option("other,work-runner"),
        within(&folder, &["--wrapper", "other", "--wrapper", "work-runner", RUN]),
        by_variable("work-runner"),
        by_variable("other,work-runner"),
    ];
    for adieu in ways {
        let finished = stopped(adieu, 1, 6);
        assert_finishes(&finished);
        finished.assert_order(["server done", "runner ends"]).assert_no("runner got TERM");
    }
}

/// Promise (Which process gets the signal, and when): `--wrapper`
fn a_program_without_an_interpreter_is_a_wrapper_by_its_name() {
    let just = of_pypi("just");
    let folder = folder(&[("justfile", "run:\n  @cd . && server --lines 2\n")]);
    let copy = "cp \"$JUST\" ./work-runner && ./work-runner run; exit $?";
    let adieu = within(&folder, &["--wrapper", "work-runner", copy]).env("JUST", just);
    assert_finishes(&stopped(adieu, 1, 0));
}

/// Promise (Which process gets the signal, and when): `--wrapper`
fn a_stop_that_lasts_names_the_program_that_got_no_signal_and_what_helps() {
    let folder = runner();
    let running = stop(within(&folder, &[RUN]), 1);
    running.wait_line("runner got TERM");
    let server = running.process("server").pid;
    let warning = running.wait_line("still waiting");
    let server_inside = format!("server ({})", pid_inside(server));
    for part in [&*server_inside, "--wrapper", "--deliver group"] {
        assert!(warning.text.contains(part), "{part}: {warning:?}");
    }
    // Nothing else would ever end it.
    kill(server, SIGTERM).unwrap();
    let finished = running.expect_exit(6);
    finished.assert_order(["runner got TERM", "server got TERM", "server done", "runner ends"]);
    assert_not_killed(&finished);
    assert!(finished.took >= Duration::from_secs(5), "{finished}");
}

/// Promise (Explaining): `--explain` names the program that gets no signal, and `--wrapper`
fn explain_names_the_program_that_gets_no_signal_and_what_helps() {
    let folder = runner();
    let running = within(&folder, &[RUN]).start();
    running.wait_line("server ready");
    let mut explain = Command::new(adieu());
    explain.arg("--explain").arg(running.pid().to_string());
    let said = String::from_utf8(output(&mut explain)).unwrap();
    assert!(said.contains("--wrapper"), "{said}");
    running.signal(SIGTERM);
    running.wait_line("runner got TERM");
    kill(running.process("server").pid, SIGTERM).unwrap();
    running.expect_exit(6);
}

pub(super) const TESTS: &[Test] = tests![
    a_stop_that_lasts_names_the_program_that_got_no_signal_and_what_helps,
    a_server_below_go_task_finishes,
    a_server_below_just_finishes,
    a_program_that_is_said_to_be_a_wrapper_is_shielded,
    a_program_without_an_interpreter_is_a_wrapper_by_its_name,
    explain_names_the_program_that_gets_no_signal_and_what_helps
];
