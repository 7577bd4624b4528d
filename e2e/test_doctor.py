"""`tidegate doctor`: each check is seen to fail on a deployment that is broken in its way, and to pass once that is mended.

What cannot be shown here: the wire of the real CloudFront and S3. The emulator of AWS verifies no signature of a request
and serves no distribution, so that the checks of its configuration run against it, and those of delivery against our own
edge, which decides as CloudFront does, over a real S3 server. `sign-speed` has no test: nothing here makes a processor
slow on purpose.
"""

import contextlib
import datetime
import hashlib
import http.server
import io
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import tarfile
import threading
import time
import uuid

import backends
import boto3
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from meddling import Meddler
from ports import free_port
from server import BINARY, Server, send
from small_disk import SmallDisk
from test_edge import Edge

EMBEDDED_SKIPS = {
    "public-url", "tls", "database-connections", "database-pooling", "job-transport", "sign-in", "scanner-signatures", "scanner-limits",
    "credentials", "bucket-policy", "bucket-public-access", "bucket-encryption", "bucket-versioning", "bucket-lifecycle",
    "cdn-key-group", "cdn-origin", "cdn-behaviours",
}


def run(server, *only, options=(), **settings):
    """Runs the command with the settings of a server, or others. Returns the process."""
    command = [str(BINARY), "doctor", *options]
    if only:
        command += ["--only", ",".join(only)]
    environment = {name: value for name, value in {**server.settings, **settings}.items() if value is not None}
    return subprocess.run(command, env=environment, cwd=server.folder, capture_output=True, text=True, timeout=60)


def examine(server, *only, **settings):
    """Returns the checks by name."""
    done = run(server, *only, options=["--json"], **settings)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["failed"] else 0)
    return {check["name"]: check for check in report["checks"]}


def one(server, name, **settings):
    return examine(server, name, **settings)[name]


def expect(found, state, *words, remedy=()):
    """Checks a state, and what is said."""
    assert found["state"] == state, found
    for word in words:
        assert word in found["seen"], found
    for word in [remedy] if isinstance(remedy, str) else remedy:
        assert word in found["remedy"], found
    # What is well or left out needs no remedy.
    assert ("remedy" in found) == (state in ("warning", "failed")), found
    return found


def mended(server, name, **settings):
    return expect(one(server, name, **settings), "ok")


def probes(folder):
    return [path for path in pathlib.Path(folder).rglob("*") if "~doctor" in str(path) and path.is_file()]


# A deployment whose clients go through two proxies.


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxied")
    edge, s3 = Meddler(), Meddler()
    server = Server(folder, EDGE_URL=edge.url, S3_URL=s3.url, CORS_ALLOW_ORIGIN="https://app.example,http://localhost:5173")
    edge.behind, s3.behind = server.ports["EDGE_PORT"], server.ports["S3_PORT"]
    server.start()
    server.through_edge, server.through_s3 = edge, s3
    yield server
    server.stop()
    edge.close()
    s3.close()
    assert "panicked" not in server.log.read_text()
    assert probes(folder / "data/store") == [], "every run has removed its probes"


STORE = "data/store"
# What is broken at the proxy before the edge; what the check then says, and what to do about it.
AT_THE_EDGE = {
    "edge-unsigned": ({"folder": STORE}, ["is delivered: 200"], "trusted key group"),
    "edge-signed": ({"strips_query": True}, ["403 MissingKey instead of 200"], "make the key"),
    "edge-expired": ({"caches": True}, ["after its end", "is delivered: 200"], "clock"),
    "edge-tampered": ({"folder": STORE}, ["another signature", "a later end", "an unknown key"], "ignores the query"),
    "edge-range": ({"drops": {"range"}}, ["bytes=100-199: 200 instead of 206"], "pass Range on"),
    "edge-if-range": ({"drops": {"if-range"}}, ["with another ETag: 206 instead of 200"], "If-Range"),
    "edge-cors": ({"hides": {"access-control-expose-headers"}}, ["https://app.example: ETag is not in"], "CORS_ALLOW_ORIGIN"),
    "edge-scope": ({"folder": STORE}, [".quarantine", ".incoming", "packages", "storage", "is delivered"], "served roots"),
    "clock": ({"late": 90}, ["edge ", "behind"], "NTP"),
}


@pytest.mark.parametrize("name", AT_THE_EDGE)
def test_what_a_proxy_does_to_reads_is_found(proxied, name):
    how, words, remedy = AT_THE_EDGE[name]
    if "folder" in how:
        how = {"folder": proxied.folder / STORE}
    with proxied.through_edge.broken(**how):
        expect(one(proxied, name), "failed", *words, remedy=remedy)
    mended(proxied, name)


def test_further_ways_in_which_reads_break(proxied):
    edge = proxied.through_edge
    with edge.broken(adds={"ETag": 'W/"1"'}):
        expect(one(proxied, "edge-if-range"), "failed", 'the ETag W/"1" is weak', remedy="compression")
    with edge.broken(hides={"access-control-allow-origin"}):
        expect(one(proxied, "edge-cors"), "failed", "http://localhost:5173: Access-Control-Allow-Origin is missing")
    with edge.broken(adds={"Access-Control-Allow-Origin": "https://other.example"}):
        expect(one(proxied, "edge-cors"), "failed", "Access-Control-Allow-Origin is https://other.example")
    with edge.broken(host="edge.internal"):
        expect(one(proxied, "edge-signed"), "failed", "403 AccessDenied instead of 200")
        expect(one(proxied, "edge-range"), "skipped", "signed reads do not work")
    with edge.broken(late=10):
        expect(one(proxied, "clock"), "warning", "edge", "behind")
    mended(proxied, "edge-if-range")


# What is broken at the proxy before the S3 door.
AT_S3 = {
    "presigned-put": ({"host": "127.0.0.1:9000"}, ["403 SignatureDoesNotMatch", "the server saw host 127.0.0.1:9000"], "Host"),
    "multipart": ({"hides": {"etag"}}, ["has no ETag"], "pass the header ETag on"),
    "bucket-cors": ({"hides": {"access-control-expose-headers"}}, ["ETag is not in Access-Control-Expose-Headers"], "ExposeHeader ETag"),
    "bucket-private": ({"folder": "public"}, ["everybody reads spaces/", "everybody reads .quarantine/"], "close the bucket"),
}


