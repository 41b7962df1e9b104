//! Load on real processes. As PID 1, adieu ends everything below it with its own end. So it must
//! not end too early, it must end, and no signal may be lost, however many processes, orphans,
//! forks and signals there are.
//!
//! The sizes are those that fit into any `cargo test`; `ADIEU_LOAD=full` takes the large ones. With
//! `ADIEU_WRITE_DOCS=1` the figures go to docs/reliability.md; that page has the command.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Running, Scratch, context_switches, cpu_time, eventually, page,
    pid_namespace_or_less, process, processes, say, server, status_field, storm, variables,
};
use adieu::procfs::{Detail, Observer, look_below};
use adieu::signal::Signal as Number;
use nix::sys::signal::Signal::{SIGKILL, SIGTERM, SIGTSTP, SIGUSR2};
use nix::unistd::Pid;

/// A measured figure, or one of the sizes: the small one for every run, the large one for
/// `ADIEU_LOAD=full`.
fn size<T>(small: T, full: T) -> T {
    if variables::full_load() { full } else { small }
}

fn figure(what: &str, measured: &str) {
    say(format!("{what}: {measured}"));
    if page::writes() {
        page::write_row("docs/reliability.md", &[what, measured]);
    }
}

/// As PID 1 where that is possible, and as a child.
fn ways() -> Vec<(&'static str, Adieu)> {
    let pid1 = pid_namespace_or_less().then(|| ("as PID 1", Adieu::new().as_pid1()));
    pid1.into_iter().chain([("elsewhere", Adieu::new().as_child())]).collect()
}

fn prepared(adieu: Adieu) -> Adieu {
    adieu.env("SERVER", server()).env("STORM", storm()).deadline(Duration::from_secs(300))
}

