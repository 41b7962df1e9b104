//! `--explain all`: containers made with unshare(1), one within another, many of them, and such as
//! may not be read.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::explain;
use crate::scenario::{AS_USER_65534, container, silent_file_system};
use crate::support::runner::{Test, tests};
use crate::support::variables::full_load;
use crate::support::{
    Adieu, Finished, Pty, Running, Scratch, adieu, eventually, pid_namespace, process, root, say,
    schema, script, tool, tool_or_less,
};
use nix::sys::signal::Signal::SIGTERM;

/// The words that start a container.
const UNSHARE: &str = "unshare --pid --fork --kill-child --mount-proc";

fn ended(options: &[&str], code: i32) -> Vec<String> {
    let finished = explain(["all"].into_iter().chain(options.iter().copied()));
    assert!(finished.code == code && finished.err.is_empty(), "{finished}");
    finished.out
}

/// What it says of all containers, valid by its schema.
pub(super) fn explain_all(options: &[&str]) -> Value {
    let lines = ended(&[&["--format", "json"], options].concat(), 0);
    let value = serde_json::from_str(&lines.join("\n")).unwrap();
    schema::validate("explain-all", &value);
    value
}

/// The same as text.
pub(super) fn explain_all_text(options: &[&str]) -> Vec<String> {
    let lines = ended(options, 0);
    assert_fits(&lines);
    lines
}

fn assert_fits(lines: &[String]) {
    for line in lines {
        assert!(line.chars().count() <= 100, "more than 100 columns: {line}\n{lines:#?}");
        assert!(!line.contains('\x1b'), "coloured, into a pipe: {line:?}");
    }
}

/// What it says of the container whose first process this is.
fn of(all: &Value, pid: i32) -> &Value {
    let found = all["containers"].as_array().unwrap().iter().find(|it| it["pid"] == pid);
    found.unwrap_or_else(|| panic!("{pid} is not in {all:#}"))
}

/// Promise (Explaining): `--explain all` has each container in one line, the worst first, and one
/// within another behind that
fn containers_within_containers_stand_behind_them() {
    pid_namespace();
    // In the outer one TERM is rewritten, in the inner one it is not.
    let nested = format!("{UNSHARE} sh -c 'server --name inner --on QUIT; :'; :");
    let outer = container().args(["-r", "TERM=QUIT", &*nested]).start();
    outer.wait_line("inner ready");
    let inner = outer.tree().into_iter().find(|it| {
        let pids = crate::support::status_field(it.pid, "NSpid").unwrap_or_default();
        it.name == "sh" && pids.ends_with("\t1")
    });
    let inner = inner.unwrap().pid.as_raw();
    let all = explain_all(&[]);
    let (said, within) = (of(&all, outer.pid().as_raw()), of(&all, inner));
    assert_eq!((&said["init"], &said["outcome"]), (&"adieu".into(), &"waits".into()), "{all:#}");
    assert_eq!(within["parent"], outer.pid().as_raw(), "{within:#}");
    // The server handles QUIT alone, and the shell neither.
    assert_eq!(within["outcome"], "ignores", "{within:#}");
    assert_eq!(within["programs"], Value::Array(Vec::new()), "{within:#}");
    let text = explain_all_text(&[]);
    let at =
        |pid: i32| text.iter().position(|line| line.trim_start().starts_with(&format!("{pid} ")));
    let (outer_at, inner_at) = (at(outer.pid().as_raw()).unwrap(), at(inner).unwrap());
    assert_eq!(inner_at, outer_at + 1, "{text:#?}");
    // What `--explain PID` says of each.
    for said in [said, within] {
        let pid = said["pid"].to_string();
        let one = explain([&*pid, "--format", "json"]).out.concat();
        let one: Value = serde_json::from_str(&one).unwrap();
        assert_eq!((&one["outcome"], &one["verdict"]), (&said["outcome"], &said["verdict"]));
    }
}

/// In a PID namespace of its own: starts these containers, each with as many lines of ` ready`, and
/// asks with these options.
fn asked_within(containers: &[&str], options: &str) -> Finished {
    let starts = containers.iter().map(|words| format!("{UNSHARE} {words} & "));
    let script = format!(
        "{}read line; \"$ADIEU\" --explain all {options}; exit $?",
        starts.collect::<String>()
    );
    let running = container().program("/bin/sh").args(["-c", &script]);
    let mut running = running.stdin(Stdio::piped()).start();
    let ready = containers.len();
    running.wait_lines(ready, " ready");
    drop(running.stdin());
    running.finish()
}

