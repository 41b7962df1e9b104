//! Every system call that adieu makes fails in turn, with every error that its manual page lists:
//! adieu never panics, never runs in a busy loop, never ends early, never leaves the program
//! without its signal, and where it cannot start it says why.
//!
//! Nothing here is picked by hand: strace(1) records which calls adieu makes in each stage of each
//! scenario, and `faults/errnos.txt`, made of the manual pages by `faults/errnos`, says which
//! errors they have. `docs/faults.md` is the table of the outcomes and has the commands. Without
//! them the slice runs: each call of each stage of each scenario, with one of its errors.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what fails in a test or in its helpers fails the test"
)]

#[allow(dead_code, unused_imports, reason = "a part of it is used here")]
#[path = "it/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{self, SIGCONT, SIGHUP, SIGTERM, SIGUSR1};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use support::runner::{Test, Tests, tests};
use support::{
    Adieu, Running, Scratch, adieu, children, eventually, pid_namespace, process, server,
    status_field, tool,
};

// --- What is done --------------------------------------------------------------------------------

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
    SendSignal(Signal),
    Type(&'static str),
}
use Step::{See, SendSignal, Type};

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

const FINISHED: &[&str] = &["server ready", "server got TERM", "server done"];
const SCRIPT: &str = "(sleep 1h &); \"$SERVER\" --work 25ms | cat; echo went on; exit 9";
const TO_THE_END: &[&str] = &["server ready", "server got TERM", "server done", "went on"];
const STOP: &[Step] = &[See("ready"), SendSignal(SIGTERM)];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "program",
        way: Way::Below,
        words: &["--", "SERVER", "--work", "25ms", "--exit", "9"],
        steps: STOP,
        out: FINISHED,
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
        out: FINISHED,
        code: 9,
        file: None,
    },
    Scenario {
        name: "timeout",
        way: Way::Below,
        words: &["--timeout", "300ms", "--", "SERVER", "--never"],
        steps: STOP,
        out: &["server ready", "server got TERM"],
        code: 137,
        file: None,
    },
    Scenario {
        name: "forward",
        way: Way::Below,
        words: &["--", "SERVER", "--print", "USR1,HUP", "--work", "25ms", "--exit", "9"],
        steps: &[
            See("ready"),
            SendSignal(SIGUSR1),
            See("saw USR1"),
            SendSignal(SIGHUP),
            See("saw HUP"),
            SendSignal(SIGTERM),
        ],
        out: &[
            "server ready",
            "server saw USR1",
            "server saw HUP",
            "server got TERM",
            "server done",
        ],
        code: 9,
        file: None,
    },
    Scenario {
        name: "leftovers",
        way: Way::Below,
        words: &["\"$SERVER\" --work 25ms & read x; exit 3"],
        steps: &[See("ready"), Type("go\n")],
        out: FINISHED,
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
        out: FINISHED,
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

/// The stage of a run in which a call comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The C library before `main`.
    Library,
    /// From the first line to the clone.
    Start,
    /// The child between clone and exec.
    Spawned,
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

const STAGES: [(Stage, &str); 9] = [
    (Stage::Library, "C library"),
    (Stage::Start, "start"),
    (Stage::Spawned, "child before exec"),
    (Stage::Idle, "idle"),
    (Stage::Forward, "a signal"),
    (Stage::Stop, "stop"),
    (Stage::End, "main gone"),
    (Stage::Writer, "report's process"),
    (Stage::Tool, "explain, install"),
];

/// One call to fail.
#[derive(Clone, Debug)]
struct Fault {
    stage: Stage,
    call: String,
    /// `EIO`; or what else strace is to inject, with its `=`.
    what: String,
    /// Its number among the calls of that name in that process, from 1.
    nth: usize,
    /// Every later one as well.
    always: bool,
    tracing: Tracing,
    /// Of a brk: where the heap ended before.
    old_end: Option<String>,
    /// Its number among those of its name in its stage, from 1.
    place: usize,
}

/// Which calls strace sees.
#[derive(Clone, Debug)]
enum Tracing {
    /// Those of the main thread.
    Main,
    /// Those of its threads and children as well, up to an exec.
    All,
    /// The same, from a call of the main thread on: that of this name with this number. strace
    /// counts for each thread by itself, so that a fault meant for a later one would hit the start
    /// of the main one, too.
    From(String, usize),
}

impl Fault {
    fn option(&self) -> String {
        let Self { call, what, nth, always, old_end, .. } = self;
        let what = match (&**what, old_end) {
            // The kernel answers a refused brk with the old end, not with an error; the C library
            // trusts in that.
            (_, Some(end)) => format!("retval={end}"),
            (what, None) if what.contains('=') => what.to_owned(),
            (what, None) => format!("error={what}"),
        };
        format!("inject={call}:{what}:when={nth}{}", if *always { "+" } else { "" })
    }
}

impl Fault {
    /// The number that its call had in this run.
    fn seen_as(&self, scenario: &Scenario, log: &str) -> Option<usize> {
        let Tracing::Main = self.tracing else { return Some(self.nth) };
        let calls = calls(scenario, log).into_iter();
        let mut same = calls.filter(|it| it.stage == self.stage && it.name == self.call);
        same.nth(self.place - 1).map(|it| it.nth)
    }

    /// std tries an interrupted call of a file again without end. There is no program yet whose
    /// signal it could miss.
    fn may_go_on(&self) -> bool {
        self.what == "EINTR" && self.always && self.stage == Stage::Tool
    }
}

/// What was seen of one run.
#[derive(Debug, Default)]
struct Facts {
    /// `None`: it did not end.
    code: Option<i32>,
    out: Vec<String>,
    err: Vec<String>,
    /// How many system calls it made.
    calls: usize,
    log: String,
    /// The fault happened.
    hit: bool,
    /// Of the file of the scenario.
    file: Option<Vec<u8>>,
}

impl Facts {
    /// `other`: by another thread than the first.
    fn with_log(self, log: String, other: bool) -> Self {
        let main = log.split_once(' ').map_or("", |(pid, _)| pid);
        let hit = log
            .lines()
            .any(|line| line.ends_with("(INJECTED)") && !(other && line.starts_with(main)));
        Self { calls: log.lines().count(), hit, log, ..self }
    }
}

/// The options of every strace here.
fn strace_words(log: &Path, options: &[String], follow: bool) -> Vec<String> {
    let mut words: Vec<String> = ["-s", "16", "-o", log.to_str().unwrap()].map(Into::into).into();
    if follow {
        words.extend(["-f", "-b", "execve"].map(Into::into));
    }
    words.extend(options.iter().flat_map(|option| ["-e".to_owned(), option.clone()]));
    words
}

/// Attaches strace to a process, and returns when that is done.
fn attach(pid: Pid, log: &Path, options: &[String], follow: bool) -> Child {
    let mut tracer = Command::new("strace")
        .args(["-p", &pid.to_string()])
        .args(strace_words(log, options, follow))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(tracer.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("attached") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "strace has not attached");
    }
    // Closed, it would end strace at the next thread that it attaches to.
    tracer.stderr = Some(said.into_inner());
    tracer
}

