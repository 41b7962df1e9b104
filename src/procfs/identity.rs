//! Whether a process is still the one that was seen.

use crate::printable::printable;
use crate::process::ProcId;
use crate::procfs::files::{NoDescriptor, Proc, is_exhausted};
use crate::procfs::parse::Stat;
use crate::system::sys;
use nix::errno::Errno;

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

/// Whether this process has ended. Its pid is then free or another process's, or the process is a
/// zombie. Where /proc cannot be read, only a free pid shows it.
pub(crate) fn has_ended(id: ProcId) -> bool {
    let stat =
        || Proc::default().stat(id.pid).is_ok_and(|stat| !stat.alive || stat.start != id.start);
    sys::exists(id.pid) == Err(Errno::ESRCH) || stat()
}
