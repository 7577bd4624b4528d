"""What a new user and an operator meet first: the start, its first request, the page at `/`, health,
the support bundle of a running server, and the log while the database is away."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
import urllib.parse

import pytest

import backends
from browser_tab import Tab
from ports import free_port
from server import BINARY, ROOT, Server, send


def run(server, *arguments, **more):
    settings = {**server.settings, **more}
    return subprocess.run([BINARY, *arguments], env=settings, cwd=server.folder, capture_output=True, text=True, timeout=60)


def eventually(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def bundle(path):
    """Returns the files of a support bundle by name."""
    with tarfile.open(path) as archive:
        members = {member.name.removeprefix("tidegate-support/"): archive.extractfile(member) for member in archive}
        return {name: member.read().decode() for name, member in members.items()}


def with_binary_in_path(folder):
    """Returns a PATH in which the binary is called `tidegate`, as commands for people call it."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    if not (programs / "tidegate").exists():
        (programs / "tidegate").symlink_to(BINARY.resolve())
    return f"{programs}:{os.environ['PATH']}"


def started(make_server, folder, **settings):
    """Starts a server as a person does, and returns it with what it printed and logged."""
    server = make_server(LOG_FORMAT="pretty", LOG_LEVEL="info", **settings)
    eventually(lambda: "another terminal" in server.log.read_text(), "the start says what to try")
    return server, server.log.read_text()


@pytest.mark.parametrize("sign_in", [{}, {"AUTH_MODE": "none"}, {"AUTH_OWN_TOKENS": "true"}])
def test_the_start_says_each_thing_once_and_a_request_that_works(make_server, tmp_path, sign_in):
    server, text = started(make_server, tmp_path, **sign_in)
    data = str(tmp_path / "data")
    for said in (f"{server.edge}\n", f"{server.s3}\n", f"data    {data}\n", "whoever knows their path", f"API     {server.api} "):
        assert text.count(said) == 1, (said, text)
    assert text.count(f"{data}\n") == 1 and text.count("Tidegate 0.") == 1, text
    command = text.split("another terminal:\n\n")[1].split("\n\n")[0]
    environment = {**server.settings, "PATH": with_binary_in_path(tmp_path)}
    done = subprocess.run(["bash", "-euc", command], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)["name"] == "Holidays", (command, done)


def test_a_log_for_programs_says_it_in_one_line(make_server):
    server = make_server()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (serving,) = [line for line in lines if line["message"] == "serving"]
    assert (serving["api"], serving["edge"], serving["s3"]) == (server.api, server.edge, server.s3)
    assert serving["data"] == str(server.folder / "data")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_wide_and_narrow_windows(server, tmp_path, width):
    with Tab(tmp_path) as tab:
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        tab.open(server.api + "/start")
        assert tab.wait("document.querySelectorAll('section').length >= 4")
        assert tab.value("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"
        assert str(tmp_path / "data") in tab.value("document.body.innerText")
        # The command can be copied as it is.
        command = tab.value("document.querySelector('pre').innerText")
        done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, timeout=30)
        assert json.loads(done.stdout)["name"] == "Holidays", (command, done)
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            tab.screenshot(pathlib.Path(folder) / f"first-page-{width}.png")
        assert not [event for event in tab.events if event.get("method") == "Log.entryAdded"], tab.events


def without_rights(*arguments):
    """Returns the command of a process that file modes hold back, also as root."""
    drops = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return [*drops, BINARY, *arguments]


