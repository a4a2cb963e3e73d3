// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "../../src/ISequencerRegistry.sol";
import {SequencerRegistry} from "../../src/SequencerRegistry.sol";
import {BlsSigner} from "./BlsSigner.sol";
import {Messages} from "./Messages.sol";
import {Test} from "./Test.sol";

/// @title A registry, and people who stake
abstract contract RegistryTest is Test {
    /// @dev An operator's two keys.
    struct Person {
        address operator;
        uint256 secret;
        uint256 blsSecret;
    }

    uint64 internal constant L2_CHAIN = 7;
    bytes32 internal constant GENESIS = 0x0707070707070707070707070707070707070707070707070707070707070707;
    uint256 internal constant MINIMUM = 32 ether;
    uint64 internal constant UNBONDING = 7 days;
    uint64 internal constant ROTATION = 1 days;
    uint64 internal constant TIMELOCK = 14 days;
    uint256 internal constant NOW = 1_800_000_000;

    string internal constant PEER_ID = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    string internal constant MULTIADDR = "/dns4/node.example.org/tcp/4001";

    address internal immutable governor = address(0x60BE);
    address internal immutable staker = address(0x57A);
    address internal immutable payout = address(0xBA1);
    address internal immutable reporter = address(0x4E9);
    address internal immutable stranger = address(0x5742);

    SequencerRegistry internal registry;

    function setUp() public virtual {
        vm.warp(NOW);
        vm.roll(21_000_000);
        registry = deploy(address(0), defaults());
        vm.prank(governor);
        registry.activate(GENESIS);
    }

    function defaults() internal pure returns (ISequencerRegistry.Parameters memory) {
        return ISequencerRegistry.Parameters({
            minimumStake: MINIMUM,
            maxMembers: 100,
            unbondingDelay: UNBONDING,
            rotationDelay: ROTATION,
            slashBasisPoints: 5000,
            rewardBasisPoints: 1000
        });
    }

    /// @dev Not by `new`, for which each test contract would compile the registry again.
    function deploy(address token, ISequencerRegistry.Parameters memory parameters)
        internal
        returns (SequencerRegistry)
    {
        bytes memory arguments = abi.encode(governor, token, L2_CHAIN, parameters, TIMELOCK);
        return SequencerRegistry(vm.deployCode("SequencerRegistry.sol:SequencerRegistry", arguments));
    }

    function person(uint256 number) internal pure returns (Person memory) {
        uint256 secret = uint256(keccak256(abi.encode("operator", number))) >> 1;
        return Person(vm.addr(secret), secret, uint256(keccak256(abi.encode("BLS", number))));
    }

    /// @dev Both keys sign; from here on the person waits to be registered by `registrar`.
    function registrationOf(Person memory who, address registrar, uint256 amount)
        internal
        view
        returns (ISequencerRegistry.Registration memory registration)
    {
        registration = ISequencerRegistry.Registration({
            operator: who.operator,
            payout: payout,
            blsKey: blsKeyOf(who.operator, who.blsSecret),
            peerId: PEER_ID,
            multiaddr: MULTIADDR,
            operatorSignature: ""
        });
        registration.operatorSignature = consent(who, registrar, registration, amount);
    }

    function consent(
        Person memory who,
        address registrar,
        ISequencerRegistry.Registration memory registration,
        uint256 amount
    ) internal view returns (bytes memory) {
        return ecdsa(who.secret, registry.registrationDigest(registrar, registration, amount));
    }

    function ecdsa(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The key, and the proof that its holder is this operator.
    function blsKeyOf(address operator, uint256 secret) internal view returns (ISequencerRegistry.BlsKey memory) {
        bytes memory publicKey = BlsSigner.publicKey(secret);
        bytes memory message = registry.possessionMessage(operator, publicKey);
        return ISequencerRegistry.BlsKey(publicKey, BlsSigner.sign(secret, message, BlsSigner.POSSESSION));
    }

    /// @dev Registers person `number` with this stake of the native token.
    function join(uint256 number, uint256 amount) internal returns (Person memory who) {
        who = person(number);
        ISequencerRegistry.Registration memory registration = registrationOf(who, staker, amount);
        vm.deal(staker, amount);
        vm.prank(staker);
        registry.register{value: amount}(registration, amount);
    }

    function startLeaving(address operator) internal {
        vm.prank(operator);
        registry.requestExit(operator);
    }

    function context() internal pure returns (Messages.Context memory) {
        return Messages.Context(L2_CHAIN, GENESIS);
    }

    function position(uint64 place) internal pure returns (Messages.Position memory) {
        return Messages.Position({era: 0, term: 3, place: place, height: 300});
    }

    /// @dev Two messages of this kind for one place.
    function evidenceOf(Person memory who, ISequencerRegistry.FaultKind kind, uint64 place)
        internal
        view
        returns (ISequencerRegistry.Evidence memory)
    {
        bytes memory one = Messages.preimage(context(), kind, position(place), keccak256("one"));
        bytes memory other = Messages.preimage(context(), kind, position(place), keccak256("other"));
        return signed(who, kind, one, other);
    }

    /// @dev Two preimages, signed by the key that signs this kind.
    function signed(Person memory who, ISequencerRegistry.FaultKind kind, bytes memory one, bytes memory other)
        internal
        view
        returns (ISequencerRegistry.Evidence memory evidence)
    {
        evidence.kind = kind;
        evidence.operator = who.operator;
        evidence.preimages = [one, other];
        for (uint256 half = 0; half < 2; ++half) {
            bytes32 digest = keccak256(evidence.preimages[half]);
            evidence.signatures[half] = kind == ISequencerRegistry.FaultKind.Vote
                ? BlsSigner.sign(who.blsSecret, abi.encodePacked(digest), BlsSigner.SIGNATURE)
                : ecdsa(who.secret, digest);
        }
        if (kind == ISequencerRegistry.FaultKind.Vote) evidence.blsPublicKey = BlsSigner.publicKey(who.blsSecret);
    }

    /// @dev The name that the nodes give a fault.
    function faultOf(address operator, string memory kind, Messages.Position memory taken)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(operator, kind, taken.era, taken.term, taken.place, taken.height));
    }

    function slash(ISequencerRegistry.Evidence memory evidence) internal {
        vm.prank(reporter);
        registry.slash(evidence);
    }
}
