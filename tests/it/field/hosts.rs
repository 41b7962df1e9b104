//! Programs that give others a terminal of their own: what runs there is what the user means.

use std::time::Duration;

use super::{assert_logged, assert_not_killed, assert_took, folder, logged, wait_logged, within};
use crate::scenario::AT_ONCE;
use crate::support::runner::{Test, tests};
use crate::support::{Adieu, Finished, Scratch, eventually, tool};
use nix::sys::signal::Signal::SIGTERM;

const LINES: [&str; 5] =
    ["server ready", "server got TERM", "server line 1", "server line 2", "server done"];

/// The server writes to a file there, since its terminal is no output of adieu's.
fn assert_server_finishes(adieu: Adieu, folder: &Scratch, work: Duration, code: i32) {
    let running = adieu.env("TERM", "xterm").start();
    wait_logged(&running, folder, "log", "server ready");
    // It is started last.
    let sleeps = || running.tree().iter().any(|it| it.name == "sleep");
    eventually("sleep is there", || code == 0 || sleeps());
    running.signal(SIGTERM);
    assert_finished(&running.expect_exit(code), folder, work);
}

fn assert_finished(finished: &Finished, folder: &Scratch, work: Duration) {
    assert_logged(folder, "log", &LINES, finished);
    let got = logged(folder, "log").iter().filter(|line| line.contains(" got ")).count();
    assert_eq!(got, 1, "{finished}");
    assert_not_killed(finished);
    assert_took(finished, work, work + AT_ONCE);
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn a_server_in_tmux_finishes() {
    tool("tmux");
    // tmux itself would send HUP.
    for script in [
        "tmux -f /dev/null new -d 'server --lines 2 >log'; sleep infinity",
        "tmux -f /dev/null new -d 'cd . && exec server --lines 2 >log'; exec sleep infinity",
    ] {
        let folder = folder(&[]);
        let adieu = within(&folder, &[script]).env("TMUX_TMPDIR", folder.path());
        assert_server_finishes(adieu, &folder, Duration::from_millis(500), 143);
    }
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn a_server_in_screen_finishes() {
    tool("screen");
    for (script, code) in [
        ("screen -dmS game sh -c 'server --lines 2 >log'; sleep infinity", 143),
        ("screen -DmS game sh -c 'server --lines 2 >log'; echo after", 0),
    ] {
        let folder = folder(&[]);
        let adieu = within(&folder, &[&format!("mkdir -m 700 screens; {script}")])
            .env("SCREENDIR", folder.join("screens"));
        assert_server_finishes(adieu, &folder, Duration::from_millis(500), code);
    }
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn a_server_below_script_may_work_for_longer_than_two_seconds() {
    tool("script");
    // script kills what it runs 2 s after it got the signal itself.
    let work = Duration::from_millis(2500);
    for (script, code) in [
        ("script -q -c 'server --lines 2 --work 2500ms' log; exit 4", 4),
        ("script -q -e -c 'server --lines 2 --work 2500ms --exit 5' log", 5),
    ] {
        let folder = folder(&[]);
        let running = within(&folder, &[script]).start();
        // Its log is written at the end, what it prints at once.
        running.wait_line("server ready");
        running.signal(SIGTERM);
        assert_finished(&running.expect_exit(code), &folder, work);
    }
}

pub(super) const TESTS: &[Test] = tests![
    a_server_in_tmux_finishes,
    a_server_in_screen_finishes,
    a_server_below_script_may_work_for_longer_than_two_seconds
];
