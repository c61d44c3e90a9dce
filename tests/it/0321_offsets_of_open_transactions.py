"""Offsets that a transaction holds which has not ended (golden disk of Apache Kafka): who asks for stable offsets is told that
they are not, UNSTABLE_OFFSET_COMMIT, whatever was committed before; who does not ask sees what is committed. Also after a kill."""
import os
import tarfile

import groups
from harness import Cluster

DISK = os.path.join(os.path.dirname(__file__), "..", "golden", "disk", "txn-open-killed.tar.gz")
PARTITIONS = 3                             # of __consumer_offsets there
GROUP, HELD = "pending-group", "src2"      # what the open transaction commits, with partition 0
UNSTABLE = 88
NOTHING = -1


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(1, offsets_topic_num_partitions=PARTITIONS, log_cleaner_enable="false", **groups.CONFIG).start()
        broker.create_topic(HELD, 2)
        groups.loaded(broker).socket.close()
        broker.kill()
        put_golden(broker.data)
        broker.start()
        c = groups.loaded(broker)
        sees(c, stable={0: UNSTABLE, 1: NOTHING}, any_={0: NOTHING, 1: NOTHING}, listed={})
        groups.commit(c, GROUP, {(HELD, 0): (7, ""), (HELD, 1): (8, "")})
        committed = {"stable": {0: UNSTABLE, 1: 8}, "any_": {0: 7, 1: 8}, "listed": {0, 1}}
        sees(c, **committed)
        c.socket.close()
        broker.kill()
        broker.start()
        c = groups.loaded(broker)
        sees(c, **committed)
        c.socket.close()
        broker.stop()


def put_golden(data):
    """The logs of __consumer_offsets, but the topic is ours. Nobody has the state of the transaction, to end it."""
    with tarfile.open(DISK) as tar:
        for member in tar.getmembers():
            folder, _, name = member.name.removeprefix("./").partition("/")
            if folder.startswith("__consumer_offsets-") and name and name != "partition.metadata":
                with open(os.path.join(data, folder, name), "wb") as f:
                    f.write(tar.extractfile(member).read())


def sees(c, stable, any_, listed):
    """What is said of each partition: an offset, or an error; `listed`: of which ones when all are asked for."""
    for version in (7, 8, 9):
        for require, wanted in ((True, stable), (False, any_)):
            found = fetch(c, version, require, [{"name": HELD, "partition_indexes": [0, 1]}])
            assert found == wanted, f"version {version}, stable {require}: {found} instead of {wanted}"
            found = fetch(c, version, require, None)
            assert found == {p: wanted[p] for p in listed}, f"version {version}, stable {require}, all: {found}"
    for version in (1, 5, 6):
        assert fetch(c, version, None, [{"name": HELD, "partition_indexes": [0, 1]}]) == any_, f"version {version}"


def fetch(c, version, require, topics):
    group = {"group_id": GROUP, "topics": topics}
    request = {"groups": [group]} if version >= 8 else group
    answer = c.ask("offset_fetch", version, request if require is None else request | {"require_stable": require})
    group = answer["groups"][0] if version >= 8 else answer
    assert group.get("error_code", 0) == 0, answer
    rows = {p["partition_index"]: p for t in group["topics"] for p in t["partitions"]}
    for p in rows.values():
        assert not p["error_code"] or (p["committed_offset"], p["metadata"]) == (NOTHING, ""), p
    return {i: p["error_code"] or p["committed_offset"] for i, p in rows.items()}
