//! What a stop promises, theme by theme, with real shells and real signals: which process gets the
//! signal, in which order, how often, and what happens to the other processes.

mod bystanders;
mod deliver;
mod epilogue;
mod handlers;
mod leftovers;
mod log;
mod namespaces;
mod repeats;
mod signals;
mod stopped;
mod timeout;
mod traps;
mod unhandled;
mod users;
mod without;

use crate::support::runner::Test;

pub(crate) const TABLES: [&[Test]; 15] = [
    handlers::TESTS,
    traps::TESTS,
    unhandled::TESTS,
    bystanders::TESTS,
    epilogue::TESTS,
    timeout::TESTS,
    repeats::TESTS,
    leftovers::TESTS,
    stopped::TESTS,
    namespaces::TESTS,
    signals::TESTS,
    deliver::TESTS,
    users::TESTS,
    without::TESTS,
    log::TESTS,
];
