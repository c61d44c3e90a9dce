"""What 0210_same_answers.py asks both brokers: every API that clients use, as it should be asked and as it
should not, in old versions and new. A step must not depend on how fast a broker is."""
import struct
import uuid

import script_logs
from batches import batch, look, message, wrapper
from harness import wait_for

assert look    # for 0210, which shows records by it

CONFIG = {"num_partitions": 2, "auto_create_topics_enable": "true", "transaction_max_timeout_ms": 60000,
          "log_retention_hours": 96, "compression_type": "producer", "max_incremental_fetch_session_cache_slots": 100,
          "log_cleaner_enable": "false"}
MISSING_ID = uuid.UUID(int=0x1234567890abcdef1234567890abcdef)
WAIT_MS = 8000


def run(side):
    versions(side)
    create_topics(side)
    grow(side)
    metadata(side)
    ids(side)
    produce(side)
    produce_rules(side)
    old_formats(side)
    idempotence(side)
    fetch(side)
    fetch_sessions(side)
    list_offsets(side)
    script_logs.run(side, create, topic, send)
    configs(side)
    cluster(side)
    features(side)
    coordinators(side)
    delete_topics(side)
    broken(side)


# ---- ApiVersions ----

def versions(side):
    for version in range(3):
        side.ask("api_versions", version, {})
    name = {"client_software_name": "apache-kafka-java", "client_software_version": "3.9.2"}
    for version in (3, 4):
        side.ask("api_versions", version, name)
        for bad in ("", "-x", "a b", "x-", "a" * 300):
            side.ask("api_versions", version, name | {"client_software_name": bad}, f"name {bad[:9]!r}")
        side.ask("api_versions", version, name | {"client_software_version": "ä"}, "bad version")
    for version in (5, 9):
        side.raw(struct.pack(">ihhihb", 11, 18, version, 77, -1, 0), f"ApiVersions v{version}")
    side.raw(struct.pack(">ihhih", 10, 18, -1, 77, -1), "ApiVersions v-1")


# ---- topics ----

def topic(name, partitions=1, replicas=1, configs=None, assignments=None):
    out = {"name": name, "num_partitions": partitions, "replication_factor": replicas,
           "configs": [{"name": k, "value": v} for k, v in (configs or {}).items()]}
    if assignments is not None:
        out["assignments"] = [{"partition_index": i, "broker_ids": ids} for i, ids in assignments]
    return out


def create(side, version, *topics, note="", **more):
    return side.ask("create_topics", version, {"topics": list(topics), "timeout_ms": WAIT_MS} | more, note)


def create_topics(side):
    for version in range(8):
        create(side, version, topic(f"made-{version}"))
    create(side, 7, topic("plain"), topic("stamped", configs={"message.timestamp.type": "LogAppendTime"}),
           topic("compacted", configs={"cleanup.policy": "compact"}),
           topic("gzipped", configs={"compression.type": "gzip"}), topic("zstd", configs={"compression.type": "zstd"}),
           topic("small", configs={"max.message.bytes": "300"}),
           topic("timely", configs={"message.timestamp.before.max.ms": "3600000", "message.timestamp.after.max.ms": "3600000"}),
           topic("unconverted", configs={"message.downconversion.enable": "false"}),
           topic("min2", configs={"min.insync.replicas": "2"}), topic("three", 3), topic("to_delete"), topic("aged"),
           topic("segmented", configs={"segment.bytes": "1000"}), note="for what follows")
    for version in (0, 1, 4, 7):
        create(side, version, topic("plain"), note="again")
        create(side, version, topic("bad name"), note="bad name")
        create(side, version, topic("zero", 0), note="no partitions")
        create(side, version, topic("default", -1, -1, {"retention.ms": "1234"}), note="defaults", timeout_ms=WAIT_MS)
    for version in (1, 6, 7):
        validate(side, version)
    create(side, 7, topic("p_l.ain"), note="a name")
    create(side, 7, topic("p.l_ain"), note="a name that collides with it")
    create(side, 7, topic("c.d"), topic("beside"), topic("c_d"), note="two names that collide")
    create(side, 7, topic("e.f", 0), topic("e_f"), note="the first of two is not made")
    create(side, 7, topic("twice"), topic("twice"), note="twice")
    create(side, 7, topic("twice"), topic("twice"), topic("once"), note="twice and once")
    create(side, 7, topic("__cluster_metadata"), note="reserved")
    create(side, 7, topic("fast"), note="no time", timeout_ms=0)
    create(side, 7, topic("never"), note="no time but wrong", timeout_ms=0, validate_only=True)
    create(side, 7, note="nothing")


