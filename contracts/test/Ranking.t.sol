// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../src/ISequencerRegistry.sol";
import {Ranking} from "../src/Ranking.sol";
import {NaiveRanking} from "./support/NaiveRanking.sol";
import {RegistryTest} from "./support/RegistryTest.sol";

/// @title Who is in the set
contract RankingTest is RegistryTest {
    function testFuzz_the_best_are_those_of_a_naive_ranking(uint256 seed, uint256 count, uint256 most, uint256 spread)
        public
        pure
    {
        count = bound(count, 0, 40);
        most = bound(most, 1, 45);
        // From all equal to all different; ties are rare among large numbers.
        spread = spread % 2 == 0 ? bound(spread, 1, 10) : bound(spread, 1, type(uint256).max);
        Ranking.Candidate[] memory candidates = new Ranking.Candidate[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            candidates[i] = Ranking.Candidate(address(uint160(drawn)), uint256(keccak256(abi.encode(drawn))) % spread);
        }
        _assertRanked(candidates, most);
    }

    function testFuzz_the_order_of_registration_does_not_matter(uint256[12] memory stakes, uint256 most) public pure {
        Ranking.Candidate[] memory forwards = new Ranking.Candidate[](12);
        Ranking.Candidate[] memory backwards = new Ranking.Candidate[](12);
        for (uint256 i = 0; i < 12; ++i) {
            forwards[i] = Ranking.Candidate(address(uint160(i + 1)), stakes[i] % 4);
            backwards[11 - i] = forwards[i];
        }
        most = bound(most, 1, 12);
        bytes32 expected = keccak256(abi.encode(NaiveRanking.best(forwards, most)));
        vm.assertEq(keccak256(abi.encode(Ranking.best(forwards, most))), expected, "forwards");
        vm.assertEq(keccak256(abi.encode(Ranking.best(backwards, most))), expected, "backwards");
    }

    function test_of_equal_stakes_the_lower_address_is_in() public {
        _limitTo(2, MINIMUM);
        address[4] memory equals;
        for (uint256 i = 0; i < 4; ++i) {
            equals[i] = join(i, MINIMUM).operator;
        }
        ISequencerRegistry.Member[] memory members = registry.currentSet();
        for (uint256 i = 0; i < 4; ++i) {
            uint256 lower = 0;
            for (uint256 j = 0; j < 4; ++j) {
                if (equals[j] < equals[i]) ++lower;
            }
            vm.assertTrue(_isMember(equals[i]) == (lower < 2), "the two lowest");
        }
        vm.assertTrue(members[0].operator < members[1].operator, "in order");
    }

    function testFuzz_the_set_is_that_of_a_naive_ranking(uint256[6] memory stakes, uint32 most) public {
        most = uint32(bound(most, 1, 7));
        ISequencerRegistry.Parameters memory parameters = defaults();
        parameters.minimumStake = 1;
        parameters.maxMembers = most;
        registry = deploy(address(0), parameters);
        Ranking.Candidate[] memory candidates = new Ranking.Candidate[](6);
        for (uint256 i = 0; i < 6; ++i) {
            uint256 stake = bound(stakes[i], 1, type(uint256).max / 6);
            candidates[i] = Ranking.Candidate(join(i, stake).operator, stake);
        }
        Ranking.Candidate[] memory expected = NaiveRanking.best(candidates, most);
        ISequencerRegistry.Member[] memory members = registry.currentSet();
        vm.assertEq(members.length, expected.length, "members");
        for (uint256 i = 0; i < members.length; ++i) {
            vm.assertEq(members[i].operator, expected[i].operator, "operator");
            vm.assertEq(members[i].stake, expected[i].stake, "stake");
            ISequencerRegistry.Operator memory entry = registry.getOperator(members[i].operator);
            vm.assertEq(members[i].blsPublicKey, entry.blsPublicKey, "BLS key");
            vm.assertEq(members[i].peerId, entry.peerId, "peer id");
            vm.assertEq(members[i].multiaddr, entry.multiaddr, "multiaddr");
        }
    }

    function test_stakes_are_not_wrapped() public {
        // In 64 bits these would be 1, 2 and 3, the other way around.
        _limitTo(1, 1);
        join(1, (3 << 64) + 1);
        join(2, (2 << 64) + 2);
        join(3, (1 << 64) + 3);
        vm.assertEq(registry.currentSet()[0].operator, person(1).operator, "the most stake");
        join(4, (1 << 128) - 1);
        join(5, 1 << 128);
        vm.assertEq(registry.currentSet()[0].operator, person(5).operator, "the most stake");
    }

    function test_a_wei_counts() public {
        _limitTo(2, MINIMUM);
        join(1, MINIMUM + 1);
        join(2, MINIMUM);
        address richer = join(3, MINIMUM + 2).operator;
        ISequencerRegistry.Member[] memory members = registry.currentSet();
        vm.assertEq(members.length, 2, "members");
        // In full: no unit is cut off.
        for (uint256 i = 0; i < 2; ++i) {
            uint256 more = members[i].operator == richer ? 2 : 1;
            vm.assertEq(members[i].stake, MINIMUM + more, "stake");
        }
    }

    function test_the_smallest_stakes_keep_their_weight() public {
        _limitTo(100, 1);
        join(1, 1);
        join(2, 1);
        ISequencerRegistry.Member[] memory members = registry.currentSet();
        vm.assertEq(members.length, 2, "members");
        vm.assertEq(members[0].stake + members[1].stake, 2, "weight");
    }

    function test_an_empty_set_is_empty() public {
        vm.assertEq(registry.currentSet().length, 0, "nobody yet");
        address operator = join(1, MINIMUM).operator;
        startLeaving(operator);
        vm.assertEq(registry.currentSet().length, 0, "nobody any more");
    }

    function test_at_the_limit_one_registers_and_waits() public {
        _limitTo(2, MINIMUM);
        address first = join(1, MINIMUM + 1).operator;
        address second = join(2, MINIMUM + 1).operator;
        address waiting = join(3, MINIMUM).operator;
        vm.assertTrue(_isMember(first) && _isMember(second) && !_isMember(waiting), "waiting");
        // A place is free.
        startLeaving(first);
        vm.assertTrue(!_isMember(first) && _isMember(second) && _isMember(waiting), "in");
        // Somebody pays more.
        address third = join(4, MINIMUM + 1).operator;
        vm.assertTrue(_isMember(third) && !_isMember(waiting), "out again");
        vm.deal(address(this), 2);
        registry.addStake{value: 2}(waiting, 2);
        vm.assertTrue(_isMember(waiting), "in again");
        vm.assertEq(registry.currentSet().length, 2, "members");
    }

    function _limitTo(uint32 members, uint256 minimum) private {
        ISequencerRegistry.Parameters memory parameters = defaults();
        parameters.maxMembers = members;
        parameters.minimumStake = minimum;
        registry = deploy(address(0), parameters);
    }

    function _isMember(address operator) private view returns (bool) {
        ISequencerRegistry.Member[] memory members = registry.currentSet();
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i].operator == operator) return true;
        }
        return false;
    }

    function _assertRanked(Ranking.Candidate[] memory candidates, uint256 most) private pure {
        Ranking.Candidate[] memory expected = NaiveRanking.best(candidates, most);
        Ranking.Candidate[] memory ranked = Ranking.best(candidates, most);
        vm.assertEq(keccak256(abi.encode(ranked)), keccak256(abi.encode(expected)), "same set");
    }
}
