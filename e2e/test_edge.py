"""Tests the stand-alone edge, browsers that read from it, and many clients at once."""

import hashlib
import json
import http.client
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import backends
import browser_pages
import pytest
from ports import free_port
from server import BINARY, Server, send

MIB = 1 << 20


class Edge(Server):
    """`tidegate edge` as a process, in its own folder."""

    def __init__(self, folder, port, **settings):
        folder.mkdir(exist_ok=True)
        super().__init__(folder, EDGE_KEYS=str(folder / "keys"), EDGE_KEYS_REFRESH_SECONDS="1", **settings)
        self.settings["EDGE_PORT"] = str(port)
        self.edge = f"http://127.0.0.1:{port}"
        self.command = [BINARY, "edge"]
        (folder / "keys").mkdir(exist_ok=True)

    def trust(self, server):
        """Copies the public keys of a server and nothing else."""
        for key in (server.folder / "data/keys/cloudfront").glob("*.pub.pem"):
            shutil.copy(key, self.folder / "keys" / key.name)

    def start(self, until=200):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.settings, cwd=self.folder, stdout=log, stderr=log)
        for _ in range(500):
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                if send("GET", f"{self.api}/readyz").status == until:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the edge was not {until} in time: {self.log.read_text()[-2000:]}")


@pytest.fixture
def make_edge(tmp_path):
    edges = []

    def make(port, **settings):
        edges.append(Edge(tmp_path / f"edge{len(edges)}", port, **settings))
        return edges[-1]

    yield make
    for edge in edges:
        edge.stop()
        assert "panicked" not in edge.log.read_text(), edge.log.read_text()[-3000:]


def upload(server, bodies):
    image, upload_id, _ = server.begin(size=sum(map(len, bodies)))
    etags = [(n, send("PUT", server.sign(image, upload_id, n), {}, body).headers["ETag"]) for n, body in enumerate(bodies, 1)]
    assert server.complete(image, upload_id, etags).status == 200
    return image


