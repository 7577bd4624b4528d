"""A client of sessions, as the original front end behaves, and test files to upload."""

import io
import json
import os
import subprocess
import time
import uuid

from PIL import Image, ImageDraw

from server import send

ORG = {"X-User-Id": "ann", "X-Org-Id": "garage", "Content-Type": "application/json"}


class Session:
    def __init__(self, server):
        self.server, self.id = server, str(uuid.uuid4())
        made = self.call("POST", "", {"id": self.id}, below="/v1/sessions")
        assert made.status == 201, made.body

    def call(self, method, path, body=None, below=None):
        below = f"/v1/sessions/{self.id}" if below is None else below
        data = None if body is None else json.dumps(body).encode()
        return send(method, self.server.api + below + path, ORG, data)

    def send(self, data, kind, name="a"):
        """Announces, uploads and confirms a file. Returns the response to the confirmation."""
        target = self.call("POST", "/media/upload-url", {"filename": name, "contentType": kind}).json()
        put = send("PUT", target["uploadUrl"], {"Content-Type": kind}, data)
        assert put.status == 200, put.body
        return self.call("POST", "/media/confirm", {"fileKey": target["fileKey"]})

    def show(self, media):
        return self.call("GET", f"/media/{media}").json()

    def ended(self, media, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.show(media)
            if shown["status"] in ("COMPLETED", "REJECTED", "SCAN_FAILED"):
                return shown
            time.sleep(0.03)
        raise AssertionError(f"it has no end: {shown}")

    def make(self, data, kind, name="a"):
        """Uploads a file and returns the final state. A file refused at once has only a status and
        a reason."""
        answer = self.send(data, kind, name)
        if answer.status != 200:
            return {"status": "REJECTED", "reason": answer.json()["error"]["message"]}
        return self.ended(answer.json()["id"])


def fetch(url):
    answer = send("GET", url)
    assert answer.status == 200, (url, answer.status, answer.body[:200])
    return answer.body


def opened(data):
    return Image.open(io.BytesIO(data))


def drawn(width, height, mode="RGB"):
    """Draws four corners in four colours, so that every orientation is recognisable."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    w, h = width // 2, height // 2
    draw.rectangle([0, 0, w - 1, h - 1], fill=(230, 30, 30))
    draw.rectangle([w, 0, width, h - 1], fill=(30, 200, 30))
    draw.rectangle([0, h, w - 1, height], fill=(30, 30, 230))
    draw.rectangle([w, h, width, height], fill=(240, 240, 30))
    return image.convert(mode)


CORNERS = [(230, 30, 30), (30, 200, 30), (30, 30, 230), (240, 240, 30)]


def corners(image):
    """Returns the colours inside the four corners."""
    image = image.convert("RGB")
    x, y = image.width // 5, image.height // 5
    return [image.getpixel(at) for at in ((x, y), (image.width - x - 1, y), (x, image.height - y - 1), (image.width - x - 1, image.height - y - 1))]


def near(one, other, most=24):
    return all(abs(a - b) <= most for colour, wanted in zip(one, other) for a, b in zip(colour, wanted))


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation):
    """Returns Exif data with an orientation, a maker's name and a location."""
    fields = Image.Exif()
    fields[0x0112], fields[0x010F] = orientation, "SecretMaker"
    fields[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)}
    return fields


def exiftool(files, folder):
    """Returns all tag names that exiftool finds, with their groups, except those about the file
    itself."""
    paths = []
    for data in files:
        paths.append(folder / f"looked-at-{len(paths)}")
        paths[-1].write_bytes(data)
    told = subprocess.run(["exiftool", "-G", "-j", "-n", *paths], capture_output=True, text=True, check=True).stdout
    found = {name for one in json.loads(told) for name in one}
    assert len(json.loads(told)) == len(files)
    return {name for name in found if not name.startswith(("SourceFile", "ExifTool:", "Composite:", "File:File", "File:Directory"))}


def ffmpeg(*words):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], check=True, env=dict(os.environ))
