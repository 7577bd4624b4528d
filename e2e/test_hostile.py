"""Hostile input that only the built binary can be tried with: what it opens, what it logs, what its
process shows, and how long its refusals take."""

import base64
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import time
import urllib.parse

from server import BINARY, Server, send

SERVICE = "service-token-0123456789abcdefghij"
LINK_KEY = "link-key-0123456789abcdefghijklmno"
OPERATOR = "operator-secret-0123456789abcdefghij"
SECRET_SETTINGS = {"AUTH_SERVICE_TOKEN": SERVICE, "UPLOAD_SIGNING_KEY": LINK_KEY, "S3_OPERATOR_ACCESS_KEY": "OPERATOR12345678", "S3_OPERATOR_SECRET_KEY": OPERATOR}
# A token, a signature, a key: in no log, no metric, no error and no command line.
SHAPES = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.|X-Amz-Signature=|X-Amz-Credential=|X-Amz-Security-Token|[?&;\" ]Signature=|CloudFront-(Policy|Signature)=|sig=[0-9a-f]{16}|BEGIN [A-Z ]*PRIVATE KEY|Bearer ")


def raw(port, request, timeout=5):
    """Sends bytes and returns all that is answered until the connection closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as wire:
        answer = b""
        try:
            wire.sendall(request)
            while chunk := wire.recv(65536):
                answer += chunk
        except (ConnectionError, TimeoutError):
            pass
        return answer


def file_link(server, headers, **query):
    """Uploads a file and returns its key and a link to it."""
    def call(method, path, body=None):
        return send(method, server.api + path, {**headers, "Content-Type": "application/json"}, json.dumps(body).encode() if body else None)

    begun = call("POST", "/v1/files/init", {"mode": "single", "files": [{"name": "a.txt", "size": 5}]}).json()
    assert send("PUT", f"{server.api}/v1/files/part/{begun['uploadId']}/1", headers, b"hello").status == 200
    assert call("POST", "/v1/files/complete", {"uploadId": begun["uploadId"]}).status == 200
    key = begun["uploads"][0]["key"]
    signed = call("GET", f"/v1/files/signed-url?{urllib.parse.urlencode({'key': key, **query})}")
    return key, signed.json()["url"]


def image(server):
    """Uploads an image and returns its signed URL, and a presigned URL of a part."""
    of, upload, _ = server.begin()
    part = server.sign(of, upload, 1)
    etag = send("PUT", part, {}, b"x" * 100).headers["ETag"]
    assert server.complete(of, upload, [(1, etag)]).status == 200
    return server.stream(of)[0], part


HOSTILE = ["../", "..%2f", "%2e%2e/", "%252e%252e%252f", "..\\", "..%5c", "....//", "%c0%ae%c0%ae/", "..%00/", "%2e%2e%5c", "..;/", "\u2025/"]


def test_no_hostile_path_opens_a_file_outside(tmp_path):
    """Every path that the server opens, while hostile paths come to all doors, lies in its folder."""
    server = Server(tmp_path, SURFACES="disks,files,packages")
    trace = tmp_path / "trace"
    server.command = ["strace", "-f", "-y", "-s", "300", "-o", str(trace), "-e", "trace=%file", str(BINARY), "serve"]
    with server:
        key, link = file_link(server, {"X-User-Id": "alice"})
        before = trace.stat().st_size
        served = 0
        for door in ("PORT", "EDGE_PORT", "S3_PORT"):
            for climb in HOSTILE:
                for prefix in ("", "storage/alice/", "images/alice/", "get/", "v1/files/metadata/storage/alice/", "tidegate/", "docs/", "redoc/", "v1/images/"):
                    for target in ("etc/passwd", "keys/links.key", "tidegate.db"):
                        path = f"/{prefix}{climb * 6}{target}"
                        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.ports[door]}\r\nX-User-Id: alice\r\nConnection: close\r\n\r\n"
                        answer = raw(server.ports[door], head.encode())
                        assert b"root:" not in answer and b"SQLite" not in answer, (door, path)
                        served += 1
        for name in (*(climb * 6 + "etc/passwd" for climb in HOSTILE), "/etc/passwd", "C:\\x", "CON"):
            body = json.dumps({"mode": "single", "files": [{"name": name, "size": 1}]}).encode()
            send("POST", f"{server.api}/v1/files/init", {"X-User-Id": "alice", "Content-Type": "application/json"}, body)
            encoded = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
            assert send("GET", f"{server.api}/get/{encoded}?exp=9999999999&sig=00").status in (400, 403)
        assert send("GET", link).body == b"hello"
        # strace ends with what it traces.
        children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        server.process.wait(timeout=60)
        whole = trace.read_bytes().decode(errors="replace")
        # Programs that the server starts, as ffmpeg to ask for its version, read their libraries.
        others = set(re.findall(r"^(\d+) +execve\(", whole, re.M)[1:])
        lines = whole[before:].splitlines()[1:]
        calls = "\n".join(line for line in lines if line.split(" ", 1)[0] not in others)
        opened = re.findall(r'(?:openat2?|open|readlink|unlinkat|renameat2?|mkdirat)\((?:AT_FDCWD[^,]*|\d+<([^>]*)>), "([^"]*)"', calls)
        assert "etc/passwd" not in calls and "links.key" not in calls, [line for line in calls.splitlines() if "passwd" in line or "links.key" in line][:3]
        data = str(tmp_path / "data")
        # The trace holds what is opened: the file that was read after the hostile paths.
        assert [path for folder, path in opened if folder.startswith(data) and path.endswith(key)], opened
        outside = {path for folder, path in opened if path.startswith("/") and not path.startswith((data, "/proc/", "/sys/", "/dev/", "/etc/localtime", "/usr/share/zoneinfo"))}
        assert not outside, outside
        assert not [(folder, path) for folder, path in opened if ".." in path.split("/")], "nothing climbs"
        print(f"{served} hostile paths, {len(opened)} files looked for, none outside")


def test_http_2_is_not_spoken(server):
    """The preface of HTTP/2 is refused on every door, and no upgrade to it is made. So there are no
    streams, no resets and no CONTINUATION frames to flood with."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    frames = b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08" * 10_000
    for door in ("PORT", "EDGE_PORT", "S3_PORT"):
        port = server.ports[door]
        answer = raw(port, preface + frames)
        assert not answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 505")), (door, answer[:100])
        upgrade = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" % port
        answer = raw(port, upgrade)
        assert answer.startswith(b"HTTP/1.1 ") and not answer.startswith(b"HTTP/1.1 101"), (door, answer[:100])
    assert server.memory() < 300


