//! JSON to be written: what the report and `--explain --format json` are made of.
//!
//! Not serde_json's own value: its maps and numbers of every kind are a tenth of what adieu itself
//! is long.

use std::fmt;

/// A value; a number is a whole one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Self>),
    /// Fields in the order in which they are written.
    Object(Vec<(&'static str, Self)>),
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Json {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

impl FromIterator<Self> for Json {
    fn from_iter<I: IntoIterator<Item = Self>>(values: I) -> Self {
        Self::List(values.into_iter().collect())
    }
}

/// In one line; with `{:#}` a line for each value.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, f.alternate().then_some(0))
    }
}

impl Json {
    /// At this depth, where each value has a line.
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: Option<usize>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?),
            Self::List(values) => {
                write_all(f, depth, ["[", "]"], &mut values.iter().map(|value| (None, value)))
            }
            Self::Object(fields) => write_all(
                f,
                depth,
                ["{", "}"],
                &mut fields.iter().map(|(name, value)| (Some(*name), value)),
            ),
        }
    }
}

fn write_all<'a>(
    f: &mut fmt::Formatter<'_>,
    depth: Option<usize>,
    [open, close]: [&str; 2],
    values: &mut dyn Iterator<Item = (Option<&'a str>, &'a Json)>,
) -> fmt::Result {
    let inner = depth.map(|depth| depth + 1);
    let mut before = open;
    for (name, value) in values {
        f.write_str(before)?;
        new_line(f, inner)?;
        if let Some(name) = name {
            write!(f, "\"{name}\":{}", if depth.is_some() { " " } else { "" })?;
        }
        value.write(f, inner)?;
        before = ",";
    }
    if before == open {
        f.write_str(open)?
    } else {
        new_line(f, depth)?
    }
    f.write_str(close)
}

fn new_line(f: &mut fmt::Formatter<'_>, depth: Option<usize>) -> fmt::Result {
    depth.map_or(Ok(()), |depth| write!(f, "\n{:1$}", "", 2 * depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_serde_json_writes_it() {
        let value = Json::Object(vec![
            ("empty", [].into_iter().collect()),
            ("list", [1, -2].into_iter().map(Json::from).collect()),
            ("none", None::<bool>.into()),
            ("object", Json::Object(vec![("a", true.into()), ("b", Json::Object(vec![]))])),
            ("text", "\" \\ \n \u{1} ä \u{2028}".into()),
        ]);
        let parsed: serde_json::Value = serde_json::from_str(&value.to_string()).expect("JSON");
        assert_eq!(value.to_string(), parsed.to_string());
        assert_eq!(format!("{value:#}"), format!("{parsed:#}"));
    }
}
