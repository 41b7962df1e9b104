//! Compares adieu with other inits, and with its goals: start-up, memory, signals, reaping, stops.
//!
//! `cargo bench` runs all of it in some minutes, `cargo bench -- --quick` a little of everything in
//! seconds. `ADIEU_WRITE_DOCS=1 cargo bench` also writes the tables into docs/performance.md. Words
//! choose parts: `cargo bench -- start stops`.
//!
//! Times are compared only within a run, in which the entrants take turns. tini-static is entered
//! twice: the difference between its two columns is noise. Asserted is only what no machine's load
//! may change, for example that every handler gets the signal.
#![allow(unsafe_code, reason = "clone, namespaces and the workload's forks have no safe wrapper")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on ends with the reason"
)]

mod instructions;
mod launch;
mod numbers;
mod workload;

#[path = "../../tests/it/support/page.rs"]
mod page;

use launch::{As, Prepared, Running};
use numbers::{Samples, Table, interleave, short, thousands};
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use workload::{BURST, DONE, READ, READY, STAMP};

/// The init that all ratios refer to, and its name as the second entrant.
const REFERENCE: &str = "tini-static";
const AGAIN: &str = "tini-static, again";
/// An init that has not ended by then is killed, as a platform would kill it.
const GRACE: Duration = Duration::from_secs(10);
/// adieu in forms of call that its goals name.
const ONE_OPTION: &str = "adieu -t 30s --";
const MANY_OPTIONS: &str = "adieu --timeout=30s --report /x -v --";
const STRING: &str = "adieu STRING";
/// The end of everything by the kernel alone, which no init can be faster than.
const KERNEL: &str = "SIGKILL of PID 1";
/// Only reading the files of a look, which an init like adieu has to do before it can send a
/// signal.
const FILES: &str = "the files alone";
const ORPHANS: u32 = 4_000;
/// How many processes outside of adieu's tree run on the same machine.
const UNRELATED: u32 = 10_000;

/// The processes that a stop is measured with.
struct Workload {
    what: &'static str,
    mode: &'static str,
    sizes: &'static [u32],
    handles: bool,
    time_goal: bool,
}

const WORKLOADS: &[Workload] = &[
    Workload {
        what: "processes without a handler",
        mode: "plain",
        sizes: &[1, 10, 100, 1_000, 4_000],
        handles: false,
        time_goal: true,
    },
    Workload {
        what: "handlers that end at once",
        mode: "handlers",
        sizes: &[1, 10, 100, 1_000, 4_000],
        handles: true,
        time_goal: true,
    },
    Workload {
        what: "handlers that work for 20 ms",
        mode: "workers",
        sizes: &[1, 10, 100],
        handles: true,
        time_goal: false,
    },
];

/// How much is measured.
struct Effort {
    starts: usize,
    latencies: usize,
    /// How many rounds, for up to this many processes.
    stops: [(u32, usize); 3],
    bursts: usize,
    idle: Duration,
    growth: (u32, usize),
    unrelated: (u32, usize),
}

const FULL: Effort = Effort {
    starts: 1_000,
    latencies: 300,
    stops: [(100, 20), (1_000, 9), (u32::MAX, 5)],
    bursts: 7,
    idle: Duration::from_secs(10),
    growth: (50_000, 10_000),
    unrelated: (UNRELATED, 15),
};
const QUICK: Effort = Effort {
    starts: 20,
    latencies: 10,
    stops: [(100, 2), (1_000, 1), (u32::MAX, 0)],
    bursts: 1,
    idle: Duration::from_secs(1),
    growth: (8_000, 200),
    unrelated: (1_000, 2),
};

impl Effort {
    fn stops_of(&self, processes: u32) -> usize {
        self.stops.iter().find(|(most, _)| processes <= *most).map_or(0, |(_, rounds)| *rounds)
    }
}

/// An init with its options.
#[derive(Clone)]
struct Entrant {
    name: &'static str,
    program: PathBuf,
    options: &'static [&'static str],
}

impl Entrant {
    fn prepare(&self, command: &[&str]) -> Prepared {
        let words = [self.program.as_os_str().to_owned()].into_iter();
        let words = words.chain(self.options.iter().map(OsString::from));
        Prepared::new(words.chain(command.iter().map(OsString::from)))
    }

