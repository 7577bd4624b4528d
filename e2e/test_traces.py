"""Tests that a caller's trace context is used in the log and in exported spans.

No registry offers a collector here, so a few lines of this test receive what the server sends. The
format is Protobuf, in which names and ids appear unencoded.
"""

import http.server
import json
import threading
import urllib.parse

from server import Server, send
from test_hostile import SECRET_SETTINGS, SERVICE, SHAPES, file_link, key_material

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(http.server.BaseHTTPRequestHandler):
    received = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_callers_trace_is_in_the_log(server):
    for headers in (
        {"traceparent": f"00-{TRACE}-{PARENT}-01"},
        {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"},
    ):
        before = server.log.stat().st_size
        assert send("POST", f"{server.api}/v1/images", {"X-User-Id": "alice", **headers}).status == 200
        assert f'"trace_id":"{TRACE}"' in server.log.read_text()[before:]
    before = server.log.stat().st_size
    bad = {"X-User-Id": "alice", "traceparent": f"00-{TRACE[:-1]}G-{PARENT}-01"}
    assert send("POST", f"{server.api}/v1/images", bad).status == 200
    assert "trace_id" not in server.log.read_text()[before:]


def test_spans_reach_a_collector(tmp_path):
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    server = Server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}")
    try:
        with server:
            headers = {"X-User-Id": "alice", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            assert send("POST", f"{server.api}/v1/images", headers).status == 200
        assert server.process.returncode == 0, server.log.read_text()[-2000:]
    finally:
        collector.shutdown()
    assert Collector.received, server.log.read_text()[-2000:]
    path, kind, _ = Collector.received[0]
    assert (path, kind) == ("/v1/traces", "application/x-protobuf")
    sent = b"".join(body for _, _, body in Collector.received)
    for name in (b"tidegate", b"request", b"store.begin", b"db.begin", b"db.insert_object", b"db.commit"):
        assert name in sent, name
    assert bytes.fromhex(TRACE) in sent and bytes.fromhex(PARENT) in sent
    assert "panicked" not in server.log.read_text()


def test_no_secret_is_in_the_spans(tmp_path):
    """Tokens, links, presigned URLs and cookies come to every door, and the spans of these requests hold none of them."""
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Spans", (Collector,), {"received": []}))
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    settings = {**SECRET_SETTINGS, "AUTH_OWN_TOKENS": "true", "CLOUDFRONT_AUTH_MODE": "url"}
    server = Server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}", **settings)
    try:
        with server:
            by_service = {"X-Service-Token": SERVICE, "Content-Type": "application/json"}
            new = json.dumps({"userId": "alice"}).encode()
            token = send("POST", f"{server.api}/v1/tokens", by_service, new).json()["token"]
            bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

            def post(path, body):
                answer = send("POST", server.api + path, bearer, json.dumps(body).encode())
                assert answer.status == 200, (path, answer.status, answer.body)
                return answer.json()

            begun = post("/v1/images", {})
            image, upload = begun["imageId"], begun["uploadId"]
            part = post(f"/v1/images/{image}/upload-url", {"uploadId": upload, "partNumber": 1})["url"]
            etag = send("PUT", part, {}, b"x").headers["ETag"]
            post(f"/v1/images/{image}/complete", {"uploadId": upload, "parts": [{"partNumber": 1, "etag": etag}]})
            grant = send("GET", f"{server.api}/v1/images/{image}/stream-url", bearer).json()["url"]
            _, link = file_link(server, {"Authorization": f"Bearer {token}"})
            assert send("GET", grant).status == 200 and send("GET", link).status in (200, 307)
            signature = urllib.parse.parse_qs(grant.split("?", 1)[1])["Signature"][0]
            for url in (part, part.replace("X-Amz-Signature=", "X-Amz-Signature=0"), link + "0", f"{server.api}/v1/images?access_token={token}"):
                for headers in ({}, {"Authorization": f"Bearer {token}x"}, {"Cookie": f"auth_token={token}; CloudFront-Signature={signature}; CloudFront-Policy={'C' * 40}"}):
                    send("GET", url, headers)
            files = key_material(server.folder / "data/keys")
        assert server.process.returncode == 0, server.log.read_text()[-2000:]
    finally:
        collector.shutdown()
    sent = b"".join(body for _, _, body in collector.RequestHandlerClass.received)
    # The requests above are in it.
    for name in (b"request", b"store.", b"db.", image.encode()):
        assert name in sent, (name, len(sent))
    values = [value for url in (part, grant, link) for value in urllib.parse.parse_qs(url.split("?", 1)[1]).values()]
    secrets = [SERVICE, token, *files, *SECRET_SETTINGS.values(), *(one[0] for one in values if len(one[0]) > 40)]
    secrets = [secret for secret in secrets if len(secret) > 20]
    assert len(secrets) > 15
    assert not [secret for secret in secrets if secret.encode() in sent]
    found = SHAPES.search(sent.decode("latin-1"))
    assert not found, found