def test_forms_are_not_taken(server):
    """No route reads `multipart/form-data`: every form is refused, whatever is in it, in constant
    memory."""
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename*=UTF-8\'\'..%2fx; filename="a"\r\n\r\nx\r\n'
    forms = {
        "a long boundary": ("b" * 200, b"--" + b"b" * 200 + b"\r\n\r\nx\r\n"),
        "no end": ("b", part),
        "ten thousand parts": ("b", part * 10_000),
        "a head of a megabyte": ("b", b"--b\r\nx: " + b"y" * (1 << 20) + b"\r\n\r\nx\r\n--b--"),
        "a field twice": ("b", part + part + b"--b--"),
    }
    for path in ("/v1/images", "/v1/files/init", "/v1/files/part", "/v1/files/complete", "/api/spaces", "/v1/sessions", "/packages/datasets", "/graphql"):
        for what, (boundary, body) in forms.items():
            answer = send("POST", server.api + path, {"X-User-Id": "alice", "X-Org-Id": "lab", "Content-Type": f"multipart/form-data; boundary={boundary}"}, body)
            assert answer.status in (400, 413, 415), (path, what, answer.status, answer.body[:200])
    assert server.memory("VmHWM") < 300


def test_expired_and_forged_take_the_same_time(server):
    """The answer to a link that ended and to one that was forged is the same, and so is the time that
    it takes. `TIMING_TRIES=10000` makes the long run."""
    tries = int(os.environ.get("TIMING_TRIES", "600"))
    _, link = file_link(server, {"X-User-Id": "alice"}, ttl="1", v="2")
    forged = {
        "first digit": re.sub(r"sig=(.)", lambda found: "sig=" + ("0" if found[1] != "0" else "1"), link),
        "last digit": link[:-1] + ("0" if link[-1] != "0" else "1"),
        "length": link + "00",
    }
    assert "sig=" in link.rsplit("&", 1)[1], link
    deadline = time.monotonic() + 10
    while send("GET", link).status != 403:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    kinds = {"expired": link, **forged}
    bodies, times = set(), {kind: [] for kind in kinds}
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["PORT"])
    for number in range(tries):
        for kind, url in kinds.items():
            target = url.split(server.api, 1)[1]
            started = time.perf_counter()
            connection.request("GET", target)
            answer = connection.getresponse()
            body = answer.read()
            times[kind].append(time.perf_counter() - started)
            bodies.add((answer.status, body))
    connection.close()
    assert len(bodies) == 1 and next(iter(bodies))[0] == 403, bodies
    medians = {kind: statistics.median(all) * 1e6 for kind, all in times.items()}
    quartiles = [statistics.quantiles(all, n=4) for all in times.values()]
    noise = max(high - low for low, _, high in quartiles) * 1e6
    print(f"medians in µs: {medians}; noise {noise:.0f} µs")
    assert max(medians.values()) - min(medians.values()) < noise


