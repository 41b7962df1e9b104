//! What a test needs of the machine: a program, root, a PID namespace.
//!
//! Where it is missing, the test ends there and counts as ignored, with one line that names what is
//! missing and how to get it; with `CI=true` it fails. A test asks for what only a part of it needs
//! by `…_or_less`: it goes on without that part, and counts as ignored too. So no test counts as
//! passed of which a part was not run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::path::{Path, PathBuf};

use super::variables::in_ci;
use super::{page, runner, start};

/// Something that a test needs and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lack {
    what: String,
    /// The Debian packages that bring it, or what else does.
    packages: Vec<String>,
    how: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (self.packages.is_empty(), self.how.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => write!(f, " ({})", self.how),
            (false, true) => write!(f, " (Debian: {})", self.packages.join(" ")),
            (false, false) => write!(f, " (Debian: {}; {})", self.packages.join(" "), self.how),
        }
    }
}

impl Lack {
    /// Something of `packages.txt`.
    fn of_table(name: &str) -> Self {
        let package = package(name);
        Self { what: name.to_owned(), packages: vec![package.to_owned()], how: String::new() }
    }

    /// Something that no package brings; `how` to get it.
    fn else_than_a_package(what: &str, how: &str) -> Self {
        Self { what: what.to_owned(), packages: Vec::new(), how: how.to_owned() }
    }

    pub(crate) fn packages(&self) -> &[String] {
        &self.packages
    }
}

/// The payload that unwinds a test for which something is missing. It is no panic: nothing is
/// printed.
pub(crate) struct Skip;

/// The Debian package of a program, given by its name or its path.
fn package(name: &str) -> &'static str {
    in_table(name).unwrap_or_else(|| {
        panic!("tests/it/support/packages.txt has no line for {name}: add its Debian package")
    })
}

fn in_table(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let lines = include_str!("packages.txt").lines().filter(|line| !line.starts_with('#'));
    let mut rows = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    rows.find(|row| row.0 == name).map(|row| row.1)
}

fn note(lack: Lack) {
    assert!(!in_ci(), "missing in CI: {lack}");
    runner::note_lack(lack);
}

fn end(lack: Lack) -> ! {
    note(lack);
    panic::resume_unwind(Box::new(Skip))
}

/// Ends the test: something is missing that no package brings alone. `how` says how to get it.
pub(crate) fn missing(what: &str, how: &str) -> ! {
    end(Lack::else_than_a_package(what, how))
}

/// Goes on without the part of the test that needs something that no package brings alone.
pub(crate) fn missing_in_part(what: &str, how: &str) {
    note(Lack::else_than_a_package(what, how));
}

/// Ends the test: a program is missing that a line of `packages.txt` names.
pub(crate) fn missing_package(name: &str) -> ! {
    end(Lack::of_table(name))
}

/// Goes on without the part of the test for which a script has named what is missing, as `it needs
/// nginx (Debian: nginx-light)`.
pub(crate) fn missing_as_said(words: &str) {
    let words = words.strip_prefix("it needs ").unwrap_or(words);
    let (what, packages) = words
        .split_once(" (Debian: ")
        .and_then(|(what, packages)| Some((what, packages.strip_suffix(')')?)))
        .unwrap_or((words, in_table(words).unwrap_or_default()));
    let packages = packages.split_whitespace().map(str::to_owned).collect();
    note(Lack { what: what.to_owned(), packages, how: String::new() });
}

/// Goes on without the part of the test that needs what a line of `packages.txt` names.
pub(crate) fn missing_package_in_part(name: &str) {
    note(Lack::of_table(name));
}

/// A program that a test needs.
pub(crate) fn tool(name: &str) -> PathBuf {
    // The table is read also where the program is there, so that a missing line shows at once.
    let (lack, found) = (Lack::of_table(name), page::find(name));
    found.unwrap_or_else(|| end(lack))
}

