//! A started adieu whose outputs are read line by line, and how it went.
#![allow(unsafe_code, reason = "sends signals that nix does not have")]

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{ChildStdin, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{Process, descendants, holders, open_file};
use super::scratch::lock;
use super::started::{Shared, Started, exit_code, update, wait_until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Stdout,
    Stderr,
}

/// One line, without its end. The order is exact within an origin, and as read between the two.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) origin: Origin,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Seen {
    lines: Vec<Line>,
    /// How many outputs have not reached their end.
    open: usize,
    ended: Option<Instant>,
}

/// A started adieu. Waits fail the test, with everything seen so far, once the common deadline
/// passes or once what they wait for can come no more.
pub(crate) struct Running {
    started: Started,
    seen: Shared<Seen>,
    /// The pipes that stdout and stderr write to, as /proc shows them.
    pipes: Vec<PathBuf>,
    last_signal: Cell<Option<Instant>>,
}

impl Running {
    pub(super) fn start(command: &mut Command, pid1: bool, deadline: Duration) -> Self {
        let mut started = Started::spawn(command, pid1, deadline);
        let seen = Shared::<Seen>::default();
        let mut pipes = Vec::new();
        if let Some(stdout) = started.child.stdout.take() {
            pipes.extend(open_file(stdout.as_fd()));
            read_lines(stdout, Origin::Stdout, &seen);
        }
        if let Some(stderr) = started.child.stderr.take() {
            pipes.extend(open_file(stderr.as_fd()));
            read_lines(stderr, Origin::Stderr, &seen);
        }
        let shared = Arc::clone(&seen);
        started.on_end(move |at| update(&shared, |seen| seen.ended = Some(at)));
        Self { started, seen, pipes, last_signal: Cell::new(None) }
    }

    /// Waits for a line, on stdout or stderr, that contains `pattern`; one that has come already
    /// counts.
    pub(crate) fn wait_line(&self, pattern: &str) -> Line {
        self.wait_lines(1, pattern).remove(0)
    }

    /// Waits for `count` lines that contain `pattern`.
    pub(crate) fn wait_lines(&self, count: usize, pattern: &str) -> Vec<Line> {
        let found = |seen: &Seen| {
            let lines: Vec<_> =
                seen.lines.iter().filter(|line| line.text.contains(pattern)).cloned().collect();
            (lines.len() >= count).then_some(lines)
        };
        self.wait_until(&format!("{count} × {pattern:?}"), found, |seen| seen.open == 0)
    }

    /// Waits until adieu has ended, whatever process may still have its outputs open, and says how
    /// long it took from the last signal.
    pub(crate) fn wait_end(&self) -> Duration {
        let ended = self.wait_until("its end", |seen| seen.ended, |_| false);
        ended.saturating_duration_since(self.last_signal.get().unwrap_or(self.started.began))
    }

    /// Whether a line with one of these came, where its absence is a finding and no failure:
    /// `false` once it can come no more.
    #[allow(dead_code, reason = "for tests/faults.rs")]
    pub(crate) fn saw(&self, patterns: &[&str]) -> bool {
        let is_one = |line: &Line| patterns.iter().any(|pattern| line.text.contains(pattern));
        let found = |seen: &Seen| seen.lines.iter().any(is_one).then_some(());
        wait_until(&self.seen, self.started.deadline, found, |seen| seen.open == 0).is_some()
    }

    /// Whether it ended before the deadline, where that is a finding and no failure.
    #[allow(dead_code, reason = "for tests/faults.rs")]
    pub(crate) fn ends(&self) -> bool {
        wait_until(&self.seen, self.started.deadline, |seen| seen.ended, |_| false).is_some()
    }

    /// All lines until now.
    pub(crate) fn lines(&self) -> Vec<Line> {
        lock(&self.seen.0).lines.clone()
    }

    /// adieu's pid, in the test's own PID namespace.
    pub(crate) fn pid(&self) -> Pid {
        self.started.adieu().unwrap_or_else(|| self.fail("adieu has ended already"))
    }

    /// Everything below adieu, parents before children.
    pub(crate) fn tree(&self) -> Vec<Process> {
        descendants(self.pid())
    }

    /// Everything that has adieu's stdout or stderr open, wherever in the tree it is: orphans
    /// outside a PID namespace too.
    pub(crate) fn writers(&self) -> Vec<Process> {
        holders(&self.pipes)
    }

    /// The one process below adieu of that name (`/proc/<pid>/comm`).
    pub(crate) fn process(&self, name: &str) -> Process {
        let tree = self.tree();
        let mut named = tree.iter().filter(|it| it.name == name);
        match (named.next(), named.next()) {
            (Some(process), None) => process.clone(),
            _ => self.fail(&format!("not exactly one {name} among {tree:#?}")),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.signal_number(signal as i32);
    }

    /// Also sends real-time signals, which [`Signal`] does not have.
    pub(crate) fn signal_number(&self, signal: i32) {
        let pid = self.pid();
        self.last_signal.set(Some(Instant::now()));
        // SAFETY: kill(2) touches no memory of ours.
        if let Err(errno) = Errno::result(unsafe { libc::kill(pid.as_raw(), signal) }) {
            self.fail(&format!("signal {signal} to adieu, process {pid}: {errno}"));
        }
    }

    /// The writing end of `stdin(Stdio::piped())`; dropped, it is the end of file.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.started
            .child
            .stdin
            .take()
            .expect("stdin was not asked to be a pipe, or has been taken")
    }

