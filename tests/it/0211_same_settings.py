"""Settings of topics, brokers and loggers changed by the same requests, good ones and bad, in every version, on Apache
Kafka and on the broker under test: the answers, their words too, and what ZooKeeper has in the end are equal; what else
may differ is listed in ALLOWED, each with its reason."""
import json
import os

import same
from harness import wait_for, write_properties

TOPIC, BROKER, LOGGER, METRICS = 2, 4, 8, 16
SET, DELETE, APPEND, SUBTRACT = range(4)

CONFIG = {"log_cleaner_enable": "false", "password_encoder_secret": "a secret",
          "listener_security_protocol_map": "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT"}

# (step, path in the answer, reason): all regular expressions; one that is never needed fails the test.
ALLOWED = [
    (r"2 '\.\./brokers/1'", r"", "3.9 hands the name of a topic to ZooKeeper as it is"),
    (r"8 '2'", r"error_message: .*but received 1'", "3.9 says the number that it expected twice"),
    (r"\((4|7|9|-1), '|u?n?list$", r"(error_code: 42, Apache Kafka -1|, Apache Kafka None)", "3.9 trips over an unknown operation"),
    (r"\(2, 'no.such'", r"(error_code: 40, Apache Kafka -1|'Unknown config name: no.such', Apache Kafka)",
     "3.9 trips over an unknown key"),
    (r"\('?0?,? ?'?(listeners|max.connections.per.ip.overrides)'", r"error_message", "our own words on what cannot be parsed"),
]


class Settings:
    """One of the two brokers, asked for settings."""

    def __init__(self, side):
        self.side = side

    def alter(self, kind, name, configs, note="", versions=(0, 1, 2), **more):
        """AlterConfigs: these are all that it has from now on."""
        rows = [{"name": k, "value": v} for k, v in configs]
        for version in versions:
            self.side.ask("alter_configs", version,
                          {"resources": [{"resource_type": kind, "resource_name": name, "configs": rows}],
                           "validate_only": False} | more, f"{kind} {name!r} {note or configs}")

    def step(self, kind, name, steps, note="", versions=(0, 1), **more):
        """IncrementalAlterConfigs."""
        rows = [{"name": k, "config_operation": op, "value": v} for op, k, v in steps]
        for version in versions:
            self.side.ask("incremental_alter_configs", version,
                          {"resources": [{"resource_type": kind, "resource_name": name, "configs": rows}],
                           "validate_only": False} | more, f"{kind} {name!r} {note or steps}")

    def describe(self, kind, name, keys=None, note=""):
        return self.side.ask("describe_configs", 4,
                             {"resources": [{"resource_type": kind, "resource_name": name, "configuration_keys": keys}],
                              "include_synonyms": True}, f"{kind} {name!r} {note}")

    def value(self, kind, name, key):
        answer = self.side.connected().ask(
            "describe_configs", 4, {"resources": [{"resource_type": kind, "resource_name": name, "configuration_keys": [key]}],
                                    "include_synonyms": True})
        rows = answer["results"][0]["configs"]
        return (rows[0]["value"], rows[0]["config_source"]) if rows else None

    def until(self, kind, name, key, value, source=None):
        """Waits for what a broker tells of itself: it hears of a change from ZooKeeper."""
        wait_for(f"{name} has {key}={value}",
                 lambda: (self.value(kind, name, key) or (None,))[:2 if source else 1] == (value, source)[:2 if source else 1])

    def znode(self, entity):
        """What stands in ZooKeeper; the order of keys too."""
        with self.side.broker.cluster.zk_client() as zk:
            text = zk.get(f"/config/{entity}")[0].decode() if zk.exists(f"/config/{entity}") else None
        if text and "initializationVector" in text:
            text = json.dumps({k: len(v) > 300 or v for k, v in json.loads(text)["config"].items()})
        self.side.answers.append((f"znode {entity}", text))


