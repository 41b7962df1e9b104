//! Load for tests: floods of orphans, storms of forks, thousands of processes. Each of them is
//! bounded: whatever was started ends by itself after a minute or two.
//!
//! One thread (but for `threads`) and plain system calls, so that forks and signal handlers are
//! what they look like.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "fork, handlers and prctl have no safe wrapper; a step that fails ends the program \
        with its reason"
)]

use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::{env, thread};

const USAGE: &str = "\
Load for tests.

Usage: storm KIND [NUMBER] [OPTIONS]

  orphans N       N processes, one after another, that end after their parent has; prints
                  `orphans over`
  many N          N children; prints `ready`; ends after the last of them with status 9
  dying           forks children that fork two children that die at once; prints `ready`
  chains N        N processes at any time, each of which forks the next one after a millisecond
                  and ends; prints `ready` and stays
  subreaper N     adopts orphans itself: N daemons, whose parents end soon; each prints
                  `daemon PID`; stays
  threads N       N threads that fork a child each, while the first thread ends; prints `ready`;
                  ends after the last
  counter         takes every signal by sigwait, ends with status 9 when it gets USR2, and prints
                  how often each came
  eat N           takes N MiB of memory, prints `eaten`, and stays

  --handle        what it starts (of `dying`: it itself) handles TERM: it works for --work, writes
                  to --log, and ends
  --work MS       [200]
  --log FILE      one letter for each event is appended: T when it gets the signal, D when done
  --while FILE    chains end once this is gone: no other process could stop them
  --own-groups    each process leads a process group of its own
";

/// What the handler works with: it may touch nothing else.
static LOG: AtomicI32 = AtomicI32::new(-1);
static WORK_MS: AtomicU64 = AtomicU64::new(200);
/// Everything ends after this many seconds.
const LIFE: u64 = 120;

struct Options {
    kind: String,
    number: u32,
    handle: bool,
    own_groups: bool,
    as_long_as: Option<CString>,
}

