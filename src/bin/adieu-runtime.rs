//! Hands over to the library, in the same way and for the same reasons as `src/main.rs`: what std's
//! own `main` changes would be inherited by the runtime that this executes.
#![no_main]
#![allow(unsafe_code, reason = "naming a symbol counts as such")]

// SAFETY: the C library calls `main` once, and no other part of the program defines that symbol.
// std takes the arguments from the C library by itself, not from its own `main` (on Linux with
// glibc).
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    std::ffi::c_int::from(adieu::runtime::run(std::env::args_os().skip(1).collect()))
}
