"""What 0212_same_offsets.py asks both brokers about offsets of groups, and about groups as admins do."""
import kmsg
from harness import wait_for

CONFIG = {"group_initial_rebalance_delay_ms": 0, "offsets_topic_num_partitions": 3, "auto_create_topics_enable": "false",
          "num_partitions": 1}
ZOOKEEPER, COMMITS, FETCHES = 0, range(1, 10), range(1, 10)
UNLOADED = (14, 15, 16)    # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
LONGEST = 4096             # offset.metadata.max.bytes


def run(side):
    begin(side)
    nothing_yet(side)
    commits(side)
    metadata_of_commits(side)
    who_may_commit(side)
    several_groups(side)
    zookeeper(side)
    members(side)
    static_members(side)
    other_protocols(side)
    lists(side)
    deletions(side)
    topic_goes(side)


# ---- words ----

def begin(side):
    topics = [{"name": name, "num_partitions": n, "replication_factor": 1} for name, n in (("t", 3), ("u", 1), ("gone", 2))]
    side.connected().ask("create_topics", 4, {"topics": topics, "timeout_ms": 20000})
    wait_for("the coordinator", lambda: side.connected().ask("find_coordinator", 1, {"key": "g", "key_type": 0})["error_code"] == 0)
    groups = [{"group_id": f"probe-{i}", "topics": None} for i in range(20)]
    wait_for("all partitions are loaded", lambda: all(
        g["error_code"] not in UNLOADED for g in side.connected().ask("offset_fetch", 8, {"groups": groups})["groups"]))


def rows(places):
    """[(topic, partition, more)] as the requests have it."""
    topics = {}
    for name, partition, more in places:
        topics.setdefault(name, []).append({"partition_index": partition} | more)
    return [{"name": name, "partitions": partitions} for name, partitions in topics.items()]


def offset(value, **more):
    return {"committed_offset": value} | more


def commit(side, version, group, places, note, **more):
    return side.ask("offset_commit", version, {"group_id": group, "topics": rows(places)} | more, note)


def fetch(side, version, group, places, note="", **more):
    """places None: all."""
    topics = None
    if places is not None:
        named = {}
        for name, partition in places:
            named.setdefault(name, []).append(partition)
        topics = [{"name": name, "partition_indexes": numbers} for name, numbers in named.items()]
    group = {"group_id": group, "topics": topics}
    return side.ask("offset_fetch", version, {"groups": [group]} | more if version >= 8 else group | more, note)


def describe(side, groups, note, versions=(5,), **more):
    for version in versions:
        side.ask("describe_groups", version, {"groups": groups} | more, note)


def list_groups(side, note, versions=(5,), **more):
    for version in versions:
        side.ask("list_groups", version, more, note)


def delete_offsets(side, group, places, note):
    side.ask("offset_delete", 0, {"group_id": group, "topics": rows([(t, p, {}) for t, p in places])}, note)


# ---- OffsetCommit and OffsetFetch ----

def nothing_yet(side):
    for version in range(10):
        fetch(side, version, "nobody", [("t", 0), ("t", 7), ("nowhere", 0), ("t", -1)], "of nobody")
        fetch(side, version, "", [("t", 0)], "of the group without a name")
        fetch(side, version, "nobody", [], "of no partition")
        if version >= 2:
            fetch(side, version, "nobody", None, "all of nobody")
    for version in range(6):
        describe(side, ["nobody", ""], "nobody", [version])
        describe(side, [], "no group", [version])
        list_groups(side, "nobody", [version])
        if version >= 3:
            describe(side, ["nobody"], "with operations", [version], include_authorized_operations=True)
    describe(side, ["nobody", "nobody"], "twice")
    for version in range(3):
        side.ask("delete_groups", version, {"groups_names": ["nobody", "", "nobody"]}, "nobody")
        side.ask("delete_groups", version, {"groups_names": []}, "no group")
    delete_offsets(side, "nobody", [("t", 0)], "nobody")
    delete_offsets(side, "", [("t", 0)], "of the group without a name")
    delete_offsets(side, "nobody", [], "nothing of nobody")
    delete_offsets(side, "nobody", [("nowhere", 0), ("t", 9)], "nothing that is there")


