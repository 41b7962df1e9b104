//! The same scenarios under adieu and under its peers, each as PID 1 of a PID namespace of its own
//! and called in the same way, `INIT -- SHELL -c STRING`; systemd by way of
//! `tests/it/support/systemd.sh`. Only adieu's column is asserted; the others are what happened.
//!
//! `cargo test beside_its_peers -- --nocapture` prints the table. With `ADIEU_WRITE_DOCS=1` it goes
//! to `docs/peers.md`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::engine::remove_cgroup;
use crate::support::host;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Running, Scratch, adieu, eventually, missing_in_part, page, pid_namespace,
    process, repository, root_or_less, say, server, tool, tool_or_less,
};
use nix::sys::signal::Signal::{self, SIGHUP, SIGINT, SIGKILL, SIGTERM};

/// A run that has not ended after this time is killed. The work of a handler here takes 600 ms.
const LIMIT: Duration = Duration::from_secs(3);
const NOT_ENDED: &str = "did not end within 3 s";

const DASH: &str = "/bin/dash";
const BASH: &str = "/bin/bash";

/// What is run, what happened, and what has to have happened under adieu.
struct Scenario {
    title: &'static str,
    observe: fn(&Peer) -> String,
    adieu: &'static str,
}

const SCENARIOS: [Scenario; 18] = [
    Scenario {
        title: "`cd / && server`, dash",
        observe: |peer| peer.stopped(DASH, "cd / && $SERVER").fate(),
        adieu: "finished",
    },
    Scenario {
        title: "`cd / && server`, bash (which execs the last command)",
        observe: |peer| peer.stopped(BASH, "cd / && $SERVER").fate(),
        adieu: "finished",
    },
    Scenario {
        title: "`server; next`, bash: the server",
        observe: |peer| peer.stopped(BASH, "$SERVER; echo next").fate(),
        adieu: "finished",
    },
    Scenario {
        title: "`server; next`, bash: does `next` start?",
        observe: |peer| peer.stopped(BASH, "$SERVER; echo next").next(),
        adieu: "yes",
    },
    Scenario {
        title: "`sleep 3600; next`, dash: does `next` start?",
        observe: |peer| peer.stopped_sleep("sleep 3600; echo next").next(),
        adieu: "no",
    },
    Scenario {
        title: "`sleep 3600; next`, dash: when does it end?",
        observe: |peer| peer.stopped_sleep("sleep 3600; echo next").when(),
        adieu: "at once",
    },
    Scenario {
        title: "`server & wait`",
        observe: |peer| peer.stopped(DASH, "$SERVER & wait").fate(),
        adieu: "finished",
    },
    Scenario {
        title: "ten servers with `&`, then `wait`: how many finish?",
        observe: |peer| {
            let servers = "for i in 1 2 3 4 5 6 7 8 9 10; do $SERVER --name $i & done; wait";
            let running = peer.start(DASH, servers);
            running.wait_lines(10, "ready");
            format!("{} of 10", stop(running, SIGTERM).finished.count(" done"))
        },
        adieu: "10 of 10",
    },
    Scenario {
        title: "a server in a session of its own (`setsid`)",
        observe: |peer| peer.stopped(DASH, "$SERVER --setsid & wait").fate(),
        adieu: "finished",
    },
    Scenario {
        title: "a daemonized server beside `server & wait`",
        observe: |peer| {
            let running = peer.start(DASH, "$SERVER --name daemon --daemonize; $SERVER & wait");
            running.wait_lines(2, "ready");
            stop(running, SIGTERM).fate_of("daemon")
        },
        adieu: "finished",
    },
    Scenario {
        title: "`server \\| tee log`: its last three lines in the log",
        observe: |peer| {
            let scratch = Scratch::new();
            let log = scratch.join("log");
            let running = peer.start(DASH, &format!("$SERVER --lines 3 | tee {}", log.display()));
            running.wait_line("server ready");
            stop(running, SIGTERM);
            let log = fs::read_to_string(log).unwrap();
            format!("{} of 3", log.lines().filter(|line| line.starts_with("server line")).count())
        },
        adieu: "3 of 3",
    },
    Scenario {
        // Its workers then get TERM from the master, and INT from any other sender.
        title: "a prefork master (`exec`ed), stopped with INT: how often do its workers get a \
            signal?",
        observe: |peer| {
            let running = peer.start(DASH, "exec $SERVER --workers 3");
            running.wait_line("server ready");
            let finished = stop(running, SIGINT).finished;
            match [1, 2, 3].map(|worker| finished.count(&format!("server.{worker} got"))) {
                [1, 1, 1] => "once".into(),
                [2, 2, 2] => "twice".into(),
                [a, b, c] => format!("{a}, {b} and {c} times"),
            }
        },
        adieu: "once",
    },
    Scenario {
        title: "a wrapper above a shell (`timeout 1h sh -c 'server; next'`, as npm is one)",
        observe: |peer| peer.stopped(DASH, "timeout 1h dash -c '$SERVER; echo next'").fate(),
        adieu: "finished",
    },
    Scenario {
        title: "`trap … TERM; while :; do sleep 10; done`: when does the trap run?",
        observe: |peer| {
            let stopped =
                peer.stopped_sleep("trap 'echo trapped; exit' TERM; while :; do sleep 10; done");
            if stopped.finished.count("trapped") == 1 { stopped.when() } else { NOT_ENDED.into() }
        },
        adieu: "at once",
    },
    Scenario {
        title: "HUP without a handler: the container",
        observe: |peer| {
            let running = peer.start(DASH, "while :; do echo tick; sleep 0.1; done");
            running.wait_line("tick");
            let pid = running.pid();
            running.signal(SIGHUP);
            let ticks = || running.lines().iter().filter(|line| line.text == "tick").count();
            let (before, mut survives) = (ticks(), true);
            eventually("it has ended, or gone on for a while", || {
                survives = process(pid).is_some_and(|it| it.state != 'Z');
                !survives || ticks() > before + 10
            });
            if survives { "survives" } else { "ends" }.into()
        },
        adieu: "survives",
    },
    Scenario {
        title: "a handler that never ends, no timeout set",
        observe: |peer| peer.stopped(DASH, "cd / && $SERVER --never").when(),
        adieu: NOT_ENDED,
    },
    Scenario {
        title: "exit status where the program is not found",
        observe: |peer| peer.exit_status_of("/no/such/program"),
        adieu: "127",
    },
    Scenario {
        title: "exit status where it may not be executed",
        observe: |peer| peer.exit_status_of("/etc/passwd"),
        adieu: "126",
    },
];

