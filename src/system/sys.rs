//! Every `unsafe` of adieu. What nix offers safely is used where it is needed; here is what it
//! lacks (real-time signals and the C library's own two, which its signal type cannot name; pidfds)
//! and the one delicate thing, the spawn.
#![allow(unsafe_code, reason = "this is the module for it; each block gives its reason")]

use crate::exit::End;
use crate::signal::{Signal, SignalSet};
use nix::errno::Errno;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The size of the kernel's signal set in bytes, which the raw calls take.
const SET_SIZE: usize = size_of::<u64>();

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}

/// A descriptor that a system call has just returned.
fn own(fd: libc::c_long) -> Result<OwnedFd, Errno> {
    // Always fits, and is never negative: `check` has seen it.
    let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just opened it for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Standard input, output or error as it is: std's own have buffers, which adieu has no use for.
pub(crate) fn standard(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: adieu never closes one of the three. Where it was closed before, a call on it fails.
    unsafe { BorrowedFd::borrow_raw(fd.clamp(libc::STDIN_FILENO, libc::STDERR_FILENO)) }
}

/// Replaces the signal mask and returns the one before.
///
/// The raw call: the C library's wrapper silently leaves its own signals 32 and 33 out, in either
/// direction.
pub(crate) fn set_signal_mask(mask: SignalSet) -> Result<SignalSet, Errno> {
    let mut before = SignalSet::EMPTY;
    // SAFETY: both pointers are to u64-sized values that live through the call, and the size given
    // is theirs.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask.0,
            &raw mut before.0,
            SET_SIZE,
        )
    };
    check(result).map(|_| before)
}

