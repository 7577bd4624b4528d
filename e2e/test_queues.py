"""Tests SQS and Redis as transports of jobs: servers send, `tidegate work` receives. Messages are lost,
repeated, reordered, poisoned and late; servers, workers and brokers are killed."""

import contextlib
import json
import re
import signal
import subprocess
import time
import uuid

import pytest

import backends
from ports import free_port
from queues import Redis, Sqs, body
from server import BINARY, send
from sessions import Session, drawn, encoded

# As long as no test waits: what is done so much sooner was done by a message.
NEVER = "3600"
# How long a message of a lost worker stays hidden, and then some.
HIDDEN = 60


@pytest.fixture(params=[Redis, Sqs], ids=["redis", "sqs"])
def broker(request, tmp_path):
    broker = request.param(tmp_path)
    broker.start()
    broker.prepare()
    yield broker
    broker.stop()


class Worker:
    """A `tidegate work` process."""

    def __init__(self, folder, name, settings, **own):
        self.port, self.log = free_port(), folder / f"{name}.log"
        self.settings = settings | {"TIDEGATE_DATA": str(folder / name), "WORKER_PORT": str(self.port), "SCANNER": "off"} | own
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BINARY, "work"], env=self.settings, cwd=folder, stdout=log, stderr=log)
        wait(lambda: self.answers(), f"{name} is ready")

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        with contextlib.suppress(OSError):
            return send("GET", f"http://127.0.0.1:{self.port}/readyz").status == 200

    def metrics(self, name):
        """The values of a metric by their labels."""
        text = send("GET", f"http://127.0.0.1:{self.port}/metrics").body.decode()
        return {labels: float(value) for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.M)}

    def received(self, outcome):
        return sum(count for labels, count in self.metrics("tidegate_queue_received_total").items() if f'outcome="{outcome}"' in labels)

    def is_up(self):
        up = self.metrics("tidegate_queue_up")
        return len(up) > 0 and all(up.values())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=40) == 0
        log = self.log.read_text()
        assert "panicked" not in log, log[-2000:]


@pytest.fixture
def make_worker(tmp_path):
    workers = []

    def make(server, **own):
        worker = Worker(tmp_path, f"worker-{len(workers)}", server.settings, **own)
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGCONT)
            worker.process.kill()
            worker.process.wait()
        assert "panicked" not in worker.log.read_text()


@pytest.fixture
def chosen(broker):
    return {**backends.settings("postgres", "s3"), **broker.settings(), "JOB_LOOK_SECONDS": NEVER, "SWEEP_INTERVAL_SECONDS": "86400"}


def wait(condition, what, seconds=40):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.05)
    return found


def jobs(server, where="TRUE"):
    """Returns the jobs that are due soon. An aborted upload also leaves one for when its URLs have ended."""
    soon = f"run_at < {int((time.time() + 60) * 1e6)}"
    return [int(row[0]) for row in backends.psql(server.settings["DATABASE_URL"], f"SELECT id FROM jobs WHERE {soon} AND {where} ORDER BY id")]


def insert(server, count, cls="images", due_in=0):
    """Inserts jobs of which nobody is told, and returns their ids. They find nothing to do."""
    job = json.dumps({"type": "IngestV1", "object": str(uuid.uuid4()), "video": False})
    now = int(time.time() * 1e6)
    rows = backends.psql(
        server.settings["DATABASE_URL"],
        "INSERT INTO jobs (payload, state, run_at, attempts, max_attempts, created_at, class, priority) "
        f"SELECT '{job}', 'QUEUED', {now + int(due_in * 1e6)}, 0, 6, {now}, '{cls}', 0 FROM generate_series(1, {count}) RETURNING id",
    )
    return [int(row[0]) for row in rows]


def enqueue(server, count):
    """Has the server enqueue jobs: each aborted upload leaves one that deletes its parts."""
    for _ in range(count):
        image, upload, _ = server.begin()
        assert server.call("POST", f"/v1/images/{image}/abort", body={"uploadId": upload}).status in (200, 204)


