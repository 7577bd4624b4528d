"""Tests the deployment files: the systemd unit, the nginx site, the Caddy site, the install
script, the alerts and the compose files."""

import http.client
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import time
import tomllib
import urllib.parse

import chart
import pytest
import yaml
from document_blocks import ENTER, MACHINE
from ports import free_port
from server import BINARY, ROOT, Server, send

DEPLOY = ROOT / "deploy"


def test_the_unit_is_right_and_confined(tmp_path):
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing"
    unit = tmp_path / "tidegate.service"
    # The unit names the binary where the script installs it, which this test does not do.
    unit.write_text((DEPLOY / "systemd/tidegate.service").read_text().replace("/usr/local/bin/tidegate", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert verified.returncode == 0 and "tidegate.service" not in verified.stderr, verified.stderr
    judged = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)
    exposure = float(re.search(r"Overall exposure level .*: ([\d.]+)", judged.stdout).group(1))
    assert exposure <= 1.5, judged.stdout


def rsa_key():
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True, check=True)
    return made.stdout


def site(folder, server=None):
    """Runs the delivered nginx site on free ports, with its own certificate, in front of a server.
    """
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=files.example.com",
                    "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"], check=True, capture_output=True)  # fmt: skip
    text = (DEPLOY / "nginx/tidegate.conf").read_text().replace("/etc/tidegate/tls", str(folder))
    ports = {"80": free_port(), "443": free_port()}
    text = re.sub(r"listen (\[::\]:)?(80|443)\b", lambda found: f"listen {found[1] or ''}{ports[found[2]]}", text)
    if server:
        text = text.replace("127.0.0.1:3000", f"127.0.0.1:{server.ports['PORT']}")
        text = text.replace("/var/lib/tidegate/store/", f"{server.folder}/data/store/")
    user = "user root;" if os.geteuid() == 0 else ""
    conf = folder / "nginx.conf"
    conf.write_text(f"{user} daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}\nhttp {{ access_log {folder}/access;\n{text}\n}}\n")
    return conf, ports["443"]


def test_the_site_is_taken_by_nginx(tmp_path):
    conf, _ = site(tmp_path)
    taken = subprocess.run(["nginx", "-t", "-c", conf, "-e", tmp_path / "log"], capture_output=True, text=True)
    assert taken.returncode == 0 and "warn" not in taken.stderr, taken.stderr


