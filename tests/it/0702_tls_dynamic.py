"""TLS that changes in ZooKeeper: another key store of a listener, its passwords encrypted, is what new connections get;
a certificate of another name is refused; a listener with TLS comes and goes; who must show a certificate, whose are taken and
which ciphers are, changes."""
import base64
import hashlib
import os
import shutil
import ssl
import subprocess

import wire
from certs import PASSWORD, Certs
from harness import Cluster, wait_for

OWN, SECRET, ROUNDS = "brokers/1", "secret of the tests", 4096


def b64text(data):
    return base64.b64encode(data).decode()


def encoded(password):
    """As password.encoder.* keeps it."""
    salt, iv = os.urandom(32), os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha512", SECRET.encode(), salt, ROUNDS, 16)
    hidden = subprocess.run(["openssl", "enc", "-aes-128-cbc", "-K", key.hex(), "-iv", iv.hex()], input=password.encode(),
                            capture_output=True, check=True).stdout
    parts = {"cipherAlgorithm": "AES/CBC/PKCS5Padding", "keyFactoryAlgorithm": "PBKDF2WithHmacSHA512",
             "initializationVector": b64text(iv), "salt": b64text(salt), "iterations": ROUNDS, "keyLength": 128,
             "encryptedPassword": b64text(hidden), "passwordLength": len(password)}
    return ",".join(f"{name}:{value}" for name, value in parts.items())


def shown(certs, port, name="alice", told=None, issuer=None):
    """The certificate that a new connection is shown, or what is told of it, when it serves; None when it does not."""
    context = ssl.create_default_context(cafile=certs.ca)
    if name:
        own = issuer or certs
        context.load_cert_chain(own.path(name + ".crt"), own.path(name + ".key"))
    try:
        with wire.Connection(port, context, timeout=5) as connection:
            connection.call(wire.API_VERSIONS, 0)
            return told(connection.socket) if told else connection.socket.getpeercert(binary_form=True)
    except OSError:
        return None


def of(certs, name):
    return ssl.PEM_cert_to_DER_cert(open(certs.path(name + ".crt")).read())


def test(env):
    certs = env.certs()
    for name in ("dyn-one", "dyn-two", "dyn-three"):
        certs.issue(name, "/CN=broker/O=samsa")
    certs.issue("dyn-other", "/CN=somebody else", names="DNS:elsewhere")
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker(password_encoder_secret=SECRET).tls(certs)
        broker.start()
        port = broker.tls_port
        prefix = "listener.name.ssl.ssl."
        assert shown(certs, port) == of(certs, "broker")

        client.configure(OWN, {prefix + "keystore.location": certs.path("dyn-one.pem")})
        wait_for("another key store", lambda: shown(certs, port) == of(certs, "dyn-one"))
        other = {prefix + "keystore.location": certs.path("dyn-other.pem")}
        before = len(broker.text())
        client.configure(OWN, other | {"message.max.bytes": 5000})
        wait_for("a word on its name", lambda: "DistinguishedName does not match" in broker.text()[before:])
        assert shown(certs, port) == of(certs, "dyn-one"), "a certificate of another name was taken"

        encrypted = {prefix + "keystore.location": certs.path("dyn-two.p12"), prefix + "keystore.type": "PKCS12",
                     prefix + "keystore.password": encoded(PASSWORD), prefix + "key.password": encoded(PASSWORD)}
        client.configure(OWN, encrypted)
        wait_for("a key store with a password", lambda: shown(certs, port) == of(certs, "dyn-two"))
        if env.target == "samsa":       # 3.9.2 logs what is encrypted
            assert PASSWORD not in broker.text() and encrypted[prefix + "key.password"] not in broker.text()
        broker.stop()
        broker.start()
        assert shown(certs, port) == of(certs, "dyn-two"), "after a restart it is another"

        extra = env.ports.take()
        more = encrypted | {
            "listeners": broker.config["listeners"] + f",MORE://127.0.0.1:{extra}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL,MORE:SSL",
            "listener.name.more.ssl.keystore.location": certs.path("dyn-three.pem"),
            "listener.name.more.ssl.client.auth": "none"}
        client.configure(OWN, more)
        wait_for("a listener more", lambda: shown(certs, extra, None) == of(certs, "dyn-three"))
        assert shown(certs, port) == of(certs, "dyn-two") and shown(certs, port, None) is None
        client.configure(OWN, encrypted)
        wait_for("and less", lambda: shown(certs, extra, None) is None)
        trust(env, certs, client, broker)
        if env.target == "samsa":
            ours(env, certs, client, broker)
        broker.stop()


def trust(env, certs, client, broker):
    """Another CA: whom it vouches for comes in, whom the old one does no more; what is no trust store changes nothing."""
    new = Certs(env.path("new-ca")).issue("bob", "/CN=bob")
    location = "listener.name.ssl.ssl.truststore.location"

    def taken():
        """Who comes in, of alice of the old CA and bob of the new one."""
        pairs = (("alice", certs), ("bob", new))
        return [name for name, issuer in pairs if shown(certs, broker.tls_port, name, issuer=issuer)]
    assert taken() == ["alice"]
    client.configure(OWN, {location: new.ca})
    wait_for("the new CA's clients alone", lambda: taken() == ["bob"])
    before = len(broker.text())
    client.configure(OWN, {location: broker.log})
    wait_for("a word on the file", lambda: "could not be applied" in broker.text()[before:])
    assert taken() == ["bob"]
    client.configure(OWN, {})
    wait_for("the old one's alone", lambda: taken() == ["alice"])


def ours(env, certs, client, broker):
    """3.9.2 takes these and does nothing; files it looks at only when a client alters the settings."""
    port, prefix = broker.tls_port, "listener.name.ssl.ssl."
    client.configure(OWN, {prefix + "client.auth": "none"})
    wait_for("nobody need show a certificate", lambda: shown(certs, port, None) == of(certs, "broker"))
    client.configure(OWN, {prefix + "client.auth": "required", prefix + "enabled.protocols": "TLSv1.2"})
    wait_for("everybody must", lambda: shown(certs, port, None) is None and shown(certs, port))
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"):
        client.configure(OWN, {prefix + "cipher.suites": suite})
        wait_for(suite, lambda: shown(certs, port, told=lambda s: s.cipher()[0]) == suite)
    store = env.path("store.pem")
    shutil.copy(certs.path("dyn-one.pem"), store)
    client.configure(OWN, {prefix + "keystore.location": store})
    wait_for("a file", lambda: shown(certs, port) == of(certs, "dyn-one"))
    shutil.copy(certs.path("dyn-two.pem"), store)
    client.configure(OWN, {prefix + "keystore.location": store})
    wait_for("the same file anew", lambda: shown(certs, port) == of(certs, "dyn-two"))
    wrong = encoded(PASSWORD).replace("passwordLength:", "passwordLength:1")
    before = len(broker.text())
    client.configure(OWN, {prefix + "key.password": wrong, prefix + "keystore.location": store})
    wait_for("a word on the password", lambda: "could not be decoded" in broker.text()[before:])
    assert shown(certs, port) == of(certs, "dyn-two")
