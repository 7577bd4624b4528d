"""Tests `tidegate import files` with a tree of the original server: in the store's folder, beside
it, and into a bucket."""

import hashlib
import json
import os
import pathlib
import random
import subprocess
import urllib.parse

import backends
import pytest
from server import BINARY, Server, send

BODY = random.randbytes(300_000)


def record(body, **more):
    return {"filename": "image.jpg", "size": len(body), "mime": "image/jpeg", "sha256": hashlib.sha256(body).hexdigest(), "user_id": "user123", "created_at": "2025-08-18T09:48:00.809581", **more}


def put(root, path, body, meta=None):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    if meta is not None:
        text = meta if isinstance(meta, str) else json.dumps(meta)
        pathlib.Path(f"{file}.meta").write_text(text)
    return path


def tree(root):
    """Creates the tree. Returns the files that are imported, with their bytes, and those that are
    skipped, with the expected reason."""
    taken = {
        put(root, "storage/user123/main/pictures/abc123_image.jpg", BODY, record(BODY, metadata={"a": 1}, etag=7)): BODY,
        put(root, "storage/a.b@example.com/0f0f0f0f_no record é.txt", b"plain"): b"plain",
        put(root, "storage/user123/550e8400-e29b-41d4-a716-446655440000_x.bin", b"", record(b"", filename="Other name.bin")): b"",
        put(root, "storage/user123/11111111_secret.txt", b"mine", record(b"mine", visibility="private")): b"mine",
    }
    skipped = {
        put(root, "storage/user123/00000001_short", b"123", record(b"1234", sha256=None)): "3 bytes",
        put(root, "storage/user123/00000002_wrong", b"1234", record(b"4321")): "sha256",
        put(root, "storage/user123/00000003_broken", b"1", "{no json"): ".meta is no JSON object",
        put(root, "storage/user123/00000004_name", b"1", record(b"1", filename="../../etc/passwd")): "name in .meta",
        put(root, "storage/user123/.hidden/00000005_x", b"1"): "its path",
        put(root, "storage/user123/noid", b"1"): "its path",
        put(root, "storage/us er/00000006_x", b"1"): "its path",
    }
    put(root, ".parts/123/part_000001", b"1")
    secret = root.parent / "secret"
    secret.write_text("a file outside")
    (root / "storage/user123/00000007_link").symlink_to(secret)
    skipped["storage/user123/00000007_link"] = "symbolic link"
    (root / "storage/user123/folder").symlink_to(root.parent)
    skipped["storage/user123/folder"] = "symbolic link"
    # A file whose record can't be read must not become public.
    put(root, "storage/user123/0000000c_hidden", b"1")
    (root / "storage/user123/0000000c_hidden.meta").symlink_to(secret)
    skipped["storage/user123/0000000c_hidden"] = ".meta is not a file"
    os.mkfifo(root / "storage/user123/00000008_pipe")
    skipped["storage/user123/00000008_pipe"] = "not a file"
    os.close(os.open(os.fsencode(root) + b"/storage/user123/00000009_\xff", os.O_CREAT | os.O_WRONLY))
    skipped["storage/user123/00000009_\ufffd"] = "UTF-8"
    return taken, skipped


def run(server, *arguments):
    done = subprocess.run([BINARY, "import", "files", *map(str, arguments)], env=server.settings, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("where", ["in place", "beside", "into a bucket"])
def test_a_tree_is_taken_over(where, tmp_path):
    root = tmp_path / "uploads"
    taken, skipped = tree(root)
    settings = {"in place": {"UPLOAD_ROOT": str(root)}, "into a bucket": backends.settings("postgres", "s3")}.get(where, {})
    server = Server(tmp_path, **settings)
    before = {path: (root / path).stat().st_ino for path in taken}
    code, said, _ = run(server, "--dry-run", root)
    assert (code, said.splitlines()[-1]) == (0, f"4 files ({len(BODY) + 9} bytes) would be taken over, 0 were known, {len(skipped)} skipped")
    code, said, log = run(server, root)
    assert code == 0, log
    lines = said.splitlines()
    assert lines[-1] == f"4 files ({len(BODY) + 9} bytes) taken over, 0 were known, {len(skipped)} skipped"
    reasons = dict(line.removeprefix("skipped ").split(": ", 1) for line in lines[:-1])
    escaped = {path.encode().decode("unicode_escape") if "\\u" in path else path: why for path, why in reasons.items()}
    assert set(escaped) == set(skipped), said
    for path, why in skipped.items():
        assert why in escaped[path], (path, escaped[path])
    code, said, _ = run(server, root)
    assert said.splitlines()[-1] == f"0 files (0 bytes) taken over, 4 were known, {len(skipped)} skipped", "it can be done again"
    if where != "into a bucket":
        store = root if where == "in place" else tmp_path / "data/store"
        assert {path: (store / path).stat().st_ino for path in taken} == before, "no byte was copied"
    for path, body in taken.items():
        assert (root / path).read_bytes() == body, "the other program still has them"
    meta = json.loads((root / "storage/user123/main/pictures/abc123_image.jpg.meta").read_text())
    assert (meta["filename"], meta["mime"], meta["user_id"]) == ("image.jpg", "image/jpeg", "user123"), "and its records"
    with server:
        assert '"level":"ERROR"' not in server.log.read_text()
        listed = server.call("GET", "/v1/files/all", "user123").json()
        assert (listed["total_count"], listed["total_size"]) == (3, len(BODY) + 4)
        files = {one["key"]: one for one in listed["files"]}
        picture = files["storage/user123/main/pictures/abc123_image.jpg"]
        assert (picture["filename"], picture["mime"], picture["folder"]) == ("image.jpg", "image/jpeg", "main/pictures")
        assert picture["created_at"].startswith("2025-08-18T09:48:00")
        assert files["storage/user123/550e8400-e29b-41d4-a716-446655440000_x.bin"]["filename"] == "Other name.bin"
        for path, body in taken.items():
            user = path.split("/")[1]
            quoted = urllib.parse.quote(path)
            assert server.call("GET", f"/v1/files/metadata/{quoted}", user).json()["sha256"] == hashlib.sha256(body).hexdigest()
            url = server.call("GET", f"/v1/files/signed-url?key={quoted}", user).json()["url"]
            assert send("GET", url).body == body
            public = send("GET", f"{server.api}/{quoted}")
            assert public.status == (404 if "secret" in path else 200)
        for path in skipped:
            assert send("GET", f"{server.api}/{urllib.parse.quote(path)}").status == 404, path
        if where == "beside":
            # A hard link to the same file is a different file.
            key = "storage/user123/main/pictures/abc123_image.jpg"
            assert server.call("DELETE", f"/v1/files/{key}", "user123").status == 200
            assert (root / key).read_bytes() == BODY
    code, said, _ = run(server, root)
    if where == "beside":
        assert "it was deleted here" in said


def test_an_import_that_can_not_be_says_why(tmp_path):
    server = Server(tmp_path)
    for folder, why in [(tmp_path / "none", "is not there"), (tmp_path, "no folder named storage")]:
        code, said, log = run(server, folder)
        assert (code, said) == (1, "") and why in log, log
    with server:
        put(tmp_path / "other", "storage/u/1_x", b"x")
        code, _, log = run(server, tmp_path / "other")
        assert code == 1 and "in use by another server" in log, log
