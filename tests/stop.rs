//! What a stop promises, promise by promise, with real shells and real signals: who is told, in which order, how
//! often, and what happens to the rest.
//!
//! adieu is PID 1 of a namespace of its own where that is possible, else an ordinary child: hardly a promise here
//! depends on it, and the tests of those that do ask for it. Scripts find `examples/server.rs` as `server`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers fail the test; clippy.toml allows it in #[test] functions only"
)]

mod support;

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::Signal::{
    SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use support::{
    Adieu, Finished, Running, Scratch, eventually, pid_namespace, process, root, server, status_field, tool,
};

/// What ends at once ends within this time even on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(3);
/// The epilogue where none is set.
const EPILOGUE: Duration = Duration::from_secs(1);

// --- Helpers -----------------------------------------------------------------------------------------------

fn container() -> Adieu {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = server().parent().unwrap().to_path_buf();
    let directories =
        [own].into_iter().chain(env::split_paths(&path)).chain(["/usr/sbin".into(), "/sbin".into()]);
    let adieu = Adieu::new().env("PATH", env::join_paths(directories).unwrap());
    if pid_namespace() { adieu } else { adieu.as_child() }
}

/// A shell string.
fn sh(script: &str) -> Adieu {
    container().arg(script)
}

/// Options, then a shell string or `--` and a program.
fn with<'a>(words: impl IntoIterator<Item = &'a str>) -> Adieu {
    container().args(words)
}

/// Another program in adieu's place that is to exec adieu as `"$ADIEU" "$@"`.
fn through_sh(preparation: &str, words: &[&str]) -> Adieu {
    let script = format!("{preparation}\nexec \"$ADIEU\" \"$@\"");
    let adieu = container().program("/bin/sh").env("ADIEU", support::adieu());
    adieu.args(["-c", &*script, "sh"]).args(words.iter().copied())
}

/// Told to stop once `ready` servers are.
fn stop(adieu: Adieu, ready: usize) -> Running {
    let running = adieu.start();
    running.wait_lines(ready, " ready");
    running.signal(SIGTERM);
    running
}

/// Told to stop once `ready` servers are; its end, with this exit status.
fn stopped(adieu: Adieu, ready: usize, code: i32) -> Finished {
    stop(adieu, ready).expect_exit(code)
}

/// Each of these servers was told this once and finished, and nobody else was told.
fn assert_each_told_once(finished: &Finished, signal: &str, names: &[&str]) {
    for name in names {
        let [ready, told, done] =
            ["ready", &format!("told {signal}"), "done"].map(|it| format!("{name} {it}"));
        finished.assert_order([&*ready, &told, &done]);
    }
    assert_eq!(finished.count(" told "), names.len(), "{finished}");
}

fn assert_at_once(finished: &Finished) {
    assert!(finished.took < AT_ONCE, "{finished}");
}

fn assert_warned<'a>(finished: &Finished, parts: impl IntoIterator<Item = &'a str> + Clone) {
    let warned = finished.err.iter().any(|line| parts.clone().into_iter().all(|part| line.contains(part)));
    assert!(warned, "no such warning\n{finished}");
}

/// For processes that print nothing: all of that name are there and have settled.
fn wait_for(running: &Running, count: usize, name: &str) {
    eventually(&format!("{count} × {name} sleep"), || {
        running.tree().iter().filter(|it| it.name == name && it.state == 'S').count() == count
    });
}

fn is_gone(pid: Pid) -> bool {
    process(pid).is_none_or(|it| it.state == 'Z')
}

/// As adieu's own namespace, the innermost, has it.
fn pid_inside(pid: Pid) -> String {
    status_field(pid, "NSpid").unwrap().split_whitespace().next_back().unwrap().to_owned()
}

// --- Who is told -------------------------------------------------------------------------------------------

#[test]
fn a_server_under_a_shell_finishes_and_the_script_goes_on() {
    let finished = stopped(sh("cd / && server; echo after; exit 7"), 1, 7);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
}

#[test]
fn the_exit_status_is_that_of_the_script() {
    assert_each_told_once(&stopped(sh("cd / && server --exit 3"), 1, 3), "TERM", &["server"]);
}

#[test]
fn a_program_without_a_shell_is_told_once_and_finishes() {
    for words in [&["--", "server", "--exit", "5"][..], &["server", "--exit", "5"], &["server --exit 5"]] {
        assert_each_told_once(&stopped(with(words.iter().copied()), 1, 5), "TERM", &["server"]);
    }
}

