// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "./Bls12381.sol";
import {Checkpoints} from "./Checkpoints.sol";
import {ICheckpointVerifier} from "./ICheckpointVerifier.sol";
import {SequencerSets} from "./SequencerSets.sol";

/// @title The light client of a Baton chain on L1
/// @dev What it accepts, the nodes' own light client accepts too, and the other way round, but for a next set root of zero,
/// which no set has.
///
/// Accepted positions only grow and accepted heights never shrink, by which no accepted checkpoint contradicts a former one:
/// only the newest can share its height with the next.
contract CheckpointVerifier is ICheckpointVerifier {
    /// The ciphersuite of votes (draft-irtf-cfrg-bls-signature-05, section 4.2.3).
    bytes private constant SIGNATURE_SUITE = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    /// @inheritdoc ICheckpointVerifier
    uint64 public immutable l2ChainId;

    /// @inheritdoc ICheckpointVerifier
    bytes32 public immutable genesisHash;

    /// @inheritdoc ICheckpointVerifier
    uint64 public era;

    /// @inheritdoc ICheckpointVerifier
    bytes32 public setRoot;

    Accepted private _latest;

    mapping(uint64 height => bytes32 blockHash) private _accepted;

    /// @param chainId The L2's EIP-155 chain id.
    /// @param genesisBlock The hash of the L2's block 0.
    /// @param genesisSetRoot The root of era 0's set, whose keys the genesis file proves.
    constructor(uint64 chainId, bytes32 genesisBlock, bytes32 genesisSetRoot) {
        if (genesisBlock == 0 || genesisSetRoot == 0) revert NoGenesis();
        l2ChainId = chainId;
        genesisHash = genesisBlock;
        setRoot = genesisSetRoot;
        _latest.blockHash = genesisBlock;
        _latest.checkpointHash = genesisBlock;
        _accepted[0] = genesisBlock;
        emit SetChanged(0, genesisSetRoot);
    }

    /// @inheritdoc ICheckpointVerifier
    function submit(FinalityProof calldata proof) external {
        bytes32 checkpointHash = Checkpoints.hash(proof.checkpoint);
        _checkNewer(proof.checkpoint, checkpointHash);
        _checkChild(proof.checkpoint, checkpointHash, proof.child);
        _checkVotes(proof);
        _accept(proof.checkpoint, checkpointHash);
    }

    /// @inheritdoc ICheckpointVerifier
    function latest() external view returns (Accepted memory) {
        return _latest;
    }

    /// @inheritdoc ICheckpointVerifier
    function isFinal(uint64 height, bytes32 blockHash) external view returns (bool) {
        return blockHash != 0 && _accepted[height] == blockHash;
    }

    /// The checkpoint comes after the newest one, is of this era, and contradicts nothing.
    function _checkNewer(Checkpoint calldata checkpoint, bytes32 checkpointHash) private view {
        Accepted memory newest = _latest;
        if (checkpointHash == newest.checkpointHash) revert AlreadyAccepted(checkpointHash);
        if (Checkpoints.isSame(checkpoint.position, newest.position)) {
            revert Contradicts(newest.checkpointHash, checkpointHash);
        }
        if (Checkpoints.isBefore(checkpoint.position, newest.position)) revert Older(newest.position);
        if (checkpoint.position.era != era) revert WrongEra(era, checkpoint.position.era);
        if (checkpoint.head.height < newest.height) revert BelowLatest(newest.height, checkpoint.head.height);
        if (checkpoint.head.height == newest.height && checkpoint.head.hash != newest.blockHash) {
            revert Contradicts(newest.blockHash, checkpoint.head.hash);
        }
    }

    /// The child makes the checkpoint's head final if it is certified (rule R12), and repeats its set change (rule R13).
    function _checkChild(Checkpoint calldata checkpoint, bytes32 checkpointHash, Checkpoint calldata child)
        private
        view
    {
        if (child.position.era != era) revert WrongEra(era, child.position.era);
        if (child.setRoot != setRoot) revert WrongSet(setRoot, child.setRoot);
        bool isParent =
            child.parent.hash == checkpointHash && Checkpoints.isSame(child.parent.position, checkpoint.position);
        if (!isParent) revert NotParent();
        if (child.position.term == 0) revert NoPosition();
        bool nextRound = uint256(child.position.round) == uint256(checkpoint.position.round) + 1;
        if (child.position.term != checkpoint.position.term || !nextRound) revert NotDirect();
        if (checkpoint.nextSetRoot == 0) return;
        bool repeats = child.nextSetRoot == checkpoint.nextSetRoot && child.head.height == checkpoint.head.height
            && child.head.hash == checkpoint.head.hash && child.anchor.number == checkpoint.anchor.number
            && child.anchor.hash == checkpoint.anchor.hash;
        if (!repeats) revert SetChangeNotRepeated();
    }

    /// A quorum of the current set voted for the child.
    function _checkVotes(FinalityProof calldata proof) private view {
        bytes32 root = SequencerSets.root(proof.members);
        if (root != setRoot) revert WrongMembers(setRoot, root);
        bytes memory key = SequencerSets.quorumKey(proof.members, proof.signers);
        bytes32 digest =
            Checkpoints.voteDigest(l2ChainId, genesisHash, proof.child.position, Checkpoints.hash(proof.child));
        bytes memory signature = abi.encodePacked(proof.signature);
        if (!Bls12381.verify(key, abi.encodePacked(digest), signature, SIGNATURE_SUITE)) revert WrongSignature();
    }

    function _accept(Checkpoint calldata checkpoint, bytes32 checkpointHash) private {
        Position calldata position = checkpoint.position;
        BlockReference calldata head = checkpoint.head;
        _latest = Accepted(position, head.height, head.hash, checkpoint.stateRoot, checkpointHash);
        _accepted[head.height] = head.hash;
        emit CheckpointAccepted(
            head.height, head.hash, checkpoint.stateRoot, position.era, position.term, position.round
        );
        if (checkpoint.nextSetRoot == 0) return;
        era = position.era + 1;
        setRoot = checkpoint.nextSetRoot;
        emit SetChanged(era, setRoot);
    }
}
