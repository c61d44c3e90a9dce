"""The Python client kafka-python in its newest version: every codec, and a group whose members join, leave, hang and are killed."""
import pythons
from harness import Cluster


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=500).start()
        pythons.life_of_a_group(env, "kafka_python", broker)
        broker.stop()
