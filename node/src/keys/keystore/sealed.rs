//! A secret under a password, as both formats have it: the first half of the password's key encrypts the secret with
//! AES-128 in counter mode, the second half makes a checksum over the result.

use super::{KeystoreError, kdf::Kdf};
use aes::Aes128;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use rand::{TryRngCore, rngs::OsRng};
use zeroize::Zeroizing;

/// The cipher that both formats name.
pub(super) const CIPHER: &str = "aes-128-ctr";

/// The bytes of a secret, which no copy outlives.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The hash that makes the checksum: keccak256 or SHA-256.
pub(super) type Hash = fn(&[u8]) -> [u8; 32];

/// An encrypted secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) kdf: Kdf,
    pub(super) iv: [u8; 16],
    pub(super) ciphertext: [u8; 32],
    pub(super) checksum: [u8; 32],
}

impl Sealed {
    /// Encrypts a secret with fresh randomness.
    pub(super) fn seal(secret: &Secret, password: &[u8], hash: Hash) -> Result<Self, KeystoreError> {
        let mut iv = [0; 16];
        OsRng.try_fill_bytes(&mut iv).map_err(|_| KeystoreError::Randomness)?;
        Self::with(Kdf::generate()?, iv, secret, password, hash)
    }

    pub(super) fn with(
        kdf: Kdf,
        iv: [u8; 16],
        secret: &Secret,
        password: &[u8],
        hash: Hash,
    ) -> Result<Self, KeystoreError> {
        let key = kdf.derive(password)?;
        let mut ciphertext = **secret;
        apply(&key, &iv, &mut ciphertext)?;
        let checksum = checksum(&key, &ciphertext, hash);
        Ok(Self { kdf, iv, ciphertext, checksum })
    }

    /// Decrypts the secret.
    pub(super) fn open(&self, password: &[u8], hash: Hash) -> Result<Secret, KeystoreError> {
        let Self { kdf, iv, ciphertext, checksum: expected } = self;
        let key = kdf.derive(password)?;
        if checksum(&key, ciphertext, hash) != *expected {
            return Err(KeystoreError::WrongPassword);
        }
        let mut secret = Zeroizing::new(*ciphertext);
        apply(&key, iv, &mut secret)?;
        Ok(secret)
    }
}

fn apply(key: &[u8; 32], iv: &[u8; 16], data: &mut [u8; 32]) -> Result<(), KeystoreError> {
    let mut cipher = Ctr128BE::<Aes128>::new_from_slices(&key[..16], iv).map_err(KeystoreError::malformed)?;
    cipher.apply_keystream(data);
    Ok(())
}

fn checksum(key: &[u8; 32], ciphertext: &[u8; 32], hash: Hash) -> [u8; 32] {
    let mut preimage = Zeroizing::new([0; 48]);
    preimage[..16].copy_from_slice(&key[16..]);
    preimage[16..].copy_from_slice(ciphertext);
    hash(preimage.as_slice())
}
