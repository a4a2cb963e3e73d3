// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {SequencerRegistry} from "../src/SequencerRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {Vm} from "./support/Vm.sol";

/// @title What the owner can do, and when
contract GovernanceTest is RegistryTest {
    // Activation

    function test_the_chain_is_named_once() public {
        registry = deploy(address(0), defaults());
        vm.assertEq(registry.genesisHash(), 0, "before");
        vm.expectRevert(abi.encodeWithSelector(Refusals.ZeroGenesisHash.selector));
        vm.prank(governor);
        registry.activate(0);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.Activated(GENESIS);
        vm.prank(governor);
        registry.activate(GENESIS);
        vm.expectRevert(abi.encodeWithSelector(Refusals.AlreadyActivated.selector, GENESIS));
        vm.prank(governor);
        registry.activate(keccak256("another"));
        vm.assertEq(registry.genesisHash(), GENESIS, "after");
    }

    function testFuzz_nobody_else_governs(address anyone) public {
        // Nobody sends from zero, which is the pending owner where there is none.
        vm.assume(anyone != governor && anyone != address(0));
        bytes memory refusal = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, anyone);
        vm.startPrank(anyone);
        vm.expectRevert(refusal);
        registry.activate(GENESIS);
        vm.expectRevert(refusal);
        registry.scheduleParameters(defaults());
        vm.expectRevert(refusal);
        registry.transferOwnership(anyone);
        vm.expectRevert(refusal);
        registry.renounceOwnership();
        vm.expectRevert(refusal);
        registry.acceptOwnership();
        vm.stopPrank();
    }

    function test_a_new_owner_must_accept() public {
        vm.prank(governor);
        registry.transferOwnership(stranger);
        vm.assertEq(registry.owner(), governor, "not yet");
        vm.prank(stranger);
        registry.acceptOwnership();
        vm.assertEq(registry.owner(), stranger, "accepted");
    }

    function test_the_last_owner_activates_first() public {
        registry = deploy(address(0), defaults());
        vm.startPrank(governor);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotActivated.selector));
        registry.renounceOwnership();
        registry.activate(GENESIS);
        registry.renounceOwnership();
        vm.stopPrank();
        vm.assertEq(registry.owner(), address(0), "nobody");
    }

    // The timelock

    function testFuzz_parameters_change_after_the_delay(ISequencerRegistry.Parameters memory next, uint64 waited)
        public
    {
        next = _within(next);
        waited = uint64(bound(waited, 0, TIMELOCK - 1));
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.ParametersScheduled(next, uint64(NOW) + TIMELOCK);
        _schedule(next);
        (ISequencerRegistry.Parameters memory scheduled, uint64 effectiveAt) = registry.scheduledParameters();
        _assertSame(scheduled, next);
        vm.assertEq(effectiveAt, NOW + TIMELOCK, "effective at");

        vm.warp(NOW + waited);
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, uint64(NOW) + TIMELOCK));
        registry.executeParameters();
        _assertSame(registry.parameters(), defaults());

        vm.warp(NOW + TIMELOCK);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.ParametersChanged(next);
        vm.prank(stranger);
        registry.executeParameters();
        _assertSame(registry.parameters(), next);

        vm.expectRevert(abi.encodeWithSelector(Refusals.NothingScheduled.selector));
        registry.executeParameters();
    }

    function test_scheduling_again_starts_the_delay_anew() public {
        ISequencerRegistry.Parameters memory first = defaults();
        first.maxMembers = 1;
        ISequencerRegistry.Parameters memory second = defaults();
        second.maxMembers = 2;
        _schedule(first);
        vm.warp(NOW + TIMELOCK);
        _schedule(second);
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, uint64(NOW) + 2 * TIMELOCK));
        registry.executeParameters();
        vm.warp(NOW + 2 * TIMELOCK);
        registry.executeParameters();
        vm.assertEq(registry.parameters().maxMembers, 2, "the second");
    }

    function testFuzz_parameters_have_bounds(ISequencerRegistry.Parameters memory next) public {
        ISequencerRegistry.Parameters memory within = _within(next);
        bool inside = keccak256(abi.encode(next)) == keccak256(abi.encode(within));
        vm.prank(governor);
        try registry.scheduleParameters(next) {
            vm.assertTrue(inside, "outside");
        } catch {
            vm.assertFalse(inside, "inside");
        }
    }

    function test_each_bound_is_named() public {
        ISequencerRegistry.Parameters memory next = defaults();
        next.minimumStake = 0;
        _refuse(next, "minimumStake", 0, 1, type(uint256).max);
        next = defaults();
        next.maxMembers = 0;
        _refuse(next, "maxMembers", 0, 1, 1024);
        next.maxMembers = 1025;
        _refuse(next, "maxMembers", 1025, 1, 1024);
        next = defaults();
        next.unbondingDelay = 365 days + 1;
        _refuse(next, "unbondingDelay", 365 days + 1, 0, 365 days);
        next = defaults();
        next.rotationDelay = 365 days + 1;
        _refuse(next, "rotationDelay", 365 days + 1, 0, 365 days);
        next = defaults();
        next.slashBasisPoints = 10_001;
        _refuse(next, "slashBasisPoints", 10_001, 0, 10_000);
        next = defaults();
        next.rewardBasisPoints = 5001;
        _refuse(next, "rewardBasisPoints", 5001, 0, 5000);
    }

    function test_a_registry_begins_within_the_bounds() public {
        ISequencerRegistry.Parameters memory wrong = defaults();
        wrong.minimumStake = 0;
        vm.expectRevert(
            abi.encodeWithSelector(Refusals.ParameterOutOfBounds.selector, "minimumStake", 0, 1, type(uint256).max)
        );
        new SequencerRegistry(governor, address(0), L2_CHAIN, wrong, TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(Refusals.ParameterOutOfBounds.selector, "timelockDelay", 365 days + 1, 0, 365 days)
        );
        new SequencerRegistry(governor, address(0), L2_CHAIN, defaults(), 365 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new SequencerRegistry(address(0), address(0), L2_CHAIN, defaults(), TIMELOCK);
        vm.expectRevert(abi.encodeWithSelector(Refusals.InvalidToken.selector, stranger));
        new SequencerRegistry(governor, stranger, L2_CHAIN, defaults(), TIMELOCK);
    }

    function test_the_first_parameters_are_an_event() public {
        vm.recordLogs();
        registry = deploy(address(0), defaults());
        bytes32 changed = ISequencerRegistry.ParametersChanged.selector;
        uint256 found = 0;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == changed) ++found;
        }
        vm.assertEq(found, 1, "events");
    }

    // What runs already

    function test_a_delay_that_runs_is_not_shortened() public {
        address operator = join(1, MINIMUM).operator;
        address other = join(2, MINIMUM).operator;
        ISequencerRegistry.Parameters memory next = defaults();
        next.unbondingDelay = 0;
        _schedule(next);
        vm.warp(NOW + TIMELOCK - 1);
        startLeaving(operator);
        vm.warp(NOW + TIMELOCK);
        registry.executeParameters();
        uint64 promised = uint64(NOW) + TIMELOCK - 1 + UNBONDING;
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, promised));
        registry.withdraw(operator);
        // It is for those that leave from here on.
        startLeaving(other);
        registry.withdraw(other);
        vm.assertEq(payout.balance, MINIMUM, "paid at once");
    }

    function test_a_higher_minimum_takes_members_out_and_no_stake() public {
        address operator = join(1, MINIMUM).operator;
        join(2, 2 * MINIMUM);
        ISequencerRegistry.Parameters memory next = defaults();
        next.minimumStake = MINIMUM + 1;
        _schedule(next);
        vm.warp(NOW + TIMELOCK);
        registry.executeParameters();
        vm.assertEq(registry.currentSet().length, 1, "members");
        vm.assertEq(registry.getOperator(operator).stake, MINIMUM, "stake");
        vm.assertTrue(registry.getOperator(operator).status == ISequencerRegistry.Status.Active, "active");
        // One more wei, and it is back.
        vm.deal(address(this), 1);
        registry.addStake{value: 1}(operator, 1);
        vm.assertEq(registry.currentSet().length, 2, "members");
    }

    function _within(ISequencerRegistry.Parameters memory next)
        private
        pure
        returns (ISequencerRegistry.Parameters memory)
    {
        return ISequencerRegistry.Parameters({
            minimumStake: bound(next.minimumStake, 1, type(uint256).max),
            maxMembers: uint32(bound(next.maxMembers, 1, 1024)),
            unbondingDelay: uint64(bound(next.unbondingDelay, 0, 365 days)),
            rotationDelay: uint64(bound(next.rotationDelay, 0, 365 days)),
            slashBasisPoints: uint16(bound(next.slashBasisPoints, 0, 10_000)),
            rewardBasisPoints: uint16(bound(next.rewardBasisPoints, 0, 5000))
        });
    }

    function _schedule(ISequencerRegistry.Parameters memory next) private {
        vm.prank(governor);
        registry.scheduleParameters(next);
    }

    function _refuse(
        ISequencerRegistry.Parameters memory next,
        string memory name,
        uint256 value,
        uint256 least,
        uint256 most
    ) private {
        vm.expectRevert(abi.encodeWithSelector(Refusals.ParameterOutOfBounds.selector, name, value, least, most));
        _schedule(next);
    }

    function _assertSame(ISequencerRegistry.Parameters memory one, ISequencerRegistry.Parameters memory other)
        private
        pure
    {
        vm.assertEq(keccak256(abi.encode(one)), keccak256(abi.encode(other)), "parameters");
    }
}
