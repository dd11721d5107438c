#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP proxy that is a bad network: slow.py LISTEN-ADDRESS PORT TO-ADDRESS PORT MS PERCENT.

What is sent to the server arrives MS later. PERCENT of what is read in either direction comes a second
later than that, and all behind it too, as a segment that TCP had to send again.
"""
import asyncio
import random
import sys

AGAIN = 1.0


async def pump(reader, writer, delay, loss):
    clock, due, chunks = asyncio.get_running_loop().time, 0.0, asyncio.Queue()

    async def deliver():
        while True:
            at, data = await chunks.get()
            await asyncio.sleep(max(0, at - clock()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    delivering = asyncio.create_task(deliver())
    try:
        while True:
            data = await reader.read(1 << 16)
            due = max(due, clock() + delay + (AGAIN if random.random() < loss else 0))
            await chunks.put((due, data))
            if not data:
                break
        await delivering
    except ConnectionError:
        writer.close()


async def main():
    listen, port, to, to_port, ms, percent = sys.argv[1:]
    delay, loss = int(ms) / 1000, int(percent) / 100
    random.seed(1)

    async def connected(reader, writer):
        try:
            there, back = await asyncio.open_connection(to, int(to_port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back, delay, loss), pump(there, writer, 0, loss))

    async with await asyncio.start_server(connected, listen, int(port)) as server:
        await server.serve_forever()

asyncio.run(main())
