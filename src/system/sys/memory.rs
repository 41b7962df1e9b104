//! The process's own memory: set aside before it is needed, and the environment in it.

use std::ffi::{CStr, c_char, c_int};

/// Sets address space aside, so that a stop needs no more of it: Rust ends a program that gets no
/// memory, and adieu's end would be the end of everything. Not a page of it is used before it is
/// needed. `false` where there is none to be had.
pub(crate) fn reserve_memory() -> bool {
    /// A look at some thousand processes; where that is too much (`ulimit -v`), at some hundred.
    const SIZES: [usize; 2] = [8 << 20, 256 << 10];
    // SAFETY: integers. What is freed stays with the allocator, and large pieces come from there,
    // too.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
    }
    SIZES.iter().any(|size| {
        // SAFETY: any size is allowed.
        let piece = unsafe { libc::malloc(*size) };
        // Or the compiler might leave out both calls.
        let piece = std::hint::black_box(piece);
        // SAFETY: from malloc, and not used any more; null is allowed.
        unsafe { libc::free(piece) };
        !piece.is_null()
    })
}

unsafe extern "C" {
    pub(super) static environ: *const *const c_char;
}

/// The entries of the environment, `NAME=value`. std's own copy each of them, which costs more than
/// adieu's start.
pub(crate) fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: adieu has one thread and never changes its environment.
    let mut at = unsafe { environ };
    std::iter::from_fn(move || {
        // SAFETY: the environment is an array of C strings that ends with a null pointer
        // (`environ(7)`), which this never goes beyond. A null instead of the array is what
        // clearenv(3) leaves.
        unsafe {
            if at.is_null() || (*at).is_null() {
                return None;
            }
            let entry = CStr::from_ptr(*at);
            at = at.add(1);
            Some(entry)
        }
    })
}
