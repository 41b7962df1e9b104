//! When a process gets the signal of a stop. A stop and `--explain` both ask here.

use crate::decide::role::{Question, Role, handles};
use crate::decide::terms::Deliver;
use crate::process::{Disposition, Process};

/// The stage of a stop in which a process gets the signal; whoever was there gets it in a later
/// one, too, if it has not had it by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// At once, with the handlers.
    Handlers,
    /// When the last handler has ended.
    Epilogue,
    /// When the script has had its time to end by itself.
    LastCall,
    /// Not before the timeout, as long as the handler above it lives.
    Timeout,
}

/// What is remembered of a process and bears on its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The script started it after the stop had begun.
    pub started_since: bool,
    /// Its stdin was seen to be a pipe of the tree. While a process exits, that cannot be seen.
    pub reads_pipe: bool,
    /// Its dispositions may not be read, it reads a pipe, and the first look took it for a filter:
    /// a handler that registers late cannot be seen of it.
    pub unreadable_filter: bool,
    /// The last handler has ended, so that what reads a pipe may end at end of file.
    pub handlers_done: bool,
}

/// Whether a process gets a signal that does not stop: the handlers that are seen get it, each by
/// its role.
pub fn is_forwarded(role: Role, process: &Process, question: &Question) -> bool {
    turn(role, process, Past::default(), question) == Turn::Handlers
        && role != Role::Foreground
        && handles(process, true)
}

/// The turn of a process with this role.
pub fn turn(role: Role, process: &Process, past: Past, question: &Question) -> Turn {
    let in_group = question.deliver == Deliver::Group && process.group == question.main;
    let ignores = process.disposition == Disposition::Ignored;
    // A reader ends at end of file, when its writers are gone; the signal ends nothing that ignores
    // it. Both have the epilogue to end by themselves.
    let ends_by_itself = past.reads_pipe || process.may_read_pipe() || ignores;
    let at_once = !(past.handlers_done && ends_by_itself);
    match role {
        Role::Worker if !in_group || past.handlers_done => Turn::Timeout,
        Role::Shielded => Turn::LastCall,
        _ if past.unreadable_filter || past.started_since => Turn::LastCall,
        Role::Handler | Role::Foreground if at_once => Turn::Handlers,
        Role::Worker | Role::Bystander if in_group && at_once => Turn::Handlers,
        _ if ends_by_itself => Turn::LastCall,
        Role::Handler | Role::Foreground | Role::Worker | Role::Bystander => Turn::Epilogue,
    }
}