    fn with(&self, options: &'static [&'static str]) -> Self {
        Self { options, ..self.clone() }
    }
}

/// All that are installed. A missing one is said aloud, and has no column.
///
/// adieu is installed in `scratch`, as its users have it: what the linker wrote lies in the page
/// cache piece by piece, and each start would take 36 µs more for it.
fn entrants(scratch: &Path) -> Vec<Entrant> {
    let program = scratch.join("adieu");
    let installed =
        Command::new(env!("CARGO_BIN_EXE_adieu")).arg("--install").arg(&program).status();
    assert!(installed.unwrap().success(), "adieu --install failed");
    let adieu = Entrant { name: "adieu", program, options: &["--"] };
    let peers = [
        (REFERENCE, "tini-static", "Debian's package tini"),
        (AGAIN, "tini-static", "Debian's package tini"),
        ("dumb-init", "dumb-init", "Debian's package dumb-init"),
        ("catatonit", "catatonit", "Debian's package catatonit"),
        ("pid1", "pid1", "cargo install pid1-exe"),
    ];
    let peers = peers.into_iter().filter_map(|(name, program, source)| {
        let found = page::find(program);
        if found.is_none() {
            eprintln!("SKIPPED: {name} is not installed ({source})");
        }
        Some(Entrant { name, program: found?, options: &["--"] })
    });
    [adieu].into_iter().chain(peers).collect()
}

/// A row of the table of goals.
struct Goal {
    what: String,
    goal: String,
    result: String,
    met: bool,
}

/// A run of the benchmark, and its results.
struct Run {
    effort: Effort,
    quick: bool,
    entrants: Vec<Entrant>,
    /// The path of this program, which is also the workload.
    workload: String,
    /// The path of a program that ends at once.
    trivial: String,
    goals: Vec<Goal>,
    text: String,
}

/// Measures one thing, or several that belong together.
type Part<'a> = &'a dyn Fn(&mut Run);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = words.split_first()
        && first == "--workload"
    {
        return workload::run(rest);
    }
    if let Err(why) = launch::set_up() {
        eprintln!("SKIPPED: the benchmark: {why}");
        return if std::env::var_os("CI").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    let began = Instant::now();
    let quick = words.iter().any(|word| word == "--quick");
    let scratch = std::env::temp_dir().join(format!("adieu-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let mut run = Run {
        effort: if quick { QUICK } else { FULL },
        quick,
        entrants: entrants(&scratch),
        workload: std::env::current_exe().unwrap().to_str().expect("a path in UTF-8").to_owned(),
        trivial: trivial_program(&scratch),
        goals: Vec::new(),
        text: String::new(),
    };
    let parts: [(&str, Part<'_>); 9] = [
        ("start", &Run::start_up),
        ("instructions", &|run| run.instructions(&scratch)),
        ("rest", &Run::at_rest),
        ("latency", &Run::latency),
        ("stops", &|run| WORKLOADS.iter().for_each(|workload| run.stops(workload))),
        ("reaping", &Run::reaping),
        ("growth", &Run::growth),
        ("unrelated", &Run::unrelated),
        ("size", &Run::size),
    ];
    let wanted: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|it| *it == name) {
            measure(&mut run);
        }
    }
    fs::remove_dir_all(&scratch).unwrap();

    let text = run.document();
    println!("{text}");
    eprintln!("took {} s", began.elapsed().as_secs());
    let whole = wanted.is_empty() && !quick;
    if whole && page::writes() {
        page::write_between_markers("docs/performance.md", &text);
    }
    ExitCode::SUCCESS
}

