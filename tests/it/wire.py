"""Kafka's frames by hand, for what no real client would do."""
import socket
import struct

PRODUCE, FETCH, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS = 0, 1, 3, 18, 19, 20


def string(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(value):
    """A record batch of one record without a key; short enough for lengths of one byte."""
    assert len(value) < 50
    record = b"\0\0\0\1" + bytes([2 * len(value)]) + value + b"\0"
    rest = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, 1) + bytes([2 * len(record)]) + record
    tail = struct.pack(">ibI", 0, 2, crc32c(rest)) + rest
    return struct.pack(">qi", 0, len(tail)) + tail


class Connection:
    def __init__(self, port, context=None, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def frame(self, api, version, body=b"", client="wire"):
        """A request with header version 1, not yet sent; self.correlation is its id."""
        self.correlation += 1
        frame = struct.pack(">hhi", api, version, self.correlation) + string(client) + body
        return struct.pack(">i", len(frame)) + frame

    def send(self, api, version, body=b"", client="wire"):
        """Sends such a request; its correlation id."""
        self.raw(self.frame(api, version, body, client))
        return self.correlation

    def raw(self, data):
        self.socket.sendall(data)

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the broker hung up")
            data += more
        return bytes(data)

    def receive(self):
        """The next answer: its correlation id and the bytes after it."""
        frame = self.exactly(struct.unpack(">i", self.exactly(4))[0])
        return struct.unpack_from(">i", frame)[0], frame[4:]

    def call(self, api, version, body=b""):
        expected = self.send(api, version, body)
        correlation, answer = self.receive()
        assert correlation == expected, f"answer to {correlation}, expected {expected}"
        return answer

    def create_topic(self, topic, partitions=1):
        row = string(topic) + struct.pack(">ihii", partitions, 1, 0, 0)
        answer = self.call(CREATE_TOPICS, 0, array([row]) + struct.pack(">i", 30000))
        assert answer[-2:] == b"\0\0", f"CreateTopics says {answer[-2:].hex()}"

    def delete_topic(self, topic):
        answer = self.call(DELETE_TOPICS, 0, array([string(topic)]) + struct.pack(">i", 30000))
        assert answer[-2:] == b"\0\0", f"DeleteTopics says {answer[-2:].hex()}"

    def produce(self, topic, value, partition=0, acks=-1):
        """Produces one record; its offset, or the error as a negative number."""
        records = batch(value)
        row = string(topic) + array([struct.pack(">ii", partition, len(records)) + records])
        answer = self.call(PRODUCE, 3, string(None) + struct.pack(">hi", acks, 10000) + array([row]))
        error, offset = struct.unpack_from(">hq", answer, 4 + 2 + len(topic) + 4 + 4)
        return -error if error else offset

    def closed(self):
        """Waits until the other side hangs up; False when it sends something or the time runs out."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def api_versions(port, context=None, timeout=20):
    """{api: (lowest, highest)} as the broker advertises."""
    with Connection(port, context, timeout) as connection:
        answer = connection.call(API_VERSIONS, 0)
    error, count = struct.unpack_from(">hi", answer)
    assert error == 0, f"ApiVersions says {error}"
    rows = struct.iter_unpack(">hhh", answer[6:6 + 6 * count])
    return {api: (lowest, highest) for api, lowest, highest in rows}
