//! What the follower is told, and what it tells.

use crate::l1::EndpointStatus;
use alloy_primitives::{Address, B256};
use baton_consensus::{FinalityRule, messages::L1Anchor, types::Sequencer};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};

/// What the follower is told.
#[derive(Clone, Debug)]
pub struct FollowerConfig {
    /// The registry.
    pub registry: Address,
    /// The L1 block whose set is that of genesis.
    pub start: L1Anchor,
    /// The sequencers of genesis, by address: what the registry must say at [`Self::start`].
    pub members: Vec<Sequencer>,
    /// By which members weigh; genesis' members too.
    pub finality: FinalityRule,
    /// The L2's EIP-155 chain id: what the registry must say.
    pub l2_chain_id: u64,
    /// The hash of the L2's block 0: what the registry must say once it is activated.
    pub genesis_hash: B256,
    /// How many blocks L1's head must be ahead of a block that counts.
    pub confirmations: u64,
    /// The pause between two looks; half of L1's block time is a good one.
    pub poll_interval: Duration,
    /// The most blocks whose logs are asked for at once.
    pub max_range: u64,
    /// How long a set change waits for another endpoint that does not answer.
    pub witness_patience: Duration,
}

impl FollowerConfig {
    /// The defaults for L1 blocks of twelve seconds, and empty members.
    #[must_use]
    pub fn new(registry: Address, start: L1Anchor) -> Self {
        Self {
            registry,
            start,
            members: Vec::new(),
            finality: FinalityRule::default(),
            l2_chain_id: 0,
            genesis_hash: B256::ZERO,
            confirmations: 12,
            poll_interval: Duration::from_secs(2),
            max_range: 10_000,
            witness_patience: Duration::from_secs(30),
        }
    }
}

pub use baton_consensus::reign::RegistrySet;

/// What the follower tells, in the order of L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryUpdate {
    /// The set is another one from this block on, its members by address. A set without members is not told: it could not decide anything, and the
    /// one before stays.
    Set(RegistrySet),
    /// L1 was reorganised deeper than the confirmations: what was told of blocks above this one does not hold.
    Reverted {
        /// The newest block that holds.
        above: u64,
    },
}

/// What the follower is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It has not seen yet that L1 and genesis agree.
    #[default]
    Starting,
    /// The registry is not bound to a chain yet; its owner has to activate it.
    AwaitingActivation,
    /// It follows.
    Following,
}

/// How the follower does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowerStatus {
    /// What it is doing.
    pub phase: Phase,
    /// The block up to which logs were read, behind the head by the confirmations.
    pub confirmed: Option<L1Anchor>,
    /// The timestamp of that block, in seconds since 1970; what [`Self::lag`] counts from.
    pub confirmed_at: Option<u64>,
    /// L1's head when it was last seen.
    pub head: Option<u64>,
    /// How the endpoints do.
    pub endpoints: Vec<EndpointStatus>,
    /// Why the last look failed; none if it did not.
    pub last_error: Option<String>,
}

impl FollowerStatus {
    /// How old the newest block is that counts: L1's confirmations, and whatever the follower is behind.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(now.saturating_sub(Duration::from_secs(self.confirmed_at?)))
    }
}

/// The other end of a follower.
#[derive(Debug)]
pub struct FollowerHandle {
    /// What it tells. It waits while this is full, and then tells later; nothing else waits for it.
    pub updates: mpsc::Receiver<RegistryUpdate>,
    /// How it does.
    pub status: watch::Receiver<FollowerStatus>,
}
