//! Builds the whole node, runs it, and ends it.

mod entrance;
mod settings;

use crate::{
    admin::{self, AdminSocket, NodeOperations},
    chain::{ChainReader, HeadEvents, RecentBlocks, check_genesis},
    config::{DatabaseConfig, NodeConfig, ProcessConfig, Ready},
    engine::{Engine, EngineConfig},
    eras::{self, CurrentEra},
    genesis::{Genesis, with_peer},
    halt::Halted,
    keys::{self, NodeKeys, Passwords},
    l1::Link,
    mempool::{ChainRules, Mempool},
    mesh::{
        Assembler, AtOnce, Electorates, Endorsers, Held, Hints, KnownCertificates, MemberPeers, MempoolMesh, PeerBook,
        Porter, RecordKeeper, Router,
    },
    metrics::{self, Exposition, Metrics},
    rpc,
    stop::StopRequests,
    supervisor::Supervisor,
    sync::{self, Arrival, Snapshots, Synchronizer},
};
use baton_consensus::{
    keys::{BlsKey, OperatorKey},
    reign::Reign,
    types::{BlockRef, Height},
};
use baton_execution::next_base_fee;
use baton_network::{Agent, Multiaddr, NetworkHandle};
use baton_storage::{Store, StoreOptions};
use entrance::Entrance;
use eyre::WrapErr;
use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

/// How long open JSON-RPC connections may hold up the end.
const RPC_PATIENCE: Duration = Duration::from_secs(1);

/// How long those who use the database may hold up the end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// How long the swarm may take to listen on all its addresses.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);

/// The name and version that peers and clients see.
#[must_use]
pub fn version() -> String {
    format!("baton/{}", env!("CARGO_PKG_VERSION"))
}

