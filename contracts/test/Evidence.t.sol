// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../src/Bls12381.sol";
import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {BlsSigner} from "./support/BlsSigner.sol";
import {Messages} from "./support/Messages.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title What is no evidence
contract EvidenceTest is RegistryTest {
    Person private alice;

    function setUp() public override {
        super.setUp();
        alice = join(1, 100 ether);
    }

    /// @dev Every test here ends with the stake that it began with.
    modifier nothingIsTaken() {
        _;
        vm.assertEq(registry.getOperator(alice.operator).stake, 100 ether, "stake");
        vm.assertTrue(registry.getOperator(alice.operator).status == ISequencerRegistry.Status.Active, "still active");
    }

    function test_no_chain_no_fault() public {
        registry = deploy(address(0), defaults());
        join(1, 100 ether);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotActivated.selector));
        slash(evidence);
    }

    function test_strangers_have_nothing_to_lose() public {
        Person memory bob = person(2);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(bob, ISequencerRegistry.FaultKind.Seal, 9);
        vm.expectRevert(abi.encodeWithSelector(Refusals.NotRegistered.selector, bob.operator));
        slash(evidence);
    }

    function testFuzz_one_message_twice(uint8 kindNumber) public nothingIsTaken {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        bytes memory message = Messages.preimage(context(), kind, position(9), keccak256("one"));
        ISequencerRegistry.Evidence memory evidence = signed(alice, kind, message, message);
        vm.expectRevert(abi.encodeWithSelector(Refusals.SameMessage.selector));
        slash(evidence);
    }

    function testFuzz_positions_that_differ(uint8 kindNumber, uint8 field, uint64 value) public nothingIsTaken {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        bool ofBlock = kind == ISequencerRegistry.FaultKind.Block;
        Messages.Position memory taken = position(9);
        field %= ofBlock ? 4 : 3;
        if (field == 0) taken.era = value;
        if (field == 1) taken.term = value;
        if (field == 2) taken.place = value;
        if (field == 3) taken.height = value;
        vm.assume(keccak256(abi.encode(taken)) != keccak256(abi.encode(position(9))));
        ISequencerRegistry.Evidence memory evidence = signed(
            alice,
            kind,
            Messages.preimage(context(), kind, position(9), keccak256("one")),
            Messages.preimage(context(), kind, taken, keccak256("other"))
        );
        vm.expectRevert(abi.encodeWithSelector(Refusals.DifferentPositions.selector));
        slash(evidence);
    }

    function testFuzz_messages_of_another_chain(uint8 kindNumber, uint64 chainId, bytes32 genesis, bool both)
        public
        nothingIsTaken
    {
        vm.assume(chainId != L2_CHAIN || genesis != GENESIS);
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        Messages.Context memory other = Messages.Context(chainId, genesis);
        ISequencerRegistry.Evidence memory evidence = signed(
            alice,
            kind,
            Messages.preimage(both ? other : context(), kind, position(9), keccak256("one")),
            Messages.preimage(other, kind, position(9), keccak256("other"))
        );
        _refuseForeign(evidence);
    }

    function testFuzz_messages_of_another_chain_only(uint64 chainId) public nothingIsTaken {
        vm.assume(chainId != L2_CHAIN);
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind.Seal;
        Messages.Context memory other = Messages.Context(chainId, GENESIS);
        _refuseForeign(
            signed(
                alice,
                kind,
                Messages.preimage(other, kind, position(9), keccak256("one")),
                Messages.preimage(other, kind, position(9), keccak256("other"))
            )
        );
    }

    function testFuzz_messages_of_another_genesis_only(bytes32 genesis) public nothingIsTaken {
        vm.assume(genesis != GENESIS);
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind.Block;
        Messages.Context memory other = Messages.Context(L2_CHAIN, genesis);
        _refuseForeign(
            signed(
                alice,
                kind,
                Messages.preimage(other, kind, position(9), keccak256("one")),
                Messages.preimage(other, kind, position(9), keccak256("other"))
            )
        );
    }

    function testFuzz_messages_of_another_kind(uint8 said, uint8 meant) public nothingIsTaken {
        said %= 5;
        meant %= 5;
        vm.assume(said != meant);
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(meant);
        ISequencerRegistry.Evidence memory evidence = signed(
            alice,
            ISequencerRegistry.FaultKind(said),
            Messages.preimage(context(), kind, position(9), keccak256("one")),
            Messages.preimage(context(), kind, position(9), keccak256("other"))
        );
        _refuseForeign(evidence);
    }

    function test_messages_that_may_change() public nothingIsTaken {
        // Heartbeats and term changes may differ: an honest key signs many.
        string[6] memory domains = [
            "baton/heartbeat/1",
            "baton/term-report/1",
            "baton/term-change/1",
            "baton/cast-vote/1",
            "baton/vote/2",
            "baton/registration/1"
        ];
        for (uint256 i = 0; i < domains.length; ++i) {
            for (uint256 kind = 0; kind < 5; ++kind) {
                bytes memory header = Messages.header(context(), domains[i]);
                _refuseForeign(
                    signed(
                        alice,
                        ISequencerRegistry.FaultKind(kind),
                        bytes.concat(header, hex"c400030901"),
                        bytes.concat(header, hex"c400030902")
                    )
                );
            }
        }
    }

    // Signatures

    function testFuzz_a_forged_half(uint8 kindNumber, uint8 half, uint256 forger) public nothingIsTaken {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        half %= 2;
        forger = bound(forger, 2, 1000);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, kind, 9);
        Person memory other = person(forger);
        bytes32 digest = keccak256(evidence.preimages[half]);
        evidence.signatures[half] = kind == ISequencerRegistry.FaultKind.Vote
            ? BlsSigner.sign(other.blsSecret, abi.encodePacked(digest), BlsSigner.SIGNATURE)
            : ecdsa(other.secret, digest);
        _refuseSignature(evidence, half);
    }

    function testFuzz_a_signature_on_something_else(uint8 kindNumber, uint8 half) public nothingIsTaken {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        half %= 2;
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, kind, 9);
        evidence.signatures[half] = evidence.signatures[1 - half];
        _refuseSignature(evidence, half);
    }

    function testFuzz_signatures_have_their_length(uint8 kindNumber, uint256 length) public nothingIsTaken {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 5);
        length = bound(length, 0, 300);
        vm.assume(length != (kind == ISequencerRegistry.FaultKind.Vote ? 256 : 65));
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, kind, 9);
        bytes memory given = new bytes(length);
        for (uint256 i = 0; i < length && i < evidence.signatures[0].length; ++i) {
            given[i] = evidence.signatures[0][i];
        }
        evidence.signatures[0] = given;
        _refuseSignature(evidence, 0);
    }

    function testFuzz_a_bit_of_a_signature(uint8 kindNumber, uint256 bit) public nothingIsTaken {
        // Of BLS only the length and the sender's gas would differ.
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind(kindNumber % 4);
        bit = bound(bit, 0, 65 * 8 - 1);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, kind, 9);
        evidence.signatures[1][bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _refuseSignature(evidence, 1);
    }

    function test_a_signature_in_the_upper_half() public nothingIsTaken {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(alice.secret, keccak256(evidence.preimages[0]));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        evidence.signatures[0] = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? 28 : 27);
        _refuseSignature(evidence, 0);
    }

    function test_a_recovery_byte_of_zero_or_one() public nothingIsTaken {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Seal, 9);
        evidence.signatures[0][64] = bytes1(uint8(evidence.signatures[0][64]) - 27);
        _refuseSignature(evidence, 0);
    }

    function test_a_vote_signed_as_a_proof_of_possession() public nothingIsTaken {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 9);
        bytes memory digest = abi.encodePacked(keccak256(evidence.preimages[0]));
        evidence.signatures[0] = BlsSigner.sign(alice.blsSecret, digest, BlsSigner.POSSESSION);
        _refuseSignature(evidence, 0);
    }

    // BLS keys

    function test_votes_of_anothers_key() public nothingIsTaken {
        Person memory bob = join(2, MINIMUM);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(bob, ISequencerRegistry.FaultKind.Vote, 9);
        evidence.operator = alice.operator;
        vm.expectRevert(
            abi.encodeWithSelector(
                Refusals.ForeignBlsKey.selector, alice.operator, Bls12381.compress(evidence.blsPublicKey)
            )
        );
        slash(evidence);
    }

    function test_votes_of_a_key_that_nobody_registered() public nothingIsTaken {
        Person memory nobody = Person(alice.operator, alice.secret, 4711);
        ISequencerRegistry.Evidence memory evidence = evidenceOf(nobody, ISequencerRegistry.FaultKind.Vote, 9);
        vm.expectRevert(
            abi.encodeWithSelector(
                Refusals.ForeignBlsKey.selector, alice.operator, Bls12381.compress(evidence.blsPublicKey)
            )
        );
        slash(evidence);
    }

    function test_votes_at_infinity() public nothingIsTaken {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 9);
        evidence.signatures = [new bytes(256), new bytes(256)];
        _refuseSignature(evidence, 0);
        evidence.blsPublicKey = new bytes(128);
        vm.expectRevert(
            abi.encodeWithSelector(Refusals.ForeignBlsKey.selector, alice.operator, Bls12381.compress(new bytes(128)))
        );
        slash(evidence);
        evidence.blsPublicKey = "";
        vm.expectRevert(abi.encodeWithSelector(Refusals.InvalidBlsLength.selector, 0, 256));
        slash(evidence);
    }

    function test_a_point_that_compresses_to_the_operators_key() public nothingIsTaken {
        ISequencerRegistry.Evidence memory evidence = evidenceOf(alice, ISequencerRegistry.FaultKind.Vote, 9);
        // Same x, same half, other y: off the curve.
        evidence.blsPublicKey[127] ^= 0x01;
        _refuseSignature(evidence, 0);
    }

    // Encodings

    function test_encodings_that_no_node_writes() public nothingIsTaken {
        bytes32 hash = keccak256("one");
        // A list; era 0, term 3, height 9; the hash.
        bytes memory right = abi.encodePacked(hex"e4800309a0", hash);
        vm.assertEq(
            bytes.concat(Messages.header(context(), "baton/seal/1"), right),
            Messages.preimage(context(), ISequencerRegistry.FaultKind.Seal, position(9), hash),
            "as it is written"
        );
        _refuseEncoding("");
        // No list, a list that is too short or too long, and what trails it.
        _refuseEncoding(abi.encodePacked(hex"a4800309a0", hash));
        _refuseEncoding(abi.encodePacked(hex"e3800309a0", hash));
        _refuseEncoding(abi.encodePacked(hex"e5800309a0", hash));
        _refuseEncoding(bytes.concat(right, hex"00"));
        // The length in a byte of its own, though it fits into the first one; with zeros; and none.
        _refuseEncoding(abi.encodePacked(hex"f824800309a0", hash));
        _refuseEncoding(abi.encodePacked(hex"f90024800309a0", hash));
        _refuseEncoding(hex"f8");
        _refuseEncoding(hex"ffffffffffffffffff");
        // Zero as a byte; a small number with a length; a number with zeros in front, of nine bytes, as a list.
        _refuseEncoding(abi.encodePacked(hex"e4000309a0", hash));
        _refuseEncoding(abi.encodePacked(hex"e580810309a0", hash));
        _refuseEncoding(abi.encodePacked(hex"e68082000309a0", hash));
        _refuseEncoding(abi.encodePacked(hex"ed8089010101010101010101", hex"09a0", hash));
        _refuseEncoding(abi.encodePacked(hex"e480c009a0", hash));
        // A list that ends before the position does.
        _refuseEncoding(hex"c0");
        _refuseEncoding(hex"c28003");
        _refuseEncoding(hex"c480038201");
    }

    function testFuzz_nothing_but_the_canonical_encoding(bytes memory garbage) public nothingIsTaken {
        vm.assume(garbage.length < 100);
        bytes memory header = Messages.header(context(), "baton/seal/1");
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind.Seal;
        bytes memory right = Messages.preimage(context(), kind, position(9), keccak256("one"));
        bytes memory wrong = bytes.concat(header, garbage);
        // The other half is right, so that chance would have to hit the same position.
        ISequencerRegistry.Evidence memory evidence = signed(alice, kind, right, wrong);
        vm.expectRevert();
        slash(evidence);
    }

    function _refuseEncoding(bytes memory body) private {
        ISequencerRegistry.FaultKind kind = ISequencerRegistry.FaultKind.Seal;
        bytes memory right = Messages.preimage(context(), kind, position(9), keccak256("other"));
        bytes memory wrong = bytes.concat(Messages.header(context(), "baton/seal/1"), body);
        ISequencerRegistry.Evidence memory evidence = signed(alice, kind, right, wrong);
        vm.prank(reporter);
        try registry.slash(evidence) {
            vm.assertTrue(false, "slashed");
        } catch (bytes memory refusal) {
            vm.assertEq(bytes32(bytes4(refusal)), bytes32(Refusals.MalformedMessage.selector), "malformed");
        }
    }

    function _refuseForeign(ISequencerRegistry.Evidence memory evidence) private {
        string[5] memory names = ["announcement", "block", "seal", "checkpoint", "vote"];
        vm.expectRevert(
            abi.encodeWithSelector(Refusals.ForeignMessage.selector, names[uint256(evidence.kind)], L2_CHAIN, GENESIS)
        );
        slash(evidence);
    }

    function _refuseSignature(ISequencerRegistry.Evidence memory evidence, uint256 half) private {
        vm.expectRevert(abi.encodeWithSelector(Refusals.InvalidEvidenceSignature.selector, half));
        slash(evidence);
    }
}
