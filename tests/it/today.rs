//! The tests of containers once more, with today's engines in place of the machine's: those of
//! Debian sid, which `examples/today.sh` unpacks and runs.
//!
//! The tests here run this program again, in there, with those tests.

use std::env;
use std::time::Duration;

use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, adieu, missing, missing_as_said, missing_in_part, other_users_reach,
    repository, say,
};

/// `examples/today.sh COMMAND…` with the tests that one of the words names.
fn with_todays_engines(cgroups: &str, filters: &[&str]) {
    let program = env::current_exe().unwrap();
    let run = Adieu::new().as_child().program("sh").arg(repository().join("examples/today.sh"));
    let run = run.arg(program).args(filters.iter().copied()).env("TODAY_CGROUPS", cgroups);
    let run = run.deadline(Duration::from_secs(900)).start().finish();
    if let Some(what) = run.out.iter().find_map(|line| line.strip_prefix("MISSING: ")) {
        missing(what, "for the tests of containers once more");
    }
    assert_eq!(run.code, 0, "{run}");
    say(&run);
    expect_tests(&run);
}

/// Notes what those tests lacked, and that there were some.
fn expect_tests(run: &Finished) {
    let skipped = run.out.iter().chain(&run.err).skip_while(|it| !it.contains(" skipped, for "));
    // Their number, and what is missing, in lines that begin with spaces.
    for line in skipped.skip(1).take_while(|line| line.starts_with(' ')) {
        let what = line.trim_start().trim_start_matches(|it: char| it.is_ascii_digit()).trim();
        missing_in_part(what, "for today's engines");
    }
    let result = run.out.iter().find_map(|line| line.strip_prefix("test result: ok. "));
    let passed = result.and_then(|line| line.split(' ').next()?.parse::<u32>().ok());
    assert!(passed.is_some_and(|passed| passed > 0), "no test has passed\n{run}");
}

/// Promise (Anywhere): with today's engines (Docker 28, containerd 2, runc 1.3, crun, podman 5) as
/// with those of Debian 12
fn containers_of_todays_engines() {
    let filters = [
        "docker::",
        "runtime::",
        "explain::containers::",
        "examples::compose",
        "examples::docker_image",
        "examples::docker_init",
        "examples::kubernetes",
        "examples::oci_runtime",
        "examples::podman",
        "today::podman_without_root",
    ];
    with_todays_engines("", &filters);
}

/// With nothing but a cgroup2 at /sys/fs/cgroup: those tests that need none of its controllers. On
/// a machine with the hierarchies of cgroup v1 it has hardly any.
/// Promise (Anywhere): with cgroup v1 and with cgroup v2
fn containers_of_todays_engines_with_cgroup_v2_alone() {
    let filters = [
        "docker::command_string_in_the_image_lets_the_server_finish",
        "docker::stop_is_immediate_without_a_handler",
        "docker::below_dockers_own_init_the_server_finishes",
        "runtime::in_runc_and_crun",
    ];
    with_todays_engines("2", &filters);
}

/// `examples/podman` as a user with subordinate users of their own. In there, since this adds the
/// user.
/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn podman_without_root() {
    let (script, example) = ("tests/it/support/rootless.sh", "examples/podman/run.sh");
    other_users_reach(adieu());
    let run = Adieu::new().as_child().program("sh").arg(repository().join(script)).arg("env");
    let run = run.arg(format!("ADIEU={}", adieu().display())).arg("sh");
    let run = run.arg(repository().join(example)).deadline(Duration::from_secs(300));
    let run = run.start().expect_exit(0);
    say(&run);
    if let Some(skipped) = run.out.iter().find_map(|line| line.strip_prefix("SKIPPED: podman: ")) {
        missing_as_said(skipped);
    }
    assert!(run.out.iter().any(|line| line.contains("the server finished")), "{run}");
}

/// They start engines of their own and measure how long a stop takes.
pub(crate) const ALONE: &[Test] =
    tests![containers_of_todays_engines, containers_of_todays_engines_with_cgroup_v2_alone];

/// What runs in there only.
pub(crate) const INSIDE: &[Test] = tests![podman_without_root];
