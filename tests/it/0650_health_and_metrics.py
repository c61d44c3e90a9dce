"""/metrics, /healthz, /readyz and /startupz on metrics.port: what they count is what was sent, from before the start
until the end. Without metrics.port nothing listens."""
import concurrent.futures
import socket

import kmsg
from harness import Cluster, wait_for
from prometheus import TOPICS, Page, ask

TARGETS = ("samsa",)    # Apache Kafka tells this over JMX, which needs a Java agent
LINES = [f"line {i} of what is counted" for i in range(500)]
BIG = "x" * 60000
MEMBER_ID_REQUIRED = 79


def health(port):
    """The status of each page, and what is said."""
    pages = {page: ask(port, "/" + page) for page in ("healthz", "readyz", "startupz")}
    return {page: status for page, (status, _) in pages.items()}, {page: said for page, (_, said) in pages.items()}


def check_counts(before, page, broker):
    assert before.topic("messagesin") == 0 and page.topic("messagesin") == len(LINES)
    size = page.sum("kafka_log_log_size")
    assert page.topic("bytesin") == page.topic("bytesout") == size > sum(map(len, LINES))
    assert page.topic("totalproducerequests") >= page.topic("failedproducerequests") == 0
    assert page.topic("bytesrejected") > len(BIG)
    assert page("kafka_log_log_logendoffset", topic="counted", partition="1") == broker.offset("counted", 1) == len(LINES)
    assert page("kafka_log_log_logendoffset", topic="counted", partition="0") == 0
    for metric in ("partitioncount", "leadercount", "atminisrpartitioncount"):
        assert page("kafka_server_replicamanager_" + metric) == 3
    for metric in ("underreplicatedpartitions", "underminisrpartitioncount", "offlinereplicacount"):
        assert page("kafka_server_replicamanager_" + metric) == 0
    assert page.sum("kafka_cluster_partition_insyncreplicascount") == 3


STAGES = ("requestqueuetimems", "localtimems", "remotetimems", "responsequeuetimems", "responsesendtimems")
MICROSECOND = 0.001


def check_stages(of, page, request):
    """The stages are together the whole, but for what each loses below a microsecond."""
    count, whole = (page(of + "totaltimems" + what, request=request) for what in ("_count", "_sum"))
    sums = [page(of + stage + "_sum", request=request) for stage in STAGES]
    assert all(page(of + stage + "_count", request=request) == count for stage in STAGES)
    assert abs(sum(sums) - whole) <= len(STAGES) * MICROSECOND * count, f"{request}: {sums} of {whole}"
    assert sums[1] > 0, f"{request}: none is local"


def check_requests(before, page):
    of = "kafka_network_requestmetrics_"
    for request in ("Produce", "Fetch", "FetchConsumer", "Metadata", "ApiVersions"):
        versions = sum(value for key, value in page.samples.items()
                       if key[0] == of + "requests_total" and ("request", request) in key)
        assert versions == page(of + "totaltimems_count", request=request) == page(of + "requestbytes_count", request=request)
        assert 0 < page(of + "totaltimems_sum", request=request)
        quantiles = [page(of + "totaltimems", request=request, quantile=q) for q in ("0.50", "0.75", "0.95", "0.99", "0.999")]
        assert quantiles == sorted(quantiles) and quantiles[0] > 0
        check_stages(of, page, request)
    # Topics are made in the control plane; a consumer at the end of its log waits for more.
    assert page(of + "requestqueuetimems_sum", request="CreateTopics") > 0 and page(of + "responsequeuetimems_sum", request="CreateTopics") > 0
    assert page(of + "remotetimems_sum", request="CreateTopics") == 0 < page(of + "remotetimems_sum", request="FetchConsumer")
    assert page(of + "requestbytes_sum", request="Produce") > page.topic("bytesin")
    frames = page.sum("kafka_server_socket_server_metrics_request_total")
    assert frames >= page.sum(of + "requests_total") - page(of + "totaltimems_count", request="FetchConsumer")
    assert page.sum("kafka_server_socket_server_metrics_incoming_byte_total") > page.topic("bytesin")
    fallen = [key for key, value in before.samples.items()
              if page.described.get(key[0]) == "counter" and page.samples.get(key, -1) < value]
    assert not fallen, f"counters that went back: {fallen}"


def check_errors(page):
    def told(request, error):
        return page.samples.get(("kafka_network_requestmetrics_errors_total", ("error", error), ("request", request)), 0)

    assert told("Produce", "NONE") == page("kafka_network_requestmetrics_totaltimems_count", request="Produce") - 1
    assert told("Produce", "MESSAGE_TOO_LARGE") == 1
    assert told("ApiVersions", "NONE") > 0 == told("ApiVersions", "UNSUPPORTED_VERSION")


