//! In containers of the real Docker: images `FROM scratch`, with nothing in them but adieu and a
//! server, with busybox, or with the shells and coreutils of this machine, which are Debian's in
//! CI.
//!
//! The images are called `adieu-test-PID:*`. A process that waits for the end of the tests removes
//! them.

use std::env;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::engine::AT_ONCE;
use crate::support::host::{labels, run_name, sweep_at_end};
use crate::support::page::find;
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Pty, Running, Scratch, adieu, eventually, libraries, missing, repository,
    server, storm, tool,
};
use nix::sys::signal::Signal;

/// The shells of the images. busybox's takes the place of its last command; others stay above it.
fn shells() -> Vec<&'static str> {
    let busybox = busybox().is_some().then_some("ADIEU_SHELL=/bin/busybox sh -c");
    ["ADIEU_SHELL=/bin/sh -c"].into_iter().chain(busybox).collect()
}

/// What the images hold beside adieu and the server: this machine's own shells and coreutils, or
/// busybox alone.
fn distributions() -> Vec<&'static str> {
    ["debian"].into_iter().chain(busybox().is_some().then_some("busybox")).collect()
}

/// Without it, its variants of the tests do not run, which
/// `all_of_this_is_tried_with_busybox_too` says.
fn busybox() -> Option<PathBuf> {
    find("busybox")
}

/// Every restriction that a careful user sets for a container.
const EVERY_RESTRICTION: [&str; 7] = [
    "--read-only",
    "--user",
    "1234:1234",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
];

// --- Images --------------------------------------------------------------------------------------

pub(crate) struct Images {
    docker: PathBuf,
}

/// Built once. Where there is no Docker, every test ends here.
pub(crate) fn images() -> &'static Images {
    static IMAGES: OnceLock<Images> = OnceLock::new();
    IMAGES.get_or_init(Images::build_all)
}

impl Images {
    fn build_all() -> Self {
        let docker = tool("docker");
        let info = Command::new(&docker).arg("info").output().unwrap();
        if !info.status.success() {
            let why = String::from_utf8_lossy(&info.stderr);
            missing(
                "a Docker that answers",
                &format!("start it; docker info says: {}", why.trim()),
            );
        }
        sweep_at_end();
        let images = Self { docker };
        let nothing_else = "FROM scratch\nCOPY root /\n";
        images.build_distributions(nothing_else);

        let context = Scratch::new();
        put(&context, adieu(), "/adieu");
        put(&context, &server(), "/app/server");
        put(&context, &storm(), "/app/storm");
        images.build(&context, "scratch", &format!("{nothing_else}ENTRYPOINT [\"/adieu\"]"));
        images.build(
            &context,
            "two-dashes",
            &format!("{nothing_else}ENTRYPOINT [\"/adieu\", \"--\"]\nCMD [\"/app/server\"]"),
        );

        put(&context, &server(), "/usr/bin/command");
        put_program(&context, Path::new("/bin/sh"), "/bin/sh");
        if let Some(busybox) = busybox() {
            put_program(&context, &busybox, "/bin/busybox");
        }
        for name in ["cat", "date", "sleep"] {
            let path = format!("/bin/{name}");
            put_program(&context, Path::new(&path), &path);
        }
        fs::write(context.path().join("root/app/notes"), "not a program\n").unwrap();
        let shell = format!("{nothing_else}ENTRYPOINT [\"/adieu\"]\n");
        images.build(&context, "string", &format!("{shell}CMD [\"cd /app && ./server\"]"));
        images.build(&context, "shell-form", &format!("{shell}CMD cd /app && ./server"));
        let instead = format!("{nothing_else}SHELL [\"/adieu\", \"-c\"]\nCMD cd /app && ./server");
        images.build(&context, "shell-instruction", &instead);
        images.build(
            &context,
            "quit",
            &format!("{shell}STOPSIGNAL SIGQUIT\nCMD [\"cd /app && ./server --on QUIT\"]"),
        );
        images
    }

    /// For each of [`DISTRIBUTIONS`] an image for each form of `ENTRYPOINT`, `CMD` and `SHELL`.
    fn build_distributions(&self, nothing_else: &str) {
        for distribution in distributions() {
            let context = Scratch::new();
            put(&context, adieu(), "/adieu");
            put(&context, &server(), "/app/server");
            if distribution == "busybox" {
                put_program(&context, &busybox().unwrap(), "/bin/busybox");
                let bin = context.path().join("root/bin");
                ["sh", "cat", "sleep"]
                    .iter()
                    .for_each(|name| symlink("busybox", bin.join(name)).unwrap());
            } else {
                for name in ["sh", "bash", "cat", "sleep"] {
                    let path = format!("/bin/{name}");
                    put_program(&context, Path::new(&path), &path);
                }
            }
            let shell = match distribution {
                "busybox" => r#"["/adieu", "-c"]"#,
                _ => r#"["/adieu", "--shell", "/bin/bash -eo pipefail -c", "-c"]"#,
            };
            // Beside a shell that handles nothing, and in a pipe.
            let string = "cd /app && ./server | cat";
            let forms = [
                ("exec-form", format!("ENTRYPOINT [\"/adieu\"]\nCMD [\"{string}\"]")),
                ("shell-form", format!("ENTRYPOINT [\"/adieu\"]\nCMD {string}")),
                (
                    "dashes-exec-form",
                    "ENTRYPOINT [\"/adieu\", \"--\"]\nCMD [\"/app/server\"]".to_owned(),
                ),
                ("dashes-shell-form", format!("ENTRYPOINT [\"/adieu\", \"--\"]\nCMD {string}")),
                ("shell-instruction", format!("SHELL {shell}\nCMD {string}")),
            ];
            for (form, dockerfile) in forms {
                let kind = format!("{distribution}-{form}");
                self.build(&context, &kind, &format!("{nothing_else}{dockerfile}"));
            }
        }
    }

