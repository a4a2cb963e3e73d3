"""What is signed, and what identifies things."""

from dataclasses import dataclass
from typing import Any

from coincurve import PublicKey
from Crypto.Hash import keccak

from codec import Malformed

SKIP_REASONS = ["silent", "behind", "late", "invalid", "jailed", "left", "equivocated"]
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True)
class Chain:
    id: int
    genesis: str

    @property
    def prefix(self) -> str:
        return f"/baton/{self.id}/{self.genesis[2:10]}"


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def unhexed(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def rlp(value: Any) -> bytes:
    """RLP of nested lists of bytes and numbers."""
    if isinstance(value, list):
        body = b"".join(map(rlp, value))
        return _head(0xC0, len(body)) + body
    if isinstance(value, int):
        value = value.to_bytes((value.bit_length() + 7) // 8, "big")
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _head(0x80, len(value)) + value


def _head(base: int, length: int) -> bytes:
    if length < 56:
        return bytes([base + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(size)]) + size


def unrlp(data: bytes) -> Any:
    value, rest = _item(data)
    if rest:
        raise Malformed("bytes are left over after the RLP")
    return value


def _item(data: bytes) -> tuple[Any, bytes]:
    if not data:
        raise Malformed("RLP is cut off")
    first = data[0]
    if first < 0x80:
        return data[:1], data[1:]
    base = 0x80 if first < 0xC0 else 0xC0
    start, length = 1, first - base
    if length > 55:
        start += length - 55
        length = int.from_bytes(data[1:start], "big")
    body, rest = data[start : start + length], data[start + length :]
    if len(body) != length:
        raise Malformed("RLP is cut off")
    if base == 0x80:
        return body, rest
    items = []
    while body:
        item, body = _item(body)
        items.append(item)
    return items, rest


def _announcement(it: dict) -> list:
    skipped = [[unhexed(skip["sequencer"]), SKIP_REASONS.index(skip["reason"]) + 1] for skip in it["skipped"]]
    named = [it["era"], it["term"], it["epoch"], unhexed(it["leader"]), it["first"], it["last"]]
    return [*named, unhexed(it["parent"]), unhexed(it["previous"]), skipped]


def _checkpoint(it: dict) -> list:
    parent, anchor = it["parent"], it["anchor"]
    at = parent["position"]
    return [
        it["era"],
        it["term"],
        it["round"],
        [it["head"]["height"], unhexed(it["head"]["hash"])],
        unhexed(it["stateRoot"]),
        [[at["era"], at["term"], at["round"]], unhexed(parent["hash"])],
        unhexed(it["setRoot"]),
        [anchor["number"], unhexed(anchor["hash"])],
        *([] if it["nextSetRoot"] is None else [unhexed(it["nextSetRoot"])]),
    ]


def _quorum(it: dict) -> list:
    return [_checkpoint(it["checkpoint"]), it["signers"], unhexed(it["signature"])]


def _endorsement(it: dict) -> list:
    """What vouches for the RLP of all parts in order, and nothing for one that is missing."""
    content = it["content"]
    parent = content["parent"]
    if it["kind"] == "checkpoint":
        signed = content["checkpoint"]
        era, parts = signed["message"]["era"], [_checkpoint(signed["message"]), unhexed(signed["signature"])]
        parts += [_quorum(parent)] if parent else []
    else:
        certificate = content["certificate"]
        era, parts = certificate["checkpoint"]["era"], [_quorum(certificate)]
        parts += [_checkpoint(parent)] if parent else []
    return [it["kind"].encode(), era, keccak256(b"".join(map(rlp, parts)))]


def _vote(it: dict) -> list:
    return [it["era"], it["term"], it["round"], unhexed(it["checkpoint"])]


# Domain and RLP of what operators sign.
SIGNED = {
    "block": (
        "baton/block/1",
        lambda it: [it["era"], it["term"], it["epoch"], it["number"], unhexed(it["hash"])],
    ),
    "seal": ("baton/seal/1", lambda it: [it["era"], it["term"], it["height"], unhexed(it["hash"])]),
    "heartbeat": (
        "baton/heartbeat/1",
        lambda it: [it["era"], it["term"], it["height"], unhexed(it["head"]), it["sentAt"], it["version"].encode()],
    ),
    "sequencer-record": (
        "baton/sequencer-record/1",
        lambda it: [it["peerId"].encode(), [address.encode() for address in it["addresses"]], it["sequence"]],
    ),
    "announcement": ("baton/announcement/1", _announcement),
    "checkpoint": ("baton/checkpoint/1", _checkpoint),
    "endorsement": ("baton/endorsement/1", _endorsement),
    "vote": ("baton/cast-vote/1", lambda it: [_vote(it["vote"]), unhexed(it["signature"])]),
}


def announcement_hash(it: dict) -> str:
    return hexed(keccak256(rlp(_announcement(it))))


def checkpoint_hash(it: dict) -> str:
    return hexed(keccak256(rlp(_checkpoint(it))))


def signer(chain: Chain, what: str, message: dict, signature: str) -> str:
    """Who signed `message`: an address."""
    domain, layout = SIGNED[what]
    preimage = domain.encode() + chain.id.to_bytes(8, "big") + unhexed(chain.genesis) + rlp(layout(message))
    raw = unhexed(signature)
    if raw[64] not in (27, 28):
        raise Malformed(f"recovery byte {raw[64]}")
    if int.from_bytes(raw[32:64], "big") > HALF_ORDER:
        raise Malformed("s is in the upper half")
    try:
        key = PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] - 27]), keccak256(preimage), hasher=None)
    except Exception as error:
        raise Malformed(f"no key fits the signature: {error}") from error
    return hexed(keccak256(key.format(compressed=False)[1:])[12:])


def header(fields: list) -> dict:
    """The parts of a header that the protocol speaks of; its hash is computed, not believed."""
    extra = fields[12]
    if len(extra) != 24:
        raise Malformed(f"extra_data has {len(extra)} bytes")
    era, term, epoch = (int.from_bytes(extra[at : at + 8], "big") for at in (0, 8, 16))
    return {
        "hash": hexed(keccak256(rlp(fields))),
        "parentHash": hexed(fields[0]),
        "beneficiary": hexed(fields[2]),
        "stateRoot": hexed(fields[3]),
        "number": int.from_bytes(fields[8], "big"),
        "timestamp": int.from_bytes(fields[11], "big"),
        "era": era,
        "term": term,
        "epoch": epoch,
        "announcement": hexed(fields[19]) if len(fields) > 19 else None,
    }


def read_block(encoded: bytes) -> dict:
    fields, transactions, *_ = unrlp(encoded)
    # A legacy transaction stands there as a list, a typed one as a byte string.
    hashes = [hexed(keccak256(rlp(item) if isinstance(item, list) else item)) for item in transactions]
    return {**header(fields), "transactions": hashes}


def compact_block(message: dict) -> dict:
    """Reads a block whose transactions are given by hash or whole."""
    hashes = [it["hash"] if "hash" in it else hexed(keccak256(it["whole"])) for it in message["transactions"]]
    return {**header(unrlp(message["header"])), "transactions": hashes}


def check_leader(chain: Chain, block: dict, signature: str) -> None:
    """Checks that the beneficiary signed the block."""
    leader = signer(chain, "block", block, signature)
    if leader != block["beneficiary"]:
        raise Malformed(f"{leader} signed what pays {block['beneficiary']}")
