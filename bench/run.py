"""Runs the benchmarks beside named peers, on the same machine in the same run. See README.md for
the method."""

import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
import uuid

# First, because it makes the modules of `e2e` importable.
from shared import MIB, ROOT, ROUNDS, Copy, Run, peer_client, peer_put, row, shown, upload_parts, write_table
import backends
from commits import commits
from edge import edge
from files import files
from jobs import jobs
from media import media
from packages import packages
from ports import free_port
from server import Server
from spaces import spaces


def signing():
    binary = ROOT / "target/dist/examples/sign_speed"
    ours, theirs, ec = [], [], []
    for _ in range(ROUNDS):
        ours.append(float(subprocess.check_output(["taskset", "-c", "0", binary, "2", "rsa", "sha1"])))
        out = subprocess.check_output(["taskset", "-c", "0", "openssl", "speed", "-seconds", "2", "rsa2048"], stderr=subprocess.DEVNULL)
        theirs.append(float(re.search(rb"rsa 2048 bits.*?\s([\d.]+)\s+[\d.]+\s*$", out, re.M).group(1)))
        ec.append(float(subprocess.check_output(["taskset", "-c", "0", binary, "2", "p256", "sha1"])))
    ratio = statistics.median(ours) / statistics.median(theirs)
    row("RSA-2048 SHA-1 grant, per core and second", shown(ours), f"openssl speed {shown(theirs)}", f"{ratio:.2f}", "≥ 0.95")
    row("P-256 SHA-1 grant, per core and second", shown(ec))


LUA = """
local ids = {}
for line in io.lines("%(ids)s") do ids[#ids + 1] = line end
local at = 0
request = function()
  at = at %% #ids + 1
  return wrk.format("%(method)s", "/v1/images/" .. ids[at] .. "/%(tail)s", {["X-User-Id"] = "alice", ["Content-Type"] = "application/json"}, %(body)s)
end
"""


def load(server, folder, name, ids, tail, method="GET", body="nil"):
    listing = folder / f"{name}.ids"
    listing.write_text("\n".join(ids))
    script = folder / f"{name}.lua"
    script.write_text(LUA % {"ids": listing, "tail": tail, "method": method, "body": body})
    return drive(server, ["-s", script, server.api])


def drive(server, arguments):
    """Runs wrk. Returns requests per second, requests per core-second of the server, the 99th
    percentile and the cores used."""
    run = Run([server.process.pid], arguments)
    return run.rate, run.total / run.cpu, run.p99_text, run.cpu / run.wall


