//! The scripts under `examples/`, which show adieu in Docker, podman and other platforms and check what they show.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed step fails the test; clippy.toml allows it in #[test] functions only"
)]

mod support;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::host::Host;
use support::{Adieu, adieu};

/// The folders under `examples/`.
fn folders() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 3, "examples/ has only {folders:?}");
    folders
}

#[test]
fn every_example_has_a_readme_and_a_script_that_checks_it() {
    for folder in folders() {
        let read = |name: &str| {
            let file = folder.join(name);
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        };
        let name = folder.file_name().unwrap().to_str().unwrap();
        let command = format!("sh examples/{name}/run.sh");
        assert!(read("README.md").contains(&command), "examples/{name}/README.md does not say: {command}");
        assert!(read("run.sh").contains("lib.sh"), "examples/{name}/run.sh does not use examples/lib.sh");
    }
}

/// One after the other: they measure how long a stop takes. A script that cannot run here says `SKIPPED`, and with
/// `CI` set it fails.
#[test]
fn every_example_does_what_it_says() {
    let mut failed = Vec::new();
    for folder in folders() {
        let run = Adieu::new().as_child().program("sh").arg(folder.join("run.sh"));
        let host = Host::now();
        let run = run.env("ADIEU", adieu()).deadline(Duration::from_secs(600)).start();
        // What lib.sh names everything after.
        let name = format!("adieu-example-{}-{}", folder.file_name().unwrap().display(), run.pid());
        let run = run.finish();
        for skipped in run.out.iter().filter(|line| line.starts_with("SKIPPED")) {
            // To the descriptor itself: `eprintln!` would be captured and hidden, as the test passes.
            writeln!(io::stderr(), "{skipped}").ok();
        }
        println!("{}: {run}", folder.display());
        if run.code != 0 || run.out.is_empty() {
            failed.push(folder);
        }
        host.assert_unchanged(&name);
    }
    assert!(failed.is_empty(), "failed, see above: {failed:?}");
}
