// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CheckpointVerifier} from "../src/CheckpointVerifier.sol";
import {FinalityVectors} from "./support/FinalityVectors.sol";
import {Test} from "./support/Test.sol";

/// @title What a submission costs, by members of the set
/// @notice A test does nothing but call with arguments that lie ready, as the code of an account. What the call itself took
/// and what a transaction with it pays are logged.
contract CheckpointVerifierGasTest is Test, FinalityVectors {
    event Submission(string what, uint256 members, uint256 bytesOfCalldata, uint256 call, uint256 transaction);

    /// Where the arguments lie.
    address private constant NEXT = address(0xA1);
    address private constant CLOSING = address(0xA2);

    uint256 private constant SIZES = 3;

    CheckpointVerifier[SIZES] private verifiers;

    mapping(address place => uint256) private tokens;

    function setUp() public {
        string[SIZES] memory sizes = ["4", "50", "100"];
        for (uint256 index = 0; index < SIZES; ++index) {
            string memory chain = chainOf(sizes[index]);
            verifiers[index] = verifierOf(chain);
            // The first fills slots that later ones find filled.
            verifiers[index].submit(proofOf(chain, "0", "first"));
            _lay(NEXT, index, abi.encodeCall(CheckpointVerifier.submit, (proofOf(chain, "0", "nextTerm"))));
            _lay(CLOSING, index, abi.encodeCall(CheckpointVerifier.submit, (proofOf(chain, "0", "closing"))));
        }
    }

    function test_checkpointOf4Members() public {
        _submit("checkpoint", NEXT, 0, 4);
    }

    function test_checkpointOf50Members() public {
        _submit("checkpoint", NEXT, 1, 50);
    }

    function test_checkpointOf100Members() public {
        _submit("checkpoint", NEXT, 2, 100);
    }

    function test_setChangeOf4Members() public {
        _submit("set change", CLOSING, 0, 4);
    }

    function test_setChangeOf50Members() public {
        _submit("set change", CLOSING, 1, 50);
    }

    function test_setChangeOf100Members() public {
        _submit("set change", CLOSING, 2, 100);
    }

    function _lay(address place, uint256 index, bytes memory data) private {
        vm.etch(_at(place, index), data);
        uint256 count;
        for (uint256 offset = 0; offset < data.length; ++offset) {
            count += data[offset] == 0 ? 1 : 4;
        }
        tokens[_at(place, index)] = count;
    }

    function _submit(string memory what, address place, uint256 index, uint256 members) private {
        bytes memory data = _at(place, index).code;
        address verifier = address(verifiers[index]);
        uint256 before = gasleft();
        (bool success,) = verifier.call(data);
        uint256 used = before - gasleft();
        vm.assertTrue(success, "refused");
        emit Submission(what, members, data.length, used, _transaction(tokens[_at(place, index)], used));
    }

    /// The gas of a transaction with such calldata (EIP-7623): 21,000, and 4 a token and the execution, or 10 a token.
    function _transaction(uint256 count, uint256 execution) private pure returns (uint256) {
        uint256 standard = 4 * count + execution;
        return 21_000 + (standard > 10 * count ? standard : 10 * count);
    }

    function _at(address place, uint256 index) private pure returns (address) {
        return address(uint160(place) + uint160(index << 8));
    }
}
