"""Shared parts of the benchmarks: rounds, table rows, loads and their peers, and the CPU time of
processes. Makes the modules of `e2e` importable. Imports none of the benchmarks."""

import http.client
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "e2e"))
os.environ.setdefault("TIDEGATE", str(ROOT / "target/dist/tidegate"))

import backends  # noqa: E402

ROUNDS = 3
SECONDS = 5
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
ROWS = []


def row(case, ours, peer="", ratio="", target="", note=""):
    ROWS.append((case, ours, peer, ratio, target, note))
    print(f"{case:<46} {ours:>22}  {peer:>26}  {ratio:>8}  {target:>10}  {note}", flush=True)


def write_table(name):
    table = ["| case | here | peer | ratio | target | note |", "|---|---|---|---|---|---|"]
    table += ["| " + " | ".join(cells) + " |" for cells in ROWS]
    (ROOT / "target" / name).write_text("\n".join(table) + "\n")
    print(f"\nas a table: target/{name}")


def shown(values, digits=0):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def cpu_seconds(*pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if not found:
        raise RuntimeError(f"wrk says a latency of {text}")
    number, unit = found.groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


class Run:
    """One run of wrk, with the CPU time of the processes `pids`."""

    def __init__(self, pids, arguments, threads=1, connections=32, seconds=SECONDS, errors=False):
        before, started = cpu_seconds(*pids), time.monotonic()
        command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "60s", *map(str, arguments)]
        out = subprocess.check_output(command, text=True)
        self.cpu, self.wall = cpu_seconds(*pids) - before, time.monotonic() - started
        if not errors and ("Non-2xx" in out or "Socket errors" in out):
            raise RuntimeError(out)
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
        self.total, amount, unit = re.search(r"(\d+) requests in \S+, ([\d.]+)([KMGT]?B) read", out).groups()
        self.total = int(self.total)
        self.bytes = float(amount) * {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}[unit]
        self.p50 = milliseconds(re.search(r"^ +50% +(\S+)", out, re.M).group(1))
        self.p99 = milliseconds(re.search(r"^ +99% +(\S+)", out, re.M).group(1))
        self.p99_text = re.search(r"^ +99% +(\S+)", out, re.M).group(1)


def put(url, block, blocks, headers):
    """Uploads a body from memory in writes of 1 MiB. Returns its ETag, if there is one."""
    parsed = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parsed.netloc, timeout=120, blocksize=MIB)
    connection.putrequest("PUT", f"{parsed.path}?{parsed.query}" if parsed.query else parsed.path)
    for name, value in {**headers, "Content-Length": str(len(block) * blocks)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for _ in range(blocks):
        connection.send(block)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(answer)
    etag = response.getheader("ETag")
    connection.close()
    return etag


def upload_parts(urls, clients):
    block, etags = os.urandom(MIB), {}

    def work(numbers):
        for number in numbers:
            etags[number] = put(urls[number], block, 64, {"Content-Type": "application/octet-stream"})

    numbers = sorted(urls)
    threads = [threading.Thread(target=work, args=(numbers[index::clients],)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return etags


def peer_put(client, clients):
    upload = client.create_multipart_upload(Bucket="bench", Key="object")["UploadId"]
    parameters = {"Bucket": "bench", "Key": "object", "UploadId": upload}
    urls = {n: client.generate_presigned_url("upload_part", {**parameters, "PartNumber": n}) for n in range(1, 17)}
    started = time.monotonic()
    etags = upload_parts(urls, clients)
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(etags.items())]
    client.complete_multipart_upload(**parameters, MultipartUpload={"Parts": parts})
    elapsed = time.monotonic() - started
    client.delete_object(Bucket="bench", Key="object")
    return (1 << 30) / elapsed / 1e6


def peer_client(url, access_key, secret_key):
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4", read_timeout=120),
    )


class Copy:
    """Rows written straight into a table of PostgreSQL, by COPY."""

    def __init__(self, url, table, columns):
        self.url, self.table = url, table
        command = [backends.psql_tool(), url, "-qc", f"COPY {table} ({columns}) FROM STDIN"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)

    def write(self, cells):
        self.process.stdin.write("\t".join(map(str, cells)) + "\n")

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError(f"COPY {self.table} failed")
        backends.psql(self.url, f"ANALYZE {self.table}")
