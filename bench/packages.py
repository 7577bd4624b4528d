"""Measures datasets: restoring a collection of 10,000 files in one pass, presigned and signed links
per core, and listing a collection with 100,000 children beside one with 1,000. See README.md."""

import hashlib
import json
import pathlib
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid

# First: it says where the modules of `e2e` are.
from shared import ROOT, ROUNDS, Copy, Run, row, shown, write_table
import backends
from datasets import Dataset
from server import Server

SETTINGS = {"LOG_LEVEL": "error", "RATE_LIMIT_PER_ADDRESS": "0", "RATE_LIMIT_PER_SUBJECT": "0"}
FILES = 10_000
BYTES = b"sixteen bytes ok"
TABLES = {
    "nodes": "id, node_id, dataset_id, parent_id, kind, name, state, object_id, objects, bytes, created_by, created_at",
    "objects": "id, owner_kind, owner_id, object_key, name, content_type, state, size, etag, modified_at, created_by, created_at, scan, node",
}


def rows_of(dataset, parent, first, count):
    """Inserts packages directly into the tables, numbered from `first` on."""
    shown = dataset.call("GET", f"/datasets/{dataset.id}")
    at, etag = int(time.time() * 1e6), hashlib.md5(BYTES).hexdigest()
    number = dataset.node(parent)["intId"]
    for index in range(count):
        node, file = first + index, uuid.uuid4()
        key = f"packages/{shown['organizationIntId']}/{shown['intId']}/{node}/{file}"
        yield "nodes", (node, f"N:package:{uuid.uuid4()}", shown["intId"], number, "package", f"file {index:06}", "READY", file, 1, len(BYTES), "ann", at)
        yield "objects", (file, "dataset", dataset.id, key, f"file {index:06}.bin", "application/octet-stream", "READY", len(BYTES), etag, at, "ann", at, "skipped", node)


def fill(server, dataset, name, count, first, with_bytes=False):
    parent = dataset.collection(name)
    total = "UPDATE quotas SET files = files + {0}, used = used + {1} WHERE owner_kind IN ('dataset', 'organisation')"
    total = total.format(count, count * len(BYTES))
    store = server.folder / "data/store"
    rows = list(rows_of(dataset, parent, first, count))
    if url := server.settings.get("DATABASE_URL"):
        for table, columns in TABLES.items():
            copy = Copy(url, table, columns)
            for of, cells in rows:
                if of == table:
                    copy.write(cells)
            copy.close()
        backends.psql(url, total)
    else:
        database = sqlite3.connect(server.folder / "data/tidegate.db")
        for table, columns in TABLES.items():
            insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"
            database.executemany(insert, [[cell.bytes if isinstance(cell, uuid.UUID) else cell for cell in cells] for of, cells in rows if of == table])
        database.execute(total)
        database.commit()
        database.close()
    if with_bytes:
        about = {"size": len(BYTES), "etag": hashlib.md5(BYTES).hexdigest(), "modified_us": int(time.time() * 1e6), "content_type": "application/octet-stream"}
        for of, cells in rows:
            if of == "objects":
                path = store / cells[3]
                path.parent.mkdir(parents=True)
                path.write_bytes(BYTES)
                path.with_name(path.name + ".meta").write_text(json.dumps(about))
    return parent


def wait_until(server, what, seconds=600):
    started = time.monotonic()
    while not what():
        if time.monotonic() - started > seconds:
            raise RuntimeError("it takes too long")
        time.sleep(0.05)
    return time.monotonic() - started


def waiting(server):
    """Returns the number of unfinished jobs."""
    if url := server.settings.get("DATABASE_URL"):
        return int(backends.psql(url, "SELECT COUNT(*) FROM jobs")[0][0])
    database = sqlite3.connect(f"file:{server.folder / 'data/tidegate.db'}?mode=ro", uri=True)
    try:
        return database.execute("SELECT COUNT(*) FROM jobs").fetchone()[0]
    finally:
        database.close()


