"""What the packaging scripts share: names and paths, the version, the time of the commit, and
archives whose bytes depend on their content only."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = ROOT / "target/packages"

# Our name of an architecture, and what others call it.
ARCHITECTURES = {
    "x86_64": {"rust": "x86_64-unknown-linux-musl", "debian": "amd64", "oci": "amd64", "npm": "x64", "wheel": "x86_64", "elf": 62},
    "arm64": {"rust": "aarch64-unknown-linux-musl", "debian": "arm64", "oci": "arm64", "npm": "arm64", "wheel": "aarch64", "elf": 183},
}
DESCRIPTION = "The gate in front of a private bucket: one server for uploads, signed byte ranges, users' files, session media, spaces and datasets"
LICENSE = "MIT OR Apache-2.0"


def workspace():
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]


def version():
    return workspace()["version"]


def epoch():
    """Returns the time that every package carries: SOURCE_DATE_EPOCH, or the time of the commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    return int(run("git", "log", "-1", "--format=%ct", capture=True))


def say(text):
    print(f"dist: {text}", flush=True)


def run(*command, capture=False, **options):
    """Runs a command in the repository, and ends the program with its message if it fails."""
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=options.pop("cwd", ROOT), text=True, stdout=subprocess.PIPE if capture else None, **options)
    if done.returncode:
        sys.exit(f"dist: {command[0]} failed with status {done.returncode}: {' '.join(command)}")
    return done.stdout.strip() if capture else None


def binary(architecture):
    """Returns the path of a built binary, or ends the program if it is of another machine."""
    path = DIST / architecture / "tidegate"
    if not path.is_file():
        sys.exit(f"dist: {path} is missing; run: make dist ARCHITECTURES={architecture}")
    machine = int.from_bytes(path.read_bytes()[18:20], "little")
    if machine != ARCHITECTURES[architecture]["elf"]:
        sys.exit(f"dist: {path} is a program of another machine (ELF machine {machine})")
    return path


def built():
    """Returns the architectures whose binaries are there."""
    return [name for name in ARCHITECTURES if (DIST / name / "tidegate").is_file()]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Tar:
    """A tar archive in memory, sorted by path, with one time and without the builder's users."""

    def __init__(self, time):
        self.time = time
        self.entries = {}

    def add(self, path, data=b"", mode=0o644, kind=tarfile.REGTYPE, link="", owner=0):
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode, entry.mtime, entry.type, entry.linkname = len(data), mode, self.time, kind, link
        entry.uid = entry.gid = owner
        self.entries[path] = (entry, data)

    def folder(self, path, mode=0o755, owner=0):
        self.add(path, mode=mode, kind=tarfile.DIRTYPE, owner=owner)

    def bytes(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(self.entries):
                entry, data = self.entries[path]
                archive.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
        return out.getvalue()


def gzipped(data):
    return gzip.compress(data, compresslevel=6, mtime=0)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    say(f"wrote {path.relative_to(ROOT)}, {len(data) / 1e6:.1f} MB")


def to_json(value):
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
