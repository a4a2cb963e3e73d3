// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The staking registry of a Baton chain
/// @notice Who may sequence, with how much stake, and by which keys. Anyone joins by staking, leaves by asking, and loses
/// stake only by two contradicting signatures.
///
/// The set at a block is a function of the events up to it: the operators that registered, are not leaving, and stake at
/// least `minimumStake`; of those the `maxMembers` with the most stake, of equals the lower address. Weight is stake, in
/// full.
interface ISequencerRegistry {
    /// @notice Where an operator stands.
    enum Status {
        /// Never registered, or withdrawn.
        None,
        /// Staking; whether it is in the set depends on its stake and that of others.
        Active,
        /// Leaving; its stake can still be slashed.
        Exiting
    }

    /// @notice What is known of an operator.
    struct Operator {
        Status status;
        /// Whether it was slashed; such an address never registers again.
        bool slashed;
        /// When the stake can be withdrawn, in seconds since 1970; 0 unless it is leaving.
        uint64 withdrawableAt;
        /// Who pays, rotates keys and asks to leave, beside the operator itself.
        address staker;
        /// Where the stake goes in the end.
        address payout;
        /// In the smallest unit of the stake's token.
        uint256 stake;
        /// The compressed key of G1, 48 bytes, as the nodes write it.
        bytes blsPublicKey;
        /// The libp2p peer id in base58: a hint, not unique, proven by nobody here.
        string peerId;
        /// Where the node can be dialled; empty if it does not say.
        string multiaddr;
    }

    /// @notice A member of the set.
    struct Member {
        address operator;
        uint256 stake;
        bytes blsPublicKey;
        string peerId;
        string multiaddr;
    }

    /// @notice What governance may change, through a timelock.
    struct Parameters {
        /// Below this, an operator is not in the set; above zero.
        uint256 minimumStake;
        /// The largest set, 1 to 1024.
        uint32 maxMembers;
        /// From asking to leave to withdrawing, in seconds.
        uint64 unbondingDelay;
        /// From asking for other keys to having them, in seconds.
        uint64 rotationDelay;
        /// What a slash takes of the stake, in hundredths of a percent.
        uint16 slashBasisPoints;
        /// What the reporter gets of that, in hundredths of a percent; the rest is burnt.
        uint16 rewardBasisPoints;
    }

    /// @notice A BLS key with what proves that its holder takes part: points as EIP-2537 writes them.
    struct BlsKey {
        /// 128 bytes: x and y, each 64, big endian.
        bytes publicKey;
        /// 256 bytes: the signature on `possessionMessage(operator, publicKey)`, with the ciphersuite of proofs of
        /// possession.
        bytes possession;
    }

    /// @notice How to register.
    struct Registration {
        address operator;
        address payout;
        BlsKey blsKey;
        string peerId;
        string multiaddr;
        /// The operator's EIP-712 signature (65 bytes) on `registrationDigest`, which names the staker.
        bytes operatorSignature;
    }

    /// @notice The kinds of messages that a key may sign once for a position (rule R2).
    enum FaultKind {
        Announcement,
        Block,
        Seal,
        Checkpoint,
        Vote
    }

    /// @notice Two different messages that one key signed for one position.
    struct Evidence {
        FaultKind kind;
        /// Whose key; of the first four kinds it is recovered as well, and must be this.
        address operator;
        /// What was signed: domain, chain id, genesis hash and RLP of the message; the keccak of it is the digest.
        bytes[2] preimages;
        /// 65 bytes of secp256k1 each; for votes 256 bytes of BLS each, as EIP-2537 writes a point of G2.
        bytes[2] signatures;
        /// Votes only: the key, 128 bytes as EIP-2537 writes a point of G1; one that the operator has or had.
        bytes blsPublicKey;
    }

    event Registered(
        address indexed operator,
        address indexed staker,
        address payout,
        uint256 stake,
        bytes blsPublicKey,
        string peerId,
        string multiaddr
    );
    /// @param stake What it is afterwards.
    event StakeAdded(address indexed operator, uint256 amount, uint256 stake);
    event RotationRequested(
        address indexed operator, bytes blsPublicKey, string peerId, string multiaddr, uint64 effectiveAt
    );
    /// @notice The keys are others from here on.
    event Rotated(address indexed operator, bytes blsPublicKey, string peerId, string multiaddr);
    /// @notice The operator is not in the set from here on.
    event ExitRequested(address indexed operator, uint64 withdrawableAt);
    event Withdrawn(address indexed operator, address indexed payout, uint256 amount);
    /// @param stake What is left.
    event Slashed(
        address indexed operator,
        address indexed reporter,
        bytes32 indexed fault,
        FaultKind kind,
        uint256 burnt,
        uint256 reward,
        uint256 stake
    );
    event ParametersScheduled(Parameters parameters, uint64 effectiveAt);
    event ParametersChanged(Parameters parameters);
    /// @notice The chain whose operators these are; once, and for ever.
    event Activated(bytes32 indexed genesisHash);

    /// @notice Stakes for an operator. With the native token `amount` is what is sent along; with an ERC-20 it is taken by
    /// `transferFrom`.
    function register(Registration calldata registration, uint256 amount) external payable;

    /// @notice Anyone may add to the stake of an active operator.
    function addStake(address operator, uint256 amount) external payable;

    /// @notice Asks for another BLS key (or the same, with an empty `possession`), peer id and address. Staker or operator.
    function requestRotation(
        address operator,
        BlsKey calldata blsKey,
        string calldata peerId,
        string calldata multiaddr
    ) external;

    /// @notice Makes the change that was asked for, once its delay is over. Anyone.
    function completeRotation(address operator) external;

    /// @notice Leaves the set at once; the stake can be withdrawn after the unbonding delay. Staker or operator.
    function requestExit(address operator) external;

    /// @notice Sends the stake to the payout address. Anyone, after the delay.
    function withdraw(address operator) external;

    /// @notice Takes a share of the stake for two contradicting signatures. Anyone who has them.
    function slash(Evidence calldata evidence) external;

    /// @notice Binds the registry to its chain. Owner, once.
    function activate(bytes32 genesisHash) external;

    /// @notice Changes parameters after the timelock's delay. Owner.
    function scheduleParameters(Parameters calldata parameters) external;

    /// @notice Makes the scheduled change. Anyone, after the delay.
    function executeParameters() external;

    /// @notice The members, sorted by address.
    function currentSet() external view returns (Member[] memory);

    function getOperator(address operator) external view returns (Operator memory);

    /// @notice All that are active or leaving, from `offset`, at most `limit`.
    function operators(uint256 offset, uint256 limit) external view returns (address[] memory);

    function parameters() external view returns (Parameters memory);

    /// @notice The staked token; zero for the native one.
    function stakeToken() external view returns (address);

    /// @notice The L2's EIP-155 chain id.
    function l2ChainId() external view returns (uint64);

    /// @notice The hash of the L2's block 0; zero before activation.
    function genesisHash() external view returns (bytes32);

    /// @notice The L1 block of the deployment: what a reader starts from.
    function deployedAt() external view returns (uint256);

    /// @notice What a BLS key signs to register: it names the key, the operator, this contract and its chain, so that nobody
    /// can use the proof for itself.
    function possessionMessage(address operator, bytes calldata blsPublicKey) external view returns (bytes memory);

    /// @notice What an operator's key signs to be registered by this staker (EIP-712).
    function registrationDigest(address staker, Registration calldata registration, uint256 amount)
        external
        view
        returns (bytes32);

    /// @notice The name of a fault, as the nodes have it.
    function isSlashed(bytes32 fault) external view returns (bool);
}
