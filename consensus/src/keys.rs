//! The operator's two protocol keys: secp256k1 for what the protocol signs message by message, BLS12-381 for what it
//! aggregates. The libp2p key is the network's own.

mod registration;

pub use registration::possession_message;

use crate::simulation::tags;
use alloy_primitives::{Address, B256, FixedBytes};
use alloy_rlp::{RlpDecodableWrapper, RlpEncodableWrapper};
use alloy_signer::{Signer, SignerSync};
use alloy_signer_local::PrivateKeySigner;
use blst::{BLST_ERROR, min_pk};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The ciphersuite of proofs of possession (draft-irtf-cfrg-bls-signature-05, section 4.2.3).
const POSSESSION_SUITE: &[u8] = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// The ciphersuite of votes and reports (draft-irtf-cfrg-bls-signature-05, section 4.2.3).
const SIGNATURE_SUITE: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// A recoverable secp256k1 signature: r, s and a recovery byte of 27 or 28; s in the lower half (EIP-2).
pub type Signature = FixedBytes<65>;

/// A key that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a valid {0}")]
pub struct InvalidKey(&'static str);

/// The operator's secp256k1 key, whose address is its name on L1 and L2.
#[derive(Clone)]
pub struct OperatorKey(PrivateKeySigner);

impl OperatorKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// [`InvalidKey`] if they are zero or not below the order of the curve.
    pub fn from_bytes(bytes: &B256) -> Result<Self, InvalidKey> {
        PrivateKeySigner::from_bytes(bytes).map(Self).map_err(|_| InvalidKey("secp256k1 private key"))
    }

    /// The 32 secret bytes.
    #[must_use]
    pub fn to_bytes(&self) -> B256 {
        self.0.to_bytes()
    }

    /// The operator's address.
    #[must_use]
    pub fn address(&self) -> Address {
        Signer::address(&self.0)
    }

    /// Signs a digest; deterministic.
    pub(crate) fn sign(&self, digest: B256) -> Signature {
        if tags::in_use() {
            return tags::of_operator(self.address(), digest);
        }
        #[expect(clippy::expect_used, reason = "a local key signs every 32-byte digest")]
        let signature = self.0.sign_hash_sync(&digest).expect("a local key signs");
        FixedBytes(signature.as_bytes())
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorKey({})", self.address())
    }
}

/// A BLS12-381 public key: 48 bytes, a compressed point of G1.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    RlpEncodableWrapper,
    RlpDecodableWrapper,
)]
#[serde(transparent)]
pub struct BlsPublicKey(pub FixedBytes<48>);

/// A BLS signature by a key on itself, or on what names it: 96 bytes, a compressed point of G2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProofOfPossession(pub FixedBytes<96>);

impl BlsPublicKey {
    /// Whether the holder of this key made `proof`, which rules rogue keys out.
    #[must_use]
    pub fn verify_possession(&self, proof: &ProofOfPossession) -> bool {
        self.verify_possession_of(self.0.as_slice(), proof)
    }
}

/// A public key to verify with: its point is decompressed and checked once, which costs as much as adding it up a hundred
/// times. Equal to another one if their bytes are.
#[derive(Clone, Copy)]
pub struct BlsVerifyingKey {
    bytes: BlsPublicKey,
    /// None if the bytes are no key: then nothing is signed with it.
    point: Option<min_pk::PublicKey>,
}

impl From<BlsPublicKey> for BlsVerifyingKey {
    fn from(bytes: BlsPublicKey) -> Self {
        Self { bytes, point: min_pk::PublicKey::key_validate(&bytes.0.0).ok() }
    }
}

impl PartialEq for BlsVerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for BlsVerifyingKey {}

impl fmt::Debug for BlsVerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlsVerifyingKey({})", self.bytes.0)
    }
}

/// A BLS signature, or an aggregate of some: 96 bytes, a compressed point of G2.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    RlpEncodableWrapper,
    RlpDecodableWrapper,
)]
#[serde(transparent)]
pub struct BlsSignature(pub FixedBytes<96>);

