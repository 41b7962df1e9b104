//! A server that finishes its work: a demonstration of what adieu waits for, and the fixture of its
//! tests.
//!
//! When it gets a stop signal, it says so, works on for a while, says that it is done, and ends.
//! Every line it prints begins with its name and leaves in one `write`, so that a test can see from
//! its output alone which server got the signal, how often, and which was cut off.
//!
//! ```text
//! $ cargo build --example server
//! $ adieu './server --name web --work 2s | tee -a log; echo bye'
//! web ready
//! web got TERM
//! web done
//! bye
//! ```
#![allow(
    unsafe_code,
    reason = "signalfd, sigtimedwait and real-time signals have no safe wrapper that takes every \
        signal number"
)]

use std::env;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::ptr;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use libc::c_int;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

const USAGE: &str = "\
A server that finishes its work when it gets a stop signal.

Usage: server [OPTIONS]

  --name NAME       what its lines begin with [server]
  --on SIG,…        the signals that end it; `none` for none [TERM,INT]
  --print SIG,…     signals that it only reports, as `NAME saw SIG`
  --ignore SIG,…    signals that it ignores
  --by HOW          how it takes them: caught, signalfd or sigwait [caught]
  --work DURATION   from the first `got` to `done` [500ms]
  --lines N         prints `NAME line 1` to N during the work, the last one at its end
  --never           never ends after the signal
  --exit CODE       its exit status [0]
  --late DURATION   prints `NAME started` and registers its handlers only after that time
  --workers N       starts N workers, NAME.1 and on; sends each TERM once, and ends after the last
  --leave-worker    ends at once after the signal: it neither signals its workers nor waits for them
  --setsid          leads a session of its own; fails where it leads a process group, so start it
                    from a shell
  --daemonize       detaches; what was started returns once the daemon is ready
";

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            write_all(io::stdout().as_fd(), USAGE.as_bytes()).ok();
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("server: {wrong}; see --help");
            return ExitCode::from(2);
        }
    };
    let ended = match options.detach {
        Detach::No => serve(&options),
        Detach::AndReturnWhenReady => daemonize(&options),
        Detach::FromSession => leave_session(&options),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("{}: {error}", options.name);
        ExitCode::FAILURE
    })
}

/// From the first handler to the last line.
fn serve(options: &Options) -> io::Result<ExitCode> {
    if options.setsid {
        nix::unistd::setsid()?;
    }
    for &signal in &options.ignore {
        ignore(signal)?;
    }
    if let Some(late) = options.late {
        options.say("started");
        thread::sleep(late);
    }
    let inbox = Inbox::open(options)?;
    let mut workers = start_workers(options)?;
    options.say("ready");
    if let Some(fd) = options.ready_fd {
        // SAFETY: the parent opened this descriptor for us to own, and nothing else here uses it.
        let ready = unsafe { OwnedFd::from_raw_fd(fd) };
        write_all(ready.as_fd(), b"r")?;
    }

    let is_master = options.workers > 0;
    let mut work: Option<Work> = None;
    loop {
        // A master's work is that of its workers: it ends with the last of them, at no set time.
        let next_step = match &work {
            Some(work) if !is_master && !options.never => Some(work.next_step()),
            _ => None,
        };
        match inbox.next(next_step)? {
            Some(libc::SIGCHLD) if is_master => {
                workers.retain_mut(|worker| matches!(worker.try_wait(), Ok(None)));
            }
            Some(signal) if options.print.contains(&signal) => {
                options.say(&format!("saw {}", signal_name(signal)));
            }
            Some(signal) => {
                options.say(&format!("got {}", signal_name(signal)));
                if work.is_none() {
                    work = Some(Work::begin(options));
                    if options.leave_worker {
                        break;
                    }
                    // The workers take the same signals: one that TERM would kill gets what the
                    // master got.
                    let pass_on =
                        if options.on.contains(&libc::SIGTERM) { libc::SIGTERM } else { signal };
                    for worker in &workers {
                        send(worker.id(), pass_on);
                    }
                }
            }
            None => {
                if let Some(work) = &mut work {
                    work.take_step(options);
                    if work.is_over() {
                        break;
                    }
                }
            }
        }
        if is_master && work.is_some() && workers.is_empty() && !options.never {
            break;
        }
    }
    options.say("done");
    Ok(ExitCode::from(options.exit))
}

