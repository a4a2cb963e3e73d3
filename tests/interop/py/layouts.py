"""Every message of docs/wire.md, in the order and under the names of that page."""

from codec import Bytes, Choice, Fixed, Flag, Number, Option, Pair, Sequence, Structure, Text

MAX_MEMBERS = 1024
u32, u64, flag = Number(32), Number(64), Flag()
address, hash32, signature = Fixed(20), Fixed(32), Fixed(65)
bls_key, bls_signature = Fixed(48), Fixed(96)


def signed(message):
    return Structure(message=message, signature=signature)


def endorsed(content):
    return Structure(content=content, signature=signature)


def names(*all_names):
    return Choice(dict.fromkeys(all_names))


block_ref = Structure(height=u64, hash=hash32)
position = Structure(era=u64, term=u64, epoch=u64)
seal = Structure(era=u64, term=u64, height=u64, hash=hash32)
proposal = Structure(era=u64, term=u64, epoch=u64, height=u64, hash=hash32)

skip_reason = names("silent", "behind", "late", "invalid", "jailed", "left", "equivocated")
announcement = Structure(
    era=u64,
    term=u64,
    epoch=u64,
    leader=address,
    first=u64,
    last=u64,
    parent=hash32,
    previous=hash32,
    skipped=Sequence(Structure(sequencer=address, reason=skip_reason), MAX_MEMBERS),
)

checkpoint_ref = Structure(position=Structure(era=u64, term=u64, round=u64), hash=hash32)
checkpoint = Structure(
    era=u64,
    term=u64,
    round=u64,
    head=block_ref,
    stateRoot=hash32,
    parent=checkpoint_ref,
    setRoot=hash32,
    anchor=Structure(number=u64, hash=hash32),
    nextSetRoot=Option(hash32),
)
quorum_certificate = Structure(checkpoint=checkpoint, signers=Bytes(), signature=bls_signature)
finality_proof = Structure(checkpoint=checkpoint, child=quorum_certificate)
vote = Structure(era=u64, term=u64, round=u64, checkpoint=hash32)
cast_vote = Structure(vote=vote, signature=bls_signature)

report = Structure(
    era=u64, term=u64, certified=checkpoint_ref, head=Structure(term=u64, block=block_ref), signed=block_ref
)
cause = names("no-seal", "no-certificate", "equivocation", "invalid", "planned", "resigned", "unfair", "joined")
term_change = Structure(report=report, vote=bls_signature, cause=cause, sentAt=u64)
term_certificate = Structure(
    era=u64,
    term=u64,
    reports=Sequence(Structure(report=report, signers=Bytes()), MAX_MEMBERS),
    signature=bls_signature,
    highest=Option(quorum_certificate),
)

sequencer = Structure(address=address, blsPublicKey=bls_key, weight=Fixed(32), peerId=Text(64))
set_change = Structure(
    proof=finality_proof,
    members=Sequence(sequencer, MAX_MEMBERS),
    priorities=Sequence(Structure(address=address, priority=Fixed(64)), MAX_MEMBERS),
)

ballot = Structure(vote=vote, signature=bls_signature)
evidence = Choice(
    {
        "announcement": Pair(signed(announcement)),
        "block": Pair(signed(proposal)),
        "seal": Pair(signed(seal)),
        "checkpoint": Pair(signed(checkpoint)),
        "vote": Structure(signer=address, votes=Pair(ballot)),
    }
)

signed_block = Structure(block=Bytes(), signature=signature)
compact_block = Structure(
    header=Bytes(), signature=signature, transactions=Sequence(Choice({"hash": hash32, "whole": Bytes()}), 65536)
)
transactions = Sequence(Bytes(), 16384)
term_request = Structure(change=signed(term_change), certificate=Option(quorum_certificate))
proposed_checkpoint = Structure(checkpoint=signed(checkpoint), parent=Option(quorum_certificate))
certified_checkpoint = Structure(certificate=quorum_certificate, parent=Option(checkpoint))
heartbeat = Structure(era=u64, term=u64, height=u64, head=hash32, sentAt=u64, version=Text(32))
sequencer_record = Structure(peerId=Text(64), addresses=Sequence(Text(256), 8), sequence=u64)

