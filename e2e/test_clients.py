"""Clients that others' tools generate from the API description: they compile, sign in by a header,
upload a file, list it and read it. Python's runs always, the others and the linters of npm with
`make clients`."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from datasets import Dataset
from server import ROOT
from test_zarr import Assets, multiscales, pixels, write_image

CLIENTS = ROOT / "e2e/clients"
DESCRIPTION = ROOT / "openapi.json"
NPM = CLIENTS / "node_modules/.bin"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, (command, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout + done.stderr


def works(*command, **options):
    assert "the client works" in run(*command, **options)


def test_a_client_in_python(server, tmp_path):
    generator = pathlib.Path(sys.executable).with_name("openapi-python-client")
    made = ("--path", DESCRIPTION, "--output-path", tmp_path / "tidegate_client", "--meta", "none")
    # A warning says of an operation or a response that the client leaves it out.
    run(generator, "generate", *made, "--config", CLIENTS / "python.yaml", "--fail-on-warning")
    works(sys.executable, CLIENTS / "smoke.py", server.api, cwd=tmp_path, env={**server.settings, "PYTHONPATH": str(tmp_path)})


@pytest.mark.clients
def test_a_client_in_typescript(server, tmp_path):
    for name in ("smoke.ts", "tsconfig.json", "package.json"):
        shutil.copy(CLIENTS / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    run(NPM / "openapi-typescript", DESCRIPTION, "-o", tmp_path / "schema.d.ts")
    run(NPM / "tsc", "-p", tmp_path)
    works("node", tmp_path / "smoke.js", server.api)


@pytest.mark.clients
def test_a_client_in_go(server, tmp_path):
    shutil.copytree(CLIENTS / "go", tmp_path, dirs_exist_ok=True)
    (tmp_path / "tidegate").mkdir()
    made = ("-generate", "types,client", "-package", "tidegate", "-o", "tidegate/client.gen.go")
    run("go", "tool", "oapi-codegen", *made, DESCRIPTION, cwd=tmp_path)
    run("go", "vet", "./...", cwd=tmp_path)
    works("go", "run", ".", server.api, cwd=tmp_path)


@pytest.mark.clients
def test_a_client_in_java(server, tmp_path):
    import openapi_generator_cli

    jar = pathlib.Path(openapi_generator_cli.__file__).with_name("openapi-generator.jar")
    packages = "invokerPackage=tidegate,apiPackage=tidegate.api,modelPackage=tidegate.model"
    made = ("-g", "java", "--library", "okhttp-gson", "--additional-properties", packages)
    run("java", "-jar", jar, "generate", "-i", DESCRIPTION, "-o", tmp_path, *made)
    shutil.copy(CLIENTS / "java/Smoke.java", tmp_path / "src/main/java")
    run("mvn", "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies", "-DincludeScope=runtime", cwd=tmp_path)
    works("java", "-cp", f"{tmp_path}/target/classes:{tmp_path}/target/dependency/*", "Smoke", server.api)


@pytest.mark.clients
def test_clients_of_graphql(server):
    assert "the clients work" in run("node", CLIENTS / "graphql.mjs", server.api)


@pytest.mark.clients
@pytest.mark.parametrize("version", [2, 3])
def test_zarrita_reads_an_image(server, version):
    dataset, image = Dataset(server), pixels()
    assets = Assets(dataset, dataset.package("cells.zarr", b"x"))
    write_image(assets, version, image)
    told = json.loads(run("node", CLIENTS / "zarrita.mjs", *assets.signed_cookies()))
    assert told == {"attributes": multiscales(version), "shape": list(image.shape), "sum": int(image.sum())}


@pytest.mark.clients
def test_redocly_finds_nothing():
    told = run(NPM / "redocly", "lint", DESCRIPTION, "--config", CLIENTS / "redocly.yaml", cwd=CLIENTS)
    assert "Your API description is valid" in told and "warning" not in told.replace("Deprecation warning", ""), told


@pytest.mark.clients
def test_spectral_finds_nothing():
    told = run(NPM / "spectral", "lint", DESCRIPTION, "--ruleset", CLIENTS / "spectral.yaml", "--fail-severity", "hint")
    assert "No results with a severity of 'hint' or higher found!" in told, told
