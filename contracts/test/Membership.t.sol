// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {Purse} from "./support/Purses.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title Adding to a stake, leaving, and getting it back
contract MembershipTest is RegistryTest {
    // Adding

    function testFuzz_anyone_adds_to_a_stake(address adder, uint256 amount) public {
        vm.assume(adder != address(registry) && adder != address(0));
        amount = bound(amount, 1, type(uint128).max);
        address operator = join(1, MINIMUM).operator;
        vm.deal(adder, amount);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.StakeAdded(operator, amount, MINIMUM + amount);
        vm.prank(adder);
        registry.addStake{value: amount}(operator, amount);
        vm.assertEq(registry.getOperator(operator).stake, MINIMUM + amount, "stake");
        vm.assertEq(registry.getOperator(operator).staker, staker, "staker");
        vm.assertEq(address(registry).balance, MINIMUM + amount, "balance");
    }

    function test_nothing_is_not_added() public {
        address operator = join(1, MINIMUM).operator;
        vm.expectRevert(abi.encodeWithSelector(Refusals.NothingAdded.selector));
        registry.addStake(operator, 0);
        vm.deal(address(this), 2);
        vm.expectRevert(abi.encodeWithSelector(Refusals.WrongValue.selector, 1, 2));
        registry.addStake{value: 1}(operator, 2);
    }

    function test_stake_is_added_to_active_operators_only() public {
        address operator = join(1, MINIMUM).operator;
        vm.deal(address(this), 2);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotActive.selector, stranger));
        registry.addStake{value: 1}(stranger, 1);
        startLeaving(operator);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotActive.selector, operator));
        registry.addStake{value: 1}(operator, 1);
    }

    // Leaving

    function test_who_leaves_is_out_at_once_and_paid_later() public {
        address operator = join(1, MINIMUM).operator;
        join(2, MINIMUM);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.ExitRequested(operator, uint64(NOW) + UNBONDING);
        startLeaving(operator);
        vm.assertEq(registry.currentSet().length, 1, "members");
        vm.assertEq(registry.operators(0, 10).length, 2, "operators");
        vm.assertEq(registry.getOperator(operator).withdrawableAt, NOW + UNBONDING, "withdrawable at");

        vm.warp(NOW + UNBONDING - 1);
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, uint64(NOW) + UNBONDING));
        registry.withdraw(operator);

        vm.warp(NOW + UNBONDING);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.Withdrawn(operator, payout, MINIMUM);
        vm.prank(stranger);
        registry.withdraw(operator);
        vm.assertEq(payout.balance, MINIMUM, "paid out");
        vm.assertEq(stranger.balance, 0, "the stranger's");
        vm.assertEq(address(registry).balance, MINIMUM, "the other's stake");
        vm.assertEq(registry.operators(0, 10).length, 1, "operators");
        ISequencerRegistry.Operator memory nothing;
        vm.assertEq(
            keccak256(abi.encode(registry.getOperator(operator))), keccak256(abi.encode(nothing)), "nothing is left"
        );
    }

    function test_staker_and_operator_may_ask_to_leave() public {
        address operator = join(1, MINIMUM).operator;
        vm.prank(staker);
        registry.requestExit(operator);
        vm.assertTrue(registry.getOperator(operator).status == ISequencerRegistry.Status.Exiting, "exiting");
    }

    function testFuzz_nobody_else_makes_one_leave(address anyone) public {
        address operator = join(1, MINIMUM).operator;
        vm.assume(anyone != operator && anyone != staker);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotAuthorized.selector, operator, anyone));
        vm.prank(anyone);
        registry.requestExit(operator);
    }

    function test_one_leaves_once() public {
        address operator = join(1, MINIMUM).operator;
        startLeaving(operator);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotActive.selector, operator));
        vm.prank(operator);
        registry.requestExit(operator);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotRegistered.selector, stranger));
        vm.prank(stranger);
        registry.requestExit(stranger);
    }

    function test_who_stays_cannot_be_paid() public {
        address operator = join(1, MINIMUM).operator;
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotExiting.selector, operator));
        registry.withdraw(operator);
        startLeaving(operator);
        vm.warp(NOW + UNBONDING);
        registry.withdraw(operator);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotExiting.selector, operator));
        registry.withdraw(operator);
    }

    function test_one_comes_back_with_the_same_keys() public {
        address operator = join(1, MINIMUM).operator;
        startLeaving(operator);
        vm.warp(NOW + UNBONDING);
        registry.withdraw(operator);
        join(1, MINIMUM + 1);
        vm.assertEq(registry.currentSet()[0].stake, MINIMUM + 1, "stake");
    }

    // Payout addresses that make trouble

    function test_a_payout_that_refuses_holds_nobody_else_up() public {
        Purse purse = new Purse();
        address operator = _joinWithPayout(1, address(purse));
        address other = join(2, MINIMUM).operator;
        startLeaving(operator);
        startLeaving(other);
        vm.warp(NOW + UNBONDING);
        purse.refuse(true);
        vm.expectRevert(abi.encodeWithSelector(Refusals.PaymentRefused.selector, address(purse), MINIMUM));
        registry.withdraw(operator);
        registry.withdraw(other);
        vm.assertEq(payout.balance, MINIMUM, "the other's");
        vm.assertTrue(registry.getOperator(operator).status == ISequencerRegistry.Status.Exiting, "still there");
        // Nothing is lost: it is paid when it accepts.
        purse.refuse(false);
        registry.withdraw(operator);
        vm.assertEq(address(purse).balance, MINIMUM, "paid");
    }

    function test_a_payout_that_calls_back_gets_its_stake_once() public {
        Purse purse = new Purse();
        address operator = _joinWithPayout(1, address(purse));
        join(2, 10 * MINIMUM);
        startLeaving(operator);
        vm.warp(NOW + UNBONDING);
        purse.callBack(address(registry), abi.encodeCall(registry.withdraw, (operator)));
        registry.withdraw(operator);
        vm.assertTrue(purse.called() && !purse.succeeded(), "called back in vain");
        vm.assertEq(address(purse).balance, MINIMUM, "paid once");
        vm.assertEq(address(registry).balance, 10 * MINIMUM, "the other's stake");
    }

    // Pages

    function testFuzz_operators_come_in_pages(uint256 offset, uint256 limit, uint8 count) public {
        uint256 registered = bound(count, 0, 5);
        for (uint256 number = 0; number < registered; ++number) {
            join(number, MINIMUM);
        }
        address[] memory page = registry.operators(offset, limit);
        uint256 rest = offset < registered ? registered - offset : 0;
        vm.assertEq(page.length, limit < rest ? limit : rest, "size of the page");
        for (uint256 i = 0; i < page.length; ++i) {
            vm.assertEq(page[i], person(offset + i).operator, "operator");
        }
    }

    function _joinWithPayout(uint256 number, address to) private returns (address) {
        Person memory who = person(number);
        ISequencerRegistry.Registration memory registration = registrationOf(who, staker, MINIMUM);
        registration.payout = to;
        registration.operatorSignature = consent(who, staker, registration, MINIMUM);
        vm.deal(staker, MINIMUM);
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);
        return who.operator;
    }
}
