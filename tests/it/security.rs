//! What docs/security.md claims, tried: a hostile program below adieu gains nothing through adieu.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scenario::{
    assert_signalled_once, by_sh, container, signal_adieu, silent_file_system, stopped,
};
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Scratch, adieu, pid_namespace, repository, server, status_field, tool,
};
use nix::sys::signal::Signal::SIGTERM;
use nix::sys::signal::kill;

// --- Helpers -------------------------------------------------------------------------------------

/// adieu as an ordinary child. Scripts find `examples/server.rs` as `server`, and adieu as
/// `$ADIEU`.
fn outside() -> Adieu {
    container().as_child()
}

/// A script of /bin/sh as PID 1, which starts adieu below it.
fn inside(script: &str) -> Adieu {
    by_sh(script).as_pid1()
}

/// For what only root may do to itself: limits on a user of its own, mounts.
fn root() {
    support::root();
    pid_namespace();
}

fn assert_finished(finished: &Finished, name: &str) {
    assert_signalled_once(finished, "TERM", name);
}

// --- Which processes it signals ------------------------------------------------------------------

/// The kernel gives out the same pids every few tenths of a second here, and strace delays adieu
/// for longer than that between its look and the signal. By then the processes that it saw have
/// ended, and neighbours have their pids.
/// Promise (Against hostile programs): a reused pid or a made-up /proc: no other process gets a
/// signal
fn a_process_that_got_the_pid_of_another_is_never_signalled() {
    root();
    let strace = tool("strace");
    for refused in ["", "error=ENOSYS:"] {
        // Which numbers the neighbours have is chance.
        assert!(
            (0..3).any(|_| among_neighbours(&strace, refused)),
            "{refused}: no number was given again"
        );
    }
}

/// Whether a number that adieu asked for had another process by then.
fn among_neighbours(strace: &Path, refused: &str) -> bool {
    let scratch = Scratch::new();
    let [end, log] = ["end", "log"].map(|name| scratch.join(name));
    let fifo = scratch.fifo("fifo");
    // A neighbour that dies of a signal is printed. The kernel gives the pids below 300 only once.
    // At the last call the main shell gets the signal first. With its end the pipe closes, and so
    // the twelve end before they get theirs.
    let script = format!(
        "echo 460 >/proc/sys/kernel/pid_max
             neighbours() {{
                 while [ ! -e {end} ]; do
                     sleep 0.2 & a=$!; sleep 0.2 & b=$!; sleep 0.2 & c=$!
                     for pid in $a $b $c; do wait $pid || echo \"neighbour $pid signalled\"; done
                 done
             }}
             for i in $(seq 20); do neighbours & done
             while [ $(sh -c 'echo $$') -lt 300 ]; do :; done
             {strace} -qq -e trace=pidfd_open,pidfd_send_signal,kill,tgkill \
                 -e inject=pidfd_open:{refused}delay_enter=150000 -o {log} \
                 \"$ADIEU\" --epilogue 0s '(
                     trap \"\" TERM
                     for i in $(seq 12); do sleep 3600 & all=\"$all $!\"; done
                     read gone <{fifo}; kill -KILL $all; wait
                 ) & exec 3>{fifo}; server --work 0s 3>&-; sleep 3600 3>&-'
             echo adieu $?; : >{end}; wait",
        end = end.display(),
        strace = strace.display(),
        log = log.display(),
        fifo = fifo.display(),
    );
    let running = inside(&script).deadline(Duration::from_secs(60)).start();
    running.wait_line("server ready");
    signal_adieu(&running);
    let finished = running.finish();
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(finished.count("neighbour"), 0, "{finished}{log}");
    assert_finished(&finished, "server");
    let calls = |name: &str| log.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    let opened = calls("pidfd_open(");
    assert!(opened.len() > 12, "adieu was to signal no process\n{log}");
    if refused.is_empty() {
        let found = opened.iter().filter(|line| !line.contains("= -1")).count();
        found > calls("pidfd_send_signal(").len()
    } else {
        assert!(opened.iter().all(|line| line.contains("INJECTED")), "{log}");
        opened.len() > calls("kill(").len()
    }
}

