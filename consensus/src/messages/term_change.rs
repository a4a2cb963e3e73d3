use super::{CheckpointPosition, CheckpointRef};
use crate::finality::{QuorumCertificate, VerifiedQuorum};
use crate::keys::{BlsKey, BlsSignature, OperatorKey};
use crate::signing::{Message, Signed, SigningContext, Verified};
use crate::types::{BlockRef, Electorate, Era, Term, Tip};
use alloy_primitives::Address;
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What a member states when it wants to enter a term (R6). Signed with its BLS key, so that equal reports add up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable,
)]
pub struct TermReport {
    /// The era.
    pub era: Era,
    /// The term that the member wants to enter.
    pub term: Term,
    /// The highest checkpoint of which the member holds a quorum certificate; the root of the
    /// era if it holds none.
    pub certified: CheckpointRef,
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

/// A term change as it travels, with the certificate that its report names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermRequest {
    /// The term change.
    pub change: Signed<TermChange>,
    /// The quorum certificate of the checkpoint that the report calls certified; none if that is the root
    /// of the era.
    pub certificate: Option<Arc<QuorumCertificate>>,
}

/// A term change of a member, its signatures and its certificate checked. Made only by [`VerifiedTermChange::check`]
/// and [`VerifiedTermChange::check_by`], or by this node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTermChange {
    change: Verified<TermChange>,
    certificate: Option<VerifiedQuorum>,
}

impl VerifiedTermChange {
    /// Checks the vote and the certificate: two pairings at most. None if the signer is not a member, its BLS key did not
    /// sign the report, or the certificate is not the one that the report names.
    #[must_use]
    pub fn check(
        change: Verified<TermChange>,
        certificate: Option<Arc<QuorumCertificate>>,
        electorate: &Electorate,
    ) -> Option<Self> {
        Self::check_by(change, certificate, electorate, |certificate| certificate.verify(electorate).ok())
    }

    /// [`Self::check`] for whoever remembers which certificates are good: every member sends the same one, again and again.
    #[must_use]
    pub fn check_by(
        change: Verified<TermChange>,
        certificate: Option<Arc<QuorumCertificate>>,
        electorate: &Electorate,
        verify: impl FnOnce(Arc<QuorumCertificate>) -> Option<VerifiedQuorum>,
    ) -> Option<Self> {
        let Electorate { context, set, .. } = electorate;
        let key = set.key_of(change.signer())?;
        let message = change.message();
        let named = message.report.certified;
        // Cheap to look at, and costly to verify.
        let is_named = match &certificate {
            Some(certificate) => certificate.checkpoint.reference() == named,
            None => named.position == CheckpointPosition::root(message.report.era),
        };
        if !is_named {
            return None;
        }
        if !message.vote.verify(context.digest(&message.report), key) {
            return None;
        }
        let certificate = match certificate {
            Some(certificate) => Some(verify(certificate)?),
            None => None,
        };
        Some(Self { change, certificate })
    }

    /// What this node has just signed itself.
    pub(crate) const fn of_own(change: Verified<TermChange>, certificate: Option<VerifiedQuorum>) -> Self {
        Self { change, certificate }
    }

    /// The member.
    #[must_use]
    pub const fn signer(&self) -> Address {
        self.change.signer()
    }

    /// What it signed.
    #[must_use]
    pub const fn message(&self) -> &TermChange {
        self.change.message()
    }

    /// What it states.
    #[must_use]
    pub const fn report(&self) -> &TermReport {
        &self.change.message().report
    }

    /// The certificate that its report names; none for genesis.
    #[must_use]
    pub const fn certificate(&self) -> Option<&VerifiedQuorum> {
        self.certificate.as_ref()
    }
}
