"""Runs the command blocks of a document in order, as a reader would paste them.

| block | what is done with it |
|---|---|
| `sh` | pasted into one shell for the whole document, with `set -euo pipefail` |
| `sh` whose last line starts a server | run in a terminal of its own, until the document ends |
| `js`, `python` | run; if the first line is a comment with a file name, saved under it instead |
| `html` whose first line is a comment with a file name | saved under it |
| `ini` | settings: each name must be in the reference |
| `text` | what the `sh` block above must have printed, or the page that it told the reader to open must show |
| `ts`, `tsx` | compiled by `npm test`; not run |
| `console`, `json`, `nginx`, `graphql`, `html`, `yaml` | illustrations |

A document starts in a new folder, which looks like a checkout with the binary on the PATH. One
server runs from the beginning, unless the first command starts one. The well-known ports are replaced by free ones.
A block fails if a command fails, or if a server answered an error that the block does not announce
in a comment (`# 403`). A URL that a block prints after the word `open` is opened in Chromium, which must
show a picture, or the text of the `text` block below. If the page asks for a file, it gets `photo.png`. `<!-- not run: REASON -->` above a block leaves it out, and
`<!-- servers are stopped -->` stops the servers but not `make local-services`, as the text tells the
reader to.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from browser_tab import Tab
from ports import free_port
from server import BINARY, ROOT

MACHINE = ROOT / "e2e/machine"
ENTER = ["unshare", "-mnpf", "--kill-child", "--mount-proc", MACHINE / "enter"]
RUN = {"sh", "js", "python"}
SHOWN = {"console", "json", "nginx", "graphql", "html", "yaml", "ts", "tsx"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
NOT_RUN = re.compile(r"^\s*<!-- not run: (.+?) -->\s*$")
SERVICES = "make local-services"
SERVERS_STOPPED = "<!-- servers are stopped -->"
SAVED_AS = re.compile(r"^(?://|#|<!--) (\S+\.(?:mjs|js|py|html))(?: -->)?$")
OPEN = re.compile(r"^open (https?://\S+)$", re.M)
PICTURE = "[...document.images].some((image) => image.complete && image.naturalWidth > 1)"
SERVER = re.compile(r"^(?:[A-Z][A-Z0-9_]*=\S* +)*(?:make (?:run|local-services)|python3 -m http\.server|tidegate (?:--set \S+ |--config \S+ )*(?:serve|edge|work))\b")
PORT = re.compile(r"(?P<before>(?:127\.0\.0\.1|localhost):|\b(?:[A-Z0-9]+_)?PORT=|http\.server )(?P<port>\d{4,5})\b")
READY = ('"message":"serving', "# running until", "Serving HTTP on")
SECONDS = 240


class Block:
    def __init__(self, file, line, language, text, comment):
        self.file, self.line, self.language, self.text = file, line, language, text
        marked = NOT_RUN.match(comment)
        self.not_run = marked[1] if marked else None
        self.servers_stopped = comment.strip() == SERVERS_STOPPED

    @property
    def title(self):
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[0].strip()[:70] if lines else ""

    @property
    def last_command(self):
        joined = re.sub(r"\\\n\s*", "", self.text)
        lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        return lines[-1] if lines else ""

    def starts_a_server(self):
        return self.language == "sh" and bool(SERVER.match(self.last_command))

    def expected(self):
        """The error statuses that its comments announce."""
        return {int(status) for comment in re.findall(r"(?:^|\s)(?:#|//)(.*)", self.text) for status in re.findall(r"\b[45]\d\d\b", comment)}


def name_of(path):
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def blocks_of(path):
    found, inside, above = [], None, ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if inside is None and fence:
            inside = (number, fence["language"], len(fence["indent"]), [])
        elif inside is not None and fence and not fence["language"]:
            start, language, indent, lines = inside
            found.append(Block(name_of(path), start, language, "\n".join(text[indent:] for text in lines) + "\n", above))
            inside, above = None, ""
        elif inside is not None:
            inside[3].append(line)
        elif line.strip():
            above = line
    assert inside is None, f"{path}: a block has no end"
    return found


class Failed(Exception):
    pass


class Terminal:
    """A shell, whose state lasts from one pasted block to the next. Its output goes into a file."""

    def __init__(self, document, name):
        self.output = document.folder / f".{name}.log"
        self.done, write = os.pipe()
        os.set_blocking(self.done, False)
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [*document.shell, "bash", "--norc", "--noprofile"], stdin=subprocess.PIPE, stdout=output, stderr=output,
                env=document.environment | {"DONE": str(write)}, cwd=document.folder, pass_fds=[write], start_new_session=True)  # fmt: skip
        os.close(write)
        self.tell("set -Eeuo pipefail")

    def tell(self, command):
        self.process.stdin.write((command + "\n").encode())
        self.process.stdin.flush()

    def paste(self, path):
        """Runs a file in the shell, and waits for its end."""
        before = self.output.stat().st_size
        self.tell(f'. "{path}" </dev/null\necho >&$DONE')
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                if os.read(self.done, 1):
                    return
                self.process.wait(timeout=10)
                break
            except BlockingIOError:
                time.sleep(0.01)
        else:
            raise Failed(f"no end after {SECONDS} s: {self.said(before)}")
        raise Failed(f"a command failed: {self.said(before)}")

    def wait_until_ready(self):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if any(sign in self.said() for sign in READY):
                return
            if self.process.poll() is not None:
                raise Failed(f"it ended: {self.said()[-1500:]}")
            time.sleep(0.02)
        raise Failed(f"not ready: {self.said()[-1500:]}")

    def said(self, since=0):
        return self.output.read_bytes()[since:].decode(errors="replace")

    def end(self):
        """Ends everything that was started in the terminal, and waits for it."""
        self.process.stdin.close()
        for how, seconds in ((signal.SIGTERM, 40), (signal.SIGKILL, 10)):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                self.process.poll()
                try:
                    os.killpg(self.process.pid, how)
                except ProcessLookupError:
                    return
                how = 0
                time.sleep(0.02)


class Document:
    """A document, the folder in which it is tried, and the terminals."""

    def __init__(self, path, folder, on_a_machine=False):
        self.path, self.folder, self.blocks = path, pathlib.Path(folder), blocks_of(path)
        self.ports, self.servers, self.rows, self.read, self.pasted_at = {}, {}, [], {}, 0
        self.tab, self.shown, self.browser = None, "", contextlib.ExitStack()
        # A machine of its own: /etc, /usr/local and /var may be written, all ports are free, and nothing
        # of it stays.
        self.machine = on_a_machine
        self.shell = ENTER if on_a_machine else []
        self.prepare()

    def prepare(self):
        for entry in ROOT.iterdir():
            if entry.name not in ("target", ".git", ".env", "tidegate-data"):
                # Blocks write files; folders they only read.
                if entry.is_dir():
                    (self.folder / entry.name).symlink_to(entry)
                else:
                    shutil.copy(entry, self.folder / entry.name)
        commands = self.folder / ".commands"
        commands.mkdir()
        (commands / "tidegate").symlink_to(BINARY.resolve())
        shutil.copy(MACHINE / "make", commands / "make")
        if self.machine:
            for name in ("sudo", "systemctl", "journalctl"):
                (commands / name).symlink_to(MACHINE / name)
        kept = {name: os.environ[name] for name in os.environ if name in ("HOME", "LANG", "TMPDIR", "PYENV_ROOT", "PYENV_VERSION", "GARAGE")}
        self.environment = kept | {
            "PATH": f"{commands}:{ROOT}/.tools/venv/bin:{ROOT}/.tools/bin:{os.environ['PATH']}:{ROOT}/.tools/clients/bin",
            "TIDEGATE_BINARY": str(BINARY.resolve()),
            "REAL_MAKE": shutil.which("make") or "make",
        }
        if not self.machine:
            self.environment |= {name: str(self.port(port)) for name, port in (("PORT", "3000"), ("EDGE_PORT", "3001"), ("S3_PORT", "9000"))}
            self.environment |= {"PYTHONUNBUFFERED": "1", "LOG_FORMAT": "json", "LOG_LEVEL": "debug", "AWS_EC2_METADATA_DISABLED": "true"}

    def port(self, known):
        """The free port that stands for a well-known one."""
        if known not in self.ports:
            self.ports[known] = free_port()
        return self.ports[known]

    def text(self, block):
        if self.machine:
            return block.text
        return PORT.sub(lambda found: f"{found['before']}{self.port(found['port'])}", block.text)

    def note(self, block, result):
        self.rows.append((f"{block.file}:{block.line}", block.title, result))

    def run(self):
        """Runs all blocks. Returns whether none failed; `rows` says what came of each."""
        terminal, failed = Terminal(self, "terminal"), False
        try:
            commands = [block for block in self.blocks if block.language in RUN and not block.not_run]
            if commands and not self.machine and not commands[0].starts_a_server():
                self.serve(self.save("serve", "tidegate serve\n"), "PORT=")
            for number, block in enumerate(self.blocks):
                if block.not_run:
                    self.note(block, f"not run: {block.not_run}")
                elif failed:
                    self.note(block, "not reached")
                else:
                    try:
                        self.note(block, self.do(number, block, terminal))
                    except Failed as reason:
                        self.note(block, f"FAILED: {reason}")
                        failed = True
        except Failed as reason:
            self.rows.append((name_of(self.path), "the server", f"FAILED: {reason}"))
            failed = True
        finally:
            self.browser.close()
            terminal.end()
            for server in self.servers.values():
                server.end()
        late = [] if failed or self.machine else self.refused()
        if late:
            self.rows.append((name_of(self.path), "after the last block", f"FAILED: a server answered {late}"))
        return not failed and not late

    def save(self, name, text):
        path = self.folder / f".{name}"
        path.write_text(text)
        return path

    def do(self, number, block, terminal):
        text = self.text(block)
        named = SAVED_AS.match(text.splitlines()[0]) if block.language in ("js", "python", "html") else None
        if named:
            (self.folder / named[1]).write_text(text)
            return f"saved as {named[1]}"
        if block.language in SHOWN:
            return "shown"
        if block.language == "text":
            if block.text.strip() not in terminal.said(self.pasted_at) + self.shown:
                raise Failed(f"the output differs: {terminal.said(self.pasted_at)}")
            return "printed"
        if block.language == "ini":
            return self.settings(block)
        if block.language not in RUN:
            raise Failed(f"no such language of blocks: `{block.language}`")
        if block.starts_a_server():
            asked = re.findall(rf"\b(?:WORKER_)?PORT=\d+|{SERVICES}|http\.server", text)
            self.serve(self.save(f"block{number}", text), asked[0] if asked else "PORT=")
            return "runs"
        if block.language != "sh":
            ending, command = {"js": (".mjs", "node"), "python": (".py", "python3")}[block.language]
            program = self.folder / f"block{number}{ending}"
            program.write_text(text)
            text = f"{command} {program}\n"
        if block.servers_stopped:
            for address in [address for address in self.servers if address != SERVICES]:
                self.servers.pop(address).end()
        self.pasted_at = terminal.output.stat().st_size
        started = time.monotonic()
        terminal.paste(self.save(f"block{number}", text))
        took = time.monotonic() - started
        after = self.blocks[number + 1] if number + 1 < len(self.blocks) else None
        opened = [self.open(url, after) for url in OPEN.findall(terminal.said(self.pasted_at))]
        if not self.machine:
            self.compare(block)
        return "; ".join([f"ok, {took:.1f} s", *opened])

    def open(self, url, after):
        """Opens a URL as the reader is told to, and looks whether it shows what it should."""
        if not self.tab:
            profile = self.folder / ".chromium"
            profile.mkdir()
            self.tab = self.browser.enter_context(Tab(profile))
        # A page that only differs in its fragment would not be loaded again.
        self.tab.open("about:blank")
        started = time.monotonic()
        error = self.tab.open(url)
        if error:
            raise Failed(f"the browser does not show {url}: {error}")
        self.tab.wait("document.readyState === 'complete'")
        field = self.tab.call("DOM.querySelector", nodeId=self.tab.call("DOM.getDocument")["root"]["nodeId"], selector="input[type=file]")["nodeId"]
        if field:
            self.tab.call("DOM.setFileInputFiles", nodeId=field, files=[str(self.folder / "photo.png")])
        text = after.text.strip() if after and after.language == "text" else None
        sign = PICTURE if text is None else f"document.body.innerText.includes({json.dumps(text)})"
        fine = self.tab.wait(sign, seconds=10)
        self.shown = self.tab.value("document.body.innerText")
        if not fine:
            raise Failed(f"the browser shows no {'picture' if text is None else 'such text'} at {url}: {self.shown}")
        return f"opened in {time.monotonic() - started:.1f} s, shows {'a picture' if text is None else 'the text below'}"

    def settings(self, block):
        names = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", block.text, re.M)
        reference = (ROOT / "docs/reference/settings.md").read_text()
        unknown = [name for name in names if f"`{name}`" not in reference]
        if unknown or not names:
            raise Failed(f"no settings of these names: {unknown}")
        return "settings that exist"

    def serve(self, path, address):
        """Runs a server in a terminal of its own, in the place of the one at the same address."""
        if address in self.servers:
            self.servers.pop(address).end()
        server = Terminal(self, f"server{len(list(self.folder.glob('.server*.log')))}")
        self.servers[address] = server
        server.tell(f'. "{path}"; exit')
        server.wait_until_ready()

    def refused(self):
        """The error statuses that servers answered since the last call."""
        found = []
        for log in sorted(self.folder.glob(".server*.log")):
            text = log.read_text(errors="replace")
            whole = text.rfind("\n") + 1
            lines, self.read[log] = text[self.read.get(log, 0) : whole].splitlines(), whole
            for line in lines:
                if '"message":"answered"' in line or '"message":"refused"' in line:
                    status = json.loads(line)["status"]
                    found += [int(status)] if int(status) >= 400 else []
            if "panicked" in text:
                raise Failed(f"a server panicked: {text[-1500:]}")
        return found

    def compare(self, block):
        expected, got = block.expected(), []
        deadline = time.monotonic() + 30
        # A server logs a response after it was sent.
        while True:
            got += self.refused()
            if expected <= set(got) or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        if set(got) != expected:
            raise Failed(f"a server answered {sorted(set(got))}, the block says {sorted(expected)}: {self.last_said()}")

    def last_said(self):
        return (self.folder / ".terminal.log").read_text(errors="replace")[-1200:]


def documents():
    """The documents whose blocks are run, the README first."""
    folders = ("quick-starts", "guides", "operations")
    return [ROOT / "README.md", *(page for folder in folders for page in sorted((ROOT / "docs" / folder).glob("*.md")))]
