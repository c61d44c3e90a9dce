"""Secrets: passwords that a Java broker encrypted are read, and the other way round; a new password.encoder.secret encodes
them anew; values of server.properties and of dynamic settings that stand in files, directories and the environment; what a
hostile client sends, and what many clients change at once."""
import json
import os
from concurrent.futures import ThreadPoolExecutor

import kmsg
from harness import Cluster, wait_for

BROKER = 4
KEY = "listener.name.other.ssl.key.password"
CONFIG = {"listener_security_protocol_map": "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT", "log_cleaner_enable": "false"}
OF = "org.apache.kafka.common.config.provider."


def shown(broker, *keys):
    """Keys that this broker has from its dynamic settings, with what it says of each."""
    with kmsg.Connection(broker.port) as connection:
        rows = connection.ask("describe_configs", 4, {"resources": [
            {"resource_type": BROKER, "resource_name": "1", "configuration_keys": list(keys)}], "include_synonyms": True})
    return {row["name"]: (row["value"], row["config_source"]) for row in rows["results"][0]["configs"]}


def step(broker, *steps, error=0, name="1", validate_only=False):
    with kmsg.Connection(broker.port) as connection:
        answer = connection.ask("incremental_alter_configs", 1, {"resources": [
            {"resource_type": BROKER, "resource_name": name,
             "configs": [{"name": k, "config_operation": 1 if v is None else 0, "value": v} for k, v in steps]}],
            "validate_only": validate_only})["responses"][0]
    assert answer["error_code"] == error, answer
    return answer["error_message"]


def znode(cluster):
    with cluster.zk_client() as client:
        return json.loads(client.get("/config/brokers/1")[0])["config"]


def is_in_force(broker):
    wait_for("the password is in force", lambda: KEY in shown(broker, KEY))


def passwords(env, cluster):
    """One disk and one ZooKeeper, and brokers of both kinds in turn."""
    def broker(target, **secrets):
        return cluster.broker(1, "broker", target, **CONFIG, **secrets)
    java = broker("kafka", password_encoder_secret="first").start()
    step(java, (KEY, "hunter2"), ("log.segment.bytes", "1048576"))
    is_in_force(java)
    java.stop()
    theirs = znode(cluster)[KEY]

    ours = broker(env.target, password_encoder_secret="first").start()
    assert shown(ours, KEY, "log.segment.bytes") == {KEY: (None, 2), "log.segment.bytes": ("1048576", 2)}
    step(ours, ("log.segment.bytes", None))
    stored = znode(cluster)
    assert stored.keys() == {KEY} and stored[KEY] != theirs and "passwordLength:7" in stored[KEY], stored
    ours.stop()
    if env.target == "samsa":
        renewed(broker, cluster)

    java = broker("kafka", password_encoder_secret="second" if env.target == "samsa" else "first").start()
    is_in_force(java)
    java.stop()


def renewed(broker, cluster):
    """3.9 ends with an error here, as long as no other broker is the controller."""
    before = znode(cluster)[KEY]
    ours = broker("samsa", password_encoder_secret="second", password_encoder_old_secret="first").start()
    assert KEY in shown(ours, KEY) and znode(cluster)[KEY] != before
    before = znode(cluster)[KEY]
    ours.stop()
    ours = broker("samsa", password_encoder_secret="second", password_encoder_old_secret="first").start()
    assert KEY in shown(ours, KEY) and znode(cluster)[KEY] == before, "what is renewed already is left alone"
    ours.stop()
    ours = broker("samsa").start()
    assert KEY not in shown(ours, KEY) and "could not be decoded" in ours.text()
    assert "Password encoder secret not configured" in step(ours, (KEY, "x"), error=40)
    assert znode(cluster)[KEY] == before
    ours.stop()


