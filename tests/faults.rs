//! Every system call that adieu makes fails in turn, with every error that its manual page lists: adieu never panics,
//! never spins, never ends early, never leaves the program without its signal, and where it cannot start it says why.
//!
//! Nothing here is picked by hand: strace(1) records which calls adieu makes in each phase of each scenario, and
//! `faults/errnos.txt`, made of the manual pages by `faults/errnos`, says which errors they have. `docs/faults.md` is the
//! table of the outcomes; `ADIEU_TEST_FAULTS=write cargo test --release --test faults` makes it anew from all, `=write-slice`
//! from the slice. `=all` runs all without writing; without the variable the slice runs: each call of each phase of each scenario, with one of its errors.
#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in #[test] functions only")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal::{self, SIGHUP, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;
use support::{Adieu, Running, Scratch, adieu, descendants, pid_namespace, server, tool};

// --- What is done ------------------------------------------------------------------------------------------

/// How adieu is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Below strace.
    Below,
    /// The same, with a terminal on stdin.
    Terminal,
    /// As PID 1; strace comes before the exec.
    Pid1,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    See(&'static str),
    Tell(Signal),
    Type(&'static str),
}
use Step::{See, Tell, Type};

#[derive(Clone, Copy, Debug)]
struct Scenario {
    name: &'static str,
    way: Way,
    /// `SERVER` and `DIR` stand for the server's path and a directory of the run.
    words: &'static [&'static str],
    steps: &'static [Step],
    /// All of stdout.
    out: &'static [&'static str],
    code: i32,
    /// A file that has to be whole or not there at all.
    file: Option<&'static str>,
}

const TOLD: &[&str] = &["server ready", "server told TERM", "server done"];
const SCRIPT: &str = "(sleep 1h &); \"$SERVER\" --work 25ms | cat; echo went on; exit 9";
const TO_THE_END: &[&str] = &["server ready", "server told TERM", "server done", "went on"];
const STOP: &[Step] = &[See("ready"), Tell(SIGTERM)];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "program",
        way: Way::Below,
        words: &["--", "SERVER", "--work", "25ms", "--exit", "9"],
        steps: STOP,
        out: TOLD,
        code: 9,
        file: None,
    },
    Scenario {
        name: "string",
        way: Way::Below,
        words: &[SCRIPT],
        steps: STOP,
        out: TO_THE_END,
        code: 9,
        file: None,
    },
    Scenario {
        name: "pid1",
        way: Way::Pid1,
        words: &[SCRIPT],
        steps: STOP,
        out: TO_THE_END,
        code: 9,
        file: None,
    },
    Scenario {
        name: "unhandled",
        way: Way::Below,
        words: &["echo ready; sleep 1h; echo went on"],
        steps: STOP,
        out: &["ready"],
        code: 143,
        file: None,
    },
    Scenario {
        name: "terminal",
        way: Way::Terminal,
        words: &["--", "SERVER", "--work", "25ms", "--exit", "9"],
        steps: STOP,
        out: TOLD,
        code: 9,
        file: None,
    },
    Scenario {
        name: "timeout",
        way: Way::Below,
        words: &["--timeout", "60ms", "--", "SERVER", "--never"],
        steps: STOP,
        out: &["server ready", "server told TERM"],
        code: 137,
        file: None,
    },
    Scenario {
        name: "forward",
        way: Way::Below,
        words: &["--", "SERVER", "--print", "USR1,HUP", "--work", "25ms", "--exit", "9"],
        steps: &[See("ready"), Tell(SIGUSR1), See("got USR1"), Tell(SIGHUP), See("got HUP"), Tell(SIGTERM)],
        out: &["server ready", "server got USR1", "server got HUP", "server told TERM", "server done"],
        code: 9,
        file: None,
    },
    Scenario {
        name: "leftovers",
        way: Way::Below,
        words: &["\"$SERVER\" --work 25ms & read x; exit 3"],
        steps: &[See("ready"), Type("go\n")],
        out: TOLD,
        code: 3,
        file: None,
    },
    Scenario {
        name: "report",
        way: Way::Below,
        words: &[
            "-v",
            "--report",
            "DIR/report",
            "--termination-log=DIR/log",
            "--",
            "SERVER",
            "--work",
            "25ms",
            "--exit",
            "9",
        ],
        steps: STOP,
        out: TOLD,
        code: 9,
        file: Some("report"),
    },
    Scenario {
        name: "missing",
        way: Way::Below,
        words: &["--", "/no/such/program"],
        steps: &[],
        out: &[],
        code: 127,
        file: None,
    },
    Scenario {
        name: "--explain",
        way: Way::Below,
        words: &["--explain", "1"],
        steps: &[],
        out: &[],
        code: 0,
        file: None,
    },
    Scenario {
        name: "--install",
        way: Way::Below,
        words: &["--install", "DIR/installed"],
        steps: &[],
        out: &[],
        code: 0,
        file: Some("installed"),
    },
];

