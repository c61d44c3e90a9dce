"""How long many of something take, and how much memory: members of a group, groups, topics, partitions. Each on a broker of
its own, which is then restarted. Figures, not tests: what fails here is what does not come to an end."""
import signal
import threading
import time
import traceback
from typing import NamedTuple, Optional

import kmsg
from harness import Cluster, wait_for

MEMBERS, GROUPS, OFFSETS_EACH, TOPICS, BIG_TOPICS, PARTITIONS_EACH = 100, 1000, 10, 2000, 10, 1000
STEP_S = 600


def resident_mb(broker):
    with open(f"/proc/{broker.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def timed(step):
    start = time.monotonic()
    step()
    return time.monotonic() - start


def stop(broker):
    """In its own time: Apache Kafka needs minutes for many partitions."""
    broker.process.signal(signal.SIGTERM)
    broker.process.wait(STEP_S)


class Client:
    """A connection that has found its way."""

    def __init__(self, broker):
        self.connection = kmsg.Connection(broker.port, timeout=STEP_S)

    def ask(self, name, version, request):
        return self.connection.ask(name, version, request)

    def ask_until(self, name, version, request, fine):
        """Asks again while the coordinator comes up."""
        return wait_for(f"{name} is answered", lambda: (lambda a: a if fine(a) else None)(self.ask(name, version, request)),
                        STEP_S)


def create(client, topics, partitions):
    rows = [{"name": t, "num_partitions": partitions, "replication_factor": 1} for t in topics]
    for at in range(0, len(rows), 100):
        answer = client.ask("create_topics", 7, {"topics": rows[at:at + 100], "timeout_ms": STEP_S * 1000})
        bad = [t for t in answer["topics"] if t["error_code"]]
        assert not bad, bad[:3]


def coordinator(client, group):
    client.ask_until("find_coordinator", 4, {"key_type": 0, "coordinator_keys": [group]},
                     lambda a: a["coordinators"][0]["error_code"] == 0)


def many_topics(client):
    names = [f"topic-{i}" for i in range(TOPICS)]
    seconds = timed(lambda: create(client, names, 1))
    return seconds, lambda c: len(c.ask("metadata", 12, {"topics": None})["topics"]) >= TOPICS


def many_partitions(client):
    names = [f"big-{i}" for i in range(BIG_TOPICS)]
    seconds = timed(lambda: create(client, names, PARTITIONS_EACH))

    def all_led(c):
        topics = c.ask("metadata", 12, {"topics": None})["topics"]
        led = [p for t in topics if t["name"].startswith("big") for p in t["partitions"] if p["leader_id"] >= 0]
        return len(led) == BIG_TOPICS * PARTITIONS_EACH
    return seconds, all_led


def many_groups(client):
    create(client, ["t"], OFFSETS_EACH)
    coordinator(client, "group-0")
    partitions = [{"partition_index": i, "committed_offset": 0} for i in range(OFFSETS_EACH)]

    def commit_all():
        for i in range(GROUPS):
            request = {"group_id": f"group-{i}", "generation_id_or_member_epoch": -1,
                       "topics": [{"name": "t", "partitions": partitions}]}
            client.ask_until("offset_commit", 8, request,
                             lambda a: not any(p["error_code"] for t in a["topics"] for p in t["partitions"]))
    seconds = timed(commit_all)
    return seconds, lambda c: len(c.ask("list_groups", 4, {})["groups"]) >= GROUPS


class Member(threading.Thread):
    """Joins and syncs until nobody joins any more; then it has the group's last generation."""

    def __init__(self, broker, group, number):
        super().__init__(daemon=True)
        self.client, self.group, self.member_id, self.number = Client(broker), group, "", number
        self.generation = self.failed = None

    def run(self):
        try:
            self.join_and_sync()
        except Exception as error:
            self.failed = error

    def join_and_sync(self):
        while True:
            joined = self.client.ask("join_group", 9, {
                "group_id": self.group, "session_timeout_ms": 60000, "rebalance_timeout_ms": 120000, "member_id": self.member_id,
                "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": b"\0\1\0\0\0\1\0\1t\xff\xff\xff\xff"}]})
            self.member_id = joined["member_id"] or self.member_id
            if joined["error_code"]:
                assert joined["error_code"] in (14, 15, 16, 27, 79), joined
                continue
            leads = joined["leader"] == self.member_id
            everybody = [{"member_id": m["member_id"], "assignment": b"mine"} for m in joined["members"]] if leads else []
            synced = self.client.ask("sync_group", 5, {
                "group_id": self.group, "generation_id": joined["generation_id"], "member_id": self.member_id,
                "protocol_type": "consumer", "protocol_name": "range", "assignments": everybody})
            if synced["error_code"] == 0:
                self.generation = joined["generation_id"]
                return
            assert synced["error_code"] in (14, 15, 16, 27), synced


