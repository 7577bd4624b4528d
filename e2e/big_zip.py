"""Reads a ZIP of 70,000 files, one of them over 4 GiB, with every program that reads ZIPs. Run it
by hand; it takes minutes and 5 GB.

    .ci/services -- .tools/venv/bin/python e2e/big_zip.py
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import zipfile

from server import BINARY, ROOT, Server

SMALL, LARGE = 70_000, (4 << 30) + 5


def main():
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        folder = pathlib.Path(place)
        tree = folder / "tree"
        for number in range(SMALL):
            file = tree / f"storage/alice/many/{number % 100}/{number:08x}_{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"this is {number}")
            os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
        large = tree / "storage/alice/many/0000000a_large ü.bin"
        with open(large, "wb") as file:
            file.write(b"begin")
            file.seek(LARGE - 3)
            file.write(b"end")
        # In the middle, so that entries start before and after the 4 GiB offset.
        os.utime(large, (1_700_000_000 + SMALL // 2, 1_700_000_000 + SMALL // 2))
        server = Server(folder, UPLOAD_ROOT=str(tree), LOG_LEVEL="warn")
        started = time.monotonic()
        said = subprocess.run([BINARY, "import", "files", tree], env=server.settings, check=True, capture_output=True, text=True).stdout
        print(f"{said.strip()} in {time.monotonic() - started:.0f} s")
        with server:
            started = time.monotonic()
            made = server.call("POST", "/v1/files/batch-download", body={"folder": "many"}).json()
            print(f"laid out in {time.monotonic() - started:.1f} s: {made['size']} bytes")
            url = f"{server.api}/v1/files/batch-download/{made['token']}"
            archive, started = folder / "all.zip", time.monotonic()
            subprocess.run(["curl", "-sf", "-o", archive, url], check=True)
            print(f"read in {time.monotonic() - started:.0f} s, memory at most {server.memory('VmHWM'):.0f} MiB")
            if archive.stat().st_size != made["size"]:
                sys.exit("not as long as it said")
            middle = made["size"] - 1_000_000
            rest = subprocess.run(["curl", "-sf", "-r", f"{middle}-", url], check=True, capture_output=True).stdout
            with open(archive, "rb") as file:
                file.seek(middle)
                if file.read() != rest:
                    sys.exit("a range of the directory is another")
        for command in (["unzip", "-tq"], ["bsdtar", "-tf"], ["7z", "t", "-bso0", "-bsp0"]):
            done = subprocess.run([*command, archive], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
            lines = done.stdout.strip().splitlines()
            print(f"{' '.join(command)}: fine; {len(lines)} lines, the last: {lines[-1] if lines else 'none'}")
        with zipfile.ZipFile(archive) as opened:
            if opened.testzip() is not None or len(opened.namelist()) != SMALL + 1:
                sys.exit("zipfile finds something else")
            last = opened.infolist()[-1]
            print(f"zipfile: {len(opened.namelist())} entries, each with its CRC-32; the last begins at {last.header_offset}")
            digest = hashlib.sha256(opened.read(last)).hexdigest()
            if digest != hashlib.sha256(b"this is 0").hexdigest():
                sys.exit("the last entry is another")


if __name__ == "__main__":
    main()
