"""A start before ZooKeeper: the broker waits and says so, then serves."""
import time

from harness import Cluster


def test(env):
    cluster = Cluster(env, own_zk=True)
    try:
        broker = cluster.broker()
        broker.config["zookeeper.connection.timeout.ms"] = 2000 if env.target == "samsa" else 18000
        broker.launch()
        time.sleep(4)
        assert broker.process.running(), broker.tail()
        if env.target == "samsa":
            assert "within zookeeper.connection.timeout.ms=2000" in broker.text(), "it does not say what it waits for"
        cluster.zk.start()
        broker.wait_serving()
        broker.create_topic("first")
        broker.stop()
    finally:
        cluster.__exit__()
