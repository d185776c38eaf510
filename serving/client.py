"""Embeddings from a server: TensorFlow Serving, or `keras-twins serve`.

    from keras_twins.serving.client import EmbeddingClient

    with EmbeddingClient("http://localhost:8501") as client:
        embeddings = client.embed(["a.jpg", "b.png"])

Neither the import nor REST needs TensorFlow.
"""

import urllib.parse

from keras_twins.errors import InputError
from keras_twins.serving.client_errors import EmbeddingError, ImageError, SoundError
from keras_twins.serving.embedder import Embedder
from keras_twins.serving.grpc_transport import GrpcTransport
from keras_twins.serving.rest_transport import RestTransport
from keras_twins.serving.transports import ServerError

__all__ = [
    "EmbeddingClient",
    "EmbeddingError",
    "ImageError",
    "ServerError",
    "SoundError",
]


class EmbeddingClient(Embedder):
    """Embeds images or recordings with a model that a server holds.

    The server says which of them its model takes, and at which rate. They are sent in
    batches, several of them at a time. A request is tried again
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
        batch_size: int. Files in a request; fewer where they are large.
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
        transport = _transport(url, model, timeout, requests_at_a_time)
        super().__init__(transport, retries, batch_size, requests_at_a_time)


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
