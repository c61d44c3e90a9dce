"""Few open files allowed: connections leave enough of them to the logs, whose directory stays in service."""
import socket

import wire
from harness import Cluster

FILES, RECORDS = 200, 10
CONNECTIONS = 190  # of which 3 of 4 files are taken in, and the others wait


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker()
        if env.target == "samsa":
            broker.prefix = ["prlimit", f"--nofile={FILES}:{FILES}"]
        broker.start()
        broker.create_topic("rolled", segment_bytes=200)
        with wire.Connection(broker.port) as first:
            flood = [socket.create_connection(("127.0.0.1", broker.port), timeout=5) for _ in range(CONNECTIONS)]
            try:
                offsets = [first.produce("rolled", b"a record of forty bytes in its own log") for _ in range(RECORDS)]
            finally:
                for connection in flood:
                    connection.close()
        assert offsets == list(range(RECORDS)), f"refused meanwhile: {offsets}"
        assert broker.offset("rolled") == RECORDS
        broker.stop()