def test_nginx_sends_the_files_itself(tmp_path):
    service = "0123456789abcdef0123456789abcdef"
    server = Server(tmp_path, ACCEL_REDIRECT="/_tidegate/", PUBLIC_BASE_URL="https://files.example.com", EDGE_URL="https://images.example.com",
                    S3_URL="https://uploads.example.com", TRUSTED_PROXIES="127.0.0.1", AUTH_SERVICE_TOKEN=service, UPLOAD_SIGNING_KEY=service,
                    CLOUDFRONT_KEY_PAIR_ID="K1", CLOUDFRONT_PRIVATE_KEY_PEM=rsa_key(), S3_OPERATOR_ACCESS_KEY="OPERATOROPERATOR",
                    S3_OPERATOR_SECRET_KEY=service, CORS_ALLOW_ORIGIN="https://app.example.com", SCANNER="off")  # fmt: skip
    conf, port = site(tmp_path, server)

    def ask(method, path, body=None, **headers):
        context = ssl.create_default_context(cafile=tmp_path / "fullchain.pem")
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        headers = {"Host": "files.example.com", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    with server:
        nginx = subprocess.Popen(["nginx", "-c", conf, "-e", tmp_path / "log"])
        try:
            body, name = random.randbytes(300_000), "a b+é%2F?.html"
            json_body = {"mode": "single", "files": [{"name": name, "size": len(body), "mime": "text/html"}], "meta": {"user_id": "a@b.de"}}
            for _ in range(100):
                try:
                    status, _, said = ask("POST", "/v1/files/init", json.dumps(json_body), X_Service_Token=service, Content_Type="application/json")
                    break
                except OSError:
                    time.sleep(0.05)
            assert status == 200, said
            begun = json.loads(said)
            assert ask("PUT", f"/v1/files/part/{begun['uploadId']}/0", body, X_Service_Token=service)[0] == 200
            done = ask("POST", "/v1/files/complete", json.dumps({"uploadId": begun["uploadId"]}), X_Service_Token=service, Content_Type="application/json")
            assert done[0] == 200, done
            key = urllib.parse.quote(begun["uploads"][0]["key"])
            status, _, said = ask("GET", f"/v1/files/signed-url?key={urllib.parse.quote(begun['uploads'][0]['key'], safe='')}", X_Service_Token=service)
            link = urllib.parse.urlsplit(json.loads(said)["url"])
            for path in (f"{link.path}?{link.query}", f"/{key}"):
                status, headers, got = ask("GET", path, Origin="https://app.example.com")
                assert (status, got == body) == (200, True), (path, status)
                assert headers["Content-Disposition"].startswith("attachment"), "it would run"
                assert headers["Content-Type"] == "text/html" and headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
                assert headers["X-Content-Type-Options"] == "nosniff" and headers["Access-Control-Allow-Origin"] == "https://app.example.com"
                assert "X-Accel-Redirect" not in headers and headers["Cache-Control"]
                part = ask("GET", path, Range="bytes=1000-1999")
                assert (part[0], part[2]) == (206, body[1000:2000])
                assert ask("GET", path, If_None_Match=headers["ETag"])[0] == 304
                assert ask("HEAD", path)[1]["Content-Length"] == str(len(body))
            assert ask("GET", f"{link.path}?{link.query}0")[0] == 403
            assert ask("GET", f"/_tidegate/{key}")[0] == 404, "nobody asks for it from outside"
            past = send("GET", f"{server.api}/{key}")
            assert (past.status, past.body, past.headers["X-Accel-Redirect"]) == (200, body, None), "who comes past the proxy gets the bytes"
        finally:
            nginx.terminate()
            nginx.wait(timeout=10)


def test_every_door_behind_caddy(tmp_path):
    """The delivered site, without TLS and on free ports: an upload to the S3 door, and a range from the edge."""
    text = (DEPLOY / "caddy/Caddyfile").read_text()
    checked = subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy/Caddyfile"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    port, secret = free_port(), "0123456789abcdef0123456789abcdef"
    server = Server(tmp_path, PUBLIC_BASE_URL="https://files.example.com", EDGE_URL="https://images.example.com", S3_URL="https://uploads.example.com",
                    TRUSTED_PROXIES="127.0.0.1", AUTH_SERVICE_TOKEN=secret, UPLOAD_SIGNING_KEY=secret, SCANNER="off",
                    CLOUDFRONT_PRIVATE_KEY_PEM=rsa_key(), CLOUDFRONT_KEY_PAIR_ID="K1", CLOUDFRONT_AUTH_MODE="url")  # fmt: skip
    text = re.sub(r"^(\w+\.example\.com)", rf"http://\1:{port}", text, flags=re.M)
    for door, usual in (("PORT", 3000), ("EDGE_PORT", 3001), ("S3_PORT", 9000)):
        assert text.count(f"127.0.0.1:{usual}\n") == 1
        text = text.replace(f"127.0.0.1:{usual}\n", f"127.0.0.1:{server.ports[door]}\n")
    conf = tmp_path / "Caddyfile"
    conf.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    api = {"Host": "files.example.com", "X-Service-Token": secret, "X-User-Id": "ann", "Content-Type": "application/json"}

    def ask(method, url, body=None, **headers):
        url = urllib.parse.urlsplit(url)
        return send(method, f"http://127.0.0.1:{port}{url.path}?{url.query}", {"Host": url.netloc, **headers}, body)

    def call(method, path, body=None):
        answer = ask(method, f"https://files.example.com{path}", json.dumps(body).encode() if body else None, **api)
        assert answer.status == 200, answer.body
        return answer.json()

    home = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with server, open(tmp_path / "caddy.log", "wb") as log:
        caddy = subprocess.Popen(["caddy", "run", "--config", conf, "--adapter", "caddyfile"], stdout=log, stderr=log, env=home)
        try:
            for _ in range(200):
                try:
                    if ask("GET", "https://files.example.com/readyz").status == 200:
                        break
                except OSError:
                    time.sleep(0.05)
            disk = random.randbytes(300_000)
            begun = call("POST", "/v1/images", {"name": "disk.img", "size": len(disk)})
            image, upload = begun["imageId"], begun["uploadId"]
            sent = ask("PUT", call("POST", f"/v1/images/{image}/upload-url", {"uploadId": upload, "partNumber": 1})["url"], disk)
            assert sent.status == 200, sent.body
            call("POST", f"/v1/images/{image}/complete", {"uploadId": upload, "parts": [{"partNumber": 1, "etag": sent.headers["ETag"]}]})
            url = call("GET", f"/v1/images/{image}/stream-url")["url"]
            part = ask("GET", url, Range="bytes=1000-1999")
            assert (part.status, part.body) == (206, disk[1000:2000])
            assert ask("GET", url.replace("Signature=", "Signature=A")).status == 403
        finally:
            caddy.terminate()
            caddy.wait(timeout=20)


def test_the_script_installs_and_takes_away(tmp_path):
    script = [DEPLOY / "systemd/install.sh"]
    environment = {**os.environ, "DESTDIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([*script, BINARY], env=environment, check=True, capture_output=True)
    env = tmp_path / "etc/tidegate/tidegate.env"
    assert (tmp_path / "usr/local/bin/tidegate").stat().st_mode & 0o777 == 0o755
    assert env.stat().st_mode & 0o777 == 0o600
    env.write_text("MINE=1\n")
    subprocess.run([*script, BINARY], env=environment, check=True, capture_output=True)
    assert env.read_text() == "MINE=1\n", "settings are not overwritten"
    subprocess.run([*script, "--uninstall"], env=environment, check=True, capture_output=True)
    assert not (tmp_path / "usr/local/bin/tidegate").exists() and env.exists()


def test_forms_of_issues_name_commands_that_exist():
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    assert [form.name for form in forms] == ["bug.yml", "config.yml", "feature.yml"]
    named = set()
    for form in forms[::2]:
        read = yaml.safe_load(form.read_text())
        assert read["name"] and read["description"], form
        fields = [field for field in read["body"] if field["type"] != "markdown"]
        assert len({field["id"] for field in fields}) == len(fields), form
        for field in fields:
            assert field["type"] in ("input", "textarea", "dropdown") and field["attributes"]["label"], (form, field)
            assert isinstance(field["validations"]["required"], bool), (form, field)
        named |= set(re.findall(r"`tidegate ([^`]+)`", form.read_text()))
    assert named == {"--version", "support-bundle"}
    for words in named:
        done = subprocess.run([BINARY, *words.split(), *([] if words.startswith("-") else ["--help"])], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "security/policy" in forms[0].read_text() and (ROOT / "SECURITY.md").exists()


INSTALLED = r"""
for _ in 1 2; do sh "$1/systemd/install.sh" "$2"; done
stat -c '%n %U:%G %a' /etc/tidegate /etc/tidegate/keys /etc/tidegate/tidegate.env
getent passwd tidegate
install -m 0640 -o root -g tidegate /dev/null /etc/tidegate/keys/key.pem
service() { setpriv --reuid=tidegate --regid=tidegate --init-groups --no-new-privs --bounding-set=-all "$@"; }
service cat /etc/tidegate/keys/key.pem
! service cat /etc/tidegate/tidegate.env
! service touch /etc/tidegate/written /etc/tidegate/keys/written
! setpriv --reuid=nobody --regid=nogroup --clear-groups ls /etc/tidegate
"""


def test_the_script_makes_folders_that_the_service_can_read(tmp_path):
    """On a machine of its own, where /etc and /usr/local can be written and nothing stays."""
    if subprocess.run([*ENTER, "true"], capture_output=True).returncode:
        pytest.skip("this machine forbids mounting, so the script would change it")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "systemctl").symlink_to(MACHINE / "systemctl")
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"}
    done = subprocess.run([*ENTER, "bash", "-eux", "-c", INSTALLED, "bash", DEPLOY, BINARY], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert {"/etc/tidegate root:tidegate 750", "/etc/tidegate/keys root:tidegate 750", "/etc/tidegate/tidegate.env root:root 600"} <= set(said), said
    assert any(re.fullmatch(r"tidegate:.*:/var/lib/tidegate:/usr/sbin/nologin", line) for line in said), said
    assert done.stderr.count("Permission denied") == 4, done.stderr


def test_the_chart_knows_every_setting_and_the_version():
    """Without Helm. What the chart renders is tested by `make chart`."""
    for path, text in chart.descriptions().items():
        if os.environ.get("UPDATE"):
            path.write_text(text)
        assert path.read_text() == text, f"{path} is out of date: run `UPDATE=1 make chart`"
    manifest = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert (manifest["version"], manifest["appVersion"]) == (version, version)


def test_every_setting_of_the_unit_is_known():
    names = re.findall(r"^([A-Z0-9_]+)=", (DEPLOY / "systemd/tidegate.env").read_text(), re.M)
    reference = (ROOT / "docs/reference/settings.md").read_text()
    assert names and all(f"`{name}`" in reference for name in names), [name for name in names if f"`{name}`" not in reference]


def test_alerts_fire_when_they_should():
    rules = ROOT / "deploy/prometheus"
    checked = subprocess.run(["promtool", "check", "rules", rules / "tidegate.rules.yml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    tested = subprocess.run(["promtool", "test", "rules", rules / "tidegate.test.yml"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_compose_files_give_the_server_all_it_asks_for(tmp_path):
    """Docker is not needed: the settings are checked by the server, and secrets.sh makes its keys."""
    shutil.copy(DEPLOY / "docker/secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True, capture_output=True)
    again = subprocess.run([tmp_path / "secrets.sh"], capture_output=True, text=True)
    assert again.returncode == 1 and "secrets.env is there" in again.stderr
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600
    secrets = dict(line.split("=", 1) for line in (tmp_path / "secrets.env").read_text().splitlines())
    parts, server = (yaml.safe_load((DEPLOY / f"docker/{name}.yaml").read_text())["services"] for name in ("compose", "compose.server"))
    given = {**secrets, **server["tidegate"]["environment"], "BIND_HOST": "0.0.0.0", "TIDEGATE_DATA": str(tmp_path / "data"), "PATH": os.environ["PATH"]}
    checked = subprocess.run([BINARY, "check"], env=given, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    without = subprocess.run([BINARY, "check"], env={**given, "UPLOAD_SIGNING_KEY": ""}, cwd=tmp_path, capture_output=True, text=True)
    assert without.returncode == 2 and "UPLOAD_SIGNING_KEY" in without.stderr
    # What the server is told to use is what the other parts offer.
    garage = parts["garage"]["environment"]
    assert given["AWS_ACCESS_KEY_ID"] == garage["GARAGE_DEFAULT_ACCESS_KEY"] and given["AWS_SECRET_ACCESS_KEY"] == garage["GARAGE_DEFAULT_SECRET_KEY"]
    assert given["S3_BUCKET"] == garage["GARAGE_DEFAULT_BUCKET"]
    assert urllib.parse.urlsplit(given["S3_ENDPOINT"]).hostname in parts and urllib.parse.urlsplit(given["DATABASE_URL"]).hostname in parts
    assert given["CLAMAV_HOST"] in parts
    # Nothing is published to other machines.
    for part in [*parts.values(), *server.values()]:
        assert all(port.startswith("127.0.0.1:") for port in part["ports"]), part
