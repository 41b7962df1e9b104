//! Hands over to the library.
//!
//! Without std's own `main`: that ignores SIGPIPE, which the child would inherit, sets up a signal
//! stack and reads /proc, all before a line of adieu runs.
#![no_main]
#![allow(unsafe_code, reason = "naming a symbol counts as such")]

// SAFETY: the C library calls `main` once, and no other part of the program defines that symbol.
// std takes the arguments from the C library by itself, not from its own `main` (on Linux with
// glibc).
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    let ready = adieu::reserve_memory();
    let code =
        ready.map_or_else(|code| code, |()| adieu::run(std::env::args_os().skip(1).collect()));
    std::ffi::c_int::from(code)
}
