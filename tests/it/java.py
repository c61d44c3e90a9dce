"""Kafka's Java commands, run in one JVM for each version (tests/peers/Serve.java), since each JVM costs seconds."""
import collections
import functools
import os
import re
import subprocess
import threading

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers", "peer")
JVM = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
       "-Dorg.slf4j.simpleLogger.defaultLogLevel=" + os.environ.get("LOG", "warn")]


@functools.cache
def peer(*words):
    done = subprocess.run((PEER,) + words, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


KAFKA, NEWEST = peer("versions").split()


class Failed(AssertionError):
    """A command ended with a status other than the expected one."""


class Server:
    """The JVM of one version; started by its first command, anew after one that ran out of time."""

    def __init__(self, version):
        self.version, self.process = version, None

    def start(self):
        self.process = subprocess.Popen(JVM + ["-cp", peer("classes", self.version), "Serve"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def run(self, name, words, stdin, timeout):
        if not self.process or self.process.poll() is not None:
            self.start()
        line = "\x1f".join([stdin or "-", peer("class", self.version, name)] + [str(w) for w in words])
        watch = threading.Timer(timeout, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                raise Failed(f"{name} {' '.join(map(str, words))}: no end within {timeout} s")
            status, length, out = map(int, answer.split())
            return status, self.process.stdout.read(length).decode(), self.process.stdout.read(out).decode()
        finally:
            watch.cancel()


SERVERS = {}
# Admin clients of commands that have ended may go on in the shared JVM for a while, and complain.
STRAY = re.compile(r"^\[kafka-admin-client-thread[^\n]*\n", re.M)


def outcome(name, *words, version=KAFKA, stdin=None, timeout=60):
    """Runs one and gives back its status, what it printed, and what of it went to standard output."""
    return SERVERS.setdefault(version, Server(version)).run(name, words, stdin, timeout)


def tool(name, *words, version=KAFKA, stdin=None, timeout=60, status=0):
    """Runs one of Kafka's commands (or a class of tests/peers) and gives back what it printed.
    stdin is a file's path; status what it must end with, None for any."""
    ended, said, _ = outcome(name, *words, version=version, stdin=stdin, timeout=timeout)
    print(f"$ {name} {' '.join(map(str, words))}\n{said}", end="")
    said = STRAY.sub("", said)
    if status is not None and ended != status:
        raise Failed(f"{name} {' '.join(map(str, words))} ended with {ended}:\n{said}")
    return said


def stop_all():
    for server in SERVERS.values():
        server.stop()


# A producer that goes on through the deaths of its broker.
STUBBORN = {"acks": "all", "linger_ms": 2, "delivery_timeout_ms": 120000, "request_timeout_ms": 10000,
            "reconnect_backoff_max_ms": 200, "retry_backoff_max_ms": 200, "buffer_memory": 4194304}
CONSUMED = "%p %o %s\n"      # kcat's -f for consumed()


def consumed(said):
    """{partition: [(offset, number)]} of what kcat says of a load's topic, in its order."""
    seen = collections.defaultdict(list)
    for line in said.splitlines():
        partition, offset, marked, number = line.split()[:4]
        assert partition == marked
        seen[int(partition)].append((int(offset), int(number)))
    return seen


class Load:
    """tests/peers/Load.java beside the test: numbered records, and what became of each."""

    def __init__(self, config_file, topic, partitions, per_second, log):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                JVM + ["-cp", peer("classes", KAFKA), "Load", config_file, topic, str(partitions), str(per_second)],
                stdin=subprocess.PIPE, stdout=out, stderr=open(log + ".err", "wb"))

    def finish(self, timeout=150):
        """Ends the load; sets acked {(partition, number): offset}, lost [line], sent, pause_ms."""
        self.process.stdin.close()
        self.process.wait(timeout)
        self.acked, self.lost = {}, []
        with open(self.log) as lines:
            for line in lines:
                word, *rest = line.split(maxsplit=3)
                if word == "ack":
                    partition, number, offset = map(int, rest)
                    self.acked[partition, number] = offset
                elif word == "lost":
                    self.lost.append(line.strip())
                elif word == "sent":
                    self.sent, self.pause_ms = int(rest[0]), int(rest[2])
        assert self.process.returncode == 0, f"the load ended with {self.process.returncode}, see {self.log}.err"
        return self

    def check(self, seen):
        """That a consumer saw each record once, in its order, and where the producer was told."""
        assert not self.lost, f"the producer gave up on {len(self.lost)}: {self.lost[:3]}"
        assert len(self.acked) == self.sent > 0
        for partition, rows in seen.items():
            offsets, numbers = zip(*rows)
            assert list(offsets) == list(range(len(offsets))), f"partition {partition}: offsets with a gap"
            assert list(numbers) == list(range(len(numbers))), f"partition {partition}: lost, doubled or reordered"
        where = {(partition, number): offset for partition, rows in seen.items() for offset, number in rows}
        for record, offset in self.acked.items():
            # A retry that the broker recognises as a copy it has is acknowledged without an offset.
            assert record in where and offset in (where[record], -1), f"{record} was acknowledged at {offset}"

    def kill(self):
        self.process.kill()
        self.process.wait()
