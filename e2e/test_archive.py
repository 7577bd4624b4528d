"""Archived objects, black box: the built server over an S3 with archives (ministack), whose thaws last
two seconds. A lifecycle rule is stood in for by a copy into Glacier; no emulator runs such rules."""

import json
import os
import signal
import time
import uuid

import backends
import boto3
import pytest
from botocore.config import Config
from datasets import Dataset
from server import send
from sessions import Session
from test_openapi import picture
from test_spaces import Space


def client():
    return boto3.client(
        "s3",
        endpoint_url=backends.given("TEST_MINISTACK_URL"),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )


def archiving(versioned):
    """Returns an S3 client, a new bucket, and the settings of a server over it."""
    s3, bucket = client(), f"e2e-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    settings = {
        "S3_BUCKET": bucket,
        "S3_ENDPOINT": os.environ["TEST_MINISTACK_URL"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ARCHIVE_AFTER_DAYS": "0",
    }
    return s3, bucket, settings


def archive(s3, bucket, prefix):
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        source = {"Bucket": bucket, "Key": entry["Key"]}
        s3.copy_object(Bucket=bucket, Key=entry["Key"], CopySource=source, StorageClass="GLACIER")


def image(server, content):
    begun = server.call("POST", "/v1/images", "alice", {"size": len(content)}).json()
    asked = {"uploadId": begun["uploadId"], "partNumber": 1}
    url = server.call("POST", f"/v1/images/{begun['imageId']}/upload-url", "alice", asked).json()["url"]
    etag = send("PUT", url, {}, content).headers["ETag"]
    parts = {"uploadId": begun["uploadId"], "parts": [{"partNumber": 1, "etag": etag}]}
    assert server.call("POST", f"/v1/images/{begun['imageId']}/complete", "alice", parts).status == 200
    return begun["imageId"]


def state(server, image):
    return server.call("GET", f"/v1/images/{image}/metadata", "alice").json().get("archive", {})


def wait_for(server, image, wanted):
    deadline = time.monotonic() + 60
    while (found := state(server, image)).get("state") != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_delivery_goes_on_after_a_thaw_that_a_crash_interrupts(make_server):
    s3, bucket, settings = archiving(versioned=True)
    server = make_server(**settings)
    content = os.urandom(200_000)
    disk = image(server, content)
    archive(s3, bucket, "images/")
    for path in ["range", "stream-url"]:
        refused = server.call("GET", f"/v1/images/{disk}/{path}", "alice")
        assert refused.status == 409, refused.body
        assert refused.json()["error"]["code"] == "ARCHIVED"
        assert refused.json()["error"]["archive"] == {"state": "ARCHIVED"}
    thawing = server.call("POST", f"/v1/images/{disk}/thaw", "alice", {})
    assert (thawing.status, thawing.json()["archive"]["state"]) == (200, "THAWING"), thawing.body
    # The server is killed; the job in the database goes on with what it was doing.
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    until = wait_for(server, disk, "THAWED")["until"]
    granted = server.call("GET", f"/v1/images/{disk}/stream-url", "alice").json()
    assert granted["auth"]["expiresAt"] <= until
    url, cookies = server.stream(disk)
    assert send("GET", url, {"Cookie": cookies}).body == content
    assert server.call("GET", f"/v1/images/{disk}/range", "alice").body == content
    actions, deadline = [], time.monotonic() + 60
    while "object.thawed" not in actions:
        assert time.monotonic() < deadline, actions
        time.sleep(0.2)
        events = server.call("GET", f"/v1/audit?object={disk}", "alice").json()["events"]
        actions = [event["action"] for event in events]
    assert (actions.count("object.thaw-requested"), actions.count("object.thawed")) == (1, 1), actions
    assert server.call("DELETE", f"/v1/images/{disk}", "alice").status == 204
    assert not s3.list_object_versions(Bucket=bucket, Prefix="images/").get("Versions")


def test_deleted_and_purged_without_reading_what_is_archived(make_server):
    s3, bucket, settings = archiving(versioned=False)
    server = make_server(**settings)
    disk = image(server, b"bytes")
    archive(s3, bucket, "images/")
    assert server.call("DELETE", f"/v1/images/{disk}", "alice").status == 204
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="images/")
    assert server.call("POST", f"/v1/images/{disk}/thaw", "alice", {}).status == 404


