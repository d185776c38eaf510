"""Outliers: alone by embedding, odd by their pixels, and unreadable."""

import numpy as np
import pytest
from PIL import Image
from planted import picture, save

from keras_twins.collection.measures import measure_all
from keras_twins.collection.outlier_ranking import local_outlier_factors, outliers
from keras_twins.collection.quality import judge
from keras_twins.errors import InputError


def _clusters(rng, count=60):
    """Two clusters of rows, and one row between them."""
    centres = np.repeat(np.eye(2, 8) * 4, count // 2, axis=0)
    rows = centres + rng.normal(size=(count, 8)) * 0.2
    return np.concatenate([rows, [[1.0, 1.0, 3.0, *[0.0] * 5]]]).astype(np.float32)


def test_a_row_apart_has_the_highest_factor(rng):
    factors, nearest = local_outlier_factors(_clusters(rng))
    assert factors.argmax() == 60 and factors[60] > 2
    assert np.median(factors) == pytest.approx(1.0, abs=0.1)
    assert nearest[60] < 0.8 < nearest[:60].min()


def test_a_copy_does_not_hide_a_row_apart(rng):
    rows = _clusters(rng)
    factors, nearest = local_outlier_factors(np.concatenate([rows, rows[-1:]]))
    assert set(np.argsort(-factors)[:2]) == {60, 61} and nearest[60] > 0.999
    equal = np.repeat(rows[:2], 30, axis=0)
    assert local_outlier_factors(equal)[0].max() < 1.6


def test_each_file_once_with_its_strongest_reason(tmp_path, rng):
    images = {f"{n:02d}.png": picture(n) for n in range(60)}
    images["07.png"] = Image.new("RGB", (96, 80))
    (tmp_path / "torn.png").write_text("not an image")
    pictures = measure_all([*save(tmp_path, images), str(tmp_path / "torn.png")])
    found = outliers(_clusters(rng), pictures, judge(pictures))
    rows = [outlier.row for outlier in found]
    assert rows[:2] == [60, 7] and len(set(rows)) == len(rows)
    assert (found[0].check, found[0].reason) == ("unreadable", "is not an image")
    assert found[1].check in ("dark", "flat")
    assert all(outlier.score >= 1 for outlier in found)


def test_without_pictures_the_embeddings_are_left(rng):
    rows = _clusters(rng)
    pictures = measure_all(["gone.png"] * len(rows))
    found = outliers(rows, pictures, [])
    assert [outlier.row for outlier in found] == [60]
    assert "cosine of 0." in found[0].reason
    with pytest.raises(InputError, match="1 of 61 rows"):
        rows[3] = np.nan
        outliers(rows, pictures, [])
    assert outliers(np.eye(3), measure_all([]), []) == []
