"""What the integration tests stand on: a ZooKeeper, brokers, clients. See README.

A test is a file NNNN_name.py with a docstring and a function test(env). The same test runs against Samsa and, as
its control, against Apache Kafka itself: env.target says which."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import java
import wire
import zk as zookeeper
from certs import Certs

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
ZK_SERVER = "/usr/share/zookeeper/bin/zkServer.sh"

# Where each broker must be found ready or gone; far above what it takes, far below a hung test.
START_S, STOP_S = 60, 60
# What a broker's output may never hold.
ALARMS = re.compile(r"AddressSanitizer|ThreadSanitizer|runtime error:|LeakSanitizer|assertion|panic", re.I)


def wait_for(what, condition, seconds=30, every=0.05):
    """Waits until condition() is true and gives its value back."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)


def write_properties(path, config):
    with open(path, "w") as f:
        for key, value in config.items():
            value = str(value).replace("\\", "\\\\").replace("\n", "\\n")
            f.write(f"{key}={value}\n")
    return path


class Ports:
    """Hands out the ports from first on that nobody listens on."""

    def __init__(self, first):
        self.next = first

    def take(self):
        while True:
            self.next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", self.next))
                    return self.next


class Process:
    """A server in its own process group, with its words in a file."""

    def __init__(self, words, log, env=None):
        self.log, self.words = log, words
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                          start_new_session=True, env={**os.environ, **(env or {})})
        self.pid = self.popen.pid

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def running(self):
        return self.popen.poll() is None

    def wait(self, seconds=STOP_S):
        """Its exit status; it is an error to be still there after so long."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.popen.wait()
            raise AssertionError(f"still running {seconds} s later: {' '.join(self.words)}") from None

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()


class ZooKeeper:
    """Debian's ZooKeeper, alone."""

    def __init__(self, folder, port):
        self.folder, self.port, self.process = folder, port, None
        os.makedirs(os.path.join(folder, "data"), exist_ok=True)
        self.config = write_properties(os.path.join(folder, "zoo.cfg"), {
            "tickTime": 500, "dataDir": os.path.join(folder, "data"), "clientPort": port,
            "clientPortAddress": "127.0.0.1", "admin.enableServer": "false", "maxClientCnxns": 0,
            "maxSessionTimeout": 60000, "4lw.commands.whitelist": "*"})

    def start(self):
        self.process = Process([ZK_SERVER, "start-foreground", self.config], os.path.join(self.folder, "zk.log"),
                               {"ZOO_LOG_DIR": self.folder, "ZOO_LOG4J_PROP": "INFO,CONSOLE"})
        wait_for("ZooKeeper serves", self.serves, START_S)
        return self

    def serves(self):
        assert self.process.running(), f"ZooKeeper ended, see {self.folder}/zk.log"
        with contextlib.suppress(OSError), zookeeper.Zk(self.port, wait_s=1):    # one that starts may never answer
            return True

    def stop(self):
        if self.process:
            self.process.kill()
            self.process = None


