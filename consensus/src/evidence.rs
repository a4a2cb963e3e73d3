//! Evidence (R2): two different messages that one key signed for one position, in the form in which anyone can check them.
//!
//! A piece of evidence blames its signer, never whoever brings it. It needs no history: the set of the era is enough.

use crate::keys::BlsSignature;
use crate::messages::{Announcement, CastVote, Checkpoint, Proposal, Seal, Vote};
use crate::signing::{Message, Signed, SigningContext, Verified};
use crate::types::{Electorate, Era, Term};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// What kind of message a key signed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// Position (era, term, epoch).
    Announcement,
    /// Position (era, term, epoch, height).
    Block,
    /// Position (era, term, height).
    Seal,
    /// Position (era, term, round).
    Checkpoint,
    /// Position (era, term, round).
    Vote,
}

impl EvidenceKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Announcement, Self::Block, Self::Seal, Self::Checkpoint, Self::Vote];
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announcement => "announcement",
            Self::Block => "block",
            Self::Seal => "seal",
            Self::Checkpoint => "checkpoint",
            Self::Vote => "vote",
        })
    }
}

/// What was signed twice: a key of kind, signer and position. One of each is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// Whose key.
    pub signer: Address,
    /// What kind of message.
    pub kind: EvidenceKind,
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// Epoch, height or round, as the kind has it; a block's epoch.
    pub place: u64,
    /// A block's height; 0 for the others.
    pub height: u64,
}

/// A vote with its BLS signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct BallotPaper {
    /// What was signed.
    pub vote: Vote,
    /// The BLS signature on it.
    pub signature: BlsSignature,
}

/// Two messages of one key for one position. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// Two appointments for one epoch.
    Announcement(Box<[Signed<Announcement>; 2]>),
    /// Two blocks of one leader at one height of an epoch.
    Block(Box<[Signed<Proposal>; 2]>),
    /// Two seals for one height.
    Seal(Box<[Signed<Seal>; 2]>),
    /// Two checkpoints for one round.
    Checkpoint(Box<[Signed<Checkpoint>; 2]>),
    /// Two votes in one round, signed with BLS.
    Vote(Box<VoteEvidence>),
}

/// Two votes of one member. A BLS signature does not tell whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteEvidence {
    /// Whose.
    pub signer: Address,
    /// What it signed.
    pub votes: [BallotPaper; 2],
}

/// Why evidence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidEvidence {
    /// The two are one message.
    #[error("the two messages are the same")]
    Same,
    /// They take different positions.
    #[error("the two messages are for different positions")]
    Positions,
    /// A signature is malformed, or the two are of different keys.
    #[error("the two messages are not signed by one key")]
    Signer,
    /// The signer is not a member of the era's set, or the messages are of another era.
    #[error("the signer is not a sequencer of this era")]
    Stranger,
}

/// What a contract on L1 needs to check one half: keccak of the preimage is what was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPreimage {
    /// domain ‖ chain id ‖ genesis hash ‖ RLP(message).
    pub preimage: Bytes,
    /// 65 bytes of secp256k1, or 96 of BLS.
    pub signature: Bytes,
}

/// Evidence that holds. Made only by [`Evidence::verify`], or restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvidence {
    evidence: Evidence,
    fault: Fault,
}

impl VerifiedEvidence {
    /// Evidence that this node checked before it made it durable. None if it names no signer.
    #[must_use]
    pub fn restore(evidence: Evidence, context: &SigningContext) -> Option<Self> {
        let fault = evidence.claim(context)?;
        Some(Self { evidence, fault })
    }

    /// What was signed twice, and by whom.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// As it travels.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// A message that takes a position.
pub(crate) trait Positioned: Message + Clone + PartialEq {
    const KIND: EvidenceKind;

    /// Era, term, place and height.
    fn position(&self) -> (Era, Term, u64, u64);