struct Peer {
    name: &'static str,
    /// `None`: the shell itself is PID 1.
    program: Option<PathBuf>,
    options: &'static [&'static str],
    /// What runs every string, in place of the scenario's shell and `-c`.
    shell: Option<[&'static str; 2]>,
    systemd: Option<Systemd>,
}

/// Why a column is empty on purpose.
const NOT_MEASURED: &str = "not measured";

/// All of them. A missing one leaves its column empty, and the test counts as ignored in part; the
/// column of one that Debian has no package of says "not measured".
fn peers() -> Vec<(&'static str, Option<Peer>)> {
    let peer = |name, program: &str, options| {
        let program = tool_or_less(program).map(Some);
        (name, program.map(|program| Peer { name, program, options, shell: None, systemd: None }))
    };
    let (bash_ci, tini) = peer("tini -g, `bash -ci`", "tini", &["-g", "--"]);
    let bash_ci = (bash_ci, tini.map(|tini| Peer { shell: Some([BASH, "-ci"]), ..tini }));
    let of =
        |name, program, options| Some(Peer { name, program, options, shell: None, systemd: None });
    vec![
        ("no init", of("no init", None, &[])),
        peer("tini", "tini", &["--"]),
        peer("tini -g", "tini", &["-g", "--"]),
        bash_ci,
        peer("dumb-init", "dumb-init", &["--"]),
        peer("catatonit", "catatonit", &["--"]),
        peer("catatonit -g", "catatonit", &["-g", "--"]),
        ("systemd", Systemd::peer()),
        (S6_OVERLAY, None),
        ("adieu", of("adieu", Some(adieu().into()), &["--"])),
    ]
}

