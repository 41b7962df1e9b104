//! The changed text of a bundle's `config.json`. Pure.
//!
//! The text is changed in two places and never written anew, so whatever else it holds keeps its
//! order, its numbers and its white space.

use crate::runtime::config::Config;
use serde_json::{Value, json};
use std::ops::Range;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::decide::tests::{RUNC_SPEC, decided, spec, why, wrapped};
    use crate::runtime::decide::{Decision, Why, decide};
    use proptest::prelude::*;

    const DOCKER: &str = include_str!("../../tests/support/configs/docker.json");
    const CONTAINERD: &str = include_str!("../../tests/support/configs/containerd.json");
    const SANDBOX: &str = include_str!("../../tests/support/configs/containerd-sandbox.json");
    const PODMAN: &str = include_str!("../../tests/support/configs/podman.json");
    const SOURCE: &str = "/opt/adieu/adieu";

    /// The configuration with adieu in it.
    fn edited(text: &str) -> String {
        let config = Config::parse(text).expect("a configuration");
        let Ok(Decision::Wrap(destination, options)) = decide(&config) else {
            panic!("not wrapped: {text}")
        };
        edit(&config, destination, &options, SOURCE)
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
        let text = " {\"x\": 1e400, \"y\":[ 18446744073709551616,-0.0 ],\n\
                    \"process\":{\"args\":[ \"a\\u0041\" ]\t},\
                    \"linux\":{\"namespaces\":[{\"type\":\"pid\"}]} }\n";
        let edited = edited(text);
        let rest = edited.replacen(r#""/.adieu","--","#, "", 1);
        let options = r#"["bind","rprivate","ro","nosuid","nodev"]"#;
        let mounts = format!("\"mounts\":[{{\"destination\":\"/.adieu\",\"options\":{options},");
        let mounts = format!("{mounts}\"source\":\"{SOURCE}\",\"type\":\"bind\"}}],");
        assert_eq!(rest.replacen(&mounts, "", 1), text);
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
            let wanted = expected(&text, destination, &options);
            let mount = wanted["mounts"].as_array().and_then(|all| all.last().cloned());
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
