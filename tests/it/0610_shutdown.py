"""SIGTERM: what was acknowledged is flushed and marked clean, ZooKeeper is left, and the next start recovers nothing."""
import os

from files import text_file
from harness import Cluster, wait_for


def checkpoint(broker, name):
    with open(os.path.join(broker.data, name)) as f:
        version, count, *rows = f.read().splitlines()
    assert version == "0" and int(count) == len(rows), name
    return {tuple(row.rsplit(" ", 1)[0].split(" ")): int(row.rsplit(" ", 1)[1]) for row in rows}


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(num_partitions=2).start()
        broker.create_topic("kept", 2)
        broker.kcat("-P", "-t", "kept", "-p", 1, "-c", 5000, stdin=text_file(env))
        end = broker.offset("kept", 1)
        assert end > 0
        assert not os.path.exists(os.path.join(broker.data, ".kafka_cleanshutdown"))
        broker.stop()
        assert os.path.exists(os.path.join(broker.data, ".kafka_cleanshutdown")), "not marked clean"
        assert checkpoint(broker, "recovery-point-offset-checkpoint") == {("kept", "0"): 0, ("kept", "1"): end}
        assert checkpoint(broker, "replication-offset-checkpoint")["kept", "1"] == end
        assert checkpoint(broker, "log-start-offset-checkpoint") == {} \
            or set(checkpoint(broker, "log-start-offset-checkpoint").values()) == {0}
        with cluster.zk_client() as client:
            assert not client.exists("/brokers/ids/1") and not client.exists("/controller"), "ZooKeeper was not left"
        broker.start()
        wait_for("all of it is back", lambda: broker.offset("kept", 1) == end)
        wait_for("the mark is taken away", lambda: not os.path.exists(os.path.join(broker.data, ".kafka_cleanshutdown")))
        broker.stop()
