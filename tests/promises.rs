//! The table of promises names tests that exist, and no file of tests is missing in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("docs/promises.md")).expect("docs/promises.md");
    let named: Vec<(&str, &str)> = table.split('`').filter_map(|word| word.split_once("::")).collect();
    assert!(named.len() > 100, "only {} tests are named", named.len());
    for (file, test) in &named {
        let source = fs::read_to_string(root.join(format!("tests/{file}.rs"))).unwrap_or_default();
        assert!(
            source.contains(&format!("fn {test}(")),
            "{file}::{test} is named in docs/promises.md and missing"
        );
    }
    let in_table: BTreeSet<&str> = named.iter().map(|(file, _)| *file).collect();
    for entry in fs::read_dir(root.join("tests")).expect("tests") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let Some(file) = name.strip_suffix(".rs").filter(|file| !["harness", "promises"].contains(file))
        else {
            continue;
        };
        assert!(in_table.contains(file), "no promise names a test of tests/{name}");
    }
}
