"""Real consumers in groups: they come one after the other, leave, are killed and come again; every record is consumed, and who
comes later goes on where the group has committed. librdkafka's and Java's consumers share a group."""
import re
import signal
import subprocess
import threading

from harness import Cluster, wait_for

PARTITIONS, SESSION_MS = 6, 6000


class Consumer:
    """kcat in a group: what it was assigned and what it has read, as it goes."""

    def __init__(self, broker, group, log, **config):
        self.path = log
        words = ["kcat", "-b", broker.bootstrap, "-G", group, "-u", "-f", "%p %s\n"]
        for key, value in ({"session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 500, "auto.commit.interval.ms": 200,
                           "auto.offset.reset": "earliest"} | config).items():
            words += ["-X", f"{key}={value}"]
        with open(log + ".out", "w", encoding="utf-8") as out, open(log + ".err", "w", encoding="utf-8") as err:
            self.process = subprocess.Popen(words + ["groups"], stdout=out, stderr=err)

    def read(self):
        with open(self.path + ".out", encoding="utf-8") as f:
            return [line.split()[1] for line in f if line.endswith("\n")]

    def assigned(self):
        """The partitions of its last assignment; None before the first."""
        with open(self.path + ".err", encoding="utf-8") as f:
            found = re.findall(r"rebalanced \(memberid [^)]*\): assigned: ?(.*)", f.read())
        return set(re.findall(r"\[(\d+)\]", found[-1])) if found else None

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.process.wait(20)


def settled(*consumers):
    """Whether the partitions are divided among just these."""
    parts = [c.assigned() or set() for c in consumers]
    return sum(map(len, parts)) == PARTITIONS and len(set().union(*parts)) == PARTITIONS and all(parts)


def produce(broker, first, count):
    text = "".join(f"{i}:{i}\n" for i in range(first, first + count))
    subprocess.run(["kcat", "-b", broker.bootstrap, "-P", "-t", "groups", "-K", ":"], input=text.encode(), check=True, timeout=60)


def all_read(count, *consumers):
    return {int(x) for c in consumers for x in c.read()} >= set(range(count))


def come_and_go(env, broker):
    def consumer(name, group="one", **config):
        return Consumer(broker, group, env.path(name), **config)
    produce(broker, 0, 300)
    a = consumer("a")
    wait_for("a has all", lambda: settled(a) and all_read(300, a), 60)
    b, c = consumer("b"), consumer("c")
    wait_for("three share", lambda: settled(a, b, c), 60)
    produce(broker, 300, 300)
    wait_for("what the three read", lambda: all_read(600, a, b, c), 60)
    b.end()
    wait_for("two share at once", lambda: settled(a, c), 5 * SESSION_MS / 1000)
    c.end(signal.SIGKILL)
    produce(broker, 600, 300)
    wait_for("one is left after the other's session", lambda: settled(a), 60)
    wait_for("what it reads", lambda: all_read(900, a, b, c), 60)
    a.end()
    # What was committed is not read again, but for what was read in the moment of a kill.
    d = consumer("d")
    produce(broker, 900, 60)
    wait_for("the next one goes on", lambda: {str(i) for i in range(900, 960)} <= set(d.read()), 60)
    assert len(d.read()) < 400, f"{len(d.read())} records read again"
    d.end()


def static_members(env, broker):
    """Killed and started anew within its session: it has its partitions again, and nobody is disturbed."""
    def start(name, log):
        return Consumer(broker, "static", env.path(log), **{"group.instance.id": name, "session.timeout.ms": 30000})
    a, b = start("A", "static-a"), start("B", "static-b")
    wait_for("two share", lambda: settled(a, b), 60)
    had = b.assigned()
    generations = generation(broker)
    b.end(signal.SIGKILL)
    again = start("B", "static-b2")
    wait_for("b has its own again", lambda: again.assigned() == had, 60)
    assert generation(broker) == generations, "a rebalance"
    for c in (a, again):
        c.end()


def generation(broker):
    return re.findall(r"Stabilized group static generation (\d+)", broker.text())


def java_beside_librdkafka(env, broker):
    c = Consumer(broker, "mixed", env.path("mixed"), **{"partition.assignment.strategy": "range"})
    wait_for("kcat has all", lambda: settled(c), 60)
    config = env.path("java.properties")
    with open(config, "w", encoding="utf-8") as f:
        f.write("partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor\n")
    said = []
    produce(broker, 5000, 10)
    wait_for("kcat reads", lambda: "5009" in c.read(), 60)
    java = threading.Thread(target=lambda: said.append(broker.tool(
        "console-consumer", "--topic", "groups", "--group", "mixed", "--consumer.config", config, "--max-messages", 20,
        "--timeout-ms", 60000, timeout=90)))
    java.start()
    wait_for("Java has its share", lambda: c.assigned() is not None and len(c.assigned()) == 3, 60)
    produce(broker, 6000, 200)
    java.join()
    wait_for("kcat has all again", lambda: settled(c), 60)
    wait_for("all is read", lambda: {str(i) for i in range(6000, 6200)} <= set(c.read()) | set(said[0].split()), 60)
    c.end()


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(**{"group.initial.rebalance.delay.ms": "500", "offsets.topic.num.partitions": "4"}).start()
        broker.create_topic("groups", PARTITIONS)
        come_and_go(env, broker)
        static_members(env, broker)
        java_beside_librdkafka(env, broker)
        broker.stop()
