"""A topic that another tool made in /brokers/topics is served; one that is marked in /admin/delete_topics goes."""
import os

from harness import Cluster, wait_for


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        client.create("/brokers/topics/direct", b'{"version":1,"partitions":{"0":[1],"1":[1]}}')
        wait_for("the topic has leaders", lambda: client.exists("/brokers/topics/direct/partitions/1/state"))
        words = env.path("words")
        with open(words, "w") as f:
            f.write("one\ntwo\n")
        broker.kcat("-P", "-t", "direct", "-p", 1, stdin=words)
        assert broker.kcat("-C", "-t", "direct", "-p", 1, "-e", "-q") == "one\ntwo\n"
        client.set("/brokers/topics/direct", b'{"version":1,"partitions":{"0":[1],"1":[1],"2":[1]}}')
        wait_for("the new partition has a leader", lambda: client.exists("/brokers/topics/direct/partitions/2/state"))

        client.create("/admin/delete_topics/direct")
        wait_for("the topic is gone", lambda: not client.exists("/brokers/topics/direct")
                 and not client.exists("/admin/delete_topics/direct"))
        wait_for("its folders are renamed", lambda: not os.path.exists(os.path.join(broker.data, "direct-0")))
        assert "direct" not in broker.tool("topics", "--list")
        broker.stop()
