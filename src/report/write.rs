//! The files of `--report` and `--termination-log`: written when the stop is over, for a limited
//! time, and never at the cost of the exit.

use crate::cli::settings::{Destination, Settings};
use crate::exit::End;
use crate::report::streams;
use crate::system::sys;
use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{AccessFlags, UnlinkatFlags, access, read, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The most that Kubernetes shows of a termination message.
const LONGEST_MESSAGE: u64 = 4096;
/// How long a disk may take before adieu exits without the report.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_millis(500);
/// File systems that nobody else has to answer for.
const LOCAL: [&str; 12] = [
    "bcachefs", "btrfs", "devtmpfs", "erofs", "ext4", "f2fs", "overlay", "ramfs", "squashfs",
    "tmpfs", "xfs", "zfs",
];
const NO_NAME: &str = "it names no file";
const NO_REGULAR_FILE: &str = "it exists and is no regular file; name another";
/// Separates two problems: a typed path cannot contain it.
const END_OF_PROBLEM: u8 = 0;

/// Where the files go. Resolved before the program runs: adieu may have more rights than the
/// program, which could put a link in the place of a directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    report: Option<Place>,
    termination_log: Option<Place>,
}

impl Places {
    pub(crate) fn of(settings: &Settings) -> Self {
        let report = settings.report.as_ref().filter(|to| to.path != "-");
        Self {
            report: report.map(Place::of),
            termination_log: settings.termination_log.as_ref().map(Place::of),
        }
    }

    /// What would keep a file from being written if the stop were now, a sentence each. The program
    /// may still make a directory that is not there.
    pub(crate) fn problems(&self) -> Vec<String> {
        let report = self.report.as_ref().and_then(|place| {
            let problem = place.problem_of_report()?;
            Some(format!("{}: {problem}", place.shown()))
        });
        let log = self.termination_log.as_ref().and_then(|place| {
            let problem = place.problem_of_log()?;
            Some(format!("{}: {problem}", place.shown()))
        });
        report.into_iter().chain(log).collect()
    }
}

/// A file to be written: the path as it was typed, its directory with all links resolved, and its
/// name there.
#[derive(Clone, Debug)]
struct Place {
    /// The option or variable that names the file.
    option: &'static str,
    typed: OsString,
    directory: PathBuf,
    /// The directory was there at the start.
    is_there: bool,
    name: OsString,
}

impl Place {
    fn of(destination: &Destination) -> Self {
        let path = Path::new(&destination.path);
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        // A part of the path that does not exist yet may be made by the program.
        let resolved = parent.ancestors().find_map(|there| {
            let missing = parent.strip_prefix(there).ok()?;
            let is_there = missing.as_os_str().is_empty();
            Some((fs::canonicalize(there).ok()?.join(missing), is_there))
        });
        let (directory, is_there) = resolved.unwrap_or_else(|| (parent.to_owned(), false));
        Self {
            option: destination.option,
            typed: destination.path.clone(),
            directory,
            is_there,
            name: path.file_name().unwrap_or_default().to_owned(),
        }
    }

    /// `--report 'stop.json'`
    fn shown(&self) -> String {
        format!("{} '{}'", self.option, self.typed.to_string_lossy())
    }

    fn problem_of_report(&self) -> Option<String> {
        self.problem_of_directory().or_else(|| {
            let file = self.file()?;
            if !file.is_file() {
                return Some(NO_REGULAR_FILE.to_owned());
            }
            (file.mode() & 0o111 != 0).then(|| {
                let typed = self.typed.to_string_lossy();
                format!(
                    "it is a program, and a stop would replace it by its report; write for \
                     example --report stop.json '{typed}'"
                )
            })
        })
    }

    fn problem_of_log(&self) -> Option<String> {
        let Some(file) = self.file() else { return self.problem_of_directory() };
        if !file.is_file() {
            return Some(NO_REGULAR_FILE.to_owned());
        }
        match access(&self.directory.join(&self.name), AccessFlags::W_OK) {
            Err(Errno::EACCES | Errno::EROFS) => {
                Some("adieu may not write to it; give its user the right to".to_owned())
            }
            // What else there is may pass until the stop.
            Ok(()) | Err(_) => None,
        }
    }

    /// What is there already, where to ask for it cannot hang.
    fn file(&self) -> Option<fs::Metadata> {
        let there = self.is_there && !self.name.is_empty() && answers(&self.directory);
        there.then(|| fs::symlink_metadata(self.directory.join(&self.name)).ok())?
    }

