//! Counts instructions with callgrind. The count is the same on every run, whatever else the
//! machine does.

use super::page;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) struct Counted {
    /// What was run, and how many instructions that took from its first instruction to its exit.
    pub(crate) totals: Vec<(String, f64)>,
    /// adieu's instructions by part of the program, the largest part first.
    pub(crate) parts: Vec<(String, f64)>,
}

/// Counts the instructions. Where there is no callgrind it says so and returns `None`.
///
/// The parts need a binary with symbols, which is built for them. Without `parts` the released
/// binary is run.
pub(crate) fn count(
    scratch: &Path,
    trivial: &str,
    tini: Option<&Path>,
    parts: bool,
) -> Option<Counted> {
    let Some(valgrind) = page::find("valgrind") else {
        eprintln!("SKIPPED: instructions need valgrind");
        return None;
    };
    let adieu = if parts { with_symbols() } else { env!("CARGO_BIN_EXE_adieu").into() };
    let file = scratch.join("callgrind");
    let run = |program: &Path, words: &[&str]| {
        let mut out = std::ffi::OsString::from("--callgrind-out-file=");
        out.push(&file);
        let mut command = Command::new(&valgrind);
        command.args(["--quiet", "--tool=callgrind"]).arg(out).arg(program).args(words);
        command.env_clear().envs(crate::launch::environment());
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(&file).unwrap()
    };
    let own = [
        ("`adieu -- PROGRAM`", vec!["--", trivial]),
        ("`adieu STRING`", vec![trivial]),
        ("`adieu -t 30s -- PROGRAM`", vec!["-t", "30s", "--", trivial]),
    ];
    let mut by_part = None;
    let mut totals: Vec<(String, f64)> = Vec::new();
    for (what, words) in own {
        let found = run(&adieu, &words);
        totals.push((what.to_owned(), total(&found)));
        by_part.get_or_insert_with(|| if parts { add_up(&found) } else { Vec::new() });
    }
    if let Some(tini) = tini {
        totals.push((
            "`tini-static -s -- PROGRAM`".to_owned(),
            total(&run(tini, &["-s", "--", trivial])),
        ));
    }
    Some(Counted { totals, parts: by_part.unwrap_or_default() })
}

/// Builds the release binary once more, with the names of its functions. Its instructions are the
/// same.
fn with_symbols() -> std::path::PathBuf {
    let target = page::target_directory().join("symbols");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--bin", "adieu", "--target-dir"]).arg(&target);
    cargo
        .env("CARGO_PROFILE_RELEASE_STRIP", "false")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    assert!(
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(),
        "cargo build failed"
    );
    target.join("release/adieu")
}

/// The sum of a callgrind file, from its line `summary:` or `totals:`.
fn total(file: &str) -> f64 {
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    line.and_then(|it| it.split(' ').next()?.parse().ok()).expect("callgrind's summary")
}

/// Adds up the cost of each source file, and where the source file is not known, of each function.
///
/// The format: `fl=(1) name`, and `fi=` or `fe=` for inlined code, name the file to which the costs
/// on the lines that follow belong, and `fn=` the function. A name is written out once, and then
/// is given by its number. The line after `calls=` is the cost of the callee.
fn add_up(file: &str) -> Vec<(String, f64)> {
    let (mut files, mut functions) = (BTreeMap::new(), BTreeMap::new());
    let (mut source, mut function) = (String::new(), String::new());
    let (mut parts, mut callee) = (BTreeMap::<String, f64>::new(), false);
    for line in file.lines() {
        if let Some((key, name)) = line.split_once('=').filter(|(key, _)| !key.contains(' ')) {
            match key {
                "fl" | "fi" | "fe" => source = named(&mut files, name),
                "fn" => function = named(&mut functions, name),
                // The names of callees are in the same numbering.
                "cfi" | "cfl" => drop(named(&mut files, name)),
                "cfn" => drop(named(&mut functions, name)),
                "calls" => callee = true,
                _ => {}
            }
        } else if line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '*')) {
            let cost = line.split(' ').nth(1).and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
            if !std::mem::take(&mut callee) {
                *parts.entry(part(&source, &function)).or_default() += cost;
            }
        }
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    parts
}

fn named(names: &mut BTreeMap<String, String>, text: &str) -> String {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        None => names.get(text).cloned().unwrap_or_default(),
    }
}

fn part(source: &str, function: &str) -> String {
    let name = |part: &str| part.to_owned();
    if let Some((_, rest)) = source.split_once("/registry/src/") {
        let package = rest.split('/').nth(1).unwrap_or_default();
        return package.rsplit_once('-').map_or(package, |(it, _)| it).to_owned();
    }
    if source.contains("/library/") || source.contains("/rustc/") {
        return name("Rust's std");
    }
    if source.starts_with("src/") || source.contains("/src/") && source.ends_with(".rs") {
        return name("adieu");
    }
    let has_any = |words: &[&str]| words.iter().any(|word| function.contains(word));
    if has_any(&["malloc", "free", "calloc", "realloc", "sysmalloc"]) {
        name("glibc: memory")
    } else if has_any(&[
        "init",
        "_start",
        "tunable",
        "_dl_",
        "cpu_features",
        "libc_setup",
        "relocate",
        "cacheinfo",
        "x86",
        "intel",
    ]) {
        name("glibc: before `main`")
    } else {
        name("glibc: the rest")
    }
}
