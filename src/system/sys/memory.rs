//! The process's own memory: set aside before it is needed, and the environment in it.

use std::ffi::{CStr, c_char, c_int};

/// Sets address space aside, so that a stop needs no more of it. Rust aborts a program that gets no
/// memory, and the end of adieu as PID 1 is the end of the container. No page of it is used before
/// it is needed. `false` where there is none to be had.
pub(crate) fn reserve_memory() -> bool {
    /// Enough for a look at some thousand processes. Where that is too much (`ulimit -v`), enough
    /// for some hundred.
    const SIZES: [usize; 2] = [8 << 20, 256 << 10];
    // SAFETY: integers. With these limits freed memory stays with the allocator, and large pieces
    // come from it as well.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
    }
    SIZES.iter().any(|size| {
        // SAFETY: any size is allowed.
        let piece = unsafe { libc::malloc(*size) };
        // Without this the compiler may leave out both calls.
        let piece = std::hint::black_box(piece);
        // SAFETY: the piece is from malloc and not used any more; null is allowed.
        unsafe { libc::free(piece) };
        !piece.is_null()
    })
}

unsafe extern "C" {
    pub(super) static environ: *const *const c_char;
}

/// The entries of the environment, `NAME=value`, without the copies that std makes of each.
pub(crate) fn environment() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: adieu has one thread and never changes its environment.
    let mut at = unsafe { environ };
    std::iter::from_fn(move || {
        // SAFETY: the environment is an array of C strings that ends with a null pointer
        // (`environ(7)`), and this never goes beyond that. After clearenv(3) there is a null
        // pointer in place of the array.
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
