//! A peer that speaks libp2p but sends garbage. It uses gossipsub as it comes, but for the publisher's signature, so it also
//! stands for other software.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use crate::{
    node::{Node, config, within},
    samples,
};
use baton_network::{GossipMessage, Keypair, Multiaddr, NetworkEvent, Offence};
use futures::StreamExt;
use libp2p::{
    Swarm, SwarmBuilder,
    gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode},
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};

fn topic(kind: &str) -> IdentTopic {
    IdentTopic::new(format!("/baton/7/abababab/{kind}/1"))
}

async fn hostile(target: Multiaddr) -> Swarm<gossipsub::Behaviour> {
    let keypair = Keypair::generate_ed25519();
    let mut config = gossipsub::ConfigBuilder::default();
    // Without a publisher, only the content tells messages apart.
    let id = |message: &gossipsub::Message| gossipsub::MessageId::from(message.data.clone());
    config.validation_mode(ValidationMode::Anonymous).message_id_fn(id);
    let config = config.max_transmit_size(16 << 20).build().unwrap();
    let behaviour = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap();
    let mut swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| behaviour)
        .unwrap()
        .build();
    swarm.dial(target).unwrap();
    // All topics arrive in one message; the last of them tells that the others are known.
    let mut topics = std::collections::HashSet::new();
    within("subscriptions", async {
        while topics.len() < 5 {
            if let SwarmEvent::Behaviour(gossipsub::Event::Subscribed { topic, .. }) = swarm.select_next_some().await {
                topics.insert(topic);
            }
        }
    })
    .await;
    swarm
}

#[tokio::test]
async fn garbage_never_reaches_the_node_and_its_sender_is_sent_away() {
    let mut node = Node::start(config());
    let mut hostile = hostile(node.address().await).await;
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 6 << 20]).unwrap();
    let noise = snap::raw::Encoder::new().compress_vec(b"not the codec").unwrap();
    let garbage = vec![
        ("seal", b"not snappy".to_vec()),
        ("block", noise),
        ("schedule", bomb),
        // Declares 4 GiB.
        ("block", vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
        // More on the wire than a heartbeat may have.
        ("heartbeat", vec![1; 4096]),
    ];
    for (kind, data) in garbage {
        hostile.behaviour_mut().publish(topic(kind), data).unwrap();
    }
    within("the hostile peer to be disconnected", async {
        while !matches!(hostile.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {}
    })
    .await;
    assert_eq!(node.handle.counters().received, 0);
    let counted = node.handle.peer_counters();
    let charged = counted.penalties(Offence::UndecodableGossip) + counted.penalties(Offence::OversizedGossip);
    assert!((3..=5).contains(&charged), "{charged}");
    assert_eq!(node.handle.counters().rejected, charged);
    // It is refused when it comes back; an honest node is not.
    hostile.dial(node.address().await).unwrap();
    within("the hostile peer to be refused", async {
        while !matches!(
            hostile.select_next_some().await,
            SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. }
        ) {}
    })
    .await;
    let honest = Node::start_to(&[&node]).await;
    node.ready(honest.id()).await;
}

#[tokio::test]
async fn gossipsub_as_it_comes_can_join() {
    let mut node = Node::start(config());
    let mut other = hostile(node.address().await).await;
    let GossipMessage::Seal(seal) = samples::seal(1) else { return };
    let payload = baton_consensus::codec::encode(&seal);
    let data = snap::raw::Encoder::new().compress_vec(&payload).unwrap();
    other.behaviour_mut().publish(topic("seal"), data).unwrap();
    let drive = tokio::spawn(async move {
        loop {
            other.select_next_some().await;
        }
    });
    let message = node
        .until("the seal", |event| match event {
            NetworkEvent::Gossip { message, .. } => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(message, GossipMessage::Seal(seal));
    drive.abort();
}
