use super::{Era, SequencerSet, Stake};
use crate::election::Priorities;
use crate::signing::SigningContext;
use alloy_primitives::{Address, B256};
use std::sync::Arc;
use thiserror::Error;

/// Everything that signatures of one era are checked against. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Electorate {
    /// The chain.
    pub context: SigningContext,
    /// The era.
    pub era: Era,
    /// Who votes.
    pub set: Arc<SequencerSet>,
    /// What checkpoints name the set by.
    pub set_root: B256,
}

/// Why a bitmap of signers does not fit a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidSigners {
    /// It has not exactly one bit a member, rounded up to bytes, or a bit beyond the last member.
    #[error("the bitmap of signers has another length than the set")]
    Length,
    /// Nobody.
    #[error("the bitmap of signers is empty")]
    Empty,
}

impl Electorate {
    /// The set of an era that begins with these priorities.
    #[must_use]
    pub fn new(context: SigningContext, era: Era, set: Arc<SequencerSet>, priorities: &Priorities) -> Self {
        let set_root = priorities.set_root(&set);
        Self { context, era, set, set_root }
    }

    /// The set of a chain's first era.
    #[must_use]
    pub fn genesis(context: SigningContext, set: Arc<SequencerSet>) -> Self {
        let priorities = Priorities::genesis(&set);
        Self::new(context, Era(0), set, &priorities)
    }
}

impl SequencerSet {
    /// A bitmap with a bit for each of these members, the first in the lowest bit of the first byte. Strangers have none.
    #[must_use]
    pub fn bitmap(&self, members: impl IntoIterator<Item = Address>) -> Vec<u8> {
        let mut bitmap = vec![0; self.len().div_ceil(8)];
        for index in members.into_iter().filter_map(|member| self.index_of(member)) {
            bitmap[index / 8] |= 1 << (index % 8);
        }
        bitmap
    }

    /// The places of the members in a bitmap, lowest first.
    ///
    /// # Errors
    /// [`InvalidSigners`]: the bitmap of a set has one form for every group of members.
    pub fn places(&self, bitmap: &[u8]) -> Result<Vec<usize>, InvalidSigners> {
        if bitmap.len() != self.len().div_ceil(8) {
            return Err(InvalidSigners::Length);
        }
        let places: Vec<_> = (0..bitmap.len() * 8).filter(|index| bitmap[index / 8] >> (index % 8) & 1 == 1).collect();
        match places.last() {
            None => Err(InvalidSigners::Empty),
            Some(last) if *last >= self.len() => Err(InvalidSigners::Length),
            Some(_) => Ok(places),
        }
    }

    /// What members at these places weigh together.
    #[must_use]
    pub fn weight_of(&self, places: &[usize]) -> Stake {
        places.iter().filter_map(|place| Some(self.members().get(*place)?.weight)).sum()
    }
}
