"""What `audit` finds of planted duplicates and outliers, beside a fixed cosine.

    python -m benchmarks.audit --photos=../shared/data/photos [--data_dir=TFDS]
    python -m benchmarks.audit --rows=500000

The collection is made of the photographs and of images of CIFAR-10 (`--images`), with
70 copies and 12 outliers. Its encoder is trained on it for `--minutes`; --model_dir
gives an exported one. With --rows, embeddings are generated instead and no picture is
there: what is printed is the time and the memory of N / 4, N / 2 and N rows.
"""

import argparse
import collections
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CHANGES = ("exact", "re-encoded", "resized", "half size", "cropped to 80 %")
_COPIES, _OF_PHOTOS = 70, 20
_FIRST = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--data_dir", type=Path)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--model_dir", type=Path)
    parser.add_argument("--sheet", type=Path, help="picture of pairs not planted")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--in_this_process", action="store_true")
    arguments = parser.parse_args()
    if arguments.rows and arguments.in_this_process:
        generated(arguments.rows)
    elif arguments.rows:
        for count in (arguments.rows // 4, arguments.rows // 2, arguments.rows):
            command = [sys.executable, "-m", "benchmarks.audit", f"--rows={count}"]
            subprocess.run([*command, "--in_this_process"], check=True)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            planted(arguments, Path(scratch))


def generated(count, width=192):
    """Embeddings in clusters, 1 % of them copies; the audit without pictures."""
    from keras_twins.collection.audit import audit

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(1000, width)).astype(np.float32)
    rows = centres[rng.integers(1000, size=count)]
    rows += rng.normal(size=(count, width)).astype(np.float32)
    copies = count // 100
    rows[:copies] = 2 * rows[-copies:]  # Other numbers of the same direction.
    names = [f"gone/{row}.png" for row in range(count)]
    start = time.perf_counter()
    found = audit(rows, names)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{count:,} x {width}: {seconds:.0f} s, {peak:.2f} GB at most; "
        f"{len(found.duplicates.groups):,} of {copies:,} planted copies"
    )


def planted(arguments, folder):
    """Makes the collection, audits it, and prints what was found of each kind."""
    from keras_twins.collection.audit import audit

    originals, copies, odd = plant(arguments, folder)
    paths = [*originals, *copies, *odd]
    print(f"{len(paths):,} files, of which {len(copies)} copies, {len(odd)} outliers")
    embeddings = embed(arguments, paths)
    start = time.perf_counter()
    found = audit(embeddings, [str(path) for path in paths])
    print(f"audit: {time.perf_counter() - start:.0f} s")
    place = {path: row for row, path in enumerate(paths)}
    true = {
        frozenset((place[copy], place[original])): change
        for copy, (original, change) in copies.items()
    }
    pairs = {
        frozenset((group.rows[0], row))
        for group in found.duplicates.groups
        for row in group.rows[1:]
    }
    outlying = {place[path] for path in odd}
    # Black pictures of one size are copies of one another, too.
    pairs = {pair for pair in pairs if not pair <= outlying}
    calibration = found.duplicates.calibration
    print(f"audit, threshold {calibration.threshold:.3f}:")
    report(pairs, true)
    print(f"  expected precision {calibration.precision:.1%}")
    others = [
        [paths[row] for row in pair] for pair in sorted(map(sorted, pairs - set(true)))
    ]
    for pair in others:
        print("  not planted:", " = ".join(path.name for path in pair))
    if arguments.sheet and others:
        draw(others, arguments.sheet)
    for cosine in (0.95, 0.99):
        print(f"cosine of {cosine} or more:")
        report(by_cosine(embeddings, cosine), true)
    rank = {one.row: at for at, one in enumerate(found.outliers, 1)}
    print(f"outliers among the first {_FIRST}, and the place of the last:")
    by_kind = collections.defaultdict(list)
    for path, kind in odd.items():
        by_kind[kind].append(rank.get(place[path], len(paths)))
    for kind, ranks in by_kind.items():
        first = sum(at <= _FIRST for at in ranks)
        print(f"  {kind:16} {first} of {len(ranks)}, {max(ranks)}")


def report(pairs, true):
    """Prints recall by kind, and precision."""
    for change in CHANGES:
        wanted = {pair for pair, kind in true.items() if kind == change}
        print(f"  {change:16} recall {len(pairs & wanted) / len(wanted):.2f}")
    right = len(pairs & set(true)) / max(len(pairs), 1)
    print(f"  {'all':16} precision {right:.2f} of {len(pairs):,} pairs")


