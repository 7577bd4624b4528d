"""The API description: validators take it, and the server answers as it says. Every operation's
curl command (`x-codeSamples`) is run, with ids that exist, with ids that do not, and without
sign-in."""

import base64
import functools
import json
import os
import re
import subprocess
import urllib.parse
import uuid

import jsonschema
import openapi_spec_validator
import pytest

from datasets import Dataset
from server import ROOT, send
from sessions import drawn, encoded
from test_embedding import stored_disk
from test_spaces import Space

DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
SERVICE_TOKEN = "service-" * 5

# The ids that the examples name; see `http/openapi/examples.rs`.
IMAGE = "019a1c40-5b1e-7c02-9a3d-5e8f00000001"
SPACE = "019a1c40-5b1e-7c02-9a3d-5e8f00000002"
SPACE_IMAGE = "019a1c40-5b1e-7c02-9a3d-5e8f00000003"
SESSION = "019a1c40-5b1e-7c02-9a3d-5e8f00000004"
MEDIA = "019a1c40-5b1e-7c02-9a3d-5e8f00000005"
DATASET = "N:dataset:019a1c40-5b1e-7c02-9a3d-5e8f00000006"
PACKAGE = "N:package:019a1c40-5b1e-7c02-9a3d-5e8f00000007"
BULK = "019a1c40-5b1e-7c02-9a3d-5e8f00000008"
MEDIA_KEY = f"sessions/{SESSION}/general/{MEDIA}/front.jpg"
FILE_KEY = "storage/alice/main/pictures/image.jpg"
ETAG = "5d41402abc4b2a76b9719d911017c592"
PRESIGNED_URL = "https://bucket.s3.amazonaws.com/O1/D1/P1/source%3FX-Amz-Signature%3D0123abcd"

# Operations that only services may call, or that need a server which issues tokens.
FOR_SERVICES = {"import_space_images", "set_file_quota", "create_file_token", "create_token", "get_jwks"}
# What the example is refused with, since there is nothing that failed.
REFUSED = {"retry_space_image": 409, "retry_media": 409, "retry_dead_job": 404}
# Streams without an end.
STREAMS = {"watch_space", "watch_media"}
# Answers everybody who has no credentials, and refuses wrong ones.
FOR_ANYBODY = {"get_caller"}
# What ends links that other operations follow.
LAST = {"revoke_file_links"}


def picture():
    return encoded(drawn(64, 48), "JPEG")


def link_key(key):
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


