"""Retention by size and by time: old segments go, the log start offset follows, the rest can be read."""
import glob
import os

from files import text_file
from harness import Cluster, wait_for

KEPT_BYTES, SEGMENT_BYTES = 500_000, 100_000


def size(file):
    """0 when it has been deleted since it was listed."""
    try:
        return os.path.getsize(file)
    except FileNotFoundError:
        return 0


def on_disk(broker, topic):
    return sum(size(f) for f in glob.glob(os.path.join(broker.data, topic + "-0", "*.log")))


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(log_retention_check_interval_ms=500, log_segment_delete_delay_ms=500).start()
        broker.create_topic("by-size", retention_bytes=KEPT_BYTES, segment_bytes=SEGMENT_BYTES)
        broker.create_topic("by-time", retention_ms=1000, segment_bytes=SEGMENT_BYTES)
        broker.create_topic("kept", segment_bytes=SEGMENT_BYTES)
        for topic in ("by-size", "by-time", "kept"):
            broker.kcat("-P", "-t", topic, "-p", 0, "-c", 40000, "-X", "batch.size=20000", stdin=text_file(env))
        ends = {topic: broker.offset(topic, when="latest") for topic in ("by-size", "by-time", "kept")}

        wait_for("little is left by size", lambda: on_disk(broker, "by-size") < KEPT_BYTES + 2 * SEGMENT_BYTES)
        assert on_disk(broker, "by-size") >= KEPT_BYTES - SEGMENT_BYTES
        start = broker.offset("by-size", when="earliest")
        assert 0 < start < ends["by-size"]
        seen = broker.kcat("-C", "-t", "by-size", "-o", "beginning", "-e", "-q", "-f", "%o\n").split()
        assert [int(o) for o in seen] == list(range(start, ends["by-size"]))

        wait_for("nothing is left by time", lambda: broker.offset("by-time", when="earliest") == ends["by-time"])
        assert broker.offset("by-time", when="latest") == ends["by-time"]
        assert broker.offset("kept", when="earliest") == 0
        wait_for("no .deleted file stays", lambda: not glob.glob(os.path.join(broker.data, "by-*", "*.deleted")))
        broker.stop()
        broker.start()
        wait_for("the start is kept", lambda: broker.offset("by-size", when="earliest") == start)
        broker.stop()
