"""--json of our commands: each line is JSON alone, and says what the command's words say."""
import base64
import json
import os

from harness import Cluster, kcat, wait_for
from twin import Twins

VALUES = ["text", "ünï \"quoted\" \\ \x01", bytes([0xff, 0, 0xfe])]


class Said:
    """What ours says with --json, each line parsed."""

    def __init__(self, env, broker):
        self.env, self.broker, self.twins = env, broker, Twins(env, broker)

    def __call__(self, name, *words, **how):
        at = () if "--producer-props" in words or "cluster-id" in words else ("--bootstrap-server", self.broker.bootstrap)
        if name == "features":
            words, at = words + at, ()
        return [json.loads(line) for line in self.twins.ours(name, *at, *words, "--json", **how).splitlines()]

    def one(self, name, *words, **how):
        lines = self(name, *words, **how)
        assert len(lines) == 1, lines
        return lines[0]

    def file(self, name, content):
        with open(self.env.path(name), "w") as f:
            json.dump(content, f)
        return self.env.path(name)


def test(env):
    with Cluster(env) as cluster:
        folders = ",".join(env.path(f"disk-{n}") for n in (1, 2))
        broker = cluster.broker(log_dirs=folders, group_initial_rebalance_delay_ms=0).start()
        said = Said(env, broker)
        broker.create_topic("t", 2)
        records(env, said)
        perf(said)
        groups(said)
        whole_cluster(said)
        moves(env, said)


def records(env, said):
    for number, value in enumerate(VALUES):
        with open(env.path("value"), "wb") as f:
            f.write(value if isinstance(value, bytes) else value.encode())
        kcat("-P", "-b", said.broker.bootstrap, "-t", "t", "-p", 0, "-k", f"key {number}", "-H", "a=b", "-H", "none", env.path("value"))
    kcat("-P", "-b", said.broker.bootstrap, "-t", "t", "-p", 0, "-Z", "-K", ":", stdin=line(env, "null:"))
    found = said("console-consumer", "--topic", "t", "--partition", 0, "--offset", "earliest", "--max-messages", len(VALUES) + 1)
    for number, (value, record) in enumerate(zip(VALUES, found)):
        assert {"topic": "t", "partition": 0, "offset": number, "key": f"key {number}", "timestamp_type": "CreateTime"}.items() \
            <= record.items() and record["timestamp"] > 1_600_000_000_000, record
        assert record["headers"] == [{"key": "a", "value": "b"}, {"key": "none", "value": None}], record
        if isinstance(value, bytes):
            assert base64.b64decode(record["value_base64"]) == value and "value" not in record, record
        else:
            assert record["value"] == value and "value_base64" not in record, record
    assert found[-1]["key"] == "null" and found[-1]["value"] is None and found[-1]["headers"] == [], found[-1]
    refused = said.twins.run_ours("console-consumer", ["--bootstrap-server", said.broker.bootstrap, "--topic", "t", "--json",
                                                       "--property", "print.key=true"])
    assert refused[0] == 1 and not refused[1], refused


def line(env, text):
    with open(env.path("line"), "w") as f:
        f.write(text + "\n")
    return env.path("line")


def perf(said):
    with open(said.env.path("payloads"), "w") as f:
        f.write("one\ntwo\n")
    sent = said.one("producer-perf-test", "--topic", "t", "--num-records", 500, "--payload-file", said.env.path("payloads"),
                    "--throughput", -1, "--print-metrics", "--producer-props", "bootstrap.servers=" + said.broker.bootstrap)
    assert sent["records"] == 500 and sent["bytes"] == 1500 and sent["latency_max_ms"] >= sent["latency_p50_ms"] >= 0, sent
    assert sent["records_per_second"] > 0 and "metrics" in sent, sent
    read = said.one("consumer-perf-test", "--topic", "t", "--messages", 504)
    assert read["records"] == 504 and read["bytes"] > 1500 and read["end_ms"] >= read["start_ms"], read
    short = said.one("consumer-perf-test", "--topic", "t", "--messages", 505, "--timeout", 300, "--threads", 1, "--group", "g")
    assert short["records"] <= 504, short


