"""Compares the edge with nginx and h2o on the same files. The edge verifies signed URLs; the peers
verify nothing. See README.md."""

import getpass
import json
import multiprocessing
import os
import pathlib
import random
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

# First: it says where the modules of `e2e` are.
from shared import MIB, ROOT, ROUNDS, Run, cpu_seconds, row, shown, write_table
from ports import free_port
from server import Server, send
from unaligned_ranges import enter_namespace

GIB = 1 << 30
SLOW_READERS = 10_000
SETTINGS = {
    "LOG_LEVEL": "error",
    "CLOUDFRONT_AUTH_MODE": "url",
    "MULTIPART_PART_SIZE_BYTES": str(64 * MIB),
    "MAX_CONNECTIONS": str(SLOW_READERS + 100),
}

NGINX = """
daemon off; user {user}; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 600;
  types {{ }} default_type application/octet-stream;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  large_client_header_buffers 4 16k;
  server {{ listen 127.0.0.1:{on} backlog=1024; root {root}; tcp_nopush on; }}
  server {{ listen 127.0.0.1:{off} backlog=1024; root {root}; tcp_nopush off; }}
  server {{ listen 127.0.0.1:{kept} backlog=1024; root {root}; tcp_nopush off; open_file_cache max=20000 inactive=60s; open_file_cache_valid 60s; }}
}}
"""


H2O = """
user: {user}
pid-file: {folder}/h2o.pid
error-log: {folder}/h2o.log
num-threads: 2
listen: {{host: 127.0.0.1, port: {port}}}
hosts:
  default:
    paths:
      "/": {{file.dir: {root}}}
"""


