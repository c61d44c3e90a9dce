"""A controller whose epoch was moved under it writes nothing more, and leads again by a new epoch; so it does when
/controller_epoch is lost or spoilt, and when another controller comes and goes."""
import contextlib
import json

import zk
from harness import Cluster, wait_for

TARGETS = ("samsa",)        # 3.9.2 stays a controller that can write nothing when its epoch is moved, and dies of a spoilt one
GHOST = json.dumps({"version": 2, "brokerid": 77, "timestamp": "0", "kraftControllerEpoch": -1}).encode()


def epoch(client):
    return int(client.get("/controller_epoch")[0])


def usurp(client):
    """Takes /controller as a broker 77 would, with an epoch of its own."""
    while True:
        with contextlib.suppress(zk.NoNode):
            client.delete("/controller")
        try:
            client.create("/controller", GHOST, zk.EPHEMERAL)
            break
        except zk.ZkError:
            continue        # our broker was quicker
    client.set("/controller_epoch", str(epoch(client) + 1).encode())


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        broker.create_topic("before")

        def leads_again(above, topic):
            broker.create_topic(topic)
            wait_for("a new epoch", lambda: client.exists("/controller") and epoch(client) > above)
            state = json.loads(client.get(f"/brokers/topics/{topic}/partitions/0/state")[0])
            assert state["controller_epoch"] == epoch(client), state

        client.set("/controller_epoch", b"50")
        leads_again(50, "moved")
        client.delete("/controller_epoch")
        leads_again(51, "deleted")
        client.set("/controller_epoch", b"what?")
        broker.create_topic("spoilt")
        wait_for("an epoch that can be read", lambda: client.get("/controller_epoch")[0] == b"53")

        with cluster.zk_client() as ghost:
            usurp(ghost)
            wait_for("our broker sees the other", lambda: "Broker 77 has been elected" in broker.text())
            client.create("/brokers/topics/whose", b'{"version":1,"partitions":{"0":[1]}}')
            words = env.path("words")
            with open(words, "w") as f:
                f.write("one\n")
            broker.kcat("-P", "-t", "before", "-p", 0, stdin=words)     # who leads goes on serving
            assert not client.exists("/brokers/topics/whose/partitions"), "it acts without being the controller"
            above = epoch(client)
        wait_for("the other's topic has a leader", lambda: client.exists("/brokers/topics/whose/partitions/0/state"))
        leads_again(above, "after")
        broker.stop()
