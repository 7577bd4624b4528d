"""Tests spaces from outside: two servers with identical responses, the number of signatures, CDN
invalidations after deletes, a damaged store, and the start page."""

import json
import re
import signal
import sqlite3
import subprocess
import time

import boto3
import pytest

import backends
from ports import free_port
from server import BINARY, Server, send
from sessions import corners, drawn, encoded, exif, exiftool, fetch, opened


class Space:
    """A client of a space, as used by a gallery's front end."""

    def __init__(self, server, name="Holidays", user="ann", id=None):
        self.server, self.user = server, user
        self.id = id
        if id is None:
            made = self.call("POST", "", {"name": name}, below="/api/spaces")
            assert made.status == 201, made.body
            self.id = made.json()["id"]

    def call(self, method, path, body=None, below=None):
        below = f"/api/spaces/{self.id}" if below is None else below
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-User-Id": self.user, "Content-Type": "application/json"}
        return send(method, self.server.api + below + path, headers, data)

    def send(self, data, kind="image/jpeg", name="a.jpg"):
        target = self.call("POST", "/images", {"filename": name, "contentType": kind, "size": len(data)})
        assert target.status == 201, target.body
        target = target.json()
        put = send(target["method"], target["uploadUrl"], target["headers"], data)
        assert put.status == 200, put.body
        confirmed = self.call("POST", f"/images/{target['id']}/confirm")
        assert confirmed.status == 200, confirmed.body
        return target["id"]

    def ended(self, image, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.call("GET", f"/images/{image}").json()
            if shown["status"] in ("READY", "REJECTED", "FAILED"):
                return shown
            time.sleep(0.03)
        raise AssertionError(f"it has no end: {shown}")

    def make(self, data, kind="image/jpeg", name="a.jpg"):
        return self.ended(self.send(data, kind, name))


def counter(server, name):
    metrics = send("GET", f"{server.api}/metrics").body.decode()
    found = re.search(rf"^{name} (\d+)$", metrics, re.M)
    return int(found.group(1)) if found else 0


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    """Generates a signing key that several servers share."""
    path = tmp_path_factory.mktemp("keys") / "signing.pem"
    subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, capture_output=True)
    return {"CLOUDFRONT_PRIVATE_KEY_PEM": path.read_text(), "CLOUDFRONT_KEY_PAIR_ID": "KSHARED"}


def test_two_servers_give_the_same_list_and_sign_once(tmp_path, signing):
    shared = backends.settings("postgres", "s3") | signing
    edge = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with Server(tmp_path / "one", **shared, EDGE_URL=edge) as one, Server(tmp_path / "two", **shared, EDGE_URL=edge) as two:
        here = Space(one)
        for number in range(3):
            here.make(encoded(drawn(300 + number, 200), "JPEG"))
        there = Space(two, id=here.id)
        for _ in range(3):
            lists = [space.call("GET", "/images").body for space in (here, there, here)]
            # Retry if a signature window ended between the requests.
            if lists[0] == lists[2]:
                break
        assert lists[0] == lists[1] == lists[2]
        print(f"\ntwo servers, one list: {len(lists[0])} bytes, sha256 equal: {lists[0] == lists[1]}")
        urls = re.findall(r'"(?:cloudfrontUrl|url)":"([^"]+)"', lists[0].decode())
        assert len(urls) == 9 and len({url.split("?")[1] for url in urls}) == 1
        before = [counter(server, "tidegate_signatures_total") for server in (one, two)]
        for _ in range(50):
            assert here.call("GET", "/images").status == there.call("GET", "/images?urls=shared").status == 200
        after = [counter(server, "tidegate_signatures_total") for server in (one, two)]
        print(f"signatures before and after 100 more lists: {before} {after}")
        # One signature per window, and at most one new window starts during the test.
        assert all(now - then <= 1 for then, now in zip(before, after)) and max(after) <= 4, (before, after)


