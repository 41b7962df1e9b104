//! Signals that come while programs start, or are about to end: none is lost, and nothing hangs.
//!
//! `ADIEU_TEST_TRIES` is how often each is tried: 100 times by default, and in CI 1,000 times each
//! of the two as PID 1. How those two ended goes to docs/reliability.md with `ADIEU_WRITE_DOCS=1`;
//! that page has the command.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::scenario::ways;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Running, adieu, page, pid_namespace, say, server, status_field, tool,
    variables,
};
use nix::sys::signal::Signal::{self, SIGINT, SIGTERM};

fn tries() -> u32 {
    variables::tries().unwrap_or(100)
}

/// As PID 1, where nothing would be left to try again.
fn tries_as_pid1() -> u32 {
    if variables::in_ci() || variables::full_load() { 1_000 } else { tries() }
}

/// From nothing to 50 ms, and most of them short: adieu and a server are up in the first few.
fn delay(attempt: u32, of: u32) -> Duration {
    let part = f64::from(attempt) / f64::from(of);
    Duration::from_millis(50).mul_f64(part * part)
}

fn start(adieu: Adieu, words: &[&str]) -> Running {
    adieu.env("SERVER", server()).args(words).start()
}

/// The kernel drops what is sent to a PID 1 without a handler: adieu's time begins when it has
/// blocked its signals. Only that is waited for here.
fn wait_until_blocked(running: &Running) {
    let pid = running.pid();
    while status_field(pid, "SigBlk").is_some_and(|mask| mask == "0000000000000000") {
        spin_loop();
    }
}

/// Sends a signal to each of many, ever later, and checks how each of them ends.
fn race(
    tries: u32,
    start: impl Fn() -> Running + Sync,
    signal: Signal,
    check: impl Fn(&Finished) + Sync,
) {
    const AT_A_TIME: u32 = 4;
    let run = &|first: u32| {
        for attempt in (first..tries).step_by(AT_A_TIME as usize) {
            let running = start();
            // The time is what is varied, not a guess at when something may be ready.
            thread::sleep(delay(attempt, tries));
            running.signal(signal);
            check(&running.finish());
        }
    };
    // A failure in one of them fails the scope.
    thread::scope(|scope| (0..AT_A_TIME).for_each(|first| drop(scope.spawn(move || run(first)))));
}

fn as_child(words: &[&str]) -> Running {
    start(Adieu::new().as_child(), words)
}

fn as_pid1(words: &[&str]) -> Running {
    let running = start(Adieu::new().as_pid1(), words);
    wait_until_blocked(&running);
    running
}

/// Either the signal came before the program had its handler, or the program got it once and
/// finished.
fn died_or_finished(signal: &str, number: i32) -> impl Fn(&Finished) {
    let got = format!("server got {signal}");
    move |finished| {
        let died = finished.code == 128 + number && finished.count(" got ") == 0;
        if !died {
            assert_eq!(
                finished.code,
                9,
                "neither {} nor the server's own\n{finished}",
                128 + number
            );
            finished.assert_order([&*got, "server done"]);
        }
    }
}

/// The same under a shell. Where no process has a handler yet, adieu signals the group: the shell
/// may get the signal just as the server gets its handler. Then the server finishes, and the
/// status is that of the shell's end.
fn died_or_finished_below_a_shell(finished: &Finished) {
    if finished.code != 143 {
        assert_eq!(finished.code, 9, "neither 143 nor the script's own\n{finished}");
    }
    if finished.code != 143 || finished.count(" got ") > 0 {
        finished.assert_order(["server got TERM", "server done"]);
    }
}

/// The same as PID 1, with how many there were of each.
fn race_as_pid1(what: &str, words: &[&str], check: impl Fn(&Finished) + Sync) {
    let (tries, finished) = (tries_as_pid1(), AtomicU32::new(0));
    race(
        tries,
        || as_pid1(words),
        SIGTERM,
        |end| {
            check(end);
            assert!(end.count("server got") <= 1, "{end}");
            finished.fetch_add(u32::from(end.count("server done") == 1), Ordering::Relaxed);
        },
    );
    let finished = finished.into_inner();
    let row = [
        format!("{tries} starts of {what} with TERM after 0 to 50 ms, as PID 1"),
        format!(
            "each ended; in {finished} the server got the signal once and finished, \
             in {} it was too early",
            tries - finished
        ),
    ];
    say(row.join(": "));
    if page::writes() {
        page::write_row("docs/reliability.md", &row.each_ref().map(String::as_str));
    }
}

// By signalfd: the server blocks all its signals with one call, so that none comes between two
// calls.
const PROGRAM: [&str; 4] = ["--", "sh", "-c", "exec \"$SERVER\" --by signalfd --work 0s --exit 9"];
const STRING: [&str; 1] = ["\"$SERVER\" --by signalfd --work 0s; exit 9"];

/// Promise (Running): no signal is lost at the start
fn a_term_right_after_the_start_of_a_program_is_not_lost() {
    race(tries(), || as_child(&PROGRAM), SIGTERM, died_or_finished("TERM", 15));
}

fn a_term_right_after_the_start_of_a_program_is_not_lost_as_pid1() {
    pid_namespace();
    race_as_pid1("a program", &PROGRAM, died_or_finished("TERM", 15));
}

