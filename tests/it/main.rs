//! What adieu promises, shown with real shells, programs, PID namespaces and containers: one
//! binary, a module a theme.
//!
//! docs/promises.md has each promise with its tests. `cargo test --test it stop::` runs a module,
//! `cargo test NAME` a test.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what fails in a test or in its helpers fails the test"
)]

/// Scenarios that several themes share.
mod scenario;
mod support;

/// Containers of the real Docker.
mod docker;
/// How adieu itself ends, for its parent.
mod endings;
/// What a program inherits under adieu, and what adieu does not change.
mod environment;
/// The scripts under `examples/`.
mod examples;
/// `adieu --explain`.
mod explain;
/// What the shells do by themselves, without adieu.
mod facts;
/// What people run in containers, as they reported it.
mod field;
/// Help, man pages, completions and the README agree.
mod generated;
/// The tests' own helpers and `examples/server.rs`.
mod harness;
/// Thousands of processes, forks and signals.
mod load;
/// The same stops under other inits.
mod peers;
/// docs/promises.md is made from the tests.
mod promises;
/// Signals while a program is only just being started.
mod races;
/// What adieu prints of a stop: warnings, `-v`, reports.
mod report;
/// `adieu-runtime`, the OCI runtime in front of runc.
mod runtime;
/// Hostile programs, file systems and floods.
mod security;
/// Real servers under start scripts.
mod services;
/// The same stops under each shell.
mod shells;
/// The command line and the start.
mod start;
/// What a stop promises: which process gets the signal, in which order, and what happens to the
/// others.
mod stop;
/// On a terminal.
mod terminal;
/// The tests of containers with today's engines.
mod today;
/// Strings that need no shell.
mod words;

use std::env;
use std::process::ExitCode;

use support::runner::{self, Tests};
use support::variables::with_todays_engines;

fn main() -> ExitCode {
    if let Some(words) = env::var_os(environment::ODD_WORDS) {
        environment::exec_with_an_odd_environment(&words);
    }
    if env::var_os(harness::FIXTURES).is_some() {
        return harness::fixtures();
    }
    // The longest tests come first, so that none of them runs alone at the end.
    let together = [
        peers::TESTS,
        docker::TESTS,
        report::TESTS,
        explain::TESTS,
        explain::all::TESTS,
        explain::containers::TESTS,
        security::TESTS,
        services::TESTS,
        runtime::TESTS,
        races::TESTS,
        start::TESTS,
        words::TESTS,
        generated::TESTS,
        endings::TESTS,
        environment::TESTS,
        examples::TESTS,
        facts::TESTS,
        harness::TESTS,
        promises::TESTS,
    ];
    let mut together = [&together[..], &shells::TABLES, &stop::TABLES, &field::TABLES].concat();
    let mut alone =
        vec![facts::ALONE, terminal::ALONE, harness::ALONE, load::ALONE, explain::all::ALONE];
    if with_todays_engines() {
        together.extend([docker::TODAY, runtime::TODAY]);
        alone.push(today::INSIDE);
    } else {
        alone.push(today::ALONE);
    }
    runner::main(&Tests { together: &together, in_turn: examples::IN_TURN, alone: &alone })
}
