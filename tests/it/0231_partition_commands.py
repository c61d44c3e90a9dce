"""samsa-get-offsets and samsa-delete-records beside Kafka's own: the same words, statuses and standard output."""
import json

from harness import Cluster, kcat
from twin import Twins


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        twins = Twins(env, broker)
        for name in ("peer", "ours"):
            twins.ours("topics", "--bootstrap-server", broker.bootstrap, "--create", "--topic", "t-" + name, "--partitions", 12)
            fill(env, broker, "t-" + name)
        twins.ours("topics", "--bootstrap-server", broker.bootstrap, "--create", "--topic", "empty")
        get_offsets(twins)
        delete_records(env, twins)
        our_json(env, twins)
        twins.check(60)


def fill(env, broker, topic):
    lines = env.path("lines")
    with open(lines, "w") as f:
        f.writelines(f"line {i}\n" for i in range(20))
    for partition in (0, 2, 11):
        kcat("-P", "-b", broker.bootstrap, "-t", topic, "-p", partition, stdin=lines)


def get_offsets(twins):
    twins.same("get-offsets", *("BOOTSTRAP " + rest for rest in (
        "",
        "--topic t-@",
        "--topic t-@,empty --partitions 0,2",
        "--topic t-@ --partitions 99",
        "--topic t-@ --partitions x",
        "--topic nosuch",
        "--topic ( ",
        "--exclude-internal-topics",
        "--topic-partitions t-@",
        "--topic-partitions t-@:2",
        "--topic-partitions t-@:0-3",
        "--topic-partitions t-@:10-",
        "--topic-partitions t-@:-2",
        "--topic-partitions empty:,t-@:3",
        "--topic-partitions t-@:x",
        "--topic-partitions t-@:1:2",
        "--topic-partitions t-@:1-2-3",
        "--topic-partitions t-@:99999999999",
        "--topic-partitions t-@ --topic t-@",
        "--topic-partitions t-@ --partitions 1",
        "--topic t-@ --time earliest",
        "--topic t-@ --time latest",
        "--topic t-@ --time -1",
        "--topic t-@ --time -2",
        "--topic t-peer --time max-timestamp",
        "--topic t-peer --time -3",
        "--topic t-@ --time earliest-local",
        "--topic t-@ --time latest-tiered",
        "--topic t-@ --time 0",
        "--topic t-@ --time 4102444800000",
        "--topic t-@ --time soon",
        "--topic t-@ --time",
        "--nosuch",
        "--topic t-@ --topic u",
    )), mask="(?<=:)1[0-9]{12}")
    twins.same("get-offsets", "", "--topic t", "--help", "--bootstrap-server nohost", "--bootstrap-server a:1,b",
               "--broker-list 127.0.0.1:x")
    twins.same("get-offsets", f"--broker-list {twins.broker.bootstrap} --topic t-@")


def delete_records(env, twins):
    def with_file(text, **how):
        for name in ("peer", "ours"):
            with open(env.path(f"offsets-{name}.json"), "w") as f:
                f.write(text.replace("@", name))
        twins.same("delete-records", f"BOOTSTRAP --offset-json-file {env.path('offsets-@.json')}", **how)

    def offsets(*rows, version=1):
        return json.dumps({"version": version, "partitions": [
            {"topic": t, "partition": p, "offset": o} for t, p, o in rows]})

    with_file(offsets(("t-@", 0, 5)))
    with_file(offsets(("t-@", 0, 3)))
    with_file(offsets(("t-@", 0, 21)))
    with_file(offsets(("t-@", 0, -1)))
    with_file(offsets(("t-@", 2, 4), ("t-@", 11, 6), ("t-@", 1, 0), ("t-@", 0, 99)), shuffled=True)
    with_file(offsets(("t-@", 0, -2)))
    with_file(offsets(("t-@", 0, 1), ("t-@", 0, 2)))
    with_file(offsets())
    with_file(offsets(("t-@", 0, 5), version=2))
    with_file("{\"version\": 1}")
    with_file("{\"partitions\": 3}")
    with_file("{\"partitions\": [3]}")
    with_file("{\"partitions\": [{\"topic\": \"t\", \"partition\": 0}]}")
    with_file("{\"partitions\": [{\"topic\": 7, \"partition\": 0, \"offset\": 0}]}")
    with_file("{\"partitions\": [{\"topic\": \"t\", \"partition\": \"0\", \"offset\": 0}]}")
    with_file("{\"partitions\": [{\"topic\": \"t\", \"partition\": 0, \"offset\": 1.5}]}")
    with_file("{\"version\": \"one\", \"partitions\": []}")
    with_file("{oops")
    with_file("[]")
    twins.same("get-offsets", "BOOTSTRAP --topic t-@ --time earliest")
    twins.same("delete-records", "", "--help", "BOOTSTRAP", "--offset-json-file x")
    twins.same("delete-records", "BOOTSTRAP --offset-json-file /nonexistent", "BOOTSTRAP --nosuch", complaint=False)


def our_json(env, twins):
    at = ("--bootstrap-server", twins.broker.bootstrap)
    said = twins.ours("get-offsets", *at, "--topic", "t-ours", "--partitions", 2, "--json")
    assert json.loads(said) == {"topic": "t-ours", "partition": 2, "offset": 20, "timestamp": -1}, said
    with open(env.path("more.json"), "w") as f:
        f.write('{"partitions": [{"topic": "t-ours", "partition": 2, "offset": 9}]}')
    said = twins.ours("delete-records", *at, "--offset-json-file", env.path("more.json"), "--json")
    assert json.loads(said) == {"topic": "t-ours", "partition": 2, "low_watermark": 9, "error": None}, said
