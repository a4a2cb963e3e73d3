// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CheckpointVerifier} from "../../src/CheckpointVerifier.sol";
import {ICheckpointVerifier} from "../../src/ICheckpointVerifier.sol";

/// The cheatcodes of forge by which vectors are read.
interface VmJson {
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonType(string calldata json, string calldata key, string calldata description)
        external
        pure
        returns (bytes memory);
    function parseJsonTypeArray(string calldata json, string calldata key, string calldata description)
        external
        pure
        returns (bytes memory);
}

/// Finality proofs of two eras of a chain, which `consensus/tests/checkpoint_vectors.rs` makes.
abstract contract FinalityVectors {
    /// A member as the file has it: with the compressed form of its key.
    struct VectorMember {
        address operator;
        uint256 weight;
        bytes32[4] publicKey;
        bytes compressedKey;
        bytes32[2] priority;
        string peerId;
    }

    /// A proof as the file has it: without members, which are the era's, and with the hashes on the way.
    struct VectorProof {
        ICheckpointVerifier.Checkpoint checkpoint;
        bytes32 checkpointHash;
        ICheckpointVerifier.Checkpoint child;
        bytes32 childHash;
        bytes signers;
        bytes32[8] signature;
        bytes32 voteDigest;
    }

    VmJson private constant JSON = VmJson(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// Names of their own: forge reads those of structs otherwise, and other tests have some that are called the same.
    string private constant MEMBER =
        "JsonMember(address operator,uint256 weight,bytes32[4] publicKey,bytes compressedKey,bytes32[2] priority,string peerId)";

    string private constant PROOF = "JsonProof(JsonCheckpoint checkpoint,bytes32 checkpointHash,JsonCheckpoint child,bytes32 childHash,bytes signers,bytes32[8] signature,bytes32 voteDigest)"
        "JsonAnchor(uint64 number,bytes32 hash)" "JsonBlock(uint64 height,bytes32 hash)"
        "JsonCheckpoint(JsonPosition position,JsonBlock head,bytes32 stateRoot,JsonReference parent,bytes32 setRoot,JsonAnchor anchor,bytes32 nextSetRoot)"
        "JsonPosition(uint64 era,uint64 term,uint64 round)" "JsonReference(JsonPosition position,bytes32 hash)";

    /// The text of the file for a first set of so many members.
    function chainOf(string memory members) internal view returns (string memory) {
        return JSON.readFile(string.concat("test/vectors/finality-of-", members, ".json"));
    }

    function chainId(string memory chain) internal pure returns (uint64) {
        return uint64(JSON.parseJsonUint(chain, ".chainId"));
    }

    function genesisHash(string memory chain) internal pure returns (bytes32) {
        return JSON.parseJsonBytes32(chain, ".genesisHash");
    }

    /// `era` is "0" or "1".
    function setRoot(string memory chain, string memory era) internal pure returns (bytes32) {
        return JSON.parseJsonBytes32(chain, string.concat(".eras[", era, "].setRoot"));
    }

    function vectorMembers(string memory chain, string memory era) internal pure returns (VectorMember[] memory) {
        string memory key = string.concat(".eras[", era, "].members");
        return abi.decode(JSON.parseJsonTypeArray(chain, key, MEMBER), (VectorMember[]));
    }

    function vectorProof(string memory chain, string memory era, string memory name)
        internal
        pure
        returns (VectorProof memory)
    {
        string memory key = string.concat(".eras[", era, "].proofs.", name);
        return abi.decode(JSON.parseJsonType(chain, key, PROOF), (VectorProof));
    }

    /// The members as they are submitted.
    function membersOf(string memory chain, string memory era)
        internal
        pure
        returns (ICheckpointVerifier.Member[] memory members)
    {
        VectorMember[] memory vectors = vectorMembers(chain, era);
        members = new ICheckpointVerifier.Member[](vectors.length);
        for (uint256 index = 0; index < vectors.length; ++index) {
            VectorMember memory vector = vectors[index];
            members[index] = ICheckpointVerifier.Member(
                vector.operator, vector.weight, vector.publicKey, vector.priority, vector.peerId
            );
        }
    }

    /// A proof as it is submitted.
    function proofOf(string memory chain, string memory era, string memory name)
        internal
        pure
        returns (ICheckpointVerifier.FinalityProof memory)
    {
        VectorProof memory vector = vectorProof(chain, era, name);
        return ICheckpointVerifier.FinalityProof(
            vector.checkpoint, vector.child, vector.signers, vector.signature, membersOf(chain, era)
        );
    }

    /// A verifier that knows genesis alone.
    function verifierOf(string memory chain) internal returns (CheckpointVerifier) {
        return new CheckpointVerifier(chainId(chain), genesisHash(chain), setRoot(chain, "0"));
    }
}
