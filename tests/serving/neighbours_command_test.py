"""`keras-twins neighbours --server`: a server embeds what is asked for."""

import numpy as np
import pytest
from planted import picture, save

from keras_twins import collection
from keras_twins.commands import neighbours, searched
from keras_twins.errors import InputError


@pytest.fixture
def scans(tmp_path):
    return save(tmp_path, {f"{n}.png": picture(n) for n in range(8)})


def _contents(paths):
    found = []
    for path in paths:
        with open(path, "rb") as file:
            found.append(file.read())
    return found


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_server_embeds_the_queries(serve, expected, scans, tmp_path, protocol):
    url, server = serve(protocol)
    rows = expected(_contents(scans))
    path = tmp_path / "e.npz"
    collection.write(path, rows[:6], scans[:6])
    among = searched.File(path, server=(url, "embedder"))
    answers = neighbours.find(among, [scans[7], scans[2]], 3)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for answer, own in zip(answers, (7, 2), strict=True):
        cosines = unit[:6] @ unit[own]
        order = [row for row in np.argsort(-cosines) if row != own][:3]
        assert answer.rows.tolist() == order
        np.testing.assert_allclose(answer.similarities, cosines[order], atol=1e-5)
    sent = [image for request in server.requests for image in request]
    assert sent[0] == _contents([scans[7]])[0]
    assert len(sent) == 1 + 4  # And four pictures that show which model it is.


def test_a_server_that_cannot_is_one_line(serve, expected, scans, tmp_path):
    path = tmp_path / "e.npz"
    collection.write(path, expected(_contents(scans))[:6], scans[:6])
    url, _ = serve("rest")
    with pytest.raises(InputError, match="--server=.*embed_other"):
        among = searched.File(path, server=(url, "embed_other"))
        neighbours.find(among, [scans[7]], 3)
    url, _ = serve("rest", width=5)
    with pytest.raises(InputError, match="gives embeddings of width 5; .* width of 4"):
        neighbours.find(searched.File(path, server=(url, "embedder")), [scans[7]], 3)
    collection.write(path, -expected(_contents(scans))[:6], scans[:6])
    url, _ = serve("rest")
    with pytest.raises(InputError, match="http.* is not the model of --embeddings"):
        neighbours.find(searched.File(path, server=(url, "embedder")), [scans[7]], 3)
