"""Walks the data folder after every surface was used: nobody but its user may read a file or enter a
folder in it, whatever the umask is."""

import stat

import pytest

import ways
from server import BINARY, send


def too_open(folder):
    """Returns what others have rights on, with its mode."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o077:
            found.append(f"{path.relative_to(folder)} {mode & 0o777:04o}")
    return found


@pytest.mark.parametrize("umask", ["000", "022"])
def test_everything_the_server_creates_is_private(make_server, tmp_path, umask):
    kinds = [ways.Disks, ways.Files, ways.FilesAnyOrder, ways.FilesEmbedded, ways.FilesPut]
    kinds += [ways.Sessions, ways.Spaces, ways.Packages, ways.PackageParts, ways.Assets]
    server = make_server(["sh", "-c", f'umask {umask}; exec "$0" serve', BINARY])
    data = tmp_path / "data"
    for kind in kinds:
        way = kind(server)
        one = way.begin()
        way.send(one)
        # In the middle of an upload, and after it.
        assert too_open(data) == []
        answer = way.finish(one)
        assert answer.status in (200, 201, 202, 204), answer.body
        way.check(one, answer)
        assert too_open(data) == []
    names = {path.name for path in data.rglob("*")}
    assert {"tidegate.db", "tidegate.db-wal", "tidegate.db-shm", ".identity", "links.key"} <= names, names
    server.stop()
    assert too_open(data) == []


def test_files_of_an_earlier_version_are_tightened_and_an_open_folder_is_named(make_server, tmp_path):
    server = make_server()
    image, upload, _ = server.begin()
    send("PUT", server.sign(image, upload, 1), {}, b"part")
    server.stop()
    data = tmp_path / "data"
    data.chmod(0o755)
    (data / "tidegate.db").chmod(0o644)
    for log in ("tidegate.db-wal", "tidegate.db-shm"):
        (data / log).touch()
        (data / log).chmod(0o644)
    server.start()
    assert [entry for entry in too_open(data) if not entry.startswith(". ")] == []
    assert "other users of this machine may enter the folder" in server.log.read_text()
    assert [part["size"] for part in server.call("GET", f"/v1/images/{image}/parts").json()] == [4]
