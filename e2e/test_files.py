"""Tests user files with the built binary, on a folder with SQLite and on a bucket with PostgreSQL.
"""

import base64
import hashlib
import io
import random
import shutil
import subprocess
import time
import urllib.parse
import zipfile

import backends
import pytest
from server import Server, send
from user_files import begin, complete, in_one_request

MIB = 1 << 20


@pytest.fixture(params=[("sqlite", "disk"), ("postgres", "s3")], ids="-".join)
def server(request, tmp_path):
    with Server(tmp_path, **backends.settings(*request.param)) as server:
        yield server
        assert "panicked" not in server.log.read_text()


def by_base64(server, upload, body, _):
    for number in range(0, len(body), MIB):
        chunk = base64.b64encode(body[number : number + MIB]).decode()
        part = {"uploadId": upload, "partNumber": number // MIB, "chunkBase64": chunk}
        assert server.call("POST", "/v1/files/part", body=part).status == 200


def as_they_are(server, upload, body, _):
    middle = len(body) // 3
    for number, piece in ((2, body[middle:]), (1, body[:middle])):
        answer = send("PUT", f"{server.api}/v1/files/part/{upload}/{number}", {"X-User-Id": "alice"}, piece)
        assert answer.status == 200, answer.body


@pytest.mark.parametrize("way", [by_base64, as_they_are, in_one_request])
def test_a_file_goes_in_and_out(server, way):
    body = random.randbytes(3 * MIB + 12_345)
    upload, key, target = begin(server, "data é.bin", len(body))
    way(server, upload, body, target)
    digest = hashlib.sha256(body).hexdigest()
    wrong = complete(server, upload, sha256="0" * 64)
    assert wrong.status == 400 and wrong.json()["detail"] == wrong.json()["error"]["message"]
    # The uploaded bytes stay; only the completion has to be repeated with the right hash.
    done = complete(server, upload, sha256=digest)
    assert done.json() == {"key": key, "size": len(body), "mime": "application/octet-stream", "sha256": digest, "status": "READY", "visibility": "public", "filename": "data é.bin", "folder": "main/pictures"}, done.body
    assert complete(server, upload, sha256=digest).json() == done.json()
    url = server.call("GET", f"/v1/files/signed-url?key={urllib.parse.quote(key)}").json()["url"]
    answer = send("GET", url)
    assert (answer.status, hashlib.sha256(answer.body).hexdigest()) == (200, digest)
    for _ in range(10):
        first = random.randrange(len(body))
        last = min(len(body) - 1, first + random.choice((0, 4095, MIB)))
        answer = send("GET", url, {"Range": f"bytes={first}-{last}"})
        assert (answer.status, answer.body) == (206, body[first : last + 1])
    assert server.call("GET", "/v1/files/usage").json()["used"] == len(body)
    assert server.call("DELETE", f"/v1/files/{urllib.parse.quote(key)}").status == 200
    assert send("GET", url).status == 404
    assert server.call("GET", "/v1/files/usage").json() == {"used": 0, "reserved": 0, "quota": 500 << 30, "files": 0}


def test_a_zip_that_every_program_reads(server, tmp_path):
    bodies = {f"file {number}.bin": random.randbytes(random.randrange(200_000)) for number in range(30)} | {"leer": b""}
    keys = []
    for name, body in bodies.items():
        upload, key, _ = begin(server, name, len(body))
        if body:
            assert send("PUT", f"{server.api}/v1/files/part/{upload}/1", {"X-User-Id": "alice"}, body).status == 200
        assert complete(server, upload).status == 200
        keys.append(key)
    made = server.call("POST", "/v1/files/batch-download", body={"keys": keys, "name": "all.zip"}).json()
    url = f"{server.api}/v1/files/batch-download/{made['token']}"
    whole = send("GET", url).body
    assert len(whole) == made["size"]
    # Downloads resume at any byte, also after a restart.
    server.stop()
    server.start()
    middle = random.randrange(len(whole))
    rest = send("GET", url, {"Range": f"bytes={middle}-"})
    assert (rest.status, rest.body) == (206, whole[middle:])
    archive = zipfile.ZipFile(io.BytesIO(whole))
    assert archive.testzip() is None
    assert {name.removeprefix("main/pictures/"): archive.read(name) for name in archive.namelist()} == bodies
    path = tmp_path / "all.zip"
    path.write_bytes(whole)
    for command in (["unzip", "-tq"], ["bsdtar", "-tf"], ["7z", "t"]):
        assert shutil.which(command[0]), f"{command[0]} is missing"
        done = subprocess.run([*command, path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_description_can_be_read_without_the_internet(server, tmp_path):
    assert shutil.which("chromium"), "chromium is missing"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/chromium", "--virtual-time-budget=15000"]
    for page, word in (("/redoc", "Begin uploads"), ("/docs/", "/v1/files/init")):
        done = subprocess.run([*command, "--dump-dom", server.api + page], capture_output=True, text=True, timeout=90)
        assert word in done.stdout, done.stderr[-2000:]
        assert "https://cdn" not in done.stdout


@pytest.mark.parametrize("database,store", [("sqlite", "disk"), ("postgres", "s3")])
def test_what_is_infected_is_never_read(tmp_path, database, store):
    host, port = backends.given("TEST_CLAMD").split(":")
    # Written in two halves, so that scanners do not report this file.
    eicar = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
    with Server(tmp_path, **backends.settings(database, store), CLAMAV_HOST=host, CLAMAV_PORT=port) as server:
        keys = {}
        for name, body in (("good.bin", b"good"), ("bad.bin", eicar)):
            upload, key, target = begin(server, name, len(body))
            in_one_request(server, upload, body, target)
            assert complete(server, upload).json()["status"] == "SCANNING"
            keys[name] = key
        deadline = time.monotonic() + 20
        while server.call("GET", "/v1/files/all?status=SCANNING").json()["total_count"] > 0:
            assert time.monotonic() < deadline, "it waits for ever"
            time.sleep(0.05)
        shown = {name: server.call("GET", f"/v1/files/metadata/{urllib.parse.quote(key)}").json() for name, key in keys.items()}
        assert (shown["good.bin"]["status"], shown["good.bin"]["scan"], shown["bad.bin"]["status"]) == ("READY", "clean", "REJECTED"), shown
        assert send("GET", f"{server.api}/{keys['good.bin']}").body == b"good"
        assert send("GET", f"{server.api}/{keys['bad.bin']}").status == 409
        assert server.call("GET", "/v1/files/usage").json() | {"quota": 0} == {"used": 4, "reserved": 0, "quota": 0, "files": 1}


def test_quotas_that_are_nearly_used_up_are_counted(tmp_path):
    with Server(tmp_path, PER_USER_QUOTA_GB="1") as server:
        for user, size in (("alice", 900 * MIB), ("bob", 700 * MIB)):
            begin(server, "a.bin", size, user)
        assert "\ntidegate_quotas_nearly_full 1\n" in send("GET", f"{server.api}/metrics").body.decode()
