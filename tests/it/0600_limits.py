"""Limits of a connection: oversized requests, idle closing, connections by address and by listener, answers in order."""
import time

import wire
from harness import Cluster, wait_for

MAX_BYTES, PER_IP, EXTERNAL = 200_000, 10, 3
IDLE_MS = 3000


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(socket_request_max_bytes=MAX_BYTES)
        broker.start()
        oversized(broker)
        in_order(broker)
        broker.stop()

        broker.config["connections.max.idle.ms"] = IDLE_MS
        broker.start()
        idle(broker)
        broker.stop()
        del broker.config["connections.max.idle.ms"]

        broker.config["max.connections.per.ip"] = PER_IP
        broker.start()
        per_ip(broker)
        broker.stop()
        del broker.config["max.connections.per.ip"]

        broker.config |= {
            "listeners": f"PLAINTEXT://127.0.0.1:{broker.port},EXTERNAL://127.0.0.1:{broker.tls_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT",
            "listener.name.external.max.connections": EXTERNAL}
        broker.start()
        per_listener(broker)
        broker.stop()


def oversized(broker):
    for size in (MAX_BYTES + 1, 0x7FFFFFFF, -1):
        with wire.Connection(broker.port) as connection:
            connection.call(wire.API_VERSIONS, 0)
            connection.raw(size.to_bytes(4, "big", signed=True))
            assert connection.closed(), f"a request of {size} bytes was let in"
    with wire.Connection(broker.port) as connection:
        topics = (10).to_bytes(4, "big") + 10 * wire.string("t" * 240)
        connection.call(wire.METADATA, 4, topics + b"\0")


def in_order(broker):
    """Many requests at once, quick ones behind one that waits: answered one after the other."""
    wait_ms, nothing = (500).to_bytes(4, "big"), (0).to_bytes(4, "big")
    fetch = (-1).to_bytes(4, "big", signed=True) + wait_ms + (1).to_bytes(4, "big") + (1000).to_bytes(4, "big") + b"\0" + nothing
    with wire.Connection(broker.port) as connection:
        sent = [connection.send(wire.FETCH, 4, fetch)]
        sent += [connection.send(wire.API_VERSIONS, 0) for _ in range(50)]
        sent += [connection.send(wire.METADATA, 1, nothing)]
        assert [connection.receive()[0] for _ in sent] == sent


def idle(broker):
    with wire.Connection(broker.port) as quiet, wire.Connection(broker.port) as busy:
        start = time.monotonic()
        quiet.call(wire.API_VERSIONS, 0)
        while time.monotonic() < start + 2 * IDLE_MS / 1000:
            busy.call(wire.API_VERSIONS, 0)
            time.sleep(0.2)
        assert quiet.closed(), "an idle connection was kept"
        busy.call(wire.API_VERSIONS, 0)


def per_ip(broker):
    def room_for(count):
        held = [wire.Connection(broker.port, timeout=3) for _ in range(count)]
        try:
            for connection in held:
                connection.call(wire.API_VERSIONS, 0)
            return True
        except OSError:
            return False
        finally:
            for connection in held:
                connection.socket.close()
    # one is the broker's own, as a Java controller's is
    wait_for("as many connections as allowed, less the broker's own", lambda: room_for(PER_IP - 2))
    assert not room_for(PER_IP + 1), "one connection too many was served"
    wait_for("room again", lambda: room_for(PER_IP - 2))


def per_listener(broker):
    held = [wire.Connection(broker.tls_port, timeout=3) for _ in range(EXTERNAL)]
    for connection in held:
        connection.call(wire.API_VERSIONS, 0)
    with wire.Connection(broker.tls_port, timeout=1) as late:
        try:
            late.call(wire.API_VERSIONS, 0)
            raise AssertionError("one connection too many was served")
        except OSError:
            pass
    held.pop().socket.close()
    wait_for("a place for the next", lambda: answers(broker.tls_port))
    for connection in held:
        connection.call(wire.API_VERSIONS, 0)
        connection.socket.close()


def answers(port):
    try:
        return wire.api_versions(port, timeout=2)
    except OSError:
        return None
