// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ranking} from "../../src/Ranking.sol";

/// @title The set, by the words of its definition
library NaiveRanking {
    /// @notice A candidate is kept if fewer than `most` others come before it.
    function best(Ranking.Candidate[] memory candidates, uint256 most)
        internal
        pure
        returns (Ranking.Candidate[] memory kept)
    {
        kept = new Ranking.Candidate[](candidates.length < most ? candidates.length : most);
        uint256 found = 0;
        for (uint256 i = 0; i < candidates.length; ++i) {
            uint256 before = 0;
            for (uint256 j = 0; j < candidates.length; ++j) {
                if (_comesBefore(candidates[j], candidates[i])) ++before;
            }
            if (before < most) kept[found++] = candidates[i];
        }
        _sort(kept);
    }

    function _comesBefore(Ranking.Candidate memory one, Ranking.Candidate memory other) private pure returns (bool) {
        if (one.stake != other.stake) return one.stake > other.stake;
        return one.operator < other.operator;
    }

    function _sort(Ranking.Candidate[] memory kept) private pure {
        for (uint256 i = 0; i < kept.length; ++i) {
            for (uint256 j = i; j > 0 && kept[j].operator < kept[j - 1].operator; --j) {
                (kept[j], kept[j - 1]) = (kept[j - 1], kept[j]);
            }
        }
    }
}
