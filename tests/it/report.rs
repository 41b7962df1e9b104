//! What adieu prints of a stop while and after it happens: `-v`, the warnings, `--report` and
//! `--termination-log`; and that no byte of it delays or blocks a stop.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::scenario::{
    AS_USER_65534, AT_ONCE, assert_at_once, assert_warned, by_sh, container, stopped, wait_for,
    with,
};
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Running, Scratch, adieu, can_be_pid1, eventually, missing, other_users_reach,
    pid_namespace, pid_namespace_or_less, root, schema, server, tool,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal::{SIGHUP, SIGTERM};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// A script that sends adieu the stop signal, and handles none itself.
const STOPS_ITSELF: &str = "kill -TERM $PPID; exec sleep 3600";

// --- Helpers -------------------------------------------------------------------------------------

/// A finished stop and the report of it, valid by its schema.
struct Reported {
    finished: Finished,
    report: Value,
}

impl Reported {
    /// These options and this command; `act` waits for what it needs and sends the stop signal.
    fn of(adieu: Adieu, words: &[&str], code: i32, act: impl FnOnce(&mut Running)) -> Self {
        let scratch = Scratch::new();
        let path = scratch.join("report.json");
        let mut running = adieu.arg("--report").arg(&path).args(words.iter().copied()).start();
        act(&mut running);
        let finished = running.expect_exit(code);
        let report = read(&path);
        assert_eq!(report["exit_status"], code, "{report:#}");
        let all: Vec<_> =
            fs::read_dir(scratch.path()).unwrap().flatten().map(|it| it.file_name()).collect();
        assert_eq!(all, ["report.json"], "a temporary file is left");
        Self { finished, report }
    }

    /// Sends the stop signal once `ready` servers are ready.
    fn stopped(words: &[&str], ready: usize, code: i32) -> Self {
        Self::of(container(), words, code, |running| {
            running.wait_lines(ready, " ready");
            running.signal(SIGTERM);
        })
    }

