"""screenshots.py: takes the pictures of the start page, of the dashboard and of the documentation.

Run it after a change of the start page or the dashboard: `.tools/venv/bin/python e2e/screenshots.py`. With
a folder as argument it writes pictures of the documentation into it instead, some of them dark or of a
search.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from browser_tab import Tab
from PIL import Image
from server import BINARY, ROOT, Server

# Names, paths, widths and heights in CSS pixels; a phone has two device pixels in each.
VIEWS = [
    ("first-page.png", "/start", 1024, 640, 1),
    ("first-page-narrow.png", "/start", 390, 844, 2),
]
# Views of the dashboard, as web/tests/screenshots.mjs names them, and whether they are of a phone.
DASHBOARD = [("gallery", False), ("spaces", True), ("lightbox", False), ("usage", False), ("streaming", True)]
# Names, paths, widths, whether dark, what is searched.
SITE = [
    ("site-start.png", "", 1280, False, None),
    ("site-start-narrow.png", "", 400, False, None),
    ("site-guide.png", "guides/files.html", 1280, False, None),
    ("site-guide-narrow.png", "guides/files.html", 400, False, None),
    ("site-decision-dark.png", "decisions/0030-heads-are-checked-before-the-server-reads-them.html", 1280, True, None),
    ("site-concept.png", "concepts/upload.html", 1280, False, None),
    ("site-concept-dark.png", "concepts/doors.html", 400, True, None),
    ("site-search.png", "guides/files.html", 1280, False, "quota"),
    ("site-search-narrow.png", "guides/files.html", 400, True, "quota"),
    ("site-missing.png", "none.html", 1280, False, None),
]


def report(tab, path, tall):
    overflow = tab.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    print(f"{path}: {overflow} pixels beyond the edge, {tall} high")


def take_first_page(server, tab, images):
    for name, path, width, height, scale in VIEWS:
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=scale > 1)
        tab.open(server.api + path)
        assert tab.wait("document.readyState === 'complete' && document.body.innerText.length > 100")
        tall = tab.value("document.documentElement.scrollHeight")
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=min(tall, 1400), deviceScaleFactor=scale, mobile=scale > 1)
        tab.screenshot(images / name)
        report(tab, images / name, tall)


def take_site(server, tab, images):
    for name, path, width, dark, words in SITE:
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
        scheme = "dark" if dark else "light"
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        tab.open(f"{server.api}/manual/{path}")
        assert tab.wait("document.readyState === 'complete' && !document.querySelector('.search').hidden")
        if words:
            tab.value("document.getElementById('search').focus()")
            tab.call("Input.insertText", text=words)
            assert tab.wait("document.querySelectorAll('#results a').length > 0")
        tab.screenshot(images / name)
        report(tab, images / name, tab.value("document.documentElement.scrollHeight"))


def take_dashboard(folder, images):
    """Takes pictures of the demo data, and keeps them small: 256 colours are enough."""
    taken = folder / "dashboard"
    names = [name for name, _ in DASHBOARD]
    command = [ROOT / ".tools/node/bin/node", "tests/screenshots.mjs", taken, *names]
    subprocess.run(command, cwd=ROOT / "web", env={**os.environ, "TIDEGATE": str(BINARY.resolve())}, check=True)
    for name, is_phone in DASHBOARD:
        picture = Image.open(taken / f"{name}-{'phone-dark' if is_phone else 'wide-light'}.png").convert("RGB")
        small = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
        small.save(images / f"dashboard-{name}.png", optimize=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        # The addresses that a reader sees. Nothing else may run there meanwhile.
        known = {"PORT": "3000", "EDGE_PORT": "3001", "S3_PORT": "9000"} if len(sys.argv) < 2 else {}
        server = Server(folder, **known, TIDEGATE_DATA="tidegate-data")
        if known:
            server.api = "http://127.0.0.1:3000"
        with server, Tab(pathlib.Path(folder)) as tab:
            if known:
                take_first_page(server, tab, ROOT / "docs/images")
                take_dashboard(pathlib.Path(folder), ROOT / "docs/images")
            else:
                images = pathlib.Path(sys.argv[1])
                images.mkdir(parents=True, exist_ok=True)
                take_site(server, tab, images)


main()