def topics(s):
    s.side.ask("create_topics", 7, {"topics": [{"name": n, "num_partitions": 1, "replication_factor": 1, "assignments": [],
                                                "configs": []} for n in ("t", "u")], "timeout_ms": 8000})
    s.alter(TOPIC, "t", [("retention.ms", "7200000"), ("segment.bytes", "1048576")])
    s.znode("topics/t")
    s.describe(TOPIC, "t", note="altered")
    s.alter(TOPIC, "t", [("cleanup.policy", "compact")])
    s.znode("topics/t")
    s.alter(TOPIC, "t", [("cleanup.policy", "delete")], "validate only", validate_only=True)
    s.alter(TOPIC, "t", [("retention.ms", "x")], "validate only, bad", validate_only=True)
    s.znode("topics/t")
    for key, value in (("retention.ms", "x"), ("retention.ms", ""), ("retention.ms", None), ("retention.ms", "-2"),
                       ("no.such", "1"), ("cleanup.policy", "x"), ("cleanup.policy", "compact,x"), ("cleanup.policy", ""),
                       ("min.insync.replicas", "0"), ("compression.type", "Gzip"), ("segment.bytes", "1"),
                       ("segment.bytes", "99999999999"), ("preallocate", "maybe"), ("min.cleanable.dirty.ratio", "2"),
                       ("message.format.version", "9.9"), ("remote.storage.enable", "true"),
                       ("remote.log.copy.disable", "true"), ("message.timestamp.type", "createtime"),
                       ("leader.replication.throttled.replicas", "1:1,x"), ("leader.replication.throttled.replicas", "*"),
                       ("follower.replication.throttled.replicas", "0:1, 1:2"), ("min.compaction.lag.ms", "9223372036854775807"),
                       ("max.compaction.lag.ms", "0"), ("compression.gzip.level", "0"), ("local.retention.ms", "-3")):
        s.alter(TOPIC, "t", [(key, value)], versions=(2,))
        s.step(TOPIC, "u", [(SET, key, value)], versions=(1,))
    s.znode("topics/t")
    s.znode("topics/u")
    s.alter(TOPIC, "t", [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "9")])
    s.alter(TOPIC, "t", [("retention.ms", "1"), ("retention.ms", "2")], "twice")
    s.alter(TOPIC, "t", [("retention.ms", None), ("x", None)], "nulls")
    s.alter(TOPIC, "t", [], "nothing")
    s.znode("topics/t")


def names(s):
    for kind, name in ((TOPIC, "nowhere"), (TOPIC, ""), (TOPIC, "bad name"), (TOPIC, "../brokers/1"), (TOPIC, "a/b"),
                       (BROKER, "2"), (BROKER, "x"), (BROKER, " 1"), (BROKER, "99999999999"), (BROKER, "-1"), (LOGGER, "1"),
                       (LOGGER, "x"), (LOGGER, "2"), (LOGGER, ""), (METRICS, "x"), (METRICS, ""), (0, "x"), (1, "x"),
                       (32, "x"), (-3, "x")):
        s.alter(kind, name, [], "nothing", versions=(2,))
        s.step(kind, name, [], "nothing", versions=(1,))
        s.alter(kind, name, [("retention.ms", "1")], versions=(2,))
        s.step(kind, name, [(SET, "retention.ms", "1")], versions=(1,))
    s.step(TOPIC, "nowhere", [(APPEND, "retention.ms", "1")])
    for version in (0, 1, 2):
        s.side.ask("alter_configs", version, {"resources": [], "validate_only": False}, "nothing")
    rows = [{"resource_type": k, "resource_name": n, "configs": [{"name": "retention.ms", "config_operation": SET, "value": "6"}]}
            for k, n in ((TOPIC, "t"), (TOPIC, "u"), (TOPIC, "t"), (BROKER, "2"), (TOPIC, "nowhere"))]
    s.side.ask("incremental_alter_configs", 1, {"resources": rows, "validate_only": False}, "twice the same")
    s.side.ask("incremental_alter_configs", 1, {"resources": [], "validate_only": False}, "nothing")
    s.znode("topics/t")
    s.znode("topics/u")