#[test]
fn twenty_servers_in_the_background_all_finish() {
    let script = "i=0; while [ $((i += 1)) -le 20 ]; do server --name s$i & done; wait; echo after";
    let finished = stopped(sh(script), 20, 0);
    let names: Vec<String> = (1..=20).map(|number| format!("s{number}")).collect();
    assert_each_told_once(&finished, "TERM", &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(finished.out.last().unwrap(), "after", "{finished}");
}

#[test]
fn main_process_and_daemon_are_both_told_and_finish() {
    let script = "server --name daemon --daemonize --work 1s; exec server --name main";
    assert_each_told_once(&stopped(sh(script), 2, 0), "TERM", &["daemon", "main"]);
}

#[test]
fn the_signal_that_arrived_is_the_one_that_is_delivered() {
    for (signal, name) in [(SIGINT, "INT"), (SIGQUIT, "QUIT")] {
        let running = sh("cd / && server --on TERM,INT,QUIT").start();
        running.wait_line("server ready");
        running.signal(signal);
        assert_each_told_once(&running.expect_exit(0), name, &["server"]);
    }
}

#[test]
fn a_pipe_to_tee_keeps_the_last_lines() {
    let scratch = Scratch::new();
    let server = "server --lines 3; echo after";
    let scripts = [
        ("/bin/sh -c", format!("{{ {server}; }} | tee \"$LOG\"")),
        ("bash -c", format!("exec > >(tee \"$LOG\"); {server}")),
        ("bash -c", "exec > >(tee \"$LOG\"); server --lines 3".to_owned()),
    ];
    for (number, (shell, script)) in scripts.iter().enumerate() {
        if tool(shell.trim_end_matches(" -c")).is_none() && *shell != "/bin/sh -c" {
            continue;
        }
        let log = scratch.join(number.to_string());
        let finished = stopped(with(["--shell", shell, script]).env("LOG", &log), 1, 0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server line 1", "server line 2", "server line 3", "server done"]);
        finished.assert_no("lost");
        assert_eq!(finished.count("after"), script.matches("after").count(), "{finished}");
        let logged = fs::read_to_string(log).unwrap();
        assert_eq!(logged.lines().collect::<Vec<_>>(), finished.out, "{finished}");
    }
}

#[test]
fn a_prefork_master_is_told_and_tells_its_workers_itself() {
    for script in ["server --workers 3", "cd / && server --workers 3; echo after"] {
        let names = ["server", "server.1", "server.2", "server.3"];
        assert_each_told_once(&stopped(sh(script), 4, 0), "TERM", &names);
    }
}

#[test]
fn what_an_owner_leaves_behind_is_told_afterwards_and_waited_for() {
    for script in
        ["server --workers 2 --leave-worker", "cd / && server --workers 2 --leave-worker; echo after"]
    {
        let finished = stopped(sh(script), 3, 0);
        assert_each_told_once(&finished, "TERM", &["server", "server.1", "server.2"]);
        finished.assert_order(["server done", "server.1 told TERM"]);
    }
}

#[test]
fn programs_that_wait_by_signalfd_or_sigwait_are_owners() {
    for by in ["signalfd", "sigwait"] {
        let script = format!("cd / && server --by {by} --workers 1; echo after");
        assert_each_told_once(&stopped(sh(&script), 2, 0), "TERM", &["server", "server.1"]);
    }
}

/// A server that takes TERM by the system call `WAIT`, without the C library that few 64-bit systems have for it.
#[cfg(target_arch = "x86_64")]
const SIGWAIT_32: &str = r#"
static void call(int number, const void *a, const void *b, const void *c, const void *d) {
  __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
}
#define SAY(text) call(4, (void *)1, text, (void *)(sizeof text - 1), 0)
void _start(void) {
  unsigned long term[2] = { 1 << 14, 0 };
  call(175, 0, term, 0, (void *)8);
  SAY("server ready\n");
  call(WAIT, term, 0, 0, (void *)8);
  SAY("server told TERM\n");
  SAY("server done\n");
  call(1, 0, 0, 0, 0);
}
"#;

/// The kernel shows the call under the number that 32-bit programs have for it: with 32-bit times, or with 64-bit ones.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_32_bit_program_that_waits_by_sigwait_is_an_owner() {
    let Some(compiler) = tool("cc") else { return };
    let scratch = Scratch::new();
    let (source, program) = (scratch.join("server.c"), scratch.join("server-32"));
    fs::write(&source, SIGWAIT_32).unwrap();
    let compile = |wait: u32| {
        let mut command = Command::new(&compiler);
        command.args(["-m32", "-O1", "-static", "-nostdlib", "-fno-pie", "-fno-stack-protector"]);
        support::output(command.arg(format!("-DWAIT={wait}")).arg("-o").arg(&program).arg(&source));
    };
    // getpid in place of the wait: whether such a program can be made and runs here.
    compile(20);
    if support::output(Command::new("sh").arg("-c").arg(&program)).is_empty() {
        support::missing("a compiler and a kernel for 32-bit programs");
        return;
    }
    for wait in [177, 421] {
        compile(wait);
        let running = sh(&format!("cd / && {}; echo after", program.display())).start();
        running.wait_line("server ready");
        let server = running.process("server-32").pid;
        // `ready` comes before the wait, and what is blocked until then is seen by that.
        let blocks = || status_field(server, "SigBlk").is_some_and(|mask| mask != "0000000000000000");
        eventually("the server waits", || process(server).is_some_and(|it| it.state == 'S') && !blocks());
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), 1, "{finished}");
    }
}

#[test]
fn what_merely_passes_signals_on_is_not_told_and_the_server_below_it_is() {
    // su would kill it 2 s after being told.
    let server = "server --work 2500ms";
    let relays = ["tini -s --", "dumb-init", "catatonit --", "timeout 1h", "setsid -w"];
    let relays = relays.iter().map(|relay| format!("{relay} {server}"));
    let by_user =
        ["su root -s /bin/sh -c", "runuser -u root -- sh -c"].map(|relay| format!("{relay} '{server}; :'"));
    let nested = format!("\"$ADIEU\" 'cd / && {server}'");
    let running: Vec<_> = relays
        .chain(by_user)
        .chain([nested])
        .filter(|words| {
            let relay = words.split(' ').next().unwrap();
            (relay.starts_with('"') || tool(relay).is_some())
                && (!["su", "runuser"].contains(&relay) || root())
        })
        .map(|words| {
            let adieu = sh(&format!("{words}; echo after")).env("ADIEU", support::adieu());
            (words, stop(adieu, 1))
        })
        .collect();
    for (words, running) in running {
        let finished = running.finish();
        assert_eq!(finished.count("after"), 1, "{words}\n{finished}");
        assert_eq!(finished.code, 0, "{words}\n{finished}");
        assert_each_told_once(&finished, "TERM", &["server"]);
    }
}

#[test]
fn a_relay_as_main_process_is_not_told_either() {
    for relay in ["tini", "dumb-init", "catatonit"].into_iter().filter(|relay| tool(relay).is_some()) {
        let finished = stopped(with(["--", relay, "--", "sh", "-c", "server; echo after"]), 1, 0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "after"]);
    }
}

#[test]
fn one_that_registers_late_beside_another_owner_is_told_when_it_does() {
    let script = "server --name late --late 700ms & server --work 4s; wait";
    let running = sh(script).start();
    running.wait_line("late started");
    running.wait_line("server ready");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_each_told_once(&finished, "TERM", &["server", "late"]);
    finished.assert_order(["server told TERM", "late ready", "late told TERM", "late done", "server done"]);
}

#[test]
fn a_daemon_under_a_script_is_told_and_waited_for() {
    let finished = stopped(sh("server --daemonize; echo started; tail -f /dev/null"), 1, 143);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["started"]);
    assert_at_once(&finished);
}

// --- Shells with a trap ------------------------------------------------------------------------------------

#[test]
fn the_foreground_command_of_a_shell_with_a_trap_is_told_so_that_the_trap_runs_at_once() {
    for script in [
        "trap 'echo trapped; exit 3' TERM; while :; do date; sleep 1; done",
        "trap 'echo trapped; exit 3' TERM; while :; do date; sleep 3600; done",
        "trap 'echo trapped; exit 3' TERM; sleep 3600 | sleep 3600; echo never",
    ] {
        let running = sh(script).start();
        wait_for(&running, 1 + script.matches('|').count(), "sleep");
        running.signal(SIGTERM);
        let finished = running.expect_exit(3);
        finished.assert_order(["trapped"]).assert_no("never");
        assert_at_once(&finished);
    }
}

#[test]
fn the_background_job_of_a_shell_with_a_trap_is_told_by_the_trap_only() {
    let script = |on: &str| {
        format!("trap 'kill $p; wait $p; echo cleaned' TERM; server {on} & p=$!; wait; echo after; exit 4")
    };
    // A job that catches INT and QUIT shows no longer that it is one; dash and busybox show it otherwise.
    let all = "--on TERM,INT,QUIT";
    for (shell, on) in [("dash", ""), ("bash", ""), ("busybox", ""), ("dash", all), ("busybox", all)] {
        if tool(shell).is_none() {
            continue;
        }
        let applet = if shell == "busybox" { " sh" } else { "" };
        let running = with(["--shell", &format!("{shell}{applet} -c"), &script(on)]).start();
        running.wait_line("server ready");
        eventually("the shell waits", || running.tree().first().is_some_and(|shell| shell.state == 'S'));
        running.signal(SIGTERM);
        let finished = running.expect_exit(4);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "cleaned", "after"]);
    }
}

