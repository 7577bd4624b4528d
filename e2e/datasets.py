"""A client of a dataset, as used by a platform's backend."""

import io
import json
import time
import urllib.parse

from server import send


class Dataset:
    def __init__(self, server, name="Cells", user="ann", org="lab", id=None):
        self.server, self.user, self.org = server, user, org
        self.id = id or self.call("POST", "/datasets", {"name": name}, 201)["id"]

    def ask(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-User-Id": self.user, "X-Org-Id": self.org, "Content-Type": "application/json", **(headers or {})}
        return send(method, f"{self.server.api}/packages{path}", headers, data)

    def call(self, method, path, body=None, status=200):
        answer = self.ask(method, path, body)
        assert answer.status == status, (method, path, answer.status, answer.body)
        return answer.json() if answer.body else None

    def query(self, **more):
        return urllib.parse.urlencode({"dataset_id": self.id, **more})

    def collection(self, name, parent=None):
        return self.call("POST", f"/collections?{self.query()}", {"name": name, "parentId": parent}, 201)["nodeId"]

    def sent(self, target, data):
        put = send("PUT", target["uploadUrl"], target.get("headers", {}), data)
        assert put.status == 200, put.body
        return self.call("POST", f"/{target['id']}/confirm")

    def package(self, name, data, parent=None, filename=None):
        new = {"name": name, "parentId": parent, "filename": filename or name, "size": len(data)}
        return self.sent(self.call("POST", f"?{self.query()}", new, 201), data)["nodeId"]

    def asset(self, package, path, data):
        at = f"/assets?{self.query(package_id=package, path=path)}"
        return self.sent(self.call("POST", at, {"size": len(data)}, 201), data)

    def node(self, id):
        return self.call("GET", f"/{id}")

    def children(self, parent=None, **more):
        query = self.query(**({"parent_id": parent} if parent else {}), **more)
        return self.call("GET", f"/children?{query}")["children"]

    def change(self, what, *ids):
        method, path = ("DELETE", "") if what == "delete" else ("POST", "/restore")
        return self.call(method, f"{path}?{self.query()}", {"nodeIds": list(ids)})

    def presigned(self, package, **more):
        answer = self.ask("GET", f"/presign/s3?{self.query(package_id=package, **more)}")
        assert answer.status == 307, answer.body
        return answer.headers["Location"]

    def wait(self, id, status="READY", seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.ask("GET", f"/{id}")
            if shown.status == 200 and shown.json()["status"] == status:
                return shown.json()
            time.sleep(0.02)
        raise AssertionError(f"{id} is not {status}: {shown.body}")


class Ranges(io.RawIOBase):
    """A file object that reads by Range requests and counts them."""

    def __init__(self, size, fetch):
        self.size, self.fetch, self.at, self.asked = size, fetch, 0, []

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence] + offset
        return self.at

    def read(self, length=-1):
        end = self.size if length is None or length < 0 else min(self.at + length, self.size)
        if end <= self.at:
            return b""
        answer = self.fetch(f"bytes={self.at}-{end - 1}")
        assert answer.status == 206, (answer.status, answer.body[:300])
        assert answer.headers["Content-Range"] == f"bytes {self.at}-{end - 1}/{self.size}"
        assert len(answer.body) == end - self.at
        self.asked.append((self.at, end))
        self.at = end
        return answer.body
