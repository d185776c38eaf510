"""Where the examples of a TFDS split lie: their names, and files that are damaged."""

import dataclasses
import re

import numpy as np
import tensorflow as tf

from keras_twins.errors import InputError


@dataclasses.dataclass(frozen=True)
class Piece:
    """Examples that follow one another in a file.

    Attributes:
        file: str, the file's path.
        split: str, the whole split that the file belongs to.
        start: int, the place of the first example in that split.
        count: int, how many examples.
        in_file: int, how many examples the file holds.
    """

    file: str
    split: str
    start: int
    count: int
    in_file: int


class Examples:
    """The examples of a split or a slice, in the order in which TFDS reads them.

    An example's name is its place in the whole split, `train[1234]`, whatever slice it
    was reached by.

    Args:
        splits: the splits of a data set's info.
        split: str, "train", or a slice such as "train[10%:]+test".
        name: str, the data set's name.

    Raises:
        InputError: for a file that is missing.
    """

    def __init__(self, splits, split, name):
        first = {}  # of each file's examples, the place in the whole split
        for whole in splits:
            place = 0
            for part in splits[whole].file_instructions:
                first[part.filename] = (whole, place)
                place += part.examples_in_shard
        self.pieces = []
        for part in splits[split].file_instructions:
            whole, place = first[part.filename]
            self.pieces.append(
                Piece(
                    part.filename,
                    whole,
                    place + part.skip,
                    part.take,
                    part.examples_in_shard,
                )
            )
        self._name = name
        self._ends = np.cumsum([piece.count for piece in self.pieces])
        missing = [p.file for p in self.pieces if not tf.io.gfile.exists(p.file)]
        if missing:
            raise InputError(
                f"data set {name!r}: {missing[0]} is missing"
                + (f", and {len(missing) - 1} more" if missing[1:] else "")
                + f" (of {len(self.pieces)} files of {split}); {_REMEDY}"
            )

    def name_of(self, place):
        """What lists and messages call the example at a place of this split."""
        which = int(np.searchsorted(self._ends, place, side="right"))
        piece = self.pieces[which]
        return f"{piece.split}[{piece.start + piece.count + place - self._ends[which]}]"

    def names(self):
        """The names of all examples, a list of str."""
        return [
            f"{piece.split}[{place}]"
            for piece in self.pieces
            for place in range(piece.start, piece.start + piece.count)
        ]

    def name_in_graph(self, place):
        """The same of a scalar int64 tensor, a string tensor."""
        which = tf.searchsorted(self._ends, [place], side="right")[0]
        offsets = [
            piece.start + piece.count - end
            for piece, end in zip(self.pieces, self._ends, strict=True)
        ]
        number = tf.strings.as_string(place + tf.gather(np.int64(offsets), which))
        split = tf.gather([piece.split for piece in self.pieces], which)
        return split + "[" + number + "]"

    def damage(self):
        """Which file cannot be read to its end, in one line.

        Returns:
            `InputError`, or None where every file can.
        """
        for piece in self.pieces:
            if ".tfrecord" not in piece.file:
                continue  # Files of other kinds check themselves.
            found = 0
            try:
                for examples in tf.data.TFRecordDataset(piece.file).batch(_BATCH):
                    found += len(examples)
            except tf.errors.OpError as error:
                return self._damaged(piece, f"cannot be read: {_reason(error)}")
            if found != piece.in_file:
                return self._damaged(
                    piece, f"holds {found:,} examples, not {piece.in_file:,}"
                )
        return None

    def _damaged(self, piece, text):
        return InputError(f"data set {self._name!r}: {piece.file} {text}; {_REMEDY}")


_BATCH = 256
_GRAPH_NAMES = re.compile(r"\{\{.*?\}\}\s*|\s*\[Op:\w+\].*")
_REMEDY = (
    "copy it again, or delete its folder and prepare the data set with "
    "--config.download=True"
)


def _reason(error):
    """The first words of what TensorFlow says of a file."""
    text = _GRAPH_NAMES.sub("", str(error.message)).strip()
    return text.splitlines()[0].partition("' failed")[0] if text else "damaged"
