"""A steady load makes no more system calls a request than it must: the same on any machine, where times are not.

What the data core calls is counted by strace, between a mark before the load and one after it. Memory is malloc's
affair (and the sanitizers'), so mapping it is not counted."""
import os
import re
import struct
from collections import Counter

import wire
from harness import Cluster

TARGETS = ("samsa",)        # these numbers are this broker's design
TOPIC, ROUNDS, BURST = "steady", 200, 16
LARGE = 65536
TAIL_RECORDS, TAIL = 8, 900 # so few batches' positions are surely remembered
SLACK = 0.1                 # a request, for what is not of a request: an index's buffer written out, a timer
CALL = re.compile(r"(\d+) +(\w+)\(")
OF_MEMORY = {"mmap", "munmap", "madvise", "brk", "mprotect"}


class Trace:
    """The calls of the broker's data core, of which there is one."""

    def __init__(self, broker, path):
        self.path = path
        with open(f"/proc/{broker.process.pid}/task/{broker.process.pid}/children") as f:
            pid = f.read().split()[0]
        self.thread = next(t for t in os.listdir(f"/proc/{pid}/task") if self.name(pid, t) == "core-0")

    @staticmethod
    def name(pid, thread):
        with open(f"/proc/{pid}/task/{thread}/comm") as f:
            return f.read().strip()

    def calls(self, load, *words):
        """How often each call was made while load(*words) ran."""
        start = os.path.getsize(self.path)
        load(*words)
        with open(self.path, errors="replace") as f:
            f.seek(start)
            found = (CALL.match(line) for line in f)
            counts = Counter(m[2] for m in found if m and m[1] == self.thread and m[2] not in OF_MEMORY)
        print(load.__name__, *words[1:], dict(counts))
        return counts


def produce_body():
    records = wire.batch(b"x" * 49)
    row = wire.string(TOPIC) + wire.array([struct.pack(">ii", 0, len(records)) + records])
    return wire.string(None) + struct.pack(">hi", -1, 10000) + wire.array([row])


def singles(connection):
    """One request in flight."""
    body = produce_body()
    for _ in range(ROUNDS):
        connection.call(wire.PRODUCE, 3, body)


def bursts(connection):
    """Requests that come together."""
    body = produce_body()
    for _ in range(ROUNDS):
        connection.raw(b"".join(connection.frame(wire.PRODUCE, 3, body) for _ in range(BURST)))
        for _ in range(BURST):
            connection.receive()


def fetches(connection, offset, most):
    row = wire.string(TOPIC) + wire.array([struct.pack(">iqi", 0, offset, most)])
    body = struct.pack(">iiiib", -1, 500, 1, most, 0) + wire.array([row])
    for _ in range(ROUNDS):
        answer = connection.call(wire.FETCH, 4, body)
        assert len(answer) > most / 2, f"a fetch of {most} bytes got {len(answer)}"


def each(calls, rounds=ROUNDS):
    return sum(calls.values()) / rounds


def test(env):
    trace_file = env.path("trace")
    with Cluster(env) as cluster:
        broker = cluster.broker(num_cores=1)
        # The leak sanitizer cannot look at a process that is traced.
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        broker.prefix = ["env", "ASAN_OPTIONS=" + options, "strace", "-f", "-s", "0", "-o", trace_file]
        broker.start()
        trace = Trace(broker, trace_file)
        with wire.Connection(broker.port) as connection:
            connection.create_topic(TOPIC)
            connection.produce(TOPIC, b"first")
            # Wait, receive, write, send.
            calls = trace.calls(singles, connection)
            assert each(calls) <= 4 + SLACK, f"{each(calls)} calls a request: {calls}"
            # The same for all that came together: one write, one send.
            calls = trace.calls(bursts, connection)
            assert each(calls) <= 4 + BURST * SLACK, f"{each(calls)} calls a burst of {BURST}: {calls}"
            assert calls["pwritev"] <= ROUNDS * (1 + SLACK), f"appends of one turn are not one write: {calls}"
            end = 1 + ROUNDS + ROUNDS * BURST
            # At the tail: wait, receive, read what is cached, send header and records.
            calls = trace.calls(fetches, connection, end - TAIL_RECORDS, TAIL)
            assert each(calls) <= 4 + SLACK, f"{each(calls)} calls a fetch of the tail: {calls}"
            # Elsewhere also the index's binary search; the records go from the page cache to the socket.
            calls = trace.calls(fetches, connection, 0, LARGE)
            assert each(calls) <= 12 + SLACK, f"{each(calls)} calls a large fetch: {calls}"
            assert calls["sendfile"] >= ROUNDS, f"records were copied: {calls}"
        broker.stop()
