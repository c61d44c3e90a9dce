"""Kafka's frames by hand, for what no real client would do."""
import socket
import struct

PRODUCE, FETCH, METADATA, API_VERSIONS, CREATE_TOPICS = 0, 1, 3, 18, 19


def string(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


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

    def send(self, api, version, body=b"", client="wire"):
        """Sends a request with header version 1; its correlation id."""
        self.correlation += 1
        frame = struct.pack(">hhi", api, version, self.correlation) + string(client) + body
        self.raw(struct.pack(">i", len(frame)) + frame)
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
