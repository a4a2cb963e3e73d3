// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CheckpointVerifier} from "../src/CheckpointVerifier.sol";
import {ICheckpointVerifier} from "../src/ICheckpointVerifier.sol";
import {EncodingCaller} from "./support/EncodingCaller.sol";
import {FinalityVectors} from "./support/FinalityVectors.sol";
import {Test} from "./support/Test.sol";

contract CheckpointVerifierTest is Test, FinalityVectors {
    EncodingCaller private caller = new EncodingCaller();
    string private chain;
    CheckpointVerifier private verifier;

    function setUp() public {
        chain = chainOf("4");
        verifier = verifierOf(chain);
    }

    function test_beginsWithGenesis() public view {
        ICheckpointVerifier.Accepted memory latest = verifier.latest();
        vm.assertEq(latest.blockHash, genesisHash(chain), "block");
        vm.assertEq(latest.checkpointHash, genesisHash(chain), "checkpoint");
        vm.assertEq(latest.height, 0, "height");
        vm.assertEq(latest.stateRoot, 0, "state root");
        vm.assertTrue(verifier.isFinal(0, genesisHash(chain)), "genesis is not final");
        vm.assertEq(verifier.era(), 0, "era");
        vm.assertEq(verifier.setRoot(), setRoot(chain, "0"), "set root");
        vm.assertEq(verifier.l2ChainId(), chainId(chain), "chain id");
        vm.assertEq(verifier.genesisHash(), genesisHash(chain), "genesis hash");
    }

    function test_refusesAChainWithoutGenesis() public {
        vm.expectRevert(abi.encodeWithSelector(ICheckpointVerifier.NoGenesis.selector));
        new CheckpointVerifier(1, 0, bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(ICheckpointVerifier.NoGenesis.selector));
        new CheckpointVerifier(1, bytes32(uint256(1)), 0);
    }

    function test_acceptsFinalityProofs() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        ICheckpointVerifier.BlockReference memory head = proof.checkpoint.head;
        vm.assertFalse(verifier.isFinal(head.height, head.hash), "final before");
        vm.expectEmit(address(verifier));
        emit ICheckpointVerifier.CheckpointAccepted(head.height, head.hash, proof.checkpoint.stateRoot, 0, 1, 1);
        verifier.submit(proof);
        _isLatest(proof.checkpoint);
        vm.assertTrue(verifier.isFinal(head.height, head.hash), "not final");
        vm.assertFalse(verifier.isFinal(head.height + 1, head.hash), "final elsewhere");
        vm.assertFalse(verifier.isFinal(head.height, ~head.hash), "another is final");
        vm.assertFalse(verifier.isFinal(head.height + 1, 0), "nothing is final");

        verifier.submit(_proof("retried"));
        verifier.submit(_proof("nextTerm"));
        _isLatest(_proof("nextTerm").checkpoint);
        vm.assertTrue(verifier.isFinal(head.height, head.hash), "forgotten");
        vm.assertEq(verifier.era(), 0, "era");
    }

    function test_proofsMayBeLeftOut() public {
        verifier.submit(_proof("nextTerm"));
        _isLatest(_proof("nextTerm").checkpoint);
    }

    function test_followsSetChanges() public {
        ICheckpointVerifier.FinalityProof memory closing = _proof("closing");
        ICheckpointVerifier.FinalityProof memory opening = proofOf(chain, "1", "opening");
        verifier.submit(_proof("nextTerm"));
        _refuses(opening, abi.encodeWithSelector(ICheckpointVerifier.WrongEra.selector, 0, 1));

        vm.expectEmit(address(verifier));
        emit ICheckpointVerifier.CheckpointAccepted(
            closing.checkpoint.head.height, closing.checkpoint.head.hash, closing.checkpoint.stateRoot, 0, 2, 3
        );
        vm.expectEmit(address(verifier));
        emit ICheckpointVerifier.SetChanged(1, setRoot(chain, "1"));
        verifier.submit(closing);
        vm.assertEq(verifier.era(), 1, "era");
        vm.assertEq(verifier.setRoot(), setRoot(chain, "1"), "set root");
        _refuses(closing, abi.encodeWithSelector(ICheckpointVerifier.AlreadyAccepted.selector, _hash(closing)));

        verifier.submit(opening);
        _isLatest(opening.checkpoint);
        vm.assertEq(verifier.era(), 1, "era");
    }

    /// The set of an era that ended decides nothing more.
    function test_refusesTheFormerSet() public {
        verifier.submit(_proof("closing"));
        ICheckpointVerifier.FinalityProof memory proof = _proof("closing");
        proof.checkpoint.position.term = 9;
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.WrongEra.selector, 1, 0));

        ICheckpointVerifier.FinalityProof memory opening = proofOf(chain, "1", "opening");
        opening.members = membersOf(chain, "0");
        _refuses(
            opening,
            abi.encodeWithSelector(ICheckpointVerifier.WrongMembers.selector, setRoot(chain, "1"), setRoot(chain, "0"))
        );
    }

    function test_setsOfFiftyAndAHundred() public {
        string[2] memory sizes = ["50", "100"];
        for (uint256 index = 0; index < 2; ++index) {
            string memory large = chainOf(sizes[index]);
            verifier = verifierOf(large);
            verifier.submit(proofOf(large, "0", "first"));
            verifier.submit(proofOf(large, "0", "closing"));
            verifier.submit(proofOf(large, "1", "opening"));
            vm.assertEq(verifier.era(), 1, "era");
            vm.assertEq(verifier.latest().height, 70_001, "height");
        }
    }

    function test_saysWhatIsAccepted() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        verifier.submit(proof);
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.AlreadyAccepted.selector, _hash(proof)));
        verifier.submit(_proof("nextTerm"));
        _refuses(
            proof, abi.encodeWithSelector(ICheckpointVerifier.Older.selector, ICheckpointVerifier.Position(0, 2, 1))
        );
    }

    function test_neverContradictsItself() public {
        verifier.submit(_proof("first"));
        ICheckpointVerifier.FinalityProof memory other = _proof("conflictAtPosition");
        bytes32 accepted = _hash(_proof("first"));
        _refuses(other, abi.encodeWithSelector(ICheckpointVerifier.Contradicts.selector, accepted, _hash(other)));

        verifier.submit(_proof("retried"));
        other = _proof("conflictAtHeight");
        accepted = _proof("retried").checkpoint.head.hash;
        _refuses(
            other,
            abi.encodeWithSelector(ICheckpointVerifier.Contradicts.selector, accepted, other.checkpoint.head.hash)
        );
        _refuses(_proof("wayBack"), abi.encodeWithSelector(ICheckpointVerifier.BelowLatest.selector, 2, 1));
    }

    /// The proofs that it refuses for what it knows are good: to one that knows nothing yet.
    function test_whatContradictsIsOtherwiseGood() public {
        string[3] memory names = ["conflictAtPosition", "conflictAtHeight", "wayBack"];
        for (uint256 index = 0; index < names.length; ++index) {
            verifierOf(chain).submit(_proof(names[index]));
        }
    }

    function test_genesisIsAtItsHeight() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.checkpoint.head.height = 0;
        bytes memory reason = abi.encodeWithSelector(
            ICheckpointVerifier.Contradicts.selector, genesisHash(chain), proof.checkpoint.head.hash
        );
        _refuses(proof, reason);
        proof.checkpoint.position = ICheckpointVerifier.Position(0, 0, 0);
        reason = abi.encodeWithSelector(ICheckpointVerifier.Contradicts.selector, genesisHash(chain), _hash(proof));
        _refuses(proof, reason);
    }

    /// A quorum signed each of these children.
    function test_refusesChildrenThatMakeNothingFinal() public {
        bytes memory notDirect = abi.encodeWithSelector(ICheckpointVerifier.NotDirect.selector);
        _refuses(_proof("skippedRound"), notDirect);
        _refuses(_proof("acrossTerms"), notDirect);
        _refuses(_proof("notParent"), abi.encodeWithSelector(ICheckpointVerifier.NotParent.selector));
        bytes memory notRepeated = abi.encodeWithSelector(ICheckpointVerifier.SetChangeNotRepeated.selector);
        _refuses(_proof("changeNotRepeated"), notRepeated);
        _refuses(_proof("anchorNotRepeated"), notRepeated);
        bytes memory wrongSet =
            abi.encodeWithSelector(ICheckpointVerifier.WrongSet.selector, setRoot(chain, "0"), setRoot(chain, "1"));
        _refuses(_proof("foreignSet"), wrongSet);
    }

    function test_refusesASetChangeThatIsRepeatedInPart() public {
        for (uint256 field = 0; field < 5; ++field) {
            ICheckpointVerifier.FinalityProof memory proof = _proof("closing");
            if (field == 0) proof.child.head.height += 1;
            if (field == 1) proof.child.head.hash = ~proof.child.head.hash;
            if (field == 2) proof.child.anchor.number += 1;
            if (field == 3) proof.child.anchor.hash = ~proof.child.anchor.hash;
            if (field == 4) proof.child.nextSetRoot = ~proof.child.nextSetRoot;
            _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.SetChangeNotRepeated.selector));
        }
    }

    function test_refusesAParentOfAnotherPosition() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.child.parent.position.round = 2;
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.NotParent.selector));
    }

    function test_refusesACheckpointOfAnotherEra() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.checkpoint.position.era = 1;
        proof.child.parent = ICheckpointVerifier.CheckpointReference(proof.checkpoint.position, _hash(proof));
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.WrongEra.selector, 0, 1));
    }

    function test_refusesAChildOfAnotherEra() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.child.position.era = 1;
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.WrongEra.selector, 0, 1));
    }

    function test_refusesTermZero() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.checkpoint.position.term = 0;
        proof.child.position.term = 0;
        proof.child.parent = ICheckpointVerifier.CheckpointReference(proof.checkpoint.position, _hash(proof));
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.NoPosition.selector));
    }

    function test_theLastRoundHasNoNext() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.checkpoint.position.round = type(uint64).max;
        proof.child.position.round = 0;
        proof.child.parent = ICheckpointVerifier.CheckpointReference(proof.checkpoint.position, _hash(proof));
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.NotDirect.selector));
    }

    function test_refusesOtherMembers() public {
        for (uint256 field = 0; field < 8; ++field) {
            ICheckpointVerifier.FinalityProof memory proof = _proof("first");
            ICheckpointVerifier.Member[] memory members = proof.members;
            if (field == 0) members[0].operator = address(1);
            if (field == 1) members[0].weight += 1;
            if (field == 2) members[0].priority[1] = bytes32(uint256(1));
            if (field == 3) members[0].peerId = string.concat(members[0].peerId, "1");
            if (field == 4) members[0].publicKey = members[1].publicKey;
            if (field == 5) (members[0], members[1]) = (members[1], members[0]);
            if (field == 6) proof.members = _without(members, 3);
            if (field == 7) proof.members = new ICheckpointVerifier.Member[](0);
            bytes32 root = caller.root(proof.members);
            bytes memory reason =
                abi.encodeWithSelector(ICheckpointVerifier.WrongMembers.selector, setRoot(chain, "0"), root);
            _refuses(proof, reason);
        }
    }

    function test_refusesOtherBitmaps() public {
        bytes[4] memory bitmaps = [bytes(""), hex"0f00", hex"1f", hex"8f"];
        for (uint256 index = 0; index < bitmaps.length; ++index) {
            ICheckpointVerifier.FinalityProof memory long = _proof("first");
            long.signers = bitmaps[index];
            _refuses(long, abi.encodeWithSelector(ICheckpointVerifier.SignersLength.selector));
        }
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.signers = hex"00";
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.NoSigners.selector));
        // Everyone is a quorum, but not everyone signed.
        proof.signers = hex"0f";
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.WrongSignature.selector));
    }

    /// The members weigh 1, 2, 3 and 3.
    function test_refusesExactlyTwoThirds() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        uint8 signers;
        for (uint256 index = 0; index < proof.members.length; ++index) {
            // forge-lint: disable-next-line(incorrect-shift)
            if (proof.members[index].weight == 3 ether) signers |= uint8(1 << index);
        }
        proof.signers = abi.encodePacked(signers);
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.NoQuorum.selector, 6 ether, 9 ether));
    }

    function test_refusesForgedSignatures() public {
        bytes memory wrongSignature = abi.encodeWithSelector(ICheckpointVerifier.WrongSignature.selector);
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.signature = _proof("retried").signature;
        _refuses(proof, wrongSignature);
        bytes32[8] memory infinity;
        proof.signature = infinity;
        _refuses(proof, wrongSignature);
    }

    /// The votes are for a child with another state.
    function test_refusesAChildThatNobodyVotedFor() public {
        ICheckpointVerifier.FinalityProof memory proof = _proof("first");
        proof.child.stateRoot = ~proof.child.stateRoot;
        _refuses(proof, abi.encodeWithSelector(ICheckpointVerifier.WrongSignature.selector));
    }

    function test_refusesVotesForOtherChains() public {
        bytes memory wrongSignature = abi.encodeWithSelector(ICheckpointVerifier.WrongSignature.selector);
        verifier = new CheckpointVerifier(chainId(chain) + 1, genesisHash(chain), setRoot(chain, "0"));
        _refuses(_proof("first"), wrongSignature);
        verifier = new CheckpointVerifier(chainId(chain), ~genesisHash(chain), setRoot(chain, "0"));
        _refuses(_proof("first"), wrongSignature);
    }

    /// What is accepted with a changed byte means the same: it was one of padding, or of a coordinate that nobody needs.
    function testFuzz_aChangedByteIsRefused(uint256 index, uint8 change) public {
        _isRefusedIfItMatters("first", index, change);
    }

    function testFuzz_aChangedByteOfAClosingProofIsRefused(uint256 index, uint8 change) public {
        _isRefusedIfItMatters("closing", index, change);
    }

    function _isRefusedIfItMatters(string memory name, uint256 index, uint8 change) private {
        bytes memory arguments = abi.encode(_proof(name));
        bytes memory changed = bytes.concat(arguments);
        index = bound(index, 0, changed.length - 1);
        changed[index] ^= bytes1(change == 0 ? 1 : change);
        (bool success,) =
            address(verifier).call{gas: 30_000_000}(bytes.concat(ICheckpointVerifier.submit.selector, changed));
        if (!success) return;
        vm.assertEq(caller.meaning(changed), caller.meaning(arguments), "another proof was accepted");
        _isLatest(_proof(name).checkpoint);
    }

    function _proof(string memory name) private view returns (ICheckpointVerifier.FinalityProof memory) {
        return proofOf(chain, "0", name);
    }

    function _hash(ICheckpointVerifier.FinalityProof memory proof) private view returns (bytes32) {
        return caller.hash(proof.checkpoint);
    }

    function _refuses(ICheckpointVerifier.FinalityProof memory proof, bytes memory reason) private {
        vm.expectRevert(reason);
        verifier.submit(proof);
    }

    function _isLatest(ICheckpointVerifier.Checkpoint memory checkpoint) private view {
        ICheckpointVerifier.Accepted memory latest = verifier.latest();
        ICheckpointVerifier.Accepted memory expected = ICheckpointVerifier.Accepted(
            checkpoint.position,
            checkpoint.head.height,
            checkpoint.head.hash,
            checkpoint.stateRoot,
            caller.hash(checkpoint)
        );
        vm.assertEq(abi.encode(latest), abi.encode(expected), "latest");
    }

    function _without(ICheckpointVerifier.Member[] memory members, uint256 last)
        private
        pure
        returns (ICheckpointVerifier.Member[] memory fewer)
    {
        fewer = new ICheckpointVerifier.Member[](last);
        for (uint256 index = 0; index < last; ++index) {
            fewer[index] = members[index];
        }
    }
}
