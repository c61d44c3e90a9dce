"""The ZooKeeper session expires: the broker registers again, is controller again, and clients notice nothing."""
import time

from harness import Cluster, wait_for
from java import Load


def epoch(cluster):
    with cluster.zk_client() as client:
        return int(client.get("/controller_epoch")[0])


def registered_anew(cluster, old):
    with cluster.zk_client() as client:
        if not client.exists("/brokers/ids/1") or not client.exists("/controller"):
            return False
        owner = client.get("/brokers/ids/1")[1].ephemeral_owner
        return owner != old and client.get("/controller")[1].ephemeral_owner == owner


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        broker.create_topic("load", 2)
        load = Load(broker.client_config(acks="all"), "load", 2, 200, env.path("load"))
        try:
            wait_for("the load flows", lambda: broker.offset("load") > 100)
            for _ in range(3):
                time.sleep(1)
                before, session = epoch(cluster), broker.expire_session()
                wait_for("registered again, as controller too", lambda: registered_anew(cluster, session), 30)
                assert epoch(cluster) == before + 1
            load.finish()
        finally:
            load.kill()
        assert not load.lost and len(load.acked) == load.sent, load.lost[:3]
        broker.create_topic("after")
        broker.stop()
