"""Members that no client would be: absurd protocols, names and sizes, joins in a row on one connection, clients that go while
they wait, a broker that stops under them. Every request has its answer, and the groups go on."""
import re
import threading
import urllib.request

import kmsg
from harness import Cluster, wait_for
from members import (CONFIG, INCONSISTENT_PROTOCOL, MEMBER_ID_REQUIRED, NONE, NOT_COORDINATOR, REBALANCING, UNKNOWN_MEMBER,
                     UNKNOWN_SERVER_ERROR, Member, coordinated, expect, gather, stable)

TARGETS = ("samsa",)    # Apache Kafka leaves some of these without an answer, or trips over them

COORDINATOR_NOT_AVAILABLE = 15
MANY = 20000
CROWD, PARTITIONS = 1200, 5


def protocols(port):
    m = Member(port, "twice")
    m.protocols = [("x", b"1"), ("x", b"2"), ("", b""), ("x", b"3")]
    expect(m.join()["protocol_name"], "x", "a name three times")
    expect(m.sync([(m, b"a"), (m, b"b")], protocol_name="x")["assignment"], b"b", "assigned twice")
    other = Member(port, "twice")
    other.protocols = [("", b"")]
    expect(gather(m, other), m, "the empty name is a name")
    many = Member(port, "many")
    many.protocols = [(f"p{i}", b"") for i in range(MANY)]
    expect(many.join()["protocol_name"], "p0", "many protocols")
    another = Member(port, "many")
    another.protocols = many.protocols[::-1]
    gather(many, another)
    another.protocols = [("q", b"")] * MANY
    expect(another.try_join()["error_code"], INCONSISTENT_PROTOCOL, "many times one that nobody knows")


def sizes(port):
    """A group whose record does not fit into a batch is told so, each time; what fits is served again."""
    m = Member(port, "large")
    m.protocols = [("range", b"x" * 2_000_000)]
    m.join()
    expect(m.sync([(m, b"a")])["error_code"], UNKNOWN_SERVER_ERROR, "sync")
    wait_for("the rebalance", lambda: m.beat() == REBALANCING)
    m.protocols = [("range", b"x")]
    expect(m.join()["error_code"], NONE, "join")
    expect(m.sync([(m, b"a")])["assignment"], b"a", "sync")
    long = Member(port, "g" * 32767)
    long.kind = "k" * 32767
    long.protocols = [("p" * 32767, b"")]
    expect(long.try_join(reason="r" * 30000)["error_code"], MEMBER_ID_REQUIRED, "long names")
    expect(long.join()["protocol_name"], "p" * 32767, "long names")
    expect(long.sync([(f"m{i}", b"") for i in range(MANY)])["error_code"], NONE, "many assignments to nobody")
    expect(len(long.leave(*["nobody"] * MANY, long.id)["members"]), MANY + 1, "many strangers leave")


def oddities(port):
    m = Member(port, "odd", "")
    m.join()
    assert m.id.startswith("-"), m.id
    expect(m.left(("", "")), [NONE], "a static member without a name")
    m = Member(port, "odd")
    m.try_join()
    m.instance = "late name"
    expect(m.try_join()["error_code"], UNKNOWN_SERVER_ERROR, "an id for a dynamic member, and a name")
    for timeout in (-1, -2**31, 0):
        m = Member(port, f"patience {timeout}")
        m.patience = timeout
        m.join()
        wait_for("the member fails to sync in no time", lambda m=m: m.beat() == UNKNOWN_MEMBER)
    m = Member(port, "odd kinds")
    for kind in ("consumer", "connect"):
        m.kind, m.id = kind, ""
        m.protocols = [("x", b"\0\0\x7f\xff\xff\xff")]
        expect(m.join()["error_code"], NONE, f"{kind} metadata that mean nothing")
        m.leave()


def in_a_row(port):
    """Requests on one connection are answered in their order, and a parked one does not stop the next from being heard."""
    a, b = Member(port, "row"), Member(port, "row")
    stable(a, b)
    b.protocols = [("range", b"new")]
    for _ in range(20):
        b.send_join()
    a.send_join()
    errors = [b.joined()["error_code"] for _ in range(20)]
    expect(a.joined()["error_code"], NONE, "a")
    expect(set(errors[:-1]) <= {NONE, REBALANCING}, True, f"{errors}")
    expect(errors[-1], NONE, "the last one counts")


def gone(port):
    """Connections that end while their joins and syncs wait."""
    a = Member(port, "gone")
    a.session = 1000
    a.join()
    for _ in range(30):
        Member(port, "gone").send_both().c.socket.close()
    b = Member(port, "gone").send_both()
    a.send_join()
    answer = a.joined()
    expect(answer["error_code"], NONE, "those that are gone have joined")
    b.joined()
    b.send_sync().c.socket.close()
    a.sync([(a, b"a")])