const S6_OVERLAY: &str = "s6-overlay";
/// As `tests/it/support/systemd.sh` starts it.
const SYSTEMD: &str = "/lib/systemd/systemd";

/// What its killed runs leave: a directory and a cgroup, removed with this value.
struct Systemd {
    scratch: Scratch,
    cgroup: PathBuf,
}

impl Systemd {
    fn peer() -> Option<Peer> {
        let program = repository().join("tests/it/support/systemd.sh");
        tool_or_less(SYSTEMD)?;
        root_or_less().then_some(())?;
        let cgroups = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let cgroups = cgroups.into_iter().find(|it| it.join("cgroup.controllers").exists());
        host::sweep_at_end();
        let cgroup = cgroups.map(|it| it.join(format!("{}-peers", host::run_name())));
        let Some(cgroup) = cgroup.filter(|it| fs::create_dir(it).is_ok()) else {
            missing_in_part(
                "a cgroup2 file system that may be written to",
                "mount one at /sys/fs/cgroup",
            );
            return None;
        };
        let systemd = Some(Self { scratch: Scratch::new(), cgroup });
        Some(Peer {
            name: "systemd",
            program: Some(program),
            options: &["--"],
            shell: None,
            systemd,
        })
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // What was killed takes a moment to leave it.
        eventually("its cgroup is empty", || {
            remove_cgroup(&self.cgroup);
            !self.cgroup.exists()
        });
    }
}

impl Peer {
    /// `$SERVER` in the string is a server whose handler takes 600 ms.
    fn start(&self, shell: &str, string: &str) -> Running {
        let server = format!("{} --work 600ms", server().display());
        let [shell, option] = self.shell.unwrap_or([shell, "-c"]);
        self.command(&[shell, option, string]).env("SERVER", server).start()
    }

    fn command(&self, command: &[&str]) -> Adieu {
        let init = match (&self.program, command) {
            (Some(program), _) => Adieu::new()
                .program(program)
                .args(self.options.iter().copied())
                .args(command.iter().copied()),
            (None, [program, arguments @ ..]) => {
                Adieu::new().program(program).args(arguments.iter().copied())
            }
            (None, []) => Adieu::new(),
        };
        // An interactive bash would read its user's start file.
        let init = init.env("HOME", "/nonexistent");
        let Some(Systemd { scratch, cgroup }) = &self.systemd else { return init.as_pid1() };
        init.env("SCRATCH", scratch.path()).env("CGROUP", cgroup).as_pid1()
    }

    /// Sends the stop signal once the server is ready.
    fn stopped(&self, shell: &str, string: &str) -> Stopped {
        let running = self.start(shell, string);
        running.wait_line("server ready");
        stop(running, SIGTERM)
    }

    /// Sends the stop signal once sleep(1) runs.
    fn stopped_sleep(&self, string: &str) -> Stopped {
        let running = self.start(DASH, string);
        eventually("sleep runs", || running.tree().iter().any(|it| it.name == "sleep"));
        stop(running, SIGTERM)
    }

    fn exit_status_of(&self, program: &str) -> String {
        match self.program {
            Some(_) => match self.shell {
                Some([shell, option]) => self.command(&[shell, option, program]),
                None => self.command(&[program]),
            }
            .start()
            .finish()
            .code
            .to_string(),
            None => "the runtime's".into(),
        }
    }
}

struct Stopped {
    finished: Finished,
    in_time: bool,
}

fn stop(running: Running, signal: Signal) -> Stopped {
    let pid = running.pid();
    running.signal(signal);
    let limit = Instant::now() + LIMIT;
    let mut in_time = false;
    eventually("it has ended, or the limit is reached", || {
        in_time = process(pid).is_none_or(|it| it.state == 'Z');
        in_time || Instant::now() > limit
    });
    if !in_time {
        running.signal(SIGKILL);
    }
    Stopped { finished: running.finish(), in_time }
}

