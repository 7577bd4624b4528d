#!/usr/bin/env python3
"""What `DATABASE_POOLING=transaction` costs: the same requests with PostgreSQL alone, and behind PgBouncer.

Run by `.ci/services postgres pgbouncer -- .tools/venv/bin/python bench/poolers.py`. The servers take turns, so
that other work of the machine meets all of them. Needs wrk.
"""

import pathlib
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import os

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "e2e"))

from server import Server, send  # noqa: E402

ROUNDS, SECONDS = 3, 3
POST = 'wrk.method = "POST"; wrk.body = "{}"; wrk.headers["Content-Type"] = "application/json"\n'


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(server, path, *more):
    before = processor_seconds(server.process.pid)
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}", "-H", "X-User-Id: alice", *more, server.api + path]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in said, said
    requests = int(re.search(r"(\d+) requests in", said)[1])
    return requests / SECONDS, (processor_seconds(server.process.pid) - before) / requests * 1e6


def main():
    direct, pooled = os.environ["TEST_POSTGRES_URL"], os.environ["TEST_PGBOUNCER_URL"]
    kinds = {"session": (direct, "session"), "transaction, no pooler": (direct, "transaction"), "transaction, PgBouncer": (pooled, "transaction")}
    found, servers, images = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "post.lua"
        script.write_text(POST)
        for kind, (url, pooling) in kinds.items():
            name = f"bench_{secrets.token_hex(6)}"
            subprocess.run(["psql", direct, "-qc", f"CREATE DATABASE {name}"], check=True)
            own = pathlib.Path(folder) / kind.replace(" ", "")
            own.mkdir()
            unlimited = {"RATE_LIMIT_PER_SUBJECT": "0", "RATE_LIMIT_PER_ADDRESS": "0", "MAX_OPEN_UPLOADS_PER_USER": "1000000", "MAX_OPEN_UPLOADS_PER_OWNER": "1000000"}
            server = Server(own, DATABASE_URL=url.rpartition("/")[0] + "/" + name, DATABASE_POOLING=pooling, LOG_LEVEL="error", **unlimited).start()
            servers[kind] = server
            image, upload, _ = server.begin()
            etag = send("PUT", server.sign(image, upload, 1), {}, b"x").headers["ETag"]
            assert server.complete(image, upload, [(1, etag)]).status == 200
            images[kind] = image
        try:
            for _ in range(ROUNDS):
                for kind, server in servers.items():
                    for what, path, more in [
                        ("stream URL", f"/v1/images/{images[kind]}/stream-url", ()),
                        ("list", "/v1/images?limit=20", ()),
                        ("new upload", "/v1/images", ("-s", str(script))),
                    ]:
                        found.setdefault((what, kind), []).append(run(server, path, *more))
        finally:
            for server in servers.values():
                server.stop()
    for (what, kind), figures in sorted(found.items()):
        rate, cost = (statistics.median(column) for column in zip(*figures))
        print(f"{what:12} {kind:24} {rate:8.0f}/s {cost:8.0f} µs of the server's processor each")


main()
