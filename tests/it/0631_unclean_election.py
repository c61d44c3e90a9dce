"""A partition whose in-sync replicas are gone gets a leader at once when unclean elections become allowed: by the default
of all brokers, and by the topic's own setting."""
import json

from harness import Cluster, wait_for
from prometheus import Page

EVERYONE = "brokers/<default>"


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        port = env.ports.take()
        metrics = {"metrics_port": port} if env.target == "samsa" else {}
        broker = cluster.broker(**metrics).start()
        for topic in ("by-default", "by-topic", "never"):
            broker.create_topic(topic)
        broker.stop()
        for topic in ("by-default", "by-topic", "never"):
            lose(client, topic)
        client.configure("topics/never", {"unclean.leader.election.enable": "false"})
        broker.start()

        client.configure("topics/by-topic", {"unclean.leader.election.enable": "true"})
        wait_for("the topic's own setting elects", lambda: leader(client, "by-topic") == 1)
        assert leader(client, "by-default") == leader(client, "never") == -1
        client.configure(EVERYONE, {"unclean.leader.election.enable": "true"})
        wait_for("that of all brokers elects", lambda: leader(client, "by-default") == 1)
        assert leader(client, "never") == -1
        if metrics:
            assert Page(port)("kafka_controller_controllerstats_uncleanleaderelections_total") == 2
        broker.stop()


def lose(client, topic):
    """As if broker 2, which is gone, had been the last in-sync replica."""
    node = json.loads(client.get(f"/brokers/topics/{topic}")[0])
    node["partitions"] = {"0": [1, 2]}
    client.set(f"/brokers/topics/{topic}", json.dumps(node).encode())
    path = f"/brokers/topics/{topic}/partitions/0/state"
    state = json.loads(client.get(path)[0])
    client.set(path, json.dumps(state | {"leader": -1, "isr": [2]}).encode())


def leader(client, topic):
    return json.loads(client.get(f"/brokers/topics/{topic}/partitions/0/state")[0])["leader"]
