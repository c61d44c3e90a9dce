"""Compaction and kill -9: a broker that is killed in the midst of it, again and again, loses nothing by it, goes on
where it was, and leaves no half-done file behind."""
import glob
import os
import random
import time

from compacted import RECORDS, SMALL, Topic
from harness import Cluster

TIMEOUT = 200
KILLS = {"samsa": 5, "kafka": 1}      # each start of Apache Kafka waits for its old session to expire
SLOW = "log.cleaner.io.max.bytes.per.second"


def test(env):
    dice = random.Random(5)
    with Cluster(env) as cluster:
        broker = cluster.broker(log_cleaner_backoff_ms=100, log_cleaner_threads=2, **{SLOW.replace(".", "_"): 400000}).start()
        topics = [Topic(env, broker, f"killed-{codec}", **SMALL) for codec in ("none", "zstd")]
        for topic, codec in zip(topics, ("none", "zstd")):
            topic.fill(2 * RECORDS, codec)
        for _ in range(KILLS[env.target]):
            time.sleep(dice.uniform(0.1, 0.6))
            broker.kill()
            broker.start()
            for topic in topics:
                topic.wait_served()
                topic.check()
        del broker.config[SLOW]
        broker.kill()
        broker.start()
        for topic in topics:
            topic.wait_cleaned()
            topic.wait_served()
            topic.check()
        broker.stop()
        data = glob.glob(os.path.join(broker.data, "killed-*", "*"))
        assert data and not [f for f in data if f.endswith((".cleaned", ".swap"))]