/// A program that a part of a test needs.
pub(crate) fn tool_or_less(name: &str) -> Option<PathBuf> {
    let (lack, found) = (Lack::of_table(name), page::find(name));
    if found.is_none() {
        note(lack);
    }
    found
}

/// What is missing where no PID namespace can be made, and why. `None` where one can.
fn no_pid_namespace() -> Option<(&'static str, String)> {
    let why = start::unshare().err()?;
    let how = format!("as root in no chroot, or where users may make namespaces; {why}");
    Some(("a PID namespace", how))
}

/// For a test that runs as PID 1 of a namespace of its own.
pub(crate) fn pid_namespace() {
    if let Some((what, how)) = no_pid_namespace() {
        missing(what, &how);
    }
}

/// For a part of a test that does.
pub(crate) fn pid_namespace_or_less() -> bool {
    let lacking = no_pid_namespace();
    if let Some((what, how)) = &lacking {
        missing_in_part(what, how);
    }
    lacking.is_none()
}

/// Whether a process can be PID 1 of a namespace of its own here, for a test that is complete
/// without one too.
pub(crate) fn can_be_pid1() -> bool {
    let possible = start::unshare().is_ok();
    assert!(possible || !in_ci(), "no PID namespace in CI");
    possible
}

/// The cgroup controllers that containerd, podman and crun ask for and that are not to be had:
/// where /sys/fs/cgroup is a cgroup2, what it does not list. With cgroup v1 they do without.
fn no_cgroup_controllers() -> Option<(String, &'static str)> {
    let listed = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").ok()?;
    let has = |name: &&str| listed.split_whitespace().any(|it| it == *name);
    let lacking: Vec<_> =
        ["cpu", "io", "memory", "pids"].into_iter().filter(|it| !has(it)).collect();
    let how = "the hierarchies of cgroup v1 have them: mount these, or boot without";
    (!lacking.is_empty())
        .then(|| (format!("the controllers {} of cgroup v2", lacking.join(", ")), how))
}

/// For a test of an engine that starts no container without cgroup controllers.
pub(crate) fn cgroup_controllers() {
    if let Some((what, how)) = no_cgroup_controllers() {
        missing(&what, how);
    }
}

/// For a part of a test that needs them.
pub(crate) fn cgroup_controllers_or_less() -> bool {
    let lacking = no_cgroup_controllers();
    if let Some((what, how)) = &lacking {
        missing_in_part(what, how);
    }
    lacking.is_none()
}

/// For a test in which another user executes the programs of this clone.
pub(crate) fn other_users_reach(program: &Path) {
    let closed = program.ancestors().skip(1).find(|directory| {
        fs::metadata(directory).is_ok_and(|it| it.is_dir() && it.mode() & 0o001 == 0)
    });
    if let Some(closed) = closed {
        let how = format!("others may not enter {}: move the clone", closed.display());
        missing("a clone that other users reach", &how);
    }
}

/// For a test of what only root may do.
pub(crate) fn root() {
    if !is_root() {
        missing("root", "run the tests as root");
    }
}

/// For a part of a test that shows what only root may do.
pub(crate) fn root_or_less() -> bool {
    if !is_root() {
        missing_in_part("root", "run the tests as root");
    }
    is_root()
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// What is missing and for how many tests, with the command that installs the packages of it: the
/// end of a run.
pub(crate) fn summary(skipped: usize, lacks: &BTreeMap<Lack, usize>) -> String {
    if skipped == 0 {
        return String::new();
    }
    let mut lines = vec![format!("{skipped} skipped, for want of (tests):")];
    let mut packages: Vec<&str> = Vec::new();
    for (lack, tests) in lacks {
        lines.push(format!("{tests:>5}  {lack}"));
        packages.extend(lack.packages().iter().map(String::as_str));
    }
    packages.sort_unstable();
    packages.dedup();
    if !packages.is_empty() {
        lines.push(format!(
            "These packages bring some of it: apt-get install {}",
            packages.join(" ")
        ));
    }
    lines.join("\n") + "\n"
}
