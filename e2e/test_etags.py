"""Tests that an ETag of 32 digits is always the MD5 of the bytes and that every other ETag has a
hyphen. Clients such as rclone, s5cmd and s3cmd compare a 32-digit ETag with the MD5 and report a
mismatch as corruption. Covers every way in which an object is created."""

import hashlib
import json
import random
import re
import sqlite3

import boto3
import pytest
from botocore.config import Config

import backends
from datasets import Dataset
from server import Server, send
from sessions import Session, drawn, encoded
from test_files import MIB, as_they_are, begin, by_base64, complete, in_one_request
from test_import import put, record, run
from test_media import video
from test_spaces import Space

PART = 5 * MIB


@pytest.fixture(params=[("sqlite", "disk"), ("postgres", "s3")], ids="-".join)
def server(request, tmp_path):
    server = Server(tmp_path, MULTIPART_PART_SIZE_BYTES=str(PART), **backends.settings(*request.param))
    put(tmp_path / "old", "storage/alice/0123abcd_old.bin", b"imported", record(b"imported", user_id="alice"))
    code, said, log = run(server, tmp_path / "old")
    assert code == 0, (said, log)
    with server:
        yield server
        assert "panicked" not in server.log.read_text()


def reader(server):
    """Returns a client that can list and read everything: with the operator's credentials, or with
    the bucket's own."""
    if bucket := server.settings.get("S3_BUCKET"):
        return backends.s3_client(), bucket
    access_key, secret_key = server.credentials("operator")
    client = boto3.client(
        "s3", endpoint_url=server.s3, region_name="us-east-1", aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    return client, "tidegate"


def objects(server):
    """Returns the key and the ETag of every object. Checks that list, head and read agree and that
    the ETag matches the bytes."""
    (client, bucket), found = reader(server), {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", []):
            key, etag = one["Key"], one["ETag"]
            got = client.get_object(Bucket=bucket, Key=key)
            head = client.head_object(Bucket=bucket, Key=key)
            body = got["Body"].read()
            assert etag == got["ETag"] == head["ETag"], (key, etag, got["ETag"], head["ETag"])
            etag = etag.strip('"')
            if re.fullmatch(r"[0-9a-f]{32}", etag):
                assert etag == hashlib.md5(body).hexdigest(), f"{key}: its ETag {etag} is not its MD5"
            else:
                assert re.fullmatch(r"[0-9a-f]{32}-[1-9][0-9]*", etag), (key, etag)
            found[key] = etag
    return found


def disk(server, *bodies):
    image, upload, _ = server.begin()
    parts = [(number, send("PUT", server.sign(image, upload, number), {}, body).headers["ETag"]) for number, body in enumerate(bodies, 1)]
    assert server.complete(image, upload, parts).status == 200
    return image


def source_in_parts(dataset, bodies):
    new = {"name": "parts", "filename": "parts", "size": sum(map(len, bodies)), "multipart": True}
    target = dataset.call("POST", f"?{dataset.query()}", new, 201)
    assert target["partSize"] == len(bodies[0])
    at = f"/{target['id']}"
    urls = dataset.call("POST", f"{at}/parts", {"partNumbers": [1, 2]})["parts"]
    parts = [{"partNumber": number, "etag": send("PUT", one["url"], {}, body).headers["ETag"]} for number, (one, body) in enumerate(zip(urls, bodies), 1)]
    dataset.call("POST", f"{at}/confirm", {"parts": parts})
    return target["nodeId"]


def test_every_etag_is_true(server, tmp_path):
    disk(server, b"one part")
    disk(server, random.randbytes(PART), b"the end")
    for size in (1000, 3 * MIB + 12_345):
        for way in (by_base64, as_they_are, in_one_request):
            body = random.randbytes(size)
            upload, key, target = begin(server, f"{way.__name__}.bin", size)
            way(server, upload, body, target)
            assert complete(server, upload, sha256=hashlib.sha256(body).hexdigest()).status == 200
    space = Space(server)
    assert space.make(encoded(drawn(640, 400), "JPEG"))["status"] == "READY"
    session = Session(server)
    sent = [(encoded(drawn(640, 400), "PNG"), "image/png"), (video(tmp_path, "a.mp4", "-c:v", "libx264", "-c:a", "aac"), "video/mp4")]
    for data, kind in sent:
        assert session.make(data, kind)["status"] == "COMPLETED"
    dataset = Dataset(server)
    package = dataset.package("by put", b"a source of a package")
    source_in_parts(dataset, [random.randbytes(PART), b"the end"])
    asset = dataset.asset(package, "view/table.csv", b"1,2\n")
    found = objects(server)
    for prefix, at_least in {"images/": 2, "storage/": 7, "spaces/": 2, "sessions/": 8, "packages/": 2, "O": 1}.items():
        assert sum(key.startswith(prefix) for key in found) >= at_least, (prefix, sorted(found))
    assert asset["etag"].strip('"') == next(etag for key, etag in found.items() if key.startswith("O")), "also in the API"
    plain = [etag for etag in found.values() if "-" not in etag]
    assert hashlib.md5(b"a source of a package").hexdigest() in plain and hashlib.md5(b"1,2\n").hexdigest() in plain


def test_an_older_store_has_one_etag_for_each_object(make_server, tmp_path):
    """Records of an older version have 32-digit ETags without their kind; the rows hold the same
    ETags."""
    server = make_server()
    body = random.randbytes(3000)
    upload, key, target = begin(server, "old.bin", len(body))
    by_base64(server, upload, body, target)
    assert complete(server, upload).status == 200
    dataset = Dataset(server)
    package = dataset.package("source", b"a source")
    dataset.asset(package, "view/table.csv", b"1,2\n")
    image = disk(server, b"a disk")
    untouched = server.call("GET", f"/v1/images/{image}").json()
    server.stop()
    old = {}
    database = sqlite3.connect(server.folder / "data/tidegate.db")
    for (path,) in database.execute("SELECT object_key FROM objects WHERE state = 'READY' AND owner_kind <> 'disks'").fetchall():
        sidecar = server.folder / "data/store" / f"{path}.meta"
        stored = json.loads(sidecar.read_text())
        stored.pop("etag_is_md5", None)
        old[path] = stored["etag"] = random.randbytes(16).hex()
        sidecar.write_text(json.dumps(stored))
        database.execute("UPDATE objects SET etag = ? WHERE object_key = ?", (stored["etag"], path))
    # The state of the tables when this version opens them for the first time.
    database.execute("INSERT INTO etags_to_mark (stored_before) VALUES (CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + 1000000)")
    database.commit()
    database.close()
    assert len(old) == 3
    asset = next(path for path in old if path.startswith("O"))
    server.start()
    for _ in range(2):
        found = objects(server)
        assert {path: found[path] for path in old} == {path: f"{etag}-1" for path, etag in old.items()}
        shown = dataset.call("GET", f"/assets?{dataset.query(package_id=package)}")["assets"][0]
        assert shown["etag"].strip('"') == found[asset], shown
        url = server.call("GET", f"/v1/files/signed-url?key={key}").json()["url"]
        answer = send("GET", url)
        assert (answer.headers["ETag"], answer.body) == (f'"{old[key]}-1"', body)
        assert send("GET", url, {"If-None-Match": answer.headers["ETag"]}).status == 304
        assert server.call("GET", f"/v1/images/{image}").json() == untouched
        server.stop()
        server.start()
    new = dataset.asset(package, "view/new.csv", b"since then")
    assert new["etag"].strip('"') == hashlib.md5(b"since then").hexdigest()
