//! What a genesis file says, before it is checked as a whole.

use super::{GenesisError, json};
use crate::keys::PublicKeys;
use alloy_primitives::Address;
use baton_consensus::{
    Parameters,
    keys::ProofOfPossession,
    types::{Sequencer, Stake},
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
    /// Peers to start from. The only part that the genesis hash leaves out.
    pub bootnodes: Vec<Multiaddr>,
    /// The accounts of block 0.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// A sequencer as a genesis file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisSequencer {
    /// Its public keys; the peer id may be empty.
    pub keys: PublicKeys,
    /// Its stake; 1 under `depth-count`.
    pub weight: Stake,
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
    pub(super) fn into_member(self) -> Result<(Sequencer, ProofOfPossession), GenesisError> {
        let PublicKeys { address, bls_public_key, proof_of_possession, peer_id } = self.keys;
        if !peer_id.is_empty() && peer_id.parse::<PeerId>().is_err() {
            return Err(GenesisError::field(
                "sequencing.sequencers",
                format_args!("the peer id `{peer_id}` of {address} is not one; `baton key show` prints it"),
            ));
        }
        Ok((Sequencer { address, bls_public_key, weight: self.weight, peer_id }, proof_of_possession))
    }
}