@pytest.mark.parametrize("name", AT_S3)
def test_what_a_proxy_does_to_uploads_is_found(proxied, name):
    how, words, remedy = AT_S3[name]
    if "folder" in how:
        # The bucket's name is the first segment of paths.
        public = proxied.folder / "public"
        public.mkdir()
        (public / "tidegate").symlink_to(proxied.folder / STORE)
        how = {"folder": public}
    with proxied.through_s3.broken(**how):
        expect(one(proxied, name), "failed", *words, remedy=remedy)
    mended(proxied, name)


def test_further_ways_in_which_uploads_break(proxied):
    s3 = proxied.through_s3
    with s3.broken(drops={"content-type"}):
        expect(one(proxied, "presigned-put"), "failed", "the server saw no content-type, and application/octet-stream was signed")
    with s3.broken(host="127.0.0.1:9000"):
        expect(one(proxied, "multipart"), "failed", "the server saw host 127.0.0.1:9000")
        expect(one(proxied, "bucket-cors"), "failed", "PUT is answered 403")
    with s3.broken(hides={"access-control-allow-origin"}):
        expect(one(proxied, "bucket-cors"), "failed", "preflight of PUT: Access-Control-Allow-Origin is missing")
    with s3.broken(late=3600):
        expect(one(proxied, "clock"), "failed", "S3 3", "s behind")
    mended(proxied, "bucket-cors")