def restore(server, dataset, database):
    parent = fill(server, dataset, "many", FILES, 5_000_000, with_bytes=True)
    hidden, back, answers, memory = [], [], [], []
    for _ in range(ROUNDS):
        started = time.monotonic()
        assert dataset.change("delete", parent)["success"] == [parent]
        wait_until(server, lambda: waiting(server) == 0)
        hidden.append(time.monotonic() - started)
        started = time.monotonic()
        assert dataset.change("restore", parent)["success"] == [parent]
        answers.append(time.monotonic() - started)
        dataset.wait(parent, seconds=600)
        back.append(time.monotonic() - started)
        memory.append(server.memory("VmHWM"))
    note = f"delete, until its bytes are put away, {shown(hidden, 1)} s; the restore is accepted after {shown(answers, 2)} s; memory at most {max(memory):.0f} MiB"
    row(f"{database}: {FILES:,} files restored: s", shown(back, 1), "", "", "< 30" if database == "postgres" else "", note)


def links(server, dataset, database, place):
    package = dataset.package("linked", b"x")
    dataset.asset(package, "view/data.parquet", b"PAR1")
    of = dataset.query(package_id=package)
    script = place / "packages.lua"
    head = 'wrk.headers["X-User-Id"] = "ann"\nwrk.headers["X-Org-Id"] = "lab"\n'
    for what, path, body in [
        ("presign/s3", f"/presign/s3?{of}", ""),
        ("cloudfront/sign, one asset", f"/cloudfront/sign?{of}&path=view/data.parquet", ""),
        ("cloudfront/sign, each another asset", f"/cloudfront/sign?{of}&path=view/", f'local n = 0\nfunction request() n = n + 1 return wrk.format("GET", "/packages/cloudfront/sign?{of}&path=view/" .. n) end\n'),
        ("cloudfront/sign, scope=prefix", f"/cloudfront/sign?{of}&scope=prefix", ""),
    ]:
        script.write_text(head + body)
        runs = [Run([server.process.pid], ["-s", script, f"{server.api}/packages{path}"]) for _ in range(ROUNDS)]
        note = f"{shown([run.rate for run in runs])} req/s, p99 {', '.join(run.p99_text for run in runs)}"
        row(f"{database}: {what}: requests per core-second", shown([run.total / run.cpu for run in runs]), "", "", "", note)


def children(server, dataset, database, place):
    few, many = fill(server, dataset, "few", 1_000, 2_000_000), fill(server, dataset, "very many", 100_000, 3_000_000)
    cursor = ""
    for _ in range(50):
        page = dataset.call("GET", f"/children?{dataset.query(parent_id=many, limit=1000)}{cursor}")
        cursor = f"&cursor={page['nextCursor']}"
    script = place / "children.lua"
    script.write_text('wrk.headers["X-User-Id"] = "ann"\nwrk.headers["X-Org-Id"] = "lab"\n')
    small, large = [], []
    for _ in range(ROUNDS):
        for runs, parent, more in ((small, few, ""), (large, many, cursor)):
            url = f"{server.api}/packages/children?{dataset.query(parent_id=parent, limit=100)}{more}"
            runs.append(Run([server.process.pid], ["-s", script, url]))
    ratio = statistics.median([run.rate for run in small]) / statistics.median([run.rate for run in large])
    row(f"{database}: a page of 100 of 100,000 children: req/s", shown([run.rate for run in large]), f"of 1,000: {shown([run.rate for run in small])}", f"{ratio:.2f}", "≤ 2", f"p99 {', '.join(run.p99_text for run in large)}")


def packages(folder, databases=("sqlite", "postgres")):
    for database in databases:
        place = folder / f"packages-{database}"
        place.mkdir()
        with Server(place, **backends.settings(database, "disk"), **SETTINGS) as server:
            dataset = Dataset(server)
            # The quota is counted from the published files first.
            dataset.package("first", b"x")
            links(server, dataset, database, place)
            children(server, dataset, database, place)
            restore(server, dataset, database)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        packages(pathlib.Path(place), sys.argv[1:] or ("sqlite", "postgres"))
    write_table("bench-packages.md")