fn main() -> ExitCode {
    let Some(options) = parse() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match options.kind.as_str() {
        "orphans" => orphans(options.number),
        "many" => many(&options),
        "dying" => dying(&options),
        "chains" => chains(&options),
        "subreaper" => subreaper(&options),
        "threads" => threads(&options),
        "counter" => counter(),
        "eat" => eat(options.number),
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Option<Options> {
    let mut words = env::args_os().skip(1).peekable();
    let kind = words.next()?.into_string().ok()?;
    let number =
        words.next_if(|word| word.to_str().is_some_and(|word| word.parse::<u32>().is_ok()));
    let number = number.and_then(|word| word.to_str()?.parse().ok()).unwrap_or(0);
    let mut options = Options { kind, number, handle: false, own_groups: false, as_long_as: None };
    while let Some(word) = words.next() {
        match word.to_str()? {
            "--handle" => options.handle = true,
            "--own-groups" => options.own_groups = true,
            "--while" => options.as_long_as = Some(CString::new(words.next()?.into_vec()).ok()?),
            "--work" => WORK_MS.store(words.next()?.to_str()?.parse().ok()?, Ordering::Relaxed),
            "--log" => {
                let path = CString::new(words.next()?.into_vec()).ok()?;
                let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT;
                // SAFETY: a C string that lives through the call.
                LOG.store(unsafe { libc::open(path.as_ptr(), flags, 0o666) }, Ordering::Relaxed);
            }
            _ => return None,
        }
    }
    Some(options)
}

// --- The kinds
// ---------------------------------------------------------------------------------------------

fn orphans(number: u32) -> ExitCode {
    for _ in 0..number {
        let parent = fork(|| {
            let parent = pid();
            fork(|| {
                // Not an orphan before that is gone.
                // SAFETY: takes nothing and touches no memory.
                while unsafe { libc::getppid() } == parent {
                    thread::yield_now();
                }
            });
        });
        wait_for(parent);
    }
    say("orphans over");
    ExitCode::SUCCESS
}

fn many(options: &Options) -> ExitCode {
    // The children have it from their first moment.
    set_handler(options.handle);
    for _ in 0..options.number {
        fork(|| {
            lead(options);
            stay();
        });
    }
    set_handler(false);
    say("ready");
    wait_for(-1);
    ExitCode::from(9)
}

fn dying(options: &Options) -> ExitCode {
    set_handler(options.handle);
    say("ready");
    let deadline = seconds() + LIFE;
    while seconds() < deadline {
        let child = fork(|| {
            set_handler(false);
            lead(options);
            fork(|| ());
            fork(|| ());
        });
        wait_for(child);
    }
    ExitCode::SUCCESS
}

fn chains(options: &Options) -> ExitCode {
    let deadline = seconds() + LIFE;
    let is_gone = |path: &CString| {
        // SAFETY: a C string that lives through the call.
        unsafe { libc::access(path.as_ptr(), 0) != 0 }
    };
    let gone = || options.as_long_as.as_ref().is_some_and(is_gone);
    set_handler(options.handle);
    for _ in 0..options.number {
        fork(|| {
            set_handler(false);
            loop {
                lead(options);
                sleep_ms(1);
                if gone() {
                    return;
                }
                // The parent ends; the child goes on where it is.
                // SAFETY: one thread, so the child may do whatever this process may.
                if seconds() > deadline || unsafe { libc::fork() } != 0 {
                    return;
                }
            }
        });
    }
    say("ready");
    wait_for(-1);
    stay()
}

fn subreaper(options: &Options) -> ExitCode {
    // SAFETY: takes integers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    for number in 0..options.number {
        set_handler(options.handle);
        fork(|| {
            fork(|| {
                // SAFETY: takes nothing.
                unsafe { libc::setsid() };
                say(&format!("daemon {}", pid()));
                stay();
            });
            // Some of these parents live on until a look has begun.
            sleep_ms(u64::from(number % 8));
        });
        set_handler(false);
        sleep_ms(1);
        if number % 8 == 7 {
            // The parents in between stay zombies for a while.
            // SAFETY: a null status is allowed.
            while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
        }
    }
    say("ready");
    wait_for(-1);
    ExitCode::from(9)
}

fn threads(options: &Options) -> ExitCode {
    let (number, handle) = (options.number, options.handle);
    let (ready, all) = std::sync::mpsc::channel();
    for _ in 0..number {
        let ready = ready.clone();
        thread::spawn(move || {
            let (reader, writer) = pipe();
            let child = fork(|| {
                set_handler(handle);
                write(writer, b"r");
                stay();
            });
            let mut byte = [0u8];
            // SAFETY: one byte of a live array.
            unsafe { libc::read(reader, byte.as_mut_ptr().cast(), 1) };
            ready.send(()).ok();
            wait_for(child);
        });
    }
    drop(ready);
    thread::spawn(move || {
        all.iter().take(number as usize).for_each(drop);
        say("ready");
    });
    // Only this thread: the process is shown as a zombie while the others go on.
    // SAFETY: never returns; the other threads use nothing of this one's stack.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    ExitCode::SUCCESS
}

fn counter() -> ExitCode {
    let mut all: libc::sigset_t = all_signals();
    let mut counts = [0u32; 65];
    // SAFETY: the set is initialised, the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) };
    say("ready");
    loop {
        let mut number = 0;
        // SAFETY: both pointers are to live values.
        unsafe { libc::sigwait(&raw mut all, &raw mut number) };
        if let Some(count) = usize::try_from(number).ok().and_then(|number| counts.get_mut(number))
        {
            *count += 1;
        }
        if number == libc::SIGTERM {
            say("got TERM");
        }
        if number == libc::SIGUSR2 {
            let came = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            let came: Vec<String> =
                came.map(|(number, count)| format!("{number}:{count}")).collect();
            say(&format!("came {}", came.join(" ")));
            return ExitCode::from(9);
        }
    }
}

fn eat(mebibytes: u32) -> ExitCode {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    for number in 0..mebibytes {
        eaten.push(vec![u8::try_from(number % 255).unwrap_or(0) + 1; 1024 * 1024]);
    }
    say("eaten");
    stay();
    drop(eaten);
    ExitCode::SUCCESS
}

// --- The calls -----------------------------------------------------------------------------------

/// Runs this in a child, which then ends. Waits where no process is to be had.
fn fork(child: impl FnOnce()) -> libc::pid_t {
    loop {
        // SAFETY: the child makes system calls and, in `threads`, nothing else.
        match unsafe { libc::fork() } {
            0 => {
                child();
                // SAFETY: runs nothing of the parent's.
                unsafe { libc::_exit(0) }
            }
            -1 => sleep_ms(10),
            pid => return pid,
        }
    }
}

/// For one child, or with -1 for all of them.
fn wait_for(child: libc::pid_t) {
    loop {
        // SAFETY: a null status is allowed.
        let ended = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        if child > 0 || ended == -1 {
            return;
        }
    }
}

/// Logs, works, logs and ends, all of it in the handler: nothing else of the process runs between.
extern "C" fn handler(_: libc::c_int) {
    let log = LOG.load(Ordering::Relaxed);
    write(log, b"T");
    sleep_ms(WORK_MS.load(Ordering::Relaxed));
    write(log, b"D");
    // SAFETY: async-signal-safe.
    unsafe { libc::_exit(0) }
}

fn set_handler(handle: bool) {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    if handle {
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        // A second TERM is to be seen as one.
        action.sa_flags = libc::SA_NODEFER;
    }
    // SAFETY: `handler` calls async-signal-safe functions only.
    unsafe { libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut()) };
}

fn all_signals() -> libc::sigset_t {
    // SAFETY: sigfillset initialises what it is given.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        set
    }
}

fn lead(options: &Options) {
    if options.own_groups {
        // SAFETY: takes integers.
        unsafe { libc::setpgid(0, 0) };
    }
}

fn pipe() -> (libc::c_int, libc::c_int) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    unsafe { libc::pipe(ends.as_mut_ptr()) };
    (ends[0], ends[1])
}

fn write(fd: libc::c_int, bytes: &[u8]) {
    // SAFETY: as many bytes as there are.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

/// One line in one write, past std's buffers, of which forks would have copies.
fn say(text: &str) {
    write(1, format!("{text}\n").as_bytes());
}

fn sleep_ms(ms: u64) {
    let nanoseconds = (ms % 1_000) * 1_000_000;
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(ms / 1_000).unwrap_or(1),
        tv_nsec: libc::c_long::try_from(nanoseconds).unwrap_or(0),
    };
    // SAFETY: a live timespec; what is left of it is not asked for.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}

fn seconds() -> u64 {
    // SAFETY: a live timespec.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the same.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0)
}

fn pid() -> libc::pid_t {
    // SAFETY: takes nothing.
    unsafe { libc::getpid() }
}

/// Until its life is over, whatever signals come.
fn stay() -> ExitCode {
    let deadline = seconds() + LIFE;
    while seconds() < deadline {
        sleep_ms(LIFE * 1_000);
    }
    ExitCode::SUCCESS
}
