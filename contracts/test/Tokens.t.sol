// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {
    BlockingToken,
    CallingToken,
    FalseToken,
    FeeToken,
    GenerousToken,
    PretendingToken,
    SilentToken,
    Token
} from "./support/Tokens.sol";

/// @title Stakes in an ERC-20, of good tokens and bad ones
contract TokensTest is RegistryTest {
    address private constant BURNT = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant STAKE = 100 ether;

    Person private alice;

    function setUp() public override {
        super.setUp();
        alice = person(1);
    }

    function test_a_life_with_a_token() public {
        _live(new Token());
    }

    function test_a_life_with_a_token_that_returns_nothing() public {
        _live(Token(address(new SilentToken())));
    }

    function test_the_native_token_is_not_taken_beside() public {
        Token token = new Token();
        _begin(token);
        _register(token, alice);
        vm.deal(staker, 2);
        ISequencerRegistry.Registration memory registration = registrationOf(person(2), staker, STAKE);
        vm.startPrank(staker);
        vm.expectRevert(abi.encodeWithSelector(Refusals.WrongValue.selector, 1, 0));
        registry.register{value: 1}(registration, STAKE);
        vm.expectRevert(abi.encodeWithSelector(Refusals.WrongValue.selector, 1, 0));
        registry.addStake{value: 1}(alice.operator, 1);
        vm.stopPrank();
    }

    function test_only_the_senders_tokens_are_taken() public {
        Token token = new Token();
        _begin(token);
        // The staker has approved; a stranger cannot spend that.
        token.mint(staker, STAKE);
        vm.prank(staker);
        token.approve(address(registry), STAKE);
        ISequencerRegistry.Registration memory registration = registrationOf(alice, stranger, STAKE);
        vm.expectRevert();
        vm.prank(stranger);
        registry.register(registration, STAKE);
        vm.assertEq(token.balanceOf(staker), STAKE, "the staker's");
    }

    function test_a_fee_is_refused() public {
        _refuse(new FeeToken(), abi.encodeWithSelector(Refusals.InexactTransfer.selector, STAKE - 1 ether, STAKE));
    }

    function test_a_gift_is_refused() public {
        _refuse(new GenerousToken(), abi.encodeWithSelector(Refusals.InexactTransfer.selector, STAKE + 1, STAKE));
    }

    function test_a_pretended_transfer_is_refused() public {
        _refuse(new PretendingToken(), abi.encodeWithSelector(Refusals.InexactTransfer.selector, 0, STAKE));
    }

    function test_a_transfer_that_says_no_is_refused() public {
        FalseToken token = new FalseToken();
        _refuse(token, abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
    }

    function test_a_payment_that_says_no_loses_nothing() public {
        FalseToken token = new FalseToken();
        token.setLies(false);
        _begin(token);
        _register(token, alice);
        startLeaving(alice.operator);
        vm.warp(NOW + UNBONDING);
        token.setLies(true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        registry.withdraw(alice.operator);
        token.setLies(false);
        registry.withdraw(alice.operator);
        vm.assertEq(token.balanceOf(payout), STAKE, "paid out");
    }

    function test_a_reporter_that_the_token_blocks_holds_nothing_up() public {
        BlockingToken token = new BlockingToken();
        _begin(token);
        _register(token, alice);
        token.block_(reporter);
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 9));
        vm.assertEq(token.balanceOf(reporter), 0, "reward");
        vm.assertEq(token.balanceOf(BURNT), STAKE / 2, "burnt");
        vm.assertEq(token.balanceOf(address(registry)), STAKE / 2, "balance");
    }

    function test_a_token_that_calls_back_gains_nothing() public {
        // Whatever moves: what calls back is refused, and the sums are right.
        CallingToken token = new CallingToken();
        _begin(token);
        _register(token, person(2));
        address other = person(2).operator;
        startLeaving(other);
        vm.warp(NOW + UNBONDING);

        token.callBack(address(registry), abi.encodeCall(registry.withdraw, (other)));
        _register(token, alice);
        vm.assertEq(token.calls(), 1, "while it is staked");
        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Block, 9));
        vm.assertEq(token.calls(), 3, "while it is slashed");
        registry.withdraw(other);
        vm.assertEq(token.calls(), 4, "while it is paid out");
        vm.assertEq(token.successes(), 0, "in vain");
        vm.assertEq(token.balanceOf(payout), STAKE, "paid out once");
        vm.assertEq(token.balanceOf(address(registry)), STAKE / 2, "balance");
        vm.assertEq(registry.getOperator(alice.operator).stake, STAKE / 2, "stake");
    }

    function test_every_function_is_closed_while_a_token_moves() public {
        CallingToken token = new CallingToken();
        _begin(token);
        _register(token, person(2));
        address other = person(2).operator;
        ISequencerRegistry.BlsKey memory key = blsKeyOf(other, 4711);
        bytes[] memory calls = new bytes[](7);
        calls[0] = abi.encodeCall(registry.register, (registrationOf(person(3), address(token), STAKE), STAKE));
        calls[1] = abi.encodeCall(registry.addStake, (other, 1));
        calls[2] = abi.encodeCall(registry.requestRotation, (other, key, PEER_ID, ""));
        calls[3] = abi.encodeCall(registry.completeRotation, (other));
        calls[4] = abi.encodeCall(registry.requestExit, (other));
        calls[5] = abi.encodeCall(registry.withdraw, (other));
        calls[6] = abi.encodeCall(registry.slash, (evidenceOf(person(2), ISequencerRegistry.FaultKind.Block, 9)));
        token.mint(address(this), calls.length);
        token.approve(address(registry), calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            token.callBack(address(registry), calls[i]);
            registry.addStake(other, 1);
            vm.assertEq(token.successes(), 0, "closed");
        }
        vm.assertEq(registry.getOperator(other).stake, STAKE + calls.length, "stake");
    }

    function _live(Token token) private {
        _begin(token);
        _register(token, alice);
        _register(token, person(2));
        vm.assertEq(registry.stakeToken(), address(token), "token");

        token.mint(stranger, 50 ether);
        vm.startPrank(stranger);
        token.approve(address(registry), 50 ether);
        registry.addStake(alice.operator, 50 ether);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(address(registry)), 250 ether, "staked");

        slash(evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 9));
        vm.assertEq(token.balanceOf(BURNT), 67.5 ether, "burnt");
        vm.assertEq(token.balanceOf(reporter), 7.5 ether, "reward");
        vm.warp(NOW + UNBONDING);
        registry.withdraw(alice.operator);
        vm.assertEq(token.balanceOf(payout), 75 ether, "paid out");
        vm.assertEq(token.balanceOf(address(registry)), STAKE, "the other's");
    }

    function _begin(Token token) private {
        registry = deploy(address(token), defaults());
        vm.prank(governor);
        registry.activate(GENESIS);
    }

    function _register(Token token, Person memory who) private {
        ISequencerRegistry.Registration memory registration = registrationOf(who, staker, STAKE);
        token.mint(staker, STAKE);
        vm.startPrank(staker);
        token.approve(address(registry), STAKE);
        registry.register(registration, STAKE);
        vm.stopPrank();
    }

    function _refuse(Token token, bytes memory refusal) private {
        _begin(token);
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, STAKE);
        token.mint(staker, STAKE);
        vm.startPrank(staker);
        token.approve(address(registry), STAKE);
        vm.expectRevert(refusal);
        registry.register(registration, STAKE);
        vm.stopPrank();
        vm.assertEq(registry.operators(0, 10).length, 0, "operators");
    }
}