/// Memory of its own in KiB. (Private dirty memory has pages of the binary in it, for as long as
/// that is new on the disk.)
fn own_memory(pid: Pid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn at_rest(running: &Running) {
    eventually("adieu waits", || process(running.pid()).is_some_and(|it| it.state == 'S'));
}

fn letters(log: &Path, letter: u8) -> usize {
    fs::read(log).unwrap_or_default().iter().filter(|it| **it == letter).count()
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// A copy of the storm under a name of the test's own, by which the test finds what is left of it.
fn named_storm(scratch: &Scratch) -> PathBuf {
    let number = scratch.path().to_str().unwrap().rsplit('-').next().unwrap().to_owned();
    let copy = scratch.join(format!("storm{}-{number}", std::process::id() % 100_000));
    fs::copy(storm(), &copy).unwrap();
    copy
}

fn named(program: &Path) -> Vec<support::Process> {
    let name = program.file_name().unwrap().to_str().unwrap();
    processes().into_iter().filter(|it| it.name == name && it.state != 'Z').collect()
}

/// Waits for adieu's end. Nothing of the storm is left then, wherever in the tree it was.
fn ended_with_nothing_left(running: Running, what: &str, storm: &Path) -> Finished {
    let took = running.wait_end();
    let left = named(storm);
    assert!(left.is_empty(), "{what}: {} left after {took:?}: {:#?}", left.len(), left.first());
    running.finish()
}

// --- Signals -------------------------------------------------------------------------------------

/// Signals that come during a stop: real-time ones are queued and each of them arrives, the others
/// are one while they are pending.
const REAL_TIME: [i32; 3] = [34, 40, 64];
const STANDARD: [i32; 10] = [
    libc::SIGTERM,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGWINCH,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGINT,
    libc::SIGURG,
    libc::SIGPIPE,
];

#[allow(unsafe_code, reason = "queues signals, which nix does not")]
/// Sends `count` signals in turns, by kill and by sigqueue; returns how many of them were real-time
/// ones.
fn send_signals(pid: Pid, count: usize, first: usize) -> usize {
    let mut queued = 0;
    for number in first..first + count {
        let real_time = number % 2 == 0;
        let signal = if real_time { REAL_TIME[number / 2 % 3] } else { STANDARD[number / 2 % 10] };
        let sent = loop {
            // SAFETY: integers; the value that goes along is one too.
            let sent = unsafe {
                match number % 3 {
                    0 => libc::kill(pid.as_raw(), signal),
                    _ => libc::sigqueue(
                        pid.as_raw(),
                        signal,
                        libc::sigval { sival_ptr: std::ptr::null_mut() },
                    ),
                }
            };
            // The queue of the user is full: others are to be read first.
            if sent == 0 || nix::errno::Errno::last() != nix::errno::Errno::EAGAIN {
                break sent;
            }
            thread::yield_now();
        };
        assert_eq!(sent, 0, "signal {signal}: {}", nix::errno::Errno::last());
        queued += usize::from(real_time);
    }
    queued
}

/// Promise (Under load): thousands of signals during a stop are passed on, and no process is left
/// stopped
fn a_storm_of_signals_during_a_stop_is_passed_on_and_leaves_nothing() {
    const SENDERS: usize = 4;
    let each = size(500, 2_500);
    for (way, adieu) in ways() {
        let running = prepared(adieu).arg("\"$STORM\" counter; exit 9").start();
        running.wait_line("ready");
        running.signal(SIGTERM);
        running.wait_line("got TERM");
        let (pid, began) = (running.pid(), Instant::now());
        at_rest(&running);
        let (memory, cpu) = (own_memory(pid), cpu_time(pid).unwrap());
        let queued: usize = thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|number| scope.spawn(move || send_signals(pid, each, number * 7)))
                .collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).sum()
        });
        // As long as it takes: adieu looks once for each of them, and the machine may be busy.
        while status_field(pid, "ShdPnd").unwrap() != "0000000000000000" {
            assert!(
                began.elapsed() < Duration::from_secs(200),
                "{way}: adieu does not read its signals"
            );
            thread::sleep(Duration::from_millis(10));
        }
        // adieu has passed the signals on when it waits for the next event.
        at_rest(&running);
        let took = began.elapsed();
        let spent = cpu_time(pid).unwrap() - cpu;
        // Not a wait for something: the time in which it may do no more than look a few times.
        let before = (cpu_time(pid).unwrap(), context_switches(pid));
        thread::sleep(Duration::from_secs(2));
        let after = (cpu_time(pid).unwrap(), context_switches(pid));
        assert!(after.0 - before.0 <= Duration::from_millis(100), "{way}: {before:?} {after:?}");
        assert!(after.1 - before.1 < 100, "{way}: {before:?} {after:?}");
        let grown = own_memory(pid).unwrap_or(0).saturating_sub(memory.unwrap_or(0));
        assert!(grown <= 64, "{way}: {grown} KiB more");
        running.signal(SIGUSR2);
        let finished = running.expect_exit(9);
        let came = finished.out.iter().find_map(|line| line.strip_prefix("came ")).unwrap();
        let count = |signal: i32| -> usize {
            let one = came.split(' ').find_map(|it| it.strip_prefix(&format!("{signal}:")));
            one.map_or(0, |it| it.parse().unwrap())
        };
        let arrived: usize = REAL_TIME.iter().map(|signal| count(*signal)).sum();
        // A program that wakes and waits in turns looks different at each read of /proc: adieu may
        // drop one signal in a thousand, with a warning.
        let dropped: usize = REAL_TIME
            .iter()
            .map(|it| finished.dropped(&Number::from_number(*it).unwrap().to_string()))
            .sum();
        assert_eq!(arrived + dropped, queued, "{way}: real-time signals\n{finished}");
        assert!(
            dropped * 1_000 <= queued,
            "{way}: {dropped} of {queued} real-time signals dropped\n{finished}"
        );
        for signal in [libc::SIGHUP, libc::SIGUSR1, libc::SIGPIPE, libc::SIGURG] {
            assert!(count(signal) >= 1, "{way}: {signal}\n{finished}");
        }
        // The first, and then one a second at the most.
        let most =
            usize::try_from(finished.took.as_secs() + began.elapsed().as_secs()).unwrap() + 2;
        assert!((1..=most).contains(&count(libc::SIGTERM)), "{way}: TERM\n{finished}");
        assert!((1..=most).contains(&count(libc::SIGINT)), "{way}: INT\n{finished}");
        figure(
            &format!(
                "{} mixed signals from {SENDERS} senders during a stop, {way}",
                each * SENDERS
            ),
            &format!(
                "{arrived} of {queued} real-time ones passed on; {} CPU, {} in all; \
                    memory +{grown} KiB",
                milliseconds(spent),
                milliseconds(took)
            ),
        );
    }
}

