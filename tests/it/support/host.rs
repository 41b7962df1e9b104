//! What the tests share with this machine, its Docker above all: that it is as before after a test
//! that could have changed it, and that nothing is left there.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what is found changed fails the test; clippy.toml allows it in #[test] functions only"
)]

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::unistd::Pid;

use super::{Adieu, Scratch, eventually, output, page, say, server, spawn};

/// What this process makes in Docker bears this name, and so do its temporary files ([`Scratch`]).
pub(crate) fn run_name() -> String {
    format!("adieu-test-{}", process::id())
}

/// The labels of what it makes in Docker, by which `examples/sweep.sh` finds it, now and in a later
/// run.
pub(crate) fn labels() -> [String; 2] {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = fs::metadata("/proc/self/ns/pid").unwrap().ino();
    [format!("adieu.run={}", run_name()), format!("adieu.pids={}.{namespace}", boot.trim())]
}

/// Starts, once, the process that waits for the end of this one and removes what is left of it,
/// however it ended. That includes this directory, which all tests may write to.
pub(crate) fn sweep_at_end() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = env::temp_dir().join(format!("{}-shared", run_name()));
        // It may be there, of a process that had this number.
        fs::create_dir_all(&directory).unwrap();
        // A session of its own: Ctrl-C is not for it.
        let mut sweep = Command::new("setsid");
        sweep.arg("sh").arg(script("sweep.sh")).arg(run_name()).arg(env::temp_dir());
        sweep.arg(process::id().to_string()).current_dir("/");
        #[allow(clippy::zombie_processes, reason = "it outlives this process")]
        spawn(sweep.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        directory
    })
}

/// A script that the examples and the tests share.
pub(crate) fn script(name: &str) -> PathBuf {
    super::repository().join("examples").join(name)
}

/// The machine as it was, and a container that its Docker runs meanwhile.
pub(crate) struct Host {
    state: State,
    container: Option<Container>,
}

/// What a second engine changes where it is not kept apart, and what no other program changes at
/// the same time.
#[derive(Debug, PartialEq)]
struct State {
    /// Index and flags of the bridge. One that was made again has another index; 0: there is none.
    docker0: (u32, Option<String>),
    ip_forward: Option<String>,
    /// The chains of the firewall and their policies, without counters.
    chains: BTreeSet<String>,
    /// What is in the directories that engines write to, whatever their options.
    files: BTreeSet<PathBuf>,
}

impl State {
    fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let docker0 = (bridge_index(), read("/sys/class/net/docker0/flags"));
        let rules = page::find("iptables-save")
            .map(|tool| output(Command::new(tool).stderr(Stdio::null())));
        let rules = String::from_utf8(rules.unwrap_or_default()).unwrap();
        let chains = rules.lines().filter(|line| line.starts_with(':'));
        let chains = chains.filter_map(|line| Some(line.split_once(" [")?.0.to_owned())).collect();
        let directories =
            ["/etc/docker", "/opt/containerd", "/var/lib/containers", "/var/lib/cni", "/etc/cni"];
        let entries =
            directories.iter().filter_map(|path| fs::read_dir(path).ok()).flatten().flatten();
        let files = entries.map(|entry| entry.path()).collect();
        Self { docker0, ip_forward: read("/proc/sys/net/ipv4/ip_forward"), chains, files }
    }
}

/// Of docker0 in the network namespace of this process, of which /sys may not be.
fn bridge_index() -> u32 {
    nix::net::if_::if_nametoindex("docker0").unwrap_or(0)
}

impl Host {
    pub(crate) fn now() -> Self {
        Self { container: Container::start(), state: State::now() }
    }

    /// Fails where anything is another than before, or where something is left of what has `name`
    /// in its name.
    pub(crate) fn assert_unchanged(&self, name: &str) {
        assert_eq!(
            State::now(),
            self.state,
            "{name} has changed the machine: on the left as it is now"
        );
        if let Some(container) = &self.container {
            container.assert_lives(name);
        }
        // What ended a moment ago may still be seen.
        let mut shown = Vec::new();
        eventually(&format!("nothing is left of {name}; see above"), || {
            let left = leftovers(name);
            if left != shown {
                say(format!("left of {name}: {left:#?}"));
                shown.clone_from(&left);
            }
            left.is_empty()
        });
    }
}

/// A container of the machine's own Docker, of an image with a static server, at its bridge where
/// it has one.
struct Container {
    docker: PathBuf,
    name: String,
    network: &'static str,
    born: String,
}