/// What adieu is at when the call comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The C library before `main`.
    Library,
    /// From the first line to the clone.
    Start,
    /// The child between clone and exec.
    Birth,
    /// Until a signal comes.
    Idle,
    /// From a signal that does not stop to the stop signal.
    Forward,
    /// Until the main process is reaped.
    Stop,
    /// Until the exit.
    End,
    /// The process that writes the report.
    Writer,
    /// `--explain` and `--install`, from the first line to the exit.
    Tool,
}

const PHASES: [(Phase, &str); 9] = [
    (Phase::Library, "C library"),
    (Phase::Start, "start"),
    (Phase::Birth, "child before exec"),
    (Phase::Idle, "idle"),
    (Phase::Forward, "a signal"),
    (Phase::Stop, "stop"),
    (Phase::End, "main gone"),
    (Phase::Writer, "report's process"),
    (Phase::Tool, "explain, install"),
];

/// One call to fail.
#[derive(Clone, Debug)]
struct Fault {
    phase: Phase,
    call: String,
    /// `EIO`; or what else strace is to inject, with its `=`.
    what: String,
    /// Its number among the calls of that name in that process, from 1.
    nth: usize,
    /// Every later one as well.
    always: bool,
    /// It is not adieu's own: strace has to follow.
    follow: bool,
}

impl Fault {
    fn option(&self) -> String {
        let Self { call, what, nth, always, .. } = self;
        let what = match &**what {
            // The kernel answers a refused brk with the old end, not with an error; the C library trusts in that.
            "ENOMEM" if call == "brk" => "retval=0".to_owned(),
            what if what.contains('=') => what.to_owned(),
            what => format!("error={what}"),
        };
        format!("inject={call}:{what}:when={nth}{}", if *always { "+" } else { "" })
    }
}

/// What was seen of one run.
#[derive(Debug)]
struct Facts {
    /// `None`: it did not end.
    code: Option<i32>,
    out: Vec<String>,
    err: Vec<String>,
    /// How many system calls it made.
    calls: usize,
    log: String,
    /// Of the file of the scenario.
    file: Option<Vec<u8>>,
}

/// Starts, drives and watches one run.
fn run(scenario: &Scenario, options: &[String], with_child: bool) -> Facts {
    run_with(scenario, options, with_child, false)
}

