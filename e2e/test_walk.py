"""Tests the main path with curl and boto3 against the built binary."""

import hashlib
import os
import random
import signal
import subprocess
import threading
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from boto3.s3.transfer import TransferConfig

from server import send

MIB = 1 << 20


def random_file(path, size):
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        left = size
        while left:
            chunk = os.urandom(min(left, 4 * MIB))
            file.write(chunk)
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def curl(*arguments, cwd):
    done = subprocess.run(["curl", "-sS", "--max-time", "120", *arguments], cwd=cwd, capture_output=True, check=True)
    return done.stdout


def curl_put(server, image, upload, number, path, cwd):
    headers = curl("-D", "-", "-o", "/dev/null", "-X", "PUT", "--upload-file", str(path), server.sign(image, upload, number), cwd=cwd)
    lines = headers.decode().lower().split("\r\n")
    assert any(line.startswith("http/1.1 200") for line in lines), headers
    return next(line.split(": ")[1] for line in lines if line.startswith("etag: "))


def sha256_of(*arguments, cwd):
    """Computes the SHA-256 of a download while it streams."""
    client = subprocess.Popen(["curl", "-sS", "--fail", *arguments], cwd=cwd, stdout=subprocess.PIPE)
    digest = hashlib.sha256()
    while chunk := client.stdout.read(MIB):
        digest.update(chunk)
    assert client.wait() == 0
    return digest.hexdigest()


def operator(server, **config):
    access_key, secret_key = server.credentials("operator")
    return boto3.client(
        "s3",
        endpoint_url=server.s3,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4", retries={"max_attempts": 1}, **config),
    )


def key_of(server, image):
    url, _ = server.stream(image)
    return url.removeprefix(server.edge + "/")


