//! The tests' helpers and their server, without adieu: what the other tests rely on.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use crate::support;
use crate::support::host;
use crate::support::runner::{self, Test, Tests, tests};
use crate::support::{
    Adieu, Finished, Pty, Scratch, eventually, missing_in_part, pid_namespace,
    pid_namespace_or_less, process, say, server, status_field, tool, tool_or_less,
};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;

fn server_alone() -> Adieu {
    Adieu::new().as_child().program(server())
}

fn shell(script: &str) -> Adieu {
    Adieu::new().as_child().program("/bin/sh").args(["-c", script])
}

fn server_finishes_its_work_however_it_takes_its_signals() {
    for by in ["caught", "signalfd", "sigwait"] {
        let server = server_alone()
            .args(["--by", by, "--work", "100ms", "--lines", "2", "--exit", "7"])
            .start();
        server.wait_line("server ready");
        server.signal(SIGTERM);
        server.wait_line("server got TERM");
        server.signal(SIGINT);
        let finished = server.expect_exit(7);
        finished.assert_order([
            "server ready",
            "server got TERM",
            "server got INT",
            "server line 1",
            "server line 2",
            "server done",
        ]);
        assert_eq!(finished.out.len(), 6, "{finished}");
    }
}

fn server_works_for_as_long_as_it_says() {
    let server = server_alone().args(["--work", "300ms"]).start();
    server.wait_line("server ready");
    server.signal(SIGTERM);
    let finished = server.expect_exit(0);
    assert!(finished.took >= Duration::from_millis(300), "{finished}");
}

fn server_shows_its_signals_in_proc_as_other_servers_do() {
    let term = 1 << (SIGTERM as u32 - 1);
    let has_term = |server: &support::Running, field| {
        let mask = status_field(server.pid(), field).unwrap();
        u64::from_str_radix(&mask, 16).unwrap() & term != 0
    };
    for (by, blocked, caught) in
        [("caught", false, true), ("signalfd", true, false), ("sigwait", false, false)]
    {
        let server = server_alone().args(["--by", by]).start();
        server.wait_line("server ready");
        // `ready` comes before the wait, and only in its wait does sigwait hide what it blocks.
        eventually("the server waits", || {
            process(server.pid()).is_some_and(|it| it.state == 'S')
                && has_term(&server, "SigBlk") == blocked
                && has_term(&server, "SigCgt") == caught
        });
    }
}

fn server_reports_and_ignores() {
    let server = server_alone()
        .args(["--print", "USR1,RTMIN+1", "--ignore", "QUIT", "--work", "0s"])
        .start();
    server.wait_line("server ready");
    server.signal(SIGQUIT);
    server.signal(SIGUSR1);
    server.wait_line("server saw USR1");
    server.signal_number(libc::SIGRTMIN() + 1);
    server.wait_line("server saw RTMIN+1");
    server.signal(SIGTERM);
    server.expect_exit(0).assert_order([
        "server saw USR1",
        "server saw RTMIN+1",
        "server got TERM",
    ]);
}

fn server_that_never_ends_prints_each_signal_that_it_gets() {
    let server = server_alone().args(["--never", "--work", "0s"]).start();
    server.wait_line("server ready");
    for count in 1..=3 {
        server.signal(SIGTERM);
        server.wait_lines(count, "server got TERM");
    }
    server.signal(SIGKILL);
    server.expect_exit(137).assert_no("done");
}

fn late_server_has_no_handler_until_it_is_ready() {
    let late = |time| server_alone().args(["--late", time, "--work", "0s"]).start();
    let too_early = late("1h");
    too_early.wait_line("server started");
    too_early.signal(SIGTERM);
    too_early.expect_exit(143).assert_no("ready");

    let in_time = late("50ms");
    in_time.wait_line("server ready");
    in_time.signal(SIGTERM);
    in_time.expect_exit(0).assert_order([
        "server started",
        "server ready",
        "server got TERM",
        "server done",
    ]);
}