impl Stopped {
    fn fate(&self) -> String {
        self.fate_of("server")
    }

    fn fate_of(&self, name: &str) -> String {
        match self.finished.out.contains(&format!("{name} done")) {
            true => "finished".into(),
            // Whether it could still print that it got the signal is a matter of microseconds.
            false if self.in_time => "cut off".into(),
            false => NOT_ENDED.into(),
        }
    }

    fn next(&self) -> String {
        let started = if self.finished.count("next") == 1 { "yes" } else { "no" };
        if self.in_time { started.into() } else { format!("{started}, {NOT_ENDED}") }
    }

    fn when(&self) -> String {
        match self.finished.took.as_millis() {
            _ if !self.in_time => NOT_ENDED.into(),
            0..1_000 => "at once".into(),
            ms => format!("after {}.{} s", ms / 1_000, ms % 1_000 / 100),
        }
    }
}

/// Promise (Anywhere): the same stops under the other inits, `bash -ci` and systemd
fn adieu_beside_its_peers() {
    pid_namespace();
    [DASH, BASH].iter().for_each(|shell| drop(tool(shell)));
    let peers = peers();
    // Most of it is waiting.
    let columns: Vec<Option<Vec<String>>> = thread::scope(|scope| {
        let run = |part: &'static [Scenario], peer| -> Vec<String> {
            part.iter().map(|scenario| (scenario.observe)(peer)).collect()
        };
        let start =
            |peer| SCENARIOS.chunks(6).map(|part| scope.spawn(move || run(part, peer))).collect();
        let columns: Vec<Option<Vec<_>>> =
            peers.iter().map(|(_, peer)| peer.as_ref().map(start)).collect();
        let join = |parts: Vec<thread::ScopedJoinHandle<'_, Vec<String>>>| {
            parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
        };
        columns.into_iter().map(|column| column.map(join)).collect()
    });
    let text = document(&peers, &columns);
    say(&text);
    if page::writes() {
        page::write_between_markers("docs/peers.md", &text);
    }
    for ((name, peer), column) in peers.iter().zip(&columns) {
        let Some(column) = column else { continue };
        assert!(
            peer.is_some() && column.iter().all(|cell| !cell.is_empty()),
            "{name} gave no answer"
        );
    }
    for (scenario, cell) in SCENARIOS.iter().zip(columns.last().unwrap().as_ref().unwrap()) {
        assert_eq!(cell, scenario.adieu, "adieu: {}", scenario.title);
    }
}

// --- The document --------------------------------------------------------------------------------

fn document(peers: &[(&str, Option<Peer>)], columns: &[Option<Vec<String>>]) -> String {
    let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut table = row([""].into_iter().chain(peers.iter().map(|(name, _)| *name)).collect());
    table += &row(vec!["---"; peers.len() + 1]);
    for (number, scenario) in SCENARIOS.iter().enumerate() {
        let cells = peers.iter().zip(columns).map(|((name, _), column)| match column {
            Some(column) => column.get(number).map_or("", |it| it),
            None if *name == S6_OVERLAY => NOT_MEASURED,
            None => "–",
        });
        table += &row([scenario.title].into_iter().chain(cells).collect());
    }
    let versions: Vec<_> = peers.iter().filter_map(|(_, peer)| version(peer.as_ref()?)).collect();
    format!("{table}\n{}; {}.\n", page::system(), versions.join(", "))
}

/// Its version, once for each program.
fn version(peer: &Peer) -> Option<String> {
    match (peer.name, &peer.program) {
        ("adieu", _) => Some(format!("adieu {}", env!("CARGO_PKG_VERSION"))),
        ("systemd", _) => {
            let version = page::first_line(Command::new(SYSTEMD).arg("--version"));
            Some(version.split(" (").next()?.to_owned())
        }
        ("tini" | "dumb-init" | "catatonit", Some(program)) => page::version(peer.name, program),
        // Named already.
        _ => None,
    }
}

pub(crate) const TESTS: &[Test] = tests![adieu_beside_its_peers];
