"""Tests media as cameras, phones and programs really write it: deviations that every viewer accepts
must be accepted, and must look as they do in a viewer. Each test covers one kind."""

import struct
import subprocess
import zlib

import pytest
from PIL import Image, ImageCms

from server import send
from sessions import CORNERS, Session, corners, drawn, encoded, fetch, ffmpeg, near, opened
from test_films import H264, MOV, MP4, PICTURE, SOUND, WEBM, ffprobe, streams
from test_spaces import Space

JUNK = b"SecretPlace and more than a decoder reads ahead"


def segments(jpeg):
    """Yields the offset and the marker of each JPEG segment up to the first scan."""
    at = 2
    while True:
        marker, length = jpeg[at + 1], struct.unpack_from(">H", jpeg, at + 2)[0]
        yield at, marker
        if marker == 0xDA:
            return
        at += 2 + length


def place(jpeg, marker):
    return next(at for at, found in segments(jpeg) if found == marker)


def replaced(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def with_segment(jpeg, marker, body):
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def odd_jpegs():
    image = drawn(192, 128)
    plain = encoded(image, "JPEG", quality=92)
    progressive = encoded(image, "JPEG", quality=92, progressive=True)
    restarts = encoded(image, "JPEG", quality=92, restart_marker_blocks=4)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    scan = place(plain, 0xDA)
    header = struct.unpack_from(">H", plain, scan + 2)[0]
    half = len(srgb) // 2
    icc = lambda number, count, data: b"ICC_PROFILE\0" + bytes([number, count]) + data
    first = restarts.index(b"\xff\xd0")
    return {
        "scan parameters of zero, as cameras write": replaced(plain, scan + 2 + header - 3, b"\0\0\0"),
        "junk before a table": plain[: place(plain, 0xDB)] + JUNK + plain[place(plain, 0xDB) :],
        "junk before a frame": progressive[: place(progressive, 0xC2)] + JUNK + progressive[place(progressive, 0xC2) :],
        "junk before the end": plain[:-2] + JUNK + plain[-2:],
        "junk after the end": plain + JUNK,
        "an unknown version of JFIF": replaced(plain, 11, b"\0\0"),
        "a profile twice": with_segment(with_segment(plain, 0xE2, icc(1, 1, srgb)), 0xE2, icc(1, 1, srgb)),
        "a profile numbered from 0": with_segment(with_segment(plain, 0xE2, icc(1, 2, srgb[half:])), 0xE2, icc(0, 2, srgb[:half])),
        "junk before a restart marker": restarts[:first] + JUNK + restarts[first:],
        "a restart marker too many": restarts[:-2] + b"\xff\xd5" + restarts[-2:],
        "an unknown Adobe transform": with_segment(plain, 0xEE, b"Adobe\0\x64\0\0\0\0\x07"),
    }


def test_jpegs_that_decoders_warn_about(server):
    session, space = Session(server), Space(server)
    for what, data in odd_jpegs().items():
        shown = session.make(data, "image/jpeg")
        assert shown["status"] == "COMPLETED", (what, shown)
        made = fetch(shown["url"])
        assert opened(made).size == (192, 128) and near(corners(opened(made)), CORNERS), what
        assert JUNK not in made, what
        # A gallery keeps every pixel.
        kept = space.make(data)
        assert kept["status"] == "READY", (what, kept)
        made = fetch(kept["cloudfrontUrl"])
        assert near(corners(opened(made)), CORNERS, 6) and JUNK not in made, what
        reference = opened(data)
        reference.load()
        assert opened(made).convert("RGB").tobytes() == reference.convert("RGB").tobytes(), what


def test_jpegs_that_lost_data_stay_rejected(server):
    """A harmless deviation hides no damage: the decoder reports only its first warning."""
    session, refused = Session(server), 0
    for what, data in odd_jpegs().items():
        for cut in (len(data) // 2, len(data) * 9 // 10):
            shown = session.make(data[:cut] + b"\xff\xd9" if cut % 2 else data[:cut], "image/jpeg")
            if JUNK in data[cut:] and what.startswith("junk after"):
                continue
            assert shown["status"] == "REJECTED" and "damaged or incomplete" in shown["reason"], (what, cut, shown)
            refused += 1
    assert refused > 15


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, before=b"", after=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")


def apng(times, size, depth=8, plays=0):
    """Returns an animation of opaque frames, one shade each. `times` are numerators and denominators."""
    frames, number = [], 0
    for at, (numerator, denominator) in enumerate(times):
        pixel = struct.pack(">BBBB" if depth == 8 else ">HHHH", *(value if depth == 8 else value * 257 for value in (20 + 50 * at, 60, 90, 255)))
        data = zlib.compress((b"\0" + pixel * size) * size)
        frames.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, size, size, 0, 0, numerator, denominator, 0, 0)))
        number += 1
        if at == 0:
            frames.append(chunk(b"IDAT", data))
        else:
            frames.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    header = struct.pack(">IIBBBBB", size, size, depth, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"acTL", struct.pack(">II", len(times), plays)) + b"".join(frames) + chunk(b"IEND", b"")