/// Whether adieu was started with this signal ignored.
pub(crate) fn is_ignored(signal: Signal) -> bool {
    // SAFETY: all zeroes is a valid sigaction; the kernel only writes to it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only asks; `action` lives through the call.
    let asked = unsafe { libc::sigaction(signal.number(), std::ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Gives a signal its default action. An ignored SIGCHLD would let the kernel reap children unseen
/// (`sigaction(2)`).
pub(crate) fn set_default(signal: Signal) {
    set_action(signal, libc::SIG_DFL);
}

fn set_action(signal: Signal, action: libc::sighandler_t) {
    // SAFETY: SIG_DFL and SIG_IGN run no code of ours.
    unsafe { libc::signal(signal.number(), action) };
}

/// A descriptor, close-on-exec and non-blocking, from which the blocked signals of the set are read
/// (`signalfd(2)`).
pub(crate) fn signal_fd(set: SignalSet) -> Result<OwnedFd, Errno> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the pointer is to a value of the size given, alive through the call.
    let fd = check(unsafe {
        libc::syscall(libc::SYS_signalfd4, -1, &raw const set.0, SET_SIZE, flags)
    })?;
    own(fd)
}

/// Sets address space aside, so that a stop needs no more of it: Rust ends a program that gets no
/// memory, and adieu's end would be the end of everything. Not a page of it is used before it is
/// needed. `false` where there is none to be had.
pub(crate) fn reserve_memory() -> bool {
    /// A look at some thousand processes; where that is too much (`ulimit -v`), at some hundred.
    const SIZES: [usize; 2] = [8 << 20, 256 << 10];
    // SAFETY: integers. What is freed stays with the allocator, and large pieces come from there,
    // too.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
    }
    SIZES.iter().any(|size| {
        // SAFETY: any size is allowed.
        let piece = unsafe { libc::malloc(*size) };
        // Or the compiler might leave out both calls.
        let piece = std::hint::black_box(piece);
        // SAFETY: from malloc, and not used any more; null is allowed.
        unsafe { libc::free(piece) };
        !piece.is_null()
    })
}

/// A signal that has arrived and the pid that sent it: 0 for the kernel, a sender outside the PID
/// namespace, or one that could have made the number up.
pub(crate) type Arrived = (Signal, i32);

/// The sender as the kernel filled it in, for `kill` and `tgkill` only: with `rt_sigqueueinfo(2)` a
/// process writes what it likes there, under every other negative code.
fn sender(code: i32, pid: i32) -> i32 {
    if matches!(code, libc::SI_USER | libc::SI_TKILL) { pid } else { 0 }
}

/// Reads up to sixteen signals; an empty list when none is pending.
pub(crate) fn read_signals(
    fd: &OwnedFd,
    into: &mut std::collections::VecDeque<Arrived>,
) -> Result<(), Errno> {
    const MOST: usize = 16;
    const SIZE: usize = size_of::<libc::signalfd_siginfo>();
    // SAFETY: all zeroes is a valid value of this plain structure of integers.
    let mut infos: [libc::signalfd_siginfo; MOST] = unsafe { std::mem::zeroed() };
    // SAFETY: the buffer is writable for the length given and lives through the call.
    let read =
        unsafe { libc::read(fd.as_raw_fd(), infos.as_mut_ptr().cast::<c_void>(), MOST * SIZE) };
    let read = match check(read as libc::c_long) {
        Ok(read) => usize::try_from(read).unwrap_or(0),
        Err(Errno::EAGAIN | Errno::EINTR) => 0,
        Err(e) => return Err(e),
    };
    for info in infos.iter().take(read / SIZE) {
        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
        let sender = sender(info.ssi_code, i32::try_from(info.ssi_pid).unwrap_or(0));
        into.extend(Signal::from_number(number).map(|signal| (signal, sender)));
    }
    Ok(())
}

/// Waits for one blocked signal of the set without any descriptor (`sigtimedwait(2)`).
///
/// # Errors
/// EAGAIN when the time is over.
pub(crate) fn wait_signal(
    set: SignalSet,
    limit: Option<Duration>,
) -> Result<Option<Arrived>, Errno> {
    let limit = limit.map(|d| libc::timespec {
        tv_sec: libc::time_t::try_from(d.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(d.subsec_nanos()),
    });
    let limit: *const libc::timespec = limit.as_ref().map_or(std::ptr::null(), |t| t);
    // SAFETY: all zeroes is a valid siginfo_t; the kernel overwrites it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: every pointer is null where allowed or to a value that lives through the call; the
    // set's size is given.
    let number = unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set.0, &raw mut info, limit, SET_SIZE)
    };
    let signal = Signal::from_number(i32::try_from(check(number)?).unwrap_or(-1));
    // SAFETY: reads an integer of the union, whose every bit the kernel or the zeroing has set;
    // `sender` uses it only where it is the pid.
    Ok(signal.map(|signal| (signal, sender(info.si_code, unsafe { info.si_pid() }))))
}

/// Stands still for this long.
///
/// Not std's `sleep`: that panics where the call is refused, and an adieu that ends takes
/// everything with it.
pub(crate) fn pause(time: Duration) {
    use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
    let time = nix::sys::time::TimeSpec::from(time);
    if nix::poll::ppoll(&mut [], Some(time), None).is_err() {
        // Refused as well, there is no pause: whoever asks for one asks for a limited number of
        // them, or has tried to wait.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &time);
    }
}

/// Sends a signal to a process, or to a process group where `pid` is negative (`kill(2)`).
pub(crate) fn kill(pid: i32, signal: Signal) -> Result<(), Errno> {
    // SAFETY: takes two integers.
    check(libc::c_long::from(unsafe { libc::kill(pid, signal.number()) })).map(|_| ())
}

/// Whether there is a process with this pid, a zombie included (`kill(2)` with 0).
///
/// # Errors
/// ESRCH where there is none.
pub(crate) fn exists(pid: i32) -> Result<(), Errno> {
    // SAFETY: takes two integers.
    check(libc::c_long::from(unsafe { libc::kill(pid, 0) })).map(|_| ())
}

