//! What sequencers sign, one file a message. Era and term are in every one of them.

mod announcement;
mod heartbeat;
mod proposal;
mod seal;
mod term_change;

pub use announcement::{Announcement, Skip, SkipReason};
pub use heartbeat::{Heartbeat, MAX_VERSION_BYTES};
pub use proposal::Proposal;
pub use seal::Seal;
pub use term_change::{Cause, TermChange, TermReport, VerifiedTermChange};
