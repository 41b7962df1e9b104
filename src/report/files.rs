//! What a platform reads of a stop: the report as JSON (`--report`) and a few lines for `kubectl
//! describe pod` (`--termination-log`). Written when the stop is over, for a limited time, and
//! never at the cost of the exit.

use crate::cli::settings::{Settings, Verbosity};
use crate::decide::role::Reason;
use crate::decide::terms::Deliver;
use crate::decide::terms::Terms;
use crate::decide::{Cause, Time};
use crate::exit::End;
use crate::report;
use crate::report::journal::{Journal, role};
use crate::report::json::Json;
use crate::report::timeline::shown;
use crate::signal::Signal;
use crate::system::sys;
use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{UnlinkatFlags, read, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The version of the report's form, raised whenever a reader of the old one would misread the new
/// one.
const SCHEMA: i32 = 1;
/// What Kubernetes shows of a termination message.
const LONGEST_MESSAGE: u64 = 4096;
/// How long a disk may take before adieu exits without it.
const WRITE_LIMIT: Duration = Duration::from_millis(500);
/// Between two problems: no path that was typed has it.
const END_OF_PROBLEM: u8 = 0;

/// How the whole of it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub now: Time,
    pub main: i32,
    pub main_end: Option<End>,
    pub exit_status: u8,
}

/// Where the files go. Found out before there is a program that could put a link in the place of a
/// directory: adieu may be allowed more than that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    report: Option<Place>,
    termination_log: Option<Place>,
}

impl Places {
    pub(crate) fn of(settings: &Settings) -> Self {
        let report = settings.report.as_deref().filter(|path| *path != "-");
        Self {
            report: report.map(Place::of),
            termination_log: settings.termination_log.as_deref().map(Place::of),
        }
    }
}

/// A file to be written: the path as it was typed, its directory without any link, its name there.
#[derive(Clone, Debug)]
struct Place {
    typed: OsString,
    directory: PathBuf,
    name: OsString,
}

impl Place {
    fn of(typed: &OsStr) -> Self {
        let path = Path::new(typed);
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        // What is still missing of it the program may make.
        let resolved = parent.ancestors().find_map(|there| {
            let missing = parent.strip_prefix(there).ok()?;
            Some(fs::canonicalize(there).ok()?.join(missing))
        });
        Self {
            typed: typed.to_owned(),
            directory: resolved.unwrap_or_else(|| parent.to_owned()),
            name: path.file_name().unwrap_or_default().to_owned(),
        }
    }

    /// Opens the directory, through no link: `openat2(2)`, Linux 5.6. Without that call, links are
    /// followed.
    fn open_directory(&self) -> io::Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        match fcntl::openat2(fcntl::AT_FDCWD, &self.directory, how) {
            Err(Errno::ENOSYS | Errno::EPERM) => {
                Ok(fcntl::open(&self.directory, flags, Mode::empty())?)
            }
            Err(Errno::ELOOP) => Err(io::Error::other(
                "a link has taken the place of a directory in its path since the start",
            )),
            opened => Ok(opened?),
        }
    }

    /// Opens the file itself, no link in its place.
    fn open(&self, directory: &OwnedFd, name: &OsStr, flags: OFlag) -> Result<fs::File, Errno> {
        let always = OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        fcntl::openat(directory, name, flags | always, Mode::from_bits_truncate(0o666))
            .map(fs::File::from)
    }
}