/// Builds the smallest program that ends at once, so that its own start takes the least time.
fn trivial_program(directory: &Path) -> String {
    const SOURCE: &str = "
        #if defined __x86_64__
        void _start(void) {
            __asm__ volatile (\"syscall\" : : \"a\"(231), \"D\"(0));
            __builtin_unreachable();
        }
        #elif defined __aarch64__
        void _start(void) {
            __asm__ volatile (\"mov x8, #94; mov x0, #0; svc #0\");
            __builtin_unreachable();
        }
        #else
        #error no system call is known for this architecture
        #endif";
    let (source, program) = (directory.join("trivial.c"), directory.join("trivial"));
    fs::write(&source, SOURCE).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-static", "-nostdlib", "-o"]).args([&program, &source]);
    let built = cc.status().expect("cc, which also links Rust programs, is there");
    assert!(built.success(), "cc failed");
    program.to_str().expect("a path in UTF-8").to_owned()
}

impl Run {
    fn say(&mut self, title: &str, text: &str) {
        eprintln!("measured: {title}");
        self.text += &format!("\n### {title}\n\n{text}");
    }

    fn goal(
        &mut self,
        what: impl Into<String>,
        goal: impl Into<String>,
        result: impl Into<String>,
        met: bool,
    ) {
        self.goals.push(Goal { what: what.into(), goal: goal.into(), result: result.into(), met });
    }

    fn adieu(&self) -> Entrant {
        self.entrants.first().expect("adieu").clone()
    }

    /// Those of these inits that are installed, with other names and options.
    fn choose(
        &self,
        wanted: &[(&'static str, &'static str, &'static [&'static str])],
    ) -> Vec<Entrant> {
        let find = |(shown, name, options): &(&'static str, &str, &'static [&'static str])| {
            let found = self.entrants.iter().find(|it| it.name == *name)?;
            Some(Entrant { name: shown, ..found.with(options) })
        };
        wanted.iter().filter_map(find).collect()
    }

    fn workload<'a>(&'a self, mode: &'a str, number: &'a str) -> [&'a str; 4] {
        [&self.workload, "--workload", mode, number]
    }

    /// Start-up: the time from spawn to exit.
    fn start_up(&mut self) {
        let processors = launch::processors();
        launch::pin(&processors, true);
        let trivial = self.trivial.clone();
        let direct: &[&str] = &[&trivial];
        let shell: &[&str] = &["/bin/sh", "-c", &trivial];
        // pid1 works as an init only where it is PID 1.
        let child = self.choose(&[
            ("adieu", "adieu", &["--"]),
            (REFERENCE, REFERENCE, &["-s", "--"]),
            (AGAIN, AGAIN, &["-s", "--"]),
            ("dumb-init", "dumb-init", &["--"]),
            ("catatonit", "catatonit", &["--"]),
        ]);
        let pid1 = self.entrants.clone();
        let options = self.choose(&[
            (ONE_OPTION, "adieu", &["-t", "30s", "--"]),
            (MANY_OPTIONS, "adieu", &["--timeout=30s", "--report", "/x", "-v", "--"]),
            (STRING, "adieu", &[]),
            ("adieu --", "adieu", &["--"]),
            (REFERENCE, REFERENCE, &["-s", "--"]),
            (AGAIN, AGAIN, &["-s", "--"]),
        ]);
        let string = |entrants: &[Entrant]| -> Vec<(Entrant, Vec<String>)> {
            let of = |it: &Entrant| match it.name {
                "adieu" => (it.with(&[]), vec![trivial.clone()]),
                _ => (it.clone(), shell.iter().map(|it| (*it).to_owned()).collect()),
            };
            entrants.iter().map(of).collect()
        };
        let argv = |entrants: &[Entrant]| -> Vec<(Entrant, Vec<String>)> {
            let words: Vec<String> = direct.iter().map(|it| (*it).to_owned()).collect();
            entrants.iter().map(|it| (it.clone(), words.clone())).collect()
        };
        let cases = [
            ("Start-up: `INIT -- PROGRAM`", As::Child, argv(&child)),
            ("Start-up as PID 1: `INIT -- PROGRAM`", As::Pid1, argv(&pid1)),
            (
                "Start-up: a string without shell syntax (`adieu STRING`, \
                 `INIT -- /bin/sh -c STRING`)",
                As::Child,
                string(&child),
            ),
            (
                "Start-up with options, and of a string beside `tini-static -- PROGRAM`",
                As::Child,
                argv(&options),
            ),
        ];
        let bare = Prepared::new(direct);
        let rounds = self.effort.starts;
        let mut found = Vec::new();
        for (title, what, entrants) in cases {
            let names: Vec<&str> =
                ["no init"].into_iter().chain(entrants.iter().map(|(it, _)| it.name)).collect();
            let prepared: Vec<Prepared> = entrants
                .iter()
                .map(|(it, words)| {
                    it.prepare(&words.iter().map(String::as_str).collect::<Vec<_>>())
                })
                .collect();
            let all: Vec<(&str, &Prepared)> =
                names.iter().copied().zip([&bare].into_iter().chain(&prepared)).collect();
            let samples = interleave(rounds, &all, |(name, prepared)| {
                let mut started = prepared.start(what, None);
                let (code, at) = started.wait();
                assert!(code == 0 || !name.starts_with("adieu"), "a start failed: {code}");
                // A start of dumb-init fails once in some thousand times.
                if code == 0 { micros(at - started.began) } else { f64::NAN }
            });
            let comparison = Comparison { names, samples };
            self.say(
                title,
                &format!(
                    "Microseconds from spawn to exit, on one processor, {rounds} rounds.\n\n{}",
                    comparison.table()
                ),
            );
            found.push(comparison);
        }
        launch::pin(&processors, false);
        if let [argv, as_pid1, string, options] = found.as_slice() {
            let at_most = |most: f64| format!("at most {most:.2} of tini-static");
            let beside_shell = "ahead of `tini-static -- /bin/sh -c`".to_owned();
            let goals = [
                ("start-up, spawn to exit", at_most(1.0), 1.0, argv, "adieu"),
                ("start-up as PID 1", at_most(1.0), 1.0, as_pid1, "adieu"),
                ("start-up of a string that needs no shell", beside_shell, 1.0, string, "adieu"),
                ("the same beside `tini-static -- PROGRAM`", at_most(1.0), 1.0, options, STRING),
                ("start-up with one option", at_most(1.1), 1.1, options, ONE_OPTION),
                ("start-up with three options", at_most(1.1), 1.1, options, MANY_OPTIONS),
            ];
            for (what, goal, most, found, entrant) in goals {
                let (ratio, again) = (found.ratio(entrant), found.ratio(AGAIN));
                let result = format!("{ratio:.2} (tini-static again: {again:.2})");
                self.goal(what, goal, result, ratio <= most);
            }
        }
    }

    /// Instructions, which callgrind counts and no load on the machine changes.
    fn instructions(&mut self, scratch: &Path) {
        let trivial = self.trivial.clone();
        let Some(counted) = instructions::count(
            scratch,
            &trivial,
            page::find("tini-static").as_deref(),
            !self.quick,
        ) else {
            return;
        };
        let mut table = Table::new(&["", "instructions"]);
        for (what, count) in &counted.totals {
            table.row(&[what.clone(), thousands(*count)]);
        }
        self.say("Instructions from start to exit", &table.into_text());
        let mut parts = Table::new(&["part of `adieu -- PROGRAM`", "instructions", "share"]);
        let whole: f64 = counted.parts.iter().map(|(_, count)| count).sum();
        for (what, count) in &counted.parts {
            parts.row(&[
                what.clone(),
                thousands(*count),
                format!("{:.0} %", 100.0 * count / whole),
            ]);
        }
        if whole > 0.0 {
            self.say("The parts of these instructions", &parts.into_text());
        }
        for (what, count) in counted.totals.iter().filter(|(what, _)| what.contains("adieu")) {
            // clap's definition is built where there are options.
            let most = if what.contains(" -t ") { 200_000.0 } else { 100_000.0 };
            let goal = format!("at most {}", thousands(most));
            self.goal(format!("instructions, {what}"), goal, thousands(*count), *count <= most);
        }
    }

    /// Memory and context switches while nothing happens.
    fn at_rest(&mut self) {
        let prepared: Vec<_> = self
            .entrants
            .iter()
            .map(|it| (it.name, it.prepare(&self.workload("serve", "0"))))
            .collect();
        let mut running: Vec<_> = prepared
            .iter()
            .map(|(name, prepared)| {
                let mut running = Running::start(prepared, As::Container);
                running.read(STAMP);
                (*name, running)
            })
            .collect();
        // An init may have something left to do after the start of its program.
        std::thread::sleep(Duration::from_millis(200));
        let before: Vec<f64> = running.iter().map(|(_, it)| it.init.switches()).collect();
        std::thread::sleep(self.effort.idle);
        let mut table = Table::new(&[
            "",
            "private dirty, KiB",
            "RSS, KiB",
            "context switches",
            "binary, bytes",
        ]);
        let seconds = self.effort.idle.as_secs();
        for (((name, running), before), entrant) in
            running.iter_mut().zip(before).zip(self.entrants.clone())
        {
            let switches = running.init.switches() - before;
            let dirty = running.init.field("smaps_rollup", "Private_Dirty");
            let rss = running.init.field("smaps_rollup", "Rss");
            let binary = fs::metadata(&entrant.program).map_or(f64::NAN, |it| size(it.len()));
            let cells =
                [(*name).to_owned(), short(dirty), short(rss), short(switches), thousands(binary)];
            table.row(&cells);
            if *name == "adieu" {
                assert!(switches == 0.0, "adieu is not idle: {switches} context switches");
                self.goal(
                    "memory at rest, private dirty",
                    "at most 100 KiB",
                    format!("{} KiB", short(dirty)),
                    dirty <= 100.0,
                );
                self.goal(
                    "memory at rest, RSS",
                    "at most 1,400 KiB",
                    format!("{} KiB", short(rss)),
                    rss <= 1_400.0,
                );
                self.goal(
                    format!("context switches in {seconds} s of rest"),
                    "0",
                    short(switches),
                    true,
                );
            }
        }
        self.say(
            "At rest",
            &format!(
                "As PID 1 above one program that waits, for {seconds} s.\n\n{}",
                table.into_text()
            ),
        );
    }

    /// The time from kill(2) to the first line of the handler.
    fn latency(&mut self) {
        let rounds = self.effort.latencies;
        let prepared: Vec<_> =
            self.entrants.iter().map(|it| it.prepare(&self.workload("serve", "0"))).collect();
        let names: Vec<&str> = self.entrants.iter().map(|it| it.name).collect();
        let delay = |running: &mut Running, signal| {
            let began = workload::now();
            running.init.signal(signal);
            // An init that does not pass the signal on has no figure here.
            if !running.answers() {
                return f64::NAN;
            }
            stamp(&running.read(STAMP))
                .map_or(f64::NAN, |at| at.saturating_sub(began) as f64 / 1_000.0)
        };
        let stops = interleave(rounds, &prepared, |prepared| {
            let mut running = Running::start(prepared, As::Container);
            running.read(STAMP);
            let took = delay(&mut running, libc::SIGTERM);
            assert!(
                running.init.wait_for(GRACE).is_some(),
                "an init does not end after its program"
            );
            took
        });
        let mut running: Vec<Running> =
            prepared.iter().map(|prepared| Running::start(prepared, As::Container)).collect();
        for running in &mut running {
            running.read(STAMP);
        }
        let cells: Vec<(bool, RefCell<Running>)> = running
            .into_iter()
            .map(|mut it| (delay(&mut it, libc::SIGUSR1).is_nan(), RefCell::new(it)))
            .collect();
        let others = interleave(10 * rounds, &cells, |(unanswered, running)| match unanswered {
            true => f64::NAN,
            false => delay(&mut running.borrow_mut(), libc::SIGUSR1),
        });
        let mut text = String::new();
        for (what, samples) in
            [("SIGTERM, which stops", stops), ("SIGUSR1, which does not", others)]
        {
            let comparison = Comparison { names: names.clone(), samples };
            text += &format!(
                "{what}, in microseconds; {} rounds:\n\n{}\n",
                comparison.rounds(),
                comparison.table()
            );
            let (own, reference, again) =
                (comparison.of("adieu"), comparison.of(REFERENCE), comparison.of(AGAIN));
            for (quantile, share) in [("median", 0.5), ("p99", 0.99)] {
                let [own, reference, again] = [own, reference, again].map(|it| it.quantile(share));
                let noise = (again - reference).abs();
                let result = format!(
                    "{} µs (tini-static: {} and {})",
                    short(own),
                    short(reference),
                    short(again)
                );
                let met = own <= reference.max(again) + noise;
                self.goal(
                    format!("{what}: to the handler, {quantile}"),
                    "tini-static's within the noise",
                    result,
                    met,
                );
            }
        }
        self.say("From the signal to the handler", &text);
    }

    /// A stop of many processes below a parent without a handler: the time until PID 1 has ended,
    /// and how many handlers ran to their end.
    fn stops(&mut self, workload: &Workload) {
        let kernel = Entrant { name: KERNEL, ..self.adieu() };
        let mut entrants = self.choose(&[
            ("adieu", "adieu", &["--"]),
            (REFERENCE, REFERENCE, &["--"]),
            (AGAIN, AGAIN, &["--"]),
            ("tini-static -g", REFERENCE, &["-g", "--"]),
            ("dumb-init", "dumb-init", &["--"]),
            ("catatonit -g", "catatonit", &["-g", "--"]),
            ("pid1", "pid1", &["--"]),
        ]);
        entrants.insert(1, kernel);
        entrants.insert(
            2,
            Entrant { name: FILES, program: self.workload.clone().into(), options: &[] },
        );
        let names: Vec<&str> = entrants.iter().map(|it| it.name).collect();
        let head: Vec<&str> = ["processes"].into_iter().chain(names.iter().copied()).collect();
        let (mut times, mut counts) = (Table::new(&head), Table::new(&head));
        for &size in workload.sizes {
            let rounds = self.effort.stops_of(size);
            if rounds == 0 {
                continue;
            }
            let number = size.to_string();
            let prepare = |it: &Entrant| match it.name {
                FILES => it.prepare(&["--workload", "files", &number, workload.mode]),
                _ => it.prepare(&self.workload(workload.mode, &number)),
            };
            let all: Vec<_> =
                entrants.iter().map(|it| (it.name, prepare(it), RefCell::default())).collect();
            let samples =
                interleave(rounds, &all, |(name, prepared, done): &(_, _, RefCell<Samples>)| {
                    let signal = if *name == KERNEL { libc::SIGKILL } else { libc::SIGTERM };
                    let mut running = Running::start(prepared, As::Container);
                    if *name == FILES {
                        return read_alone(&mut running, size);
                    }
                    let took = stop(&mut running, size, signal);
                    done.borrow_mut().0.push(done_by(&mut running));
                    took
                });
            let done: Vec<Samples> =
                all.into_iter().map(|(_, _, done)| done.into_inner()).collect();
            let shown = thousands(size.into());
            let row = |cells: Vec<String>| -> Vec<String> {
                [shown.clone()].into_iter().chain(cells).collect()
            };
            times.row(&row(samples.iter().map(Samples::shown).collect()));
            let count =
                |it: &Samples| if it.0.is_empty() { "–".to_owned() } else { share(it, size) };
            counts.row(&row(done.iter().map(count).collect()));
            let comparison = Comparison { names: names.clone(), samples };
            if workload.time_goal {
                let bound = comparison.of(KERNEL).median() + 0.2 + 0.02 * f64::from(size);
                let own = comparison.of("adieu").median();
                self.goal(
                    format!("stop of {shown} {}", workload.what),
                    format!("the kernel's teardown + 0.2 ms + 20 µs each: {} ms", short(bound)),
                    format!("{} ms", short(own)),
                    own <= bound,
                );
            }
            if workload.handles {
                let own = done.first().unwrap();
                let all_ran = own.0.iter().all(|&it| it == f64::from(size));
                assert!(all_ran, "adieu lost handlers: {:?} of {size} ran to their end", own.0);
                let what = format!("{shown} {}: how many run to their end", workload.what);
                self.goal(what, "all, in every round", share(own, size), true);
            }
        }
        let rounds: Vec<String> =
            self.effort.stops.iter().filter(|(_, n)| *n > 0).map(|(_, n)| n.to_string()).collect();
        let mut text = format!(
            "Milliseconds from the signal to the end of PID 1; rounds by size: {}. \"{FILES}\" \
             is the time for opening, reading and closing those files of /proc from which adieu \
             learns what each process is. It includes no signal, and no process's end.\n\n{}",
            rounds.join(", "),
            times.into_text()
        );
        if workload.handles {
            text += &format!(
                "\nHow many of the handlers ran to their end, at worst and at best:\n\n{}",
                counts.into_text()
            );
        }
        self.say(&format!("Stop of {}", workload.what), &text);
    }

    /// The processor time that an orphan costs the init.
    fn reaping(&mut self) {
        let number = ORPHANS.to_string();
        let names: Vec<&str> = self.entrants.iter().map(|it| it.name).collect();
        let prepared: Vec<_> =
            self.entrants.iter().map(|it| it.prepare(&self.workload("serve", &number))).collect();
        let samples = interleave(self.effort.bursts, &prepared, |prepared| {
            let mut running = Running::start(prepared, As::Container);
            running.read(STAMP);
            let before = running.init.cpu();
            burst(&mut running);
            (running.init.cpu() - before) / 1_000.0 / f64::from(ORPHANS)
        });
        let comparison = Comparison { names, samples };
        let (own, reference, again) = (
            comparison.of("adieu").median(),
            comparison.of(REFERENCE).median(),
            comparison.of(AGAIN).median(),
        );
        let result =
            format!("{} µs (tini-static: {} and {})", short(own), short(reference), short(again));
        self.goal(
            "reaping: processor time for an orphan",
            "at most tini-static's",
            result,
            own <= reference.max(again),
        );
        let text = format!(
            "The init's processor time for each of {} orphans that end at once, in \
             microseconds; {} rounds.\n\n{}",
            thousands(ORPHANS.into()),
            self.effort.bursts,
            comparison.table()
        );
        self.say("Reaping", &text);
    }

    /// Whether adieu's memory grows with the orphans that it reaps and the signals that it passes
    /// on.
    fn growth(&mut self) {
        const BURST_SIZE: u32 = 2_000;
        let (orphans, signals) = self.effort.growth;
        let number = BURST_SIZE.to_string();
        let prepared = self.adieu().prepare(&self.workload("serve", &number));
        let mut running = Running::start(&prepared, As::Container);
        running.read(STAMP);
        let mut churn = |bursts: u32, signals: usize| {
            for _ in 0..bursts {
                burst(&mut running);
            }
            for _ in 0..signals {
                running.init.signal(libc::SIGUSR1);
                running.read(STAMP);
            }
            [
                running.init.field("smaps_rollup", "Private_Dirty"),
                running.init.field("smaps_rollup", "Rss"),
            ]
        };
        // What it needs for the first orphans and signals is not growth.
        let [dirty, rss] = churn(1, signals / 20);
        let [dirty_after, rss_after] = churn(orphans / BURST_SIZE, signals);
        let what = format!(
            "growth over {} orphans and {} signals",
            thousands(orphans.into()),
            thousands(signals as f64)
        );
        let result = format!(
            "private dirty {} → {} KiB, RSS {} → {} KiB",
            short(dirty),
            short(dirty_after),
            short(rss),
            short(rss_after)
        );
        self.goal(what, "none", result, dirty_after <= dirty && rss_after <= rss);
    }

    /// A stop on a machine with many other processes.
    fn unrelated(&mut self) {
        let (unrelated, rounds) = self.effort.unrelated;
        let number = unrelated.to_string();
        let sizes = [10_u32, 100];
        let prepared = sizes.map(|size| {
            (size, self.adieu().prepare(&self.workload("handlers", &size.to_string())))
        });
        let measure = |when: &str| {
            let samples = interleave(rounds, &prepared, |(size, prepared)| {
                let mut running = Running::start(prepared, As::Child);
                let took = stop(&mut running, *size, libc::SIGTERM);
                let done = done_by(&mut running);
                assert_eq!(done, f64::from(*size), "adieu missed a handler ({when})");
                took
            });
            samples.into_iter().map(|it| it.shown()).collect::<Vec<_>>()
        };
        let before = measure("alone");
        let others = Prepared::new(self.workload("plain", &number));
        let mut others = Running::start(&others, As::Pid1);
        others.read(unrelated as usize + 1);
        let among = measure("beside others");
        assert!(!others.has_more(), "a process outside of adieu's tree got a signal");
        drop(others);
        let after = measure("alone again");
        let beside = format!("among {} others", thousands(unrelated.into()));
        let mut table = Table::new(&["handlers below adieu", "alone", &beside, "alone again"]);
        for (((size, before), among), after) in sizes.iter().zip(&before).zip(&among).zip(&after) {
            table.row(&[size.to_string(), before.clone(), among.clone(), after.clone()]);
        }
        let result =
            before.iter().zip(&among).map(|(before, among)| format!("{before} → {among} ms"));
        let result = result.collect::<Vec<_>>().join("; ");
        let median = |text: &str| {
            text.split(' ').next().and_then(|it| it.parse::<f64>().ok()).unwrap_or(f64::NAN)
        };
        let met = before.iter().zip(&after).zip(&among).all(|((before, after), among)| {
            median(among) <= 1.5 * median(before).max(median(after))
        });
        let text = format!(
            "Milliseconds from the signal to adieu's end, not as PID 1; {rounds} rounds.\n\n{}",
            table.into_text()
        );
        self.goal(
            format!("10 and 100 handlers, {beside}"),
            "grows with adieu's tree, not with the machine",
            result,
            met,
        );
        self.say("A stop beside many other processes", &text);
    }

    fn size(&mut self) {
        let bytes = fs::metadata(self.adieu().program).map_or(f64::NAN, |it| size(it.len()));
        self.goal(
            "binary, static and stripped",
            "at most 1,800,000 bytes",
            thousands(bytes),
            bytes <= 1_800_000.0,
        );
    }

    fn document(&self) -> String {
        let mut goals = Table::new(&["what", "goal", "result", ""]);
        for Goal { what, goal, result, met } in &self.goals {
            let verdict = if *met { "met" } else { "**missed**" };
            goals.row(&[what.as_str(), goal, result, verdict]);
        }
        let peers = self.entrants.iter().skip(1).filter(|it| it.name != AGAIN);
        let versions = peers.filter_map(|it| page::version(it.name, &it.program));
        let versions = [format!("adieu {}", env!("CARGO_PKG_VERSION"))].into_iter().chain(versions);
        let (machine, versions) = (page::machine(), versions.collect::<Vec<_>>().join(", "));
        format!(
            "{machine}; {versions}.\n\n## Goals\n\n{}\n## Results\n{}",
            goals.into_text(),
            self.text
        )
    }
}

/// The results of several entrants in the same measurement.
struct Comparison {
    names: Vec<&'static str>,
    samples: Vec<Samples>,
}

impl Comparison {
    fn of(&self, name: &str) -> &Samples {
        static NONE: Samples = Samples(Vec::new());
        self.names
            .iter()
            .zip(&self.samples)
            .find(|(it, _)| **it == name)
            .map_or(&NONE, |(_, samples)| samples)
    }

    fn ratio(&self, name: &str) -> f64 {
        self.of(name).median() / self.of(REFERENCE).median()
    }

    fn rounds(&self) -> usize {
        self.samples.first().map_or(0, |it| it.0.len())
    }

    fn table(&self) -> String {
        let mut table = Table::new(&["", "median (p10–p90)", "p99", "ratio to tini-static"]);
        for (name, samples) in self.names.iter().zip(&self.samples) {
            let ratio = format!("{:.2}", self.ratio(name));
            table.row(&[(*name).to_owned(), samples.shown(), short(samples.quantile(0.99)), ratio]);
        }
        table.into_text()
    }
}

/// How many handlers have run to their end, when all processes have ended.
fn done_by(running: &mut Running) -> f64 {
    size(running.read_to_end().iter().filter(|&&byte| byte == DONE).count() as u64)
}

/// Stops the init: milliseconds from the signal to its end; NaN where it had to be killed.
fn stop(running: &mut Running, size: u32, signal: i32) -> f64 {
    let ready = running.read(size as usize + 1);
    assert!(ready.iter().all(|&byte| byte == READY), "a handler ran before the signal was sent");
    let began = Instant::now();
    running.init.signal(signal);
    // A platform would kill what has not ended by then.
    running.init.wait_for(GRACE).map_or(f64::NAN, |(_, at)| micros(at - began) / 1_000.0)
}

/// Milliseconds for reading the files of this many processes, and nothing else.
fn read_alone(running: &mut Running, size: u32) -> f64 {
    running.read(size as usize + 1);
    running.order(READ);
    let took = stamp(&running.read(STAMP)).map_or(f64::NAN, |nanoseconds| nanoseconds as f64 / 1e6);
    assert!(running.init.wait_for(GRACE).is_some(), "the workload does not end after its work");
    took
}

/// Makes a burst of orphans and waits until the init has reaped them all.
fn burst(running: &mut Running) {
    running.order(BURST);
    running.read(STAMP);
    let limit = Instant::now() + GRACE;
    while running.init.children() > 1 {
        assert!(Instant::now() < limit, "{} orphans are not reaped", running.init.children() - 1);
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stamp(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// `10 of 10`, or `0–3 of 10`.
fn share(done: &Samples, of: u32) -> String {
    let (worst, best) = (done.quantile(0.0), done.quantile(1.0));
    let of = thousands(of.into());
    if worst == best {
        format!("{} of {of}", thousands(worst))
    } else {
        format!("{}–{} of {of}", thousands(worst), thousands(best))
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn size(bytes: u64) -> f64 {
    bytes as f64
}