/// Root below adieu mounts files of its own over /proc: a neighbour is adieu's child there.
/// Promise (Against hostile programs): a reused pid or a made-up /proc: no other process gets a
/// signal
fn a_made_up_proc_leads_to_no_signal() {
    root();
    let script = "(sleep 3600 || echo neighbour got the signal) & sleep 3600 & echo neighbour is $!
        \"$ADIEU\" -t 5s \"neighbour=$!; \"'
            server & read go <$GO
            mount -t tmpfs none /proc && cd /proc && ln -s $PPID self && \
            mkdir $PPID $neighbour && cd / &&
            echo \"$PPID (adieu) S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 5\" >/proc/$PPID/stat &&
            echo \"$neighbour (evil) S $PPID 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 5\" \
            >/proc/$neighbour/stat &&
            printf \"SigBlk:\\t0\\nSigIgn:\\t0\\nSigCgt:\\tffffffffffffffff\\n\" \
            >/proc/$neighbour/status &&
            echo mounted && wait' 2>&1
        echo adieu $?; kill -0 $! && echo neighbour lives";
    let scratch = Scratch::new();
    let go = scratch.fifo("go");
    let running = inside(script).env("GO", &go).start();
    running.wait_line("server ready");
    let pid = running.process("adieu").pid;
    fs::write(&go, "go\n").unwrap();
    running.wait_line("mounted");
    kill(pid, SIGTERM).unwrap();
    running.wait_line("neighbour lives");
    let lines: Vec<String> = running.lines().into_iter().map(|line| line.text).collect();
    assert!(lines.iter().any(|line| line.contains("/proc cannot be read")), "{lines:#?}");
    assert!(lines.contains(&"server got TERM".to_owned()), "{lines:#?}");
    assert!(!lines.contains(&"neighbour got the signal".to_owned()), "{lines:#?}");
}

// --- What could delay it -------------------------------------------------------------------------

/// Promise (Against hostile programs): a file system that does not answer, floods of signals,
/// limits, thousands of processes: the stop ends as it should
fn a_file_system_that_does_not_answer_delays_no_stop() {
    root();
    let scratch = Scratch::new();
    let (file, mount) = silent_file_system(&scratch);
    let script = format!(
        "{mount}
         \"$ADIEU\" 'exec <{file}; cat /dev/null | server; echo after'; echo adieu $?",
        file = file.display()
    );
    let running = inside(&script).start();
    running.wait_line("server ready");
    signal_adieu(&running);
    running.wait_line("adieu 0");
    let finished = running.finish();
    assert_finished(&finished, "server");
    finished.assert_order(["server done", "after", "adieu 0"]);
}

/// Promise (Against hostile programs): a file system that does not answer, floods of signals,
/// limits, thousands of processes: the stop ends as it should
fn a_flood_of_signals_loses_no_stop_and_no_process_gets_it_twice() {
    // Real-time signals queue, others become one; after a made-up SIGCHLD no process has ended.
    let script = "server & i=0; while [ $((i += 1)) -le 2500 ]; do
            kill -s CHLD $PPID; kill -s USR1 $PPID; kill -40 $PPID; kill -s TTOU $PPID
        done 2>/dev/null; echo flood ready; wait; wait; echo after";
    let finished = stopped(outside().arg("-q").arg(script), 2, 0);
    assert_finished(&finished, "server");
    finished.assert_order(["flood ready", "server got TERM", "server done", "after"]);
}

