"""A start before ZooKeeper: the broker waits and says so, then serves."""
import time

from harness import Cluster, wait_for


def test(env):
    cluster = Cluster(env, own_zk=True)
    try:
        broker = cluster.broker()
        broker.config["zookeeper.connection.timeout.ms"] = 2000 if env.target == "samsa" else 18000
        broker.launch()
        if env.target == "samsa":
            wait_for("a word on what it waits for",
                     lambda: "within zookeeper.connection.timeout.ms=2000" in broker.text())
        time.sleep(4)
        assert broker.process.running(), broker.tail()
        cluster.zk.start()
        broker.wait_serving()
        broker.create_topic("first")
        broker.stop()
    finally:
        cluster.__exit__()
