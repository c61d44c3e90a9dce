"""zookeeper.connect: several hosts of which some are dead, a chroot that is not there; zookeeper.session.timeout.ms; and
a stop while ZooKeeper is away, whose session does not stand in the way of the next start."""
import time

from harness import Cluster, wait_for


def unregistered_after(cluster, broker):
    """Seconds from kill -9 to the end of its registration."""
    broker.kill()
    begun = time.monotonic()
    broker.wait_unregistered(60)
    return time.monotonic() - begun


def test(env):
    with Cluster(env, own_zk=True) as cluster:
        dead = [env.ports.take() for _ in range(2)]
        hosts = ",".join(f"127.0.0.1:{port}" for port in (dead[0], cluster.zk.port, dead[1]))
        broker = cluster.broker(zookeeper_connect=hosts + "/a/deep/chroot", zookeeper_session_timeout_ms=2000)
        cluster.chroot = "/a/deep/chroot"
        broker.start()
        broker.create_topic("inside")
        with cluster.zk_client() as client:
            assert client.children("/brokers/topics") == ["inside"]
        cluster.chroot = ""
        with cluster.zk_client() as client:
            assert set(client.children("/")) <= {"a", "zookeeper"} and client.children("/a") == ["deep"]
            assert client.get("/a/deep/chroot")[0] is None
        cluster.chroot = "/a/deep/chroot"
        assert unregistered_after(cluster, broker) < 2 + 5
        broker.config["zookeeper.session.timeout.ms"] = 8000
        broker.start()
        assert unregistered_after(cluster, broker) > 4

        if env.target != "samsa":
            return                          # Apache Kafka waits for its old node to go
        broker.config["zookeeper.session.timeout.ms"] = 40000
        broker.start()
        cluster.zk.stop()
        wait_for("it has seen that", lambda: "Disconnected; serving goes on" in broker.text())
        broker.stop()
        cluster.zk.start()
        begun = time.monotonic()
        broker.start()
        assert time.monotonic() - begun < 20, "it waited for its old session"
        assert "inside" in broker.tool("topics", "--list")
        broker.stop()
