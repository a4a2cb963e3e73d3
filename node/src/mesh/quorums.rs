//! The quorum certificates that were checked already: one travels beside checkpoints, term changes and alone.

use alloy_primitives::{B256, keccak256};
use baton_consensus::{
    finality::{InvalidQuorum, QuorumCertificate, VerifiedQuorum},
    types::Electorate,
};
use lru::LruCache;
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

/// How many are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// Remembers good certificates by the keccak of their RLP, which covers the signature.
#[derive(Debug)]
pub struct KnownQuorums(Mutex<LruCache<B256, VerifiedQuorum>>);

impl Default for KnownQuorums {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl KnownQuorums {
    /// Checks a certificate, unless just this one was checked before: a pairing.
    ///
    /// # Errors
    /// [`InvalidQuorum`].
    pub fn verify(
        &self,
        certificate: Arc<QuorumCertificate>,
        electorate: &Electorate,
    ) -> Result<VerifiedQuorum, InvalidQuorum> {
        let key = keccak256(alloy_rlp::encode(&*certificate));
        if let Some(known) = self.lock().get(&key) {
            return Ok(known.clone());
        }
        let verified = certificate.verify(electorate)?;
        self.lock().put(key, verified.clone());
        Ok(verified)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<B256, VerifiedQuorum>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
