// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who is in the set
/// @notice The most stake first, of equals the lower address; compared in full 256 bits.
library Ranking {
    /// @notice Somebody who may be in the set.
    struct Candidate {
        address operator;
        uint256 stake;
    }

    /// @notice The `most` best of the candidates, sorted by address. Uses up the array that it is given.
    /// @dev A heap of those kept, the worst place its root: n candidates cost n log `most`, whatever their order is.
    function best(Candidate[] memory candidates, uint256 most) internal pure returns (Candidate[] memory) {
        uint256 count = candidates.length;
        uint256 kept = count < most ? count : most;
        if (kept == 0) return new Candidate[](0);
        _heapify(candidates, kept, _isWorse);
        for (uint256 i = kept; i < count; ++i) {
            if (_isWorse(candidates[0], candidates[i])) {
                candidates[0] = candidates[i];
                _siftDown(candidates, 0, kept, _isWorse);
            }
        }
        // The kept ones are in front; the rest is cut off.
        assembly ("memory-safe") {
            mstore(candidates, kept)
        }
        _sortByAddress(candidates);
        return candidates;
    }

    /// @dev Heapsort.
    function _sortByAddress(Candidate[] memory candidates) private pure {
        _heapify(candidates, candidates.length, _isHigher);
        for (uint256 end = candidates.length - 1; end > 0; --end) {
            (candidates[0], candidates[end]) = (candidates[end], candidates[0]);
            _siftDown(candidates, 0, end, _isHigher);
        }
    }

    function _isWorse(Candidate memory one, Candidate memory other) private pure returns (bool) {
        return one.stake < other.stake || (one.stake == other.stake && one.operator > other.operator);
    }

    function _isHigher(Candidate memory one, Candidate memory other) private pure returns (bool) {
        return one.operator > other.operator;
    }

    /// @dev Makes the first `size` a heap in which none is above its parent.
    function _heapify(
        Candidate[] memory heap,
        uint256 size,
        function(Candidate memory, Candidate memory) pure returns (bool) isAbove
    ) private pure {
        for (uint256 place = size / 2; place > 0; --place) {
            _siftDown(heap, place - 1, size, isAbove);
        }
    }

    /// @dev Moves the one at `place` down to where it belongs.
    function _siftDown(
        Candidate[] memory heap,
        uint256 place,
        uint256 size,
        function(Candidate memory, Candidate memory) pure returns (bool) isAbove
    ) private pure {
        Candidate memory moved = heap[place];
        while (true) {
            uint256 child = 2 * place + 1;
            if (child >= size) break;
            if (child + 1 < size && isAbove(heap[child + 1], heap[child])) ++child;
            if (!isAbove(heap[child], moved)) break;
            heap[place] = heap[child];
            place = child;
        }
        heap[place] = moved;
    }
}
