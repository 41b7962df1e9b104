//! Who reads from whom: the pipelines of a tree, by the files that its processes have as stdin,
//! stdout and stderr.
//!
//! R reads from a handler if R's stdin is a pipe that the handler has as an output, or a process
//! above or below that handler has, or a process that itself reads from a handler. A pipe that R
//! writes itself does not count: it never ends. A handler below R counts where R is a program: a
//! shell has executed R in its own place (`exec filter < <(server)`), since a program reads from
//! what it has started by another descriptor.

use crate::process::{File, Kind, Process, Snapshot, Stdin, with_ancestors};
use std::collections::BTreeMap;

/// What a process reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reads {
    /// Nothing that a handler writes.
    #[default]
    Nothing,
    /// A pipe that a handler writes.
    Handler,
    /// A pipe that a handler wrote. No handler is left that does.
    Rest,
}

/// The pipes of a tree.
pub(super) struct Pipes<'a> {
    processes: &'a [Process],
    /// Which processes have each pipe as an output.
    writers: BTreeMap<File, Vec<usize>>,
}

impl<'a> Pipes<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut writers: BTreeMap<File, Vec<usize>> = BTreeMap::new();
        for (at, process) in snapshot.processes.iter().enumerate() {
            for file in process.outputs.files.into_iter().flatten() {
                writers.entry(file).or_default().push(at);
            }
        }
        Self { processes: &snapshot.processes, writers }
    }

    /// What each process reads. `handlers` handle the signal, `sources` are those of them whose
    /// lines have to be read to the end, and the `known` have been readers before.
    pub(super) fn reads(
        &self,
        handlers: &[bool],
        sources: &[bool],
        known: impl Fn(usize) -> bool,
    ) -> Vec<Reads> {
        let mut reads = vec![Reads::Nothing; self.processes.len()];
        let is_handler = |at: usize| handlers.get(at) == Some(&true);
        // What a handler has as stdin may not show. That keeps no signal from it.
        let candidates: Vec<usize> = (0..self.processes.len())
            .filter(|at| known(*at) || self.stdin(*at) != Stdin::Other)
            .filter(|at| self.stdin(*at) != Stdin::Unknown || !is_handler(*at))
            .collect();
        let mut all = Sources::of(self.processes, sources.to_vec());
        let mut found = !candidates.is_empty();
        // Of a pipeline that is longer than two, each round finds one more.
        while std::mem::take(&mut found) {
            for at in candidates.iter().copied() {
                let is_new = reads.get(at) != Some(&Reads::Handler);
                if is_new && self.reads_from_any(at, &all, sources) {
                    found = true;
                    set(&mut reads, at, Reads::Handler);
                }
            }
            let both = reads.iter().zip(sources).map(|(it, is)| *is || *it == Reads::Handler);
            all = Sources::of(self.processes, both.collect());
        }
        let in_ring = |at: &usize| is_handler(*at) && self.is_in_ring(*at, &reads);
        let ring: Vec<usize> = candidates.iter().copied().filter(in_ring).collect();
        for at in ring {
            set(&mut reads, at, Reads::Nothing);
        }
        let sources = Sources::of(self.processes, sources.to_vec());
        for at in candidates {
            let now = match reads.get(at) {
                Some(Reads::Nothing) if !is_handler(at) && self.may_read_from_any(at, &sources) => {
                    Reads::Handler
                }
                Some(Reads::Nothing) if known(at) => Reads::Rest,
                _ => continue,
            };
            set(&mut reads, at, now);
        }
        reads
    }

    /// Whether a process reads the pipe that one of these writes, or a process on its branch. The
    /// `handlers` among them count also where they are above the reader, and write it themselves.
    fn reads_from_any(&self, at: usize, sources: &Sources, handlers: &[bool]) -> bool {
        let is_elsewhere = |other: &usize| !self.are_on_one_branch(at, *other);
        let comes_from_source = |writer: usize| {
            let mut above = self.branch_up(writer);
            if self.is_within(writer, at) {
                let mut between = above.take_while(|it| *it != at);
                return sources.has_below(writer) || between.any(|it| sources.has(it));
            }
            let by_itself = handlers.get(writer) == Some(&true);
            let below = || match self.is_within(at, writer) {
                false => sources.has_below(writer),
                // A shell above both: its handlers may write the pipe, its readers need not.
                true => {
                    let mut all = sources.all().filter(|it| handlers.get(*it) == Some(&true));
                    all.any(|it| is_elsewhere(&it) && self.is_within(it, writer))
                }
            };
            by_itself || above.any(|it| sources.has(it) && is_elsewhere(&it)) || below()
        };
        self.writers_for(at).any(comes_from_source)
    }

    /// Whether a process may read what one of these writes: what does not show is guessed. It is
    /// better to wait a moment for a reader that is none than to cut one off. No process is taken
    /// for the reader of what such a process writes.
    fn may_read_from_any(&self, at: usize, handlers: &Sources) -> bool {
        let is_elsewhere = |other: &usize| !self.are_on_one_branch(at, *other);
        let mut others = handlers.all().filter(is_elsewhere);
        match self.stdin(at) {
            Stdin::Unknown => others.next().is_some(),
            Stdin::Pipe(_) if self.has_pipe_of_its_own(at) => {
                others.any(|it| self.hides_outputs(it))
            }
            Stdin::Pipe(_) | Stdin::Other => false,
        }
    }

    /// What a process has as stdin.
    fn stdin(&self, at: usize) -> Stdin {
        self.processes.get(at).map_or(Stdin::Other, |process| process.stdin)
    }

    fn hides_outputs(&self, at: usize) -> bool {
        self.processes.get(at).is_some_and(|process| process.outputs.hidden)
    }

    /// Whether what this job writes, or a process below it, is read by the other.
    pub(super) fn is_fed_by(&self, reader: usize, job: usize) -> bool {
        self.writers_for(reader).any(|writer| self.is_within(writer, job))
    }

    /// Whether what this job of a reader writes comes to the reader, also by way of other jobs: a
    /// shell that has started all of a pipeline but its last command, and become that.
    pub(super) fn comes_to(&self, reader: usize, job: usize) -> bool {
        let mut jobs = vec![job];
        let mut next = 0;
        while let Some(job) = jobs.get(next).copied() {
            next += 1;
            if self.is_fed_by(reader, job) {
                return true;
            }
            for (other, process) in self.processes.iter().enumerate() {
                let reads = || self.within(other).any(|at| self.is_fed_by(at, job));
                if process.above == Some(reader) && !jobs.contains(&other) && reads() {
                    jobs.push(other);
                }
            }
        }
        false
    }

    /// Whether a process is left that is seen to write what this one reads.
    pub(super) fn is_seen_written(&self, reader: usize) -> bool {
        self.writers_for(reader).next().is_some()
    }

    /// Whether a process is left that writes what this one reads, or may write it.
    pub(super) fn is_written(&self, reader: usize) -> bool {
        let mut others =
            (0..self.processes.len()).filter(|it| !self.are_on_one_branch(reader, *it));
        match self.stdin(reader) {
            Stdin::Pipe(_) => {
                self.is_seen_written(reader)
                    || self.has_pipe_of_its_own(reader) && others.any(|it| self.hides_outputs(it))
            }
            Stdin::Unknown => true,
            Stdin::Other => false,
        }
    }

    /// The processes that have a pipe as an output.
    fn writers_of(&self, pipe: File) -> &[usize] {
        self.writers.get(&pipe).map(Vec::as_slice).unwrap_or_default()
    }

    /// The processes that have this one's pipe as an output, but for itself, and what is below it
    /// unless it is a program.
    fn writers_for(&self, reader: usize) -> impl Iterator<Item = usize> {
        let pipe = match self.stdin(reader) {
            Stdin::Pipe(pipe) => Some(pipe),
            Stdin::Unknown | Stdin::Other => None,
        };
        let writers = pipe.map(|pipe| self.writers_of(pipe)).unwrap_or_default().iter().copied();
        let is_program =
            self.processes.get(reader).is_some_and(|process| process.kind == Kind::Program);
        writers.filter(move |writer| {
            *writer != reader && (is_program || !self.is_within(*writer, reader))
        })
    }

    /// Whether its stdin is a pipe, and another than that of the process above it. A shell that
    /// reads its script from a pipe hands that down to all its commands.
    pub(super) fn has_pipe_of_its_own(&self, at: usize) -> bool {
        let Some(process) = self.processes.get(at) else { return false };
        let above = process.above.and_then(|above| self.processes.get(above));
        process.may_read_pipe() && above.is_none_or(|above| above.stdin != process.stdin)
    }

    /// Whether there is nothing by which any two processes could be joined.
    pub(super) fn are_none(&self) -> bool {
        !self.processes.iter().any(Process::may_read_pipe)
    }

    /// Whether two commands of a shell are parts of one pipeline, or may be.
    pub(super) fn are_joined(&self, shell: usize, one: usize, other: usize) -> bool {
        self.feeds(shell, one, other) || self.feeds(shell, other, one)
    }

    /// Whether the first of two commands of a shell writes what the second reads, or may. What the
    /// shell writes itself joins no commands.
    fn feeds(&self, shell: usize, writer: usize, reader: usize) -> bool {
        let hidden = || self.within(writer).any(|at| self.hides_outputs(at));
        match self.stdin(reader) {
            Stdin::Unknown => true,
            Stdin::Pipe(file) if !self.writers_of(file).contains(&shell) => {
                // The command between the two, which joined them, may be gone.
                let rest = || {
                    self.has_pipe_of_its_own(reader)
                        && !self.is_seen_written(reader)
                        && self.within(writer).any(|at| self.writes_for_nobody(shell, at))
                };
                let mut writers = self.writers_of(file).iter();
                writers.any(|at| self.is_within(*at, writer)) || hidden() || rest()
            }
            Stdin::Pipe(_) | Stdin::Other => false,
        }
    }

    /// Whether a process writes in a pipe that no process reads any more, and that its shell does
    /// not write.
    fn writes_for_nobody(&self, shell: usize, at: usize) -> bool {
        let Some(process) = self.processes.get(at) else { return false };
        let held = |file: &File| self.writers_of(*file).contains(&shell);
        let read = |file: &File| self.processes.iter().any(|it| it.stdin == Stdin::Pipe(*file));
        process.outputs.files.iter().flatten().any(|file| !held(file) && !read(file))
    }

    /// Whether what this process reads comes from itself in the end.
    fn is_in_ring(&self, start: usize, reads: &[Reads]) -> bool {
        let readers = reads.iter().enumerate().filter(|(_, its)| **its != Reads::Nothing);
        let mut others: Vec<usize> = readers.map(|(at, _)| at).filter(|at| *at != start).collect();
        let mut reached = vec![start];
        while let Some(reader) = reached.pop() {
            if reader != start && self.is_fed_by(reader, start) {
                return true;
            }
            let feeds = |other: &usize| {
                self.is_fed_by(reader, *other) && !self.are_on_one_branch(reader, *other)
            };
            let (found, left) = others.into_iter().partition(feeds);
            others = left;
            reached.extend::<Vec<usize>>(found);
        }
        false
    }

    /// The process at this place and those above it.
    fn branch_up(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at), |at| self.processes.get(*at)?.above)
    }

    /// The process at this place and all below it.
    fn within(&self, top: usize) -> impl Iterator<Item = usize> {
        (top..self.processes.len()).filter(move |at| self.is_within(*at, top))
    }

    /// Whether the first is the second, or below it.
    pub(super) fn is_within(&self, mut at: usize, top: usize) -> bool {
        // Parents stand before their children.
        while at > top {
            match self.processes.get(at).and_then(|process| process.above) {
                Some(above) => at = above,
                None => return false,
            }
        }
        at == top
    }

    fn are_on_one_branch(&self, one: usize, other: usize) -> bool {
        self.is_within(one, other) || self.is_within(other, one)
    }
}

fn set(reads: &mut [Reads], at: usize, now: Reads) {
    if let Some(reads) = reads.get_mut(at) {
        *reads = now;
    }
}

/// The processes whose lines have to be read to the end.
struct Sources {
    is_source: Vec<bool>,
    /// Which processes are one, or have one below them.
    below: Vec<bool>,
}

impl Sources {
    fn of(processes: &[Process], is_source: Vec<bool>) -> Self {
        let below = with_ancestors(processes, is_source.clone());
        Self { is_source, below }
    }

    fn has(&self, at: usize) -> bool {
        self.is_source.get(at) == Some(&true)
    }

    fn has_below(&self, at: usize) -> bool {
        self.below.get(at) == Some(&true)
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.is_source.iter().enumerate().filter(|(_, is)| **is).map(|(at, _)| at)
    }
}
