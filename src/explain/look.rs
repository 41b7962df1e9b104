//! One look at a running tree, and what a stop would make of it.

use crate::cli::settings::Settings;
use crate::decide::meaning::{Meaning, Unhandled, meaning};
use crate::decide::role::{self, Question, Role, Verdict};
use crate::decide::terms::Deliver;
use crate::decide::turn::{Past, Turn, is_forwarded, turn};
use crate::error::Error;
use crate::explain::top::{Top, top};
use crate::process::{Kind, Process, Snapshot};
use crate::procfs::{self, Detail, Observer};
use crate::signal::{Signal, SignalSet};

/// A tree, read once, with what a stop would make of it.
pub(super) struct Explained {
    /// The signal that was asked about.
    pub(super) signal: Signal,
    /// The one that is sent in its place; `None` where it is dropped.
    pub(super) sent: Option<Signal>,
    pub(super) root: Process,
    /// The root is PID 1 of its namespace: the kernel drops signals that it does not handle.
    pub(super) root_is_init: bool,
    /// The root is not PID 1, and the first process of a container that shares a PID namespace: its
    /// engine kills what is left of the container when it has ended.
    pub(super) shares: bool,
    /// The environment of adieu may not be read, so the settings in it are not known.
    pub(super) hidden_settings: bool,
    /// The process that explains is below the root itself, and is left out.
    pub(super) explains_within: bool,
    pub(super) top: Top,
    /// What the signal asks of adieu; `None` where adieu is not at the top.
    pub(super) meaning: Option<Meaning>,
    /// What the verdicts answer.
    pub(super) question: Question,
    pub(super) snapshot: Snapshot,
    pub(super) verdicts: Vec<Verdict>,
    /// What is below the root to an adieu above it, if the root were its only child. That shows for
    /// what a shell with a trap waits.
    pub(super) below_root: Vec<Verdict>,
    pub(super) zombies: Vec<(i32, String, usize)>,
    /// The shells with a trap of which it may not be read for what they wait.
    pub(super) hidden_waits: Vec<i32>,
}

pub(super) fn look(pid: i32, signal: Signal, show_args: bool) -> Result<Explained, Error> {
    let (top, hidden_settings) = top(pid);
    let observer = Observer::of(pid, show_args);
    let observer = match &top {
        Top::Adieu(settings) => observer.with_wrappers(&settings.wrappers),
        _ => observer,
    };
    let seen_for = sent(signal, &top).unwrap_or(signal);
    let no_proc = || {
        Error::System(format!(
            "--explain {pid}: /proc cannot be read here, or belongs to another PID namespace; \
             run adieu inside the container: docker exec CONTAINER /adieu --explain"
        ))
    };
    let mut snapshot = procfs::look_below(&observer, seen_for, Detail::Whole)
        .ok()
        .flatten()
        .ok_or_else(no_proc)?;
    let below_root = snapshot.processes.len();
    leave_out(&mut snapshot, i32::try_from(std::process::id()).unwrap_or(0));
    let explains_within = snapshot.processes.len() < below_root;
    let root = procfs::one(&observer, pid, seen_for).ok_or_else(|| {
        Error::System(format!(
            "--explain {pid}: there is no such process; write for example --explain 1"
        ))
    })?;
    let zombies = procfs::zombies(pid, &snapshot);
    let root_is_init = root.nested_init || pid == 1;
    let shares = !root_is_init && procfs::machine::is_first(pid);
    let explained = judge(signal, top, root, root_is_init, snapshot).with_hidden_waits();
    Ok(Explained { hidden_settings, explains_within, zombies, shares, ..explained })
}

/// What a stop would make of a tree that was read.
pub(super) fn judge(
    signal: Signal,
    top: Top,
    root: Process,
    root_is_init: bool,
    snapshot: Snapshot,
) -> Explained {
    let main = snapshot.processes.iter().find(|p| p.own_child).map_or(0, |p| p.id.pid);
    let ignored = shells_ignored(&root);
    let sent = sent(signal, &top);
    let (meaning, question) = match &top {
        Top::Adieu(settings) => {
            let (meaning, question) =
                asked(signal, settings, (main, root_is_init, ignored), &snapshot);
            (Some(meaning), question)
        }
        _ => {
            let question = Question {
                signal,
                deliver: Deliver::Programs,
                main,
                inherited_ignored: ignored,
                only_known_handlers: false,
                main_ended: false,
            };
            (None, question)
        }
    };
    let verdicts = role::assign(&snapshot, &question, |_| None);
    let below_root = below(&root, &snapshot, &question);
    Explained {
        signal,
        sent,
        root,
        root_is_init,
        shares: false,
        hidden_settings: false,
        explains_within: false,
        top,
        meaning,
        question,
        snapshot,
        verdicts,
        below_root,
        zombies: Vec::new(),
        hidden_waits: Vec::new(),
    }
}

/// The roles of what is below the root, with the root among the processes.
fn below(root: &Process, snapshot: &Snapshot, question: &Question) -> Vec<Verdict> {
    if root.kind != Kind::Shell || !role::handles(root, true) {
        return Vec::new();
    }
    let others = snapshot.processes.iter().cloned().map(|process| {
        let above = Some(process.above.map_or(0, |above| above + 1));
        Process { above, own_child: false, ..process }
    });
    let root = Process { above: None, own_child: true, ..root.clone() };
    let processes = [root].into_iter().chain(others).collect();
    let whole = Snapshot { processes, tick: snapshot.tick, last_pid: snapshot.last_pid };
    role::assign(&whole, question, |_| None).into_iter().skip(1).collect()
}

