//! What peers tell each other first: which chain they are on and how far they are.

use crate::{text::Text, wire::Wire};
use alloy_primitives::B256;
use baton_consensus::{
    signing::SigningContext,
    types::{BlockRef, Epoch, Era, Height, Term},
};
use serde::{Deserialize, Serialize};

/// The version of the network protocol that this program speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The longest software name and version that a peer may state, in bytes.
pub const MAX_AGENT_BYTES: usize = 64;

/// The software name and version of a peer, as it states them.
pub type Agent = Text<MAX_AGENT_BYTES>;

/// A node's chain and progress. Nothing in it is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The sender's [`PROTOCOL_VERSION`].
    pub version: u32,
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// The hash of block 0.
    pub genesis_hash: B256,
    /// The sealed head.
    pub head: BlockRef,
    /// The height of the newest final block.
    pub finalized: Height,
    /// The height of the lowest block that the sender can serve.
    pub earliest: Height,
    /// The era that the sender is in.
    pub era: Era,
    /// The term that the sender is in.
    pub term: Term,
    /// The newest epoch that the sender knows.
    pub epoch: Epoch,
    /// The sender's software.
    pub agent: Agent,
}

impl Status {
    /// What a peer of the chain says that has nothing of it, not even block 0, and no name.
    #[must_use]
    pub fn of_newcomer(chain: &SigningContext) -> Self {
        Self {
            version: PROTOCOL_VERSION,
            chain_id: chain.chain_id,
            genesis_hash: chain.genesis_hash,
            head: BlockRef::default(),
            finalized: Height::default(),
            earliest: Height::default(),
            era: Era::default(),
            term: Term::default(),
            epoch: Epoch::default(),
            agent: Agent::default(),
        }
    }

    /// The chain that the sender is on.
    #[must_use]
    pub const fn chain(&self) -> SigningContext {
        SigningContext { chain_id: self.chain_id, genesis_hash: self.genesis_hash }
    }
}

impl Wire for Status {}
