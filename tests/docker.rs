//! In containers of the real Docker: images `FROM scratch`, with nothing in them but adieu and a server, or with the
//! shell of this machine.
//!
//! The images stay, as `adieu-test:*`, and are replaced when a binary has changed; the containers are removed.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed step fails the test; clippy.toml allows it in #[test] functions only"
)]

mod support;

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Adieu, Finished, Running, Scratch, adieu, eventually, server, tool};

/// What `docker stop` may take where nothing is waited for: nobody was killed, as Docker's own grace is 10 s.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The shells of the images. busybox's takes the place of its last command; others stay above it.
const SHELLS: [&str; 2] = ["ADIEU_SHELL=/bin/sh -c", "ADIEU_SHELL=/bin/busybox sh -c"];

// --- Images ------------------------------------------------------------------------------------------------

struct Images {
    docker: PathBuf,
    /// The tags begin with this. It differs between checkouts, so that they do not replace each other's.
    tag: String,
}

/// Built once. `None`, said aloud, where there is no Docker; in CI that is a failure.
fn images() -> Option<&'static Images> {
    static IMAGES: OnceLock<Option<Images>> = OnceLock::new();
    IMAGES.get_or_init(Images::build_all).as_ref()
}

impl Images {
    fn build_all() -> Option<Self> {
        let (docker, busybox) = (tool("docker")?, tool("busybox")?);
        let info = Command::new(&docker).arg("info").output().unwrap();
        if !info.status.success() {
            let why = String::from_utf8_lossy(&info.stderr).into_owned();
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "docker info fails in CI: {why}");
            // To the descriptor itself: `eprintln!` would be captured and hidden, as the test passes.
            writeln!(io::stderr(), "SKIPPED: all of tests/docker.rs: docker info fails: {why}").ok();
            return None;
        }
        let mut checkout = DefaultHasher::new();
        adieu().hash(&mut checkout);
        let images = Self { docker, tag: format!("adieu-test:{:016x}", checkout.finish()) };
        let context = Scratch::new();
        let put = |from: &Path, to: &str| {
            let to = context.path().join("root").join(to.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        };
        put(adieu(), "/adieu");
        put(&server(), "/app/server");
        let nothing_else = "FROM scratch\nCOPY root /\n";
        images.build(&context, "scratch", &format!("{nothing_else}ENTRYPOINT [\"/adieu\"]"));
        images.build(
            &context,
            "two-dashes",
            &format!("{nothing_else}ENTRYPOINT [\"/adieu\", \"--\"]\nCMD [\"/app/server\"]"),
        );

        put(&server(), "/usr/bin/command");
        for (program, path) in [(Path::new("/bin/sh"), "/bin/sh"), (&*busybox, "/bin/busybox")] {
            put(program, path);
            libraries(program).iter().for_each(|library| put(Path::new(library), library));
        }
        let bin = context.path().join("root/bin");
        ["cat", "date", "sleep"].iter().for_each(|name| symlink("busybox", bin.join(name)).unwrap());
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
        Some(images)
    }

    fn build(&self, context: &Scratch, kind: &str, dockerfile: &str) {
        fs::write(context.path().join("Dockerfile"), format!("{dockerfile}\nLABEL adieu-test={kind}\n"))
            .unwrap();
        let tag = self.tag(kind);
        let id = || {
            let inspect =
                Command::new(&self.docker).args(["image", "inspect", "--format", "{{.Id}}", &tag]).output();
            String::from_utf8(inspect.unwrap().stdout).unwrap()
        };
        let replaced = id();
        let build =
            Command::new(&self.docker).args(["build", "--tag", &tag]).arg(context.path()).output().unwrap();
        assert!(build.status.success(), "docker build: {}", String::from_utf8_lossy(&build.stderr));
        if !replaced.is_empty() && replaced != id() {
            Command::new(&self.docker).args(["image", "rm", replaced.trim()]).output().unwrap();
        }
    }

