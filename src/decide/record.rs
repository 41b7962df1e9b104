//! What is remembered of one process while a stop goes on.

use crate::decide::delivery::Delivery;
use crate::decide::ledger::Request;
use crate::decide::role::{Reason, Role, Trap, Verdict};
use crate::decide::terms::{IGNORERS_TIME, LONGEST_TRAP_MOMENT, TRAP_MOMENT};
use crate::decide::turn::{Past, Turn};
use crate::decide::{ProcessNote, Time};
use crate::process::{Disposition, Process, Stdin};
use crate::signal::Signal;

/// How adieu will learn of the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    /// It is adieu's own child, which adieu reaps.
    ByWait,
    /// Its pidfd becomes readable.
    ByPidfd,
}

/// Whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The last look saw it.
    Seen(Option<Reported>),
    /// The last look did not see it, and its end has not been reported: a look at a changing tree
    /// can miss a process.
    Overlooked(Reported),
    /// The last look was the first not to see it, and nothing reports its end. Seen by the next
    /// look, it is the one that it was; otherwise it is forgotten.
    Lost,
}

/// Where a process comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there when the stop began.
    BeforeStop,
    /// It was started after the first look.
    DuringStop,
}

/// What is remembered of one process.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// As it was last seen. What once was a pipe's reader or a namespace's init stays one: while a
    /// process exits, neither can be seen of it.
    pub(crate) process: Process,
    pub(crate) role: Role,
    pub(crate) presence: Presence,
    pub(crate) delivery: Delivery,
    pub(crate) origin: Origin,
    /// It was below a handler or a bystander, or came to adieu as an orphan: it is no work of the
    /// script.
    pub(crate) left_behind: bool,
    /// It was the worker of a handler, or may have been.
    pub(crate) was_worker: bool,
    /// How often its first thread had been given a processor when it was first seen.
    pub(crate) switches: u64,
    /// It has been seen to read what a handler writes.
    pub(crate) reader: bool,
    /// It handles the signal and is expected to end without one from adieu, until then.
    pub(crate) expected_until: Option<Time>,
    /// Of a shell with a trap that got the signal.
    pub(crate) trap: Option<TrapWatch>,
    /// Whether its shell with a trap had started another command after it, when that first showed.
    pub(crate) followed: Option<bool>,
    /// The timeout has killed it.
    pub(crate) timed_out: bool,
    /// In the foreground of a shell with a trap: since when its handler is gone.
    pub(crate) finishing_since: Option<Time>,
    /// The kernel refuses to signal it (EPERM), whatever the signal.
    pub(crate) refused: bool,
    /// It ignores the signal that it gets, is no handler and no worker, and has no handler below
    /// it.
    pub(crate) ignores: bool,
}

impl Record {
    pub(crate) fn new(process: &Process, role: Role, origin: Origin) -> Self {
        Self {
            process: process.clone(),
            role,
            presence: Presence::Seen(process.own_child.then_some(Reported::ByWait)),
            delivery: Delivery::Pending,
            origin,
            left_behind: process.own_child,
            was_worker: false,
            switches: process.switches,
            reader: false,
            expected_until: None,
            trap: None,
            followed: None,
            timed_out: false,
            finishing_since: None,
            refused: false,
            ignores: false,
        }
    }

    /// Brings the record in line with a look.
    pub(crate) fn see(
        &mut self,
        process: &Process,
        verdict: &Verdict,
        is_top: bool,
        request: Request,
    ) {
        let stdin = self.process.stdin;
        let was_init = self.process.nested_init;
        self.process.clone_from(process);
        if self.process.stdin == Stdin::Other {
            self.process.stdin = stdin;
        }
        self.process.nested_init |= was_init;
        if process.nested_init && !was_init {
            // The kernel dropped what it got before that was known.
            self.delivery = self.delivery.again();
        }
        self.presence = Presence::Seen(match self.presence {
            _ if process.own_child => Some(Reported::ByWait),
            Presence::Seen(reported) => reported,
            Presence::Overlooked(reported) => Some(reported),
            Presence::Lost => None,
        });
        let expected = !self.is_started_since() && self.is_expected(verdict, is_top);
        let until = request.now.saturating_add(request.epilogue);
        self.expected_until = expected.then(|| self.expected_until.unwrap_or(until));
        let may_be_worker = matches!(verdict.reason, Reason::PerhapsAwaitedBy(_));
        self.was_worker |= verdict.role == Role::Worker || may_be_worker;
        self.left_behind |= self.was_worker;
        self.reader |= verdict.reader;
        self.followed = self.followed.or(verdict.followed);
        let finishing = verdict.reason == Reason::Finishing;
        self.finishing_since = finishing.then(|| self.finishing_since.unwrap_or(request.now));
        // A shell stays shielded when its handler is gone: it carries on with the script.
        let stays_shielded = self.role == Role::Shielded && verdict.role == Role::Bystander;
        self.role = if stays_shielded { Role::Shielded } else { verdict.role };
    }

