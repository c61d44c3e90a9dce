"""What /metrics counts of batches that are refused: records without a key for a compacted topic, another magic, a wrong
CRC, wrong offsets and sequences; of all topics and of the one. And what it tells of requests that wait, and of records
that are written again."""
import kmsg
from batches import batch, message, wrapper
from harness import Cluster, wait_for
from prometheus import Page

TARGETS = ("samsa",)    # Apache Kafka tells this over JMX, which needs a Java agent
FAULTS = ("nokeycompactedtopic", "invalidmagicnumber", "invalidmessagecrc", "invalidoffsetorsequence")
INVALID_RECORD, CORRUPT_MESSAGE = 87, 2


def faults(port):
    return [Page(port).topic(fault + "records", "keyed") for fault in FAULTS]


def produce(connection, records, version, error):
    ask = {"acks": 1, "timeout_ms": 10000, "topic_data": [{"name": "keyed", "partition_data": [{"index": 0, "records": records}]}]}
    got = connection.ask("produce", version, ask)["responses"][0]["partition_responses"][0]["error_code"]
    assert got == error, (got, error)


def fetch(connection, max_wait_ms):
    connection.send_message("fetch", 4, {"replica_id": -1, "max_wait_ms": max_wait_ms, "min_bytes": 1, "topics": [
        {"topic": "keyed", "partitions": [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}]}]})


def waits(connection, broker_port, port):
    """A fetch waits for records that come, and for such as do not."""
    def told(page):
        return (page("kafka_server_delayedoperationpurgatory_numdelayedoperations", delayedOperation="Fetch"),
                page("kafka_server_delayedfetchmetrics_expires_total", fetcherType="consumer"))
    fetch(connection, 1)
    connection.receive_message("fetch", 4)
    assert told(Page(port)) == (0, 1)
    fetch(connection, 60000)
    wait_for("the fetch waits", lambda: told(Page(port)) == (1, 1))
    with kmsg.Connection(broker_port) as other:
        produce(other, batch([b"a"]), 9, 0)
    connection.receive_message("fetch", 4)
    page = Page(port)
    assert told(page) == (0, 1)
    assert page("kafka_server_delayedfetchmetrics_expires_total", fetcherType="follower") == 0
    assert page("kafka_server_delayedproducemetrics_expires_total") == page("kafka_server_delayeddeleterecordsmetrics_expires_total") == 0


def converted(port, request):
    """How many requests, and the milliseconds and the bytes that their records took to be written again."""
    page, of = Page(port), "kafka_network_requestmetrics_"
    n, ms, same_n, size, all_n = (page(of + name, request=request) for name in (
        "messageconversionstimems_count", "messageconversionstimems_sum", "temporarymemorybytes_count",
        "temporarymemorybytes_sum", "totaltimems_count"))
    assert n == same_n == all_n
    return n, ms, size


def conversions(connection, port):
    """Only a batch in another format, or another codec than the topic's, is written again."""
    n, ms, size = converted(port, "Produce")
    assert converted(port, "Fetch")[1:] == (0, 0)
    produce(connection, batch([b"a"]), 9, 0)
    assert converted(port, "Produce") == (n + 1, ms, size)
    big = b"".join(message(b"v" * 1000, 1, key=b"k", offset=i) for i in range(100))
    produce(connection, big, 2, 0)
    after = converted(port, "Produce")
    assert after[0] == n + 2 and after[1] > ms and 100 * 1000 < after[2] - size < 2 * len(big), (n, ms, size, after)


def test(env):
    port = env.ports.take()
    with Cluster(env) as cluster:
        broker = cluster.broker(metrics_port=port).start()
        broker.create_topic("keyed", cleanup_policy="compact")
        with kmsg.Connection(broker.port) as connection:
            produce(connection, batch([b"a", b"b", b"c"], key=None), 9, INVALID_RECORD)
            assert faults(port) == [3, 0, 0, 0]
            produce(connection, batch([b"a"], break_crc=True), 9, CORRUPT_MESSAGE)
            produce(connection, wrapper([message(b"a", 1, key=b"k", break_crc=True)], 1), 2, CORRUPT_MESSAGE)
            assert faults(port) == [3, 0, 2, 0]
            produce(connection, batch([b"a"], count=2), 9, INVALID_RECORD)
            produce(connection, batch([b"a", b"b"], deltas=[0, 7]), 9, INVALID_RECORD)
            produce(connection, batch([b"a"], producer=(7, 0, -1)), 9, INVALID_RECORD)
            assert faults(port) == [3, 0, 2, 3]
            produce(connection, message(b"a", 0, key=b"k") + message(b"b", 1, key=b"k", offset=1), 2, INVALID_RECORD)
            produce(connection, wrapper([message(b"a", 0, key=b"k")], 1), 2, INVALID_RECORD)
            assert faults(port) == [3, 2, 2, 3]
            waits(connection, broker.port, port)
            conversions(connection, port)
        broker.stop()