    fn tag(&self, kind: &str) -> String {
        format!("{}-{kind}", self.tag)
    }
}

/// The shared libraries of a program: none of a static one.
fn libraries(program: &Path) -> Vec<String> {
    let list = Command::new("ldd").arg(program).output().unwrap().stdout;
    let words = String::from_utf8(list).unwrap();
    words.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

// --- Containers --------------------------------------------------------------------------------------------

/// A container, with `docker run` attached to it. Removed on drop.
struct Container {
    name: String,
    run: Running,
}

/// Docker's command line.
fn docker() -> Adieu {
    Adieu::new().as_child().program(&images().unwrap().docker).deadline(Duration::from_secs(90))
}

impl Container {
    /// `docker run OPTIONS IMAGE COMMAND`.
    fn run(kind: &str, options: &[&str], command: &[&str]) -> Self {
        Self::run_with_stdin(Stdio::null(), kind, options, command)
    }

    fn run_with_stdin(stdin: Stdio, kind: &str, options: &[&str], command: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("adieu-test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let run = docker().args(["run", "--name", &name, "--label", "adieu-test", "--network", "none"]);
        let run = run.args(options.iter().copied()).arg(images().unwrap().tag(kind));
        Self { run: run.args(command.iter().copied()).stdin(stdin).start(), name }
    }

    /// `docker COMMAND … NAME`.
    fn docker(&self, command: &[&str]) -> Finished {
        docker().args(command.iter().copied()).arg(&self.name).start().expect_exit(0)
    }

    /// How long `docker stop` took.
    fn stop(&self) -> Duration {
        self.docker(&["stop"]).took
    }

    /// Waits until a program of that name runs in it, for those that print nothing.
    fn wait_program(&self, name: &str) {
        eventually(&format!("{name} runs"), || {
            let top = docker().args(["top", &self.name, "-eo", "pid,comm"]).start().finish();
            top.out.iter().any(|line| line.split_whitespace().nth(1) == Some(name))
        });
    }

    /// Waits for its end: what `docker logs` has, and the exit status that `docker inspect` shows.
    fn ended(&self) -> Finished {
        self.run.wait_end();
        let state = self.docker(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}"]);
        let code = state.out[0].strip_prefix("exited ").unwrap_or_else(|| panic!("not exited: {state}"));
        Finished { code: code.parse().unwrap(), ..self.docker(&["logs"]) }
    }

    fn expect_exit(&self, code: i32) -> Finished {
        let ended = self.ended();
        assert_eq!(ended.code, code, "exit status\n{ended}");
        ended
    }

    /// Stops it: the server is told once, finishes, and nobody has anything to complain of.
    fn expect_server_finishes(&self) {
        self.run.wait_line("server ready");
        self.stop();
        let ended = self.expect_exit(0);
        assert_eq!(ended.out, ["server ready", "server told TERM", "server done"]);
        assert!(ended.err.is_empty(), "{ended}");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut remove = Command::new(&images().unwrap().docker);
        remove.args(["rm", "--force", "--volumes", &self.name]).output().ok();
    }
}

// --- An image with nothing else in it ----------------------------------------------------------------------

#[test]
fn runs_in_an_image_from_scratch_under_any_restriction() {
    if images().is_none() {
        return;
    }
    let restrictions: [&[&str]; 6] = [
        &[],
        &["--read-only"],
        &["--user", "1234:1234"],
        &["--cap-drop", "ALL"],
        &["--security-opt", "no-new-privileges"],
        &["--read-only", "--user", "1234:1234", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
    ];
    for restriction in restrictions {
        Container::run("scratch", restriction, &["/app/server", "--work", "100ms"]).expect_server_finishes();
        Container::run("scratch", restriction, &["/app/server --work 100ms"]).expect_server_finishes();
    }
}

#[test]
fn entrypoint_with_two_dashes_takes_the_command_as_it_is() {
    if images().is_none() {
        return;
    }
    Container::run("two-dashes", &[], &[]).expect_server_finishes();
    let whole = Container::run("two-dashes", &[], &["/app/server --work 0s"]);
    assert!(whole.expect_exit(127).err[0].contains("/app/server --work 0s"));
}

#[test]
fn installs_itself_where_there_is_no_cp() {
    if images().is_none() {
        return;
    }
    let shared = Scratch::new();
    let volume = format!("{}:/shared", shared.path().display());
    Container::run("scratch", &["--volume", &volume], &["--install", "/shared/adieu"]).expect_exit(0);
    let options = ["--volume", &volume, "--user", "1234:1234", "--entrypoint", "/shared/adieu"];
    Container::run("scratch", &options, &["/app/server"]).expect_server_finishes();
}

// --- docker stop -------------------------------------------------------------------------------------------

#[test]
fn command_string_in_the_image_lets_the_server_finish() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        Container::run("string", &["--env", shell], &[]).expect_server_finishes();
    }
    // Docker makes `/adieu /bin/sh -c 'cd /app && ./server'` of the one, `/adieu -c '…'` of the other.
    Container::run("shell-form", &[], &[]).expect_server_finishes();
    Container::run("shell-instruction", &[], &[]).expect_server_finishes();
}

#[test]
fn script_goes_on_after_the_server_has_finished() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        let container = Container::run("string", &["--env", shell], &["cd /app; ./server; echo bye; exit 3"]);
        container.run.wait_line("server ready");
        container.stop();
        let ended = container.expect_exit(3);
        assert_eq!(ended.out, ["server ready", "server told TERM", "server done", "bye"], "{ended}");
    }
}

