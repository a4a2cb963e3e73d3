//! The Baton protocol, pure: no clock, no network, no disk.

pub mod codec;
pub mod keys;
pub mod messages;
pub mod signing;
pub mod types;