def lines(server):
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_denied_requests_are_logged_without_the_credential(make_server):
    server = make_server(LOG_LEVEL="info", CLOUDFRONT_AUTH_MODE="url", RATE_LIMIT_PER_ADDRESS="0")
    url, part = image(server)
    _, link = file_link(server, {"X-User-Id": "alice"})
    at_edge = re.sub(r"Signature=....", "Signature=AAAA", url)
    in_store = re.sub(r"X-Amz-Signature=....", "X-Amz-Signature=0000", part)
    forged = re.sub(r"sig=....", "sig=0000", link)
    assert at_edge != url and in_store != part and forged != link
    assert send("GET", f"{server.api}/v1/images").status == 401
    assert send("GET", at_edge).status == 403
    assert send("PUT", in_store, {}, b"x").status == 403
    assert send("GET", forged).status == 403
    denied = [line for line in lines(server) if line.get("message") == "access denied"]
    by_door = {(line["door"], line["status"]) for line in denied}
    assert {("api", 401), ("api", 403), ("edge", 403), ("s3", 403)} <= by_door, denied
    assert "SignatureDoesNotMatch" in [line["reason"] for line in denied if line["door"] == "s3"], denied
    for line in denied:
        assert line["level"] == "INFO" and line["client"] == "127.0.0.1" and line["id"] and line["reason"], line
        assert "?" not in line["path"] and not SHAPES.search(json.dumps(line)), line
    secrets = [value for one in (at_edge, url, in_store, part, forged, link) for _, value in urllib.parse.parse_qsl(one.split("?", 1)[1]) if len(value) > 40]
    text = server.log.read_text()
    assert len(secrets) >= 6 and not [secret for secret in secrets if secret in text]
    # A flood: one line a second, which says how many it stands for, and all are counted.
    started, flood = time.monotonic(), 0
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["EDGE_PORT"])
    while time.monotonic() - started < 2.5:
        connection.request("GET", at_edge.split(server.edge, 1)[1])
        answer = connection.getresponse()
        answer.read()
        flood += answer.status == 403
    connection.close()
    time.sleep(1.1)
    assert send("GET", at_edge).status == 403
    new = [line for line in lines(server) if line.get("message") == "access denied" and line["door"] == "edge"]
    assert len(new) <= 6 and flood > 50, (len(new), flood)
    assert sum(line["suppressed"] for line in new) + len(new) == flood + 2, (new, flood)
    counted = re.search(r"^tidegate_refusal_log_suppressed_total (\d+)", send("GET", f"{server.api}/metrics").body.decode(), re.M)
    assert int(counted[1]) >= flood - len(new)


HOSTILE_TEXT = ["a\nlevel=ERROR forged", "a\r\n{\"level\":\"ERROR\"}", "\x1b[31mred\x1b[0m", "a\u2028b", "\u202eevil", "a\x00b", "\x9b31m"]


def test_what_clients_say_breaks_no_line_of_the_log(make_server):
    """Names, paths, agents and ids come into the log escaped or not at all, in both formats."""
    for form in ("json", "pretty"):
        server = make_server(LOG_FORMAT=form)
        for text in HOSTILE_TEXT:
            quoted, header = urllib.parse.quote(text), text.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
            server.call("POST", "/v1/images", body={"name": text, "contentType": text})
            server.call("POST", "/v1/files/init", body={"mode": "single", "files": [{"name": text, "size": 1}], "folder": text})
            server.call("POST", "/api/spaces", body={"name": text})
            for port in server.ports.values():
                for path in (f"/{quoted}", f"/storage/alice/{quoted}", f"/images/alice/{quoted}?Signature=x&Key-Pair-Id=y&Expires=9"):
                    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n".encode()
                    raw(port, head + b"User-Agent: " + header + b"\r\nX-Request-Id: " + header + b"\r\nX-User-Id: " + header + b"\r\nReferer: " + header + b"\r\n\r\n")
        server.stop()
        log = server.log.read_bytes()
        assert log.count(b"\n") > 20
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", log), form
        for text in ("\u2028", "\u202e", "\u009b"):
            assert text.encode() not in log, (form, text)
        assert b"\nlevel=ERROR" not in log and b"\n{\"level\":\"ERROR\"}" not in log
        if form == "json":
            for line in log.decode().splitlines():
                if line.startswith("{"):
                    json.loads(line)
        server.log.write_text("")