BAD_TOPICS = {
    "empty name": topic(""), "dot": topic("."), "dots": topic(".."), "slash": topic("a/b"), "long": topic("a" * 250),
    "longest": topic("a" * 249), "negative": topic("n", -2), "no replicas": topic("n", 1, 0),
    "negative replicas": topic("n", 1, -2), "too many replicas": topic("n", 1, 3),
    "unknown config": topic("n", configs={"no.such": "1"}), "bad value": topic("n", configs={"retention.ms": "soon"}),
    "out of range": topic("n", configs={"segment.bytes": "1"}), "bad choice": topic("n", configs={"cleanup.policy": "burn"}),
    "null value": topic("n", configs={"retention.ms": None}), "bad codec": topic("n", configs={"compression.type": "zip"}),
    "format": topic("n", configs={"message.format.version": "0.10.0"}),
    "format unknown": topic("n", configs={"message.format.version": "9.9"}),
    "remote": topic("n", configs={"remote.storage.enable": "true"}),
    "throttled": topic("n", configs={"leader.replication.throttled.replicas": "0:1,1:1"}),
    "throttled badly": topic("n", configs={"leader.replication.throttled.replicas": "x"}),
    "two policies": topic("n", configs={"cleanup.policy": "compact,delete"}),
    "ratio": topic("n", configs={"min.cleanable.dirty.ratio": "1.5"}),
    "bool": topic("n", configs={"preallocate": "yes"}), "spaces": topic("n", configs={"retention.ms": " 5 "}),
    "lag": topic("n", configs={"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"}),
    "level": topic("n", configs={"compression.gzip.level": "99"}),
    "assigned": topic("n", -1, -1, assignments=[(0, [1]), (1, [1])]),
    "assigned and counted": topic("n", 2, 1, assignments=[(0, [1]), (1, [1])]),
    "assigned and replicated": topic("n", -1, 1, assignments=[(0, [1])]),
    "assigned with a gap": topic("n", -1, -1, assignments=[(0, [1]), (2, [1])]),
    "assigned from 1": topic("n", -1, -1, assignments=[(1, [1])]),
    "assigned to one twice": topic("n", -1, -1, assignments=[(0, [1, 1])]),
    "assigned to nobody": topic("n", -1, -1, assignments=[(0, [])]),
    "assigned unevenly": topic("n", -1, -1, assignments=[(0, [1]), (1, [1, 2])]),
    "assigned to strangers": topic("n", -1, -1, assignments=[(0, [7])]),
    "collides": topic("to.delete"), "internal": topic("__consumer_offsets_"), "good": topic("n", 5, 1),
    "existing and bad": topic("plain", 0),
}


def validate(side, version):
    for note, wrong in BAD_TOPICS.items():
        create(side, version, wrong, note=f"validate {note}", validate_only=True)


def grow(side):
    def ask(version, *rows, note="", **more):
        topics = [{"name": n, "count": c, "assignments": a and [{"broker_ids": ids} for ids in a]} for n, c, a in rows]
        side.ask("create_partitions", version, {"topics": topics, "timeout_ms": WAIT_MS} | more, note)
    for version in range(4):
        ask(version, ("made-0", 2 + version, None))
        ask(version, ("made-0", 2 + version, None), note="equal")
        ask(version, ("made-0", 1, None), note="fewer")
        ask(version, ("nowhere", 3, None), note="no topic")
        ask(version, ("made-1", 2 + version, [[1]]), note="assigned")
    for note, row in {"too few": ("made-2", 3, [[1]]), "too many": ("made-2", 2, [[1], [1]]), "stranger": ("made-2", 2, [[9]]),
                      "twice": ("made-2", 2, [[1, 1]]), "nobody": ("made-2", 2, [[]]), "good": ("made-2", 9, None),
                      "zero": ("made-2", 0, None), "negative": ("made-2", -1, None), "none": ("made-2", 2, []),
                      "bad name": ("bad name", 2, None)}.items():
        ask(3, row, note=f"validate {note}", validate_only=True)
    ask(3, ("made-2", 2, None), ("made-2", 3, None), note="twice")
    ask(3, ("made-2", 2, None), note="no time", timeout_ms=0)
    ask(3, ("made-3", 2, None), ("nowhere", 3, None), note="one of two")
    ask(3, note="nothing")


# ---- Metadata ----

