"""Attackers for the fairness tests: one process that does one thing to one door, from one address, as hard as it can until
its standard input ends, whose first line is the plan as JSON.
"""

import asyncio
import json
import os
import pathlib
import sys

CONNECTIONS = 600


class Attack:
    def __init__(self, port, address, host, headers=None, targets=None, body="", connections=CONNECTIONS, **_):
        self.port, self.address, self.host = port, address, f"{host}:{port}"
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.targets, self.body, self.connections = targets or ["/"], body.encode(), connections

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0), limit=1 << 16)

    def head(self, method, target, more=""):
        return f"{method} {target} HTTP/1.1\r\nHost: {self.host}\r\n{self.headers}{more}\r\n".encode()

    async def slow_head(self, number):
        """A head that never ends: a line now and then."""
        _, writer = await self.connect()
        writer.write(f"GET /health HTTP/1.1\r\nHost: {self.host}\r\n".encode())
        while True:
            await asyncio.sleep(1)
            writer.write(b"A: b\r\n")
            await writer.drain()

    async def idle(self, number):
        reader, _ = await self.connect()
        await reader.read()

    async def slow_body(self, number):
        """A body of a byte each second."""
        reader, writer = await self.connect()
        target = self.targets[number % len(self.targets)]
        method = "PUT" if "X-Amz-" in target or "/part/" in target else "POST"
        writer.write(self.head(method, target, "Content-Type: application/json\r\nContent-Length: 100000\r\n"))
        reading = asyncio.ensure_future(reader.read())
        while not reading.done():
            writer.write(b" ")
            await asyncio.wait([reading], timeout=1)

    async def held_body(self, number):
        """As much of a body as the server takes, and then nothing more."""
        reader, writer = await self.connect()
        target = self.targets[number % len(self.targets)]
        method, length = ("PUT", 4 << 20) if "X-Amz-" in target else ("POST", 2_000_000)
        writer.write(self.head(method, target, f"Content-Type: application/json\r\nContent-Length: {length}\r\n"))
        writer.write(b" " * (length - 1000))
        await reader.read()

    async def requests(self, number, method="GET"):
        """Requests one after the other on a kept connection, without reading what the responses say."""
        reader, writer = await self.connect()
        body, at = self.body, number
        while True:
            more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
            writer.write(self.head("POST" if body else method, self.targets[at % len(self.targets)], more) + body)
            at += 1
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                elif line.startswith(b"transfer-encoding:"):
                    return await reader.read()
            while length:
                length -= len(await reader.read(min(length, 1 << 16)))
            if b"connection: close" in head.lower():
                return

    async def watch(self, number):
        """Event streams, which are read as they come."""
        reader, writer = await self.connect()
        writer.write(self.head("GET", self.targets[number % len(self.targets)], "Accept: text/event-stream\r\n"))
        while await reader.read(1 << 16):
            pass

    async def again_and_again(self, profile, number):
        # Not all at once: the backlog of a listener is short.
        await asyncio.sleep(number / self.connections / 2)
        while True:
            try:
                await getattr(self, profile)(number)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                pass
            await asyncio.sleep(0.05)


async def main(profile, **plan):
    attack = Attack(**plan)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(attack.again_and_again(profile, number)) for number in range(attack.connections)]
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    print("begun", flush=True)
    await ended.read()
    for task in tasks:
        task.cancel()


def stand_for_other_machines():
    """Leaves the processor to the server and its user: attackers have machines of their own."""
    os.setsid()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # Linux may share the processor between sessions first, whatever the class of their processes is.
    group = pathlib.Path("/proc/self/autogroup")
    if group.exists():
        group.write_text("19")


if __name__ == "__main__":
    stand_for_other_machines()
    asyncio.run(main(**json.loads(sys.stdin.buffer.readline())))
