//! What a person reads of a stop: sentences on stderr. Never consulted for a decision, and never
//! waited for.

mod files;
pub(crate) mod journal;
pub(crate) mod json;
pub(crate) mod timeline;

use crate::cli::settings::{Settings, Verbosity};
use crate::decide::role::Reason;
use crate::decide::terms::Terms;
use crate::decide::{Cause, Note, ProcessNote, Time};
use crate::exit::End;
use crate::printable;
use crate::report::files::{Outcome, Places};
use crate::report::journal::{Journal, role};
use crate::report::timeline::shown;
use crate::signal::Signal;
use crate::system::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstat};
use std::fmt::Write as _;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What a pipe takes whole or not at all (`PIPE_BUF`, `pipe(7)`).
const LONGEST_LINE: usize = 4096;
/// How many processes one line names.
const MOST_NAMES: usize = 20;
/// How long the drops of a signal are only counted once one was said.
const QUIET: Duration = Duration::from_secs(10);
/// What every line begins with.
const NAME: &str = "adieu: ";

/// Says one line on stderr if that is possible without waiting: a log that nobody reads must not
/// stop a stop.
pub(crate) fn say(text: &str) {
    // Names are fit for a log by now; a path or a command that was typed may not be.
    let mut line: String = NAME.chars().chain(text.chars().map(printable::fit)).collect();
    let mut end = line.len().min(LONGEST_LINE - 1);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push('\n');
    // What does not fit is dropped.
    let _ = write_part(stderr(), line.as_bytes());
}

fn stderr() -> BorrowedFd<'static> {
    sys::standard(libc::STDERR_FILENO)
}

