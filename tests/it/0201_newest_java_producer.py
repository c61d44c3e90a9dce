"""The newest Apache Kafka clients, of the 4.x line, against us: topics, idempotent producer, consumer by partition."""
import java
from harness import Cluster

LINES = [f"line {i} of a newer producer" for i in range(5000)]


def test(env):
    text = env.path("lines")
    with open(text, "w") as f:
        f.writelines(line + "\n" for line in LINES)
    with Cluster(env) as cluster:
        broker = cluster.broker().start()

        def newest(name, *words, **how):
            return broker.tool(name, *words, version=java.NEWEST, **how)
        newest("topics", "--create", "--topic", "new", "--partitions", 1, "--replication-factor", 1)
        assert "PartitionCount: 1" in newest("topics", "--describe", "--topic", "new")
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            newest("console-producer", "--topic", "new", "--compression-codec", codec, stdin=text)
        said = newest("console-consumer", "--topic", "new", "--partition", 0, "--offset", "earliest",
                      "--timeout-ms", 3000)
        assert [line for line in said.splitlines() if line.startswith("line ")] == 5 * LINES
        newest("topics", "--delete", "--topic", "new")
        broker.stop()
