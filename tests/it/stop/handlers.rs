//! The handlers below shells and wrappers get the signal, once.

use std::fs;
use std::process::Command;

use crate::scenario::{assert_at_once, assert_each_signalled_once, sh, stop, stopped, with};
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{
    Scratch, eventually, missing, process, root_or_less, status_field, tool, tool_or_less,
};
use nix::sys::signal::Signal::{SIGINT, SIGQUIT, SIGTERM};

/// Promise (Which process gets the signal, and when): a server under a shell gets the signal once
/// and finishes, and the script goes on
fn a_server_under_a_shell_finishes_and_the_script_goes_on() {
    let finished = stopped(sh("cd / && server; echo after; exit 7"), 1, 7);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["server done", "after"]);
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn the_exit_status_is_that_of_the_script() {
    assert_each_signalled_once(&stopped(sh("cd / && server --exit 3"), 1, 3), "TERM", &["server"]);
}

/// Promise (Which process gets the signal, and when): a server under a shell gets the signal once
/// and finishes, and the script goes on
fn a_program_without_a_shell_gets_the_signal_once_and_finishes() {
    for words in
        [&["--", "server", "--exit", "5"][..], &["server", "--exit", "5"], &["server --exit 5"]]
    {
        let finished = stopped(with(words.iter().copied()), 1, 5);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
    }
}

/// Promise (Which process gets the signal, and when): a server under a shell gets the signal once
/// and finishes, and the script goes on
fn twenty_servers_in_the_background_all_finish() {
    let script = "i=0; while [ $((i += 1)) -le 20 ]; do server --name s$i & done; wait; echo after";
    let finished = stopped(sh(script), 20, 0);
    let names: Vec<String> = (1..=20).map(|number| format!("s{number}")).collect();
    assert_each_signalled_once(&finished, "TERM", &names);
    assert_eq!(finished.out.last().unwrap(), "after", "{finished}");
}

/// Promise (Which process gets the signal, and when): a server under a shell gets the signal once
/// and finishes, and the script goes on
fn main_process_and_daemon_both_get_the_signal_and_finish() {
    let script = "server --name daemon --daemonize --work 1s; exec server --name main";
    assert_each_signalled_once(&stopped(sh(script), 2, 0), "TERM", &["daemon", "main"]);
}

fn the_signal_that_arrived_is_the_one_that_is_delivered() {
    for (signal, name) in [(SIGINT, "INT"), (SIGQUIT, "QUIT")] {
        let running = sh("cd / && server --on TERM,INT,QUIT").start();
        running.wait_line("server ready");
        running.signal(signal);
        assert_each_signalled_once(&running.expect_exit(0), name, &["server"]);
    }
}

/// Promise (Which process gets the signal, and when): the workers below a handler get no signal
/// from adieu until the handler is gone
fn a_prefork_master_gets_the_signal_and_passes_it_to_its_workers() {
    for script in ["server --workers 3", "cd / && server --workers 3; echo after"] {
        let names = ["server", "server.1", "server.2", "server.3"];
        assert_each_signalled_once(&stopped(sh(script), 4, 0), "TERM", &names);
    }
}

/// Promise (Which process gets the signal, and when): the workers below a handler get no signal
/// from adieu until the handler is gone
fn what_a_handler_leaves_behind_gets_the_signal_afterwards_and_adieu_waits_for_it() {
    for script in [
        "server --workers 2 --leave-worker",
        "cd / && server --workers 2 --leave-worker; echo after",
    ] {
        let finished = stopped(sh(script), 3, 0);
        assert_each_signalled_once(&finished, "TERM", &["server", "server.1", "server.2"]);
        finished.assert_order(["server done", "server.1 got TERM"]);
    }
}

/// Promise (Which process gets the signal, and when): programs that wait by sigwait or signalfd are
/// handlers
fn programs_that_wait_by_signalfd_or_sigwait_are_handlers() {
    for by in ["signalfd", "sigwait"] {
        let script = format!("cd / && server --by {by} --workers 1; echo after");
        assert_each_signalled_once(&stopped(sh(&script), 2, 0), "TERM", &["server", "server.1"]);
    }
}

/// A server that takes TERM by the system call `WAIT`, without the C library that few 64-bit
/// systems have for it.
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
  SAY("server got TERM\n");
  SAY("server done\n");
  call(1, 0, 0, 0, 0);
}
"#;