def ranges_are_right(url, headers, whole, count=30):
    for _ in range(count):
        start = random.randrange(len(whole))
        end = min(len(whole), start + random.choice((1, 4096, 65536, 2_000_000)))
        answer = send("GET", url, {**headers, "Range": f"bytes={start}-{end - 1}"})
        assert (answer.status, answer.body) == (206, whole[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    answer = send("GET", url, headers)
    assert (answer.status, answer.body) == (200, whole)
    assert send("GET", url, {**headers, "If-None-Match": answer.headers["ETag"]}).status == 304
    assert send("GET", url, {**headers, "Range": f"bytes={len(whole)}-"}).status == 416
    assert send("GET", url, {**headers, "Range": "bytes=0-1", "If-Range": '"other"'}).status == 200
    several = send("GET", url, {**headers, "Range": "bytes=0-9,100-199"})
    assert several.status == 206 and whole[:10] in several.body and whole[100:200] in several.body


@pytest.mark.parametrize("fault", ["EIO", "EINVAL"])
def test_what_the_kernel_does_not_send(make_server, make_edge, fault):
    """A disk error before the first byte gives an error response. If the kernel can't send from
    files, they are read into buffers."""
    port = free_port()
    server = make_server(EDGE_PORT="off", EDGE_URL=f"http://127.0.0.1:{port}", MULTIPART_PART_SIZE_BYTES=str(5 * MIB))
    body = random.randbytes(3 * MIB)
    url, cookies = server.stream(upload(server, [body]))
    edge = make_edge(port, UPLOAD_ROOT=str(server.folder / "data/store"))
    edge.trust(server)
    edge.command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendfile", "-e", f"inject=sendfile:error={fault}", *edge.command]
    edge.start()
    if fault == "EINVAL":
        ranges_are_right(url, {"Cookie": cookies}, body)
    else:
        with pytest.raises((OSError, http.client.HTTPException)):
            send("GET", url, {"Cookie": cookies})
        few = send("GET", url, {"Cookie": cookies, "Range": "bytes=5-999"})
        assert (few.status, few.body) == (206, body[5:1000]), "what is read in another way is"
    metrics = send("GET", f"{edge.api}/metrics").body.decode()
    broken = re.search(r"^tidegate_edge_broken_total (\d+)", metrics, re.M).group(1)
    assert int(broken) == (1 if fault == "EIO" else 0)
    for pid in pathlib.Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children").read_text().split():
        os.kill(int(pid), signal.SIGTERM)
    assert edge.process.wait(timeout=40) == 0


def test_a_disk_that_fails_before_the_first_byte_is_an_answer(make_server):
    server = make_server(MULTIPART_PART_SIZE_BYTES=str(5 * MIB), CLOUDFRONT_AUTH_MODE="url")
    body = random.randbytes(3 * MIB)
    url, _ = server.stream(upload(server, [body]))
    path = server.folder / "data/store" / urllib.parse.urlsplit(url).path.lstrip("/")
    assert send("GET", url, {"Range": "bytes=0-9"}).body == body[:10]
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    fault = ["-e", "trace=pread64", "-e", "inject=pread64:error=EIO"]
    tracer = subprocess.Popen(["strace", "-f", "-o", server.folder / "trace", *fault, "-p", str(server.process.pid)])
    try:
        until(lambda: "TracerPid:\t0" not in pathlib.Path(f"/proc/{server.process.pid}/status").read_text())
        answer = send("GET", url, {"Range": f"bytes={MIB}-{2 * MIB}"})
        assert (answer.status, b"ServiceUnavailable" in answer.body) == (503, True)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    assert "INJECTED" in (server.folder / "trace").read_text()
    answer = send("GET", url, {"Range": f"bytes={MIB}-{2 * MIB}"})
    assert (answer.status, answer.body) == (206, body[MIB : 2 * MIB + 1]), "the next one is served"
    metrics = server.call("GET", "/metrics").body.decode()
    assert 'tidegate_edge_requests_total{status="503",verdict="ServiceUnavailable"} 1' in metrics
    assert "tidegate_edge_broken_total 0" in metrics, "nothing was begun"


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_the_edge_alone(make_server, make_edge, place):
    """A server signs, and a stand-alone edge serves the files from a folder or a bucket with the
    public key only."""
    port = free_port()
    store = backends.settings("sqlite", "s3") if place == "bucket" else {}
    server = make_server(EDGE_PORT="off", EDGE_URL=f"http://127.0.0.1:{port}", MULTIPART_PART_SIZE_BYTES=str(5 * MIB), **store)
    bodies = [random.randbytes(5 * MIB), random.randbytes(345_678)]
    image = upload(server, bodies)
    url, cookies = server.stream(image)
    origin = store or {"UPLOAD_ROOT": str(server.folder / "data/store")}
    edge = make_edge(port, **origin)
    edge.settings["TIDEGATE_DATA"] = str(edge.folder / "nothing")
    trace = edge.folder / "trace"
    edge.command = ["strace", "-f", "-qq", "-o", trace, "-e", "trace=%file,connect,ftruncate,fallocate", *edge.command]
    edge.start(until=503)
    assert send("GET", url, {"Cookie": cookies}).status == 403, "nobody is trusted yet"
    edge.trust(server)
    until(lambda: send("GET", f"{edge.api}/readyz").status == 200)
    assert send("GET", url).status == 403
    ranges_are_right(url, {"Cookie": cookies}, b"".join(bodies))
    metrics = send("GET", f"{edge.api}/metrics").body.decode()
    for name in ("requests_total", "bytes_total", "first_byte_seconds_bucket", "signature_cache_total", "keys"):
        assert f"tidegate_edge_{name}" in metrics, name
    assert server.call("DELETE", f"/v1/images/{image}").status == 204
    assert send("GET", url, {"Cookie": cookies}).status == 404
    for key in (edge.folder / "keys").iterdir():
        key.unlink()
    until(lambda: send("GET", url, {"Cookie": cookies}).status == 403)
    assert send("GET", f"{edge.api}/readyz").json()["keys"] == "unavailable"
    for path in ("/", "/docs/", "/v1/images", "/openapi.json"):
        assert send("GET", edge.api + path).status == 404, path
    for pid in pathlib.Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children").read_text().split():
        os.kill(int(pid), signal.SIGTERM)
    assert edge.process.wait(timeout=40) == 0
    assert not (edge.folder / "nothing").exists(), "an edge makes nothing"
    calls = trace.read_text()
    written = [line for line in calls.splitlines() if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", line)]
    written = [line for line in written if "/dev/" not in line and "/proc/" not in line]
    changed = re.findall(r"\b(?:unlink|rename|mkdir|link|symlink|chmod|chown|truncate|ftruncate|fallocate)\w*\(.*", calls)
    reached = set(re.findall(r"connect\(.*sin_port=htons\((\d+)\)", calls))
    allowed = {urllib.parse.urlsplit(store["S3_ENDPOINT"]).netloc.rsplit(":", 1)[1]} if store else set()
    assert reached <= allowed, f"it connected to ports {reached - allowed}"
    assert not written and not changed, (written[:5], changed[:5])
    assert "keys/cloudfront" not in calls and "tidegate.db" not in calls, "it looked at what is none of its business"


def until(holds):
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_settings_an_edge_can_not_use(tmp_path):
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    for settings, says in [
        ({"EDGE_PORT": "off"}, "EDGE_PORT"),
        ({"BIND_HOST": "0.0.0.0"}, "EDGE_URL"),
        ({"PORT": "3001"}, "PORT"),
        ({"CLOUDFRONT_KEY_PAIR_ID": "K1", "CLOUDFRONT_PRIVATE_KEY_PEM": str(key)}, "an edge knows public keys only"),
    ]:
        done = subprocess.run([BINARY, "edge"], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and says in done.stderr, done.stderr
    missing = {"PORT": "0", "EDGE_PORT": "0", "UPLOAD_ROOT": str(tmp_path / "no")}
    done = subprocess.run([BINARY, "edge"], env=missing, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "can't be read" in done.stderr, done.stderr
    assert not (tmp_path / "no").exists()


PAGE = """<!doctype html><title>reader</title><script>
const asked = new URLSearchParams(location.search), url = asked.get("url"), api = asked.get("api");
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const attempt = async (make) => { try { return await make(); } catch (error) { return String(error); } };
(async () => {
  const result = { isolated: self.crossOriginIsolated, ranges: {} };
  if (api) result.stream = await attempt(async () => {
    const answer = await fetch(api, { credentials: "include", headers: { "X-User-Id": "alice" } });
    return answer.status;
  });
  for (const range of (asked.get("ranges") || "").split(",").filter(Boolean)) {
    result.ranges[range] = await attempt(async () => {
      const answer = await fetch(url, { credentials: api ? "include" : "omit", headers: { Range: `bytes=${range}` } });
      const bytes = await answer.arrayBuffer();
      return [answer.status, answer.headers.get("content-range"), answer.headers.get("etag"), hex(await crypto.subtle.digest("SHA-256", bytes))];
    });
  }
  result.refused = await attempt(async () => (await fetch(url.split("?")[0], { credentials: "omit" })).status);
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
})();
</script>"""


class Page(browser_pages.ReportingPage):
    """A page of another origin with the isolation headers that shared memory requires."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(PAGE.encode())

@pytest.fixture
def pages():
    with browser_pages.serve(Page) as server:
        yield server


def browse(pages, folder, host, **query):
    """Returns what a page of `host` reports when a real browser opens it."""
    page = f"http://{host}:{pages.server_port}/?{urllib.parse.urlencode(query)}"
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}/profile", page]
    with open(folder / "chromium.log", "ab") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 90
        while not pages.results:
            assert browser.poll() is None and time.monotonic() < deadline, (folder / "chromium.log").read_text()[-3000:]
            time.sleep(0.1)
        return pages.results.pop()
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


@pytest.mark.parametrize("mode", ["cookie", "url"])
def test_a_page_of_another_origin_reads_ranges(make_server, tmp_path, pages, mode):
    """In Chromium, isolated by COOP and COEP: with signed cookies and with signed URLs."""
    page = f"http://127.0.0.1:{pages.server_port}"
    server = make_server(CLOUDFRONT_AUTH_MODE=mode, CORS_ALLOW_ORIGIN=page)
    whole = random.randbytes(3_000_000)
    image = upload(server, [whole])
    stream = server.call("GET", f"/v1/images/{image}/stream-url").json()
    api = f"{server.api}/v1/images/{image}/stream-url" if mode == "cookie" else ""
    report = browse(pages, tmp_path, "127.0.0.1", url=stream["url"], api=api, ranges="0-9,100000-199999,2999999-3999999")
    assert report["isolated"] is True
    assert report.get("stream") == (200 if mode == "cookie" else None)
    for first, last in ((0, 9), (100_000, 199_999), (2_999_999, 3_999_999)):
        wanted = whole[first : last + 1]
        place = f"bytes {first}-{min(last, len(whole) - 1)}/{len(whole)}"
        assert report["ranges"][f"{first}-{last}"] == [206, place, stream["etag"], hashlib.sha256(wanted).hexdigest()]
    assert report["refused"] == 403, "a page may read why it was refused"
    # Under another host name the page belongs to another site, which is not in the list of allowed
    # origins.
    stranger = browse(pages, tmp_path, "localhost", url=stream["url"], api="", ranges="0-9")
    assert stranger["isolated"] is True
    assert "TypeError" in stranger["ranges"]["0-9"], stranger
    assert "TypeError" in str(stranger["refused"]), stranger
    print(f"\n{mode}: {json.dumps(report)}")


@pytest.mark.alone
def test_ten_thousand_connections_that_say_nothing(make_server):
    wanted = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 500:
        raise RuntimeError(f"this test takes {wanted} open files; the hard limit is {hard}")
    server = make_server(LOG_LEVEL="info", MAX_CONNECTIONS=str(wanted + 100))
    whole = random.randbytes(200_000)
    url, cookies = server.stream(upload(server, [whole]))
    port = int(urllib.parse.urlsplit(server.edge).port)
    held = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        held += (socket.create_connection(("127.0.0.1", port)) for _ in range(wanted))
        for connection in held[::2]:
            connection.sendall(b"GET /images/alice/ HTTP/1.1\r\nHost: 127.0.0.1")
        started = time.monotonic()
        assert send("GET", url, {"Cookie": cookies}).body == whole
        elapsed, memory = time.monotonic() - started, server.memory()
        print(f"\n{wanted} connections: {memory:.0f} MiB in all, another request took {elapsed * 1000:.0f} ms")
        assert memory < 250 and elapsed < 2
    finally:
        for connection in held:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
