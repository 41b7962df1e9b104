//! The decision about a bundle's `config.json` ([`decide`]) and the change ([`edit`]): pure, over
//! its text.
//!
//! The text is changed in two places and never written anew, so whatever else it holds keeps its
//! order, its numbers and its white space. Names are those of the OCI runtime specification,
//! `config.md` and `config-linux.md`.

use crate::cli::Typed;
use crate::cli::settings;
use crate::programs;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::ops::Range;

/// Switches adieu off (`false`) for a container.
pub(crate) const INJECT: &str = "io.adieu.inject";
/// The same in the container's environment, for engines that pass on no annotations.
const INJECT_VARIABLE: &str = "ADIEU_INJECT=";
/// Where adieu may be in the container. On /dev every engine mounts a fresh tmpfs, so that nothing
/// is left in the image's own files; it is also where Kubernetes has its `/dev/termination-log`.
const DESTINATIONS: [&str; 2] = ["/dev/adieu", "/.adieu"];

/// The names that count. runc takes them in any case, as Go does.
const NAMES: [&str; 13] = [
    "process",
    "args",
    "env",
    "annotations",
    "mounts",
    "destination",
    "type",
    "options",
    "linux",
    "namespaces",
    "path",
    "windows",
    "vm",
];

type Object<'a> = BTreeMap<String, &'a RawValue>;

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

/// What counts of a configuration, and where in its text it is.
#[derive(Debug)]
pub(crate) struct Config<'a> {
    text: &'a str,
    /// The whole object, without white space around it.
    whole: Range<usize>,
    args: Option<(Range<usize>, Vec<String>)>,
    /// `null` counts as a list that is not there.
    mounts: Option<Range<usize>>,
    /// Destination, type and options.
    mount_points: Vec<(String, String, Vec<String>)>,
    env: Vec<String>,
    annotations: BTreeMap<String, String>,
    /// The paths of the namespaces of type `pid`; an empty one is a new namespace.
    pid_namespaces: Vec<String>,
    plain_linux: bool,
    /// A name in another case than the specification's.
    other_case: Option<String>,
}

