//! Messages reach everyone, after and only after every hop's verdict.

use crate::{
    node::{Node, config, pair, within},
    samples,
};
use baton_network::{GossipMessage, NetworkEvent, Publication, PublishError, Verdict};

/// The next message, accepted.
async fn accept(node: &mut Node) -> GossipMessage {
    judge(node, |_| Verdict::Accept).await
}

/// The next message, judged by `verdict`.
async fn judge(node: &mut Node, verdict: impl Fn(&GossipMessage) -> Verdict) -> GossipMessage {
    let handle = node.handle.clone();
    node.until("a message", |event| match event {
        NetworkEvent::Gossip { ticket, message, .. } => {
            handle.report(ticket, verdict(&message));
            Some(message)
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn every_kind_travels_between_two_nodes() {
    let (mut one, two) = pair().await;
    for message in samples::all() {
        // The kinds are subscribed one by one: what comes too early is kept.
        let publication = two.handle.publish(message.clone()).await.unwrap();
        assert!(matches!(publication, Publication::Sent { peers: 1 } | Publication::Kept), "{publication:?}");
        assert_eq!(accept(&mut one).await, message);
    }
    assert_eq!(one.handle.counters().received, 5);
}

#[tokio::test]
async fn messages_without_peers_are_kept_and_sent_later() {
    let mut one = Node::start(config());
    for message in samples::all() {
        assert_eq!(one.handle.publish(message).await.unwrap(), Publication::Kept);
    }
    let mut two = Node::start_to(&[&one]).await;
    let mut missing = samples::all();
    while !missing.is_empty() {
        let message = accept(&mut two).await;
        missing.retain(|expected| *expected != message);
    }
    one.ready(two.id()).await;
    // Once it is out it is known.
    assert_eq!(one.handle.publish(samples::seal(6)).await.unwrap(), Publication::AlreadyKnown);
}

#[tokio::test]
async fn what_is_beyond_its_cap_is_not_published() {
    let node = Node::start(config());
    let batch = GossipMessage::Transactions(vec![vec![1; 2 << 20].into()]);
    assert!(matches!(node.handle.publish(batch).await, Err(PublishError::Message(_))));
}

#[tokio::test]
async fn the_largest_blocks_travel_and_cannot_be_compressed_away() {
    let (mut one, two) = pair().await;
    let mut block = (*samples::block(1)).clone();
    // Noise by a multiplicative generator, which snappy cannot shrink.
    let noise = std::iter::successors(Some(1u64), |x| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)));
    block.block.header.extra_data =
        noise.take(1_000_000).flat_map(|x| (x >> 8).to_be_bytes()).collect::<Vec<_>>().into();
    let message = GossipMessage::Block(samples::compact(&block));
    two.handle.publish(message.clone()).await.unwrap();
    assert_eq!(accept(&mut one).await, message);
}

#[tokio::test]
async fn a_hop_forwards_what_it_accepts_and_nothing_else() {
    let mut middle = Node::start(config());
    let mut left = Node::start_to(&[&middle]).await;
    let mut right = Node::start_to(&[&middle]).await;
    left.ready(middle.id()).await;
    right.ready(middle.id()).await;
    middle.ready(right.id()).await;
    // Subscriptions are known on every link once messages have crossed it.
    middle.publish_to(2, |attempt| samples::seal(100_000 + attempt)).await;
    left.publish_to(1, |attempt| samples::seal(200_000 + attempt)).await;
    let height = |message: &GossipMessage| match message {
        GossipMessage::Seal(seal) => seal.message.height.0,
        _ => 0,
    };
    for message in [samples::seal(1), samples::seal(2), samples::seal(3)] {
        within("the link", left.handle.publish(message)).await.unwrap();
    }
    // The middle judges as it receives; the last of the three is accepted, and so are the preparations.
    let mut judged = 0;
    while judged < 3 {
        let message = judge(&mut middle, |message| match height(message) {
            1 => Verdict::Ignore,
            2 => Verdict::Reject,
            _ => Verdict::Accept,
        })
        .await;
        judged += u32::from(height(&message) <= 3);
    }
    loop {
        let seen = height(&accept(&mut right).await);
        assert!(seen >= 3, "{seen} was not accepted by the hop");
        if seen == 3 {
            break;
        }
    }
    assert_eq!(middle.handle.counters().rejected, 1);
}

#[tokio::test]
async fn four_nodes_that_know_one_bootnode_reach_each_other() {
    let mut bootnode = Node::start(config());
    let mut others = Vec::new();
    for _ in 0..3 {
        let node = Node::start_to(&[&bootnode]).await;
        bootnode.ready(node.id()).await;
        others.push(node);
    }
    bootnode.publish_to(3, |attempt| samples::seal(100_000 + attempt)).await;
    for node in &others {
        node.publish_to(1, |attempt| samples::seal(200_000 + attempt)).await;
    }
    let relay = tokio::spawn(async move {
        loop {
            accept(&mut bootnode).await;
        }
    });
    for author in 0..others.len() {
        let message = GossipMessage::Block(samples::compact(&samples::block(author as u64 + 1)));
        others[author].handle.publish(message.clone()).await.unwrap();
        for (index, node) in others.iter_mut().enumerate() {
            while index != author && accept(node).await != message {}
        }
    }
    relay.abort();
}
