"""Makes the npm packages that carry the binary: npm.py ARCHITECTURE ...

One package for each architecture holds the program, and `tidegate` starts it and depends on all of
them; npm installs only the one whose `os` and `cpu` fit. Nothing is downloaded when installing."""

import sys

from common import ARCHITECTURES, DESCRIPTION, DIST, LICENSE, ROOT, Tar, binary, epoch, gzipped, to_json, version, write

START = """\
#!/usr/bin/env node
// Starts the program of this machine's package, and ends as it ends.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const name = `@tidegate/linux-${process.arch}`;
let program;
try {
  program = require.resolve(`${name}/bin/tidegate`);
} catch {
  console.error(`tidegate: ${name} is not installed: there is a program for Linux on x64 and arm64, and optional dependencies must be installed`);
  process.exit(1);
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A supervisor signals only this process. A terminal sends SIGINT to both, so it is not passed on.
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
process.on("SIGINT", () => {});
child.on("error", (error) => {
  console.error(`tidegate: ${program} can't be started: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
"""


def described(name, **more):
    return {"name": name, "version": version(), "description": DESCRIPTION, "license": LICENSE, **more}


def package(file, description, files):
    archive = Tar(epoch())
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        archive.add(f"package/{name}", (ROOT / name).read_bytes())
    archive.add("package/package.json", to_json(description))
    for path, data, mode in files:
        archive.add(f"package/{path}", data, mode=mode)
    write(DIST / file, gzipped(archive.bytes()))


def main():
    names = {}
    for architecture in sys.argv[1:]:
        cpu = ARCHITECTURES[architecture]["npm"]
        name = f"@tidegate/linux-{cpu}"
        names[name] = version()
        package(f"tidegate-linux-{cpu}-{version()}.tgz", described(name, os=["linux"], cpu=[cpu], preferUnplugged=True),
                [("bin/tidegate", binary(architecture).read_bytes(), 0o755)])  # fmt: skip
    package(f"tidegate-{version()}.tgz", described("tidegate", bin={"tidegate": "bin/tidegate.js"}, engines={"node": ">=18"}, optionalDependencies=names),
            [("bin/tidegate.js", START.encode(), 0o755)])  # fmt: skip


main()