impl<'a> Config<'a> {
    /// Reads what counts.
    ///
    /// # Errors
    /// What is no JSON, or has another type than the specification gives it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let whole: &RawValue =
            serde_json::from_str(text).map_err(|e| format!("it is no JSON: {e}"))?;
        let at = |part: &RawValue| {
            // A `RawValue` that was borrowed is a part of the text.
            let start = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            start..start + part.get().len()
        };
        let strings = "a list of strings";
        let top = object("the configuration", Some(&whole))?;
        let process = object("process", top.get("process"))?;
        let linux = object("linux", top.get("linux"))?;
        let args: Option<Vec<String>> =
            read("process.args", process.get("args"), strings, serde_json::from_str)?;
        let args_at = process.get("args").map(|args| at(args));
        let mounts: Option<Vec<Value>> =
            read("mounts", top.get("mounts"), "a list", serde_json::from_str)?;
        let namespaces: Option<Vec<Value>> =
            read("linux.namespaces", linux.get("namespaces"), "a list", serde_json::from_str)?;
        let env = read("process.env", process.get("env"), strings, serde_json::from_str)?;
        let annotations = read(
            "annotations",
            top.get("annotations"),
            "an object of strings",
            serde_json::from_str,
        )?;
        let parts = mounts.iter().chain(&namespaces).flatten().filter_map(Value::as_object);
        let mut all = [&top, &process, &linux].into_iter().flat_map(BTreeMap::keys);
        let mut all_of_parts = parts.flat_map(serde_json::Map::keys);
        let other_case = all
            .find(|name| is_other_case(name))
            .or_else(|| all_of_parts.find(|name| is_other_case(name)));
        let other_case = other_case.cloned();
        let is_pid = |namespace: &&Value| text_of(namespace, "type") == "pid";
        Ok(Self {
            text,
            whole: at(whole),
            args: args_at.zip(args),
            mounts: top.get("mounts").map(|mounts| at(mounts)),
            mount_points: mounts.unwrap_or_default().iter().map(mount_point).collect(),
            env: env.unwrap_or_default(),
            annotations: annotations.unwrap_or_default(),
            pid_namespaces: namespaces
                .unwrap_or_default()
                .iter()
                .filter(is_pid)
                .map(|namespace| text_of(namespace, "path"))
                .collect(),
            plain_linux: is_there(&top, "linux")
                && !is_there(&top, "windows")
                && !is_there(&top, "vm"),
            other_case,
        })
    }

    /// The value of a variable in `process.env`; the last one counts. `name` has the `=`.
    fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find_map(|entry| entry.strip_prefix(name))
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What excludes the container: the annotation, and where there is none the variable.
    fn excluded(&self) -> Result<Option<&'static str>, String> {
        let (by, value) = match (self.annotation(INJECT), self.variable(INJECT_VARIABLE)) {
            (Some(value), _) => ("the annotation io.adieu.inject", value),
            (None, Some(value)) if !value.is_empty() => ("ADIEU_INJECT in its environment", value),
            _ => return Ok(None),
        };
        match value {
            "false" | "False" | "no" | "0" => Ok(Some(by)),
            "true" | "True" | "yes" | "1" => Ok(None),
            _ => Err(format!(
                "{by} is '{value}'; write 'false' to leave the container alone, or 'true'"
            )),
        }
    }

    /// adieu's options out of the annotations, checked as adieu will check them.
    fn options(&self) -> Result<Vec<String>, String> {
        type Place = fn(&mut Typed) -> &mut Option<OsString>;
        let known: [(&str, &str, Place); 3] = [
            ("io.adieu.timeout", "--timeout", |typed| &mut typed.timeout),
            ("io.adieu.epilogue", "--epilogue", |typed| &mut typed.epilogue),
            ("io.adieu.deliver", "--deliver", |typed| &mut typed.deliver),
        ];
        let mut options = Vec::new();
        for (annotation, option, place) in known {
            let Some(value) = self.annotation(annotation) else { continue };
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
    fn destination(&self) -> Option<&'static str> {
        DESTINATIONS.into_iter().find(|candidate| {
            let candidate = parts(candidate);
            let above =
                |(path, ..): &&(String, String, Vec<String>)| candidate.starts_with(&parts(path));
            // The last one hides those before it.
            match self.mount_points.iter().rfind(above) {
                None => candidate.len() == 1,
                Some((path, kind, options)) => {
                    kind == "tmpfs"
                        && parts(path).len() < candidate.len()
                        && !options.iter().any(|option| option == "ro")
                }
            }
        })
    }
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
    if let Some(by) = config.excluded()? {
        return leave_alone(Why::Excluded(by));
    }
    let Some(destination) = config.destination() else {
        let paths = DESTINATIONS.join(" and ");
        return Err(format!(
            "it mounts something of its own over {paths}, where adieu would be; leave one of them free, or set the \
             annotation {INJECT} to 'false'"
        ));
    };
    Ok(Decision::Wrap(destination, config.options()?))
}

/// The text with adieu, the file `source` of the node, mounted at `destination` and put before the
/// program.
pub(crate) fn edit(
    config: &Config<'_>,
    destination: &str,
    options: &[String],
    source: &str,
) -> String {
    let mount = json!({
        "destination": destination,
        "type": "bind",
        "source": source,
        "options": ["bind", "rprivate", "ro", "nosuid", "nodev"],
    });
    let mut insertions: Vec<(Range<usize>, String)> = Vec::new();
    match (&config.mounts, config.mount_points.is_empty()) {
        // After all others, so that none of them hides it.
        (Some(list), false) => {
            let end = list.end.saturating_sub(1);
            insertions.push((end..end, format!(",{mount}")));
        }
        (Some(list), true) => insertions.push((list.clone(), format!("[{mount}]"))),
        (None, _) => {
            let start = config.whole.start + 1;
            insertions.push((start..start, format!("\"mounts\":[{mount}],")));
        }
    }
    if let Some((list, _)) = &config.args {
        let start = list.start + 1;
        let words =
            [destination].into_iter().chain(options.iter().map(String::as_str)).chain(["--"]);
        let words: String = words.map(|word| format!("{},", Value::from(word))).collect();
        insertions.push((start..start, words));
    }
    insertions.sort_by_key(|(range, _)| range.start);
    let mut edited = String::with_capacity(config.text.len() + 512);
    let mut done = 0;
    for (range, text) in &insertions {
        edited.push_str(config.text.get(done..range.start).unwrap_or_default());
        edited.push_str(text);
        done = range.end;
    }
    edited.push_str(config.text.get(done..).unwrap_or_default());
    edited
}

