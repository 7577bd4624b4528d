"""Random histories of uploads, deletes and restarts on a disk that another program fills and
empties: nothing acknowledged is lost, and a delete always works and frees its space.

`DISK_MODEL_SECONDS` sets the time for each case (8 by default), `DISK_MODEL_SEED` repeats a history.
"""

import hashlib
import os
import random
import signal
import time

import pytest

from server import BINARY, files_below, send
from small_disk import SmallDisk

SECONDS = float(os.environ.get("DISK_MODEL_SECONDS", "8"))
SETTINGS = {"SWEEP_INTERVAL_SECONDS": "1", "SWEEP_GRACE_SECONDS": "1", "LOG_LEVEL": "warn", "FFMPEG_PATH": "off"}
#: What a request that adds something may get while the disk is full.
REFUSED = (507, 503)


def fill(disk, inodes=False):
    """Fills the disk and returns whether it did so up to the ballast. If a job of the server found no room meanwhile and
    gave the ballast up, the other program has taken that too, and the disk is emptied again."""
    disk.fill_inodes() if inodes else disk.fill()
    stat = os.statvfs(disk.inside)
    if disk.has_ballast() or (stat.f_favail if inodes else stat.f_bavail):
        return True
    disk.unfill()
    return False


class Model:
    """What was acknowledged, and the operations of a history."""

    def __init__(self, server, disk, dice, inodes):
        self.server, self.disk, self.dice, self.inodes = server, disk, dice, inodes
        self.images, self.files = {}, {}
        self.open_images, self.open_files = {}, {}
        self.full = False
        self.steps = 0
        self.deletes_while_full = 0
        self.counts = {}

    def body(self):
        size = self.dice.choice([1, 5_000, 70_000, 400_000, 1_500_000])
        return self.dice.randbytes(size)

    def took(self, answer, what):
        """Returns whether a request that adds something was taken. Only a full disk refuses it."""
        if answer.status in (200, 201, 204):
            return True
        assert answer.status in REFUSED and (self.full or self.is_short()), (what, answer.status, answer.body)
        return False

    def is_short(self):
        stat = os.statvfs(self.disk.inside)
        return stat.f_bavail < stat.f_blocks / 10 or stat.f_favail < stat.f_files / 10

    # Operations. Each returns whether it did anything.

    def begin_image(self):
        answer = self.server.call("POST", "/v1/images")
        if self.took(answer, "begin"):
            self.open_images[answer.json()["imageId"]] = (answer.json()["uploadId"], {})
        return True

    def send_part(self):
        if not self.open_images:
            return False
        image = self.dice.choice(list(self.open_images))
        upload, parts = self.open_images[image]
        body = self.body()
        answer = send("PUT", self.server.sign(image, upload, 1), {}, body)
        if self.took(answer, "part"):
            parts[1] = (answer.headers["ETag"], body)
        return True

    def complete_image(self):
        ready = [image for image, (_, parts) in self.open_images.items() if parts]
        if not ready:
            return False
        image = self.dice.choice(ready)
        upload, parts = self.open_images[image]
        etag, body = parts[1]
        if self.took(self.server.complete(image, upload, [(1, etag)]), "complete"):
            del self.open_images[image]
            self.images[image] = body
        return True

    def abort_image(self):
        if not self.open_images:
            return False
        image = self.dice.choice(list(self.open_images))
        answer = self.server.call("POST", f"/v1/images/{image}/abort")
        assert answer.status == 204, ("an abort must work", answer.status, answer.body)
        del self.open_images[image]
        return True

    def delete_image(self):
        if not self.images:
            return False
        image = self.dice.choice(list(self.images))
        before = self.disk.free()
        answer = self.server.call("DELETE", f"/v1/images/{image}")
        assert answer.status == 204, ("a delete must work", answer.status, answer.body)
        self.deletes_while_full += self.full
        self.freed(before, len(self.images.pop(image)))
        assert self.server.call("GET", f"/v1/images/{image}/range").status == 404
        return True

    def begin_file(self):
        body = self.body()
        new = {"mode": "single", "files": [{"name": "a.bin", "size": len(body), "mime": "application/octet-stream"}]}
        answer = self.server.call("POST", "/v1/files/init", body=new)
        if self.took(answer, "begin of a file"):
            one = answer.json()["uploads"][0]
            self.open_files[one["uploadId"]] = (one, body, set())
        return True

    def send_file(self):
        waiting = [upload for upload, (_, _, sent) in self.open_files.items() if len(sent) < 2]
        if not waiting:
            return False
        upload = self.dice.choice(waiting)
        _, body, sent = self.open_files[upload]
        number = self.dice.choice([number for number in (1, 2) if number not in sent])
        half = len(body) // 2
        piece = body[:half] if number == 1 else body[half:]
        url = f"{self.server.api}/v1/files/part/{upload}/{number}"
        if self.took(send("PUT", url, {"X-User-Id": "alice"}, piece), "part of a file"):
            sent.add(number)
        return True

    def complete_file(self):
        ready = [upload for upload, (_, _, sent) in self.open_files.items() if len(sent) == 2]
        if not ready:
            return False
        upload = self.dice.choice(ready)
        one, body, _ = self.open_files[upload]
        new = {"uploadId": upload, "parts": [], "sha256": hashlib.sha256(body).hexdigest()}
        if self.took(self.server.call("POST", "/v1/files/complete", body=new), "complete of a file"):
            del self.open_files[upload]
            self.files[one["key"]] = body
        return True

    def abort_file(self):
        if not self.open_files:
            return False
        upload = self.dice.choice(list(self.open_files))
        answer = self.server.call("DELETE", f"/v1/files/uploads/{upload}")
        assert answer.status in (200, 204), ("an abort must work", answer.status, answer.body)
        del self.open_files[upload]
        return True

    def delete_file(self):
        if not self.files:
            return False
        key = self.dice.choice(list(self.files))
        before = self.disk.free()
        answer = self.server.call("DELETE", f"/v1/files/{key}")
        assert answer.status in (200, 204), ("a delete must work", answer.status, answer.body)
        self.deletes_while_full += self.full
        self.freed(before, len(self.files.pop(key)))
        assert send("GET", f"{self.server.api}/{key}").status == 404
        return True

    def freed(self, before, size):
        """A delete gives its space back at once, but for what the database writes meanwhile."""
        if size > 1_000_000:
            # The ballast may be created again at the same moment.
            assert self.disk.free() >= before + size // 4, (before, self.disk.free(), size)

    def broken_part(self):
        """More bytes than the part may have: what came of them is gone."""
        if not self.open_images:
            return False
        image = self.dice.choice(list(self.open_images))
        upload, _ = self.open_images[image]
        answer = send("PUT", self.server.sign(image, upload, 2), {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, b"x" * 300_000)
        assert answer.status in (400, *REFUSED), answer.status
        return True

    def fill(self):
        # The ballast serves one fill, until it is created again.
        if self.full or not self.disk.has_ballast():
            return False
        self.full = fill(self.disk, self.inodes)
        return self.full

    def unfill(self):
        if not self.full:
            return False
        self.disk.unfill()
        self.full = False
        deadline = time.monotonic() + 5
        while not self.is_short():
            answer = self.server.call("POST", "/v1/images")
            if answer.status == 200:
                self.open_images[answer.json()["imageId"]] = (answer.json()["uploadId"], {})
                break
            assert time.monotonic() < deadline, ("uploads are taken again", answer.status, answer.body)
            time.sleep(0.02)
        return True

    def restart(self):
        self.server.stop(self.dice.choice([signal.SIGTERM, signal.SIGKILL]))
        self.server.start()
        return True

    def read(self):
        """Reads one of everything that was acknowledged."""
        if self.images:
            image = self.dice.choice(list(self.images))
            assert self.server.call("GET", f"/v1/images/{image}/range").body == self.images[image]
        if self.files:
            key = self.dice.choice(list(self.files))
            assert send("GET", f"{self.server.api}/{key}").body == self.files[key]
        if self.open_images:
            image = self.dice.choice(list(self.open_images))
            _, parts = self.open_images[image]
            listed = {part["partNumber"]: part["etag"].strip('"') for part in self.server.call("GET", f"/v1/images/{image}/parts").json()}
            assert listed == {number: etag.strip('"') for number, (etag, _) in parts.items()}
        return True

    WEIGHTS = {
        "begin_image": 6, "send_part": 10, "complete_image": 8, "abort_image": 2, "delete_image": 6, "begin_file": 6,
        "send_file": 10, "complete_file": 8, "abort_file": 2, "delete_file": 6, "broken_part": 4, "fill": 3, "unfill": 3,
        "restart": 1, "read": 8,
    }

    def step(self):
        name = self.dice.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]
        if getattr(self, name)():
            self.steps += 1
            self.counts[name] = self.counts.get(name, 0) + 1

    def end(self):
        """Everything acknowledged is there, everything can be deleted, and the disk is empty then."""
        self.disk.unfill()
        for image, body in self.images.items():
            assert self.server.call("GET", f"/v1/images/{image}/range").body == body
        for key, body in self.files.items():
            assert send("GET", f"{self.server.api}/{key}").body == body
        while self.images:
            self.delete_image()
        while self.files:
            self.delete_file()
        while self.open_images:
            self.abort_image()
        while self.open_files:
            self.abort_file()


