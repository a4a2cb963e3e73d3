// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title What operators and reporters pay for
/// @notice Only the call is metered; `scripts/contracts.sh gas` writes the figures.
contract RegistryGasTest is RegistryTest {
    function test_register() public {
        vm.pauseGasMetering();
        ISequencerRegistry.Registration memory registration = registrationOf(person(1), staker, MINIMUM);
        vm.deal(staker, MINIMUM);
        vm.prank(staker);
        vm.resumeGasMetering();
        registry.register{value: MINIMUM}(registration, MINIMUM);
    }

    function test_addStake() public {
        vm.pauseGasMetering();
        address operator = join(1, MINIMUM).operator;
        vm.deal(address(this), 1 ether);
        vm.resumeGasMetering();
        registry.addStake{value: 1 ether}(operator, 1 ether);
    }

    function test_requestRotation() public {
        vm.pauseGasMetering();
        address operator = join(1, MINIMUM).operator;
        ISequencerRegistry.BlsKey memory key = blsKeyOf(operator, 4711);
        vm.prank(operator);
        vm.resumeGasMetering();
        registry.requestRotation(operator, key, PEER_ID, MULTIADDR);
    }

    function test_completeRotation() public {
        vm.pauseGasMetering();
        address operator = join(1, MINIMUM).operator;
        ISequencerRegistry.BlsKey memory key = blsKeyOf(operator, 4711);
        vm.prank(operator);
        registry.requestRotation(operator, key, PEER_ID, MULTIADDR);
        vm.warp(NOW + ROTATION);
        vm.resumeGasMetering();
        registry.completeRotation(operator);
    }

    function test_requestExit() public {
        vm.pauseGasMetering();
        address operator = join(1, MINIMUM).operator;
        vm.prank(operator);
        vm.resumeGasMetering();
        registry.requestExit(operator);
    }

    function test_withdraw() public {
        vm.pauseGasMetering();
        address operator = join(1, MINIMUM).operator;
        startLeaving(operator);
        vm.warp(NOW + UNBONDING);
        vm.resumeGasMetering();
        registry.withdraw(operator);
    }

    function test_slash_blocks() public {
        _slash(ISequencerRegistry.FaultKind.Block);
    }

    function test_slash_checkpoints() public {
        _slash(ISequencerRegistry.FaultKind.Checkpoint);
    }

    function test_slash_votes() public {
        _slash(ISequencerRegistry.FaultKind.Vote);
    }

    /// @dev Not in a transaction: what a node's `eth_call` must be allowed to spend.
    function test_currentSet_of_100() public {
        vm.pauseGasMetering();
        for (uint256 number = 0; number < 100; ++number) {
            join(number, MINIMUM + uint256(keccak256(abi.encode(number))) % MINIMUM);
        }
        vm.resumeGasMetering();
        registry.currentSet();
    }

    function _slash(ISequencerRegistry.FaultKind kind) private {
        vm.pauseGasMetering();
        Person memory who = join(1, MINIMUM);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(who, kind, 9);
        vm.prank(reporter);
        vm.resumeGasMetering();
        registry.slash(evidence);
    }
}
