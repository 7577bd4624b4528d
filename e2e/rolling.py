"""Servers of two releases that are replaced one after another, clients of all five jobs that go on
meanwhile, and what one server issues and another must accept."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

from balancer import TOKEN, Balancer
from datasets import Dataset
from ports import free_port
from server import BINARY, ROOT, Server, send
from ways import IMAGE, Disks, Files, FilesPut, PackageParts, Sessions, Spaces

MIB = 1 << 20


def released():
    """Returns the program of the last release, and builds it if it is not there."""
    done = subprocess.run([ROOT / ".ci/released"], stdout=subprocess.PIPE, text=True, check=True)
    return ROOT / done.stdout.strip()


def generated_key(path, *kind):
    subprocess.run(["openssl", "genpkey", *kind, "-out", path], check=True, capture_output=True)
    return path.read_text()


def keys(folder):
    """Returns the settings that all servers of one installation share."""
    folder.mkdir()
    return {
        "AUTH_OWN_TOKENS": "true",
        "AUTH_OWN_KEY_PEM": generated_key(folder / "tokens.pem", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "AUTH_SERVICE_TOKEN": TOKEN,
        # With RSA, all servers make the same signatures.
        "CLOUDFRONT_PRIVATE_KEY_PEM": generated_key(folder / "grants.pem", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        "CLOUDFRONT_KEY_PAIR_ID": "KTEST",
        "UPLOAD_SIGNING_KEY": "links" * 8,
        "MULTIPART_PART_SIZE_BYTES": str(5 * MIB),
        # A busy machine may take long from one step to the next.
        "MEDIA_UPLOAD_URL_TTL_SECONDS": "3600",
        "GRANT_TTL_SECONDS": "3600",
        "SCANNER": "off",
        "FFMPEG_PATH": "off",
    }


class Release(Server):
    """A server that changes its release."""

    def __init__(self, folder, program, **settings):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, **settings)
        self.name, self.starts = folder.name, 0
        self.use(program)

    def use(self, program):
        self.command = [program, "serve"]

    def start(self):
        self.starts += 1
        return super().start()

    def run(self, program, *words):
        """Runs a command of a release with the settings of this server."""
        return subprocess.run([program, *words], env=self.settings, cwd=self.folder, capture_output=True, text=True, timeout=120)


class Front(Server):
    """The addresses behind which several servers are one."""

    def __init__(self, api, edge):
        self.api, self.edge = api, edge


class Fleet:
    """Servers behind a balancer. Several are on one database and one bucket, and a worker does their jobs."""

    def __init__(self, folder, program, names=("one", "two"), **settings):
        api, edge = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.balancer, self.front = Balancer({api: "PORT", edge: "EDGE_PORT"}), Front(f"http://{api}", f"http://{edge}")
        self.shared = len(names) > 1
        settings |= {"PUBLIC_BASE_URL": self.front.api, "EDGE_URL": self.front.edge} | ({"WORKER": "false"} if self.shared else {})
        self.servers = [Release(folder / name, program, **settings) for name in names]
        self.worker_log, self.worker_port, self.worker = folder / "worker.log", free_port(), None

    def start(self, program):
        for server in self.servers:
            server.use(program)
            self.add(server)
        if self.shared:
            self.start_worker(program)

    def add(self, server):
        """Gives a server requests once it says that it is ready, as a load balancer does."""
        server.start()
        self.balancer.stopping.discard(server)
        self.balancer.serving.append(server)

    def remove(self, server):
        """Stops a server while it gets requests. Returns its exit status."""
        self.balancer.stopping.add(server)
        status = server.stop()
        self.balancer.serving.remove(server)
        return status

    def replace(self, server, program):
        assert self.remove(server) == 0
        server.use(program)
        self.add(server)

    def start_worker(self, program):
        settings = self.servers[0].settings | {"WORKER_PORT": str(self.worker_port)}
        with open(self.worker_log, "ab") as log:
            self.worker = subprocess.Popen([program, "work"], env=settings, cwd=self.servers[0].folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                if send("GET", f"http://127.0.0.1:{self.worker_port}/readyz").status == 200:
                    return
            assert self.worker.poll() is None and time.monotonic() < deadline, self.worker_log.read_text()[-2000:]
            time.sleep(0.02)

    def stop_worker(self):
        self.worker.send_signal(signal.SIGTERM)
        return self.worker.wait(timeout=60)

    def replace_worker(self, program):
        assert self.stop_worker() == 0
        self.start_worker(program)

    def stop(self):
        if self.worker and self.worker.poll() is None:
            self.stop_worker()
        self.balancer.stopping |= set(self.servers)
        ended = [server.stop() for server in self.servers]
        self.balancer.serving.clear()
        return ended

    def logs(self):
        logs = [*(server.log for server in self.servers), self.worker_log]
        return "".join(log.read_text() for log in logs if log.exists())


class DisksInParts(Disks):
    """Disk images of two parts, of which the first has the size of all but the last."""

    def begin(self):
        return super().begin() | {"parts": []}

    def send(self, one):
        bodies = [one["body"][:1] * (5 * MIB), one["body"]]
        for number in range(len(one["parts"]) + 1, 3):
            put = send("PUT", self.server.sign(one["image"], one["upload"], number), {}, bodies[number - 1])
            assert put.status == 200, put.body
            one["parts"].append((number, put.headers["ETag"]))
        one["last"] = b"".join(bodies)

    def finish(self, one):
        return self.server.complete(one["image"], one["upload"], one["parts"])

    def listed(self, one):
        page, found = self.server.call("GET", "/v1/images?limit=1000").json(), []
        while True:
            found += [image["imageId"] for image in page["images"]]
            if not page.get("nextCursor"):
                return one["image"] in found
            page = self.server.call("GET", f"/v1/images?limit=1000&cursor={page['nextCursor']}").json()

    def delete(self, one):
        answer = self.server.call("DELETE", f"/v1/images/{one['image']}")
        assert answer.status == 204, (answer.status, answer.body)

    def gone(self, one):
        return self.server.call("GET", f"/v1/images/{one['image']}/stream-url").status == 404


def listing(caller, path, items, parameter, following):
    """Yields what all pages of a list have, from the first to the last."""
    page = caller.call("GET", path).json()
    yield from page[items]
    while page.get(following):
        page = caller.call("GET", f"{path}&{parameter}={page[following]}").json()
        yield from page[items]


class UserFiles(Files):
    def check(self, one, answer):
        super().check(one, answer)
        signed = self.server.call("GET", f"/v1/files/signed-url?key={urllib.parse.quote(one['key'])}")
        got = send("GET", signed.json()["url"])
        assert (got.status, got.body) == (200, one["body"]), (got.status, got.body[:200])

    def listed(self, one):
        return one["key"] in (file["key"] for file in listing(self.server, "/v1/files/all?limit=1000", "files", "cursor", "next_cursor"))

    def delete(self, one):
        answer = self.server.call("DELETE", f"/v1/files/{urllib.parse.quote(one['key'])}")
        assert answer.status == 200, (answer.status, answer.body)

    def gone(self, one):
        return send("GET", f"{self.server.api}/{one['key']}").status == 404


class SessionMedia(Sessions):
    def check(self, one, answer):
        super().check(one, answer)
        one["id"] = answer.json()["id"]

    def listed(self, one):
        return one["id"] in (media["id"] for media in listing(self.session, "/media?first=100", "media", "after", "next"))

    def delete(self, one):
        answer = self.session.call("DELETE", f"/media/{one['id']}")
        assert answer.status == 204, (answer.status, answer.body)

    def gone(self, one):
        return self.session.call("GET", f"/media/{one['id']}").status == 404

    def restore(self, one):
        answer = self.session.call("POST", f"/media/{one['id']}/restore")
        assert answer.status == 200, (answer.status, answer.body)


class SpaceImages(Spaces):
    def listed(self, one):
        page = self.call("GET", f"/{self.space}/images?limit=1000").json()
        found = [image["id"] for image in page["images"]]
        while page.get("nextCursor"):
            page = self.call("GET", f"/{self.space}/images?limit=1000&cursor={page['nextCursor']}").json()
            found += [image["id"] for image in page["images"]]
        return one["id"] in found

    def delete(self, one):
        answer = self.call("DELETE", f"/{self.space}/images/{one['id']}")
        assert answer.status == 204, (answer.status, answer.body)

    def gone(self, one):
        return self.call("GET", f"/{self.space}/images/{one['id']}").status == 404

    def restore(self, one):
        answer = self.call("POST", f"/{self.space}/images/{one['id']}/restore")
        assert answer.status == 200, (answer.status, answer.body)


class PackagesInParts(PackageParts):
    def listed(self, one):
        return one["nodeId"] in [node["nodeId"] for node in self.dataset.children(limit=1000)]

    def change(self, what, one):
        answer = self.dataset.change(what, one["nodeId"])
        assert answer["success"] == [one["nodeId"]], answer

    def delete(self, one):
        self.change("delete", one)

    def gone(self, one):
        return self.dataset.ask("GET", f"/presign/s3?{self.dataset.query(package_id=one['nodeId'])}").status == 404

    def restore(self, one):
        self.change("restore", one)


JOBS = (DisksInParts, UserFiles, SessionMedia, SpaceImages, PackagesInParts)


def name_of(one):
    return next(one[field] for field in ("image", "key", "nodeId", "id", "fileKey") if field in one)


def wait_until_gone(way, one, seconds=3):
    """Another server than the one that deleted may show an object until it is told."""
    deadline = time.monotonic() + seconds
    while not way.gone(one):
        assert time.monotonic() < deadline, f"{way.name}: {name_of(one)} was deleted and is still there"
        time.sleep(0.01)


class Traffic:
    """One client for each of the five jobs, until it is told to stop. `kept` and `deleted` list what was
    acknowledged."""

    def __init__(self, front):
        self.ways = [job(front) for job in JOBS]
        self.rounds, self.kept, self.deleted, self.errors = dict.fromkeys(self.ways, 0), [], [], []
        self.restored, self.ended = 0, threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(way,)) for way in self.ways]

    def work(self, way):
        try:
            while not self.ended.is_set():
                self.one(way)
                self.rounds[way] += 1
        except Exception as error:  # It fails the test, which waits for rounds.
            self.errors.append((way.name, error))

    def one(self, way):
        begun = time.monotonic()
        one = way.begin() | {"begun": begun}
        way.send(one)
        answer = way.finish(one)
        assert answer.status < 300, (way.name, answer.status, answer.body)
        way.check(one, answer)
        assert way.listed(one), f"{way.name}: {name_of(one)} is in no list"
        if self.rounds[way] % 2:
            self.kept.append((way, one, answer))
            return
        way.delete(one)
        wait_until_gone(way, one)
        assert not way.listed(one), f"{way.name}: {name_of(one)} was deleted and is still listed"
        if not hasattr(way, "restore") or self.rounds[way] % 4:
            self.deleted.append((way, one))
            return
        way.restore(one)
        way.check(one, answer)
        self.restored += 1
        self.kept.append((way, one, answer))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def go_on(self, rounds=2, seconds=180):
        """Waits until every client has begun and ended that many rounds from now on."""
        wanted, deadline = {way: self.rounds[way] + rounds + 1 for way in self.ways}, time.monotonic() + seconds
        while any(self.rounds[way] < wanted[way] for way in self.ways):
            assert not self.errors, self.errors
            assert time.monotonic() < deadline, self.rounds
            time.sleep(0.05)

    def check(self):
        """Reads again what was acknowledged and kept, and looks for what was deleted."""
        assert not self.errors, self.errors
        for way, one, answer in self.kept:
            way.check(one, answer)
        for way, one in self.deleted:
            assert way.gone(one), f"{way.name}: {name_of(one)} was deleted and is back"


class Album:
    """What is there before anything is issued: several of each, so that a list has a second page."""

    def __init__(self, front):
        self.front, self.ways = front, [job(front) for job in JOBS]
        self.made = {way.name: [self.make(way) for _ in range(2)] for way in self.ways}
        self.disks, self.files, self.sessions, self.spaces, self.packages = self.ways
        self.dataset = self.packages.dataset
        ((package, _), _) = self.made[self.packages.name]
        self.package, self.asset = package["nodeId"], b"an asset"
        made = self.dataset.asset(self.package, "view/a.bin", self.asset)
        assert made, made
        self.wait_for_asset()

    def make(self, way):
        one = way.begin()
        way.send(one)
        answer = way.finish(one)
        assert answer.status < 300, (way.name, answer.status, answer.body)
        way.check(one, answer)
        return one, answer

    def wait_for_asset(self):
        deadline = time.monotonic() + 60
        while self.dataset.ask("GET", f"/presign/s3?{self.dataset.query(package_id=self.package, path='view/a.bin')}").status != 307:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def check(self):
        for way in self.ways:
            for one, answer in self.made[way.name]:
                way.check(one, answer)


def bearer(front, token, path):
    return send("GET", front.api + path, {"Authorization": f"Bearer {token}"})


def pages(album):
    """Returns the first page of each list, of one entry: (name of the entries, how to ask, the page)."""
    file, space, session, dataset = album.files, album.spaces, album.sessions.session, album.dataset
    asked = {
        "images": (lambda more: album.front.call("GET", f"/v1/images?limit=1{more}"), "nextCursor", "cursor"),
        "files": (lambda more: file.server.call("GET", f"/v1/files/all?limit=1{more}"), "next_cursor", "cursor"),
        "media": (lambda more: session.call("GET", f"/media?first=1{more}"), "next", "after"),
        "images of the space": (lambda more: space.call("GET", f"/{space.space}/images?limit=1{more}"), "nextCursor", "cursor"),
        "children": (lambda more: dataset.ask("GET", f"/children?{dataset.query()}&limit=1{more}"), "nextCursor", "cursor"),
        "changes": (lambda more: dataset.ask("GET", f"/changelog?{dataset.query()}&limit=1{more}"), "nextCursor", "cursor"),
    }
    return asked


class Issued:
    """What one server gave to a client, and `use` asks of another: upload ids, URLs of parts, signed URLs,
    links, cookies, tokens, cursors."""

    def __init__(self, album, program, settings):
        self.album, front = album, album.front
        # Own tokens, by the API and by the command line of that release.
        self.tokens = [
            send("POST", f"{front.api}/v1/tokens", {"Content-Type": "application/json"}, b'{"userId":"alice","expiresIn":3600}').json()["token"],
            subprocess.run([program, "token", "--user", "alice"], env=settings, capture_output=True, text=True, check=True).stdout.strip(),
        ]
        # Cursors.
        self.first = {name: ask("").json() for name, (ask, _, _) in pages(album).items()}
        # URLs, links, cookies.
        image, self.whole = album.made[album.disks.name][0][0]["image"], album.made[album.disks.name][0][0]["last"]
        self.stream = front.stream(image)
        one = album.made[album.files.name][0][0]
        key = urllib.parse.quote(one["key"])
        self.file_links = [front.call("GET", f"/v1/files/signed-url?key={key}{more}").json()["url"] for more in ("", "&v=1")]
        self.file = one["body"]
        self.archive = front.call("POST", "/v1/files/batch-download", body={"keys": [one["key"]], "name": "a.zip"}).json()["token"]
        self.pictures = self.urls_of_pictures()
        self.package_url = album.dataset.presigned(album.package)
        query = album.dataset.query(package_id=album.package, path="view/a.bin")
        self.asset_url = album.dataset.call("GET", f"/cloudfront/sign?{query}")["signed_url"]
        # Uploads that are begun, with the first part of those in parts.
        self.open = []
        for way in album.ways:
            begun = way.begin()
            if way is album.disks:
                body = begun["body"][:1] * (5 * MIB)
                put = send("PUT", front.sign(begun["image"], begun["upload"], 1), {}, body)
                begun["parts"].append((1, put.headers["ETag"]))
                # A URL that is used later.
                self.second_part = front.sign(begun["image"], begun["upload"], 2)
            if way is album.files:
                put = send("PUT", f"{front.api}/v1/files/part/{begun['uploadId']}/1", {"X-User-Id": "alice"}, begun["body"][: len(begun["body"]) // 2])
                assert put.status == 200, put.body
            self.open.append((way, begun))

    def urls_of_pictures(self):
        """Returns the signed URLs of the space and of the session."""
        album = self.album
        images = album.spaces.call("GET", f"/{album.spaces.space}/images").json()["images"]
        media = album.sessions.session.call("GET", "/media").json()["media"]
        urls = [image["cloudfrontUrl"] for image in images] + [one["url"] for one in media if one["status"] == "COMPLETED"]
        assert len(urls) >= 4 and all(urls), urls
        return urls

    def use(self):
        album, front = self.album, self.album.front
        for token in self.tokens:
            answer = bearer(front, token, "/v1/images?limit=1")
            assert answer.status == 200, (answer.status, answer.body)
        for name, (ask, field, parameter) in pages(album).items():
            cursor = self.first[name][field]
            assert cursor, (name, self.first[name])
            answer = ask(f"&{parameter}={urllib.parse.quote(cursor)}")
            assert answer.status == 200, (name, answer.status, answer.body)
            (before,), (after,) = (next(value for value in page.values() if isinstance(value, list)) for page in (self.first[name], answer.json()))
            assert before != after, name
        url, cookie = self.stream
        got = send("GET", url, {"Cookie": cookie, "Range": "bytes=5242870-5242889"})
        assert (got.status, got.body) == (206, self.whole[5242870:5242890]), (got.status, got.body[:200])
        for link in self.file_links:
            got = send("GET", link)
            assert (got.status, got.body) == (200, self.file), (got.status, got.body[:200])
        got = send("GET", f"{front.api}/v1/files/batch-download/{self.archive}")
        assert got.status == 200 and got.body.startswith(b"PK"), (got.status, got.body[:200])
        for url in self.pictures:
            got = send("GET", url)
            assert got.status == 200 and got.body, (got.status, got.body[:200])
        got = send("GET", self.package_url)
        assert got.status == 200, (got.status, got.body[:200])
        got = send("GET", self.asset_url)
        assert (got.status, got.body) == (200, album.asset), (got.status, got.body[:200])

    def finish(self):
        """Sends what is missing of the open uploads, completes them and reads them."""
        for way, one in self.open:
            if way is self.album.disks:
                put = send("PUT", self.second_part, {}, one["body"])
                assert put.status == 200, put.body
                one["parts"].append((2, put.headers["ETag"]))
            way.send(one)
            answer = way.finish(one)
            assert answer.status < 300, (way.name, answer.status, answer.body)
            way.check(one, answer)
            self.album.made[way.name].append((one, answer))
