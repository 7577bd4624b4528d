"""Tests of what a person sees who opens the URL of an object in a tab of a real browser: audio, video
and images play and show there, and nothing uploaded runs a script."""

import json

import pytest

from browser_tab import Tab
from datasets import Dataset
from server import send
from sessions import Session, drawn, encoded, ffmpeg
from test_walk import operator

MEDIA_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
PLAYS = "(v => !!v && v.currentTime > 0 && !v.error && [v.videoWidth, v.getBoundingClientRect().width > 0])(document.querySelector('video'))"
SHOWS = "(i => !!i && i.complete && i.naturalWidth && getComputedStyle(i).display)(document.images[0])"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Returns the bytes of media files by their content type."""
    folder = tmp_path_factory.mktemp("media")
    picture, tone = ("-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=2"), ("-f", "lavfi", "-i", "sine=duration=2")
    ffmpeg(*picture, "-c:v", "libx264", "-pix_fmt", "yuv420p", folder / "a.mp4")
    ffmpeg(*picture, "-c:v", "libvpx", "-b:v", "200k", folder / "a.webm")
    ffmpeg(*tone, folder / "a.mp3")
    files = {"video/mp4": "a.mp4", "video/webm": "a.webm", "audio/mpeg": "a.mp3"}
    images = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}
    shown = {kind: encoded(drawn(160, 120), format) for kind, format in images.items()}
    return {kind: (folder / name).read_bytes() for kind, name in files.items()} | shown


def sent_file(server, name, kind, data):
    """Uploads a user's file and returns the URLs that open it: a link and its public path."""
    body = {"mode": "single", "folder": "", "files": [{"name": name, "size": len(data), "mime": kind}]}
    upload = server.call("POST", "/v1/files/init", body=body).json()["uploadId"]
    assert send("PUT", f"{server.api}/v1/files/part/{upload}/1", {"X-User-Id": "alice"}, data).status == 200
    done = server.call("POST", "/v1/files/complete", body={"uploadId": upload})
    assert done.status == 200, done.body
    key = done.json()["key"]
    return server.call("GET", f"/v1/files/signed-url?key={key}").json()["url"], f"{server.api}/{key}"


class Assets:
    """A package whose assets are served at the edge."""

    def __init__(self, server):
        self.dataset, self.count = Dataset(server), 0
        self.package = self.dataset.package("p", b"source")

    def make(self, kind, data):
        """Stores an asset of a content type; returns its path and its signed URL."""
        self.count += 1
        path = f"view/{self.count}"
        of = self.dataset.query(package_id=self.package, path=path)
        self.dataset.sent(self.dataset.call("POST", f"/assets?{of}", {"size": len(data), "contentType": kind}, 201), data)
        return path, self.dataset.call("GET", f"/cloudfront/sign?{of}")["signed_url"]


def presigned(server, url, **response):
    """Returns a URL at the S3 door of an object at the edge; `response` overrides headers."""
    key = url.split("?")[0].removeprefix(f"{server.edge}/")
    return operator(server).generate_presigned_url("get_object", {"Bucket": "tidegate", "Key": key, **response}, ExpiresIn=600)


