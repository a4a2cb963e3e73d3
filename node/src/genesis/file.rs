//! What a genesis file says, before it is checked as a whole.

use super::{GenesisError, L1Genesis, json};
use crate::keys::PublicKeys;
use alloy_primitives::Address;
use baton_consensus::{
    Parameters,
    keys::ProofOfPossession,
    types::{InvalidSet, Sequencer, Stake},
};
use baton_execution::GenesisAccount;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;

/// The content of a genesis file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisFile {
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// The time of block 0, in seconds since the Unix epoch.
    pub timestamp: u64,
    /// The gas limit of block 0.
    pub gas_limit: u64,
    /// The base fee of block 0, in wei.
    pub base_fee_per_gas: u64,
    /// Who earns the base fee; nobody if absent: it is burnt.
    pub base_fee_recipient: Option<Address>,
    /// What the protocol is told.
    pub parameters: Parameters,
    /// The sequencers of era 0, in any order.
    pub sequencers: Vec<GenesisSequencer>,
    /// Where the set comes from after era 0; none if it never changes.
    pub l1: Option<L1Genesis>,
    /// Peers to start from. The only part that the genesis hash leaves out.
    pub bootnodes: Vec<Multiaddr>,
    /// The accounts of block 0.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// A sequencer as a genesis file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisSequencer {
    /// The member of era 0. Its weight is its stake; 1 under `depth-count`. Its peer id may be empty.
    pub member: Sequencer,
    /// That it holds its BLS key. A member that comes from the registry may go without: there is no other way into the
    /// registry than by a proof, which is bound to the registry.
    pub proof_of_possession: Option<ProofOfPossession>,
}

impl GenesisFile {
    /// Reads the JSON form. Bounds and proofs are for [`super::Genesis::new`] to check.
    ///
    /// # Errors
    /// [`GenesisError`] names the line, or the field and what is wrong with it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, GenesisError> {
        json::read(bytes)
    }

    /// The JSON form, which [`Self::from_json`] reads back as the same.
    ///
    /// # Errors
    /// [`GenesisError::Json`] if it cannot be written, which no content causes.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        json::write(self)
    }
}

impl GenesisSequencer {
    /// A sequencer by what `baton key show` prints of it.
    #[must_use]
    pub fn new(keys: PublicKeys, weight: Stake) -> Self {
        let PublicKeys { address, bls_public_key, proof_of_possession, peer_id } = keys;
        Self {
            member: Sequencer { address, bls_public_key, weight, peer_id },
            proof_of_possession: Some(proof_of_possession),
        }
    }

    /// The member, once its parts hold: its peer id, and its proof of possession, which only `l1` makes dispensable.
    pub(super) fn into_member(self, l1: Option<&L1Genesis>) -> Result<Sequencer, GenesisError> {
        let Self { member, proof_of_possession } = self;
        let Sequencer { address, bls_public_key, weight: _, peer_id } = &member;
        if !peer_id.is_empty() && peer_id.parse::<PeerId>().is_err() {
            return Err(GenesisError::field(
                "sequencing.sequencers",
                format_args!("the peer id `{peer_id}` of {address} is not one; `baton key show` prints it"),
            ));
        }
        let proven = proof_of_possession.map_or(l1.is_some(), |proof| bls_public_key.verify_possession(&proof));
        if !proven {
            return Err(InvalidSet::ProofOfPossession(*address).into());
        }
        Ok(member)
    }
}
