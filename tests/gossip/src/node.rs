//! One node: a swarm that accepts every block a while after it came, and tells when it came.

use crate::hub::{HubTransport, address};
use baton_network::simulation::Gossipsub;
use futures::{StreamExt, stream::FuturesUnordered};
use libp2p::{
    PeerId, Swarm, Transport,
    gossipsub::{Event, MessageAcceptance, TopicHash},
    swarm::{Config, SwarmEvent},
};
use std::time::Duration;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep},
};

/// Longer than any simulation.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// What a node does.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Connects to a node.
    Dial(usize),
    /// Publishes a block: bytes that begin with its number.
    Publish(Vec<u8>),
}

/// A block came to a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) block: u64,
    pub(crate) at: Instant,
}

/// The number at the beginning of a block.
fn number(block: &[u8]) -> u64 {
    block.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}

/// Runs a node until the simulation is over.
pub(crate) async fn run(
    (peer, transport): (PeerId, HubTransport),
    (gossipsub, topic): (Gossipsub, TopicHash),
    checking: Duration,
    mut orders: UnboundedReceiver<Order>,
    seen: UnboundedSender<Seen>,
) {
    let config = Config::with_tokio_executor().with_idle_connection_timeout(FOREVER);
    let mut swarm = Swarm::new(transport.boxed(), gossipsub, peer, config);
    swarm.listen_on(address(0)).expect("the hub listens");
    let mut checks = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(order) = orders.recv() => match order {
                Order::Dial(node) => swarm.dial(address(node)).expect("nobody is dialed twice"),
                Order::Publish(block) => drop(swarm.behaviour_mut().publish(topic.clone(), block).expect("there are peers")),
            },
            Some((id, source)) = checks.next() => {
                swarm.behaviour_mut().report_message_validation_result(&id, &source, MessageAcceptance::Accept);
            }
            event = swarm.select_next_some() => {
                if let SwarmEvent::Behaviour(Event::Message { propagation_source, message_id, message }) = event {
                    if seen.send(Seen { block: number(&message.data), at: Instant::now() }).is_err() {
                        return;
                    }
                    checks.push(async move {
                        sleep(checking).await;
                        (message_id, propagation_source)
                    });
                }
            }
        }
    }
}
