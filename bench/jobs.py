"""Measures the job queue and the confirmation of uploads on both databases. There is no comparison,
because no peer has either."""

import http.client
import json
import pathlib
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.parse
import uuid

# First: it says where the modules of `e2e` are.
from shared import ROOT, ROUNDS, row, shown, write_table
import backends
from server import Server
from sessions import ORG, Session, drawn, encoded

SETTINGS = {"LOG_LEVEL": "error", "RATE_LIMIT_PER_ADDRESS": "0", "RATE_LIMIT_PER_SUBJECT": "0"}
JOBS = 3_000
# Jobs that are due much later. They must not slow the queue down.
WAITING = 100_000
CONFIRMATIONS = 1_000
CLIENTS = 8


def run_sql(server, statements):
    if url := server.settings.get("DATABASE_URL"):
        for sql in statements:
            backends.psql(url, sql)
        return
    database = sqlite3.connect(server.folder / "data/tidegate.db")
    for sql in statements:
        database.execute(sql)
    database.commit()
    database.close()


def left(server):
    # Select due jobs, which an index finds, so that the lookup is not part of the measurement.
    sql = f"SELECT COUNT(*) FROM jobs WHERE class = 'images' AND state = 'QUEUED' AND run_at < {int(time.time() * 1e6) + 10**9}"
    if url := server.settings.get("DATABASE_URL"):
        return int(backends.psql(url, sql)[0][0])
    database = sqlite3.connect(f"file:{server.folder / 'data/tidegate.db'}?mode=ro", uri=True)
    count = database.execute(sql).fetchone()[0]
    database.close()
    return count


def enqueue(server):
    """Enqueues jobs for media items that do not exist. Each is claimed, looked up and finished
    without other work."""
    now = int(time.time() * 1e6)
    series = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s"
    if "DATABASE_URL" in server.settings:
        series = "SELECT n FROM generate_series(1, {count}) AS n"
    columns = "INSERT INTO jobs (payload, state, run_at, attempts, max_attempts, created_at, class, priority)"
    ingest = json.dumps({"type": "IngestV1", "object": str(uuid.uuid4()), "video": False})
    later = json.dumps({"type": "ReleaseMediaV1", "object": str(uuid.uuid4())})
    run_sql(server, [
        f"{columns} SELECT '{ingest}', 'QUEUED', {now}, 0, 6, {now}, 'images', 0 FROM ({series.format(count=JOBS)}) AS s",
        f"{columns} SELECT '{later}', 'QUEUED', {now + 10**11}, 0, 12, {now}, 'images', 0 FROM ({series.format(count=WAITING)}) AS s",
    ])
    if "DATABASE_URL" in server.settings:
        run_sql(server, ["ANALYZE jobs"])


def claims(folder, database):
    rates = []
    for number in range(ROUNDS):
        place = folder / f"{database}-{number}"
        place.mkdir()
        server = Server(place, **backends.settings(database, "disk"), **SETTINGS)
        with server:
            pass
        enqueue(server)
        with server:
            while (at := left(server)) > JOBS * 9 // 10:
                time.sleep(0.05)
            started, first = time.monotonic(), at
            while (at := left(server)) > JOBS // 10:
                time.sleep(0.05)
            rates.append((first - at) / (time.monotonic() - started))
    row(f"jobs claimed and finished per second, {database}", shown(rates), note=f"{WAITING:,} more wait for another day")


def confirmations(folder, database):
    image = encoded(drawn(64, 48), "JPEG")
    server = Server(folder, **backends.settings(database, "disk"), **SETTINGS, WORKER_IMAGES="1")
    with server:
        session = Session(server)
        keys = []
        for _ in range(CONFIRMATIONS):
            target = session.call("POST", "/media/upload-url", {"filename": "a.jpg", "contentType": "image/jpeg"}).json()
            url = urllib.parse.urlsplit(target["uploadUrl"])
            connection = http.client.HTTPConnection(url.netloc, timeout=60)
            connection.request("PUT", f"{url.path}?{url.query}", image, {"Content-Type": "image/jpeg"})
            if connection.getresponse().status != 200:
                raise RuntimeError("a PUT failed")
            connection.close()
            keys.append(target["fileKey"])
        took = []

        def work(mine):
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.api).netloc, timeout=60)
            for key in mine:
                started = time.monotonic()
                connection.request("POST", f"/v1/sessions/{session.id}/media/confirm", json.dumps({"fileKey": key}), ORG)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError(answer.status)
                took.append((time.monotonic() - started) * 1000)

        threads = [threading.Thread(target=work, args=(keys[n::CLIENTS],)) for n in range(CLIENTS)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(took) / (time.monotonic() - started)
    if len(took) != CONFIRMATIONS:
        raise RuntimeError("some confirmations failed")
    took.sort()
    note = f"{rate:.0f} per second by {CLIENTS} clients, photos being made beside it"
    row(f"confirm, {database}: p50 / p99, ms", f"{statistics.median(took):.1f} / {took[len(took) * 99 // 100]:.1f}", note=note)


def jobs(folder):
    folder.mkdir(exist_ok=True)
    for database in ("sqlite", "postgres"):
        claims(folder, database)
        place = folder / f"confirm-{database}"
        place.mkdir()
        confirmations(place, database)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        jobs(pathlib.Path(place))
    write_table("bench-jobs.md")
