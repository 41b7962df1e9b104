//! New processes: the main process, and the one that writes the report.
//!
//! The main process's child shares adieu's memory until it executes the program, so that code makes
//! system calls and nothing else. The writer has a copy.

use super::files::close_from;
use super::memory::{environ, environment};
use super::signals::{set_action, set_parent_death, set_signal_mask};
use super::wait::end;
use crate::exit::End;
use crate::signal::{Signal, SignalSet};
use nix::errno::Errno;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

/// What is started, and what its process has to find.
pub(crate) struct Spawn<'a> {
    /// The paths to try in turn, as `execvp(3)` does with `PATH`.
    pub candidates: &'a [CString],
    /// The arguments, the program's name first.
    pub arguments: &'a [CString],
    /// The signal mask that adieu was started with.
    pub mask: SignalSet,
    /// adieu was started with SIGCHLD ignored.
    pub ignore_child: bool,
    /// Make the new group the terminal's foreground group.
    pub foreground: bool,
    /// `LISTEN_PID` names adieu and has to name the child (`sd_listen_fds(3)`).
    pub listen_pid: bool,
}

/// Why no candidate was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpawnError {
    /// No process was to be had.
    Fork(Errno),
    /// The child could not restore the signal mask, so the program would get no signal.
    Mask(Errno),
    /// `execve(2)` failed; with the candidate that it failed on.
    Exec(usize, Errno),
}

/// Memory for a child's stack, unmapped when the child has its own. From the allocator, the pages
/// that the child used would stay resident.
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
        // SAFETY: this value made the mapping, and the child that ran on it has executed a program
        // or ended.
        unsafe { libc::munmap(self.0, Self::SIZE) };
    }
}
const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// All that the child reads and writes. The parent prepares it, since the child may not allocate:
/// it shares the parent's heap.
struct ChildPlan {
    candidates: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    environment: *const *const c_char,
    listen_pid: Option<*mut u8>,
    mask: u64,
    ignore_child: bool,
    foreground: bool,
    failed: Option<SpawnError>,
}

