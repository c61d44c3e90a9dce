"""Elections and moves of replicas that admins ask for, as far as one broker goes: answers, znodes, and what is under way
after a restart. Broker 9 does not exist."""
import json
import re

import kmsg
from harness import Cluster, wait_for
from prometheus import Page

PREFERRED, UNCLEAN = 0, 1


def shown(rows, outer, inner, *fields):
    """An answer's rows as {topic: {partition: fields}}."""
    return {row[outer[0]]: {p[inner]: tuple(p[f] for f in fields) for p in row[outer[1]]} for row in rows}


class Admin:
    def __init__(self, broker):
        self.connection = kmsg.Connection(broker.port, timeout=20)

    def ask(self, name, version, request):
        return self.connection.ask(name, version, request)

    def elect(self, version, kind, partitions, timeout_ms=10000):
        rows = None if partitions is None else [{"topic": t, "partitions": p} for t, p in partitions.items()]
        answer = self.ask("elect_leaders", version, {"election_type": kind, "topic_partitions": rows,
                                                     "timeout_ms": timeout_ms})
        found = shown(answer["replica_election_results"], ("topic", "partition_result"), "partition_id", "error_code")
        return answer.get("error_code", 0), {t: {i: c[0] for i, c in rows.items()} for t, rows in found.items()}

    def move(self, targets):
        """{topic: {partition: replicas or None}} to {topic: {partition: error}}."""
        topics = [{"name": t, "partitions": [{"partition_index": i, "replicas": r} for i, r in rows.items()]}
                  for t, rows in targets.items()]
        answer = self.ask("alter_partition_reassignments", 0, {"topics": topics})
        assert answer["error_code"] == 0, answer
        found = shown(answer["responses"], ("name", "partitions"), "partition_index", "error_code")
        return {t: {i: c[0] for i, c in rows.items()} for t, rows in found.items()}

    def moving(self, partitions=None):
        topics = None if partitions is None else [{"name": t, "partition_indexes": p} for t, p in partitions.items()]
        answer = self.ask("list_partition_reassignments", 0, {"topics": topics})
        assert answer["error_code"] == 0, answer
        return shown(answer["topics"], ("name", "partitions"), "partition_index", "replicas", "adding_replicas",
                     "removing_replicas")


def create(admin, name, replicas):
    answer = admin.ask("create_topics", 5, {"timeout_ms": 1000, "topics": [
        {"name": name, "num_partitions": -1, "replication_factor": -1,
         "assignments": [{"partition_index": i, "broker_ids": ids} for i, ids in enumerate(replicas)]}]})
    assert answer["topics"][0]["error_code"] in (0, 7), answer     # 7: nobody can lead it


def state(client, topic, partition=0):
    data = json.loads(client.get(f"/brokers/topics/{topic}/partitions/{partition}/state")[0])
    return data["leader"], data["isr"], data["leader_epoch"]


def placed(client, topic):
    data = json.loads(client.get(f"/brokers/topics/{topic}")[0])
    return tuple({int(i): r for i, r in data[k].items()} for k in ("partitions", "adding_replicas", "removing_replicas"))


def elections(admin):
    assert admin.elect(0, PREFERRED, {"two": [0, 1, 7], "none": [0]}) == \
        (0, {"two": {0: 84, 1: 84, 7: 3}, "none": {0: 3}})
    assert admin.elect(1, UNCLEAN, {"two": [0, 1]}) == (0, {"two": {0: 84, 1: 84}})
    assert admin.elect(2, PREFERRED, {"away": [0]}) == (0, {"away": {0: 80}})
    assert admin.elect(2, UNCLEAN, {"away": [0]}) == (0, {"away": {0: 84}})
    assert admin.elect(2, PREFERRED, None) == (0, {"away": {0: 80}, "stuck": {0: 80, 1: 80}, "old": {0: 80, 1: 80}})
    assert admin.elect(2, UNCLEAN, None) == (0, {})
    assert admin.elect(2, PREFERRED, {}) == (0, {})
    assert admin.elect(2, 5, {"two": [0]})[0] == -1
    assert admin.elect(2, PREFERRED, {"two": [0, 0]}) == (0, {"two": {0: 84}})


def moves(admin, client):
    assert admin.move({"two": {0: [], 1: [1, 1], 7: [1]}, "none": {0: [1]}}) == \
        {"two": {0: 39, 1: 39, 7: 3}, "none": {0: 3}}
    assert admin.move({"two": {0: [-1], 1: [1, 9]}, "away": {0: None}}) == {"two": {0: 39, 1: 39}, "away": {0: 85}}
    assert admin.moving() == {}
    before = state(client, "two")
    assert admin.move({"two": {0: [1]}}) == {"two": {0: 0}}
    assert state(client, "two") == (1, [1], before[2] + 1), "a new epoch, and all as it was"
    assert placed(client, "two") == ({0: [1], 1: [1]}, {}, {})
    assert admin.move({"turn": {0: [9, 1]}}) == {"turn": {0: 0}}
    assert placed(client, "turn") == ({0: [9, 1]}, {}, {}), "another order takes effect at once"
    assert admin.move({"away": {0: [1]}}) == {"away": {0: 0}}
    assert placed(client, "away") == ({0: [1]}, {}, {}), "a replica less, too"
    assert state(client, "away")[:2] == (1, [1])


