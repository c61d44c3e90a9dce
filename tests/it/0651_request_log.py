"""The request log: for each request the line of JSON that Apache Kafka writes, with neither passwords nor the values of
records, switched at run time. And what Kafka has not: those requests alone that took long.

Apache Kafka's tests log by slf4j-simple, which is not switched at run time: there it is on from the start."""
import json
import re

import batches
import kmsg
from harness import Cluster, wait_for

LOGGER, BROKER_LOGGER, BROKER, SET = "kafka.request.logger", 8, 4, 0
VALUE, PASSWORD = "what nobody may read", "hush-hush"
EVERYONE = "brokers/<default>"
KEYS = ["isForwarded", "requestHeader", "request", "response", "connection", "totalTimeMs", "requestQueueTimeMs", "localTimeMs",
        "remoteTimeMs", "throttleTimeMs", "responseQueueTimeMs", "sendTimeMs", "securityProtocol", "principal", "listener",
        "clientInformation"]
STAGES = ("requestQueueTimeMs", "localTimeMs", "remoteTimeMs", "responseQueueTimeMs", "sendTimeMs")
SLOW_MS, WAIT_MS = 1500, 2500


def logged(broker, head="DEBUG Completed request:"):
    """The log's requests, oldest first."""
    pattern = rf"^\[[^]]*\] {re.escape(head)}(\{{.*\}}) \({re.escape(LOGGER)}\)$"
    if broker.target == "kafka":
        pattern = rf"DEBUG {re.escape(LOGGER)} - Completed request:(\{{.*\}})$"
    return [json.loads(text) for text in re.findall(pattern, broker.text(), re.M)]


def of(lines, name, client="wire"):
    return [line for line in lines if (line["requestHeader"]["requestApiKeyName"], line["requestHeader"]["clientId"]) == (name, client)]


def alter(connection, kind, name, key, value):
    resource = {"resource_type": kind, "resource_name": name,
                "configs": [{"name": key, "config_operation": SET, "value": value}]}
    answer = connection.ask("incremental_alter_configs", 1, {"resources": [resource], "validate_only": False})
    return answer["responses"][0]["error_code"]


def switch(connection, level):
    assert alter(connection, BROKER_LOGGER, "1", LOGGER, level) == 0


def produce(connection, acks):
    data = [{"name": "told", "partition_data": [{"index": 0, "records": batches.batch([VALUE.encode()], key=None)}]}]
    message = {"acks": acks, "timeout_ms": 5000, "topic_data": data}
    if acks == 0:
        connection.send_message("produce", 9, message)
    else:
        assert connection.ask("produce", 9, message)["responses"][0]["partition_responses"][0]["error_code"] == 0


def fetch(connection, offset, wait_ms):
    row = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 100000}
    return connection.ask("fetch", 11, {"replica_id": -1, "max_wait_ms": wait_ms, "min_bytes": 1, "max_bytes": 100000,
                                        "topics": [{"topic": "told", "partitions": [row]}]})


def ask_all(connection):
    connection.ask("api_versions", 3, {"client_software_name": "quill", "client_software_version": "1.2"})
    connection.ask("metadata", 8, {"topics": [{"name": "told"}]})
    produce(connection, 0)
    produce(connection, -1)
    fetch(connection, 0, 0)
    alter(connection, BROKER, "1", "ssl.key.password", PASSWORD)


def check_line(line, port):
    assert list(line) == KEYS, f"keys: {list(line)}"
    assert line["isForwarded"] is False and line["connection"].startswith(f"127.0.0.1:{port}-127.0.0.1:")
    assert abs(line["totalTimeMs"] - sum(line[stage] for stage in STAGES)) < 0.01, line
    assert (line["securityProtocol"], line["principal"], line["listener"]) == ("PLAINTEXT", "User:ANONYMOUS", "PLAINTEXT")


def check_messages(lines):
    produced = of(lines, "PRODUCE")
    assert [line["request"]["acks"] for line in produced] == [0, -1]
    for line in produced:
        row = line["request"]["topicData"][0]
        assert row["name"] == "told" and row["partitionData"][0] == {"index": 0, "recordsSizeInBytes": SIZE}
    assert produced[0]["response"] == "" and produced[1]["response"]["responses"][0]["partitionResponses"][0]["baseOffset"] == 1
    assert [line["clientInformation"] for line in produced] == [{"softwareName": "quill", "softwareVersion": "1.2"}] * 2
    fetched, = of(lines, "FETCH")
    assert fetched["request"]["topics"][0]["partitions"][0]["fetchOffset"] == 0
    assert fetched["response"]["responses"][0]["partitions"][0]["recordsSizeInBytes"] == 2 * SIZE
    metadata = of(lines, "METADATA")[-1]
    assert metadata["response"]["topics"][0]["name"] == "told"
    header = metadata["requestHeader"]
    assert (header["requestApiKey"], header["requestApiVersion"], header["correlationId"] > 0) == (3, 8, True)


SIZE = len(batches.batch([VALUE.encode()], key=None))


def lines_of_requests(broker):
    with kmsg.Connection(broker.port) as connection:
        ask_all(connection)
        wait_for("the log has them", lambda: of(logged(broker), "FETCH") and len(of(logged(broker), "PRODUCE")) == 2)
    lines = logged(broker)
    for line in of(lines, "PRODUCE") + of(lines, "FETCH"):
        check_line(line, broker.port)
    check_messages(lines)
    assert VALUE not in broker.text()


def switched(broker):
    """On and off while it runs. Apache Kafka's own log then shows the password, in another line."""
    with kmsg.Connection(broker.port) as connection:
        connection.ask("list_groups", 3, {})
        assert not logged(broker), "it is off until it is switched on"
        switch(connection, "DEBUG")
        lines_of_requests(broker)
        switch(connection, "INFO")
        connection.ask("list_groups", 3, {})
    assert not of(logged(broker), "LIST_GROUPS"), "it was switched off"
    assert PASSWORD not in broker.text()


def slow(broker, client):
    def lines():
        return logged(broker, "WARN Slow request:")

    assert not lines()
    with kmsg.Connection(broker.port) as connection:
        def ask_and_look():
            connection.ask("list_groups", 3, {})
            return of(lines(), "LIST_GROUPS")

        client.configure(EVERYONE, {"slow.request.log.ms": 0})
        wait_for("each took longer", ask_and_look)
        for line in lines():
            check_line(line, broker.port)
        client.configure(EVERYONE, {"slow.request.log.ms": SLOW_MS})
        wait_for("none takes that long", lambda: len(ask_and_look()) == len(ask_and_look()))
        answer = fetch(connection, 2, WAIT_MS)
        assert not answer["responses"][0]["partitions"][0]["records"]
    assert not of(lines(), "FETCH"), "a consumer that waits for records is not slow"


def test(env):
    with Cluster(env) as cluster:
        broker = cluster.broker()
        if broker.target == "kafka":
            broker.prefix = ["env", f"KAFKA_OPTS=-Dorg.slf4j.simpleLogger.log.{LOGGER}=debug"]
        broker.start()
        broker.create_topic("told", retention_ms=-1)
        if broker.target == "kafka":
            lines_of_requests(broker)
        else:
            switched(broker)
            with cluster.zk_client() as client:
                slow(broker, client)
        broker.stop()
