"""Proxies as their packages configure them, in front of one server: nginx, nginx with kept connections, Caddy and HAProxy."""

import os
import shutil
import socket
import subprocess
import time

from ports import free_port

PROXIES = ["nginx", "nginx-kept", "caddy", "haproxy"]
# What nginx does since 1.29.7 if nothing is set: it speaks HTTP/1.1 to servers behind it.
MODERN_NGINX = "nginx-modern"


class Proxy:
    """One listening port per port behind it. Root can run it as the service account that packages give to it."""

    def __init__(self, kind, folder, behind, account=None):
        self.kind, self.folder, self.account = kind, folder, account
        folder.mkdir(parents=True, exist_ok=True)
        if account:
            shutil.chown(folder, account, account)
        self.ports = [free_port() for _ in behind]
        write = {"caddy": self.caddy, "haproxy": self.haproxy}.get(kind, self.nginx)
        self.command = write(list(zip(self.ports, behind)))
        assert shutil.which(self.command[0]), f"{self.command[0]} is missing"
        if account:
            self.command = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", *self.command]
        self.process = None

    def nginx(self, pairs):
        kept = self.kind == "nginx-kept"
        more = 'proxy_http_version 1.1; proxy_set_header Connection "";' if kept else ""
        servers = "".join(
            f"upstream to{to} {{ server 127.0.0.1:{to}; {'keepalive 1;' if kept else ''} }}\n"
            f"server {{ listen 127.0.0.1:{at}; location / {{ proxy_pass http://to{to}; {more} }} }}\n"
            for at, to in pairs
        )
        if not kept:
            # As the shortest of all configurations: no header is set, and the server sees a loopback Host.
            more = 'proxy_http_version 1.1; proxy_set_header Connection "";' if self.kind == MODERN_NGINX else ""
            servers = "".join(
                f"server {{ listen 127.0.0.1:{at}; location / {{ proxy_pass http://127.0.0.1:{to}; {more} }} }}\n" for at, to in pairs
            )
        user = "user root;" if os.geteuid() == 0 and not self.account else ""
        temporary = "".join(f"{of}_temp_path {self.folder}/{of};" for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.folder / "nginx.conf"
        conf.write_text(
            f"{user} daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/log; events {{}}\n"
            f"http {{ access_log off; {temporary}\n{servers} }}\n"
        )
        return ["nginx", "-c", str(conf), "-e", str(self.folder / "log")]

    def caddy(self, pairs):
        sites = "".join(f"http://:{at} {{\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:{to}\n}}\n" for at, to in pairs)
        conf = self.folder / "Caddyfile"
        conf.write_text(f"{{\n  admin off\n}}\n{sites}")
        return ["caddy", "run", "--config", str(conf), "--adapter", "caddyfile"]

    def haproxy(self, pairs):
        listens = "".join(f"listen at{at}\n  bind 127.0.0.1:{at}\n  server one 127.0.0.1:{to}\n" for at, to in pairs)
        conf = self.folder / "haproxy.cfg"
        conf.write_text(
            "global\n  maxconn 100\n"
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n  http-reuse always\n" + listens
        )
        return ["haproxy", "-db", "-f", str(conf)]

    def __enter__(self):
        home = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        with open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out, env=home)
        deadline = time.monotonic() + 20
        for port in self.ports:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    ended = self.process.poll() is not None
                    if ended or time.monotonic() > deadline:
                        raise RuntimeError(f"{self.kind} does not listen: {(self.folder / 'out').read_text()[-2000:]}") from None
                    time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