def metadata(side):
    def ask(version, names, note="", **more):
        rows = names if names is None else [{"name": n} if isinstance(n, str) or n is None else {"topic_id": n, "name": None}
                                            for n in names]
        return side.ask("metadata", version, {"topics": rows} | more, note)
    create(side, 7, topic("lone"), note="before metadata")
    for version in range(13):
        quiet = {"allow_auto_topic_creation": False} if version >= 4 else {}
        ask(version, ["plain", "three"], "named", **quiet)
        ask(version, [] if version == 0 else None, "all", **quiet)
        ask(version, ["bad name", "a" * 250, ".", ""], "bad names", **quiet)
        if version > 0:
            ask(version, [], "none", **quiet)
        if version >= 4:
            ask(version, ["nowhere", "plain"], "not there", **quiet)
        if version >= 8:
            operations = {"include_topic_authorized_operations": True}
            operations |= {"include_cluster_authorized_operations": True} if version <= 10 else {}
            ask(version, ["plain", "nowhere"], "with operations", **quiet, **operations)
    ask(4, ["plain", "plain"], "twice", allow_auto_topic_creation=False)
    for version in (10, 11, 12):
        side.ask("metadata", version, {"topics": [{"name": None}], "allow_auto_topic_creation": False}, "null name")
        side.ask("metadata", version, {"topics": [{"topic_id": MISSING_ID, "name": "plain"}],
                                       "allow_auto_topic_creation": False}, "name and id")
        side.ask("metadata", version, {"topics": [{"topic_id": MISSING_ID, "name": None}],
                                       "allow_auto_topic_creation": False}, "unknown id")
    known = ids_of(side, "plain", "three")
    ask(12, [known["plain"], MISSING_ID, known["three"]], "by id", allow_auto_topic_creation=False)
    ask(12, [known["plain"], "three"], "by id and by name", allow_auto_topic_creation=False)
    for version in (0, 3, 4, 12):
        made = ask(version, [f"auto-{version}"], "created")
        wait_topic(side, f"auto-{version}")
        ask(version, [f"auto-{version}"], "created, again")
        assert made, "auto-creation closed the connection"
    ask(12, ["bad name", "au.to-0", "a" * 250], "not created")
    ask(12, [MISSING_ID], "id not created")


def ids_of(side, *names):
    """The topics' ids, by a request that is not compared."""
    answer = side.connected().ask("metadata", 12, {"topics": [{"name": n} for n in names]})
    found = {t["name"]: t["topic_id"] for t in answer["topics"]}
    side.ids.update({i: name for name, i in found.items()})
    return found


def wait_topic(side, name):
    def led():
        answer = side.connected().ask("metadata", 7, {"topics": [{"name": name}], "allow_auto_topic_creation": False})
        return all(t["error_code"] == 0 and all(p["error_code"] == 0 for p in t["partitions"]) for t in answer["topics"])
    wait_for(f"{name} has its leaders", led)


# ---- InitProducerId ----

def ids(side):
    def ask(version, note="", **request):
        side.ask("init_producer_id", version, {"transactional_id": None, "transaction_timeout_ms": 1000} | request, note)
    wait_for("the first block of ids", lambda: side.connected().ask("init_producer_id", 0, {
        "transactional_id": None, "transaction_timeout_ms": 1})["error_code"] == 0)
    for version in range(6):
        ask(version)
        ask(version, "no name", transactional_id="")
    for version in (3, 4, 5):
        ask(version, "an id and no epoch", producer_id=5)
        ask(version, "an epoch and no id", producer_epoch=5)
        ask(version, "another epoch", producer_id=5, producer_epoch=3)
        ask(version, "negative", producer_id=-2, producer_epoch=-2)
    ask(3, "strange timeout", transaction_timeout_ms=-7)
    for version in (0, 5):
        ask(version, "transactional, too long", transactional_id="tx", transaction_timeout_ms=60001)
        ask(version, "transactional, no time", transactional_id="tx", transaction_timeout_ms=0)


# ---- Produce ----

def produce_request(rows, acks=-1, **more):
    """rows: (topic, partition, records)."""
    topics = {}
    for name, partition, records in rows:
        topics.setdefault(name, []).append({"index": partition, "records": records})
    return {"acks": acks, "timeout_ms": WAIT_MS, "topic_data": [{"name": n, "partition_data": p} for n, p in topics.items()]} | more


def send(side, version, records, note, name="plain", partition=0, **more):
    return side.ask("produce", version, produce_request([(name, partition, records)], **more), note)


def produce(side):
    good = batch([b"one", b"two"], side.start_ms)
    for version in range(3, 12):
        send(side, version, good, "good")
        send(side, version, batch([b"gz"] * 5, side.start_ms, codec=1), "gzip")
        send(side, version, good, "no topic", name="nowhere")
        send(side, version, good, "no partition", partition=7)
        send(side, version, good, "negative partition", partition=-1)
        send(side, version, b"", "nothing")
        send(side, version, good, "one ack", acks=1)
        send(side, version, good, "two acks", acks=2)
        send(side, version, good, "minus two acks", acks=-2)
        send(side, version, batch([b"x"], side.start_ms, break_crc=True), "crc")
        side.ask("produce", version, produce_request([("three", 0, good), ("three", 9, good), ("nowhere", 0, good),
                                                      ("three", 2, good)]), "many")
        side.ask("produce", version, produce_request([]), "no topics")
    for version in (3, 11):
        side.say("produce", version, produce_request([("plain", 0, good)], acks=0), "acks 0")
        side.say("produce", version, produce_request([("nowhere", 0, good)], acks=0), "acks 0, no topic")
    for version in range(3):
        send(side, version, b"", "nothing")
        send(side, version, good, "format 2 in an old version")
        send(side, version, message(b"old", 0), "format 0", name="aged")
        send(side, version, message(b"old", 1, side.start_ms), "format 1", name="aged")


