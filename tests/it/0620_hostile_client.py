"""A hostile client: seeded mutations of frames that real clients sent, absurd requests of the control plane, requests
that wait for ever. The broker answers or hangs up, serves the next client, and ends at once when it is told to."""
import os
import random
import socket
import struct
import subprocess
import time

import kmsg
import wire
from harness import TOP, Cluster, wait_for

TARGETS = ("samsa",)    # Apache Kafka, too, survives it, but not within this test's memory and time
SEED, MUTATIONS_S = 20250620, 8
STUCK, PIPELINED = 30, 200
MOST_PARTITIONS, BRIM = 200_000, 60
FOREVER_MS, NOBODY = 2**31 - 1, 99
EDGES = (0, 1, 2, 127, 128, 255, 2**15 - 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
GROWING = (19, 37)      # CreateTopics and CreatePartitions: a count of partitions is no attack on what reads it


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        with wire.Connection(broker.port) as client:
            client.create_topic("alive")
        mutations(broker, random.Random(SEED))
        control_plane(broker)
        full_to_the_brim(broker)
        half_frames(broker)
        still_serves(broker)
        stop_with_waiting_requests(broker)


def still_serves(broker):
    assert broker.process.running(), f"the broker ended:\n{broker.tail()}"
    with wire.Connection(broker.port) as client:
        wait_for("the broker appends", lambda: client.produce("alive", b"still here") >= 0)


def frames(broker):
    """Requests that Kafka's clients sent, of the APIs that are served here."""
    served = wire.api_versions(broker.port)
    path = os.path.join(TOP, "tests", "golden", "wire", "frames.tsv.zst")
    rows = subprocess.run(["zstdcat", path], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()[1:]
    rows = [row.split("\t") for row in rows]
    return [bytes.fromhex(row[9]) for row in rows if row[3] == "request" and int(row[4]) in served]


def mutate(frame, dice):
    """A few changes behind the api's key and version."""
    frame = bytearray(frame)
    edges = EDGES[:3] if struct.unpack_from(">h", frame)[0] in GROWING else EDGES
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(4, max(len(frame), 5))
        frame[at:at + dice.choice((0, 1, 4))] = dice.choice((
            b"", bytes([dice.randrange(256)]), struct.pack(">I", dice.choice(edges)), frame[at:at + dice.randrange(1, 64)]
            if edges is EDGES else b""))
    return bytes(frame)


def throw(port, frame):
    """Sends a frame and waits, not for long, for whatever the broker does."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.2) as peer:
        try:
            peer.sendall(struct.pack(">i", len(frame)) + frame)
            peer.recv(65536)
        except OSError:
            pass


def mutations(broker, dice):
    corpus, end = frames(broker), time.monotonic() + MUTATIONS_S
    while time.monotonic() < end:
        throw(broker.port, mutate(dice.choice(corpus), dice))
        assert broker.process.running(), f"the broker ended:\n{broker.tail()}"
    still_serves(broker)


def creatable(name, partitions=1, replicas=1, assignment=()):
    rows = [struct.pack(">i", i) + wire.array([struct.pack(">i", b) for b in ids]) for i, ids in enumerate(assignment)]
    return wire.string(name) + struct.pack(">ih", partitions, replicas) + wire.array(rows) + wire.array([])


def create(topics, timeout_ms, validate_only=False):
    return wire.array(topics) + struct.pack(">i?", timeout_ms, validate_only)


def control_plane(broker):
    """Many names in one request, all the same or all wrong, and counts beyond every limit."""
    with wire.Connection(broker.port) as client:
        for topics in ([creatable("twice")] * 20000, [creatable(f"a/{i}") for i in range(20000)],
                       [creatable(f"huge{i}", 200_000) for i in range(40)], [creatable("many", -1, -1, [range(5000)])],
                       [creatable("none", 2**31 - 1, 2**15 - 1)]):
            client.call(wire.CREATE_TOPICS, 4, create(topics, 1000, validate_only=True))
        sent = [client.send(wire.METADATA, 1, b"\0\0\0\0") for _ in range(PIPELINED)]
        assert [client.receive()[0] for _ in sent] == sent
    still_serves(broker)


def full_to_the_brim(broker):
    """Topics whose checks need just more memory than a request has: at every place where it can run out."""
    with kmsg.Connection(broker.port, timeout=30) as client:
        def fits(partitions):
            sizes = [MOST_PARTITIONS] * (partitions // MOST_PARTITIONS) + [partitions % MOST_PARTITIONS]
            topics = [{"name": f"{i}".rjust(249, "n"), "num_partitions": n, "replication_factor": 1}
                      for i, n in enumerate(sizes) if n]
            answer = client.ask("create_topics", 4, {"topics": topics, "timeout_ms": 1000, "validate_only": True})
            return not any(t["error_code"] for t in answer["topics"])
        least, most = 1, 20 * MOST_PARTITIONS
        assert fits(least) and not fits(most)
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if fits(middle) else (least, middle)
        assert not any([fits(most + i) for i in range(BRIM)])
    still_serves(broker)


def half_frames(broker):
    """Frames that never end, of all sizes, beside each other."""
    peers = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(100)]
    for i, peer in enumerate(peers):
        peer.sendall(struct.pack(">i", 1 << i % 26)[:1 + i % 4] + bytes(i % 4 == 3))
    still_serves(broker)
    for peer in peers:
        peer.close()


def stop_with_waiting_requests(broker):
    """A partition on a broker that is nowhere gets no leader: who waits for it would wait for ever."""
    peers = [wire.Connection(broker.port) for _ in range(STUCK)]
    for i, peer in enumerate(peers):
        topics = [creatable(f"stuck-{i}", -1, -1, [[NOBODY]])]
        peer.send(wire.CREATE_TOPICS, 4, create(topics, FOREVER_MS))
    with wire.Connection(broker.port) as client:
        wait_for("topics that get no leader", lambda: b"stuck-" in client.call(wire.METADATA, 1, b"\xff\xff\xff\xff")
                 or "stuck-0" in broker.text())
    still_serves(broker)
    broker.stop()
    for peer in peers:
        peer.socket.close()