/// A limit that the program has as well: the stop is the same, and what cannot be written is a
/// warning.
/// Promise (Against hostile programs): a file system that does not answer, floods of signals,
/// limits, thousands of processes: the stop ends as it should
fn under_each_limit_the_stop_is_graceful_and_the_status_unchanged() {
    let prlimit = tool("prlimit");
    let scratch = Scratch::new();
    let report = scratch.join("report");
    let log = scratch.join("log");
    for (limit, written) in [
        ("--fsize=0", false),
        ("--sigpending=0", true),
        ("--as=60000000", true),
        ("--memlock=0", true),
        ("--core=0", true),
    ] {
        fs::write(&report, "old").unwrap();
        let finished = stopped(
            outside()
                .program(&prlimit)
                .arg(limit)
                .arg(adieu())
                .arg("--report")
                .arg(&report)
                .arg(format!("--termination-log={}", log.display()))
                .arg("server; exit 3"),
            1,
            3,
        );
        assert_finished(&finished, "server");
        let text = fs::read_to_string(&report).unwrap();
        assert_eq!(text.starts_with('{'), written, "{limit}: {text}\n{finished}");
        assert_eq!(text == "old", !written, "{limit}: {text}");
        let warned = |option: &str| {
            finished.err.iter().any(|l| l.contains(option) && l.contains("File too large"))
        };
        assert_eq!(
            (warned("--report"), warned("--termination-log")),
            (!written, !written),
            "{limit}\n{finished}"
        );
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2, "a temporary file is left");
    }
    // And where the log is a file that may not grow.
    let stderr = scratch.join("stderr");
    let adieu =
        outside().program(&prlimit).arg("--fsize=0").arg(adieu()).args(["-v", "server; exit 3"]);
    let finished = stopped(adieu.stderr(fs::File::create(&stderr).unwrap()), 1, 3);
    assert_finished(&finished, "server");
    assert_eq!(fs::read_to_string(&stderr).unwrap(), "");
}

/// Promise (Against hostile programs): a file system that does not answer, floods of signals,
/// limits, thousands of processes: the stop ends as it should
fn with_as_many_processes_as_the_user_may_have_the_report_is_written() {
    root();
    let (prlimit, setpriv) = (tool("prlimit"), tool("setpriv"));
    let scratch = Scratch::new();
    let script = format!(
        "cp {server} \"$ADIEU\" {here} && chmod 777 {here} && cd {here} &&
         exec {setpriv} --reuid 61917 --regid 61917 --clear-groups {prlimit} --nproc=2 ./adieu \
         --report report -- ./server",
        here = scratch.path().display(),
        server = server().display(),
        prlimit = prlimit.display(),
        setpriv = setpriv.display(),
    );
    let finished = stopped(inside(&script), 1, 0);
    assert_finished(&finished, "server");
    assert!(finished.err.is_empty(), "{finished}");
    assert!(fs::read_to_string(scratch.join("report")).unwrap().contains("\"duration_ms\""));
}

