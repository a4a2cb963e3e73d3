//! What is urgent does not wait for what is not, and nothing large travels twice.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use crate::{
    gate::Gate,
    node::{Node, config, within},
    samples,
};
use alloy_primitives::Bytes;
use baton_consensus::types::CompactTransaction;
use baton_network::{GossipMessage, GossipTicket, NetworkConfig, NetworkEvent, Publication, Verdict};
use std::sync::Arc;

/// Bytes that no compressor shrinks.
fn noise(seed: u64, bytes: usize) -> Bytes {
    let next = |x: &u64| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).take(bytes / 4).flat_map(|x| ((x >> 32) as u32).to_be_bytes()).collect()
}

/// A block of this size as it travels.
fn block(height: u64, bytes: usize) -> GossipMessage {
    let mut compact = (*samples::compact(&samples::block(height))).clone();
    compact.transactions = vec![CompactTransaction::Whole(noise(height, bytes))];
    GossipMessage::Block(Arc::new(compact))
}

async fn next_message(node: &mut Node) -> (GossipTicket, GossipMessage) {
    node.until("a message", |event| match event {
        NetworkEvent::Gossip { ticket, message, .. } => Some((ticket, message)),
        _ => None,
    })
    .await
}

/// Waits for this message alone; whatever else comes is ignored.
async fn await_message(node: &mut Node, wanted: &GossipMessage) -> GossipTicket {
    loop {
        let (ticket, message) = next_message(node).await;
        if message == *wanted {
            return ticket;
        }
        node.handle.report(ticket, Verdict::Ignore);
    }
}

/// A link that is as slow as the test wants, with far more transactions in front of it than pass: a seal and a block that come
/// later are there before most of them.
#[tokio::test]
async fn a_seal_and_a_block_overtake_transactions_on_a_slow_link() {
    const BATCHES: u64 = 200;
    const BATCH: usize = 120 << 10;
    let mut slow = Node::start(config());
    let gate = Gate::to(&slow.address().await);
    let mut sender =
        Node::start(NetworkConfig { listen: Vec::new(), bootnodes: vec![gate.address.clone()], ..config() });
    sender.ready(slow.id()).await;
    slow.ready(sender.id()).await;
    // Both topics are known on the link, and its streams are open.
    sender.publish_to(1, |attempt| samples::seal(100_000 + attempt)).await;
    sender.publish_to(1, |attempt| GossipMessage::Transactions(vec![noise(100_000 + attempt, 64)])).await;
    loop {
        let (ticket, message) = next_message(&mut slow).await;
        slow.handle.report(ticket, Verdict::Accept);
        if matches!(message, GossipMessage::Transactions(_)) {
            break;
        }
    }

    gate.close();
    for batch in 0..BATCHES {
        let batch = GossipMessage::Transactions(vec![noise(batch, BATCH)]);
        assert!(matches!(sender.handle.publish(batch).await, Ok(Publication::Sent { peers: 1 })));
    }
    let (seal, block) = (samples::seal(7), block(7, 40 << 10));
    for message in [&block, &seal] {
        assert!(matches!(sender.handle.publish(message.clone()).await, Ok(Publication::Sent { peers: 1 })));
    }
    // A third of what waits may pass, and with it must come what is urgent.
    gate.let_through(BATCH * usize::try_from(BATCHES).unwrap() / 3);
    let mut missing = vec![seal, block];
    while !missing.is_empty() {
        let (ticket, message) = next_message(&mut slow).await;
        slow.handle.report(ticket, Verdict::Accept);
        missing.retain(|urgent| *urgent != message);
    }
    drop(sender);
}

