"""Kills the worker, or fills the disk, at every nth call that writes bytes or rows. Afterwards the
media item is published or waits; nothing is published partially, and nothing unscanned is served.
"""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from server import BINARY, Server, files_below, send
from sessions import Session, drawn, encoded, fetch, near, opened, corners, CORNERS

# The first calls belong to the start of the server. KILLS=1 tries every call.
POINTS = [
    ("fsync,fdatasync", range(5, 40)),
    ("renameat2", range(1, 40)),
    ("pwrite64", range(33, 120, 9)),
    ("unlinkat", range(1, 4)),
]
# The disk is full at the nth call of each thread; a server that has started must continue when
# there is space again.
FULL = [("renameat2", (2,)), ("pwrite64", (60, 90)), ("mkdirat", (2,))]
if "KILLS" in os.environ:
    POINTS = [(calls, range(1, 200)) for calls, _ in POINTS]
    # Each failure delays the next attempt of its thread, up to minutes.
    FULL = [("fsync,fdatasync", (8,)), *FULL]
    FULL = [(calls, range(numbers[0], numbers[-1] + 12)) for calls, numbers in FULL]


def blobs(server, below=""):
    root = server.folder / "data/store" / below
    names = (str(path.relative_to(server.folder / "data/store")) for path in files_below(root))
    return sorted(name for name in names if not name.endswith(".meta") and not name.startswith((".ballast/", ".identity")))


def wait_for_end(process, seconds):
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def check_true(server, session, media, what):
    """Checks that the files match the record, whatever its state is."""
    shown = session.show(media)
    if shown["status"] == "COMPLETED":
        for url in [shown["url"]] + [variant["url"] for variant in shown["variants"]]:
            fetch(url)
    else:
        assert shown["status"] in ("UPLOADED", "SCANNING", "PROCESSING"), (what, shown)
        read = send("GET", shown["url"]).status
        # What was scanned already may be published between the two requests.
        assert read == 409 or (read == 307 and session.show(media)["status"] == "COMPLETED"), (what, read)
        # Files in the served root have an address that no client knows, and no signature is issued
        # for it.
        assert shown["variants"] == [], what
    return shown["status"]


def taken(server, image):
    """Uploads and confirms an image. The configured scanner does not respond, so processing does
    not start."""
    server.settings |= {"CLAMAV_HOST": "127.0.0.1", "CLAMAV_PORT": "9", "WORKER_IMAGES": "1"}
    server.start()
    session = Session(server)
    media = session.send(image, "image/jpeg").json()["id"]
    server.stop(signal.SIGKILL)
    for name in ("CLAMAV_HOST", "CLAMAV_PORT"):
        del server.settings[name]
    return session, media


def check_published(server, session, media, what):
    """Checks that the item is published completely and that nothing else is left."""
    # After several failures the next attempt is delayed by up to a minute.
    shown = session.ended(media, seconds=150)
    assert shown["status"] == "COMPLETED", (what, shown)
    assert near(corners(opened(fetch(shown["url"]))), CORNERS)
    own = f"sessions/{session.id}/processed/{media}"
    deadline = time.monotonic() + 10
    while len(blobs(server, own)) != 5 or blobs(server, ".quarantine"):
        assert time.monotonic() < deadline, (what, blobs(server))
        time.sleep(0.05)


def end_traced(process):
    """Kills the traced process and strace."""
    if process.poll() is None:
        for child in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            subprocess.run(["kill", "-9", child], check=False)
    process.wait(timeout=20)


@pytest.mark.parametrize("calls,points", FULL)
def test_a_disk_that_is_full_at_each_step(make_server, tmp_path, calls, points):
    image, hit = encoded(drawn(400, 300), "JPEG"), 0
    # Its fixture ends it in every case.
    server = make_server(SHUTDOWN_GRACE_SECONDS="1")
    for number in points:
        server.stop()
        server.command = [BINARY, "serve"]
        session, media = taken(server, image)
        trace = tmp_path / f"{calls}-{number}.trace"
        inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=ENOSPC:when={number}"]
        server.command = ["strace", "-f", "-qq", "-o", trace, *inject, BINARY, "serve"]
        try:
            server.start()
            check_published(server, session, media, (calls, number))
        except RuntimeError:
            # The start itself found no space; a second start succeeds.
            pass
        finally:
            end_traced(server.process)
        hit += trace.read_text().count("(INJECTED)")
        server.command = [BINARY, "serve"]
        server.start()
        check_published(server, session, media, (calls, number, "after a start"))
    assert hit >= len(points), f"the disk was full {hit} times"


@pytest.mark.parametrize("calls,points", POINTS)
def test_a_worker_that_is_killed_at_each_step(tmp_path, calls, points):
    table, image = [], encoded(drawn(400, 300), "JPEG")
    # This server accepts uploads and runs no jobs; strace kills the worker, which is another
    # process. Without ffmpeg a start is shorter; the items are images.
    taking = Server(tmp_path, SHUTDOWN_GRACE_SECONDS="1", FFMPEG_PATH="off")
    for number in points:
        taking.command = [BINARY, "serve"]
        session, media = taken(taking, image)
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
            end_traced(killed)
        taking.command = [BINARY, "serve"]
        # First without a worker, so that the state after the kill can be checked.
        taking.settings |= {"CLAMAV_HOST": "127.0.0.1", "CLAMAV_PORT": "9"}
        taking.start()
        left = check_true(taking, session, media, (calls, number))
        taking.stop(signal.SIGKILL)
        for name in ("CLAMAV_HOST", "CLAMAV_PORT"):
            del taking.settings[name]
        taking.start()
        check_published(taking, session, media, (calls, number))
        taking.stop()
        table.append((number, left))
        if ended is None:
            break
    print(f"\n{calls}: " + ", ".join(f"{number} {left.lower()}" for number, left in table))
    assert len(table) > 1, "it was killed at least once"
    assert "panicked" not in taking.log.read_text()
