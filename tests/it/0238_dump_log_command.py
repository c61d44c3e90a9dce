"""samsa-dump-log beside Kafka's on the files of a broker; --check, --follow, --json and folders, which are ours."""
import glob
import json
import os
import shutil
import subprocess

import java
from harness import Cluster, wait_for
from twin import Twins, check_progress


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0).start()
        twins = Twins(env, broker)
        fill(env, broker, twins)
        follows(env, broker, twins)
        broker.stop()
        same_files(broker, twins)
        usage(twins)
        checks(env, broker, twins)
        twins.check(15)


def fill(env, broker, twins):
    text = env.path("lines")
    with open(text, "w") as f:
        f.writelines(f"key-{i % 7}\tvalue {i} ünï\n" for i in range(300))
    broker.create_topic("plain", 2, segment_bytes=4000, index_interval_bytes=600)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        broker.tool("console-producer", "--topic", "plain", "--property", "parse.key=true", "--compression-codec", codec,
                    "--batch-size", "500", stdin=text)
    twins.ours("console-consumer", "--bootstrap-server", broker.bootstrap, "--topic", "plain", "--group", "readers",
               "--from-beginning", "--max-messages", 100)


def files(broker, pattern):
    return sorted(glob.glob(os.path.join(broker.data, pattern)))


def same_files(broker, twins):
    """Byte for byte, of every kind of file."""
    logs, names = files(broker, "plain-*/*.log"), ",".join
    assert len(logs) > 4, logs
    for words in ("", "--deep-iteration", "--print-data-log", "--print-data-log --skip-record-metadata", "--max-bytes 900", "--max-message-size 70",
                  "--key-decoder-class org.apache.kafka.tools.api.StringDecoder", "--value-decoder-class"):
        twins.same("dump-log", f"--files {names(logs)} {words}")
    indexes = [path for path in files(broker, "plain-*/*index") + files(broker, "plain-*/*.snapshot") if os.path.getsize(path)]
    assert {path.rsplit(".", 1)[1] for path in indexes} == {"index", "timeindex", "snapshot"}, indexes
    for words in ("", "--verify-index-only", "--index-sanity-check", "--max-message-size 100000"):
        twins.same("dump-log", f"--files {names(indexes)} {words}")
    offsets = [path for path in files(broker, "__consumer_offsets-*/*.log") if os.path.getsize(path)]
    assert offsets
    twins.same("dump-log", f"--files {names(offsets)} --offsets-decoder")
    twins.same("dump-log", f"--files {names(offsets)} --transaction-log-decoder", complaint=False)


def usage(twins):
    twins.same("dump-log", "--help", "--print-data-log", "--files some.file")
    twins.same("dump-log", "", "--files nosuch.log --nosuch", "--files /nosuch/00000000000000000000.log", complaint=False)
    assert java.outcome("dump-log", "--files", "nosuch.log")[0] == 1
    twins.ours("dump-log", "--files", "nosuch.log", "--cluster-metadata-decoder", status=1)


def checks(env, broker, twins):
    """A folder is sound, and each damage to a copy of it is told with status 1."""
    said = twins.ours("dump-log", "--check", broker.data)
    assert said.endswith(": 0 faults\n"), said
    assert check_progress(r"^\d+ of \d+ files, \d+ records, 0 faults$", twins.program, "dump-log", "--check", broker.data) == said
    count = sum(1 for line in twins.ours("dump-log", "--json", "--deep-iteration", os.path.join(broker.data, "plain-0")).splitlines()
                if json.loads(line)["type"] == "record")
    assert count == sum(1 for line in twins.ours("dump-log", "--deep-iteration", os.path.join(broker.data, "plain-0")).splitlines()
                        if line.startswith("| offset: "))

    def damaged(told, change):
        shutil.rmtree(env.path("copy"), ignore_errors=True)
        copy = shutil.copytree(os.path.join(broker.data, "plain-0"), os.path.join(env.path("copy"), "plain-0"))
        change(sorted(glob.glob(copy + "/*.log")), copy)
        said = twins.ours("dump-log", "--check", copy, status=1)
        assert told in said, f"not told: {told}\n{said}"
    damaged("wrong CRC", lambda logs, copy: patch(logs[0], 100, b"\xff\xfe"))
    damaged("are missing", lambda logs, copy: os.remove(logs[1]))
    damaged("are no whole batch", lambda logs, copy: os.truncate(logs[0], os.path.getsize(logs[0]) - 1))
    damaged("Mismatches in :", lambda logs, copy: patch(index(copy), 0, b"\0\0\0\1"))
    damaged("CRC is no longer valid", lambda logs, copy: patch(sorted(glob.glob(copy + "/*.snapshot"))[-1], 6, b"\0\0\0\0\0"))


def index(copy):
    return next(path for path in sorted(glob.glob(copy + "/*.index")) if os.path.getsize(path))


def patch(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def follows(env, broker, twins):
    """What is added to a partition is shown, on to its next segments."""
    shown, text = env.path("followed"), env.path("more")
    with open(text, "w") as f:
        f.writelines(f"key\tfollowed {i}\n" for i in range(400))
    twins.ours("topics", "--bootstrap-server", broker.bootstrap, "--create", "--topic", "grows", "--config", "segment.bytes=4000")
    first = os.path.join(broker.data, "grows-0", "00000000000000000000.log")
    wait_for("its log", lambda: os.path.exists(first))
    with open(shown, "wb") as out:
        process = subprocess.Popen([twins.program, "dump-log", "--follow", "--print-data-log", "--files", first], stdout=out)
        try:
            wait_for("the beginning", lambda: os.path.getsize(shown))
            broker.tool("console-producer", "--topic", "grows", "--property", "parse.key=true", "--batch-size", "500", stdin=text)
            wait_for("the last record", lambda: "payload: followed 399\n" in open(shown).read())
        finally:
            process.terminate()
        assert process.wait(10) == 0
    said = open(shown).read()
    assert [int(line.rsplit(" ", 1)[1]) for line in said.splitlines() if " payload: followed " in line] == list(range(400))
    assert said.count("Dumping ") > 1