/// Writes what the settings ask for. A disk that does not answer is left to itself: a child process
/// writes, the only one that adieu ever starts beside the program, and the exit does not wait for
/// it but ends it. (The kernel may keep it, for a wait that nothing can interrupt, such as that of
/// a frozen file system; as PID 1 adieu then stays as long, since a PID namespace ends with its
/// last process.)
pub(crate) fn save(
    journal: &Journal,
    settings: &Settings,
    places: &Places,
    terms: &Terms,
    outcome: Outcome,
) {
    let report = settings.report.as_ref().map(|_| to_json(journal, settings, terms, outcome));
    let report = match (report, &places.report) {
        (Some(json), None) => {
            report::patiently(&format!("{json}\n"), WRITE_LIMIT);
            None
        }
        (Some(json), Some(place)) => Some((place, format!("{json:#}\n"))),
        (None, _) => None,
    };
    let message = places.termination_log.as_ref().map(|place| (place, message(journal, outcome)));
    if report.is_none() && message.is_none() {
        return;
    }
    let own_pid = std::process::id();
    let problems = in_time(&mut || {
        let written = report
            .as_ref()
            .map(|(place, text)| named("--report", place, replace(place, text, own_pid)));
        let appended = message
            .as_ref()
            .map(|(place, text)| named("--termination-log", place, append(place, text)));
        [written, appended].into_iter().flatten().flatten().all(|problem| {
            let said = [problem.as_bytes(), &[END_OF_PROBLEM]].concat();
            report::write_all(sys::standard(libc::STDERR_FILENO), &said).is_ok()
        })
    });
    for problem in problems.iter().filter(|_| settings.verbosity >= Verbosity::Warnings) {
        report::say(problem);
    }
}

/// Does the work in a process of its own, waits for it for a limited time, and returns what it had
/// to say on stderr; the work returns whether it could.
fn in_time(work: &mut dyn FnMut() -> bool) -> Vec<String> {
    let writer = match sys::start_writer(work) {
        Ok(writer) => writer,
        // Without one, a disk that does not answer would keep adieu from ending.
        Err(errno) => {
            return vec![format!(
                "the report is not written: no process to be had for it ({}); is a limit on processes \
                 (RLIMIT_NPROC, pids), descriptors or memory reached?",
                errno.desc()
            )];
        }
    };
    let deadline = Instant::now() + WRITE_LIMIT;
    let mut said = Vec::new();
    let given_up = loop {
        match part_of(&writer.output, deadline) {
            Ok(Some(part)) if part.is_empty() => break None,
            Ok(Some(part)) => said.extend(part),
            Ok(None) => break Some("the file system does not answer"),
            Err(errno) => break Some(errno.desc()),
        }
    };
    let problems = said.split(|byte| *byte == END_OF_PROBLEM).filter(|problem| !problem.is_empty());
    let mut problems: Vec<String> =
        problems.map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    match given_up {
        Some(why) => problems.push(format!("the report is given up: {why}")),
        None => match writer.end() {
            Some(End::Exited(0)) | None => {}
            Some(end) => problems
                .push(format!("the report may be missing: the process that writes it {end}")),
        },
    }
    problems
}

/// What there is to read, nothing at the end of it; `None` when the time is over.
fn part_of(said: &OwnedFd, deadline: Instant) -> Result<Option<Vec<u8>>, Errno> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    if poll(&mut [PollFd::new(said.as_fd(), PollFlags::POLLIN)], left)? == 0 {
        return Ok(None);
    }
    let mut part = vec![0; 1024];
    let length = read(said, &mut part)?;
    part.truncate(length);
    Ok(Some(part))
}

fn named(option: &str, place: &Place, result: io::Result<()>) -> Option<String> {
    let (problem, path) = (result.err()?, place.typed.to_string_lossy());
    Some(format!("{option} '{path}': {problem}; the stop and the exit status are unchanged"))
}

/// Writes a file beside the path and renames it, so that no reader ever finds a half of it.
/// Whatever else than a file stands at the path (a device, a pipe, a link to somewhere) stays.
fn replace(place: &Place, text: &str, own_pid: u32) -> io::Result<()> {
    let directory = place.open_directory()?;
    let found = fstatat(&directory, place.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
    if found.is_ok_and(|found| found.st_mode & libc::S_IFMT != libc::S_IFREG) {
        return Err(io::Error::other("it exists and is no regular file"));
    }
    let mut temporary = place.name.clone();
    temporary.push(format!(".{own_pid}.tmp"));
    let remove = || unlinkat(&directory, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
    // Left by an adieu that was killed while it wrote: PID 1 has the same name for it in every
    // container.
    let _ = remove();
    let mut file = place.open(&directory, &temporary, OFlag::O_WRONLY | OFlag::O_EXCL)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        Ok(fcntl::renameat(&directory, temporary.as_os_str(), &directory, place.name.as_os_str())?)
    });
    if written.is_err() {
        let _ = remove();
    }
    written
}

