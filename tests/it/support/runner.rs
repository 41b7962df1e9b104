//! Runs the tests with the arguments and the output of cargo test's own harness. A test for which
//! something is missing counts as ignored, with the reason.
//!
//! Why own code: cargo test's harness cannot ignore a test once it runs. libtest2-mimic 0.0.4 can,
//! but it refuses `--nocapture`, prints panics between the lines of other tests, does not print the
//! reason of a skip, and cannot run a test alone.
//!
//! A module lists its tests in one table, `TESTS`. A test that is in no table is dead code, which
//! clippy refuses.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

use super::need::{self, Lack, Skip};
use super::scratch::lock;

const HELP: &str = "Usage: [OPTIONS] [FILTER…]

A test runs if its name contains one of the filters.

    --skip TEXT            not those whose name contains TEXT
    --exact                filters and --skip are whole names
    --test-threads NUMBER  so many tests at a time (or RUST_TEST_THREADS)
    --list                 prints the names
    --nocapture            prints the output of a test at once
    --show-output          prints the output of passed tests too
    --report-time          prints how long each test took, and the slowest ten
    -q, --quiet            prints no line for each test
";

/// How many of the slowest tests `--report-time` names.
const SLOWEST: usize = 10;
/// What cargo itself exits with where a test fails.
const FAILED: u8 = 101;

/// A test: a function that panics where something is not as promised.
#[derive(Clone, Copy)]
pub(crate) struct Test {
    /// With its crate and its modules.
    pub(crate) path: &'static str,
    pub(crate) run: fn(),
}

impl Test {
    /// Without the crate's name: `stop::epilogue::a_restart_loop_ends_with_the_epilogue`.
    pub(crate) fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }
}

/// The table of a module's tests, by the names of their functions.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        &[$($crate::support::runner::Test {
            path: concat!(module_path!(), "::", stringify!($name)),
            run: $name,
        }),*]
    };
}
pub(crate) use tests;

// --- What a test prints, and what is missing for it ----------------------------------------------

/// What the test that this thread runs has printed, and what is missing for it.
#[derive(Default)]
struct Notes {
    said: String,
    lacks: Vec<Lack>,
    print_at_once: bool,
}

thread_local! {
    static NOTES: RefCell<Option<Notes>> = const { RefCell::new(None) };
}

/// Prints where the test fails, as `println!` does under cargo test's own harness.
pub(crate) fn say(text: impl Display) {
    NOTES.with_borrow_mut(|notes| match notes {
        Some(notes) if !notes.print_at_once => notes.said.push_str(&format!("{text}\n")),
        // In a thread that a test has started.
        _ => {
            writeln!(io::stderr(), "{text}").ok();
        }
    });
}

/// Notes what is missing for the test; it then counts as ignored, unless it fails.
pub(super) fn note_lack(lack: Lack) {
    NOTES.with_borrow_mut(|notes| match notes {
        Some(notes) if notes.lacks.contains(&lack) => {}
        Some(notes) => notes.lacks.push(lack),
        None => panic!(
            "{lack} is missing; ask for it in the thread of the test, before it starts others"
        ),
    });
}

// --- Arguments -----------------------------------------------------------------------------------

#[derive(Default)]
struct Arguments {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    threads: Option<usize>,
    list: bool,
    no_capture: bool,
    show_output: bool,
    report_time: bool,
    quiet: bool,
    only_ignored: bool,
}

