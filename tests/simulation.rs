//! Deterministic simulation of a stop: adieu's decisions (`src/decide`) in a simulated Linux with a
//! virtual clock. A seed decides the settings, the tree, what each program does, and what happens
//! and when. Every promise of `simulation/promises.rs` is checked after every step.
//! `docs/simulation.md` says what is simulated and what is not.
//!
//! `ADIEU_SEEDS=1000000 cargo test --profile simulation --test simulation` runs that many seeds.
//! `ADIEU_SEED=17` runs one seed and prints its story. `ADIEU_STORIES=FILE` writes the stories of
//! all seeds, to be compared before and after a change of the structure. `ADIEU_TALLY=1` counts the
//! seeds that break each promise. `ADIEU_SHRINK_SEED=17` makes one seed smaller.

#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(clippy::collapsible_if, clippy::collapsible_match, reason = "one check, one condition")]

#[path = "simulation/promises.rs"]
mod promises;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/scenario.rs"]
mod scenario;
#[path = "simulation/world.rs"]
mod world;

use promises::Promise;
use run::{run, title};
use scenario::Scenario;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds a plain `cargo test` runs, where nothing is optimized.
const SEEDS: u64 = 2_000;
/// How many variants of a failing scenario are tried in order to make it smaller.
const TRIES: usize = 3_000;
/// How many seeds a thread takes at a time.
const CHUNK: u64 = 256;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    match value.parse() {
        Ok(number) => Some(number),
        Err(e) => panic!("{name} '{value}': {e}; write for example '100000'"),
    }
}

/// The first seed that fails, if one does. Runs on all cores.
fn first_failure(seeds: u64) -> Option<u64> {
    let (next, found) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if from >= seeds.min(found.load(Ordering::Relaxed)) {
                        return;
                    }
                    let broken = |seed: &u64| run(&Scenario::new(*seed), false).broken.is_some();
                    if let Some(seed) = (from..(from + CHUNK).min(seeds)).find(broken) {
                        found.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Some(found.into_inner()).filter(|seed| *seed < u64::MAX)
}

/// The smallest scenario that can be found with the same failure.
fn shrink(scenario: Scenario, promise: Promise) -> Scenario {
    let mut smallest = scenario;
    let mut tries = 0;
    'again: loop {
        for smaller in smallest.smaller() {
            tries += 1;
            if tries > TRIES {
                return smallest;
            }
            if run(&smaller, false).broken.is_some_and(|broken| broken.promise == promise) {
                smallest = smaller;
                continue 'again;
            }
        }
        return smallest;
    }
}

/// What happened in a run, as text: which promise broke and how, the settings, and every event with
/// its time.
fn story(scenario: &Scenario) -> String {
    let outcome = run(scenario, true);
    let mut text = String::new();
    if let Some(broken) = outcome.broken {
        let _ = writeln!(
            text,
            "BROKEN  {:?}: {}\n        {}",
            broken.promise,
            broken.promise.sentence(),
            broken.how
        );
    }
    let _ = writeln!(text, "{}", title(scenario));
    let _ = write!(text, "{}", outcome.story.unwrap_or_default());
    text
}

/// Counts the seeds that break each promise, and gives the first few of each.
fn tally(seeds: u64) -> String {
    let (next, found) = (AtomicU64::new(1), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let Some(broken) = run(&Scenario::new(seed), false).broken else { continue };
                    let mut found = found.lock().expect("no thread panics with it");
                    let of_it: &mut Vec<u64> = found.entry(broken.promise).or_default();
                    of_it.push(seed);
                }
            });
        }
    });
    let mut text = String::new();
    for (promise, mut of_it) in found.into_inner().expect("no thread panicked") {
        of_it.sort_unstable();
        let count = of_it.len();
        of_it.truncate(6);
        let _ = writeln!(text, "{promise:?}: {count} of {seeds} seeds, the first are {of_it:?}");
    }
    text
}

/// Writes every story to one file. A change of structure leaves it the same byte for byte.
fn write_stories(file: &std::ffi::OsStr, seeds: u64) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(file)?);
    for seed in 1..=seeds {
        writeln!(file, "seed {seed}\n{}", story(&Scenario::new(seed)))?;
    }
    file.flush()
}

#[test]
fn every_seed_keeps_the_promises() {
    if let Some(seed) = number("ADIEU_SEED") {
        let scenario = Scenario::new(seed);
        println!("seed {seed}\n{}", story(&scenario));
        assert!(run(&scenario, false).broken.is_none(), "seed {seed} breaks a promise");
        return;
    }
    let seeds = number("ADIEU_SEEDS").unwrap_or(SEEDS);
    if let Some(file) = std::env::var_os("ADIEU_STORIES") {
        write_stories(&file, seeds).expect("the file of ADIEU_STORIES can be written");
    }
    let hook = std::panic::take_hook();
    let only = number("ADIEU_SHRINK_SEED");
    if std::env::var_os("ADIEU_TALLY").is_some() {
        std::panic::set_hook(Box::new(|_| {}));
        let broken = tally(seeds);
        std::panic::set_hook(hook);
        assert!(broken.is_empty(), "\n{broken}");
        return;
    }
    std::panic::set_hook(Box::new(|_| {}));
    let failed = only.or_else(|| first_failure(seeds)).map(|seed| {
        let scenario = Scenario::new(seed);
        let broken = run(&scenario, false).broken.expect("it failed before");
        let shrinks = number("ADIEU_NO_SHRINK").is_none();
        let small = if shrinks { shrink(scenario, broken.promise) } else { scenario };
        (seed, broken.promise, story(&small))
    });
    std::panic::set_hook(hook);
    if let Some((seed, promise, story)) = failed {
        panic!(
            "seed {seed} breaks {promise:?} (ADIEU_SEED={seed} replays it); the smallest such \
             run:\n{story}"
        );
    }
    println!("{seeds} seeds keep {} promises", Promise::ALL.len());
}
