"""Writes the reference values beside this file: librosa's log-mels, PyTorch's crops.

    python tests/augment/sounds/golden/make.py log_mels ESC10_FOLDER
    python tests/augment/sounds/golden/make.py crops

The first one needs librosa (0.11) with soundfile and soxr, the second one torch; the
tests need neither. The recordings are in the public domain (CC0): Freesound clips 35687
by Bansemer and 187207 by k3pp, from ESC-10 (K. J. Piczak, ESC: Dataset for
Environmental Sound Classification, ACM MM 2015).
"""

import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
CLIPS = ("clock_tick/1-35687-A.ogg", "baby_cry/1-187207-A.ogg")
SECONDS = 1.3
# Front ends by rate: window, hop and the upper end of the highest band.
FRONT_ENDS = {16_000: (1024, 160, 7800.0), 8_000: (512, 80, 3900.0)}
EPSILON = np.finfo(np.float32).eps
# Height and width of a crop, of 64 x 96 places.
SIZES = ((64, 96), (38, 57), (64, 90), (1, 1), (40, 95), (63, 2))


def log_mels(folder):
    import librosa  # Not of the dev extra.

    values = {}
    for number, name in enumerate(CLIPS):
        for rate, (window, hop, high) in FRONT_ENDS.items():
            samples, _ = librosa.load(
                pathlib.Path(folder) / name, sr=rate, duration=SECONDS
            )
            integers = np.clip(np.rint(samples * 32_768), -32_768, 32_767)
            integers = integers.astype(np.int16)
            power = librosa.feature.melspectrogram(
                y=integers.astype(np.float32) / 32_768,
                sr=rate,
                n_fft=window,
                hop_length=hop,
                window="hann",
                center=True,
                pad_mode="reflect",
                power=2.0,
                n_mels=64,
                fmin=60.0,
                fmax=high,
                htk=True,
                norm=None,
            )
            values[f"samples_{number}_{rate}"] = integers
            values[f"log_mel_{number}_{rate}"] = np.log(power + EPSILON)
    np.savez_compressed(HERE / "log_mels.npz", **values)


def crops():
    import torch  # Of the extra `bench`.

    values = {}
    sound = np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)
    for height, width in SIZES:
        resized = torch.nn.functional.interpolate(
            torch.tensor(sound)[None, None, :height, :width],
            size=(64, 96),
            mode="bicubic",
            align_corners=True,
        )
        values[f"crop_{height}_{width}"] = resized[0, 0].numpy()
    np.savez_compressed(HERE / "crops.npz", sound=sound, **values)


if __name__ == "__main__":
    {"log_mels": log_mels, "crops": crops}[sys.argv[1]](*sys.argv[2:])