/// A descriptor that names a process for good (Linux 5.3, `pidfd_open(2)`); close-on-exec by
/// itself.
pub(crate) fn pidfd_open(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: takes two integers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    own(fd)
}

/// Sends a signal to the process that the descriptor names (Linux 5.1, `pidfd_send_signal(2)`).
pub(crate) fn pidfd_send_signal(fd: &OwnedFd, signal: Signal) -> Result<(), Errno> {
    let nothing: *const c_void = std::ptr::null();
    // SAFETY: integers and a null siginfo, which asks for that of kill(2).
    check(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal.number(), nothing, 0)
    })
    .map(|_| ())
}

/// What `waitpid(2)` has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// A child ended and is reaped.
    Ended(i32, End),
    /// A child was stopped.
    Stopped(i32, Signal),
    /// There are children; none has changed.
    Nothing,
    /// There is no child at all.
    NoChildren,
}

/// Reaps one child without blocking.
///
/// Not nix's `waitpid`: that reaps and then returns an error when a real-time signal ended the
/// child.
pub(crate) fn wait_any() -> Waited {
    let mut status: c_int = 0;
    // SAFETY: the pointer is to a value that lives through the call.
    let mut result = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
    if result == -1 && Errno::last() != Errno::ECHILD {
        // Refused, as a seccomp profile may do it: unnoticed, the main process's end would keep
        // adieu for ever.
        (result, status) = wait_any_otherwise();
    }
    match check(libc::c_long::from(result)) {
        Ok(0) => Waited::Nothing,
        Ok(_) if libc::WIFSTOPPED(status) => Signal::from_number(libc::WSTOPSIG(status))
            .map_or(Waited::Nothing, |s| Waited::Stopped(result, s)),
        Ok(_) => Waited::Ended(result, end(status)),
        Err(Errno::ECHILD) => Waited::NoChildren,
        Err(_) => Waited::Nothing,
    }
}

/// How a process ended, of the status that `waitpid(2)` gives.
fn end(status: c_int) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signaled(Signal::from_number(libc::WTERMSIG(status)).unwrap_or(Signal::KILL))
    } else {
        End::Exited(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
    }
}

/// The same by `waitid(2)`, another system call; the pid and the status as `waitpid(2)` has them.
fn wait_any_otherwise() -> (libc::pid_t, c_int) {
    // SAFETY: all zeroes is a valid siginfo_t; the kernel only writes to it, and it lives through
    // the call.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let asked = unsafe {
        libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WNOHANG | libc::WEXITED | libc::WSTOPPED)
    };
    if asked == -1 {
        return (-1, 0);
    }
    // SAFETY: filled for a child that changed; zero, as it was, where none has.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let status = match info.si_code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_STOPPED => status << 8 | 0x7f,
        _ => status & 0x7f,
    };
    (pid, status)
}

/// Asks for a signal to this process when its parent dies (`PR_SET_PDEATHSIG(2const)`).
pub(crate) fn set_parent_death(signal: Signal) -> Result<(), Errno> {
    let number = libc::c_ulong::try_from(signal.number()).unwrap_or(0);
    // SAFETY: takes integers.
    check(libc::c_long::from(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) })).map(|_| ())
}

/// Writes what fits without waiting.
///
/// `RWF_NOWAIT` (pipes since Linux 6.4, sockets before) leaves the descriptor's flags alone:
/// `O_NONBLOCK` would change them for every process that shares it. `None`: this kind of file does
/// not take the flag.
pub(crate) fn write_no_wait(fd: RawFd, bytes: &[u8]) -> Option<Result<usize, Errno>> {
    let part =
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast::<c_void>(), iov_len: bytes.len() };
    // SAFETY: one part, which the kernel only reads and which lives through the call; offset -1
    // means the file's own position.
    let written = unsafe { libc::pwritev2(fd, &raw const part, 1, -1, libc::RWF_NOWAIT) };
    match check(written as libc::c_long) {
        Ok(n) => Some(Ok(usize::try_from(n).unwrap_or(0))),
        Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS | Errno::ESPIPE | Errno::EPERM) => {
            None
        }
        Err(e) => Some(Err(e)),
    }
}

