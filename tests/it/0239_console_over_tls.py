"""Our console producer and consumer over TLS, with the settings of a Java client: stores as PKCS12 and as PEM; topics by a
regular expression; a setting that nobody knows is told."""
import os
import subprocess

from certs import PASSWORD
from harness import Cluster


def test(env):
    certs = env.certs()
    with Cluster(env) as cluster:
        broker = cluster.broker(group_initial_rebalance_delay_ms=0).tls(certs).start()
        at = ["--bootstrap-server", f"localhost:{broker.tls_port}"]
        for kind, settings in stores(certs).items():
            config = env.path(kind + ".properties")
            with open(config, "w") as f:
                f.writelines(f"{key}={value}\n" for key, value in settings.items())
            broker.create_topic("over-" + kind)
            run(env, "console-producer", *at, "--topic", "over-" + kind, "--producer.config", config, stdin=f"by {kind}\n")
            said = run(env, "console-consumer", *at, "--include", "over-" + kind[:3] + ".*", "--consumer.config", config,
                       "--from-beginning", "--max-messages", 1, "--consumer-property", "nosuch.setting=1")
            assert said.stdout == f"by {kind}\n", said
            assert "These configurations '[nosuch.setting]' were supplied but are not used yet." in said.stderr, said
        with_a_wrong_password(env, at, certs)
        broker.stop()


def stores(certs):
    """What a Java client's properties file says, for alice: her key and whom she trusts."""
    store = certs.path("alice.p12")
    return {"pkcs12": {"security.protocol": "SSL", "ssl.truststore.location": store, "ssl.truststore.password": PASSWORD,
                       "ssl.keystore.location": store, "ssl.keystore.password": PASSWORD},
            "pem": certs.java("alice")}


def with_a_wrong_password(env, at, certs):
    wrong = dict(stores(certs)["pkcs12"], **{"ssl.truststore.password": "wrong"})
    config = env.path("wrong.properties")
    with open(config, "w") as f:
        f.writelines(f"{key}={value}\n" for key, value in wrong.items())
    said = run(env, "console-producer", *at, "--topic", "over-pem", "--producer.config", config, stdin="x\n", status=1)
    assert "its password is another" in said.stderr, said


def run(env, name, *words, stdin="", status=0):
    program = os.path.join(os.path.dirname(env.binary), "samsa")
    done = subprocess.run([program, name, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=60)
    print("$", name, *words, done.returncode, done.stdout, done.stderr)
    assert done.returncode == status, done
    return done
