//! Whether adieu is put before a container's program, where, and with which options. Pure.

use crate::cli::{Typed, settings};
use crate::programs;
use crate::runtime::config::{Config, MountPoint};
use std::ffi::OsString;
use std::fmt;

/// Switches adieu off (`false`) for a container.
pub(crate) const INJECT: &str = "io.adieu.inject";
/// The same in the container's environment, for engines that pass on no annotations.
const INJECT_VARIABLE: &str = "ADIEU_INJECT=";
/// Where adieu may be in the container. On /dev every engine mounts a fresh tmpfs, so that nothing
/// is left in the image's own files; it is also where Kubernetes has its `/dev/termination-log`.
const DESTINATIONS: [&str; 2] = ["/dev/adieu", "/.adieu"];

/// Why a container is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A pod's sandbox: the process that holds its namespaces.
    Sandbox,
    /// The container's own init, by its path.
    Init(String),
    /// It does not get a PID namespace of its own.
    SharedPid,
    /// The annotation or variable that excludes it.
    Excluded(&'static str),
    /// It is for another system than Linux, or for a virtual machine.
    NotLinux,
    /// No process is given, or one without arguments.
    NoProcess,
    /// This name is none of the specification's but for its case.
    OtherCase(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox => f.write_str("it is a pod's sandbox"),
            Self::Init(program) => write!(f, "{program} is an init"),
            Self::SharedPid => f.write_str("it has no PID namespace of its own"),
            Self::Excluded(by) => write!(f, "{by} excludes it"),
            Self::NotLinux => f.write_str("it is no plain Linux container"),
            Self::NoProcess => f.write_str("it has no process.args"),
            Self::OtherCase(name) => {
                write!(f, "it has '{name}', which some runtimes take for '{}'", name.to_lowercase())
            }
        }
    }
}

/// What is to be done with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing.
    LeaveAlone(Why),
    /// adieu is mounted at this path, and started with these options.
    Wrap(&'static str, Vec<String>),
}

/// Whether adieu is put before the container's program, where, and with which options.
///
/// # Errors
/// An annotation or a variable that makes no sense, with what to write instead.
pub(crate) fn decide(config: &Config<'_>) -> Result<Decision, String> {
    let leave_alone = |why| Ok(Decision::LeaveAlone(why));
    if let Some(name) = &config.other_case {
        return leave_alone(Why::OtherCase(name.clone()));
    }
    let Some((program, arguments)) = config.args.as_ref().and_then(|(_, args)| args.split_first())
    else {
        return leave_alone(Why::NoProcess);
    };
    if !config.plain_linux {
        return leave_alone(Why::NotLinux);
    }
    let types = ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"];
    let name = program.rsplit('/').next().unwrap_or_default();
    // Docker's sandboxes have no annotation, but this process.
    if types.iter().any(|key| config.annotation(key) == Some("sandbox"))
        || (name == "pause" && arguments.is_empty())
    {
        return leave_alone(Why::Sandbox);
    }
    if programs::is_init(name) {
        return leave_alone(Why::Init(program.clone()));
    }
    if config.pid_namespaces.is_empty() || config.pid_namespaces.iter().any(|path| !path.is_empty())
    {
        return leave_alone(Why::SharedPid);
    }
    if let Some(by) = excluded(config)? {
        return leave_alone(Why::Excluded(by));
    }
    let Some(destination) = destination(config) else {
        let paths = DESTINATIONS.join(" and ");
        return Err(format!(
            "it mounts something of its own over {paths}, where adieu would be; leave one of them \
             free, or set the annotation {INJECT} to 'false'"
        ));
    };
    Ok(Decision::Wrap(destination, options(config)?))
}

