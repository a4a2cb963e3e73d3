"""Joins links in pairs and hands on what comes, frame by frame: later, in order, no faster than a rate, and not everything.

    wire.py DELAY_MS LOSS_PERCENT BITS_PER_SECOND SEED LINK=LINK ...

What `tc netem` does in the kernel, for kernels without it. Each direction of a pair is apart. Prints `ready` once all links are
joined, and ends with standard input. Needs Linux and CAP_NET_RAW in the links' network namespace.
"""

import heapq
import random
import selectors
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23

# A frame that the kernel has not cut up yet, with its Ethernet and its virtio header.
LARGEST = 65536 + 14 + 10

# What may wait for its turn on a link, in seconds; what comes on top is lost, as in a router's queue.
QUEUE = 0.5


class Link:
    """One direction's way out: what was read from the other link of the pair leaves here."""

    def __init__(self, name):
        self.name = name
        # No protocol yet: nothing comes in before the socket is bound to its link.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        # Checksums and segments that the kernel left for the hardware to do travel along.
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((name, ETH_P_ALL))
        self.socket.setblocking(False)
        self.free = 0.0

    def send(self, frame):
        try:
            self.socket.send(frame)
        except OSError:
            # The link is down or its queue is full: the frame is lost.
            pass


def main():
    delay_ms, loss_percent, rate, seed = (float(argument) for argument in sys.argv[1:5])
    chance = random.Random(seed)
    selector = selectors.DefaultSelector()
    for pair in sys.argv[5:]:
        one, other = (Link(name) for name in pair.split("="))
        selector.register(one.socket, selectors.EVENT_READ, (one, other))
        selector.register(other.socket, selectors.EVENT_READ, (other, one))
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    print("ready", flush=True)

    waiting = []
    count = 0
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for key, _ in selector.select(timeout):
            if key.data is None:
                return
            source, target = key.data
            for _ in range(64):
                try:
                    frame = source.socket.recv(LARGEST)
                except BlockingIOError:
                    break
                except OSError:
                    # The link went down; it may come up again.
                    break
                now = time.monotonic()
                start = max(now, target.free)
                if start - now > QUEUE or chance.uniform(0, 100) < loss_percent:
                    continue
                target.free = start + len(frame) * 8 / rate
                count += 1
                heapq.heappush(waiting, (target.free + delay_ms / 1e3, count, target, frame))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, target, frame = heapq.heappop(waiting)
            target.send(frame)


main()