    fn pair(pair: [Signed<Self>; 2]) -> Evidence;
}

macro_rules! positioned {
    ($($message:ident $kind:ident $position:expr;)+) => {
        $(impl Positioned for $message {
            const KIND: EvidenceKind = EvidenceKind::$kind;

            fn position(&self) -> (Era, Term, u64, u64) {
                let position: fn(&Self) -> (u64, u64) = $position;
                let (place, height) = position(self);
                (self.era, self.term, place, height)
            }

            fn pair(pair: [Signed<Self>; 2]) -> Evidence {
                Evidence::$kind(Box::new(pair))
            }
        })+
    };
}

positioned! {
    Announcement Announcement |message| (message.epoch.0, 0);
    Proposal Block |message| (message.epoch.0, message.height.0);
    Seal Seal |message| (message.height.0, 0);
    Checkpoint Checkpoint |message| (message.round.0, 0);
}

fn fault(signer: Address, kind: EvidenceKind, (era, term, place, height): (Era, Term, u64, u64)) -> Fault {
    Fault { signer, kind, era, term, place, height }
}

/// What a message takes, if this key signed it.
pub(crate) fn fault_of<M: Positioned>(message: &M, signer: Address) -> Fault {
    fault(signer, M::KIND, message.position())
}

/// What a vote takes, if this member cast it.
pub(crate) fn vote_fault(vote: &Vote, signer: Address) -> Fault {
    fault(signer, EvidenceKind::Vote, (vote.era, vote.term, vote.round.0, 0))
}

impl Evidence {
    /// The kind of the two messages.
    #[must_use]
    pub const fn kind(&self) -> EvidenceKind {
        match self {
            Self::Announcement(_) => EvidenceKind::Announcement,
            Self::Block(_) => EvidenceKind::Block,
            Self::Seal(_) => EvidenceKind::Seal,
            Self::Checkpoint(_) => EvidenceKind::Checkpoint,
            Self::Vote(_) => EvidenceKind::Vote,
        }
    }

    /// The era that the first message is of.
    #[must_use]
    pub fn era(&self) -> Era {
        match self {
            Self::Announcement(pair) => pair[0].message.era,
            Self::Block(pair) => pair[0].message.era,
            Self::Seal(pair) => pair[0].message.era,
            Self::Checkpoint(pair) => pair[0].message.era,
            Self::Vote(evidence) => evidence.votes[0].vote.era,
        }
    }

    /// What it is said to prove. Of the signatures, only the one that tells whose key it is is looked at; none if that is malformed.
    #[must_use]
    pub fn claim(&self, context: &SigningContext) -> Option<Fault> {
        fn of_first<M: Positioned>([first, _]: &[Signed<M>; 2], context: &SigningContext) -> Option<Fault> {
            let verified = first.clone().verify(context).ok()?;
            Some(fault_of(verified.message(), verified.signer()))
        }
        match self {
            Self::Announcement(pair) => of_first(pair, context),
            Self::Block(pair) => of_first(pair, context),
            Self::Seal(pair) => of_first(pair, context),
            Self::Checkpoint(pair) => of_first(pair, context),
            Self::Vote(evidence) => Some(vote_fault(&evidence.votes[0].vote, evidence.signer)),
        }
    }

    /// Recovers who signed, or, for votes, checks the two BLS signatures: two pairings.
    ///
    /// # Errors
    /// [`InvalidEvidence`].
    pub fn verify(self, electorate: &Electorate) -> Result<VerifiedEvidence, InvalidEvidence> {
        let fault = match &self {
            Self::Announcement(pair) => check_pair(pair, electorate),
            Self::Block(pair) => check_pair(pair, electorate),
            Self::Seal(pair) => check_pair(pair, electorate),
            Self::Checkpoint(pair) => check_pair(pair, electorate),
            Self::Vote(votes) => check_votes(votes, electorate),
        }?;
        Ok(VerifiedEvidence { evidence: self, fault })
    }