impl Arguments {
    fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (&*word, None),
            };
            let mut value = || {
                let value = value.clone().or_else(|| words.next());
                value.ok_or_else(|| format!("{name} needs a value"))
            };
            match name {
                "--skip" => arguments.skip.push(value()?),
                "--test-threads" => arguments.threads = Some(threads(name, &value()?)?),
                // There is one format, without colours.
                "--format" | "--color" | "--logfile" => drop(value()?),
                "--exact" => arguments.exact = true,
                "--list" => arguments.list = true,
                "--nocapture" | "--no-capture" => arguments.no_capture = true,
                "--show-output" => arguments.show_output = true,
                "--report-time" => arguments.report_time = true,
                "-q" | "--quiet" => arguments.quiet = true,
                "--ignored" => arguments.only_ignored = true,
                // Whether a test is ignored shows only when it runs.
                "--include-ignored" | "--test" => {}
                "-h" | "--help" => return Err(HELP.to_owned()),
                _ if word.starts_with('-') => {
                    return Err(format!("no such option: {word}\n\n{HELP}"));
                }
                _ => arguments.filters.push(word),
            }
        }
        arguments.skip.extend(env::var("ADIEU_TEST_SKIP"));
        if arguments.threads.is_none()
            && let Ok(number) = env::var("RUST_TEST_THREADS")
        {
            arguments.threads = Some(threads("RUST_TEST_THREADS", &number)?);
        }
        Ok(arguments)
    }

    fn wants(&self, test: &Test) -> bool {
        let name = test.name();
        let matches =
            |text: &String| if self.exact { name == text } else { name.contains(&**text) };
        let wanted = self.filters.is_empty() || self.filters.iter().any(matches);
        // No test is known to be ignored before it runs.
        wanted && !self.skip.iter().any(matches) && !self.only_ignored
    }
}

fn threads(name: &str, number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => {
            Err(format!("{name} '{number}' is no number of threads; write for example '{name} 2'"))
        }
    }
}

// --- The run -------------------------------------------------------------------------------------

enum Outcome {
    Passed,
    Failed,
    Ignored,
}

struct Ran {
    name: &'static str,
    outcome: Outcome,
    said: String,
    lacks: Vec<Lack>,
    took: Duration,
}

fn run(test: &Test, print_at_once: bool) -> Ran {
    NOTES.set(Some(Notes { print_at_once, ..Notes::default() }));
    let began = Instant::now();
    let result = panic::catch_unwind(AssertUnwindSafe(test.run));
    let took = began.elapsed();
    let Notes { said, lacks, .. } = NOTES.take().unwrap_or_default();
    let outcome = match result {
        Ok(()) if lacks.is_empty() => Outcome::Passed,
        Ok(()) => Outcome::Ignored,
        Err(payload) if is_skip(&*payload) => Outcome::Ignored,
        Err(_) => Outcome::Failed,
    };
    Ran { name: test.name(), outcome, said, lacks, took }
}

fn is_skip(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Skip>()
}

/// All that ran, and what is printed of each as it ends.
struct Report<'a> {
    arguments: &'a Arguments,
    ran: Mutex<Vec<Ran>>,
}

impl Report<'_> {
    fn add(&self, ran: Ran) {
        let mut all = lock(&self.ran);
        if !self.arguments.quiet {
            let outcome = match ran.outcome {
                Outcome::Passed => "ok".to_owned(),
                Outcome::Failed => "FAILED".to_owned(),
                Outcome::Ignored => {
                    let lacks: Vec<String> = ran.lacks.iter().map(Lack::to_string).collect();
                    format!("ignored, needs {}", lacks.join(", "))
                }
            };
            let time = if self.arguments.report_time { seconds(ran.took) } else { String::new() };
            writeln!(io::stdout(), "test {} ... {outcome}{time}", ran.name).ok();
        }
        all.push(ran);
    }

    fn finish(self, left_out: usize, began: Instant) -> ExitCode {
        let mut out = io::stdout().lock();
        let mut all = self.ran.into_inner().unwrap_or_default();
        all.sort_by_key(|ran| ran.name);
        let of = |wanted: fn(&Outcome) -> bool| all.iter().filter(move |ran| wanted(&ran.outcome));
        let failed: Vec<&Ran> = of(|it| matches!(it, Outcome::Failed)).collect();
        if self.arguments.show_output {
            let said = of(|it| !matches!(it, Outcome::Failed)).filter(|ran| !ran.said.is_empty());
            said.for_each(|ran| drop(writeln!(out, "\n---- {} ----\n{}", ran.name, ran.said)));
        }
        if !failed.is_empty() {
            writeln!(out, "\nfailures:").ok();
            for ran in &failed {
                writeln!(out, "\n---- {} ----\n{}", ran.name, ran.said).ok();
            }
            writeln!(out, "\nfailures:").ok();
            failed.iter().for_each(|ran| drop(writeln!(out, "    {}", ran.name)));
        }
        if self.arguments.report_time {
            let mut slowest: Vec<&Ran> = all.iter().collect();
            slowest.sort_by_key(|ran| std::cmp::Reverse(ran.took));
            writeln!(out, "\nslowest:").ok();
            let slowest = slowest.iter().take(SLOWEST);
            slowest.for_each(|ran| drop(writeln!(out, "    {}{}", ran.name, seconds(ran.took))));
        }
        let ignored = of(|it| matches!(it, Outcome::Ignored)).count();
        let mut lacks: BTreeMap<Lack, usize> = BTreeMap::new();
        for ran in of(|it| matches!(it, Outcome::Ignored)) {
            // A test names each missing thing once.
            ran.lacks.iter().for_each(|lack| *lacks.entry(lack.clone()).or_default() += 1);
        }
        write!(out, "\n{}", need::summary(ignored, &lacks)).ok();
        writeln!(
            out,
            "test result: {}. {} passed; {} failed; {ignored} ignored; 0 measured; \
             {left_out} filtered out; finished in {:.2}s\n",
            if failed.is_empty() { "ok" } else { "FAILED" },
            all.len() - failed.len() - ignored,
            failed.len(),
            began.elapsed().as_secs_f64()
        )
        .ok();
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }
}

