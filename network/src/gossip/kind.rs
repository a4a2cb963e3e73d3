//! The table of gossip: one row a kind of message, one gossipsub topic a kind. Caps hold for the largest set: a bitmap of
//! its members takes 128 bytes, a quorum certificate about 500.

use crate::wire::{self, Wire, WireError};
use alloy_primitives::Bytes;
use baton_consensus::{
    certificate::{Appointment, TermCertificate},
    endorsement::Endorsed,
    evidence::Evidence,
    finality::{CertifiedCheckpoint, ProposedCheckpoint, SetChange},
    messages::{CastVote, Heartbeat, Seal, SequencerRecord, TermRequest},
    signing::Signed,
    types::CompactBlock,
};
use std::{fmt, sync::Arc};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What the table says of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindSpec {
    /// Its name in the topic.
    pub(crate) name: &'static str,
    /// The most bytes of a message, compressed on the wire and decompressed alike.
    pub(crate) cap: usize,
    /// How many messages are kept while nobody is subscribed; the newest stay.
    pub(crate) kept: usize,
    /// How many bytes may wait for the node to take them; what comes on top is dropped.
    pub(crate) waiting: usize,
    /// Messages that are new here and that one peer may bring in a second: what a set of 1,024 members or a block every 10 ms comes
    /// to; see [`crate::quotas`].
    pub(crate) rate: u32,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($payload:ty) { name: $name:literal, cap: $cap:expr, kept: $kept:expr, waiting: $waiting:expr, rate: $rate:expr })+) => {
        /// A kind of gossip.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        /// A message for everyone. Nothing in it is verified.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum GossipMessage {
            $($(#[$doc])* $kind($payload),)+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            pub(crate) const fn spec(self) -> KindSpec {
                match self {
                    $(Self::$kind => KindSpec { name: $name, cap: $cap, kept: $kept, waiting: $waiting, rate: $rate },)+
                }
            }

            /// Decodes a payload that is already known to be within the kind's cap.
            pub(super) fn decode(self, bytes: &[u8]) -> Result<GossipMessage, WireError> {
                match self {
                    $(Self::$kind => wire::decode::<$payload, { 2 * $cap }>(bytes).map(GossipMessage::$kind),)+
                }
            }
        }

        impl GossipMessage {
            /// Its kind, which tells its topic.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }

            pub(super) fn payload(&self) -> Result<Vec<u8>, WireError> {
                match self {
                    $(Self::$kind(payload) => encode(payload, $cap),)+
                }
            }
        }
    };
}

kinds! {
    /// A sequencer's sign of life. At most 512 bytes.
    Heartbeat(Signed<Heartbeat>) { name: "heartbeat", cap: 512, kept: 1, waiting: MIB, rate: 4096 }
    /// An epoch's leader, a term's first with the certificate that opened the term. At most 640 KiB.
    Schedule(Appointment) { name: "schedule", cap: 640 * KIB, kept: 64, waiting: 8 * MIB, rate: 64 }
    /// A leader's block, not sealed, its transactions mostly by hash. At most 8 MiB, and 65,536 transactions.
    Block(Arc<CompactBlock>) { name: "block", cap: 8 * MIB, kept: 8, waiting: 96 * MIB, rate: 128 }
    /// The scheduler's seal on a block. At most 512 bytes.
    Seal(Signed<Seal>) { name: "seal", cap: 512, kept: 64, waiting: 4 * MIB, rate: 256 }
    /// A member's wish to enter a term, with the quorum certificate that it names. At most 1 KiB.
    TermChange(Box<Endorsed<TermRequest>>) { name: "term-change", cap: KIB, kept: 4, waiting: 4 * MIB, rate: 1024 }
    /// What opens a term. At most 512 KiB.
    Certificate(Endorsed<Arc<TermCertificate>>) { name: "certificate", cap: 512 * KIB, kept: 4, waiting: 8 * MIB, rate: 64 }
    /// What the scheduler puts to the vote, with the quorum certificate that it builds on. At most 1 KiB.
    Checkpoint(Box<Endorsed<ProposedCheckpoint>>) { name: "checkpoint", cap: KIB, kept: 1, waiting: 4 * MIB, rate: 256 }
    /// A member's vote on a checkpoint. At most 512 bytes.
    Vote(Box<Signed<CastVote>>) { name: "vote", cap: 512, kept: 1, waiting: 4 * MIB, rate: 4096 }
    /// A quorum certificate, with the checkpoint below it. At most 1 KiB.
    Quorum(Box<Endorsed<CertifiedCheckpoint>>) { name: "quorum", cap: KIB, kept: 1, waiting: 4 * MIB, rate: 256 }
    /// Two messages of one key for one position: two announcements may each skip every other member. At most 64 KiB.
    Evidence(Endorsed<Arc<Evidence>>) { name: "evidence", cap: 64 * KIB, kept: 16, waiting: 4 * MIB, rate: 64 }
    /// The end of an era with the set that takes over. At most 512 KiB.
    SetChange(Endorsed<Arc<SetChange>>) { name: "set-change", cap: 512 * KIB, kept: 4, waiting: 4 * MIB, rate: 16 }
    /// Where a sequencer's node is. At most 4 KiB.
    SequencerRecord(Box<Signed<SequencerRecord>>) { name: "sequencer-record", cap: 4 * KIB, kept: 1, waiting: MIB, rate: 1024 }
    /// Transactions in their EIP-2718 envelopes: 1 to 16,384 of them, together at most 1 MiB.
    Transactions(Vec<Bytes>) { name: "transactions", cap: MIB, kept: 64, waiting: 64 * MIB, rate: 4096 }
}

fn encode<T: Wire>(payload: &T, cap: usize) -> Result<Vec<u8>, WireError> {
    wire::encode(payload, cap)
}

impl Kind {
    /// The name in the topic.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The largest cap of all kinds, in bytes.
    pub(crate) fn largest_cap() -> usize {
        Self::ALL.iter().map(|kind| kind.spec().cap).max().unwrap_or_default()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
