//! An engine of containers, such as dockerd, of the test's own: apart from the machine's, and gone
//! with its handle.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed step fails the test; clippy.toml allows it in #[test] functions only"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::host::{self, Host};
use super::{children, eventually, spawn};

/// How long an engine's stop may take where adieu waits for nothing. The engine's own grace period
/// is 10 s, so that a shorter stop killed no process.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(5);

/// A daemon in namespaces of its own, by `examples/alone.sh`. When it is dropped, it has ended and
/// its containers with it, and the machine is as it was before.
pub(crate) struct Daemon {
    child: Child,
    name: String,
    host: Host,
}

impl Daemon {
    /// A name that no other daemon has. It is that of the cgroup which the daemon is to put its
    /// containers into.
    pub(crate) fn name() -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        format!("{}-engine-{}", host::run_name(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    /// Starts the command with its output in `log`. To be dropped by the thread that has started
    /// it: the daemon ends with that thread.
    pub(crate) fn start(name: &str, command: &Command, log: &Path) -> Self {
        host::sweep_at_end();
        let host = Host::now();
        let out = File::create(log).unwrap();
        let mut alone = Command::new("sh");
        alone.arg(host::script("alone.sh")).arg(command.get_program()).args(command.get_args());
        alone.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        alone.env("TEST_ENGINE", name);
        alone.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        Self { child: spawn(&mut alone), name: name.to_owned(), host }
    }

    pub(crate) fn wait_for(&mut self, what: &str, log: &Path, mut ready: impl FnMut() -> bool) {
        eventually(what, || {
            let ended = self.child.try_wait().unwrap();
            let log = || fs::read_to_string(log).unwrap_or_default();
            assert!(ended.is_none(), "{what}: it ended, {ended:?}\n{}", log());
            ready()
        });
    }

    /// PID 1 of its namespace of processes.
    pub(crate) fn inside(&self) -> Pid {
        let unshare = Pid::from_raw(self.child.id().try_into().unwrap());
        // unshare(1) ends after it, and it ends after everything else there.
        children(unshare).first().map_or(unshare, |it| it.pid)
    }

    /// Its cgroups, one in each hierarchy.
    fn cgroups(&self) -> Vec<PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies =
            fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
        let groups = hierarchies.chain([root.to_owned()]).map(|path| path.join(&self.name));
        groups.filter(|path| path.exists()).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        kill(self.inside(), Signal::SIGKILL).ok();
        self.child.wait().ok();
        for cgroup in self.cgroups() {
            remove_cgroup(&cgroup);
        }
        if !thread::panicking() {
            self.host.assert_unchanged(&self.name);
        }
    }
}

/// Removes a cgroup with those below it, as far as they are empty.
pub(crate) fn remove_cgroup(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    fs::remove_dir(cgroup).ok();
}