#[test]
fn a_server_in_the_foreground_of_a_shell_with_a_trap_is_told_once() {
    let finished = stopped(sh("trap 'echo trapped' TERM; server; echo after"), 1, 0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "trapped", "after"]);
}

#[test]
fn the_trap_of_a_shell_may_take_its_time() {
    let running = sh("trap 'sleep 1.5; echo cleaned; exit 0' TERM; echo ready; sleep 3600 & wait").start();
    running.wait_line("ready");
    wait_for(&running, 1, "sleep");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    finished.assert_order(["ready", "cleaned"]);
    assert!(finished.took >= Duration::from_millis(1500), "{finished}");
}

// --- Nobody handles it -------------------------------------------------------------------------------------

#[test]
fn when_nobody_handles_the_signal_all_end_at_once() {
    for (script, sleeps) in [
        ("sleep 3600", 1),
        ("sh -c 'sleep 3600'", 1),
        ("sh -c 'sleep 3600; echo never'", 1),
        ("sleep 3600 && echo never", 1),
        ("sleep 3600; echo never", 1),
        ("sleep 3600 | sleep 3600 | sleep 3600; echo never", 3),
        ("setsid sleep 3600 & sleep 3600 & setsid -w sleep 3600; echo never", 3),
        ("(sleep 3600; echo never) & sleep 3600 & wait; echo never", 2),
        ("while :; do sleep 3600; done", 1),
    ] {
        let running = sh(script).start();
        wait_for(&running, sleeps, "sleep");
        running.signal(SIGTERM);
        let finished = running.expect_exit(143);
        assert!(finished.lines.is_empty(), "{script}\n{finished}");
        assert_at_once(&finished);
    }
}

#[test]
fn relays_above_nobody_who_handles_it_end_at_once() {
    for relay in ["tini --", "dumb-init --", "catatonit --", "timeout 1h", "su root -s /bin/sh -c"] {
        if tool(relay.split(' ').next().unwrap()).is_none() || (relay.starts_with("su") && !root()) {
            continue;
        }
        let script = match relay {
            _ if relay.ends_with("-c") => format!("{relay} 'sleep 3600; echo never'"),
            _ => format!("{relay} sleep 3600; echo never"),
        };
        let running = sh(&script).start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.finish();
        assert!(finished.took < AT_ONCE, "{relay}\n{finished}");
        finished.assert_no("never");
    }
}

// --- Spared, epilogue, last call ---------------------------------------------------------------------------

#[test]
fn bystanders_live_until_the_last_owner_is_done_and_then_end_at_once() {
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
        assert_each_told_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), script.matches("after").count(), "{finished}");
        // Not after the whole epilogue: nothing there has anything left to do.
        assert!(finished.took < Duration::from_millis(1500) + AT_ONCE, "{finished}");
        eventually("the bystanders are gone", || bystanders.into_iter().all(is_gone));
    }
}

#[test]
fn what_a_script_does_after_its_server_completes() {
    let scratch = Scratch::new();
    let upload = scratch.script("upload", "sleep 0.3; echo uploaded");
    let finished = stopped(sh("server; \"$UPLOAD\"; echo after").env("UPLOAD", upload), 1, 0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "uploaded", "after"]);
}

#[test]
fn what_a_script_does_for_longer_than_the_epilogue_is_told_at_the_last_call() {
    let script = "server --work 100ms; echo uploading; sleep 3600; echo never";
    let finished = stopped(sh(script), 1, 143);
    finished.assert_order(["server done", "uploading"]).assert_no("never");
    assert!(finished.took >= EPILOGUE, "{finished}");
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");

    let finished = stopped(with(["--epilogue", "2s", script]), 1, 143);
    assert!(finished.took >= Duration::from_secs(2), "{finished}");
}

#[test]
fn a_handler_at_the_last_call_may_still_finish() {
    let script = "server --work 100ms; server --name second --work 1500ms; echo never";
    let finished = stopped(with(["--epilogue", "300ms", script]), 1, 143);
    assert_each_told_once(&finished, "TERM", &["server", "second"]);
    finished.assert_no("never");
}

#[test]
fn without_an_epilogue_the_script_ends_with_its_server() {
    let finished = stopped(with(["--epilogue", "0s", "server --work 100ms; sleep 3600; echo never"]), 1, 143);
    finished.assert_order(["server done"]).assert_no("never");
    assert_at_once(&finished);
}

#[test]
fn a_restart_loop_ends_with_the_epilogue() {
    let finished = stopped(sh("while :; do server --work 100ms; done"), 1, 143);
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
    // The one that was started anew was told as well, once, and finished.
    let ready = finished.count("ready");
    assert!((1..=3).contains(&ready), "{finished}");
    assert!(
        finished.count("told TERM") <= ready && finished.count("done") == finished.count("told"),
        "{finished}"
    );
}

// --- Timeout -----------------------------------------------------------------------------------------------

#[test]
fn a_hung_program_is_killed_at_the_timeout_and_named() {
    // As a JVM whose handlers only print.
    let running = stop(with(["-t", "1s", "--", "server", "--never"]), 1);
    let pid = pid_inside(running.process("server").pid);
    let finished = running.expect_exit(137);
    assert!(finished.took >= Duration::from_secs(1), "{finished}");
    assert!(finished.took < Duration::from_secs(1) + AT_ONCE, "{finished}");
    assert_eq!(finished.count("told TERM"), 1, "{finished}");
    assert_warned(&finished, ["timeout", "killing", &format!("server ({pid})")]);
}

#[test]
fn the_script_around_a_hung_program_ends_with_it() {
    let finished = stop(with(["-t", "1s", "cd / && server --never; echo never"]), 1).finish();
    assert!(finished.took >= Duration::from_secs(1), "{finished}");
    assert_eq!(finished.count("told"), 1, "{finished}");
    assert_warned(&finished, ["timeout", "killing", "server ("]);
    finished.assert_no("never").assert_no("done");
    assert!([137, 143].contains(&finished.code), "{finished}");
}

#[test]
fn nothing_is_killed_before_the_timeout() {
    let finished = stopped(with(["-t", "10s", "cd / && server --work 2s; echo after"]), 1, 0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]).assert_no("kill");
    assert!(finished.err.is_empty(), "{finished}");
}

#[test]
fn without_a_timeout_nothing_is_killed_and_a_warning_says_who_is_waited_for() {
    let running = stop(sh("cd / && server --never"), 1);
    let server = running.process("server").pid;
    let warning = running.wait_line("still waiting");
    assert!(warning.text.contains(&format!("server ({})", pid_inside(server))), "{warning:?}");
    running.wait_lines(2, "still waiting");
    assert!(!is_gone(server));
    kill(server, SIGKILL).unwrap();
    let finished = running.expect_exit(137);
    assert!(finished.took >= Duration::from_secs(10), "{finished}");
    finished.assert_no("killing");
}

