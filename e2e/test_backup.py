"""Restores backups that were made as docs/operations/backup.md says, while clients upload photos and
files, and reads everything that was acknowledged before."""

import concurrent.futures
import contextlib
import hashlib
import io
import json
import random
import shutil
import subprocess
import threading
import time
import urllib.parse

from PIL import Image

import backends
from server import BINARY, Server, send

HEADERS = {"X-User-Id": "ann", "X-Org-Id": "lab", "Content-Type": "application/json"}
KINDS = {"image", "media", "file"}
UNDER_WAY = {"UPLOADED", "PENDING", "SCANNING", "PROCESSING"}


def photo():
    image = Image.frombytes("RGB", (400, 300), random.randbytes(360_000))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class Clients:
    """Uploads until it is stopped. `acknowledged` has what was answered, by its time."""

    def __init__(self, server):
        self.server, self.acknowledged, self.stopped = server, [], threading.Event()

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        answer = send(method, self.server.api + path, HEADERS, data)
        assert answer.status < 300, (method, path, answer.status, answer.body)
        return answer.json()

    def put(self, url, body):
        answer = send("PUT", url, {"Content-Type": "image/png"}, body)
        assert answer.status == 200, answer.body

    def images_of_a_space(self):
        path = f"/api/spaces/{self.ask('POST', '/api/spaces', {'name': 'x'})['id']}/images"
        while not self.stopped.is_set():
            target = self.ask("POST", path, {"filename": "a.png", "contentType": "image/png"})
            self.put(target["uploadUrl"], photo())
            self.ask("POST", f"{path}/{target['id']}/confirm")
            self.acknowledged.append((time.monotonic(), "image", path, target["id"]))

    def media_of_a_session(self):
        path = f"/v1/sessions/{self.ask('POST', '/v1/sessions')['id']}/media"
        while not self.stopped.is_set():
            target = self.ask("POST", f"{path}/upload-url", {"filename": "a.png", "contentType": "image/png"})
            self.put(target["uploadUrl"], photo())
            item = self.ask("POST", f"{path}/confirm", {"fileKey": target["fileKey"]})
            self.acknowledged.append((time.monotonic(), "media", path, item["id"]))

    def files(self):
        while not self.stopped.is_set():
            body = random.randbytes(100_000)
            announced = {"mode": "single", "visibility": "private", "files": [{"name": "a.bin", "size": len(body)}]}
            upload = self.ask("POST", "/v1/files/init", announced)["uploadId"]
            self.ask("PUT", f"/v1/files/part/{upload}/1", body)
            key = self.ask("POST", "/v1/files/complete", {"uploadId": upload})["key"]
            self.acknowledged.append((time.monotonic(), "file", key, hashlib.sha256(body).hexdigest()))

    @contextlib.contextmanager
    def working(self):
        self.stopped.clear()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            running = [pool.submit(work) for work in (self.images_of_a_space, self.media_of_a_session, self.files)]
            try:
                yield
            finally:
                self.stopped.set()
        for one in running:
            one.result()

    def wait_for(self, count):
        """Waits until so many more of each kind are acknowledged."""
        before, deadline = len(self.acknowledged), time.monotonic() + 60
        while any([entry[1] for entry in self.acknowledged[before:]].count(kind) < count for kind in KINDS):
            assert time.monotonic() < deadline, "clients upload too slowly"
            time.sleep(0.05)

    def before(self, moment):
        return [entry[1:] for entry in self.acknowledged if entry[0] < moment]


def items(clients, path):
    images = path.startswith("/api/spaces")
    listed = clients.ask("GET", f"{path}?status=ALL&limit=1000" if images else f"{path}?first=1000")
    return {item["id"]: item for item in listed["images" if images else "media"]}


def lost(clients, server, acknowledged):
    """Waits for the jobs of the restored server, and returns what cannot be read."""
    clients.server = server
    paths = {path for kind, path, _ in acknowledged if kind != "file"}
    deadline = time.monotonic() + 60
    while True:
        found = {id: item for path in paths for id, item in items(clients, path).items()}
        waiting = [id for kind, _, id in acknowledged if kind != "file" and found[id]["status"] in UNDER_WAY]
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    missing = []
    for kind, where, which in acknowledged:
        if kind == "file":
            url = clients.ask("GET", "/v1/files/signed-url?" + urllib.parse.urlencode({"key": where}))["url"]
            answer = send("GET", url)
            fine = answer.status == 200 and hashlib.sha256(answer.body).hexdigest() == which
        else:
            url = found[which].get("cloudfrontUrl") or found[which].get("url")
            fine = found[which]["status"] in ("READY", "COMPLETED") and send("GET", url).status == 200
        if not fine:
            missing.append((kind, which, None if kind == "file" else found[which]["status"]))
    return missing


def reconcile(server, *words):
    done = subprocess.run([BINARY, "reconcile", *words], env=server.settings, cwd=server.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_server_that_stops_for_the_last_copy(tmp_path):
    clients = Clients(server := Server(tmp_path))
    data, backup = tmp_path / "data", tmp_path / "backup"
    with server, clients.working():
        clients.wait_for(3)
        # Parts of uploads may vanish while they are copied.
        assert subprocess.run(["rsync", "-a", f"{data}/store", f"{backup}/"]).returncode in (0, 24)
        clients.wait_for(1)
    assert subprocess.run(["rsync", "-a", "--delete", f"{data}/", f"{backup}/"]).returncode == 0
    shutil.rmtree(data)
    backup.rename(data)
    reconcile(server)
    acknowledged = clients.before(time.monotonic())
    assert {kind for kind, _, _ in acknowledged} == KINDS
    with server:
        assert not lost(clients, server, acknowledged)


def test_servers_that_run_while_no_worker_does(tmp_path):
    server = Server(tmp_path, **backends.settings("postgres", "s3"))
    clients = Clients(server)
    with server, clients.working():
        clients.wait_for(2)
    server.settings["WORKER"] = "false"
    dump, bucket = tmp_path / "dump", backends.new_bucket()
    with server, clients.working():
        clients.wait_for(2)
        moment = time.monotonic()
        subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", server.settings["DATABASE_URL"]], check=True)
        # As on a bucket that takes long to copy: clients go on meanwhile.
        clients.wait_for(2)
        s3 = backends.s3_client()
        for key in backends.keys(server.settings["S3_BUCKET"]):
            # What clients finish or abort meanwhile is at another key, or gone, and no file of before.
            with contextlib.suppress(s3.exceptions.NoSuchKey):
                s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": server.settings["S3_BUCKET"], "Key": key})
    acknowledged = clients.before(moment)
    assert {kind for kind, _, _ in acknowledged} == KINDS
    server.settings |= {"DATABASE_URL": backends.new_database(), "S3_BUCKET": bucket, "WORKER": "true"}
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={server.settings['DATABASE_URL']}", dump], check=True)
    reconcile(server, "--adopt-store")
    with server:
        assert not lost(clients, server, acknowledged)
