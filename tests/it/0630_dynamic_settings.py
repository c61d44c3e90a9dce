"""Settings of brokers that change in ZooKeeper take effect without restart: defaults of topics, limits of connections,
listeners; what is wrong among them changes nothing, and all of it survives a restart."""
import contextlib
import json
import threading
import time

import batches
import kmsg
import wire
from harness import Cluster, wait_for

EVERYONE, OWN = "brokers/<default>", "brokers/1"
TOO_LARGE = 10
PER_IP, ALL = 6, 4
RATE, AT_ONCE, AT_LEAST_S = 2, 10, 2    # connections a second, that come at once, and what they must take of it


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        port = env.ports.take()
        broker = cluster.broker(quota_window_num=2)    # or Apache Kafka lets ten seconds' worth in at once
        for folder in ("", "/config", "/config/brokers"):
            client.create(folder)
        client.configure(EVERYONE, {"message.max.bytes": 3000}, announce=False)
        broker.start()
        broker.create_topic("sizes")
        defaults_of_topics(broker, client)
        limits(broker, client)
        creation_rate(broker, client)
        listeners(env, broker, client, port)
        bad_ones(env, broker, client, port)
        broker.stop()
        broker.start()
        survives(env, broker, client, port)
        if env.target == "samsa":
            announced_anew(broker, client)
        broker.stop()


# ---- defaults of topics ----

def refusal(broker, size):
    """0, or the error of a record of that size."""
    data = [{"name": "sizes", "partition_data": [{"index": 0, "records": batches.batch([b"x" * size], key=None)}]}]
    with kmsg.Connection(broker.port) as connection:
        answer = connection.ask("produce", 3, {"acks": 1, "timeout_ms": 5000, "topic_data": data})
    return answer["responses"][0]["partition_responses"][0]["error_code"]


def takes(broker, size):
    error = refusal(broker, size)
    assert error in (0, TOO_LARGE), error
    return error == 0


def defaults_of_topics(broker, client):
    assert takes(broker, 2000) and not takes(broker, 4000), "what was set before the start does not hold"
    client.configure(OWN, {"message.max.bytes": 5000})
    wait_for("the broker's own setting holds", lambda: takes(broker, 4000))
    assert not takes(broker, 6000)
    client.configure(EVERYONE, {"message.max.bytes": 7000})
    client.configure(OWN, {})
    wait_for("that of all brokers holds", lambda: takes(broker, 6000))
    client.configure("topics/sizes", {"max.message.bytes": 1000})
    wait_for("the topic's own wins", lambda: not takes(broker, 2000))
    client.configure("topics/sizes", {})
    wait_for("and no more", lambda: takes(broker, 6000))


# ---- limits of connections ----

def is_open(connection):
    try:
        connection.call(wire.API_VERSIONS, 0)
        return True
    except OSError:
        return False


