"""An idle broker uses under half a percent of a CPU, topics and a quiet consumer or not."""
import os
import time

from harness import Cluster

TARGETS = ("samsa",)
SECONDS, MOST = 20, 0.005


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        broker.create_topic("quiet", 10)
        time.sleep(2)
        before = cpu_seconds(broker.process.pid)
        time.sleep(SECONDS)
        used = (cpu_seconds(broker.process.pid) - before) / SECONDS
        assert used < MOST, f"idle, it uses {100 * used:.2f} % of a CPU"
        broker.stop()
