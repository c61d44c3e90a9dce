"""Kafka's verifiable producer and consumers, of 3.9 and of the newest version: a group goes on while members are killed and
come back, and while the broker is restarted; what was acknowledged is consumed."""
import json

import java
from harness import Cluster, Process, wait_for

PARTITIONS, RATE = 6, 200
SETTLED_S = 90


class Tool:
    """A verifiable client in a JVM of its own, and the JSON lines that it prints."""

    def __init__(self, env, version, name, log, *words):
        self.log = env.path(log)
        self.process = Process([*java.JVM, "-cp", java.peer("classes", version), f"org.apache.kafka.tools.{name}",
                                *map(str, words)], self.log)

    def events(self, name):
        with open(self.log) as f:
            lines = [line for line in f.read().split("\n")[:-1] if line.startswith("{")]
        return [e for e in map(json.loads, lines) if e.get("name") == name]

    def end(self):
        self.process.signal(15)
        self.process.wait(60)


class Consumer(Tool):
    def __init__(self, env, broker, version, number, run=0, **options):
        words = [w for k, v in options.items() for w in ("--" + k.replace("_", "-"), v)]
        super().__init__(env, version, "VerifiableConsumer", f"consumer-{version}-{number}-{run}", "--bootstrap-server",
                         broker.bootstrap, "--topic", f"t-{version}", "--group-id", f"g-{version}", "--session-timeout", 6000,
                         "--reset-policy", "earliest", "--verbose", *words)

    def assigned(self):
        """The partitions that it has now: assignments come whole, or in steps."""
        has = set()
        with open(self.log) as f:
            for line in f.read().split("\n")[:-1]:
                event = json.loads(line) if line.startswith("{") else {}
                partitions = {p["partition"] for p in event.get("partitions", [])}
                if event.get("name") == "partitions_assigned":
                    has |= partitions
                elif event.get("name") == "partitions_revoked":
                    has -= partitions
        return has

    def commits(self):
        """How often each partition was committed: what it reads while the group rebalances it does not try again."""
        done = [p["partition"] for e in self.events("offsets_committed") if e["success"] for p in e["offsets"]]
        return {partition: done.count(partition) for partition in self.assigned()}

    def seen(self):
        return {(e["partition"], e["offset"]) for e in self.events("record_data")}


def wait_shared(consumers):
    def shared():
        for consumer in consumers:
            assert consumer.process.running(), open(consumer.log).read()[-3000:]
        has = [c.assigned() for c in consumers]
        return all(has) and sorted(p for own in has for p in own) == list(range(PARTITIONS))
    wait_for(f"{len(consumers)} consumers share the partitions", shared, SETTLED_S, every=0.5)


def wait_commits(consumers):
    """Until each has committed all its partitions once more."""
    before = [c.commits() for c in consumers]
    wait_for("every partition is committed", lambda: all(
        count > old.get(partition, 0) for c, old in zip(consumers, before) for partition, count in c.commits().items()),
        SETTLED_S, every=0.5)


def committed(broker, version):
    """How many records the group has committed; -1 as long as there are others."""
    said = broker.tool("consumer-groups", "--describe", "--group", f"g-{version}")
    rows = [line.split() for line in said.splitlines() if line.startswith(f"g-{version}")]
    has_data = [row for row in rows if row[4] != "0"]
    return sum(int(row[3]) for row in has_data) if has_data and all(row[5] == "0" for row in has_data) else -1


def life(env, broker, version, **options):
    broker.create_topic(f"t-{version}", PARTITIONS)
    everybody = [Consumer(env, broker, version, i, **options) for i in range(2)]
    wait_shared(everybody)
    producer = Tool(env, version, "VerifiableProducer", f"producer-{version}", "--bootstrap-server", broker.bootstrap, "--topic",
                    f"t-{version}", "--throughput", RATE, "--acks", -1)
    wait_for("records are acknowledged", lambda: producer.events("producer_send_success"), SETTLED_S)
    everybody.append(Consumer(env, broker, version, 2, **options))
    wait_shared(everybody)
    everybody[0].process.kill()
    wait_shared(everybody[1:])
    broker.stop()
    broker.start()
    everybody.append(Consumer(env, broker, version, 0, 1, **options))
    wait_shared(everybody[1:])
    wait_commits(everybody[1:])
    producer.end()
    acknowledged = {(e["partition"], e["offset"]) for e in producer.events("producer_send_success")}
    assert acknowledged
    wait_for(f"all {len(acknowledged)} that were acknowledged are consumed",
             lambda: acknowledged <= set().union(*(c.seen() for c in everybody)), SETTLED_S, every=1)
    # What a member had read when it was killed, and not committed, another one reads again.
    wait_for("all is committed", lambda: committed(broker, version) >= len(acknowledged), SETTLED_S, every=1)
    for consumer in everybody[1:]:
        consumer.end()
    assert committed(broker, version) >= len(acknowledged)


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=500).start()
        life(env, broker, java.KAFKA)
        life(env, broker, java.NEWEST, assignment_strategy="org.apache.kafka.clients.consumer.CooperativeStickyAssignor")
        broker.stop()
