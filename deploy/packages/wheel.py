"""Makes the Python wheels that carry the binary: wheel.py ARCHITECTURE ...

`pip install` puts the program into the environment's bin folder. One file for every Python and, as
the program is linked statically, for every Linux of the architecture."""

import base64
import hashlib
import io
import sys
import time
import zipfile

from common import ARCHITECTURES, DESCRIPTION, DIST, LICENSE, ROOT, binary, epoch, version, write

MAIN = '''\
"""Runs the program: `python -m tidegate`."""

import os
import sysconfig

program = os.path.join(sysconfig.get_path("scripts"), "tidegate")


def main():
    import sys

    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
'''


def files(architecture, tags):
    info = f"tidegate-{version()}.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: tidegate\nVersion: {version()}\nSummary: {DESCRIPTION}\nLicense-Expression: {LICENSE}\n" \
               "License-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\nRequires-Python: >=3.8\n"  # fmt: skip
    wheel = "Wheel-Version: 1.0\nGenerator: deploy/packages/wheel.py\nRoot-Is-Purelib: false\n" + "".join(f"Tag: py3-none-{tag}\n" for tag in tags)
    yield f"tidegate-{version()}.data/scripts/tidegate", binary(architecture).read_bytes(), 0o755
    yield "tidegate/__init__.py", b'"""Carries the tidegate program; run it as `tidegate`, or as `python -m tidegate`."""\n', 0o644
    yield "tidegate/__main__.py", MAIN.encode(), 0o644
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        yield f"{info}/licenses/{name}", (ROOT / name).read_bytes(), 0o644
    yield f"{info}/METADATA", metadata.encode(), 0o644
    yield f"{info}/WHEEL", wheel.encode(), 0o644


def main():
    # Times before 1980 have no place in a zip file.
    moment = time.gmtime(max(epoch(), 315532800))[:6]
    for architecture in sys.argv[1:]:
        machine = ARCHITECTURES[architecture]["wheel"]
        tags = [f"manylinux_2_17_{machine}", f"manylinux2014_{machine}", f"musllinux_1_1_{machine}"]
        out, record = io.BytesIO(), f"tidegate-{version()}.dist-info/RECORD"
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:

            def add(path, data, mode):
                entry = zipfile.ZipInfo(path, moment)
                entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16, 3
                archive.writestr(entry, data)

            lines = []
            for path, data, mode in files(architecture, tags):
                add(path, data, mode)
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                lines.append(f"{path},sha256={digest},{len(data)}\n")
            add(record, ("".join(lines) + f"{record},,\n").encode(), 0o644)
        write(DIST / f"tidegate-{version()}-py3-none-{'.'.join(tags)}.whl", out.getvalue())


main()
