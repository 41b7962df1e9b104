//! docs/promises.md is made from the tests: a comment `/// Promise (SECTION): TEXT` above each that
//! shows the promise.
//!
//! With `ADIEU_WRITE_DOCS=1` the page is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::runner::{Test, tests};
use crate::support::{page, repository};

/// The sections of the page, in their order, and the text below each heading.
const SECTIONS: [(&str, &str); 9] = [
    ("The command", ""),
    ("Running", ""),
    ("Which process gets the signal, and when", ""),
    ("Anywhere", ""),
    ("Under load", "What was measured is in [reliability.md](reliability.md)."),
    ("Explaining", ""),
    (
        "As an OCI runtime",
        "The decision and the change of the configuration have unit tests and a property test in \
         `src/runtime/config.rs`, over real\nconfigurations of runc, Docker, containerd and podman \
         (`tests/support/configs`).",
    ),
    (
        "Against hostile programs",
        "[security.md](security.md) has the threat model and each claim beside its test.",
    ),
    ("For its developers", ""),
];

/// The promises of the other test binaries, which have no comments `Promise`.
const ELSEWHERE: [(&str, &str, &[&str]); 2] = [
    (
        "Anywhere",
        "the promises hold for random trees of processes",
        &["simulation::every_seed_keeps_the_promises"],
    ),
    (
        "For its developers",
        "each effect (sending, blocking, reaping, reading, starting) is in its one file, decisions \
         have none, and `docs/architecture.md` and `CONTRIBUTING.md` are true",
        &[
            "architecture::each_effect_is_where_the_page_says",
            "architecture::what_decides_does_nothing_else",
            "architecture::no_room_imports_one_above_it",
            "architecture::unsafe_code_is_in_one_room",
            "architecture::the_pages_name_every_file_and_no_other",
        ],
    ),
];

/// These modules test the tests themselves.
const NO_PROMISES: [&str; 2] = ["harness", "promises"];

/// A promise and one test of it.
struct Shown {
    section: String,
    promise: String,
    test: String,
}

/// The promises in the comments of a source file, whose tests are named with this module.
fn promises_of(source: &str, module: &str) -> Vec<Shown> {
    let (mut found, mut promises) = (Vec::new(), Vec::<String>::new());
    let mut in_promise = false;
    for line in source.lines() {
        let comment = line.strip_prefix("///").map(str::trim);
        match comment {
            Some(text) if text.starts_with("Promise (") => {
                in_promise = true;
                promises.push(text.to_owned());
            }
            Some("") => in_promise = false,
            Some(text) if in_promise => {
                promises.last_mut().unwrap().push_str(&format!(" {text}"));
            }
            Some(_) => {}
            None if line.starts_with("#[") => in_promise = false,
            None => {
                in_promise = false;
                let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
                for promise in promises.drain(..) {
                    let (section, promise) =
                        promise["Promise (".len()..].split_once("): ").unwrap_or_else(|| {
                            panic!("{module}: not 'Promise (SECTION): TEXT': {promise}")
                        });
                    let name = name.unwrap_or_else(|| panic!("{module}: no test below: {promise}"));
                    let test = format!("{module}::{name}");
                    found.push(Shown {
                        section: section.to_owned(),
                        promise: promise.to_owned(),
                        test,
                    });
                }
            }
        }
    }
    found
}

/// The files below a folder, in the order of their names, with their modules.
fn sources(folder: &Path, module: &str) -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let inner = format!("{module}{name}");
        if path.is_dir() {
            found.extend(sources(&path, &format!("{inner}::")));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push((path, inner));
        }
    }
    found
}

/// All promises with their tests, those of one promise behind each other.
fn all() -> Vec<Shown> {
    let mut all = Vec::new();
    let faults = repository().join("tests/faults.rs");
    let files = sources(&repository().join("tests/it"), "")
        .into_iter()
        .chain([(faults, "faults".to_owned())]);
    for (path, module) in files.filter(|(_, module)| !NO_PROMISES.contains(&&**module)) {
        let source = fs::read_to_string(path).unwrap();
        let promises = promises_of(&source, &module);
        let has_tests =
            ["const TESTS: &[Test]", "const ALONE: &[Test]"].iter().any(|it| source.contains(it));
        assert!(
            !has_tests || !promises.is_empty(),
            "no test of {module} has a comment 'Promise (SECTION): TEXT'"
        );
        all.extend(promises);
    }
    for (section, promise, tests) in ELSEWHERE {
        all.extend(tests.iter().map(|test| Shown {
            section: section.to_owned(),
            promise: promise.to_owned(),
            test: (*test).to_owned(),
        }));
    }
    all
}

fn page(all: &[Shown]) -> String {
    let mut text = String::new();
    for (section, words) in SECTIONS {
        text += &format!("## {section}\n\n");
        if !words.is_empty() {
            text += &format!("{words}\n\n");
        }
        text += "| promise | tests |\n| --- | --- |\n";
        let of_section: Vec<&Shown> = all.iter().filter(|it| it.section == section).collect();
        let mut rows: Vec<&str> = Vec::new();
        for Shown { promise, .. } in &of_section {
            if rows.contains(&&**promise) {
                continue;
            }
            rows.push(promise);
            let tests = of_section.iter().filter(|it| it.promise == *promise);
            let tests: Vec<String> = tests.map(|it| format!("`{}`", it.test)).collect();
            text += &format!("| {promise} | {} |\n", tests.join(", "));
        }
        text += "\n";
    }
    text
}

fn the_page_of_promises_is_that_of_the_tests() {
    let all = all();
    assert!(all.len() > 300, "only {} tests have promises", all.len());
    let sections: BTreeSet<&str> = SECTIONS.iter().map(|(section, _)| *section).collect();
    for Shown { section, promise, test } in &all {
        assert!(
            sections.contains(&**section),
            "{test}: no section '{section}' (promise: {promise})"
        );
    }
    for (_, _, tests) in ELSEWHERE {
        for (file, test) in tests.iter().filter_map(|it| it.split_once("::")) {
            let source = fs::read_to_string(repository().join(format!("tests/{file}.rs"))).unwrap();
            assert!(source.contains(&format!("fn {test}(")), "{file}::{test} is missing");
        }
    }
    let path = repository().join("docs/promises.md");
    let before = fs::read_to_string(&path).unwrap();
    let now = page::between(&before, "<!-- begin -->\n\n", "<!-- end -->", &page(&all));
    if page::writes() {
        fs::write(path, now).unwrap();
    } else {
        let hint = "ADIEU_WRITE_DOCS=1 cargo test --test it promises::";
        assert!(now == before, "docs/promises.md is out of date: {hint}");
    }
}

pub(crate) const TESTS: &[Test] = tests![the_page_of_promises_is_that_of_the_tests];
