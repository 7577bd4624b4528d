"""The built binary as an AWS Lambda function, on PostgreSQL and a bucket. A real Lambda can't exist on a test machine:
the Runtime API is the stand-in of `lambda_runtime.py`, and `test_lambda_ministack.py` runs the same binary in an emulator."""

import base64
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.parse
import uuid

import backends
import pytest
from lambda_runtime import SCHEDULE, TRACE, Function, batch, request
from server import BINARY, send

ROOT = pathlib.Path(__file__).resolve().parents[1]
ANN = {"sub": "ann", "org": "lab", "exp": "4102444800"}


def production():
    """The settings of a function in production, on a database and a bucket of its own."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True, check=True).stdout
    return backends.settings("postgres", "s3") | {
        "PUBLIC_BASE_URL": "https://api.example.com",
        "CLOUDFRONT_DOMAIN": "d111111abcdef8.cloudfront.net",
        "CLOUDFRONT_KEY_PAIR_ID": "K2JCJMDEHXQW5F",
        "CLOUDFRONT_PRIVATE_KEY_PEM": key,
        "S3_URL": os.environ["TEST_GARAGE_URL"],
        "SURFACES": "packages",
        "AUTH_MODE": "authorizer",
        "SCANNER": "off",
    }


@pytest.fixture
def functions(tmp_path):
    started = []

    def start(settings, name="function"):
        function = Function(BINARY, tmp_path / name, settings)
        started.append(function)
        return function.start()

    yield start
    codes = [function.stop() for function in started]
    assert all(code in (0, -9, 1) for code in codes), codes
    for function in started:
        assert "panicked" not in function.log(), function.log()[-3000:]


def ask(function, *arguments, **named):
    """Sends a request and returns status, headers and JSON body."""
    answer = function.invoke(request(*arguments, **named))
    assert answer.kind == "response", answer.body
    document = answer.json()
    body = document["body"]
    return document["statusCode"], document["headers"], json.loads(body) if body else None


def queued(database):
    """The ids of the jobs that wait, but for the recurring ones."""
    rows = backends.psql(database, "SELECT id, payload FROM jobs WHERE state = 'QUEUED' ORDER BY id")
    return [row[0] for row in rows if "Sweep" not in row[1] and "Recover" not in row[1]]


def confirmed(function, content):
    """Sends a package through events. Without a scanner it is published at once. Returns the ids of dataset and package."""
    status, _, dataset = ask(function, "POST", "/packages/datasets", ANN, body={"name": "Cells"})
    assert status == 201, dataset
    new = {"name": "a.csv", "filename": "a.csv", "contentType": "text/csv", "size": len(content)}
    status, _, target = ask(function, "POST", f"/packages?dataset_id={dataset['id']}", ANN, body=new)
    assert status == 201, target
    assert send("PUT", target["uploadUrl"], target.get("headers", {}), content).status == 200
    status, _, body = ask(function, "POST", f"/packages/{target['id']}/confirm", ANN)
    assert status == 200, body
    return dataset["id"], target["id"]


def test_requests_jobs_and_schedules_of_a_function(functions):
    settings = production()
    api = functions(settings | {"LAMBDA_ROLE": "http"}, "api")
    worker = functions(settings | {"LAMBDA_ROLE": "worker"}, "worker")
    status, headers, me = ask(api, "GET", "/v1/me", ANN)
    assert (status, me["id"], me["organization"]) == (200, "ann", "lab")
    assert headers["x-amzn-trace-id"] == TRACE.split(";")[0]
    dataset, package = confirmed(api, b"a,b\n1,2\n")
    assert worker.invoke(batch("not ours")).json() == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    where = f"dataset_id={dataset}&package_id={package}"
    status, headers, _ = ask(api, "GET", f"/packages/presign/s3?{where}", ANN)
    assert status == 307
    assert send("GET", headers["location"]).body == b"a,b\n1,2\n"
    assert ask(api, "GET", f"/packages/presign/s3?{where}")[0] == 401, "without an authorizer nobody is signed in"
    assert ask(api, "GET", f"/packages/presign/s3?{where}", ANN | {"sub": "bob"})[0] == 404
    # The source's restore: each request and each job in a function of its own.
    status, _, deleted = ask(api, "DELETE", f"/packages?dataset_id={dataset}", ANN, body={"nodeIds": [package]})
    assert (status, deleted["failures"]) == (200, []), deleted
    assert worker.invoke(SCHEDULE).kind == "response"
    assert queued(settings["DATABASE_URL"]) == []
    gauges = [document["tidegate_jobs"] for document in worker.metrics() if document.get("state") == "dead"]
    assert gauges == [0], "nobody else asks for them"
    status, _, restored = ask(api, "POST", f"/packages/restore?dataset_id={dataset}", ANN, body={"nodeIds": [package, "N:package:none"]})
    assert (status, restored["success"], len(restored["failures"])) == (200, [package], 1), restored
    jobs = queued(settings["DATABASE_URL"])
    assert jobs, "the worker restores"
    assert worker.invoke(batch(*(json.dumps({"v": 1, "job": job}) for job in jobs))).json() == {"batchItemFailures": []}
    assert ask(api, "GET", f"/packages/presign/s3?{where}", ANN)[0] == 307
    # Each role refuses the events of the other, so that its source sees an error.
    assert api.invoke(batch("{}")).kind == "error"
    assert worker.invoke(request("GET", "/v1/me", ANN)).kind == "error"
    unknown = api.invoke({"hello": "world"})
    assert unknown.kind == "error" and unknown.json()["errorType"] == "UnknownEvent", unknown.body
    # Names that are not ours, and addresses of clients that are.
    assert ask(api, "GET", "/v1/me", ANN, headers={"host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"})[0] == 400


def test_the_log_names_invocations_and_metrics_are_in_it(functions):
    function = functions(production() | {"LOG_LEVEL": "debug", "LAMBDA_METRICS_NAMESPACE": "Mine"})
    invocation = function.send(request("GET", "/v1/me", ANN))
    assert function.answer().kind == "response"
    refused = function.invoke(request("GET", "/packages/datasets", ANN | {"sub": ""}))
    assert refused.json()["statusCode"] == 401
    answered = [line for line in function.lines() if line.get("message") == "answered"]
    span = answered[0]["span"]
    assert span["aws_request_id"] == invocation and span["id"] == invocation, span
    assert span["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736", span
    invocation = function.send(batch("not ours", trace="Root=1-5bf92f35-88b34da6a3ce929d0e0e4736"))
    assert function.answer().json() == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    (line,) = [line for line in function.lines() if line.get("message") == "a message names no job"]
    assert line["span"]["trace_id"] == "5bf92f3588b34da6a3ce929d0e0e4736" and line["span"]["aws_request_id"] == invocation, line
    tick = function.send({"hello": "world"})
    assert function.answer().kind == "error"
    (line,) = [line for line in function.lines() if "an event that is not known here" in line.get("message", "")]
    assert (line["span"]["aws_request_id"], line["span"]["trace_id"]) == (tick, "4bf92f3577b34da6a3ce929d0e0e4736"), line
    documents = function.metrics()
    for document in documents:
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Mine" and len(directive["Metrics"]) <= 100
        (dimensions,) = directive["Dimensions"]
        assert len(dimensions) <= 9 and all(isinstance(document[name], str) for name in dimensions)
        assert all(metric["Name"] in document for metric in directive["Metrics"])
    requests = [document for document in documents if "tidegate_http_requests_total" in document]
    assert {(document["status"], document["tidegate_http_requests_total"]) for document in requests} == {("200", 1), ("401", 1)}
    assert any("tidegate_lambda_start_seconds" in document for document in documents)
    secret = "BEGIN PRIVATE KEY"
    everything = function.log() + (function.folder / "stdout").read_text()
    assert secret not in everything and os.environ["TEST_S3_SECRET_KEY"] not in everything


def test_a_function_that_is_killed_in_a_batch_loses_no_job(functions):
    settings = production()
    first, database = functions(settings, "first"), settings["DATABASE_URL"]
    job = deleting(first, database)
    message = json.dumps({"v": 1, "job": job})
    with objects_held(database):
        first.send(batch(message))
        while not backends.psql(database, f"SELECT 1 FROM jobs WHERE id = {job} AND lease_until IS NOT NULL"):
            assert first.process.poll() is None
        first.kill()
    second = functions(settings, "second")
    # The message comes again while the dead process' lease lasts. It is not needed any more: the schedule finds the job.
    assert second.invoke(batch(message)).json() == {"batchItemFailures": []}
    assert queued(database) == [job]
    backends.psql(database, f"UPDATE jobs SET lease_until = 0 WHERE id = {job}")
    assert second.invoke(SCHEDULE).kind == "response"
    assert queued(database) == []


@contextlib.contextmanager
def objects_held(database):
    """Holds the table of objects, so that no job can read or change one."""
    holding = subprocess.Popen([backends.psql_tool(), database, "-qAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holding.stdin.write("BEGIN; LOCK TABLE objects; SELECT 1;\n")
    holding.stdin.flush()
    assert holding.stdout.readline() == "1\n"
    yield
    holding.communicate("ROLLBACK;\n", timeout=30)


def deleting(function, database):
    """Deletes a package, and returns the id of the job that this leaves."""
    dataset, package = confirmed(function, b"abc")
    status, _, deleted = ask(function, "DELETE", f"/packages?dataset_id={dataset}", ANN, body={"nodeIds": [package]})
    assert (status, deleted["failures"]) == (200, []), deleted
    (job,) = queued(database)
    return job


def test_what_can_t_be_done_in_time_comes_again(functions):
    settings = production()
    function, database = functions(settings), settings["DATABASE_URL"]
    late = function.invoke(request("GET", "/packages/datasets", ANN), seconds=0.1)
    assert late.json()["statusCode"] == 503, late.body
    job = deleting(function, database)
    message = json.dumps({"v": 1, "job": job})
    again = {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert function.invoke(batch(message), seconds=1.0).json() == again
    assert backends.psql(database, f"SELECT attempts FROM jobs WHERE id = {job}") == [["0"]], "what has no time is not begun"
    with objects_held(database):
        began = time.monotonic()
        assert function.invoke(batch(message), seconds=4.0).json() == again, function.log()[-1500:]
        assert 1.5 < time.monotonic() - began < 3.8
        lease = f"SELECT attempts, lease_until IS NULL FROM jobs WHERE id = {job}"
        assert backends.psql(database, lease) == [["1", "t"]], "the lease is given back"
        assert function.invoke(SCHEDULE, seconds=4.0).kind == "response"
        assert backends.psql(database, "SELECT payload FROM jobs WHERE lease_until IS NOT NULL") == []
    assert function.invoke(batch(message)).json() == {"batchItemFailures": []}
    assert queued(database) == []


def test_a_worker_does_jobs_of_its_classes_only(functions):
    settings = production()
    api, database = functions(settings | {"LAMBDA_ROLE": "http"}, "api"), settings["DATABASE_URL"]
    assert ask(api, "GET", "/v1/me", ANN)[0] == 200
    worker = functions(settings | {"LAMBDA_ROLE": "worker", "WORKER_CLASSES": "upkeep"}, "worker")
    video = json.dumps({"type": "IngestV1", "object": str(uuid.uuid4()), "video": True})
    insert = ("INSERT INTO jobs (payload, class, priority, state, run_at, attempts, max_attempts, created_at) VALUES "
              f"('{video}', 'videos', 9, 'QUEUED', 0, 0, 12, 0) RETURNING id")  # fmt: skip
    ((job,),) = backends.psql(database, insert)
    of_job = f"SELECT attempts, lease_until IS NULL FROM jobs WHERE id = {job}"
    assert worker.invoke(SCHEDULE).kind == "response"
    assert backends.psql(database, of_job) == [["0", "t"]]
    assert not backends.psql(database, "SELECT id FROM jobs WHERE class = 'upkeep' AND attempts = 0"), "its own are done"
    message = json.dumps({"v": 1, "job": job})
    assert worker.invoke(batch(message)).json() == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert backends.psql(database, of_job) == [["0", "t"]]


class Tap:
    """Passes connections on to a server. Once `close_after` is set, each carries so many more bytes of answers, and then stalls,
    or ends where `cuts` is set."""

    def __init__(self, behind):
        self.behind, self.close_after, self.cuts = behind, None, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.behind))
            threading.Thread(target=self.carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(server, client, True), daemon=True).start()

    def carry(self, source, sink, is_answer):
        carried = 0
        with contextlib.suppress(OSError):
            while some := source.recv(65536):
                carried = carried + len(some) if self.close_after is not None else 0
                if is_answer and self.close_after is not None and carried > self.close_after:
                    if self.cuts:
                        break
                    time.sleep(60)
                sink.sendall(some)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def disk_image(function, content):
    """Sends a disk image of one part through events, and returns its id."""
    _, _, begun = ask(function, "POST", "/v1/images", ANN, body={})
    image, upload = begun["imageId"], begun["uploadId"]
    _, _, signed = ask(function, "POST", f"/v1/images/{image}/upload-url", ANN, body={"uploadId": upload, "partNumber": 1})
    sent = send("PUT", signed["url"], {}, content)
    assert sent.status == 200, sent.body
    parts = [{"partNumber": 1, "etag": sent.headers["ETag"]}]
    status, _, done = ask(function, "POST", f"/v1/images/{image}/complete", ANN, body={"uploadId": upload, "parts": parts})
    assert status == 200, done
    return image


def parts_of(answer):
    """The prelude and the body of a streamed answer."""
    assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
    prelude, body = answer.body.split(b"\0" * 8, 1)
    return json.loads(prelude), body


def test_responses_are_streamed_where_the_setting_says_so(functions):
    function = functions(production() | {"LAMBDA_RESPONSES": "stream", "LAMBDA_METRICS_NAMESPACE": "Mine", "METRICS": "any"})
    answer = function.invoke(request("GET", "/v1/me", ANN))
    prelude, body = parts_of(answer)
    assert prelude["statusCode"] == 200 and prelude["headers"]["content-type"] == "application/json"
    assert prelude["headers"]["content-length"] == str(len(body))
    assert json.loads(body)["id"] == "ann"
    assert answer.whole and answer.trailers == {}
    assert any("tidegate_lambda_event_seconds" in document for document in function.metrics()), "written before the stream's end"
    metrics, _ = parts_of(function.invoke(request("GET", "/metrics", ANN)))
    assert metrics["statusCode"] == 404, "they are in the log"


@pytest.mark.parametrize("cuts", [False, True], ids=["deadline", "error"])
def test_a_stream_that_is_interrupted_does_not_end_like_a_whole_one(functions, cuts):
    settings = production()
    tap = Tap(urllib.parse.urlsplit(settings["S3_ENDPOINT"]).port)
    settings |= {"LAMBDA_RESPONSES": "stream", "S3_ENDPOINT": tap.url}
    settings |= {"SURFACES": "disks"}
    content = os.urandom(6 << 20)
    target = f"/v1/images/{disk_image(functions(settings | {'LAMBDA_RESPONSES': 'buffered'}, 'buffered'), content)}/range"
    function = functions(settings, "streaming")
    whole = function.invoke(request("GET", target, ANN))
    prelude, body = parts_of(whole)
    assert prelude["statusCode"] == 200, body[:200]
    assert (body == content, prelude["headers"]["content-length"], whole.trailers) == (True, str(len(content)), {})
    tap.close_after, tap.cuts = 2 << 20, cuts
    began = time.monotonic()
    part = function.invoke(request("GET", target, ANN), seconds=4.0)
    assert time.monotonic() - began < 4
    prelude, body = parts_of(part)
    assert prelude["statusCode"] == 200 and prelude["headers"]["content-length"] == str(len(content))
    assert len(body) < len(content) and content.startswith(body)
    assert part.trailers["lambda-runtime-function-error-type"] == "Runtime.ResponseInterrupted", part.trailers
    told = base64.b64decode(part.trailers["lambda-runtime-function-error-body"])
    assert json.loads(told)["errorMessage"] == "the response was interrupted; see the log"
    assert "a streamed response was interrupted" in function.log()
    tap.close_after = None
    assert parts_of(function.invoke(request("GET", "/v1/me", ANN)))[0]["statusCode"] == 200


def test_binary_bodies_go_both_ways(functions):
    function = functions(production())
    page = function.invoke(request("GET", "/docs/favicon-32x32.png", ANN)).json()
    assert page["isBase64Encoded"] and base64.b64decode(page["body"]).startswith(b"\x89PNG")
    body = base64.b64encode(b'{"name":"Cells"}').decode()
    made = request("POST", "/packages/datasets", ANN, body=body) | {"isBase64Encoded": True}
    assert function.invoke(made).json()["statusCode"] == 201


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL must lead to PostgreSQL"),
        ({"S3_BUCKET": "", "S3_ENDPOINT": "", "S3_URL": "https://s3.example.com"}, "S3_BUCKET must name a bucket"),
        ({"PUBLIC_BASE_URL": "", "CLOUDFRONT_DOMAIN": "", "S3_URL": ""}, "PUBLIC_BASE_URL must say"),
        ({"AUTH_MODE": "dev", "PUBLIC_BASE_URL": "http://127.0.0.1", "CLOUDFRONT_DOMAIN": ""}, "AUTH_MODE=dev believes"),
        ({"SCANNER": "on"}, "SCANNER"),
        ({"LAMBDA_ROLE": "both"}, "LAMBDA_ROLE"),
        ({"LAMBDA_BASE_PATH": "/a/../b"}, "LAMBDA_BASE_PATH"),
        ({"LAMBDA_METRICS_NAMESPACE": "AWS/Lambda"}, "LAMBDA_METRICS_NAMESPACE"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "much"}, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    ],
)
def test_a_function_does_not_start_with_settings_that_lose_data(tmp_path, change, says):
    function = Function(BINARY, tmp_path / "function", production() | change)
    try:
        function.start().process.wait(timeout=60)
        assert function.process.returncode in (1, 2)
        assert says in function.log(), function.log()
        assert "BEGIN PRIVATE KEY" not in function.log()
    finally:
        function.stop()


def test_elsewhere_there_is_no_function_and_no_authorizer(tmp_path):
    settings = {"PATH": os.environ["PATH"], "TIDEGATE_DATA": str(tmp_path / "data")}
    alone = subprocess.run([BINARY, "lambda"], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert alone.returncode == 1 and "AWS_LAMBDA_RUNTIME_API" in alone.stderr, alone.stderr
    served = subprocess.run([BINARY, "serve"], env=settings | {"AUTH_MODE": "authorizer", "PORT": "0", "EDGE_PORT": "0", "S3_PORT": "0"},
                            cwd=tmp_path, capture_output=True, text=True, timeout=60)  # fmt: skip
    assert served.returncode == 1 and "only `tidegate lambda` gets" in served.stderr, served.stderr
