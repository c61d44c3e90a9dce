"""The swap of disks: a broker goes on with the log directory that the other kind of broker wrote."""
from harness import Cluster
from java import tool

PARTITIONS, RECORDS = 3, 3000
# Small segments, so that there are many of them, with their indexes and snapshots.
TOPIC = {"segment_bytes": 262144, "index_interval_bytes": 1024}


def records(broker, topic):
    """Every record of a topic, with its offset, timestamp, epoch, key, headers and value's checksum."""
    said = tool("Dump", broker.client_config(), topic, timeout=120)
    lines = [line for line in said.splitlines() if line[:1].isdigit()]
    assert len(lines) >= RECORDS // 5 * 5, f"{len(lines)} records"
    return lines


def fill(broker, topic):
    tool("Fill", broker.client_config("producer", acks="all"), topic, PARTITIONS, RECORDS, timeout=120)


def leave(broker, how):
    if how == "clean":
        broker.stop()
    else:
        broker.kill()


def passed_on(env, how, first, second):
    """first writes, second goes on in its place and writes more, first comes back: nobody misses anything."""
    with Cluster(env) as cluster:
        old = cluster.broker(1, target=first).start()
        old.create_topic("shapes", PARTITIONS, **TOPIC)
        fill(old, "shapes")
        before = records(old, "shapes")
        leave(old, how)

        new = cluster.broker(1, target=second)
        new.start()
        assert records(new, "shapes") == before, f"{second} does not read all that {first} wrote"
        fill(new, "shapes")
        middle = records(new, "shapes")
        assert len(middle) == 2 * len(before)
        assert set(before) <= set(middle), f"{second} changed what {first} wrote"
        leave(new, how)

        back = cluster.broker(1, target=first).start()
        assert records(back, "shapes") == middle, f"{first} does not read all that {second} wrote"
        back.tool("topics", "--describe", "--topic", "shapes")
        back.stop()