/// The kind of file that a path leads to, with device and inode, as far as they are known without
/// asking the file system (`AT_STATX_DONT_SYNC`, `statx(2)`): one that does not answer, such as a
/// dead NFS or FUSE server, would hold the caller up for good.
pub(crate) fn identify_file(path: &CStr) -> Result<FileId, Errno> {
    // SAFETY: all zeroes is a valid value of this plain structure of integers.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: a C string and a structure of the kind that the call fills, both alive through it.
    let asked = unsafe {
        let wanted = libc::STATX_TYPE | libc::STATX_INO;
        libc::statx(libc::AT_FDCWD, path.as_ptr(), libc::AT_STATX_DONT_SYNC, wanted, &raw mut found)
    };
    match check(libc::c_long::from(asked)) {
        Ok(_) => {
            let device = (u64::from(found.stx_dev_major), u64::from(found.stx_dev_minor));
            Ok(FileId {
                kind: u32::from(found.stx_mode) & libc::S_IFMT,
                device,
                inode: found.stx_ino,
            })
        }
        // Linux before 4.11, or a seccomp profile that is older than the call.
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let found = nix::sys::stat::stat(path)?;
            let device = (nix::sys::stat::major(found.st_dev), nix::sys::stat::minor(found.st_dev));
            Ok(FileId { kind: found.st_mode & libc::S_IFMT, device, inode: found.st_ino })
        }
        Err(e) => Err(e),
    }
}

/// What kind of file, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    /// `S_IFIFO` and the like (`inode(7)`).
    pub kind: libc::mode_t,
    /// Major and minor number of its device.
    pub device: (u64, u64),
    /// Its inode.
    pub inode: u64,
}

impl FileId {
    /// Whether it is a pipe or a socket.
    pub(crate) fn is_piped(self) -> bool {
        matches!(self.kind, libc::S_IFIFO | libc::S_IFSOCK)
    }
}

/// The names in a directory, as far as something is made of them. Of /proc's most are none that a
/// look wants, so they are read where they lie.
///
/// Not std's `read_dir` or nix's `Dir`: they panic where the descriptor cannot be closed, and an
/// adieu that ends takes everything with it.
///
/// # Errors
/// Also where only a part of it can be read.
pub(crate) fn list_directory<T>(
    path: &str,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>, Errno> {
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the path is a C string that lives through the call.
    let directory = unsafe { libc::opendir(path.as_ptr()) };
    if directory.is_null() {
        return Err(Errno::last());
    }
    let mut found = Vec::new();
    let result = loop {
        // `readdir(3)` tells its end from an error by errno alone.
        Errno::clear();
        // SAFETY: the directory is open, and nobody else has it.
        let entry = unsafe { libc::readdir(directory) };
        if entry.is_null() {
            break if Errno::last_raw() == 0 { Ok(found) } else { Err(Errno::last()) };
        }
        // SAFETY: the entry is valid until the next call, and its name is a C string.
        let name = unsafe { CStr::from_ptr((*entry).d_name.as_ptr()) };
        found.extend(read(name.to_bytes()));
    };
    // SAFETY: it was opened above, and is not used any more. An error leaves nothing to be done.
    unsafe { libc::closedir(directory) };
    result
}

/// How many columns the terminal behind the descriptor has; `None` where there is none.
pub(crate) fn terminal_width(fd: RawFd) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize, which lives through the call.
    let asked = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// What a child needs to become the program.
pub(crate) struct Birth<'a> {
    /// The paths to try in turn, as `execvp(3)` does with `PATH`.
    pub candidates: &'a [CString],
    /// The arguments, the program's name first.
    pub arguments: &'a [CString],
    /// The signal mask to restore.
    pub mask: SignalSet,
    /// Ignore SIGCHLD again, as adieu found it.
    pub ignore_child: bool,
    /// Make the new group the terminal's foreground group.
    pub foreground: bool,
    /// `LISTEN_PID` names adieu and has to name the child (`sd_listen_fds(3)`).
    pub listen_pid: bool,
}