/// Waits until adieu, started below this process, was stopped by its strace, and puts another
/// strace in the place of that. `None`: it ended without.
fn take_over(top: Pid, first: &Path, log: &Path, options: &[String]) -> Option<Child> {
    let has = |what: &str| fs::read_to_string(first).is_ok_and(|log| log.contains(what));
    let ended = || has("+++ ") || process(top).is_none_or(|it| it.state == 'Z');
    eventually("adieu has stopped or ended", || has("--- stopped by SIGSTOP ---") || ended());
    let pid = adieu_below(top)?;
    let tracer = || {
        let pid = status_field(pid, "TracerPid")?.parse().ok();
        pid.filter(|pid| *pid > 0).map(Pid::from_raw)
    };
    kill(tracer()?, SIGTERM).ok();
    eventually("the first strace has gone", || tracer().is_none());
    let next = attach(pid, log, options, true);
    kill(pid, SIGCONT).ok();
    Some(next)
}

/// For a run that ends.
const GENEROUS: Duration = Duration::from_secs(30);

/// Starts, drives and watches one run.
fn run(scenario: &Scenario, options: &[String], tracing: &Tracing) -> Facts {
    run_with(scenario, options, tracing, false, GENEROUS)
}

fn run_with(
    scenario: &Scenario,
    options: &[String],
    tracing: &Tracing,
    blocked: bool,
    deadline: Duration,
) -> Facts {
    let scratch = Scratch::new();
    let log = scratch.join("strace");
    let quiet = ["-qq".to_owned(), "-e".to_owned(), "signal=none".to_owned()];
    let trace: Vec<String> = match tracing {
        Tracing::From(call, nth) => {
            // As its grandchild, strace is no child that a process here would wait for.
            let stop = [format!("trace={call}"), format!("inject={call}:signal=STOP:when={nth}")];
            ["-D".to_owned(), "-I2".to_owned(), "-q".to_owned()]
                .into_iter()
                .chain(strace_words(&scratch.join("first"), &stop, false))
                .collect()
        }
        _ => quiet
            .into_iter()
            .chain(strace_words(&log, options, matches!(tracing, Tracing::All)))
            .collect(),
    };
    let directory = scratch.path().to_str().unwrap();
    let server = server();
    let words = scenario.words.iter().map(|word| match *word {
        "SERVER" => server.to_str().unwrap().to_owned(),
        word => word.replace("DIR", directory),
    });
    let command: Vec<String> =
        [adieu().to_str().unwrap().to_owned()].into_iter().chain(words).collect();
    let start =
        Adieu::new().as_pid1().env("SERVER", &server).env("ADIEU_TIMEOUT", "2s").deadline(deadline);
    // The heap of each run at the same place, for the end of it in a refused brk.
    let start = start.program("setarch").arg("-R");
    // As PID 1 strace would wait for orphans that come to it where adieu may be no subreaper, and
    // script(1) be busy with them. And that stops with its child.
    let init = ["sh", "-c", "\"$@\"; exit $?", "init"];
    let mut running = match scenario.way {
        Way::Below => {
            // Not before: unshare(1) has a mask of its own.
            let blocking: &[&str] = if blocked { &["env", "--block-signal=TERM"] } else { &[] };
            start
                .args(init)
                .args(blocking)
                .arg("strace")
                .args(trace)
                .args(command)
                .stdin(Stdio::piped())
                .start()
        }
        Way::Terminal => {
            let words = init
                .map(String::from)
                .into_iter()
                .chain(["strace".to_owned()])
                .chain(trace)
                .chain(command);
            let line = format!("exec {}", shell_words::join(words.collect::<Vec<_>>()));
            start.args(init).args(["script", "-qec", &line, "/dev/null"]).start()
        }
        Way::Pid1 => {
            let launcher = ["sh", "-c", "read go; exec \"$@\"", "launcher"];
            start.args(launcher).args(command).stdin(Stdio::piped()).start()
        }
    };
    let tracer = match tracing {
        _ if scenario.way == Way::Pid1 => {
            let quiet = ["signal=none".to_owned()];
            let options: Vec<String> = quiet.into_iter().chain(options.iter().cloned()).collect();
            let tracer = attach(running.pid(), &log, &options, false);
            running.stdin().write_all(b"go\n").unwrap();
            drive(&mut running, scenario.steps);
            Some(tracer)
        }
        Tracing::From(..) => std::thread::scope(|scope| {
            let (top, first, log) = (running.pid(), scratch.join("first"), &log);
            let tracer = scope.spawn(move || take_over(top, &first, log, options));
            drive(&mut running, scenario.steps);
            tracer.join().unwrap()
        }),
        _ => {
            drive(&mut running, scenario.steps);
            None
        }
    };
    let facts = gather(scenario, running, scratch.path());
    if let Some(mut tracer) = tracer {
        tracer.wait().unwrap();
    }
    facts.with_log(
        fs::read_to_string(&log).unwrap_or_default(),
        matches!(tracing, Tracing::From(..)),
    )
}