def timing(data):
    image, times = opened(data), []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        times.append(round(image.info["duration"]))
    return times, image.info.get("loop")


def test_animations_keep_every_time_and_their_loops(server):
    session = Session(server)
    shades = [Image.new("RGBA", (32, 32), (20 + 50 * at, 60, 90, 255)) for at in range(4)]
    times = [100, 40, 100, 3000]
    webp = encoded(shades[0], "WEBP", save_all=True, append_images=shades[1:], duration=times, loop=3, lossless=True)
    gif = encoded(shades[0].convert("RGB"), "GIF", save_all=True, append_images=[shade.convert("RGB") for shade in shades[1:]], duration=times, loop=3)
    for what, data, kind in (
        ("APNG", apng([(1, 10), (4, 100), (10, 0), (3, 1)], 32, plays=3), "image/png"),
        ("APNG with 16 bits", apng([(1, 10), (4, 100), (10, 0), (3, 1)], 32, depth=16, plays=3), "image/png"),
        ("WebP", webp, "image/webp"),
        ("GIF", gif, "image/gif"),
    ):
        shown = session.make(data, kind)
        assert shown["status"] == "COMPLETED", (what, shown)
        made = fetch(shown["url"])
        assert timing(made) == (times, 3), (what, timing(made))
        assert near([opened(made).convert("RGB").getpixel((9, 9))], [(20, 60, 90)], 8), what


def test_a_frame_beyond_the_canvas_is_cropped(server):
    first, second = Image.new("P", (40, 30), 1), Image.new("P", (30, 20), 2)
    palette = [0, 0, 0, 230, 30, 30, 30, 200, 30] + [0] * 759
    for image in (first, second):
        image.putpalette(palette)
    gif = bytearray(encoded(first, "GIF", save_all=True, append_images=[second.resize((40, 30))], duration=[100, 200], loop=0, optimize=False))
    # Move the second frame beyond the right and lower edge.
    at = gif.rindex(b"\x2c\0\0\0\0")
    struct.pack_into("<HH", gif, at + 1, 20, 10)
    shown = Session(server).make(bytes(gif), "image/gif")
    assert shown["status"] == "COMPLETED" and (shown["width"], shown["height"]) == (40, 30), shown
    made = opened(fetch(shown["url"]))
    assert made.size == (40, 30) and timing(fetch(shown["url"]))[0] == [100, 200]
    made.seek(1)
    seen = made.convert("RGB")
    assert near([seen.getpixel((5, 5)), seen.getpixel((35, 25))], [(230, 30, 30), (30, 200, 30)])


