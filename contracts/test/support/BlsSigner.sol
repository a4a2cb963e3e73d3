// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../../src/Bls12381.sol";

/// @title BLS keys that sign
/// @notice By the multi-scalar multiplications of EIP-2537, so that tests need no stored signatures. That another
/// implementation makes the same is for `Vectors.t.sol`.
library BlsSigner {
    bytes internal constant POSSESSION = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    bytes internal constant SIGNATURE = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    /// @dev The order of the groups.
    uint256 private constant ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    bytes private constant GENERATOR =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";

    function publicKey(uint256 secret) internal view returns (bytes memory) {
        return _multiply(address(0x0c), GENERATOR, secret);
    }

    function sign(uint256 secret, bytes memory message, bytes memory suite) internal view returns (bytes memory) {
        return _multiply(address(0x0e), Bls12381.hashToG2(message, suite), secret);
    }

    function _multiply(address precompile, bytes memory point, uint256 secret) private view returns (bytes memory) {
        (bool success, bytes memory product) = precompile.staticcall(bytes.concat(point, bytes32(secret % ORDER)));
        require(success && product.length == point.length, "the precompile failed");
        return product;
    }
}
