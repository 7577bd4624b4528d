"""Tests in a real browser that pages of other ports and sites can show resources with a signature
or a link, and can't show resources that need a cookie."""

import itertools
import json
import os
import random
import signal
import subprocess
import time
import urllib.parse

import browser_pages
import pytest

from browser_tab import Tab
from datasets import Dataset
from server import send
from sessions import Session, drawn, encoded, ffmpeg
from test_spaces import Space

PAGE = """<!doctype html><title>embedding</title><script>
const patience = (made, what) => Promise.race([made, new Promise((end) => setTimeout(() => end(`${what}: no end`), 20000))]);
const ways = {
  image: (url) => new Promise((end) => {
    const image = new Image();
    image.onload = () => end(image.naturalWidth);
    image.onerror = () => end("blocked");
    image.src = url;
  }),
  video: (url) => new Promise((end) => {
    const video = document.createElement("video");
    video.preload = "metadata";
    video.muted = true;
    video.onloadedmetadata = () => end(video.videoWidth);
    video.onerror = () => end("blocked");
    video.src = url;
  }),
  // Drawn to a canvas and read back, which a browser allows only with CORS.
  pixels: (url, mode) => new Promise((end) => {
    const image = new Image();
    image.crossOrigin = mode ?? "anonymous";
    image.onload = () => {
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
      canvas.drawImage(image, 0, 0);
      try {
        end([image.naturalWidth, canvas.getImageData(5, 5, 1, 1).data[0] > 200]);
      } catch (error) {
        end(error.name);
      }
    };
    image.onerror = () => end("blocked");
    image.src = url;
  }),
  pixelsSignedIn: (url) => ways.pixels(url, "use-credentials"),
  bytes: (url) => fetch(url, { headers: { "If-None-Match": '"x"' } }).then(async (answer) => (await answer.arrayBuffer()).byteLength, () => "blocked"),
  nocors: (url) => fetch(url, { mode: "no-cors", credentials: "include" }).then((answer) => answer.type, () => "blocked"),
  range: (url) => fetch(url, { headers: { Range: "bytes=10-19" } }).then(
    async (answer) => [answer.status, answer.headers.get("content-range"), (await answer.arrayBuffer()).byteLength],
    () => "blocked",
  ),
};
(async () => {
  const plan = await (await fetch("/plan")).json();
  for (const cookie of plan.cookies) document.cookie = cookie;
  const next = plan.then && !location.search ? plan.then : null;
  if (next) return location.replace(next);
  const result = { isolated: self.crossOriginIsolated, items: {} };
  for (const [name, [way, url]] of Object.entries(plan.items)) result.items[name] = await patience(ways[way](url), name);
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
})();
</script>"""


class Page(browser_pages.ReportingPage):
    def do_GET(self):
        if self.path == "/plan":
            return self.answer("application/json", json.dumps(self.server.plan).encode())
        isolated = self.path.startswith("/isolated")
        headers = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
        return self.answer("text/html", PAGE.encode(), headers if isolated else {})

    def answer(self, kind, body, headers=None):
        self.send_response(200)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

@pytest.fixture
def pages():
    with browser_pages.serve(Page) as server:
        yield server


FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP other.test 127.0.0.1",
]  # fmt: skip


