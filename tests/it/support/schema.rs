//! Documents against the JSON Schemas of `docs/`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{need, page, repository};

/// Checks a document against `docs/NAME.schema.json`, by Python's jsonschema (Debian:
/// `python3-jsonschema`).
pub(crate) fn validate(name: &str, document: &Value) {
    const SCRIPT: &str = "import json, sys
try:
    from jsonschema import Draft202012Validator as Validator
except ImportError:
    sys.exit(77)
schema, document = json.load(open(sys.argv[1])), json.load(sys.stdin)
Validator.check_schema(schema)
for e in Validator(schema).iter_errors(document):
    print('/'.join(map(str, e.absolute_path)), e.message)
";
    // Where Debian's packages are, if there is a choice.
    let debian = Path::new("/usr/bin/python3");
    let Some(python) = debian.exists().then(|| debian.into()).or_else(|| page::find("python3"))
    else {
        return need::missing_package_in_part("python3-jsonschema");
    };
    let schema = repository().join(format!("docs/{name}.schema.json"));
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(schema)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(77) {
        return need::missing_package_in_part("python3-jsonschema");
    }
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && found.is_empty(), "{found}{document:#}");
}

/// `docs/NAME.schema.json` is of version 2, describes every property, times with their unit, and
/// allows no other.
pub(crate) fn assert_strict(name: &str) {
    let file = repository().join(format!("docs/{name}.schema.json"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["schema"]["const"], 2);
    strict("", &schema);
}

fn strict(path: &str, schema: &Value) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        assert_eq!(schema["additionalProperties"], false, "{path}");
        for (name, property) in properties {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.len() > 10, "{path}/{name} is not described");
            assert!(
                !name.ends_with("_ms") || description.contains("milliseconds"),
                "{path}/{name}: its unit"
            );
        }
    }
    match schema {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, it)| strict(&format!("{path}/{key}"), it))
        }
        Value::Array(items) => items.iter().for_each(|it| strict(path, it)),
        _ => {}
    }
}
