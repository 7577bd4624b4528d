"""Tests that a server with another store than its database's does not start, and says what to do."""

import shutil
import sqlite3
import subprocess

import pytest

import backends
from server import BINARY, Server, send


def image(server, body):
    image, upload, _ = server.begin()
    etag = send("PUT", server.sign(image, upload, 1), {}, body).headers["ETag"]
    assert server.complete(image, upload, [(1, etag)]).status == 200
    return image


def database(kind, tmp_path):
    return backends.new_database() if kind == "postgres" else f"sqlite:{tmp_path}/shared.db"


def server_of(tmp_path, name, **settings):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    return Server(folder, **settings)


def refusal(server):
    with pytest.raises(RuntimeError) as refused:
        server.start()
    return str(refused.value)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_two_folders_with_one_database_are_refused(tmp_path, kind):
    url = database(kind, tmp_path)
    with server_of(tmp_path, "one", DATABASE_URL=url) as one:
        kept = image(one, b"kept")
        if kind == "postgres":
            # Also while the first one runs.
            assert "belongs to another store" in refusal(server_of(tmp_path, "two", DATABASE_URL=url))
    said = refusal(server_of(tmp_path, "three", DATABASE_URL=url))
    for word in ("UPLOAD_ROOT", "same folder", "S3_BUCKET", "reconcile --adopt-store", "folder without the id"):
        assert word in said, said
    # A folder that was another database's.
    with server_of(tmp_path, "four"):
        pass
    other = dict(DATABASE_URL=url, UPLOAD_ROOT=str(tmp_path / "four/data/store"))
    said = refusal(server_of(tmp_path, "five", **other))
    assert said.count("folder ") >= 2 and "without the id" not in said, said
    # The first one is as it was.
    with server_of(tmp_path, "one", DATABASE_URL=url) as one:
        assert one.call("GET", f"/v1/images/{kept}/range").body == b"kept"


def test_the_same_folder_is_accepted_wherever_it_lies(tmp_path):
    url = database("sqlite", tmp_path)
    with server_of(tmp_path, "one", DATABASE_URL=url) as one:
        kept = image(one, b"kept")
    identity = tmp_path / "one/data/store/.identity"
    assert identity.stat().st_mode & 0o777 == 0o600
    # Another server with the same folder, and a folder that was moved or copied whole.
    shared = dict(DATABASE_URL=url, UPLOAD_ROOT=str(tmp_path / "one/data/store"))
    with server_of(tmp_path, "two", **shared) as two:
        assert two.call("GET", f"/v1/images/{kept}/range").body == b"kept"
    shutil.copytree(tmp_path / "one/data/store", tmp_path / "copied")
    shutil.rmtree(tmp_path / "one/data/store")
    with server_of(tmp_path, "three", DATABASE_URL=url, UPLOAD_ROOT=str(tmp_path / "copied")) as three:
        assert three.call("GET", f"/v1/images/{kept}/range").body == b"kept"


def test_an_installation_from_before_takes_its_folder_silently(tmp_path):
    with server_of(tmp_path, "one") as one:
        kept = image(one, b"kept")
    (tmp_path / "one/data/store/.identity").unlink()
    with sqlite3.connect(tmp_path / "one/data/tidegate.db") as rows:
        rows.execute("DELETE FROM store_identity")
    with server_of(tmp_path, "one") as one:
        assert one.call("GET", f"/v1/images/{kept}/range").body == b"kept"
        assert (tmp_path / "one/data/store/.identity").exists()
    assert "another store" not in one.log.read_text()


def test_an_empty_folder_in_place_of_the_store_is_refused_and_not_taken(tmp_path):
    """What a server sees whose disk is not mounted."""
    with server_of(tmp_path, "one") as one:
        kept = image(one, b"kept")
    store = tmp_path / "one/data/store"
    store.rename(tmp_path / "aside")
    assert "is its disk mounted?" in refusal(server_of(tmp_path, "one"))
    assert not (store / ".identity").exists()
    shutil.rmtree(store)
    (tmp_path / "aside").rename(store)
    with server_of(tmp_path, "one") as one:
        assert one.call("GET", f"/v1/images/{kept}/range").body == b"kept"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_bucket_in_place_of_a_folder_is_refused_until_it_is_adopted(tmp_path, kind):
    url = database(kind, tmp_path)
    with server_of(tmp_path, "one", DATABASE_URL=url):
        pass
    bucket = backends.settings("sqlite", "s3") | {"DATABASE_URL": url}
    said = refusal(server_of(tmp_path, "two", **bucket))
    assert "S3_BUCKET: the database belongs to another store (folder " in said and bucket["S3_BUCKET"] in said, said
    two = server_of(tmp_path, "two", **bucket)
    adopted = subprocess.run([BINARY, "reconcile", "--adopt-store"], env=two.settings, cwd=two.folder, capture_output=True, text=True)
    assert adopted.returncode == 0, adopted
    with two:
        assert two.call("POST", "/v1/images").status == 200
    # From now on the folder is the wrong one, and other buckets are.
    assert "belongs to another store (bucket " in refusal(server_of(tmp_path, "one", DATABASE_URL=url))
    another = bucket | {"S3_BUCKET": backends.new_bucket()}
    assert "belongs to another store (bucket " in refusal(server_of(tmp_path, "three", **another))
    # A worker of its own needs PostgreSQL.
    for command in ("work", "reconcile") if kind == "postgres" else ("reconcile",):
        wrong = server_of(tmp_path, "three", SCANNER="off", **another)
        done = subprocess.run([BINARY, command], env=wrong.settings, cwd=wrong.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and "another store" in done.stdout + done.stderr, (command, done)
