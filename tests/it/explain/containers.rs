//! `--explain all` beside the containers of Docker, podman and containerd: what it says of each,
//! and what its engine's stop then does.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::all::{explain_all, explain_all_text};
use crate::docker::{Container, images, put, put_program};
use crate::support::engine::Daemon;
use crate::support::runner::{Test, tests};
use crate::support::{Adieu, Scratch, adieu, eventually, root, server, tool, tool_or_less};

/// An option of `docker run` that takes the place of the image's adieu.
const SH: [&str; 2] = ["--entrypoint", "/bin/sh"];
const SCRIPT: [&str; 2] = ["-c", "cd /app && ./server; :"];

/// A container whose server is ready.
fn ready(options: &[&str], command: &[&str]) -> Container {
    let container = Container::run("string", options, command);
    container.run.wait_line("server ready");
    container
}

/// Docker's own words for a container.
fn inspect(container: &Container, format: &str) -> String {
    container.docker(&["inspect", "--format", format]).out.concat()
}

/// What `--explain all` says of a container, by the id that Docker has for it.
fn said(all: &Value, container: &Container) -> Value {
    let id = inspect(container, "{{.Id}}");
    let found = all["containers"].as_array().unwrap().iter().find(|it| it["id"] == *id);
    found.unwrap_or_else(|| panic!("{id} is not in {all:#}")).clone()
}

/// Stops it by `docker stop -t 2`; whether it took these two seconds, and whether the server had
/// its end.
fn stop(container: &Container) -> (bool, bool) {
    let took = container.docker(&["stop", "-t", "2"]).took;
    (took >= Duration::from_secs(2), container.ended().count("server done") == 1)
}

/// Promise (Explaining): `--explain all` finds every container of the machine, and what is said of
/// each comes true
fn of_dockers_containers_it_says_what_docker_stop_then_does() {
    root();
    images();
    let bare = ready(&SH, &SCRIPT);
    let init = ready(&[&["--init"], &SH[..]].concat(), &SCRIPT);
    let direct = ready(&["--init", "--entrypoint", "/app/server"], &[]);
    let under_adieu = ready(&[], &["cd /app && ./server; :"]);
    let namespace = format!("container:{}", direct.name);
    let shared = ready(&[&["--pid", &*namespace], &SH[..]].concat(), &SCRIPT);
    let host = ready(&[&["--pid", "host"], &SH[..]].concat(), &SCRIPT);
    let options = ["--hostname", "a-host-of-its-own", "--entrypoint", "/bin/sleep"];
    let sleeps = Container::run("string", &options, &["3600"]);
    sleeps.wait_program("sleep");
    // Sessions are no containers.
    for container in [&direct, &host] {
        container.docker_exec(&["sleep", "3600"]);
    }

    let all = explain_all(&[]);
    let of = |container: &Container| said(&all, container);
    for (container, outcome, name) in [
        (&bare, "ignores", "sh"),
        (&init, "cuts_off", "docker-init"),
        (&direct, "waits", "docker-init"),
        (&under_adieu, "waits", "adieu"),
        (&shared, "cuts_off", "sh"),
        (&host, "cuts_off", "sh"),
        (&sleeps, "ignores", "sleep"),
    ] {
        let said = of(container);
        assert_eq!((&said["outcome"], &said["name"]), (&outcome.into(), &name.into()), "{said:#}");
        assert_eq!(said["pid"].to_string(), inspect(container, "{{.State.Pid}}"), "{said:#}");
        assert_eq!(said["engine"], "docker", "{said:#}");
        assert_eq!(said["pod"], Value::Null, "{said:#}");
        if !inspect(container, "{{.HostConfig.PidMode}}").contains("container:") {
            let hostname = inspect(container, "{{.Config.Hostname}}");
            assert_eq!(said["hostname"], *hostname, "{said:#}");
        }
        // The same words for one, and the exit status for a pipeline.
        let pid = said["pid"].to_string();
        let one = Adieu::new().as_child().args(["--explain", "--check", "--format", "json", &*pid]);
        let one = one.start().finish();
        let bad = ["ignores", "cuts_off"].contains(&outcome);
        assert_eq!(one.code, i32::from(bad), "{one}");
        let one: Value = serde_json::from_str(&one.out.concat()).unwrap();
        assert_eq!((&one["outcome"], &one["verdict"]), (&said["outcome"], &said["verdict"]));
    }
    assert_eq!(of(&sleeps)["hostname"], "a-host-of-its-own");
    assert_eq!(of(&shared)["parent"], of(&direct)["pid"]);
    assert_eq!(of(&host)["parent"], Value::Null);
    let ids = |id: &Value| {
        all["containers"].as_array().unwrap().iter().filter(|it| it["id"] == *id).count()
    };
    assert_eq!([ids(&of(&direct)["id"]), ids(&of(&host)["id"])], [1, 1], "{all:#}");
    let text = explain_all_text(&[]);
    let line = |container: &Container| {
        let id = inspect(container, "{{.Id}}");
        text.iter().position(|line| line.contains(&id[..12])).unwrap()
    };
    assert!(text[line(&bare)].ends_with(" off"), "{text:#?}");
    assert!(line(&bare) < line(&sleeps) && line(&sleeps) < line(&init), "{text:#?}");
    assert!(line(&init) < line(&under_adieu), "{text:#?}");

    for (container, took_all, finished) in [
        (&shared, false, false),
        (&bare, true, false),
        (&init, false, false),
        (&direct, false, true),
        (&under_adieu, false, true),
        (&host, false, false),
        (&sleeps, true, false),
    ] {
        assert_eq!(stop(container), (took_all, finished), "{}", said(&all, container));
    }
}