    /// The processes of that name.
    fn all(&self, name: &str) -> Vec<&Value> {
        self.report["processes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["name"] == name)
            .collect()
    }

    fn one(&self, name: &str) -> &Value {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name}: {:#}", self.report);
        all[0]
    }

    /// A time of the report.
    fn ms(&self, value: &Value) -> u64 {
        value.as_u64().unwrap_or_else(|| panic!("no time: {:#}", self.report))
    }
}

fn stopped_once_sleep_runs(running: &mut Running) {
    wait_for(running, 1, "sleep");
    running.signal(SIGTERM);
}

/// A report, which has to be valid.
fn read(path: &Path) -> Value {
    let report = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    validate(&report);
    report
}

/// Against `docs/report.schema.json`.
fn validate(document: &Value) {
    schema::validate("report", document);
}

/// A pipe that is full and has no reader: the end to keep open, and the end to write to.
fn full_pipe() -> (io::PipeReader, io::PipeWriter) {
    let (unread, mut full) = io::pipe().unwrap();
    let flags = OFlag::from_bits_retain(fcntl(&full, FcntlArg::F_GETFL).unwrap());
    fcntl(&full, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
    while full.write(b".").is_ok() {}
    fcntl(&full, FcntlArg::F_SETFL(flags)).unwrap();
    (unread, full)
}

/// The text between the bars of each row of a timeline, and the text after them.
fn bars(lines: &[String]) -> Vec<(&str, &str)> {
    let parts = lines.iter().filter_map(|line| line.split_once(" |")?.1.split_once("| "));
    parts.collect()
}

// --- The stop as it happens ----------------------------------------------------------------------

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn v_prints_one_line_for_each_event_with_its_time_its_process_and_the_reason() {
    let finished = stopped(with(["-v", "server --work 300ms | cat; echo after"]), 1, 0);
    let events = [
        "SIGTERM arrived",
        "SIGTERM to server (3), handler: it handles the signal",
        "sh (2) is left alone, shielded: it has to be there for 3",
        "cat (4) is left alone, bystander: ",
        "server (3) ended",
        "the main process exited with 0",
        "stopped in ",
    ];
    let mut place = 0;
    for event in events {
        if !can_be_pid1() && event.contains('(') {
            continue;
        }
        let found = finished.err.iter().skip(place).position(|line| line.contains(event));
        place +=
            found.unwrap_or_else(|| panic!("{event:?} is missing, or too early\n{finished}")) + 1;
    }
    // `adieu:   301 ms  …`, one time for each event, and the times rise.
    let times: Vec<u64> = finished
        .err
        .iter()
        .take_while(|line| !line.contains("stopped in"))
        .map(|line| {
            let time =
                line.strip_prefix("adieu: ").and_then(|rest| rest.trim_start().split_once(" ms  "));
            time.and_then(|(ms, _)| ms.parse().ok())
                .unwrap_or_else(|| panic!("no time: {line}\n{finished}"))
        })
        .collect();
    assert!(times.is_sorted() && times.last().is_some_and(|last| *last >= 300), "{finished}");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn v_draws_a_timeline_of_80_columns_with_roles_and_how_each_ended() {
    let script =
        "server --name hung --never & server --name one --work 300ms | cat; exec sleep 3600";
    let finished = stopped(with(["-v", "-t", "1s", script]), 2, 137);
    let lines: Vec<String> = finished
        .err
        .iter()
        .skip_while(|line| !line.contains("stopped in"))
        .skip(1)
        .cloned()
        .collect();
    assert!(lines.len() >= 4 && lines.iter().all(|line| line.len() <= 80), "{finished}");
    let bars = bars(&lines);
    assert_eq!(bars.len(), lines.len(), "one bar for each\n{finished}");
    assert!(
        bars.iter().all(|(bar, _)| bar.len() == bars[0].0.len() && bar.len() >= 10),
        "{finished}"
    );
    let shows = |begin, end, how| {
        let mut all = bars.iter().map(|(bar, how)| (bar.trim_end(), how));
        all.any(|(bar, it)| bar.starts_with(begin) && bar.ends_with(end) && it.starts_with(how))
    };
    assert!(shows("###", "#X", "killed 1."), "{finished}");
    assert!(shows("###", "##", "ended 3"), "{finished}");
    assert!(shows("...", ".#", "SIGTERM 8"), "the shell, near the timeout\n{finished}");
    assert!(bars.iter().any(|(bar, _)| bar.ends_with("     ")), "{finished}");
    for (name, role) in [("server", "handler"), ("sh", "shielded"), ("cat", "bystander")] {
        let row = lines.iter().find(|line| line.starts_with(&format!("adieu: {name} (")));
        assert!(row.is_some_and(|row| row.contains(role)), "{name} is {role}\n{finished}");
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_timeline_is_as_wide_as_the_terminal() {
    for columns in [80, 120, 100] {
        let mut pty = with(["-v", "-t", "1s", "server --never & server --work 100ms | cat; :"])
            .start_on_pty();
        pty.resize(40, columns);
        for _ in 0..2 {
            pty.wait_text("server ready");
        }
        pty.signal(SIGTERM);
        assert_eq!(pty.exit(), 137);
        pty.wait_text("stopped in");
        pty.wait_text("cat (");
        pty.wait_text("\n");
        let lines: Vec<String> =
            pty.text().lines().filter(|it| it.contains(" |")).map(str::to_owned).collect();
        assert!(
            lines.len() == 4 && lines.iter().all(|it| it.len() <= columns.into()),
            "{}",
            pty.text()
        );
        let longest = lines.iter().map(String::len).max().unwrap();
        assert!(longest + 10 > columns.into(), "{longest} of {columns}\n{}", pty.text());
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_says_how_adieu_s_own_children_ended() {
    // A look may see that a process has gone before adieu reaps it: in ten tries it happens.
    for _ in 0..10 {
        let main = Reported::stopped(&["-v", "server --work 20ms; exit 7"], 1, 7);
        assert_eq!(main.report["main"]["ended"], json!({ "exit_status": 7 }), "{:#}", main.report);
        assert_eq!(main.one("sh")["ended"], json!({ "exit_status": 7 }), "{:#}", main.report);
        let row = main.finished.err.iter().find(|it| it.contains("sh (") && it.contains(" |"));
        assert!(row.is_some_and(|it| it.contains("exited 7")), "{}", main.finished);
    }
}

// --- Warnings ------------------------------------------------------------------------------------

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn without_v_a_stop_that_goes_well_says_nothing() {
    for words in
        [&["server | cat; echo after"][..], &["-t", "9s", "server; :"], &["-q", "server; :"]]
    {
        let finished = stopped(with(words.iter().copied()), 1, 0);
        assert!(finished.err.is_empty(), "{finished}");
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_stop_that_lasts_names_what_it_waits_for_after_5_and_10_s() {
    let script = "server --name a --never & server --name b --work 7s & wait; exec sleep 3600";
    let finished = stopped(with(["-t", "11s", script]), 2, 137);
    let waits: Vec<&String> =
        finished.err.iter().filter(|line| line.contains("still waiting")).collect();
    assert_eq!(waits.len(), 2, "{finished}");
    assert!(
        waits[0].contains("still waiting 5.") && waits[0].contains("after SIGTERM for server ("),
        "{finished}"
    );
    assert_eq!(
        (waits[0].matches("server (").count(), waits[1].matches("server (").count()),
        (2, 1),
        "{finished}"
    );
    assert!(waits[1].contains("still waiting 10 s"), "{finished}");
    assert_eq!(finished.err.len(), 3, "{finished}");
    // A little less than 11 s before, where the first look took longer than the last.
    assert_warned(&finished, ["timeout after 11 s: killing ", "signalled 1", " s before"]);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_timeout_names_each_process_that_is_killed_and_how_long_it_had_had() {
    // The late one gets the signal only once it has its handlers.
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11; do server --name $i --never & done; \
                  server --name late --late 700ms --never & wait";
    let running = with(["-t", "2s", script]).start();
    running.wait_lines(11, " ready");
    running.wait_line("late started");
    running.signal(SIGTERM);
    let finished = running.expect_exit(137);
    let killing = finished.err.iter().find(|line| line.contains("timeout after 2.0")).unwrap();
    let signalled: Vec<f64> = killing
        .split("signalled ")
        .skip(1)
        .map(|it| {
            let (number, unit) = it.split_once(" before").unwrap().0.split_once(' ').unwrap();
            number.parse::<f64>().unwrap() / if unit == "ms" { 1000. } else { 1. }
        })
        .collect();
    assert_eq!(killing.matches("server (").count(), 12, "{finished}");
    assert_eq!(signalled.len(), 12, "{finished}");
    assert_eq!(signalled.iter().filter(|it| **it > 1.9).count(), 11, "{finished}");
    assert_eq!(finished.count("late got TERM"), 1, "{finished}");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_dropped_signal_is_named() {
    pid_namespace();
    let running = with(["server; :"]).start();
    running.wait_line("ready");
    running.signal(SIGHUP);
    running.wait_line("adieu: SIGHUP dropped");
    running.signal(SIGTERM);
    assert_eq!(running.expect_exit(0).err.len(), 1);
}

/// adieu looks at the tree for each signal, but does not print a line for each.
/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_storm_of_dropped_signals_is_counted_and_floods_no_log() {
    const COUNT: usize = 500;
    pid_namespace();
    let (running, began) = (with(["server; :"]).start(), Instant::now());
    running.wait_line("ready");
    for _ in 0..COUNT {
        running.signal_number(libc::SIGRTMIN() + 1);
    }
    running.wait_line("SIGRTMIN+1 dropped");
    // adieu reads signals of lower numbers first.
    running.signal_number(libc::SIGRTMIN() + 2);
    running.wait_line("SIGRTMIN+2 dropped");
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_eq!(finished.dropped("SIGRTMIN+1"), COUNT, "{finished}");
    // The first, one in ten seconds, and the rest at the end.
    let lines = finished.err.iter().filter(|line| line.contains("SIGRTMIN+1")).count() as u64;
    assert!((2..=3 + began.elapsed().as_secs() / 10).contains(&lines), "{finished}");
}

// --- The report ----------------------------------------------------------------------------------

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_schema_describes_every_property_and_allows_no_other() {
    schema::assert_strict("report");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_of_a_stop_has_which_process_got_the_signal_when_and_how_long_it_took() {
    let stop = Reported::stopped(
        &[
            "-t",
            "1m",
            "-r",
            "USR1=0",
            "--epilogue",
            "2s",
            "cd / && server --work 300ms | cat; exit 7",
        ],
        1,
        7,
    );
    let report = &stop.report;
    assert_eq!(report["schema"], 2);
    assert_eq!(report["cause"]["kind"], "signal");
    assert_eq!(
        (&report["cause"]["arrived"], &report["cause"]["delivered"]),
        (&"SIGTERM".into(), &"SIGTERM".into())
    );
    assert_eq!(report["main"]["ended"], json!({ "exit_status": 7 }));
    let [server, sh, cat] = ["server", "sh", "cat"].map(|name| stop.one(name));
    assert_eq!(
        ["role", "reason", "signal"].map(|it| &server[it]),
        ["handler", "handles the signal", "SIGTERM"]
    );
    assert_eq!((&sh["role"], &sh["reason"]), (&"shielded".into(), &"above a handler".into()));
    assert_eq!(cat["role"], "bystander");
    assert_eq!((&sh["signalled_ms"], &cat["signalled_ms"]), (&Value::Null, &Value::Null));
    let [signalled, ended] = ["signalled_ms", "ended_ms"].map(|it| stop.ms(&server[it]));
    let whole = stop.ms(&report["duration_ms"]);
    assert!(signalled < 250 && ended >= signalled + 300 && whole >= ended, "{report:#}");
    assert!(Duration::from_millis(whole) <= stop.finished.took, "{report:#}\n{}", stop.finished);
    let settings = &report["settings"];
    assert_eq!(
        (&settings["timeout_ms"], &settings["epilogue_ms"]),
        (&60_000.into(), &2_000.into())
    );
    assert_eq!(settings["rewrites"], json!(["SIGUSR1=0"]));
    assert_eq!(settings["stop_on"], json!(["SIGINT", "SIGQUIT", "SIGTERM"]));
    assert_eq!(report["processes_omitted"], 0);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_of_a_stop_without_a_handler() {
    let stop = Reported::of(container(), &["sleep 3600; :"], 143, stopped_once_sleep_runs);
    assert_eq!(
        stop.report["stages"],
        json!([{ "name": "last call", "began_ms": 0 }]),
        "{:#}",
        stop.report
    );
    assert_eq!(stop.report["main"]["ended"], json!({ "signal": "SIGTERM" }));
    for name in ["sh", "sleep"] {
        assert_eq!(
            (&stop.one(name)["role"], &stop.one(name)["signal"]),
            (&"bystander".into(), &"SIGTERM".into())
        );
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_of_a_timeout_has_the_killed() {
    let stop = Reported::stopped(
        &["-t", "1s", "server --name hung --never & server --work 100ms & wait"],
        2,
        137,
    );
    let [timed_out, whole] = ["timed_out_ms", "duration_ms"].map(|it| stop.ms(&stop.report[it]));
    assert!((1000..2000).contains(&timed_out) && timed_out <= whole, "{:#}", stop.report);
    let (killed, ended): (Vec<_>, Vec<_>) =
        stop.all("server").into_iter().partition(|it| !it["killed_ms"].is_null());
    assert_eq!((killed.len(), ended.len()), (1, 1), "{:#}", stop.report);
    assert!(stop.ms(&killed[0]["killed_ms"]) >= timed_out, "{:#}", stop.report);
    assert!(stop.ms(&ended[0]["ended_ms"]) < timed_out, "{:#}", stop.report);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_of_what_the_main_process_left_behind() {
    // The shell waits until the server is ready, and only then ends by itself.
    let script = "server --work 100ms & read go; exit 4";
    let stop = Reported::of(container().stdin(Stdio::piped()), &[script], 4, |running| {
        running.wait_line("ready");
        drop(running.stdin());
    });
    let cause = &stop.report["cause"];
    assert_eq!(
        (&cause["kind"], &cause["ended"]),
        (&"main process ended".into(), &json!({ "exit_status": 4 }))
    );
    assert_eq!(stop.one("server")["role"], "handler");
    assert_eq!(stop.one("server")["ended"], json!({ "exit_status": 0 }), "{:#}", stop.report);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_of_a_repeated_signal() {
    let stop = Reported::of(container(), &["server --work 2500ms; :"], 0, |running| {
        running.wait_line("ready");
        running.signal(SIGTERM);
        let first = running.wait_line("got TERM").at;
        eventually("more than a second has passed", || {
            first.elapsed() > Duration::from_millis(1_200)
        });
        running.signal(SIGTERM);
    });
    let repeats = stop.report["repeats"].as_array().unwrap();
    assert_eq!((repeats.len(), &repeats[0]["signal"]), (1, &"SIGTERM".into()), "{:#}", stop.report);
    assert!((1_000..2_500).contains(&stop.ms(&repeats[0]["at_ms"])), "{:#}", stop.report);
    assert!(
        stop.ms(&stop.one("server")["signalled_ms"]) < 1_000,
        "the first signal: {:#}",
        stop.report
    );
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_reports_of_daemons_groups_and_other_settings() {
    let daemonizes = &["--linger", "server --daemonize --work 100ms"];
    let daemon = Reported::of(container(), daemonizes, 0, |running| {
        running.wait_line(" ready");
        let servers = || running.tree().iter().filter(|it| it.name == "server").count();
        eventually("the one that started it is gone", || servers() == 1);
        running.signal(SIGTERM);
    });
    assert_eq!(daemon.one("server")["role"], "handler");
    assert_eq!(daemon.report["settings"]["linger"], true);

    let group = Reported::stopped(&["--deliver", "group", "server --work 100ms | cat; :"], 1, 0);
    assert_eq!(group.report["settings"]["deliver"], "group");
    assert!(group.ms(&group.one("cat")["signalled_ms"]) < 250, "{:#}", group.report);

    let child = Reported::stopped(&["--deliver", "child", "server; :"], 1, 0);
    assert_eq!(child.one("server")["reason"], "chosen by --deliver child");

    let rewritten = Reported::stopped(&["-r", "TERM=QUIT", "server --on QUIT; :"], 1, 0);
    assert_eq!(rewritten.report["cause"]["arrived"], "SIGTERM");
    assert_eq!(rewritten.report["cause"]["delivered"], "SIGQUIT");
    assert_eq!(rewritten.one("server")["signal"], "SIGQUIT");

    let trapped = Reported::of(
        container(),
        &["trap 'exit 3' TERM; sleep 3600; :"],
        3,
        stopped_once_sleep_runs,
    );
    assert_eq!(trapped.one("sleep")["role"], "foreground");

    let ok = Reported::of(container(), &["-e", "143", "sleep 3600"], 0, stopped_once_sleep_runs);
    assert_eq!(ok.report["main"]["ended"], json!({ "signal": "SIGTERM" }));
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_of_a_stop_without_proc() {
    pid_namespace();
    let script = "umount -l /proc; exec \"$ADIEU\" \"$@\"";
    let adieu = by_sh(script).arg("sh");
    let blind = Reported::of(adieu, &["(server; :) & wait; :"], 143, |running| {
        running.wait_line("ready");
        running.signal(SIGTERM);
    });
    assert_eq!(blind.report["proc_unreadable"], true);
    assert_eq!(blind.report["processes"], json!([]), "{:#}", blind.report);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn more_processes_than_the_report_holds_are_counted() {
    let stop = Reported::of(
        container().deadline(Duration::from_secs(60)),
        &["i=0; while [ $i -lt 1100 ]; do sleep 3600 & i=$((i+1)); done; echo now ready; wait"],
        143,
        |running| {
            running.wait_line("now ready");
            running.signal(SIGTERM);
        },
    );
    let count = stop.report["processes"].as_array().unwrap().len() as u64;
    assert!(count >= 1_000, "{count}");
    assert_eq!(count + stop.ms(&stop.report["processes_omitted"]), 1_101);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_sender_is_the_process_that_sent_it() {
    let script = "server & read go; echo \"sender $$\"; kill -TERM 1; wait; :";
    if pid_namespace_or_less() {
        let stop = Reported::of(container().stdin(Stdio::piped()), &[script], 0, |running| {
            running.wait_line("ready");
            drop(running.stdin());
        });
        let line = stop.finished.out.iter().find_map(|line| line.strip_prefix("sender ")).unwrap();
        assert_eq!(stop.report["cause"]["sender"].to_string(), line);
        // A sender outside the namespace has no pid in it.
        assert_eq!(Reported::stopped(&["server; :"], 1, 0).report["cause"]["sender"], Value::Null);
    }
    let beside = Reported::of(container().as_child(), &["server; :"], 0, |running| {
        running.wait_line("ready");
        running.signal(SIGTERM);
    });
    assert_eq!(beside.report["cause"]["sender"], Pid::this().as_raw());
}

/// `rt_sigqueueinfo(2)` sends a signal with any pid as its sender, also adieu's own.
/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
#[allow(unsafe_code, reason = "a raw system call with a made-up siginfo")]
fn a_sender_that_is_made_up_is_none() {
    for pretended in [None, Some(1)] {
        let stop = Reported::of(container().as_child(), &["server; :"], 0, |running| {
            running.wait_line("ready");
            let pid = running.pid().as_raw();
            // As the kernel has it: number, errno, code, padding, pid, uid.
            let queue = |signal: i32| {
                let mut info = [0_i32; 32];
                (info[0], info[2], info[4]) = (signal, libc::SI_QUEUE, pretended.unwrap_or(pid));
                // SAFETY: a siginfo of the kernel's 128 bytes, which lives through the call.
                unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, info.as_ptr()) }
            };
            // The signal says that a child has ended; no child has.
            assert_eq!((queue(libc::SIGCHLD), queue(libc::SIGTERM)), (0, 0));
        });
        assert_eq!(stop.report["cause"]["kind"], "signal");
        assert_eq!(stop.report["cause"]["sender"], Value::Null, "{:#}", stop.report);
        assert_eq!(stop.finished.count("server got TERM"), 1);
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_environment_names_the_file_too_and_a_dash_is_stderr() {
    let scratch = Scratch::new();
    let [by_environment, by_option] = ["environment", "option"].map(|name| scratch.join(name));
    let adieu = || container().env("ADIEU_REPORT", &by_environment);
    stopped(adieu().arg("server; :"), 1, 0);
    assert_eq!(read(&by_environment)["exit_status"], 0);
    fs::remove_file(&by_environment).unwrap();
    stopped(adieu().arg("--report").arg(&by_option).arg("server --exit 3; exit 3"), 1, 3);
    assert_eq!(read(&by_option)["exit_status"], 3);
    assert!(!by_environment.exists());

    let all = "for i in $(seq 200); do server --name $i --work 0s & done; wait; :";
    for (script, ready) in [("server; :", 1), (all, 200)] {
        let finished = stopped(with(["--report", "-", script]), ready, 0);
        assert_eq!(finished.err.len(), 1, "{finished}");
        let report: Value = serde_json::from_str(&finished.err[0]).unwrap();
        validate(&report);
        assert!(report["processes"].as_array().unwrap().len() > ready, "{report:#}");
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_report_takes_the_place_of_an_older_one_by_a_rename() {
    let scratch = Scratch::new();
    let path = scratch.join("report.json");
    fs::write(&path, "old").unwrap();
    let mut old = File::open(&path).unwrap();
    stopped(container().arg("--report").arg(&path).arg("server; :"), 1, 0);
    assert_eq!(read(&path)["schema"], 2);
    let mut still = String::new();
    old.read_to_string(&mut still).unwrap();
    assert_eq!(still, "old", "a reader of the old report saw the new one come");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn what_a_killed_adieu_left_does_not_keep_the_next_from_writing() {
    pid_namespace();
    let scratch = Scratch::new();
    let path = scratch.join("report.json");
    // PID 1 again, in the next container with this volume.
    fs::write(scratch.join("report.json.1.tmp"), "{").unwrap();
    let finished = stopped(container().arg("--report").arg(&path).arg("server; :"), 1, 0);
    assert!(path.exists(), "{finished}");
    assert_eq!(read(&path)["schema"], 2);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn no_stop_no_report() {
    let scratch = Scratch::new();
    let path = scratch.join("report.json");
    let log = scratch.join("log");
    let adieu = container().arg("--report").arg(&path);
    adieu.arg(format!("--termination-log={}", log.display())).arg("exit 3").start().expect_exit(3);
    assert!(!path.exists() && !log.exists());
}

// --- What the log, the timeline and the report agree on ------------------------------------------

/// Promise (Explaining): the log, the timeline and the report show a process in the role that it
/// had when it got the signal
fn what_is_left_behind_is_shown_as_what_it_is_when_it_gets_the_signal() {
    let script = "server --leave-worker --workers 1; exit 3";
    let stop = Reported::stopped(&["-v", script], 2, 3);
    // In the order of the tree: the server stands above its worker.
    let worker = stop.all("server").into_iter().nth(1).unwrap();
    assert_eq!(
        (&worker["role"], &worker["reason"]),
        (&"handler".into(), &"handles the signal".into()),
        "{:#}",
        stop.report
    );
    let said = |part: &str| stop.finished.err.iter().filter(|line| line.contains(part)).count();
    let pid = worker["pid"].to_string();
    assert_eq!(said(&format!("server ({pid}) is left alone, worker:")), 1, "{}", stop.finished);
    assert_eq!(said(&format!("SIGTERM to server ({pid}), handler:")), 1, "{}", stop.finished);
    let drawn = |line: &&String| line.contains(&format!("server ({pid})")) && line.contains('|');
    let drawn = stop.finished.err.iter().find(drawn).unwrap();
    assert!(drawn.contains(") ") && drawn.contains(" handler "), "{}", stop.finished);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_log_gives_the_reason_that_is_true_and_the_cause_before_its_consequence() {
    let script = "server --name other --work 0s & server --work 300ms; exit 4";
    let finished = stopped(with(["-v", "--deliver", "child", script]), 2, 4);
    assert_warned(&finished, ["is left alone, bystander: it handles the signal, but --deliver"]);
    finished.assert_no("it does not handle the signal");

    let finished = stopped(with(["-v", "-t", "1s", "server --never; :"]), 1, 137);
    let at = |part: &str| finished.err.iter().position(|line| line.contains(part));
    let order = ["the timeout is near", " to sh (", "timeout after 1.0", "server (", "stopped in"];
    let places = order.map(|part| match part {
        "server (" => finished.err.iter().position(|line| line.ends_with(") ended")),
        _ => at(part),
    });
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{finished}");

    // Nothing is left for an epilogue, or to get the signal near the timeout.
    let alone = stopped(with(["-v", "-t", "1h", "--", "server", "--work", "100ms"]), 1, 0);
    alone.assert_no("epilogue");
    let hung = stopped(with(["-v", "-t", "500ms", "--", "server", "--never"]), 1, 137);
    assert!(!hung.err.iter().any(|line| line.contains("near")), "{hung}");

    let adieu = with(["-v", "trap '' TERM; exec sleep 3600"]).start();
    wait_for(&adieu, 1, "sleep");
    adieu.signal(SIGTERM);
    let ignoring = adieu.expect_exit(137);
    assert_warned(&ignoring, ["SIGTERM to sleep (", "bystander: it ignores the signal"]);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_termination_log_says_that_the_main_process_ended_by_itself_and_what_it_left() {
    let scratch = Scratch::new();
    let log = scratch.join("log");
    let script = "server --work 300ms & server --name tail --on none & read line; exit 3";
    let adieu = with([&*format!("--termination-log={}", log.display()), script]);
    let mut running = adieu.stdin(Stdio::piped()).start();
    running.wait_lines(2, " ready");
    drop(running.stdin());
    running.expect_exit(3);
    let text = fs::read_to_string(&log).unwrap();
    let [first, second] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(first.starts_with("adieu: the main process exited with 3; what it left"), "{text}");
    assert!(first.ends_with(", exit status 3") && !text.contains("stopped by"), "{text}");
    assert!(second.starts_with("waited for: server (") && second.contains("exited 0"), "{text}");
}

// --- Secrets -------------------------------------------------------------------------------------

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn command_lines_appear_only_where_they_are_asked_for() {
    let scratch = Scratch::new();
    let log = scratch.join("log");
    let of = |options: &[&str]| {
        let log = format!("--termination-log={}", log.display());
        let script = "server --name s3cret --never & server --name s3cret2 | cat; : s3cret3";
        let words = [options, &["-v", "-t", "1s", &log, script]].concat();
        let stop = Reported::stopped(&words, 2, 137);
        let said = stop.finished.err.join("\n");
        let report = stop.report.to_string();
        let log = fs::read_to_string(scratch.join("log")).unwrap();
        (stop, said, report, log)
    };
    let (_, said, report, message) = of(&[]);
    for text in [said, report, message] {
        assert!(!text.contains("s3cret") && !text.contains("--n"), "{text}");
    }
    let (stop, said, ..) = of(&["--show-args"]);
    let commands: Vec<&Value> = stop.all("server").into_iter().map(|it| &it["command"]).collect();
    assert!(commands.contains(&&"server --name s3cret --never".into()), "{commands:?}");
    assert!(
        stop.one("sh")["command"].as_str().unwrap().ends_with(": s3cret3"),
        "{:#}",
        stop.report
    );
    assert!(said.contains("server --name s3cret --never"), "{said}");
}

// --- Where it cannot be written ------------------------------------------------------------------

/// A warning that names the option, the usual exit status, and no delay.
fn refused(option: &str, path: &Path) -> Finished {
    let option = if option == "--report" {
        vec![option.into(), path.as_os_str().to_owned()]
    } else {
        vec![format!("{option}={}", path.display()).into()]
    };
    let finished =
        stopped(container().args(option.clone()).arg("server --work 100ms; exit 3"), 1, 3);
    assert_at_once(&finished);
    let option = option[0].to_str().unwrap().split('=').next().unwrap();
    assert_warned(&finished, [option, path.to_str().unwrap(), "unchanged"]);
    finished
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_path_that_cannot_be_written_is_a_warning() {
    let scratch = Scratch::new();
    fs::write(scratch.join("file"), "mine").unwrap();
    for option in ["--report", "--termination-log"] {
        refused(option, &scratch.join("no/such/directory"));
        refused(option, &scratch.join("file/below"));
        refused(option, scratch.path());
        refused(option, Path::new("/proc/version"));
        refused(option, Path::new(""));
    }
    assert_eq!(fs::read_to_string(scratch.join("file")).unwrap(), "mine");
}

/// Promise (Explaining): a report or a termination log that cannot be written is a warning at the
/// start already
fn a_path_that_cannot_be_written_is_a_warning_at_the_start() {
    let scratch = Scratch::new();
    fs::write(scratch.join("file"), "mine").unwrap();
    let program = scratch.script("server.sh", "echo no");
    let said = |options: &[String]| {
        let finished = container().args(options).arg("echo runs").start().expect_exit(0);
        assert_eq!(finished.out, ["runs"], "{finished}");
        finished.err
    };
    for (path, part) in [
        (scratch.join("no/such/stop.json"), "there is no directory"),
        (scratch.join("file/below"), "no directory"),
        (scratch.path().to_owned(), "no regular file"),
        (PathBuf::new(), "'': it names no file; name one"),
    ] {
        for option in ["--report", "--termination-log"] {
            let said = said(&[format!("{option}={}", path.display())]);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with(&format!("adieu: {option} '")), "{said:?}");
            assert!(said[0].contains(part), "{said:?}");
        }
    }
    for variable in ["ADIEU_REPORT", "ADIEU_TERMINATION_LOG"] {
        let missing = scratch.join("no/such/stop.json");
        let named = format!("adieu: {variable} '{}': there is no directory", missing.display());
        let adieu = container().env(variable, missing).arg("echo runs");
        let finished = adieu.start().expect_exit(0);
        assert!(finished.err.len() == 1 && finished.err[0].starts_with(&named), "{finished}");
    }
    let said_of_program = said(&["--report".into(), program.to_str().unwrap().to_owned()]);
    assert!(
        said_of_program[0].contains("it is a program, and a stop would"),
        "{said_of_program:?}"
    );
    for option in ["--report", "--termination-log"] {
        let file = format!("{option}={}", scratch.join("file").display());
        assert_eq!(said(&[file]), [""; 0]);
        let quiet = [format!("{option}={}/no/x", scratch.path().display()), "-q".to_owned()];
        assert_eq!(said(&quiet), [""; 0]);
    }
    // The program may make the directory.
    let report = scratch.join("made/report.json");
    let script = "mkdir \"$MADE\"; server --work 0s; exit 3";
    let adieu = container().env("MADE", scratch.join("made")).arg("--report").arg(&report);
    let finished = stopped(adieu.arg(script), 1, 3);
    assert_warned(&finished, ["there is no directory"]);
    assert_eq!(read(&report)["exit_status"], 3);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn what_is_no_regular_file_is_left_alone() {
    let scratch = Scratch::new();
    fs::write(scratch.join("target"), "mine").unwrap();
    symlink(scratch.join("target"), scratch.join("link")).unwrap();
    symlink(scratch.join("nowhere"), scratch.join("dangling")).unwrap();
    let fifo = scratch.fifo("fifo");
    for option in ["--report", "--termination-log"] {
        for path in
            [&scratch.join("link"), &scratch.join("dangling"), &fifo, &PathBuf::from("/dev/full")]
        {
            refused(option, path);
        }
    }
    assert!(scratch.join("link").is_symlink() && scratch.join("dangling").is_symlink());
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    assert_eq!(fs::read_to_string(scratch.join("target")).unwrap(), "mine");
    assert!(!scratch.join("nowhere").exists());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 4, "a temporary file is left");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_fifo_with_a_reader_is_left_alone_too() {
    let scratch = Scratch::new();
    let fifo = scratch.fifo("fifo");
    let mut reader = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&fifo)
        .unwrap();
    for option in ["--report", "--termination-log"] {
        refused(option, &fifo);
    }
    let mut bytes = [0; 16];
    assert_eq!(reader.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// In this test's own mount namespace: `$1` is a directory with this prepared in it.
fn in_a_mount_namespace(script: &str) -> Finished {
    pid_namespace();
    let scratch = Scratch::new();
    let script = format!("cd \"$1\"; {script}");
    by_sh(&script).arg("sh").arg(scratch.path()).env("STOP", STOPS_ITSELF).start().expect_exit(0)
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_full_disk_is_a_warning_and_the_old_report_stays() {
    let finished = in_a_mount_namespace(
        "mount -t tmpfs -o size=8k none . && cd \"$1\" && printf old >report && printf mine >log
         cat /dev/zero >fill 2>/dev/null
         \"$ADIEU\" --report report --termination-log=full -- sh -c \"$STOP\"; echo \"status $?\"
         ls; cat report log",
    );
    finished.assert_order(["status 143", "fill", "full", "log", "report", "oldmine"]);
    assert_warned(&finished, ["--report 'report'", "No space left", "unchanged"]);
    assert_warned(&finished, ["--termination-log 'full'", "No space left", "unchanged"]);
    assert_eq!(finished.out.len(), 6, "a temporary file is left\n{finished}");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_read_only_file_system_is_a_warning() {
    let finished = in_a_mount_namespace(
        "mount -t tmpfs -o ro none . && cd \"$1\"
         \"$ADIEU\" --report report --termination-log=log -- sh -c \"$STOP\"; echo \"status $?\"",
    );
    finished.assert_order(["status 143"]);
    assert_warned(&finished, ["--report 'report'", "Read-only", "unchanged"]);
    assert_warned(&finished, ["--termination-log 'log'", "Read-only", "unchanged"]);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn where_no_process_can_be_started_the_stop_is_the_same_without_a_report() {
    root();
    other_users_reach(&server());
    let (setpriv, prlimit) = (tool("setpriv"), tool("prlimit"));
    // A process of the same user may set the limit: the program does so once it runs.
    let string = format!("{} --pid $PPID --nproc=0:0 && exec \"$SERVER\"", prlimit.display());
    for (option, complaints) in [("-t10s", 1), ("-q", 0)] {
        let scratch = Scratch::new();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let report = scratch.join("report");
        let running = Adieu::new().as_child().program(&setpriv).args(AS_USER_65534).arg(adieu());
        let running = running
            .env("SERVER", server())
            .args([option, "--report"])
            .arg(&report)
            .arg(&string)
            .start();
        running.wait_line("server ready");
        running.signal(SIGTERM);
        let finished = running.expect_exit(0);
        finished.assert_order(["server ready", "server got TERM", "server done"]);
        let named =
            finished.err.iter().filter(|line| line.contains("cannot start the process")).count();
        assert_eq!((finished.err.len(), named), (complaints, complaints), "{finished}");
        assert!(!report.exists(), "{finished}");
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn q_silences_these_warnings_as_well() {
    let finished = stopped(
        with([
            "-q",
            "--report",
            "/no/such/directory/report",
            "--termination-log=/no/such/log",
            "server; :",
        ]),
        1,
        0,
    );
    assert!(finished.err.is_empty(), "{finished}");
}

// --- The termination log -------------------------------------------------------------------------

/// What a stop leaves in a log with this in it.
fn logged(before: &str, words: &[&str], ready: usize, code: i32) -> String {
    let scratch = Scratch::new();
    let log = scratch.join("log");
    if !before.is_empty() {
        fs::write(&log, before).unwrap();
    }
    let option = format!("--termination-log={}", log.display());
    let finished = stopped(container().arg(option).args(words.iter().copied()), ready, code);
    assert!(finished.err.iter().all(|line| !line.contains("termination")), "{finished}");
    let text = fs::read_to_string(&log).unwrap();
    assert!(
        text.starts_with(before) && (text.len() <= 4096 || text == before),
        "{} bytes",
        text.len()
    );
    text
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_termination_log_says_what_was_waited_for_and_what_was_killed() {
    let script = "server --name hung --never & server --work 300ms; exit 3";
    let text = logged("", &["-t", "1s", script], 2, 137);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("adieu: stopped by SIGTERM in 1.")
            && lines[0].ends_with(", exit status 137"),
        "{text}"
    );
    assert!(lines[1].starts_with("timeout after 1.0"), "{text}");
    assert!(
        lines
            .iter()
            .any(|it| it.starts_with("killed: server (") && it.contains("handler, after 1.")),
        "{text}"
    );
    assert!(
        lines
            .iter()
            .any(|it| it.starts_with("waited for: server (") && it.contains("ended after ")),
        "{text}"
    );
    assert!(text.ends_with('\n') && lines.len() == 4, "{text}");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_termination_log_keeps_what_the_program_wrote() {
    let text = logged("out of memory in pool 7\n", &["server; :"], 1, 0);
    assert!(text.starts_with("out of memory in pool 7\nadieu: stopped by SIGTERM"), "{text}");
    // Programs forget the end of their last line.
    let text = logged("out of memory", &["server; :"], 1, 0);
    assert!(text.starts_with("out of memory\nadieu: stopped by SIGTERM"), "{text}");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_termination_log_has_at_most_4096_bytes_in_all() {
    let all = "for i in $(seq 300); do server --name $i --work 0s & done; wait; :";
    let text = logged("", &[all], 300, 0);
    assert!(text.len() > 3_500 && text.is_ascii(), "{} bytes", text.len());
    let before = format!("{}\n", "b".repeat(4_000));
    assert!(logged(&before, &["server; :"], 1, 0).len() > 4_001);
    for full in [4_096, 5_000] {
        let before = "b".repeat(full);
        assert_eq!(logged(&before, &["server; :"], 1, 0), before);
    }
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_killed_are_in_the_termination_log_however_many_finished() {
    let all = "for i in $(seq 200); do server --name $i --work 0s & done; \
               sleep 1; server --name hung --never & wait; exec sleep 3600";
    let text = logged("", &["-t", "3s", all], 201, 137);
    assert!(text.contains("killed: server ("), "{text}");
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn the_termination_log_lies_where_kubernetes_looks_for_it() {
    let finished = in_a_mount_namespace(
        "mount -t tmpfs none /dev && printf 'mine\\n' >/dev/termination-log
         \"$ADIEU\" --termination-log -- sh -c \"$STOP\"; echo \"status $?\"
         cat /dev/termination-log",
    );
    finished.assert_order(["status 143", "mine"]);
    assert!(
        finished.out.iter().any(|it| it.starts_with("adieu: stopped by SIGTERM in ")),
        "{finished}"
    );
}

// --- Nothing of this blocks a stop ---------------------------------------------------------------

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn no_output_without_a_reader_delays_a_stop() {
    let scratch = Scratch::new();
    let fifo = scratch.fifo("fifo");
    let files = |adieu: Adieu| {
        adieu
            .arg("-v")
            .arg("--report")
            .arg(&fifo)
            .arg(format!("--termination-log={}", fifo.display()))
    };
    let (_unread, full) = full_pipe();
    let (_unread_too, full_too) = full_pipe();
    let dev_full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (closed, broken) = io::pipe().unwrap();
    drop(closed);
    let script = "server --work 200ms 2>/dev/null & server --never 2>/dev/null | cat; exit 3";
    let options = ["-t", "1s", script];
    let cases = [
        ("a full pipe", files(container()).stderr(full)),
        ("/dev/full", files(container()).stderr(dev_full())),
        ("a broken pipe", files(container()).stderr(broken)),
        ("a full pipe and -", container().args(["-v", "--report", "-"]).stderr(full_too)),
        ("/dev/full and -", container().args(["-v", "--report", "-"]).stderr(dev_full())),
        ("closed", files(by_sh("exec \"$ADIEU\" \"$@\" 2>&-").arg("sh"))),
        ("closed and -", by_sh("exec \"$ADIEU\" \"$@\" 2>&-").args(["sh", "-v", "--report", "-"])),
    ];
    for (stderr, adieu) in cases {
        let finished = stopped(adieu.args(options), 2, 137);
        assert!(finished.took >= Duration::from_secs(1), "{stderr}\n{finished}");
        assert!(finished.took < Duration::from_secs(1) + AT_ONCE, "{stderr}\n{finished}");
        assert_eq!(
            (finished.count("got TERM"), finished.count("done")),
            (2, 1),
            "{stderr}\n{finished}"
        );
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_closed_stderr_takes_no_file_of_the_program_in_its_place() {
    let scratch = Scratch::new();
    let file = scratch.join("file");
    let script = "exec \"$ADIEU\" \"$@\" 2>&-";
    let adieu = by_sh(script).args(["sh", "-v", "--report"]).arg(scratch.join("report"));
    let adieu = adieu.env("FILE", &file).arg("exec 3>\"$FILE\"; server; :");
    stopped(adieu, 1, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
    assert_eq!(read(&scratch.join("report"))["exit_status"], 0);
}

/// Below a directory `slow`, a FUSE file system whose server never answers, as a network share
/// whose server is gone.
fn with_a_disk_that_does_not_answer(script: &str) -> (Scratch, Running) {
    root();
    pid_namespace();
    if !fs::exists("/dev/fuse").unwrap() {
        missing("/dev/fuse", "load the kernel's module fuse");
    }
    let scratch = Scratch::new();
    let script = format!(
        "exec 3<>/dev/fuse; mkdir slow
        mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none slow &
        until grep -q ' fuse ' /proc/self/mounts; do sleep 0.05; done
        {script}"
    );
    let running = by_sh(&script).current_dir(scratch.path()).env("STOP", STOPS_ITSELF).start();
    (scratch, running)
}

/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn a_disk_that_does_not_answer_is_given_up() {
    let script = "exec \"$ADIEU\" --report slow/report --termination-log=slow/log \
        'server --work 200ms; exit 3'";
    let (_scratch, running) = with_a_disk_that_does_not_answer(script);
    running.wait_line("ready");
    running.signal(SIGTERM);
    let finished = running.expect_exit(3);
    assert_at_once(&finished);
    assert_warned(&finished, ["the report is given up: the file system does not answer"]);
}

/// So that `adieu … | cat` ends although the kernel may keep what waits for a disk.
/// Promise (Explaining): `-v`, `--report` and `--termination-log` show what happened, and none of
/// them delays a stop
fn what_waits_for_a_disk_keeps_nothing_of_the_callers_open_and_goes_with_adieu() {
    let script =
        "\"$ADIEU\" --report slow/report -- sh -c \"$STOP\" 3<&- 4</dev/null; echo \"status $?\"
        while grep -qx adieu /proc/[0-9]*/comm; do sleep 0.05; done; echo gone";
    let (scratch, running) = with_a_disk_that_does_not_answer(script);
    let slow = scratch.join("slow");
    let files = |pid: Pid| -> Vec<PathBuf> {
        let listed = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        listed.filter_map(|it| fs::read_link(it.path()).ok()).collect()
    };
    eventually("all that it has open is a pipe of its own and where it writes", || {
        let tree = running.tree();
        let adieu: Vec<_> = tree.iter().filter(|it| it.name == "adieu").map(|it| it.pid).collect();
        let [above, writer] = adieu[..] else { return false };
        let [inherited, own] = [above, writer].map(files);
        let pipe = own.iter().find(|it| inherited.contains(it));
        inherited.len() > 4
            && pipe.is_some()
            && own.iter().all(|it| Some(it) == pipe || *it == slow)
    });
    running.expect_exit(0).assert_order(["status 143", "gone"]);
}

pub(crate) const TESTS: &[Test] = tests![
    v_prints_one_line_for_each_event_with_its_time_its_process_and_the_reason,
    v_draws_a_timeline_of_80_columns_with_roles_and_how_each_ended,
    the_timeline_is_as_wide_as_the_terminal,
    the_report_says_how_adieu_s_own_children_ended,
    without_v_a_stop_that_goes_well_says_nothing,
    a_stop_that_lasts_names_what_it_waits_for_after_5_and_10_s,
    the_timeout_names_each_process_that_is_killed_and_how_long_it_had_had,
    a_dropped_signal_is_named,
    a_storm_of_dropped_signals_is_counted_and_floods_no_log,
    the_schema_describes_every_property_and_allows_no_other,
    the_report_of_a_stop_has_which_process_got_the_signal_when_and_how_long_it_took,
    the_report_of_a_stop_without_a_handler,
    the_report_of_a_timeout_has_the_killed,
    the_report_of_what_the_main_process_left_behind,
    the_report_of_a_repeated_signal,
    the_reports_of_daemons_groups_and_other_settings,
    the_report_of_a_stop_without_proc,
    more_processes_than_the_report_holds_are_counted,
    the_sender_is_the_process_that_sent_it,
    a_sender_that_is_made_up_is_none,
    the_environment_names_the_file_too_and_a_dash_is_stderr,
    the_report_takes_the_place_of_an_older_one_by_a_rename,
    what_a_killed_adieu_left_does_not_keep_the_next_from_writing,
    no_stop_no_report,
    what_is_left_behind_is_shown_as_what_it_is_when_it_gets_the_signal,
    the_log_gives_the_reason_that_is_true_and_the_cause_before_its_consequence,
    the_termination_log_says_that_the_main_process_ended_by_itself_and_what_it_left,
    command_lines_appear_only_where_they_are_asked_for,
    a_path_that_cannot_be_written_is_a_warning,
    a_path_that_cannot_be_written_is_a_warning_at_the_start,
    what_is_no_regular_file_is_left_alone,
    a_fifo_with_a_reader_is_left_alone_too,
    a_full_disk_is_a_warning_and_the_old_report_stays,
    a_read_only_file_system_is_a_warning,
    where_no_process_can_be_started_the_stop_is_the_same_without_a_report,
    q_silences_these_warnings_as_well,
    the_termination_log_says_what_was_waited_for_and_what_was_killed,
    the_termination_log_keeps_what_the_program_wrote,
    the_termination_log_has_at_most_4096_bytes_in_all,
    the_killed_are_in_the_termination_log_however_many_finished,
    the_termination_log_lies_where_kubernetes_looks_for_it,
    no_output_without_a_reader_delays_a_stop,
    a_closed_stderr_takes_no_file_of_the_program_in_its_place,
    a_disk_that_does_not_answer_is_given_up,
    what_waits_for_a_disk_keeps_nothing_of_the_callers_open_and_goes_with_adieu
];
