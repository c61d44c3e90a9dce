"""Broker ids: one is generated from /brokers/seqid and kept; another id than the disk's is refused; cluster id kept."""
import os

from harness import Cluster


def meta(broker):
    with open(os.path.join(broker.data, "meta.properties")) as f:
        return dict(line.strip().split("=", 1) for line in f if "=" in line and not line.startswith("#"))


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker(1001, broker_id=-1, reserved_broker_max_id=1000).start()
        first = meta(broker)
        assert first["version"] == "0" and first["broker.id"] == "1001", first
        with cluster.zk_client() as client:
            assert first["cluster.id"].encode() in client.get("/cluster/id")[0]
            assert client.children("/brokers/ids") == ["1001"]
        broker.stop()
        broker.start()
        assert meta(broker) == first
        broker.stop()

        broker.config["broker.id"] = 7
        broker.launch()
        assert broker.process.wait() != 0
        assert "1001" in broker.tail(40) and "7" in broker.tail(40), broker.tail(40)

        broker.config["broker.id"] = -1
        with cluster.zk_client() as client:
            client.set("/cluster/id", b'{"version":"1","id":"AAAAAAAAAAAAAAAAAAAAAA"}')
        broker.launch()
        assert broker.process.wait() != 0, "it joined another cluster"
        assert first["cluster.id"] in broker.tail(40), broker.tail(40)