class Broker:
    """One broker, Samsa or Apache Kafka, with its folder, configuration and log."""

    def __init__(self, cluster, number, name, config, target):
        self.cluster, self.id, self.target = cluster, number, target
        self.folder = os.path.join(cluster.env.folder, name or f"broker-{number}")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.port = cluster.env.ports.take()
        self.tls_port = cluster.env.ports.take()
        self.process, self.prefix = None, []
        os.makedirs(self.folder, exist_ok=True)
        self.config = {
            "broker.id": number, "zookeeper.connect": cluster.zk_connect, "log.dirs": self.data,
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}", "zookeeper.session.timeout.ms": 6000,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 2,
            "num.network.threads": 2, "num.io.threads": 2, "log.cleaner.dedupe.buffer.size": 4194304}
        if target == "samsa" and cluster.env.cores:
            self.config["num.cores"] = cluster.env.cores
        self.config |= config

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def tls(self, certs, **how):
        """Adds a TLS listener beside the plain one."""
        self.config["listeners"] += f",SSL://127.0.0.1:{self.tls_port}"
        self.config |= certs.broker_config(**how)
        return self

    def words(self):
        file = write_properties(os.path.join(self.folder, "server.properties"), self.config)
        if self.target == "kafka":
            return self.prefix + [java.PEER, "kafka", java.KAFKA, file]
        return self.prefix + [self.cluster.env.binary, file]

    def launch(self):
        """Starts the process and waits for nothing."""
        assert not self.process or not self.process.running(), "it runs already"
        self.process = Process(self.words(), self.log)
        return self

    def start(self, seconds=START_S):
        """Starts, and waits until it answers. Apache Kafka dies on its own old node, so that one is waited for."""
        if self.target == "kafka" and self.cluster.zk.process:
            self.wait_unregistered(20)
        self.launch()
        return self.wait_serving(seconds)

    def wait_serving(self, seconds=START_S):
        wait_for(f"broker {self.id} serves", self.serves, seconds)
        wait_for(f"broker {self.id} knows itself", self.knows_itself, seconds)
        return self

    def serves(self):
        assert self.process.running(), f"broker {self.id} ended with {self.process.popen.poll()}:\n{self.tail()}"
        with contextlib.suppress(OSError):
            return wire.api_versions(self.port, timeout=5)

    def knows_itself(self):
        """Until the controller has told it who is there, a broker answers Metadata with nobody."""
        with contextlib.suppress(OSError), wire.Connection(self.port, timeout=5) as connection:
            return int.from_bytes(connection.call(wire.METADATA, 1, b"\0\0\0\0")[:4], "big") > 0

    def wait_unregistered(self, seconds):
        with self.cluster.zk_client() as client:
            wait_for(f"broker {self.id} is off ZooKeeper", lambda: not client.exists(f"/brokers/ids/{self.id}"), seconds)

    def session(self):
        """The ZooKeeper session that owns its registration."""
        with self.cluster.zk_client() as client:
            return client.get(f"/brokers/ids/{self.id}")[1].ephemeral_owner

    def expire_session(self):
        """Ends its ZooKeeper session, which is given back. Held still meanwhile, or it could take the session back
        in the midst of that: ZooKeeper would then let it live on in a session that is no more."""
        session = self.session()
        self.process.signal(signal.SIGSTOP)
        try:
            zookeeper.end_session(self.cluster.zk.port, session)
        finally:
            self.process.signal(signal.SIGCONT)
        return session

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def tail(self, lines=20):
        return "\n".join(self.text().splitlines()[-lines:])

    def stop(self):
        """SIGTERM, and the clean end of it."""
        self.process.signal(signal.SIGTERM)
        status = self.process.wait()
        assert status in ((0,) if self.target == "samsa" else (0, 143)), f"broker {self.id} ended with {status}:\n{self.tail()}"
        self.check_log()

    def kill(self):
        self.process.kill()
        self.check_log()

    def check_log(self):
        """A sanitizer's report or a failed assertion fails any test."""
        if self.target == "samsa":
            found = ALARMS.search(self.text())
            assert not found, f"broker {self.id} says:\n{self.text()[max(0, found.start() - 300):found.start() + 3000]}"

    def client_config(self, name="client", **more):
        """A properties file for a Java client of this broker; underscores in names stand for dots."""
        config = {"bootstrap.servers": self.bootstrap} | {k.replace("_", "."): v for k, v in more.items()}
        return write_properties(os.path.join(self.folder, name + ".properties"), config)

    def tool(self, name, *words, **how):
        """One of Kafka's Java commands against this broker."""
        return java.tool(name, "--bootstrap-server", self.bootstrap, *words, **how)

    def kcat(self, *words, **how):
        return kcat("-b", self.bootstrap, *words, **how)

    def create_topic(self, topic, partitions=1, **config):
        """By kafka-topics, as a person does."""
        words = [w for key, value in config.items() for w in ("--config", f"{key.replace('_', '.')}={value}")]
        return self.tool("topics", "--create", "--topic", topic, "--partitions", partitions,
                         "--replication-factor", 1, *words)

    def offset(self, topic, partition=0, when="latest"):
        """What kafka-get-offsets says; None as long as the broker does not serve that partition."""
        of = f"{topic}:{partition}"
        said = self.tool("get-offsets", "--topic-partitions", of, "--time", when, status=None)
        return int(said.split(":")[2]) if said.startswith(of + ":") else None


class Cluster:
    """Brokers on one ZooKeeper. `with` ends them all. Clusters of one test on the shared one differ by `chroot`."""

    def __init__(self, env, own_zk=False, chroot=""):
        self.env, self.brokers = env, []
        self.own_zk = own_zk
        if own_zk:
            self.zk, self.chroot = ZooKeeper(os.path.join(env.folder, "zk"), env.ports.take()), ""
        else:
            self.zk, self.chroot = env.shared_zk(), "/" + env.name + chroot
        self.zk_connect = f"127.0.0.1:{self.zk.port}{self.chroot}"

    def __enter__(self):
        if self.own_zk:
            self.zk.start()
        return self

    def __exit__(self, *_):
        alive = [b for b in self.brokers if b.process and b.process.running()]
        for broker in alive:
            broker.process.kill()
        if self.own_zk:
            self.zk.stop()
        for broker in alive:
            broker.check_log()

    def broker(self, number=1, name=None, target=None, **config):
        """A broker, not yet started; the same name has the same disk. Underscores in names of config stand for dots."""
        config = {key.replace("_", "."): value for key, value in config.items()}
        self.brokers.append(Broker(self, number, name, config, target or self.env.target))
        return self.brokers[-1]

    def zk_client(self, **how):
        return zookeeper.Zk(self.zk.port, self.chroot, **how)


class Env:
    """What one test is given."""

    def __init__(self, run, name, folder):
        self.run, self.name, self.folder = run, name, folder
        self.target, self.binary, self.cores = run.target, run.binary, run.cores
        self.scale, self.patience = run.scale, run.patience
        self.ports = run.ports

    def shared_zk(self):
        return self.run.shared_zk()

    def certs(self):
        return self.run.certs()

    def path(self, name):
        return os.path.join(self.folder, name)


def kcat(*words, stdin=None, stdout=None, timeout=120, status=0):
    """Runs kcat; stdin and stdout are paths of files. Gives back what it printed, when stdout is not named."""
    with contextlib.ExitStack() as files:
        source = files.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
        sink = files.enter_context(open(stdout, "wb")) if stdout else subprocess.PIPE
        done = subprocess.run(["kcat", *map(str, words)], stdin=source, stdout=sink, stderr=subprocess.PIPE, timeout=timeout)
    said = done.stderr.decode(errors="replace")
    print(f"$ kcat {' '.join(map(str, words))}\n{said}", end="")
    if status is not None and done.returncode != status:
        raise AssertionError(f"kcat {' '.join(map(str, words))} ended with {done.returncode}:\n{said}")
    return None if stdout else done.stdout.decode(errors="replace")
