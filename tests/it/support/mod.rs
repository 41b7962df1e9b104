//! What the tests share, by topic: start adieu, read what everything below it prints, signal it,
//! see how it ends.
//!
//! Tests wait for markers (`server ready`) and never for a guessed time, and every wait of one
//! [`Running`] or [`Pty`] ends at the same deadline. A wait that fails shows all that was seen
//! until then. Every process that a test started is gone when its handle is dropped. Where
//! something is missing that a test needs, the test ends as ignored ([`need`]).

pub(crate) mod engine;
pub(crate) mod host;
pub(crate) mod need;
pub(crate) mod page;
mod process;
mod programs;
mod pty;
pub(crate) mod runner;
mod running;
pub(crate) mod schema;
mod scratch;
mod start;
mod started;
pub(crate) mod variables;

pub(crate) use need::{
    can_be_pid1, cgroup_controllers, cgroup_controllers_or_less, is_root, missing, missing_as_said,
    missing_in_part, missing_package, other_users_reach, pid_namespace, pid_namespace_or_less,
    root, root_or_less, tool, tool_or_less,
};
pub(crate) use process::{
    Process, children, context_switches, cpu_time, process, processes, status_field,
};
pub(crate) use programs::{adieu, libraries, output, repository, server, spawn, storm};
pub(crate) use pty::Pty;
pub(crate) use runner::say;
#[allow(unused_imports, reason = "for tests/faults.rs")]
pub(crate) use running::Origin;
pub(crate) use running::{Finished, Running};
pub(crate) use scratch::{Scratch, eventually, script};
pub(crate) use start::Adieu;
