"""compression.type with its levels: whatever codec a producer uses, what lies on disk has the topic's, and the records are the
same. So with clients of old, whose messages of formats 0 and 1 are stored in format 2. And a producer that was quiet for
producer.id.expiration.ms is forgotten, which changes at run time too."""
import os
import time

import kmsg
from batches import batch
from harness import Cluster, wait_for

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]    # by their numbers in a batch
LEVELS = {"gzip": (1, 9), "lz4": (1, 17), "zstd": (1, 19)}
NONE, A_DAY_MS = 0, 86400000


def test(env):
    text = env.path("text")
    with open(text, "w") as f:
        f.writelines(f"{i} {os.path.basename(__file__)} {i * i * 7919} words that come again and again\n" for i in range(3000))
    with open(text) as f:
        lines = f.read()
    with Cluster(env) as cluster:
        broker = cluster.broker(producer_id_expiration_ms=A_DAY_MS, producer_id_expiration_check_interval_ms=100).start()
        every_codec(broker, text, lines)
        old_clients(broker, text, lines)
        levels(broker, text, lines)
        with cluster.zk_client() as client:
            expiry(broker, client)
        broker.stop()


def create(broker, **topics):
    rows = [{"name": name, "num_partitions": 1, "replication_factor": 1,
             "configs": [{"name": k, "value": str(v)} for k, v in configs.items()]} for name, configs in topics.items()]
    answer = ask(broker, "create_topics", 7, {"topics": rows, "timeout_ms": 20000})
    assert all(t["error_code"] == NONE for t in answer["topics"]), answer


def ask(broker, name, version, request):
    with kmsg.Connection(broker.port, timeout=30) as connection:
        return connection.ask(name, version, request)


def stored(broker, topic):
    """(codec, bytes) of each batch, all of format 2."""
    row = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 10 ** 7}
    answer = ask(broker, "fetch", 12, {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 10 ** 7,
                                       "topics": [{"topic": topic, "partitions": [row]}]})
    data, out = bytes(answer["responses"][0]["partitions"][0]["records"]), []
    while data:
        length = 12 + int.from_bytes(data[8:12], "big")
        assert data[16] == 2, f"format {data[16]}"
        out.append((CODECS[data[22] & 7], length))
        data = data[length:]
    return out


def send(broker, topic, codec, text, *more):
    broker.kcat("-P", "-t", topic, "-z", codec, "-X", "linger.ms=200", "-X", "batch.num.messages=500", *more, stdin=text)


def read(broker, topic):
    return broker.kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q")


def every_codec(broker, text, lines):
    kinds = ["producer", "uncompressed"] + CODECS[1:]
    create(broker, **{f"to-{kind}": {"compression.type": kind} for kind in kinds})
    for kind in kinds:
        for codec in CODECS:
            send(broker, f"to-{kind}", codec, text)
        assert read(broker, f"to-{kind}") == lines * len(CODECS), f"{kind}: other records come back"
        expected = {"producer": set(CODECS), "uncompressed": {"none"}}.get(kind, {kind})
        assert {codec for codec, _ in stored(broker, f"to-{kind}")} == expected, kind


def old_clients(broker, text, lines):
    """As librdkafka speaks to brokers of old: format 0, where the header checksum of lz4 is the wrong one, and format 1."""
    of_old = [codec for codec in CODECS if codec != "zstd"]
    for kind in ("producer", "lz4"):
        for version in ("0.8.2", "0.10.0"):
            name = f"old-{version}-{kind}"
            create(broker, **{name: {"compression.type": kind}})
            for codec in of_old:
                send(broker, name, codec, text, "-X", "api.version.request=false", "-X", f"broker.version.fallback={version}")
            assert read(broker, name) == lines * len(of_old), f"{name}: other records come back"
            assert {codec for codec, _ in stored(broker, name)} == (set(of_old) if kind == "producer" else {kind}), name


def levels(broker, text, lines):
    for codec, (low, high) in LEVELS.items():
        sizes = {}
        for level in (low, high):
            name = f"{codec}-{level}"
            create(broker, **{name: {"compression.type": codec, f"compression.{codec}.level": level}})
            send(broker, name, "none", text)
            assert read(broker, name) == lines
            sizes[level] = sum(size for _, size in stored(broker, name))
        print(codec, sizes)
        assert sizes[high] < sizes[low] < len(lines), f"{codec}: levels {sizes}"


def expiry(broker, client):
    create(broker, quiet={})

    def produce(producer, timestamp=1000):
        rows = [{"name": "quiet", "partition_data": [{"index": 0, "records": batch([b"x"], timestamp, producer=producer)}]}]
        answer = ask(broker, "produce", 9, {"acks": -1, "timeout_ms": 9000, "topic_data": rows})
        row = answer["responses"][0]["partition_responses"][0]
        assert row["error_code"] == NONE, row
        return row["base_offset"]

    def known():
        answer = ask(broker, "describe_producers", 0, {"topics": [{"name": "quiet", "partition_indexes": [0]}]})
        return [p["producer_id"] for p in answer["topics"][0]["partitions"][0]["active_producers"]]
    # The batch's time counts, which is long ago.
    assert produce((800, 0, 0)) == 0
    wait_for("the producer is forgotten", lambda: not known())
    assert produce((800, 0, 0)) == 1, "it was taken for a repetition"
    wait_for("the producer is forgotten again", lambda: not known())
    assert produce((800, 0, 9)) == 2, "who is not known may go on anywhere"
    wait_for("the producer is forgotten once more", lambda: not known())
    now_ms = int(time.time() * 1000)
    assert produce((801, 0, 0), now_ms) == produce((801, 0, 0), now_ms) == 3, "a repetition was taken for a record"
    assert known() == [801], "a day is not over"
    client.configure("brokers/1", {"producer.id.expiration.ms": 1})
    wait_for("a shorter time holds", lambda: not known())
    assert produce((801, 0, 0), now_ms) == 4, "it was taken for a repetition"
