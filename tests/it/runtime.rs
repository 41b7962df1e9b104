//! `adieu-runtime` in the place of runc: with runc itself, and in engines of the test's own, a
//! dockerd and a containerd, which are gone when the test has ended.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support;
use crate::support::engine::{AT_ONCE, Daemon};
use crate::support::runner::{Test, tests};
use crate::support::{
    Adieu, Finished, Running, Scratch, adieu, cgroup_controllers, cgroup_controllers_or_less,
    eventually, libraries, missing_package, output, pid_namespace, repository, root, server, spawn,
    tool, tool_or_less,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const RUNC_SPEC: &str = include_str!("../support/configs/runc-spec.json");
const IMAGE: &str = "adieu.test/runtime:1";

fn wrapper() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_adieu-runtime"))
}

/// adieu-runtime in the environment of this test, but for the variables that it reads.
fn runtime() -> Adieu {
    Adieu::new().as_child().program(wrapper())
}

/// `--adieu-runtime=PROGRAM`
fn real(program: impl AsRef<OsStr>) -> OsString {
    let mut option = OsString::from("--adieu-runtime=");
    option.push(program);
    option
}

/// The root of a container: a shell, the server, and a pause process.
fn make_root(path: &Path) {
    let put = |from: &Path, to: &str| {
        let to = path.join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    let busybox = tool("busybox");
    put(&busybox, "/bin/busybox");
    libraries(&busybox).iter().for_each(|library| put(Path::new(library), library));
    put(&server(), "/app/server");
    put(&server(), "/pause");
    for name in ["cat", "env", "id", "ls", "ps", "sh", "sleep", "stty", "test", "touch"] {
        symlink("busybox", path.join("bin").join(name)).unwrap();
    }
}

/// A bundle: `runc spec`'s configuration without a terminal, changed by `change`.
fn bundle(change: impl FnOnce(&mut Value)) -> Scratch {
    let bundle = Scratch::new();
    let mut config: Value = serde_json::from_str(RUNC_SPEC).unwrap();
    config["process"]["terminal"] = json!(false);
    // runc 1.3 warns of ambient capabilities that are not inheritable, which `runc spec` of 1.1
    // asked for.
    config["process"]["capabilities"]["ambient"] = json!([]);
    change(&mut config);
    fs::write(bundle.join("config.json"), config.to_string()).unwrap();
    bundle
}

fn args(words: &[&str]) -> impl FnOnce(&mut Value) {
    let words = json!(words);
    move |config| config["process"]["args"] = words
}

fn config(bundle: &Scratch) -> Value {
    serde_json::from_str(&fs::read_to_string(bundle.join("config.json")).unwrap()).unwrap()
}

/// How many lines of stderr contain it.
fn complaints(ended: &Finished, text: &str) -> usize {
    ended.err.iter().filter(|line| line.contains(text)).count()
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

// --- Handing over --------------------------------------------------------------------------------

/// Promise (As an OCI runtime): every call but `create`, `run` and `restore` is passed on byte for
/// byte, and the runtime inherits what the engine gave
fn every_other_call_is_handed_over_byte_for_byte() {
    let odd = OsString::from_vec(b"\xff=\x01 -- ".to_vec());
    for words in [
        vec![
            OsString::from("/proc/self/cmdline"),
            "--".into(),
            odd,
            "".into(),
            "--adieu-help".into(),
        ],
        vec![
            "/proc/self/cmdline".into(),
            "--".into(),
            "delete".into(),
            "--force".into(),
            "create".into(),
        ],
    ] {
        let said = output(
            Command::new(wrapper()).arg(real("/bin/cat")).args(&words).stderr(Stdio::null()),
        );
        let mut expected = b"/bin/cat\0".to_vec();
        words.iter().for_each(|word| {
            expected.extend(word.as_bytes());
            expected.push(0);
        });
        assert_eq!(said, expected);
    }
}

/// Promise (As an OCI runtime): every call but `create`, `run` and `restore` is passed on byte for
/// byte, and the runtime inherits what the engine gave
fn the_runtime_gets_the_environment_signals_and_descriptors_that_the_engine_gave() {
    let odd = OsString::from_vec(b"a\xff".to_vec());
    let mut env = Command::new(wrapper());
    let said = output(env.arg(real("/usr/bin/env")).env_clear().env("X", &odd));
    assert_eq!(said, b"ADIEU_RUNTIME_DEPTH=1\nX=a\xff\n");
    let state = |adieu: Adieu| {
        let started =
            adieu.ignoring([Signal::SIGPIPE, Signal::SIGINT]).blocking([Signal::SIGUSR1]).start();
        started.expect_exit(0).out
    };
    for [program, words @ ..] in
        [["/bin/grep", "Sig[BI]", "/proc/self/status"], ["/bin/ls", "-l", "/proc/self/fd/"]]
    {
        let bare = state(Adieu::new().as_child().program(program).args(words));
        let same = state(runtime().arg(real(program)).args(words));
        // Of the descriptors, the numbers: each has pipes of its own.
        let shown = |lines: Vec<String>| -> Vec<String> {
            let word = |line: &String| {
                line.split(" -> ").next().map(|it| it.split(' ').next_back().unwrap().to_owned())
            };
            lines.iter().filter_map(word).collect()
        };
        assert!(bare.len() > 1, "{bare:?}");
        assert_eq!(shown(same), shown(bare));
    }
}

/// Promise (As an OCI runtime): the real runtime is named by option or variable, or found on the
/// PATH; adieu-runtime does not call itself
fn the_runtime_is_named_by_option_by_variable_or_found_on_the_path() {
    let scratch = Scratch::new();
    let (one, two) = (scratch.join("one"), scratch.join("two"));
    [&one, &two].iter().for_each(|directory| fs::create_dir(directory).unwrap());
    // The wrapper may even have the name of the runtime.
    symlink(wrapper(), one.join("runc")).unwrap();
    support::script(&two, "runc", "echo \"runc $*\"");
    support::script(&two, "crun", "echo \"crun $*\"");
    let path = format!("{}:{}:/usr/bin:/bin", one.display(), two.display());
    let said =
        |adieu: Adieu| adieu.env("PATH", &path).args(["state", "c"]).start().expect_exit(0).out;
    assert_eq!(said(runtime()), ["runc state c"]);
    assert_eq!(said(runtime().program(one.join("runc"))), ["runc state c"]);
    assert_eq!(said(runtime().env("ADIEU_RUNTIME", "crun")), ["crun state c"]);
    assert_eq!(said(runtime().env("ADIEU_RUNTIME", "")), ["runc state c"]);
    assert_eq!(said(runtime().env("ADIEU_RUNTIME", two.join("crun"))), ["crun state c"]);
    assert_eq!(said(runtime().env("ADIEU_RUNTIME", "crun").arg(real("runc"))), ["runc state c"]);

    // Where there is no runc, as podman 5 needs none, it is crun.
    fs::remove_file(two.join("runc")).unwrap();
    let state = |path: String| runtime().env("PATH", path).args(["state", "c"]).start().finish();
    let crun_alone = state(format!("{}:{}", one.display(), two.display()));
    assert_eq!(crun_alone.out, ["crun state c"], "{crun_alone}");
    let none = state(scratch.path().display().to_string());
    assert_eq!(none.code, 127, "{none}");
    assert_eq!(complaints(&none, "there is no runtime 'runc' or 'crun' on the PATH"), 1, "{none}");
}

/// Promise (As an OCI runtime): the real runtime is named by option or variable, or found on the
/// PATH; adieu-runtime does not call itself
fn a_runtime_that_leads_back_to_the_wrapper_is_refused() {
    let scratch = Scratch::new();
    symlink(wrapper(), scratch.join("link")).unwrap();
    for itself in [wrapper(), &scratch.join("link")] {
        let refused = runtime().arg(real(itself)).arg("state").start().expect_exit(125);
        assert!(refused.err[0].contains("adieu-runtime itself"), "{refused}");
    }
    // Through another program, in the same process and in a new one.
    for (name, exec) in [("same", "exec "), ("new", "")] {
        let detour = scratch.join(name);
        scratch.script(name, &format!("{exec}{} --adieu-runtime=$0 \"$@\"", wrapper().display()));
        let refused = runtime().arg(real(detour)).arg("state").start().expect_exit(125);
        assert!(refused.err[0].contains("leads back to itself"), "{refused}");
        assert_eq!(refused.err.len(), 1, "{refused}");
    }
}

/// Promise (As an OCI runtime): `--adieu-help`, `--adieu-check`
fn help_and_check_only_print() {
    let help = runtime().arg("--adieu-help").start().expect_exit(0);
    for word in
        ["--adieu-runtime=", "ADIEU_RUNTIME", "--adieu-binary=", "ADIEU_BINARY", "io.adieu.timeout"]
    {
        assert_eq!(help.count(word), 1, "{word}\n{help}");
    }
    let check = |bundle: &Scratch| {
        let before = fs::read(bundle.join("config.json")).unwrap();
        let option = format!("--adieu-check={}", bundle.path().display());
        let said = runtime().arg(option).start().expect_exit(0).out;
        assert_eq!(fs::read(bundle.join("config.json")).unwrap(), before);
        said
    };
    let timeout = bundle(|config| config["annotations"] = json!({ "io.adieu.timeout": "3s" }));
    assert_eq!(check(&timeout), ["wrapped: /dev/adieu --timeout=3s -- ..."]);
    assert_eq!(check(&bundle(args(&["tini", "x"]))), ["left alone: tini is an init"]);
    for wrong in ["--adieu-check", "--adieu-runtime=", "--adieu-help=x", "--adieu-root=/x"] {
        let refused = runtime().args([wrong, "state", "c"]).start().expect_exit(125);
        let name = wrong.split('=').next().unwrap();
        assert!(
            refused.err[0].contains(name) && refused.err[0].contains("--adieu-help"),
            "{refused}"
        );
    }
}

// --- The configuration ---------------------------------------------------------------------------

/// Promise (As an OCI runtime): the configuration is replaced as a whole, with its mode and user,
/// and once
fn the_configuration_is_replaced_with_its_mode_and_user_and_only_once() {
    let bundle = bundle(args(&["sh"]));
    let path = bundle.join("config.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let user = support::is_root().then_some(1234);
    std::os::unix::fs::chown(&path, user, user).unwrap();
    let (old, before) = (fs::metadata(&path).unwrap(), config(&bundle));
    let open = File::open(&path).unwrap();
    let create = || {
        let call = runtime().arg(real("/bin/true")).args(["--root", "create", "create", "-b"]);
        call.arg(bundle.path()).arg("c").start().expect_exit(0);
    };
    // A run that was killed may have left its temporary file, by the number that this one has.
    let killed = format!("echo x >config.json.$$.tmp; exec {} \"$@\"", wrapper().display());
    let call = runtime().program("/bin/sh").args(["-c", &killed, "sh"]).arg(real("/bin/true"));
    call.args(["create", "c"]).current_dir(bundle.path()).start().expect_exit(0);
    let (new, mut after) = (fs::metadata(&path).unwrap(), config(&bundle));
    let state = |it: &fs::Metadata| (it.mode(), it.uid(), it.gid());
    assert_eq!(state(&new), state(&old));
    // A process that has the old file open still reads all of it.
    assert_eq!(serde_json::from_reader::<_, Value>(open).unwrap(), before);
    assert_eq!(names(bundle.path()), ["config.json"]);
    assert_eq!(after["process"]["args"], json!(["/dev/adieu", "--", "sh"]));
    let mount = after["mounts"].as_array_mut().unwrap().pop().unwrap();
    let beside = wrapper().with_file_name("adieu");
    assert_eq!(mount["source"].as_str().unwrap(), beside.to_str().unwrap());
    after["process"]["args"] = before["process"]["args"].clone();
    assert_eq!(after, before);
    create();
    assert_eq!(fs::metadata(&path).unwrap().ino(), new.ino());
}

/// Promise (As an OCI runtime): every call but `create`, `run` and `restore` is passed on byte for
/// byte, and the runtime inherits what the engine gave
fn create_run_and_restore_change_the_bundle_and_no_other_call_does() {
    let calls: [(&[&str], bool); 8] = [
        (&["create", "c"], true),
        (&["--debug", "--log", "/dev/null", "run", "c"], true),
        (&["restore", "--image-path", "x", "c"], true),
        (&["state", "c"], false),
        (&["exec", "c", "create"], false),
        (&["spec"], false),
        (&["--root", "run", "start", "c"], false),
        (&["create", "--help"], false),
    ];
    for (words, changes) in calls {
        let bundle = bundle(args(&["sh"]));
        let call =
            runtime().arg(real("/bin/true")).args(words.iter().copied()).current_dir(bundle.path());
        call.start().expect_exit(0);
        assert_eq!(config(&bundle)["process"]["args"][0] == "/dev/adieu", changes, "{words:?}");
    }
}

/// Promise (As an OCI runtime): errors are on stderr and in the engine's log, the engine shows
/// them, and nothing is started
fn what_is_missing_or_broken_is_said_on_stderr_and_in_the_engines_log() {
    let scratch = Scratch::new();
    let (log, private) = (scratch.join("log.json"), scratch.join("private"));
    fs::copy(adieu(), &private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let annotated = |key: &str, value: &str| {
        let annotations = json!({ key: value });
        bundle(|config| config["annotations"] = annotations)
    };
    let broken = bundle(args(&["sh"]));
    fs::write(broken.join("config.json"), "{\"process\":").unwrap();
    let nothing = Scratch::new();
    let missing = scratch.join("missing").display().to_string();
    let good = || bundle(args(&["sh"]));
    let binary = |path: &Path| format!("--adieu-binary={}", path.display());
    let cases: [(Scratch, String, i32, &[&str]); 9] = [
        (broken, String::new(), 125, &["config.json", "no JSON", "line 1"]),
        (nothing, String::new(), 125, &["config.json", "bundle?"]),
        (
            annotated("io.adieu.timeout", "soon"),
            String::new(),
            125,
            &["annotation io.adieu.timeout 'soon'", "'30s'"],
        ),
        (
            annotated("io.adieu.inject", "off"),
            String::new(),
            125,
            &["io.adieu.inject", "'off'", "'false'"],
        ),
        (good(), binary(Path::new(&missing)), 127, &[&missing, "--adieu-binary=", "ADIEU_BINARY"]),
        (good(), binary(Path::new("adieu")), 127, &["not absolute"]),
        (good(), binary(&private), 127, &["mode 700", "chmod 755"]),
        (good(), format!("--adieu-runtime={missing}"), 127, &[&missing, "ADIEU_RUNTIME"]),
        (
            good(),
            "--adieu-runtime=adieu-none".into(),
            127,
            &["adieu-none", "PATH", "ADIEU_RUNTIME"],
        ),
    ];
    for (bundle, option, code, expected) in cases {
        let before = fs::read(bundle.join("config.json")).ok();
        let call =
            runtime().arg(real("/bin/true")).args(Some(option).filter(|option| !option.is_empty()));
        let call = call.arg("--log").arg(&log).args(["--log-format", "json", "create", "--bundle"]);
        let refused = call.arg(bundle.path()).arg("c").start().expect_exit(code);
        let line: Value = serde_json::from_str(&fs::read_to_string(&log).unwrap()).unwrap();
        fs::remove_file(&log).unwrap();
        assert_eq!(line["level"], "error");
        assert_eq!(line["msg"].as_str().unwrap(), refused.err[0]);
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        for text in expected {
            assert_eq!(complaints(&refused, text), 1, "{text}\n{refused}");
        }
        assert_eq!(fs::read(bundle.join("config.json")).ok(), before);
        assert!(names(bundle.path()).len() < 2);
    }
    // Without a format, and for a container that is left alone whatever is missing.
    let refused = runtime().arg(real(&missing)).arg("--log").arg(&log).args(["state", "c"]).start();
    refused.expect_exit(127);
    let text = fs::read_to_string(&log).unwrap();
    assert!(
        text.starts_with("time=\"") && text.contains("level=error msg=\"adieu-runtime: "),
        "{text}"
    );
    let alone = bundle(args(&["tini", "sh"]));
    let call = runtime().arg(real("/bin/true")).arg(format!("--adieu-binary={missing}"));
    call.args(["create", "-b"]).arg(alone.path()).start().expect_exit(0);
}

// --- runc and crun -------------------------------------------------------------------------------

/// The real runtimes below adieu-runtime. Without crun its part of a test is not run.
fn runtimes() -> Vec<&'static str> {
    root();
    pid_namespace();
    tool("busybox");
    tool("runc");
    ["runc"].into_iter().chain(tool_or_less("crun").map(|_| "crun")).collect()
}

/// A container of a real runtime, with a state directory of its own.
struct Container {
    below: &'static str,
    bundle: Scratch,
    id: String,
}

impl Container {
    fn new(below: &'static str, change: impl FnOnce(&mut Value)) -> Self {
        let bundle = bundle(change);
        make_root(&bundle.join("rootfs"));
        let id = bundle.path().file_name().unwrap().to_str().unwrap().to_owned();
        Self { below, bundle, id }
    }

    fn call(&self, words: &[&str]) -> Adieu {
        // crun refuses the hierarchies of cgroup v1 beside a cgroup2 that has a controller: that is
        // out of its sight.
        let v1_alone = "[ ! -d /sys/fs/cgroup/unified ] || \
            mount -t tmpfs tmpfs /sys/fs/cgroup/unified; exec \"$@\"";
        let call = match self.below {
            "crun" => Adieu::new().as_child().program("unshare").args([
                "--mount",
                "sh",
                "-c",
                v1_alone,
                "sh",
                wrapper().to_str().unwrap(),
            ]),
            _ => runtime(),
        };
        let call = call.arg(real(self.below)).arg("--root").arg(self.bundle.join("state"));
        call.args(words.iter().copied()).current_dir(self.bundle.path())
    }

    fn run(&self) -> Running {
        self.call(&["run", &self.id]).start()
    }

    fn kill(&self, signal: &str) {
        self.call(&["kill", &self.id, signal]).start().expect_exit(0);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.call(&["delete", "--force", &self.id]).start().finish();
    }
}

/// Promise (As an OCI runtime): in runc and crun: stop, other users, directories, mounts, user
/// namespaces; no file is left in the root
fn in_runc_and_crun_a_server_under_a_shell_finishes_and_the_root_keeps_no_trace() {
    for below in runtimes() {
        let script = "cd /app && ./server --work 200ms; cat /proc/1/comm; exit 3";
        let container = Container::new(below, args(&["sh", "-c", script]));
        let before = names(&container.bundle.join("rootfs"));
        let run = container.run();
        run.wait_line("server ready");
        container.kill("TERM");
        let ended = run.expect_exit(3);
        assert_eq!(
            ended.out,
            ["server ready", "server got TERM", "server done", "adieu"],
            "{ended}"
        );
        assert!(ended.err.is_empty(), "{ended}");
        // The runtime itself makes the mount points of the specification.
        let made = names(&container.bundle.join("rootfs"));
        let made: Vec<_> = made.into_iter().filter(|name| !before.contains(name)).collect();
        assert_eq!(made, ["dev", "proc", "sys"], "{below}");
        assert!(names(&container.bundle.join("rootfs/dev")).is_empty(), "{below}");

        let container = Container::new(below, args(&["sh", "-c", "sleep 3600; echo next"]));
        let run = container.run();
        eventually("the shell sleeps", || {
            let ps = container.call(&["exec", &container.id, "ps"]).start().finish();
            ps.count("sleep 3600") > 1
        });
        container.kill("TERM");
        let ended = run.expect_exit(143);
        ended.assert_no("next");
    }
}

/// Promise (As an OCI runtime): in runc and crun: stop, other users, directories, mounts, user
/// namespaces; no file is left in the root
fn in_runc_and_crun_user_directory_read_only_root_and_other_mounts_do_not_matter() {
    for below in runtimes() {
        let show = "id -u; cat /proc/1/comm; exec ./server --work 0s";
        let container = Container::new(below, |config| {
            args(&["../bin/sh", "-c", show])(config);
            config["process"]["user"] = json!({ "uid": 1234, "gid": 1234 });
            config["process"]["cwd"] = json!("/app");
            config["process"]["noNewPrivileges"] = json!(true);
            config["root"]["readonly"] = json!(true);
            let mounts = config["mounts"].as_array_mut().unwrap();
            mounts.push(json!({ "destination": "/run", "type": "tmpfs", "source": "tmpfs" }));
        });
        let run = container.run();
        run.wait_line("server ready");
        container.kill("TERM");
        assert_eq!(
            run.expect_exit(0).out,
            ["1234", "adieu", "server ready", "server got TERM", "server done"]
        );

        // Without a /dev of its own, an empty file stays in the container's root, as for every
        // mount point.
        let container = Container::new(below, |config| {
            let show = "cat /proc/1/comm; touch /.adieu 2>&1; exec sh -c 'exit 4'";
            args(&["sh", "-c", show])(config);
            let mounts = config["mounts"].as_array_mut().unwrap();
            mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
        });
        if below == "crun" {
            // It needs the directory.
            fs::create_dir(container.bundle.join("rootfs/dev")).unwrap();
        }
        let ended = container.run().expect_exit(4);
        assert_eq!(ended.out[0], ".adieu", "{ended}");
        assert_eq!(ended.count("Read-only file system"), 1, "{ended}");
        assert_eq!(fs::metadata(container.bundle.join("rootfs/.adieu")).unwrap().len(), 0);
    }
}

/// runc accepts a property's name in any case, and takes the last of several: one that the wrapper
/// adds beside it would not count. crun starts no container of such a configuration.
/// Promise (As an OCI runtime): in runc and crun: stop, other users, directories, mounts, user
/// namespaces; no file is left in the root
fn in_runc_and_crun_names_in_another_case_leave_the_container_as_it_is() {
    for below in runtimes() {
        let container = Container::new(below, |config| {
            args(&["sh", "-c", "cat /proc/1/comm"])(config);
            config["Mounts"] = config["mounts"].take();
            config.as_object_mut().unwrap().remove("mounts");
        });
        let before = config(&container.bundle);
        let run = container.run();
        if below == "crun" {
            let ended = run.expect_exit(1);
            assert_eq!(complaints(&ended, "mounts"), 1, "{ended}");
        } else {
            let ended = run.expect_exit(0);
            assert_eq!(ended.out, ["cat"], "{ended}");
        }
        assert_eq!(config(&container.bundle), before);
    }
}

/// Promise (As an OCI runtime): in runc and crun: stop, other users, directories, mounts, user
/// namespaces; no file is left in the root
fn in_runc_and_crun_with_a_user_namespace_adieu_is_mounted_too() {
    for below in runtimes() {
        let container = Container::new(below, |config| {
            args(&["sh", "-c", "id -u; cat /proc/1/comm /proc/self/uid_map"])(config);
            config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
            let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 65536 }]);
            config["linux"]["uidMappings"] = map.clone();
            config["linux"]["gidMappings"] = map;
        });
        // The mapped root has to get into it.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(container.bundle.path(), open).unwrap();
        let rootfs = container.bundle.join("rootfs");
        std::os::unix::fs::chown(&rootfs, Some(100_000), Some(100_000)).unwrap();
        let ended = container.run().expect_exit(0);
        assert_eq!(ended.out[..2], ["0", "adieu"], "{ended}");
        assert!(ended.out[2].contains("100000"), "{ended}");
    }
}

