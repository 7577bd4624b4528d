"""Tests datasets with real clients: Parquet read by columns, restores killed at each step, key
rotation, and presigned URLs of another signer."""

import hashlib
import io
import os
import pathlib
import re
import sqlite3
import stat
import subprocess
import time
import urllib.parse

import boto3
import pyarrow
import pyarrow.parquet
import pytest
from botocore.config import Config

import backends
from datasets import Dataset, Ranges
from server import BINARY, Server, send
from test_edge import browse, pages  # noqa: F401
from test_media_kills import end_traced, wait_for_end

COLUMNS, ROWS, GROUPS = 20, 40_000, 4


def table():
    numbers = {f"c{column}": [(row * 7919 + column) % 1_000_003 for row in range(ROWS)] for column in range(COLUMNS)}
    return pyarrow.table(numbers)


def parquet(content):
    out = io.BytesIO()
    pyarrow.parquet.write_table(content, out, row_group_size=ROWS // GROUPS, compression="none", use_dictionary=False)
    return out.getvalue()


def column_of(size, fetch, content, what):
    """Reads one column of a remote Parquet file."""
    file = Ranges(size, fetch)
    read = pyarrow.parquet.ParquetFile(pyarrow.PythonFile(file, "r")).read(columns=["c7"])
    assert read.column("c7").equals(content.column("c7"))
    taken = sum(end - begin for begin, end in file.asked)
    print(f"\n{what}: one column of {COLUMNS} in {len(file.asked)} ranges, {taken} of {size} bytes ({100 * taken / size:.1f} %)")
    # Only one of twenty columns and the footer are read.
    assert taken < size / 10 and GROUPS <= len(file.asked) <= 3 * GROUPS + 4, file.asked


@pytest.mark.parametrize("store", ["disk", "s3"])
def test_parquet_is_read_by_its_columns(make_server, store):
    server = make_server(**backends.settings("sqlite", store))
    content = table()
    data = parquet(content)
    dataset = Dataset(server)
    package = dataset.package("numbers.parquet", data)
    dataset.asset(package, "view/numbers.parquet", data)
    page = {"Origin": "https://viewer.example"}
    for more in ({}, {"path": "view/numbers.parquet"}):
        head = dataset.ask("HEAD", f"/presign/s3?{dataset.query(package_id=package, **more)}", headers=page)
        size = int(head.headers["Content-Length"])
        assert size == len(data) and head.headers["Access-Control-Allow-Origin"] == "*"

        def by_presign(range):
            return send("GET", dataset.presigned(package, **more), {"Range": range, **page})

        column_of(size, by_presign, content, f"{store}: /packages/presign/s3 {more.get('path', 'source file')}")
    # Through the edge, with cookies as a browser sends them.
    signed = dataset.ask("GET", f"/cloudfront/sign?{dataset.query(package_id=package, scope='prefix')}")
    cookie = "; ".join(line.split(";")[0] for line in signed.headers.get_all("Set-Cookie"))
    url = signed.json()["base_url"] + "view/numbers.parquet"
    head = send("HEAD", url, {"Cookie": cookie})
    assert head.headers["Accept-Ranges"] == "bytes" and head.headers["Content-Type"] == "application/vnd.apache.parquet"
    column_of(int(head.headers["Content-Length"]), lambda range: send("GET", url, {"Range": range, "Cookie": cookie}), content, f"{store}: edge with cookies")
    assert send("GET", url).status == 403


def test_a_page_of_another_origin_reads_ranges(make_server, tmp_path, pages):  # noqa: F811
    """In Chromium, as DuckDB and Arrow read files: by a URL signed for the edge, and through the
    proxy."""
    server = make_server()
    whole = bytes(range(256)) * 4000
    dataset = Dataset(server)
    package = dataset.package("p", whole)
    dataset.asset(package, "view/a.bin", whole)
    signed = dataset.call("GET", f"/cloudfront/sign?{dataset.query(package_id=package, path='view/a.bin')}")["signed_url"]
    proxied = f"{server.api}/packages/proxy/s3?" + urllib.parse.urlencode({"presigned_url": dataset.presigned(package)})
    for url, refused in ((signed, 403), (proxied, 400)):
        report = browse(pages, tmp_path, "127.0.0.1", url=url, api="", ranges="0-9,500000-599999")
        for first, last in ((0, 9), (500_000, 599_999)):
            status, place, etag, digest = report["ranges"][f"{first}-{last}"]
            assert (status, place) == (206, f"bytes {first}-{last}/{len(whole)}") and etag.startswith('"'), report
            assert digest == hashlib.sha256(whole[first : last + 1]).hexdigest()
        assert report["refused"] == refused, "a page may read why it was refused"


def rows(server, sql):
    if url := server.settings.get("DATABASE_URL"):
        return [tuple(row) for row in backends.psql(url, sql)]
    database = sqlite3.connect(f"file:{server.folder / 'data/tidegate.db'}?mode=ro", uri=True)
    try:
        return [tuple(str(cell) for cell in row) for row in database.execute(sql)]
    finally:
        database.close()


def check_tree(server, ids, what):
    """Checks that the tree is completely deleted, completely being restored, or completely restored
    with its bytes. Returns the state."""
    listed = ", ".join(f"'{id}'" for id in ids)
    states = {state for (state,) in rows(server, f"SELECT state FROM nodes WHERE node_id IN ({listed})")}
    assert len(states) == 1, (what, states)
    objects = rows(server, f"SELECT o.state, o.object_key FROM objects o JOIN nodes n ON n.id = o.node WHERE n.node_id IN ({listed})")
    assert {state for state, _ in objects} == states, (what, objects)
    if states == {"READY"}:
        store = server.folder / "data/store"
        assert all((store / key).exists() for _, key in objects), what
    counted = rows(server, "SELECT files, used FROM quotas WHERE owner_kind = 'dataset'")
    there = rows(server, "SELECT SUM(objects), SUM(bytes) FROM nodes WHERE state = 'READY'")
    assert counted == [tuple(cell or "0" for cell in there[0])], (what, counted, there)
    return states.pop()


# The calls that move bytes and rows back. KILLS=1 tries every call.
POINTS = {
    "sqlite": [("renameat2", range(1, 9)), ("fsync,fdatasync", range(8, 24, 3)), ("pwrite64", range(33, 150, 25))],
    "postgres": [("renameat2", range(1, 9)), ("sendto", range(60, 180, 12))],
}
if "KILLS" in os.environ:
    POINTS = {name: [(calls, range(1, 400)) for calls, _ in points] for name, points in POINTS.items()}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_restore_that_is_killed_at_each_step(make_server, tmp_path, database):
    server = make_server(SURFACES="disks, packages", SHUTDOWN_GRACE_SECONDS="1", **backends.settings(database, "disk"))
    dataset = Dataset(server)
    top = dataset.collection("A")
    below = dataset.collection("B", top)
    one, two = dataset.package("one", b"1", below), dataset.package("two", b"22", top)
    dataset.asset(one, "view.json", b"{}")
    # The name is taken when the collection is restored.
    dataset.collection("A (1)")
    ids, table = [top, below, one, two], []
    command = server.command
    for calls, numbers in POINTS[database]:
        for number in numbers:
            assert dataset.change("delete", top)["success"] == [top]
            taken = dataset.collection("A")
            # Wait until the bytes are unpublished, so that there is something to restore.
            deadline = time.monotonic() + 30
            while subprocess.run(["find", server.folder / "data/store/packages", "-type", "f"], capture_output=True).stdout:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            server.stop()
            inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
            with open(server.log, "ab") as log:
                killed = subprocess.Popen([*inject, BINARY, "serve"], env=server.settings, cwd=tmp_path, stdout=log, stderr=log)
            asked, ended, deadline = False, None, time.monotonic() + 20
            while ended is None and time.monotonic() < deadline:
                ended = wait_for_end(killed, 0.02)
                try:
                    if ended is None and not asked and send("GET", f"{server.api}/readyz", timeout=2).status == 200:
                        asked = True
                        dataset.change("restore", top)
                    if ended is None and asked and dataset.node(top)["status"] == "READY":
                        break
                except (OSError, ValueError, AssertionError):
                    pass
            if ended is None:
                end_traced(killed)
            left = check_tree(server, ids, (calls, number))
            table.append((calls, number, left.lower() if ended is not None else f"{left.lower()}, not hit"))
            if url := server.settings.get("DATABASE_URL"):
                # Expire the leases, as if the half minute had passed after which another server
                # takes over.
                backends.psql(url, "UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL")
            server.command = command
            server.start()
            if left == "DELETED":
                answer = dataset.change("restore", top)
                assert answer["success"] == [top] or "restored" in answer["failures"][0]["error"], answer
            for id in ids:
                dataset.wait(id)
            assert check_tree(server, ids, (calls, number, "after a start")) == "READY"
            assert [node["name"] for node in dataset.children(top)] == ["B", "two"]
            assert send("GET", dataset.presigned(one)).body == b"1" and send("GET", dataset.presigned(two)).body == b"22"
            # Delete the collection that took the name, so that the original name is free again.
            assert dataset.change("delete", taken)["success"] == [taken]
            if ended is None:
                break
    for calls in dict.fromkeys(calls for calls, _, _ in table):
        print(f"\n{database}, {calls}: " + ", ".join(f"{number} {left}" for name, number, left in table if name == calls))
    hit = [left for _, _, left in table if "not hit" not in left]
    assert "restoring" in hit and len(hit) >= len(table) - len(POINTS[database]), table


def s3_client(**more):
    """Returns an S3 client that presigns with version 4, which is not boto3's default."""
    credentials = {"aws_access_key_id": backends.given("TEST_S3_ACCESS_KEY"), "aws_secret_access_key": backends.given("TEST_S3_SECRET_KEY")}
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=backends.given("TEST_GARAGE_URL"), region_name="us-east-1", config=config, **(credentials | more))


