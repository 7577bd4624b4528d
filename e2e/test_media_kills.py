"""The worker killed, and the disk full, at each step: at every nth call by which bytes or rows get to the disk. Whatever was done by then, the medium ends published or waits, nothing is left half-published, and
nothing that was not scanned is served."""

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
# Where the disk is full for the nth call of each thread: a server that has started goes on when there is room again.
FULL = [("renameat2", (2,)), ("pwrite64", (60, 90)), ("mkdirat", (2,))]
if "KILLS" in os.environ:
    POINTS = [(calls, range(1, 200)) for calls, _ in POINTS]
    # Each failure that a thread meets costs a pause before the next try: minutes.
    FULL = [("fsync,fdatasync", (8,)), *FULL]
    FULL = [(calls, range(numbers[0], numbers[-1] + 12)) for calls, numbers in FULL]


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


def taken(server, image):
    """Sent and confirmed, and no more: the scanner that is named does not answer."""
    server.settings |= {"CLAMAV_HOST": "127.0.0.1", "CLAMAV_PORT": "9", "WORKER_IMAGES": "1"}
    server.start()
    session = Session(server)
    media = session.send(image, "image/jpeg").json()["id"]
    server.stop(signal.SIGKILL)
    for name in ("CLAMAV_HOST", "CLAMAV_PORT"):
        del server.settings[name]
    return session, media


def check_published(server, session, media, what):
    """It is there, whole, and nothing else is."""
    # After a few failures it is tried again after a minute only.
    shown = session.ended(media, seconds=150)
    assert shown["status"] == "COMPLETED", (what, shown)
    assert near(corners(opened(fetch(shown["url"]))), CORNERS)
    own = f"sessions/{session.id}/processed/{media}"
    deadline = time.monotonic() + 10
    while len(blobs(server, own)) != 5 or blobs(server, ".quarantine"):
        assert time.monotonic() < deadline, (what, blobs(server))
        time.sleep(0.05)


def end_traced(process):
    """Ends what strace runs, and with it strace."""
    if process.poll() is None:
        for child in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            subprocess.run(["kill", "-9", child], check=False)
    process.wait(timeout=20)


@pytest.mark.parametrize("calls,points", FULL)
def test_a_disk_that_is_full_at_each_step(make_server, tmp_path, calls, points):
    image, hit = encoded(drawn(400, 300), "JPEG"), 0
    # Ended by its fixture, whatever becomes of the test.
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
            # It was its start that found no room: then another finds some.
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
    # One server that takes, without working: the worker is another process, which strace kills.
    taking = Server(tmp_path, SHUTDOWN_GRACE_SECONDS="1")
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
        # First without work: what it left is seen as it is.
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
