"""Makes the Debian packages: deb.py ARCHITECTURE ...

Each holds the static binary, the systemd unit and the settings to start from. `dpkg-deb` writes the
same bytes for the same content, because every file has the time of the commit."""

import gzip
import os
import sys
import tempfile
from pathlib import Path

from common import ARCHITECTURES, DESCRIPTION, DIST, LICENSE, ROOT, binary, epoch, run, say, version

PARTS = Path(__file__).parent / "debian"
# As for Debian's own tools. The default leads to nobody, and is for packages that are not given away.
MAINTAINER = f"{os.environ.get('DEBFULLNAME') or 'The Tidegate authors'} <{os.environ.get('DEBEMAIL') or 'nobody@localhost'}>"


def tree(root, architecture):
    """Returns the files of the package: path, content and mode."""
    unit = (ROOT / "deploy/systemd/tidegate.service").read_text().replace("/usr/local/bin/tidegate", "/usr/bin/tidegate")
    changelog = f"tidegate ({version()}) stable; urgency=medium\n\n  * See CHANGELOG.md in the sources.\n\n -- {MAINTAINER}  {rfc2822(epoch())}\n"
    copyright = f"License: {LICENSE}\n\n" + "\n".join((ROOT / name).read_text() for name in ("LICENSE-MIT", "LICENSE-APACHE"))
    yield "usr/bin/tidegate", binary(architecture).read_bytes(), 0o755
    yield "usr/lib/systemd/system/tidegate.service", unit.encode(), 0o644
    yield "usr/share/tidegate/tidegate.env", (ROOT / "deploy/systemd/tidegate.env").read_bytes(), 0o644
    yield "usr/share/doc/tidegate/copyright", copyright.encode(), 0o644
    yield "usr/share/doc/tidegate/changelog.gz", gzip.compress(changelog.encode(), 9, mtime=0), 0o644
    yield "usr/share/doc/tidegate/examples/nginx.conf", (ROOT / "deploy/nginx/tidegate.conf").read_bytes(), 0o644
    yield "usr/share/doc/tidegate/examples/tidegate.rules.yml", (ROOT / "deploy/prometheus/tidegate.rules.yml").read_bytes(), 0o644
    for name in ("postinst", "prerm", "postrm"):
        yield f"DEBIAN/{name}", (PARTS / name).read_bytes(), 0o755


def rfc2822(seconds):
    import email.utils

    return email.utils.formatdate(seconds, usegmt=False)


def control(architecture, size):
    return f"""\
Package: tidegate
Version: {version()}
Section: net
Priority: optional
Architecture: {ARCHITECTURES[architecture]["debian"]}
Maintainer: {MAINTAINER}
Installed-Size: {size // 1024}
Depends: ca-certificates, passwd
Recommends: ffmpeg
Suggests: clamav-daemon, nginx, postgresql
Description: {DESCRIPTION.split(":")[0][0].lower()}{DESCRIPTION.split(":")[0][1:]}
 One server for uploads to presigned URLs, byte ranges under short-lived
 signatures, users' files, media of sessions, spaces of images and datasets.
 .
 The program is linked statically and needs no library. The service runs as
 a user of its own, and is not started before it has settings.
"""


def main():
    if not os.environ.get("DEBEMAIL"):
        say("the Debian package names no maintainer; set DEBFULLNAME and DEBEMAIL before giving it to others")
    for architecture in sys.argv[1:]:
        package = DIST / f"tidegate_{version()}_{ARCHITECTURES[architecture]['debian']}.deb"
        with tempfile.TemporaryDirectory(prefix="tidegate-deb-") as folder:
            root, size = Path(folder, "tidegate"), 0
            for path, data, mode in tree(root, architecture):
                file = root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
                file.chmod(mode)
                size += len(data)
            (root / "DEBIAN/control").write_text(control(architecture, size))
            for file in (root, *root.rglob("*")):
                if file.is_dir():
                    file.chmod(0o755)
                os.utime(file, (epoch(), epoch()))
            run("dpkg-deb", "--root-owner-group", "--build", root, package, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch())},
                stdin=None)  # fmt: skip
        say(f"wrote {package.relative_to(ROOT)}, {package.stat().st_size / 1e6:.1f} MB")


main()