/// Promise (Explaining): `--check` exits with 1 where a container ignores the signal or cuts a
/// program off, with 0 where none does, and with 125 where that may not be read
fn check_answers_by_the_exit_status_for_all() {
    pid_namespace();
    let good = "server";
    let bad = "sh -c 'server; :'";
    let lines = |finished: &Finished| {
        let lines: Vec<String> =
            finished.out.iter().filter(|it| !it.ends_with(" ready")).cloned().collect();
        assert_fits(&lines);
        lines
    };
    let said = asked_within(&[good, good], "--check");
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(lines(&said).last().unwrap(), "2 containers: 2 wait", "{said}");
    let said = asked_within(&[good, bad], "--check");
    assert_eq!(said.code, 1, "{said}");
    let lines = lines(&said);
    assert_eq!(lines.last().unwrap(), "2 containers: 1 ignores SIGTERM, 1 waits", "{said}");
    assert!(lines[1].contains(" ignores SIGTERM, cuts server (") && lines[1].ends_with(" off"));
    assert!(lines[2].contains(" waits for server ("), "{said}");
    // Without it, and with another signal.
    assert_eq!(asked_within(&[bad], "").code, 0);
    let said = asked_within(&["server --print HUP"], "--check --signal HUP");
    assert_eq!((said.code, said.count("1 container: 1 waits")), (0, 1), "{said}");
    // Nothing is within this namespace.
    let nothing = asked_within(&[], "--check");
    assert_eq!(nothing.code, 125, "{nothing}");
    assert!(nothing.err[0].contains("--pid=host"), "{nothing}");
}

/// Promise (Explaining): `--check` exits with 1 where a container ignores the signal or cuts a
/// program off, with 0 where none does, and with 125 where that may not be read
fn check_answers_by_the_exit_status_for_one() {
    pid_namespace();
    let check = |running: &Running, options: &[&str]| {
        let pid = running.pid().to_string();
        explain([&*pid, "--check"].into_iter().chain(options.iter().copied())).code
    };
    let under_adieu = container().arg("server; :").start();
    under_adieu.wait_line("ready");
    let bare = container().program("/bin/sh").args(["-c", "server; :"]).start();
    bare.wait_line("ready");
    assert_eq!((check(&under_adieu, &[]), check(&bare, &[])), (0, 1));
    assert_eq!(check(&bare, &["--format", "json"]), 1);
    assert_eq!(check(&bare, &["--signal", "KILL"]), 0, "nobody can ignore it");
    assert_eq!(explain(["4194305", "--check"]).code, 125, "no such process");
}

/// Promise (Explaining): `--check` exits with 1 where a container ignores the signal or cuts a
/// program off, with 0 where none does, and with 125 where that may not be read
fn what_another_user_may_not_read_is_said_and_is_no_answer() {
    root();
    pid_namespace();
    tool("setpriv");
    let scratch = Scratch::new();
    Adieu::new().as_child().arg("--install").arg(scratch.join("adieu")).start().expect_exit(0);
    let user = AS_USER_65534.join(" ");
    // PID 1 has no handler, and whether a thread of it waits for the signal is for root to see.
    let script = format!(
        "{UNSHARE} sh -c 'exec server --on none' & read line; \
         setpriv {user} {}/adieu --explain all --check; echo \"status $?\"",
        scratch.path().display()
    );
    let running = container().program("/bin/sh").args(["-c", &script]);
    let mut running = running.stdin(Stdio::piped()).start();
    running.wait_line(" ready");
    drop(running.stdin());
    let said = running.finish();
    assert_eq!(said.count(" server may not be read"), 1, "{said}");
    assert_eq!(said.count("CAP_SYS_PTRACE"), 1, "{said}");
    assert_eq!(said.count("1 container: 1 not readable"), 1, "{said}");
    assert_eq!(said.count("status 125"), 1, "{said}");
    // Where /proc shows a user none but its own processes, that is not the whole machine.
    let script = format!(
        "mount -o remount,hidepid=invisible /proc || exit 3
         setpriv {user} {}/adieu --explain all; echo \"status $?\"",
        scratch.path().display()
    );
    let said = container().program("/bin/sh").args(["-c", &script]).start().finish();
    assert_eq!(said.count("status 125"), 1, "{said}");
    assert!(said.err.iter().any(|line| line.contains("not whole")), "{said}");
}

