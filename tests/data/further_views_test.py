"""Views beside the first two, through every kind of source and from any step on."""

import numpy as np
import pytest
from PIL import Image

from keras_twins import augment, data

COUNT, BATCH = 9, 3
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (COUNT, 24, 24, 3), dtype=np.uint8)
SPEC = augment.preset("digits") | {
    "further_views": {"count": 2, "image_size": 8, "crop_scale": (0.1, 0.3)}
}
SHAPES = [(BATCH, 16, 16, 3)] * 2 + [(BATCH, 8, 8, 3)] * 2


@pytest.fixture(scope="module")
def views():
    return augment.TwoViews(SPEC, seed=3)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("further")
    smooth = np.mgrid[:48, :64][0].astype(np.uint8)
    for number, image in enumerate(IMAGES):
        for folder in ("png", "sizes", "jpg"):
            (root / folder).mkdir(exist_ok=True)
        Image.fromarray(image).save(root / "png" / f"{number}.png")
        cut = image[: 20 - number, : 12 + number]
        Image.fromarray(cut).save(root / "sizes" / f"{number}.png")
        smoothed = Image.fromarray(smooth + 10 * np.uint8(number)).convert("RGB")
        smoothed.save(root / "jpg" / f"{number}.jpg", quality=95)
    return {
        "arrays": data.from_arrays(IMAGES),
        "files": data.load(f"folder:{root / 'png'}"),
        "files of different sizes": data.load(f"folder:{root / 'sizes'}"),
        "parts of JPEG files": data.load(f"folder:{root / 'jpg'}"),
        "stream": data.from_arrays(IMAGES).map(lambda image: image),
    }


NAMES = ["arrays", "files", "files of different sizes", "parts of JPEG files", "stream"]


def pipeline(images, views, start=(0, 0), **options):
    options = {"cache": False, **options}
    return data.two_view_pipeline(images, views, BATCH, start=start, **options)


def taken(dataset, count):
    return [[view.numpy() for view in batch] for batch in dataset.take(count)]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_goes_on_at_any_step_sees_the_same_bits(name, views, sources):
    dataset = pipeline(sources[name], views)
    assert [tuple(spec.shape) for spec in dataset.element_spec] == SHAPES
    whole = taken(dataset, 6)
    for step in range(6):
        rest = taken(pipeline(sources[name], views, divmod(step, 3)), 6 - step)
        for batch, expected in zip(rest, whole[step:], strict=True):
            for view, expected_view in zip(batch, expected, strict=True):
                np.testing.assert_array_equal(view, expected_view)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_views_are_what_they_are_without_further_ones(name, views, sources):
    two = taken(pipeline(sources[name], augment.TwoViews("digits", seed=3)), 3)
    # Of a JPEG another part is decoded, whose colours at the border are rounded.
    tolerance = 0.05 if "JPEG" in name else 1e-5
    for batch, pair in zip(taken(pipeline(sources[name], views), 3), two, strict=True):
        assert len(batch) == 4 and len(pair) == 2
        for view, expected in zip(batch, pair, strict=False):
            np.testing.assert_allclose(view, expected, atol=tolerance)


@pytest.mark.parametrize("name", NAMES[:4])
def test_further_views_are_those_of_the_image_and_its_key(name, views, sources):
    class Keys:
        """In place of the views: the key of each image."""

        spec = {"image_size": 100}

        def __call__(self, images, keys):
            return keys, keys

    images = list(sources[name])
    order = pipeline(data.from_arrays(IMAGES), Keys())
    for batch, (keys, _) in zip(
        taken(pipeline(sources[name], views), 3), taken(order, 3), strict=True
    ):
        for row, key in enumerate(keys):
            expected = views(images[key % COUNT][None], keys[row : row + 1])
            tolerance = 0.05 if "JPEG" in name else 1e-4
            for view, expected_view in zip(batch, expected, strict=True):
                np.testing.assert_allclose(view[row], expected_view[0], atol=tolerance)


def test_workers_share_every_view_of_a_batch(views, sources):
    whole = taken(pipeline(sources["arrays"], views), 1)[0]
    for index in range(3):
        shard = taken(pipeline(sources["arrays"], views, shard=(index, 3)), 1)[0]
        for view, expected in zip(shard, whole, strict=True):
            np.testing.assert_allclose(view, expected[index::3], atol=1e-5)
