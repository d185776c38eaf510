"""Recordings of any length as windows, of which memory holds one at a time."""

import dataclasses
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from keras_twins.decode import host_sounds
from keras_twins.decode.errors import Unreadable


class Window(NamedTuple):
    """A part of a recording.

    Attributes:
        start_ms: int, where it begins.
        end_ms: int, where it ends.
        samples: `(n,)` int16 array, n of 1 or more.
    """

    start_ms: int
    end_ms: int
    samples: np.ndarray


@dataclasses.dataclass(frozen=True)
class Windows:
    """How recordings are cut.

    A window begins every `hop_ms` from the beginning, until one reaches the end of the
    recording. That one may be shorter; so may be the only one of a short recording.

    Attributes:
        rate: int, of the samples, in Hz.
        window_ms: int, how long a window is, 1 or more.
        hop_ms: int, from the beginning of one to that of the next, 1 or more.
    """

    rate: int
    window_ms: int
    hop_ms: int

    def of(self, file: BinaryIO) -> Iterator[Window]:
        """Cuts a recording while it is read, in blocks of a few seconds.

        Args:
            file: binary file object of any recording, of any length.

        Yields:
            `Window`, in their order.

        Raises:
            one of `host_sounds.ERRORS`: for a file that cannot be read, where its
                fault is met.
        """
        held, held_at, start, count = np.zeros(0, np.int16), 0, 0, 0
        for block in host_sounds.blocks(file, self.rate):
            held = np.concatenate([held, block])
            end = held_at + len(held)
            while (stop := self._stop(count)) <= end:
                yield self._window(count, held[start - held_at : stop - held_at])
                count += 1
                start = self._start(count)
            gone = min(start - held_at, len(held))
            held, held_at = held[gone:], held_at + gone
        end = held_at + len(held)
        if end == 0:
            raise Unreadable(host_sounds.NO_SAMPLE_AT_RATE)
        is_covered = count > 0 and self._stop(count - 1) >= end
        if start < end and not is_covered:
            yield self._window(count, held[start - held_at :])

    def _window(self, count, samples):
        start_ms = count * self.hop_ms
        length_ms = round(1000 * len(samples) / self.rate)
        return Window(start_ms, start_ms + length_ms, samples)

    def _start(self, count):
        """The first sample of a window."""
        return count * self.hop_ms * self.rate // 1000

    def _stop(self, count):
        """The sample behind the last one of a window."""
        return self._start(count) + max(1, self.window_ms * self.rate // 1000)