def browse(pages, folder, url, items, cookies=(), then=None):
    """Opens a page and returns what it reports of the items. The page sets the cookies first; with
    `then`, it continues to another page, which reports."""
    pages.plan = {"items": items, "cookies": list(cookies), "then": then}
    profile = folder / f"profile-{random.randrange(1 << 40)}"
    # Allow third-party cookies, so that the server's response decides and not the browser's cookie
    # policy.
    (profile / "Default").mkdir(parents=True)
    (profile / "Default/Preferences").write_text(json.dumps({"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}))
    log_path = folder / "chromium.log"
    with open(log_path, "ab") as log:
        command = ["chromium", *FLAGS, f"--user-data-dir={profile}", url]
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not pages.results:
            assert browser.poll() is None and time.monotonic() < deadline, log_path.read_text()[-3000:]
            time.sleep(0.05)
        return pages.results.pop()
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def png(width=64):
    return encoded(drawn(width, 48), "PNG")


def stored_file(server, data, user="alice"):
    """Uploads a user's file and returns its key."""
    body = {"mode": "single", "files": [{"name": "a.png", "size": len(data), "mime": "image/png"}], "folder": ""}
    begun = server.call("POST", "/v1/files/init", user, body).json()
    put = send("PUT", f"{server.api}/v1/files/part/{begun['uploadId']}/1", {"X-User-Id": user}, data)
    assert put.status == 200, put.body
    done = server.call("POST", "/v1/files/complete", user, {"uploadId": begun["uploadId"], "parts": []})
    assert done.status == 200, done.body
    return begun["uploads"][0]["key"]


def stored_disk(server, data, headers=None, **announced):
    """Creates a disk image with these bytes and returns its id."""
    headers = {**(headers or {"X-User-Id": "alice"}), "Content-Type": "application/json"}

    def ask(path, body):
        answer = send("POST", f"{server.api}/v1/images{path}", headers, json.dumps(body).encode())
        assert answer.status == 200, answer.body
        return answer.json()

    begun = ask("", announced)
    image, upload = begun["imageId"], begun["uploadId"]
    part = send("PUT", ask(f"/{image}/upload-url", {"uploadId": upload, "partNumber": 1})["url"], body=data)
    ask(f"/{image}/complete", {"uploadId": upload, "parts": [{"partNumber": 1, "etag": part.headers["ETag"]}]})
    return image


def items_of(server, tmp_path):
    """Returns one resource of every surface that is read by signature or link, with how a page
    shows it and the expected result."""
    items = {}
    key = stored_file(server, png())
    for version in (1, 2):
        signed = server.call("GET", f"/v1/files/signed-url?key={key}&v={version}").json()
        items[f"file link {version}"] = ("image", signed["url"], 64)
    items["file link below /v1/files"] = ("image", signed["url"].replace("/get/", "/v1/files/get/"), 64)
    items["public file"] = ("image", f"{server.api}/{key}", 64)
    archive = server.call("POST", "/v1/files/batch-download", body={"keys": [key]}).json()
    items["archive"] = ("nocors", f"{server.api}/v1/files/batch-download/{archive['token']}", "opaque")
    shown = Space(server).make(png(), "image/png", "a.png")
    items["space image"] = ("image", shown["cloudfrontUrl"], 64)
    items["space thumbnail"] = ("image", shown["thumbnails"][0]["url"], 64)
    session = Session(server)
    sent = session.send(png(), "image/png").json()
    shown = session.ended(sent["id"])
    items["session image"] = ("image", shown["url"], shown["width"])
    items["session image by its link"] = ("image", sent["url"], shown["width"])
    items["session thumbnail"] = ("image", shown["variants"][0]["url"], shown["variants"][0]["width"])
    clip = tmp_path / "clip.webm"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=1", "-c:v", "libvpx", "-b:v", "200k", clip)
    sent = session.send(clip.read_bytes(), "video/webm", "a.webm").json()
    shown = session.ended(sent["id"])
    assert shown["status"] == "COMPLETED", shown
    items["session video"] = ("video", shown["url"], 160)
    items["session video by its link"] = ("video", sent["url"], 160)
    dataset = Dataset(server)
    package = dataset.package("p", png())
    dataset.asset(package, "view/a.png", png(80))
    items["source file, presigned"] = ("image", dataset.presigned(package), 64)
    items["asset, presigned"] = ("image", dataset.presigned(package, path="view/a.png"), 80)
    quoted = urllib.parse.quote(dataset.presigned(package), safe="")
    items["source file, by the proxy"] = ("image", f"{server.api}/packages/proxy/s3?presigned_url={quoted}", 64)
    signed = dataset.call("GET", f"/cloudfront/sign?{dataset.query(package_id=package, path='view/a.png')}")
    items["asset at the edge"] = ("image", signed["signed_url"], 80)
    disk = stored_disk(server, random.randbytes(5000))
    items["disk range"] = ("range", server.stream(disk)[0], [206, "bytes 10-19/5000", 10])
    picture = stored_disk(server, png(), contentType="image/png")
    items["disk picture"] = ("image", server.stream(picture)[0], 64)
    return items


def test_other_ports_and_sites_show_what_is_read_by_its_url(make_server, tmp_path, pages):
    server = make_server(SCANNER="off", CLOUDFRONT_AUTH_MODE="url")
    items = items_of(server, tmp_path)
    plan = {name: (way, url) for name, (way, url, _) in items.items()}
    wanted = {name: seen for name, (_, _, seen) in items.items()}
    for host in ("localhost", "127.0.0.1", "other.test"):
        for page in ("plain", "isolated"):
            report = browse(pages, tmp_path, f"http://{host}:{pages.server_port}/{page}", plan)
            # A host name that is not loopback is no secure context and so never isolated; its
            # embedder policy still applies.
            assert report["isolated"] == (page == "isolated" and host != "other.test"), report
            assert report["items"] == wanted, (host, page)
            print(f"{page} page of {host}: {report['items']}")


@pytest.mark.parametrize("named", [False, True], ids=["any", "named"])
def test_pages_read_the_pixels_of_what_is_opened_by_its_url(make_server, tmp_path, pages, named):
    """Links of the API redirect to the edge or to S3, where the browser's request has the origin
    `null`. With named origins, pages of these read and others do not."""
    page = f"http://localhost:{pages.server_port}"
    server = make_server(SCANNER="off", CLOUDFRONT_AUTH_MODE="url", **({"CORS_ALLOW_ORIGIN": page} if named else {}))
    session = Session(server)
    sent = session.send(png(), "image/png").json()
    shown = session.ended(sent["id"])
    assert sent["url"].startswith(server.api) and shown["url"].startswith(server.edge), (sent, shown)
    dataset = Dataset(server)
    package = dataset.package("p", png())
    quoted = urllib.parse.quote(dataset.presigned(package), safe="")
    urls = {
        "session image": shown["url"],
        "session image by its link": sent["url"],
        "space image": Space(server).make(png(), "image/png", "a.png")["cloudfrontUrl"],
        "disk picture": server.stream(stored_disk(server, png(), contentType="image/png"))[0],
        "source file, presigned": dataset.presigned(package),
        "source file, by the proxy": f"{server.api}/packages/proxy/s3?presigned_url={quoted}",
        "public file": f"{server.api}/{stored_file(server, png())}",
    }
    items = {f"{way} of {name}": (way, url) for name, url in urls.items() for way in ("pixels", "bytes")}
    # The browser names the page in requests with credentials that are not redirected.
    items |= {f"signed in: {name}": ("pixelsSignedIn", urls[name]) for name in ("session image", "space image", "source file, presigned")}
    for host in ("localhost", "127.0.0.1", "other.test"):
        report = browse(pages, tmp_path, f"http://{host}:{pages.server_port}/plain", items)
        allowed = host == "localhost" or not named
        for name, seen in report["items"].items():
            if name.startswith("signed in"):
                assert seen == ([64, True] if named and allowed else "blocked"), (host, name, seen)
            elif name.startswith("pixels"):
                assert seen == ([64, True] if allowed else "blocked"), (host, name, seen)
            else:
                assert seen > 0 if allowed else seen == "blocked", (host, name, seen)


@pytest.mark.parametrize("mode", ["anonymous", "use-credentials"])
def test_the_apis_own_page_reads_the_pixels_of_a_link(make_server, tmp_path, mode):
    """It redirects from the page's own origin, which the browser names at the edge too."""
    server = make_server(SCANNER="off")
    session = Session(server)
    sent = session.send(png(), "image/png").json()
    shown = session.ended(sent["id"])
    ways = PAGE.partition("const ways = ")[2].partition("\n};\n")[0]
    with Tab(tmp_path) as tab:
        tab.call("Page.setBypassCSP", enabled=True)
        tab.open(f"{server.api}/")
        tab.value(f"globalThis.ways = {ways}\n}}; null")
        for url in (sent["url"], shown["url"]):
            assert tab.value(f"ways.pixels({url!r}, {mode!r})") == [64, True], url


def test_what_a_url_does_not_open_says_nothing_new(make_server):
    """Refusals carry no Cross-Origin-Resource-Policy that allows embedding."""
    server = make_server()
    image = stored_disk(server, b"0123456789")
    url, _ = server.stream(image)
    for refused in (url, f"{server.api}/get/AAAA?exp=1&sig=00", f"{server.api}/v1/files/batch-download/none", f"{server.s3}/tidegate/x"):
        answer = send("GET", refused)
        assert answer.status in (401, 403, 404), (refused, answer.status)
        assert answer.headers["Cross-Origin-Resource-Policy"] in (None, "same-origin"), refused


@pytest.mark.parametrize("policy", [None, "cross-origin"])
def test_what_only_a_cookie_opens_is_not_embedded_by_others(make_server, tmp_path, pages, policy):
    """The browser sends the cookie and the server returns the bytes, but a page of another site or
    port can't read them. With the setting that allows it, the same page can, so nothing else blocks
    it."""
    service, origin = "s" * 40, f"http://127.0.0.1:{pages.server_port}"
    settings = {"CROSS_ORIGIN_RESOURCE_POLICY": policy} if policy else {}
    server = make_server(AUTH_MODE="jwt", AUTH_OWN_TOKENS="true", AUTH_SERVICE_TOKEN=service, **settings)
    asked = {"X-Service-Token": service, "Content-Type": "application/json"}
    made = send("POST", f"{server.api}/v1/tokens", asked, json.dumps({"userId": "alice"}).encode())
    assert made.status == 200, made.body
    token = made.json()["token"]
    signed_in = {"Authorization": f"Bearer {token}"}
    image = stored_disk(server, png(), signed_in, contentType="image/png")
    stream = send("GET", f"{server.api}/v1/images/{image}/stream-url", signed_in).json()
    by_sign_in = f"{server.api}/v1/images/{image}/range"
    items = {"by sign-in": ("image", by_sign_in), "by signed cookies": ("image", stream["url"])}
    cookies = {c["name"]: c["value"] for c in stream["auth"]["cookies"]} | {"auth_token": token}

    # Each cookie opens its own resource and no other.
    line = "; ".join(f"{name}={value}" for name, value in cookies.items())
    for _, url in items.values():
        assert send("GET", url, {"Cookie": line}).status == 200 and send("GET", url).status in (401, 403)
    said = [send("GET", url, {"Cookie": line}).headers["Cross-Origin-Resource-Policy"] for _, url in items.values()]
    assert said == ([policy] * 2 if policy else ["same-origin", "same-site"])

    # Cookies ignore ports, so a page of the same host can set those of the API and the edge.
    lines = [f"{name}={value}; path=/; SameSite=None; Secure" for name, value in cookies.items()]
    for host, page in itertools.product(("other.test", "localhost", "127.0.0.1"), ("plain", "isolated")):
        there = f"http://{host}:{pages.server_port}/{page}?there"
        report = browse(pages, tmp_path, f"{origin}/plain", items, lines, there)
        wanted = 64 if policy else "blocked"
        assert report["items"] == {name: wanted for name in items}, (host, page, policy)
        print(f"{policy or 'default'}: {page} page of {host}: {report['items']}")
