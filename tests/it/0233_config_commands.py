"""samsa-configs beside Kafka's own: the same words, statuses and standard output, for topics, brokers and loggers, and,
where the broker has them, for quotas and SCRAM credentials."""
import json

from harness import Cluster
from twin import Twins


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        twins = Twins(env, broker)
        at = ("--bootstrap-server", broker.bootstrap)
        for name in ("peer", "ours"):
            twins.ours("topics", *at, "--create", "--topic", "t-" + name)
        topics(env, twins)
        brokers(twins)
        said = twins.ours("broker-api-versions", *at, "--json")
        if "DescribeClientQuotas" in said:
            quotas(twins)
        if "DescribeUserScramCredentials" in said:
            scram(twins)
        usage(twins)
        our_json(twins, at)
        twins.check(55)


def topics(env, twins):
    with open(env.path("add.properties"), "w") as f:
        f.write("retention.bytes=77\nsegment.bytes = 1048577\n")
    twins.same("configs", *("BOOTSTRAP --entity-type topics --entity-name t-@ " + rest for rest in (
        "--describe",
        "--alter --add-config retention.ms=60000",
        "--alter --add-config retention.ms=60001,cleanup.policy=[compact,delete],min.insync.replicas=1",
        "--describe",
        "--describe --all",
        "--alter --delete-config retention.ms",
        "--alter --delete-config retention.ms",
        "--alter --delete-config retention.ms,nosuch",
        "--alter --add-config retention.ms=5 --delete-config cleanup.policy",
        f"--alter --add-config-file {env.path('add.properties')}",
        "--describe",
        "--alter --add-config retention.ms",
        "--alter --add-config retention.ms=1=2",
        "--alter --add-config a/b=1",
        "--alter --add-config segment.bytes=1 --add-config-file x",
        "--alter",
    )))
    twins.same("configs", "BOOTSTRAP --describe --topic t-@", "BOOTSTRAP --alter --topic t-@ --add-config retention.ms=9",
               "BOOTSTRAP --describe --topic t-@", "BOOTSTRAP --alter --topic t-@ --add-config retention.ms=9 --force")
    # refused by the broker: Kafka's command says so in a stack trace only
    twins.same("configs", *("BOOTSTRAP --entity-type topics --entity-name " + rest for rest in (
        "t-@ --alter --add-config nosuch=1",
        "t-@ --alter --add-config retention.ms=soon",
        "nosuch --alter --add-config retention.ms=1",
        "a/b --describe",
    )), complaint=False)
    twins.same("configs", "BOOTSTRAP --describe --entity-type topics", shuffled=True)


def brokers(twins):
    twins.same("configs", *("BOOTSTRAP --entity-type " + rest for rest in (
        "brokers --describe",
        "brokers --entity-name 1 --describe",
        "brokers --entity-default --describe",
        "brokers --entity-default --alter --add-config log.retention.ms=12345",
        "brokers --entity-name 1 --alter --add-config log.cleaner.threads=2",
        "brokers --describe",
        "brokers --entity-name x --describe",
        "broker-loggers --entity-name 1 --alter --add-config nosuch=INFO",
        "broker-loggers --describe",
        "broker-loggers --entity-name x --describe",
    )))
    twins.same("configs", "BOOTSTRAP --describe --broker-logger 1", shuffled=True)
    twins.same("configs", "BOOTSTRAP --alter --broker-logger 1 --delete-config nosuch --force", "BOOTSTRAP --describe --broker 1", "BOOTSTRAP --describe --broker-defaults",
               "BOOTSTRAP --alter --broker-defaults --add-config log.retention.ms=99",
               "BOOTSTRAP --alter --broker-defaults --delete-config log.flush.interval.ms")
    twins.same("configs", "BOOTSTRAP --entity-type brokers --entity-default --alter --add-config broker.id=7", complaint=False)