/// Promise (Explaining): `--explain all` finds every container of the machine, and what is said of
/// each comes true
fn of_node_as_pid_1_it_says_that_it_is_not_certain_and_of_nginx_that_it_finishes() {
    root();
    let images = images();
    let (node, nginx) = (tool_or_less("node"), tool_or_less("nginx"));
    let context = Scratch::new();
    put(&context, adieu(), "/adieu");
    for program in [&node, &nginx].into_iter().flatten() {
        let name = program.file_name().unwrap().to_str().unwrap();
        put_program(&context, program, &format!("/bin/{name}"));
    }
    let files = context.path().join("root");
    let configuration = "daemon off; user root; pid /nginx.pid; error_log stderr notice;\n\
        events {}\nhttp { access_log off; }\n";
    fs::write(files.join("nginx.conf"), configuration).unwrap();
    for directory in ["tmp", "var/log/nginx", "var/lib/nginx", "etc"] {
        fs::create_dir_all(files.join(directory)).unwrap();
    }
    fs::write(files.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").unwrap();
    fs::write(files.join("etc/group"), "root:x:0:\n").unwrap();
    images.build(&context, "explained", "FROM scratch\nCOPY root /\n");
    if node.is_some() {
        let script =
            |handler: &str| format!("{handler}; console.log('ready'); setInterval(() => 0, 99)");
        for (handler, ignores) in [("0", true), ("process.on('SIGTERM', process.exit)", false)] {
            let options = ["--entrypoint", "/bin/node"];
            let container = Container::run("explained", &options, &["-e", &script(handler)]);
            container.run.wait_line("ready");
            let said = said(&explain_all(&[]), &container);
            assert_eq!(said["outcome"], "not_certain", "{said:#}");
            assert_eq!(stop(&container).0, ignores, "{said:#}");
        }
    }
    if nginx.is_some() {
        let options = ["--entrypoint", "/bin/nginx"];
        let container = Container::run("explained", &options, &["-c", "/nginx.conf"]);
        container.run.wait_line("start worker process");
        let said = said(&explain_all(&[]), &container);
        assert_eq!(said["outcome"], "waits", "{said:#}");
        assert_eq!(said["programs"][0]["name"], "nginx", "{said:#}");
        assert!(!stop(&container).0, "{said:#}");
    }
}

// --- Engines of the tests' own -------------------------------------------------------------------

/// A root file system with this machine's shell and the server.
fn root_directory(scratch: &Scratch) -> String {
    put(scratch, &server(), "/server");
    for program in ["/bin/sh", "/bin/sleep"] {
        put_program(scratch, Path::new(program), program);
    }
    let root = scratch.path().join("root");
    for directory in ["proc", "dev", "sys", "tmp", "run", "etc"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    root.to_str().unwrap().to_owned()
}

/// Waits until `--explain all` lists a container that this is true of.
fn listed(what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    eventually(what, || {
        let all = explain_all(&[]);
        let containers = all["containers"].as_array().unwrap();
        found = containers.iter().find(|it| is(it)).cloned().unwrap_or_default();
        !found.is_null()
    });
    found
}

/// Promise (Explaining): `--explain all` finds every container of the machine, and what is said of
/// each comes true
fn podmans_containers_are_known_by_their_cgroup() {
    root();
    let podman = tool("podman");
    let (scratch, files) = (Scratch::new(), Scratch::new());
    let name = Daemon::name();
    let directory = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    let limits = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
    fs::write(scratch.join("containers.conf"), limits).unwrap();
    let mut command = Command::new(podman);
    command.env("CONTAINERS_CONF", scratch.join("containers.conf"));
    command.args(["--root", &directory("storage"), "--runroot", &directory("run")]);
    command.args(["--tmpdir", &directory("tmp"), "--storage-driver", "vfs"]);
    command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"]);
    command.args(["run", "--cgroup-parent", &format!("/{name}"), "--network", "none"]);
    command.args(["--hostname", "by-podman", "--rootfs", &root_directory(&files)]);
    command.args(["/bin/sh", "-c", "/server; :"]);
    let log = scratch.join("log");
    let mut daemon = Daemon::start(&name, &command, &log);
    daemon.wait_for("the server is ready", &log, || {
        fs::read_to_string(&log).unwrap_or_default().contains("server ready")
    });
    let said = listed("podman's container", |it| it["engine"] == "podman");
    assert_eq!(said["hostname"], "by-podman", "{said:#}");
    assert_eq!(said["id"].as_str().map(str::len), Some(64), "{said:#}");
    assert_eq!((&said["outcome"], &said["name"]), (&"ignores".into(), &"sh".into()), "{said:#}");
    // It is within the namespace that keeps this podman apart.
    assert!(said["parent"].is_number(), "{said:#}");
}

/// Promise (Explaining): `--explain all` finds every container of the machine, and what is said of
/// each comes true
fn ctrs_containers_have_the_name_of_their_cgroup() {
    root();
    let (containerd, ctr) = (tool("containerd"), tool("ctr"));
    tool("runc");
    let (scratch, files) = (Scratch::new(), Scratch::new());
    let (name, log, socket) = (Daemon::name(), scratch.join("log"), scratch.join("sock"));
    let path = scratch.path().display();
    let text = format!(
        "version = 2\nroot = \"{path}/root\"\nstate = \"{path}/state\"\n\
         disabled_plugins = [\"io.containerd.internal.v1.opt\", \"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\n  address = \"{path}/sock\"\n"
    );
    fs::write(scratch.join("config.toml"), text).unwrap();
    let mut command = Command::new(containerd);
    command.arg("--config").arg(scratch.join("config.toml"));
    let mut daemon = Daemon::start(&name, &command, &log);
    let call = || Adieu::new().as_child().program(&ctr).arg("--address").arg(&socket);
    daemon
        .wait_for("containerd answers", &log, || call().arg("version").start().finish().code == 0);
    let root = root_directory(&files);
    let cgroup = format!("/{name}/by-ctr");
    let run =
        call().args(["run", "--detach", "--null-io", "--cgroup", &*cgroup, "--rootfs", &*root]);
    run.args(["by-ctr", "/bin/sh", "-c", "/server; :"]).start().expect_exit(0);
    let said = listed("ctr's container", |it| {
        it["cgroup"].as_str().is_some_and(|cgroup| cgroup.ends_with("/by-ctr"))
            && it["programs"].as_array().is_some_and(|all| !all.is_empty())
    });
    assert_eq!((&said["outcome"], &said["name"]), (&"ignores".into(), &"sh".into()), "{said:#}");
    assert_eq!(said["id"], Value::Null, "{said:#}");
    assert!(explain_all_text(&[]).iter().any(|line| line.contains(" by-ctr ")));
    call().args(["task", "kill", "--signal", "KILL", "by-ctr"]).start().finish();
}

pub(crate) const TESTS: &[Test] = tests![
    of_dockers_containers_it_says_what_docker_stop_then_does,
    of_node_as_pid_1_it_says_that_it_is_not_certain_and_of_nginx_that_it_finishes,
    podmans_containers_are_known_by_their_cgroup,
    ctrs_containers_have_the_name_of_their_cgroup,
];
