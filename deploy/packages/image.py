"""Makes the container images without a daemon: image.py ARCHITECTURE ...

Writes target/packages/tidegate-VERSION-oci.tar, an archive in the OCI layout with two tags, each an
index of all architectures: VERSION, which holds the program, the certificates of authorities and a
user, and VERSION-ffmpeg, which also holds Debian with ffmpeg, for videos. FFMPEG=no leaves the
second out. Tools read the archive as `oci-archive:FILE:TAG`."""

import datetime
import os
import re
import sys
import tarfile
import tempfile
from pathlib import Path

from common import ARCHITECTURES, DESCRIPTION, DIST, LICENSE, Tar, binary, epoch, gzipped, run, say, sha256, to_json, version, write

# A number that is no user of a common base image.
USER = 65532
DATA = "/var/lib/tidegate"
# What the ffmpeg variant leaves out of Debian's packages. Their licences stay.
LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/lintian/*",
            "/usr/share/bash-completion/*", "/usr/share/icons/*")  # fmt: skip
# Folders that are links into /usr, whether or not the packages say so.
MERGED = re.compile(r"^(bin|sbin|lib|lib64)(?=/)")
MEDIA = {
    "index": "application/vnd.oci.image.index.v1+json",
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}


class Layout:
    """The blobs of an image layout, by digest."""

    def __init__(self):
        self.blobs = {}

    def add(self, kind, data, **more):
        digest = sha256(data)
        self.blobs[digest] = data
        return {"mediaType": MEDIA[kind], "digest": f"sha256:{digest}", "size": len(data), **more}


def certificates():
    """Returns the certificates of Debian's package, in one file as its script writes them."""
    with tempfile.TemporaryDirectory(prefix="tidegate-ca-") as folder:
        run("apt-get", "download", "-qq", "ca-certificates", cwd=folder)
        package = next(Path(folder).glob("*.deb"))
        say(f"image: certificates of {package.name}")
        run("dpkg-deb", "--extract", package, Path(folder, "root"))
        found = sorted(Path(folder, "root/usr/share/ca-certificates/mozilla").glob("*.crt"))
        return b"".join(file.read_bytes() for file in found)


def base():
    """Returns the layer below the program: certificates, a user, and the folders that may be mounted."""
    layer = Tar(epoch())
    for path in ("etc", "etc/ssl", "etc/ssl/certs", "etc/tidegate", "usr", "usr/bin", "var", "var/lib",
                 "dev", "proc", "sys"):  # fmt: skip
        layer.folder(path)
    layer.folder("tmp", mode=0o1777)
    layer.folder(DATA[1:], mode=0o700, owner=USER)
    layer.add("etc/ssl/certs/ca-certificates.crt", certificates())
    layer.add("etc/passwd", f"root:x:0:0:root:/:/sbin/nologin\ntidegate:x:{USER}:{USER}:Tidegate:{DATA}:/sbin/nologin\n".encode())
    layer.add("etc/group", f"root:x:0:\ntidegate:x:{USER}:\n".encode())
    return layer.bytes()


def program(architecture):
    layer = Tar(epoch())
    for path in ("usr", "usr/bin"):
        layer.folder(path)
    layer.add("usr/bin/tidegate", binary(architecture).read_bytes(), mode=0o755)
    return layer.bytes()


def debian_with_ffmpeg(architecture):
    """Returns a layer of Debian's packages of ffmpeg, unpacked and not configured, so that it can be
    made on a machine of any architecture."""
    debian = ARCHITECTURES[architecture]["debian"]
    say(f"image: unpacking Debian's ffmpeg for {debian}")
    with tempfile.TemporaryDirectory(prefix="tidegate-ffmpeg-") as folder:
        out = Path(folder, "root.tar")
        left_out = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT] + ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
        run("mmdebstrap", "--variant=extract", "--quiet", f"--architectures={debian}", "--include=base-files,ffmpeg", *left_out,
            "bookworm", out, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch())})  # fmt: skip
        layer = Tar(epoch())
        with tarfile.open(out) as archive:
            for entry in archive:
                path = MERGED.sub("usr/\\1", entry.name.removeprefix("./").rstrip("/"))
                is_file = entry.isreg() or entry.islnk()
                # Device files can't be unpacked by everybody; lists and logs differ between builds.
                if not path or path.startswith(("dev/", "var/cache/", "var/log/", "var/lib/apt/")) or not (is_file or entry.isdir() or entry.issym()):
                    continue
                data = archive.extractfile(entry).read() if is_file else b""
                kind = tarfile.REGTYPE if entry.islnk() else entry.type
                layer.add(path, data, mode=entry.mode, kind=kind, link=entry.linkname if entry.issym() else "")
        for folder in ("bin", "sbin", "lib", "lib64"):
            layer.add(folder, mode=0o777, kind=tarfile.SYMTYPE, link=f"usr/{folder}")
        # What the packages' scripts would choose among alternatives.
        libraries = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[debian]
        for name in ("blas", "lapack"):
            if f"usr/lib/{libraries}/{name}/lib{name}.so.3" in layer.entries:
                layer.add(f"usr/lib/{libraries}/lib{name}.so.3", mode=0o777, kind=tarfile.SYMTYPE, link=f"{name}/lib{name}.so.3")
        return layer.bytes()


def configuration(architecture, layers, variant):
    created = datetime.datetime.fromtimestamp(epoch(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "architecture": ARCHITECTURES[architecture]["oci"],
        "os": "linux",
        "created": created,
        "config": {
            "User": f"{USER}:{USER}",
            "WorkingDir": DATA,
            "Entrypoint": ["/usr/bin/tidegate"],
            "Cmd": ["serve"],
            # Every address of the container; the server then refuses to start without sign-in.
            "Env": ["PATH=/usr/bin:/bin", f"TIDEGATE_DATA={DATA}", "BIND_HOST=0.0.0.0"],
            "ExposedPorts": {"3000/tcp": {}, "3001/tcp": {}, "9000/tcp": {}},
            "Volumes": {DATA: {}},
            "StopSignal": "SIGTERM",
            # Docker and Podman read it; Kubernetes has probes of its own.
            "Healthcheck": {"Test": ["CMD", "/usr/bin/tidegate", "health"], "Interval": 10**10, "Timeout": 5 * 10**9,
                            "StartPeriod": 30 * 10**9, "Retries": 3},  # fmt: skip
            "Labels": {
                "org.opencontainers.image.title": "tidegate",
                "org.opencontainers.image.description": DESCRIPTION,
                "org.opencontainers.image.version": version() + variant,
                "org.opencontainers.image.licenses": LICENSE,
                "org.opencontainers.image.created": created,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for _, layer in layers]},
        "history": [{"created": created, "created_by": f"deploy/packages/image.py: {what}"} for what, _ in layers],
    }


def main():
    architectures = sys.argv[1:]
    layout, tags = Layout(), []
    common = base()
    for variant in [""] + ([] if os.environ.get("FFMPEG") == "no" else ["-ffmpeg"]):
        manifests = []
        for architecture in architectures:
            layers = [("certificates, user and folders", common), ("the program", program(architecture))]
            if variant:
                layers.insert(0, ("Debian's ffmpeg", debian_with_ffmpeg(architecture)))
            described = [layout.add("layer", gzipped(data)) for _, data in layers]
            config = layout.add("config", to_json(configuration(architecture, layers, variant)))
            manifest = {"schemaVersion": 2, "mediaType": MEDIA["manifest"], "config": config, "layers": described}
            manifests.append(layout.add("manifest", to_json(manifest), platform={"architecture": ARCHITECTURES[architecture]["oci"], "os": "linux"}))
            say(f"image {version()}{variant} for {architecture}: {sum(layer['size'] for layer in described) / 1e6:.1f} MB compressed, "
                f"{sum(len(data) for _, data in layers) / 1e6:.1f} MB unpacked")  # fmt: skip
        index = {"schemaVersion": 2, "mediaType": MEDIA["index"], "manifests": manifests}
        tags.append(layout.add("index", to_json(index), annotations={"org.opencontainers.image.ref.name": version() + variant}))
    archive = Tar(epoch())
    archive.add("oci-layout", to_json({"imageLayoutVersion": "1.0.0"}))
    archive.add("index.json", to_json({"schemaVersion": 2, "mediaType": MEDIA["index"], "manifests": tags}))
    for path in ("blobs", "blobs/sha256"):
        archive.folder(path)
    for digest, data in layout.blobs.items():
        archive.add(f"blobs/sha256/{digest}", data)
    write(DIST / f"tidegate-{version()}-oci.tar", archive.bytes())


main()
