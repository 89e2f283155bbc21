#!/usr/bin/env python3
"""Prints what a consumer of FILE (produced as README.md says) must print."""
import hashlib, struct, sys

def digest(path):
    data = open(path, "rb").read()
    h, n = hashlib.sha256(), 0
    for pos in range(0, len(data), 1000):
        key, value, header = b"k%d" % n, data[pos:pos + 1000], b"%d" % n
        for field in (key, value, header):
            h.update(struct.pack(">I", len(field)) + field)
        h.update(struct.pack(">q", 1700000000000 + n))
        n += 1
    return n, h.hexdigest()

if __name__ == "__main__":
    print("count=%d sha256=%s" % digest(sys.argv[1]))
