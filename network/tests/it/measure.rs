//! Measurements on one machine, run by hand: `cargo test --release -p baton-network -- --ignored --nocapture measure`.

use crate::{
    node::{Node, config},
    samples,
};
use baton_consensus::types::SignedBlock;
use baton_network::{GossipMessage, NetworkEvent, Publication, Verdict};
use std::time::Instant;
use tokio::sync::mpsc;

const BLOCKS: u64 = 200;

fn block(height: u64) -> GossipMessage {
    let mut block: SignedBlock = (*samples::block(height)).clone();
    let bytes: Vec<u8> = (0..100_000u64).map(|x| (x.wrapping_mul(x ^ height) >> 7) as u8).collect();
    block.block.header.extra_data = bytes.into();
    GossipMessage::Block(samples::compact(&block))
}

/// Accepts everything and tells the heights of blocks.
fn accept_all(node: Node) -> mpsc::UnboundedReceiver<u64> {
    let (seen, heights) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // The whole node moves in: what is left outside would be dropped, and stop it.
        let mut node = node;
        while let Some(event) = node.events.next().await {
            if let NetworkEvent::Gossip { ticket, message, .. } = event {
                node.handle.report(ticket, Verdict::Accept);
                if let GossipMessage::Block(block) = message {
                    let _ = seen.send(block.header.number);
                }
            }
        }
    });
    heights
}

async fn latency(from: &Node, seen: &mut mpsc::UnboundedReceiver<u64>, first: u64, what: &str) {
    let mut times = Vec::new();
    for height in first..first + BLOCKS {
        let message = block(height);
        let start = Instant::now();
        assert!(matches!(from.handle.publish(message).await, Ok(Publication::Sent { .. })));
        while seen.recv().await != Some(height) {}
        times.push(start.elapsed());
    }
    times.sort();
    println!("{what}: median {:?}, 99 % {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_blocks_of_100_kb() {
    let mut middle = Node::start(config());
    let mut left = Node::start_to(&[&middle]).await;
    let mut right = Node::start_to(&[&middle]).await;
    left.ready(middle.id()).await;
    right.ready(middle.id()).await;
    middle.ready(right.id()).await;
    middle.publish_to(2, |attempt| samples::seal(100_000 + attempt)).await;
    left.publish_to(1, |attempt| samples::seal(200_000 + attempt)).await;
    let flooder = right.handle.clone();
    let (mut near, mut far) = (accept_all(middle), accept_all(right));
    latency(&left, &mut near, 1, "one hop").await;
    latency(&left, &mut far, 1_001, "two hops").await;
    let flood = tokio::spawn(async move {
        let mut batches = 0u64;
        loop {
            let mut batch = samples::transactions(1);
            batch.extend((0..2_000u64).map(|n| [batches.to_be_bytes(), n.to_be_bytes()].concat().repeat(8).into()));
            batches += u64::from(flooder.publish(GossipMessage::Transactions(batch)).await.is_ok());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    latency(&left, &mut far, 2_001, "two hops against batches of 2,000 transactions the other way").await;
    flood.abort();
}