/// What excludes the container: the annotation, and where there is none the variable.
fn excluded(config: &Config<'_>) -> Result<Option<&'static str>, String> {
    let (by, value) = match (config.annotation(INJECT), config.variable(INJECT_VARIABLE)) {
        (Some(value), _) => ("the annotation io.adieu.inject", value),
        (None, Some(value)) if !value.is_empty() => ("ADIEU_INJECT in its environment", value),
        _ => return Ok(None),
    };
    match value {
        "false" | "False" | "no" | "0" => Ok(Some(by)),
        "true" | "True" | "yes" | "1" => Ok(None),
        _ => {
            Err(format!("{by} is '{value}'; write 'false' to leave the container alone, or 'true'"))
        }
    }
}

/// adieu's options out of the annotations, checked as adieu will check them.
fn options(config: &Config<'_>) -> Result<Vec<String>, String> {
    type Place = fn(&mut Typed) -> &mut Option<OsString>;
    let known: [(&str, &str, Place); 3] = [
        ("io.adieu.timeout", "--timeout", |typed| &mut typed.timeout),
        ("io.adieu.epilogue", "--epilogue", |typed| &mut typed.epilogue),
        ("io.adieu.deliver", "--deliver", |typed| &mut typed.deliver),
    ];
    let mut options = Vec::new();
    for (annotation, option, place) in known {
        let Some(value) = config.annotation(annotation) else { continue };
        let mut typed = Typed::default();
        *place(&mut typed) = Some(OsString::from(value));
        settings::resolve(&typed, |_| None).map_err(|e| {
            e.to_string().replacen(option, &format!("the annotation {annotation}"), 1)
        })?;
        options.push(format!("{option}={value}"));
    }
    Ok(options)
}

/// Where a file can be mounted without a trace on the node: on a fresh tmpfs, or in the
/// container's own root.
fn destination(config: &Config<'_>) -> Option<&'static str> {
    DESTINATIONS.into_iter().find(|candidate| {
        let candidate = parts(candidate);
        let above = |mount: &&MountPoint| candidate.starts_with(&parts(&mount.destination));
        // The last one hides those before it.
        match config.mount_points.iter().rfind(above) {
            None => candidate.len() == 1,
            Some(mount) => {
                mount.kind == "tmpfs"
                    && parts(&mount.destination).len() < candidate.len()
                    && !mount.options.iter().any(|option| option == "ro")
            }
        }
    })
}

/// The names in a path, `.` and `..` resolved. A path of the configuration begins at the
/// container's root.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub(crate) const RUNC_SPEC: &str = include_str!("../../tests/support/configs/runc-spec.json");

    pub(crate) fn decided(text: &str) -> Result<Decision, String> {
        decide(&Config::parse(text)?)
    }

    pub(crate) fn wrapped() -> Result<Decision, String> {
        Ok(Decision::Wrap("/dev/adieu", vec![]))
    }

    pub(crate) fn why(text: &str) -> Why {
        match decided(text) {
            Ok(Decision::LeaveAlone(why)) => why,
            other => panic!("not left alone: {other:?}"),
        }
    }

    /// `runc spec`'s configuration with one value replaced, by its path; `null` removes it.
    pub(crate) fn spec(path: &str, value: Value) -> String {
        let mut config: Value = serde_json::from_str(RUNC_SPEC).expect("JSON");
        let (parent, key) = path.rsplit_once('/').expect("a path");
        let parent = config.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        match value {
            Value::Null => drop(parent.remove(key)),
            value => drop(parent.insert(key.to_owned(), value)),
        }
        config.to_string()
    }

    #[test]
    fn a_container_that_brings_an_init_is_left_alone() {
        for program in [
            "/sbin/docker-init",
            "/run/podman-init",
            "/dev/init",
            "tini",
            "/usr/bin/tini-static",
            "/usr/bin/dumb-init",
            "catatonit",
            "/init",
            "/sbin/init",
            "/lib/systemd/systemd",
            "/bin/s6-svscan",
            "/sbin/my_init",
            "/adieu",
            "/.adieu",
        ] {
            assert_eq!(
                why(&spec("/process/args", json!([program, "--", "x"]))),
                Why::Init(program.into())
            );
        }
        for program in ["/app/init.sh", "/tini/server", "./adieu.sh", "pause.sh", "sh"] {
            assert_eq!(decided(&spec("/process/args", json!([program]))), wrapped(), "{program}");
        }
    }

    #[test]
    fn a_sandbox_is_known_by_its_annotation_and_by_its_process() {
        for key in ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"] {
            assert_eq!(why(&spec("/annotations", json!({ key: "sandbox" }))), Why::Sandbox);
            assert_eq!(decided(&spec("/annotations", json!({ key: "container" }))), wrapped());
        }
        assert_eq!(why(&spec("/process/args", json!(["/pause"]))), Why::Sandbox);
        assert_eq!(decided(&spec("/process/args", json!(["/pause", "10"]))), wrapped());
    }

    #[test]
    fn without_a_pid_namespace_of_its_own_it_is_left_alone() {
        let namespaces = |list| spec("/linux/namespaces", list);
        assert_eq!(why(&namespaces(json!([]))), Why::SharedPid);
        assert_eq!(why(&namespaces(json!([{"type": "mount"}]))), Why::SharedPid);
        assert_eq!(
            why(&namespaces(json!([{"type": "pid", "path": "/proc/7/ns/pid"}]))),
            Why::SharedPid
        );
        assert_eq!(decided(&namespaces(json!([{"type": "pid", "path": ""}]))), wrapped());
    }

    #[test]
    fn what_is_no_linux_process_is_left_alone() {
        assert_eq!(why(&spec("/linux", Value::Null)), Why::NotLinux);
        assert_eq!(why(&spec("/windows", json!({}))), Why::NotLinux);
        assert_eq!(why(&spec("/vm", json!({}))), Why::NotLinux);
        assert_eq!(why(&spec("/process", Value::Null)), Why::NoProcess);
        assert_eq!(why(&spec("/process/args", Value::Null)), Why::NoProcess);
        assert_eq!(why(&spec("/process/args", json!([]))), Why::NoProcess);
        assert_eq!(why(r#"{"process":{"args":null},"linux":{}}"#), Why::NoProcess);
        assert_eq!(why(r#"{"process":null,"linux":null,"mounts":null}"#), Why::NoProcess);
    }

    #[test]
    fn what_a_runtime_may_read_in_another_case_is_left_alone() {
        let other = |name: &str| Why::OtherCase(name.to_owned());
        assert_eq!(why(&spec("/Mounts", json!([]))), other("Mounts"));
        assert_eq!(why(&spec("/process/Env", json!(["ADIEU_INJECT=false"]))), other("Env"));
        assert_eq!(why(&spec("/linux/nameSpaces", json!([]))), other("nameSpaces"));
        let mount = json!([{ "Destination": "/dev", "type": "bind", "source": "/dev" }]);
        assert_eq!(why(&spec("/mounts", mount)), other("Destination"));
        assert_eq!(decided(&spec("/annotations", json!({ "Mounts": "x" }))), wrapped());
    }

    #[test]
    fn the_annotation_and_the_variable_exclude_and_the_annotation_wins() {
        let both = |annotation: &str, variables: &[&str]| {
            let mut config: Value = serde_json::from_str(RUNC_SPEC).expect("JSON");
            config["annotations"] = json!({ INJECT: annotation });
            config["process"]["env"] = json!(variables);
            decided(&config.to_string())
        };
        let excluded = |by| Ok(Decision::LeaveAlone(Why::Excluded(by)));
        let (annotation, variable) =
            ("the annotation io.adieu.inject", "ADIEU_INJECT in its environment");
        assert_eq!(both("false", &[]), excluded(annotation));
        assert_eq!(both("", &["ADIEU_INJECT=false"]), excluded(variable));
        assert_eq!(both("", &["ADIEU_INJECT=true", "ADIEU_INJECT=0"]), excluded(variable));
        for value in ["true", "True", "yes", "1"] {
            assert_eq!(both(value, &["ADIEU_INJECT=false"]), wrapped(), "{value}");
        }
        for value in ["False", "no", "0"] {
            assert_eq!(both(value, &[]), excluded(annotation), "{value}");
        }
        assert_eq!(both("false", &["ADIEU_INJECT=true"]), excluded(annotation));
        assert_eq!(both("", &["ADIEU_INJECT=", "NOT_ADIEU_INJECT=false"]), wrapped());
        for refused in [both("off", &[]), both("", &["ADIEU_INJECT=off"])] {
            let text = refused.expect_err("it is neither");
            assert!(text.contains("'off'") && text.contains("'false'"), "{text}");
        }
    }

    #[test]
    fn an_annotation_that_adieu_would_refuse_is_named() {
        for (annotation, value) in [
            ("io.adieu.timeout", "soon"),
            ("io.adieu.epilogue", "-1s"),
            ("io.adieu.deliver", "all"),
        ] {
            let text = decided(&spec("/annotations", json!({ annotation: value })))
                .expect_err("a bad value");
            assert!(
                text.starts_with(&format!("the annotation {annotation} '{value}': ")),
                "{text}"
            );
            assert!(text.contains("; write for example '"), "{text}");
        }
    }

    #[test]
    fn the_binary_never_goes_into_a_directory_of_the_node() {
        let mounts = |list: Value| decided(&spec("/mounts", list));
        let tmpfs =
            json!({"destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755"]});
        let dev =
            json!({"destination": "/dev/", "type": "bind", "source": "/dev", "options": ["rbind"]});
        let root = Ok(Decision::Wrap("/.adieu", vec![]));
        assert_eq!(mounts(json!([tmpfs])), wrapped());
        assert_eq!(mounts(json!([{"destination": "dev", "type": "tmpfs"}])), wrapped());
        assert_eq!(mounts(json!([dev])), root);
        assert_eq!(mounts(json!([tmpfs, dev])), root);
        assert_eq!(mounts(json!([dev, tmpfs])), wrapped());
        assert_eq!(
            mounts(json!([{"destination": "/dev", "type": "tmpfs", "options": ["ro"]}])),
            root
        );
        assert_eq!(
            mounts(json!([tmpfs, {"destination": "/dev/../dev/adieu", "type": "bind"}])),
            root
        );
        assert_eq!(
            mounts(json!([tmpfs, {"destination": "/dev/adieu/x", "type": "bind"}])),
            wrapped()
        );
        assert_eq!(decided(&spec("/mounts", Value::Null)), root);
        let full = mounts(json!([dev, {"destination": "/.adieu", "type": "bind"}]));
        let text = full.expect_err("no place is left");
        assert!(text.contains("/dev/adieu and /.adieu") && text.contains(INJECT), "{text}");
    }
}