/// What a signal asks of adieu, and what adieu then asks of the tree. `found` is the main process,
/// whether adieu is PID 1, and what it was started ignoring.
fn asked(
    arrived: Signal,
    settings: &Settings,
    found: (i32, bool, SignalSet),
    snapshot: &Snapshot,
) -> (Meaning, Question) {
    let (main, is_init, ignored) = found;
    let terms = settings.terms(main, is_init, false, ignored);
    let stop = |signal: Signal| (Meaning::Stop(signal), Question::stop(signal, &terms));
    match meaning(arrived, &terms) {
        Meaning::Stop(signal) => stop(signal),
        Meaning::Forward(signal, unhandled) => {
            let question = Question::forward(signal, &terms);
            let verdicts = role::assign(snapshot, &question, |_| None);
            let mut rows = snapshot.processes.iter().zip(&verdicts);
            // A hangup that nobody handles is a stop.
            if unhandled == Unhandled::Stop && !rows.any(|(p, v)| is_forwarded(v, p, &question)) {
                return stop(signal);
            }
            (Meaning::Forward(signal, unhandled), question)
        }
        other => {
            (other, Question::stop(settings.rewrites.apply(arrived).unwrap_or(arrived), &terms))
        }
    }
}

/// The signal that is sent in place of this one.
pub(super) fn sent(signal: Signal, top: &Top) -> Option<Signal> {
    match top {
        Top::Adieu(settings) => settings.rewrites.apply(signal),
        _ => Some(signal),
    }
}

/// Which of the signals that shells and nohup make a program ignore adieu was started ignoring. It
/// never changes its own dispositions, so they can be read.
fn shells_ignored(root: &Process) -> SignalSet {
    [Signal::HUP, Signal::INT, Signal::QUIT]
        .into_iter()
        .filter(|signal| root.ignored.has(*signal))
        .collect()
}

/// Takes out a process that has no children: the one that explains is no part of the tree that it
/// explains.
fn leave_out(snapshot: &mut Snapshot, pid: i32) {
    let Some(at) = snapshot.processes.iter().position(|p| p.id.pid == pid) else { return };
    snapshot.processes.remove(at);
    for process in &mut snapshot.processes {
        process.above =
            process.above.filter(|above| *above != at).map(|above| above - usize::from(above > at));
    }
}

impl Explained {
    /// Reads of which shells with a trap the system call may not be read that shows for what they
    /// wait: of the root and its children, since no others decide.
    pub(super) fn with_hidden_waits(self) -> Self {
        let children = self.snapshot.processes.iter().filter(|p| p.own_child);
        let shells = [&self.root].into_iter().chain(children);
        let shells = shells.filter(|p| p.kind == Kind::Shell && role::handles(p, true));
        let is_hidden = |pid: &i32| {
            let read = procfs::read_file(*pid, "syscall");
            read.is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied)
        };
        let hidden_waits = shells.map(|p| p.id.pid).filter(is_hidden).collect();
        Self { hidden_waits, ..self }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (&Process, &Verdict)> {
        self.snapshot.processes.iter().zip(&self.verdicts)
    }

    pub(super) fn with_role(&self, wanted: Role) -> Vec<&Process> {
        self.rows().filter(|(_, v)| v.role == wanted).map(|(p, _)| p).collect()
    }

    /// The stage of a stop in which this one gets the signal.
    pub(super) fn turn(&self, process: &Process, verdict: &Verdict) -> Turn {
        turn(verdict, process, Past::default(), &self.question)
    }

    /// Whether this one gets the signal where that begins no stop.
    pub(super) fn gets_forwarded(&self, process: &Process, verdict: &Verdict) -> bool {
        is_forwarded(verdict, process, &self.question)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cli::{Typed, settings};
    use crate::decide::tests::{process, reads, snapshot, writes};
    use crate::process::Disposition;

    /// What is said of SIGTERM for this tree, whose root is PID 1.
    pub(crate) fn explained(top: Top, root: Process, below: Vec<Process>) -> Explained {
        judge(Signal::TERM, top, root, true, snapshot(below))
    }

    /// What is said of another signal, where the root is not PID 1.
    pub(crate) fn explained_beside(
        signal: &str,
        top: Top,
        root: Process,
        below: Vec<Process>,
    ) -> Explained {
        judge(signal.parse().expect("a signal"), top, root, false, snapshot(below))
    }

    pub(crate) fn adieu() -> Top {
        adieu_with(|_| ())
    }

    pub(crate) fn adieu_with(change: impl FnOnce(&mut Settings)) -> Top {
        let mut settings = settings::resolve(&Typed::default(), |_| None).expect("defaults");
        change(&mut settings);
        Top::Adieu(Box::new(settings))
    }

    pub(crate) fn pipeline() -> Vec<Process> {
        let tee = reads(7, process(13, 7, "tee", Disposition::Default));
        let mut sh = process(7, 1, "sh", Disposition::Default);
        sh.parent = 1;
        vec![sh, writes(7, process(12, 7, "java", Disposition::Caught)), tee]
    }

    pub(crate) fn root(name: &str, disposition: Disposition) -> Process {
        process(1, 0, name, disposition)
    }
}
