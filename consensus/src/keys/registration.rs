//! What the registry on L1 asks of a BLS key: points as the precompiles of EIP-2537 read them, and a proof of possession
//! that holds for one operator in one registry.

use super::{BlsKey, BlsPublicKey, BlsSignature, InvalidKey, POSSESSION_SUITE, ProofOfPossession};
use alloy_primitives::{Address, FixedBytes};
use blst::{BLST_ERROR, min_pk};

/// Sets these messages apart from all others that a key signs.
const DOMAIN: &[u8] = b"baton/registration/1";

/// Bytes of a coordinate as this library writes it.
const COORDINATE: usize = 48;

/// Bytes of a coordinate as EIP-2537 writes it: big endian, zeros in front.
const PADDED_COORDINATE: usize = 64;

/// What a BLS key signs to be registered: domain ‖ L1 chain id (8 bytes, big endian) ‖ registry ‖ operator ‖ compressed key.
/// It names all of them, so that nobody can use the proof for itself, or elsewhere.
#[must_use]
pub fn possession_message(l1_chain_id: u64, registry: Address, operator: Address, key: &BlsPublicKey) -> Vec<u8> {
    [DOMAIN, &l1_chain_id.to_be_bytes(), registry.as_slice(), operator.as_slice(), key.0.as_slice()].concat()
}

impl BlsKey {
    /// Proves possession to the registry: signs [`possession_message`] with the ciphersuite of proofs of possession.
    #[must_use]
    pub fn sign_possession(&self, message: &[u8]) -> ProofOfPossession {
        ProofOfPossession(FixedBytes(self.secret.sign(message, POSSESSION_SUITE, &[]).to_bytes()))
    }
}

impl BlsPublicKey {
    /// Whether the holder of this key made `proof` for this message, as [`BlsKey::sign_possession`] does.
    #[must_use]
    pub fn verify_possession_of(&self, message: &[u8], proof: &ProofOfPossession) -> bool {
        let Ok(key) = min_pk::PublicKey::key_validate(&self.0.0) else { return false };
        let Ok(proof) = min_pk::Signature::sig_validate(&proof.0.0, true) else { return false };
        proof.verify(true, message, POSSESSION_SUITE, &[], &key, true) == BLST_ERROR::BLST_SUCCESS
    }

    /// Whether these bytes are a key: a point of the group, and not that at infinity.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        min_pk::PublicKey::key_validate(&self.0.0).is_ok()
    }

    /// The point as EIP-2537 writes one of G1: x ‖ y.
    ///
    /// # Errors
    /// [`InvalidKey`] if these bytes are no key.
    pub fn to_eip2537(&self) -> Result<FixedBytes<128>, InvalidKey> {
        let point = min_pk::PublicKey::key_validate(&self.0.0).map_err(|_| InvalidKey("BLS public key"))?;
        Ok(pad(&point.serialize(), [0, 1]))
    }
}

impl BlsSignature {
    /// The point as EIP-2537 writes one of G2: x ‖ y, of each the real part first.
    ///
    /// # Errors
    /// [`InvalidKey`] if these bytes are no signature.
    pub fn to_eip2537(&self) -> Result<FixedBytes<256>, InvalidKey> {
        let point = min_pk::Signature::sig_validate(&self.0.0, true).map_err(|_| InvalidKey("BLS signature"))?;
        // This library writes the imaginary part first.
        Ok(pad(&point.serialize(), [1, 0, 3, 2]))
    }
}

impl ProofOfPossession {
    /// As [`BlsSignature::to_eip2537`].
    ///
    /// # Errors
    /// [`InvalidKey`] if these bytes are no signature.
    pub fn to_eip2537(&self) -> Result<FixedBytes<256>, InvalidKey> {
        BlsSignature(self.0).to_eip2537()
    }
}

/// The coordinates in this order, each with its zeros.
fn pad<const N: usize, const COORDINATES: usize>(point: &[u8], order: [usize; COORDINATES]) -> FixedBytes<N> {
    let mut padded = FixedBytes::ZERO;
    for (room, place) in padded.chunks_exact_mut(PADDED_COORDINATE).zip(order) {
        let coordinate = &point[place * COORDINATE..][..COORDINATE];
        room[PADDED_COORDINATE - COORDINATE..].copy_from_slice(coordinate);
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, U256, hex};

    /// The coordinates of the groups' generators (draft-irtf-cfrg-pairing-friendly-curves, section 4.2.1).
    const G1: [&str; 2] = [
        "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
        "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1",
    ];
    const G2_X: [&str; 2] = [
        "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
        "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
    ];
    const G2_Y: [&str; 2] = [
        "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801",
        "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be",
    ];

    /// Coordinates with their sixteen zeros each.
    fn written(coordinates: &[&str]) -> String {
        coordinates.iter().map(|coordinate| format!("{}{coordinate}", "00".repeat(16))).collect()
    }

    #[test]
    fn points_are_written_as_the_precompiles_read_them() {
        let one = BlsKey::from_bytes(&B256::from(U256::ONE)).unwrap();
        assert_eq!(hex::encode(one.public_key().to_eip2537().unwrap()), written(&G1));

        let mut compressed: FixedBytes<96> = format!("{}{}", G2_X[1], G2_X[0]).parse().unwrap();
        compressed[0] |= 0x80;
        let expected = written(&[G2_X[0], G2_X[1], G2_Y[0], G2_Y[1]]);
        assert_eq!(hex::encode(BlsSignature(compressed).to_eip2537().unwrap()), expected);
        assert_eq!(hex::encode(ProofOfPossession(compressed).to_eip2537().unwrap()), expected);
    }

    #[test]
    fn what_is_no_point_of_the_group_is_not_written() {
        let infinity = |bytes: &mut [u8]| bytes[0] = 0xc0;
        let (mut key, mut signature) = (FixedBytes::<48>::ZERO, FixedBytes::<96>::ZERO);
        assert!(BlsPublicKey(key).to_eip2537().is_err() && BlsSignature(signature).to_eip2537().is_err());
        infinity(&mut key.0);
        infinity(&mut signature.0);
        assert!(BlsPublicKey(key).to_eip2537().is_err() && BlsSignature(signature).to_eip2537().is_err());
        assert!(!BlsPublicKey(key).is_valid());
    }

    #[test]
    fn possession_is_proven_for_one_operator_in_one_registry() {
        let key = BlsKey::generate(&[1; 32]).unwrap();
        let public = key.public_key();
        let (registry, operator) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let message = possession_message(7, registry, operator, &public);
        assert_eq!(message[..28], *b"baton/registration/1\0\0\0\0\0\0\0\x07");
        assert_eq!(message.len(), 20 + 8 + 20 + 20 + 48);
        let proof = key.sign_possession(&message);
        assert!(public.verify_possession_of(&message, &proof));
        for other in [
            possession_message(8, registry, operator, &public),
            possession_message(7, operator, operator, &public),
            possession_message(7, registry, registry, &public),
        ] {
            assert!(!public.verify_possession_of(&other, &proof));
        }
        // Neither is the other kind of proof.
        assert!(!public.verify_possession(&proof));
        assert!(!public.verify_possession_of(&message, &key.prove_possession()));
    }
}
