"""Tests Zarr and OME-Zarr with their own library: images are written as assets of a package, and read
through the signature of that package by fsspec and aiohttp, as viewers do."""

import asyncio
import copy
import json
import pathlib
import subprocess

import aiohttp
import numpy
import pytest
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.storage import FsspecStore

import backends
import clients
from datasets import Dataset
from server import send


def range_of(request):
    """Returns the Range header of a part of a value."""
    match request:
        case None:
            return {}
        case RangeByteRequest(start, end):
            return {"Range": f"bytes={start}-{end - 1}"}
        case OffsetByteRequest(offset):
            return {"Range": f"bytes={offset}-"}
        case SuffixByteRequest(suffix):
            return {"Range": f"bytes=-{suffix}"}


class Assets(Store):
    """The assets of a package: written by uploads, read through one signature over all of them."""

    supports_writes = supports_deletes = True
    supports_listing = False

    def __init__(self, dataset, package):
        super().__init__(read_only=False)
        self.dataset, self.package, self.asked = dataset, package, []
        self.grant = dataset.call("GET", f"/cloudfront/sign?{dataset.query(package_id=package, scope='prefix')}")

    def signed_cookies(self):
        """Returns the URL of the assets, and the cookies that open them."""
        answer = self.dataset.ask("GET", f"/cloudfront/sign?{self.dataset.query(package_id=self.package, scope='prefix')}")
        return answer.json()["base_url"], "; ".join(line.split(";")[0] for line in answer.headers.get_all("Set-Cookie"))

    def __eq__(self, other):
        return self is other

    def with_read_only(self, read_only=False):
        other = copy.copy(self)
        other._read_only = read_only
        return other

    def send(self, key, headers):
        answer = send("GET", f"{self.grant['base_url']}{key}?{self.grant['query']}", headers)
        self.asked.append((key, answer.status))
        assert answer.status in (200, 206, 404), (key, answer.status, answer.body)
        return answer

    async def get(self, key, prototype, byte_range=None):
        answer = await asyncio.to_thread(self.send, key, range_of(byte_range))
        return None if answer.status == 404 else prototype.buffer.from_bytes(answer.body)

    async def get_partial_values(self, prototype, key_ranges):
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key):
        return (await asyncio.to_thread(self.send, key, {})).status != 404

    async def set(self, key, value):
        await asyncio.to_thread(self.put, key, value.to_bytes())

    def put(self, key, data):
        at = f"/assets?{self.dataset.query(package_id=self.package, path=key)}"
        begun = self.dataset.ask("POST", at, {"size": len(data)})
        if begun.status == 409:
            # An asset never changes: it is replaced.
            self.dataset.call("DELETE", at, status=204)
            begun = self.dataset.ask("POST", at, {"size": len(data)})
        assert begun.status == 201, begun.body
        assert self.dataset.sent(begun.json(), data)["status"] == "READY"

    async def delete(self, key):
        await asyncio.to_thread(self.dataset.ask, "DELETE", f"/assets?{self.dataset.query(package_id=self.package, path=key)}")

    async def list(self):
        raise NotImplementedError
        yield

    async def list_prefix(self, prefix):
        raise NotImplementedError
        yield

    async def list_dir(self, prefix):
        raise NotImplementedError
        yield


def multiscales(version):
    """Returns the metadata of an image with two resolutions, as OME-Zarr 0.4 and 0.5 lay it out."""
    scale = lambda by: [{"type": "scale", "scale": [1.0, by, by]}]
    image = {
        "name": "cells",
        "axes": [{"name": "c", "type": "channel"}, {"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space", "unit": "micrometer"}],
        "datasets": [{"path": str(level), "coordinateTransformations": scale(0.5 * 2**level)} for level in range(2)],
    }
    if version == 2:
        return {"multiscales": [{"version": "0.4", **image}], "omero": {"channels": [{"color": "FF0000", "label": "DAPI"}]}}
    return {"ome": {"version": "0.5", "multiscales": [image]}}


def pixels():
    image = numpy.random.default_rng(7).integers(1, 60_000, (2, 96, 128), dtype="uint16")
    # A chunk of zeros is not written; readers learn from a 404 that it is empty.
    image[0, :32, :32] = 0
    return image


def write_image(store, version, image):
    root = zarr.create_group(store, zarr_format=version, attributes=multiscales(version))
    for level in range(2):
        data = image[:, :: 2**level, :: 2**level]
        keys = {"name": "v2", "separator": "/"} if version == 2 else None
        array = root.create_array(str(level), shape=data.shape, chunks=(1, 32, 32), dtype=data.dtype, chunk_key_encoding=keys)
        array[:] = data


