"""Python clients of Kafka, each in its pinned version in one virtual environment, and groups of them."""
import fcntl
import json
import os
import signal
import subprocess
import sys

from harness import Process, wait_for

# The newest of each.
VERSIONS = {"confluent-kafka": "2.16.1", "kafka-python": "3.0.12", "aiokafka": "0.14.0", "python-snappy": "0.7.3",
            "lz4": "4.4.5", "zstandard": "0.25.0", "cramjam": "2.11.0", "crc32c": "2.8"}
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "samsa")
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_client.py")
INSTALL_S, PRODUCE_S, REBALANCE_S = 600, 120, 60


def python():
    """The interpreter that has the clients; made once."""
    names = [f"{name}=={version}" for name, version in VERSIONS.items()]
    tag = "-".join(str(v) for v in sys.version_info[:2])
    folder = os.path.join(CACHE, f"python-{tag}-{abs(hash_of(names)):08x}")
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".pythons"), "w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        install(folder, names)
    return os.path.join(folder, "bin", "python")


def install(folder, names):
    if not os.path.exists(os.path.join(folder, ".complete")):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=INSTALL_S)
        subprocess.run([os.path.join(folder, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", *names],
                       check=True, timeout=INSTALL_S)
        open(os.path.join(folder, ".complete"), "w").close()


def hash_of(names):
    value = 0
    for byte in " ".join(names).encode():
        value = (value * 31 + byte) & 0xFFFFFFFF
    return value


def produce(library, broker, topic, first, count, codec="none"):
    words = [python(), CLIENT, library, "produce", broker.bootstrap, topic, str(first), str(count), codec]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PRODUCE_S)
    assert done.returncode == 0, f"{library} could not produce with {codec}:\n{done.stdout}"


class Member:
    """A member of a group, and what it has told."""

    def __init__(self, env, library, broker, topic, group, name):
        self.name, self.log = name, env.path(f"{name}.log")
        self.process = Process([python(), CLIENT, library, "member", broker.bootstrap, topic, group], self.log)

    def events(self):
        with open(self.log) as f:
            lines = f.read().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def assigned(self):
        told = [e["assigned"] for e in self.events() if "assigned" in e]
        return told[-1] if told else []

    def numbers(self):
        return [e["number"] for e in self.events() if "number" in e]

    def hang(self):
        self.process.signal(signal.SIGSTOP)

    def go_on(self):
        self.process.signal(signal.SIGCONT)

    def leave(self):
        self.process.signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert status == 0, f"{self.name} ended with {status}: {open(self.log).read()[-2000:]}"


def wait_spread(members, partitions):
    """Until each partition belongs to one of the members, and each member has some."""
    def spread():
        for member in members:
            assert member.process.running(), f"{member.name} ended: {open(member.log).read()[-2000:]}"
        has = [m.assigned() for m in members]
        return sorted(p for own in has for p in own) == list(range(partitions)) and all(has)
    wait_for(f"{', '.join(m.name for m in members)} share {partitions} partitions", spread, REBALANCE_S)


def life_of_a_group(env, library, broker, partitions=6):
    """Members join, are killed, hang and leave; each record is read, and after all nothing is left to read."""
    topic, group = f"{library}-records", f"{library}-group"
    broker.create_topic(topic, partitions)
    total = 0

    def more(count, codec="none"):
        nonlocal total
        produce(library, broker, topic, total, count, codec)
        total += count

    def all_read(members):
        wait_for(f"all {total} records are read", lambda: set(range(total)) <= {n for m in members for n in m.numbers()},
                 REBALANCE_S)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        more(40, codec)
    everybody = [Member(env, library, broker, topic, group, f"{library}-{i}") for i in range(3)]
    one, two, three = everybody
    try:
        wait_spread(everybody, partitions)
        all_read(everybody)
        two.process.kill()
        more(60)
        wait_spread([one, three], partitions)
        all_read(everybody)
        three.hang()
        wait_spread([one], partitions)
        more(60)
        all_read(everybody)
        three.go_on()
        wait_spread([one, three], partitions)
        three.leave()
        wait_spread([one], partitions)
        more(60)
        all_read(everybody)
        one.leave()
        last = Member(env, library, broker, topic, group, f"{library}-last")
        everybody.append(last)
        wait_spread([last], partitions)
        again = total
        more(20)
        wait_for("what is new is read", lambda: set(range(again, total)) <= set(last.numbers()), REBALANCE_S)
        assert min(last.numbers()) >= again, f"committed, and read again: {min(last.numbers())}"
        last.leave()
    finally:
        for member in everybody:
            if member.process.running():
                member.process.kill()
