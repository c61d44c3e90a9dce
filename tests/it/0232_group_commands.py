"""samsa-consumer-groups beside Kafka's own: the same words, statuses and standard output, for groups without members
and for one that has some."""
import json
import subprocess

from harness import Cluster, kcat, wait_for
from twin import Twins, check_progress


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0).start()
        twins = Twins(env, broker)
        prepare(env, twins)
        reset(env, twins)
        describe(twins)
        progress(twins)
        with_members(env, twins)
        delete(twins)
        usage(twins)
        twins.check(110)


def prepare(env, twins):
    at = ("--bootstrap-server", twins.broker.bootstrap)
    lines = env.path("lines")
    with open(lines, "w") as f:
        f.writelines(f"line {i}\n" for i in range(20))
    for topic, partitions in (("one", 1), ("many", 3), ("a-topic-with-a-name-that-is-long", 1)):
        twins.ours("topics", *at, "--create", "--topic", topic, "--partitions", partitions)
        kcat("-P", "-b", twins.broker.bootstrap, "-t", topic, "-p", 0, stdin=lines)
    with open(env.path("more.json"), "w") as f:
        f.write('{"partitions": [{"topic": "many", "partition": 0, "offset": 4}]}')
    twins.ours("delete-records", *at, "--offset-json-file", env.path("more.json"))


def reset(env, twins):
    # Kafka 3.9 forgets the ends of the rows here: all of them are one line. Ours has a line for each.
    start = "BOOTSTRAP --reset-offsets --group g-@ "
    twins.same("consumer-groups", *(start + rest for rest in (
        "--topic one --to-offset 5 --execute",
        "--topic one --to-latest --dry-run",
        "--topic one --to-latest",
        "--topic one --to-earliest --execute",
        "--topic one --to-offset 99 --execute",
        "--topic one --to-offset -7 --execute",
        "--topic many:0 --to-offset 0 --execute",
        "--topic one --shift-by -3 --execute",
        "--topic one --shift-by 100 --execute",
        "--topic one --shift-by -100",
        "--topic one --to-current",
        "--topic one:0 --to-offset 7 --export",
        "--topic a-topic-with-a-name-that-is-long --to-offset 3 --execute --export",
        "--topic one --to-datetime 2000-01-01T00:00:00.000",
        "--topic one --to-datetime 2000-01-01T00:00:00.000Z",
        "--topic one --to-datetime 2000-06-30T23:59:59.999+05:30 --execute",
        "--topic one --to-datetime 2100-01-01T00:00:00.000-01",
        "--topic one --to-datetime yesterday",
        "--topic one --to-datetime 2000-06-31T00:00:00.000",
        "--topic one --to-datetime 2000-06-30T00:00:00",
        "--topic one --by-duration P1D",
        "--topic one --by-duration PT1H30M",
        "--topic one --by-duration PT0S",
        "--topic one --by-duration 1h",
        "--topic one --by-duration P",
        "--all-topics --to-current --export",
        "--topic one:0 --shift-by 1 --topic nosuch",
        "--topic nosuch --to-earliest",
        "--topic one:x --to-earliest",
        "--topic one:0:1 --to-earliest",
        "--topic many:1 --shift-by 1",
        "--to-earliest",
        "--to-latest --to-earliest --topic one",
        "--dry-run --execute --topic one --to-earliest",
        "--topic one --to-offset x",
    )), blanks=True)
    twins.same("consumer-groups", start + "--topic many --to-latest --execute", start + "--topic many --to-current",
               blanks=True)
    twins.same("consumer-groups", start + "--topic one", complaint=False)
    for name in ("peer", "ours"):
        with open(env.path(f"plan-{name}.csv"), "w") as f:
            f.write('one,0,11\n"many",0,9\n')
        with open(env.path(f"groups-{name}.csv"), "w") as f:
            f.write(f"g-{name},one,0,12\nh-{name},one,0,13\n")
    twins.same("consumer-groups", start + f"--from-file {env.path('plan-@.csv')} --execute",
               start + f"--from-file {env.path('groups-@.csv')} --group h-@ --execute", blanks=True)


def describe(twins):
    for what in ("", "--offsets", "--members", "--members --verbose", "--state", "--verbose"):
        twins.same("consumer-groups", f"BOOTSTRAP --describe --group g-@ {what}",
                   f"BOOTSTRAP --describe --group g-@ --group h-@ --group nosuch-@ {what}",
                   f"BOOTSTRAP --describe --group nosuch {what}", shuffled=True)
        twins.same("consumer-groups", f"BOOTSTRAP --describe --all-groups {what}", shuffled=True)
    twins.same("consumer-groups", *("BOOTSTRAP --list " + rest for rest in (
        "", "--state", "--type", "--state --type", "--state Empty", "--state stable,empty", "--state STABLE", "--state no",
        "--type classic", "--type consumer", "--type=Classic,consumer")), shuffled=True)
    twins.same("consumer-groups", "BOOTSTRAP --list --type no", complaint=False)