def groups(said):
    reset = ("--reset-offsets", "--group", "g", "--topic", "t:0")
    done = said("consumer-groups", *reset, "--to-offset", 2, "--execute")
    assert done == [{"group": "g", "topic": "t", "partition": 0, "offset": 2, "error": None}], done
    tried = said("consumer-groups", *reset, "--to-latest")
    end = tried[0]["offset"]
    assert end > 2 and len(tried) == 1, tried
    wait_for("only what was executed counts", lambda: {row["offset"] for row in said("consumer-groups", "--describe", "--group", "g")
                                                       if row["partition"] == 0} == {2})
    listed = said("consumer-groups", "--list")
    assert {"group": "g", "state": "Empty", "type": "Classic"} in listed, listed
    failed = said.one("consumer-groups", "--reset-offsets", "--group", "g", "--topic", "nosuch", "--to-latest")
    assert "UnknownTopicOrPartition" in failed["error"], failed
    gone = said("consumer-groups", "--delete-offsets", "--group", "g", "--topic", "t:0", "--topic", "nosuch")
    assert [(row["topic"], row["partition"], bool(row["error"])) for row in gone] == [("nosuch", None, True), ("t", 0, False)], gone
    gone = said("consumer-groups", "--delete-offsets", "--group", "nosuch", "--topic", "t:0")
    assert gone[0]["error"], gone
    gone = said("consumer-groups", "--delete", "--group", "g", "--group", "nosuch")
    assert [(row["group"], bool(row["error"])) for row in sorted(gone, key=lambda row: row["group"])] == [
        ("g", False), ("nosuch", True)], gone


def whole_cluster(said):
    words = said.twins.ours("cluster", "cluster-id", "--bootstrap-server", said.broker.bootstrap)
    told = said.one("cluster", "cluster-id", "--bootstrap-server", said.broker.bootstrap)
    assert words == f"Cluster ID: {told['cluster_id']}\n", (words, told)
    dirs = said.one("log-dirs", "--describe", "--topic-list", "t")
    assert {p["partition"] for d in dirs["brokers"][0]["logDirs"] for p in d["partitions"]} == {"t-0", "t-1"}, dirs
    features = said("features", "describe")
    assert all(row["min"] <= row["max"] for row in features), features
    elected = said("leader-election", "--election-type", "unclean", "--topic", "t", "--partition", 0)
    assert elected == [{"partition": "t-0", "elected": False, "error": None}], elected
    refused = said("leader-election", "--election-type", "preferred", "--topic", "t", "--partition", 99, status=1)
    assert refused[0]["partition"] == "t-99" and "UnknownTopicOrPartition" in refused[0]["error"], refused


def moves(env, said):
    """One that changes nothing, one between the broker's directories, and what is refused."""
    def asked(action, *words, **how):
        return said("reassign-partitions", f"--{action}", *words, **how)
    start = 1 if os.path.isdir(os.path.join(env.path("disk-1"), "t-0")) else 2
    target = env.path(f"disk-{3 - start}")
    row = {"topic": "t", "partition": 0, "replicas": [1], "log_dirs": [target]}
    plan = ("--reassignment-json-file", said.file("plan.json", {"version": 1, "partitions": [row]}))
    told = asked("execute", *plan, "--replica-alter-log-dirs-throttle", 100000000)
    assert told == [{"current": {"version": 1, "partitions": [row | {"log_dirs": ["any"]}]}},
                    {"topic": "t", "partition": 0, "state": "started", "replicas": [1]},
                    {"topic": "t", "partition": 0, "state": "started", "broker": 1, "log_dir": target}], told
    wait_for("the replica has moved", lambda: asked("verify", *plan) == [
        {"topic": "t", "partition": 0, "state": "completed", "replicas": [1], "wanted": [1]},
        {"topic": "t", "partition": 0, "broker": 1, "state": "completed", "log_dir": target, "moves_to": None, "wanted": target}])
    assert asked("cancel", *plan) == asked("list") == []
    topics = said.file("topics.json", {"version": 1, "topics": [{"topic": "t"}]})
    made = said.one("reassign-partitions", "--generate", "--topics-to-move-json-file", topics, "--broker-list", 1)
    assert made["current"] == made["proposed"] and len(made["current"]["partitions"]) == 2, made
    plan = ("--reassignment-json-file", said.file("plan.json", {"partitions": [{"topic": "t", "partition": 0, "replicas": [9]}]}))
    refused = said.one("reassign-partitions", "--execute", *plan, status=1)
    assert refused == {"error": "Error: Unknown broker id 9"}, refused
    told = said.one("reassign-partitions", "--verify", "--preserve-throttles", *plan)
    assert (told["state"], told["replicas"], told["wanted"]) == ("not moving", [1], [9]), told
