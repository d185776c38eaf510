"""Views beside the first two, through every kind of source and from any step on."""

import data_service
import numpy as np
import pytest
from PIL import Image

from keras_twins import augment, data

COUNT, BATCH = 6, 2
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (COUNT, 24, 24, 3), dtype=np.uint8)
# Without blur, whose programs take long to compile.
SPEC = augment.preset("digits")
SPEC["view_a"]["blur"] = SPEC["view_b"]["blur"] = 0.0
FURTHER = {"count": 2, "image_size": 8, "crop_scale": (0.1, 0.3)}
SHAPES = [(BATCH, 16, 16, 3)] * 2 + [(BATCH, 8, 8, 3)] * 2
NAMES = ("arrays", "files", "files of different sizes", "parts of JPEG files", "stream")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("further")
    for folder in ("png", "sizes", "jpg"):
        (root / folder).mkdir()
    smooth = np.mgrid[:48, :64][0].astype(np.uint8)
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(root / "png" / f"{number}.png")
        cut = image[: 20 - number, : 12 + number]
        Image.fromarray(cut).save(root / "sizes" / f"{number}.png")
        grey = Image.fromarray(smooth + np.uint8(10 * number))
        grey.convert("RGB").save(root / "jpg" / f"{number}.jpg", quality=95)
    return {
        "arrays": data.from_arrays(IMAGES),
        "files": data.load(f"folder:{root / 'png'}"),
        "files of different sizes": data.load(f"folder:{root / 'sizes'}"),
        "parts of JPEG files": data.load(f"folder:{root / 'jpg'}"),
        "stream": data.from_arrays(IMAGES).map(lambda image: image),
    }


class Keys:
    """In place of the views: the key of each image."""

    def __call__(self, images, keys):
        return keys, keys


def taken(images, views, start, count, **options):
    dataset = data.two_view_pipeline(
        images, views, BATCH, start=start, cache=False, **options
    )
    return [[view.numpy() for view in batch] for batch in dataset.take(count)]


def assert_same(batches, others, atol=0.0):
    """Compares the views that both have."""
    for batch, other in zip(batches, others, strict=True):
        for view, expected in zip(batch, other, strict=False):
            np.testing.assert_allclose(view, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", NAMES)
def test_every_source_gives_the_views_of_image_and_key_from_any_step_on(name, sources):
    images = sources[name]
    views = augment.TwoViews(SPEC | {"further_views": FURTHER}, seed=3)
    whole = taken(images, views, (0, 0), 6)
    assert [view.shape for view in whole[0]] == SHAPES
    for step in (1, 5):  # the second of the first epoch, the last of the second
        assert_same(taken(images, views, divmod(step, 3), 6 - step), whole[step:])
    # The first two are what they are without further ones. Of a JPEG another part is
    # decoded, whose colours at the border are rounded.
    tolerance = 0.05 if "JPEG" in name else 1e-5
    two = taken(images, augment.TwoViews(SPEC, seed=3), (0, 0), 6)
    assert len(two[0]) == 2
    assert_same(whole, two, tolerance)
    if name != "stream":  # whose order is another one
        (keys, _), *_ = taken(data.from_arrays(IMAGES), Keys(), (1, 0), 1)
        shown = list(images)
        for row, key in enumerate(keys):
            expected = views(shown[key % COUNT][None], keys[row : row + 1])
            found = [view[row : row + 1] for view in whole[3]]
            assert len(expected) == len(found)
            assert_same([found], [expected], max(tolerance, 1e-4))


def test_workers_share_every_view_of_a_batch(sources):
    views = augment.TwoViews(SPEC | {"further_views": FURTHER}, seed=3)
    whole = taken(sources["arrays"], views, (0, 0), 1)
    shard = taken(sources["arrays"], views, (0, 0), 1, shard=(1, 2))
    assert_same(shard, [[view[1::2] for view in batch] for batch in whole], 1e-5)


def test_a_service_makes_every_view_of_a_batch():
    images = data.from_arrays(IMAGES)
    views = augment.TwoViews(SPEC | {"further_views": FURTHER}, seed=3)
    with data_service.running() as service:
        served = taken(images, views, (0, 0), 6, service=service)
    # Its workers take epochs in turns: batches of a later epoch may come first.
    known = {batch[0].tobytes(): batch for batch in taken(images, views, (0, 0), 30)}
    assert_same(served, [known[batch[0].tobytes()] for batch in served])
    assert [view.shape for view in served[0]] == SHAPES