/// What a node publishes goes to everyone; those who have it tell each other, so that it does not go around once more.
#[tokio::test]
async fn a_large_block_does_not_travel_twice_on_a_link() {
    const BYTES: usize = 400 << 10;
    let mut author = Node::start(config());
    let mut left = Node::start(config());
    let mut right = Node::start(NetworkConfig { listen: Vec::new(), ..config() });
    let between = Gate::to(&left.address().await);
    right.handle.dial(between.address.clone()).await.unwrap();
    right.ready(left.id()).await;
    left.handle.dial(author.address().await).await.unwrap();
    left.ready(author.id()).await;
    author.ready(left.id()).await;

    // The link between left and right forwards: without it, right hears of nothing.
    author.publish_to(1, |attempt| samples::seal(100_000 + attempt)).await;
    right.publish_to(1, |attempt| samples::seal(200_000 + attempt)).await;
    let before = between.passed();
    let first = block(1, BYTES);
    author.handle.publish(first.clone()).await.unwrap();
    let ticket = await_message(&mut left, &first).await;
    left.handle.report(ticket, Verdict::Accept);
    let ticket = await_message(&mut right, &first).await;
    right.handle.report(ticket, Verdict::Ignore);
    let once = between.passed() - before;
    assert!((BYTES as u64..2 * BYTES as u64).contains(&once), "{once}");

    // Now both have the next one from its author, and pass it on when each has heard that the other has it.
    right.handle.dial(author.address().await).await.unwrap();
    author.ready(right.id()).await;
    author.publish_to(2, |attempt| samples::seal(300_000 + attempt)).await;
    let before = between.passed();
    let second = block(2, BYTES);
    author.handle.publish(second.clone()).await.unwrap();
    let of_left = await_message(&mut left, &second).await;
    let of_right = await_message(&mut right, &second).await;
    fence(&mut left, &mut right, 1).await;
    left.handle.report(of_left, Verdict::Accept);
    right.handle.report(of_right, Verdict::Accept);
    fence(&mut left, &mut right, 2).await;
    let again = between.passed() - before;
    assert!(again < BYTES as u64 / 4, "{again} bytes of a block that both sides had");
    assert_eq!(author.handle.counters().rejected, 0);
}

/// What each of the two sent the other so far has arrived: messages of its own came after it. The author ignores them, so they
/// come by the link between the two.
async fn fence(left: &mut Node, right: &mut Node, round: u64) {
    let (from_left, from_right) = (samples::seal(400_000 + round), samples::seal(500_000 + round));
    left.handle.publish(from_left.clone()).await.unwrap();
    right.handle.publish(from_right.clone()).await.unwrap();
    let ticket = await_message(right, &from_left).await;
    right.handle.report(ticket, Verdict::Ignore);
    let ticket = await_message(left, &from_right).await;
    left.handle.report(ticket, Verdict::Ignore);
}

/// In a triangle everyone gets everything twice. Nobody is blamed for that.
#[tokio::test]
async fn duplicates_are_not_punished() {
    let mut one = Node::start(config());
    let mut two = Node::start_to(&[&one]).await;
    two.ready(one.id()).await;
    one.ready(two.id()).await;
    let mut three = Node::start_to(&[&one, &two]).await;
    three.ready(one.id()).await;
    one.ready(three.id()).await;
    two.ready(three.id()).await;
    one.publish_to(2, |attempt| samples::seal(100_000 + attempt)).await;
    two.publish_to(2, |attempt| samples::seal(200_000 + attempt)).await;
    three.publish_to(2, |attempt| samples::seal(300_000 + attempt)).await;
    let messages: Vec<_> = (1..=50).map(samples::seal).collect();
    for message in &messages {
        one.handle.publish(message.clone()).await.unwrap();
    }
    for node in [&mut two, &mut three] {
        let mut missing = messages.clone();
        while !missing.is_empty() {
            let (ticket, message) = next_message(node).await;
            node.handle.report(ticket, Verdict::Accept);
            missing.retain(|wanted| *wanted != message);
        }
    }
    // What was forwarded has crossed the links when something later has.
    within("the links", async {
        let last = samples::seal(400_000);
        two.handle.publish(last.clone()).await.unwrap();
        let _ = await_message(&mut three, &last).await;
        let _ = await_message(&mut one, &last).await;
        let last = samples::seal(400_001);
        three.handle.publish(last.clone()).await.unwrap();
        let _ = await_message(&mut two, &last).await;
        let _ = await_message(&mut one, &last).await;
    })
    .await;
    for node in [&one, &two, &three] {
        assert_eq!(node.handle.counters().rejected, 0);
        assert_eq!(node.handle.peers().await.len(), 2);
    }
}