def test_a_url_that_another_program_presigned(make_server, tmp_path):
    shared = backends.settings("sqlite", "s3")
    server = make_server(**shared)
    client, bucket = s3_client(), shared["S3_BUCKET"]
    client.put_object(Bucket=bucket, Key="elsewhere/a b.parquet", Body=b"0123456789", ContentType="application/vnd.apache.parquet")
    client.put_object(Bucket=bucket, Key="elsewhere/empty", Body=b"")
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "elsewhere/a b.parquet"}, ExpiresIn=60)
    proxy = f"{server.api}/packages/proxy/s3?presigned_url="
    asked = proxy + urllib.parse.quote(url, safe="")
    on = send("GET", asked, {"Origin": "https://viewer.example"})
    assert (on.status, on.headers["Access-Control-Allow-Origin"]) == (307, "*")
    assert send("GET", on.headers["Location"], {"Range": "bytes=3-5"}).body == b"345"
    head = send("HEAD", asked)
    assert (head.status, head.headers["Content-Length"], head.headers["Content-Type"]) == (200, "10", "application/vnd.apache.parquet")
    assert head.headers["ETag"] == client.head_object(Bucket=bucket, Key="elsewhere/a b.parquet")["ETag"]
    empty = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "elsewhere/empty"}, ExpiresIn=60)
    head = send("HEAD", proxy + urllib.parse.quote(empty, safe=""))
    assert (head.status, head.headers["Content-Length"]) == (200, "0")
    # Signed with an unknown key, for another method, too late, or for another bucket.
    stranger = s3_client(aws_access_key_id="GKother", aws_secret_access_key="0" * 64)
    forged = stranger.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "elsewhere/a b.parquet"}, ExpiresIn=60)
    put = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "elsewhere/new"}, ExpiresIn=60)
    for wrong in (forged, put):
        assert send("HEAD", proxy + urllib.parse.quote(wrong, safe="")).status == 403, wrong
    older = boto3.client("s3", endpoint_url=backends.given("TEST_GARAGE_URL"), region_name="us-east-1", aws_access_key_id="GK", aws_secret_access_key="x", config=Config(signature_version="s3"))
    older = older.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "elsewhere/empty"}, ExpiresIn=60)
    assert b"AWS4-HMAC-SHA256" in send("GET", proxy + urllib.parse.quote(older, safe="")).body, "signatures of version 2"
    brief = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "elsewhere/empty"}, ExpiresIn=1)
    time.sleep(1.2)
    assert b"expired" in send("GET", proxy + urllib.parse.quote(brief, safe="")).body
    other = client.generate_presigned_url("get_object", {"Bucket": backends.new_bucket(), "Key": "x"}, ExpiresIn=60)
    refused = send("GET", proxy + urllib.parse.quote(other, safe=""))
    assert refused.status == 400 and b"PROXY_ALLOWED_BUCKETS" in refused.body and refused.headers["Location"] is None


