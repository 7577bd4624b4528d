"""Fixtures of the black-box tests, and the checks that run after each test."""

import re

import pytest

from server import Server

# Secrets that must never be logged: signatures, keys, cookies, tokens.
SECRETS = re.compile(
    r"X-Amz-Signature=|X-Amz-Credential=|Signature=[A-Za-z0-9~_-]{20}|CloudFront-(Policy|Signature)=|BEGIN [A-Z ]*PRIVATE KEY|[Aa]uthorization: AWS4"
)


@pytest.fixture
def make_server(tmp_path):
    servers = []

    def make(command=None, **settings):
        server = Server(tmp_path, **settings)
        server.command = command or server.command
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.stop()
        log = server.log.read_text()
        found = SECRETS.search(log)
        assert not found, f"the log holds a secret: {log[max(0, found.start() - 200):found.end()]}"
        assert "panicked" not in log, log[-3000:]
        for which in ("presign", "operator"):
            if (server.folder / f"data/keys/s3-{which}.json").exists():
                assert server.credentials(which)[1] not in log


@pytest.fixture
def server(make_server):
    return make_server()
