//! Every `unsafe` of adieu, by topic. The calls that nix offers safely are made where they are
//! needed. Here are those that it lacks: pidfds, the signals that its type cannot name (real-time
//! ones and the C library's own two), and the start of a process.
#![allow(unsafe_code, reason = "this is the room for it; each block gives its reason")]

mod clone;
mod files;
mod memory;
mod pidfd;
mod signals;
mod wait;

pub(crate) use clone::{Spawn, SpawnError, c_strings, spawn, start_writer};
pub(crate) use files::{
    FileId, hostname_of, identify_file, list_directory, standard, terminal_width, write_no_wait,
};
pub(crate) use memory::{environment, reserve_memory};
pub(crate) use pidfd::{pidfd_open, pidfd_send_signal};
pub(crate) use signals::{
    Arrived, exists, is_ignored, kill, read_signals, set_default, set_parent_death,
    set_signal_mask, signal_fd, wait_signal,
};
pub(crate) use wait::{Waited, pause, wait_any};
