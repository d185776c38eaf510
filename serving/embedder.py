"""Images or recordings in, embeddings out: in batches, several at a time.

What embeds a batch is a transport: a server's, or a model's in this process.
"""

import collections
import concurrent.futures
import itertools
import os
import random
import threading
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_twins.decode import errors
from keras_twins.errors import InputError
from keras_twins.serving.client_errors import EmbeddingError
from keras_twins.serving.client_images import Picture
from keras_twins.serving.client_sounds import Sound
from keras_twins.serving.model_input import ModelInput
from keras_twins.serving.transports import Model, Refused, Unavailable

Given: TypeAlias = "Picture | Sound"

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0
# Stays clear of what servers and proxies take, also when it is written as base64.
_REQUEST_BYTES = 16 * 2**20


class _Encoded(NamedTuple):
    place: int
    given: Given
    encoded: bytes


class Outcome(NamedTuple):
    """What became of one batch.

    Attributes:
        rows: float32 array `(n, width)`, the embeddings of those that have one, in
            their order; `(0, 0)` where none has.
        errors: list of `EmbeddingError`, of the others, in their order.
    """

    rows: npt.NDArray[np.float32]
    errors: list[EmbeddingError]


class Embedder:
    """Embeds images or recordings, whichever a model takes, through a transport.

    Args:
        transport: see `keras_twins.serving.transports`.
        retries: int. How often a batch is tried again.
        batch_size: int. Images or recordings in a batch.
        batches_at_a_time: int.
    """

    def __init__(self, transport, retries, batch_size, batches_at_a_time):
        self._transport = transport
        self._retries = retries
        self._batch_size = batch_size
        self._batches_at_a_time = batches_at_a_time
        self._input = None
        self._asking = threading.Lock()

    def embed(self, images: Iterable[Given]) -> npt.NDArray[np.float32]:
        """Embeds images or recordings.

        Args:
            images: for a model of images, iterable of paths, bytes of encoded pictures,
                uint8 arrays `(height, width, 3)` or PIL images, mixed as one likes. For
                a model of recordings, of paths, bytes of files, float arrays
                `(samples,)` or `(samples, channels)` in -1..1 at the model's rate, or
                pairs `(array, rate)`. Files of any rate and format are taken.

        Returns:
            float32 array `(N, width)`, in the order of the images; `(0, 0)` for none,
            since no server is asked then.

        Raises:
            EmbeddingError: an `ImageError` or `SoundError`, naming the first one that
                cannot be read or that the server refuses.
            ServerError: if the server is not there, has no such model, takes too long
                or fails.
        """
        batches = list(self.embed_batches(images))
        return np.concatenate(batches) if batches else np.zeros((0, 0), np.float32)

    def embed_batches(
        self, images: Iterable[Given]
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Embeds images one batch after the other, for more than memory holds.

        Args:
            images: as `embed`. An iterator is read only as far as requests are sent.

        Yields:
            float32 arrays `(batch, width)`, in the order of the images.

        Raises:
            EmbeddingError, ServerError: as `embed`.
        """
        for outcome in self._outcomes(images, strict=True):
            if outcome.errors:
                raise outcome.errors[0]
            yield outcome.rows

    def outcomes(self, images: Iterable[Given]) -> Iterator[Outcome]:
        """Embeds images one batch after the other, and says which have no embedding.

        An image that cannot be read, or is refused, costs no other its embedding and is
        never blamed for another.

        Args:
            images: as `embed_batches`.

        Yields:
            `Outcome` of each batch, in the order of the images.

        Raises:
            ServerError: as `embed`.
        """
        return self._outcomes(images, strict=False)

    def _outcomes(self, images, strict):
        if isinstance(images, (str, bytes, os.PathLike)):
            raise InputError(
                f"images: expected a list; got one {type(images).__name__}"
            )
        pending: collections.deque[concurrent.futures.Future] = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(self._batches_at_a_time) as pool:
            try:
                numbered = enumerate(images)
                while batch := list(itertools.islice(numbered, self._batch_size)):
                    pending.append(pool.submit(self._embed, batch, strict))
                    if len(pending) > self._batches_at_a_time:
                        yield self._first_outcome(pending)
                while pending:
                    yield self._first_outcome(pending)
            finally:
                for future in pending:
                    future.cancel()

    def model(self) -> Model:
        """Which model embeds now.

        Raises:
            ServerError: as `embed`.
        """
        return self._try(self._transport.model)

    def input(self) -> ModelInput:
        """What the model takes, which is asked once.

        Raises:
            ServerError: as `embed`.
        """
        with self._asking:
            if self._input is None:
                self._input = self._try(self._transport.input)
            return self._input

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _first_outcome(self, pending):
        images, errors_before, answer = pending.popleft().result()
        if not isinstance(answer, Refused):
            return _outcome([answer], errors_before)
        if pending:
            # A server that runs several requests as one batch refuses them all for one
            # image. So what fails is asked again when nothing else is on its way.
            concurrent.futures.wait(pending)
            return _outcome(*self._embed_or_narrow_down(images, errors_before))
        return _outcome(*self._narrow_down(images, answer, errors_before))

    def _embed(self, batch, strict):
        """The images of a batch that can be read, errors of the others, and an answer.

        The answer is the embeddings, or `Refused`. With `strict`, nothing is asked for
        where an image cannot be read, and its error is raised.
        """
        takes = self.input()
        images, unreadable = [], []
        for index, given in batch:
            try:
                images.append(_Encoded(index, given, takes.encode(index, given)))
            except EmbeddingError as error:
                if strict:
                    raise
                unreadable.append(error)
        try:
            return images, unreadable, self._ask(images)
        except Refused as refused:
            if self._transport.meets_others:
                return images, unreadable, refused
            parts, found = self._narrow_down(images, refused, unreadable)
            return images, found, _concatenated(parts)

    def _embed_or_narrow_down(self, images, found):
        try:
            return [self._ask(images)], found
        except Refused as refused:
            return self._narrow_down(images, refused, found)

    def _narrow_down(self, images, refused, found):
        """The embeddings of images that are refused together, in parts, and errors."""
        if len(images) == 1:
            index, given, _ = images[0]
            error = self.input().error(index, given, errors.reason(str(refused)))
            return [], [*found, error]
        middle, parts = len(images) // 2, []
        for half in images[:middle], images[middle:]:
            more, found = self._embed_or_narrow_down(half, found)
            parts += more
        return parts, found

    def _ask(self, images):
        return _concatenated(
            self._try(self._transport.embed, self.input().name, part)
            for part in _requests([image.encoded for image in images])
        )

    def _try(self, function, *arguments):
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(self._retries):
            try:
                return function(*arguments)
            except Unavailable:
                # Drawn, so that clients that failed together do not return together.
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return function(*arguments)


def _outcome(parts, found):
    return Outcome(_concatenated(parts), sorted(found, key=lambda error: error.index))


def _concatenated(parts):
    parts = [part for part in parts if len(part)]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def _requests(encoded):
    """Splits images into requests of `_REQUEST_BYTES`, or of one larger image."""
    request, size = [], 0
    for image in encoded:
        if request and size + len(image) > _REQUEST_BYTES:
            yield request
            request, size = [], 0
        request.append(image)
        size += len(image)
    if request:
        yield request