def under_load(port):
    """Members that come and go on many connections at once."""
    def live(i):
        for k in range(15):
            m = Member(port, f"load-{i % 3}", f"static-{i}" if i % 2 else None)
            m.session, m.patience = 6000, 500
            m.send_both()
            if k % 3:
                m.c.socket.close()
            else:
                m.joined()
                m.left()
    threads = [threading.Thread(target=live, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def figures(port):
    """What metrics tell of the groups."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
        found = dict(re.findall(r"^kafka_coordinator_group_groupmetadatamanager_num(\w+) (\d+)$", page.read().decode(), re.M))
    return {name: int(value) for name, value in found.items()}


def counted(port, metrics_port):
    before = figures(metrics_port)
    states = ("empty", "preparingrebalance", "completingrebalance", "stable", "dead")
    expect(sum(before["groups" + s] for s in states), before["groups"], f"groups in all states of {before}")
    stable(Member(port, "counted"))
    expect(figures(metrics_port)["groups"], before["groups"] + 1, "one more")


def at_length(port):
    """More groups than a core lists or describes in one turn; more than an answer holds hang up, and the broker goes on."""
    names = [f"long-{i}" for i in range(CROWD)]
    with kmsg.Connection(port) as c:
        for name in names:
            c.send_message("offset_commit", 8, {"group_id": name, "generation_id_or_member_epoch": -1, "topics": [
                {"name": "groups", "partitions": [{"partition_index": p, "committed_offset": p} for p in range(PARTITIONS)]}]})
        errors = {p["error_code"] for _ in names for p in c.receive_message("offset_commit", 8)[1]["topics"][0]["partitions"]}
        expect(errors, {NONE}, "commits")
        for filters, found in (({}, True), ({"states_filter": ["x"] * MANY + ["empTY"], "types_filter": ["Classic"]}, True),
                               ({"states_filter": ["x"] * MANY}, False), ({"types_filter": ["consumer"]}, False)):
            listed = [g["group_id"] for g in c.ask("list_groups", 5, filters)["groups"]]
            expect((len(listed), set(names) <= set(listed)), (len(set(listed)), found), f"listed by {len(filters)} filters")
        described = c.ask("describe_groups", 5, {"groups": names * 2})["groups"]
        expect([(g["group_id"], g["group_state"]) for g in described], [(n, "Empty") for n in names * 2], "described")
        fetched = c.ask("offset_fetch", 9, {"groups": [{"group_id": n, "topics": None} for n in names]})["groups"]
        expect([(g["group_id"], len(g["topics"][0]["partitions"])) for g in fetched], [(n, PARTITIONS) for n in names], "fetched")
    with kmsg.Connection(port) as c:
        c.send_message("offset_fetch", 9, {"groups": [{"group_id": names[0], "topics": None}] * 10 * MANY})
        expect(c.socket.recv(1), b"", "more than an answer holds")
    with kmsg.Connection(port) as c:
        expect({r["error_code"] for r in c.ask("delete_groups", 2, {"groups_names": names})["results"]}, {NONE}, "deleted")


def too_many(port):
    """So many keys that there is hardly room for their coordinators: they are told, or the client is hung up on."""
    with kmsg.Connection(port, timeout=60) as c:
        c.send_message("find_coordinator", 4, {"key_type": 0, "coordinator_keys": ["g"] * 700_000})
        try:
            expect(len(c.receive()[1]) > 700_000, True, "an answer")
        except ConnectionError:
            print("hung up")


def nowhere(cluster):
    """The topic of the offsets cannot be made: it is tried once for all groups that are asked for."""
    broker = cluster.broker(offsets_topic_replication_factor=3).start()
    with kmsg.Connection(broker.port) as c:
        found = c.ask("find_coordinator", 4, {"key_type": 0, "coordinator_keys": [f"g{i}" for i in range(MANY)]})["coordinators"]
    expect(({f["error_code"] for f in found}, len(found)), ({COORDINATOR_NOT_AVAILABLE}, MANY), "no coordinator")
    expect(broker.text().count("does not meet the required replication factor '3'"), 1, "tries")
    broker.stop()


def stop_under_them(broker, port):
    """Those that wait are told to look for another coordinator, and the broker ends at once."""
    a, b = Member(port, "stop"), Member(port, "stop", "B")
    gather(a, b)
    b.send_sync()
    waiting = [Member(port, "stop 2", f"static-{i}").send_join() for i in range(5)]
    assert b.silent()
    broker.stop()
    expect(b.synced()["error_code"], NOT_COORDINATOR, "a sync")
    for m in waiting:
        expect(m.joined()["error_code"] in (NONE, NOT_COORDINATOR), True, "a join")


def test(env):
    with Cluster(env) as cluster:
        nowhere(cluster)
        metrics_port = env.ports.take()
        broker = cluster.broker(**CONFIG | {"group.max.size": "1000", "metrics.port": metrics_port}).start()
        port = broker.port
        coordinated(port)
        broker.create_topic("groups", PARTITIONS)
        for step in (protocols, sizes, oddities, in_a_row, gone, at_length, too_many, under_load):
            print(step.__name__, flush=True)
            step(port)
        counted(port, metrics_port)
        with kmsg.Connection(port) as c:
            expect(c.ask("api_versions", 0, {})["error_code"], NONE, "it serves on")
        stop_under_them(broker, port)
