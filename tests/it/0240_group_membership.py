"""Members of groups, request by request: who may join, who waits for whom, who gets which error. Each step says what Apache Kafka answers."""
import re
import time

import kmsg
from harness import Cluster, wait_for
from members import (CONFIG, FENCED, GROUP_FULL, HEARTBEAT, ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL, INVALID_GROUP_ID,
                     INVALID_SESSION, JOIN, LEAVE, MEMBER_ID_REQUIRED, NONE, NOT_COORDINATOR, REBALANCING, SYNC, UNKNOWN_MEMBER,
                     Member, coordinated, expect, gather, stable, subscription)

UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


# ---- one member ----

def before_there_is_a_coordinator(port):
    m = Member(port, "g")
    m.id = "somebody"
    for v in JOIN:
        expect(m.try_join(v)["error_code"], NOT_COORDINATOR, f"join v{v}")
    for v in SYNC:
        expect(m.sync(version=v)["error_code"], NOT_COORDINATOR, f"sync v{v}")
    for v in HEARTBEAT:
        expect(m.beat(v), NOT_COORDINATOR, f"heartbeat v{v}")
    for v in LEAVE:
        answer = m.leave(version=v)
        expect((answer["error_code"], answer.get("members", [])), (NOT_COORDINATOR, []), f"leave v{v}")


def what_is_wrong_with_a_request(port):
    m = Member(port, "")
    for v in JOIN:
        expect(m.try_join(v)["error_code"], INVALID_GROUP_ID, f"join v{v}")
    for v in SYNC:
        expect(m.sync(version=v)["error_code"], INVALID_GROUP_ID, f"sync v{v}")
    for v in HEARTBEAT:
        expect(m.beat(v), INVALID_GROUP_ID, f"heartbeat v{v}")
    for v in LEAVE:
        expect(m.leave(version=v)["error_code"], INVALID_GROUP_ID, f"leave v{v}")
    m = Member(port, "nothing")
    for ms in (299, 60001, -1, 0, 2**31 - 1, -2**31):
        answer = m.try_join(session_timeout_ms=ms)
        expect((answer["error_code"], answer["generation_id"], answer["leader"]), (INVALID_SESSION, -1, ""), f"session {ms}")
    for v in JOIN:
        answer = m.try_join(v, protocols=[])
        expect((answer["error_code"], answer.get("protocol_name")), (INCONSISTENT_PROTOCOL, "" if v < 7 else None), f"v{v} no protocols")
        expect(m.try_join(v, protocol_type="")["error_code"], INCONSISTENT_PROTOCOL, f"v{v} no type")
    m.id = "unknown-id"
    expect(m.beat(), UNKNOWN_MEMBER, "heartbeat")    # the joins above have made the group
    m.group = "no such group"
    for v in JOIN:
        answer = m.try_join(v)
        expect((answer["error_code"], answer["member_id"]), (UNKNOWN_MEMBER, "unknown-id"), f"join v{v}")
    for v in SYNC:
        expect(m.sync(version=v)["error_code"], UNKNOWN_MEMBER, f"sync v{v}")
    for v in HEARTBEAT:
        expect(m.beat(v), UNKNOWN_MEMBER, f"heartbeat v{v}")
    for v in LEAVE:
        expect(m.left(version=v), [UNKNOWN_MEMBER], f"leave v{v}")
    expect(m.sync(protocol_name=None)["error_code"], INCONSISTENT_PROTOCOL, "sync v5 without a name")
    expect(m.sync(protocol_type=None)["error_code"], INCONSISTENT_PROTOCOL, "sync v5 without a type")


