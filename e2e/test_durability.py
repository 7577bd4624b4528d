"""Tests durability that kill -9 can't show, because the page cache survives a process: a response
is sent only after everything is on disk, and disk errors are handled. Uses strace on the built
binary."""

import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest

from server import BINARY, Server, send

CALLS = "openat,openat2,write,pwrite64,writev,fsync,fdatasync,renameat2,unlinkat,ftruncate,sendto,sendmsg"


class Traced(Server):
    """A server under strace, with the given tracing or fault injection."""

    def __init__(self, folder, *options, **settings):
        super().__init__(folder, **settings)
        self.trace = pathlib.Path(folder) / "trace"
        self.command = ["strace", "-f", "-y", "-s", "60", "-o", str(self.trace), *options, str(BINARY), "serve"]

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for process in children or [self.process.pid]:
                os.kill(int(process), how)
            self.process.wait(timeout=40)


def events(text):
    """Returns the name, arguments and result of each call, ordered by completion. Responses are
    ordered by their start."""
    begun, found = {}, []
    for line in text.splitlines():
        match = re.match(r"(\d+) +(.*)", line)
        if not match:
            continue  # The end of a line that began before the trace.
        thread, rest = match.groups()
        if resumed := re.match(r"<\.\.\. (\w+) resumed>(.*)", rest):
            name, arguments = begun.pop(thread, (resumed[1], ""))
            arguments += resumed[2]
        elif unfinished := re.match(r"(\w+)\((.*) <unfinished \.\.\.>", rest):
            name, arguments = unfinished.groups()
            if "HTTP/1.1 " in arguments:
                found.append((name, arguments))
                name = "answer-continued"
            begun[thread] = (name, arguments)
            continue
        elif call := re.match(r"(\w+)\((.*)", rest):
            name, arguments = call.groups()
        else:
            continue
        found.append((name, arguments))
    return found


def position(found, names, *words, after=-1):
    """Returns the index of the first matching call after `after`."""
    for at, (name, arguments) in enumerate(found):
        if at > after and name in names and all(word in arguments for word in words):
            return at
    raise AssertionError(f"no {names} with {words} after {after} in:\n" + "\n".join(f"{n}({a[:150]}" for n, a in found))


def test_an_answer_comes_after_the_disk_has_it_all(tmp_path):
    """The order is write, fsync, rename, fsync of the folder, commit, response."""
    with Traced(tmp_path, "-e", f"trace={CALLS}") as server:

        def during(what):
            before = server.trace.stat().st_size
            answer = what()
            return answer, events(server.trace.read_text()[before:])

        image, upload, _ = server.begin()
        url = server.sign(image, upload, 1)
        put, found = during(lambda: send("PUT", url, {}, b"x" * 5000))
        assert put.status == 200
        data, journal, sync = f"{upload}/data>", f"{upload}/journal>", ("fsync", "fdatasync")
        order = [position(found, ("pwrite64", "write"), data)]
        order.append(position(found, sync, data, after=order[-1]))
        order.append(position(found, ("write", "pwrite64"), journal, after=order[-1]))
        order.append(position(found, sync, journal, after=order[-1]))
        order.append(position(found, ("writev", "write", "sendto"), "HTTP/1.1 200", after=order[-1]))
        print("part:", " → ".join(["write", "fsync", "journal", "fsync", "answer"]), order)

        done, found = during(lambda: server.complete(image, upload, [(1, put.headers["ETag"])]))
        assert done.status == 200
        order = [position(found, sync, data)]
        record = position(found, ("write",), "/.tmp/", "size")
        record_synced = position(found, sync, "/.tmp/", after=record)
        order.append(position(found, ("renameat2",), "disk.img.meta", after=record_synced))
        order.append(position(found, sync, f"/{image}/", after=order[-1]))
        order.append(position(found, ("renameat2",), '"data"', '"disk.img"', after=order[-1]))
        order.append(position(found, sync, f"/{image}/", after=order[-1]))
        commit = position(found, ("pwrite64",), "tidegate.db-wal>", after=order[-1])
        order += [commit, position(found, sync, "tidegate.db-wal>", after=commit)]
        answer = position(found, ("writev", "write", "sendto"), "HTTP/1.1 200", after=order[-1])
        order.append(answer)
        # Every new folder was made durable in its parent before the bytes were written.
        for folder in ("/store>", "/store/images>", "/store/images/alice>", f"/store/images/alice/{image}>"):
            assert position(found, sync, folder) < order[3], folder
        print("completion: fsync → record → fsync folder → rename → fsync folder → commit → fsync → answer", order)

        deleted, found = during(lambda: server.call("DELETE", f"/v1/images/{image}"))
        assert deleted.status == 204
        commit = position(found, sync, "tidegate.db-wal>")
        gone = position(found, ("unlinkat", "renameat2"), "disk.img", after=commit)
        assert position(found, ("writev", "write", "sendto"), "HTTP/1.1 204", after=gone) > gone
        # Rows are deleted before bytes, and no file outside the data folder was opened for writing.
        whole = events(server.trace.read_text())
        opened = [arguments for name, arguments in whole if name == "openat" and re.search(r"O_(RDWR|WRONLY|CREAT)", arguments)]
        outside = [arguments for arguments in opened if str(tmp_path / "data") not in arguments and '"/dev/' not in arguments and '"/proc/' not in arguments]
        assert not outside, outside
        server.stop()


