"""Installs and starts what `make dist` made for this machine. Run by `make dist-test`.

Every test prints how long it took. Root is needed, for `chroot` and `dpkg`."""

import json
import os
import pathlib
import platform
import shutil
import subprocess
import tarfile
import time
import tomllib

import pytest
from server import ROOT, Server
from sessions import Session

pytestmark = pytest.mark.dist

DIST = ROOT / "target/packages"
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
DEBIAN = {"x86_64": "amd64", "arm64": "arm64"}[MACHINE]
ELF = {"x86_64": 62, "arm64": 183}


@pytest.fixture(autouse=True)
def time_of_the_test(request):
    started = time.monotonic()
    yield
    print(f"\n{request.node.name}: {time.monotonic() - started:.1f} s")


def made(pattern):
    """Returns the one file of the pattern."""
    found = list(DIST.glob(pattern))
    assert len(found) == 1, f"{pattern} is not one file in target/packages but {found}; run `make dist`"
    return found[0]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="backslashreplace", **options)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def built():
    return [name for name in ELF if (DIST / name / "tidegate").is_file()]


def cleans(server, content=None, kind="image/jpeg"):
    """Uploads a photo, or a video, and waits until the server has cleaned it in a process of its own.
    """
    content = content or (ROOT / "crates/media/testdata/sequential.jpg").read_bytes()
    shown = Session(server).make(content, kind)
    assert shown["status"] == "COMPLETED", shown


def test_the_checksums_are_right():
    print(run("sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS", cwd=DIST))
    listed = {line.split("  ")[1] for line in (DIST / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(DIST)) for path in DIST.rglob("*") if path.is_file() and not path.is_symlink()}
    assert listed == there - {"SHA256SUMS"}


@pytest.mark.parametrize("name", built())
def test_the_binary_is_static_and_names_its_debug_information(name):
    binary, debug = DIST / name / "tidegate", DIST / name / "tidegate.debug"
    assert int.from_bytes(binary.read_bytes()[18:20], "little") == ELF[name]
    headers = run("readelf", "--wide", "--program-headers", "--dynamic", "--sections", binary)
    assert "INTERP" not in headers and "(NEEDED)" not in headers, headers
    assert ".symtab" not in headers and ".debug_" not in headers, headers
    assert "tidegate.debug" in run("readelf", "--string-dump=.gnu_debuglink", binary)
    assert ".debug_line" in run("readelf", "--wide", "--sections", debug)
    # No folder of the machine that compiled it.
    text = binary.read_bytes()
    for folder in (str(ROOT), str(pathlib.Path.home() / ".cargo")):
        assert folder.encode() not in text, f"{folder} is named in {binary}"


