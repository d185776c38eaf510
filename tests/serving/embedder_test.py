"""One bad image of a batch costs no other, and no other is blamed for it."""

import numpy as np
import pytest

from keras_twins import collection
from keras_twins.collection import bulk, images, shards
from keras_twins.errors import InputError
from keras_twins.serving.client import EmbeddingClient

both = pytest.mark.parametrize("protocol", ["http", "grpc"])


@both
@pytest.mark.parametrize("merges", [False, True])
@pytest.mark.parametrize("bad", [{3}, {0, 1, 2, 3, 19}, set(range(20))])
def test_each_image_on_its_own_account(serve, expected, protocol, merges, bad):
    url, _ = serve(protocol, merges=merges, seconds=0.005)
    given = [b"a bad image" if n in bad else b"image %d" % n for n in range(20)]
    with EmbeddingClient(url, batch_size=4, requests_at_a_time=3) as client:
        outcomes = list(client.outcomes(given))
    errors = [error for outcome in outcomes for error in outcome.errors]
    assert [error.index for error in errors] == sorted(bad)
    assert {error.reason for error in errors} == {
        "is not a JPEG, PNG, BMP, GIF or WebP image"
    }
    rows = [outcome.rows for outcome in outcomes if len(outcome.rows)]
    good = [given[n] for n in range(20) if n not in bad]
    if good:
        np.testing.assert_array_equal(np.concatenate(rows), expected(good))
    else:
        assert not rows


@both
def test_a_model_that_changes_meanwhile_is_said(serve, protocol, tmp_path):
    paths = [tmp_path / f"{n}.jpg" for n in range(6)]
    for path in paths:
        path.write_bytes(path.name.encode())
    files = list(images.Search([str(path) for path in paths]))
    url, server = serve(protocol)

    def done(count):
        if len(server.requests) == 2:
            server.version = 2

    with EmbeddingClient(url) as client:
        with (
            shards.Shards(tmp_path / "embeddings", client.model()) as opened,
            opened.ledger() as ledger,
        ):
            with pytest.raises(InputError, match="now holds embedder version 2; the"):
                with bulk.by(client) as embed:
                    groups = iter([files[:2], files[2:4], files[4:]])
                    bulk.embed_into(opened, embed(groups, False, done), ledger)
            assert collection.read(tmp_path / "embeddings").paths == [
                file.path for file in files[:2]
            ]
