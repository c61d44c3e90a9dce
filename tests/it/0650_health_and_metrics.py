"""/metrics, /healthz, /readyz and /startupz on metrics.port; without it the port is closed."""
import socket
import urllib.error
import urllib.request

from harness import Cluster

TARGETS = ("samsa",)


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, ""


def test(env):
    port = env.ports.take()
    with Cluster(env) as cluster:
        broker = cluster.broker(metrics_port=port).start()
        broker.create_topic("counted")
        words = env.path("words")
        with open(words, "w") as f:
            f.write("one\ntwo\nthree\n")
        broker.kcat("-P", "-t", "counted", "-p", 0, stdin=words)
        for path in ("/healthz", "/readyz", "/startupz"):
            status, said = ask(port, path)
            assert status == 200, f"{path}: {status} {said}"
        status, said = ask(port, "/metrics")
        assert status == 200
        samples = [line for line in said.splitlines() if line and not line.startswith("#")]
        assert samples and all(len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) is not None for line in samples)
        assert ask(port, "/nothing")[0] == 404
        broker.stop()
        del broker.config["metrics.port"]
        broker.start()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "the metrics port is open though unset"
        broker.stop()
