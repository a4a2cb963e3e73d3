// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../src/Bls12381.sol";
import {BlsSigner} from "./support/BlsSigner.sol";
import {Test} from "./support/Test.sol";
import {VmPrecompiles} from "./support/VmPrecompiles.sol";

/// @title The library by calls, so that what it refuses can be expected
contract Bls12381Caller {
    function verify(bytes memory key, bytes memory message, bytes memory signature, bytes memory dst)
        external
        view
        returns (bool)
    {
        return Bls12381.verify(key, message, signature, dst);
    }

    function addKeys(bytes memory keys) external view returns (bytes memory) {
        return Bls12381.addKeys(keys);
    }

    function compress(bytes memory key) external pure returns (bytes memory) {
        return Bls12381.compress(key);
    }

    function hashToG2(bytes memory message, bytes memory dst) external view returns (bytes memory) {
        return Bls12381.hashToG2(message, dst);
    }
}

contract Bls12381Test is Test {
    bytes private constant SUITE = BlsSigner.SIGNATURE;
    bytes private constant MESSAGE = "a message";

    /// The order of the groups.
    uint256 private constant ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    /// The prime of the field.
    bytes private constant PRIME =
        hex"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    /// Points of the curves outside the subgroups: the first x from 1 on that has a y.
    bytes private constant OUTSIDE_G1 = hex"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004"
        hex"000000000000000000000000000000000a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e928483446346b8ed00e1de5d5ea93e354abe706c";
    bytes private constant OUTSIDE_G2 = hex"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002"
        hex"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        hex"0000000000000000000000000000000018c6b864ae17dc9da64203ffefb966306425a7bc6aeb7c75247438372716284a4173830420cd476ba1a365b95bfcec38"
        hex"00000000000000000000000000000000172e93db764a8400a7d5071b6b6f5de0da2f0f4a063119abca014006b7c40a2cfe291a1924e65db0d6d0fcfbf3bf3d5c";

    Bls12381Caller private caller = new Bls12381Caller();

    /// RFC 9380, appendix J.10.1.
    function test_hashingFollowsTheStandard() public view {
        _isHashed(
            "",
            hex"0141ebfbdca40eb85b87142e130ab689c673cf60f1a3e98d69335266f30d9b8d4ac44c1038e9dcdd5393faf5c41fb78a",
            hex"05cb8437535e20ecffaef7752baddf98034139c38452458baeefab379ba13dff5bf5dd71b72418717047f5b0f37da03d",
            hex"0503921d7f6a12805e72940b963c0cf3471c7b2a524950ca195d11062ee75ec076daf2d4bc358c4b190c0c98064fdd92",
            hex"12424ac32561493f3fe3c260708a12b7c620e7be00099a974e259ddc7d1f6395c3c811cdd19f1e8dbf3e9ecfdcbab8d6"
        );
        _isHashed(
            "abc",
            hex"02c2d18e033b960562aae3cab37a27ce00d80ccd5ba4b7fe0e7a210245129dbec7780ccc7954725f4168aff2787776e6",
            hex"139cddbccdc5e91b9623efd38c49f81a6f83f175e80b06fc374de9eb4b41dfe4ca3a230ed250fbe3a2acf73a41177fd8",
            hex"1787327b68159716a37440985269cf584bcb1e621d3a7202be6ea05c4cfe244aeb197642555a0645fb87bf7466b2ba48",
            hex"00aa65dae3c8d732d10ecd2c50f8a1baf3001578f71c694e03866e9f3d49ac1e1ce70dd94a733534f106d4cec0eddd16"
        );
        _isHashed(
            "abcdef0123456789",
            hex"121982811d2491fde9ba7ed31ef9ca474f0e1501297f68c298e9f4c0028add35aea8bb83d53c08cfc007c1e005723cd0",
            hex"190d119345b94fbd15497bcba94ecf7db2cbfd1e1fe7da034d26cbba169fb3968288b3fafb265f9ebd380512a71c3f2c",
            hex"05571a0f8d3c08d094576981f4a3b8eda0a8e771fcdcc8ecceaf1356a6acf17574518acb506e435b639353c2e14827c8",
            hex"0bb5e7572275c567462d91807de765611490205a941a5a6af3b1691bfe596c31225d3aabdf15faff860cb4ef17c7c3be"
        );
        _isHashed(
            bytes.concat("q128_", _repeat("q", 128)),
            hex"19a84dd7248a1066f737cc34502ee5555bd3c19f2ecdb3c7d9e24dc65d4e25e50d83f0f77105e955d78f4762d33c17da",
            hex"0934aba516a52d8ae479939a91998299c76d39cc0c035cd18813bec433f587e2d7a4fef038260eef0cef4d02aae3eb91",
            hex"14f81cd421617428bc3b9fe25afbb751d934a00493524bc4e065635b0555084dd54679df1536101b2c979c0152d09192",
            hex"09bcccfa036b4847c9950780733633f13619994394c23ff0b32fa6b795844f4a0673e20282d07bc69641cee04f5e5662"
        );
        _isHashed(
            bytes.concat("a512_", _repeat("a", 512)),
            hex"01a6ba2f9a11fa5598b2d8ace0fbe0a0eacb65deceb476fbbcb64fd24557c2f4b18ecfc5663e54ae16a84f5ab7f62534",
            hex"11fca2ff525572795a801eed17eb12785887c7b63fb77a42be46ce4a34131d71f7a73e95fee3f812aea3de78b4d01569",
            hex"0b6798718c8aed24bc19cb27f866f1c9effcdbf92397ad6448b5c9db90d2b9da6cbabf48adc1adf59a1a28344e79d57e",
            hex"03a47f8e6d1763ba0cad63d6114c0accbef65707825a511b251a660a9b3994249ae4e63fac38b23da0c398689ee2ab52"
        );
    }

    function test_aDomainOfTheLargestLengthIsTaken() public view {
        vm.assertEq(caller.hashToG2(MESSAGE, new bytes(255)).length, 256, "length");
    }

    function test_refusesLongerDomains() public {
        vm.expectRevert(abi.encodeWithSelector(Bls12381.DomainTooLong.selector, 256));
        caller.hashToG2(MESSAGE, new bytes(256));
    }

    function testFuzz_whatAKeySignsIsVerified(uint256 secret, bytes memory message, bytes32 dst) public view {
        secret = bound(secret, 1, 1 << 254);
        bytes memory domain = abi.encodePacked(dst);
        bytes memory signature = BlsSigner.sign(secret, message, domain);
        bytes memory key = BlsSigner.publicKey(secret);
        vm.assertTrue(caller.verify(key, message, signature, domain), "refused");
        vm.assertFalse(caller.verify(key, bytes.concat(message, hex"00"), signature, domain), "another message");
        vm.assertFalse(caller.verify(key, message, signature, bytes.concat(domain, hex"00")), "another domain");
        vm.assertFalse(caller.verify(BlsSigner.publicKey(secret + 1), message, signature, domain), "another key");
        bytes memory other = BlsSigner.sign(secret + 1, message, domain);
        vm.assertFalse(caller.verify(key, message, other, domain), "another signature");
    }

    function testFuzz_aChangedByteIsNoSignature(uint256 index, uint8 change) public view {
        bytes memory signature = BlsSigner.sign(7, MESSAGE, SUITE);
        index = bound(index, 0, signature.length - 1);
        signature[index] ^= bytes1(change | 1);
        vm.assertFalse(caller.verify(BlsSigner.publicKey(7), MESSAGE, signature, SUITE), "accepted");
    }

    function test_infinitySignsNothing() public view {
        bytes memory signature = BlsSigner.sign(7, MESSAGE, SUITE);
        vm.assertFalse(caller.verify(new bytes(128), MESSAGE, new bytes(256), SUITE), "both");
        vm.assertFalse(caller.verify(new bytes(128), MESSAGE, signature, SUITE), "key");
        vm.assertFalse(caller.verify(BlsSigner.publicKey(7), MESSAGE, new bytes(256), SUITE), "signature");
    }

    function test_refusesOtherLengths() public view {
        bytes memory key = BlsSigner.publicKey(7);
        bytes memory signature = BlsSigner.sign(7, MESSAGE, SUITE);
        vm.assertFalse(caller.verify(bytes.concat(key, hex"00"), MESSAGE, signature, SUITE), "long key");
        vm.assertFalse(caller.verify(_firstOf(key, 96), MESSAGE, signature, SUITE), "short key");
        vm.assertFalse(caller.verify(key, MESSAGE, bytes.concat(signature, hex"00"), SUITE), "long signature");
        vm.assertFalse(caller.verify(key, MESSAGE, _firstOf(signature, 192), SUITE), "short signature");
        vm.assertFalse(caller.verify("", MESSAGE, "", SUITE), "nothing");
    }

    function test_refusesPointsOutsideTheGroups() public view {
        // They are points of the curves: adding them up is no error.
        _call(address(0x0b), bytes.concat(OUTSIDE_G1, OUTSIDE_G1));
        _call(address(0x0d), bytes.concat(OUTSIDE_G2, OUTSIDE_G2));
        bytes memory signature = BlsSigner.sign(7, MESSAGE, SUITE);
        vm.assertFalse(caller.verify(OUTSIDE_G1, MESSAGE, signature, SUITE), "key");
        vm.assertFalse(caller.verify(BlsSigner.publicKey(7), MESSAGE, OUTSIDE_G2, SUITE), "signature");
        bytes memory sum = caller.addKeys(bytes.concat(BlsSigner.publicKey(7), OUTSIDE_G1));
        vm.assertFalse(caller.verify(sum, MESSAGE, signature, SUITE), "sum");
    }

    function testFuzz_keysAddUp(uint128 one, uint128 two, uint128 three) public view {
        uint256[3] memory secrets = [uint256(one) + 1, uint256(two) + 1, uint256(three) + 1];
        bytes memory keys = bytes.concat(
            BlsSigner.publicKey(secrets[0]), BlsSigner.publicKey(secrets[1]), BlsSigner.publicKey(secrets[2])
        );
        bytes memory sum = BlsSigner.publicKey(secrets[0] + secrets[1] + secrets[2]);
        vm.assertEq(caller.addKeys(keys), sum, "three");
        vm.assertEq(caller.addKeys(_firstOf(keys, 128)), BlsSigner.publicKey(secrets[0]), "one");
    }

    function test_keysThatCancelAddUpToNothingThatSigns() public view {
        bytes memory key = BlsSigner.publicKey(7);
        bytes memory negative = BlsSigner.publicKey(ORDER - 7);
        bytes memory sum = caller.addKeys(bytes.concat(key, negative));
        vm.assertEq(sum, new bytes(128), "sum");
        vm.assertFalse(caller.verify(sum, MESSAGE, new bytes(256), SUITE), "accepted");
    }

    function test_refusesToAddWhatIsNoKey() public {
        bytes memory key = BlsSigner.publicKey(7);
        vm.expectRevert(abi.encodeWithSelector(Bls12381.NoKeys.selector));
        caller.addKeys("");
        vm.expectRevert(abi.encodeWithSelector(Bls12381.InvalidPoint.selector));
        caller.addKeys(bytes.concat(key, hex"00"));
        bytes memory offCurve = bytes.concat(key, key);
        offCurve[255] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(Bls12381.PrecompileFailed.selector, address(0x0b)));
        caller.addKeys(offCurve);
    }

    /// The generator's y is in the lower half.
    function test_compression() public view {
        bytes memory generator = BlsSigner.publicKey(1);
        bytes memory negative = BlsSigner.publicKey(ORDER - 1);
        bytes memory x = _slice(generator, 16, 48);
        x[0] |= 0x80;
        vm.assertEq(caller.compress(generator), x, "generator");
        x[0] |= 0x20;
        vm.assertEq(caller.compress(negative), x, "negative");
        bytes memory infinity = new bytes(48);
        infinity[0] = 0xc0;
        vm.assertEq(caller.compress(new bytes(128)), infinity, "infinity");
    }

    function testFuzz_aKeyAndItsNegativeDifferInOneBit(uint256 secret) public view {
        secret = bound(secret, 1, ORDER - 1);
        bytes memory key = caller.compress(BlsSigner.publicKey(secret));
        bytes memory negative = caller.compress(BlsSigner.publicKey(ORDER - secret));
        vm.assertEq(uint256(uint8(key[0] ^ negative[0])), 0x20, "bits");
        negative[0] ^= 0x20;
        vm.assertEq(key, negative, "rest");
    }

    function test_refusesToCompressWhatIsNoPoint() public {
        bytes memory key = BlsSigner.publicKey(7);
        vm.expectRevert(abi.encodeWithSelector(Bls12381.InvalidPoint.selector));
        caller.compress(_firstOf(key, 96));
        bytes memory coordinate = bytes.concat(new bytes(16), PRIME);
        vm.expectRevert(abi.encodeWithSelector(Bls12381.InvalidPoint.selector));
        caller.compress(bytes.concat(coordinate, _slice(key, 64, 64)));
        vm.expectRevert(abi.encodeWithSelector(Bls12381.InvalidPoint.selector));
        caller.compress(bytes.concat(_slice(key, 0, 64), coordinate));
        // A flag in place of a zero would come out as if it had been set here.
        key[16] |= 0x20;
        vm.expectRevert(abi.encodeWithSelector(Bls12381.InvalidPoint.selector));
        caller.compress(key);
    }

    /// As on a chain before Prague.
    function test_missingPrecompilesAreNoticed() public {
        bytes memory key = BlsSigner.publicKey(7);
        bytes memory signature = BlsSigner.sign(7, MESSAGE, SUITE);
        VmPrecompiles precompiles = VmPrecompiles(address(vm));
        precompiles.mockCall(address(0x0f), "", "");
        vm.expectRevert(abi.encodeWithSelector(Bls12381.PrecompileFailed.selector, address(0x0f)));
        caller.verify(key, MESSAGE, signature, SUITE);
        precompiles.mockCall(address(0x11), "", "");
        vm.expectRevert(abi.encodeWithSelector(Bls12381.PrecompileFailed.selector, address(0x11)));
        caller.verify(key, MESSAGE, signature, SUITE);
        precompiles.mockCall(address(0x0b), "", "");
        vm.expectRevert(abi.encodeWithSelector(Bls12381.PrecompileFailed.selector, address(0x0b)));
        caller.addKeys(bytes.concat(key, key));
    }

    /// Why keys are added one by one: the multiplication by ones costs several times as much.
    function test_addingIsCheaperThanMultiplying() public view {
        bytes memory keys;
        bytes memory terms;
        for (uint256 secret = 1; secret <= 67; ++secret) {
            bytes memory key = BlsSigner.publicKey(secret);
            keys = bytes.concat(keys, key);
            terms = bytes.concat(terms, key, bytes32(uint256(1)));
        }
        uint256 before = gasleft();
        bytes memory sum = Bls12381.addKeys(keys);
        uint256 adding = before - gasleft();
        before = gasleft();
        bytes memory product = _call(address(0x0c), terms);
        uint256 multiplying = before - gasleft();
        vm.assertEq(sum, product, "sum");
        vm.assertGt(multiplying, 5 * adding, "gas");
    }

    function _isHashed(
        bytes memory message,
        bytes memory xReal,
        bytes memory xImaginary,
        bytes memory yReal,
        bytes memory yImaginary
    ) private view {
        bytes memory zeros = new bytes(16);
        bytes memory x = bytes.concat(zeros, xReal, zeros, xImaginary);
        bytes memory y = bytes.concat(zeros, yReal, zeros, yImaginary);
        bytes memory hashed = caller.hashToG2(message, "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_");
        vm.assertEq(hashed, bytes.concat(x, y), "hash");
    }

    function _call(address precompile, bytes memory input) private view returns (bytes memory) {
        (bool success, bytes memory output) = precompile.staticcall(input);
        vm.assertTrue(success && output.length != 0, "the precompile failed");
        return output;
    }

    function _repeat(bytes1 letter, uint256 count) private pure returns (bytes memory text) {
        text = new bytes(count);
        for (uint256 index = 0; index < count; ++index) {
            text[index] = letter;
        }
    }

    function _firstOf(bytes memory whole, uint256 length) private pure returns (bytes memory) {
        return _slice(whole, 0, length);
    }

    function _slice(bytes memory whole, uint256 start, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 index = 0; index < length; ++index) {
            part[index] = whole[start + index];
        }
    }
}