// --- Engines -------------------------------------------------------------------------------------

/// A directory's content as a tar file.
fn tar(directory: &Path, to: &Path) {
    let mut made = Command::new("tar");
    made.args(["--owner=0", "--group=0", "-cf"]).arg(to).arg("-C").arg(directory).arg(".");
    assert!(spawn(&mut made).wait().unwrap().success());
}

/// The image, in the form that `docker load` and `ctr images import` take.
fn image_archive(scratch: &Scratch) -> PathBuf {
    let (contents, image) = (scratch.join("contents"), scratch.join("image"));
    make_root(&contents);
    fs::create_dir(&image).unwrap();
    tar(&contents, &image.join("layer.tar"));
    let sum = output(Command::new("sha256sum").arg(image.join("layer.tar")));
    let sum = String::from_utf8(sum).unwrap()[..64].to_owned();
    let architecture = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture, "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Entrypoint": ["/pause"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{sum}")] },
    });
    fs::write(image.join("config.json"), config.to_string()).unwrap();
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"] }]);
    fs::write(image.join("manifest.json"), manifest.to_string()).unwrap();
    let archive = scratch.join("image.tar");
    tar(&image, &archive);
    archive
}

/// A dockerd whose default runtime is adieu-runtime, with another one below that.
struct Docker {
    client: PathBuf,
    host: String,
    // In this order: the daemon ends before its directory goes.
    daemon: Daemon,
    _scratch: Scratch,
}

