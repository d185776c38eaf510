"""Chooses the files of a collection that are worth a label.

    keras-twins select --embeddings=embeddings.parquet --count=40
    keras-twins select --embeddings=embeddings.parquet --count=20 \\
      --labelled=to_label.csv --output=to_label_2.csv

It writes a table (path, rank, why, cluster), what to label first at the top, and beside
it a contact sheet. To go on, write the labels into a column `label` of the table. Or
give another CSV file with the columns path and label. What is labelled is not chosen
again, nor is a copy of it. Files that have moved are counted and not chosen.
"""

import pathlib

from absl import flags as absl_flags

from keras_twins import collection, files, progress, tables
from keras_twins.collection.selection.choice import METHODS
from keras_twins.commands import cli, embeddings_file, labels_file, shared_flags
from keras_twins.errors import InputError
from keras_twins.report import contact_sheet

_COLUMNS = ("path", "rank", "why", "cluster")


def define_flags(flags):
    embeddings_file.define_flags(flags)
    absl_flags.DEFINE_integer(
        "count", 40, "How many files to choose.", lower_bound=1, flag_values=flags
    )
    absl_flags.DEFINE_string(
        "labelled",
        None,
        "The labels so far: a CSV file with the columns path and label.",
        flag_values=flags,
    )
    absl_flags.DEFINE_enum(
        "method",
        "auto",
        ["auto", *METHODS],
        "auto: covers the collection while there are few labels, then asks for what a "
        "linear head is unsure of.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer("seed", 0, "Of what a method draws.", flag_values=flags)
    absl_flags.DEFINE_string(
        "output",
        "to_label.csv",
        "The table, a CSV file; the contact sheet goes beside it, as .png.",
        flag_values=flags,
    )


def main(flags, paths):
    output = shared_flags.check_output(flags.output, ".csv")
    _check_holds_no_labels(output)
    embedded = embeddings_file.open_files(flags)
    names = embedded.paths
    labels, notes = None, []
    if flags.labelled:
        labels, _, notes = labels_file.read(flags.labelled, names)
    there, said = embeddings_file.to_choose(names)
    with progress.stage(f"select: choosing {flags.count:,} of {len(names):,} files"):
        found = collection.select(
            embedded.embeddings,
            flags.count,
            method=flags.method,
            labelled=labels,
            among=there,
            paths=names,
            seed=flags.seed,
        )
    write(found, names, output)
    labelled = 0 if labels is None else int((labels >= 0).sum())
    print(
        f"{len(names):,} files, {labelled:,} labelled; {len(found.rows):,} chosen by "
        f"{found.method}"
    )
    for note in [*notes, *said, *found.notes]:
        print(note)
    print(f"{output}; {output.with_suffix('.png')} shows these files")


def write(found, names, output):
    """Writes the table of a choice and its contact sheet.

    Args:
        found: `keras_twins.collection.Selection`.
        names: list of str, the paths of the collection.
        output: path of the CSV file.
    """
    rows = zip(found.rows, found.why, found.clusters, strict=True)
    table = [
        (names[row], rank, why, cluster if cluster >= 0 else "")
        for rank, (row, why, cluster) in enumerate(rows, 1)
    ]
    sheet = contact_sheet.draw([names[row] for row in found.rows])
    with files.whole(output.with_suffix(".png")) as beside:
        sheet.save(beside)
    files.write_csv(output, [_COLUMNS, *table])


def _check_holds_no_labels(output: pathlib.Path) -> None:
    """Raises InputError for a table that somebody has written labels into."""
    if not output.exists():
        return
    try:
        header = tables.read("--output", output, (tables.PATH,)).header
    except InputError:
        header = []
    if tuple(header) != _COLUMNS:
        raise InputError(
            f"--output={output}: exists and is not a table as select writes it; it may "
            "hold labels. Give another name"
        )


if __name__ == "__main__":
    cli.main("select")
