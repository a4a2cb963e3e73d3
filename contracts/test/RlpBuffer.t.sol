// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {RlpBuffer} from "../src/RlpBuffer.sol";
import {Test} from "./support/Test.sol";

/// @title Written in one go is what is put together of pieces
contract RlpBufferTest is Test {
    using RlpBuffer for uint256;

    function testFuzz_numbers(uint256 value, uint8 shift) public pure {
        _isNumber(value >> shift);
    }

    function test_numbersAroundEachLength() public pure {
        _isNumber(0);
        _isNumber(type(uint256).max);
        for (uint256 bits = 7; bits < 256; ++bits) {
            _isNumber((1 << bits) - 1);
            _isNumber(1 << bits);
        }
    }

    function testFuzz_texts(string calldata text) public pure {
        _isText(text);
    }

    function test_textsAroundEachLength() public view {
        uint256[9] memory lengths = [uint256(0), 1, 2, 55, 56, 255, 256, 257, 65_536];
        for (uint256 index = 0; index < lengths.length; ++index) {
            this.isText(string(new bytes(lengths[index])));
        }
        this.isText("\x7f");
        this.isText(string(abi.encodePacked(bytes1(0x80))));
    }

    function testFuzz_lists(string calldata text, uint256 value) public pure {
        uint256 length = RlpBuffer.lengthOfText(text) + value.lengthOfNumber();
        uint256 start = RlpBuffer.reserve(length.withHeader());
        uint256 end = start.putHeader(RlpBuffer.LIST, length).putText(text).putNumber(value);
        vm.assertEq(end - start, length.withHeader(), "length");
        bytes[] memory items = new bytes[](2);
        (items[0], items[1]) = (RLP.encode(text), RLP.encode(value));
        vm.assertEq(start.hash(end), keccak256(RLP.encode(items)), "bytes");
    }

    function isText(string calldata text) external pure {
        _isText(text);
    }

    function _isNumber(uint256 value) private pure {
        uint256 start = RlpBuffer.reserve(value.lengthOfNumber());
        uint256 end = start.putNumber(value);
        vm.assertEq(end - start, value.lengthOfNumber(), "length");
        vm.assertEq(start.hash(end), keccak256(RLP.encode(value)), "bytes");
    }

    function _isText(string calldata text) private pure {
        uint256 start = RlpBuffer.reserve(RlpBuffer.lengthOfText(text));
        uint256 end = start.putText(text);
        vm.assertEq(end - start, RlpBuffer.lengthOfText(text), "length");
        vm.assertEq(start.hash(end), keccak256(RLP.encode(text)), "bytes");
    }
}