/// Runs a node until it is told to stop.
///
/// # Errors
/// If a file, a key, the database or an address cannot be used, or a critical task fails.
pub async fn run(config: NodeConfig) -> eyre::Result<()> {
    let mut requests = StopRequests::listen(config.process.exit_on_stdin_eof)?;
    let NodeConfig {
        genesis,
        data_dir,
        keys_dir,
        password_file,
        l1,
        network,
        sync,
        rpc,
        metrics: metrics_address,
        mempool,
        database,
        log: _,
        process,
        without_checkpoints,
        whole_blocks,
    } = config;
    let genesis = Arc::new(Genesis::load(&genesis)?);
    Halted::refuse_to_start(&data_dir)?;
    // The keys first: nothing is written before all that was given is known to be good.
    let load = {
        let l1_key = l1.key.clone();
        // A password is typed slowly, and its key made slowly.
        move || {
            let passwords = Passwords::new(password_file);
            let keys = keys_dir.map(|directory| NodeKeys::load(&directory, &passwords)).transpose()?;
            let l1_key = l1_key.map(|path| keys::load_operator_key(&path, &passwords)).transpose()?;
            eyre::Ok((keys, l1_key))
        }
    };
    let (keys, l1_key) = tokio::task::spawn_blocking(load).await??;
    let metrics_socket = match metrics_address {
        Some(address) => Some(metrics::Socket::bind(address).await?),
        None => None,
    };
    let rpc_socket = rpc::Socket::bind(rpc.listen)?;
    let store = open_store(&data_dir, database, Arc::clone(&genesis)).await?;
    let (keypair, operator) = identities(keys, &data_dir)?;
    let reign = eras::restore(&store, genesis.reign(), genesis.signing_context())?;
    let set = Arc::clone(&reign.electorate.set);

    let closing = store.clone();
    let mut supervisor = Supervisor::default();
    let shutdown = supervisor.shutdown();
    let (metrics, registry) = Metrics::new();

    // The network.
    let (status, status_receiver) = watch::channel(own_status(&genesis, &store));
    let addresses_to_listen_on = network.listen.len();
    let members = MemberPeers::new(&set);
    let network_config =
        settings::network(network, &genesis, keypair, members.operators().into_keys(), operator.is_some(), &data_dir);
    let (network, mut events, swarm) = baton_network::start(network_config, status_receiver)?;
    let peers = PeerBook::new(network.local_peer_id(), members.clone());
    let operator_key = operator.as_ref().map(|(operator, _)| operator.clone());
    let (keeper, records) =
        RecordKeeper::new(network.clone(), members.clone(), genesis.signing_context(), operator_key, &data_dir);
    supervisor.spawn("network", with(swarm.run(shutdown.clone().cancelled_owned())));
    supervisor.spawn("records", with(keeper.run(shutdown.clone())));
    let (listening, mut addresses) = watch::channel(Vec::new());
    let rpc_config = settings::rpc(rpc);

    // What the node shows of itself from the first moment on.
    let sources = Arc::new(OnceLock::new());
    if let Some(socket) = metrics_socket {
        info!(address = %socket.address(), "metrics for Prometheus at /metrics");
        let exposition = Exposition::new(Arc::clone(&metrics), registry, network.peer_counters(), Arc::clone(&sources));
        let server = metrics::Server::new(socket, exposition);
        supervisor.spawn("metrics", with(server.run(shutdown.clone())));
    }

    // What its operator may tell it.
    let resigning = Arc::new(OnceLock::new());
    match AdminSocket::bind(&data_dir) {
        Ok(socket) => {
            let operations =
                NodeOperations { engine: Arc::clone(&resigning), network: network.clone(), members: members.clone() };
            let server = admin::Server::new(socket, operations);
            supervisor.spawn("admin", with(server.run(shutdown.clone())));
        }
        // The chain does not depend on it.
        Err(error) => warn!(%error, "`baton admin` cannot reach this node"),
    }

    // The way to the first block, if the node is new.
    let progress = sync::Progress::new(Arc::clone(&metrics));
    let entrance = Entrance {
        arrival: Arrival {
            genesis: Arc::clone(&genesis),
            store: store.clone(),
            network: network.clone(),
            peers: peers.clone(),
            mode: sync.mode,
            checkpoint: sync.checkpoint,
            is_member: operator.as_ref().is_some_and(|(operator, _)| genesis.set.contains(operator.address())),
            progress: progress.clone(),
        },
        porter: Porter {
            network: network.clone(),
            context: genesis.signing_context(),
            peers: peers.clone(),
            records: records.clone(),
            listening: listening.clone(),
        },
        process: &process,
        rpc_socket: &rpc_socket,
        rpc_config: rpc_config.clone(),
        addresses: addresses_to_listen_on,
    };
    let arrive = Box::pin(entrance.pass(&mut events, &mut requests));
    let anchors = match supervisor.during(arrive).await.and_then(|arrived| arrived) {
        Ok(Some(anchors)) => anchors,
        ended => {
            drop(store);
            let ended = ended.map(|_| ());
            return close(supervisor.oversee(std::future::ready(())).await, closing).await.and(ended);
        }
    };
    let reign = eras::restore(&store, genesis.reign(), genesis.signing_context())?;
    greet(&genesis, &store, &reign, operator.as_ref().map(|(operator, _)| operator));
    members.set(&reign.electorate.set);
    let (era, eras) = CurrentEra::new(reign);
    status.send_replace(own_status(&genesis, &store));
    let chain = ChainReader::new(store.clone(), genesis.chain);
    let heads = HeadEvents::new();

    // The mempool.
    let head = chain.store().header(store.head().height)?;
    let base_fee = head.map_or(0, |head| next_base_fee(&genesis.chain, &head.header));
    let (pool, pool_task) = Mempool::new(
        settings::mempool(&mempool, genesis.parameters.block_time),
        (store.head().height.0, base_fee),
        Arc::new(ChainRules::new(genesis.chain, genesis.header.gas_limit)),
        Arc::new(chain.clone()),
        Arc::new(MempoolMesh::new(network.clone(), peers.clone())),
    );

    // L1, if the set comes from there.
    let link = Link::prepare(&genesis, &l1, l1_key.as_ref(), &metrics.l1)?;
    let l1_status = link.as_ref().map(Link::status);

    // The engine and what feeds it.
    let (catch_up, catch_up_asked) = mpsc::channel(1);
    let recent = RecentBlocks::default();
    let (engine, engine_handle, view) = Engine::new(EngineConfig {
        genesis: Arc::clone(&genesis),
        keys: operator,
        era,
        evidence: link.as_ref().and_then(Link::reporter),
        version: version(),
        without_checkpoints,
        whole_blocks,
        data_dir: data_dir.clone(),
        chain: chain.clone(),
        pool: pool.clone(),
        recent: recent.clone(),
        network: network.clone(),
        members: members.clone(),
        heads: heads.clone(),
        status,
        catch_up,
        metrics: Arc::clone(&metrics),
    })?;
    let (news, peer_news) = mpsc::channel(1);
    let block_time = genesis.parameters.block_time;
    let interval = sync.snapshot_interval.unwrap_or_else(|| sync::interval_for(block_time));
    let snapshots = Snapshots::new(store.clone(), interval, Arc::clone(&metrics));
    let electorates = Electorates::restore(eras.clone(), &store, &genesis.reign())?;
    let assembler = Assembler::new(
        network.clone(),
        engine_handle.clone(),
        pool.clone(),
        recent.clone(),
        peers.clone(),
        Arc::clone(&metrics),
    );
    let router = Router {
        network: network.clone(),
        engine: engine_handle.clone(),
        pool: pool.clone(),
        store,
        recent,
        assembler,
        peers: peers.clone(),
        electorates,
        held: Held::default(),
        at_once: AtOnce::default(),
        known: KnownCertificates::default(),
        records,
        endorsers: Endorsers::default(),
        hints: Hints::default(),
        news,
        snapshots: snapshots.clone(),
        listening,
        metrics: Arc::clone(&metrics),
    };
    let synchronizer = Synchronizer::new(sync::Sources {
        network: network.clone(),
        engine: engine_handle.clone(),
        view: view.clone(),
        peers: peers.clone(),
        eras,
        chain: chain.clone(),
        progress: progress.clone(),
        anchors,
    });

    supervisor.spawn("mempool", with(pool_task.run(shutdown.clone())));
    supervisor.spawn("router", with(router.run(events, shutdown.clone())));
    supervisor.spawn("synchronizer", synchronizer.run(catch_up_asked, peer_news, shutdown.clone()));
    supervisor.spawn("keeper of snapshots", with(snapshots.run(shutdown.clone())));
    supervisor.spawn_thread("engine", engine.run(shutdown.clone()))?;
    if let Some(link) = link {
        supervisor.spawn("l1", with(link.run(engine_handle.clone(), shutdown.clone())));
    }
    // Nobody else sets it.
    let _ = resigning.set(engine_handle.clone());

    // What the node shows of itself, now that there is a chain.
    let (consensus, peers) = (Arc::new(view), Arc::new(peers));
    // Nobody else sets it.
    let _ = sources.set(metrics::Sources {
        chain: chain.clone(),
        pool: Arc::clone(pool.metrics()),
        consensus: consensus.clone(),
        peers: peers.clone(),
    });
    // It holds the database, which is closed below.
    drop(sources);
    let context = rpc::RpcContext { chain, pool, consensus, peers, heads, l1: l1_status, sync: progress.follow() };
    let (server, rpc_address) = (rpc::start_on(&rpc_socket, rpc_config, context)?, rpc_socket.address());
    info!(address = %rpc_address, "JSON-RPC over HTTP and WebSocket");

    let stop = async {
        let become_ready =
            become_ready(&process, &network, (&mut addresses, addresses_to_listen_on), rpc_socket.address());
        let what = tokio::select! {
            result = become_ready => match result {
                Ok(()) => requests.next().await,
                Err(error) => return Err(error),
            },
            what = requests.next() => what,
        };
        info!("{what}: stopping");
        requests.take_leave(&engine_handle).await;
        Ok(())
    };
    finish(supervisor, server, closing, stop).await
}