fn a_term_right_after_the_start_of_a_shell_string_is_not_lost() {
    race(tries(), || as_child(&STRING), SIGTERM, died_or_finished_below_a_shell);
}

/// Promise (Running): no signal is lost at the start
fn a_term_right_after_the_start_of_a_shell_string_is_not_lost_as_pid1() {
    pid_namespace();
    race_as_pid1("a shell string", &STRING, died_or_finished_below_a_shell);
}

/// Promise (Running): no signal is lost at the start
fn a_term_to_a_group_that_is_only_just_there_is_not_lost() {
    for deliver in ["group", "child"] {
        let words: Vec<&str> = ["--deliver", deliver].into_iter().chain(PROGRAM).collect();
        race(tries(), || as_child(&words), SIGTERM, died_or_finished("TERM", 15));
    }
}

fn an_int_right_after_the_start_is_not_lost() {
    race(tries(), || as_child(&PROGRAM), SIGINT, died_or_finished("INT", 2));
}

/// A program that handles nothing, and a pipeline of them: the group may grow while it gets the
/// signal.
/// Promise (Running): no signal is lost at the start
fn a_term_while_a_pipeline_is_being_built_ends_all_of_it() {
    let pipeline = "sleep 1h | sleep 1h | sleep 1h & sleep 1h | sleep 1h; echo went on";
    race(
        tries(),
        || as_child(&[pipeline]),
        SIGTERM,
        |finished| {
            assert_eq!(finished.code, 143, "{finished}");
            finished.assert_no("went on");
        },
    );
}

fn a_term_as_the_program_ends_by_itself_leaves_one_status_or_the_other() {
    // By a shell that is adieu's parent: until it has reaped adieu there is something to signal.
    let script = "\"$ADIEU\" 'exit 7' & sleep \"$0\"; kill -TERM $! ; wait $!; echo $?";
    for attempt in 0..tries() {
        let parent = Adieu::new().as_child().program("/bin/sh").env("ADIEU", adieu());
        let finished = parent
            .args(["-c", script])
            .arg(format!("{}", delay(attempt, tries()).as_secs_f64() / 5.0))
            .start()
            .expect_exit(0);
        assert!(["7", "143"].contains(&&*finished.out[0]), "{finished}");
    }
}

/// Promise (Running): no signal is lost at the start
fn a_term_pending_from_before_the_start_reaches_the_server() {
    let pending = "kill -TERM $$; exec \"$ADIEU\" -- \"$SERVER\" --by signalfd --exit 9";
    for way in ways() {
        // Blocked in the server too, as it would be without adieu: it takes the signal whenever it
        // comes to it.
        let blocked = way.program("/bin/sh").env("ADIEU", adieu()).blocking([SIGTERM]);
        let running = start(blocked.deadline(Duration::from_secs(10)), &["-c", pending]);
        running.expect_exit(9).assert_order(["server ready", "server got TERM", "server done"]);
    }
}

/// strace makes the time between two reads of /proc longer. Between fork and exec a child has its
/// shell's mask, after exec another name: both together would look like a server.
fn a_term_while_a_shell_starts_a_command_is_for_both() {
    const SCRIPT: &str = "echo ready; sleep 1h; echo went on";
    tool("strace");
    for attempt in 0..tries() {
        let child = Adieu::new().as_child();
        let running = if attempt % 2 == 0 {
            child.arg(SCRIPT).start()
        } else {
            let slowly = ["-D", "-qq", "-o", "/dev/null", "-e", "signal=none"];
            child.program("strace").args(slowly).arg(adieu()).arg(SCRIPT).start()
        };
        running.wait_line("ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(143);
        assert_eq!(finished.out, ["ready"], "{finished}");
    }
}

/// strace makes the time longer in which the copy of a shell still has its handler. The shell
/// itself ends by its trap, so that its copy is an orphan by then.
fn a_program_gets_the_signal_that_its_shell_got_as_an_orphan_before_it_executed_it() {
    const SCRIPT: &str = "trap 'exit 3' HUP INT TERM; kill -TERM $PPID; sleep 1h & wait";
    tool("strace");
    let slowly =
        ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=rt_sigaction:delay_enter=20ms"];
    Adieu::new()
        .as_child()
        .program("strace")
        .args(slowly)
        .arg(adieu())
        .arg(SCRIPT)
        .start()
        .expect_exit(3);
}

pub(crate) const TESTS: &[Test] = tests![
    a_term_right_after_the_start_of_a_program_is_not_lost,
    a_term_right_after_the_start_of_a_program_is_not_lost_as_pid1,
    a_term_right_after_the_start_of_a_shell_string_is_not_lost,
    a_term_right_after_the_start_of_a_shell_string_is_not_lost_as_pid1,
    a_term_to_a_group_that_is_only_just_there_is_not_lost,
    an_int_right_after_the_start_is_not_lost,
    a_term_while_a_pipeline_is_being_built_ends_all_of_it,
    a_term_as_the_program_ends_by_itself_leaves_one_status_or_the_other,
    a_term_pending_from_before_the_start_reaches_the_server,
    a_term_while_a_shell_starts_a_command_is_for_both,
    a_program_gets_the_signal_that_its_shell_got_as_an_orphan_before_it_executed_it
];