/// The uppermost adieu below a process.
fn adieu_below(top: Pid) -> Option<Pid> {
    let mut parents = VecDeque::from([top]);
    while let Some(parent) = parents.pop_front() {
        for child in children(parent) {
            if child.name == "adieu" {
                return Some(child.pid);
            }
            parents.push_back(child.pid);
        }
    }
    None
}

fn drive(running: &mut Running, steps: &[Step]) {
    for step in steps {
        match step {
            See(pattern) => {
                // Without a /proc adieu drops the signal: nothing will come.
                if !running.saw(&[pattern, " dropped: "]) {
                    return;
                }
            }
            SendSignal(signal) => {
                let top = running.pid();
                kill(adieu_below(top).unwrap_or(top), *signal).ok();
            }
            Type(text) => running.stdin().write_all(text.as_bytes()).unwrap(),
        }
    }
}

fn gather(scenario: &Scenario, running: Running, directory: &Path) -> Facts {
    let (code, lines) = if running.ends() {
        let finished = running.finish();
        (Some(finished.code), (finished.out, finished.err))
    } else {
        let of = |origin| {
            running.lines().into_iter().filter(move |l| l.origin == origin).map(|l| l.text)
        };
        (None, (of(support::Origin::Stdout).collect(), of(support::Origin::Stderr).collect()))
    };
    let (mut out, mut err): (Vec<String>, Vec<String>) = lines;
    if scenario.way == Way::Terminal {
        // One terminal for both.
        let all = out.into_iter().map(|line| line.trim_end_matches('\r').to_owned());
        (err, out) = all.partition(|line| line.starts_with("adieu: ") || line.contains("panicked"));
    }
    if scenario.name == "--explain" {
        // A shell blocks all signals for a moment around fork.
        out.iter_mut()
            .filter(|line| line.contains(" sh "))
            .for_each(|line| *line = line.replace("signalfd", "default "));
        out.iter_mut().for_each(|line| line.truncate(line.trim_end().len()));
    }
    let file = scenario.file.and_then(|name| fs::read(directory.join(name)).ok());
    Facts { code, out, err, file, ..Facts::default() }
}

// --- What was recorded ---------------------------------------------------------------------------

/// One call of the recording.
#[derive(Clone, Debug)]
struct Call {
    stage: Stage,
    name: String,
    /// Its number among those of that name in its thread.
    nth: usize,
    /// Not the main thread's: the last call of that before it started this one.
    from: Option<(String, usize)>,
    /// Of a brk: where the heap ended before.
    old_end: Option<String>,
}

impl Call {
    fn is_main(&self) -> bool {
        self.from.is_none()
    }
}

