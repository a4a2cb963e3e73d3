//! Term certificates (R6): the reports of more than two thirds of the weight, which open a term and bind everyone.
//!
//! A certificate stands alone: whoever knows the era's set verifies it without any history. Several may exist for one
//! term, made of different reports; all of them lead to the same scheduler.

use crate::finality::{InvalidQuorum, QuorumCertificate, VerifiedQuorum};
use crate::keys::BlsSignature;
use crate::messages::{Announcement, CheckpointPosition, TermReport, VerifiedTermChange};
use crate::signing::Signed;
use crate::types::{Electorate, Era, Term};
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
#[rlp(trailing)]
pub struct TermCertificate {
    /// The era.
    pub era: Era,
    /// The term that it opens.
    pub term: Term,
    /// The reports, in order, each once.
    pub reports: Vec<SignedReport>,
    /// The sum of all signers' signatures on their reports.
    pub signature: BlsSignature,
    /// The quorum certificate of the highest checkpoint that a report calls certified; none if that is where the
    /// era begins.
    pub highest: Option<Arc<QuorumCertificate>>,
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
    /// The highest quorum certificate is missing, or another one than the reports name.
    #[error("the quorum certificate is not the highest that the reports name")]
    Highest,
    /// The highest quorum certificate is none.
    #[error("the highest quorum certificate: {0}")]
    Quorum(#[from] InvalidQuorum),
}

impl TermCertificate {
    /// What identifies a certificate: the keccak of its RLP.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// Checks everything against the era's set: a pairing a report, and one for the quorum certificate.
    ///
    /// # Errors
    /// [`InvalidCertificate`].
    pub fn verify(self: Arc<Self>, electorate: &Electorate) -> Result<VerifiedCertificate, InvalidCertificate> {
        let verified = VerifiedCertificate::of_checked_votes(self, electorate)?;
        let Electorate { context, set, .. } = electorate;
        let mut signed = Vec::new();
        for (report, signers) in verified.reports() {
            let keys = signers.iter().filter_map(|signer| set.key_of(*signer).copied()).collect();
            signed.push((context.digest(report), keys));
        }
        if !verified.certificate.signature.verify_aggregate(&signed) {
            return Err(InvalidCertificate::Signature);
        }
        if let Some(highest) = &verified.certificate.highest {
            Arc::clone(highest).verify(electorate)?;
        }
        Ok(verified)
    }
}

/// A certificate that opens its term. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCertificate {
    certificate: Arc<TermCertificate>,
    hash: B256,
    reports: Arc<[(TermReport, Vec<Address>)]>,
    highest: Option<VerifiedQuorum>,
}

impl VerifiedCertificate {
    /// Makes a certificate of one term's changes, at most one a member. None if they are no quorum.
    #[must_use]
    pub fn assemble<'a>(
        electorate: &Electorate,
        term: Term,
        changes: impl IntoIterator<Item = &'a VerifiedTermChange>,
    ) -> Option<Self> {
        let mut groups: BTreeMap<TermReport, Vec<Address>> = BTreeMap::new();
        let mut votes = Vec::new();
        let mut highest: Option<&VerifiedQuorum> = None;
        for change in changes {
            groups.entry(*change.report()).or_default().push(change.signer());
            votes.push(change.message().vote);
            highest = highest.into_iter().chain(change.certificate()).max_by_key(|quorum| quorum.reference());
        }
        let signed = |(report, signers)| SignedReport { report, signers: electorate.set.bitmap(signers).into() };
        let reports = groups.into_iter().map(signed).collect();
        let signature = BlsSignature::aggregate(&votes)?;
        let highest = highest.map(|quorum| Arc::clone(quorum.certificate()));
        let certificate = TermCertificate { era: electorate.era, term, reports, signature, highest };
        Self::of_checked_votes(Arc::new(certificate), electorate).ok()
    }

    /// A certificate that this node checked before it made it durable; everything but the signatures is checked again.
    #[must_use]
    pub fn restore(certificate: Arc<TermCertificate>, electorate: &Electorate) -> Option<Self> {
        Self::of_checked_votes(certificate, electorate).ok()
    }

    /// Checks everything but the signatures.
    fn of_checked_votes(
        certificate: Arc<TermCertificate>,
        electorate: &Electorate,
    ) -> Result<Self, InvalidCertificate> {
        let set = &electorate.set;
        let TermCertificate { era, term, reports, signature: _, highest } = &*certificate;
        let ordered = reports.windows(2).all(|pair| pair[0].report < pair[1].report);
        let fits = |report: &TermReport| {
            let earlier = report.head.term < *term && report.certified.position.term < *term;
            (report.era, report.term) == (*era, *term) && earlier
        };
        if *era != electorate.era || !ordered || !reports.iter().all(|signed| fits(&signed.report)) {
            return Err(InvalidCertificate::Reports);
        }
        let mut all = Vec::new();
        let mut named = Vec::with_capacity(reports.len());
        for SignedReport { report, signers } in reports {
            let places = set.places(signers).map_err(|_| InvalidCertificate::Signers)?;
            let members = places.iter().filter_map(|place| Some(set.members().get(*place)?.address)).collect();
            named.push((*report, members));
            all.extend(places);
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        if all.len() < count {
            return Err(InvalidCertificate::Signers);
        }
        if !set.weight_of(&all).is_quorum_of(set.total()) {
            return Err(InvalidCertificate::NoQuorum);
        }
        let certified = reports.iter().map(|signed| signed.report.certified).max();
        let root = CheckpointPosition::root(*era);
        let is_named = match highest {
            Some(highest) => certified == Some(highest.checkpoint.reference()),
            None => certified.is_none_or(|certified| certified.position == root),
        };
        if !is_named {
            return Err(InvalidCertificate::Highest);
        }
        let restore = |highest: &Arc<_>| VerifiedQuorum::restore(Arc::clone(highest), electorate);
        let highest = match highest {
            Some(highest) => Some(restore(highest).ok_or(InvalidCertificate::Highest)?),
            None => None,
        };
        let hash = certificate.hash();
        Ok(Self { certificate, hash, reports: named.into(), highest })
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

    /// The highest quorum certificate that a report names; none if that is where the era begins.
    #[must_use]
    pub const fn highest(&self) -> Option<&VerifiedQuorum> {
        self.highest.as_ref()
    }

    /// As it travels.
    #[must_use]
    pub const fn certificate(&self) -> &Arc<TermCertificate> {
        &self.certificate
    }
}

#[cfg(test)]
mod tests;
