"""Apache Kafka 3.9.2's own tools: topics, console producer and consumer, get-offsets, broker-api-versions, dump-log."""
import glob
import os
import re

import java
from harness import Cluster

LINES = [f"line {i} of the console producer" for i in range(5000)]


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        topics(broker)
        configs(broker)
        offsets(broker, console(broker, env))
        api_versions(broker)
        delete(broker)
        broker.stop()
        dump_log(broker)


def topics(broker):
    broker.create_topic("plain", 3, retention_ms=3600000, segment_bytes=1048576)
    broker.create_topic("other")
    assert broker.tool("topics", "--list").split() == ["other", "plain"]
    said = broker.tool("topics", "--describe", "--topic", "plain")
    assert re.search(r"Topic: plain\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: "
                     r"(retention.ms=3600000,segment.bytes=1048576|segment.bytes=1048576,retention.ms=3600000)", said), said
    for partition in range(3):
        assert f"Topic: plain\tPartition: {partition}\tLeader: 1\tReplicas: 1\tIsr: 1" in said, said
    broker.tool("topics", "--alter", "--topic", "plain", "--partitions", 5)
    assert "PartitionCount: 5" in broker.tool("topics", "--describe", "--topic", "plain")
    refused = {
        "already exists": ("--create", "--topic", "plain"),
        "InvalidReplicationFactorException": ("--create", "--topic", "wide", "--replication-factor", 2),
        "InvalidTopicException": ("--create", "--topic", "a/b"),
        "InvalidPartitionsException": ("--alter", "--topic", "plain", "--partitions", 4)}
    for why, words in refused.items():
        said = broker.tool("topics", *words, status=1)
        assert why in said, f"expected {why}: {said}"


def configs(broker):
    said = broker.tool("configs", "--describe", "--entity-type", "topics", "--entity-name", "plain")
    assert "retention.ms=3600000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=3600000}" in said, said
    said = broker.tool("configs", "--describe", "--all", "--entity-type", "topics", "--entity-name", "plain")
    assert "cleanup.policy=delete sensitive=false synonyms={DEFAULT_CONFIG:log.cleanup.policy=delete}" in said, said
    said = broker.tool("configs", "--describe", "--all", "--entity-type", "brokers", "--entity-name", 1)
    assert "broker.id=1 sensitive=false synonyms={STATIC_BROKER_CONFIG:broker.id=1, DEFAULT_CONFIG:broker.id=-1}" in said, said
    assert re.search(r"Cluster ID: [\w-]{22}", java.tool("cluster", "cluster-id", "--bootstrap-server", broker.bootstrap))


def console(broker, env):
    """Two producers in, a consumer of each partition out; the partition with the most records."""
    text = env.path("lines")
    with open(text, "w") as f:
        f.writelines(line + "\n" for line in LINES)
    broker.tool("console-producer", "--topic", "plain", "--producer-property", "linger.ms=2", stdin=text)
    broker.tool("console-producer", "--topic", "plain", "--property", "parse.key=true", "--property", "key.separator= ",
                "--compression-codec", "zstd", "--request-required-acks", "1", stdin=text)
    seen, most = [], (0, 0)
    for partition in range(5):
        said = broker.tool("console-consumer", "--topic", "plain", "--partition", partition, "--offset", "earliest",
                           "--timeout-ms", 3000, "--property", "print.offset=true")
        rows = [row.split("\t", 1) for row in said.splitlines() if row.startswith("Offset:")]
        assert [int(offset[7:]) for offset, _ in rows] == list(range(len(rows))), f"partition {partition} has a gap"
        seen += [value for _, value in rows]
        most = max(most, (len(rows), partition))
    # without a key the lines as they are; with "line" as the key, the rest of each
    assert sorted(seen) == sorted(LINES + [line.split(" ", 1)[1] for line in LINES])
    some = broker.tool("console-consumer", "--topic", "plain", "--partition", most[1], "--offset", 2, "--max-messages", 3,
                       "--property", "print.offset=true", "--property", "print.timestamp=true")
    assert re.findall(r"^CreateTime:\d+\tOffset:(\d)\t", some, re.M) == ["2", "3", "4"], some
    return most[1]


def offsets(broker, partition):
    of = f"plain:{partition}"

    def ask(when):
        said = broker.tool("get-offsets", "--topic-partitions", of, "--time", when)
        if not said:        # how the tool says that there is none
            return -1
        assert re.fullmatch(of + r":\d+\n", said), said
        return int(said.split(":")[2])
    end = ask("latest")
    assert end > 0 and ask(-1) == end
    assert ask("earliest") == 0 and ask(-2) == 0
    assert 0 <= ask("max-timestamp") < end and ask(-3) == ask("max-timestamp")
    assert ask("earliest-local") == 0 and ask(-4) == 0
    assert ask("latest-tiered") == -1 and ask(-5) == -1
    assert ask(0) == 0 and ask(1) == 0
    assert ask(4102444800000) == -1, "no record is of the year 2100"


def api_versions(broker):
    said = broker.tool("broker-api-versions")
    assert f"127.0.0.1:{broker.port} (id: 1 rack: null) -> (" in said, said
    for api in ("Produce(0)", "Fetch(1)", "ListOffsets(2)", "Metadata(3)", "CreateTopics(19)", "InitProducerId(22)"):
        assert re.search(re.escape(api) + r": \d+( to \d+)? \[usable: \d+\]", said), api


def delete(broker):
    broker.tool("topics", "--delete", "--topic", "other")
    assert "other" not in broker.tool("topics", "--list").split()
    said = broker.tool("topics", "--delete", "--topic", "nosuch", status=1)
    assert "does not exist" in said, said


def dump_log(broker):
    """Reads every file of the topic as Kafka wrote it: deep iteration, indexes checked against their logs."""
    count, snapshots = 0, ""
    for folder in sorted(glob.glob(os.path.join(broker.data, "plain-*"))):
        for name in sorted(glob.glob(folder + "/*.log") + glob.glob(folder + "/*.index") + glob.glob(folder + "/*.timeindex")):
            words = ("--print-data-log", "--deep-iteration") if name.endswith(".log") else ("--index-sanity-check",)
            said = java.tool("dump-log", "--files", name, *words)
            assert "isvalid: false" not in said and "Found" not in said and "corrupt" not in said.lower(), said[-2000:]
            count += len(re.findall(r"^\| offset: ", said, re.M))
        for name in sorted(glob.glob(folder + "/*.snapshot")):
            snapshots += java.tool("dump-log", "--files", name)
    assert "producerId: " in snapshots, "no snapshot tells of the idempotent producers"
    assert count == 2 * len(LINES), f"dump-log saw {count} records"
