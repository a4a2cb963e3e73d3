// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {BlsKeys} from "./BlsKeys.sol";
import {Faults} from "./Faults.sol";
import {Governance} from "./Governance.sol";
import {Hints} from "./Hints.sol";
import {ISequencerRegistry} from "./ISequencerRegistry.sol";
import {Ranking} from "./Ranking.sol";
import {StakeCustody} from "./StakeCustody.sol";

/// @title The staking registry of a Baton chain
/// @notice Operators stake here to be in the sequencer set, leave, and are slashed; see `ISequencerRegistry`.
///
/// Stake leaves in two ways only: to the operator's payout address, by `withdraw`, after its unbonding delay; and by `slash`,
/// with two messages of the operator's key that contradict each other. No function loops over operators but the views.
contract SequencerRegistry is ISequencerRegistry, Governance, StakeCustody, BlsKeys, EIP712, ReentrancyGuardTransient {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @notice Keys and hints that an operator will have.
    struct Rotation {
        /// In seconds since 1970; 0 if none is asked for.
        uint64 effectiveAt;
        /// Compressed, 48 bytes.
        bytes blsPublicKey;
        string peerId;
        string multiaddr;
    }

    bytes32 private constant REGISTRATION_TYPE = keccak256(
        "Registration(address staker,address operator,address payout,bytes blsPublicKey,string peerId,string multiaddr,uint256 amount,uint256 nonce)"
    );

    /// @inheritdoc ISequencerRegistry
    uint64 public immutable override l2ChainId;

    /// @inheritdoc ISequencerRegistry
    uint256 public immutable override deployedAt;

    /// @inheritdoc ISequencerRegistry
    mapping(bytes32 fault => bool) public override isSlashed;

    /// @notice How often an operator has registered: the nonce of its next `registrationDigest`.
    mapping(address operator => uint256) public registrations;

    mapping(address operator => Operator) private _operators;
    mapping(address operator => Rotation) private _rotations;
    /// @dev Those that are active or leaving.
    EnumerableSet.AddressSet private _listed;

    modifier onlyStakerOrOperator(address operator) {
        Operator storage entry = _operators[operator];
        if (entry.status == Status.None) revert NotRegistered(operator);
        if (msg.sender != operator && msg.sender != entry.staker) revert NotAuthorized(operator, msg.sender);
        _;
    }

    modifier onlyActive(address operator) {
        if (_operators[operator].status != Status.Active) revert NotActive(operator);
        _;
    }

    /// @param initialOwner Who governs: see `Governance`.
    /// @param token What is staked; zero for the native token. A token that moves balances by itself, or takes a fee, is
    /// none that can be staked.
    /// @param chainId The L2's EIP-155 chain id.
    /// @param initial The parameters to begin with.
    /// @param delay From scheduling parameters to their change, in seconds.
    constructor(address initialOwner, address token, uint64 chainId, Parameters memory initial, uint64 delay)
        Governance(initialOwner, initial, delay)
        StakeCustody(token)
        EIP712("Baton Sequencer Registry", "1")
    {
        l2ChainId = chainId;
        deployedAt = block.number;
    }

    /// @inheritdoc ISequencerRegistry
    function register(Registration calldata registration, uint256 amount) external payable override nonReentrant {
        address operator = registration.operator;
        Operator storage entry = _operators[operator];
        if (entry.slashed) revert SlashedForEver(operator);
        if (entry.status != Status.None) revert AlreadyRegistered(operator);
        if (registration.payout == address(0) || registration.payout == address(this)) {
            revert InvalidPayout(registration.payout);
        }
        uint256 minimum = parameters().minimumStake;
        if (amount < minimum) revert StakeTooLow(amount, minimum);
        Hints.check(registration.peerId, registration.multiaddr);
        _checkOperatorSignature(registration, amount);

        bytes memory blsPublicKey = _claimBlsKey(operator, registration.blsKey);
        ++registrations[operator];
        _listed.add(operator);
        entry.status = Status.Active;
        entry.staker = msg.sender;
        entry.payout = registration.payout;
        entry.stake = amount;
        entry.blsPublicKey = blsPublicKey;
        entry.peerId = registration.peerId;
        entry.multiaddr = registration.multiaddr;
        emit Registered(
            operator, msg.sender, registration.payout, amount, blsPublicKey, registration.peerId, registration.multiaddr
        );
        _collect(amount);
    }

    /// @inheritdoc ISequencerRegistry
    function addStake(address operator, uint256 amount) external payable override nonReentrant onlyActive(operator) {
        if (amount == 0) revert NothingAdded();
        Operator storage entry = _operators[operator];
        entry.stake += amount;
        emit StakeAdded(operator, amount, entry.stake);
        _collect(amount);
    }

    /// @inheritdoc ISequencerRegistry
    /// @dev What was asked for before is forgotten, and the delay starts anew. The key is the operator's from here on.
    function requestRotation(
        address operator,
        BlsKey calldata blsKey,
        string calldata peerId,
        string calldata multiaddr
    ) external override nonReentrant onlyStakerOrOperator(operator) onlyActive(operator) {
        Hints.check(peerId, multiaddr);
        bytes memory blsPublicKey =
            blsKey.possession.length == 0 ? _presentBlsKey(operator, blsKey.publicKey) : _claimBlsKey(operator, blsKey);
        uint64 effectiveAt = uint64(block.timestamp) + parameters().rotationDelay;
        _rotations[operator] = Rotation(effectiveAt, blsPublicKey, peerId, multiaddr);
        emit RotationRequested(operator, blsPublicKey, peerId, multiaddr, effectiveAt);
    }

    /// @inheritdoc ISequencerRegistry
    function completeRotation(address operator) external override nonReentrant {
        Rotation memory next = _rotations[operator];
        if (next.effectiveAt == 0) revert NoRotation(operator);
        if (block.timestamp < next.effectiveAt) revert TooEarly(next.effectiveAt);
        delete _rotations[operator];
        Operator storage entry = _operators[operator];
        entry.blsPublicKey = next.blsPublicKey;
        entry.peerId = next.peerId;
        entry.multiaddr = next.multiaddr;
        emit Rotated(operator, next.blsPublicKey, next.peerId, next.multiaddr);
    }

    /// @inheritdoc ISequencerRegistry
    function requestExit(address operator)
        external
        override
        nonReentrant
        onlyStakerOrOperator(operator)
        onlyActive(operator)
    {
        _startExit(operator);
    }

    /// @inheritdoc ISequencerRegistry
    function withdraw(address operator) external override nonReentrant {
        Operator storage entry = _operators[operator];
        if (entry.status != Status.Exiting) revert NotExiting(operator);
        if (block.timestamp < entry.withdrawableAt) revert TooEarly(entry.withdrawableAt);
        (address payout, uint256 stake, bool slashed) = (entry.payout, entry.stake, entry.slashed);
        delete _operators[operator];
        // That it was slashed is all that is kept.
        _operators[operator].slashed = slashed;
        _listed.remove(operator);
        emit Withdrawn(operator, payout, stake);
        _pay(payout, stake);
    }

    /// @inheritdoc ISequencerRegistry
    function slash(Evidence calldata evidence) external override nonReentrant {
        if (genesisHash == 0) revert NotActivated();
        address operator = evidence.operator;
        Operator storage entry = _operators[operator];
        if (entry.status == Status.None) revert NotRegistered(operator);
        bytes32 fault = Faults.identify(evidence, l2ChainId, genesisHash);
        if (isSlashed[fault]) revert AlreadySlashed(fault);
        if (evidence.kind == FaultKind.Vote) _checkBlsKeyHolder(operator, evidence.blsPublicKey);
        Faults.checkSignatures(evidence);

        Parameters memory present = parameters();
        uint256 taken = Math.mulDiv(entry.stake, present.slashBasisPoints, WHOLE, Math.Rounding.Ceil);
        uint256 reward = Math.mulDiv(taken, present.rewardBasisPoints, WHOLE);
        uint256 left = entry.stake - taken;
        isSlashed[fault] = true;
        entry.slashed = true;
        entry.stake = left;
        if (entry.status == Status.Active) _startExit(operator);

        // A reporter that cannot be paid must not stand in the way.
        if (reward > 0 && !_tryPay(msg.sender, reward)) reward = 0;
        _pay(BURN_ADDRESS, taken - reward);
        emit Slashed(operator, msg.sender, fault, evidence.kind, taken - reward, reward, left);
    }

    /// @inheritdoc ISequencerRegistry
    /// @dev Reads every operator: to be called from outside, not in a transaction.
    function currentSet() external view override returns (Member[] memory members) {
        Parameters memory present = parameters();
        Ranking.Candidate[] memory best = Ranking.best(_candidates(present.minimumStake), present.maxMembers);
        members = new Member[](best.length);
        for (uint256 i = 0; i < best.length; ++i) {
            Operator storage entry = _operators[best[i].operator];
            members[i] = Member(best[i].operator, best[i].stake, entry.blsPublicKey, entry.peerId, entry.multiaddr);
        }
    }

    /// @inheritdoc ISequencerRegistry
    function getOperator(address operator) external view override returns (Operator memory) {
        return _operators[operator];
    }

    /// @notice The change of keys and hints that was asked for; all zero if there is none.
    function getRotation(address operator) external view returns (Rotation memory) {
        return _rotations[operator];
    }

    /// @inheritdoc ISequencerRegistry
    /// @dev In no order that lasts: a withdrawal moves the last one to where the operator was. Read it at one block.
    function operators(uint256 offset, uint256 limit) external view override returns (address[] memory) {
        uint256 count = _listed.length();
        if (offset > count) offset = count;
        return _listed.values(offset, limit > count - offset ? count : offset + limit);
    }

    /// @inheritdoc ISequencerRegistry
    /// @dev Names how often the operator has registered, so that a digest is good for one registration.
    function registrationDigest(address staker, Registration calldata registration, uint256 amount)
        public
        view
        override
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    REGISTRATION_TYPE,
                    staker,
                    registration.operator,
                    registration.payout,
                    keccak256(registration.blsKey.publicKey),
                    keccak256(bytes(registration.peerId)),
                    keccak256(bytes(registration.multiaddr)),
                    amount,
                    registrations[registration.operator]
                )
            )
        );
    }

    function _checkOperatorSignature(Registration calldata registration, uint256 amount) private view {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(
            registrationDigest(msg.sender, registration, amount), registration.operatorSignature
        );
        if (failure != ECDSA.RecoverError.NoError || recovered != registration.operator) {
            revert InvalidOperatorSignature(registration.operator, recovered);
        }
    }

    /// @dev The key that the operator has, if it is this one.
    function _presentBlsKey(address operator, bytes calldata publicKey) private view returns (bytes memory present) {
        present = _operators[operator].blsPublicKey;
        bytes memory named = _compress(publicKey);
        if (keccak256(named) != keccak256(present)) revert PossessionMissing(operator, named);
    }

    function _startExit(address operator) private {
        Operator storage entry = _operators[operator];
        entry.status = Status.Exiting;
        entry.withdrawableAt = uint64(block.timestamp) + parameters().unbondingDelay;
        delete _rotations[operator];
        emit ExitRequested(operator, entry.withdrawableAt);
    }

    /// @dev Those that are not leaving and stake enough.
    function _candidates(uint256 minimum) private view returns (Ranking.Candidate[] memory candidates) {
        uint256 count = _listed.length();
        candidates = new Ranking.Candidate[](count);
        uint256 found = 0;
        for (uint256 i = 0; i < count; ++i) {
            address operator = _listed.pos(i);
            Operator storage entry = _operators[operator];
            if (entry.status != Status.Active || entry.stake < minimum) continue;
            candidates[found++] = Ranking.Candidate(operator, entry.stake);
        }
        assembly ("memory-safe") {
            mstore(candidates, found)
        }
    }
}
