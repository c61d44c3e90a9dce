"""Settings of a broker changed by request: over the very listener that goes, many at once and against each other, while the
broker's ZooKeeper session ends in the midst. The last word holds, in ZooKeeper and in the broker, and who is connected
to another listener notices nothing."""
import json
import threading

import kmsg
import wire
from harness import Cluster, wait_for

BROKER, SET, DELETE = 4, 0, 1
NONE, REQUEST_TIMED_OUT, STALE_CONTROLLER_EPOCH, INVALID_CONFIG = 0, 7, 11, 42
ROUNDS, WRITERS = 12, 3


def alter(port, name, timeout=20, **values):
    """IncrementalAlterConfigs; None deletes, underscores in names stand for dots. Its error."""
    configs = [{"name": key.replace("_", "."), "config_operation": DELETE if value is None else SET,
                "value": None if value is None else str(value)} for key, value in values.items()]
    with kmsg.Connection(port, timeout=timeout) as connection:
        answer = connection.ask("incremental_alter_configs", 1, {"validate_only": False, "resources": [
            {"resource_type": BROKER, "resource_name": name, "configs": configs}]})
    return answer["responses"][0]["error_code"]


def in_force(port, key):
    """What the broker says it goes by."""
    with kmsg.Connection(port) as connection:
        answer = connection.ask("describe_configs", 1, {"include_synonyms": False, "include_documentation": False,
            "resources": [{"resource_type": BROKER, "resource_name": "1", "configuration_keys": [key]}]})
    return answer["results"][0]["configs"][0]["value"]


def endpoints(client):
    return json.loads(client.get("/brokers/ids/1")[0])["endpoints"] if client.exists("/brokers/ids/1") else []


def serves(port):
    try:
        return wire.api_versions(port, timeout=5)
    except OSError:
        return None


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        extra = env.ports.take()
        plain, more = f"PLAINTEXT://127.0.0.1:{broker.port}", f"EXTRA://127.0.0.1:{extra}"
        protocols = "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"
        both = {"listeners": f"{plain},{more}", "listener_security_protocol_map": protocols}
        by_its_own(broker, client, extra, plain, both)
        if env.target == "samsa":
            no_place(env, broker, plain)
        many_at_once(env, broker, client, extra, plain, both)
        broker.stop()


def by_its_own(broker, client, extra, plain, both):
    """Who takes a listener away by itself is answered."""
    for _ in range(3):
        assert alter(broker.port, "1", **both) == NONE
        wait_for("the listener serves", lambda: serves(extra))
        assert alter(extra, "1", listeners=None) == NONE
        wait_for("it goes", lambda: not serves(extra) and endpoints(client) == [plain])


def no_place(env, broker, plain):
    """Where the broker could not listen is said at once; 3.9 takes it, and does not come up again with it."""
    with wire.socket.create_server(("127.0.0.1", env.ports.take())) as taken:
        for place in (f"127.0.0.1:{taken.getsockname()[1]}", "192.0.2.1:0", "no.such.host.invalid:0"):
            assert alter(broker.port, "1", listeners=f"{plain},EXTRA://{place}",
                         listener_security_protocol_map="PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT") == INVALID_CONFIG, place


def session_ends(broker, client):
    """Who changes settings meanwhile hears that it is done, or that he is to try again; of 3.9 he hears -1 too."""
    heard, done = set(), threading.Event()

    def write(number):
        while not done.is_set():
            heard.add(alter(broker.port, "", message_max_bytes=2000 + number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        old = broker.session()
        broker.expire_session()
        wait_for("it has another session", lambda: client.exists("/brokers/ids/1") and broker.session() != old)
    done.set()
    for thread in threads:
        thread.join()
    assert NONE in heard and heard <= {NONE, REQUEST_TIMED_OUT, STALE_CONTROLLER_EPOCH}, heard


def many_at_once(env, broker, client, extra, plain, both):
    failed, done = [], threading.Event()

    def write(number):
        port = broker.port
        try:
            for i in range(ROUNDS):
                assert alter(port, "1", **(both if (i + number) % 2 else {"listeners": plain})) in (NONE, INVALID_CONFIG)
                assert alter(port, "", message_max_bytes=1000 * number + i) == NONE
                assert alter(port, "1", listeners=f"EXTRA://127.0.0.1:{extra}") == INVALID_CONFIG
                assert alter(port, "", max_connections=0) == INVALID_CONFIG
        except (OSError, AssertionError) as error:
            failed.append(error)

    def stay():
        try:
            with wire.Connection(broker.port) as connection:
                while not done.wait(0.01):
                    connection.call(wire.API_VERSIONS, 0)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, WRITERS + 1)]
    watcher = threading.Thread(target=stay)
    for thread in threads + [watcher]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert not failed, failed

    if env.target == "samsa":
        session_ends(broker, client)
    old = broker.session()
    broker.expire_session()        # while this is carried out:
    client.configure("brokers/1", {key.replace("_", "."): value for key, value in both.items()})
    client.configure("brokers/<default>", {"message.max.bytes": 4321})
    wait_for("it has another session", lambda: client.exists("/brokers/ids/1") and broker.session() != old)
    wait_for("the last listeners serve", lambda: serves(extra))
    wait_for("and are told", lambda: len(endpoints(client)) == 2)
    wait_for("the last number holds", lambda: in_force(broker.port, "message.max.bytes") == "4321")
