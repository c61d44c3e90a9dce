"""Our console-producer, console-consumer and perf tests beside Kafka's: what one writes the other reads, the same words
and statuses, and keys in the same partitions."""
import os
import re
import signal
import subprocess

import java
from harness import Cluster, wait_for
from twin import Twins

FORMATTERS = "org.apache.kafka.tools.consumer."
LINES = ["h1:v1,h2:v2\tkey-%d\tvalue %d ünï" % (i, i) for i in range(40)] + ["h1:NULL\tNULL\tno key", "a:b\tkey\tNULL", "a:\tempty\t"]


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0, transaction_state_log_replication_factor=1, transaction_state_log_min_isr=1).start()
        twins = Twins(env, broker)
        broker.create_topic("bare")
        usage(twins)
        producers(env, broker, twins)
        consumers(env, twins)
        numbers(env, broker, twins)
        perf(env, broker, twins)
        interrupted(env, broker, twins)
        twins.check(40)


def usage(twins):
    twins.same("console-producer", "--help", "--nosuch", "--topic t", "BOOTSTRAP", "--bootstrap-server nowhere --topic t",
               "BOOTSTRAP --topic t --batch-size many", "BOOTSTRAP --topic t --topic u",
               *(f"BOOTSTRAP --topic t --{name} soon" for name in ("max-block-ms", "retry-backoff-ms", "message-send-max-retries")))
    twins.same("console-consumer", "", "--help", "--topic t", "BOOTSTRAP", "BOOTSTRAP --topic t --include u",
               "BOOTSTRAP --include t --partition 1", "BOOTSTRAP --topic t --offset 3",
               "BOOTSTRAP --topic t --partition 0 --offset -3", "BOOTSTRAP --topic t --partition 0 --offset soon",
               "BOOTSTRAP --topic t --partition 0 --offset 1 --from-beginning", "BOOTSTRAP --topic t --partition 0 --group g",
               "BOOTSTRAP --topic t --group g --consumer-property group.id=h",
               "BOOTSTRAP --topic t --from-beginning --consumer-property auto.offset.reset=latest")
    twins.same("consumer-perf-test", "--help", "BOOTSTRAP", "BOOTSTRAP --topic t", "--topic t --messages 1")
    # Where Kafka's first words are those of an exception, only the status is the same.
    twins.same("console-producer", "", *("BOOTSTRAP --topic t " + rest for rest in (
        "--line-reader no.such", "--producer-property compression.type=no", "--reader-config /no/such", "--retry-backoff-ms -1",
        "--message-send-max-retries -1",
        "--request-required-acks 7", "--max-block-ms -1", "--producer-property max.block.ms=soon", "--producer-property acks=2")), complaint=False)
    twins.same("console-consumer", "BOOTSTRAP --topic t --partition x", complaint=False)
    twins.same("consumer-perf-test", "", complaint=False)
    twins.same("producer-perf-test", "--nosuch", "--topic t", complaint=False)


def producers(env, broker, twins):
    """The same lines by both; Kafka's consumer finds the same in both topics."""
    text = env.path("lines")
    with open(text, "w") as f:
        f.writelines(line + "\n" for line in LINES)
    words = ["--property", "parse.key=true", "--property", "parse.headers=true", "--property", "null.marker=NULL"]
    for topic in ("by-ours", "by-java"):
        broker.create_topic(topic, 4)
    with open(env.path("reader"), "w") as f:
        f.writelines(word + "\n" for word in words[1::2])
    for extra in (words + ["--line-reader", "kafka.tools.ConsoleProducer$LineMessageReader", "--max-block-ms", "30000"],
                  words + ["--compression-codec", "gzip", "--request-required-acks", "1", "--retry-backoff-ms", "50",
                           "--message-send-max-retries", "7", "--producer-property", "linger.ms=3"],
                  ["--reader-config", env.path("reader"), "--compression-codec", "zstd", "--sync", "--timeout", "0"]):
        broker.tool("console-producer", "--topic", "by-java", *extra, stdin=text)
        ours(twins, "console-producer", "--topic", "by-ours", *extra, stdin=text)
    # Java's partitioner: a key is in the same partition whoever sent it. Without a key any will do.
    theirs, mine = (records(broker, topic) for topic in ("by-java", "by-ours"))
    assert len(mine) == len(LINES) * 3 and len([r for r in mine if "\tno key" not in r]) == len(mine) - 3
    assert [r for r in mine if "\tno key" not in r] == [r for r in theirs if "\tno key" not in r]
    bad_lines(env, twins)