/// Writes all of it and waits for whoever reads it.
pub(crate) fn write_all(to: BorrowedFd<'_>, mut text: &[u8]) -> Result<(), Errno> {
    // std tries without end.
    let mut interruptions = 0..4;
    while !text.is_empty() {
        match nix::unistd::write(to, text) {
            Err(Errno::EINTR) if interruptions.next().is_some() => {}
            written => text = text.get(written?.max(1)..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Writes to stderr as far as that is possible without waiting.
fn write_part(stderr: BorrowedFd<'_>, part: &[u8]) -> Result<usize, Errno> {
    // Unknown, it is tried like a pipe.
    let kind = fstat(stderr).map_or(0, |found| found.st_mode & libc::S_IFMT);
    if kind == libc::S_IFREG {
        return nix::unistd::write(stderr, part);
    }
    if kind != libc::S_IFCHR
        && let Some(written) = sys::write_no_wait(stderr.as_raw_fd(), part)
    {
        return written;
    }
    // A terminal, or a pipe on a kernel older than 6.4. Opened once more it has flags of its own.
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match nix::fcntl::open("/proc/self/fd/2", flags, Mode::empty()) {
        Ok(own) => nix::unistd::write(own, part),
        Err(e) if kind == libc::S_IFCHR => Err(e),
        Err(_) => {
            // Another user's pipe. Another writer may take the room between the question and the
            // write.
            let mut ready = [PollFd::new(stderr, PollFlags::POLLOUT)];
            let asked = poll(&mut ready, PollTimeout::ZERO);
            let events = ready.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
            match asked {
                Ok(1) if events.contains(PollFlags::POLLOUT) => nix::unistd::write(stderr, part),
                _ => Err(Errno::EAGAIN),
            }
        }
    }
}

/// Says what the verbosity lets through, and keeps the journal.
#[derive(Debug)]
pub(crate) struct Reporter {
    verbosity: Verbosity,
    show_args: bool,
    places: Places,
    /// The last signal that arrived and its sender.
    sender: Option<(Signal, i32)>,
    /// The stop, once there is one.
    journal: Option<Journal>,
    main_end: Option<End>,
    dropped: Dropped,
}

/// The signals that were dropped, each with when that was last said and how often it happened
/// since: a storm of them must not flood the log.
#[derive(Debug, Default)]
struct Dropped(Vec<(Signal, Time, u32)>);

impl Dropped {
    /// One more. How many others are to be said with it, if that is to be said now.
    fn count(&mut self, signal: Signal, now: Time) -> Option<u32> {
        let Some((_, said, unsaid)) = self.0.iter_mut().find(|(other, ..)| *other == signal) else {
            self.0.push((signal, now, 0));
            return Some(0);
        };
        if now < said.saturating_add(QUIET) {
            *unsaid = unsaid.saturating_add(1);
            return None;
        }
        *said = now;
        Some(std::mem::take(unsaid))
    }

    /// A line for each signal that was dropped and not said yet.
    fn rest(&self) -> impl Iterator<Item = String> {
        let unsaid = self.0.iter().filter(|(_, _, unsaid)| *unsaid > 0);
        unsaid.map(|(signal, _, unsaid)| format!("{signal} dropped: {unsaid} more"))
    }
}

impl Reporter {
    /// To be made before the program runs, which could change where the files go.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            verbosity: settings.verbosity,
            show_args: settings.show_args,
            places: Places::of(settings),
            sender: None,
            journal: None,
            main_end: None,
            dropped: Dropped::default(),
        }
    }

    /// Whether command lines are wanted.
    pub(crate) fn shows_arguments(&self) -> bool {
        self.show_args
    }

    /// Remembers who sent a signal, for the case that it begins a stop.
    pub(crate) fn arrived(&mut self, signal: Signal, sender: i32) {
        self.sender = Some((signal, sender));
    }

    /// Takes note of what happened, each with its time.
    pub(crate) fn notes(&mut self, notes: Vec<(Note, Time)>) {
        for (note, at) in notes {
            self.note(&note, at);
        }
    }

    /// Takes note of one thing.
    fn note(&mut self, note: &Note, now: Time) {
        match note {
            Note::Begins(cause, signal) => {
                let sender = self.sender.filter(|(s, pid)| *cause == Cause::Signal(*s) && *pid > 0);
                self.journal = Some(Journal::new(*cause, *signal, sender.map(|(_, pid)| pid), now));
            }
            Note::MainEnded(end) => self.main_end = Some(*end),
            _ => {}
        }
        if let Some(journal) = &mut self.journal {
            journal.note(note, now);
        }
        let level = level(note);
        if level > self.verbosity {
            return;
        }
        let unsaid = match note {
            Note::Dropped(signal) => self.dropped.count(*signal, now),
            _ => Some(0),
        };
        let more = match unsaid {
            None => return,
            Some(0) => String::new(),
            Some(unsaid) => format!(" ({unsaid} more before this)"),
        };
        let since = self.journal.as_ref().filter(|_| level == Verbosity::Verbose);
        let since =
            since.map(|journal| format!("{:>8}  ", shown(now.saturating_sub(journal.began))));
        say(&format!("{}{}{more}", since.unwrap_or_default(), sentence(note, now)));
    }

    /// How the main process ended, once it has.
    pub(crate) fn main_end(&self) -> Option<End> {
        self.main_end
    }

    /// Whether the stop had to kill.
    pub(crate) fn had_to_kill(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.timed_out.is_some())
    }

    /// Prints the timeline of the stop, and writes the files that are wanted of it.
    pub(crate) fn finish(
        &mut self,
        settings: &Settings,
        terms: &Terms,
        now: Time,
        exit_status: u8,
    ) {
        self.dropped.rest().for_each(|line| say(&line));
        let Some(journal) = &mut self.journal else { return };
        if sys::wait_any() == sys::Waited::NoChildren {
            journal.all_gone(now);
        }
        if self.verbosity == Verbosity::Verbose {
            let whole = shown(now.saturating_sub(journal.began));
            say(&format!("stopped in {whole}, exit status {exit_status}"));
            let width = sys::terminal_width(libc::STDERR_FILENO).unwrap_or(timeline::WIDTH);
            for line in timeline::lines(journal, now, width.saturating_sub(NAME.len())) {
                say(&line);
            }
        }
        let outcome = Outcome { now, main: terms.main, main_end: self.main_end, exit_status };
        files::save(journal, settings, &self.places, terms, outcome);
    }
}

/// The verbosity from which on a note is said.
fn level(note: &Note) -> Verbosity {
    match note {
        Note::Waits(..)
        | Note::Kills(..)
        | Note::Abandons(_)
        | Note::Dropped(_)
        | Note::Refused(..)
        | Note::Blind(_) => Verbosity::Warnings,
        _ => Verbosity::Verbose,
    }
}

/// A note as a sentence.
fn sentence(note: &Note, now: Time) -> String {
    match note {
        Note::Begins(Cause::Signal(arrived), signal) if arrived == signal => {
            format!("{signal} arrived")
        }
        Note::Begins(Cause::Signal(arrived), signal) => {
            format!("{arrived} arrived, {signal} is delivered in its place")
        }
        Note::Begins(Cause::MainEnded(end), signal) => {
            format!("the main process {end} and left processes behind; {signal} for them")
        }
        Note::Unhandled(signal) => format!("nobody handles {signal}: everybody is told"),
        Note::Sends(who, reason, signal) => {
            format!("{signal} to {}, {}: {}", named(who), role(who.role), because(*reason))
        }
        Note::Leaves(who, reason) => {
            format!("{} is left alone, {}: {}", named(who), role(who.role), because(*reason))
        }
        Note::Enters(phase) => format!("the {phase} begins"),
        Note::Ended(who, Some(end)) => format!("{} {end}", named(who)),
        Note::Ended(who, None) => format!("{} ended", named(who)),
        Note::MainEnded(end) => format!("the main process {end}"),
        Note::Repeats(signal) => format!("{signal} again: it is passed on"),
        Note::Waits(time, signal, whom) => {
            format!("still waiting {} after {signal} for {}", shown(*time), names(whom))
        }
        Note::Kills(time, whom) => {
            format!("timeout after {}: killing {}", shown(*time), each(whom, now))
        }
        Note::Abandons(whom) => {
            let names = names(whom);
            format!("these do not disappear although they were killed: {names}")
        }
        Note::Dropped(signal) => {
            format!("{signal} dropped: no program handles it, and its default action could end one")
        }
        Note::Changed(who) => {
            format!(
                "{} executed another program before it was told; it is looked at again",
                named(who)
            )
        }
        Note::Refused(who, signal) => format!(
            "may not send {signal} to {}: it belongs to another user; run adieu as root or as that user",
            named(who)
        ),
        Note::Blind(signal) => format!(
            "/proc cannot be read: {signal} goes to the whole process group; mount /proc so that shells are spared"
        ),
    }
}

fn because(reason: Reason) -> String {
    match reason {
        Reason::Handles => "it handles the signal".to_owned(),
        Reason::WasSignalled => "it was told before".to_owned(),
        Reason::Chosen => "--deliver child means it".to_owned(),
        Reason::Above(pid) => format!("it has to be there for {pid}"),
        Reason::Below(pid) => format!("{pid} sees to it"),
        Reason::AwaitedBy(pid) => format!("the shell {pid} waits for it before it runs its trap"),
        Reason::ReadsPipeline => "it ends at the end of its pipeline".to_owned(),
        Reason::Finishing => "it may carry on".to_owned(),
        Reason::Hidden => "what it does with the signal may not be read".to_owned(),
        Reason::LastCall => "it is still there".to_owned(),
        Reason::Nothing => "it does not handle the signal".to_owned(),
    }
}

fn named(who: &ProcessNote) -> String {
    match who.arguments.as_str() {
        "" => format!("{} ({})", who.name, who.id.pid),
        arguments => format!("{} ({}: {arguments})", who.name, who.id.pid),
    }
}

/// Names with how long each had had since it was told.
fn each(whom: &[ProcessNote], now: Time) -> String {
    list(whom, |who| match who.signalled {
        Some(told) => format!("{}, told {} before", remark(who), shown(now.saturating_sub(told))),
        None => ", which cannot be told".to_owned(),
    })
}

fn names(whom: &[ProcessNote]) -> String {
    list(whom, |who| remark(who).to_owned())
}

fn remark(who: &ProcessNote) -> &'static str {
    match who {
        ProcessNote { refused: true, .. } => " which may not be signalled",
        ProcessNote { ignores: true, .. } => " which ignores the signal",
        ProcessNote { signalled: None, .. } => " which was not told",
        _ => "",
    }
}

