//! What `--explain` promises: the tree with what a stop would do to it, under adieu, under other
//! inits and under none. Each test compares what it says with what then happens.

/// `--explain all`.
pub(crate) mod all;
/// The same in real engines of containers.
pub(crate) mod containers;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::scenario::{AS_USER_65534, AT_ONCE, container, is_gone};
use crate::support;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Pty, Running, Scratch, adieu, eventually, is_root, pid_namespace,
    pid_namespace_or_less, process, root, schema, status_field, tool, tool_or_less,
};
use nix::sys::signal::Signal::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGWINCH};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

// --- Helpers -------------------------------------------------------------------------------------

fn started<'a>(words: impl IntoIterator<Item = &'a str>, ready: usize) -> Running {
    let running = container().args(words).start();
    running.wait_lines(ready, " ready");
    running
}

/// A tree below another init, or none, as PID 1.
fn below(init: &[&str], script: &str) -> Running {
    let words = init.iter().copied().chain(["sh", "-c", script]).skip(1);
    let running = container().program(init.first().map_or("sh".into(), |init| tool(init)));
    let running =
        if init.is_empty() { running.args(["-c", script]) } else { running.args(words) }.start();
    running.wait_lines(1, " ready");
    // A shell blocks every signal while it forks, and may be on its way back from that when its
    // child is ready.
    let blocks =
        |pid| support::status_field(pid, "SigBlk").is_some_and(|set| set.contains(|c| c != '0'));
    let of_tree = || running.tree().into_iter().chain(process(running.pid()));
    support::eventually("no shell blocks signals", || {
        !of_tree().any(|it| it.name == "sh" && blocks(it.pid))
    });
    running
}

/// `adieu --explain` with these words, started beside the tree.
fn explain<'a>(words: impl IntoIterator<Item = &'a str>) -> Finished {
    Adieu::new().as_child().arg("--explain").args(words).start().finish()
}

/// What it says of a tree, as text.
fn text(of: &Running, options: &[&str]) -> Vec<String> {
    let finished = explain([&*of.pid().to_string()].into_iter().chain(options.iter().copied()));
    assert!(finished.code == 0 && finished.err.is_empty(), "{finished}");
    for line in &finished.out {
        assert!(line.chars().count() <= 80, "more than 80 columns: {line}\n{finished}");
        assert!(!line.contains('\x1b'), "coloured, into a pipe: {line:?}");
    }
    finished.out
}

/// The same for programs, valid by its schema.
fn json(of: &Running, options: &[&str]) -> Value {
    let words = [&*of.pid().to_string(), "--format", "json"].map(str::to_owned);
    let finished = explain(words.iter().map(String::as_str).chain(options.iter().copied()));
    assert!(finished.code == 0 && finished.err.is_empty(), "{finished}");
    let value = serde_json::from_str(&finished.out.join("\n")).unwrap();
    validate(&value);
    value
}

/// The text below the table.
fn verdict(of: &Running, options: &[&str]) -> String {
    sentences(&text(of, options))
}

fn sentences(lines: &[String]) -> String {
    let behind_table = lines.iter().skip_while(|line| !line.is_empty()).skip(1);
    behind_table.map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn named(process: &support::Process) -> String {
    format!("{} ({})", process.name, process.pid)
}

/// The entries of the processes of that name.
fn entries<'a>(explained: &'a Value, name: &str) -> Vec<&'a Value> {
    explained["processes"].as_array().unwrap().iter().filter(|it| it["name"] == name).collect()
}

/// What is said of each process, by pid.
fn each(explained: &Value, key: &str) -> BTreeMap<i64, String> {
    let processes = explained["processes"].as_array().unwrap();
    processes
        .iter()
        .map(|it| (it["pid"].as_i64().unwrap(), it[key].as_str().unwrap().to_owned()))
        .collect()
}

/// Against `docs/explain.schema.json`.
fn validate(document: &Value) {
    schema::validate("explain", document);
}