def steps(s):
    s.step(TOPIC, "t", [(SET, "retention.ms", "1000"), (SET, "cleanup.policy", "compact")])
    s.step(TOPIC, "t", [(APPEND, "cleanup.policy", "delete")])
    s.znode("topics/t")
    s.step(TOPIC, "t", [(APPEND, "cleanup.policy", "delete,compact")])
    s.step(TOPIC, "t", [(SUBTRACT, "cleanup.policy", "compact")], versions=(1,))
    s.znode("topics/t")
    s.step(TOPIC, "t", [(SUBTRACT, "cleanup.policy", "absent")])
    s.step(TOPIC, "t", [(SUBTRACT, "cleanup.policy", "delete")])
    s.znode("topics/t")
    s.step(TOPIC, "t", [(DELETE, "retention.ms", None), (DELETE, "absent", ""), (DELETE, "cleanup.policy", "x")])
    s.znode("topics/t")
    s.step(TOPIC, "t", [(SUBTRACT, "cleanup.policy", "delete")], "from the default", versions=(1,))
    s.znode("topics/t")
    s.step(TOPIC, "t", [(DELETE, "cleanup.policy", None)])
    s.step(TOPIC, "t", [(APPEND, "cleanup.policy", "compact")], "to the default", versions=(1,))
    s.znode("topics/t")
    key = "leader.replication.throttled.replicas"
    for op, value in ((APPEND, "0:1,1:2"), (APPEND, "1:2,2:3"), (SUBTRACT, "0:1"), (APPEND, "x"), (APPEND, ""), (APPEND, ","),
                      (SUBTRACT, "1:2,2:3"), (SUBTRACT, ""), (SET, "0:1,,"), (APPEND, " 0:1"), (DELETE, None)):
        s.step(TOPIC, "t", [(op, key, value)], versions=(1,))
        s.znode("topics/t")
    for op, value in ((SET, None), (APPEND, None), (SUBTRACT, None), (APPEND, "1"), (SUBTRACT, "1"), (4, "1"), (-1, "1")):
        s.step(TOPIC, "t", [(op, "retention.ms", value)])
        s.step(TOPIC, "t", [(op, "cleanup.policy", value)], "list", validate_only=True)
    s.step(TOPIC, "t", [(APPEND, "no.such", "1")])
    s.step(TOPIC, "t", [(SET, "retention.ms", "1"), (DELETE, "retention.ms", None)], "twice")
    s.step(TOPIC, "t", [(SET, "retention.ms", "77")], "validate only", validate_only=True)
    s.step(TOPIC, "t", [(SET, "retention.ms", " 88 ")], "white space")
    s.describe(TOPIC, "t", ["retention.ms", "cleanup.policy", "no.such"])
    s.znode("topics/t")


BAD_BROKER = (("log.retention.ms", "x"), ("broker.id", "1"), ("zookeeper.connect", "x"), ("num.io.threads", "0"),
              ("num.io.threads", "100"), ("background.threads", "1"), ("log.cleaner.threads", "9"), ("no.such.key", "1"),
              ("ssl.keystore.location", "/x"), ("ssl.key.password", "x"), ("max.connections", "0"),
              ("listener.name.plaintext.max.connections", "x"), ("log.cleanup.policy", "x"), ("log.retention.ms", ""),
              ("log.segment.bytes", "1"), ("message.max.bytes", "-1"), ("log.roll.ms", "0"), ("log.retention.ms", "0"),
              ("min.insync.replicas", "0"), ("listeners", "x"), ("advertised.listeners", "PLAINTEXT://x:0"),
              ("max.connections.per.ip", "0"), ("max.connections.per.ip.overrides", "x"), ("log.message.format.version", "x"),
              ("log.retention.hours", "1"), ("leader.replication.throttled.rate", "-1"),
              ("leader.replication.throttled.rate", "x"))


def brokers(s):
    for name in ("1", ""):
        for key, value in BAD_BROKER:
            s.alter(BROKER, name, [(key, value)], versions=(2,), validate_only=True)
            s.step(BROKER, name, [(SET, key, value)], versions=(1,), validate_only=True)
        for op, key, value in ((APPEND, "log.cleanup.policy", "compact"), (SUBTRACT, "log.cleanup.policy", "delete"),
                               (APPEND, "log.retention.ms", "1"), (APPEND, "no.such", "1"), (7, "log.retention.ms", "1"),
                               (SET, "log.retention.ms", None), (DELETE, "log.retention.ms", None)):
            s.step(BROKER, name, [(op, key, value)], versions=(1,), validate_only=True)
    s.alter(BROKER, "", [("log.retention.ms", "86400000"), ("message.max.bytes", "2000000")])
    s.until(BROKER, "1", "log.retention.ms", "86400000", 3)
    s.until(BROKER, "1", "message.max.bytes", "2000000", 3)
    s.znode("brokers/<default>")
    s.describe(BROKER, "")
    s.describe(BROKER, "1", ["log.retention.ms", "log.retention.minutes", "log.retention.hours", "message.max.bytes"])
    s.describe(TOPIC, "u", ["retention.ms", "max.message.bytes"], "under it")
    s.step(BROKER, "1", [(SET, "log.retention.ms", "3600000"), (SET, "a.key.of.its.own", "x")])
    s.until(BROKER, "1", "log.retention.ms", "3600000", 2)
    s.step(BROKER, "01", [(SET, "message.max.bytes", "3000000")], "as Java reads numbers")
    s.until(BROKER, "1", "message.max.bytes", "3000000", 2)
    s.znode("brokers/1")
    s.describe(BROKER, "1", ["log.retention.ms", "a.key.of.its.own", "log.retention.hours", "message.max.bytes"], "both")
    s.describe(TOPIC, "t", ["retention.ms", "max.message.bytes"], "under both")
    s.step(BROKER, "1", [(DELETE, "log.retention.ms", None), (DELETE, "a.key.of.its.own", None)])
    s.until(BROKER, "1", "log.retention.ms", "86400000", 3)
    s.alter(BROKER, "", [])
    s.alter(BROKER, "1", [])
    s.until(BROKER, "1", "log.retention.ms", None)
    s.until(BROKER, "1", "message.max.bytes", "1048588", 5)
    s.znode("brokers/<default>")
    s.znode("brokers/1")


