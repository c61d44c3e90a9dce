"""Apache Kafka's broker beside ours, on one ZooKeeper. They are no cluster yet, and neither harms the other: ours
as the controller leaves what the other leads alone and says so, and does not join a cluster that another one controls."""
import json
import time

from harness import Cluster, wait_for

TARGETS = ("samsa",)


def state(client, topic, partition=0):
    return json.loads(client.get(f"/brokers/topics/{topic}/partitions/{partition}/state")[0])


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test(env):
    words = env.path("words")
    with open(words, "w") as f:
        f.write("one\n")
    with Cluster(env) as cluster, cluster.zk_client() as client:
        java = cluster.broker(2, name="java", target="kafka").start()
        java.create_topic("theirs", 2)
        led = [state(client, "theirs", p) for p in range(2)]

        ours = cluster.broker(1).launch()
        assert ours.process.wait() != 0
        assert "Broker 2 is the controller of this cluster" in ours.text(), ours.tail()
        assert [state(client, "theirs", p) for p in range(2)] == led and client.children("/brokers/ids") == ["2"]
        java.stop()

        left = [state(client, "theirs", p) for p in range(2)]
        ours.start()
        java.launch()
        wait_for("ours sees the other", lambda: "Broker 2 is registered, but" in ours.text())
        ours.create_topic("mine", 4)
        ours.kcat("-P", "-t", "mine", "-p", 3, stdin=words)
        assert all(state(client, "mine", p)["isr"] == [1] for p in range(4)), "a replica went to a broker out of reach"
        assert [state(client, "theirs", p) for p in range(2)] == left, "what the other leads was touched"
        client.create("/brokers/topics/far", b'{"version":1,"partitions":{"0":[2]}}')
        client.create("/brokers/topics/both", b'{"version":1,"partitions":{"0":[2,1]}}')
        wait_for("who can lead does", lambda: client.exists("/brokers/topics/both/partitions/0/state"))
        assert state(client, "both")["isr"] == [1] and not client.exists("/brokers/topics/far/partitions")
        ours.tool("topics", "--delete", "--topic", "mine")
        before, lines = cpu_s(ours.process.pid), len(ours.text())
        time.sleep(3)
        assert cpu_s(ours.process.pid) - before < 0.5 and len(ours.text()) - lines < 4000, "it does not rest"

        ours.stop()
        wait_for("the other takes over", lambda: client.exists("/brokers/topics/far/partitions/0/state"), 60)
        wait_for("what it led has a leader", lambda: state(client, "theirs")["leader"] == 2, 60)
        java.kill()