// --- The tree ------------------------------------------------------------------------------------

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_pipeline_under_adieu_beside_it_and_inside_its_container() {
    let running = started(["cd / && server | tee -a /dev/null; echo after"], 1);
    let [sh, server, tee] = ["sh", "server", "tee"].map(|name| running.process(name));
    let lines = text(&running, &[]);
    let cells =
        |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let table: Vec<String> = lines.iter().take(5).map(cells).collect();
    assert_eq!(
        table,
        [
            "PID PROCESS SIGTERM ROLE WHAT WOULD HAPPEN".to_owned(),
            format!("{} adieu signalfd", running.pid()),
            format!("{} sh default shielded gets it at the last call", sh.pid),
            format!("{} server caught handler gets it at once, waited for", server.pid),
            format!("{} tee default bystander ends at end of file", tee.pid),
        ]
    );
    let said = format!(
        "On SIGTERM adieu would wait for {}; {} is shielded; {} ends at end of file.",
        named(&server),
        named(&sh),
        named(&tee)
    );
    assert_eq!(sentences(&lines), said);

    let explained = json(&running, &[]);
    assert_eq!(explained["init"], "adieu");
    assert_eq!(explained["verdict"], *said);
    assert_eq!(explained["root"]["pid"], running.pid().as_raw());
    assert_eq!(
        each(&explained, "role").values().collect::<Vec<_>>(),
        ["shielded", "handler", "bystander"]
    );

    if pid_namespace_or_less() && tool_or_less("nsenter").is_some() {
        // As `docker exec` starts it: the default is PID 1, and the numbers are those of the
        // container.
        let pid = running.pid().to_string();
        let user: &[&str] = if is_root() { &[] } else { &["-U", "--preserve-credentials"] };
        let inside = |words: &[&str]| {
            let enter = Adieu::new().as_child().program("nsenter").args(["-t", &pid, "-p", "-m"]);
            let finished =
                enter.args(user.iter().copied()).arg(adieu()).args(words.iter().copied()).start();
            finished.expect_exit(0).out
        };
        let lines = inside(&["--explain"]);
        assert_eq!(
            sentences(&lines),
            "On SIGTERM adieu would wait for server (3); sh (2) is shielded; \
                tee (4) ends at end of file."
        );
        assert_eq!(inside(&["--explain", "1"]), lines);
    }
    running.signal(SIGTERM);
    running.expect_exit(0).assert_order(["server got TERM", "server done", "after"]);
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn every_way_to_take_a_signal_is_named() {
    let ways = [
        "--by caught",
        "--by signalfd",
        "--by sigwait",
        "--on INT --ignore TERM",
        "--on none",
        "--on INT",
    ];
    let seen_as = ["caught", "signalfd", "sigwait", "ignored", "default", "default"];
    let script = ways.map(|way| format!("server {way}")).join(" & ");
    let running = started([&*format!("{script} & wait")], ways.len());
    // A thread is in sigwait a moment after it has said that it is ready.
    let mut seen = BTreeMap::new();
    eventually("all wait for signals", || {
        let explained = json(&running, &["--show-args"]);
        let way = |it: &Value| {
            it["command"].as_str().unwrap().strip_prefix("server ").unwrap_or_default().to_owned()
        };
        let disposition = |it: &Value| it["disposition"].as_str().unwrap().to_owned();
        seen = entries(&explained, "server")
            .into_iter()
            .map(|it| (way(it), disposition(it)))
            .collect();
        seen.get("--by sigwait").is_some_and(|it| it == "sigwait")
    });
    for (way, seen_as) in ways.iter().zip(seen_as) {
        assert_eq!(seen.get(*way).map(String::as_str), Some(seen_as), "{way}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn where_nothing_handles_it_the_container_would_stop_at_once() {
    let running = container().arg("sleep 3600; echo never").start();
    eventually("sleep runs", || running.tree().iter().any(|it| it.name == "sleep"));
    assert_eq!(
        verdict(&running, &[]),
        "Nothing here handles SIGTERM: the container would stop at once."
    );
    json(&running, &[]);
    running.signal(SIGTERM);
    let finished = running.expect_exit(143);
    assert!(finished.took < AT_ONCE, "{finished}");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn the_settings_of_the_running_adieu_are_taken_into_account() {
    let limited = started(["-t", "9s", "server; :"], 1);
    assert!(verdict(&limited, &[]).contains("server ("), "{}", verdict(&limited, &[]));
    assert!(verdict(&limited, &[]).contains(", for at most 9.00 s"), "{}", verdict(&limited, &[]));

    let by_environment = container().env("ADIEU_TIMEOUT", "9s").arg("server; :").start();
    by_environment.wait_line("ready");
    assert!(verdict(&by_environment, &[]).contains(", for at most 9.00 s"));

    let rewritten = started(["-r", "TERM=QUIT", "server --on QUIT; :"], 1);
    let said = verdict(&rewritten, &[]);
    assert!(
        said.starts_with("SIGQUIT is sent in place of SIGTERM. On SIGTERM adieu would"),
        "{said}"
    );

    // The server handles TERM, which it does not get.
    let rewritten = started(["-r", "TERM=QUIT", "server; :"], 1);
    let said = verdict(&rewritten, &[]);
    assert!(said.contains(" Nothing here handles SIGQUIT: the container would stop"), "{said}");

    let group = started(["-g", "server | cat; :"], 1);
    let said = json(&group, &[]);
    assert_eq!(entries(&said, "cat")[0]["when"], "gets it at once");
    assert!(!said["verdict"].as_str().unwrap().contains("end of file"), "{said:#}");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_signal_that_is_rewritten_to_0_goes_to_no_process() {
    let running = started(["-r", "TERM=0", "server; :"], 1);
    assert_eq!(verdict(&running, &[]), "SIGTERM would be dropped: adieu rewrites it to 0.");
    let explained = json(&running, &[]);
    assert!(
        each(&explained, "when").values().all(|when| !when.contains("gets it at once")),
        "{explained:#}"
    );
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn the_roles_are_those_that_the_stop_then_has() {
    let scripts = [
        ("cd / && server; echo after", 1),
        ("server --name a & server --name b --workers 2 & sleep 3600 & wait", 4),
        ("trap 'exit 0' TERM; server & wait", 1),
        ("server | cat | tee /dev/null; sleep 0", 1),
        ("(server --daemonize; server --setsid & wait); :", 2),
        ("timeout 1h sh -c 'server; :'; :", 1),
    ];
    for ignored in [&[][..], &[SIGINT, SIGQUIT]] {
        for (script, ready) in scripts.into_iter().chain([("trap 'exit 0' TERM; server; :", 1)]) {
            let scratch = Scratch::new();
            let report = scratch.join("report");
            let running = container().arg("--report").arg(&report).arg(script);
            let running = running.ignoring(ignored.iter().copied()).start();
            running.wait_lines(ready, " ready");
            // A shell that has started its job may not be in `wait` yet, which shows that it is a
            // job.
            let waits = || running.tree().iter().all(|it| it.name != "sh" || it.state == 'S');
            eventually("every shell waits", waits);
            let explained = json(&running, &[]);
            let inner = |pid: i64| {
                let pids = status_field(Pid::from_raw(pid.try_into().unwrap()), "NSpid").unwrap();
                pids.split_whitespace().next_back().unwrap().parse::<i64>().unwrap()
            };
            let said: BTreeMap<i64, String> = each(&explained, "role")
                .into_iter()
                .map(|(pid, role)| (inner(pid), role))
                .collect();
            running.signal(SIGTERM);
            running.finish();
            let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
            // The report does not name the workers below a handler, but what that leaves behind,
            // which is a handler by then.
            for (pid, role) in each(&report, "role") {
                let said = said.get(&pid).map(String::as_str);
                assert!(
                    said == Some(&role) || (said, &*role) == (Some("worker"), "handler"),
                    "{pid} of {script}, ignoring {ignored:?}: {said:?}\n{report:#}"
                );
            }
        }
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn an_explain_that_runs_in_the_tree_does_not_take_itself_for_a_part_of_it() {
    pid_namespace();
    let running = container().arg("$ADIEU --explain; echo explained; sleep 3600").start();
    running.wait_line("explained");
    let lines: Vec<String> = running.lines().into_iter().map(|line| line.text).collect();
    let said = sentences(&lines);
    assert!(
        said.starts_with("Nothing here handles SIGTERM: the container would stop at once."),
        "{lines:#?}"
    );
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn an_explain_with_nothing_but_itself_to_explain_says_so() {
    pid_namespace();
    // `docker run IMAGE --explain`, in place of `docker exec`.
    let alone = container().arg("--explain").start().expect_exit(125);
    assert!(alone.out.is_empty() && alone.err.len() == 1, "{alone}");
    assert!(
        alone.err[0].contains("this very --explain") && alone.err[0].contains("docker exec"),
        "{alone}"
    );
    for (init, name) in
        [(vec![], "adieu"), (vec!["tini"], "tini"), (vec!["dumb-init"], "dumb-init")]
    {
        if init.iter().any(|init| tool_or_less(init).is_none()) {
            continue;
        }
        let below = container().args(["--", "sh", "-c", "exec \"$ADIEU\" --explain"]);
        let below = match init.first() {
            Some(init) => below.program(init),
            None => below,
        };
        let said = sentences(&below.start().expect_exit(0).out);
        assert_eq!(said, format!("Nothing runs below {name} (1) but this --explain."));
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_parent_that_does_not_reap_is_named() {
    let scratch = Scratch::new();
    let parent = scratch.join("a-parent-of-15c");
    // The shell's children end below a program that did not start them, and does not reap them.
    let script = "cp /bin/sleep \"$PARENT\"; server & \
                  exec sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0 & done; \
                  exec \"$PARENT\" 3600'";
    let running = container().env("PARENT", &parent).arg(script).start();
    running.wait_line("ready");
    eventually("twelve zombies are there", || {
        running.tree().iter().filter(|it| it.state == 'Z').count() == 12
            && running.tree().iter().any(|it| it.name == "a-parent-of-15c")
    });
    let parent = running.process("a-parent-of-15c");
    let explained = json(&running, &[]);
    let zombies = explained["zombies"].as_array().unwrap();
    assert_eq!(zombies.len(), 1, "{explained:#}");
    assert_eq!(
        (&zombies[0]["parent"], &zombies[0]["count"]),
        (&parent.pid.as_raw().into(), &12.into())
    );
    // `text` checks that its sentence fits into 80 columns too.
    let said = verdict(&running, &[]);
    assert!(said.contains(&format!("{} leaves zombies behind (12)", named(&parent))), "{said}");

    let clean = started(["server; :"], 1);
    assert!(!verdict(&clean, &[]).contains("zombie"));
    assert_eq!(json(&clean, &[])["zombies"], Value::Array(Vec::new()));
}

// --- Other signals -------------------------------------------------------------------------------

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_signal_that_begins_no_stop_goes_to_its_handlers() {
    let running = started(["server --print HUP & sleep 3600 & wait"], 1);
    let server = running.process("server");
    for name in ["HUP", "SIGHUP", "1"] {
        let said = verdict(&running, &["--signal", name]);
        assert_eq!(
            said,
            format!("SIGHUP would go to {}; it begins no stop.", named(&server)),
            "{name}"
        );
    }
    running.signal(SIGHUP);
    running.wait_line("server saw HUP");
    // No other process gets it, now or later.
    let explained = json(&running, &["--signal", "HUP"]);
    let of_sleep = entries(&explained, "sleep")[0]["when"].as_str().unwrap();
    assert!(!of_sleep.contains("gets it"), "{explained:#}");
    assert!(running.tree().iter().any(|it| it.name == "sleep" && it.state == 'S'));
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_signal_without_a_handler_would_be_dropped_by_adieu_as_pid_1() {
    pid_namespace();
    let running = started(["server; :"], 1);
    let said = verdict(&running, &["--signal", "HUP"]);
    assert_eq!(said, "Nothing here handles SIGHUP: it would be dropped, with a warning.");
    running.signal(SIGHUP);
    running.wait_line("SIGHUP dropped");
    let explained = json(&running, &["--signal", "HUP"]);
    assert!(
        each(&explained, "when").values().all(|when| !when.contains("gets it")),
        "{explained:#}"
    );
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_hangup_is_a_stop_where_adieu_is_not_pid_1() {
    let running = container().as_child().arg("sleep 3600; echo never").start();
    eventually("sleep runs", || running.tree().iter().any(|it| it.name == "sleep"));
    let said = verdict(&running, &["--signal", "HUP"]);
    running.signal(SIGHUP);
    running.expect_exit(128 + SIGHUP as i32);
    assert!(!said.contains("dropped"), "{said}");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn what_is_said_of_signals_with_a_meaning_of_their_own_is_true() {
    let adieu = started(["server --print WINCH; :"], 1);
    for (signal, untrue) in [("KILL", "dropped"), ("STOP", "dropped"), ("CONT", "dropped")] {
        let said = verdict(&adieu, &["--signal", signal]);
        assert!(!said.contains(untrue), "{signal}: {said}");
    }
    adieu.signal(SIGWINCH);
    adieu.wait_line("server saw WINCH");
    adieu.signal(SIGCHLD);
    if pid_namespace_or_less() {
        let bare = below(&[], "server; :");
        let said = verdict(&bare, &["--signal", "KILL"]);
        assert!(!said.contains("ignored"), "{said}");
    }
}

// --- Other inits, and none -----------------------------------------------------------------------

/// What it says of a script as PID 1 or below this init, and whether the server finishes when TERM
/// is then sent.
fn said_and_done(init: &[&str], script: &str) -> Option<(String, bool)> {
    let present = init.first().is_none_or(|init| tool_or_less(init).is_some());
    (pid_namespace_or_less() && present).then(|| {
        let running = below(init, script);
        let explained = json(&running, &[]);
        let said = explained["verdict"].as_str().unwrap().to_owned();
        assert_eq!(explained["init"], *init.first().unwrap_or(&"none"), "{explained:#}");
        assert!(
            entries(&explained, "server")[0].get("role").is_none(),
            "roles are adieu's: {explained:#}"
        );
        assert_eq!(verdict(&running, &[]), said);
        let pids = ["sh", "server"].map(|name| {
            let of_it =
                running.tree().into_iter().chain(process(running.pid())).find(|it| it.name == name);
            of_it.map_or(0, |it| it.pid.as_raw())
        });
        let init = running.pid().to_string();
        let said = said.replace(&format!("({init})"), "(INIT)");
        let said = said
            .replace(&format!("({})", pids[0]), "(SH)")
            .replace(&format!("({})", pids[1]), "(SERVER)");
        running.signal(SIGTERM);
        (said, running.finish().count("server done") == 1)
    })
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn an_init_that_signals_only_its_child_ends_with_it() {
    for init in ["tini", "tini-static", "catatonit"] {
        let Some((said, finished)) = said_and_done(&[init, "--"], "cd / && server; :") else {
            continue;
        };
        assert_eq!(
            said,
            format!(
                "{init} (INIT) would pass SIGTERM to sh (SH) alone and end with it: sh dies at \
                 once, and the kernel would then kill server (SERVER)."
            )
        );
        assert!(!finished, "{init}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn an_init_that_signals_the_group_ends_with_its_child_too() {
    let inits: [&[&str]; 7] = [
        &["tini", "-g", "--"],
        &["tini", "-e", "143", "-g", "--"],
        &["tini", "-p", "SIGKILL", "-vg", "--"],
        &["dumb-init", "--"],
        &["dumb-init"],
        &["dumb-init", "-v", "--"],
        &["catatonit", "-g", "--"],
    ];
    for init in inits {
        let Some((said, finished)) = said_and_done(init, "cd / && server --work 2s; :") else {
            continue;
        };
        assert_eq!(
            said,
            format!(
                "{} (INIT) would pass SIGTERM to every process of sh's group and end with sh \
                 (SH): sh dies at once, and the kernel would then kill server (SERVER).",
                init[0]
            ),
            "{init:?}"
        );
        assert!(!finished, "{init:?}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_server_that_is_the_init_s_child_gets_the_signal_and_finishes() {
    for init in ["tini", "dumb-init", "catatonit"] {
        let Some((said, finished)) = said_and_done(&[init, "--"], "exec server") else { continue };
        let receiver = if init == "dumb-init" {
            "every process of server's group"
        } else {
            "server (SERVER) alone"
        };
        assert!(
            said.starts_with(&format!(
                "{init} (INIT) would pass SIGTERM to {receiver} and end with"
            )),
            "{said}"
        );
        assert!(!said.contains("kill") && !said.contains("at once"), "{said}");
        assert!(finished, "{init}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn dumb_init_s_options_count() {
    for single in ["--single-child", "-c"] {
        let Some((said, _)) = said_and_done(&["dumb-init", single, "--"], "cd / && server; :")
        else {
            return;
        };
        assert!(said.contains("would pass SIGTERM to sh (SH) alone"), "{single}: {said}");
    }
    // What it sends then is not TERM.
    for rewrite in [&["--rewrite", "15:2"][..], &["-r", "15:2"]] {
        let init: Vec<&str> = ["dumb-init"].iter().chain(rewrite).copied().collect();
        let Some((said, _)) = said_and_done(&init, "exec server") else { return };
        assert!(!said.contains("pass SIGTERM to"), "{rewrite:?}: {said}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn adieu_is_known_whatever_it_is_called() {
    pid_namespace();
    let scratch = Scratch::new();
    for name in ["docker-init", "tini", "init"] {
        let copy = scratch.join(name);
        let install = Adieu::new().as_child().arg("--install").arg(&copy).start();
        install.expect_exit(0);
        let running =
            container().program(&copy).args(["--", "sh", "-c", "cd / && server; :"]).start();
        running.wait_line("ready");
        // As `docker exec CONTAINER /sbin/docker-init --explain` does it.
        let pid = running.pid().to_string();
        let beside = Adieu::new().as_child().program(&copy).args(["--explain", &*pid]).start();
        let said = sentences(&beside.expect_exit(0).out);
        // Another copy of adieu has to see it by what it does.
        assert_eq!(verdict(&running, &[]), said, "as {name}");
        running.signal(SIGTERM);
        running.expect_exit(0).assert_order(["server got TERM", "server done"]);
        assert!(said.starts_with("On SIGTERM adieu would wait for server ("), "as {name}: {said}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_bare_shell_as_pid_1_ignores_the_signal_until_sigkill() {
    pid_namespace();
    let running = below(&[], "cd / && server --print USR1; :");
    let server = running.process("server");
    assert_eq!(
        verdict(&running, &[]),
        format!(
            "sh ({}) is PID 1 of its container and has no handler: SIGTERM would be ignored until \
                SIGKILL. {} would \
             not get it.",
            running.pid(),
            named(&server)
        )
    );
    assert_eq!(json(&running, &[])["init"], "none");
    running.signal(SIGTERM);
    // Both are still there after it, and the server did not get it.
    kill(server.pid, SIGUSR1).unwrap();
    running.wait_line("server saw USR1");
    assert!(
        !is_gone(running.pid())
            && running.lines().iter().all(|line| !line.text.contains("got TERM"))
    );

    let ignoring = below(&[], "trap '' TERM; server --on INT; :");
    let said = verdict(&ignoring, &[]);
    let ignores =
        "is PID 1 of its container and ignores the signal: SIGTERM would be ignored until SIGKILL.";
    assert_eq!(said, format!("sh ({}) {ignores}", ignoring.pid()));
    // In the container itself it has that number.
    let within = container()
        .program("/bin/sh")
        .args(["-c", "\"$ADIEU\" --explain; :"])
        .start()
        .expect_exit(0);
    assert_eq!(
        sentences(&within.out),
        "PID 1 is sh, which has no handler: SIGTERM would be ignored until SIGKILL."
    );
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_bare_program_as_pid_1_that_handles_the_signal_does_as_it_likes() {
    pid_namespace();
    let running = below(&[], "exec server --workers 1");
    let said = verdict(&running, &[]);
    assert_eq!(
        said,
        format!(
            "server ({}) handles SIGTERM itself; what is below it is its own business, \
                and is killed by the \
             kernel when it ends.",
            running.pid()
        )
    );
    running.signal(SIGTERM);
    running.expect_exit(0).assert_order(["server got TERM", "server.1 got TERM", "server done"]);
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn whether_a_trap_passes_the_signal_on_to_a_job_is_not_certain() {
    pid_namespace();
    for (trap, gets_it) in [("exit 0", false), ("kill $P; wait $P; exit 0", true)] {
        let running = below(&[], &format!("trap '{trap}' TERM; server & P=$!; wait $P"));
        let explained = json(&running, &[]);
        assert_eq!(explained["outcome"], "not_certain", "{explained:#}");
        running.signal(SIGTERM);
        let ended = running.expect_exit(0);
        assert_eq!(ended.count("server done"), usize::from(gets_it), "{trap}: {ended}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_program_that_is_not_pid_1_ends_at_once() {
    let shell = Adieu::new().as_child().program("/bin/sh").args(["-c", "sleep 3600; :"]).start();
    eventually("sleep runs", || shell.tree().iter().any(|it| it.name == "sleep"));
    let said = verdict(&shell, &[]);
    assert_eq!(said, format!("sh ({}) has no handler: SIGTERM would end it at once.", shell.pid()));
    let sleep = shell.process("sleep").pid;
    let said = verdict(&shell, &["--signal", "WINCH"]);
    let has = format!("sh ({}) has no handler, without which SIGWINCH ends no", shell.pid());
    assert!(said.starts_with(&has), "{said}");
    shell.signal(SIGWINCH);
    // The status below is that of SIGTERM: the signal before it did not end the shell.
    shell.signal(SIGTERM);
    shell.wait_end();
    kill(sleep, SIGTERM).unwrap();
    shell.expect_exit(143);
}

// --- How it is shown -----------------------------------------------------------------------------

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn a_deep_and_wide_tree_fits_80_columns() {
    let nested = "sh -c 'sh -c \"sh -c \\\"server & server --by signalfd & wait\\\"; :\"; :'; :";
    let all = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do server --name $i & done; ";
    let running = started([&*format!("{all}{nested}")], 14);
    let lines = text(&running, &[]);
    assert!(lines.iter().any(|line| line.ends_with("gets it at once, waited for")), "{lines:#?}");
    assert!(sentences(&lines).contains(" and 4 more"), "{lines:#?}");
    assert_eq!(entries(&json(&running, &[]), "server").len(), 14);
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn only_a_terminal_gets_colours_and_no_color_turns_them_off() {
    let running = started(["server | cat; :"], 1);
    let pid = running.pid().to_string();
    // `text` checks that a pipe gets none.
    text(&running, &[]);
    for (no_color, coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let mut command = Command::new(adieu());
        command.args(["--explain", &pid]).env_remove("NO_COLOR");
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let mut pty = Pty::spawn(command);
        pty.wait_text("ends at end of file.");
        assert_eq!(pty.exit(), 0);
        let shown = pty.text();
        assert_eq!(shown.contains("\x1b["), coloured, "NO_COLOR={no_color:?}: {shown:?}");
        assert_eq!(
            shown.matches("\x1b[0m").count() * 2,
            shown.matches("\x1b[").count(),
            "{shown:?}"
        );
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn command_lines_are_shown_only_where_they_are_asked_for() {
    let running = started(["server --name s3cret; : s3cret"], 1);
    assert!(text(&running, &[]).iter().all(|line| !line.contains("s3cret")));
    let explained = json(&running, &[]).to_string();
    assert!(!explained.contains("s3cret"), "{explained}");
    let lines = text(&running, &["--show-args"]);
    assert!(lines.iter().any(|line| line.contains("server --name s3cret")), "{lines:#?}");
    let explained = json(&running, &["--show-args"]);
    assert_eq!(entries(&explained, "server")[0]["command"], "server --name s3cret");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn long_command_lines_fit_80_columns_too() {
    let long = "a".repeat(150);
    let running = started([&*format!("server --name {long}; :")], 1);
    text(&running, &["--show-args"]);
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn the_schema_describes_every_property_and_allows_no_other() {
    schema::assert_strict("explain");
}

// --- What it does not do -------------------------------------------------------------------------

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn it_sends_no_signal() {
    let all = "server --print HUP,INT,QUIT,USR1,USR2,CONT,WINCH,RTMIN --on TERM; :";
    let running = started([all], 1);
    for signal in ["TERM", "HUP", "KILL", "STOP", "RTMIN"] {
        text(&running, &["--signal", signal]);
        json(&running, &["--signal", signal]);
    }
    assert_eq!(running.lines().len(), 1, "{:#?}", running.lines());
    assert!(running.tree().iter().all(|it| it.state == 'S'), "{:#?}", running.tree());
    running.signal(SIGTERM);
    let finished = running.expect_exit(0);
    assert_eq!(finished.lines.len(), 3, "{finished}");
}

/// What it says when another user asks.
fn asked_by_another_user(running: &Running, options: &[&str]) -> Vec<String> {
    let scratch = Scratch::new();
    Adieu::new().as_child().arg("--install").arg(scratch.join("adieu")).start().expect_exit(0);
    let pid = running.pid().to_string();
    let asked =
        Adieu::new().as_child().program("setpriv").args(AS_USER_65534).arg(scratch.join("adieu"));
    let finished =
        asked.args(["--explain", &*pid]).args(options.iter().copied()).start().expect_exit(0);
    assert!(finished.err.is_empty(), "{finished}");
    finished.out
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn another_user_gets_an_answer_with_what_may_not_be_read() {
    root();
    tool("setpriv");
    let running = started(["sleep 3600 & server; :"], 1);
    eventually("sleep runs", || running.tree().iter().any(|it| it.name == "sleep"));
    let [sleep, server, sh] = ["sleep", "server", "sh"].map(|name| named(&running.process(name)));
    let said = sentences(&asked_by_another_user(&running, &[]));
    assert!(
        said.starts_with("On SIGTERM adieu would wait for ") && said.contains(&server),
        "{said}"
    );
    assert!(said.contains(&format!("{sh} is shielded")), "{said}");
    assert!(said.contains("May not be read in full") && said.contains("CAP_SYS_PTRACE"), "{said}");
    // The user may not read its stdin either, which is no pipe.
    assert!(
        !said.contains(&format!("{sleep} ends at end of file")),
        "a guess, as if it were known: {said}"
    );
    let taken_for_handlers =
        said.split("so taken for handlers: ").nth(1).is_some_and(|it| it.starts_with(&sleep));
    let waited_for = said.split(';').next().unwrap().contains(&sleep);
    assert!(waited_for || !taken_for_handlers, "it contradicts itself: {said}");
    let lines = asked_by_another_user(&running, &["--format", "json"]);
    let explained: Value = serde_json::from_str(&lines.join("\n")).unwrap();
    validate(&explained);
    assert_eq!(entries(&explained, "sleep")[0]["disposition"], "hidden");
    assert_eq!(entries(&explained, "server")[0]["disposition"], "caught");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn for_what_a_trap_waits_is_not_guessed_where_that_may_not_be_read() {
    root();
    pid_namespace();
    tool("setpriv");
    let trap = "trap 'kill $P; wait $P; exit 0' TERM; server --print INT,QUIT & P=$!; wait $P";
    let running = below(&[], trap);
    let scratch = Scratch::new();
    Adieu::new().as_child().arg("--install").arg(scratch.join("adieu")).start().expect_exit(0);
    let pid = running.pid().to_string();
    let asked =
        Adieu::new().as_child().program("setpriv").args(AS_USER_65534).arg(scratch.join("adieu"));
    let said = asked.args(["--explain", &*pid, "--check"]).start().expect_exit(125);
    let (sh, server) = (process(running.pid()).unwrap(), running.process("server"));
    let expected = format!("Whether {} waits for {}, so that", named(&sh), named(&server));
    let sentence = sentences(&said.out);
    assert!(sentence.starts_with(&expected), "{sentence}");
    assert!(sentence.contains("may not be read. Run --explain as its user"), "{sentence}");
    assert_eq!(explain([&*pid, "--check"]).code, 0, "root sees that the shell is in its wait");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn settings_that_another_user_may_not_read_are_not_guessed_in_silence() {
    root();
    tool("setpriv");
    let running = container().env("ADIEU_TIMEOUT", "9s").arg("server; :").start();
    running.wait_line("ready");
    assert!(verdict(&running, &[]).contains("for at most 9.00 s"));
    let said = sentences(&asked_by_another_user(&running, &[]));
    assert!(said.contains("environment"), "the timeout is missing, and nothing says why: {said}");
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn what_is_wrong_is_named_with_an_example() {
    // Greater than any pid of Linux.
    for (words, parts) in [
        (&["4194305"][..], &["4194305", "no such process", "--explain 1"][..]),
        (&["0"], &["--explain '0'", "--explain 1"]),
        (&["-1"], &["-1"]),
        (&["java"], &["--explain 'java'", "--explain 1"]),
        (&["1", "--signal", "TREM"], &["--signal 'TREM'", "--signal TERM"]),
        (&["1", "--format", "xml"], &["--format 'xml'", "--format json"]),
    ] {
        let finished = explain(words.iter().copied());
        assert_eq!(finished.code, 125, "{words:?}\n{finished}");
        assert!(finished.out.is_empty(), "{finished}");
        assert!(finished.err[0].starts_with("adieu: "), "{finished}");
        assert!(
            parts.iter().all(|part| finished.err.join("\n").contains(part)),
            "{words:?}\n{finished}"
        );
    }
    for option in [["--signal", "TERM"], ["--format", "json"]] {
        let finished = Adieu::new().as_child().args(option).start().expect_exit(125);
        assert!(finished.err.join("\n").contains("--explain"), "{finished}");
    }
}

/// Promise (Explaining): `--explain` says what a stop would do, under adieu, another init or none,
/// and the stop does that
fn without_proc_it_says_where_to_run_it() {
    pid_namespace();
    for preparation in ["umount -l /proc", "mount -t tmpfs none /proc", "mount --bind /mnt /proc"] {
        let script = format!("{preparation}; exec \"$ADIEU\" --explain");
        let finished =
            container().program("/bin/sh").args(["-c", &script]).start().expect_exit(125);
        assert!(
            finished.err[0].contains("/proc") && finished.err[0].contains("docker exec"),
            "{finished}"
        );
    }
}

pub(crate) const TESTS: &[Test] = tests![
    a_pipeline_under_adieu_beside_it_and_inside_its_container,
    every_way_to_take_a_signal_is_named,
    where_nothing_handles_it_the_container_would_stop_at_once,
    the_settings_of_the_running_adieu_are_taken_into_account,
    a_signal_that_is_rewritten_to_0_goes_to_no_process,
    the_roles_are_those_that_the_stop_then_has,
    an_explain_that_runs_in_the_tree_does_not_take_itself_for_a_part_of_it,
    an_explain_with_nothing_but_itself_to_explain_says_so,
    a_parent_that_does_not_reap_is_named,
    a_signal_that_begins_no_stop_goes_to_its_handlers,
    a_signal_without_a_handler_would_be_dropped_by_adieu_as_pid_1,
    a_hangup_is_a_stop_where_adieu_is_not_pid_1,
    what_is_said_of_signals_with_a_meaning_of_their_own_is_true,
    an_init_that_signals_only_its_child_ends_with_it,
    an_init_that_signals_the_group_ends_with_its_child_too,
    a_server_that_is_the_init_s_child_gets_the_signal_and_finishes,
    dumb_init_s_options_count,
    adieu_is_known_whatever_it_is_called,
    a_bare_shell_as_pid_1_ignores_the_signal_until_sigkill,
    a_bare_program_as_pid_1_that_handles_the_signal_does_as_it_likes,
    whether_a_trap_passes_the_signal_on_to_a_job_is_not_certain,
    a_program_that_is_not_pid_1_ends_at_once,
    a_deep_and_wide_tree_fits_80_columns,
    only_a_terminal_gets_colours_and_no_color_turns_them_off,
    command_lines_are_shown_only_where_they_are_asked_for,
    long_command_lines_fit_80_columns_too,
    the_schema_describes_every_property_and_allows_no_other,
    it_sends_no_signal,
    another_user_gets_an_answer_with_what_may_not_be_read,
    for_what_a_trap_waits_is_not_guessed_where_that_may_not_be_read,
    settings_that_another_user_may_not_read_are_not_guessed_in_silence,
    what_is_wrong_is_named_with_an_example,
    without_proc_it_says_where_to_run_it
];