def rows_of_images(server, owner, count):
    """Inserts images directly into the table, because a stream URL and a listing need no bytes.
    Returns their ids."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    start = int(time.time() * 1e6)
    columns = "id, owner_kind, owner_id, object_key, content_type, state, size, etag, modified_at, created_by, created_at"
    key = lambda image: f"images/{owner}/{image}/{uuid.uuid4()}/disk.img"
    tail = f"application/octet-stream\tREADY\t1\te\t1\t{owner}"
    if url := server.settings.get("DATABASE_URL"):
        copy = Copy(url, "objects", columns)
        for at, image in enumerate(ids):
            copy.write((image, "disks", owner, key(image), *tail.split("\t"), start + at))
        copy.close()
        return ids
    database = sqlite3.connect(server.folder / "data/tidegate.db")
    rows = ((uuid.UUID(image).bytes, "disks", owner, key(image), *tail.split("\t"), start + at) for at, image in enumerate(ids))
    database.executemany(f"INSERT INTO objects ({columns}) VALUES ({', '.join('?' * 11)})", rows)
    database.commit()
    database.close()
    return ids


def json_requests(folder, database):
    folder.mkdir()
    with Server(folder, **backends.settings(database, "disk"), LOG_LEVEL="error") as server:
        image, upload, _ = server.begin()
        ids = rows_of_images(server, "alice", 200_000)
        body = json.dumps(json.dumps({"uploadId": upload, "partNumber": 7}))
        warm, cold, sign, create = [], [], [], []
        begin = folder / "begin.lua"
        begin.write_text('wrk.method = "POST"; wrk.headers["X-User-Id"] = "alice"')
        for number in range(ROUNDS):
            warm.append(load(server, folder, "warm", ids[:1], "stream-url"))
            share = ids[1 + number * 60_000 : 1 + (number + 1) * 60_000]
            cold.append(load(server, folder, f"cold{number}", share, "stream-url"))
            sign.append(load(server, folder, "sign", [image], "upload-url", "POST", body))
            create.append(drive(server, ["-s", begin, f"{server.api}/v1/images"]))
        for case, runs, node, factor in (
            ("stream-url, signature cached", warm, 980, 30),
            ("stream-url, a new RSA signature each", cold, 860, 4),
            ("upload-url, one part", sign, 1650, 10),
            ("create", create, None, None),
        ):
            per_core = [run[1] for run in runs]
            note = f"{shown([run[0] for run in runs])} req/s, p99 {', '.join(run[2] for run in runs)}"
            peer = (f"Node reference {node}", f"{statistics.median(per_core) / node:.1f}", f"≥ {factor}") if node else ("", "", "")
            row(f"{database}: {case}: req per core-second", shown(per_core), *peer, note)


def listings(folder, database):
    """Measures a page of 100 of an owner with 1,000 images and of one with a million, in the same
    table."""
    folder.mkdir()
    with Server(folder, **backends.settings(database, "disk"), LOG_LEVEL="error") as server:
        few, many = [], []
        rows_of_images(server, "few", 1_000)
        rows_of_images(server, "many", 1_000_000)
        # A page in the middle, where pagination by offset would be slow.
        def middle(owner, depth):
            cursor = ""
            for _ in range(depth):
                page = server.call("GET", f"/v1/images?limit=1000{cursor}", owner).json()
                cursor = f"&cursor={page['nextCursor']}" if page.get("nextCursor") else ""
            return cursor
        for _ in range(ROUNDS):
            for owner, runs, cursor in (("few", few, ""), ("many", many, middle("many", 20))):
                script = folder / f"{owner}.lua"
                script.write_text(f'wrk.headers["X-User-Id"] = "{owner}"')
                runs.append(drive(server, ["-s", script, f"{server.api}/v1/images?limit=100{cursor}"]))
        ratio = statistics.median([run[0] for run in few]) / statistics.median([run[0] for run in many])
        row(f"{database}: a page of 100 at 1,000,000 images: req/s", shown([run[0] for run in many]), f"at 1,000: {shown([run[0] for run in few])}", f"{ratio:.2f}", "≤ 2", f"p99 {', '.join(run[2] for run in many)}")


def ours_put(server, clients):
    image, upload, _ = server.begin(size=1 << 30)
    urls = {number: server.sign(image, upload, number) for number in range(1, 17)}
    started = time.monotonic()
    etags = upload_parts(urls, clients)
    done = server.complete(image, upload, etags.items())
    elapsed = time.monotonic() - started
    if done.status != 200:
        raise RuntimeError(done.body)
    server.call("DELETE", f"/v1/images/{image}")
    return (1 << 30) / elapsed / 1e6


def uploads(folder):
    root, port = folder / "s3s", free_port()
    (root / "bench").mkdir(parents=True)
    peer = subprocess.Popen(
        [ROOT / ".tools/bin/s3s-fs", "--host", "127.0.0.1", "--port", str(port), "--access-key", "peerpeerpeerpeer", "--secret-key", "secretsecret", root],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    s3s = peer_client(f"http://127.0.0.1:{port}", "peerpeerpeerpeer", "secretsecret")
    garage = peer_client(os.environ["TEST_GARAGE_URL"], os.environ["TEST_S3_ACCESS_KEY"], os.environ["TEST_S3_SECRET_KEY"])
    garage.create_bucket(Bucket="bench")
    try:
        with Server(folder, LOG_LEVEL="error") as server:
            time.sleep(0.5)
            for clients in (1, 4):
                ours, by_garage, by_s3s = [], [], []
                for _ in range(ROUNDS):
                    ours.append(ours_put(server, clients))
                    by_garage.append(peer_put(garage, clients))
                    by_s3s.append(peer_put(s3s, clients))
                case = f"PUT 1 GiB, 16 parts, {clients} client{'s' * (clients > 1)}, with complete: MB/s"
                for name, theirs in (("garage 2.5.0 release", by_garage), ("s3s-fs 0.14.1", by_s3s)):
                    ratio = statistics.median(ours) / statistics.median(theirs)
                    row(case, shown(ours), f"{name} {shown(theirs)}", f"{ratio:.2f}", "≥ 1.2", "ours fsyncs, the peer does not")
            row("memory after it, highest: MiB", f"{server.memory('VmHWM'):.0f}")
    finally:
        peer.send_signal(signal.SIGTERM)
        peer.wait()


def raw_disk(folder):
    source, rates = folder / "source", []
    with open(source, "wb") as file:
        for _ in range(1024):
            file.write(os.urandom(MIB))
    for _ in range(ROUNDS):
        started = time.monotonic()
        subprocess.run(["dd", f"if={source}", f"of={folder}/target", "bs=1M", "conv=fsync"], check=True, stderr=subprocess.DEVNULL)
        rates.append((1 << 30) / (time.monotonic() - started) / 1e6)
    source.unlink()
    (folder / "target").unlink()
    row("the disk itself, dd 1 GiB with fsync: MB/s", shown(rates))


def start_and_idle(folder):
    starts, idle = [], []
    for number in range(5):
        place = folder / f"start{number // 2}"
        place.mkdir(exist_ok=True)
        server = Server(place, LOG_LEVEL="error")
        started = time.monotonic()
        server.start()
        starts.append((time.monotonic() - started) * 1000)
        time.sleep(1)
        idle.append(server.memory())
        server.stop()
    first, again = starts[0::2], starts[1::2]
    row("start to ready: ms, on new folders (makes its keys)", shown(first), "", "", "< 200")
    row("start to ready: ms, on folders with keys", shown(again), "", "", "< 200")
    row("idle memory: MiB", shown(idle, 1), "", "", "< 40")


def main():
    print(f"{ROUNDS} rounds, medians (lowest–highest); one machine, {os.cpu_count()} cores, client and server share them\n")
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        folder = pathlib.Path(folder)
        signing()
        for database in ("sqlite", "postgres"):
            json_requests(folder / f"json-{database}", database)
            listings(folder / f"list-{database}", database)
        raw_disk(folder)
        (folder / "put").mkdir()
        uploads(folder / "put")
        start_and_idle(folder)
        (folder / "files").mkdir()
        files(folder / "files")
        jobs(folder / "jobs")
        commits(folder / "commits")
        (folder / "media").mkdir()
        media(folder / "media")
        (folder / "spaces").mkdir()
        spaces(folder / "spaces")
        (folder / "packages").mkdir()
        packages(folder / "packages")
        (folder / "edge").mkdir()
        edge(folder / "edge")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    write_table("bench.md")


if __name__ == "__main__":
    main()