#[test]
fn who_was_not_told_before_the_timeout_is_told_then_and_not_killed_unasked() {
    // A trap that does not see to its background job, and a hung owner beside one that ends.
    let script = "trap 'echo heard' TERM; server --name below --work 0s & while :; do wait; done";
    let running = stop(with(["-t", "1s", script]), 1);
    let finished = running.expect_exit(137);
    finished.assert_order(["below ready", "heard", "below told TERM", "below done"]);
    assert_eq!(finished.count("told"), 1, "{finished}");
    assert!(finished.took >= Duration::from_secs(1), "{finished}");

    let script = "sleep 3600 & server --name hung --never & server --name good; wait; echo never";
    let finished = stop(with(["-t", "1s", script]), 2).finish();
    finished.assert_order(["good told TERM", "good done"]);
    finished.assert_order(["hung told TERM"]).assert_no("never");
}

#[test]
fn a_program_that_ignores_the_signal_is_killed_at_the_timeout_and_named() {
    let finished = stopped(with(["-t", "1s", "--", "server", "--on", "none", "--ignore", "TERM"]), 1, 137);
    assert!(finished.took >= Duration::from_secs(1), "{finished}");
    assert_warned(&finished, ["killing", "server ("]);

    // Beside an owner as well.
    let script = "server --name deaf --on none --ignore TERM & server; wait; echo never";
    let finished = stop(with(["-t", "2s", script]), 2).finish();
    finished.assert_order(["server told TERM", "server done"]).assert_no("never");
    assert_warned(&finished, ["killing", "server ("]);
    assert!(finished.took >= Duration::from_secs(2), "{finished}");
}

#[test]
fn a_program_that_ignores_the_signal_is_given_time_to_end_by_itself() {
    let finished = stopped(sh("trap '' TERM; echo is ready; sleep 2; echo by itself"), 1, 0);
    finished.assert_order(["by itself"]);
}

#[test]
fn a_background_job_that_the_shell_made_deaf_to_int_gets_term() {
    let running = sh("server --on TERM & wait").start();
    running.wait_line("server ready");
    running.signal(SIGINT);
    assert_each_told_once(&running.expect_exit(130), "TERM", &["server"]);

    let running = sh("server --name back --on TERM & server --name front; wait").start();
    running.wait_lines(2, "ready");
    running.signal(SIGINT);
    let finished = running.finish();
    assert_eq!(finished.count("told"), 2, "{finished}");
    assert_eq!(finished.count("done"), 2, "{finished}");
}

// --- Repeats -----------------------------------------------------------------------------------------------

#[test]
fn a_signal_repeated_within_a_second_is_one() {
    let running = sh("cd / && server --work 1s").start();
    running.wait_line("server ready");
    for _ in 0..3 {
        running.signal(SIGTERM);
    }
    assert_each_told_once(&running.expect_exit(0), "TERM", &["server"]);
}

#[test]
fn a_signal_repeated_later_is_passed_on() {
    let running = stop(sh("cd / && server --work 3s --lines 3; echo after"), 1);
    running.wait_line("server line 2");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_eq!(finished.count("server told TERM"), 2, "{finished}");
    finished.assert_order(["server line 2", "server done", "after"]);
}

#[test]
fn another_stop_signal_is_passed_on_at_once() {
    let running = stop(sh("cd / && server --work 1s; echo after"), 1);
    running.wait_line("server told TERM");
    running.signal(SIGINT);
    let finished = running.expect_exit(0);
    finished.assert_order(["server told TERM", "server told INT", "server done", "after"]);
}

#[test]
fn a_signal_repeated_later_ends_the_epilogue() {
    let script = "server --work 1500ms; sleep 3600; echo never";
    let running = stop(with(["-v", "--epilogue", "1h", script]), 1);
    running.wait_line("the epilogue begins");
    wait_for(&running, 1, "sleep");
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert_at_once(&finished);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_no("never");
}

#[test]
fn a_signal_repeated_as_the_last_owner_ends_is_not_lost() {
    // Several, since it is a matter of who is faster: the script that goes on, or adieu that looks.
    let script = "server --work 1500ms; echo carries on; sleep 3600; echo never";
    let adieu = || with(["--epilogue", "1h", script]).deadline(Duration::from_secs(10));
    let running: Vec<_> = (0..6).map(|_| stop(adieu(), 1)).collect();
    for running in &running {
        running.wait_line("carries on");
        running.signal(SIGTERM);
    }
    for running in running {
        let finished = running.expect_exit(143);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_no("never");
    }
}

// --- Leftovers ---------------------------------------------------------------------------------------------

/// The main process ends by itself as soon as everything is ready: stdin closes.
fn main_ends(adieu: Adieu, ready: usize) -> Running {
    let mut running = adieu.stdin(Stdio::piped()).start();
    let stdin = running.stdin();
    running.wait_lines(ready, "ready");
    drop(stdin);
    running
}

#[test]
fn what_the_main_process_leaves_behind_is_told_and_may_finish() {
    for server in ["server &", "server --daemonize;", "setsid server &"] {
        let finished = main_ends(sh(&format!("{server} read line; exit 5")), 1).expect_exit(5);
        assert_each_told_once(&finished, "TERM", &["server"]);
    }
}

#[test]
fn what_the_main_process_leaves_behind_without_a_handler_ends_at_once() {
    let finished = sh("sleep 3600 & setsid sleep 3600 & exit 6").start().expect_exit(6);
    assert_at_once(&finished);
}

#[test]
fn what_the_main_process_leaves_behind_is_killed_after_the_timeout() {
    let adieu = with(["-t", "1s", "server --never & read line; exit 5"]);
    let finished = main_ends(adieu, 1).expect_exit(5);
    assert_eq!(finished.count("told TERM"), 1, "{finished}");
    assert_warned(&finished, ["killing", "server ("]);
}

#[test]
fn with_linger_adieu_goes_on_until_the_last_process_is_gone() {
    let running = main_ends(with(["--linger", "server --daemonize --print USR1; read line; exit 5"]), 1);
    eventually("the shell is gone", || running.tree().iter().all(|it| it.name == "server"));
    // By the time that a later signal has come through, an earlier one would have as well.
    running.signal(SIGUSR1);
    running.wait_line("server got USR1");
    running.signal(SIGTERM);
    let finished = running.expect_exit(5);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server got USR1", "server told TERM"]);

    let script = "(read line < /dev/null; sleep 0.5; echo last) & exit 0";
    with(["--linger", script]).start().expect_exit(0).assert_order(["last"]);
}

// --- Stopped processes -------------------------------------------------------------------------------------