def key_material(folder):
    """Returns the secrets in the key files as they could be in a line of a log: the secret of a JSON file, each full
    line of base64 of a PEM, and keys that are a line of their own."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.name.endswith(".pub.pem"):
            continue
        text = path.read_text()
        if path.suffix == ".json":
            found.append(json.loads(text)["secret_key"])
        else:
            lines = [line for line in text.splitlines() if len(line) > 30 and "-----" not in line]
            assert lines, path
            found += lines
    # Links, tokens, the edge's grants and presigned requests are signed with keys of the folder or of the settings.
    assert len(found) > 10 and not [secret for secret in found if "\n" in secret or len(secret) <= 30], len(found)
    return found


def test_no_secret_is_in_logs_metrics_command_lines_or_answers(make_server, tmp_path):
    server = make_server(**SECRET_SETTINGS, AUTH_OWN_TOKENS="true", CLOUDFRONT_AUTH_MODE="url")
    service = {"X-Service-Token": SERVICE, "X-User-Id": "alice", "Content-Type": "application/json"}
    by_service = {name: value for name, value in service.items() if name != "X-User-Id"}
    token = send("POST", f"{server.api}/v1/tokens", by_service, json.dumps({"userId": "alice"}).encode()).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    begun = send("POST", f"{server.api}/v1/images", {**bearer, "Content-Type": "application/json"}, b"{}").json()
    wanted = json.dumps({"uploadId": begun["uploadId"], "partNumber": 1}).encode()
    part = send("POST", f"{server.api}/v1/images/{begun['imageId']}/upload-url", {**bearer, "Content-Type": "application/json"}, wanted).json()["url"]
    assert send("PUT", part, {}, b"x").status == 200
    assert send("PUT", part.replace("X-Amz-Signature=", "X-Amz-Signature=0"), {}, b"x").status in (400, 403)
    _, link = file_link(server, bearer)
    for url in (link, link + "0", f"{server.api}/v1/images?access_token={token}", f"{server.edge}/images/x?Signature={'A' * 40}&Key-Pair-Id=K&Expires=9", f"{server.s3}/?{part.split('?')[1]}"):
        send("GET", url)
        send("GET", url, {"Authorization": f"Bearer {token}x", "Cookie": f"CloudFront-Signature={'B' * 40}; CloudFront-Policy={'C' * 40}; CloudFront-Key-Pair-Id=K"})
    shown = {
        "log": server.log.read_text(),
        "metrics": send("GET", f"{server.api}/metrics").body.decode(),
        "command line": pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_text(),
        "description": send("GET", f"{server.api}/openapi.json").body.decode().replace("Bearer $TOKEN", "").replace("Bearer …", ""),
        "check": subprocess.run([BINARY, "check"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=20).stdout,
    }
    in_files = key_material(server.folder / "data/keys")
    secrets = [SERVICE, LINK_KEY, OPERATOR, token, part.split("X-Amz-Signature=")[1], "B" * 40, "C" * 40, *in_files]
    for where, text in shown.items():
        assert len(text) > 10, where
        assert not [secret for secret in secrets if secret in text], where
        if where != "description":
            found = SHAPES.search(text)
            assert not found, (where, text[max(0, found.start() - 100) : found.end() + 20])


def test_those_who_can_read_files_without_sign_in_are_told(make_server, tmp_path):
    """`FILES_PUBLIC` is on by default; the start, `check`, the page at `/start` and each answer of `init` say so."""
    body = {"mode": "single", "files": [{"name": "a", "size": 1}]}
    for value, on in (("true", True), ("false", False)):
        server = make_server(FILES_PUBLIC=value)
        says = "whoever knows"
        assert (says in server.log.read_text()) == on
        checked = subprocess.run([BINARY, "check"], env=server.settings, cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert (says in checked.stdout) == on, checked
        assert (says in send("GET", f"{server.api}/start").body.decode()) == on
        assert server.call("POST", "/v1/files/init", body=body).json()["publicAccess"] is on
        server.stop()
        server.log.write_text("")
