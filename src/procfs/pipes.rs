//! Who reads from whom: the stdin of a process.

use crate::system::sys::{self, FileId};
use nix::errno::Errno;
use std::ffi::CString;

/// The stdin of a process, the file behind the link.
pub(super) fn stdin_of(pid: i32) -> Result<FileId, Errno> {
    sys::identify_file(&CString::new(format!("/proc/{pid}/fd/0")).unwrap_or_default())
}