#[test]
fn a_stopped_process_is_continued_and_finishes() {
    for script in ["server", "cd / && server; echo after"] {
        let running = sh(script).start();
        running.wait_line("server ready");
        let server = running.process("server").pid;
        kill(server, SIGSTOP).unwrap();
        eventually("the server is stopped", || process(server).is_some_and(|it| it.state == 'T'));
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), script.matches("after").count(), "{finished}");
    }
}

/// `docker pause`, or a debugger: the wait is interrupted, and what it waited until is over.
#[test]
fn an_adieu_that_is_stopped_for_a_while_keeps_its_descriptors() {
    let running = sh("server --work 2s; :").start();
    running.wait_line("server ready");
    let adieu = running.pid();
    let files = || fs::read_dir(format!("/proc/{adieu}/fd")).unwrap().count();
    let before = files();
    running.signal(SIGTERM);
    running.wait_line("TERM");
    // The signalfd was there; a pidfd and what waits for both have come.
    eventually("the server is watched", || files() == before + 2);
    kill(adieu, SIGSTOP).unwrap();
    thread::sleep(Duration::from_millis(700));
    kill(adieu, SIGCONT).unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(files(), before + 2);
    assert_each_told_once(&running.expect_exit(0), "TERM", &["server"]);
}

#[test]
fn a_stopped_shell_holds_nothing_up() {
    for (script, handles) in [("cd / && server; exit 9", true), ("cd / && sleep 3600; exit 9", false)] {
        let running = sh(script).start();
        if handles {
            running.wait_line("server ready");
        } else {
            wait_for(&running, 1, "sleep");
        }
        let shell = running.process("sh").pid;
        kill(shell, SIGSTOP).unwrap();
        eventually("the shell is stopped", || process(shell).is_some_and(|it| it.state == 'T'));
        running.signal(SIGTERM);
        let finished = running.finish();
        // It is continued: so that it carries on, or so that it ends.
        let expected: &[i32] = if handles { &[9, 143] } else { &[143] };
        assert!(expected.contains(&finished.code), "{finished}");
        assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
        if handles {
            assert_each_told_once(&finished, "TERM", &["server"]);
        }
    }
}

// --- Namespaces, orphans -----------------------------------------------------------------------------------

#[test]
fn the_init_of_a_nested_pid_namespace_that_handles_nothing_ends_at_once() {
    if !pid_namespace() {
        return;
    }
    for script in ["unshare --pid --fork sleep 1000", "cd / && unshare --pid --fork sleep 1000; :"] {
        let running = with(["-t", "10s", script]).start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.finish();
        assert!(finished.took < AT_ONCE, "{script}\n{finished}");
    }
}

/// adieu's first child is the init of the namespace that adieu was to get, and has no handler.
#[test]
fn deliver_child_ends_a_nested_init_that_hears_nothing() {
    if !pid_namespace() {
        return;
    }
    let adieu = [support::adieu(), Path::new("--deliver=child"), Path::new("--")];
    let words = ["unshare", "--pid"].iter().map(Path::new).chain(adieu);
    let storm = [support::storm(), "many".into(), "3".into()];
    let running = container().program("/usr/bin/env").args(words).args(storm).start();
    running.wait_line("ready");
    running.signal(SIGTERM);
    let finished = running.expect_exit(9);
    assert_at_once(&finished);
}

#[test]
fn a_server_inside_a_nested_pid_namespace_is_told_and_finishes() {
    if !pid_namespace() {
        return;
    }
    for inside in ["server", "sh -c \"server; :\"", "sh -c \"server & sleep 3600 & wait\""] {
        let script = format!("unshare --pid --fork {inside}; echo after");
        let finished = stop(with(["-t", "15s", &script]), 1).finish();
        assert_each_told_once(&finished, "TERM", &["server"]);
        assert!(finished.took < EPILOGUE + AT_ONCE, "{inside}\n{finished}");
    }
}

#[test]
fn an_orphan_leaves_no_zombie() {
    for adieu in [Adieu::as_pid1, Adieu::as_child] {
        let adieu = if pid_namespace() { adieu(container()) } else { container().as_child() };
        let running = adieu.arg("sh -c 'sleep 3600 & wait' & wait; server").start();
        wait_for(&running, 1, "sleep");
        let sleep = running.process("sleep");
        kill(sleep.parent, SIGKILL).unwrap();
        running.wait_line("server ready");
        assert_eq!(process(sleep.pid).unwrap().parent, running.pid());
        kill(sleep.pid, SIGKILL).unwrap();
        eventually("the orphan is reaped", || process(sleep.pid).is_none());
        assert!(running.tree().iter().all(|it| it.state != 'Z'), "{:#?}", running.tree());
        running.signal(SIGTERM);
        assert_each_told_once(&running.expect_exit(0), "TERM", &["server"]);
    }
}

// --- Signals that do not stop ------------------------------------------------------------------------------

fn signal_and_wait(running: &Running, signal: i32, answer: &str) {
    running.signal_number(signal);
    running.wait_line(answer);
}

#[test]
fn other_signals_reach_the_owner_only_and_once() {
    let script = "sleep 3600 & server --print HUP,USR1,RTMIN+1 --workers 1; echo after";
    let running = sh(script).start();
    running.wait_lines(2, "ready");
    wait_for(&running, 1, "sleep");
    let sleep = running.process("sleep").pid;
    signal_and_wait(&running, SIGHUP as i32, "server got HUP");
    signal_and_wait(&running, SIGUSR1 as i32, "server got USR1");
    signal_and_wait(&running, libc::SIGRTMIN() + 1, "server got RTMIN+1");
    assert!(!is_gone(sleep));
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    finished.assert_order([
        "server got HUP",
        "server got USR1",
        "server got RTMIN+1",
        "server told TERM",
        "after",
    ]);
    assert_eq!(finished.count(" got "), 3, "{finished}");
}

#[test]
fn a_signal_that_nobody_handles_is_dropped_with_a_warning() {
    if !pid_namespace() {
        return;
    }
    let running = sh("sleep 3600 & cd / && server").start();
    running.wait_line("server ready");
    for (signal, name) in [(SIGHUP, "SIGHUP"), (SIGUSR1, "SIGUSR1"), (SIGUSR2, "SIGUSR2")] {
        signal_and_wait(&running, signal as i32, &format!("{name} dropped"));
    }
    signal_and_wait(&running, libc::SIGRTMIN() + 1, "RTMIN+1 dropped");
    assert_eq!(running.tree().len(), 3, "{:#?}", running.tree());
    running.signal(SIGTERM);
    assert_each_told_once(&running.expect_exit(0), "TERM", &["server"]);
}

#[test]
fn outside_a_container_a_hangup_that_nobody_handles_is_a_stop() {
    for script in ["sleep 3600", "sleep 3600; echo never"] {
        let running = sh(script).as_child().start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGHUP);
        let finished = running.expect_exit(129);
        finished.assert_no("never");
        assert_at_once(&finished);
    }
}

