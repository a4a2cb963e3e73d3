// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../src/Bls12381.sol";
import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title Other keys, after a delay
contract RotationTest is RegistryTest {
    string private constant OTHER_PEER_ID = "12D3KooWother";
    uint256 private constant NEXT_SECRET = 4711;

    Person private alice;

    function setUp() public override {
        super.setUp();
        alice = join(1, MINIMUM);
    }

    function test_keys_change_after_the_delay() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, NEXT_SECRET);
        bytes memory compressed = Bls12381.compress(key.publicKey);
        bytes memory before = registry.getOperator(alice.operator).blsPublicKey;
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.RotationRequested(alice.operator, compressed, OTHER_PEER_ID, "", uint64(NOW) + ROTATION);
        _request(key);
        vm.assertEq(registry.getOperator(alice.operator).blsPublicKey, before, "not yet");
        vm.assertEq(registry.getRotation(alice.operator).blsPublicKey, compressed, "asked for");

        vm.warp(NOW + ROTATION - 1);
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, uint64(NOW) + ROTATION));
        registry.completeRotation(alice.operator);

        vm.warp(NOW + ROTATION);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.Rotated(alice.operator, compressed, OTHER_PEER_ID, "");
        vm.prank(stranger);
        registry.completeRotation(alice.operator);
        ISequencerRegistry.Member memory member = registry.currentSet()[0];
        vm.assertEq(member.blsPublicKey, compressed, "BLS key");
        vm.assertEq(member.peerId, OTHER_PEER_ID, "peer id");
        vm.assertEq(member.multiaddr, "", "multiaddr");
        vm.assertEq(member.stake, MINIMUM, "stake");

        vm.expectRevert(abi.encodeWithSelector(Refusals.NoRotation.selector, alice.operator));
        registry.completeRotation(alice.operator);
    }

    function test_the_peer_id_alone_needs_no_proof() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, alice.blsSecret);
        key.possession = "";
        _request(key);
        vm.warp(NOW + ROTATION);
        registry.completeRotation(alice.operator);
        ISequencerRegistry.Operator memory entry = registry.getOperator(alice.operator);
        vm.assertEq(entry.peerId, OTHER_PEER_ID, "peer id");
        vm.assertEq(entry.blsPublicKey, Bls12381.compress(key.publicKey), "BLS key");
    }

    function test_another_key_needs_a_proof() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, NEXT_SECRET);
        key.possession = "";
        vm.expectRevert(
            abi.encodeWithSelector(
                Refusals.PossessionMissing.selector, alice.operator, Bls12381.compress(key.publicKey)
            )
        );
        _request(key);
        // One for another operator is none.
        key = blsKeyOf(stranger, NEXT_SECRET);
        vm.expectRevert(
            abi.encodeWithSelector(
                Refusals.InvalidPossession.selector, alice.operator, Bls12381.compress(key.publicKey)
            )
        );
        _request(key);
        vm.expectRevert(abi.encodeWithSelector(Refusals.InvalidBlsLength.selector, 0, 256));
        _request(ISequencerRegistry.BlsKey("", ""));
    }

    function test_a_key_of_another_operator_is_refused() public {
        Person memory bob = join(2, MINIMUM);
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, bob.blsSecret);
        vm.expectRevert(
            abi.encodeWithSelector(Refusals.BlsKeyTaken.selector, Bls12381.compress(key.publicKey), bob.operator)
        );
        _request(key);
    }

    function test_an_old_key_stays_the_operators() public {
        bytes memory old = registry.getOperator(alice.operator).blsPublicKey;
        _rotate(NEXT_SECRET);
        vm.assertEq(registry.blsKeyHolder(old), alice.operator, "holder");
        // Nobody else gets it, and the operator gets it back only with a proof.
        Person memory bob = join(2, MINIMUM);
        ISequencerRegistry.BlsKey memory key = blsKeyOf(bob.operator, alice.blsSecret);
        vm.expectRevert(abi.encodeWithSelector(Refusals.BlsKeyTaken.selector, old, alice.operator));
        vm.prank(bob.operator);
        registry.requestRotation(bob.operator, key, PEER_ID, MULTIADDR);
        _rotate(alice.blsSecret);
        vm.assertEq(registry.getOperator(alice.operator).blsPublicKey, old, "back");
    }

    function test_a_second_request_replaces_the_first() public {
        _request(blsKeyOf(alice.operator, NEXT_SECRET));
        vm.warp(NOW + ROTATION - 1);
        _request(blsKeyOf(alice.operator, NEXT_SECRET + 1));
        vm.warp(NOW + ROTATION);
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, uint64(NOW) + 2 * ROTATION - 1));
        registry.completeRotation(alice.operator);
        vm.warp(NOW + 2 * ROTATION);
        registry.completeRotation(alice.operator);
        vm.assertEq(
            registry.getOperator(alice.operator).blsPublicKey,
            Bls12381.compress(blsKeyOf(alice.operator, NEXT_SECRET + 1).publicKey),
            "the second"
        );
    }

    function testFuzz_nobody_else_asks(address anyone) public {
        vm.assume(anyone != alice.operator && anyone != staker);
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, NEXT_SECRET);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotAuthorized.selector, alice.operator, anyone));
        vm.prank(anyone);
        registry.requestRotation(alice.operator, key, PEER_ID, MULTIADDR);
    }

    function test_the_staker_may_ask() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, NEXT_SECRET);
        vm.prank(staker);
        registry.requestRotation(alice.operator, key, PEER_ID, MULTIADDR);
        vm.assertEq(registry.getRotation(alice.operator).effectiveAt, NOW + ROTATION, "asked for");
    }

    function test_hints_are_checked() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, NEXT_SECRET);
        vm.expectRevert(abi.encodeWithSelector(Refusals.InvalidHintCharacter.selector, "multiaddr", 1));
        vm.prank(alice.operator);
        registry.requestRotation(alice.operator, key, PEER_ID, "/ ip4");
    }

    function test_leaving_drops_what_was_asked_for() public {
        _request(blsKeyOf(alice.operator, NEXT_SECRET));
        startLeaving(alice.operator);
        vm.warp(NOW + ROTATION);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NoRotation.selector, alice.operator));
        registry.completeRotation(alice.operator);
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, NEXT_SECRET);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotActive.selector, alice.operator));
        _request(key);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotRegistered.selector, stranger));
        vm.prank(stranger);
        registry.requestRotation(stranger, key, PEER_ID, MULTIADDR);
    }

    function test_a_shorter_delay_is_for_later_requests() public {
        ISequencerRegistry.Parameters memory next = defaults();
        next.rotationDelay = 0;
        vm.prank(governor);
        registry.scheduleParameters(next);
        vm.warp(NOW + TIMELOCK - 1);
        _request(blsKeyOf(alice.operator, NEXT_SECRET));
        vm.warp(NOW + TIMELOCK);
        registry.executeParameters();
        vm.expectRevert(abi.encodeWithSelector(Refusals.TooEarly.selector, uint64(NOW) + TIMELOCK - 1 + ROTATION));
        registry.completeRotation(alice.operator);
        _request(blsKeyOf(alice.operator, NEXT_SECRET));
        registry.completeRotation(alice.operator);
    }

    function _request(ISequencerRegistry.BlsKey memory key) private {
        vm.prank(alice.operator);
        registry.requestRotation(alice.operator, key, OTHER_PEER_ID, "");
    }

    function _rotate(uint256 secret) private {
        _request(blsKeyOf(alice.operator, secret));
        vm.warp(block.timestamp + ROTATION);
        registry.completeRotation(alice.operator);
    }
}