def wait_until_thawed(shown):
    """Waits until `shown`, which returns what a surface says of an object, says that it is thawed."""
    deadline = time.monotonic() + 60
    while (found := shown().json().get("archive", {})).get("state") != "THAWED":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_file_is_refused_by_its_link_and_in_a_zip_until_it_is_thawed(make_server):
    s3, bucket, settings = archiving(versioned=False)
    server = make_server(**settings)
    new = {"mode": "single", "files": [{"name": "a.png", "size": 5}], "folder": "docs"}
    begun = server.call("POST", "/v1/files/init", "alice", new).json()
    key, upload = begun["uploads"][0]["key"], begun["uploadId"]
    assert send("PUT", f"{server.api}/v1/files/part/{upload}/1", {"X-User-Id": "alice"}, b"bytes").status == 200
    done = server.call("POST", "/v1/files/complete", "alice", {"uploadId": upload, "parts": []})
    assert done.status == 200, done.body
    url = server.call("GET", f"/v1/files/signed-url?key={key}", "alice").json()["url"]
    archive(s3, bucket, "storage/")
    zipped = lambda: server.call("POST", "/v1/files/batch-download", "alice", {"keys": [key]})
    for refused in [send("GET", url), zipped()]:
        assert (refused.status, refused.json()["error"]["code"]) == (409, "ARCHIVED"), refused.body
    assert server.call("POST", f"/v1/files/thaw/{key}", "bob", {}).status == 403
    thawing = server.call("POST", f"/v1/files/thaw/{key}", "alice", {})
    assert (thawing.status, thawing.json()["archive"]["state"]) == (200, "THAWING"), thawing.body
    wait_until_thawed(lambda: server.call("GET", f"/v1/files/metadata/{key}", "alice"))
    assert send("GET", url).body == b"bytes"
    assert zipped().status == 200


def test_a_package_is_blocked_in_manifests_until_it_is_thawed(make_server):
    s3, bucket, settings = archiving(versioned=False)
    server = make_server(**settings)
    dataset = Dataset(server, user="alice", org="lab")
    package = dataset.package("p", b"Hello")
    archive(s3, bucket, "packages/")

    def call(method, path, body=None):
        headers = {"X-User-Id": "alice", "X-Org-Id": "lab", "Content-Type": "application/json"}
        return send(method, server.api + path, headers, None if body is None else json.dumps(body).encode())

    source = f"/packages/presign/s3?dataset_id={dataset.id}&package_id={package}&redirect=false"
    assert call("GET", source).status == 409
    ids = {"nodeIds": [package]}
    manifest = call("POST", f"/packages/download-manifest?dataset_id={dataset.id}", ids).json()
    assert (manifest["data"], manifest["blocked"][0]["status"]) == ([], "ARCHIVED"), manifest
    thawing = call("POST", f"/packages/thaw?dataset_id={dataset.id}", ids)
    assert thawing.json() == {"success": [package], "failures": []}, thawing.body
    wait_until_thawed(lambda: call("GET", f"/packages/{package}"))
    assert send("GET", call("GET", source).json()["presigned_url"]).body == b"Hello"


@pytest.mark.parametrize("versioned", [False, True])
def test_an_image_of_a_space_survives_a_delete_while_it_is_archived(make_server, versioned):
    s3, bucket, settings = archiving(versioned)
    server = make_server(**settings)
    space = Space(server, user="alice")
    image = space.make(picture())["id"]
    space.call("PUT", "/members/bob", {"role": "viewer"})
    shown = lambda: space.call("GET", f"/images/{image}")
    archive(s3, bucket, shown().json()["s3Key"])
    assert server.call("POST", f"/api/spaces/{space.id}/images/{image}/thaw", "bob", {}).status == 403
    assert space.call("DELETE", f"/images/{image}").status == 204
    restored = space.call("POST", f"/images/{image}/restore", {})
    assert (restored.status, restored.json()["status"]) == (200, "READY"), restored.body
    thawing = space.call("POST", f"/images/{image}/thaw", {})
    assert thawing.json()["archive"]["state"] == "THAWING", thawing.body
    wait_until_thawed(shown)
    last = space.call("GET", f"/images/{image}/history").json()[-1]
    assert (last["status"], last["archive"]["state"]) == ("READY", "THAWED"), last
    assert send("GET", shown().json()["cloudfrontUrl"]).status == 200


def test_the_history_of_a_session_tells_when_a_thaw_has_ended(make_server):
    s3, bucket, settings = archiving(versioned=True)
    session = Session(make_server(**settings))
    media = session.ended(session.send(picture(), "image/jpeg", "a.jpg").json()["id"])["id"]
    archive(s3, bucket, f"sessions/{session.id}/processed/")
    thawing = session.call("POST", f"/media/{media}/thaw").json()
    assert (thawing["status"], thawing["archive"]["state"]) == ("COMPLETED", "THAWING"), thawing
    refused = session.call("GET", f"/media/{media}/content")
    assert refused.status == 409, refused.body
    assert refused.json()["error"]["archive"]["state"] == "THAWING"
    wait_until_thawed(lambda: session.call("GET", f"/media/{media}"))
    changes = [change["archive"]["state"] for change in session.call("GET", f"/media/{media}/history").json() if change["archive"]]
    assert changes == ["THAWING", "THAWED"]
    assert send("GET", session.show(media)["url"]).status == 200