#[test]
fn under_nohup_a_hangup_is_none() {
    let running = sh("cd / && server").as_child().ignoring([SIGHUP]).start();
    running.wait_line("server ready");
    running.signal(SIGHUP);
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_each_told_once(&finished, "TERM", &["server"]);
}

#[test]
fn a_signal_is_rewritten_as_asked() {
    let running = stop(with(["--rewrite", "TERM=QUIT", "cd / && server --on QUIT"]), 1);
    assert_each_told_once(&running.expect_exit(0), "QUIT", &["server"]);

    let rewrite = ["-r", "USR1=0", "-r", "HUP=USR2", "--", "server", "--print", "USR1,USR2,HUP"];
    let running = with(rewrite).start();
    running.wait_line("server ready");
    running.signal(SIGUSR1);
    signal_and_wait(&running, SIGHUP as i32, "server got USR2");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_eq!(finished.count(" got "), 1, "{finished}");
    assert!(finished.err.is_empty(), "{finished}");
}

#[test]
fn the_stop_begins_on_the_signals_that_were_asked_for() {
    let running = with(["--stop-on", "USR1", "cd / && server --on USR1 --print TERM; sleep 3600"]).start();
    running.wait_line("server ready");
    signal_and_wait(&running, SIGTERM as i32, "server got TERM");
    running.signal(SIGUSR1);
    // To the sleep as well, at the last call.
    let finished = running.expect_exit(128 + SIGUSR1 as i32);
    assert_each_told_once(&finished, "USR1", &["server"]);
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
}

#[test]
fn deliver_group_tells_bystanders_at_once_and_still_shields_the_shell() {
    let script = "sleep 3600 & server --work 3s; sleep 0.3; echo after";
    let running = with(["--deliver", "group", script]).start();
    running.wait_line("server ready");
    wait_for(&running, 1, "sleep");
    let sleep = running.process("sleep").pid;
    running.signal(SIGTERM);
    eventually("the bystander is gone", || is_gone(sleep));
    assert!(running.lines().iter().all(|line| !line.text.contains("done")));
    let finished = running.expect_exit(0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
}

#[test]
fn deliver_group_tells_the_workers_too() {
    let finished = stop(with(["--deliver", "group", "--", "server", "--workers", "1", "--work", "1s"]), 2);
    let finished = finished.expect_exit(0);
    // By adieu and by the master, which the kernel may have made one.
    assert!((1..=2).contains(&finished.count("server.1 told TERM")), "{finished}");
    finished.assert_order(["server told TERM", "server.1 done", "server done"]);
}

#[test]
fn deliver_child_tells_the_main_process_or_the_child_of_its_shell() {
    let script = "server --name side & server --name main; wait; echo after";
    let finished = stopped(with(["--deliver", "child", script]), 2, 0);
    assert_each_told_once(&finished, "TERM", &["main", "side"]);
    finished.assert_order(["main done", "side told TERM", "side done", "after"]);

    // Not so the shell itself that carries on when its child is done.
    let script = "server; i=0; while [ $((i += 1)) -lt 300000 ]; do :; done; echo after";
    let finished = stopped(with(["--deliver", "child", "--epilogue", "20s", script]), 1, 0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["after"]);

    let finished = stopped(with(["--deliver", "child", "--", "server", "--workers", "1"]), 2, 0);
    assert_each_told_once(&finished, "TERM", &["server", "server.1"]);
}

#[test]
fn a_change_of_the_window_reaches_the_group() {
    let running = sh("sleep 3600 & server --print WINCH --workers 1; echo after").start();
    running.wait_lines(2, "ready");
    running.signal(SIGWINCH);
    running.wait_lines(2, "got WINCH");
    running.signal(SIGCONT);
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    finished.assert_order(["server got WINCH", "server told TERM"]);
    finished.assert_order(["server.1 got WINCH", "server.1 told TERM", "after"]);
}

// --- Where something is missing ----------------------------------------------------------------------------

#[test]
fn without_proc_the_group_is_told_and_everything_below_is_waited_for() {
    if !pid_namespace() {
        return;
    }
    // Empty, or that of another PID namespace, which the one of this namespace was mounted over.
    for preparation in ["mount -t tmpfs none /proc", "umount -l /proc"] {
        let script = "server --name a & (server --name b; :) & wait; echo never";
        let finished = stopped(through_sh(preparation, &[script]), 2, 143);
        assert_each_told_once(&finished, "TERM", &["a", "b"]);
        assert_warned(&finished, ["/proc"]);

        let finished = stopped(through_sh(preparation, &["-t", "1s", "--", "server", "--never"]), 1, 137);
        assert!(finished.took >= Duration::from_secs(1), "{finished}");
        assert_eq!(finished.count("told"), 1, "{finished}");

        let running = through_sh(preparation, &["sleep 3600; echo never"]).start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.expect_exit(143);
        assert_at_once(&finished);
    }
}

#[test]
fn what_was_seen_is_told_even_when_proc_goes_away_and_the_main_process_with_it() {
    if !pid_namespace() {
        return;
    }
    let trap =
        |then: &str| format!("trap 'umount -l /proc; {then}' TERM; echo ready; while :; do sleep 0.1; done");
    // The main process gone, and still there.
    for (script, code) in [(trap("exit 3"), 3), (format!("({}); sleep 1000; exit 3", trap("exit 4")), 143)] {
        let daemons = "(setsid sleep 3600 &); (sleep 3600 &)";
        let running = with([&*format!("{daemons}; {script}")]).start();
        running.wait_line("ready");
        // Until it is sleep, the first may be in the group of the shell, which is all that is known of it later.
        support::eventually("the daemons are adieu's", || {
            support::children(running.pid()).iter().filter(|it| it.name == "sleep").count() == 2
        });
        running.signal(SIGTERM);
        let finished = running.expect_exit(code);
        assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
    }
}

/// Executables where any user may run them.
fn for_any_user(scratch: &Scratch) -> String {
    let directory = scratch.path().display();
    format!(
        "cp \"$ADIEU\" '{}' {directory}/ && ADIEU={directory}/adieu PATH={directory}:$PATH",
        server().display()
    )
}

const AS_NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

#[test]
fn a_server_of_another_user_is_told_by_root() {
    if !root() || tool("setpriv").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let script = format!("cd / && {AS_NOBODY} server; echo after");
    let finished = stopped(through_sh(&for_any_user(&scratch), &[&script]), 1, 0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
}

#[test]
fn a_process_that_may_not_be_signalled_does_not_hold_up_an_unprivileged_pid1() {
    if !root() || !pid_namespace() || tool("setpriv").is_none() {
        return;
    }
    let scratch = Scratch::new();
    // Root's process becomes the child of adieu by exec.
    let preparation = format!("{}; sleep 3600 & exec {AS_NOBODY} \"$ADIEU\" \"$@\"", for_any_user(&scratch));
    let running = through_sh(&preparation, &["tail -f /dev/null; echo never"]).start();
    wait_for(&running, 1, "sleep");
    wait_for(&running, 1, "tail");
    let pid = pid_inside(running.process("sleep").pid);
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert_at_once(&finished);
    assert_warned(&finished, ["may not send SIGTERM to", &format!("sleep ({pid})")]);
    finished.assert_no("never");

    // And not the work of those that may be.
    let finished = stopped(through_sh(&preparation, &["cd / && server; echo after"]), 1, 0);
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
    assert!(finished.took < EPILOGUE + AT_ONCE, "{finished}");
}

#[test]
fn a_signal_that_may_not_be_passed_on_is_named_in_a_warning() {
    if !root() || !pid_namespace() || tool("setpriv").is_none() {
        return;
    }
    let scratch = Scratch::new();
    let preparation =
        format!("{}; server --print HUP,USR1 & exec {AS_NOBODY} \"$ADIEU\" \"$@\"", for_any_user(&scratch));
    let running = through_sh(&preparation, &["tail -f /dev/null"]).start();
    running.wait_line("server ready");
    wait_for(&running, 1, "tail");
    let server = running.process("server").pid;
    let pid = pid_inside(server);
    for (signal, name) in [(SIGHUP, "SIGHUP"), (SIGUSR1, "SIGUSR1")] {
        signal_and_wait(&running, signal as i32, &format!("may not send {name} to server ({pid})"));
    }
    // The server ends by another hand; nothing of this reached it, and the stop is as it would have been.
    kill(server, SIGTERM).unwrap();
    running.wait_line("server done");
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert_at_once(&finished);
    finished.assert_no("server got").assert_no("dropped");
}

#[test]
fn where_pidfds_are_refused_the_stop_is_the_same() {
    let Some(strace) = tool("strace") else { return };
    for (errno, call) in [("ENOSYS", "pidfd_open"), ("EPERM", "pidfd_open"), ("ENOSYS", "pidfd_send_signal")]
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
            .arg("sleep 3600 & server --work 1s --lines 2; (server --name second --work 100ms); echo after")
            .start();
        running.wait_line("server ready");
        wait_for(&running, 1, "sleep");
        let sleep = running.process("sleep").pid;
        kill(running.process("adieu").pid, SIGTERM).unwrap();
        running.wait_line("server line 1");
        assert!(!is_gone(sleep));
        let finished = running.finish();
        assert_each_told_once(&finished, "TERM", &["server", "second"]);
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("(INJECTED)"), "{log}");
    }
}

