//! The store as its callers see it.

#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod commit;
mod common;
mod crash;
mod directory;
mod finality;
mod full_disk;
mod golden;
mod history;
mod import;
mod journal;
mod pin;
mod pruning;
mod segment;
