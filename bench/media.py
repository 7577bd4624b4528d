"""Compares image processing with sharp (libvips) on the same files in the same run. Each runs one
thread, pinned to one core."""

import pathlib
import random
import statistics
import subprocess
import tempfile

from PIL import Image, ImageChops, ImageDraw

from shared import ROOT, ROUNDS, row, shown, write_table

SHARP = ROOT / "bench/sharp"
CLEAN = ROOT / "target/dist/examples/clean"


def photo(width, height, seed):
    """Draws an image that resembles a photo: soft shapes, edges and grain."""
    dice = random.Random(seed)
    image = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle).resize((width, height)) for angle in (0, 90, 180)])
    draw = ImageDraw.Draw(image)
    for _ in range(400):
        x, y, size = dice.randrange(width), dice.randrange(height), dice.randrange(5, max(6, width // 20))
        draw.ellipse([x, y, x + size, y + size // 2], fill=tuple(dice.randrange(256) for _ in range(3)))
    grain = Image.effect_noise((width, height), 14).convert("RGB")
    return ImageChops.add(image, grain, scale=1.0, offset=-128)


def saved(folder, name, image, orientation):
    fields = Image.Exif()
    fields[0x0112], fields[0x010F] = orientation, "Maker"
    path = folder / name
    image.save(path, quality=90, exif=fields)
    return path


def ours(files, thumbnails):
    command = ["taskset", "-c", "0", CLEAN]
    return sum(float(subprocess.check_output([*command, file, "1", thumbnails])) for file in files)


def theirs(files, thumbnails):
    command = ["taskset", "-c", "0", "node", SHARP / "time.js", "2", thumbnails, *files]
    # The first round loads and compiles code, so it is not counted.
    return float(subprocess.check_output(command).split()[1])


def media(folder):
    large = [saved(folder, "12mp.jpg", photo(4000, 3000, 1), 6)]
    mixed = [saved(folder, f"{n}.jpg", photo(*((1200, 900), (2000, 1500), (800, 1200), (640, 480))[n % 4], n), n % 8 + 1) for n in range(24)]
    for case, files, thumbnails, target in (
        ("12 MP JPEG: decode, rotate, encode q85, ms", large, "", "≤ 0.5"),
        ("the same with thumbnails of 320 and 1280, ms", large, "320,1280", ""),
        ("24 mixed photos with a thumbnail of 320, ms", mixed, "320", ""),
    ):
        here, there = [], []
        for _ in range(ROUNDS):
            here.append(ours(files, thumbnails))
            there.append(theirs(files, thumbnails))
        ratio = statistics.median(here) / statistics.median(there)
        note = f"{len(files) * 1000 / statistics.median(here):.0f} photos/s per core" if len(files) > 1 else "blurhash included"
        row(case, shown(here), f"sharp {shown(there)}", f"{ratio:.2f}", target, note)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as place:
        media(pathlib.Path(place))
    write_table("bench-media.md")