/// The calls of a recording.
fn calls(scenario: &Scenario, log: &str) -> Vec<Call> {
    let mut counts: BTreeMap<(Option<u32>, String), usize> = BTreeMap::new();
    let (mut found, mut stage, mut main): (Vec<Call>, _, _) = (Vec::new(), Stage::Library, None);
    let (mut child, mut heap_end) = (String::from("none"), None);
    // The last call of the main thread, and the one before it last started another.
    let (mut last, mut from) = ((String::new(), 0), (String::new(), 0));
    let tool = scenario.name.starts_with("--");
    // A launcher comes first where strace was attached to one; its calls count, and are none of
    // adieu's.
    let mut launched = scenario.way != Way::Pid1;
    for line in log.lines() {
        let (pid, text) = match line.split_once(' ') {
            Some((pid, text)) if pid.parse::<u32>().is_ok() => {
                (pid.parse().ok(), text.trim_start())
            }
            _ => (None, line),
        };
        main = main.or(Some(pid));
        let is_main = main == Some(pid);
        if is_main && stage <= Stage::Idle && text.contains("clone resumed>") {
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
        if is_main && stage == Stage::Library && name == "rt_sigprocmask" {
            stage = if tool { Stage::Tool } else { Stage::Start };
        }
        let starts = ["clone", "clone3", "fork", "vfork"].contains(&name);
        if is_main && starts {
            from.clone_from(&last);
        }
        // strace fails no exit, and its own child's exec is not adieu's.
        if name != "exit_group" && name != "exit" && !(name == "execve" && is_main) {
            let of = match stage {
                _ if is_main => stage,
                Stage::Start | Stage::Idle => Stage::Spawned,
                _ => Stage::Writer,
            };
            let from = (!is_main).then(|| from.clone());
            let old_end = heap_end.clone().filter(|_| name == "brk");
            // A brk of nothing only asks for the end.
            if name != "brk" || !rest.starts_with("NULL") {
                found.push(Call { stage: of, name: name.to_owned(), nth: *count, from, old_end });
            }
        }
        if name == "brk" {
            heap_end = rest.rsplit_once("= ").map(|(_, end)| end.to_owned());
        }
        if !is_main {
            continue;
        }
        last = (name.to_owned(), *count);
        if starts && stage == Stage::Start {
            stage = Stage::Idle;
            if let Some((_, pid)) = rest.rsplit_once("= ") {
                child = pid.to_owned();
            }
        } else if name == "read" && rest.contains("\"\\17\\0\\0\\0") && stage < Stage::Stop {
            stage = Stage::Stop;
        } else if name == "read" && stage == Stage::Idle {
            stage = Stage::Forward;
        } else if name == "wait4" && rest.ends_with(&format!("= {child}")) {
            stage = Stage::End;
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
    let line = table
        .lines()
        .find_map(|line| line.strip_prefix(call)?.strip_prefix(' '))
        .unwrap_or_default();
    line.split(' ').filter(|e| !e.is_empty()).chain(EVERYWHERE).map(ToOwned::to_owned).collect()
}

/// Everything that can fail in a recording. Each error at the first call of its name in each stage,
/// once and from then on; and each later call once, with its errors in turn.
fn faults(scenario: &Scenario, calls: &[Call], whole: bool) -> Vec<Fault> {
    let mut seen = BTreeMap::new();
    let mut all = Vec::new();
    for (turn, Call { stage, name: call, nth, from, old_end }) in calls.iter().enumerate() {
        // The same as elsewhere; but the kernel does not end a PID 1 that is traced by a signal of
        // its own making.
        if *stage == Stage::Library && scenario.way == Way::Pid1 {
            continue;
        }
        // std asks so before it closes a descriptor, only where it is built for debugging, and
        // aborts on an error.
        if cfg!(debug_assertions) && call == "fcntl" {
            continue;
        }
        let place = seen.entry((*stage, call.clone())).or_insert(0);
        *place += 1;
        let (place, first) = (*place, *place == 1);
        let errnos: Vec<String> = errnos(call).into_iter().collect();
        let mut push = |what: &String, always| {
            all.push(Fault {
                stage: *stage,
                call: call.clone(),
                what: what.clone(),
                nth: *nth,
                always,
                tracing: from.clone().map_or(Tracing::Main, |(call, nth)| Tracing::From(call, nth)),
                old_end: old_end.clone(),
                place,
            });
        };
        let one = errnos.iter().cycle().nth(turn).unwrap();
        match (first, whole) {
            (true, true) => {
                errnos.iter().for_each(|e| [false, true].into_iter().for_each(|a| push(e, a)))
            }
            (true, false) => push(one, turn % 2 == 0),
            (false, true) => push(one, false),
            (false, false) => {}
        }
    }
    all
}

// --- The rules -----------------------------------------------------------------------------------

/// The outcome where the call to fail came in none of the tries.
const NOT_REACHED: &str = "not reached";

/// More calls than this are a busy loop; adieu needs some hundreds for a whole scenario.
const MOST_CALLS: usize = 5_000;

/// The words of a line, without the numbers that differ from run to run.
fn shape(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit() && !"., µm".contains(*c)).collect()
}

/// The rules. `Ok` with the words of the table, `Err` where a promise is broken.
fn judge(
    scenario: &Scenario,
    fault: &Fault,
    facts: &Facts,
    usual: &Facts,
) -> Result<&'static str, String> {
    let broken = |what: &str| {
        let (out, err) = (&facts.out, &facts.err);
        Err(format!(
            "{what}; status {:?}, {} calls, stdout {out:?}, stderr {err:?}",
            facts.code, facts.calls
        ))
    };
    if facts.err.iter().any(|line| line.contains("panicked")) {
        return broken("panics");
    }
    if !facts.hit {
        return Ok(NOT_REACHED);
    }
    if facts.code.is_none() && fault.may_go_on() {
        return Ok("tries again");
    }
    let Some(code) = facts.code else {
        return broken(if facts.calls > MOST_CALLS { "spins" } else { "does not end" });
    };
    // The process that writes the report has a limit of its own.
    if fault.what == "EINTR"
        && fault.always
        && fault.stage == Stage::Writer
        && facts.calls > MOST_CALLS
    {
        let given_up = code == scenario.code && facts.out == usual.out;
        return if given_up { Ok("tries again until it is given up") } else { broken("is busy") };
    }
    // A copy in small pieces, of a binary that may be built for debugging.
    let copied = usual.file.as_ref().map_or(0, |file| file.len() / 1024);
    if facts.calls > MOST_CALLS + copied {
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
    let unheard = |line: &&String| !line.contains(" saw ");
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
    // The documented way without /proc: the group gets the signal, all handlers finish,
    // and no timeout is waited for. Where the reader of a pipe is in the group, the last lines are
    // lost.
    let all = || facts.out.iter().chain(&facts.err);
    let blind = words.iter().any(|line| line.contains("/proc cannot be read"));
    let done =
        !scenario.out.contains(&"server done") || all().any(|line| line.ends_with("server done"));
    let once = all().filter(|line| line.contains("got TERM")).count() <= 1;
    if blind && done && once && [scenario.code, 143].contains(&code) {
        return Ok("signals the group, warns");
    }
    let rows = |out: &[String]| -> Vec<String> {
        let rows = out.iter().take_while(|line| !line.is_empty());
        rows.filter(|line| !line.contains(" adieu ")).cloned().collect()
    };
    if fault.call == "getpid"
        && scenario.name == "--explain"
        && rows(&facts.out) == rows(&usual.out)
    {
        return Ok("lists itself, too");
    }
    // No kernel says for ever that a group with members is none. adieu then signals its members one
    // by one, and the shell may go on before it gets the signal.
    let one_by_one = fault.call == "kill" && fault.always && scenario.name == "unhandled";
    if one_by_one && code == 0 && facts.out == ["ready", "went on"] {
        return Ok("signals one by one");
    }
    let started =
        facts.out.iter().any(|line| scenario.out.first().is_some_and(|first| first == line));
    if started {
        return broken("ends early, or a process got no signal, or two");
    }
    match code {
        125..=127 if !words.is_empty() => Ok(match code {
            125 => "125, says why",
            126 => "126, says why",
            _ => "127, says why",
        }),
        125..=127 if fault.stage != Stage::Library && fault.call.starts_with("write") => {
            Ok("125, cannot say why")
        }
        _ if fault.stage == Stage::Library && code != 0 => Ok("ends before `main`"),
        _ => broken("does not start and does not say why"),
    }
}

// --- The runs ------------------------------------------------------------------------------------

/// Ends the test where no call can be made to fail.
fn need_a_tracer() {
    ["strace", "script", "setarch"].iter().for_each(|name| drop(tool(name)));
    pid_namespace();
}

/// To the descriptor itself: what `eprintln!` writes is shown when the test is over.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Runs jobs several at a time: most of a run is waiting.
fn at_once<T: Sync, R: Send>(jobs: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let began = Instant::now();
    let workers = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((at, one)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| Some((at, jobs.get(at)?)))
                {
                    let result = job(one);
                    let mut done = done.lock().unwrap();
                    done.push((at, result));
                    if done.len() % 500 == 0 {
                        say(&format!(
                            "{} of {} after {:.0?}",
                            done.len(),
                            jobs.len(),
                            began.elapsed()
                        ));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// How often a fault is tried whose call does not come, or in another stage.
const TRIES: usize = 10;

/// Everything as it is without a fault, as it is most often: without the calls of a look that only
/// some runs have.
fn record(scenario: &Scenario) -> (Facts, Vec<Call>) {
    const RECORDINGS: usize = 7;
    let mut all: Vec<_> = (0..RECORDINGS).map(|_| record_once(scenario)).collect();
    let places = |calls: &[Call]| {
        let mut counts: BTreeMap<(Stage, String), usize> = BTreeMap::new();
        for call in calls {
            *counts.entry((call.stage, call.name.clone())).or_default() += 1;
        }
        counts
    };
    let counts: Vec<_> = all.iter().map(|(_, calls)| places(calls)).collect();
    let (facts, mut calls) = all.swap_remove(0);
    let mut seen: BTreeMap<(Stage, String), usize> = BTreeMap::new();
    calls.retain(|call| {
        let key = (call.stage, call.name.clone());
        let place = seen.entry(key.clone()).or_default();
        *place += 1;
        counts.iter().filter(|it| it.get(&key).is_some_and(|count| count >= place)).count()
            > RECORDINGS / 2
    });
    (facts, calls)
}

fn record_once(scenario: &Scenario) -> (Facts, Vec<Call>) {
    let facts = run(scenario, &[], &Tracing::All);
    assert_eq!(facts.code, Some(scenario.code), "{}: {facts:#?}", scenario.name);
    if !scenario.name.starts_with("--") {
        assert_eq!(facts.out, scenario.out, "{}: {facts:#?}", scenario.name);
    }
    let calls = calls(scenario, &facts.log);
    (facts, calls)
}

/// Promise (Anywhere): whatever system call fails, with whatever error ([table](faults.md)), there
/// is no panic, no busy loop, no early end, no program without its signal, and a start that fails
/// says why
fn no_failing_call_makes_adieu_panic_spin_end_early_or_forget_the_signal() {
    need_a_tracer();
    let mode = std::env::var("ADIEU_TEST_FAULTS").unwrap_or_default();
    let only = std::env::var("ADIEU_TEST_FAULTS_OF").ok();
    let is_wanted = |scenario: &Scenario, fault: &Fault| {
        let wanted =
            |only: &String| only.split(',').any(|it| it == scenario.name || it == fault.call);
        only.as_ref().is_none_or(wanted)
    };
    let mut jobs = Vec::new();
    let recorded = at_once(SCENARIOS, record);
    for (scenario, (usual, calls)) in SCENARIOS.iter().zip(&recorded) {
        let faults = faults(scenario, calls, matches!(&*mode, "all" | "write")).into_iter();
        let wanted = faults.filter(|fault| is_wanted(scenario, fault));
        jobs.extend(wanted.map(|fault| (scenario, usual, fault)));
    }
    assert!(jobs.len() > 100 || only.is_some(), "only {} faults", jobs.len());
    let name_of = |scenario: &Scenario, fault: &Fault| {
        // Not with its number in the whole run, which may be another the next time.
        let Fault { stage, call, what, place, always, .. } = fault;
        let more = if *always { "+" } else { "" };
        format!("{}\t{stage:?}\t{call}\t{place}{more}\t{what}", scenario.name)
    };
    let notes = std::env::var_os("ADIEU_TEST_FAULTS_DONE");
    let done = notes.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let done: BTreeMap<String, String> = done
        .lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(name, word)| (name.to_owned(), word.to_owned()))
        .collect();
    let notes = notes.map(|path| File::options().append(true).create(true).open(path).unwrap());
    let results = at_once(&jobs, |(scenario, usual, fault)| {
        let deadline = if fault.may_go_on() { Duration::from_secs(5) } else { GENEROUS };
        if let Some(word) = done.get(&name_of(scenario, fault)) {
            return Ok(word.clone());
        }
        let (mut fault, mut facts) = (fault.clone(), Facts::default());
        // How often adieu looks during a stop is a matter of time, and so are the numbers of the
        // calls after that.
        for _ in 0..TRIES {
            facts = run_with(scenario, &[fault.option()], &fault.tracing, false, deadline);
            let seen = fault.seen_as(scenario, &facts.log);
            facts.hit &= seen == Some(fault.nth);
            if facts.hit {
                break;
            }
            // Not as seen in this run: the fault may have come elsewhere and changed it.
            let log = record_once(scenario).0.log;
            fault.nth = fault.seen_as(scenario, &log).unwrap_or(fault.nth);
        }
        let fault = &fault;
        let result = judge(scenario, fault, &facts, usual);
        match &result {
            Ok(word) if *word == NOT_REACHED => {
                say(&format!("{}: {word}", name_of(scenario, fault)))
            }
            Ok(word) => {
                let line = format!("{}\t{word}\n", name_of(scenario, fault));
                if let Some(mut notes) = notes.as_ref() {
                    notes.write_all(line.as_bytes()).unwrap();
                }
            }
            // Not at the end only: it may take a while.
            Err(why) => say(&format!("{}: -e {}: {why}", name_of(scenario, fault), fault.option())),
        }
        result.map(ToOwned::to_owned)
    });
    let missed = results.iter().filter(|result| result.as_deref() == Ok(NOT_REACHED)).count();
    let mut broken = String::new();
    let mut table: Table = BTreeMap::new();
    for ((scenario, _, fault), result) in jobs.iter().zip(results) {
        let word = match &result {
            Ok(word) => word,
            Err(why) => {
                writeln!(broken, "{}: {why}", name_of(scenario, fault)).unwrap();
                "BROKEN"
            }
        };
        let of_call = table.entry((fault.call.clone(), fault.stage)).or_default();
        let of_what = of_call.entry(fault.kind()).or_default();
        of_what.1 += 1;
        of_what.0.entry(fault.what.clone()).or_default().insert(word.to_owned());
    }
    say(&format!("{} faults, {missed} of them not reached", jobs.len()));
    // Listed as such, and few: which looks a stop has is a matter of time.
    assert!(missed * 50 <= jobs.len(), "{missed} of {} faults were not reached", jobs.len());
    if mode == "write" && only.is_none() {
        write_table(&table, jobs.len());
    }
    assert!(broken.is_empty(), "{broken}");
}

/// A TERM at every call of the start. All processes block it from the beginning, so that it stays
/// pending in the one that got it: the program has to get it exactly once, whether it came to adieu
/// or, before the exec, to the child. And a TERM at every call of a stop, as a repeat.
/// Promise (Anywhere): a signal at any system call of the start is not lost, a repeat at any of the
/// stop not doubled; a pause before any call changes nothing
fn a_term_at_any_call_of_the_start_and_of_the_stop_is_neither_lost_nor_doubled() {
    need_a_tracer();
    let mut jobs = Vec::new();
    for scenario in
        SCENARIOS.iter().filter(|it| ["program", "string", "terminal"].contains(&it.name))
    {
        let (_, calls) = record(scenario);
        for Call { stage, name: call, nth, from, .. } in calls.clone() {
            let follow = from.is_some();
            // Before the exec of the program adieu alone can have it; later it is the repeat of a
            // stop.
            let starts = stage <= Stage::Spawned
                || stage == Stage::Idle && call != "ppoll" && call != "read";
            // strace counts for each process by itself: both would get one.
            if follow && calls.iter().any(|it| it.is_main() && it.name == call && it.nth == nth) {
                continue;
            }
            let tracing = if follow { Tracing::All } else { Tracing::Main };
            let fault = Fault {
                stage,
                call,
                what: "signal=TERM".to_owned(),
                nth,
                always: false,
                tracing,
                old_end: None,
                place: 1,
            };
            if starts && scenario.name == "program" {
                let words = &["--", "SERVER", "--by", "signalfd", "--work", "25ms", "--exit", "9"];
                jobs.push((Scenario { words, steps: &[], ..*scenario }, fault));
            } else if stage > Stage::Idle {
                jobs.push((*scenario, fault));
            }
        }
    }
    assert!(jobs.len() > 100, "only {} positions", jobs.len());
    let results = at_once(&jobs, |(scenario, fault)| {
        let facts = run_with(
            scenario,
            &[fault.option()],
            &fault.tracing,
            scenario.steps.is_empty(),
            GENEROUS,
        );
        let right = facts.code == Some(scenario.code) && facts.out == scenario.out;
        (!right).then(|| {
            format!("{} ({:?}): -e {}: {facts:#?}", scenario.name, fault.stage, fault.option())
        })
    });
    say(&format!("{} positions", jobs.len()));
    let broken: Vec<String> = results.into_iter().flatten().collect();
    assert!(broken.is_empty(), "{} broken\n{}", broken.len(), broken.join("\n"));
}

/// No memory at all: at the start adieu says so, later it goes on with what it has set aside.
/// Promise (Anywhere): without memory a start fails with a message, and a stop goes on
fn without_memory_a_start_says_so_and_a_stop_goes_on() {
    need_a_tracer();
    for scenario in SCENARIOS
        .iter()
        .filter(|it| it.way == Way::Below && it.file.is_none() && !it.steps.is_empty())
    {
        let (_, calls) = record_once(scenario);
        let refused = |before: Stage| -> Vec<String> {
            let first = |name: &str| {
                let before =
                    calls.iter().filter(|it| it.is_main() && it.name == name && it.stage < before);
                1 + before.map(|it| it.nth).max().unwrap_or(0)
            };
            let (brk, mmap) = (first("brk"), first("mmap"));
            vec![
                format!("inject=brk:retval=0:when={brk}+"),
                format!("inject=mmap:error=ENOMEM:when={mmap}+"),
            ]
        };
        let facts = run(scenario, &refused(Stage::Start), &Tracing::Main);
        assert_eq!(facts.code, Some(125), "{}: {facts:#?}", scenario.name);
        assert!(facts.err.iter().any(|line| line.contains("Out of memory")), "{facts:#?}");
        let facts = run(scenario, &refused(Stage::Idle), &Tracing::Main);
        assert_eq!(facts.code, Some(scenario.code), "{}: {facts:#?}", scenario.name);
        assert_eq!(facts.out, scenario.out, "{}: {facts:#?}", scenario.name);
    }
    // The last brk and the last mmap before the first line of adieu are for the memory that it sets
    // aside.
    let scenario = SCENARIOS.first().unwrap();
    let (_, calls) = record_once(scenario);
    let last = calls.iter().rfind(|it| it.stage == Stage::Library && it.name == "brk").unwrap().nth;
    let refused = [
        format!("inject=brk:retval=0:when={last}+"),
        "inject=mmap:error=ENOMEM:when=1+".to_owned(),
    ];
    let facts = run(scenario, &refused, &Tracing::Main);
    assert_eq!(facts.code, Some(125), "{facts:#?}");
    assert!(facts.err.iter().any(|line| line.contains("no memory")), "{facts:#?}");
}

/// A look waits a moment for a process that is awake. A busy one always is.
/// Promise (Anywhere): a refused pause during a look changes nothing
fn a_refused_pause_during_a_look_changes_nothing() {
    need_a_tracer();
    let scenario = Scenario {
        words: &["while :; do :; done & \"$SERVER\" --work 25ms; exit 9"],
        ..*SCENARIOS.first().unwrap()
    };
    let refused = ["inject=ppoll,clock_nanosleep:error=EPERM".to_owned()];
    let facts = run(&scenario, &refused, &Tracing::Main);
    assert!(facts.log.contains("clock_nanosleep("), "{facts:#?}");
    assert_eq!(facts.code, Some(scenario.code), "{facts:#?}");
    assert_eq!(facts.out, scenario.out, "{facts:#?}");
}

/// A pause before each call widens every gap in which something else may happen: the stop comes
/// while the child is not yet in its group, a server ends while it is looked at, between its pidfd
/// and its signal, and so on.
/// Promise (Anywhere): a signal at any system call of the start is not lost, a repeat at any of the
/// stop not doubled; a pause before any call changes nothing
fn a_pause_before_any_call_changes_nothing() {
    need_a_tracer();
    let mut jobs = Vec::new();
    for name in ["program", "string", "unhandled", "leftovers"] {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        let mut seen = BTreeSet::new();
        for Call { stage, name: call, nth, from, .. } in record_once(scenario).1 {
            if stage > Stage::Library && seen.insert((stage, call.clone())) {
                let what = "delay_enter=30ms".to_owned();
                let tracing = if from.is_some() { Tracing::All } else { Tracing::Main };
                jobs.push((
                    *scenario,
                    Fault {
                        stage,
                        call,
                        what,
                        nth,
                        always: false,
                        tracing,
                        old_end: None,
                        place: 1,
                    },
                ));
            }
        }
    }
    let results = at_once(&jobs, |(scenario, fault)| {
        let facts = run(scenario, &[fault.option()], &fault.tracing);
        let right = facts.code == Some(scenario.code) && facts.out == scenario.out;
        (!right).then(|| {
            format!("{} ({:?}): -e {}: {facts:#?}", scenario.name, fault.stage, fault.option())
        })
    });
    say(&format!("{} pauses", jobs.len()));
    let broken: Vec<String> = results.into_iter().flatten().collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Which of the calls of one name in one stage failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    First,
    FirstAndLater,
    Later,
}

impl Fault {
    fn kind(&self) -> Kind {
        match (self.place, self.always) {
            (1, false) => Kind::First,
            (1, true) => Kind::FirstAndLater,
            _ => Kind::Later,
        }
    }
}

/// Per call and stage, and per kind: the outcomes of each error, and how many runs there were.
type Table = BTreeMap<(String, Stage), BTreeMap<Kind, (BTreeMap<String, BTreeSet<String>>, usize)>>;

/// The line before the table in `docs/faults.md`.
const MARK: &str = "<!-- From here on made by tests/faults.rs. -->\n";

fn write_table(table: &Table, runs: usize) {
    let path = support::repository().join("docs/faults.md");
    let mut text = fs::read_to_string(&path).unwrap();
    text.truncate(text.find(MARK).unwrap() + MARK.len());
    let scenarios = SCENARIOS.len();
    writeln!(
        text,
        "\n{runs} faults in {scenarios} scenarios.\n\n| call | stage | runs | first | \
        first and all later | a later one |"
    )
    .unwrap();
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for ((call, stage), kinds) in table {
        let stage = STAGES.iter().find(|it| it.0 == *stage).unwrap().1;
        let runs: usize = kinds.values().map(|(_, runs)| runs).sum();
        write!(text, "| `{call}` | {stage} | {runs} |").unwrap();
        for kind in [Kind::First, Kind::FirstAndLater, Kind::Later] {
            let cell = kinds.get(&kind).map_or("n/a".to_owned(), |(outcomes, _)| cell(outcomes));
            write!(text, " {cell} |").unwrap();
        }
        text.push('\n');
    }
    fs::write(path, text).unwrap();
}

/// The outcomes with their errors: those of the most errors without naming them.
fn cell(outcomes: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut errors: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (error, words) in outcomes {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        errors.entry(words.join(" or ")).or_default().push(error);
    }
    let mut groups: Vec<(String, Vec<&str>)> = errors.into_iter().collect();
    groups.sort_by_key(|(_, errors)| std::cmp::Reverse(errors.len()));
    let named = |(at, (words, errors)): (usize, &(String, Vec<&str>))| match at {
        0 => words.clone(),
        _ => format!("{}: {words}", errors.join(" ")),
    };
    groups.iter().enumerate().map(named).collect::<Vec<_>>().join("; ")
}

const TESTS: &[Test] = tests![
    no_failing_call_makes_adieu_panic_spin_end_early_or_forget_the_signal,
    a_term_at_any_call_of_the_start_and_of_the_stop_is_neither_lost_nor_doubled,
    without_memory_a_start_says_so_and_a_stop_goes_on,
    a_refused_pause_during_a_look_changes_nothing,
    a_pause_before_any_call_changes_nothing
];

/// Each runs several traced processes at a time itself.
fn main() -> ExitCode {
    support::runner::main(&Tests { together: &[], in_turn: &[], alone: &[TESTS] })
}
