"""Builds the static binaries: build.py ARCHITECTURE ... [--check]

Writes target/packages/ARCHITECTURE/tidegate, stripped, and tidegate.debug beside it. `--check` builds
each binary a second time from a copy of the sources in another folder, and compares the bytes.
Settings: PROFILE (dist), and FEATURES of the crate (none)."""

import os
import pathlib
import shutil
import sys
import tempfile
import time

from common import ARCHITECTURES, DIST, ROOT, epoch, run, say, sha256

PROFILE = os.environ.get("PROFILE", "dist")
FEATURES = os.environ.get("FEATURES", "")


def environment(sources, target):
    """Returns an environment in which no path of this machine gets into a binary."""
    cargo_home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    # The last one that matches wins.
    renamed = [(cargo_home, "/cargo"), (sources, "/tidegate"), (target, "/target")]
    rust = [f"--remap-path-prefix={path}={name}" for path, name in renamed]
    # Of clang's options for C: `__FILE__`, `__DATE__` and debug information.
    c = [f"-ffile-prefix-map={path}={name}" for path, name in renamed]
    set_by_us = {
        "CARGO_TARGET_DIR": str(target),
        "CARGO_INCREMENTAL": "0",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rust),
        "SOURCE_DATE_EPOCH": str(epoch()),
        "TZ": "UTC",
        "LC_ALL": "C",
    }
    for names in ARCHITECTURES.values():
        for kind in ("CFLAGS", "CXXFLAGS"):
            set_by_us[f"{kind}_{names['rust'].replace('-', '_')}"] = " ".join(c)
    return {**os.environ, **set_by_us}


def compile_binary(architecture, sources, target):
    """Compiles one binary and returns its path."""
    rust = ARCHITECTURES[architecture]["rust"]
    features = ["--features", FEATURES] if FEATURES else []
    started = time.monotonic()
    run("cargo", "zigbuild", "--locked", "--package", "tidegate", "--bin", "tidegate", "--profile", PROFILE, "--target", rust, *features,
        cwd=sources, env=environment(sources, target))  # fmt: skip
    say(f"{architecture}: compiled in {(time.monotonic() - started) / 60:.1f} minutes")
    return target / rust / ("debug" if PROFILE == "dev" else PROFILE) / "tidegate"


def split(program, folder):
    """Writes the stripped binary and its debug information, which the binary names."""
    folder.mkdir(parents=True, exist_ok=True)
    binary, debug = folder / "tidegate", folder / "tidegate.debug"
    # llvm-objcopy reads programs of every machine; Debian's objcopy only those of its own.
    run("llvm-objcopy", "--only-keep-debug", program, debug)
    # `.debug_gdb_scripts` is loaded with the program, so `--strip-all` keeps it.
    run("llvm-objcopy", "--strip-all", "--remove-section=.debug_gdb_scripts", f"--add-gnu-debuglink={debug}", program, binary)
    binary.chmod(0o755)
    debug.chmod(0o644)
    return binary, debug


def check(architecture, first):
    """Compiles the sources again from another folder, and ends the program if a byte differs."""
    say(f"{architecture}: compiling it again from another folder, to compare the two")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-second-", dir=os.environ.get("SECOND_BUILD")))
    sources, target = folder / "sources", folder / "target"
    for name in run("git", "ls-files", capture=True).splitlines():
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, sources / name)
    second = split(compile_binary(architecture, sources, target), folder / "second")
    shutil.rmtree(target)
    differ = [one.name for one, other in zip(first, second) if one.read_bytes() != other.read_bytes()]
    if differ:
        sys.exit(f"dist: {architecture}: of two builds, {' and '.join(differ)} differ; the second build is in {folder / 'second'}")
    for one in first:
        say(f"{architecture}: {one.name} is the same in both builds, SHA-256 {sha256(one.read_bytes())}")
    shutil.rmtree(folder)


def main():
    twice = "--check" in sys.argv
    for architecture in [name for name in sys.argv[1:] if name != "--check"]:
        if architecture not in ARCHITECTURES:
            sys.exit(f"dist: no architecture is called {architecture}; there are: {', '.join(ARCHITECTURES)}")
        say(f"{architecture}: compiling {ARCHITECTURES[architecture]['rust']} with profile {PROFILE}; the last step is one long line without progress")
        program = compile_binary(architecture, ROOT, ROOT / "target")
        files = split(program, DIST / architecture)
        for file in files:
            say(f"wrote {file.relative_to(ROOT)}, {file.stat().st_size / 1e6:.1f} MB")
        if twice:
            check(architecture, files)


main()
