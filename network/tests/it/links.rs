//! Connections: QUIC, reconnection, limits.

use crate::{
    node::{Node, QUIC, config, within},
    samples,
};
use baton_network::{GossipMessage, Keypair, NetworkConfig, NetworkEvent, Verdict};

#[tokio::test]
async fn quic_links_carry_everything() {
    let quic = || NetworkConfig { listen: vec![QUIC.parse().unwrap()], ..config() };
    let mut one = Node::start(quic());
    let mut two = Node::start(NetworkConfig { bootnodes: vec![one.address().await], ..quic() });
    two.ready(one.id()).await;
    one.ready(two.id()).await;
    let message = GossipMessage::Block(samples::compact(&samples::block(1)));
    two.handle.publish(message.clone()).await.unwrap();
    let handle = one.handle.clone();
    let received = one
        .until("a block", |event| match event {
            NetworkEvent::Gossip { ticket, message, .. } => {
                handle.report(ticket, Verdict::Accept);
                Some(message)
            }
            _ => None,
        })
        .await;
    assert_eq!(received, message);
}

#[tokio::test]
async fn a_restarted_peer_is_found_again() {
    let keypair = Keypair::generate_ed25519();
    let first = Node::start(NetworkConfig { keypair: keypair.clone(), ..config() });
    let (id, address) = (first.id(), first.address().await);
    let mut explicit =
        Node::start(NetworkConfig { bootnodes: vec![address.clone()], explicit_peers: vec![id], ..config() });
    let mut newcomer = Node::start(NetworkConfig { bootnodes: vec![address.clone()], ..config() });
    for node in [&mut explicit, &mut newcomer] {
        node.ready(id).await;
    }
    first.stop().await;
    for node in [&mut explicit, &mut newcomer] {
        node.gone(id).await;
    }
    let listen = address.iter().filter(|part| part.tag() != "p2p").collect();
    let second = Node::start(NetworkConfig { keypair, listen: vec![listen], ..config() });
    for node in [&mut explicit, &mut newcomer] {
        node.ready(id).await;
    }
    second.stop().await;
}

#[tokio::test]
async fn a_peer_that_does_not_listen_yet_is_found_later() {
    let keypair = Keypair::generate_ed25519();
    let early = Node::start(NetworkConfig { keypair: keypair.clone(), ..config() });
    let address = early.address().await;
    early.stop().await;
    let mut waiting = Node::start(NetworkConfig { bootnodes: vec![address.clone()], ..config() });
    let listen = address.iter().filter(|part| part.tag() != "p2p").collect();
    let late = Node::start(NetworkConfig { keypair, listen: vec![listen], ..config() });
    waiting.ready(late.id()).await;
}

#[tokio::test]
async fn bootnodes_may_name_no_peer_or_ourselves() {
    let mut one = Node::start(config());
    let bare = one.address().await.iter().filter(|part| part.tag() != "p2p").collect();
    let keypair = Keypair::generate_ed25519();
    let mut two = Node::start(NetworkConfig { keypair, bootnodes: vec![bare], ..config() });
    two.ready(one.id()).await;
    one.ready(two.id()).await;
    let own = two.address().await;
    assert!(within("the dial", two.handle.dial(own)).await.is_err());
}

#[tokio::test]
async fn inbound_connections_are_limited_but_not_for_explicit_peers() {
    let sequencer = Keypair::generate_ed25519();
    let mut server_config = config();
    server_config.limits.inbound = 1;
    server_config.explicit_peers = vec![sequencer.public().to_peer_id()];
    let mut server = Node::start(server_config);
    let first = Node::start_to(&[&server]).await;
    server.ready(first.id()).await;
    let address = server.address().await;
    let second = Node::start(config());
    // The handshake may end before the refusal arrives; the connection is closed in either case.
    let _ = within("the dial", second.handle.dial(address.clone())).await;
    second.no_peers().await;
    let third = Node::start(NetworkConfig { keypair: sequencer, bootnodes: vec![address], ..config() });
    server.ready(third.id()).await;
}

#[tokio::test]
async fn disconnected_peers_are_told_to_the_node() {
    let mut one = Node::start(config());
    let address = one.address().await;
    let mut two = Node::start(config());
    two.handle.dial(address).await.unwrap();
    two.ready(one.id()).await;
    one.ready(two.id()).await;
    one.handle.disconnect(two.id()).await;
    one.gone(two.id()).await;
    two.gone(one.id()).await;
}