def one_member(port):
    for v in JOIN:
        m = Member(port, f"one-{v}", version=v)
        m.kind = "connect" if v % 2 else "consumer"
        if v >= 4:
            answer = m.try_join()
            expect((answer["error_code"], answer["generation_id"]), (MEMBER_ID_REQUIRED, -1), f"v{v} first")
        answer = m.join()
        assert m.id.startswith("wire-") and UUID.fullmatch(m.id[5:]), m.id
        seen = {k: x for k, x in answer.items() if k != "throttle_time_ms"}
        wanted = {"error_code": 0, "generation_id": 1, "protocol_name": "range", "leader": m.id, "member_id": m.id,
                  "members": [{"member_id": m.id, "metadata": subscription("t")} | ({"group_instance_id": None} if v >= 5 else {})]}
        wanted |= {"protocol_type": m.kind} if v >= 7 else {}
        wanted |= {"skip_assignment": False} if v >= 9 else {}
        expect(seen, wanted, f"v{v}")
        s = v % 6
        expect(m.sync(version=s, generation_id=2)["error_code"], ILLEGAL_GENERATION, "sync of the next generation")
        expect(m.sync(version=s, member_id="x")["error_code"], UNKNOWN_MEMBER, "sync of another")
        expect(m.sync(protocol_name="other")["error_code"], INCONSISTENT_PROTOCOL, "sync of another protocol")
        expect(m.sync(protocol_type="other")["error_code"], INCONSISTENT_PROTOCOL, "sync of another type")
        expect(m.beat(), NONE, "heartbeat before sync")
        answer = m.sync([(m, b"work"), ("nobody", b"x")], version=s)
        expect((answer["error_code"], answer["assignment"]), (NONE, b"work"), "sync")
        expect((answer.get("protocol_type"), answer.get("protocol_name")), (m.kind, "range") if s == 5 else (None, None), f"sync v{s}")
        expect(m.sync([(m, b"other")], version=s)["assignment"], b"work", "sync again")
        for b in HEARTBEAT:
            expect([m.beat(b), m.beat(b, generation_id=0), m.beat(b, member_id="x")], [NONE, ILLEGAL_GENERATION, UNKNOWN_MEMBER], f"beat v{b}")
        expect(m.left(version=v % 6), [NONE], "leave")
        expect([m.beat(), m.left(version=v % 6)], [UNKNOWN_MEMBER, [UNKNOWN_MEMBER]], "after it has left")
        expect(m.try_join()["error_code"], UNKNOWN_MEMBER, "join under the old id")
        m.id = ""
        expect(m.join()["generation_id"], 3, "the next one after the empty one")
        m.leave()


def leader_again(port):
    """A leader that joins again has something new to divide; any other member is told the generation it is in."""
    a, b = Member(port, "again"), Member(port, "again")
    a.join()
    a.sync([(a, b"a")])
    b.send_both()
    wait_for("a rebalance", lambda: a.beat() == REBALANCING)
    expect(b.silent(), True, "the new one waits")
    expect(a.sync()["error_code"], REBALANCING, "sync meanwhile")
    told = {m["member_id"]: m["metadata"] for m in a.join()["members"]}
    answer = b.joined()
    expect((answer["members"], answer["leader"], answer["generation_id"]), ([], a.id, 2), "the other's answer")
    expect(told, {a.id: subscription("t"), b.id: subscription("t")}, "the leader's list")
    expect([a.beat(), b.beat()], [NONE, NONE], "heartbeats before the assignment")
    # The same again, as the answer may have been lost.
    expect([len(a.join()["members"]), len(b.join()["members"])], [2, 0], "joins again")
    expect([a.generation, b.generation], [2, 2], "the same generation")
    b.send_sync()
    expect(b.silent(), True, "its sync waits for the leader's")
    expect(a.sync([(a, b"a2"), (b, b"b2")])["assignment"], b"a2", "leader's")
    expect(b.synced()["assignment"], b"b2", "the other's")
    expect(b.join()["generation_id"], 2, "no rebalance for a member with nothing new")
    expect(b.sync()["assignment"], b"b2", "its assignment again")
    a.send_join()
    wait_for("a rebalance by the leader", lambda: b.beat() == REBALANCING)
    expect(b.join()["generation_id"], 3, "b")
    expect(a.joined()["generation_id"], 3, "a")
    a.sync()
    expect(b.sync()["assignment"], b"", "what the leader leaves out gets nothing")
    b.protocols = [("range", subscription("t", "u"))]
    b.send_join()
    wait_for("a rebalance by new metadata", lambda: a.beat() == REBALANCING)
    a.send_join()
    expect([a.joined()["generation_id"], b.joined()["generation_id"]], [4, 4], "together")
    # While the assignment is awaited, new members begin a rebalance as well, and parked syncs are sent away.
    a.sync()
    b.sync()
    gather(a, b)
    b.send_sync()
    c = Member(port, "again").send_both()
    expect(b.synced()["error_code"], REBALANCING, "the sync that was parked")
    for m in (a, b):
        m.send_join()
    for m in (a, b, c):
        expect(m.joined()["error_code"], NONE, "joined with c")
    # Two leave in one request, a stranger is told.
    expect(a.left(a.id, "stranger", c.id, c.id), [NONE, UNKNOWN_MEMBER, NONE, UNKNOWN_MEMBER], "leave of several")
    expect(b.join()["leader"], b.id, "the last one leads")


