"""Provides fresh databases and buckets on the servers that `.ci/services` started."""

import os
import pathlib
import shutil
import subprocess
import uuid

import boto3
from botocore.config import Config


def given(name):
    if name not in os.environ:
        raise RuntimeError(f"{name} is not set: run the tests by `make e2e`, which starts the servers")
    return os.environ[name]


def psql_tool():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: int(path.parts[4]))
    return found[-1] if found else shutil.which("psql")


def psql(url, sql):
    done = subprocess.run([psql_tool(), url, "-qAt", "-F", "\t", "-c", sql], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def new_database():
    server = given("TEST_POSTGRES_URL")
    name = f"e2e_{uuid.uuid4().hex}"
    psql(server, f"CREATE DATABASE {name}")
    return f"{server.rsplit('/', 1)[0]}/{name}"


def s3_client():
    return boto3.client(
        "s3",
        endpoint_url=given("TEST_GARAGE_URL"),
        region_name="us-east-1",
        aws_access_key_id=given("TEST_S3_ACCESS_KEY"),
        aws_secret_access_key=given("TEST_S3_SECRET_KEY"),
        config=Config(s3={"addressing_style": "path"}),
    )


def keys(bucket):
    """Returns all keys of a bucket."""
    pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def new_bucket():
    name = f"e2e-{uuid.uuid4().hex}"
    s3_client().create_bucket(Bucket=name)
    return name


def settings(database, store):
    """Returns the settings of a server on a database (`sqlite` or `postgres`) and a store (`disk`
    or `s3`)."""
    chosen = {}
    if database == "postgres":
        chosen["DATABASE_URL"] = new_database()
    if store == "s3":
        chosen |= {
            "S3_BUCKET": new_bucket(),
            "S3_ENDPOINT": given("TEST_GARAGE_URL"),
            "AWS_ACCESS_KEY_ID": given("TEST_S3_ACCESS_KEY"),
            "AWS_SECRET_ACCESS_KEY": given("TEST_S3_SECRET_KEY"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    return chosen
