"""A stand-in for AWS Lambda's Runtime API (version 2018-06-01), and functions that ask it for events.

A real Lambda can't exist on a test machine. This one gives a process one event at a time with the headers that Lambda
sends, and records the answer. It does not freeze the process between two events, and enforces no limit of size.
"""

import contextlib
import http.server
import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time
import uuid

TRACE = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=53995c3f42cd8ad8;Sampled=1"
PREFIX = "/2018-06-01/runtime/"


class Answer:
    """What a function has answered: `kind` is `response`, `error`, `init`, or `foreign` for an answer to another invocation
    than the last one. `whole` says whether a streamed body came to its end; `trailers` report an error in mid-stream."""

    def __init__(self, kind, headers, body, trailers, whole):
        self.kind, self.headers, self.body, self.trailers, self.whole = kind, headers, body, trailers, whole
        self.at = time.monotonic()

    def json(self):
        return json.loads(self.body)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it, the function's next request waits for a delayed acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path != PREFIX + "invocation/next":
            return self.reply(404)
        self.server.asked.set()
        while True:
            try:
                event = self.server.events.get(timeout=0.1)
                break
            except queue.Empty:
                if self.server.closed.is_set():
                    return self.reply(410)
        request_id, deadline, body, trace = event
        attempt = str(uuid.uuid4())
        self.server.current = (f"{PREFIX}invocation/{request_id}/", attempt)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Invocation-Id": attempt,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:tidegate",
            "Content-Type": "application/json",
        }
        if trace:
            headers["Lambda-Runtime-Trace-Id"] = trace
        self.reply(200, body, headers)

    def do_POST(self):
        body, trailers, whole = self.read_body()
        kind = "init" if self.path == PREFIX + "init/error" else self.path.rsplit("/", 1)[-1]
        names = (self.path.rsplit("/", 1)[0] + "/", self.headers.get("Lambda-Runtime-Invocation-Id"))
        if kind != "init" and names != self.server.current:
            kind = "foreign"
        if whole:
            self.reply(202 if kind != "foreign" else 400, b'{"status":"OK"}', {"Content-Type": "application/json"})
        self.server.answers.put(Answer(kind, {name.lower(): value for name, value in self.headers.items()}, body, trailers, whole))

    def read_body(self):
        """Returns body, trailers, and whether the body came to its end."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0))), {}, True
        body, trailers = b"", {}
        while line := self.rfile.readline():
            size = int(line.split(b";")[0], 16)
            if not size:
                break
            body += self.rfile.read(size)
            self.rfile.readline()
        else:
            return body, trailers, False
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, value = line.decode().split(":", 1)
            trailers[name.lower()] = value.strip()
        return body, trailers, True

    def reply(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Function:
    """A process of a function, started as Lambda does: as `bootstrap`, without arguments."""

    def __init__(self, binary, folder, settings):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bootstrap = self.folder / "bootstrap"
        if not self.bootstrap.exists():
            self.bootstrap.symlink_to(pathlib.Path(binary).resolve())
        self.settings = settings
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.events, self.server.answers = queue.Queue(), queue.Queue()
        self.server.asked, self.server.closed = threading.Event(), threading.Event()
        self.server.current = None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.process = None

    def environment(self):
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "tidegate",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "TIDEGATE_DATA": str(self.folder / "data"),
        }
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SSL_CERT_FILE")}
        return kept | own | self.settings

    def start(self):
        self.server.asked.clear()
        self.out, self.err = open(self.folder / "stdout", "ab"), open(self.folder / "stderr", "ab")
        self.process = subprocess.Popen(
            [self.bootstrap], env=self.environment(), cwd=self.folder, stdout=self.out, stderr=self.err
        )
        return self

    def send(self, event, seconds=30.0, trace=TRACE):
        """Hands an event to the process and returns the id of the invocation."""
        request_id = str(uuid.uuid4())
        self.server.events.put((request_id, time.time() + seconds, json.dumps(event).encode(), trace))
        return request_id

    def answer(self, timeout=60):
        limit = time.monotonic() + timeout
        while True:
            try:
                return self.server.answers.get(timeout=0.1)
            except queue.Empty:
                assert self.process.poll() is None, f"the function has ended: {self.log()[-3000:]}"
                assert time.monotonic() < limit, f"the function does not answer: {self.log()[-3000:]}"

    def invoke(self, event, seconds=30.0, trace=TRACE):
        self.send(event, seconds, trace)
        return self.answer()

    def log(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def lines(self):
        """The log's lines as JSON."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def metrics(self):
        """The documents in the embedded metric format."""
        return [json.loads(line) for line in (self.folder / "stdout").read_text().splitlines()]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=30)
            if self.process.poll() is None:
                self.kill()
        self.server.closed.set()
        self.server.shutdown()
        self.server.server_close()
        return self.process.returncode if self.process else None


def request(method, target, claims=None, headers=None, body=None, **changes):
    """The event of a request to an HTTP API, in payload format 2.0."""
    path, _, query = target.partition("?")
    context = {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": "api.example.com",
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "test"},
        "requestId": "JKJaXmPLvHcESHA=",
        "stage": "$default",
    }
    if claims:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    headers = {"host": "api.example.com", "authorization": "Bearer x", "x-forwarded-for": "198.51.100.1"} | (headers or {})
    event = {"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
             "requestContext": context, "isBase64Encoded": False}  # fmt: skip
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        headers["content-type"] = "application/json"
    return event | changes


def batch(*bodies, trace=None):
    """The event of a batch of queue messages; their ids are their positions."""
    record = {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs", "awsRegion": "eu-central-1",
              "attributes": {"ApproximateReceiveCount": "1"} | ({"AWSTraceHeader": trace} if trace else {}), "messageAttributes": {}, "receiptHandle": "x", "md5OfBody": "x"}  # fmt: skip
    return {"Records": [record | {"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


SCHEDULE = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
