"""Several listeners with names: each tells its own advertised address, and serves."""
from harness import Cluster, kcat


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker()
        broker.config |= {
            "listeners": f"INSIDE://127.0.0.1:{broker.port},OUTSIDE://0.0.0.0:{broker.tls_port}",
            "advertised.listeners": f"INSIDE://127.0.0.1:{broker.port},OUTSIDE://localhost:{broker.tls_port}",
            "listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
            "inter.broker.listener.name": "INSIDE"}
        broker.start()
        words = env.path("words")
        with open(words, "w") as f:
            f.write("one\ntwo\n")
        for address in (broker.bootstrap, f"localhost:{broker.tls_port}"):
            assert f"broker 1 at {address}" in kcat("-b", address, "-L"), address
            kcat("-b", address, "-P", "-t", "both", "-p", 0, stdin=words)
            assert kcat("-b", address, "-C", "-t", "both", "-e", "-q").endswith("one\ntwo\n")
        with cluster.zk_client() as client:
            node = client.get("/brokers/ids/1")[0].decode()
        assert f'"endpoints":["INSIDE://127.0.0.1:{broker.port}","OUTSIDE://localhost:{broker.tls_port}"]' in node, node
        assert f'"host":"127.0.0.1","version":5' in node and f'"port":{broker.port},' in node, node
        broker.stop()
