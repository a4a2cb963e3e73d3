"""The codec of docs/wire.md: how numbers, byte strings, options, sequences, structures and choices are laid out.

A layout has `read(reader)` and `write(value)`, which returns bytes. Byte strings of a fixed length become hex texts, others
bytes; structures become dictionaries.
"""

from dataclasses import dataclass
from typing import Any

VERSION = 1


class Malformed(Exception):
    """Bytes that are not what the protocol says."""


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Malformed(f"cut off: {count} bytes are missing at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        first = self.take(1)[0]
        if first < 251:
            return first
        width = {251: 2, 252: 4, 253: 8}.get(first)
        if width is None:
            raise Malformed(f"no number of ours begins with {first}")
        return int.from_bytes(self.take(width), "big")

    def length(self, most: int) -> int:
        """A length, which is looked at before anything is allocated."""
        length = self.number()
        if length > most:
            raise Malformed(f"{length} is more than {most}")
        return length


def number(value: int) -> bytes:
    if value < 251:
        return bytes([value])
    for marker, width in ((251, 2), (252, 4), (253, 8)):
        if value < 1 << 8 * width:
            return bytes([marker]) + value.to_bytes(width, "big")
    raise Malformed(f"{value} has more than 64 bits")


@dataclass
class Number:
    bits: int

    def read(self, reader: Reader) -> int:
        return self._within(reader.number())

    def write(self, value: int) -> bytes:
        return number(self._within(value))

    def _within(self, value: int) -> int:
        if value >> self.bits:
            raise Malformed(f"{value} has more than {self.bits} bits")
        return value


@dataclass
class Fixed:
    size: int

    def read(self, reader: Reader) -> str:
        if reader.length(self.size) != self.size:
            raise Malformed(f"not {self.size} bytes")
        return "0x" + reader.take(self.size).hex()

    def write(self, value: str) -> bytes:
        return number(self.size) + bytes.fromhex(value[2:])


class Bytes:
    def read(self, reader: Reader) -> bytes:
        return reader.take(reader.length(len(reader.data)))

    def write(self, value: bytes) -> bytes:
        return number(len(value)) + value


@dataclass
class Text:
    most: int

    def read(self, reader: Reader) -> str:
        return reader.take(reader.length(self.most)).decode()

    def write(self, value: str) -> bytes:
        return Bytes().write(value.encode())


@dataclass
class Option:
    of: Any

    def read(self, reader: Reader) -> Any:
        tag = reader.take(1)[0]
        if tag > 1:
            raise Malformed(f"an option begins with {tag}")
        return self.of.read(reader) if tag else None

    def write(self, value: Any) -> bytes:
        return b"\0" if value is None else b"\1" + self.of.write(value)


class Flag:
    def read(self, reader: Reader) -> bool:
        tag = reader.take(1)[0]
        if tag > 1:
            raise Malformed(f"a flag is {tag}")
        return tag == 1

    def write(self, value: bool) -> bytes:
        return b"\1" if value else b"\0"


@dataclass
class Sequence:
    of: Any
    most: int

    def read(self, reader: Reader) -> list:
        return [self.of.read(reader) for _ in range(reader.length(self.most))]

    def write(self, value: list) -> bytes:
        return number(len(value)) + b"".join(map(self.of.write, value))


@dataclass
class Pair:
    of: Any

    def read(self, reader: Reader) -> list:
        return [self.of.read(reader), self.of.read(reader)]

    def write(self, value: list) -> bytes:
        return b"".join(map(self.of.write, value))


class Structure:
    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def read(self, reader: Reader) -> dict:
        return {name: layout.read(reader) for name, layout in self.fields.items()}

    def write(self, value: dict) -> bytes:
        return b"".join(layout.write(value[name]) for name, layout in self.fields.items())


class Choice:
    """One of several, by its number; a variant without content has no layout."""

    def __init__(self, variants: dict[str, Any]) -> None:
        self.variants = list(variants.items())

    def read(self, reader: Reader) -> Any:
        name, layout = self.variants[reader.length(len(self.variants) - 1)]
        return name if layout is None else {name: layout.read(reader)}

    def write(self, value: Any) -> bytes:
        wanted = value if isinstance(value, str) else next(iter(value))
        index, layout = next((i, layout) for i, (name, layout) in enumerate(self.variants) if name == wanted)
        return number(index) + (b"" if layout is None else layout.write(value[wanted]))


def decode(layout: Any, encoded: bytes) -> Any:
    reader = Reader(encoded)
    version = reader.take(1)[0]
    if version != VERSION:
        raise Malformed(f"format version {version}")
    value = layout.read(reader)
    if reader.at != len(encoded):
        raise Malformed(f"{len(encoded) - reader.at} bytes are left over")
    return value


def encode(layout: Any, value: Any) -> bytes:
    return bytes([VERSION]) + layout.write(value)


def plain(value: Any) -> Any:
    """For people and tests: byte strings in hex, numbers beyond 2^53 as texts, as other languages have to."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 53:
        return str(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value