def test_what_file_modes_forbid_is_told_with_path_and_cause(tmp_path):
    server = Server(tmp_path)
    closed, key = tmp_path / "closed", tmp_path / "key.pem"
    closed.mkdir(mode=0o555)
    key.write_text("hunter2")
    key.chmod(0o000)
    for data, says in (
        (closed, f"TIDEGATE_DATA={closed}: the folder can't be written to: Permission denied"),
        (closed / "new/data", f"TIDEGATE_DATA={closed}/new/data: the folder can't be created in {closed}: Permission denied"),
    ):
        for command in ("check", "serve", "migrate"):
            settings = {**server.settings, "TIDEGATE_DATA": str(data)}
            done = subprocess.run(without_rights(command), env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert done.returncode == 1 and says in done.stdout + done.stderr, (command, done)
            assert "chown" in done.stdout + done.stderr, "what would be right is said"
    assert not list(closed.iterdir())
    settings = {**server.settings, "CLOUDFRONT_KEY_PAIR_ID": "K1", "CLOUDFRONT_PRIVATE_KEY_PEM": str(key)}
    done = subprocess.run(without_rights("check"), env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and f"{key} can't be read: Permission denied" in done.stderr, done


def test_health_is_an_exit_code(make_server):
    server = make_server(METRICS_PORT=str(free_port()))
    healthy = run(server, "health")
    assert healthy.returncode == 0 and json.loads(healthy.stdout)["ok"] is True, healthy
    assert run(server, "health", "--url", f"{server.api}/").returncode == 0
    # Any address, as a container binds it, is reached as this machine.
    assert run(server, "health", BIND_HOST="0.0.0.0").returncode == 0
    probes = f"http://127.0.0.1:{server.settings['METRICS_PORT']}"
    assert run(server, "health", "--url", probes).returncode == 0
    # Settings that would stop a start do not matter: a stand-alone edge has others than a server.
    assert run(server, "health", ENV="prod").returncode == 0
    for arguments, says in (
        (["--worker"], "WORKER_PORT is off"),
        (["--url", f"http://127.0.0.1:{free_port()}"], "does not answer"),
        (["--url", f"{server.api}/nowhere"], "answers 404"),
        (["--url", "nonsense"], "does not answer"),
    ):
        failed = run(server, "health", *arguments)
        assert failed.returncode == 1 and says in failed.stderr, (arguments, failed)
    assert run(server, "health", PORT="0").returncode == 1
    server.process.send_signal(signal.SIGSTOP)
    started_at = time.monotonic()
    hangs = run(server, "health", "--timeout", "1")
    server.process.send_signal(signal.SIGCONT)
    assert hangs.returncode == 1 and time.monotonic() - started_at < 10, hangs
    server.stop()
    assert run(server, "health").returncode == 1


def test_the_bundle_of_a_running_server(make_server, tmp_path):
    secret = "hunter2" * 6
    server = make_server(S3_OPERATOR_ACCESS_KEY="OPERATOR12345678", S3_OPERATOR_SECRET_KEY=secret, UPLOAD_SIGNING_KEY=secret)
    server.call("POST", "/v1/images", body={"name": "ann's private disk"})
    done = run(server, "support-bundle", "--output", "bundle.tar.gz")
    assert done.returncode == 0, done
    files = bundle(tmp_path / "bundle.tar.gz")
    for name in files:
        assert f"tidegate-support/{name}\n" in done.stdout, "what is in it is said"
    assert '"database":"ok"' in files["health.txt"] and "GET" in files["health.txt"]
    assert "tidegate_http_requests_total" in files["metrics.txt"]
    assert "SQLite 3." in files["database.txt"] and "0001 core             applied" in files["database.txt"]
    assert "missing" not in files["database.txt"] and "dead jobs:" in files["database.txt"]
    assert "the settings are fine" in files["check.txt"]
    assert "S3_OPERATOR_SECRET_KEY=(hidden)\n" in files["settings.txt"]
    assert f"PORT={server.ports['PORT']}\n" in files["settings.txt"]
    assert "kernel      Linux" in files["system.txt"] and "data disk" in files["system.txt"]
    everything = "".join(files.values())
    stored = [path.read_text().strip() for path in (tmp_path / "data/keys").rglob("*") if path.is_file() and not path.name.endswith(".pub.pem")]
    for forbidden in (secret, "OPERATOR12345678", "ann's private disk", "alice", *stored):
        assert forbidden not in everything, forbidden[:20]


def test_migrate_on_postgres(tmp_path):
    server = Server(tmp_path, **backends.settings("postgres", "disk"))
    # A bundle changes nothing, not even an empty database.
    assert run(server, "support-bundle", "--output", "empty.tar.gz").returncode == 0
    assert re.search(r"^  0001 core +missing$", bundle(tmp_path / "empty.tar.gz")["database.txt"], re.M)
    first = run(server, "migrate")
    assert first.returncode == 0 and "applied   0001 core\n" in first.stdout and "\ndone: " in first.stdout, first
    assert "nothing to do" in run(server, "migrate").stdout
    assert not (tmp_path / "data").exists(), "it needs no data folder"
    url = server.settings["DATABASE_URL"]
    backends.psql(url, "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', TRUE, '', 1)")
    for command in ("migrate", "serve"):
        newer = run(server, command)
        assert newer.returncode == 1 and "the database is newer than this binary" in newer.stderr, newer
    away = run(server, "migrate", DATABASE_URL=f"postgres://ann:hunter2@127.0.0.1:{free_port()}/db")
    assert away.returncode == 1 and "does not answer" in away.stderr and "hunter2" not in away.stderr, away


def test_help_needs_what_every_machine_has(tmp_path):
    """`make help` uses a shell, awk and coreutils, which a bare Debian has."""
    for program in ("bash", "awk", "nproc", "make"):
        (tmp_path / program).symlink_to(shutil.which(program))
    done = subprocess.run([tmp_path / "make", "help"], env={"PATH": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr, done
    documented = re.findall(r"^([a-z-]+):.*## (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert len(documented) > 8
    for target, meaning in documented:
        assert re.search(rf"^make {target} +{re.escape(meaning)}$", done.stdout, re.M), (target, done.stdout)


class Forwarder:
    """Forwards connections to a server, and can be cut off, so that the server seems to be down."""

    def __init__(self, host, port):
        self.target, self.port, self.is_up = (host, port), free_port(), True
        self.connections, self.listener = [], None
        self.open()

    def open(self):
        self.is_up = True
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.connections += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(one, other), daemon=True).start()

    def copy(self, source, target):
        try:
            while piece := source.recv(1 << 16):
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        # A listener that another thread waits on is closed only once that thread is woken.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self.connections = []


def test_a_database_that_is_away_is_one_line_of_the_log(make_server):
    settings = backends.settings("postgres", "disk")
    url = urllib.parse.urlsplit(settings["DATABASE_URL"])
    forwarder = Forwarder(url.hostname, url.port)
    through = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{forwarder.port}").replace(url.hostname, "127.0.0.1"))
    server = make_server(DATABASE_URL=through.geturl(), LOG_LEVEL="info", SWEEP_INTERVAL_SECONDS="1")
    ready = lambda: send("GET", f"{server.api}/readyz").status
    for round in (1, 2):
        forwarder.cut()
        eventually(lambda: ready() == 503, "it is not ready")
        for _ in range(3):
            assert server.call("POST", "/v1/images", body={}).status == 503
            assert server.call("GET", "/v1/images").status == 503
            send("GET", f"{server.api}/metrics")
        # Workers and the heartbeat try again meanwhile.
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert ready() == 503
            time.sleep(0.5)
        forwarder.open()
        eventually(lambda: ready() == 200, "it is ready again")
        eventually(lambda: server.call("POST", "/v1/images", body={}).status == 200, "it works again")
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        told = [line["message"] for line in lines if "database" in line["message"]]
        down, up = "the database does not answer; requests get 503 until it does", "the database answers again"
        assert told == [down, up] * round, told
        faults = [line for line in lines if line["level"] in ("ERROR", "WARN") and line["message"] != down]
        faults = [line for line in faults if not re.search("sign-in|proxy|scanner|ffmpeg|for each door|slow threshold", line["message"])]
        assert not faults, faults


def test_a_server_starts_while_the_database_is_away(make_server):
    settings = backends.settings("postgres", "disk")
    url = urllib.parse.urlsplit(settings["DATABASE_URL"])
    forwarder = Forwarder(url.hostname, url.port)
    forwarder.cut()
    through = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{forwarder.port}").replace(url.hostname, "127.0.0.1"))
    timer = threading.Timer(4, forwarder.open)
    timer.start()
    server = make_server(DATABASE_URL=through.geturl(), LOG_LEVEL="info")
    messages = [json.loads(line)["message"] for line in server.log.read_text().splitlines()]
    assert messages.count("the database does not answer; requests get 503 until it does") == 1, messages
    eventually(lambda: "the database answers again" in server.log.read_text(), "it says so")


def test_a_system_that_is_too_old_is_told(tmp_path):
    """As kernels before Linux 5.6, and some emulators, answer."""
    server = Server(tmp_path)
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS", BINARY, "serve"],
        env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "Linux 5.6 or newer is needed" in done.stderr, done
