"""samsa-log-dirs, samsa-cluster, samsa-features and samsa-leader-election beside Kafka's own."""
import json

import java
from harness import Cluster, kcat
from twin import Twins


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        twins = Twins(env, broker)
        at = ("--bootstrap-server", broker.bootstrap)
        twins.ours("topics", *at, "--create", "--topic", "t", "--partitions", 3)
        twins.ours("topics", *at, "--create", "--topic", "u")
        served = twins.ours("broker-api-versions", *at, "--json")
        cluster_and_features(twins, served)
        if "DescribeLogDirs" in served:
            log_dirs(env, twins)
        if "ElectLeaders" in served:
            elections(env, twins)
        twins.check(20)


def cluster_and_features(twins, served):
    twins.same("cluster", "cluster-id BOOTSTRAP", f"cluster-id -b {twins.broker.bootstrap}",
               f"unregister -b {twins.broker.bootstrap} -i 9", f"unregister --id 9 -b {twins.broker.bootstrap}")
    twins.same("features", "BOOTSTRAP describe")
    for words in ("upgrade --feature x", "upgrade --feature x=y", "upgrade --feature x=1 --feature x=2", "upgrade", "disable",
                  "disable --feature a --feature a", "downgrade --feature y", "upgrade --metadata nosuch",
                  "upgrade --metadata 3.9-IV0 --feature x=1", "downgrade --metadata 3.3-IV0 --dry-run", "upgrade --metadata 3.9"):
        twins.same("features", "BOOTSTRAP " + words)
    if "UpdateFeatures" in served:
        twins.same("features", "BOOTSTRAP upgrade --feature x=1", "BOOTSTRAP upgrade --feature x=1 --dry-run",
                   "BOOTSTRAP downgrade --feature y=2 --unsafe", "BOOTSTRAP disable --feature z --feature a")


def log_dirs(env, twins):
    lines = env.path("lines")
    with open(lines, "w") as f:
        f.writelines(f"line {i}\n" for i in range(20))
    kcat("-P", "-b", twins.broker.bootstrap, "-t", "t", "-p", "0", stdin=lines)
    for words in ("", "--topic-list t", "--topic-list t,u", "--topic-list nosuch", "--broker-list 1", "--broker-list 1,1"):
        line = ["log-dirs", "--bootstrap-server", twins.broker.bootstrap, "--describe", *words.split()]
        theirs, ours = java.outcome(*line)[2], twins.ours(*line)
        assert theirs.split("\n")[:2] == ours.split("\n")[:2], (theirs, ours)
        assert in_order(theirs) == in_order(ours), f"{line}\n{theirs}\n{ours}"
        assert words or "t-0" in ours, ours
        twins.count += 1
    twins.same("log-dirs", "BOOTSTRAP --describe --broker-list 7,8", "BOOTSTRAP --describe --broker-list x", "BOOTSTRAP",
               "--describe", "", "--help")


def in_order(said):
    """The JSON of the last line with its partitions sorted."""
    found = json.loads(said.strip().split("\n")[-1])
    for broker in found["brokers"]:
        for folder in broker["logDirs"]:
            folder["partitions"].sort(key=lambda p: p["partition"])
    return found


def elections(env, twins):
    def with_file(text):
        with open(env.path("elect.json"), "w") as f:
            f.write(text)
        twins.same("leader-election", f"BOOTSTRAP --election-type preferred --path-to-json-file {env.path('elect.json')}")

    twins.same("leader-election", *("BOOTSTRAP --election-type " + rest for rest in (
        "preferred --topic t --partition 0",
        "PREFERRED --topic t --partition 0",
        "unclean --topic t --partition 0",
        "preferred --topic t --partition 99",
        "unclean --topic nosuch --partition 0",
        "preferred --all-topic-partitions",
        "unclean --all-topic-partitions",
        "preferred --topic t",
        "preferred --partition 0 --all-topic-partitions",
        "preferred",
        "preferred --topic t --partition 0 --all-topic-partitions",
    )))
    with_file('{"partitions": [{"topic": "u", "partition": 0}]}')
    with_file('{"partitions": [{"topic": "u", "partition": 0}, {"topic": "u", "partition": 0}]}')
    with_file('{"parts": []}')
    with open(env.path("admin"), "w") as f:
        f.write("request.timeout.ms=9000\n")
    alone = "BOOTSTRAP --election-type preferred --topic t --partition 0 --admin.config "
    twins.same("leader-election", alone + env.path("admin"))
    twins.same("leader-election", alone + "/no/such", complaint=False)
    twins.same("leader-election", "", "--help", "BOOTSTRAP --topic t --partition 0", "--election-type preferred --topic t")
    twins.same("leader-election", "BOOTSTRAP --election-type best --topic t --partition 0", complaint=False)
