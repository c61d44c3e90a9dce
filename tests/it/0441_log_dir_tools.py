"""Apache Kafka's own commands about logs: kafka-log-dirs, kafka-reassign-partitions between directories with its throttle,
kafka-delete-records, kafka-transactions describe-producers; what AlterReplicaLogDirs refuses; moves called off."""
import glob
import json
import os

import kmsg
from batches import batch
from harness import Cluster, wait_for

NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC, LOG_DIR_NOT_FOUND = 0, 3, 17, 57
RECORDS, SLOW = 2000, 10    # a batch at that pace takes minutes: what was owed must not outlive the throttle


def test(env):
    folders = [env.path(f"disk-{i}") for i in range(2)]
    with Cluster(env) as cluster:
        broker = cluster.broker(log_dirs=",".join(folders), log_segment_delete_delay_ms=1000).start()
        broker.create_topic("moved", 1, segment_bytes=65536)
        fill(broker, env)
        here = [f for f in folders if glob.glob(f + "/moved-0")][0]
        there = [f for f in folders if f != here][0]
        describe(broker, here, there)
        refused(broker, here, there)
        called_off(broker, here, there)
        move(broker, env, here, there)
        delete_records(broker, env)
        producers(broker)
        broker.kill()
        broker.start()
        wait_for("the partition is led", lambda: "leader 1," in broker.kcat("-L", "-t", "moved"))
        if env.target == "samsa":    # Apache Kafka writes it down a minute later
            assert broker.offset("moved", when="earliest") == RECORDS // 2
        assert places(broker, "moved") == [(there, False)]
        broker.stop()


def fill(broker, env):
    text = env.path("text")
    with open(text, "w") as f:
        f.writelines(f"{i} {'x' * 200}\n" for i in range(RECORDS))
    broker.kcat("-P", "-t", "moved", "-X", "batch.size=4000", stdin=text)


def ask(broker, name, version, request):
    with kmsg.Connection(broker.port, timeout=30) as connection:
        return connection.ask(name, version, request)


def alter(broker, version, path, topic="moved", partition=0):
    dirs = [{"path": path, "topics": [{"name": topic, "partitions": [partition]}]}]
    row = ask(broker, "alter_replica_log_dirs", version, {"dirs": dirs})["results"][0]
    assert row["topic_name"] == topic and row["partitions"][0]["partition_index"] == partition
    return row["partitions"][0]["error_code"]


def places(broker, topic):
    """Where kafka-log-dirs says that its partition 0 is: (directory, is it a copy)."""
    said = broker.tool("log-dirs", "--describe", "--topic-list", topic, "--broker-list", "1")
    brokers = json.loads(said.splitlines()[-1])["brokers"]
    assert [b["broker"] for b in brokers] == [1] and all(d["error"] is None for d in brokers[0]["logDirs"])
    return sorted((d["logDir"], p["isFuture"]) for d in brokers[0]["logDirs"] for p in d["partitions"]
                  if p["partition"] == f"{topic}-0")


def describe(broker, here, there):
    said = json.loads(broker.tool("log-dirs", "--describe", "--topic-list", "moved").splitlines()[-1])
    by_dir = {d["logDir"]: d["partitions"] for d in said["brokers"][0]["logDirs"]}
    size = sum(os.path.getsize(f) for f in glob.glob(here + "/moved-0/*.log"))
    assert by_dir == {here: [{"partition": "moved-0", "size": size, "offsetLag": 0, "isFuture": False}], there: []}, by_dir


def refused(broker, here, there):
    for version in range(3):
        assert alter(broker, version, "/no/such/dir") == LOG_DIR_NOT_FOUND
        assert alter(broker, version, there + "/") == LOG_DIR_NOT_FOUND
        assert alter(broker, version, here) == NONE
        assert alter(broker, version, there, "t" * 249) == INVALID_TOPIC
        assert alter(broker, version, there, "nowhere", version) == UNKNOWN_TOPIC_OR_PARTITION
        assert alter(broker, version, there, partition=1) == UNKNOWN_TOPIC_OR_PARTITION
    # What was not here then is made where it was wanted.
    for n in range(3):
        folder = (here, there)[n == 1]
        assert alter(broker, 2, folder, f"wanted-{n}") == UNKNOWN_TOPIC_OR_PARTITION
        broker.create_topic(f"wanted-{n}")
        wait_for("the topic is there", lambda n=n: places(broker, f"wanted-{n}"))
        assert places(broker, f"wanted-{n}") == [(folder, False)]


