"""What the page asks of a collection: the one interface behind its server."""

import os

import numpy as np

from keras_twins.decode import host_sounds, playing
from keras_twins.explore import colours
from keras_twins.explore.jobs import READY, Job, Jobs
from keras_twins.explore.thumbnails import Thumbnails

# The colouring that changes while the page is open.
LABEL = "label"


class Data:
    """A collection of embedded files as the page shows it.

    Args:
        name: str, what the collection is called.
        found: `keras_twins.collection.Embeddings` with paths.
        points: `(N, 2)` float32 array, the map.
        key: str, the same for the same embeddings alone.
        searched: `keras_twins.collection.Neighbours` of the embeddings.
        labels: `keras_twins.explore.labels.Labels`.
        selected: list of int, rows that `keras-twins select` chose; may be empty.
        embed: function of the bytes of a picture that gives its embedding, `(1, D)`, or
            None where no picture can be searched for.
    """

    def __init__(
        self, name, found, points, key, searched, labels, selected=(), embed=None
    ):
        self._name = name
        self._embeddings, self._paths = found.embeddings, found.paths
        self._points, self._key = points, key
        self._searched = searched
        self._labels = labels
        self._selected = np.array(selected, np.int32)
        self._embed = embed
        classes = found.labels
        if classes is None:
            classes = found.columns.get("label", found.columns.get("class"))
        functions = colours.all_of(found.embeddings, found.paths, classes)
        self._jobs = Jobs(functions, len(found.paths))
        self._thumbnails = Thumbnails(found.paths)

    def __len__(self):
        return len(self._paths)

    def about(self):
        """What the page says and offers, a dict."""
        return {
            "name": self._name,
            "key": self._key,
            "count": len(self),
            "colours": [*self._jobs.names(), LABEL],
            "pictures": self._embed is not None,
            "labels": str(self._labels.path),
        }

    def points(self):
        """The map, bytes of `(N, 2)` float32."""
        return np.ascontiguousarray(self._points, "<f4").tobytes()

    def selected(self):
        """The rows that `keras-twins select` chose, bytes of int32."""
        return self._selected.astype("<i4").tobytes()

    def colouring(self, name):
        """A colouring, begun in the background where it was not asked for before.

        Returns:
            `keras_twins.explore.jobs.Job` whose result is a
            `keras_twins.explore.colours.Colouring`.

        Raises:
            KeyError: for a name that `about` does not give.
        """
        if name != LABEL:
            return self._jobs.ask(name)
        job = Job(len(self))
        job.result, job.state = colours.by_text(self._labels.of_rows()), READY
        return job

    def matching(self, text):
        """Which paths hold a text in any case of letters, `(N,)` bool array."""
        text = text.lower()
        return np.fromiter((text in path.lower() for path in self._paths), bool)

    def files(self, rows):
        """Path and label of rows, and whether each is a sound, a list of dicts."""
        names = self._labels.of_rows()
        return [
            {"path": path, "label": names[row], "sound": _is_sound(path)}
            for row, path in ((row, self._paths[row]) for row in rows)
        ]

    def thumbnail(self, row):
        """A future of the thumbnail's bytes, or of None for a file without one."""
        return self._thumbnails.ask(row)

    def sound(self, row):
        """What a player is given of a recording: bytes, and what they are called.

        None for a file that is missing, or cannot be read as a recording.
        """
        try:
            return playing.playable(self._paths[row])
        except host_sounds.ERRORS:
            return None

    def like(self, row, k):
        """The k rows nearest to another and their cosine similarities, two lists."""
        rows, similarities = self._near(self._embeddings[row : row + 1], k + 1)
        return tuple(
            [value for other, value in zip(rows, found, strict=True) if other != row][
                :k
            ]
            for found in (rows, similarities)
        )

    def search(self, picture, k):
        """The k rows nearest to a picture and their cosine similarities, two lists.

        Args:
            picture: bytes of a file in any format that `keras-twins embed` takes.
            k: int.

        Raises:
            InputError: for what is not a picture, or where there is no model.
        """
        return self._near(self._embed(picture), k)

    def save_label(self, rows, label):
        """Gives rows a label; see `keras_twins.explore.labels.Labels.save`."""
        self._labels.save(rows, label)

    def close(self):
        """Ends what works in the background."""
        self._jobs.close()
        self._thumbnails.close()

    def _near(self, query, k):
        rows, similarities = self._searched.search(query, min(k, len(self)))
        return rows[0].tolist(), similarities[0].tolist()


def _is_sound(path):
    try:
        return playing.is_recording(path)
    except OSError:
        return False  # It has gone.


def rows_of(paths, wanted):
    """The rows of some paths, whatever their spelling, and how many have none.

    Args:
        paths: list of N paths of a collection.
        wanted: list of paths.

    Returns:
        list of int, and int.

    Examples:
        >>> from keras_twins.explore.data import rows_of
        >>> rows_of(["a/b.png", "c.png"], ["a/./b.png", "d.png"])
        ([0], 1)
    """
    row_of = {os.path.abspath(path): row for row, path in enumerate(paths)}
    found = [row_of.get(os.path.abspath(path)) for path in wanted]
    rows = [row for row in dict.fromkeys(found) if row is not None]
    return rows, found.count(None)