/// Promise (Under load): thousands of signals during a stop are passed on, and no process is left
/// stopped
fn a_storm_that_ends_with_a_stop_of_the_job_leaves_no_process_stopped() {
    for (way, adieu) in ways() {
        // The shell handles the signal, so that the shell does not stop.
        let script = "trap : TSTP; \"$SERVER\" --work 700ms; exit 9";
        let running = prepared(adieu).arg(script).deadline(Duration::from_secs(30)).start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        running.wait_line("server got TERM");
        running.signal(SIGTSTP);
        let finished = running.expect_exit(9);
        assert_eq!(finished.count("server done"), 1, "{way}\n{finished}");
    }
}

// --- Forks ---------------------------------------------------------------------------------------

/// How long a stop without a handler may take on a machine with a storm on it.
const SOON: Duration = Duration::from_secs(20);

/// Promise (Under load): thousands of forks delay no stop and leave no process
fn a_storm_of_forks_does_not_keep_a_stop_from_ending() {
    let scratch = Scratch::new();
    let storm = named_storm(&scratch);
    let kinds = [
        ("forks of which all die at once", "\"$STORM\" dying"),
        ("the same below a server", "\"$STORM\" dying --handle --work 300"),
        ("20 that each fork the next and end", "\"$STORM\" chains 20 --while \"$STORM\""),
        (
            "the main shell gone",
            "\"$STORM\" dying & \"$STORM\" chains 5 --while \"$STORM\" & sleep 0.2",
        ),
    ];
    for (kind, string) in kinds {
        for timeout in ["none", "2s"] {
            for (way, adieu) in ways() {
                let adieu = prepared(adieu).env("STORM", &storm);
                let running = adieu.args(["-t", timeout, &format!("{string}; exit 9")]).start();
                running.wait_line("ready");
                let gone = kind == "the main shell gone";
                if !gone {
                    running.signal(SIGTERM);
                }
                let what = format!("{kind}, {timeout}, {way}");
                let finished = ended_with_nothing_left(running, &what, &storm);
                assert!(finished.took < SOON, "{kind}, {timeout}, {way}\n{finished}");
                let code = if kind == "the same below a server" || gone { 9 } else { 143 };
                assert_eq!(finished.code, code, "{kind}, {timeout}, {way}\n{finished}");
                figure(
                    &format!("stop in a storm of forks: {kind}, timeout {timeout}, {way}"),
                    &milliseconds(finished.took),
                );
            }
        }
    }
}

/// Each of these lives for a millisecond, leads a group of its own, and has forked the next one
/// when the signal comes. Only the end of a PID namespace ends them; elsewhere adieu warns that it
/// could not.
/// Promise (Under load): thousands of forks delay no stop and leave no process
fn forks_faster_than_every_look_end_with_the_timeout() {
    let scratch = Scratch::new();
    let storm = named_storm(&scratch);
    for (way, adieu) in ways() {
        let adieu = prepared(adieu).env("STORM", &storm).args(["-t", "1s"]);
        let running =
            adieu.arg("\"$STORM\" chains 20 --while \"$STORM\" --own-groups; exit 9").start();
        running.wait_line("ready");
        running.signal(SIGTERM);
        let took = running.wait_end();
        let left = named(&storm);
        // Where they go on, this test can hardly see them either.
        assert!(
            took < SOON && (left.is_empty() || way == "elsewhere"),
            "{way}: {took:?} {left:#?}"
        );
        // Those that are left end with their program's file.
        fs::rename(&storm, scratch.join("away")).unwrap();
        let finished = running.finish();
        fs::rename(scratch.join("away"), &storm).unwrap();
        assert_eq!(finished.code, 137, "{way}\n{finished}");
        figure(
            &format!("20 processes that outrun every look, timeout 1 s, {way}"),
            &format!("adieu ends after {}", milliseconds(finished.took)),
        );
    }
}

// --- Many processes ------------------------------------------------------------------------------

