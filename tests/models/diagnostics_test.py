"""What the step says of embeddings, against eigenvalues in double precision."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_twins.models import diagnostics


def ratio(embeddings):
    found = diagnostics.participation_ratio(ops.convert_to_tensor(embeddings))
    return float(ops.convert_to_numpy(found))


@pytest.mark.parametrize("shape", [(40, 6), (6, 40), (16, 16)])
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-3, 0), (1e4, 0), (1, 3)])
def test_participation_ratio_is_that_of_the_eigenvalues(rng, shape, scale, offset):
    z = rng.normal(size=shape) * rng.uniform(0.1, 2.0, size=shape[1]) + offset
    z = (scale * z).astype("float32")
    eigenvalues = np.linalg.eigvalsh(np.cov(z.astype("float64"), rowvar=False))
    expected = eigenvalues.sum() ** 2 / np.sum(eigenvalues**2)
    assert ratio(z) == pytest.approx(expected, rel=1e-4)


def test_equal_directions_count_as_one_each():
    corners = np.concatenate([np.eye(5), -np.eye(5)]).astype("float32")
    assert ratio(corners) == pytest.approx(5.0)
    corners[:, 3:] = 0.0
    assert ratio(corners) == pytest.approx(3.0)


def test_a_collapse_to_a_line_or_a_point_is_1(rng):
    along = rng.normal(size=(64, 1))
    line = (1.0 + along * rng.normal(size=(1, 32))).astype("float32")
    assert ratio(line) == pytest.approx(1.0, abs=1e-3)
    point = np.full((64, 32), 0.7, np.float32)
    assert ratio(point) == 1.0
    assert ratio(np.zeros((64, 32), np.float32)) == 1.0
    # What the rounding of 16 bits leaves of a point points in all directions.
    noise = 1.0 + 2.0**-8 * rng.choice([-0.5, 0.0, 0.5], size=(64, 32))
    assert ratio((point * noise).astype("float32")) == 1.0


def test_embedding_std_is_its_definition(rng):
    z = rng.normal(size=(50, 8)) + rng.normal(size=8)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    found = diagnostics.embedding_std(ops.convert_to_tensor(z.astype("float32")))
    expected = np.mean(unit.std(axis=0)) * np.sqrt(8)
    assert float(ops.convert_to_numpy(found)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traced shapes")
def test_a_batch_of_unknown_size_gives_the_same(rng):
    import tensorflow as tf

    z = rng.normal(size=(6, 40)).astype("float32")
    signature = [tf.TensorSpec((None, 40), tf.float32)]
    traced = tf.function(diagnostics.participation_ratio, input_signature=signature)
    assert float(traced(z)) == pytest.approx(ratio(z), rel=1e-5)
