//! Whether a process is still the one that was seen.

use crate::printable::printable;
use crate::process::ProcId;
use crate::procfs::disposition::read_status;
use crate::procfs::files::{NoDescriptor, Proc, is_exhausted};
use crate::procfs::parse::Stat;
use crate::signal::{Signal, SignalSet};
use crate::system::sys;
use nix::errno::Errno;
use std::ffi::CString;

/// The process that has this pid now, if there is one.
///
/// # Errors
/// [`NoDescriptor`] where there is no descriptor to read with.
pub(crate) fn identify(pid: i32) -> Result<Option<ProcId>, NoDescriptor> {
    match Proc::default().line(format_args!("{pid}/stat"), Stat::parse) {
        Err(e) if is_exhausted(&e) => Err(NoDescriptor),
        stat => Ok(stat.ok().flatten().map(|stat| ProcId { pid, start: stat.start })),
    }
}

/// Whether the process has another name by now: it gets one with each program that it executes.
/// Where the name may not be read it is taken for the same.
pub(crate) fn has_other_name(pid: i32, name: &str) -> bool {
    Proc::default().stat(pid).is_ok_and(|stat| printable(&stat.name) != name)
}

/// Whether the process runs the same file as this one, under any name. The file system is not
/// asked: one that does not answer would hold this up.
pub(crate) fn runs_this_program(pid: i32) -> bool {
    let file = |path: String| sys::identify_file(&CString::new(path).unwrap_or_default());
    let own = file("/proc/self/exe".to_owned());
    own.is_ok() && own == file(format!("/proc/{pid}/exe"))
}

/// Whether the process blocks every signal that can be blocked, as adieu does, and no other init
/// that is known.
pub(crate) fn blocks_every_signal(pid: i32) -> bool {
    let cannot_be = SignalSet::EMPTY.with(Signal::KILL).with(Signal::STOP);
    let status = read_status(&mut Proc::default(), pid).ok().flatten();
    status.is_some_and(|status| status.signals.blocked == SignalSet(!cannot_be.0))
}

/// Whether this process has ended. Its pid is then free or another process's, or the process is a
/// zombie. Where /proc cannot be read, only a free pid shows it.
pub(crate) fn has_ended(id: ProcId) -> bool {
    let stat =
        || Proc::default().stat(id.pid).is_ok_and(|stat| !stat.alive || stat.start != id.start);
    sys::exists(id.pid) == Err(Errno::ESRCH) || stat()
}
