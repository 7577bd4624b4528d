"""Measures the binary as an AWS Lambda function: the cold start to the first answer, and a presigned URL through an event
beside the same request to the server. The Runtime API is the stand-in of e2e/lambda_runtime.py. See README.md."""

import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# First: it says where the modules of `e2e` are.
from shared import ROOT, ROUNDS, cpu_seconds, row, shown, write_table
import backends
from lambda_runtime import SCHEDULE, Function, request
from ports import free_port
from server import send

PROGRAM = pathlib.Path(os.environ.get("TIDEGATE", ROOT / "target/binary/tidegate"))
STARTS = 20
REQUESTS = 2000
TOKEN = "0123456789abcdef0123456789abcdef"
HEADERS = {"x-service-token": TOKEN, "x-user-id": "ann", "x-org-id": "lab"}


def settings():
    make = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    key = subprocess.run(make, capture_output=True, text=True, check=True).stdout
    return backends.settings("postgres", "s3") | {
        "PUBLIC_BASE_URL": "https://api.example.com", "CLOUDFRONT_DOMAIN": "d111111abcdef8.cloudfront.net",
        "CLOUDFRONT_KEY_PAIR_ID": "K2JCJMDEHXQW5F", "CLOUDFRONT_PRIVATE_KEY_PEM": key, "S3_URL": os.environ["TEST_GARAGE_URL"],
        "SURFACES": "packages", "AUTH_SERVICE_TOKEN": TOKEN, "SCANNER": "off", "LOG_LEVEL": "error",
        "RATE_LIMIT_PER_ADDRESS": "0", "RATE_LIMIT_PER_SUBJECT": "0",
    }  # fmt: skip


def cold_starts(folder, chosen):
    """Milliseconds from the start of the process until the Runtime API has the first answer."""
    times = []
    for number in range(STARTS + 1):
        function = Function(PROGRAM, folder / f"cold-{number}", chosen)
        function.send(request("GET", "/v1/me", headers=HEADERS))
        began = time.monotonic()
        answer = function.start().answer()
        times.append((answer.at - began) * 1000)
        assert answer.json()["statusCode"] == 200, answer.body
        function.stop()
    return times[1:], times[0]


def package(function):
    """Makes a package of one file and returns the path of its presigned URL."""
    def ask(method, target, body=None):
        document = function.invoke(request(method, target, headers=dict(HEADERS), body=body)).json()
        assert document["statusCode"] < 300, document
        return json.loads(document["body"])

    dataset = ask("POST", "/packages/datasets", {"name": "Cells"})["id"]
    target = ask("POST", f"/packages?dataset_id={dataset}", {"name": "a", "filename": "a.bin", "size": 16})
    assert send("PUT", target["uploadUrl"], target.get("headers", {}), b"sixteen bytes ok").status == 200
    ask("POST", f"/packages/{target['id']}/confirm")
    function.invoke(SCHEDULE)
    return f"/packages/presign/s3?dataset_id={dataset}&package_id={target['id']}&redirect=false"


def by_events(function, path):
    """Microseconds of CPU per request, and the median time of one."""
    event = request("GET", path, headers=HEADERS)
    before, times = cpu_seconds(function.process.pid), []
    for _ in range(REQUESTS):
        began = time.monotonic()
        answer = function.invoke(event)
        times.append(answer.at - began)
    assert answer.json()["statusCode"] == 200, answer.body
    return (cpu_seconds(function.process.pid) - before) / REQUESTS * 1e6, statistics.median(times) * 1e6


def by_connection(process, port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    before, times = cpu_seconds(process.pid), []
    for _ in range(REQUESTS):
        began = time.monotonic()
        connection.request("GET", path, headers=HEADERS | {"Host": "api.example.com"})
        answer = connection.getresponse()
        body = answer.read()
        times.append(time.monotonic() - began)
        assert answer.status == 200, body
    return (cpu_seconds(process.pid) - before) / REQUESTS * 1e6, statistics.median(times) * 1e6


def main():
    assert PROGRAM.is_file(), f"{PROGRAM} is missing: run `make binary`, or say by TIDEGATE where it is"
    with tempfile.TemporaryDirectory() as folder:
        folder, chosen = pathlib.Path(folder), settings()
        # The first start applies the migrations.
        starts, first = cold_starts(folder, chosen)
        row("cold start to the first answer, ms", shown(starts, 0), target="< 150", note=f"median of {STARTS}; with migrations {first:.0f}")
        function = Function(PROGRAM, folder / "warm", chosen).start()
        path = package(function)
        port = free_port()
        own = {"PORT": str(port), "EDGE_PORT": "off", "METRICS_PORT": str(free_port()), "TIDEGATE_DATA": str(folder / "server")}
        log = open(folder / "server.log", "ab")
        server = subprocess.Popen([PROGRAM, "serve"], env=chosen | own, cwd=folder, stdout=log, stderr=log)
        try:
            while True:
                try:
                    if send("GET", f"http://127.0.0.1:{port}/readyz").status == 200:
                        break
                except OSError:
                    assert server.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.05)
            events, connections = [], []
            for _ in range(ROUNDS):
                events.append(by_events(function, path))
                connections.append(by_connection(server, port, path))
            cpu = [[pair[0] for pair in pairs] for pairs in (events, connections)]
            rate = [[1e6 / value for value in values] for values in cpu]
            ratio = statistics.median(rate[0]) / statistics.median(rate[1])
            row("warm presigned URL per core-second, event / connection", shown(rate[0]), shown(rate[1]), f"{ratio:.2f}", ">= 0.8")
            elapsed = [[pair[1] for pair in pairs] for pairs in (events, connections)]
            row("warm presigned URL, us until the answer", shown(elapsed[0]), shown(elapsed[1]))
        finally:
            server.terminate()
            server.wait()
            function.stop()
    write_table("lambda.md")


if __name__ == "__main__":
    sys.exit(main())