def together(members):
    for member in members:
        member.start()
    for member in members:
        member.join(STEP_S)
        assert member.generation, member.failed or "it did not come to an end"


def one_group(client, broker):
    create(client, ["t"], MEMBERS)
    coordinator(client, "crowd")
    members = [Member(broker, "crowd", i) for i in range(MEMBERS)]
    return timed(lambda: together(members))


def restarted(env, what, count, make):
    with Cluster(env, chroot=what) as cluster:
        broker = cluster.broker(name=f"scale-{what}", offsets_topic_num_partitions=50).start()
        seconds, is_back = make(Client(broker))
        resident = resident_mb(broker)
        stop(broker)

        def back():
            broker.start(STEP_S)
            wait_for(f"all {what} are back", lambda: is_back(Client(broker)), STEP_S)
        again = timed(back)
        stop(broker)
        return Figure(what, count, seconds, resident, again)


def joined(env, what, count, make):
    with Cluster(env, chroot=what) as cluster:
        broker = cluster.broker(name=f"scale-{what}", group_initial_rebalance_delay_ms=3000).start()
        figure = Figure(what, count, make(Client(broker), broker), resident_mb(broker))
        stop(broker)
        return figure


class Figure(NamedTuple):
    """None: not measured; without make_s it did not come to an end."""
    what: str
    count: int
    make_s: Optional[float] = None
    resident_mb: Optional[float] = None
    restart_s: Optional[float] = None


FIGURES = [("topics", TOPICS, restarted, many_topics), ("partitions", BIG_TOPICS * PARTITIONS_EACH, restarted, many_partitions),
           ("groups", GROUPS, restarted, many_groups), ("members", MEMBERS, joined, one_group)]


def figures(env, only=()):
    """Yields a Figure for each of FIGURES, or for those named."""
    for what, count, measure, make in FIGURES:
        if only and what not in only:
            continue
        try:
            yield measure(env, what, count, make)
        except Exception:
            traceback.print_exc()
            yield Figure(what, count)


COLUMNS = (("s to make", "make_s", 1), ("MB resident", "resident_mb", 0), ("s to restart", "restart_s", 1))


def cell(figure, field, digits):
    value = getattr(figure, field) if figure else None
    return "-" if value is None else f"{value:.{digits}f}"


def show(measured):
    """measured: [(target, Figure)]. One line for each thing that is many; in a column each target, in their order."""
    targets = list(dict.fromkeys(target for target, _ in measured))
    if not targets:
        return
    print(f"\n{'many':12} {'count':>7} " + " ".join(f"{title:>18}" for title, _, _ in COLUMNS) + "   " + " / ".join(targets))
    by_name = {(target, figure.what): figure for target, figure in measured}
    for what, count in dict.fromkeys((figure.what, figure.count) for _, figure in measured):
        cells = (" / ".join(cell(by_name.get((t, what)), field, digits) for t in targets) for _, field, digits in COLUMNS)
        print(f"{what:12} {count:7} " + " ".join(f"{text:>18}" for text in cells), flush=True)
