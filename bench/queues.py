"""Measures the jobs per second that one worker does by messages of SQS and Redis, beside the database's
own queue. The job bodies are empty: each job is claimed, looked up and finished."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import uuid

# First: it says where the modules of `e2e` are.
from shared import ROOT, ROUNDS, row, shown, write_table
import backends
from ports import free_port
from queues import Redis, Sqs, body
from server import BINARY, Server

JOBS = int(os.environ.get("JOBS", "6000"))
AT_ONCE = os.environ.get("AT_ONCE", "16")
AIM = "≥ 1,000"


def left(url):
    return int(backends.psql(url, f"SELECT COUNT(*) FROM jobs WHERE class = 'images' AND run_at < {int(time.time() * 1e6)}")[0][0])


def enqueue(url):
    job = json.dumps({"type": "IngestV1", "object": str(uuid.uuid4()), "video": False})
    now = int(time.time() * 1e6)
    rows = backends.psql(
        url,
        "INSERT INTO jobs (payload, state, run_at, attempts, max_attempts, created_at, class, priority) "
        f"SELECT '{job}', 'QUEUED', {now}, 0, 6, {now}, 'images', 0 FROM generate_series(1, {JOBS}) RETURNING id",
    )
    backends.psql(url, "ANALYZE jobs")
    return [int(cells[0]) for cells in rows]


def rate(folder, broker):
    """Returns the jobs per second of the middle 80 %."""
    chosen = {**backends.settings("postgres", "s3"), "LOG_LEVEL": "error", "JOB_LOOK_SECONDS": "3600", "WORKER": "false"}
    if broker:
        chosen |= broker.settings()
    server = Server(folder, **chosen)
    with server:
        pass
    url = server.settings["DATABASE_URL"]
    ids = enqueue(url)
    if broker:
        broker.send(map(body, ids), "images")
    settings = server.settings | {"TIDEGATE_DATA": str(folder / "worker"), "WORKER_PORT": str(free_port()), "WORKER_IMAGES": AT_ONCE, "SCANNER": "off"}
    worker = subprocess.Popen([BINARY, "work"], env=settings, cwd=folder)
    try:
        while (at := left(url)) > JOBS * 9 // 10:
            time.sleep(0.02)
        started, first = time.monotonic(), at
        while (at := left(url)) > JOBS // 10:
            time.sleep(0.02)
        return (first - at) / (time.monotonic() - started)
    finally:
        worker.terminate()
        worker.wait()


def queues(folder):
    for name, make in (("the database alone", None), ("Redis", Redis), ("SQS (ministack)", Sqs)):
        rates = []
        for number in range(ROUNDS):
            place = folder / f"{make.name if make else 'none'}-{number}"
            place.mkdir()
            broker = make(place) if make else None
            with contextlib.ExitStack() as ending:
                if broker:
                    ending.callback(broker.stop)
                    broker.start()
                    broker.prepare()
                rates.append(rate(place, broker))
        row(f"empty jobs per second by one worker, {name}", shown(rates), target=AIM if make else "", note=f"{AT_ONCE} at once")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as place:
        queues(pathlib.Path(place))
    if (ROOT / "target").is_dir():
        write_table("bench-queues.md")
