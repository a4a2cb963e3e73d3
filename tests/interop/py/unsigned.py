"""Gossipsub without publishers (StrictNoSign), which py-libp2p does not have.

It names every message by its publisher and sequence number in four places, where ours have neither: when it publishes, in its
message cache, when it looks for equivocation, and by default as the message id, which alone can be set.
"""

from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID, PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.mcache import CacheEntry, MessageCache
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from Crypto.Hash import SHA256

# The protocol ids of the two instances, with the versions of gossipsub that they stand for.
CHAIN = {PROTOCOL_ID_V12: PROTOCOL_ID_V12, PROTOCOL_ID_V11: PROTOCOL_ID_V11}
TRANSACTIONS = {
    TProtocol("/baton/transactions/1.1.0"): PROTOCOL_ID_V11,
    TProtocol("/baton/transactions/1.0.0"): PROTOCOL_ID,
}


def message_id(message: rpc_pb2.Message) -> bytes:
    [topic] = message.topicIDs
    return SHA256.new(topic.encode() + b"\0" + message.data).digest()


class Cache(MessageCache):
    """Keeps messages under their id."""

    def put(self, msg: rpc_pb2.Message) -> None:
        name = message_id(msg)
        if name not in self.msgs:
            self.msgs[name] = msg
            self.history[0].append(CacheEntry(name, msg.topicIDs))


class UnsignedGossipSub(GossipSub):
    """Gossipsub 1.1 and 1.2 for a mesh of any number of addresses, and of messages that nobody signs."""

    def __init__(self, protocols: dict[TProtocol, TProtocol] = CHAIN) -> None:
        super().__init__(
            protocols=list(protocols),
            degree=8,
            degree_low=6,
            degree_high=12,
            gossip_window=5,
            gossip_history=25,
            heartbeat_interval=1,
            adaptive_gossip_enabled=False,
            # Ten messages a second of one topic are normal here, and all may come from one peer.
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
        )
        self.mcache = Cache(5, 25)
        self.versions = protocols

    def add_peer(self, peer_id: ID, protocol_id: TProtocol | None) -> None:
        # It refuses other names than its own.
        super().add_peer(peer_id, self.versions.get(protocol_id, protocol_id))

    def _check_equivocation(self, msg: rpc_pb2.Message) -> bool:
        return True


class UnsignedPubsub(Pubsub):
    """Takes and sends messages that consist of topic and data alone."""

    def __init__(self, host, router: UnsignedGossipSub, largest: int) -> None:
        super().__init__(
            host,
            router,
            strict_signing=False,
            msg_id_constructor=message_id,
            max_inbound_rpc_size=largest,
        )

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        if msg.from_id or msg.seqno or msg.signature or msg.key:
            # What a peer sends against the policy is not forwarded.
            return
        await super().push_msg(msg_forwarder, msg)

    async def publish(self, topic_id: str, data: bytes) -> None:
        await self.push_msg(self.my_id, rpc_pb2.Message(topicIDs=[topic_id], data=data))
