"""Drives one tab of headless Chromium over its debugging pipe (Chrome DevTools Protocol), for tests of
what a person sees who opens a URL directly. Documents there may run no script, so they can't report."""

import base64
import json
import os
import select
import signal
import subprocess
import time

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--autoplay-policy=no-user-gesture-required",
    "--window-size=800,600",
]  # fmt: skip


class Tab:
    """A browser with one tab, open as long as the block."""

    def __init__(self, folder, *flags):
        self.folder, self.flags = folder, flags
        self.count, self.buffer, self.events = 0, b"", []

    def __enter__(self):
        commands, self.commands = os.pipe()
        self.replies, replies = os.pipe()

        def as_3_and_4():
            # Chromium reads commands from descriptor 3 and writes to 4.
            moved = os.dup(commands), os.dup(replies)
            for descriptor, wanted in zip(moved, (3, 4)):
                os.dup2(descriptor, wanted)

        with open(self.folder / "chromium-tab.log", "ab") as log:
            self.browser = subprocess.Popen(
                ["chromium", *FLAGS, *self.flags, f"--user-data-dir={self.folder / 'tab-profile'}", "about:blank"],
                stdout=log, stderr=log, start_new_session=True, close_fds=False, preexec_fn=as_3_and_4,
            )  # fmt: skip
        os.close(commands)
        os.close(replies)
        self.call("Browser.setDownloadBehavior", behavior="deny")
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.killpg(self.browser.pid, signal.SIGKILL)
        self.browser.wait()
        os.close(self.commands)
        os.close(self.replies)

    session = None

    def call(self, method, **parameters):
        """Sends a command and returns its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def read(self):
        deadline = time.monotonic() + 60
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.replies], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser said nothing for a minute"
            piece = os.read(self.replies, 1 << 20)
            assert piece, "the browser ended"
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url):
        """Opens a URL as typed into the address bar; returns an error's text, or None."""
        return self.call("Page.navigate", url=url).get("errorText")

    def value(self, expression):
        """Evaluates an expression as the developer tools do, which no policy of the page forbids."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression, seconds=20):
        """Waits until an expression holds; returns its last value."""
        deadline = time.monotonic() + seconds
        while not (value := self.value(expression)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return value

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