# Sets of formats 0 and 1: good ones, and those that break a rule.
def old_sets(magic, ms):
    def one(value=b"v", offset=0, key=b"k", timestamp=ms, **more):
        return message(value, magic, timestamp, key=key, offset=offset, **more)
    inner = [one(b"a", 0), one(b"b", 1), one(b"c", 2)]
    good = wrapper(inner, magic, ms)
    return {
        "three": b"".join(inner), "nulls": one(None) + one(b"", key=b""), "no key": one() + one(key=None), "cut": one() + one()[:-1],
        "offsets of their own": one(offset=70) + one(offset=7), "of two times": one(timestamp=ms - 5) + one(timestamp=ms - 9),
        "without time": one(timestamp=-1), "negative time": one(timestamp=-5), "far future": one() + one(timestamp=ms + 10 ** 10),
        "old": one(timestamp=1), "append time": one(attributes=8), "unknown attributes": one(attributes=0xF0), "crc": one() + one(break_crc=True),
        "another format": one() + message(b"v", 1 - magic, ms), "format 2 behind": one() + batch([b"x"], ms),
        "size 0 behind": one() + bytes(20), "large": one(b"x" * 400), "large together": one(b"x" * 90) * 3,
        "codec 4": one(attributes=4), "codec 5": one(attributes=5), "gzip": good, "gzip, cut behind": good + good[:20],
        "gzip, of two times": wrapper([one(timestamp=ms - 5), one(offset=1, timestamp=ms - 9)], magic, ms),
        "gzip, wrapper's append time": wrapper(inner, magic, ms, attributes=8), "gzip, wrapper's offset 0": wrapper(inner, magic, ms, offset=0),
        "gzip, wrapper's offset 9": wrapper(inner, magic, ms, offset=9), "gzip, wrapper's offset 1": wrapper(inner, magic, ms, offset=1),
        "gzip, inner offsets": wrapper([one(offset=5), one(offset=5)], magic, ms), "gzip, twice": good + good, "gzip, and more": good + one(),
        "gzip, none inside": wrapper([], magic, ms), "gzip, inner crc": wrapper([one(), one(offset=1, break_crc=True)], magic, ms),
        "gzip, another format inside": wrapper([one(), message(b"v", 1 - magic, ms, offset=1)], magic, ms),
        "gzip, gzip inside": wrapper([good], magic, ms), "gzip, no key": wrapper([one(key=None), one(key=None, offset=1)], magic, ms),
        "gzip in name only": one(attributes=1), "gzip of nothing": message(None, magic, ms, attributes=1),
        "gzip, cut inside": wrapper([one(), one(offset=1)[:-1]], magic, ms), "gzip, large inside": wrapper([one(b"x" * 400)], magic, ms),
        "gzip, large": wrapper([one(bytes(range(256)) * 2)], magic, ms),
    }


def old_formats(side):
    for magic in (0, 1):
        for name in ("aged", "compacted", "stamped", "timely", "small", "gzipped"):
            for note, records in old_sets(magic, side.start_ms).items():
                send(side, 2, records, f"{name}: {note} of format {magic}", name=name)
    for version in range(3):
        send(side, version, message(b"old", 0), "format 0, two acks", name="aged", acks=2)
        side.say("produce", version, produce_request([("aged", 0, message(b"said", 0))], acks=0), "format 0, acks 0")


# Records that break a rule, or look as if they did.
def odd_records(ms):
    one = [b"x"]
    plain = batch(one, ms)
    return {
        "cut": plain[:-1], "half a head": plain[:30], "a few bytes": plain[:12], "two batches": plain + plain,
        "trailing bytes": plain + b"\0\0\0", "magic 3": batch(one, ms, magic=3), "magic 1": message(b"x", 1, ms),
        "magic -1": batch(one, ms, magic=0xFF), "length 0": plain[:8] + bytes(4) + plain[12:],
        "length negative": plain[:8] + b"\xff\xff\xff\xff" + plain[12:], "length huge": plain[:8] + b"\x7f\xff\xff\xff" + plain[12:],
        "count 2": batch(one, ms, count=2), "count 0": batch(one, ms, count=0), "count -1": batch(one, ms, count=-1),
        "last delta 1": batch(one, ms, last_delta=1), "last delta -1": batch(one, ms, last_delta=-1),
        "count and last delta 2": batch(one, ms, count=2, last_delta=1), "base offset 5": batch(one, ms, base_offset=5),
        "control": batch(one, ms, attributes=0x20), "codec 5": batch(one, ms, codec=5), "codec 7": batch(one, ms, codec=7),
        "gzip in name only": batch(one, ms, codec=2), "log append time": batch(one, ms, attributes=8),
        "no key": batch(one, ms, key=None), "far future": batch(one, ms + 10 ** 10), "old": batch(one, 1),
        "two hours ago": batch(one, ms - 7200000), "in two hours": batch(one, ms + 7200000),
        "without time": batch(one, -1), "negative time": batch(one, -5), "of two times": batch([b"a", b"b"], ms, timestamps=[ms, 1]),
        "horizon": batch(one, ms, attributes=0x40), "unknown attributes": batch(one, ms, attributes=0x400),
        "large": batch([b"x" * 400], ms), "gzip, large inside": batch([b"x" * 400], ms, codec=1),
        "gzip, no key": batch([b"a", b"b"], ms, codec=1, key=None), "gzip, cut": cut_gzip(ms),
        "no values": batch([None, b""], ms), "many": batch([b"x"] * 50, ms), "bytes after": batch(one, ms, tail=b"\0\0"),
    }