fn server_without_handlers_dies_of_the_signal() {
    let server = server_alone().args(["--on", "none"]).start();
    server.wait_line("server ready");
    server.signal(SIGTERM);
    server.expect_exit(143).assert_no(" got ");
}

fn master_signals_each_worker_once_and_ends_last() {
    for by in ["caught", "signalfd", "sigwait"] {
        let master = server_alone().args(["--by", by, "--workers", "3", "--work", "50ms"]).start();
        master.wait_line("server ready");
        assert_eq!(master.tree().len(), 3);
        master.signal(SIGINT);
        let finished = master.expect_exit(0);
        for worker in ["server.1", "server.2", "server.3"] {
            let [ready, got, done] =
                ["ready", "got TERM", "done"].map(|event| format!("{worker} {event}"));
            finished.assert_order([
                &*ready,
                "server ready",
                "server got INT",
                &got,
                &done,
                "server done",
            ]);
        }
        assert_eq!(finished.count(" got "), 4, "{finished}");
    }
}

fn master_may_leave_its_workers_behind() {
    let master = server_alone().args(["--workers", "1", "--leave-worker"]).start();
    master.wait_line("server ready");
    let worker = master.tree().remove(0).pid;
    master.signal(SIGTERM);
    master.wait_end();
    kill(worker, SIGTERM).unwrap();
    master.expect_exit(0).assert_order([
        "server got TERM",
        "server done",
        "server.1 got TERM",
        "server.1 done",
    ]);
}

fn daemon_is_ready_when_what_was_started_returns() {
    let started = shell("\"$SERVER\" --daemonize --work 0s; echo returned; exec sleep 1h")
        .env("SERVER", server())
        .start();
    started.wait_line("returned");
    // An orphan by now, not to be found below the shell.
    let writers = started.writers();
    let daemon = writers.iter().find(|it| it.name == "server").unwrap();
    assert_ne!(daemon.session, daemon.pid, "it leads no session");
    kill(daemon.pid, SIGTERM).unwrap();
    started.wait_line("server done");
    started.signal(SIGTERM);
    started.expect_exit(143).assert_order([
        "server ready",
        "returned",
        "server got TERM",
        "server done",
    ]);
}

fn lines_without_a_reader_are_reported_as_lost() {
    let server = shell("\"$SERVER\" --work 0s | { read ready; echo one line read; }")
        .env("SERVER", server())
        .start();
    server.wait_line("one line read");
    eventually("only the server is left: its reader has ended", || {
        let tree = server.tree();
        tree.len() == 1 && tree[0].name == "server"
    });
    kill(server.process("server").pid, SIGTERM).unwrap();
    server.wait_line("server lost: server got TERM");
    server.wait_line("server lost: server done");
    server.finish();
}

fn server_leads_its_own_session() {
    let shell = shell("\"$SERVER\" --setsid; exit").env("SERVER", server()).start();
    shell.wait_line("server ready");
    let server = shell.process("server");
    assert_eq!(server.session, server.pid);
}

