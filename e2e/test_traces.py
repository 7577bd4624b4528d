"""Tests that a caller's trace context is used in the log and in exported spans.

No registry offers a collector here, so a few lines of this test receive what the server sends. The
format is Protobuf, in which names and ids appear unencoded.
"""

import http.server
import threading

from server import Server, send

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
