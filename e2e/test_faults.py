"""Tests that a full disk loses nothing that was acknowledged and that the server keeps running."""

import pathlib
import shutil
import subprocess
import time

import pytest

from server import BINARY, send


def small_image(server, body):
    image, upload, _ = server.begin()
    etag = send("PUT", server.sign(image, upload, 1), {}, body).headers["ETag"]
    return image, upload, etag


def own_mounts():
    """Returns the command prefix that permits mounting: none for root, otherwise a new user
    namespace."""
    for flags in (["-m"], ["-rm"]):
        if subprocess.run(["unshare", *flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0:
            return ["unshare", *flags]
    return None


def test_a_full_disk_stops_writes_and_nothing_else(make_server, tmp_path):
    """The log is on the full disk too. A log that can't be written must not fail a request."""
    unshare = own_mounts()
    if unshare is None:
        pytest.fail("a full disk needs a file system of its own: run as root or allow user namespaces")
    full = tmp_path / "full"
    full.mkdir()
    script = 'mount -t tmpfs -o size=30m tmpfs "$0" && exec "$1" serve >"$0/log" 2>&1'
    server = make_server(
        [*unshare, "sh", "-c", script, str(full), str(BINARY)],
        TIDEGATE_DATA=str(full / "data"),
        MULTIPART_PART_SIZE_BYTES="5242880",
    )
    # The file system is mounted in the server's own namespace, so it is reached through its
    # process.
    inside = pathlib.Path(f"/proc/{server.process.pid}/root{full}")
    image, upload, etag = small_image(server, b"kept")
    assert server.complete(image, upload, [(1, etag)]).status == 200
    open_image, open_upload, _ = server.begin()
    url = server.sign(open_image, open_upload, 1)
    with open(inside / "filler", "wb", buffering=0) as filler:
        with pytest.raises(OSError):
            while True:
                filler.write(b"z" * 4096)
    assert shutil.disk_usage(inside).free < 4096
    for _ in range(3):
        for method, path in (("POST", "/v1/images"), ("DELETE", f"/v1/images/{image}")):
            answer = server.call(method, path)
            assert (answer.status, answer.json()["error"]["code"]) == (503, "STORE_UNAVAILABLE"), answer.body
        part = send("PUT", url, {}, b"p" * 100_000)
        assert part.status == 503, part.body
        assert server.call("GET", f"/v1/images/{image}/range").body == b"kept"
        assert server.call("GET", f"/v1/images/{open_image}/parts").json() == []
    (inside / "filler").unlink()
    deadline = time.monotonic() + 5
    while server.call("POST", "/v1/images").status != 200:
        assert time.monotonic() < deadline, "it recovers when space returns"
    etag = send("PUT", url, {}, b"after").headers["ETag"]
    assert server.complete(open_image, open_upload, [(1, etag)]).status == 200
    assert server.call("DELETE", f"/v1/images/{image}").status == 204
    assert send("GET", f"{server.api}/readyz").status == 200
    assert server.stop() == 0
