//! `--explain [PID]`: what a stop would do to a running tree, process by process; `--explain all`:
//! to each container of the machine. Reads /proc, sends nothing.
//!
//! What a signal means, the roles and the turns come from the functions that a stop itself uses.
//! They hold where adieu is at the top of the tree. For another init, and for a bare program as PID
//! 1, the verdict says what that would do instead, where that is certain.

mod all;
mod look;
mod other;
mod show;
mod top;
mod verdict;

use crate::cli::TypedExplain;
use crate::error::Error;
use crate::exit;
use crate::signal::Signal;
use all::{Checked, Class};
use serde_json::Value;
use std::ffi::OsStr;

/// Explains the tree below a process, or every container of the machine; returns the text to print
/// and the exit status.
///
/// # Errors
/// [`Error::Usage`] for bad options, [`Error::System`] where there is no such process or no /proc,
/// and where `--check` cannot answer.
pub(crate) fn explain(typed: &TypedExplain, colour: bool) -> Result<(String, u8), Error> {
    let bad = |option: &str, value: &OsStr, example: &str| {
        Error::Usage(format!(
            "{option} '{}': unknown; write for example {example}",
            value.to_string_lossy()
        ))
    };
    let signal = match &typed.signal {
        None => Signal::TERM,
        Some(text) => {
            let parsed = text.to_str().and_then(|text| text.parse().ok());
            parsed.ok_or_else(|| bad("--signal", text, "--signal TERM"))?
        }
    };
    let as_json = match typed.format.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => return Err(bad("--format", OsStr::new(other), "--format json")),
    };
    let (text, checked) = if typed.pid == "all" {
        let all = all::all(signal, typed.show_args)?;
        let text = if as_json { pretty(&all.to_json()) } else { all.to_text(colour) };
        (text, all.checked())
    } else {
        let pid = typed.pid.to_str().and_then(|pid| pid.parse::<i32>().ok()).filter(|pid| *pid > 0);
        let pid =
            pid.ok_or_else(|| bad("--explain", &typed.pid, "--explain 1, or --explain all"))?;
        let explained = look::look(pid, signal, typed.show_args)?;
        if u32::try_from(pid) == Ok(std::process::id()) {
            return Err(Error::System(format!(
                "--explain {pid}: that is this very --explain, with nothing below it; run it in a \
                 container that runs already: docker exec CONTAINER /adieu --explain"
            )));
        }
        let class = Class::of(&explained.judgement().outcome);
        let text = if as_json { pretty(&explained.to_json()) } else { explained.to_text(colour) };
        (text, Class::check([class].into_iter()))
    };
    Ok((text, if typed.check { status(checked) } else { 0 }))
}

/// The exit status of `--check`. Where it may not be read whether something is wrong, that is no
/// answer, and a failure.
fn status(checked: Checked) -> u8 {
    match checked {
        Checked::Bad => 1,
        Checked::Unknown => exit::OWN_FAILURE,
        Checked::Good => 0,
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
