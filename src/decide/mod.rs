//! Every decision of adieu, as pure functions over plain values: no I/O and no clock. The time
//! comes with every input, the process tree as a snapshot that was asked for.
//!
//! # The rules
//!
//! - **What a signal asks for** (`meaning`): it stops, goes to its handlers, goes to the group, or
//!   is ignored.
//! - **What a process is** (`role`): handler, foreground, shielded, worker or bystander. Every
//!   program that the script started gets the signal once, as if it had been started alone; what it
//!   started itself is its own business until it is gone.
//! - **When it gets the signal** (`turn`): with the handlers, in the epilogue, at the last call, or
//!   not before the timeout.
//! - **How a stop goes on** (`stage`): from one stage to the next when the one before is over.
//!
//! ```text
//!           stop signal, or the main process ended and left something
//! running ───────────► handlers ──► epilogue ──► last call ──► killing ──► exit
//!                         │  no process handles it   ▲
//!                         └──────────────────────────┘
//! ```
//!
//! adieu exits from any of them as soon as no process is left below it. The timeout leads from any
//! of them to killing.
//!
//! # What always holds
//!
//! - No process is killed that has not had the signal, but for one that no signal reaches and for
//!   one that is forked after the timeout: its parent had it.
//! - No process gets the signal twice, but for a repeat of it.
//! - No process below a living handler gets the signal.
//! - No shielded process gets the signal before the last call.
//!
//! `tests/simulation.rs` holds these rules against random trees, `decide::tests` one by one.

#![forbid(unsafe_code)]

mod delivery;
mod ledger;
pub mod machine;
pub mod meaning;
mod pace;
mod pipes;
mod record;
pub mod role;
mod stage;
mod stop;
pub mod terms;
mod tree;
pub mod turn;

#[cfg(test)]
pub(crate) mod tests;

use crate::decide::meaning::Unhandled;
use crate::decide::role::{Reason, Role};
use crate::decide::turn::Turn;
use crate::exit::End;
use crate::process::{ProcId, Snapshot};
use crate::signal::Signal;
use std::time::Duration;

/// A moment, as the time since adieu was started.
pub type Time = Duration;

/// What a look at the process tree is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A stop was asked for: does any process handle its signal?
    Begin,
    /// The stop goes on.
    Stop,
    /// A signal that does not stop wants its handlers; what it means when there is none.
    Forward(Unhandled),
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A signal came for adieu.
    Signal {
        /// Which one.
        signal: Signal,
        /// The pid of its sender; 0 for the kernel, or a sender outside the PID namespace.
        sender: i32,
    },
    /// A child of adieu ended and was reaped.
    Ended(i32, End),
    /// A child of adieu was stopped.
    Stopped(i32, Signal),
    /// All that had ended is reaped; whether any child is left.
    Reaped {
        /// There are children still.
        left: bool,
    },
    /// A process further down that was watched has ended.
    Gone(ProcId),
    /// The look that was asked for; `None` where /proc cannot be read.
    Looked(Purpose, Signal, Option<Snapshot>, Duration),
    /// What became of an [`Action::SignalProcess`].
    Delivered(ProcId, Delivered),
    /// The time that [`State::deadline`](machine::State::deadline) gave is here.
    Deadline,
}

/// What became of a signal to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Sent; whether its end will be reported, for what was to be watched.
    Sent {
        /// An end deeper in the tree will come as [`Input::Gone`].
        watched: bool,
    },
    /// It had ended before.
    Gone,
    /// The kernel refuses: the process belongs to another user.
    Refused,
    /// It has executed another program since it was seen, and was sent nothing.
    Changed,
}

/// Something to do. The order matters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// Look at the tree with regard to this signal and report it.
    Look(Purpose, Signal),
    /// Send a signal to one process and report the answer.
    SignalProcess(SignalProcess),
    /// Send a signal to the main process's group with one call.
    SignalGroup(Signal),
    /// Give the terminal to the main process's group, if adieu holds it.
    GiveTerminal,
    /// Give it the terminal and continue it, if adieu holds the terminal; otherwise nothing.
    LendTerminal,
    /// Take the terminal back.
    TakeTerminal,
    /// Stop adieu and its own group too, as its shell's user asked of the whole job.
    Suspend(Signal),
    /// Something for the user.
    Say(Note),
    /// Exit with this status.
    Exit(u8),
}

/// A signal for one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalProcess {
    /// Which process.
    pub id: ProcId,
    /// It is adieu's own child, whose pid cannot be reused before adieu reaps it.
    pub own_child: bool,
    /// The signal.
    pub signal: Signal,
    /// It is stopped and has to be continued to act on it.
    pub resume: bool,
    /// Its end is waited for.
    pub watch: bool,
    /// Only while it has this name: it may be about to execute another program.
    pub named: Option<String>,
}

/// A process in a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessNote {
    /// Which one.
    pub id: ProcId,
    /// Its name.
    pub name: String,
    /// Its command line, where that was asked for; empty otherwise, since it can hold secrets.
    pub arguments: String,
    /// Its role.
    pub role: Role,
    /// When it first got a signal of the stop.
    pub signalled: Option<Time>,
    /// Whether it ignores the signal.
    pub ignores: bool,
    /// Whether it may not be signalled.
    pub refused: bool,
}

/// Why a stop begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This signal arrived.
    Signal(Signal),
    /// The main process ended by itself and left something running.
    MainEnded(End),
}

/// What a person may want to know, as values; `report` makes sentences of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The stop begins.
    Begins(Cause, Signal),
    /// No process handles the signal.
    Unhandled(Signal),
    /// A process gets the signal, for this reason.
    Sends(ProcessNote, Reason, Signal),
    /// A process does not get the signal yet, for this reason.
    Leaves(ProcessNote, Reason),
    /// A stage begins: the one in which these get the signal.
    Enters(Turn),
    /// A process of the stop is gone; how it ended is known of adieu's own children.
    Ended(ProcessNote, Option<End>),
    /// The main process ended.
    MainEnded(End),
    /// The stop lasts, for these. And these below a handler handle the signal themselves, and have
    /// not had it from adieu.
    Waits(Duration, Signal, Vec<ProcessNote>, Vec<ProcessNote>),
    /// The epilogue is over, and these of the script still run.
    CutsEpilogue(Duration, Vec<ProcessNote>),
    /// The epilogue is over, since the script has started this server again.
    Restarted(ProcessNote),
    /// The epilogue is over, since the script has started this program, which handles the signal.
    NextServer(ProcessNote, Signal),
    /// These ignore the signal, have had a second after the last call, and are killed.
    KillsIgnorers(Vec<ProcessNote>),
    /// The timeout is over; these are killed.
    Kills(Duration, Vec<ProcessNote>),
    /// These did not even disappear when killed.
    Abandons(Vec<ProcessNote>),
    /// No process handles a signal that does not stop: it is dropped.
    Dropped(Signal),
    /// A process executed another program before the signal was sent; it is looked at again.
    Changed(ProcessNote),
    /// The kernel refuses to send this signal to this process.
    Refused(ProcessNote, Signal),
    /// There is no readable /proc: the group gets the signal.
    Blind(Signal),
    /// A repeated stop signal is passed on.
    Repeats(Signal),
}
