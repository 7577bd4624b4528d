"""Tests image and video processing in sessions with other programs (Pillow, exiftool, ffprobe), for
valid files of every form and for hostile ones."""

import io
import itertools
import json
import os
import struct
import subprocess
import time
import zlib

from PIL import Image, ImageCms, ImageSequence

from server import send
from sessions import CORNERS, Session, corners, drawn, encoded, exif, exiftool, fetch, ffmpeg, near, opened

# The tags that exiftool may find in a processed image: its size, its encoding and its colour
# profile.
HARMLESS = {"MIMEType", "ImageWidth", "ImageHeight", "EncodingProcess", "BitsPerSample", "ColorComponents", "YCbCrSubSampling",
            "JFIFVersion", "ResolutionUnit", "XResolution", "YResolution", "VP8Version", "HorizontalScale", "VerticalScale",
            "BitDepth", "ColorType", "Compression", "Filter", "Interlace", "WebP_Flags", "AlphaPreprocessing", "AlphaFilter",
            "AlphaCompression", "AlphaFiltering", "AlphaPreprocess", "AnimationFrameCount", "Duration", "AnimationLoopCount", "BackgroundColor"}  # fmt: skip


def check_bare(data, tmp_path):
    check_all_bare([data], tmp_path)


def check_all_bare(files, tmp_path):
    names = {name for name in exiftool(files, tmp_path) if not name.startswith("ICC_Profile:")}
    assert not {name for name in names if name.split(":")[1] not in HARMLESS}, names
    for data in files:
        for text in (b"SecretMaker", b"Exif\0\0", b"http://ns.adobe.com", b"GPS"):
            assert text not in data, text


def test_all_eight_orientations_come_out_upright_and_bare(server, tmp_path):
    """Covers photos with every chroma subsampling, of even and odd sizes."""
    session, sent = Session(server), []
    turns = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
             6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}  # fmt: skip
    for orientation, sampling, size in itertools.product(range(1, 9), ("4:4:4", "4:2:2", "4:2:0"), ((640, 400), (643, 401))):
        image = drawn(*size)
        seen = image.transpose(turns[orientation]) if orientation in turns else image
        data = encoded(seen, "JPEG", quality=92, subsampling=sampling, exif=exif(orientation))
        sent.append((session.send(data, "image/jpeg", "IMG.JPG").json()["id"], size, (orientation, sampling)))
    made = []
    for media, size, what in sent:
        shown = session.ended(media)
        assert shown["status"] == "COMPLETED", (what, shown)
        assert (shown["width"], shown["height"]) == size, what
        data = fetch(shown["url"])
        image = opened(data)
        assert image.size == size and near(corners(image), CORNERS), (what, corners(image))
        made.append(data)
        for variant in shown["variants"]:
            small = fetch(variant["url"])
            assert near(corners(opened(small)), CORNERS, 32), (what, variant["name"], corners(opened(small)))
            made.append(small)
        assert {variant["name"] for variant in shown["variants"]} == {"320.jpg", "320.webp", "1280.jpg", "1280.webp"}
    check_all_bare(made, tmp_path)


def test_other_forms_keep_their_colours(server, tmp_path):
    session, image = Session(server), drawn(320, 200)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    forms = {
        "grey jpeg": (encoded(image.convert("L"), "JPEG", quality=95), "image/jpeg", "JPEG"),
        "progressive jpeg": (encoded(image, "JPEG", quality=95, progressive=True), "image/jpeg", "JPEG"),
        "cmyk jpeg": (encoded(image.convert("CMYK"), "JPEG", quality=95), "image/jpeg", "JPEG"),
        "jpeg with a profile": (encoded(image, "JPEG", quality=95, icc_profile=srgb), "image/jpeg", "JPEG"),
        "png": (encoded(image, "PNG"), "image/png", "JPEG"),
        "png of few colours": (encoded(image.convert("P"), "PNG"), "image/png", "JPEG"),
        "png with a profile": (encoded(image, "PNG", icc_profile=srgb), "image/png", "JPEG"),
        "webp": (encoded(image, "WEBP", quality=95), "image/webp", "JPEG"),
        "lossless webp": (encoded(image, "WEBP", lossless=True), "image/webp", "JPEG"),
        "gif": (encoded(image.convert("P"), "GIF"), "image/gif", "JPEG"),
        "turned png": (encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif(6)), "image/png", "JPEG"),
        "turned webp": (encoded(image.transpose(Image.Transpose.ROTATE_90), "WEBP", lossless=True, exif=exif(6)), "image/webp", "JPEG"),
    }  # fmt: skip
    for what, (data, kind, form) in forms.items():
        shown = session.make(data, kind)
        assert shown["status"] == "COMPLETED", (what, shown)
        made = fetch(shown["url"])
        assert opened(made).format == form, what
        wanted = [tuple(round(0.299 * r + 0.587 * g + 0.114 * b) for _ in range(3)) for r, g, b in CORNERS] if what == "grey jpeg" else CORNERS
        assert opened(made).size == (320, 200) and near(corners(opened(made)), wanted), (what, corners(opened(made)))
        check_bare(made, tmp_path)
        for variant in shown["variants"]:
            assert near(corners(opened(fetch(variant["url"]))), wanted, 32), (what, variant["name"])


