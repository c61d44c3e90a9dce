"""Compaction and the swap of disks: Apache Kafka goes on in a log directory that we have cleaned, cleans it further,
and we go on in its place; each finds what has to be there."""
from compacted import SMALL, Topic
from harness import Cluster

TIMEOUT = 200
CODECS = ("none", "zstd")
CONFIG = {"log_cleaner_backoff_ms": 100, "log_cleaner_threads": 2}


def test(env):
    with Cluster(env) as cluster:
        ours = cluster.broker(1, **CONFIG).start()
        topics = [Topic(env, ours, "swapped-" + codec, **SMALL | {"segment_bytes": 15000}) for codec in CODECS]
        go_on(ours, topics, "a")
        ours.stop()
        for target, tag in (("kafka", "b"), (env.target, "c")):
            other = cluster.broker(1, target=target, **CONFIG).start()
            cleaned = [topic.cleaned() for topic in topics]
            go_on(other, topics, tag)
            assert all(topic.cleaned() > before > 0 for topic, before in zip(topics, cleaned))
            other.stop()


def go_on(broker, topics, tag):
    """More records, more tombstones, cleaned; and before that what was there is right."""
    for topic, codec in zip(topics, CODECS):
        topic.broker = broker
        if topic.sent:
            topic.wait_served()
            topic.check()
        topic.fill(2000, codec, tag)
        topic.bury(range(0, 60, 7))
        topic.fill(800, codec, tag)
    for topic in topics:
        topic.wait_cleaned()
        topic.check()
