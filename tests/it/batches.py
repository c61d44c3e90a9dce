"""Record batches by hand: well made, or wrong in one named way."""
import gzip
import struct
import zlib

HEAD = struct.Struct(">qiibIhiqqqhii")     # base offset ... count
TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = value << 1 if value >= 0 else ~(value << 1)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def text(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(delta, key, value, timestamp_delta=0, headers=()):
    body = b"\0" + varint(timestamp_delta) + varint(delta) + text(key) + text(value) + varint(len(headers))
    body += b"".join(text(k) + text(v) for k, v in headers)
    return varint(len(body)) + body


def batch(values, timestamp=0, key=b"k", codec=0, count=None, last_delta=None, base_offset=0, producer=(-1, -1, -1),
          attributes=0, break_crc=False, timestamps=None, magic=2, deltas=None, tail=b""):
    """A batch of format 2 with a record for each value; the other arguments override what would be right."""
    deltas = range(len(values)) if deltas is None else deltas
    timestamps = timestamps or [timestamp] * len(values)
    records = b"".join(record(d, key, v, t - timestamp) for d, v, t in zip(deltas, values, timestamps)) + tail
    if codec == 1:
        records = gzip.compress(records, mtime=0)
    count = len(values) if count is None else count
    last_delta = len(values) - 1 if last_delta is None else last_delta
    rest = struct.pack(">hiqqqhii", codec | attributes, last_delta, timestamp, max(timestamps), *producer, count) + records
    crc = crc32c(rest) ^ (1 if break_crc else 0)
    body = struct.pack(">iBI", -1, magic, crc) + rest
    return struct.pack(">qi", base_offset, len(body)) + body


def message(value, magic, timestamp=0, key=None, attributes=0, offset=0, break_crc=False):
    """A message of format 0 or 1."""
    rest = bytes([magic, attributes]) + (struct.pack(">q", timestamp) if magic else b"")
    for data in (key, value):
        rest += struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data
    return struct.pack(">qiI", offset, len(rest) + 4, zlib.crc32(rest) ^ break_crc) + rest


def wrapper(messages, magic, timestamp=0, attributes=0, offset=None, **more):
    """Messages of format 0 or 1 as a set under gzip in the value of another."""
    return message(gzip.compress(b"".join(messages), mtime=0), magic, timestamp, attributes=attributes | 1,
                   offset=len(messages) - 1 if offset is None else offset, **more)


def look(data):
    """What batches there are: the header's fields and the bytes of the records; what is no whole batch comes last."""
    found = []
    while len(data) >= 17 and len(data) >= 12 + struct.unpack_from(">i", data, 8)[0]:
        size = 12 + struct.unpack_from(">i", data, 8)[0]
        if data[16] < 2:
            found.append({"magic": data[16], "offset": struct.unpack_from(">q", data)[0], "rest": data[17:size].hex()})
        else:
            base, _, epoch, magic, _, attributes, last, first_ms, max_ms, pid, pepoch, sequence, count = HEAD.unpack_from(data)
            records = gzip.decompress(data[HEAD.size:size]) if attributes & 7 == 1 else data[HEAD.size:size]
            found.append({"base_offset": base, "leader_epoch": epoch, "magic": magic, "attributes": attributes,
                          "last_offset_delta": last, "base_timestamp": first_ms, "max_timestamp": "append time" if attributes & 8 else max_ms,
                          "producer_id": pid, "producer_epoch": pepoch, "base_sequence": sequence, "count": count,
                          "records": records.hex()})
        data = data[size:]
    return found + ([{"cut": len(data)}] if data else [])
