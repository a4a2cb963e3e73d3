// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The cheat of forge that replaces a precompile
interface VmPrecompiles {
    function mockCall(address callee, bytes calldata data, bytes calldata result) external;
}
