//! A peer that is no node: it answers with what an honest one answers, bent as the test wants it.

use super::until;
use alloy_primitives::B256;
use baton_consensus::signing::SigningContext;
use baton_network::{
    Keypair, Multiaddr, NetworkConfig, NetworkEvent, NetworkHandle, PeerId, Request, Responder, Response, Status,
    Verdict,
};
use eyre::WrapErr;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// How long it may take until it listens.
const LISTENING: Duration = Duration::from_secs(30);

/// What becomes of an honest answer: another one, or none ever.
pub(crate) type Bend = fn(Response) -> Option<Response>;

/// A peer between honest ones and a newcomer. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct BentPeer {
    network: NetworkHandle,
    bent: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl BentPeer {
    /// Connects to an honest node, and waits to be asked.
    pub(crate) async fn start(chain: (u64, B256), honest: Vec<Multiaddr>, bend: Bend) -> eyre::Result<Self> {
        let chain = SigningContext { chain_id: chain.0, genesis_hash: chain.1 };
        let mut config = NetworkConfig::new(Keypair::generate_ed25519(), chain);
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
        config.bootnodes = honest;
        let (status, own) = watch::channel(Status::of_newcomer(&chain));
        let (network, mut events, task) = baton_network::start(config, own).wrap_err("cannot start a bent peer")?;
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run(std::future::pending()));
        let bent = Arc::new(AtomicU64::new(0));
        let (handle, count) = (network.clone(), Arc::clone(&bent));
        tasks.spawn(async move {
            let mut honest = None;
            let mut answers = JoinSet::new();
            while let Some(event) = events.next().await {
                match event {
                    // The first one is honest; it claims to be as far as that one is.
                    NetworkEvent::PeerReady { peer, status: theirs } if honest.is_none() => {
                        honest = Some(peer);
                        status.send_replace(theirs);
                    }
                    NetworkEvent::PeerStatus { peer, status: theirs } if honest == Some(peer) => {
                        status.send_replace(theirs);
                    }
                    NetworkEvent::Gossip { ticket, .. } => handle.report(ticket, Verdict::Ignore),
                    NetworkEvent::Request { request, responder, .. } => {
                        if let Some(honest) = honest {
                            answers.spawn(answer(
                                handle.clone(),
                                honest,
                                (request, responder),
                                bend,
                                Arc::clone(&count),
                            ));
                        }
                    }
                    _ => {}
                }
            }
        });
        Ok(Self { network, bent, _tasks: tasks })
    }

    /// Where others reach it, once it listens.
    pub(crate) async fn listens(&self) -> eyre::Result<Vec<Multiaddr>> {
        let peer = self.network.local_peer_id();
        until(LISTENING, "the bent peer listens", async || {
            let addresses = self.network.listen_addresses().into_iter();
            let addresses: Vec<_> = addresses.filter_map(|address| address.with_p2p(peer).ok()).collect();
            Ok(Some(addresses).filter(|addresses| !addresses.is_empty()))
        })
        .await
    }

    /// How many answers were bent.
    pub(crate) fn bent(&self) -> u64 {
        self.bent.load(Ordering::Relaxed)
    }
}

async fn answer(
    network: NetworkHandle,
    honest: PeerId,
    (request, responder): (Request, Responder),
    bend: Bend,
    count: Arc<AtomicU64>,
) {
    let Ok(response) = network.request(honest, request).await else { return };
    match bend(response.clone()) {
        Some(bent) => {
            if bent != response {
                count.fetch_add(1, Ordering::Relaxed);
            }
            // The asker may have given up.
            let _ = responder.respond(&bent);
        }
        None => {
            count.fetch_add(1, Ordering::Relaxed);
            // It keeps whoever asks waiting.
            std::future::pending::<()>().await;
            drop(responder);
        }
    }
}