def commits(side):
    for version in COMMITS:
        group = f"simple-{version}"
        more = {"commit_timestamp": 1234567} if version == 1 else {}
        epoch = {"committed_leader_epoch": 3} if version >= 6 else {}
        commit(side, version, group, [("t", 0, offset(5, **more, **epoch)), ("u", 0, offset(6, committed_metadata="text ü")),
                                      ("t", 1, offset(7, committed_metadata=None))], "simple")
        commit(side, version, group, [("t", 7, offset(1)), ("nowhere", 0, offset(1)), ("t", 2, offset(1)), ("t", -1, offset(1))],
               "not all are there")
        commit(side, version, group, [("nowhere", 0, offset(1))], "none is there")
        commit(side, version, group, [], "nothing")
        commit(side, version, group, [("u", 0, offset(-1))], "minus one")
        commit(side, version, group, [("t", 2, offset(-1 << 63, **({"committed_leader_epoch": -7} if version >= 6 else {})))], "least")
        commit(side, version, group, [("t", 1, offset(3)), ("t", 1, offset(4))], "twice")
        commit(side, version, "", [("t", 0, offset(version))], "the group without a name")
        for retention in (-1, 0, 5, 3600000, -2) if 2 <= version <= 4 else ():
            commit(side, version, f"{group}-keeps-{retention}", [("t", 0, offset(1))], f"retention {retention}", retention_time_ms=retention)
        for asked in FETCHES:
            fetch(side, asked, group, [("t", 0), ("t", 1), ("t", 2), ("u", 0), ("u", 5), ("nowhere", 0)], f"after commit v{version}")
            if asked >= 2:
                fetch(side, asked, group, None, f"all after commit v{version}")
            if asked >= 7:
                fetch(side, asked, group, None, f"stable after commit v{version}", require_stable=True)
    for group in ("grüppe/ü😀", "with space", "g" * 300, "a\tb"):
        commit(side, 5, group, [("t", 0, offset(1))], f"{group[:20]!r}")
        fetch(side, 5, group, None, f"{group[:20]!r}")


