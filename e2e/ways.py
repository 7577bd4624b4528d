"""Defines every way in which bytes become an object: announce, send, complete, and read again. The
tests that kill the server use them as clients that retry."""

import base64
import hashlib
import http.client
import json
import time
import urllib.error

from datasets import Dataset
from server import send
from sessions import Session, corners, drawn, encoded, near, opened, CORNERS

# The errors that a client of a killed server sees.
CUT = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
IMAGE = encoded(drawn(40, 30), "JPEG", quality=95)
TOKEN = "service-token-of-32-characters-or-more"


class Way:
    """One way to create an object. `begin` announces and returns the argument of the other methods;
    `send` uploads the bytes in several acknowledged requests; `finish` requests the completion;
    `check` waits for its end and compares the bytes."""

    settings = {}

    def __init__(self, server):
        self.server, self.number = server, 0

    def body(self):
        """Returns different bytes each time."""
        self.number += 1
        return hashlib.sha256(f"{self.name} {self.number}".encode()).digest() * 30

    def nothing(self, answer):
        """Returns whether the server reports correctly that no bytes arrived."""
        return answer.status == 400

    def done(self):
        """Completes the upload after all."""


class Disks(Way):
    """Disk images. A part that is sent again lies in a side file until the completion; the last
    acknowledged one counts."""

    name = "disks"

    def begin(self):
        image, upload, _ = self.server.begin()
        return {"image": image, "upload": upload, "body": self.body(), "etag": "0" * 32}

    def send(self, one):
        for body in (b"an earlier one", one["body"]):
            put = send("PUT", self.server.sign(one["image"], one["upload"], 1), {}, body)
            assert put.status == 200, put.body
            one |= {"etag": put.headers["ETag"], "last": body}

    def finish(self, one):
        return self.server.complete(one["image"], one["upload"], [(1, one["etag"])])

    def check(self, one, _):
        url, cookie = self.server.stream(one["image"])
        answer = send("GET", url, {"Cookie": cookie})
        assert (answer.status, answer.body) == (200, one["last"]), answer.status


class Files(Way):
    """Files whose parts arrive in order at their offsets, so that the completion renames them."""

    name = "files, parts in order"
    numbers = (1, 2)

    def __init__(self, server):
        super().__init__(server)
        self.sizes = 0

    def begin(self):
        body = self.body()
        new = {"mode": "single", "files": [{"name": "a.bin", "size": len(body), "mime": "application/octet-stream"}]}
        begun = self.server.call("POST", "/v1/files/init", body=new)
        assert begun.status == 200, begun.body
        self.sizes += len(body)
        return {"body": body, **begun.json()["uploads"][0]}

    def send(self, one):
        half = len(one["body"]) // 2
        pieces = {1: one["body"][:half], 2: one["body"][half:]}
        for number in self.numbers:
            answer = send("PUT", f"{self.server.api}/v1/files/part/{one['uploadId']}/{number}", {"X-User-Id": "alice"}, pieces[number])
            assert answer.status == 200, answer.body

    def finish(self, one, **more):
        digest = hashlib.sha256(one["body"]).hexdigest()
        return self.server.call("POST", "/v1/files/complete", body={"uploadId": one["uploadId"], "parts": [], "sha256": digest, **more})

    def check(self, one, answer):
        assert answer.json()["key"] == one["key"]
        got = send("GET", f"{self.server.api}/{one['key']}")
        assert (got.status, got.body) == (200, one["body"]), got.status

    def done(self):
        """Checks that the quota is charged once."""
        deadline, usage = time.monotonic() + 20, None
        while usage is None or usage["reserved"]:
            usage = self.server.call("GET", "/v1/files/usage").json()
            assert time.monotonic() < deadline, usage
        assert (usage["used"], usage["files"]) == (self.sizes, self.number), usage


class FilesAnyOrder(Files):
    """Files with a part that is sent again, so that the parts are not in order and the completion
    copies them."""

    name = "files, parts in any order"
    numbers = (2, 1, 2)


class FilesEmbedded(Files):
    """Files sent with the completion itself, so that nothing is acknowledged before."""

    name = "files, base64"

    def send(self, one):
        pass

    def finish(self, one):
        return super().finish(one, parts=[{"data": base64.b64encode(one["body"]).decode()}])


class FilesPut(Files):
    name = "files, presigned PUT"

    def send(self, one):
        headers = {name: value for name, value in one["headers"].items() if name != "content-length"}
        put = send("PUT", one["url"], headers, one["body"])
        assert put.status == 200, put.body


class Sessions(Way):
    name = "session media"

    def begin(self):
        if self.number == 0:
            self.session = Session(self.server)
        self.number += 1
        target = self.session.call("POST", "/media/upload-url", {"filename": "a.jpg", "contentType": "image/jpeg"})
        assert target.status == 200, target.body
        return target.json()

    def send(self, one):
        put = send("PUT", one["uploadUrl"], {"Content-Type": "image/jpeg"}, IMAGE)
        assert put.status == 200, put.body

    def finish(self, one):
        return self.session.call("POST", "/media/confirm", {"fileKey": one["fileKey"]})

    def check(self, one, answer):
        shown = self.session.ended(answer.json()["id"], seconds=150)
        assert shown["status"] == "COMPLETED", shown
        for url in [shown["url"]] + [variant["url"] for variant in shown["variants"]]:
            got = send("GET", url)
            assert got.status == 200 and near(corners(opened(got.body)), CORNERS), got.status


