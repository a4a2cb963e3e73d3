// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../src/Bls12381.sol";
import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Refusals} from "../src/Refusals.sol";
import {BlsSigner} from "./support/BlsSigner.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title Who can register, and what of
contract RegistrationTest is RegistryTest {
    Person private alice;

    function setUp() public override {
        super.setUp();
        alice = person(1);
        vm.deal(staker, 1_000_000 ether);
        vm.deal(stranger, 1_000_000 ether);
    }

    function test_what_is_registered_is_known() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        bytes memory compressed = Bls12381.compress(registration.blsKey.publicKey);
        vm.expectEmit(address(registry));
        emit ISequencerRegistry.Registered(alice.operator, staker, payout, MINIMUM, compressed, PEER_ID, MULTIADDR);
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);

        ISequencerRegistry.Operator memory entry = registry.getOperator(alice.operator);
        vm.assertTrue(entry.status == ISequencerRegistry.Status.Active, "status");
        vm.assertFalse(entry.slashed, "slashed");
        vm.assertEq(entry.withdrawableAt, 0, "withdrawable at");
        vm.assertEq(entry.staker, staker, "staker");
        vm.assertEq(entry.payout, payout, "payout");
        vm.assertEq(entry.stake, MINIMUM, "stake");
        vm.assertEq(entry.blsPublicKey, compressed, "BLS key");
        vm.assertEq(entry.blsPublicKey.length, 48, "length of the BLS key");
        vm.assertEq(entry.peerId, PEER_ID, "peer id");
        vm.assertEq(entry.multiaddr, MULTIADDR, "multiaddr");
        vm.assertEq(registry.blsKeyHolder(compressed), alice.operator, "holder");
        vm.assertEq(address(registry).balance, MINIMUM, "balance");
        vm.assertEq(registry.operators(0, 10).length, 1, "operators");
        vm.assertEq(registry.currentSet().length, 1, "members");
    }

    function test_a_registry_knows_its_chain() public view {
        vm.assertEq(registry.l2ChainId(), L2_CHAIN, "chain");
        vm.assertEq(registry.genesisHash(), GENESIS, "genesis");
        vm.assertEq(registry.stakeToken(), address(0), "token");
        vm.assertEq(registry.deployedAt(), 21_000_000, "deployed at");
        vm.assertEq(registry.timelockDelay(), TIMELOCK, "timelock");
        vm.assertEq(keccak256(abi.encode(registry.parameters())), keccak256(abi.encode(defaults())), "parameters");
    }

    function test_the_digest_is_that_of_a_wallet() public view {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Baton Sequencer Registry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Registration(address staker,address operator,address payout,bytes blsPublicKey,string peerId,string multiaddr,uint256 amount,uint256 nonce)"
                ),
                staker,
                alice.operator,
                payout,
                keccak256(registration.blsKey.publicKey),
                keccak256(bytes(PEER_ID)),
                keccak256(bytes(MULTIADDR)),
                MINIMUM,
                uint256(0)
            )
        );
        vm.assertEq(
            registry.registrationDigest(staker, registration, MINIMUM),
            keccak256(abi.encodePacked(hex"1901", domain, message)),
            "digest"
        );
    }

    function test_a_proof_of_possession_names_everything() public view {
        bytes memory publicKey = BlsSigner.publicKey(alice.blsSecret);
        vm.assertEq(
            registry.possessionMessage(alice.operator, publicKey),
            abi.encodePacked(
                "baton/registration/1",
                uint64(block.chainid),
                address(registry),
                alice.operator,
                Bls12381.compress(publicKey)
            ),
            "message"
        );
    }

    // Stake

    function testFuzz_less_than_the_minimum_is_refused(uint256 amount) public {
        amount = bound(amount, 0, MINIMUM - 1);
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, amount);
        _refuse(registration, amount, abi.encodeWithSelector(Refusals.StakeTooLow.selector, amount, MINIMUM));
    }

    function testFuzz_what_is_sent_is_the_stake(uint256 amount, uint256 sent) public {
        amount = bound(amount, MINIMUM, 1000 ether);
        sent = bound(sent, 0, 1000 ether);
        vm.assume(amount != sent);
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, amount);
        vm.expectRevert(abi.encodeWithSelector(Refusals.WrongValue.selector, sent, amount));
        vm.prank(staker);
        registry.register{value: sent}(registration, amount);
    }

    function test_nothing_can_be_sent_without_a_purpose() public {
        vm.prank(staker);
        (bool success,) = address(registry).call{value: 1 ether}("");
        vm.assertFalse(success, "sent");
    }

    // Other people's keys

    function test_the_operator_must_agree() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        registration.operatorSignature = consent(person(2), staker, registration, MINIMUM);
        _refuse(
            registration,
            MINIMUM,
            abi.encodeWithSelector(Refusals.InvalidOperatorSignature.selector, alice.operator, person(2).operator)
        );
        registration.operatorSignature = "";
        _refuse(
            registration,
            MINIMUM,
            abi.encodeWithSelector(Refusals.InvalidOperatorSignature.selector, alice.operator, address(0))
        );
    }

    function test_another_staker_cannot_use_the_operators_signature() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        vm.expectRevert();
        vm.prank(stranger);
        registry.register{value: MINIMUM}(registration, MINIMUM);
        vm.assertTrue(registry.getOperator(alice.operator).status == ISequencerRegistry.Status.None, "not registered");
        _register(registration, MINIMUM);
    }

    function test_what_the_operator_agreed_to_cannot_be_changed() public {
        for (uint256 change = 0; change < 5; ++change) {
            ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
            uint256 amount = MINIMUM;
            if (change == 0) registration.payout = stranger;
            if (change == 1) registration.peerId = "12D3KooWother";
            if (change == 2) registration.multiaddr = "";
            if (change == 3) registration.blsKey = blsKeyOf(alice.operator, 12345);
            if (change == 4) amount += 1;
            vm.expectRevert();
            vm.prank(staker);
            registry.register{value: amount}(registration, amount);
        }
    }

    function test_a_signature_for_another_registry_is_none_here() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        registry = deploy(address(0), defaults());
        registration.blsKey = blsKeyOf(alice.operator, alice.blsSecret);
        vm.expectRevert();
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);
    }

    function test_a_signature_in_the_upper_half_is_refused() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(alice.secret, registry.registrationDigest(staker, registration, MINIMUM));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        registration.operatorSignature = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? 28 : 27);
        _refuse(
            registration,
            MINIMUM,
            abi.encodeWithSelector(Refusals.InvalidOperatorSignature.selector, alice.operator, address(0))
        );
    }

    function test_nobody_registers_twice() public {
        _register(registrationOf(alice, staker, MINIMUM), MINIMUM);
        bytes memory refusal = abi.encodeWithSelector(Refusals.AlreadyRegistered.selector, alice.operator);
        _refuse(registrationOf(alice, staker, MINIMUM), MINIMUM, refusal);
        startLeaving(alice.operator);
        _refuse(registrationOf(alice, staker, MINIMUM), MINIMUM, refusal);
    }

    function test_a_registration_is_good_once() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        _register(registration, MINIMUM);
        startLeaving(alice.operator);
        vm.warp(NOW + UNBONDING);
        registry.withdraw(alice.operator);
        // The same bytes again: the operator did not agree to that.
        vm.expectRevert();
        vm.prank(staker);
        registry.register{value: MINIMUM}(registration, MINIMUM);
        vm.assertEq(registry.registrations(alice.operator), 1, "registrations");
        _register(registrationOf(alice, staker, MINIMUM), MINIMUM);
        vm.assertEq(registry.registrations(alice.operator), 2, "registrations");
    }

    // BLS keys

    function test_anothers_bls_key_is_refused() public {
        _register(registrationOf(alice, staker, MINIMUM), MINIMUM);
        Person memory thief = person(2);
        ISequencerRegistry.Registration memory registration = registrationOf(thief, staker, MINIMUM);
        registration.blsKey = blsKeyOf(alice.operator, alice.blsSecret);
        registration.operatorSignature = consent(thief, staker, registration, MINIMUM);
        bytes memory compressed = Bls12381.compress(registration.blsKey.publicKey);
        _refuse(
            registration, MINIMUM, abi.encodeWithSelector(Refusals.BlsKeyTaken.selector, compressed, alice.operator)
        );
        // Not even by its holder, who could prove it.
        registration.blsKey = blsKeyOf(thief.operator, alice.blsSecret);
        registration.operatorSignature = consent(thief, staker, registration, MINIMUM);
        _refuse(
            registration, MINIMUM, abi.encodeWithSelector(Refusals.BlsKeyTaken.selector, compressed, alice.operator)
        );
    }

    function test_a_proof_for_anothers_registration_is_none() public {
        // Alice's proof is seen before it is mined, and tried for another operator.
        Person memory thief = person(2);
        ISequencerRegistry.Registration memory registration = registrationOf(thief, staker, MINIMUM);
        registration.blsKey = blsKeyOf(alice.operator, alice.blsSecret);
        registration.operatorSignature = consent(thief, staker, registration, MINIMUM);
        bytes memory compressed = Bls12381.compress(registration.blsKey.publicKey);
        _refuse(
            registration,
            MINIMUM,
            abi.encodeWithSelector(Refusals.InvalidPossession.selector, thief.operator, compressed)
        );
        _register(registrationOf(alice, staker, MINIMUM), MINIMUM);
    }

    function test_a_proof_for_another_registry_or_chain_is_none() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, alice.blsSecret);
        registry = deploy(address(0), defaults());
        _refusePossession(key);

        key = blsKeyOf(alice.operator, alice.blsSecret);
        vm.chainId(999);
        _refusePossession(key);
    }

    function test_a_vote_is_no_proof_of_possession() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, alice.blsSecret);
        bytes memory message = registry.possessionMessage(alice.operator, key.publicKey);
        key.possession = BlsSigner.sign(alice.blsSecret, message, BlsSigner.SIGNATURE);
        _refusePossession(key);
    }

    function test_a_rogue_key_cannot_be_proven() public {
        // Another's key, and a proof by one's own.
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, alice.blsSecret);
        bytes memory message = registry.possessionMessage(alice.operator, key.publicKey);
        key.possession = BlsSigner.sign(alice.blsSecret + 1, message, BlsSigner.POSSESSION);
        _refusePossession(key);
    }

    function test_points_at_infinity_prove_nothing() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, alice.blsSecret);
        _refusePossession(ISequencerRegistry.BlsKey(new bytes(128), new bytes(256)));
        _refusePossession(ISequencerRegistry.BlsKey(key.publicKey, new bytes(256)));
        _refusePossession(ISequencerRegistry.BlsKey(new bytes(128), key.possession));
    }

    function test_points_off_the_curve_prove_nothing() public {
        ISequencerRegistry.BlsKey memory key = blsKeyOf(alice.operator, alice.blsSecret);
        key.publicKey[63] ^= 0x01;
        _refusePossession(key);
        key = blsKeyOf(alice.operator, alice.blsSecret);
        key.possession[63] ^= 0x01;
        _refusePossession(key);
    }

    function testFuzz_points_have_their_length(uint256 keyBytes, uint256 proofBytes) public {
        keyBytes = bound(keyBytes, 0, 300);
        proofBytes = bound(proofBytes, 0, 300);
        vm.assume(keyBytes != 128 || proofBytes != 256);
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        registration.blsKey = ISequencerRegistry.BlsKey(new bytes(keyBytes), new bytes(proofBytes));
        registration.operatorSignature = consent(alice, staker, registration, MINIMUM);
        _refuse(registration, MINIMUM, abi.encodeWithSelector(Refusals.InvalidBlsLength.selector, keyBytes, proofBytes));
    }

    // Hints and payout

    function test_two_operators_may_name_one_peer_id() public {
        // It is a hint that proves nothing, so that taking another's keeps nobody out.
        _register(registrationOf(alice, staker, MINIMUM), MINIMUM);
        _register(registrationOf(person(2), staker, MINIMUM), MINIMUM);
        vm.assertEq(registry.currentSet().length, 2, "members");
    }

    function test_hints_are_bounded() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        registration.peerId = "";
        _refuse(registration, MINIMUM, abi.encodeWithSelector(Refusals.InvalidHintLength.selector, "peerId", 0, 64));
        registration.peerId = string(_letters(65));
        _refuse(registration, MINIMUM, abi.encodeWithSelector(Refusals.InvalidHintLength.selector, "peerId", 65, 64));
        registration.peerId = string(_letters(64));
        registration.multiaddr = string(_letters(257));
        _refuse(
            registration, MINIMUM, abi.encodeWithSelector(Refusals.InvalidHintLength.selector, "multiaddr", 257, 256)
        );
        registration.multiaddr = string(_letters(256));
        registration.operatorSignature = consent(alice, staker, registration, MINIMUM);
        _register(registration, MINIMUM);
    }

    function testFuzz_hints_are_printable(bytes1 letter, uint256 place) public {
        place = bound(place, 0, 49);
        bool printable = letter > 0x20 && letter < 0x7f;
        bytes memory text = _letters(50);
        text[place] = letter;
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        registration.multiaddr = string(text);
        registration.operatorSignature = consent(alice, staker, registration, MINIMUM);
        if (printable) {
            _register(registration, MINIMUM);
        } else {
            _refuse(
                registration,
                MINIMUM,
                abi.encodeWithSelector(Refusals.InvalidHintCharacter.selector, "multiaddr", place)
            );
        }
    }

    function test_the_payout_can_be_paid() public {
        ISequencerRegistry.Registration memory registration = registrationOf(alice, staker, MINIMUM);
        registration.payout = address(0);
        _refuse(registration, MINIMUM, abi.encodeWithSelector(Refusals.InvalidPayout.selector, address(0)));
        registration.payout = address(registry);
        _refuse(registration, MINIMUM, abi.encodeWithSelector(Refusals.InvalidPayout.selector, address(registry)));
    }

    function _letters(uint256 count) private pure returns (bytes memory text) {
        text = new bytes(count);
        for (uint256 i = 0; i < count; ++i) {
            text[i] = "a";
        }
    }

    function _register(ISequencerRegistry.Registration memory registration, uint256 amount) private {
        vm.prank(staker);
        registry.register{value: amount}(registration, amount);
    }

    function _refuse(ISequencerRegistry.Registration memory registration, uint256 amount, bytes memory refusal)
        private
    {
        vm.expectRevert(refusal);
        vm.prank(staker);
        registry.register{value: amount}(registration, amount);
    }

    function _refusePossession(ISequencerRegistry.BlsKey memory key) private {
        ISequencerRegistry.Registration memory registration = ISequencerRegistry.Registration({
            operator: alice.operator,
            payout: payout,
            blsKey: key,
            peerId: PEER_ID,
            multiaddr: MULTIADDR,
            operatorSignature: ""
        });
        registration.operatorSignature = consent(alice, staker, registration, MINIMUM);
        _refuse(
            registration,
            MINIMUM,
            abi.encodeWithSelector(
                Refusals.InvalidPossession.selector, alice.operator, Bls12381.compress(key.publicKey)
            )
        );
    }
}