def cut_gzip(ms):
    whole = batch([b"abc"] * 9, ms, codec=1)
    return whole[:20] + b"\0" + whole[21:]


def produce_rules(side):
    for version in (8, 11):
        for name in ("plain", "compacted", "stamped", "timely", "small", "gzipped", "min2"):
            for note, records in odd_records(side.start_ms).items():
                send(side, version, records, f"{name}: {note}", name=name)
        send(side, version, batch([b"x"], side.start_ms), "min2, one ack", name="min2", acks=1)
    for note, records in odd_records(side.start_ms).items():
        send(side, 3, records, f"plain: {note}")


def idempotence(side):
    def ask(note, producer, values=(b"i",), version=9, **more):
        send(side, version, batch(list(values), side.start_ms, producer=producer, **more), note, name="made-4")
    ask("first", (700, 0, 0), [b"0", b"1", b"2"])
    ask("repeated", (700, 0, 0), [b"0", b"1", b"2"])
    ask("gap", (700, 0, 5))
    ask("next", (700, 0, 3))
    ask("before", (700, 0, 1))
    ask("overlapping", (700, 0, 3), [b"3", b"4"])
    for n in range(4, 11):
        ask(f"sequence {n}", (700, 0, n))
    for n in (10, 7, 4, 3, 0):
        ask(f"sequence {n} again", (700, 0, n))
    ask("newer epoch, not from 0", (700, 1, 4))
    ask("newer epoch", (700, 1, 0))
    ask("older epoch", (700, 0, 11))
    ask("unknown producer, not from 0", (701, 0, 5))
    ask("unknown producer goes on", (701, 0, 6))
    ask("no sequence", (702, 0, -1))
    ask("no epoch", (703, -1, 0))
    ask("id -2", (-2, 0, 0))
    ask("wraps", (704, 0, 2147483646), [b"a", b"b", b"c"])
    ask("after the wrap", (704, 0, 1))
    ask("gzip", (705, 0, 0), [b"a"] * 9, codec=1)
    ask("gzip again", (705, 0, 0), [b"a"] * 9, codec=1)
    for version in (3, 11):
        note = "transactional without a transactional id"
        ask(note, (706, 0, 0), version=version, attributes=0x10)
        rows = [("plain", 0, batch([b"good"], side.start_ms)), ("made-4", 0, batch([b"t"], side.start_ms, attributes=0x10))]
        side.ask("produce", version, produce_request(rows), f"{note}, one of two")
        rows = [("plain", 0, batch([b"good"], side.start_ms)), ("made-4", 0, b"\0" * 40)]
        side.ask("produce", version, produce_request(rows), "one of two cannot be framed")
    side.say("produce", 9, produce_request([("made-4", 0, batch([b"t"], side.start_ms, attributes=0x10))], acks=0),
             "transactional, acks 0")
    send(side, 9, batch([b"n"], side.start_ms), "a transactional id and no transaction", transactional_id="tx")


# ---- Fetch ----

def fetch_request(rows, version=17, names=None, **more):
    """rows: (topic, partition, offset) with more fields as a fourth."""
    topics = {}
    for name, partition, offset, *rest in rows:
        row = {"partition": partition, "fetch_offset": offset, "partition_max_bytes": 100000} | (rest[0] if rest else {})
        topics.setdefault(name, []).append(row)
    key = "topic_id" if version >= 13 else "topic"
    named = [{key: (names or {}).get(n, MISSING_ID) if version >= 13 else n, "partitions": p} for n, p in topics.items()]
    return {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1000000, "topics": named} | more