/// Why no candidate was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BirthError {
    /// No process was to be had.
    Fork(Errno),
    /// The child could not be given back the signal mask: it would be deaf to every signal.
    Mask(Errno),
    /// `execve(2)` failed; with the candidate that it failed on.
    Exec(usize, Errno),
}

/// Memory for a child's stack, given back when the child has its own: in the allocator's what was
/// used of it would stay.
struct ChildStack(*mut c_void);

impl ChildStack {
    const SIZE: usize = 64 * 1024;

    fn new() -> Result<Self, Errno> {
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK,
        );
        // SAFETY: a new mapping at a place of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), Self::SIZE, access, flags, -1, 0) };
        if start == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(Self(start)) }
    }

    /// Its end, where a stack begins; page-aligned.
    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(Self::SIZE)
    }
}

impl Drop for ChildStack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and whoever ran on it has a memory of its own by now.
        unsafe { libc::munmap(self.0, Self::SIZE) };
    }
}
const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// All that the child touches, prepared by the parent: the child may not allocate.
struct Womb {
    candidates: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    environment: *const *const c_char,
    listen_pid: Option<*mut u8>,
    mask: u64,
    ignore_child: bool,
    foreground: bool,
    failed: Option<BirthError>,
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// Starts a process in a process group of its own and returns its pid once the program has been
/// executed.
///
/// `clone(CLONE_VM | CLONE_VFORK)`, as `posix_spawn(3)` does it: this process stands still until
/// the child has executed the program or given up, so the child has its group, its terminal and its
/// mask before any signal is passed on, and the error needs no pipe. `posix_spawn` itself cannot
/// set `LISTEN_PID`, and glibc's leaves signals 32 and 33 ignored.
pub(crate) fn spawn(birth: &Birth<'_>) -> Result<i32, BirthError> {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    // SAFETY: adieu has one thread and never changes its environment.
    let inherited = unsafe { environ };
    // "LISTEN_PID=" and room for any pid; it has to outlive the child's use of it.
    let mut listen_entry = [LISTEN_PID, &[0; 12]].concat();
    let mut replaced = Vec::new();
    if birth.listen_pid {
        replaced = replace_listen_pid(listen_entry.as_ptr());
    }
    let mut womb = Womb {
        candidates: pointers(birth.candidates),
        arguments: pointers(birth.arguments),
        environment: if birth.listen_pid { replaced.as_ptr() } else { inherited },
        listen_pid: birth.listen_pid.then_some(listen_entry.as_mut_ptr()),
        mask: birth.mask.0,
        ignore_child: birth.ignore_child,
        foreground: birth.foreground,
        failed: None,
    };
    let stack = ChildStack::new().map_err(BirthError::Fork)?;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: CLONE_VFORK suspends this thread, the only one, until the child has executed a
    // program or exited, so the stack and `womb` are the child's alone and outlive its use of them.
    // `child` only makes system calls and never returns here. Signals stay blocked, so no handler
    // runs on the shared memory.
    let pid = unsafe { libc::clone(child, stack.top(), flags, (&raw mut womb).cast::<c_void>()) };
    let pid = check(libc::c_long::from(pid)).map_err(BirthError::Fork)?;
    match womb.failed {
        None => Ok(i32::try_from(pid).unwrap_or(0)),
        Some(error) => {
            // SAFETY: reaps exactly the child that has just failed; a null status is allowed.
            unsafe { libc::waitpid(i32::try_from(pid).unwrap_or(0), std::ptr::null_mut(), 0) };
            Err(error)
        }
    }
}

/// The environment with another entry for `LISTEN_PID`.
fn replace_listen_pid(entry: *const u8) -> Vec<*const c_char> {
    let replaced =
        |it: &CStr| if it.to_bytes().starts_with(LISTEN_PID) { entry.cast() } else { it.as_ptr() };
    environment().map(replaced).chain([std::ptr::null()]).collect()
}

/// The entries of the environment, `NAME=value`. std's own copy each of them, which costs more than
/// adieu's start.
pub(crate) fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: adieu has one thread and never changes its environment.
    let mut at = unsafe { environ };
    std::iter::from_fn(move || {
        // SAFETY: the environment is an array of C strings that ends with a null pointer
        // (`environ(7)`), which this never goes beyond. A null instead of the array is what
        // clearenv(3) leaves.
        unsafe {
            if at.is_null() || (*at).is_null() {
                return None;
            }
            let entry = CStr::from_ptr(*at);
            at = at.add(1);
            Some(entry)
        }
    })
}