def test_transparency_is_masked_to_the_depth(server):
    """The transparent grey value has bits beyond its depth, which decoders ignore."""
    for depth, value in ((1, 0x0F01), (2, 0xFFFD), (4, 0x0015)):
        rows = b"".join(b"\0" + b"\x55" * (32 * depth // 8) for _ in range(32))
        shown = Session(server).make(png(32, 32, depth, 0, rows, chunk(b"tRNS", struct.pack(">H", value))), "image/png")
        assert shown["status"] == "COMPLETED" and shown["contentType"] == "image/png", (depth, shown)
        assert opened(fetch(shown["url"])).convert("RGBA").getextrema()[3][0] == 0, depth


def oriented(kind, count, value, big_endian=True, prefix=b""):
    order = ">" if big_endian else "<"
    entry = struct.pack(order + "HHHI", 1, 0x0112, kind, count) + value
    return prefix + (b"MM" if big_endian else b"II") + struct.pack(order + "HI", 42, 8) + entry + struct.pack(order + "I", 0)


def test_every_form_of_an_orientation_is_applied(server):
    """As exiftool, libvips and Pillow read it; a gallery keeps it for its viewers."""
    session, space = Session(server), Space(server)
    stored = drawn(192, 128).transpose(Image.Transpose.ROTATE_90)
    forms = {
        "a LONG": oriented(4, 1, struct.pack(">I", 6)),
        "a LONG, little-endian": oriented(4, 1, struct.pack("<I", 6), big_endian=False),
        "two values": oriented(3, 2, struct.pack(">HH", 6, 1)),
        "a prefix": oriented(3, 1, struct.pack(">HH", 6, 0), prefix=b"Exif\0\0"),
        "a SHORT": oriented(3, 1, struct.pack(">HH", 6, 0)),
    }
    for what, data in forms.items():
        for form, kind in (("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("PNG", "image/png")):
            if form == "JPEG":
                prefixed = data if data.startswith(b"Exif") else b"Exif\0\0" + data
                sent = encoded(stored, form, quality=95, exif=prefixed)
            elif form == "WEBP":
                sent = webp_with_exif(encoded(stored, form, lossless=True, exif=oriented(3, 1, b"\0\1\0\0")), data)
            else:
                plain = encoded(stored, form)
                sent = plain[:33] + chunk(b"eXIf", data) + plain[33:]
            shown = session.make(sent, kind)
            assert shown["status"] == "COMPLETED" and (shown["width"], shown["height"]) == (192, 128), (what, form, shown)
            assert near(corners(opened(fetch(shown["url"]))), CORNERS), (what, form)
            kept = space.make(sent, kind)
            assert kept["status"] == "READY" and (kept["width"], kept["height"]) == (192, 128), (what, form, kept)
            original = opened(fetch(kept["cloudfrontUrl"]))
            assert original.size == (128, 192) and original.getexif()[0x0112] == 6, (what, form)


def webp_with_exif(webp, exif_data):
    at = webp.index(b"EXIF")
    length = struct.unpack_from("<I", webp, at + 4)[0]
    padded = exif_data + b"\0" * (len(exif_data) % 2)
    body = webp[8:at] + b"EXIF" + struct.pack("<I", len(exif_data)) + padded + webp[at + 8 + length + length % 2 :]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gray_profile(gamma):
    """Returns an ICC profile for grey values with a gamma."""
    curve = b"curv" + struct.pack(">II", 0, 1) + struct.pack(">H", round(gamma * 256)) + b"\0\0"
    white = b"XYZ " + struct.pack(">Iiii", 0, 0xF6D6, 0x10000, 0xD32D)
    text = b"desc" + struct.pack(">II", 0, 2) + b"g\0" + b"\0" * 78
    tags, data, at = [], b"", 128 + 4 + 3 * 12
    for name, body in ((b"kTRC", curve), (b"wtpt", white), (b"desc", text)):
        body += b"\0" * (-len(body) % 4)
        tags.append(name + struct.pack(">II", at + len(data), len(body)))
        data += body
    header = bytearray(128)
    struct.pack_into(">I", header, 0, at + len(data))
    header[8:12], header[12:16], header[16:20], header[20:24] = b"\2\x10\0\0", b"mntr", b"GRAY", b"XYZ "
    header[36:40] = b"acsp"
    struct.pack_into(">iii", header, 68, 0xF6D6, 0x10000, 0xD32D)
    return bytes(header) + struct.pack(">I", 3) + b"".join(tags) + data


def srgb_of(linear):
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


def test_colour_spaces_of_greys_and_pngs_are_applied(server):
    """The main file, its thumbnails, and the thumbnails of a gallery show the same colours."""
    session, space = Session(server), Space(server)
    gray, colour = Image.new("L", (400, 300), 128), Image.new("RGB", (400, 300), (128, 128, 128))
    before = lambda image, *chunks: encoded(image, "PNG")[:33] + b"".join(chunk(*one) for one in chunks) + encoded(image, "PNG")[33:]
    linear, half = (b"gAMA", struct.pack(">I", 100_000)), 128 / 255
    srgb_chromaticities = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for what, data, kind, wanted in (
        ("a grey JPEG with a profile", encoded(gray, "JPEG", quality=95, icc_profile=gray_profile(1.8)), "image/jpeg", srgb_of(half**1.8)),
        ("a grey PNG with a profile", encoded(gray, "PNG", icc_profile=gray_profile(1.8)), "image/png", srgb_of(half**1.8)),
        ("a linear PNG", before(colour, linear), "image/png", srgb_of(half)),
        ("a linear grey PNG", before(gray, linear), "image/png", srgb_of(half)),
        ("a linear PNG with the primaries of sRGB", before(colour, (b"cHRM", srgb_chromaticities), linear), "image/png", srgb_of(half)),
        ("a PNG whose gamma stands for sRGB", before(colour, (b"gAMA", struct.pack(">I", 45455))), "image/png", 128),
        ("a linear PNG with 16 bits, darker than one of 255", png(400, 300, 16, 2, (b"\0" + b"\0\x80" * 1200) * 300, chunk(*linear)), "image/png", srgb_of(128 / 65535)),
        ("sRGB before gAMA", before(colour, linear, (b"sRGB", b"\0")), "image/png", 128),
        ("cICP of linear light before sRGB", before(colour, (b"cICP", bytes([1, 8, 0, 1])), (b"sRGB", b"\0")), "image/png", srgb_of(half)),
        ("cICP of PQ: 203 candela per square metre are white", before(Image.new("RGB", (400, 300), (148,) * 3), (b"cICP", bytes([9, 16, 0, 1]))), "image/png", 255),
        ("chromaticities of no colours", before(colour, (b"cHRM", bytes(32)), linear), "image/png", 128),
    ):
        shown = session.make(data, kind)
        assert shown["status"] == "COMPLETED", (what, shown)
        kept = space.make(data, kind)
        assert kept["status"] == "READY", (what, kept)
        urls = [shown["url"]] + [variant["url"] for variant in shown["variants"]] + [small["url"] for small in kept["thumbnails"]]
        for url in urls:
            made = opened(fetch(url)).convert("RGB")
            pixel = made.getpixel((made.width // 2, made.height // 2))
            assert all(abs(value - wanted) <= 4 for value in pixel), (what, url.split("?")[0], pixel, wanted)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    ffmpeg(*PICTURE, *SOUND, *H264, "-c:a", "aac", path)
    return path


def check_film(session, tmp_path, path, kind, wanted_kind, sounds, frames=50):
    shown = session.make(path.read_bytes(), kind, path.name)
    assert shown["status"] == "COMPLETED" and shown["contentType"] == wanted_kind, (path.name, shown)
    made = tmp_path / "made"
    made.write_bytes(fetch(shown["url"]))
    tracks = streams(made)
    assert [track["codec_name"] for track in tracks if track["codec_type"] == "audio"] == sounds, path.name
    assert int(tracks[0]["nb_read_frames"]) == frames, path.name
    return shown, tracks[0]


def test_sound_and_video_that_the_container_does_not_hold(server, tmp_path, plain):
    session = Session(server)

    def make(name, *words):
        ffmpeg(*words, tmp_path / name)
        return tmp_path / name

    # ffmpeg writes no PCM into MP4, but cameras do: the brand of a QuickTime file is replaced.
    camera = make("camera.mov", *PICTURE, *SOUND, *H264, "-c:a", "pcm_s16be", "-brand", "isom")
    camera.write_bytes(camera.read_bytes().replace(b"ftypqt  ", b"ftypXAVC", 1))
    check_film(session, tmp_path, camera, MP4, MP4, ["aac"])
    matroska = make("recorder.mkv", "-i", plain, "-c", "copy")
    matroska.write_bytes(matroska.read_bytes().replace(b"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82\0\0", 1))
    check_film(session, tmp_path, matroska, WEBM, MP4, ["aac"])
    sound = make("sound.mkv", *PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "pcm_s16le")
    sound.write_bytes(sound.read_bytes().replace(b"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82\0\0", 1))
    check_film(session, tmp_path, sound, WEBM, WEBM, ["opus"])
    check_film(session, tmp_path, make("pcm.mov", *PICTURE, *SOUND, *H264, "-c:a", "pcm_s24le"), MOV, MOV, ["pcm_s24le"])
    theora = make("theora.mkv", *PICTURE, "-c:v", "libtheora")
    theora.write_bytes(theora.read_bytes().replace(b"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82\0\0", 1))
    refused = session.make(theora.read_bytes(), WEBM)
    assert refused["status"] == "REJECTED" and "theora in video/webm is not supported" in refused["reason"], refused


def test_a_video_is_known_by_its_structure(server, tmp_path, plain):
    session, data = Session(server), plain.read_bytes()
    for brand in (b"XAVC", b"3gp4", b"iso8", b"MSNV", b"f4v ", b"abcd"):
        path = tmp_path / f"{brand.decode().strip()}.mp4"
        path.write_bytes(replaced(data, 8, brand))
        check_film(session, tmp_path, path, MP4, MP4, ["aac"])
    for brand in (b"heic", b"avif", b"M4A "):
        assert session.make(replaced(data, 8, brand), MP4)["status"] == "REJECTED", brand


def test_times_out_of_order_are_taken_if_all_frames_decode(server, tmp_path, plain):
    """Frames with equal times, with times that go back, and at no fixed rate."""
    session = Session(server)
    steady = tmp_path / "steady.mp4"
    ffmpeg(*PICTURE, *H264, "-bf", "0", steady)
    equal = tmp_path / "equal.mp4"
    # The eleventh frame lasts no time.
    equal.write_bytes(with_durations(steady.read_bytes(), [(10, 512), (1, 0), (1, 1024), (38, 512)]))
    assert packet_times(equal)[10] == packet_times(equal)[11]
    check_film(session, tmp_path, equal, MP4, MP4, [])
    fragments = tmp_path / "fragments.mp4"
    ffmpeg("-i", steady, "-c", "copy", "-movflags", "frag_keyframe+empty_moov+default_base_moof", fragments)
    fragments.write_bytes(with_earlier_fragment(fragments.read_bytes()))
    assert packet_times(fragments) != sorted(packet_times(fragments))
    check_film(session, tmp_path, fragments, MP4, MP4, [])
    live = subprocess.run(["ffmpeg", "-v", "error", *PICTURE, "-c:v", "libvpx", "-g", "9", "-f", "webm", "-live", "1", "-"], capture_output=True, check=True).stdout
    backward = tmp_path / "backward.webm"
    backward.write_bytes(with_earlier_blocks(live))
    assert packet_times(backward) != sorted(packet_times(backward))
    _, track = check_film(session, tmp_path, backward, WEBM, WEBM, [])
    rates = tmp_path / "rates.mp4"
    ffmpeg(*PICTURE, "-vf", "select='lt(mod(n,11),3)+gt(n,40)'", "-vsync", "vfr", *H264, "-bf", "2", rates)
    check_film(session, tmp_path, rates, MP4, MP4, [], frames=int(ffprobe(rates, "-count_frames", "-show_streams")["streams"][0]["nb_read_frames"]))
    # A frame that does not decode is still refused.
    broken, frame = bytearray(equal.read_bytes()), ffprobe(equal, "-show_packets", "-select_streams", "v")["packets"][24]
    start = int(frame["pos"]) + int(frame["size"]) // 3
    broken[start : start + 60] = b"\xff" * 60
    shown = session.make(bytes(broken), MP4)
    assert shown["status"] == "REJECTED" and "damaged" in shown["reason"], shown


def packet_times(path):
    return [float(packet["dts_time"]) for packet in ffprobe(path, "-show_packets", "-select_streams", "v")["packets"]]


def with_durations(mp4, entries):
    """Returns an MP4 with other durations of its frames: pairs of a count and a duration. Its index
    must be behind its frames."""
    at = mp4.index(b"stts") - 4
    table = struct.pack(">4sII", b"stts", 0, len(entries)) + b"".join(struct.pack(">II", *entry) for entry in entries)
    old = struct.unpack_from(">I", mp4, at)[0]
    out = bytearray(mp4[:at] + struct.pack(">I", len(table) + 4) + table + mp4[at + old :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start = out.index(parent) - 4
        struct.pack_into(">I", out, start, struct.unpack_from(">I", out, start)[0] + len(table) + 4 - old)
    return bytes(out)


def with_earlier_fragment(mp4):
    """Returns a fragmented MP4 whose third fragment begins before the second one ends."""
    out, at = bytearray(mp4), -1
    for _ in range(3):
        at = out.index(b"tfdt", at + 1)
    time = struct.unpack_from(">Q", out, at + 8)[0]
    struct.pack_into(">Q", out, at + 8, time - 1024)
    return bytes(out)


def with_earlier_blocks(webm):
    """Returns a WebM in which some blocks have the time of the block before, or an earlier one."""
    out, number, at = bytearray(webm), 0, 0
    while (at := out.find(b"\xa3", at)) >= 0:
        length = 9 - out[at + 1].bit_length()
        start = at + 1 + length
        # A block of track 1 with flags.
        if length <= 8 and start + 4 < len(out) and out[start] == 0x81 and out[start + 3] in (0, 0x80):
            number += 1
            if number in (7, 8, 31):
                time = struct.unpack_from(">h", out, start + 1)[0]
                struct.pack_into(">h", out, start + 1, max(0, time - 80))
            at = start + 4
        else:
            at += 1
    assert number > 31
    return bytes(out)


def test_pixels_that_are_not_square(server, tmp_path):
    """The size, the poster and the thumbnails are those that players show."""
    session = Session(server)
    for ratio, size in (("4/3", (427, 240)), ("3/4", (320, 320))):
        path = tmp_path / "wide.mp4"
        ffmpeg(*PICTURE, "-vf", f"setsar={ratio}", *H264, path)
        shown = session.make(path.read_bytes(), MP4)
        assert shown["status"] == "COMPLETED" and (shown["width"], shown["height"]) == size, shown
        poster = next(variant for variant in shown["variants"] if variant["name"] == "poster.jpg")
        assert opened(fetch(poster["url"])).size == (poster["width"], poster["height"]) == size


def test_parameters_of_a_media_type_are_not_its_type(server, tmp_path):
    session, path = Session(server), tmp_path / "a.webm"
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "libopus", path)
    for kind in ("video/webm;codecs=vp8,opus", 'video/webm; codecs="vp8, opus"', "VIDEO/WEBM ; codecs=vp8"):
        target = session.call("POST", "/media/upload-url", {"filename": "a.webm", "contentType": kind}).json()
        headers = {header["name"]: header["value"] for header in target["headers"]}
        assert send("PUT", target["uploadUrl"], headers, path.read_bytes()).status == 200
        confirmed = session.call("POST", "/media/confirm", {"fileKey": target["fileKey"]}).json()
        shown = session.ended(confirmed["id"])
        assert (shown["status"], shown["contentType"]) == ("COMPLETED", WEBM), shown


def test_what_is_wrong_with_a_video_is_not_said_of_an_image(server, plain):
    session, data = Session(server), plain.read_bytes()
    index = data.index(b"moov")
    for what, broken in (
        ("without an index", data[: index - 4]),
        ("with a broken index", data[: index + 4] + bytes(len(data) - index - 4)),
        ("cut", data[: len(data) // 2]),
        ("empty", b"\0\0\0\x18ftypisom" + bytes(100)),
    ):
        shown = session.make(broken, MP4)
        assert shown["status"] == "REJECTED" and "image" not in shown["reason"], (what, shown)
