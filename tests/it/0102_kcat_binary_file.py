"""kcat: a random binary file goes in and comes out equal byte for byte, in each codec, plain and over TLS."""
from files import CODECS, binary_chunks, same
from harness import Cluster, kcat


def test(env):
    certs = env.certs()
    whole, chunks = binary_chunks(env)
    copy = env.path("copy")
    with Cluster(env) as cluster:
        broker = cluster.broker().tls(certs).start()
        ways = {"plain": ("-b", broker.bootstrap),
                "tls": ("-b", f"localhost:{broker.tls_port}", *certs.kcat("alice"))}
        for way, server in ways.items():
            for codec in CODECS:
                topic = f"binary-{way}-{codec}"
                kcat(*server, "-P", "-t", topic, "-p", 0, "-z", codec, *chunks)
                kcat(*server, "-C", "-t", topic, "-p", 0, "-o", "beginning", "-e", "-q", "-f", "%s", stdout=copy)
                assert same(whole, copy), f"{way}, {codec}: what came back differs"
        broker.stop()
