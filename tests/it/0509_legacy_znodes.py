"""What old tools write straight into ZooKeeper: topics without an id, growth, deletions, configs, elections and moves."""
import json
import os
import re

from harness import Cluster, wait_for


def topic(client, name):
    return json.loads(client.get(f"/brokers/topics/{name}")[0])


def assignment(partitions):
    return json.dumps({"version": 1, "partitions": {str(p): [1] for p in range(partitions)}}).encode()


def default_of_all(client, config):
    """As kafka-configs does for all brokers."""
    node = b'{"version":1,"config":' + config + b"}"
    if client.exists("/config/brokers/<default>"):
        client.set("/config/brokers/<default>", node)
    else:
        client.create("/config/brokers/<default>", node)
    client.create("/config/changes/config_change_", b'{"version":2,"entity_path":"brokers/<default>"}', 2)


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        client.create("/brokers/topics/old", assignment(1))
        wait_for("it gets an id", lambda: "topic_id" in topic(client, "old"))
        identity = topic(client, "old")["topic_id"]
        metadata = os.path.join(broker.data, "old-0", "partition.metadata")
        wait_for("its log has the id", lambda: os.path.exists(metadata) and identity in open(metadata).read())

        client.set("/brokers/topics/old", assignment(3))
        wait_for("it grows", lambda: client.exists("/brokers/topics/old/partitions/2/state"))
        if env.target == "samsa":       # 3.9.2 gives it another id at its next election, which the logs then refuse
            wait_for("it keeps its id", lambda: topic(client, "old").get("topic_id") == identity)

        words = env.path("words")
        with open(words, "w") as f:
            f.write("x" * 1000 + "\n")
        client.create("/config/topics/old", b'{"version":1,"config":{"max.message.bytes":"200"}}')
        client.create("/config/changes/config_change_", b'{"version":1,"entity_type":"topics","entity_name":"old"}', 2)

        def refused():
            try:
                broker.kcat("-P", "-t", "old", "-p", 0, stdin=words)
                return False
            except AssertionError as error:
                return "too large" in str(error)
        wait_for("the smaller limit holds", refused)
        client.set("/config/topics/old", b'{"version":1,"config":{}}')
        client.create("/config/changes/config_change_", b'{"version":2,"entity_path":"topics/old"}', 2)
        wait_for("and no more", lambda: not refused())

        default_of_all(client, b'{"message.max.bytes":"200"}')
        wait_for("the brokers' default holds", refused)
        default_of_all(client, b"{}")
        wait_for("and no more", lambda: not refused())

        client.create("/admin/preferred_replica_election",
                      b'{"version":1,"partitions":[{"topic":"old","partition":0},{"topic":"none","partition":7}]}')
        wait_for("the election is taken", lambda: not client.exists("/admin/preferred_replica_election"))
        client.create("/admin/reassign_partitions",
                      b'{"version":1,"partitions":[{"topic":"old","partition":0,"replicas":[1]},'
                      b'{"topic":"none","partition":0,"replicas":[1]}]}')
        wait_for("the move is taken", lambda: not client.exists("/admin/reassign_partitions"))
        assert topic(client, "old")["partitions"]["0"] == [1]

        client.create("/admin/delete_topics/nobody")
        wait_for("an unknown name is dropped", lambda: not client.children("/admin/delete_topics"))
        broker.stop()
        broker.config["delete.topic.enable"] = "false"
        broker.start()
        client.create("/admin/delete_topics/old")
        wait_for("a deletion that may not be is dropped", lambda: not client.children("/admin/delete_topics"))
        assert client.exists("/brokers/topics/old/partitions/0/state")
        assert re.search(r"^old$", broker.tool("topics", "--list"), re.M)
        broker.stop()
