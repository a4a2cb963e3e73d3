//! The two signatures that bring an operator into the registry.

use super::bindings::Registration;
use crate::l1::ISequencerRegistry;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};
use baton_consensus::keys::{BlsKey, InvalidKey, possession_message};
use std::borrow::Cow;

/// The name and version of the registry's EIP-712 domain.
const DOMAIN: (&str, &str) = ("Baton Sequencer Registry", "1");

/// What the operator's key signs to be registered by `staker`: the registration with the amount, for the operator's `nonce`th
/// time (EIP-712). It names L1 and the registry.
#[must_use]
pub fn registration_digest(
    l1_chain_id: u64,
    registry: Address,
    staker: Address,
    registration: &ISequencerRegistry::Registration,
    amount: U256,
    nonce: U256,
) -> B256 {
    let domain = Eip712Domain {
        name: Some(Cow::Borrowed(DOMAIN.0)),
        version: Some(Cow::Borrowed(DOMAIN.1)),
        chain_id: Some(U256::from(l1_chain_id)),
        verifying_contract: Some(registry),
        salt: None,
    };
    Registration {
        staker,
        operator: registration.operator,
        payout: registration.payout,
        blsPublicKey: registration.blsKey.publicKey.clone(),
        peerId: registration.peerId.clone(),
        multiaddr: registration.multiaddr.clone(),
        amount,
        nonce,
    }
    .eip712_signing_hash(&domain)
}

/// A BLS key with the proof that its holder takes part, for one operator in one registry.
///
/// # Errors
/// None that a key which was read can cause.
pub fn bls_key(
    l1_chain_id: u64,
    registry: Address,
    operator: Address,
    key: &BlsKey,
) -> Result<ISequencerRegistry::BlsKey, InvalidKey> {
    let public = key.public_key();
    let proof = key.sign_possession(&possession_message(l1_chain_id, registry, operator, &public));
    Ok(ISequencerRegistry::BlsKey {
        publicKey: Bytes::copy_from_slice(public.to_eip2537()?.as_slice()),
        possession: Bytes::copy_from_slice(proof.to_eip2537()?.as_slice()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use alloy_sol_types::SolValue;

    /// The digest as EIP-712 spells it out.
    #[test]
    fn the_digest_is_that_of_eip_712() {
        let registration = ISequencerRegistry::Registration {
            operator: Address::repeat_byte(2),
            payout: Address::repeat_byte(3),
            blsKey: ISequencerRegistry::BlsKey { publicKey: vec![4; 128].into(), possession: Bytes::new() },
            peerId: "peer".to_owned(),
            multiaddr: "/ip4/1.2.3.4/tcp/1".to_owned(),
            operatorSignature: Bytes::new(),
        };
        let (registry, staker) = (Address::repeat_byte(5), Address::repeat_byte(1));
        let domain = keccak256(
            (
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Baton Sequencer Registry"),
                keccak256("1"),
                U256::from(7),
                registry,
            )
                .abi_encode(),
        );
        let content = keccak256(
            (
                keccak256(
                    "Registration(address staker,address operator,address payout,bytes blsPublicKey,string peerId,\
                     string multiaddr,uint256 amount,uint256 nonce)",
                ),
                staker,
                registration.operator,
                registration.payout,
                keccak256([4; 128]),
                keccak256("peer"),
                keccak256("/ip4/1.2.3.4/tcp/1"),
                U256::from(9),
                U256::from(1),
            )
                .abi_encode(),
        );
        let expected = keccak256([&[0x19, 0x01], domain.as_slice(), content.as_slice()].concat());
        let digest = registration_digest(7, registry, staker, &registration, U256::from(9), U256::from(1));
        assert_eq!(digest, expected);
    }

    #[test]
    fn a_bls_key_comes_with_its_proof() {
        let key = BlsKey::generate(&[1; 32]).unwrap();
        let made = bls_key(1, Address::repeat_byte(1), Address::repeat_byte(2), &key).unwrap();
        assert_eq!((made.publicKey.len(), made.possession.len()), (128, 256));
        let elsewhere = bls_key(2, Address::repeat_byte(1), Address::repeat_byte(2), &key).unwrap();
        assert_ne!(made.possession, elsewhere.possession);
    }
}
