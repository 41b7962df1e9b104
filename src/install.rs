//! `--install PATH`: copies the running program, for images that have nothing to copy it with.

use crate::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Copies adieu to `path`, or into it where it is a directory. The copy is written beside `path`
/// and renamed: nobody ever executes a half of it, and an adieu that runs from `path` goes on.
///
/// # Errors
/// [`Error::System`], naming the path and what the system said.
pub(crate) fn install(path: &OsStr) -> Result<(), Error> {
    let path = Path::new(path);
    let target = if path.is_dir() { path.join("adieu") } else { path.to_owned() };
    let mut temporary = target.clone().into_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let copied = match fs::symlink_metadata(&target) {
        // A link is replaced, what it points to stays; a device or a pipe is a mistake.
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(io::Error::other("it exists and is no regular file"))
        }
        _ => copy(temporary).and_then(|()| fs::rename(temporary, &target)),
    };
    copied.map_err(|e| {
        let _ = fs::remove_file(temporary);
        Error::System(format!(
            "--install '{}': {e}; write for example --install /shared/adieu, in a directory that \
             this user may write to",
            path.display()
        ))
    })
}

fn copy(to: &Path) -> io::Result<()> {
    let mut program = fs::File::open("/proc/self/exe")
        .or_else(|e| std::env::current_exe().and_then(fs::File::open).map_err(|_| e))?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(to)?;
    // The kernel copies: an init container's limit of memory may be less than a debug build is
    // long.
    io::copy(&mut program, &mut file)?;
    // Whatever the umask, every user of the container has to be able to execute it.
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    file.sync_all()
}