class World:
    """Makes what an operation's example needs, and returns by which real id each id of the example
    is replaced."""

    def __init__(self, server):
        self.server = server

    def call(self, method, path, body=None, status=(200, 201, 202, 204), headers=None):
        given = {"X-User-Id": "alice", "X-Org-Id": "lab", "Content-Type": "application/json", **(headers or {})}
        answer = send(method, self.server.api + path, given, None if body is None else json.dumps(body).encode())
        assert answer.status in status, (method, path, answer.status, answer.body)
        return answer.json() if answer.body else None

    def of(self, id):
        tag = OPERATIONS[id][2]["tags"][0]
        if id in FOR_SERVICES:
            return {SPACE: self.for_services("POST", "/api/spaces", {"name": "Holidays"})["id"]} if tag == "spaces" else {}
        prepare = getattr(self, f"{tag}_for", None)
        return prepare(id) if prepare else {}

    def for_services(self, method, path, body):
        return self.call(method, path, body, headers={"X-Service-Token": SERVICE_TOKEN})

    def images_for(self, id):
        if id not in {"sign_image_parts", "complete_image_upload", "list_image_parts", "get_image_upload", "abort_image_upload"}:
            return {IMAGE: stored_disk(self.server, b"Hello")}
        image, upload, _ = self.server.begin()
        etag = send("PUT", self.server.sign(image, upload, 1), body=b"Hello").headers["ETag"]
        return {IMAGE: image, "upload-of-the-image": upload, ETAG: etag.strip('"')}

    def spaces_for(self, id):
        space = Space(self.server, user="alice")
        space.call("PUT", "/members/bob", {"role": "viewer"})
        if id == "confirm_space_image":
            target = space.call("POST", "/images", {"filename": "a.jpg", "contentType": "image/jpeg"}).json()
            assert send("PUT", target["uploadUrl"], target["headers"], picture()).status == 200
            return {SPACE: space.id, SPACE_IMAGE: target["id"]}
        if id == "sign_space_image_upload":
            target = space.call("POST", "/images", {"filename": "a.jpg", "contentType": "image/jpeg"}).json()
            return {SPACE: space.id, SPACE_IMAGE: target["id"]}
        image = space.make(picture())["id"]
        if id in {"restore_space_image", "purge_space_image", "list_space_trash", "empty_space_trash"}:
            assert space.call("DELETE", f"/images/{image}").status == 204
        return {SPACE: space.id, SPACE_IMAGE: image}

    def sessions_for(self, id):
        session = self.call("POST", "/v1/sessions", {"id": str(uuid.uuid4())})["id"]
        if id == "create_session":
            return {SESSION: str(uuid.uuid4())}
        below = f"/v1/sessions/{session}"
        target = self.call("POST", f"{below}/media/upload-url", {"filename": "a.jpg", "contentType": "image/jpeg"})
        assert send("PUT", target["uploadUrl"], {"Content-Type": "image/jpeg"}, picture()).status == 200
        real = {SESSION: session, MEDIA_KEY: target["fileKey"]}
        if id == "confirm_media_upload":
            return real
        if id == "sign_media_upload":
            return {**real, MEDIA: target["id"]}
        media = self.call("POST", f"{below}/media/confirm", {"fileKey": target["fileKey"]})["id"]
        while self.call("GET", f"{below}/media/{media}")["status"] != "COMPLETED":
            pass
        if id == "restore_media":
            self.call("DELETE", f"{below}/media/{media}")
        if id == "restore_session":
            self.call("DELETE", below)
        return {**real, MEDIA: media}

    def bulk_for(self, id):
        space = Space(self.server, user="alice")
        image = space.make(picture())["id"]
        body = {"kind": "space", "owner": space.id, "action": "delete", "ids": [image]}
        started = self.call("POST", "/v1/bulk", body)["id"] if id == "get_bulk" else BULK
        return {SPACE: space.id, SPACE_IMAGE: image, BULK: started}

    def packages_for(self, id):
        dataset = Dataset(self.server, user="alice", org="lab")
        self.call("PUT", f"/packages/datasets/{dataset.id}/members/bob", {"role": "viewer"})
        if id in {"sign_package_parts", "list_package_parts", "confirm_package"}:
            package = dataset.call("POST", f"?{dataset.query()}", {"name": "p", "multipart": True}, 201)["id"]
            part = dataset.call("POST", f"/{package}/parts", {"partNumbers": [1]})["parts"][0]
            etag = send("PUT", part["url"], body=b"Hello").headers["ETag"]
            return {DATASET: dataset.id, PACKAGE: package, ETAG: etag.strip('"')}
        package = dataset.package("p", b"Hello")
        if id != "create_package_asset":
            dataset.asset(package, "view/index.json", b"{}")
        if id == "restore_packages":
            dataset.change("delete", package)
        url = urllib.parse.quote(dataset.presigned(package), safe="") if "presigned" in id else PRESIGNED_URL
        return {DATASET: dataset.id, PACKAGE: package, PRESIGNED_URL: url}

    def files_for(self, id):
        new = {"mode": "single", "files": [{"name": "image.jpg", "size": 5}], "folder": "main/pictures"}
        begun = self.call("POST", "/v1/files/init", new)
        upload, key = begun["uploadId"], begun["uploads"][0]["key"]
        if id in {"send_file_part", "send_file_part_base64", "abort_file_upload", "get_file_upload"}:
            return {"upload-of-the-file": upload}
        part = {"uploadId": upload, "partNumber": 1, "chunkBase64": base64.b64encode(b"Hello").decode()}
        self.call("POST", "/v1/files/part", part)
        if id == "complete_file_upload":
            return {"upload-of-the-file": upload}
        self.call("POST", "/v1/files/complete", {"uploadId": upload, "parts": []})
        archive = self.call("POST", "/v1/files/batch-download", {"keys": [key]})["token"]
        link = urllib.parse.urlparse(self.call("GET", f"/v1/files/signed-url?key={key}&v=1")["url"])
        signed = urllib.parse.parse_qs(link.query)
        return {
            FILE_KEY: key,
            link_key(FILE_KEY): link_key(key),
            "token-of-the-archive": archive,
            "1790000000": signed["exp"][0],
            "signature-of-the-link": signed["sig"][0],
        }


class Answered:
    """What curl got."""

    def __init__(self, folder, command):
        headers, body = folder / "headers", folder / "body"
        command = f"{command} -sS -D {headers} -o {body} -w '%{{http_code}}'"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={**os.environ, "SERVICE_TOKEN": SERVICE_TOKEN})
        # 28: a stream had not ended when curl was to stop.
        assert done.returncode in (0, 28), (command, done.stderr)
        self.command, self.status = command, int(done.stdout)
        lines = [line.split(":", 1) for line in headers.read_text().splitlines() if ":" in line]
        self.headers = {name.lower(): value.strip() for name, value in lines}
        self.body = body.read_bytes() if body.exists() else b""
        body.unlink(missing_ok=True)


