"""Kills the server at each system call that changes a store or a database, during the upload and
during the completion, for every way to create an object. After a restart the client retries.
Acknowledged bytes must be there and equal; unacknowledged bytes may be there, or the response says
that they are not, and they can be sent again.

By default, a way with many calls is tried at a random sample of them. KILLS=1 tries all, also on
PostgreSQL with a bucket. `-s` shows the table.
"""

import collections
import concurrent.futures
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import backends
import pytest
import ways
from kills import CHANGES, SPOKEN, Killer
from server import BINARY, Server, send

FULL = "KILLS" in os.environ
# The number of calls tried for each way and phase, unless all are.
SOME = 8
# The machine has few processors, and a server often waits for its disk.
AT_ONCE = 4
LONGEST = 20
JOBS = 0.15


# The sample differs from run to run; SEED repeats one.
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
CHANCE = random.Random(SEED)


def chosen(calls):
    """Returns the call numbers to try, from 1: all of them, or a sample in which two thirds change
    folders."""
    everything = range(1, len(calls) + 1)
    if FULL or len(calls) <= SOME:
        return everything
    folders = [at for at in everything if calls[at - 1] not in SPOKEN | {"pwrite64", "pwritev", "fsync", "fdatasync"}]
    others = [at for at in everything if at not in set(folders)]
    tried = CHANCE.sample(folders, min(len(folders), SOME * 2 // 3))
    return sorted(tried + CHANCE.sample(others, min(len(others), SOME - len(tried))))


class Table:
    """Collects one row for each way, phase and call."""

    def __init__(self):
        self.rows, self.counts, self.failures, self.lock = collections.defaultdict(collections.Counter), {}, [], threading.Lock()

    def add(self, way, phase, call, outcome, failure=None):
        with self.lock:
            self.rows[way, phase, call][outcome] += 1
            if failure:
                self.failures.append(f"{way}, {phase}, killed at {call}: {failure}")

    def show(self):
        print(f"\n{'way':<27} {'phase':<9} {'call':<16} {'calls':>5} {'killed':>6}  outcomes")
        for (way, phase, call), outcomes in sorted(self.rows.items()):
            calls = self.counts.get((way, phase), {}).get(call, 0)
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            print(f"{way:<27} {phase:<9} {call:<16} {calls:>5} {sum(outcomes.values()):>6}  {told}")


class Trial:
    def __init__(self, table, kind, folder, database="sqlite", store="disk"):
        # The server logs warnings and errors only, so that its log adds few write calls. Without
        # ffmpeg a start is shorter; nothing here is a video.
        more = {"LOG_LEVEL": "warn", "SHUTDOWN_GRACE_SECONDS": "1", "WORKER_IMAGES": "1", "FFMPEG_PATH": "off"}
        self.server = Server(folder, **backends.settings(database, store), **more, **kind.settings)
        self.way, self.table = kind(self.server), table
        self.name = kind.name if store == "disk" else f"{kind.name} (S3)"
        self.names = CHANGES if (database, store) == ("sqlite", "disk") else CHANGES | SPOKEN

    def run(self):
        self.server.start()
        try:
            # The first upload creates folders and tables that later ones find.
            warm = self.way.begin()
            self.way.send(warm)
            self.way.check(warm, self.answered(warm))
            for phase in ("send", "complete"):
                calls = self.undisturbed(phase)
                self.table.counts[self.name, phase] = collections.Counter(calls)
                for at in chosen(calls):
                    self.killed(phase, at)
            if not any(failure.startswith(f"{self.name}, ") for failure in self.table.failures):
                self.way.done()
        finally:
            self.server.stop(signal.SIGKILL)
        assert "panicked" not in self.server.log.read_text()

    def answered(self, one):
        answer = self.way.finish(one)
        assert answer.status in (200, 201, 202), (answer.status, answer.body)
        return answer

    def undisturbed(self, phase):
        one = self.way.begin()
        if phase == "complete":
            self.way.send(one)
        # Wait until the jobs of the previous upload have ended.
        time.sleep(JOBS)
        with Killer(self.server.process.pid, names=self.names) as killer:
            if phase == "send":
                self.way.send(one)
            else:
                self.way.check(one, self.answered(one))
                # Wait for jobs that clean up after the response.
                killer.gone.wait(JOBS)
        if phase == "send":
            self.way.check(one, self.answered(one))
        return list(killer.calls)

    def killed(self, phase, at):
        one, acknowledged, confirmed = self.way.begin(), False, False
        if phase == "complete":
            self.way.send(one)
            acknowledged = True
        with Killer(self.server.process.pid, at, self.names) as killer:
            try:
                if phase == "send":
                    self.way.send(one)
                    acknowledged = True
                else:
                    answer = self.answered(one)
                    confirmed = True
                    self.way.check(one, answer)
                    killer.gone.wait(JOBS)
            except ways.CUT:
                assert killer.gone.wait(LONGEST), "a request broke off, and the server lives"
        call = killer.calls[at - 1] if killer.killed else "-"
        if killer.killed:
            self.server.stop(signal.SIGKILL)
            self.server.start()
        try:
            outcome = self.again(one, acknowledged)
        except Exception as error:  # Any exception is a failure of this row.
            self.table.add(self.name, phase, call, "LOST", f"{at}: {error!r}")
            return
        if not killer.killed:
            outcome = "not reached"
        elif confirmed:
            outcome += ", answered before"
        self.table.add(self.name, phase, call, outcome)

    def again(self, one, acknowledged):
        answer, outcome = self.way.finish(one), "there"
        if not 200 <= answer.status < 300:
            assert not acknowledged, f"it was acknowledged; then {answer.status} {answer.body}"
            assert self.way.nothing(answer), (answer.status, answer.body)
            self.way.send(one)
            answer, outcome = self.answered(one), "nothing came, sent again"
        self.way.check(one, answer)
        return outcome


def run(tmp_path, kinds, **where):
    table, started = Table(), time.monotonic()

    def one(number, kind):
        folder = tmp_path / f"{number}-{where.get('store', 'disk')}"
        folder.mkdir()
        Trial(table, kind, folder, **where).run()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        trials = [pool.submit(one, number, kind) for number, kind in enumerate(kinds)]
        concurrent.futures.wait(trials)
    table.show()
    print(f"seed {SEED}: {sum(sum(row.values()) for row in table.rows.values())} kills in {time.monotonic() - started:.0f} s")
    for trial in trials:
        trial.result()
    assert not table.failures, "\n".join(table.failures)
    killed = sum(count for row in table.rows.values() for outcome, count in row.items() if outcome != "not reached")
    assert killed > 5 * len(kinds), "hardly ever was it killed"


def test_nothing_acknowledged_is_lost_at_any_call(tmp_path):
    run(tmp_path, ways.ALL)


BUCKETS = [("postgres", "s3"), ("sqlite", "s3")]


@pytest.mark.parametrize("database,store", BUCKETS if FULL else BUCKETS[:1])
def test_nothing_acknowledged_is_lost_in_a_bucket(tmp_path, database, store):
    # Imports on S3 have their own test, which checks the bucket.
    kinds = [kind for kind in ways.ALL if kind is not ways.Imports]
    run(tmp_path, kinds if FULL else [ways.FilesPut, ways.Packages], database=database, store=store)


class Tree:
    """A tree of another program that `tidegate import files` imports, in the store's folder or
    beside it."""

    def __init__(self, folder, in_place):
        self.root = folder / "uploads"
        self.server = Server(folder, LOG_LEVEL="warn", **({"UPLOAD_ROOT": str(self.root)} if in_place else {}))
        self.files = {f"storage/user123/main/0000000{number}_a.bin": bytes([number]) * 900 for number in range(3)}
        for path, body in self.files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(body)
        # Create the database before the measured import.
        subprocess.run([BINARY, "import", "files", "--dry-run", self.root], env=self.server.settings, check=True, capture_output=True)

    def taken(self, at=None):
        """Runs the import. The process is stopped before it does anything, so that the tracer sees
        every call."""
        command = ["sh", "-c", 'kill -STOP $$; exec "$0" "$@"', BINARY, "import", "files", self.root]
        with open(self.server.log, "ab") as log:
            process = subprocess.Popen(command, env=self.server.settings, stdout=log, stderr=log)
        while pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            time.sleep(0.001)
        with Killer(process.pid, at) as killer:
            assert killer.gone.wait(LONGEST), "an import without an end"
        process.wait()
        return killer

    def check(self):
        command = [BINARY, "import", "files", self.root]
        done = subprocess.run(command, env=self.server.settings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        with self.server as server:
            for path, body in self.files.items():
                assert (self.root / path).read_bytes() == body, "the other program still has it"
                got = send("GET", f"{server.api}/{path}")
                assert (got.status, got.body) == (200, body), (path, got.status)
            usage = server.call("GET", "/v1/files/usage", "user123").json()
            assert (usage["used"], usage["reserved"], usage["files"]) == (2700, 0, 3), usage


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "beside"])
def test_an_import_from_another_program_is_killed_at_any_call(tmp_path, in_place):
    table, name = Table(), "import of files"

    def tree(number):
        (tmp_path / str(number)).mkdir()
        return Tree(tmp_path / str(number), in_place)

    calls = tree(0).taken().calls
    table.counts[name, "import"] = collections.Counter(calls)
    for at in chosen(calls):
        one = tree(at)
        killer = one.taken(at)
        one.check()
        table.add(name, "import", killer.calls[at - 1] if killer.killed else "-", "there" if killer.killed else "not reached")
    table.show()
    assert len(calls) > 10
