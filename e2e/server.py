"""Starts a server process for the black-box tests, on free ports in its own folder, and stops it.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

from ports import free_ports

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("TIDEGATE", ROOT / "target/debug/tidegate"))


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def send(method, url, headers=None, body=None, timeout=60):
    """Sends one request. Follows no redirects and returns error responses instead of raising them.
    """
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with OPENER.open(request, timeout=timeout) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def files_below(folder):
    """The files below a folder in which a server works: folders may go meanwhile."""
    return [pathlib.Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


class Server:
    """The built binary as a process. Its log spans all restarts in the folder."""

    def __init__(self, folder, **settings):
        self.folder = pathlib.Path(folder)
        names = ("PORT", "EDGE_PORT", "S3_PORT")
        self.ports = dict(zip(names, free_ports(len(names))))
        self.settings = {
            "TIDEGATE_DATA": str(self.folder / "data"),
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "debug",
            "PATH": os.environ["PATH"],
            **{name: str(port) for name, port in self.ports.items()},
            **settings,
        }
        self.log = self.folder / "server.log"
        self.command = [BINARY, "serve"]
        self.process = None
        self.api = f"http://127.0.0.1:{self.ports['PORT']}"
        self.edge = f"http://127.0.0.1:{self.ports['EDGE_PORT']}"
        self.s3 = f"http://127.0.0.1:{self.ports['S3_PORT']}"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.settings, cwd=self.folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()[-2000:]}")
            try:
                if send("GET", f"{self.api}/readyz").status == 200:
                    return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the server was not ready in time")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=40)
        return self.process.returncode if self.process else None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def memory(self, field="VmRSS"):
        """Returns the resident memory in MiB: the current one, or the peak with VmHWM."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status).group(1)) / 1024

    def call(self, method, path, user="alice", body=None):
        headers = {"X-User-Id": user}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        return send(method, self.api + path, headers, data)

    def begin(self, user="alice", **announced):
        begun = self.call("POST", "/v1/images", user, announced).json()
        return begun["imageId"], begun["uploadId"], begun["partSize"]

    def sign(self, image, upload, number, user="alice"):
        body = {"uploadId": upload, "partNumber": number}
        return self.call("POST", f"/v1/images/{image}/upload-url", user, body).json()["url"]

    def complete(self, image, upload, parts, user="alice"):
        body = {"uploadId": upload, "parts": [{"partNumber": n, "etag": e} for n, e in parts]}
        return self.call("POST", f"/v1/images/{image}/complete", user, body)

    def stream(self, image, user="alice"):
        """Returns the stream URL and the Cookie header that it needs."""
        answer = self.call("GET", f"/v1/images/{image}/stream-url", user).json()
        cookies = answer["auth"].get("cookies", [])
        return answer["url"], "; ".join(f"{c['name']}={c['value']}" for c in cookies)

    def credentials(self, which):
        stored = json.loads((self.folder / f"data/keys/s3-{which}.json").read_text())
        return stored["access_key"], stored["secret_key"]
