"""Labels a whole collection by a linear head on the labels so far.

    keras-twins label --embeddings=embeddings.parquet --labelled=to_label.csv

It writes a table (path, label, confidence, given, next): a label and a confidence for
every file, whether the label was given, and in which order to label what comes next.
It prints the head's accuracy on labelled files that were held out, with its interval.
"""

import os

from absl import flags as absl_flags

from keras_twins import collection, files
from keras_twins.collection.selection.labelling import label_all
from keras_twins.commands import cli, embeddings_file, labels_file, shared_flags
from keras_twins.errors import InputError

_COLUMNS = ("path", "label", "confidence", "given", "next")
# How many files to label next are named.
_NEXT = 20


def define_flags(flags):
    embeddings_file.define_flags(flags)
    absl_flags.DEFINE_string(
        "labelled",
        None,
        "The labels so far: a CSV file with the columns path and label.",
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("labelled", flags)
    absl_flags.DEFINE_string(
        "output", "labels_all.csv", "The table, a CSV file.", flag_values=flags
    )


def main(flags, paths):
    output = shared_flags.check_output(flags.output, ".csv")
    if os.path.abspath(output) == os.path.abspath(flags.labelled):
        raise InputError(
            f"--output={output}: is the table of --labelled; give another name"
        )
    embedded = embeddings_file.open_files(flags)
    labels, names, notes = labels_file.read(flags.labelled, embedded.paths)
    try:
        found = label_all(embedded.embeddings, labels)
    except InputError as error:
        raise InputError(f"--labelled={flags.labelled}: {error}") from error
    following, said = _what_next(embedded, labels)
    rank = {row: place for place, row in enumerate(following, 1)}
    rows = [
        (
            path,
            names[found.labels[row]],
            f"{found.confidence[row]:.3f}",
            "yes" if labels[row] >= 0 else "no",
            rank.get(row, ""),
        )
        for row, path in enumerate(embedded.paths)
    ]
    files.write_csv(output, [_COLUMNS, *rows])
    given = int((labels >= 0).sum())
    print(f"{len(rows):,} files, {given:,} labelled, {len(names):,} classes")
    print(_accuracy(found))
    for note in [*notes, *said]:
        print(note)
    if following:
        print(f"label next: {embedded.paths[following[0]]}, and so on")
    print(f"{output}: a label for each file")


def _what_next(embedded, labels):
    """The rows to label next, in their order, and notes; none if all are labelled."""
    there, said = embeddings_file.to_choose(embedded.paths)
    if not (there & (labels < 0)).any():
        return [], said
    found = collection.select(
        embedded.embeddings,
        _NEXT,
        labelled=labels,
        among=there,
        paths=embedded.paths,
    )
    return found.rows.tolist(), [*said, *found.notes]


def _accuracy(found):
    if found.interval is None:
        return "accuracy: no class has two labels, so none can be held out"
    low, high = found.interval
    return (
        f"accuracy: {found.right:,} of {found.held_out:,} labelled files are right "
        f"when held out, {found.right / found.held_out:.0%} ({low:.0%} to {high:.0%})"
    )


if __name__ == "__main__":
    cli.main("label")
