//! What a script may count on, shell by shell: dash, bash, busybox, zsh, mksh, ksh93, yash and
//! fish.
//!
//! What the shells do by themselves is in `docs/shells.md` (`tests/it/facts.rs`). Of that, these
//! differences show here:
//!
//! - mksh catches TERM without any trap, so it gets the signal. It waits for its foreground
//!   command, then ends by the signal: what would follow in the script does not run, and the exit
//!   status is 143. As it ends it sends the signal to its process group if it leads one (`kill(0,
//!   SIGTERM)`): its background jobs get that signal beside adieu's.
//! - ksh93 makes 128+n of an `exit n` in a trap that runs because a signal ended the foreground
//!   command.
//! - fish has no trap for a loop like the one below.

use std::time::Duration;

use crate::scenario::{assert_each_signalled_once, container, stop, stop_by, wait_for};
use crate::support::runner::Test;
use crate::support::{Adieu, Finished, Scratch, tool};
use nix::sys::signal::Signal::{self, SIGINT, SIGTERM};

/// A shell that is there.
struct Shell {
    /// The words that `-c` follows.
    words: String,
    /// It catches TERM whether it has a trap or not, and ends by it once its foreground command has
    /// ended.
    always_catches: bool,
    /// What becomes of `exit 9` in a trap.
    exit_9_in_trap: i32,
    /// fish wants a home to write to, and says so if it has none.
    home: Scratch,
}

impl Shell {
    fn find(name: &str) -> Self {
        let path = tool(name).to_str().unwrap().to_owned();
        let words = if name == "busybox" { format!("{path} sh") } else { path };
        let exit_9_in_trap = if name == "ksh93" { 128 + 9 } else { 9 };
        Self { words, always_catches: name == "mksh", exit_9_in_trap, home: Scratch::new() }
    }

    /// The exit status of a script that ends with this one, unless its shell cuts it off.
    fn code(&self, own: i32) -> i32 {
        if self.always_catches { 143 } else { own }
    }

    /// Runs this script under adieu, and sends the signal once this many servers are ready.
    fn stop(&self, script: &str, ready: usize, by: Signal) -> Finished {
        stop_by(by, self.adieu(script), ready).finish()
    }

    fn adieu(&self, script: &str) -> Adieu {
        let shell = format!("{} -c", self.words);
        // Without $USER it takes $HOME from the user's entry.
        let home = |adieu: Adieu, name: &str| adieu.env(name, self.home.path());
        let homes = ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
        homes.into_iter().fold(container(), home).args(["--shell", &shell, script])
    }
}

fn assert_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code, code, "{finished}");
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn a_server_behind_a_cd_finishes(shell: &Shell) {
    let finished = shell.stop("cd / && server --exit 3", 1, SIGTERM);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    assert_code(&finished, shell.code(3));
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn a_server_in_the_background_finishes(shell: &Shell) {
    let finished = shell.stop("server --name a & server --name b & wait; exit 4", 2, SIGTERM);
    if shell.always_catches {
        for name in ["a", "b"] {
            finished.assert_order([&*format!("{name} ready"), &format!("{name} done")]);
        }
    } else {
        assert_each_signalled_once(&finished, "TERM", &["a", "b"]);
    }
    assert_code(&finished, shell.code(4));
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn a_pipe_keeps_the_last_lines(shell: &Shell) {
    let finished = shell.stop("server --lines 2 | cat; exit 5", 1, SIGTERM);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    finished
        .assert_order(["server got TERM", "server line 1", "server line 2", "server done"])
        .assert_no("lost");
    assert_code(&finished, shell.code(5));
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn a_start_script_without_exec_goes_on(shell: &Shell) {
    let scratch = Scratch::new();
    let script = scratch
        .script("start.sh", &format!("#!{}\ncd /\nserver\necho after\nexit 6\n", shell.words));
    for words in [&["--"][..], &[]] {
        let finished = stop(container().args(words.iter().copied()).arg(&script), 1).finish();
        assert_each_signalled_once(&finished, "TERM", &["server"]);
        assert_eq!(finished.count("after"), usize::from(!shell.always_catches), "{finished}");
        assert_code(&finished, shell.code(6));
    }
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn a_sequence_goes_on_after_its_server(shell: &Shell) {
    let finished = shell.stop("server; echo after; exit 7", 1, SIGTERM);
    assert_each_signalled_once(&finished, "TERM", &["server"]);
    assert_eq!(finished.count("after"), usize::from(!shell.always_catches), "{finished}");
    assert_code(&finished, shell.code(7));
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn an_interrupt_is_delivered_as_such(shell: &Shell) {
    let finished = shell.stop("server; echo after; exit 8", 1, SIGINT);
    assert_each_signalled_once(&finished, "INT", &["server"]);
}

/// Promise (Which process gets the signal, and when): the same under each shell
fn a_loop_with_a_trap_ends_at_once(shell: &Shell) {
    // By path: ksh93 has a sleep of its own.
    let script = "trap 'echo trapped; exit 9' TERM; while :; do date; /bin/sleep 3600; done";
    let running = shell.adieu(script).start();
    wait_for(&running, 1, "sleep");
    running.signal(SIGTERM);
    let finished = running.expect_exit(shell.exit_9_in_trap);
    finished.assert_order(["trapped"]);
    assert!(finished.took < Duration::from_secs(3), "{finished}");
}

macro_rules! shells {
    ($($shell:ident: $($promise:ident)+;)+) => {$(
        mod $shell {
            use super::Shell;
            use crate::support::runner::{Test, tests};
            $(
                fn $promise() {
                    super::$promise(&Shell::find(stringify!($shell)));
                }
            )+

            pub(super) const TESTS: &[Test] = tests![$($promise),+];
        }
    )+};
    (all: $($shell:ident)+) => {
        shells! {$(
            $shell:
                a_server_behind_a_cd_finishes
                a_server_in_the_background_finishes
                a_pipe_keeps_the_last_lines
                a_start_script_without_exec_goes_on
                a_sequence_goes_on_after_its_server
                an_interrupt_is_delivered_as_such
                a_loop_with_a_trap_ends_at_once;
        )+}
    };
}

shells! { all: dash bash busybox zsh mksh ksh93 yash }
shells! {
    fish:
        a_server_behind_a_cd_finishes
        a_server_in_the_background_finishes
        a_pipe_keeps_the_last_lines
        a_start_script_without_exec_goes_on
        a_sequence_goes_on_after_its_server
        an_interrupt_is_delivered_as_such;
}
pub(crate) const TABLES: [&[Test]; 8] = [
    dash::TESTS,
    bash::TESTS,
    busybox::TESTS,
    zsh::TESTS,
    mksh::TESTS,
    ksh93::TESTS,
    yash::TESTS,
    fish::TESTS,
];
