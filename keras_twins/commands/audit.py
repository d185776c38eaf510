"""Finds duplicates, leaks, poor quality and outliers in a collection.

    keras-twins audit --embeddings=embeddings.parquet --output=audit.html

It writes a page, and beside it duplicates.csv (group, path, kind, similarity, keep) and
outliers.csv (path, score, reason). It suggests which file of a group to keep and never
deletes one. Files that have moved are counted; their embeddings are still compared.
Splits, for leaks, are the column `split` of a .parquet file, or folders called train or
Training, test or Testing.
"""

import importlib.util
import pathlib

import pyarrow.parquet
from absl import flags as absl_flags

from keras_twins import files, progress
from keras_twins.commands import cli, embeddings_file, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError


def define_flags(flags):
    shared_flags.define_embeddings(flags)
    absl_flags.DEFINE_string(
        "output",
        "audit.html",
        "The page, an HTML file; the tables go to its folder.",
        flag_values=flags,
    )


def main(flags, paths):
    output = shared_flags.check_output(flags.output, ".html")
    if importlib.util.find_spec("jinja2") is None:
        raise InputError("the page needs jinja2: pip install 'keras-twins[report]'")
    embeddings, names, splits = read(flags.embeddings)
    start_tensorflow(keras=False)
    # They import TensorFlow.
    from keras_twins.collection.audit import audit, write_tables
    from keras_twins.report import audit_page

    with progress.bar("audit: reading pictures", len(names), "file") as bar:
        found = audit(embeddings, names, splits, bar.update)
    page = audit_page.render(found, pathlib.Path(flags.embeddings).name)
    write_tables(found, output.parent)
    files.write_text(output, page)
    print(f"{len(names):,} files")
    for _, topic, text in audit_page.summary(found):
        print(f"{topic:<12} {text}")
    print(f"{output}; duplicates.csv and outliers.csv are beside it")


def read(path):
    """Embeddings with paths, and the splits where the file has them.

    Raises:
        InputError: naming the flag, for a file without embeddings or paths, or with
            embeddings that are not finite.
    """
    found = embeddings_file.read_finite(path)
    return found.embeddings, found.paths, _splits(pathlib.Path(path))


def _splits(path):
    """The column `split` of a Parquet file as text, or None."""
    if path.suffix != ".parquet" or path.is_dir():
        return None
    if "split" not in pyarrow.parquet.read_schema(path).names:
        return None
    column = pyarrow.parquet.read_table(path, columns=["split"])["split"]
    return ["" if value is None else str(value) for value in column.to_pylist()]


if __name__ == "__main__":
    cli.main("audit")
