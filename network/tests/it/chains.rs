//! Status: same chain, other chain, progress.

use crate::node::{CHAIN, Node, config, pair};
use alloy_primitives::B256;
use baton_consensus::{
    signing::SigningContext,
    types::{BlockRef, Height},
};
use baton_network::{Direction, NetworkEvent};

#[tokio::test]
async fn peers_of_another_chain_part_with_a_clear_event_on_both_sides() {
    let other = SigningContext { genesis_hash: B256::repeat_byte(0xcd), ..CHAIN };
    let mut listener = Node::start(config());
    let mut dialer_config = config();
    dialer_config.chain = other;
    let address = listener.address().await;
    let mut dialer = Node::start(dialer_config);
    dialer.handle.dial(address).await.unwrap();
    for (node, ours, theirs) in [(&mut listener, CHAIN, other), (&mut dialer, other, CHAIN)] {
        let seen = node
            .until("the other chain", |event| match event {
                NetworkEvent::OtherChain { theirs, ours, .. } => Some((ours, theirs)),
                NetworkEvent::PeerReady { .. } => Some((CHAIN, CHAIN)),
                _ => None,
            })
            .await;
        assert_eq!(seen, (ours, theirs));
    }
    listener.no_peers().await;
    dialer.no_peers().await;
}

#[tokio::test]
async fn peers_know_each_other_and_stay_current() {
    let (mut one, mut two) = pair().await;
    let head = BlockRef { height: Height(9), hash: B256::repeat_byte(9) };
    // Either side's progress becomes known, although only one of them asks.
    one.status.send_modify(|status| status.head = head);
    two.status.send_modify(|status| status.head = head);
    for node in [&mut one, &mut two] {
        node.until("progress", |event| match event {
            NetworkEvent::PeerStatus { status, .. } => (status.head == head).then_some(()),
            _ => None,
        })
        .await;
    }
    let info = two.handle.peers().await.pop().unwrap();
    assert_eq!((info.peer_id, info.direction), (one.id(), Direction::Outbound));
    assert_eq!(info.status.unwrap().head, head);
    assert!(info.agent.is_some() && !info.addresses.is_empty());
    let info = one.handle.peers().await.pop().unwrap();
    assert_eq!((info.peer_id, info.direction), (two.id(), Direction::Inbound));
}
