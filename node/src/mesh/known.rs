//! The certificates that were checked already, each a pairing: one travels in many messages, and anyone can send what
//! members signed once more, in other bytes than before.

use super::allowance::Allowance;
use alloy_primitives::{B256, keccak256};
use baton_consensus::{
    certificate::{InvalidCertificate, TermCertificate, VerifiedCertificate},
    finality::{InvalidQuorum, QuorumCertificate, VerifiedQuorum},
    messages::CheckpointPosition,
    types::Electorate,
};
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many quorum certificates are remembered.
const QUORUMS: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// How many term certificates are remembered: each takes up to half a MiB.
const CERTIFICATES: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");

/// Between two old quorum certificates that are checked. Who got one late may need it, and two at one position are a reason
/// to stop, but an era's history of them is there for anyone to send again.
const OLD_INTERVAL: Duration = Duration::from_millis(50);

/// Remembers good certificates by the keccak of their RLP, which covers the signature.
#[derive(Debug)]
pub struct KnownCertificates {
    quorums: Mutex<Quorums>,
    certificates: Mutex<LruCache<B256, VerifiedCertificate>>,
    old: Allowance,
}

#[derive(Debug)]
struct Quorums {
    recent: LruCache<B256, VerifiedQuorum>,
    highest: Option<CheckpointPosition>,
}

impl Default for KnownCertificates {
    fn default() -> Self {
        Self {
            quorums: Mutex::new(Quorums { recent: LruCache::new(QUORUMS), highest: None }),
            certificates: Mutex::new(LruCache::new(CERTIFICATES)),
            old: Allowance::once_in(OLD_INTERVAL),
        }
    }
}

impl KnownCertificates {
    /// Whether a quorum certificate is worth a check: it is known, or not below the highest one; of others, one in a while.
    pub fn admits(&self, certificate: &QuorumCertificate) -> bool {
        let quorums = lock(&self.quorums);
        let new = quorums.highest.is_none_or(|highest| certificate.checkpoint.position() >= highest);
        new || quorums.recent.contains(&key(certificate)) || self.old.take()
    }

    /// Checks a quorum certificate, unless just this one was checked before: a pairing.
    ///
    /// # Errors
    /// [`InvalidQuorum`].
    pub fn verify(
        &self,
        certificate: Arc<QuorumCertificate>,
        electorate: &Electorate,
    ) -> Result<VerifiedQuorum, InvalidQuorum> {
        let key = key(&certificate);
        if let Some(known) = lock(&self.quorums).recent.get(&key) {
            return Ok(known.clone());
        }
        let verified = certificate.verify(electorate)?;
        let mut quorums = lock(&self.quorums);
        quorums.highest = quorums.highest.max(Some(verified.position()));
        quorums.recent.put(key, verified.clone());
        Ok(verified)
    }

    /// Checks a term certificate, unless just this one was checked before: a pairing for each report, and one more.
    ///
    /// # Errors
    /// [`InvalidCertificate`].
    pub fn verify_term(
        &self,
        certificate: Arc<TermCertificate>,
        electorate: &Electorate,
    ) -> Result<VerifiedCertificate, InvalidCertificate> {
        let key = certificate.hash();
        if let Some(known) = lock(&self.certificates).get(&key) {
            return Ok(known.clone());
        }
        let verified = certificate.verify(electorate)?;
        lock(&self.certificates).put(key, verified.clone());
        Ok(verified)
    }
}

fn key(certificate: &QuorumCertificate) -> B256 {
    keccak256(alloy_rlp::encode(certificate))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
