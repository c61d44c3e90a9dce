"""Groups of every kind, made by hand and looked at again: what must outlive a broker."""
import kmsg
from harness import wait_for

CONFIG = {"group_initial_rebalance_delay_ms": 0}
UNLOADED = (14, 15, 16)    # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
PROBES = 20                # enough names to be of every partition of __consumer_offsets


def loaded(broker):
    """A connection, once every partition of __consumer_offsets is there and loaded."""
    c = kmsg.Connection(broker.port, timeout=30)
    wait_for("a coordinator", lambda: c.ask("find_coordinator", 1, {"key": "g", "key_type": 0})["error_code"] == 0)
    probes = [{"group_id": f"probe-{i}", "topics": None} for i in range(PROBES)]
    wait_for("the groups are loaded", lambda: all(
        g["error_code"] not in UNLOADED for g in c.ask("offset_fetch", 8, {"groups": probes})["groups"]))
    return c


def subscription(*topics):
    return b"\0\0" + len(topics).to_bytes(4) + b"".join(len(t).to_bytes(2) + t.encode() for t in topics) + b"\xff\xff\xff\xff"


class Member:
    def __init__(self, group, instance=None, kind="consumer", metadata=subscription("t")):
        self.group, self.instance, self.kind, self.metadata = group, instance, kind, metadata
        self.id, self.generation = "", -1

    def join(self, c):
        request = {"group_id": self.group, "session_timeout_ms": 60000, "rebalance_timeout_ms": 60000, "member_id": "",
                   "protocol_type": self.kind, "protocols": [{"name": "range", "metadata": self.metadata}]}
        if self.instance:
            request["group_instance_id"] = self.instance
        answer = c.ask("join_group", 5 if self.instance else 3, request)
        assert answer["error_code"] == 0, answer
        self.id, self.generation = answer["member_id"], answer["generation_id"]
        answer = c.ask("sync_group", 0, {"group_id": self.group, "generation_id": self.generation, "member_id": self.id,
                                         "assignments": [{"member_id": self.id, "assignment": b"mine"}]})
        assert answer["error_code"] == 0, answer
        return self

    def beat(self, c):
        return c.ask("heartbeat", 0, {"group_id": self.group, "generation_id": self.generation, "member_id": self.id})["error_code"]

    def leave(self, c):
        assert c.ask("leave_group", 0, {"group_id": self.group, "member_id": self.id})["error_code"] == 0


def commit(c, group, places, version=9, member=None, **more):
    """places: {(topic, partition): (offset, metadata)}"""
    topics = {}
    for (topic, partition), (offset, text) in places.items():
        topics.setdefault(topic, []).append({"partition_index": partition, "committed_offset": offset, "committed_metadata": text})
    request = {"group_id": group, "topics": [{"name": n, "partitions": p} for n, p in topics.items()]}
    if member:
        request |= {"member_id": member.id, "generation_id_or_member_epoch": member.generation}
    answer = c.ask("offset_commit", version, request | more)
    errors = {p["error_code"] for t in answer["topics"] for p in t["partitions"]}
    assert errors == {0}, answer


def fill(broker, name):
    """Groups whose names begin with `name`; the members that are still there."""
    c = loaded(broker)
    commit(c, f"{name}-simple", {("t", 0): (5, "text ü"), ("t", 1): (6, None), ("u", 0): (7, "")})
    commit(c, f"{name}-simple", {("t", 0): (8, "later")}, version=5)
    commit(c, f"{name}-keeps", {("t", 0): (9, "kept")}, version=3, retention_time_ms=3600000)
    commit(c, f"{name}-deleted", {("t", 0): (1, "")})
    assert c.ask("delete_groups", 1, {"groups_names": [f"{name}-deleted"]})["results"][0]["error_code"] == 0
    commit(c, f"{name}-fewer", {("t", 0): (1, ""), ("u", 0): (2, "")})
    gone = [{"name": "u", "partitions": [{"partition_index": 0}]}]
    assert c.ask("offset_delete", 0, {"group_id": f"{name}-fewer", "topics": gone})["error_code"] == 0
    left = Member(f"{name}-left").join(c)
    commit(c, left.group, {("t", 2): (10, "")}, member=left)
    left.leave(c)
    members = [Member(f"{name}-stable"), Member(f"{name}-static", "here"), Member(f"{name}-workers", kind="connect", metadata=b"w")]
    for m in members:
        m.join(c)
        commit(c, m.group, {("t", 0): (11, m.kind)}, member=m)
    c.socket.close()
    return members


def seen(broker):
    """All that the broker says of its groups, in an order of our own."""
    c = loaded(broker)
    listed = c.ask("list_groups", 5, {})
    assert listed["error_code"] == 0, listed
    names = sorted(g["group_id"] for g in listed["groups"])
    described = c.ask("describe_groups", 5, {"groups": names})["groups"]
    fetched = c.ask("offset_fetch", 9, {"groups": [{"group_id": n, "topics": None} for n in names], "require_stable": True})["groups"]
    for group in fetched:
        for topic in group["topics"]:
            topic["partitions"].sort(key=lambda p: p["partition_index"])
        group["topics"].sort(key=lambda t: t["name"])
    listed["groups"].sort(key=lambda g: g["group_id"])
    c.socket.close()
    return listed["groups"], described, fetched


def beating(broker, members):
    c = loaded(broker)
    errors = {m.group: m.beat(c) for m in members}
    assert set(errors.values()) == {0}, errors
    c.socket.close()