/// The time from the signal to the end, cut into as many steps as there are lines to print in it.
struct Work {
    began: Instant,
    length: Duration,
    steps: u32,
    taken: u32,
}

impl Work {
    fn begin(options: &Options) -> Self {
        Self { began: Instant::now(), length: options.work, steps: options.lines.max(1), taken: 0 }
    }

    fn next_step(&self) -> Instant {
        self.began + self.length.mul_f64(f64::from(self.taken + 1) / f64::from(self.steps))
    }

    fn take_step(&mut self, options: &Options) {
        self.taken += 1;
        if self.taken <= options.lines {
            options.say(&format!("line {}", self.taken));
        }
    }

    fn is_over(&self) -> bool {
        self.taken == self.steps
    }
}

/// Starts the workers and returns once each is ready, so that the master's own `ready` speaks for
/// all of them.
fn start_workers(options: &Options) -> io::Result<Vec<Child>> {
    let for_the_master =
        ["--name", "--workers", "--leave-worker", "--late", "--setsid", "--exit", "--ready-fd"];
    (1..=options.workers)
        .map(|number| {
            let mut worker = Command::new(env::current_exe()?);
            worker.args(options.given_without(&for_the_master));
            worker.args(["--name", &format!("{}.{number}", options.name)]);
            start_and_wait_until_ready(&mut worker)
        })
        .collect()
}

/// The first of the two steps to a daemon: what was started stays until the daemon is ready.
fn daemonize(options: &Options) -> io::Result<ExitCode> {
    let mut session = Command::new(env::current_exe()?);
    session.args(options.given_without(&["--daemonize"])).arg("--detaching");
    start_and_wait_until_ready(&mut session)?.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// The second step: a session without a terminal, whose leader leaves, so that the daemon can never
/// acquire one.
fn leave_session(options: &Options) -> io::Result<ExitCode> {
    nix::unistd::setsid()?;
    let mut daemon = Command::new(env::current_exe()?);
    daemon.args(options.given_without(&["--detaching"])).stdin(Stdio::null());
    #[allow(
        clippy::zombie_processes,
        reason = "this process ends now: the daemon's new parent reaps it"
    )]
    daemon.spawn()?;
    Ok(ExitCode::SUCCESS)
}

/// Hands the child a pipe (`--ready-fd`) and waits until it has written to it.
fn start_and_wait_until_ready(command: &mut Command) -> io::Result<Child> {
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: sets a flag of a descriptor that `writer` owns. There is one thread: no other child
    // can inherit it.
    Errno::result(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFD, 0) })?;
    let child = command.arg("--ready-fd").arg(writer.as_raw_fd().to_string()).spawn()?;
    drop(writer);
    match reader.read_exact(&mut [0]) {
        Ok(()) => Ok(child),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("process {} ended before it was ready", child.id()),
        )),
    }
}

/// Where signals arrive: one way in for each way that servers take them.
enum Inbox {
    /// Nothing to wait for.
    Closed,
    /// Handlers write the signal's number to a pipe.
    Caught(OwnedFd),
    /// Blocked, read from a descriptor.
    SignalFd(OwnedFd),
    /// Blocked, taken by the thread that waits for them.
    SigWait(Box<libc::sigset_t>),
}

