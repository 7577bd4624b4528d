"""Runs every command block of the README, the quick starts, the guides and the operations pages.

The summary of the run lists file, block and result of each.
"""

import re
import subprocess

import pytest

from document_blocks import ENTER, Document, blocks_of, documents, name_of
from server import ROOT

# Its blocks install a service: they run as root on a machine of their own.
ON_A_MACHINE = {"docs/operations/deploying.md"}
# What no test can run is marked in the document with its reason. Few blocks may be.
MOST_NOT_RUN = 20


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_every_block_runs(path, tmp_path, record_property):
    on_a_machine = name_of(path) in ON_A_MACHINE
    if on_a_machine and subprocess.run([*ENTER, "true"], capture_output=True).returncode:
        for block in blocks_of(path):
            record_property("block", (f"{block.file}:{block.line}", block.title, "NOT RUN: needs root and the right to mount"))
        pytest.skip(f"{name_of(path)} was NOT tried: it needs root and the right to mount")
    document = Document(path, tmp_path, on_a_machine)
    fine = document.run()
    for row in document.rows:
        record_property("block", row)
    assert fine, "\n".join("  ".join(row) for row in document.rows)


def test_the_summary_has_every_page():
    docs = ROOT / "docs"
    named = re.findall(r"\]\(([^)]+)\)", (docs / "SUMMARY.md").read_text())
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")} - {"SUMMARY.md"}
    assert sorted(named) == sorted(pages)


def anchors(page):
    """The anchors of a page's headings, as GitHub and mdBook make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading)).strip().lower().replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere():
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in link or link.startswith("mailto:"):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or anchor and target.suffix == ".md" and anchor not in anchors(target):
                broken.append(f"{name_of(page)}: {link}")
    assert not broken, broken


def test_few_blocks_are_left_out():
    left_out = [f"{block.file}:{block.line}: {block.not_run}" for path in documents() for block in blocks_of(path) if block.not_run]
    assert len(left_out) <= MOST_NOT_RUN, "\n".join(left_out)


@pytest.mark.parametrize(
    "text, part",
    [
        ("```sh\nfalse\necho not reached\n```\n", "a command failed"),
        ("```sh\ncat /nowhere/at/all | sort\n```\n", "a command failed"),
        ("```sh\nget_url 1\n```\n", "get_url"),
        ("```sh\ncurl -sS http://127.0.0.1:3000/v1/images\n```\n", "answered [401]"),
        ("```sh\ncurl -sS http://127.0.0.1:3001/images/a   # 404\n```\n", "answered [403]"),
        ("```sh\necho fine   # 409\n```\n", "answered []"),
        ("```js\nconst answer = await fetch('http://127.0.0.1:3000/v1/images');\n```\n", "answered [401]"),
        ("```python\nimport nothing_of_this_name\n```\n", "a command failed"),
        ("```ini\nNO_SUCH_SETTING=1\n```\n", "NO_SUCH_SETTING"),
        ("```sh\necho one\n```\n```text\ntwo\n```\n", "the output differs"),
        ("```bash\ntrue\n```\n", "no such language"),
        ("```sh\necho open http://127.0.0.1:3000/healthz\n```\n", "shows no picture"),
        ("```sh\nS3_BUCKET=a UPLOAD_ROOT=b tidegate serve\n```\n", "it ended"),
    ],
)
def test_a_wrong_block_fails(text, part, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    page = tmp_path / "page.md"
    page.write_text(text)
    document = Document(page, folder)
    assert not document.run() and part in document.rows[-1][2], document.rows
