// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Bls12381} from "./Bls12381.sol";
import {ISequencerRegistry} from "./ISequencerRegistry.sol";
import {Preimage} from "./Preimage.sol";
import {Refusals} from "./Refusals.sol";

/// @title Two messages that contradict each other
/// @notice What makes evidence hold: two different messages of one kind, for this chain and one position, by one key.
library Faults {
    /// @dev The ciphersuite of votes (draft-irtf-cfrg-bls-signature-05, section 4.2.3).
    bytes internal constant SIGNATURE_SUITE = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    /// @notice The name of the fault that the evidence claims, the same that the nodes give it. Checks all but the signatures.
    function identify(ISequencerRegistry.Evidence calldata evidence, uint64 chainId, bytes32 genesisHash)
        internal
        pure
        returns (bytes32)
    {
        if (keccak256(evidence.preimages[0]) == keccak256(evidence.preimages[1])) revert Refusals.SameMessage();
        bytes32 one = _idOf(evidence, 0, chainId, genesisHash);
        if (one != _idOf(evidence, 1, chainId, genesisHash)) revert Refusals.DifferentPositions();
        return one;
    }

    /// @notice Checks that the operator's key signed both messages. Of votes, whose key `evidence.blsPublicKey` is must be
    /// checked by the caller.
    function checkSignatures(ISequencerRegistry.Evidence calldata evidence) internal view {
        for (uint256 which = 0; which < 2; ++which) {
            bytes32 digest = keccak256(evidence.preimages[which]);
            bool holds = evidence.kind == ISequencerRegistry.FaultKind.Vote
                ? _holdsBls(evidence.blsPublicKey, digest, evidence.signatures[which])
                : _holdsEcdsa(evidence.operator, digest, evidence.signatures[which]);
            if (!holds) revert Refusals.InvalidEvidenceSignature(which);
        }
    }

    function _idOf(ISequencerRegistry.Evidence calldata evidence, uint256 which, uint64 chainId, bytes32 genesisHash)
        private
        pure
        returns (bytes32)
    {
        Preimage.Position memory taken =
            Preimage.position(evidence.preimages[which], evidence.kind, chainId, genesisHash);
        return keccak256(
            abi.encodePacked(
                evidence.operator, Preimage.name(evidence.kind), taken.era, taken.term, taken.place, taken.height
            )
        );
    }

    /// @dev 65 bytes, s in the lower half, v 27 or 28: other forms recover nobody.
    function _holdsEcdsa(address operator, bytes32 digest, bytes calldata signature) private pure returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        return failure == ECDSA.RecoverError.NoError && recovered == operator;
    }

    function _holdsBls(bytes memory publicKey, bytes32 digest, bytes calldata signature) private view returns (bool) {
        return
            signature.length == 256 && Bls12381.verify(publicKey, abi.encodePacked(digest), signature, SIGNATURE_SUITE);
    }
}
