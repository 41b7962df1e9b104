//! What people run in containers, as they reported it, with the programs that they run: node,
//! multilog, su, tmux, screen, script, make, foreman, honcho, go-task, just and PostgreSQL, under
//! each shell where the shell matters.
//!
//! A test says in order what happened: the server got the signal, once; it finished; its last line
//! came through the filter; what the script did then; the exit status.

/// A database and its client, which wait for each other.
mod clients;
/// Timeouts, exit statuses and the epilogue.
mod endings;
/// Programs that have a terminal of their own for others: tmux, screen, script.
mod hosts;
/// Programs that ignore the signal.
mod ignorers;
/// What a manager, make or node leaves behind.
mod left_behind;
/// Log filters that handle the signal themselves, and scripts that come through a pipe.
mod pipelines;
/// Shells with a trap.
mod traps;
/// Programs that only wait for their child.
mod wrappers;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::scenario::{container, stop};
use crate::support::runner::Test;
use crate::support::{
    Adieu, Finished, Running, Scratch, eventually, missing, page, say, tool_or_less,
};

pub(crate) const TABLES: [&[Test]; 8] = [
    clients::TESTS,
    endings::TESTS,
    pipelines::TESTS,
    traps::TESTS,
    ignorers::TESTS,
    wrappers::TESTS,
    left_behind::TESTS,
    hosts::TESTS,
];

/// A server that says when it got the signal, prints two lines more, and says that it is done. What
/// it could not write it reports on stderr.
const SERVER_JS: &str = "
const say = text => console.log('server ' + text);
process.stdout.on('error', error => console.error('server lost a line: ' + error.code));
process.on('SIGTERM', () => {
  say('got TERM');
  setTimeout(() => say('line 1'), 200);
  setTimeout(() => { say('line 2'); say('done'); process.exit(3); }, 400);
});
setInterval(() => {}, 1000);
say('ready');
";

/// A filter without a handler of its own; node has one all the same, as SigCgt shows.
const PRETTY_JS: &str = "
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', line => console.log('pretty: ' + line));
lines.on('close', () => console.log('pretty ends'));
";

/// A folder with these files, which are no programs.
fn folder(files: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in files {
        fs::write(scratch.join(name), text).unwrap();
    }
    scratch
}

/// adieu in this folder, with these words. It prints the stop, for a failure's words.
fn within(folder: &Scratch, words: &[&str]) -> Adieu {
    container().current_dir(folder.path()).arg("-v").args(words.iter().copied())
}

/// The shells in which a script for any of them runs.
struct Shell {
    name: &'static str,
    /// What `--shell` takes.
    words: String,
}

impl Shell {
    /// Those of them that are there.
    fn each(names: &'static [&'static str]) -> impl Iterator<Item = Self> {
        names.iter().copied().filter(|name| tool_or_less(name).is_some()).map(|name| {
            let program = if name == "busybox" { "busybox sh" } else { name };
            Self { name, words: format!("{program} -c") }
        })
    }

    /// Those that are there of all.
    fn all() -> impl Iterator<Item = Self> {
        Self::each(&["dash", "bash", "busybox", "zsh", "ksh93", "mksh", "yash"])
    }

    /// adieu in this folder, with this script of the shell.
    fn runs(&self, folder: &Scratch, options: &[&str], script: &str) -> Adieu {
        within(folder, &[&["--shell", &self.words], options, &[script]].concat())
    }

    /// Stops it with SIGTERM once so many servers are ready.
    fn stops(&self, folder: &Scratch, script: &str, ready: usize) -> Finished {
        let finished = stop(self.runs(folder, &[], script), ready).finish();
        say(format!("--- {}: {script}\n{finished}", self.name));
        finished
    }

    /// mksh catches TERM without a trap too, and ends by it once its foreground command has ended.
    fn code_without_trap(&self, own: i32) -> i32 {
        if self.name == "mksh" { 143 } else { own }
    }

    /// Of a script that ends with `wait`, which a trap interrupted.
    fn code_of_interrupted_wait(&self) -> i32 {
        if self.name == "ksh93" { 1 } else { 143 }
    }

    /// Of `exit` in a trap that runs because the signal ended the foreground command.
    fn code_of_exit_in_trap(&self, own: i32) -> i32 {
        if self.name == "ksh93" { 128 + own } else { own }
    }
}

/// No process was killed, no line was lost, and these lines came in this order.
fn assert_graceful<'a>(finished: &Finished, order: impl IntoIterator<Item = &'a str>) {
    finished.assert_order(order).assert_no("lost").assert_no("EPIPE");
    assert_not_killed(finished);
}

/// adieu killed no process. su and script say "killing" too.
fn assert_not_killed(finished: &Finished) {
    let by_adieu = |line: &&String| line.contains("adieu: ") && line.contains(": killing ");
    assert!(!finished.err.iter().any(|line| by_adieu(&line)), "{finished}");
}

/// It took no longer than what it had to do, and what a busy machine may add.
fn assert_took(finished: &Finished, least: Duration, most: Duration) {
    assert!(finished.took >= least && finished.took < most, "{least:?} to {most:?}\n{finished}");
}

/// The lines of a file that the programs write to.
fn logged(folder: &Scratch, name: &str) -> Vec<String> {
    let text = fs::read(folder.join(name)).unwrap_or_default();
    // A terminal's lines end with a carriage return.
    String::from_utf8_lossy(&text).lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Waits until a line of this file ends with `text`.
fn wait_logged(running: &Running, folder: &Scratch, name: &str, text: &str) {
    eventually(&format!("{name} has {text:?}; below adieu: {:#?}", running.tree()), || {
        logged(folder, name).iter().any(|line| line.ends_with(text))
    });
}

/// The file has a line for each of these ends, exactly one, in this order.
fn assert_logged(folder: &Scratch, name: &str, order: &[&str], finished: &Finished) {
    let lines = logged(folder, name);
    let places: Vec<_> = order
        .iter()
        .map(|end| {
            let hits = lines.iter().enumerate().filter(|(_, line)| line.ends_with(end));
            let places: Vec<_> = hits.map(|(place, _)| place).collect();
            assert_eq!(places.len(), 1, "not exactly once: {end:?} in {lines:#?}\n{finished}");
            places[0]
        })
        .collect();
    assert!(places.is_sorted(), "not in this order: {order:?} in {lines:#?}\n{finished}");
}

/// A program of PyPI, of which `examples/requirements.txt` has the package.
fn of_pypi(name: &str) -> PathBuf {
    let here = page::target_directory().join("examples-venv/bin").join(name);
    if here.is_file() {
        return here;
    }
    let how = "python3 -m venv target/examples-venv && target/examples-venv/bin/pip install -r \
               examples/requirements.txt";
    page::find(name).unwrap_or_else(|| missing(name, how))
}
