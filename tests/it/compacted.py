"""A compacted topic: what was sent, what is there, and what has to be."""
import glob
import os
import urllib.request

from harness import wait_for

KEYS, RECORDS = 60, 3000
SMALL = {"segment_bytes": 40000, "cleanup_policy": "compact", "min_cleanable_dirty_ratio": 0.01}


class Topic:
    """What was sent, by offset: one producer, one partition, nothing is sent twice."""

    def __init__(self, env, broker, name, **config):
        self.env, self.broker, self.name, self.sent = env, broker, name, []
        broker.create_topic(name, **config)

    def send(self, records, codec="none"):
        file = self.env.path(f"{self.name}-{len(self.sent)}")
        with open(file, "w") as f:
            f.writelines(f"{key}\t{value or ''}\n" for key, value in records)
        self.broker.kcat("-P", "-t", self.name, "-p", 0, "-K", "\t", "-Z", "-z", codec, "-X", "linger.ms=5",
                         "-X", "batch.num.messages=20", stdin=file)
        self.sent += records

    def fill(self, records=RECORDS, codec="none", tag="a", keys=KEYS):
        self.send([(f"key-{i * 7 % keys}", f"{tag}-{i}-" + "x" * 60) for i in range(records)], codec)

    def bury(self, keys):
        self.send([(f"key-{k}", None) for k in keys])

    def seen(self):
        """{offset: (key, value)} as a consumer sees it."""
        said = self.broker.kcat("-C", "-t", self.name, "-p", 0, "-o", "beginning", "-e", "-q", "-f", "%o\t%k\t%S\t%s\n")
        rows = [line.split("\t") for line in said.splitlines()]
        assert [int(r[0]) for r in rows] == sorted({int(r[0]) for r in rows}), "offsets do not rise"
        return {int(o): (key, None if size == "-1" else value) for o, key, size, value in rows}

    def wait_served(self):
        """After a start a broker may not know its topics for a moment."""
        words = ("-C", "-t", self.name, "-p", 0, "-o", -1, "-c", 1, "-q", "-f", "%o")
        wait_for(f"{self.name} is served", lambda: self.broker.kcat(*words, status=None), 30)

    def cleaned(self):
        """What the cleaner's checkpoint says."""
        try:
            with open(os.path.join(self.broker.data, "cleaner-offset-checkpoint")) as f:
                rows = [line.split() for line in f.read().splitlines()[2:]]
        except FileNotFoundError:
            return 0
        return max((int(r[2]) for r in rows if r[0] == self.name), default=0)

    def active(self):
        return max(int(os.path.basename(f)[:20]) for f in glob.glob(os.path.join(self.broker.data, self.name + "-0", "*.log")))

    def wait_cleaned(self):
        wait_for(f"{self.name} is cleaned", lambda: self.cleaned() >= self.active() > 0, 60)

    def check(self):
        """Nothing has another offset or value; the last of each key is there; of older ones none is."""
        cleaned, seen = self.cleaned(), self.seen()
        last = {key: offset for offset, (key, _) in enumerate(self.sent)}
        for offset, row in seen.items():
            assert row == self.sent[offset], f"{self.name}: offset {offset} holds {row}, was {self.sent[offset]}"
        for key, offset in last.items():
            assert offset in seen or self.sent[offset][1] is None, f"{self.name}: {key} is lost"
        later = {}
        for offset in range(cleaned - 1, -1, -1):
            key = self.sent[offset][0]
            assert offset not in seen or key not in later, f"{self.name}: {offset} is superseded by {later[key]} < {cleaned}"
            later.setdefault(key, offset)
        return seen


def metrics(port):
    """Each figure of /metrics, by its name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}