/// Runs until the node is to stop, or cannot go on; then ends everything, the database last.
async fn finish(
    supervisor: Supervisor,
    server: rpc::RpcHandle,
    store: Store,
    stop: impl Future<Output = eyre::Result<()>>,
) -> eyre::Result<()> {
    let mut stopped = Ok(());
    let result = supervisor.oversee(async { stopped = stop.await }).await;
    // Open connections may take their time; they are cut with the process.
    let _ = tokio::time::timeout(RPC_PATIENCE, server.stop()).await;
    close(result, store).await.and(stopped)
}

/// Closes the database.
async fn close(result: eyre::Result<()>, store: Store) -> eyre::Result<()> {
    if !tokio::task::spawn_blocking(move || store.close(CLOSE_PATIENCE)).await? {
        warn!("a part of the node still uses the database; it is left open");
    }
    result
}

/// Tells what started the node where it listens, once it does.
async fn become_ready(
    process: &ProcessConfig,
    network: &NetworkHandle,
    (addresses, expected): (&mut watch::Receiver<Vec<Multiaddr>>, usize),
    rpc: SocketAddr,
) -> eyre::Result<()> {
    wait_until_listening(addresses, expected).await;
    let Some(path) = &process.ready_file else { return Ok(()) };
    let peer = network.local_peer_id();
    let p2p = addresses.borrow().iter().map(|address| with_peer(address, peer)).collect();
    let ready = Ready { rpc, p2p, pid: std::process::id() };
    ready.write(path).wrap_err_with(|| format!("cannot write the ready file {}", path.display()))
}