fn run_with(scenario: &Scenario, options: &[String], with_child: bool, blocked: bool) -> Facts {
    let scratch = Scratch::new();
    let log = scratch.join("strace");
    let log_name = log.to_str().unwrap();
    let mut trace: Vec<String> =
        ["-qq", "-s", "16", "-e", "signal=none", "-o", log_name].map(Into::into).into();
    if with_child {
        trace.extend(["-f", "-b", "execve"].map(Into::into));
    }
    trace.extend(options.iter().flat_map(|option| ["-e".to_owned(), option.clone()]));
    let directory = scratch.path().to_str().unwrap();
    let server = server();
    let words = scenario.words.iter().map(|word| match *word {
        "SERVER" => server.to_str().unwrap().to_owned(),
        word => word.replace("DIR", directory),
    });
    let command: Vec<String> = [adieu().to_str().unwrap().to_owned()].into_iter().chain(words).collect();
    let start = Adieu::new()
        .as_pid1()
        .env("SERVER", &server)
        .env("ADIEU_TIMEOUT", "2s")
        .deadline(Duration::from_secs(10));
    let mut running = match scenario.way {
        Way::Below => {
            // As PID 1 strace would wait for orphans that come to it where adieu may be no subreaper.
            let init = ["-c", "\"$@\"; exit $?", "init"];
            // Not before: unshare(1) has a mask of its own.
            let blocking: &[&str] = if blocked { &["env", "--block-signal=TERM"] } else { &[] };
            start
                .program("/bin/sh")
                .args(init)
                .args(blocking)
                .arg("strace")
                .args(trace)
                .args(command)
                .stdin(Stdio::piped())
                .start()
        }
        Way::Terminal => {
            let words = ["exec", "strace"].map(String::from).into_iter().chain(trace).chain(command);
            let line = shell_words::join(words.collect::<Vec<_>>());
            start.program("script").args(["-qec", &line, "/dev/null"]).start()
        }
        Way::Pid1 => {
            let launcher = ["-c", "read go; exec \"$@\"", "launcher"];
            let running = start.program("/bin/sh").args(launcher).args(command).stdin(Stdio::piped());
            let mut running = running.start();
            let mut tracer = Command::new("strace")
                .args(["-p", &running.pid().to_string()])
                .args(trace.iter().filter(|word| *word != "-qq"))
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = BufReader::new(tracer.stderr.take().unwrap()).lines();
            assert!(said.any(|line| line.unwrap().contains("attached")), "strace has not attached");
            running.stdin().write_all(b"go\n").unwrap();
            drive(&mut running, scenario.steps);
            let facts = gather(scenario, running, &log, scratch.path());
            tracer.wait().unwrap();
            return Facts { log: fs::read_to_string(&log).unwrap_or_default(), ..facts };
        }
    };
    drive(&mut running, scenario.steps);
    gather(scenario, running, &log, scratch.path())
}

fn drive(running: &mut Running, steps: &[Step]) {
    for step in steps {
        match step {
            See(pattern) => {
                // What is dropped, for want of a /proc, is not to be waited for.
                if !running.saw(&[pattern, " dropped: "]) {
                    return;
                }
            }
            Tell(signal) => {
                let top = running.pid();
                let below = descendants(top);
                let found = below.iter().find(|it| it.name == "adieu").map_or(top, |it| it.pid);
                kill(found, *signal).ok();
            }
            Type(text) => running.stdin().write_all(text.as_bytes()).unwrap(),
        }
    }
}

fn gather(scenario: &Scenario, running: Running, log: &Path, directory: &Path) -> Facts {
    let (code, lines) = if running.ends() {
        let finished = running.finish();
        (Some(finished.code), (finished.out, finished.err))
    } else {
        let of = |origin| running.lines().into_iter().filter(move |l| l.origin == origin).map(|l| l.text);
        (None, (of(support::Origin::Stdout).collect(), of(support::Origin::Stderr).collect()))
    };
    let (mut out, mut err): (Vec<String>, Vec<String>) = lines;
    if scenario.way == Way::Terminal {
        // One terminal for both.
        let all = out.into_iter().map(|line| line.trim_end_matches('\r').to_owned());
        (err, out) = all.partition(|line| line.starts_with("adieu: ") || line.contains("panicked"));
    }
    let log = fs::read_to_string(log).unwrap_or_default();
    let file = scenario.file.and_then(|name| fs::read(directory.join(name)).ok());
    Facts { code, out, err, calls: log.lines().count(), log, file }
}

// --- What was recorded -------------------------------------------------------------------------------------

/// One call of the recording: the phase, its name, its number among those of that name in its process, and whether that is
/// another than adieu's own.
type Call = (Phase, String, usize, bool);