/// The kernel shows the call under the number that 32-bit programs have for it: with 32-bit times,
/// or with 64-bit ones.
/// Promise (Which process gets the signal, and when): programs that wait by sigwait or signalfd are
/// handlers
#[cfg(target_arch = "x86_64")]
fn a_32_bit_program_that_waits_by_sigwait_is_a_handler() {
    let compiler = tool("cc");
    let scratch = Scratch::new();
    let (source, program) = (scratch.join("server.c"), scratch.join("server-32"));
    fs::write(&source, SIGWAIT_32).unwrap();
    let compile = |wait: u32| {
        let mut command = Command::new(&compiler);
        command.args(["-m32", "-O1", "-static", "-nostdlib", "-fno-pie", "-fno-stack-protector"]);
        support::output(command.arg(format!("-DWAIT={wait}")).arg("-o").arg(&program).arg(&source));
    };
    // First with getpid in place of the wait, to see whether such a program compiles and runs here.
    compile(20);
    if support::output(Command::new("sh").arg("-c").arg(&program)).is_empty() {
        missing("a compiler and a kernel for 32-bit programs", "x86-64 with CONFIG_IA32_EMULATION");
    }
    for wait in [177, 421] {
        compile(wait);
        let running = sh(&format!("cd / && {}; echo after", program.display())).start();
        running.wait_line("server ready");
        let server = running.process("server-32").pid;
        // The server prints `ready` before it waits. /proc shows its blocked signals only until it
        // waits.
        let blocks =
            || status_field(server, "SigBlk").is_some_and(|mask| mask != "0000000000000000");
        eventually("the server waits", || {
            process(server).is_some_and(|it| it.state == 'S') && !blocks()
        });
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), 1, "{finished}");
    }
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn wrappers_get_no_signal_and_the_server_below_them_does() {
    // su that got the signal would kill it after 2 s.
    let server = "server --work 2500ms";
    let wrappers = ["tini -s --", "dumb-init", "catatonit --", "timeout 1h", "setsid -w"];
    let wrappers = wrappers.iter().map(|wrapper| format!("{wrapper} {server}"));
    let by_user = ["su root -s /bin/sh -c", "runuser -u root -- sh -c"]
        .map(|wrapper| format!("{wrapper} '{server}; :'"));
    let nested = format!("\"$ADIEU\" 'cd / && {server}'");
    let running: Vec<_> = wrappers
        .chain(by_user)
        .chain([nested])
        .filter(|words| {
            let wrapper = words.split(' ').next().unwrap();
            (wrapper.starts_with('"') || tool_or_less(wrapper).is_some())
                && (!["su", "runuser"].contains(&wrapper) || root_or_less())
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
        assert_each_signalled_once(&finished, "TERM", &["server"]);
    }
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn a_wrapper_as_the_main_process_gets_no_signal_either() {
    let wrappers = ["tini", "dumb-init", "catatonit"];
    for wrapper in wrappers.into_iter().filter(|wrapper| tool_or_less(wrapper).is_some()) {
        let finished = stopped(with(["--", wrapper, "--", "sh", "-c", "server; echo after"]), 1, 0);
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        finished.assert_order(["server done", "after"]);
    }
}

/// Promise (Which process gets the signal, and when): a handler that registers late
fn a_handler_that_registers_late_beside_another_gets_the_signal_when_it_does() {
    let script = "server --name late --late 700ms & server --work 4s; wait";
    let running = sh(script).start();
    running.wait_line("late started");
    running.wait_line("server ready");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_each_signalled_once(&finished, "TERM", &["server", "late"]);
    finished.assert_order([
        "server got TERM",
        "late ready",
        "late got TERM",
        "late done",
        "server done",
    ]);
}

/// Promise (Which process gets the signal, and when): daemons, stopped processes and nested PID
/// namespaces
fn a_daemon_under_a_script_gets_the_signal_and_adieu_waits_for_it() {
    let finished = stopped(sh("server --daemonize; echo started; tail -f /dev/null"), 1, 143);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished.assert_order(["started"]);
    assert_at_once(&finished);
}

pub(super) const TESTS: &[Test] = tests![
    a_server_under_a_shell_finishes_and_the_script_goes_on,
    the_exit_status_is_that_of_the_script,
    a_program_without_a_shell_gets_the_signal_once_and_finishes,
    twenty_servers_in_the_background_all_finish,
    main_process_and_daemon_both_get_the_signal_and_finish,
    the_signal_that_arrived_is_the_one_that_is_delivered,
    a_prefork_master_gets_the_signal_and_passes_it_to_its_workers,
    what_a_handler_leaves_behind_gets_the_signal_afterwards_and_adieu_waits_for_it,
    programs_that_wait_by_signalfd_or_sigwait_are_handlers,
    a_32_bit_program_that_waits_by_sigwait_is_a_handler,
    wrappers_get_no_signal_and_the_server_below_them_does,
    a_wrapper_as_the_main_process_gets_no_signal_either,
    a_handler_that_registers_late_beside_another_gets_the_signal_when_it_does,
    a_daemon_under_a_script_gets_the_signal_and_adieu_waits_for_it
];