impl Docker {
    /// One for each of the runtimes, with `more` in its configuration.
    fn each(more: &Value) -> impl Iterator<Item = Self> {
        let programs = (tool("docker"), tool("dockerd"));
        let more = more.clone();
        // crun refuses a container of Docker's without them.
        let crun = cgroup_controllers_or_less();
        let runtimes = runtimes().into_iter().filter(move |below| crun || *below == "runc");
        runtimes.map(move |below| Self::start(&programs, below, &more))
    }

    fn start((client, dockerd): &(PathBuf, PathBuf), below: &str, more: &Value) -> Self {
        let scratch = Scratch::new();
        let (socket, log) = (scratch.join("docker.sock"), scratch.join("log"));
        // With runc, the default is tried.
        let below = (below != "runc").then(|| format!("--adieu-runtime={below}"));
        let mut config = json!({
            "storage-driver": "vfs",
            "default-runtime": "adieu",
            "runtimes": {
                "adieu": { "path": wrapper(), "runtimeArgs": Vec::from_iter(below) },
                "no-runtime": {
                    "path": wrapper(),
                    "runtimeArgs": ["--adieu-runtime=/missing/runc"],
                },
                "no-binary": {
                    "path": wrapper(),
                    "runtimeArgs": ["--adieu-binary=/missing/adieu"],
                },
            },
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fs::write(scratch.join("daemon.json"), config.to_string()).unwrap();
        let host = format!("unix://{}", socket.display());
        let mut command = Command::new(dockerd);
        command.arg("--config-file").arg(scratch.join("daemon.json"));
        command
            .arg("--data-root")
            .arg(scratch.join("root"))
            .arg("--exec-root")
            .arg(scratch.join("exec"));
        command.arg("--pidfile").arg(scratch.join("pid")).args(["-H", &host]);
        let name = Daemon::name();
        command.args([
            "--cgroup-parent",
            &format!("/{name}"),
            "--exec-opt",
            "native.cgroupdriver=cgroupfs",
        ]);
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"]);
        command.arg("--ip-forward=false");
        let daemon = Daemon::start(&name, &command, &log);
        let archive = image_archive(&scratch);
        let client = client.clone();
        let mut docker = Self { client, host, daemon, _scratch: scratch };
        docker.wait_for_daemon(&log);
        docker.call(&["load", "--input", archive.to_str().unwrap()]).start().expect_exit(0);
        docker
    }

    fn wait_for_daemon(&mut self, log: &Path) {
        let (client, host) = (self.client.clone(), self.host.clone());
        let info =
            || Adieu::new().as_child().program(&client).env("DOCKER_HOST", &host).arg("info");
        self.daemon.wait_for("dockerd answers", log, || info().start().finish().code == 0);
    }

    fn call(&self, words: &[&str]) -> Adieu {
        let call = Adieu::new().as_child().program(&self.client).env("DOCKER_HOST", &self.host);
        call.args(words.iter().copied()).deadline(Duration::from_secs(90))
    }

    /// `docker run OPTIONS IMAGE COMMAND`
    fn run(&self, options: &[&str], command: &[&str]) -> Adieu {
        let run = self
            .call(&["run", "--network", "none", "--entrypoint", command[0]])
            .args(options.iter().copied());
        run.arg(IMAGE).args(command[1..].iter().copied())
    }

    /// The command of PID 1 in such a container.
    fn pid1(&self, options: &[&str]) -> String {
        let show = ["sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '"];
        let said =
            self.run(&[&["--rm"], options].concat(), &["sh", "-c", show[2]]).start().finish();
        assert_eq!(said.code, 0, "{options:?}\n{said}");
        said.out.concat()
    }

    fn said(&self, words: &[&str]) -> Finished {
        self.call(words).start().expect_exit(0)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let all = self.call(&["ps", "--all", "--quiet"]).start().finish().out;
        let ids: Vec<&str> = all.iter().map(String::as_str).collect();
        if !ids.is_empty() {
            self.call(&[&["rm", "--force"], &ids[..]].concat()).start().finish();
        }
    }
}

/// Promise (As an OCI runtime): in Docker, as the default runtime
fn docker_runs_containers_with_adieu_and_leaves_alone_what_has_an_init_or_says_so() {
    for docker in Docker::each(&json!({})) {
        for options in [
            &[][..],
            &["--read-only"],
            &["--user", "1234:1234"],
            &["--workdir", "/app"],
            &["--tmpfs", "/run"],
            &[
                "--read-only",
                "--user",
                "1234",
                "--cap-drop",
                "ALL",
                "--security-opt",
                "no-new-privileges",
            ],
        ] {
            let pid1 = docker.pid1(options);
            assert!(pid1.starts_with("/dev/adieu -- sh -c "), "{options:?}: {pid1}");
        }
        assert!(docker.pid1(&["--volume", "/dev:/dev"]).starts_with("/.adieu -- sh "));
        assert!(!Path::new("/dev/adieu").exists());
        assert!(docker.pid1(&["--init"]).starts_with("/sbin/docker-init -- sh "));
        assert!(docker.pid1(&["--env", "ADIEU_INJECT=false"]).starts_with("sh -c "));
        assert!(!docker.pid1(&["--pid", "host"]).contains("adieu --"));

        // Nothing but the server is in /app; it is run without a shell, from there.
        let server = ["./server", "--work", "100ms"];
        let options = ["--name", "relative", "--workdir", "/app", "--env", "ADIEU_TIMEOUT=9s"];
        let run = docker.run(&options, &server).start();
        run.wait_line("server ready");
        docker.said(&["stop", "relative"]);
        assert_eq!(run.expect_exit(0).out, ["server ready", "server got TERM", "server done"]);
        assert!(docker.said(&["diff", "relative"]).out.iter().all(|line| !line.contains("adieu")));

        for (code, command) in
            [(0, "true"), (3, "exit 3"), (143, "kill -TERM $$"), (127, "no-such-command")]
        {
            docker.run(&["--rm"], &["sh", "-c", command]).start().expect_exit(code);
        }
        let missing = docker.run(&["--rm"], &["no-such-command"]).start().expect_exit(127);
        assert!(missing.err[0].starts_with("adieu: cannot run no-such-command: "), "{missing}");
    }
}

/// Promise (As an OCI runtime): in Docker, as the default runtime
fn docker_stops_restarts_and_enters_containers_as_usual() {
    for docker in Docker::each(&json!({})) {
        let start = ["sh", "-c", "cd /app && ./server --work 100ms; exit 5"];
        docker.run(&["--detach", "--name", "web"], &start).start().expect_exit(0);
        let lines = ["server ready", "server got TERM", "server done"];
        let wait_ready = |times: usize| {
            eventually("the server is ready", || {
                docker.said(&["logs", "web"]).count("server ready") == times
            });
        };
        wait_ready(1);
        let inside = docker.said(&["exec", "web", "ps", "-o", "pid,args"]);
        assert_eq!(inside.count("1 /dev/adieu -- sh -c cd /app"), 1, "{inside}");
        // The engine writes its configuration anew for each start.
        docker.said(&["restart", "web"]);
        wait_ready(2);
        docker.said(&["stop", "web"]);
        let code = ["inspect", "--format", "{{.State.ExitCode}} {{.Path}}", "web"];
        assert_eq!(docker.said(&code).out, ["5 sh"]);
        docker.said(&["start", "web"]);
        wait_ready(3);
        docker.said(&["kill", "--signal", "HUP", "web"]);
        eventually("the signal is dropped", || {
            complaints(&docker.said(&["logs", "web"]), "SIGHUP dropped") == 1
        });
        docker.said(&["stop", "web"]);
        assert_eq!(docker.said(&["logs", "web"]).out, [lines, lines, lines].concat());

        docker
            .run(&["--detach", "--name", "idle"], &["sh", "-c", "sleep 3600; echo next"])
            .start()
            .expect_exit(0);
        eventually("it sleeps", || docker.said(&["top", "idle"]).count("sleep 3600") > 1);
        let took = docker.said(&["stop", "idle"]).took;
        assert!(took < AT_ONCE, "{took:?}");
        docker.said(&["logs", "idle"]).assert_no("next");

        // With a terminal.
        let mut terminal = docker.run(&["--rm", "-it"], &["sh"]).start_on_pty();
        terminal.type_keys("cat /proc/1/comm; stty size >/dev/null && echo a $((6 * 7)); exit 4\r");
        terminal.wait_text("adieu");
        terminal.wait_text("a 42");
        assert_eq!(terminal.exit(), 4);
    }
}

/// Promise (As an OCI runtime): errors are on stderr and in the engine's log, the engine shows
/// them, and nothing is started
fn docker_shows_what_is_wrong_and_has_no_half_started_container() {
    for docker in Docker::each(&json!({})) {
        let cases: [(&[&str], &str); 3] = [
            (
                &["--runtime", "no-runtime"],
                "adieu-runtime: the real runtime '/missing/runc' is missing",
            ),
            (
                &["--runtime", "no-binary"],
                "adieu-runtime: cannot mount the adieu binary /missing/adieu: No such file",
            ),
            (
                &["--env", "ADIEU_INJECT=maybe"],
                "ADIEU_INJECT in its environment is 'maybe'; write 'false'",
            ),
        ];
        for (options, complaint) in cases {
            let refused = docker.run(options, &["true"]).start().expect_exit(125);
            assert_eq!(complaints(&refused, complaint), 1, "{refused}");
        }
        let states = docker.said(&["ps", "--all", "--format", "{{.State}}"]);
        assert_eq!(states.out, ["created"; 3], "{states}");
    }
}

/// `docker run --annotation`, which Docker has since version 24.
/// Promise (As an OCI runtime): annotations of Docker and podman are its settings
fn docker_28_gives_annotations_to_adieu_runtime() {
    for docker in Docker::each(&json!({})) {
        let pid1 = |annotation| docker.pid1(&["--annotation", annotation]);
        let timeout = pid1("io.adieu.timeout=20s");
        assert!(timeout.starts_with("/dev/adieu --timeout=20s -- sh -c "), "{timeout}");
        let off = pid1("io.adieu.inject=false");
        assert!(off.starts_with("sh -c "), "{off}");
        let options = ["--rm", "--annotation", "io.adieu.timeout=soon"];
        let refused = docker.run(&options, &["true"]).start().expect_exit(125);
        assert_eq!(complaints(&refused, "the annotation io.adieu.timeout 'soon'"), 1, "{refused}");
    }
}

/// Promise (Anywhere): as the init of `docker run --init` and of podman, in unchanged images; below
/// Docker's own; every installation of `docs/platforms.md`, `docs/kubernetes.md` and
/// `docs/start-scripts.md`
fn docker_28_with_the_image_store_of_containerd_has_adieu_as_its_init_and_in_its_runtime() {
    let config = json!({
        "features": { "containerd-snapshotter": true },
        "storage-driver": "native",
        "init-path": adieu(),
    });
    for docker in Docker::each(&config) {
        let info = docker.said(&["info"]);
        assert_eq!(info.count("driver-type: io.containerd.snapshotter.v1"), 1, "{info}");
        let server = ["sh", "-c", "cd /app && ./server --work 100ms; exit 5"];
        // As the init below plain runc, and by adieu-runtime.
        for (name, options, pid1) in [
            ("init", &["--init", "--runtime", "runc"][..], "/sbin/docker-init -- sh -c cd /app"),
            ("runtime", &[], "/dev/adieu -- sh -c cd /app"),
        ] {
            let options = [&["--name", name], options].concat();
            let run = docker.run(&options, &server).start();
            run.wait_line("server ready");
            let tree = docker.said(&["exec", name, "ps", "-o", "pid,args"]);
            assert_eq!(tree.count(&format!("1 {pid1}")), 1, "{tree}");
            docker.said(&["stop", name]);
            let ended = run.expect_exit(5);
            assert_eq!(ended.out, ["server ready", "server got TERM", "server done"], "{ended}");
        }
    }
}

/// podman in namespaces of its own, with adieu-runtime above another runtime.
struct Podman {
    program: PathBuf,
    below: &'static str,
    inside: String,
    name: String,
    // In this order: the namespaces end before the directory goes.
    _daemon: Daemon,
    scratch: Scratch,
}

impl Podman {
    fn start(below: &'static str) -> Self {
        let program = tool("podman");
        let (_conmon, _nsenter) = (tool("conmon"), tool("nsenter"));
        let scratch = Scratch::new();
        // podman has no daemon: a process that stays, for the namespaces.
        let mut command = Command::new("sh");
        command.args(["-c", ": >\"$1\" && exec tail -f /dev/null", "sh"]);
        let (ready, log) = (scratch.join("ready"), scratch.join("log"));
        let name = Daemon::name();
        let mut daemon = Daemon::start(&name, command.arg(&ready), &log);
        daemon.wait_for("the namespaces", &log, || ready.exists());
        // Where root may not raise limits the ones that podman asks for are refused.
        let limits = "[containers]\n\
            default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
        fs::write(scratch.join("containers.conf"), limits).unwrap();
        let inside = daemon.inside().to_string();
        let podman = Self { program, below, inside, name, _daemon: daemon, scratch };
        let archive = image_archive(&podman.scratch);
        podman.call(&["load", "--input", archive.to_str().unwrap()]).start().expect_exit(0);
        podman
    }

    fn call(&self, words: &[&str]) -> Adieu {
        self.call_as(wrapper(), words)
    }

    /// With this adieu-runtime.
    fn call_as(&self, runtime: &Path, words: &[&str]) -> Adieu {
        let call = Adieu::new().as_child().program("nsenter");
        let call = call.args(["--target", &self.inside, "--mount", "--net", "--pid"]);
        let call = call.env("CONTAINERS_CONF", self.scratch.join("containers.conf"));
        // podman 5 warns of it.
        let call = call.env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1").arg(&self.program);
        let call = call.arg("--runtime").arg(runtime).arg("--runtime-flag");
        let call = call.arg(format!("adieu-runtime={}", tool(self.below).display()));
        let place = |call: Adieu, (option, name): (&str, &str)| {
            call.arg(option).arg(self.scratch.join(name))
        };
        let places = [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")];
        let call = places.into_iter().fold(call, place);
        let call = call.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]);
        let call = call.args(["--events-backend", "file"]).args(words.iter().copied());
        call.deadline(Duration::from_secs(90))
    }

    /// `podman run OPTIONS IMAGE COMMAND`
    fn run_as(&self, runtime: &Path, options: &[&str], command: &[&str]) -> Adieu {
        let run = self.call_as(runtime, &["run", "--network", "none"]);
        let run = if options.contains(&"--cgroups=disabled") {
            run
        } else {
            run.arg("--cgroup-parent").arg(format!("/{}", self.name))
        };
        let run = run.args(options.iter().copied()).args(["--entrypoint", command[0], IMAGE]);
        run.args(command[1..].iter().copied())
    }

    fn run(&self, options: &[&str], command: &[&str]) -> Adieu {
        self.run_as(wrapper(), options, command)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.call(&["rm", "--all", "--force"]).start().finish();
    }
}

/// Promise (As an OCI runtime): in podman: stop, `exec`, annotations, `--init`, without cgroups
/// Promise (As an OCI runtime): annotations of Docker and podman are its settings
fn podman_runs_containers_with_adieu_above_runc_and_above_crun() {
    cgroup_controllers();
    for below in runtimes() {
        let podman = Podman::start(below);
        let server = ["sh", "-c", "cd /app && ./server --work 100ms; exit 5"];
        let run = podman.run(&["--name", "web"], &server).start();
        run.wait_line("server ready");
        let tree = podman.call(&["exec", "web", "ps", "-o", "pid,args"]).start().expect_exit(0);
        assert_eq!(tree.count("1 /dev/adieu -- sh -c cd /app"), 1, "{tree}");
        podman.call(&["stop", "web"]).start().expect_exit(0);
        let ended = run.expect_exit(5);
        assert_eq!(ended.out, ["server ready", "server got TERM", "server done"], "{ended}");

        let show = ["sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '"];
        for (options, pid1) in [
            (&["--annotation", "io.adieu.timeout=20s"][..], "/dev/adieu --timeout=20s -- sh -c "),
            (&["--annotation", "io.adieu.inject=false"], "sh -c "),
            (&["--env", "ADIEU_INJECT=false"], "sh -c "),
            (&["--read-only", "--user", "1234", "--cap-drop", "ALL"], "/dev/adieu -- sh -c "),
            (&["--init", "--init-path", adieu().to_str().unwrap()], "/run/podman-init -- sh -c "),
        ] {
            let said = podman.run(&[&["--rm"], options].concat(), &show).start().expect_exit(0);
            assert!(said.out.concat().starts_with(pid1), "{below} {options:?}\n{said}");
        }
        let wrong = ["--rm", "--annotation", "io.adieu.timeout=soon"];
        let refused = podman.run(&wrong, &["true"]).start().expect_exit(126);
        assert_eq!(complaints(&refused, "the annotation io.adieu.timeout 'soon'"), 1, "{refused}");

        // podman takes a runtime of any other name to need cgroups.
        let without = ["--rm", "--cgroups=disabled"];
        let refused = podman.run(&without, &show).start().expect_exit(125);
        assert_eq!(complaints(&refused, "is not compatible with NoCgroups"), 1, "{refused}");
        let directory = podman.scratch.join("as");
        fs::create_dir(&directory).unwrap();
        fs::copy(wrapper(), directory.join("crun")).unwrap();
        fs::copy(adieu(), directory.join("adieu")).unwrap();
        if below == "crun" {
            let said = podman.run_as(&directory.join("crun"), &without, &show).start();
            let said = said.expect_exit(0);
            assert!(said.out.concat().starts_with("/dev/adieu -- sh -c "), "{said}");
        }
    }
}

/// How containerd is given the handler of `examples/oci-runtime`.
#[derive(Clone, Copy)]
struct Form {
    /// Of the configuration.
    version: u8,
    /// From a file that the configuration imports.
    imported: bool,
}

impl Form {
    /// The forms that this containerd is to be tried with, each with the runtime below it.
    fn all(containerd: &Path) -> Vec<(Self, &'static str)> {
        let in_file = |version| Self { version, imported: false };
        let [runc, crun] = ["runc", "crun"];
        let forms = match containerd_version(containerd) {
            1 => vec![(in_file(2), runc), (in_file(2), crun)],
            _ => vec![
                (in_file(3), runc),
                (Self { version: 3, imported: true }, crun),
                (in_file(2), runc),
            ],
        };
        let there = runtimes();
        forms.into_iter().filter(|(_, below)| there.contains(below)).collect()
    }

