//! Real programs below a start script that does not `exec` them: each gets the signal once,
//! finishes its work, and ends by itself.
//!
//! A request is finished only once the program has said that it got the signal, so that it surely
//! was in flight: the test then opens a gate (the file `go`). Traffic stays on loopback, which the
//! namespaces share.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, process};

use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Running, Scratch, eventually, missing_package, page, pid_namespace, root, tool,
};
use nix::sys::signal::Signal::{SIGINT, SIGTERM};

// --- Starting ------------------------------------------------------------------------------------

/// A program that the test runs as a service, as a word of a shell script.
fn needs(name: &str) -> String {
    pid_namespace();
    quoted(&tool(name))
}

/// Debian's own Python where there is one: those in a home directory are no use to `su nobody`.
fn python() -> String {
    pid_namespace();
    let debian = Path::new("/usr/bin/python3");
    if debian.exists() { quoted(debian) } else { needs("python3") }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// A script that runs `commands` and prints the status of the last one, so that its shell cannot
/// exec that.
fn start_script(scratch: &Scratch, commands: &str) {
    let end = "status=$?; echo \"script ends with $status\"; exit $status";
    scratch.script("start.sh", &format!("{commands}\n{end}\n"));
}

/// What runs it.
fn shell_string(scratch: &Scratch) -> String {
    format!("cd {} && ./start.sh", quoted(scratch.path()))
}

/// How long a script, or npm, may need on a slow machine to end by itself.
const EPILOGUE: (&str, &str) = ("ADIEU_EPILOGUE", "20s");

/// adieu with both.
fn below_script(scratch: &Scratch, options: &[&str], commands: &str) -> Adieu {
    start_script(scratch, commands);
    Adieu::new().env(EPILOGUE.0, EPILOGUE.1).args(options).arg(shell_string(scratch))
}

/// It ended with this status, in this order. No process was killed, and the script's shell got no
/// signal.
fn graceful(running: Running, code: i32, order: &[&str]) -> Finished {
    let finished = running.expect_exit(code);
    let end = format!("script ends with {code}");
    finished.assert_no("killing").assert_order(order.iter().copied().chain([&*end]));
    finished
}

/// There is exactly one line with each of these, in this order.
fn assert_log(finished: &Finished, patterns: &[&str]) {
    let places: Vec<_> = patterns
        .iter()
        .map(|pattern| {
            let hits =
                finished.lines.iter().enumerate().filter(|(_, line)| line.text.contains(pattern));
            let places: Vec<_> = hits.map(|(place, _)| place).collect();
            assert_eq!(places.len(), 1, "not exactly once: {pattern:?}\n{finished}");
            places[0]
        })
        .collect();
    assert!(places.is_sorted(), "not in this order: {patterns:?}\n{finished}");
}

// --- Requests ------------------------------------------------------------------------------------

/// Below the ports that the kernel gives to clients, and each once only, so that no other
/// process takes it meanwhile.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let seed = u16::try_from(process::id() * 17 % 20_000).unwrap();
    loop {
        let port = 10_000 + (seed + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Sends this and reads to the end, or to where the connection breaks.
fn exchange(port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok();
    response
}

/// A request in flight.
fn get(port: u16) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || exchange(port, b"GET / HTTP/1.0\r\n\r\n"))
}

/// Sends the stop signal once the request is being worked on, and opens the gate once the program
/// says that it got the signal, by the line `said`. Returns the response.
fn stop_in_flight(
    running: &Running,
    scratch: &Scratch,
    request: JoinHandle<Vec<u8>>,
    said: &str,
) -> Vec<u8> {
    running.wait_line("request begins");
    running.signal(SIGTERM);
    running.wait_line(said);
    open_gate(scratch);
    request.join().unwrap()
}

fn open_gate(scratch: &Scratch) {
    fs::write(scratch.join("go"), "").unwrap();
}

/// What the servers answer: more than one read or one buffer takes.
const BODY_LENGTH: usize = 300_000;

fn assert_whole(response: &[u8], finished: &Finished) {
    let response = String::from_utf8_lossy(response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let ok = head.split(' ').nth(1) == Some("200");
    assert!(
        ok && body == "x".repeat(BODY_LENGTH),
        "{head}\n{} bytes of body\n{finished}",
        body.len()
    );
}

// --- Java ----------------------------------------------------------------------------------------

/// The command that runs a class, after compiling it.
fn java(scratch: &Scratch, class: &str, body: &str) -> String {
    let (java, javac) = (needs("java"), tool("javac"));
    let source = scratch.join(format!("{class}.java"));
    let body =
        format!("public static void main(String[] arguments) throws Exception {{\n{body}\n}}");
    fs::write(&source, format!("public class {class} {{\n{body}\n}}\n")).unwrap();
    // By way of the harness, since a fork of our own could hold open a script that another test
    // writes.
    let compiler = Adieu::new().as_child().program(javac).arg("-J-XX:-UsePerfData");
    let compiler = compiler.args(["-XDignore.symbol.file", "-d"]);
    compiler.arg(scratch.path()).arg(source).start().expect_exit(0);
    format!(
        "{java} -Xmx64m -XX:-UsePerfData -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $OPTIONS -cp . \
            {class}"
    )
}

const HOOK: &str = r#"
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
        System.out.println("java got the signal");
        try { Thread.sleep(500); } catch (InterruptedException e) { System.out.println(e); }
        System.out.println("java done");
    }));
    System.out.println("java ready");
    Thread.sleep(Long.MAX_VALUE);"#;

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn java_runs_its_shutdown_hooks() {
    let scratch = Scratch::new();
    let java = java(&scratch, "Hook", HOOK);
    let running = below_script(&scratch, &[], &java).start();
    running.wait_line("java ready");
    running.signal(SIGTERM);
    // A JVM reports the signal by which it was asked.
    let finished = graceful(running, 143, &["java ready", "java got the signal", "java done"]);
    assert!(finished.took >= Duration::from_millis(500), "{finished}");
}

