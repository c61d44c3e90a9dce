"""samsa-zk: the nodes of a living cluster explained, changed and watched; and contradictions found."""
import json
import os
import subprocess

from harness import Cluster, wait_for
from twin import check_progress, typed

PROGRAM = "samsa"


class Shell:
    def __init__(self, env, cluster):
        self.words = [os.path.join(os.path.dirname(env.binary), PROGRAM), "zk"]
        self.at = ["--zookeeper", cluster.zk_connect]

    def __call__(self, *words, status=0):
        done = subprocess.run([*self.words, *words, *self.at], capture_output=True, text=True, timeout=60)
        print("$ samsa zk", *words, done.returncode, done.stdout, done.stderr)
        assert done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stdout + done.stderr


def test(env):
    with Cluster(env) as cluster, cluster.zk_client() as client:
        broker = cluster.broker().start()
        broker.create_topic("plain", 2, retention_ms=3600000)
        wait_for("its states", lambda: client.exists("/brokers/topics/plain/partitions/1/state"))
        shell = Shell(env, cluster)
        explained(shell, broker)
        lines(shell, client)
        changed(shell, client)
        watched(env, shell, client)
        assert " 0 contradictions\n" in shell("check")
        for verb, end in (("check", " 0 contradictions\n"), ("tree", "\n")):
            assert check_progress(r"^\d+ nodes read$", *shell.words, verb, *shell.at).endswith(end)
        broker.stop()
        contradictions(shell, client)


def explained(shell, broker):
    said = shell("get", "/brokers/ids/1")
    assert said.startswith("/brokers/ids/1: registration of a broker\n") and f"PLAINTEXT at 127.0.0.1:{broker.port}" in said
    said = shell("get", "/brokers/topics/plain/partitions/1/state")
    assert "leader               broker 1\n" in said and "in sync              [1]" in said
    assert "retention.ms         3600000\n" in shell("get", "/config/topics/plain")
    assert json.loads(shell("get", "--raw", "/config/topics/plain"))["config"] == {"retention.ms": "3600000"}
    told = json.loads(shell("get", "--json", "/brokers/topics/plain"))
    assert (told["is"], told["data"]["partitions"]) == ("id and replicas of a topic", {"0": [1], "1": [1]})
    assert shell("ls", "/brokers").split() == ["ids", "seqid", "topics"]
    assert "controller           broker 1" in shell("get", "/controller")
    tree = shell("tree", "/brokers").splitlines()
    assert tree[0] == "/brokers" and any(line.startswith("    1 (ephemeral)  {") for line in tree), tree
    assert "there is no such node" in shell("get", "/nosuch", status=1)
    for words in (("get",), ("get", "nosuch"), ("bake", "/"), ("ls", "/", "/")):
        shell(*words, status=1)


def lines(shell, client):
    """Lines of standard input are commands: what is shared, what fails, what ends them."""
    def run(said, *words, status=0):
        done = subprocess.run([*shell.words, "shell", *shell.at, *words], input=said, capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done
        return done.stdout, done.stderr

    assert run("ls /brokers\n\n  ls /admin\nquit\nls /config\n") == ("ids\nseqid\ntopics\ndelete_topics\n", "")
    out, _ = run("get /controller_epoch", "--json")
    assert json.loads(out)["data"] == 1
    assert run("create /lines 'two words' --yes\r\nget --raw /lines\nset /lines no\n", status=1)[0].startswith("/lines\ntwo words")
    assert client.get("/lines")[0] == b"two words"
    out, said = run("get /nosuch\nbake\nls / /\n--json\nshell\nget '\nls \0\nls /x --timeout 1\nls /brokers\n", status=1)
    assert out == "ids\nseqid\ntopics\n" and len(said.splitlines()) == 8 and "/nosuch" in said.splitlines()[0], (out, said)
    assert "Commands: ls get" in run("help\n")[0] and "Commands: ls get" in run("get --help\n")[0]
    run("", "--timeout", "soon", status=1)
    run("", "/brokers", status=1)
    run("delete /lines --yes")
    assert not client.exists("/lines")
    told = typed([*shell.words, "shell", *shell.at], "ls /admin\nexit\n")
    assert told.endswith("zk> delete_topics\nzk> "), told


def changed(shell, client):
    """Nothing is changed unless it is meant."""
    assert "Would create /mine" in shell("create", "/mine", "one", status=1) and not client.exists("/mine")
    shell("create", "/mine", "one", "--yes")
    shell("create", "/mine/below", "--yes")
    assert client.get("/mine")[0] == b"one" and client.get("/mine/below")[0] is None
    assert "Would write 3 bytes over the 3 bytes of /mine" in shell("set", "/mine", "two", status=1)
    shell("set", "/mine", "two", "--yes")
    assert "changed meanwhile" in shell("set", "/mine", "three", "--node-version", "0", "--yes", status=1)
    assert client.get("/mine")[0] == b"two"
    assert "--recursive" in shell("delete", "/mine", "--yes", status=1)
    assert "Would delete 2 nodes: /mine" in shell("delete", "/mine", "--recursive", status=1)
    shell("delete", "/mine", "--recursive", "--yes")
    assert not client.exists("/mine")


def watched(env, shell, client):
    path = env.path("watched")
    with open(path, "wb") as out:
        process = subprocess.Popen([*shell.words, "watch", "/watched", *shell.at], stdout=out)
        try:
            told = lambda what: wait_for(what, lambda: what in open(path).read())
            told("/watched: the node does not exist")
            client.create("/watched", b"one")
            told("--- /watched: created")
            told("data                 one")
            client.set("/watched", b"two")
            told("data                 two")
            client.create("/watched/child")
            told("--- /watched: children changed")
            client.delete("/watched/child")
            client.delete("/watched")
            told("--- /watched: deleted")
        finally:
            process.kill()
            process.wait()


def contradictions(shell, client):
    state = "/brokers/topics/plain/partitions/0/state"
    client.set(state, b'{"version":1,"leader":9,"leader_epoch":0,"controller_epoch":99,"isr":[8]}')
    topic = json.loads(client.get("/brokers/topics/plain")[0])
    client.create("/brokers/topics/twin", json.dumps(topic).encode())
    client.create("/config/topics/gone", b'{"version":1,"config":{}}')
    client.create("/admin/delete_topics/gone2")
    client.create("/brokers/ids/5", b"{")
    client.create("/controller", b'{"version":2,"brokerid":9,"timestamp":"1","kraftControllerEpoch":-1}')
    said = shell("check", status=1)
    for line in ("/brokers/ids/5: is persistent", "/brokers/ids/5: cannot be read", "/controller: is persistent",
                 "/controller: points to broker 9, which is not registered",
                 state + ": the leader is broker 9, which is not registered",
                 state + ": the leader is broker 9, which is not in sync [8]",
                 state + ": broker 8 is in sync but none of the replicas [1]",
                 state + ": was written by a controller of epoch 99", "/brokers/topics/twin: has the topic id of",
                 "/config/topics/gone: there is no such topic", "/admin/delete_topics/gone2: there is no such topic"):
        assert line in said, f"not told: {line}\n{said}"
    told = [json.loads(line) for line in shell("check", "--json", status=1).splitlines()]
    assert {"path": "/config/topics/gone", "contradiction": "there is no such topic"} in told