    /// The configuration of a node, with settings of its own for the CRI, and the handler.
    fn write(self, directory: &Path) -> PathBuf {
        let (own, handler) = match self.version {
            2 => (
                r#"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "IMAGE"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"#,
                include_str!("../../examples/oci-runtime/config.toml"),
            ),
            _ => (
                r#"
[plugins.'io.containerd.grpc.v1.cri']
  stream_server_port = "0"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "native"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "IMAGE"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"#,
                include_str!("../../examples/oci-runtime/config-version-3.toml"),
            ),
        };
        let handler = handler.replace("/usr/local/bin/adieu-runtime", wrapper().to_str().unwrap());
        let (path, import) = (directory.display(), directory.join("adieu.toml"));
        let begin = format!(
            "root = \"{path}/root\"\nstate = \"{path}/state\"\n\
             disabled_plugins = [\"io.containerd.internal.v1.opt\"]\n"
        );
        let grpc = format!("[grpc]\n  address = \"{path}/sock\"\n");
        let rest = [&grpc, &own.replace("IMAGE", IMAGE)].map(String::as_str).concat();
        let text = if self.imported {
            fs::write(&import, &handler).unwrap();
            let import = import.display();
            format!("version = {}\n{begin}imports = [\"{import}\"]\n{rest}", self.version)
        } else {
            let version = format!("version = {}\n", self.version);
            assert_eq!(handler.matches(&version).count(), 1, "{handler}");
            format!("{version}{begin}{rest}{}", handler.replace(&version, ""))
        };
        let config = directory.join("config.toml");
        fs::write(&config, text).unwrap();
        config
    }
}

/// The first number of its version.
fn containerd_version(containerd: &Path) -> u32 {
    let said = String::from_utf8(output(Command::new(containerd).arg("--version"))).unwrap();
    // containerd github.com/containerd/containerd/v2 2.1.9 …
    let version = said.split_whitespace().nth(2).unwrap().trim_start_matches('v');
    version.split('.').next().unwrap().parse().unwrap()
}

/// A containerd whose CRI has a runtime handler `adieu`.
struct Containerd {
    python: PathBuf,
    socket: PathBuf,
    cgroup: String,
    _daemon: Daemon,
    _scratch: Scratch,
}

impl Containerd {
    /// One for each form.
    fn each() -> impl Iterator<Item = Self> {
        let (containerd, ctr) = (tool("containerd"), tool("ctr"));
        cgroup_controllers();
        let python = PathBuf::from("/usr/bin/python3");
        let ask = "import importlib.util as it; print(it.find_spec('grpc') is not None)";
        if !python.exists() || output(Command::new(&python).args(["-c", ask])) != b"True\n" {
            missing_package("python3-grpcio");
        }
        let forms = Form::all(&containerd);
        let start =
            move |(form, below)| Self::start(&containerd, &ctr, python.clone(), form, below);
        forms.into_iter().map(start)
    }