/// Promise (Explaining): `--explain all` has each container in one line, the worst first, and one
/// within another behind that
fn it_shows_command_lines_and_colours_only_where_they_are_asked_for() {
    pid_namespace();
    let running =
        container().program("/bin/sh").args(["-c", "server --name s3cret; : s3cret"]).start();
    running.wait_line("ready");
    assert!(explain_all_text(&[]).iter().all(|line| !line.contains("s3cret")));
    assert!(!explain_all(&[]).to_string().contains("s3cret"));
    let lines = explain_all_text(&["--show-args"]);
    assert!(lines.iter().any(|line| line.contains("sh -c server --name s3cret")), "{lines:#?}");
    let all = explain_all(&["--show-args"]);
    assert_eq!(
        of(&all, running.pid().as_raw())["command"],
        "/bin/sh -c server --name s3cret; : s3cret"
    );
    let mut command = std::process::Command::new(adieu());
    command.args(["--explain", "all"]).env_remove("NO_COLOR");
    let mut pty = Pty::spawn(command);
    pty.wait_text("container");
    assert_eq!(pty.exit(), 0);
    assert!(pty.text().contains("\x1b[1;31m"), "{:?}", pty.text());
}

/// Promise (Explaining): `--explain all` sends no signal, and goes on whatever ends or hangs
/// meanwhile
fn it_goes_on_beside_what_is_stopped_and_what_comes_and_goes() {
    pid_namespace();
    let all = "server --print HUP,INT,QUIT,USR1,USR2,CONT,WINCH,RTMIN --on TERM";
    let steady = container().program("/bin/sh").args(["-c", &format!("exec {all}")]);
    let steady = steady.deadline(Duration::from_secs(120)).start();
    steady.wait_line("ready");
    let stopped = container().program("/bin/sh").args(["-c", "server; :"]).start();
    stopped.wait_line("ready");
    let server = stopped.process("server").pid;
    nix::sys::signal::kill(server, nix::sys::signal::Signal::SIGSTOP).unwrap();
    eventually("it is stopped", || process(server).is_some_and(|it| it.state == 'T'));
    let storm = format!("while :; do {UNSHARE} sh -c ':; :' & {UNSHARE} sh -c 'sleep 0'; done");
    let storm = Adieu::new().as_child().program("/bin/sh").args(["-c", &storm]).start();
    for _ in 0..5 {
        let all = explain_all(&[]);
        assert_eq!(of(&all, steady.pid().as_raw())["outcome"], "waits");
        assert_eq!(of(&all, stopped.pid().as_raw())["programs"][0]["name"], "server");
    }
    drop(storm);
    assert_eq!(steady.lines().len(), 1, "{:#?}", steady.lines());
    steady.signal(SIGTERM);
    steady.expect_exit(0).assert_order(["server got TERM", "server done"]);
}

/// Promise (Explaining): `--explain all` sends no signal, and goes on whatever ends or hangs
/// meanwhile
fn it_goes_on_beside_a_file_system_that_does_not_answer() {
    root();
    pid_namespace();
    let scratch = Scratch::new();
    let (file, mount) = silent_file_system(&scratch);
    let file = file.display();
    let script = format!(
        "{mount}
         {UNSHARE} sh -c 'exec <{file}; cat /dev/null | server; :' &
         {UNSHARE} sh -c 'exec cat {file}' & read line; \"$ADIEU\" --explain all"
    );
    let running = container().program("/bin/sh").args(["-c", &script]);
    let mut running = running.stdin(Stdio::piped()).start();
    running.wait_line("server ready");
    running.wait_line("asked");
    drop(running.stdin());
    running.wait_line("2 containers: 2 ignore SIGTERM");
}