def left_over(disk):
    """Returns the files of the store that are not the ballast's or the store's own."""
    store = disk.inside / "data/store"
    own = {store / ".identity"}
    return [file for file in files_below(store) if file not in own and ".ballast" not in file.parts]


@pytest.mark.parametrize("what,options", [("bytes", "size=48m"), ("inodes", "size=64m,nr_inodes=1500")])
def test_a_delete_works_and_nothing_acknowledged_is_lost(make_server, tmp_path, what, options):
    seed = int(os.environ.get("DISK_MODEL_SEED", random.randrange(2**32)))
    print(f"DISK_MODEL_SEED={seed}")
    with SmallDisk(tmp_path / "disk", options) as disk:
        server = make_server(disk.enter(BINARY, "serve"), **SETTINGS, TIDEGATE_DATA=str(disk.path / "data"))
        model = Model(server, disk, random.Random(seed), what == "inodes")
        started = time.monotonic()
        # However the dice fall, the disk was full and something was deleted then.
        while time.monotonic() < started + SECONDS or not model.deletes_while_full:
            assert time.monotonic() < started + SECONDS + 60, ("the disk was never full", model.counts)
            model.step()
        model.end()
        print(f"{model.steps} steps, {model.deletes_while_full} deletes while full: {model.counts}")
        assert model.steps > 20 and model.counts["fill"] > 0
        deadline = time.monotonic() + 20
        while left := left_over(disk):
            assert time.monotonic() < deadline, left
            time.sleep(0.1)


def test_many_small_deletes_work_while_the_disk_is_full(make_server, tmp_path):
    """Deletes that give hardly anything back do not use up the ballast: the database's log does not grow."""
    with SmallDisk(tmp_path / "disk", "size=48m") as disk:
        server = make_server(disk.enter(BINARY, "serve"), **SETTINGS, RATE_LIMIT_PER_ADDRESS="0", TIDEGATE_DATA=str(disk.path / "data"))
        images = []
        for _ in range(80):
            image, upload, _ = server.begin()
            etag = send("PUT", server.sign(image, upload, 1), {}, b"x").headers["ETag"]
            assert server.complete(image, upload, [(1, etag)]).status == 200
            images.append(image)
        # A new start has a log without a byte.
        server.stop()
        server.start()
        deadline = time.monotonic() + 60
        while not (disk.has_ballast() and fill(disk)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        refused = {}
        for image in images:
            answer = server.call("DELETE", f"/v1/images/{image}")
            if answer.status != 204:
                refused[len(refused)] = (answer.status, disk.free(), answer.body)
        assert not refused, (len(refused), refused)
        assert server.call("POST", "/v1/images").status == 507
