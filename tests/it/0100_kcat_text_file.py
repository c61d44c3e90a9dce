"""kcat: a file of real text goes in and comes out equal byte for byte, in each codec."""
from files import CODECS, text_through
from harness import Cluster


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker().start()
        for codec in CODECS:
            text_through(env, codec, ("-b", broker.bootstrap))
        broker.stop()
