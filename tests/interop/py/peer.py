"""A peer that knows docs/wire.md and nothing else, as tests/interop/js/peer.mjs is one.

It joins a mesh over TCP with Noise and Yamux, listens to all gossip, checks what needs no state, fetches blocks, hands
transactions over, and says as JSON lines what it saw. It ends once it has seen and done everything that its arguments ask for.
"""

import argparse
import json
import os
import sys
import traceback
from contextlib import AsyncExitStack
from typing import Any

import cramjam
import multiaddr
import trio
from libp2p import new_host
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.tools.anyio_service import background_trio_service

from chain import (
    Chain,
    announcement_hash,
    check_leader,
    checkpoint_hash,
    compact_block,
    hexed,
    keccak256,
    read_block,
    signer,
    unhexed,
)
from codec import Malformed, decode, encode, plain
from frames import answer, ask
from layouts import GOSSIP
from unsigned import TRANSACTIONS, UnsignedGossipSub, UnsignedPubsub

AGENT = "baton-interop-py/0"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True, help="a multiaddr with /p2p/")
    parser.add_argument("--chain-id", type=int, required=True)
    parser.add_argument("--genesis-hash", type=str.lower, required=True)
    parser.add_argument("--blocks", type=int, default=5, help="how many consecutive ones to see by gossip")
    parser.add_argument("--range", type=int, default=8, help="how many to fetch, from height 1")
    parser.add_argument("--push", help="a raw transaction to hand over by push-transactions")
    parser.add_argument("--gossip", help="one to publish by gossip")
    parser.add_argument("--seconds", type=float, default=120)
    return parser.parse_args()


def tell(event: str, fields: dict) -> None:
    print(json.dumps({"event": event, **plain(fields)}), flush=True)


def uncompress(data: bytes, cap: int) -> bytes:
    """A raw snappy block, whose declared length is looked at first."""
    declared = cramjam.snappy.decompress_raw_len(data)
    if declared > cap:
        raise Malformed(f"{declared} bytes are declared, more than {cap}")
    return bytes(cramjam.snappy.decompress_raw(data))


