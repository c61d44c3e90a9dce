"""Compaction: the last record of each key stays, whatever the codec; tombstones go when their time is over; lags
hold back and force; compact,delete deletes too; a record without a key is refused."""
import os

from compacted import KEYS, RECORDS, SMALL, Topic
from harness import Cluster, wait_for

TIMEOUT = 300
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(log_cleaner_backoff_ms=200, log_segment_delete_delay_ms=300, log_retention_check_interval_ms=300,
                                log_cleaner_threads=2).start()
        codecs(env, broker)
        tombstones(env, broker)
        lags(env, broker)
        both(env, broker)
        keyless(broker)
        broker.stop()


def codecs(env, broker):
    topics = [Topic(env, broker, "codec-" + codec, compression_type="producer", **SMALL) for codec in CODECS]
    for topic, codec in zip(topics, CODECS):
        topic.fill(codec=codec)
    for topic in topics:
        topic.wait_cleaned()
        assert len(topic.check()) < RECORDS
        # What is between two records that stayed is found too: the next one is.
        gap = next(o for o in range(1, RECORDS) if o not in topic.seen())
        said = broker.kcat("-C", "-t", topic.name, "-p", 0, "-o", gap, "-c", 1, "-q", "-f", "%o")
        assert int(said) == min(o for o in topic.seen() if o > gap)
    by_time(broker, topics[0])


def by_time(broker, topic):
    """ListOffsets: the record with the largest timestamp is one that is still there."""
    said = broker.tool("get-offsets", "--topic", topic.name, "--time", "max-timestamp")
    assert int(said.split(":")[2]) in topic.seen()


def tombstones(env, broker):
    topic = Topic(env, broker, "buried", delete_retention_ms=100, **SMALL)
    topic.fill()
    topic.bury(range(0, KEYS, 2))
    topic.fill(keys=1, tag="b")
    topic.wait_cleaned()
    topic.check()

    def gone():
        """Each cleaning that finds them over their time drops them: more dirt brings the next one."""
        topic.fill(1000, keys=1, tag="c")
        topic.wait_cleaned()
        return not [key for key, value in topic.check().values() if value is None]
    wait_for("the tombstones are gone", gone, 60)
    left = {key for key, _ in topic.seen().values()}
    assert not left & {f"key-{k}" for k in range(2, KEYS, 2)}
    assert {f"key-{k}" for k in range(1, KEYS, 2)} <= left


def lags(env, broker):
    young = Topic(env, broker, "young", min_compaction_lag_ms=3600000, **SMALL)
    due = Topic(env, broker, "due", max_compaction_lag_ms=1000, **SMALL | {"min_cleanable_dirty_ratio": 1})
    for topic in (young, due):
        topic.fill()
    due.wait_cleaned()
    due.check()
    assert young.cleaned() == 0 and len(young.seen()) == RECORDS


def both(env, broker):
    topic = Topic(env, broker, "both", retention_ms=1000, **SMALL | {"cleanup_policy": "compact,delete"})
    topic.fill()
    wait_for("old segments are deleted", lambda: broker.offset("both", when="earliest") > RECORDS // 2)
    assert all(o >= broker.offset("both", when="earliest") or o < RECORDS for o in topic.seen())


def keyless(broker):
    broker.create_topic("keys-only", cleanup_policy="compact")
    file = os.path.join(broker.folder, "keyless")
    with open(file, "w") as f:
        f.write("no key\n")
    broker.kcat("-P", "-t", "keys-only", "-p", 0, stdin=file, status=1)
    assert broker.offset("keys-only") == 0