/// In memory as well as in what it writes.
/// Promise (Against hostile programs): a file system that does not answer, floods of signals,
/// limits, thousands of processes: the stop ends as it should
fn what_adieu_keeps_of_each_process_is_bounded() {
    const COUNT: usize = 1_000;
    let peak = |adieu: Adieu, ready: usize| {
        let running = adieu.start();
        running.wait_lines(ready, "ready");
        running.signal(SIGTERM);
        running.wait_line("server got");
        let kib = status_field(running.pid(), "VmHWM").unwrap();
        (kib.split(' ').next().unwrap().parse::<usize>().unwrap(), running.expect_exit(0))
    };
    let (few, _) = peak(outside().args(["-q", "server; :"]), 1);
    // Nearly two megabytes of arguments each, for a few of them.
    let long = "x".repeat(120_000);
    let scratch = Scratch::new();
    let script =
        "(exec sleep 3600; :) & for i in 1 2 3; do (sh -c 'read nothing <>\"$0\"' \"$FIFO\" \
            \"$@\") & done
        i=0; while [ $((i += 1)) -le 1000 ]; do sleep 3600 & done; echo all ready; \
        server --work 1s; :";
    let fifo = scratch.fifo("fifo");
    let report = scratch.join("report");
    let adieu = outside().env("FIFO", fifo).args(["-q", "--show-args", "--report"]).arg(&report);
    let (many, finished) = peak(adieu.args(["-c", script, "sh"]).args(vec![long; 14]), 2);
    assert_finished(&finished, "server");
    let each = many.saturating_sub(few) * 1024 / COUNT;
    assert!(each < 16 * 1024, "{each} bytes for each process");
    let text = fs::read_to_string(report).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let commands: Vec<usize> = report["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["command"].as_str().unwrap().len())
        .collect();
    assert_eq!(commands.len(), 1_000);
    assert_eq!(commands.iter().max(), Some(&1_000), "{commands:?}");
    assert!(report["processes_omitted"].as_u64().unwrap() >= 5, "{}", report["processes_omitted"]);
}

// --- What it shows -------------------------------------------------------------------------------

/// All that adieu writes of a stop, each with its name: stderr with `-v`, report, termination log,
/// and `--explain` before it.
fn everything_shown(
    adieu_: Adieu,
    options: &[&str],
    words: &[&str],
) -> Vec<(&'static str, String)> {
    let scratch = Scratch::new();
    let [report, log] = ["report", "log"].map(|name| scratch.join(name));
    let running = adieu_
        .args(["-v", "--report"])
        .arg(&report)
        .arg(format!("--termination-log={}", log.display()))
        .args(options.iter().copied())
        .args(words.iter().copied())
        .start();
    running.wait_line(" ready");
    let explain = |format: &str| {
        let pid = running.pid().to_string();
        let words = ["--explain", &*pid, "--format", format];
        outside().args(words).args(options.iter().copied()).start().expect_exit(0).out.join("\n")
    };
    let explained = [explain("text"), explain("json")];
    running.signal(SIGTERM);
    let finished = running.finish();
    assert!(finished.count(" got TERM") > 0, "{finished}");
    let [text, json] = explained;
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    vec![
        ("-v", finished.err.join("\n")),
        ("--report", read(&report)),
        ("--termination-log", read(&log)),
        ("--explain", text),
        ("--explain --format json", json),
    ]
}

/// Promise (Against hostile programs): logs and reports contain no secrets and no forged lines
fn names_and_arguments_can_forge_no_line_and_control_no_terminal() {
    let script = "printf '\\012adieu: \\033[2J\\342\\200\\256' >/proc/$$/comm
        trap 'echo evil got TERM; exit' TERM; echo evil ready; while :; do sleep 0.05; done";
    let evil = "\nadieu: forged\r\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{2066}\u{2028}end";
    let shown = everything_shown(outside(), &["--show-args"], &["--", "sh", "-c", script, evil]);
    for (where_, text) in shown {
        let unfit = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.contains(unfit), "{where_}: {text:?}");
        assert!(!text.contains("\\u001b") && !text.contains("\\n"), "{where_}: {text:?}");
        assert!(text.contains("?adieu:"), "{where_}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("adieu: forged")), "{where_}: {text:?}");
        assert!(
            where_ != "-v"
                || text.lines().all(|line| line.starts_with("adieu: ") || line == "Terminated"),
            "{text}"
        );
    }
    // Nor by an error, which is the first line of the log of a container that does not start.
    for words in [
        &["--timeout", evil, "true"][..],
        &["--", evil],
        &[evil, "a"],
        &["--report", "-", "-x\u{1b}"],
    ] {
        let finished = outside().args(words.iter().copied()).start().finish();
        assert!(
            !finished.err.join("\n").contains(|c: char| c.is_control() && c != '\n'),
            "{finished}"
        );
    }
}

/// Promise (Against hostile programs): logs and reports contain no secrets and no forged lines
fn neither_environment_nor_arguments_are_shown_unasked() {
    let shown = |options: &[&str]| {
        let secret = outside()
            .env("PASSWORD", "in-the-environment")
            .env("ADIEU_SECRET", "in-the-environment");
        let script = "server --name quiet --print USR1,USR2 & exec server --name x\"$2\"; \
            : in-the-arguments";
        everything_shown(secret, options, &["-c", script, "sh", "in-the-arguments"])
    };
    for (where_, text) in shown(&[]) {
        assert!(!text.contains("in-the-"), "{where_}: {text}");
    }
    for (where_, text) in shown(&["--show-args"]) {
        assert!(!text.contains("in-the-environment"), "{where_}: {text}");
    }
}

// --- Where it writes -----------------------------------------------------------------------------

/// With both files in a directory that the program below does `this` to before the stop.
fn written_after(this: &str) -> (Scratch, Finished) {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("logs")).unwrap();
    fs::create_dir(scratch.join("elsewhere")).unwrap();
    fs::write(scratch.join("victim"), "mine\n").unwrap();
    let finished = stopped(
        outside()
            .current_dir(scratch.path())
            .args(["--report", "logs/report", "--termination-log=logs/log"])
            .arg(format!("{this} || exit 9; server; exit 3")),
        1,
        3,
    );
    assert_finished(&finished, "server");
    assert_eq!(fs::read_to_string(scratch.join("victim")).unwrap(), "mine\n", "{this}\n{finished}");
    (scratch, finished)
}