    pub(crate) fn build(&self, context: &Scratch, kind: &str, dockerfile: &str) {
        let labels = labels().join(" ");
        let dockerfile = format!("{dockerfile}\nLABEL {labels} adieu-test={kind}\n");
        fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
        let mut build = Command::new(&self.docker);
        // The builder that leaves no cache behind.
        build
            .env("DOCKER_BUILDKIT", "0")
            .args(["build", "--tag", &Self::tag(kind)])
            .arg(context.path());
        let build = build.output().unwrap();
        assert!(build.status.success(), "docker build: {}", String::from_utf8_lossy(&build.stderr));
    }

    fn tag(kind: &str) -> String {
        format!("{}:{kind}", run_name())
    }
}

/// Copies a file to its place in the root of an image.
pub(crate) fn put(context: &Scratch, from: &Path, to: &str) {
    let to = context.path().join("root").join(to.trim_start_matches('/'));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

/// The same, with its shared libraries.
pub(crate) fn put_program(context: &Scratch, program: &Path, to: &str) {
    put(context, program, to);
    libraries(program).iter().for_each(|library| put(context, Path::new(library), library));
}

// --- Containers ----------------------------------------------------------------------------------

/// A container, with `docker run` attached to it. Removed on drop.
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) run: Running,
}

/// Docker's command line.
fn docker() -> Adieu {
    Adieu::new().as_child().program(&images().docker).deadline(Duration::from_secs(90))
}

/// `docker run OPTIONS IMAGE COMMAND`, to be started.
fn docker_run(name: &str, kind: &str, options: &[&str], command: &[&str]) -> Adieu {
    let run = docker().args(["run", "--name", name, "--network", "none"]);
    let run = labels().into_iter().fold(run, |run, label| run.arg("--label").arg(label));
    run.args(options.iter().copied()).arg(Images::tag(kind)).args(command.iter().copied())
}

impl Container {
    /// `docker run OPTIONS IMAGE COMMAND`.
    pub(crate) fn run(kind: &str, options: &[&str], command: &[&str]) -> Self {
        Self::run_with_stdin(Stdio::null(), kind, options, command)
    }

    fn run_with_stdin(stdin: Stdio, kind: &str, options: &[&str], command: &[&str]) -> Self {
        let name = Self::name();
        let run = docker_run(&name, kind, options, command).stdin(stdin).start();
        Self { name, run }
    }

