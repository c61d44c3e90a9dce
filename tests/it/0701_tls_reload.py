"""TLS: a new certificate is taken by SIGHUP, and by itself when the file changes, while connections live on."""
import shutil
import signal
import ssl

import wire
from harness import Cluster, wait_for

TARGETS = ("samsa",)        # Apache Kafka 3.9 reloads only when its configuration is altered


def certificate(certs, port):
    context = ssl.create_default_context(cafile=certs.ca)
    context.load_cert_chain(certs.path("alice.crt"), certs.path("alice.key"))
    connection = wire.Connection(port, context)
    connection.call(wire.API_VERSIONS, 0)
    return connection.socket.getpeercert(binary_form=True), connection


def test(env):
    certs = env.certs()
    certs.issue("renewed", "/CN=broker/O=samsa").issue("renewed-again", "/CN=broker/O=samsa")
    certs.issue("other", "/CN=somebody else", names="DNS:elsewhere")
    store = env.path("store.pem")
    shutil.copy(certs.path("broker.pem"), store)
    with Cluster(env) as cluster:
        broker = cluster.broker().tls(certs)
        broker.config["ssl.keystore.location"] = store
        broker.start()
        first, old = certificate(certs, broker.tls_port)

        shutil.copy(certs.path("renewed.pem"), store)
        broker.process.signal(signal.SIGHUP)
        second = wait_for("a new certificate", lambda: changed(certs, broker, first), 30)
        old.call(wire.API_VERSIONS, 0)

        shutil.copy(certs.path("renewed-again.pem"), store + ".new")
        shutil.move(store + ".new", store)
        third = wait_for("a new certificate without a signal", lambda: changed(certs, broker, second), 90)
        old.call(wire.API_VERSIONS, 0)

        # Neither a broken file nor another name replaces what works.
        for bad in ("a certificate is not like this\n", open(certs.path("other.pem")).read()):
            with open(store, "w") as f:
                f.write(bad)
            said = len(broker.text())
            broker.process.signal(signal.SIGHUP)
            wait_for("a word in the log", lambda: "store.pem" in broker.text()[said:] or "certificate" in broker.text()[said:], 30)
            assert not changed(certs, broker, third), "a bad certificate was taken"
        old.call(wire.API_VERSIONS, 0)
        old.socket.close()
        broker.stop()


def changed(certs, broker, before):
    now, connection = certificate(certs, broker.tls_port)
    connection.socket.close()
    return now if now != before else None
