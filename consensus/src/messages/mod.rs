//! What sequencers sign, one file a message. Era and term are in every one of them but the record of where a sequencer is.

mod announcement;
mod checkpoint;
mod heartbeat;
mod proposal;
mod seal;
mod sequencer_record;
mod term_change;
mod vote;

pub use announcement::{Announcement, Skip, SkipReason};
pub use checkpoint::{Checkpoint, CheckpointPosition, CheckpointRef, L1Anchor};
pub use heartbeat::{Heartbeat, MAX_VERSION_BYTES};
pub use proposal::Proposal;
pub use seal::Seal;
pub use sequencer_record::{MAX_RECORD_ADDRESS_BYTES, MAX_RECORD_ADDRESSES, SequencerRecord};
pub use term_change::{Cause, TermChange, TermReport, TermRequest, VerifiedTermChange};
pub use vote::{CastVote, Vote};
