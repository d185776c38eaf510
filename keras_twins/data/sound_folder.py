"""A folder of recordings."""

import collections
import concurrent.futures
import functools

import numpy as np
import tensorflow as tf

from keras_twins.data import heads, memory
from keras_twins.data.folder import FolderSource
from keras_twins.decode import host_sounds
from keras_twins.decode.modality import recordings
from keras_twins.decode.sounds import SoundDecoder

SILENT = "is silent: all of its samples are 0"


class SoundFolder(FolderSource):
    """The recordings of a split of a folder, as mono waveforms at one rate.

    Or as the log-mels of these: see `as_log_mels`.

    Args:
        path, split, label_file: as of `FolderSource`.
        rate: int, in Hz.

    Attributes:
        log_mel: `kt.augment.LogMel`; None where the elements are waveforms.
    """

    dtype = tf.float32
    log_mel = None

    def __init__(self, path, split, label_file=None, rate=16_000):
        modality = recordings(rate)
        super().__init__(modality, SoundDecoder(rate), path, split, label_file)

    def as_log_mels(self, log_mel):
        """The source whose elements are log-mels `(bands, frames, 1)`.

        Args:
            log_mel: `kt.augment.LogMel` of the source's rate.
        """
        if log_mel.rate != self.decoder.rate:
            raise ValueError(
                "The front end is made for another rate. Expected "
                f"rate={self.decoder.rate}, as of {self.name}. Received: "
                f"log_mel.rate={log_mel.rate}"
            )
        return self._changed(keep=("_readable",), log_mel=log_mel)

    @property
    def image_shape(self):
        return (None,) if self.log_mel is None else (self.log_mel.bands, None, 1)

    def decode(self, record):
        samples = super().decode(record)
        return samples if self.log_mel is None else self.log_mel(samples)

    @functools.cached_property
    def frames(self):
        """How many frames each log-mel has, of what its file's header says."""
        if self.log_mel is None:
            return None
        samples = [_samples_of(path) for path in self.read_paths]
        padded = np.maximum(np.array(samples, np.int64), self.log_mel.min_samples)
        return 1 + padded // self.log_mel.hop

    @functools.cached_property
    def images_in_memory(self):
        return memory.load_log_mels(self)

    def by_length(self):
        """The same log-mels, the shortest first; those of one length in their order."""
        return self.at(np.argsort(self.frames, kind="stable"))

    def understood(self):
        count, *rest = super().understood()
        return [count, *self._facts(), *rest]

    def is_usable(self, record):
        return tf.reduce_any(super().decode(record) != 0.0)

    def reason_of(self, index):
        reason = super().reason_of(index)
        if reason is None and not self.is_usable(self.read_paths[index]):
            return SILENT
        return reason

    def with_levels(self, levels):
        return self  # Those of pictures.

    def _facts(self):
        """How long the recordings are and how they were made, in lines."""
        with concurrent.futures.ThreadPoolExecutor(heads.threads()) as pool:
            facts = [found for found in pool.map(_facts_of, self.paths) if found]
        if not facts:
            return []
        seconds = np.array([found.seconds for found in facts])
        total = _duration(seconds.sum())
        rates = _counts(collections.Counter(found.rate for found in facts), "Hz")
        channels = collections.Counter(found.channels for found in facts)
        lines = [
            f"{total} in all, {seconds.min():.2f} to {seconds.max():.2f} s each; "
            f"{rates}; {_counts(channels, 'channels')}"
        ]
        rate = self.decoder.rate
        slower = sum(found.rate < rate for found in facts)
        if any(found.rate != rate for found in facts):
            lines.append(f"read at {rate:,} Hz (soxr {host_sounds.RESAMPLER})")
        if slower:
            lines.append(
                f"{slower:,} at less than that: their upper bands are empty, so that "
                "they differ from the others"
                if slower < len(facts)
                else "all at less than that: the upper bands are empty"
            )
        return lines


def _facts_of(path):
    try:
        return host_sounds.facts(path)
    except host_sounds.ERRORS:
        return None  # The first pass says so of the file.


def _samples_of(path):
    """Samples of a file that the graph reads; 0 for one that it does not."""
    facts = _facts_of(path)
    return round(facts.seconds * facts.rate) if facts else 0


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} h"


def _counts(counter, unit):
    """Values, the most frequent first, with how many there are where they differ."""
    unit = unit[:-1] if unit == "channels" and set(counter) == {1} else unit
    if len(counter) == 1:
        return f"{next(iter(counter)):,} {unit}"
    most = ", ".join(f"{value:,} ({n:,})" for value, n in counter.most_common(5))
    return f"{most}{', …' if len(counter) > 5 else ''} {unit}"
