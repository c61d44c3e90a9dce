"""kill -9 under idempotent acks=all load, again and again: nothing acknowledged is lost, doubled or reordered."""
import random
import time
from collections import defaultdict

from harness import Cluster
from java import Load

TIMEOUT = 400
PARTITIONS, PER_SECOND = 3, 3000
KILLS = {"samsa": 20, "kafka": 4}      # each start of Apache Kafka waits for its old session to expire


def test(env):
    dice = random.Random(4)
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        broker.create_topic("load", PARTITIONS, segment_bytes=1048576)
        config = broker.client_config(acks="all", linger_ms=2, delivery_timeout_ms=120000, request_timeout_ms=10000,
                                      reconnect_backoff_max_ms=200, retry_backoff_max_ms=200, buffer_memory=4194304)
        load = Load(config, "load", PARTITIONS, PER_SECOND, env.path("load"))
        try:
            for _ in range(KILLS[env.target]):
                time.sleep(dice.uniform(0.2, 2.5))
                broker.kill()
                broker.start()
            time.sleep(1)
            load.finish()
        finally:
            load.kill()
        check(load, stored(broker))
        broker.stop()


def stored(broker):
    """{partition: [(offset, number)]} as a consumer sees it."""
    seen = defaultdict(list)
    said = broker.kcat("-C", "-t", "load", "-o", "beginning", "-e", "-q", "-f", "%p %o %s\n")
    for line in said.splitlines():
        partition, offset, marked, number = line.split()[:4]
        assert partition == marked
        seen[int(partition)].append((int(offset), int(number)))
    return seen


def check(load, seen):
    assert not load.lost, f"the producer gave up on {len(load.lost)}: {load.lost[:3]}"
    assert len(load.acked) == load.sent > 0
    for partition, rows in seen.items():
        offsets, numbers = zip(*sorted(rows))
        assert list(offsets) == list(range(len(offsets))), f"partition {partition}: offsets with a gap"
        assert list(numbers) == list(range(len(numbers))), f"partition {partition}: lost, doubled or reordered"
    where = {(partition, number): offset for partition, rows in seen.items() for offset, number in rows}
    for record, offset in load.acked.items():
        # A retry that the broker recognises as a copy it has is acknowledged without an offset.
        assert record in where and offset in (where[record], -1), f"{record} was acknowledged at {offset}"
