"""Tests that a full disk loses nothing that was acknowledged, that deletes work on it, and that it
says so; and the same for a disk that is read-only for a while."""

import time

from server import BINARY, send
from small_disk import SmallDisk


def small_image(server, body):
    image, upload, _ = server.begin()
    etag = send("PUT", server.sign(image, upload, 1), {}, body).headers["ETag"]
    return image, upload, etag


def metric(server, name):
    text = send("GET", f"{server.api}/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name) and line[len(name)] in " {")


def eventually(check, what, seconds=15):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def begins(server):
    return server.call("POST", "/v1/images").status == 200


def test_a_full_disk_stops_uploads_and_nothing_else(make_server, tmp_path):
    """The log is on the full disk too. A log that can't be written must not fail a request."""
    with SmallDisk(tmp_path / "full", "size=60m") as disk:
        log = f'exec "$0" serve >"{disk.path}/log" 2>&1'
        server = make_server(
            disk.enter("sh", "-c", log, BINARY),
            TIDEGATE_DATA=str(disk.path / "data"),
            MULTIPART_PART_SIZE_BYTES="5242880",
            METRICS="any",
        )
        images = []
        for body in (b"kept", b"deleted", b"x" * 3_000_000):
            image, upload, etag = small_image(server, body)
            assert server.complete(image, upload, [(1, etag)]).status == 200
            images.append(image)
        kept, deleted, large = images
        open_image, open_upload, _ = server.begin()
        url = server.sign(open_image, open_upload, 1)
        eventually(disk.has_ballast, "there is a ballast")
        disk.fill()
        assert disk.free() < 4096
        for _ in range(3):
            begun = server.call("POST", "/v1/images")
            assert (begun.status, begun.json()["error"]["code"]) == (507, "INSUFFICIENT_STORAGE"), begun.body
            new = {"mode": "single", "files": [{"name": "a", "size": 5, "mime": "text/plain"}]}
            begun = server.call("POST", "/v1/files/init", body=new)
            assert (begun.status, begun.json()["error"]["code"]) == (507, "INSUFFICIENT_STORAGE"), begun.body
            part = send("PUT", url, {}, b"p" * 100_000)
            assert part.status == 507 and b"<Code>InsufficientStorage</Code>" in part.body, part.body
            assert server.call("GET", f"/v1/images/{kept}/range").body == b"kept"
            assert server.call("GET", f"/v1/images/{open_image}/parts").json() == []
        ready, health = send("GET", f"{server.api}/readyz"), send("GET", f"{server.api}/healthz").json()
        assert (ready.status, ready.json()["store"], ready.json()["database"]) == (200, "full", "full"), ready.body
        assert (health["writable"], health["disk_free_gb"]) == (False, 0.0), health
        assert metric(server, "tidegate_disk_full") == 1
        assert metric(server, "tidegate_disk_refused_total") >= 6
        # What frees space works, and one large delete is enough to upload again.
        assert server.call("DELETE", f"/v1/images/{deleted}").status == 204
        assert server.call("POST", f"/v1/images/{open_image}/abort").status == 204
        assert disk.free() < 3_000_000
        assert server.call("DELETE", f"/v1/images/{large}").status == 204
        assert disk.free() > 3_000_000
        disk.unfill()
        eventually(lambda: begins(server), "it recovers when space returns")
        eventually(disk.has_ballast, "the ballast is created again")
        image, upload, etag = small_image(server, b"after")
        assert server.complete(image, upload, [(1, etag)]).status == 200
        assert send("GET", f"{server.api}/readyz").json()["store"] == "ok"
        assert send("GET", f"{server.api}/healthz").json()["writable"] is True
        assert metric(server, "tidegate_disk_full") == 0
        assert server.stop() == 0
        # Lines that were logged on the full disk are lost or torn. None is logged per request.
        log = (disk.inside / "log").read_text()
        assert log.count("full up to the reserve") <= 1
        assert log.count("has room again") == 1


def test_the_reserve_is_kept_from_uploads_and_the_log_says_so_once(make_server, tmp_path):
    with SmallDisk(tmp_path / "full", "size=60m") as disk:
        server = make_server(disk.enter(BINARY, "serve"), TIDEGATE_DATA=str(disk.path / "data"), STORE_RESERVE_MB="10")
        image, upload, _ = server.begin()
        sent = 0
        for number in range(1, 30):
            part = send("PUT", server.sign(image, upload, number), {}, b"x" * 5_000_000)
            if part.status != 200:
                break
            sent += 1
        assert part.status == 507 and sent > 5, (part.status, sent)
        assert disk.free() > (10 << 20) - (1 << 20), disk.free()
        # An announced size is weighed before anything is sent.
        answer = server.call("POST", "/v1/images", body={"size": 40 << 20})
        assert (answer.status, answer.json()["error"]["code"]) == (507, "INSUFFICIENT_STORAGE")
        for _ in range(5):
            assert send("PUT", server.sign(image, upload, 29), {}, b"x" * 5_000_000).status == 507
        assert server.call("POST", f"/v1/images/{image}/abort").status == 204
        eventually(lambda: begins(server), "an abort frees the space")
        assert server.stop() == 0
        assert server.log.read_text().count("full up to the reserve") <= 1


def test_the_server_starts_on_a_full_disk(make_server, tmp_path):
    with SmallDisk(tmp_path / "full", "size=60m") as disk:
        settings = dict(TIDEGATE_DATA=str(disk.path / "data"))
        server = make_server(disk.enter(BINARY, "serve"), **settings)
        image, upload, etag = small_image(server, b"k" * 2_000_000)
        assert server.complete(image, upload, [(1, etag)]).status == 200
        eventually(disk.has_ballast, "there is a ballast")
        disk.fill()
        server.stop()
        # What the stop has freed is taken too.
        disk.fill()
        server.start()
        assert server.call("GET", f"/v1/images/{image}/range").body == b"k" * 2_000_000
        assert server.call("POST", "/v1/images").status == 507
        assert server.call("DELETE", f"/v1/images/{image}").status == 204
        assert disk.free() > 1_900_000


def test_a_store_that_is_read_only_for_a_while_loses_nothing(make_server, tmp_path):
    """The database lies elsewhere: the kernel makes no file system read-only on which a file is
    open for writing, except after an error of the disk, which cannot be undone without a restart."""
    with SmallDisk(tmp_path / "store", "size=60m") as disk:
        server = make_server(
            disk.enter(BINARY, "serve"), TIDEGATE_DATA=str(tmp_path / "data"), UPLOAD_ROOT=str(disk.path / "store")
        )
        image, upload, etag = small_image(server, b"kept")
        assert server.complete(image, upload, [(1, etag)]).status == 200
        other, upload, etag = small_image(server, b"deleted later")
        assert server.complete(other, upload, [(1, etag)]).status == 200
        disk.remount("ro")
        for _ in range(2):
            assert server.call("GET", f"/v1/images/{image}/range").body == b"kept"
            assert server.call("POST", "/v1/images").status in (503, 507)
            assert server.call("DELETE", f"/v1/images/{other}").status == 503
        # A probe is used again for a second.
        eventually(lambda: send("GET", f"{server.api}/readyz").status == 503, "it is not ready")
        assert send("GET", f"{server.api}/healthz").json()["writable"] is False
        disk.remount("rw")
        eventually(lambda: begins(server), "it works again without a restart")
        assert server.call("DELETE", f"/v1/images/{other}").status in (204, 404)
        bytes_of = lambda image: [path for path in (disk.inside / "store").rglob("disk.img") if image in str(path)]
        eventually(lambda: not bytes_of(other), "its bytes are deleted")
        assert len(bytes_of(image)) == 1
        image, upload, etag = small_image(server, b"after")
        assert server.complete(image, upload, [(1, etag)]).status == 200
        eventually(lambda: send("GET", f"{server.api}/readyz").status == 200, "it is ready again")
