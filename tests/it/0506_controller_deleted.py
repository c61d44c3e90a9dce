"""/controller is deleted, twice in quick succession too: there is a controller again each time, of a new epoch."""
import contextlib

import zk
from harness import Cluster, wait_for

TARGETS = ("samsa",)        # three brokers of 3.9.2 were seen to stay without a controller for ever


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        for round_ in range(10):
            epoch = int(client.get("/controller_epoch")[0])
            for _ in range(1 + round_ % 3):
                with contextlib.suppress(zk.NoNode):
                    client.delete("/controller")
            wait_for("a controller of a new epoch",
                     lambda: client.exists("/controller") and int(client.get("/controller_epoch")[0]) > epoch, 20)
            broker.create_topic(f"round-{round_}")
        broker.stop()
