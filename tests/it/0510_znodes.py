"""The znodes after each step equal those that Apache Kafka 3.9.2 left there, but for ids, times and ports.

tests/golden/it-znodes/ holds them; a control run (--target kafka) writes what it sees beside them when SAMSA_GOLDEN=write."""
import contextlib
import difflib
import os

import zk
from harness import TOP, Cluster, wait_for
from java import tool

GOLDEN = os.path.join(TOP, "tests", "golden", "it-znodes")


def look(cluster, step):
    """The tree once it rests; the same as the golden one."""
    golden = os.path.join(GOLDEN, step + ".txt")
    with cluster.zk_client() as client:
        seen = wait_for("the tree rests", lambda: resting(client), 20, every=0.3)
    if os.environ.get("SAMSA_GOLDEN") == "write":
        with open(golden, "w") as f:
            f.write(seen)
    with open(golden) as f:
        expected = f.read()
    if seen != expected:
        differ = difflib.unified_diff(expected.splitlines(), seen.splitlines(), "Apache Kafka", "here", lineterm="", n=0)
        raise AssertionError(f"after {step}:\n" + "\n".join(differ))


LAST = {}


def resting(client):
    with contextlib.suppress(zk.NoNode):
        now = "\n".join(zk.tree(client)) + "\n"
        if LAST.get(client) == now:
            return now
        LAST[client] = now


def test(env):
    # Its own ZooKeeper: versions of the nodes above ours count too.
    with Cluster(env, own_zk=True) as cluster:
        broker = cluster.broker(num_partitions=2, offsets_topic_num_partitions=2).start()
        look(cluster, "01-started")
        broker.create_topic("plain", 2)
        look(cluster, "02-topic-created")
        broker.create_topic("configured", 1, retention_ms=3600000, cleanup_policy="compact,delete")
        broker.tool("topics", "--create", "--topic", "assigned", "--replica-assignment", "1,1")
        look(cluster, "03-topics-with-config-and-assignment")
        words = env.path("words")
        with open(words, "w") as f:
            f.write("one\ntwo\n")
        broker.kcat("-P", "-t", "auto-created", "-p", 0, stdin=words)
        look(cluster, "04-topic-auto-created")
        tool("console-producer", "--bootstrap-server", broker.bootstrap, "--topic", "plain", stdin=words)
        look(cluster, "05-idempotent-producer")
        broker.tool("topics", "--alter", "--topic", "plain", "--partitions", 4)
        look(cluster, "06-partitions-added")
        broker.tool("topics", "--delete", "--topic", "configured")
        look(cluster, "07-topic-deleted")
        session = broker.expire_session()
        wait_for("registered again", lambda: back(cluster, session))
        look(cluster, "08-session-expired")
        broker.stop()
        look(cluster, "09-stopped")
        broker.start()
        look(cluster, "10-started-again")
        broker.stop()


def back(cluster, old):
    with cluster.zk_client() as client:
        return client.exists("/controller") and client.exists("/brokers/ids/1") \
            and client.get("/brokers/ids/1")[1].ephemeral_owner != old
