//! A database that waits for its clients, and a client in the foreground that does not handle the
//! signal: each would wait for the other.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::{assert_not_killed, assert_took, folder, logged, within};
use crate::scenario::{AT_ONCE, stop, wait_for};
use crate::support::runner::{Test, tests};
use crate::support::{Scratch, eventually, missing_package, root, say, tool};
use nix::sys::signal::Signal::SIGTERM;

/// When the bystanders in the foreground get the signal, where there is no timeout.
const HALF_TIME: Duration = Duration::from_secs(5);

/// Promise (Which process gets the signal, and when): a client in the foreground gets the signal
/// after half the time
fn a_handler_that_waits_for_its_client_and_the_client_do_not_wait_for_each_other() {
    let database = "trap 'echo database got TERM; while kill -0 $(cat client) 2>/dev/null; do
  sleep 0.05; done; echo database done; exit' TERM
echo database ready; while :; do sleep 1 & wait $!; done";
    let folder = folder(&[("database.sh", database)]);
    let script = "sh database.sh & sh -c 'echo $$ >client; exec sleep 3600'; \
        echo client gave $?; wait; exit 4";
    for (options, half) in [(&[][..], HALF_TIME), (&["-t", "4s"], Duration::from_secs(2))] {
        fs::remove_file(folder.join("client")).ok();
        let running = within(&folder, &[options, &[script]].concat()).start();
        running.wait_line("database ready");
        eventually("the client is there", || !logged(&folder, "client").is_empty());
        running.signal(SIGTERM);
        let finished = running.expect_exit(4);
        finished.assert_order(["database got TERM", "client gave 143", "database done"]);
        assert_not_killed(&finished);
        assert_took(&finished, half - Duration::from_millis(500), half + AT_ONCE);
    }
}

/// Debian has PostgreSQL's programs in a folder of their version.
fn postgresql() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|it| it.path().join("bin"));
    let mut complete: Vec<_> = folders.filter(|it| it.join("initdb").is_file()).collect();
    complete.sort();
    complete.pop().unwrap_or_else(|| missing_package("initdb"))
}

/// A folder with a cluster, which the user `nobody` may use.
fn cluster() -> (Scratch, String) {
    root();
    tool("psql");
    tool("setpriv");
    let programs = postgresql();
    let folder = folder(&[]);
    let path = format!("{}:$PATH", programs.display());
    let script = format!(
        "PATH={path}; mkdir -m 777 all && cd all && setpriv --reuid 65534 --regid 65534 \
            --clear-groups initdb --no-sync --auth trust --username nobody --no-instructions \
            --locale C -D data >../initdb.log 2>&1 || {{ cat ../initdb.log; exit 1; }}"
    );
    within(&folder, &[&script]).start().expect_exit(0);
    (folder, path)
}

/// Promise (Which process gets the signal, and when): a client in the foreground gets the signal
/// after half the time
fn postgresql_and_its_client_in_the_foreground_do_not_wait_for_each_other() {
    let (folder, path) = cluster();
    let clients = [
        // It reads commands from a pipe that nobody of the tree writes to.
        "mkfifo commands; exec 3<>commands; psql -h $PWD -U nobody postgres <commands",
        "psql -h $PWD -U nobody -c 'select pg_sleep(3600)' postgres",
    ];
    for (client, number) in clients.into_iter().zip(1..) {
        let script = format!(
            "PATH={path}; cd all; as='setpriv --reuid 65534 --regid 65534 --clear-groups'; \
                $as postgres -D data -k $PWD -c listen_addresses= -c fsync=off \
                -c client_connection_check_interval=200ms & \
                until psql -h $PWD -U nobody -c '' postgres >psql.log 2>&1; do sleep 0.1; done; \
                echo client ready; {client}; echo client gave $?; wait; exit 4"
        );
        let running = within(&folder, &["-t", "8s", &script]).start();
        running.wait_line("client ready");
        wait_for(&running, 1, "psql");
        eventually("the client has its session", || {
            running.tree().iter().filter(|it| it.name == "postgres").count() > 5
                && running.tree().iter().any(|it| session(it.pid.as_raw()))
        });
        running.signal(SIGTERM);
        let finished = running.expect_exit(4);
        say(format!("--- {number}\n{finished}"));
        finished.assert_order(["client ready", "client gave 143"]);
        assert_not_killed(&finished);
        // By its own log it ended by itself, and as TERM asks for.
        let logged = ["received smart shutdown request", "database system is shut down"];
        let places: Vec<_> = logged
            .iter()
            .flat_map(|it| finished.err.iter().position(|line| line.contains(it)))
            .collect();
        assert!(places.len() == 2 && places.is_sorted(), "{finished}");
        assert!(!finished.err.iter().any(|it| it.contains("fast shutdown")), "{finished}");
        assert_took(&finished, Duration::ZERO, Duration::from_secs(4) + AT_ONCE);
    }
}

/// Whether this is the process of PostgreSQL for a client's session.
fn session(pid: i32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).starts_with("postgres: nobody postgres")
}

/// Promise (Which process gets the signal, and when): a client in the foreground gets the signal
/// after half the time
fn a_reader_and_a_background_job_get_no_signal_at_half_time() {
    let folder = folder(&[]);
    // The filter reads what the server writes, and `tail` is in the background.
    let script = "tail -f /dev/null & server --work 4s --lines 2 | sh -c 'cat; exit 5'; exit $?";
    let running = stop(within(&folder, &["-t", "6s", script]), 1);
    let finished = running.expect_exit(5);
    finished.assert_order(["server got TERM", "server line 2", "server done"]);
    finished.assert_no("lost");
    assert_not_killed(&finished);
    // Half-time is after 3 s. What adieu prints may be read a little before the server's line.
    let done = finished.lines.iter().find(|line| line.text == "server done").unwrap().at;
    let early = finished.lines.iter().filter(|line| line.at + Duration::from_millis(500) < done);
    let sent: Vec<_> = early.filter(|line| line.text.contains("SIGTERM to ")).collect();
    assert!(sent.len() == 1 && sent[0].text.contains("SIGTERM to server ("), "{finished}");
    assert_took(&finished, Duration::from_secs(4), Duration::from_secs(4) + AT_ONCE);
}

pub(super) const TESTS: &[Test] = tests![
    a_handler_that_waits_for_its_client_and_the_client_do_not_wait_for_each_other,
    postgresql_and_its_client_in_the_foreground_do_not_wait_for_each_other,
    a_reader_and_a_background_job_get_no_signal_at_half_time
];
