"""A small collection with odd names, and the server of its page."""

import io

import browsing
import numpy as np
import pytest
from explored import NAMES, Client, serving
from explored_page import mistakes, open_explore
from PIL import Image
from planted import picture, save

from keras_twins import collection
from keras_twins.collection.measures import open_picture
from keras_twins.errors import InputError
from keras_twins.explore.data import Data
from keras_twins.explore.labels import Labels


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder with 60 files and their embeddings.

    Two pictures are equal, one file is torn, and one has gone.
    """
    place = tmp_path_factory.mktemp("explored")
    paths = []
    for first, folder in enumerate(("cats", "dogs")):
        (place / folder).mkdir()
        names = [f"{n:02d}.png" for n in range(27)] + [*NAMES][: 4 * (not first)]
        images = {name: picture(100 * first + n) for n, name in enumerate(names)}
        paths += save(place / folder, images)
    (place / "dogs" / "copy.png").write_bytes((place / "cats" / "03.png").read_bytes())
    paths += [str(place / "dogs" / "copy.png")]
    rows = [embedding(open_picture(path)) for path in paths]
    (place / "dogs" / "torn.png").write_text("not a picture")
    paths += [str(place / "dogs" / "torn.png"), "gone/away.png"]
    rows += [rows[0] + 20, rows[40] + 20]
    labels = np.array(["dogs" in path for path in paths], np.int64)
    collection.write(place / "embeddings.npz", np.stack(rows), paths, labels)
    return place


def embedding(image):
    """The colours of a picture: what is alike has like embeddings."""
    return np.asarray(image.resize((4, 4)), np.float32).ravel() - 128


def _embed(contents):
    try:
        return embedding(Image.open(io.BytesIO(contents)).convert("RGB"))[np.newaxis]
    except OSError as error:
        raise InputError("images[0]: is not an image") from error


@pytest.fixture
def make_data(pictures, tmp_path):
    """Makes the data of the page; labels go to a folder of the test's own."""
    found = collection.read(pictures / "embeddings.npz")

    def make(selected=(), searchable=True):
        count = len(found.paths)
        points = np.stack(np.divmod(np.arange(count), 8), axis=1).astype(np.float32)
        return Data(
            "embeddings.npz",
            found,
            points,
            "key",
            collection.Neighbours(found.embeddings),
            Labels(tmp_path / "labels.csv", found.paths),
            selected,
            _embed if searchable else None,
        )

    return make


@pytest.fixture
def client(make_data):
    """A client of the server of the whole page."""
    with serving(make_data(selected=[3, 5])) as port:
        yield Client(port)


@pytest.fixture(scope="module")
def browser():
    # WebGL without a graphics card.
    with browsing.browser("--enable-unsafe-swiftshader") as driver:
        yield driver


@pytest.fixture
def page(browser, make_data):
    """The page, which has logged nothing and asked nobody else when the test ends."""
    with serving(make_data(selected=[3, 5])) as port:
        address = open_explore(browser, port)
        yield browser
        assert mistakes(browser) == []
        assert all(asked.startswith(address) for asked in browsing.requests(browser))
        browser.get("about:blank")
