"""kill -9 under idempotent acks=all load, again and again: nothing acknowledged is lost, doubled or reordered."""
import random
import time

from harness import Cluster
from java import CONSUMED, STUBBORN, Load, consumed

TIMEOUT = 400
PARTITIONS, PER_SECOND = 3, 3000
KILLS = {"samsa": 20, "kafka": 4}      # each start of Apache Kafka waits for its old session to expire


def test(env):
    dice = random.Random(4)
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        broker.create_topic("load", PARTITIONS, segment_bytes=1048576)
        load = Load(broker.client_config(**STUBBORN), "load", PARTITIONS, PER_SECOND, env.path("load"))
        try:
            for _ in range(KILLS[env.target]):
                time.sleep(dice.uniform(0.2, 2.5))
                broker.kill()
                broker.start()
            time.sleep(1)
            load.finish()
        finally:
            load.kill()
        load.check(consumed(broker.kcat("-C", "-t", "load", "-o", "beginning", "-e", "-q", "-f", CONSUMED)))
        broker.stop()
