"""A small ZooKeeper client: enough of its wire format to look at the tree, change it, and end sessions."""
import json
import re
import socket
import struct
from collections import namedtuple

Stat = namedtuple("Stat", "czxid mzxid ctime mtime version cversion aversion ephemeral_owner data_length "
                  "num_children pzxid")
STAT = struct.Struct(">qqqqiiiqiiq")

CREATE, DELETE, GET, SET, GET_ACL, CHILDREN, CLOSE = 1, 2, 4, 5, 6, 12, -11
EPHEMERAL, SEQUENTIAL = 1, 2
SESSION_EXPIRED = -112
ERRORS = {-4: "connection loss", -101: "no node", -110: "node exists", SESSION_EXPIRED: "session expired", -103: "bad version",
          -111: "not empty", -108: "no children for ephemerals"}


class ZkError(Exception):
    def __init__(self, code):
        super().__init__(ERRORS.get(code, f"error {code}"))
        self.code = code


class NoNode(ZkError):
    pass


def buffer(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def text(string):
    return buffer(string.encode())


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values if len(values) > 1 else values[0]

    def buffer(self):
        length = self.take(">i")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at]

    def text(self):
        return self.buffer().decode()

    def stat(self):
        return Stat(*self.take(STAT.format))


def session_password(session):
    """What ZooKeeper gives as the password of a session: 16 bytes of Java's Random, seeded by the session's id."""
    seed = ((session ^ 0xB3415C00) ^ 0x5DEECE66D) & (1 << 48) - 1
    password = b""
    for _ in range(4):
        seed = (seed * 0x5DEECE66D + 0xB) & (1 << 48) - 1
        password += struct.pack("<I", seed >> 16 & 0xFFFFFFFF)
    return password


class Zk:
    """One session. `with Zk(port) as zk` closes it, and with it its ephemeral nodes."""

    def __init__(self, port, chroot="", timeout_ms=30000, session=0, wait_s=20):
        self.chroot, self.xid = chroot, 0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=wait_s)
        password = session_password(session) if session else bytes(16)
        self._send(struct.pack(">iqiq", 0, 0, timeout_ms, session) + buffer(password) + b"\0")
        answer = Reader(self._receive())
        _, self.timeout_ms, self.session = answer.take(">iiq")
        if self.session == 0:
            raise ZkError(SESSION_EXPIRED)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            try:
                self._call(CLOSE, b"")
            except OSError:
                pass
            self.socket.close()
            self.socket = None

    def _send(self, data):
        self.socket.sendall(struct.pack(">i", len(data)) + data)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("ZooKeeper hung up")
            data += more
        return data

    def _receive(self):
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def _call(self, kind, body):
        self.xid += 1
        self._send(struct.pack(">ii", self.xid, kind) + body)
        while True:
            answer = Reader(self._receive())
            xid, _, code = answer.take(">iqi")
            if xid == self.xid:
                break
        if code == -101:
            raise NoNode(code)
        if code:
            raise ZkError(code)
        return answer

    def _path(self, path):
        return text((self.chroot + path).rstrip("/") or "/")

    def get(self, path):
        answer = self._call(GET, self._path(path) + b"\0")
        return answer.buffer(), answer.stat()

    def exists(self, path):
        try:
            self.get(path)
            return True
        except NoNode:
            return False

    def children(self, path):
        answer = self._call(CHILDREN, self._path(path) + b"\0")
        return sorted(answer.text() for _ in range(answer.take(">i")))

    def acl(self, path):
        answer = self._call(GET_ACL, self._path(path))
        entries = []
        for _ in range(answer.take(">i")):
            perms = answer.take(">i")
            letters = "".join(c for i, c in enumerate("rwcda") if perms >> i & 1)
            entries.append(f"{answer.text()}:{answer.text()}:{letters}")
        return ",".join(entries)

    def create(self, path, data=None, flags=0):
        anyone = struct.pack(">ii", 1, 31) + text("world") + text("anyone")
        self._call(CREATE, self._path(path) + buffer(data) + anyone + struct.pack(">i", flags))

    def set(self, path, data, version=-1):
        self._call(SET, self._path(path) + buffer(data) + struct.pack(">i", version))

    def configure(self, entity, config, announce=True):
        """What /config keeps for an entity ("brokers/1", "topics/t"), all of it, written and announced as Kafka's tools
        do; {} for nothing."""
        path = f"/config/{entity}"
        data = json.dumps({"version": 1, "config": {k: str(v) for k, v in config.items()}}).encode()
        if self.exists(path):
            self.set(path, data)
        else:
            self.create(path, data)
        if announce:
            change = json.dumps({"version": 2, "entity_path": entity}, separators=(",", ":")).encode()
            self.create("/config/changes/config_change_", change, SEQUENTIAL)

    def delete(self, path, version=-1):
        self._call(DELETE, self._path(path) + struct.pack(">i", version))


def end_session(port, session):
    """Takes a living session over from its owner and closes it: for the owner it has expired. ZooKeeper now and then
    hangs up on such a one, so this goes on until the session is known to be over. The owner must be held still, or it
    may win the session back in between (Broker.expire_session)."""
    while True:
        try:
            Zk(port, session=session, wait_s=1).close()
        except (ConnectionError, TimeoutError):
            continue
        except ZkError as error:
            if error.code != SESSION_EXPIRED:
                raise
            return


# What differs between two runs that did the same.
VARYING = [(re.compile(pattern), replacement) for pattern, replacement in (
    (r'"timestamp":"\d+"', '"timestamp":"TIME"'),
    (r'("id":)"[\w-]{22}"', r'\1"ID"'),
    (r'("topic_id":)"[\w-]{22}"', r'\1"ID"'),
    (r'(127\.0\.0\.1:|"port":)\d+', r'\1PORT'))]


def show(data):
    if data is None:
        return "null"
    shown = data.decode()
    for pattern, replacement in VARYING:
        shown = pattern.sub(replacement, shown)
    return shown


def tree(zk, path="/", owners=None):
    """The nodes under path, one a line: path, kind, version, cversion, ACL, data; ids, times and ports blanked.
    owners names the owner of an ephemeral node by its session, as learnt from /brokers/ids."""
    if owners is None:
        owners = {zk.get(f"/brokers/ids/{b}")[1].ephemeral_owner: b for b in zk.children("/brokers/ids")}
    lines = []
    for child in zk.children(path):
        if path == "/" and child == "zookeeper":
            continue
        name = path.rstrip("/") + "/" + child
        data, stat = zk.get(name)
        kind = "persistent"
        if stat.ephemeral_owner:
            kind = f"ephemeral of broker {owners.get(stat.ephemeral_owner, '?')}"
        lines.append(f"{name}\t{kind}\tversion {stat.version}\tcversion {stat.cversion}\t{zk.acl(name)}\t{show(data)}")
        lines += tree(zk, name, owners)
    return lines
