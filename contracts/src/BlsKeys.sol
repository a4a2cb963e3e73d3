// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "./Bls12381.sol";
import {ISequencerRegistry} from "./ISequencerRegistry.sol";
import {Refusals} from "./Refusals.sol";

/// @title Whose a BLS key is
/// @notice A key belongs to the first operator for which its holder proves possession, and for ever: what it signed can be
/// slashed after it was rotated out, and nobody else votes with it.
abstract contract BlsKeys is ISequencerRegistry, Refusals {
    /// @dev The ciphersuite of proofs of possession (draft-irtf-cfrg-bls-signature-05, section 4.2.3).
    bytes private constant POSSESSION_SUITE = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    /// @dev A point of G1 as EIP-2537 writes it.
    uint256 private constant PUBLIC_KEY_BYTES = 128;
    /// @dev A point of G2 as EIP-2537 writes it.
    uint256 private constant SIGNATURE_BYTES = 256;

    /// @dev By the keccak of the compressed key.
    mapping(bytes32 keyHash => address operator) private _holders;

    /// @inheritdoc ISequencerRegistry
    function possessionMessage(address operator, bytes calldata blsPublicKey)
        external
        view
        override
        returns (bytes memory)
    {
        return _possessionMessage(operator, _compress(blsPublicKey));
    }

    /// @notice Whose this key is, or was; zero if nobody brought it.
    /// @param blsPublicKey The compressed key, 48 bytes.
    function blsKeyHolder(bytes calldata blsPublicKey) external view returns (address operator) {
        return _holders[keccak256(blsPublicKey)];
    }

    /// @dev Makes the key the operator's, if its holder says so.
    function _claimBlsKey(address operator, BlsKey calldata key) internal returns (bytes memory compressed) {
        if (key.possession.length != SIGNATURE_BYTES) {
            revert InvalidBlsLength(key.publicKey.length, key.possession.length);
        }
        compressed = _compress(key.publicKey);
        bytes32 keyHash = keccak256(compressed);
        address holder = _holders[keyHash];
        if (holder != address(0) && holder != operator) revert BlsKeyTaken(compressed, holder);
        bytes memory message = _possessionMessage(operator, compressed);
        if (!Bls12381.verify(key.publicKey, message, key.possession, POSSESSION_SUITE)) {
            revert InvalidPossession(operator, compressed);
        }
        _holders[keyHash] = operator;
    }

    /// @dev Whether the key is, or was, the operator's.
    function _checkBlsKeyHolder(address operator, bytes calldata publicKey) internal view {
        bytes memory compressed = _compress(publicKey);
        if (_holders[keccak256(compressed)] != operator) revert ForeignBlsKey(operator, compressed);
    }

    /// @dev The 48 bytes of a key; whether it is one shows only when something signed with it is verified.
    function _compress(bytes calldata publicKey) internal pure returns (bytes memory) {
        if (publicKey.length != PUBLIC_KEY_BYTES) revert InvalidBlsLength(publicKey.length, SIGNATURE_BYTES);
        return Bls12381.compress(publicKey);
    }

    function _possessionMessage(address operator, bytes memory compressed) private view returns (bytes memory) {
        return abi.encodePacked("baton/registration/1", uint64(block.chainid), address(this), operator, compressed);
    }
}
