"""TLS: client authentication none, requested, required; 1.2 and 1.3; PEM files, inline PEM and PKCS12; plain bytes refused;
a certificate whose name no mapping rule fits."""
import contextlib
import ssl

import wire
from certs import Certs
from harness import Cluster, kcat
from java import tool


def context(certs, client=None, version=None):
    made = ssl.create_default_context(cafile=certs.ca)
    if client:
        made.load_cert_chain(client + ".crt", client + ".key")
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def admitted(port, how):
    """Whether a request over TLS is answered; under 1.3 a refusal is only seen when reading."""
    try:
        return bool(wire.api_versions(port, how, timeout=10))
    except (ssl.SSLError, ConnectionError):
        return False


def refused(socket):
    """At most an alert comes before the end."""
    with contextlib.suppress(ConnectionError):
        said = b""
        while more := socket.recv(100):
            said += more
        return said == b"" or said[0] == 21
    return True


def inline(certs):
    def text(name):
        with open(name) as f:
            return f.read()
    return {"ssl.keystore.type": "PEM", "ssl.truststore.type": "PEM", "ssl.keystore.key": text(certs.path("broker.key")),
            "ssl.keystore.certificate.chain": text(certs.path("broker.crt")) + text(certs.ca),
            "ssl.truststore.certificates": text(certs.ca)}


def listeners(env, certs, broker):
    """A TLS listener for each kind of client authentication, each with its keys from another kind of store."""
    ports = {auth: env.ports.take() for auth in ("none", "requested", "required")}
    stores = {"none": inline(certs), "requested": certs.broker_config(store="PKCS12"), "required": certs.broker_config()}
    broker.config["listeners"] += "".join(f",{auth.upper()}://127.0.0.1:{port}" for auth, port in ports.items())
    broker.config["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,NONE:SSL,REQUESTED:SSL,REQUIRED:SSL"
    for auth, store in stores.items():
        store["ssl.client.auth"] = auth
        broker.config |= {f"listener.name.{auth}.{key}": value for key, value in store.items()}
    broker.config["listener.name.required.ssl.principal.mapping.rules"] = "RULE:^.*,CN=alice$/alice/"
    return ports


def test(env):
    certs = env.certs()
    certs.issue("bob", "/CN=bob/OU=tests/O=samsa")
    stranger = Certs(env.path("stranger")).issue("alice", "/CN=alice/OU=tests/O=samsa")
    alice, false_alice = certs.path("alice"), stranger.path("alice")
    with Cluster(env) as cluster:
        broker = cluster.broker()
        ports = listeners(env, certs, broker)
        broker.start()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            expected = {(auth, who): auth == "none" or who == "alice" or (auth == "requested" and who == "nobody")
                        for auth in ports for who in ("alice", "nobody", "stranger")}
            certificates = {"alice": alice, "nobody": None, "stranger": false_alice}
            seen = {(auth, who): admitted(ports[auth], context(certs, certificates[who], version)) for auth, who in expected}
            assert seen == expected, f"{version.name}: {[k for k in seen if seen[k] != expected[k]]}"
        bob = {auth: admitted(port, context(certs, certs.path("bob"))) for auth, port in ports.items()}
        assert bob == {"none": True, "requested": True, "required": False}, f"bob, whom no rule knows: {bob}"
        old = context(certs)
        with contextlib.suppress(ValueError):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
        assert not admitted(ports["none"], old), "TLS 1.1 was spoken"
        with wire.Connection(ports["none"]) as plain:
            plain.send(wire.API_VERSIONS, 0)
            assert refused(plain.socket), "a request in plain text was answered"
        words = env.path("words")
        with open(words, "w") as f:
            f.write("one\ntwo\n")
        for auth, port in ports.items():
            server = ("-b", f"localhost:{port}", *certs.kcat("alice"))
            kcat(*server, "-P", "-t", auth, "-p", 0, stdin=words)
            assert kcat(*server, "-C", "-t", auth, "-p", 0, "-e", "-q") == "one\ntwo\n"
        java_client(certs, broker, ports["required"])
        broker.stop()


def java_client(certs, broker, port):
    config = broker.client_config("tls", **{"bootstrap.servers": f"localhost:{port}"}, **certs.java("alice"))
    said = tool("topics", "--bootstrap-server", f"localhost:{port}", "--command-config", config, "--list")
    assert said.split() == ["none", "requested", "required"], said