def check_broker(page):
    assert page("kafka_server_kafkaserver_brokerstate") == 3
    assert page("kafka_controller_kafkacontroller_activecontrollercount") == 1
    assert page("kafka_controller_kafkacontroller_offlinepartitionscount") == 0
    assert page("kafka_controller_kafkacontroller_globalpartitioncount") == 3
    for quiet in ("controllerstate", "preferredreplicaimbalancecount", "replicastodeletecount", "topicsineligibletodeletecount",
                  "replicasineligibletodeletecount"):
        assert page("kafka_controller_kafkacontroller_" + quiet) == 0
    assert page("kafka_controller_controllerstats_uncleanleaderelections_total") == 0
    assert page("kafka_server_metadataloader_currentcontrollerid") == 1
    assert page("kafka_server_sessionexpirelistener_sessionstate", state="CONNECTED") == 1
    assert page("kafka_coordinator_group_groupmetadatamanager_numgroups") == 0
    assert page("samsa_all_answered") == 1
    assert 0 < page("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent") <= 1
    cores(page)
    assert page("kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms_count") > 0
    assert page("kafka_network_requestchannel_requestqueuesize") == 0
    for operation in ("Produce", "DeleteRecords", "topic", "ElectLeader"):
        assert page("kafka_server_delayedoperationpurgatory_purgatorysize", delayedOperation=operation) == 0
    assert 0 < page("process_cpu_seconds_total") and 2 ** 20 < page("process_resident_memory_bytes")
    assert page.sum("samsa_core_cpu_seconds_total") <= page("process_cpu_seconds_total")
    assert 0 < page("process_open_fds") <= page("process_max_fds")


def cores(page):
    """Each core tells of itself; it has worked and has rested."""
    def told(name, label):
        return {dict(key[1:])[label]: value for key, value in page.samples.items() if key[0] == name}

    cpu, idle = told("samsa_core_cpu_seconds_total", "core"), told("kafka_network_processor_idle_percent", "networkProcessor")
    assert idle and set(cpu) == {"control", *idle} and set(idle) == {str(i) for i in range(len(idle))}
    assert all(seconds > 0 for seconds in cpu.values()), cpu
    assert all(0 < share <= 1 for share in idle.values()), idle
    assert abs(sum(idle.values()) / len(idle) - page("kafka_network_socketserver_networkprocessoravgidle_percent")) < 1e-6
    assert page("kafka_network_socketserver_memorypoolavailable") > 0 == page("kafka_server_replicamanager_produceridcount")
    assert page("kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total") == 0
    assert page("kafka_server_kafkaserver_linux_disk_read_bytes") >= 0 <= page("kafka_server_kafkaserver_linux_disk_write_bytes")


