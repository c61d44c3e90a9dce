"""What script_clients.py asks both brokers about their logs: leader epochs, deletion of records, producers."""
from batches import batch

WAIT_MS = 8000


def run(side, create, topic, send):
    """The functions of script_clients that make a topic and send it a batch."""
    create(side, 7, topic("logged", 2), topic("trimmed", configs={"segment.bytes": "1000"}),
           topic("both", configs={"cleanup.policy": "compact,delete"}), topic("kept", configs={"cleanup.policy": "compact"}),
           note="for logs")
    for n in range(4):
        for name in ("logged", "trimmed", "both", "kept"):
            send(side, 9, batch([b"r" * 300] * 3, side.start_ms + n), f"{name} {n}", name=name)
    leader_epochs(side)
    delete_records(side)
    describe_producers(side, send)
    log_dirs(side)
    alter_log_dirs(side)


# ---- OffsetForLeaderEpoch ----

def leader_epochs(side):
    def ask(version, rows, note="", **more):
        topics = [{"topic": name, "partitions": [{"partition": partition, "leader_epoch": epoch} | now]}
                  for name, partition, epoch, now in rows]
        side.ask("offset_for_leader_epoch", version, {"topics": topics} | more, note)
    for version in range(5):
        for epoch in (0, 1, 7, -1, -2):
            ask(version, [("logged", 0, epoch, {})], f"epoch {epoch}")
        ask(version, [("logged", 1, 0, {})], "empty")
        ask(version, [("nowhere", 0, 0, {}), ("logged", 9, 0, {}), ("logged", -1, 0, {}), ("bad name", 0, 0, {})], "not there")
        ask(version, [("logged", 0, 0, {}), ("trimmed", 0, 0, {})], "two")
        ask(version, [], "nothing")
        for current in (0, 1, 5, -1, -2, -7) if version >= 2 else ():
            ask(version, [("logged", 0, 0, {"current_leader_epoch": current})], f"current epoch {current}")
        for replica in (-1, -2, 0, 1, 5, -9) if version >= 3 else ():
            ask(version, [("logged", 0, 0, {})], f"replica {replica}", replica_id=replica)


# ---- DeleteRecords ----

def delete_records(side):
    def ask(version, rows, note, **more):
        topics = {}
        for name, partition, offset in rows:
            topics.setdefault(name, []).append({"partition_index": partition, "offset": offset})
        request = {"topics": [{"name": n, "partitions": p} for n, p in topics.items()], "timeout_ms": WAIT_MS}
        side.ask("delete_records", version, request | more, note)

    def starts(note):
        rows = [{"partition_index": 0, "timestamp": -2}]
        topics = [{"name": name, "partitions": rows} for name in ("logged", "trimmed", "both", "kept")]
        side.ask("list_offsets", 5, {"replica_id": -1, "topics": topics}, note)
    for version in range(3):
        ask(version, [("logged", 0, version + 1)], "one more")
        ask(version, [("logged", 0, version + 1)], "again")
        ask(version, [("logged", 0, 0)], "before the start")
        ask(version, [("logged", 0, 100)], "above the end")
        ask(version, [("logged", 0, -2)], "negative")
        ask(version, [("logged", 1, 0), ("logged", 1, -1)], "empty")
        ask(version, [("kept", 0, 1), ("both", 0, version + 1)], "compacted")
        ask(version, [("kept", 0, -5), ("kept", 0, 100)], "compacted and wrong")
        ask(version, [("__consumer_offsets", 0, 0), ("nowhere", 0, 0), ("bad name", 0, 0), ("logged", 5, 0), ("logged", -1, 0)],
            "not there")
        ask(version, [], "nothing")
        starts(f"starts {version}")
    ask(2, [("logged", 0, 5), ("logged", 0, 4)], "twice")
    ask(2, [("trimmed", 0, 7)], "amid a segment")
    ask(2, [("trimmed", 0, -1), ("both", 0, -1)], "all there is")
    ask(2, [("logged", 0, 6)], "no time", timeout_ms=0)
    ask(2, [("logged", 0, 7)], "less than no time", timeout_ms=-5)
    starts("starts in the end")
    for offset in (6, 7, 8):
        row = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 100000}
        request = {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 100000, "topics": [{"topic": "logged", "partitions": [row]}]}
        side.ask("fetch", 12, request, f"at {offset} of what was cut at 7")
    row = {"topic": "logged", "partitions": [{"partition": 0, "leader_epoch": 0}]}
    side.ask("offset_for_leader_epoch", 4, {"topics": [row]}, "of what was cut")


# ---- DescribeProducers ----

def describe_producers(side, send):
    def ask(rows, note):
        topics = [{"name": name, "partition_indexes": partitions} for name, partitions in rows]
        side.ask("describe_producers", 0, {"topics": topics}, note)
    for producer in ((900, 0, 0), (901, 3, 0), (900, 0, 2), (902, 0, 2147483646)):
        records = batch([b"a", b"b"], side.start_ms, producer=producer)
        send(side, 9, records, f"by producer {producer}", name="logged", partition=1)
    ask([("logged", [1])], "of a partition")
    ask([("logged", [0, 1])], "of two")
    ask([("logged", [1, 1]), ("trimmed", [0])], "twice")
    ask([("logged", [2, -1]), ("nowhere", [0]), ("bad name", [0, 1]), ("", [0]), ("__consumer_offsets", [0])], "not there")
    ask([("logged", [])], "of no partition")
    ask([], "nothing")


# ---- DescribeLogDirs ----

def log_dirs(side):
    def ask(version, rows, note):
        topics = rows if rows is None else [{"topic": name, "partitions": partitions} for name, partitions in rows]
        side.ask("describe_log_dirs", version, {"topics": topics}, note)
    for version in range(5):
        ask(version, None, "all")
        ask(version, [("logged", [0]), ("trimmed", [0])], "some")
        ask(version, [("logged", [0, 1, 0]), ("logged", [1])], "twice")
        ask(version, [("logged", [7, -1]), ("nowhere", [0]), ("bad name", [0]), ("", [0])], "not there")
        ask(version, [("logged", [])], "no partition")
        ask(version, [], "nothing")


# ---- AlterReplicaLogDirs ----

def alter_log_dirs(side):
    here = side.connected().ask("describe_log_dirs", 1, {"topics": []})["results"][0]["log_dir"]

    def ask(version, rows, note):
        dirs = [{"path": path, "topics": [{"name": name, "partitions": partitions}]} for path, name, partitions in rows]
        side.ask("alter_replica_log_dirs", version, {"dirs": dirs}, note)
    for version in range(3):
        ask(version, [(here, "logged", [0, 1])], "where it is")
        ask(version, [("/no/such", "logged", [0, 1])], "no such directory")
        ask(version, [("/no/such", "logged", [0]), (here, "logged", [0])], "twice, at last where it is")
        ask(version, [(here, "logged", [0]), ("", "logged", [0])], "twice, at last nowhere")
        for name in ("logged", "nowhere", "bad name"):    # one alone: topics come in the order of a hash map
            ask(version, [(here, name, [7, -1])], "not there")
        ask(version, [(here, "t" * 300, [0]), ("/no/such", "t" * 300, [0])], "a long name")
        ask(version, [], "nothing")