#[test]
fn a_shell_that_executes_its_server_before_it_can_be_told_is_told_once_as_the_server() {
    let Some(strace) = tool("strace") else { return };
    let scratch = Scratch::new();
    let [log, fifo] = ["log", "fifo"].map(|name| scratch.join(name));
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Whoever is not adieu's own child is told by a pidfd, and that comes two seconds after the look.
    let running = container()
        .as_child()
        .program(&strace)
        .args(["--trace=pidfd_open", "--inject=pidfd_open:delay_enter=2s:when=1", "-qq", "-o"])
        .args([&*log, support::adieu()])
        .arg("-v")
        .arg(format!(
            "trap 'echo outer' TERM; (trap 'echo inner' TERM; echo subshell ready; read go <{0}; exec server)",
            fifo.display()
        ))
        .start();
    running.wait_line("subshell ready");
    let adieu = running.process("adieu").pid;
    kill(adieu, SIGTERM).unwrap();
    let tells = format!("{} ", libc::SYS_pidfd_open);
    eventually("adieu is about to tell the subshell", || {
        fs::read_to_string(format!("/proc/{adieu}/syscall")).is_ok_and(|call| call.starts_with(&tells))
    });
    fs::write(&fifo, "go\n").unwrap();
    running.wait_line("server ready");
    let finished = running.finish();
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server ready", "server told TERM", "server done", "outer"]);
    finished.assert_no("inner");
    assert_warned(&finished, ["executed another program before it was told"]);
}

#[test]
fn without_descriptors_to_spare_the_stop_is_graceful() {
    // The limit holds for the server too: it takes signals by sigwait, which needs no descriptor. With fewer than
    // 4 no dynamic executable can be loaded.
    for limit in 4..=6 {
        let limited = through_sh(&format!("ulimit -n {limit}"), &["cd / && server --by sigwait; echo after"]);
        let finished = stopped(limited, 1, 0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "after"]);
    }
}

#[test]
fn more_servers_than_descriptors_are_all_told_at_once() {
    let script =
        "i=0; while [ $((i += 1)) -le 30 ]; do server --by sigwait --name s$i & done; wait; echo after";
    let finished = stopped(through_sh("ulimit -n 20", &[script]), 30, 0);
    let names: Vec<String> = (1..=30).map(|number| format!("s{number}")).collect();
    assert_each_told_once(&finished, "TERM", &names.iter().map(String::as_str).collect::<Vec<_>>());
    finished.assert_order(["after"]);
}

#[test]
fn when_descriptors_run_out_later_the_stop_is_graceful() {
    let Some(prlimit) = tool("prlimit") else { return };
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
        assert_each_told_once(&finished, "TERM", &["server"]);
    }
}

#[test]
fn when_descriptors_run_out_for_a_while_a_zombie_is_not_waited_for() {
    let Some(prlimit) = tool("prlimit") else { return };
    // sleep reaps no child.
    let running = sh("server --work 2s & exec sleep 1000").start();
    running.wait_line("server ready");
    let pid = running.pid().to_string();
    let limit = |descriptors: &str| {
        let limited =
            Command::new(&prlimit).args(["--pid", &pid, &format!("--nofile={descriptors}:64")]).status();
        assert!(limited.unwrap().success());
    };
    running.signal(SIGTERM);
    running.wait_line("server told TERM");
    limit("0");
    eventually("adieu has given its descriptors back", || {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let links = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        links.filter(|link| link.to_string_lossy().contains("signalfd")).count() == 0
    });
    limit("64");
    assert_each_told_once(&running.expect_exit(143), "TERM", &["server"]);
}