class Breaking:
    """strace attached to a running server: the nth such call of a thread fails, until `mend`."""

    def __init__(self, server, calls, error, number):
        inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={number}"]
        self.log = server.folder / "breaking"
        with open(self.log, "wb") as log:
            command = ["strace", "-f", "-o", "/dev/null", *inject, "-p", str(server.process.pid)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while b"attached" not in self.log.read_bytes():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.005)

    def mend(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=20)


def one_upload(server, body, breaking):
    """Performs a whole upload with a client that retries. Repairs the disk after the first failed
    request. Returns whether a request failed."""
    refused, image, etag = False, None, None
    while True:
        assert breaking.process.poll() is None or refused, "strace ended by itself"
        if image is None:
            answer = server.call("POST", "/v1/images", body={})
            if answer.status == 200:
                image, upload = answer.json()["imageId"], answer.json()["uploadId"]
                continue
        elif etag is None:
            # A URL reserves bytes of the quota, so this is a write too.
            answer = server.call("POST", f"/v1/images/{image}/upload-url", body={"uploadId": upload, "partNumber": 1})
            if answer.status == 200:
                answer = send("PUT", answer.json()["url"], {}, body)
            if answer.status == 200:
                etag = answer.headers["ETag"]
                continue
        else:
            answer = server.complete(image, upload, [(1, etag)])
            if answer.status == 200:
                return image, refused
        assert answer.status in (500, 502, 503, 507) and not refused, (answer.status, answer.body)
        assert b"EIO" not in answer.body and b"os error" not in answer.body, "nothing of the inside"
        refused = True
        breaking.mend()
        if image:
            listed = server.call("GET", f"/v1/images/{image}/parts")
            if etag is None:
                assert listed.status == 200 and listed.json() == [], "a part that was refused is not listed"
            seen = server.call("GET", f"/v1/images/{image}/range")
            assert seen.status == 409 or seen.body == body, ("half an object is visible", seen.status)


@pytest.mark.parametrize(
    "calls,error,most",
    [("fsync,fdatasync", "EIO", 12), ("pwrite64", "ENOSPC", 40), ("renameat2", "EIO", 3)],
)
def test_a_disk_that_fails_once_costs_one_request(make_server, calls, error, most):
    """For every n, the nth such call fails. The result is a clear error and no partial state, and a
    retry succeeds."""
    # Without the sessions surface the server starts no other programs; strace can't detach from a
    # process that is starting.
    server, refusals = make_server(SURFACES="disks"), 0
    for number in range(1, most + 1):
        body = random.randbytes(random.randrange(1, 300_000))
        breaking = Breaking(server, calls, error, number)
        try:
            image, refused = one_upload(server, body, breaking)
        except AssertionError as failure:
            raise AssertionError(f"call {number} of {calls}: {failure}\n{server.log.read_text()[-3000:]}") from failure
        finally:
            breaking.mend()
        refusals += refused
        assert server.call("GET", f"/v1/images/{image}/range").body == body
    print(f"{calls} with {error}: {most} uploads, {refusals} of them refused once, all there")
    assert refusals, "the calls were really made to fail"
