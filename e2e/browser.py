"""Drives headless Chromium by the DevTools protocol over a pair of pipes (`--remote-debugging-pipe`),
which needs no library and no port."""

import json
import os
import select
import signal
import subprocess
import time

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--window-size=1280,1000",
]  # fmt: skip


class Browser:
    """One page of a browser of its own."""

    def __init__(self, folder):
        theirs_in, self.to = os.pipe()
        self.come, theirs_out = os.pipe()
        self.log = folder / "chromium.log"
        # The browser reads commands from descriptor 3 and answers on descriptor 4.
        command = ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "chromium", "chromium", *FLAGS]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*command, f"--user-data-dir={folder / 'profile'}"],
                stdout=log, stderr=log, pass_fds=(theirs_in, theirs_out), start_new_session=True,
            )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.number, self.session, self.rest, self.said = 0, None, b"", []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.to)
        os.close(self.come)

    def receive(self, seconds):
        """Returns the next message; None if none comes in time."""
        until = time.monotonic() + seconds
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.come], [], [], max(0, until - time.monotonic()))
            if not ready:
                return None
            more = os.read(self.come, 1 << 20)
            assert more, f"the browser ended: {self.log.read_text()[-3000:]}"
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self.receive(60)) is not None:
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.said.append(answer["params"])
        raise AssertionError(f"no answer to {method}: {self.log.read_text()[-3000:]}")

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def run(self, script):
        """Returns the value of a JavaScript expression in the page."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, (script, done["exceptionDetails"])
        return done["result"].get("value")

    def wait(self, script, seconds=60):
        """Waits until an expression is true, and returns its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := self.run(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}; the page said {self.said[-3:]}; it shows {self.run('document.body.innerText')[:2000]}")

    def type(self, element, text):
        """Types into the field that a JavaScript expression finds, instead of what is in it."""
        self.run(f"(() => {{ const field = {element}; field.focus(); field.select(); }})()")
        self.ask("Input.insertText", text=text)
        # Some fields take over what was typed only after a while, or when they lose the focus.
        self.run("document.activeElement.blur()")
