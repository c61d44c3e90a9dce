"""What /metrics tells of the controller's events: each kind has a timer of its own, which moves when such an event was,
and every event has waited in the queue."""
import os

import kmsg
from harness import Cluster, wait_for
from prometheus import Page

TARGETS = ("samsa",)    # Apache Kafka tells this over JMX, which needs a Java agent
TIMER = "kafka_controller_controllerstats_{}rateandtimems"
TIMERS = ("controllerchange", "leaderelection", "topicchange", "topicdeletion", "partitionreassignment",
          "manualleaderbalance", "leaderandisrresponsereceived", "logdirchange", "uncleanleaderelectionenable",
          "topicuncleanleaderelectionenable", "listpartitionreassignment")
AFTER_FAILOVER = ("controllerchange", "topicdeletion", "partitionreassignment", "manualleaderbalance", "logdirchange")


def counts(port):
    """How many events of each kind, which are no more than have waited."""
    page = Page(port)
    found = {timer: page(TIMER.format(timer) + "_count") for timer in TIMERS}
    waited = page("kafka_controller_controllereventmanager_eventqueuetimems_count")
    assert waited >= sum(found.values()), (waited, found)
    return found


def moves(port, timer, act):
    before = counts(port)[timer]
    act()
    wait_for(f"an event of {timer} is counted", lambda: counts(port)[timer] > before)


def failed_folder(port, folder):
    """The broker tells that it has failed; asked for its replicas, it answers which are lost."""
    before = counts(port)
    os.rename(folder, folder + ".away")
    with open(folder, "w"):
        pass
    for timer in ("logdirchange", "leaderandisrresponsereceived"):
        wait_for(f"an event of {timer} is counted", lambda: counts(port)[timer] > before[timer])


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        port = env.ports.take()
        folders = [env.path(f"disk-{i}") for i in range(2)]
        broker = cluster.broker(metrics_port=port, log_dirs=",".join(folders),
                                replica_high_watermark_checkpoint_interval_ms=500).start()
        admin = kmsg.Connection(broker.port, timeout=20)
        wait_for("the failover's events are over", lambda: all(counts(port)[timer] for timer in AFTER_FAILOVER))
        idle = [timer for timer in TIMERS if timer not in AFTER_FAILOVER]
        assert not any(counts(port)[timer] for timer in idle), counts(port)

        moves(port, "topicchange", lambda: broker.create_topic("timed", 4))
        broker.create_topic("gone")
        moves(port, "manualleaderbalance", lambda: broker.tool(
            "leader-election", "--election-type", "preferred", "--topic", "timed", "--partition", 0))
        moves(port, "partitionreassignment", lambda: admin.ask("alter_partition_reassignments", 0, {"topics": [
            {"name": "timed", "partitions": [{"partition_index": 0, "replicas": [1]}]}]}))
        moves(port, "listpartitionreassignment", lambda: admin.ask("list_partition_reassignments", 0, {"topics": None}))
        moves(port, "uncleanleaderelectionenable", lambda: client.configure(
            "brokers/<default>", {"unclean.leader.election.enable": "true"}))
        moves(port, "leaderelection", lambda: client.set("/brokers/ids/1", client.get("/brokers/ids/1")[0]))
        moves(port, "topicdeletion", lambda: broker.tool("topics", "--delete", "--topic", "gone"))
        moves(port, "controllerchange", lambda: client.delete("/controller"))
        failed_folder(port, folders[1])
        # It is an event only where there is somebody to elect for.
        moves(port, "topicuncleanleaderelectionenable", lambda: client.configure(
            "topics/timed", {"unclean.leader.election.enable": "true"}))
        # A short one is over within a microsecond, and then took no time; these wait for ZooKeeper.
        for timer in ("controllerchange", "topicchange", "topicdeletion"):
            assert Page(port)(TIMER.format(timer) + "_sum") > 0, timer
        broker.stop()
