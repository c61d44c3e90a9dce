"""Our commands with a consumer group: console-consumer, consumer-perf-test and the verifiable pair, beside Kafka's; and
the formatters of __consumer_offsets."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import java
from harness import Cluster, wait_for
from twin import Twins

CONSUMER = "org.apache.kafka.tools.consumer."
OLD = "kafka.coordinator.group.GroupMetadataManager$"


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0).start()
        twins = Twins(env, broker)
        broker.create_topic("numbers", 2)
        produced(twins)
        together(env, twins)
        consumed(twins)
        console(twins)
        perf(twins)
        perf_words(twins)
        formatters(twins)
        twins.check(5)


def events(text):
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert all(list(event)[:2] == ["timestamp", "name"] for event in found), text
    return found


def named(found, name):
    return [event for event in found if event["name"] == name]


def shape(event):
    return event["name"], sorted(event)


def theirs(name, *words, timeout=60):
    """Kafka's command in a JVM of its own, for it ends by System.exit()."""
    classes = java.peer("classes", java.KAFKA)
    done = subprocess.run(java.JVM + ["-cp", classes, java.peer("class", java.KAFKA, name), *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    print(f"$ {name} {words}: {done.returncode}\n{done.stdout}", file=sys.stderr)
    return done.returncode, events(done.stdout)


def both(twins, name, *words):
    words = ["--bootstrap-server", twins.broker.bootstrap, *words]
    status, wanted = theirs(name, *words)
    got = events(twins.ours(name, *words))
    assert status == 0
    return wanted, got


def produced(twins):
    """The same events, with the same fields, for the same records."""
    began = int(time.time() * 1000) - 3_600_000
    wanted, got = both(twins, "verifiable-producer", "--topic", "numbers", "--max-messages", 30, "--value-prefix", 7,
                       "--repeating-keys", 3, "--acks", 1, "--message-create-time", began)
    times = [int(ms) for ms in twins.broker.kcat("-C", "-t", "numbers", "-e", "-q", "-f", "%T ").split()]
    assert len(times) == 60 and all(began <= ms < began + 1_800_000 for ms in times), (began, times)
    assert sorted(map(shape, wanted)) == sorted(map(shape, got)), (wanted, got)
    placed = [sorted((e["key"], e["value"], e["partition"]) for e in named(each, "producer_send_success")) for each in (wanted, got)]
    assert placed[0] == placed[1] and len(placed[1]) == 30
    tool_data = named(got, "tool_data")[0]
    assert (tool_data["sent"], tool_data["acked"], tool_data["target_throughput"]) == (30, 30, -1)


def consumed(twins):
    words = ["--bootstrap-server", twins.broker.bootstrap, "--topic", "numbers", "--max-messages", 60, "--verbose", "--group-id"]
    status, wanted = theirs("verifiable-consumer", *words, "verified-java")
    got = events(twins.ours("verifiable-consumer", *words, "verified-ours"))
    assert status == 0
    names = ("startup_complete", "partitions_assigned", "record_data", "records_consumed", "offsets_committed", "shutdown_complete")
    for name in names:
        assert shape(named(wanted, name)[0]) == shape(named(got, name)[0]), name
    read = [sorted((e["partition"], e["offset"], e["key"], e["value"]) for e in named(each, "record_data")) for each in (wanted, got)]
    assert read[0] == read[1] and len(read[1]) == 60
    ends = [{o["partition"]: o["offset"] for e in named(each, "offsets_committed") for o in e["offsets"]} for each in (wanted, got)]
    assert ends[0] == ends[1] and all(e["success"] for e in named(got, "offsets_committed"))
    parts = sorted(p["partition"] for p in named(got, "partitions_assigned")[0]["partitions"])
    assert parts == [0, 1]
    static_member(twins, read[0])


def static_member(twins, read):
    """A member with a name, that commits by itself: no event of ours tells of that."""
    words = ["--topic", "numbers", "--max-messages", 60, "--verbose", "--enable-autocommit", "--reset-policy", "earliest",
             "--assignment-strategy", "org.apache.kafka.clients.consumer.RoundRobinAssignor", "--group-instance-id", "named"]
    for who, found in zip(("peer", "ours"), (theirs("verifiable-consumer", "--bootstrap-server", twins.broker.bootstrap, "--group-id",
                                                    "static-peer", *words)[1],
                                             events(twins.ours("verifiable-consumer", "--bootstrap-server", twins.broker.bootstrap,
                                                               "--group-id", "static-ours", *words)))):
        assert {e["name"] for e in found} == {"startup_complete", "partitions_assigned", "record_data", "records_consumed",
                                              "shutdown_complete"} | {e["name"] for e in named(found, "partitions_revoked")}, found
        assert sorted((e["partition"], e["offset"], e["key"], e["value"]) for e in named(found, "record_data")) == read, who
        row = json.loads(twins.ours("consumer-groups", "--bootstrap-server", twins.broker.bootstrap, "--describe", "--members",
                                    "--group", "static-" + who, "--json"))
        assert row["instance"] == "named", row
        state = json.loads(twins.ours("consumer-groups", "--bootstrap-server", twins.broker.bootstrap, "--describe", "--state",
                                      "--group", "static-" + who, "--json"))
        assert state["assignor"] == "roundrobin", state


def together(env, twins):
    """A member of ours and one of Kafka's share the group; ours is interrupted and leaves what it had to the other."""
    out = env.path("member")
    words = ["--bootstrap-server", twins.broker.bootstrap, "--topic", "numbers", "--group-id", "shared", "--session-timeout", "6000"]
    with open(out, "wb") as shown:
        ours = subprocess.Popen([twins.program, "verifiable-consumer", *words], stdout=shown)
    with open(env.path("their-member"), "wb") as shown:
        java_member = subprocess.Popen(java.JVM + ["-cp", java.peer("classes", java.KAFKA), java.peer(
            "class", java.KAFKA, "verifiable-consumer"), *words], stdout=shown, stderr=subprocess.DEVNULL)
    try:
        wait_for("each has one partition", lambda: last_assigned(out) == last_assigned(env.path("their-member")) == 1, 60)
        ours.send_signal(signal.SIGINT)
        assert ours.wait(20) == 128 + signal.SIGINT
        wait_for("the other has both", lambda: last_assigned(env.path("their-member")) == 2, 60)
        with open(out) as text:
            assert events(text.read())[-1]["name"] == "shutdown_complete"
    finally:
        ours.kill()
        java_member.kill()
        java_member.wait()


def last_assigned(path):
    with open(path) as text:
        found = [json.loads(line) for line in text.read().split("\n")[:-1] if line.startswith('{"timestamp"')]
    found = named(found, "partitions_assigned")
    return len(found[-1]["partitions"]) if found else None


def console(twins):
    """Both read a topic from its start in a group, and go on where the group stopped."""
    for who in ("java", "ours"):
        run = (lambda *w: java.tool("console-consumer", "--bootstrap-server", twins.broker.bootstrap, *w)) if who == "java" else (
            lambda *w: twins.ours("console-consumer", "--bootstrap-server", twins.broker.bootstrap, *w))
        words = ["--topic", "numbers", "--group", "console-" + who, "--from-beginning", "--property", "print.partition=true",
                 "--property", "print.offset=true", "--max-messages"]
        first, rest = (set(re.findall(r"^Partition:\d\tOffset:\d+\t7\.\d+$", run(*words, n), re.M)) for n in (25, 35))
        assert (len(first), len(rest), len(first | rest)) == (25, 35, 60), (who, first, rest)


def perf(twins):
    words = ["--topic", "numbers", "--messages", "60", "--date-format", "yyyy"]
    year, real = r"\d{4}", r"-?(?:[\d.]+|Infinity|NaN)"
    line = rf"{year}, {year}, {real}, {real}, 60, {real}, \d+, -?\d+, {real}, {real}\n"
    said = twins.ours("consumer-perf-test", "--bootstrap-server", twins.broker.bootstrap, *words)
    header = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, " \
             "fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n"
    assert said.startswith(header) and re.fullmatch(line, said[len(header):]), said
    theirs_said = java.tool("consumer-perf-test", "--bootstrap-server", twins.broker.bootstrap, *words)
    assert theirs_said.startswith(header) and re.search(line, theirs_said), theirs_said
    said = twins.ours("consumer-perf-test", "--bootstrap-server", twins.broker.bootstrap, "--hide-header", "--topic", "numbers",
                      "--messages", 61, "--timeout", 1500)
    assert "WARNING: Exiting before consuming the expected number of messages: timeout (1500 ms) exceeded." in said, said


def perf_words(twins):
    """Lines for each interval, and the words that go before them."""
    real = r"-?(?:[\d.]+|Infinity|NaN)"
    warning = r"WARNING: option \[threads\] and \[num-fetch-threads\] have been deprecated and will be ignored by the test\n"
    header = r"time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, " \
             r"fetch.MB.sec, fetch.nMsg.sec\n"
    line = rf"\d{{4}}, 0, {real}, {real}, \d+, {real}, -?\d+, -?\d+, {real}, {real}\n"
    at = ("--bootstrap-server", twins.broker.bootstrap, "--topic", "numbers")
    words = [*at, "--messages", 60, "--date-format", "yyyy", "--show-detailed-stats", "--reporting-interval", 1, "--fetch-size",
             1000, "--threads", 2]
    for said in (twins.ours("consumer-perf-test", *words), java.outcome("consumer-perf-test", *words)[2]):
        assert re.fullmatch(f"{warning}{header}(?:{line})+", said), said
    words = [*at, "--messages", 1, "--from-latest", "--timeout", 400, "--hide-header", "--date-format", "yyyy"]
    for said in (twins.ours("consumer-perf-test", *words), java.outcome("consumer-perf-test", *words)[2]):
        assert re.fullmatch(rf"WARNING: Exiting before .*\n\d+, \d+, 0.0000, 0.0000, 0, 0.0000, -?\d+, -?\d+, {real}, {real}\n",
                            said), said


def formatters(twins):
    """What the groups have left in __consumer_offsets, by each formatter, from the partitions that have something."""
    said = twins.broker.tool("get-offsets", "--topic", "__consumer_offsets")
    ends = {int(p): int(end) for p, end in re.findall(r"^__consumer_offsets:(\d+):(\d+)$", said, re.M) if int(end)}
    assert ends, said
    busiest = max(ends, key=ends.get)
    where = f"BOOTSTRAP --topic __consumer_offsets --partition {busiest} --offset earliest --max-messages {ends[busiest]} --formatter "
    for name in (CONSUMER + "OffsetsMessageFormatter", CONSUMER + "GroupMetadataMessageFormatter",
                 CONSUMER + "TransactionLogMessageFormatter", OLD + "OffsetsMessageFormatter", OLD + "GroupMetadataMessageFormatter"):
        twins.same("console-consumer", where + name, complaint=False)
