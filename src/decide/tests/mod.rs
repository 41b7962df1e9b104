//! Unit tests of the decisions, by theme, and what they share: made-up trees, and a [`World`] in
//! which the machine acts on one.

mod leftovers;
mod main_process;
mod pairs;
mod pipes;
mod recipients;
mod repeats;
mod roles;
mod signals;
mod stages;
mod timeout;
mod traps;
mod views;

use super::machine::State;
use super::meaning::Unhandled;
use super::role::{self, Known, Question, Reason, Role, Verdict};
use super::stage::Stage;
use super::terms::tests::terms;
use super::terms::{Deliver, Terms};
use super::turn::{Past, Turn, turn};
use super::{Action, Delivered, Input, Note, Purpose, Time};
use crate::exit::End;
use crate::process::{Disposition, File, Kind, Outputs, ProcId, Process, Snapshot, Stdin};
use crate::signal::{Signal, SignalSet};
use Disposition::{Caught, Default as Plain, Ignored};

fn pipe(inode: u64) -> File {
    File { device: (0, 14), inode }
}

/// The same process with this pipe as stdin.
pub(crate) fn reads(inode: u64, process: Process) -> Process {
    Process { stdin: Stdin::Pipe(pipe(inode)), ..process }
}

/// The same process with this pipe as stdout.
pub(crate) fn writes(inode: u64, process: Process) -> Process {
    let outputs = Outputs { files: [Some(pipe(inode)), process.outputs.files[1]], hidden: false };
    Process { outputs, ..process }
}

/// The same process as a shell's background job.
pub(crate) fn background(process: Process) -> Process {
    Process { ignored: SignalSet::from_iter([Signal::INT, Signal::QUIT]), ..process }
}

/// A made-up process; the pid of adieu is 1 and that of the main process 2.
pub(crate) fn process(pid: i32, parent: i32, name: &str, disposition: Disposition) -> Process {
    let kind = match name {
        "sh" | "bash" => Kind::Shell,
        "tini" | "su" | "npm" => Kind::Wrapper,
        _ => Kind::Program,
    };
    Process {
        id: ProcId { pid, start: u64::try_from(pid).expect("positive") },
        parent,
        above: None,
        own_child: parent == 1,
        group: 2,
        name: name.to_owned(),
        arguments: String::new(),
        kind,
        disposition,
        ignored: SignalSet::EMPTY,
        stopped: false,
        nested_init: false,
        stdin: Stdin::Other,
        outputs: Outputs::default(),
        in_wait: false,
        stack: None,
        waits: false,
        switches: 0,
        pending: false,
        command: 0,
    }
}

/// Processes, parents first, as a snapshot.
pub(crate) fn snapshot(mut processes: Vec<Process>) -> Snapshot {
    let pids: Vec<i32> = processes.iter().map(|p| p.id.pid).collect();
    for process in &mut processes {
        process.above = pids.iter().position(|pid| *pid == process.parent);
    }
    Snapshot { processes, tick: 0, last_pid: 0 }
}

pub(crate) fn question() -> Question {
    Question {
        signal: Signal::TERM,
        deliver: Deliver::Programs,
        main: 2,
        inherited_ignored: SignalSet::EMPTY,
        only_known_handlers: false,
        main_ended: false,
    }
}

/// A signal comes for adieu.
fn arrives(signal: Signal) -> Input {
    Input::Signal { signal, sender: 0 }
}

fn is_signal(input: &Input, wanted: Signal) -> bool {
    matches!(input, Input::Signal { signal, .. } if *signal == wanted)
}

const MAIN: i32 = 2;
const TERM: Signal = Signal::TERM;

fn ms(n: u64) -> Time {
    Time::from_millis(n)
}

fn id(pid: i32) -> ProcId {
    ProcId { pid, start: u64::try_from(pid).expect("positive") }
}

/// The machine with a made-up tree: every look shows the tree, every signal is sent.
struct World {
    state: State,
    tree: Vec<Process>,
    refuses: Vec<i32>,
    /// These are other programs by the time that the signal is to be sent.
    executes: Vec<i32>,
    blind: bool,
    tick: u64,
}

impl World {
    fn new(terms: Terms, tree: Vec<Process>) -> Self {
        Self {
            state: State::new(terms),
            tree,
            refuses: Vec::new(),
            executes: Vec::new(),
            blind: false,
            tick: 0,
        }
    }

    /// One input and all that follows from it, without the notes.
    fn step(&mut self, input: Input, at: u64) -> Vec<Action> {
        let (notes, actions) = self.everything(input, at);
        let _ = notes;
        actions
    }

    fn everything(&mut self, input: Input, at: u64) -> (Vec<Note>, Vec<Action>) {
        let mut queue = self.state.step(input, ms(at));
        let (mut notes, mut done) = (Vec::new(), Vec::new());
        while !queue.is_empty() {
            let action = queue.remove(0);
            let input = match action {
                Action::Look(purpose, signal) => {
                    let seen =
                        Snapshot { tick: self.tick, last_pid: 5, ..snapshot(self.tree.clone()) };
                    let seen = (!self.blind).then_some(seen);
                    Input::Looked(purpose, signal, seen, Time::ZERO)
                }
                Action::SignalProcess(send) => {
                    let id = send.id;
                    let changed = send.named.is_some() && self.executes.contains(&id.pid);
                    let answer = match changed {
                        true => Delivered::Changed,
                        _ if self.refuses.contains(&id.pid) => Delivered::Refused,
                        _ => Delivered::Sent { watched: true },
                    };
                    done.extend((!changed).then_some(Action::SignalProcess(send)));
                    Input::Delivered(id, answer)
                }
                Action::Say(note) => {
                    notes.push(note);
                    continue;
                }
                other => {
                    done.push(other);
                    continue;
                }
            };
            queue.extend(self.state.step(input, ms(at)));
        }
        (notes, done)
    }

    /// The process is gone, and adieu learns of it.
    fn end(&mut self, pid: i32, at: u64) -> Vec<Action> {
        self.tree.retain(|p| p.id.pid != pid);
        for process in &mut self.tree {
            if process.parent == pid {
                (process.parent, process.own_child) = (1, true);
            }
        }
        let mut actions = self.step(Input::Gone(id(pid)), at);
        if self.state.deadline().is_some_and(|deadline| deadline <= ms(at)) {
            actions.extend(self.step(Input::Deadline, at));
        }
        actions
    }

    fn stage(&self) -> Option<Stage> {
        self.state.stage()
    }
}

/// The pids that a signal is sent to, with the signal.
fn sent(actions: &[Action]) -> Vec<(i32, Signal)> {
    actions
        .iter()
        .filter_map(|a| {
            if let Action::SignalProcess(t) = a { Some((t.id.pid, t.signal)) } else { None }
        })
        .collect()
}

fn script() -> Vec<Process> {
    vec![
        process(2, 1, "sh", Plain),
        process(3, 2, "server", Caught),
        background(process(4, 2, "proxy", Plain)),
    ]
}

/// A reader of pipe 7.
fn tee() -> Process {
    reads(7, process(3, 2, "tee", Plain))
}