# The server itself, and its machine.


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A server of the embedded default that tests may stop and start."""
    server = Server(tmp_path_factory.mktemp("alone"))
    with server:
        yield server
    assert "panicked" not in server.log.read_text()


def test_a_server_that_does_not_run(alone):
    alone.stop()
    try:
        found = examine(alone)
    finally:
        alone.start()
    expect(found["server"], "failed", "the server does not run", remedy="start it: `tidegate serve`")
    for name in ("edge-signed", "edge-scope", "presigned-put", "multipart", "bucket-private", "bucket-cors"):
        expect(found[name], "skipped", "the server does not run")
    for name in ("database", "database-schema", "store", "data-folder", "signing-key", "decoder"):
        expect(found[name], "ok")
    found = examine(alone)
    assert not [check for check in found.values() if check["state"] == "failed"], found


def test_where_no_server_has_run_nothing_is_made(tmp_path):
    server = Server(tmp_path)
    found = examine(server)
    expect(found["database"], "failed", "no server has run here", remedy="start the server once")
    expect(found["store"], "failed", "no server has run here", remedy="start the server once")
    expect(found["signing-key"], "failed", "there is no key")
    assert not (tmp_path / "data").exists()


def test_public_url(alone):
    expect(one(alone, "public-url", PUBLIC_BASE_URL=f"http://127.0.0.1:{free_port()}"), "failed", "Connection refused", remedy="proxy")
    mended(alone, "public-url", PUBLIC_BASE_URL=alone.api)
    # A proxy that shows itself as another host.
    proxy = Meddler(alone.ports["PORT"])
    with proxy.broken(host="other.example"):
        expect(one(alone, "public-url", PUBLIC_BASE_URL=proxy.url), "failed", "the Host is not one of the server", remedy="ALLOWED_HOSTS")
    mended(alone, "public-url", PUBLIC_BASE_URL=proxy.url)
    proxy.close()


def test_data_folder(alone):
    key = next((alone.folder / "data/keys/cloudfront").glob("K*[A-Z0-9].pem"))
    key.chmod(0o644)
    expect(one(alone, "data-folder"), "failed", f"{key} has mode 0644", remedy="chmod")
    key.chmod(0o600)
    mended(alone, "data-folder")


def test_disk_space(tmp_path):
    with SmallDisk(tmp_path / "disk", "size=100m,nr_inodes=1000") as disk:
        data = disk.path / "data"
        (disk.inside / "data").mkdir(mode=0o700)
        server = Server(tmp_path, TIDEGATE_DATA=str(data))
        command = disk.enter(BINARY, "doctor", "--json", "--only", "disk-space")

        def see():
            done = subprocess.run(command, env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            return json.loads(done.stdout)["checks"][0]

        expect(see(), "ok", "data: ", "of 100 MiB free", "inodes free")
        filler = disk.inside / "filler"
        filler.write_bytes(bytes(92 << 20))
        expect(see(), "warning", "8 of 100 MiB free", remedy="free space")
        filler.write_bytes(bytes(97 << 20))
        expect(see(), "failed", "uploads are refused", remedy="STORE_RESERVE_MB")
        filler.unlink()
        expect(see(), "ok")
        for number in range(990):
            (disk.inside / f"file{number}").touch()
        expect(see(), "failed", "uploads are refused", "inodes free")


def test_settings(alone):
    expect(one(alone, "settings", AUTH_MODE="dev", AUTH_OWN_TOKENS="true"), "warning", "AUTH_MODE is not jwt", remedy="tidegate settings")
    mended(alone, "settings")


def test_signing_key(alone):
    public = next((alone.folder / "data/keys/cloudfront").glob("*.pub.pem"))
    text, name = public.read_text(), public.name.removesuffix(".pub.pem")
    public.unlink()
    expect(one(alone, "signing-key"), "warning", f"has no {name}.pub.pem", remedy="EDGE_KEYS")
    other = pathlib.Path(__file__).resolve().parent.parent / "crates/sign/tests/fixtures"
    wrong = next(path for path in other.rglob("*.pub.pem") if "BEGIN PUBLIC KEY" in path.read_text())
    shutil.copy(wrong, public)
    expect(one(alone, "signing-key"), "failed", "the public half of another key")
    public.write_text(text)
    mended(alone, "signing-key")


def test_store(alone):
    place = alone.folder / STORE / "storage"
    held = alone.folder / "held"
    if place.exists():
        place.rename(held)
    place.write_text("a file where a folder must be")
    found = examine(alone, "store", "edge-signed")
    expect(found["store"], "failed", "a probe can't be written to storage/", remedy="see the error")
    expect(found["edge-signed"], "skipped", "see the check store")
    place.unlink()
    if held.exists():
        held.rename(place)
    mended(alone, "store")


def test_jobs(alone):
    # Nobody runs jobs while the server is stopped.
    alone.stop()
    try:
        break_and_mend_jobs(alone)
    finally:
        alone.start()
    mended(alone, "jobs")


def break_and_mend_jobs(alone):
    database = sqlite3.connect(alone.folder / "data/tidegate.db", timeout=20)
    payload = json.dumps({"type": "PurgeFilesFolderV1"})
    long_ago = int((time.time() - 3600) * 1e6)
    insert = "INSERT INTO jobs (payload, state, run_at, attempts, max_attempts, last_error, created_at) VALUES (?, ?, ?, 1, 5, 'STORE_ERROR', ?)"
    with database:
        database.execute(insert, (payload, "DEAD", long_ago, long_ago))
    expect(one(alone, "jobs"), "warning", "1 have failed for good: 1 PurgeFilesFolderV1 STORE_ERROR", remedy="jobs retry")
    with database:
        database.execute("UPDATE jobs SET state = 'QUEUED' WHERE payload = ?", (payload,))
    expect(one(alone, "jobs"), "failed", "the oldest was due", remedy="tidegate work")
    with database:
        database.execute("DELETE FROM jobs WHERE payload = ?", (payload,))
    database.close()
    mended(alone, "jobs")


def test_database_schema(alone):
    database = sqlite3.connect(alone.folder / "data/tidegate.db", timeout=20)
    with database:
        database.execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 1)")
    expect(one(alone, "database-schema"), "failed", "migration 9999", remedy="newer version")
    with database:
        database.execute("DELETE FROM _sqlx_migrations WHERE version = 9999")
    mended(alone, "database-schema")


def test_decoder(alone):
    # Without /proc, the decoder, which is this program, cannot be started.
    root = [] if os.geteuid() == 0 else ["-r"]
    hidden = ["unshare", *root, "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" doctor --json --only decoder', str(BINARY)]
    done = subprocess.run(hidden, env=alone.settings, cwd=alone.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    expect(json.loads(done.stdout)["checks"][0], "failed", "the decoder can't be started", remedy="/proc")
    mended(alone, "decoder")


def test_ffmpeg(alone, tmp_path):
    for name in ("ffmpeg", "ffprobe"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    expect(one(alone, "ffmpeg", FFMPEG_PATH=str(tmp_path)), "failed", remedy="install ffmpeg")
    expect(one(alone, "ffmpeg", FFMPEG_PATH="off"), "warning", "there is no ffmpeg")
    mended(alone, "ffmpeg")


# What the server depends on.


class Issuer:
    """An identity provider, as far as keys and its discovery document go."""

    def __init__(self):
        self.port, issuer = free_port(), self
        self.url = f"http://127.0.0.1:{self.port}"
        self.keys, self.document = [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}], {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                document = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys", **issuer.document}
                known = {"/keys": {"keys": issuer.keys}, "/.well-known/openid-configuration": document}
                body = json.dumps(known.get(self.path, {})).encode()
                self.send_response(200 if self.path in known else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def test_sign_in(alone):
    issuer = Issuer()
    settings = {"AUTH_JWKS_URL": f"{issuer.url}/keys", "AUTH_JWT_ISSUER": issuer.url, "AUTH_JWT_AUDIENCE": "*"}
    mended(alone, "sign-in", **settings)
    expect(one(alone, "sign-in", **{**settings, "AUTH_JWKS_URL": f"{issuer.url}/other"}), "failed", "404", remedy="AUTH_JWKS_URL")
    issuer.keys = []
    expect(one(alone, "sign-in", **settings), "failed", "has no key that verifies tokens")
    issuer.keys = [{"kty": "EC", "kid": "2"}]
    issuer.document = {"issuer": f"{issuer.url}/"}
    expect(one(alone, "sign-in", **settings), "failed", "calls itself", remedy="to the letter")
    issuer.document = {"jwks_uri": f"{issuer.url}/elsewhere"}
    expect(one(alone, "sign-in", **settings), "warning", "AUTH_JWKS_URL is another")
    issuer.document = {}
    mended(alone, "sign-in", **settings)


def clamd_settings(**more):
    host, port = backends.given("TEST_CLAMD").split(":")
    return {"CLAMAV_HOST": host, "CLAMAV_PORT": port, **more}


def test_scanner(alone):
    expect(one(alone, "scanner"), "warning", "there is no scanner", remedy="CLAMAV_HOST")
    expect(one(alone, "scanner", CLAMAV_HOST="127.0.0.1", CLAMAV_PORT=str(free_port())), "failed", "clamd at", remedy="start clamd")
    expect(one(alone, "scanner", **clamd_settings()), "ok", "ClamAV ")
    # The scanner of the tests takes 25 MiB.
    expect(one(alone, "scanner-limits", **clamd_settings(CLAMAV_MAX_MB="30")), "failed", "refuses a stream of 30 MiB", remedy="StreamMaxLength")
    mended(alone, "scanner-limits", **clamd_settings(CLAMAV_MAX_MB="24"))


def write_signatures(folder, day):
    """Writes official signatures of a day, in the form that is not signed: a head of 512 bytes, and a tar."""
    head = f"ClamAV-VDB:{day:%d %b %Y %H-%M} +0000:27400:1:63:X:X:test:{int(day.timestamp())}"
    parts = {"COPYING": b"none\n", "daily.ndb": b"Local.Test:0:*:0123456789abcdef0123456789abcdef\n"}
    told = "".join(f"{name}:{len(text)}:{hashlib.sha256(text).hexdigest()}\n" for name, text in parts.items())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, text in [("COPYING", parts["COPYING"]), ("daily.info", f"{head}\n{told}".encode()), ("daily.ndb", parts["daily.ndb"])]:
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    (folder / "daily.cud").write_bytes(head.ljust(512).encode() + packed.getvalue())


@contextlib.contextmanager
def clamd(folder, day):
    """A clamd whose official signatures are of a day."""
    folder.mkdir()
    write_signatures(folder, day)
    port = free_port()
    config = folder / "clamd.conf"
    config.write_text(f"Foreground yes\nTCPSocket {port}\nTCPAddr 127.0.0.1\nDatabaseDirectory {folder}\n")
    process = subprocess.Popen(["clamd", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None and time.monotonic() < deadline, process.stdout.read().decode()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    try:
        yield {"CLAMAV_HOST": "127.0.0.1", "CLAMAV_PORT": str(port)}
    finally:
        process.terminate()
        process.wait(20)


def test_scanner_signatures(alone, tmp_path):
    expect(one(alone, "scanner-signatures", **clamd_settings()), "warning", "no official signatures", remedy="freshclam")
    now = datetime.datetime.now(datetime.timezone.utc)
    for hours, state, words in [(30 * 24, "failed", "30 days old"), (3 * 24, "warning", "3 days old"), (5, "ok", "0 days old")]:
        with clamd(tmp_path / str(hours), now - datetime.timedelta(hours=hours)) as settings:
            expect(one(alone, "scanner-signatures", **settings), state, "version 27400", words, remedy="freshclam" if hours > 24 else ())


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory):
    url = backends.new_database()
    server = Server(tmp_path_factory.mktemp("postgres"), DATABASE_URL=url, DATABASE_MAX_CONNECTIONS="4")
    with server:
        yield server


def test_database(on_postgres):
    url = on_postgres.settings["DATABASE_URL"]
    elsewhere = f"postgres://tidegate@127.0.0.1:{free_port()}/{url.rsplit('/', 1)[1]}"
    expect(one(on_postgres, "database", DATABASE_URL=elsewhere), "failed", "does not answer", remedy="DATABASE_URL")
    expect(one(on_postgres, "database"), "ok", "PostgreSQL ")
    mended(on_postgres, "database-schema")


def test_database_connections(on_postgres):
    url = on_postgres.settings["DATABASE_URL"]
    name = url.rsplit("/", 1)[1]
    backends.psql(url, f"ALTER DATABASE {name} CONNECTION LIMIT 3")
    expect(one(on_postgres, "database-connections"), "failed", "of 3 connections", "up to 4", remedy="max_connections")
    backends.psql(url, f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    mended(on_postgres, "database-connections")


def test_database_pooling(on_postgres):
    name = on_postgres.settings["DATABASE_URL"].rsplit("/", 1)[1]
    pooled = f"{backends.given('TEST_PGBOUNCER_URL').rsplit('/', 1)[0]}/{name}"
    expect(one(on_postgres, "database-pooling", DATABASE_URL=pooled), "failed", "a pooler gives each transaction", remedy="pool_mode")
    expect(one(on_postgres, "database-pooling", DATABASE_URL=pooled, DATABASE_POOLING="transaction"), "ok", "DATABASE_POOLING=transaction")
    mended(on_postgres, "database-pooling")


def certificate(folder, name, days, authority=None):
    """Makes a certificate for 127.0.0.1 that ends in some days; signed by itself, or by an authority. Returns it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (authority[0].subject, authority[1]) if authority else (subject, key)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), end - datetime.timedelta(days=80), end)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(address, critical=False)
    )
    made = builder.sign(issuer_key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(key.private_bytes(*form))
    return made, key


def tls_of(folder, name, days, authority):
    certificate(folder, name, days, authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def test_tls(alone, tmp_path):
    authority = certificate(tmp_path, "authority", 60)
    trust = {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
    for name, days, state, words in [
        ("good", 40, "ok", ["39 days left"]),
        ("soon", 5, "warning", ["4 days left"]),
        ("over", -1, "failed", ["xpired"]),
    ]:
        proxy = Meddler(alone.ports["PORT"], tls=tls_of(tmp_path, name, days, authority))
        expect(one(alone, "tls", PUBLIC_BASE_URL=proxy.url, **trust), state, *words)
        if name == "good":
            expect(one(alone, "tls", PUBLIC_BASE_URL=proxy.url), "failed", proxy.url, remedy="authority")
        proxy.close()


# A bucket, by the emulator of AWS, which has every part of a bucket's configuration.


class Bucket:
    """A bucket of the emulator, and a server over it."""

    def __init__(self, folder):
        url = backends.given("TEST_MINISTACK_URL")
        given = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1", "endpoint_url": url}
        self.s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}), **given)
        self.cloudfront = boto3.client("cloudfront", **given)
        self.name = f"doctor-{uuid.uuid4().hex}"
        self.s3.create_bucket(Bucket=self.name)
        self.server = Server(
            folder,
            S3_BUCKET=self.name,
            S3_ENDPOINT=url,
            S3_FORCE_PATH_STYLE="true",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_EC2_METADATA_DISABLED="true",
            CLOUDFRONT_API_URL=url,
        )


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    made = Bucket(tmp_path_factory.mktemp("bucket"))
    with made.server:
        yield made