def test_messages_carry_ids_alone_and_have_jobs_run(broker, chosen, make_server, make_worker):
    server = make_server(**chosen, WORKER="false")
    enqueue(server, 30)
    wait(lambda: broker.depth() >= 30, "the messages")
    ids, messages = jobs(server), broker.take()
    assert sorted(messages) == sorted(f'{{"v":1,"job":"{number}"}}' for number in ids), "an id each, and nothing else"
    assert broker.depth() == 0
    broker.send(messages)
    worker = make_worker(server)
    wait(lambda: not jobs(server), "the jobs of the messages")
    # Those that come from now on find a worker that waits.
    started = time.monotonic()
    enqueue(server, 5)
    wait(lambda: not jobs(server), "more of them")
    assert time.monotonic() - started < 10
    wait(lambda: broker.depth() == 0, "the messages are deleted")
    assert worker.is_up()
    assert worker.received("done") >= 35 and worker.received("foreign") == 0
    assert sum(worker.metrics("tidegate_queue_looks_total").values()) == 0, "nothing was found without a message"
    assert wait(lambda: worker.metrics("tidegate_queue_messages"), "the depths")
    worker.stop()


def test_repeated_reordered_early_late_and_foreign_messages(broker, chosen, make_server, make_worker):
    broker.set_receives(1)
    server = make_server(**chosen, WORKER="false")
    first, second, early = insert(server, 40), insert(server, 40), insert(server, 1, due_in=4)
    never = [1_000_000, 2_000_000, 2**63 - 1]
    messages = [*reversed(second), *first, *second, *first, *early, *early, *never]
    broker.send(map(body, messages), "images")
    foreign = broker.send_foreign("images")
    worker = make_worker(server)
    wait(lambda: not jobs(server), "all of them")
    wait(lambda: worker.received("foreign") >= foreign, "the foreign ones")
    counted = worker.metrics("tidegate_jobs_total")
    assert sum(count for labels, count in counted.items() if 'job="ingest"' in labels) == 81, f"each job once: {counted}"
    assert worker.received("gone") + worker.received("leased") + worker.received("early") >= 83
    assert worker.received("failed") == 0
    log = worker.log.read_text()
    warned = [line for line in log.splitlines() if "another shape" in line]
    assert 1 <= len(warned) <= 3 and "xxxx" not in log, "said now and then, without what they hold"
    # Redis moves them at once, and SQS when they come for the second time.
    wait(lambda: len(broker.dead("images")) == foreign, "the dead-letter queue", seconds=2 * HIDDEN)
    assert worker.received("foreign") == foreign, "no hot loop"
    wait(lambda: broker.depth("images") == 0, "all messages are gone")
    worker.stop()
    # What is of another shape stays there, unless one says so.
    command = lambda *words: subprocess.run([BINARY, "jobs", "redrive", *words], env=worker.settings, capture_output=True, text=True, timeout=60)
    tried = command("--dry-run")
    assert tried.returncode == 0 and f"0 messages would be moved, {foreign} left" in tried.stdout, tried
    assert "xxxx" not in tried.stdout + tried.stderr
    tried = command("--dry-run", "--all")
    assert f"{foreign} messages would be moved, 0 left" in tried.stdout, tried
    assert len(broker.dead("images")) == foreign and broker.depth("images") == 0
    moved = command("--all", "--limit", "2")
    assert moved.returncode == 0 and "2 messages moved" in moved.stdout, moved
    assert (len(broker.dead("images")), broker.depth("images")) == (foreign - 2, 2)
    moved = command("--all")
    assert f"{foreign - 2} messages moved, 0 left" in moved.stdout, moved
    assert (len(broker.dead("images")), broker.depth("images")) == (0, foreign)


