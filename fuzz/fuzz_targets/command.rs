//! What is run without a shell is what quotes and blanks alone make of the string, found by a
//! second splitter that shares nothing with the first. (That the shells agree is for
//! `tests/it/words.rs`.)
#![no_main]

use adieu::cli::command::{self, ShellEnvironment};
use adieu::cli::settings;
use adieu::cli::{Typed, TypedCommand};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let settings = settings::resolve(&Typed::default(), |_| None).expect("the defaults are right");
    let around = ShellEnvironment { path: true, shell_state: false };
    let typed = TypedCommand::Shell(OsString::from_vec(bytes.to_vec()), Vec::new());
    let Ok(command) = command::resolve(typed, &settings, || around) else {
        assert!(bytes.trim_ascii().is_empty(), "refused though not empty");
        return;
    };
    let shell = command.shell.expect("a string has a shell behind it");
    assert_eq!(shell.last().map(|word| word.as_encoded_bytes()), Some(bytes), "the shell gets it \
        as it is");
    let Some(words) = command.direct else { return };
    let words: Vec<Vec<u8>> = words.into_iter().map(OsString::into_vec).collect();
    assert_eq!(words, split(bytes));
    assert!(words.iter().flatten().all(|byte| (b' '..=b'~').contains(byte)));
});

/// Blanks part words, quotes join what is between them; no byte means anything else.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    for &byte in bytes {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(byte),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, b' ' | b'\t') => words.extend(word.take()),
            (None, byte) if b"\n\\$`;&|<>()*?[#~{}!".contains(&byte) => {
                panic!("shell syntax runs without a shell")
            }
            (None, _) => word.get_or_insert_default().push(byte),
        }
    }
    assert_eq!(quote, None, "an open quote runs without a shell");
    words.extend(word);
    words
}
