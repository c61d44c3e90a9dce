"""The commands of the newest Apache Kafka, of the 4.x line, each against a broker of 3.9's protocol: topics, configs, groups,
offsets, records, directories, elections, moves, and what it asks that such a broker does not know."""
import glob
import json
import os
import re

import java
from harness import Cluster, wait_for

LINES = [f"line {i}" for i in range(300)]
ENTITY = ("--entity-type", "topics", "--entity-name", "new")


class Newest:
    def __init__(self, env, broker):
        self.env, self.broker = env, broker

    def __call__(self, name, *words, **how):
        return self.broker.tool(name, *words, version=java.NEWEST, **how)

    def file(self, name, content):
        path = self.env.path(name)
        with open(path, "w") as f:
            f.write(content if isinstance(content, str) else json.dumps(content))
        return path


def topics(newest):
    newest("topics", "--create", "--topic", "new", "--partitions", 2, "--replication-factor", 1)
    assert "PartitionCount: 2" in newest("topics", "--describe", "--topic", "new")
    newest("topics", "--alter", "--topic", "new", "--partitions", 3)
    assert newest("topics", "--list").split() == ["new"]


def configs(newest):
    newest("configs", "--alter", *ENTITY, "--add-config", "retention.ms=1234567,cleanup.policy=[compact,delete]")
    said = newest("configs", "--describe", *ENTITY)
    assert "retention.ms=1234567" in said and "cleanup.policy=compact,delete" in said, said
    newest("configs", "--alter", *ENTITY, "--delete-config", "retention.ms,cleanup.policy")
    assert "retention.ms" not in newest("configs", "--describe", *ENTITY)
    newest("configs", "--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.retention.ms=7654321")
    wait_for("the default is in force", lambda: "7654321" in newest("configs", "--describe", "--entity-type", "brokers",
                                                                  "--entity-default"))


def records(newest):
    newest("console-producer", "--topic", "new", stdin=newest.file("lines", "".join(line + "\n" for line in LINES)))
    said = newest("console-consumer", "--topic", "new", "--group", "readers", "--from-beginning", "--max-messages", len(LINES))
    assert sorted(line for line in said.splitlines() if line.startswith("line ")) == sorted(LINES)
    said = newest("get-offsets", "--topic", "new")
    assert sum(int(line.split(":")[2]) for line in said.split()) == len(LINES), said


def perf(newest):
    """Their topic is another, so that what is read of the first stays as it is."""
    newest("topics", "--create", "--topic", "fast", "--partitions", 1, "--replication-factor", 1)
    said = java.tool("producer-perf-test", "--topic", "fast", "--num-records", 400, "--record-size", 50, "--throughput", -1,
                     "--producer-props", "bootstrap.servers=" + newest.broker.bootstrap, version=java.NEWEST)
    assert re.search(r"^400 records sent, .* ms 99.9th\.$", said, re.M), said
    said = newest("consumer-perf-test", "--topic", "fast", "--messages", 400)
    assert re.search(r"^\d{4}-.*, 400, ", said, re.M), said
    newest("topics", "--delete", "--topic", "fast")


def groups(newest):
    assert "readers" in newest("consumer-groups", "--list").split()
    said = newest("consumer-groups", "--describe", "--group", "readers")
    rows = [line.split() for line in said.splitlines() if line.startswith("readers")]
    assert rows and all(row[5] == "0" for row in rows), said
    said = newest("consumer-groups", "--reset-offsets", "--group", "readers", "--topic", "new", "--to-earliest", "--execute")
    assert re.findall(r"^readers\s+new\s+\d\s+(\d+)", said, re.M) == ["0"] * 3, said
    newest("consumer-groups", "--delete-offsets", "--group", "readers", "--topic", "new")
    newest("consumer-groups", "--delete", "--group", "readers")
    assert "readers" not in newest("consumer-groups", "--list").split()


def logs(newest):
    where = {"partitions": [{"topic": "new", "partition": 0, "offset": -1}], "version": 1}
    said = newest("delete-records", "--offset-json-file", newest.file("where", where))
    assert "low_watermark" in said, said
    said = newest("log-dirs", "--describe", "--topic-list", "new")
    shown = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert {p["partition"] for d in shown["brokers"][0]["logDirs"] for p in d["partitions"]} == {"new-0", "new-1", "new-2"}
    plan = {"partitions": [{"topic": "new", "partition": 0, "replicas": [1]}], "version": 1}
    said = newest("reassign-partitions", "--reassignment-json-file", newest.file("plan", plan), "--execute")
    assert "Successfully started partition reassignment for new-0" in said, said
    said = newest("reassign-partitions", "--reassignment-json-file", newest.file("plan", plan), "--verify")
    assert "Reassignment of partition new-0 is completed." in said, said
    said = newest("reassign-partitions", "--list")
    assert "No partition reassignments found." in said, said
    said = newest("leader-election", "--election-type", "preferred", "--all-topic-partitions")
    assert "Error" not in said, said


def cluster(newest):
    said = newest("broker-api-versions")
    assert "Produce(0): 0 to 11" in said and "JoinGroup(11): 0 to 9" in said, said
    assert re.search(r"Cluster ID: [\w-]{22}", java.tool("cluster", "cluster-id", "--bootstrap-server", newest.broker.bootstrap,
                                                         version=java.NEWEST))
    said = java.tool("features", "--bootstrap-server", newest.broker.bootstrap, "describe", version=java.NEWEST)
    assert said == java.tool("features", "--bootstrap-server", newest.broker.bootstrap, "describe"), said


def files(newest):
    """What the broker has left on disk."""
    logs = [path for path in sorted(glob.glob(os.path.join(newest.broker.data, "new-*", "*.log"))) if os.path.getsize(path)]
    said = java.tool("dump-log", "--print-data-log", "--files", ",".join(logs), version=java.NEWEST)
    assert sorted(re.findall(r"payload: (line \d+)$", said, re.M)) == sorted(LINES), said
    assert "isvalid: false" not in said, said


def test(env):
    with Cluster(env) as whole:
        broker = whole.broker(group_initial_rebalance_delay_ms=0).start()
        newest = Newest(env, broker)
        for step in (topics, configs, records, perf, groups, files, logs, cluster):
            step(newest)
        newest("topics", "--delete", "--topic", "new")
        broker.stop()
