#!/usr/bin/env python3
"""Writes RegistryVectors.sol: what other implementations than the contracts sign and name.

BLS by py_ecc, secp256k1 by eth-keys, RLP and fault names by the few lines below, after the nodes' own
(`consensus/src/messages`, `consensus/src/evidence.rs`). Nothing of it is needed to run the tests. To make it again:

    python3 -m venv /tmp/vectors
    /tmp/vectors/bin/pip install py_ecc==8.0.0 eth-keys==0.8.0 "eth-hash[pycryptodome]"
    /tmp/vectors/bin/python contracts/test/vectors/registry.py > contracts/test/vectors/RegistryVectors.sol
"""

from hashlib import sha256

from eth_keys import keys
from eth_utils import keccak
from py_ecc.bls import G2ProofOfPossession as scheme
from py_ecc.bls.g2_primitives import G1_to_pubkey
from py_ecc.bls.hash_to_curve import hash_to_G2
from py_ecc.optimized_bls12_381 import G1, multiply, normalize

L1_CHAIN = 31337
REGISTRY = bytes.fromhex("ba70" * 10)
L2_CHAIN = 7
GENESIS = bytes([7]) * 32
OPERATOR = keys.PrivateKey((1).to_bytes(32, "big"))
BLS_SECRET = 0x0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
KINDS = {
    "announcement": lambda content: [0, 3, 9, bytes(19) + b"\x07", 70000, 70007, content, bytes(32), [[bytes(19) + b"\x08", 5]]],
    "block": lambda content: [0, 3, 9, 70000, content],
    "seal": lambda content: [0, 3, 70000, content],
    "checkpoint": lambda content: [0, 3, 300, [70000, b"\x11" * 32], content, [[0, 3, 299], b"\x33" * 32], b"\x44" * 32, [20000000, b"\x55" * 32]],
    "vote": lambda content: [0, 3, 300, content],
}
PLACES = {"announcement": (9, 0), "block": (9, 70000), "seal": (70000, 0), "checkpoint": (300, 0), "vote": (300, 0)}


def coordinate(value):
    return int(value).to_bytes(64, "big")


def g1(point):
    x, y = normalize(point)
    return coordinate(x) + coordinate(y)


def g2(point):
    x, y = normalize(point)
    return b"".join(coordinate(part) for part in (*x.coeffs, *y.coeffs))


def bls_sign(message, suite):
    return g2(multiply(hash_to_G2(message, suite, sha256), BLS_SECRET))


def rlp(item):
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes) and len(item) == 1 and item[0] < 0x80:
        return item
    kind, payload = (0x80, item) if isinstance(item, bytes) else (0xC0, b"".join(map(rlp, item)))
    if len(payload) <= 55:
        return bytes([kind + len(payload)]) + payload
    length = len(payload).to_bytes((len(payload).bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length + payload


def preimage(kind, content):
    return f"baton/{kind}/1".encode() + L2_CHAIN.to_bytes(8, "big") + GENESIS + rlp(KINDS[kind](content))


def sign(kind, message):
    digest = keccak(message)
    if kind == "vote":
        return bls_sign(digest, scheme.DST)
    signature = OPERATOR.sign_msg_hash(digest)
    return signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes([27 + signature.v])


def fault(signer, kind):
    place, height = PLACES[kind]
    numbers = b"".join(number.to_bytes(8, "big") for number in (0, 3, place, height))
    return keccak(signer + kind.encode() + numbers)


def constant(name, value, kind="bytes"):
    literal = f'hex"{value.hex()}"' if kind == "bytes" else f"0x{value.hex()}"
    print(f"    {kind} internal constant {name} = {literal};")


operator = OPERATOR.public_key.to_canonical_address()
public_key = multiply(G1, BLS_SECRET)
compressed = bytes(G1_to_pubkey(public_key))
possession = b"baton/registration/1" + L1_CHAIN.to_bytes(8, "big") + REGISTRY + operator + compressed

print("// SPDX-License-Identifier: MIT OR Apache-2.0")
print("pragma solidity ^0.8.28;\n")
print("/// @title What other implementations sign and name; written by `registry.py`, see there")
print("library RegistryVectors {")
print(f"    uint256 internal constant OPERATOR_SECRET = {int(OPERATOR)};")
print(f"    uint256 internal constant BLS_SECRET = 0x{BLS_SECRET:064x};")
print(f"    uint64 internal constant L1_CHAIN = {L1_CHAIN};")
constant("REGISTRY", REGISTRY)
constant("PUBLIC_KEY", g1(public_key))
constant("COMPRESSED", compressed)
constant("POSSESSION_MESSAGE", possession)
constant("POSSESSION", bls_sign(possession, scheme.POP_TAG))
for kind in KINDS:
    halves = [preimage(kind, bytes([content]) * 32) for content in (0x22, 0x99)]
    for half, message in zip(("ONE", "OTHER"), halves):
        constant(f"{kind.upper()}_{half}", message)
        constant(f"{kind.upper()}_{half}_SIGNATURE", sign(kind, message))
    constant(f"{kind.upper()}_FAULT", fault(operator, kind), "bytes32")
print("}")
