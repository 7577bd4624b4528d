"""Tests that the usual tools of S3 list, copy and check a whole store through the S3 door, with the
operator's credentials: each local copy equals the originals, and a second run copies nothing."""

import json
import os
import pathlib
import random
import subprocess
from urllib.parse import unquote, urlsplit

import pytest

import clients
from datasets import Dataset
from server import BINARY, Server
from test_walk import operator

# One worker imports the files once.
pytestmark = pytest.mark.xdist_group("s3 clients")

NAMES = [
    "plain.txt", "two words.txt", "a+b.txt", "100%.txt", "a%20b.txt", "a%2Fb.txt", "%2B+ %.txt", "é.txt", "e\u0301.txt", "日本語.txt", "\U0001f600.txt",
    "a&b=c;d.txt", "a'b(c)d!.txt", "a*b.txt", "~tilde@,$.txt", "quo\"te.txt", "<xml>&amp;.txt", "hash#tag?.txt", "[a]{b}^`|.txt", "like a slash\u2215",
    "no ending", "two..dots.txt", "a:b.txt", "=cmd.txt", "-dash.txt",
]  # fmt: skip
DEEP = "/".join(f"d{level} é+" for level in range(12))
COUNT = 1100
# The paths of assets, which are uploaded and not imported.
PATHS = ["view/data (1)+2.parquet", "view/é 100%.json", "view/a/b=c;d/e.bin", "view*/[x].bin"]
PAGE = 1000