def waits(admin, client):
    """A target that cannot be reached is under way, until it is changed or called off."""
    assert admin.move({"stuck": {0: [9], 1: [9]}}) == {"stuck": {0: 0, 1: 0}}
    both = {"stuck": {0: ([9, 1], [], [1]), 1: ([9, 1], [], [1])}}
    assert admin.moving() == both
    assert admin.moving({"stuck": [1, 5], "two": [0], "none": [0]}) == {"stuck": {1: both["stuck"][1]}}
    assert placed(client, "stuck") == ({0: [9, 1], 1: [9, 1]}, {}, {0: [1], 1: [1]})
    assert state(client, "stuck")[:2] == (1, [1])
    assert admin.move({"stuck": {1: None}}) == {"stuck": {1: 0}}
    assert placed(client, "stuck") == ({0: [9, 1], 1: [9, 1]}, {}, {0: [1]})


def called_off(admin, client):
    assert admin.moving() == {"stuck": {0: ([9, 1], [], [1])}}, "a restart does not end it"
    client.create("/admin/delete_topics/stuck")
    client.create("/admin/delete_topics/two")
    wait_for("the other topic is gone", lambda: not client.exists("/brokers/topics/two"))
    assert client.exists("/brokers/topics/stuck/partitions/0/state"), "what moves is not deleted"
    assert admin.move({"stuck": {0: [1]}}) == {"stuck": {0: 3}}, "and moves nowhere else"


def figures(env, port, reassigning, **expected):
    """What metrics tell of replicas and of the controller. Apache Kafka's are behind JMX."""
    if env.target == "samsa":
        page = Page(port)
        assert page("kafka_server_replicamanager_reassigningpartitions") == reassigning
        got = {name: page("kafka_controller_kafkacontroller_" + name) for name in expected}
        assert got == expected, got


def by_znode(admin, client):
    client.create("/admin/reassign_partitions", json.dumps({"version": 1, "partitions": [
        {"topic": "old", "partition": 0, "replicas": [9]}, {"topic": "old", "partition": 1, "replicas": [1]},
        {"topic": "none", "partition": 0, "replicas": [1]}]}).encode())
    wait_for("it is under way", lambda: admin.moving({"old": [0]}) == {"old": {0: ([9, 1], [], [1])}})

    def left():
        rows = json.loads(client.get("/admin/reassign_partitions")[0])["partitions"]
        return [(r["topic"], r["partition"]) for r in rows] == [("old", 0)]
    wait_for("what is done is taken out", left)
    assert admin.move({"old": {0: None}}) == {"old": {0: 0}}
    wait_for("and in the end the node", lambda: not client.exists("/admin/reassign_partitions"))
    assert placed(client, "old") == ({0: [9, 1], 1: [1]}, {}, {})


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        port = env.ports.take()
        broker = cluster.broker(**({"metrics_port": port} if env.target == "samsa" else {})).start()
        admin = Admin(broker)
        for name, replicas in {"two": [[1], [1]], "away": [[9, 1]], "turn": [[1, 9]],
                               "stuck": [[9, 1], [9, 1]], "old": [[9, 1], [9, 1]]}.items():
            create(admin, name, replicas)
            for i in range(len(replicas)):
                wait_for("somebody leads", lambda: client.exists(f"/brokers/topics/{name}/partitions/{i}/state"))
        elections(admin)
        moves(admin, client)
        by_znode(admin, client)
        figures(env, port, 0)
        waits(admin, client)
        figures(env, port, 1)
        broker.stop()
        broker.start()
        admin = Admin(broker)
        wait_for("the controller knows", lambda: admin.moving())
        called_off(admin, client)
        # 1 leads "turn" and one of "old", which 9 should; "stuck" is on its way out
        figures(env, port, 1, topicstodeletecount=1, topicsineligibletodeletecount=1, replicastodeletecount=4,
                replicasineligibletodeletecount=0, preferredreplicaimbalancecount=2)
        words = broker.tool("org.apache.kafka.tools.LeaderElectionCommand", "--election-type", "preferred",
                            "--topic", "turn", "--partition", "0", status=1)
        assert re.search("PreferredLeaderNotAvailable", words), words
        broker.stop()
