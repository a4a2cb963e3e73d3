//! Keys under a password, in the two formats that Ethereum's programs share: web3 secret storage version 3 for secp256k1
//! keys, EIP-2335 (its `version` is 4) for BLS keys.
//!
//! Both derive a key from the password, encrypt 32 bytes with AES-128-CTR and check the password by a hash; they differ in
//! the hash, in how a password becomes bytes and in the spelling. What a file asks for is bounded before it is done: neither
//! its size nor the cost of its key derivation can occupy the machine.

mod eip2335;
mod kdf;
mod sealed;
mod web3;

pub(super) use sealed::Secret;

use alloy_primitives::{Address, hex, keccak256};
use baton_consensus::keys::BlsPublicKey;
use rand::{TryRngCore, rngs::OsRng};
use sealed::Sealed;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use thiserror::Error;

/// Why a keystore cannot be opened or made.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum KeystoreError {
    /// Not JSON, or not this JSON.
    #[error("not a keystore: {0}")]
    Malformed(String),
    /// A function that these formats allow and nobody uses.
    #[error("a keystore with {0}, which this program does not support")]
    Unsupported(String),
    /// More than an honest file asks for.
    #[error("its key derivation would take too much time or memory")]
    TooExpensive,
    /// The checksum does not hold.
    #[error("the password is wrong")]
    WrongPassword,
    /// No randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
}

impl KeystoreError {
    fn malformed(problem: impl Display) -> Self {
        Self::Malformed(problem.to_string())
    }
}

/// An encrypted key, and what its file says about it without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keystore {
    /// Web3 secret storage.
    Web3 { sealed: SealedKey, address: Option<Address> },
    /// EIP-2335.
    Eip2335 { sealed: SealedKey, public: Option<BlsPublicKey> },
}

/// An encrypted key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SealedKey(Sealed);

impl Keystore {
    /// Whether a text means to be a keystore: raw keys are hex.
    pub(super) fn is_one(text: &str) -> bool {
        text.trim_start().starts_with('{')
    }

    /// Reads a keystore of either format.
    pub(super) fn read(text: &str) -> Result<Self, KeystoreError> {
        let json: Value = serde_json::from_str(text).map_err(KeystoreError::malformed)?;
        match json.get("version").and_then(Value::as_u64) {
            Some(3) => web3::read(json).map(|(sealed, address)| Self::Web3 { sealed: SealedKey(sealed), address }),
            Some(4) => eip2335::read(json).map(|(sealed, public)| Self::Eip2335 { sealed: SealedKey(sealed), public }),
            Some(other) => Err(KeystoreError::Unsupported(format!("version {other}"))),
            None => Err(KeystoreError::malformed("it has no `version`")),
        }
    }

    /// The secret.
    pub(super) fn open(&self, password: &str) -> Result<Secret, KeystoreError> {
        match self {
            Self::Web3 { sealed, .. } => sealed.0.open(password.as_bytes(), keccak),
            Self::Eip2335 { sealed, .. } => sealed.0.open(&eip2335::password_bytes(password), sha256),
        }
    }
}

/// Encrypts a secp256k1 key.
pub(super) fn seal_operator_key(secret: &Secret, address: Address, password: &str) -> Result<String, KeystoreError> {
    to_text(&web3::write(&Sealed::seal(secret, password.as_bytes(), keccak)?, address)?)
}

/// Encrypts a BLS key.
pub(super) fn seal_bls_key(secret: &Secret, public: &BlsPublicKey, password: &str) -> Result<String, KeystoreError> {
    to_text(&eip2335::write(&Sealed::seal(secret, &eip2335::password_bytes(password), sha256)?, public)?)
}

fn to_text(json: &Value) -> Result<String, KeystoreError> {
    serde_json::to_string_pretty(json).map_err(KeystoreError::malformed)
}

fn keccak(bytes: &[u8]) -> [u8; 32] {
    keccak256(bytes).0
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Bytes in hex, with or without `0x`.
fn bytes(field: &str, text: &str) -> Result<Vec<u8>, KeystoreError> {
    hex::decode(text).map_err(|_| KeystoreError::malformed(format_args!("`{field}` is not hex")))
}

fn array<const N: usize>(field: &str, text: &str) -> Result<[u8; N], KeystoreError> {
    <[u8; N]>::try_from(bytes(field, text)?)
        .map_err(|bytes| KeystoreError::malformed(format_args!("`{field}` has {} bytes instead of {N}", bytes.len())))
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> Result<String, KeystoreError> {
    let mut bytes = [0u8; 16];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| KeystoreError::Randomness)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    Ok([&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-"))
}

#[cfg(test)]
mod tests;
