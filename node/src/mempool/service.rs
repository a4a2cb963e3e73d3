//! Construction and the run of the mempool's tasks.

use super::{
    actor::{Actor, ROUND_BATCHES},
    budget::Budget,
    handle::PoolHandle,
    intake::Intake,
    limits::Limits,
    metrics::Metrics,
    outbox::Outbox,
    pool::Pool,
    ports::{AccountSource, Mesh, Rules},
    prepare::Preparation,
    rebroadcast::Rebroadcast,
    sender_cache::SenderCache,
};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Commands that may wait for the pool.
const COMMANDS: usize = 256;

/// Admissions that a slow subscriber may be behind.
const ADMISSIONS: usize = 8_192;

/// How the mempool behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The bounds of the pool.
    pub limits: Limits,
    /// How long a user's transaction waits for a peer's acknowledgement, and before that for room.
    pub acknowledge_timeout: Duration,
    /// The pause between two gossiped batches; a full batch does not wait for it.
    pub gossip_interval: Duration,
    /// When a transaction that this node answers for is gossiped again, if it is not included by then; the pause doubles
    /// with each time.
    pub rebroadcast_after: Duration,
    /// How much may be between RPC or pushing peers and the pool, in KiB and in transactions.
    pub answered_in_flight: u32,
    /// How much may be between the mesh and the pool, in KiB and in transactions.
    pub gossip_in_flight: u32,
    /// Signers that are remembered at least.
    pub sender_cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            acknowledge_timeout: Duration::from_secs(2),
            gossip_interval: Duration::from_millis(5),
            rebroadcast_after: Duration::from_secs(2),
            answered_in_flight: 32 << 10,
            gossip_in_flight: 32 << 10,
            sender_cache: 400_000,
        }
    }
}

/// The mempool's tasks, built and not running yet.
#[must_use = "run it"]
pub struct Mempool<M> {
    intake: Intake,
    actor: Actor,
    outbox: Outbox<M>,
}

impl<M: Mesh> Mempool<M> {
    /// Builds an empty mempool on top of the head, which is at `height` and sets the base fee of the next block in wei
    /// per gas.
    pub fn new(
        config: Config,
        (height, next_base_fee): (u64, u64),
        rules: Arc<dyn Rules>,
        state: Arc<dyn AccountSource>,
        mesh: Arc<M>,
    ) -> (PoolHandle, Self) {
        let Config {
            limits,
            acknowledge_timeout,
            gossip_interval,
            rebroadcast_after,
            answered_in_flight,
            gossip_in_flight,
            sender_cache,
        } = config;
        // Not less than what the biggest transaction takes.
        let least = u32::try_from(Budget::units_for(limits.max_transaction_bytes)).unwrap_or(u32::MAX);
        let (answered_in_flight, gossip_in_flight) = (answered_in_flight.max(least), gossip_in_flight.max(least));
        let max_transaction_bytes = limits.max_transaction_bytes;
        let pool = Pool::new(limits, height, next_base_fee);
        let (index, metrics) = (pool.index().clone(), Arc::new(Metrics::default()));
        let senders = Arc::new(SenderCache::new(sender_cache));

        // Every transaction takes one unit of room at least, so that these channels have a place for each.
        let (answered, answered_receiver) = mpsc::channel(answered_in_flight as usize);
        let (gossip, gossip_receiver) = mpsc::channel(gossip_in_flight as usize);
        let (outbox, outbox_receiver) = mpsc::channel(answered_in_flight as usize);
        let (again, again_receiver) = mpsc::channel(2 * ROUND_BATCHES);
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (admissions, _) = broadcast::channel(ADMISSIONS);

        let preparation = Arc::new(Preparation {
            rules,
            state,
            index: index.clone(),
            senders: senders.clone(),
            metrics: metrics.clone(),
            max_transaction_bytes,
            branch: Arc::new(AtomicU64::new(0)),
        });
        let handle = PoolHandle {
            answered,
            gossip,
            commands: commands.clone(),
            answered_budget: Budget::new(answered_in_flight),
            gossip_budget: Budget::new(gossip_in_flight),
            sequence: Arc::default(),
            index,
            senders,
            metrics: metrics.clone(),
            admissions: admissions.clone(),
            max_transaction_bytes,
            patience: acknowledge_timeout,
        };
        let intake = Intake {
            answered: answered_receiver,
            gossip: gossip_receiver,
            preparation: preparation.clone(),
            commands: commands.clone(),
        };
        let actor = Actor {
            pool,
            commands: command_receiver,
            own_commands: commands,
            preparation,
            outbox,
            again,
            rebroadcast: Rebroadcast::new(rebroadcast_after),
            rebroadcast_interval: (rebroadcast_after / 4).max(Duration::from_millis(1)),
            admissions,
            metrics: metrics.clone(),
        };
        let outbox = Outbox {
            mesh,
            admitted: outbox_receiver,
            again: again_receiver,
            pause: gossip_interval,
            deadline: acknowledge_timeout,
            metrics,
        };
        (handle, Self { intake, actor, outbox })
    }

    /// Runs until the shutdown; a panic in one of the tasks comes out here. What the pool admitted before the shutdown
    /// still leaves for the mesh.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { intake, actor, outbox } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(intake.run(shutdown.clone()));
        tasks.spawn(actor.run(shutdown.clone()));
        tasks.spawn(outbox.run(shutdown.clone()));
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
                // One cannot go on without the others.
                _ => shutdown.cancel(),
            }
        }
    }
}