def test_wide_colours_stay_what_they_were(server):
    """Uses a profile with red and green swapped, so that a program that ignores it shows other
    colours."""
    # Built from Pillow's sRGB profile by swapping its colorants.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    tags = {bytes(profile[132 + 12 * n : 136 + 12 * n]): struct.unpack_from(">II", profile, 136 + 12 * n) for n in range(count)}
    (red, size), (green, _) = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + size], profile[green : green + size] = profile[green : green + size], profile[red : red + size]
    profile, image = bytes(profile), drawn(320, 200)
    swapped = [(g, r, b) for r, g, b in CORNERS]
    session = Session(server)
    for kind, form in (("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/webp", "WEBP")):
        options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "PNG": {}}[form]
        shown = session.make(encoded(image, form, icc_profile=profile, **options), kind)
        assert shown["status"] == "COMPLETED", shown
        for url in [shown["url"]] + [variant["url"] for variant in shown["variants"]]:
            made = opened(fetch(url))
            if made.info.get("icc_profile"):
                source = ImageCms.ImageCmsProfile(io.BytesIO(made.info["icc_profile"]))
                made = ImageCms.profileToProfile(made, source, ImageCms.createProfile("sRGB"))
            assert near(corners(made), swapped, 32), (form, url.split("?")[0], corners(made))


def test_sixteen_bits_become_eight(server):
    session = Session(server)
    rows = b"".join(b"\0" + b"".join(struct.pack(">HHH", x * 257, y * 257, 0x8000) for x in range(0, 256, 2)) for y in range(128))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 128, 128, 16, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    shown = session.make(png, "image/png")
    made = opened(fetch(shown["url"]))
    assert made.size == (128, 128) and near([made.getpixel((100, 50))], [(200, 50, 128)]), made.getpixel((100, 50))


def test_what_is_transparent_or_moves_stays_so(server, tmp_path):
    session = Session(server)
    glass = drawn(200, 120, "RGBA")
    glass.putalpha(Image.linear_gradient("L").resize(glass.size))
    for kind, form in (("image/png", "PNG"), ("image/webp", "WEBP")):
        shown = session.make(encoded(glass, form, **({"lossless": True} if form == "WEBP" else {})), kind)
        made = fetch(shown["url"])
        assert opened(made).format == form and opened(made).mode == "RGBA", shown
        assert abs(opened(made).getpixel((100, 60))[3] - glass.getpixel((100, 60))[3]) < 8
        check_bare(made, tmp_path)
        assert {variant["name"] for variant in shown["variants"]} == {"320.png", "320.webp", "1280.png", "1280.webp"}
    frames = [drawn(160, 100).rotate(angle) for angle in (0, 90, 180, 270)]
    for kind, form, made_form in (("image/gif", "GIF", "GIF"), ("image/png", "PNG", "WEBP"), ("image/webp", "WEBP", "WEBP")):
        moving = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=[100, 200, 300, 400], loop=0)
        shown = session.make(moving, kind)
        assert shown["status"] == "COMPLETED", (form, shown)
        made = fetch(shown["url"])
        image = opened(made)
        assert (image.format, image.n_frames) == (made_form, 4), form
        for seen, frame in zip(ImageSequence.Iterator(image), frames):
            assert near(corners(seen), corners(frame), 40), form
        for variant in shown["variants"]:
            assert near(corners(opened(fetch(variant["url"]))), CORNERS, 40), (form, variant["name"])


