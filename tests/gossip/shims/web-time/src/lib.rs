//! The interface of the crate `web-time` on tokio's clock, which can be virtual.

pub use std::time::{Duration, SystemTime, SystemTimeError, UNIX_EPOCH};
pub use tokio::time::Instant;
