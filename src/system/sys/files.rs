//! Files, directories and descriptors.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use std::ffi::{CStr, CString, c_void};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;

/// A descriptor that a system call has just returned.
pub(super) fn own(fd: libc::c_long) -> Result<OwnedFd, Errno> {
    // The number always fits, and is never negative: `Errno::result` made an error of that.
    let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just opened the descriptor for this process, and no other code has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Standard input, output or error, without the buffers that std's own have.
pub(crate) fn standard(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: adieu never closes one of the three. If the caller of adieu did, a call on it fails.
    unsafe { BorrowedFd::borrow_raw(fd.clamp(libc::STDIN_FILENO, libc::STDERR_FILENO)) }
}

/// Writes what fits without waiting. `None` where this kind of file does not take `RWF_NOWAIT`
/// (pipes do since Linux 6.4, `pwritev2(2)`).
///
/// `O_NONBLOCK` would change the descriptor for every process that shares it.
pub(crate) fn write_no_wait(fd: RawFd, bytes: &[u8]) -> Option<Result<usize, Errno>> {
    let part =
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast::<c_void>(), iov_len: bytes.len() };
    // SAFETY: one part, which the kernel only reads and which lives through the call. The offset -1
    // means the file's own position.
    let written = unsafe { libc::pwritev2(fd, &raw const part, 1, -1, libc::RWF_NOWAIT) };
    match Errno::result(written) {
        Ok(n) => Some(Ok(usize::try_from(n).unwrap_or(0))),
        Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS | Errno::ESPIPE | Errno::EPERM) => {
            None
        }
        Err(e) => Some(Err(e)),
    }
}

/// The kind of file that a path leads to, with device and inode, as far as they are known without
/// asking the file system (`AT_STATX_DONT_SYNC`, `statx(2)`). A file system that does not answer,
/// such as that of a dead NFS or FUSE server, would hold the caller up for good.
pub(crate) fn identify_file(path: &CStr) -> Result<FileId, Errno> {
    // SAFETY: all zeroes is a valid value of this plain structure of integers.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: a C string and a structure of the kind that the call fills, both alive through it.
    let asked = unsafe {
        let wanted = libc::STATX_TYPE | libc::STATX_INO;
        libc::statx(libc::AT_FDCWD, path.as_ptr(), libc::AT_STATX_DONT_SYNC, wanted, &raw mut found)
    };
    match Errno::result(asked) {
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

/// What `read` makes of the names in a directory.
///
/// std's `read_dir` and nix's `Dir` panic where the descriptor cannot be closed, and the end of
/// adieu as PID 1 is the end of the container.
///
/// # Errors
/// Also where only a part of the directory can be read.
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
        // `readdir(3)` returns null at the end and for an error; only errno shows which it was.
        Errno::clear();
        // SAFETY: the directory is open, and no other code has it.
        let entry = unsafe { libc::readdir(directory) };
        if entry.is_null() {
            break if Errno::last_raw() == 0 { Ok(found) } else { Err(Errno::last()) };
        }
        // SAFETY: the entry is valid until the next call, and its name is a C string.
        let name = unsafe { CStr::from_ptr((*entry).d_name.as_ptr()) };
        found.extend(read(name.to_bytes()));
    };
    // SAFETY: the directory was opened above, and is not used any more. After an error there is
    // nothing left to do.
    unsafe { libc::closedir(directory) };
    result
}

/// The hostname in the UTS namespace behind this link (`uts_namespaces(7)`).
///
/// The process enters it and comes back. It must have one thread, or the others would stay behind.
///
/// # Errors
/// Where the link may not be opened, or the namespace not be entered: that takes CAP_SYS_ADMIN.
pub(crate) fn hostname_of(namespace: &str) -> Result<Vec<u8>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let own = open("/proc/self/ns/uts", flags, Mode::empty())?;
    let other = open(namespace, flags, Mode::empty())?;
    setns(other, CloneFlags::CLONE_NEWUTS)?;
    let name = nix::sys::utsname::uname().map(|it| it.nodename().as_bytes().to_vec());
    setns(own, CloneFlags::CLONE_NEWUTS)?;
    name
}

/// How many columns the terminal behind the descriptor has; `None` where there is none.
pub(crate) fn terminal_width(fd: RawFd) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize, which lives through the call.
    let asked = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Closes the descriptors from this one on: all of them, or up to 1023 on a kernel without
/// `close_range(2)` (Linux 5.9).
pub(super) fn close_from(first: RawFd) {
    const END: RawFd = 1024;
    // SAFETY: integers. The values that own these descriptors are not used any more: this process
    // ends without dropping them.
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } != 0 {
        for fd in first..END {
            // SAFETY: as above.
            unsafe { libc::close(fd) };
        }
    }
}