def records(broker, topic):
    said = subprocess.run(["kcat", "-b", broker.bootstrap, "-C", "-t", topic, "-e", "-q", "-Z", "-f", "%p\t%h\t%k\t%s\n"],
                          check=True, capture_output=True, text=True, timeout=60).stdout
    return sorted(said.splitlines())


def bad_lines(env, twins):
    """What cannot be taken apart ends it, but for what came before."""
    for line, words in (("no key here", "parse.key=true"), ("no headers", "parse.headers=true"), ("a,b\tv", "parse.headers=true")):
        path = env.path("bad")
        with open(path, "w") as f:
            f.write(line + "\n")
        args = ["--topic", "bare", "--property", words]
        theirs = java.outcome("console-producer", "--bootstrap-server", twins.broker.bootstrap, *args, stdin=path)
        done = run(twins, "console-producer", *args, stdin=path)
        wanted = re.search(r"KafkaException: (.*)", theirs[1]).group(1)
        assert theirs[0] == done.returncode == 1 and wanted in done.stderr, (theirs, done)


def consumers(env, twins):
    """Kafka's consumer and ours show the same bytes."""
    where = "BOOTSTRAP --topic by-java --partition {} --offset earliest --max-messages 12"
    shown = ["--property print.key=true --property print.offset=true --property print.partition=true "
             "--property print.headers=true --property print.timestamp=true",
             "--property print.value=false", "--property print.key=true --property print.value=false",
             "--property print.key=true --property key.separator=| --property line.separator=; --property null.literal=none",
             "--property print.headers=true --property headers.separator=+",
             "--isolation-level read_committed",
             "--key-deserializer org.apache.kafka.common.serialization.StringDeserializer --property print.key=true",
             f"--formatter {FORMATTERS}NoOpMessageFormatter", "--formatter nosuch.Formatter"]
    for words in shown:
        twins.same("console-consumer", where.format(1) + " " + words)
    twins.same("console-consumer", "BOOTSTRAP --topic by-java --partition 2 --offset 3 --max-messages 4",
               "BOOTSTRAP --topic by-java --partition 2 --offset earliest --max-messages 0", "BOOTSTRAP --topic bare --partition 0 --timeout-ms 500")
    with open(env.path("format"), "w") as f:
        f.write("print.key=true\nkey.separator=|\n")
    twins.same("console-consumer", where.format(1) + " --formatter-config " + env.path("format"),
               where.format(1) + " --property key.separator=+ --formatter-config " + env.path("format"))
    twins.same("console-consumer", f"BOOTSTRAP --whitelist by-jav. --from-beginning --max-messages {3 * len(LINES)}", shuffled=True)
    done = run(twins, "console-consumer", "--topic", "by-java", "--partition", 0, "--offset", "earliest", "--max-messages", 2)
    assert done.stderr == "Processed a total of 2 messages\n" and done.returncode == 0, done


def numbers(env, broker, twins):
    """Values that are numbers, one of the wrong length among them, and what is done about it."""
    path = env.path("numbers")
    with open(path, "w") as f:
        f.writelines(line + "\n" for line in ("abcd", "wxyz", "long line", "ABCD"))
    broker.create_topic("numbers")
    broker.tool("console-producer", "--topic", "numbers", stdin=path)
    where = "BOOTSTRAP --topic numbers --partition 0 --offset earliest --max-messages 4 --value-deserializer " \
            "org.apache.kafka.common.serialization."
    twins.same("console-consumer", where + "IntegerDeserializer", where + "IntegerDeserializer --skip-message-on-error",
               where + "FloatDeserializer --skip-message-on-error", where + "LongDeserializer")