    fn problem_of_directory(&self) -> Option<String> {
        let shown = self.directory.display();
        if self.name.is_empty() {
            return Some(format!("{NO_NAME}; name one"));
        }
        if !self.is_there {
            return Some(format!("there is no directory {shown}; make it"));
        }
        if !answers(&self.directory) {
            return None;
        }
        if !self.directory.is_dir() {
            return Some(format!("{shown} is no directory; name one"));
        }
        match access(&self.directory, AccessFlags::W_OK | AccessFlags::X_OK) {
            Err(Errno::EACCES | Errno::EROFS) => {
                Some(format!("adieu may not write into {shown}; name a directory where it may"))
            }
            Ok(()) | Err(_) => None,
        }
    }

    /// Opens the directory without following a link: `openat2(2)`, Linux 5.6. Where that call is
    /// missing, links are followed.
    fn open_directory(&self) -> io::Result<OwnedFd> {
        if self.name.is_empty() {
            return Err(io::Error::other(NO_NAME));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        match fcntl::openat2(fcntl::AT_FDCWD, &self.directory, how) {
            Err(Errno::ENOSYS | Errno::EPERM) => {
                Ok(fcntl::open(&self.directory, flags, Mode::empty())?)
            }
            Err(Errno::ELOOP) => Err(io::Error::other(
                "a link has taken the place of a directory in its path since the start",
            )),
            opened => Ok(opened?),
        }
    }

    /// Opens the file itself; a link in its place is an error.
    fn open(&self, directory: &OwnedFd, name: &OsStr, flags: OFlag) -> Result<fs::File, Errno> {
        let always = OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        fcntl::openat(directory, name, flags | always, Mode::from_bits_truncate(0o666))
            .map(fs::File::from)
    }
}

/// Whether the file system of this directory answers for sure: it is none that a server or a
/// process stands behind, which would hold up the start.
fn answers(directory: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    type_of_mount(&mounts, directory).is_some_and(|it| LOCAL.contains(&it))
}

/// The type of the file system with this directory, from the lines of `/proc/self/mountinfo`
/// (`proc_pid_mountinfo(5)`). A later mount covers an earlier one.
fn type_of_mount<'a>(mounts: &'a str, directory: &Path) -> Option<&'a str> {
    let fields = mounts.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        // A blank in a path is written as an octal number; adieu takes such a mount for none.
        Some((Path::new(mount.split(' ').nth(4)?), source.split(' ').next()?))
    });
    let around = fields.filter(|(point, _)| directory.starts_with(point));
    around.max_by_key(|(point, _)| point.as_os_str().len()).map(|(_, it)| it)
}

/// Writes the texts of the report and of the termination log to their files, and returns what went
/// wrong. A child process writes, the only one that adieu starts beside the program: a disk that
/// does not answer holds up that process, and adieu ends it after a limit and exits. (The kernel
/// may keep the process, in a wait that nothing can interrupt, such as for a frozen file system. As
/// PID 1 adieu then stays as long, since a PID namespace ends with its last process.)
pub(crate) fn save(places: &Places, report: Option<&str>, message: Option<&str>) -> Vec<String> {
    let report = places.report.as_ref().zip(report);
    let message = places.termination_log.as_ref().zip(message);
    if report.is_none() && message.is_none() {
        return Vec::new();
    }
    let own_pid = std::process::id();
    in_time(&mut || {
        let written = report.map(|(place, text)| named(place, replace(place, text, own_pid)));
        let appended = message.map(|(place, text)| named(place, append(place, text)));
        [written, appended].into_iter().flatten().flatten().all(|problem| {
            let said = [problem.as_bytes(), &[END_OF_PROBLEM]].concat();
            streams::write_all(sys::standard(libc::STDERR_FILENO), &said).is_ok()
        })
    })
}

/// Does the work in a process of its own, waits for it for a limited time, and returns what went
/// wrong. The work returns whether it could report its own problems.
fn in_time(work: &mut dyn FnMut() -> bool) -> Vec<String> {
    let writer = match sys::start_writer(work) {
        Ok(writer) => writer,
        // adieu does not write by itself then: a disk that does not answer would keep it from
        // ending.
        Err(errno) => {
            return vec![format!(
                "the report is not written: adieu cannot start the process that writes it ({}); \
                 is a limit on processes (RLIMIT_NPROC, pids), descriptors or memory reached?",
                errno.desc()
            )];
        }
    };
    let deadline = Instant::now() + WRITE_LIMIT;
    let mut said = Vec::new();
    let given_up = loop {
        match part_of(&writer.output, deadline) {
            Ok(Some(part)) if part.is_empty() => break None,
            Ok(Some(part)) => said.extend(part),
            Ok(None) => break Some("the file system does not answer"),
            Err(errno) => break Some(errno.desc()),
        }
    };
    let problems = said.split(|byte| *byte == END_OF_PROBLEM).filter(|problem| !problem.is_empty());
    let mut problems: Vec<String> =
        problems.map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    match given_up {
        Some(why) => problems.push(format!("the report is given up: {why}")),
        None => match writer.end() {
            Some(End::Exited(0)) | None => {}
            Some(end) => problems
                .push(format!("the report may be missing: the process that writes it {end}")),
        },
    }
    problems
}

/// The next part of what the process writes, empty at its end; `None` when the time is over.
fn part_of(said: &OwnedFd, deadline: Instant) -> Result<Option<Vec<u8>>, Errno> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    if poll(&mut [PollFd::new(said.as_fd(), PollFlags::POLLIN)], left)? == 0 {
        return Ok(None);
    }
    let mut part = vec![0; 1024];
    let length = read(said, &mut part)?;
    part.truncate(length);
    Ok(Some(part))
}

fn named(place: &Place, result: io::Result<()>) -> Option<String> {
    let (problem, shown) = (result.err()?, place.shown());
    Some(format!("{shown}: {problem}; the stop and the exit status are unchanged"))
}

/// Writes a file beside the path and renames it, so that no reader ever finds half a report. What
/// is at the path and no regular file (a device, a pipe, a link) is left alone.
fn replace(place: &Place, text: &str, own_pid: u32) -> io::Result<()> {
    let directory = place.open_directory()?;
    let found = fstatat(&directory, place.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
    if found.is_ok_and(|found| found.st_mode & libc::S_IFMT != libc::S_IFREG) {
        return Err(io::Error::other("it exists and is no regular file"));
    }
    let mut temporary = place.name.clone();
    temporary.push(format!(".{own_pid}.tmp"));
    let remove = || unlinkat(&directory, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
    // An adieu that was killed while it wrote may have left this file: the name has the pid in it,
    // and in every container that is 1.
    let _ = remove();
    let mut file = place.open(&directory, &temporary, OFlag::O_WRONLY | OFlag::O_EXCL)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        Ok(fcntl::renameat(&directory, temporary.as_os_str(), &directory, place.name.as_os_str())?)
    });
    if written.is_err() {
        let _ = remove();
    }
    written
}

/// Appends to what the program may have written itself. No link is followed, and no pipe is waited
/// for.
fn append(place: &Place, text: &str) -> io::Result<()> {
    let directory = place.open_directory()?;
    let open = |access: OFlag| place.open(&directory, &place.name, access | OFlag::O_APPEND);
    // A file that may not be read may still be written to.
    let mut file = open(OFlag::O_RDWR).or_else(|_| open(OFlag::O_WRONLY))?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.nlink() > 1 {
        return Err(io::Error::other(
            "it has a second name (a hard link), so it may be a file that adieu must not change",
        ));
    }
    let mut last = [b'\n'];
    let ends_a_line = found.len() == 0
        || file.read_exact_at(&mut last, found.len() - 1).is_ok() && last == *b"\n";
    let text = if ends_a_line { text.to_owned() } else { format!("\n{text}") };
    let room = usize::try_from(LONGEST_MESSAGE.saturating_sub(found.len())).unwrap_or(0);
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    file.write_all(text.as_bytes().get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_on_the_innermost_mount_around_it() {
        let mounts = "\
            1 0 0:1 / / rw - overlay overlay rw\n\
            2 1 0:2 / /data rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            3 2 0:3 / /data/slow rw - fuse.sshfs host:/ rw\n\
            4 2 0:4 / /data/over rw - nfs4 host:/ rw\n\
            5 2 0:5 / /data/over rw - tmpfs tmpfs rw\n";
        for (directory, kind) in [
            ("/", "overlay"),
            ("/data/x", "ext4"),
            ("/data/slower", "ext4"),
            ("/data/slow/x", "fuse.sshfs"),
            ("/data/over", "tmpfs"),
        ] {
            assert_eq!(type_of_mount(mounts, Path::new(directory)), Some(kind), "{directory}");
        }
        assert_eq!(type_of_mount("", Path::new("/")), None);
        assert_eq!(type_of_mount("x - y", Path::new("/")), None);
    }
}
