//! The variables by which a developer or CI says how the tests run; CONTRIBUTING.md lists them.

use std::env;

fn is(name: &str, value: &str) -> bool {
    env::var_os(name).is_some_and(|it| it == value)
}

/// Whether this is CI, where everything that a test needs has to be there.
pub(crate) fn in_ci() -> bool {
    is("CI", "true")
}

/// Whether these tests run with today's engines, by `examples/today.sh`.
pub(crate) fn with_todays_engines() -> bool {
    is("TODAY_INSIDE", "1")
}

/// Whether the sizes of the load are the large ones.
pub(crate) fn full_load() -> bool {
    is("ADIEU_LOAD", "full")
}

/// How many tries the tests that depend on chance make, where that is set.
pub(crate) fn tries() -> Option<u32> {
    env::var("ADIEU_TEST_TRIES").ok().map(|tries| tries.parse().unwrap())
}