fn signals_begin_as_the_test_says_whatever_the_runner_has() {
    let grep = |adieu: Adieu| {
        let finished =
            adieu.as_child().program("/bin/grep").args(["^Sig[BI]", "/proc/self/status"]).start();
        finished.expect_exit(0).out
    };
    // The thread's own mask, which a fork would pass on.
    let mask = nix::sys::signal::SigSet::from_iter([SIGHUP]);
    thread::spawn(move || {
        mask.thread_block().unwrap();
        assert_eq!(grep(Adieu::new()), ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"]);
    })
    .join()
    .unwrap();
    let set = grep(Adieu::new().ignoring([SIGINT, SIGQUIT]).blocking([SIGTERM]));
    assert_eq!(set, ["SigBlk:\t0000000000004000", "SigIgn:\t0000000000000006"]);
}

fn pid1_of_a_namespace_is_found_from_outside() {
    pid_namespace();
    let server = Adieu::new().program(server()).args(["--work", "0s", "--exit", "3"]).start();
    server.wait_line("server ready");
    for field in ["NSpid", "NSpgid", "NSsid"] {
        assert!(status_field(server.pid(), field).unwrap().ends_with("\t1"), "{field}");
    }
    server.signal(SIGTERM);
    server.expect_exit(3).assert_order(["server ready", "server got TERM", "server done"]);
}

fn killed_pid1_has_the_exit_code_of_the_signal() {
    pid_namespace();
    let server = Adieu::new().program(server()).start();
    server.wait_line("server ready");
    server.signal(SIGKILL);
    let finished = server.expect_exit(137);
    assert!(finished.err.is_empty(), "{finished}");
}

fn nothing_outlives_its_handle() {
    let mut ways = vec![Adieu::new().as_child()];
    if pid_namespace_or_less() {
        ways.push(Adieu::new().as_pid1());
    }
    for adieu in ways {
        // One below it, and one that is an orphan in a session of its own.
        let shell = adieu
            .program("/bin/sh")
            .args(["-c", "\"$SERVER\" --on none & \"$SERVER\" --name daemon --daemonize; wait"])
            .env("SERVER", server())
            .start();
        shell.wait_lines(2, "ready");
        let started = shell.writers();
        assert!(started.len() >= 3, "{started:#?}");
        drop(shell);
        eventually("all are gone", || {
            started.iter().all(|it| process(it.pid).is_none_or(|now| now.state == 'Z'))
        });
    }
}

fn stdin_is_written_to_and_closed() {
    let mut cat = Adieu::new().as_child().program("/bin/cat").stdin(Stdio::piped()).start();
    let mut stdin = cat.stdin();
    std::io::Write::write_all(&mut stdin, b"one\ntwo").unwrap();
    drop(stdin);
    assert_eq!(cat.expect_exit(0).out, ["one", "two"]);
}

fn terminal_passes_keys_and_shows_text() {
    let mut server = server_alone().args(["--work", "0s", "--print", "WINCH"]).start_on_pty();
    server.wait_text("server ready\n");
    assert_eq!(server.foreground(), server.pid());
    server.resize(50, 100);
    server.wait_text("server saw WINCH\n");
    server.type_keys("\x03");
    server.wait_text("server got INT\n");
    server.wait_text("server done\n");
    assert_eq!(server.exit(), 0);
}

fn terminal_reaches_pid1_of_a_namespace() {
    pid_namespace();
    let mut server = Adieu::new().program(server()).args(["--work", "0s"]).start_on_pty();
    server.wait_text("server ready\n");
    assert_eq!(server.foreground(), server.pid());
    server.type_keys("\x03");
    server.wait_text("server got INT\n");
    assert_eq!(server.exit(), 0);
}

fn terminal_takes_any_command() {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "read word; echo \"<$word>\"; exit 4"]);
    let mut terminal = Pty::spawn(shell);
    terminal.type_keys("typed\n");
    terminal.wait_text("<typed>\n");
    assert_eq!(terminal.exit(), 4);
}

fn scripts_run_while_others_are_written() {
    let scratch = Scratch::new();
    let path = scratch.path().to_owned();
    thread::scope(|scope| {
        for writer in 0..4 {
            let scratch = &scratch;
            scope.spawn(move || {
                for number in 0..25 {
                    let script = scratch.script(&format!("{writer}-{number}"), "echo \"$0\"");
                    let finished = Adieu::new().as_child().program(&script).start().expect_exit(0);
                    assert_eq!(finished.out, [script.to_str().unwrap()]);
                }
            });
        }
    });
    drop(scratch);
    assert!(fs::metadata(path).is_err());
}

