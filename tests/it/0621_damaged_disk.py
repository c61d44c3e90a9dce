"""A damaged disk: files of a stopped or killed broker flipped, cut, removed, or replaced by rubbish. The broker
recovers what can be recovered, loses nothing that is whole without a word, or says in one line what is wrong and ends
with status 1. It never crashes, and what it serves afterwards it also appends to."""
import glob
import os
import random

import wire
from harness import Cluster, wait_for

TARGETS = ("samsa",)    # Kafka drops what lies behind damage; we keep it aside
RECORDS = 60


def rubbish(path, size=100):
    with open(path, "wb") as f:
        f.write(random.Random(size).randbytes(size))


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 0xFF]))


def files(folder, pattern):
    return sorted(glob.glob(os.path.join(folder, pattern)))


def each(pattern, change):
    return lambda folder: [change(path) for path in files(folder, pattern) if os.path.getsize(path)]


def beside(name, change):
    """A file of the log directory, beside the partition's."""
    return lambda folder: change(os.path.join(os.path.dirname(folder), name))


def halve(path):
    os.truncate(path, os.path.getsize(path) // 2)


def write(text):
    def to(path):
        with open(path, "w") as f:
            f.write(text)
    return to


def beyond_the_end(folder):
    topic, partition = os.path.basename(folder).split("-")
    beside("recovery-point-offset-checkpoint", write(f"0\n1\n{topic} {partition} 9223372036854775807\n"))(folder)


def leftovers(folder):
    for name in ("00000000000000000007.log.deleted", "rubbish", "99999999999999999999.log", "-1.log",
                 "00000000000000000003.index", "00000000000000000003.log.cleaned", "00000000000000000100.snapshot"):
        rubbish(os.path.join(folder, name))
    os.mkdir(os.path.join(folder, "00000000000000000005.log"))
    os.mkdir(f"{folder}.{'0' * 32}-delete")
    os.mkdir(f"{folder}.{'1' * 32}-stray")


# What is done to the partition's folder, and how many of the records must be there afterwards.
HARMLESS = (
    ("indexes cut", each("*index", halve), RECORDS),
    ("indexes removed", each("*index", os.unlink), RECORDS),
    ("indexes of rubbish", each("*index", rubbish), RECORDS),
    ("snapshots of rubbish", each("*.snapshot", rubbish), RECORDS),
    ("epochs of rubbish", each("leader-epoch-checkpoint", rubbish), RECORDS),
    ("checkpoints of rubbish", beside("recovery-point-offset-checkpoint", rubbish), RECORDS),
    ("a checkpoint beyond the end", beyond_the_end, RECORDS),
    ("files of others and leftovers", leftovers, RECORDS),
    ("zeros behind the end", lambda folder: os.truncate(files(folder, "*.log")[-1], 1 << 20), RECORDS),
    ("a torn tail", lambda folder: os.truncate(files(folder, "*.log")[-1],
                                               os.path.getsize(files(folder, "*.log")[-1]) - 3), RECORDS - 1))
FATAL = (
    ("a directory of no partition", beside("no partition", os.mkdir), "whose name is not in the form of"),
    ("another cluster", beside("meta.properties", write("version=0\nbroker.id=1\ncluster.id=another\n")),
     "doesn't match stored clusterId"),
    ("another broker", beside("meta.properties", write("version=0\nbroker.id=7\n")), "doesn't match stored broker.id"),
    ("a KRaft directory", beside("meta.properties", write("version=1\nnode.id=1\n")), "version"))


class Case:
    """A broker with a disk and a topic of its own, stopped or killed with records in one partition."""

    def __init__(self, cluster, name, kill):
        self.topic = f"t{len(cluster.brokers)}"
        self.broker = cluster.broker(name=name, log_segment_bytes=1500).start()
        self.folder = os.path.join(self.broker.data, self.topic + "-0")
        with wire.Connection(self.broker.port) as client:
            client.create_topic(self.topic)
            for i in range(RECORDS):
                assert client.produce(self.topic, b"record %d" % i) == i
        (self.broker.kill if kill else self.broker.stop)()


def test(env):
    with Cluster(env) as cluster:
        for kill in (False, True):
            for name, damage, expected in HARMLESS:
                survives(cluster, f"{name} {'killed' if kill else 'stopped'}", kill, damage, expected)
        corruption_is_told(cluster)
        for name, damage, words in FATAL:
            refuses(cluster, name, damage, words)


def survives(cluster, name, kill, damage, expected):
    case = Case(cluster, name, kill)
    damage(case.folder)
    case.broker.start()
    with wire.Connection(case.broker.port) as client:
        end = wait_for("an append", lambda: max(client.produce(case.topic, b"next"), 0))
    assert end == expected, f"{name}: the log ends at {end}, expected {expected}"
    said = case.broker.kcat("-C", "-t", case.topic, "-o", "beginning", "-e", "-q").splitlines()
    assert said == [f"record {i}" for i in range(expected)] + ["next"], f"{name}: {said}"
    case.broker.stop()


def corruption_is_told(cluster):
    """A byte flipped inside: what follows is not served, but kept beside the log, and told."""
    case = Case(cluster, "flipped", True)
    flip(files(case.folder, "*.log")[-1], 70)
    os.unlink(os.path.join(case.broker.data, ".samsa_boot"))   # as after a crash of the machine: every CRC counts
    case.broker.start()
    assert "Corruption found in segment" in case.broker.text() and files(case.folder, "*.corrupt")
    case.broker.stop()


def refuses(cluster, name, damage, words):
    case = Case(cluster, name, False)
    damage(case.folder)
    case.broker.launch()
    assert case.broker.process.wait() == 1 and words in case.broker.text(), f"{name}:\n{case.broker.tail()}"
    case.broker.check_log()
