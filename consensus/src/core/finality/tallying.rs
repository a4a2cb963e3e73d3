//! Counting votes. They are checked as one sum; only if that is wrong, halves of it are, to find and blame the bad ones.

use crate::core::{Core, Ignored, Rejected, Report, Verdict};
use crate::evidence::{Evidence, vote_fault};
use crate::finality::VerifiedQuorum;
use crate::keys::{BlsSignature, BlsVerifyingKey};
use crate::messages::{CastVote, CheckpointPosition, CheckpointRef, Vote};
use crate::signing::Verified;
use crate::types::{Electorate, Stake, Time};
use alloy_primitives::{Address, B256};
use std::collections::{BTreeMap, BTreeSet};

/// Votes of one member that are kept: for the newest rounds.
const KEPT_OF_A_MEMBER: usize = 8;

/// The votes of the term's newest rounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Ballots {
    /// By checkpoint, then by member.
    votes: BTreeMap<CheckpointRef, BTreeMap<Address, BlsSignature>>,
    /// Members whose vote was not what they signed it to be: theirs are checked one by one for the rest of the term.
    suspects: BTreeSet<Address>,
}

impl Ballots {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there is a vote of this member for this checkpoint.
    fn holds(&self, checkpoint: CheckpointRef, member: Address) -> bool {
        self.votes.get(&checkpoint).is_some_and(|votes| votes.contains_key(&member))
    }

    /// Keeps a member's vote; false if it is older than all that are kept of it.
    fn note(&mut self, member: Address, vote: &CastVote) -> bool {
        let checkpoint = vote.vote.checkpoint();
        let of_member = |votes: &BTreeMap<Address, BlsSignature>| votes.contains_key(&member);
        let kept: Vec<_> = self.votes.iter().filter(|(_, votes)| of_member(votes)).map(|(at, _)| *at).collect();
        if let Some(oldest) = kept.first().filter(|_| kept.len() >= KEPT_OF_A_MEMBER) {
            if *oldest > checkpoint {
                return false;
            }
            self.take(*oldest, member);
        }
        self.votes.entry(checkpoint).or_default().insert(member, vote.signature);
        true
    }

    fn take(&mut self, checkpoint: CheckpointRef, member: Address) {
        if let Some(votes) = self.votes.get_mut(&checkpoint) {
            votes.remove(&member);
            if votes.is_empty() {
                self.votes.remove(&checkpoint);
            }
        }
    }

    /// Forgets the votes up to this position.
    pub(super) fn forget_up_to(&mut self, position: CheckpointPosition) {
        self.votes.retain(|checkpoint, _| checkpoint.position > position);
    }

    /// Another vote of this member for the same position.
    fn rival(&self, member: Address, vote: &CastVote) -> Option<CastVote> {
        let checkpoint = vote.vote.checkpoint();
        let from = CheckpointRef { position: checkpoint.position, hash: B256::ZERO };
        let same_place = self.votes.range(from..).take_while(|(other, _)| other.position == checkpoint.position);
        let mut others = same_place.filter(|(other, _)| **other != checkpoint);
        others.find_map(|(other, votes)| Some(CastVote { vote: Vote::new(*other), signature: *votes.get(&member)? }))
    }
}

