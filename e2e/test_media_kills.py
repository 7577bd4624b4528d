"""The worker killed at each step: at every nth call by which bytes or rows get to the disk. Whatever was done by then, the medium ends published or waits, nothing is left half-published, and nothing that was
not scanned is served."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from server import BINARY, Server, send
from sessions import Session, drawn, encoded, fetch, near, opened, corners, CORNERS

# The first ones belong to the start of a server; KILLS=1 tries every point from the first to the last that there is.
POINTS = [
    ("fsync,fdatasync", range(5, 40)),
    ("renameat2", range(1, 40)),
    ("pwrite64", range(33, 120, 9)),
    ("unlinkat", range(1, 4)),
]
if "KILLS" in os.environ:
    POINTS = [(calls, range(1, 200)) for calls, _ in POINTS]


def blobs(server, below=""):
    root = server.folder / "data/store" / below
    return sorted(str(path.relative_to(server.folder / "data/store")) for path in root.rglob("*") if path.is_file() and not path.name.endswith(".meta"))


def wait_for_end(process, seconds):
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def check_true(server, session, media, what):
    """Whatever the record says, the bytes bear it out."""
    shown = session.show(media)
    if shown["status"] == "COMPLETED":
        for url in [shown["url"]] + [variant["url"] for variant in shown["variants"]]:
            fetch(url)
    else:
        assert shown["status"] in ("UPLOADED", "SCANNING", "PROCESSING"), (what, shown)
        assert send("GET", shown["url"]).status == 409, what
        # What lies in the served root by now has an address that nobody knows, and no signature is given for it.
        assert shown["variants"] == [], what
    return shown["status"]


@pytest.mark.parametrize("calls,points", POINTS)
def test_a_worker_that_is_killed_at_each_step(tmp_path, calls, points):
    table, image = [], encoded(drawn(400, 300), "JPEG")
    # One server that takes, without working: the worker is another process, which strace kills.
    taking = Server(tmp_path, SHUTDOWN_GRACE_SECONDS="1")
    for number in points:
        taking.command = [BINARY, "serve"]
        taking.settings["WORKER_IMAGES"] = "1"
        # Taken while the worker can't do it: the scanner that is named does not answer.
        taking.settings |= {"CLAMAV_HOST": "127.0.0.1", "CLAMAV_PORT": "9"}
        taking.start()
        session = Session(taking)
        media = session.send(image, "image/jpeg").json()["id"]
        taking.stop(signal.SIGKILL)
        for name in ("CLAMAV_HOST", "CLAMAV_PORT"):
            del taking.settings[name]
        with open(taking.log, "ab") as log:
            inject = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
            killed = subprocess.Popen([*inject, BINARY, "serve"], env=taking.settings, cwd=tmp_path, stdout=log, stderr=log)
        ended, deadline = None, time.monotonic() + 20
        while ended is None and time.monotonic() < deadline:
            ended = wait_for_end(killed, 0.05)
            if ended is None:
                try:
                    if session.show(media)["status"] == "COMPLETED":
                        break
                except OSError:
                    pass
        if ended is None:
            for child in pathlib.Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split():
                subprocess.run(["kill", "-9", child], check=False)
            killed.wait(timeout=20)
        taking.command = [BINARY, "serve"]
        # First without work: what it left is seen as it is.
        taking.settings |= {"CLAMAV_HOST": "127.0.0.1", "CLAMAV_PORT": "9"}
        taking.start()
        left = check_true(taking, session, media, (calls, number))
        taking.stop(signal.SIGKILL)
        for name in ("CLAMAV_HOST", "CLAMAV_PORT"):
            del taking.settings[name]
        taking.start()
        shown = session.ended(media)
        assert shown["status"] == "COMPLETED", (calls, number, shown)
        assert near(corners(opened(fetch(shown["url"]))), CORNERS)
        time.sleep(0.1)
        own = f"sessions/{session.id}/processed/{media}"
        deadline = time.monotonic() + 10
        while len(blobs(taking, own)) != 5 or blobs(taking, ".quarantine"):
            assert time.monotonic() < deadline, (calls, number, blobs(taking))
            time.sleep(0.05)
        taking.stop()
        table.append((number, left))
        if ended is None:
            break
    print(f"\n{calls}: " + ", ".join(f"{number} {left.lower()}" for number, left in table))
    assert len(table) > 1, "it was killed at least once"
    assert "panicked" not in taking.log.read_text()
