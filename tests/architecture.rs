//! Where a decision lives: docs/architecture.md says it, and the sources keep to it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers fail the test; clippy.toml allows it in #[test] functions only"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What only these files and rooms may contain, outside comments and their own tests.
const ONLY_IN: [(&str, &[&str], &[&str]); 9] = [
    (
        "who may send a signal",
        &["sys::kill(", "pidfd_send_signal(", "signal::kill(", "signal::killpg", "killpg("],
        &["system/deliver.rs", "system/terminal.rs"],
    ),
    (
        "who ends adieu by a signal",
        &["emulate_default_handler(", "raise("],
        &["system/end.rs", "system/terminal.rs"],
    ),
    (
        "who may block",
        &["ppoll(", "epoll_wait", ".wait(&mut", "thread::sleep(", "sys::pause(", "poll(&mut"],
        &[
            "procfs/descent.rs",
            "procfs/disposition.rs",
            "procfs/mod.rs",
            "report/streams.rs",
            "report/write.rs",
            "system/inbox.rs",
        ],
    ),
    ("who reaps", &["wait_any(", "waitpid(", "waitid("], &["report/mod.rs", "system/inbox.rs"]),
    (
        "who reads /proc/<pid>",
        &["\"/proc/{pid}", "\"/proc\"", "/proc/loadavg"],
        &["explain/top.rs", "procfs/"],
    ),
    (
        "who starts a program",
        &["sys::spawn(", "execv(", "execve("],
        &["runtime/mod.rs", "system/spawn.rs"],
    ),
    ("who starts a process beside the program", &["start_writer("], &["report/write.rs"]),
    ("who starts a thread", &["thread::Builder", "thread::spawn(", "thread::scope("], &[]),
    (
        "who reads the clock",
        &["Instant::now(", "SystemTime::now(", ".elapsed("],
        &["lib.rs", "report/streams.rs", "report/write.rs", "runtime/mod.rs", "system/inbox.rs"],
    ),
];

/// The rooms from the lowest to the highest, each with the rooms that it may import. No room
/// imports one that stands below it in this list, so there are no circles.
const ROOMS: [(&str, &[&str]); 16] = [
    ("signal", &[]),
    ("exit", &["signal"]),
    ("printable", &[]),
    ("process", &["signal"]),
    ("programs", &["process"]),
    ("error", &["exit"]),
    ("decide", &["exit", "process", "signal"]),
    ("cli", &["decide", "error", "exit", "programs", "signal"]),
    ("system/sys", &["exit", "signal"]),
    ("procfs", &["printable", "process", "programs", "signal", "system/sys"]),
    (
        "system",
        &["cli", "decide", "error", "process", "procfs", "programs", "signal", "system/sys"],
    ),
    ("report", &["cli", "decide", "error", "exit", "printable", "process", "signal", "system/sys"]),
    ("supervise", &["decide", "process", "procfs", "report", "signal", "system"]),
    (
        "explain",
        &["cli", "decide", "error", "exit", "process", "procfs", "programs", "report", "signal"],
    ),
    ("install", &["error"]),
    ("runtime", &["cli", "error", "programs", "report", "system/sys"]),
];

/// Rooms and files that decide, and so may not act, look or ask the time.
const PURE: [&str; 8] = [
    "cli/",
    "decide/",
    "exit.rs",
    "process.rs",
    "programs.rs",
    "report/journal.rs",
    "report/timeline.rs",
    "report/words.rs",
];