def test_300_mib_in_parts_through_every_mishap(server, tmp_path):
    """Uploads out of order, sends one part twice, kills the client during a part, and kills and
    restarts the server during another."""
    size, part = 300 * MIB, 64 * MIB
    wanted = random_file(tmp_path / "disk.img", size)
    image, upload, part_size = server.begin(name="win98.img", size=size)
    assert part_size == part
    count = -(-size // part)
    for number in range(1, count + 1):
        with open(tmp_path / "disk.img", "rb") as source, open(tmp_path / f"part{number}", "wb") as target:
            source.seek((number - 1) * part)
            target.write(source.read(part))
    etags = {}
    etags[4] = curl_put(server, image, upload, 4, tmp_path / "part4", tmp_path)
    etags[1] = curl_put(server, image, upload, 1, tmp_path / "part2", tmp_path)  # the wrong bytes, acknowledged

    # Kill the client during a part.
    url = server.sign(image, upload, 2)
    slow = subprocess.Popen(["curl", "-sS", "--limit-rate", "8M", "-X", "PUT", "--upload-file", tmp_path / "part2", url])
    threading.Event().wait(0.7)
    slow.send_signal(signal.SIGKILL)
    slow.wait()
    listed = {p["partNumber"] for p in server.call("GET", f"/v1/images/{image}/parts").json()}
    assert listed == {1, 4}, "half a part is none"

    # Kill the server during a part.
    url = server.sign(image, upload, 3)
    slow = subprocess.Popen(["curl", "-s", "--limit-rate", "20M", "-X", "PUT", "--upload-file", tmp_path / "part3", url])
    threading.Event().wait(0.7)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    assert slow.wait() != 0
    server.start()

    # A client without any state continues from the list of parts.
    listed = {p["partNumber"]: p["etag"] for p in server.call("GET", f"/v1/images/{image}/parts").json()}
    assert listed == {1: etags[1], 4: etags[4]}
    for number in (5, 3, 2, 1):  # part 1 again, with the right bytes
        etags[number] = curl_put(server, image, upload, number, tmp_path / f"part{number}", tmp_path)
    done = server.complete(image, upload, sorted(etags.items(), reverse=True))
    assert done.status == 200, done.body
    assert done.json()["size"] == size
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    assert server.complete(image, upload, etags.items()).json() == done.json(), "the same answer after a crash"

    url, cookies = server.stream(image)
    assert sha256_of("-H", f"Cookie: {cookies}", url, cwd=tmp_path) == wanted
    fallback = f"{server.api}/v1/images/{image}/range"
    assert sha256_of("-H", "X-User-Id: alice", fallback, cwd=tmp_path) == wanted
    body = operator(server).get_object(Bucket="tidegate", Key=key_of(server, image))["Body"]
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(MIB):
        digest.update(chunk)
    assert digest.hexdigest() == wanted
    server.stop()
    server.settings["CLOUDFRONT_AUTH_MODE"] = "url"
    server.start()
    url, _ = server.stream(image)
    assert sha256_of(url, cwd=tmp_path) == wanted
    with open(tmp_path / "disk.img", "rb") as source:
        for _ in range(50):
            start = random.randrange(size)
            end = min(size, start + random.randrange(1, 300_000))
            source.seek(start)
            answer = send("GET", url, {"Range": f"bytes={start}-{end - 1}"})
            assert (answer.status, answer.body) == (206, source.read(end - start))


def test_a_sparse_image_of_5_gib(server, tmp_path):
    """Reads 100 random ranges beyond a 32-bit length, with little memory."""
    size = 5 << 30
    image_file = tmp_path / "sparse.img"
    with open(image_file, "wb") as file:
        file.truncate(size)
        places = sorted(random.sample(range(0, size - 4096), 200))
        for place in places:
            file.seek(place)
            file.write(os.urandom(4096))
    image, upload, part_size = server.begin(size=size)
    etags = []
    for number in range(1, -(-size // part_size) + 1):
        with open(image_file, "rb") as file:
            file.seek((number - 1) * part_size)
            answer = send("PUT", server.sign(image, upload, number), {"Content-Type": "application/octet-stream"}, file.read(part_size))
        assert answer.status == 200, answer.body
        etags.append((number, answer.headers["ETag"]))
    assert server.complete(image, upload, etags).json()["size"] == size
    url, cookies = server.stream(image)
    with open(image_file, "rb") as file:
        for index in range(100):
            start = random.choice(places) - 100 if index % 2 else random.randrange(size - 70_000)
            start = max(0, start)
            length = random.randrange(1, 65_536)
            file.seek(start)
            answer = send("GET", url, {"Range": f"bytes={start}-{start + length - 1}", "Cookie": cookies})
            assert (answer.status, answer.body) == (206, file.read(length))
    peak = server.memory("VmHWM")
    print(f"server memory at its highest: {peak:.0f} MiB")
    assert peak < 150


def test_the_operator_reads_and_changes_nothing(server, tmp_path):
    image, upload, _ = server.begin()
    etag = send("PUT", server.sign(image, upload, 1), {}, b"0123456789").headers["ETag"]
    server.complete(image, upload, [(1, etag)])
    client, key = operator(server), key_of(server, image)
    assert [b["Name"] for b in client.list_buckets()["Buckets"]] == ["tidegate"]
    client.head_bucket(Bucket="tidegate")
    page = client.list_objects_v2(Bucket="tidegate", Prefix="images/alice/")
    assert [(o["Key"], o["Size"]) for o in page["Contents"]] == [(key, 10)]
    folders = client.list_objects_v2(Bucket="tidegate", Delimiter="/")
    assert [p["Prefix"] for p in folders["CommonPrefixes"]] == ["images/"]
    head = client.head_object(Bucket="tidegate", Key=key)
    assert (head["ContentLength"], head["ETag"]) == (10, server.complete(image, upload, [(1, etag)]).json()["etag"])
    part = client.get_object(Bucket="tidegate", Key=key, Range="bytes=3-5")
    assert (part["Body"].read(), part["ContentRange"]) == (b"345", "bytes 3-5/10")
    client.download_file("tidegate", key, str(tmp_path / "copy"), Config=TransferConfig(multipart_threshold=1))
    assert (tmp_path / "copy").read_bytes() == b"0123456789"
    for name, arguments in {
        "put_object": {"Key": "images/x", "Body": b"x"},
        "delete_object": {"Key": key},
        "create_multipart_upload": {"Key": "images/x"},
        "copy_object": {"Key": "images/y", "CopySource": f"tidegate/{key}"},
        "upload_part": {"Key": key, "UploadId": upload, "PartNumber": 1, "Body": b"x"},
        "put_bucket_cors": {"CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}},
    }.items():
        try:
            getattr(client, name)(Bucket="tidegate", **arguments)
        except client.exceptions.ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status in (403, 405, 411, 501), (name, error)
        else:
            raise AssertionError(f"{name} was allowed")
    assert client.get_object(Bucket="tidegate", Key=key)["Body"].read() == b"0123456789"
    for bucket in ("other", "tidegate.evil"):
        try:
            client.list_objects_v2(Bucket=bucket)
        except client.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404), error
        else:
            raise AssertionError(bucket)
    presigned = client.generate_presigned_url("get_object", {"Bucket": "tidegate", "Key": key}, ExpiresIn=60)
    assert send("GET", presigned).body == b"0123456789"
    long = client.generate_presigned_url("get_object", {"Bucket": "tidegate", "Key": key}, ExpiresIn=691_200)
    answer = send("GET", long)
    assert (answer.status, b"AuthorizationQueryParametersError" in answer.body) == (400, True), answer.body


def test_conditions_that_an_sdk_signs(server):
    """SDKs also sign the headers of conditions and ranges; they count byte for byte, in any form.
    """
    image, upload, _ = server.begin(contentType="text/plain")
    etag = send("PUT", server.sign(image, upload, 1), {}, b"0123456789").headers["ETag"]
    whole = server.complete(image, upload, [(1, etag)]).json()["etag"]
    client, key = operator(server), key_of(server, image)

    def ask(**how):
        try:
            answer = client.get_object(Bucket="tidegate", Key=key, **how)
            return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()
        except client.exceptions.ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]

    for how, wanted in [
        ({"Range": "bytes=3-5"}, (206, b"345")),
        ({"Range": "bytes=0-1,4-5"}, (200, b"0123456789")),
        ({"Range": "bytes=5-4"}, (200, b"0123456789")),
        ({"Range": "items=0-1"}, (200, b"0123456789")),
        ({"Range": "bytes=10-"}, (416, "InvalidRange")),
        ({"IfMatch": whole, "Range": "bytes=0-0"}, (206, b"0")),
        ({"IfMatch": '"other"'}, (412, "PreconditionFailed")),
        ({"IfNoneMatch": f'"other", W/{whole}'}, (304, "304")),
        ({"IfNoneMatch": '"other"'}, (200, b"0123456789")),
    ]:
        assert ask(**how) == wanted, how
    head = client.head_object(Bucket="tidegate", Key=key, Range="bytes=0-1", IfMatch=whole)
    assert (head["ResponseMetadata"]["HTTPStatusCode"], head["ContentLength"], head["ETag"]) == (200, 10, whole), "ranges are for GET"
    for how, status in [({"IfMatch": '"other"'}, 412), ({"IfNoneMatch": f"W/{whole}"}, 304), ({"IfModifiedSince": head["LastModified"]}, 304)]:
        with pytest.raises(client.exceptions.ClientError) as refused:
            client.head_object(Bucket="tidegate", Key=key, **how)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status, how
    named = {"ResponseContentType": "text/csv", "ResponseContentDisposition": 'attachment; filename="a.csv"', "ResponseCacheControl": "no-store"}
    told = client.get_object(Bucket="tidegate", Key=key, **named)
    assert (told["ContentType"], told["ContentDisposition"], told["CacheControl"]) == tuple(named.values())
    url = client.generate_presigned_url("get_object", {"Bucket": "tidegate", "Key": key, **named}, ExpiresIn=60)
    assert send("GET", url).headers["Content-Type"] == "text/csv"
    assert send("GET", url.replace("csv", "html")).status == 403, "what is asked for is signed"
    for other in ("get_object_acl", "get_object_tagging", "get_object_attributes"):
        more = {"ObjectAttributes": ["ETag"]} if other == "get_object_attributes" else {}
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            getattr(client, other)(Bucket="tidegate", Key=key, **more)
    for bucket, missing, code in (("tidegate", f"{key}x", "NoSuchKey"), ("other", key, "NoSuchBucket")):
        with pytest.raises(client.exceptions.ClientError, match=code):
            client.get_object(Bucket=bucket, Key=missing)


def test_listing_pages_like_s3(server):
    for user in ("a", "a-b", "a/c", "b"):
        image, upload, _ = server.begin(user)
        etag = send("PUT", server.sign(image, upload, 1, user), {}, b"x").headers["ETag"]
        assert server.complete(image, upload, [(1, etag)], user).status == 200
    client = operator(server)
    every = [o["Key"] for o in client.list_objects_v2(Bucket="tidegate")["Contents"]]
    assert every == sorted(every) and len(every) == 4
    paged = client.get_paginator("list_objects_v2").paginate(Bucket="tidegate", PaginationConfig={"PageSize": 1})
    assert [o["Key"] for page in paged for o in page["Contents"]] == every
    paged = client.get_paginator("list_objects_v2").paginate(
        Bucket="tidegate", Prefix="images/", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    folders = [p["Prefix"] for page in paged for p in page.get("CommonPrefixes", [])]
    assert folders == ["images/a-b/", "images/a/", "images/a~2fc/", "images/b/"]


def send_file(server, name, body, folder=""):
    upload = server.call("POST", "/v1/files/init", body={"mode": "single", "folder": folder, "files": [{"name": name, "size": len(body)}]}).json()["uploadId"]
    assert send("PUT", f"{server.api}/v1/files/part/{upload}/1", {"X-User-Id": "alice"}, body).status == 200
    return server.call("POST", "/v1/files/complete", body={"uploadId": upload}).json()["key"]


def test_both_versions_of_listing_hold_every_name(server):
    names = ["C++ 50% done.txt", "ü & <b>.txt", "a\u2215 b", "%2B.txt"]
    keys = sorted(send_file(server, name, b"x") for name in names)
    client = operator(server)
    # boto3 asks for `encoding-type=url` and decodes the keys.
    for version in ("list_objects", "list_objects_v2"):
        ask = getattr(client, version)
        assert [o["Key"] for o in ask(Bucket="tidegate", Prefix="storage/")["Contents"]] == keys
        paged = client.get_paginator(version).paginate(Bucket="tidegate", Prefix="storage/", PaginationConfig={"PageSize": 1})
        assert [o["Key"] for page in paged for o in page["Contents"]] == keys, version
        folders = client.get_paginator(version).paginate(Bucket="tidegate", Delimiter="/", PaginationConfig={"PageSize": 1})
        assert [p["Prefix"] for page in folders for p in page.get("CommonPrefixes", [])] == ["storage/"]
        assert ask(Bucket="tidegate", MaxKeys=0).get("Contents") is None
        for wrong in ({"Prefix": "a\0"}, {"EncodingType": "base64"}):
            with pytest.raises(client.exceptions.ClientError, match="InvalidArgument"):
                ask(Bucket="tidegate", **wrong)
        plain = client.generate_presigned_url(version, {"Bucket": "tidegate", "Prefix": "storage/"}, ExpiresIn=60)
        told = send("GET", plain).body.decode()
        assert "<EncodingType>url</EncodingType>" in told and "C%2B%2B+50%25+done.txt" in told, told
        assert all(client.head_object(Bucket="tidegate", Key=key)["ContentLength"] == 1 for key in keys)
    # After a common prefix, a client goes on from it, as in S3.
    first = client.list_objects(Bucket="tidegate", Prefix="storage/", Delimiter="/", MaxKeys=1)
    assert first["CommonPrefixes"] == [{"Prefix": "storage/alice/"}] and not first["IsTruncated"]
    assert client.list_objects(Bucket="tidegate", Prefix="storage/", Delimiter="/", Marker="storage/alice/").get("CommonPrefixes") is None
    for nowhere in ("storage//", "./", "storage/../", "x" * 300 + "/"):
        assert client.list_objects(Bucket="tidegate", Prefix=nowhere).get("Contents") is None, nowhere
    with pytest.raises(client.exceptions.ClientError, match="continuation token"):
        client.list_objects_v2(Bucket="tidegate", ContinuationToken="!")
    # The highest character does not come after its folder, and XML cannot hold U+FFFF.
    keys.append(send_file(server, "\uffff.txt", b"x", folder="\U0010ffff"))
    folders = client.get_paginator("list_objects").paginate(Bucket="tidegate", Prefix="storage/", Delimiter="/", PaginationConfig={"PageSize": 1})
    assert [p["Prefix"] for page in folders for p in page.get("CommonPrefixes", [])] == ["storage/alice/"]
    unasked = AWSRequest("GET", f"{server.s3}/tidegate?prefix=storage%2F")
    S3SigV4QueryAuth(Credentials(*server.credentials("operator")), "s3", "us-east-1", expires=60).add_auth(unasked)
    told = ElementTree.fromstring(send("GET", unasked.url).body)
    space = {"s3": told.tag.partition("}")[0].lstrip("{")}
    assert told.findtext("s3:EncodingType", namespaces=space) == "url"
    assert sorted(unquote_plus(key.text) for key in told.iterfind("s3:Contents/s3:Key", space)) == sorted(keys)
    assert server.call("GET", f"/v1/files/metadata/{quote(keys[-1], safe='')}").status == 200, "it can be read"
    for missing in ("storage/", "a//b", "x/"):
        with pytest.raises(client.exceptions.ClientError) as refused:
            client.head_object(Bucket="tidegate", Key=missing)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404, missing


def test_a_signature_for_another_region_opens_nothing(server):
    key = send_file(server, "a.txt", b"x")
    credentials = Credentials(*server.credentials("operator"))

    def ask(region, path=key):
        request = AWSRequest("GET", f"{server.s3}/tidegate/{path}", headers={"x-amz-content-sha256": hashlib.sha256(b"").hexdigest()})
        S3SigV4Auth(credentials, "s3", region).add_auth(request)
        return send("GET", request.url, dict(request.headers))

    assert ask("us-east-1").body == b"x"
    refused = ask("eu-west-1")
    assert (refused.status, refused.headers["x-amz-bucket-region"]) == (400, "us-east-1")
    assert b"AuthorizationHeaderMalformed" in refused.body and b"<Region>us-east-1</Region>" in refused.body, refused.body
    assert ask("eu-west-1", "?location").status == 200, "clients learn the region so"
    for more in (f"{key}?location", f"{key}?location=", "?list-type=2&location", "?location&list-type=2"):
        assert ask("eu-west-1", more).status == 400, f"and nothing else: {more}"
    presigner = AWSRequest("GET", f"{server.s3}/tidegate/{key}")
    S3SigV4QueryAuth(credentials, "s3", "eu-west-1", expires=60).add_auth(presigner)
    answer = send("GET", presigner.url)
    assert (answer.status, b"AuthorizationQueryParametersError" in answer.body) == (400, True), answer.body


def test_clients_learn_the_region(make_server):
    server = make_server(AWS_REGION="eu-central-1")
    key = send_file(server, "a.txt", b"x")
    access_key, secret_key = server.credentials("operator")
    client = boto3.client(
        "s3", endpoint_url=server.s3, region_name="eu-central-1", aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    assert client.get_bucket_location(Bucket="tidegate")["LocationConstraint"] == "eu-central-1"
    assert client.head_bucket(Bucket="tidegate")["BucketRegion"] == "eu-central-1"
    assert client.get_object(Bucket="tidegate", Key=key)["Body"].read() == b"x"
    assert client.list_buckets()["Buckets"][0]["CreationDate"]
