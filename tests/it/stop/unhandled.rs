//! No process handles the signal: all end at once.

use crate::scenario::{AT_ONCE, assert_at_once, sh, wait_for};
use crate::support::runner::{Test, tests};
use crate::support::{root_or_less, tool_or_less};
use nix::sys::signal::Signal::SIGTERM;

/// Promise (Which process gets the signal, and when): no process handles it: all end at once
/// (`sleep 3600`, `sh -c "sleep 3600"`, `cd /usr/bin/ && ./command`, `sleep 10 && cmd`)
fn without_a_handler_all_end_at_once() {
    for (script, sleeps) in [
        ("sleep 3600", 1),
        ("sh -c 'sleep 3600'", 1),
        ("sh -c 'sleep 3600; echo never'", 1),
        ("sleep 3600 && echo never", 1),
        ("sleep 3600; echo never", 1),
        ("sleep 3600 | sleep 3600 | sleep 3600; echo never", 3),
        ("setsid sleep 3600 & sleep 3600 & setsid -w sleep 3600; echo never", 3),
        ("(sleep 3600; echo never) & sleep 3600 & wait; echo never", 2),
        ("while :; do sleep 3600; done", 1),
    ] {
        let running = sh(script).start();
        wait_for(&running, sleeps, "sleep");
        running.signal(SIGTERM);
        let finished = running.expect_exit(143);
        assert!(finished.lines.is_empty(), "{script}\n{finished}");
        assert_at_once(&finished);
    }
}

/// Promise (Which process gets the signal, and when): wrappers are shielded
fn wrappers_above_no_handler_end_at_once() {
    let wrappers =
        ["tini --", "dumb-init --", "catatonit --", "timeout 1h", "su root -s /bin/sh -c"];
    for wrapper in wrappers {
        if tool_or_less(wrapper.split(' ').next().unwrap()).is_none()
            || (wrapper.starts_with("su") && !root_or_less())
        {
            continue;
        }
        let script = match wrapper {
            _ if wrapper.ends_with("-c") => format!("{wrapper} 'sleep 3600; echo never'"),
            _ => format!("{wrapper} sleep 3600; echo never"),
        };
        let running = sh(&script).start();
        wait_for(&running, 1, "sleep");
        running.signal(SIGTERM);
        let finished = running.finish();
        assert!(finished.took < AT_ONCE, "{wrapper}\n{finished}");
        finished.assert_no("never");
    }
}

pub(super) const TESTS: &[Test] =
    tests![without_a_handler_all_end_at_once, wrappers_above_no_handler_end_at_once];