class H2o:
    """h2o serving the store's folder."""

    def __init__(self, folder, root):
        self.port = free_port()
        (folder / "h2o.conf").write_text(H2O.format(folder=folder, root=root, user=getpass.getuser(), port=self.port))
        log = open(folder / "h2o.out", "wb")
        self.process = subprocess.Popen(["h2o", "-m", "worker", "-c", folder / "h2o.conf"], stdout=log, stderr=log)
        time.sleep(1)

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Nginx:
    """nginx serving the store's folder, in three variants: tcp_nopush on, tcp_nopush off, and off
    with a cache of open files."""

    def __init__(self, folder, root):
        folder.mkdir()
        self.ports = {"on": free_port(), "off": free_port(), "kept": free_port()}
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, root=root, user=getpass.getuser(), **self.ports))
        self.process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        time.sleep(1)

    def url(self, which):
        return f"http://127.0.0.1:{self.ports[which]}"

    def pids(self):
        pid = self.process.pid
        return [pid, *pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def upload(server, size):
    """Uploads an image of random bytes through its API. Returns the path and query of its signed
    URL."""
    image, upload_id, part = server.begin(size=size)
    etags, left, number = [], size, 0
    block = os.urandom(min(size, 8 * MIB))
    while left > 0:
        number, length = number + 1, min(left, part)
        body = (block * (length // len(block) + 1))[:length]
        etags.append((number, send("PUT", server.sign(image, upload_id, number), {}, body).headers["ETag"]))
        left -= length
    done = server.complete(image, upload_id, etags)
    if done.status != 200:
        raise RuntimeError(done.body)
    url = server.call("GET", f"/v1/images/{image}/stream-url").json()["url"]
    return url.removeprefix(server.edge)


LUA = """
local lines, at = {}, 0
for line in io.lines("%(targets)s") do lines[#lines + 1] = line end
local requests = {}
init = function()
  math.randomseed(os.time() + math.random(1000000))
  for n = 1, %(count)d do
    local first = math.random(0, %(slots)d - 1) * %(step)d
    local headers = {}
    if %(length)d > 0 then headers["Range"] = "bytes=" .. first .. "-" .. (first + %(length)d - 1) end
    requests[n] = wrk.format("GET", lines[(n - 1) %% #lines + 1], headers)
  end
end
request = function()
  at = at %% #requests + 1
  return requests[at]
end
"""


def script(folder, name, targets, size=0, length=0, count=4096, step=None):
    listing = folder / f"{name}.targets"
    listing.write_text("\n".join(targets))
    path = folder / f"{name}.lua"
    step = step or min(length, 4096) or 1
    slots = (size - length) // step + 1 if length else 1
    path.write_text(LUA % {"targets": listing, "count": count, "slots": slots, "step": step, "length": length})
    return path


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.server = Server(folder, **SETTINGS).start()
        self.nginx = Nginx(folder / "nginx", folder / "data/store")
        self.large = upload(self.server, GIB)

    def stop(self):
        self.nginx.stop()
        self.server.stop()

    def ours(self, arguments, **shape):
        return Run([self.server.process.pid], [*arguments, self.server.edge], **shape)

    def theirs(self, which, arguments, **shape):
        return Run(self.nginx.pids(), [*arguments, self.nginx.url(which)], **shape)

    def beside(self, case, arguments, target="≥ 1.2", whichs=("on", "off"), per="rate", **shape):
        """Measures the edge and nginx in turn. The better nginx variant is the peer."""
        ours, theirs = [], {which: [] for which in whichs}
        for warm in (self.ours, *(lambda given, which=which, **shape: self.theirs(which, given, **shape) for which in whichs)):
            warm(arguments, **{**shape, "seconds": 3})
        for _ in range(ROUNDS):
            ours.append(self.ours(arguments, **shape))
            for which, runs in theirs.items():
                runs.append(self.theirs(which, arguments, **shape))
        rate = lambda run: run.rate if per == "rate" else run.bytes / run.wall / 1e6
        median = lambda runs: statistics.median(rate(run) for run in runs)
        best = max(("on", "off"), key=lambda which: median(theirs[which]))
        per_gib = lambda runs: statistics.median(run.cpu / (run.bytes / GIB) for run in runs)
        p99s = lambda runs: "/".join(run.p99_text for run in runs)
        note = f"p99 {p99s(ours)}, nginx {p99s(theirs[best])}; CPU s per GiB {per_gib(ours):.2f}, nginx {per_gib(theirs[best]):.2f}"
        for which in whichs:
            if which != best:
                note += f"; {NAMES[which]} {shown([rate(run) for run in theirs[which]])}"
        peer = f"nginx, {NAMES[best]} {shown([rate(run) for run in theirs[best]])}"
        row(case, shown([rate(run) for run in ours]), peer, f"{median(ours) / median(theirs[best]):.2f}", target, note)

    def whole(self):
        for connections in (1, 8):
            lua = script(self.folder, "whole", [self.large], count=1)
            self.beside(f"whole 1 GiB file, {connections} connection{'s' * (connections > 1)}: MB/s", ["-s", lua], per="bytes", connections=connections)

    def objects(self):
        targets = [upload(self.server, 16 << 10) for _ in range(1000)]
        lua = script(self.folder, "objects", targets, count=4000)
        self.beside("16 KiB objects (1,000), 64 connections: req/s", ["-s", lua], whichs=("on", "off", "kept"), connections=64)

    def keep_alive(self):
        lua = script(self.folder, "one", [self.large], GIB, 64 << 10)
        self.ours(["-s", lua], connections=1, seconds=1)
        runs = [self.ours(["-s", lua], connections=1) for _ in range(ROUNDS)]
        row("64 KiB ranges, one connection: p99 ms", shown([run.p99 for run in runs], 2), "", "", "< 2", f"{shown([run.rate for run in runs])} req/s")

    def cold(self):
        """Measures ranges of cached files, alone and while files that are not in memory are read
        completely."""
        lua = script(self.folder, "hot", [self.large], GIB, 64 << 10)
        quiet, busy, rates = [], [], []
        for _ in range(ROUNDS):
            # Each file is read only once, because a mapped file can't be evicted.
            cold = [upload(self.server, GIB // 4) for _ in range(4)]
            for target in cold:
                evict(self.folder / "data/store" / target.split("?")[0].lstrip("/"))
            self.ours(["-s", lua], seconds=2)
            quiet.append(self.ours(["-s", lua], seconds=3).p99)
            reader = threading.Thread(target=read_once, args=([self.server.edge + target for target in cold], rates))
            reader.start()
            busy.append(self.ours(["-s", lua], seconds=3).p99)
            reader.join()
        ratio = statistics.median(busy) / statistics.median(quiet)
        row("p99 of hot 64 KiB ranges beside a cold read: ms", shown(busy, 2), f"quiet {shown(quiet, 2)}", f"{ratio:.2f}", "< 2", f"cold read {shown(rates)} MB/s")

    def slow(self, count=SLOW_READERS):
        """Measures slow clients, each of which reads 1 MiB a kilobyte at a time."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        host, port = urllib.parse.urlsplit(self.server.edge).netloc.split(":")
        started, readers = time.monotonic(), []
        for number in range(count):
            reader = socket.create_connection((host, int(port)))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            first = random.randrange(0, GIB - MIB)
            head = f"GET {self.large} HTTP/1.1\r\nHost: {host}:{port}\r\nRange: bytes={first}-{first + MIB - 1}\r\n\r\n"
            reader.sendall(head.encode())
            readers.append(reader)
        for _ in range(3):
            for reader in readers:
                if len(reader.recv(1024)) == 0:
                    raise RuntimeError("a slow reader was cut off")
        probe = time.monotonic()
        answer = send("GET", self.server.edge + self.large, {"Range": "bytes=0-65535"})
        probe = time.monotonic() - probe
        if (answer.status, len(answer.body)) != (206, 65536):
            raise RuntimeError(f"another reader got {answer.status}")
        rss, own, mapped = (self.server.memory(field) for field in ("VmRSS", "RssAnon", "RssFile"))
        note = f"own {own:.0f}, of files {mapped:.0f}; another reader's 64 KiB took {probe * 1000:.1f} ms; {time.monotonic() - started:.0f} s in all"
        for reader in readers:
            reader.close()
        row(f"{count:,} slow readers: RSS in MiB", f"{rss:.0f}", "", "", "< 250", note)


class Discarding:
    """One run of a client that discards the bytes in the kernel: the server's CPU time per
    response, and the response times."""

    def __init__(self, url, pids, target, length, step, connections, seconds=1):
        before = cpu_seconds(*pids)
        shape = [str(word) for word in (GIB, length, step, connections, seconds)]
        command = [ROOT / "target/dist/examples/range_load", url.removeprefix("http://"), *shape, target]
        said = json.loads(subprocess.check_output(command))
        self.rate, self.p50, self.p99, self.slow = said["responses"] / said["seconds"], said["p50"], said["p99"], said["over_100_ms"]
        self.cpu = (cpu_seconds(*pids) - before) / said["responses"] * 1e6


def range_cases():
    for step, offsets in ((4096, "aligned"), (1, "any offset")):
        for length, name in ((4 << 10, "4 KiB"), (64 << 10, "64 KiB"), (MIB, "1 MiB")):
            for connections in (1, 32):
                yield step, offsets, length, name, connections


def ranges_at(mtu, folder, pipe):
    """Measures the ranges in a network with this MTU. Returns the rows."""
    if not enter_namespace(mtu):
        raise SystemExit("the MTU can't be set: no network namespace is permitted here")
    bench = Bench(folder)
    h2o = H2o(folder, folder / "data/store")
    servers = {
        "here": (bench.server.edge, [bench.server.process.pid]),
        "nginx": (bench.nginx.url("off"), bench.nginx.pids()),
        "nginx tcp_nopush": (bench.nginx.url("on"), bench.nginx.pids()),
        "h2o": (h2o.url(), h2o.pids()),
    }
    try:
        for step, offsets, length, name, connections in range_cases():
            pipe.send(range_row(folder, bench.large, servers, mtu, (step, offsets, length, name, connections)))
    finally:
        h2o.stop()
        bench.stop()
        pipe.close()


def range_row(folder, target, servers, mtu, case):
    step, offsets, length, name, connections = case
    lua = script(folder, f"r{length}-{step}", [target], GIB, length, step=step)
    runs, wrk = {which: [] for which in servers}, {}
    for which, (url, pids) in servers.items():
        Discarding(url, pids, target, length, step, connections, seconds=0.3)
    for _ in range(ROUNDS):
        for which, (url, pids) in servers.items():
            runs[which].append(Discarding(url, pids, target, length, step, connections))
    for which, (url, pids) in servers.items():
        wrk[which] = Run(pids, ["-s", lua, url], connections=connections, seconds=1)
    cpu = {which: statistics.median(run.cpu for run in of) for which, of in runs.items()}
    best = min((which for which in servers if which != "here"), key=cpu.get)
    of = lambda which, field: statistics.median(getattr(run, field) for run in runs[which])
    rates = ", ".join(f"{which} {of(which, 'rate'):.0f}/s p50 {of(which, 'p50') / 1000:.2f} p99 {of(which, 'p99') / 1000:.2f} ms" for which in servers)
    wrks = ", ".join(f"{which} {run.rate:.0f}/s p99 {run.p99_text}" for which, run in wrk.items())
    others = ", ".join(f"{which} {cpu[which]:.1f}" for which in servers if which not in ("here", best))
    note = f"CPU of {others}; {rates}; over 100 ms: {sum(run.slow for run in runs['here'])}; wrk: {wrks}"
    label = f"MTU {mtu:,}, {offsets}, {name}, {connections} connection{'s' * (connections > 1)}: CPU µs per response"
    aim = "≤ 0.9" if length == MIB else "≤ 1.0"
    ours = [run.cpu for run in runs["here"]]
    return label, shown(ours, 1), f"{best} {shown([run.cpu for run in runs[best]], 1)}", f"{cpu['here'] / cpu[best]:.2f}", aim, note


def ranges(folder):
    """Measures random ranges beside nginx and h2o, which verify nothing, on plain loopback and with
    the MTU of a network."""
    for mtu in (65536, 1500):
        at = folder / f"mtu{mtu}"
        at.mkdir()
        receiving, sending = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=ranges_at, args=(mtu, at, sending))
        process.start()
        sending.close()
        try:
            while True:
                row(*receiving.recv())
        except EOFError:
            process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"ranges at MTU {mtu} ended with {process.exitcode}")


NAMES = {"on": "tcp_nopush on", "off": "tcp_nopush off", "kept": "open_file_cache"}


def evict(path):
    """Evicts a file from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def read_once(urls, rates):
    for url in urls:
        started = time.monotonic()
        answer = subprocess.run(["curl", "-sf", "-o", "/dev/null", "-w", "%{size_download}", url], capture_output=True, check=True)
        rates.append(int(answer.stdout) / (time.monotonic() - started) / 1e6)


CASES = ("whole", "objects", "keep_alive", "cold", "slow")


def edge(folder, cases=("ranges", *CASES)):
    if "ranges" in cases:
        ranges(folder)
    cases = [case for case in cases if case != "ranges"]
    if not cases:
        return
    bench = Bench(folder)
    try:
        for case in cases:
            getattr(bench, case)()
    finally:
        bench.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        edge(pathlib.Path(folder), sys.argv[1:] or ("ranges", *CASES))
    write_table("bench-edge.md")
