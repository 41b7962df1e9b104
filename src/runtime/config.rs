//! What counts of a bundle's `config.json`, and where in its text it stands. Pure.
//!
//! Names are those of the OCI runtime specification, `config.md` and `config-linux.md`.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

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

/// An entry of `mounts`.
#[derive(Debug)]
pub(super) struct MountPoint {
    pub(super) destination: String,
    /// Its type.
    pub(super) kind: String,
    pub(super) options: Vec<String>,
}

/// What counts of a configuration, and where in its text it is.
#[derive(Debug)]
pub(crate) struct Config<'a> {
    pub(super) text: &'a str,
    /// The whole object, without white space around it.
    pub(super) whole: Range<usize>,
    /// `process.args`: where it stands, and the words.
    pub(super) args: Option<(Range<usize>, Vec<String>)>,
    /// Where `mounts` stands. `null` counts as a list that is not there.
    pub(super) mounts: Option<Range<usize>>,
    pub(super) mount_points: Vec<MountPoint>,
    /// `process.env`
    pub(super) env: Vec<String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// The paths of the namespaces of type `pid`; an empty one is a new namespace.
    pub(super) pid_namespaces: Vec<String>,
    /// It is for Linux, and for no virtual machine.
    pub(super) plain_linux: bool,
    /// A name in another case than the specification's.
    pub(super) other_case: Option<String>,
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
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find_map(|entry| entry.strip_prefix(name))
    }

    /// The value of an annotation; an empty one counts as none.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
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

fn mount_point(mount: &Value) -> MountPoint {
    let options = mount.get("options").and_then(Value::as_array).into_iter().flatten();
    let options = options.filter_map(Value::as_str).map(str::to_owned).collect();
    MountPoint { destination: text_of(mount, "destination"), kind: text_of(mount, "type"), options }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let said = Config::parse(text).expect_err("broken");
            assert!(said.contains(complaint), "{text}: {said}");
        }
    }
}