def keys(server, *words):
    done = subprocess.run([BINARY, "keys", *words], env=server.settings, cwd=server.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_keys_rotate_while_servers_run(make_server, tmp_path):
    # Longer than the edge's interval below, because a busy machine can be a second late.
    server = make_server(EDGE_KEYS_REFRESH_SECONDS="2")
    folder = server.folder / "data/keys/cloudfront"
    (tmp_path / "edge").mkdir()
    # A stand-alone edge that reads the same keys.
    edge = Server(tmp_path / "edge", EDGE_URL=server.edge, EDGE_KEYS=str(folder), UPLOAD_ROOT=str(server.folder / "data/store"), EDGE_KEYS_REFRESH_SECONDS="1")
    edge.command = [BINARY, "edge"]
    dataset = Dataset(server)
    package = dataset.package("p", b"x")
    dataset.asset(package, "a", b"asset")

    def signed():
        return dataset.call("GET", f"/cloudfront/sign?{dataset.query(package_id=package, path='a')}")["signed_url"]

    with edge:
        def opens(url):
            there = url.replace(server.edge, edge.edge)
            host = {"Host": server.edge.split("//")[1]}
            return {send("GET", url).status, send("GET", there, host).status}

        first = signed()
        old = re.search("Key-Pair-Id=(.*)", first).group(1)
        assert opens(first) == {200}
        made = keys(server, "generate", "--kind", "p256")
        new = made.split()[0]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        listed = keys(server, "list")
        assert re.search(rf"^{old} .* signs$", listed, re.M) and re.search(rf"^{new} +p256 .* signs in \d s$", listed, re.M), listed
        deadline = time.monotonic() + 30
        while f"Key-Pair-Id={new}" not in (url := signed()):
            # Every edge must accept every URL, whenever it was signed.
            assert opens(url) == {200} and time.monotonic() < deadline
            time.sleep(0.05)
        assert opens(url) == {200} and opens(first) == {200}
        assert re.search(rf"^{new} .* signs$", keys(server, "list"), re.M)
        for ending in (".pem", ".pub.pem"):
            (folder / f"{old}{ending}").unlink()
        deadline = time.monotonic() + 30
        while opens(first) != {403}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert opens(signed()) == {200}
    elsewhere = pathlib.Path(tmp_path / "made")
    made = keys(server, "generate", "--folder", str(elsewhere)).split()[0]
    check = subprocess.run(["openssl", "pkey", "-in", elsewhere / f"{made}.pem", "-pubout"], capture_output=True, check=True)
    assert check.stdout == (elsewhere / f"{made}.pub.pem").read_bytes()
    assert "not what the server signs with" in keys(server, "list", "--folder", str(elsewhere))