/// Adds to what the program may have written itself. No link is followed, and no pipe is waited
/// for.
fn append(place: &Place, text: &str) -> io::Result<()> {
    let directory = place.open_directory()?;
    let open = |access: OFlag| place.open(&directory, &place.name, access | OFlag::O_APPEND);
    // What may only be written to is written to.
    let mut file = open(OFlag::O_RDWR).or_else(|_| open(OFlag::O_WRONLY))?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.nlink() > 1 {
        return Err(io::Error::other(
            "it has a second name (a hard link), so it may be another file",
        ));
    }
    let mut last = [b'\n'];
    let ends_a_line = found.len() == 0
        || file.read_exact_at(&mut last, found.len() - 1).is_ok() && last == *b"\n";
    let text = if ends_a_line { text.to_owned() } else { format!("\n{text}") };
    let room = usize::try_from(LONGEST_MESSAGE.saturating_sub(found.len())).unwrap_or(0);
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    file.write_all(text.as_bytes().get(..end).unwrap_or_default())
}

/// What was waited for and what was killed, in a few lines.
fn message(journal: &Journal, outcome: Outcome) -> String {
    let whole = outcome.now.saturating_sub(journal.began);
    let mut text = format!(
        "adieu: stopped by {} in {}, exit status {}\n",
        journal.signal,
        shown(whole),
        outcome.exit_status
    );
    if let Some(at) = journal.timed_out {
        let _ = writeln!(text, "timeout after {}", shown(at.saturating_sub(journal.began)));
    }
    // The killed first: there may not be room for all.
    let (killed, others): (Vec<_>, Vec<_>) =
        journal.records.iter().partition(|record| record.killed.is_some());
    for record in killed
        .into_iter()
        .chain(others.into_iter().filter(|record| record.reason == Reason::Handles))
    {
        let ended = record.ended.map_or(outcome.now, |(at, _)| at).saturating_sub(journal.began);
        let name = format!("{} ({})", record.who.name, record.who.id.pid);
        let _ = match record.killed {
            Some(_) => {
                writeln!(text, "killed: {name}, {}, after {}", role(record.who.role), shown(ended))
            }
            None => writeln!(text, "waited for: {name}, {} after {}", record.how(), shown(ended)),
        };
    }
    text
}

fn milliseconds(time: Duration) -> Json {
    Json::Number(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn ending(end: Option<End>) -> Json {
    match end {
        None => Json::Null,
        Some(End::Exited(code)) => Json::Object(vec![("exit_status", i32::from(code).into())]),
        Some(End::Signaled(signal)) => Json::Object(vec![("signal", name(signal))]),
    }
}

fn name(signal: Signal) -> Json {
    signal.to_string().into()
}

/// The name that the report has for a reason.
fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Handles => "handles the signal",
        Reason::WasSignalled => "was told before",
        Reason::Chosen => "chosen by --deliver child",
        Reason::Above(_) => "above an owner",
        Reason::Below(_) => "below an owner",
        Reason::AwaitedBy(_) => "awaited by a shell with a trap",
        Reason::ReadsPipeline => "reads an owner's pipeline",
        Reason::Finishing => "may carry on in the foreground of a trap",
        Reason::Hidden => "may not be read",
        Reason::LastCall => "last call",
        Reason::Nothing => "handles nothing",
    }
}

