//! The files of /proc: opened, read, and tried again.

use crate::procfs::parse::{Stat, decimal};
use crate::system::sys;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::sys::uio::pread;
use nix::unistd::read;
use std::ffi::CStr;
use std::fmt;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

/// The process has no descriptor left to look with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDescriptor;

pub(super) fn is_exhausted(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

pub(super) fn is_gone(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(libc::ESRCH)
}

/// How much is read of a file whose rest is not used: a long command line.
const LONGEST: usize = 16 * 1024;

/// /proc, as one look reads it.
#[derive(Default)]
pub(super) struct Proc {
    /// The directory, held open where there is a descriptor for it: the lookup from the root is a
    /// third of what reading a short file costs (`docs/performance.md`).
    directory: Option<OwnedFd>,
}

impl Proc {
    pub(super) fn open() -> Self {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Self { directory: uninterrupted(|| open("/proc", flags, Mode::empty())).ok() }
    }

    pub(super) fn has_directory(&self) -> bool {
        self.directory.is_some()
    }

    /// Opens a file of it. std's `File` would try an interrupted call again without end.
    pub(super) fn file(&mut self, name: fmt::Arguments<'_>) -> io::Result<OwnedFd> {
        const HERE: &[u8] = b"/proc/";
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        // On the stack, because some of these are opened thousands of times.
        let mut path = [0; 64];
        let (_, mut room) = path.split_last_mut().ok_or(Errno::ENAMETOOLONG)?;
        room.write_all(HERE)?;
        room.write_fmt(name)?;
        let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::ENAMETOOLONG)?;
        if let Some(directory) = &self.directory
            && let Some(name) = path.to_bytes_with_nul().get(HERE.len()..)
            && let Ok(name) = CStr::from_bytes_with_nul(name)
        {
            match uninterrupted(|| openat(directory, name, flags, Mode::empty())) {
                Err(e) if is_exhausted(&e) => self.directory = None,
                file => return file,
            }
        }
        uninterrupted(|| open(path, flags, Mode::empty()))
    }

    /// Reads a file of one short line, which the kernel returns in one read.
    pub(super) fn line<T>(
        &mut self,
        name: fmt::Arguments<'_>,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        self.line_and_file(name, parse).map(|(line, _)| line)
    }

    /// The same, and the open file.
    pub(super) fn line_and_file<T>(
        &mut self,
        name: fmt::Arguments<'_>,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<(T, OwnedFd)> {
        let file = self.file(name)?;
        Ok((first_line(|line| read(&file, line), parse)?, file))
    }

    pub(super) fn stat(&mut self, pid: i32) -> io::Result<Stat> {
        self.line(format_args!("{pid}/stat"), Stat::parse)?
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads something of a process; `None` where the process has ended or may not be read. Reads
    /// it once more where there was no descriptor for a moment.
    pub(super) fn listed<T>(
        &mut self,
        read: impl Fn(&mut Self) -> io::Result<T>,
    ) -> Result<Option<T>, NoDescriptor> {
        match read(self).or_else(|e| if is_exhausted(&e) { read(self) } else { Err(e) }) {
            Err(e) if is_exhausted(&e) => Err(NoDescriptor),
            seen => Ok(seen.ok()),
        }
    }

    /// Reads the first [`LONGEST`] bytes of a file.
    pub(super) fn start_of(&mut self, name: fmt::Arguments<'_>) -> io::Result<Vec<u8>> {
        read_up_to(&self.file(name)?, LONGEST, true)
    }

    /// Reads a file that the kernel hands out without gaps, however long it is: the line of groups
    /// in `status` can have hundreds of kilobytes (NGROUPS_MAX is 65,536, `getgroups(2)`).
    pub(super) fn text(&mut self, name: fmt::Arguments<'_>) -> io::Result<Vec<u8>> {
        read_up_to(&self.file(name)?, usize::MAX, true)
    }

    fn whole(&mut self, name: fmt::Arguments<'_>) -> io::Result<Vec<u8>> {
        read_up_to(&self.file(name)?, usize::MAX, false)
    }

    /// The children of a process. The list of each thread has those that the thread forked.
    pub(super) fn children_of(&mut self, pid: i32, threads: u64) -> io::Result<Vec<i32>> {
        let of_thread = |proc: &mut Self, thread: i32| {
            let text = proc.whole(format_args!("{pid}/task/{thread}/children"))?;
            let pids = text
                .split(u8::is_ascii_whitespace)
                .filter_map(|pid| std::str::from_utf8(pid).ok()?.parse().ok());
            Ok(pids.collect::<Vec<i32>>())
        };
        if threads <= 1 {
            return of_thread(self, pid);
        }
        let mut children = Vec::new();
        for thread in self.numbers(&format!("/proc/{pid}/task"))? {
            children.extend(of_thread(self, thread)?);
        }
        Ok(children)
    }

    /// The names in a directory that are numbers. The directory is closed before any of them is
    /// read, so that one descriptor is enough for a look.
    ///
    /// # Errors
    /// Also where only a part of the directory can be read: the missing processes would be taken
    /// for ended.
    pub(super) fn numbers(&mut self, directory: &str) -> io::Result<Vec<i32>> {
        let list = || sys::list_directory(directory, |name| i32::try_from(decimal(name)?).ok());
        Ok(match list() {
            Err(Errno::EMFILE | Errno::ENFILE) if self.directory.take().is_some() => list(),
            listed => listed,
        }?)
    }
}

/// A file of a process, up to a MiB: the kernel shows as a command line or an environment as much
/// of its memory as the process says (`PR_SET_MM`, `prctl(2)`).
pub(crate) fn read_file(pid: i32, name: &str) -> io::Result<Vec<u8>> {
    read_up_to(&Proc::default().file(format_args!("{pid}/{name}"))?, 1024 * 1024, false)
}

/// The line of a file that is open and has been read before, as it is now.
pub(super) fn line_again<T>(file: &OwnedFd, parse: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    first_line(|line| pread(file, line, 0), parse)
}

fn first_line<T>(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
    parse: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    // Enough for what is used of `stat`, which is the longest.
    let mut line = [0; 1024];
    let length = uninterrupted(|| read(&mut line))?;
    Ok(parse(line.get(..length).unwrap_or_default()))
}

/// `short_is_end`: a read that fills less than its buffer has reached the end of the file. It has
/// not in a list of children.
fn read_up_to(file: &OwnedFd, longest: usize, short_is_end: bool) -> io::Result<Vec<u8>> {
    let (mut bytes, mut part) = (Vec::new(), [0; 2048]);
    while bytes.len() < longest {
        let count = uninterrupted(|| read(file, &mut part))?;
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
        if count == 0 || count < part.len() && short_is_end {
            break;
        }
    }
    Ok(bytes)
}

/// Makes a call, and tries it a few times more where it fails for another reason than that the
/// process has ended or that there is no descriptor. A process that cannot be read for a moment
/// would be taken for ended, with all that is below it.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    const AGAIN: usize = 4;
    let mut result = call();
    for _ in 1..AGAIN {
        match result {
            Ok(_) | Err(Errno::ENOENT | Errno::ESRCH | Errno::EMFILE | Errno::ENFILE) => break,
            Err(_) => result = call(),
        }
    }
    Ok(result?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_for_a_moment_is_not_taken_for_gone() {
        let tried = |failures: &[Errno]| {
            let (mut calls, mut answers) = (0, failures.iter());
            let result = uninterrupted(|| {
                calls += 1;
                answers.next().map_or(Ok(()), |errno| Err(*errno))
            });
            (calls, result.is_ok())
        };
        assert_eq!(tried(&[]), (1, true));
        assert_eq!(tried(&[Errno::EIO]), (2, true));
        assert_eq!(tried(&[Errno::EINTR; 3]), (4, true));
        assert_eq!(tried(&[Errno::EACCES; 9]), (4, false));
        for at_once in [Errno::ENOENT, Errno::ESRCH, Errno::EMFILE, Errno::ENFILE] {
            assert_eq!(tried(&[at_once; 9]), (1, false));
        }
    }
}
