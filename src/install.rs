//! `--install PATH`: copies the running program, for images that have nothing to copy it with.

use crate::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

const PART: usize = 128 << 10;

/// Copies adieu to `path`, or into it where it is a directory. Written beside it and renamed, so
/// that nobody ever executes a half of it, and so that an adieu that runs from there goes on.
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
        // A link is replaced, what it points to stays; a device or a pipe is nobody's wish.
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(std::io::Error::other("it exists and is no regular file"))
        }
        _ => copy(temporary).and_then(|()| fs::rename(temporary, &target)),
    };
    copied.map_err(|e| {
        let _ = fs::remove_file(temporary);
        Error::System(format!(
            "--install '{}': {e}; write for example --install /shared/adieu, in a directory that this user may write to",
            path.display()
        ))
    })
}

fn copy(to: &Path) -> std::io::Result<()> {
    let open = |path: &Path| fs::File::open(path);
    let mut program = open(Path::new("/proc/self/exe"))
        .or_else(|e| std::env::current_exe().and_then(|path| open(&path)).map_err(|_| e))?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(to)?;
    // Piece by piece: an init container's limit of memory may be less than the size of a debug
    // build. (std's own copy tries three system calls for it, and is 3 kB.)
    let mut part = vec![0; PART];
    loop {
        let length = program.read(&mut part)?;
        if length == 0 {
            break;
        }
        file.write_all(part.get(..length).unwrap_or_default())?;
    }
    // Whatever the umask, every user of the container has to be able to execute it.
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    file.sync_all()
}
