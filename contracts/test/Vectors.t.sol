// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../src/Bls12381.sol";
import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {SequencerRegistry} from "../src/SequencerRegistry.sol";
import {BlsSigner} from "./support/BlsSigner.sol";
import {RegistryTest} from "./support/RegistryTest.sol";
import {RegistryVectors as Vectors} from "./vectors/RegistryVectors.sol";

/// @title What other implementations sign is what the registry checks
contract VectorsTest is RegistryTest {
    Person private alice;

    function setUp() public override {
        super.setUp();
        alice = Person(vm.addr(Vectors.OPERATOR_SECRET), Vectors.OPERATOR_SECRET, Vectors.BLS_SECRET);
    }

    function test_keys_and_signatures_are_those_of_these_tests() public view {
        vm.assertEq(BlsSigner.publicKey(Vectors.BLS_SECRET), Vectors.PUBLIC_KEY, "key");
        vm.assertEq(Bls12381.compress(Vectors.PUBLIC_KEY), Vectors.COMPRESSED, "compressed key");
        vm.assertEq(
            BlsSigner.sign(Vectors.BLS_SECRET, Vectors.POSSESSION_MESSAGE, BlsSigner.POSSESSION),
            Vectors.POSSESSION,
            "possession"
        );
    }

    function test_a_proof_of_possession() public {
        // The proof names the address of the registry: one is put there.
        registry = deploy(address(0), defaults());
        address place = address(bytes20(Vectors.REGISTRY));
        vm.etch(place, address(registry).code);
        registry = SequencerRegistry(place);
        vm.chainId(Vectors.L1_CHAIN);
        vm.assertEq(
            registry.possessionMessage(alice.operator, Vectors.PUBLIC_KEY), Vectors.POSSESSION_MESSAGE, "message"
        );
        ISequencerRegistry.Registration memory registration = ISequencerRegistry.Registration({
            operator: alice.operator,
            payout: payout,
            blsKey: ISequencerRegistry.BlsKey(Vectors.PUBLIC_KEY, Vectors.POSSESSION),
            peerId: PEER_ID,
            multiaddr: MULTIADDR,
            operatorSignature: ""
        });
        registration.operatorSignature = consent(alice, staker, registration, MINIMUM);
        vm.deal(staker, MINIMUM);
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);
        vm.assertEq(registry.getOperator(alice.operator).blsPublicKey, Vectors.COMPRESSED, "key");
    }

    function test_announcements() public {
        _slashes(
            ISequencerRegistry.FaultKind.Announcement,
            [Vectors.ANNOUNCEMENT_ONE, Vectors.ANNOUNCEMENT_OTHER],
            [Vectors.ANNOUNCEMENT_ONE_SIGNATURE, Vectors.ANNOUNCEMENT_OTHER_SIGNATURE],
            Vectors.ANNOUNCEMENT_FAULT
        );
    }

    function test_blocks() public {
        _slashes(
            ISequencerRegistry.FaultKind.Block,
            [Vectors.BLOCK_ONE, Vectors.BLOCK_OTHER],
            [Vectors.BLOCK_ONE_SIGNATURE, Vectors.BLOCK_OTHER_SIGNATURE],
            Vectors.BLOCK_FAULT
        );
    }

    function test_seals() public {
        _slashes(
            ISequencerRegistry.FaultKind.Seal,
            [Vectors.SEAL_ONE, Vectors.SEAL_OTHER],
            [Vectors.SEAL_ONE_SIGNATURE, Vectors.SEAL_OTHER_SIGNATURE],
            Vectors.SEAL_FAULT
        );
    }

    function test_checkpoints() public {
        // The golden encoding of the nodes (`consensus/src/golden.rs`).
        vm.assertEq(
            Vectors.CHECKPOINT_ONE,
            hex"6261746f6e2f636865636b706f696e742f3100000000000000070707070707070707070707070707070707070707070707070707070707070707f8bc800382012ce583011170a01111111111111111111111111111111111111111111111111111111111111111a02222222222222222222222222222222222222222222222222222222222222222e7c5800382012ba03333333333333333333333333333333333333333333333333333333333333333a04444444444444444444444444444444444444444444444444444444444444444e68401312d00a05555555555555555555555555555555555555555555555555555555555555555",
            "golden"
        );
        _slashes(
            ISequencerRegistry.FaultKind.Checkpoint,
            [Vectors.CHECKPOINT_ONE, Vectors.CHECKPOINT_OTHER],
            [Vectors.CHECKPOINT_ONE_SIGNATURE, Vectors.CHECKPOINT_OTHER_SIGNATURE],
            Vectors.CHECKPOINT_FAULT
        );
    }

    function test_votes() public {
        _slashes(
            ISequencerRegistry.FaultKind.Vote,
            [Vectors.VOTE_ONE, Vectors.VOTE_OTHER],
            [Vectors.VOTE_ONE_SIGNATURE, Vectors.VOTE_OTHER_SIGNATURE],
            Vectors.VOTE_FAULT
        );
    }

    function _slashes(
        ISequencerRegistry.FaultKind kind,
        bytes[2] memory preimages,
        bytes[2] memory signatures,
        bytes32 fault
    ) private {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        vm.deal(staker, MINIMUM);
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);
        bytes memory blsPublicKey = kind == ISequencerRegistry.FaultKind.Vote ? Vectors.PUBLIC_KEY : bytes("");
        slash(ISequencerRegistry.Evidence(kind, alice.operator, preimages, signatures, blsPublicKey));
        vm.assertTrue(registry.isSlashed(fault), "the nodes' name");
        vm.assertEq(registry.getOperator(alice.operator).stake, MINIMUM / 2, "left");
    }
}
