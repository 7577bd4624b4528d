"""Tests the main path on PostgreSQL and S3, and two servers behind nginx that act as one."""

import json
import pathlib
import random
import shutil
import signal
import subprocess
import time

import backends
from ports import free_port
from server import BINARY, Server, send

MIB = 1 << 20


def upload(call, put, bodies):
    """Uploads an image in parts, out of order. `call` sends API requests and `put` sends bytes."""
    begun = call("POST", "/v1/images", {"size": sum(map(len, bodies))}).json()
    image, etags = begun["imageId"], {}
    for number in reversed(range(1, len(bodies) + 1)):
        asked = {"uploadId": begun["uploadId"], "partNumber": number}
        signed = call("POST", f"/v1/images/{image}/upload-url", asked).json()
        etags[number] = put(signed["url"], bodies[number - 1]).headers["ETag"]
    parts = [{"partNumber": number, "etag": etag} for number, etag in etags.items()]
    return image, {"uploadId": begun["uploadId"], "parts": parts}


def test_the_walk_on_postgres_and_s3(make_server):
    server = make_server(**backends.settings("postgres", "s3"), MULTIPART_PART_SIZE_BYTES=str(5 * MIB))
    bodies = [random.randbytes(5 * MIB), random.randbytes(5 * MIB), random.randbytes(123_457)]
    whole = b"".join(bodies)
    call = lambda method, path, body=None: server.call(method, path, "alice", body)
    image, completion = upload(call, lambda url, body: send("PUT", url, {}, body), bodies)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    done = call("POST", f"/v1/images/{image}/complete", completion)
    assert (done.status, done.json()["size"]) == (200, len(whole)), done.body
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    assert call("POST", f"/v1/images/{image}/complete", completion).json() == done.json()
    url, cookies = server.stream(image)
    assert send("GET", url, {"Cookie": cookies}).body == whole
    for _ in range(10):
        start = random.randrange(len(whole))
        end = min(len(whole), start + random.randrange(1, 300_000))
        answer = send("GET", url, {"Cookie": cookies, "Range": f"bytes={start}-{end - 1}"})
        assert (answer.status, answer.body) == (206, whole[start:end])
    assert send("GET", url).status == 403
    assert call("DELETE", f"/v1/images/{image}").status == 204
    assert send("GET", url, {"Cookie": cookies}).status == 404
    assert not backends.s3_client().list_objects_v2(Bucket=server.settings["S3_BUCKET"]).get("Contents")


class Nginx:
    """nginx as a reverse proxy that distributes requests to servers in turn."""

    def __init__(self, folder, upstreams):
        self.folder, self.ports = pathlib.Path(folder), [free_port() for _ in upstreams]
        blocks = ""
        for number, (port, servers) in enumerate(zip(self.ports, upstreams)):
            lines = "".join(f"server {server} max_fails=0;" for server in servers)
            blocks += f"""
    upstream to{number} {{ {lines} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://to{number};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
            proxy_next_upstream error timeout non_idempotent;
            add_header X-Served-By $upstream_addr always;
        }}
    }}"""
        (self.folder / "nginx.conf").write_text(
            f"""daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;{blocks}
}}
"""
        )

    def __enter__(self):
        command = ["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                send("GET", f"http://127.0.0.1:{self.ports[0]}/health")
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError((self.folder / "error.log").read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)


def generated_key(path):
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path], check=True, capture_output=True)
    return path.read_text()