/// Of a run that left a file and a process; another one's name begins with its own.
fn what_a_run_has_left_is_found_by_its_name() {
    let scratch = Scratch::new();
    let name = scratch.path().file_name().unwrap().to_str().unwrap();
    let other = format!("{name}1");
    let process = shell("echo ready; read word").env("LEFT", name).stdin(Stdio::piped()).start();
    let of_other = shell("echo ready; read word").env("LEFT", &other).stdin(Stdio::piped()).start();
    process.wait_line("ready");
    of_other.wait_line("ready");
    let left = host::leftovers(name);
    let at = |pid| format!("process /proc/{pid} environ: ");
    let begins = |text: &str| left.iter().filter(|line| line.starts_with(text)).count();
    assert_eq!(begins(&at(process.pid())), 1, "{left:#?}");
    assert_eq!(begins(&at(of_other.pid())), 0, "{left:#?}");
    assert_eq!(begins(&format!("file {}", scratch.path().display())), 1, "{left:#?}");
    drop((process, of_other, scratch));
}

/// By `examples/sweep.sh`, for a run that was killed.
fn what_a_run_has_left_is_swept_when_its_process_has_ended() {
    let scratch = Scratch::new();
    let [left, other] = ["run-1", "run-12"].map(|name| scratch.join(format!("{name}.files")));
    [&left, &other].iter().for_each(|path| fs::write(path, "").unwrap());
    let orphan = shell("echo ready; read word").env("LEFT", &left).stdin(Stdio::piped()).start();
    orphan.wait_line("ready");
    let mut run = shell("read word").stdin(Stdio::piped()).start();
    let sweep = Adieu::new().as_child().program("/bin/sh").arg(host::script("sweep.sh"));
    let sweep = sweep.arg("run-1").arg(scratch.path()).arg(run.pid().to_string());
    let sweep = sweep.env("DOCKER", "").start();
    drop(run.stdin());
    run.expect_exit(1);
    sweep.expect_exit(0);
    orphan.expect_exit(137);
    assert!(!left.exists() && other.exists());
}

// --- The runner ----------------------------------------------------------------------------------

/// With this in its environment the test program runs these tests in place of its own.
pub(crate) const FIXTURES: &str = "TEST_FIXTURES";

fn passes() {
    say("said by the one that passes");
}

fn fails() {
    say("said by the one that fails");
    assert_eq!(1, 2);
}

fn lacks_a_program() {
    let _remains_are_dropped = Scratch::new();
    tool("no-such-program-of-a-package");
    panic!("it went on");
}

fn lacks_a_part() {
    assert!(tool_or_less("no-such-program-of-a-package").is_none());
    missing_in_part("a licence", "buy one");
}

pub(crate) fn fixtures() -> ExitCode {
    runner::main(&Tests {
        together: &[tests![passes, fails]],
        in_turn: tests![lacks_a_program],
        alone: &[tests![lacks_a_part]],
    })
}

/// The lines that the runner prints with these arguments, and its exit status.
fn ran(arguments: &[&str], ci: &str) -> Finished {
    let runner = Adieu::new().as_child().program(env::current_exe().unwrap());
    let runner = runner.env(FIXTURES, "1").env("CI", ci).env("RUST_BACKTRACE", "0");
    runner.args(arguments.iter().copied()).start().finish()
}

fn assert_ends(finished: &Finished, code: i32, counts: &str) {
    let last = finished.out.iter().rfind(|line| !line.is_empty()).unwrap();
    let (counted, time) = last.split_once(" finished in ").unwrap();
    assert!(counted.starts_with("test result: ") && time.ends_with('s'), "{finished}");
    assert!(counted.contains(counts) && finished.code == code, "{counts}\n{finished}");
}

fn the_runner_counts_what_is_missing_as_ignored_and_says_how_to_get_it() {
    let all = ran(&[], "");
    assert_ends(&all, 101, "FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out;");
    let lack = "no-such-program-of-a-package (Debian: no-such-package)";
    for line in [
        "running 4 tests",
        "test harness::passes ... ok",
        "test harness::fails ... FAILED",
        &format!("test harness::lacks_a_program ... ignored, needs {lack}"),
        &format!("test harness::lacks_a_part ... ignored, needs {lack}, a licence (buy one)"),
        "2 skipped, for want of (tests):",
        "    1  a licence (buy one)",
        &format!("    2  {lack}"),
        "These packages bring some of it: apt-get install no-such-package",
    ] {
        assert_eq!(all.out.iter().filter(|it| *it == line).count(), 1, "{line}\n{all}");
    }
    all.assert_order([
        "---- harness::fails ----",
        "said by the one that fails",
        "    harness::fails",
    ]);
    all.assert_no("said by the one that passes").assert_no("it went on");
    assert!(all.err.is_empty(), "{all}");

    let in_ci = ran(&[], "true");
    assert_ends(&in_ci, 101, "FAILED. 1 passed; 3 failed; 0 ignored;");
    assert_eq!(in_ci.count(&format!("missing in CI: {lack}")), 2, "{in_ci}");
}

