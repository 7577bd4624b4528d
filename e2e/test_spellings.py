"""Tests that every HTTP client opens a signed URL, however it spells the path. Some send `(` for
`%28`, and CloudFront compares byte for byte."""

import json
import random
import subprocess
from urllib.parse import quote, unquote, urlsplit

import browser_pages
import clients
from browser_tab import Tab
from datasets import Dataset
from server import send
from test_embedding import Page

SUB_DELIMITERS = "!$&'()*+,;="
NAMES = [
    *(f"a{c}b.txt" for c in SUB_DELIMITERS + ":@ -._~\"<>#?[]^`{|}"),
    "data (1).parquet", "all !$&'()+,;=:@ of them.txt", "100%.txt", "a%28b.txt", "a%2Ab.txt", "a%2Bb.txt", "a%20b.txt", "a%41b.txt", "aAb.txt",
    "é.txt", "e\u0301.txt", "日本語 (2).txt", "\U0001f600+.txt", "a/b (c)/d=e&f.txt", "%", "a..b.txt", "a//b.txt".replace("//", "/;/"),
]  # fmt: skip


def some_names(seed):
    """Returns names of the characters that clients treat in different ways."""
    chosen = random.Random(seed)
    alphabet = "ab%28A(){}é+*' \u0301" + SUB_DELIMITERS
    names = [f"{number}-{''.join(chosen.choice(alphabet) for _ in range(chosen.randrange(1, 14)))}.x" for number in range(60)]
    # What could be decoded twice is refused as the path of an asset.
    return [name for name in names if not any(hidden in name.lower() for hidden in ("%25", "%2e", "%2f", "%5c", "%00"))]


def test_every_client_opens_a_signed_url_and_no_other(make_server, tmp_path):
    server = make_server(CLOUDFRONT_AUTH_MODE="url")
    dataset = Dataset(server)
    package = dataset.package("p", b"source")
    seed = random.randrange(1 << 32)
    names = list(dict.fromkeys([*NAMES, *some_names(seed)]))
    at_edge, at_s3 = {}, {}
    for name in names:
        path = f"view/{name}"
        dataset.asset(package, path, f"the bytes of {name}".encode())
        at_edge[name] = dataset.call("GET", f"/cloudfront/sign?{dataset.query(package_id=package, path=path)}")["signed_url"]
        at_s3[name] = dataset.presigned(package, path=path)
        # What a path segment may contain is not encoded, except what a policy or S3 reads in another
        # way.
        shown = urlsplit(at_edge[name]).path
        assert unquote(shown).endswith(path) and not any(f"%{ord(c):02X}" in shown for c in "!$&'(),;=:@-._~"), shown
        assert "*" not in shown and "+" not in shown, shown
    wanted = [[200, f"the bytes of {name}"] for name in names]
    for door, urls in ({"edge": at_edge, "S3 door": at_s3}).items():
        for client, got in {**clients.fetch(urls.values()), "Chromium": with_chromium(tmp_path / door.split()[0], urls.values())}.items():
            for name, one, whole in zip(names, got, wanted):
                # Only these two send `*` for `%2A`, and a signature for `*` would be one for a wildcard.
                if door == "edge" and "*" in name and client in ("aiohttp", "fsspec"):
                    assert one[0] == 403, (seed, client, name, one)
                else:
                    assert one == whole, (seed, door, client, name, urls[name], one)
    # The signature of one name opens no other.
    for urls in (at_edge, at_s3):
        paths = {name: url.split("?", 1) for name, url in urls.items()}
        for name, other in zip(names, [*names[1:], names[0]]):
            assert send("GET", f"{paths[other][0]}?{paths[name][1]}").status == 403, (name, other)


def with_chromium(folder, urls):
    folder.mkdir()
    ask = "Promise.all(%s.map((url) => fetch(url).then(async (answer) => [answer.status, await answer.text()], (error) => [0, String(error)])))"
    with browser_pages.serve(Page) as pages, Tab(folder) as tab:
        pages.plan = {"items": {}, "cookies": [], "then": None}
        tab.open(f"http://localhost:{pages.server_port}/")
        return tab.value(ask % json.dumps(list(urls)))


def test_own_links_open_in_every_spelling(server):
    """The server decodes the paths of its own links once, as S3 does with presigned ones."""
    urls, wanted = [], []
    for name in NAMES:
        body = f"the bytes of {name}".encode()
        new = {"mode": "single", "folder": "", "files": [{"name": name.replace("/", "_"), "size": len(body)}]}
        upload = server.call("POST", "/v1/files/init", body=new)
        if upload.status == 400:
            continue
        upload = upload.json()["uploadId"]
        assert send("PUT", f"{server.api}/v1/files/part/{upload}/1", {"X-User-Id": "alice"}, body).status == 200
        key = server.call("POST", "/v1/files/complete", body={"uploadId": upload}).json()["key"]
        link = server.call("GET", f"/v1/files/signed-url?key={quote(key, safe='')}").json()["url"]
        spellings = {quote(key, safe="/"), quote(key, safe="/:@" + SUB_DELIMITERS)}
        for url in [link, *(f"{server.api}/{spelling}" for spelling in spellings)]:
            urls.append(url)
            wanted.append([200, body.decode()])
    assert len(urls) > 80
    for client, got in clients.fetch(urls).items():
        for url, one, whole in zip(urls, got, wanted):
            assert one == whole, (client, url, one)


def test_a_prefix_grant_opens_every_spelling_below_it(server):
    dataset = Dataset(server)
    package = dataset.package("p", b"source")
    name = "data (1) !$&',;=:@*.parquet"
    dataset.asset(package, f"view/{name}", b"PAR1")
    grant = dataset.call("GET", f"/cloudfront/sign?{dataset.query(package_id=package, scope='prefix')}")
    urls = [f"{grant['base_url'].rstrip('/')}/view/{quote(name, safe=safe)}?{grant['query']}" for safe in ("", SUB_DELIMITERS + ":@")]
    for client, got in clients.fetch(urls).items():
        assert got == [[200, "PAR1"]] * 2, (client, got)
