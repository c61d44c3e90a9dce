"""samsa-reassign-partitions beside Kafka's own, as far as one broker goes: plans, what is refused, moves between the
broker's directories, throttles."""
import json
import os
import re

from harness import Cluster, wait_for
from twin import Twins

# Kafka's command prints stack traces to standard output.
TRACE = re.compile(r"^(?:[\w.$]+(?:Exception|Error)\b|\tat |\t\.\.\. |Caused by: )[^\n]*\n(?:\n(?=\Z))?", re.M)


def test(env):
    with Cluster(env) as cluster:
        folders = ",".join(env.path(f"disk-{n}") for n in (1, 2))
        broker = cluster.broker(log_dirs=folders).start()
        twins = Twins(env, broker, drop=TRACE)
        at = ("--bootstrap-server", broker.bootstrap)
        for name in ("peer", "ours"):
            twins.ours("topics", *at, "--create", "--topic", "t-" + name, "--partitions", 3)
            twins.ours("topics", *at, "--create", "--topic", "u-" + name)
        served = twins.ours("broker-api-versions", *at, "--json")
        plans(env, twins)
        if "AlterPartitionReassignments" in served:
            moves(env, twins)
        if "AlterReplicaLogDirs" in served:
            directories(env, twins, at)
        usage(twins)
        twins.check(30)


def with_file(env, twins, action, text, more="", **how):
    option = "topics-to-move-json-file" if action == "generate" else "reassignment-json-file"
    for name in ("peer", "ours"):
        with open(env.path(f"plan-{name}.json"), "w") as f:
            f.write(text.replace("@", name))
    twins.same("reassign-partitions", f"BOOTSTRAP --{action} --{option} {env.path('plan-@.json')} {more}", **how)


def plan(*rows, **more):
    return json.dumps({"version": 1, "partitions": [{"topic": t, "partition": p, "replicas": r} for t, p, r in rows]} | more)


def plans(env, twins):
    topics = '{"topics": [{"topic": "t-@"}, {"topic": "u-@"}], "version": 1}'
    with_file(env, twins, "generate", topics, "--broker-list 1")
    with_file(env, twins, "generate", topics, "--broker-list 1 --disable-rack-aware")
    with_file(env, twins, "generate", topics, "--broker-list 1,1")
    with_file(env, twins, "generate", topics, "--broker-list 7")
    with_file(env, twins, "generate", topics, "--broker-list x")
    with_file(env, twins, "generate", '{"topics": [{"topic": "nosuch"}]}', "--broker-list 1")
    with_file(env, twins, "generate", '{"topics": [{"topic": "a"}, {"topic": "a"}]}', "--broker-list 1")
    with_file(env, twins, "generate", '{"topics": [{"topic": 1}]}', "--broker-list 1")
    with_file(env, twins, "generate", '{"topics": []}', "--broker-list 1")
    with_file(env, twins, "generate", '{"version": 2}', "--broker-list 1")
    for text in (plan(), plan(("t-@", 0, [])), plan(("t-@", 0, [1, 1])), plan(("t-@", 0, [1]), ("t-@", 0, [1])),
                 plan(("t-@", 0, ["1"])), plan(("t-@", 0, [1]), version=3), '{"partitions": [{"topic": "t"}]}'):
        with_file(env, twins, "execute", text)


def moves(env, twins):
    twins.same("reassign-partitions", "BOOTSTRAP --list")
    for action, more in (("execute", ""), ("verify", "--preserve-throttles"), ("cancel", "--preserve-throttles")):
        with_file(env, twins, action, plan(("t-@", 0, [1]), ("u-@", 0, [1])), more)
        with_file(env, twins, action, plan(("t-@", 0, [9])), more)
        with_file(env, twins, action, plan(("nosuch", 0, [1])), more)
        with_file(env, twins, action, plan(("t-@", 17, [1])), more) if action != "verify" else None
    twins.same("reassign-partitions", "BOOTSTRAP --list")


def directories(env, twins, at):
    """Each twin moves its own topic to the second disk, throttled, and waits for the end of that."""
    def rows(name, disk):
        path = env.path(f"disk-{disk}")
        return json.dumps({"version": 1, "partitions": [
            {"topic": f"t-{name}", "partition": 0, "replicas": [1], "log_dirs": [path]}]})
    first = {name: 1 if os.path.isdir(os.path.join(env.path("disk-1"), f"t-{name}-0")) else 2 for name in ("peer", "ours")}
    for name in ("peer", "ours"):
        with open(env.path(f"move-{name}.json"), "w") as f:
            f.write(rows(name, 3 - first[name]))
    line = f"BOOTSTRAP --%s --reassignment-json-file {env.path('move-@.json')}"
    mask = r"disk-[12]"
    twins.same("reassign-partitions", line % "execute" + " --replica-alter-log-dirs-throttle 1000000", mask=mask)
    for name in ("peer", "ours"):
        wait_for("the replica has moved", lambda name=name: "completed successfully" in twins.ours(
            "reassign-partitions", *at, "--verify", "--reassignment-json-file", env.path(f"move-{name}.json"), "--preserve-throttles"))
    said = twins.ours("configs", *at, "--describe", "--broker", 1)
    assert "replica.alter.log.dirs.io.max.bytes.per.second=1000000" in said, said
    twins.same("reassign-partitions", line % "verify", line % "cancel", mask=mask)
    said = twins.ours("configs", *at, "--describe", "--broker", 1)
    assert "replica.alter.log.dirs" not in said, said


def usage(twins):
    twins.same("reassign-partitions", "", "--help", "BOOTSTRAP", "BOOTSTRAP --list --verify", "--list", "BOOTSTRAP --verify",
               "BOOTSTRAP --generate --broker-list 1", "BOOTSTRAP --list --throttle 5",
               "BOOTSTRAP --execute --reassignment-json-file x --broker-list 1")
    twins.same("reassign-partitions", "BOOTSTRAP --nosuch", complaint=False)
