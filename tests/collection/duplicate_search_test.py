"""Duplicates of real files: exact, changed, parts; what is kept; what is missing."""

import numpy as np
import pytest
from PIL import Image
from planted import picture, save

from keras_twins.collection import calibration
from keras_twins.collection.calibration import CHANGES, calibrate
from keras_twins.collection.duplicate_search import duplicates
from keras_twins.collection.measures import measure_all
from keras_twins.errors import InputError


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A collection of thirty pictures, of some of which there are copies."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    images = {f"p{seed:02d}.png": picture(seed) for seed in range(30)}
    images["exact.bmp"] = picture(0)
    for seed, (name, change) in enumerate(CHANGES.items(), 1):
        images[f"{name.split()[0]}.png"] = change(picture(seed), rng)
    # The same pixels in another shape are another picture.
    # Pictures that are their own mirror images do not count as false pairs.
    for side in (40, 50, 60, 70):
        images[f"grey{side}.png"] = Image.new("RGB", (side, side), (99, 99, 99))
    stripes = np.arange(32 * 64 * 3).astype(np.uint8)
    images["wide.png"] = Image.fromarray(stripes.reshape(32, 64, 3))
    images["tall.png"] = Image.fromarray(stripes.reshape(64, 32, 3))
    paths = save(folder, images)
    pictures = measure_all(paths)
    # An encoder that says nothing: the pixels find these copies alone.
    embeddings = rng.normal(size=(len(paths), 4)).astype(np.float32)
    return list(images), pictures, duplicates(embeddings, pictures)


def test_finds_each_kind_of_copy_and_nothing_else(found):
    names, _, result = found
    groups = {
        frozenset(names[row] for row in group.rows): group.kinds[1]
        for group in result.groups
    }
    assert groups == {
        frozenset(("p00.png", "exact.bmp")): "exact",
        frozenset(("p01.png", "re-encoded.png")): "near",
        frozenset(("p02.png", "resized.png")): "near",
        frozenset(("p03.png", "half.png")): "near",
        frozenset(("p04.png", "cropped.png")): "part",
        frozenset(f"grey{side}.png" for side in (40, 50, 60, 70)): "near",
    }
    calibrated = result.calibration
    assert min(calibrated.recall.values()) >= 0.9 and calibrated.samples == 41
    near = [g.similarities[1] for g in result.groups if g.kinds[1] != "exact"]
    assert min(near) >= calibrated.threshold > 0.5


def test_the_largest_file_is_kept(found):
    names, _, result = found
    kept = {names[group.rows[0]] for group in result.groups}
    assert {"p03.png", "p04.png"} <= kept  # Not the one of half size, or the part.


def test_a_file_that_is_lossless_or_larger_is_kept_among_equals(tmp_path):
    plain = picture(5)
    plain.save(tmp_path / "a.jpg", quality=60)
    plain.save(tmp_path / "b.jpg", quality=90)
    with Image.open(tmp_path / "a.jpg") as decoded:
        decoded.save(tmp_path / "c.png")
    paths = sorted(map(str, tmp_path.iterdir()))
    pictures = measure_all(paths)
    rows = np.eye(3, dtype=np.float32)
    (group,) = duplicates(rows, pictures).groups
    assert group.rows[0] == 2 and set(group.kinds) == {"keep", "exact", "near"}


def test_files_that_have_gone_are_compared_by_embedding(tmp_path):
    paths = save(tmp_path, {f"{n}.png": picture(n) for n in range(3)})
    pictures = measure_all([*paths, "gone1.png", "gone2.png", "gone3.png"])
    assert pictures.missing == [3, 4, 5] and not pictures.unreadable
    embeddings = np.eye(6, dtype=np.float32)
    embeddings[5] = embeddings[4] * 2
    embeddings[2] = embeddings[1]  # Different pictures all the same.
    (group,) = duplicates(embeddings, pictures).groups
    assert (group.rows, group.kinds) == ([4, 5], ["keep", "same embedding"])


@pytest.mark.parametrize("count", [1, 2])
def test_without_any_picture(count):
    pictures = measure_all(["gone.png"] * count)
    result = duplicates(np.ones((count, 3), np.float32), pictures)
    assert len(result.groups) == count - 1
    assert result.calibration.threshold is None and result.compared == 0


def test_refuses_what_does_not_fit():
    pictures = measure_all(["gone.png"] * 3)
    with pytest.raises(ValueError, match="2 embeddings and 3 pictures"):
        duplicates(np.ones((2, 3)), pictures)
    with pytest.raises(InputError, match="1 of 3 rows"):
        duplicates(np.array([[1.0], [2.0], [np.nan]]), pictures)


def test_the_threshold_rises_until_false_pairs_are_rare():
    rng = np.random.default_rng(0)
    copies = {"changed": rng.uniform(0.8, 1.0, 1000)}
    real, false = rng.uniform(0.8, 1.0, 5000), rng.uniform(0.5, 0.9, 4000)
    found, nothing = np.concatenate([real, false]), np.zeros(9000)

    def precision(threshold):
        passing = (real >= threshold).sum(), (false >= threshold).sum()
        return passing[0] / sum(passing)

    lax = calibrate(copies, found, nothing, 0.5)
    assert lax.threshold == pytest.approx(0.802, abs=2e-3)
    assert lax.precision == pytest.approx(precision(lax.threshold), abs=0.1)
    strict = calibrate(copies, found, nothing, 0.95)
    assert precision(strict.threshold) >= 0.9 and strict.threshold > 0.85
    assert strict.recall["changed"] == pytest.approx(
        (copies["changed"] >= strict.threshold).mean()
    )
    # Mirrored pairs that pass are false ones.
    mirrored = np.concatenate([false, np.zeros(5000)])
    assert calibrate(copies, found, mirrored, 0.95).threshold > 0.86
    assert calibrate(copies, real, real, 0.95).precision < 0.95
    assert calibrate(copies, np.zeros(5), np.zeros(5), 0.95).precision is None


def test_copies_of_a_picture_are_what_their_names_say():
    rng = np.random.default_rng(1)
    sizes = {name: change(picture(0), rng).size for name, change in CHANGES.items()}
    assert sizes["re-encoded"] == (96, 80)
    assert sizes["half size"] == (48, 40)
    assert sizes["cropped to 80 %"] == (77, 64)
    assert sizes["resized"] != (96, 80)
    dot = Image.new("RGB", (1, 1))
    assert {change(dot, rng).size for change in CHANGES.values()} <= {(1, 1), (2, 2)}
    assert list(calibration.copies(measure_all([]))) == []
