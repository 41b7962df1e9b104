//! The effects: what waits, starts, signals and steers the terminal, and every `unsafe`.

pub(crate) mod deliver;
pub(crate) mod end;
pub(crate) mod inbox;
pub(crate) mod spawn;
pub(crate) mod sys;
pub(crate) mod terminal;
