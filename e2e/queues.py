"""Brokers of the black-box tests, each a process of its own that a test can kill: Redis, and an
emulator of SQS. Both are used as another program on the queue would be."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import uuid

import boto3
from botocore.config import Config

from ports import free_port
from server import ROOT

REGION = "us-east-1"
CLASSES = ("upkeep", "scans", "images", "videos")


def body(job):
    return json.dumps({"v": 1, "job": str(job)})


class Broker:
    """A process that listens on a port, and can be killed and started again."""

    def __init__(self, folder):
        self.folder, self.port, self.process = pathlib.Path(folder) / self.name, free_port(), None
        self.folder.mkdir()

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(self.command(), env=self.environment(), cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not answer")

    def environment(self):
        return dict(os.environ)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Redis(Broker):
    name = "redis"

    def __init__(self, folder, durable=True, password=None):
        super().__init__(folder)
        self.durable, self.password = durable, password

    def command(self):
        durable = ["--appendonly", "yes", "--appendfsync", "always"] if self.durable else ["--appendonly", "no"]
        secret = ["--requirepass", self.password] if self.password else []
        return [shutil.which("redis-server"), "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.folder), *durable, *secret]

    def settings(self):
        secret = {"REDIS_PASSWORD": self.password} if self.password else {}
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.port), **secret}

    def prepare(self):
        pass

    def set_receives(self, receives):
        """Workers move what is of another shape at once."""

    def call(self, *words):
        """Sends one command and returns its reply (RESP2)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            stream = connection.makefile("rwb")
            if self.password:
                self._write(stream, ("AUTH", self.password))
                self._read(stream)
            self._write(stream, words)
            return self._read(stream)

    @staticmethod
    def _write(stream, words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        stream.flush()

    def _read(self, stream):
        kind, rest = (line := stream.readline().rstrip(b"\r\n"))[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return None if rest == b"-1" else [self._read(stream) for _ in range(int(rest))]
        return rest.decode()

    def send(self, messages, cls="upkeep"):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            stream = connection.makefile("rwb")
            for message in messages:
                self._write(stream, ("XADD", f"tidegate:jobs:{cls}", "*", "message", message))
                self._read(stream)

    def send_foreign(self, cls="upkeep"):
        """Sends messages of other shapes and returns their number."""
        for fields in (("message", "hello"), ("other", "field"), ("message", b"\xff\xfe"), ("message", "{}", "a", "b"), ("message", "x" * 100_000), ("message", '{"v":2,"job":"1"}')):
            self.call("XADD", f"tidegate:jobs:{cls}", "*", *fields)
        return 6

    def take(self, cls="upkeep"):
        """Removes all messages and returns them."""
        entries = self.call("XRANGE", f"tidegate:jobs:{cls}", "-", "+")
        for key, _ in entries:
            self.call("XDEL", f"tidegate:jobs:{cls}", key)
        return [fields[1] for _, fields in entries]

    def purge(self):
        self.call("FLUSHALL")

    def depth(self, cls="upkeep"):
        return self.call("XLEN", f"tidegate:jobs:{cls}")

    def dead(self, cls="upkeep"):
        return [fields for _, fields in self.call("XRANGE", f"tidegate:jobs:{cls}:dead", "-", "+")]


class Sqs(Broker):
    """ministack, with one queue for all classes and its dead-letter queue. What it holds is gone when
    it is killed."""

    name = "ministack"

    def __init__(self, folder, receives=5):
        super().__init__(folder)
        self.receives, self.queue = receives, f"jobs-{uuid.uuid4().hex}"
        self.client = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 5}),
        )

    def command(self):
        return [ROOT / ".tools/ministack/bin/python", "-m", "ministack"]

    def environment(self):
        return {
            **os.environ,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "TMPDIR": str(self.folder),
        }

    def prepare(self):
        """Creates the queues."""
        self.dead_url = self.client.create_queue(QueueName=f"{self.queue}-dead")["QueueUrl"]
        arn = self.client.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": self.receives})
        self.url = self.client.create_queue(QueueName=self.queue, Attributes={"RedrivePolicy": policy})["QueueUrl"]

    def set_receives(self, receives):
        """Sets how often a message is received before it is moved to the dead-letter queue."""
        policy = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
        policy = json.dumps(json.loads(policy) | {"maxReceiveCount": receives})
        self.client.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": policy})

    def settings(self):
        return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "JOB_QUEUE_URL": f"http://127.0.0.1:{self.port}/000000000000/{self.queue}"}

    def send(self, messages, cls=None):
        messages = list(messages)
        for at in range(0, len(messages), 10):
            entries = [{"Id": str(number), "MessageBody": message} for number, message in enumerate(messages[at : at + 10])]
            assert not self.client.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed")

    def send_foreign(self, cls=None):
        foreign = ["hello", "{}", '{"v":2,"job":"1"}', json.dumps({"Records": [{"s3": {}}]}), "x" * 100_000, '{"v":1,"job":17}']
        self.send(foreign)
        return len(foreign)

    def take(self, cls=None):
        taken = []
        while messages := self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
            for message in messages:
                taken.append(message["Body"])
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def purge(self):
        self.client.purge_queue(QueueUrl=self.url)

    def count(self, url):
        """The messages that were sent and not deleted, without those whose delay has not ended."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def depth(self, cls=None):
        return self.count(self.url)

    def dead(self, cls=None):
        return [None] * self.count(self.dead_url)
