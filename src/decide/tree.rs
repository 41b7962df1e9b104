//! A snapshot with its roles, and what follows from both.

use crate::decide::role::{Role, Verdict};
use crate::process::{self, Disposition, Kind, Process, Snapshot};
use crate::signal::Signal;

/// A snapshot with its roles.
pub(crate) struct Tree<'a> {
    pub snapshot: &'a Snapshot,
    pub verdicts: &'a [Verdict],
}

impl Tree<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Process, &Verdict)> {
        self.snapshot.processes.iter().zip(self.verdicts)
    }

    fn is_handler(&self, at: usize) -> bool {
        self.verdicts.get(at).is_some_and(|verdict| verdict.role == Role::Handler)
    }

    /// Which processes are a handler, or have one below them.
    pub(crate) fn above_handlers(&self) -> Vec<bool> {
        let handlers = (0..self.verdicts.len()).map(|at| self.is_handler(at)).collect();
        process::with_ancestors(&self.snapshot.processes, handlers)
    }

    /// Which processes have a handler above them.
    pub(crate) fn below_handlers(&self) -> Vec<bool> {
        process::descendants(&self.snapshot.processes, |at| self.is_handler(at))
    }

    /// Whether the process at this place is a shell with a trap that gets the signal.
    fn is_trapping_shell(&self, at: usize) -> bool {
        self.is_handler(at)
            && self.snapshot.processes.get(at).is_some_and(|p| p.kind == Kind::Shell)
    }

    fn is_empty_below(&self, process: &Process) -> bool {
        let index = self.snapshot.processes.iter().position(|p| p.id == process.id);
        !self.snapshot.processes.iter().any(|p| p.above.is_some() && p.above == index)
    }

    /// Whether a process may be a copy of a shell with a trap, which has not executed its own
    /// program yet. A process that has been there for longer is a subshell with a trap of its own.
    pub(crate) fn may_be_a_copy(&self, process: &Process) -> bool {
        let below_trap = match process.above {
            Some(above) => self.is_trapping_shell(above),
            // The parent of an orphan may have been one. (The main process leads its group, which
            // a copy does not yet.)
            None => process.group != process.id.pid,
        };
        let young = process::is_young(self.snapshot.tick, process.id);
        process.kind == Kind::Shell && below_trap && young
    }

    /// Whether this process ignores the signal that it gets.
    pub(crate) fn ignores(&self, process: &Process, asked: Signal) -> bool {
        process.disposition == Disposition::Ignored
            && self.signal_for(process, asked).is_some_and(|signal| process.ignored.has(signal))
    }

    /// The signal that this process gets in place of the one of the stop, if any reaches it.
    pub(crate) fn signal_for(&self, process: &Process, asked: Signal) -> Option<Signal> {
        let is_ctrl = matches!(asked, Signal::INT | Signal::QUIT);
        match process.disposition {
            // The kernel drops what the init of a namespace does not handle, and killing that would
            // end what is in the namespace without a signal.
            Disposition::Default if process.nested_init => {
                self.is_empty_below(process).then_some(Signal::KILL)
            }
            // A shell made its background job ignore these two (POSIX, 2.11), so that the job would
            // never hear of the stop.
            Disposition::Ignored if is_ctrl && !process.ignored.has(Signal::TERM) => {
                Some(Signal::TERM)
            }
            _ => Some(asked),
        }
    }
}