/// The report; `docs/report.schema.json` describes it.
fn to_json(journal: &Journal, settings: &Settings, terms: &Terms, outcome: Outcome) -> Json {
    let since = |at: Time| milliseconds(at.saturating_sub(journal.began));
    let cause = match journal.cause {
        Cause::Signal(arrived) => vec![
            ("arrived", name(arrived)),
            ("delivered", name(journal.signal)),
            ("kind", "signal".into()),
            ("sender", journal.sender.into()),
        ],
        Cause::MainEnded(end) => vec![
            ("delivered", name(journal.signal)),
            ("ended", ending(Some(end))),
            ("kind", "main process ended".into()),
        ],
    };
    let processes = journal.records.iter().map(|record| {
        let mut fields = vec![
            ("ended", ending(record.ended.and_then(|(_, end)| end))),
            ("ended_ms", record.ended.map(|(at, _)| since(at)).into()),
            ("killed_ms", record.killed.map(since).into()),
            ("name", record.who.name.as_str().into()),
            ("pid", record.who.id.pid.into()),
            ("reason", reason(record.reason).into()),
            ("role", role(record.who.role).into()),
            ("signal", record.signal.map(name).into()),
            ("told_ms", record.who.signalled.map(since).into()),
        ];
        if settings.show_args {
            fields.insert(0, ("command", record.who.arguments.as_str().into()));
        }
        Json::Object(fields)
    });
    let all_signals = || (1..=64).filter_map(Signal::from_number);
    let rewrites = all_signals().filter_map(|from| {
        let to = settings.rewrites.apply(from);
        let text = to.map_or("0".to_owned(), |to| to.to_string());
        (to != Some(from)).then(|| format!("{from}={text}").into())
    });
    let deliver = match settings.deliver {
        Deliver::Programs => "programs",
        Deliver::Group => "group",
        Deliver::Child => "child",
    };
    let used = vec![
        ("deliver", deliver.into()),
        ("epilogue_ms", milliseconds(settings.epilogue)),
        ("linger", settings.linger.into()),
        ("pid1", terms.is_init.into()),
        ("rewrites", rewrites.collect()),
        (
            "stop_on",
            all_signals().filter(|signal| settings.stop_on.has(*signal)).map(name).collect(),
        ),
        ("timeout_ms", settings.timeout.map(milliseconds).into()),
    ];
    let phases = journal.phases.iter();
    let phases = phases
        .map(|(name, at)| Json::Object(vec![("began_ms", since(*at)), ("name", (*name).into())]));
    let repeats = journal.repeats.iter();
    let repeats = repeats
        .map(|(signal, at)| Json::Object(vec![("at_ms", since(*at)), ("signal", name(*signal))]));
    let main = vec![("ended", ending(outcome.main_end)), ("pid", outcome.main.into())];
    Json::Object(vec![
        ("adieu", env!("CARGO_PKG_VERSION").into()),
        ("blind", journal.blind.into()),
        ("cause", Json::Object(cause)),
        ("duration_ms", since(outcome.now)),
        ("exit_status", i32::from(outcome.exit_status).into()),
        ("main", Json::Object(main)),
        ("phases", phases.collect()),
        ("processes", processes.collect()),
        ("processes_omitted", journal.omitted().into()),
        ("repeats", repeats.collect()),
        ("schema", SCHEMA.into()),
        ("settings", Json::Object(used)),
        ("timed_out_ms", journal.timed_out.map(since).into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::timeline::tests::journal;

    #[test]
    fn the_message_says_what_was_waited_for_and_what_was_killed() {
        let outcome = Outcome {
            now: Duration::from_secs(1),
            main: 2,
            main_end: Some(End::Exited(0)),
            exit_status: 0,
        };
        assert_eq!(
            message(&journal(), outcome),
            "adieu: stopped by SIGTERM in 1.00 s, exit status 0\n\
             timeout after 1.00 s\n\
             killed: hung (14), owner, after 1.00 s\n\
             waited for: server (12), exited 0 after 500 ms\n"
        );
    }
}
