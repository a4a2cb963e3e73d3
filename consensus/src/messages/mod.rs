//! What sequencers sign, one file a message. Era and term are in every one of them.

mod announcement;
mod heartbeat;
mod proposal;
mod seal;

pub use announcement::{Announcement, Skip, SkipReason};
pub use heartbeat::{Heartbeat, MAX_VERSION_BYTES};
pub use proposal::Proposal;
pub use seal::Seal;
