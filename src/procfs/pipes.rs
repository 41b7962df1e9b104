//! Who reads from whom: the stdin of a process.

use crate::system::sys::{self, FileId};
use nix::errno::Errno;
use std::ffi::CString;

/// What is known of a process's stdin.
pub(super) struct Stdin {
    /// It is a pipe or a socket that the tree itself made.
    pub(super) reads_pipe: bool,
    /// What it is may not be read. `reads_pipe` is then set: it is better to wait a moment for a
    /// reader that is none than to cut one off.
    pub(super) hidden: bool,
}

impl Stdin {
    /// The stdin of this process, in a tree to which `from_outside` was given as stdin.
    pub(super) fn of(pid: i32, from_outside: Option<FileId>) -> Self {
        match stdin_of(pid) {
            Ok(file) => {
                Self { reads_pipe: file.is_piped() && Some(file) != from_outside, hidden: false }
            }
            Err(Errno::EACCES | Errno::EPERM) => Self { reads_pipe: true, hidden: true },
            // Closed, or the process has ended.
            Err(_) => Self { reads_pipe: false, hidden: false },
        }
    }
}

/// The file behind the link `/proc/<pid>/fd/0`.
pub(super) fn stdin_of(pid: i32) -> Result<FileId, Errno> {
    sys::identify_file(&CString::new(format!("/proc/{pid}/fd/0")).unwrap_or_default())
}
