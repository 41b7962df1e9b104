//! One look at a running tree, and what a stop would make of it.

use crate::decide::role::{self, Question, Role, Verdict};
use crate::decide::terms::Deliver;
use crate::error::Error;
use crate::explain::top::{Top, top};
use crate::process::{Process, Snapshot};
use crate::procfs::{self, Detail, Own};
use crate::signal::{Signal, SignalSet};

/// A tree, read once, with what a stop would make of it.
pub(super) struct Explained {
    pub(super) signal: Signal,
    /// What is delivered in its place; `None` where it is dropped.
    pub(super) delivered: Option<Signal>,
    pub(super) root: Process,
    /// The root is PID 1 of its namespace: the kernel drops signals that it does not handle.
    pub(super) root_is_init: bool,
    /// Its environment may not be read, so what it sets there is not known.
    pub(super) hidden_settings: bool,
    /// The one that explains was below the root itself, and is left out.
    pub(super) explains_within: bool,
    /// The process group of its first child.
    pub(super) main: i32,
    pub(super) top: Top,
    pub(super) snapshot: Snapshot,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) zombies: Vec<(i32, String, usize)>,
}

pub(super) fn look(pid: i32, signal: Signal, show_args: bool) -> Result<Explained, Error> {
    let own = Own::of(pid, show_args);
    let (top, hidden_settings) = top(pid);
    let delivered = match &top {
        Top::Adieu(settings) => settings.rewrites.apply(signal),
        _ => Some(signal),
    };
    let seen_for = delivered.unwrap_or(signal);
    let no_proc = || {
        Error::System(format!(
            "--explain {pid}: /proc cannot be read here, or belongs to another PID namespace; \
             run adieu inside the container: docker exec CONTAINER /adieu --explain"
        ))
    };
    let mut snapshot =
        procfs::look_below(&own, seen_for, Detail::Whole).ok().flatten().ok_or_else(no_proc)?;
    let below_root = snapshot.processes.len();
    leave_out(&mut snapshot, i32::try_from(std::process::id()).unwrap_or(0));
    let explains_within = snapshot.processes.len() < below_root;
    let root = procfs::one(&own, pid, seen_for).ok_or_else(|| {
        Error::System(format!(
            "--explain {pid}: there is no such process; write for example --explain 1"
        ))
    })?;
    let main = snapshot.processes.iter().find(|p| p.own_child).map_or(0, |p| p.id.pid);
    let deliver = match &top {
        Top::Adieu(settings) => settings.deliver,
        _ => Deliver::Programs,
    };
    let question = Question {
        signal: seen_for,
        deliver,
        main,
        inherited_ignored: shells_ignored(&root),
        only_known_handlers: false,
    };
    let verdicts = role::assign(&snapshot, &question, |_| None);
    let zombies = procfs::zombies(&own, &snapshot);
    let root_is_init = root.nested_init || pid == 1;
    Ok(Explained {
        signal,
        delivered,
        root,
        root_is_init,
        hidden_settings,
        explains_within,
        main,
        top,
        snapshot,
        verdicts,
        zombies,
    })
}

/// Of the signals that shells and nohup make a program ignore, those that adieu was started
/// ignoring: it never changes its own dispositions.
pub(super) fn shells_ignored(root: &Process) -> SignalSet {
    [Signal::HUP, Signal::INT, Signal::QUIT]
        .into_iter()
        .filter(|signal| root.ignored.has(*signal))
        .collect()
}

/// Takes a process that has no children out: the one that explains is no part of what it explains.
fn leave_out(snapshot: &mut Snapshot, pid: i32) {
    let Some(at) = snapshot.processes.iter().position(|p| p.id.pid == pid) else { return };
    snapshot.processes.remove(at);
    for process in &mut snapshot.processes {
        process.above =
            process.above.filter(|above| *above != at).map(|above| above - usize::from(above > at));
    }
}

impl Explained {
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Process, &Verdict)> {
        self.snapshot.processes.iter().zip(&self.verdicts)
    }

    pub(super) fn with_role(&self, wanted: Role) -> Vec<&Process> {
        self.rows().filter(|(_, v)| v.role == wanted).map(|(p, _)| p).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cli::{Typed, settings};
    use crate::decide::role::tests::{process, question, snapshot};
    use crate::process::Disposition;

    pub(crate) fn explained(top: Top, root: Process, below: Vec<Process>) -> Explained {
        let snapshot = snapshot(below);
        let verdicts = role::assign(&snapshot, &question(), |_| None);
        let signal = Signal::TERM;
        let zombies = Vec::new();
        Explained {
            signal,
            delivered: Some(signal),
            root,
            root_is_init: true,
            hidden_settings: false,
            explains_within: false,
            main: 2,
            top,
            snapshot,
            verdicts,
            zombies,
        }
    }

    pub(crate) fn adieu() -> Top {
        Top::Adieu(Box::new(settings::resolve(&Typed::default(), |_| None).expect("defaults")))
    }

    pub(crate) fn pipeline() -> Vec<Process> {
        let mut tee = process(13, 7, "tee", Disposition::Default);
        tee.reads_pipe = true;
        let mut sh = process(7, 1, "sh", Disposition::Default);
        sh.parent = 1;
        vec![sh, process(12, 7, "java", Disposition::Caught), tee]
    }

    pub(crate) fn root(name: &str, disposition: Disposition) -> Process {
        process(1, 0, name, disposition)
    }
}