/// Promise (Under load): each of thousands of handlers runs to its end; thousands without one end
/// at once; none outlasts the timeout
fn thousands_of_handlers_all_run_to_their_end() {
    let number = size(400, 4_000);
    for (way, adieu) in ways() {
        let scratch = Scratch::new();
        let log = scratch.join("log");
        let string = "\"$STORM\" many \"$NUMBER\" --handle --work 500 --log \"$LOG\"; exit $?";
        let adieu = prepared(adieu).env("NUMBER", number.to_string()).env("LOG", &log);
        let running = adieu.arg(string).start();
        running.wait_line("ready");
        let (pid, cpu) = (running.pid(), cpu_time(running.pid()).unwrap());
        running.signal(SIGTERM);
        let mut spent = Duration::ZERO;
        eventually("every handler has ended", || {
            spent = cpu_time(pid).map_or(spent, |time| time - cpu);
            letters(&log, b'D') == number
        });
        let finished = running.expect_exit(9);
        assert_eq!(
            (letters(&log, b'T'), letters(&log, b'D')),
            (number, number),
            "{way}\n{finished}"
        );
        figure(
            &format!("{number} processes with a handler of 500 ms, {way}"),
            &format!(
                "{number} got the signal once and finished, in {}; {} CPU",
                milliseconds(finished.took),
                milliseconds(spent)
            ),
        );
    }
}

