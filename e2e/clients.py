"""Command-line tools and Python clients in an environment of their own, whose packages would not fit
with those of the tests. `make tools-clients` creates it."""

import json
import pathlib
import subprocess

from server import ROOT

BIN = ROOT / ".tools/clients/bin"
PYTHON = BIN / "python"


def fetch(urls):
    """Fetches URLs with every HTTP client; returns status and body of each by client."""
    script = pathlib.Path(__file__).with_name("http_clients.py")
    done = subprocess.run([PYTHON, script], input=json.dumps(list(urls)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
