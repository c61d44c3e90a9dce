"""Settings as a person changes them, with kafka-configs: what is in ZooKeeper after each step is what Apache Kafka 3.9.2
left there, what is described is what was set, and it takes effect at once; what a ZooKeeper-side tool writes, too."""
import difflib
import json
import os

import wire
import zk
from harness import TOP, Cluster, wait_for

GOLDEN = os.path.join(TOP, "tests", "golden", "it-znodes")
NONE, MESSAGE_TOO_LARGE = 0, 10


def look(client, step):
    """What lies below /config is what Apache Kafka left there; SAMSA_GOLDEN=write keeps what a control run sees."""
    golden = os.path.join(GOLDEN, f"settings-{step}.txt")
    seen = "\n".join(line for line in zk.tree(client) if line.startswith("/config")) + "\n"
    if os.environ.get("SAMSA_GOLDEN") == "write":
        with open(golden, "w") as f:
            f.write(seen)
    with open(golden) as f:
        expected = f.read()
    differ = difflib.unified_diff(expected.splitlines(), seen.splitlines(), "Apache Kafka", "here", lineterm="", n=0)
    assert seen == expected, f"after {step}:\n" + "\n".join(differ)


def configs(broker, *words, **how):
    return broker.tool("configs", *words, **how)


def alter(broker, kind, name, *words, **how):
    entity = ["--entity-name", name] if name else ["--entity-default"]
    return configs(broker, "--alter", "--entity-type", kind, *entity, *words, **how)


def steps(client, broker):
    broker.create_topic("plain", 1)
    alter(broker, "topics", "plain", "--add-config", "retention.ms=7200000,segment.bytes=1048576")
    alter(broker, "topics", "plain", "--add-config", "retention.bytes=-1,cleanup.policy=[compact,delete]")
    look(client, "01-topic-set")
    said = configs(broker, "--describe", "--entity-type", "topics", "--entity-name", "plain")
    assert "retention.ms=7200000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=7200000}" in said, said
    alter(broker, "topics", "plain", "--delete-config", "retention.ms,segment.bytes,retention.bytes,cleanup.policy")
    look(client, "02-topic-deleted")
    alter(broker, "brokers", "1", "--add-config", "log.cleaner.threads=2,max.connections.per.ip=100")
    alter(broker, "brokers", "", "--add-config", "log.retention.ms=86400000,background.threads=12")
    look(client, "03-brokers-set")
    wait_for("it is shown", lambda: "log.cleaner.threads=2 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.cleaner.threads=2, "
             "DEFAULT_CONFIG:log.cleaner.threads=1}"
             in configs(broker, "--describe", "--entity-type", "brokers", "--entity-name", "1"))
    assert "log.retention.ms=86400000" in configs(broker, "--describe", "--entity-type", "brokers", "--entity-default")
    alter(broker, "broker-loggers", "1", "--add-config", "root=WARN")
    assert "root=WARN" in configs(broker, "--describe", "--entity-type", "broker-loggers", "--entity-name", "1")
    alter(broker, "broker-loggers", "1", "--add-config", "root=INFO")
    look(client, "04-logger-set")
    alter(broker, "brokers", "1", "--delete-config", "log.cleaner.threads,max.connections.per.ip")
    alter(broker, "brokers", "", "--delete-config", "log.retention.ms,background.threads")
    look(client, "05-brokers-deleted")
    everything = configs(broker, "--describe", "--all", "--entity-type", "brokers", "--entity-name", "1")
    assert "  num.partitions=1 sensitive=false" in everything and everything.count("\n") > 200, everything


def refusals(broker):
    for kind, name, words, why in (
            ("topics", "plain", "retention.ms=x", "Not a number of type LONG"),
            ("topics", "plain", "no.such=1", "Unknown topic config name: no.such"),
            ("brokers", "1", "broker.id=7", "Cannot update these configs dynamically"),
            ("broker-loggers", "1", "no.such=INFO", "no.such")):
        said = alter(broker, kind, name, "--add-config", words, status=1)
        assert why in said, said


def announce(client, entity, settings):
    """As kafka-configs --zookeeper does by itself."""
    text = json.dumps({"version": 1, "config": settings}).encode()
    if client.exists(f"/config/{entity}"):
        client.set(f"/config/{entity}", text)
    else:
        client.create(f"/config/{entity}", text)
    client.create("/config/changes/config_change_", json.dumps({"version": 2, "entity_path": entity}).encode(), flags=2)


def effects(client, broker):
    """Each is felt by the next request, or as soon as ZooKeeper has told."""
    def until(what, error, topic="felt", value=b"x" * 40):
        with wire.Connection(broker.port) as connection:
            wait_for(what, lambda: min(connection.produce(topic, value), 0) == -error)
    broker.create_topic("felt", 1)
    until("all is well", NONE)
    alter(broker, "topics", "felt", "--add-config", "max.message.bytes=80")
    until("the batch is too large", MESSAGE_TOO_LARGE)
    until("a small one is not", NONE, value=b"x")
    announce(client, "topics/felt", {})
    until("the topic says nothing any more", NONE)
    announce(client, "brokers/<default>", {"message.max.bytes": "80", "broken": "x", "log.retention.ms": "x"})
    until("the default of all brokers counts", MESSAGE_TOO_LARGE)
    until("for other topics, too", MESSAGE_TOO_LARGE, topic="plain")
    announce(client, "brokers/1", {"message.max.bytes": "1000"})
    until("this broker's own wins", NONE)
    announce(client, "brokers/<default>", {})
    announce(client, "brokers/1", {})
    until("and nothing is left", NONE, value=b"x" * 49)
    before = offsets(broker)
    alter(broker, "topics", "felt", "--add-config", "retention.ms=1,segment.ms=100")
    wait_for("old records go", lambda: offsets(broker) > before)


def offsets(broker):
    return broker.offset("felt", when="earliest")


def test(env):
    with Cluster(env, own_zk=True) as cluster:
        broker = cluster.broker(log_cleaner_enable="false", log_retention_check_interval_ms=500).start()
        with cluster.zk_client() as client:
            steps(client, broker)
            refusals(broker)
            effects(client, broker)
        broker.stop()