#[test]
fn stop_is_immediate_when_nobody_handles_it() {
    if images().is_none() {
        return;
    }
    let commands: [(&[&str], &str); 5] = [
        (&["sleep 3600"], "sleep"),
        (&["sh -c \"sleep 3600\""], "sleep"),
        (&["sh", "-c", "sleep 3600"], "sleep"),
        (&["cd /usr/bin && ./command --on none"], "command"),
        (&["sleep 3600 & ./app/server --on none | cat; echo next"], "server"),
    ];
    for (command, program) in commands {
        for shell in SHELLS {
            let container = Container::run("string", &["--env", shell], command);
            container.wait_program(program);
            let took = container.stop();
            let ended = container.expect_exit(143);
            assert!(took < AT_ONCE, "{command:?} took {took:?}\n{ended}");
            ended.assert_no("next");
            assert!(ended.err.is_empty(), "{ended}");
        }
    }
}

#[test]
fn command_after_a_stopped_one_is_not_started() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        let container = Container::run("string", &["--env", shell], &["sleep 10 && echo next"]);
        container.wait_program("sleep");
        let took = container.stop();
        let ended = container.expect_exit(143);
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        ended.assert_no("next");
    }
}

#[test]
fn trap_of_a_loop_runs_at_once() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        let string = "trap \"exit\" TERM; while true; do date; sleep 1; done";
        let container = Container::run("string", &["--env", shell], &[string]);
        container.run.wait_line(":");
        let took = container.stop();
        let ended = container.ended();
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        // `exit` in a trap leaves with the status of the command before it, which the stop ended.
        assert!([0, 143].contains(&ended.code), "{ended}");
        assert!(ended.err.iter().all(|line| !line.contains("adieu")), "{ended}");

        let string = "trap 'echo trapped; exit 5' TERM; echo looping; while true; do sleep 3600; done";
        let container = Container::run("string", &["--env", shell], &[string]);
        container.run.wait_line("looping");
        container.wait_program("sleep");
        let took = container.stop();
        let ended = container.expect_exit(5);
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        assert_eq!(ended.count("trapped"), 1, "{ended}");
    }
}