    /// Waits for the end, of adieu and of its outputs, and fails where the exit status is not
    /// `code`.
    pub(crate) fn expect_exit(self, code: i32) -> Finished {
        let finished = self.finish();
        assert_eq!(finished.code, code, "exit status\n{finished}");
        finished
    }

    /// Waits for the end, of adieu and of its outputs.
    pub(crate) fn finish(mut self) -> Finished {
        let took = self.wait_end();
        let closed = |seen: &Seen| (seen.open == 0).then_some(());
        if wait_until(&self.seen, self.started.deadline, closed, |_| false).is_none() {
            self.fail(&format!(
                "adieu has ended, its output is held open by {:#?}",
                holders(&self.pipes)
            ));
        }
        let mut code = exit_code(self.started.child.wait().unwrap());
        let mut lines = self.lines();
        // unshare(1) ends as its child did, by the same signal. With SIGKILL some versions fail at
        // that (2.38 does).
        let failed = |line: &Line| {
            line.origin == Origin::Stderr && line.text.starts_with("unshare: sigprocmask ")
        };
        if self.started.pid1 && code == 1 && lines.iter().any(failed) {
            code = 128 + libc::SIGKILL;
            lines.retain(|line| !failed(line));
        }
        Finished {
            code,
            out: of(&lines, Origin::Stdout),
            err: of(&lines, Origin::Stderr),
            took,
            lines,
        }
    }

    fn wait_until<R>(
        &self,
        what: &str,
        found: impl FnMut(&Seen) -> Option<R>,
        in_vain: impl Fn(&Seen) -> bool,
    ) -> R {
        let found = wait_until(&self.seen, self.started.deadline, found, in_vain);
        found.unwrap_or_else(|| self.fail(&format!("gave up waiting for {what}")))
    }

    fn fail(&self, why: &str) -> ! {
        let seen = lock(&self.seen.0);
        let mut text = format!("{why}\n");
        for line in &seen.lines {
            writeln!(text, "{}", show(line, self.started.began)).ok();
        }
        match seen.ended {
            Some(at) => writeln!(text, "{:>7.3} s  ended", (at - self.started.began).as_secs_f64()),
            None => {
                writeln!(text, "not ended; below it: {:#?}", descendants(self.started.child_pid()))
            }
        }
        .ok();
        drop(seen);
        panic!("{text}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.started.kill_all();
        // Nothing outlives a PID 1. Elsewhere what was orphaned is no longer below it, but still
        // writes to its pipes.
        if !self.started.pid1 {
            for process in holders(&self.pipes) {
                kill(process.pid, Signal::SIGKILL).ok();
            }
        }
    }
}

fn read_lines(output: impl Read + Send + 'static, origin: Origin, seen: &Shared<Seen>) {
    update(seen, |seen| seen.open += 1);
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            let text =
                String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes)).into_owned();
            update(&seen, |seen| seen.lines.push(Line { origin, text, at: Instant::now() }));
            bytes.clear();
        }
        update(&seen, |seen| seen.open -= 1);
    });
}

fn of(lines: &[Line], origin: Origin) -> Vec<String> {
    lines.iter().filter(|line| line.origin == origin).map(|line| line.text.clone()).collect()
}

fn show(line: &Line, began: Instant) -> String {
    let Line { origin, text, at } = line;
    format!("{:>7.3} s  {origin:?}  {text}", (*at - began).as_secs_f64())
}

/// How it went.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
    /// Both, in the order in which they were read.
    pub(crate) lines: Vec<Line>,
    /// From the last signal sent (or else the start) to adieu's end.
    pub(crate) took: Duration,
}

impl Finished {
    /// stdout has each of these lines, word for word, exactly once, and in this order. Others may
    /// lie between.
    pub(crate) fn assert_order<'a>(&self, expected: impl IntoIterator<Item = &'a str>) -> &Self {
        let mut last = None;
        for expected in expected {
            let mut places = self
                .out
                .iter()
                .enumerate()
                .filter(|(_, line)| *line == expected)
                .map(|(place, _)| place);
            let place = places.next();
            assert!(
                place.is_some() && places.next().is_none(),
                "not exactly once: {expected:?}\n{self}"
            );
            assert!(last < place, "too early: {expected:?}\n{self}");
            last = place;
        }
        self
    }

    /// No line of stdout or stderr contains this.
    pub(crate) fn assert_no(&self, pattern: &str) -> &Self {
        let found = self.lines.iter().any(|line| line.text.contains(pattern));
        assert!(!found, "unexpected: {pattern:?}\n{self}");
        self
    }

    /// How often adieu says that it dropped this signal, those included that it only counts.
    pub(crate) fn dropped(&self, signal: &str) -> usize {
        let lines = self.err.iter().filter(|line| line.contains(&format!("{signal} dropped: ")));
        let count = |line: &String| {
            let more = line
                .split(" more")
                .next()
                .and_then(|it| it.rsplit(['(', ' ']).next()?.parse().ok());
            usize::from(line.contains("no program")) + more.unwrap_or(0)
        };
        lines.map(count).sum()
    }

    /// How many lines of stdout contain this.
    pub(crate) fn count(&self, pattern: &str) -> usize {
        self.out.iter().filter(|line| line.contains(pattern)).count()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit status {}, {:?} after the last signal", self.code, self.took)?;
        let began = self.lines.iter().map(|line| line.at).min().unwrap_or_else(Instant::now);
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", show(line, began)))
    }
}
