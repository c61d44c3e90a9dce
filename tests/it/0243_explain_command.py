"""samsa-explain: what it says of a topic with retention, of one that is compacted, of groups that lag; and of Apache
Kafka, where there are two brokers and transactions, why a partition lacks a leader, a replica or its last records."""
import json
import subprocess
import time

import kmsg
from batches import batch
from harness import Cluster, wait_for
from members import Member, NONE
from twin import Twins, check_progress

HOUR = 3600 * 1000
TRANSACTIONAL = 0x10


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0, transaction_state_log_replication_factor=1,
                                transaction_state_log_min_isr=1, log_retention_ms=48 * HOUR).start()
        asked = Asked(Twins(env, broker))
        now = int(time.time() * 1000)
        asked.create("t", 3, "retention.ms=7200000", "segment.ms=3600000", "retention.bytes=1000000")
        asked.create("c", 1, "cleanup.policy=compact")
        for partition, age in ((0, HOUR), (1, 3 * HOUR)):
            produce(broker, "t", partition, batch([b"old"] * 10, timestamp=now - age))
            produce(broker, "t", partition, batch([b"newer"] * 5, timestamp=now - age + HOUR // 2))
        produce(broker, "c", 0, batch([b"v"] * 7, timestamp=now))
        partitions(asked, now)
        readers(asked, broker)
        words(asked)
        names(asked)
        if env.target == "kafka":
            transaction(asked, broker)
            two_brokers(asked, cluster, broker)


class Asked:
    """Our command against one broker."""

    def __init__(self, twins):
        self.twins, self.at = twins, ("--bootstrap-server", twins.broker.bootstrap)

    def create(self, topic, partitions, *config, replicas=1):
        self.twins.ours("topics", *self.at, "--create", "--topic", topic, "--partitions", partitions, "--replication-factor",
                        replicas, *(w for c in config for w in ("--config", c)))

    def json(self, *topics, **how):
        found = json.loads(self.twins.ours("explain", *self.at, *topics, "--json", **how))
        assert found["version"] == 1 and not found["not_known"], found
        return found["topics"]

    def look(self, *topics):
        """While the cluster is changing."""
        return json.loads(self.twins.ours("explain", *self.at, *topics, "--json", "--timeout", 1000))

    def brokers(self):
        return sorted(b["broker"] for b in self.look("t")["brokers"])

    def one(self, topic, *words):
        return self.json(topic, *words)[0]


def produce(broker, topic, partition, records, **more):
    with kmsg.Connection(broker.port) as connection:
        answer = connection.ask("produce", 7, {"acks": -1, "timeout_ms": 30000, "topic_data": [
            {"name": topic, "partition_data": [{"index": partition, "records": records}]}], **more})
    assert answer["responses"][0]["partition_responses"][0]["error_code"] == NONE, answer


def says(partition, what):
    """The sentences of one kind."""
    return [f["words"] for f in partition["findings"] if f["what"] == what]


def kinds(partition):
    return [f["what"] for f in partition["findings"]]


def partitions(asked, now):
    """Leaders, offsets, times, sizes and what retention will do."""
    topics = {t["topic"]: t for t in asked.json("t", "c")}
    t = topics["t"]
    assert t["settings"]["retention.ms"] == {"value": "7200000", "from": "the topic's own"}, t["settings"]
    assert topics["c"]["settings"]["retention.ms"] == {
        "value": str(48 * HOUR), "from": "the broker's configuration, log.retention.ms"}, topics["c"]["settings"]
    young, old, empty = t["partitions"]
    for p in t["partitions"]:
        replica, = p["replicas"]
        assert p["leader"] == 1 and p["leader_epoch"] >= 0 and replica["in_sync"] and replica["alive"], p
        assert replica["log"]["directory"] == asked.twins.broker.data and replica["copy"] is None, p
    assert [(p["start"], p["end"], p["log_end"], p["last_stable"]) for p in t["partitions"]] == \
        [(0, 15, 15, 15), (0, 15, 15, 15), (0, 0, 0, 0)], t
    assert young["size"] > 0 and young["replicas"][0]["log"]["size"] == young["size"] and empty["size"] == 0, t
    assert (young["oldest_ms"], young["newest_ms"]) == (now - HOUR, now - HOUR // 2) and empty["oldest_ms"] == -1, t
    # A record of one hour ago, another half an hour later, both in a segment of at most an hour, kept for two.
    assert "goes between" in says(young, "retention-time")[0], young
    assert "is due and goes when its broker looks next (every 5 min)" in says(old, "retention-time")[0], old
    assert "nothing goes before" in says(young, "retention-size")[0] and "976.6 KiB" in says(young, "retention-size")[0], young
    assert kinds(empty) == ["retention-none"], empty
    compacted, = topics["c"]["partitions"]
    assert kinds(compacted) == ["compaction", "compaction"], compacted
    assert "when 0.5 of it is new" in says(compacted, "compaction")[0], compacted
    assert "may still be in the segment that is written to" in says(compacted, "compaction")[1], compacted


def readers(asked, broker):
    """Groups by their lag; one with a member, one without, and one whose records are gone."""
    for group, offset in (("ahead", 15), ("slow", 2), ("gone", 1)):
        reset(asked, group, f"t:0", offset)
    reset(asked, "slow", "t:1", 11)
    member = Member(broker.port, "live")
    member.try_join()
    member.join()
    given = (1).to_bytes(4) + (1).to_bytes(2) + b"t" + (2).to_bytes(4) + (0).to_bytes(4) + (2).to_bytes(4)
    member.sync([(member, b"\0\0" + given + b"\xff\xff\xff\xff")])
    t = asked.one("t")
    assert [(g["group"], g["state"], g["members"], g["lag"]) for g in t["groups"]] == [
        ("slow", "Empty", 0, 17), ("gone", "Empty", 0, 14), ("ahead", "Empty", 0, 0), ("live", "Stable", 1, 0)], t["groups"]
    assert [(p["partition"], p["offset"], p["lag"]) for p in t["groups"][0]["partitions"]] == [(0, 2, 13), (1, 11, 4)], t["groups"]
    assert [(p["partition"], p["offset"], p["member"]) for p in t["groups"][3]["partitions"]] == \
        [(0, None, member.id), (2, None, member.id)], t["groups"]
    assert says(t["partitions"][1], "group-idle") == ["Groups without members are behind: 'slow' by 4."], t
    with open(asked.twins.broker.folder + "/delete.json", "w") as f:
        json.dump({"partitions": [{"topic": "t", "partition": 0, "offset": 2}], "version": 1}, f)
    asked.twins.ours("delete-records", *asked.at, "--offset-json-file", f.name)
    lost = says(asked.one("t")["partitions"][0], "group-lost")
    assert len(lost) == 1 and lost[0].startswith("Group 'gone' stands at 1, before the first record there is (2)"), lost
    two = asked.one("t", "--groups", 2)
    assert [g["group"] for g in two["groups"]] == ["slow", "gone"] and two["more_groups"] == 2, two
    assert asked.one("t", "--groups", "none")["groups"] is None
    assert [p["partition"] for p in asked.one("t", "--partitions", "2,0")["partitions"]] == [0, 2]
    assert len(asked.one("t", "--groups", "all")["groups"]) == 4
    member.leave(member.id)


def reset(asked, group, partition, offset):
    asked.twins.ours("consumer-groups", *asked.at, "--reset-offsets", "--group", group, "--topic", partition, "--to-offset",
                     offset, "--execute")


def words(asked):
    """What people read: lines of at most 110 columns, the same by both commands."""
    mine = asked.twins.ours("explain", *asked.at, "t")
    assert max(len(line.replace(asked.twins.broker.folder, "")) for line in mine.splitlines()) <= 110, mine
    for expected in ("Topic t  id ", "retention.ms", "PART  LEADER", "DIRECTORY", "GROUP", "Partition 0:", "  ! Group 'gone'"):
        assert expected in mine, f"{expected}\n{mine}"
    for pattern in (r"^replicas of broker 1, 1 of 1$", r"^offsets of groups, 0 of \d+$"):
        assert "PART  LEADER" in check_progress(pattern, asked.twins.program, "explain", *asked.at, "t")
    also = asked.twins.ours("topics", *asked.at, "--explain", "--topic", "t")
    assert mine.splitlines()[0] == also.splitlines()[0] and len(mine.splitlines()) == len(also.splitlines()), also
    assert json.loads(asked.twins.ours("topics", *asked.at, "--explain", "--topic", "t", "--json"))["topics"][0]["topic"] == "t"


def names(asked):
    """Topics that are not there, or cannot be."""
    program, at = asked.twins.program, asked.at
    for name in (b"nosuch", b"\x1b[31m\xff\xfe", b"x" * 40000, b"", b".."):
        done = subprocess.run([program, "explain", *at, name], capture_output=True, timeout=60)
        assert done.returncode == 1 and not done.stdout, done.returncode
        first = done.stderr.splitlines()[0].decode()
        assert first.startswith("Topic '") and "\x1b" not in first, first[:100]
        assert len(name) > 1000 or first.endswith("' does not exist as expected"), first
    out = asked.twins.ours("topics", *at, "--explain", "--topic", "nosuch", status=1)
    assert out == "Error while executing topic command : Topic 'Optional[nosuch]' does not exist as expected\n", out
    for bad in (("t", "--groups", "many"), ("t", "--partitions", "3"), ("t", "--partitions", "x"), (), ("t", "--timeout", "x")):
        assert asked.twins.ours("explain", *at, *bad, status=1) == "", bad


def transaction(asked, broker):
    """Who has the transaction open that holds back committed readers."""
    asked.create("x", 1)
    with kmsg.Connection(broker.port) as c:
        wait_for("the coordinator", lambda: c.ask("find_coordinator", 3, {"key": "tx", "key_type": 1})["error_code"] == NONE)
        ask = {"transactional_id": "tx", "transaction_timeout_ms": 600000}
        mine = wait_for("an id", lambda: ready(c.ask("init_producer_id", 4, ask)))
        who = (mine["producer_id"], mine["producer_epoch"])
        added = c.ask("add_partitions_to_txn", 3, {
            "v3_and_below_transactional_id": "tx", "v3_and_below_producer_id": who[0], "v3_and_below_producer_epoch": who[1],
            "v3_and_below_topics": [{"name": "x", "partitions": [0]}]})["results_by_topic_v3_and_below"]
        assert added[0]["results_by_partition"][0]["partition_error_code"] == NONE, added
    produce(broker, "x", 0, batch([b"open"] * 4, timestamp=int(time.time() * 1000), producer=(*who, 0), attributes=TRANSACTIONAL),
            transactional_id="tx")
    p, = asked.one("x")["partitions"]
    assert (p["last_stable"], p["end"]) == (0, 4) and p["producers"][0]["transactional_id"] == "tx", p
    said, = says(p, "open-transaction")
    assert said.startswith(f"Readers with read_committed stop at 0, 4 before the others: producer {who[0]} (epoch {who[1]})"), said
    assert "transactional id 'tx' is Ongoing since" in said and said.endswith("and times out after 10 min."), said


def ready(answer):
    return answer if answer["error_code"] == NONE else None


def two_brokers(asked, cluster, broker):
    """A replica that is not alive, too few in sync, a leader that is not the preferred one, none at all."""
    other = cluster.broker(2).start()
    wait_for("both are there", lambda: asked.brokers() == [1, 2])
    asked.create("two", 1, "min.insync.replicas=2", replicas=2)
    asked.twins.ours("topics", *asked.at, "--create", "--topic", "alone", "--replica-assignment", "2")
    p, = wait_for("both are in sync", lambda: synced(asked.look("two")["topics"][0]["partitions"], 2))
    produce(broker if p["leader"] == 1 else other, "two", 0, batch([b"x"] * 3))
    p, = wait_for("both have it", lambda: filled(asked.one("two")["partitions"], 3))
    assert [k for k in kinds(p) if k != "not-preferred"] == ["retention-time"], p
    preferred = p["replicas"][0]["broker"]
    other.kill()
    wait_for("it is missed", lambda: asked.brokers() == [1], 60)
    p, = wait_for("the other leads", lambda: synced(asked.look("two")["topics"][0]["partitions"], 1))
    assert says(p, "under-replicated") == ["Under-replicated: 2 is not in the ISR: its broker is not alive."], p
    assert "Fewer in sync (1) than min.insync.replicas=2" in says(p, "under-min-isr")[0], p
    assert says(p, "not-preferred") == (["Broker 1 leads in place of the preferred 2, which is not alive."]
                                        if preferred == 2 else []), p
    produce(broker, "two", 0, batch([b"y"] * 2), acks=1)
    # A new leader tells no end before its followers, those that live, have fetched from it.
    p, = wait_for("it tells its ends", lambda: ended(asked.look("two")["topics"][0]["partitions"], (5, 3)))
    assert "The last 2 records (from 3) are not committed: fewer than min.insync.replicas" in says(p, "uncommitted")[0], p
    alone, = asked.one("alone")["partitions"]
    assert alone["leader"] is None and says(alone, "no-leader") == [
        "No leader: none of the brokers that have it (2) is alive. In sync last: 2; it is back when one of these is."], alone
    asked.twins.ours("explain", *asked.at, "two", "alone")


def synced(found, count):
    return found if found[0]["leader"] and sum(r["in_sync"] for r in found[0]["replicas"]) == count else None


def ended(found, ends):
    return found if (found[0]["log_end"], found[0]["end"]) == ends else None


def filled(found, end):
    return found if all(r["log_end"] == end for r in found[0]["replicas"]) else None