#[test]
fn stop_signal_of_the_image_is_the_one_delivered() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        let container = Container::run("quit", &["--env", shell], &[]);
        container.run.wait_line("server ready");
        container.stop();
        let ended = container.expect_exit(0);
        assert_eq!(ended.out, ["server ready", "server told QUIT", "server done"], "{ended}");
    }
}

#[test]
fn timeout_from_the_environment_ends_what_does_not_end() {
    if images().is_none() {
        return;
    }
    // The shell above the server was not told until then, and ends by that.
    for (command, code) in [("/app/server --never", 137), ("cd /app && ./server --never", 143)] {
        let container = Container::run("string", &["--env", "ADIEU_TIMEOUT=300ms"], &[command]);
        container.run.wait_line("server ready");
        let took = container.stop();
        let ended = container.expect_exit(code);
        assert!(took < AT_ONCE, "{took:?}\n{ended}");
        assert_eq!(ended.out, ["server ready", "server told TERM"], "{ended}");
        assert!(ended.err[0].contains("timeout") && ended.err[0].contains("server ("), "{ended}");
    }
}

// --- Other signals, and who must not get any ---------------------------------------------------------------

#[test]
fn signals_reach_the_program_that_handles_them() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        let string = "cd /app && ./server --print HUP,USR1,RTMIN+1";
        let container = Container::run("string", &["--env", shell], &[string]);
        container.run.wait_line("server ready");
        for signal in ["HUP", "USR1", "RTMIN+1"] {
            container.docker(&["kill", "--signal", signal]);
            container.run.wait_line(&format!("server got {signal}"));
        }
        container.stop();
        let expected = [
            "server ready",
            "server got HUP",
            "server got USR1",
            "server got RTMIN+1",
            "server told TERM",
            "server done",
        ];
        let ended = container.expect_exit(0);
        assert_eq!(ended.out, expected, "{ended}");
        assert!(ended.err.is_empty(), "{ended}");
    }
}

#[test]
fn container_survives_a_signal_that_nobody_handles_and_the_logs_say_so() {
    if images().is_none() {
        return;
    }
    for shell in SHELLS {
        for command in ["sleep 3600", "cd / && sleep 3600; echo next"] {
            let container = Container::run("string", &["--env", shell], &[command]);
            container.wait_program("sleep");
            // The second one is answered only by a container that has survived the first, and so on.
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

#[test]
fn process_of_docker_exec_is_never_signalled() {
    if images().is_none() {
        return;
    }
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
    assert_eq!(ended.out, ["server ready", "server told TERM", "server done"], "{ended}");
    // The kernel ended it, with the namespace.
    let exec = exec.expect_exit(137);
    assert_eq!(exec.out, ["neighbour ready"], "{exec}");
}

#[test]
fn neighbour_in_a_shared_pid_namespace_is_never_signalled() {
    if images().is_none() {
        return;
    }
    let host = Container::run("string", &[], &[]);
    host.run.wait_line("server ready");
    let pid = format!("container:{}", host.name);
    let guest = Container::run("string", &["--pid", &pid], &["cd /app && ./server --name guest"]);
    guest.run.wait_line("guest ready");
    guest.stop();
    let ended = guest.expect_exit(0);
    assert_eq!(ended.out, ["guest ready", "guest told TERM", "guest done"], "{ended}");
    host.expect_server_finishes();
}

// --- stdin and exit status ---------------------------------------------------------------------------------

#[test]
fn stdin_reaches_the_program() {
    if images().is_none() {
        return;
    }
    for (command, expected) in
        [("cat", "one two"), ("while read line; do echo \"<$line>\"; done", "<one two>")]
    {
        let mut container =
            Container::run_with_stdin(Stdio::piped(), "string", &["--interactive"], &[command]);
        container.run.stdin().write_all(b"one two\n").unwrap();
        assert_eq!(container.expect_exit(0).out, [expected]);
    }
}

#[test]
fn exit_status_is_the_one_that_docker_shows() {
    if images().is_none() {
        return;
    }
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
