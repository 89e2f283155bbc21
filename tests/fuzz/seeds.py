#!/usr/bin/env python3
"""Inputs to begin with, made from what the tree holds. usage: seeds.py OUTPUT-FOLDER

message    the recorded frames of tests/golden without their headers, as fuzz_message.c wants them
produce    those of Produce, as fuzz_produce.c wants them; fetch: the same of Fetch
broker     the requests among them in rows of a few, as fuzz_broker.c wants them
txn        an id in each state and events after it, as fuzz_txn.c wants them
recovery   a partition's directory put together from the batches of tests/data/batches
"""
import glob
import os
import struct
import sys


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def body(direction, key, version, frame, flexible):
    if direction == "response":
        return frame[5 if flexible and key != 18 else 4:]
    length = struct.unpack(">h", frame[8:10])[0]
    return frame[10 + max(length, 0) + (1 if flexible else 0):]


def flexible_from():
    found = {}
    for name in glob.glob("core/wire/schema/*.h"):
        for line in open(name, encoding="utf-8"):
            if line.startswith("WIRE_SCHEMA(") and "Request," in line:
                args = [a.strip() for a in line[12:].rstrip(")\n").split(",")]
                found[int(args[2])] = 32767 if args[5] == "NEVER" else int(args[5])
    return found


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def messages(out):
    flexible, number, row = flexible_from(), 0, b""
    for name in sorted(glob.glob("tests/golden/*.hex")):
        for line in open(name, encoding="ascii"):
            if line.startswith("#"):
                continue
            direction, key, version, text = line.split()
            key, version = int(key), int(version)
            if key in flexible:
                frame = body(direction, key, version, bytes.fromhex(text), version >= flexible[key])
                kind = version << 1 | (direction == "response")
                write(f"{out}/message", f"golden-{number}", bytes([key, kind]) + frame)
                if key < 2:
                    write(f"{out}/{['produce', 'fetch'][key]}", f"golden-{number}", bytes([version]) + frame)
                number += 1
                if direction == "request":
                    row += bytes([key, version, 0]) + struct.pack(">H", len(frame)) + frame
                    write(f"{out}/broker", f"row-{number // 8}", row)
                    row = b"" if number % 8 < 2 else row


def recovery(out):
    batches = [open(name, "rb").read() for name in sorted(glob.glob("tests/data/batches/*"))]
    log, offset, index, times = b"", 0, b"", b""
    for batch in (b for b in batches if len(b) < 4000 and len(b) > 61 and b[16] == 2):
        last = struct.unpack(">i", batch[23:27])[0]
        index += struct.pack(">II", offset + last, len(log))
        times += struct.pack(">qI", struct.unpack(">q", batch[35:43])[0], offset + last)
        log += struct.pack(">q", offset) + batch[8:]
        offset += last + 1
    epochs = b"0\n1\n0 0\n"
    second = struct.pack(">q", 40) + batches[0][8:] if offset <= 40 else b""
    txn = struct.pack(">hqqqq", 0, 1, 0, 1, 1)
    for flags in range(16):
        files = [log, index, times, txn if flags & 8 else b"", second, b"", epochs]
        write(f"{out}/recovery", f"made-{flags}", bytes([flags, flags * 3]) + b"".join(struct.pack(">H", len(f)) + f for f in files))


def group(out):
    """Two records of __consumer_offsets, then a member's joins, syncs and its leaving, as fuzz_group.c reads them."""
    text = lambda s: struct.pack(">h", len(s)) + s
    sized = lambda b: bytes([len(b)]) + b
    commit = sized(b"\0\1" + text(b"g") + text(b"t") + struct.pack(">i", 3))
    offset = sized(struct.pack(">hqi", 3, 17, 2) + text(b"note") + struct.pack(">q", 1700000000000))
    empty = sized(struct.pack(">h", 3) + text(b"consumer") + struct.pack(">ihhqi", 4, -1, -1, 1700000000000, 0))
    records = commit + offset + b"\0" + commit + offset + b"\2" + sized(b"\0\2" + text(b"g")) + empty + b"\0"
    protocol = text(b"range") + struct.pack(">i", 13) + b"\0\0\0\0\0\1\0\1t" + b"\xff" * 4
    def ask(kind, version, message, wait):
        return bytes([1, kind, version]) + sized(message) + bytes([wait])
    join = text(b"g") + struct.pack(">ii", 100, 50) + text(b"")
    static = struct.pack(">h", 1) + b"i"
    rest = text(b"consumer") + struct.pack(">i", 1) + protocol
    asks = [ask(0, 1, join + rest, 20), ask(0, 5, join + static + rest, 20), ask(0, 5, join + static + rest, 0),
            ask(1, 0, text(b"g") + struct.pack(">i", 5) + text(b"m") + struct.pack(">i", 0), 0),
            ask(2, 0, text(b"g") + struct.pack(">i", 5) + text(b"m"), 200), ask(3, 0, text(b"g") + text(b"m"), 200),
            ask(4, 0, text(b"g") + struct.pack(">i", 1) + text(b"t") + struct.pack(">ii", 1, 3), 0)]
    for first in range(len(asks)):
        write(f"{out}/group", f"made-{first}", b"\3" + records + b"".join(asks[first:] + asks[:first]))


def transactions(out):
    """For each state a loaded id in it (records of version 0), then every event a few times."""
    for state in range(8):
        key = struct.pack(">hh", 0, 1) + b"a"
        parts = struct.pack(">ih", 1, 1) + b"t" + struct.pack(">iii", 2, 0, 1) if 0 < state < 4 else struct.pack(">i", -1)
        value = struct.pack(">hqhib", 0, 77, 5, 60000, state) + parts + struct.pack(">qq", 1700000000000, 1700000000000)
        record = struct.pack(">BH", len(key), len(value)) + key + value
        for start in range(10):
            events = bytes((start + 7 * i) % 250 for i in range(120))
            write(f"{out}/txn", f"state-{state}-{start}", b"\x01" + record + events)


messages(sys.argv[1])
transactions(sys.argv[1])
recovery(sys.argv[1])
group(sys.argv[1])
