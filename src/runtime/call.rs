//! What an engine asks its runtime for: the subcommand, the bundle and the log, found among the
//! options. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The global options of the runtimes that take the next word as their value: runc's, crun's and
/// youki's.
const GLOBAL_WITH_VALUE: [&str; 9] =
    ["log", "log-format", "log-level", "root", "rootless", "criu", "cgroup-manager", "r", "l"];
/// Those that take none.
const GLOBAL_WITHOUT_VALUE: [&str; 9] =
    ["debug", "systemd-cgroup", "help", "version", "h", "v", "V", "s", "no-color"];
/// The options of `create`, `run` and `restore` that take the next word as their value, of runc,
/// crun and youki.
const LOCAL_WITH_VALUE: [&str; 16] = [
    "bundle",
    "b",
    "config",
    "f",
    "console-socket",
    "pidfd-socket",
    "pid-file",
    "p",
    "preserve-fds",
    "image-path",
    "work-path",
    "parent-path",
    "manage-cgroups-mode",
    "lsm-profile",
    "lsm-mount-context",
    "empty-ns",
];
/// The subcommands of OCI runtimes: none of them is taken for the value of an option that is not
/// known here.
const SUBCOMMANDS: [&str; 21] = [
    "checkpoint",
    "create",
    "delete",
    "events",
    "exec",
    "features",
    "help",
    "info",
    "init",
    "kill",
    "list",
    "mounts",
    "pause",
    "ps",
    "restore",
    "resume",
    "run",
    "spec",
    "start",
    "state",
    "update",
];

/// What matters of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Call {
    /// The bundle's configuration, relative to the working directory, where the call makes a
    /// container of it.
    pub(crate) config: Option<PathBuf>,
    /// `--log`: where the engine reads errors.
    pub(crate) log: Option<PathBuf>,
    /// `--log-format json`
    pub(crate) json: bool,
}

/// An option as written: `--name`, `--name=value`; Go's runtimes take one dash as well as two.
fn option(word: &OsStr) -> Option<(&[u8], Option<&OsStr>)> {
    let name = word.as_bytes().strip_prefix(b"-").filter(|rest| !rest.is_empty())?;
    let name = name.strip_prefix(b"-").unwrap_or(name);
    match name.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (name, value) = name.split_at(at);
            Some((name, Some(OsStr::from_bytes(value.get(1..).unwrap_or_default()))))
        }
        None => Some((name, None)),
    }
}