fn names(directory: PathBuf) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn warned(finished: &Finished, option: &str, why: &str) -> bool {
    finished
        .err
        .iter()
        .any(|line| line.contains(option) && line.contains(why) && line.contains("unchanged"))
}

/// Promise (Against hostile programs): report and termination log are written where they were asked
/// for, or not at all
fn a_link_in_the_place_of_a_directory_is_not_followed() {
    let (scratch, finished) = written_after("mv logs away && ln -s elsewhere logs");
    for option in ["--report", "--termination-log"] {
        assert!(warned(&finished, option, "a link has taken the place"), "{finished}");
    }
    for directory in ["away", "elsewhere"] {
        assert_eq!(names(scratch.join(directory)), BTreeSet::new());
    }
}

/// Promise (Against hostile programs): report and termination log are written where they were asked
/// for, or not at all
fn a_directory_that_was_made_anew_and_links_from_before_are_followed() {
    let both = ["log", "report"].map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
    let (scratch, finished) = written_after("rm -r logs && mkdir logs");
    assert_eq!(names(scratch.join("logs")), both, "{finished}");

    symlink("elsewhere", scratch.join("link")).unwrap();
    let words = [
        "--report",
        "link/../link/report",
        "--termination-log=link/log",
        "mkdir link/late; server",
    ];
    let finished = stopped(outside().current_dir(scratch.path()).args(words), 1, 0);
    let late = stopped(
        outside().current_dir(scratch.path()).args([
            "--report",
            "link/new/report",
            "mkdir link/new; server",
        ]),
        1,
        0,
    );
    assert!(finished.err.is_empty(), "{finished}");
    // Said at the start, when the directory was not there yet.
    assert!(late.err.len() == 1 && late.err[0].contains("there is no directory"), "{late}");
    assert!(both.is_subset(&names(scratch.join("elsewhere"))));
    assert!(scratch.join("elsewhere/new/report").exists());
}

/// Promise (Against hostile programs): report and termination log are written where they were asked
/// for, or not at all
fn a_link_or_pipe_in_the_place_of_a_file_is_left_alone() {
    // The temporary name is known beforehand: the pid of adieu is the script's parent's.
    for (this, report, log) in [
        (
            "ln -s ../victim logs/report && ln -s ../victim logs/log",
            Some("no regular file"),
            Some("ymbolic link"),
        ),
        ("ln victim logs/report && ln victim logs/log", None, Some("a second name")),
        ("mkfifo logs/report logs/log", Some("no regular file"), Some("")),
        ("ln -s ../victim logs/report.$PPID.tmp", None, None),
        ("ln victim logs/report.$PPID.tmp", None, None),
        ("mkfifo logs/report.$PPID.tmp", None, None),
        ("mkdir logs/report.$PPID.tmp", Some("exists"), None),
    ] {
        let (scratch, finished) = written_after(this);
        for (option, why) in [("--report", report), ("--termination-log", log)] {
            let complained = finished.err.iter().any(|line| line.contains(option));
            assert_eq!(complained, why.is_some(), "{this}, {option}\n{finished}");
            assert!(
                why.is_none_or(|why| warned(&finished, option, why)),
                "{this}, {option}\n{finished}"
            );
        }
        if report.is_none() {
            assert!(
                fs::read_to_string(scratch.join("logs/report")).unwrap().starts_with('{'),
                "{this}"
            );
        }
        assert_eq!(names(scratch.join("elsewhere")), BTreeSet::new());
    }
}

