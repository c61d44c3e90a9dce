"""A move that cannot go on does not hold compaction up: the replica is cleaned beside the copy that waits to be called off.
Metrics tell of both, and of a log that compaction has given up on."""
import glob
import os

import kmsg
from compacted import SMALL, Topic, metrics
from harness import Cluster, wait_for

TARGETS = ("samsa",)    # Apache Kafka copies what is damaged


def test(env):
    folders = [env.path(f"disk-{i}") for i in range(2)]
    port = env.ports.take()
    with Cluster(env) as cluster:
        broker = cluster.broker(1, log_dirs=",".join(folders), log_cleaner_backoff_ms=100, metrics_port=port).start()
        topic = Topic(env, broker, "keyed", **SMALL | {"min_cleanable_dirty_ratio": 1})
        topic.fill()
        here = next(f for f in folders if os.path.isdir(f + "/keyed-0"))
        there = folders[1 - folders.index(here)]
        damage(max(glob.glob(here + "/keyed-0/*.log")))
        dirs = [{"path": there, "topics": [{"name": "keyed", "partitions": [0]}]}]
        with kmsg.Connection(broker.port, timeout=30) as connection:
            answer = connection.ask("alter_replica_log_dirs", 2, {"dirs": dirs})
        assert answer["results"][0]["partitions"][0]["error_code"] == 0
        wait_for("the move stops", lambda: "cannot be moved" in broker.text())
        broker.tool("configs", "--alter", "--entity-type", "topics", "--entity-name", "keyed",
                    "--add-config", "min.cleanable.dirty.ratio=0.01")
        wait_for("it is cleaned", lambda: "cleaned log keyed-0" in broker.text(), 30)
        assert glob.glob(there + "/keyed-0.*-future"), "the copy is there until the move is called off"
        page = metrics(port)
        assert page['kafka_server_replicaalterlogdirsmanager_failedpartitionscount{clientId="ReplicaAlterLogDirs"}'] == 1
        assert page['kafka_server_replicaalterlogdirsmanager_maxlag{clientId="ReplicaAlterLogDirs"}'] > 0
        assert page["kafka_utils_throttler_cleaner_io_total"] > 0 == page["kafka_log_logcleaner_deadthreadcount"]
        given_up = f'kafka_log_logcleanermanager_uncleanable_%s{{logDirectory="{here}"}}'
        assert page[given_up % "bytes"] == page[given_up % "partitions_count"] == 0
        topic.fill()    # what is damaged is to be cleaned now
        wait_for("it is given up", lambda: metrics(port)[given_up % "partitions_count"] == 1, 30)
        assert metrics(port)[given_up % "bytes"] > SMALL["segment_bytes"]
        broker.stop()


def damage(log):
    """A byte of the first batch of the active segment, which is not cleaned."""
    with open(log, "r+b") as f:
        f.seek(100)
        byte = f.read(1)
        f.seek(100)
        f.write(bytes([byte[0] ^ 1]))
