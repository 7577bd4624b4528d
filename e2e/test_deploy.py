"""What is shipped for machines of one's own: the unit, the site, the script, and a backup that comes back."""

import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess

from server import BINARY, ROOT, Server, free_port, send

DEPLOY = ROOT / "deploy"


def test_the_unit_is_right_and_confined(tmp_path):
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing"
    unit = tmp_path / "tidegate.service"
    # The binary is where the script puts it; here it is not.
    unit.write_text((DEPLOY / "systemd/tidegate.service").read_text().replace("/usr/local/bin/tidegate", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert verified.returncode == 0 and "tidegate.service" not in verified.stderr, verified.stderr
    judged = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)
    exposure = float(re.search(r"Overall exposure level .*: ([\d.]+)", judged.stdout).group(1))
    assert exposure <= 1.5, judged.stdout


def test_the_site_is_taken_by_nginx(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=files.example.com",
                    "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"], check=True, capture_output=True)  # fmt: skip
    site = (DEPLOY / "nginx/tidegate.conf").read_text().replace("/etc/tidegate/tls", str(tmp_path))
    ports = {"80": free_port(), "443": free_port()}
    site = re.sub(r"listen (\[::\]:)?(80|443)\b", lambda found: f"listen {found[1] or ''}{ports[found[2]]}", site)
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\nhttp {{ access_log off;\n{site}\n}}\n")
    taken = subprocess.run(["nginx", "-t", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"], capture_output=True, text=True)
    assert taken.returncode == 0 and "warn" not in taken.stderr, taken.stderr


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


def test_every_setting_of_the_unit_is_known():
    names = re.findall(r"^([A-Z0-9_]+)=", (DEPLOY / "systemd/tidegate.env").read_text(), re.M)
    reference = (ROOT / "docs/reference/settings.md").read_text()
    assert names and all(f"`{name}`" in reference for name in names), [name for name in names if f"`{name}`" not in reference]


def test_a_backup_comes_back(tmp_path):
    (tmp_path / "first").mkdir()
    with Server(tmp_path / "first", UPLOAD_SIGNING_KEY="0123456789abcdef0123456789abcdef") as server:
        body = random.randbytes(200_000)
        begun = server.call("POST", "/v1/files/init", body={"mode": "single", "files": [{"name": "a.bin", "size": len(body)}]}).json()
        assert send("PUT", f"{server.api}/v1/files/part/{begun['uploadId']}/1", {"X-User-Id": "alice"}, body).status == 200
        assert server.call("POST", "/v1/files/complete", body={"uploadId": begun["uploadId"]}).status == 200
        data, saved = tmp_path / "first/data", tmp_path / "saved"
        saved.mkdir()
        # As the guide says, while the server runs: the database first.
        with sqlite3.connect(data / "tidegate.db") as source, sqlite3.connect(saved / "tidegate.db") as copy:
            source.backup(copy)
        shutil.copytree(data / "store", saved / "store")
        shutil.copytree(data / "keys", saved / "keys")
        late = server.call("POST", "/v1/files/init", body={"mode": "single", "files": [{"name": "late", "size": 1}]})
        assert late.status == 200
    (tmp_path / "second").mkdir()
    shutil.copytree(saved, tmp_path / "second/data")
    with Server(tmp_path / "second", UPLOAD_SIGNING_KEY="0123456789abcdef0123456789abcdef") as server:
        listed = server.call("GET", "/v1/files/all").json()
        assert [file["filename"] for file in listed["files"]] == ["a.bin"]
        url = server.call("GET", f"/v1/files/signed-url?key={listed['files'][0]['key']}").json()["url"]
        assert send("GET", url).body == body
        assert server.call("GET", "/v1/files/usage").json()["used"] == len(body)