def test_pixels_stay_and_what_is_said_of_them_goes(make_server, tmp_path):
    space = Space(make_server())
    files = {
        "image/jpeg": encoded(drawn(160, 120), "JPEG", exif=exif(6), comment=b"SecretComment"),
        "image/png": encoded(drawn(160, 120), "PNG", exif=exif(1)),
        "image/webp": encoded(drawn(160, 120), "WEBP", lossless=True, exif=exif(1), xmp=b"<x>SecretXmp</x>"),
    }
    images = [drawn(40, 30), drawn(30, 40).resize((40, 30))]
    files["image/gif"] = encoded(images[0], "GIF", save_all=True, append_images=images[1:], duration=80, loop=0, comment=b"SecretComment")
    for kind, sent in files.items():
        shown = space.make(sent, kind)
        assert (shown["status"], shown["contentType"]) == ("READY", kind), shown
        read = fetch(shown["cloudfrontUrl"])
        assert opened(read).convert("RGBA").tobytes() == opened(sent).convert("RGBA").tobytes(), f"{kind}: pixel by pixel"
        assert b"Secret" not in read and len(read) < len(sent), kind
        told = {name for name in exiftool([read], tmp_path) if name.startswith(("EXIF:", "XMP:", "GIF:Comment", "File:Comment", "PNG:Comment"))}
        # The orientation is kept, with the few fields that are needed to read it.
        assert told <= {"EXIF:Orientation", "EXIF:ResolutionUnit", "EXIF:YCbCrPositioning"} and (kind != "image/jpeg" or "EXIF:Orientation" in told), (kind, told)
        small = opened(fetch(shown["thumbnails"][0]["url"]))
        assert small.size == (shown["thumbnails"][0]["width"], shown["thumbnails"][0]["height"])
        assert small.size == (shown["width"], shown["height"]), "nothing is made larger"
    turned = space.make(files["image/jpeg"])
    assert (turned["width"], turned["height"]) == (120, 160), "as it is looked at"
    upright = corners(opened(fetch(turned["thumbnails"][0]["url"])))
    assert upright[0][2] > 180 and upright[1][0] > 180, "thumbnails are turned"


@pytest.mark.parametrize("store", ["disk", "s3"])
def test_a_deleted_image_is_gone_while_its_url_is_good(make_server, store):
    server = make_server(**backends.settings("sqlite", store))
    space = Space(server)
    shown = space.make(encoded(drawn(200, 100), "JPEG"))
    urls = [shown["cloudfrontUrl"], *(small["url"] for small in shown["thumbnails"])]
    assert [send("GET", url).status for url in urls] == [200] * 3
    assert space.call("DELETE", f"/images/{shown['id']}").status == 204
    gone = [send("GET", url).status for url in urls]
    print(f"\n{store}: the same URLs right after the delete: {gone}")
    assert all(status in (403, 404) for status in gone), gone
    grant = urls[0].split("?")[1]
    key = shown["s3Key"]
    for place in (f".incoming/{'0' * 32}", f".quarantine/{shown['id']}/{'0' * 32}", f".trash/{key}", f"spaces/{space.id}/other"):
        answer = send("GET", f"{server.edge}/{place}?{grant}")
        print(f"{store}: {place.split('/')[0]} under the good signature of the space: {answer.status}")
        assert answer.status == 403, place
    assert space.call("POST", f"/images/{shown['id']}/restore").status == 200
    assert [send("GET", url).status for url in urls] == [200] * 3


