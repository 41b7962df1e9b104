//! New processes: the main process, and the one that writes the report.

use super::files::close_from;
use super::memory::{environ, environment};
use super::signals::{set_action, set_parent_death, set_signal_mask};
use super::wait::end;
use crate::exit::End;
use crate::signal::{Signal, SignalSet};
use nix::errno::Errno;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::OwnedFd;

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
    let pid = Errno::result(pid).map_err(BirthError::Fork)?;
    match womb.failed {
        None => Ok(pid),
        Some(error) => {
            // SAFETY: reaps exactly the child that has just failed; a null status is allowed.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
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
    let pid = Errno::result(pid)?;
    Ok(Aside { pid, said })
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
