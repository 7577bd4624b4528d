"""A reverse proxy that passes requests on unchanged until a test tells it to do what misconfigured ones do."""

import contextlib
import email.utils
import http.client
import http.server
import pathlib
import threading
import time

from ports import free_port

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Meddler:
    """Listens on `port` and sends what it gets to `behind`, with the client's Host. Attributes say what goes wrong:

    - `host`: the Host that it sends instead
    - `drops`: request headers that it leaves out
    - `hides`: response headers that it leaves out
    - `adds`: response headers that it replaces
    - `strips_query`: whether it drops the query
    - `folder`: a folder whose files it serves itself, without asking
    - `caches`: whether it answers a path again as it did before, whatever the query is
    - `late`: the seconds by which its clock is behind
    """

    def __init__(self, behind=None, tls=None):
        self.port, self.behind = free_port(), behind
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.mend()
        meddler = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                meddler.answer(self)

            do_GET = do_HEAD = do_PUT = do_OPTIONS = do_POST = handle_any

            def send_response(self, code, message=None):
                self.send_response_only(code, message)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def mend(self):
        self.host, self.drops, self.hides, self.adds = None, set(), set(), {}
        self.strips_query, self.folder, self.caches, self.cache, self.late = False, None, False, {}, 0

    @contextlib.contextmanager
    def broken(self, **how):
        for name, value in how.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        try:
            yield
        finally:
            self.mend()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        path, _, query = request.path.partition("?")
        if self.folder and request.command == "GET":
            file = pathlib.Path(self.folder) / path.lstrip("/")
            if file.is_file():
                return self.send(request, 200, [("Content-Type", "application/octet-stream")], file.read_bytes())
        if self.caches and path in self.cache:
            return self.send(request, *self.cache[path])
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP | self.drops}
        if self.host:
            headers = {**{name: value for name, value in headers.items() if name.lower() != "host"}, "Host": self.host}
        target = path if self.strips_query or not query else f"{path}?{query}"
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=20)
        try:
            connection.putrequest(request.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            content = response.read()
            found = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP | {"content-length"}]
            answer = (response.status, found, content)
        except OSError:
            answer = (502, [], b"")
        finally:
            connection.close()
        if self.caches and answer[0] == 200:
            self.cache[path] = answer
        self.send(request, *answer)

    def send(self, request, status, headers, content):
        headers = [(name, value) for name, value in headers if name.lower() not in self.hides | {name.lower() for name in self.adds}]
        if self.late:
            headers = [(name, value) for name, value in headers if name.lower() != "date"]
            headers.append(("Date", email.utils.formatdate(time.time() - self.late, usegmt=True)))
        request.send_response(status)
        for name, value in [*headers, *self.adds.items()]:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)
