use super::{Held, MAX_BYTES, MAX_MESSAGES};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, FixedBytes};
use baton_consensus::{
    messages::Seal,
    signing::Signed,
    types::{CompactBlock, CompactTransaction, Era, Height, Term},
};
use baton_network::{GossipMessage, PeerId};
use std::sync::Arc;

fn seal(height: u64) -> GossipMessage {
    let message = Seal { era: Era(1), term: Term(1), height: Height(height), hash: B256::ZERO };
    GossipMessage::Seal(Signed { message, signature: FixedBytes::ZERO })
}

fn block(bytes: usize) -> GossipMessage {
    let transactions = vec![CompactTransaction::Whole(Bytes::from(vec![0; bytes]))];
    GossipMessage::Block(Arc::new(CompactBlock {
        header: Header::default(),
        signature: FixedBytes::ZERO,
        transactions,
    }))
}

#[test]
fn a_flood_displaces_itself() {
    let (honest, hostile) = (PeerId::random(), PeerId::random());
    let mut held = Held::default();
    for ticket in 0..8_usize {
        assert!(held.keep((honest, ticket, seal(ticket as u64))).is_empty());
    }
    let mut displaced = Vec::new();
    for ticket in 100..100 + 2 * MAX_MESSAGES {
        displaced.extend(held.keep((hostile, ticket, seal(ticket as u64))));
    }
    assert_eq!(displaced.len(), MAX_MESSAGES + 8);
    assert!(displaced.iter().all(|ticket| *ticket >= 100), "an honest peer's message made way");
    let kept: Vec<_> = held.take().map(|(_, ticket, _)| ticket).collect();
    assert_eq!((kept.len(), &kept[..8]), (MAX_MESSAGES, &[0, 1, 2, 3, 4, 5, 6, 7][..]));
}

#[test]
fn what_is_kept_is_bounded_by_bytes_too() {
    let (honest, hostile) = (PeerId::random(), PeerId::random());
    let mut held = Held::default();
    held.keep((honest, 0, seal(0)));
    let large = MAX_BYTES / 4;
    let displaced: Vec<_> = (1..=64).flat_map(|ticket| held.keep((hostile, ticket, block(large)))).collect();
    assert_eq!(displaced, (1..=61).collect::<Vec<_>>());
    assert!(held.bytes <= MAX_BYTES);
    assert_eq!(held.take().next().map(|(_, ticket, _)| ticket), Some(0));
    assert_eq!(held.bytes, 0);
}
