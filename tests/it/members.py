"""Members of groups by hand: what they send, what they get, and how they come together."""
import kmsg
from harness import wait_for

CONFIG = {"group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "300", "group.max.session.timeout.ms": "60000",
          "group.max.size": "4", "offsets.topic.num.partitions": "5"}

NONE, UNKNOWN_SERVER_ERROR, NOT_COORDINATOR, ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL = 0, -1, 16, 22, 23
INVALID_GROUP_ID, UNKNOWN_MEMBER, INVALID_SESSION, REBALANCING, MEMBER_ID_REQUIRED = 24, 25, 26, 27, 79
GROUP_FULL, FENCED = 81, 82
JOIN, SYNC, HEARTBEAT, LEAVE = range(10), range(6), range(5), range(6)


def subscription(*topics, version=0):
    names = b"".join(len(t).to_bytes(2) + t.encode() for t in topics)
    return version.to_bytes(2) + len(topics).to_bytes(4) + names + b"\xff\xff\xff\xff"


class Member:
    """A client by hand: what it sends and what it got last."""

    def __init__(self, port, group, instance=None, version=9):
        self.c, self.group, self.instance, self.version = kmsg.Connection(port, timeout=30), group, instance, version
        self.id, self.generation, self.kind, self.leads = "", -1, "consumer", False
        self.protocols = [("range", subscription("t"))]
        self.session = self.patience = 30000

    def send_join(self, version=None, **more):
        self.asked = self.version if version is None else version
        request = {"group_id": self.group, "session_timeout_ms": self.session, "rebalance_timeout_ms": self.patience, "member_id": self.id,
                   "protocol_type": self.kind, "protocols": [{"name": n, "metadata": m} for n, m in self.protocols]}
        if self.asked >= 5:
            request["group_instance_id"] = self.instance
        self.c.send_message("join_group", self.asked, known(request, self.asked, rebalance_timeout_ms=1) | more)
        return self

    def joined(self):
        _, answer = self.c.receive_message("join_group", self.asked)
        if answer["error_code"] in (NONE, MEMBER_ID_REQUIRED):
            self.id, self.generation = answer["member_id"], answer["generation_id"]
            self.leads = answer["leader"] == self.id
        return answer

    def try_join(self, version=None, **more):
        return self.send_join(version, **more).joined()

    def send_both(self, **more):
        """Joins so far that it is parked: a dynamic member is given its id first."""
        if not self.id and self.instance is None and self.version >= 4:
            assert self.try_join(**more)["error_code"] == MEMBER_ID_REQUIRED
        return self.send_join(**more)

    def join(self, **more):
        answer = self.send_both(**more).joined()
        assert answer["error_code"] == NONE, answer
        return answer

    def send_sync(self, assignments=(), version=5, **more):
        self.asked = version
        request = {"group_id": self.group, "generation_id": self.generation, "member_id": self.id,
                   "assignments": [{"member_id": m.id if isinstance(m, Member) else m, "assignment": a} for m, a in assignments]}
        if version >= 3:
            request["group_instance_id"] = self.instance
        if version >= 5:
            request |= {"protocol_type": self.kind, "protocol_name": self.protocols[0][0]}
        self.c.send_message("sync_group", version, request | more)
        return self

    def synced(self):
        return self.c.receive_message("sync_group", self.asked)[1]

    def sync(self, assignments=(), version=5, **more):
        return self.send_sync(assignments, version, **more).synced()

    def beat(self, version=4, **more):
        request = {"group_id": self.group, "generation_id": self.generation, "member_id": self.id}
        if version >= 3:
            request["group_instance_id"] = self.instance
        return self.c.ask("heartbeat", version, request | more)["error_code"]

    def leave(self, *who, version=5):
        """Of `who`: a member's id, or (id, instance)."""
        request = {"group_id": self.group}
        if version < 3:
            return self.c.ask("leave_group", version, request | {"member_id": who[0] if who else self.id})
        pairs = [w if isinstance(w, tuple) else (w, None) for w in who or [(self.id, self.instance)]]
        return self.c.ask("leave_group", version, request | {"members": [{"member_id": m, "group_instance_id": i} for m, i in pairs]})

    def left(self, *who, version=5):
        """The errors alone."""
        answer = self.leave(*who, version=version)
        return [answer["error_code"]] if version < 3 else [m["error_code"] for m in answer["members"]]

    def silent(self, seconds=0.5):
        """Whether nothing comes on its connection."""
        self.c.socket.settimeout(seconds)
        try:
            return not self.c.socket.recv(1, 2)  # MSG_PEEK
        except TimeoutError:
            return True
        finally:
            self.c.socket.settimeout(30)


def known(request, version, **since):
    return {k: v for k, v in request.items() if version >= since.get(k, 0)}


def gather(*members):
    """They join anew, together: the new ones first, who begin a rebalance, or the leader of a group that is stable."""
    if not any(m.generation > 0 for m in members):
        members[0].join()
    first = [m for m in members if m.generation <= 0] or [m for m in members if m.leads]
    for m in first:
        m.send_both()
    for m in members:
        if m not in first:
            wait_for("the rebalance", lambda m=m: m.beat() == REBALANCING)
            m.send_join()
    answers = [m.joined() for m in members]
    expect([(a["error_code"], a["generation_id"]) for a in answers], [(NONE, members[0].generation)] * len(members), "joined together")
    return next(m for m in members if m.leads)


def stable(*members):
    """They join anew, and the leader assigns each its name. The leader."""
    leader = gather(*members)
    for m in members:
        m.send_sync([(o, b"for " + o.id.encode()) for o in members] if m is leader else ())
    for m in members:
        answer = m.synced()
        expect((answer["error_code"], answer["assignment"]), (NONE, b"for " + m.id.encode()), "assigned")
    return leader


def coordinated(port):
    """Until the groups' partition is led and loaded."""
    with kmsg.Connection(port) as c:
        def found():
            answer = c.ask("find_coordinator", 4, {"key_type": 0, "coordinator_keys": ["any"]})
            return answer["coordinators"][0]["error_code"] == NONE

        def loaded(group):
            return c.ask("sync_group", 0, {"group_id": group, "generation_id": 1, "member_id": "x",
                                           "assignments": []})["error_code"] == UNKNOWN_MEMBER
        wait_for("a coordinator", found)
        for i in range(20):
            wait_for("groups loaded", lambda i=i: loaded(f"probe-{i}"))


def expect(got, wanted, what):
    assert got == wanted, f"{what}: {got}, not {wanted}"