def fetch(side):
    known = ids_of(side, "plain", "three", "made-4", "stamped", "compacted", "gzipped", "zstd", "unconverted", "made-7", "small", "aged")

    def ask(version, rows, note, **more):
        side.ask("fetch", version, fetch_request(rows, version, known, **more), note)
    for version in range(4, 18):
        ask(version, [("three", 0, 0), ("three", 2, 1)], "good")
        ask(version, [("three", 1, 0)], "empty")
        ask(version, [("three", 0, 10 ** 6)], "above the end")
        ask(version, [("three", 0, -1)], "below the start")
        ask(version, [("nowhere", 0, 0), ("three", 0, 0)], "no topic")
        ask(version, [("three", 9, 0), ("three", 0, 0)], "no partition")
        ask(version, [("three", -1, 0)], "negative partition")
        ask(version, [("three", 0, 0), ("three", 2, 0)], "one byte", max_bytes=1)
        ask(version, [("three", 0, 0, {"partition_max_bytes": 1})], "one byte of the partition")
        ask(version, [("three", 0, 0)], "nothing wanted", max_bytes=0, min_bytes=0)
        ask(version, [("three", 0, 0, {"partition_max_bytes": 0}), ("three", 2, 0, {"partition_max_bytes": 0})], "no bytes")
        ask(version, [("three", 0, 0)], "committed", isolation_level=1)
        ask(version, [("three", 0, 0)], "isolation 7", isolation_level=7)
        ask(version, [("zstd", 0, 0), ("gzipped", 0, 0)], "codecs")
        ask(version, [], "nothing")
        ask(version, [("three", 0, 0), ("three", 0, 1)], "twice")
    for version in (9, 12, 16, 17):
        for epoch in (0, 1, 5, -2):
            ask(version, [("three", 0, 0, {"current_leader_epoch": epoch})], f"leader epoch {epoch}")
    for version in (12, 17):
        for epoch, offset in ((0, 2), (0, 100), (3, 1), (-2, 1)):
            ask(version, [("three", 0, offset, {"last_fetched_epoch": epoch})], f"last epoch {epoch}, offset {offset}")
    for name in ("stamped", "gzipped", "compacted", "made-4", "small", "aged"):
        ask(12, [(name, 0, 0)], f"{name} as it lies there")
    ask(12, [("made-4", 0, 1)], "amid a batch")
    for replica in (-2, 1, 5, -3):
        ask(12, [("three", 0, 0)], f"replica {replica}", replica_id=replica)
        side.ask("fetch", 17, fetch_request([("three", 0, 0)], 17, known, replica_state={"replica_id": replica}),
                 f"replica {replica}")
    ask(12, [("three", 1, 0), ("three", 0, 10 ** 6)], "waits, but an error", max_wait_ms=30000)
    ask(12, [("three", 1, 0)], "waits in vain", max_wait_ms=300)
    ask(12, [("three", 0, 0)], "waits for much", max_wait_ms=300, min_bytes=100000)
    ask(12, [("three", 0, 0)], "more wanted than may come", max_wait_ms=30000, min_bytes=100000, max_bytes=20)
    for version in range(4):
        ask(version, [("unconverted", 0, 0), ("nowhere", 0, 0)], "old")
        ask(version, [("zstd", 0, 0)], "old, zstd")


def fetch_sessions(side):
    for version in (7, 12, 13, 17):
        session(side, version)


def session(side, version):
    known = ids_of(side, "three", "made-7", "plain")
    state = {"id": 0, "epoch": 0}

    def ask(note, rows, forget=(), **more):
        request = fetch_request(rows, version, known, session_id=state["id"], session_epoch=state["epoch"]) | more
        if forget:
            name = {"topic_id": known["three"]} if version >= 13 else {"topic": "three"}
            request["forgotten_topics_data"] = [name | {"partitions": list(forget)}]
        answer = side.ask("fetch", version, request, f"session: {note}")
        state["epoch"] += 1
        return answer
    made = ask("made", [("three", 0, 10 ** 3), ("three", 1, 0), ("three", 2, 0), ("nowhere", 0, 0)])
    state["id"] = made["session_id"]
    ask("nothing new", [])
    ask("moved on", [("three", 2, 2)])
    ask("another", [("made-7", 0, 0)])
    send(side, 9, batch([b"new"], side.start_ms), f"for the session of v{version}", name="made-7")
    ask("something new", [])
    ask("read", [("made-7", 0, 1)])
    ask("forgets", [], forget=[0, 1])
    ask("forgets what it has not", [], forget=[0])
    kept = state["epoch"]
    for wrong in (kept + 1, kept - 1, -5):
        state["epoch"] = wrong
        ask(f"wrong epoch {wrong - kept}", [])
    state["epoch"] = kept
    ask("goes on", [])
    other = 12 if version >= 13 else 13
    if version >= 12:
        request = fetch_request([], other, known, session_id=state["id"], session_epoch=state["epoch"])
        side.ask("fetch", other, request, f"session of v{version}: other kind of names")
    if version < 12 or version == 13:
        ask("goes on again", [])
    state["id"] += 1
    ask("another's id", [])
    state["id"] -= 1
    state["epoch"] = -1
    ask("closed", [("three", 1, 0)])
    state["epoch"] = 9
    ask("after its end", [])
    state["id"], state["epoch"] = 0, -1
    ask("none", [("three", 1, 0)])
    state["epoch"] = 0
    ask("of nothing", [])


# ---- ListOffsets ----

