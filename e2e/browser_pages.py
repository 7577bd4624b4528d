"""Serves pages for browser tests on a free port and collects what they report."""

import contextlib
import http.server
import json
import threading


class ReportingPage(http.server.BaseHTTPRequestHandler):
    """Appends the JSON that a page posts to `server.results`. A test adds `do_GET`."""

    def do_POST(self):
        self.server.results.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(handler):
    """Runs a server of such pages until the block ends."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.results = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
