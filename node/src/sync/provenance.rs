//! Proofs first: what a peer's chain rests on, verified from genesis before anything heavy is fetched.
//!
//! The ends of all eras say, one after the other, who votes in the next; a finality proof of the newest era says which block
//! the peer's chain has made final. All of it is a few kilobytes an era and a pairing each, and needs no block.

use crate::genesis::Genesis;
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use baton_consensus::{
    finality::{
        InvalidSetChange, SetChange, VerifiedFinality,
        light_client::{MAX_CHANGES, NotConvinced, Trusted},
    },
    reign::{InvalidSuccession, Reign},
    signing::SigningContext,
    types::{BlockRef, Era, Height},
};
use baton_network::{HeaderProof, SetChanges};
use std::sync::Arc;
use thiserror::Error;

/// The eras of a chain, as a peer proved them, and the newest block that it proved final.
#[derive(Clone, Debug)]
pub(super) struct Provenance {
    genesis: Reign,
    changes: Vec<Arc<SetChange>>,
    newest: Reign,
    finality: Option<VerifiedFinality>,
}

/// Why a peer's proofs prove nothing.
#[derive(Debug, Error)]
pub(super) enum Unproven {
    #[error("the end of era {era}: {error}")]
    Change { era: Era, error: InvalidSetChange },
    #[error("the end of era {0} is at a block below its beginning")]
    Order(Era),
    #[error("there are more than {MAX_CHANGES} eras")]
    TooMany,
    #[error(transparent)]
    Finality(#[from] NotConvinced),
    #[error("it is of era {0}, which is not known")]
    Era(Era),
    #[error("there is no finality proof, or no header")]
    Incomplete,
    #[error("a header is none")]
    Undecodable,
    #[error("the header of block {0} is not the parent of what comes after it")]
    Headers(Height),
}

/// A block that is final, with the header of it.
#[derive(Clone, Debug)]
pub(super) struct ProvenHeader {
    pub(super) header: Header,
    pub(super) block: BlockRef,
    pub(super) finality: VerifiedFinality,
}

impl Provenance {
    /// Nothing but genesis is known.
    pub(super) fn genesis(genesis: &Genesis) -> Self {
        let reign = genesis.reign();
        Self { genesis: reign.clone(), changes: Vec::new(), newest: reign, finality: None }
    }

    /// The newest era that is proven.
    pub(super) const fn era(&self) -> Era {
        self.newest.era()
    }

    /// The newest block that is proven final.
    pub(super) fn finalized(&self) -> Option<BlockRef> {
        let of_era = self.finality.as_ref().map(VerifiedFinality::block);
        // With the end of the era before, what it began with is final.
        of_era.or_else(|| (!self.changes.is_empty()).then_some(self.newest.base))
    }

    /// The ends of eras whose last block is not above a height.
    pub(super) fn changes_up_to(&self, height: Height) -> Vec<SetChange> {
        let before = self.changes.iter().take_while(|change| change.proof.checkpoint.head.height <= height);
        before.map(|change| SetChange::clone(change)).collect()
    }

    /// Takes in what a peer says comes next. A pairing for each part: call it where that may take a while.
    pub(super) fn extend(&mut self, answer: SetChanges) -> Result<(), Unproven> {
        let SetChanges { changes, finality } = answer;
        for change in changes {
            if self.changes.len() >= MAX_CHANGES {
                return Err(Unproven::TooMany);
            }
            let era = self.newest.era();
            let verified =
                Arc::clone(&change).verify(&self.newest.electorate).map_err(|error| Unproven::Change { era, error })?;
            if verified.finality().block().height < self.newest.base.height {
                return Err(Unproven::Order(era));
            }
            self.newest = verified.reign().clone();
            self.changes.push(change);
        }
        if let Some(proof) = finality {
            self.finality = Some(Trusted::reign(&self.newest).verify(&[], &proof)?);
        }
        Ok(())
    }

    /// An era that is proven.
    pub(super) fn reign(&self, era: Era) -> Result<Reign, Unproven> {
        if era == self.newest.era() {
            return Ok(self.newest.clone());
        }
        let Some(before) = era.0.checked_sub(1) else { return Ok(self.genesis.clone()) };
        let change = usize::try_from(before).ok().and_then(|before| self.changes.get(before));
        let reign = change.map(|change| change.reign(self.context())).transpose();
        // It was computed once already.
        reign.map_err(|_: InvalidSuccession| Unproven::Era(era))?.ok_or(Unproven::Era(era))
    }

    fn context(&self) -> SigningContext {
        self.genesis.electorate.context
    }

    /// The era of which the two say different things, each with proofs that hold: then the votes of more than a third of an
    /// era's weight were given twice.
    pub(super) fn contradicts(&self, other: &Self) -> Option<Era> {
        let differs = |(ours, theirs): (&Arc<SetChange>, &Arc<SetChange>)| {
            let (ours, theirs) = (&ours.proof.checkpoint, &theirs.proof.checkpoint);
            (ours.head, ours.next_set_root) != (theirs.head, theirs.next_set_root)
        };
        let at = self.changes.iter().zip(&other.changes).position(differs);
        if let Some(at) = at {
            return Some(Era(at as u64));
        }
        let (ours, theirs) = (self.finality.as_ref()?, other.finality.as_ref()?);
        let same_height = ours.block().height == theirs.block().height && ours.block() != theirs.block();
        let same_place =
            ours.position() == theirs.position() && ours.checkpoint().reference() != theirs.checkpoint().reference();
        (same_height || same_place).then_some(self.era())
    }

