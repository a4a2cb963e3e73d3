//! Hashes in place of signatures, so that a simulation spends its time on the protocol and not on curves.
//!
//! A tag commits to the signer and the digest as a signature does, so whatever signs the wrong thing is still found out.
//! It does not keep anyone from tagging in another's name: simulated members do not, the curves see to that elsewhere.

use crate::keys::{BlsPublicKey, BlsSignature, Signature};
use alloy_primitives::{Address, B256, FixedBytes, Keccak256, U256};

#[cfg(feature = "simulation")]
thread_local! {
    static IN_USE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Uses tags, or signatures again, in everything that this thread signs and verifies.
#[cfg(feature = "simulation")]
pub fn set(in_use: bool) {
    IN_USE.set(in_use);
}

/// Whether this thread uses tags.
#[cfg(feature = "simulation")]
pub(crate) fn in_use() -> bool {
    IN_USE.get()
}

/// Whether this thread uses tags: it does not.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn in_use() -> bool {
    false
}

/// In place of a secp256k1 signature: a hash where r is, the address where s is.
pub(crate) fn of_operator(address: Address, digest: B256) -> Signature {
    let mut bytes = [0; 65];
    bytes[..32].copy_from_slice(hash(address.as_slice(), digest).as_slice());
    bytes[44..64].copy_from_slice(address.as_slice());
    bytes[64] = 27;
    FixedBytes(bytes)
}

/// Whose tag this is; none if it is not over this digest.
pub(crate) fn operator_of(tag: &Signature, digest: B256) -> Option<Address> {
    let address = Address::from_slice(&tag[44..64]);
    (*tag == of_operator(address, digest)).then_some(address)
}

/// In place of a BLS signature.
pub(crate) fn of_bls(key: &BlsPublicKey, digest: B256) -> BlsSignature {
    from_number(hash(key.0.as_slice(), digest).into())
}

/// Tags add up as signatures do.
pub(crate) fn sum(tags: impl IntoIterator<Item = BlsSignature>) -> BlsSignature {
    let number = |tag: BlsSignature| U256::from_be_slice(&tag.0[..32]);
    from_number(tags.into_iter().map(number).fold(U256::ZERO, U256::wrapping_add))
}

fn from_number(number: U256) -> BlsSignature {
    let mut bytes = [0; 96];
    bytes[..32].copy_from_slice(&number.to_be_bytes::<32>());
    BlsSignature(FixedBytes(bytes))
}

fn hash(signer: &[u8], digest: B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(signer);
    hasher.update(digest);
    hasher.finalize()
}