impl BlsSignature {
    /// Whether the holder of `key` signed `digest`.
    #[must_use]
    pub fn verify(&self, digest: B256, key: &BlsVerifyingKey) -> bool {
        if tags::in_use() {
            return *self == tags::of_bls(&key.bytes, digest);
        }
        #[cfg(test)]
        crate::testing::count_pairing_check();
        let Some(key) = key.point else { return false };
        let Ok(signature) = min_pk::Signature::sig_validate(&self.0.0, true) else { return false };
        signature.verify(false, &digest.0, SIGNATURE_SUITE, &[], &key, false) == BLST_ERROR::BLST_SUCCESS
    }

    /// The sum of signatures; none if there are none, or one is not a point of the curve. Whether it is one of the group is
    /// checked when the sum is verified: once, and not for each of them.
    #[must_use]
    pub fn aggregate(signatures: &[Self]) -> Option<Self> {
        if tags::in_use() {
            return (!signatures.is_empty()).then(|| tags::sum(signatures.iter().copied()));
        }
        let points = signatures
            .iter()
            .map(|signature| min_pk::Signature::from_bytes(&signature.0.0).ok())
            .collect::<Option<Vec<_>>>()?;
        let points: Vec<_> = points.iter().collect();
        let sum = min_pk::AggregateSignature::aggregate(&points, false).ok()?;
        Some(Self(FixedBytes(sum.to_signature().to_bytes())))
    }

    /// Whether this is the sum of signatures on each digest by all keys beside it (section 3.1.1 with the keys of one
    /// message added up as in 3.3.4). The digests must differ, and every key must have proven its possession.
    #[must_use]
    pub fn verify_aggregate(&self, signed: &[(B256, Vec<BlsVerifyingKey>)]) -> bool {
        if tags::in_use() {
            let tags =
                signed.iter().flat_map(|(digest, keys)| keys.iter().map(|key| tags::of_bls(&key.bytes, *digest)));
            return !signed.is_empty() && *self == tags::sum(tags);
        }
        #[cfg(test)]
        crate::testing::count_pairing_check();
        let Ok(signature) = min_pk::Signature::sig_validate(&self.0.0, true) else { return false };
        let sum = |keys: &[BlsVerifyingKey]| {
            let keys = keys.iter().map(|key| key.point.as_ref()).collect::<Option<Vec<_>>>()?;
            Some(min_pk::AggregatePublicKey::aggregate(&keys, false).ok()?.to_public_key())
        };
        let Some(keys) = signed.iter().map(|(_, keys)| sum(keys)).collect::<Option<Vec<_>>>() else { return false };
        // Keys that add up to nothing are in one hand, as each has proven its possession: their signatures on a message of
        // their own add up to nothing too. The pairing with their sum is one, which this library refuses to compute.
        let counting = signed.iter().zip(&keys).filter(|(_, key)| !is_infinity(key));
        let (messages, keys): (Vec<&[u8]>, Vec<_>) =
            counting.map(|((digest, _), key)| (digest.as_slice(), key)).unzip();
        !keys.is_empty()
            && signature.aggregate_verify(false, &messages, SIGNATURE_SUITE, &keys, false) == BLST_ERROR::BLST_SUCCESS
    }
}

/// Whether a sum of keys is the point at infinity: the second bit of its compressed form says so.
fn is_infinity(key: &min_pk::PublicKey) -> bool {
    key.to_bytes()[0] & 0x40 != 0
}

/// The operator's BLS12-381 key.
#[derive(Clone)]
pub struct BlsKey {
    secret: min_pk::SecretKey,
    public: BlsPublicKey,
}

impl BlsKey {
    fn new(secret: min_pk::SecretKey) -> Self {
        let public = BlsPublicKey(FixedBytes(secret.sk_to_pk().to_bytes()));
        Self { secret, public }
    }

    /// Derives a key from at least 32 secret random bytes (draft-irtf-cfrg-bls-signature-05, section 2.3).
    ///
    /// # Errors
    /// [`InvalidKey`] if there are fewer.
    pub fn generate(seed: &[u8]) -> Result<Self, InvalidKey> {
        min_pk::SecretKey::key_gen(seed, &[]).map(Self::new).map_err(|_| InvalidKey("BLS key seed"))
    }