/// Promise (Which process gets the signal, and when): the timeout; without one nothing is killed
fn java_whose_handlers_do_nothing_is_waited_for_and_killed_at_the_timeout() {
    let scratch = Scratch::new();
    let body = r#"
        for (String name : new String[] {"TERM", "INT"}) {
            sun.misc.Signal signal = new sun.misc.Signal(name);
            sun.misc.Signal.handle(signal, it -> System.out.println("java got " + name));
        }
        System.out.println("java ready");
        Thread.sleep(Long.MAX_VALUE);"#;
    let java = java(&scratch, "Stubborn", body);
    start_script(&scratch, &java);
    for (signal, got) in [(SIGTERM, "java got TERM"), (SIGINT, "java got INT")] {
        let running = Adieu::new().args(["--timeout", "2s"]).arg(shell_string(&scratch)).start();
        running.wait_line("java ready");
        running.signal(signal);
        // The shell dies of the signal, which it gets near the timeout: it is not killed.
        let finished = running.expect_exit(137);
        finished.assert_order(["java ready", got]);
        assert!(finished.took >= Duration::from_secs(2), "{finished}");
        let warning = finished.err.iter().find(|line| line.contains("killing")).unwrap();
        assert!(warning.contains("java"), "{finished}");
    }
}

/// Promise (Which process gets the signal, and when): a handler that registers late
fn java_that_boots_beside_a_server_gets_the_signal_as_soon_as_it_handles_it() {
    let scratch = Scratch::new();
    let java = java(&scratch, "Hook", HOOK);
    // The neighbour keeps the stop going until the JVM has ended.
    scratch.script(
        "neighbour.sh",
        "trap 'echo neighbour got the signal; until test -e go; do sleep 0.05; done; \
            echo neighbour done; exit' TERM
        echo neighbour ready
        while :; do sleep 1 & wait $!; done",
    );
    let commands = format!(
        "./neighbour.sh &\n{java}\nstatus=$?; echo \"java ended\"; >go; wait; (exit $status)"
    );
    // The VM pauses before it has any handler, until this file is removed.
    let paused = scratch.join("paused");
    let options =
        "-XX:+UnlockDiagnosticVMOptions -XX:+PauseAtStartup -XX:PauseAtStartupFile=paused";
    let running = below_script(&scratch, &[], &commands).env("OPTIONS", options).start();
    running.wait_line("neighbour ready");
    eventually("the VM pauses", || paused.exists());
    running.signal(SIGTERM);
    running.wait_line("neighbour got the signal");
    fs::remove_file(paused).unwrap();
    // Its hooks run only if it has got that far when adieu looks: as with `exec java`.
    let finished = graceful(
        running,
        143,
        &["neighbour ready", "neighbour got the signal", "java ended", "neighbour done"],
    );
    assert_eq!(finished.count("java got the signal"), finished.count("java done"), "{finished}");
    assert!(finished.count("java got the signal") <= 1, "{finished}");
    // A shell prints this of a child that a signal ended: adieu would have signalled the JVM before
    // it handled the signal.
    finished.assert_no("Terminated");
}