def test_two_servers_behind_nginx_are_one(tmp_path):
    assert shutil.which("nginx") and shutil.which("openssl")
    keys = tmp_path / "keys"
    keys.mkdir()
    shared = backends.settings("postgres", "s3") | {
        "AUTH_OWN_TOKENS": "true",
        "AUTH_OWN_KEY_PEM": generated_key(keys / "tokens.pem"),
        "CLOUDFRONT_PRIVATE_KEY_PEM": generated_key(keys / "grants.pem"),
        "CLOUDFRONT_KEY_PAIR_ID": "KTEST",
        "MULTIPART_PART_SIZE_BYTES": str(5 * MIB),
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    servers = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        servers.append(Server(folder, **shared))
    front = tmp_path / "nginx"
    front.mkdir()
    at = lambda server, door: f"127.0.0.1:{server.ports[door]}"
    nginx = Nginx(front, [[at(s, "PORT") for s in servers], [at(s, "EDGE_PORT") for s in servers]])
    api, edge = (f"http://127.0.0.1:{port}" for port in nginx.ports)
    for server in servers:
        server.settings |= {"PUBLIC_BASE_URL": api, "EDGE_URL": edge}
        server.start()
    try:
        with nginx:
            made = subprocess.run([BINARY, "token", "--user", "alice"], env=servers[0].settings, cwd=tmp_path, capture_output=True, text=True, check=True)
            token = made.stdout.strip()
            served = []

            def call(method, path, body=None):
                headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.5"}
                data = None
                if body is not None:
                    headers["Content-Type"] = "application/json"
                    data = json.dumps(body).encode()
                answer = send(method, api + path, headers, data)
                assert answer.status < 300, (method, path, answer.status, answer.body)
                served.append((method, path.split("/")[-1], answer.headers["X-Served-By"]))
                return answer

            bodies = [random.randbytes(5 * MIB), random.randbytes(77_777)]
            whole = b"".join(bodies)
            images = []
            for _ in range(2):
                image, completion = upload(call, lambda url, body: send("PUT", url, {}, body), bodies)
                done = call("POST", f"/v1/images/{image}/complete", completion).json()
                assert call("POST", f"/v1/images/{image}/complete", completion).json() == done
                images.append(image)
                # An additional request, so that the next upload begins on the other server.
                call("GET", "/v1/images")
            by = {what: {server for _, name, server in served if name == what} for what in ("images", "upload-url", "complete")}
            assert all(len(used) == 2 for used in by.values()), f"each step was done by both: {by}"
            begun_by = [server for method, name, server in served if (method, name) == ("POST", "images")]
            completed_by = [server for method, name, server in served if name == "complete"]
            assert any(begun != completed for begun, completed in zip(begun_by, completed_by[::2])), (begun_by, completed_by)
            streams = [call("GET", f"/v1/images/{images[0]}/stream-url").json() for _ in range(2)]
            for stream in streams:
                cookie = "; ".join(f"{c['name']}={c['value']}" for c in stream["auth"]["cookies"])
                for _ in range(2):
                    answer = send("GET", stream["url"], {"Cookie": cookie, "Range": "bytes=5242870-5242889"})
                    assert (answer.status, answer.body) == (206, whole[5242870:5242890]), answer.body
            # One server is killed; the other continues every upload.
            servers[0].stop(signal.SIGKILL)
            image, completion = upload(call, lambda url, body: send("PUT", url, {}, body), bodies)
            call("POST", f"/v1/images/{image}/complete", completion)
            servers[0].start()
            for gone in [*images, image]:
                call("DELETE", f"/v1/images/{gone}")
            for _ in range(2):
                assert send("GET", streams[0]["url"], {"Cookie": cookie}).status == 404
            made = subprocess.run([BINARY, "token", "--user", "root", "--admin"], env=servers[0].settings, cwd=tmp_path, capture_output=True, text=True, check=True)
            token = made.stdout.strip()
            events = call("GET", f"/v1/audit?object={image}").json()["events"]
            assert {event["action"] for event in events} >= {"upload.begun", "upload.completed", "object.deleted"}
            assert {event["address"] for event in events if event["actor"]["kind"] == "user"} == {"203.0.113.5"}, "not nginx's own"
            print("begun by", begun_by, "completed by", completed_by[::2])
    finally:
        for server in servers:
            server.stop()
    for server in servers:
        log = server.log.read_text()
        assert "panicked" not in log and "BEGIN" not in log
        assert token not in log
