//! stdout and stderr. Lines on stderr are written without waiting for a reader: a log that nobody
//! reads must not hold up a stop.

use crate::error::Error;
use crate::printable;
use crate::system::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstat};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The most that a pipe takes whole or not at all (`PIPE_BUF`, `pipe(7)`).
const LONGEST_LINE: usize = 4096;
/// The beginning of every line.
pub(crate) const NAME: &str = "adieu: ";

/// Writes one line to stderr, if that is possible without waiting.
pub(crate) fn say(text: &str) {
    // Names of processes are fit for a log by now; a path or a command that was typed may not be.
    let mut line: String = NAME.chars().chain(text.chars().map(printable::fit)).collect();
    let mut end = line.len().min(LONGEST_LINE - 1);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push('\n');
    // A line that cannot be written now is dropped.
    let _ = write_part(stderr(), line.as_bytes());
}

/// Writes a text to stdout. Not by std, which takes a closed stdout for one that was written to.
///
/// # Errors
/// [`Error::System`] where it could not be written.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let written = write_all(sys::standard(libc::STDOUT_FILENO), text.as_bytes());
    written.map_err(|e| Error::System(format!("cannot write to stdout: {}", e.desc())))
}

/// Writes why adieu could not start. It may wait for a reader: no program runs yet.
pub(crate) fn fail(error: &Error) {
    // An error about options may have several lines.
    let fit = |c: char| if c == '\n' { c } else { printable::fit(c) };
    let text: String = error.to_string().chars().map(fit).collect();
    let _ = write_all(stderr(), format!("{NAME}{text}\n").as_bytes());
}

/// Writes a text of any length to stderr, and waits at most this long for a reader.
pub(crate) fn patiently(text: &str, limit: Duration) {
    let fd = stderr();
    let deadline = Instant::now() + limit;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let part = rest.get(..LONGEST_LINE.min(rest.len())).unwrap_or_default();
        match write_part(fd, part) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::EAGAIN) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
                let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], left);
            }
            Err(_) => return,
        }
    }
}

/// Writes a whole text and waits for its reader.
pub(crate) fn write_all(to: BorrowedFd<'_>, mut text: &[u8]) -> Result<(), Errno> {
    // Only a few interruptions are excused; std would try again without end.
    let mut interruptions = 0..4;
    while !text.is_empty() {
        match nix::unistd::write(to, text) {
            Err(Errno::EINTR) if interruptions.next().is_some() => {}
            written => text = text.get(written?.max(1)..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Writes as much to stderr as is possible without waiting.
fn write_part(stderr: BorrowedFd<'_>, part: &[u8]) -> Result<usize, Errno> {
    // Where the kind of file is not known, adieu treats it as a pipe.
    let kind = fstat(stderr).map_or(0, |found| found.st_mode & libc::S_IFMT);
    if kind == libc::S_IFREG {
        return nix::unistd::write(stderr, part);
    }
    if kind != libc::S_IFCHR
        && let Some(written) = sys::write_no_wait(stderr.as_raw_fd(), part)
    {
        return written;
    }
    // A terminal, or a pipe on a kernel older than 6.4. Opened once more, it has flags of its own,
    // so O_NONBLOCK does not reach the program, which shares the descriptor.
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match nix::fcntl::open("/proc/self/fd/2", flags, Mode::empty()) {
        Ok(own) => nix::unistd::write(own, part),
        Err(e) if kind == libc::S_IFCHR => Err(e),
        Err(_) => {
            // The pipe of another user may not be opened. Between poll and write, another writer
            // may take the room; then the write waits.
            let mut ready = [PollFd::new(stderr, PollFlags::POLLOUT)];
            let asked = poll(&mut ready, PollTimeout::ZERO);
            let events = ready.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
            match asked {
                Ok(1) if events.contains(PollFlags::POLLOUT) => nix::unistd::write(stderr, part),
                _ => Err(Errno::EAGAIN),
            }
        }
    }
}

pub(crate) fn stderr() -> BorrowedFd<'static> {
    sys::standard(libc::STDERR_FILENO)
}