def votes(port):
    def member(*names):
        m = Member(port, "votes")
        m.protocols = [(n, n.encode()) for n in names]
        return m
    a, b, c = member("x", "y", "z"), member("y", "x"), member("y", "x", "w")
    expect(a.join()["protocol_name"], "x", "alone")
    b.send_both()
    c.send_both()
    a.join()
    expect([m.joined()["protocol_name"] for m in (b, c)], ["y", "y"], "most votes")
    for wrong in (member("z"), member("w"), member()):
        answer = wrong.try_join()
        expect((answer["error_code"], answer["member_id"]), (INCONSISTENT_PROTOCOL, ""), f"{wrong.protocols}")
    other = member("x", "y")
    other.kind = "connect"
    expect(other.try_join()["error_code"], INCONSISTENT_PROTOCOL, "another type")
    c.protocols = [("w", b"w")]
    expect(c.try_join()["error_code"], INCONSISTENT_PROTOCOL, "a member that knows it no more")


def no_room(port):
    m = Member(port, "full")
    answer = m.try_join()
    return answer["error_code"] == GROUP_FULL or m.left() != [NONE]


def full(port):
    """group.max.size is 4."""
    members = [Member(port, "full") for _ in range(4)]
    members[0].join()
    stable(*members)
    fifth = Member(port, "full")
    answer = fifth.try_join()
    expect((answer["error_code"], answer["member_id"]), (GROUP_FULL, ""), "the fifth")
    expect(members[0].beat(), NONE, "the others go on")
    # While a rebalance is prepared it is who joins first.
    members[1].leave()
    wait_for("a rebalance", lambda: members[0].beat() == REBALANCING)
    fresh = [Member(port, "full").send_both() for _ in range(2)]
    members[2].send_join()
    late = Member(port, "full")
    expect(late.try_join()["error_code"], MEMBER_ID_REQUIRED, "three have joined: one more may")
    members[3].send_join()
    wait_for("four have joined", lambda: no_room(port))
    expect(members[0].try_join()["error_code"], GROUP_FULL, "four have joined: the leader is late")
    expect(late.try_join()["error_code"], GROUP_FULL, "and so is this one")
    for m in fresh + members[2:]:
        expect(m.joined()["error_code"], NONE, "in")


# ---- static members ----

def static(port):
    a, b = Member(port, "static", "A"), Member(port, "static", "B")
    a.join()
    assert a.id.startswith("A-") and UUID.fullmatch(a.id[2:]), a.id
    leader = stable(a, b)
    expect(leader, a, "leader")
    # B is started anew: no rebalance.
    again = Member(port, "static", "B")
    answer = again.join()
    expect((answer["generation_id"], answer["leader"], answer["skip_assignment"], answer["members"]), (a.generation, a.id, False, []), "B anew")
    assert again.id != b.id
    expect(again.sync()["assignment"], b"for " + b.id.encode(), "its old assignment")
    expect([b.beat(), b.sync()["error_code"], b.try_join()["error_code"], b.left()[0]], [FENCED] * 4, "its old self")
    expect(b.beat(group_instance_id=None), UNKNOWN_MEMBER, "its old self without a name")
    expect(again.beat(group_instance_id="unheard of"), UNKNOWN_MEMBER, "a name that nobody has")
    expect(again.beat(group_instance_id="A"), FENCED, "somebody else's name")
    expect(again.beat(group_instance_id=None), NONE, "no name, right id")
    # A, the leader: since v9 it leads and is told to leave the assignment alone; before, its old self leads.
    for version in (5, 8, 9):
        old, a = a, Member(port, "static", "A", version)
        answer = a.join()
        wanted = (a.id, True, 2) if version == 9 else (old.id, None, 0)
        expect((answer["leader"], answer.get("skip_assignment"), len(answer["members"])), wanted, f"A anew v{version}")
        expect([a.generation, a.sync()["assignment"]], [again.generation, b"for " + leader.id.encode()], "its assignment")
        expect([a.beat(), again.beat(), old.beat()], [NONE, NONE, FENCED], "heartbeats")
    # Known by its new id: a leader's join is a rebalance.
    a.send_join()
    wait_for("a rebalance", lambda: again.beat() == REBALANCING)
    # In a rebalance: who waits under the old id is fenced, the new one waits on.
    newest = Member(port, "static", "A").send_join()
    expect(a.joined()["error_code"], FENCED, "a parked join")
    again.send_join()
    expect([newest.joined()["error_code"], again.joined()["error_code"]], [NONE, NONE], "joined")
    # While the assignment is awaited: a rebalance, and the parked sync is fenced.
    again.send_sync()
    b2 = Member(port, "static", "B").send_join()
    expect(again.synced()["error_code"], FENCED, "a parked sync")
    expect(newest.sync()["error_code"], REBALANCING, "the leader's sync")
    newest.send_join()
    expect([newest.joined()["error_code"], b2.joined()["error_code"]], [NONE, NONE], "joined")
    newest.sync([(newest, b"n"), (b2, b"b")])
    expect(b2.sync()["assignment"], b"b", "assigned")
    # Another choice of protocol is a rebalance.
    b3 = Member(port, "static", "B")
    b3.protocols = [("other", b""), ("range", subscription("t"))]
    expect(b3.join()["generation_id"], b2.generation, "the vote stays the same: no rebalance")
    admin = Member(port, "static")
    expect(admin.left(("", "nobody"), ("", None), ("wrong", "A"), (newest.id, "B"), version=3),
           [UNKNOWN_MEMBER, UNKNOWN_MEMBER, FENCED, FENCED], "leave of nobody")
    expect(newest.beat(), NONE, "nothing has happened")
    expect(admin.left(("", "A"), version=4), [NONE], "an admin removes A by its name")
    wait_for("a rebalance", lambda: b3.beat() == REBALANCING)
    expect(newest.beat(), UNKNOWN_MEMBER, "A is gone")
    expect(b3.join()["leader"], b3.id, "B leads")
    expect(b3.join()["protocol_name"], "other", "and chooses")