fn seconds(time: Duration) -> String {
    format!(" <{:.3}s>", time.as_secs_f64())
}

/// The tests of a program, by what may run beside them.
pub(crate) struct Tests<'a> {
    /// Several at a time.
    pub(crate) together: &'a [&'a [Test]],
    /// One at a time, beside the others.
    pub(crate) in_turn: &'a [Test],
    /// When all others are over, one at a time.
    pub(crate) alone: &'a [&'a [Test]],
}

/// How many tests run at a time for each processor: most of a test is waiting.
const AT_A_TIME: usize = 3;

/// Runs the tests that the arguments of this program name.
pub(crate) fn main(tests: &Tests<'_>) -> ExitCode {
    let began = Instant::now();
    let arguments = match Arguments::parse(env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(text) => {
            writeln!(io::stderr(), "{text}").ok();
            return if text == HELP { ExitCode::SUCCESS } else { ExitCode::from(FAILED) };
        }
    };
    let mut left_out = 0;
    let mut select = |tables: &[&[Test]]| {
        let tests = tables.iter().copied().flatten().copied();
        let (wanted, not) = tests.partition::<VecDeque<Test>, _>(|test| arguments.wants(test));
        left_out += not.len();
        wanted
    };
    let (mut together, mut in_turn, alone) =
        (select(tests.together), select(&[tests.in_turn]), select(tests.alone));
    if arguments.list {
        for test in together.iter().chain(&in_turn).chain(&alone) {
            writeln!(io::stdout(), "{}: test", test.name()).ok();
        }
        return ExitCode::SUCCESS;
    }
    panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        let captured = backtrace.status() == BacktraceStatus::Captured;
        say(if captured { format!("{info}\n{backtrace}") } else { info.to_string() });
    }));
    let count = together.len() + in_turn.len() + alone.len();
    writeln!(io::stdout(), "\nrunning {count} test{}", if count == 1 { "" } else { "s" }).ok();
    let report = Report { arguments: &arguments, ran: Mutex::default() };
    let work = |tests: &Mutex<VecDeque<Test>>| {
        while let Some(test) = { lock(tests).pop_front() } {
            report.add(run(&test, arguments.no_capture));
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = arguments.threads.unwrap_or(AT_A_TIME * processors);
    if workers == 1 {
        together.append(&mut in_turn);
    }
    let [together, in_turn, alone] = [together, in_turn, alone].map(Mutex::new);
    thread::scope(|scope| {
        (0..workers).for_each(|_| drop(scope.spawn(|| work(&together))));
        scope.spawn(|| work(&in_turn));
    });
    thread::scope(|scope| drop(scope.spawn(|| work(&alone))));
    report.finish(left_out, began)
}