/// A value of the specification's type. What is missing or `null` is `None`, as Go has it.
fn read<'a, T>(
    name: &str,
    value: Option<&&'a RawValue>,
    kind: &str,
    parse: impl Fn(&'a str) -> serde_json::Result<T>,
) -> Result<Option<T>, String> {
    let value = value.map(|value| value.get()).filter(|text| *text != "null");
    value.map(parse).transpose().map_err(|e| format!("{name} is not {kind}: {e}"))
}

fn object<'a>(name: &str, value: Option<&&'a RawValue>) -> Result<Object<'a>, String> {
    Ok(read(name, value, "an object", serde_json::from_str)?.unwrap_or_default())
}

fn is_other_case(name: &str) -> bool {
    NAMES.iter().any(|known| name != *known && name.eq_ignore_ascii_case(known))
}

fn is_there(object: &Object<'_>, key: &str) -> bool {
    object.get(key).is_some_and(|value| value.get() != "null")
}

fn text_of(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn mount_point(mount: &Value) -> (String, String, Vec<String>) {
    let options = mount.get("options").and_then(Value::as_array).into_iter().flatten();
    let options = options.filter_map(Value::as_str).map(str::to_owned).collect();
    (text_of(mount, "destination"), text_of(mount, "type"), options)
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RUNC_SPEC: &str = include_str!("../../tests/support/configs/runc-spec.json");
    const DOCKER: &str = include_str!("../../tests/support/configs/docker.json");
    const CONTAINERD: &str = include_str!("../../tests/support/configs/containerd.json");
    const SANDBOX: &str = include_str!("../../tests/support/configs/containerd-sandbox.json");
    const PODMAN: &str = include_str!("../../tests/support/configs/podman.json");
    const SOURCE: &str = "/opt/adieu/adieu";

    fn decided(text: &str) -> Result<Decision, String> {
        decide(&Config::parse(text)?)
    }

    fn wrapped() -> Result<Decision, String> {
        Ok(Decision::Wrap("/dev/adieu", vec![]))
    }

    fn why(text: &str) -> Why {
        match decided(text) {
            Ok(Decision::LeaveAlone(why)) => why,
            other => panic!("not left alone: {other:?}"),
        }
    }

    /// The configuration with adieu in it.
    fn edited(text: &str) -> String {
        let config = Config::parse(text).expect("a configuration");
        let Ok(Decision::Wrap(destination, options)) = decide(&config) else {
            panic!("not wrapped: {text}")
        };
        edit(&config, destination, &options, SOURCE)
    }

    /// `runc spec`'s configuration with one value replaced, by its path; `null` removes it.
    fn spec(path: &str, value: Value) -> String {
        let mut config: Value = serde_json::from_str(RUNC_SPEC).expect("JSON");
        let (parent, key) = path.rsplit_once('/').expect("a path");
        let parent = config.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        match value {
            Value::Null => drop(parent.remove(key)),
            value => drop(parent.insert(key.to_owned(), value)),
        }
        config.to_string()
    }

    /// What [`edit`] has to do, done to the parsed value.
    fn expected(text: &str, destination: &str, options: &[String]) -> Value {
        let mut config: Value = serde_json::from_str(text).expect("JSON");
        let args = config["process"]["args"].as_array_mut().expect("arguments");
        let words =
            [destination].into_iter().chain(options.iter().map(String::as_str)).chain(["--"]);
        args.splice(..0, words.map(Value::from));
        if config["mounts"].is_null() {
            config["mounts"] = json!([]);
        }
        config["mounts"].as_array_mut().expect("a list").push(json!({
            "type": "bind", "source": SOURCE, "destination": destination,
            "options": ["bind", "rprivate", "ro", "nosuid", "nodev"],
        }));
        config
    }

    #[test]
    fn the_configurations_of_engines_are_wrapped_and_their_sandboxes_are_not() {
        for text in [RUNC_SPEC, DOCKER, CONTAINERD, PODMAN] {
            assert_eq!(decided(text), wrapped(), "{text}");
            let edited = edited(text);
            let value: Value = serde_json::from_str(&edited).expect("JSON");
            assert_eq!(value, expected(text, "/dev/adieu", &[]));
            // A second time nothing is done.
            assert_eq!(why(&edited), Why::Init("/dev/adieu".into()));
        }
        assert_eq!(why(SANDBOX), Why::Sandbox);
    }

    #[test]
    fn only_two_places_of_the_text_change() {
        for text in [RUNC_SPEC, DOCKER, CONTAINERD, PODMAN] {
            let mut edited = edited(text);
            let start = edited.find(r#"{"destination":"/dev/adieu""#).expect("the mount");
            let end = edited[start..].find('}').expect("its end") + start + 1;
            edited.replace_range(start - 1..end, "");
            assert_eq!(edited.replacen(r#""/dev/adieu","--","#, "", 1), text);
        }
    }

    #[test]
    fn numbers_white_space_and_the_unknown_are_as_they_were() {
        let text = " {\"x\": 1e400, \"y\":[ 18446744073709551616,-0.0 ],\n\"process\":{\"args\":[ \"a\\u0041\" ]\t},\
                    \"linux\":{\"namespaces\":[{\"type\":\"pid\"}]} }\n";
        let edited = edited(text);
        let rest = edited.replacen(r#""/.adieu","--","#, "", 1);
        let mounts = r#""mounts":[{"destination":"/.adieu","options":["bind","rprivate","ro","nosuid","nodev"],"#;
        let mounts = format!("{mounts}\"source\":\"{SOURCE}\",\"type\":\"bind\"}}],");
        assert_eq!(rest.replacen(&mounts, "", 1), text);
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
    fn annotations_become_options_and_the_environment_stays_as_it_is() {
        let annotations =
            json!({ "io.adieu.timeout": "1m 30s", "io.adieu.deliver": "group", "io.adieu.x": "y" });
        let text = spec("/annotations", annotations);
        let options = ["--timeout=1m 30s".to_owned(), "--deliver=group".to_owned()];
        let value: Value = serde_json::from_str(&edited(&text)).expect("JSON");
        assert_eq!(value, expected(&text, "/dev/adieu", &options));
        assert_eq!(decided(&spec("/annotations", json!({ "io.adieu.timeout": "" }))), wrapped());
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

    #[test]
    fn a_broken_configuration_says_where() {
        let all = [
            ("", "it is no JSON"),
            ("{", "line 1"),
            ("[]", "the configuration is not an object"),
            (r#"{"process":[]}"#, "process is not an object"),
            (r#"{"process":{"args":"sh"}}"#, "process.args is not a list of strings"),
            (r#"{"process":{"args":["sh",1]}}"#, "process.args is not a list of strings"),
            (r#"{"mounts":{}}"#, "mounts is not a list"),
            (r#"{"annotations":{"a":1}}"#, "annotations is not an object of strings"),
            (r#"{"linux":{"namespaces":{}}}"#, "linux.namespaces is not a list"),
            (r#"{"process":{"env":[1]}}"#, "process.env is not a list of strings"),
        ];
        for (text, complaint) in all {
            let said = decided(text).expect_err("broken");
            assert!(said.contains(complaint), "{text}: {said}");
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"]{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(300)
        })]

        #[test]
        fn what_is_not_ours_is_unchanged(
            args in prop::collection::vec(".{0,8}", 1..5),
            more in prop::collection::vec(("[b-z]{1,8}", json_value()), 0..5),
            mounts in prop::option::of(prop::collection::vec(json_value(), 0..4)),
            pretty in any::<bool>(),
        ) {
            let mut config = json!({
                "process": { "args": args, "cwd": "/" },
                "linux": { "namespaces": [{ "type": "pid" }] },
            });
            let object = config.as_object_mut().expect("an object");
            let known = ["process", "linux", "mounts", "annotations", "vm", "windows"];
            object.extend(more.into_iter().filter(|(key, _)| !known.contains(&&**key)));
            let listed = mounts.as_ref().map(Vec::len);
            object.extend(mounts.map(|mounts| ("mounts".to_owned(), Value::from(mounts))));
            let text = if pretty { format!("\n{config:#}\n") } else { config.to_string() };
            let Ok(Decision::Wrap(destination, options)) = decided(&text) else {
                // The made-up program is an init.
                return Ok(());
            };
            let parsed = Config::parse(&text).expect("a configuration");
            let edited = edit(&parsed, destination, &options, SOURCE);
            let value: Value = serde_json::from_str(&edited).expect("JSON");
            prop_assert_eq!(value, expected(&text, destination, &options));
            // Without the two insertions it is the text that it was.
            let mount = expected(&text, destination, &options)["mounts"].as_array().and_then(|all| all.last().cloned());
            let mount = mount.expect("the mount").to_string();
            let rest = edited.replacen(&format!("{},\"--\",", Value::from(destination)), "", 1);
            let place = match listed {
                None => format!("\"mounts\":[{mount}],"),
                Some(0) => mount,
                Some(_) => format!(",{mount}"),
            };
            prop_assert_eq!(rest.replacen(&place, "", 1), text);
        }
    }
}