# Kind of gossip: layout and cap.
GOSSIP = {
    "heartbeat": (signed(heartbeat), 512),
    "schedule": (Structure(announcement=signed(announcement), certificate=Option(term_certificate)), 640 << 10),
    "block": (compact_block, 8 << 20),
    "seal": (signed(seal), 512),
    "term-change": (endorsed(term_request), 1 << 10),
    "certificate": (endorsed(term_certificate), 512 << 10),
    "checkpoint": (endorsed(proposed_checkpoint), 1 << 10),
    "vote": (signed(cast_vote), 512),
    "quorum": (endorsed(certified_checkpoint), 1 << 10),
    "evidence": (endorsed(evidence), 64 << 10),
    "set-change": (endorsed(set_change), 512 << 10),
    "sequencer-record": (signed(sequencer_record), 4 << 10),
    "transactions": (transactions, 1 << 20),
}

segment = Structure(
    certificates=Sequence(term_certificate, 4096),
    announcements=Sequence(signed(announcement), 4096),
    blocks=Sequence(Structure(block=signed_block, seal=signed(seal)), 128),
    finality=Option(finality_proof),
    change=Option(set_change),
)
status = Structure(
    version=u32,
    chainId=u64,
    genesisHash=hash32,
    head=block_ref,
    finalized=u64,
    earliest=u64,
    era=u64,
    term=u64,
    epoch=u64,
    agent=Text(64),
)
branch = Structure(
    certificates=Sequence(term_certificate, 4096),
    announcements=Sequence(signed(announcement), 4096),
    blocks=Sequence(Structure(block=signed_block, seal=Option(signed(seal))), 64),
)
hashes = Structure(hashes=Sequence(hash32, 16384))
found = Structure(transactions=Sequence(Bytes(), 16384))
header_proof = Structure(headers=Sequence(Bytes(), 1024), finality=Option(finality_proof))
trie_range = Structure(leaves=Sequence(Structure(key=Bytes(), value=Bytes()), 16384), proof=Sequence(Bytes(), 16384), more=flag)
piece = Choice(
    {
        "accounts": hash32,
        "storage": Structure(tries=Sequence(Structure(account=hash32, root=hash32), 256), **{"from": hash32}),
        "code": Sequence(hash32, 64),
    }
)
chunk = Choice(
    {
        "unavailable": None,
        "accounts": trie_range,
        "storage": Sequence(trie_range, 256),
        "code": Sequence(Bytes(), 64),
    }
)
submission = Choice({"accepted": None, "refused": Text(256)})
received = Structure(count=u32, refused=Sequence(u32, 16384))

# Protocol: layout and cap of the request, of the response.
PROTOCOLS = {
    "status": ((status, 1 << 10), (status, 1 << 10)),
    "blocks-by-range": ((Structure(**{"from": u64, "count": u32, "known": position}), 128), (segment, 16 << 20)),
    "submit-block": ((signed_block, 8 << 20), (submission, 1 << 10)),
    "submit-vote": ((signed(cast_vote), 512), (submission, 1 << 10)),
    "sequencer-records": ((Structure(), 16), (Sequence(signed(sequencer_record), 1024), 3 << 20)),
    "push-transactions": ((transactions, 1 << 20), (received, 64 << 10)),
    "transactions-by-hash": ((hashes, 1 << 20), (found, 8 << 20)),
    "blocks-by-hash": ((Structure(hash=hash32, count=u32), 64), (branch, 16 << 20)),
    "set-changes": (
        (Structure(**{"from": u64, "count": u32}), 64),
        (Structure(changes=Sequence(set_change, 256), finality=Option(finality_proof)), 2 << 20),
    ),
    "headers": (
        (Choice({"proof": hash32, "below": Structure(block=block_ref, count=u32)}), 128),
        (header_proof, 2 << 20),
    ),
    "snapshot-offers": ((Structure(), 16), (Structure(offers=Sequence(header_proof, 8)), 1 << 20)),
    "snapshot-chunk": ((Structure(block=block_ref, part=piece), 32 << 10), (chunk, 2 << 20)),
}
