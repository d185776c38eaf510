"""Views per image: ours, the stock keras-cv chain and Pillow, in pairs/s.

    python -m benchmarks.views [--photos=FOLDER] [--seconds=3] [--rounds=5]

32-pixel views from arrays (CIFAR-10's recipe, batches of 256; also with
`exact_colour=True`), then 224-pixel views from JPEG files, decoding included
(ImageNet's recipe). The sides take turns within each round, so that whatever else the
machine does touches all of them; the table shows medians over the rounds of the rates
and of the ratios. The CPU time of a pair, all threads together, says what a side costs
on a machine that has other work, too. Last, what four further views of half the side
cost beside the two (multi-crop).
"""

import itertools
import pathlib
import resource
import statistics
import time

import numpy as np
from absl import app, flags

from benchmarks.pil_views import PillowWorkers

_PHOTOS = flags.DEFINE_string(
    "photos", "../shared/data/photos", "Folder of JPEG photographs."
)
_SECONDS = flags.DEFINE_float("seconds", 3.0, "Seconds per side and round.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds.")

BATCH_SIZE = 256
PHOTO_BATCH_SIZE = 32
_PIXELS = (2 + 4 * 0.5**2) / 2  # of six views, per pixel of the two


def main(_):
    import keras_twins as kt

    images = np.random.default_rng(0).integers(0, 256, (50_000, 32, 32, 3), np.uint8)
    ours = _our_arrays(kt, images)
    _print_memory(ours, len(images) // BATCH_SIZE)
    sides = {
        "keras-twins": Feed(ours, BATCH_SIZE),
        "keras-twins, exact": Feed(_our_arrays(kt, images, True), BATCH_SIZE),
        "keras-cv layers": Feed(_stock_arrays(kt, images), BATCH_SIZE),
        "Pillow, 2 processes": PillowWorkers(
            kt.augment.preset("cifar10"), list(images[:2048])
        ),
    }
    _print_table("32 x 32 from arrays, batch 256", _rounds(sides))
    sides["Pillow, 2 processes"].close()

    _photos(kt)
    _multi_crop(kt, images)


def _photos(kt):
    files = [path.read_bytes() for path in _jpegs(_PHOTOS.value)]
    if not files:
        print(f"No JPEG files in {_PHOTOS.value}: the 224-pixel views are left out.")
        return
    sides = {
        "keras-twins": Feed(_our_photos(kt), PHOTO_BATCH_SIZE),
        "Pillow, 2 processes": PillowWorkers(kt.augment.preset("imagenet"), files),
    }
    _print_table("224 x 224 from JPEG, decoding included", _rounds(sides))
    sides["Pillow, 2 processes"].close()
    _print_colour_difference(kt)


def _multi_crop(kt, images):
    title = "CPU ms/image"
    print(f"\n{title:22}{'2 views':>10}{'2 + 4':>10}{'ratio':>10}{'pixels':>10}")
    sides = [
        Feed(_our_arrays(kt, images, further=further), BATCH_SIZE)
        for further in (None, 16)
    ]
    _print_costs("32 x 32 from arrays", sides)
    if _jpegs(_PHOTOS.value):
        sides = [
            Feed(_our_photos(kt, further), PHOTO_BATCH_SIZE) for further in (None, 112)
        ]
        _print_costs("224 x 224 from JPEG", sides)


def _print_costs(name, sides):
    """Prints what two views and six cost, their ratio, and that of their pixels."""
    rounds = [
        [side.measure(_SECONDS.value)[1] for side in sides]
        for _ in range(_ROUNDS.value)
    ]
    two, six = (statistics.median(costs) for costs in zip(*rounds, strict=True))
    ratio = statistics.median(six / two for two, six in rounds)
    costs = f"{1000 * two:10.3f}{1000 * six:10.3f}"
    print(f"{name:22}{costs}{ratio:8.2f} x{_PIXELS:8.2f} x", flush=True)


class Feed:
    """Measures how fast batches come out of an endless `tf.data.Dataset`."""

    def __init__(self, dataset, batch_size):
        self._batches = iter(dataset)
        self._batch_size = batch_size

    def measure(self, seconds):
        """Returns pairs/s and CPU seconds per pair."""
        # What was made ahead while the other sides had their turn does not count.
        for _ in range(8):
            next(self._batches)
        pairs, start, busy = 0, time.perf_counter(), time.process_time()
        while (elapsed := time.perf_counter() - start) < seconds:
            next(self._batches)
            pairs += self._batch_size
        return pairs / elapsed, (time.process_time() - busy) / pairs


def _our_arrays(kt, images, exact_colour=False, further=None):
    spec = _spec(kt, "cifar10", further)
    return kt.data.two_view_pipeline(
        kt.data.from_arrays(images),
        kt.augment.TwoViews(spec, seed=0, exact_colour=exact_colour),
        BATCH_SIZE,
        start=(0, 0),
    )


def _spec(kt, preset, further):
    """A recipe, with four further views of so many pixels where they are given."""
    spec = kt.augment.preset(preset)
    if further:
        crops = {"crop_scale": (0.05, 0.25)}
        spec["further_views"] = {"count": 4, "image_size": further, **crops}
    return spec


def _stock_arrays(kt, images):
    import tensorflow as tf

    spec = kt.augment.preset("cifar10")
    chains = [_stock_chain(spec, spec[name]) for name in ("view_a", "view_b")]
    images = tf.constant(images)
    indices = tf.data.Dataset.range(len(images)).repeat()
    return (
        indices.batch(BATCH_SIZE, drop_remainder=True)
        .map(
            lambda indices: tuple(
                chain(tf.gather(images, indices)) for chain in chains
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(2)
    )


def _our_photos(kt, further=None):
    return kt.data.two_view_pipeline(
        kt.data.load(f"folder:{_PHOTOS.value}"),
        kt.augment.TwoViews(_spec(kt, "imagenet", further), seed=0),
        PHOTO_BATCH_SIZE,
        start=(0, 0),
    )


def _stock_chain(spec, view):
    """keras-cv's own layers, one for each step of the recipe, chained."""
    from keras_cv import layers

    saturation = 0.5 * view["saturation"]
    jitter = layers.RandomColorJitter(
        value_range=(0, 255),
        brightness_factor=view["brightness"],
        contrast_factor=view["contrast"],
        saturation_factor=(0.5 - saturation, 0.5 + saturation),
        hue_factor=(0.0, view["hue"]),
    )
    chain = [
        layers.RandomCropAndResize(
            (spec["image_size"],) * 2, view["crop_scale"], view["crop_ratio"]
        ),
        layers.RandomFlip("horizontal"),
        layers.RandomApply(jitter, rate=view["jitter"]),
        layers.RandomApply(layers.Grayscale(3), rate=view["greyscale"]),
    ]
    mean, std = np.float32(spec["mean"]), np.float32(spec["std"])

    def apply(images):
        for layer in chain:
            images = layer(images)
        return (images / 255.0 - mean) / std

    return apply


def _jpegs(folder):
    suffixes = (".jpg", ".jpeg")
    return sorted(
        path
        for path in pathlib.Path(folder).rglob("*")
        if path.suffix.lower() in suffixes
    )


def _rounds(sides):
    """Returns, per side, (pairs/s, CPU seconds per pair) for each round."""
    measured = {name: [] for name in sides}
    for _ in range(_ROUNDS.value):
        for name, side in sides.items():
            measured[name].append(side.measure(_SECONDS.value))
    return measured


def _print_table(title, measured):
    print(f"\n{title}")
    print(f"{'':22}{'pairs/s':>10}{'ours is':>10}{'CPU ms/pair':>14}{'ours is':>10}")
    ours = measured["keras-twins"]
    for name, theirs in measured.items():
        rate, cost = map(statistics.median, zip(*theirs, strict=True))
        rounds = list(zip(ours, theirs, strict=True))
        faster = statistics.median(our[0] / their[0] for our, their in rounds)
        cheaper = statistics.median(their[1] / our[1] for our, their in rounds)
        print(
            f"{name:22}{rate:10.0f}{faster:8.1f} x{1000 * cost:14.3f}{cheaper:8.1f} x",
            flush=True,
        )


def _print_colour_difference(kt):
    """Prints how far the fused colours are from the exact ones, in photographs."""
    settings = kt.augment.preset("imagenet")
    settings["view_a"]["blur"] = 0.0
    images = kt.data.load(f"folder:{_PHOTOS.value}")
    keys = np.arange(int(images.cardinality()))
    fused, exact = (
        np.concatenate(
            [
                layer(image[None], keys[key : key + 1])[0]
                for key, image in enumerate(images)
            ]
        )
        for layer in (
            kt.augment.TwoViews(settings, exact_colour=exact) for exact in (False, True)
        )
    )
    levels = 255 * np.abs(fused - exact) * np.float32(settings["std"])
    print(
        f"\nFused and exact colours of {len(keys)} photographs differ by "
        f"{levels.mean():.1f} levels of 255 on average, by less than "
        f"{np.quantile(levels, 0.95):.0f} in 95 % of the values."
    )


def _print_memory(dataset, steps):
    """Runs one epoch and prints the process's peak memory early in it and after it."""
    batches = itertools.islice(dataset, steps)
    for step, _ in enumerate(batches, 1):
        if step == steps // 5:
            early = _peak_megabytes()
    print(
        f"Peak memory of the process: {early:.0f} MB a fifth into an epoch, "
        f"{_peak_megabytes():.0f} MB after it.",
        flush=True,
    )


def _peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    app.run(main)