def list_offsets(side):
    create(side, 7, topic("times"), note="for ListOffsets")
    ms = side.start_ms
    for n, first in enumerate((ms, ms + 50, ms - 1000, ms + 50)):
        send(side, 9, batch([b"x"] * 3, first, timestamps=[first, first + 20, first + 10]), f"times {n}", name="times")
    for n in range(3):
        send(side, 9, batch([b"y" * 600], ms + n), f"segmented {n}", name="segmented")

    def ask(version, name, timestamp, note="", partition=0, more=None, **request):
        row = {"partition_index": partition, "timestamp": timestamp} | (more or {})
        side.ask("list_offsets", version, {"replica_id": -1, "topics": [{"name": name, "partitions": [row]}]} | request, note)
    for version in range(10):
        for special in (-1, -2, -3, -4, -5, -6):
            for name in ("times", "three", "compacted"):
                ask(version, name, special, f"{name} at {special}", partition=1 if name == "three" else 0)
        for offset in (-2000, -1000, -990, 0, 1, 20, 21, 50, 70, 71, 10 ** 9):
            ask(version, "times", ms + offset, f"times at {offset:+}")
        ask(version, "times", 0, "times at 0")
        ask(version, "nowhere", -1, "no topic")
        ask(version, "three", -1, "no partition", partition=9)
        ask(version, "made-4", ms, "gzip and ids")
    for count in (0, 1, 2, 5, -1):
        for timestamp in (-1, -2, 0, ms + 10 ** 9):
            ask(0, "segmented", timestamp, f"segmented at {timestamp}, {count} offsets", more={"max_num_offsets": count})
    for version in (4, 9):
        for epoch in (0, 1, -2):
            ask(version, "times", -1, f"leader epoch {epoch}", more={"current_leader_epoch": epoch})
    for replica in (-2, 1, -3, 7):
        ask(5, "times", -1, f"replica {replica}", replica_id=replica)
    ask(5, "times", -1, "committed", isolation_level=1)
    ask(5, "times", ms, "committed, by time", isolation_level=1)
    ask(5, "times", ms, "isolation 5", isolation_level=5)
    row = {"partition_index": 0, "timestamp": -1}
    side.ask("list_offsets", 5, {"replica_id": -1, "topics": [{"name": "times", "partitions": [row, row]}]}, "twice")
    side.ask("list_offsets", 0, {"replica_id": -1, "topics": [{"name": "times", "partitions": [row, row]}]}, "twice")
    side.ask("list_offsets", 5, {"replica_id": -1, "topics": []}, "nothing")


# ---- configurations and cluster ----

def configs(side):
    def ask(version, rows, note="", **more):
        resources = [{"resource_type": t, "resource_name": n, "configuration_keys": k} for t, n, k in rows]
        side.ask("describe_configs", version, {"resources": resources} | more, note)
    for version in range(5):
        how = {} if version < 1 else {"include_synonyms": True}
        how |= {} if version < 3 else {"include_documentation": True}
        ask(version, [(2, "small", None)], "topic", **how)
        ask(version, [(4, "1", None)], "broker", **how)
        ask(version, [(4, "", None)], "cluster", **how)
        ask(version, [(2, "default", ["retention.ms", "no.such", "cleanup.policy"])], "some of a topic", **how)
        ask(version, [(4, "1", ["num.partitions", "log.retention.ms", "no.such", "broker.id"])], "some of a broker", **how)
        ask(version, [(2, "plain", None)], "bare")
        ask(version, [(2, "plain", [])], "none wanted")
        for kind, name in ((2, "nowhere"), (2, "bad name"), (4, "2"), (4, "x"), (0, "x"), (1, "x"), (3, "x"), (9, "x"), (2, "")):
            ask(version, [(kind, name, None)], f"kind {kind} name {name!r}")
        ask(version, [(2, "plain", ["retention.ms"]), (2, "small", ["retention.ms"]), (2, "nowhere", None)], "many", **how)
    ask(4, [(8, "1", ["root"])], "logger")
    ask(4, [(8, "2", None)], "another's logger")
    ask(4, [(16, "x", None)], "client metrics")
    ask(4, [(32, "x", None)], "group")
    ask(4, [], "nothing")


def cluster(side):
    for version in (0, 1):
        side.ask("describe_cluster", version, {})
        side.ask("describe_cluster", version, {"include_cluster_authorized_operations": True}, "with operations")
    for kind in (0, 1, 2, 3, -1):
        side.ask("describe_cluster", 1, {"endpoint_type": kind}, f"of type {kind}")


