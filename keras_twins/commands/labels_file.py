"""The table of labels that `--labelled` names."""

import numpy as np

from keras_twins import listing
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError


def read(path, paths):
    """Reads the labels of embedded files.

    Args:
        path: path of a CSV file with the columns path and label. Its paths are as
            `embed` was given them, or relative to the table's folder.
        paths: list of N str, the embedded files.

    Returns:
        `(labels, names, notes)`: the class of each file, `(N,)` int64, -1 without one;
        the names of the classes; sentences on rows that were left out.

    Raises:
        InputError: naming the flag, for a table that cannot be read, has a file with
            two labels, or no label of an embedded file.
    """
    start_tensorflow(keras=False)
    from keras_twins.data import label_table  # It imports TensorFlow.

    table = label_table.match(path, ["."], paths, "--labelled")
    if table.several:
        raise InputError(
            f"--labelled={path}: gives {table.several}; leave one row for each file"
        )
    if not table.labels:
        raise InputError(
            f"--labelled={path}: no row has a label and names one of the "
            f"{len(paths):,} files of --embeddings; write their paths as there, "
            f"such as {paths[0]}"
        )
    notes = []
    for count, what in (
        (table.missing, "a file that is not there"),
        (table.others, "a file that is not embedded"),
    ):
        if count:
            notes.append(f"{listing.counted(count, 'row')} of {path} for {what}")
    # A class that only rows without an embedded file have is none of the collection's.
    numbers = label_table.numbered(table, len(paths))
    used, where = np.unique(numbers, return_inverse=True)
    if used[0] < 0:
        used, where = used[1:], where - 1
    return where, [table.names[number] for number in used], notes
