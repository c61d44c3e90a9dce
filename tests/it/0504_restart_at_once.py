"""A restart right after kill -9 works at once: the broker ends its own old session and registers anew."""
import os
import stat
import time

from harness import Cluster

TARGETS = ("samsa",)        # Apache Kafka 3.9 dies on its own old node until the session has expired
SESSION_MS = 18000


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(zookeeper_session_timeout_ms=SESSION_MS).start()
        broker.create_topic("before")
        for _ in range(3):
            with cluster.zk_client() as client:
                epoch = client.get("/brokers/ids/1")[1].czxid
            broker.kill()
            begun = time.monotonic()
            broker.start()
            assert time.monotonic() - begun < SESSION_MS / 2000, "it waited for its old session"
            with cluster.zk_client() as client:
                assert client.get("/brokers/ids/1")[1].czxid > epoch, "the broker epoch did not grow"
        assert "before" in broker.tool("topics", "--list")
        open_to_others = [name for name in os.listdir(broker.data) if b"session" in open_start(broker, name)
                          and stat.S_IMODE(os.stat(os.path.join(broker.data, name)).st_mode) & 0o077]
        assert not open_to_others, f"the session's password can be read by others: {open_to_others}"
        broker.stop()


def open_start(broker, name):
    path = os.path.join(broker.data, name)
    if not os.path.isfile(path):
        return b""
    with open(path, "rb") as f:
        return name.encode() + f.read(4096)
