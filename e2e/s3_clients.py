"""Copies a whole bucket with Python clients of S3. Runs in the environment of
`client-requirements.txt`: `s3_clients.py CLIENT ENDPOINT BUCKET FOLDER`, credentials as in
`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Writes what it listed and copied as JSON."""

import json
import os
import pathlib
import sys

client, endpoint, bucket, folder = sys.argv[1:]
keys = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


def with_minio():
    from minio import Minio

    store = Minio(endpoint.removeprefix("http://"), *keys, secure=False, region="us-east-1")
    listed = {each.object_name: each.size for each in store.list_objects(bucket, recursive=True)}
    copied = 0
    for name, size in listed.items():
        target = pathlib.Path(folder, name)
        if not target.exists() or target.stat().st_size != size:
            store.fget_object(bucket, name, str(target))
            copied += 1
    return listed, copied


def with_s3fs():
    import s3fs
    from fsspec.callbacks import Callback

    store = s3fs.S3FileSystem(key=keys[0], secret=keys[1], endpoint_url=endpoint)
    listed = {path.removeprefix(f"{bucket}/"): facts["size"] for path, facts in store.find(bucket, detail=True).items()}
    missing = [name for name, size in listed.items() if not os.path.exists(f"{folder}/{name}") or os.path.getsize(f"{folder}/{name}") != size]
    store.get([f"{bucket}/{name}" for name in missing], [f"{folder}/{name}" for name in missing], callback=Callback())
    # Every object is as large as it was listed, and has the tag of the listing.
    for name in list(listed)[:20]:
        assert store.info(f"{bucket}/{name}")["size"] == listed[name], name
    return listed, len(missing)


listed, copied = {"minio": with_minio, "s3fs": with_s3fs}[client]()
json.dump({"listed": listed, "copied": copied}, sys.stdout)
