"""Kafka Connect, distributed, with file connectors: every line of a file comes out in another one, through a worker that is
stopped, one that is killed, and a broker that is restarted."""
import json
import urllib.request

import java
from harness import Cluster, Process, wait_for, write_properties

STARTED_S = 120


class Worker:
    def __init__(self, env, broker, number=0):
        self.port, self.log = env.ports.take(), env.path(f"connect-{number}.log")
        config = write_properties(env.path(f"connect-{number}.properties"), {
            "bootstrap.servers": broker.bootstrap, "group.id": "connect", "listeners": f"http://127.0.0.1:{self.port}",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter", "config.storage.replication.factor": 1,
            "value.converter": "org.apache.kafka.connect.storage.StringConverter", "offset.storage.replication.factor": 1,
            "config.storage.topic": "connect-configs", "offset.storage.topic": "connect-offsets", "offset.storage.partitions": 2,
            "status.storage.topic": "connect-status", "status.storage.replication.factor": 1, "status.storage.partitions": 1,
            "offset.flush.interval.ms": 500, "scheduled.rebalance.max.delay.ms": 0, "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 2000, "consumer.auto.offset.reset": "earliest", "plugin.discovery": "hybrid_warn"})
        self.process = Process([*java.JVM, "-cp", java.peer("apps", java.KAFKA),
                                "org.apache.kafka.connect.cli.ConnectDistributed", config], self.log)

    def ask(self, path, body=None, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.loads(answer.read() or b"null")

    def serves(self):
        assert self.process.running(), open(self.log).read()[-3000:]
        try:
            return self.ask("/connectors") is not None
        except OSError:
            return False

    def wait_serving(self):
        wait_for("the worker serves", self.serves, STARTED_S, every=0.5)
        return self

    def running(self):
        try:
            states = [self.ask(f"/connectors/{name}/status") for name in ("from", "to")]
        except OSError:
            return False
        return all(s["connector"]["state"] == "RUNNING" and [t["state"] for t in s["tasks"]] == ["RUNNING"] for s in states)

    def wait_running(self):
        wait_for("both connectors run", self.running, STARTED_S, every=0.5)
        return self


def test(env):
    source, sink, total = env.path("source.txt"), env.path("sink.txt"), 0

    def write(lines):
        nonlocal total
        with open(source, "a") as f:
            f.writelines(f"line {i}\n" for i in range(total, total + lines))
        total += lines

    def all_there():
        with open(sink) as f:
            return {f"line {i}" for i in range(total)} <= set(f.read().split("\n"))
    write(100)
    open(sink, "w").close()
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0).start()
        worker = Worker(env, broker).wait_serving()
        kind = "org.apache.kafka.connect.file.FileStream"
        worker.ask("/connectors", {"name": "from", "config": {"connector.class": kind + "SourceConnector", "tasks.max": 1,
                                                             "file": source, "topic": "lines"}}, "POST")
        worker.ask("/connectors", {"name": "to", "config": {"connector.class": kind + "SinkConnector", "tasks.max": 1,
                                                           "file": sink, "topics": "lines"}}, "POST")
        worker.wait_running()
        wait_for("every line is there", all_there, 60)
        worker.process.kill()
        write(100)
        worker = Worker(env, broker, 1).wait_serving().wait_running()
        wait_for("and after a kill", all_there, 60)
        broker.stop()
        write(50)
        broker.start()
        wait_for("and after the broker's restart", all_there, 90)
        worker.process.signal(15)
        worker.process.wait()
        broker.stop()