/// Takes a recording to pieces.
fn calls(scenario: &Scenario, log: &str) -> Vec<Call> {
    let mut counts: BTreeMap<(Option<u32>, String), usize> = BTreeMap::new();
    let (mut found, mut phase, mut main): (Vec<Call>, _, _) = (Vec::new(), Phase::Library, None);
    let mut child = String::from("none");
    let tool = scenario.name.starts_with("--");
    // A launcher comes first where strace was attached to one; its calls count, and are none of adieu's.
    let mut launched = scenario.way != Way::Pid1;
    for line in log.lines() {
        let (pid, text) = match line.split_once(' ') {
            Some((pid, text)) if pid.parse::<u32>().is_ok() => (pid.parse().ok(), text.trim_start()),
            _ => (None, line),
        };
        main = main.or(Some(pid));
        if text.contains("clone resumed>") && phase <= Phase::Idle {
            child = text.rsplit(' ').next().unwrap_or_default().to_owned();
        }
        let Some((name, rest)) = text.split_once('(') else { continue };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            continue;
        }
        let count = counts.entry((pid, name.to_owned())).or_default();
        *count += 1;
        if !launched {
            launched = name == "execve";
            continue;
        }
        let is_main = main == Some(pid);
        if is_main && phase == Phase::Library && name == "rt_sigprocmask" {
            phase = if tool { Phase::Tool } else { Phase::Start };
        }
        // strace fails no exit, and its own child's exec is not adieu's.
        if name != "exit_group" && name != "exit" && !(name == "execve" && is_main) {
            let of = match phase {
                _ if is_main => phase,
                Phase::Start | Phase::Idle => Phase::Birth,
                _ => Phase::Writer,
            };
            let count = *count;
            // strace counts for each process by itself: this would hit the start of the main one, too.
            let hits_start = of == Phase::Writer && {
                let starts =
                    |(phase, call, nth, _): &Call| *phase <= Phase::Start && call == name && *nth >= count;
                found.iter().any(starts)
            };
            if !hits_start {
                found.push((of, name.to_owned(), count, !is_main));
            }
        }
        if !is_main {
            continue;
        }
        if name == "clone" && phase == Phase::Start {
            phase = Phase::Idle;
            if let Some((_, pid)) = rest.rsplit_once("= ") {
                child = pid.to_owned();
            }
        } else if name == "read" && rest.contains("\"\\17\\0\\0\\0") && phase < Phase::Stop {
            phase = Phase::Stop;
        } else if name == "read" && phase == Phase::Idle {
            phase = Phase::Forward;
        } else if name == "wait4" && rest.ends_with(&format!("= {child}")) {
            phase = Phase::End;
        }
    }
    found
}

/// What a seccomp profile or an exhausted machine may answer to any call.
const EVERYWHERE: [&str; 4] = ["EINTR", "ENOMEM", "EPERM", "ENOSYS"];

fn errnos(call: &str) -> BTreeSet<String> {
    if call == "brk" {
        return BTreeSet::from(["ENOMEM".to_owned()]);
    }
    let table = include_str!("faults/errnos.txt");
    let line = table.lines().find_map(|line| line.strip_prefix(call)?.strip_prefix(' ')).unwrap_or_default();
    line.split(' ').filter(|e| !e.is_empty()).chain(EVERYWHERE).map(ToOwned::to_owned).collect()
}

/// Everything that can fail in a recording. Each error at the first call of its name in each phase, once and from then
/// on; and each later call once, with its errors in turn.
fn faults(calls: &[Call], whole: bool) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (turn, (phase, call, nth, follow)) in calls.iter().enumerate() {
        // std asks so before it closes a descriptor, only where it is built for debugging, and aborts on an error.
        if cfg!(debug_assertions) && call == "fcntl" {
            continue;
        }
        let first = seen.insert((*phase, call.clone()));
        let errnos: Vec<String> = errnos(call).into_iter().collect();
        let mut push = |what: &String, always| {
            all.push(Fault {
                phase: *phase,
                call: call.clone(),
                what: what.clone(),
                nth: *nth,
                always,
                follow: *follow,
            });
        };
        let one = errnos.iter().cycle().nth(turn).unwrap();
        match (first, whole) {
            (true, true) => errnos.iter().for_each(|e| [false, true].into_iter().for_each(|a| push(e, a))),
            (true, false) => push(one, turn % 2 == 0),
            (false, true) => push(one, false),
            (false, false) => {}
        }
    }
    all
}

// --- What is right -----------------------------------------------------------------------------------------

/// A few thousand calls are a busy second; adieu needs some hundreds for all of a scenario.
const MOST_CALLS: usize = 5_000;

/// The words of a line, without the numbers that differ from run to run.
fn shape(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit() && !"., µm".contains(*c)).collect()
}