def command_of(id, server, real=None, signed_in=True):
    command = OPERATIONS[id][2]["x-codeSamples"][0]["source"]
    for example, found in sorted((real or {}).items(), key=lambda pair: -len(pair[0])):
        command = command.replace(example, found)
    if not signed_in:
        command = re.sub(r" -H ['\"]X-[A-Za-z-]+: [^'\"]*['\"]", "", command)
    limit = " --max-time 1" if id in STREAMS else ""
    return command.replace("http://127.0.0.1:3000", server.api) + limit


@functools.cache
def closed_components():
    """The schemas, each without members that it does not name, so that none is forgotten there.
    Those that others extend stay open."""
    extended = set(re.findall(r'"allOf": \[\{"\$ref": "#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    schemas = json.loads(json.dumps(DOCUMENT["components"]["schemas"]))

    def close(schema):
        if isinstance(schema, dict):
            if schema.get("type") == "object" and "properties" in schema:
                schema.setdefault("additionalProperties", False)
            for key, inner in schema.items():
                if key != "allOf":
                    close(inner)
        elif isinstance(schema, list):
            for inner in schema:
                close(inner)

    for name, schema in schemas.items():
        if name not in extended:
            close(schema)
    return {"schemas": schemas}


# Headers that only some answers have: the cookies of `scope=prefix`, and of `auth.mode` `cookie`.
SOMETIMES = [("sign_package_assets", "Set-Cookie"), ("get_image_stream_url", "Set-Cookie")]


def check(id, answer):
    """Checks that the description has this status, its media type, its headers and its body."""
    path, method, operation = OPERATIONS[id]
    place = (answer.command, answer.status, answer.headers, answer.body[:500])
    assert str(answer.status) in operation["responses"], place
    response = operation["responses"][str(answer.status)]
    kind = answer.headers.get("content-type", "").split(";")[0]
    content = response.get("content", {})
    for name in response.get("headers", {}):
        assert name.lower() in answer.headers or (id, name) in SOMETIMES, (name, place)
    if method == "head":
        return
    if not content:
        assert not answer.body, place
        return
    assert kind in content or "application/octet-stream" in content, place
    if kind == "application/json":
        schema = content[kind].get("schema", {})
        jsonschema.Draft202012Validator({**schema, "components": closed_components()}).validate(json.loads(answer.body))


def test_validators_take_it():
    openapi_spec_validator.validate(DOCUMENT)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    from server import Server

    folder = tmp_path_factory.mktemp("described")
    for name in ("users", "services"):
        (folder / name).mkdir()
    with (
        Server(folder / "users", SCANNER="off") as users,
        Server(folder / "services", SCANNER="off", IMPORT_PREFIXES="legacy/", AUTH_MODE="jwt", AUTH_OWN_TOKENS="true", AUTH_SERVICE_TOKEN=SERVICE_TOKEN) as services,
    ):
        yield users, services


def test_the_server_describes_itself_by_the_same_document(servers):
    assert send("GET", f"{servers[0].api}/openapi.json").json() == DOCUMENT


def send_all(servers, folder, prepare, **how):
    """Runs the command of every operation. Returns the answers, all of them as described."""
    answers, wrong = {}, []
    for id in sorted(OPERATIONS, key=lambda id: (id in LAST, id)):
        server = servers[id in FOR_SERVICES]
        answers[id] = Answered(folder, command_of(id, server, prepare(server, id), **how))
        try:
            check(id, answers[id])
        except (AssertionError, jsonschema.ValidationError) as error:
            wrong.append(f"{id}: {error}"[:1500])
    assert not wrong, "\n\n".join(wrong)
    return answers


def test_every_example_is_answered_as_described(servers, tmp_path):
    answers = send_all(servers, tmp_path, lambda server, id: World(server).of(id))
    refused = {id: answer.status for id, answer in answers.items() if answer.status >= 400}
    assert refused == REFUSED, [(answers[id].command, answers[id].body) for id in refused.keys() ^ REFUSED.keys()]


def test_ids_that_do_not_exist_are_refused_as_described(servers, tmp_path):
    answers = send_all(servers, tmp_path, lambda server, id: {})
    unknown = [id for id, answer in answers.items() if answer.status == 404]
    assert len(unknown) > 40, unknown


def test_who_is_not_signed_in_is_refused_as_described(servers, tmp_path):
    """What needs a sign-in answers 401, and nothing else does."""
    answers = send_all(servers, tmp_path, lambda server, id: {}, signed_in=False)
    for id, (_, _, operation) in OPERATIONS.items():
        needs_sign_in = "401" in operation["responses"] and id not in FOR_ANYBODY
        assert (answers[id].status == 401) == needs_sign_in, (id, answers[id].status, answers[id].body)