@pytest.mark.parametrize("store", ["disk", "s3"])
@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_is_written_and_read(make_server, store, version):
    server = make_server(**backends.settings("sqlite", store))
    dataset, image = Dataset(server), pixels()
    package = dataset.package("cells.ome.zarr", b"the microscope's own file")
    assets = Assets(dataset, package)
    write_image(assets, version, image)
    names = {asset["path"] for asset in dataset.call("GET", f"/assets?{dataset.query(package_id=package, limit=1000)}")["assets"]}
    expected = {".zgroup", ".zattrs", "0/.zarray", "0/1/2/3", "1/.zarray"} if version == 2 else {"zarr.json", "0/zarr.json", "0/c/1/2/3", "1/zarr.json"}
    assert expected <= names and not names & {"0/0/0/0", "0/c/0/0/0"}, names

    # The library that wrote it reads it back, and finds out the version by what is missing.
    root = zarr.open_group(assets, mode="r")
    assert root.metadata.zarr_format == version and root.attrs.asdict() == multiscales(version)
    assert numpy.array_equal(root["0"][:], image)
    assert any(status == 404 for _, status in assets.asked), assets.asked

    # Viewers come with the cookies of the signature, by fsspec over aiohttp.
    base, cookies = assets.signed_cookies()
    options = {"headers": {"Cookie": cookies}, "asynchronous": True}
    remote = FsspecStore.from_url(base.rstrip("/"), storage_options=options, read_only=True)
    viewed = zarr.open_group(remote, mode="r")
    described = viewed.attrs.asdict()
    scales = described["multiscales"] if version == 2 else described["ome"]["multiscales"]
    for level, scale in enumerate(scales[0]["datasets"]):
        assert numpy.array_equal(viewed[scale["path"]][:], image[:, :: 2**level, :: 2**level])
    corner = viewed["0"][0, :40, :40]
    assert not corner[:32, :32].any() and numpy.array_equal(corner, image[0, :40, :40])

    # Without the signature, neither what is there nor what is not can be told apart.
    async def statuses(*names, headers):
        async with aiohttp.ClientSession(headers=headers) as session:
            return [(await session.get(base + name)).status for name in names]

    there = ".zgroup" if version == 2 else "zarr.json"
    assert asyncio.run(statuses(there, "nothing", ".nothing", headers={"Cookie": cookies})) == [200, 404, 404]
    assert asyncio.run(statuses(there, "nothing", ".nothing", headers={})) == [403, 403, 403]


@pytest.mark.parametrize("version", [2, 3])
def test_a_part_of_an_array_is_read_by_its_chunks(server, version):
    dataset, image = Dataset(server), pixels()
    assets = Assets(dataset, dataset.package("part.zarr", b"x"))
    write_image(assets, version, image)
    array = zarr.open_group(assets, mode="r")["0"]
    assets.asked.clear()
    assert numpy.array_equal(array[1, 32:64, 64:128], image[1, 32:64, 64:128])
    chunks = {f"0/1/1/{x}" if version == 2 else f"0/c/1/1/{x}" for x in (2, 3)}
    assert {key for key, _ in assets.asked} == chunks, assets.asked
    # What is written again replaces what was there.
    writable = zarr.open_group(assets, mode="r+")
    writable.attrs["note"] = "seen"
    writable["0"][0, :32, :32] = 9
    again = zarr.open_group(assets, mode="r")
    assert again.attrs["note"] == "seen" and (again["0"][0, :32, :32] == 9).all()
    assert numpy.array_equal(again["0"][1], image[1])


def test_shards_are_read_by_ranges(server):
    """A shard holds many chunks; a reader takes its index from the end, and then one chunk."""
    dataset, image = Dataset(server), pixels()
    assets = Assets(dataset, dataset.package("shards.zarr", b"x"))
    array = zarr.create_array(assets, name="a", shape=image.shape, chunks=(1, 16, 16), shards=(1, 96, 128), dtype=image.dtype, zarr_format=3)
    array[:] = image
    answers = []
    inner = assets.send

    def counting(key, headers):
        answer = inner(key, headers)
        answers.append((key, headers.get("Range"), len(answer.body)))
        return answer

    assets.send = counting
    assert numpy.array_equal(zarr.open_array(assets, path="a", mode="r")[1, 16:32, 16:32], image[1, 16:32, 16:32])
    ranged = [(span, size) for key, span, size in answers if key == "a/c/1/0/0"]
    assert ranged and all(span for span, _ in ranged), answers
    assert sum(size for _, size in ranged) < image[1].nbytes / 10, ranged


def test_zarr_python_2_writes_and_reads(server, tmp_path):
    dataset = Dataset(server)
    assets = Assets(dataset, dataset.package("two.zarr", b"x"))
    script, folder = pathlib.Path(__file__).with_name("zarr_two.py"), tmp_path / "written"
    subprocess.run([clients.PYTHON, script, "write", folder], check=True)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assets.put(path.relative_to(folder).as_posix(), path.read_bytes())
    group = zarr.open_group(assets, mode="r")
    assert group.metadata.zarr_format == 2 and group.attrs["note"] == "written by version 2"
    assert numpy.array_equal(group["0"][:].ravel(), numpy.arange(64 * 64))
    told = subprocess.run([clients.PYTHON, script, "read", *assets.signed_cookies()], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == {"attributes": {"note": "written by version 2"}, "shape": [64, 64], "sum": sum(range(64 * 64))}
