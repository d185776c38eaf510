"""The two-view pipeline with Pillow's own operations, in processes of its own.

It is what a torchvision `DataLoader` with workers runs for these recipes, less the
cost of handing its batches over to the training process.
"""

import io
import multiprocessing
import random
import time

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


class PillowWorkers:
    """Processes that make pairs of views until told to stop.

    Args:
        spec: dict. An augmentation spec.
        sources: list of uint8 arrays of shape `(height, width, 3)`, or of encoded
            images as bytes.
        processes: int.
    """

    def __init__(self, spec, sources, processes=2):
        context = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        for worker in range(processes):
            ours, theirs = context.Pipe()
            arguments = (theirs, spec, sources[worker::processes], worker)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def measure(self, seconds):
        """Lets all of them work at once; returns pairs/s and CPU seconds per pair."""
        for pipe in self._pipes:
            pipe.send(seconds)
        rates, costs = zip(*(pipe.recv() for pipe in self._pipes), strict=True)
        return sum(rates), sum(costs) / len(costs)

    def close(self):
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(None)
            process.join()


def _work(pipe, spec, sources, seed):
    random.seed(seed)
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        pipe.send(_measure(spec, sources, seconds))


def _measure(spec, sources, seconds, batch=32):
    pairs, start, busy = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < seconds:
        chosen = [sources[(pairs + i) % len(sources)] for i in range(batch)]
        images = [_open(source) for source in chosen]
        for name in ("view_a", "view_b"):
            np.stack([_view(image, spec, spec[name]) for image in images])
        pairs += batch
    return pairs / elapsed, (time.process_time() - busy) / pairs


def _open(source):
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source)).convert("RGB")
    return Image.fromarray(source)


def _view(image, spec, view):
    size = spec["image_size"]
    box = _box(image.width, image.height, view)
    image = image.crop(box).resize((size, size), _FILTERS[view["interpolation"]])
    if random.random() < view["flip"]:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if random.random() < view["jitter"]:
        image = _jitter(image, view)
    if random.random() < view["greyscale"]:
        image = ImageOps.grayscale(image).convert("RGB")
    if random.random() < view["blur"]:
        sigma = random.uniform(*view["blur_sigma"])
        image = image.filter(ImageFilter.GaussianBlur(sigma))
    if random.random() < view["solarise"]:
        image = ImageOps.solarize(image)
    pixels = np.asarray(image, np.float32) / 255.0
    return (pixels - np.float32(spec["mean"])) / np.float32(spec["std"])


def _box(width, height, view):
    low, high = np.log(view["crop_ratio"])
    for _ in range(10):
        area = width * height * random.uniform(*view["crop_scale"])
        ratio = np.exp(random.uniform(low, high))
        box_width, box_height = (
            round((area * ratio) ** 0.5),
            round((area / ratio) ** 0.5),
        )
        if 0 < box_width <= width and 0 < box_height <= height:
            left = random.randint(0, width - box_width)
            top = random.randint(0, height - box_height)
            return left, top, left + box_width, top + box_height
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _jitter(image, view):
    changes = [
        (_enhance, ImageEnhance.Brightness, view["brightness"]),
        (_enhance, ImageEnhance.Contrast, view["contrast"]),
        (_enhance, ImageEnhance.Color, view["saturation"]),
        (_turn_hue, None, view["hue"]),
    ]
    random.shuffle(changes)
    for change, kind, strength in changes:
        image = change(image, kind, random.uniform(-strength, strength))
    return image


def _enhance(image, kind, shift):
    return kind(image).enhance(1.0 + shift)


def _turn_hue(image, _, turn):
    hue, saturation, value = image.convert("HSV").split()
    hue = Image.fromarray(np.asarray(hue) + np.uint8(int(turn * 255) % 256))
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")
