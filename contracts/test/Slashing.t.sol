// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {Messages} from "./support/Messages.sol";
import {Purse} from "./support/Purses.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title What a valid slash does
contract SlashingTest is RegistryTest {
    address private constant BURNT = 0x000000000000000000000000000000000000dEaD;

    Person private alice;

    function setUp() public override {
        super.setUp();
        alice = join(1, 100 ether);
    }

    function test_two_announcements() public {
        _slashes(ISequencerRegistry.FaultKind.Announcement, "announcement");
    }

    function test_two_blocks() public {
        _slashes(ISequencerRegistry.FaultKind.Block, "block");
    }

    function test_two_seals() public {
        _slashes(ISequencerRegistry.FaultKind.Seal, "seal");
    }

    function test_two_checkpoints() public {
        _slashes(ISequencerRegistry.FaultKind.Checkpoint, "checkpoint");
    }

    function test_two_votes() public {
        _slashes(ISequencerRegistry.FaultKind.Vote, "vote");
    }

    function testFuzz_any_position_can_be_slashed(uint8 kindNumber, Messages.Position memory taken) public {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        ISequencerRegistry.Evidence memory evidence = signed(
            alice,
            kind,
            Messages.preimage(context(), kind, taken, keccak256("one")),
            Messages.preimage(context(), kind, taken, keccak256("other"))
        );
        slash(evidence);
        if (kind != ISequencerRegistry.FaultKind.Block) taken.height = 0;
        string[5] memory names = ["announcement", "block", "seal", "checkpoint", "vote"];
        vm.assertTrue(registry.isSlashed(faultOf(alice.operator, names[uint256(kind)], taken)), "the nodes' name");
    }

    // How much

    function testFuzz_the_share_is_rounded_up_and_the_reward_down(
        uint256 stake,
        uint256 slashBasisPoints,
        uint256 rewardBasisPoints
    ) public {
        stake = bound(stake, 1, type(uint128).max);
        ISequencerRegistry.Parameters memory parameters = defaults();
        parameters.minimumStake = 1;
        parameters.slashBasisPoints = uint16(bound(slashBasisPoints, 0, 10_000));
        parameters.rewardBasisPoints = uint16(bound(rewardBasisPoints, 0, 5000));
        registry = deploy(address(0), parameters);
        vm.prank(governor);
        registry.activate(GENESIS);
        join(1, stake);

        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9));
        uint256 taken = (stake * parameters.slashBasisPoints + 9999) / 10_000;
        uint256 reward = taken * parameters.rewardBasisPoints / 10_000;
        vm.assertEq(registry.getOperator(alice.operator).stake, stake - taken, "left");
        vm.assertEq(reporter.balance, reward, "reward");
        vm.assertEq(BURNT.balance, taken - reward, "burnt");
        vm.assertEq(address(registry).balance, stake - taken, "balance");
        // Whoever reports itself loses at least half of what is taken.
        vm.assertLe(2 * reward, taken, "no profit");
    }

    function test_the_share_of_the_largest_stake_does_not_overflow() public {
        ISequencerRegistry.Parameters memory parameters = defaults();
        parameters.slashBasisPoints = 10_000;
        registry = deploy(address(0), parameters);
        vm.prank(governor);
        registry.activate(GENESIS);
        join(1, type(uint256).max);
        vm.deal(BURNT, 0);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9));
        vm.assertEq(registry.getOperator(alice.operator).stake, 0, "left");
    }

    function test_a_wei_does_not_escape() public {
        ISequencerRegistry.Parameters memory parameters = defaults();
        parameters.minimumStake = 1;
        parameters.slashBasisPoints = 1;
        registry = deploy(address(0), parameters);
        vm.prank(governor);
        registry.activate(GENESIS);
        join(1, 2);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 1));
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 2));
        vm.assertEq(registry.getOperator(alice.operator).stake, 0, "left");
        // A fault without stake is a fault all the same, and the operator can be taken off the list.
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 3));
        vm.warp(NOW + UNBONDING);
        registry.withdraw(alice.operator);
        vm.assertEq(registry.operators(0, 10).length, 0, "operators");
        vm.assertEq(payout.balance, 0, "paid out");
    }

    function test_every_fault_takes_its_share_of_what_is_left() public {
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 1));
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 2));
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 1));
        vm.assertEq(registry.getOperator(alice.operator).stake, 12.5 ether, "left");
    }

    function test_only_the_operators_own_stake_is_taken() public {
        address other = join(2, 100 ether).operator;
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 9));
        vm.assertEq(registry.getOperator(other).stake, 100 ether, "the other's");
        vm.assertEq(address(registry).balance, 150 ether, "balance");
    }

    // What follows

    function test_who_is_slashed_is_out_for_ever() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, 4711);
        vm.prank(alice.operator);
        registry.requestRotation(alice.operator, key, PEER_ID, MULTIADDR);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 9));

        ISequencerRegistry.Operator memory entry = registry.getOperator(alice.operator);
        vm.assertTrue(entry.slashed && entry.status == ISequencerRegistry.Status.Exiting, "forced exit");
        vm.assertEq(entry.withdrawableAt, NOW + UNBONDING, "withdrawable at");
        vm.assertEq(registry.currentSet().length, 0, "members");
        vm.assertEq(registry.getRotation(alice.operator).effectiveAt, 0, "the rotation is dropped");

        vm.warp(NOW + UNBONDING);
        registry.withdraw(alice.operator);
        vm.assertEq(payout.balance, 50 ether, "paid out");
        entry = registry.getOperator(alice.operator);
        vm.assertTrue(entry.slashed && entry.status == ISequencerRegistry.Status.None, "remembered");

        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        vm.deal(staker, MINIMUM);
        vm.expectRevert(abi.encodeWithSelector(Refusals.SlashedForEver.selector, alice.operator));
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);
    }

    function test_who_leaves_can_be_slashed_until_the_stake_is_gone() public {
        startLeaving(alice.operator);
        vm.warp(NOW + UNBONDING - 1);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 1));
        vm.assertEq(registry.getOperator(alice.operator).withdrawableAt, NOW + UNBONDING, "not later");
        vm.warp(NOW + 10 * UNBONDING);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 2));
        vm.assertEq(registry.getOperator(alice.operator).stake, 25 ether, "left");
        registry.withdraw(alice.operator);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 3);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotRegistered.selector, alice.operator));
        slash(evidence);
    }

    function test_leaving_and_joining_does_not_dodge() public {
        startLeaving(alice.operator);
        vm.warp(NOW + UNBONDING);
        registry.withdraw(alice.operator);
        // Back with other keys: what the old ones signed is still the operator's.
        uint256 oldSecret = alice.blsSecret;
        alice.blsSecret = 4711;
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, 100 ether);
        vm.deal(staker, 100 ether);
        vm.prank(staker);
        registry.register{value: 100 ether}(registration, 100 ether);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 1));
        alice.blsSecret = oldSecret;
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 1));
        vm.assertEq(registry.getOperator(alice.operator).stake, 25 ether, "left");
    }

    function test_votes_of_a_key_that_was_rotated_out() public {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 9);
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, 4711);
        vm.prank(alice.operator);
        registry.requestRotation(alice.operator, key, PEER_ID, MULTIADDR);
        vm.warp(NOW + ROTATION);
        registry.completeRotation(alice.operator);
        slash(evidence);
        vm.assertEq(registry.getOperator(alice.operator).stake, 50 ether, "left");
    }

    // Who reports

    function test_a_reporter_that_refuses_gets_nothing_and_holds_nothing_up() public {
        Purse purse = new Purse();
        purse.refuse(true);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.Slashed(
            alice.operator,
            address(purse),
            faultOf(alice.operator, "seal", Messages.Position(0, 3, 9, 0)),
            ISequencerRegistry.FaultKind.Seal,
            50 ether,
            0,
            50 ether
        );
        purse.report(registry, evidence);
        vm.assertEq(BURNT.balance, 50 ether, "burnt");
        vm.assertEq(address(purse).balance, 0, "reward");
    }

    function test_a_reporter_that_calls_back_is_paid_once() public {
        Purse purse = new Purse();
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9);
        purse.callBack(address(registry), abi.encodeCall(registry.slash, (evidence)));
        purse.report(registry, evidence);
        vm.assertTrue(purse.called() && !purse.succeeded(), "called back in vain");
        vm.assertEq(address(purse).balance, 5 ether, "reward");
        vm.assertEq(registry.getOperator(alice.operator).stake, 50 ether, "left");
    }

    function _slashes(ISequencerRegistry.FaultKind kind, string memory name) private {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, kind, 9);
        Messages.Position memory taken = position(9);
        if (kind != ISequencerRegistry.FaultKind.Block) taken.height = 0;
        bytes32 fault = faultOf(alice.operator, name, taken);
        vm.assertFalse(registry.isSlashed(fault), "before");
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.ExitRequested(alice.operator, uint64(NOW) + UNBONDING);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.Slashed(alice.operator, reporter, fault, kind, 45 ether, 5 ether, 50 ether);
        slash(evidence);
        vm.assertTrue(registry.isSlashed(fault), "after");
        vm.assertEq(reporter.balance, 5 ether, "reward");
        vm.assertEq(BURNT.balance, 45 ether, "burnt");
        vm.assertEq(address(registry).balance, 50 ether, "balance");

        // Not again, in either order, nor with a third message for the position.
        bytes memory refusal = abi.encodeWithSelector(Refusals.AlreadySlashed.selector, fault);
        vm.expectRevert(refusal);
        slash(evidence);
        bytes memory one = evidence.preimages[0];
        bytes memory other = evidence.preimages[1];
        evidence = signed(alice, kind, other, one);
        vm.expectRevert(refusal);
        slash(evidence);
        evidence = signed(alice, kind, one, Messages.preimage(context(), kind, position(9), keccak256("third")));
        vm.expectRevert(refusal);
        slash(evidence);
    }
}
