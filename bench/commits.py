"""Measures requests that end in a commit, on PostgreSQL with many clients: an upload is created, an
upload in parts is completed, and a file is published. There is no comparison, because no peer has
them; with `BEFORE` set to another build of the server, both are measured in alternating rounds."""

import json
import os
import pathlib
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor

# First, because it makes the modules of `e2e` importable.
from shared import ROOT, ROUNDS, Run, row, shown, write_table
import backends
from server import Server, send

CLIENTS = 32
SECONDS = 4
# More than are answered in that time; a round that uses them up is an error.
PREPARED = 6_000
BATCH = 500
SETTINGS = {"LOG_LEVEL": "error", "RATE_LIMIT_PER_ADDRESS": "0", "RATE_LIMIT_PER_SUBJECT": "0", "SURFACES": "disks,files"}

# Sends each line of a file once: a path and a body.
ONCE = """
local lines, at = {}, 0
for line in io.lines("%(list)s") do lines[#lines + 1] = line end
wrk.headers["X-User-Id"] = "alice"
wrk.headers["Content-Type"] = "application/json"
request = function()
  at = at + 1
  local line = lines[at] or lines[#lines]
  local tab = line:find("\\t", 1, true)
  return wrk.format("POST", line:sub(1, tab - 1), nil, line:sub(tab + 1))
end
"""


def drive(server, folder, lines):
    listing, script = folder / "lines", folder / "once.lua"
    listing.write_text("\n".join(lines))
    script.write_text(ONCE % {"list": listing})
    run = Run([server.process.pid], ["-s", script, server.api], connections=CLIENTS, seconds=SECONDS)
    if run.total >= len(lines) and len(lines) > 1:
        raise RuntimeError("all that was prepared is used up; prepare more")
    return run.rate


def in_parallel(work, count):
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, range(count)))


def prepared_images(server):
    """Returns the completions of uploads that have their one part."""

    def one(_):
        image, upload, _ = server.begin()
        etag = send("PUT", server.sign(image, upload, 1), {}, b"x").headers["ETag"].strip('"')
        body = {"uploadId": upload, "parts": [{"partNumber": 1, "etag": etag}]}
        return f"/v1/images/{image}/complete\t{json.dumps(body)}"

    return in_parallel(one, PREPARED)


def prepared_files(server):
    """Returns the completions of files that were put."""
    begun = []
    for start in range(0, PREPARED, BATCH):
        files = [{"name": f"{start + n}.bin", "size": 1} for n in range(BATCH)]
        begun += server.call("POST", "/v1/files/init", body={"mode": "batch", "folder": "bench", "files": files}).json()["uploads"]

    def one(number):
        upload = begun[number]
        send(upload["method"], upload["url"], upload["headers"], b"x")
        return f"/v1/files/complete\t{json.dumps({'uploadId': upload['uploadId']})}"

    return in_parallel(one, PREPARED)


CASES = {
    "create": lambda server: ["/v1/images\t{}"],
    "complete": prepared_images,
    "publish": prepared_files,
}


def commits(folder):
    folder.mkdir(exist_ok=True)
    builds = {"here": os.environ["TIDEGATE"]}
    if before := os.environ.get("BEFORE"):
        builds = {"before": before, **builds}
    for case, prepare in CASES.items():
        rates = {name: [] for name in builds}
        for number in range(ROUNDS):
            for name, binary in builds.items():
                place = folder / f"{case}-{name}-{number}"
                place.mkdir()
                server = Server(place, **backends.settings("postgres", "disk"), **SETTINGS)
                server.command = [binary, "serve"]
                with server:
                    rates[name].append(drive(server, place, prepare(server)))
        before = rates.get("before")
        ratio = f"{statistics.median(rates['here']) / statistics.median(before):.1f}" if before else ""
        row(f"postgres: {case}, {CLIENTS} clients: per second", shown(rates["here"]), f"before {shown(before)}" if before else "", ratio)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        commits(pathlib.Path(place))
    write_table("bench-commits.md")
