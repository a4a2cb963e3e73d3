// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ISequencerRegistry} from "./ISequencerRegistry.sol";
import {Refusals} from "./Refusals.sol";

/// @title What the owner may do
/// @notice Bind the registry to its chain, once, and change parameters within bounds after a delay that everybody sees coming.
/// Nothing else: no stake, key or member is in its hand.
abstract contract Governance is ISequencerRegistry, Refusals, Ownable2Step {
    /// @notice A whole, in hundredths of a percent.
    uint256 internal constant WHOLE = 10_000;
    /// @notice No delay is longer, in seconds.
    uint64 public constant LONGEST_DELAY = 365 days;
    /// @notice The largest set that can be asked for.
    uint32 public constant LARGEST_SET = 1024;
    /// @notice The largest reward, in hundredths of a percent of what is slashed: who reports itself loses at least half.
    uint16 public constant LARGEST_REWARD = 5000;

    /// @notice From scheduling parameters to their change, in seconds.
    uint64 public immutable timelockDelay;

    /// @inheritdoc ISequencerRegistry
    bytes32 public override genesisHash;

    Parameters private _parameters;
    Parameters private _scheduled;
    /// @dev 0 if nothing is scheduled.
    uint64 private _scheduledFor;

    constructor(address initialOwner, Parameters memory initial, uint64 delay) Ownable(initialOwner) {
        _checkBounds("timelockDelay", delay, 0, LONGEST_DELAY);
        timelockDelay = delay;
        _change(initial);
    }

    /// @inheritdoc ISequencerRegistry
    function activate(bytes32 hash) external override onlyOwner {
        if (hash == 0) revert ZeroGenesisHash();
        if (genesisHash != 0) revert AlreadyActivated(genesisHash);
        genesisHash = hash;
        emit Activated(hash);
    }

    /// @inheritdoc ISequencerRegistry
    /// @dev What was scheduled before is forgotten, and the delay starts anew.
    function scheduleParameters(Parameters calldata next) external override onlyOwner {
        _check(next);
        _scheduled = next;
        _scheduledFor = uint64(block.timestamp) + timelockDelay;
        emit ParametersScheduled(next, _scheduledFor);
    }

    /// @inheritdoc ISequencerRegistry
    function executeParameters() external override {
        if (_scheduledFor == 0) revert NothingScheduled();
        if (block.timestamp < _scheduledFor) revert TooEarly(_scheduledFor);
        Parameters memory next = _scheduled;
        delete _scheduled;
        delete _scheduledFor;
        _change(next);
    }

    /// @inheritdoc ISequencerRegistry
    function parameters() public view override returns (Parameters memory) {
        return _parameters;
    }

    /// @notice What is scheduled, and from when on it can be executed, in seconds since 1970; 0 if nothing is.
    function scheduledParameters() external view returns (Parameters memory scheduled, uint64 effectiveAt) {
        return (_scheduled, _scheduledFor);
    }

    /// @notice Leaves the registry without an owner, for ever. Not before it is activated, since nobody could do that then.
    function renounceOwnership() public override onlyOwner {
        if (genesisHash == 0) revert NotActivated();
        super.renounceOwnership();
    }

    function _change(Parameters memory next) private {
        _check(next);
        _parameters = next;
        emit ParametersChanged(next);
    }

    function _check(Parameters memory next) private pure {
        _checkBounds("minimumStake", next.minimumStake, 1, type(uint256).max);
        _checkBounds("maxMembers", next.maxMembers, 1, LARGEST_SET);
        _checkBounds("unbondingDelay", next.unbondingDelay, 0, LONGEST_DELAY);
        _checkBounds("rotationDelay", next.rotationDelay, 0, LONGEST_DELAY);
        _checkBounds("slashBasisPoints", next.slashBasisPoints, 0, WHOLE);
        _checkBounds("rewardBasisPoints", next.rewardBasisPoints, 0, LARGEST_REWARD);
    }

    function _checkBounds(string memory parameter, uint256 value, uint256 least, uint256 most) private pure {
        if (value < least || value > most) revert ParameterOutOfBounds(parameter, value, least, most);
    }
}
