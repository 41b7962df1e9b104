//! Waits for a condition without an event, and a test's own directory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// Only a test that fails reaches it.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// A forked child holds copies of all descriptors until it has called exec, and exec of a file that
/// anyone has open for writing is refused (ETXTBSY). So no test may fork while another one writes a
/// script.
pub(super) static FORKING_OR_WRITING: Mutex<()> = Mutex::new(());

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another test fails that test only.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condition` holds, where neither a line nor a descriptor shows when it does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        // It sets how soon the change is noticed, never whether.
        thread::sleep(Duration::from_millis(10));
    }
}

/// A directory of the test's own, removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("adieu-test-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// A named pipe.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        path
    }

    /// As [`script`], in this directory.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        script(&self.0, name, text)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Writes an executable file, for /bin/sh unless the text begins with another `#!`.
pub(crate) fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    let interpreter = if text.starts_with("#!") { "" } else { "#!/bin/sh\n" };
    let _guard = lock(&FORKING_OR_WRITING);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path).unwrap();
    write!(file, "{interpreter}{text}").unwrap();
    path
}