def test_the_cdn_is_told_of_deletes_and_told_again(make_server):
    moto = backends.given("TEST_MOTO_URL")
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    cloudfront = boto3.client("cloudfront", endpoint_url=moto, region_name="us-east-1", **keys)
    origin = {"Id": "o", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "MinTTL": 0, "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}}
    config = {"CallerReference": "r", "Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behaviour, "Comment": "", "Enabled": True}
    distribution = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    told = {"CLOUDFRONT_DISTRIBUTION_ID": distribution, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    # Nothing listens at that address yet.
    server = make_server(**told, CLOUDFRONT_API_URL=f"http://127.0.0.1:{free_port()}")
    space = Space(server)
    images = [space.make(encoded(drawn(90 + number, 60), "JPEG")) for number in range(3)]
    for image in images:
        assert space.call("DELETE", f"/images/{image['id']}").status == 204, "a CDN that is away keeps nobody from deleting"
    disk, upload, _ = server.begin()
    part = send("PUT", server.sign(disk, upload, 1), body=b"a disk image")
    assert server.complete(disk, upload, [(1, part.headers["ETag"])]).status == 200
    disk_path = server.stream(disk)[0].removeprefix(server.edge)
    assert server.call("DELETE", f"/v1/images/{disk}").status == 204
    time.sleep(7)
    assert cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Quantity", 0) == 0
    assert counter(server, 'tidegate_invalidations_total{outcome="failed"}') >= 1
    server.stop()
    server.settings["CLOUDFRONT_API_URL"] = moto
    server.start()
    assert space.call("DELETE", "").status == 202
    deadline, paths = time.monotonic() + 60, set()
    wanted = {f"/{image['s3Key']}" for image in images} | {f"/spaces/{space.id}/pub/*", disk_path}
    while not wanted <= paths:
        assert time.monotonic() < deadline, (wanted - paths, server.log.read_text()[-2000:])
        time.sleep(0.5)
        summaries = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
        for summary in summaries:
            batch = cloudfront.get_invalidation(DistributionId=distribution, Id=summary["Id"])["Invalidation"]["InvalidationBatch"]
            paths |= set(batch["Paths"]["Items"])
    print(f"\n{len(paths)} paths in {len(summaries)} invalidations")
    assert len(paths) == 3 * 3 + 2 and len(summaries) <= 3, "gathered into batches"


def reconcile(server, *words):
    done = subprocess.run([BINARY, "reconcile", *words], env=server.settings, cwd=server.folder, capture_output=True, text=True)
    assert "panicked" not in done.stderr, done.stderr
    return done


def test_a_store_that_was_damaged_on_purpose(make_server, tmp_path):
    server = make_server(SWEEP_GRACE_SECONDS="1")
    space = Space(server)
    images = [space.make(encoded(drawn(90 + number, 60), "JPEG")) for number in range(4)]
    image, upload, _ = server.begin()
    part = send("PUT", server.sign(image, upload, 1), body=b"a disk image")
    assert server.complete(image, upload, [(1, part.headers["ETag"])]).status == 200
    assert space.call("DELETE", f"/images/{images[3]['id']}").status == 204
    assert reconcile(server).returncode == 1, "one process has the store to itself"
    server.stop()
    clean = reconcile(server)
    assert clean.returncode == 0 and "store and database agree" in clean.stdout, (clean.stdout, clean.stderr)
    root = server.folder / "data/store"

    def place(number):
        return root / images[number]["s3Key"]

    # A missing blob, a truncated one, an orphan, and one that is back at its key although it was
    # deleted.
    place(0).unlink()
    with open(place(1), "r+b") as blob:
        blob.truncate(100)
    stray = place(2).parent.parent / ("0" * 32)
    stray.mkdir()
    for tail in ("", ".meta"):
        (stray / f"image.jpg{tail}").write_bytes(place(2).with_name(place(2).name + tail).read_bytes())
    for path in (root / ".trash" / images[3]["s3Key"]).parent.iterdir():
        (root / path.relative_to(root / ".trash")).parent.mkdir(parents=True, exist_ok=True)
        path.rename(root / path.relative_to(root / ".trash"))
    time.sleep(1.5)
    found = reconcile(server)
    print(f"\n{found.stdout}")
    assert found.returncode == 1
    for finding, key in (
        ("leftover", images[3]["s3Key"]),
        ("missing", images[0]["s3Key"]), ("wrong-size", images[1]["s3Key"]), ("orphan", str(stray.relative_to(root)) + "/image.jpg")):
        assert re.search(rf"^space +{finding} +\d+  {re.escape(key)}$", found.stdout, re.M), (finding, found.stdout)
    assert len(re.findall(r"^space +(missing|wrong-size|orphan) ", found.stdout, re.M)) == 3
    assert len(re.findall(r"^space +leftover ", found.stdout, re.M)) == 3, "the image and its thumbnails"
    assert "nothing was changed" in found.stdout and (stray / "image.jpg").exists()
    metrics = reconcile(server, "--format", "prometheus", "--kind", "space").stdout
    assert 'tidegate_reconcile_findings{owner="space",finding="missing"} 1\n' in metrics, metrics
    assert "disks" not in metrics and "\ntidegate_reconcile_failed 0\n" in metrics
    # The bytes of a deleted image whose record is incomplete may be the only copy, so they stay.
    with sqlite3.connect(server.folder / "data/tidegate.db") as database:
        (deleted,) = database.execute("SELECT id FROM objects WHERE object_key = ?", (images[3]["s3Key"],)).fetchone()
        assert database.execute("UPDATE uploads SET object_id = x'00' WHERE object_id = ?", (deleted,)).rowcount == 1
    aside = reconcile(server, "--quarantine")
    assert "1 put aside" in aside.stdout and "0 left of deletes taken away" in aside.stdout, aside.stdout
    assert "nothing was done about it: the object's record is incomplete" in aside.stdout and place(3).exists(), aside.stdout
    with sqlite3.connect(server.folder / "data/tidegate.db") as database:
        database.execute("UPDATE uploads SET object_id = ? WHERE object_id = x'00'", (deleted,))
    aside = reconcile(server, "--quarantine")
    assert "3 left of deletes taken away" in aside.stdout, aside.stdout
    assert not place(3).exists() and (root / ".trash" / images[3]["s3Key"]).exists(), "as the delete would have done it"
    assert not (stray / "image.jpg").exists()
    kept = list((root / ".quarantine/orphans").rglob("image.jpg"))
    assert len(kept) == 1 and kept[0].read_bytes() == place(2).read_bytes()
    again = reconcile(server, "--kind", "space")
    assert "orphan" not in again.stdout and "missing" in again.stdout
    # Neither the sweep nor an early purge removes the orphan.
    server.start()
    time.sleep(1)
    assert space.call("GET", f"/images/{images[2]['id']}").status == 200
    back = space.call("POST", f"/images/{images[3]['id']}/restore")
    assert back.status == 200 and fetch(back.json()["cloudfrontUrl"]), "what was put aside of a deleted image can still be brought back"
    server.stop()
    assert kept[0].exists()
    assert reconcile(server, "--purge").returncode == 1 and kept[0].exists()
    day = kept[0].relative_to(root / ".quarantine/orphans").parts[0]
    (root / ".quarantine/orphans" / day).rename(root / ".quarantine/orphans/2020-01-01")
    purged = reconcile(server, "--purge")
    assert "1 removed" in purged.stdout, purged.stdout
    assert not list((root / ".quarantine/orphans").rglob("image.jpg"))


def test_store_and_database_on_s3_and_postgres_agree_and_do_not(make_server):
    chosen = backends.settings("postgres", "s3")
    server = make_server(**chosen, SWEEP_GRACE_SECONDS="1")
    space = Space(server)
    image = space.make(encoded(drawn(90, 60), "JPEG"))
    client = backends.s3_client()
    # While the server is running.
    assert reconcile(server).returncode == 0
    client.put_object(Bucket=chosen["S3_BUCKET"], Key=f"spaces/{space.id}/pub/stray.jpg", Body=b"x")
    client.put_object(Bucket=chosen["S3_BUCKET"], Key="somebody-elses/stray.jpg", Body=b"x")
    client.delete_object(Bucket=chosen["S3_BUCKET"], Key=image["s3Key"])
    time.sleep(2)
    found = reconcile(server)
    assert found.returncode == 1
    assert "stray.jpg" in found.stdout and image["s3Key"] in found.stdout and "somebody" not in found.stdout, found.stdout
    assert "1 put aside" in reconcile(server, "--quarantine").stdout
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=chosen["S3_BUCKET"])["Contents"]]
    assert any(key.startswith(".quarantine/orphans/") and key.endswith("/pub/stray.jpg") for key in keys), keys


def test_a_worker_killed_while_it_imports(make_server, tmp_path):
    """The source objects stay unchanged, and each image is created once."""
    chosen = backends.settings("postgres", "s3")
    token = "service-token-of-32-characters-or-more"
    server = make_server(**chosen, IMPORT_PREFIXES="generated/", AUTH_MODE="jwt", AUTH_OWN_TOKENS="true", AUTH_SERVICE_TOKEN=token)
    client = backends.s3_client()
    keys = [f"generated/{number}.jpg" for number in range(12)]
    data = encoded(drawn(900, 700), "JPEG", quality=95)
    for key in keys:
        client.put_object(Bucket=chosen["S3_BUCKET"], Key=key, Body=data)
    headers = {"X-Service-Token": token, "X-User-Id": "ann", "Content-Type": "application/json"}

    def call(method, path, body=None):
        return send(method, server.api + path, headers, None if body is None else json.dumps(body).encode())

    space = call("POST", "/api/spaces", {"name": "generated"}).json()["id"]
    begun = call("POST", f"/api/spaces/{space}/images/import", {"s3Key": keys})
    assert begun.status == 202 and len(begun.json()["images"]) == 12, begun.body
    time.sleep(0.15)
    server.stop(signal.SIGKILL)
    server.start()
    deadline = time.monotonic() + 90
    while len(listed := call("GET", f"/api/spaces/{space}/images").json()["images"]) < 12:
        assert time.monotonic() < deadline, call("GET", f"/api/spaces/{space}/images?status=ALL").body
        time.sleep(0.3)
    assert sorted(image["name"] for image in listed) == sorted(key.split("/")[1] for key in keys)
    assert call("GET", f"/api/spaces/{space}").json()["imageCount"] == 12
    for key in keys:
        assert client.get_object(Bucket=chosen["S3_BUCKET"], Key=key)["Body"].read() == data


def test_the_start_page(make_server, tmp_path):
    server = make_server()
    page = send("GET", server.api + "/start")
    text = page.body.decode()
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for said in (server.api, server.edge, server.s3, "Tidegate", "answers", "/docs/", "/redoc", "Spaces"):
        assert said in text, said
    assert "<script" not in text
    for path in re.findall(r'href="(/[^"]*)"', text):
        assert send("GET", server.api + path, {"Accept": "text/html"}).status == 200, path
    shot = tmp_path / "page.png"
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}", "--window-size=900,900", f"--user-data-dir={tmp_path}/chromium", server.api + "/start"],
        capture_output=True, text=True, timeout=60,
    )
    assert shot.exists() and opened(shot.read_bytes()).size == (900, 900), done.stderr
    assert "Refused to" not in done.stderr, done.stderr