class Peer:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.chain = Chain(options.chain_id, options.genesis_hash)
        self.kinds: dict[str, int] = {}
        self.blocks: dict[int, dict] = {}
        self.announcements: dict[str, dict] = {}
        self.run_length = 0
        self.news = trio.Event()
        self.own = {
            "version": 1,
            "chainId": self.chain.id,
            "genesisHash": self.chain.genesis,
            "head": {"height": 0, "hash": self.chain.genesis},
            "finalized": 0,
            "earliest": 0,
            "era": 0,
            "term": 0,
            "epoch": 0,
            "agent": AGENT,
        }

    def topic(self, kind: str) -> str:
        return f"{self.chain.prefix}/{kind}/1"

    async def until(self, condition) -> None:
        while not condition():
            self.news = trio.Event()
            with trio.move_on_after(0.5):
                await self.news.wait()

    def judge(self, kind: str, data: bytes) -> bool:
        """The verdict on a gossip message."""
        layout, cap = GOSSIP[kind]
        try:
            if len(data) > cap:
                raise Malformed("too large")
            message = decode(layout, uncompress(data, cap))
            take = getattr(self, f"take_{kind.replace('-', '_')}", None)
            if take:
                take(message)
        except (Malformed, ValueError, cramjam.DecompressionError) as error:
            tell("rejected", {"kind": kind, "reason": repr(error)})
            return False
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.news.set()
        return True

    def take_block(self, message: dict) -> None:
        block = compact_block(message)
        check_leader(self.chain, block, message["signature"])
        self.blocks[block["number"]] = block
        self.run_length, at = 1, block
        while (before := self.blocks.get(at["number"] - 1)) and before["hash"] == at["parentHash"]:
            self.run_length, at = self.run_length + 1, before
        tell("block", {**block, "run": self.run_length})

    def take_schedule(self, appointment: dict) -> None:
        message, signature = appointment["announcement"]["message"], appointment["announcement"]["signature"]
        scheduler = signer(self.chain, "announcement", message, signature)
        name = announcement_hash(message)
        before = self.announcements.get(message["previous"])
        if before and (before["epoch"] + 1 != message["epoch"] or message["first"] > before["last"] + 1):
            raise Malformed("the announcement does not follow the one that it links to")
        self.announcements[name] = message
        tell("announcement", {**message, "hash": name, "scheduler": scheduler, "linked": before is not None})

    def take_seal(self, signed: dict) -> None:
        tell("seal", {**signed["message"], "scheduler": signer(self.chain, "seal", **signed)})

    def take_heartbeat(self, signed: dict) -> None:
        tell("heartbeat", {**signed["message"], "member": signer(self.chain, "heartbeat", **signed)})

    def endorser(self, kind: str, endorsed: dict) -> str:
        return signer(self.chain, "endorsement", {"kind": kind, "content": endorsed["content"]}, endorsed["signature"])

    def take_checkpoint(self, endorsed: dict) -> None:
        proposed = endorsed["content"]
        message, parent = proposed["checkpoint"]["message"], proposed["parent"]
        if parent and checkpoint_hash(parent["checkpoint"]) != message["parent"]["hash"]:
            raise Malformed("the certificate is of another parent")
        scheduler = signer(self.chain, "checkpoint", **proposed["checkpoint"])
        tell("checkpoint", {**message, "scheduler": scheduler, "endorser": self.endorser("checkpoint", endorsed)})

    def take_vote(self, signed: dict) -> None:
        tell("vote", {**signed["message"]["vote"], "member": signer(self.chain, "vote", **signed)})

    def take_quorum(self, endorsed: dict) -> None:
        certified = endorsed["content"]
        checkpoint, parent = certified["certificate"]["checkpoint"], certified["parent"]
        if parent and checkpoint_hash(parent) != checkpoint["parent"]["hash"]:
            raise Malformed("the checkpoint beside it is not its parent")
        endorser = self.endorser("quorum", endorsed)
        tell("quorum", {"head": checkpoint["head"], "round": checkpoint["round"], "endorser": endorser})

    def check_segment(self, segment: dict, fetched: list[dict]) -> None:
        """Adds the blocks of a segment to those before, if each follows and stands on its schedule."""
        schedule = {announcement_hash(signed["message"]): signed for signed in segment["announcements"]}
        for sealed in segment["blocks"]:
            block = read_block(sealed["block"]["block"])
            check_leader(self.chain, block, sealed["block"]["signature"])
            parent = fetched[-1]["hash"] if fetched else self.chain.genesis
            if block["parentHash"] != parent:
                raise Malformed(f"block {block['number']} does not follow {parent}")
            announced = schedule.get(block["announcement"])
            if not announced:
                raise Malformed(f"block {block['number']} stands on no announcement")
            entitled = announced["message"]
            if entitled["leader"] != block["beneficiary"]:
                raise Malformed(f"block {block['number']} is not its leader's")
            if not entitled["first"] <= block["number"] <= entitled["last"]:
                raise Malformed(f"block {block['number']} is beyond its epoch")
            if sealed["seal"]["message"]["hash"] != block["hash"]:
                raise Malformed("the seal is of another block")
            if signer(self.chain, "seal", **sealed["seal"]) != signer(self.chain, "announcement", **announced):
                raise Malformed("the seal is not the scheduler's")
            fetched.append(block)

    async def fetch(self, ask_peer) -> str:
        fetched: list[dict] = []
        while (left := self.options.range - len(fetched)) > 0:
            known = {"era": 0, "term": 0, "epoch": 0}
            request = {"from": len(fetched) + 1, "count": left, "known": known}
            before = len(fetched)
            self.check_segment(await ask_peer("blocks-by-range", request), fetched)
            if len(fetched) == before:
                await self.until(lambda: self.blocks)
        transactions = [hash for block in fetched for hash in block["transactions"]]
        tell("range", {"from": 1, "hashes": [block["hash"] for block in fetched], "transactions": transactions})
        return fetched[-1]["hash"]

    async def ask_status(self, ask_peer) -> None:
        status = await ask_peer("status", self.own)
        tell("status", status)
        if (status["chainId"], status["genesisHash"]) != (self.chain.id, self.chain.genesis):
            raise Malformed("another chain")

    async def keep_asking(self, ask_peer) -> None:
        while True:
            await trio.sleep(5)
            await self.ask_status(ask_peer)

    async def work(self, host, transactions: UnsignedPubsub, nursery: trio.Nursery) -> None:
        options = self.options
        info = info_from_p2p_addr(multiaddr.Multiaddr(options.peer))
        answer(host, self.chain, "status", lambda _: self.own)
        await host.connect(info)

        async def ask_peer(name: str, request: Any) -> Any:
            return await ask(host, info.peer_id, self.chain, name, request)

        # Whoever dialed asks again and again.
        await self.ask_status(ask_peer)
        nursery.start_soon(self.keep_asking, ask_peer)
        newest = await self.fetch(ask_peer)
        branch = await ask_peer("blocks-by-hash", {"hash": newest, "count": 4})
        tell("branch", {"hashes": [read_block(it["block"]["block"])["hash"] for it in branch["blocks"]]})
        records = await ask_peer("sequencer-records", {})
        members = [signer(self.chain, "sequencer-record", **it) for it in records]
        tell("records", {"members": members, "peers": [it["message"]["peerId"] for it in records]})
        if options.push:
            raw = unhexed(options.push)
            tell("pushed", await ask_peer("push-transactions", [raw]))
            tell("found", await ask_peer("transactions-by-hash", {"hashes": [hexed(keccak256(raw))]}))
        if options.gossip:
            topic = self.topic("transactions")
            await self.until(lambda: transactions.peer_topics.get(topic))
            payload = encode(GOSSIP["transactions"][0], [unhexed(options.gossip)])
            await transactions.publish(topic, bytes(cramjam.snappy.compress_raw(payload)))
            tell("published", {"recipients": len(transactions.peer_topics[topic])})
        await self.until(lambda: self.run_length >= options.blocks)
        await self.until(lambda: any(it["previous"] in self.announcements for it in self.announcements.values()))
        await self.until(lambda: self.kinds.get("seal"))
        tell("done", {"kinds": self.kinds})

    async def run(self) -> None:
        host = new_host(muxer_preference="YAMUX")
        largest = max(cap for _, cap in GOSSIP.values())
        chain = UnsignedPubsub(host, UnsignedGossipSub(), largest + 4096)
        transactions = UnsignedPubsub(host, UnsignedGossipSub(TRANSACTIONS), largest + 4096)
        listen = [multiaddr.Multiaddr("/ip4/127.0.0.1/tcp/0")]
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(host.run(listen_addrs=listen))
            for pubsub in (chain, transactions):
                await stack.enter_async_context(background_trio_service(pubsub))
                await stack.enter_async_context(background_trio_service(pubsub.router))
                await pubsub.wait_until_ready()
            for kind in GOSSIP:
                pubsub, topic = transactions if kind == "transactions" else chain, self.topic(kind)
                pubsub.set_topic_validator(topic, lambda _, it, kind=kind: self.judge(kind, it.data), False)
                subscription = await pubsub.subscribe(topic)
                # What is not taken off a subscription would fill it.
                pubsub.manager.run_task(drain, subscription)
            async with trio.open_nursery() as nursery:
                await self.work(host, transactions, nursery)
                # Closing every part of the host in order is not what is tested.
                sys.stdout.flush()
                os._exit(0)


async def drain(subscription) -> None:
    async for _ in subscription:
        pass


async def main() -> None:
    options = arguments()
    with trio.fail_after(options.seconds):
        await Peer(options).run()


if __name__ == "__main__":
    try:
        trio.run(main)
    except BaseException:
        tell("failed", {"reason": traceback.format_exc()})
        os._exit(1)