impl Inbox {
    fn open(options: &Options) -> io::Result<Self> {
        let mut signals: Vec<c_int> = options.on.iter().chain(&options.print).copied().collect();
        if options.workers > 0 {
            signals.push(libc::SIGCHLD);
        }
        if signals.is_empty() {
            return Ok(Self::Closed);
        }
        match options.by {
            By::Caught => {
                let (reader, writer) = io::pipe()?;
                // The handlers are there as long as the process, and so is the descriptor that they
                // write to.
                let writer = writer.into_raw_fd();
                for signal in signals {
                    let byte = u8::try_from(signal).map_err(io::Error::other)?;
                    let handler = move || {
                        // SAFETY: write(2) is async-signal-safe; it is given one byte that the
                        // closure owns.
                        unsafe { libc::write(writer, ptr::from_ref(&byte).cast(), 1) };
                    };
                    // SAFETY: the handler does nothing but the write above.
                    unsafe { signal_hook::low_level::register(signal, handler) }?;
                }
                Ok(Self::Caught(OwnedFd::from(reader)))
            }
            By::SignalFd => {
                let set = block(&signals)?;
                // SAFETY: `set` is initialised; -1 asks for a new descriptor.
                let fd = Errno::result(unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC) })?;
                // SAFETY: the descriptor is new, and nothing else owns it.
                Ok(Self::SignalFd(unsafe { OwnedFd::from_raw_fd(fd) }))
            }
            By::SigWait => Ok(Self::SigWait(Box::new(block(&signals)?))),
        }
    }

    /// The next signal, or `None` at the deadline. Without one it waits for as long as it takes.
    fn next(&self, deadline: Option<Instant>) -> io::Result<Option<c_int>> {
        match self {
            Self::Closed => loop {
                // SAFETY: pause(2) has no preconditions.
                unsafe { libc::pause() };
            },
            Self::Caught(pipe) => {
                if !readable(pipe.as_fd(), deadline)? {
                    return Ok(None);
                }
                let mut byte = [0];
                nix::unistd::read(pipe, &mut byte)?;
                Ok(Some(c_int::from(byte[0])))
            }
            Self::SignalFd(fd) => {
                if !readable(fd.as_fd(), deadline)? {
                    return Ok(None);
                }
                let mut bytes = [0; mem::size_of::<libc::signalfd_siginfo>()];
                nix::unistd::read(fd, &mut bytes)?;
                // `ssi_signo`, the number, comes first.
                let [a, b, c, d, ..] = bytes;
                c_int::try_from(u32::from_ne_bytes([a, b, c, d]))
                    .map(Some)
                    .map_err(io::Error::other)
            }
            Self::SigWait(set) => sigtimedwait(set, deadline),
        }
    }
}

fn readable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = match deadline.map(time_left) {
            None => PollTimeout::NONE,
            Some(Duration::ZERO) => return Ok(false),
            // Rounded up: with the time cut off at the millisecond it would spin through the last
            // one.
            Some(left) => {
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            }
        };
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn sigtimedwait(set: &libc::sigset_t, deadline: Option<Instant>) -> io::Result<Option<c_int>> {
    loop {
        let timeout = match deadline.map(time_left) {
            None => None,
            Some(left) => Some(libc::timespec {
                tv_sec: libc::time_t::try_from(left.as_secs()).map_err(io::Error::other)?,
                tv_nsec: left.subsec_nanos().into(),
            }),
        };
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: `set` is initialised, the timeout is null or points to a live timespec, and no
        // siginfo is asked for.
        match Errno::result(unsafe { libc::sigtimedwait(set, ptr::null_mut(), timeout) }) {
            Ok(signal) => return Ok(Some(signal)),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn block(signals: &[c_int]) -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set that it is given.
    let mut set: libc::sigset_t = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for &signal in signals {
        // SAFETY: the set is initialised; a number that is no signal is an error, not undefined
        // behaviour.
        Errno::result(unsafe { libc::sigaddset(&mut set, signal) })?;
    }
    // SAFETY: the set is initialised, and the old mask is not asked for.
    Errno::result(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, ptr::null_mut()) })?;
    Ok(set)
}

