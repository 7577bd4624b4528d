"""Measures listings of spaces: 1,000 images with thumbnails under one signature, beside the cost of
one signature per URL, and a page of a space with a million images beside one with a thousand. See
README.md."""

import json
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

# First: it says where the modules of `e2e` are.
from shared import ROOT, ROUNDS, Copy, Run, row, shown, write_table
import backends
from server import Server

SETTINGS = {"LOG_LEVEL": "error", "RATE_LIMIT_PER_ADDRESS": "0", "RATE_LIMIT_PER_SUBJECT": "0"}
# The server makes each size as WebP and as JPEG.
THUMBNAILS = ["320.webp", "320.jpg", "1280.webp", "1280.jpg"]
TABLES = {
    "objects": "id, owner_kind, owner_id, object_key, name, content_type, state, size, etag, modified_at, created_by, created_at, width, height, blurhash, scan, thumbnails",
    "uploads": "id, object_id, owner_kind, owner_id, object_key, state, created_by, created_at, expires_at, incoming_key",
    "variants": "object_id, name, object_key, content_type, size, etag, modified_at, width, height",
}


def rows_of(space, count, thumbnails):
    """Inserts images directly into the tables, because a listing needs no bytes."""
    start = int(time.time() * 1e6) - count
    for number in range(count):
        image, version, upload = uuid.uuid4(), uuid.uuid4().hex, uuid.uuid4().hex
        key = f"spaces/{space}/pub/{image}/{version}"
        at = start + number
        yield "objects", (image, "space", space, f"{key}/image.jpg", f"photo {number}.jpg", "image/jpeg", "READY", 412345, "e" * 32, at, "ann", at, 1600, 1200, "LKO2?U%2Tw=w]~RBVZRi};RPxuwH", "clean", json.dumps([[name, "image/webp" if name.endswith("webp") else "image/jpeg", 320, 240] for name in THUMBNAILS[:thumbnails]]))
        yield "uploads", (upload, image, "space", space, f".incoming/{upload}", "COMPLETED", "ann", at, at, f".incoming/{upload}")
        for name in THUMBNAILS[:thumbnails]:
            kind = "image/webp" if name.endswith("webp") else "image/jpeg"
            yield "variants", (image, name, f"{key}/{name}", kind, 12345, "e" * 32, at, 320, 240)


def fill(server, name, count, thumbnails=4):
    space = server.call("POST", "/api/spaces", "ann", {"name": name}).json()["id"]
    if url := server.settings.get("DATABASE_URL"):
        copies = {table: Copy(url, table, columns) for table, columns in TABLES.items()}
        for table, cells in rows_of(space, count, thumbnails):
            copies[table].write(cells)
        for copy in copies.values():
            copy.close()
        return space
    database = sqlite3.connect(server.folder / "data/tidegate.db")
    statements = {table: f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})" for table, columns in TABLES.items()}
    for table, cells in rows_of(space, count, thumbnails):
        database.execute(statements[table], [cell.bytes if isinstance(cell, uuid.UUID) else cell for cell in cells])
    database.commit()
    database.close()
    return space


def lists(server, folder, space, query, connections=32):
    script = folder / "space.lua"
    script.write_text('wrk.headers["X-User-Id"] = "ann"')
    return Run([server.process.pid], ["-s", script, f"{server.api}/api/spaces/{space}/images?{query}"], connections=connections)


def middle(server, space, depth):
    cursor = ""
    for _ in range(depth):
        page = server.call("GET", f"/api/spaces/{space}/images?limit=1000&urls=shared{cursor}", "ann").json()
        cursor = f"&cursor={page['nextCursor']}"
    return cursor


def signatures():
    binary = ROOT / "target/dist/examples/sign_speed"
    return float(subprocess.check_output(["taskset", "-c", "0", binary, "2", "rsa", "sha1"]))


def spaces(folder, databases=("sqlite", "postgres")):
    for database in databases:
        place = folder / f"spaces-{database}"
        place.mkdir()
        with Server(place, **backends.settings(database, "disk"), **SETTINGS) as server:
            thousand = fill(server, "thousand", 1_000)
            each, shared, alone, signed = [], [], [], []
            for _ in range(ROUNDS):
                each.append(lists(server, place, thousand, "limit=1000"))
                shared.append(lists(server, place, thousand, "limit=1000&urls=shared"))
                alone.append(lists(server, place, thousand, "limit=1000", connections=1))
                signed.append(signatures())
            urls = 1_000 * (1 + len(THUMBNAILS))
            # Both sides are per core-second: the measured listing, and one with a signature for
            # each URL.
            ours = [run.total / run.cpu for run in each]
            theirs = [1 / (1 / rate + urls / speed) for rate, speed in zip(ours, signed)]
            ratio = statistics.median(ours) / statistics.median(theirs)
            note = f"{shown([run.rate for run in each])} req/s, p99 {', '.join(run.p99_text for run in each)}; on one connection {', '.join(run.p99_text for run in alone)}; signatures per second {shown(signed)}"
            row(f"{database}: 1,000 images, 5,000 URLs: lists per core-second", shown(ours, 1), f"a signature each: {shown(theirs, 2)}", f"{ratio:.0f}", "≥ 50", note)
            row(f"{database}: the same with urls=shared", shown([run.total / run.cpu for run in shared], 1), "", "", "", f"{shown([run.rate for run in shared])} req/s, p99 {', '.join(run.p99_text for run in shared)}")
            few, many = fill(server, "few", 1_000, 1), fill(server, "many", 1_000_000, 1)
            deep, small, large = middle(server, many, 20), [], []
            for _ in range(ROUNDS):
                small.append(lists(server, place, few, "limit=100"))
                large.append(lists(server, place, many, f"limit=100{deep}"))
            ratio = statistics.median([run.rate for run in small]) / statistics.median([run.rate for run in large])
            row(f"{database}: a page of 100 at 1,000,000 images: req/s", shown([run.rate for run in large]), f"at 1,000: {shown([run.rate for run in small])}", f"{ratio:.2f}", "≤ 2", f"p99 {', '.join(run.p99_text for run in large)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        spaces(pathlib.Path(place), sys.argv[1:] or ("sqlite", "postgres"))
    write_table("bench-spaces.md")
