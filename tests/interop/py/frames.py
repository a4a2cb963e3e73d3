"""Request/response of docs/wire.md: one stream a request; a frame is 4 bytes of length, big endian, and that many bytes."""

from collections.abc import Callable
from typing import Any

import trio
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from chain import Chain
from codec import Malformed, decode, encode
from layouts import PROTOCOLS


async def _exactly(stream: INetStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await stream.read(count - len(data))
        if not part:
            raise Malformed("the frame was cut off")
        data += part
    return data


async def _read(stream: INetStream, cap: int) -> bytes:
    length = int.from_bytes(await _exactly(stream, 4), "big")
    if length > cap:
        raise Malformed(f"a frame of {length} bytes is more than {cap}")
    return await _exactly(stream, length)


async def _write(stream: INetStream, payload: bytes) -> None:
    await stream.write(len(payload).to_bytes(4, "big") + payload)


def _id(chain: Chain, name: str) -> TProtocol:
    return TProtocol("/baton/status/1" if name == "status" else f"{chain.prefix}/{name}/1")


async def ask(host: IHost, peer: ID, chain: Chain, name: str, request: Any) -> Any:
    """Asks a peer, and waits for its answer."""
    (request_layout, _), (response_layout, cap) = PROTOCOLS[name]
    with trio.fail_after(20):
        stream = await host.new_stream(peer, [_id(chain, name)])
        await _write(stream, encode(request_layout, request))
        answer = decode(response_layout, await _read(stream, cap))
        await stream.close()
        return answer


def answer(host: IHost, chain: Chain, name: str, respond: Callable[[Any], Any]) -> None:
    """Answers what peers ask."""
    (request_layout, cap), (response_layout, _) = PROTOCOLS[name]

    async def handle(stream: INetStream) -> None:
        try:
            request = decode(request_layout, await _read(stream, cap))
            await _write(stream, encode(response_layout, respond(request)))
            await stream.close()
        except Malformed:
            await stream.reset()

    host.set_stream_handler(_id(chain, name), handle)