def fill(root):
    """Creates the files, in the form that `tidegate import` takes over. Returns bytes by key."""
    bodies = {f"storage/alice/{number:08x}_{name}": f"the bytes of {name}".encode() for number, name in enumerate(NAMES)}
    bodies |= {f"storage/alice/many/{number:08x}_{number}.bin": random.randbytes(random.randrange(1, 200)) for number in range(COUNT)}
    bodies |= {
        "storage/alice/0000f000_empty": b"",
        f"storage/alice/{DEEP}/0000f001_deep.txt": b"deep",
        "storage/alice/a b+c/0000f002_in a folder.txt": b"below a folder",
        "storage/bob@example.com/0000f003_of another user.bin": random.randbytes(3 << 20),
        "storage/alice/a.b/0000f004_beside.txt": b"a folder that sorts before its neighbour",
        "storage/alice/a/0000f005_below.txt": b"its neighbour",
    }
    for key, body in bodies.items():
        file = root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    return bodies


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A server over a store with awkward names, and the bytes of each key."""
    folder = tmp_path_factory.mktemp("store")
    bodies = fill(folder / "uploads")
    server = Server(folder, UPLOAD_ROOT=str(folder / "uploads"), LOG_LEVEL="info")
    done = subprocess.run([BINARY, "import", "files", folder / "uploads"], env=server.settings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    with server:
        # These have the MD5 of their bytes as ETag, which tools compare with the local copy.
        dataset = Dataset(server)
        package = dataset.package("source", b"source file")
        bodies[unquote(urlsplit(dataset.presigned(package)).path).removeprefix("/tidegate/")] = b"source file"
        for path in PATHS:
            dataset.asset(package, path, f"the bytes of {path}".encode())
            key = unquote(urlsplit(dataset.presigned(package, path=path)).path).removeprefix("/tidegate/")
            bodies[key] = f"the bytes of {path}".encode()
        server.bodies = bodies
        yield server
        assert "panicked" not in server.log.read_text()


def local(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


class Tool:
    """A command-line tool with the operator's credentials in its environment or its own file."""

    def __init__(self, server, folder):
        access_key, secret_key = server.credentials("operator")
        config = folder / "s3cfg"
        host = server.s3.removeprefix("http://")
        config.write_text(f"[default]\naccess_key = {access_key}\nsecret_key = {secret_key}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\nprogress_meter = False\n")
        remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": server.s3, "ENV_AUTH": "true"}
        self.environment = {
            "PATH": f"{clients.BIN}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8", "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.s3, "AWS_EC2_METADATA_DISABLED": "true", "S3CMD_CONFIG": str(config),
            **{f"RCLONE_CONFIG_T_{name}": value for name, value in remote.items()},
        }  # fmt: skip

    def run(self, *words):
        done = subprocess.run(list(map(str, words)), env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (words, done.returncode, done.stdout[-2000:], done.stderr[-4000:])
        return done.stdout + done.stderr


def same(server, folder):
    found, wanted = local(folder), server.bodies
    assert sorted(found) == sorted(wanted), (sorted(set(found) - set(wanted))[:10], sorted(set(wanted) - set(found))[:10])
    assert [key for key in wanted if found[key] != wanted[key]] == []


def test_aws_cli(store, tmp_path):
    aws, copy = Tool(store, tmp_path), tmp_path / "copy"
    listed = aws.run("aws", "s3", "ls", "--recursive", "--summarize", "s3://tidegate")
    assert f"Total Objects: {len(store.bodies)}" in listed
    aws.run("aws", "s3", "sync", "--no-progress", "s3://tidegate", copy)
    same(store, copy)
    assert aws.run("aws", "s3", "sync", "--no-progress", "s3://tidegate", copy) == ""


def test_rclone(store, tmp_path):
    rclone, copy = Tool(store, tmp_path), tmp_path / "copy"
    listed = rclone.run("rclone", "lsf", "-R", "--files-only", "t:tidegate").splitlines()
    assert len([line for line in listed if "NOTICE" not in line]) == len(store.bodies)
    rclone.run("rclone", "copy", "t:tidegate", copy)
    same(store, copy)
    for how, unchecked in ((), len(store.bodies) - len(PATHS) - 1), (("--download",), 0):
        told = rclone.run("rclone", "check", *how, "t:tidegate", copy)
        assert "0 differences found" in told and f"{len(store.bodies)} matching files" in told, told
        # An imported file has an ETag that is no MD5, so it is compared by size.
        assert (f"{unchecked} hashes could not be checked" in told) == (unchecked > 0), told
    again = rclone.run("rclone", "copy", "-v", "t:tidegate", copy)
    assert "There was nothing to transfer" in again, again


def test_s3cmd(store, tmp_path):
    s3cmd, copy = Tool(store, tmp_path), tmp_path / "copy"
    copy.mkdir()
    listed = s3cmd.run("s3cmd", "ls", "--recursive", "s3://tidegate")
    assert listed.count("s3://tidegate/") == len(store.bodies)
    s3cmd.run("s3cmd", "sync", "s3://tidegate/", f"{copy}/")
    same(store, copy)
    again = s3cmd.run("s3cmd", "sync", "s3://tidegate/", f"{copy}/")
    assert "download:" not in again, again
    part = tmp_path / "part"
    part.mkdir()
    s3cmd.run("s3cmd", "get", "--recursive", "s3://tidegate/storage/alice/d0 é+/", f"{part}/")
    assert list(local(part).values()) == [b"deep"]


def test_s3fs_with_fuse(store, tmp_path):
    tool, mounted, password = Tool(store, tmp_path), tmp_path / "mounted", tmp_path / "password"
    mounted.mkdir()
    password.write_text(":".join(store.credentials("operator")))
    password.chmod(0o600)
    options = f"url={store.s3},use_path_request_style,passwd_file={password},ro,complement_stat,endpoint=us-east-1,retries=1"
    mount = subprocess.run(["s3fs", "tidegate", mounted, "-o", options], env=tool.environment, capture_output=True, text=True, timeout=60)
    if not os.path.exists("/dev/fuse") or "mount failed" in mount.stderr:
        pytest.skip(f"this machine mounts nothing: {mount.stderr}")
    assert mount.returncode == 0, mount.stderr
    try:
        found = [str(path.relative_to(mounted)) for path in mounted.rglob("*") if path.is_file()]
        assert sorted(found) == sorted(store.bodies)
        read = [key for key in found if "/many/" not in key or key.endswith("0.bin")]
        assert [key for key in read if (mounted / key).read_bytes() != store.bodies[key]] == []
        with pytest.raises(OSError):
            (mounted / "storage/new").write_text("x")
    finally:
        tool.run("fusermount", "-u", "-z", mounted)


@pytest.mark.parametrize("client", ["minio", "s3fs"])
def test_python_clients(store, tmp_path, client):
    tool, copy = Tool(store, tmp_path), tmp_path / "copy"
    copy.mkdir()
    ask = (clients.PYTHON, pathlib.Path(__file__).with_name("s3_clients.py"), client, store.s3, "tidegate", copy)
    first, again = (json.loads(tool.run(*ask)) for _ in range(2))
    assert first["listed"] == again["listed"] == {key: len(body) for key, body in store.bodies.items()}
    assert (first["copied"], again["copied"]) == (len(store.bodies), 0)
    same(store, copy)


def test_boto3(store, tmp_path):
    client = operator(store)
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="tidegate"))
    assert [len(page["Contents"]) for page in pages] == [PAGE, len(store.bodies) - PAGE]
    listed = [entry for page in pages for entry in page["Contents"]]
    assert [entry["Key"] for entry in listed] == sorted(store.bodies, key=str.encode)
    for entry in listed:
        file = tmp_path / "copy" / entry["Key"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(client.get_object(Bucket="tidegate", Key=entry["Key"])["Body"].read())
    same(store, tmp_path / "copy")