def progress(twins):
    """Work that takes a while with many groups tells how far it is, to people alone."""
    words = (twins.program, "consumer-groups", "--bootstrap-server", twins.broker.bootstrap)
    stays = check_progress(r"^describing group 1 of \d+$", *words, "--describe", "--all-groups")
    assert "g-ours" in stays and "CURRENT-OFFSET" in stays, stays
    stays = check_progress(r"^offsets of group 1 of \d+$", *words, "--reset-offsets", "--all-groups", "--all-topics",
                           "--to-current", "--dry-run")
    assert "g-ours" in stays and "NEW-OFFSET" in stays, stays
    # It runs twice, and says the same of groups that are not there.
    check_progress(r"^deleting group 1 of 2$", *words, "--delete", "--group", "nosuch-a", "--group", "nosuch-b")


def with_members(env, twins):
    """Two consumers of librdkafka, of which one has no partition of its own in one topic."""
    with open(env.path("kcat.log"), "wb") as log:
        members = [subprocess.Popen(["kcat", "-b", twins.broker.bootstrap, "-X", f"client.id=c{i}", "-X",
                                     "auto.offset.reset=earliest", "-G", "live", "many", "one"], stdout=log, stderr=log)
                   for i in (0, 1)]
    at = ("--bootstrap-server", twins.broker.bootstrap)
    try:
        def state():
            said = twins.ours("consumer-groups", *at, "--describe", "--group", "live", "--state", "--json")
            return json.loads(said) if said else {}
        wait_for("the group is stable", lambda: (state().get("state"), state().get("members")) == ("Stable", 2))
        # until each partition has its offset committed, both would have to look at the same moment
        wait_for("offsets are committed", lambda: committed(twins) == 4)
        for what in ("--offsets", "--members", "--members --verbose", "--state"):
            twins.same("consumer-groups", f"BOOTSTRAP --describe --group live {what}", shuffled=True)
        twins.same("consumer-groups", "BOOTSTRAP --delete --group live",
                   "BOOTSTRAP --reset-offsets --group live --to-earliest --topic one --execute",
                   "BOOTSTRAP --delete-offsets --group live --topic one", "BOOTSTRAP --list --state stable",
                   "BOOTSTRAP --delete-offsets --group live --topic many:0", blanks=True)
    finally:
        for member in members:
            member.terminate()
            member.wait()


def committed(twins):
    said = twins.ours("consumer-groups", "--bootstrap-server", twins.broker.bootstrap, "--describe", "--group", "live", "--json")
    rows = [json.loads(row) for row in said.splitlines()]
    return len([row for row in rows if row["lag"] == 0 or row["end"] == 0])


def delete(twins):
    twins.same("consumer-groups", "BOOTSTRAP --delete-offsets --group g-@ --topic many:0",
               "BOOTSTRAP --delete-offsets --group g-@ --topic many:0,1 --topic one",
               "BOOTSTRAP --delete-offsets --group g-@ --topic nosuch",
               "BOOTSTRAP --delete-offsets --group nosuch --topic one",
               "BOOTSTRAP --delete-offsets --group g-@ --topic one:x",
               "BOOTSTRAP --describe --group g-@",
               "BOOTSTRAP --delete --group nosuch-@",
               "BOOTSTRAP --delete --group g-@ --group nosuch-@",
               "BOOTSTRAP --delete --group g-@",
               "BOOTSTRAP --delete --group h-@", blanks=True)


def usage(twins):
    twins.same("consumer-groups", "", "--help", "--list", "BOOTSTRAP", "BOOTSTRAP --list --describe --all-groups",
               "BOOTSTRAP --delete --group a --topic b", "BOOTSTRAP --group a --list",
               "BOOTSTRAP --describe --group a --all-groups", "BOOTSTRAP --describe --group a --state x",
               "BOOTSTRAP --list --topic a", "BOOTSTRAP --describe --all-groups --timeout x")
    # the order of options in these words is a HashSet's, or they come with a stack trace before them
    twins.same("consumer-groups", "BOOTSTRAP --describe", "BOOTSTRAP --delete", "BOOTSTRAP --reset-offsets",
               "BOOTSTRAP --delete-offsets --group a", "BOOTSTRAP --nosuch", "BOOTSTRAP --list --members",
               "BOOTSTRAP --delete --type --all-groups", "BOOTSTRAP --describe --all-groups --members --state",
               complaint=False)
