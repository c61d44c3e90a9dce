"""The same requests to Apache Kafka and to a broker under test: the answers are compared field by field."""
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import kmsg
import script_clients
from harness import Cluster

# What tells a moment, a place or a name that each broker gives itself: compared as given or not given.
MOMENTS = {"log_append_time_ms": -1, "producer_id": -1, "session_id": 0, "topic_id": uuid.UUID(int=0), "total_bytes": -1,
           "usable_bytes": -1}
PLACES = {"host", "port", "cluster_id", "log_dir"}
WORDS = {"error_message", "batch_index_error_message", "documentation"}
# Settings whose values name this broker's place.
OWN_SETTINGS = {"zookeeper.connect", "log.dirs", "log.dir", "listeners", "advertised.listeners"}

SILENCE_S = 10


class Side:
    """One of the two brokers, and what it answered."""

    def __init__(self, broker, start_ms, words=False):
        self.broker, self.port, self.start_ms = broker, broker.port, start_ms
        self.words = words    # an error's words are compared too
        self.answers, self.connection = [], None
        self.ids = {}    # of topics, to show answers that tell only ids by name
        self.names = {}  # what to show instead of texts that a broker makes up, such as ids of members

    def connected(self):
        if not self.connection:
            self.connection = kmsg.Connection(self.port, timeout=SILENCE_S)
        return self.connection

    def ask(self, name, version, request, note=""):
        """Asks, notes and gives the answer; None where the broker hung up, or says nothing for long."""
        try:
            answer = self.connected().ask(name, version, request)
            noted = plain(self.grouped(answer) if name == "fetch" else answer, words=self.words)
        except (ConnectionError, TimeoutError) as error:
            print(f"{self.port}: {name} v{version} {note}: {error}", flush=True)
            noted = "silence" if isinstance(error, TimeoutError) else "closed"
            self.connection.socket.close()
            self.connection = answer = None
        self.answers.append((f"{name} v{version} {note}".strip(), self.renamed(noted)))
        return answer

    def renamed(self, value):
        if isinstance(value, dict):
            return {k: self.renamed(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.renamed(v) for v in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def grouped(self, answer):
        """An answer to Fetch with topics by name, each once: a broker may tell one in pieces."""
        topics = {}
        for topic in answer["responses"]:
            name = topic["topic"] if "topic" in topic else self.ids.get(topic["topic_id"], "unknown")
            topics.setdefault(name, []).extend(topic["partitions"])
        return answer | {"responses": [{"topic": n, "partitions": p} for n, p in topics.items()]}

    def say(self, name, version, request, note=""):
        """Sends what has no answer; notes whether the broker goes on with the connection."""
        self.connected().send_message(name, version, request)
        return self.ask("api_versions", 0, {}, f"after {name} v{version} {note}")

    def raw(self, data, note):
        """Sends a frame on a connection of its own, notes the answer's bytes."""
        with kmsg.Connection(self.port, timeout=30) as connection:
            connection.raw(data)
            try:
                answer = connection.receive()[1].hex()
            except ConnectionError:
                answer = None
        self.answers.append((note, answer))


def plain(value, name="", words=False):
    """The answer without what must differ."""
    if isinstance(value, dict):
        out = {k: plain(v, k, words) for k, v in value.items() if k != "throttle_time_ms"}
        if out.get("name") in OWN_SETTINGS:
            out["value"] = out["synonyms"] = "its own"
        return out
    if isinstance(value, list):
        rows = [plain(v, name, words) for v in value]
        return rows if name in ("record_errors", "synonyms", "look", "old_style_offsets") else sorted(rows, key=identity)
    if name in MOMENTS:
        return "none" if value == MOMENTS[name] else "some"
    if name in WORDS and not (words and name != "documentation"):
        return "words" if value else "no words"
    if name == "records" and not isinstance(value, str):
        return plain(script_clients.look(value), "look") if value is not None else None
    return "a place" if name in PLACES and value not in ("", -1) else value


def identity(row):
    """What rows are sorted by: brokers keep them in tables of no order."""
    if not isinstance(row, dict):
        return (str(row),)
    keys = ("group_id", "member_id", "name", "topic", "topic_id", "key", "resource_type", "resource_name", "index",
            "partition_index", "node_id", "broker_id", "api_key", "feature", "error_code")
    return tuple(str(row.get(k, "")).rjust(12) for k in keys)


def differences(ours, theirs, path=""):
    """Lines that say where two answers differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from differences(ours.get(key, "missing"), theirs.get(key, "missing"), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and ours and theirs and isinstance(ours[0], dict):
        keys = [label(r, i) for i, r in enumerate(ours)], [label(r, i) for i, r in enumerate(theirs)]
        for key in sorted(set(keys[0] + keys[1])):
            pair = [dict(zip(k, rows)).get(key, "missing") for k, rows in zip(keys, (ours, theirs))]
            yield from differences(*pair, f"{path}[{key}]")
    elif ours != theirs:
        yield f"{path}: {short(ours)}, Apache Kafka {short(theirs)}"


def short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "..."


def label(row, i):
    for key in ("group_id", "name", "topic", "key", "resource_name", "index", "partition_index", "api_key", "feature"):
        if row.get(key) is not None:
            return f"{row[key]}"
    return f"{i}"


def compare(java, tested, allowed):
    assert [step for step, _ in java.answers] == [step for step, _ in tested.answers], "the scripts went different ways"
    bad, used = 0, set()
    for (step, theirs), (_, ours) in zip(java.answers, tested.answers):
        for line in differences(ours, theirs):
            reasons = [row for row in allowed if re.search(row[0], step) and re.search(row[1], line)]
            used.update(reasons)
            if not reasons:
                bad += 1
                print(f"{step}: {line}")
    stale = [reason for row in allowed for reason in row[2:] if row not in used]
    print(f"{len(java.answers)} answers compared, {bad} differences, {len(used)} reasons needed")
    assert not bad, f"{bad} differences in {len(java.answers)} answers"
    assert not stale, f"no longer needed: {stale}"


def run(env, config, script, allowed, prepare=None, **how):
    """Starts both, has each answer the script, and compares. prepare(broker) is called before they start."""
    start_ms = int(time.time() * 1000)
    with Cluster(env, chroot="/java") as java, Cluster(env, chroot="/tested") as tested:
        brokers = [java.broker(1, "java", "kafka", **config), tested.broker(1, "tested", **config)]
        for broker in brokers if prepare else []:
            prepare(broker)
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda b: b.start(), brokers))
            sides = [Side(b, start_ms, **how) for b in brokers]
            list(both.map(script, sides))
        compare(*sides, allowed if env.target == "samsa" else [])
        for broker in brokers:
            broker.stop()
