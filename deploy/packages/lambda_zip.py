"""Makes the archives that AWS Lambda runs: lambda_zip.py ARCHITECTURE ...

Each holds the static binary of `build.py` as `bootstrap`, for the runtime provided.al2023. The same binary gives the
same bytes."""

import io
import sys
import time
import zipfile

from common import ROOT, binary, epoch, say, sha256

OUT = ROOT / "target/package"
# Lambda takes archives of 50 MB by its API, larger ones from S3, and 250 MB unpacked.
MOST = 50_000_000
MOST_UNPACKED = 250_000_000


def archive(program, at):
    """Returns the bytes of an archive with a program as `bootstrap`; `at` is its time in epoch seconds."""
    entry = zipfile.ZipInfo("bootstrap", time.gmtime(max(at, 315_532_800))[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(entry, program, compresslevel=9)
    return out.getvalue()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for architecture in sys.argv[1:]:
        program = binary(architecture).read_bytes()
        packed = archive(program, epoch())
        path = OUT / f"tidegate-lambda-{architecture}.zip"
        path.write_bytes(packed)
        say(f"wrote {path.relative_to(ROOT)}, {len(packed) / 1e6:.1f} MB, unpacked {len(program) / 1e6:.1f} MB, SHA-256 {sha256(packed)}")
        if len(packed) > MOST:
            say(f"{path.name} is larger than {MOST / 1e6:.0f} MB: update the function from a bucket")
        if len(program) > MOST_UNPACKED:
            sys.exit(f"dist: {path.name}: Lambda runs no more than {MOST_UNPACKED / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