def providers(env, cluster):
    secrets = env.path("secrets")
    os.makedirs(secrets)
    with open(os.path.join(secrets, "numbers.properties"), "w") as f:
        f.write("partitions=7\nretention = 3600000\n")
    with open(os.path.join(secrets, "rack"), "w") as f:
        f.write("r1\n")
    config = {"config_providers": "file,dir,env", "num_partitions": f"${{file:{secrets}/numbers.properties:partitions}}",
              "broker_rack": f"${{dir:{secrets}:rack}}", "min_insync_replicas": "${env:SAMSA_TEST_NUMBER}",
              "log_retention_hours": "9${none:/x:y}".split("$", 1)[0]}
    for name, kind in (("file", "File"), ("dir", "Directory"), ("env", "EnvVar")):
        config[f"config_providers_{name}_class"] = f"{OF}{kind}ConfigProvider"
    for name in ("file", "dir"):
        config[f"config_providers_{name}_param_allowed_paths"] = secrets
    config["config_providers_env_param_allowlist_pattern"] = "SAMSA_TEST_.*"
    broker = cluster.broker(1, "provided", **config)
    broker.prefix = ["env", "SAMSA_TEST_NUMBER=2"]
    broker.start()
    assert shown(broker, "num.partitions", "broker.rack", "min.insync.replicas") == {
        "num.partitions": ("7", 4), "broker.rack": ("r1", 4), "min.insync.replicas": ("2", 4)}
    if env.target == "samsa":
        dynamic_values(broker, secrets)
    broker.stop()


def dynamic_values(broker, secrets):
    """3.9 types what a provider gives only where the request names the provider; here server.properties does."""
    step(broker, ("log.retention.ms", f"${{file:{secrets}/numbers.properties:retention}}"))
    wait_for("it is in force", lambda: shown(broker, "log.retention.ms") == {"log.retention.ms": ("3600000", 2)})
    for value in ("${file:/etc/passwd:root}", f"${{file:{secrets}/../x:y}}", f"${{dir:{secrets}:../../etc/passwd}}", "${env:HOME}"):
        step(broker, ("log.retention.ms", value), error=42)
    assert "No such file" in step(broker, ("log.retention.ms", f"${{file:{secrets}/none:x}}"), error=42)
    step(broker, ("config.providers", "open"), ("config.providers.open.class", OF + "FileConfigProvider"),
         ("log.cleaner.io.max.bytes.per.second", "${open:/etc/hostname:x}"), error=42)
    with broker.cluster.zk_client() as client:    # what nobody has checked
        client.configure("brokers/1", {"a.key.of.my.own": f"${{file:{secrets}/none\nFORGED:x}}"})
    wait_for("a word on it", lambda: "that setting is ignored" in broker.text())
    assert "\nFORGED" not in broker.text(), "a setting's text has forged a line of the log"


def hostile(broker):
    """Too much, too long, and what is no text: told, and nothing has changed."""
    before = shown(broker, "log.retention.ms")
    assert "1000 configs" in step(broker, *((f"k{i}", "v") for i in range(1001)), error=42)
    assert "ZooKeeper" in step(broker, *((f"k{i}", "x" * 30_000) for i in range(33)), error=40)
    assert "zero byte" in step(broker, ("log.retention.ms", "1\0"), error=42)
    assert "UTF-8" in step(broker, ("a.key.of.my.own", b"\xff\xfe"), error=42)
    step(broker, ("log.cleanup.policy", "," * 30_000), error=42)
    step(broker, ("a.key.of.my.own", "${" * 15_000), validate_only=True)
    assert shown(broker, "log.retention.ms") == before


def together(broker, cluster):
    """Many change one broker's settings at the same time, each a key of its own: none is lost. In 3.9 the last one wins."""
    with ThreadPoolExecutor(16) as many:
        list(many.map(lambda i: step(broker, (f"key.{i}", str(i))), range(64)))
        assert all(znode(cluster)[f"key.{i}"] == str(i) for i in range(64))
        list(many.map(lambda i: step(broker, (f"key.{i}", None)), range(64)))
    assert not any(key.startswith("key.") for key in znode(cluster))


def test(env):
    with Cluster(env, own_zk=True) as cluster:
        passwords(env, cluster)
    with Cluster(env, chroot="/providers") as cluster:
        providers(env, cluster)
        if env.target == "samsa":
            broker = cluster.broker(1, "hostile").start()
            hostile(broker)
            together(broker, cluster)
            broker.stop()
