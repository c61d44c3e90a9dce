"""A Kafka Streams word count (at least once) counts every word, over a repartition topic and a compacted changelog: through
an orderly restart exactly, through kill -9 at least, with the broker restarted in between."""
import collections
import random

import java
from harness import Cluster, Process, wait_for

WORDS = "ant bee cat dog elk fox gnu hen ibis jay".split()
RUNNING_S = 90


class App:
    def __init__(self, env, broker, version, number=0):
        self.log = env.path(f"streams-{version}-{number}.log")
        config = broker.client_config(f"streams-{version}", application_id=f"count-{version}", state_dir=env.path(f"state-{version}"),
                                      commit_interval_ms=200, num_stream_threads=2, **{"consumer.auto.offset.reset": "earliest",
                                      "consumer.session.timeout.ms": 6000, "statestore.cache.max.bytes": 0})
        self.process = Process([*java.JVM, "-cp", java.peer("apps", version), "WordCount", config, f"words-{version}",
                                f"counts-{version}"], self.log)

    def wait_running(self):
        def running():
            assert self.process.running(), open(self.log).read()[-3000:]
            states = [line for line in open(self.log).read().splitlines() if line.startswith("state ")]
            return states and states[-1] == "state RUNNING"
        wait_for("the application runs", running, RUNNING_S)
        return self

    def end(self):
        self.process.signal(15)
        self.process.wait()


class Count:
    """What is written, and what the application says of it."""

    def __init__(self, env, broker, version):
        self.env, self.broker, self.version = env, broker, version
        self.expected, self.dice = collections.Counter(), random.Random(7)

    def write(self, lines):
        path = self.env.path("lines")
        with open(path, "w") as f:
            for _ in range(lines):
                words = self.dice.choices(WORDS, k=5)
                self.expected.update(words)
                f.write(" ".join(words) + "\n")
        self.broker.kcat("-P", "-t", f"words-{self.version}", "-X", "acks=all", stdin=path)

    def counted(self):
        said = self.broker.kcat("-C", "-t", f"counts-{self.version}", "-e", "-q", "-f", "%k %s\n")
        last = dict(line.split() for line in said.splitlines())
        return {word: int(count) for word, count in last.items()}

    def wait_exact(self):
        wait_for(f"the counts are {dict(self.expected)}", lambda: self.counted() == self.expected, 60, every=1)

    def wait_at_least(self):
        wait_for(f"the counts are {dict(self.expected)} at least",
                 lambda: all(self.counted().get(w, 0) >= n for w, n in self.expected.items()), 60, every=1)


def life(env, broker, version):
    count = Count(env, broker, version)
    for topic in ("words", "counts"):
        broker.create_topic(f"{topic}-{version}", 3)
    app = App(env, broker, version).wait_running()
    count.write(300)
    count.wait_exact()
    app.end()
    count.write(100)
    app = App(env, broker, version, 1).wait_running()
    count.wait_exact()
    app.process.kill()
    count.write(100)
    broker.stop()
    broker.start()
    app = App(env, broker, version, 2).wait_running()
    count.write(100)
    count.wait_at_least()
    app.end()
    topics = broker.tool("topics", "--list")
    assert f"count-{version}-counts-changelog" in topics and f"count-{version}-counts-repartition" in topics, topics


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0).start()
        life(env, broker, java.KAFKA)
        broker.stop()