fn ignore(signal: c_int) -> io::Result<()> {
    // SAFETY: SIG_IGN runs no code of ours.
    if unsafe { libc::signal(signal, libc::SIG_IGN) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// To a child that has not been reaped, so the number is still its own. One that is a zombie by now
/// has ended anyway.
fn send(pid: u32, signal: c_int) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: kill(2) touches no memory of ours.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Unbuffered: a line either has left or is known to be lost.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum By {
    Caught,
    SignalFd,
    SigWait,
}

/// How far the way to a daemon is to go from here.
#[derive(Clone, Copy)]
enum Detach {
    No,
    AndReturnWhenReady,
    FromSession,
}

struct Options {
    /// As typed, to hand on to children.
    given: Vec<(String, Option<String>)>,
    name: String,
    on: Vec<c_int>,
    print: Vec<c_int>,
    ignore: Vec<c_int>,
    by: By,
    work: Duration,
    lines: u32,
    never: bool,
    exit: u8,
    late: Option<Duration>,
    workers: u32,
    leave_worker: bool,
    setsid: bool,
    detach: Detach,
    ready_fd: Option<RawFd>,
}

impl Options {
    /// `None` where help was asked for.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            given: Vec::new(),
            name: "server".into(),
            on: vec![libc::SIGTERM, libc::SIGINT],
            print: Vec::new(),
            ignore: Vec::new(),
            by: By::Caught,
            work: Duration::from_millis(500),
            lines: 0,
            never: false,
            exit: 0,
            late: None,
            workers: 0,
            leave_worker: false,
            setsid: false,
            detach: Detach::No,
            ready_fd: None,
        };
        while let Some(option) = words.next() {
            let mut given = None;
            let mut value = || -> Result<String, String> {
                given = Some(words.next().ok_or_else(|| format!("{option} needs a value"))?);
                Ok(given.clone().unwrap_or_default())
            };
            match option.as_str() {
                "--name" => options.name = value()?,
                "--on" => options.on = signals(&value()?)?,
                "--print" => options.print = signals(&value()?)?,
                "--ignore" => options.ignore = signals(&value()?)?,
                "--by" => {
                    options.by = match value()?.as_str() {
                        "caught" => By::Caught,
                        "signalfd" => By::SignalFd,
                        "sigwait" => By::SigWait,
                        other => return Err(format!("--by {other}: caught, signalfd or sigwait")),
                    }
                }
                "--work" => options.work = duration(&value()?)?,
                "--lines" => options.lines = number(&value()?)?,
                "--never" => options.never = true,
                "--exit" => options.exit = number(&value()?)?,
                "--late" => options.late = Some(duration(&value()?)?),
                "--workers" => options.workers = number(&value()?)?,
                "--leave-worker" => options.leave_worker = true,
                "--setsid" => options.setsid = true,
                "--daemonize" => options.detach = Detach::AndReturnWhenReady,
                // The next two are its own, for what it starts itself.
                "--detaching" => options.detach = Detach::FromSession,
                "--ready-fd" => options.ready_fd = Some(number(&value()?)?),
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown option {option}")),
            }
            options.given.push((option, given));
        }
        Ok(Some(options))
    }

    fn given_without<'a>(&'a self, left_out: &'a [&str]) -> impl Iterator<Item = &'a OsStr> {
        self.given
            .iter()
            .filter(|(option, _)| !left_out.contains(&option.as_str()))
            .flat_map(|(option, value)| [Some(option), value.as_ref()])
            .flatten()
            .map(OsStr::new)
    }

    /// One line, in one write. std ignores SIGPIPE, so a reader that is gone shows as an error
    /// here.
    fn say(&self, event: &str) {
        let line = format!("{} {event}\n", self.name);
        if write_all(io::stdout().as_fd(), line.as_bytes()).is_err() {
            let lost = format!("{} lost: {line}", self.name);
            write_all(io::stderr().as_fd(), lost.as_bytes()).ok();
        }
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text} is not a number that fits here"))
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{text}: {error}"))
}

fn signals(list: &str) -> Result<Vec<c_int>, String> {
    if list == "none" {
        return Ok(Vec::new());
    }
    list.split(',').map(signal_number).collect()
}

/// `TERM`, `SIGTERM`, `15`, `RTMIN+1`.
fn signal_number(text: &str) -> Result<c_int, String> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let number = if let Ok(number) = name.parse() {
        number
    } else if let Some(above) = name.strip_prefix("RTMIN") {
        libc::SIGRTMIN() + if above.is_empty() { 0 } else { number::<c_int>(above)? }
    } else if let Some(below) = name.strip_prefix("RTMAX") {
        libc::SIGRTMAX() + if below.is_empty() { 0 } else { number::<c_int>(below)? }
    } else {
        Signal::from_str(&format!("SIG{name}")).map_err(|_| format!("{text} is not a signal"))?
            as c_int
    };
    if (1..=libc::SIGRTMAX()).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{text} is not a signal"))
    }
}

fn signal_name(number: c_int) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().trim_start_matches("SIG").into(),
        Err(_) if number == libc::SIGRTMIN() => "RTMIN".into(),
        Err(_) => format!("RTMIN+{}", number - libc::SIGRTMIN()),
    }
}
