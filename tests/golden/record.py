#!/usr/bin/env python3
"""A recording proxy: what a client and a broker say to each other, once for each API, version and direction.

usage: record.py LISTEN-PORT BROKER-PORT OUTPUT

Stands between one client and one broker (whose advertised.listeners names LISTEN-PORT) until it is killed. OUTPUT gets a
line for the first answered frames of each API and version: the name of the direction, api key, version, hex of the frame
without its size. Frames above 2,000 bytes are left out. tests/unit/core/wire/golden_test.c reads such files.
"""
import asyncio
import struct
import sys

KEPT, LARGEST = 2, 2000
seen = {}


def keep(out, api, version, request, response):
    count = seen.get((api, version), 0)
    if count >= KEPT or max(len(request), len(response)) > LARGEST:
        return
    seen[(api, version)] = count + 1
    out.write(f"request {api} {version} {request.hex()}\nresponse {api} {version} {response.hex()}\n")
    out.flush()


async def frames(reader):
    while True:
        size = await reader.readexactly(4)
        yield size, await reader.readexactly(struct.unpack(">i", size)[0])


async def connection(reader, writer, port, out):
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
    waiting = {}

    async def requests():
        async for size, frame in frames(reader):
            api, version, correlation = struct.unpack(">hhi", frame[:8])
            waiting[correlation] = (api, version, frame)
            to_writer.write(size + frame)
            await to_writer.drain()

    async def responses():
        async for size, frame in frames(to_reader):
            api, version, request = waiting.pop(struct.unpack(">i", frame[:4])[0])
            keep(out, api, version, request, frame)
            writer.write(size + frame)
            await writer.drain()

    done = [asyncio.ensure_future(requests()), asyncio.ensure_future(responses())]
    try:
        await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in done:
            task.cancel()
        await asyncio.gather(*done, return_exceptions=True)
        writer.close()
        to_writer.close()


async def main():
    with open(sys.argv[3], "a", encoding="ascii") as out:
        server = await asyncio.start_server(lambda r, w: connection(r, w, int(sys.argv[2]), out), "127.0.0.1", int(sys.argv[1]))
        await server.serve_forever()


asyncio.run(main())