/// The rules. `Ok` with the words of the table, `Err` where a promise is broken.
fn judge(scenario: &Scenario, fault: &Fault, facts: &Facts, usual: &Facts) -> Result<&'static str, String> {
    let broken = |what: &str| {
        let (out, err) = (&facts.out, &facts.err);
        Err(format!("{what}; status {:?}, {} calls, stdout {out:?}, stderr {err:?}", facts.code, facts.calls))
    };
    if facts.err.iter().any(|line| line.contains("panicked")) {
        return broken("panics");
    }
    // std tries an interrupted call of a file again without end. There is no program yet whose signal it could miss.
    if facts.code.is_none() && fault.what == "EINTR" && fault.always && fault.phase == Phase::Tool {
        return Ok("tries again");
    }
    let Some(code) = facts.code else {
        return broken(if facts.calls > MOST_CALLS { "spins" } else { "does not end" });
    };
    if facts.calls > MOST_CALLS {
        return broken("is busy");
    }
    if let (Some(found), Some(whole)) = (&facts.file, &usual.file)
        && scenario.name == "--install"
        && found != whole
    {
        return broken("leaves half a file");
    }
    if let Some(found) = facts.file.as_ref().filter(|_| scenario.name == "report")
        && serde_json::from_slice::<serde_json::Value>(found).is_err()
    {
        return broken("leaves half a report");
    }
    let words: Vec<&String> = facts.err.iter().filter(|line| line.starts_with("adieu: ")).collect();
    let known: BTreeSet<String> = usual.err.iter().map(|line| shape(line)).collect();
    let warned = words.iter().any(|line| !known.contains(&shape(line)));
    let unheard = |line: &&String| !line.contains(" got ");
    let dropped = words.iter().any(|line| line.contains(" dropped: "));
    if dropped && code == scenario.code && facts.out.iter().eq(usual.out.iter().filter(unheard)) {
        return Ok("drops the signal, warns");
    }
    let subreaper = words.iter().any(|line| line.contains("orphans will not come to adieu"));
    if subreaper && fault.call == "prctl" && code == scenario.code {
        return Ok("goes on, warns");
    }
    if facts.out == usual.out && code == scenario.code {
        if usual.file.is_some() && facts.file.is_none() && !warned {
            return broken("a file is missing and nothing says so");
        }
        return Ok(if warned { "goes on, warns" } else { "goes on" });
    }
    // The documented way without /proc: the group is told, all that handles the signal finishes, and no timeout is
    // waited for. Where the reader of a pipe is in the group, the last lines are lost.
    let all = || facts.out.iter().chain(&facts.err);
    let blind = words.iter().any(|line| line.contains("/proc cannot be read"));
    let done = !scenario.out.contains(&"server done") || all().any(|line| line.ends_with("server done"));
    let once = all().filter(|line| line.contains("told TERM")).count() <= 1;
    if blind && done && once && [scenario.code, 143].contains(&code) {
        return Ok("tells the group, warns");
    }
    let started = facts.out.iter().any(|line| scenario.out.first().is_some_and(|first| first == line));
    if started {
        return broken("ends early, or tells nobody, or twice");
    }
    match code {
        125..=127 if !words.is_empty() => Ok(match code {
            125 => "125, says why",
            126 => "126, says why",
            _ => "127, says why",
        }),
        125..=127 if fault.phase != Phase::Library && fault.call.starts_with("write") => {
            Ok("125, cannot say why")
        }
        _ if fault.phase == Phase::Library && code != 0 => Ok("ends before `main`"),
        _ => broken("does not start and does not say why"),
    }
}

// --- The runs ----------------------------------------------------------------------------------------------

fn can_trace() -> bool {
    tool("strace").is_some() && tool("script").is_some() && pid_namespace()
}