/// Promise (Explaining): `--explain all` says of other inits what is certain, and otherwise that it
/// is not
fn of_supervisord_and_s6_it_says_that_their_configuration_decides() {
    pid_namespace();
    let scratch = Scratch::new();
    let configuration = scratch.join("supervisord.conf");
    let text = [
        "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=DIR/pid",
        "user=root\n[program:server]\ncommand=server\nstdout_logfile=/dev/fd/1",
        "stdout_logfile_maxbytes=0\n",
    ];
    let text = text.join("\n");
    let directory = scratch.path().display().to_string();
    fs::write(&configuration, text.replace("DIR", &directory)).unwrap();
    let service = scratch.join("scan/server");
    fs::create_dir_all(&service).unwrap();
    script(&service, "run", "exec server\n");
    for (name, words) in [
        ("supervisord", vec!["-c".to_owned(), configuration.display().to_string()]),
        ("s6-svscan", vec![format!("{directory}/scan")]),
    ] {
        let Some(program) = tool_or_less(name) else { continue };
        let running = container().program(program).args(words).start();
        running.wait_line(" ready");
        let all = explain_all(&[]);
        let said = of(&all, running.pid().as_raw());
        assert_eq!(said["outcome"], "not_certain", "{said:#}");
        assert_eq!(said["init"], name, "{said:#}");
        // s6-supervise is between, and handles the signal itself.
        let named = if name == "s6-svscan" { "s6-supervise" } else { "server" };
        let named = running.process(named);
        let named = format!("{} ({})", named.name, named.pid);
        assert!(said["verdict"].as_str().unwrap().contains(&named), "{named}: {said:#}");
    }
}

/// Promise (Explaining): `--explain all` has each container in one line, the worst first, and one
/// within another behind that
fn the_schema_of_all_describes_every_property_and_allows_no_other() {
    schema::assert_strict("explain-all");
}

/// As `times` of a shell prints it: `0m0.530000s`.
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
    minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
}

/// How many containers there are in CI, and at the full size; each has ten processes.
const MANY: (usize, usize) = (50, 1_000);

/// Promise (Explaining): 1,000 containers with 10 processes each take `--explain all` less than two
/// seconds of a processor and less than 32 MB
fn a_thousand_containers_take_no_two_seconds() {
    pid_namespace();
    tool("nsenter");
    let count = if full_load() { MANY.1 } else { MANY.0 };
    // Nine processes beside PID 1, one of them with a handler, below shells.
    let inner = "sleep 3600 & sleep 3600 & sleep 3600 & sleep 3600 & sleep 3600 & sleep 3600 & \
                 sleep 3600 & (server; :)";
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do \
         unshare --pid --fork --kill-child sh -c '{inner}' & i=$((i + 1)); done; wait"
    );
    let many = container().program("/bin/sh").args(["-c", &script]);
    let many = many.deadline(Duration::from_secs(300)).start();
    many.wait_lines(count, " ready");
    let pid = many.pid().to_string();
    let user: &[&str] =
        if crate::support::is_root() { &[] } else { &["-U", "--preserve-credentials"] };
    // Its memory, all of what it has mapped, has a limit. The shell's last line is what its
    // children had of the processors.
    let limited = "ulimit -v 32000; \"$ADIEU\" --explain all; times";
    let ask = Adieu::new().as_child().program(tool("nsenter")).env("ADIEU", adieu());
    let ask = ask.args(["-t", &*pid, "-p", "-m"]).args(user.iter().copied());
    let began = Instant::now();
    let mut said = ask.args(["/bin/sh", "-c", limited]).start().expect_exit(0);
    let took = began.elapsed();
    let times: f64 = said.out.pop().unwrap().split_whitespace().map(seconds).sum();
    said.out.pop();
    let last = said.out.last().unwrap();
    assert_eq!(*last, format!("{count} containers: {count} ignore SIGTERM"), "{said}");
    // With the heading, the line about SIGTERM and the last one.
    assert_eq!(said.out.len(), count + 3, "{last}");
    say(format!(
        "{count} containers with 10 processes each: {took:?}, processor time {times:.2} s"
    ));
    // A debug build computes for several times as long, and other tests may run beside this one.
    let limit = if cfg!(debug_assertions) { 8.0 } else { 2.0 };
    assert!(times < limit, "{times} s of processor time for {count} containers");
    let tree = fs::read_dir("/proc").unwrap().count();
    assert!(tree > count * 10, "{tree}");
}

pub(crate) const TESTS: &[Test] = tests![
    containers_within_containers_stand_behind_them,
    check_answers_by_the_exit_status_for_all,
    check_answers_by_the_exit_status_for_one,
    what_another_user_may_not_read_is_said_and_is_no_answer,
    it_shows_command_lines_and_colours_only_where_they_are_asked_for,
    it_goes_on_beside_what_is_stopped_and_what_comes_and_goes,
    it_goes_on_beside_a_file_system_that_does_not_answer,
    of_supervisord_and_s6_it_says_that_their_configuration_decides,
    the_schema_of_all_describes_every_property_and_allows_no_other,
];

/// It measures how long it takes.
pub(crate) const ALONE: &[Test] = tests![a_thousand_containers_take_no_two_seconds];