def features(side):
    """Nobody has a feature that could be finalized."""
    def ask(version, note, *rows, **more):
        side.ask("update_features", version, {"feature_updates": list(rows)} | more, note)
    for version in (0, 1):
        for level in (1, 0, -1):
            ask(version, f"to {level}", {"feature": "f", "max_version_level": level})
            back = {"allow_downgrade": True} if version == 0 else {"upgrade_type": 2}
            ask(version, f"back to {level}", {"feature": "f", "max_version_level": level} | back)
        ask(version, "no name", {"feature": "", "max_version_level": 1})
        ask(version, "several", {"feature": "f", "max_version_level": 1}, {"feature": "metadata.version", "max_version_level": 21})
        ask(version, "nothing")
    for kind in (0, 3, 4, -1):
        ask(1, f"type {kind}", {"feature": "f", "max_version_level": 1, "upgrade_type": kind})
    ask(1, "validate only", {"feature": "f", "max_version_level": 1}, validate_only=True)


def coordinators(side):
    side.connected().ask("find_coordinator", 0, {"key": "g"})
    wait_topic(side, "__consumer_offsets")
    for version in range(7):
        for kind in (0, 2) if version else (0,):
            how = {"key_type": kind} if version else {}
            if version < 4:
                for key in ("g", "", "another", "ä€😀"):
                    side.ask("find_coordinator", version, {"key": key} | how, f"kind {kind} {key!r}")
            else:
                side.ask("find_coordinator", version, {"coordinator_keys": ["g", "", "another", "ä€😀", "g"]} | how, f"kind {kind}")
                side.ask("find_coordinator", version, {"coordinator_keys": []} | how, f"kind {kind}, nobody")
        if version:
            keys = {"key": "g"} if version < 4 else {"coordinator_keys": ["g", "h"]}
            for kind in (3, -1):
                side.ask("find_coordinator", version, keys | {"key_type": kind}, f"kind {kind}")
    side.ask("metadata", 12, {"topics": [{"name": "__consumer_offsets"}], "allow_auto_topic_creation": False}, "internal")
    side.ask("describe_configs", 4, {"resources": [{"resource_type": 2, "resource_name": "__consumer_offsets",
                                                    "configuration_keys": None}]}, "internal")
    send(side, 9, batch([b"x"], side.start_ms), "internal", name="__consumer_offsets")


def delete_topics(side):
    for version in range(6):
        def ask(names, note="", **more):
            side.ask("delete_topics", version, {"topic_names": names, "timeout_ms": WAIT_MS} | more, note)
        ask([f"made-{version}"])
        ask(["nowhere"], "no topic")
        ask(["bad name", ""], "bad names")
        ask([], "nothing")
        ask([f"auto-{version}" if version in (0, 3, 4) else "fast", "nowhere"], "one of two")

    def ask(rows, note, **more):
        side.ask("delete_topics", 6, {"topics": [dict(zip(("name", "topic_id"), row)) for row in rows],
                                      "timeout_ms": WAIT_MS} | more, note)
    none = uuid.UUID(int=0)
    known = ids_of(side, "to_delete", "made-6", "made-7", "once", "plain")
    ask([("made-6", none)], "by name")
    ask([(None, known["made-7"])], "by id")
    ask([(None, MISSING_ID)], "unknown id")
    ask([(None, none)], "neither")
    ask([("plain", known["plain"])], "both")
    ask([("plain", MISSING_ID), ("once", none)], "both, and a good one")
    ask([("nowhere", none), ("to_delete", none)], "one of two")
    ask([("once", none), (None, known["once"])], "by name and id")
    ask([], "nothing")
    side.ask("metadata", 12, {"topics": None}, "what is left")
    again = {"topics": [topic("to_delete")], "timeout_ms": WAIT_MS}
    wait_for("a deleted topic's name is free", lambda: side.connected().ask("create_topics", 7, again)["topics"][0]["error_code"] == 0)
    side.ask("delete_topics", 6, {"topics": [{"name": "to_delete"}], "timeout_ms": 0}, "no time")


# ---- what is no request ----

def broken(side):
    def frame(api, version, body, flexible=False):
        head = struct.pack(">hhih", api, version, 9, -1) + (b"\0" if flexible else b"")
        return struct.pack(">i", len(head) + len(body)) + head + body
    for note, data in {
            "an unknown API": frame(999, 0, b""), "an API of KRaft": frame(52, 0, b""), "Metadata v13": frame(3, 13, b"\0"),
            "Metadata v-1": frame(3, -1, b""), "a cut Metadata": frame(3, 1, b"\0\0\0\2\0\1a"),
            "a count too high": frame(3, 1, b"\x7f\xff\xff\xff"),
            "a short header": struct.pack(">ihh", 4, 3, 1), "an empty frame": struct.pack(">i", 0),
            "Produce v12": frame(0, 12, b"\0\0\0\0\0"), "null topics of Produce": frame(0, 3, struct.pack(">hhii", -1, 1, 0, -1)),
            "ListOffsets that goes on": frame(2, 1, struct.pack(">ii", -1, 0) + b"more"),
            "Fetch v18": frame(1, 18, b"\0\0"), "a null topic name": frame(3, 4, b"\0\0\0\1\xff\xff\0")}.items():
        side.raw(data, note)
