//! The end of adieu itself by a signal.

use crate::signal::Signal;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use signal_hook::low_level::{emulate_default_handler, raise};

/// Ends adieu by this signal, by which its main process ended, without a core file: the main
/// process's is the one that says something.
///
/// Returns where that is refused, and for the signals that signal-hook does not know (real-time
/// ones, SIGPWR, SIGSTKFLT).
pub(crate) fn by_signal(signal: Signal) {
    // signal-hook ends the program by SIGABRT where the signal cannot be raised: ask before.
    let can_raise = raise(0).is_ok();
    let no_core = set_dumpable(false).is_ok() || setrlimit(Resource::RLIMIT_CORE, 0, 0).is_ok();
    if can_raise && no_core && !signal.is_terminal_stop() {
        let _ = emulate_default_handler(signal.number());
    }
}