@pytest.mark.parametrize("name", [name for name in built() if name != MACHINE])
def test_the_binary_of_another_architecture_runs_in_an_emulator(name, tmp_path):
    """The emulator of Debian 12 has no openat2, so that the binary can do here what needs no store."""
    emulator = {"x86_64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}[name]
    program = [emulator, str(DIST / name / "tidegate")]
    assert run(*program, "--version") == f"tidegate {VERSION}\n"
    for kind in ("rsa", "p256"):
        key, private, public = (line.split()[-1] for line in run(*program, "keys", "generate", "--kind", kind, "--folder", tmp_path).splitlines())
        assert private == str(tmp_path / f"{key}.pem")
        # Another program finds that the halves belong together.
        assert run("openssl", "pkey", "-in", private, "-pubout").strip() == pathlib.Path(public).read_text().strip()
    run(*program, "docs", tmp_path / "site")
    assert "Tidegate" in (tmp_path / "site/index.html").read_text()
    settings = {"PATH": os.environ["PATH"], "TIDEGATE_DATA": str(tmp_path / "data")}
    assert "the settings are fine" in run(*program, "check", env=settings)


def test_the_bill_of_materials_lists_what_is_linked():
    bill = json.loads(made("tidegate-*.cdx.json").read_text())
    names = {component["name"] for component in bill["components"]}
    assert {"tokio", "axum", "sqlx", "aws-lc", "sqlite", "libwebp", "libjpeg-turbo", "musl", "swagger-ui"} <= names
    # Only for tests, or for building.
    assert not {"proptest", "cmake", "cc"} & names
    assert all(component["licenses"] for component in bill["components"])
    hashes = {file["hashes"][0]["content"] for file in bill["metadata"]["component"]["components"]}
    sums = dict(reversed(line.split("  ")) for line in (DIST / "SHA256SUMS").read_text().splitlines())
    assert hashes == {sums[f"{name}/tidegate"] for name in built()}


def test_the_archive_is_unpacked_and_started(tmp_path):
    with tarfile.open(made(f"tidegate-*-linux-{MACHINE}.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / f"tidegate-{VERSION}-linux-{MACHINE}"
    assert run(folder / "tidegate", "--version") == f"tidegate {VERSION}\n"
    assert {"LICENSE-MIT", "LICENSE-APACHE"} <= set(os.listdir(folder))
    run("sh", folder / "deploy/systemd/install.sh", folder / "tidegate", env={**os.environ, "DESTDIR": str(tmp_path / "installed")})
    server = Server(tmp_path, SCANNER="off")
    server.command = [tmp_path / "installed/usr/local/bin/tidegate", "serve"]
    with server:
        cleans(server)


def test_the_deb_is_installed_upgraded_and_purged_in_a_bare_debian(tmp_path):
    deb, root = made(f"tidegate_*_{DEBIAN}.deb"), tmp_path / "root"
    # With what the package depends on: apt then needs no network in it.
    run("mmdebstrap", "--variant=apt", "--quiet", "--include=ca-certificates", "bookworm", root)
    shutil.copyfile(deb, root / "tmp/tidegate.deb")
    print(run("unshare", "--mount", "bash", "-euxo", "pipefail", "-c", DEB_TEST, "bash", root))
    unit = tmp_path / "tidegate.service"
    run("dpkg-deb", "--extract", deb, tmp_path / "unpacked")
    text = (tmp_path / "unpacked/usr/lib/systemd/system/tidegate.service").read_text()
    assert "ExecStart=/usr/bin/tidegate serve" in text and "/usr/local" not in text
    unit.write_text(text.replace("/usr/bin/tidegate", "/bin/true"))
    run("systemd-analyze", "verify", unit)
    owners = {line.split()[1] for line in run("dpkg-deb", "--contents", deb).splitlines()}
    assert owners == {"root/root"}


# $1: the root folder of Debian, with the package in /tmp.
DEB_TEST = r"""
mount --rbind /proc "$1/proc"
inside() { chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
root=$1
# apt refuses if something that the package depends on is not there.
inside apt-get install -qq --no-install-recommends /tmp/tidegate.deb | tee "$root/tmp/first"
grep -q 'not started' "$root/tmp/first"
inside tidegate --version
test "$(inside stat -c '%U:%G %a' /etc/tidegate)" = 'root:tidegate 750'
test "$(inside stat -c '%U %a' /etc/tidegate/tidegate.env)" = 'root 600'
inside getent passwd tidegate | grep -q ':/var/lib/tidegate:/usr/sbin/nologin'
inside install -d -o tidegate -g tidegate -m 0750 /var/lib/tidegate
# The settings are a form to fill in: `check` says what is missing, with status 2.
status=0; inside bash -c 'set -a; . /etc/tidegate/tidegate.env; exec tidegate check' 2>"$root/tmp/missing" || status=$?
test "$status" = 2; grep -q UPLOAD_SIGNING_KEY "$root/tmp/missing"
# An upgrade keeps what was filled in, and says nothing of a first start.
echo '# mine' >> "$root/etc/tidegate/tidegate.env"
inside dpkg --install /tmp/tidegate.deb > "$root/tmp/second"
! grep -q 'not started' "$root/tmp/second"
grep -q '# mine' "$root/etc/tidegate/tidegate.env"
inside dpkg --remove tidegate
test ! -e "$root/usr/bin/tidegate"; test -e "$root/etc/tidegate/tidegate.env"
# Purging deletes settings, and never data.
inside dpkg --purge tidegate
test ! -e "$root/etc/tidegate"; test -d "$root/var/lib/tidegate"
"""


def test_the_service_of_the_deb_runs_as_its_user(tmp_path):
    """With the settings that the unit sets, in a folder that its user owns."""
    run("dpkg-deb", "--extract", made(f"tidegate_*_{DEBIAN}.deb"), tmp_path / "unpacked")
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65532, 65532)
    server = Server(tmp_path, SCANNER="off")
    server.command = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs", tmp_path / "unpacked/usr/bin/tidegate", "serve"]
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    with server:
        cleans(server)


def unpacked_image(folder, tag):
    """Unpacks the image of this machine with umoci, which knows nothing of what made it."""
    layout = folder / "layout"
    with tarfile.open(made("tidegate-*-oci.tar")) as archive:
        archive.extractall(layout, filter="data")
    index = json.loads((layout / "index.json").read_text())
    of_tag = next(entry for entry in index["manifests"] if entry["annotations"]["org.opencontainers.image.ref.name"] == tag)
    platforms = json.loads(blob(layout, of_tag))["manifests"]
    assert {entry["platform"]["architecture"] for entry in platforms} == {{"x86_64": "amd64", "arm64": "arm64"}[name] for name in built()}
    mine = next(entry for entry in platforms if entry["platform"]["architecture"] == DEBIAN)
    config = json.loads(blob(layout, json.loads(blob(layout, mine))["config"]))
    # umoci takes a manifest and no index.
    mine["annotations"] = {"org.opencontainers.image.ref.name": "this"}
    (layout / "index.json").write_text(json.dumps({**index, "manifests": [mine]}))
    run("umoci", "unpack", "--image", f"{layout}:this", folder / "bundle")
    return folder / "bundle/rootfs", config["config"]


def blob(layout, descriptor):
    return (layout / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()


def of_image(tmp_path, root, config, **settings):
    """Returns a server that runs in the image's root folder, which is read-only, as the image's user.
    """
    server = Server(tmp_path, SCANNER="off", **settings)
    given = dict(pair.split("=", 1) for pair in config["Env"])
    # Loopback instead of every address, so that it starts without sign-in.
    server.settings = {**server.settings, **given, "BIND_HOST": "127.0.0.1"}
    data = tmp_path / "volume"
    data.mkdir()
    os.chown(data, *map(int, config["User"].split(":")))
    script = 'mount --bind "$1" "$1"; mount --bind "$2" "$1$3"; mount -t tmpfs none "$1/tmp"; mount --rbind /proc "$1/proc"; ' \
             'mount --rbind /dev "$1/dev"; mount -o remount,ro,bind "$1"; exec chroot --userspec="$4" "$1" "${@:5}"'  # fmt: skip
    # Each replaces itself by the next, so that signals reach the server.
    server.prefix = [shutil.which("unshare"), "--mount", shutil.which("bash"), "-euc", f"PATH={os.environ['PATH']}; {script}", "bash",
                     root, data, given["TIDEGATE_DATA"], config["User"]]  # fmt: skip
    server.command = [*server.prefix, *config["Entrypoint"], *config["Cmd"]]
    return server


def inside(server, *command):
    return subprocess.run([*server.prefix, *command], env=server.settings, capture_output=True, text=True)


def test_the_image_starts_with_a_root_that_is_read_only(tmp_path):
    root, config = unpacked_image(tmp_path, VERSION)
    assert config["User"] == "65532:65532"
    # Two programs would be one too many.
    programs = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o111]
    assert programs == [root / "usr/bin/tidegate"]
    server = of_image(tmp_path, root, config)
    refused = inside(server, "/usr/bin/tidegate", "check", "--set", "BIND_HOST=0.0.0.0")
    assert refused.returncode == 2 and "AUTH" in refused.stderr, refused
    health = config["Healthcheck"]["Test"][1:]
    assert inside(server, *health).returncode == 1
    with server:
        cleans(server)
        done = inside(server, *health)
        assert done.returncode == 0, done
    assert server.process.returncode == 0


def test_the_image_with_ffmpeg_cleans_a_video(tmp_path):
    root, config = unpacked_image(tmp_path, f"{VERSION}-ffmpeg")
    server = of_image(tmp_path, root, config)
    shown = inside(server, "/usr/bin/ffmpeg", "-version")
    assert shown.returncode == 0, shown
    video = tmp_path / "a.mp4"
    run("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=10", "-pix_fmt", "yuv420p", video)
    with server:
        cleans(server, video.read_bytes(), "video/mp4")


def test_the_wheel_is_installed_and_started(tmp_path):
    run("python3", "-m", "venv", tmp_path / "venv")
    wheel = made(f"tidegate-*{'x86_64' if MACHINE == 'x86_64' else 'aarch64'}.whl")
    run(tmp_path / "venv/bin/pip", "install", "--no-index", "--disable-pip-version-check", wheel)
    assert run(tmp_path / "venv/bin/tidegate", "--version") == f"tidegate {VERSION}\n"
    assert run(tmp_path / "venv/bin/python", "-m", "tidegate", "--version") == f"tidegate {VERSION}\n"
    run(tmp_path / "venv/bin/python", "-m", "zipfile", "--test", wheel)
    server = Server(tmp_path, SCANNER="off")
    server.command = [tmp_path / "venv/bin/tidegate", "serve"]
    with server:
        cleans(server)


def test_the_npm_package_is_installed_and_started(tmp_path):
    cpu = {"x86_64": "x64", "arm64": "arm64"}[MACHINE]
    # Unpublished: npm is told where the package of this machine is.
    own, program = made(f"tidegate-{VERSION}.tgz"), made(f"tidegate-linux-{cpu}-{VERSION}.tgz")
    (tmp_path / "package.json").write_text(json.dumps({"name": "x", "private": True}))
    run("npm", "install", "--offline", "--no-audit", "--no-fund", "--omit=optional", own, program, cwd=tmp_path)
    assert run(tmp_path / "node_modules/.bin/tidegate", "--version", cwd=tmp_path) == f"tidegate {VERSION}\n"
    refused = subprocess.run([tmp_path / "node_modules/.bin/tidegate", "no-such-command"], capture_output=True, text=True)
    assert refused.returncode == 2 and "no-such-command" in refused.stderr
    server = Server(tmp_path, SCANNER="off")
    server.command = [tmp_path / "node_modules/.bin/tidegate", "serve"]
    with server:
        cleans(server)
    # SIGTERM went on to the program, which stopped in order.
    assert server.process.returncode == 0
    shutil.rmtree(tmp_path / "node_modules/@tidegate")
    missing = subprocess.run([tmp_path / "node_modules/.bin/tidegate", "--version"], capture_output=True, text=True)
    assert missing.returncode == 1 and f"@tidegate/linux-{cpu} is not installed" in missing.stderr
