//! The mesh before the engine runs: peers come and go and are asked; of what they ask and publish, only where members are is
//! taken in.

use super::{PeerBook, Recorder};
use baton_consensus::signing::SigningContext;
use baton_network::{GossipMessage, Multiaddr, NetworkEvent, NetworkEvents, NetworkHandle, Request, Verdict};
use tokio::sync::watch;
use tracing::{error, info};

/// Keeps the book of peers while there is no engine that the router could hand messages to.
#[derive(Clone, Debug)]
pub struct Porter {
    /// For verdicts.
    pub network: NetworkHandle,
    /// What signatures are bound to.
    pub context: SigningContext,
    /// Who is connected.
    pub peers: PeerBook,
    /// Where the members of the set are.
    pub records: Recorder,
    /// Where the node listens.
    pub listening: watch::Sender<Vec<Multiaddr>>,
}

impl Porter {
    /// Takes events until the network stops. May be dropped at any await: no event is lost.
    pub async fn attend(&self, events: &mut NetworkEvents) {
        while let Some(event) = events.next().await {
            match event {
                NetworkEvent::Gossip { ticket, message: GossipMessage::SequencerRecord(signed), .. } => {
                    let verdict = self.records.take(*signed, &self.context).unwrap_or(Verdict::Reject);
                    self.network.report(ticket, verdict);
                }
                // Neither judged nor passed on: who published it has others.
                NetworkEvent::Gossip { ticket, .. } => self.network.report(ticket, Verdict::Ignore),
                NetworkEvent::Request { request: Request::SequencerRecords(_), responder, .. } => {
                    self.records.serve(responder);
                }
                // The peer sees it fail, and asks another one.
                NetworkEvent::Request { responder, .. } => drop(responder),
                NetworkEvent::PeerReady { peer, status } => {
                    info!(%peer, head = %status.head.height, finalized = %status.finalized, agent = %status.agent, "peer connected");
                    self.peers.note(peer, status);
                    self.records.ask(peer);
                }
                NetworkEvent::PeerStatus { peer, status } => self.peers.note(peer, status),
                NetworkEvent::PeerGone { peer } => {
                    info!(%peer, "peer gone");
                    self.peers.forget(&peer);
                }
                NetworkEvent::OtherChain { peer, theirs, .. } => {
                    error!(%peer, their_genesis = %theirs.genesis_hash, "the peer is on another chain");
                }
                NetworkEvent::Listening(address) => {
                    info!(%address, "listening");
                    self.listening.send_modify(|addresses| addresses.push(address));
                }
            }
        }
    }
}
