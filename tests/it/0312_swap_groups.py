"""Groups on swapped disks: a Java broker's groups, members and offsets are found by the broker under test after a clean stop,
and the other way round after a kill."""
import groups
from harness import Cluster


def test(env):
    with Cluster(env) as cluster:
        java = cluster.broker(1, target="kafka", **groups.CONFIG).start()
        java.create_topic("t", 3)
        java.create_topic("u", 1)
        members = groups.fill(java, "a")
        before = groups.seen(java)
        java.stop()

        tested = cluster.broker(1, **groups.CONFIG).start()
        assert groups.seen(tested) == before, f"{groups.seen(tested)} instead of {before}"
        groups.beating(tested, members)
        members += groups.fill(tested, "b")
        before = groups.seen(tested)
        assert len(before[0]) == 14, before[0]
        tested.kill()

        back = cluster.broker(1, target="kafka", **groups.CONFIG).start()
        assert groups.seen(back) == before, f"{groups.seen(back)} instead of {before}"
        groups.beating(back, members)
        back.stop()