async fn with(task: impl Future<Output = ()>) -> eyre::Result<()> {
    task.await;
    Ok(())
}

async fn open_store(data_dir: &Path, config: DatabaseConfig, genesis: Arc<Genesis>) -> eyre::Result<Store> {
    let DatabaseConfig { cache, prune } = config;
    let path = data_dir.join("db");
    std::fs::create_dir_all(data_dir).wrap_err_with(|| format!("cannot create {}", data_dir.display()))?;
    tokio::task::spawn_blocking(move || {
        let store =
            Store::open(&path, &StoreOptions { cache_bytes: cache.as_usize(), prune, ..StoreOptions::default() })?;
        check_genesis(&store, &genesis)?;
        Ok(store)
    })
    .await?
}

/// What [`baton_consensus::core::Identity::keys`] takes.
type OperatorKeys = (OperatorKey, Vec<BlsKey>);

/// The key that names the node to its peers, and the operator's own if there are keys; an observer needs none.
fn identities(
    keys: Option<NodeKeys>,
    data_dir: &Path,
) -> eyre::Result<(libp2p::identity::Keypair, Option<OperatorKeys>)> {
    Ok(match keys {
        Some(keys) => (keys.node, Some((keys.operator, std::iter::once(keys.bls).chain(keys.next_bls).collect()))),
        None => (keys::load_or_create_identity(&data_dir.join(keys::NODE_KEY))?, None),
    })
}

fn greet(genesis: &Genesis, store: &Store, reign: &Reign, operator: Option<&OperatorKey>) {
    let set = &reign.electorate.set;
    info!(
        version = version(),
        chain = genesis.chain_id(),
        genesis = %genesis.hash,
        head = %store.head(),
        era = %reign.era(),
        sequencers = set.len(),
        finality = %genesis.parameters.finality,
        "baton"
    );
    match operator.map(OperatorKey::address) {
        Some(address) if set.contains(address) => info!(%address, "running as a sequencer"),
        Some(address) => warn!(%address, "this key is not in the sequencer set: running as an observer"),
        None => info!("no keys were given: running as an observer"),
    }
}

/// What the node tells of itself before its engine does.
fn own_status(genesis: &Genesis, store: &Store) -> baton_network::Status {
    let start = BlockRef { height: Height(0), hash: genesis.hash };
    baton_network::Status {
        // Before there is a chain it is that of genesis.
        head: if store.genesis().is_some() { store.head() } else { start },
        finalized: store.finalized().height,
        earliest: store.earliest(),
        term: baton_consensus::types::Term(1),
        agent: Agent::fit(&version()),
        ..baton_network::Status::of_newcomer(&genesis.signing_context())
    }
}

async fn wait_until_listening(addresses: &mut watch::Receiver<Vec<Multiaddr>>, expected: usize) {
    let all = addresses.wait_for(|addresses| addresses.len() >= expected);
    if tokio::time::timeout(LISTEN_PATIENCE, all).await.is_err() {
        warn!("the network does not listen on all addresses that it was told");
    }
}
