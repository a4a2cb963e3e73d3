//! The one owner of the swarm: a loop that serves commands, verdicts, the swarm's events and the clock, and that never
//! waits for anyone.

mod commands;
mod connections;
mod discovery;
mod gossip;
mod oversight;
mod requests;
mod status;

use crate::{
    behaviour::{self, Behaviour, BehaviourEvent},
    config::{NetworkConfig, Timing},
    counters::Counters,
    discovery::AddressPolicy,
    error::{DialFailure, NetworkError},
    gossip::{GossipTicket, Kept, Topics, Verdict},
    handle::{Command, NetworkHandle},
    lanes::{self, Lanes, NetworkEvents},
    lists::PeerLists,
    peers::Peers,
    quotas::{Incoming, Outgoing},
    reconnect::Reconnect,
    rpc::Protocol,
    status::Status,
};
use baton_consensus::signing::SigningContext;
use discovery::Discovery;
use futures::{StreamExt, stream::FuturesUnordered};
use libp2p::{
    Multiaddr, PeerId, Swarm,
    request_response::OutboundRequestId,
    swarm::{ConnectionId, SwarmEvent},
};
use oversight::Keeper;
use requests::{Answer, Pending};
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use tracing::{info, warn};

/// Commands that may wait for the swarm.
const COMMANDS: usize = 1024;

/// Verdicts that may wait for the swarm.
const VERDICTS: usize = 8192;

/// How often deadlines and dials are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long what was published last is given to reach the sockets before they are closed.
const LINGER: Duration = Duration::from_millis(50);

/// How long connections may take to close at shutdown.
const FAREWELL: Duration = Duration::from_secs(1);

/// The swarm and everything that only its loop touches.
pub struct NetworkTask {
    swarm: Swarm<Behaviour>,
    chain: SigningContext,
    timing: Timing,
    status: watch::Receiver<Status>,
    topics: Topics,
    kept: Kept,
    lanes: Lanes,
    peers: Peers,
    explicit: HashSet<PeerId>,
    reconnect: Reconnect,
    lists: PeerLists,
    keeper: Keeper,
    incoming: Incoming,
    outgoing: Arc<Outgoing>,
    other_chain: HashSet<PeerId>,
    discovery: Discovery,
    enough_peers: usize,
    pending: HashMap<(Protocol, OutboundRequestId), Pending>,
    dials: HashMap<ConnectionId, (Multiaddr, oneshot::Sender<Result<PeerId, DialFailure>>)>,
    answers: FuturesUnordered<Answer>,
    answering: HashMap<(PeerId, Protocol), usize>,
    commands: mpsc::Receiver<Command>,
    verdicts: mpsc::Receiver<(GossipTicket, Verdict)>,
    listening: watch::Sender<Vec<Multiaddr>>,
    counters: Arc<Counters>,
    dropped_before: u64,
}