fn list(whom: &[ProcessNote], remark: impl Fn(&ProcessNote) -> String) -> String {
    if whom.is_empty() {
        return "processes that cannot be seen".to_owned();
    }
    let mut text = String::new();
    for (index, who) in whom.iter().take(MOST_NAMES).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{}{}", named(who), remark(who));
    }
    if whom.len() > MOST_NAMES {
        let _ = write!(text, " and {} more", whom.len() - MOST_NAMES);
    }
    text
}

/// The line for an adieu that could not start: nothing runs that a wait could hold up.
pub(crate) fn fail(error: &crate::error::Error) {
    // In several lines where the parser of the options wrote it so.
    let fit = |c: char| if c == '\n' { c } else { printable::fit(c) };
    let text: String = error.to_string().chars().map(fit).collect();
    let _ = write_all(stderr(), format!("{NAME}{text}\n").as_bytes());
}

/// Writes a text of any length to stderr, and waits this long at the most for a reader.
pub(crate) fn patiently(text: &str, limit: Duration) {
    let fd = stderr();
    let deadline = Instant::now() + limit;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let part = rest.get(..LONGEST_LINE.min(rest.len())).unwrap_or_default();
        match write_part(fd, part) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::EAGAIN) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
                let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], left);
            }
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::timeline::tests::who;

    #[test]
    fn a_long_list_of_names_is_cut_and_counted() {
        let many: Vec<ProcessNote> = (0..25).map(|pid| who(pid, "a", Some(0))).collect();
        let text = names(&many);
        assert!(text.ends_with("a (19) and 5 more"), "{text}");
        assert!(names(&[who(7, "b", None)]).ends_with("b (7) which was not told"));
    }

    #[test]
    fn drops_in_a_row_are_counted_and_none_is_lost() {
        let at = Duration::from_secs;
        let mut dropped = Dropped::default();
        assert_eq!(dropped.count(Signal::HUP, at(1)), Some(0));
        assert_eq!([2, 5].map(|now| dropped.count(Signal::HUP, at(now))), [None, None]);
        assert_eq!(dropped.count(Signal::QUIT, at(5)), Some(0), "each signal for itself");
        assert_eq!(dropped.count(Signal::HUP, at(11)), Some(2));
        assert_eq!(dropped.rest().count(), 0);
        assert_eq!(dropped.count(Signal::HUP, at(12)), None);
        assert_eq!(dropped.rest().collect::<Vec<_>>(), ["SIGHUP dropped: 1 more"]);
    }

    #[test]
    fn every_warning_names_what_it_is_about() {
        let dropped = Note::Dropped(Signal::HUP);
        assert!(
            level(&dropped) == Verbosity::Warnings
                && sentence(&dropped, Time::ZERO).contains("SIGHUP")
        );
        let kills = Note::Kills(Duration::from_secs(3), vec![who(12, "server", Some(0))]);
        assert!(
            level(&kills) == Verbosity::Warnings
                && sentence(&kills, Duration::from_secs(3))
                    .contains("server (12), told 3.00 s before")
        );
    }
}