    /// The two halves as a contract checks them.
    #[must_use]
    pub fn preimages(&self, context: &SigningContext) -> [SignedPreimage; 2] {
        fn halves<M: Message>(pair: &[Signed<M>; 2], context: &SigningContext) -> [SignedPreimage; 2] {
            pair.each_ref().map(|signed| SignedPreimage {
                preimage: context.preimage(&signed.message).into(),
                signature: signed.signature.to_vec().into(),
            })
        }
        match self {
            Self::Announcement(pair) => halves(pair, context),
            Self::Block(pair) => halves(pair, context),
            Self::Seal(pair) => halves(pair, context),
            Self::Checkpoint(pair) => halves(pair, context),
            Self::Vote(evidence) => evidence.votes.map(|paper| SignedPreimage {
                preimage: context.preimage(&paper.vote).into(),
                signature: paper.signature.0.to_vec().into(),
            }),
        }
    }

    /// Two messages whose signatures were checked, if they contradict each other.
    pub(crate) fn of<M: Positioned>(one: &Verified<M>, other: &Verified<M>) -> Option<VerifiedEvidence> {
        let contradicts = one.signer() == other.signer()
            && one.message().position() == other.message().position()
            && one.message() != other.message();
        contradicts.then(|| VerifiedEvidence {
            fault: fault_of(one.message(), one.signer()),
            evidence: M::pair([one.signed().clone(), other.signed().clone()]),
        })
    }

    /// Two votes of a member for one position whose BLS signatures were checked.
    pub(crate) fn of_checked_votes(signer: Address, votes: [CastVote; 2]) -> VerifiedEvidence {
        let fault = vote_fault(&votes[0].vote, signer);
        let votes = votes.map(|CastVote { vote, signature }| BallotPaper { vote, signature });
        VerifiedEvidence { evidence: Self::Vote(Box::new(VoteEvidence { signer, votes })), fault }
    }
}

impl Fault {
    /// A name for the fault, the same everywhere: what the store and the gossip deduplicate by.
    #[must_use]
    pub fn id(&self) -> B256 {
        let numbers = [self.era.0, self.term.0, self.place, self.height].map(u64::to_be_bytes).concat();
        keccak256([self.signer.as_slice(), self.kind.to_string().as_bytes(), &numbers].concat())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signer, kind, era, term, place, height } = self;
        write!(f, "two of kind {kind} by {signer} at {era}/{term}/{place}")?;
        if *kind == EvidenceKind::Block { write!(f, "/{height}") } else { Ok(()) }
    }
}

fn check_pair<M: Positioned>(pair: &[Signed<M>; 2], electorate: &Electorate) -> Result<Fault, InvalidEvidence> {
    let [one, other] = pair;
    if one.message == other.message {
        return Err(InvalidEvidence::Same);
    }
    if one.message.position() != other.message.position() {
        return Err(InvalidEvidence::Positions);
    }
    let signer = |signed: &Signed<M>| {
        let verified = signed.clone().verify(&electorate.context).map_err(|_| InvalidEvidence::Signer)?;
        Ok(verified.signer())
    };
    let fault = fault_of(&one.message, signer(one)?);
    if signer(other)? != fault.signer {
        return Err(InvalidEvidence::Signer);
    }
    entitled(fault, electorate)
}

fn check_votes(evidence: &VoteEvidence, electorate: &Electorate) -> Result<Fault, InvalidEvidence> {
    let VoteEvidence { signer, votes: [one, other] } = evidence;
    if one.vote == other.vote {
        return Err(InvalidEvidence::Same);
    }
    let fault = vote_fault(&one.vote, *signer);
    if vote_fault(&other.vote, *signer) != fault {
        return Err(InvalidEvidence::Positions);
    }
    let fault = entitled(fault, electorate)?;
    let key = electorate.set.key_of(*signer).ok_or(InvalidEvidence::Stranger)?;
    let signed = |paper: &BallotPaper| paper.signature.verify(electorate.context.digest(&paper.vote), key);
    if signed(one) && signed(other) { Ok(fault) } else { Err(InvalidEvidence::Signer) }
}

fn entitled(fault: Fault, electorate: &Electorate) -> Result<Fault, InvalidEvidence> {
    let of_era = fault.era == electorate.era && electorate.set.contains(fault.signer);
    if of_era { Ok(fault) } else { Err(InvalidEvidence::Stranger) }
}

#[cfg(test)]
mod tests;