def metadata_of_commits(side):
    for version in (1, 9):
        texts = {"longest": "m" * LONGEST, "too long": "m" * (LONGEST + 1), "longest ü": "ü" * LONGEST, "too long ü": "ü" * (LONGEST + 1),
                 "longest emoji": "😀" * (LONGEST // 2), "too long emoji": "😀" * (LONGEST // 2 + 1), "none": "", "null": None}
        for what, text in texts.items():
            commit(side, version, "notes", [("t", 0, offset(1, committed_metadata=text))], what)
            commit(side, version, "notes", [("t", 1, offset(2, committed_metadata=text)), ("u", 0, offset(3))], f"{what} beside one")
        fetch(side, 5, "notes", None, "notes")
    commit(side, 9, "only-bad", [("t", 0, offset(1, committed_metadata="m" * 5000))], "nothing remains")
    describe(side, ["only-bad"], "a group without offsets")


def who_may_commit(side):
    one = [("t", 0, offset(1))]
    for version in COMMITS:
        for generation in (0, 1, 7):
            commit(side, version, f"missing-{version}", one, f"generation {generation} of nobody", generation_id_or_member_epoch=generation)
        commit(side, version, f"named-{version}", one, "a member id without generation", member_id="somebody")
        commit(side, version, f"named-{version}", one, "a generation of a group without members", generation_id_or_member_epoch=0)
        commit(side, version, f"named-{version}", one, "both", generation_id_or_member_epoch=0, member_id="somebody")
        commit(side, version, f"named-{version}", one, "generation -2", generation_id_or_member_epoch=-2)
        if version >= 7:
            commit(side, version, f"named-{version}", one, "an instance id", group_instance_id="i")
            commit(side, version, f"named-{version}", one, "an instance id and generation", group_instance_id="i",
                   generation_id_or_member_epoch=0)


def several_groups(side):
    asked = [{"group_id": "simple-1", "topics": None}, {"group_id": "nobody", "topics": None},
             {"group_id": "simple-2", "topics": [{"name": "t", "partition_indexes": [0, 1]}, {"name": "u", "partition_indexes": [0]}]},
             {"group_id": "simple-9", "topics": []}, {"group_id": "", "topics": None}]
    for version in (8, 9):
        side.ask("offset_fetch", version, {"groups": asked}, "several")
        side.ask("offset_fetch", version, {"groups": asked, "require_stable": True}, "several, stable")
    side.ask("offset_fetch", 9, {"groups": [asked[0] | {"member_id": "m", "member_epoch": 5}]}, "with a member")


def zookeeper(side):
    """Version 0 keeps offsets where no coordinator looks."""
    place = [("t", 0), ("t", 1), ("u", 0), ("nowhere", 0), ("t", 9)]
    commit(side, ZOOKEEPER, "old", [("t", 0, offset(5)), ("u", 0, offset(6, committed_metadata="m")), ("nowhere", 0, offset(1)),
                                    ("t", 9, offset(1))], "simple")
    fetch(side, ZOOKEEPER, "old", place, "read")
    commit(side, ZOOKEEPER, "old", [("t", 0, offset(-3)), ("u", 0, offset(1, committed_metadata="m" * 5000))], "again")
    fetch(side, ZOOKEEPER, "old", place, "read again")
    fetch(side, 1, "old", place, "asked of the coordinator")
    fetch(side, ZOOKEEPER, "simple-1", place, "asked of ZooKeeper")
    for group in ("a/b", "", ".", "a//b", "grüppe", "a\x01b"):
        commit(side, ZOOKEEPER, group, [("t", 0, offset(1))], repr(group))
        fetch(side, ZOOKEEPER, group, [("t", 0)], repr(group))
    commit(side, ZOOKEEPER, "old", [], "nothing")


# ---- groups with members ----

def subscription(*topics):
    return b"\0\0" + len(topics).to_bytes(4) + b"".join(len(t).to_bytes(2) + t.encode() for t in topics) + b"\xff\xff\xff\xff"


class Member:
    """The only member of its group. Its id differs from broker to broker: it is shown by another name."""

    def __init__(self, side, group, kind="consumer", metadata=subscription("t"), instance=None):
        self.side, self.group, self.kind, self.metadata, self.instance = side, group, kind, metadata, instance
        self.id, self.generation, self.connection = "", -1, kmsg.Connection(side.port, timeout=30)

    def join(self):
        request = {"group_id": self.group, "session_timeout_ms": 30000, "rebalance_timeout_ms": 30000, "member_id": self.id,
                   "protocol_type": self.kind, "protocols": [{"name": "range", "metadata": self.metadata}]}
        if self.instance:
            request["group_instance_id"] = self.instance
        answer = self.connection.ask("join_group", 5 if self.instance else 3, request)
        assert answer["error_code"] == 0, answer
        self.id, self.generation = answer["member_id"], answer["generation_id"]
        self.side.names[self.id] = f"the member of {self.group}"
        return self

    def sync(self, assignment=b"assigned"):
        answer = self.connection.ask("sync_group", 0, {
            "group_id": self.group, "generation_id": self.generation, "member_id": self.id,
            "assignments": [{"member_id": self.id, "assignment": assignment}]})
        assert answer["error_code"] == 0, answer
        return self

    def leave(self):
        answer = self.connection.ask("leave_group", 0, {"group_id": self.group, "member_id": self.id})
        assert answer["error_code"] == 0, answer

    def commits(self, version, places, note, **more):
        as_member = {"generation_id_or_member_epoch": self.generation, "member_id": self.id}
        commit(self.side, version, self.group, places, note, **(as_member | more))


def looked_at(side, group, note):
    describe(side, [group], note, range(6))
    describe(side, [group], f"{note}, with operations", (3, 5), include_authorized_operations=True)
    list_groups(side, note, range(6))
    fetch(side, 7, group, None, note, require_stable=True)


def tried(member, note):
    """What may be committed, by whom."""
    one = [("t", 0, offset(1)), ("u", 0, offset(2))]
    for version in COMMITS:
        member.commits(version, one, f"{note}, the member")
        member.commits(version, one, f"{note}, another generation", generation_id_or_member_epoch=member.generation + 1)
        member.commits(version, one, f"{note}, an older generation", generation_id_or_member_epoch=member.generation - 1)
        member.commits(version, one, f"{note}, no generation", generation_id_or_member_epoch=-1)
        member.commits(version, one, f"{note}, another member", member_id="somebody")
        member.commits(version, one, f"{note}, nobody", member_id="", generation_id_or_member_epoch=-1)
        if version >= 7:
            member.commits(version, one, f"{note}, an instance", group_instance_id="i")


def members(side):
    member = Member(side, "consumers").join()
    looked_at(side, "consumers", "completing")
    tried(member, "completing")
    side.ask("delete_groups", 2, {"groups_names": ["consumers", "nobody"]}, "completing")
    delete_offsets(side, "consumers", [("t", 0), ("u", 0)], "completing")
    member.sync()
    tried(member, "stable")
    looked_at(side, "consumers", "stable")
    side.ask("delete_groups", 2, {"groups_names": ["consumers"]}, "stable")
    delete_offsets(side, "consumers", [("t", 0), ("u", 0), ("t", 9), ("nowhere", 0)], "stable")
    fetch(side, 5, "consumers", None, "after deletion of what nobody reads")
    member.leave()
    looked_at(side, "consumers", "empty")
    tried(member, "empty")
    delete_offsets(side, "consumers", [("t", 0)], "empty")
    looked_at(side, "consumers", "empty, fewer offsets")
    delete_offsets(side, "consumers", [("u", 0), ("t", 1)], "the last one")
    looked_at(side, "consumers", "without offsets")


def static_members(side):
    member = Member(side, "static", instance="here").join().sync()
    one = [("t", 0, offset(1))]
    for version in (7, 8, 9):
        member.commits(version, one, "by name", group_instance_id="here")
        member.commits(version, one, "by another's name", group_instance_id="there")
        member.commits(version, one, "another member by that name", group_instance_id="here", member_id="somebody")
        member.commits(version, one, "without its name")
        member.commits(version, one, "by name alone", group_instance_id="here", generation_id_or_member_epoch=-1, member_id="")
    looked_at(side, "static", "static")


def other_protocols(side):
    member = Member(side, "workers", "connect", b"\0\1whatever").join().sync(b"\0\2")
    member.commits(9, [("t", 0, offset(1))], "a worker")
    looked_at(side, "workers", "other protocol")
    delete_offsets(side, "workers", [("t", 0)], "other protocol")
    odd = Member(side, "odd", "consumer", b"\0").join().sync(b"")
    odd.commits(9, [("t", 0, offset(1)), ("u", 0, offset(1))], "a member that cannot be understood")
    delete_offsets(side, "odd", [("t", 0), ("u", 0)], "whose topics are not known")
    describe(side, ["odd", "workers", "static"], "of all kinds")


def lists(side):
    for version in (4, 5):
        for states in (["Stable"], ["stable"], ["Empty"], ["Empty", "STABLE"], ["Dead"], ["PreparingRebalance"], ["nonsense"], [""]):
            list_groups(side, f"states {states}", [version], states_filter=states)
    for types in (["classic"], ["Classic"], ["consumer"], ["consumer", "CLASSIC"], ["share"], ["nonsense"], [""]):
        list_groups(side, f"types {types}", types_filter=types)
    list_groups(side, "both", states_filter=["Stable"], types_filter=["classic"])
    list_groups(side, "both, other type", states_filter=["Stable"], types_filter=["consumer"])


# ---- what goes ----

def deletions(side):
    for version in range(3):
        names = [f"simple-{version + 1}", "nobody", "static", f"simple-{version + 1}", f"simple-{version + 4}"]
        side.ask("delete_groups", version, {"groups_names": names}, "some")
        describe(side, names, f"deleted by v{version}")
        fetch(side, 5, names[0], None, f"deleted by v{version}")
    commit(side, 9, "simple-1", [("t", 0, offset(77))], "once more")
    fetch(side, 5, "simple-1", None, "once more")
    delete_offsets(side, "simple-1", [("t", 0), ("t", 0), ("t", 2)], "the last one, twice")
    describe(side, ["simple-1"], "without offsets")
    delete_offsets(side, "simple-1", [("t", 0)], "gone already")
    list_groups(side, "at the end")


def topic_goes(side):
    commit(side, 9, "readers", [("gone", 0, offset(1)), ("gone", 1, offset(2)), ("t", 0, offset(3))], "of a topic that goes")
    commit(side, 9, "only-readers", [("gone", 0, offset(1))], "of nothing but a topic that goes")
    side.connected().ask("delete_topics", 3, {"topic_names": ["gone"], "timeout_ms": 20000})

    def forgotten():
        answer = side.connected().ask("offset_fetch", 5, {"group_id": "readers", "topics": None})
        return [t["name"] for t in answer["topics"]] == ["t"]
    wait_for("the topic's offsets are gone", forgotten)
    fetch(side, 5, "readers", None, "its topic is gone")
    wait_for("a group without offsets is gone", lambda: side.connected().ask(
        "describe_groups", 5, {"groups": ["only-readers"]})["groups"][0]["group_state"] == "Dead")
