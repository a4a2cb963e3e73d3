use crate::keys::{BlsKey, BlsSignature, OperatorKey};
use crate::signing::{Message, Signed, SigningContext, Verified};
use crate::types::{BlockRef, Era, SequencerSet, Term, Tip};
use alloy_primitives::Address;
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a member states when it wants to enter a term (R6). Signed with its BLS key, so that equal reports add up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable,
)]
pub struct TermReport {
    /// The era.
    pub era: Era,
    /// The term that the member wants to enter.
    pub term: Term,
    /// The best sealed block that the member holds, executed and durable: its head.
    pub head: Tip,
    /// The newest block that the member signed as a leader above its head; the head itself if there is none.
    pub signed: BlockRef,
}

impl Message for TermReport {
    const DOMAIN: &'static str = "baton/term-report/1";
}

/// Why a member wants another scheduler (R5). For people: nothing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// R5a: no new seal came for the term timeout.
    NoSeal,
    /// R5b: no new quorum certificate came for the term timeout.
    NoCertificate,
    /// R5c: the scheduler signed two messages for one position.
    Equivocation,
    /// R5c: the scheduler sealed or announced what breaks the rules.
    Invalid,
    /// R5d: the term's planned last height is sealed.
    Planned,
    /// R5d: the scheduler resigned.
    Resigned,
    /// R5e: the scheduler passes over members that are live.
    Unfair,
    /// R6: more than a third of the weight wants it.
    Joined,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::NoSeal,
        Self::NoCertificate,
        Self::Equivocation,
        Self::Invalid,
        Self::Planned,
        Self::Resigned,
        Self::Unfair,
        Self::Joined,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::NoSeal => 1,
            Self::NoCertificate => 2,
            Self::Equivocation => 3,
            Self::Invalid => 4,
            Self::Planned => 5,
            Self::Resigned => 6,
            Self::Unfair => 7,
            Self::Joined => 8,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSeal => "no-seal",
            Self::NoCertificate => "no-certificate",
            Self::Equivocation => "equivocation",
            Self::Invalid => "invalid",
            Self::Planned => "planned",
            Self::Resigned => "resigned",
            Self::Unfair => "unfair",
            Self::Joined => "joined",
        })
    }
}

impl Encodable for Cause {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.code().encode(out);
    }

    fn length(&self) -> usize {
        self.code().length()
    }
}

impl Decodable for Cause {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let code = u8::decode(buf)?;
        Self::ALL.into_iter().find(|cause| cause.code() == code).ok_or(alloy_rlp::Error::Custom("unknown cause"))
    }
}

/// A member's wish to enter a term, as it travels. Position: (era, term), but the report may grow.
///
/// The operator's key signs the whole, so that a stranger's costs a recovery and no pairing. Only report and vote go into a
/// certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct TermChange {
    /// What the member states.
    pub report: TermReport,
    /// The member's BLS signature on the report.
    pub vote: BlsSignature,
    /// Why.
    pub cause: Cause,
    /// The sender's clock in ms since the Unix epoch; grows with every sending, so that none is taken for a copy.
    pub sent_at: u64,
}

impl TermChange {
    /// Signs a report with both keys.
    #[must_use]
    pub fn sign(
        report: TermReport,
        cause: Cause,
        sent_at: u64,
        context: &SigningContext,
        (operator, bls): (&OperatorKey, &BlsKey),
    ) -> Signed<Self> {
        let vote = bls.sign(context.digest(&report));
        Signed::new(Self { report, vote, cause, sent_at }, context, operator)
    }
}

impl Message for TermChange {
    const DOMAIN: &'static str = "baton/term-change/1";
}

/// A term change of a member, both signatures checked. Made only by [`VerifiedTermChange::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTermChange(Verified<TermChange>);

impl VerifiedTermChange {
    /// Checks the vote: a pairing. None if the signer is not a member, or its BLS key did not sign the report.
    #[must_use]
    pub fn check(change: Verified<TermChange>, context: &SigningContext, set: &SequencerSet) -> Option<Self> {
        let member = set.get(change.signer())?;
        let message = change.message();
        message.vote.verify(context.digest(&message.report), &member.bls_public_key).then_some(Self(change))
    }

    /// The member.
    #[must_use]
    pub const fn signer(&self) -> Address {
        self.0.signer()
    }

    /// What it signed.
    #[must_use]
    pub const fn message(&self) -> &TermChange {
        self.0.message()
    }

    /// What it states.
    #[must_use]
    pub const fn report(&self) -> &TermReport {
        &self.0.message().report
    }
}