    /// A name that no other container has.
    fn name() -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        format!("adieu-test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    /// `docker COMMAND … NAME`.
    pub(crate) fn docker(&self, command: &[&str]) -> Finished {
        docker().args(command.iter().copied()).arg(&self.name).start().expect_exit(0)
    }

    /// `docker exec --detach NAME COMMAND`.
    pub(crate) fn docker_exec(&self, command: &[&str]) {
        let exec = docker().args(["exec", "--detach", &*self.name]);
        exec.args(command.iter().copied()).start().expect_exit(0);
    }

    /// How long `docker stop` took.
    pub(crate) fn stop(&self) -> Duration {
        self.docker(&["stop"]).took
    }

    /// Waits until a program of that name runs in it, for those that print nothing.
    pub(crate) fn wait_program(&self, program: &str) {
        wait_program(&self.name, program);
    }

    /// Waits for its end: what `docker logs` has, and the exit status that `docker inspect` shows.
    pub(crate) fn ended(&self) -> Finished {
        self.run.wait_end();
        let state = self.docker(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}"]);
        let code =
            state.out[0].strip_prefix("exited ").unwrap_or_else(|| panic!("not exited: {state}"));
        Finished { code: code.parse().unwrap(), ..self.docker(&["logs"]) }
    }

    fn expect_exit(&self, code: i32) -> Finished {
        let ended = self.ended();
        assert_eq!(ended.code, code, "exit status\n{ended}");
        ended
    }

    /// Stops it once this program runs: all of it ends at once, with nothing on stderr, and the
    /// script does not go on to `echo next`.
    fn expect_ends_at_once(&self, program: &str) {
        self.wait_program(program);
        let took = self.stop();
        let ended = self.expect_exit(143);
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        ended.assert_no("next");
        assert!(ended.err.is_empty(), "{ended}");
    }

    /// Stops it: the server gets the signal once and finishes, and nothing is on stderr.
    fn expect_server_finishes(&self) {
        self.run.wait_line("server ready");
        self.stop();
        let ended = self.expect_exit(0);
        assert_eq!(ended.out, ["server ready", "server got TERM", "server done"]);
        assert!(ended.err.is_empty(), "{ended}");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

fn wait_program(container: &str, program: &str) {
    eventually(&format!("{program} runs"), || {
        let top = docker().args(["top", container, "-eo", "pid,comm"]).start().finish();
        top.out.iter().any(|line| line.split_whitespace().nth(1) == Some(program))
    });
}

fn remove(container: &str) {
    let mut remove = Command::new(&images().docker);
    remove.args(["rm", "--force", "--volumes", container]).output().ok();
}

/// A container on a terminal: `docker run -it`. Removed on drop.
struct Interactive {
    name: String,
    pty: Pty,
}

impl Interactive {
    fn run(kind: &str, command: &[&str]) -> Self {
        let name = Container::name();
        let pty = docker_run(&name, kind, &["--interactive", "--tty"], command).start_on_pty();
        Self { name, pty }
    }
}

impl Drop for Interactive {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

// --- An image with nothing else in it ------------------------------------------------------------

/// Promise (Anywhere): in an image FROM scratch, of busybox or of Debian, as any user, read-only
fn runs_in_an_image_from_scratch_under_any_restriction() {
    images();
    let restrictions: [&[&str]; 6] = [
        &[],
        &["--read-only"],
        &["--user", "1234:1234"],
        &["--cap-drop", "ALL"],
        &["--security-opt", "no-new-privileges"],
        &EVERY_RESTRICTION,
    ];
    for restriction in restrictions {
        Container::run("scratch", restriction, &["/app/server", "--work", "100ms"])
            .expect_server_finishes();
        Container::run("scratch", restriction, &["/app/server --work 100ms"])
            .expect_server_finishes();
    }
}

/// Profiles that refuse the newer calls that adieu prefers: with EPERM, as an old profile does, and
/// with ENOSYS, as a runtime that does not know them.
/// Promise (Anywhere): without /proc, pidfds or free descriptors the stop is graceful
fn where_seccomp_refuses_calls_that_adieu_prefers_the_stop_is_the_same() {
    images();
    let scratch = Scratch::new();
    let calls = "pidfd_open pidfd_send_signal signalfd signalfd4 epoll_create epoll_create1 \
        epoll_ctl epoll_wait epoll_pwait epoll_pwait2 openat2 pwritev2";
    for (errno, more) in
        [(libc::EPERM, ""), (libc::ENOSYS, ""), (libc::EPERM, " statx"), (libc::ENOSYS, " statx")]
    {
        let profile = scratch.join(format!("{errno}{}.json", more.trim()));
        let calls = format!("{calls}{more}");
        let rules = format!(
            "{{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{{ \"names\": {:?},
                \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": {errno} }}] }}",
            calls.split_whitespace().collect::<Vec<_>>()
        );
        fs::write(&profile, rules).unwrap();
        let option = format!("seccomp={}", profile.display());
        let options = ["--security-opt", &*option, "--tmpfs", "/tmp"];
        // runc 1.3 needs statx itself, and starts no container without.
        let starts =
            docker_run(&Container::name(), "string", &["--rm", options[0], &option], &["true"]);
        let starts = starts.start().finish();
        if !more.is_empty() && starts.err.iter().any(|line| line.contains("statx(")) {
            continue;
        }
        let script = "cat /proc/self/status | { while read line; \
            do case $line in Seccomp:*) echo $line; esac; done; }
            sleep 3600 & (cd /app; ./server --by sigwait --work 1s); \
            cat /tmp/nothing 2>/dev/null; echo after";
        let container = Container::run("string", &options, &["--report", "/tmp/report", script]);
        container.run.wait_line("server ready");
        container.stop();
        let ended = container.expect_exit(0);
        let filtered = format!("Seccomp: {}", libc::SECCOMP_MODE_FILTER);
        assert_eq!(
            ended.out,
            [&*filtered, "server ready", "server got TERM", "server done", "after"],
            "{ended}"
        );
        assert!(ended.err.is_empty(), "{ended}");
    }
}

/// The variants that [`shells`] and [`distributions`] have only where busybox is.
fn all_of_this_is_tried_with_busybox_too() {
    tool("busybox");
    images();
    assert_eq!((shells().len(), distributions().len()), (2, 2));
    let options = ["--env", shells()[1]];
    let shell = Container::run("string", &options, &["read line </proc/$$/comm; echo $line"])
        .expect_exit(0);
    assert_eq!(shell.out, ["busybox"], "{shell}");
    let shell =
        Container::run("busybox-exec-form", &[], &["cat /proc/self/comm; exit 0"]).expect_exit(0);
    assert_eq!(shell.out, ["cat"], "{shell}");
}

fn entrypoint_with_two_dashes_takes_the_command_as_it_is() {
    images();
    Container::run("two-dashes", &[], &[]).expect_server_finishes();
    let whole = Container::run("two-dashes", &[], &["/app/server --work 0s"]);
    assert!(whole.expect_exit(127).err[0].contains("/app/server --work 0s"));
}

/// Promise (Anywhere): in an image FROM scratch, of busybox or of Debian, as any user, read-only
fn every_form_of_entrypoint_command_and_shell_lets_the_server_finish_under_any_restriction() {
    images();
    for distribution in distributions() {
        for form in [
            "exec-form",
            "shell-form",
            "dashes-exec-form",
            "dashes-shell-form",
            "shell-instruction",
        ] {
            let image = format!("{distribution}-{form}");
            Container::run(&image, &[], &[]).expect_server_finishes();
            Container::run(&image, &EVERY_RESTRICTION, &[]).expect_server_finishes();
        }
        let image = format!("{distribution}-exec-form");
        for restriction in [&[][..], &EVERY_RESTRICTION] {
            let command = "cd / && sleep 3600; echo next";
            Container::run(&image, restriction, &[command]).expect_ends_at_once("sleep");
        }
    }
}

/// Promise (The command): `--install`
fn installs_itself_where_there_is_no_cp() {
    images();
    let shared = Scratch::new();
    let volume = format!("{}:/shared", shared.path().display());
    Container::run("scratch", &["--volume", &volume], &["--install", "/shared/adieu"])
        .expect_exit(0);
    let options = ["--volume", &volume, "--user", "1234:1234", "--entrypoint", "/shared/adieu"];
    Container::run("scratch", &options, &["/app/server"]).expect_server_finishes();
}

// --- docker stop ---------------------------------------------------------------------------------

/// Promise (Which process gets the signal, and when): a server under a shell gets the signal once
/// and finishes, and the script goes on
fn command_string_in_the_image_lets_the_server_finish() {
    images();
    for shell in shells() {
        Container::run("string", &["--env", shell], &[]).expect_server_finishes();
    }
    // Docker makes `/adieu /bin/sh -c 'cd /app && ./server'` of the one, `/adieu -c '…'` of the
    // other.
    Container::run("shell-form", &[], &[]).expect_server_finishes();
    Container::run("shell-instruction", &[], &[]).expect_server_finishes();
}

fn script_goes_on_after_the_server_has_finished() {
    images();
    for shell in shells() {
        let container =
            Container::run("string", &["--env", shell], &["cd /app; ./server; echo bye; exit 3"]);
        container.run.wait_line("server ready");
        container.stop();
        let ended = container.expect_exit(3);
        assert_eq!(ended.out, ["server ready", "server got TERM", "server done", "bye"], "{ended}");
    }
}

/// Promise (Which process gets the signal, and when): no process handles it: all end at once
/// (`sleep 3600`, `sh -c "sleep 3600"`, `cd /usr/bin/ && ./command`, `sleep 10 && cmd`)
fn stop_is_immediate_without_a_handler() {
    images();
    let commands: [(&[&str], &str); 5] = [
        (&["sleep 3600"], "sleep"),
        (&["sh -c \"sleep 3600\""], "sleep"),
        (&["sh", "-c", "sleep 3600"], "sleep"),
        (&["cd /usr/bin && ./command --on none"], "command"),
        (&["sleep 3600 & ./app/server --on none | cat; echo next"], "server"),
    ];
    for (command, program) in commands {
        for shell in shells() {
            Container::run("string", &["--env", shell], command).expect_ends_at_once(program);
        }
    }
}

/// Promise (Which process gets the signal, and when): no process handles it: all end at once
/// (`sleep 3600`, `sh -c "sleep 3600"`, `cd /usr/bin/ && ./command`, `sleep 10 && cmd`)
fn command_after_a_stopped_one_is_not_started() {
    images();
    for shell in shells() {
        let command = "sleep 10 && echo next";
        Container::run("string", &["--env", shell], &[command]).expect_ends_at_once("sleep");
    }
}

/// Promise (Which process gets the signal, and when): the foreground and the background of a shell
/// with a trap
fn trap_of_a_loop_runs_at_once() {
    images();
    for shell in shells() {
        let string = "trap \"exit\" TERM; while true; do date; sleep 1; done";
        let container = Container::run("string", &["--env", shell], &[string]);
        container.run.wait_line(":");
        let took = container.stop();
        let ended = container.ended();
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        // `exit` in a trap leaves with the status of the command before it, which the stop ended.
        assert!([0, 143].contains(&ended.code), "{ended}");
        assert!(ended.err.iter().all(|line| !line.contains("adieu")), "{ended}");

        let string =
            "trap 'echo trapped; exit 5' TERM; echo looping; while true; do sleep 3600; done";
        let container = Container::run("string", &["--env", shell], &[string]);
        container.run.wait_line("looping");
        container.wait_program("sleep");
        let took = container.stop();
        let ended = container.expect_exit(5);
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        assert_eq!(ended.count("trapped"), 1, "{ended}");
    }
}

/// Promise (Anywhere): `docker stop`, `kill`, `--stop-signal` and `STOPSIGNAL`, and Docker's limit
/// is the only one
fn stop_signal_of_the_image_is_the_one_delivered() {
    images();
    for shell in shells() {
        let container = Container::run("quit", &["--env", shell], &[]);
        container.run.wait_line("server ready");
        container.stop();
        let ended = container.expect_exit(0);
        assert_eq!(ended.out, ["server ready", "server got QUIT", "server done"], "{ended}");
    }
}

/// Promise (Anywhere): `docker stop`, `kill`, `--stop-signal` and `STOPSIGNAL`, and Docker's limit
/// is the only one
fn stop_signal_of_docker_run_is_the_one_delivered() {
    images();
    // Also signals that are no stop signals of adieu's: their handlers get them, and may end.
    for (given, name) in [
        ("SIGINT", "INT"),
        ("3", "QUIT"),
        ("SIGUSR1", "USR1"),
        ("HUP", "HUP"),
        ("SIGRTMIN+3", "RTMIN+3"),
    ] {
        let string = format!("cd /app && ./server --on {name}");
        let container = Container::run("string", &["--stop-signal", given], &[&string]);
        container.run.wait_line("server ready");
        container.stop();
        let ended = container.expect_exit(0);
        assert_eq!(
            ended.out,
            ["server ready", &format!("server got {name}"), "server done"],
            "{ended}"
        );
    }
}

/// Promise (Anywhere): `docker stop`, `kill`, `--stop-signal` and `STOPSIGNAL`, and Docker's limit
/// is the only one
fn docker_stop_with_a_time_is_the_limit_and_adieu_sets_none() {
    images();
    // Longer than the 10 s that Docker gives otherwise.
    let patient = Container::run("string", &[], &["cd /app && ./server --work 11s"]);
    let patient_by_itself =
        Container::run("string", &["--stop-timeout", "60"], &["cd /app && ./server --work 11s"]);
    let hung = Container::run("string", &[], &["cd /app && ./server --never"]);
    let all = [&patient, &patient_by_itself, &hung];
    all.iter().for_each(|it| drop(it.run.wait_line("server ready")));
    let stops = [
        docker().args(["stop", "-t", "60", &patient.name]).start(),
        docker().args(["stop", &patient_by_itself.name]).start(),
        docker().args(["stop", "-t", "2", &hung.name]).start(),
    ];
    let [patient_took, by_itself_took, hung_took] = stops.map(|stop| stop.expect_exit(0).took);
    for (container, took) in [(patient, patient_took), (patient_by_itself, by_itself_took)] {
        let ended = container.expect_exit(0);
        assert_eq!(ended.out, ["server ready", "server got TERM", "server done"], "{ended}");
        assert!(took >= Duration::from_secs(11), "{took:?}\n{ended}");
    }
    let ended = hung.expect_exit(137);
    assert_eq!(ended.out, ["server ready", "server got TERM"], "{ended}");
    assert!(hung_took >= Duration::from_secs(2), "{hung_took:?}\n{ended}");
}

fn timeout_from_the_environment_ends_what_does_not_end() {
    images();
    // A stop that had to kill ends with 137, whatever the shell above the server makes of it.
    for command in ["/app/server --never", "cd /app && ./server --never"] {
        let container = Container::run("string", &["--env", "ADIEU_TIMEOUT=300ms"], &[command]);
        container.run.wait_line("server ready");
        let took = container.stop();
        let ended = container.expect_exit(137);
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        assert_eq!(ended.out, ["server ready", "server got TERM"], "{ended}");
        assert!(ended.err[0].contains("timeout") && ended.err[0].contains("server ("), "{ended}");
    }
}

// --- Other signals, and processes that must not get any ------------------------------------------

fn signals_reach_the_program_that_handles_them() {
    images();
    for shell in shells() {
        let string = "cd /app && ./server --print HUP,USR1,RTMIN+1";
        let container = Container::run("string", &["--env", shell], &[string]);
        container.run.wait_line("server ready");
        for signal in ["HUP", "USR1", "RTMIN+1"] {
            container.docker(&["kill", "--signal", signal]);
            container.run.wait_line(&format!("server saw {signal}"));
        }
        container.stop();
        let expected = [
            "server ready",
            "server saw HUP",
            "server saw USR1",
            "server saw RTMIN+1",
            "server got TERM",
            "server done",
        ];
        let ended = container.expect_exit(0);
        assert_eq!(ended.out, expected, "{ended}");
        assert!(ended.err.is_empty(), "{ended}");
    }
}

/// Promise (Anywhere): `docker stop`, `kill`, `--stop-signal` and `STOPSIGNAL`, and Docker's limit
/// is the only one
fn docker_kill_with_a_stop_signal_stops_as_docker_stop_does() {
    images();
    for signal in ["TERM", "INT", "QUIT"] {
        let container =
            Container::run("string", &[], &["cd /app && ./server --on TERM,INT,QUIT; echo next"]);
        container.run.wait_line("server ready");
        container.docker(&["kill", "--signal", signal]);
        let ended = container.expect_exit(0);
        let got = format!("server got {signal}");
        assert_eq!(ended.out, ["server ready", &got, "server done", "next"], "{ended}");

        let unhandled = Container::run("string", &[], &["sleep 3600; echo next"]);
        unhandled.wait_program("sleep");
        unhandled.docker(&["kill", "--signal", signal]);
        let ended = unhandled.ended();
        assert!(ended.code > 128 && ended.lines.is_empty(), "{ended}");
    }
    let container = Container::run("string", &[], &[]);
    container.run.wait_line("server ready");
    container.docker(&["kill"]);
    assert_eq!(container.expect_exit(137).out, ["server ready"]);
}

fn container_survives_a_signal_without_a_handler_and_the_logs_say_so() {
    images();
    for shell in shells() {
        for command in ["sleep 3600", "cd / && sleep 3600; echo next"] {
            let container = Container::run("string", &["--env", shell], &[command]);
            container.wait_program("sleep");
            // The second one is answered only by a container that has survived the first, and so
            // on.
            for signal in ["HUP", "USR1", "USR2"] {
                container.docker(&["kill", "--signal", signal]);
                container.run.wait_line(&format!("SIG{signal} dropped"));
            }
            container.wait_program("sleep");
            container.stop();
            let ended = container.expect_exit(143);
            assert_eq!(ended.err.len(), 3, "{ended}");
            assert!(ended.out.is_empty(), "{ended}");
        }
    }
}

/// Promise (Anywhere): no process outside the tree gets a signal
fn process_of_docker_exec_is_never_signalled() {
    images();
    let container = Container::run("string", &[], &[]);
    container.run.wait_line("server ready");
    let exec = docker()
        .args(["exec", &container.name, "/app/server", "--name", "neighbour", "--print", "HUP"])
        .start();
    exec.wait_line("neighbour ready");
    container.docker(&["kill", "--signal", "HUP"]);
    container.run.wait_line("SIGHUP dropped");
    container.stop();
    let ended = container.expect_exit(0);
    assert_eq!(ended.out, ["server ready", "server got TERM", "server done"], "{ended}");
    // The kernel ended it, with the namespace.
    let exec = exec.expect_exit(137);
    assert_eq!(exec.out, ["neighbour ready"], "{exec}");
}

/// Promise (Anywhere): no process outside the tree gets a signal
fn neighbour_in_a_shared_pid_namespace_is_never_signalled() {
    images();
    let host = Container::run("string", &[], &[]);
    host.run.wait_line("server ready");
    let pid = format!("container:{}", host.name);
    let guest = Container::run("string", &["--pid", &pid], &["cd /app && ./server --name guest"]);
    guest.run.wait_line("guest ready");
    guest.stop();
    let ended = guest.expect_exit(0);
    assert_eq!(ended.out, ["guest ready", "guest got TERM", "guest done"], "{ended}");
    host.expect_server_finishes();
}

/// Promise (Anywhere): no process outside the tree gets a signal
fn in_a_shared_pid_namespace_and_in_the_hosts_only_what_is_below_adieu_is_signalled() {
    images();
    let every_signal = ["--on", "none", "--print", "TERM,INT,QUIT,HUP,USR1,USR2,CONT"];
    let outside =
        Adieu::new().as_child().program(server()).args(["--name", "outside"]).args(every_signal);
    let outside = outside.deadline(Duration::from_secs(90)).start();
    outside.wait_line("outside ready");
    let neighbour = Container::run(
        "scratch",
        &[],
        &[&["/app/server", "--name", "neighbour"], &every_signal[..]].concat(),
    );
    neighbour.run.wait_line("neighbour ready");

    let shared = format!("container:{}", neighbour.name);
    for namespace in ["host", &shared] {
        let share = ["--pid", namespace];
        // Handlers, one of them a daemon outside the shell's tree; no handler; a timeout that
        // kills; a HUP.
        let string = "cd /app && ./server --name daemon --daemonize && ./server | cat";
        let finishes = Container::run("string", &share, &[string]);
        finishes.run.wait_line("daemon ready");
        finishes.run.wait_line("server ready");
        finishes.stop();
        let ended = finishes.expect_exit(0);
        ended.assert_order(["server ready", "server got TERM", "server done"]);
        ended.assert_order(["daemon ready", "daemon got TERM", "daemon done"]);

        let unhandled = Container::run("string", &share, &["sleep 3600 & sleep 3600; echo next"]);
        unhandled.wait_program("sleep");
        let took = unhandled.stop();
        let ended = unhandled.expect_exit(143);
        assert!(took < AT_ONCE && ended.lines.is_empty(), "{took:?}\n{ended}");

        let limit = [&share[..], &["--env", "ADIEU_TIMEOUT=300ms"]].concat();
        let killed = Container::run("string", &limit, &["cd /app && ./server --never"]);
        killed.run.wait_line("server ready");
        let took = killed.stop();
        let ended = killed.expect_exit(137);
        assert!(took < AT_ONCE && ended.err[0].contains("server ("), "{took:?}\n{ended}");

        let hung_up = Container::run("string", &share, &["cd /app && ./server --on HUP"]);
        hung_up.run.wait_line("server ready");
        hung_up.docker(&["kill", "--signal", "HUP"]);
        assert_eq!(hung_up.expect_exit(0).out, ["server ready", "server got HUP", "server done"]);
    }
    // The neighbours print every signal that they get.
    neighbour.docker(&["kill", "--signal", "USR2"]);
    neighbour.run.wait_line("neighbour saw USR2");
    outside.signal(Signal::SIGUSR2);
    outside.wait_line("outside saw USR2");
    let said = |run: &Running| run.lines().into_iter().map(|line| line.text).collect::<Vec<_>>();
    assert_eq!(said(&neighbour.run), ["neighbour ready", "neighbour saw USR2"]);
    assert_eq!(said(&outside), ["outside ready", "outside saw USR2"]);
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn below_dockers_own_init_the_server_finishes() {
    images();
    // tini signals its child, here adieu, and exits with adieu's status.
    Container::run("string", &["--init"], &[]).expect_server_finishes();
    assert_eq!(Container::run("string", &["--init"], &["exit 3"]).expect_exit(3).code, 3);
}

// --- docker run -it ------------------------------------------------------------------------------

/// Promise (Anywhere): `docker run -it`: Ctrl-C, what is typed, and a stop
fn ctrl_c_in_docker_run_it_reaches_the_program_once() {
    images();
    for command in
        [&["/app/server"][..], &["cd /app && ./server; exit 7"], &["sh", "-c", "cd /app; ./server"]]
    {
        let mut container = Interactive::run("string", command);
        container.pty.wait_text("server ready\n");
        container.pty.type_keys("\x03");
        container.pty.wait_text("server got INT\n");
        container.pty.wait_text("server done\n");
        let status = container.pty.exit();
        let text = container.pty.text();
        assert_eq!(text.matches(" got ").count(), 1, "{text}");
        // A shell in the foreground gets Ctrl-C as well, and may end of it once its command has
        // ended.
        let expected: &[i32] =
            if command.len() == 1 && !command[0].contains(' ') { &[0] } else { &[0, 7, 130] };
        assert!(expected.contains(&status), "{command:?} exited with {status}\n{text}");
    }
    let mut unhandled = Interactive::run("string", &["echo go; cat; echo next"]);
    unhandled.pty.wait_text("go\n");
    // dash, with or without adieu, keeps a Ctrl-C for later that comes while it starts a command.
    wait_program(&unhandled.name, "cat");
    unhandled.pty.type_keys("\x03");
    assert_eq!(unhandled.pty.exit(), 130, "{}", unhandled.pty.text());
}

/// Promise (Anywhere): `docker run -it`: Ctrl-C, what is typed, and a stop
fn what_is_typed_in_docker_run_it_reaches_the_program_and_docker_stop_is_graceful() {
    images();
    for image in distributions().iter().map(|distribution| format!("{distribution}-exec-form")) {
        let mut typed = Interactive::run(&image, &["read line; echo \"<$line>\"; cat"]);
        typed.pty.type_keys("one two\n");
        typed.pty.wait_text("<one two>\n");
        typed.pty.type_keys("\x04");
        assert_eq!(typed.pty.exit(), 0, "{}", typed.pty.text());

        let mut stopped = Interactive::run(&image, &["cd /app && ./server"]);
        stopped.pty.wait_text("server ready\n");
        docker().args(["stop", &stopped.name]).start().expect_exit(0);
        assert_eq!(stopped.pty.exit(), 0, "{}", stopped.pty.text());
        stopped.pty.wait_text("server got TERM\nserver done\n");
    }
}

// --- The release image ---------------------------------------------------------------------------

/// Promise (Anywhere): the release image holds only the binaries
fn release_image_holds_only_the_binaries_and_serves_them_to_other_images() {
    let images = images();
    let tag = Images::tag("release");
    let make = repository().join("dist/image.sh");
    let built = adieu().parent().unwrap();
    docker().program("sh").arg(make).arg(&tag).arg(built).start().expect_exit(0);

    let scratch = Scratch::new();
    let saved = scratch.join("image.tar");
    docker().args(["save", "--output"]).arg(&saved).arg(&tag).start().expect_exit(0);
    let tar = |options: [&str; 3]| {
        let tar = docker().program("tar").current_dir(scratch.path());
        tar.args(options).start().expect_exit(0)
    };
    tar(["--extract", "--file", "image.tar"]);
    let manifest = fs::read(scratch.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest[0]["Layers"].as_array().unwrap();
    let files =
        layers.iter().flat_map(|layer| tar(["--list", "--file", layer.as_str().unwrap()]).out);
    let files: Vec<String> = files.map(|file| file.trim_start_matches("./").to_owned()).collect();
    let binaries = ["adieu", "adieu-runtime"].into_iter().filter(|name| built.join(name).exists());
    assert_eq!(files, binaries.collect::<Vec<_>>());

    let version = Container::run("release", &EVERY_RESTRICTION, &["--version"]).expect_exit(0);
    assert_eq!(version.out, [concat!("tini version ", env!("CARGO_PKG_VERSION"), "_adieu")]);

    let context = Scratch::new();
    put(&context, &server(), "/app/server");
    let dockerfile = format!(
        "FROM scratch\nCOPY root /\nCOPY --from={tag} /adieu /adieu\n\
         ENTRYPOINT [\"/adieu\", \"--\"]\nCMD [\"/app/server\"]"
    );
    images.build(&context, "from-release", &dockerfile);
    Container::run("from-release", &EVERY_RESTRICTION, &[]).expect_server_finishes();
}

/// Without a word of adieu in the image: `docker run --mount type=image`, of Docker 28 and newer.
/// Promise (Anywhere): the release image holds only the binaries
fn docker_28_mounts_the_release_image_into_a_container_of_another() {
    images();
    let tag = Images::tag("mounted");
    let make = repository().join("dist/image.sh");
    docker()
        .program("sh")
        .arg(make)
        .arg(&tag)
        .arg(adieu().parent().unwrap())
        .start()
        .expect_exit(0);
    let mount = format!("type=image,source={tag},target=/mounted");
    let options = ["--mount", &*mount, "--entrypoint", "/mounted/adieu"];
    Container::run("string", &options, &["cd /app && ./server | cat"]).expect_server_finishes();
}

// --- Limits --------------------------------------------------------------------------------------

/// Ends the test where this Docker cannot limit it, by its `info`. It can with the hierarchies of
/// cgroup v1 and with a cgroup2 that has the controller.
fn docker_limits(field: &str, controller: &str) {
    let format = format!("{{{{.{field}}}}}");
    let info = docker().args(["info", "--format", &format]).start().expect_exit(0);
    if info.out != ["true"] {
        missing(
            &format!("a Docker with the cgroup controller {controller}"),
            "mount its hierarchy, or enable it in cgroup.subtree_control",
        );
    }
}

/// Promise (Under load): at a limit of processes or memory the stop is graceful
fn at_its_limit_of_processes_a_container_stops_gracefully_and_reports() {
    images();
    docker_limits("PidsLimit", "pids");
    let shared = Scratch::new();
    let volume = format!("{}:/shared", shared.path().display());
    let options =
        ["--pids-limit", "12", "--volume", &volume, "--env", "ADIEU_REPORT=/shared/report"];
    let container = Container::run(
        "string",
        &options,
        &["cd /app && ./server & /app/storm many 100; echo next"],
    );
    container.run.wait_line("server ready");
    eventually("the container is full", || {
        let top = docker().args(["top", &container.name, "-eo", "pid,comm"]).start().finish();
        top.out.len() == 1 + 12
    });
    assert!(container.stop() < AT_ONCE);
    let ended = container.expect_exit(0);
    assert_eq!(ended.out, ["server ready", "server got TERM", "server done", "next"], "{ended}");
    let report = fs::read_to_string(shared.join("report")).unwrap();
    assert!(report.contains("\"name\": \"server\""), "{report}");
}

/// Promise (Under load): at a limit of processes or memory the stop is graceful
fn out_of_memory_the_kernel_ends_the_largest_and_the_stop_is_graceful() {
    images();
    docker_limits("MemoryLimit", "memory");
    let options = ["--memory", "96m", "--memory-swap", "96m"];
    // One that is killed, and then at the limit for as long as the container lives.
    let string = "cd /app && ./storm eat 200; echo \"killed $?\"; \
        (while :; do ./storm eat 200; done) & ./server --work 700ms; echo next";
    let container = Container::run("string", &options, &[string]);
    container.run.wait_line("killed 137");
    container.run.wait_line("server ready");
    assert!(container.stop() < AT_ONCE);
    let ended = container.expect_exit(0);
    let of_server: Vec<_> = ended.out.iter().filter(|line| *line != "eaten").collect();
    assert_eq!(
        of_server,
        ["killed 137", "server ready", "server got TERM", "server done", "next"],
        "{ended}"
    );
}

// --- stdin and exit status -----------------------------------------------------------------------

fn stdin_reaches_the_program() {
    images();
    for (command, expected) in
        [("cat", "one two"), ("while read line; do echo \"<$line>\"; done", "<one two>")]
    {
        let mut container =
            Container::run_with_stdin(Stdio::piped(), "string", &["--interactive"], &[command]);
        container.run.stdin().write_all(b"one two\n").unwrap();
        assert_eq!(container.expect_exit(0).out, [expected]);
    }
}

/// Promise (The command): exit statuses, `--ok-exit`, 125, 126, 127, 128+n
fn exit_status_is_the_one_that_docker_shows() {
    images();
    let commands: [(i32, &[&str], &str); 10] = [
        (0, &["true"], ""),
        (3, &["exit 3"], ""),
        (3, &["sh", "-c", "exit 3"], ""),
        (143, &["kill -TERM $$"], ""),
        (127, &["no-such-command"], "no-such-command"),
        (127, &["cd /app && ./no-such-command"], "no-such-command"),
        (127, &["/no/such/command", "with", "arguments"], "/no/such/command"),
        (126, &["/app/notes"], "/app/notes"),
        (126, &["cd /app && ./notes"], "./notes"),
        (125, &["--timeout", "soon", "sleep", "3600"], "--timeout"),
    ];
    for (code, command, complaint) in commands {
        let ended = Container::run("string", &[], command).expect_exit(code);
        assert!(ended.out.is_empty(), "{command:?}\n{ended}");
        let complains = ended.err.iter().any(|line| line.contains(complaint));
        assert_eq!(complains, !complaint.is_empty(), "{command:?}\n{ended}");
    }
}

pub(crate) const TESTS: &[Test] = tests![
    all_of_this_is_tried_with_busybox_too,
    runs_in_an_image_from_scratch_under_any_restriction,
    where_seccomp_refuses_calls_that_adieu_prefers_the_stop_is_the_same,
    entrypoint_with_two_dashes_takes_the_command_as_it_is,
    every_form_of_entrypoint_command_and_shell_lets_the_server_finish_under_any_restriction,
    installs_itself_where_there_is_no_cp,
    command_string_in_the_image_lets_the_server_finish,
    script_goes_on_after_the_server_has_finished,
    stop_is_immediate_without_a_handler,
    command_after_a_stopped_one_is_not_started,
    trap_of_a_loop_runs_at_once,
    stop_signal_of_the_image_is_the_one_delivered,
    stop_signal_of_docker_run_is_the_one_delivered,
    docker_stop_with_a_time_is_the_limit_and_adieu_sets_none,
    timeout_from_the_environment_ends_what_does_not_end,
    signals_reach_the_program_that_handles_them,
    docker_kill_with_a_stop_signal_stops_as_docker_stop_does,
    container_survives_a_signal_without_a_handler_and_the_logs_say_so,
    process_of_docker_exec_is_never_signalled,
    neighbour_in_a_shared_pid_namespace_is_never_signalled,
    in_a_shared_pid_namespace_and_in_the_hosts_only_what_is_below_adieu_is_signalled,
    below_dockers_own_init_the_server_finishes,
    ctrl_c_in_docker_run_it_reaches_the_program_once,
    what_is_typed_in_docker_run_it_reaches_the_program_and_docker_stop_is_graceful,
    release_image_holds_only_the_binaries_and_serves_them_to_other_images,
    at_its_limit_of_processes_a_container_stops_gracefully_and_reports,
    out_of_memory_the_kernel_ends_the_largest_and_the_stop_is_graceful,
    stdin_reaches_the_program,
    exit_status_is_the_one_that_docker_shows
];

/// What only today's engines have (`today`).
pub(crate) const TODAY: &[Test] =
    tests![docker_28_mounts_the_release_image_into_a_container_of_another];
