"""samsa-configs --zookeeper beside Kafka's own, each below a chroot of its own: the same words, statuses and nodes; and a
broker that starts with what ours has stored, a password of its TLS listener among it."""
import hashlib
import hmac
import json
import re
import ssl
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import wire
import zk as zookeeper
from certs import PASSWORD
from harness import Cluster
from twin import Twins

SECRET = "listener.name.ssl.ssl.keystore.password"
RUNNING = json.dumps({"version": 5, "host": "h", "port": 1, "jmx_port": -1, "timestamp": "1", "endpoints": ["PLAINTEXT://h:1"],
                      "listener_security_protocol_map": {"PLAINTEXT": "PLAINTEXT"}, "features": {}}).encode()
# What is random in a stored password or credential.
RANDOM = re.compile(r"((?:salt|stored_key|server_key)=|(?:encryptedPassword|initializationVector|salt):)[\w+/=]+")
SALTED = {"SCRAM-SHA-256": ("sha256", 8192, "sec,ret"), "SCRAM-SHA-512": ("sha512", 4096, "Schlüssel")}


def test(env):
    with Cluster(env, chroot="-ours") as ours, Cluster(env, chroot="-peer") as peer:
        with zookeeper.Zk(ours.zk.port) as client:
            client.create(ours.chroot)
            client.create(peer.chroot)
        twins = Twins(env, None)
        twins.at = f"--zookeeper 127.0.0.1:{ours.zk.port}/{env.name}-@ "
        clients = {"ours": ours.zk_client(), "peer": peer.zk_client()}
        users(twins, clients)
        credentials(clients["ours"])
        brokers(twins, clients)
        usage(env, twins)
        twins.check(60)
        same_nodes(clients)
        at_once(twins, ours, clients["ours"])
        starts_with_it(env, ours, twins)


def same(twins, *lines, **how):
    twins.same("configs", *(twins.at + line for line in lines), **how, told=True)


def users(twins, clients):
    same(twins, *("--entity-type users " + rest for rest in (
        "--describe",
        "--entity-name alice --describe",
        "--entity-name alice --alter --add-config SCRAM-SHA-256=[iterations=8192,password=sec,ret]",
        "--entity-name alice --alter --add-config SCRAM-SHA-512=[password=Schlüssel]",
        "--entity-name Jörg+b*c --alter --add-config SCRAM-SHA-512=[iterations=4096,password=x]",
        "--entity-name bob --alter --add-config SCRAM-SHA-256=[password=]",
        "--entity-name bob --alter --delete-config SCRAM-SHA-256",
        "--entity-name bob --describe",
        "--entity-name alice --alter --delete-config SCRAM-SHA-384",
        "--entity-name nobody --alter --delete-config SCRAM-SHA-256,SCRAM-SHA-512",
        "--entity-name alice --alter --add-config producer_byte_rate=1",
        "--entity-name alice --alter --delete-config producer_byte_rate,request_percentage",
        "--entity-default --alter --add-config SCRAM-SHA-256=[password=x]",
        "--entity-name alice --alter --add-config SCRAM-SHA-256=[iterations=100,password=x]",
        "--entity-name alice --alter --add-config SCRAM-SHA-256=[iterations=-1,password=x]",
        "--entity-name alice --alter --add-config SCRAM-SHA-256=secret",
        "--alter --add-config SCRAM-SHA-256=[password=x]",
        "--entity-name alice --entity-name bob --alter --add-config SCRAM-SHA-256=[password=x]",
    )), mask=RANDOM)
    for client in clients.values():
        client.configure("users/%3Codd%3E", {"producer_byte_rate": 5, "nosuch": 1}, announce=False)
        client.create("/config/users/carol")
        client.configure("users/carol/clients", {}, announce=False)
        client.configure("users/<default>", {"request_percentage": 7}, announce=False)
    same(twins, "--describe --entity-type users", "--describe --user-defaults", "--describe --user carol", mask=RANDOM, shuffled=True)
    same(twins, "--alter --user <odd> --add-config SCRAM-SHA-256=[password=x]", "--describe --user <odd>")


def credentials(client):
    """Those that ours stored fit the passwords."""
    stored = json.loads(client.get("/config/users/alice")[0])["config"]
    assert stored.keys() == SALTED.keys()
    for mechanism, (digest, iterations, password) in SALTED.items():
        has = dict(part.split("=", 1) for part in stored[mechanism].split(","))
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), b64decode(has["salt"]), iterations)
        of = {name: hmac.digest(salted, name, digest) for name in (b"Client Key", b"Server Key")}
        assert has["iterations"] == str(iterations) and b64decode(has["server_key"]) == of[b"Server Key"], stored
        assert b64decode(has["stored_key"]) == hashlib.new(digest, of[b"Client Key"]).digest(), stored


