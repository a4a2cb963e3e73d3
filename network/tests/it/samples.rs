//! Messages to send.

use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use baton_consensus::{
    certificate::Appointment,
    messages::{Announcement, Heartbeat, Seal, Skip, SkipReason},
    signing::Signed,
    types::{Block, CompactBlock, Epoch, Era, Height, SignedBlock, Term},
};
use baton_network::GossipMessage;
use std::sync::Arc;

fn signed<M>(message: M) -> Signed<M> {
    Signed { message, signature: FixedBytes([7; 65]) }
}

pub(crate) fn block(height: u64) -> Arc<SignedBlock> {
    let mut block = Block::default();
    block.header.number = height;
    block.header.extra_data = Bytes::from(vec![1; 24]);
    Arc::new(SignedBlock { block, signature: FixedBytes([9; 65]) })
}

/// As a block travels by gossip.
pub(crate) fn compact(block: &SignedBlock) -> Arc<CompactBlock> {
    Arc::new(CompactBlock::of(block, |_| false))
}

pub(crate) fn seal(height: u64) -> GossipMessage {
    GossipMessage::Seal(signed(Seal { era: Era(0), term: Term(1), height: Height(height), hash: B256::repeat_byte(3) }))
}

pub(crate) fn transactions(tag: u8) -> Vec<Bytes> {
    vec![Bytes::from(vec![tag; 120]), Bytes::from(vec![tag, 1])]
}

/// One message of every kind.
pub(crate) fn all() -> Vec<GossipMessage> {
    let heartbeat = Heartbeat {
        era: Era(0),
        term: Term(1),
        height: Height(5),
        head: B256::repeat_byte(1),
        sent_at: 1_700_000_000_000,
        version: "0.1.0".to_owned(),
    };
    let announcement = Announcement {
        era: Era(0),
        term: Term(1),
        epoch: Epoch(2),
        leader: Address::repeat_byte(2),
        first: Height(6),
        last: Height(9),
        parent: B256::repeat_byte(4),
        previous: B256::repeat_byte(5),
        skipped: vec![Skip { sequencer: Address::repeat_byte(6), reason: SkipReason::Silent }],
    };
    vec![
        GossipMessage::Heartbeat(signed(heartbeat)),
        GossipMessage::Schedule(Appointment { announcement: signed(announcement), certificate: None }),
        GossipMessage::Block(compact(&block(6))),
        seal(6),
        GossipMessage::Transactions(transactions(1)),
    ]
}