# ---- time ----

def failures(port):
    # A session runs out; a static member's, too.
    a, b, c = Member(port, "time"), Member(port, "time"), Member(port, "time", "C")
    b.session = c.session = 1000
    stable(a, b, c)
    started = time.monotonic()
    wait_for("the two have failed", lambda: a.beat() == REBALANCING)
    assert time.monotonic() - started > 0.5
    wait_for("both are gone", lambda: len(a.join()["members"]) == 1)

    # Who does not join again within the rebalance timeout is removed.
    a, b = Member(port, "late"), Member(port, "late")
    a.patience = b.patience = 1500
    stable(a, b)
    a.send_join()
    while a.silent(0.2):
        b.beat()    # it lives, and does not join
    expect(len(a.joined()["members"]), 1, "b was left behind")
    expect(b.beat(), UNKNOWN_MEMBER, "b")

    # Who does not ask for its assignment in time is removed.
    a, b = Member(port, "mute"), Member(port, "mute")
    a.patience = b.patience = 1500
    a.join()
    gather(a, b)
    expect(a.sync([(a, b"a"), (b, b"b")])["assignment"], b"a", "a")
    wait_for("b has not synced", lambda: a.beat() == REBALANCING)
    expect(len(a.join()["members"]), 1, "b was removed")

    # An id that was given holds a rebalance up, until its time is over.
    a, b = Member(port, "pending"), Member(port, "pending")
    a.join()
    a.sync([(a, b"")])
    expect(b.try_join(session_timeout_ms=1500)["error_code"], MEMBER_ID_REQUIRED, "b")
    started = time.monotonic()
    expect(a.join()["generation_id"], 2, "a, after b's time")
    assert 0.8 < time.monotonic() - started < 15, time.monotonic() - started
    expect(b.try_join()["error_code"], UNKNOWN_MEMBER, "b's id")
    # An id may be given back.
    b.id = ""
    b.try_join()
    expect(b.left(), [NONE], "b gives its id back")
    expect(b.try_join()["error_code"], UNKNOWN_MEMBER, "b's id")


def after_a_restart(broker, port):
    """What was stored is there again: static members keep their places."""
    a, b = Member(port, "kept", "A"), Member(port, "kept")
    a.join()
    stable(a, b)
    broker.stop()
    broker.start()
    coordinated(port)
    for m in (a, b):
        m.c = kmsg.Connection(port, timeout=30)
    expect([a.beat(), b.beat()], [NONE, NONE], "members after a restart")
    expect(b.sync()["assignment"], b"for " + b.id.encode(), "its assignment")
    again = Member(port, "kept", "A")
    expect(again.join()["generation_id"], b.generation, "A anew")
    expect(again.sync()["assignment"], b"for " + a.id.encode(), "A's assignment")


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(**CONFIG).start()
        port = broker.port
        for step in (before_there_is_a_coordinator, coordinated, what_is_wrong_with_a_request, one_member, leader_again, votes,
                     full, static, failures):
            print(f"{time.monotonic():.1f} {step.__name__}", flush=True)
            step(port)
        after_a_restart(broker, port)
        broker.stop()