def bomb(width, height, extra=b""):
    """Returns a PNG that declares a huge size but holds only one row."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def swollen(kind, head):
    data = head + zlib.compress(b"a" * (400 << 20), 9)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_bombs_cost_one_job_and_not_the_server(server):
    session = Session(server)
    frame = drawn(1000, 1000, "P")
    many = encoded(frame, "GIF", save_all=True, append_images=[frame.rotate(n % 360) for n in range(1, 120)], duration=20)
    huge_jpeg = bytearray(encoded(drawn(64, 64), "JPEG"))
    at = huge_jpeg.index(b"\xff\xc0")
    huge_jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    bombs = {
        "png of 65,500 by 65,500": (bomb(65_500, 65_500), "image/png", "at most"),
        "png of no pixels": (bomb(0, 10), "image/png", "damaged"),
        "jpeg of 65,500 by 65,500": (bytes(huge_jpeg), "image/jpeg", "at most"),
        "gif of 120 megapixels": (many, "image/gif", "too long"),
        "png with 400 MiB of text": (bomb(100, 100, swollen(b"zTXt", b"Comment\0\0")), "image/png", None),
        "png with a profile of 400 MiB": (bomb(100, 100, swollen(b"iCCP", b"p\0\0")), "image/png", None),
        "animation of two thousand million frames": (
            bomb(100, 100, struct.pack(">I", 8) + b"acTL" + struct.pack(">II", 0x7FFF_FFFF, 0) + struct.pack(">I", zlib.crc32(b"acTL" + struct.pack(">II", 0x7FFF_FFFF, 0)))),
            "image/png", None),
    }  # fmt: skip
    for what, (data, kind, reason) in bombs.items():
        shown = session.make(data, kind)
        assert shown["status"] == "REJECTED", (what, shown)
        assert reason is None or reason in shown["reason"], (what, shown["reason"])
    assert server.memory("VmHWM") < 400, "what a decoder takes, the server does not"
    good = session.make(encoded(drawn(64, 64), "JPEG"), "image/jpeg")
    assert good["status"] == "COMPLETED"


def test_files_that_end_early_are_rejected(server):
    session, image = Session(server), drawn(500, 300)
    forms = {"image/jpeg": encoded(image, "JPEG", quality=90), "image/png": encoded(image, "PNG"), "image/gif": encoded(image.convert("P"), "GIF"),
             "image/webp": encoded(image, "WEBP", quality=90)}  # fmt: skip
    progressive = encoded(image, "JPEG", quality=90, progressive=True)
    sent = []
    for kind, data in [*forms.items(), ("image/jpeg", progressive)]:
        # In some formats the last bytes only mark the end, so that a file without them is complete.
        for cut in range(0, 63):
            answer = session.send(data[: len(data) * cut // 64], kind)
            if answer.status == 200:
                sent.append((answer.json()["id"], kind, cut))
            else:
                assert answer.status == 400, answer.body
    assert len(sent) > 250
    for media, kind, cut in sent:
        shown = session.ended(media)
        assert shown["status"] == "REJECTED", (kind, cut, shown)
        assert shown["reason"] and send("GET", shown["url"]).status == 409


def test_two_in_one_come_out_as_one(server):
    """A file that is valid in a second format is only an image after processing."""
    session, image = Session(server), encoded(drawn(200, 100), "JPEG")
    zipped = io.BytesIO()
    import zipfile

    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("evil.html", "<script>alert(1)</script>")
    polyglots = {
        "jpeg and zip": image + zipped.getvalue(),
        "jpeg and html": image[:2] + b"\xff\xfe" + struct.pack(">H", 2 + 27) + b"<script>alert(1)</script>--" + image[2:],
        "jpeg and php": image + b"<?php system($_GET[0]); ?>",
    }
    for what, data in polyglots.items():
        shown = session.make(data, "image/jpeg")
        assert shown["status"] == "COMPLETED", (what, shown)
        made = fetch(shown["url"])
        for text in (b"PK\x03\x04", b"<script", b"<?php"):
            assert text not in made, (what, text)


def video(tmp_path, name, *words):
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=640x360:rate=25:duration=3", "-f", "lavfi", "-i", "sine=duration=3", "-pix_fmt", "yuv420p",
           "-metadata", "location=+52.5200+013.4050/", "-metadata", "com.apple.quicktime.make=SecretMaker", "-metadata", "comment=SecretMaker",
           "-metadata:s:v", "title=SecretMaker", *words, path)  # fmt: skip
    return path.read_bytes()


def probed(data, tmp_path):
    path = tmp_path / "probed"
    path.write_bytes(data)
    told = subprocess.run(["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path], capture_output=True, check=True)
    return json.loads(told.stdout)


def test_videos_lose_what_was_said_of_them_and_nothing_else(server, tmp_path):
    session = Session(server)
    forms = {
        "video/mp4": video(tmp_path, "a.mp4", "-c:v", "libx264", "-c:a", "aac", "-movflags", "use_metadata_tags"),
        "video/quicktime": video(tmp_path, "a.mov", "-c:v", "libx264", "-c:a", "aac", "-movflags", "use_metadata_tags"),
        "video/webm": video(tmp_path, "a.webm", "-c:v", "libvpx", "-c:a", "libvorbis"),
    }
    for kind, data in forms.items():
        assert b"SecretMaker" in data
        shown = session.make(data, kind)
        assert shown["status"] == "COMPLETED", (kind, shown)
        assert (shown["width"], shown["height"], shown["contentType"]) == (640, 360, kind)
        assert 2900 <= shown["duration"] <= 3300, shown["duration"]
        made = fetch(shown["url"])
        assert b"SecretMaker" not in made and b"+52.5200" not in made, kind
        if kind != "video/webm":
            assert made.index(b"moov") < made.index(b"mdat"), "the index comes first"
        streams = probed(made, tmp_path)["streams"]
        assert [stream["codec_type"] for stream in streams] == ["video", "audio"]
        names = {variant["name"] for variant in shown["variants"]}
        assert names == {"poster.jpg", "320.jpg", "320.webp", "1280.jpg", "1280.webp"}
        poster = next(variant for variant in shown["variants"] if variant["name"] == "poster.jpg")
        assert opened(fetch(poster["url"])).size == (640, 360) and shown["blurhash"]


def test_videos_that_are_none(server, tmp_path):
    session = Session(server)
    whole = video(tmp_path, "a.mp4", "-c:v", "libx264", "-c:a", "aac")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", tmp_path / "sound.mp4")
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    cases = {
        "cut in half": (whole[: len(whole) // 2], "video/mp4"),
        "sound only": ((tmp_path / "sound.mp4").read_bytes(), "video/mp4"),
        "nothing but a head": (whole[:40], "video/mp4"),
        "a playlist": (playlist, "video/mp4"),
        "a playlist behind a head": (whole[:32] + playlist, "video/mp4"),
        "another container": (whole, "video/webm"),
    }
    for what, (data, kind) in cases.items():
        shown = session.make(data, kind)
        assert shown["status"] == "REJECTED", (what, shown)
    assert list((server.folder / "data/work").iterdir()) == [], "no copy is left"


def test_without_ffmpeg_a_video_fails_and_can_be_retried(make_server, tmp_path):
    server = make_server(FFMPEG_PATH="off")
    session, data = Session(server), video(tmp_path, "a.mp4", "-c:v", "libx264", "-c:a", "aac")
    shown = session.make(data, "video/mp4")
    assert shown["status"] == "SCAN_FAILED" and "no ffmpeg" in shown["reason"], shown
    assert send("GET", shown["url"]).status == 409
    server.stop()
    del server.settings["FFMPEG_PATH"]
    server.start()
    retried = session.call("POST", f"/media/{shown['id']}/retry")
    assert retried.status == 200, retried.body
    assert session.ended(shown["id"])["status"] == "COMPLETED"


def test_an_ffmpeg_that_hangs_is_ended(make_server, tmp_path):
    """A program that never ends replaces ffmpeg. The job is retried, and nothing is served."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (programs / name).write_text("#!/bin/sh\n[ \"$1\" = -version ] && exit 0\nexec sleep 600\n")
        (programs / name).chmod(0o755)
    server = make_server(FFMPEG_PATH=str(programs), MEDIA_VIDEO_SECONDS="1")
    session = Session(server)
    answer = session.send(video(tmp_path, "a.mp4", "-c:v", "libx264", "-c:a", "aac"), "video/mp4").json()
    deadline = time.monotonic() + 30
    while server.log.read_text().count("hangs") < 2:
        assert time.monotonic() < deadline, server.log.read_text()[-2000:]
        shown = session.show(answer["id"])
        assert shown["status"] in ("UPLOADED", "SCANNING", "PROCESSING") and send("GET", shown["url"]).status == 409
        time.sleep(0.1)
    assert len(list((server.folder / "data/work").glob("*"))) <= 1, "each try cleans up"
    server.stop()
    left = subprocess.run(["pgrep", "-f", f"{programs}/ff"], capture_output=True, text=True).stdout
    assert left == "", "no process is left behind"


def test_a_decoder_that_is_killed_costs_an_attempt(make_server, tmp_path):
    """A decoder that is killed from outside is not the image's fault, and the job is retried."""
    server = make_server()
    session = Session(server)
    # Those of this server: other tests have decoders of their own.
    killer = subprocess.Popen(["bash", "-c", f"while :; do pkill -9 -P {server.process.pid} -f __decode-image; done"])
    answer = session.send(encoded(drawn(3000, 2000), "PNG"), "image/png").json()
    try:
        deadline = time.monotonic() + 30
        while "it ended with signal: 9" not in server.log.read_text():
            assert time.monotonic() < deadline, "no decoder was killed"
            assert session.show(answer["id"])["status"] in ("UPLOADED", "SCANNING", "PROCESSING")
    finally:
        killer.kill()
        killer.wait()
    shown = session.ended(answer["id"])
    assert shown["status"] == "COMPLETED", shown
    assert os.path.exists(server.log)
