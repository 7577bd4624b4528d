"""Writes the software bill of materials, in CycloneDX 1.6: sbom.py

Lists the crates that are linked into the binaries, as `cargo tree` resolves them for the targets,
with licence and checksum; the C libraries and pages that crates carry; and what depends on what."""

import datetime
import json
import os
import re
import sys
import tomllib
import uuid
from pathlib import Path

from common import ARCHITECTURES, DESCRIPTION, DIST, LICENSE, ROOT, binary, built, epoch, run, say, sha256, to_json, version, write

FEATURES = os.environ.get("FEATURES", "")

# What crates carry of others: the crate that has it, the component, its licence, a file that says its version, and how.
BUNDLED = [
    ("aws-lc-sys", "aws-lc", "ISC AND (Apache-2.0 OR ISC)", "aws-lc/include/openssl/base.h", r'AWSLC_VERSION_NUMBER_STRING "([\d.]+)"'),
    ("libsqlite3-sys", "sqlite", "blessing", "sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([\d.]+)"'),
    ("libwebp-sys", "libwebp", "BSD-3-Clause", "vendor/configure.ac", r"AC_INIT\(\[libwebp\], \[([\d.]+)\]"),
    ("turbojpeg-sys", "libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib", "libjpeg-turbo/CMakeLists.txt", r"set\(VERSION ([\d.]+)\)"),
    ("utoipa-swagger-ui-vendored", "swagger-ui", "Apache-2.0", "src/lib.rs", r"v([\d.]+)\.zip"),
    ("tidegate", "redoc", "MIT", "assets/redoc/ORIGIN.md", r"`redoc` ([\d.]+)"),
    ("tidegate", "graphiql", "MIT", "assets/graphiql/ORIGIN.md", r"`graphiql` ([\d.]+)"),
    ("tidegate", "react", "MIT", "assets/graphiql/ORIGIN.md", r"`react` ([\d.]+)"),
]
# A crate that is used only to build the one that carries its content.
BUILT_INTO = {"utoipa-swagger-ui-vendored": "utoipa-swagger-ui"}


def linked():
    """Returns the names and versions of the crates that are linked into a binary of any target."""
    crates = set()
    for architecture in ARCHITECTURES.values():
        features = ["--features", FEATURES] if FEATURES else []
        tree = run("cargo", "tree", "--locked", "--package", "tidegate", "--edges", "normal,no-proc-macro", "--prefix", "none",
                   "--format", "{p}", "--target", architecture["rust"], *features, capture=True)  # fmt: skip
        for line in tree.splitlines():
            name, number = line.split()[:2]
            crates.add((name, number.removeprefix("v")))
    return crates


def license_of(expression):
    # Older crates separate alternatives with a slash, which SPDX does not know.
    return [{"expression": re.sub(r"\s*/\s*", " OR ", expression)}] if expression else []


def bundled(all_packages, packages):
    """Returns what crates carry, and the reference of the crate that does."""
    references = {package["name"]: reference for reference, package in packages.items()}
    # Of two versions, the one that is linked.
    folders = {package["name"]: Path(package["manifest_path"]).parent for package in [*all_packages, *packages.values()]}
    for crate, name, license, file, pattern in BUNDLED:
        found = re.search(pattern, (folders[crate] / file).read_text(errors="replace"))
        if not found:
            sys.exit(f"dist: {file} of {crate} does not say the version of {name}")
        yield references[BUILT_INTO.get(crate, crate)], {
            "type": "library",
            "bom-ref": f"bundled:{name}@{found[1]}",
            "name": name,
            "version": found[1],
            "licenses": license_of(license),
            "purl": f"pkg:generic/{name}@{found[1]}",
            "description": f"inside the crate {crate}",
        }


def main():
    say("writing the bill of materials from Cargo.lock")
    wanted = linked()
    features = ["--features", f"tidegate/{FEATURES}"] if FEATURES else []
    metadata = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1", *features, capture=True))
    checksums = {(crate["name"], crate["version"]): crate.get("checksum") for crate in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    references, packages = {}, {}
    for package in metadata["packages"]:
        key = (package["name"], package["version"])
        if key in wanted:
            references[package["id"]] = reference = f"pkg:cargo/{key[0]}@{key[1]}"
            packages[reference] = package
    if missing := wanted - {(package["name"], package["version"]) for package in packages.values()}:
        sys.exit(f"dist: cargo metadata does not list {missing}")

    components, depends = [], {}
    for reference, package in packages.items():
        if package["name"] == "tidegate":
            root = reference
            continue
        checksum = checksums[(package["name"], package["version"])]
        components.append({
            "type": "library",
            "bom-ref": reference,
            "name": package["name"],
            "version": package["version"],
            "purl": reference,
            "licenses": license_of(package["license"]),
            **({"hashes": [{"alg": "SHA-256", "content": checksum}]} if checksum else {}),
            **({"description": package["description"].strip()} if package["description"] else {}),
            **({"externalReferences": [{"type": "vcs", "url": package["repository"]}]} if package["repository"] else {}),
        })  # fmt: skip
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in references:
            normal = [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
            depends[references[node["id"]]] = {references[id] for id in normal if id in references}
    for carrier, component in bundled(metadata["packages"], packages):
        components.append(component)
        depends[carrier].add(component["bom-ref"])
        depends[component["bom-ref"]] = set()
    # Linked into every program by the compiler.
    rust = run("rustc", "--version", capture=True).split()[1]
    for name, number, license in [("rust-std", rust, "MIT OR Apache-2.0"), ("musl", musl_version(), "MIT")]:
        components.append({"type": "library", "bom-ref": f"toolchain:{name}", "name": name, "version": number,
                           "licenses": license_of(license), "purl": f"pkg:generic/{name}@{number}"})  # fmt: skip
        depends[root].add(f"toolchain:{name}")
        depends[f"toolchain:{name}"] = set()

    # One hash for each binary that is there.
    files = [{"type": "file", "bom-ref": f"file:{name}", "name": f"tidegate ({name})",
              "hashes": [{"alg": "SHA-256", "content": sha256(binary(name).read_bytes())}]} for name in built()]  # fmt: skip
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(epoch(), datetime.UTC).isoformat().replace("+00:00", "Z"),
            "component": {"type": "application", "bom-ref": root, "name": "tidegate", "version": version(), "purl": root,
                          "description": DESCRIPTION, "licenses": license_of(LICENSE), "components": files},  # fmt: skip
            "tools": {"components": [{"type": "application", "name": "deploy/packages/sbom.py", "version": version()}]},
        },
        "components": sorted(components, key=lambda component: component["bom-ref"]),
        "dependencies": [{"ref": reference, "dependsOn": sorted(on)} for reference, on in sorted(depends.items())],
    }
    # The same content has the same number.
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, sha256(to_json(document)))}"
    data = to_json(document)
    validate(data.decode())
    write(DIST / f"tidegate-{version()}.cdx.json", data)
    unlicensed = [component["name"] for component in components if not component["licenses"]]
    say(f"{len(components)} components, {len(unlicensed)} without a licence {unlicensed or ''}")


def musl_version():
    """Returns the version of the C library that zig links."""
    import ziglang

    header = Path(ziglang.__file__).parent / "lib/libc/musl/src/internal/version.h"
    found = re.search(r'VERSION "([\d.]+)"', header.read_text())
    if not found:
        sys.exit(f"dist: {header} does not say the version of musl")
    return found[1]


def validate(text):
    """Ends the program if the document breaks the schema of CycloneDX, which the package brings."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"dist: the bill of materials breaks the schema: {problem}")
    say("the bill of materials keeps to the schema of CycloneDX 1.6")


main()