def opened(port, count):
    """So many connections at once, and how many of them are served."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(wire.Connection(port, timeout=3)) for _ in range(count)]
        return sum(map(is_open, held))


def limits(broker, client):
    assert opened(broker.port, PER_IP + 2) == PER_IP + 2
    client.configure(EVERYONE, {"max.connections.per.ip": PER_IP})
    wait_for("each address may have so many connections", lambda: 0 < opened(broker.port, PER_IP + 2) <= PER_IP)
    client.configure(EVERYONE, {"max.connections.per.ip": PER_IP, "max.connections.per.ip.overrides": "127.0.0.1:50"})
    wait_for("this one may have more", lambda: opened(broker.port, PER_IP + 2) == PER_IP + 2)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(wire.Connection(broker.port, timeout=3)) for _ in range(ALL * 2)]
        assert all(map(is_open, held))
        client.configure(EVERYONE, {"max.connections": ALL})
        wait_for("those above the limit are closed", lambda: sum(map(is_open, held)) <= ALL)
        client.configure(EVERYONE, {})
    wait_for("all may come again", lambda: opened(broker.port, ALL * 2) == ALL * 2)


def creation_rate(broker, client):
    """The rate is a floor for the time that many connections take, however fast or slow all else is."""
    def seconds():
        began = time.monotonic()
        assert opened(broker.port, AT_ONCE) == AT_ONCE
        return time.monotonic() - began
    client.configure(EVERYONE, {"max.connection.creation.rate": RATE})
    wait_for("so many take as long as they must", lambda: seconds() >= AT_LEAST_S)
    client.configure(EVERYONE, {})
    wait_for("and no more", lambda: seconds() < AT_LEAST_S)


# ---- listeners ----

def registered(client):
    return json.loads(client.get("/brokers/ids/1")[0])["endpoints"]


def two_listeners(broker, port, **more):
    both = f"PLAINTEXT://127.0.0.1:{broker.port},EXTRA://127.0.0.1:{port}"
    return {"listeners": both, "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"} | more


def tells(port):
    """The address of the broker that Metadata tells on a listener; None where nobody listens, or not yet."""
    try:
        with kmsg.Connection(port, timeout=5) as connection:
            brokers = connection.ask("metadata", 1, {"topics": []})["brokers"]
            return f"{brokers[0]['host']}:{brokers[0]['port']}" if brokers else None
    except OSError:
        return None


class Caller(threading.Thread):
    """Asks over one connection, again and again; `failed` when that ends."""

    def __init__(self, port):
        super().__init__()
        self.port, self.done, self.failed, self.calls = port, threading.Event(), None, 0
        self.start()

    def run(self):
        try:
            with wire.Connection(self.port) as connection:
                while not self.done.wait(0.01):
                    connection.call(wire.API_VERSIONS, 0)
                    self.calls += 1
        except OSError as error:
            self.failed = error

    def end(self):
        self.done.set()
        self.join()


def listeners(env, broker, client, port):
    epoch = client.get("/brokers/ids/1")[1].czxid
    old, others = Caller(broker.port), []
    try:
        client.configure(OWN, two_listeners(broker, port))
        wait_for("the new listener serves", lambda: tells(port) == f"127.0.0.1:{port}")
        assert registered(client) == [f"PLAINTEXT://127.0.0.1:{broker.port}", f"EXTRA://127.0.0.1:{port}"]
        others = [Caller(port) for _ in range(3)]
        wait_for("it is used", lambda: all(o.calls > 3 for o in others))
        client.configure(OWN, {"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"})
        wait_for("its connections are closed", lambda: all(o.failed for o in others))
        wait_for("nobody listens there", lambda: tells(port) is None)
        wait_for("its registration goes", lambda: registered(client) == [f"PLAINTEXT://127.0.0.1:{broker.port}"])
        for _ in range(5):     # one after the other, as quickly as they can be written: the last one counts
            client.configure(OWN, {})
            client.configure(OWN, two_listeners(broker, port))
        wait_for("it serves again", lambda: tells(port) == f"127.0.0.1:{port}")
        limited = two_listeners(broker, port) | {"listener.name.extra.max.connections": 2}
        client.configure(OWN, limited)
        wait_for("a limit of its own holds", lambda: opened(port, 3) == 2)
        assert opened(broker.port, 5) == 5
        assert client.get("/brokers/ids/1")[1].czxid == epoch, "the broker has registered anew"
    finally:
        old.end()
        for other in others:
            other.end()
    assert not old.failed and old.calls > 10, f"another listener's connection has suffered: {old.failed}"
    named = two_listeners(broker, port) | {
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker.port},EXTRA://localhost:{port}"}
    client.configure(OWN, named)
    wait_for("another name is told", lambda: tells(port) == f"localhost:{port}")
    assert registered(client) == [f"PLAINTEXT://127.0.0.1:{broker.port}", f"EXTRA://localhost:{port}"]
    client.configure(OWN, two_listeners(broker, port))
    wait_for("and no more", lambda: tells(port) == f"127.0.0.1:{port}")
    if env.target == "samsa":       # 3.9.2 writes the new port down and goes on listening on the old one
        moved = env.ports.take()
        client.configure(OWN, two_listeners(broker, moved))
        wait_for("a listener moves", lambda: tells(moved) == f"127.0.0.1:{moved}")
        wait_for("away", lambda: tells(port) is None)
        client.configure(OWN, two_listeners(broker, port))
        wait_for("and back", lambda: tells(port) == f"127.0.0.1:{port}")


# ---- what is wrong ----

def bad_ones(env, broker, client, port):
    def says(words):
        return lambda: words in broker.text()[before:]
    before = len(broker.text())
    client.configure(OWN, two_listeners(broker, port) | {"listeners": f"EXTRA://127.0.0.1:{port}"})
    wait_for("a word on the brokers' own listener", says("could not be applied"))
    assert tells(broker.port) and tells(port) == f"127.0.0.1:{port}", "a broken setting has taken a listener away"
    before = len(broker.text())
    client.configure(OWN, two_listeners(broker, port, **{"message.max.bytes": "many", "broker.id": 7}))
    wait_for("a word on the number", says("contains invalid values in"))
    wait_for("a word on what is fixed", says("Non-dynamic configs configured in ZooKeeper will be ignored"))
    before = len(broker.text())
    client.configure(OWN, two_listeners(broker, port, **{"num.io.threads": 100, "message.max.bytes": 2000}))
    wait_for("a word on the threads", says("could not be applied"))
    assert takes(broker, 6000), "a part of what was refused holds"
    if env.target == "samsa":       # 3.9.2 has taken it into its configuration before it fails to bind, and stays so
        with contextlib.closing(wire.socket.create_server(("127.0.0.1", env.ports.take()))) as taken:
            before = len(broker.text())
            client.configure(OWN, two_listeners(broker, taken.getsockname()[1]))
            wait_for("a word on the port", says("cannot listen on"))
            assert tells(port) == f"127.0.0.1:{port}"
    client.configure(OWN, two_listeners(broker, port, **{"message.max.bytes": 2000}))
    wait_for("the next change holds", lambda: not takes(broker, 3000))


def announced_anew(broker, client):
    """Somebody clears /config/changes, the node itself too, or counts as he likes. 3.9 then follows nothing any more."""
    for name in client.children("/config/changes"):
        client.delete(f"/config/changes/{name}")
    client.delete("/config/changes")
    wait_for("it is there again", lambda: client.exists("/config/changes"))
    client.configure(OWN, {"message.max.bytes": 2000})
    wait_for("numbers may begin anew", lambda: not takes(broker, 3000))
    client.create("/config/changes/config_change_9999999999", b'{"version":2,"entity_path":"brokers/1"}')
    client.configure(OWN, {})
    wait_for("a number that is too high hides none", lambda: takes(broker, 3000))


def survives(env, broker, client, port):
    wait_for("it leads again", lambda: refusal(broker, 100) == 0)
    assert tells(port) == f"127.0.0.1:{port}" and not takes(broker, 3000)
    broker.expire_session()
    wait_for("it registers again, with what was set", lambda: client.exists("/brokers/ids/1")
             and len(registered(client)) == 2)
    client.configure(OWN, {})
    wait_for("and goes on following", lambda: takes(broker, 6000) and tells(port) is None)
    wait_for("the registration too", lambda: len(registered(client)) == 1)
