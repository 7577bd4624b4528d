"""Fetches URLs with several HTTP clients, each of which spells a URL in its own way. Runs in the
environment of `client-requirements.txt`: reads a JSON array of URLs, writes one object per client
with what it got: status and body of each."""

import asyncio
import json
import subprocess
import sys

import aiohttp
import fsspec
import httpx
import requests
import urllib3
import yarl


async def with_aiohttp(urls, convert=str):
    async with aiohttp.ClientSession() as session:
        async def get(url):
            async with session.get(convert(url)) as answer:
                return [answer.status, (await answer.read()).decode()]

        return [await get(url) for url in urls]


def with_requests(urls):
    with requests.Session() as session:
        return [[answer.status_code, answer.content.decode()] for answer in map(session.get, urls)]


def with_httpx(urls):
    with httpx.Client() as client:
        return [[answer.status_code, answer.content.decode()] for answer in map(client.get, urls)]


def with_urllib3(urls):
    pool = urllib3.PoolManager()
    return [[answer.status, answer.data.decode()] for answer in (pool.request("GET", url) for url in urls)]


def with_curl(urls):
    def get(url):
        told = subprocess.run(["curl", "-sS", "--globoff", "-w", "\\n%{http_code}", url], capture_output=True, text=True, check=True)
        body, _, status = told.stdout.rpartition("\n")
        return [int(status), body]

    return [get(url) for url in urls]


def with_fsspec(urls, **options):
    files = fsspec.filesystem("http", skip_instance_cache=True, **options)

    def get(url):
        try:
            return [200, files.cat_file(url).decode()]
        except aiohttp.ClientResponseError as error:
            return [error.status, ""]
        except FileNotFoundError:
            return [404, ""]

    return [get(url) for url in urls]


def as_written(url):
    return yarl.URL(url, encoded=True)


urls = json.load(sys.stdin)
json.dump(
    {
        "aiohttp": asyncio.run(with_aiohttp(urls)),
        "aiohttp, as written": asyncio.run(with_aiohttp(urls, as_written)),
        "curl": with_curl(urls),
        "fsspec": with_fsspec(urls),
        "fsspec, as written": with_fsspec(urls, encoded=True),
        "httpx": with_httpx(urls),
        "requests": with_requests(urls),
        "urllib3": with_urllib3(urls),
    },
    sys.stdout,
)