def perf(env, broker, twins):
    """The lines of the perf tests have Kafka's form, and the records are there."""
    broker.create_topic("perf")
    total = r"5000 records sent, [\d.]+ records/sec \([\d.]+ MB/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency, " \
            r"\d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99.9th.\n"
    words = ["--topic", "perf", "--num-records", 5000, "--record-size", 100, "--throughput", -1, "--producer-props",
             "bootstrap.servers=" + broker.bootstrap, "acks=1"]
    said = twins.ours("producer-perf-test", *words)
    assert re.fullmatch(total, said), said
    assert re.fullmatch(total, java.tool("producer-perf-test", *words))
    assert broker.tool("get-offsets", "--topic", "perf") == "perf:0:10000\n"
    payloads(env, broker, twins, total.replace("5000", "9"))
    said = twins.ours("producer-perf-test", "--topic", "perf", "--num-records", 20, "--payload-monotonic", "--throughput", 100,
                      "--producer-props", "bootstrap.servers=" + broker.bootstrap)
    rate = float(re.match(r"20 records sent, ([\d.]+) records/sec", said).group(1))
    assert rate < 150, said
    if "AddPartitionsToTxn" in twins.ours("broker-api-versions", "--bootstrap-server", broker.bootstrap, "--json"):
        said = twins.ours("producer-perf-test", *words[:-1], "--transactional-id", "perf", "--transaction-duration-ms", 50)
        assert re.fullmatch(total, said), said
        wait_for("the marker of a transaction", lambda: broker.offset("perf") > 15029)


def payloads(env, broker, twins, total):
    """Values of a file, and the client's own numbers behind the figures: their names are each client's."""
    path, places = env.path("payloads"), [broker.offset("perf")]
    with open(path, "w") as f:
        f.write("one,two\nthree,four")
    words = ["--topic", "perf", "--num-records", 9, "--throughput", -1, "--payload-file", path, "--payload-delimiter", ",",
             "--print-metrics", "--producer-props", "bootstrap.servers=" + broker.bootstrap]
    for said in (twins.ours("producer-perf-test", *words), java.tool("producer-perf-test", *words)):
        assert re.match(f"Reading payloads from: {re.escape(path)}\nNumber of messages read: 3\n{total}\nMetric Name +Value\n"
                        r"\S+ +: \S+\n", said), said
    values = set(broker.kcat("-C", "-t", "perf", "-o", places[0], "-e", "-q", "-f", "%s;").split(";"))
    assert values <= {"one", "two\nthree", "four", ""}, values


def interrupted(env, broker, twins):
    """SIGINT ends a consumer in order: what it counted is told, and the status is the shell's for it."""
    shown = env.path("shown")
    with open(shown, "wb") as out:
        process = subprocess.Popen([twins.program, "console-consumer", "--bootstrap-server", broker.bootstrap, "--topic",
                                    "by-java", "--partition", "0", "--offset", "0", "--enable-systest-events"], stdout=out, stderr=subprocess.PIPE, text=True)
        try:
            wait_for("a record", lambda: os.path.getsize(shown) > 0)
            process.send_signal(signal.SIGINT)
            err = process.communicate(timeout=20)[1]
        finally:
            process.kill()
    with open(shown) as lines:
        *records, last = lines.readlines()
    count = len(records)
    assert last == "shutdown_complete\n", last
    assert process.returncode == 128 + signal.SIGINT, process.returncode
    assert err == f"Processed a total of {count} messages\n", (count, err)
    # Kafka's says so in a shutdown hook: at the end of its JVM, however it came.
    words = ["--bootstrap-server", broker.bootstrap, "--topic", "by-java", "--partition", "0", "--offset", "0", "--max-messages",
             "2", "--enable-systest-events"]
    theirs = subprocess.run([*java.JVM, "-cp", java.peer("classes", java.KAFKA), java.peer("class", java.KAFKA, "console-consumer"),
                             *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    mine = twins.ours("console-consumer", *words)
    assert theirs.stdout == mine and mine.endswith("\nshutdown_complete\n"), (theirs, mine)


def run(twins, name, *words, stdin=None):
    words = [twins.program, name, "--bootstrap-server", twins.broker.bootstrap, *map(str, words)]
    with open(stdin or os.devnull) as text:
        done = subprocess.run(words, stdin=text, capture_output=True, text=True, timeout=60)
    print("$", " ".join(words[1:]), done.returncode, done.stderr)
    return done


def ours(twins, name, *words, stdin=None):
    done = run(twins, name, *words, stdin=stdin)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout
