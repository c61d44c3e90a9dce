"""Groups, their members and offsets outlive a clean stop and a kill -9; offsets that expire do not come back."""
import groups
from harness import Cluster, wait_for


def expired(c):
    answer = c.ask("offset_fetch", 5, {"group_id": "short", "topics": None})
    assert answer["error_code"] == 0, answer
    return answer["topics"] == []


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(1, offsets_retention_check_interval_ms=200, **groups.CONFIG).start()
        broker.create_topic("t", 3)
        broker.create_topic("u", 1)
        members = groups.fill(broker, "a")
        c = groups.loaded(broker)
        groups.commit(c, "short", {("t", 0): (1, ""), ("u", 0): (2, "")}, version=2, retention_time_ms=1)
        wait_for("offsets expire", lambda: expired(c))
        before = groups.seen(broker)
        assert len(before[0]) == 7, before[0]
        assert "short" not in [g["group_id"] for g in before[0]]
        for end in (broker.stop, broker.kill, broker.kill):
            end()
            broker.start()
            assert groups.seen(broker) == before, f"{groups.seen(broker)} instead of {before}"
            groups.beating(broker, members)
        groups.fill(broker, "b")
        assert len(groups.seen(broker)[0]) == 14
        broker.stop()