    /// A key from its 32 bytes, big endian.
    ///
    /// # Errors
    /// [`InvalidKey`] if they are zero or not below the order of the group.
    pub fn from_bytes(bytes: &B256) -> Result<Self, InvalidKey> {
        min_pk::SecretKey::from_bytes(&bytes.0).map(Self::new).map_err(|_| InvalidKey("BLS private key"))
    }

    /// The 32 secret bytes, big endian.
    #[must_use]
    pub fn to_bytes(&self) -> B256 {
        B256::from(self.secret.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> BlsPublicKey {
        self.public
    }

    /// Signs a digest; deterministic.
    #[must_use]
    pub fn sign(&self, digest: B256) -> BlsSignature {
        if tags::in_use() {
            return tags::of_bls(&self.public, digest);
        }
        BlsSignature(FixedBytes(self.secret.sign(&digest.0, SIGNATURE_SUITE, &[]).to_bytes()))
    }

    /// Proves that the holder of the public key knows this one.
    #[must_use]
    pub fn prove_possession(&self) -> ProofOfPossession {
        self.sign_possession(self.public.0.as_slice())
    }
}

impl fmt::Debug for BlsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlsKey({})", self.public_key().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possession_is_proven_by_the_key_itself_only() {
        let (one, two) = (BlsKey::generate(&[1; 32]).unwrap(), BlsKey::generate(&[2; 32]).unwrap());
        assert!(one.public_key().verify_possession(&one.prove_possession()));
        assert!(!one.public_key().verify_possession(&two.prove_possession()));
        assert!(!BlsPublicKey(FixedBytes([0; 48])).verify_possession(&one.prove_possession()));
    }

    #[test]
    fn an_aggregate_is_of_all_its_signers_and_messages() {
        let keys: Vec<_> = (1..=3u8).map(|seed| BlsKey::generate(&[seed; 32]).unwrap()).collect();
        let publics: Vec<BlsVerifyingKey> = keys.iter().map(|key| key.public_key().into()).collect();
        let (one, two) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let signatures = [keys[0].sign(one), keys[1].sign(one), keys[2].sign(two)];
        assert!(signatures[0].verify(one, &publics[0]) && !signatures[0].verify(two, &publics[0]));
        let sum = BlsSignature::aggregate(&signatures).unwrap();
        assert!(sum.verify_aggregate(&[(one, publics[..2].to_vec()), (two, publics[2..].to_vec())]));
        assert!(!sum.verify_aggregate(&[(one, publics.clone())]));
        assert!(!sum.verify_aggregate(&[(one, publics[..1].to_vec()), (two, publics[2..].to_vec())]));
        assert!(!sum.verify_aggregate(&[]));
        assert!(BlsSignature::aggregate(&[]).is_none());
        assert!(BlsSignature::aggregate(&[BlsSignature(FixedBytes([0; 96]))]).is_none());
    }

    #[test]
    fn a_sum_outside_the_group_is_refused() {
        let (key, digest) = (BlsKey::generate(&[1; 32]).unwrap(), B256::repeat_byte(1));
        // The curve has far more points than the group: the first that is found is none of it.
        let outside = |x: u8| {
            let mut bytes = FixedBytes([0; 96]);
            (bytes[0], bytes[95]) = (0x80, x);
            min_pk::Signature::from_bytes(&bytes.0).is_ok().then_some(BlsSignature(bytes))
        };
        let outside = (1..).find_map(outside).unwrap();
        let sum = BlsSignature::aggregate(&[key.sign(digest), outside]).unwrap();
        assert!(!outside.verify(digest, &key.public_key().into()));
        assert!(!sum.verify_aggregate(&[(digest, vec![key.public_key().into()])]));
    }

    #[test]
    fn keys_survive_their_bytes() {
        let key = BlsKey::generate(&[7; 32]).unwrap();
        assert_eq!(BlsKey::from_bytes(&key.to_bytes()).unwrap().public_key(), key.public_key());
        assert!(BlsKey::from_bytes(&B256::ZERO).is_err());
        assert!(OperatorKey::from_bytes(&B256::ZERO).is_err());
    }
}
