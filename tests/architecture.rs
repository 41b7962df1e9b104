//! Where a decision lives: docs/architecture.md says it, and the sources keep to it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers fail the test; clippy.toml allows it in #[test] functions only"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What only these modules may contain, outside comments and their own tests.
const ONLY_IN: [(&str, &[&str], &[&str]); 8] = [
    (
        "who may send a signal",
        &["sys::kill(", "pidfd_send_signal(", "signal::kill(", "signal::killpg", "killpg("],
        &["deliver.rs", "terminal.rs"],
    ),
    (
        "who may block",
        &["ppoll(", "epoll_wait", ".wait(&mut", "thread::sleep(", "sys::pause(", "poll(&mut"],
        &["inbox.rs", "proctable.rs", "report.rs", "files.rs"],
    ),
    ("who reaps", &["wait_any(", "waitpid(", "waitid("], &["inbox.rs", "report.rs"]),
    (
        "who reads /proc/<pid>",
        &["\"/proc/{pid}", "\"/proc\"", "/proc/loadavg"],
        &["proctable.rs", "explain.rs"],
    ),
    ("who starts a program", &["sys::spawn(", "execv(", "execve("], &["spawn.rs", "runtime.rs"]),
    ("who starts a process beside the program", &["sys::aside("], &["files.rs"]),
    ("who starts a thread", &["thread::Builder", "thread::spawn(", "thread::scope("], &[]),
    (
        "who reads the clock",
        &["Instant::now(", "SystemTime::now(", ".elapsed("],
        &["inbox.rs", "lib.rs", "report.rs", "files.rs", "runtime.rs"],
    ),
];

/// Modules that decide, and so may not do, look or ask the time.
const PURE: [&str; 11] = [
    "cli.rs",
    "command.rs",
    "event.rs",
    "exit.rs",
    "journal.rs",
    "json.rs",
    "ledger.rs",
    "phase.rs",
    "plan.rs",
    "settings.rs",
    "timeline.rs",
];

/// What such a module may not name.
const EFFECTS: [&str; 9] = [
    "crate::sys",
    "nix::unistd",
    "nix::sys",
    "libc::",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "std::env",
];

/// Each source of the library by its path below src/, without comments and unit tests.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = ["", "runtime"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()));
    let sources = files.filter(|it| it.is_file()).map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\n").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        (name, lines.collect::<Vec<_>>().join("\n"))
    });
    sources.filter(|(name, _)| name != "main.rs").collect()
}

#[test]
fn each_effect_is_where_the_page_says() {
    for (question, signs, allowed) in ONLY_IN {
        let mut found = BTreeSet::new();
        for (file, code) in sources().iter().filter(|(file, _)| *file != "sys.rs") {
            for sign in signs.iter().filter(|sign| code.contains(**sign)) {
                assert!(allowed.contains(&file.as_str()), "{question}: src/{file} has {sign}");
                found.insert(file.clone());
            }
        }
        // A module that does it no longer has to leave the list.
        let expected: BTreeSet<String> = allowed.iter().map(|file| (*file).to_owned()).collect();
        assert_eq!(found, expected, "{question}");
    }
}

#[test]
fn what_decides_does_nothing_else() {
    let sources = sources();
    for file in PURE {
        let code = &sources[file];
        let effects: Vec<_> = EFFECTS.iter().filter(|effect| code.contains(**effect)).collect();
        assert!(effects.is_empty(), "src/{file} decides, and names {effects:?}");
    }
}

/// The table of docs/architecture.md, and the questions of CONTRIBUTING.md.
#[test]
fn the_pages_name_every_module_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let architecture = page("docs/architecture.md");
    for file in sources().keys() {
        assert!(architecture.contains(&format!("`{file}`")), "docs/architecture.md lacks {file}");
    }
    for name in ["docs/architecture.md", "CONTRIBUTING.md"] {
        for word in page(name).split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs")) {
            let exists =
                ["", "src", "tests", "benches/beside"].iter().any(|it| root.join(it).join(word).exists());
            assert!(exists, "{name} names {word}, which does not exist");
        }
    }
    for (question, _, _) in ONLY_IN {
        let asked = format!("| {question}? |");
        assert!(page("CONTRIBUTING.md").to_lowercase().contains(&asked), "CONTRIBUTING.md lacks {asked}");
    }
}
