//! What the generated pages of docs/ share: the programs and the machine they were made with, and
//! where they are written.
#![allow(dead_code, reason = "each page takes what it needs from here")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A program in `PATH`, or where a user's may not lead.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(name))
        .find(|file| {
            fs::metadata(file).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
        })
}

/// Where cargo has put this program.
pub(crate) fn target_directory() -> PathBuf {
    let program = env::current_exe().unwrap();
    // target/PROFILE/deps/PROGRAM
    program.ancestors().nth(3).unwrap().to_owned()
}

/// `tini 0.19.0`, however the program words it.
pub(crate) fn version(name: &str, program: &Path) -> Option<String> {
    let said = first_line(Command::new(program).arg("--version"));
    let number =
        said.split(|it: char| !it.is_ascii_digit() && it != '.').find(|it| it.contains('.'))?;
    Some(format!("{name} {number}"))
}

/// The date, the kernel and the system.
pub(crate) fn system() -> String {
    let kernel = line("/proc/sys/kernel/osrelease", "");
    let kernel = kernel.split(['-', '+']).next().unwrap_or_default();
    let system = line("/etc/os-release", "PRETTY_NAME=");
    let date = first_line(Command::new("date").args(["--utc", "+%F"]));
    format!("{date}, Linux {kernel}, {system}")
}

/// The same, with the processors, the memory and how busy they were.
pub(crate) fn machine() -> String {
    let model = line("/proc/cpuinfo", "model name");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let kib = line("/proc/meminfo", "MemTotal:")
        .split_whitespace()
        .next()
        .and_then(|it| it.parse::<u64>().ok());
    let memory = kib.unwrap_or(0) / 1_048_576;
    let load = line("/proc/loadavg", "");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{}; {processors} × {model}, {memory} GiB, load {load} at the end", system())
}

/// What follows `key` in the first line that begins with it.
fn line(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .find_map(|it| it.strip_prefix(key))
        .unwrap_or("unknown")
        .trim_matches('"')
        .to_owned()
}

/// Of what it prints.
pub(crate) fn first_line(command: &mut Command) -> String {
    let output = command.output().unwrap();
    // dumb-init says its version on stderr.
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether the run is to write the pages that it made, not to compare them.
pub(crate) fn writes() -> bool {
    env::var_os("ADIEU_WRITE_DOCS").is_some_and(|it| it == "1")
}

/// Replaces what stands between `<!-- begin -->` and `<!-- end -->` in a page of the repository.
pub(crate) fn write_between_markers(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let page = fs::read_to_string(&path).unwrap();
    fs::write(path, between(&page, "<!-- begin -->\n", "<!-- end -->", text)).unwrap();
}

/// The page with this text between the two markers.
pub(crate) fn between(page: &str, begin: &str, end: &str, text: &str) -> String {
    let (head, rest) = page.split_once(begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, foot) = rest.split_once(end).unwrap_or_else(|| panic!("no {end} behind {begin}"));
    format!("{head}{begin}{text}{end}{foot}")
}

/// Puts one row into the table between the markers, in place of the one that begins with the same
/// cell or behind the last, and a line about this day and machine under it. For pages of which each
/// row is a test of its own, one at a time.
pub(crate) fn write_row(page: &str, cells: &[&str]) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let (_, rest) = text.split_once("<!-- begin -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end -->").unwrap();
    let mut rows: Vec<String> =
        table.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect();
    let row = format!("| {} |", cells.join(" | "));
    let begins = format!("| {} |", cells.first().unwrap());
    match rows.iter_mut().find(|it| it.starts_with(&begins)) {
        Some(old) => *old = row,
        None => rows.push(row),
    }
    write_between_markers(page, &format!("{}\n\n{}.\n", rows.join("\n"), machine()));
}
