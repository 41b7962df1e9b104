//! The scripts under `examples/`, which show adieu in Docker, podman and other platforms and check
//! what they show.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::host::Host;
use crate::support::runner::{Test, tests};
use crate::support::{Adieu, adieu, missing_as_said, repository, say};

fn folders_of() -> PathBuf {
    repository().join("examples")
}

/// The folders under `examples/`.
fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(folders_of()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 3, "examples/ has only {folders:?}");
    folders
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn every_example_has_a_readme_a_script_that_checks_it_and_a_test_that_runs_it() {
    for folder in folders() {
        let read = |name: &str| {
            let file = folder.join(name);
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        };
        let name = folder.file_name().unwrap().to_str().unwrap();
        let command = format!("sh examples/{name}/run.sh");
        assert!(
            read("README.md").contains(&command),
            "examples/{name}/README.md does not say: {command}"
        );
        assert!(
            read("run.sh").contains("lib.sh"),
            "examples/{name}/run.sh does not use examples/lib.sh"
        );
        let test = format!("examples::{}", name.replace('-', "_"));
        assert!(
            IN_TURN.iter().any(|it| it.name() == test),
            "no test runs examples/{name}/run.sh: add {test}"
        );
    }
}

/// A script that cannot run here says `SKIPPED`, why, and how to change that; with `CI` set it
/// fails.
fn example(name: &str) {
    let run = Adieu::new().as_child().program("sh").arg(folders_of().join(name).join("run.sh"));
    let host = Host::now();
    let run = run.env("ADIEU", adieu()).deadline(Duration::from_secs(600)).start();
    // What lib.sh names everything after.
    let marker = format!("adieu-example-{name}-{}", run.pid());
    let run = run.expect_exit(0);
    say(&run);
    host.assert_unchanged(&marker);
    assert!(!run.out.is_empty(), "it says nothing");
    for skipped in run.out.iter().filter_map(|line| line.strip_prefix("SKIPPED: ")) {
        missing_as_said(skipped.strip_prefix(&format!("{name}: ")).unwrap_or(skipped));
    }
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn check() {
    example("check");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn compose() {
    example("compose");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn docker_image() {
    example("docker-image");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn docker_init() {
    example("docker-init");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn kubernetes() {
    example("kubernetes");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn oci_runtime() {
    example("oci-runtime");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn podman() {
    example("podman");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn procfile() {
    example("procfile");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn supervisord() {
    example("supervisord");
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn systemd() {
    example("systemd");
}

pub(crate) const TESTS: &[Test] =
    tests![every_example_has_a_readme_a_script_that_checks_it_and_a_test_that_runs_it];

/// They measure how long a stop takes.
pub(crate) const IN_TURN: &[Test] = tests![
    check,
    compose,
    docker_image,
    docker_init,
    kubernetes,
    oci_runtime,
    podman,
    procfile,
    supervisord,
    systemd
];
