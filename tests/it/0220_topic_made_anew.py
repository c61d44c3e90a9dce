"""A topic deleted and made anew under an idempotent producer's hands: the producer goes on, in order, without an error."""
import time

from harness import Cluster, wait_for
from java import Load


def made(broker):
    said = broker.tool("topics", "--create", "--topic", "anew", "--partitions", 1, "--replication-factor", 1, status=None)
    return "Created topic" in said


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(**{"auto.create.topics.enable": "false"}).start()
        broker.create_topic("anew")
        config = broker.client_config(acks="all", delivery_timeout_ms=60000, request_timeout_ms=5000, retry_backoff_max_ms=200,
                                      metadata_max_age_ms=1000)
        load = Load(config, "anew", 1, 200, env.path("load"))
        try:
            wait_for("records", lambda: broker.offset("anew") > 200)
            broker.tool("topics", "--delete", "--topic", "anew")
            wait_for("no topic", lambda: "anew" not in broker.tool("topics", "--list").split())
            wait_for("the topic again", lambda: made(broker))  # Kafka still deletes for a while
            wait_for("records again", lambda: broker.offset("anew") > 200)
            time.sleep(1)
            load.finish()
        finally:
            load.kill()
        said = broker.kcat("-C", "-t", "anew", "-o", "beginning", "-e", "-q", "-f", "%s\n")
        numbers = [int(line.split()[1]) for line in said.splitlines()]
        assert not load.lost, f"the producer gave up on {len(load.lost)}: {load.lost[:3]}"
        assert numbers == list(range(numbers[0], load.sent)), "lost, doubled or reordered"
        broker.stop()
