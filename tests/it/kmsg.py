"""Any message of Kafka's protocol to bytes and back, read from the schemas that the broker's own code is made of.

A message is a dictionary with the schema's names; what is left out has its default. The codec itself shares nothing
with what gen.py makes, so that a slip there shows. call() of Connection speaks any API in any version."""
import functools
import glob
import importlib.util
import os
import struct
import uuid

import wire

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FIXED = {"bool": ">?", "i8": ">b", "i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I", "i64": ">q", "f64": ">d"}


@functools.cache
def units():
    """The schemas by name, as gen.py parses them."""
    folder = os.path.join(TOP, "broker", "protocol")
    spec = importlib.util.spec_from_file_location("gen", os.path.join(folder, "gen.py"))
    gen = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gen)
    found = (gen.Unit(path) for path in glob.glob(os.path.join(folder, "schema", "*.kmsg")))
    return {unit.name: unit for unit in found}


def api(name):
    """(key, request, response) of an API by its schema's name."""
    unit = units()[name]
    return unit.api.key, *unit.messages


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


# ---- to bytes ----

def length(count, wide, flexible, plain):
    """The length before text or an array; None is null. `wide` is the layout where it is not compact."""
    if flexible and not plain:
        return varint(0 if count is None else count + 1)
    return struct.pack(wide, -1 if count is None else count)


def encode_text(field, value, flexible):
    data = value.encode() if isinstance(value, str) else value
    wide = ">h" if field.base == "string" else ">i"
    return length(None if data is None else len(data), wide, flexible, field.plain) + (data or b"")


def encode_one(field, value, version, flexible):
    if field.is_struct():
        if field.null and not field.array:
            return b"\xff" if value is None else b"\x01" + encode_struct(field.struct, value, version, flexible)
        return encode_struct(field.struct, value or {}, version, flexible)
    if field.text():
        return encode_text(field, value, flexible)
    if field.base == "uuid":
        return uuid.UUID(int=0).bytes if value is None else value.bytes
    return struct.pack(FIXED[field.base], value)


def encode_field(field, value, version, flexible):
    if not field.array:
        return encode_one(field, value, version, flexible)
    count = None if value is None else len(value)
    return length(count, ">i", flexible, False) + b"".join(encode_one(field, v, version, flexible) for v in value or [])


def default(field):
    if field.default == "null":
        return None
    if field.array:
        return []
    if field.is_struct():
        return None if field.null else {}
    if field.text():
        return b"" if field.base in ("bytes", "records") else ""
    if field.base == "uuid":
        return uuid.UUID(int=0)
    if field.default is None:
        return 0
    return field.default == "true" if field.base == "bool" else int(field.default)


def encode_struct(s, message, version, flexible):
    known = {field.name for field in s.fields}
    assert known >= set(message), f"{s.name} has no {set(message) - known}"
    out, tagged = [], []
    for field in s.fields:
        if not field.versions.has(version):
            continue
        value = message.get(field.name, default(field))
        if field.tag is None:
            out.append(encode_field(field, value, version, flexible))
        elif value != default(field):
            tagged.append((field.tag, encode_field(field, value, version, flexible)))
    if flexible:
        out.append(varint(len(tagged)))
        out += [varint(tag) + varint(len(data)) + data for tag, data in sorted(tagged)]
    return b"".join(out)


def encode(message, version, values):
    return encode_struct(message.root, values, version, version >= message.flexible)


# ---- from bytes ----

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "the message is too short"
        self.at += count
        return self.data[self.at - count:self.at]

    def fixed(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.fixed(">B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def length(self, wide, flexible, plain):
        count = self.varint() - 1 if flexible and not plain else self.fixed(wide)
        return None if count < 0 else count


def decode_one(field, r, version, flexible):
    if field.is_struct():
        if field.null and not field.array and r.fixed(">b") < 0:
            return None
        return decode_struct(field.struct, r, version, flexible)
    if field.text():
        count = r.length(">h" if field.base == "string" else ">i", flexible, field.plain)
        data = None if count is None else r.take(count)
        return data.decode() if data is not None and field.base == "string" else data
    if field.base == "uuid":
        return uuid.UUID(bytes=bytes(r.take(16)))
    return r.fixed(FIXED[field.base])


def decode_field(field, r, version, flexible):
    if not field.array:
        return decode_one(field, r, version, flexible)
    count = r.length(">i", flexible, False)
    return None if count is None else [decode_one(field, r, version, flexible) for _ in range(count)]


def decode_struct(s, r, version, flexible):
    out = {}
    for field in s.fields:
        if field.versions.has(version) and field.tag is None:
            out[field.name] = decode_field(field, r, version, flexible)
    tags = {field.tag: field for field in s.fields if field.tag is not None and field.versions.has(version)}
    for _ in range(r.varint() if flexible else 0):
        tag, inner = r.varint(), None
        inner = Reader(r.take(r.varint()))
        assert tag in tags, f"{s.name} has no tag {tag} in version {version}"
        out[tags[tag].name] = decode_field(tags[tag], inner, version, flexible)
        assert inner.at == len(inner.data), f"tag {tag} of {s.name} has {len(inner.data) - inner.at} bytes too many"
    return out


def decode(message, version, data):
    r = Reader(data)
    values = decode_struct(message.root, r, version, version >= message.flexible)
    assert r.at == len(data), f"{message.name} v{version} has {len(data) - r.at} bytes too many"
    return values


# ---- a connection ----

class Connection(wire.Connection):
    def send_message(self, name, version, values, client="wire"):
        """Sends a request; its correlation id."""
        key, request, _ = api(name)
        self.correlation += 1
        flexible = version >= request.flexible
        frame = struct.pack(">hhi", key, version, self.correlation) + wire.string(client) + b"\0" * flexible
        frame += encode(request, version, values)
        self.raw(struct.pack(">i", len(frame)) + frame)
        return self.correlation

    def receive_message(self, name, version):
        """The next answer, its correlation id and message."""
        _, _, response = api(name)
        correlation, data = self.receive()
        if version >= response.flexible and name != "api_versions":
            assert data[:1] == b"\0", "tagged fields in the response's header"
            data = data[1:]
        try:
            return correlation, decode(response, version, data)
        except (AssertionError, UnicodeDecodeError) as error:
            raise AssertionError(f"{name} v{version} of port {self.socket.getpeername()[1]}: {error}: {data.hex()}") from None

    def ask(self, name, version, values):
        expected = self.send_message(name, version, values)
        correlation, answer = self.receive_message(name, version)
        assert correlation == expected, f"answer to {correlation}, expected {expected}"
        return answer