    fn start(containerd: &Path, ctr: &Path, python: PathBuf, form: Form, below: &str) -> Self {
        let scratch = Scratch::new();
        let (socket, log) = (scratch.join("sock"), scratch.join("log"));
        let mut command = Command::new(containerd);
        command.arg("--config").arg(form.write(scratch.path()));
        // What the daemon gets reaches the runtime: without this the sandbox would not start.
        command.env("ADIEU_BINARY", adieu());
        if below != "runc" {
            command.env("ADIEU_RUNTIME", below);
        }
        let name = Daemon::name();
        let mut daemon = Daemon::start(&name, &command, &log);
        let call = |words: &[&str]| {
            let call = Adieu::new().as_child().program(ctr).arg("--address").arg(&socket);
            call.args(words.iter().copied()).start().finish()
        };
        let archive = image_archive(&scratch);
        daemon.wait_for("containerd answers", &log, || call(&["version"]).code == 0);
        let mut import = vec!["--namespace", "k8s.io", "images", "import"];
        if containerd_version(containerd) > 1 {
            // By ctr itself: the daemon's own service unpacks for its default snapshotter only.
            import.push("--local");
        }
        import.extend(["--snapshotter", "native", archive.to_str().unwrap()]);
        let imported = call(&import);
        assert_eq!(imported.code, 0, "{imported}");
        Self { python, socket, cgroup: format!("/{name}"), _daemon: daemon, _scratch: scratch }
    }

