"""A folder of mixed files, from `train` to `report` with the photos recipe.

    python -m benchmarks.mixed_folder --photos=../shared/data/photos [--minutes=7]

The folder is made of the photographs: 1 600 files of all formats, sizes and depths,
turned ones, copies, thumbnails, and files that cannot be read. What became of each
kind is compared with what the commands print. Minutes and core-minutes are those of
both commands together.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

# How many files of each kind there are, and what is to become of them.
_READ = {
    "photograph.jpg": 560,
    "turned.jpg": 60,
    "photograph.png": 120,
    "photograph.webp": 100,
    "moving.webp": 10,
    "drawing.gif": 60,
    "palette.bmp": 40,
    "true.bmp": 20,
    "lzw.tif": 60,
    "deflate.tiff": 40,
    "cmyk.tif": 20,
    "deep.tif": 20,
    "plain.ppm": 20,
    "icon.png": 305,
    "copy.jpg": 110,
}
_UNREADABLE = {"torn.jpg": 8, "empty.jpg": 4, "text.png": 4, "torn.tif": 4}
_IGNORED = {"notes.txt": 20, "paper.pdf": 10, ".hidden.jpg": 5}
_FOLDERS = ("2021", "2022", "2023/summer", "2023/winter", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--keep", type=Path, help="where the folder and run stay")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = arguments.keep or Path(scratch)
        folder, workdir = place / "folder", place / "run"
        make(sorted(arguments.photos.iterdir()), folder)
        began = time.monotonic()
        run(
            "train",
            "--config=configs/photos.py",
            f"--config.dataset=folder:{folder}",
            f"--config.minutes={arguments.minutes}",
            f"--workdir={workdir}",
        )
        run("report", f"--workdir={workdir}", "--output", f"{place / 'report.html'}")
        minutes = (time.monotonic() - began) / 60
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        cores = (usage.ru_utime + usage.ru_stime) / 60
        print(f"\n{minutes:.1f} minutes, {cores:.1f} core-minutes")
        account(workdir)


def run(command, *flags):
    line = [sys.executable, "-m", f"keras_twins.commands.{command}", *flags]
    print("$", " ".join(line[1:]), flush=True)
    subprocess.run(line, check=True)


def account(workdir):
    """Prints what there is of each fate beside what the run says of it."""
    looked_at = json.loads((workdir / "images.json").read_text())
    listed = sum(split["images"] for split in looked_at["splits"].values())
    bad = len((workdir / "bad_images.txt").read_text().splitlines())
    rows = {
        "read": (sum(_READ.values()), listed - bad),
        "left out": (sum(_UNREADABLE.values()), bad),
    }
    for fate, (made, found) in rows.items():
        print(f"{fate:10}{made:6} files made{found:6} found")
    print(f"{'ignored':10}{sum(_IGNORED.values()):6} files made")


def make(photographs, folder):
    """Writes the files, the same ones each time."""
    random = np.random.default_rng(0)
    kinds = [
        kind
        for kinds in (_READ, _UNREADABLE, _IGNORED)
        for kind, count in kinds.items()
        for _ in range(count)
    ]
    last = b""
    for i, kind in enumerate(kinds):
        with Image.open(photographs[i % len(photographs)]) as photograph:
            picture = part(photograph.convert("RGB"), random)
        # A copy holds the bytes of the file before it.
        last = last if kind == "copy.jpg" else encoded(kind, picture)
        hidden, name = kind.startswith("."), kind.lstrip(".")
        path = folder / _FOLDERS[i % len(_FOLDERS)]
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{'.' * hidden}{i:04d}-{name}").write_bytes(last)


def part(photograph, random):
    """A crop of a photograph: half its sides at least, so that no two are alike."""
    share = random.uniform(0.5, 1.0)
    width, height = (int(side * share) for side in photograph.size)
    left = random.integers(photograph.width - width + 1)
    top = random.integers(photograph.height - height + 1)
    return photograph.crop((left, top, left + width, top + height))


def encoded(kind, picture):
    """The bytes of a file of a kind."""
    if kind == "empty.jpg":
        return b""
    if kind.endswith((".txt", ".pdf")) or kind == "text.png":
        return b"Not a picture.\n"
    if kind.startswith("torn"):
        whole = _saved(picture, "TIFF" if kind.endswith("tif") else "JPEG")
        return whole[: len(whole) // 2]
    if kind == "icon.png":
        return _saved(picture.resize((48, 40)), "PNG")
    if kind == "moving.webp":
        frames = [picture.rotate(90 * turn) for turn in (1, 2)]
        return _saved(picture, "WEBP", save_all=True, append_images=frames)
    if kind == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        return _saved(picture.rotate(90, expand=True), "JPEG", exif=exif)
    if kind == "deep.tif":  # Twelve bits in sixteen.
        grey = np.asarray(picture.convert("L"), np.uint16) * 16
        return _saved(Image.fromarray(grey), "TIFF")
    if kind == "cmyk.tif":
        return _saved(picture.convert("CMYK"), "TIFF", compression="tiff_lzw")
    if kind.endswith((".gif", "palette.bmp")):
        picture = picture.quantize(64)
    compression = {"lzw.tif": "tiff_lzw", "deflate.tiff": "tiff_adobe_deflate"}
    extra = {"compression": compression[kind]} if kind in compression else {}
    return _saved(picture, Image.registered_extensions()[Path(kind).suffix], **extra)


def _saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
