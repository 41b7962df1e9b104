//! `--explain [PID]`: what a stop would do to a running tree, process by process. Reads /proc,
//! sends nothing.
//!
//! What a signal means, the roles and the turns come from the functions that a stop itself uses.
//! They hold where adieu is at the top of the tree. For another init, and for a bare program as PID
//! 1, the verdict says what that would do instead, where that is certain.

mod look;
mod show;
mod top;
mod verdict;

use crate::cli::TypedExplain;
use crate::error::Error;
use crate::signal::Signal;
use std::ffi::OsStr;

/// Explains the tree below a process; returns the text to print.
///
/// # Errors
/// [`Error::Usage`] for bad options, [`Error::System`] where there is no such process or no /proc.
pub(crate) fn explain(typed: &TypedExplain, colour: bool) -> Result<String, Error> {
    let bad = |option: &str, value: &OsStr, example: &str| {
        Error::Usage(format!(
            "{option} '{}': unknown; write for example {example}",
            value.to_string_lossy()
        ))
    };
    let pid = typed.pid.to_str().and_then(|pid| pid.parse::<i32>().ok()).filter(|pid| *pid > 0);
    let pid = pid.ok_or_else(|| bad("--explain", &typed.pid, "--explain 1"))?;
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
    let explained = look::look(pid, signal, typed.show_args)?;
    if u32::try_from(pid) == Ok(std::process::id()) {
        return Err(Error::System(format!(
            "--explain {pid}: that is this very --explain, with nothing below it; run it in a \
             container that runs already: docker exec CONTAINER /adieu --explain"
        )));
    }
    Ok(if as_json { format!("{:#}\n", explained.to_json()) } else { explained.to_text(colour) })
}