impl Core {
    pub(in crate::core) fn on_vote(&mut self, vote: &Verified<CastVote>, now: Time) {
        let (signer, message) = (vote.signer(), *vote.message());
        let CheckpointPosition { era, term, .. } = message.vote.checkpoint().position;
        if (era, term) > (self.schedule.era(), self.schedule.term()) {
            return self.judge(Verdict::Ignore(Ignored::Early));
        }
        if (era, term) < (self.schedule.era(), self.schedule.term()) {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        if !self.set.contains(signer) {
            return self.judge(Verdict::Reject(Rejected::NotEntitled));
        }
        if self.key.is_none() {
            // Observers pass votes on; the certificate comes to them as a whole.
            return self.judge(Verdict::Accept);
        }
        if self.count(signer, message, now) {
            self.judge(Verdict::Accept);
            self.seal_ready(now);
        } else {
            self.judge(Verdict::Ignore(Ignored::Duplicate));
        }
    }

    /// Takes a vote in, and makes a certificate if it is the last that was missing; whether it was new.
    pub(super) fn count(&mut self, signer: Address, vote: CastVote, now: Time) -> bool {
        let checkpoint = vote.vote.checkpoint();
        if self.gadget.ballots.holds(checkpoint, signer) {
            return false;
        }
        // What a suspect says costs one check, and no more.
        let suspect = self.gadget.ballots.suspects.contains(&signer);
        if suspect && !is_signed(&self.reign.electorate, signer, &vote) {
            return false;
        }
        if let Some(rival) = self.gadget.ballots.rival(signer, &vote)
            && !self.compare(signer, rival, vote, now)
        {
            return false;
        }
        let new = self.gadget.ballots.note(signer, &vote);
        if new {
            self.tally(checkpoint, now);
        }
        new
    }

    /// Two votes of one member in one round: its BLS key signed both, which is evidence, or it is found out. Whether the new
    /// one may count.
    fn compare(&mut self, signer: Address, rival: CastVote, vote: CastVote, now: Time) -> bool {
        if !self.wants_evidence_of(vote_fault(&vote.vote, signer)) {
            return true;
        }
        let good = [rival, vote].map(|vote| is_signed(&self.reign.electorate, signer, &vote));
        for (vote, _) in [rival, vote].iter().zip(good).filter(|(_, good)| !good) {
            self.suspect(signer, vote.vote.checkpoint());
        }
        if good == [true; 2] {
            self.convict(&Evidence::of_checked_votes(signer, [rival, vote]), now);
        }
        good[1]
    }

    /// A member's vote for this checkpoint is not signed with its BLS key.
    fn suspect(&mut self, member: Address, checkpoint: CheckpointRef) {
        self.gadget.ballots.take(checkpoint, member);
        self.gadget.ballots.suspects.insert(member);
        self.report(Report::BadVote { signer: member, checkpoint });
    }

    /// Makes a certificate of a checkpoint that this node knows, if a quorum voted for it.
    pub(super) fn tally(&mut self, checkpoint: CheckpointRef, now: Time) {
        if self.gadget.certificates.get(checkpoint).is_some() {
            return;
        }
        let Some(message) = self.gadget.checkpoint(checkpoint).copied() else { return };
        let Some(votes) = self.gadget.ballots.votes.get(&checkpoint) else { return };
        if !is_quorum(&self.reign.electorate, votes) {
            return;
        }
        let Some((signers, sum)) = self.add_up(checkpoint) else { return };
        if let Some(certificate) = VerifiedQuorum::of_sum(&self.reign.electorate, message, signers, sum) {
            self.take_certificate(certificate, None, now);
        }
    }

    /// Who voted for a checkpoint and the sum of their votes, each of them good, if they are a quorum.
    fn add_up(&mut self, checkpoint: CheckpointRef) -> Option<(Vec<Address>, BlsSignature)> {
        let mut votes = self.gadget.ballots.votes.get(&checkpoint)?.clone();
        let digest = self.context.digest(&Vote::new(checkpoint));
        let signed: Vec<_> =
            votes.iter().filter_map(|(member, vote)| Some((*member, *vote, *self.set.key_of(*member)?))).collect();
        let mut bad = Vec::new();
        let sum = sum_or_bad(digest, &signed, &mut bad);
        for member in bad {
            votes.remove(&member);
            self.suspect(member, checkpoint);
        }
        if !is_quorum(&self.reign.electorate, &votes) {
            return None;
        }
        let (signers, good): (Vec<_>, Vec<_>) = votes.into_iter().unzip();
        Some((signers, sum.or_else(|| BlsSignature::aggregate(&good))?))
    }
}

fn is_quorum(electorate: &Electorate, votes: &BTreeMap<Address, BlsSignature>) -> bool {
    let weights = votes.keys().filter_map(|member| Some(electorate.set.get(*member)?.weight));
    weights.sum::<Stake>().is_quorum_of(electorate.set.total())
}

fn is_signed(electorate: &Electorate, signer: Address, vote: &CastVote) -> bool {
    let key = electorate.set.key_of(signer);
    key.is_some_and(|key| vote.signature.verify(electorate.context.digest(&vote.vote), key))
}

/// The sum of votes if each of them is what it should be. If not, those that are not are found by halves: as many checks as
/// bad votes, times the logarithm of all.
fn sum_or_bad(
    digest: B256,
    votes: &[(Address, BlsSignature, BlsVerifyingKey)],
    bad: &mut Vec<Address>,
) -> Option<BlsSignature> {
    let (signatures, keys): (Vec<_>, Vec<_>) = votes.iter().map(|(_, vote, key)| (*vote, *key)).unzip();
    let sum = BlsSignature::aggregate(&signatures).filter(|sum| sum.verify_aggregate(&[(digest, keys)]));
    if sum.is_some() {
        return sum;
    }
    match votes {
        [] => {}
        [(member, ..)] => bad.push(*member),
        _ => {
            let (left, right) = votes.split_at(votes.len() / 2);
            sum_or_bad(digest, left, bad);
            sum_or_bad(digest, right, bad);
        }
    }
    None
}

#[cfg(test)]
mod tests;