def test_media_play_and_show_in_a_tab(make_server, tmp_path, made):
    server = make_server(SCANNER="off")
    urls, session, assets = [], Session(server), Assets(server)
    for kind, data in made.items():
        if kind.startswith("video/") or kind == "image/jpeg":
            sent = session.send(data, kind).json()
            shown = session.ended(sent["id"])
            assert shown["status"] == "COMPLETED", shown
            urls += [(kind, sent["url"]), (kind, shown["url"])]
        path, at_edge = assets.make(kind, data)
        urls += [(kind, at_edge), (kind, presigned(server, at_edge)), *((kind, url) for url in sent_file(server, "a." + kind.split("/")[1], kind, data))]
    with Tab(tmp_path) as tab:
        for kind, url in urls:
            tab.events.clear()
            assert tab.open(url) is None, (kind, url)
            width = 0 if kind.startswith("audio") else 160
            if kind.startswith("image"):
                assert tab.wait(SHOWS) == "block", (kind, url, tab.value("document.documentElement.outerHTML"), tab.events[-5:])
                assert tab.value("document.images[0].naturalWidth") == width
            else:
                assert tab.wait(PLAYS) == [width, True], (kind, url, tab.value("document.documentElement.outerHTML"), tab.events[-5:])
            refused = [e for e in tab.events if "Content Security Policy" in json.dumps(e)]
            assert not refused, (kind, url, refused)
            tab.screenshot(tmp_path / f"{kind.replace('/', '-')}.png")
        # By signed cookies, which the document's own request carries too.
        path, _ = assets.make("video/mp4", made["video/mp4"])
        grant = assets.dataset.ask("GET", f"/cloudfront/sign?{assets.dataset.query(package_id=assets.package, scope='prefix')}")
        url = f"{grant.json()['base_url'].rstrip('/')}/{path}"
        assert send("GET", url).status == 403
        for cookie in grant.headers.get_all("Set-Cookie"):
            name, value = cookie.split(";")[0].split("=", 1)
            tab.call("Network.setCookie", name=name, value=value, url=url, httpOnly=True)
        assert tab.open(url) is None and tab.wait(PLAYS) == [160, True]


SCRIPT = "<script>document.title='ran'; window.ran = true; new Image().src='{report}/?ran'</script>"
ACTIVE = {
    "text/html": "<!doctype html><title>quiet</title>{script}<form action='{report}/form'><button id=b>x</button></form>"
    "<iframe srcdoc='&lt;p>x'></iframe><object data='{report}/object'></object><img src=x onerror='window.ran = true'>",
    "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran = true'>{script}</svg>",
    "application/xhtml+xml": "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>quiet</title>{script}</head><body/></html>",
    "text/xml": "<?xml version='1.0'?><x xmlns:h='http://www.w3.org/1999/xhtml'><h:script>document.title='ran'; window.ran = true</h:script></x>",
    "video/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran = true'>{script}</svg>",
}


def test_nothing_uploaded_runs_a_script_in_a_tab(make_server, tmp_path, made):
    """Served as an attachment, and, where a signed URL says to show it inline, without scripts, forms
    and frames, whatever type the URL names."""
    server = make_server(SCANNER="off")
    inline, assets = {"ResponseContentDisposition": "inline"}, Assets(server)
    ran = "[window.ran === true, document.title === 'ran', document.visibilityState]"
    with Tab(tmp_path) as tab:
        tab.call("Network.enable")
        for kind, text in ACTIVE.items():
            body = text.format(script=SCRIPT.format(report=server.api), report=server.api).encode()
            _, at_edge = assets.make(kind, body)
            link, public = sent_file(server, "a." + kind.split("/")[1][:4].strip("+"), kind, body)
            for url in (at_edge, presigned(server, at_edge), link, public):
                answer = send("GET", url)
                assert answer.headers["Content-Disposition"].startswith("attachment"), (kind, url)
                assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox", (kind, url)
                assert tab.open(url) == "net::ERR_ABORTED", "a download"
            for url in [presigned(server, at_edge, **inline), *(presigned(server, at_edge, **inline, ResponseContentType=other) for other in (kind, "text/html", "image/png", "video/mp4", "video/mp4, text/html"))]:
                tab.events.clear()
                tab.open(url)
                tab.wait("document.readyState === 'complete'")
                tab.value("document.getElementById('b')?.click()")
                assert tab.value(ran)[:2] == [False, False], (kind, url)
                # What the document asks the network for, besides itself and the browser's own icon.
                asked = [e["params"]["request"]["url"] for e in tab.events if e.get("method") == "Network.requestWillBeSent"]
                assert not [one for one in asked if one.startswith(server.api)], (kind, url, asked)
        # Media are scripts as little, whatever type a URL names for them.
        _, video = assets.make("video/mp4", made["video/mp4"])
        for named, policy in [("text/html", "default-src 'none'; sandbox"), ("video/webm", MEDIA_POLICY)]:
            url = presigned(server, video, **inline, ResponseContentType=named)
            assert send("GET", url).headers["Content-Security-Policy"] == policy, named
            again = send("GET", url, {"If-None-Match": send("GET", url).headers["ETag"]})
            assert (again.status, again.headers["Content-Security-Policy"]) == (304, policy), named
