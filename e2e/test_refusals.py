"""Tests what the built binary refuses: invalid presigned requests of every kind, and unsafe
configurations at start."""

import datetime
import subprocess
from unittest import mock

import boto3
import botocore.auth
import pytest
from botocore.config import Config

from server import BINARY, Server, send


def presigner(server, which="presign"):
    """Returns a botocore client with the server's credentials, to sign requests that the server
    never signs."""
    access_key, secret_key = server.credentials(which)
    return boto3.client(
        "s3",
        endpoint_url=server.s3,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )


def open_upload(server):
    image, upload, _ = server.begin()
    key = server.sign(image, upload, 1).split("/tidegate/")[1].split("?")[0]
    return image, upload, key


def part_url(server, key, upload, number=1, expires=600, at=None, **more):
    parameters = {"Bucket": "tidegate", "Key": key, "UploadId": upload, "PartNumber": number, **more}
    make = lambda: presigner(server).generate_presigned_url("upload_part", parameters, ExpiresIn=expires)
    if at is None:
        return make()
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=at):
        return make()


def test_presigned_parts_of_the_wrong_time(server):
    image, upload, key = open_upload(server)
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for hours, expires, message in ((-2, 3600, b"expired"), (2, 3600, b"RequestTimeTooSkewed"), (-200, 604_800, b"expired")):
        url = part_url(server, key, upload, expires=expires, at=now + datetime.timedelta(hours=hours))
        answer = send("PUT", url, {}, b"x")
        assert (answer.status, message in answer.body) == (403, True), (hours, answer.status, answer.body)
    assert send("PUT", part_url(server, key, upload, expires=604_801), {}, b"x").status == 400
    assert send("PUT", part_url(server, key, upload), {}, b"x").status == 200, "the signer is right"
    parts = server.call("GET", f"/v1/images/{image}/parts").json()
    assert [part["size"] for part in parts] == [1]


def test_presigned_parts_for_something_else(server):
    image, upload, key = open_upload(server)
    _, other_upload, other_key = open_upload(server)
    for wrong in (
        part_url(server, key, other_upload),
        part_url(server, other_key, upload),
        part_url(server, key, "f" * 32),
        part_url(server, key, "../../etc"),
        part_url(server, "images/x", upload),
        part_url(server, "../escape", upload),
        part_url(server, "a/../../escape", upload),
        part_url(server, ".uploads/x", upload),
        part_url(server, key + "/../x", upload),
        part_url(server, "%2e%2e/x", upload),
        part_url(server, "\u0001", upload),
    ):
        answer = send("PUT", wrong, {}, b"x")
        assert answer.status in (400, 403, 404), (wrong, answer.status, answer.body)
    for number in (0, 10_001, -1):
        answer = send("PUT", part_url(server, key, upload, number), {}, b"x")
        assert answer.status == 400, (number, answer.status, answer.body)
    client = presigner(server)
    for operation, parameters in {
        "put_object": {"Key": ".incoming/x"},
        "delete_object": {"Key": key},
        "complete_multipart_upload": {"Key": key, "UploadId": upload},
        "create_multipart_upload": {"Key": key},
        "list_objects_v2": {},
        "get_object": {"Key": key},
    }.items():
        method = {"put": "PUT", "delete": "DELETE", "complete": "POST", "create": "POST"}.get(operation.split("_")[0], "GET")
        url = client.generate_presigned_url(operation, {"Bucket": "tidegate", **parameters}, ExpiresIn=60)
        answer = send(method, url, {}, b"" if method in ("PUT", "POST") else None)
        assert answer.status in (403, 404), (operation, answer.status, answer.body)
    assert server.call("GET", f"/v1/images/{image}/parts").json() == []
    parts = client.generate_presigned_url("list_parts", {"Bucket": "tidegate", "Key": key, "UploadId": upload}, ExpiresIn=60)
    send("PUT", part_url(server, key, upload), {}, b"x")
    listed = send("GET", parts)
    assert (listed.status, b"<PartNumber>1</PartNumber>" in listed.body) == (200, True), listed.body


