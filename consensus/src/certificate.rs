//! Term certificates (R6): the reports of more than two thirds of the weight, which open a term and bind everyone.
//!
//! A certificate stands alone: whoever knows the era's set verifies it without any history. Several may exist for one
//! term, made of different reports; all of them lead to the same scheduler.

use crate::keys::BlsSignature;
use crate::messages::{Announcement, TermReport, VerifiedTermChange};
use crate::signing::{Signed, SigningContext};
use crate::types::{Era, SequencerSet, Stake, Term};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use thiserror::Error;

/// One report and the members that signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct SignedReport {
    /// The report.
    pub report: TermReport,
    /// A bit for each member in order of their addresses, the first in the lowest bit of the first byte.
    pub signers: Bytes,
}

/// The reports of a quorum. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct TermCertificate {
    /// The era.
    pub era: Era,
    /// The term that it opens.
    pub term: Term,
    /// The reports, in order, each once.
    pub reports: Vec<SignedReport>,
    /// The sum of all signers' signatures on their reports.
    pub signature: BlsSignature,
}

/// An announcement as it travels; a term's first comes with the certificate that it links to, if one opened the term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// The announcement.
    pub announcement: Signed<Announcement>,
    /// What opened the term.
    pub certificate: Option<Arc<TermCertificate>>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidCertificate {
    /// A report is of another era or term, tells of a block sealed in a later one, or the reports are not in order.
    #[error("the reports do not fit the certificate")]
    Reports,
    /// A bitmap has the wrong length or a bit beyond the set, is empty, or a member signed two reports.
    #[error("the bitmaps of signers do not fit the set")]
    Signers,
    /// The signers are no quorum.
    #[error("the signers are not more than two thirds of the weight")]
    NoQuorum,
    /// The aggregate is not theirs.
    #[error("the aggregated signature is wrong")]
    Signature,
}

impl TermCertificate {
    /// What identifies a certificate: the keccak of its RLP.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// Checks everything against the era's set; a pairing a report.
    ///
    /// # Errors
    /// [`InvalidCertificate`].
    pub fn verify(
        self: Arc<Self>,
        context: &SigningContext,
        set: &SequencerSet,
    ) -> Result<VerifiedCertificate, InvalidCertificate> {
        let verified = VerifiedCertificate::of_checked_votes(self, set)?;
        let mut signed = Vec::new();
        for (report, signers) in verified.reports() {
            let keys = signers.iter().filter_map(|signer| Some(set.get(*signer)?.bls_public_key)).collect();
            signed.push((context.digest(report), keys));
        }
        if verified.certificate.signature.verify_aggregate(&signed) {
            Ok(verified)
        } else {
            Err(InvalidCertificate::Signature)
        }
    }
}

/// A certificate that opens its term. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCertificate {
    certificate: Arc<TermCertificate>,
    hash: B256,
    reports: Arc<[(TermReport, Vec<Address>)]>,
}

impl VerifiedCertificate {
    /// Makes a certificate of one term's changes, at most one a member. None if they are no quorum.
    #[must_use]
    pub fn assemble<'a>(
        set: &SequencerSet,
        (era, term): (Era, Term),
        changes: impl IntoIterator<Item = &'a VerifiedTermChange>,
    ) -> Option<Self> {
        let mut groups: BTreeMap<TermReport, Vec<u8>> = BTreeMap::new();
        let mut votes = Vec::new();
        for change in changes {
            let index = set.index_of(change.signer())?;
            let bitmap = groups.entry(*change.report()).or_insert_with(|| vec![0; set.len().div_ceil(8)]);
            bitmap[index / 8] |= 1 << (index % 8);
            votes.push(change.message().vote);
        }
        let reports =
            groups.into_iter().map(|(report, signers)| SignedReport { report, signers: signers.into() }).collect();
        let signature = BlsSignature::aggregate(&votes)?;
        Self::of_checked_votes(Arc::new(TermCertificate { era, term, reports, signature }), set).ok()
    }

    /// A certificate that this node checked before it made it durable; everything but the signature is checked again.
    #[must_use]
    pub fn restore(certificate: Arc<TermCertificate>, set: &SequencerSet) -> Option<Self> {
        Self::of_checked_votes(certificate, set).ok()
    }

    /// Checks everything but the signature.
    fn of_checked_votes(certificate: Arc<TermCertificate>, set: &SequencerSet) -> Result<Self, InvalidCertificate> {
        let TermCertificate { era, term, reports, signature: _ } = &*certificate;
        let ordered = reports.windows(2).all(|pair| pair[0].report < pair[1].report);
        let fits = |report: &TermReport| (report.era, report.term) == (*era, *term) && report.head.term < *term;
        if !ordered || !reports.iter().all(|signed| fits(&signed.report)) {
            return Err(InvalidCertificate::Reports);
        }
        let mut seen = vec![false; set.len()];
        let mut weight = Stake::default();
        let mut named = Vec::with_capacity(reports.len());
        for SignedReport { report, signers } in reports {
            let mut group = Vec::new();
            if signers.len() != set.len().div_ceil(8) {
                return Err(InvalidCertificate::Signers);
            }
            for index in (0..signers.len() * 8).filter(|index| signers[index / 8] >> (index % 8) & 1 == 1) {
                let member = set.members().get(index).ok_or(InvalidCertificate::Signers)?;
                if std::mem::replace(&mut seen[index], true) {
                    return Err(InvalidCertificate::Signers);
                }
                weight = weight.checked_add(member.weight).ok_or(InvalidCertificate::Signers)?;
                group.push(member.address);
            }
            if group.is_empty() {
                return Err(InvalidCertificate::Signers);
            }
            named.push((*report, group));
        }
        if !weight.is_quorum_of(set.total()) {
            return Err(InvalidCertificate::NoQuorum);
        }
        let hash = certificate.hash();
        Ok(Self { certificate, hash, reports: named.into() })
    }

    /// The era.
    #[must_use]
    pub fn era(&self) -> Era {
        self.certificate.era
    }

    /// The term that it opens.
    #[must_use]
    pub fn term(&self) -> Term {
        self.certificate.term
    }

    /// What the term's first announcement links to.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Every report with the members that signed it.
    #[must_use]
    pub fn reports(&self) -> &[(TermReport, Vec<Address>)] {
        &self.reports
    }

    /// As it travels.
    #[must_use]
    pub const fn certificate(&self) -> &Arc<TermCertificate> {
        &self.certificate
    }
}
