//! What each process of a tree reads and writes: the files behind its stdin, stdout and stderr.

use crate::process::{
    Disposition, File, Kind, Outputs, Process, Stdin, descendants, with_ancestors,
};
use crate::system::sys::{self, FileId};
use nix::errno::Errno;
use std::ffi::CString;

/// Fills in the stdin of each process, and its outputs where any process has a pipe as stdin.
/// `outside` is the stdin that the tree was given.
///
/// What is below a handler is that handler's business, so the stdin of another handler there
/// decides nothing. A filter may be below the program whose lines it reads, and outlive it
/// (`exec > >(tee log); exec server`). At a first look the stdin of the only handler decides
/// nothing, either: there is no other whose lines it could read. Later there may have been. What
/// stands above a handler hands its stdin down, so that counts only where a pipe was found.
pub(super) fn connect(processes: &mut [Process], outside: Option<FileId>, first: bool) {
    let within = within_handlers(processes);
    let any_reads = !first || processes.iter().filter(|process| may_handle(process)).count() > 1;
    let above = with_ancestors(processes, processes.iter().map(may_handle).collect());
    let mut later = Vec::new();
    for (at, (process, within)) in processes.iter_mut().zip(&within).enumerate() {
        let is_above = above.get(at) == Some(&true) && !may_handle(process);
        if is_above {
            later.push(at);
        } else if !is_handling_program(process) || any_reads && !within {
            process.stdin = stdin(process.id.pid, outside);
        }
    }
    if processes.iter().any(Process::may_read_pipe) {
        for at in later {
            if let Some(process) = processes.get_mut(at) {
                process.stdin = stdin(process.id.pid, outside);
            }
        }
    }
    if processes.iter().any(|process| matches!(process.stdin, Stdin::Pipe(_))) {
        for process in processes {
            process.outputs = outputs(process.id.pid);
        }
    }
}

/// Which processes are below a program that handles the signal.
fn within_handlers(processes: &[Process]) -> Vec<bool> {
    descendants(processes, |at| processes.get(at).is_some_and(is_handling_program))
}

fn is_handling_program(process: &Process) -> bool {
    use Disposition::{Blocked, Caught, Waiting};
    process.kind == Kind::Program && matches!(process.disposition, Caught | Blocked | Waiting)
}

fn may_handle(process: &Process) -> bool {
    match process.kind {
        Kind::Wrapper => false,
        Kind::Shell => process.disposition == Disposition::Caught,
        Kind::Program => {
            !matches!(process.disposition, Disposition::Default | Disposition::Ignored)
        }
    }
}

fn stdin(pid: i32, outside: Option<FileId>) -> Stdin {
    match behind(pid, 0) {
        Ok(id) if Some(id) == outside => Stdin::Other,
        Ok(id) if id.kind == libc::S_IFIFO => Stdin::Pipe(file(id)),
        Ok(id) if id.kind == libc::S_IFSOCK => Stdin::Unknown,
        // Some shells make a pipeline of sockets (ksh93u+m 1.0), and each end has its own inode.
        Err(Errno::EACCES | Errno::EPERM) => Stdin::Unknown,
        // Another kind of file; or closed, or the process has ended.
        Ok(_) | Err(_) => Stdin::Other,
    }
}

fn outputs(pid: i32) -> Outputs {
    let mut outputs = Outputs::default();
    for (output, descriptor) in outputs.files.iter_mut().zip([1, 2]) {
        match behind(pid, descriptor) {
            Ok(id) => *output = (id.kind == libc::S_IFIFO).then(|| file(id)),
            Err(errno) => outputs.hidden |= matches!(errno, Errno::EACCES | Errno::EPERM),
        }
    }
    outputs
}

fn file(id: FileId) -> File {
    File { device: id.device, inode: id.inode }
}

/// The stdin of a process.
pub(super) fn stdin_of(pid: i32) -> Result<FileId, Errno> {
    behind(pid, 0)
}

/// The file behind the link `/proc/<pid>/fd/<descriptor>`.
fn behind(pid: i32, descriptor: u8) -> Result<FileId, Errno> {
    sys::identify_file(&CString::new(format!("/proc/{pid}/fd/{descriptor}")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::{process, snapshot};

    #[test]
    fn what_is_below_a_handling_program_is_its_own_business() {
        let tree = snapshot(vec![
            process(2, 1, "sh", Disposition::Caught),
            process(3, 2, "server", Disposition::Caught),
            process(4, 3, "sh", Disposition::Default),
            process(5, 4, "worker", Disposition::Caught),
            process(6, 2, "cat", Disposition::Default),
        ]);
        let within = within_handlers(&tree.processes);
        assert_eq!(within, [false, false, true, true, false]);
    }
}
