//! When a process gets the signal of a stop. A stop and `--explain` both ask here.

use crate::decide::role::{Question, Reason, Role, Verdict, handles};
use crate::decide::terms::Deliver;
use crate::process::{Disposition, Process};

/// When in a stop a process gets the signal; whoever was there gets it later, too, if it has not
/// had it by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// At once, with the handlers.
    Handlers,
    /// When the handlers have had half of the time: one of them may be waiting for its end.
    HalfTime,
    /// When the last handler has ended.
    Epilogue,
    /// When the script has had its time to end by itself.
    LastCall,
    /// Shortly before the timeout, as long as the handler above it lives.
    LastWord,
    /// The timeout is over.
    Timeout,
}

/// What is remembered of a process and bears on its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The script started it after the stop had begun.
    pub started_since: bool,
    /// It was seen to read what a handler writes. While a process exits, that cannot be seen.
    pub reader: bool,
    /// It handles the signal and is expected to end without one from adieu, within the time of the
    /// epilogue: at end of file, or because the handler above it has signalled it.
    pub expected: bool,
    /// Its dispositions may not be read, it reads a pipe, and the first look took it for a filter:
    /// a handler that registers late cannot be seen of it.
    pub unreadable_filter: bool,
    /// The last handler has ended, so that what reads a pipe may end at end of file.
    pub handlers_done: bool,
}

/// Whether a process gets a signal that does not stop: the handlers that are seen get it, each by
/// its role.
pub fn is_forwarded(verdict: &Verdict, process: &Process, question: &Question) -> bool {
    turn(verdict, process, Past::default(), question) == Turn::Handlers
        && verdict.role != Role::Foreground
        && handles(process, true)
}

/// The turn of a process with this verdict.
pub fn turn(verdict: &Verdict, process: &Process, past: Past, question: &Question) -> Turn {
    let in_group = question.deliver == Deliver::Group && process.group == question.main;
    let ignores = process.disposition == Disposition::Ignored;
    let reads = matches!(verdict.reason, Reason::ReadsPipeline | Reason::ReadsRest);
    // A reader ends at end of file, when its writers are gone; the signal ends nothing that ignores
    // it. Both have the epilogue to end by themselves.
    let ends_by_itself = past.reader || reads || ignores;
    let at_once = !(past.handlers_done && ends_by_itself);
    match verdict.role {
        Role::Worker if !in_group || past.handlers_done => Turn::LastWord,
        Role::Shielded => Turn::LastCall,
        _ if past.unreadable_filter || past.started_since => Turn::LastCall,
        Role::Worker | Role::Bystander | Role::Handler if in_group && at_once => Turn::Handlers,
        // Its handler would end it before it has read the last lines.
        Role::Handler if past.expected || verdict.reason == Reason::ReadsPipeline => Turn::LastCall,
        Role::Handler => Turn::Handlers,
        Role::Foreground if at_once => Turn::Handlers,
        _ if ends_by_itself => Turn::LastCall,
        Role::Bystander if verdict.reason == Reason::InForeground => Turn::HalfTime,
        Role::Foreground | Role::Worker | Role::Bystander => Turn::Epilogue,
    }
}