/// What such a file may not name.
const EFFECTS: [&str; 9] = [
    "crate::system",
    "nix::unistd",
    "nix::sys",
    "libc::",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "std::env",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder, by their path below it.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let entries: Vec<PathBuf> =
            fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()).collect();
        let (inner, entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|it| it.is_dir());
        folders.extend(inner);
        for path in entries.into_iter().filter(|it| it.extension().is_some_and(|it| it == "rs")) {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// Each source of the library by its path below src/, without comments and unit tests.
fn sources() -> BTreeMap<String, String> {
    let programs = |name: &String| name != "main.rs" && !name.starts_with("bin/");
    let tests = |name: &String| name.contains("/tests/");
    let all = files(&root().join("src")).into_iter();
    let sources = all.filter(|(name, _)| programs(name) && !tests(name)).map(|(name, text)| {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code = code.split("#[cfg(test)]\npub(crate) mod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        (name, lines.collect::<Vec<_>>().join("\n"))
    });
    sources.collect()
}

/// The room of a path below src/, or below the crate, where `::` stands for `/`.
fn room(path: &str) -> &str {
    if path.starts_with("system/sys") {
        return "system/sys";
    }
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// From which room to which a file imports, for each `crate::` in the sources.
fn imports() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (file, code) in sources() {
        for path in code.split("crate::").skip(1) {
            let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = path.get(..end.unwrap_or(path.len())).unwrap_or_default();
            let target = room(&path.replace("::", "/")).to_owned();
            // `crate::system::{sys, …}` names the room below it, too.
            let named = if target == "system" && code.contains("crate::system::{") {
                vec![target, "system/sys".to_owned()]
            } else {
                vec![target]
            };
            let from = room(&file);
            let others = named.into_iter().filter(|it| it != from);
            found.extend(others.map(|it| (from.to_owned(), it, file.clone())));
        }
    }
    found
}

#[test]
fn each_effect_is_where_the_page_says() {
    for (question, signs, allowed) in ONLY_IN {
        let mut found = BTreeSet::new();
        for (file, code) in sources().iter().filter(|(file, _)| room(file) != "system/sys") {
            for sign in signs.iter().filter(|sign| code.contains(**sign)) {
                let place = allowed.iter().find(|place| file.starts_with(**place));
                let place = place.unwrap_or_else(|| panic!("{question}: src/{file} has {sign}"));
                found.insert(*place);
            }
        }
        // A file that does it no longer has to leave the list.
        assert_eq!(found, allowed.iter().copied().collect::<BTreeSet<_>>(), "{question}");
    }
}

#[test]
fn what_decides_does_nothing_else() {
    let sources = sources();
    for path in PURE {
        let pure: Vec<_> = sources.iter().filter(|(file, _)| file.starts_with(path)).collect();
        assert!(!pure.is_empty(), "src/{path} is not there");
        for (file, code) in pure {
            let effects: Vec<_> = EFFECTS.iter().filter(|it| code.contains(**it)).collect();
            assert!(effects.is_empty(), "src/{file} decides, and names {effects:?}");
        }
    }
}

#[test]
fn no_room_imports_one_above_it() {
    let above = |from: &str, to: &str| {
        let place = |room: &str| ROOMS.iter().position(|(name, _)| *name == room);
        place(from) < place(to)
    };
    for (from, allowed) in ROOMS {
        let circle: Vec<_> = allowed.iter().filter(|to| above(from, to)).collect();
        assert!(circle.is_empty(), "the table lets {from} import {circle:?}, which stand above it");
    }
    let mut used = BTreeSet::new();
    // lib.rs is the table of contents: it joins all of them.
    for (from, to, file) in imports().into_iter().filter(|(from, ..)| from != "lib") {
        let (_, allowed) = ROOMS
            .iter()
            .find(|(name, _)| *name == from)
            .unwrap_or_else(|| panic!("src/{file} is in no room of the table"));
        assert!(allowed.contains(&to.as_str()), "src/{file}: {from} imports {to}");
        used.insert((from, to));
    }
    for (from, to) in ROOMS.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        let is_used = used.contains(&((*from).to_owned(), (*to).to_owned()));
        assert!(is_used, "{from} does not import {to} any more: take that out of the table");
    }
}

/// The page has the number of imports between rooms; the pairs are those of the table above.
#[test]
fn the_page_counts_the_imports_between_rooms() {
    let pairs: BTreeSet<_> = imports()
        .into_iter()
        .filter(|(from, ..)| from != "lib")
        .map(|(from, to, _)| (from, to))
        .collect();
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let said = format!("{} pairs of rooms", pairs.len());
    assert!(page.contains(&said), "docs/architecture.md does not say: {said}");
}

#[test]
fn unsafe_code_is_in_one_room() {
    let code = sources();
    let unsafe_files: BTreeSet<&str> = code
        .iter()
        .filter(|(_, code)| code.contains("unsafe {") || code.contains("unsafe fn"))
        .map(|(file, _)| room(file))
        .collect();
    assert_eq!(unsafe_files, BTreeSet::from(["system/sys"]));
    for file in ["src/cli/mod.rs", "src/decide/mod.rs"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{file} does not forbid unsafe code");
    }
}

#[test]
fn no_line_is_longer_than_100_columns() {
    let mut long = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "fuzz/fuzz_targets"] {
        for (file, text) in files(&root().join(folder)) {
            let lines = text.lines().enumerate().filter(|(_, line)| line.chars().count() > 100);
            long.extend(lines.map(|(number, _)| format!("{folder}/{file}:{}", number + 1)));
        }
    }
    assert!(long.is_empty(), "longer than 100 columns: {long:#?}");
}

/// The table of docs/architecture.md, and the questions of CONTRIBUTING.md.
#[test]
fn the_pages_name_every_file_and_no_other() {
    let page = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let architecture = page("docs/architecture.md");
    for file in sources().keys() {
        assert!(architecture.contains(&format!("`{file}`")), "docs/architecture.md lacks {file}");
    }
    for name in ["docs/architecture.md", "CONTRIBUTING.md"] {
        for word in page(name).split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs")) {
            let folders = ["", "src", "tests", "benches/beside"];
            let exists = folders.iter().any(|it| root().join(it).join(word).exists());
            assert!(exists, "{name} names {word}, which does not exist");
        }
    }
    for (question, _, _) in ONLY_IN {
        let asked = format!("| {question}? |");
        assert!(
            page("CONTRIBUTING.md").to_lowercase().contains(&asked),
            "CONTRIBUTING.md lacks {asked}"
        );
    }
}
