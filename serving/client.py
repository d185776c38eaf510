"""Embeddings from a server: TensorFlow Serving, or `keras-twins serve`.

    from keras_twins.serving.client import EmbeddingClient

    with EmbeddingClient("http://localhost:8501") as client:
        embeddings = client.embed(["a.jpg", "b.png"])

Neither the import nor REST needs TensorFlow.
"""

import collections
import concurrent.futures
import itertools
import os
import random
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_twins.decode import errors
from keras_twins.errors import InputError
from keras_twins.serving.client_images import ImageError, Picture, encode
from keras_twins.serving.transports import (
    GrpcTransport,
    Refused,
    RestTransport,
    ServerError,
    Unavailable,
)

__all__ = ["EmbeddingClient", "ImageError", "ServerError"]

_Batch: TypeAlias = list[tuple[int, Picture]]
_Answer: TypeAlias = concurrent.futures.Future[npt.NDArray[np.float32]]

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0
# Stays clear of what servers and proxies take, also when it is written as base64.
_REQUEST_BYTES = 16 * 2**20


class EmbeddingClient:
    """Embeds images with a model that a server holds.

    Images are sent in batches, several of them at a time. A request is tried again
    where another try may help: where nobody answers or the connection breaks, and
    where the server says that it is overloaded (429, 502, 503, UNAVAILABLE,
    RESOURCE_EXHAUSTED). Embedding changes nothing at the server, so a request that
    was carried out before its answer got lost does no harm.

    Args:
        url: str. `http://host:8501` or `https://…` for REST, `grpc://host:8500` or
            `grpcs://…` (TLS) for gRPC, which also needs TensorFlow.
        model: str. The model's name at the server.
        timeout: float. Seconds that one request may take; over REST, that the server
            may be silent. A request that takes longer is not sent again.
        retries: int. How often a request is tried again, with pauses that double from
            a quarter of a second to ten seconds.
        batch_size: int. Images in a request; fewer where they are large files.
        requests_at_a_time: int.

    Raises:
        InputError: if an argument is wrong or a package is missing.
    """

    def __init__(
        self,
        url: str,
        model: str = "embedder",
        timeout: float = 60.0,
        retries: int = 4,
        batch_size: int = 32,
        requests_at_a_time: int = 4,
    ) -> None:
        at_least = {
            "retries": (retries, 0),
            "batch_size": (batch_size, 1),
            "requests_at_a_time": (requests_at_a_time, 1),
        }
        for name, (value, least) in at_least.items():
            if value < least:
                raise InputError(f"{name}={value}: expected at least {least}")
        if not timeout > 0:
            raise InputError(f"timeout={timeout}: expected seconds, more than 0")
        self._transport = _transport(url, model, timeout, requests_at_a_time)
        self._retries = retries
        self._batch_size = batch_size
        self._requests_at_a_time = requests_at_a_time

    def embed(self, images: Iterable[Picture]) -> npt.NDArray[np.float32]:
        """Embeds images.

        Args:
            images: iterable of paths, bytes of encoded pictures, uint8 arrays
                `(height, width, 3)` or PIL images, mixed as one likes.

        Returns:
            float32 array `(N, width)`, in the order of the images; `(0, 0)` for no
            image, since no server is asked then.

        Raises:
            ImageError: naming the first image that cannot be read or that the server
                refuses.
            ServerError: if the server is not there, has no such model, takes too long
                or fails.
        """
        batches = list(self.embed_batches(images))
        return np.concatenate(batches) if batches else np.zeros((0, 0), np.float32)

    def embed_batches(
        self, images: Iterable[Picture]
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Embeds images one batch after the other, for more than memory holds.

        Args:
            images: as `embed`. An iterator is read only as far as requests are sent.

        Yields:
            float32 arrays `(batch, width)`, in the order of the images.

        Raises:
            ImageError, ServerError: as `embed`.
        """
        if isinstance(images, (str, bytes, os.PathLike)):
            raise InputError(
                f"images: expected a list; got one {type(images).__name__}"
            )
        pending: collections.deque[tuple[_Batch, _Answer]] = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(self._requests_at_a_time) as pool:
            try:
                numbered = enumerate(images)
                while batch := list(itertools.islice(numbered, self._batch_size)):
                    pending.append((batch, pool.submit(self._embed, batch)))
                    if len(pending) > self._requests_at_a_time:
                        yield self._first_answer(pending)
                while pending:
                    yield self._first_answer(pending)
            finally:
                for _, future in pending:
                    future.cancel()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _first_answer(self, pending):
        batch, future = pending.popleft()
        try:
            return future.result()
        except Refused as error:
            if not pending:
                return self._narrow_down(batch, error)
            # A server that runs several requests as one batch refuses them all for one
            # image. So what fails is asked again when nothing else is on its way.
            concurrent.futures.wait([future for _, future in pending])
            return self._embed_or_narrow_down(batch)

    def _embed_or_narrow_down(self, batch):
        try:
            return self._embed(batch)
        except Refused as error:
            return self._narrow_down(batch, error)

    def _narrow_down(self, batch, error):
        if len(batch) == 1:
            [(index, image)] = batch
            raise ImageError(index, image, errors.reason(str(error))) from error
        middle = len(batch) // 2
        halves = batch[:middle], batch[middle:]
        return np.concatenate([self._embed_or_narrow_down(half) for half in halves])

    def _embed(self, batch):
        encoded = [encode(index, image) for index, image in batch]
        return np.concatenate([self._ask(part) for part in _requests(encoded)])

    def _ask(self, encoded):
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(self._retries):
            try:
                return self._transport.embed(encoded)
            except Unavailable:
                # Drawn, so that clients that failed together do not return together.
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return self._transport.embed(encoded)


def _requests(encoded):
    """Splits images into requests of `_REQUEST_BYTES`, or of one larger image."""
    request, size = [], 0
    for image in encoded:
        if request and size + len(image) > _REQUEST_BYTES:
            yield request
            request, size = [], 0
        request.append(image)
        size += len(image)
    yield request


def _transport(url, model, timeout, connections):
    parts = urllib.parse.urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{url}: {error}") from error
    if parts.scheme in ("http", "https") and host:
        return RestTransport(url.rstrip("/"), model, timeout, connections)
    if parts.scheme in ("grpc", "grpcs") and host and port:
        return GrpcTransport(url.rstrip("/"), model, timeout)
    raise InputError(
        f"{url}: expected http://host:port, https://host, grpc://host:port or "
        "grpcs://host:port"
    )
