"""A broker killed while it moves a replica: the next one, ours or Apache Kafka, moves it to the end; and of two directories
that a crash has left amid the replacement the one that has all is kept, where Apache Kafka would not start."""
import glob
import os
import shutil

import kmsg
from harness import Cluster, wait_for

RATE = "replica.alter.log.dirs.io.max.bytes.per.second"
RECORDS = 3000
TARGETS = ("samsa",)    # it is about the two together


def test(env):
    folders = [env.path(f"disk-{i}") for i in range(2)]
    with Cluster(env) as cluster:
        def broker(target):
            return cluster.broker(1, target=target, log_dirs=",".join(folders), log_segment_delete_delay_ms=500)
        first = broker("kafka").start()
        first.create_topic("moved", 1, segment_bytes=65536)
        first.create_topic("keyed", 1, cleanup_policy="compact")
        fill(first, env, 0)
        second = goes_on(env, first, broker("samsa"), folders)
        goes_on(env, second, broker("kafka"), folders).stop()
        twins(env, broker("samsa"), folders)


def fill(broker, env, n):
    text = env.path("text")
    with open(text, "w") as f:
        f.writelines(f"{i}:{i} {'x' * 200}\n" for i in range(n * RECORDS, (n + 1) * RECORDS))
    broker.kcat("-P", "-t", "moved", "-K", ":", "-X", "batch.size=4000", stdin=text)
    broker.kcat("-P", "-t", "keyed", "-K", ":", "-X", "batch.size=4000", stdin=text)


def all_there(broker, rounds):
    wait_for("the partitions are led", lambda: broker.kcat("-L").count("leader 1,") >= 2)
    for topic in ("moved", "keyed"):
        said = broker.kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%o %k %s\n")
        rows = [line.split()[:3] for line in said.splitlines()]
        assert rows == [[str(i)] * 3 for i in range(rounds * RECORDS)], f"{topic}: {len(rows)} rows"


def place(folders, topic):
    """Its directory; None when there is not one alone."""
    found = [f for f in folders for d in glob.glob(f"{f}/{topic}-0*") if not d.endswith("-delete")]
    return found[0] if len(found) == 1 and os.path.isdir(f"{found[0]}/{topic}-0") else None


def throttle(broker, value):
    how = ["--add-config", f"{RATE}={value}"] if value else ["--delete-config", RATE]
    broker.tool("configs", "--alter", "--entity-type", "brokers", "--entity-name", 1, *how)


def goes_on(env, old, new, folders):
    """`old` begins to move both, slowly, and is killed; `new` goes on, and ends it."""
    throttle(old, 20000)
    wanted = {}
    for topic in ("moved", "keyed"):
        wanted[topic] = folders[1 - folders.index(place(folders, topic))]
        dirs = [{"path": wanted[topic], "topics": [{"name": topic, "partitions": [0]}]}]
        with kmsg.Connection(old.port, timeout=30) as connection:
            answer = connection.ask("alter_replica_log_dirs", 2, {"dirs": dirs})
        assert answer["results"][0]["partitions"][0]["error_code"] == 0
    wait_for("one copy has begun", lambda: any(os.path.getsize(f) for d in folders for f in glob.glob(d + "/*-future/*.log")))
    old.kill()
    new.start()
    throttle(new, None)
    for topic, folder in wanted.items():
        wait_for(f"{topic} is moved", lambda t=topic, f=folder: place(folders, t) == f, 60)
    all_there(new, 1)
    return new


def twins(env, broker, folders):
    """As a crash leaves them: the copy has its name, and the old one still has it too."""
    broker.start().stop()
    here = place(folders, "moved")
    assert not os.path.exists(f"{here}/moved-0/samsa-moved"), "the mark that Apache Kafka has left alone is taken away"
    there = folders[1 - folders.index(here)]
    shutil.copytree(f"{here}/moved-0", f"{there}/moved-0")
    broker.launch()
    assert broker.process.wait() != 0, "two replicas that nobody explains"
    assert "Duplicate log directories" in broker.text()
    mark(there)
    broker.start()    # as far as each other: the copy stays
    all_there(broker, 1)
    assert place(folders, "moved") == there and not os.path.exists(f"{there}/moved-0/samsa-moved")
    broker.stop()
    shutil.copytree(f"{there}/moved-0", f"{here}/moved-0")
    mark(here)
    last = sorted(glob.glob(f"{here}/moved-0/*.log"))[-1]
    for file in glob.glob(last[:-4] + ".*"):    # a power failure has taken the end of the copy
        os.remove(file)
    broker.start()
    all_there(broker, 1)
    assert place(folders, "moved") == there
    broker.stop()


def mark(folder):
    with open(f"{folder}/moved-0/samsa-moved", "w") as f:
        f.write("a copy\n")
