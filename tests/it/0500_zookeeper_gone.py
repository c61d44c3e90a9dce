"""ZooKeeper stops for a minute under load: produce and fetch go on without one error, and all is well after."""
import time

from harness import Cluster, wait_for
from java import Load

AWAY_S = 60


def test(env):
    with Cluster(env, own_zk=True) as cluster:
        broker = cluster.broker().start()
        broker.create_topic("load", 2)
        load = Load(broker.client_config(acks="all"), "load", 2, 200, env.path("load"))
        try:
            # The producer asks for its id first, and a block of ids comes from ZooKeeper.
            wait_for("the load flows", lambda: broker.offset("load") > 100)
            cluster.zk.stop()
            end = time.monotonic() + max(15, AWAY_S * env.scale)
            while time.monotonic() < end:
                said = broker.kcat("-C", "-t", "load", "-p", 0, "-o", -5, "-c", 5, "-q", "-f", "%o\n", timeout=10)
                assert len(said.split()) == 5, "a fetch came back short"
                said = broker.kcat("-L", timeout=10)
                assert said.count("leader 1,") == 2 and "rror" not in said, said
                broker.kcat("-C", "-t", "load", "-p", 1, "-o", "end", "-c", 1, "-q", timeout=10)  # a long poll
                time.sleep(2)
            cluster.zk.start()
            wait_for("registered again", lambda: registered(cluster), 30)
            load.finish()
        finally:
            load.kill()
        assert not load.lost and len(load.acked) == load.sent, load.lost[:3]
        assert load.pause_ms < 3000 * env.patience, f"nothing was acknowledged for {load.pause_ms} ms"
        broker.create_topic("after")
        broker.stop()


def registered(cluster):
    with cluster.zk_client() as client:
        return client.exists("/brokers/ids/1") and client.exists("/controller")
