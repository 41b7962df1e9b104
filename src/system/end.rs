//! The end of adieu itself by a signal.

use crate::signal::{Signal, SignalSet};
use crate::system::inbox::ALL_SIGNALS;
use crate::system::sys;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use signal_hook::low_level::raise;

/// Ends adieu by this signal, by which its main process ended, and without a core file: only the
/// main process's says something. Returns where one of the calls is refused, and for 32 and 33,
/// which the C library keeps for itself.
///
/// Not by signal-hook's `emulate_default_handler`: that knows no real-time signals, and aborts
/// where a call is refused.
pub(crate) fn by_signal(signal: Signal) {
    if set_dumpable(false).is_err() && setrlimit(Resource::RLIMIT_CORE, 0, 0).is_err() {
        return;
    }
    // adieu may have been started with the signal ignored.
    sys::set_default(signal);
    // Only this one: another that is pending must not come first.
    let others = SignalSet(ALL_SIGNALS.0 & !SignalSet::EMPTY.with(signal).0);
    let _ = sys::set_signal_mask(others);
    let _ = raise(signal.number());
}
