"""Laws of the client, against servers that fail by script."""

import socket
import ssl
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import trustme

from keras_twins.errors import InputError
from keras_twins.serving import embedder
from keras_twins.serving.client import EmbeddingClient, ImageError, ServerError

IMAGES = [f"image {n}\0".encode() for n in range(100)]
BAD = b"a bad image"

both = pytest.mark.parametrize("protocol", ["http", "grpc"])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(embedder, "_FIRST_PAUSE_SECONDS", 0.01)


@both
def test_embeddings_come_in_the_order_of_the_images(serve, expected, protocol):
    url, server = serve(protocol, seconds=0.02)
    with EmbeddingClient(url, batch_size=7, requests_at_a_time=3) as client:
        embeddings = client.embed(iter(IMAGES))
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, expected(IMAGES))
    assert sorted(map(len, server.requests)) == [2, *[7] * 14]
    assert server.most_at_a_time == 3


@both
def test_an_answer_of_many_megabytes_is_taken(serve, expected, protocol):
    url, _ = serve(protocol, width=100_000)
    with EmbeddingClient(url) as client:
        np.testing.assert_array_equal(
            client.embed(IMAGES[:20]), expected(IMAGES[:20], 100_000)
        )


def test_large_images_go_in_smaller_requests(serve, expected, monkeypatch):
    monkeypatch.setattr(embedder, "_REQUEST_BYTES", 25)
    url, server = serve("http")
    images = [b"0123456789", b"12", b"x" * 40, b"a" * 20, b"b" * 5, b"c"]
    with EmbeddingClient(url) as client:
        np.testing.assert_array_equal(client.embed(images), expected(images))
    assert [len(request) for request in server.requests] == [2, 1, 2, 1]


def test_no_image_needs_no_server():
    with EmbeddingClient("http://localhost:1") as client:
        assert client.embed([]).shape == (0, 0)


def test_images_are_read_as_they_are_sent(serve):
    url, _ = serve("http")
    taken = 0

    def images():
        nonlocal taken
        for image in IMAGES:
            taken += 1
            yield image

    with EmbeddingClient(url, batch_size=2, requests_at_a_time=3) as client:
        batches = client.embed_batches(images())
        assert next(batches).shape == (2, 4)
        assert taken <= 2 * (3 + 1)
        batches.close()


@both
@pytest.mark.parametrize("script", [(503,), (429,), ("drop",), (503, "drop", 429)])
def test_what_passes_is_tried_again(serve, expected, protocol, script):
    url, server = serve(protocol, *script)
    with EmbeddingClient(url, retries=3) as client:
        np.testing.assert_array_equal(client.embed(IMAGES[:3]), expected(IMAGES[:3]))
    assert len(server.requests) == len(script) + 1


@both
def test_tries_end(serve, protocol):
    url, server = serve(protocol, *[503] * 9)
    with EmbeddingClient(url, retries=2) as client:
        with pytest.raises(ServerError, match="scripted 503"):
            client.embed(IMAGES[:1])
    assert len(server.requests) == 3


def test_pauses_double_up_to_a_limit_and_are_drawn(serve, monkeypatch):
    pauses = []
    monkeypatch.setattr(embedder, "_FIRST_PAUSE_SECONDS", 1.0)
    monkeypatch.setattr(embedder.time, "sleep", pauses.append)
    url, _ = serve("http", *[503] * 6)
    with EmbeddingClient(url, retries=6) as client:
        client.embed(IMAGES[:1])
    longest = np.array([1, 2, 4, 8, 10, 10])
    # The scripted server sleeps as well, for no time at all.
    pauses = np.array([pause for pause in pauses if pause])
    assert np.all(pauses <= longest) and np.all(pauses >= longest / 2)
    assert len(set(pauses / longest)) == 6


@both
@pytest.mark.parametrize("status", [400, 404, 500])
def test_what_another_try_does_not_change_is_tried_once(serve, protocol, status):
    url, server = serve(protocol, *[status] * 9)
    with EmbeddingClient(url) as client:
        with pytest.raises((ImageError, ServerError), match=f"scripted {status}"):
            client.embed(IMAGES[:1])
    assert len(server.requests) == 1


@both
def test_an_unknown_model_is_named(serve, protocol):
    url, _ = serve(protocol)
    with pytest.raises(ServerError, match="serves no model 'embeder'"):
        with EmbeddingClient(url, model="embeder") as client:
            client.embed(IMAGES[:1])


@both
def test_an_answer_that_is_no_embedding_is_said_to_be_none(serve, protocol):
    url, _ = serve(protocol, width=None)
    with pytest.raises(ServerError, match="is 'embedder' an exported embedding model"):
        with EmbeddingClient(url) as client:
            client.embed(IMAGES[:2])


@both
def test_a_server_that_hangs_is_given_up_after_the_timeout(serve, protocol):
    url, server = serve(protocol, "hang")
    began = time.monotonic()
    with pytest.raises(ServerError, match=r"took more than 0\.3 s"):
        with EmbeddingClient(url, timeout=0.3) as client:
            client.embed(IMAGES[:1])
    assert 0.3 <= time.monotonic() - began < 5
    assert len(server.requests) == 1