def quotas(twins):
    twins.same("configs", *("BOOTSTRAP --entity-type " + rest for rest in (
        "users --entity-name u-@ --alter --add-config producer_byte_rate=1024,consumer_byte_rate=20000000",
        "users --entity-name u-@ --describe",
        "users --entity-default --alter --add-config request_percentage=0.5",
        "users --entity-default --describe",
        "clients --entity-name c-@ --alter --add-config request_percentage=12.25",
        "clients --entity-name c-@ --describe",
        "users --entity-name u-@ --entity-type clients --entity-name c-@ --alter --add-config producer_byte_rate=1",
        "users --entity-name u-@ --entity-type clients --entity-name c-@ --describe",
        "users --entity-name u-@ --entity-type clients --entity-default --alter --add-config producer_byte_rate=0.0001",
        "users --entity-name u-@ --entity-type clients --describe",
        "ips --entity-name 127.0.0.1 --alter --add-config connection_creation_rate=100000",
        "ips --describe",
        "users --entity-name u-@ --alter --delete-config producer_byte_rate",
        "users --entity-name u-@ --alter --delete-config producer_byte_rate",
        "users --entity-name u-@ --alter --add-config producer_byte_rate=fast",
        "ips --entity-name 127.0.0.1 --alter --add-config producer_byte_rate=1",
        "users --entity-name u-@ --alter --add-config nosuch=1",
        "clients --entity-name c-@ --alter --add-config SCRAM-SHA-256=[password=x]",
    )), shuffled=True, complaint=False)
    twins.same("configs", "BOOTSTRAP --alter --client d-@ --add-config producer_byte_rate=5", "BOOTSTRAP --describe --client d-@",
               "BOOTSTRAP --describe --user-defaults", "BOOTSTRAP --alter --client-defaults --add-config producer_byte_rate=7000000",
               "BOOTSTRAP --describe --client-defaults", "BOOTSTRAP --alter --ip 127.0.0.9 --add-config connection_creation_rate=9",
               "BOOTSTRAP --describe --ip 127.0.0.9", "BOOTSTRAP --alter --ip-defaults --add-config connection_creation_rate=90000",
               "BOOTSTRAP --describe --ip-defaults")


def scram(twins):
    twins.same("configs", *("BOOTSTRAP --entity-type users " + rest for rest in (
        "--entity-name s-@ --alter --add-config SCRAM-SHA-256=[iterations=8192,password=secret]",
        "--entity-name s-@ --alter --add-config SCRAM-SHA-512=[password=secret]",
        "--entity-name s-@ --describe",
        "--entity-name s-@ --alter --delete-config SCRAM-SHA-256",
        "--entity-name s-@ --describe",
        "--entity-name s-@ --alter --add-config SCRAM-SHA-256=[iterations=100,password=secret]",
        "--entity-name s-@ --alter --add-config SCRAM-SHA-256=secret",
        "--entity-default --alter --add-config SCRAM-SHA-256=[password=secret]",
        "--entity-name s-@ --alter --add-config SCRAM-SHA-256=[password=secret],producer_byte_rate=1",
    )))


def usage(twins):
    twins.same("configs", *(f"BOOTSTRAP --describe {one} {other}" for one, other in (
        ("--client-defaults", "--client x"), ("--ip 127.0.0.1", "--ip-defaults"), ("--broker-logger 1", "--entity-type brokers"))),
               complaint=False)
    twins.same("configs", "", "--help", "BOOTSTRAP", "BOOTSTRAP --alter --describe", "BOOTSTRAP --describe",
               "BOOTSTRAP --describe --entity-type nosuch", "--describe --entity-type nosuch", "--describe --entity-type users",
               "BOOTSTRAP --describe --entity-type topics --entity-type brokers",
               "BOOTSTRAP --describe --entity-type topics --entity-type topics",
               "BOOTSTRAP --describe --entity-type topics --broker 1",
               "BOOTSTRAP --describe --entity-type topics --add-config a=b",
               "BOOTSTRAP --alter --entity-type topics --add-config a=b",
               "BOOTSTRAP --alter --entity-type users --add-config a=b",
               "BOOTSTRAP --describe --entity-type topics --zk-tls-config-file x",
               "BOOTSTRAP --zookeeper x --describe --entity-type users", "BOOTSTRAP --nosuch")


def our_json(twins, at):
    said = json.loads(twins.ours("configs", *at, "--describe", "--topic", "t-ours", "--json"))
    assert {"name": "retention.ms", "value": "9", "source": "DYNAMIC_TOPIC_CONFIG", "sensitive": False,
            "read_only": False} in said["settings"], said
