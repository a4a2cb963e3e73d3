//! What must hold before the follower follows: registry and genesis speak of the same chain, and of the same set.

use super::{
    handle::FollowerConfig,
    position::Position,
    reading::{Reader, StepError},
};
use crate::l1::{ISequencerRegistry, L1Client};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256};
use baton_consensus::{messages::L1Anchor, types::Sequencer};
use thiserror::Error;

/// L1 and genesis do not fit together: more of the same answers do not help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// Another branch of L1, or another L1.
    #[error(
        "L1 has block {actual} at height {number}, genesis names {expected}: is this the L1 of this chain? If it was \
         reorganised since genesis was made, make a new genesis"
    )]
    ForeignAnchor {
        /// The height that genesis names.
        number: u64,
        /// The hash that genesis names.
        expected: B256,
        /// The hash of that height.
        actual: B256,
    },
    /// The registry of another chain.
    #[error("the registry {registry} is for L2 chain {actual}, this one is {expected}: check its address in genesis")]
    ForeignChain {
        /// The registry.
        registry: Address,
        /// This chain's id.
        expected: u64,
        /// Its chain's id.
        actual: u64,
    },
    /// The registry of another genesis.
    #[error(
        "the registry {registry} is bound to genesis {actual}, this node has {expected}: get the genesis file that it is \
         bound to, or check its address"
    )]
    ForeignGenesis {
        /// The registry.
        registry: Address,
        /// This chain's block 0.
        expected: B256,
        /// The block 0 that it names.
        actual: B256,
    },
    /// The registry is younger than the block whose set is that of genesis.
    #[error("the registry {registry} was deployed at L1 block {deployed}, genesis reads it at block {start}")]
    NotDeployed {
        /// The registry.
        registry: Address,
        /// The block of its deployment.
        deployed: u64,
        /// The block that genesis names.
        start: u64,
    },
    /// Another set.
    #[error("the registry's set at L1 block {} is not that of genesis: {difference}", .anchor.number)]
    ForeignSet {
        /// The block that genesis names.
        anchor: L1Anchor,
        /// The first difference.
        difference: String,
    },
}

/// Whether the follower can start.
#[derive(Debug)]
pub(super) enum Start {
    /// From here.
    Ready(Position),
    /// Not before L1's head is this far.
    NotConfirmed { head: u64, needed: u64 },
    /// Not before the registry's owner has activated it.
    NotActivated,
}

/// Compares the registry, as one endpoint shows it, with genesis.
pub(super) async fn check(source: &L1Client, config: &FollowerConfig, reader: &mut Reader) -> Result<Start, StepError> {
    let (registry, start) = (config.registry, config.start);
    let (head, needed) = (source.head().await?.number, start.number.saturating_add(config.confirmations));
    if head < needed {
        return Ok(Start::NotConfirmed { head, needed });
    }
    let block = source.block_at(start.number).await?.ok_or(StepError::Behind(start.number))?;
    if block.hash != start.hash {
        let (number, expected, actual) = (start.number, start.hash, block.hash);
        return Err(StartError::ForeignAnchor { number, expected, actual }.into());
    }
    let latest = BlockId::latest();
    let actual = source.read(registry, &ISequencerRegistry::l2ChainIdCall, latest).await?;
    if actual != config.l2_chain_id {
        return Err(StartError::ForeignChain { registry, expected: config.l2_chain_id, actual }.into());
    }
    let actual = source.read(registry, &ISequencerRegistry::genesisHashCall, latest).await?;
    if actual == B256::ZERO {
        return Ok(Start::NotActivated);
    }
    if actual != config.genesis_hash {
        return Err(StartError::ForeignGenesis { registry, expected: config.genesis_hash, actual }.into());
    }
    let deployed = source.read(registry, &ISequencerRegistry::deployedAtCall, latest).await?.saturating_to::<u64>();
    if deployed > start.number {
        return Err(StartError::NotDeployed { registry, deployed, start: start.number }.into());
    }
    // Before its first log; the hash is of no block that is looked at again.
    let before = L1Anchor { number: deployed.saturating_sub(1), hash: B256::ZERO };
    let mut position = Position::origin(before);
    reader.read(source, &mut position, &mut Vec::new(), start.number).await?;
    if position.anchor != start {
        return Err(StepError::Moved);
    }
    let members = position.members(config.finality);
    if let Some(difference) = difference(&config.members, &members) {
        return Err(StartError::ForeignSet { anchor: start, difference }.into());
    }
    Ok(Start::Ready(position))
}

/// In words, where two sets differ first.
fn difference(genesis: &[Sequencer], registry: &[Sequencer]) -> Option<String> {
    let missing = genesis.iter().find(|member| !registry.iter().any(|other| other.address == member.address));
    if let Some(member) = missing {
        return Some(format!("{} is in genesis only", member.address));
    }
    let extra = registry.iter().find(|member| !genesis.iter().any(|other| other.address == member.address));
    if let Some(member) = extra {
        return Some(format!("{} is in the registry only", member.address));
    }
    let pairs = genesis.iter().filter_map(|member| {
        let other = registry.iter().find(|other| other.address == member.address)?;
        (member != other).then_some((member, other))
    });
    pairs.into_iter().next().map(|(member, other)| {
        let address = member.address;
        if member.bls_public_key != other.bls_public_key {
            format!(
                "{address} has BLS key {} in genesis and {} in the registry",
                member.bls_public_key.0, other.bls_public_key.0
            )
        } else if member.weight != other.weight {
            format!("{address} weighs {} in genesis and {} in the registry", member.weight, other.weight)
        } else {
            format!("{address} has peer id {:?} in genesis and {:?} in the registry", member.peer_id, other.peer_id)
        }
    })
}