def before_zookeeper(cluster, broker, port):
    """It waits for ZooKeeper: alive, neither started nor ready, and it says so."""
    broker.launch()
    wait_for("the metrics port is open", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    statuses, said = health(port)
    assert statuses == {"healthz": 200, "readyz": 503, "startupz": 503}, (statuses, said)
    assert "starting" in said["readyz"] and "0%" in said["startupz"], said
    page = Page(port)
    assert page("kafka_server_kafkaserver_brokerstate") == 1 and page("samsa_all_answered") == 1
    assert "kafka_server_replicamanager_partitioncount" not in page.described
    cluster.zk.start()
    broker.wait_serving()
    wait_for("it is ready", lambda: health(port)[0] == {"healthz": 200, "readyz": 200, "startupz": 200})


def fill(env, broker):
    words = env.path("words")
    with open(words, "w") as f:
        f.write("\n".join(LINES) + "\n")
    broker.kcat("-P", "-t", "counted", "-p", 1, stdin=words)
    broker.kcat("-C", "-t", "counted", "-p", 1, "-e", "-q")
    with open(words, "w") as f:
        f.write(BIG + "\n")
    broker.kcat("-P", "-t", "counted", "-p", 0, "-X", "retries=0", stdin=words, status=1)


def counts(env, broker, port):
    broker.create_topic("counted", 3, max_message_bytes=50000, compression_type="producer")
    wait_for("the topic is there", lambda: (TOPICS.format("messagesin"), ("topic", "counted")) in Page(port).samples)
    before = Page(port)
    fill(env, broker)
    page = Page(port)
    check_counts(before, page, broker)
    check_requests(before, page)
    check_errors(page)
    check_broker(page)


def groups(broker, port):
    """How far a group is behind, in records and in seconds."""
    commit = {"group_id": "behind", "generation_id_or_member_epoch": -1, "topics": [
        {"name": "counted", "partitions": [{"partition_index": 1, "committed_offset": 100}, {"partition_index": 2, "committed_offset": 0}]}]}
    find = {"key_type": 0, "coordinator_keys": ["behind"]}
    with kmsg.Connection(broker.port) as connection:
        wait_for("the group is coordinated", lambda: connection.ask("find_coordinator", 4, find)["coordinators"][0]["error_code"] == 0)

        def committed():
            topics = connection.ask("offset_commit", 8, commit)["topics"]
            return not any(p["error_code"] for t in topics for p in t["partitions"])
        wait_for("its offsets are committed", committed)
    page = Page(port)
    of = "kafka_coordinator_group_groupmetadatamanager_num"
    assert (page(of + "groups"), page(of + "groupsempty"), page(of + "offsets")) == (1, 1, 2)
    there = {"consumergroup": "behind", "topic": "counted", "partition": "1"}
    assert page("kafka_consumergroup_current_offset", **there) == 100
    assert page("kafka_consumergroup_lag", **there) == len(LINES) - 100
    assert 0 < page("samsa_consumergroup_lag_seconds", **there) < 3600
    there["partition"] = "2"
    assert page("kafka_consumergroup_lag", **there) == page("samsa_consumergroup_lag_seconds", **there) == 0
    assert page("samsa_consumergroups_left_out") == 0
    coordinated(broker, port, page)


GROUP_COUNTS = "kafka_server_group_coordinator_metrics_"


def coordinated(broker, port, page):
    """What the coordinator counts, and what waits for its members."""
    def told(page, *names):
        return tuple(page(GROUP_COUNTS + name + "_count") for name in names)

    assert told(page, "offset_commit", "offset_deletion", "offset_expiration", "group_completed_rebalance") == (2, 0, 0, 0)
    assert 0 <= page(GROUP_COUNTS + "partition_load_time_avg") <= page(GROUP_COUNTS + "partition_load_time_max") < 60000
    assert waiting(page) == (0, 0)
    with kmsg.Connection(broker.port) as c:
        gone = [{"name": "counted", "partitions": [{"partition_index": 2}, {"partition_index": 0}]}]
        assert c.ask("offset_delete", 0, {"group_id": "behind", "topics": gone})["error_code"] == 0
        joining = {"group_id": "behind", "session_timeout_ms": 60000, "rebalance_timeout_ms": 60000, "protocol_type": "consumer",
                   "protocols": [{"name": "range"}]}
        to_come = c.ask("join_group", 4, joining)
        assert to_come["error_code"] == MEMBER_ID_REQUIRED, to_come
        joined = c.ask("join_group", 3, joining)
        assert waiting(Page(port)) == (2, 1)    # the one that is to come; the other one's sync
        sync = {"group_id": "behind", "generation_id": joined["generation_id"], "member_id": joined["member_id"],
                "assignments": [{"member_id": joined["member_id"], "assignment": b"x"}]}
        assert c.ask("sync_group", 2, sync)["error_code"] == 0
        assert c.ask("leave_group", 1, {"group_id": "behind", "member_id": to_come["member_id"]})["error_code"] == 0
    page = Page(port)
    assert told(page, "offset_commit", "offset_deletion", "offset_expiration", "group_completed_rebalance") == (2, 1, 0, 1)
    assert waiting(page) == (1, 0)


def waiting(page):
    return tuple(page("kafka_server_delayedoperationpurgatory_numdelayedoperations", delayedOperation=operation)
                 for operation in ("Heartbeat", "Rebalance"))


def many_at_once(port):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for page in pool.map(lambda _: Page(port), range(64)):
            assert page("samsa_all_answered") == 1


def another_session(broker, port):
    """Who has lost its session is not registered; it becomes so again by itself."""
    broker.expire_session()
    wait_for("the session is counted as expired", lambda: Page(port)("kafka_server_sessionexpirelistener_zookeeperexpires_total") == 1)
    wait_for("it is ready again", lambda: health(port)[0]["readyz"] == 200)


def port_taken(cluster, port):
    other = cluster.broker(2, metrics_port=port).launch()
    assert other.process.wait() == 1
    assert f"metrics.port={port} cannot be listened on: Address already in use" in other.text()


def test(env):
    port = env.ports.take()
    with Cluster(env, own_zk=True) as cluster:
        cluster.zk.stop()
        broker = cluster.broker(metrics_port=port, group_initial_rebalance_delay_ms=0)
        before_zookeeper(cluster, broker, port)
        counts(env, broker, port)
        groups(broker, port)
        many_at_once(port)
        assert ask(port, "/nothing")[0] == 404 and ask(port, "/")[0] == 404
        assert ask(port, "/metrics", "POST")[0] == 405
        another_session(broker, port)
        port_taken(cluster, port)
        broker.stop()
        del broker.config["metrics.port"]
        broker.start()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "the metrics port is open though unset"
        broker.stop()