def passwords(s):
    key = "listener.name.other.ssl.key.password"
    s.step(BROKER, "1", [(SET, key, "key-secret"), (SET, "log.segment.bytes", "1048576")])
    s.until(BROKER, "1", "log.segment.bytes", "1048576", 2)
    s.describe(BROKER, "1", [key, "log.segment.bytes"])
    s.znode("brokers/1")
    s.step(BROKER, "", [(SET, key, "key-secret")])
    s.step(BROKER, "", [(SET, "x.ssl.key.password", "key-secret")])
    s.step(BROKER, "1", [(SET, "log.segment.bytes", "2097152")])
    s.until(BROKER, "1", "log.segment.bytes", "2097152", 2)
    s.znode("brokers/1")
    s.step(BROKER, "1", [(DELETE, key, None), (DELETE, "log.segment.bytes", None)])
    s.until(BROKER, "1", "log.segment.bytes", "1073741824", 5)
    s.znode("brokers/1")


def loggers(s):
    name = "state.change.logger"
    s.step(LOGGER, "1", [(SET, "root", "INFO")])
    for level in ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"):
        s.step(LOGGER, "1", [(SET, name, level)])
        s.describe(LOGGER, "1", [name], level)
    for level in ("OFF", "ALL", "info", "", "x"):
        s.step(LOGGER, "1", [(SET, name, level)])
    s.step(LOGGER, "1", [(DELETE, name, None)])
    s.describe(LOGGER, "1", [name, "root"], "taken away")
    s.step(LOGGER, "1", [(SET, "root", "ERROR")])
    s.describe(LOGGER, "1", [name, "root"], "of the root")
    s.step(LOGGER, "1", [(SET, "root", "INFO"), (SET, name, "WARN")])
    for steps_ in ([(DELETE, "root", None)], [(DELETE, "no.such", None)], [(SET, "no.such", "INFO")], [(APPEND, name, "INFO")],
                   [(SUBTRACT, name, "INFO")], [(9, name, "INFO")], [(SET, name, None)], [(SET, name, "INFO"), (SET, name, "WARN")],
                   [(SET, name, "TRACE"), (SET, "no.such", "INFO")]):
        s.step(LOGGER, "1", steps_)
    s.step(LOGGER, "1", [(SET, name, "TRACE")], "validate only", validate_only=True)
    s.describe(LOGGER, "1", [name], "unchanged")
    for who in ("", "2", "x"):
        s.describe(LOGGER, who)
        s.describe(METRICS, who)


def script(side):
    s = Settings(side)
    for part in (topics, names, steps, brokers, passwords, loggers):
        part(s)


def give_loggers(broker):
    """Apache Kafka's tests run without log4j's properties, and it has only the loggers that those name."""
    names = {"log4j.rootLogger": "INFO, out", "log4j.appender.out": "org.apache.log4j.varia.NullAppender"}
    names |= {f"log4j.logger.{name}": "INFO" for name in ("kafka.controller", "state.change.logger")}
    file = write_properties(os.path.join(broker.folder, "log4j.properties"), names)
    broker.prefix = ["env", f"KAFKA_OPTS=-Dlog4j.configuration=file:{file}"]


def test(env):
    same.run(env, CONFIG, script, ALLOWED, prepare=give_loggers, words=True)