@both
def test_nobody_there_is_said(protocol, free_addresses):
    [address] = free_addresses(1)
    with pytest.raises(
        ServerError,
        match=f"^{protocol}://{address} (does not answer|is not available): .",
    ):
        with EmbeddingClient(f"{protocol}://{address}", retries=1) as client:
            client.embed(IMAGES[:1])


@both
def test_a_server_that_comes_later_is_found(
    serve, expected, protocol, free_addresses, monkeypatch
):
    monkeypatch.setattr(embedder, "_FIRST_PAUSE_SECONDS", 0.2)
    [address] = free_addresses(1)
    port = int(address.split(":")[1])
    starting = threading.Timer(0.5, serve, [protocol], {"port": port})
    starting.start()
    with EmbeddingClient(f"{protocol}://{address}") as client:
        np.testing.assert_array_equal(client.embed(IMAGES[:1]), expected(IMAGES[:1]))
    starting.join()


@both
@pytest.mark.parametrize("place", [0, 13, 31, 50, 99])
def test_the_image_that_is_refused_is_named(serve, protocol, place):
    url, server = serve(protocol)
    images = [*IMAGES[:place], BAD, *IMAGES[place + 1 :]]
    with EmbeddingClient(url, batch_size=32) as client:
        with pytest.raises(ImageError) as caught:
            client.embed(images)
    assert (
        str(caught.value)
        == f"images[{place}]: is not a JPEG, PNG, BMP, GIF or WebP image"
    )
    assert caught.value.index == place
    # Four batches; the one with the image asked again, halved and halved.
    assert len(server.requests) <= 4 + 1 + 2 * 5


def test_its_path_names_an_image_that_is_refused(serve, tmp_path):
    paths = [tmp_path / f"{n}.jpg" for n in range(5)]
    for n, path in enumerate(paths):
        path.write_bytes(BAD if n in (2, 4) else IMAGES[n])
    url, _ = serve("http")
    with pytest.raises(ImageError, match=f"^{paths[2]}: is not a JPEG"):
        with EmbeddingClient(url, batch_size=2) as client:
            client.embed(paths)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_requests_refused_with_anothers_image_are_not_blamed(serve, batch_size):
    url, server = serve("http", seconds=0.1, merges=True)
    images = [*IMAGES[:3], BAD, *IMAGES[:4]]
    with EmbeddingClient(url, batch_size=batch_size, requests_at_a_time=4) as client:
        with pytest.raises(ImageError, match=r"^images\[3\]: "):
            client.embed(images)
    assert server.most_at_a_time > 1


def test_a_batch_refused_once_for_a_strangers_image_is_embedded(serve, expected):
    url, _ = serve("http", 400)
    with EmbeddingClient(url) as client:
        np.testing.assert_array_equal(client.embed(IMAGES[:8]), expected(IMAGES[:8]))


@both
def test_tls(serve, expected, protocol, tmp_path, monkeypatch):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    if protocol == "http":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(tls)
    else:
        import grpc

        key = certificate.private_key_pem.bytes()
        chain = certificate.cert_chain_pems[0].bytes()
        tls = grpc.ssl_server_credentials([(key, chain)])
    url, _ = serve(protocol, tls=tls)
    assert url.startswith(f"{protocol}s://")
    with pytest.raises(ServerError, match="(?i)certificate|handshake"):
        with EmbeddingClient(url, retries=0) as client:
            client.embed(IMAGES[:1])
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    if protocol == "grpc":
        # gRPC reads its variable once a process: a certificate is given by hand here.
        import grpc

        trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        monkeypatch.setattr(grpc, "ssl_channel_credentials", lambda: trusted)
    with EmbeddingClient(url) as client:
        np.testing.assert_array_equal(client.embed(IMAGES[:2]), expected(IMAGES[:2]))


@pytest.mark.parametrize(
    "url",
    ["localhost:8501", "ftp://localhost", "http://", "grpc://localhost", "http://a:b"],
)
def test_a_url_that_is_none_is_named(url):
    with pytest.raises(InputError, match=url):
        EmbeddingClient(url)


@pytest.mark.parametrize(
    "argument",
    [{"retries": -1}, {"batch_size": 0}, {"requests_at_a_time": 0}, {"timeout": 0}],
)
def test_an_argument_out_of_range_is_named(argument):
    [(name, value)] = argument.items()
    with pytest.raises(InputError, match=f"{name}={value}"):
        EmbeddingClient("http://localhost:1", **argument)


@pytest.mark.parametrize(
    ("url", "package"),
    [("http://h:1", "httpx"), ("grpc://h:1", "tensorflow_serving.apis")],
)
def test_a_missing_package_is_named(monkeypatch, url, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r"keras-twins\[serving\]"):
        EmbeddingClient(url)


def test_rest_needs_no_tensorflow(serve):
    url, _ = serve("http")
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tensorflow_serving', 'grpc'):\n"
        "    sys.modules[name] = None\n"
        "import keras_twins as kt\n"
        f"client = kt.serving.client.EmbeddingClient({url!r})\n"
        "print(client.embed([b'x', b'y']).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "(2, 4)\n", done.stderr


def test_a_server_that_says_no_http_is_no_server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def talk():
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-nothing\r\n")

        threading.Thread(target=talk, daemon=True).start()
        with pytest.raises(ServerError, match="does not answer"):
            with EmbeddingClient(f"http://127.0.0.1:{port}", retries=0) as client:
                client.embed(IMAGES[:1])
