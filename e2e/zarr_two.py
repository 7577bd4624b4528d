"""Writes and reads a group of format 2 with zarr-python 2, in the environment of the clients.

    zarr_two.py write FOLDER
    zarr_two.py read URL COOKIES

Reading prints the attributes, the shape and the sum of the array `0` as JSON.
"""

import json
import sys

import numpy
import zarr
from zarr.storage import FSStore


def write(folder):
    group = zarr.open_group(folder, mode="w")
    group.attrs["note"] = "written by version 2"
    array = group.create_dataset("0", shape=(64, 64), chunks=(32, 32), dtype="uint16", dimension_separator="/")
    array[:] = numpy.arange(64 * 64).reshape(64, 64)


def read(url, cookies):
    group = zarr.open_group(FSStore(url, mode="r", dimension_separator="/", headers={"Cookie": cookies}), mode="r")
    array = group["0"]
    print(json.dumps({"attributes": dict(group.attrs), "shape": array.shape, "sum": int(array[:].sum())}))


assert zarr.__version__.startswith("2."), zarr.__version__
{"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
