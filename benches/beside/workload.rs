//! The program that the inits run: this benchmark itself, started again in another mode. It answers
//! on the descriptor `REPORT`.
//!
//! After the first fork there is no allocation, no thread and no lock: the children only make
//! system calls.

use super::launch::{ORDERS, REPORT};
use std::ffi::{CStr, CString, c_int};
use std::process::ExitCode;
use std::time::Duration;

/// A process reports that it is ready for the signal.
pub(crate) const READY: u8 = b'r';
/// A process reports that its handler has run to its end.
pub(crate) const DONE: u8 = b'd';
/// How long the handlers of the mode `workers` work.
pub(crate) const WORK: Duration = Duration::from_millis(20);
/// Orders [`files`] to read.
pub(crate) const READ: u8 = b'f';
/// Orders [`serve`] to make a burst of orphans.
pub(crate) const BURST: u8 = b'b';
/// The size of a time that the workload reports: nanoseconds in 64 bits.
pub(crate) const STAMP: usize = size_of::<u64>();

/// Runs the mode that the words ask for.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    match words.first().map(String::as_str) {
        Some("plain") => herd(number(1), None),
        Some("handlers") => herd(number(1), Some(done)),
        Some("workers") => herd(number(1), Some(done_later)),
        Some("serve") => serve(number(1)),
        Some("files") => files(number(1), words.get(2).is_some_and(|mode| mode != "plain")),
        other => {
            eprintln!("there is no workload {other:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn report(bytes: &[u8]) {
    // SAFETY: the bytes live through the call. There are no short writes, since the pipe has room
    // for all of them.
    unsafe { libc::write(REPORT, bytes.as_ptr().cast(), bytes.len()) };
}

fn on(signal: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: the handlers only make system calls, which a signal handler may do.
    unsafe { libc::signal(signal, handler as *const () as libc::sighandler_t) };
}

extern "C" fn done(_: c_int) {
    report(&[DONE]);
    // SAFETY: ends this process.
    unsafe { libc::_exit(0) }
}

extern "C" fn done_later(signal: c_int) {
    // SAFETY: sleeps; a null remainder is allowed.
    unsafe {
        libc::nanosleep(
            &libc::timespec { tv_sec: 0, tv_nsec: WORK.subsec_nanos().into() },
            std::ptr::null_mut(),
        )
    };
    done(signal);
}

extern "C" fn stamp(signal: c_int) {
    report(&now().to_ne_bytes());
    if signal == libc::SIGTERM {
        // SAFETY: ends this process.
        unsafe { libc::_exit(0) }
    }
}

/// The monotonic clock, which all processes share, in nanoseconds.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// A parent without a handler, like a shell, with `count` children, each with this handler or with
/// none.
fn herd(count: u32, handler: Option<extern "C" fn(c_int)>) {
    for _ in 0..count {
        fork(|| {
            if let Some(handler) = handler {
                on(libc::SIGTERM, handler);
            }
            report(&[READY]);
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        });
    }
    report(&[READY]);
    // SAFETY: reaps children; a null status is allowed.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
}

/// Reads of `count` children that wait what a look has to read, and does nothing else: of each
/// process its `stat`, the system call that it is in, and its `status`; of one that shows no
/// handler the system call again; of one that shows a handler its command line, and `stat` again
/// for a pidfd. Reports how many nanoseconds that took.
fn files(count: u32, handlers: bool) {
    let wait = || {
        report(&[READY]);
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    };
    let children: Vec<c_int> = (0..count).map(|_| fork(wait)).collect();
    let path =
        |pid: c_int, file: &str| CString::new(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let files = ["stat", "syscall", "status", "cmdline"];
    let paths: Vec<(c_int, [CString; 4])> =
        children.iter().map(|&pid| (pid, files.map(|file| path(pid, file)))).collect();
    report(&[READY]);
    let mut order = 0_u8;
    // SAFETY: one byte, which lives through the call.
    unsafe { libc::read(ORDERS, (&raw mut order).cast(), 1) };
    let began = now();
    for (pid, [stat, syscall, status, cmdline]) in &paths {
        let opened = |path: &CStr| {
            // SAFETY: a C string.
            let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
            assert!(file >= 0, "{path:?} cannot be opened");
            file
        };
        let read = |file: c_int| {
            let mut text = [0_u8; 2048];
            // SAFETY: the buffer is as long as said and lives through the call.
            let length = unsafe { libc::pread(file, text.as_mut_ptr().cast(), text.len(), 0) };
            assert!(length > 0, "reading a file of {pid} failed");
        };
        // SAFETY: an integer; it is this process's own, and in use no more.
        let close = |file: c_int| unsafe { libc::close(file) };
        let whole = |path: &CStr| {
            let file = opened(path);
            read(file);
            close(file);
        };
        whole(stat);
        let call = opened(syscall);
        read(call);
        whole(status);
        if handlers {
            whole(cmdline);
            // SAFETY: integers.
            let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, *pid, 0) };
            whole(stat);
            close(c_int::try_from(pidfd).unwrap_or(-1));
        } else {
            read(call);
        }
        close(call);
    }
    report(&(now() - began).to_ne_bytes());
}

/// Reports when USR1 or TERM arrives. Whenever it is ordered to, it makes `burst` orphans that all
/// end at once.
fn serve(burst: u32) {
    on(libc::SIGUSR1, stamp);
    on(libc::SIGTERM, stamp);
    report(&now().to_ne_bytes());
    loop {
        let mut order = 0_u8;
        // SAFETY: one byte, which lives through the call.
        match unsafe { libc::read(ORDERS, (&raw mut order).cast(), 1) } {
            0 => return,
            1 if order == BURST => orphans(burst),
            // A signal interrupted the read.
            _ => {}
        }
    }
}

fn orphans(count: u32) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return;
    }
    let [read, write] = ends;
    let middle = fork(|| {
        // SAFETY: closes a descriptor of this process's own.
        unsafe { libc::close(write) };
        for _ in 0..count {
            fork(|| {
                let mut byte = 0_u8;
                // SAFETY: one byte, which lives through the call. It returns at the end of file,
                // for all children at the same time.
                unsafe { libc::read(read, (&raw mut byte).cast(), 1) };
            });
        }
    });
    // SAFETY: waits for the one child; closes this process's own descriptors. Closing the second
    // one ends the orphans.
    unsafe {
        libc::waitpid(middle, std::ptr::null_mut(), 0);
        libc::close(read);
        libc::close(write);
    }
    report(&now().to_ne_bytes());
}

/// Runs `what` in a child, which then ends.
fn fork(what: impl FnOnce()) -> c_int {
    // SAFETY: one thread, and the child only makes system calls.
    match unsafe { libc::fork() } {
        0 => {
            what();
            // SAFETY: ends this process.
            unsafe { libc::_exit(0) }
        }
        child => child,
    }
}
