//! What is signed, and the wall between a received message and a verified one.
//!
//! A signature covers `keccak256(domain ‖ chain id ‖ genesis hash ‖ RLP(message))`: one domain per message type, the
//! chain id as 8 bytes, big endian. The serialized form of the wire is never signed.

use crate::keys::OperatorKey;
use crate::simulation::tags;
use alloy_consensus::crypto::secp256k1::recover_signer;
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::Encodable;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use crate::keys::Signature;

/// A message that sequencers sign.
pub trait Message: Encodable {
    /// Separates this message type from every other one that the same key signs.
    const DOMAIN: &'static str;
}

/// The chain that a signature is valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningContext {
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// The hash of block 0, which commits to the whole genesis file.
    pub genesis_hash: B256,
}

impl SigningContext {
    /// What a key signs for `message` on this chain: the keccak of [`Self::preimage`].
    pub fn digest<M: Message>(&self, message: &M) -> B256 {
        keccak256(self.preimage(message))
    }

    /// domain ‖ chain id ‖ genesis hash ‖ RLP(message).
    pub fn preimage<M: Message>(&self, message: &M) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(M::DOMAIN.len() + 40 + message.length());
        bytes.extend_from_slice(M::DOMAIN.as_bytes());
        bytes.extend_from_slice(&self.chain_id.to_be_bytes());
        bytes.extend_from_slice(self.genesis_hash.as_slice());
        message.encode(&mut bytes);
        bytes
    }
}

/// A signature that no key could have made over the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature is malformed, or not in its canonical form")]
pub struct InvalidSignature;

/// A message with a signature that nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<M> {
    /// What was signed.
    pub message: M,
    /// By whom is only known after [`Signed::verify`].
    pub signature: Signature,
}

impl<M: Message> Signed<M> {
    /// Signs `message` for this chain. Deterministic (RFC 6979): the same message gives the same bytes.
    #[must_use]
    pub fn new(message: M, context: &SigningContext, key: &OperatorKey) -> Self {
        let signature = key.sign(context.digest(&message));
        Self { message, signature }
    }

    /// Recovers who signed.
    ///
    /// # Errors
    /// [`InvalidSignature`] if no key fits, the recovery byte is not 27 or 28, or s is in the upper half.
    pub fn verify(self, context: &SigningContext) -> Result<Verified<M>, InvalidSignature> {
        if tags::in_use() {
            let signer = tags::operator_of(&self.signature, context.digest(&self.message)).ok_or(InvalidSignature)?;
            return Ok(Verified { signed: self, signer });
        }
        let bytes = &self.signature.0;
        if !matches!(bytes[64], 27 | 28) {
            return Err(InvalidSignature);
        }
        let signature = alloy_primitives::Signature::from_raw_array(bytes).map_err(|_| InvalidSignature)?;
        let signer = recover_signer(&signature, context.digest(&self.message)).map_err(|_| InvalidSignature)?;
        Ok(Verified { signed: self, signer })
    }
}

/// A message whose signer is known. Whether the signer is entitled to it is for the core to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<M> {
    signed: Signed<M>,
    signer: Address,
}

impl<M> Verified<M> {
    /// A message whose signature was checked as part of something else.
    pub(crate) const fn of_checked(signed: Signed<M>, signer: Address) -> Self {
        Self { signed, signer }
    }

    /// Who signed.
    #[must_use]
    pub const fn signer(&self) -> Address {
        self.signer
    }

    /// What was signed.
    #[must_use]
    pub const fn message(&self) -> &M {
        &self.signed.message
    }

    /// Message and signature.
    #[must_use]
    pub const fn signed(&self) -> &Signed<M> {
        &self.signed
    }

    /// Message and signature, taken out.
    #[must_use]
    pub fn into_signed(self) -> Signed<M> {
        self.signed
    }
}
