//! The sequencer set of an era.

use super::Stake;
use crate::keys::{BlsPublicKey, BlsVerifyingKey, ProofOfPossession};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The largest number of members that a set may have.
pub const MAX_MEMBERS: usize = 1024;

/// The most bytes of a peer id's base58 form.
pub const MAX_PEER_ID_BYTES: usize = 64;

/// One member of the set, as genesis or the registry names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct Sequencer {
    /// The operator's address on L1 and L2; its key signs announcements, blocks, seals and heartbeats.
    pub address: Address,
    /// The key that signs votes and term changes.
    pub bls_public_key: BlsPublicKey,
    /// Stake; 1 for everyone under `depth-count`.
    pub weight: Stake,
    /// The libp2p peer id in its base58 form, at most [`MAX_PEER_ID_BYTES`]; a hint, empty if unknown.
    pub peer_id: String,
}

/// Why a set is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSet {
    /// Nobody could sequence.
    #[error("the sequencer set is empty")]
    Empty,
    /// More than [`MAX_MEMBERS`].
    #[error("the sequencer set has {0} members; at most {MAX_MEMBERS} are possible")]
    TooMany(usize),
    /// The same operator twice.
    #[error("the sequencer set names {0} twice")]
    DuplicateAddress(Address),
    /// The same BLS key twice, which would let one signature count for two.
    #[error("the sequencers {0} and {1} share a BLS public key")]
    DuplicateBlsKey(Address, Address),
    /// A member without weight could never matter.
    #[error("the sequencer {0} has no weight")]
    NoWeight(Address),
    /// The sum does not fit 256 bits.
    #[error("the weights of the sequencer set add up to more than 2^256 - 1")]
    WeightOverflow,
    /// The BLS key is not proven to belong to its holder.
    #[error("the sequencer {0} has no valid proof of possession of its BLS key")]
    ProofOfPossession(Address),
}

/// The members of one era, sorted by address, with their total weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencerSet {
    members: Vec<Sequencer>,
    /// In the order of the members.
    keys: Vec<BlsVerifyingKey>,
    total: Stake,
}

impl SequencerSet {
    /// Sorts and checks `members`.
    ///
    /// # Errors
    /// [`InvalidSet`] tells which member breaks which rule.
    pub fn new(mut members: Vec<Sequencer>) -> Result<Self, InvalidSet> {
        if members.is_empty() {
            return Err(InvalidSet::Empty);
        }
        if members.len() > MAX_MEMBERS {
            return Err(InvalidSet::TooMany(members.len()));
        }
        members.sort_by_key(|member| member.address);
        for pair in members.windows(2) {
            if pair[0].address == pair[1].address {
                return Err(InvalidSet::DuplicateAddress(pair[0].address));
            }
        }
        let mut keys = std::collections::BTreeMap::new();
        let mut total = Stake::default();
        for member in &members {
            if member.weight.0 == U256::ZERO {
                return Err(InvalidSet::NoWeight(member.address));
            }
            if let Some(other) = keys.insert(member.bls_public_key, member.address) {
                return Err(InvalidSet::DuplicateBlsKey(other, member.address));
            }
            total = total.checked_add(member.weight).ok_or(InvalidSet::WeightOverflow)?;
        }
        let keys = members.iter().map(|member| member.bls_public_key.into()).collect();
        Ok(Self { members, keys, total })
    }

    /// [`Self::new`] after checking that every BLS key is proven to belong to its holder.
    ///
    /// # Errors
    /// As [`Self::new`], or [`InvalidSet::ProofOfPossession`].
    pub fn with_proofs(members: Vec<(Sequencer, ProofOfPossession)>) -> Result<Self, InvalidSet> {
        for (member, proof) in &members {
            if !member.bls_public_key.verify_possession(proof) {
                return Err(InvalidSet::ProofOfPossession(member.address));
            }
        }
        Self::new(members.into_iter().map(|(member, _)| member).collect())
    }

    /// The members in order of their addresses.
    #[must_use]
    pub fn members(&self) -> &[Sequencer] {
        &self.members
    }

    /// How many members there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The sum of all weights.
    #[must_use]
    pub const fn total(&self) -> Stake {
        self.total
    }

    /// The member with this address.
    #[must_use]
    pub fn get(&self, address: Address) -> Option<&Sequencer> {
        self.members.get(self.index_of(address)?)
    }

    /// The key by which to verify what the member at this place votes.
    #[must_use]
    pub fn key_at(&self, place: usize) -> Option<&BlsVerifyingKey> {
        self.keys.get(place)
    }

    /// The key by which to verify what the member with this address votes.
    #[must_use]
    pub fn key_of(&self, address: Address) -> Option<&BlsVerifyingKey> {
        self.key_at(self.index_of(address)?)
    }

    /// The member's place in the order of addresses.
    #[must_use]
    pub fn index_of(&self, address: Address) -> Option<usize> {
        self.members.binary_search_by_key(&address, |member| member.address).ok()
    }

    /// Whether this address is a member.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        self.get(address).is_some()
    }

    /// The keccak of the RLP list of the sorted members.
    #[must_use]
    pub fn members_root(&self) -> B256 {
        keccak256(alloy_rlp::encode(&self.members))
    }
}

#[cfg(test)]
mod tests;
