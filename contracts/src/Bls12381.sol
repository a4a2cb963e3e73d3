// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";

/// @title BLS signatures on BLS12-381
/// @notice The minimal-public-key-size scheme of draft-irtf-cfrg-bls-signature-05: keys in G1, signatures in G2, messages
/// hashed to G2 by RFC 9380. The curve is left to the precompiles of EIP-2537, whose encoding of points is used throughout:
/// a coordinate is 64 bytes, big endian; a point of G1 has two (128 bytes), one of G2 has four (256 bytes, of each pair the
/// real part first); all zeros are the point at infinity.
/// @dev Works from the Prague fork on. Elsewhere the precompiles are empty accounts, whose silence is told from an answer
/// by its length.
library Bls12381 {
    /// @notice The length of a point of G1.
    uint256 internal constant PUBLIC_KEY_LENGTH = 128;

    /// @notice The length of a point of G2.
    uint256 internal constant SIGNATURE_LENGTH = 256;

    address private constant MODEXP = address(0x05);
    address private constant G1_ADD = address(0x0b);
    address private constant G2_ADD = address(0x0d);
    address private constant PAIRING_CHECK = address(0x0f);
    address private constant MAP_FP2_TO_G2 = address(0x11);

    /// The prime of the field, in two words.
    uint256 private constant PRIME_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant PRIME_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// Half of the prime, rounded down: of a root and its negative, one is above it.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// The negative of the generator of G1.
    bytes private constant NEGATIVE_GENERATOR = hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
        hex"00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";

    /// @notice A precompile failed on input that is right: too little gas, or a chain without it.
    error PrecompileFailed(address precompile);

    /// @notice The name of the domain is longer than RFC 9380 takes without hashing it first.
    error DomainTooLong(uint256 length);

    /// @notice A length or a coordinate that no point has.
    error InvalidPoint();

    /// @notice There is nothing to add up.
    error NoKeys();

    /// @notice Whether the holder of `publicKey` signed `message` under the ciphersuite `dst`.
    /// @dev e(key, hash) = e(generator, signature), as one product of two pairings that must be one. The precompile takes
    /// nothing but points of the curve in the right subgroups, both of the key and of the signature, so that neither needs
    /// another check here; it takes the points at infinity, which sign everything for everyone, and are refused before.
    /// Malformed points make it fail and burn the gas that it was given. False is also the answer to a call with so
    /// little gas that only the pairing ran out of it: do not let a caller gain by a false.
    function verify(bytes memory publicKey, bytes memory message, bytes memory signature, bytes memory dst)
        internal
        view
        returns (bool)
    {
        if (publicKey.length != PUBLIC_KEY_LENGTH || signature.length != SIGNATURE_LENGTH) return false;
        if (isZero(publicKey) || isZero(signature)) return false;
        bytes memory pairs = bytes.concat(publicKey, hashToG2(message, dst), NEGATIVE_GENERATOR, signature);
        (bool success, bytes memory result) = PAIRING_CHECK.staticcall(pairs);
        if (!success) return false;
        if (result.length != 32) revert PrecompileFailed(PAIRING_CHECK);
        return abi.decode(result, (uint256)) == 1;
    }

    /// @notice The sum of one or more points of G1, given end to end. Overwrites `publicKeys`.
    /// @dev The addition costs 375 gas a key, a multi-scalar multiplication by ones more than ten times as much. For that
    /// it checks that each point is on the curve, not that it is in the subgroup: every key must have been verified alone,
    /// with a proof of possession, when it entered the set, which rules out rogue keys as well. A sum of keys of the
    /// subgroup is one of it; the pairing checks the sum again, not its parts.
    function addKeys(bytes memory publicKeys) internal view returns (bytes memory) {
        uint256 length = publicKeys.length;
        if (length == 0) revert NoKeys();
        if (length % PUBLIC_KEY_LENGTH != 0) revert InvalidPoint();
        // Each step reads the sum so far and the key behind it, and writes their sum over the key: nothing is copied.
        address precompile = G1_ADD;
        uint256 place;
        assembly ("memory-safe") {
            place := add(publicKeys, 0x20)
        }
        for (uint256 added = PUBLIC_KEY_LENGTH; added < length; added += PUBLIC_KEY_LENGTH) {
            uint256 next = place + PUBLIC_KEY_LENGTH;
            bool success;
            // What is written last runs first: the call, and then the look at what it returned.
            assembly ("memory-safe") {
                success := and(eq(returndatasize(), 128), staticcall(gas(), precompile, place, 256, next, 128))
            }
            if (!success) revert PrecompileFailed(precompile);
            place = next;
        }
        return Bytes.slice(publicKeys, length - PUBLIC_KEY_LENGTH);
    }

    /// @notice The 48 bytes by which nodes and genesis files write a key: the x coordinate, with three flags in the bits
    /// that it leaves free (compressed, infinity, y in the upper half), as Zcash introduced them.
    /// @dev Whether the curve has this point is not checked here. If it has, no other point has this compressed form.
    function compress(bytes memory publicKey) internal pure returns (bytes memory) {
        if (publicKey.length != PUBLIC_KEY_LENGTH) revert InvalidPoint();
        (uint256 xHigh, uint256 xLow, uint256 yHigh, uint256 yLow) =
            abi.decode(publicKey, (uint256, uint256, uint256, uint256));
        (uint256 high, uint256 low) = compressWords(xHigh, xLow, yHigh, yLow);
        // forge-lint: disable-next-line(unsafe-typecast)
        return abi.encodePacked(uint128(high), low);
    }

    /// @notice As `compress`, by the words of the key: the first 16 bytes, and the other 32.
    function compressWords(uint256 xHigh, uint256 xLow, uint256 yHigh, uint256 yLow)
        internal
        pure
        returns (uint256 high, uint256 low)
    {
        if (!_below(xHigh, xLow, PRIME_HIGH, PRIME_LOW) || !_below(yHigh, yLow, PRIME_HIGH, PRIME_LOW)) {
            revert InvalidPoint();
        }
        uint256 flags = 0x80;
        if ((xHigh | xLow | yHigh | yLow) == 0) flags |= 0x40;
        if (_below(HALF_HIGH, HALF_LOW, yHigh, yLow)) flags |= 0x20;
        return (xHigh | (flags << 120), xLow);
    }

    /// @notice hash_to_curve of RFC 9380 for the suite BLS12381G2_XMD:SHA-256_SSWU_RO_, where `dst` separates domains.
    /// @dev The precompile clears the cofactor of each of the two points, the RFC that of their sum. Clearing is a
    /// multiplication, so that the sum is the same.
    function hashToG2(bytes memory message, bytes memory dst) internal view returns (bytes memory) {
        bytes32[8] memory uniform = _expandMessage(message, dst);
        return _call(
            G2_ADD,
            bytes.concat(
                _mapToG2(bytes.concat(_reduce(uniform[0], uniform[1]), _reduce(uniform[2], uniform[3]))),
                _mapToG2(bytes.concat(_reduce(uniform[4], uniform[5]), _reduce(uniform[6], uniform[7])))
            ),
            SIGNATURE_LENGTH
        );
    }

    /// @notice Whether all bytes are zero: the point at infinity.
    function isZero(bytes memory point) internal pure returns (bool) {
        return keccak256(point) == keccak256(new bytes(point.length));
    }

    /// expand_message_xmd (RFC 9380, section 5.3.1) with SHA-256, for the 256 bytes that make two elements of the quadratic
    /// field.
    function _expandMessage(bytes memory message, bytes memory dst) private pure returns (bytes32[8] memory uniform) {
        if (dst.length > 255) revert DomainTooLong(dst.length);
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes memory suffix = bytes.concat(dst, bytes1(uint8(dst.length)));
        // A block of zeros, the message, the 256 bytes that are wanted, and the number 0 of this hash.
        bytes32 seed = sha256(bytes.concat(new bytes(64), message, bytes3(0x010000), suffix));
        bytes32 previous;
        for (uint8 index = 0; index < 8; ++index) {
            previous = sha256(bytes.concat(seed ^ previous, bytes1(index + 1), suffix));
            uniform[index] = previous;
        }
    }

    /// 64 bytes as an element of the field. The excess of 131 bits makes it as good as uniform.
    function _reduce(bytes32 high, bytes32 low) private view returns (bytes memory) {
        // The lengths of base, exponent and modulus; then the three: the base to the power of one.
        bytes memory lengths = abi.encode(64, 1, 64);
        return _call(MODEXP, abi.encodePacked(lengths, high, low, uint8(1), PRIME_HIGH, PRIME_LOW), 64);
    }

    function _mapToG2(bytes memory element) private view returns (bytes memory) {
        return _call(MAP_FP2_TO_G2, element, SIGNATURE_LENGTH);
    }

    /// Calls a precompile with input that is right.
    function _call(address precompile, bytes memory input, uint256 outputLength) private view returns (bytes memory) {
        (bool success, bytes memory output) = precompile.staticcall(input);
        if (!success || output.length != outputLength) revert PrecompileFailed(precompile);
        return output;
    }

    /// Whether the first of two numbers of two words is the lower one.
    function _below(uint256 high, uint256 low, uint256 otherHigh, uint256 otherLow) private pure returns (bool) {
        return high < otherHigh || (high == otherHigh && low < otherLow);
    }
}
