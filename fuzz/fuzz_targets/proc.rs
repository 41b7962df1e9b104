//! The parsers of `/proc`: whatever bytes a process manages to put there, nothing panics and no
//! name forges a field.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adieu::procfs::check_parsers(bytes));
