//! What the logs of the registry say.

use super::ISequencerRegistry::{
    ExitRequested, ISequencerRegistryEvents as Event, Member, Registered, Rotated, Slashed, StakeAdded, Withdrawn,
};
use alloy_primitives::{Address, Bytes, FixedBytes, Log, U256};
use alloy_sol_types::SolEventInterface;
use baton_consensus::{
    keys::BlsPublicKey,
    types::{Sequencer, Stake},
};
use libp2p::PeerId;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// An active operator, which may be in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// In the smallest unit of the token.
    pub stake: U256,
    /// As it was registered.
    pub bls_public_key: Bytes,
    /// As it was registered.
    pub peer_id: String,
    /// As it was registered.
    pub multiaddr: String,
}

/// The registry after some of its logs, from its deployment on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryState {
    minimum_stake: U256,
    /// None before the constructor's log.
    max_members: u32,
    active: BTreeMap<Address, Candidate>,
}

impl RegistryState {
    /// Follows the next log. What is none of the registry's events is passed over.
    ///
    /// # Errors
    /// If the log bears the name of one of the events and is not in its form: no contract with this interface wrote it.
    pub fn apply(&mut self, log: &Log) -> Result<(), alloy_sol_types::Error> {
        let known = log.topics().first().is_some_and(|topic| Event::SELECTORS.contains(&topic.0));
        if !known {
            return Ok(());
        }
        match Event::decode_log(log)?.data {
            Event::Registered(Registered { operator, stake, blsPublicKey: key, peerId, multiaddr, .. }) => {
                let candidate = Candidate { stake, bls_public_key: key, peer_id: peerId, multiaddr };
                self.active.insert(operator, candidate);
            }
            Event::StakeAdded(StakeAdded { operator, stake, .. }) => {
                if let Some(candidate) = self.active.get_mut(&operator) {
                    candidate.stake = stake;
                }
            }
            Event::Rotated(Rotated { operator, blsPublicKey, peerId, multiaddr }) => {
                if let Some(candidate) = self.active.get_mut(&operator) {
                    candidate.bls_public_key = blsPublicKey;
                    candidate.peer_id = peerId;
                    candidate.multiaddr = multiaddr;
                }
            }
            // A slash is a forced exit.
            Event::ExitRequested(ExitRequested { operator, .. })
            | Event::Slashed(Slashed { operator, .. })
            | Event::Withdrawn(Withdrawn { operator, .. }) => {
                self.active.remove(&operator);
            }
            Event::ParametersChanged(changed) => {
                self.minimum_stake = changed.parameters.minimumStake;
                self.max_members = changed.parameters.maxMembers;
            }
            Event::RotationRequested(_) | Event::ParametersScheduled(_) | Event::Activated(_) => {}
        }
        Ok(())
    }

    /// Those who have a seat, by rank: the most stake first, of equals the lower address.
    fn ranked(&self) -> Vec<(Address, &Candidate)> {
        let enough = self.active.iter().filter(|(_, candidate)| candidate.stake >= self.minimum_stake);
        let mut ranked: Vec<_> = enough.map(|(address, candidate)| (*address, candidate)).collect();
        // Stable, and in the order of addresses before.
        ranked.sort_by_key(|(_, candidate)| Reverse(candidate.stake));
        ranked.truncate(usize::try_from(self.max_members).unwrap_or(usize::MAX));
        ranked
    }

    /// Those who have a seat, as the contract's `currentSet` returns them.
    #[must_use]
    pub fn seats(&self) -> Vec<Member> {
        let mut seats: Vec<_> = self.ranked();
        seats.sort_by_key(|(address, _)| *address);
        let member = |(operator, candidate): (Address, &Candidate)| Member {
            operator,
            stake: candidate.stake,
            blsPublicKey: candidate.bls_public_key.clone(),
            peerId: candidate.peer_id.clone(),
            multiaddr: candidate.multiaddr.clone(),
        };
        seats.into_iter().map(member).collect()
    }

    /// The sequencers of [`Self::seats`].
    #[must_use]
    pub fn members(&self) -> Vec<Sequencer> {
        sequencers(&self.seats())
    }
}

/// Who of those that have a seat is a sequencer, in the order of their addresses; their weight is their stake. May be empty. The
/// seats are in the order of addresses, as the contract's `currentSet` returns them.
#[must_use]
pub fn sequencers(seats: &[Member]) -> Vec<Sequencer> {
    let mut ranked: Vec<_> = seats.iter().collect();
    ranked.sort_by_key(|seat| Reverse(seat.stake));
    let mut total = Stake::default();
    let mut members = Vec::new();
    for seat in ranked {
        let weight = Stake(seat.stake);
        let key = FixedBytes::try_from(seat.blsPublicKey.as_ref()).map(BlsPublicKey);
        let Some(bls_public_key) = key.ok().filter(BlsPublicKey::is_valid) else { continue };
        let (Some(sum), true) = (total.checked_add(weight), seat.stake > U256::ZERO) else { continue };
        total = sum;
        let peer_id = seat.peerId.parse::<PeerId>().map(PeerId::to_base58).unwrap_or_default();
        let peer_id = if peer_id == seat.peerId { peer_id } else { String::new() };
        members.push(Sequencer { address: seat.operator, bls_public_key, weight, peer_id });
    }
    members.sort_by_key(|member| member.address);
    let mut keys = BTreeSet::new();
    members.retain(|member| keys.insert(member.bls_public_key));
    members
}
