"""Two processes on one log directory: the second is refused by the lock file, the first goes on."""
from harness import Cluster


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        thief = cluster.broker(1, name="thief", log_dirs=broker.data)
        thief.launch()
        assert thief.process.wait() != 0
        assert ".lock" in thief.text() and broker.data in thief.text(), thief.tail()
        broker.create_topic("still-serving")
        broker.stop()