fn among(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

impl Call {
    /// Reads the arguments (without the runtime's own name).
    pub(crate) fn of(args: &[OsString]) -> Self {
        let mut call = Self::default();
        let mut words = args.iter().map(OsString::as_os_str).peekable();
        let subcommand = loop {
            let Some(word) = words.next() else { return call };
            let Some((name, value)) = option(word) else { break word };
            let is_value = |next: &&OsStr| {
                among(name, &GLOBAL_WITH_VALUE)
                    || !among(name, &GLOBAL_WITHOUT_VALUE)
                        && option(next).is_none()
                        && !among(next.as_bytes(), &SUBCOMMANDS)
            };
            let value = value.or_else(|| words.next_if(is_value)).unwrap_or_default();
            match name {
                b"log" | b"l" => call.log = log_file(value),
                b"log-format" => call.json = value == "json",
                _ => {}
            }
        };
        // A container that is restored has to get the mount that it had.
        if !among(subcommand.as_bytes(), &["create", "run", "restore"]) {
            return call;
        }
        let (mut bundle, mut config) = (PathBuf::new(), PathBuf::from("config.json"));
        while let Some(word) = words.next().filter(|word| *word != "--") {
            // runc takes options after the container's name, too.
            let Some((name, value)) = option(word) else { continue };
            let value = match value {
                None if among(name, &LOCAL_WITH_VALUE) => words.next().unwrap_or_default(),
                value => value.unwrap_or_default(),
            };
            match name {
                b"bundle" | b"b" => bundle = value.into(),
                b"config" | b"f" => config = value.into(),
                b"help" | b"h" => return call,
                // getopt's `-bDIR`
                [b'b', dir @ ..] if !word.as_bytes().starts_with(b"--") => {
                    bundle = OsStr::from_bytes(dir).into();
                }
                _ => {}
            }
        }
        call.config = Some(bundle.join(config));
        call
    }
}

/// The file that a `--log` means. crun's `journald:` and `syslog:` are none.
fn log_file(value: &OsStr) -> Option<PathBuf> {
    let bytes = value.as_bytes();
    let elsewhere =
        bytes.is_empty() || bytes.starts_with(b"journald:") || bytes.starts_with(b"syslog:");
    let path = OsStr::from_bytes(bytes.strip_prefix(b"file:").unwrap_or(bytes));
    (!elsewhere).then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call {
        Call::of(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    fn config(line: &str) -> Option<String> {
        call(line).config.map(|path| path.to_str().expect("UTF-8").to_owned())
    }

    #[test]
    fn the_calls_of_engines_are_understood() {
        // containerd's shim
        let shim = "--root /run/containerd/runc/k8s.io --log /b/log.json --log-format json \
                    --systemd-cgroup create --bundle /b --pid-file /b/init.pid abc";
        let expected = Call {
            config: Some("/b/config.json".into()),
            log: Some("/b/log.json".into()),
            json: true,
        };
        assert_eq!(call(shim), expected);
        // conmon, for podman and CRI-O
        assert_eq!(
            config("--systemd-cgroup create --bundle /b --pid-file /p abc"),
            Some("/b/config.json".into())
        );
        assert_eq!(
            config("--log-format=json --log=/l create --no-pivot -b /b abc"),
            Some("/b/config.json".into())
        );
    }

    #[test]
    fn the_bundle_is_found_however_it_is_written() {
        for line in [
            "run -b /b c",
            "run --bundle=/b c",
            "run -bundle /b c",
            "run -b=/b c",
            "run -b/b c",
            "run c --bundle /b",
            "run --pid-file --bundle -b /b c",
            "create --preserve-fds 3 -b /b c",
            "restore --image-path /i --bundle /b c",
        ] {
            assert_eq!(config(line).as_deref(), Some("/b/config.json"), "{line}");
        }
        assert_eq!(config("run c").as_deref(), Some("config.json"));
        assert_eq!(config("run -b b c").as_deref(), Some("b/config.json"));
        assert_eq!(config("run -b /b -f other.json c").as_deref(), Some("/b/other.json"));
        assert_eq!(config("run -b /b --config=/etc/c.json c").as_deref(), Some("/etc/c.json"));
        assert_eq!(config("run -b /b -- --bundle /c").as_deref(), Some("/b/config.json"));
    }

    #[test]
    fn values_of_global_options_are_no_subcommands() {
        for line in [
            "--root create state c",
            "--log run --root run state c",
            "--criu run list",
            "--cgroup-manager create list",
            "--rootless run ps c",
            "--version",
            "--debug delete create",
            "exec create run",
            "spec --bundle /b",
            "create --help",
            "run -h",
            "",
            "-",
            "--root",
        ] {
            assert_eq!(config(line), None, "{line}");
        }
        for line in [
            "--root state create -b /b c",
            "--log=x --debug --rootless true create -b /b c",
            "--cgroup-manager systemd --log-level debug run -b /b c",
            // Unknown options: with a value, without one, with one that is part of the word.
            "--platform systrap create -b /b c",
            "--strict --debug create -b /b c",
            "--platform=systrap create -b /b c",
            "-root /r -log /l create -b /b c",
        ] {
            assert_eq!(config(line).as_deref(), Some("/b/config.json"), "{line}");
        }
    }

    #[test]
    fn the_log_is_a_file_or_none() {
        assert_eq!(call("--log file:/l state c").log, Some("/l".into()));
        assert_eq!(call("--log journald:x state c").log, None);
        assert_eq!(call("--log= state c").log, None);
        assert!(!call("--log /l --log-format text state c").json);
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_a_path_like_any_other() {
        let bundle = OsStr::from_bytes(b"/\xff");
        let args = [OsString::from("create"), "--bundle".into(), bundle.into(), "c".into()];
        let config = Call::of(&args).config.expect("a bundle");
        assert_eq!(config.as_os_str().as_bytes(), b"/\xff/config.json");
    }
}
