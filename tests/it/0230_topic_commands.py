"""samsa-topics and samsa-broker-api-versions beside Kafka's own: the same words, statuses and standard output."""
import json

from harness import Cluster
from twin import Twins


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        twins = Twins(env, broker)
        create(twins)
        describe(twins)
        alter_and_delete(twins)
        usage(twins)
        twins.same("broker-api-versions", "BOOTSTRAP", "", "--help")
        twins.same("broker-api-versions", "--nosuch", complaint=False)
        our_json(twins)
        twins.check(75)


def create(twins):
    twins.same("topics", "BOOTSTRAP --list")
    twins.same("topics", *("BOOTSTRAP --create --topic " + rest for rest in (
        "plain-@ --partitions 3 --replication-factor 1",
        "plain-@",
        "plain-@ --if-not-exists",
        "dots.and_@ --config retention.ms=60000",
        "many-@ --config retention.ms=60000 --config segment.bytes=1048576 --config cleanup.policy=compact "
        "--config min.insync.replicas=2 --config max.message.bytes=100000 --config compression.type=zstd",
        "twice-@ --config retention.ms=1 --config retention.ms=70000",
        "assigned-@ --replica-assignment 1,1,1",
        "equals-@ -partitions=2",
        "a/b",
        "..",
        "wide-@ --replication-factor 2",
        "wide-@ --replication-factor 0",
        "wide-@ --replication-factor 40000",
        "wide-@ --partitions 0",
        "wide-@ --partitions -1",
        "wide-@ --partitions some",
        "wide-@ --partitions 3000000000",
        "wide-@ --partitions 1 --partitions 2",
        "wide-@ --config nosuch=1",
        "wide-@ --config retention.ms",
        "wide-@ --config retention.ms=",
        "wide-@ --config retention.ms=1=2",
        "wide-@ --config retention.ms=soon",
        "wide-@ --config cleanup.policy=burn",
        "wide-@ --replica-assignment 1:1",
        "wide-@ --replica-assignment 1,1:2",
        "wide-@ --replica-assignment 1:x",
        "wide-@ --replica-assignment 1 --partitions 1",
        "plain-@ --if-exists",
    )))


def describe(twins):
    twins.same("topics", "BOOTSTRAP --list", "BOOTSTRAP --list --exclude-internal", "BOOTSTRAP --list --topic .*-@",
               "BOOTSTRAP --list --topic nosuch", "BOOTSTRAP --list --topic plain-@,many-@")
    twins.same("topics", *("BOOTSTRAP --describe " + rest for rest in (
        "--topic plain-@",
        "--topic many-@",
        "--topic nosuch",
        "--topic nosuch --if-exists",
        "--if-exists",
        "--topic ( ",
        "--topic many-@ --under-min-isr-partitions",
        "--topic plain-@ --at-min-isr-partitions",
        "--topic many-@ --at-min-isr-partitions",
        "--topic plain-@ --under-replicated-partitions",
        "--topic plain-@ --unavailable-partitions",
        "--topic many-@ --topics-with-overrides",
        "--topic plain-@ --topics-with-overrides",
        "--topic-id AAAAAAAAAAAAAAAAAAAAAA --topic plain-@",
        "--topic-id 0123456789012345678901",
        "--topic-id 0123456789012345678901 --if-exists",
        "--topic plain-@ --partition-size-limit-per-response 1",
    )))
    twins.same("topics", "BOOTSTRAP --describe", "BOOTSTRAP --describe --exclude-internal", shuffled=True)


def alter_and_delete(twins):
    twins.same("topics", *("BOOTSTRAP --alter " + rest for rest in (
        "--topic plain-@ --partitions 5",
        "--topic plain-@ --partitions 5",
        "--topic plain-@ --partitions 4",
        "--topic plain-@",
        "--topic nosuch --partitions 5",
        "--topic nosuch --partitions 5 --if-exists",
        "--topic assigned-@ --partitions 5 --replica-assignment 1,1,1,1,1",
        "--topic plain-@ --partitions 9 --config retention.ms=1",
    )))
    twins.same("topics", "BOOTSTRAP --describe --topic plain-@", "BOOTSTRAP --describe --topic assigned-@",
               "BOOTSTRAP --delete --topic plain-@", "BOOTSTRAP --delete --topic plain-@",
               "BOOTSTRAP --delete --topic plain-@ --if-exists", "BOOTSTRAP --delete --topic (many|twice)-@",
               "BOOTSTRAP --delete", "BOOTSTRAP --list --topic .*@")


def usage(twins):
    twins.same("topics", "--help", "--list", "BOOTSTRAP", "BOOTSTRAP --list --create", "BOOTSTRAP --list --partitions 3",
               "BOOTSTRAP --list --if-exists", "BOOTSTRAP --nosuch", "--bootstrap-server", "BOOTSTRAP --top x --list",
               "BOOTSTRAP --create --topic x --delete-config y", "BOOTSTRAP --delete --topic x --exclude-internal",
               "BOOTSTRAP --describe --topics-with-overrides --unavailable-partitions")
    # Java says here that its client could not be made, and why only in a stack trace.
    twins.same("topics", "", "--bootstrap-server nowhere.invalid:1 --list", "--bootstrap-server 127.0.0.1 --list",
               "BOOTSTRAP --list --command-config /nonexistent", complaint=False)


def our_json(twins):
    at = ("--bootstrap-server", twins.broker.bootstrap)
    assert "assigned-ours" in json.loads(twins.ours("topics", *at, "--list", "--json"))
    said = json.loads(twins.ours("topics", *at, "--describe", "--topic", "dots.and_ours", "--json"))
    assert said[0]["configs"] == {"retention.ms": "60000"} and said[0]["partitions"][0]["leader"] == 1, said
    said = json.loads(twins.ours("broker-api-versions", *at, "--json"))
    assert said["id"] == 1 and {"key": 3, "name": "Metadata", "min": 0, "max": 12} in said["apis"], said
