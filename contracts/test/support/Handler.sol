// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../../src/ISequencerRegistry.sol";
import {SequencerRegistry} from "../../src/SequencerRegistry.sol";
import {Messages} from "./Messages.sol";
import {RegistryTest} from "./RegistryTest.sol";
import {Token} from "./Tokens.sol";

/// @title Everybody who might do something to a registry
/// @notice Does what the rules allow, keeps its own books of it, and tries what they do not allow. A model of the registry: what
/// a stake must be, and where the rest of what was staked must have gone.
contract Handler is RegistryTest {
    uint256 public constant PEOPLE = 6;

    /// @notice What the books say of each person.
    mapping(address => uint256) public stakeOf;
    mapping(address => ISequencerRegistry.Status) public statusOf;
    mapping(address => bool) public slashedOf;
    mapping(address => uint256) public withdrawableAtOf;

    uint256 public staked;
    uint256 public withdrawn;
    uint256 public burnt;
    uint256 public rewarded;

    /// @notice How often something happened, to see that it does.
    mapping(string => uint256) public count;
    /// @notice What the rules do not allow, and was done all the same.
    string public broken;

    Token private immutable _token;
    Person[] private _people;
    mapping(uint256 => ISequencerRegistry.BlsKey) private _keys;
    /// @dev Places at which a person has signed twice: each is slashed once.
    mapping(uint256 => uint64) private _faults;
    ISequencerRegistry.Evidence private _last;

    constructor(SequencerRegistry governed, Token token) {
        registry = governed;
        _token = token;
        for (uint256 number = 0; number < PEOPLE; ++number) {
            _people.push(person(number));
            _keys[number] = blsKeyOf(_people[number].operator, _people[number].blsSecret);
        }
    }

    function operatorOf(uint256 number) external view returns (address) {
        return _people[number].operator;
    }

    // What is allowed

    function register(uint256 number, uint256 amount) external {
        Person memory who = _person(number);
        if (statusOf[who.operator] != ISequencerRegistry.Status.None) return;
        uint256 minimum = registry.parameters().minimumStake;
        amount = bound(amount, minimum, minimum + 100 ether);
        (bool success,) = _register(number % PEOPLE, staker, amount);
        if (slashedOf[who.operator]) {
            if (success) broken = "a slashed operator came back";
            return;
        }
        if (!success) broken = "a registration was refused";
        statusOf[who.operator] = ISequencerRegistry.Status.Active;
        stakeOf[who.operator] = amount;
        staked += amount;
        ++count["register"];
    }

    function addStake(uint256 number, uint256 amount) external {
        address operator = _person(number).operator;
        amount = bound(amount, 1, 10 ether);
        bool success = _send(stranger, amount, abi.encodeCall(registry.addStake, (operator, amount)));
        if (success != (statusOf[operator] == ISequencerRegistry.Status.Active)) broken = "adding to a stake";
        if (!success) return;
        stakeOf[operator] += amount;
        staked += amount;
        ++count["addStake"];
    }

    function requestExit(uint256 number, bool byStaker) external {
        address operator = _person(number).operator;
        bool success = _send(byStaker ? staker : operator, 0, abi.encodeCall(registry.requestExit, (operator)));
        if (success != (statusOf[operator] == ISequencerRegistry.Status.Active)) broken = "leaving";
        if (success) _leaves(operator);
    }

    function withdraw(uint256 number, uint160 caller) external {
        address operator = _person(number).operator;
        bool success = _send(address(caller), 0, abi.encodeCall(registry.withdraw, (operator)));
        bool due =
            statusOf[operator] == ISequencerRegistry.Status.Exiting && block.timestamp >= withdrawableAtOf[operator];
        if (success != due) broken = "withdrawing";
        if (!success) return;
        withdrawn += stakeOf[operator];
        stakeOf[operator] = 0;
        statusOf[operator] = ISequencerRegistry.Status.None;
        ++count["withdraw"];
    }

    function rotate(uint256 number) external {
        number %= PEOPLE;
        address operator = _person(number).operator;
        ISequencerRegistry.BlsKey memory key = _keys[number];
        bytes memory call = abi.encodeCall(registry.requestRotation, (operator, key, PEER_ID, ""));
        bool success = _send(operator, 0, call);
        if (success != (statusOf[operator] == ISequencerRegistry.Status.Active)) broken = "rotating";
        if (success) ++count["rotate"];
    }

    function completeRotation(uint256 number) external {
        address operator = _person(number).operator;
        bool success = _send(stranger, 0, abi.encodeCall(registry.completeRotation, (operator)));
        if (success && statusOf[operator] != ISequencerRegistry.Status.Active) broken = "rotated while leaving";
        if (success) ++count["completeRotation"];
    }

    function slashFault(uint256 number, uint256 kindNumber) external {
        number %= PEOPLE;
        Person memory who = _people[number];
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        _last = evidenceOf(who, kind, ++_faults[number]);
        bool success = _send(reporter, 0, abi.encodeCall(registry.slash, (_last)));
        if (success != (statusOf[who.operator] != ISequencerRegistry.Status.None)) {
            // Whoever never registered has no BLS key here either.
            broken = "slashing";
        }
        if (!success) return;
        ISequencerRegistry.Parameters memory present = registry.parameters();
        uint256 taken = (stakeOf[who.operator] * present.slashBasisPoints + 9999) / 10_000;
        uint256 reward = taken * present.rewardBasisPoints / 10_000;
        stakeOf[who.operator] -= taken;
        burnt += taken - reward;
        rewarded += reward;
        slashedOf[who.operator] = true;
        if (statusOf[who.operator] == ISequencerRegistry.Status.Active) _leaves(who.operator);
        ++count["slash"];
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 10 days));
    }

    function govern(ISequencerRegistry.Parameters memory next) external {
        next.minimumStake = bound(next.minimumStake, 1, 40 ether);
        next.maxMembers = uint32(bound(next.maxMembers, 1, PEOPLE + 1));
        next.unbondingDelay = uint64(bound(next.unbondingDelay, 0, 20 days));
        next.rotationDelay = uint64(bound(next.rotationDelay, 0, 20 days));
        next.slashBasisPoints = uint16(bound(next.slashBasisPoints, 0, 10_000));
        next.rewardBasisPoints = uint16(bound(next.rewardBasisPoints, 0, 5000));
        if (!_send(governor, 0, abi.encodeCall(registry.scheduleParameters, (next)))) broken = "scheduling";
    }

    function executeParameters() external {
        (, uint64 effectiveAt) = registry.scheduledParameters();
        bool success = _send(stranger, 0, abi.encodeCall(registry.executeParameters, ()));
        if (success != (effectiveAt != 0 && block.timestamp >= effectiveAt)) broken = "executing";
        if (success) ++count["executeParameters"];
    }

    // What is not

    /// @notice Evidence that does not hold, of many ways.
    function slashWithoutFault(uint256 number, uint256 kindNumber, uint256 how) external {
        Person memory who = _person(number);
        Person memory forger = person(PEOPLE + 1);
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        uint64 place = type(uint64).max;
        how %= 8;
        ISequencerRegistry.Evidence memory evidence = evidenceOf(who, kind, place);
        bytes memory right = evidence.preimages[0];
        Messages.Context memory foreign = Messages.Context(L2_CHAIN + 1, GENESIS);
        if (how == 0) evidence = signed(who, kind, right, right);
        if (how == 1) {
            evidence = signed(who, kind, right, Messages.preimage(context(), kind, position(place - 1), bytes32(0)));
        }
        if (how == 2) {
            evidence = signed(who, kind, right, Messages.preimage(foreign, kind, position(place), bytes32(0)));
        }
        if (how == 3) {
            ISequencerRegistry.Evidence memory forged = evidenceOf(forger, kind, place);
            evidence.signatures = forged.signatures;
        }
        if (how == 4) {
            evidence = evidenceOf(forger, kind, place);
            evidence.operator = who.operator;
        }
        if (how == 5) evidence.kind = ISequencerRegistry.FaultKind((kindNumber % 5 + 1) % 5);
        if (how == 6) evidence.signatures[1] = evidence.signatures[0];
        if (how == 7) {
            if (_last.operator == address(0)) return;
            // Once more what was slashed, or would have been if there had been a stake.
            evidence = _last;
            if (statusOf[evidence.operator] != ISequencerRegistry.Status.None) {
                if (!registry.isSlashed(_faultOfLast())) return;
            }
        }
        if (_send(reporter, 0, abi.encodeCall(registry.slash, (evidence)))) broken = "slashed without a fault";
    }

    /// @notice Anybody, with any function that changes something, on anybody's stake.
    function meddle(uint160 caller, uint256 number, uint256 which) external {
        address meddler = address(caller);
        number %= PEOPLE;
        address operator = _people[number].operator;
        // Only what nobody but these may do. Nobody sends from zero, which is the pending owner where there is none.
        if (meddler == address(0) || meddler == governor || meddler == staker || meddler == operator) return;
        ISequencerRegistry.BlsKey memory key = _keys[number];
        bytes[] memory calls = new bytes[](8);
        calls[0] = abi.encodeCall(registry.requestExit, (operator));
        calls[1] = abi.encodeCall(registry.requestRotation, (operator, key, PEER_ID, MULTIADDR));
        calls[2] = abi.encodeCall(registry.activate, (keccak256("another")));
        calls[3] = abi.encodeCall(registry.scheduleParameters, (defaults()));
        calls[4] = abi.encodeCall(registry.transferOwnership, (meddler));
        calls[5] = abi.encodeCall(registry.renounceOwnership, ());
        calls[6] = abi.encodeCall(registry.acceptOwnership, ());
        calls[7] = abi.encodeWithSignature("transfer(address,uint256)", meddler, 1);
        if (_send(meddler, 0, calls[which % calls.length])) broken = "meddled";
    }

    /// @notice The owner, with any function there is.
    function abuse(uint256 number, uint256 which) external {
        number %= PEOPLE;
        address operator = _people[number].operator;
        ISequencerRegistry.BlsKey memory key = _keys[number];
        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(registry.requestExit, (operator));
        calls[1] = abi.encodeCall(registry.requestRotation, (operator, key, PEER_ID, MULTIADDR));
        calls[2] = abi.encodeCall(registry.activate, (keccak256("another")));
        calls[3] = abi.encodeCall(registry.completeRotation, (governor));
        if (_send(governor, 0, calls[which % calls.length])) broken = "the owner took part";
    }

    /// @notice A registration that somebody else signed for.
    function squat(uint256 number, uint256 amount) external {
        number %= PEOPLE;
        amount = bound(amount, 40 ether, 100 ether);
        Person memory who = _people[number];
        ISequencerRegistry.Registration memory registration = _registration(number, staker, amount);
        registration.payout = stranger;
        bytes memory call = abi.encodeCall(registry.register, (registration, amount));
        if (_send(stranger, amount, call)) broken = "squatted";
        // With a key of its own, and another's BLS key.
        Person memory thief = person(PEOPLE + 1);
        registration.operator = thief.operator;
        registration.operatorSignature = consent(thief, stranger, registration, amount);
        call = abi.encodeCall(registry.register, (registration, amount));
        if (_send(stranger, amount, call)) broken = "another's BLS key";
        if (registry.getOperator(who.operator).payout == stranger) broken = "another's payout";
    }

    /// @notice Any bytes at all.
    function fumble(uint160 caller, bytes calldata data) external {
        bytes4 selector = bytes4(data);
        // What anybody may do is done above, and nobody sends from zero.
        if (selector == registry.executeParameters.selector || caller == 0 || address(caller) == governor) return;
        _send(address(caller), 0, data);
    }

    function _person(uint256 number) private view returns (Person memory) {
        return _people[number % PEOPLE];
    }

    function _leaves(address operator) private {
        statusOf[operator] = ISequencerRegistry.Status.Exiting;
        withdrawableAtOf[operator] = block.timestamp + registry.parameters().unbondingDelay;
        ++count["leave"];
    }

    function _faultOfLast() private view returns (bytes32) {
        string[5] memory names = ["announcement", "block", "seal", "checkpoint", "vote"];
        Messages.Position memory taken;
        for (uint256 number = 0; number < PEOPLE; ++number) {
            if (_people[number].operator == _last.operator) taken = position(_faults[number]);
        }
        if (_last.kind != ISequencerRegistry.FaultKind.Block) taken.height = 0;
        return faultOf(_last.operator, names[uint256(_last.kind)], taken);
    }

    function _registration(uint256 number, address registrar, uint256 amount)
        private
        view
        returns (ISequencerRegistry.Registration memory registration)
    {
        Person memory who = _people[number];
        registration = ISequencerRegistry.Registration({
            operator: who.operator,
            payout: payout,
            blsKey: _keys[number],
            peerId: PEER_ID,
            multiaddr: MULTIADDR,
            operatorSignature: ""
        });
        registration.operatorSignature = consent(who, registrar, registration, amount);
    }

    function _register(uint256 number, address registrar, uint256 amount) private returns (bool, bytes memory) {
        ISequencerRegistry.Registration memory registration = _registration(number, registrar, amount);
        bytes memory call = abi.encodeCall(registry.register, (registration, amount));
        return (_send(registrar, amount, call), call);
    }

    /// @dev Calls the registry with an amount to stake, and takes the amount back if it is refused.
    function _send(address sender, uint256 amount, bytes memory data) private returns (bool success) {
        bool native = address(_token) == address(0);
        if (amount > 0 && native) vm.deal(sender, amount);
        if (amount > 0 && !native) {
            _token.mint(sender, amount);
            vm.prank(sender);
            _token.approve(address(registry), amount);
        }
        vm.prank(sender);
        // Points off the curve burn what gas they get.
        (success,) = address(registry).call{value: native ? amount : 0, gas: 5_000_000}(data);
    }
}
