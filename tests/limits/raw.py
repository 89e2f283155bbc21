"""Requests as bytes, for tests that measure a node and want no client between: frames, CreateTopics, Produce."""
import os, struct, time

def string(text):
    return struct.pack(">h", len(text)) + text.encode()

def ask(s, key, version, body):
    frame = struct.pack(">hhi", key, version, 1) + string("x") + body
    s.sendall(struct.pack(">i", len(frame)) + frame)
    head = b""
    while len(head) < 4:
        head += s.recv(4 - len(head))
    left, answer = struct.unpack(">i", head)[0], b""
    while len(answer) < left:
        answer += s.recv(left - len(answer))
    return answer

def create_topic(s, name, partitions):
    """The answer to CreateTopics; it ends with two zeros when it was made."""
    body = struct.pack(">i", 1) + string(name) + struct.pack(">ihii", partitions, 1, 0, 0) + struct.pack(">i", 120000)
    return ask(s, 19, 0, body)

def produce(s, topic, partitions, batch, acks=1):
    """The same batch to each of them; the error codes."""
    body = struct.pack(">hhi", -1, acks, 60000) + struct.pack(">i", 1) + string(topic)
    body += struct.pack(">i", len(partitions))
    body += b"".join(struct.pack(">ii", p, len(batch)) + batch for p in partitions)
    answer = ask(s, 0, 7, body)
    at = 4 + 4 + 2 + len(topic) + 4 # correlation, topics, name, partitions; each: index, error, 3 x int64
    return [struct.unpack_from(">h", answer, at + 30 * i + 4)[0] for i in range(len(partitions))]

def latest(s, topic, partitions):
    """Of each partition its error code and its end (ListOffsets)."""
    body = struct.pack(">ii", -1, 1) + string(topic) + struct.pack(">i", len(partitions))
    body += b"".join(struct.pack(">iq", p, -1) for p in partitions)
    answer = ask(s, 2, 1, body)
    at = 4 + 4 + 2 + len(topic) + 4 # each: index, error, timestamp, offset
    return {struct.unpack_from(">i", answer, at + 22 * i)[0]:
            (struct.unpack_from(">h", answer, at + 22 * i + 4)[0], struct.unpack_from(">q", answer, at + 22 * i + 14)[0])
            for i in range(len(partitions))}

crc_table = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    crc_table.append(value)

def one_batch(size):
    """A batch of one record with a value of so many bytes."""
    value = (os.urandom(1000) * (size // 1000 + 1))[:size]
    def varint(n):
        n, out = n << 1 ^ n >> 63, b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])
    body = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    now = int(time.time() * 1000)
    tail = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + varint(len(body)) + body
    crc = 0xFFFFFFFF
    for byte in tail:
        crc = crc >> 8 ^ crc_table[(crc ^ byte) & 255]
    return struct.pack(">qiib", 0, 9 + len(tail), -1, 2)[:17] + struct.pack(">I", crc ^ 0xFFFFFFFF) + tail