def test_bucket_public_access(bucket):
    block = {name: True for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}
    put = lambda block: bucket.s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=block)
    put({**block, "BlockPublicPolicy": False})
    expect(one(bucket.server, "bucket-public-access"), "failed", "BlockPublicPolicy false", remedy="Block Public Access")
    put(block)
    mended(bucket.server, "bucket-public-access")


def test_bucket_encryption(bucket):
    bucket.s3.put_bucket_encryption(
        Bucket=bucket.name,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
    )
    expect(one(bucket.server, "bucket-encryption", S3_SERVER_SIDE_ENCRYPTION="aws:kms"), "warning", "asks for aws:kms", remedy="default encryption")
    mended(bucket.server, "bucket-encryption")
    bucket.s3.delete_bucket_encryption(Bucket=bucket.name)
    assert one(bucket.server, "bucket-encryption")["state"] in ("warning", "ok"), "S3 itself has had a default since 2023"


def lifecycle(bucket, *rules):
    bucket.s3.put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={"Rules": [{"ID": f"r{at}", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for at, rule in enumerate(rules)]},
    )


ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 8}}


def test_bucket_versioning(bucket):
    versioning = lambda status: bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": status})
    expect(one(bucket.server, "bucket-versioning"), "warning", "off", remedy="versioning")
    versioning("Enabled")
    lifecycle(bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 7}})
    expect(one(bucket.server, "bucket-versioning"), "failed", "removed after 7 days", remedy="at least 30")
    lifecycle(bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}})
    mended(bucket.server, "bucket-versioning")
    of_others = {"Filter": {"Prefix": "of-others/"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    lifecycle(bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}, of_others)
    expect(one(bucket.server, "bucket-versioning"), "ok", "kept for 30 days")
    # Probes leave no version behind.
    mended(bucket.server, "store")
    left = bucket.s3.list_object_versions(Bucket=bucket.name)
    assert not [key for kind in ("Versions", "DeleteMarkers") for key in left.get(kind, []) if "~doctor" in key["Key"]], left
    versioning("Suspended")
    expect(one(bucket.server, "bucket-versioning"), "warning", "Suspended")


def test_bucket_lifecycle(bucket):
    lifecycle(bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}})
    expect(one(bucket.server, "bucket-lifecycle"), "warning", "no rule for the whole bucket", remedy="AbortIncompleteMultipartUpload")
    lifecycle(bucket, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    expect(one(bucket.server, "bucket-lifecycle", UPLOAD_EXPIRY_SECONDS=str(3 * 86400)), "failed", "after 1 days", remedy="at least")
    for prefix in ("", "images/", "storage/", "packages/1/", "O1/", "sessions/"):
        lifecycle(bucket, ABORT, {"Filter": {"Prefix": prefix}, "Expiration": {"Days": 3}})
        expect(one(bucket.server, "bucket-lifecycle"), "failed", "removes objects that rows still name", remedy="prefix")
    lifecycle(bucket, ABORT, {"Filter": {"Prefix": "spaces/"}, "Expiration": {"Date": "2030-01-01T00:00:00Z"}})
    expect(one(bucket.server, "bucket-lifecycle"), "failed", "removes objects that rows still name", remedy="prefix")
    lifecycle(bucket, ABORT, {"Filter": {"Prefix": "of-others/"}, "Expiration": {"Days": 3}})
    expect(one(bucket.server, "bucket-lifecycle"), "ok", "aborted after")
    # A rule for a part of the keys aborts what is uploaded there.
    sooner = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}
    for prefix, state in (("images/", "failed"), ("spaces/1/", "failed"), ("of-others/", "ok")):
        lifecycle(bucket, ABORT, {"Filter": {"Prefix": prefix}, **sooner})
        expect(one(bucket.server, "bucket-lifecycle", UPLOAD_EXPIRY_SECONDS=str(3 * 86400)), state)
    lifecycle(bucket, ABORT)
    mended(bucket.server, "bucket-lifecycle")