/// Promise (Against hostile programs): report and termination log are written where they were asked
/// for, or not at all
fn a_report_to_an_open_descriptor_or_device_is_refused() {
    for path in [
        "/proc/self/fd/1",
        "/dev/stdout",
        "/dev/fd/2",
        "/dev/null",
        "/proc/self/fd/77",
        "/proc/self/mem",
    ] {
        let finished = stopped(outside().args(["--report", path, "server; exit 3"]), 1, 3);
        assert!(warned(&finished, "--report", path), "{finished}");
        let finished =
            stopped(outside().arg(format!("--termination-log={path}")).arg("server; exit 3"), 1, 3);
        assert!(warned(&finished, "--termination-log", path), "{finished}");
    }
}

// --- What it is made of --------------------------------------------------------------------------

/// Comments, which speak of it too, are not counted.
fn uses_of_unsafe(source: &str) -> usize {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| *w == "unsafe").count()
    })
    .sum()
}

/// Promise (Against hostile programs): `unsafe` and dependencies are those of the page
fn unsafe_is_where_and_as_often_as_the_page_says() {
    let root = repository();
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut rows = 0;
    let mut files = Vec::from([root.join("src")]);
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let Ok(source) = fs::read_to_string(&path) else { continue };
        let file = path.strip_prefix(root.join("src")).unwrap().to_str().unwrap();
        let count = uses_of_unsafe(&source);
        if count > 0 {
            assert!(
                file.starts_with("system/sys/")
                    || ["main.rs", "bin/adieu-runtime.rs"].contains(&file),
                "{file} has `unsafe`, which is for src/system/sys alone"
            );
            let row = format!("| `src/{file}` | {count} |");
            assert!(page.contains(&row), "docs/security.md lacks {row}");
            rows += 1;
        }
    }
    assert!(rows > 0);
    assert_eq!(page.matches("| `src/").count(), rows);
}

/// Each crate that the init is linked with stands in the table, with the version of the lock file,
/// and no other does.
/// Promise (Against hostile programs): `unsafe` and dependencies are those of the page
fn the_dependencies_are_those_of_the_page() {
    let root = repository();
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let tree = std::process::Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{p}",
        ])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<String> = tree
        .lines()
        .filter(|line| !line.starts_with("adieu "))
        .filter_map(|line| Some(line.split_once(" v")).flatten())
        .map(|(name, version)| format!("| `{name}` {} |", version.split(' ').next().unwrap()))
        .collect();
    assert!(crates.len() > 5, "{tree}");
    let missing: Vec<_> = crates.iter().filter(|row| !page.contains(&***row)).collect();
    assert!(missing.is_empty(), "docs/security.md lacks {missing:?}");
    let rows = page.lines().filter(|line| {
        line.starts_with("| `")
            && line.split('`').nth(2).is_some_and(|rest| {
                rest.starts_with(' ') && rest.trim_start().starts_with(|c: char| c.is_ascii_digit())
            })
    });
    assert_eq!(rows.count(), crates.len(), "docs/security.md names more than is linked");
}

pub(crate) const TESTS: &[Test] = tests![
    a_process_that_got_the_pid_of_another_is_never_signalled,
    a_made_up_proc_leads_to_no_signal,
    a_file_system_that_does_not_answer_delays_no_stop,
    a_flood_of_signals_loses_no_stop_and_no_process_gets_it_twice,
    under_each_limit_the_stop_is_graceful_and_the_status_unchanged,
    with_as_many_processes_as_the_user_may_have_the_report_is_written,
    what_adieu_keeps_of_each_process_is_bounded,
    names_and_arguments_can_forge_no_line_and_control_no_terminal,
    neither_environment_nor_arguments_are_shown_unasked,
    a_link_in_the_place_of_a_directory_is_not_followed,
    a_directory_that_was_made_anew_and_links_from_before_are_followed,
    a_link_or_pipe_in_the_place_of_a_file_is_left_alone,
    a_report_to_an_open_descriptor_or_device_is_refused,
    unsafe_is_where_and_as_often_as_the_page_says,
    the_dependencies_are_those_of_the_page
];