def brokers(twins, clients):
    encoder = "password.encoder.secret=s3cret,password.encoder."
    same(twins, *("--entity-type brokers " + rest for rest in (
        "--describe",
        "--entity-name 1 --describe",
        "--entity-default --describe",
        "--entity-name 1 --alter --add-config log.cleaner.threads=2,listener.name.ssl.ssl.keystore.type=PKCS12",
        f"--entity-name 1 --alter --add-config {SECRET}=hunter2",
        f"--entity-name 1 --alter --add-config {SECRET}=hunter2,{encoder}iterations=2048,{encoder}key.length=256",
        f"--entity-name 1 --alter --add-config {SECRET}=hunter2,{encoder}iterations=many",
        "--entity-name 1 --describe",
        "--entity-name 1 --alter --add-config log.retention.ms=5 --delete-config log.cleaner.threads",
        "--entity-name 1 --alter --delete-config nosuch,log.retention.ms,other",
        "--entity-name 1 --alter --add-config broker.id=7,custom=1",
        "--entity-name 1 --alter --add-config ssl.keystore.type=JKS",
        "--entity-name 1 --alter --add-config log.retention.ms=soon",
        "--entity-name 1 --alter --add-config custom=any",
        "--entity-default --alter --add-config log.retention.ms=99,message.max.bytes=1000001",
        f"--entity-default --alter --add-config {SECRET}=hunter2,{encoder}iterations=4096",
        "--entity-default --alter --add-config advertised.listeners=PLAINTEXT://h:1",
        "--entity-default --alter --delete-config log.retention.ms,message.max.bytes",
        "--entity-default --describe",
        "--entity-name 99999999999 --describe",
    )), mask=RANDOM)
    for client in clients.values():
        client.create("/brokers")
        client.create("/brokers/ids")
        client.create("/brokers/ids/3", RUNNING)
    same(twins, "--describe --broker 3", "--describe --broker 1", "--describe --broker-defaults",
         "--alter --broker 3 --add-config log.retention.ms=1", "--alter --broker 1 --add-config log.retention.ms=1",
         "--alter --broker-defaults --add-config log.retention.ms=1 --delete-config a,b", mask=RANDOM)
    for client in clients.values():
        client.delete("/brokers/ids/3")


def usage(env, twins):
    with open(env.path("plain.properties"), "w") as f:
        f.write("zookeeper.ssl.client.enable=false\nother=1\n")
    with open(env.path("add.properties"), "w") as f:
        f.write("message.max.bytes=1000002\nlog.segment.bytes = 1048577\n")
    same(twins, "", "--describe", "--describe --entity-type topics", "--describe --entity-type users --entity-type clients",
         "--describe --entity-type users --all", "--describe --entity-type brokers --entity-name x",
         "--bootstrap-server x:1 --describe --entity-type users",
         "--alter --entity-type users --entity-name alice", "--alter --entity-type brokers --add-config log.retention.ms=1",
         "--alter --broker 7 --add-config log.retention.ms", "--alter --broker 7 --add-config a/b=1",
         f"--describe --user alice --zk-tls-config-file {env.path('nosuch')}",
         f"--alter --broker 7 --add-config-file {env.path('add.properties')} --zk-tls-config-file {env.path('plain.properties')}",
         "--describe --broker 7", mask=RANDOM)
    with open(env.path("tls.properties"), "w") as f:
        f.write("zookeeper.ssl.client.enable=true\n")
    words = twins.at.replace("@", "ours").split()
    twins.ours("configs", *words, "--describe", "--user", "alice", "--zk-tls-config-file", env.path("tls.properties"), status=1)
    hidden = twins.run_ours("configs", [*words, "--alter", "--user", "alice", "--add-config", "SCRAM-SHA-256=[password=x],a=1"])
    assert "SCRAM-SHA-256=[hidden]" in hidden[2] and "password=x" not in hidden[2], hidden


def same_nodes(clients):
    """Both left the same nodes, but for what is random in them, and announced the same."""
    ours, peer = ([re.sub(r"\tversion.*\t", " ", RANDOM.sub(r"\1X", line)) for line in zookeeper.tree(clients[who], "/config", {})]
                  for who in ("ours", "peer"))
    both = ([",".join(sorted(line.replace('"', ",").split(","))) for line in lines] for lines in (ours, peer))
    differ = [pair for pair, same in zip(zip(ours, peer), map(lambda x, y: x == y, *both), strict=True) if not same]
    assert not differ and len(ours) == len(peer), f"the nodes differ: {differ}"


def at_once(twins, cluster, client):
    """Of many changes at a time none is lost."""
    words = f"--zookeeper {cluster.zk_connect} --alter --broker 9 --add-config"
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda i: twins.run_ours("configs", [*words.split(), f"custom.{i}={i}"])[0], range(24)))
    assert not any(ended), ended
    assert json.loads(client.get("/config/brokers/9")[0])["config"] == {f"custom.{i}": str(i) for i in range(24)}


def starts_with_it(env, cluster, twins):
    """The password of a key store stands nowhere but in ZooKeeper, and the broker finds it there."""
    certs = env.certs()
    context = ssl.create_default_context(cafile=certs.ca)
    prefix = "listener.name.ssl.ssl."
    words = f"--zookeeper {cluster.zk_connect} --alter --broker 1 --add-config"
    twins.ours("configs", *words.split(), f"{prefix}keystore.password={PASSWORD},{prefix}key.password={PASSWORD},"
               f"{prefix}keystore.location={certs.path('broker.p12')},{prefix}keystore.type=PKCS12,password.encoder.secret=s3cret")
    broker = cluster.broker(password_encoder_secret="s3cret").tls(certs, auth="none", store="PKCS12")
    for key in ("ssl.keystore.password", "ssl.key.password"):
        del broker.config[key]
    broker.start()
    with wire.Connection(broker.tls_port, context, timeout=10) as connection:
        connection.call(wire.API_VERSIONS, 0)
    broker.stop()
