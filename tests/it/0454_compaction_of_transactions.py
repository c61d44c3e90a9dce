"""Transactions that Apache Kafka wrote (golden txn-0: committed, aborted, several at once) cleaned three times: the batches,
markers, horizons and aborted transactions that are left are those that Apache Kafka 3.9.2 leaves (txn-cleaned.json)."""
import glob
import json
import os
import struct
import tarfile

from compacted import Topic
from harness import Cluster

GOLDEN = os.path.join(os.path.dirname(__file__), "..", "golden", "disk")
CONFIG = {"cleanup_policy": "compact", "min_cleanable_dirty_ratio": 0.01, "segment_bytes": 6000, "delete_retention_ms": 0}


def test(env):
    with open(os.path.join(GOLDEN, "txn-cleaned.json")) as f:
        kafkas = json.load(f)
    for round, (found, wanted) in enumerate(zip(rounds(env), kafkas, strict=True)):
        assert sorted(found) == sorted(wanted), f"round {round}: {sorted(found)}, {sorted(wanted)}"
        for name in wanted:
            assert found[name] == wanted[name], f"round {round}, {name}:\n{found[name]}\n{wanted[name]}"


def rounds(env):
    """The first takes data, the second tells markers when they may go, the third takes them."""
    with Cluster(env) as cluster:
        broker = cluster.broker(1, log_cleaner_backoff_ms=100).start()
        topic = Topic(env, broker, "txn", **CONFIG)
        broker.stop()
        folder = os.path.join(broker.data, "txn-0")
        put_golden(folder)
        for _ in range(3):
            checkpoint = os.path.join(broker.data, "cleaner-offset-checkpoint")
            if os.path.exists(checkpoint):
                os.remove(checkpoint)    # all is dirty, and is cleaned once
            broker.start()
            topic.wait_cleaned()
            broker.stop()
            yield left(folder)


def put_golden(folder):
    for name in os.listdir(folder):
        if name != "partition.metadata":
            os.remove(os.path.join(folder, name))
    with tarfile.open(os.path.join(GOLDEN, "txn-groups-clean.tar.gz")) as tar:
        for member in tar.getmembers():
            if member.isfile() and "/txn-0/" in member.name and not member.name.endswith("partition.metadata"):
                with open(os.path.join(folder, os.path.basename(member.name)), "wb") as f:
                    f.write(tar.extractfile(member).read())


def left(folder):
    """Of each segment but the active one: the batches, but for the times when they were cleaned; the aborted transactions."""
    logs = sorted(glob.glob(folder + "/*.log"))[:-1]
    found = {os.path.basename(log): headers(log) for log in logs}
    for log in logs:
        index = log[:-4] + ".txnindex"
        if os.path.exists(index) and os.path.getsize(index):
            with open(index, "rb") as f:
                found[os.path.basename(index)] = f.read().hex()
    return found


def headers(log):
    with open(log, "rb") as f:
        data = f.read()
    at, found = 0, []
    while at < len(data):
        base, size = struct.unpack_from(">qi", data, at)
        attributes, last = struct.unpack_from(">hi", data, at + 21)
        producer, epoch, sequence, count = struct.unpack_from(">qhii", data, at + 43)
        found.append([base, base + last, size, attributes, producer, epoch, sequence, count])
        at += 12 + size
    return found
