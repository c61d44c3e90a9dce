"""One of several log.dirs fails: what is in it has no leader any more, the rest goes on, also after a start without it;
with the last one the broker ends."""
import glob
import json
import os
import re
import shutil

from harness import Cluster, wait_for


def break_folder(folder):
    """A plain file in its place, as the golden run of Apache Kafka had it: root may write anywhere else."""
    os.rename(folder, folder + ".away")
    with open(folder, "w"):
        pass


def leader(client, topic, partition):
    return json.loads(client.get(f"/brokers/topics/{topic}/partitions/{partition}/state")[0])["leader"]


def test(env):
    folders = [env.path(f"disk-{i}") for i in range(3)]
    words = env.path("words")
    with open(words, "w") as f:
        f.write("one\ntwo\n")
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker(log_dirs=",".join(folders), replica_high_watermark_checkpoint_interval_ms=500,
                                log_flush_offset_checkpoint_interval_ms=500).start()
        broker.create_topic("spread", 6)
        for partition in range(6):
            broker.kcat("-P", "-t", "spread", "-p", partition, stdin=words)
        lost = {int(re.search(r"spread-(\d+)$", f)[1]) for f in glob.glob(folders[1] + "/spread-*")}
        assert len(lost) == 2, lost

        def rest_is_served():
            for partition in set(range(6)) - lost:
                broker.kcat("-P", "-t", "spread", "-p", partition, stdin=words)
                assert broker.kcat("-C", "-t", "spread", "-p", partition, "-e", "-q").startswith("one\ntwo\n")

        break_folder(folders[1])
        wait_for("the lost ones have no leader", lambda: all(leader(client, "spread", p) == -1 for p in lost))
        wait_for("the notification is taken", lambda: not client.children("/log_dir_event_notification"))
        assert client.get("/log_dir_event_notification")[1].cversion == 2, "one came and went"
        assert all(leader(client, "spread", p) == 1 for p in set(range(6)) - lost)
        rest_is_served()
        said = broker.tool("topics", "--describe", "--topic", "spread")
        assert said.count("Leader: none") == 2, said
        broker.create_topic("later", 2)

        broker.kill()
        broker.start()
        wait_for("still no leader", lambda: all(leader(client, "spread", p) == -1 for p in lost))
        rest_is_served()
        assert not any(os.path.exists(os.path.join(f, f"spread-{p}")) for f in (folders[0], folders[2]) for p in lost), \
            "a lost partition was begun anew, empty"

        broker.stop()
        os.remove(folders[1])
        shutil.move(folders[1] + ".away", folders[1])
        broker.start()
        wait_for("all have leaders again", lambda: all(leader(client, "spread", p) == 1 for p in range(6)))
        for partition in lost:
            wait_for("its records are there", lambda: broker.kcat("-C", "-t", "spread", "-p", partition, "-e", "-q",
                                                                  status=None) == "one\ntwo\n")
        for folder in folders:
            break_folder(folder)
        assert broker.process.wait() != 0
        if env.target == "samsa":
            assert "all log dirs have failed" in broker.text()
