"""What /metrics counts of batches that are refused: records without a key for a compacted topic, another magic, a wrong
CRC, wrong offsets and sequences; of all topics and of the one."""
import kmsg
from batches import batch, message, wrapper
from harness import Cluster
from prometheus import Page

TARGETS = ("samsa",)    # Apache Kafka tells this over JMX, which needs a Java agent
FAULTS = ("nokeycompactedtopic", "invalidmagicnumber", "invalidmessagecrc", "invalidoffsetorsequence")
INVALID_RECORD, CORRUPT_MESSAGE = 87, 2


def faults(port):
    return [Page(port).topic(fault + "records", "keyed") for fault in FAULTS]


def refused(connection, records, version, error):
    ask = {"acks": 1, "timeout_ms": 10000, "topic_data": [{"name": "keyed", "partition_data": [{"index": 0, "records": records}]}]}
    got = connection.ask("produce", version, ask)["responses"][0]["partition_responses"][0]["error_code"]
    assert got == error, (got, error)


def test(env):
    port = env.ports.take()
    with Cluster(env) as cluster:
        broker = cluster.broker(metrics_port=port).start()
        broker.create_topic("keyed", cleanup_policy="compact")
        with kmsg.Connection(broker.port) as connection:
            refused(connection, batch([b"a", b"b", b"c"], key=None), 9, INVALID_RECORD)
            assert faults(port) == [3, 0, 0, 0]
            refused(connection, batch([b"a"], break_crc=True), 9, CORRUPT_MESSAGE)
            refused(connection, wrapper([message(b"a", 1, key=b"k", break_crc=True)], 1), 2, CORRUPT_MESSAGE)
            assert faults(port) == [3, 0, 2, 0]
            refused(connection, batch([b"a"], count=2), 9, INVALID_RECORD)
            refused(connection, batch([b"a", b"b"], deltas=[0, 7]), 9, INVALID_RECORD)
            refused(connection, batch([b"a"], producer=(7, 0, -1)), 9, INVALID_RECORD)
            assert faults(port) == [3, 0, 2, 3]
            refused(connection, message(b"a", 0, key=b"k") + message(b"b", 1, key=b"k", offset=1), 2, INVALID_RECORD)
            refused(connection, wrapper([message(b"a", 0, key=b"k")], 1), 2, INVALID_RECORD)
            assert faults(port) == [3, 2, 2, 3]
        broker.stop()
