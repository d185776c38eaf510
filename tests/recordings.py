"""Folders of recordings for tests: tones of another pitch each, with noise."""

import numpy as np
import soundfile

from keras_twins.decode import host_sounds

RATE = 8_000


def tone(number, seconds=1.2, rate=RATE):
    """Samples of a recording that no other number has."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(number).normal(0, 0.01, len(time))
    return 0.3 * np.sin(2 * np.pi * 150 * (1 + number) * time) + noise


def write(path, samples, rate=RATE, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)


def folder(root, count=12, classes=3, seconds=None):
    """Writes WAV files into a sub-folder per class; gives the collection's name.

    Lengths differ, some are shorter than a crop of 96 frames.
    """
    for number in range(count):
        length = seconds or 0.5 + 0.15 * number
        path = root / f"class{number % classes}" / f"{number:02}.wav"
        write(path, tone(number, length))
    return f"sounds:{root}"


def wav(samples, rate=RATE):
    return host_sounds.wav(np.rint(samples * 32767).astype(np.int16), rate)
