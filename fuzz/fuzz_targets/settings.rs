//! Command lines and environments of any bytes: never a panic; a value is used or refused with its
//! place and its text.
#![no_main]

use adieu::cli::settings::{self, VARIABLES};
use adieu::cli::{self, Request};
use adieu::error::Error;
use adieu::signal::{Signal, UnknownSignal};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A zero byte ends an argument, as in the kernel; the first are the variables.
    let mut words = bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let environment: Vec<OsString> = words.by_ref().take(VARIABLES.len()).collect();
    let look_up = |name: &str| {
        let at = VARIABLES.iter().position(|variable| *variable == name)?;
        environment.get(at).cloned()
    };
    let arguments: Vec<OsString> = words.collect();
    if let Some(text) = arguments.first().and_then(|word| word.to_str()) {
        match text.parse::<Signal>() {
            Ok(signal) if ![32, 33].contains(&signal.number()) => {
                assert_eq!(signal.to_string().parse(), Ok(signal));
            }
            Ok(_) => {}
            Err(UnknownSignal(kept)) => assert_eq!(kept, text),
        }
    }
    match cli::parse(arguments) {
        Ok(Request::Run(typed)) => match settings::resolve(&typed, look_up) {
            Ok(settings) => assert!(!settings.shell.is_empty()),
            Err(Error::Usage(text)) => {
                assert!(text.starts_with("--") || text.starts_with("ADIEU_"), "no place: {text}");
                assert!(text.contains(": "), "no reason: {text}");
            }
            Err(other) => panic!("{other:?} of a value"),
        },
        Ok(_) => {}
        Err(error) => assert_eq!(error.exit_code(), 125, "{error}"),
    }
});