/// Promise (Under load): each of thousands of handlers runs to its end; thousands without one end
/// at once; none outlasts the timeout
fn thousands_without_handlers_end_at_once() {
    let number = size(400, 4_000);
    for (way, adieu) in ways() {
        let string = format!("\"$STORM\" many {number}; exit $?");
        let running = prepared(adieu).arg(string).start();
        running.wait_line("ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(143);
        assert!(finished.took < SOON, "{way}\n{finished}");
        figure(
            &format!("{number} processes without a handler, {way}"),
            &milliseconds(finished.took),
        );
    }
}

/// Promise (Under load): each of thousands of handlers runs to its end; thousands without one end
/// at once; none outlasts the timeout
fn the_workers_of_a_hung_master_are_gone_after_the_timeout_however_many() {
    let number = size(300, 3_000);
    let scratch = Scratch::new();
    let storm = named_storm(&scratch);
    for (way, adieu) in ways() {
        // The shell with the trap is the master; its background jobs are its workers.
        let string = format!(
            "trap 'echo trapped' TERM; \"$STORM\" many {number} --handle --work 60000 & \
             while :; do wait; sleep 0.1; done"
        );
        let running = prepared(adieu).env("STORM", &storm).args(["-t", "1s", &string]).start();
        running.wait_line("ready");
        running.signal(SIGTERM);
        let finished = ended_with_nothing_left(running, way, &storm);
        assert_eq!(finished.code, 137, "{way}\n{finished}");
        figure(
            &format!("{number} hung workers below a hung master, timeout 1 s, {way}"),
            &format!("all gone after {}", milliseconds(finished.took)),
        );
    }
}

// --- Orphans -------------------------------------------------------------------------------------

/// Promise (Running): orphans are reaped, as PID 1 and as subreaper; also an orphan of a killed
/// parent that is then killed itself
fn a_flood_of_orphans_is_reaped_and_costs_no_memory() {
    let number = size(3_000_u32, 50_000);
    for (way, adieu) in ways() {
        let string = "\"$STORM\" orphans 200; read go; \"$STORM\" orphans \"$NUMBER\"; \
            exec \"$SERVER\" --work 0s";
        let adieu = prepared(adieu).env("NUMBER", number.to_string()).stdin(Stdio::piped());
        let mut running = adieu.arg(string).start();
        let mut stdin = running.stdin();
        // The first few make adieu read in the pages that it needs only once.
        running.wait_line("orphans over");
        let pid = running.pid();
        let settled = || {
            eventually("no zombie is left", || running.tree().iter().all(|it| it.state != 'Z'));
            at_rest(&running);
            (own_memory(pid), status_field(pid, "VmRSS").unwrap(), cpu_time(pid).unwrap())
        };
        let before = settled();
        let began = Instant::now();
        stdin.write_all(b"go\n").unwrap();
        running.wait_line("server ready");
        let took = began.elapsed();
        let after = settled();
        assert_eq!(running.tree().len(), 1, "{way}: {:#?}", running.tree());
        let grown = after.0.unwrap_or(0).saturating_sub(before.0.unwrap_or(0));
        assert!(grown <= 8, "{way}: {before:?} {after:?}");
        running.signal(SIGTERM);
        running.expect_exit(0).assert_order(["server got TERM", "server done"]);
        figure(
            &format!("{number} orphans, {way}"),
            &format!(
                "no zombie, {:.1} µs CPU each ({} s in all), memory of its own +{grown} KiB, \
                    RSS {} before, {} after",
                (after.2 - before.2).as_secs_f64() * 1e6 / f64::from(number),
                took.as_secs(),
                before.1,
                after.1
            ),
        );
    }
}

// --- Looks ---------------------------------------------------------------------------------------

/// Promise (Under load): no look misses a process, and its cost depends on its own tree only
fn children_of_threads_below_a_leader_that_has_ended_get_the_signal_and_finish() {
    for (way, adieu) in ways() {
        let scratch = Scratch::new();
        let log = scratch.join("log");
        let string = "\"$STORM\" threads 20 --handle --log \"$LOG\"; exit 9";
        let running = prepared(adieu).env("LOG", &log).arg(string).start();
        running.wait_line("ready");
        eventually("the first thread has ended", || {
            running.tree().iter().any(|it| it.name == "storm" && it.state == 'Z')
        });
        running.signal(SIGTERM);
        let finished = running.expect_exit(9);
        assert_eq!((letters(&log, b'T'), letters(&log, b'D')), (20, 20), "{way}\n{finished}");
    }
}

/// A daemon comes to the nearest subreaper when its parent ends. A process that is there before a
/// look begins is in it.
/// Promise (Under load): no look misses a process, and its cost depends on its own tree only
fn no_look_misses_a_daemon_of_a_nested_subreaper() {
    let number = size(300, 3_000);
    let scratch = Scratch::new();
    let log = scratch.join("log");
    let words = ["--", "sh", "-c", "\"$STORM\" subreaper \"$0\" --handle --log \"$1\"; exit 9"];
    let adieu = prepared(Adieu::new().as_child()).args(words).arg(number.to_string()).arg(&log);
    let running = adieu.start();
    let root = running.pid().as_raw();
    let (mut looks, mut missed) = (0, Vec::new());
    loop {
        let known: Vec<i32> = running
            .lines()
            .iter()
            .filter_map(|line| line.text.strip_prefix("daemon ")?.parse().ok())
            .collect();
        let snapshot =
            look_below(&Observer::of(root, false), Number::TERM, Detail::Whole).unwrap().unwrap();
        let seen: HashSet<i32> = snapshot.processes.iter().map(|it| it.id.pid).collect();
        missed.extend(
            known.iter().filter(|pid| !seen.contains(pid)).map(|pid| (looks, known.len(), *pid)),
        );
        looks += 1;
        if known.len() == number {
            break;
        }
    }
    assert!(missed.is_empty(), "{looks} looks missed {missed:?}");
    running.wait_line("ready");
    running.signal(SIGTERM);
    let finished = running.expect_exit(9);
    assert_eq!((letters(&log, b'T'), letters(&log, b'D')), (number, number), "{finished}");
    figure(
        &format!("looks at {number} daemons as they come to a subreaper below adieu"),
        &format!("{looks} looks, none missed; {number} got the signal once and finished"),
    );
}

/// Promise (Under load): no look misses a process, and its cost depends on its own tree only
fn a_look_costs_what_its_own_tree_has_not_what_the_machine_has() {
    let number = size(1_000, 10_000);
    let small =
        prepared(Adieu::new().as_child()).arg("\"$STORM\" many 10 --handle; exit $?").start();
    small.wait_line("ready");
    let root = small.pid().as_raw();
    let look = || {
        let mut times: Vec<Duration> = (0..21)
            .map(|_| {
                let began = Instant::now();
                let own = Observer::of(root, false);
                let snapshot = look_below(&own, Number::TERM, Detail::Whole).unwrap().unwrap();
                assert!(snapshot.processes.len() >= 11, "{snapshot:#?}");
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let alone = look();
    let crowd =
        prepared(Adieu::new().as_child()).program(storm()).args(["many", &number.to_string()]);
    let crowd = crowd.start();
    crowd.wait_line("ready");
    let beside = look();
    crowd.signal(SIGKILL);
    assert!(beside < alone * 10 + Duration::from_millis(20), "{alone:?}, {beside:?}");
    small.signal(SIGTERM);
    small.expect_exit(9);
    drop(crowd);
    figure(
        &format!("a look at 12 processes, elsewhere than as PID 1, beside {number} others"),
        &format!("{} µs; {} µs without them", beside.as_micros(), alone.as_micros()),
    );
}

// --- Daemons, terminals, rest --------------------------------------------------------------------

/// Promise (Under load): what a handler daemonizes gets the signal once, and adieu waits for it
fn what_a_handler_daemonizes_gets_the_signal_once_and_adieu_waits_for_it() {
    for (way, adieu) in ways() {
        let string = "trap '\"$SERVER\" --name late --daemonize --work 300ms; \
            echo trapped; exit 9' TERM; \
            echo ready; while :; do sleep 0.1; done";
        let running = prepared(adieu).arg(string).start();
        running.wait_line("ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(9);
        finished.assert_order(["late ready", "late got TERM", "late done"]);
        finished.assert_order(["late ready", "trapped"]);
        figure(
            &format!("a handler that daemonizes a server with 300 ms of work, {way}"),
            &format!("got the signal once and finished, in {}", milliseconds(finished.took)),
        );
    }
}

/// Promise (Under load): a terminal held with Ctrl-S delays no stop
fn a_terminal_held_with_ctrl_s_delays_no_stop_however_much_is_printed() {
    let number = 60;
    for (way, adieu) in ways() {
        let scratch = Scratch::new();
        let log = scratch.join("log");
        let string = format!("\"$STORM\" many {number} --handle --log \"$LOG\"; exit 9");
        let adieu = prepared(adieu).env("LOG", &log).args(["-v", "-t", "10s", &string]);
        let mut terminal = adieu.start_on_pty();
        terminal.wait_text("ready");
        terminal.type_keys("\x13");
        let began = Instant::now();
        terminal.signal(SIGTERM);
        let code = terminal.exit();
        assert_eq!((code, letters(&log, b'D')), (9, number), "{way}\n{}", terminal.text());
        let took = began.elapsed();
        assert!(took < Duration::from_secs(9), "{way}: {took:?}");
        figure(
            &format!("{number} handlers of 200 ms and `-v` on a terminal held with Ctrl-S, {way}"),
            &format!("{number} done, in {}", milliseconds(took)),
        );
    }
}

/// Promise (Running): at rest adieu never wakes up
fn at_rest_for_ten_seconds_nothing_happens() {
    let seconds = size(3, 10);
    let running: Vec<_> = ways()
        .into_iter()
        .map(|(_, adieu)| prepared(adieu).args(["-t", "10s", "cd / && \"$SERVER\" | cat"]).start())
        .collect();
    let state = |running: &Running| {
        let pid = running.pid();
        (context_switches(pid), own_memory(pid), cpu_time(pid))
    };
    for one in &running {
        one.wait_line("server ready");
        at_rest(one);
    }
    let before: Vec<_> = running.iter().map(state).collect();
    // Not a wait for something: the time in which nothing may happen.
    thread::sleep(Duration::from_secs(seconds));
    let after: Vec<_> = running.iter().map(state).collect();
    assert_eq!(before, after);
    figure(&format!("{seconds} s at rest"), "0 context switches, 0 KiB more");
}

/// They take what the machine has, and measure.
pub(crate) const ALONE: &[Test] = tests![
    a_storm_of_signals_during_a_stop_is_passed_on_and_leaves_nothing,
    a_storm_that_ends_with_a_stop_of_the_job_leaves_no_process_stopped,
    a_storm_of_forks_does_not_keep_a_stop_from_ending,
    forks_faster_than_every_look_end_with_the_timeout,
    thousands_of_handlers_all_run_to_their_end,
    thousands_without_handlers_end_at_once,
    the_workers_of_a_hung_master_are_gone_after_the_timeout_however_many,
    a_flood_of_orphans_is_reaped_and_costs_no_memory,
    children_of_threads_below_a_leader_that_has_ended_get_the_signal_and_finish,
    no_look_misses_a_daemon_of_a_nested_subreaper,
    a_look_costs_what_its_own_tree_has_not_what_the_machine_has,
    what_a_handler_daemonizes_gets_the_signal_once_and_adieu_waits_for_it,
    a_terminal_held_with_ctrl_s_delays_no_stop_however_much_is_printed,
    at_rest_for_ten_seconds_nothing_happens
];
