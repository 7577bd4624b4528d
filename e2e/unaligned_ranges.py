"""unaligned_ranges.py MTU: reads ranges at any offset over one connection from its own server and
prints how long each took.

The server and this client run in their own network namespace, whose loopback has that MTU, so the
kernel's counters cover these connections only. Where a namespace is not permitted, the connections
use the MSS of that MTU, and there are no counters. Prints a JSON object: {"cases": [[length,
readers, [milliseconds, …]], …], "probes": n}.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import random
import socket
import struct
import sys
import tempfile
import threading
import time

from server import Server, send

MIB = 1 << 20
SIZE = 8 * MIB
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, SIOCSIFMTU, IFF_UP = 0x8914, 0x8922, 1
HEADERS = 40
# Half of the kernel's shortest timer, in milliseconds.
LONG = 100
LENGTHS = (1, 4 << 10, 16_385, 64 << 10, 65_500, 200_001, MIB)


def enter_namespace(mtu):
    """Enters a network namespace. Returns whether this process is in one."""
    libc = ctypes.CDLL(None, use_errno=True)
    users = 0 if os.getuid() == 0 else CLONE_NEWUSER
    if libc.unshare(CLONE_NEWNET | users) != 0:
        print(f"no network namespace: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si", b"lo", mtu))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    return True


def probes():
    """Returns how often a kernel timer sent delayed data or sent data again."""
    names, values = [line.split()[1:] for line in open("/proc/net/netstat") if line.startswith("TcpExt:")]
    counters = dict(zip(names, map(int, values)))
    return counters["TCPWinProbe"] + counters["TCPTimeouts"]


class Reader:
    """One connection."""

    def __init__(self, server, path, mss=None, pause=0.0):
        host, port = server.edge.removeprefix("http://").split(":")
        self.host, self.path, self.pause = f"{host}:{port}", path, pause
        self.socket = socket.socket()
        if mss:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        if pause:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self.socket.connect((host, int(port)))
        self.socket.settimeout(30)

    def range(self, first, length):
        request = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nRange: bytes={first}-{first + length - 1}\r\n\r\n"
        self.socket.sendall(request.encode())
        got = bytearray()
        while (end := got.find(b"\r\n\r\n")) < 0 or len(got) < end + 4 + length:
            if self.pause and len(got) < length:
                time.sleep(self.pause)
            piece = self.socket.recv(64 << 10 if self.pause else MIB)
            if not piece:
                raise ConnectionError(f"ended after {len(got)} bytes")
            got += piece
        if not got.startswith(b"HTTP/1.1 206 "):
            raise ValueError(bytes(got[:500]))
        return memoryview(got)[end + 4 :]


def read(server, path, whole, length, count, mss, pause=0.0, seed=0):
    """Returns how long each range took, in milliseconds. A slow range is read twice more and the
    shortest time counts: a busy machine is not slow three times, but a timer always is."""
    chance, reader, took = random.Random(f"{length} {seed}"), Reader(server, path, mss, pause), []
    for _ in range(count):
        # A number that is no multiple of a page or segment size.
        first = chance.randrange(0, SIZE - length) | 1
        length_here = min(length, SIZE - first)
        shortest = float("inf")
        for _ in range(3):
            started = time.monotonic()
            body = reader.range(first, length_here)
            shortest = min(shortest, round((time.monotonic() - started) * 1000, 1))
            assert body == whole[first : first + length_here], f"other bytes at {first}"
            if shortest < LONG:
                break
        took.append(shortest)
    reader.socket.close()
    return took


def read_together(server, path, whole, length, readers, count, mss):
    took = [[] for _ in range(readers)]

    def one(number):
        took[number] = read(server, path, whole, length, count, mss, seed=number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not all(len(times) == count for times in took):
        raise RuntimeError("a reader ended early")
    return [time for times in took for time in times]


def main():
    mtu = int(sys.argv[1])
    alone = enter_namespace(mtu)
    mss = None if alone else mtu - HEADERS
    settings = {"CLOUDFRONT_AUTH_MODE": "url", "MULTIPART_PART_SIZE_BYTES": str(SIZE), "LOG_LEVEL": "error"}
    with tempfile.TemporaryDirectory() as folder, Server(pathlib.Path(folder), **settings) as server:
        whole = random.Random(mtu).randbytes(SIZE)
        image, upload, _ = server.begin(size=SIZE)
        etag = send("PUT", server.sign(image, upload, 1), {}, whole).headers["ETag"]
        if server.complete(image, upload, [(1, etag)]).status != 200:
            raise RuntimeError("no image")
        path = server.stream(image)[0].removeprefix(server.edge)
        before, cases = probes(), []
        for length in LENGTHS:
            cases.append((length, 1, read(server, path, whole, length, 500, mss)))
        # From here on a slow reader can cause delays itself, which the kernel counts too.
        after = probes()
        cases.append((MIB, 4, read_together(server, path, whole, MIB, 4, 50, mss)))
        # Reads 64 KiB at a time, with pauses.
        cases.append((200_001, "slow", read(server, path, whole, 200_001, 50, mss, pause=0.001)))
    print(json.dumps({"cases": cases, "probes": after - before if alone else None}))


if __name__ == "__main__":
    main()