class Spaces(Way):
    name = "space images"

    def call(self, method, path, body=None):
        headers = {"X-User-Id": "ann", "Content-Type": "application/json"}
        return send(method, self.server.api + "/api/spaces" + path, headers, None if body is None else json.dumps(body).encode())

    def begin(self):
        if self.number == 0:
            self.space = self.call("POST", "", {"name": "Holidays"}).json()["id"]
        self.number += 1
        target = self.call("POST", f"/{self.space}/images", {"filename": "a.jpg", "contentType": "image/jpeg", "size": len(IMAGE)})
        assert target.status == 201, target.body
        return target.json()

    def send(self, one):
        put = send("PUT", one["uploadUrl"], one["headers"], IMAGE)
        assert put.status == 200, put.body

    def finish(self, one):
        return self.call("POST", f"/{self.space}/images/{one['id']}/confirm")

    def check(self, one, _):
        deadline, shown = time.monotonic() + 150, {}
        while shown.get("status") not in ("READY", "REJECTED", "FAILED"):
            assert time.monotonic() < deadline, shown
            shown = self.call("GET", f"/{self.space}/images/{one['id']}").json()
            time.sleep(0.01)
        assert shown["status"] == "READY", shown
        got = send("GET", shown["cloudfrontUrl"])
        assert got.status == 200 and near(corners(opened(got.body)), CORNERS), got.status


class Imports(Spaces):
    """Imports: jobs copy objects of the store. There is nothing to send, and an acknowledged
    request is not repeated."""

    name = "import into a space"
    settings = {"IMPORT_PREFIXES": "generated/", "AUTH_MODE": "jwt", "AUTH_OWN_TOKENS": "true", "AUTH_SERVICE_TOKEN": TOKEN}

    def call(self, method, path, body=None):
        headers = {"X-Service-Token": TOKEN, "X-User-Id": "ann", "Content-Type": "application/json"}
        return send(method, self.server.api + "/api/spaces" + path, headers, None if body is None else json.dumps(body).encode())

    def begin(self):
        if self.number == 0:
            folder = self.server.folder / "data/store/generated"
            folder.mkdir()
            (folder / "a.jpg").write_bytes(IMAGE)
            record = {"size": len(IMAGE), "etag": "a", "modified_us": 1, "content_type": "image/jpeg"}
            (folder / "a.jpg.meta").write_text(json.dumps(record))
        self.number += 1
        return {"space": self.call("POST", "", {"name": "Generated"}).json()["id"]}

    def send(self, one):
        pass

    def all(self, one):
        return self.call("GET", f"/{one['space']}/images?status=ALL").json()["images"]

    def finish(self, one):
        answer = None
        if not self.all(one):
            answer = self.call("POST", f"/{one['space']}/images/import", {"s3Key": ["generated/a.jpg"]})
        return answer or self.call("GET", f"/{one['space']}/images")

    def check(self, one, _):
        self.space = one["space"]
        (image,) = self.all(one)
        super().check(image, None)


class Packages(Way):
    name = "package"
    more = {}

    def begin(self):
        body = self.body()
        if self.number == 1:
            self.dataset = Dataset(self.server)
        new = {"name": f"p{self.number}", "filename": "a.bin", "size": len(body), **self.more}
        return {"body": body, **self.dataset.call("POST", f"?{self.dataset.query()}", new, 201)}

    def send(self, one):
        put = send("PUT", one["uploadUrl"], one.get("headers", {}), one["body"])
        assert put.status == 200, put.body

    def finish(self, one):
        return self.dataset.ask("POST", f"/{one['id']}/confirm")

    def check(self, one, answer):
        self.dataset.wait(one["nodeId"], seconds=150)
        got = send("GET", self.dataset.presigned(one["nodeId"]))
        assert (got.status, got.body) == (200, one.get("last", one["body"])), got.status


class PackageParts(Packages):
    name = "package in parts"
    more = {"multipart": True}

    def begin(self):
        return super().begin() | {"etag": "0" * 32}

    def send(self, one):
        for body in (b"an earlier one", one["body"]):
            url = self.dataset.call("POST", f"/{one['id']}/parts", {"partNumbers": [1]})["parts"][0]["url"]
            put = send("PUT", url, {}, body)
            assert put.status == 200, put.body
            one |= {"etag": put.headers["ETag"].strip('"'), "last": body}

    def finish(self, one):
        return self.dataset.ask("POST", f"/{one['id']}/confirm", {"parts": [{"partNumber": 1, "etag": one["etag"]}]})


class Assets(Packages):
    name = "asset"

    def begin(self):
        body = self.body()
        if self.number == 1:
            self.dataset = Dataset(self.server)
            self.package = self.dataset.package("p", b"package")
        path = f"view/{self.number}.bin"
        at = f"/assets?{self.dataset.query(package_id=self.package, path=path)}"
        return {"body": body, "path": path, **self.dataset.call("POST", at, {"size": len(body)}, 201)}

    def check(self, one, _):
        deadline = time.monotonic() + 150
        at = f"/presign/s3?{self.dataset.query(package_id=self.package, path=one['path'])}"
        while (found := self.dataset.ask("GET", at)).status != 307:
            assert time.monotonic() < deadline, (found.status, found.body)
            time.sleep(0.02)
        got = send("GET", found.headers["Location"])
        assert (got.status, got.body) == (200, one["body"]), got.status


ALL = [Disks, Files, FilesAnyOrder, FilesEmbedded, FilesPut, Sessions, Spaces, Imports, Packages, PackageParts, Assets]
