"""A broker id that lives elsewhere: the second broker waits at most the session timeout, then ends with a clear line."""
import json
import time

import zk
from harness import Cluster


def test(env):
    with Cluster(env) as cluster:
        first = cluster.broker(1).start()
        with cluster.zk_client() as client:
            node, stat = client.get("/brokers/ids/1")
        second = cluster.broker(1, name="second")
        started = time.monotonic()
        second.launch()
        assert second.process.wait(40) not in (0, None)
        took = time.monotonic() - started
        if env.target == "samsa":
            assert took < 6 + 10, f"it ended after {took:.1f} s"
            assert "1" in second.tail() and "broker.id" in second.tail(), second.tail()
        with cluster.zk_client() as client:
            assert client.get("/brokers/ids/1") == (node, stat), "the living broker's node was touched"
        first.create_topic("still-serving")
        first.stop()
        gone_owner(env, cluster, first)


def gone_owner(env, cluster, broker):
    """The node of a broker that is gone and left no trace here (a lost disk): served once its session has expired."""
    if env.target != "samsa":
        return
    with cluster.zk_client(timeout_ms=4000) as ghost:
        ghost.create("/brokers/ids/1", json.dumps({"version": 5, "endpoints": [], "host": None, "port": -1}).encode(), zk.EPHEMERAL)
        broker.launch()
        time.sleep(1)
        assert broker.process.running(), broker.tail()
    broker.wait_serving()
    broker.stop()
