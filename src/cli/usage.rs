//! What is said about a command line that clap refuses: in one sentence what was wrong, and what to
//! write instead.

use crate::error::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

/// An option of another init that adieu does not have.
pub(super) struct Foreign {
    /// Its name in the definition.
    pub(super) id: &'static str,
    /// As it is typed.
    pub(super) name: &'static str,
    /// What to do instead.
    pub(super) hint: &'static str,
}

impl Foreign {
    /// For the definition: read, but not in the help.
    pub(super) fn hidden_flag(&self) -> Arg {
        let flag = Arg::new(self.id).action(ArgAction::SetTrue).hide(true);
        match (self.name.strip_prefix("--"), self.name.chars().nth(1)) {
            (None, Some(letter)) => flag.short(letter),
            (long, _) => flag.long(long.unwrap_or(self.name)),
        }
    }

    /// The error for whoever uses it.
    pub(super) fn refuse(&self) -> Error {
        let Self { name, hint, .. } = self;
        Error::Usage(format!("there is no option '{name}': {hint} (adieu --help)"))
    }
}

/// One sentence about what clap found. `command` is the definition that it read with, `help` the
/// command line that lists the options.
pub(crate) fn explain(error: &clap::Error, command: &Command, help: &str) -> Error {
    let option = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let given = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let name = name_of(&option);
    Error::Usage(match error.kind() {
        // `-v=2`
        ErrorKind::UnknownArgument if name == "-" => {
            format!("the option before '=' takes no value; write it alone ({help})")
        }
        ErrorKind::UnknownArgument => {
            let program = command.get_name();
            let hint = match text(error, ContextKind::SuggestedArg) {
                Some(nearest) => format!("; did you mean '{nearest}'?"),
                None if command.get_positionals().next().is_none() => String::new(),
                None => format!("; a program of that name takes -- before it: {program} -- {name}"),
            };
            format!("there is no option '{name}'{hint} ({help} lists them all)")
        }
        ErrorKind::InvalidValue | ErrorKind::NoEquals => {
            let option = full_form(command, name).unwrap_or(option);
            format!("the value of {option} is missing ({help})")
        }
        ErrorKind::TooManyValues => format!("{name} takes no value (got '{given}') ({help})"),
        ErrorKind::MissingRequiredArgument => {
            "--signal, --format and --check belong to --explain; write for example adieu \
             --explain 1 --format json"
                .to_owned()
        }
        _ => {
            let whole = error.to_string();
            let first = whole.lines().next().unwrap_or_default();
            format!("{} ({help})", first.strip_prefix("error: ").unwrap_or(first))
        }
    })
}

/// `--timeout` of `--timeout <TIME>` or `--timeout=5`.
fn name_of(option: &str) -> &str {
    option.split([' ', '=', '[']).next().unwrap_or_default()
}

/// `-t, --timeout <TIME>`
fn full_form(command: &Command, name: &str) -> Option<String> {
    let arg = command.get_arguments().find(|arg| name_of(&arg.to_string()) == name)?;
    Some(match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(_)) => format!("-{short}, {arg}"),
        _ => arg.to_string(),
    })
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}
