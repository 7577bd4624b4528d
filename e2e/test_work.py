"""Tests `tidegate work` processes beside servers that run no jobs, on PostgreSQL and a bucket."""

import collections
import contextlib
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time

import backends
from ports import free_port
from server import BINARY, Server, send
from sessions import Session, drawn, encoded
from user_files import begin, complete, in_one_request


def worker(folder, settings, name):
    log = open(folder / f"{name}.log", "ab")
    return subprocess.Popen([BINARY, "work"], env=settings, cwd=folder, stdout=log, stderr=log)


@contextlib.contextmanager
def running(process):
    """Ends the process by its signal afterwards, and checks that it ended well."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=40)
    assert ended == 0


def test_several_workers_do_each_job_once_and_one_that_dies_is_replaced(make_server, tmp_path):
    chosen = backends.settings("postgres", "s3")
    server = make_server(**chosen, WORKER="false")
    session, image = Session(server), encoded(drawn(400, 300), "JPEG")
    first = session.send(image, "image/jpeg").json()
    time.sleep(1)
    assert session.show(first["id"])["status"] == "UPLOADED", "the server leaves it to others"
    sent = [first["id"]] + [session.send(image, "image/jpeg").json()["id"] for _ in range(20)]
    settings = {**server.settings, "TIDEGATE_DATA": str(tmp_path / "worker"), "WORKER_IMAGES": "2", "SCANNER": "off"}
    # Nobody signs in to a worker: it is ready without the token issuer of its servers.
    settings |= {"AUTH_MODE": "jwt", "AUTH_JWKS_URL": "https://id.example.invalid/keys", "AUTH_JWT_ISSUER": "*", "AUTH_JWT_AUDIENCE": "*"}
    ports = [free_port() for _ in range(3)]
    workers = [worker(tmp_path, settings | {"WORKER_PORT": str(port)}, f"worker-{number}") for number, port in enumerate(ports)]
    try:
        deadline = time.monotonic() + 20
        while not any(session.show(media)["status"] in ("PROCESSING", "COMPLETED") for media in sent):
            assert time.monotonic() < deadline
        # One of them is killed during a job; its leases expire.
        killed = random.randrange(3)
        workers[killed].send_signal(signal.SIGKILL)
        for media in sent:
            shown = session.ended(media, seconds=90)
            assert shown["status"] == "COMPLETED", shown
            steps = [step["status"] for step in session.call("GET", f"/media/{media}/history").json()]
            assert steps[-1] == "COMPLETED" and steps.count("COMPLETED") == 1, steps
        counted = 0
        for port in ports[:killed] + ports[killed + 1 :]:
            assert send("GET", f"http://127.0.0.1:{port}/readyz").status == 200
            metrics = send("GET", f"http://127.0.0.1:{port}/metrics").body.decode()
            counted += sum(int(count) for count in re.findall(r'^tidegate_media_total{outcome="completed"} (\d+)$', metrics, re.M))
            assert send("GET", f"http://127.0.0.1:{port}/metrics", {"Host": "evil.example"}).status == 404
            assert send("GET", f"http://127.0.0.1:{port}/v1/files/usage", {"X-User-Id": "ann"}).status == 404, "a worker has no other door"
        assert 0 < counted <= len(sent), "what workers do is counted by them"
        published = collections.Counter()
        for number in range(3):
            log = (tmp_path / f"worker-{number}.log").read_text()
            assert "panicked" not in log, log[-2000:]
            published.update(re.findall(r'a medium was published.*?"object\.id":"([0-9a-f-]+)"|"object\.id":"([0-9a-f-]+)".*?a medium was published', log))
        # The original goes after the record says COMPLETED. Where the worker was killed between the
        # two, another one removes it when the lease has expired.
        deadline = time.monotonic() + 90
        keys = backends.keys(chosen["S3_BUCKET"])
        while originals := [key for key in keys if "/processed/" not in key]:
            assert time.monotonic() < deadline, originals
            time.sleep(0.2)
            keys = backends.keys(chosen["S3_BUCKET"])
        main = collections.Counter(key.split("/")[3] for key in keys if key.endswith("/image.jpg"))
        assert main == {media: 1 for media in sent}, "each is published once"
    finally:
        # A running job is finished before the process ends.
        for process in workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        ended = [process.wait(timeout=40) for process in workers]
    assert sorted(ended) == [-signal.SIGKILL, 0, 0], ended


def test_what_belongs_to_one_process_is_said(tmp_path):
    server = Server(tmp_path)
    settings = {**server.settings, "TIDEGATE_DATA": str(tmp_path / "data")}
    alone = subprocess.run([BINARY, "work"], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert alone.returncode != 0 and "DATABASE_URL must lead to PostgreSQL" in alone.stderr, alone.stderr
    shared = settings | backends.settings("postgres", "s3")
    blind = subprocess.run([BINARY, "work"], env=shared, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert blind.returncode != 0 and "SCANNER=off" in blind.stderr, blind.stderr
    nobody = subprocess.run([BINARY, "check"], env={**settings, "WORKER": "false"}, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert nobody.returncode != 0 and "WORKER" in nobody.stderr, nobody.stderr
    for classes, said in (("scans", "divide the jobs"), ("scan", "one or more of")):
        refused = subprocess.run([BINARY, "check"], env={**settings, "WORKER_CLASSES": classes}, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert refused.returncode != 0 and "WORKER_CLASSES" in refused.stderr and said in refused.stderr, (classes, refused.stderr)


def test_workers_divide_the_classes_of_jobs(make_server, tmp_path):
    host, port = backends.given("TEST_CLAMD").split(":")
    server = make_server(**backends.settings("postgres", "s3"), CLAMAV_HOST=host, CLAMAV_PORT=port, WORKER="false")
    session = Session(server)
    image = session.send(encoded(drawn(400, 300), "JPEG"), "image/jpeg").json()["id"]
    upload, _, target = begin(server, "good.bin", 4)
    in_one_request(server, upload, b"good", target)
    assert complete(server, upload).json()["status"] == "SCANNING"
    settings = {**server.settings, "TIDEGATE_DATA": str(tmp_path / "worker")}
    with running(worker(tmp_path, settings | {"WORKER_CLASSES": "scans"}, "scans")):
        deadline = time.monotonic() + 60
        while server.call("GET", "/v1/files/all?status=SCANNING").json()["total_count"] > 0:
            assert time.monotonic() < deadline, "the file is not scanned"
            time.sleep(0.1)
        assert session.show(image)["status"] == "UPLOADED", "a worker that scans leaves images alone"
        with running(worker(tmp_path, settings | {"WORKER_CLASSES": "images, upkeep"}, "images")):
            assert session.ended(image)["status"] == "COMPLETED"


def test_jobs_that_were_given_up_are_listed_and_retried_beside_a_server(make_server, tmp_path):
    """clamd is unavailable until the job is dead-lettered. When clamd is back, an operator retries
    the job."""
    server = make_server(CLAMAV_HOST="127.0.0.1", CLAMAV_PORT="9", CLAMAV_TIMEOUT_SECONDS="1")
    session = Session(server)
    media = session.send(encoded(drawn(64, 64), "JPEG"), "image/jpeg").json()["id"]
    # The retries would take an hour in total; shorten them as if most of it had passed.
    stop = threading.Event()

    def hurry():
        while not stop.wait(0.3):
            with contextlib.closing(sqlite3.connect(server.folder / "data/tidegate.db", timeout=10)) as database, database:
                database.execute("UPDATE jobs SET run_at = 0, attempts = max(attempts, 33), max_attempts = max(max_attempts, 36) WHERE state = 'QUEUED' AND class = 'images' AND lease_until IS NULL")

    hurrying = threading.Thread(target=hurry)
    hurrying.start()
    try:
        shown = session.ended(media, seconds=60)
    finally:
        stop.set()
        hurrying.join()
    assert (shown["status"], shown["reason"]) == ("SCAN_FAILED", "the malware scanner does not answer"), shown
    told = subprocess.run([BINARY, "jobs", "list"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert media in told.stdout and "SCANNER_UNAVAILABLE" in told.stdout, told.stdout
    server.stop()
    host, port = backends.given("TEST_CLAMD").split(":")
    server.settings |= {"CLAMAV_HOST": host, "CLAMAV_PORT": port}
    server.start()
    done = subprocess.run([BINARY, "jobs", "retry", "--all"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "1 jobs will be tried again" in done.stdout, done.stdout
    shown = session.ended(media)
    assert (shown["status"], shown["scan"]) == ("COMPLETED", "clean"), shown
    scanned = subprocess.run([BINARY, "jobs", "rescan"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "1 objects will be scanned again" in scanned.stdout, scanned.stdout
