"""Compares file uploads with garage, base64 uploads with recorded results of the Python reference,
and ZIP downloads with a plain download of the same size. Also measures listings of very many files.
See README.md."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

# First: it says where the modules of `e2e` are.
from shared import MIB, ROOT, ROUNDS, Copy, Run, peer_client, peer_put, put, row, shown, write_table
import backends
from server import BINARY, Server, send

GIB = 1 << 30
SETTINGS = {"LOG_LEVEL": "error", "RATE_LIMIT_PER_ADDRESS": "0", "RATE_LIMIT_PER_SUBJECT": "0", "MAX_BODY_MB": "20480"}
# Results of the Python reference implementation, which no registry offers: MB/s of file bytes in
# base64 parts of 1 MiB.
BASE64_REFERENCE = 38


def begin(server, size):
    body = {"mode": "single", "files": [{"name": "a.bin", "size": size}]}
    begun = server.call("POST", "/v1/files/init", body=body).json()
    return begun["uploadId"], begun["uploads"][0]["key"]


def complete(server, upload):
    done = server.call("POST", "/v1/files/complete", body={"uploadId": upload})
    if done.status != 200:
        raise RuntimeError(done.body)


def delete(server, key):
    if server.call("DELETE", f"/v1/files/{key}").status != 200:
        raise RuntimeError(f"{key} was not deleted")


def raw_parts(server, clients):
    upload, key = begin(server, GIB)
    block = os.urandom(MIB)

    def work(numbers):
        for number in numbers:
            put(f"{server.api}/v1/files/part/{upload}/{number}", block, 64, {"X-User-Id": "alice"})

    started = time.monotonic()
    threads = [threading.Thread(target=work, args=(range(client, 16, clients),)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    complete(server, upload)
    elapsed = time.monotonic() - started
    delete(server, key)
    return GIB / elapsed / 1e6


def base64_parts(server):
    """Uploads parts of 1 MiB one after the other, as the original clients do. Encoding is not
    counted."""
    count = 256
    upload, key = begin(server, count * MIB)
    chunk = base64.b64encode(os.urandom(MIB)).decode()
    bodies = [json.dumps({"uploadId": upload, "partNumber": number, "chunkBase64": chunk}).encode() for number in range(count)]
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.api).netloc, timeout=120, blocksize=MIB)
    started = time.monotonic()
    for body in bodies:
        connection.request("POST", "/v1/files/part", body, {"X-User-Id": "alice", "Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read())
        answer.read()
    complete(server, upload)
    elapsed = time.monotonic() - started
    delete(server, key)
    return count * MIB / elapsed / 1e6


def uploads(folder):
    garage = peer_client(os.environ["TEST_GARAGE_URL"], os.environ["TEST_S3_ACCESS_KEY"], os.environ["TEST_S3_SECRET_KEY"])
    if "bench" not in [bucket["Name"] for bucket in garage.list_buckets()["Buckets"]]:
        garage.create_bucket(Bucket="bench")
    folder.mkdir()
    with Server(folder, **SETTINGS) as server:
        for clients in (1, 4):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(raw_parts(server, clients))
                theirs.append(peer_put(garage, clients))
            ratio = statistics.median(ours) / statistics.median(theirs)
            row(f"files: 1 GiB in 16 raw parts, {clients} client{'s' * (clients > 1)}, with complete: MB/s", shown(ours), f"garage 2.5.0 release {shown(theirs)}", f"{ratio:.2f}", "≥ 1.2", "ours fsyncs, the peer does not")
        rates = [base64_parts(server) for _ in range(ROUNDS)]
        row("files: 256 MiB in base64 parts of 1 MiB, with complete: MB/s", shown(rates), f"Python reference {BASE64_REFERENCE}", f"{statistics.median(rates) / BASE64_REFERENCE:.1f}", "≥ 10")
        row("files: memory after it, highest: MiB", f"{server.memory('VmHWM'):.0f}")


def curl(url, *arguments):
    """Returns MB/s and the milliseconds to the first byte."""
    out = subprocess.check_output(["curl", "-sf", "-o", "/dev/null", "-w", "%{speed_download} %{time_starttransfer}", *arguments, url], text=True)
    rate, first = out.split()
    return float(rate) / 1e6, float(first) * 1000


def digest_of(url, *arguments, tail=None):
    cut = f"| tail -c {tail}" if tail else ""
    quoted = " ".join(f"'{argument}'" for argument in arguments)
    return subprocess.check_output(["bash", "-c", f"set -o pipefail; curl -sf {quoted} '{url}' {cut} | sha256sum"], text=True).split()[0]


def sparse(path, size, mark):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(mark.to_bytes(8, "big"))
        file.truncate(size)


def zips(folder):
    """Downloads 10 GiB as a ZIP of 1,000 files and as one file. Each is in the page cache when it
    is measured; both together do not fit, so they are measured one after the other."""
    folder.mkdir()
    server = Server(folder, **SETTINGS)
    tree, size = folder / "tree", 10 * GIB // 1000
    for number in range(1000):
        sparse(tree / f"storage/alice/many/{number:08x}_file {number}.bin", size, number)
    sparse(tree / "storage/bob/0000000a_one.bin", 10 * GIB, 7)
    started = time.monotonic()
    subprocess.run([BINARY, "import", "files", tree], env=server.settings, check=True, stdout=subprocess.DEVNULL)
    row("files: import of 1,001 files with 20 GiB (sparse), by links: s", f"{time.monotonic() - started:.1f}")
    with server:
        made = []
        for _ in range(5):
            started = time.monotonic()
            made.append(server.call("POST", "/v1/files/batch-download", body={"folder": "many"}).json())
            made[-1]["took"] = (time.monotonic() - started) * 1000
        row("files: a ZIP of 1,000 files laid out: ms", shown([one["took"] for one in made], 1))
        url = f"{server.api}/v1/files/batch-download/{made[0]['token']}"
        curl(url)
        runs = [curl(url) for _ in range(ROUNDS)]
        middle = made[0]["size"] // 2
        whole, rest = digest_of(url, tail=made[0]["size"] - middle), digest_of(url, "-r", f"{middle}-")
        if whole != rest:
            raise RuntimeError("the second half by Range is another")
        memory = server.memory("VmHWM")
        key = "storage/bob/0000000a_one.bin"
        link = server.call("GET", f"/v1/files/signed-url?key={key}", "bob").json()["url"]
        curl(link)
        single = [curl(link)[0] for _ in range(ROUNDS)]
        rates = [run[0] for run in runs]
        row("files: a ZIP of 1,000 files, 10 GiB: MB/s", shown(rates), f"one file of as much {shown(single)}", f"{statistics.median(rates) / statistics.median(single):.2f}", "≥ 0.9", "zipstream-ng in aiohttp, recorded: 2,374 of 2 GB")
        row("files: first byte of it: ms", shown([run[1] for run in runs], 1), "", "", "< 50")
        row("files: memory after it, highest: MiB", f"{memory:.0f}", "", "", "< 64", f"second half by Range: the same sha256 ({rest[:16]}…)")


def rows_of_files(server, owner, count):
    """Inserts files directly into the tables; a listing needs no bytes."""
    start = int(time.time() * 1e6)
    columns = "id, owner_kind, owner_id, object_key, name, folded_name, content_type, state, size, etag, modified_at, created_by, created_at, folder, sha256, crc32, visibility"

    def cells(number):
        name = f"file {number}.txt"
        return (f"storage/{owner}/many/{number:08x}_{name}", name, name, "text/plain", "READY", 1, "e", 1, owner, start + number, "many", "0" * 64, 1, "public")

    totals = f"'files', '{owner}'"
    if url := server.settings.get("DATABASE_URL"):
        copy = Copy(url, "objects", columns)
        for number in range(count):
            copy.write((uuid.uuid4(), "files", owner, *cells(number)))
        copy.close()
        backends.psql(url, f"INSERT INTO quotas (owner_kind, owner_id, used, files) VALUES ({totals}, {count}, {count})")
        backends.psql(url, f"INSERT INTO folders (owner_kind, owner_id, folder, files, bytes) VALUES ({totals}, 'many', {count}, {count})")
        return
    database = sqlite3.connect(server.folder / "data/tidegate.db")
    rows = ((uuid.uuid4().bytes, "files", owner, *cells(number)) for number in range(count))
    database.executemany(f"INSERT INTO objects ({columns}) VALUES ({', '.join('?' * 17)})", rows)
    database.execute(f"INSERT INTO quotas (owner_kind, owner_id, used, files) VALUES ({totals}, {count}, {count})")
    database.execute(f"INSERT INTO folders (owner_kind, owner_id, folder, files, bytes) VALUES ({totals}, 'many', {count}, {count})")
    database.commit()
    database.close()


def listings(folder, database):
    """Measures a page of 100 with totals: of 1,000 files, and from the middle of a million, all and
    by folder."""
    folder.mkdir()
    with Server(folder, **backends.settings(database, "disk"), **SETTINGS) as server:
        rows_of_files(server, "few", 1_000)
        rows_of_files(server, "many", 1_000_000)

        def middle(owner, depth, query):
            cursor = ""
            for _ in range(depth):
                page = server.call("GET", f"/v1/files/all?limit=1000{query}{cursor}", owner).json()
                cursor = f"&cursor={page['next_cursor']}" if page.get("next_cursor") else ""
            return cursor

        for what, query in (("", ""), (" of a folder", "&folder=many&exact=1")):
            few, many = [], []
            for _ in range(ROUNDS):
                for owner, runs, cursor in (("few", few, ""), ("many", many, middle("many", 20, query))):
                    script = folder / f"{owner}.lua"
                    script.write_text(f'wrk.headers["X-User-Id"] = "{owner}"')
                    runs.append(Run([server.process.pid], ["-s", script, f"{server.api}/v1/files/all?limit=100{query}{cursor}"]))
            ratio = statistics.median([run.rate for run in few]) / statistics.median([run.rate for run in many])
            row(f"{database}: a page of 100{what} at 1,000,000 files: req/s", shown([run.rate for run in many]), f"at 1,000: {shown([run.rate for run in few])}", f"{ratio:.2f}", "≤ 2", f"p99 {', '.join(run.p99_text for run in many)}")
        started = time.monotonic()
        listed = send("GET", f"{server.api}/v1/files/all", {"X-User-Id": "many"}, timeout=300)
        elapsed = time.monotonic() - started
        digest = hashlib.sha256(listed.body).hexdigest()[:8]
        row(f"{database}: all 1,000,000 files as one list: s", f"{elapsed:.1f}", "", "", "", f"{len(listed.body) / 1e6:.0f} MB ({digest}), memory at most {server.memory('VmHWM'):.0f} MiB")


CASES = {
    "uploads": lambda folder: uploads(folder / "uploads"),
    "zips": lambda folder: zips(folder / "zips"),
    "sqlite": lambda folder: listings(folder / "files-sqlite", "sqlite"),
    "postgres": lambda folder: listings(folder / "files-postgres", "postgres"),
}


def files(folder, cases=tuple(CASES)):
    for case in cases:
        CASES[case](folder)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        files(pathlib.Path(place), sys.argv[1:] or tuple(CASES))
    write_table("bench-files.md")
