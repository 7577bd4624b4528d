"""Tests that the published video is the complete main video: not its cover, and not a truncated
part. Checks with ffprobe, for all kinds of files that ffmpeg changes without reporting an error."""

import contextlib
import fcntl
import json
import pathlib
import subprocess
import time

import pytest

from server import files_below, send
from sessions import Session, fetch, ffmpeg, opened

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
PICTURE = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2")
SOUND = ("-f", "lavfi", "-i", "sine=duration=2")
H264 = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "12")
MP4, MOV, WEBM = "video/mp4", "video/quicktime", "video/webm"


def ffprobe(path, *words):
    told = subprocess.run(["ffprobe", "-v", "error", *words, "-of", "json", path], capture_output=True, check=True)
    return json.loads(told.stdout)


def streams(path):
    return ffprobe(path, "-count_frames", "-show_streams")["streams"]


@pytest.fixture(scope="module")
def files(tmp_path_factory, worker_id):
    """Returns type and path of each test file, by name. The first worker that needs them makes them."""
    if worker_id == "master":
        return make_files(tmp_path_factory.mktemp("films"))
    folder = tmp_path_factory.getbasetemp().parent / "films"
    folder.mkdir(exist_ok=True)
    names = folder / "names.json"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not names.exists():
            made = make_files(folder)
            names.write_text(json.dumps({name: [kind, str(path)] for name, (kind, path) in made.items()}))
    return {name: (kind, pathlib.Path(path)) for name, (kind, path) in json.loads(names.read_text()).items()}


