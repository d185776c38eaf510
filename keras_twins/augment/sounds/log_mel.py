"""The front end of all sounds: waveforms to log-mels, in the graph."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_twins import mel
from keras_twins.types import Tensor

# What is added to a power before its logarithm: float32's epsilon. Silence is its
# logarithm, −15.94.
EPSILON = float(np.finfo(np.float32).eps)


@keras.saving.register_keras_serializable("keras_twins")
class LogMel(keras.layers.Layer):
    """Makes log-mels of waveforms: ln(mel power + 1.19e-7).

    Frames of `window` samples start every `hop` samples, the first one centred on the
    first sample, with the waveform mirrored at both ends. Each is weighted with a
    periodic Hann window; its power spectrum is summed over triangles of peak 1 at equal
    steps of HTK's mel scale. The mathematics are in float32 whatever the policy.

    A waveform that is shorter than `min_frames` frames gets silence (zeros) behind it,
    before the logarithm.

    The values are those of `librosa.feature.melspectrogram(htk=True, norm=None,
    pad_mode="reflect")` and of torchaudio's default. The defaults are the front end of
    Anton et al., "Audio Barlow Twins" (arXiv 2209.14345), section 4.1.

    Args:
        rate: int. Samples per second. Defaults to `16000`.
        window: int. Samples of a frame. Defaults to `1024`, 64 ms.
        hop: int. Samples between frames. Defaults to `160`, 10 ms.
        bands: int. How many mel bands. Defaults to `64`.
        low: float. Where the lowest band begins, in Hz. Defaults to `60.0`.
        high: float. Where the highest band ends, in Hz. Defaults to `7800.0`.
        min_frames: int. The fewest frames that come out. Defaults to `96`, which a
            waveform of 0.95 s has by itself.

    Call arguments:
        - `samples`: tensor of shape `(batch_size, samples)` or `(samples,)`, waveforms
          in −1..1.

    Returns:
        float32 tensor of shape `(batch_size, bands, frames, 1)`, or without the first
        axis as the input, low bands first; `frames` is `1 + samples // hop`, and at
        least `min_frames`.

    Raises:
        ValueError: if an argument is out of its range, a band so narrow that no
            frequency of the spectrum lies in it, or the waveforms have neither of the
            shapes above.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> second = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
        >>> log_mels = kt.augment.LogMel()(second[None])
        >>> log_mels.shape
        TensorShape([1, 64, 101, 1])
        >>> int(np.argmax(log_mels[0, :, 50, 0]))  # the band around 440 Hz
        10
        >>> kt.augment.LogMel()(np.zeros((1, 400))).shape  # silence behind it
        TensorShape([1, 64, 96, 1])
    """

    def __init__(
        self,
        rate: int = 16_000,
        window: int = 1024,
        hop: int = 160,
        bands: int = 64,
        low: float = 60.0,
        high: float = 7800.0,
        min_frames: int = 96,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        counts = {"rate": rate, "window": window, "hop": hop, "bands": bands}
        for name, value in {**counts, "min_frames": min_frames}.items():
            _check_count(name, value)
        _check_frequencies(low, high, rate)
        self.rate, self.window, self.hop, self.bands = rate, window, hop, bands
        self.low, self.high, self.min_frames = float(low), float(high), min_frames
        if self.min_samples <= window // 2:
            raise ValueError(
                "A frame must not reach over the ends of the shortest waveform. "
                "Expected (min_frames - 1) * hop > window / 2. Received: "
                f"min_frames={min_frames}, hop={hop}, window={window}"
            )
        triangles = mel.triangles(rate, window, bands, low, high)
        if not triangles.any(axis=0).all():
            raise ValueError(
                "A band is so narrow that no frequency of the spectrum lies in it. "
                "Expected fewer bands or a longer window. Received: "
                f"bands={bands}, window={window}, rate={rate}"
            )
        self._triangles = triangles.astype(np.float32)

    @property
    def min_samples(self) -> int:
        """The samples of `min_frames` frames: of what is shorter, it makes as many."""
        return (self.min_frames - 1) * self.hop

    def call(self, samples: Tensor) -> tf.Tensor:
        samples = tf.cast(tf.convert_to_tensor(samples), tf.float32)
        self._check_rank(samples.shape)
        batch = samples if samples.shape.rank == 2 else samples[tf.newaxis]
        missing = tf.maximum(self.min_samples - tf.shape(batch)[1], 0)
        batch = tf.pad(batch, [[0, 0], [0, missing]])
        frames = tf.signal.frame(self._mirrored(batch), self.window, self.hop)
        spectra = tf.signal.rfft(frames * tf.signal.hann_window(self.window))
        power = tf.math.real(spectra) ** 2 + tf.math.imag(spectra) ** 2
        log_mels = tf.math.log(tf.matmul(power, self._triangles) + EPSILON)
        log_mels = tf.transpose(log_mels, (0, 2, 1))[..., tf.newaxis]
        return log_mels if samples.shape.rank == 2 else log_mels[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that the layer was made with."""
        names = ("rate", "window", "hop", "bands", "low", "high", "min_frames")
        return {name: getattr(self, name) for name in names}

    def _mirrored(self, batch):
        """The waveforms with half a window of them before and behind."""
        # Not by `tf.pad`, which refuses an empty batch.
        reach = self.window // 2
        before, after = batch[:, 1 : reach + 1], batch[:, -reach - 1 : -1]
        return tf.concat([before[:, ::-1], batch, after[:, ::-1]], axis=1)

    def _check_rank(self, shape):
        if len(shape) not in (1, 2):
            raise ValueError(
                "Wrong rank of `samples`. Expected (batch_size, samples) or "
                f"(samples,). Received: samples.shape={tuple(shape)}"
            )


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"Invalid `{name}`. Expected a whole number, at least 1. "
            f"Received: {name}={value!r}"
        )


def _check_frequencies(low, high, rate):
    if not 0 <= low < high <= rate / 2:
        raise ValueError(
            "Invalid `low` and `high`. Expected 0 <= low < high <= rate / 2, in Hz. "
            f"Received: low={low}, high={high}, rate={rate}"
        )