def test_bucket_policy(bucket):
    arn = f"arn:aws:s3:::{bucket.name}"
    secure = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    roots = ["images/*", "spaces/*/pub/*", "sessions/*/processed/*", "O*/D*/P*/*"]
    cdn = {
        "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
        "Resource": [f"{arn}/{root}" for root in roots],
        "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/E1"}},
    }
    put = lambda *statements: bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    with_cdn = {"CLOUDFRONT_DISTRIBUTION_ID": "E1", "EDGE_URL": "http://127.0.0.1:1"}
    see = lambda: one(bucket.server, "bucket-policy", **with_cdn)
    found = see()
    expect(found, "failed", "there is no bucket policy", remedy="served roots")
    put(secure, {**cdn, "Resource": f"{arn}/*"})
    expect(see(), "failed", "CloudFront may read", ".incoming", ".quarantine", ".trash", ".parts", "packages", remedy="served roots only")
    put(secure, {**cdn, "Resource": f"{arn}/images/*"})
    expect(see(), "failed", "CloudFront may not read spaces")
    bucket.s3.delete_public_access_block(Bucket=bucket.name)
    put(secure, cdn, {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/images/*"})
    expect(see(), "failed", remedy=[])
    put(secure, {name: value for name, value in cdn.items() if name != "Condition"})
    expect(see(), "warning", "any distribution", remedy="AWS:SourceArn")
    put(secure, cdn, {"Effect": "Allow", "Principal": "*", "NotAction": "s3:PutObject", "Resource": f"{arn}/files/*"})
    expect(see(), "failed", remedy=[])
    put({**secure, "Resource": f"{arn}/images/*"}, cdn)
    expect(see(), "warning", "without TLS", remedy="aws:SecureTransport")
    put(secure, {**cdn, "Condition": {"StringLike": {"AWS:SourceArn": "*"}}})
    expect(see(), "warning", "any distribution", remedy="AWS:SourceArn")
    put(secure, {**cdn, "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/E2"}}})
    expect(see(), "failed", "distribution/E2 may read", "CLOUDFRONT_DISTRIBUTION_ID", remedy="served roots")
    put(cdn)
    expect(see(), "warning", "without TLS", remedy="aws:SecureTransport")
    put(secure, cdn)
    expect(see(), "ok", "opens served roots only")
    bucket.s3.delete_bucket_policy(Bucket=bucket.name)


def test_a_bucket_that_everybody_reads(bucket):
    # The emulator verifies no signature, as a public bucket.
    expect(one(bucket.server, "bucket-private"), "failed", "everybody reads .quarantine/", "everybody reads the list of objects", remedy="close the bucket")
    garage = Server(bucket.server.folder, **backends.settings("sqlite", "s3"))
    mended(garage, "bucket-private")


def test_a_bucket_that_is_not_there(bucket):
    expect(one(bucket.server, "store", S3_BUCKET="there-is-none"), "failed", "NoSuchBucket", remedy="s3:PutObject")
    mended(bucket.server, "store")


def test_bucket_cors(tmp_path):
    server = Server(tmp_path, CORS_ALLOW_ORIGIN="https://app.example", DASHBOARD="false", **backends.settings("sqlite", "s3"))
    name, s3 = server.settings["S3_BUCKET"], backends.s3_client()
    expect(one(server, "bucket-cors"), "failed", "https://app.example", "Access-Control-Allow-Origin is missing", remedy="CORS rule")
    rule = {"AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    expect(one(server, "bucket-cors"), "failed", "ETag is not in Access-Control-Expose-Headers", remedy="ExposeHeader ETag")
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [{**rule, "ExposeHeaders": ["ETag"]}]})
    mended(server, "bucket-cors")
    assert backends.keys(name) == []


def test_a_proxy_before_a_bucket(tmp_path):
    """The S3 server is another's, which does not say what it saw."""
    proxy = Meddler(int(backends.given("TEST_GARAGE_URL").rsplit(":", 1)[1]))
    server = Server(tmp_path, S3_URL=proxy.url, **backends.settings("sqlite", "s3"))
    with proxy.broken(host="storage.internal"):
        expect(one(server, "presigned-put"), "failed", "Host or the path is changed", remedy="keep Host")
        expect(one(server, "multipart"), "failed", "Host or the path is changed")
    with proxy.broken(drops={"content-type"}):
        expect(one(server, "presigned-put"), "failed", "content-type", remedy="content-type")
    mended(server, "presigned-put")
    mended(server, "multipart")
    assert backends.keys(server.settings["S3_BUCKET"]) == []
    proxy.close()


class Credentials:
    """Gives out temporary credentials, as a container's agent does."""

    def __init__(self):
        self.port, agent = free_port(), self
        self.url, self.minutes = f"http://127.0.0.1:{self.port}/role", 240

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=agent.minutes)
                body = json.dumps({
                    "AccessKeyId": backends.given("TEST_S3_ACCESS_KEY"), "SecretAccessKey": backends.given("TEST_S3_SECRET_KEY"),
                    "Token": "", "Expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                }).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def test_credentials(tmp_path):
    agent = Credentials()
    given = backends.settings("sqlite", "s3")
    expect(one(Server(tmp_path, **given), "credentials"), "ok", "they do not expire")
    expect(one(Server(tmp_path, AWS_SESSION_TOKEN="hunter2", **given), "credentials"), "warning", "AWS_SESSION_TOKEN", remedy="renewed")
    given = {name: value for name, value in given.items() if not name.startswith("AWS_")}
    server = Server(tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI=agent.url, HOME=str(tmp_path), **given)
    expect(one(server, "credentials"), "ok", "they expire in 239 min")
    agent.minutes = 30
    expect(one(server, "credentials"), "warning", "they expire in 29 min", remedy="longer session")
    agent.minutes = 2
    expect(one(server, "credentials"), "failed", "they expire in 1", remedy="renewed")


def test_job_transport(bucket):
    """Messages are counted only: neither the row of a job nor a worker is needed."""
    url = backends.given("TEST_MINISTACK_URL")
    sqs = boto3.client("sqs", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    name = f"doctor-{uuid.uuid4().hex}"
    make = lambda name, **attributes: sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    shared = {"DATABASE_URL": backends.new_database(), "AWS_ENDPOINT_URL": url}
    queue = make(name)
    see = lambda at=queue: one(bucket.server, "job-transport", JOB_QUEUE_URL=at, **shared)
    expect(one(bucket.server, "job-transport"), "skipped", "in the database alone")
    expect(see(f"{queue}-not-there"), "failed", remedy="JOB_QUEUE_URL")
    expect(see(), "warning", "0 wait", "no dead-letter queue", remedy="redrive")
    dead = make(f"{name}-dead")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": redrive})
    sqs.send_message(QueueUrl=dead, MessageBody='{"job":"1"}')
    sqs.send_message(QueueUrl=queue, MessageBody='{"job":"2"}')
    expect(see(), "warning", "1 wait", "1 dead letters", remedy="redrive")
    sqs.purge_queue(QueueUrl=dead)
    expect(see(), "ok", "1 wait")
    broken = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(free_port())}
    expect(one(bucket.server, "job-transport", DATABASE_URL=shared["DATABASE_URL"], **broken), "failed", remedy="REDIS_HOST")


# A distribution, by the emulator.


class Distribution:
    """A distribution of the emulator with one key group, over a bucket."""

    def __init__(self, bucket, pem):
        self.api, self.bucket = bucket.cloudfront, bucket
        self.key = self.add_key(pem)
        self.group = self.add_group(self.key)
        self.oac = self.add_access_control("always")
        self.config = {
            "CallerReference": uuid.uuid4().hex, "Comment": "", "Enabled": True,
            "Aliases": {"Quantity": 1, "Items": ["127.0.0.1"]},
            "Origins": {"Quantity": 1, "Items": [{
                "Id": "bucket", "DomainName": f"{bucket.name}.s3.us-east-1.amazonaws.com", "OriginAccessControlId": self.oac,
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            }]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "bucket", "ViewerProtocolPolicy": "redirect-to-https",
                "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [self.group]},
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
        }
        made = self.api.create_distribution(DistributionConfig=self.config)["Distribution"]
        self.id = made["Id"]

    def add_key(self, pem):
        config = {"CallerReference": uuid.uuid4().hex, "Name": uuid.uuid4().hex, "EncodedKey": pem}
        return self.api.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]

    def add_access_control(self, behaviour):
        config = {"Name": uuid.uuid4().hex, "SigningProtocol": "sigv4", "SigningBehavior": behaviour, "OriginAccessControlOriginType": "s3"}
        return self.api.create_origin_access_control(OriginAccessControlConfig=config)["OriginAccessControl"]["Id"]

    def add_group(self, *keys):
        return self.api.create_key_group(KeyGroupConfig={"Name": uuid.uuid4().hex, "Items": list(keys)})["KeyGroup"]["Id"]

    def update(self, **changes):
        etag = self.api.get_distribution_config(Id=self.id)["ETag"]
        self.api.update_distribution(Id=self.id, IfMatch=etag, DistributionConfig={**self.config, **changes})

    def trust(self, *keys):
        etag = self.api.get_key_group(Id=self.group)["ETag"]
        self.api.update_key_group(Id=self.group, IfMatch=etag, KeyGroupConfig={"Name": uuid.uuid4().hex, "Items": list(keys)})


def key_pair(folder):
    """Makes an RSA key pair; returns the private and the public PEM."""
    folder.mkdir(exist_ok=True)
    private = folder / f"{uuid.uuid4().hex}.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(private)], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout"], check=True, capture_output=True, text=True).stdout
    return private.read_text(), public


@pytest.fixture(scope="module")
def distribution(bucket, tmp_path_factory):
    private, public = key_pair(tmp_path_factory.mktemp("pairs"))
    made = Distribution(bucket, public)
    made.settings = {"CLOUDFRONT_DISTRIBUTION_ID": made.id, "CLOUDFRONT_KEY_PAIR_ID": made.key, "CLOUDFRONT_PRIVATE_KEY_PEM": private}
    return made


def test_cdn_key_group(bucket, distribution, tmp_path):
    see = lambda **more: one(bucket.server, "cdn-key-group", **{**distribution.settings, **more})
    other = distribution.add_key(key_pair(tmp_path)[1])
    distribution.trust(other)
    expect(see(), "failed", f"the key {distribution.key} is not in the key group", other, remedy="add")
    distribution.trust(distribution.key, other)
    expect(see(), "ok", f"{distribution.key} is in {distribution.group} (2 keys)")
    # Each behaviour takes the keys of all its groups, and other origins have groups of their own.
    default, theirs = distribution.config["DefaultCacheBehavior"], distribution.add_group(other)
    trusts = lambda *groups: {"TrustedKeyGroups": {"Enabled": True, "Quantity": len(groups), "Items": list(groups)}}
    distribution.update(DefaultCacheBehavior={**default, **trusts(theirs, distribution.group)})
    expect(see(), "ok", distribution.group)
    origin = distribution.config["Origins"]["Items"][0]
    origins = {"Quantity": 2, "Items": [origin, {**origin, "Id": "other", "DomainName": "other.example"}]}
    elsewhere = {**default, **trusts(theirs), "PathPattern": "other/*", "TargetOriginId": "other"}
    distribution.update(Origins=origins, CacheBehaviors={"Quantity": 1, "Items": [elsewhere]})
    expect(see(), "ok", distribution.group)
    distribution.update(Origins=origins, CacheBehaviors={"Quantity": 1, "Items": [{**elsewhere, "TargetOriginId": "bucket"}]})
    expect(see(), "failed", theirs, "of the behaviour other/*", remedy="add")
    distribution.update()
    # The id of another key than the private one.
    expect(see(CLOUDFRONT_KEY_PAIR_ID=other), "failed", "is not the half of this server's private key", remedy="CLOUDFRONT_KEY_PAIR_ID")
    expect(see(CLOUDFRONT_DISTRIBUTION_ID="ENONE"), "failed", "NoSuchDistribution", remedy="CLOUDFRONT_DISTRIBUTION_ID")
    expect(see(CLOUDFRONT_API_URL=f"http://127.0.0.1:{free_port()}"), "failed", "the distribution")
    expect(see(), "ok")
    # The key is read from where AWS keeps it, as the server does.
    url, name = backends.given("TEST_MINISTACK_URL"), uuid.uuid4().hex
    secrets = boto3.client("secretsmanager", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    secrets.create_secret(Name=name, SecretString=distribution.settings["CLOUDFRONT_PRIVATE_KEY_PEM"])
    kept = {"CLOUDFRONT_PRIVATE_KEY_PEM": None, "AWS_ENDPOINT_URL": url}
    expect(see(CLOUDFRONT_PRIVATE_KEY_SECRET_ID=name, **kept), "ok", "is this server's key")
    expect(one(bucket.server, "signing-key", **{**distribution.settings, **kept, "CLOUDFRONT_PRIVATE_KEY_SECRET_ID": "not-there"}), "failed", "CLOUDFRONT_PRIVATE_KEY_SECRET_ID")


def test_cdn_origin(bucket, distribution):
    see = lambda **more: one(bucket.server, "cdn-origin", **{**distribution.settings, **more})
    origin = distribution.config["Origins"]["Items"][0]
    distribution.update(Origins={"Quantity": 1, "Items": [{**origin, "OriginAccessControlId": ""}]})
    expect(see(), "failed", "are not signed", remedy="Origin Access Control")
    for behaviour in ("never", "no-override"):
        changed = distribution.add_access_control(behaviour)
        distribution.update(Origins={"Quantity": 1, "Items": [{**origin, "OriginAccessControlId": changed}]})
        expect(see(), "failed", f'"{behaviour}"', changed, remedy="to always")
    distribution.update(Origins={"Quantity": 1, "Items": [{**origin, "OriginAccessControlId": "ENONE"}]})
    expect(see(), "failed", "the Origin Access Control ENONE")
    identity = {"OriginAccessIdentity": "origin-access-identity/cloudfront/E127EXAMPLE51Z"}
    distribution.update(Origins={"Quantity": 1, "Items": [{**origin, "OriginAccessControlId": "", "S3OriginConfig": identity}]})
    expect(see(), "ok", "are signed")
    distribution.update(Origins={"Quantity": 1, "Items": [{**origin, "DomainName": "other.s3.us-east-1.amazonaws.com"}]})
    expect(see(), "failed", "the origin is other.s3", remedy="S3_BUCKET")
    distribution.update()
    expect(see(), "ok", "Origin Access Control")


def test_cdn_behaviours(bucket, distribution):
    see = lambda: one(bucket.server, "cdn-behaviours", **distribution.settings)
    default = distribution.config["DefaultCacheBehavior"]
    nobody = {"Enabled": False, "Quantity": 0}
    distribution.update(DefaultCacheBehavior={**default, "TrustedKeyGroups": nobody})
    expect(see(), "failed", "anybody may read through the behaviour *", remedy="trusted key group")
    behaviour = {**default, "PathPattern": "spaces/*", "TrustedKeyGroups": nobody}
    distribution.update(CacheBehaviors={"Quantity": 1, "Items": [behaviour]})
    expect(see(), "failed", "anybody may read through the behaviour spaces/*")
    distribution.update(Enabled=False)
    expect(see(), "failed", "disabled")
    distribution.update(DefaultCacheBehavior={**default, "ViewerProtocolPolicy": "allow-all"})
    expect(see(), "warning", "plain HTTP", remedy="redirect-to-https")
    distribution.update(Aliases={"Quantity": 0})
    expect(see(), "warning", "is not one of the distribution's names")
    distribution.update()
    expect(see(), "ok", "all 1 behaviours")


# Whole runs.


def test_the_embedded_default_is_green(tmp_path, capsys):
    with Server(tmp_path) as server:
        started = time.monotonic()
        done = run(server)
        took = time.monotonic() - started
        with capsys.disabled():
            print("\n" + done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        assert took < 10, took
        found = examine(server)
        states = {name: check["state"] for name, check in found.items()}
        assert {name for name, state in states.items() if state == "skipped"} == EMBEDDED_SKIPS, states
        assert {name for name, state in states.items() if state == "warning"} <= {"scanner", "settings", "disk-space", "ffmpeg", "sign-speed"}, states
        assert probes(tmp_path / STORE) == []
        log = server.log.read_text()
        assert "panicked" not in log


def test_a_bucket_a_distribution_and_an_edge_alone_are_green(tmp_path, bucket, capsys):
    """Bytes in garage, read through `tidegate edge` with a public key only; the distribution's configuration by the emulator."""
    private, public = key_pair(tmp_path)
    made = Distribution(bucket, public)
    at = free_port()
    given = backends.settings("postgres", "s3")
    cors = {"AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"]}
    backends.s3_client().put_bucket_cors(Bucket=given["S3_BUCKET"], CORSConfiguration={"CORSRules": [cors]})
    origin = {**made.config["Origins"]["Items"][0], "DomainName": f"{given['S3_BUCKET']}.s3.us-east-1.amazonaws.com"}
    made.update(Origins={"Quantity": 1, "Items": [origin]})
    shared = {**given, "CORS_ALLOW_ORIGIN": "https://app.example", "DASHBOARD": "false", "S3_FORCE_PATH_STYLE": "true"}
    edge = Edge(tmp_path / "edge", at, EDGE_URL=f"http://127.0.0.1:{at}", **{name: value for name, value in shared.items() if name != "DATABASE_URL"})
    (tmp_path / f"edge/keys/{made.key}.pub.pem").write_text(public)
    host, port = backends.given("TEST_CLAMD").split(":")
    server = Server(
        tmp_path, EDGE_URL=edge.edge, CLOUDFRONT_DISTRIBUTION_ID=made.id, CLOUDFRONT_KEY_PAIR_ID=made.key, CLOUDFRONT_PRIVATE_KEY_PEM=private,
        CLOUDFRONT_API_URL=backends.given("TEST_MINISTACK_URL"), CLAMAV_HOST=host, CLAMAV_PORT=port, CLAMAV_MAX_MB="24", **shared,
    )
    server.settings["EDGE_PORT"] = "off"
    edge.start()
    try:
        with server:
            done = run(server)
            with capsys.disabled():
                print("\n" + done.stdout)
            assert done.returncode == 0, done.stdout + done.stderr
            assert float(done.stdout.rsplit("in ", 1)[1].split()[0]) < 10
            found = examine(server)
            wrong = {name: check for name, check in found.items() if check["state"] not in ("ok", "skipped")}
            assert set(wrong) <= {"scanner-signatures", "bucket-versioning", "bucket-lifecycle", "bucket-encryption", "disk-space", "settings", "sign-speed"}, wrong
            for name in ("edge-signed", "edge-scope", "presigned-put", "multipart", "bucket-cors", "bucket-private", "cdn-key-group", "cdn-behaviours"):
                expect(found[name], "ok")
            assert not [key for key in backends.keys(given["S3_BUCKET"]) if "~doctor" in key]
            # One red run: the edge trusts no key, the proxy of the database is gone, the bucket has no CORS rule.
            (tmp_path / f"edge/keys/{made.key}.pub.pem").unlink()
            deadline = time.monotonic() + 20
            while one(server, "edge-signed")["state"] != "failed" and time.monotonic() < deadline:
                time.sleep(0.2)
            backends.s3_client().delete_bucket_cors(Bucket=given["S3_BUCKET"])
            done = run(server)
            with capsys.disabled():
                print("\n" + done.stdout)
            assert done.returncode == 1
            expect(one(server, "edge-range"), "skipped", "see the check edge-signed")
            assert "403 InvalidKey instead of 200" in done.stdout and f"{made.key}.pub.pem into EDGE_KEYS" in done.stdout
    finally:
        edge.stop()


def test_a_killed_doctor_leaves_nothing_for_ever(tmp_path):
    server = Server(tmp_path)
    with server:
        command = [str(BINARY), "doctor", "--only", "edge-expired"]
        process = subprocess.Popen(command, env=server.settings, cwd=tmp_path, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while len(probes(tmp_path / STORE)) < 18:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        left = probes(tmp_path / STORE)
        assert left
        # A young probe can be another run's.
        mended(server, "store")
        assert set(left) <= set(probes(tmp_path / STORE))
        for record in [path for path in left if path.suffix == ".meta"]:
            told = json.loads(record.read_text())
            record.write_text(json.dumps({**told, "modified_us": told["modified_us"] - 11 * 60 * 1_000_000}))
        mended(server, "store")
        assert probes(tmp_path / STORE) == []
        # An interrupted run removes its own.
        process = subprocess.Popen(command, env=server.settings, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not probes(tmp_path / STORE):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1 and b"interrupted" in process.stderr.read()
        assert probes(tmp_path / STORE) == []
    # Reconciliation takes probes for nobody's orphans.
    folder = tmp_path / STORE / "storage/~doctor"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "old").write_bytes(b"x")
    (folder / "old.meta").write_text(json.dumps({"size": 1, "etag": "0-1", "modified_us": 1, "content_type": "a/b"}))
    done = subprocess.run([str(BINARY), "reconcile"], env=server.settings, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # And the sweep of the next start removes it.
    with server:
        deadline = time.monotonic() + 30
        while probes(tmp_path / STORE) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert probes(tmp_path / STORE) == []


def test_the_command_line(alone):
    wrong = run(alone, "no-such-check")
    assert wrong.returncode == 2 and "no-such-check" in wrong.stderr
    assert run(alone, options=["--timeout", "0"]).returncode == 2
    unset = run(alone, PORT="seventy")
    assert unset.returncode == 2 and "PORT" in unset.stderr
    text = run(alone, "server", "database").stdout.splitlines()
    assert [line.split()[:2] for line in text[:2]] == [["ok", "server"], ["ok", "database"]]
    assert text[-1].startswith("2 checks: 2 ok, 0 warnings, 0 failed, 0 skipped, in ")
    page = (pathlib.Path(__file__).resolve().parent.parent / "docs/operations/doctor.md").read_text()
    for name in examine(alone):
        assert f"| `{name}` |" in page, name


def test_no_secret_is_printed(tmp_path):
    with Server(tmp_path) as server:
        done = run(server)
        for which in ("presign", "operator"):
            assert server.credentials(which)[1] not in done.stdout
        for word in ("X-Amz-Signature", "Signature=", "Policy="):
            assert word not in done.stdout
        assert send("GET", f"{server.api}/readyz").status == 200
