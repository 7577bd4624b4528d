"""Runs clients that upload, complete, abort and delete against a server that is killed repeatedly,
and checks every acknowledged change after each restart.

    python e2e/crash_loop.py --rounds 2000 --database sqlite --store disk
"""

import argparse
import hashlib
import http.client
import json
import pathlib
import random
import signal
import sqlite3
import tempfile
import threading
import time
import urllib.parse

import backends
from server import Server

PART = 5 << 20
WORKERS = 6
# Most answers that a server gives before it is killed.
ANSWERS = 60


class Cut(Exception):
    """Raised when the server was killed during a request; the request may or may not have taken
    effect."""


class Client:
    """The connections of one worker, kept alive as real clients do."""

    def __init__(self, answered):
        self.connections, self.answered = {}, answered

    def send(self, method, url, headers=None, body=None):
        parts = urllib.parse.urlsplit(url)
        try:
            if parts.netloc not in self.connections:
                self.connections[parts.netloc] = http.client.HTTPConnection(parts.netloc, timeout=20)
            connection = self.connections[parts.netloc]
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            body = answer.read()
            self.answered.release()
            return answer.status, answer.headers, body
        except (OSError, http.client.HTTPException) as error:
            self.connections.clear()
            raise Cut from error

    def call(self, server, method, path, body=None):
        headers = {"X-User-Id": "alice"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        return self.send(method, server.api + path, headers, data)


class Image:
    """The expected state of one image: the last request and the last response."""

    def __init__(self, image, upload):
        self.image, self.upload, self.etags, self.bodies = image, upload, {}, {}
        self.asked = self.answered = "begun"

    @property
    def digest(self):
        digest = hashlib.sha256()
        for number in sorted(self.bodies):
            digest.update(self.bodies[number])
        return digest.hexdigest()


class Loop:
    def __init__(self, server, seed):
        self.server, self.chance = server, random.Random(seed)
        self.images, self.settled, self.lock = [], [], threading.Lock()
        self.failures = []
        self.counts = {"answered": 0, "cut": 0, "checked": 0, "deleted": 0, "aborted": 0}
        self.slowest_start = 0.0

    # -- client operations

    def work(self, stop, seed, answered):
        chance, client = random.Random(seed), Client(answered)
        while not stop.is_set():
            try:
                self.one_image(chance, client, stop)
            except Cut:
                with self.lock:
                    self.counts["cut"] += 1
                return
            except Exception as error:  # A wrong response fails the loop, not only this thread.
                with self.lock:
                    self.failures.append(error)
                return

    def one_image(self, chance, client, stop):
        status, _, body = client.call(self.server, "POST", "/v1/images", {})
        assert status == 200, body
        begun = json.loads(body)
        image = Image(begun["imageId"], begun["uploadId"])
        with self.lock:
            self.images.append(image)
        large = chance.random() < 0.04
        bodies = [chance.randbytes(PART)] if large else []
        bodies.append(chance.randbytes(chance.randrange(1, 40_000)))
        for number, part in enumerate(bodies, 1):
            self.put(client, image, number, part)
            if chance.random() < 0.1:  # Send the same part again, like a client that did not receive the response.
                self.put(client, image, number, part)
        if chance.random() < 0.15:
            self.change(client, image, "aborted", "POST", f"/v1/images/{image.image}/abort", 204)
            return
        parts = [{"partNumber": n, "etag": e} for n, e in image.etags.items()]
        complete = {"uploadId": image.upload, "parts": parts}
        for _ in range(1 + (chance.random() < 0.2)):
            self.change(client, image, "complete", "POST", f"/v1/images/{image.image}/complete", 200, complete)
        if chance.random() < 0.3 and not stop.is_set():
            self.change(client, image, "deleted", "DELETE", f"/v1/images/{image.image}", 204)

    def put(self, client, image, number, part):
        asked = {"uploadId": image.upload, "partNumber": number}
        status, _, body = client.call(self.server, "POST", f"/v1/images/{image.image}/upload-url", asked)
        assert status == 200, body
        status, headers, body = client.send("PUT", json.loads(body)["url"], {"Content-Type": "application/octet-stream"}, part)
        assert status == 200, body
        image.etags[number], image.bodies[number] = headers["ETag"], part

    def change(self, client, image, word, method, path, expected, body=None):
        image.asked = word
        status, _, answer = client.call(self.server, method, path, body)
        assert status == expected, (word, status, answer)
        image.answered = word
        with self.lock:
            self.counts["answered"] += 1
            if word in self.counts:
                self.counts[word] += 1

    # -- checks

    def check(self, image):
        """Checks that an acknowledged change is there, and that an interrupted one took effect
        completely or not at all."""
        self.counts["checked"] += 1
        path = f"/v1/images/{image.image}"
        upload = self.server.call("GET", f"{path}/upload")
        # The completion comes second: an interrupted one is finished by the server, or by the next
        # request for the image.
        whole = self.server.call("GET", f"{path}/range")
        if whole.status == 200:
            state = "complete"
            assert hashlib.sha256(whole.body).hexdigest() == image.digest, f"{image.image}: other bytes"
        elif upload.status == 200:
            state = "begun"
            listed = {part["partNumber"]: part["etag"] for part in upload.json()["parts"]}
            for number, etag in image.etags.items():
                assert listed.get(number) == etag, f"{image.image}: part {number} was answered and is not there"
        else:
            assert (whole.status, upload.status) == (404, 404), (image.image, whole.status, whole.body, upload.status, upload.body)
            state = "gone"
        allowed = {
            "begun": {"begun": ["begun"], "complete": ["begun", "complete"], "aborted": ["begun", "gone"]},
            "complete": {"complete": ["complete"], "deleted": ["complete", "gone"]},
            "aborted": {"aborted": ["gone"]},
            "deleted": {"deleted": ["gone"]},
        }[image.answered][image.asked]
        assert state in allowed, f"{image.image}: answered {image.answered}, asked {image.asked}, found {state}"
        if state == "gone":
            image.answered = image.asked = "deleted"
        elif state == "complete":
            image.answered = image.asked = "complete"
        else:
            image.asked = "begun"

    def round(self):
        stop, answered = threading.Event(), threading.Semaphore(0)
        seeds = [self.chance.random() for _ in range(WORKERS)]
        workers = [threading.Thread(target=self.work, args=(stop, seed, answered)) for seed in seeds]
        for worker in workers:
            worker.start()
        # Its life is so many answers long, and not so many seconds: a busy machine is no reason to do less in it.
        for _ in range(self.chance.randrange(ANSWERS)):
            ended = self.failures or self.server.process.poll() is not None
            assert ended or answered.acquire(timeout=30), "no answer in time"
        time.sleep(self.chance.uniform(0, 0.02))
        assert self.server.process.poll() is None, "the server ended by itself"
        self.server.stop(signal.SIGKILL)
        stop.set()
        for worker in workers:
            worker.join()
        assert not self.failures, f"{len(self.failures)} wrong answers, the first: {self.failures[0]!r}"
        started = time.monotonic()
        self.server.start()
        self.slowest_start = max(self.slowest_start, time.monotonic() - started)
        older = self.chance.sample(self.settled, min(5, len(self.settled)))
        for image in self.images + older:
            self.check(image)
        self.settled += self.images
        self.images = []

    def finish(self):
        """Checks every image again, aborts every open upload, runs the sweep and counts what is
        left."""
        for image in self.settled:
            self.check(image)
        cursor = ""
        while True:
            page = self.server.call("GET", f"/v1/images?status=PENDING&limit=1000{cursor}").json()
            for pending in page["images"]:
                answer = self.server.call("POST", f"/v1/images/{pending['imageId']}/abort")
                assert answer.status in (204, 409), answer.body
            if not page.get("nextCursor"):
                break
            cursor = f"&cursor={page['nextCursor']}"
        time.sleep(2.5)  # Older than the sweep's grace period.
        deadline = time.monotonic() + 60
        while (left := self.remains()) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert not left, f"left over after the sweep: {left[:10]} and {max(0, len(left) - 10)} more"

    def remains(self):
        """Returns files without a row, rows without a file, rows in a transitional state and
        unfinished jobs."""
        rows = self.rows("SELECT object_key, state FROM objects WHERE state <> 'PURGED'")
        found = [f"row {key} is {state}" for key, state in rows if state != "READY"]
        # The job that checks S3 again after an assembly runs 15 minutes later, so it is not due
        # yet.
        due = int(time.time() * 1e6)
        jobs = self.rows(f"SELECT payload, state FROM jobs WHERE payload NOT LIKE '%SweepV1%' AND run_at <= {due}")
        found += [f"job {payload} is {state}" for payload, state in jobs]
        ready = {key for key, state in rows if state == "READY"}
        keys, others = self.stored()
        found += [f"{key} without a row" for key in keys - ready]
        found += [f"{key} without bytes" for key in ready - keys]
        return found + others

    def rows(self, sql):
        if url := self.server.settings.get("DATABASE_URL"):
            return backends.psql(url, sql)
        with sqlite3.connect(f"file:{self.server.folder}/data/tidegate.db?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def stored(self):
        if bucket := self.server.settings.get("S3_BUCKET"):
            client = backends.s3_client()
            keys = set(backends.keys(bucket))
            uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
            return keys, [f"upload {upload['Key']}" for upload in uploads]
        root = self.server.folder / "data/store"
        files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        # Every store has these.
        files = {name for name in files if name != ".identity" and not name.startswith(".ballast/")}
        keys = {name for name in files if not name.startswith(".") and not name.endswith(".meta")}
        sidecars = {f"{key}.meta" for key in keys}
        return keys, sorted(files - keys - sidecars)


def run(folder, rounds, seed, database="sqlite", store="disk"):
    """Runs the loop with its own server and returns the counts. On a busy machine few requests fit
    into the life of a server; then up to four times as many rounds are run, until half of `rounds`
    were acknowledged and half were interrupted."""
    settings = backends.settings(database, store)
    sweeping = {"SWEEP_INTERVAL_SECONDS": "1", "SWEEP_GRACE_SECONDS": "1", "MULTIPART_PART_SIZE_BYTES": str(PART)}
    # A debug log of so many requests would not be read by any test.
    # Each start would otherwise run ffmpeg to see whether it works.
    server = Server(folder, **settings, **sweeping, LOG_LEVEL="warn", FFMPEG_PATH="off")
    loop = Loop(server, seed)
    started = time.monotonic()
    done, enough = 0, rounds // 2
    with server:
        while done < rounds or (done < 4 * rounds and min(loop.counts["answered"], loop.counts["cut"]) <= enough):
            try:
                loop.round()
            except AssertionError as error:
                raise AssertionError(f"round {done} of seed {seed}: {error}") from error
            done += 1
        loop.finish()
    assert "panicked" not in server.log.read_text()
    counts = loop.counts | {"rounds": done, "images": len(loop.settled), "slowest_start_s": round(loop.slowest_start, 2)}
    return counts | {"seconds": round(time.monotonic() - started)}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--rounds", type=int, default=2000)
    options.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options.add_argument("--store", choices=["disk", "s3"], default="disk")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(pathlib.Path(folder), asked.rounds, asked.seed, asked.database, asked.store)
    print(" · ".join(f"{value} {name}" for name, value in counts.items()))
    print(f"{asked.database} on {asked.store}, seed {asked.seed}: 0 lost, 0 altered, 0 partial, 0 left over")


if __name__ == "__main__":
    main()
