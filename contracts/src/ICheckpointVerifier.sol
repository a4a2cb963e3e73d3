// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What L1 knows of a Baton chain's finality
/// @notice A light client: it holds the root of the current sequencer set, and takes a block for final once a finality proof
/// (rule R12) of that set says so. The proof of a closing checkpoint (rule R13) moves it to the next set. Anyone may submit;
/// nobody owns it.
///
/// It trusts that more than two thirds of each set's weight followed the protocol while that weight was at stake, and that
/// every key of a set was proven to be its holder's when it entered: by the genesis file or the registry.
interface ICheckpointVerifier {
    /// @notice Where a checkpoint stands (rule R1); compared in this order. All zero is genesis.
    struct Position {
        uint64 era;
        uint64 term;
        uint64 round;
    }

    /// @notice A block of the L2.
    struct BlockReference {
        uint64 height;
        bytes32 hash;
    }

    /// @notice A checkpoint by position and hash.
    struct CheckpointReference {
        Position position;
        bytes32 hash;
    }

    /// @notice The L1 block that set changes are read from.
    struct Anchor {
        uint64 number;
        bytes32 hash;
    }

    /// @notice A sealed head that was put to the vote (rule R10).
    struct Checkpoint {
        Position position;
        BlockReference head;
        bytes32 stateRoot;
        CheckpointReference parent;
        bytes32 setRoot;
        Anchor anchor;
        /// The root of the next era's set; zero for none.
        bytes32 nextSetRoot;
    }

    /// @notice A member of the current set.
    struct Member {
        address operator;
        uint256 weight;
        /// A point of G1 as EIP-2537 writes it: x and y, 64 bytes each.
        bytes32[4] publicKey;
        /// The election priority with which the era began: 64 bytes, two's complement, big endian.
        bytes32[2] priority;
        string peerId;
    }

    /// @notice What makes the head of a checkpoint final, with the set that says so.
    struct FinalityProof {
        /// The checkpoint whose head is final.
        Checkpoint checkpoint;
        /// The checkpoint of the next round, for which the signers voted.
        Checkpoint child;
        /// A bit for each member, the first in the lowest bit of the first byte.
        bytes signers;
        /// The sum of the signers' votes for the child: a point of G2 as EIP-2537 writes it.
        bytes32[8] signature;
        /// All members of the current set, in order of their addresses.
        Member[] members;
    }

    /// @notice The newest checkpoint that was accepted.
    struct Accepted {
        Position position;
        uint64 height;
        bytes32 blockHash;
        /// The state root after that block; zero while this is genesis.
        bytes32 stateRoot;
        /// The hash of the checkpoint; that of the block while this is genesis.
        bytes32 checkpointHash;
    }

    /// @notice A block is final.
    event CheckpointAccepted(
        uint64 indexed height, bytes32 indexed blockHash, bytes32 stateRoot, uint64 era, uint64 term, uint64 round
    );
    /// @notice From here on another set decides.
    event SetChanged(uint64 indexed era, bytes32 setRoot);

    /// @notice A chain without a genesis block, or without a set.
    error NoGenesis();
    /// @notice The checkpoint is the newest one that was accepted.
    error AlreadyAccepted(bytes32 checkpointHash);
    /// @notice The proof is of another era than the current one.
    error WrongEra(uint64 current, uint64 given);
    /// @notice The child names another set than the current one.
    error WrongSet(bytes32 current, bytes32 given);
    /// @notice Terms count from one: there are no votes in genesis' own.
    error NoPosition();
    /// @notice The child builds on another checkpoint.
    error NotParent();
    /// @notice The child is not of the next round of the same term.
    error NotDirect();
    /// @notice The checkpoint closes its era, and the child does not repeat head, anchor and next set.
    error SetChangeNotRepeated();
    /// @notice A checkpoint of this or a later position was accepted.
    error Older(Position latest);
    /// @notice Another block was accepted at this height, or another checkpoint at this position.
    error Contradicts(bytes32 accepted, bytes32 given);
    /// @notice The checkpoint comes later than the accepted one, but its block lies below.
    error BelowLatest(uint64 latest, uint64 given);
    /// @notice Members, their order or their priorities are not those of the current set.
    error WrongMembers(bytes32 current, bytes32 given);
    /// @notice The bitmap does not have exactly one bit a member, rounded up to bytes, or has one beyond the last.
    error SignersLength();
    /// @notice Nobody signed.
    error NoSigners();
    /// @notice The signers are not more than two thirds of the weight.
    error NoQuorum(uint256 weight, uint256 total);
    /// @notice The sum of the votes is not of these signers and this child.
    error WrongSignature();

    /// @notice Accepts a final checkpoint.
    function submit(FinalityProof calldata proof) external;

    /// @notice The newest checkpoint that was accepted; genesis at first.
    function latest() external view returns (Accepted memory);

    /// @notice Whether this block was accepted as the head of a final checkpoint. The blocks between those are final as
    /// well, but this contract does not know them.
    function isFinal(uint64 height, bytes32 blockHash) external view returns (bool);

    /// @notice The era whose set decides.
    function era() external view returns (uint64);

    /// @notice What checkpoints name that set by.
    function setRoot() external view returns (bytes32);

    /// @notice The L2's EIP-155 chain id.
    function l2ChainId() external view returns (uint64);

    /// @notice The hash of the L2's block 0.
    function genesisHash() external view returns (bytes32);
}
