//! Lines on stderr, written without waiting for a reader: a log that nobody reads must not stop a
//! stop.

use crate::printable;
use crate::system::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstat};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What a pipe takes whole or not at all (`PIPE_BUF`, `pipe(7)`).
const LONGEST_LINE: usize = 4096;
/// What every line begins with.
pub(crate) const NAME: &str = "adieu: ";

/// Says one line on stderr if that is possible without waiting: a log that nobody reads must not
/// stop a stop.
pub(crate) fn say(text: &str) {
    // Names are fit for a log by now; a path or a command that was typed may not be.
    let mut line: String = NAME.chars().chain(text.chars().map(printable::fit)).collect();
    let mut end = line.len().min(LONGEST_LINE - 1);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push('\n');
    // What does not fit is dropped.
    let _ = write_part(stderr(), line.as_bytes());
}

/// The line for an adieu that could not start: nothing runs that a wait could hold up.
pub(crate) fn fail(error: &crate::error::Error) {
    // In several lines where the parser of the options wrote it so.
    let fit = |c: char| if c == '\n' { c } else { printable::fit(c) };
    let text: String = error.to_string().chars().map(fit).collect();
    let _ = write_all(stderr(), format!("{NAME}{text}\n").as_bytes());
}

/// Writes a text of any length to stderr, and waits this long at the most for a reader.
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

/// Writes all of it and waits for whoever reads it.
pub(crate) fn write_all(to: BorrowedFd<'_>, mut text: &[u8]) -> Result<(), Errno> {
    // std tries without end.
    let mut interruptions = 0..4;
    while !text.is_empty() {
        match nix::unistd::write(to, text) {
            Err(Errno::EINTR) if interruptions.next().is_some() => {}
            written => text = text.get(written?.max(1)..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Writes to stderr as far as that is possible without waiting.
fn write_part(stderr: BorrowedFd<'_>, part: &[u8]) -> Result<usize, Errno> {
    // Unknown, it is tried like a pipe.
    let kind = fstat(stderr).map_or(0, |found| found.st_mode & libc::S_IFMT);
    if kind == libc::S_IFREG {
        return nix::unistd::write(stderr, part);
    }
    if kind != libc::S_IFCHR
        && let Some(written) = sys::write_no_wait(stderr.as_raw_fd(), part)
    {
        return written;
    }
    // A terminal, or a pipe on a kernel older than 6.4. Opened once more it has flags of its own.
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match nix::fcntl::open("/proc/self/fd/2", flags, Mode::empty()) {
        Ok(own) => nix::unistd::write(own, part),
        Err(e) if kind == libc::S_IFCHR => Err(e),
        Err(_) => {
            // Another user's pipe. Another writer may take the room between the question and the
            // write.
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
