"""Log-mels of sounds: ours and Keras's layer, in seconds of sound per second.

    python -m benchmarks.front_end [--clips=64] [--seconds=3] [--rounds=5]

Clips of five seconds at 16 kHz, in batches of 16, by `kt.augment.LogMel` and by
`keras.layers.MelSpectrogram` with the same settings and a logarithm behind it; then WAV
files, decoded and made into log-mels one by one, as the pipeline and an exported model
do. The sides take turns within each round, so that whatever else the machine does
touches all of them; the table shows medians over the rounds of the rates and of the
ratios. The CPU time, all threads together, says what a second of sound costs on a
machine that has other work, too.
"""

import os
import statistics
import time

import numpy as np
from absl import app, flags

_CLIPS = flags.DEFINE_integer("clips", 64, "Clips.")
_SECONDS = flags.DEFINE_float("seconds", 3.0, "Seconds per side and round.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds.")

RATE, CLIP_SECONDS, BATCH_SIZE = 16_000, 5, 16


def main(_):
    import tensorflow as tf

    import keras_twins as kt

    shape = _CLIPS.value, RATE * CLIP_SECONDS
    waveforms = np.random.default_rng(0).normal(scale=0.1, size=shape)
    waveforms = waveforms.clip(-1, 1).astype(np.float32)
    log_mel = kt.augment.LogMel(RATE)
    batches = tf.data.Dataset.from_tensor_slices(waveforms).batch(BATCH_SIZE)
    sides = {
        "keras-twins": batches.map(log_mel),
        "MelSpectrogram": batches.map(_keras_layer(log_mel)),
        "keras-twins, WAV files": _of_files(waveforms, log_mel),
    }
    ours, theirs = (next(iter(sides[name]))[0] for name in list(sides)[:2])
    print(
        f"{_CLIPS.value} clips of {CLIP_SECONDS} s at {RATE} Hz; "
        f"{os.cpu_count()} processors. The two sides differ by at most "
        f"{np.abs(ours[:, :, 0] - theirs).max():.3f}."
    )
    measured = {name: [] for name in sides}
    for _ in range(_ROUNDS.value):
        for name, side in sides.items():
            measured[name].append(_measure(side))
    _print_table(measured)


def _keras_layer(log_mel):
    import keras
    import tensorflow as tf

    from keras_twins.augment.sounds.log_mel import EPSILON

    layer = keras.layers.MelSpectrogram(
        fft_length=log_mel.window,
        sequence_stride=log_mel.hop,
        sequence_length=log_mel.window,
        sampling_rate=log_mel.rate,
        num_mel_bins=log_mel.bands,
        min_freq=log_mel.low,
        max_freq=log_mel.high,
        power_to_db=False,
        mag_exp=2.0,
    )
    return lambda waveforms: tf.math.log(layer(waveforms) + EPSILON)


def _of_files(waveforms, log_mel):
    import tensorflow as tf

    from keras_twins.decode.sounds import SoundDecoder

    decoder = SoundDecoder(log_mel.rate)
    files = [
        tf.audio.encode_wav(waveform[:, None], log_mel.rate) for waveform in waveforms
    ]
    return tf.data.Dataset.from_tensor_slices(files).map(
        lambda contents: log_mel(decoder.decode(contents, "the clip")),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def _measure(side):
    """Returns seconds of sound per second, and CPU seconds per second of sound."""
    sound, start, busy = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < _SECONDS.value:
        for _ in side:
            pass
        sound += _CLIPS.value * CLIP_SECONDS
    return sound / elapsed, (time.process_time() - busy) / sound


def _print_table(measured):
    print(f"{'':24}{'x real time':>12}{'ours is':>10}{'CPU ms/s':>10}{'ours is':>10}")
    ours = measured["keras-twins"]
    for name, theirs in measured.items():
        rate, cost = map(statistics.median, zip(*theirs, strict=True))
        rounds = list(zip(ours, theirs, strict=True))
        faster = statistics.median(our[0] / their[0] for our, their in rounds)
        cheaper = statistics.median(their[1] / our[1] for our, their in rounds)
        costs = f"{1000 * cost:10.2f}{cheaper:8.1f} x"
        print(f"{name:24}{rate:12.0f}{faster:8.1f} x{costs}", flush=True)


if __name__ == "__main__":
    app.run(main)