fn the_runner_takes_the_arguments_of_cargo_tests_own() {
    let cases: [(&[&str], i32, &str); 8] = [
        (&["passes"], 0, "ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out;"),
        (&["lacks"], 0, "ok. 0 passed; 0 failed; 2 ignored; 0 measured; 2 filtered out;"),
        (
            &["--exact", "passes"],
            0,
            "ok. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out;",
        ),
        (&["harness::passes", "--exact"], 0, "ok. 1 passed;"),
        (&["--skip", "fails", "--skip=lacks"], 0, "ok. 1 passed;"),
        (&["--test-threads", "1", "harness"], 101, "FAILED. 1 passed; 1 failed; 2 ignored;"),
        (&["--ignored"], 0, "ok. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out;"),
        (&["-q", "--include-ignored", "--color", "never", "passes"], 0, "ok. 1 passed;"),
    ];
    for (arguments, code, counts) in cases {
        assert_ends(&ran(arguments, ""), code, counts);
    }
    assert_eq!(
        ran(&["--list", "lacks"], "").out,
        ["harness::lacks_a_program: test", "harness::lacks_a_part: test"]
    );
    let printed = ran(&["--nocapture", "passes"], "");
    assert_eq!(printed.err, ["said by the one that passes"]);
    assert_eq!(ran(&["--show-output", "passes"], "").count("said by the one that passes"), 1);
    assert_eq!(ran(&["--report-time", "passes"], "").count("harness::passes"), 2);
    for wrong in [&["--no-such-option"][..], &["--test-threads", "none"], &["--skip"]] {
        let refused = ran(wrong, "");
        assert!(
            refused.code == 101 && refused.out.is_empty() && !refused.err.is_empty(),
            "{refused}"
        );
    }
}

pub(crate) const TESTS: &[Test] = tests![
    what_a_run_has_left_is_found_by_its_name,
    what_a_run_has_left_is_swept_when_its_process_has_ended,
    the_runner_counts_what_is_missing_as_ignored_and_says_how_to_get_it,
    the_runner_takes_the_arguments_of_cargo_tests_own,
    server_finishes_its_work_however_it_takes_its_signals,
    server_works_for_as_long_as_it_says,
    server_shows_its_signals_in_proc_as_other_servers_do,
    server_reports_and_ignores,
    server_that_never_ends_prints_each_signal_that_it_gets,
    late_server_has_no_handler_until_it_is_ready,
    server_without_handlers_dies_of_the_signal,
    master_signals_each_worker_once_and_ends_last,
    master_may_leave_its_workers_behind,
    daemon_is_ready_when_what_was_started_returns,
    lines_without_a_reader_are_reported_as_lost,
    server_leads_its_own_session,
    signals_begin_as_the_test_says_whatever_the_runner_has,
    pid1_of_a_namespace_is_found_from_outside,
    killed_pid1_has_the_exit_code_of_the_signal,
    nothing_outlives_its_handle,
    stdin_is_written_to_and_closed,
    scripts_run_while_others_are_written
];

/// Where the processors are busy, the kernel may lose what a program writes to its terminal just
/// after a Ctrl-C.
pub(crate) const ALONE: &[Test] = tests![
    terminal_passes_keys_and_shows_text,
    terminal_reaches_pid1_of_a_namespace,
    terminal_takes_any_command
];