    /// Whether the process handles the signal, and has a reason to end without one from adieu.
    fn is_expected(&self, verdict: &Verdict, is_top: bool) -> bool {
        let moved = self.process.switches != self.switches || self.process.pending;
        verdict.role == Role::Handler
            && match verdict.reason {
                // It is at end of file.
                Reason::ReadsRest => true,
                // Its handler is gone. That one has signalled it, unless it has not moved since.
                Reason::Handles | Reason::Hidden => is_top && self.was_worker && moved,
                _ => false,
            }
    }

    /// The script started it after the first look, and no handler left it behind.
    pub(crate) fn is_started_since(&self) -> bool {
        self.origin == Origin::DuringStop && !self.left_behind
    }

    /// What is known of its trap.
    pub(crate) fn trap(&self) -> Trap {
        self.trap.map_or(Trap::Pending, |watch| watch.trap)
    }

    /// When it is to be killed, if it ignores the signal, in a last call that began then.
    pub(crate) fn ignorer_over(&self, since: Time) -> Time {
        self.delivery.at().unwrap_or(since).max(since).saturating_add(IGNORERS_TIME)
    }

    /// The process, for a note.
    pub(crate) fn note(&self) -> ProcessNote {
        ProcessNote {
            signalled: self.delivery.first(),
            refused: self.refused,
            ..note(&self.process, self.role)
        }
    }

    pub(crate) fn past(&self, verdict: &Verdict, request: Request) -> Past {
        let unreadable = verdict.reason == Reason::Hidden && self.process.may_read_pipe();
        Past {
            started_since: self.is_started_since(),
            reader: self.reader,
            expected: self.expected_until.is_some_and(|until| request.now < until),
            unreadable_filter: unreadable && !request.first && !self.left_behind,
            handlers_done: request.turn > Turn::HalfTime,
        }
    }

    /// The stop waits for its end: it got the signal as a handler. For what may not be signalled
    /// the stop does not wait: that may never have heard of it.
    pub(crate) fn is_awaited(&self) -> bool {
        (self.was_handler() || self.expected_until.is_some())
            && !self.refused
            && self.presence != Presence::Lost
    }

    /// Whether it got the signal as a handler, whatever became of that.
    pub(crate) fn was_handler(&self) -> bool {
        self.delivery.is_to_handler()
    }

    pub(crate) fn is_seen(&self) -> bool {
        matches!(self.presence, Presence::Seen(_))
    }
}

/// What is known of the trap of a shell since it got the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrapWatch {
    /// The signal that the shell got.
    signal: Signal,
    /// When it got that.
    since: Time,
    /// Its stack before, where it waited for a child.
    stack: Option<u64>,
    trap: Trap,
}

impl TrapWatch {
    /// The shell gets the signal now.
    pub(crate) fn new(shell: &Process, signal: Signal, since: Time) -> Self {
        let stack = shell.stack.filter(|_| shell.waits);
        let trap = match stack {
            // It runs the trap at once.
            _ if shell.in_wait => Trap::Ran,
            Some(_) => Trap::Pending,
            None => Trap::Waits,
        };
        Self { signal, since, stack, trap }
    }

    /// When its trap shows by its stack, if that is still to come.
    pub(crate) fn moment(self) -> Option<Time> {
        (self.trap == Trap::Pending).then(|| self.since + TRAP_MOMENT)
    }

    /// What follows of a look with regard to a signal, which began then: while the trap runs, the
    /// stack of the shell is another one than before.
    pub(crate) fn seen(self, shell: &Process, asked: Signal, look: Time) -> Self {
        let given_up = self.since + LONGEST_TRAP_MOMENT <= look;
        let trap = match (self.trap, shell.stack) {
            (Trap::Ran, _) => Trap::Ran,
            // The trap itself, or what follows it, has taken the trap away.
            _ if shell.disposition != Disposition::Caught && self.signal == asked => Trap::Ran,
            (Trap::Waits, _) => Trap::Waits,
            _ if look < self.since + TRAP_MOMENT => Trap::Pending,
            (Trap::Pending, Some(stack)) if self.stack != Some(stack) => Trap::Ran,
            (Trap::Pending, Some(_)) if !shell.pending || given_up => Trap::Waits,
            (Trap::Pending, None) if given_up => Trap::Waits,
            // It has a processor, or is to be given one.
            (Trap::Pending, _) => Trap::Pending,
        };
        Self { trap, ..self }
    }
}

/// A process in a note, apart from any stop.
pub(crate) fn note(process: &Process, role: Role) -> ProcessNote {
    ProcessNote {
        id: process.id,
        name: process.name.clone(),
        arguments: process.arguments.clone(),
        role,
        signalled: None,
        ignores: process.disposition == Disposition::Ignored,
        refused: false,
    }
}
