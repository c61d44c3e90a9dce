"""Partitions move between log directories, round and round, under idempotent acks=all load and kill -9 at any moment:
nothing acknowledged is lost, doubled or reordered, neither on disk nor for a consumer that reads meanwhile; and in the end
each lies in one directory, where it was sent."""
import glob
import os
import random
import subprocess
import time

import kmsg
from harness import Cluster, wait_for
from java import CONSUMED, STUBBORN, Load, consumed

TIMEOUT = 300
PARTITIONS, PER_SECOND, DIRS = 3, 3000, 3
KILLS = {"samsa": 12, "kafka": 2}      # each start of Apache Kafka waits for its old session to expire
NONE = 0


def test(env):
    dice = random.Random(7)
    reads_on = env.target == "samsa"    # Apache Kafka says after a start that there is no such topic, and kcat ends
    folders = [env.path(f"disk-{i}") for i in range(DIRS)]
    with Cluster(env) as cluster:
        broker = cluster.broker(log_dirs=",".join(folders), log_segment_delete_delay_ms=1000).start()
        broker.create_topic("load", PARTITIONS, segment_bytes=262144)
        moves = Moves(broker, folders)
        load = Load(broker.client_config(**STUBBORN), "load", PARTITIONS, PER_SECOND, env.path("load"))
        reader = Reader(broker, env.path("read"))
        try:
            for kill in range(KILLS[env.target]):
                for _ in range(2):
                    moves.round()
                    time.sleep(dice.uniform(0, 0.4))
                broker.kill()
                broker.start()
                if kill % 3 == 0:
                    moves.settle()
            for _ in range(5):
                moves.round()
                moves.settle()
            load.finish()
            seen = stored(broker)
            if reads_on:
                wait_for("the consumer has read all", lambda: reader.count() >= sum(map(len, seen.values())))
        finally:
            load.kill()
            reader.kill()
        load.check(seen)
        if reads_on:
            load.check(reader.seen())
        assert moves.done >= 5 * PARTITIONS
        one_each(folders, moves)
        broker.stop()
        one_each(folders, moves)
        broker.start()
        load.check(stored(broker))
        broker.stop()


class Reader:
    """A consumer that reads from the beginning on, whatever happens."""

    def __init__(self, broker, path):
        self.path = path
        with open(path, "wb") as out:
            self.process = subprocess.Popen(
                ["kcat", "-b", broker.bootstrap, "-C", "-t", "load", "-o", "beginning", "-q", "-u", "-E", "-f", CONSUMED,
                 "-X", "reconnect.backoff.max.ms=200"], stdout=out, stderr=subprocess.DEVNULL)

    def count(self):
        with open(self.path, "rb") as f:
            return f.read().count(b"\n")

    def seen(self):
        with open(self.path) as f:
            return consumed(f.read())

    def kill(self):
        self.process.kill()
        self.process.wait()


class Moves:
    """Sends each partition to the next directory."""

    def __init__(self, broker, folders):
        self.broker, self.folders, self.done = broker, folders, 0
        self.wanted = {p: None for p in range(PARTITIONS)}

    def ask(self, name, version, request):
        with kmsg.Connection(self.broker.port, timeout=30) as connection:
            return connection.ask(name, version, request)

    def places(self):
        """{partition: (its directory, where a copy of it is made or None)}"""
        topics = [{"topic": "load", "partitions": list(range(PARTITIONS))}]
        found = {p: [None, None] for p in range(PARTITIONS)}
        for row in self.ask("describe_log_dirs", 4, {"topics": topics})["results"]:
            assert row["error_code"] == NONE and 0 < row["usable_bytes"] <= row["total_bytes"]
            for topic in row["topics"]:
                for p in topic["partitions"]:
                    place = found[p["partition_index"]]    # Apache Kafka tells of two for a moment, while it renames
                    twice = place[p["is_future_key"]] is not None
                    place[p["is_future_key"]] = "two" if twice else row["log_dir"]
        return found

    def known_places(self):
        places = self.places()
        return places if all(now in self.folders for now, _ in places.values()) else None

    def round(self):
        places = wait_for("each is in one directory", self.known_places)
        for partition, (now, _) in places.items():
            self.wanted[partition] = self.folders[(self.folders.index(now) + 1) % DIRS]
        dirs = [{"path": self.wanted[p], "topics": [{"name": "load", "partitions": [p]}]} for p in self.wanted]

        def accepted():
            answer = self.ask("alter_replica_log_dirs", 2, {"dirs": dirs})
            return all(p["error_code"] == NONE for t in answer["results"] for p in t["partitions"])
        wait_for("the moves are accepted", accepted)    # not before the broker has its roles

    def settle(self):
        wait_for("the moves end", lambda: all((now, then) == (self.wanted[p], None)
                                              for p, (now, then) in self.places().items()), 60)
        self.done += PARTITIONS


def one_each(folders, moves):
    def tidy():
        found = [d for folder in folders for d in glob.glob(os.path.join(folder, "load-*"))]
        return sorted(found) == sorted(os.path.join(moves.wanted[p], f"load-{p}") for p in range(PARTITIONS))
    wait_for("one directory for each partition", tidy)


def stored(broker):
    """{partition: [(offset, number)]} as a consumer sees it."""
    wait_for("the partitions are led", lambda: broker.kcat("-L", "-t", "load").count("leader 1,") == PARTITIONS)
    return consumed(broker.kcat("-C", "-t", "load", "-o", "beginning", "-e", "-q", "-f", CONSUMED))
