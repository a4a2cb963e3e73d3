"""Decodes the golden files of network/tests/golden and prints them as JSON, one line a file.

What was decoded must encode to the same bytes, and must stand in its frame as docs/wire.md says.
"""

import json
import sys
from pathlib import Path
from typing import Any

from chain import compact_block, read_block
from codec import Malformed, decode, encode, plain
from layouts import GOSSIP, PROTOCOLS


def look(name: str, content: bytes) -> tuple[Any, int, bytes]:
    """Layout, cap and payload of a file."""
    if name.startswith("gossip-"):
        kind = name.removeprefix("gossip-")
        layout, cap = GOSSIP["evidence" if kind.startswith("evidence-") else kind]
        return layout, cap, content
    protocol = name.removesuffix("-request").removesuffix("-response")
    layout, cap = PROTOCOLS[protocol][name.endswith("-response")]
    if int.from_bytes(content[:4], "big") != len(content) - 4:
        raise Malformed("the frame has another length")
    return layout, cap, content[4:]


def show(value: Any) -> Any:
    """Blocks are RLP inside: shown as what this peer reads of them."""
    if isinstance(value, list):
        return [show(item) for item in value]
    if isinstance(value, dict):
        if isinstance(value.get("header"), bytes):
            return {**plain(value), "header": plain(compact_block(value))}
        return {
            name: plain(read_block(item)) if name == "block" and isinstance(item, bytes) else show(item)
            for name, item in value.items()
        }
    return plain(value)


def main() -> int:
    failed = 0
    for file in sorted(Path(sys.argv[1]).glob("*.hex")):
        try:
            layout, cap, payload = look(file.stem, bytes.fromhex(file.read_text()))
            if len(payload) > cap:
                raise Malformed(f"more than {cap} bytes")
            value = decode(layout, payload)
            if encode(layout, value) != payload:
                raise Malformed("it encodes to other bytes")
            print(json.dumps({"name": file.stem, "value": show(value)}, separators=(",", ":")))
        except (Malformed, KeyError, ValueError) as error:
            print(f"{file.stem}: {error!r}", file=sys.stderr)
            failed = 1
    return failed


sys.exit(main())