def make_files(folder):
    jpg, png = folder / "cover.jpg", folder / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:size=600x600", "-frames:v", "1", jpg)
    ffmpeg("-f", "lavfi", "-i", "color=blue:size=200x300", "-frames:v", "1", png)
    made = {}

    def make(kind, name, *words):
        ffmpeg(*words, folder / name)
        made[name] = (kind, folder / name)
        return folder / name

    cover = ("-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic")
    base = make(MP4, "plain.mp4", *PICTURE, *SOUND, *H264, "-c:a", "aac", "-movflags", "+faststart")
    mov = make(MOV, "plain.mov", *PICTURE, *SOUND, *H264, "-c:a", "aac")
    webm = make(WEBM, "plain.webm", *PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "libvorbis")
    made["cover before.mp4"] = (MP4, FIXTURES / "mp4-cover-before-track.mp4")
    make(MP4, "cover after.mp4", "-i", base, "-i", jpg, *cover)
    make(MP4, "two covers.mp4", "-i", base, "-i", jpg, "-i", png, *cover, "-map", "2", "-disposition:v:2", "attached_pic")
    make(MP4, "cover that is a track.mp4", "-i", base, "-i", jpg, "-map", "1", "-map", "0", "-c", "copy")
    make(MOV, "cover that is a track.mov", "-i", mov, "-i", png, "-map", "1", "-map", "0", "-c", "copy")
    make(MP4, "only a cover.mp4", *SOUND, "-i", jpg, "-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    make(MP4, "only a track of one picture.mp4", *SOUND, "-i", jpg, "-map", "1", "-map", "0", "-c:a", "aac", "-c:v", "copy")
    two = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1", "-map", "0:v", "-map", "1:v", "-map", "0:a", "-c:v:0", "copy", "-c:a", "copy")
    make(MP4, "two films.mp4", "-i", base, *two, "-c:v:1", "libx264", "-pix_fmt", "yuv420p")
    make(MP4, "an edit list.mp4", "-ss", "1.3", "-i", base, "-c", "copy")
    make(MP4, "fragments.mp4", "-i", base, "-c", "copy", "-movflags", "frag_keyframe+empty_moov")
    make(MP4, "without sound.mp4", *PICTURE, *H264)
    make(MP4, "no fixed rate.mp4", *PICTURE, "-vf", "select='lt(mod(n,7),2)'", "-vsync", "vfr", *H264)
    make(WEBM, "no fixed rate.webm", *PICTURE, "-vf", "select='lt(mod(n,7),2)'", "-vsync", "vfr", "-c:v", "libvpx")
    make(MP4, "one frame.mp4", *PICTURE, "-frames:v", "1", *H264)
    make(MOV, "a film of pictures.mov", *PICTURE, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    make(MP4, "long sound.mp4", *PICTURE, "-f", "lavfi", "-i", "sine=duration=9", *H264, "-c:a", "aac")
    attached = make(WEBM, "an attachment.webm", "-i", webm, "-attach", jpg, "-metadata:s:t", "mimetype=image/jpeg", "-c", "copy", "-f", "matroska")
    # ffmpeg writes no WebM with an attachment, but other programs do: set the document type and
    # fill the gap with a void element.
    attached.write_bytes(attached.read_bytes().replace(b"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82\0\0", 1))
    live = subprocess.run(["ffmpeg", "-v", "error", "-i", webm, "-c", "copy", "-f", "webm", "-"], capture_output=True, check=True).stdout
    (folder / "live.webm").write_bytes(live)
    made["live.webm"] = (WEBM, folder / "live.webm")
    options = subprocess.run(["ffmpeg", "-h", "full"], capture_output=True, text=True, check=True).stdout
    by_option = ("-display_rotation", "90", "-i", mov)
    make(MOV, "turned.mov", *(by_option if "-display_rotation" in options else ("-i", mov, "-metadata:s:v", "rotate=90")), "-c", "copy")
    return made


def film_of(path):
    """Returns the main video track, as known to this test: no cover, and more than one frame in a
    still-picture codec."""
    tracks = [one for one in streams(path) if one["codec_type"] == "video" and not one["disposition"]["attached_pic"]]
    tracks = [one for one in tracks if one["codec_name"] in ("h264", "vp8") or int(one["nb_read_frames"]) > 1]
    return tracks[0]


def test_the_film_is_published_and_nothing_else_is(server, files, tmp_path):
    session = Session(server)
    for name, (kind, path) in files.items():
        if name.startswith("only"):
            continue
        shown = session.make(path.read_bytes(), kind, name)
        assert shown["status"] == "COMPLETED", (name, shown)
        made = tmp_path / "made"
        made.write_bytes(fetch(shown["url"]))
        tracks, wanted = streams(made), film_of(path)
        sounds = [one["codec_name"] for one in streams(path) if one["codec_type"] == "audio"]
        assert [one["codec_type"] for one in tracks] == ["video"] + ["audio"] * len(sounds), name
        for fact in ("codec_name", "width", "height", "nb_read_frames"):
            assert tracks[0][fact] == wanted[fact], (name, fact, tracks[0][fact], wanted[fact])
        size = (240, 320) if name == "turned.mov" else (320, 240)
        assert (shown["width"], shown["height"]) == size, (name, shown)
        poster = next(variant for variant in shown["variants"] if variant["name"] == "poster.jpg")
        image = opened(fetch(poster["url"]))
        assert image.size == (poster["width"], poster["height"]) == size, name
        # The cover has one colour, the video has many.
        assert len(image.convert("P", palette=1).getcolors()) > 4, name
    assert sum(int(film_of(path)["nb_read_frames"]) == 50 for name, (_, path) in files.items() if not name.startswith("only")) > 10


def test_what_is_no_film_is_rejected(server, files):
    session = Session(server)
    for name in ("only a cover.mp4", "only a track of one picture.mp4"):
        kind, path = files[name]
        shown = session.make(path.read_bytes(), kind, name)
        assert shown["status"] == "REJECTED" and "no picture track" in shown["reason"], (name, shown)


def packet_ends(path):
    """Returns the offsets at which the packets of a file end."""
    packets = ffprobe(path, "-show_packets", "-show_entries", "packet=pos,size")["packets"]
    return sorted(int(one["pos"]) + int(one["size"]) for one in packets)


def test_half_a_film_is_not_published_as_a_whole_one(server, files):
    """ffmpeg produces a truncated video from each file and reports success."""
    session = Session(server)
    for name in ("plain.mp4", "plain.webm", "fragments.mp4", "without sound.mp4"):
        kind, path = files[name]
        whole, ends = path.read_bytes(), packet_ends(path)
        for cut in (ends[len(ends) // 2], ends[len(ends) * 9 // 10], len(whole) * 6 // 10, ends[-1] - 1):
            shown = session.make(whole[:cut], kind, name)
            assert shown["status"] == "REJECTED", (name, cut, len(whole), shown)
            assert "incomplete" in shown["reason"], (name, cut, shown)
    assert session.make(files["plain.mp4"][1].read_bytes(), MP4)["status"] == "COMPLETED"


# Replaces ffmpeg by a program that leaves something out, as a future version could.
FORGETFUL = """#!/bin/sh
[ "$1" = -version ] && exec ffmpeg -version
for last; do :; done
case "$last" in pipe:1) exec ffmpeg "$@";; esac
ffmpeg "$@" && mv "$last" "$last.whole" || exit 1
ffmpeg -nostdin -v error -i "$last.whole" {} -f mp4 "$last"
"""


def copies(server, data):
    """Returns the stored files with this content. A file can go while it is looked at."""
    found = []
    for path in files_below(server.folder / "data/store"):
        with contextlib.suppress(FileNotFoundError):
            found += [path] if path.read_bytes() == data else []
    return found


@pytest.mark.parametrize(
    "words, reason",
    [
        ("-map 0 -c copy -frames:v 25", "25 frames instead of 50"),
        ("-map 0:v -c copy", "sound is [] instead of [aac]"),
        ("-map 0:a -c copy", "differs from the original: "),
        ("-map 0 -c:a copy -c:v mpeg4 -b:v 2M", "coded as mpeg4 instead of h264"),
        ("-map 0 -c:a copy -vf scale=160:120 -c:v libx264", "160 x 120 turned by 0 degrees instead of 320 x 240"),
        ("-map 0 -c:a copy -vf setpts=2*PTS -vsync passthrough -c:v libx264", "ms instead of 1960 ms"),
        ("-map 0 -c:a copy -vf setsar=2 -c:v libx264", "2.00 times as wide"),
    ],
)
def test_what_was_made_is_compared_with_what_came(make_server, files, tmp_path, words, reason):
    programs = tmp_path / "programs"
    programs.mkdir()
    real = subprocess.run(["sh", "-c", "command -v ffmpeg; command -v ffprobe"], capture_output=True, text=True, check=True).stdout.split()
    (programs / "ffmpeg").write_text(FORGETFUL.format(words).replace("ffmpeg ", f"{real[0]} "))
    (programs / "ffmpeg").chmod(0o755)
    (programs / "ffprobe").symlink_to(real[1])
    server = make_server(FFMPEG_PATH=str(programs))
    session, data = Session(server), files["plain.mp4"][1].read_bytes()
    shown = session.make(data, MP4)
    assert shown["status"] == "SCAN_FAILED" and "differs" in shown["reason"] and reason in shown["reason"], shown
    assert send("GET", shown["url"]).status == 409
    server.stop()
    assert copies(server, data), "the only good copy is still there"
    del server.settings["FFMPEG_PATH"]
    server.start()
    assert session.call("POST", f"/media/{shown['id']}/retry").status == 200
    assert session.ended(shown["id"])["status"] == "COMPLETED"
    # What was sent goes once the record says COMPLETED.
    deadline = time.monotonic() + 20
    while left := copies(server, data):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