def throttle(broker, value):
    how = ["--add-config", f"replica.alter.log.dirs.io.max.bytes.per.second={value}"] if value else \
        ["--delete-config", "replica.alter.log.dirs.io.max.bytes.per.second"]
    broker.tool("configs", "--alter", "--entity-type", "brokers", "--entity-name", 1, *how)


def called_off(broker, here, there):
    throttle(broker, SLOW)
    assert alter(broker, 2, there) == NONE
    assert alter(broker, 2, there) == NONE
    assert places(broker, "moved") == sorted([(here, False), (there, True)])
    assert len(glob.glob(there + "/moved-0.*-future")) == 1
    assert alter(broker, 2, here) == NONE
    wait_for("it is called off", lambda: places(broker, "moved") == [(here, False)])
    wait_for("its files are gone", lambda: not glob.glob(there + "/moved-*"))
    # A copy goes with its topic.
    broker.create_topic("short")
    broker.kcat("-P", "-t", "short", stdin=__file__)
    (folder, _), = places(broker, "short")
    assert alter(broker, 2, there if folder == here else here, "short") == NONE
    broker.tool("topics", "--delete", "--topic", "short")
    wait_for("its files are gone", lambda: not glob.glob(here + "/short-*") and not glob.glob(there + "/short-*"))
    throttle(broker, None)


def move(broker, env, here, there):
    plan = env.path("plan.json")
    row = {"topic": "moved", "partition": 0, "replicas": [1], "log_dirs": [there]}
    with open(plan, "w") as f:
        json.dump({"version": 1, "partitions": [row]}, f)

    def reassign(*words):
        return broker.tool("reassign-partitions", "--reassignment-json-file", plan, *words)
    said = reassign("--execute", "--replica-alter-log-dirs-throttle", SLOW)
    assert "Successfully started" in said and "The replica-alter-dir throttle limit was set" in said, said
    said = reassign("--verify", "--preserve-throttles")
    assert "is still in progress" in said, said
    reassign("--execute", "--additional", "--replica-alter-log-dirs-throttle", 100000000)
    wait_for("the move is over", lambda: "completed successfully" in reassign("--verify", "--preserve-throttles"))
    reassign("--verify")
    assert places(broker, "moved") == [(there, False)]
    wait_for("the old directory is gone", lambda: not glob.glob(here + "/moved-*"))
    numbers = [int(line.split()[0]) for line in broker.kcat("-C", "-t", "moved", "-o", "beginning", "-e", "-q").splitlines()]
    assert numbers == list(range(RECORDS))


def delete_records(broker, env):
    wishes = env.path("offsets.json")
    with open(wishes, "w") as f:
        json.dump({"version": 1, "partitions": [{"topic": "moved", "partition": 0, "offset": RECORDS // 2}]}, f)
    said = broker.tool("delete-records", "--offset-json-file", wishes)
    assert f"partition: moved-0\tlow_watermark: {RECORDS // 2}" in said, said
    assert broker.offset("moved", when="earliest") == RECORDS // 2
    first = broker.kcat("-C", "-t", "moved", "-o", "beginning", "-c", "1", "-q")
    assert first.split()[0] == str(RECORDS // 2)


def producers(broker):
    broker.create_topic("written")
    for producer in ((41, 0, 0), (42, 7, 0), (41, 0, 2)):
        records = [{"name": "written", "partition_data": [{"index": 0, "records": batch([b"a", b"b"], 1000, producer=producer)}]}]
        answer = ask(broker, "produce", 9, {"acks": -1, "timeout_ms": 9000, "topic_data": records})
        assert answer["responses"][0]["partition_responses"][0]["error_code"] == NONE
    said = broker.tool("org.apache.kafka.tools.TransactionsCommand", "describe-producers", "--topic", "written", "--partition", 0)
    rows = sorted(line.split("\t") for line in said.splitlines()[1:])
    assert [[cell.strip() for cell in row][:4] for row in rows] == [["41", "0", "-1", "3"], ["42", "7", "-1", "1"]], said