/// Runs jobs two at a time.
fn in_pairs<T: Sync, R: Send>(jobs: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((at, one)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, jobs.get(at)?)))
                {
                    let result = job(one);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Everything as it is without a fault.
fn record(scenario: &Scenario) -> (Facts, Vec<Call>) {
    let facts = run(scenario, &[], scenario.way != Way::Pid1);
    assert_eq!(facts.code, Some(scenario.code), "{}: {facts:#?}", scenario.name);
    if !scenario.name.starts_with("--") {
        assert_eq!(facts.out, scenario.out, "{}: {facts:#?}", scenario.name);
    }
    let calls = calls(scenario, &facts.log);
    (facts, calls)
}

#[test]
fn no_failing_call_makes_adieu_panic_spin_end_early_or_forget_the_signal() {
    if !can_trace() {
        return;
    }
    let mode = std::env::var("ADIEU_TEST_FAULTS").unwrap_or_default();
    let only = std::env::var("ADIEU_TEST_FAULTS_OF").unwrap_or_default();
    let mut jobs = Vec::new();
    let scenarios = SCENARIOS.iter().filter(|scenario| only.is_empty() || only == scenario.name);
    let recorded: Vec<_> = scenarios.map(|scenario| (scenario, record(scenario))).collect();
    for (scenario, (usual, calls)) in &recorded {
        let faults = faults(calls, matches!(&*mode, "all" | "write"));
        jobs.extend(faults.into_iter().map(|fault| (*scenario, usual, fault)));
    }
    assert!(jobs.len() > 100 || !only.is_empty(), "only {} faults", jobs.len());
    let results = in_pairs(&jobs, |(scenario, usual, fault)| {
        let facts = run(scenario, &[fault.option()], fault.follow);
        judge(scenario, fault, &facts, usual)
    });
    let mut broken = String::new();
    let mut table: Table = BTreeMap::new();
    for ((scenario, _, fault), result) in jobs.iter().zip(results) {
        let word = match &result {
            Ok(word) => word,
            Err(why) => {
                writeln!(broken, "{} ({:?}): -e {}: {why}", scenario.name, fault.phase, fault.option())
                    .unwrap();
                "BROKEN"
            }
        };
        let row = table.entry((fault.call.clone(), fault.what.clone())).or_default();
        row.entry(fault.phase).or_default().insert((fault.always, word.to_owned()));
    }
    eprintln!("{} faults", jobs.len());
    if mode.starts_with("write") && only.is_empty() {
        write_table(&table, jobs.len());
    }
    assert!(broken.is_empty(), "{broken}");
}

/// A TERM at every call of the start: blocked in all from the beginning, so that whoever gets it keeps it, and the program
/// has to be told exactly once, whether the signal came to adieu or, before the exec, to the child. And one at every call
/// of a stop, as a repeat.
#[test]
fn a_term_at_any_call_of_the_start_and_of_the_stop_is_neither_lost_nor_doubled() {
    if !can_trace() {
        return;
    }
    let mut jobs = Vec::new();
    for scenario in SCENARIOS.iter().filter(|it| ["program", "string", "terminal"].contains(&it.name)) {
        let (_, calls) = record(scenario);
        for (phase, call, nth, follow) in calls.clone() {
            // Before the exec of the program adieu alone can have it; later it is the repeat of a stop.
            let starts = phase <= Phase::Birth || phase == Phase::Idle && call != "ppoll" && call != "read";
            // strace counts for each process by itself: both would get one.
            if follow && calls.iter().any(|it| !it.3 && it.1 == call && it.2 == nth) {
                continue;
            }
            let fault = Fault { phase, call, what: "signal=TERM".to_owned(), nth, always: false, follow };
            if starts && scenario.name == "program" {
                let words = &["--", "SERVER", "--by", "signalfd", "--work", "25ms", "--exit", "9"];
                jobs.push((Scenario { words, steps: &[], ..*scenario }, fault));
            } else if phase > Phase::Idle {
                jobs.push((*scenario, fault));
            }
        }
    }
    assert!(jobs.len() > 100, "only {} positions", jobs.len());
    let results = in_pairs(&jobs, |(scenario, fault)| {
        let facts = run_with(scenario, &[fault.option()], fault.follow, scenario.steps.is_empty());
        let right = facts.code == Some(scenario.code) && facts.out == scenario.out;
        (!right).then(|| format!("{} ({:?}): -e {}: {facts:#?}", scenario.name, fault.phase, fault.option()))
    });
    eprintln!("{} positions", jobs.len());
    let broken: Vec<String> = results.into_iter().flatten().collect();
    assert!(broken.is_empty(), "{} broken\n{}", broken.len(), broken.join("\n"));
}

/// No memory at all: at the start adieu says so, later it goes on with what it has set aside.
#[test]
fn without_memory_a_start_says_so_and_a_stop_goes_on() {
    if !can_trace() {
        return;
    }
    for scenario in
        SCENARIOS.iter().filter(|it| it.way == Way::Below && it.file.is_none() && !it.steps.is_empty())
    {
        let (_, calls) = record(scenario);
        let refused = |before: Phase| -> Vec<String> {
            let first =
                |name: &str| 1 + calls.iter().filter(|it| !it.3 && it.1 == name && it.0 < before).count();
            let (brk, mmap) = (first("brk"), first("mmap"));
            vec![format!("inject=brk:retval=0:when={brk}+"), format!("inject=mmap:error=ENOMEM:when={mmap}+")]
        };
        let facts = run(scenario, &refused(Phase::Start), false);
        assert_eq!(facts.code, Some(scenario.code), "{}: {facts:#?}", scenario.name);
        assert_eq!(facts.out, scenario.out, "{}: {facts:#?}", scenario.name);
    }
    // The last brk and the last mmap before the first line of adieu are those of what it sets aside.
    let scenario = SCENARIOS.first().unwrap();
    let (_, calls) = record(scenario);
    let last = calls.iter().rfind(|it| it.0 == Phase::Library && it.1 == "brk").unwrap().2;
    let refused =
        [format!("inject=brk:retval=0:when={last}+"), "inject=mmap:error=ENOMEM:when=1+".to_owned()];
    let facts = run(scenario, &refused, false);
    assert_eq!(facts.code, Some(125), "{facts:#?}");
    assert!(facts.err.iter().any(|line| line.contains("no memory")), "{facts:#?}");
}

/// A pause before each call widens every gap in which something else may happen: the stop comes while the child is not
/// yet in its group, a server ends while it is looked at, between its pidfd and its signal, and so on.
#[test]
fn a_pause_before_any_call_changes_nothing() {
    if !can_trace() {
        return;
    }
    let mut jobs = Vec::new();
    for name in ["program", "string", "unhandled", "leftovers"] {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        let mut seen = BTreeSet::new();
        for (phase, call, nth, follow) in record(scenario).1 {
            if phase > Phase::Library && seen.insert((phase, call.clone())) {
                let what = "delay_enter=30ms".to_owned();
                jobs.push((*scenario, Fault { phase, call, what, nth, always: false, follow }));
            }
        }
    }
    let results = in_pairs(&jobs, |(scenario, fault)| {
        let facts = run(scenario, &[fault.option()], fault.follow);
        let right = facts.code == Some(scenario.code) && facts.out == scenario.out;
        (!right).then(|| format!("{} ({:?}): -e {}: {facts:#?}", scenario.name, fault.phase, fault.option()))
    });
    eprintln!("{} pauses", jobs.len());
    let broken: Vec<String> = results.into_iter().flatten().collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Per call and error, and per phase: the outcomes, of a single failure and of all from then on.
type Table = BTreeMap<(String, String), BTreeMap<Phase, BTreeSet<(bool, String)>>>;

/// What stands before the table in `docs/faults.md`.
const MARK: &str = "<!-- From here on made by tests/faults.rs. -->\n";

fn write_table(table: &Table, runs: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let mut text = fs::read_to_string(&path).unwrap();
    text.truncate(text.find(MARK).unwrap() + MARK.len());
    write!(text, "\n{runs} faults.\n\n| call | errors |").unwrap();
    PHASES.iter().for_each(|(_, name)| write!(text, " {name} |").unwrap());
    write!(text, "\n|{}\n", " --- |".repeat(PHASES.len() + 2)).unwrap();
    // Errors with the same outcomes share a row.
    let mut rows: BTreeMap<(&String, Vec<String>), Vec<&String>> = BTreeMap::new();
    for ((call, errno), phases) in table {
        let cells = PHASES.iter().map(|(phase, _)| phases.get(phase).map_or("n/a".to_owned(), cell));
        rows.entry((call, cells.collect())).or_default().push(errno);
    }
    for ((call, cells), errnos) in rows {
        let errnos: Vec<&str> = errnos.into_iter().map(String::as_str).collect();
        writeln!(text, "| `{call}` | {} | {} |", errnos.join(" "), cells.join(" | ")).unwrap();
    }
    fs::write(path, text).unwrap();
}

fn cell(outcomes: &BTreeSet<(bool, String)>) -> String {
    let of = |always: bool| {
        let words: Vec<&str> =
            outcomes.iter().filter(|(when, _)| *when == always).map(|(_, word)| word.as_str()).collect();
        words.join(" or ")
    };
    match (of(false), of(true)) {
        (once, always) if always.is_empty() || once == always => once,
        (once, always) if once.is_empty() => always,
        (once, always) => format!("once: {once}; always: {always}"),
    }
}