/// Sets up the swarm and starts to listen. Needs a tokio runtime around it. `status` is this node's own status, which
/// the network tells to peers; keep its sender alive and current.
///
/// # Errors
/// [`NetworkError`] if an address cannot be listened on or a transport cannot be set up.
pub fn start(
    config: NetworkConfig,
    status: watch::Receiver<Status>,
) -> Result<(NetworkHandle, NetworkEvents, NetworkTask), NetworkError> {
    let topics = Topics::new(&config.chain);
    let policy = AddressPolicy::new(config.discovery.private_addresses);
    let counters = Arc::new(Counters::default());
    let swarm = behaviour::build(&config, &topics, &policy, &counters.peers)?;
    let NetworkConfig {
        keypair: _,
        listen: _,
        bootnodes,
        external_addresses,
        chain,
        agent: _,
        explicit_peers,
        limits,
        discovery,
        state_dir,
        timing,
    } = config;
    let local = *swarm.local_peer_id();
    let now = Instant::now();
    let mut reconnect = Reconnect::new(local, &timing);
    for address in bootnodes {
        reconnect.add_bootnode(address, now);
    }
    let (discovery, told, reachability) =
        Discovery::new(discovery, state_dir.as_deref(), &chain, external_addresses, policy, now);
    discovery.remember(&mut reconnect, now);
    let lists = state_dir.as_deref().map_or_else(PeerLists::default, PeerLists::load);
    let outgoing = Arc::new(Outgoing::new());
    let (lanes, events) = lanes::lanes(Arc::clone(&counters.dropped));
    let (command_sender, commands) = mpsc::channel(COMMANDS);
    let (verdict_sender, verdicts) = mpsc::channel(VERDICTS);
    let (listening, listening_receiver) = watch::channel(Vec::new());
    let handle = NetworkHandle {
        local,
        deadline_max: timing.request_deadline_max,
        commands: command_sender,
        verdicts: verdict_sender,
        listening: listening_receiver,
        told,
        reachability,
        quotas: Arc::clone(&outgoing),
        counters: Arc::clone(&counters),
    };
    let mut task = NetworkTask {
        swarm,
        chain,
        timing,
        status,
        topics,
        kept: Kept::default(),
        lanes,
        peers: Peers::default(),
        explicit: HashSet::new(),
        reconnect,
        lists,
        keeper: Keeper::new(state_dir),
        incoming: Incoming::new(),
        outgoing,
        other_chain: HashSet::new(),
        discovery,
        enough_peers: limits.enough_peers,
        pending: HashMap::new(),
        dials: HashMap::new(),
        answers: FuturesUnordered::new(),
        answering: HashMap::new(),
        commands,
        verdicts,
        listening,
        counters,
        dropped_before: 0,
    };
    task.set_explicit_peers(&explicit_peers);
    task.update_told();
    task.apply_lists();
    Ok((handle, events, task))
}

impl NetworkTask {
    /// Runs the network until `shutdown` is done, then closes every connection. To be spawned and supervised.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        info!(peer_id = %self.swarm.local_peer_id(), chain_id = self.chain.chain_id, genesis = %self.chain.genesis_hash, "network started");
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some((ticket, verdict)) = self.verdicts.recv() => self.on_verdict(&ticket, verdict),
                Some(command) = self.commands.recv() => self.on_command(command),
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.on_answer(answer),
                () = self.lanes.drain(), if self.lanes.has_backlog() => {}
                _ = tick.tick() => self.on_tick(),
            }
        }
        self.close().await;
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(event)) => self.on_gossip(event.into_inner()),
            SwarmEvent::Behaviour(BehaviourEvent::Rpc(event)) => {
                let (protocol, event) = event.split();
                self.on_rpc(protocol, event);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => self.on_identify(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.on_ping(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Discovery(event)) => self.on_discovery(event),
            SwarmEvent::Behaviour(_) => {}
            event => self.on_connection(event),
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.on_tick_status(now);
        self.on_tick_connections(now);
        self.on_tick_discovery(now);
        self.on_tick_oversight(now);
        let dropped = self.counters.snapshot().dropped;
        if dropped > self.dropped_before {
            warn!(messages = dropped - self.dropped_before, "the node is too slow for the network: messages dropped");
            self.dropped_before = dropped;
        }
    }

    /// Lets what is queued leave, and closes the connections.
    async fn close(&mut self) {
        self.keep_all().await;
        self.save_peers().await;
        let sent = async {
            loop {
                self.swarm.select_next_some().await;
            }
        };
        // Closing a connection does not wait for what its handlers still have to write.
        let _ = tokio::time::timeout(LINGER, sent).await;
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error says that the peer has gone by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let swarm = &mut self.swarm;
        let emptied = async {
            while swarm.connected_peers().next().is_some() {
                swarm.select_next_some().await;
            }
        };
        if tokio::time::timeout(FAREWELL, emptied).await.is_err() {
            warn!("some connections did not close in time");
        }
        info!("network stopped");
    }
}

impl std::fmt::Debug for NetworkTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkTask").field("local", self.swarm.local_peer_id()).finish_non_exhaustive()
    }
}