def test_a_checksum_signed_into_the_query_is_verified(server):
    image, upload, key = open_upload(server)
    url = part_url(server, key, upload)
    # As the JavaScript SDK signs it without the body: with the CRC of an empty body.
    empty = part_url(server, key, upload, ChecksumCRC32="AAAAAA==")
    headers = {"x-amz-checksum-crc32": "AAAAAA=="} if "x-amz-checksum-crc32=" not in empty else {}
    answer = send("PUT", empty, headers, b"123456789")
    assert (answer.status, b"BadDigest" in answer.body) == (400, True), answer.body
    right = part_url(server, key, upload, ChecksumCRC32="y/Q5Jg==")
    headers = {"x-amz-checksum-crc32": "y/Q5Jg=="} if "x-amz-checksum-crc32=" not in right else {}
    assert send("PUT", right, headers, b"123456789").status == 200
    assert send("PUT", url, {"x-amz-checksum-crc32": "AAAAAA=="}, b"123456789").status == 400
    assert [p["size"] for p in server.call("GET", f"/v1/images/{image}/parts").json()] == [9]


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"AUTH_MODE": "dev", "BIND_HOST": "0.0.0.0"}, ["BIND_HOST", "loopback", "AUTH_ALLOW_INSECURE_REMOTE"]),
        ({"AUTH_MODE": "none", "PUBLIC_BASE_URL": "https://x.test"}, ["PUBLIC_BASE_URL", "loopback"]),
        ({"S3_BUCKET": "b", "UPLOAD_ROOT": "/x", "DATABASE_URL": "mysql://u:hunter2@h/d"}, ["UPLOAD_ROOT", "DATABASE_URL"]),
        ({"PORT": "x", "EDGE_PORT": "y"}, ["PORT=", "EDGE_PORT="]),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_settings_that_must_not_start(tmp_path, settings, says, command):
    server = Server(tmp_path)
    done = subprocess.run([BINARY, command], env={**server.settings, **settings}, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2, done
    for word in says:
        assert word in done.stderr, done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert not (tmp_path / "data").exists(), "nothing is written"


def test_a_taken_port_and_a_taken_folder_are_said(server, tmp_path):
    second = subprocess.run([BINARY, "serve"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and "can't listen on" in second.stderr, second
    elsewhere = {**server.settings, "PORT": "0", "EDGE_PORT": "0", "S3_PORT": "0"}
    third = subprocess.run([BINARY, "serve"], env=elsewhere, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert third.returncode == 1 and "in use by another server" in third.stderr, third


def test_check_says_what_it_understood_and_no_secret(tmp_path):
    server = Server(tmp_path, S3_OPERATOR_ACCESS_KEY="OPERATOR12345678", S3_OPERATOR_SECRET_KEY="hunter2" * 6)
    done = subprocess.run([BINARY, "check"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "the settings are fine" in done.stdout, done
    assert "hunter2" not in done.stdout


def check(server, **settings):
    """Runs `tidegate check` with the settings of a server and others."""
    return subprocess.run([BINARY, "check"], env={**server.settings, **settings}, cwd=server.folder, capture_output=True, text=True, timeout=20)


def test_check_says_who_reads_the_metrics_and_refuses_a_port_twice(tmp_path):
    server = Server(tmp_path)
    assert "metrics      /metrics of the API, for this machine" in check(server).stdout
    production = {"ENV": "prod", "SURFACES": "files", "UPLOAD_SIGNING_KEY": "0123456789abcdef" * 2}
    done = check(server, **production)
    assert done.returncode == 0 and "metrics      nobody can read them: METRICS_PORT is off" in done.stdout, done
    done = check(server, **production, METRICS_PORT="39123")
    assert done.returncode == 0 and "metrics      /metrics on port 39123 (METRICS_PORT)" in done.stdout, done
    for other in ("PORT", "S3_PORT", "EDGE_PORT"):
        done = check(server, METRICS_PORT=str(server.ports[other]))
        assert done.returncode != 0 and f"METRICS_PORT=\"{server.ports[other]}\": give another port than {other} has" in done.stderr, done


def test_a_low_limit_of_open_files_is_said_with_the_right_one(tmp_path):
    server = Server(tmp_path)
    server.command = ["sh", "-c", 'ulimit -n 4000 && exec "$0" serve', str(BINARY)]
    with server:
        assert "1000 connections for each door; the 10000 of MAX_CONNECTIONS need `ulimit -n 40000`" in server.log.read_text()


def test_keys_are_kept_and_kept_private(server, tmp_path):
    data = tmp_path / "data"
    paths = [data, data / "keys", *(data / "keys").rglob("*")]
    modes = {path.relative_to(data).as_posix(): oct(path.stat().st_mode & 0o777) for path in paths}
    assert modes.pop(".") == "0o700" and modes.pop("keys") == "0o700" and modes.pop("keys/cloudfront") == "0o700"
    assert len(modes) == 5 and set(modes.values()) == {"0o600"}, modes
    image, upload, _ = server.begin()
    etag = send("PUT", server.sign(image, upload, 1), {}, b"x").headers["ETag"]
    server.complete(image, upload, [(1, etag)])
    url, cookies = server.stream(image)
    server.stop()
    server.start()
    assert send("GET", url, {"Cookie": cookies}).status == 200, "a grant outlives a restart"


def test_running_requests_finish_when_the_server_stops(server):
    import socket
    import threading

    image, upload, part_size = server.begin()
    url = server.sign(image, upload, 1)
    path = url.removeprefix(server.s3)
    body = b"z" * 3_000_000
    answer = []

    def slowly():
        with socket.create_connection(("127.0.0.1", server.ports["S3_PORT"])) as connection:
            head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.ports['S3_PORT']}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode())
            for start in range(0, len(body), 300_000):
                connection.sendall(body[start : start + 300_000])
                threading.Event().wait(0.1)
            answer.append(connection.recv(4096))

    client = threading.Thread(target=slowly)
    client.start()
    threading.Event().wait(0.3)
    assert server.stop() == 0
    client.join()
    assert answer[0].startswith(b"HTTP/1.1 200"), answer
    server.start()
    assert server.call("GET", f"/v1/images/{image}/parts").json()[0]["size"] == len(body)
