"""What /metrics tells of connections: who their clients say they are, how they speak TLS, who asks in versions that are
deprecated, and whether a listener keeps them waiting. Names that are made up take places for as long as they stay, and no page without end."""
import ssl

import kmsg
from harness import Cluster, wait_for
from prometheus import Page

TARGETS = ("samsa",)    # Apache Kafka tells this over JMX, which needs a Java agent
CONNECTIONS = "kafka_server_socket_server_metrics_connections"
DEPRECATED = "kafka_network_requestmetrics_deprecatedrequests_total"
KINDS_MAX, MADE_UP = 100, 120


def told(port, name):
    """Samples by all of their labels but the core, added up."""
    sums = {}
    for key, value in Page(port).samples.items():
        if key[0] == name:
            labels = dict(key[1:])
            labels.pop("networkProcessor", None)
            of = tuple(value for value in labels.values() if value)
            sums[of] = sums.get(of, 0) + value
    return sums


def traffic(port, what):
    """By listener."""
    return {key[0]: value for key, value in told(port, "kafka_server_socket_server_metrics_" + what).items()}


def call_oneself(connection, name, version):
    asked = {"client_software_name": name, "client_software_version": version}
    return connection.ask("api_versions", 3, asked)["error_code"]


def clients(broker, port):
    """(name, version, listener), as labels are sorted."""
    def connections():
        return told(port, CONNECTIONS)
    wait_for("nobody is connected", lambda: not connections())
    with kmsg.Connection(broker.port) as quill, kmsg.Connection(broker.port) as other:
        assert call_oneself(quill, "quill", "1.2") == 0
        other.ask("api_versions", 0, {})
        unknown = ("unknown", "unknown", "PLAINTEXT")
        assert connections() == {("quill", "1.2", "PLAINTEXT"): 1, unknown: 1}
        assert call_oneself(other, 'qu"ill', "1.2") == 42
        assert call_oneself(other, "quill", "1.2") == call_oneself(quill, "quill", "1.3") == 0
        assert connections() == {("quill", "1.2", "PLAINTEXT"): 1, ("quill", "1.3", "PLAINTEXT"): 1}
    wait_for("they are gone", lambda: not connections())


def ciphers(certs, port, tls_port):
    """(cipher, listener, protocol), and the client of the same connection."""
    context = ssl.create_default_context(cafile=certs.ca)
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = version
        context.minimum_version = version
        with kmsg.Connection(tls_port, context) as c:
            assert call_oneself(c, "quill", "1.2") == 0
            of_tls = {key: n for key, n in told(port, CONNECTIONS).items() if "TLS" in key}
            (cipher,) = (key[0] for key in of_tls if name in key)
            assert cipher.startswith("TLS_"), of_tls
            assert of_tls == {(cipher, "TLS", name): 1, ("quill", "1.2", "TLS"): 1}, of_tls
            assert traffic(port, "connection_count")["TLS"] == 1
        wait_for("it is gone", lambda: not any("TLS" in key for key in told(port, CONNECTIONS)))
    wait_for("both are counted", lambda: traffic(port, "connection_close_total")["TLS"] == 2)
    assert traffic(port, "successful_authentication_total") == {"TLS": 2, "PLAINTEXT": 0, "LIMITED": 0}
    assert traffic(port, "request_total")["TLS"] == 2 and traffic(port, "connection_count")["TLS"] == 0


def deprecated(broker, port):
    """(client's name and version, API, version); what is not deprecated is not told."""
    assert told(port, DEPRECATED) == {}
    fetch = {"replica_id": -1, "max_wait_ms": 0, "min_bytes": 0, "topics": []}
    with kmsg.Connection(broker.port) as c:
        c.ask("list_offsets", 1, {"replica_id": -1, "topics": []})
        c.ask("list_offsets", 0, {"replica_id": -1, "topics": []})
        assert call_oneself(c, "quill", "0.9") == 0
        for _ in range(2):
            c.ask("fetch", 3, fetch)
        c.ask("fetch", 4, fetch)
        expected = {("unknown", "unknown", "ListOffsets", "0"): 1, ("quill", "0.9", "Fetch", "3"): 2,
                    ("quill", "0.9", "FetchConsumer", "3"): 2}
        wait_for("they are counted", lambda: told(port, DEPRECATED) == expected)
    assert told(port, DEPRECATED) == expected, "what was counted went with the connection"


def blocked(broker, port, limited):
    """Only while somebody wants a slot that is not there, and of that listener only."""
    def share(listener):
        return Page(port)("kafka_network_acceptor_acceptorblocked_percent", listener=listener)
    with kmsg.Connection(limited) as first, kmsg.Connection(limited) as second:
        for connection in (first, second):
            connection.ask("api_versions", 0, {})
        assert share("LIMITED") == share("PLAINTEXT") == 0
        with kmsg.Connection(limited) as third:
            third.send_message("api_versions", 0, {})
            wait_for("its acceptor is blocked", lambda: 0 < share("LIMITED") <= 1)
            second.socket.close()
            third.receive_message("api_versions", 0)
        assert share("PLAINTEXT") == 0


def made_up(broker, port, cores):
    """Each core tells so many apart; what comes beyond is one sample, and is gone when they are."""
    crowd = []
    try:
        for i in range(MADE_UP * cores):
            crowd.append(kmsg.Connection(broker.port))
            assert call_oneself(crowd[-1], f"made-up-{i}", "x" * 3000) == 0
        page = told(port, CONNECTIONS)
        assert sum(page.values()) >= len(crowd)
        assert len(page) <= KINDS_MAX * cores + 1, len(page)
        assert page[("(others)",) * 3] > 0
        assert all(len(label) <= 128 for key in page for label in key)
    finally:
        for connection in crowd:
            connection.socket.close()
    wait_for("the crowd is gone", lambda: not any("made-up" in label or label == "(others)"
                                                  for key in told(port, CONNECTIONS) for label in key))


def test(env):
    port, tls_port, limited = (env.ports.take() for _ in range(3))
    certs = env.certs()
    with Cluster(env) as cluster:
        broker = cluster.broker(metrics_port=port)
        broker.config["listeners"] += f",TLS://127.0.0.1:{tls_port},LIMITED://127.0.0.1:{limited}"
        broker.config["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,TLS:SSL,LIMITED:PLAINTEXT"
        broker.config["listener.name.limited.max.connections"] = 2
        store = certs.broker_config() | {"ssl.client.auth": "none"}
        broker.config |= {f"listener.name.tls.{key}": value for key, value in store.items()}
        broker.start()
        cores = len({dict(key[1:])["networkProcessor"] for key in Page(port).samples
                     if key[0] == "kafka_network_processor_idle_percent"})
        clients(broker, port)
        ciphers(certs, port, tls_port)
        deprecated(broker, port)
        blocked(broker, port, limited)
        made_up(broker, port, cores)
        broker.stop()