/// The child between clone and exec: it shares adieu's memory, so it only makes system calls and
/// writes to its `Womb`.
extern "C" fn child(womb: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a pointer to its `Womb` and stands still while this runs.
    let womb = unsafe { &mut *womb.cast::<Womb>() };
    if let Some(entry) = womb.listen_pid {
        // SAFETY: takes no arguments. The raw call, because a C library may remember the parent's
        // pid.
        let pid = unsafe { libc::syscall(libc::SYS_getpid) };
        write_decimal(entry, pid);
    }
    // SAFETY: integers. It fails for no child that has just been made, and such a child could go on
    // all the same.
    unsafe { libc::setpgid(0, 0) };
    if womb.foreground {
        // SAFETY: integers. All signals are blocked, so SIGTTOU does not stop a background process
        // for it; that stdin is no terminal any more is no reason not to run.
        unsafe { libc::tcsetpgrp(0, libc::getpgrp()) };
    }
    if womb.ignore_child {
        set_action(Signal::CHLD, libc::SIG_IGN);
    }
    // A signal sent to the child since the clone is pending and acts now, as it would on any
    // program just started.
    if let Err(errno) = set_signal_mask(SignalSet(womb.mask)) {
        womb.failed = Some(BirthError::Mask(errno));
        // SAFETY: as below.
        unsafe { libc::_exit(i32::from(crate::exit::OWN_FAILURE)) }
    }
    // Kept to itself until the last has failed: after a success nobody could take back what is in
    // the womb.
    let (mut refused, mut missing) = (None, None);
    for (index, path) in womb.candidates.iter().enumerate().take_while(|(_, path)| !path.is_null())
    {
        // SAFETY: C strings and null-terminated arrays of them, all kept alive by `spawn`.
        unsafe { libc::execve(*path, womb.arguments.as_ptr(), womb.environment) };
        let errno = Errno::last_raw();
        match Errno::from_raw(errno) {
            // Found, not to be executed: a later directory of PATH may hold one that is. As
            // execvp(3).
            Errno::EACCES => {
                refused.get_or_insert((index, errno));
            }
            Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {
                missing.get_or_insert((index, errno));
            }
            _ => {
                refused = Some((index, errno));
                break;
            }
        }
    }
    let (candidate, errno) = refused.or(missing).unwrap_or((0, libc::ENOENT));
    womb.failed = Some(BirthError::Exec(candidate, Errno::from_raw(errno)));
    // SAFETY: ends the child without running anything of the parent's.
    unsafe { libc::_exit(i32::from(crate::exit::NOT_FOUND)) }
}