/// The kernel refuses one read of its files now and then, and too few descriptors are left to watch it.
#[test]
fn a_server_that_a_look_misses_is_waited_for_even_where_it_cannot_be_watched() {
    let Some(strace) = tool("strace") else { return };
    // Elsewhere than as PID 1 such a look is begun anew.
    if !pid_namespace() {
        return;
    }
    let scratch = Scratch::new();
    let log = scratch.join("log");
    let running =
        through_sh("ulimit -n 7", &["-v", "sleep 3600 & server --by sigwait --work 4s; echo after"]).start();
    running.wait_line("server ready");
    running.signal(SIGTERM);
    running.wait_line("server told TERM");
    let pids = status_field(running.process("server").pid, "NSpid").unwrap();
    // strace compares the text: by its path, or from /proc held open.
    let from_there = format!("{}/stat", pids.split_whitespace().next_back().unwrap());
    let path = format!("/proc/{from_there}");
    let mut tracer = Command::new(strace)
        .args(["-p", &running.pid().to_string(), "-P", &path, "-P", &from_there, "-e", "trace=openat", "-o"])
        .arg(&log)
        .args(["-e", "inject=openat:error=ENFILE:when=1+3"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(tracer.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("attached")), "strace has not attached");
    let finished = running.expect_exit(0);
    tracer.wait().unwrap();
    assert_each_told_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
    finished.assert_no("the owners' phase begins");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("(INJECTED)"), "{log}");
}

#[test]
fn a_log_that_nobody_reads_does_not_delay_the_stop() {
    // Kept open and never read.
    let (_unread, mut full) = io::pipe().unwrap();
    fill(&mut full);
    let dev_full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let words = ["-v", "cd / && server; echo after"];
    let closed = through_sh("exec 2>&-", &words);
    for adieu in [with(words).stderr(full), with(words).stderr(dev_full), closed] {
        let finished = stopped(adieu, 1, 0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "after"]);
        assert_at_once(&finished);
    }
}

/// Writes until nothing more fits.
fn fill(file: &mut (impl io::Write + AsFd)) {
    let flags = OFlag::from_bits_retain(fcntl(&*file, FcntlArg::F_GETFL).unwrap());
    fcntl(&*file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
    while file.write(b".").is_ok() {}
    fcntl(&*file, FcntlArg::F_SETFL(flags)).unwrap();
}

// --- What a hostile review found ---------------------------------------------------------------------------

#[test]
fn a_terminal_that_nobody_reads_does_not_delay_the_stop() {
    // Room for a part of a line is what poll calls writable, and a write would wait for the rest.
    for room in [0, 300, 850, 2_000] {
        let terminal = openpty(None, None).unwrap();
        let (mut master, mut slave) = (File::from(terminal.master), File::from(terminal.slave));
        fill(&mut slave);
        master.read_exact(&mut vec![0; room]).unwrap();
        let script = "i=0; while [ $((i += 1)) -le 20 ]; do server --name a-long-name-for-a-server-$i --never & done; wait";
        let finished = stopped(with(["-t", "300ms", script]).stderr(slave), 20, 143);
        assert!(finished.took < Duration::from_secs(10), "{room}: {finished}");
    }
}

#[test]
fn in_the_foreground_of_a_trap_the_script_goes_on_and_the_pipeline_keeps_its_end() {
    for shell in ["dash -c", "bash -c"] {
        let subshell =
            "trap 'echo trap' TERM; (cd /; server --work 300ms; sleep 0.2; echo uploaded); echo end";
        let finished = stopped(with(["--shell", shell, subshell]), 1, 0);
        assert_each_told_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "uploaded", "trap", "end"]);

        let reader = "trap 'echo trap' TERM; \
            server --work 50ms --lines 5 | while read -r line; do sleep 0.05; echo \"$line\"; done; echo end";
        let finished = stopped(with(["--shell", shell, reader]), 1, 0);
        finished.assert_order([
            "server told TERM",
            "server line 1",
            "server line 5",
            "server done",
            "trap",
            "end",
        ]);
    }
}

#[test]
fn a_trap_runs_at_once_whenever_its_shell_was_told() {
    // The shell asks adieu to stop just before it forks: the hardest moment to look at it.
    for shell in ["dash", "bash"] {
        let script = "trap 'exit 3' TERM; kill -TERM $PPID; sleep 30; exit 9";
        let late = (0..15).filter(|_| {
            let finished = with(["-t", "5s", "--", shell, "-c", script]).start().finish();
            assert!([3, 137].contains(&finished.code), "{shell}: {finished}");
            finished.code != 3
        });
        // Between the look and the signal it can fork all the same: one in thousands (docs/reliability.md, Limits).
        assert!(late.count() <= 1, "{shell}");
    }
}

#[test]
fn a_log_that_is_full_does_not_keep_adieu_busy() {
    let scratch = Scratch::new();
    let log = File::create(scratch.join("log")).unwrap();
    let running = through_sh("ulimit -f 0", &["server; :"]).stderr(log).start();
    running.wait_line("server ready");
    running.signal(SIGUSR2);
    running.signal(SIGUSR1);
    running.signal(SIGTERM);
    running.wait_line("server told TERM");
    let ticks = fs::read_to_string(format!("/proc/{}/stat", running.pid())).unwrap();
    let ticks = ticks.rsplit_once(')').unwrap().1.split_whitespace().nth(11).unwrap().parse::<u64>().unwrap();
    running.expect_exit(0).assert_order(["server done"]);
    assert!(ticks < 20, "{ticks} ticks of CPU");
}

#[test]
fn a_restart_loop_in_the_foreground_of_a_trap_ends_with_the_epilogue() {
    let script = "trap 'exit 0' TERM; (while :; do server --work 50ms; done)";
    let finished = stopped(with(["--epilogue", "300ms", "--shell", "bash -c", script]), 1, 0);
    assert!(finished.count("server told TERM") >= 1, "{finished}");
    assert!(finished.took < Duration::from_secs(10), "{finished}");
}

#[test]
fn a_filter_of_another_user_keeps_the_last_lines_where_root_may_not_look() {
    let (Some(setpriv), true) = (tool("setpriv"), root()) else { return };
    let setpriv = setpriv.to_str().unwrap();
    // As docker's root has it: no CAP_SYS_PTRACE, so /proc shows less of what belongs to others.
    let preparation = format!(
        "set -- {setpriv} --bounding-set -sys_ptrace --inh-caps -sys_ptrace \"$ADIEU\" \"$@\"\nexec \"$@\""
    );
    let script = "server --lines 3 | cat";
    let words = ["--", setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", script];
    let adieu = container().program("/bin/sh").env("ADIEU", support::adieu());
    let finished = stopped(adieu.args(["-c", &*preparation, "sh"]).args(words), 1, 0);
    finished.assert_order(["server told TERM", "server line 1", "server line 3", "server done"]);
}

#[test]
fn the_log_filter_of_a_main_process_that_ended_keeps_the_last_lines() {
    let scratch = Scratch::new();
    // Before it has its pipe it is no filter yet (docs/reliability.md, Limits).
    let filter = ">(: >\"$UP\"; while IFS= read -r line; do echo \"$line\"; done)";
    let script = format!("exec > {filter}; until [ -e \"$UP\" ]; do :; done; seq 1 500; exit 3");
    let adieu = with(["--shell", "bash -c", "--epilogue", "20s", &*script]).env("UP", scratch.join("up"));
    let finished = adieu.start().expect_exit(3);
    assert_eq!(finished.out.len(), 500, "{finished}");
}
