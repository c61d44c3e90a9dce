"""The cleaner's settings, changed while it runs: its rate holds it and lets it go, more threads begin more, its buffers and
the table of keys are as large as they are told, the table as full, its pause as short."""
import re

from compacted import SMALL, Topic, metrics
from harness import Cluster, wait_for

EVERYONE = "brokers/<default>"
MIB = 1 << 20
THREADS, IO_BYTES = 4, 256 * MIB        # a change may double the threads; half of the bytes are to read, half to write
AN_HOUR_MS, SOON_MS = 3600000, 50
UNIQUE, ENTRY_BYTES, BATCH = 60000, 24, 20
TABLES = ((4400000, 0.5), (4400000, 0.9), (16 * MIB, 0.9))     # bytes of all threads, and how full
SECTION = r"cleaned log %s-0 \(dirty section = \[(\d+), (\d+)\]"


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker(log_cleaner_backoff_ms=AN_HOUR_MS, log_cleaner_threads=THREADS // 2, metrics_port=env.ports.take(),
                                log_cleaner_dedupe_buffer_size=16 * MIB).start()
        if env.target == "samsa":
            held_and_released(env, broker, client)
        pauses(env, broker, client)
        tables(env, broker, client)
        broker.stop()


def settings(client, **more):
    client.configure(EVERYONE, {f"log.cleaner.{key.replace('_', '.')}": value for key, value in more.items()})


def held_and_released(env, broker, client):
    """Apache Kafka's figures are in its JMX; and what so low a rate holds there is held for good."""
    topics = [Topic(env, broker, f"held-{i}", **SMALL) for i in range(THREADS - 1)]
    for topic in topics:
        topic.fill()
    before, slow = memory(broker), {"io_max_bytes_per_second": 1, "io_buffer_size": IO_BYTES, "backoff_ms": SOON_MS}
    settings(client, **slow)
    wait_for("all threads have work, and there is more", lambda: dirtiest(broker) > 0)
    settings(client, **slow, threads=THREADS)
    wait_for("that is begun too", lambda: dirtiest(broker) == 0)
    assert [t.cleaned() for t in topics] == [0] * len(topics), "what is held has ended"
    each = IO_BYTES // THREADS // 2
    wait_for("each has its buffer", lambda: memory(broker) - before > each * len(topics))
    settings(client, threads=THREADS)
    for topic in topics:
        topic.wait_cleaned()
        topic.check()
    assert f"Log cleaner thread {THREADS - 2} cleaned" in broker.text(), "no more than before were at work"


def dirtiest(broker):
    """Share of the dirtiest log of those that nobody cleans."""
    return metrics(broker.config["metrics.port"])["kafka_log_logcleanermanager_max_dirty_percent"]


def memory(broker):
    """Bytes that the process may write to."""
    with open(f"/proc/{broker.process.pid}/status") as f:
        return 1024 * int(re.search(r"VmData:\s+(\d+) kB", f.read())[1])


def pauses(env, broker, client):
    """A change makes it look at once; after that it is the pause that counts."""
    settings(client, threads=THREADS, backoff_ms=SOON_MS)
    topic = Topic(env, broker, "later", **SMALL)
    topic.fill()
    topic.wait_cleaned()


def tables(env, broker, client):
    """A cleaning goes as far as its table of keys has room."""
    for i, (size, load) in enumerate(TABLES):
        how = {"threads": THREADS, "dedupe_buffer_size": size, "io_buffer_load_factor": load}
        settings(client, **how, backoff_ms=AN_HOUR_MS)
        topic = Topic(env, broker, f"table-{i}", **SMALL | {"min_cleanable_dirty_ratio": 1})
        topic.send([(f"key-{n}", "x") for n in range(UNIQUE)])
        client.configure(f"topics/{topic.name}", {key.replace("_", "."): value for key, value in SMALL.items()})
        settings(client, **how, backoff_ms=SOON_MS)
        topic.wait_cleaned()
        sections = wait_for("it is told", lambda: re.findall(SECTION % topic.name, broker.text()))
        first = int(sections[0][1])
        room = int(size // THREADS // ENTRY_BYTES * load)
        wanted = min(room, topic.active())
        assert wanted - BATCH < first <= wanted, f"{sections}: the first is not of {wanted} keys"
