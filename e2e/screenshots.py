"""screenshots.py: takes the picture of the first page that the README shows, at two widths.

Run it after a change of that page: `.tools/venv/bin/python e2e/screenshots.py`.
"""

import pathlib
import tempfile

from browser_tab import Tab
from server import ROOT, Server

# Names, widths and heights in CSS pixels; a phone has two device pixels in each.
VIEWS = [("first-page.png", 1024, 640, 1), ("first-page-narrow.png", 390, 844, 2)]


def main():
    images = ROOT / "docs/images"
    with tempfile.TemporaryDirectory() as folder:
        # The addresses that a reader sees. Nothing else may run there meanwhile.
        server = Server(folder, PORT="3000", EDGE_PORT="3001", S3_PORT="9000", TIDEGATE_DATA="tidegate-data")
        server.api = "http://127.0.0.1:3000"
        with server, Tab(pathlib.Path(folder)) as tab:
            for name, width, height, scale in VIEWS:
                tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=scale > 1)
                tab.open(server.api)
                assert tab.wait("document.readyState === 'complete' && document.body.innerText.length > 100")
                overflow = tab.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                tall = tab.value("document.documentElement.scrollHeight")
                tab.call("Emulation.setDeviceMetricsOverride", width=width, height=min(tall, 1400), deviceScaleFactor=scale, mobile=scale > 1)
                tab.screenshot(images / name)
                print(f"{images / name}: {width} pixels wide, {overflow} beyond the edge, {tall} high")


main()
