"""kcat: the same over TLS with a client certificate, in each codec."""
from files import CODECS, text_through
from harness import Cluster


def test(env):
    certs = env.certs()
    with Cluster(env) as cluster:
        broker = cluster.broker().tls(certs).start()
        for codec in CODECS:
            text_through(env, codec, ("-b", f"localhost:{broker.tls_port}", *certs.kcat("alice")))
        broker.stop()
