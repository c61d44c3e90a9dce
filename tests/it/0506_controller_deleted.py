"""/controller is deleted a hundred times, in twos and threes at random distances: there is a controller again each time,
of a new epoch, and never none for long."""
import contextlib
import random
import time

import zk
from harness import Cluster, wait_for

TARGETS = ("samsa",)        # three brokers of 3.9.2 were seen to stay without a controller for ever
ROUNDS, WITHIN_S = 100, 0.05


def delete_controller(client):
    with contextlib.suppress(zk.NoNode):
        client.delete("/controller")


def test(env):
    distances = random.Random(506)
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        for round_ in range(ROUNDS):
            epoch = int(client.get("/controller_epoch")[0])
            delete_controller(client)
            for _ in range(1 + round_ % 2):
                time.sleep(distances.uniform(0, WITHIN_S) if round_ % 4 else 0)
                delete_controller(client)
            wait_for("a controller of a new epoch",
                     lambda: client.exists("/controller") and int(client.get("/controller_epoch")[0]) > epoch, 20, 0.01)
            if round_ % 10 == 0:
                broker.create_topic(f"round-{round_}")
        broker.create_topic("last")
        broker.stop()