// --- nginx ---------------------------------------------------------------------------------------

/// nginx in front of a backend that is the test itself, which answers only once nginx says that it
/// got the signal.
fn nginx_finishes_its_request(daemon: &str, options: &[&str]) {
    let nginx = needs("nginx");
    let (scratch, port) = (Scratch::new(), free_port());
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    backend.set_nonblocking(true).unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path temporary;\n"))
        .concat();
    let configuration = format!(
        "daemon {daemon}; worker_processes 2; pid nginx.pid; error_log stderr notice;
        user root root;
        events {{ worker_connections 32; }}
        http {{
            access_log off;
            {temporary}
            server {{
                listen 127.0.0.1:{port};
                location / {{ proxy_pass http://{}; proxy_buffering off; }}
            }}
        }}",
        backend.local_addr().unwrap()
    );
    fs::write(scratch.join("nginx.conf"), configuration).unwrap();
    let options: Vec<_> = ["--rewrite", "TERM=QUIT"].iter().chain(options).copied().collect();
    let commands = format!("{nginx} -p \"$PWD\" -e stderr -c nginx.conf");
    let running = below_script(&scratch, &options, &commands).start();
    running.wait_lines(2, "start worker process ");
    if daemon == "on" {
        running.wait_line("script ends with 0");
    }

    let request = get(port);
    let mut connection = None;
    eventually("nginx asks its backend", || {
        connection = backend.accept().ok();
        connection.is_some()
    });
    let (mut connection, _) = connection.unwrap();
    running.signal(SIGTERM);
    running.wait_lines(2, "gracefully shutting down");
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        asked.extend(byte);
    }
    write!(connection, "HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(BODY_LENGTH)).unwrap();
    drop(connection);

    let response = request.join().unwrap();
    let finished = graceful(running, 0, &[]);
    assert_whole(&response, &finished);
    // From PID 1, which is adieu; the master's message to its workers is another.
    assert_log(&finished, &["signal 3 (SIGQUIT) received from 1, shutting down"]);
    let good_ends = finished.err.iter().filter(|line| line.ends_with("exited with code 0"));
    assert_eq!(good_ends.count(), 2, "{finished}");
}

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn nginx_finishes_its_requests_on_quit() {
    nginx_finishes_its_request("off", &[]);
}

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn nginx_that_daemonizes_finishes_its_requests() {
    nginx_finishes_its_request("on", &["--linger"]);
}

// --- redis ---------------------------------------------------------------------------------------

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn redis_saves_before_it_ends() {
    let redis = needs("redis-server");
    let (scratch, port) = (Scratch::new(), free_port());
    let commands =
        format!("{redis} --bind 127.0.0.1 --port {port} --save '3600 1' --daemonize no --dir .");
    let running = below_script(&scratch, &[], &commands).start();
    running.wait_line("Ready to accept connections");
    assert_eq!(exchange(port, b"SET last words\r\nQUIT\r\n"), b"+OK\r\n+OK\r\n");
    let dump = scratch.join("dump.rdb");
    assert!(!dump.exists());
    running.signal(SIGTERM);
    let finished = graceful(running, 0, &[]);
    assert_log(
        &finished,
        &["Received SIGTERM scheduling shutdown", "DB saved on disk", "ready to exit, bye bye"],
    );
    // Strings have their length in front there.
    let (dump, entry) = (fs::read(dump).unwrap(), b"\x04last\x05words");
    assert!(dump.windows(entry.len()).any(|bytes| bytes == entry), "{dump:?}\n{finished}");
}

// --- gunicorn ------------------------------------------------------------------------------------

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn gunicorn_finishes_its_request() {
    let gunicorn = needs("gunicorn");
    let (scratch, port) = (Scratch::new(), free_port());
    let app = format!(
        r#"
import os, time

print("worker ready", flush=True)

def app(environ, start_response):
    print("request begins", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    print("request done", flush=True)
    return [b"x" * {BODY_LENGTH}]
"#
    );
    fs::write(scratch.join("app.py"), app).unwrap();
    let commands = format!("{gunicorn} --workers 3 --bind 127.0.0.1:{port} app:app");
    let running = below_script(&scratch, &[], &commands).start();
    // From here on a worker has its own handlers.
    running.wait_lines(3, "worker ready");
    let response = stop_in_flight(&running, &scratch, get(port), "Handling signal: term");
    let finished = graceful(running, 0, &["request begins", "request done"]);
    assert_whole(&response, &finished);
    assert_log(&finished, &["Handling signal: term", "Shutting down: Master"]);
}

// --- npm and node --------------------------------------------------------------------------------

/// A node server in a directory where `npm start` starts it, and so does `start.sh`.
fn node_finishes_its_request(arguments: impl FnOnce(&Scratch) -> Vec<String>) -> Finished {
    needs("node");
    needs("npm");
    let (scratch, port) = (Scratch::new(), free_port());
    let package =
        r#"{"name": "app", "private": true, "scripts": {"start": "cd . && node server.js"}}"#;
    let server = format!(
        r#"
const server = require("http").createServer((request, response) => {{
    console.log("request begins");
    const gate = setInterval(() => {{
        if (!require("fs").existsSync("go")) return;
        clearInterval(gate);
        console.log("request done");
        response.end("x".repeat({BODY_LENGTH}));
    }}, 10);
}});
process.on("SIGTERM", () => {{
    console.log("node got TERM");
    server.close(() => console.log("node done"));
}});
server.listen({port}, "127.0.0.1", () => console.log("node ready"));
"#
    );
    fs::write(scratch.join("package.json"), package).unwrap();
    fs::write(scratch.join("server.js"), server).unwrap();
    start_script(&scratch, "npm start");
    let running = Adieu::new()
        .current_dir(scratch.path())
        .env(EPILOGUE.0, EPILOGUE.1)
        // npm writes below its home, and would ask its registry for updates.
        .env("HOME", scratch.path())
        .env("npm_config_cache", scratch.join("cache"))
        .env("npm_config_update_notifier", "false")
        .args(arguments(&scratch))
        .start();
    running.wait_line("node ready");
    let response = stop_in_flight(&running, &scratch, get(port), "node got TERM");
    let finished = running.expect_exit(0);
    finished.assert_no("killing").assert_no("npm ERR").assert_no("npm error");
    finished.assert_order([
        "node ready",
        "request begins",
        "node got TERM",
        "request done",
        "node done",
    ]);
    assert_whole(&response, &finished);
    finished
}

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn node_finishes_its_request_below_npm_start() {
    let finished = node_finishes_its_request(|scratch| vec![shell_string(scratch)]);
    finished.assert_order(["node done", "script ends with 0"]);
}

fn node_finishes_its_request_below_npm_start_as_the_main_process() {
    node_finishes_its_request(|_| vec!["npm start".into()]);
}

fn node_finishes_its_request_below_sh_c_npm_start() {
    node_finishes_its_request(|_| ["sh", "-c", "npm start"].map(String::from).to_vec());
    node_finishes_its_request(|_| vec!["sh -c 'npm start'".into()]);
}

// --- Prefork masters and job runners -------------------------------------------------------------

/// Debian's php-fpm has its version in its name.
fn php_fpm() -> String {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin".into()]);
    let names = directories.filter_map(|it| fs::read_dir(it).ok()).flatten().flatten();
    let mut names = names.filter_map(|it| it.file_name().into_string().ok());
    let name = names
        .find(|it| it.strip_prefix("php-fpm").is_some_and(|it| !it.contains(char::is_alphabetic)));
    pid_namespace();
    match name.and_then(|name| page::find(&name)) {
        Some(path) => quoted(&path),
        None => missing_package("php-fpm"),
    }
}

/// A request of FastCGI for this script.
fn fastcgi(script: &Path) -> Vec<u8> {
    let record = |kind: u8, content: &[u8]| {
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
    };
    let mut parameters = Vec::new();
    for (name, value) in [("REQUEST_METHOD", "GET"), ("SCRIPT_FILENAME", script.to_str().unwrap())]
    {
        // The highest bit says that the length has four bytes.
        for length in [name.len(), value.len()] {
            parameters.extend((u32::try_from(length).unwrap() | 1 << 31).to_be_bytes());
        }
        parameters.extend([name, value].concat().into_bytes());
    }
    let responder = [0, 1, 0, 0, 0, 0, 0, 0];
    [record(1, &responder), record(4, &parameters), record(4, &[]), record(5, &[])].concat()
}

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn php_fpm_finishes_its_request_on_quit() {
    let php_fpm = php_fpm();
    let (scratch, port) = (Scratch::new(), free_port());
    let configuration = format!(
        "[global]\nerror_log = /proc/self/fd/2\ndaemonize = no\nprocess_control_timeout = 10s\n\
         [www]\nuser = root\ngroup = root\nlisten = 127.0.0.1:{port}\n\
         pm = static\npm.max_children = 3\n\
         catch_workers_output = yes\n"
    );
    let page = "<?php
        echo 'first half, ';
        fwrite(fopen('php://stderr', 'w'), \"request begins\\n\");
        while (!file_exists(__DIR__ . '/go')) usleep(10000);
        echo 'second half';";
    fs::write(scratch.join("php-fpm.conf"), configuration).unwrap();
    fs::write(scratch.join("page.php"), page).unwrap();
    let commands = format!("{php_fpm} -n -R -F -p \"$PWD\" -y php-fpm.conf");
    let running = below_script(&scratch, &["--rewrite", "TERM=QUIT"], &commands).start();
    running.wait_line("ready to handle connections");
    let request = fastcgi(&scratch.join("page.php"));
    let request = thread::spawn(move || exchange(port, &request));
    let response = stop_in_flight(&running, &scratch, request, "Finishing ...");
    let finished = graceful(running, 0, &[]);
    let response = String::from_utf8_lossy(&response);
    assert!(response.contains("first half, second half"), "{response:?}\n{finished}");
    assert_log(&finished, &["Finishing ...", "exiting, bye-bye!"]);
}

/// As in Celery: the workers die of TERM; the master lets them finish at the first signal, and
/// drops their jobs at the second.
fn prefork_master(options: &[&str], scratch: &Scratch) -> Running {
    let python = python();
    let master = r#"
import os, signal, sys, time

def say(text):
    os.write(1, (text + "\n").encode())

workers = []
signals = 0

def stop(number, frame):
    global signals
    signals += 1
    say("master got the signal" if signals == 1 else "master got the signal again")
    if signals > 1:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)

for name in "abc":
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say(f"job {name} begins")
        while not os.path.exists("go"):
            time.sleep(0.01)
        say(f"job {name} done")
        os._exit(0)
    workers.append(worker)

signal.signal(signal.SIGTERM, stop)
say("master ready")
lost = sum(os.wait()[1] != 0 for worker in workers)
say(f"jobs lost: {lost}")
sys.exit(lost)
"#;
    fs::write(scratch.join("master.py"), master).unwrap();
    // The script goes on after its last handler.
    let commands = format!("{python} master.py; status=$?; sleep 0.3; (exit $status)");
    let running = below_script(scratch, options, &commands).start();
    running.wait_line("master ready");
    running.wait_lines(3, " begins");
    running
}

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn prefork_master_loses_no_job() {
    let scratch = Scratch::new();
    let running = prefork_master(&[], &scratch);
    running.signal(SIGTERM);
    // Platforms repeat the signal.
    running.signal(SIGTERM);
    running.wait_line("master got the signal");
    open_gate(&scratch);
    let finished = graceful(running, 0, &["master ready", "master got the signal", "jobs lost: 0"]);
    for job in ["a", "b", "c"] {
        finished.assert_order([
            "master got the signal",
            &format!("job {job} done"),
            "jobs lost: 0",
        ]);
    }
}

/// The reason for the test above: what a signal to the group does to the same master.
fn prefork_master_loses_its_jobs_when_the_group_gets_the_signal() {
    let scratch = Scratch::new();
    let running = prefork_master(&["--deliver", "group"], &scratch);
    running.signal(SIGTERM);
    let finished = graceful(running, 3, &["master ready", "jobs lost: 3"]);
    assert_eq!(finished.count("done"), 0, "{finished}");
}

/// Promise (Anywhere): real programs end gracefully under a start script without `exec`
fn job_runner_finishes_its_jobs_and_they_get_no_signal() {
    let python = python();
    let scratch = Scratch::new();
    let agent = r#"
import os, signal, subprocess, sys

signal.signal(signal.SIGTERM, lambda number, frame: os.write(1, b"agent got the signal\n"))
wait = 'echo "job $0 begins"; until test -e go; do sleep 0.05; done; echo "job $0 done"'
trap = "trap 'echo job got the signal' TERM; "
jobs = [
    subprocess.Popen(["sh", "-c", job + wait, name], start_new_session=session)
    for name, job, session in [("plain", "", False), ("trap", trap, False), ("session", trap, True)]
]
lost = sum(job.wait() != 0 for job in jobs)
os.write(1, f"jobs lost: {lost}\n".encode())
sys.exit(lost)
"#;
    fs::write(scratch.join("agent.py"), agent).unwrap();
    let running = below_script(&scratch, &[], &format!("{python} agent.py")).start();
    running.wait_lines(3, " begins");
    running.signal(SIGTERM);
    running.wait_line("agent got the signal");
    open_gate(&scratch);
    let finished = graceful(running, 0, &["agent got the signal", "jobs lost: 0"]);
    finished.assert_no("job got the signal");
    for job in ["plain", "trap", "session"] {
        finished.assert_order(["agent got the signal", &format!("job {job} done"), "jobs lost: 0"]);
    }
}

// --- Another user --------------------------------------------------------------------------------

/// A server that works for longer than 2 s: su(1) that got the signal would kill it after that.
fn server_of_another_user_finishes(program: &str, arguments: &str) {
    root();
    let (program, python) = (needs(program), python());
    let scratch = Scratch::new();
    let server = r#"
import os, signal, time

signals = []

def stop(number, frame):
    os.write(1, b"server got the signal\n")
    signals.append(number)

signal.signal(signal.SIGTERM, stop)
assert os.getuid() != 0
os.write(1, b"server ready\n")
while not signals:
    time.sleep(0.01)
time.sleep(2.5)
os.write(1, b"server done\n")
"#;
    // In the environment, since that user may not be able to read the test's files.
    let commands = format!("{program} {arguments} 'cd / && exec \"$PYTHON\" -c \"$PROGRAM\"'");
    let running = below_script(&scratch, &[], &commands)
        .env("PYTHON", python.trim_matches('\''))
        .env("PROGRAM", server)
        .start();
    running.wait_line("server ready");
    running.signal(SIGTERM);
    let finished = graceful(running, 0, &["server ready", "server got the signal", "server done"]);
    finished.assert_no("terminated").assert_no("Terminated");
}

/// Promise (Anywhere): processes of other users
fn server_below_su_finishes() {
    server_of_another_user_finishes("su", "nobody -s /bin/sh -c");
}

/// Promise (Anywhere): processes of other users
fn server_below_runuser_finishes() {
    server_of_another_user_finishes("runuser", "-u nobody -- /bin/sh -c");
}

fn server_below_setpriv_finishes() {
    server_of_another_user_finishes(
        "setpriv",
        "--reuid=65534 --regid=65534 --clear-groups /bin/sh -c",
    );
}

pub(crate) const TESTS: &[Test] = tests![
    java_runs_its_shutdown_hooks,
    java_whose_handlers_do_nothing_is_waited_for_and_killed_at_the_timeout,
    java_that_boots_beside_a_server_gets_the_signal_as_soon_as_it_handles_it,
    nginx_finishes_its_requests_on_quit,
    nginx_that_daemonizes_finishes_its_requests,
    redis_saves_before_it_ends,
    gunicorn_finishes_its_request,
    node_finishes_its_request_below_npm_start,
    node_finishes_its_request_below_npm_start_as_the_main_process,
    node_finishes_its_request_below_sh_c_npm_start,
    php_fpm_finishes_its_request_on_quit,
    prefork_master_loses_no_job,
    prefork_master_loses_its_jobs_when_the_group_gets_the_signal,
    job_runner_finishes_its_jobs_and_they_get_no_signal,
    server_below_su_finishes,
    server_below_runuser_finishes,
    server_below_setpriv_finishes
];