/// Starts a process in a process group of its own and returns its pid once the program has been
/// executed.
///
/// `clone(CLONE_VM | CLONE_VFORK)`, as `posix_spawn(3)` does it: adieu stands still until the child
/// has executed the program or given up. So the child has its group, its terminal and its mask
/// before adieu passes any signal on, and the error needs no pipe. `posix_spawn` itself cannot set
/// `LISTEN_PID`, and glibc's leaves signals 32 and 33 ignored.
pub(crate) fn spawn(asked: &Spawn<'_>) -> Result<i32, SpawnError> {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    // SAFETY: adieu has one thread and never changes its environment.
    let inherited = unsafe { environ };
    // "LISTEN_PID=" and room for any pid; it has to outlive the child's use of it.
    let mut listen_entry = [LISTEN_PID, &[0; 12]].concat();
    let mut replaced = Vec::new();
    if asked.listen_pid {
        replaced = replace_listen_pid(listen_entry.as_ptr());
    }
    let mut plan = ChildPlan {
        candidates: pointers(asked.candidates),
        arguments: pointers(asked.arguments),
        environment: if asked.listen_pid { replaced.as_ptr() } else { inherited },
        listen_pid: asked.listen_pid.then_some(listen_entry.as_mut_ptr()),
        mask: asked.mask.0,
        ignore_child: asked.ignore_child,
        foreground: asked.foreground,
        failed: None,
    };
    let stack = ChildStack::new().map_err(SpawnError::Fork)?;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: CLONE_VFORK suspends this thread, the only one, until the child has executed a
    // program or exited, so the stack and `plan` are the child's alone and outlive its use of them.
    // `child` only makes system calls and never returns here. Signals stay blocked, so no handler
    // runs on the shared memory.
    let pid = unsafe { libc::clone(child, stack.top(), flags, (&raw mut plan).cast::<c_void>()) };
    let pid = Errno::result(pid).map_err(SpawnError::Fork)?;
    match plan.failed {
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

/// The child between clone and exec. It shares adieu's memory, so it only makes system calls and
/// writes to its [`ChildPlan`].
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a pointer to its `ChildPlan` and stands still while this runs.
    let plan = unsafe { &mut *plan.cast::<ChildPlan>() };
    if let Some(entry) = plan.listen_pid {
        // SAFETY: takes no arguments. The raw call, because a C library may remember the parent's
        // pid.
        let pid = unsafe { libc::syscall(libc::SYS_getpid) };
        write_decimal(entry, pid);
    }
    // SAFETY: integers. The call does not fail for a child that has just been made.
    unsafe { libc::setpgid(0, 0) };
    if plan.foreground {
        // SAFETY: integers. All signals are blocked, so SIGTTOU does not stop the child. If stdin
        // is no terminal any more, the call fails and the program runs all the same.
        unsafe { libc::tcsetpgrp(0, libc::getpgrp()) };
    }
    if plan.ignore_child {
        set_action(Signal::CHLD, libc::SIG_IGN);
    }
    // A signal that was sent to the child since the clone is pending. It acts now, as on any
    // program that has just been started.
    if let Err(errno) = set_signal_mask(SignalSet(plan.mask)) {
        plan.failed = Some(SpawnError::Mask(errno));
        // SAFETY: as below.
        unsafe { libc::_exit(i32::from(crate::exit::OWN_FAILURE)) }
    }
    // Noted in the plan only when the last candidate has failed: a success does not return, and
    // would leave the error of an earlier candidate there.
    let (mut refused, mut missing) = (None, None);
    for (index, path) in plan.candidates.iter().enumerate().take_while(|(_, path)| !path.is_null())
    {
        // SAFETY: C strings and null-terminated arrays of them, all kept alive by `spawn`.
        unsafe { libc::execve(*path, plan.arguments.as_ptr(), plan.environment) };
        let errno = Errno::last_raw();
        match Errno::from_raw(errno) {
            // Found, but not to be executed. A later directory of PATH may hold one that is; so
            // does execvp(3).
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
    plan.failed = Some(SpawnError::Exec(candidate, Errno::from_raw(errno)));
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

/// A copy of this process that writes the report and ends.
pub(crate) struct WriterProcess {
    pid: i32,
    /// The pipe from its stdout and stderr, which is at its end when the process has ended.
    pub output: OwnedFd,
}

/// Does `work` in a child process, because a file system that does not answer holds up the process
/// that writes to it. It exits with 0 where `work` returns `true`, else with 1.
///
/// The child does not outlive this process. It keeps no descriptor of this process open, so a pipe
/// of the caller's is not held for as long as the child hangs. It inherits the signal mask, so only
/// SIGKILL ends it.
///
/// `clone` does what `fork(2)` does, on a stack of its own because the C library's wrapper wants
/// one. `fork(3)` also runs handlers for programs with threads.
///
/// # Errors
/// Where no pipe or no process is to be had.
pub(crate) fn start_writer(work: &mut dyn FnMut() -> bool) -> Result<WriterProcess, Errno> {
    const STACK: usize = 256 * 1024;
    let (output, stdout) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let mut task = Task { stdout, work };
    // Not zeroed: what the child does not use of it never becomes memory.
    let mut stack = Box::<[u128]>::new_uninit_slice(STACK / size_of::<u128>());
    // SAFETY: the child has a copy of all memory, which is consistent because adieu has one thread.
    // So `task` and the stack, whose end is 16-byte aligned, are the child's alone. `write_and_end`
    // never returns here.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        libc::clone(
            write_and_end,
            top.cast::<c_void>(),
            libc::SIGCHLD,
            (&raw mut task).cast::<c_void>(),
        )
    };
    let pid = Errno::result(pid)?;
    Ok(WriterProcess { pid, output })
}

/// What the writer process gets.
struct Task<'a> {
    stdout: OwnedFd,
    work: &'a mut dyn FnMut() -> bool,
}

/// The writer process, which ends when this returns.
extern "C" fn write_and_end(task: *mut c_void) -> c_int {
    // SAFETY: `start_writer` passes a pointer to a `Task`, and this process has its own copy.
    let task = unsafe { &mut *task.cast::<Task<'_>>() };
    let _ = set_parent_death(Signal::KILL);
    // All three, so that no file of the work gets one of these numbers.
    let _ = nix::unistd::dup2_stdin(&task.stdout);
    let _ = nix::unistd::dup2_stdout(&task.stdout);
    let _ = nix::unistd::dup2_stderr(&task.stdout);
    close_from(libc::STDERR_FILENO + 1);
    c_int::from(!(task.work)())
}

impl WriterProcess {
    /// Reaps the process, when `output` is at its end. The process never closes its end of the pipe
    /// itself, so the kernel has done it, and nothing can hold the process up any more.
    pub(crate) fn end(self) -> Option<End> {
        let mut status: c_int = 0;
        // SAFETY: the pointer is to a value that lives through the call.
        let reaped = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        (reaped == self.pid).then(|| end(status))
    }
}

/// The strings as exec takes them. Arguments never hold a zero byte: they came as C strings
/// themselves.
pub(crate) fn c_strings<'a>(strings: impl Iterator<Item = &'a OsStr>) -> Vec<CString> {
    strings.map(|s| CString::new(s.as_bytes()).unwrap_or_default()).collect()
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