/// Writes the number behind `LISTEN_PID=`, with its closing zero byte; the buffer has room for
/// eleven digits.
fn write_decimal(entry: *mut u8, number: libc::c_long) {
    let (mut digits, mut rest, mut count) = ([0u8; 11], number, 0);
    for digit in &mut digits {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    for (offset, digit) in digits.iter().take(count).rev().enumerate() {
        // SAFETY: at most eleven digits behind the name: within the twelve bytes that `spawn` made
        // room for.
        unsafe { *entry.add(LISTEN_PID.len() + offset) = *digit };
    }
}

/// A copy of this process that does one thing and ends.
pub(crate) struct Aside {
    pid: i32,
    /// What it says on its stdout and stderr; at its end when it has ended.
    pub said: OwnedFd,
}

/// Does `work` in a child process, which does not outlive this one and keeps nothing open that this
/// one has: no pipe of the caller's stays open for as long as it hangs. It inherits the signal
/// mask, so of all signals only SIGKILL ends it. It exits with 0 where `work` returns `true`, else
/// with 1.
///
/// `clone` as `fork(2)` does it, on a stack of its own because the wrapper wants one; `fork(3)` is
/// for programs with threads.
///
/// # Errors
/// Where no pipe or no process is to be had.
pub(crate) fn aside(work: &mut dyn FnMut() -> bool) -> Result<Aside, Errno> {
    const STACK: usize = 256 * 1024;
    let (said, says) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let mut task = Task { says, work };
    // Not zeroed: what the child does not use of it never becomes memory.
    let mut stack = Box::<[u128]>::new_uninit_slice(STACK / size_of::<u128>());
    // SAFETY: the child has a copy of all memory, whole because adieu has one thread: `task` and
    // the stack, whose end is 16-byte aligned, are its alone. `do_aside` never returns here.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        libc::clone(do_aside, top.cast::<c_void>(), libc::SIGCHLD, (&raw mut task).cast::<c_void>())
    };
    let pid = check(libc::c_long::from(pid))?;
    Ok(Aside { pid: i32::try_from(pid).unwrap_or(0), said })
}

/// What the child of [`aside`] gets.
struct Task<'a> {
    says: OwnedFd,
    work: &'a mut dyn FnMut() -> bool,
}

/// The child of [`aside`]; it ends when this returns.
extern "C" fn do_aside(task: *mut c_void) -> c_int {
    // SAFETY: `aside` passes a pointer to a `Task`, and this process has a copy of its own.
    let task = unsafe { &mut *task.cast::<Task<'_>>() };
    let _ = set_parent_death(Signal::KILL);
    // All three, so that no file of the work gets one of these numbers.
    let _ = nix::unistd::dup2_stdin(&task.says);
    let _ = nix::unistd::dup2_stdout(&task.says);
    let _ = nix::unistd::dup2_stderr(&task.says);
    close_from(libc::STDERR_FILENO + 1);
    c_int::from(!(task.work)())
}

/// Closes the descriptors from this one on: all, or where the kernel is older than 5.9 those that
/// are likely.
fn close_from(first: RawFd) {
    const LIKELY: RawFd = 1024;
    // SAFETY: takes integers. ProcessNote owned one of these has no use of it any more, in a process that
    // ends without dropping anything.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } != 0 {
        for fd in first..LIKELY {
            // SAFETY: as above.
            unsafe { libc::close(fd) };
        }
    }
}

impl Aside {
    /// Reaps it, when `said` is at its end: only the kernel closes what it says with, so it is
    /// about to be gone and nothing can hold it up any more.
    pub(crate) fn end(self) -> Option<End> {
        let mut status: c_int = 0;
        // SAFETY: the pointer is to a value that lives through the call.
        let reaped = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        (reaped == self.pid).then(|| end(status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_written_behind_its_name() {
        for number in [1, 10, 4_194_304, i64::from(i32::MAX)] {
            let mut entry = [LISTEN_PID, &[0; 12]].concat();
            write_decimal(entry.as_mut_ptr(), number);
            let text = CStr::from_bytes_until_nul(&entry).expect("terminated");
            assert_eq!(text.to_str(), Ok(format!("LISTEN_PID={number}").as_str()));
        }
    }
}
