"""A small file system of its own, which a test can fill, make read-only, and keep over restarts."""

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest


class SmallDisk:
    """A tmpfs in a mount namespace that lives as long as this. Commands run in it by `enter`."""

    def __init__(self, folder, options):
        self.path = pathlib.Path(folder)
        self.path.mkdir()
        # Root needs no user namespace; anybody else needs one to mount.
        self.user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        script = f'mount -t tmpfs -o {options} tmpfs "$0" && echo mounted && exec sleep infinity'
        flags = ["-m"] if os.geteuid() == 0 else ["-rm"]
        self.holder = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", script, str(self.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if self.holder.stdout.readline() != b"mounted\n":
            said = self.holder.stderr.read().decode()
            pytest.skip(f"NOT TESTED: a full disk. Mounting is forbidden here; run as root or allow user namespaces. {said}")
        # Reached through the holder's process, from outside of the namespace.
        self.inside = pathlib.Path(f"/proc/{self.holder.pid}/root{self.path}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait()

    def enter(self, *command):
        """Returns a command that runs in the namespace; it keeps its process id."""
        return ["nsenter", "-t", str(self.holder.pid), "-m", *self.user, "--", *map(str, command)]

    def remount(self, how):
        subprocess.run(self.enter("mount", "-o", f"remount,{how}", self.path), check=True)

    def free(self):
        return os.statvfs(self.inside).f_bavail * os.statvfs(self.inside).f_frsize

    def fill(self):
        """Another program takes every byte that is left."""
        with open(self.inside / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"z" * 65536)
        with open(self.inside / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"z" * 512)

    def fill_inodes(self):
        """Another program takes every inode that is left."""
        (self.inside / "many").mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            number = len(list((self.inside / "many").iterdir()))
            while True:
                (self.inside / "many" / str(number)).touch(exist_ok=False)
                number += 1

    def unfill(self):
        (self.inside / "filler").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            for file in (self.inside / "many").iterdir():
                file.unlink()
            (self.inside / "many").rmdir()

    def has_ballast(self, folder="data/store"):
        with contextlib.suppress(FileNotFoundError):
            return any((self.inside / folder / ".ballast").iterdir())
        return False