def test_messages_of_jobs_are_redriven(tmp_path, make_server, make_worker):
    """A queue whose consumer failed each time, as one whose database was down for hours."""
    broker = Sqs(tmp_path, receives=1).start()
    try:
        broker.prepare()
        server = make_server(**backends.settings("postgres", "s3"), **broker.settings(), JOB_LOOK_SECONDS=NEVER, SWEEP_INTERVAL_SECONDS="86400", WORKER="false")
        ids = insert(server, 25)
        broker.client.send_message(QueueUrl=broker.dead_url, MessageBody="foreign")
        for number in ids:
            broker.client.send_message(QueueUrl=broker.dead_url, MessageBody=body(number))
        worker = make_worker(server)
        wait(worker.is_up, "the queue is up")
        assert set(jobs(server)) >= set(ids), "nobody names them"
        done = subprocess.run([BINARY, "jobs", "redrive"], env=worker.settings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "25 messages moved, 1 left" in done.stdout and "--all" in done.stdout, done
        wait(lambda: not jobs(server), "the jobs")
        assert broker.count(broker.dead_url) == 1
        worker.stop()
    finally:
        broker.stop()


def test_a_message_that_is_lost_is_found_in_the_database(broker, chosen, make_server, make_worker):
    chosen |= {"JOB_LOOK_SECONDS": "2"}
    server = make_server(**chosen, WORKER="false")
    ids = insert(server, 20) + insert(server, 20, "upkeep")
    worker = make_worker(server)
    wait(lambda: not jobs(server), "jobs without a message")
    found = worker.metrics("tidegate_queue_looks_total")
    assert sum(found.values()) >= len(ids), found
    # Also beside messages that come.
    lost = insert(server, 3)
    enqueue(server, 20)
    wait(lambda: not jobs(server), "both")
    assert lost and worker.is_up()
    worker.stop()


def test_a_worker_is_killed_in_mid_job_and_another_goes_on(broker, chosen, make_server, make_worker):
    server = make_server(**chosen, WORKER="false", UPLOAD_SIGNING_KEY="x" * 32)
    session = Session(server)
    media = session.send(encoded(drawn(5000, 4000), "JPEG"), "image/jpeg").json()["id"]
    worker = make_worker(server)
    wait(lambda: session.show(media)["status"] == "PROCESSING", "it is being made")
    worker.kill()
    assert session.show(media)["status"] == "PROCESSING"
    second = make_worker(server)
    # Its message appears again when nobody keeps it hidden; the lease has ended by then.
    shown = session.ended(media, seconds=2 * HIDDEN)
    assert shown["status"] == "COMPLETED", shown
    assert second.received("done") >= 1 and sum(second.metrics("tidegate_queue_looks_total").values()) == 0
    wait(lambda: broker.depth("images") == 0, "the message is deleted")
    second.stop()


def test_a_message_that_appears_again_in_mid_job_changes_nothing(broker, chosen, make_server, make_worker):
    """A worker that stands still for longer than its lease and its message are its own."""
    server = make_server(**chosen, WORKER="false", UPLOAD_SIGNING_KEY="x" * 32)
    session = Session(server)
    media = session.send(encoded(drawn(5000, 4000), "JPEG"), "image/jpeg").json()["id"]
    slow = make_worker(server)
    wait(lambda: session.show(media)["status"] == "PROCESSING", "it is being made")
    slow.process.send_signal(signal.SIGSTOP)
    other = make_worker(server)
    assert session.ended(media, seconds=2 * HIDDEN)["status"] == "COMPLETED"
    assert other.received("done") >= 1
    slow.process.send_signal(signal.SIGCONT)
    wait(lambda: broker.depth("images") == 0, "the message is deleted")
    wait(lambda: not jobs(server), "the job is done")
    steps = [step["status"] for step in session.call("GET", f"/media/{media}/history").json()]
    assert steps.count("COMPLETED") == 1 and steps[-1] == "COMPLETED", steps
    enqueue(server, 3)
    wait(lambda: not jobs(server), "both go on")
    slow.stop()
    other.stop()


def test_a_broker_is_killed_and_jobs_go_on_without_it(broker, chosen, make_server, make_worker):
    server = make_server(**chosen, WORKER="false")
    worker = make_worker(server)
    wait(worker.is_up, "the queue is up")
    broker.kill()
    started = time.monotonic()
    enqueue(server, 20)
    assert time.monotonic() - started < 10, "no request waits for the broker"
    wait(lambda: not jobs(server), "the database's own queue")
    assert not worker.is_up()
    assert send("GET", f"http://127.0.0.1:{worker.port}/readyz").status == 200, "a worker without its broker works"
    assert server.call("GET", "/readyz").status == 200
    broker.start()
    broker.prepare()
    wait(worker.is_up, "the queue is up again")
    # What could not be sent comes late, and names jobs that are gone.
    wait(lambda: worker.received("gone") >= 20, "the late messages", seconds=60)
    before = worker.received("done")
    enqueue(server, 5)
    wait(lambda: not jobs(server), "messages again")
    assert worker.received("done") >= before + 5
    log = worker.log.read_text()
    assert 1 <= log.count("messages can't be received") <= 4, "once for each queue"
    assert "messages are received" in log
    worker.stop()


def test_a_broker_that_loses_everything_loses_no_job(tmp_path, make_server, make_worker):
    broker = Redis(tmp_path, durable=False, password="hunter2-of-redis").start()
    try:
        server = make_server(**backends.settings("postgres", "s3"), **broker.settings(), JOB_LOOK_SECONDS="2", SWEEP_INTERVAL_SECONDS="86400", WORKER="false")
        enqueue(server, 20)
        wait(lambda: broker.depth() >= 20, "the messages")
        broker.kill()
        broker.start()
        assert broker.depth() == 0, "it has forgotten them"
        worker = make_worker(server)
        wait(lambda: not jobs(server), "the jobs")
        broker.purge()
        enqueue(server, 5)
        wait(lambda: not jobs(server), "the group is made again")
        assert "hunter2-of-redis" not in worker.log.read_text() + server.log.read_text()
        worker.stop()
    finally:
        broker.stop()


def test_a_server_is_killed_before_it_sends(broker, chosen, make_server, make_worker):
    chosen |= {"JOB_LOOK_SECONDS": "2"}
    server = make_server(**chosen, WORKER="false")
    broker.kill()
    enqueue(server, 10)
    server.stop(signal.SIGKILL)
    broker.start()
    broker.prepare()
    ids = jobs(server)
    assert len(ids) >= 10 and broker.depth() == 0
    worker = make_worker(server)
    wait(lambda: not set(jobs(server)) & set(ids), "the jobs that nobody names")
    server.start()
    enqueue(server, 3)
    wait(lambda: not jobs(server), "as before")
    worker.stop()


def test_a_failed_job_is_named_again_when_it_is_due(broker, chosen, make_server, make_worker):
    server = make_server(**chosen, WORKER="false")
    worker = make_worker(server)
    wait(worker.is_up, "the queue is up")
    failing = json.dumps({"type": "HideSpaceV1", "space": "no id"})
    now = int(time.time() * 1e6)
    (row,) = backends.psql(
        server.settings["DATABASE_URL"],
        f"INSERT INTO jobs (payload, state, run_at, attempts, max_attempts, created_at, class, priority) VALUES ('{failing}', 'QUEUED', {now}, 0, 3, {now}, 'upkeep', 0) RETURNING id",
    )
    broker.send([body(row[0])])
    # Pauses of 2 and 4 s, each ended by a message of its own.
    wait(lambda: jobs(server, "state = 'DEAD'"), "the third attempt is its last", seconds=40)
    assert worker.received("failed") == 3 and sum(worker.metrics("tidegate_queue_looks_total").values()) == 0
    wait(lambda: broker.depth() == 0, "nothing is left in the queue")
    # A dead letter is a row: it is retried, not redriven, and the retry names it.
    retried = subprocess.run([BINARY, "jobs", "retry", row[0]], env=worker.settings, capture_output=True, text=True, timeout=60)
    assert retried.returncode == 0, retried
    wait(lambda: worker.received("failed") >= 4, "it is named again")
    worker.stop()


def test_one_process_with_sqlite_can_use_a_broker(broker, make_server):
    server = make_server(**broker.settings(), JOB_LOOK_SECONDS=NEVER, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    session = Session(server)
    assert session.make(encoded(drawn(400, 300), "JPEG"), "image/jpeg")["status"] == "COMPLETED"
    metrics = server.call("GET", "/metrics").body.decode()
    done = sum(float(count) for count in re.findall(r'^tidegate_queue_received_total{.*outcome="done".*} (\S+)$', metrics, re.M))
    assert done >= 1, metrics


def test_what_can_not_be_is_said(tmp_path, make_server):
    server = make_server()
    for given, said in (
        ({"JOB_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/jobs"}, "AWS_REGION"),
        ({"JOB_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/jobs.fifo"}, "a standard queue"),
        ({"JOB_QUEUE_URL": "jobs"}, "the URL of a queue"),
        ({"REDIS_HOST": "a", "REDIS_URL": "redis://b"}, "either it or REDIS_URL"),
        ({"REDIS_HOST": "a", "RESTORE_PACKAGE_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/jobs"}, "one way"),
    ):
        refused = subprocess.run([BINARY, "check"], env=server.settings | given, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert refused.returncode == 2 and said in refused.stderr, (given, refused.stderr)
    without = subprocess.run([BINARY, "jobs", "redrive"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert without.returncode == 1 and "JOB_QUEUE_URL" in without.stderr, without
