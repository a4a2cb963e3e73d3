// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICheckpointVerifier} from "../src/ICheckpointVerifier.sol";
import {EncodingCaller} from "./support/EncodingCaller.sol";
import {FinalityVectors} from "./support/FinalityVectors.sol";
import {Test} from "./support/Test.sol";

/// @title What the contract hashes is what the nodes hash
contract CheckpointEncodingTest is Test, FinalityVectors {
    EncodingCaller private caller = new EncodingCaller();

    function test_setsOfFour() public view {
        _setsAreNamedAsByTheNodes("4");
    }

    function test_setsOfFifty() public view {
        _setsAreNamedAsByTheNodes("50");
    }

    function test_setsOfAHundred() public view {
        _setsAreNamedAsByTheNodes("100");
    }

    function test_checkpointsAndVotes() public view {
        string memory chain = chainOf("4");
        string[4] memory names = ["first", "retried", "nextTerm", "closing"];
        for (uint256 index = 0; index < names.length; ++index) {
            _checkpointsAreHashedAsByTheNodes(chain, "0", names[index]);
        }
        _checkpointsAreHashedAsByTheNodes(chain, "1", "opening");
    }

    /// The priorities of a later era are negative for newcomers: two's complement.
    function test_vectorsHavePrioritiesOfBothSigns() public view {
        ICheckpointVerifier.Member[] memory members = membersOf(chainOf("4"), "1");
        uint256 negative;
        uint256 positive;
        for (uint256 index = 0; index < members.length; ++index) {
            bytes32[2] memory priority = members[index].priority;
            if (uint256(priority[0]) >> 255 == 1) ++negative;
            else if (priority[1] != 0) ++positive;
        }
        vm.assertGt(negative, 0, "none is negative");
        vm.assertGt(positive, 0, "none is positive");
    }

    function testFuzz_everyFieldIsHashed(uint256 field, bytes32 change) public view {
        ICheckpointVerifier.Checkpoint memory checkpoint = vectorProof(chainOf("4"), "0", "closing").checkpoint;
        bytes32 before = caller.hash(checkpoint);
        bytes memory words = abi.encode(checkpoint);
        field = bound(field, 0, words.length / 32 - 1);
        // All numbers are of 64 bits.
        bytes32 word = bytes32((uint256(change) & type(uint64).max) | 1);
        assembly ("memory-safe") {
            let place := add(add(words, 0x20), mul(field, 0x20))
            mstore(place, xor(mload(place), word))
        }
        vm.assertTrue(caller.hash(abi.decode(words, (ICheckpointVerifier.Checkpoint))) != before, "the same");
    }

    function testFuzz_positionsAreOrderedByEraTermRound(
        ICheckpointVerifier.Position memory one,
        ICheckpointVerifier.Position memory two
    ) public view {
        bool expected = one.era < two.era || (one.era == two.era && one.term < two.term)
            || (one.era == two.era && one.term == two.term && one.round < two.round);
        vm.assertTrue(caller.isBefore(one, two) == expected, "order");
        two.era = one.era;
        vm.assertTrue(
            caller.isBefore(one, two) == (one.term < two.term || (one.term == two.term && one.round < two.round)),
            "order in an era"
        );
        two.term = one.term;
        vm.assertTrue(caller.isBefore(one, two) == (one.round < two.round), "order in a term");
    }

    function testFuzz_aQuorumIsMoreThanTwoThirds(uint256 weight, uint256 total) public view {
        weight = bound(weight, 0, total);
        // Both products in two words: 3 and 2 times a number of one.
        (uint256 leftHigh, uint256 left) = _times(weight, 3);
        (uint256 rightHigh, uint256 right) = _times(total, 2);
        bool expected = leftHigh > rightHigh || (leftHigh == rightHigh && left > right);
        vm.assertTrue(caller.isQuorum(weight, total) == expected, "quorum");
    }

    function test_exactlyTwoThirdsAreNoQuorum() public view {
        uint256 third = type(uint256).max / 3;
        vm.assertFalse(caller.isQuorum(2 * third, 3 * third), "two thirds of the most");
        vm.assertTrue(caller.isQuorum(2 * third + 1, 3 * third), "one more");
        vm.assertFalse(caller.isQuorum(2, 3), "two of three");
        vm.assertTrue(caller.isQuorum(3, 4), "three of four");
        vm.assertTrue(caller.isQuorum(1, 1), "one of one");
        vm.assertFalse(caller.isQuorum(0, 0), "none of none");
        vm.assertFalse(caller.isQuorum(0, type(uint256).max), "none of the most");
    }

    function _setsAreNamedAsByTheNodes(string memory size) private view {
        string memory chain = chainOf(size);
        string[2] memory eras = ["0", "1"];
        for (uint256 era = 0; era < 2; ++era) {
            vm.assertEq(caller.root(membersOf(chain, eras[era])), setRoot(chain, eras[era]), "set root");
            VectorMember[] memory vectors = vectorMembers(chain, eras[era]);
            for (uint256 index = 0; index < vectors.length; ++index) {
                vm.assertEq(caller.compress(vectors[index].publicKey), vectors[index].compressedKey, "compressed key");
            }
        }
    }

    function _checkpointsAreHashedAsByTheNodes(string memory chain, string memory era, string memory name)
        private
        view
    {
        VectorProof memory vector = vectorProof(chain, era, name);
        vm.assertEq(caller.hash(vector.checkpoint), vector.checkpointHash, "checkpoint");
        vm.assertEq(caller.hash(vector.child), vector.childHash, "child");
        bytes32 digest = caller.voteDigest(chainId(chain), genesisHash(chain), vector.child.position, vector.childHash);
        vm.assertEq(digest, vector.voteDigest, "vote");
    }

    function _times(uint256 value, uint256 factor) private pure returns (uint256 high, uint256 low) {
        unchecked {
            low = value * factor;
        }
        uint256 remainder = mulmod(value, factor, type(uint256).max);
        assembly ("memory-safe") {
            high := sub(sub(remainder, low), lt(remainder, low))
        }
    }
}