impl Container {
    /// `None` where there is no Docker, and nothing to disturb.
    fn start() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let docker = page::find("docker")?;
        let info = Adieu::new().as_child().program(&docker).arg("info").start().finish();
        if info.code != 0 {
            return None;
        }
        sweep_at_end();
        let name = format!("{}-host-{}", run_name(), COUNT.fetch_add(1, Ordering::Relaxed));
        let network = if bridge_index() > 0 { "bridge" } else { "none" };
        let mut container = Self { docker, name, network, born: String::new() };
        container.import_image();
        container.run(&["--detach", "--name", &container.name], &["/server"]);
        container.born = container.state();
        Some(container)
    }

    fn image() -> String {
        format!("{}:host", run_name())
    }

    fn docker(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        let mut call = Adieu::new().as_child().program(&self.docker);
        for word in words {
            call = call.arg(word.as_ref());
        }
        let said = call.start().expect_exit(0);
        said.out.join("\n")
    }

    /// By `docker import`, which needs no other image.
    fn import_image(&self) {
        static IMPORTED: OnceLock<()> = OnceLock::new();
        IMPORTED.get_or_init(|| {
            let scratch = Scratch::new();
            let archive = scratch.join("image.tar");
            let server = server();
            let mut tar = Command::new("tar");
            tar.args(["--owner=0", "--group=0", "-cf"]).arg(&archive).arg("-C");
            tar.arg(server.parent().unwrap()).arg("server");
            assert!(spawn(&mut tar).wait().unwrap().success(), "tar");
            let labels = labels().map(|label| format!("LABEL {label}"));
            let change = labels.iter().flat_map(|label| ["--change", label]);
            let words = ["import"].into_iter().chain(change).map(OsStr::new);
            self.docker(words.chain([archive.as_os_str(), OsStr::new(&Self::image())]));
        });
    }

    fn run(&self, options: &[&str], command: &[&str]) -> String {
        let image = Self::image();
        let labels = labels();
        let labels = labels.iter().flat_map(|label| ["--label", label]);
        let words = ["run", "--network", self.network].into_iter().chain(labels);
        self.docker(
            words.chain(options.iter().copied()).chain([&*image]).chain(command.iter().copied()),
        )
    }

    fn state(&self) -> String {
        let format = "{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}";
        self.docker(["inspect", "--format", format, &self.name])
    }

    fn assert_lives(&self, name: &str) {
        assert_eq!(
            self.state(),
            self.born,
            "{name} has disturbed a container of the machine's Docker"
        );
        let help = self.run(&["--rm"], &["/server", "--help"]);
        assert!(
            help.contains("Usage: server"),
            "after {name} the machine's Docker starts no container: {help}"
        );
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut remove = Command::new(&self.docker);
        remove.args(["rm", "--force", "--volumes", &self.name]).output().ok();
    }
}

/// Whether the text has this name in it, and not one that only begins with it.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let after = text.get(at + name.len()..).and_then(|rest| rest.chars().next());
        !after.is_some_and(|it| it.is_ascii_digit())
    })
}

/// What has `name` in its name: mounts, cgroups, files, processes, and what Docker has.
pub(crate) fn leftovers(name: &str) -> Vec<String> {
    let mut left = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    left.extend(
        mounts.lines().filter(|line| names(line, name)).map(|line| format!("mount {line}")),
    );
    let places = [
        ("/sys/fs/cgroup", 3),
        ("/run", 2),
        ("/etc", 2),
        ("/var/lib", 2),
        ("/var/tmp", 1),
        ("/dev/shm", 1),
        ("/opt", 1),
    ];
    find(&env::temp_dir(), name, 1, &mut left);
    for (directory, depth) in places {
        find(Path::new(directory), name, depth, &mut left);
    }
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let file_name = entry.file_name();
        let Some(pid) = file_name.to_str().and_then(|pid| pid.parse().ok()) else { continue };
        // A zombie has ended: whether it is reaped is up to the machine's init.
        let runs = super::process(Pid::from_raw(pid)).is_some_and(|it| it.state != 'Z');
        if runs && pid != Pid::this().as_raw() {
            for file in ["cmdline", "environ", "cgroup"] {
                let text = fs::read(entry.path().join(file)).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).replace('\0', " ");
                if names(&text, name) {
                    left.push(format!("process {} {file}: {text}", entry.path().display()));
                }
            }
        }
    }
    if let Some(docker) = page::find("docker") {
        for kind in ["container", "image", "network", "volume"] {
            let mut list = Command::new(&docker);
            list.args([kind, "ls", "--format", "{{json .}}"]).stderr(Stdio::null());
            list.args((kind != "network" && kind != "volume").then_some("--all"));
            let lines = String::from_utf8(output(&mut list)).unwrap();
            left.extend(
                lines.lines().filter(|line| names(line, name)).map(|line| format!("{kind} {line}")),
            );
        }
        // One that has no name has a label.
        let mut labelled = Command::new(&docker);
        labelled.args([
            "image",
            "ls",
            "--all",
            "--quiet",
            "--filter",
            &format!("label=adieu.run={name}"),
        ]);
        let ids = String::from_utf8(output(labelled.stderr(Stdio::null()))).unwrap();
        left.extend(ids.lines().map(|id| format!("image {id}")));
    }
    left
}

fn find(directory: &Path, name: &str, depth: usize, left: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if names(&entry.file_name().to_string_lossy(), name) {
            left.push(format!("file {}", entry.path().display()));
        } else if depth > 1 && entry.file_type().is_ok_and(|it| it.is_dir()) {
            find(&entry.path(), name, depth - 1, left);
        }
    }
}
