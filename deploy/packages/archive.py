"""Makes the archives to unpack by hand, and the checksums of all: archive.py ARCHITECTURE ...

Each archive holds the program, its licences, the systemd unit and its installer. SHA256SUMS lists
every file of target/packages that is for others."""

import sys

from common import DIST, ROOT, Tar, binary, epoch, gzipped, say, sha256, version, write

ALSO = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "deploy/systemd/install.sh", "deploy/systemd/tidegate.service", "deploy/systemd/tidegate.env",
        "deploy/nginx/tidegate.conf"]  # fmt: skip


def main():
    for architecture in sys.argv[1:]:
        name = f"tidegate-{version()}-linux-{architecture}"
        archive = Tar(epoch())
        archive.add(f"{name}/tidegate", binary(architecture).read_bytes(), mode=0o755)
        for path in ALSO:
            archive.add(f"{name}/{path}", (ROOT / path).read_bytes(), mode=0o755 if path.endswith(".sh") else 0o644)
        write(DIST / f"{name}.tar.gz", gzipped(archive.bytes()))
    listed = sorted(path for path in DIST.rglob("*") if path.is_file() and path.name != "SHA256SUMS" and not path.is_symlink())
    lines = [f"{sha256(path.read_bytes())}  {path.relative_to(DIST)}\n" for path in listed]
    (DIST / "SHA256SUMS").write_text("".join(lines))
    say(f"wrote target/packages/SHA256SUMS of {len(listed)} files; check them with: (cd target/packages && sha256sum --check SHA256SUMS)")


main()