def draw(pairs, output):
    """Draws pairs one above the other: CIFAR-10 has duplicates of its own."""
    sheet = Image.new("RGB", (100 * len(pairs), 200))
    for column, pair in enumerate(pairs):
        for row, path in enumerate(pair):
            image = Image.open(path).convert("RGB").resize((96, 96))
            sheet.paste(image, (100 * column, 100 * row))
    sheet.save(output)


def by_cosine(embeddings, least):
    """Pairs of each row and its nearest other, where it is near enough."""
    from keras_twins.collection.nearest_others import nearest_others

    near, cosines = nearest_others(embeddings, 1)
    rows = np.flatnonzero(cosines[:, 0] >= least)
    return {frozenset((int(row), int(near[row, 0]))) for row in rows}


def plant(arguments, folder):
    """Originals; copies with `(original, change)`; outliers with their kind."""
    import tensorflow_datasets as tfds

    from keras_twins.collection.calibration import CHANGES as CHANGE

    rng = np.random.default_rng(0)
    photos = sorted(arguments.photos.iterdir())
    images = []
    if arguments.images:
        split = f"train[:{arguments.images}]"
        data = tfds.load("cifar10", data_dir=arguments.data_dir, split=split)
        for number, example in enumerate(tfds.as_numpy(data)):
            images.append(folder / f"image{number:05d}.png")
            Image.fromarray(example["image"]).save(images[-1])
    of_photos = _OF_PHOTOS if images else _COPIES
    chosen = [photos[row] for row in rng.choice(len(photos), of_photos, False)]
    if images:
        rows = rng.choice(len(images), _COPIES - of_photos, False)
        chosen += [images[row] for row in rows]
    copies = {}
    for number, original in enumerate(chosen):
        change = CHANGES[number % len(CHANGES)]
        image = Image.open(original).convert("RGB")
        copy = folder / f"copy{number:02d}.png"
        (image if change == "exact" else CHANGE[change](image, rng)).save(copy)
        copies[copy] = original, change
    odd = {}
    for number, side in enumerate((96, 224, 320)):
        noise = Image.fromarray(rng.integers(0, 256, (side, side, 3)).astype(np.uint8))
        for kind, image in (
            ("black", Image.new("RGB", (side, side))),
            ("white", Image.new("RGB", (side, side), "white")),
            ("noise", noise),
            ("screenshot", screenshot(side, rng)),
        ):
            path = folder / f"{kind}{number}.png"
            image.save(path)
            odd[path] = kind
    return [*images, *photos], copies, odd


def screenshot(side, rng):
    """A window with a title bar and lines of text."""
    paper, ink = rng.permutation([245, 25])
    image = Image.new("RGB", (side, side), (paper,) * 3)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    bar = tuple(int(level) for level in rng.integers(60, 200, 3))
    pen.rectangle((0, 0, side, side // 10), fill=bar)
    for y in range(side // 10 + 6, side - 12, 15):
        words = "".join(rng.choice(list("etaoin shrdlu "), int(rng.integers(8, 50))))
        pen.text((6, y), words, (ink,) * 3, font)
    return image


def embed(arguments, paths):
    """Embeddings by the exported model, or by a small one trained on the files."""
    from keras_twins.serving.local import ExportedModel

    if arguments.model_dir:
        from keras_twins.export.versions import newest_version

        return ExportedModel(newest_version(arguments.model_dir)).embed(paths)
    import keras

    import keras_twins as kt
    from keras_twins.collection.measures import open_picture

    pixels = np.stack([np.asarray(open_picture(p).resize((32, 32))) for p in paths])
    encoder = kt.models.resnet20((32, 32, 3))
    twins = kt.models.Twins(
        encoder,
        kt.models.projector(encoder.output_shape[-1], (256, 256, 256)),
        views=kt.augment.TwoViews("cifar10", seed=0),
    )
    twins.compile(keras.optimizers.Adam(1e-3), kt.losses.BarlowTwinsLoss())
    began, epochs = time.monotonic(), 0
    while time.monotonic() - began < 60 * arguments.minutes:
        twins.fit(pixels, batch_size=128, epochs=1, verbose=0)
        epochs += 1
    print(f"resnet20, {epochs} epochs in {(time.monotonic() - began) / 60:.1f} minutes")
    return np.asarray(twins.embed(pixels))


if __name__ == "__main__":
    main()
