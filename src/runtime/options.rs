//! adieu-runtime's own options, which precede the runtime's arguments.

use crate::cli::usage;
use crate::error::Error;
use clap::builder::{OsStringValueParser, ValueHint};
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// What each of the own options begins with; no runtime has such options.
const PREFIX: &[u8] = b"--adieu-";

const ABOUT: &str =
    "adieu-runtime puts adieu into containers and leaves the rest to the real OCI runtime.";

const USAGE: &str = "adieu-runtime [OPTIONS] RUNTIME-ARGUMENTS...";

const AFTER_HELP: &str = "\
An engine calls it in the place of runc, with runc's arguments. Its own options come before those.
In brackets: the default, then the environment variable of the engine with the same meaning.

Annotations: io.adieu.inject=false, io.adieu.timeout, io.adieu.epilogue, io.adieu.deliver.
In a container's environment: ADIEU_INJECT=false, ADIEU_TIMEOUT and the other variables of adieu.";

/// What was typed, nothing checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// `--adieu-runtime`
    pub(super) runtime: Option<OsString>,
    /// `--adieu-binary`
    pub(super) binary: Option<OsString>,
    /// `--adieu-check`
    pub(super) check: Option<OsString>,
    /// `--adieu-help`
    pub(super) help: bool,
}

/// The own options of `adieu-runtime`.
pub fn command() -> Command {
    let value = |id: &'static str, name: &'static str, help: &'static str| {
        Arg::new(id)
            .long(id)
            .value_name(name)
            .require_equals(true)
            .value_parser(OsStringValueParser::new())
            .help(help)
    };
    Command::new("adieu-runtime")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .override_usage(USAGE)
        .after_help(AFTER_HELP)
        .args_override_self(true)
        .disable_version_flag(true)
        .disable_help_flag(true)
        .arg(
            value(
                "adieu-runtime",
                "RUNTIME",
                "The real runtime, by path or name [runc, or else crun] [ADIEU_RUNTIME]",
            )
            .value_hint(ValueHint::ExecutablePath),
        )
        .arg(
            value(
                "adieu-binary",
                "PATH",
                "The adieu to mount [the one beside this program] [ADIEU_BINARY]",
            )
            .value_hint(ValueHint::FilePath),
        )
        .arg(
            value("adieu-check", "BUNDLE", "Say what would be done with a bundle, and do nothing")
                .value_hint(ValueHint::DirPath),
        )
        .arg(
            Arg::new("adieu-help")
                .long("adieu-help")
                .action(ArgAction::SetTrue)
                .help("Print this help"),
        )
}

/// The help.
pub(super) fn help() -> String {
    command().render_help().to_string()
}

/// The own options, and the arguments that are left for the runtime.
///
/// # Errors
/// [`Error::Usage`] for an own option that does not exist or lacks its value.
pub(super) fn split(args: &[OsString]) -> Result<(Own, &[OsString]), Error> {
    let is_own = |word: &&OsString| word.as_bytes().starts_with(PREFIX);
    let (own, rest) = args.split_at(args.iter().take_while(is_own).count());
    if own.is_empty() {
        return Ok((Own::default(), rest));
    }
    let mut command = command().no_binary_name(true);
    let mut found = command
        .try_get_matches_from_mut(own)
        .map_err(|error| usage::explain(&error, &command, "adieu-runtime --adieu-help"))?;
    let mut value = |id: &str| {
        let value: Option<OsString> = found.remove_one(id);
        match value {
            Some(value) if value.is_empty() => Err(Error::Usage(format!(
                "--{id} is empty; write for example --adieu-runtime=/usr/bin/crun (adieu-runtime \
                 --adieu-help)"
            ))),
            value => Ok(value),
        }
    };
    let own = Own {
        runtime: value("adieu-runtime")?,
        binary: value("adieu-binary")?,
        check: value("adieu-check")?,
        help: found.get_flag("adieu-help"),
    };
    Ok((own, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn own_options_end_at_the_first_of_the_runtimes() {
        let args = words("--adieu-runtime=crun --adieu-binary=/a --root /r create --adieu-check=x");
        let (own, rest) = split(&args).expect("right");
        let expected =
            Own { runtime: Some("crun".into()), binary: Some("/a".into()), ..Own::default() };
        assert_eq!((own, rest), (expected, &args[2..]));
        let args = words("--version");
        assert_eq!(split(&args), Ok((Own::default(), &args[..])));
        assert!(split(&words("--adieu-help")).expect("right").0.help);
    }

    #[test]
    fn an_own_option_that_is_wrong_is_refused_by_name() {
        command().debug_assert();
        for (line, parts) in [
            ("--adieu-runtim=x run c", &["'--adieu-runtim'", "'--adieu-runtime'"][..]),
            ("--adieu-runtime crun run c", &["--adieu-runtime=<RUNTIME> is missing"]),
            (
                "--adieu-runtime= run c",
                &["--adieu-runtime is empty", "--adieu-runtime=/usr/bin/crun"],
            ),
            ("--adieu-help=x", &["--adieu-help takes no value (got 'x')"]),
        ] {
            let text = split(&words(line)).expect_err("wrong").to_string();
            for part in parts.iter().chain(&["adieu-runtime --adieu-help"]) {
                assert!(text.contains(part), "{line}: {text} lacks {part}");
            }
        }
    }
}