    fn ask(&self, call: &str, what: &Value) -> Finished {
        let client = repository().join("tests/it/support/cri.py");
        let asked =
            Adieu::new().as_child().program(&self.python).arg(client).arg(&self.socket).arg(call);
        asked.arg(what.to_string()).deadline(Duration::from_secs(90)).start().finish()
    }

    fn answer(&self, call: &str, what: &Value) -> Value {
        let answer = self.ask(call, what);
        assert_eq!(answer.code, 0, "{call} {what}\n{answer}");
        serde_json::from_str(&answer.out.concat()).unwrap()
    }

    /// A container in a pod of its own: the pod's and the container's id.
    fn container(&self, name: &str, mut what: Value) -> (Value, Value) {
        what["name"] = json!(name);
        what["cgroup"] = json!(self.cgroup);
        what["handler"] = json!("adieu");
        what["image"] = json!(IMAGE);
        let pod = self.answer("pod", &what)["id"].clone();
        what["pod"] = pod.clone();
        let id = self.answer("create", &what)["id"].clone();
        (pod, id)
    }
}

/// Promise (As an OCI runtime): in containerd's CRI, as a runtime handler
fn containerds_cri_runs_pods_with_adieu_and_their_sandboxes_without() {
    for containerd in Containerd::each() {
        let ps = |id: &Value| {
            let said = containerd
                .answer("exec", &json!({ "id": id, "command": ["ps", "-o", "pid,args"] }));
            said["out"].as_str().unwrap().to_owned()
        };
        let server = json!({
            "command": ["sh", "-c", "cd /app && ./server --work 100ms; exit 5"],
            "annotations": { "io.adieu.timeout": "20s", "example.org/other": "x" },
        });
        let (pod, id) = containerd.container("server", server);
        containerd.answer("start", &json!({ "id": id }));
        eventually("the server runs", || ps(&id).contains(" ./server"));
        assert!(ps(&id).contains("1 /dev/adieu --timeout=20s -- sh -c cd /app"), "{}", ps(&id));
        containerd.answer("stop", &json!({ "id": id, "grace": 30 }));
        // CONTAINER_EXITED, with the status of the script that went on after its server.
        assert_eq!(
            containerd.answer("status", &json!({ "id": id })),
            json!({ "state": 2, "code": 5 })
        );
        containerd.answer("remove-pod", &json!({ "pod": pod }));

        // A pod whose containers share a PID namespace: its sandbox is PID 1 there.
        let (pod, id) = containerd
            .container("shared", json!({ "command": ["sleep", "3600"], "share_pid": true }));
        containerd.answer("start", &json!({ "id": id }));
        let tree = ps(&id);
        assert!(
            tree.contains("1 /pause") && tree.contains(" sleep 3600") && !tree.contains("adieu"),
            "{tree}"
        );
        containerd.answer("remove-pod", &json!({ "pod": pod }));

        let off =
            json!({ "command": ["sleep", "3600"], "annotations": { "io.adieu.inject": "false" } });
        let (pod, id) = containerd.container("off", off);
        containerd.answer("start", &json!({ "id": id }));
        assert!(ps(&id).contains("1 sleep 3600"), "{}", ps(&id));
        containerd.answer("remove-pod", &json!({ "pod": pod }));

        let wrong =
            json!({ "command": ["sleep", "3600"], "annotations": { "io.adieu.timeout": "soon" } });
        let (pod, id) = containerd.container("wrong", wrong);
        let refused = containerd.ask("start", &json!({ "id": id }));
        assert_eq!(refused.code, 1, "{refused}");
        assert_eq!(complaints(&refused, "the annotation io.adieu.timeout 'soon'"), 1, "{refused}");
        containerd.answer("remove-pod", &json!({ "pod": pod }));
    }
}

/// Whether an imported file is merged, by `containerd config dump`: containerd 1 replaces the whole
/// section of the CRI, containerd 2 merges files of version 3 and drops what is of version 2.
/// Promise (As an OCI runtime): in containerd's CRI, as a runtime handler
fn containerd_takes_the_handler_from_an_imported_file_only_of_its_own_version() {
    let containerd = tool("containerd");
    let import = |main: u8, handler: u8| {
        let scratch = Scratch::new();
        let config = Form { version: main, imported: true }.write(scratch.path());
        if main != handler {
            let other = Scratch::new();
            Form { version: handler, imported: true }.write(other.path());
            fs::copy(other.join("adieu.toml"), scratch.join("adieu.toml")).unwrap();
        }
        let mut dump = Command::new(&containerd);
        dump.arg("-c").arg(config).args(["config", "dump"]).stderr(Stdio::null());
        let dump = output(&mut dump);
        let dump = String::from_utf8(dump).unwrap();
        // The handler, and the own setting of the file that imports it.
        (dump.contains("runtimes.adieu]"), dump.contains(IMAGE))
    };
    if containerd_version(&containerd) == 1 {
        assert_eq!(import(2, 2), (true, false));
    } else {
        assert_eq!(import(3, 3), (true, true));
        assert_eq!(import(2, 2), (true, true));
        assert_eq!(import(3, 2), (false, true));
        assert_eq!(import(2, 3), (true, false));
    }
}

pub(crate) const TESTS: &[Test] = tests![
    every_other_call_is_handed_over_byte_for_byte,
    the_runtime_gets_the_environment_signals_and_descriptors_that_the_engine_gave,
    the_runtime_is_named_by_option_by_variable_or_found_on_the_path,
    a_runtime_that_leads_back_to_the_wrapper_is_refused,
    help_and_check_only_print,
    the_configuration_is_replaced_with_its_mode_and_user_and_only_once,
    create_run_and_restore_change_the_bundle_and_no_other_call_does,
    what_is_missing_or_broken_is_said_on_stderr_and_in_the_engines_log,
    in_runc_and_crun_a_server_under_a_shell_finishes_and_the_root_keeps_no_trace,
    in_runc_and_crun_user_directory_read_only_root_and_other_mounts_do_not_matter,
    in_runc_and_crun_names_in_another_case_leave_the_container_as_it_is,
    in_runc_and_crun_with_a_user_namespace_adieu_is_mounted_too,
    docker_runs_containers_with_adieu_and_leaves_alone_what_has_an_init_or_says_so,
    docker_stops_restarts_and_enters_containers_as_usual,
    docker_shows_what_is_wrong_and_has_no_half_started_container,
    podman_runs_containers_with_adieu_above_runc_and_above_crun,
    containerds_cri_runs_pods_with_adieu_and_their_sandboxes_without,
    containerd_takes_the_handler_from_an_imported_file_only_of_its_own_version
];

/// What only today's engines have (`today`).
pub(crate) const TODAY: &[Test] = tests![
    docker_28_gives_annotations_to_adieu_runtime,
    docker_28_with_the_image_store_of_containerd_has_adieu_as_its_init_and_in_its_runtime
];
