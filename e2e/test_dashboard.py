"""The dashboard of the built binary in Chromium, and the demo data. Its own scenarios are in web/tests."""

import json
import subprocess

from browser_tab import Tab
from server import ROOT

NODE = ROOT / ".tools/node/bin/node"
SIGN_IN = json.dumps({"kind": "dev", "user": "ann", "org": "lab", "roles": ["admin"]})


def demo(server):
    done = subprocess.run([NODE, ROOT / "web/demo/run.mjs", server.api], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done
    return done.stdout


def complaints(tab):
    return [event["params"] for event in tab.events if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]


def test_the_pages_open_and_no_policy_is_broken(server, tmp_path):
    with Tab(tmp_path) as tab:
        for path in ("/", "/spaces", "/spaces/none/members", "/admin/health"):
            tab.open(server.api + path)
            assert tab.wait("document.querySelector('h1')?.innerText === 'Sign in'"), (path, tab.value("document.body.innerText"))
        assert not complaints(tab), complaints(tab)


def test_the_demo_data_fills_every_page_once(server, tmp_path):
    assert "gallery" in demo(server)
    assert "already" in demo(server)
    with Tab(tmp_path, "--window-size=1280,900") as tab:
        tab.open(server.api)
        tab.wait("document.querySelector('h1') !== null")
        tab.value(f"sessionStorage.setItem('tidegate.sign-in', {json.dumps(SIGN_IN)})")
        for path, said in (
            ("/spaces", "Coastal survey 2026"),
            ("/files", "notes.md"),
            ("/disks", "workstation-2026.img"),
            ("/datasets", "Estuary sediment cores"),
            ("/admin/usage", "Datasets"),
            ("/admin/audit", "member.set"),
        ):
            tab.open(server.api + path)
            assert tab.wait(f"document.querySelector('main')?.innerText.includes({json.dumps(said)})"), (path, tab.value("document.body.innerText"))
        tab.open(server.api + "/spaces")
        assert tab.wait("document.querySelectorAll('.picture.shown').length >= 4"), "covers are shown"
        assert not complaints(tab), complaints(tab)


def test_the_demo_says_what_is_wrong(tmp_path):
    done = subprocess.run([NODE, ROOT / "web/demo/run.mjs", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("error: http://127.0.0.1:1 could not be filled: "), done
