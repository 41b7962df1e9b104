//! The programs that tests run, and how a test starts one of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::scratch::{FORKING_OR_WRITING, lock};

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary under test.
pub(crate) fn adieu() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_adieu"))
}

/// `examples/server.rs`, the server that finishes its work.
pub(crate) fn server() -> PathBuf {
    example("server")
}

/// `examples/storm.rs`, which makes load.
pub(crate) fn storm() -> PathBuf {
    example("storm")
}

fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: `cargo test` builds it, but not with --test; build it with \
         `cargo build --example {name}` for the same profile and target",
        program.display()
    );
    program
}

/// The shared libraries of a program: none of a static one.
pub(crate) fn libraries(program: &Path) -> Vec<String> {
    let words =
        String::from_utf8(output(Command::new("ldd").arg(program).stderr(Stdio::null()))).unwrap();
    words.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

/// Starts a command of the test's own, not while another test writes a script.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let _guard = lock(&FORKING_OR_WRITING);
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()))
}

/// What such a command writes to stdout.
pub(crate) fn output(command: &mut Command) -> Vec<u8> {
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    child.wait_with_output().unwrap().stdout
}
