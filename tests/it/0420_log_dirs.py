"""Several log.dirs: partitions are spread over them, and all are there again after a stop and after kill -9."""
import glob
import os

from harness import Cluster, wait_for


def test(env):
    folders = [env.path(f"disk-{i}") for i in range(3)]
    words = env.path("words")
    with open(words, "w") as f:
        f.writelines(f"word {i}\n" for i in range(300))
    with Cluster(env) as cluster:
        broker = cluster.broker(log_dirs=",".join(folders)).start()
        broker.create_topic("spread", 6)
        broker.kcat("-P", "-t", "spread", "-X", "partitioner=random", "-X", "sticky.partitioning.linger.ms=0", stdin=words)

        def all_there():
            said = broker.kcat("-C", "-t", "spread", "-o", "beginning", "-e", "-q", status=None)
            return len(set(said.split("\n")) - {""}) == 300
        wait_for("all records", all_there)
        for folder in folders:
            assert len(glob.glob(folder + "/spread-*")) == 2, f"{folder} has not its share"
            assert os.path.exists(os.path.join(folder, "meta.properties"))
        broker.stop()
        for folder in folders:
            assert os.path.exists(os.path.join(folder, ".kafka_cleanshutdown"))
        broker.start()
        wait_for("all records after a stop", all_there)
        broker.kill()
        broker.start()
        wait_for("all records after kill -9", all_there)
        broker.stop()