    /// Whether this reaches further than another.
    pub(super) fn is_ahead_of(&self, other: &Self) -> bool {
        let place = |of: &Self| of.finality.as_ref().map(VerifiedFinality::position);
        (self.era(), place(self)) > (other.era(), place(other))
    }

    /// Checks that a block is final: its header, those above it, and the proof for the last of them. A pairing.
    pub(super) fn prove(&self, proof: &HeaderProof) -> Result<ProvenHeader, Unproven> {
        let HeaderProof { headers, finality: Some(finality) } = proof else { return Err(Unproven::Incomplete) };
        let headers = decode_headers(headers)?;
        let first = headers.first().ok_or(Unproven::Incomplete)?;
        let reign = self.reign(finality.checkpoint.era)?;
        let finality = Trusted::reign(&reign).verify(&[], finality)?;
        let mut wanted = finality.block();
        for header in headers.iter().rev() {
            let block = BlockRef { height: Height(header.number), hash: header.hash_slow() };
            if block != wanted {
                return Err(Unproven::Headers(block.height));
            }
            wanted = BlockRef { height: block.height.previous(), hash: header.parent_hash };
        }
        let block = BlockRef { height: Height(first.number), hash: first.hash_slow() };
        Ok(ProvenHeader { header: first.clone(), block, finality })
    }
}

/// The headers, each of which must be whole.
pub(super) fn decode_headers(headers: &[Bytes]) -> Result<Vec<Header>, Unproven> {
    headers.iter().map(|header| alloy_rlp::decode_exact(header).map_err(|_| Unproven::Undecodable)).collect()
}

/// Whether headers, lowest first, are the ancestors of a block, the last of them its parent.
pub(super) fn are_ancestors(headers: &[Header], child: &Header) -> bool {
    let mut wanted: (u64, B256) = (child.number, child.parent_hash);
    headers.iter().rev().all(|header| {
        let fits = Some(header.number) == wanted.0.checked_sub(1) && header.hash_slow() == wanted.1;
        wanted = (header.number, header.parent_hash);
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Committee;

    fn header_proof(committee: &Committee, height: u64, above: u64) -> HeaderProof {
        let proof = committee.block_proof(height, above);
        let headers = proof.headers.iter().map(|header| alloy_rlp::encode(header).into()).collect();
        HeaderProof { headers, finality: Some(Arc::new(proof.finality)) }
    }

    #[test]
    fn headers_lead_from_a_block_to_what_is_final() {
        let committee = Committee::new(4);
        let known = Provenance::genesis(&committee.genesis);
        let proof = header_proof(&committee, 5, 3);
        let proven = known.prove(&proof).unwrap();
        assert_eq!((proven.block.height, proven.finality.block().height), (Height(5), Height(8)));
        assert_eq!(proven.block.hash, proven.header.hash_slow());

        for index in 0..proof.headers.len() {
            let mut gap = proof.clone();
            gap.headers.remove(index);
            // Without its first header it proves the next block.
            assert_eq!(known.prove(&gap).is_ok(), index == 0, "without header {index}");
            let mut altered = proof.clone();
            let mut header: Header = alloy_rlp::decode_exact(&altered.headers[index]).unwrap();
            header.state_root = B256::repeat_byte(9);
            altered.headers[index] = alloy_rlp::encode(&header).into();
            assert!(matches!(known.prove(&altered), Err(Unproven::Headers(_))), "header {index} altered");
        }
        let other = header_proof(&Committee::new(4), 5, 3);
        assert!(matches!(known.prove(&other), Err(Unproven::Finality(_))));
        let unproven = HeaderProof { finality: None, ..proof };
        assert!(matches!(known.prove(&unproven), Err(Unproven::Incomplete)));
    }

    #[test]
    fn two_histories_are_told_apart() {
        let committee = Committee::new(4);
        let with = |height: u64| {
            let mut known = Provenance::genesis(&committee.genesis);
            let finality = Some(Arc::new(committee.block_proof(height, 0).finality));
            known.extend(SetChanges { changes: Vec::new(), finality }).unwrap();
            known
        };
        let (low, high) = (with(5), with(8));
        assert!(high.is_ahead_of(&low) && !low.is_ahead_of(&high));
        assert_eq!(low.contradicts(&high), None);
        let mut other = Provenance::genesis(&committee.genesis);
        let electorate = committee.electorate();
        let checkpoint = crate::testing::checkpoint(&electorate, 5, (B256::repeat_byte(7), B256::repeat_byte(8)));
        let finality = Some(Arc::new(committee.finality(&electorate, checkpoint)));
        other.extend(SetChanges { changes: Vec::new(), finality }).unwrap();
        assert_eq!(low.contradicts(&other), Some(Era(0)));
    }

    #[test]
    fn ancestors_are_linked_down_from_their_child() {
        let headers = Committee::new(1).headers(6);
        let (ancestors, child) = (&headers[1..5], &headers[5]);
        assert!(are_ancestors(ancestors, child));
        assert!(!are_ancestors(&headers[1..4], child));
        let mut swapped = ancestors.to_vec();
        swapped.swap(0, 1);
        assert!(!are_ancestors(&swapped, child));
    }
}
