use crate::signing::Message;
use crate::types::{BlockRef, Era, Height, Term, Time};
use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// The longest version text that a heartbeat may carry, in bytes.
pub const MAX_VERSION_BYTES: usize = 32;

/// A sequencer's signed sign of life. It has no position: every one is newer than the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Heartbeat {
    /// The era that the sender is in.
    pub era: Era,
    /// The term below which the sender signs nothing: the one that it is in, or the one that it asks for. A sender that is
    /// about to stop names the next one; started again, it takes that back.
    pub term: Term,
    /// The height of the sender's sealed head.
    pub height: Height,
    /// The hash of the sender's sealed head.
    pub head: B256,
    /// The sender's clock in ms since the Unix epoch; grows with every heartbeat, so that a replay is seen.
    pub sent_at: u64,
    /// The sender's software version, at most [`MAX_VERSION_BYTES`] bytes.
    pub version: String,
}

impl Heartbeat {
    /// The sender's head.
    #[must_use]
    pub const fn head(&self) -> BlockRef {
        BlockRef { height: self.height, hash: self.head }
    }

    /// When it was sent, by the sender's clock.
    #[must_use]
    pub const fn sent_at(&self) -> Time {
        Time(self.sent_at)
    }
}

impl Message for Heartbeat {
    const DOMAIN: &'static str = "baton/heartbeat/1";
}
